//! New keys for the seats of this home, and what becomes of the old ones.
//!
//! In scope: from making new keys to seeing them in force, how far that is, forgetting retired seal keys. Out of scope: the
//! files (`client::rotation`), the roster's way to its keeper, words. Invariants: the same command goes on wherever it was
//! cut off, and begins nothing new while something is under way; nothing is listed that was not tried; what was sealed to
//! an old key stays readable until somebody says otherwise, and not before nothing more can come for it.

mod forget;
mod stage;

use std::path::PathBuf;

use crate::client::draft::{Bundle, Composer};
use crate::client::error::{ClientError, Family, Side};
use crate::client::keys::{KeyError, Listed, Owner};
use crate::client::mend::Mend;
use crate::client::reach::session::Session;
use crate::client::reason::{Here, Rule};
use crate::client::replica::Replica;
use crate::domain::directory::key::Purpose;
use crate::domain::ids::{ContactId, SeatId};
use crate::signed::proto;

use super::Office;
use super::drafts::Drafted;
use super::roster::{in_force, no_such_seat};

pub use forget::{Kept, Retired};
pub(crate) use stage::may_go;
pub use stage::{Keys, Next, Stage, Standing};

/// Seats of one contact, whose keys are in this home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seats {
    /// Whose roster it is.
    pub contact: ContactId,
    /// The seats, in order, none twice.
    pub seats: Vec<SeatId>,
}

/// A seat, and which of its keys change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose keys they are.
    pub seat: SeatId,
    /// What they are for.
    pub purposes: Vec<Purpose>,
}

/// Why other keys than those asked for, or none, would change: an error's own words are the face's.
#[derive(Clone, Debug, PartialEq)]
pub enum Unchanged {
    /// Other new keys of the seat wait to be listed.
    UnderWay(SeatId, Vec<Purpose>),
    /// A safe seat has no such key.
    NoSuchKey(SeatId, Purpose),
    /// Something else keeps it back.
    Other(Box<ClientError>),
}

impl From<ClientError> for Unchanged {
    fn from(why: ClientError) -> Self {
        Self::Other(Box::new(why))
    }
}

impl From<KeyError> for Unchanged {
    fn from(why: KeyError) -> Self {
        Self::from(ClientError::from(why))
    }
}

impl Office {
    /// The seats named, else the one this works as, else all whose keys are here; of one contact.
    ///
    /// # Errors
    /// One has no keys here; they are of several contacts; none is here.
    pub fn seats_here(&self, named: &[SeatId]) -> Result<Seats, ClientError> {
        let here = self.home.keys().owners()?.into_iter().filter_map(|owner| match owner {
            Owner::Seat(seat) => Some(seat),
            _ => None,
        });
        let here: Vec<SeatId> = here.collect();
        let mut seats = match (named, &self.chosen.seat) {
            ([], Some(seat)) => vec![seat.clone()],
            ([], None) => here.clone(),
            (named, _) => named.to_vec(),
        };
        seats.sort();
        seats.dedup();
        if let Some(seat) = seats.iter().find(|seat| !here.contains(seat)) {
            let sentence = format!("{seat} has no keys in the home {}", self.home.root().display());
            let (family, reason) = (Family::IdentityOrKey, Here::KeyMissing);
            return Err(
                ClientError::new(Side::Ours, family, reason, sentence).mended_by(Mend::ListKeys)
            );
        }
        let contact = match seats.first() {
            Some(first) => first.contact(),
            // Says that none is here.
            None => self.seat()?.contact(),
        };
        if seats.iter().any(|seat| seat.contact() != contact) {
            let sentence = "seats of several contacts are here, and a roster is one contact's";
            return Err(ClientError::new(
                Side::Ours,
                Family::Usage,
                Here::SeveralContacts,
                sentence,
            )
            .mended_by(Mend::SeatsOfOne));
        }
        Ok(Seats { contact, seats })
    }

    /// Whether new keys of one of these wait for the directory to list them.
    #[must_use]
    pub fn rotates(&self, seats: &[SeatId]) -> bool {
        seats.iter().any(|seat| self.changes_keys(&Owner::Seat(seat.clone())))
    }

    /// Which keys of each seat change: those that wait already, else those wanted, else all that it has.
    ///
    /// # Errors
    /// Others wait; it has none such; it is not on the roster, or must come back with all.
    pub fn changes(
        &self,
        replica: &Replica,
        seats: &[SeatId],
        wanted: &[Purpose],
    ) -> Result<Vec<Change>, Unchanged> {
        let change = |seat: &SeatId| {
            let purposes = self.changing(replica, seat, wanted)?;
            Ok(Change { seat: seat.clone(), purposes })
        };
        seats.iter().map(change).collect()
    }

