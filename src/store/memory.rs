//! The store that forgets: for tests, and for whole systems in virtual time.
//!
//! In scope: the port without a thread and without a disk. Out of scope: durability. Invariant: a
//! commit is done when the call returns, on the caller's own task.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::hints::{Hints, Hub};
use super::{
    Batch, End, Examined, KeyRange, PageBuilder, Revision, Snapshot, Store, StoreError, Stored,
};

#[derive(Debug, Default)]
pub(super) struct Memory {
    state: Mutex<State>,
    hub: Hub,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<Vec<u8>, Stored>,
    end: End,
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Memory {
    async fn read(&self, keys: &[Vec<u8>]) -> Result<Snapshot, StoreError> {
        let state = self.state();
        let found = |key| state.entries.get(key).cloned().map(Stored::into_versioned);
        Ok(keys.iter().map(|key| (key.clone(), found(key))).collect())
    }

    async fn examine(&self, range: KeyRange, limit: u32) -> Result<Examined, StoreError> {
        let mut page = PageBuilder::new(limit);
        if range.is_empty() {
            return Ok(page.finish());
        }
        let end = range.end.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.state();
        for (key, found) in state.entries.range((Bound::Included(range.start), end)) {
            if !page.has_room() {
                break;
            }
            page.push(key.clone(), Ok(found.clone()));
        }
        Ok(page.finish())
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, StoreError> {
        let revision = self.state().apply(&batch)?;
        self.hub.ring(&batch.into_written());
        Ok(revision)
    }

    fn end(&self) -> End {
        self.state().end
    }

    fn wake(&self, prefixes: Vec<Vec<u8>>) -> Hints {
        self.hub.wake(prefixes)
    }

    fn engine(&self) -> &'static str {
        "memory"
    }
}

impl State {
    fn apply(&mut self, batch: &Batch) -> Result<Revision, StoreError> {
        let current =
            |key: &[u8]| self.entries.get(key).map_or(Revision::ABSENT, |found| found.revision);
        batch.check(|key| Ok(current(key)))?;
        if batch.is_empty() {
            return Ok(self.end.revision());
        }
        self.end = self.end.next();
        let revision = self.end.revision();
        for (key, change) in batch.changes() {
            let new = change.map(|bytes| Stored::new(key, revision, bytes.clone()));
            let digest = new.as_ref().map(|new| new.digest);
            let old = match new {
                Some(new) => self.entries.insert(key.to_vec(), new),
                None => self.entries.remove(key),
            };
            self.end.replace(old.map(|old| old.digest), digest);
        }
        Ok(revision)
    }
}
