//! The roster of a contact: seats listed, taken off, revoked.
//!
//! In scope: what is listed, the next version of it, and the end of a seat's keys. Out of scope: making new keys
//! for a seat that is listed (`rotate`). Invariant: every other seat stays as its keeper listed it.

use crate::client::armour::Kind;
use crate::client::draft::{Composer, FacetContent};
use crate::client::error::{ClientError, Family, Side};
use crate::client::keys::{Owner, read_public};
use crate::client::reason::Here;
use crate::client::replica::Replica;
use crate::crypto::sign::KeyId;
use crate::domain::directory::key::KeyName;
use crate::domain::ids::{ContactId, SeatId};
use crate::office::Office;
use crate::office::roster::{in_force, no_such_seat};
use crate::signed::proto;
use crate::wire::v1;

use super::{AtHand, Drafted};

/// A seat as a roster lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name in full.
    pub seat: SeatId,
    /// Whether its signing key is in force; none of a safe seat, which does not sign.
    pub signs: Option<bool>,
    /// Whether its seal key is in force.
    pub opens: bool,
    /// The id of its seal key.
    pub seal: KeyId,
}

/// The public keys of a seat.
#[derive(Clone, Debug, PartialEq)]
pub struct SeatKeys(v1::PublicKeys);

impl SeatKeys {
    /// Those in a SEAT file, if they are of this seat.
    ///
    /// # Errors
    /// The text is no such file, or another's.
    pub fn read(text: &str, seat: &SeatId) -> Result<Self, ClientError> {
        let public = read_public(Kind::Seat, text)?;
        if public.holder == seat.as_str() {
            return Ok(Self(public));
        }
        let sentence = format!("the file holds the keys of {}, not of {seat}", public.holder);
        Err(ClientError::new(Side::Ours, Family::Usage, Here::OtherSeat, sentence))
    }

    /// As a roster lists them.
    pub(in crate::office) fn entry(self, name: &str) -> proto::Seat {
        let v1::PublicKeys { sign, seal, tls, .. } = self.0;
        proto::Seat { name: name.to_owned(), sign: sign.into_iter().next(), seal, tls }
    }
}

impl Office {
    /// Makes a seat's keys in this home, unless they are here, and gives the public ones.
    ///
    /// # Errors
    /// They cannot be made or read.
    pub fn make_seat(&self, seat: &SeatId, safe: bool) -> Result<SeatKeys, ClientError> {
        let (keys, owner) = (self.home.keys(), Owner::Seat(seat.clone()));
        if !keys.owners()?.contains(&owner) {
            if safe {
                keys.create_safe_seat(seat, self.ambient())?;
            } else {
                keys.create(&owner, self.ambient())?;
            }
        }
        SeatKeys::read(&keys.public(&owner, self.ambient())?, seat)
    }

    /// The seats that a contact's roster lists.
    ///
    /// # Errors
    /// There is no copy; the contact has no record.
    pub fn seats(&self, contact: &ContactId) -> Result<Vec<Listed>, ClientError> {
        let replica = self.replica()?;
        let directory = replica.directory()?;
        directory.record(contact)?;
        let roster = directory.contact(contact).and_then(|contact| contact.roster.as_ref());
        let seats = roster.into_iter().flat_map(|roster| &roster.seats).filter_map(|seat| {
            let seal = seat.seal.id();
            let sign = seat.sign.as_ref().map(|key| KeyName::Proven(key.id()));
            Some(Listed {
                seat: format!("{contact}/{}", seat.name).parse().ok()?,
                signs: sign.map(|key| directory.stands(&key)),
                opens: directory.stands(&KeyName::Seal(contact.clone(), seal)),
                seal,
            })
        });
        Ok(seats.collect())
    }

    /// Begins the next roster of a contact, on a copy that is up to date.
    ///
    /// # Errors
    /// As [`Office::synced`]; the contact has no record.
    pub async fn rostering(&self, contact: ContactId) -> Result<Rostering, ClientError> {
        let (_, copy) = self.synced().await?;
        Rostering::on(copy, contact)
    }

    /// The end of a seat's keys, for this reason. Of a seat that is not listed it names none: [`AtHand::ends_the_last`]
    /// says so first.
    ///
    /// # Errors
    /// There is no directory to draft on.
    pub fn revocation(
        &self,
        at_hand: AtHand,
        seat: &SeatId,
        reason: proto::Reason,
    ) -> Result<Drafted, ClientError> {
        let mut composer = Composer::on(at_hand.copy.directory()?, self.ambient());
        let publication = composer.revocation(seat, &[], reason, None);
        Ok(Drafted::of(vec![publication], at_hand.copy))
    }
}

impl AtHand {
    /// Whether a seat that is to end is the last of its contact that connects.
    ///
    /// # Errors
    /// Its contact's roster does not list it.
    pub fn ends_the_last(&self, seat: &SeatId) -> Result<bool, ClientError> {
        let contact = self.copy.directory()?.contact(&seat.contact());
        let roster = contact.and_then(|contact| contact.roster.as_ref());
        if !roster.is_some_and(|of| of.seats.iter().any(|listed| listed.name == seat.name())) {
            return Err(no_such_seat(seat));
        }
        let in_force = in_force(&self.copy, &seat.contact());
        Ok(in_force.is_ok_and(|(seats, _)| is_last(&seats, seat.name())))
    }
}

/// The next roster of a contact.
pub struct Rostering {
    contact: ContactId,
    copy: Replica,
    seats: Vec<proto::Seat>,
    facets: Vec<FacetContent>,
}

impl Rostering {
    pub(super) fn on(copy: Replica, contact: ContactId) -> Result<Self, ClientError> {
        let (seats, facets) = in_force(&copy, &contact)?;
        Ok(Self { contact, copy, seats, facets })
    }

    /// Lists a seat with these keys, in place of those that it had.
    pub fn list(&mut self, seat: &SeatId, keys: SeatKeys) {
        self.seats.retain(|listed| listed.name != seat.name());
        self.seats.push(keys.entry(seat.name()));
    }

    /// Takes a seat off. Whether it was the last that connects.
    ///
    /// # Errors
    /// It is not listed.
    pub fn take_off(&mut self, seat: &SeatId) -> Result<bool, ClientError> {
        if self.seats.iter().all(|listed| listed.name != seat.name()) {
            return Err(no_such_seat(seat));
        }
        let last = is_last(&self.seats, seat.name());
        self.seats.retain(|listed| listed.name != seat.name());
        Ok(last)
    }

    /// The roster, to be signed.
    ///
    /// # Errors
    /// There is no directory to draft on.
    pub fn draft(self, office: &Office) -> Result<Drafted, ClientError> {
        let Self { contact, copy, seats, facets } = self;
        let roster = proto::Roster { contact: contact.to_string(), seats, ..Default::default() };
        let mut composer = Composer::on(copy.directory()?, office.ambient());
        let publication = composer.roster(roster, &facets)?;
        Ok(Drafted::of(vec![publication], copy))
    }
}

/// Whether no other of these seats could connect once the one of this name has ended.
fn is_last(seats: &[proto::Seat], name: &str) -> bool {
    let connects = |seat: &&proto::Seat| seat.sign.is_some();
    let mut connecting = seats.iter().filter(connects).map(|seat| seat.name == name).peekable();
    connecting.peek().is_some() && connecting.all(|this| this)
}
