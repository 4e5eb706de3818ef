//! Whether the own keys count, and what to do if they do not.
//!
//! In scope: the keys of a seat by the copy of the directory, whose clock is wrong. Out of scope: whether a
//! connection works (`doctor`). Invariant: whoever lost his keys is told the way back.

use prost::Message as _;

use crate::client::clocks::{Clocks, Wrong};
use crate::client::error::{ClientError, Family, Side};
use crate::client::keys::{Listed, Owner};
use crate::client::mend::Mend;
use crate::client::reason::{Here, Rule};
use crate::client::replica::Replica;
use crate::crypto::cert::PeerCertificate;
use crate::domain::ids::SeatId;
use crate::moment::{span, when};
use crate::signed::proto;

use super::Office;

impl Office {
    /// The service does not say why a key may not call; the copy does, or it is too old.
    pub fn explained(&self, replica: &Replica, error: ClientError) -> ClientError {
        if error.family != Family::IdentityOrKey {
            return error;
        }
        let Ok(seat) = self.seat() else {
            return error.mended_by(Mend::AskWhichKeysCount);
        };
        match self.seat_keys(replica, &seat) {
            Err(why) => ClientError { details: error.details, ..why },
            Ok(_) if error.reason == Rule::NotPermitted => self.ended_since(replica, &seat),
            // What usually mends it is this very command.
            Ok(_) => ClientError { mend: None, ..error },
        }
    }

    /// How many keys of a seat are in force in this copy, if all of them are.
    ///
    /// # Errors
    /// Why one is not.
    pub fn seat_keys(&self, replica: &Replica, seat: &SeatId) -> Result<usize, ClientError> {
        let directory = replica.directory()?;
        let all = self.home.keys().list(self.ambient())?;
        let own = all
            .into_iter()
            .filter(|listed| listed.owner == Owner::Seat(seat.clone()) && !listed.retired);
        let listed_by = |listed: &Listed| {
            let id = listed.id.as_ref().ok()?;
            directory.key(id).or(directory.seal_key(&seat.contact(), id))
        };
        // A new key counts from when the directory lists it, and then in the place of the one before.
        let (next, own): (Vec<_>, Vec<_>) = own.partition(|listed| listed.staged);
        let next: Vec<_> = next.into_iter().filter(|next| listed_by(next).is_some()).collect();
        let followed = |own: &Listed| next.iter().any(|next| next.purpose == own.purpose);
        let own: Vec<_> = own.into_iter().filter(|own| !followed(own)).collect();
        let mut count = 0;
        for listed in own.into_iter().chain(next) {
            let (id, purpose) = (listed.id?, listed.purpose.name());
            let fault = |reason, why: String, mend: Mend| {
                let sentence = format!("{seat}: the key of {purpose} {why} ({id})");
                Err(ClientError::new(Side::Ours, Family::IdentityOrKey, reason, sentence)
                    .mended_by(mend))
            };
            let sealing = directory.seal_key(&seat.contact(), &id);
            let Some(known) = directory.key(&id).or(sealing) else {
                let why = "is not known to the directory: nobody has entered it yet".to_owned();
                return fault(Here::KeyUnknown, why, Mend::EnterSeat(seat.clone()));
            };
            match (known.until, known.revoked_by) {
                (None, _) => count += 1,
                (Some(leaf), None) => {
                    let why = format!("was dropped by {}", entry(replica, leaf)?);
                    return fault(Here::KeyDropped, why, self.anew(seat));
                }
                (Some(leaf), Some(_)) => {
                    let why = format!("was revoked by {}", entry(replica, leaf)?);
                    return fault(Here::KeyRevoked, why, self.anew(seat));
                }
            }
        }
        let identity = self.home.keys().tls(&Owner::Seat(seat.clone()), self.ambient())?;
        let chain = identity.chain().first().and_then(|der| PeerCertificate::parse(der).ok());
        let judged = chain.map(|certificate| certificate.judge(self.ambient().now()));
        if let Some(Err(why)) = judged {
            let reason = Rule::Certificate;
            return Err(ClientError::new(Side::Ours, Family::IdentityOrKey, reason, why));
        }
        if self.is_refused(seat) {
            return Err(self.ended_since(replica, seat));
        }
        Ok(count)
    }

