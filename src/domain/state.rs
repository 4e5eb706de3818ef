//! What the relay keeps, as values with names.
//!
//! In scope: the keys that a command may read and write, and what stands under them. Out of scope:
//! their bytes (`store::keys`, `store::codec`). Invariant: what a decision depends on is a named
//! key, never a range.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::signed::dsse::Envelope;

use super::administration::audit::Trail;
use super::administration::desk::{Desk, Kept};
use super::directory::facet::OpenFacet;
use super::ids::{ContactId, MemberId, MessageId};
use super::limits::ACKNOWLEDGEMENT_BYTES;
use super::refusal::{Fault, Refusal};
use super::relay::answers::Answers;
use super::relay::share::Share;

/// The name of one stored value. Those of messages begin with the time-ordered id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Where a mailbox stands.
    Mailbox(ContactId),
    /// One entry of a mailbox, by number.
    Entry(ContactId, u64),
    /// An accepted message, by id and sender.
    Message(MessageId, ContactId),
    /// What became of it.
    Outcome(MessageId, ContactId),
    /// How much is kept on a member's account.
    Usage(MemberId),
    /// Salt and bytes of a facet, by whose it is and its hash.
    Facet(String, Digest),
    /// How much of a contact's mailbox is a member's.
    Share(ContactId, MemberId),
    /// The answers that are due to a message, by its header digest: what answers it names no more.
    Answers(Digest),
    /// What is done with a message once this time has come, Unix seconds; by its id and sender.
    Due(u64, MessageId, ContactId),
    /// How many messages name a body that is a file, by its digest.
    Blob(Digest),
    /// Where a mailbox begins whose first entries are gone.
    Beginning(ContactId),
    /// Where the audit trail stands.
    Trail,
    /// One record of it, by number.
    Record(u64),
    /// What was proposed.
    Desk,
    /// A proposal, by its id.
    Proposal(Digest),
}

/// A stored value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is that of the key of its name")]
pub enum Value {
    Mailbox(Mailbox),
    Entry(Entry),
    Message(Box<Message>),
    Outcome(Outcome),
    Usage(Usage),
    Facet(OpenFacet),
    Share(Share),
    Answers(Answers),
    Due(Step),
    Blob(u64),
    /// Of [`Key::Beginning`]: the mailbox as it stood there.
    Beginning(Mailbox),
    Trail(Trail),
    /// Of [`Key::Record`]: its bytes.
    Record(Bytes),
    Desk(Desk),
    Proposal(Box<Kept>),
}

/// Where a mailbox stands: its numbers have no gaps, and each chain value covers all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// Starts at 1; a restore begins another.
    pub epoch: u64,
    /// The newest number; 0 is empty.
    pub count: u64,
    /// `chain_0 = SHA-256("liaison/mailbox/v1" 0x00 genesis contact 0x00 epoch)`,
    /// `chain_n = SHA-256(chain_{n-1} n kind digest)`, numbers u64 big-endian. The digest is the
    /// header's or that of what the entry carries: see [`EntryKind::carries`].
    pub chain: Digest,
}

/// Why an entry stands in a mailbox; a byte of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// The contact is addressed.
    Addressed,
    /// Its step of the ladder was released.
    Released,
    /// A colleague acknowledged.
    Acknowledged,
    /// A message of this contact's expired before every contact addressed had received it.
    NotDelivered,
    /// Of a kind that this version does not know: a reader chains it and says so. The service
    /// writes none.
    Later(LaterKind),
}

/// A kind from 5 on: no other value exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaterKind(u8);

impl LaterKind {
    /// The byte in the chain.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }
}

impl EntryKind {
    /// The byte in the chain.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Addressed => 1,
            Self::Released => 2,
            Self::Acknowledged => 3,
            Self::NotDelivered => 4,
            Self::Later(kind) => kind.byte(),
        }
    }

    /// The kind of a byte; 0 is none.
    #[must_use]
    pub const fn of_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => None,
            1 => Some(Self::Addressed),
            2 => Some(Self::Released),
            3 => Some(Self::Acknowledged),
            4 => Some(Self::NotDelivered),
            later => Some(Self::Later(LaterKind(later))),
        }
    }

    /// Whether an entry of this kind carries something signed of its own: then the chain holds the
    /// digest of its payload, and otherwise that of the message's header.
    #[must_use]
    pub const fn carries(self) -> bool {
        match self {
            Self::Addressed | Self::Released | Self::NotDelivered => false,
            Self::Acknowledged | Self::Later(_) => true,
        }
    }
}

/// One entry of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// What it shows is here.
    Shown(Shown),
    /// What it showed has expired.
    Gone(Gone),
}

