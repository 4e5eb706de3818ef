//! What an office tells the face it works for, while it works: values, and not a word.
//!
//! In scope: each thing that people should know besides what they asked for, and how far long work is. Out of
//! scope: its words (`words`), where they stand (the face). Invariant: a face that hears nothing loses nothing
//! but the telling.

use std::path::PathBuf;

use crate::client::address::InvalidAddress;
use crate::client::error::ClientError;
use crate::client::keys::Owner;
use crate::client::message::compose::ComposeError;
use crate::client::message::open::NotOpened;
use crate::client::message::receipt::ReceiptError;
use crate::client::replica::Frozen;
use crate::domain::directory::key::Purpose;
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::refusal::Amiss;
use crate::domain::relay::addressing::{Addressing, OrLater};
use crate::domain::state::LaterKind;
use crate::signed::proto::{Class, Tlp, Urgency};

use super::asked::Question;
use super::call::{Called, Why};
use super::collect::Unproven;

/// Whom an office works for: a terminal, a console, a program.
pub trait Face: Send + Sync {
    /// Something that people should know.
    fn hears(&self, note: Note);

    /// Whether people say so; no, if nobody is there.
    fn agrees(&self, question: &Question<'_>) -> bool;

    /// Somebody who watches one long work; when he is dropped, it has ended.
    fn watches(&self) -> Box<dyn Watch>;
}

/// Who watches a long work.
pub trait Watch: Send {
    /// So much of it is done.
    fn shows(&mut self, work: Work, done: u64, of: u64);
}

/// A work that may be long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Entries of the own copy, verified again.
    Verifying,
    /// Entries of the log, fetched.
    Entries,
    /// Details of contacts, fetched.
    Details,
    /// Messages of the mailbox, fetched.
    Messages,
}