    fn changing(
        &self,
        replica: &Replica,
        seat: &SeatId,
        wanted: &[Purpose],
    ) -> Result<Vec<Purpose>, Unchanged> {
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let waiting = self.home.keys().next(seat, self.ambient())?.purposes();
        if !waiting.is_empty() {
            if wanted.is_empty() || wanted == waiting {
                return Ok(waiting);
            }
            return Err(Unchanged::UnderWay(seat.clone(), waiting));
        }
        let has = if self.is_safe(seat) { &[Purpose::SeatSeal][..] } else { &ALL };
        if let Some(none) = wanted.iter().find(|purpose| !has.contains(purpose)) {
            return Err(Unchanged::NoSuchKey(seat.clone(), *none));
        }
        let wanted = if wanted.is_empty() { has.to_vec() } else { wanted };
        stands(replica, seat, wanted == has)?;
        Ok(wanted)
    }

    /// It opens, and nothing else.
    fn is_safe(&self, seat: &SeatId) -> bool {
        let signing = self.home.keys().signing(&Owner::Seat(seat.clone()), self.ambient());
        matches!(signing, Err(KeyError::Missing { .. }))
    }

    /// Of each safe seat the file of its newest key, to be printed: what was printed before opens nothing that is
    /// sealed to it.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn to_print(&self, seats: &[SeatId]) -> Result<Vec<(SeatId, PathBuf)>, ClientError> {
        let all = self.home.keys().list(self.ambient())?;
        let newest = |seat: &SeatId| {
            let own = |key: &&Listed| key.owner == Owner::Seat(seat.clone()) && !key.retired;
            Some((seat.clone(), all.iter().rfind(own)?.path.clone()))
        };
        Ok(seats.iter().filter(|seat| self.is_safe(seat)).filter_map(newest).collect())
    }

    /// Makes the new keys, tries them, and composes the roster that lists them.
    ///
    /// # Errors
    /// A key does not connect; [`ClientError`].
    pub async fn rotated(
        &self,
        replica: &Replica,
        contact: &ContactId,
        changes: &[Change],
    ) -> Result<Drafted, ClientError> {
        let (keys, (mut seats, facets)) = (self.home.keys(), in_force(replica, contact)?);
        for Change { seat, purposes } in changes {
            keys.stage(seat, purposes, self.ambient())?;
            self.next_connects(seat).await?;
            let at = seats.iter().position(|listed| listed.name == seat.name());
            let named = || proto::Seat { name: seat.name().to_owned(), ..Default::default() };
            let before = at.map_or_else(named, |at| seats.remove(at));
            seats.push(keys.next(seat, self.ambient())?.follow(before));
        }
        let roster = proto::Roster { contact: contact.to_string(), seats, ..Default::default() };
        let composer = &mut Composer::on(replica.directory()?, self.ambient());
        let roster = composer.roster(roster, &facets)?;
        Ok(Drafted::carrying(Bundle::of(vec![roster]), replica.clone()))
    }

    /// Before it is listed: a key that does not get through the handshake would lock its seat out.
    async fn next_connects(&self, seat: &SeatId) -> Result<(), ClientError> {
        let Some(next) = self.home.keys().next_tls(seat, self.ambient())? else { return Ok(()) };
        let session = Session::open_with(&self.home, &self.name()?, Some(&next), &self.net).await?;
        match session.checkpoint().await {
            // The directory does not know it yet, which the service can only say of a key that was shown.
            Err(why) if why.reason != Rule::NotPermitted => Err(why),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Each seat connects with its new key. Gives the copy of the directory with which all are in place.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn put_to_use(&self, seats: &[SeatId]) -> Result<Replica, ClientError> {
        let mut replica = self.replica()?;
        for seat in seats {
            let owner = Owner::Seat(seat.clone());
            if self.home.keys().signing(&owner, self.ambient()).is_ok() {
                let session = self.connect(Some(&owner)).await?;
                self.sync(&session, &mut replica).await?;
            }
        }
        self.settle_keys(&replica);
        Ok(replica)
    }
}

/// A seat of which a key has ended comes back with new ones, all of them.
fn stands(replica: &Replica, seat: &SeatId, are_all: bool) -> Result<(), ClientError> {
    let directory = replica.directory()?;
    directory.record(&seat.contact())?;
    let contact = directory.contact(&seat.contact());
    let roster = contact.and_then(|contact| contact.roster.as_ref());
    if !roster.is_some_and(|of| of.seats.iter().any(|listed| listed.name == seat.name())) {
        return Err(no_such_seat(seat).mended_by(Mend::EnterSeat(seat.clone())));
    }
    let stand = in_force(replica, &seat.contact())?.0;
    if are_all || stand.iter().any(|listed| listed.name == seat.name()) {
        return Ok(());
    }
    let sentence = format!("a key of {seat} has ended: it comes back with new ones, all of them");
    Err(ClientError::new(Side::Ours, Family::IdentityOrKey, Here::KeyRevoked, sentence)
        .mended_by(Mend::RotateSeat(seat.clone())))
}

const ALL: [Purpose; 3] = [Purpose::SeatSign, Purpose::SeatSeal, Purpose::SeatTls];

#[cfg(test)]
mod tests;
