//! The store that forgets: for tests, and for whole systems in virtual time.
//!
//! In scope: the port without a thread and without a disk. Out of scope: durability. Invariant: a
//! commit is done when the call returns, on the caller's own task.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::hints::{Hints, Hub};
use super::{Batch, KeyRange, Page, PageBuilder, Revision, Snapshot, Store, StoreError, Versioned};

#[derive(Debug, Default)]
pub(super) struct Memory {
    state: Mutex<State>,
    hub: Hub,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<Vec<u8>, Versioned>,
    revision: Revision,
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
        Ok(keys.iter().map(|key| (key.clone(), state.entries.get(key).cloned())).collect())
    }

    async fn scan(&self, range: KeyRange, limit: u32) -> Result<Page, StoreError> {
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
            page.push(key.clone(), found.clone());
        }
        Ok(page.finish())
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, StoreError> {
        let revision = self.state().apply(&batch)?;
        self.hub.ring(&batch.into_written());
        Ok(revision)
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
        let current = |key: &[u8]| self.entries.get(key).map_or(Revision::ABSENT, |found| found.0);
        batch.check(|key| Ok(current(key)))?;
        if batch.is_empty() {
            return Ok(self.revision);
        }
        self.revision = self.revision.next();
        for (key, change) in batch.changes() {
            match change {
                Some(value) => self.entries.insert(key.to_vec(), (self.revision, value.clone())),
                None => self.entries.remove(key),
            };
        }
        Ok(self.revision)
    }
}
