//! liaison directory

use super::Context;
use super::args::LevelArg;
use crate::client::error::{ClientError, Exit, Side};
use crate::domain::ids::MemberId;

/// As its name says.
///
/// # Errors
/// [`ClientError`].
pub(crate) async fn list(
    _ctx: &Context,
    _member: Option<MemberId>,
    _level: Option<LevelArg>,
) -> Result<(), ClientError> {
    Err(ClientError::new(Side::Ours, Exit::Unexpected, "NOT_YET", "not written yet"))
}

/// As its name says.
///
/// # Errors
/// [`ClientError`].
pub(crate) async fn show(_ctx: &Context, _who: &str, _explain: bool) -> Result<(), ClientError> {
    Err(ClientError::new(Side::Ours, Exit::Unexpected, "NOT_YET", "not written yet"))
}

/// As its name says.
///
/// # Errors
/// [`ClientError`].
pub(crate) async fn who(_ctx: &Context, _word: &str) -> Result<(), ClientError> {
    Err(ClientError::new(Side::Ours, Exit::Unexpected, "NOT_YET", "not written yet"))
}

/// As its name says.
///
/// # Errors
/// [`ClientError`].
pub(crate) async fn verify(_ctx: &Context) -> Result<(), ClientError> {
    Err(ClientError::new(Side::Ours, Exit::Unexpected, "NOT_YET", "not written yet"))
}
