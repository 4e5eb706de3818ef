//! liaison sent

use super::Context;
use super::args::SentArgs;
use crate::client::error::{ClientError, Exit, Side};

/// As its name says.
///
/// # Errors
/// [`ClientError`].
pub(crate) async fn sent(_ctx: &Context, _args: SentArgs) -> Result<(), ClientError> {
    Err(ClientError::new(Side::Ours, Exit::Unexpected, "NOT_YET", "not written yet"))
}