/// Something that people should know.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    // The home and its copy of the directory.
    /// A file names an address that cannot be used: it is skipped.
    BadAddress(PathBuf, InvalidAddress),
    /// What was kept beside the entries was not believed, and why: every entry was verified again.
    VerifiedAgain(&'static str),
    /// The copy on this disk was altered: where it is kept.
    CopyAltered(PathBuf),
    /// Entries and checkpoint that the rules do not admit: where they are kept, as evidence.
    Inadmissible(PathBuf),
    /// The log has signed this entry, which its rules do not admit.
    Halted(u64),
    /// The copy is stale.
    CopyStale,
    /// The rules of the directory are newer than this program.
    CopyStandsStill,
    /// Keys of this owner, for these uses, have taken their place.
    KeysInForce(Owner, Vec<Purpose>),
    /// Something could not be kept here, and why.
    NotKept(Unkept, ClientError),

    // A sync.
    /// Details of so many contacts are handed to members and registrars only.
    DetailsForMembers(usize),
    /// The service did not hand over this part of what a contact publishes.
    Withheld(ContactId, String),
    /// This machine's clock and the directory's, Unix seconds: one of the two is wrong.
    ClocksApart {
        /// This machine's clock, Unix seconds.
        own: u64,
        /// The directory's clock, Unix seconds.
        directory: u64,
    },
    /// Charters were in use that the log does not hold: where they are kept, as evidence.
    ChartersRefuted(PathBuf),
    /// The directory stands still here.
    StandsStill(Frozen),
    /// Whether its newest checkpoint is the log's cannot be checked before an update.
    CheckpointUnchecked,

    // What came.
    /// Who is muted cannot be read, and why: nobody is.
    NobodyMuted(ClientError),
    /// The mailbox of the contact began anew, in this epoch.
    BeganAnew(ContactId, u64),
    /// Messages that were here already, each with its new number.
    DeliveredAgain(Vec<(u64, MessageId)>),
    /// An entry waits for a directory of this size, and the service shows less.
    WaitsForDirectory(u64),
    /// The relay told two histories of a mailbox, of a message that was sent from here.
    TwoHistories(MessageId),
    /// A message was refused for its place in its thread.
    Refused {
        /// Who sent it.
        sender: SeatId,
        /// What it is.
        class: OrLater<Class>,
        /// What is amiss.
        amiss: Amiss,
    },
    /// The header of the entry of this number is not believed.
    Unverified(u64, NotOpened),
    /// The entry of this number shows an acknowledgement that does not hold.
    NotAcknowledged(u64, ReceiptError),
    /// A message of this contact expired before every contact had it; which, if it was sent from here.
    NotDelivered(Option<MessageId>),
    /// The entry of this number does not show what the relay says by it.
    NotProven(u64, Unproven),
    /// The entry of this number is one that only a later version can deal with.
    Later(u64, LaterKind),
    /// A body has not come yet, and why.
    NotFetched(u64, ClientError),
    /// The service has lost a body, and who has it.
    BodyLost(ClientError),
    /// The copy of the directory is not up to date yet, and why; it is tried again.
    NotSynced(ClientError),
    /// The relay's head cannot be checked before an update.
    HeadUnchecked,
    /// The sender cannot be told that it arrived, and why.
    CannotAnswer(ComposeError),

    /// Another program is collecting into this inbox.
    CollectedElsewhere,
    /// So many messages are not fetched yet.
    FetchedLater(usize),
    /// So many entries came spoilt: they are asked for again.
    AskingAgain(usize),
    /// What came spoilt does not come now, and why.
    AskedInVain(ClientError),
    /// So many of them were dealt with.
    CameAtLast(usize),

    // What goes.
    /// The relay had accepted a message, and has lost it: it is handed in again.
    LostByService(MessageId),
    /// So many wait to be handed in: they go later.
    HandedInLater(usize),
    /// What waits here is handed in: so many.
    HandingIn(usize),
    /// What a contact says of itself was to hold until then, Unix seconds: it is over.
    RecordOver {
        /// Whose record it is.
        contact: ContactId,
        /// Until when it was to hold.
        expires: u64,
        /// The time by this machine's clock.
        now: u64,
    },
    /// A message is sealed to so many seats of a contact, and kept.
    Sealed(Called, usize),
    /// An acknowledgement is hoped for within so many seconds.
    HopedFor(Urgency, u32),
    /// An answer has the strictest label of its thread.
    LabelOfThread(Tlp),
    /// A message would go further than its thread.
    Widens(Widening),
    /// The service takes its time with what is handed in.
    NotTakenYet,
    /// Nothing is sent to a contact that some message was for, and why: it is called.
    LeftOut(Called, Why),
    /// A request is sealed again, as things are now.
    SealedAgain(MessageId),
    /// What is due was not handed in, and why.
    DueNotHandedIn(ClientError),
    /// So many wait still to be handed in.
    StillDue(usize),
    /// A request was not accepted, or its receipt was not kept.
    NotAccepted {
        /// The id of its message.
        id: MessageId,
        /// To whom, if its header holds.
        of: Option<Addressing>,
        /// Why it was not.
        error: ClientError,
    },
    /// What was written before still waits.
    StillWaits {
        /// The id of the message.
        id: MessageId,
        /// Its title, if it has one that opens.
        title: Option<String>,
        /// Its addressing: to whom it goes.
        of: Addressing,
        /// What keeps it back.
        why: String,
    },
}

/// What a message would carry further than its thread says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widening {
    /// The label that it would have.
    pub label: Tlp,
    /// The strictest label of its thread, where this one is weaker.
    pub thread: Option<Tlp>,
    /// Contacts to which no message of its thread went, and of which none came.
    pub outside: Vec<ContactId>,
}

/// What could not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unkept {
    /// That the entries of the copy were verified.
    Verified,
    /// New keys, in the place of those before.
    NewKeys,
    /// What a list needs of every entry of the inbox.
    Index,
}

impl Note {
    /// Of a contact's record, if it is over. That stops nothing.
    #[must_use]
    pub fn of_record(contact: &ContactId, expires: u64, now: u64) -> Option<Self> {
        (expires < now).then(|| Self::RecordOver { contact: contact.clone(), expires, now })
    }

    /// Whether it must not be missed.
    #[must_use]
    pub const fn warns(&self) -> bool {
        !matches!(
            self,
            Self::KeysInForce(..)
                | Self::DetailsForMembers(_)
                | Self::HandingIn(_)
                | Self::Sealed(..)
                | Self::HopedFor(..)
                | Self::LabelOfThread(_)
                | Self::NotTakenYet
                | Self::SealedAgain(_)
                | Self::CollectedElsewhere
                | Self::FetchedLater(_)
                | Self::AskingAgain(_)
                | Self::AskedInVain(_)
                | Self::CameAtLast(_)
                | Self::LostByService(_)
                | Self::HandedInLater(_)
        )
    }
}
