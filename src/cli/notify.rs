//! liaison notify

use super::Context;
use super::args::NotifyArgs;
use crate::client::error::{ClientError, Exit, Side};

/// As its name says.
///
/// # Errors
/// [`ClientError`].
pub(crate) async fn notify(_ctx: &Context, _args: NotifyArgs) -> Result<(), ClientError> {
    Err(ClientError::new(Side::Ours, Exit::Unexpected, "NOT_YET", "not written yet"))
}
