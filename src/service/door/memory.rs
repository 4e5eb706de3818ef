//! Bytes in hand: requests as they arrive, answers until they are taken. One budget for each key, one
//! for each party, and one for all.
//!
//! Invariants: nothing is reserved by a length that somebody says; however much others hold, there is
//! room for a small request of everybody's.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use crate::crypto::sign::KeyId;
use crate::domain::peer::Party;

/// A budget of bytes, of all together and of each party.
#[derive(Debug)]
pub(super) struct Memory {
    all: usize,
    of_one: usize,
    least: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by: HashMap<Party, HashMap<Option<KeyId>, usize>>,
}

/// For whom it is counted: a party, and the key by which it came in.
pub(super) type Whose = (Party, Option<KeyId>);

impl Memory {
    pub(super) fn new(all: usize, of_one: usize, least: usize) -> Arc<Self> {
        Arc::new(Self { all, of_one, least, held: Mutex::default() })
    }

    /// Holds so many bytes more. A party may hold a quarter of what is free, and no more than its
    /// own most: so each that comes and takes all it can leaves four fifths of what was free. One of its
    /// keys may hold half of that, and counts for no more to its colleagues: so it leaves them the other
    /// half, however much it has held since more was free. And a key, or who has none, may always hold
    /// the least.
    fn hold(&self, whose: &Whose, bytes: usize) -> bool {
        let (party, key) = whose;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.all.saturating_sub(held.all + bytes);
        let share = self.of_one.min(free / 4);
        let of_key = |(of, held): (&Option<KeyId>, &usize)| {
            if of == key { 0 } else { (*held).min(share / 2) }
        };
        let keys = held.by.get(party);
        let own = keys.and_then(|keys| keys.get(key)).copied().unwrap_or_default() + bytes;
        let others: usize = keys.into_iter().flatten().map(of_key).sum();
        if own > self.least && (own + others > share || key.is_some() && own > share / 2) {
            return false;
        }
        held.by.entry(party.clone()).or_default().insert(*key, own);
        held.all += bytes;
        true
    }

    /// Bytes in hand.
    pub(super) fn held(&self) -> usize {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    fn let_go(&self, whose: &Whose, bytes: usize) {
        let (party, key) = whose;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.all -= bytes;
        if let Some(keys) = held.by.get_mut(party) {
            less(keys, key, bytes);
            if keys.is_empty() {
                held.by.remove(party);
            }
        }
    }
}

/// What one request holds, both ways; given back by its drop.
#[derive(Debug)]
pub struct Holding {
    memory: Arc<Memory>,
    whose: Whose,
    bytes: usize,
    /// Of these, what was read of an answer and not handed over.
    ahead: usize,
}

impl Holding {
    pub(super) const fn new(memory: Arc<Memory>, whose: Whose) -> Self {
        Self { memory, whose, bytes: 0, ahead: 0 }
    }

    pub(super) const fn party(&self) -> &Party {
        &self.whose.0
    }

    /// Holds so many bytes more, unless they were held when they were read; false if there is no room.
    #[must_use]
    pub fn hand_over(&mut self, bytes: usize) -> bool {
        let ahead = bytes.min(self.ahead);
        let held = ahead == bytes || self.grow(bytes - ahead);
        self.ahead -= if held { ahead } else { 0 };
        held
    }

    /// Holds what was read and will be handed over; false if there is no room for it.
    #[must_use]
    pub fn read_ahead(&mut self, bytes: usize) -> bool {
        let held = self.grow(bytes);
        self.ahead += if held { bytes } else { 0 };
        held
    }

    /// Whether there is room for so many more.
    #[must_use]
    pub fn has_room(&mut self, bytes: usize) -> bool {
        let has_room = self.grow(bytes);
        self.shrink(if has_room { bytes } else { 0 });
        has_room
    }

    /// Holds so many bytes more; false if there is no room for them.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let grown = self.memory.hold(&self.whose, bytes);
        self.bytes += if grown { bytes } else { 0 };
        grown
    }

