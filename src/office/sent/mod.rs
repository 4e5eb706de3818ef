//! What of an outbox people look at, as values: each message that was sent, and all that came back.
//!
//! In scope: how far a message has come and with whom, what helps it, what of it does not hold. Out of scope: how a
//! page is made (`made`), asking the service (`ask`), how it is said and shown (each face). Invariant: a message
//! without an acknowledgement is neither late nor failed: nothing here says so.

mod ask;
mod made;

use std::collections::BTreeMap;

use crate::client::message::places::Contradiction;
use crate::client::message::receipt::{Comparison, ReceiptError, TwoHistories};
use crate::client::outbox::{SentState, Stage};
use crate::client::reason::Reason;
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::relay::addressing::OrLater;
use crate::domain::relay::envelope::VerifiedHeader;
use crate::signed::proto::{Level, Outcome};

use super::call::Why;
use super::pointer::{self, NotOne, Pointer};

pub use ask::Asked;

/// What became of all that a seat sent.
#[derive(Debug)]
pub struct Page {
    /// Each message that was sent.
    pub messages: Vec<Sent>,
    /// Where the relay's receipts contradict each other.
    pub contradictions: Vec<Contradiction>,
}

/// Why what the relay said of a message when it was asked does not hold, one by one.
pub type NotHeld = BTreeMap<MessageId, Vec<ReceiptError>>;

/// A message that was sent, and everything that came back.
#[derive(Debug)]
pub struct Sent {
    /// Its header, which was verified.
    pub header: VerifiedHeader,
    /// Its title, if it opens here.
    pub title: Option<String>,
    /// What the outbox knows of it; of acknowledgements those that hold.
    pub state: SentState,
    /// It is to be handed in yet.
    pub waits: bool,
    /// What kept it from that, the last time: a reason, and a sentence.
    pub kept_back: Option<(Reason, String)>,
    /// Why it was refused.
    pub refused: Option<Reason>,
    /// Of one that was refused and can still go: who cannot have it.
    pub cannot: Option<Vec<(ContactId, Why)>>,
    /// The message that went to the others in its place.
    pub went_as: Option<MessageId>,
    /// What the relay's receipts say.
    pub accepted: Option<Accepted>,
    /// Why those that stand here do not hold.
    pub not_accepted: Option<ReceiptError>,
    /// What else came now or stands here, and does not hold.
    pub not_held: Vec<ReceiptError>,
    /// Where its receipts contradict others.
    pub contradictions: Vec<Contradiction>,
    /// Whose machines told how it went.
    pub delivered: Vec<Delivered>,
    /// Who acknowledged it.
    pub acknowledged: Vec<Acknowledged>,
    /// Words whose acknowledgement has not come.
    pub words: Vec<Acknowledged>,
    /// Who answered it.
    pub answers: Vec<Answer>,
}

/// What the relay signed of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// When it first took it, by its clock.
    pub at: u64,
    /// Recipients, each with its number there.
    pub places: Vec<(ContactId, u64)>,
    /// The relay's key has ended since.
    pub key_ended: bool,
    /// Recipients in whose mailboxes the relay has not said that it stands.
    pub without_place: Vec<ContactId>,
    /// Recipients whose mailbox began anew since, with its epoch.
    pub new_mailboxes: Vec<(ContactId, u64)>,
}

/// What a recipient's machine told of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The seat that told it.
    pub seat: SeatId,
    /// When, by its clock.
    pub at: u64,
    /// How it fared.
    pub outcome: Option<OrLater<Outcome>>,
    /// What the sender was told, beside what this seat saw.
    pub compared: Option<Comparison>,
    /// The seat's key has ended since.
    pub key_ended: bool,
}

/// What a seat acknowledged, openly and in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The seat that acknowledged.
    pub seat: SeatId,
    /// At which level, if openly.
    pub level: Option<Level>,
    /// Its record does not have this level.
    pub level_lacking: bool,
    /// A key that signed it, or the words, has ended since.
    pub key_ended: bool,
    /// When, if openly.
    pub at: Option<u64>,
    /// Who, as its words say.
    pub person: Option<String>,
    /// Of which office.
    pub office: Option<String>,
    /// Under which number there.
    pub reference: Option<String>,
    /// What else it says.
    pub text: Option<String>,
    /// The sentence that was signed.
    pub statement: Option<String>,
}

/// A message that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its number in the mailbox.
    pub number: u64,
    /// The id of the answer.
    pub id: MessageId,
    /// Who wrote it.
    pub from: SeatId,
    /// The title of the answer.
    pub title: String,
    /// A key that signed has ended since.
    pub key_ended: bool,
}

