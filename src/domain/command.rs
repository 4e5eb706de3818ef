//! The shape of every write: name the keys, decide on what was read, say what changes.
//!
//! Invariants: a decision is synchronous and pure; a command cannot read a key that it did not
//! name; the sequencer commits all that a decision says, or nothing.

use bytes::Bytes;

use crate::domain::view::View;
use crate::tlog::merkle::Tree;

use super::directory::{Directory, Parts};
use super::refusal::Refusal;
use super::relay::share::Grants;
use super::state::{Key, Seen, Value};

/// What a decision may look at: the directory, the log, and the keys it named.
pub struct World<'a> {
    /// The directory, as the decisions of this round have left it.
    pub directory: &'a Directory,
    /// The log at that head.
    pub log: &'a Tree,
    /// What stands under the keys named.
    pub seen: Seen<'a>,
    /// The newest head that was committed: tree size and root hash.
    pub head: View,
    /// What the relay grants to each member.
    pub grants: Grants,
    /// Now, Unix seconds.
    pub now: u64,
    /// How far that is believed.
    pub clock: Clock,
}

/// How far the service's clock is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// It is believed in all that it says.
    Settled,
    /// It was not served by it for long enough: what cannot be taken back waits.
    Unsettled,
    /// It may be wrong: then nothing that is dated is admitted, and no message refused for its time.
    InDoubt,
}

impl World<'_> {
    /// Now, Unix seconds, unless that is in doubt.
    #[must_use]
    pub fn believed(&self) -> Option<u64> {
        (self.clock != Clock::InDoubt).then_some(self.now)
    }

    /// Now, Unix seconds, for what ends with time and cannot be taken back.
    #[must_use]
    pub fn certain(&self) -> Option<u64> {
        (self.clock == Clock::Settled).then_some(self.now)
    }
}

/// A statement that the log is to take.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The bytes received.
    pub statement: Bytes,
    /// What it changes.
    pub parts: Box<Parts>,
}

/// What a command comes to.
#[derive(Clone, Debug)]
pub struct Decision<R> {
    /// Values to put.
    pub puts: Vec<(Key, Value)>,
    /// Values to take away.
    pub deletes: Vec<Key>,
    /// A statement to log.
    pub log: Option<Admission>,
    /// What the caller is told once all that is durable.
    pub reply: R,
}

impl<R> Decision<R> {
    /// That nothing changes.
    #[must_use]
    pub const fn nothing(reply: R) -> Self {
        Self { puts: Vec::new(), deletes: Vec::new(), log: None, reply }
    }

    /// Whether it is that.
    #[must_use]
    pub const fn changes_nothing(&self) -> bool {
        self.puts.is_empty() && self.deletes.is_empty() && self.log.is_none()
    }
}

/// One write to the store: what it reads, and what it decides.
pub trait Command: Send + Sync + 'static {
    /// What the caller is told.
    type Reply: Send + 'static;

    /// All that it will look at. It follows from the command alone: they are read before the round
    /// in which it is decided.
    fn keys(&self) -> Vec<Key>;

    /// Decides. It may be asked again when the store moved in between.
    ///
    /// # Errors
    /// The first refusal in the documented order.
    fn decide(&self, world: &World<'_>) -> Result<Decision<Self::Reply>, Refusal>;
}
