//! Bytes in hand: requests as they arrive, answers until they are taken. One budget for each party,
//! and one for all.
//!
//! Invariants: nothing is reserved by a length that somebody says; whoever holds the most cannot keep
//! others from a share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::peer::Party;

/// A budget.
#[derive(Debug)]
pub(super) struct Memory {
    all: usize,
    of_one: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by: HashMap<Party, usize>,
}

impl Memory {
    pub(super) fn new(all: usize, of_one: usize) -> Arc<Self> {
        Arc::new(Self { all, of_one, held: Mutex::default() })
    }

    /// Holds so many bytes more. A party may hold a quarter of what is free, and no more than its
    /// own most: so each that comes and takes all it can leaves four fifths of what was free.
    fn hold(&self, party: &Party, bytes: usize) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let own = held.by.get(party).copied().unwrap_or_default() + bytes;
        let free = self.all.saturating_sub(held.all + bytes);
        if own > self.of_one.min(free / 4) {
            return false;
        }
        held.all += bytes;
        held.by.insert(party.clone(), own);
        true
    }

    /// Bytes in hand.
    pub(super) fn held(&self) -> usize {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    fn let_go(&self, party: &Party, bytes: usize) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.all -= bytes;
        if let Some(own) = held.by.get_mut(party) {
            *own -= bytes;
            if *own == 0 {
                held.by.remove(party);
            }
        }
    }
}

/// What one request holds, both ways; given back by its drop.
#[derive(Debug)]
pub struct Holding {
    memory: Arc<Memory>,
    party: Party,
    bytes: usize,
}

impl Holding {
    pub(super) const fn new(memory: Arc<Memory>, party: Party) -> Self {
        Self { memory, party, bytes: 0 }
    }

    pub(super) const fn party(&self) -> &Party {
        &self.party
    }

    /// Holds so many bytes more; false if there is no room for them.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let grown = self.memory.hold(&self.party, bytes);
        self.bytes += if grown { bytes } else { 0 };
        grown
    }

    /// So many bytes are gone.
    pub fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.memory.let_go(&self.party, bytes);
        self.bytes -= bytes;
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(name: &str) -> Party {
        Party::Member(name.parse().unwrap())
    }

    #[test]
    fn nobody_holds_more_than_his_share_and_what_is_gone_is_free() {
        let memory = Memory::new(1_000, 100);
        let mut own = Holding::new(Arc::clone(&memory), party("fr"));
        assert!(own.grow(60) && own.grow(40) && !own.grow(1));
        let mut again = Holding::new(Arc::clone(&memory), party("fr"));
        assert!(!again.grow(1), "on another connection, too");
        let mut other = Holding::new(Arc::clone(&memory), party("at"));
        assert!(other.grow(100));
        own.shrink(30);
        assert!(again.grow(30) && !again.grow(1));
        drop(own);
        assert!(again.grow(70));
        drop((again, other));
        let held = memory.held.lock().unwrap();
        assert_eq!((held.all, held.by.len()), (0, 0));
    }

    #[test]
    fn those_who_take_all_they_can_leave_a_share_to_the_next() {
        let memory = Memory::new(100_000, 100_000);
        let hoard = |at: usize| {
            let mut one = Holding::new(Arc::clone(&memory), party(&format!("m{at}")));
            while one.grow(10) {}
            one
        };
        let hoards: Vec<Holding> = (0..16).map(hoard).collect();
        let held: usize = hoards.iter().map(|one| one.bytes).sum();
        assert!(held > 90_000, "{held}");
        let mut late = Holding::new(Arc::clone(&memory), party("late"));
        assert!(late.grow((100_000 - held) / 5));
    }
}