/// How far a message has come with whom it has come furthest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HowFar<'a> {
    /// It went to the others as this one.
    WentToOthers(MessageId),
    /// It was refused.
    NotAccepted(&'a Reason),
    /// The relay has not said that it has it, but words came.
    HandedIn,
    /// It is to be handed in.
    Waits,
    /// The relay has lost it: it is to be handed in again.
    WaitsAgain,
    /// It expired before it was handed in.
    Expired,
    /// The relay has it.
    Accepted,
    /// A machine of the recipient opened it.
    Delivered,
    /// The recipient acknowledged it, at a level.
    Acknowledged(Option<Level>),
    /// The recipient answered it.
    Answered,
    /// It went to several, and so many have come so far.
    OfSeveral {
        /// The stage that they have reached.
        stage: Stage,
        /// How many have.
        by: usize,
        /// How many have acknowledged, in whatever form: an answer is more than that.
        acknowledged: usize,
        /// Of how many.
        of: usize,
    },
}

/// How a message stands as a whole: where it stands with whom it is furthest behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It went to the others as another.
    WentToOthers,
    /// It was refused, and is not handed in again by itself.
    Refused,
    /// It is to be handed in.
    Waits,
    /// It expired before it was handed in.
    Expired,
    /// It has come so far; if to nowhere, the relay has it all the same: words came.
    Reached(Stage),
}

/// What was shown, and does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault<'a> {
    /// The relay told two histories of a mailbox, of this message: both signatures are in the outbox.
    TwoHistories(MessageId, &'a TwoHistories),
    /// The relay contradicts itself: every receipt is in the outbox.
    Contradiction(&'a Contradiction),
    /// What the relay says is not signed, or cannot be.
    NotHeld(&'a ReceiptError),
}

/// The relay contradicts itself now: what it said of a mailbox that has begun anew since is past.
#[must_use]
pub fn contradicted(all: &[Contradiction]) -> Option<Fault<'_>> {
    all.iter().find(|of| !of.past).map(Fault::Contradiction)
}

impl Page {
    /// The one message that is pointed at.
    ///
    /// # Errors
    /// None, or several.
    pub fn at(&self, at: &Pointer) -> Result<&Sent, NotOne<&Sent>> {
        let found = self.messages.iter().filter(|sent| at.is_at_sent(&sent.header));
        pointer::only(found.collect())
    }

    /// The first of what does not hold.
    #[must_use]
    pub fn fault(&self) -> Option<Fault<'_>> {
        let of_one = || self.messages.iter().find_map(Sent::fault);
        contradicted(&self.contradictions).or_else(of_one)
    }
}

impl Sent {
    /// To whom it went.
    pub fn contacts(&self) -> impl Iterator<Item = &ContactId> {
        self.header.addressing().recipients.iter().map(|to| &to.contact)
    }

    /// How far it has come with one contact.
    #[must_use]
    pub fn reached(&self, contact: &ContactId) -> Stage {
        let state = &self.state;
        let mut opened = state.delivered.iter().filter(|(_, how)| *how == Outcome::Opened);
        if self.answers.iter().any(|answer| answer.from.contact() == *contact) {
            Stage::Answered
        } else if state.acknowledged.iter().any(|seat| seat.contact() == *contact) {
            Stage::Acknowledged
        } else if opened.any(|(seat, _)| seat.contact() == *contact) {
            Stage::Delivered
        } else if state.accepted.is_some() {
            Stage::Accepted
        } else {
            Stage::Sent
        }
    }

    fn furthest(&self) -> Stage {
        self.contacts().map(|to| self.reached(to)).max().unwrap_or(Stage::Sent)
    }

