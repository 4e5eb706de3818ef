//! What the reasons of one kind say: closed lists, and the words for each.
//!
//! In scope: who, whose, which. Out of scope: fields (`field`).

use crate::domain::ids::{ContactId, MemberId, MessageId, SeatId};
use crate::domain::limits::{LETTERS, TARGETS};
use crate::domain::reason::Reason;
use crate::domain::role::{Holder, Purpose};
use crate::signed::dsse::Kind;

/// What is wrong with the targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Targets {
    /// None, too many, unsorted, or two of one name.
    #[error("are not a sorted set of 1 to {TARGETS}")]
    NotASet,
    /// One with a name that is none, or a genesis of another length.
    #[error("are not names of directories, each with its genesis")]
    IllFormed,
    /// A kind that counts has a version, and no other.
    #[error("have a version that such a statement cannot have")]
    Version,
    /// Several, of a kind for one directory.
    #[error("of such a statement are exactly one")]
    Several,
}

/// What belongs where something else came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Expected {
    /// One of any kind.
    #[error("a statement")]
    Statement,
    /// A kind that registrars sign.
    #[error("what registrars sign")]
    OfRegistrars,
    /// One of this kind.
    #[error("{} {}", article(.0.name()), .0.name())]
    Kind(Kind),
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// Whose signatures count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Deciders {
    /// Those of the charter in force.
    #[error("the registrars in force")]
    Registrars,
    /// Those of a charter that would be the next.
    #[error("the new registrars")]
    NewRegistrars,
    /// Those of a charter that stands alone.
    #[error("its registrars")]
    OwnRegistrars,
    /// A member's authority.
    #[error("the authority of {0}")]
    Authority(MemberId),
    /// A contact's keeper.
    #[error("the keeper of {0}")]
    Keeper(ContactId),
    /// Of an attested record.
    #[error("the registrars, or of the authority of {0}")]
    RegistrarsOrAuthority(MemberId),
    /// Of the keys of a seat.
    #[error("a seat or the keeper of {0}, or its authority")]
    ContactOrAuthority(ContactId),
    /// Of a header or an acknowledgement.
    #[error("a seat")]
    Seat,
    /// Of an act.
    #[error("the operators")]
    Operators,
}

/// Whose a listed key would be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Owner {
    /// A holder, who proves that he has it.
    #[error("{0}")]
    Holder(Holder),
    /// A witness, of that name, who proves nothing.
    #[error("{0}")]
    Witness(String),
}

/// Why a key cannot be listed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reused {
    /// Twice in one statement.
    #[error("is listed twice")]
    Twice,
    /// Of another holder, or for another use.
    #[error("already belongs to {holder}, for {}", purpose.name())]
    Belongs {
        /// Whose it is.
        holder: Holder,
        /// What it is for.
        purpose: Purpose,
    },
    /// Dropped, revoked or withdrawn.
    #[error("has ended and never returns")]
    Ended,
}

/// A key of the service itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OwnKey {
    /// Signs checkpoints of the log.
    Log,
    /// Signs accepted receipts and mailbox heads.
    Relay,
    /// Issues the nodes' certificates.
    Authority,
}

impl OwnKey {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Log, Self::Relay, Self::Authority];

    /// What it is called in sentences.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "log key",
            Self::Relay => "relay key",
            Self::Authority => "service authority",
        }
    }

    /// As commands call it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Relay => "relay",
            Self::Authority => "ca",
        }
    }

    /// As a charter is drafted with it: `--log-key`, or without it: `--remove-log-key`.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Log => "log-key",
            Self::Relay => "relay-key",
            Self::Authority => "service-ca",
        }
    }
}

/// What this release does not serve yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Unserved {
    #[error("a facet with another visibility than members")]
    Visibility,
    #[error("a step of the ladder above 0, or its deadline,")]
    Step,
    #[error("a class that this version does not know")]
    Class,
    #[error("an urgency that this version does not know")]
    Urgency,
    #[error("a kind of drill that this version does not know")]
    DrillKind,
    #[error("a flag that this version does not know")]
    Flag,
    #[error("a sealed file beside the body")]
    Blob,
    #[error("a second signature of a header")]
    SecondSignature,
    #[error("a body above 1 MiB")]
    LargeBody,
}

