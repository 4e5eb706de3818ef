//! A contact's roster, as the directory holds it: its seats and their keys.

use bytes::Bytes;

use crate::crypto::sign::{KeyId, VerifyingKey};
use crate::domain::ids::{ContactId, is_name};
use crate::domain::limits;
use crate::domain::refusal::{Refusal, Wrong};
use crate::signed::proto;

use super::facet::{self, HeldBy};
use super::key::{KeyName, PublicKey, SealKey};
use super::text::sorted_set;

/// One duty or machine at a contact. It has a seal key alone (a safe seat), or all three.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The last part of its id.
    pub name: String,
    /// The key it signs with: Ed25519.
    pub sign: Option<VerifyingKey>,
    /// The key it opens with.
    pub seal: SealKey,
    /// The key it connects with.
    pub tls: Option<VerifyingKey>,
}

/// The seats of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// The statement's payload as it was signed: canonical protobuf.
    pub payload: Bytes,
    /// When it was signed.
    pub issued_at: u64,
    /// Seats, by name.
    pub seats: Vec<Seat>,
    /// Hours, holidays and whom to wake.
    pub facets: Vec<proto::Facet>,
}

impl Roster {
    /// Reads a roster's content.
    ///
    /// # Errors
    /// The first field that holds what it cannot hold.
    pub fn read(roster: &proto::Roster, payload: Bytes, rules: u32) -> Result<Self, Refusal> {
        sorted_set("seats", &roster.seats, limits::SEATS, |seat| seat.name.as_str())?;
        facet::check(&roster.facets, HeldBy::Roster, rules)?;
        Ok(Self {
            payload,
            issued_at: roster.issued_at,
            seats: roster
                .seats
                .iter()
                .map(|seat| Seat::read(seat, rules))
                .collect::<Result<_, _>>()?,
            facets: roster.facets.clone(),
        })
    }

    /// Every key that it lists, of the roster of `contact`.
    pub fn key_names(&self, contact: &ContactId) -> impl Iterator<Item = KeyName> {
        self.seats.iter().flat_map(move |seat| seat.key_names(contact))
    }
}

impl Seat {
    fn read(seat: &proto::Seat, rules: u32) -> Result<Self, Refusal> {
        if !is_name(&seat.name) {
            return Err(Refusal::field("seats.name", Wrong::NoWord(seat.name.clone())));
        }
        let (sign, seal, tls) = (&seat.sign, &seat.seal, &seat.tls);
        let Some(seal) = seal.as_ref().filter(|_| sign.is_some() == tls.is_some()) else {
            return Err(Refusal::field("seats", Wrong::HalfASeat));
        };
        let verifying = |field, key: &Option<proto::PublicKey>| {
            key.as_ref().map(|key| PublicKey::verifying(field, Some(key), rules)).transpose()
        };
        let ed25519 = |key| PublicKey::ed25519("seats.sign", Some(key), rules);
        Ok(Self {
            name: seat.name.clone(),
            sign: sign.as_ref().map(ed25519).transpose()?,
            seal: PublicKey::sealing("seats.seal", seal, rules)?,
            tls: verifying("seats.tls", tls)?,
        })
    }

    /// The keys that the seat lists, each as the directory knows it.
    pub fn key_names(&self, contact: &ContactId) -> impl Iterator<Item = KeyName> {
        let proven = [&self.sign, &self.tls].into_iter().flatten();
        let proven = proven.map(|key| KeyName::Proven(key.id()));
        proven.chain([KeyName::Seal(contact.clone(), self.seal.id())])
    }

    /// The ids of the keys that the seat lists.
    #[must_use]
    pub fn key_ids(&self) -> Vec<KeyId> {
        let sign = self.sign.as_ref().map(VerifyingKey::id);
        [sign, Some(self.seal.id()), self.tls.as_ref().map(VerifyingKey::id)]
            .into_iter()
            .flatten()
            .collect()
    }
}
