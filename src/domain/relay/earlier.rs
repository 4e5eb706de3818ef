//! What is added to the messages of a store that knew of no expiry, so that they expire.
//!
//! In scope: what follows from what is stored. Out of scope: reading and writing it
//! (`store::migrate`). Invariant: what is added is what this version would have stored.

use std::collections::BTreeMap;

use crate::crypto::hash::Digest;
use crate::domain::ids::{ContactId, MemberId, MessageId};
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::domain::state::{Beside, Entry, Key, Mailbox, Message, Outcome, Step, Usage, Value};
use crate::signed::dsse::Kind;

use super::addressing::Addressing;
use super::answers::{self, Answers};
use super::envelope::{self, read_letter};
use super::expire;

/// What was found so far. Entries come before what became of their messages.
#[derive(Debug, Default)]
pub struct Earlier {
    blobs: BTreeMap<Digest, u64>,
    paid: BTreeMap<MemberId, u64>,
    beside: BTreeMap<(MessageId, ContactId), Vec<Beside>>,
}

impl Earlier {
    /// An entry that is an acknowledgement goes with the message that it shows.
    ///
    /// # Errors
    /// The acknowledgement cannot be read.
    pub fn entry(
        &mut self,
        contact: ContactId,
        number: u64,
        entry: Entry,
        mailbox: &Mailbox,
    ) -> Result<(), Refusal> {
        let Entry::Shown(shown) = entry else { return Ok(()) };
        if shown.kind.carries() {
            let (limit, kind) = (limits::ACKNOWLEDGEMENT_BYTES, Kind::Acknowledgement);
            let digest = envelope::parse(&shown.acknowledgement, limit, kind)?.digest();
            let (epoch, kind) = (mailbox.epoch, shown.kind);
            let beside = Beside { contact, epoch, number, kind, digest };
            self.beside.entry((shown.id, shown.sender)).or_default().push(beside);
        }
        Ok(())
    }

    /// What stands beside a message: its first step, and the answers that are due to it.
    ///
    /// # Errors
    /// A letter cannot be read.
    pub fn message(
        &mut self,
        message: &Message,
        digest: Digest,
        of: &Addressing,
        answers: Option<Answers>,
    ) -> Result<Vec<(Key, Value)>, Refusal> {
        if let Some(Key::Blob(digest)) = expire::blob(&message.body) {
            *self.blobs.entry(digest).or_default() += 1;
        }
        let Some(answers) = answers else {
            // A receipt; or it is not known who has received it, and nothing is said of that.
            let due = Key::Due(answers::until(of), of.id, of.sender.contact());
            return Ok(vec![(due, Value::Due(Step::Empty))]);
        };
        let letters = message.letters.iter().map(read_letter).collect::<Result<Vec<_>, _>>()?;
        let paid = match answers.waiting {
            0 => 0,
            waiting => waiting + answers::room_for(of, &letters),
        };
        *self.paid.entry(of.sender.member()).or_default() += paid;
        let answers = Value::Answers(Answers { paid, ..answers });
        Ok(vec![expire::first(of), (Key::Answers(digest), answers)])
    }

    /// What became of a message, with the entries that show it besides.
    #[must_use]
    pub fn outcome(&mut self, of: &(MessageId, ContactId), outcome: Outcome) -> Outcome {
        Outcome { beside: self.beside.remove(of).unwrap_or_default(), ..outcome }
    }

    /// What is known once all messages were seen: how many name each body, and what is kept on each
    /// account.
    pub fn sums(self) -> impl Iterator<Item = (Key, Value)> {
        let blobs = self.blobs.into_iter();
        let blobs = blobs.map(|(digest, number)| (Key::Blob(digest), Value::Blob(number)));
        let paid = self.paid.into_iter().filter(|(_, bytes)| *bytes > 0);
        blobs.chain(paid.map(|(member, bytes)| (Key::Usage(member), Value::Usage(Usage(bytes)))))
    }
}