/// How who signed, who is named and who hands in differ.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The key is another seat's than the one named.
    #[error("{signed} signed, and it names {named}")]
    Seat {
        /// Whose key it is.
        signed: SeatId,
        /// As it stands there.
        named: String,
    },
    /// Another contact hands it in.
    #[error("{by} hands in what {signed} signed")]
    HandedIn {
        /// Who hands it in.
        by: ContactId,
        /// The seat that signed it.
        signed: SeatId,
    },
    /// Words beside an acknowledgement.
    #[error("the words are not an acknowledgement of this message to its sender")]
    Words,
}

/// What is wrong with the letters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Letters {
    /// The header names so many.
    #[error("are {0}, and a message has 1 to {LETTERS}")]
    OutOfRange(u32),
    /// Not as many as the header names.
    #[error("are {found}, and the header names {named}")]
    OtherNumber {
        /// In the header.
        named: u32,
        /// How many there are.
        found: usize,
    },
    /// Not by seat, or two for one.
    #[error("are not sorted by seat, one for each")]
    NotASet,
    /// Not those that the header names.
    #[error("have another root than the header's")]
    OtherRoot,
    /// Not exactly one for each of these.
    #[error("must be one for each of {}, to the key in force", super::list(.0))]
    OtherSeats(Vec<SeatId>),
}

/// Which message is meant, by what names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Which {
    /// That of an id.
    #[error("{0}")]
    Id(MessageId),
    /// That at a number of the mailbox.
    #[error("at number {0}")]
    Number(u64),
}

impl From<MessageId> for Which {
    fn from(id: MessageId) -> Self {
        Self::Id(id)
    }
}

/// What is amiss with a message's place in its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Amiss {
    /// Its id is its thread's.
    #[error("it begins a thread, and says that it answers a message")]
    BeginsAndAnswers,
    /// Its id is not its thread's, or its class answers by its nature.
    #[error("it answers no message, and must")]
    AnswersNothing,
    /// A receipt or an acknowledgement to another than the sender of the message answered, alone.
    #[error("it is a receipt or an acknowledgement, which goes to the message's sender alone")]
    NotToItsSender,
    /// The message answered has another thread.
    #[error("it answers a message of another thread")]
    OtherThread,
    /// The message answered, or the thread's first, has another mark.
    #[error("it bears another drill mark than its thread")]
    OtherDrill,
    /// The sender's contact neither sent the message answered nor got it.
    #[error("it answers a message that its sender neither sent nor got")]
    NotAParty,
    /// A withdrawal or correction of what another contact said.
    #[error("it withdraws or corrects what another contact sent")]
    NotItsOwn,
    /// An all-clear in a thread that another contact began.
    #[error("it gives the all-clear in a thread that another contact began")]
    NotItsBeginner,
    /// Its view is older than that of the message it answers.
    #[error("its view of the directory is older than that of the message it answers")]
    EarlierView,
}

impl Amiss {
    /// Which of the two reasons.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::EarlierView => Reason::ViewBefore,
            Self::BeginsAndAnswers
            | Self::AnswersNothing
            | Self::NotToItsSender
            | Self::OtherThread
            | Self::OtherDrill
            | Self::NotAParty
            | Self::NotItsOwn
            | Self::NotItsBeginner => Reason::WrongThread,
        }
    }
}

/// Why no delivered receipt is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undue {
    /// The relay never had the message, or has forgotten it.
    #[error("the message that the receipt answers is not here, or is no longer remembered")]
    Unknown,
    /// No letter of it went to the seat, or not as to a recipient.
    #[error("the message that the receipt answers was not addressed to its seat")]
    NotAddressed,
    /// It takes more room than the message pays.
    #[error("a receipt has a body of the smallest size, and is small itself; this one is larger")]
    TooLarge,
    /// There is one of this seat.
    #[error("the seat has given its receipt for this message")]
    Taken,
}

/// A fault of the service itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Fault {
    #[error("a request came past the door")]
    PastTheDoor,
    #[error("a proposal could not be verified")]
    UnverifiedProposal,
    #[error("a body could not be kept")]
    BodyNotKept,
    #[error("a proposal that is kept cannot be read")]
    UnreadableProposal,
    #[error("an approval that is not kept was counted")]
    UnkeptApproval,
    #[error("a decision looked at a key that its command did not name")]
    UnnamedKey,
    #[error("a key holds a value of another kind")]
    OtherValue,
    #[error("a stored accepted receipt cannot be read")]
    UnreadableReceipt,
    #[error("an entry that is not the next one was applied")]
    NotTheNextEntry,
}
