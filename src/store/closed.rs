//! sled's files as a store, only read: by its records, without sled.
//!
//! In scope: what sled would serve if it opened its files now, or that it would lose of them. Out of
//! scope: writing. Invariant: no file changes, but for what a cut left aside (`tail`).

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::disk::Fdatasync;

use super::check::Damage;
use super::hints::{Hints, Hub};
use super::lock;
use super::sled::{self, HEADS, head_key};
use super::sled_file::{FILE, Files, Leaf, Pairs, SEGMENT_BYTES};
use super::tail::{self, damaged};
use super::value::{self, End, Found, Layout, Stored};
use super::{Batch, Examined, KeyRange, PageBuilder, Revision, Snapshot, Store, StoreError};

pub(super) struct Closed {
    files: Files,
    /// In the order of their keys.
    leaves: Vec<Leaf>,
    /// Those read last.
    read: Mutex<VecDeque<(usize, Entries)>>,
    layout: Layout,
    end: End,
    hub: Hub,
    // Held as long as the store is looked at.
    _lock: File,
}

/// What a leaf holds.
type Entries = Arc<Pairs<Vec<u8>>>;

impl Closed {
    /// The store, and how many records behind its end sled would drop.
    pub(super) fn open(dir: &Path) -> Result<(Self, u64), StoreError> {
        let lock = lock::lock_to_read(&dir.join("lock"))?;
        tail::put_back(dir, &Fdatasync)?;
        let unusable = |why| lock::unusable(&dir.join(FILE), &why);
        let files = Files::open(dir, SEGMENT_BYTES as u64).map_err(unusable)?;
        let (leaves, dropped) = {
            let recovered = files.recover().map_err(damaged)?;
            if !recovered.damage.is_empty() {
                let found = recovered.damage.iter().map(ToString::to_string);
                return Err(StoreError::Damaged(Damage::of(found.collect())));
            }
            (recovered.leaves().map_err(damaged)?, recovered.dropped)
        };
        let read = Mutex::default();
        let (layout, end, hub) = (Layout::Digests, End::default(), Hub::default());
        let mut closed = Self { files, leaves, read, layout, end, hub, _lock: lock };
        (closed.end, closed.layout) = End::read(closed.get(&sled::END)?.as_deref())?;
        Ok((closed, dropped))
    }

    fn get(&self, entry: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(index) = self.leaf_of(entry) else { return Ok(None) };
        let leaf = self.leaf(index)?;
        let found = leaf.binary_search_by(|(key, _)| key.as_slice().cmp(entry));
        Ok(found.ok().map(|at| leaf[at].1.clone()))
    }

    /// The leaf that an entry would be in.
    fn leaf_of(&self, entry: &[u8]) -> Option<usize> {
        self.leaves.partition_point(|leaf| leaf.lo.as_slice() <= entry).checked_sub(1)
    }

    fn leaf(&self, index: usize) -> Result<Entries, StoreError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = read.iter().position(|(there, _)| *there == index)
            && let Some(found) = read.remove(at)
        {
            read.push_front(found.clone());
            return Ok(found.1);
        }
        let leaf = Arc::new(self.files.leaf(&self.leaves[index]).map_err(damaged)?);
        read.truncate(KEPT - 1);
        read.push_front((index, Arc::clone(&leaf)));
        Ok(leaf)
    }

    fn whole(&self, key: &[u8], entry: &[u8]) -> Result<Stored, StoreError> {
        sled::whole(self.layout, key, entry, |chunk| self.get(&chunk))
    }
}

/// What can still be read, each value with its digest.
pub(super) fn salvage(dir: &Path) -> Result<Found, StoreError> {
    let unusable = |why| lock::unusable(&dir.join(FILE), &why);
    let _lock = lock::lock_to_read(&dir.join("lock"))?;
    tail::put_back(dir, &Fdatasync)?;
    let files = Files::open(dir, SEGMENT_BYTES as u64).map_err(unusable)?;
    let mut entries = BTreeMap::new();
    let each = |_, key: &[u8], value: &[u8]| drop(entries.insert(key.to_vec(), value.to_vec()));
    files.salvage(each).map_err(unusable)?;
    let heads = entries.range(vec![HEADS]..vec![HEADS + 1]);
    let values = heads.filter_map(|(key, entry)| {
        let key = key.get(1..)?;
        let chunk = |chunk: Vec<u8>| Ok(entries.get(&chunk));
        Some((key.to_vec(), sled::whole(Layout::Digests, key, entry, chunk).ok()?))
    });
    let values: BTreeMap<_, _> = values.collect();
    let said = entries.get(&sled::END[..]).and_then(|end| End::read(Some(end)).ok());
    let missing = said.and_then(|(end, _)| value::missing(&values, &end));
    Ok(Found { values, missing })
}

#[async_trait]
impl Store for Closed {
    async fn read(&self, keys: &[Vec<u8>]) -> Result<Snapshot, StoreError> {
        let found = keys.iter().map(|key| {
            let entry = self.get(&head_key(key))?;
            let found = entry.map(|entry| self.whole(key, &entry)).transpose()?;
            Ok((key.clone(), found.map(Stored::into_versioned)))
        });
        found.collect()
    }

    async fn examine(&self, range: KeyRange, limit: u32) -> Result<Examined, StoreError> {
        let mut page = PageBuilder::new(limit);
        if range.is_empty() {
            return Ok(page.finish());
        }
        let start = head_key(&range.start);
        let end = range.end.as_deref().map_or_else(|| vec![HEADS + 1], head_key);
        for index in self.leaf_of(&start).unwrap_or(0)..self.leaves.len() {
            if self.leaves[index].lo >= end {
                break;
            }
            for (key, entry) in self.leaf(index)?.iter().filter(|(key, _)| *key >= start) {
                if *key >= end || !page.has_room() {
                    return Ok(page.finish());
                }
                let key = key.get(1..).unwrap_or_default();
                page.push(key.to_vec(), self.whole(key, entry));
            }
        }
        Ok(page.finish())
    }

    async fn commit(&self, _: Batch) -> Result<Revision, StoreError> {
        Err(StoreError::Open("it was opened only to be read".to_owned()))
    }

    fn end(&self) -> End {
        self.end
    }

    fn wake(&self, prefixes: Vec<Vec<u8>>) -> Hints {
        self.hub.wake(prefixes)
    }

    fn engine(&self) -> &'static str {
        "sled"
    }
}

/// Leaves that are kept: values and their chunks are read one beside the other.
const KEPT: usize = 16;
