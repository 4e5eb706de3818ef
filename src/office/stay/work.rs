//! What is to be done on one connection, beside its stream.

use std::collections::{BTreeSet, VecDeque};

use tokio::time::Instant;

use crate::wire::v1;

use super::super::hand_in::Due;
use super::super::later::Later;
use crate::client::reach::mailbox::Event;

/// What who follows has to do, and has begun.
#[derive(Default)]
pub(super) struct Work {
    /// What came of the stream before its next head.
    pub(super) held: Vec<v1::Item>,
    /// An event that only a newer copy of the directory can check.
    pub(super) unchecked: Option<Event>,
    /// The sync on its way began since that came.
    pub(super) reaches: bool,
    /// Something waits for a newer copy of the directory than is being fetched.
    pub(super) behind: bool,
    /// What came spoilt, to be asked for again.
    pub(super) spoilt: Vec<v1::CollectRequest>,
    /// Bodies to ask for by their numbers, most urgent first.
    pub(super) wanted: VecDeque<u64>,
    /// Those on the way: they are not given up for what comes.
    pub(super) fetching: BTreeSet<u64>,
    /// When each is asked for again that did not come.
    pub(super) later_wanted: Later<u64>,
    /// What is to be handed in.
    pub(super) due: BTreeSet<Due>,
    /// When a sync is tried again.
    pub(super) later_sync: Later<()>,
    /// Syncs that the network lost, one after the other.
    pub(super) lost: usize,
}

impl Work {
    /// These bodies are not here.
    pub(super) fn want(&mut self, numbers: Vec<u64>) {
        self.wanted = numbers.into();
        self.wanted.retain(|number| !self.fetching.contains(number));
    }

    /// The bodies to ask for now, if none is on the way: few, so that what comes meanwhile has its turn.
    pub(super) fn next_bodies(&mut self, now: Instant) -> Option<Vec<u64>> {
        let may = |number: &u64| self.later_wanted.may(number, now);
        if !self.fetching.is_empty() || !self.wanted.iter().any(may) {
            return None;
        }
        let next: Vec<u64> = self.wanted.iter().copied().filter(may).take(AT_A_TIME).collect();
        self.fetching.extend(&next);
        self.wanted.retain(|number| !self.fetching.contains(number));
        Some(next)
    }
}

/// Bodies that are asked for at a time.
const AT_A_TIME: usize = 4;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::client::error::{ClientError, Family, Side};
    use crate::client::reason::Here;

    fn cut() -> ClientError {
        ClientError::new(Side::Network, Family::NotReachable, Here::Unavailable, "cut")
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_bodies_are_asked_for_at_a_time_and_the_next_when_those_are_here() {
        let mut work = Work::default();
        let now = Instant::now();
        assert_eq!(work.next_bodies(now), None);
        work.want(vec![9, 8, 7, 6, 5, 4]);
        assert_eq!(work.next_bodies(now), Some(vec![9, 8, 7, 6]), "in their order");
        assert_eq!(work.next_bodies(now), None, "those are on the way");
        // A list that is made meanwhile does not ask for them twice.
        work.want(vec![10, 9, 8, 7, 6, 5, 4]);
        assert_eq!(work.wanted, [10, 5, 4]);
        work.fetching.clear();
        assert_eq!(work.next_bodies(now), Some(vec![10, 5, 4]));
        work.fetching.clear();
        assert_eq!(work.next_bodies(now), None, "there is no more");
    }

    #[tokio::test(start_paused = true)]
    async fn what_did_not_come_waits_alone_and_keeps_no_other_back() {
        let mut work = Work::default();
        let now = Instant::now();
        work.want(vec![3, 2]);
        work.later_wanted.failed(3, &cut(), now);
        assert_eq!(work.next_bodies(now), Some(vec![2]));
        work.fetching.clear();
        assert_eq!((work.next_bodies(now), &work.wanted), (None, &VecDeque::from([3])));
        let later = now + Duration::from_secs(3_600);
        assert_eq!(work.next_bodies(later), Some(vec![3]));
    }
}
