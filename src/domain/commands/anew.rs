//! A mailbox begins anew, in another epoch, because older data was put back: nothing is numbered twice.
//!
//! In scope: the beginning, and what is still stored, delivered again one by one. Out of scope: which
//! mailboxes, and who may ask (`service::epochs`). Invariants: what stands beyond the count of a
//! mailbox waits to be delivered again, in its order, so that a cut between two steps leaves what is
//! found again; what has expired is left behind.

use bytes::Bytes;
use prost::Message as _;

use crate::domain::command::{Command, Decision, World};
use crate::domain::ids::ContactId;
use crate::domain::refusal::{Fault, Refusal};
use crate::domain::state::{Body, Entry, EntryKind, Key, Mailbox, Message, Outcome, Shown, Value};
use crate::signed::proto;

/// Begins an epoch of a mailbox, empty. One that has begun is left as it is.
#[derive(Clone, Debug)]
pub struct Begin {
    contact: ContactId,
    epoch: u64,
}

impl Begin {
    /// This epoch of a contact's mailbox.
    #[must_use]
    pub const fn new(contact: ContactId, epoch: u64) -> Self {
        Self { contact, epoch }
    }
}

impl Command for Begin {
    type Reply = ();

    fn keys(&self) -> Vec<Key> {
        vec![Key::Mailbox(self.contact.clone()), Key::Beginning(self.contact.clone())]
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<()>, Refusal> {
        let (own, beginning) =
            (Key::Mailbox(self.contact.clone()), Key::Beginning(self.contact.clone()));
        let mut decision = Decision { puts: Vec::new(), deletes: Vec::new(), log: None, reply: () };
        if world.seen.mailbox(&own)?.is_none_or(|mailbox| mailbox.epoch < self.epoch) {
            let genesis = world.directory.genesis();
            let mailbox = Mailbox::of_epoch(genesis, &self.contact, self.epoch);
            decision.puts.push((own, Value::Mailbox(mailbox)));
            decision.deletes.extend(world.seen.beginning(&beginning)?.map(|_| beginning));
        }
        Ok(decision)
    }
}

/// Delivers an entry again that stands beyond the count of its mailbox, or takes away what can be shown
/// no more. The reply is whether it was delivered.
#[derive(Clone, Debug)]
pub struct Redeliver {
    contact: ContactId,
    number: u64,
    entry: Entry,
}

impl Redeliver {
    /// The entry that stands under this number.
    #[must_use]
    pub const fn new(contact: ContactId, number: u64, entry: Entry) -> Self {
        Self { contact, number, entry }
    }

    fn own(&self) -> Key {
        Key::Entry(self.contact.clone(), self.number)
    }

    /// What shows its new place: the receipt of a message, or who was told beside its recipients.
    fn moves(
        &self,
        world: &World<'_>,
        shown: &Shown,
        message: &Message,
        next: &Mailbox,
    ) -> Result<Option<(Key, Value)>, Refusal> {
        if matches!(shown.kind, EntryKind::Addressed | EntryKind::Released) {
            let accepted = self.placed(&message.accepted, next)?;
            let message = Message { accepted, ..message.clone() };
            return Ok(Some((message_key(shown), Value::Message(Box::new(message)))));
        }
        let Some(outcome) = world.seen.outcome(&outcome_key(shown))? else { return Ok(None) };
        let mut outcome: Outcome = outcome.clone();
        let was = |of: &(ContactId, u64, EntryKind)| {
            *of == (self.contact.clone(), self.number, shown.kind)
        };
        let beside = outcome.beside.iter_mut();
        for beside in beside
            .filter(|of| of.epoch < next.epoch && was(&(of.contact.clone(), of.number, of.kind)))
        {
            (beside.epoch, beside.number) = (next.epoch, next.count);
        }
        Ok(Some((outcome_key(shown), Value::Outcome(outcome))))
    }

    /// The payload of the accepted receipt with the place in the new mailbox.
    fn placed(&self, accepted: &Bytes, next: &Mailbox) -> Result<Bytes, Refusal> {
        let unreadable = Refusal::Internal(Fault::UnreadableReceipt);
        let mut accepted = proto::Accepted::decode(&accepted[..]).map_err(|_| unreadable)?;
        accepted.places.retain(|place| place.contact != self.contact.as_str());
        accepted.places.push(proto::Place {
            contact: self.contact.to_string(),
            epoch: next.epoch,
            number: next.count,
            chain: Bytes::copy_from_slice(next.chain.as_bytes()),
        });
        accepted.places.sort_by(|one, other| one.contact.cmp(&other.contact));
        Ok(accepted.encode_to_vec().into())
    }
}

fn message_key(shown: &Shown) -> Key {
    Key::Message(shown.id, shown.sender.clone())
}

fn outcome_key(shown: &Shown) -> Key {
    Key::Outcome(shown.id, shown.sender.clone())
}

/// Whether an entry can still be shown: a message with its body, anything else with its header.
#[must_use]
pub fn is_kept(kind: EntryKind, message: &Message) -> bool {
    match kind {
        EntryKind::Addressed | EntryKind::Released => message.body != Body::Gone,
        EntryKind::Acknowledged | EntryKind::NotDelivered | EntryKind::Later(_) => true,
    }
}

impl Command for Redeliver {
    type Reply = bool;

    fn keys(&self) -> Vec<Key> {
        let mut keys = vec![Key::Mailbox(self.contact.clone()), self.own()];
        if let Entry::Shown(shown) = &self.entry {
            keys.extend([message_key(shown), outcome_key(shown)]);
        }
        keys
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<bool>, Refusal> {
        let mut decision =
            Decision { puts: Vec::new(), deletes: Vec::new(), log: None, reply: false };
        let key = Key::Mailbox(self.contact.clone());
        let mailbox = world.seen.mailbox(&key)?.filter(|mailbox| mailbox.count < self.number);
        let entry = world.seen.entry(&self.own())?.filter(|entry| **entry == self.entry);
        let (Some(mailbox), Some(entry)) = (mailbox, entry) else { return Ok(decision) };
        decision.deletes.push(self.own());
        let Entry::Shown(shown) = entry else { return Ok(decision) };
        let message = world.seen.message(&message_key(shown))?;
        let message = message.filter(|message| is_kept(shown.kind, message));
        let (Some(message), Some(next)) = (message, mailbox.with(entry)) else {
            return Ok(decision);
        };
        if next.count == self.number {
            decision.deletes.clear();
        } else {
            let place = Key::Entry(self.contact.clone(), next.count);
            decision.puts.push((place, Value::Entry(entry.clone())));
        }
        decision.puts.push((key, Value::Mailbox(next)));
        decision.puts.extend(self.moves(world, shown, message, &next)?);
        decision.reply = true;
        Ok(decision)
    }
}
