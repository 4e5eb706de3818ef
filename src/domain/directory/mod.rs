//! The directory: a fold over the log.
//!
//! In scope: what statements mean, and the one function, [`apply`], that the service and every
//! replica call. Out of scope: where the log comes from. Invariants: no clock (time comes as
//! `admitted_at`), and the same entries give the same [`Directory`] everywhere, for ever.

mod apply;
mod charter;
pub mod facet;
pub mod key;
mod member;
pub mod publish;
mod record;
mod revocation;
mod roster;
#[cfg(test)]
mod tests;
mod text;
mod verify;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::crypto::hash::Digest;
use crate::crypto::sign::{KeyId, VerifyingKey};

use super::ids::{ContactId, DirectoryName, MemberId, SeatId};
use super::refusal::Refusal;

pub use apply::{Admitted, Change, Parts, apply, found};
pub use charter::{Charter, Person, Policy, Witness};
pub use member::Member;
pub use record::{Contact, Record};
pub use roster::{Roster, Seat};
pub(crate) use text::{is_word, text};
pub use verify::{Statement, Verified, verify, verify_founding};

use key::{Holder, KnownKey, Purpose, Standing};

/// The rules that this program knows.
pub const RULES: u32 = 1;

/// The newest statement of a counter. Versions count from 1, by 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newest {
    /// Its version.
    pub version: u64,
    /// Its leaf index.
    pub leaf: u64,
    /// Its identity: SHA-256 of the payload.
    pub statement: Digest,
}

/// The current set of records, at one head of one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    name: DirectoryName,
    genesis: Digest,
    size: u64,
    admitted_at: u64,
    charter: Arc<Charter>,
    members: BTreeMap<MemberId, Arc<Member>>,
    contacts: BTreeMap<ContactId, Arc<Contact>>,
    keys: BTreeMap<KeyId, Arc<KnownKey>>,
}

impl Directory {
    /// The directory at its first entry, or put together again from stored parts.
    #[must_use]
    pub fn at(
        name: DirectoryName,
        genesis: Digest,
        (size, admitted_at): (u64, u64),
        charter: Arc<Charter>,
    ) -> Self {
        let (members, contacts, keys) = Default::default();
        Self { name, genesis, size, admitted_at, charter, members, contacts, keys }
    }

    /// Its name, the origin of its log.
    #[must_use]
    pub const fn name(&self) -> &DirectoryName {
        &self.name
    }

    /// SHA-256 of the payload of its charter version 1.
    #[must_use]
    pub const fn genesis(&self) -> Digest {
        self.genesis
    }

    /// How many entries of the log it has folded.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// When the newest of them was admitted.
    #[must_use]
    pub const fn admitted_at(&self) -> u64 {
        self.admitted_at
    }

    /// The charter in force.
    #[must_use]
    pub fn charter(&self) -> &Charter {
        &self.charter
    }

