//! Why a service does not start, or is not begun anew: each says what mends it.

use std::path::PathBuf;

use crate::crypto::sign::KeyId;
use crate::domain::directory::RULES;
use crate::domain::ids::ContactId;
use crate::domain::refusal::{OwnKey, Refusal};
use crate::store::StoreError;

use super::high_water::Unusable;
use super::mark::{NotAsShown, Unfit};

/// Why a service does not start. Each says what mends it.
#[derive(Debug, thiserror::Error)]
pub enum CannotStart {
    /// The store cannot be used.
    #[error(transparent)]
    Store(StoreError),
    /// The store holds what was not written, or does not hold what was.
    #[error(
        "{0}; keep its files as they are, and run liaisond salvage: it writes what can still be read \
         into a new store"
    )]
    Damaged(StoreError),
    /// Enough operators must have signed which mailboxes begin anew.
    #[error(
        "{needed} operators sign which mailboxes begin anew: liaison admin propose new-epoch CONTACT=EPOCH... \
         --out FILE, then a second one liaison sign FILE; give it with --approved FILE"
    )]
    NotApproved {
        /// How many operators must sign.
        needed: u32,
    },
    /// The approval is not one.
    #[error("the approval is refused: {0}")]
    Approval(Refusal),
    /// It is another act.
    #[error("what was approved is {0}, and not new-epoch")]
    AnotherAct(&'static str),
    /// It does not name this one.
    #[error(
        "the mailbox of {contact} would begin anew in epoch {epoch}, and what was approved does not say so: \
         --dry-run shows each with its epoch"
    )]
    NotInApproval {
        /// Whose mailbox it is.
        contact: ContactId,
        /// The epoch that it would begin.
        epoch: u64,
    },
    /// The charter is not admissible as entry 0.
    #[error("the charter is refused: {0}")]
    Charter(#[from] Refusal),
    /// A key that signs under the charter in force is not here.
    #[error(
        "the {} {id}, which signs under the charter in force, is not here: put its file back into the keys \
         folder; if it is lost for good, the registrars sign a charter with another: liaisond key stage {} \
         makes that, and liaisond charter put admits the charter", .of.name(), .of.word()
    )]
    Key {
        /// What it is for.
        of: OwnKey,
        /// Which key, by its id.
        id: KeyId,
    },
    /// Something that it cannot begin without.
    #[error("the service cannot begin: {0}")]
    Broken(String),
    /// The store has its marker, and nothing else.
    #[error(
        "the store is empty: its founding was cut off; move its folder away, and run liaisond init \
         --charter again"
    )]
    CutOff,
    /// The log is lost, or its head.
    #[error(
        "the store has no log with a signed head: put a whole copy of the data back; every replica has \
         the entries, but fetching them from one is not built yet"
    )]
    NoLog,
    /// The directory has moved on to rules that this program does not know.
    #[error("the directory has rules {0}, and this liaisond knows up to {RULES}: update it")]
    NewerRules(u32),
    /// The files of bodies cannot be used.
    #[error("the files of sealed bodies cannot be used: {0}")]
    Bodies(String),
    /// The high-water file cannot be used.
    #[error("the high-water file {path} cannot be used: {why}")]
    HighWater {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        why: Unusable,
    },
    /// It is not written anew.
    #[error(
        "the high-water file {path} is there and whole{}: nothing is to be done",
        .commits.map_or_else(String::new, |commits| format!(", and ends at commit {commits}"))
    )]
    Marked {
        /// Where it is.
        path: PathBuf,
        /// Where it ends.
        commits: Option<u64>,
    },
    /// The store is whole, and ends before what this service has shown, or beside it.
    #[error(
        "the store is older than what this service has shown: {0}; put the newer data back: what \
         members were told is never taken back; if the newer data is gone for good, liaisond {way}",
        way = .0.way_on()
    )]
    Older(#[from] NotAsShown),
    /// A new epoch of a mailbox was begun, and not all is delivered again.
    #[error(
        "the mailbox of {0} has begun anew, and not all that it had is in it again: run liaisond \
         mailbox new-epoch again"
    )]
    Unfinished(ContactId),
    /// A mailbox is to begin anew, and there is none.
    #[error("{0} has no mailbox: there is nothing to begin anew")]
    NoMailbox(ContactId),
    /// A mailbox did not begin anew, or not to its end.
    #[error("the mailbox of {contact} has not begun anew to its end: {why}; run the same again")]
    NotAnew {
        /// Whose it is.
        contact: ContactId,
        /// What went wrong, in words.
        why: String,
    },
    /// The log is behind, or beside, what this service has shown.
    #[error(
        "the store ends at entry {stored}, and this service has shown a checkpoint of {shown}: \
         the log never goes back; restore the newer data: fetching the entries from a replica is not \
         built yet, and no new epoch of a mailbox helps"
    )]
    Behind {
        /// The stored tree size.
        stored: u64,
        /// The tree size shown.
        shown: u64,
    },
}

impl From<StoreError> for CannotStart {
    fn from(why: StoreError) -> Self {
        match why {
            StoreError::Corrupt(_) | StoreError::Damaged(_) => Self::Damaged(why),
            why => Self::Store(why),
        }
    }
}

impl From<Unfit> for CannotStart {
    fn from(why: Unfit) -> Self {
        match why {
            Unfit::Store(why) => why.into(),
            Unfit::NotAsShown(why) => Self::Older(why),
        }
    }
}
