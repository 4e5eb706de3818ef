//! The life of what runs out: a record, a certificate, a seal key.
//!
//! In scope: from when until when it is, how near its end. Out of scope: what is done about it (each face).
//! Invariant: what runs out is told at a third, at a sixth and on the last day of its life: short lives do not nag.

use prost::Message as _;

use crate::client::error::ClientError;
use crate::client::replica::Replica;
use crate::crypto::cert::PeerCertificate;
use crate::domain::directory::Contact;
use crate::domain::ids::SeatId;
use crate::signed::proto;

/// The life of something that runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// When it began, Unix seconds.
    pub from: u64,
    /// When it ends, Unix seconds.
    pub until: u64,
    /// When this was asked, Unix seconds.
    pub now: u64,
}

/// How near the end something is, so near that it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Near {
    /// A third of its life is left at most.
    LastThird,
    /// A sixth of its life is left at most.
    LastSixth,
    /// Less than a day is left.
    LastDay,
    /// Nothing of it is left.
    Over,
}

impl Life {
    /// Of a contact's record, if it has one.
    #[must_use]
    pub fn of_record(contact: &Contact, now: u64) -> Option<Self> {
        let record = contact.record.as_ref()?;
        Some(Self { from: record.issued_at, until: record.expires, now })
    }

    /// Of a certificate, as it says itself.
    #[must_use]
    pub fn of_certificate(certificate: &PeerCertificate, now: u64) -> Self {
        Self { from: certificate.not_before(), until: certificate.not_after(), now }
    }

    /// Of the seal key that the directory lists for a seat: nothing ends with it, and another is due.
    ///
    /// # Errors
    /// The copy cannot be read.
    pub fn of_seal_key(
        replica: &Replica,
        seat: &SeatId,
        now: u64,
    ) -> Result<Option<Self>, ClientError> {
        let (directory, contact) = (replica.directory()?, seat.contact());
        let key =
            directory.sealing_seats(&contact).find(|(of, _, _)| of == seat).map(|(_, key, _)| key);
        let Some(known) = key.and_then(|key| directory.seal_key(&contact, &key)) else {
            return Ok(None);
        };
        let from = admitted_at(replica, known.from)?;
        Ok(from.map(|from| Self { from, until: from + SEAL_KEY_SECONDS, now }))
    }

    /// Whether it is near its end, in proportion to its whole.
    #[must_use]
    pub fn near(&self) -> Option<Near> {
        let (whole, left) =
            (self.until.saturating_sub(self.from), self.until.saturating_sub(self.now));
        match left {
            0 => Some(Near::Over),
            left if left < DAY => Some(Near::LastDay),
            left if left <= whole / 6 => Some(Near::LastSixth),
            left if left <= whole / 3 => Some(Near::LastThird),
            _ => None,
        }
    }

    /// How many seconds of it are left; none, once it is past its end.
    #[must_use]
    pub const fn left(&self) -> Option<u64> {
        self.until.checked_sub(self.now)
    }
}

/// When an entry of the log was admitted, Unix seconds.
pub(super) fn admitted_at(replica: &Replica, leaf: u64) -> Result<Option<u64>, ClientError> {
    let entry = replica.entry(leaf)?.and_then(|entry| proto::Entry::decode(&*entry).ok());
    Ok(entry.map(|entry| entry.admitted_at))
}

const DAY: u64 = 86_400;
/// Seal keys are changed every 90 days: who takes one reads no more than these.
const SEAL_KEY_SECONDS: u64 = 90 * DAY;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::office::tests::whole::Whole;
    use crate::world::relay::{FR, FR_2, Net, contact, seat};

    #[test]
    fn what_runs_out_is_told_in_proportion() {
        let near = |now| Life { from: 0, until: 60 * DAY, now }.near();
        assert_eq!(near(40 * DAY - 1), None);
        assert_eq!(near(40 * DAY), Some(Near::LastThird));
        assert_eq!(near(50 * DAY - 1), Some(Near::LastThird));
        assert_eq!(near(50 * DAY), Some(Near::LastSixth));
        assert_eq!(near(59 * DAY), Some(Near::LastSixth));
        assert_eq!(near(59 * DAY + 1), Some(Near::LastDay));
        assert_eq!(near(60 * DAY - 1), Some(Near::LastDay));
        assert_eq!(near(60 * DAY), Some(Near::Over));
        assert_eq!(near(61 * DAY), Some(Near::Over));
    }

    #[test]
    fn what_is_left_is_none_only_past_the_end() {
        let left = |now| Life { from: 0, until: 60, now }.left();
        assert_eq!((left(20), left(60), left(61)), (Some(40), Some(0), None));
    }

    #[test]
    fn a_record_lives_from_its_signature_until_it_holds_and_who_was_withdrawn_has_none() {
        let mut net = Net::new();
        let of = |net: &Net| {
            Life::of_record(net.directory.contact(&contact("fr/cert-fr")).unwrap(), 1500)
        };
        assert_eq!(of(&net), Some(Life { from: 1000, until: 2000, now: 1500 }));
        net.withdraw("fr/cert-fr", 2);
        assert_eq!(of(&net), None);
    }

    /// Its entry says when it was listed.
    #[test]
    fn another_seal_key_is_due_ninety_days_after_one_was_listed() {
        let mut net = Net::new();
        net.roster("fr/cert-fr", 2, &["duty-1"]);
        let paris = Whole::synced_before(&net, FR, 0);
        let replica = &paris.mail.replica;
        let life = Life::of_seal_key(replica, &seat(FR), 7).unwrap();
        assert_eq!(life, Some(Life { from: 1000, until: 1000 + 7_776_000, now: 7 }));
        assert_eq!(Life::of_seal_key(replica, &seat(FR_2), 7).unwrap(), None);
    }
}
