//! Whence known keys came of late. Pure.
//!
//! Invariant: each party has so many, of which the oldest of the key that has most goes first: no member
//! makes the door forget whence others came, and no key whence its colleagues did.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::crypto::sign::KeyId;
use crate::domain::limits;
use crate::domain::network::Network;
use crate::domain::peer::Party;

/// Networks and addresses.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Which keys came from there, and until when that counts.
    whence: HashMap<Network, BTreeMap<KeyId, Duration>>,
    /// Whence the keys of each came, the latest last.
    of: HashMap<Party, Vec<(KeyId, Network)>>,
}

impl Known {
    /// The keys that came from there.
    pub(super) fn keys(&self, whence: Network, now: Duration) -> impl Iterator<Item = &KeyId> {
        let keys = self.whence.get(&whence).into_iter().flatten();
        keys.filter(move |(_, until)| **until > now).map(|(key, _)| key)
    }

    /// A known key came from there, which counts until then.
    pub(super) fn came(&mut self, key: KeyId, party: &Party, whence: Network, until: Duration) {
        self.whence.entry(whence).or_default().insert(key, until);
        let own = self.of.entry(party.clone()).or_default();
        own.retain(|known| *known != (key, whence));
        own.push((key, whence));
        if own.len() > limits::KNOWN_OF_A_PARTY {
            let (key, whence) = own.remove(oldest_of_most(own));
            self.forget(key, whence);
        }
    }

    fn forget(&mut self, key: KeyId, whence: Network) {
        if let Some(keys) = self.whence.get_mut(&whence) {
            keys.remove(&key);
            if keys.is_empty() {
                self.whence.remove(&whence);
            }
        }
    }

    /// All of them, whose, and until when, the latest first.
    pub(super) fn all(&self, now: Duration) -> Vec<(Network, KeyId, Duration)> {
        let keys = self
            .whence
            .iter()
            .flat_map(|(whence, keys)| keys.iter().map(|(key, until)| (*whence, *key, *until)));
        let mut all: Vec<_> = keys.filter(|(.., until)| *until > now).collect();
        all.sort_unstable_by_key(|(whence, key, until)| (std::cmp::Reverse(*until), *whence, *key));
        all.truncate(limits::KNOWN);
        all
    }
}

/// Where the oldest stands of the key that has most.
fn oldest_of_most(own: &[(KeyId, Network)]) -> usize {
    let mut counts = HashMap::<KeyId, usize>::new();
    for (key, _) in own {
        *counts.entry(*key).or_default() += 1;
    }
    let most = counts.values().max();
    own.iter().position(|(key, _)| counts.get(key) == most).unwrap_or_default()
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

    fn key(name: &str) -> KeyId {
        KeyId::of(name.as_bytes())
    }

    impl Known {
        fn comes(&mut self, (name, member): (&str, &str), from: usize) {
            self.came(key(name), &party(member), one(from), HOUR);
        }

        fn knows(&self, from: usize) -> bool {
            self.keys(one(from), HOUR / 2).next().is_some()
        }
    }

    #[test]
    fn who_comes_from_everywhere_makes_the_door_forget_only_his_own() {
        let (mut known, most) = (Known::default(), limits::KNOWN_OF_A_PARTY);
        let (other, thief) = (("a", "at"), ("t", "fr"));
        known.comes(other, 2);
        known.comes(other, 3);
        for at in 3..10 * most {
            known.comes(thief, at);
        }
        assert_eq!(known.whence.len(), 2 + most);
        assert!(known.knows(2) && known.knows(3), "whence others came");
        assert!(!known.knows(4) && !known.knows(9 * most - 1));
        assert!(known.knows(9 * most) && known.knows(10 * most - 1));
        // Whence one comes again is his latest, and counted once.
        known.comes(thief, 9 * most);
        known.comes(thief, 4);
        assert!(known.knows(9 * most) && !known.knows(9 * most + 1));
        assert_eq!(known.whence.len(), 2 + most);
    }

    #[test]
    fn a_key_that_comes_from_everywhere_makes_the_door_forget_none_of_its_colleagues() {
        let (mut known, most) = (Known::default(), limits::KNOWN_OF_A_PARTY);
        let colleagues = ["a", "b", "c"].map(|name| (name, "fr"));
        for (at, colleague) in colleagues.into_iter().enumerate() {
            for from in 0..most / 4 {
                known.comes(colleague, at * most + from);
            }
        }
        for from in 3 * most..10 * most {
            known.comes(("t", "fr"), from);
        }
        for at in 0..3 {
            assert!((0..most / 4).all(|from| known.knows(at * most + from)), "{at}");
        }
        assert!(!known.knows(10 * most - most / 4 - 1) && known.knows(10 * most - most / 4));
        // Who has fewer than the others takes of whoever has most.
        known.comes(("d", "fr"), 1);
        assert!(known.knows(1) && !known.knows(0) && known.knows(most));
    }

    #[test]
    fn whence_each_came_is_known_until_its_time() {
        let mut known = Known::default();
        let (fr, at) = ((key("f"), &party("fr")), (key("a"), &party("at")));
        known.came(fr.0, fr.1, one(7), HOUR);
        known.came(at.0, at.1, one(7), 3 * HOUR);
        known.came(at.0, at.1, one(8), 2 * HOUR);
        let keys = |now| known.keys(one(7), now).copied().collect::<Vec<_>>();
        assert_eq!(keys(HOUR / 2).len(), 2);
        assert_eq!((keys(HOUR), keys(3 * HOUR)), (vec![at.0], vec![]));
        let [latest, next] = [(one(7), at.0, 3 * HOUR), (one(8), at.0, 2 * HOUR)];
        assert_eq!(known.all(Duration::ZERO), [latest, next, (one(7), fr.0, HOUR)]);
        assert_eq!(known.all(2 * HOUR), [latest], "others have had their time");
    }

    #[test]
    fn so_many_are_kept_and_the_latest_of_them() {
        let mut known = Known::default();
        let until = |from: usize| HOUR * u32::try_from(from).unwrap();
        for from in 1..=limits::KNOWN + 1 {
            known.whence.insert(one(from), BTreeMap::from([(key("a"), until(from))]));
        }
        let all = known.all(Duration::ZERO);
        assert_eq!(all.len(), limits::KNOWN);
        assert_eq!(all.last(), Some(&(one(2), key("a"), until(2))), "the oldest is left out");
    }
}
