//! Whence known keys came of late. Pure.
//!
//! Invariant: each party has so many, of which its own oldest goes first: no member makes the door
//! forget whence others came.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::domain::limits;
use crate::domain::network::Network;
use crate::domain::peer::Party;

/// Networks and addresses.
#[derive(Debug, Default)]
pub(super) struct Known {
    whence: HashMap<Network, Whence>,
    /// Whence each came since the start, the latest last.
    of: HashMap<Party, VecDeque<Network>>,
}

/// One of them.
#[derive(Debug, Default)]
struct Whence {
    until: Duration,
    /// Who came from there; what was known before the start counts as one.
    parties: usize,
}

impl Known {
    pub(super) fn knows(&self, whence: Network, now: Duration) -> bool {
        self.whence.get(&whence).is_some_and(|known| known.until > now)
    }

    /// A known key came from there.
    pub(super) fn came(&mut self, party: &Party, whence: Network, now: Duration) {
        let own = self.of.entry(party.clone()).or_default();
        let gone = match own.iter().position(|other| *other == whence) {
            Some(before) => own.remove(before),
            None if own.len() >= limits::KNOWN_OF_A_PARTY => own.pop_front(),
            None => None,
        };
        own.push_back(whence);
        self.count(whence, now + limits::NETWORK_KNOWN);
        if let Some(gone) = gone {
            self.forget(gone);
        }
    }

    /// One came from there before the start, and counts until then.
    pub(super) fn remember(&mut self, whence: Network, until: Duration) {
        if self.whence.len() < limits::KNOWN && !self.whence.contains_key(&whence) {
            self.count(whence, until);
        }
    }

    fn count(&mut self, whence: Network, until: Duration) {
        let known = self.whence.entry(whence).or_default();
        known.until = until;
        known.parties += 1;
    }

    /// One party less has come from there.
    fn forget(&mut self, whence: Network) {
        if let Some(known) = self.whence.get_mut(&whence) {
            known.parties -= 1;
            if known.parties == 0 {
                self.whence.remove(&whence);
            }
        }
    }

    /// All of them and until when, the latest first.
    pub(super) fn all(&self, now: Duration) -> Vec<(Network, Duration)> {
        let all = self.whence.iter().map(|(whence, known)| (*whence, known.until));
        let mut all: Vec<_> = all.filter(|(_, until)| *until > now).collect();
        all.sort_unstable_by_key(|(whence, until)| (std::cmp::Reverse(*until), *whence));
        all.truncate(limits::KNOWN);
        all
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn one(at: usize) -> Network {
        Network::of_one(Ipv4Addr::from_bits(u32::try_from(at).unwrap()).into())
    }

    fn party(name: &str) -> Party {
        Party::Member(name.parse().unwrap())
    }

    #[test]
    fn who_comes_from_everywhere_makes_the_door_forget_only_his_own() {
        let (mut known, most) = (Known::default(), limits::KNOWN_OF_A_PARTY);
        known.remember(one(1), HOUR);
        known.came(&party("at"), one(2), HOUR);
        known.came(&party("at"), one(3), HOUR);
        for at in 3..10 * most {
            known.came(&party("fr"), one(at), HOUR);
        }
        assert_eq!(known.whence.len(), 3 + most);
        let knows = |at| known.knows(one(at), HOUR / 2);
        assert!(knows(1) && knows(2) && knows(3), "whence others came");
        assert!(!knows(4) && !knows(9 * most - 1) && knows(9 * most) && knows(10 * most - 1));
        // Whence one comes again is his latest, and counted once.
        known.came(&party("fr"), one(9 * most), HOUR);
        known.came(&party("fr"), one(4), HOUR);
        assert!(known.knows(one(9 * most), HOUR / 2) && !known.knows(one(9 * most + 1), HOUR / 2));
        assert_eq!(known.whence.len(), 3 + most);
    }

    #[test]
    fn what_was_known_before_is_known_until_its_time_and_has_a_bound() {
        let mut known = Known::default();
        known.came(&party("fr"), one(7), HOUR);
        known.remember(one(7), 2 * HOUR);
        for at in 100..100 + 2 * limits::KNOWN {
            known.remember(one(at), 2 * HOUR);
        }
        assert_eq!(known.whence.len(), limits::KNOWN);
        let until = HOUR + limits::NETWORK_KNOWN;
        assert_eq!(known.all(HOUR)[..2], [(one(7), until), (one(100), 2 * HOUR)]);
        assert_eq!(known.all(2 * HOUR), [(one(7), until)], "others have had their time");
        assert!(known.knows(one(100), HOUR) && !known.knows(one(100), 2 * HOUR));
        assert!(!known.knows(one(7), until));
    }
}
