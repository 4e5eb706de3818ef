//! The one place where the service's state rests: an ordered keyspace of bytes behind a small port.
//!
//! In scope: the port, its engines (memory, redb, sled), the files of large bodies, the format
//! marker. Out of scope: what the keys and values mean, and every decision made from them.
//! Invariants: an acknowledged commit survives a power cut; no read returns what a power cut could
//! take back; a commit is applied whole or not at all; revisions only grow, across restarts too; no
//! value is handed out but under the key, and with the bytes, that it was written with.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;

mod anew;
pub mod blobs;
pub mod check;
mod closed;
pub mod codec;
#[cfg(test)]
mod conformance;
mod engine;
pub mod format;
#[cfg(test)]
mod given_back;
mod hints;
pub mod keys;
mod lock;
mod memory;
pub mod migrate;
mod open;
mod overlay;
pub mod parts;
mod redb;
pub mod salvage;
mod site;
mod sled;
mod sled_file;
mod tail;
mod value;
mod write;
mod writer;

pub use hints::Hints;
pub use site::{Engine, Looked, Site, Torn, UnknownEngine};
pub use value::{End, Stored};
pub use write::{Batch, LimitExceeded, Unmerged, Write, limits};

/// The storage port. Every engine gives the same guarantees; `conformance.rs` holds them to it.
#[async_trait]
pub trait Store: Send + Sync {
    /// The values and revisions of `keys`, all of one instant.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] once the engine has stopped; [`StoreError::Corrupt`] if one is not
    /// what was written there.
    async fn read(&self, keys: &[Vec<u8>]) -> Result<Snapshot, StoreError>;

    /// The first entries of `range` in ascending order of keys: at least one if there is any, at
    /// most `limit` (0 counts as 1), and fewer where the page would become large.
    ///
    /// # Errors
    /// As [`Store::read`].
    async fn scan(&self, range: KeyRange, limit: u32) -> Result<Page, StoreError> {
        self.examine(range, limit).await?.into_page()
    }

    /// As [`Store::scan`], but a value that is not what was written there is told as such, and those
    /// behind it are looked at, too.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] once the engine has stopped; [`StoreError::Corrupt`] if it cannot go
    /// on.
    async fn examine(&self, range: KeyRange, limit: u32) -> Result<Examined, StoreError>;

    /// Applies `batch` if every key still has the revision it expects, and returns once a power
    /// cut cannot take it back. All keys written get the revision returned. A batch that writes
    /// nothing only checks, and returns the store's revision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if an expectation failed; nothing was written. Otherwise as
    /// [`Store::read`], and then it is not known whether the batch was written.
    async fn commit(&self, batch: Batch) -> Result<Revision, StoreError>;

    /// What the store holds, as of the last durable commit.
    fn end(&self) -> End;

    /// Hints that a key under one of `prefixes` was written, from now on.
    fn wake(&self, prefixes: Vec<Vec<u8>>) -> Hints;

    /// The engine's name, for logs.
    fn engine(&self) -> &'static str;
}

/// When a key was last written: the number of the commit, counted over the whole store.
///
/// A key that is deleted and written again never gets an old revision back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(u64);

impl Revision {
    /// The revision of a key that does not exist.
    pub const ABSENT: Self = Self(0);

    /// The revision with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number of the revision.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The revision of the commit after this one.
    fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("2^64 commits are never reached"))
    }
}

/// A value and the revision that wrote it.
pub type Versioned = (Revision, Bytes);

/// What [`Store::read`] saw: every key asked for, at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<Vec<u8>, Option<Versioned>>);

impl Snapshot {
    /// The value of `key`; nothing if it does not exist or was not asked for.
    #[must_use]
    pub fn value(&self, key: &[u8]) -> Option<&Bytes> {
        self.get(key).flatten().map(|(_, value)| value)
    }

    /// The revision to expect of `key` ([`Revision::ABSENT`] if it does not exist); nothing if it
    /// was not asked for.
    #[must_use]
    pub fn revision(&self, key: &[u8]) -> Option<Revision> {
        self.get(key).map(|found| found.map_or(Revision::ABSENT, |(revision, _)| *revision))
    }

    /// What was found at `key`; nothing outside if it was not asked for.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<Option<&Versioned>> {
        self.0.get(key).map(Option::as_ref)
    }

    /// Every key asked for, in order, with what was found there.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&Versioned>)> {
        self.0.iter().map(|(key, found)| (key.as_slice(), found.as_ref()))
    }
}

impl FromIterator<(Vec<u8>, Option<Versioned>)> for Snapshot {
    fn from_iter<I: IntoIterator<Item = (Vec<u8>, Option<Versioned>)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

/// The keys from `start` (included) to `end` (excluded; nothing means the last key).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    start: Vec<u8>,
    end: Option<Vec<u8>>,
}

