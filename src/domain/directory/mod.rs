//! The directory: a fold over the log.
//!
//! In scope: what it holds (types, here), what statements mean (`kinds`, one file each), and the one
//! function, [`apply`], that the service and every replica call. Out of scope: where the log comes
//! from. Invariants: no clock (time comes as `admitted_at`), and the same entries give the same
//! [`Directory`] everywhere, for ever.

mod charter;
mod contact;
pub mod entry;
pub mod facet;
pub mod key;
mod kinds;
mod map;
mod member;
pub mod possession;
mod roster;
mod rules;
mod steps;
mod stored;
#[cfg(test)]
pub(crate) mod tests;
mod text;

use std::sync::Arc;

use crate::crypto::hash::Digest;
use crate::crypto::sign::{KeyId, VerifyingKey};

use super::ids::{ContactId, DirectoryName, MemberId, SeatId};
use super::refusal::Refusal;
use super::role::Signer;

pub use charter::{Charter, Person, Policy, Witness};
pub use contact::{Contact, Record};
pub use kinds::{
    Statement, Unverified, Verified, apply, clock_behind, found, verify, verify_founding,
};
pub use map::{Part, Unreadable};
pub use member::Member;
pub use roster::{Roster, Seat};
pub use rules::{FIRST_RULES, RULES};
pub(super) use steps::Dated;
pub use steps::{Admitted, Parts};
pub use stored::Packing;
pub(crate) use text::{digest, is_forbidden, text, within, word};

use key::{Holder, KeyName, KnownKey, Purpose};
use map::Map;

/// The newest statement of a counter. Versions count from 1, by 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newest {
    /// Its number in that counter.
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
    clock: u64,
    charter: Arc<Charter>,
    members: Map<Member>,
    contacts: Map<Contact>,
    keys: Map<KnownKey>,
}

impl Directory {
    /// The directory at its first entry, or put together again from stored parts.
    #[must_use]
    pub fn at(
        name: DirectoryName,
        genesis: Digest,
        size: u64,
        clock: u64,
        charter: Arc<Charter>,
    ) -> Self {
        let (members, contacts, keys) = Default::default();
        Self { name, genesis, size, clock, charter, members, contacts, keys }
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

    /// Its clock: when its newest charter was admitted, raised by each later dated entry.
    #[must_use]
    pub const fn clock(&self) -> u64 {
        self.clock
    }

    /// The rules of the next entry: those of the charter in force.
    #[must_use]
    pub fn rules(&self) -> u32 {
        self.charter.rules
    }

    /// The charter in force.
    #[must_use]
    pub fn charter(&self) -> &Charter {
        &self.charter
    }

    /// The member of this id, if it was admitted.
    #[must_use]
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.members.get(id)
    }

    /// All members, by id.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// A contact, also one that was withdrawn.
    #[must_use]
    pub fn contact(&self, id: &ContactId) -> Option<&Contact> {
        self.contacts.get(id)
    }

    /// All contacts that were ever listed, by id.
    pub fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.values()
    }

    /// All contacts of a member that were ever listed, by id.
    pub fn contacts_of(&self, member: &MemberId) -> impl Iterator<Item = &Contact> {
        let first = ContactId::new(member, "0").ok();
        let contacts = first.into_iter().flat_map(|first| self.contacts.from(first));
        contacts.take_while(|contact| contact.id.member() == *member)
    }

    /// A contact's record in force.
    ///
    /// # Errors
    /// There is none.
    pub fn record(&self, id: &ContactId) -> Result<&Record, Refusal> {
        let contact = self.contact(id).and_then(|contact| contact.record.as_ref());
        contact.ok_or_else(|| Refusal::UnknownContact(id.clone()))
    }

    /// A key with a proof that was ever listed.
    #[must_use]
    pub fn key(&self, id: &KeyId) -> Option<&KnownKey> {
        self.known(&KeyName::Proven(*id))
    }

    /// A seal key that this contact ever listed.
    #[must_use]
    pub fn seal_key(&self, contact: &ContactId, id: &KeyId) -> Option<&KnownKey> {
        self.known(&KeyName::Seal(contact.clone(), *id))
    }

    /// Whether a key stands, by the name under which it is known.
    #[must_use]
    pub fn stands(&self, name: &KeyName) -> bool {
        self.known(name).is_some_and(|known| self.standing(known))
    }

    fn known(&self, name: &KeyName) -> Option<&KnownKey> {
        self.keys.get(name)
    }

    /// Every key that was ever listed.
    pub fn keys(&self) -> impl Iterator<Item = &KnownKey> {
        self.keys.values()
    }

    /// Every seal key that this contact ever listed.
    pub fn seal_keys(&self, contact: &ContactId) -> impl Iterator<Item = &KnownKey> {
        let first = KeyName::Seal(contact.clone(), KeyId::from_digest(Digest::from_bytes([0; 32])));
        let of_contact = |known: &&KnownKey| match &known.holder {
            Holder::Seat(seat) => seat.contact() == *contact,
            _ => false,
        };
        self.keys.from(first).take_while(of_contact)
    }

    /// The seats of a contact that can open messages now: each with its seal key, by name.
    pub fn sealing_seats<'a>(
        &'a self,
        contact: &'a ContactId,
    ) -> impl Iterator<Item = (SeatId, KeyId, &'a [u8])> + 'a {
        let roster = self.contact(contact).and_then(|contact| contact.roster.as_ref());
        roster.into_iter().flat_map(|roster| &roster.seats).filter_map(move |seat| {
            let key = &seat.seal;
            let seat = SeatId::new(contact, &seat.name).ok()?;
            let known = self.seal_key(contact, &key.id());
            let stands = known.is_some_and(|known| self.standing(known));
            stands.then_some((seat, key.id(), &key.raw()[..]))
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
            let (found, needed) = (known.purpose, &[Signer::Seat]);
            return Err(Refusal::WrongPurpose { key: *id, found, needed });
        };
        Ok((seat, key))
    }

    /// Refuses a key that does not speak for its holder now.
    ///
    /// # Errors
    /// It has no standing, or was never listed.
    pub fn in_force(&self, id: &KeyId) -> Result<(), Refusal> {
        let known = self.key(id).is_some_and(|known| self.standing(known));
        if known { Ok(()) } else { Err(Refusal::KeyNotInForce(*id)) }
    }

    /// The one question of standing, asked at use by door, relay, fold and reader: whether a key, of
    /// the contact and the member that hold it, speaks now. Under rules 1 it does until it has ended.
    /// What later rules say of a member (suspended, on hold, recovering, gone) is answered here, from
    /// the holder; no key is marked for it.
    fn standing(&self, key: &KnownKey) -> bool {
        key.until.is_none()
    }

    /// Takes over what an admitted statement changed.
    pub fn advance(&mut self, parts: &Parts) {
        self.size = parts.admitted.leaf + 1;
        self.clock = parts.clock;
        if let Some(charter) = &parts.charter {
            self.charter = Arc::clone(charter);
        }
        if let Some(member) = &parts.member {
            self.members.insert(member);
        }
        if let Some(contact) = &parts.contact {
            self.contacts.insert(contact);
        }
        for key in &parts.keys {
            self.keys.insert(key);
        }
    }
}
