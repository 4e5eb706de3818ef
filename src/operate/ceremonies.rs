//! What was done at a home that nobody served: its next start records it in the audit trail.
//!
//! In scope: the file between the two. Invariant: a line goes only once the trail has it, so a start that
//! is cut off records it again.

use crate::ambient::Ambient;
use crate::client::files;
use crate::moment::exactly;
use crate::service::Service;

use super::OperateError;
use super::config::ServiceHome;

/// Keeps for the trail that a command was carried out.
///
/// # Errors
/// The disk.
pub(super) fn keep(
    home: &ServiceHome,
    ambient: &Ambient,
    command: &str,
) -> Result<(), OperateError> {
    let (path, line) = (home.ceremonies(), format!("{} {command}\n", exactly(ambient.now())));
    let before = files::content(&path)?.unwrap_or_default();
    files::replace(&path, &[&before[..], line.as_bytes()].concat())?;
    Ok(())
}

/// Records what was kept.
pub(super) async fn record(home: &ServiceHome, service: &Service) {
    let path = home.ceremonies();
    let text = match files::content(&path) {
        Ok(text) => text.unwrap_or_default(),
        Err(why) => return tracing::warn!(%why, "what was done while nobody served has no record"),
    };
    for line in String::from_utf8_lossy(&text).lines() {
        service.record("command", line.to_owned()).await;
    }
    service.settle().await;
    if let Err(why) = files::remove(&path) {
        tracing::warn!(%why, "what was done while nobody served is recorded again at the next start");
    }
}
