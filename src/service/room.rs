//! Whether there is room for what is handed in.
//!
//! In scope: how much is left, and what of that is kept for whom. Out of scope: how it is measured
//! (`store::space`). Invariants: reading asks for none; what ends a key, answers or alerts is taken
//! longer than the rest; it goes on by itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::ambient::Ambient;
use crate::disk::space::{Boundless, Found, Space};
use crate::domain::access::{Face, Method};
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::domain::relay::share;

use super::door::Ask;
use super::telemetry::{Event, Telemetry};

pub use super::left::Left;

/// Where the room is measured, and how much of it is kept.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Says how much there is.
    pub space: Arc<dyn Space>,
    /// Bytes that are kept for what cannot wait.
    pub reserve: u64,
}

impl Default for Storage {
    /// There is always room.
    fn default() -> Self {
        Self { space: Arc::new(Boundless), reserve: limits::RESERVE_BYTES }
    }
}

/// How much room there is, as it was seen last.
#[derive(Debug)]
pub(super) struct Room {
    storage: Storage,
    ambient: Ambient,
    telemetry: Arc<Telemetry>,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    at: Option<Duration>,
    left: Left,
}

impl Room {
    pub(super) fn new(storage: Storage, ambient: Ambient, telemetry: Arc<Telemetry>) -> Self {
        let seen = Mutex::new(Seen { at: None, left: Left::Ample });
        Self { storage, ambient, telemetry, seen }
    }

    /// What is left, at most a second ago.
    pub(super) fn left(&self) -> Left {
        let (now, mut seen) = (self.ambient.elapsed(), self.seen());
        if seen.at.is_some_and(|at| now < at + LOOK_EVERY) {
            return seen.left;
        }
        seen.at = Some(now);
        // What cannot be looked at is as it was.
        if let Ok(found) = self.storage.space.look() {
            let left = self.of(found);
            if left != seen.left {
                self.telemetry.say(&Event::Room(left, found.free));
            }
            seen.left = left;
        }
        seen.left
    }

    /// Much was written: what is left is looked at again.
    pub(super) fn shrank(&self) {
        self.seen().at = None;
    }

    /// Whether the service may commit.
    ///
    /// # Errors
    /// No commit is sure to fit, or none is taken.
    pub(super) fn for_a_commit(&self) -> Result<(), Refusal> {
        match self.left() {
            Left::ReadOnly => Err(Refusal::StorageReadOnly),
            Left::Nothing => Err(Refusal::StorageFull),
            Left::Last | Left::Reserve | Left::Ample => Ok(()),
        }
    }

    /// Whether there is room for what is asked.
    ///
    /// # Errors
    /// [`Refusal::StorageFull`], [`Refusal::StorageReadOnly`].
    pub(super) fn takes(&self, ask: Ask) -> Result<(), Refusal> {
        let needed = match ask {
            Ask::Call(
                Method::Propose | Method::Approve | Method::CarryOut | Method::StageServiceKey,
            ) => Left::Ample,
            Ask::Call(Method::Abort | Method::DropSessions) => Left::Reserve,
            Ask::Call(method) if writes(method) => Left::Reserve,
            Ask::Call(_) | Ask::Refusal | Ask::Drop | Ask::Reads(_) => return Ok(()),
            Ask::Revocations(_) | Ask::Receipt => Left::Reserve,
            Ask::Message(urgency) if share::is_alert(urgency) => Left::Reserve,
            Ask::Message(_) | Ask::Statements(_) => Left::Ample,
        };
        match self.left() {
            left if left >= needed => Ok(()),
            Left::ReadOnly => Err(Refusal::StorageReadOnly),
            Left::Nothing | Left::Last | Left::Reserve | Left::Ample => Err(Refusal::StorageFull),
        }
    }

    const fn of(&self, Found { free, read_only }: Found) -> Left {
        let reserve = self.storage.reserve;
        if read_only {
            Left::ReadOnly
        } else if free < limits::LEAST_FREE_BYTES {
            Left::Nothing
        } else if free < reserve / limits::RESERVE_LAST_PART {
            Left::Last
        } else if free < reserve {
            Left::Reserve
        } else {
            Left::Ample
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a method stores something.
#[must_use]
pub(super) const fn writes(method: Method) -> bool {
    matches!(method, Method::Enrol | Method::Publish | Method::Submit | Method::Acknowledge)
}

/// Whether a call of the method goes to its end, though nobody waits for it any more.
#[must_use]
pub fn goes_to_its_end(method: Method) -> bool {
    writes(method) || method.face() == Face::Administration
}

/// What is left is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_too_little_room_is_true_whatever_is_refused() {
        let said = Left::Nothing.to_string();
        let least = format!("has less than {} MiB left", limits::LEAST_FREE_BYTES >> 20);
        assert!(said.contains(&least) && !said.contains("ENOSPC"), "no write failed: {said}");
        // An alert is refused by the same words as what can wait.
        let refused = Refusal::StorageFull.to_string();
        assert!(refused.contains("too little room left for this"), "{refused}");
        assert!(!refused.contains("cannot wait"), "{refused}");
    }
}
