//! What a commit carries: the effects of single commands, and a round of them merged.
//!
//! In scope: the limits of every engine, counted before an engine's own chunking. Out of scope:
//! applying. Invariants: a [`Write`] is within the limits and gives each key one final state; a
//! [`Batch`] expects one revision per key.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{Revision, StoreError};

/// The limits that hold on every engine.
pub mod limits {
    /// Keys whose revision one command may expect.
    pub const EXPECTED: usize = 128;
    /// Keys one command may put or delete. A charter lists at most 64 registrars, operators and
    /// auditors with two keys each, and 64 witnesses, log and relay keys: 576. One that replaces
    /// all of them ends as many: 1,152; with the charter, its place, the entry and the head 1,156.
    pub const WRITTEN: usize = 1_280;
    /// Bytes of one command: its keys, expected and written, and its values.
    pub const BYTES: usize = 1 << 20;
    /// Bytes of a key; a key has at least one.
    pub const KEY_BYTES: usize = 256;
    /// Commands of one batch.
    pub const WRITES: usize = 256;
    /// Bytes of one batch. sled may reuse a part of its file only some segments later; a batch
    /// that is smaller than a segment cannot overwrite what it has not yet synced.
    pub const BATCH_BYTES: usize = 2 << 20;
}

/// The effect of one command: what it expects, puts and deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    expected: BTreeMap<Vec<u8>, Revision>,
    changes: BTreeMap<Vec<u8>, Option<Bytes>>,
    bytes: usize,
}

impl Write {
    /// The write that puts `puts` and deletes `deletes` if every key in `expected` has its
    /// revision ([`Revision::ABSENT`]: does not exist).
    ///
    /// # Errors
    /// [`LimitExceeded`] if it is larger than every engine takes, or names a key twice.
    pub fn new(
        expected: impl IntoIterator<Item = (Vec<u8>, Revision)>,
        puts: impl IntoIterator<Item = (Vec<u8>, Bytes)>,
        deletes: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Self, LimitExceeded> {
        let puts = puts.into_iter().map(|(key, value)| (key, Some(value)));
        let expected = once_per_key(expected)?;
        let changes = once_per_key(puts.chain(deletes.into_iter().map(|key| (key, None))))?;
        Self { expected, changes, bytes: 0 }.within_limits()
    }

    fn within_limits(mut self) -> Result<Self, LimitExceeded> {
        if self.expected.len() > limits::EXPECTED {
            return Err(LimitExceeded::Expected(self.expected.len()));
        }
        if self.changes.len() > limits::WRITTEN {
            return Err(LimitExceeded::Written(self.changes.len()));
        }
        let keys = || self.expected.keys().chain(self.changes.keys());
        if let Some(key) = keys().find(|key| !(1..=limits::KEY_BYTES).contains(&key.len())) {
            return Err(LimitExceeded::KeyBytes(key.len()));
        }
        let values: usize = self.changes.values().flatten().map(Bytes::len).sum();
        self.bytes = keys().map(Vec::len).sum::<usize>() + values;
        if self.bytes > limits::BYTES {
            return Err(LimitExceeded::Bytes(self.bytes));
        }
        Ok(self)
    }
}

fn once_per_key<T>(
    entries: impl IntoIterator<Item = (Vec<u8>, T)>,
) -> Result<BTreeMap<Vec<u8>, T>, LimitExceeded> {
    let mut once = BTreeMap::new();
    for (key, entry) in entries {
        if once.contains_key(&key) {
            return Err(LimitExceeded::Twice(hex::encode(key)));
        }
        once.insert(key, entry);
    }
    Ok(once)
}

/// A command's effect is not one that every engine takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitExceeded {
    /// Too many keys expected.
    #[error("expected at most {limit} keys with a revision, found {0}", limit = limits::EXPECTED)]
    Expected(usize),
    /// Too many keys written.
    #[error("expected at most {limit} keys written, found {0}", limit = limits::WRITTEN)]
    Written(usize),
    /// Too many bytes.
    #[error("expected at most {limit} bytes, found {0}", limit = limits::BYTES)]
    Bytes(usize),
    /// A key is empty or too long.
    #[error("expected a key of 1 to {limit} bytes, found {0}", limit = limits::KEY_BYTES)]
    KeyBytes(usize),
    /// A key, here in hexadecimal, is expected or written twice.
    #[error("key {0} has two final states or two expected revisions")]
    Twice(String),
}

/// The writes of one round, merged in order; committed all or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    expected: BTreeMap<Vec<u8>, Revision>,
    changes: BTreeMap<Vec<u8>, Option<Bytes>>,
    writes: usize,
    bytes: usize,
}

impl Batch {
    /// A batch without writes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `write` after the writes merged so far: its puts and deletes win. What it expects was
    /// seen by the same one read, before any of them.
    ///
    /// # Errors
    /// [`Unmerged`] gives the write back; the batch is as it was.
    pub fn merge(&mut self, write: Write) -> Result<(), Unmerged> {
        if self.writes >= limits::WRITES || self.bytes + write.bytes > limits::BATCH_BYTES {
            return Err(Unmerged::Full(Box::new(write)));
        }
        let differs = |(key, revision)| self.expected.get(key).is_some_and(|seen| seen != revision);
        if write.expected.iter().any(differs) {
            return Err(Unmerged::OtherExpectation(Box::new(write)));
        }
        self.writes += 1;
        self.bytes += write.bytes;
        self.expected.extend(write.expected);
        self.changes.extend(write.changes);
        Ok(())
    }

    /// Nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What the keys must have for this batch to apply.
    pub(super) fn expected(&self) -> impl Iterator<Item = (&[u8], Revision)> {
        self.expected.iter().map(|(key, revision)| (key.as_slice(), *revision))
    }

    /// The final state of every key written; nothing means deleted.
    pub(super) fn changes(&self) -> impl Iterator<Item = (&[u8], Option<&Bytes>)> {
        self.changes.iter().map(|(key, change)| (key.as_slice(), change.as_ref()))
    }

    /// The keys written, for hints after the commit.
    pub(super) fn into_written(self) -> BTreeSet<Vec<u8>> {
        self.changes.into_keys().collect()
    }

    /// Checks every expectation against what `current` finds.
    pub(super) fn check(
        &self,
        mut current: impl FnMut(&[u8]) -> Result<Revision, StoreError>,
    ) -> Result<(), StoreError> {
        for (key, revision) in self.expected() {
            if current(key)? != revision {
                return Err(StoreError::Conflict);
            }
        }
        Ok(())
    }
}

impl From<Write> for Batch {
    fn from(write: Write) -> Self {
        let Write { expected, changes, bytes } = write;
        Self { expected, changes, writes: 1, bytes }
    }
}

/// A write did not fit a batch, and comes back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmerged {
    /// The batch is full: commit it, and begin another one with this write.
    #[error("the batch is full")]
    Full(Box<Write>),
    /// The write expects another revision of a key than the batch: they were not read at once.
    #[error("the write and the batch expect different revisions of one key")]
    OtherExpectation(Box<Write>),
}
