//! What a message pays for: the answers that it makes others give.
//!
//! In scope: how much room they may take, whose they are, which of them were given. Out of scope: who
//! has an account for it (`commands::accounts`). Invariant: each seat that was addressed has one receipt and its
//! first words, and nobody else has any.

use std::collections::BTreeSet;

use crate::domain::ids::{ContactId, SeatId};
use crate::domain::limits;
use crate::domain::refusal::{Amiss, Refusal, Undue};

use super::addressing::Addressing;
use super::envelope::{Letter, VerifiedEnvelope};

/// The answers that are due to a message, as they stand under its header digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// To whom they go.
    pub sender: ContactId,
    /// Until when the message is remembered, Unix seconds.
    pub until: u64,
    /// Its bytes, as they wait in the share of each recipient's mailbox; 0: they do not.
    pub waiting: u64,
    /// The seats that were addressed: those of recipients that have a letter.
    pub seats: BTreeSet<SeatId>,
    /// Of those, whose delivered receipt is here.
    pub receipts: BTreeSet<SeatId>,
    /// Of those, whose words were paid.
    pub words: BTreeSet<SeatId>,
    /// What the account of its sender's member gets back when they are due no more: bytes.
    pub paid: u64,
}

impl Answers {
    /// Those to a message with letters to these seats; none was given, and nothing was paid.
    #[must_use]
    pub fn due(of: &Addressing, letters: impl Iterator<Item = SeatId>) -> Self {
        let to = |seat: &SeatId| of.recipients.iter().any(|to| to.contact == seat.contact());
        Self {
            sender: of.sender.contact(),
            until: until(of),
            waiting: 0,
            paid: 0,
            seats: letters.filter(to).collect(),
            receipts: BTreeSet::new(),
            words: BTreeSet::new(),
        }
    }

    /// With the delivered receipt of a seat, handed in at `now`; nothing while the clock is in doubt.
    ///
    /// # Errors
    /// [`Refusal::WrongThread`], [`Refusal::ReceiptNotDue`].
    pub fn receipted(
        mut self,
        receipt: &VerifiedEnvelope,
        now: Option<u64>,
    ) -> Result<Self, Refusal> {
        let of = receipt.header().addressing();
        if now.is_some_and(|now| now >= self.until) {
            return Err(Refusal::ReceiptNotDue(Undue::Unknown));
        }
        if of.recipients.iter().any(|to| to.contact != self.sender) {
            return Err(Refusal::WrongThread(Amiss::NotToItsSender));
        }
        if !self.seats.contains(&of.sender) {
            return Err(Refusal::ReceiptNotDue(Undue::NotAddressed));
        }
        if !is_small(receipt) {
            return Err(Refusal::ReceiptNotDue(Undue::TooLarge));
        }
        if !self.receipts.insert(of.sender.clone()) {
            return Err(Refusal::ReceiptNotDue(Undue::Taken));
        }
        Ok(self)
    }

    /// With the words of a seat, if the message pays them: they are small, and the seat's first.
    #[must_use]
    pub fn with_words(mut self, words: &VerifiedEnvelope, now: Option<u64>) -> Option<Self> {
        let seat = &words.header().addressing().sender;
        let remembered = now.is_none_or(|now| now < self.until);
        let due = remembered && self.seats.contains(seat) && is_small(words);
        (due && self.words.insert(seat.clone())).then_some(self)
    }

    /// Whether a machine of the contact has received the message.
    #[must_use]
    pub fn is_received_by(&self, contact: &ContactId) -> bool {
        self.receipts.iter().any(|seat| seat.contact() == *contact)
    }
}

/// Until when the relay remembers a message: so long its id is used, and it can be answered.
#[must_use]
pub const fn until(of: &Addressing) -> u64 {
    of.expires.saturating_add(limits::ID_REMEMBERED_SECONDS)
}

/// Room for the answers to a message: of every seat addressed a receipt, an acknowledgement with its
/// words, and for those words a receipt of every seat of the sender's.
#[must_use]
pub fn room(of: &VerifiedEnvelope) -> u64 {
    room_for(of.header().addressing(), of.letters())
}

/// The same of a message with these letters.
#[must_use]
pub fn room_for(addressing: &Addressing, letters: &[Letter]) -> u64 {
    let seats = |contact: &ContactId| {
        let letters = letters.iter();
        letters.filter(|letter| letter.seat.contact() == *contact).count() as u64
    };
    let sender = addressing.sender.contact();
    let own = seats(&sender);
    let each = addressing.recipients.iter().map(|to| {
        let theirs = seats(&to.contact);
        let letters = if to.contact == sender { own } else { own + theirs };
        theirs * (size(letters) * (2 + own) + limits::ACKNOWLEDGEMENT_BYTES as u64)
    });
    each.sum()
}

/// Whether an answer fits into the room that is kept for it.
fn is_small(answer: &VerifiedEnvelope) -> bool {
    answer.header().body_size() == limits::BODY_BYTES[0]
        && answer.size() <= size(answer.letters().len() as u64)
}

/// An answer with so many letters.
const fn size(letters: u64) -> u64 {
    limits::ANSWER_BYTES + letters * limits::ANSWER_LETTER_BYTES
}
