//! The end of a seat's keys. Taking power away needs no authority: the seat itself, a colleague,
//! the keeper or the authority may.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::crypto::hash::Digest;
use crate::crypto::sign::{KeyId, VerifyingKey};
use crate::domain::ids::SeatId;
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::signed::proto::{self, Reason};

use super::Directory;
use super::apply::{Admitted, Change, Parts, issued_at, none_superfluous, threshold};
use super::key::{Holder, KnownKey, Standing};
use super::record::Contact;
use super::text::{digest, known, sorted_set};
use super::verify::Verified;

/// Never too old, so that a slip from the drawer works; repeating it changes nothing.
pub(super) fn apply(
    directory: &Directory,
    verified: &Verified,
    statement: &proto::Revocation,
    admitted: Admitted,
) -> Result<Change, Refusal> {
    let seat: SeatId = statement.seat.parse().map_err(|why| Refusal::field("seat", why))?;
    let id = seat.contact();
    let contact = directory.contact(&id).ok_or_else(|| Refusal::UnknownContact(id.clone()))?;
    let ids = key_ids(&statement.key_ids)?;
    if let Some(leaf) = logged_before(directory, &ids, verified.digest()) {
        return Ok(Change::AlreadyLogged(leaf));
    }
    signed_by_one_who_may(directory, contact, verified)?;
    if verified.version() != 0 {
        return Err(Refusal::WrongVersion { expected: 0, found: verified.version() });
    }
    issued_at(verified, admitted, u64::MAX)?;
    known::<Reason>("reason", statement.reason)?;
    sorted_set("key_ids", &statement.key_ids, limits::SEATS, |id| id)?;
    let (leaf, statement) = (admitted.leaf, verified.digest());
    let revoked = ids.iter().filter_map(|id| {
        let key = directory.key(id)?;
        let of_seat = key.holder == Holder::Seat(seat.clone()) && key.in_force();
        let standing = Standing::Revoked { leaf, statement };
        of_seat.then(|| Arc::new(KnownKey { standing, ..key.clone() }))
    });
    let keys: Vec<Arc<KnownKey>> = revoked.collect();
    if keys.is_empty() {
        return Err(Refusal::NothingToRevoke);
    }
    let contact = Some(Arc::new(Contact { changed: admitted.leaf, ..contact.clone() }));
    Ok(Change::Logged(Box::new(Parts { contact, keys, ..Parts::none(admitted) })))
}

fn key_ids(ids: &[bytes::Bytes]) -> Result<Vec<KeyId>, Refusal> {
    ids.iter().map(|id| digest("key_ids", id).map(KeyId::from_digest)).collect()
}

/// The entry of this very statement, if it was logged.
fn logged_before(directory: &Directory, ids: &[KeyId], statement: Digest) -> Option<u64> {
    ids.iter().find_map(|id| match directory.key(id)?.standing {
        Standing::Revoked { leaf, statement: by } if by == statement => Some(leaf),
        Standing::Revoked { .. } | Standing::InForce | Standing::Dropped => None,
    })
}

/// Any one seat of the contact, its keeper, or the authority by its threshold.
fn signed_by_one_who_may(
    directory: &Directory,
    contact: &Contact,
    verified: &Verified,
) -> Result<(), Refusal> {
    let member = directory.member(&contact.id.member());
    let authority = member.map(|member| member.authority_keys()).unwrap_or_default();
    let seats = contact.roster.iter().flat_map(|roster| &roster.seats);
    let seats = seats.filter_map(|seat| seat.sign.as_ref()).map(VerifyingKey::id);
    let seats = seats.filter(|id| directory.key(id).is_some_and(KnownKey::in_force));
    let keeper = contact.record.iter().filter_map(|record| record.keeper.as_ref());
    let one: BTreeSet<KeyId> = seats.chain(keeper.map(VerifyingKey::id)).collect();
    let of = || format!("a seat or the keeper of {}, or its authority", contact.id);
    if threshold(verified, &one, 1, String::new).is_err() {
        let needed = member.map_or(1, |member| member.threshold.max(1));
        threshold(verified, &authority, needed, of)?;
    }
    none_superfluous(verified, &one.union(&authority).copied().collect())
}
