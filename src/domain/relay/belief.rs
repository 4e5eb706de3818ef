//! Keys in time: what a key signed is believed if it stood in the view that it signed with.
//!
//! In scope: keys at one size. Out of scope: whose key it is, and whether its signature verifies.
//! Invariant: the signer chooses his view, so a view alone never makes a signature late: a reader
//! holds it against the heads that came before ([`ended_before`]).

use crate::crypto::sign::KeyId;
use crate::domain::directory::Directory;
use crate::domain::directory::key::Holder;
use crate::domain::ids::SeatId;
use crate::domain::refusal::Refusal;

/// Refuses what a key signed in a view of this size in which it did not stand.
///
/// # Errors
/// It was not yet listed there, or had ended.
pub fn stood(directory: &Directory, key: KeyId, size: u64) -> Result<(), Refusal> {
    let believed = directory.key(&key).is_some_and(|known| known.believed_at(size));
    if believed { Ok(()) } else { Err(Refusal::KeyNotInForce(key)) }
}

/// Whether a seat had a seal key that stood in a view of this size: whoever wrote to its contact with
/// that view made a letter for it.
#[must_use]
pub fn could_open(directory: &Directory, seat: &SeatId, size: u64) -> bool {
    let (contact, holder) = (seat.contact(), Holder::Seat(seat.clone()));
    let mut keys = directory.seal_keys(&contact);
    keys.any(|known| known.holder == holder && known.believed_at(size))
}

/// Where a key had ended, if that was before a view of this size.
#[must_use]
pub fn ended_before(directory: &Directory, key: KeyId, size: u64) -> Option<u64> {
    directory.key(&key)?.until.filter(|until| *until < size)
}

/// Whether a key has ended by now: what it signed before is believed, and shown so.
#[must_use]
pub fn has_ended(directory: &Directory, key: KeyId) -> bool {
    directory.in_force(&key).is_err()
}
