//! Acknowledge: the open acknowledgement and the words to the sender, in one decision.

use bytes::Bytes;
use prost::Message as _;

use crate::domain::command::{Command, Decision, World};
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::limits;
use crate::domain::refusal::{Amiss, Mismatch, Refusal, Wrong};
use crate::domain::relay::acknowledge::VerifiedAcknowledgement;
use crate::domain::relay::envelope::{self, VerifiedEnvelope, VerifiedHeader};
use crate::domain::relay::{belief, level, thread};
use crate::domain::state::{Beside, Body, EntryKind, Key, Shown, Value};
use crate::signed::dsse::Envelope;
use crate::signed::proto::{self, Class};

use super::accounts;
use super::submit::{self, Submit};

/// Acknowledges a message that stands in the mailbox of the seat's contact. The reply is the
/// payload of the accepted receipt for the words.
#[derive(Debug)]
pub struct Acknowledge {
    acknowledgement: VerifiedAcknowledgement,
    message: (MessageId, ContactId),
    words: Submit,
}

impl Acknowledge {
    /// The message has the `id` and `sender` that the entry of the mailbox names.
    #[must_use]
    pub fn new(
        handed_in_by: ContactId,
        acknowledgement: VerifiedAcknowledgement,
        id: MessageId,
        sender: ContactId,
        words: VerifiedEnvelope,
    ) -> Self {
        let words = Submit::new(handed_in_by, words);
        Self { acknowledgement, message: (id, sender), words }
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
        matches!(read, Ok(Ok(read)) if read.seat == self.acknowledgement.seat().as_str())
    }

    /// Its view is one of this log in which its key stands, and not before that of the message.
    fn view_fits(&self, world: &World<'_>, message: &VerifiedHeader) -> Result<(), Refusal> {
        let (answered, view) = (message.addressing().view.size, self.acknowledgement.view());
        submit::fits_the_log(world, view)?;
        belief::stood(world.directory, self.acknowledgement.key(), view.size)?;
        if view.size < answered {
            return Err(Refusal::WrongThread(Amiss::EarlierView));
        }
        Ok(())
    }

    /// The words answer this very message, to its sender and nobody else, by the same seat.
    fn words_belong(&self) -> Result<(), Refusal> {
        let words = self.words.addressing();
        let belong = words.class == Class::Acknowledgement
            && words.in_reply_to == Some(self.acknowledgement.header_digest())
            && words.sender == *self.acknowledgement.seat()
            && words.recipients.iter().map(|to| &to.contact).eq([&self.message.1]);
        if belong { Ok(()) } else { Err(Refusal::NotTheSender(Mismatch::Words)) }
    }
}

impl Command for Acknowledge {
    type Reply = Bytes;

    fn keys(&self) -> Vec<Key> {
        let own = Key::Mailbox(self.acknowledgement.seat().contact());
        let mut keys = self.words.keys();
        let answers = Key::Answers(self.acknowledgement.header_digest());
        keys.extend([self.message_key(), self.outcome_key(), own, answers]);
        keys
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<Bytes>, Refusal> {
        let unknown = || Refusal::UnknownMessage(self.message.0.into());
        let message = world.seen.message(&self.message_key())?.ok_or_else(unknown)?;
        let header = envelope::verify_header(world.directory, &message.header)?;
        let contact = self.acknowledgement.seat().contact();
        let addressed = header.addressing().recipients.iter().any(|to| to.contact == contact);
        if header.digest() != self.acknowledgement.header_digest() || !addressed {
            return Err(unknown());
        }
        if message.body == Body::Gone {
            return Err(Refusal::MessageExpired(self.message.0.into()));
        }
        if header.addressing().drill.as_ref() != self.acknowledgement.drill() {
            return Err(Refusal::field("drill", Wrong::OtherDrill));
        }
        self.words_belong()?;
        if let Some(amiss) = thread::beside_answered(self.words.addressing(), &header) {
            return Err(Refusal::WrongThread(amiss));
        }
        world.directory.in_force(&self.acknowledgement.key())?;
        self.view_fits(world, &header)?;
        let mut decision = self.words.decide_paid(world, |words, world| {
            accounts::acknowledged(words, header.digest(), world)
        })?;
        if decision.puts.is_empty() {
            // The same again: answered as then, whatever the record says since.
            return Ok(decision);
        }
        level::has(world.directory, &contact, self.acknowledgement.level())?;
        let mut outcome = world.seen.outcome(&self.outcome_key())?.cloned().unwrap_or_default();
        let acknowledgement = self.acknowledgement.envelope().bytes().clone();
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
        let (kind, digest) = (EntryKind::Acknowledged, self.acknowledgement.envelope().digest());
        let entry = Shown {
            kind,
            header_digest: header.digest(),
            id: self.message.0,
            sender: self.message.1.clone(),
            acknowledgement,
        };
        if contact != self.message.1 {
            let puts = &mut decision.puts;
            let place = submit::deliver(world, &contact, entry, digest, puts)?;
            let (epoch, number) = (place.epoch, place.number);
            outcome.beside.push(Beside { contact, epoch, number, kind, digest });
        }
        decision.puts.push((self.outcome_key(), Value::Outcome(outcome)));
        Ok(decision)
    }
}