/// What is left of an entry: the chain needs no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Why it was here.
    pub kind: EntryKind,
    /// What stands in the chain for it.
    pub digest: Digest,
    /// Since when it is gone, Unix seconds.
    pub at: u64,
}

/// An entry that shows a message, or something about one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Why it is here.
    pub kind: EntryKind,
    /// Of the message's header.
    pub header_digest: Digest,
    /// The message that it shows.
    pub id: MessageId,
    /// Who sent that message.
    pub sender: ContactId,
    /// Of kind acknowledged: the signed acknowledgement.
    pub acknowledgement: Bytes,
}

impl Shown {
    /// The entry as it stands beside its message; nothing of one to whom the message is addressed, or of
    /// which nobody can say what stands in the chain.
    #[must_use]
    pub fn beside(&self, contact: &ContactId, epoch: u64, number: u64) -> Option<Beside> {
        let (kind, digest) = Entry::Shown(self.clone()).chained()?;
        match kind {
            EntryKind::Addressed | EntryKind::Released => None,
            EntryKind::Acknowledged | EntryKind::NotDelivered | EntryKind::Later(_) => {
                Some(Beside { contact: contact.clone(), epoch, number, kind, digest })
            }
        }
    }
}

impl Mailbox {
    /// An empty mailbox of epoch 1.
    #[must_use]
    pub fn empty(genesis: Digest, contact: &ContactId) -> Self {
        Self::of_epoch(genesis, contact, 1)
    }

    /// An empty mailbox.
    #[must_use]
    pub fn of_epoch(genesis: Digest, contact: &ContactId, epoch: u64) -> Self {
        let chain = Digest::of_parts(&[
            b"liaison/mailbox/v1\0",
            genesis.as_bytes(),
            contact.as_str().as_bytes(),
            b"\0",
            &epoch.to_be_bytes(),
        ]);
        Self { epoch, count: 0, chain }
    }

    /// The mailbox with one more entry: `digest` is the header's or, of a kind that
    /// [carries](EntryKind::carries) something signed, that of its payload.
    #[must_use]
    pub fn append(&self, kind: EntryKind, digest: Digest) -> Self {
        let count = self.count + 1;
        let chain = Digest::of_parts(&[
            self.chain.as_bytes(),
            &count.to_be_bytes(),
            &[kind.byte()],
            digest.as_bytes(),
        ]);
        Self { epoch: self.epoch, count, chain }
    }

    /// The mailbox with this entry next; nothing, if what it carries cannot be read.
    #[must_use]
    pub fn with(&self, entry: &Entry) -> Option<Self> {
        let (kind, digest) = entry.chained()?;
        Some(self.append(kind, digest))
    }
}

impl Entry {
    /// What stands in the chain for it; nothing, if what it carries cannot be read.
    #[must_use]
    pub fn chained(&self) -> Option<(EntryKind, Digest)> {
        Some(match self {
            Self::Gone(gone) => (gone.kind, gone.digest),
            Self::Shown(shown) if shown.kind.carries() => {
                let carried = Envelope::parse(&shown.acknowledgement, ACKNOWLEDGEMENT_BYTES);
                (shown.kind, carried.ok()?.digest())
            }
            Self::Shown(shown) => (shown.kind, shown.header_digest),
        })
    }
}

/// Where the relay keeps a sealed body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// In the value itself.
    Inline(Bytes),
    /// Among the blobs, under its digest; its size in bytes.
    Blob(Digest, u64),
    /// Nowhere: the message has expired, and its letters are gone, too.
    Gone,
}

/// An accepted message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The signed header, as received.
    pub header: Bytes,
    /// The sealed body.
    pub body: Body,
    /// The letters, as received, by seat.
    pub letters: Vec<Bytes>,
    /// The payload of the accepted receipt, signed anew whenever it is given out.
    pub accepted: Bytes,
}

/// What became of a message: the acknowledgements in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Signed, as received.
    pub acknowledgements: Vec<Bytes>,
    /// The entries that show it beside those of its recipients: they go when it does.
    pub beside: Vec<Beside>,
}

/// An entry that shows a message to others than those whom it addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// In whose mailbox.
    pub contact: ContactId,
    /// In which epoch of it.
    pub epoch: u64,
    /// Its number in that mailbox.
    pub number: u64,
    /// Why it is there.
    pub kind: EntryKind,
    /// What stands in the chain for it.
    pub digest: Digest,
}

/// What is done with a message next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It has expired: its sender is told if not every contact has received it.
    Tell,
    /// It is no longer remembered: body, letters and answers go, and make room.
    Empty,
    /// Its metadata was kept for long enough: all else goes.
    Forget,
}

