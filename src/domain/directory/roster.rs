//! A contact's roster: its seats and their keys, signed by its keeper.

use std::sync::Arc;

use bytes::Bytes;

use crate::crypto::sign::{KeyId, VerifyingKey};
use crate::domain::ids::{ContactId, SeatId, is_name};
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::signed::proto;

use super::apply::{Admitted, Change, Parts, Place, none_superfluous, place, threshold};
use super::facet;
use super::key::{Holder, KnownKey, PublicKey, Purpose};
use super::member::authority_signed;
use super::record::{Contact, Record};
use super::text::sorted_set;
use super::verify::Verified;
use super::{Directory, relist};

/// One duty or machine at a contact. It has a seal key alone (a safe seat), or all three.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The last part of its id.
    pub name: String,
    /// The key it signs with: Ed25519.
    pub sign: Option<VerifyingKey>,
    /// The key it opens with: X-Wing, 1,216 bytes.
    pub seal: Option<Bytes>,
    /// The key it connects with.
    pub tls: Option<VerifyingKey>,
}

/// The seats of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// The payload.
    pub payload: Bytes,
    /// When it was signed.
    pub issued_at: u64,
    /// Seats, by name.
    pub seats: Vec<Seat>,
    /// Hours and holidays.
    pub facets: Vec<proto::Facet>,
}

impl Roster {
    /// Reads a roster's content.
    ///
    /// # Errors
    /// The first field that holds what it cannot hold.
    pub fn read(roster: &proto::Roster, payload: Bytes) -> Result<Self, Refusal> {
        sorted_set("seats", &roster.seats, limits::SEATS, |seat| seat.name.as_str())?;
        facet::check(&roster.facets, &facet::OF_ROSTER)?;
        Ok(Self {
            payload,
            issued_at: roster.issued_at,
            seats: roster.seats.iter().map(Seat::read).collect::<Result<_, _>>()?,
            facets: roster.facets.clone(),
        })
    }

    /// Every key that it lists.
    #[must_use]
    pub fn key_ids(&self) -> Vec<KeyId> {
        self.seats.iter().flat_map(Seat::key_ids).collect()
    }

    fn keys(&self, contact: &ContactId) -> Result<Vec<KnownKey>, Refusal> {
        let mut keys = Vec::new();
        for seat in &self.seats {
            let holder = Holder::Seat(SeatId::new(contact, &seat.name)?);
            let mut list = |key, purpose| keys.push(KnownKey::listed(key, purpose, holder.clone()));
            if let Some(key) = &seat.sign {
                list(PublicKey::Verifying(key.clone()), Purpose::SeatSign);
            }
            if let Some(key) = &seat.seal {
                list(PublicKey::Sealing(key.clone()), Purpose::SeatSeal);
            }
            if let Some(key) = &seat.tls {
                list(PublicKey::Verifying(key.clone()), Purpose::SeatTls);
            }
        }
        Ok(keys)
    }
}

impl Seat {
    fn read(seat: &proto::Seat) -> Result<Self, Refusal> {
        if !is_name(&seat.name) {
            let why = format!("expected 1 to 32 of a-z, 0-9 and -, found {:?}", seat.name);
            return Err(Refusal::field("seats.name", why));
        }
        let (sign, seal, tls) = (&seat.sign, &seat.seal, &seat.tls);
        if seal.is_none() || sign.is_some() != tls.is_some() {
            let why = "expected a seal key alone, or keys to sign, seal and connect";
            return Err(Refusal::field("seats", why));
        }
        let verifying = |field, key: &Option<proto::PublicKey>| {
            key.as_ref().map(|key| PublicKey::verifying(field, Some(key))).transpose()
        };
        let ed25519 = |key| PublicKey::ed25519("seats.sign", Some(key));
        Ok(Self {
            name: seat.name.clone(),
            sign: sign.as_ref().map(ed25519).transpose()?,
            seal: seal.as_ref().map(|key| PublicKey::sealing("seats.seal", key)).transpose()?,
            tls: verifying("seats.tls", tls)?,
        })
    }

    /// The keys that the seat lists.
    #[must_use]
    pub fn key_ids(&self) -> Vec<KeyId> {
        let sign = self.sign.as_ref().map(VerifyingKey::id);
        let seal = self.seal.as_ref().map(|raw| KeyId::of(raw));
        [sign, seal, self.tls.as_ref().map(VerifyingKey::id)].into_iter().flatten().collect()
    }
}

/// Signed by the keeper that the record names; without one, by the authority.
pub(super) fn publish(
    directory: &Directory,
    verified: &Verified,
    statement: &proto::Roster,
    admitted: Admitted,
) -> Result<Change, Refusal> {
    let id: ContactId = statement.contact.parse().map_err(|why| Refusal::field("contact", why))?;
    let record = directory.record(&id)?;
    kept_by(directory, &id, record, verified)?;
    let before = directory.contact(&id).ok_or_else(|| Refusal::UnknownContact(id.clone()))?;
    let newest = match place(before.roster_newest.as_ref(), verified, admitted)? {
        Place::Again(leaf) => return Ok(Change::AlreadyLogged(leaf)),
        Place::Next(newest) => newest,
    };
    let roster = Roster::read(statement, verified.envelope().payload().clone())?;
    let listed = before.roster.as_ref().map(Roster::key_ids).unwrap_or_default();
    let keys = relist(Some(directory), &listed, roster.keys(&id)?)?;
    let contact = Contact {
        roster_newest: Some(newest),
        roster: Some(roster),
        changed: admitted.leaf,
        ..before.clone()
    };
    let contact = Some(Arc::new(contact));
    Ok(Change::Logged(Box::new(Parts { contact, keys, ..Parts::none(admitted) })))
}

fn kept_by(
    directory: &Directory,
    id: &ContactId,
    record: &Record,
    verified: &Verified,
) -> Result<(), Refusal> {
    if record.attested {
        return Err(Refusal::RecipientListed(id.clone()));
    }
    match &record.keeper {
        Some(keeper) => {
            let counting = [keeper.id()].into();
            threshold(verified, &counting, 1, || format!("the keeper of {id}"))?;
            none_superfluous(verified, &counting)
        }
        None => authority_signed(directory, &id.member(), verified).map(|_| ()),
    }
}
