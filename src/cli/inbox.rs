//! liaison inbox

use super::Context;
use super::args::InboxArgs;
use crate::client::error::{ClientError, Exit, Side};

/// As its name says.
///
/// # Errors
/// [`ClientError`].
pub(crate) async fn inbox(_ctx: &Context, _args: InboxArgs) -> Result<(), ClientError> {
    Err(ClientError::new(Side::Ours, Exit::Unexpected, "NOT_YET", "not written yet"))
}