    /// So many bytes are gone.
    pub fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.memory.let_go(&self.whose, bytes);
        self.bytes -= bytes;
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

/// So many less of one; who has none is forgotten.
pub(super) fn less<K: Eq + Hash>(counts: &mut HashMap<K, usize>, whose: &K, by: usize) {
    if let Some(count) = counts.get_mut(whose) {
        *count -= by;
        if *count == 0 {
            counts.remove(whose);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::limits;

    fn party(name: &str) -> Whose {
        (Party::Member(name.parse().unwrap()), None)
    }

    #[test]
    fn nobody_holds_more_than_his_share_and_what_is_gone_is_free() {
        let memory = Memory::new(1_000, 100, 0);
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
    fn a_key_holds_half_of_what_its_party_may_and_its_colleagues_the_rest() {
        let memory = Memory::new(1_000, 100, 0);
        let of = |key: &str| {
            let whose = (party("fr").0, Some(KeyId::of(key.as_bytes())));
            Holding::new(Arc::clone(&memory), whose)
        };
        let (mut one, mut again, mut colleague) = (of("a"), of("a"), of("b"));
        assert!(one.grow(50) && !one.grow(1) && !again.grow(1));
        assert!(colleague.grow(50), "whatever the other holds");
        one.shrink(50);
        assert!(again.grow(50));
        drop((again, colleague));
        // And half of the quarter, where little is free.
        let mut others = of("c");
        others.memory.held.lock().unwrap().all = 800;
        assert!(!others.grow(30) && others.grow(20) && !others.grow(5));
        others.memory.held.lock().unwrap().all -= 800;
        drop((one, others));
        let held = memory.held.lock().unwrap();
        assert_eq!((held.all, held.by.len()), (0, 0));
    }

    #[test]
    fn what_a_key_held_before_little_was_free_leaves_its_colleagues_their_half() {
        let memory = Memory::new(1_000, 100, 0);
        let of = |key: &str| {
            let whose = (party("fr").0, Some(KeyId::of(key.as_bytes())));
            Holding::new(Arc::clone(&memory), whose)
        };
        let (mut one, mut colleague, mut third) = (of("a"), of("b"), of("c"));
        assert!(one.grow(50));
        // 150 are free: a quarter is 37, and half of that 18; and with each byte a little less.
        memory.held.lock().unwrap().all += 800;
        assert!(!one.grow(1) && !colleague.grow(18) && colleague.grow(15));
        assert!(!third.grow(3) && third.grow(1), "two have all but the rest of it");
        memory.held.lock().unwrap().all -= 800;
        // Nor does a member ever hold more than it may.
        assert!(third.grow(34) && !third.grow(1) && !colleague.grow(1));
        drop((one, colleague, third));
        let held = memory.held.lock().unwrap();
        assert_eq!((held.all, held.by.len()), (0, 0));
    }

    /// Each takes all it can, and none of them lets go.
    #[test]
    fn however_many_hoard_there_is_room_for_a_small_request() {
        let ((all, of_one), least) = (limits::STRANGERS_BYTES, limits::LEAST_BYTES);
        let memory = Memory::new(all, of_one, least);
        let of = |name: &str, key: Option<&str>| {
            let key = key.map(|key| KeyId::of(key.as_bytes()));
            Holding::new(Arc::clone(&memory), (party(name).0, key))
        };
        let hoards: Vec<Holding> = (0..200)
            .map(|number| {
                let mut hoard = of(&format!("h{number}"), None);
                while hoard.grow(64 << 10) {}
                while hoard.grow(1 << 10) {}
                hoard
            })
            .collect();
        let (mut own, mut again) = (of("fr", None), of("fr", None));
        assert!(own.grow(least - 1_000) && again.grow(1_000) && !again.grow(1));
        // The colleagues of a key that has taken the party's, too.
        let (mut colleague, mut other) = (of("fr", Some("a")), of("fr", Some("b")));
        assert!(colleague.grow(least) && !colleague.grow(1) && other.grow(least) && !other.grow(1));
        drop((hoards, own, again, colleague, other));
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn what_was_read_is_held_once() {
        let memory = Memory::new(1_000, 100, 0);
        let mut own = Holding::new(Arc::clone(&memory), party("fr"));
        assert!(own.has_room(100) && !own.has_room(101));
        assert!(own.read_ahead(60) && !own.read_ahead(60));
        // However little others have left meanwhile.
        memory.held.lock().unwrap().all += 900;
        assert!(own.hand_over(50) && !own.has_room(1));
        memory.held.lock().unwrap().all -= 900;
        assert_eq!(memory.held(), 60);
        own.shrink(50);
        // What is handed over beyond it is held anew.
        assert!(!own.hand_over(101) && own.hand_over(30) && memory.held() == 30);
        drop(own);
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn those_who_take_all_they_can_leave_a_share_to_the_next() {
        let memory = Memory::new(100_000, 100_000, 0);
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
