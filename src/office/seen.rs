//! Of which copy of the directory something was read, and how old that copy is.
//!
//! In scope: its size and age, whether it follows its directory, which of that must not be missed. Out of scope: how
//! it is said (each face), bringing it up to date (`sync`). Invariant: of a copy that stands still nobody hears that
//! a sync would mend it.

use crate::client::error::ClientError;
use crate::client::replica::{Frozen, Replica};
use crate::domain::ids::DirectoryName;

use super::Office;
use super::told::Note;

/// How old the copy is from which something was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Of which directory it is.
    pub directory: DirectoryName,
    /// How many entries it shows.
    pub size: u64,
    /// When it was last found complete, Unix seconds.
    pub synced_at: Option<u64>,
    /// That is too long ago, or never was, or it stands still.
    pub stale: bool,
    /// Why it stands still.
    pub frozen: Option<Frozen>,
    /// When it was read, Unix seconds by this machine's clock.
    pub now: u64,
}

impl Office {
    /// Of a copy, as it is now.
    ///
    /// # Errors
    /// It lacks entries.
    pub fn seen(&self, replica: &Replica) -> Result<Seen, ClientError> {
        let (directory, now) = (replica.directory()?, self.ambient().now());
        Ok(Seen {
            directory: directory.name().clone(),
            size: replica.view()?.size,
            synced_at: replica.synced_at(),
            stale: replica.is_stale(now),
            frozen: replica.frozen().cloned(),
            now,
        })
    }
}

impl Seen {
    /// How many seconds ago it was found complete.
    #[must_use]
    pub fn age(&self) -> Option<u64> {
        self.synced_at.map(|at| self.now.saturating_sub(at))
    }

    /// What must not be missed of it.
    #[must_use]
    pub fn warning(&self) -> Option<Note> {
        match (&self.frozen, self.stale) {
            (Some(_), _) => Some(Note::CopyStandsStill),
            (None, true) => Some(Note::CopyStale),
            (None, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::office::tests::whole::Whole;
    use crate::world::relay::{FR, NAME, Net};

    fn seen(of: &Whole) -> Seen {
        of.mail.office.seen(&of.mail.replica).unwrap()
    }

    #[test]
    fn a_fresh_copy_tells_its_size_and_warns_of_nothing() {
        let net = Net::new();
        let seen = seen(&Whole::of(&net, FR));
        assert_eq!((seen.directory.as_str(), seen.size), (NAME, net.directory.size()));
        assert!(seen.age().is_some_and(|age| age < 60), "{seen:?}");
        assert_eq!((seen.stale, seen.frozen.is_none(), seen.warning()), (false, true, None));
    }

    #[test]
    fn a_copy_is_stale_after_what_its_charter_allows_and_not_before() {
        let net = Net::new();
        let allowed = net.directory.charter().policy.stale_after;
        let fresh = seen(&Whole::synced_before(&net, FR, allowed - 60));
        assert_eq!((fresh.stale, fresh.warning()), (false, None));
        let old = seen(&Whole::synced_before(&net, FR, allowed + 60));
        assert_eq!((old.stale, old.warning()), (true, Some(Note::CopyStale)));
        assert!(old.age().is_some_and(|age| age >= allowed + 60), "{old:?}");
    }

    /// By a clock that was put back.
    #[test]
    fn what_was_synced_in_the_future_has_no_negative_age() {
        let seen = Seen { now: 1000, synced_at: Some(2000), ..seen(&Whole::of(&Net::new(), FR)) };
        assert_eq!(seen.age(), Some(0));
        assert_eq!(Seen { synced_at: None, ..seen }.age(), None);
    }

    #[test]
    fn of_a_copy_that_stands_still_an_update_is_asked_for_and_no_sync() {
        let mut net = Net::new();
        net.newer_rules();
        let seen = seen(&Whole::of(&net, FR));
        assert!(seen.stale && seen.frozen.is_some());
        assert_eq!(seen.warning(), Some(Note::CopyStandsStill));
    }
}
