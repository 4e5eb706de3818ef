//! Acknowledge: the open acknowledgement and the words to the sender, in one decision.

use bytes::Bytes;
use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::crypto::sign::KeyId;
use crate::domain::command::{Command, Decision, World};
use crate::domain::directory::Directory;
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::limits;
use crate::domain::refusal::{Amiss, Mismatch, Refusal, Wrong};
use crate::domain::state::{Beside, Body, EntryKind, Key, Shown, Value};
use crate::signed::canonical;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Class, Drill, Level};

use super::addressing::{self, drill, names_this, read_view};
use super::envelope::{self, VerifiedEnvelope, VerifiedHeader};
use super::submit::{self, Submit};
use super::thread;
use super::{accounts, belief, level};

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
    view: (u64, Digest),
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

    /// Who acknowledges.
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
    pub const fn view(&self) -> (u64, Digest) {
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
    let view = read_view(read.view.as_ref())?;
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

/// Acknowledges a message that stands in the mailbox of the seat's contact. The reply is the
/// payload of the accepted receipt for the words.
#[derive(Debug)]
pub struct Acknowledge {
    acknowledgement: VerifiedAcknowledgement,
    message: (MessageId, ContactId),
    words: Submit,
}

impl Acknowledge {
    /// `message` is the id and sender that the entry of the mailbox names.
    #[must_use]
    pub fn new(
        handed_in_by: ContactId,
        acknowledgement: VerifiedAcknowledgement,
        message: (MessageId, ContactId),
        words: VerifiedEnvelope,
    ) -> Self {
        let words = Submit::new(handed_in_by, words);
        Self { acknowledgement, message, words }
    }

    fn outcome_key(&self) -> Key {
        Key::Outcome(self.message.0, self.message.1.clone())
    }

    fn message_key(&self) -> Key {
        Key::Message(self.message.0, self.message.1.clone())
    }

    /// Whether an acknowledgement that was taken before is of this seat.
    fn gave(&self, given: &Bytes) -> bool {
        let envelope = Envelope::parse(given, limits::ACKNOWLEDGEMENT_BYTES);
        let read = envelope.map(|envelope| proto::Acknowledgement::decode(&envelope.payload()[..]));
        matches!(read, Ok(Ok(read)) if read.seat == self.acknowledgement.seat.as_str())
    }

    /// Its view is one of this log in which its key stands, and not before that of the message.
    fn view_fits(&self, world: &World<'_>, message: &VerifiedHeader) -> Result<(), Refusal> {
        let (answered, view) = (message.addressing().view.0, self.acknowledgement.view);
        submit::fits_the_log(world, view)?;
        belief::stood(world.directory, self.acknowledgement.key, view.0)?;
        if view.0 < answered {
            return Err(Refusal::WrongThread(Amiss::EarlierView));
        }
        Ok(())
    }

    /// The words answer this very message, to its sender and nobody else, by the same seat.
    fn words_belong(&self) -> Result<(), Refusal> {
        let words = self.words.addressing();
        let belong = words.class == Class::Acknowledgement
            && words.in_reply_to == Some(self.acknowledgement.header_digest)
            && words.sender == self.acknowledgement.seat
            && words.recipients.iter().map(|to| &to.contact).eq([&self.message.1]);
        if belong { Ok(()) } else { Err(Refusal::NotTheSender(Mismatch::Words)) }
    }
}

impl Command for Acknowledge {
    type Reply = Bytes;

    fn keys(&self) -> Vec<Key> {
        let own = Key::Mailbox(self.acknowledgement.seat.contact());
        let mut keys = self.words.keys();
        let answers = Key::Answers(self.acknowledgement.header_digest);
        keys.extend([self.message_key(), self.outcome_key(), own, answers]);
        keys
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<Bytes>, Refusal> {
        let unknown = || Refusal::UnknownMessage(self.message.0.into());
        let message = world.seen.message(&self.message_key())?.ok_or_else(unknown)?;
        let header = envelope::verify_header(world.directory, &message.header)?;
        let contact = self.acknowledgement.seat.contact();
        let addressed = header.addressing().recipients.iter().any(|to| to.contact == contact);
        if header.digest() != self.acknowledgement.header_digest || !addressed {
            return Err(unknown());
        }
        if message.body == Body::Gone {
            return Err(Refusal::MessageExpired(self.message.0.into()));
        }
        if header.addressing().drill != self.acknowledgement.drill {
            return Err(Refusal::field("drill", Wrong::OtherDrill));
        }
        self.words_belong()?;
        if let Some(amiss) = thread::beside_answered(self.words.addressing(), &header) {
            return Err(Refusal::WrongThread(amiss));
        }
        world.directory.in_force(&self.acknowledgement.key)?;
        self.view_fits(world, &header)?;
        let mut decision = self.words.decide_paid(world, |words, world| {
            accounts::acknowledged(words, header.digest(), world)
        })?;
        if decision.puts.is_empty() {
            // The same again: answered as then, whatever the record says since.
            return Ok(decision);
        }
        level::has(world.directory, &contact, self.acknowledgement.level)?;
        let mut outcome = world.seen.outcome(&self.outcome_key())?.cloned().unwrap_or_default();
        let acknowledgement = self.acknowledgement.envelope.bytes().clone();
        // One of each seat: who acknowledges again only writes more words.
        if outcome.acknowledgements.iter().any(|given| self.gave(given)) {
            return Ok(decision);
        }
        if outcome.acknowledgements.len() >= limits::ACKNOWLEDGEMENTS {
            let found = outcome.acknowledgements.len() as u64;
            let limit = limits::ACKNOWLEDGEMENTS as u64;
            return Err(Refusal::TooLarge { what: "acknowledgements", limit, found });
        }
        outcome.acknowledgements.push(acknowledgement.clone());
        let (kind, digest) = (EntryKind::Acknowledged, self.acknowledgement.envelope.digest());
        let entry = Shown {
            kind,
            header_digest: header.digest(),
            id: self.message.0,
            sender: self.message.1.clone(),
            acknowledgement,
        };
        if contact != self.message.1 {
            let puts = &mut decision.puts;
            let place = submit::deliver(world, &contact, (entry, digest), puts)?;
            let (epoch, number) = (place.epoch, place.number);
            outcome.beside.push(Beside { contact, epoch, number, kind, digest });
        }
        decision.puts.push((self.outcome_key(), Value::Outcome(outcome)));
        Ok(decision)
    }
}
