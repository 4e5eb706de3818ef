//! What becomes of a message with time: its sender is told, what was sealed goes, then all of it.
//!
//! In scope: what each step changes. Out of scope: who looks for what is due (`service::jobs`).
//! Invariants: a step is one decision, which asks again whether it is due, and puts
//! the next; a clock in doubt ends nothing; the chain of a mailbox outlives what its entries showed.

use bytes::Bytes;
use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::domain::command::{Command, Decision, World};
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::limits;
use crate::domain::refusal::{Fault, Refusal};
use crate::domain::relay::expire::{beginning, blob, kept};
use crate::domain::state::{
    Beside, Body, Entry, EntryKind, Gone, Key, Message, Outcome, Shown, Step, Value,
};
use crate::signed::proto;

use super::submit;

/// Takes one step with one message. The reply is the digest of a body that no message names any more.
#[derive(Clone, Debug)]
pub struct Expire {
    at: u64,
    step: Step,
    id: MessageId,
    sender: ContactId,
    accepted: Bytes,
    header: Digest,
    recipients: Vec<(ContactId, u64)>,
    blob: Option<Key>,
    beside: Vec<ContactId>,
}

impl Expire {
    /// The step that is due at a time with the message of this id and sender, which is stored so.
    ///
    /// # Errors
    /// [`Refusal::Internal`]: its accepted receipt cannot be read.
    pub fn new(
        at: u64,
        step: Step,
        id: MessageId,
        sender: ContactId,
        message: &Message,
        outcome: Option<&Outcome>,
    ) -> Result<Self, Refusal> {
        let unreadable = || Refusal::Internal(Fault::UnreadableReceipt);
        let accepted = proto::Accepted::decode(&message.accepted[..]).map_err(|_| unreadable())?;
        let header = Digest::try_from(&accepted.header_digest[..]).map_err(|_| unreadable())?;
        let place = |place: &proto::Place| Some((place.contact.parse().ok()?, place.number));
        let recipients = accepted.places.iter().map(place).collect::<Option<_>>();
        let beside = outcome.map(|outcome| outcome.beside.as_slice()).unwrap_or_default();
        let mut beside: Vec<_> = beside.iter().map(|entry| entry.contact.clone()).collect();
        beside.sort();
        beside.dedup();
        Ok(Self {
            at,
            step,
            id,
            sender,
            accepted: message.accepted.clone(),
            header,
            recipients: recipients.ok_or_else(unreadable)?,
            blob: blob(&message.body),
            beside,
        })
    }

    fn due(&self) -> Key {
        Key::Due(self.at, self.id, self.sender.clone())
    }

    fn message(&self) -> Key {
        Key::Message(self.id, self.sender.clone())
    }

    fn outcome(&self) -> Key {
        Key::Outcome(self.id, self.sender.clone())
    }

    fn usage(&self) -> Key {
        Key::Usage(self.sender.member())
    }

