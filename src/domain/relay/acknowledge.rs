//! The open acknowledgement: what a seat signs for all to see that its contact deals with a message.
//!
//! In scope: reading and verifying it. Out of scope: whether it fits the message (`commands::acknowledge`).

use crate::crypto::hash::Digest;
use crate::crypto::sign::KeyId;
use crate::domain::directory::Directory;
use crate::domain::ids::SeatId;
use crate::domain::limits;
use crate::domain::refusal::{Mismatch, Refusal};
use crate::domain::view::View;
use crate::signed::canonical;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Drill, Level};

use super::addressing::{self, drill, names_this};
use super::envelope;

/// An open acknowledgement whose signature is the named seat's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAcknowledgement {
    envelope: Envelope,
    header_digest: Digest,
    seat: SeatId,
    key: KeyId,
    level: Level,
    drill: Option<Drill>,
    at: u64,
    view: View,
}

impl VerifiedAcknowledgement {
    /// The bytes received.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The header that it acknowledges.
    #[must_use]
    pub const fn header_digest(&self) -> Digest {
        self.header_digest
    }

    /// The seat that acknowledges, and signed it.
    #[must_use]
    pub const fn seat(&self) -> &SeatId {
        &self.seat
    }

    /// Its sign key.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// At which level.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// The mark of a drill.
    #[must_use]
    pub const fn drill(&self) -> Option<&Drill> {
        self.drill.as_ref()
    }

    /// When, by the seat's clock.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// The directory as the seat saw it.
    #[must_use]
    pub const fn view(&self) -> View {
        self.view
    }
}

/// Verifies an open acknowledgement for this directory.
///
/// # Errors
/// In the order of checks: size, form, kind, directory and genesis, signature, content.
pub fn verify(directory: &Directory, bytes: &[u8]) -> Result<VerifiedAcknowledgement, Refusal> {
    let envelope = envelope::parse(bytes, limits::ACKNOWLEDGEMENT_BYTES, Kind::Acknowledgement)?;
    let read: proto::Acknowledgement = canonical::decode(envelope.payload())
        .map_err(|_| Refusal::NotCanonical("acknowledgement"))?;
    names_this(directory, read.directory.as_ref())?;
    let (seat, key) = envelope::one_seat_signed(directory, &envelope)?;
    if read.seat != seat.as_str() {
        let (signed, named) = (seat.clone(), read.seat);
        return Err(Refusal::NotTheSender(Mismatch::Seat { signed, named }));
    }
    drill(read.drill.as_ref())?;
    let level = addressing::level(read.level).map_err(|why| Refusal::field("level", why))?;
    let view = View::read(read.view.as_ref())?;
    let header_digest = Digest::try_from(&read.header_digest[..])
        .map_err(|why| Refusal::field("header_digest", why))?;
    Ok(VerifiedAcknowledgement {
        header_digest,
        seat: seat.clone(),
        key,
        level,
        drill: read.drill,
        at: read.at,
        view,
        envelope,
    })
}
