//! liaison status

use super::Context;
use crate::client::error::{ClientError, Exit, Side};

/// As its name says.
///
/// # Errors
/// [`ClientError`].
pub(crate) async fn status(_ctx: &Context) -> Result<(), ClientError> {
    Err(ClientError::new(Side::Ours, Exit::Unexpected, "NOT_YET", "not written yet"))
}