    fn entries(&self) -> impl Iterator<Item = Key> + '_ {
        let entry = |(contact, number): &(ContactId, u64)| Key::Entry(contact.clone(), *number);
        self.recipients.iter().map(entry)
    }

    fn shares(&self) -> impl Iterator<Item = (Key, &ContactId)> {
        let member = self.sender.member();
        let share = move |contact: &ContactId| Key::Share(contact.clone(), member.clone());
        self.recipients.iter().map(move |(contact, _)| (share(contact), contact))
    }

    /// The sender hears it from its mailbox, before anything goes.
    fn tell(&self, world: &World<'_>, changes: &mut Changes) -> Result<(), Refusal> {
        let answers = world.seen.answers(&Key::Answers(self.header))?;
        let received = |contact| answers.is_some_and(|answers| answers.is_received_by(contact));
        if !self.recipients.iter().all(|(contact, _)| received(contact)) {
            let kind = EntryKind::NotDelivered;
            let entry = Shown {
                kind,
                header_digest: self.header,
                id: self.id,
                sender: self.sender.clone(),
                acknowledgement: Bytes::new(),
            };
            let (to, puts) = (&self.sender, &mut changes.puts);
            let place = submit::deliver(world, to, entry, self.header, puts)?;
            let mut outcome = world.seen.outcome(&self.outcome())?.cloned().unwrap_or_default();
            outcome.beside.push(Beside {
                contact: self.sender.clone(),
                epoch: place.epoch,
                number: place.number,
                kind,
                digest: self.header,
            });
            changes.puts.push((self.outcome(), Value::Outcome(outcome)));
        }
        let at = self.at.saturating_add(limits::ID_REMEMBERED_SECONDS);
        self.then(Step::Empty, at, changes);
        Ok(())
    }

    /// Exactly what it took is given back.
    fn empty(
        &self,
        world: &World<'_>,
        now: u64,
        message: &Message,
        changes: &mut Changes,
    ) -> Result<(), Refusal> {
        let gone = Message { body: Body::Gone, letters: Vec::new(), ..message.clone() };
        changes.puts.push((self.message(), Value::Message(Box::new(gone))));
        for key in self.entries() {
            let entry = world.seen.entry(&key)?;
            // Another epoch of the mailbox has other entries under these numbers.
            if let Some(Entry::Shown(shown)) = entry
                && (shown.id, &shown.sender) == (self.id, &self.sender)
            {
                let gone = Gone { kind: shown.kind, digest: self.header, at: now };
                changes.puts.push((key, Value::Entry(Entry::Gone(gone))));
            }
        }
        self.settle(world, changes)?;
        if let Some(key) = &self.blob
            && let Some(named) = world.seen.blob(key)?
        {
            match named.saturating_sub(1) {
                0 => changes.deletes.push(key.clone()),
                others => changes.puts.push((key.clone(), Value::Blob(others))),
            }
        }
        let expired = self.at.saturating_sub(limits::ID_REMEMBERED_SECONDS);
        self.then(Step::Forget, expired.saturating_add(kept(world.directory)), changes);
        Ok(())
    }

    /// The account of its sender, and what still waited in the shares of mailboxes.
    fn settle(&self, world: &World<'_>, changes: &mut Changes) -> Result<(), Refusal> {
        let key = Key::Answers(self.header);
        let Some(answers) = world.seen.answers(&key)? else { return Ok(()) };
        if let Some(usage) = world.seen.usage(&self.usage())?.filter(|_| answers.paid > 0) {
            changes.puts.push((self.usage(), Value::Usage(usage.without(answers.paid))));
        }
        for (key, contact) in self.shares() {
            let waits = answers.waiting > 0 && !answers.is_received_by(contact);
            if let Some(share) = world.seen.share(&key)?.filter(|_| waits) {
                let share = share.clone().without(answers.waiting, answers.until);
                changes.puts.push((key, Value::Share(share)));
            }
        }
        changes.deletes.push(key);
        Ok(())
    }

    fn forget(&self, world: &World<'_>, now: u64, changes: &mut Changes) -> Result<(), Refusal> {
        let outcome = world.seen.outcome(&self.outcome())?;
        for entry in outcome.iter().flat_map(|outcome| &outcome.beside) {
            let Beside { contact, epoch, number, kind, digest } = entry.clone();
            let mailbox = world.seen.mailbox(&Key::Mailbox(contact.clone()))?;
            if mailbox.is_some_and(|mailbox| mailbox.epoch == epoch) {
                let gone = Value::Entry(Entry::Gone(Gone { kind, digest, at: now }));
                changes.puts.push((Key::Entry(contact, number), gone));
            }
        }
        changes.deletes.extend(outcome.map(|_| self.outcome()));
        changes.deletes.extend([self.message(), self.due()]);
        Ok(())
    }

    /// One step ends where the next begins.
    fn then(&self, step: Step, at: u64, changes: &mut Changes) {
        let next = Key::Due(at, self.id, self.sender.clone());
        if next != self.due() {
            changes.deletes.push(self.due());
        }
        changes.puts.push((next, Value::Due(step)));
    }
}