impl KeyRange {
    /// The keys from `start` (included) to `end` (excluded).
    #[must_use]
    pub fn new(start: Vec<u8>, end: Vec<u8>) -> Self {
        Self { start, end: Some(end) }
    }

    /// The keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> Self {
        Self { start: prefix.to_vec(), end: successor(prefix) }
    }

    /// What is left of this range after `key`: the range of the next page.
    #[must_use]
    pub fn after(mut self, key: &[u8]) -> Self {
        let mut start = key.to_vec();
        start.push(0);
        self.start = self.start.max(start);
        self
    }

    /// No key is in this range.
    fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }
}

/// The first key after all keys that begin with `prefix`, if there is one.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}

/// A part of a range, in ascending order of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Key, revision and value.
    pub entries: Vec<(Vec<u8>, Revision, Bytes)>,
    /// The range holds entries after the last one of this page.
    pub more: bool,
}

/// All that stands under a prefix, page by page, in order.
pub struct Pages<'a> {
    store: &'a dyn Store,
    rest: Option<KeyRange>,
}

impl<'a> Pages<'a> {
    /// Those of `prefix`.
    #[must_use]
    pub fn of(store: &'a dyn Store, prefix: &[u8]) -> Self {
        Self { store, rest: Some(KeyRange::prefix(prefix)) }
    }

    /// The next page, if there is one.
    ///
    /// # Errors
    /// As [`Store::scan`].
    pub async fn next(&mut self) -> Result<Option<Page>, StoreError> {
        let Some(range) = self.rest.take() else { return Ok(None) };
        let page = self.store.scan(range.clone(), PAGE).await?;
        let last = page.entries.last().filter(|_| page.more);
        self.rest = last.map(|(last, _, _)| range.after(last));
        Ok(Some(page))
    }
}

/// Entries of one page.
const PAGE: u32 = 64;

/// As [`Page`], with what is wrong in it.
#[derive(Debug, Default)]
pub struct Examined {
    /// Each key with its value, or with what is wrong with that.
    pub entries: Vec<(Vec<u8>, Result<Stored, StoreError>)>,
    /// The range holds entries after the last one of these.
    pub more: bool,
}

impl Examined {
    /// The page, if nothing is wrong in it.
    fn into_page(self) -> Result<Page, StoreError> {
        let entries = self.entries.into_iter().map(|(key, found)| {
            let Stored { revision, bytes, .. } = found?;
            Ok((key, revision, bytes))
        });
        Ok(Page { entries: entries.collect::<Result<_, StoreError>>()?, more: self.more })
    }
}

/// Collects a page until it is full.
struct PageBuilder {
    page: Examined,
    room: u32,
    bytes: usize,
}

impl PageBuilder {
    fn new(limit: u32) -> Self {
        Self { page: Examined::default(), room: limit.max(1), bytes: 0 }
    }

    /// Says that one more entry exists; true if there is room for it.
    fn has_room(&mut self) -> bool {
        self.page.more = self.room == 0 || self.bytes >= PAGE_BYTES;
        !self.page.more
    }

    fn push(&mut self, key: Vec<u8>, found: Result<Stored, StoreError>) {
        self.room = self.room.saturating_sub(1);
        self.bytes += key.len() + found.as_ref().map_or(0, |found| found.bytes.len());
        self.page.entries.push((key, found));
    }

    fn finish(self) -> Examined {
        self.page
    }
}

/// A page is full when it holds this much, whatever its limit says.
const PAGE_BYTES: usize = 4 << 20;

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A key has another revision than the batch expects: read again, decide again.
    #[error("a key changed since it was read")]
    Conflict,
    /// The outcome is not known, and the engine has stopped: stop the process, and let its
    /// successor find out what became durable.
    #[error("the store has stopped and the outcome is not known: {0}")]
    Unknown(String),
    /// The engine holds bytes that it did not write.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The store does not hold what it says that it holds.
    #[error("the store is damaged: {0}")]
    Damaged(check::Damage),
    /// The store was written for another directory or in another format.
    #[error(transparent)]
    Format(#[from] format::FormatError),
    /// The store could not be opened; nothing was written.
    #[error("cannot open the store: {0}")]
    Open(String),
    /// Another process has it open; nothing was written.
    #[error("cannot open the store: {}: another process holds it", .0.display())]
    Held(PathBuf),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_the_next_prefix_begins() {
        for (prefix, end) in [
            (&b"a/"[..], Some(&b"a0"[..])),
            (b"a\xff", Some(b"b")),
            (b"\xff\xff", None),
            (b"", None),
        ] {
            assert_eq!(KeyRange::prefix(prefix).end.as_deref(), end, "{prefix:?}");
        }
    }

    #[test]
    fn a_key_not_asked_for_has_no_revision() {
        let snapshot = Snapshot::from_iter([(b"a".to_vec(), None)]);
        assert_eq!(snapshot.revision(b"a"), Some(Revision::ABSENT));
        assert_eq!(snapshot.revision(b"b"), None);
    }
}
