//! Levels: a contact is addressed, and acknowledges, at one of those of its record.
//!
//! In scope: which it has. Out of scope: what a level means. Invariant: the relay refuses another
//! one; a reader shows it, if the record has not changed since the view in which it was named.

use crate::domain::directory::Directory;
use crate::domain::ids::ContactId;
use crate::domain::refusal::Refusal;
use crate::signed::proto::Level;

/// Refuses a level that the contact's record does not have.
///
/// # Errors
/// There is no record; [`Refusal::NotALevel`].
pub fn has(directory: &Directory, contact: &ContactId, level: Level) -> Result<(), Refusal> {
    let has = &directory.record(contact)?.levels;
    if has.contains(&level) {
        return Ok(());
    }
    Err(Refusal::NotALevel { contact: contact.clone(), level, has: has.clone() })
}

/// Whether the record lacks a level at which the contact was named in a view of this size. If the
/// record changed since, it cannot be said.
#[must_use]
pub fn is_lacking(directory: &Directory, contact: &ContactId, level: Level, size: u64) -> bool {
    let unchanged = directory.contact(contact).is_some_and(|of| of.record_newest.leaf < size);
    unchanged && matches!(has(directory, contact, level), Err(Refusal::NotALevel { .. }))
}

/// The level at which a contact is answered: the one at which we were addressed if it has that one,
/// and otherwise its first.
#[must_use]
pub fn to_answer_at(directory: &Directory, contact: &ContactId, ours: Level) -> Level {
    let record = directory.record(contact).ok();
    let first = record.and_then(|record| record.levels.first().copied());
    match has(directory, contact, ours) {
        Ok(()) => ours,
        Err(_) => first.unwrap_or(ours),
    }
}
