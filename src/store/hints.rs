//! Hints: "look again" for those who follow a part of the keyspace.
//!
//! In scope: who waits for which prefixes. Out of scope: what was written; a follower reads by its
//! own cursor. Invariants: a hint comes after durability, carries no data, and is not lost between
//! two waits; hints that nobody has taken are merged into one.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Notify;

/// Waits for writes under some prefixes.
#[derive(Debug)]
pub struct Hints(Arc<Waiter>);

impl Hints {
    /// Returns when a key under one of the prefixes was made durable since the last call, or may
    /// have been; also when the store has stopped. Cancelling it loses no hint.
    pub async fn next(&mut self) {
        self.0.notify.notified().await;
    }
}

#[derive(Debug)]
struct Waiter {
    prefixes: Vec<Vec<u8>>,
    notify: Notify,
}

/// Everyone who waits on one store.
#[derive(Debug, Default)]
pub(super) struct Hub(Mutex<Vec<Weak<Waiter>>>);

impl Hub {
    pub(super) fn wake(&self, prefixes: Vec<Vec<u8>>) -> Hints {
        let waiter = Arc::new(Waiter { prefixes, notify: Notify::new() });
        self.waiters(|waiters| waiters.push(Arc::downgrade(&waiter)));
        Hints(waiter)
    }

    /// Tells those who wait for one of `written`. Called after durability only.
    pub(super) fn ring(&self, written: &BTreeSet<Vec<u8>>) {
        self.ring_if(|waiter| waiter.prefixes.iter().any(|prefix| touches(written, prefix)));
    }

    /// Tells everyone, so that they find out that the store has stopped.
    pub(super) fn ring_all(&self) {
        self.ring_if(|_| true);
    }

    fn ring_if(&self, concerned: impl Fn(&Waiter) -> bool) {
        self.waiters(|waiters| {
            waiters.retain(|waiter| waiter.strong_count() > 0);
            for waiter in waiters.iter().filter_map(Weak::upgrade).filter(|w| concerned(w)) {
                waiter.notify.notify_one();
            }
        });
    }

    fn waiters<T>(&self, change: impl FnOnce(&mut Vec<Weak<Waiter>>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn touches(written: &BTreeSet<Vec<u8>>, prefix: &[u8]) -> bool {
    written
        .range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded))
        .next()
        .is_some_and(|key| key.starts_with(prefix))
}
