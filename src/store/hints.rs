//! Hints: "look again" for those who follow a part of the keyspace.
//!
//! In scope: who waits for which prefixes. Out of scope: what was written; a follower reads by its
//! own cursor. Invariants: a hint comes after durability, carries no data, and is not lost between
//! two waits; hints that nobody has taken are merged into one; a write costs nothing for those who
//! wait for something else.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Included, Unbounded};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Notify;

/// Waits for writes under some prefixes.
#[derive(Debug)]
pub struct Hints(Arc<Notify>);

impl Hints {
    /// Returns when a key under one of the prefixes was made durable since the last call, or may
    /// have been; also when the store has stopped. Cancelling it loses no hint.
    pub async fn next(&mut self) {
        self.0.notified().await;
    }
}

/// Everyone who waits on one store, by prefix.
#[derive(Debug, Default)]
pub(super) struct Hub(Mutex<BTreeMap<Vec<u8>, Waiters>>);

impl Hub {
    pub(super) fn wake(&self, prefixes: Vec<Vec<u8>>) -> Hints {
        let waiter = Arc::new(Notify::new());
        self.waiting(|waiting| {
            for prefix in prefixes {
                waiting.entry(prefix).or_default().enter(&waiter);
            }
        });
        Hints(waiter)
    }

    /// Tells those who wait for one of `written`. Called after durability only.
    pub(super) fn ring(&self, written: &BTreeSet<Vec<u8>>) {
        self.waiting(|waiting| {
            for key in written {
                begun_by(waiting, key).for_each(Waiters::ring);
            }
        });
    }

    /// Tells everyone, so that they find out that the store has stopped.
    pub(super) fn ring_all(&self) {
        self.waiting(|waiting| waiting.values().for_each(Waiters::ring));
    }

    fn waiting<T>(&self, change: impl FnOnce(&mut BTreeMap<Vec<u8>, Waiters>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Those who wait for one prefix. Who is gone leaves his place to the next who comes.
#[derive(Debug, Default)]
struct Waiters(Vec<Weak<Notify>>);

impl Waiters {
    fn enter(&mut self, waiter: &Arc<Notify>) {
        self.0.retain(|waiter| waiter.strong_count() > 0);
        self.0.push(Arc::downgrade(waiter));
    }

    fn ring(&self) {
        self.0.iter().filter_map(Weak::upgrade).for_each(|waiter| waiter.notify_one());
    }
}

/// The values of all prefixes of `key`, the longest first. Between two of them it steps over what
/// stands there.
fn begun_by<'a, T>(
    prefixes: &'a BTreeMap<Vec<u8>, T>,
    key: &'a [u8],
) -> impl Iterator<Item = &'a T> {
    let mut rest = Some(key);
    std::iter::from_fn(move || {
        loop {
            let up_to = (Unbounded, Included(rest?));
            let (prefix, value) = prefixes.range::<[u8], _>(up_to).next_back()?;
            let common = prefix.iter().zip(key).take_while(|(one, other)| one == other).count();
            if common == prefix.len() {
                rest = common.checked_sub(1).map(|end| &key[..end]);
                return Some(value);
            }
            rest = Some(&key[..common]);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All words of up to three letters against all sets of two of them.
    #[test]
    fn a_key_is_begun_by_its_prefixes_and_by_nothing_else() {
        let mut words = vec![Vec::new()];
        for length in 0..3 {
            let longer = words.iter().filter(|word: &&Vec<u8>| word.len() == length);
            let longer =
                longer.flat_map(|word| [0, 1, 255].map(|byte| [&word[..], &[byte]].concat()));
            words.extend(longer.collect::<Vec<_>>());
        }
        let all: BTreeMap<_, _> = words.iter().map(|word| (word.clone(), word)).collect();
        for key in &words {
            let expected = (0..=key.len()).rev().map(|end| &key[..end]);
            assert!(begun_by(&all, key).map(|word| &word[..]).eq(expected), "{key:?}");
            for (one, other) in words.iter().flat_map(|one| words.iter().map(move |two| (one, two)))
            {
                let two = BTreeMap::from([(one.clone(), one), (other.clone(), other)]);
                let found: BTreeSet<_> = begun_by(&two, key).map(|word| &word[..]).collect();
                let expected = [one, other].into_iter().filter(|word| key.starts_with(word));
                assert_eq!(found, expected.map(|word| &word[..]).collect(), "{key:?}");
            }
        }
    }

    #[test]
    fn who_is_gone_keeps_no_place() {
        let hub = Hub::default();
        for _ in 0..100 {
            drop(hub.wake(vec![b"mailbox".to_vec()]));
        }
        let _last = hub.wake(vec![b"mailbox".to_vec()]);
        assert_eq!(hub.waiting(|waiting| waiting[&b"mailbox"[..]].0.len()), 1);
    }
}
