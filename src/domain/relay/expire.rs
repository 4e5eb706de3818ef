//! What is due of a message, and for how long what is left of it is kept.
//!
//! In scope: the first step, the next one where that is not known, where a mailbox begins. Out of scope:
//! what each step changes (`commands::expire`).

use crate::domain::directory::Directory;
use crate::domain::ids::ContactId;
use crate::domain::limits;
use crate::domain::state::{Body, Key, Mailbox, Step, Value};
use crate::signed::proto::Class;

use super::addressing::Addressing;
use super::answers;

/// The first step of a message that is accepted. A receipt causes nothing, so nobody is told of one.
#[must_use]
pub fn first(of: &Addressing) -> (Key, Value) {
    let (at, step) = if of.class == Class::Receipt {
        (answers::until(of), Step::Empty)
    } else {
        (of.expires, Step::Tell)
    };
    (Key::Due(at, of.id, of.sender.contact()), Value::Due(step))
}

/// The step that is next of a message of which that is not known: whether its content is gone, and whether
/// its sender was told, is.
#[must_use]
pub fn next(directory: &Directory, of: &Addressing, is_gone: bool, is_told: bool) -> (Key, Value) {
    let (at, step) = match (is_gone, is_told) {
        (true, _) => (of.expires.saturating_add(kept(directory)), Step::Forget),
        (false, true) => (answers::until(of), Step::Empty),
        (false, false) => return first(of),
    };
    (Key::Due(at, of.id, of.sender.contact()), Value::Due(step))
}

/// Where it stands how many messages name the body of one.
#[must_use]
pub const fn blob(body: &Body) -> Option<Key> {
    match body {
        Body::Blob(digest, _) => Some(Key::Blob(*digest)),
        Body::Inline(_) | Body::Gone => None,
    }
}

/// How long after its expiry a message's metadata is kept, and a mailbox shows what is gone: seconds.
#[must_use]
pub fn kept(directory: &Directory) -> u64 {
    directory.charter().policy.metadata_kept.max(limits::ID_REMEMBERED_SECONDS)
}

/// Where a mailbox begins: at its first entry, or where it has shrunk to in this epoch.
#[must_use]
pub fn beginning(
    directory: &Directory,
    contact: &ContactId,
    mailbox: &Mailbox,
    stored: Option<&Mailbox>,
) -> Mailbox {
    let stored = stored.filter(|stored| stored.epoch == mailbox.epoch).copied();
    stored.unwrap_or_else(|| Mailbox::of_epoch(directory.genesis(), contact, mailbox.epoch))
}