    /// How far it has come with whom it has come furthest.
    #[must_use]
    pub fn how_far(&self) -> HowFar<'_> {
        let stage = self.furthest();
        if let (Stage::Sent, Some(went_as)) = (stage, self.went_as) {
            return HowFar::WentToOthers(went_as);
        }
        match (stage, &self.refused) {
            (Stage::Sent, Some(reason)) => HowFar::NotAccepted(reason),
            (Stage::Sent, None) if !self.words.is_empty() => HowFar::HandedIn,
            (Stage::Sent, None) if self.waits => HowFar::Waits,
            (Stage::Sent, None) => HowFar::Expired,
            (Stage::Delivered | Stage::Acknowledged | Stage::Answered, _)
                if self.contacts().count() > 1 =>
            {
                let by = |stage| self.contacts().filter(|to| self.reached(to) >= stage).count();
                let (acknowledged, of) = (by(Stage::Acknowledged), self.contacts().count());
                HowFar::OfSeveral { stage, by: by(stage), acknowledged, of }
            }
            (Stage::Answered, _) => HowFar::Answered,
            (Stage::Acknowledged, _) => {
                HowFar::Acknowledged(self.acknowledged.iter().find_map(|by| by.level))
            }
            (Stage::Delivered, _) => HowFar::Delivered,
            (Stage::Accepted, None) if self.state.lost && self.waits && !self.is_overdue() => {
                HowFar::WaitsAgain
            }
            (Stage::Accepted, _) => HowFar::Accepted,
        }
    }

    /// How it stands as a whole.
    #[must_use]
    pub fn stands(&self) -> Stands {
        match self.contacts().map(|to| self.reached(to)).min().unwrap_or(Stage::Sent) {
            Stage::Sent if self.went_as.is_some() => Stands::WentToOthers,
            Stage::Sent if self.refused.is_some() => Stands::Refused,
            // The relay has it: words came.
            Stage::Sent if !self.words.is_empty() => Stands::Reached(Stage::Sent),
            Stage::Sent if self.waits => Stands::Waits,
            Stage::Sent => Stands::Expired,
            stage => Stands::Reached(stage),
        }
    }

    /// Of whom nothing came that shows that it was received, if it has expired and the relay says that
    /// somebody had not.
    pub fn not_received(&self) -> impl Iterator<Item = &ContactId> {
        let state = &self.state;
        let seats = state.delivered.iter().map(|(seat, _)| seat).chain(&state.words);
        let told: Vec<ContactId> = seats.map(SeatId::contact).collect();
        let silent = move |to: &&ContactId| {
            state.expired && self.reached(to) == Stage::Accepted && !told.contains(to)
        };
        self.contacts().filter(silent)
    }

    /// Whether it has expired, and nothing shows that everybody received it. Words do, whoever wrote them, if
    /// there is nothing else.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        let is_shown = self.furthest() == Stage::Accepted && !self.words.is_empty();
        self.not_received().next().is_some() && !is_shown
    }

    /// Who of several has not acknowledged, and how far it has come with him: whom to call, if it cannot wait.
    #[must_use]
    pub fn not_yet(&self) -> Vec<(&ContactId, Stage)> {
        if self.contacts().count() < 2 || self.furthest() == Stage::Sent {
            return Vec::new();
        }
        let silent: Vec<&ContactId> = self.not_received().collect();
        let reached = self.contacts().map(|to| (to, self.reached(to)));
        let open = reached.filter(|(_, stage)| *stage < Stage::Acknowledged);
        open.filter(|(to, _)| !silent.contains(to)).collect()
    }

    /// What the relay says, and does not hold.
    pub fn unverified(&self) -> impl Iterator<Item = &ReceiptError> {
        self.not_accepted.iter().chain(&self.not_held)
    }

    /// Whether some of that cannot be checked before an update: that is no failure.
    #[must_use]
    pub fn is_unchecked(&self) -> bool {
        self.unverified().any(|why| matches!(why, ReceiptError::BeforeUpdate(_)))
    }

    /// Whether the relay told sender and recipient two histories.
    #[must_use]
    pub fn is_disputed(&self) -> bool {
        self.delivered.iter().any(|one| one.two_histories().is_some())
    }

    /// The first of what does not hold.
    #[must_use]
    pub fn fault(&self) -> Option<Fault<'_>> {
        let id = self.header.addressing().id;
        let two = self.delivered.iter().find_map(Delivered::two_histories);
        let failed = || {
            let mut all = self.unverified();
            all.find(|why| !matches!(why, ReceiptError::BeforeUpdate(_))).map(Fault::NotHeld)
        };
        let two = two.map(|two| Fault::TwoHistories(id, two));
        two.or_else(|| contradicted(&self.contradictions)).or_else(failed)
    }
}

impl Delivered {
    /// Whether sender and recipient were told one history; nothing if it cannot be compared.
    #[must_use]
    pub const fn agrees(&self) -> Option<bool> {
        match &self.compared {
            Some(Comparison::Agree) => Some(true),
            Some(Comparison::Differ(_)) => Some(false),
            Some(Comparison::NotNamed) | None => None,
        }
    }

    /// The two that they were told.
    #[must_use]
    pub fn two_histories(&self) -> Option<&TwoHistories> {
        match &self.compared {
            Some(Comparison::Differ(two)) => Some(two),
            Some(Comparison::Agree | Comparison::NotNamed) | None => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