    /// A member.
    #[must_use]
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.members.get(id).map(AsRef::as_ref)
    }

    /// All members, by id.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values().map(AsRef::as_ref)
    }

    /// A contact, also one that was withdrawn.
    #[must_use]
    pub fn contact(&self, id: &ContactId) -> Option<&Contact> {
        self.contacts.get(id).map(AsRef::as_ref)
    }

    /// All contacts that were ever listed, by id.
    pub fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.values().map(AsRef::as_ref)
    }

    /// All contacts of a member that were ever listed, by id.
    pub fn contacts_of(&self, member: &MemberId) -> impl Iterator<Item = &Contact> {
        let first = ContactId::new(member, "0").ok();
        let from = first.map_or(Bound::Unbounded, Bound::Included);
        let contacts = self.contacts.range((from, Bound::Unbounded));
        let of_member = |contact: &&Contact| contact.id.member() == *member;
        contacts.map(|(_, contact)| contact.as_ref()).take_while(of_member)
    }

    /// A contact's record in force.
    ///
    /// # Errors
    /// There is none.
    pub fn record(&self, id: &ContactId) -> Result<&Record, Refusal> {
        let contact = self.contact(id).and_then(|contact| contact.record.as_ref());
        contact.ok_or_else(|| Refusal::UnknownContact(id.clone()))
    }

    /// A key that was ever listed.
    #[must_use]
    pub fn key(&self, id: &KeyId) -> Option<&KnownKey> {
        self.keys.get(id).map(AsRef::as_ref)
    }

    /// Every key that was ever listed, by id.
    pub fn keys(&self) -> impl Iterator<Item = (&KeyId, &KnownKey)> {
        self.keys.iter().map(|(id, key)| (id, key.as_ref()))
    }

    /// The seats of a contact that can open messages now: each with its seal key, by name.
    pub fn sealing_seats<'a>(
        &'a self,
        contact: &'a ContactId,
    ) -> impl Iterator<Item = (SeatId, KeyId, &'a [u8])> + 'a {
        let roster = self.contact(contact).and_then(|contact| contact.roster.as_ref());
        roster.into_iter().flat_map(|roster| &roster.seats).filter_map(move |seat| {
            let raw = seat.seal.as_deref()?;
            let id = KeyId::of(raw);
            let seat = SeatId::new(contact, &seat.name).ok()?;
            self.key(&id).is_some_and(KnownKey::in_force).then_some((seat, id, raw))
        })
    }

    /// The newest entry that could change to whom a message for this contact must be sealed.
    #[must_use]
    pub fn last_change(&self, contact: &ContactId) -> Option<u64> {
        self.contact(contact).map(|contact| contact.changed)
    }

    /// The key of a seat with which `id` signs, or once signed: old mail stays readable. Whether
    /// it may sign now is its standing.
    ///
    /// # Errors
    /// Unknown key, another purpose: in this order.
    pub fn seat_sign_key(&self, id: &KeyId) -> Result<(&SeatId, &VerifyingKey), Refusal> {
        let known = self.key(id).ok_or(Refusal::UnknownKey(*id))?;
        let (Purpose::SeatSign, Holder::Seat(seat), key::PublicKey::Verifying(key)) =
            (known.purpose, &known.holder, &known.key)
        else {
            let (found, needed) = (known.purpose.name(), Purpose::SeatSign.name());
            return Err(Refusal::WrongPurpose { key: *id, found, needed });
        };
        Ok((seat, key))
    }

    /// Refuses a key that no longer speaks for its holder.
    ///
    /// # Errors
    /// It was dropped or revoked, or never listed.
    pub fn in_force(&self, id: &KeyId) -> Result<(), Refusal> {
        let known = self.key(id).is_some_and(KnownKey::in_force);
        if known { Ok(()) } else { Err(Refusal::KeyNotInForce(*id)) }
    }

    /// Takes over what an admitted statement changed.
    pub fn advance(&mut self, parts: &Parts) {
        self.size = parts.admitted.leaf + 1;
        self.admitted_at = parts.admitted.at;
        if let Some(charter) = &parts.charter {
            self.charter = Arc::clone(charter);
        }
        if let Some(member) = &parts.member {
            self.members.insert(member.id.clone(), Arc::clone(member));
        }
        if let Some(contact) = &parts.contact {
            self.contacts.insert(contact.id.clone(), Arc::clone(contact));
        }
        for key in &parts.keys {
            self.keys.insert(key.key.id(), Arc::clone(key));
        }
    }
}

/// What becomes of the keys when a holder's newer statement lists `listed` where the older one
/// listed `before`: every key whose standing is new.
fn relist(
    directory: Option<&Directory>,
    before: &[KeyId],
    listed: Vec<KnownKey>,
) -> Result<Vec<Arc<KnownKey>>, Refusal> {
    let mut now = BTreeMap::new();
    for key in listed {
        let id = key.key.id();
        if let Some(known) = directory.and_then(|directory| directory.key(&id)) {
            refuse_other_use(id, known, &key)?;
        }
        if now.insert(id, key).is_some() {
            return Err(Refusal::KeyReused { key: id, why: "is listed twice".to_owned() });
        }
    }
    let dropped = before.iter().filter(|id| !now.contains_key(id)).filter_map(|id| {
        let known = directory.and_then(|directory| directory.key(id))?;
        known.in_force().then(|| KnownKey { standing: Standing::Dropped, ..known.clone() })
    });
    let dropped: Vec<KnownKey> = dropped.collect();
    let is_new = |id: &KeyId| directory.is_none_or(|directory| directory.key(id).is_none());
    let new = now.into_iter().filter(|(id, _)| is_new(id)).map(|(_, key)| key);
    Ok(new.chain(dropped).map(Arc::new).collect())
}

fn refuse_other_use(id: KeyId, known: &KnownKey, wanted: &KnownKey) -> Result<(), Refusal> {
    if known.holder != wanted.holder || known.purpose != wanted.purpose {
        let why = format!("already belongs to {}, for {}", known.holder, known.purpose.name());
        return Err(Refusal::KeyReused { key: id, why });
    }
    match known.standing {
        Standing::InForce => Ok(()),
        Standing::Dropped | Standing::Revoked { .. } => Err(Refusal::KeyReused {
            key: id,
            why: "was dropped or revoked and never returns".to_owned(),
        }),
    }
}
