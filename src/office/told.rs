//! What an office tells the face it works for, while it works: values, and not a word.
//!
//! In scope: each thing that people should know besides what they asked for, and how far long work is. Out of
//! scope: its words (`words`), where they stand (the face). Invariant: a face that hears nothing loses nothing
//! but the telling.

use std::fmt::Debug;
use std::path::PathBuf;

use crate::client::address::InvalidAddress;
use crate::client::error::ClientError;
use crate::client::keys::Owner;
use crate::client::replica::Frozen;
use crate::domain::directory::key::Purpose;
use crate::domain::ids::ContactId;

/// Whom an office works for: a terminal, a console, a program.
pub trait Face: Send + Sync + Debug {
    /// Something that people should know.
    fn hears(&self, note: Note);

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
}

/// Something that people should know.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        /// This machine's.
        own: u64,
        /// The directory's.
        directory: u64,
    },
    /// Charters were in use that the log does not hold: where they are kept, as evidence.
    ChartersRefuted(PathBuf),
    /// The directory stands still here.
    StandsStill(Frozen),
    /// Whether its newest checkpoint is the log's cannot be checked before an update.
    CheckpointUnchecked,
}

/// What could not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unkept {
    /// That the entries of the copy were verified.
    Verified,
    /// New keys, in the place of those before.
    NewKeys,
}

impl Note {
    /// Whether it must not be missed.
    #[must_use]
    pub const fn warns(&self) -> bool {
        !matches!(self, Self::KeysInForce(..) | Self::DetailsForMembers(_))
    }
}
