//! What failed and is tried again: when.
//!
//! In scope: how long each waits, and all together. Out of scope: trying, and in which order (`index`,
//! `hand_in`). Invariants: nothing is given up; what waits keeps nothing else back, unless the service
//! has too much to do.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::error::ClientError;

/// When those are tried again that failed.
#[derive(Debug)]
pub struct Later<K> {
    waits: BTreeMap<K, Waits>,
    /// Until then the service has too much to do.
    busy: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Waits {
    until: Instant,
    pause: Duration,
}

impl<K> Default for Later<K> {
    fn default() -> Self {
        Self { waits: BTreeMap::new(), busy: None }
    }
}

impl<K: Ord> Later<K> {
    /// It failed. It waits as long as the service says, else twice as long each time.
    pub fn failed(&mut self, what: K, why: &ClientError, now: Instant) {
        let said = why.retry_in().map(|said| said.clamp(FIRST_PAUSE, LONGEST));
        if why.reason == "BUSY" {
            self.busy = Some(now + said.unwrap_or(FIRST_PAUSE));
            return;
        }
        let before = self.waits.get(&what).map(|waits| waits.pause);
        let pause = before.map_or(FIRST_PAUSE, |before| (before * 2).min(LAST_PAUSE));
        self.waits.insert(what, Waits { until: now + said.unwrap_or(pause), pause });
    }

    /// It is done.
    pub fn done(&mut self, what: &K) {
        self.waits.remove(what);
    }

    /// Whether it may be tried.
    #[must_use]
    pub fn may(&self, what: &K, now: Instant) -> bool {
        let free = |until: Instant| until <= now;
        self.busy.is_none_or(free) && self.waits.get(what).is_none_or(|waits| free(waits.until))
    }

    /// When something may be tried that may not now.
    #[must_use]
    pub fn next(&self, now: Instant) -> Option<Instant> {
        let comes = |until: &Instant| *until > now;
        let first = self.waits.values().map(|waits| waits.until).filter(comes).min();
        self.busy.filter(comes).or(first)
    }
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);
/// Whatever the service says: a connection lasts no longer, and the next begins anew.
const LONGEST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use crate::client::error::{Exit, Side};
    use crate::domain::refusal::Refusal;
    use crate::wire::status;

    use super::*;

    fn lost() -> ClientError {
        ClientError::new(Side::Network, Exit::NotReachable, "UNAVAILABLE", "a stream was reset")
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_fails_waits_alone_and_longer_each_time() {
        let (mut later, mut now) = (Later::default(), Instant::now());
        assert_eq!((later.may(&1, now), later.next(now)), (true, None));
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            later.failed(1, &lost(), now);
            assert_eq!((later.may(&1, now), later.may(&2, now)), (false, true));
            assert_eq!(later.next(now), Some(now + seconds(pause)));
            now += seconds(pause);
            assert_eq!((later.may(&1, now), later.next(now)), (true, None));
        }
        later.done(&1);
        later.failed(1, &lost(), now);
        assert_eq!(later.next(now), Some(now + seconds(1)));
    }

    #[test]
    fn a_service_that_has_too_much_to_do_is_left_alone_as_long_as_it_says() {
        let (mut later, now) = (Later::default(), Instant::now());
        let busy = |wait| ClientError::from(status::busy("later", seconds(wait)));
        later.failed(2, &lost(), now);
        later.failed(1, &busy(20), now);
        let then = now + seconds(19);
        assert!(![1, 2, 3].iter().any(|of| later.may(of, then)));
        assert_eq!(later.next(then), Some(now + seconds(20)));
        let then = now + seconds(20);
        assert!([1, 2, 3].iter().all(|of| later.may(of, then)));
        // It is not asked in circles, and nobody is silenced for ever.
        for (said, waits) in [(0, 1), (u64::MAX, 3600)] {
            later.failed(1, &busy(said), then);
            assert_eq!(later.next(then), Some(then + seconds(waits)));
        }
    }

    /// A full mailbox is one message's matter.
    #[test]
    fn what_one_must_wait_for_keeps_no_other_back() {
        let (mut later, now) = (Later::default(), Instant::now());
        let full = Refusal::MailboxShare { contacts: Vec::new(), retry: Some(30) };
        later.failed(1, &status::of(&full).into(), now);
        assert_eq!((later.may(&1, now), later.may(&2, now)), (false, true));
        assert_eq!(later.next(now), Some(now + seconds(30)));
    }
}
