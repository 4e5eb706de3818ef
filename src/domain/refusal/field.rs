//! What is wrong with a field.
//!
//! In scope: every rule that a field can break, with what came. Out of scope: which field it is.

use crate::crypto::hash::InvalidDigest;
use crate::crypto::seal::InvalidSealingKey;
use crate::crypto::sign::InvalidPublicKey;
use crate::domain::ids::InvalidId;
use crate::domain::limits::TEXT_BYTES;

use super::quoted;

/// A field holds what it cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    // Whether it is there, how much of it, in which order.
    /// It is not there.
    #[error("it is missing")]
    Missing,
    /// It is there.
    #[error("expected none")]
    Superfluous,
    /// A list without anything.
    #[error("expected at least one")]
    Empty,
    /// A number, or how many there are.
    #[error("expected {}, found {found}", range(*least, *most))]
    OutOfRange {
        /// The least there may be.
        least: usize,
        /// The most there may be.
        most: usize,
        /// The number that came instead.
        found: usize,
    },
    /// A list that is no sorted set.
    #[error("expected a sorted list without doubles")]
    NotASet,
    /// A number that must not be 0.
    #[error("expected a number above 0")]
    Zero,

    // Values.
    /// Bytes of another number than 32.
    #[error("expected 32 bytes, found {0}")]
    Not32Bytes(usize),
    /// No value of its enum.
    #[error("{0} is no value")]
    NoValue(i32),
    /// No value of its enum under the rules in force.
    #[error("{value} is no value of rules {rules}")]
    NoValueOfRules {
        /// The enum's number, as it came.
        value: i32,
        /// Those in force.
        rules: u32,
    },
    /// No id of the kind that belongs there.
    #[error(transparent)]
    NoId(#[from] InvalidId),
    /// No name of a facet, a setting, an extra or a seat.
    #[error("expected 1 to 32 of a-z, 0-9 and -, found {}", quoted(.0))]
    NoWord(String),
    /// No tag of a language (BCP 47).
    #[error("expected a BCP 47 tag like pt-BR, found {}", quoted(.0))]
    NoLanguage(String),
    /// Text of so many bytes.
    #[error("expected 1 to {TEXT_BYTES} bytes of text, found {0}")]
    TextLength(usize),
    /// What no text holds.
    #[error("U+{:04X} cannot stand in text", u32::from(*.0))]
    NoText(char),

    // Keys.
    /// There is no key.
    #[error("expected a key")]
    NoKey,
    /// Not the bytes of a key that verifies.
    #[error(transparent)]
    NoPublicKey(#[from] InvalidPublicKey),
    /// Not the bytes of a key that seals.
    #[error(transparent)]
    NoSealingKey(#[from] InvalidSealingKey),
    /// A key of another algorithm than the one named beside it.
    #[error("the key is of another algorithm than it says")]
    OtherAlgorithm,
    /// A key to verify with of another algorithm.
    #[error("expected an Ed25519 key")]
    NotEd25519,
    /// A key to seal with of another algorithm.
    #[error("expected an X-Wing key")]
    NotXWing,
    /// An Ed25519 key that is no point.
    #[error("expected a key that is a point")]
    NoPoint,

    // Rules of one field alone.
    /// Certificates: none, or an empty one.
    #[error("expected at least one DER certificate")]
    NoCertificate,
    /// The name of a witness.
    #[error("expected a name of printable ASCII without space and +")]
    NoWitnessName,
    /// The key of a witness.
    #[error("expected keys that differ, and none of the log's")]
    KeyOfAnother,
    /// The facets of a statement.
    #[error("{} is no facet of such a statement", quoted(.0))]
    ForeignFacet(String),
    /// The keys of a seat.
    #[error("expected a seal key alone, or keys to sign, seal and connect")]
    HalfASeat,
    /// The contacts of a ladder.
    #[error("expected other contacts of the same member, each once")]
    NoStandIn,
    /// A recipient of step 0.
    #[error("who is addressed itself stands in for nobody")]
    StandsIn,
    /// The view of an empty log.
    #[error("expected one of a log with entries")]
    NoEntries,
    /// The kind of a mailbox's entry.
    #[error("expected an entry that is released if its header says a step, and only then")]
    OtherStep,
    /// A message that ends before it begins, or is kept too long.
    #[error("expected at most 30 days after it was created")]
    KeptTooLong,
    /// A message that is over.
    #[error("the message has expired")]
    Expired,
    /// A sealed file beside the body.
    #[error("expected a padded size, found {0}")]
    NotPadded(u64),
    /// The mark of an acknowledgement.
    #[error("expected the drill mark of the message, and of no other")]
    OtherDrill,
}

impl From<InvalidDigest> for Wrong {
    fn from(InvalidDigest(found): InvalidDigest) -> Self {
        Self::Not32Bytes(found)
    }
}

fn range(least: usize, most: usize) -> String {
    match least {
        0 => format!("at most {most}"),
        least => format!("{least} to {most}"),
    }
}