    /// The service knows better than the copy: keys never return.
    fn ended_since(&self, replica: &Replica, seat: &SeatId) -> ClientError {
        let at = replica.synced_at().map_or_else(|| "unknown age".to_owned(), when);
        let sentence = format!(
            "{seat}: its keys were dropped or revoked after the copy of the directory here was made \
             ({at})"
        );
        ClientError::new(Side::Ours, Family::IdentityOrKey, Here::KeyEnded, sentence)
            .mended_by(self.anew(seat))
    }

    /// The way back of a seat whose keys have ended, which never return: a colleague in the same home has new
    /// ones listed; from a home of its own it cannot connect, and another name is entered.
    fn anew(&self, seat: &SeatId) -> Mend {
        let contact = seat.contact();
        let here = self.home.keys().owners().unwrap_or_default();
        let colleague = here.into_iter().find_map(|owner| match owner {
            Owner::Seat(other) if other != *seat && other.contact() == contact => Some(other),
            _ => None,
        });
        match colleague {
            Some(colleague) => Mend::RotateSeatAs { colleague, seat: seat.clone() },
            None => Mend::NewSeat(contact),
        }
    }
}

/// An entry of the log, and when it was admitted.
fn entry(replica: &Replica, leaf: u64) -> Result<String, ClientError> {
    let entry = replica.entry(leaf)?.and_then(|entry| proto::Entry::decode(&*entry).ok());
    let at = entry.map(|entry| format!(" of {}", when(entry.admitted_at)));
    Ok(format!("entry {leaf}{}", at.unwrap_or_default()))
}

/// What was refused for a time: the signer is blamed only if the others contradict him.
#[must_use]
pub fn of_clocks(error: ClientError, own: u64, directory: u64) -> ClientError {
    let at = match error.reason.rule() {
        Some(Rule::IssuedInFuture | Rule::IssuedTooEarly) => error.facts.at,
        _ => None,
    };
    let Some(service) = at else { return error };
    let clocks = Clocks { own, service: Some(service), directory };
    let Some(wrong) = clocks.wrong() else { return error };
    let said = wrong_clock(&clocks, wrong);
    let apart = span(own.abs_diff(service));
    let sentence = format!("{}; {}; they differ by {apart}", error.sentence, said.sentence);
    ClientError { side: said.side, mend: said.mend, sentence, ..error }
}

/// Whose clock is wrong, and what mends it.
#[must_use]
pub fn wrong_clock(clocks: &Clocks, wrong: Wrong) -> ClientError {
    let (own, directory) = (when(clocks.own), when(clocks.directory));
    let service = clocks.service.map_or_else(|| "nothing".to_owned(), when);
    let said = format!("this machine says {own}, the service {service}, the directory {directory}");
    let (side, whose, mend) = match wrong {
        Wrong::Own => (Side::Ours, "this machine's clock is wrong", Mend::SetClock),
        Wrong::Service => (Side::Theirs, "the service's clock is wrong", Mend::TellOperator),
        Wrong::Directory => (
            Side::Theirs,
            "the directory's clock ran ahead; its next charter puts it right",
            Mend::TellOperator,
        ),
        Wrong::OwnOrService => {
            (Side::Ours, "this machine's clock or the service's is wrong", Mend::SetClock)
        }
        Wrong::OwnOrDirectory => {
            (Side::Ours, "this machine's clock or the directory's is wrong", Mend::SetClock)
        }
    };
    let reason = match wrong {
        Wrong::Own => Here::Clock,
        Wrong::Service => Here::ClockOfService,
        Wrong::Directory => Here::ClockOfDirectory,
        Wrong::OwnOrService | Wrong::OwnOrDirectory => Here::ClocksApart,
    };
    ClientError::new(side, Family::Unexpected, reason, format!("{whose}: {said}")).mended_by(mend)
}