impl Step {
    /// As it is stored.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Self::Tell => 1,
            Self::Empty => 2,
            Self::Forget => 3,
        }
    }

    /// The step of a number.
    #[must_use]
    pub const fn of_number(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::Tell),
            2 => Some(Self::Empty),
            3 => Some(Self::Forget),
            _ => None,
        }
    }
}

/// How many bytes the relay keeps on a member's account until it deletes them: headers, letters and
/// bodies, and room for answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage(pub u64);

impl Usage {
    /// The usage with so many bytes more.
    #[must_use]
    pub const fn with(self, bytes: u64) -> Self {
        Self(self.0.saturating_add(bytes))
    }

    /// The usage without bytes that were deleted.
    #[must_use]
    pub const fn without(self, bytes: u64) -> Self {
        Self(self.0.saturating_sub(bytes))
    }
}

/// Values as they stood at one instant, then as the decisions of this round left them.
#[derive(Clone, Debug, Default)]
pub struct Snapshot(BTreeMap<Key, Option<Value>>);

impl Snapshot {
    /// What was read, and is not there.
    pub fn insert(&mut self, key: Key, value: Option<Value>) {
        self.0.insert(key, value);
    }

    /// What a command that named these keys may see of it.
    #[must_use]
    pub const fn named<'a>(&'a self, named: &'a [Key]) -> Seen<'a> {
        Seen { snapshot: self, named }
    }
}

/// What one command sees: the values of the keys that it named, and no other that a command of the
/// same round happened to name.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    snapshot: &'a Snapshot,
    named: &'a [Key],
}

/// Reads one kind of value. A key that was not named was not read, and a value of another kind was
/// not written by us: to take either for "absent" would decide on nothing, so it is refused.
macro_rules! read {
    ($name:ident, $variant:ident, $value:ty) => {
        #[doc = concat!("The value of a [`Key::", stringify!($variant), "`], if there is one.")]
        ///
        /// # Errors
        /// [`Refusal::Internal`]: the key was not named, or holds a value of another kind.
        pub fn $name(&self, key: &Key) -> Result<Option<&'a $value>, Refusal> {
            match self.seen(key)? {
                None => Ok(None),
                Some(Value::$variant(value)) => Ok(Some(value)),
                Some(_) => Err(Refusal::Internal(Fault::OtherValue)),
            }
        }
    };
}

impl<'a> Seen<'a> {
    fn seen(&self, key: &Key) -> Result<Option<&'a Value>, Refusal> {
        let unnamed = Refusal::Internal(Fault::UnnamedKey);
        if !self.named.contains(key) {
            return Err(unnamed);
        }
        self.snapshot.0.get(key).map(Option::as_ref).ok_or(unnamed)
    }

    read!(mailbox, Mailbox, Mailbox);
    read!(entry, Entry, Entry);
    read!(message, Message, Message);
    read!(outcome, Outcome, Outcome);
    read!(usage, Usage, Usage);
    read!(facet, Facet, OpenFacet);
    read!(share, Share, Share);
    read!(answers, Answers, Answers);
    read!(due, Due, Step);
    read!(blob, Blob, u64);
    read!(beginning, Beginning, Mailbox);
    read!(trail, Trail, Trail);
    read!(desk, Desk, Desk);
    read!(proposal, Proposal, Kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_named_or_is_of_another_kind_is_a_fault_and_not_absent() {
        let [own, colleagues] = ["fr", "jp"].map(|member| Key::Usage(member.parse().unwrap()));
        let mut snapshot = Snapshot::default();
        snapshot.insert(own.clone(), None);
        snapshot.insert(colleagues.clone(), Some(Value::Usage(Usage::default())));
        let named = [own.clone(), Key::Facet("fr/x".to_owned(), Digest::of(b"not read"))];
        let seen = snapshot.named(&named);
        assert_eq!(seen.usage(&own), Ok(None));
        // Named by another command of the round; named and not read; absent is absent as anything.
        assert!(matches!(seen.usage(&colleagues), Err(Refusal::Internal(_))));
        assert!(matches!(seen.facet(&named[1]), Err(Refusal::Internal(_))));
        assert_eq!(seen.mailbox(&own), Ok(None));
        snapshot.insert(own.clone(), Some(Value::Usage(Usage(1))));
        let seen = snapshot.named(&named);
        assert!(matches!(seen.mailbox(&own), Err(Refusal::Internal(_))));
        assert_eq!(seen.usage(&own), Ok(Some(&Usage(1))));
    }
}