/// What one step writes and deletes.
#[derive(Default)]
struct Changes {
    puts: Vec<(Key, Value)>,
    deletes: Vec<Key>,
}

impl Changes {
    fn decide<R>(self, reply: R) -> Decision<R> {
        Decision { puts: self.puts, deletes: self.deletes, log: None, reply }
    }
}

impl Command for Expire {
    type Reply = Option<Digest>;

    fn keys(&self) -> Vec<Key> {
        let mut keys = vec![self.due(), self.message()];
        match self.step {
            Step::Tell => {
                let own = Key::Mailbox(self.sender.clone());
                keys.extend([self.outcome(), Key::Answers(self.header), own]);
            }
            Step::Empty => {
                keys.extend([Key::Answers(self.header), self.usage()]);
                keys.extend(self.entries());
                keys.extend(self.shares().map(|(key, _)| key));
                keys.extend(self.blob.clone());
            }
            Step::Forget => {
                keys.push(self.outcome());
                keys.extend(self.beside.iter().cloned().map(Key::Mailbox));
            }
        }
        keys
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<Option<Digest>>, Refusal> {
        let mut changes = Changes::default();
        let is_next = world.seen.due(&self.due())? == Some(&self.step);
        let message = world.seen.message(&self.message())?;
        let message = message.filter(|message| message.accepted == self.accepted);
        let now = world.certain().filter(|now| is_next && self.at <= *now);
        let (Some(now), Some(message)) = (now, message) else { return Ok(changes.decide(None)) };
        match self.step {
            Step::Tell => self.tell(world, &mut changes)?,
            Step::Empty => self.empty(world, now, message, &mut changes)?,
            Step::Forget => self.forget(world, now, &mut changes)?,
        }
        let unnamed = changes.deletes.iter().find_map(|key| match key {
            Key::Blob(digest) => Some(*digest),
            _ => None,
        });
        Ok(changes.decide(unnamed))
    }
}

/// Moves the beginning of a mailbox over entries that are gone for as long as metadata is kept. The
/// reply is how many.
#[derive(Clone, Debug)]
pub struct Shrink {
    contact: ContactId,
    after: u64,
}

impl Shrink {
    /// Behind the mailbox's beginning, which is after this number.
    #[must_use]
    pub const fn new(contact: ContactId, after: u64) -> Self {
        Self { contact, after }
    }

    /// Entries of one step.
    pub const ENTRIES: u64 = 64;

    fn entries(&self) -> impl Iterator<Item = Key> {
        let numbers = self.after + 1..=self.after.saturating_add(Self::ENTRIES);
        numbers.map(|number| Key::Entry(self.contact.clone(), number))
    }
}

impl Command for Shrink {
    type Reply = u64;

    fn keys(&self) -> Vec<Key> {
        let own = [Key::Mailbox(self.contact.clone()), Key::Beginning(self.contact.clone())];
        own.into_iter().chain(self.entries()).collect()
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<u64>, Refusal> {
        let mut changes = Changes::default();
        let mailbox = world.seen.mailbox(&Key::Mailbox(self.contact.clone()))?;
        let (Some(now), Some(mailbox)) = (world.certain(), mailbox) else {
            return Ok(changes.decide(0));
        };
        let key = Key::Beginning(self.contact.clone());
        let before =
            beginning(world.directory, &self.contact, mailbox, world.seen.beginning(&key)?);
        if before.count != self.after {
            return Ok(changes.decide(0));
        }
        let mut begins = before;
        for key in self.entries() {
            match world.seen.entry(&key)? {
                Some(Entry::Gone(gone)) if gone.at.saturating_add(kept(world.directory)) <= now => {
                    begins = begins.append(gone.kind, gone.digest);
                    changes.deletes.push(key);
                }
                _ => break,
            }
        }
        let moved = begins.count - before.count;
        if moved > 0 {
            changes.puts.push((key, Value::Beginning(begins)));
        }
        Ok(changes.decide(moved))
    }
}
