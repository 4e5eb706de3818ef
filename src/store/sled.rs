//! The port on sled 0.34, made durable.
//!
//! In scope: what sled leaves out. Out of scope: sled's transactions, subscriptions, blobs and
//! periodic flush; none is used. Invariants: one thread writes, one batch to one tree per commit,
//! then `flush`, then `fdatasync`; no read sees a batch before that; after an error, nothing more.
//!
//! What was read in sled 0.34.7 and is made good here:
//! - `flush` calls `sync_file_range`, which commits neither the file's length nor a device's
//!   cache: an own descriptor of the file `db` is synced after it.
//! - A batch is visible before it is flushed: until it is durable, what it replaces stands beside it
//!   in memory, and is what reads see. They do not wait for the disk.
//! - An item above a quarter of a segment becomes a file in `blobs/` that is never synced: values
//!   are cut into entries of 4 KiB, so that a leaf (at most some 20 entries) stays far below.
//! - A segment is reused in place once what replaces it is two segments further down the log,
//!   synced or not: segments are larger than a batch may be.
//! - A leaf counts towards the cache after 64 looks at any of a 256th of all leaves, and a scan looks
//!   once at each: 16,384 leaves of some 20 KiB would stay beside the cache. A scan looks again for
//!   every KiB of first entries: a start or a sync leaves 16 MiB beside it, chunks 64 at most.
//! - `conf` and the directory are not synced after they are made, nor the directory after
//!   `snap.*` is renamed: open does both before the first commit.
//! - A read that fails as it opens is taken for the end of the log, and what follows is written over:
//!   see `tail`.
//! - A half-written `snap.*.generating` is taken for a snapshot at the next start, which then
//!   fails: such files are removed before.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::iter;
use std::ops::{Bound, Deref};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, Once, PoisonError, RwLock, RwLockReadGuard};
use std::thread;

use async_trait::async_trait;
use bytes::Bytes;
use sled::IVec;

use crate::disk::{self, Disk};

use super::hints::{Hints, Hub};
use super::lock;
use super::sled_file::{FILE, SEGMENT_BYTES};
use super::tail::Tail;
use super::value::{End, Layout, Stamp, Stored, damaged};
use super::writer::{Apply, Fault, Writer};
use super::{Batch, Examined, KeyRange, PageBuilder, Revision, Snapshot, Store, StoreError};

pub(super) struct Sled {
    // Dropped first: it ends with the last batch handed over.
    writer: Writer,
    shared: Arc<Shared>,
    hub: Arc<Hub>,
}

impl Sled {
    pub(super) fn open(dir: &Path, disk: &Arc<dyn Disk>) -> Result<Self, StoreError> {
        let (shared, file) = Shared::open(dir, disk.as_ref())?;
        let (shared, hub) = (Arc::new(shared), Arc::new(Hub::default()));
        let fault = Arc::clone(&shared.fault);
        let committer = Committer { shared: Arc::clone(&shared), file, disk: Arc::clone(disk) };
        let writer = Writer::start("sled", committer, fault, Arc::clone(&hub))?;
        Ok(Self { writer, shared, hub })
    }
}

#[async_trait]
impl Store for Sled {
    async fn read(&self, keys: &[Vec<u8>]) -> Result<Snapshot, StoreError> {
        self.shared.fault.reading(|| {
            let durable = self.shared.durable()?;
            let found = keys.iter().map(|key| {
                let found = durable.find(key)?;
                Ok((key.clone(), found.map(Stored::into_versioned)))
            });
            found.collect()
        })
    }

    async fn examine(&self, range: KeyRange, limit: u32) -> Result<Examined, StoreError> {
        self.shared.fault.reading(|| {
            let page = self.shared.durable()?.examine(&range, limit)?;
            // Nobody waits for this: the lock is given back.
            self.shared.look_again(&page)?;
            Ok(page)
        })
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, StoreError> {
        self.writer.commit(batch).await
    }

    fn end(&self) -> End {
        self.shared.before().end
    }

    fn wake(&self, prefixes: Vec<Vec<u8>>) -> Hints {
        self.hub.wake(prefixes)
    }

    fn engine(&self) -> &'static str {
        "sled"
    }
}

struct Shared {
    db: Db,
    layout: Layout,
    /// What is durable of what the batch in the air replaces.
    before: RwLock<Before>,
    fault: Arc<Fault>,
    // Held until the database is closed.
    _lock: File,
}

impl Shared {
    fn open(dir: &Path, disk: &dyn Disk) -> Result<(Self, File), StoreError> {
        let io = |error: io::Error| lock::unusable(dir, &error);
        disk::create_dir(disk, dir).map_err(io)?;
        let lock = lock::lock(&dir.join("lock"))?;
        remove_unfinished_snapshots(dir).map_err(io)?;
        let tail = Tail::keep(dir, disk)?;
        let db = match &tail {
            Some(tail) => tail.opened(disk, || open_sled(dir))?,
            None => open_sled(dir)?,
        };
        refuse_blobs(dir)?;
        // sled's layout, or there is nothing to sync: a missing file is an error here.
        let file = File::open(dir.join(FILE)).map_err(io)?;
        db.flush().map_err(|error| unusable(dir, error))?;
        disk.sync(&file).map_err(io)?;
        tail.map_or(Ok(()), Tail::forget)?;
        for path in [dir.join("conf"), dir.join("blobs"), dir.to_path_buf()] {
            disk::sync_path(disk, &path).map_err(io)?;
        }
        let fault = Arc::<Fault>::default();
        let stored = fault.reading(|| db.get(END).map_err(|error| failed(&fault, error)))?;
        let (end, layout) = End::read(stored.as_deref())?;
        let before = RwLock::new(Before { end, values: BTreeMap::new() });
        Ok((Self { db, layout, before, fault, _lock: lock }, file))
    }

    /// All that is durable, of one instant: the writer replaces nothing while somebody looks.
    fn durable(&self) -> Result<Durable<'_>, StoreError> {
        let before = self.before();
        // After a failure what it could not make durable stays beside the rest.
        self.fault.check()?;
        Ok(Durable { shared: self, before })
    }

    /// Has what was read counted; see the module's text.
    fn look_again(&self, page: &Examined) -> Result<(), StoreError> {
        for key in looks(page) {
            self.db.contains_key(head_key(key)).map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    fn before(&self) -> RwLockReadGuard<'_, Before> {
        self.before.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn replacing(&self, before: Before) {
        *self.before.write().unwrap_or_else(PoisonError::into_inner) = before;
    }

    fn failed(&self, error: sled::Error) -> StoreError {
        failed(&self.fault, error)
    }

    /// What sled has, durable or not.
    fn find(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        let entry = self.db.get(head_key(key)).map_err(|error| self.failed(error))?;
        entry.map(|entry| self.whole(key, &entry)).transpose()
    }

    /// The value that begins in its first entry, with its chunks.
    fn whole(&self, key: &[u8], entry: &IVec) -> Result<Stored, StoreError> {
        whole(self.layout, key, entry, |chunk| {
            self.db.get(chunk).map_err(|error| self.failed(error))
        })
    }
}

/// The value that begins in its first entry. Its chunks are asked for by their keys.
pub(super) fn whole<C: AsRef<[u8]>>(
    layout: Layout,
    key: &[u8],
    entry: &[u8],
    chunk: impl Fn(Vec<u8>) -> Result<Option<C>, StoreError>,
) -> Result<Stored, StoreError> {
    let (stamp, rest) = Stamp::read(layout, key, entry)?;
    let (total, first) = rest.split_first_chunk().ok_or_else(|| damaged(key, "is cut short"))?;
    let total = u32::from_be_bytes(*total) as usize;
    let mut value = Vec::with_capacity(total.min(super::limits::BYTES));
    value.extend_from_slice(first);
    for number in 0..chunks(layout, total) {
        let chunk = chunk(chunk_key(key, number))?;
        value.extend_from_slice(chunk.ok_or_else(|| damaged(key, "misses a part"))?.as_ref());
    }
    if value.len() != total {
        return Err(damaged(key, "has another length than was written there"));
    }
    stamp.check(key, Bytes::from(value))
}

/// sled's word for damage is ours, and after any other failure it is not used again.
fn failed(fault: &Fault, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Corruption { .. } => corrupt("sled finds what it did not write"),
        error => stopped(fault, error),
    }
}

fn stopped(fault: &Fault, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(why) => fault.stop(disk::in_words(&of_the_system(why))),
        error => fault.stop(error),
    }
}

/// What the system said. Of an error that sled tells more than once it keeps the words: "Os { code: 28, …".
fn of_the_system(why: io::Error) -> io::Error {
    let words = why.to_string();
    let code = words.strip_prefix("Os { code: ").and_then(|rest| rest.split(',').next());
    let number = code.and_then(|code| code.parse().ok());
    number.map_or(why, io::Error::from_raw_os_error)
}

/// The end of what is durable, and the values under the keys that the batch in the air writes.
struct Before {
    end: End,
    values: BTreeMap<Vec<u8>, Option<Stored>>,
}

/// What no power cut can take back.
struct Durable<'a> {
    shared: &'a Shared,
    before: RwLockReadGuard<'a, Before>,
}

impl Durable<'_> {
    fn find(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        match self.before.values.get(key) {
            Some(before) => Ok(before.clone()),
            None => self.shared.find(key),
        }
    }

    fn examine(&self, range: &KeyRange, limit: u32) -> Result<Examined, StoreError> {
        let mut page = PageBuilder::new(limit);
        if range.is_empty() {
            return Ok(page.finish());
        }
        let (mut stored, mut replaced) =
            (self.stored(range).peekable(), self.replaced(range).peekable());
        let in_order = iter::from_fn(|| match (stored.peek(), replaced.peek()) {
            (Some(Ok((key, _))), Some(Ok((earlier, _)))) if earlier < key => replaced.next(),
            (None, _) => replaced.next(),
            _ => stored.next(),
        });
        for entry in in_order {
            let (key, found) = entry?;
            if !page.has_room() {
                break;
            }
            page.push(key, found);
        }
        Ok(page.finish())
    }

    /// What sled has in a range, but for what is being written.
    fn stored(&self, range: &KeyRange) -> impl Iterator<Item = Found> {
        let end = range.end.as_deref().map_or_else(|| vec![HEADS + 1], head_key);
        self.shared.db.range(head_key(&range.start)..end).filter_map(|entry| {
            let (key, entry) = match entry {
                Ok(entry) => entry,
                Err(error) => return Some(Err(self.shared.failed(error))),
            };
            let key = key.get(1..).unwrap_or_default();
            let durable = !self.before.values.contains_key(key);
            durable.then(|| Ok((key.to_vec(), self.shared.whole(key, &entry))))
        })
    }

    /// What is being replaced in a range.
    fn replaced(&self, range: &KeyRange) -> impl Iterator<Item = Found> {
        let end = range.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let before = self.before.values.range::<[u8], _>((Bound::Included(&range.start[..]), end));
        before.filter_map(|(key, before)| Some(Ok((key.clone(), Ok(before.clone()?)))))
    }
}

/// A key with its value or what is wrong with it, unless sled cannot go on.
type Found = Result<(Vec<u8>, Result<Stored, StoreError>), StoreError>;

impl Drop for Shared {
    fn drop(&mut self) {
        if self.fault.check().is_err() {
            // Closing flushes. After a failure nothing is written any more.
            std::mem::forget(self.db.clone());
        }
    }
}

/// sled, which panics if its last sync fails as it is closed. Nothing rests on that one.
pub(super) struct Db(Option<sled::Db>);

impl Deref for Db {
    type Target = sled::Db;

    fn deref(&self) -> &sled::Db {
        self.0.as_ref().expect("it is taken only as it is closed")
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        let db = self.0.take();
        if let Some(why) = panic_of(|| drop(db)) {
            tracing::error!(%why, "sled could not sync its file as it was closed: nothing is lost");
        }
    }
}

/// What it panics at, without a word on the terminal.
fn panic_of(closing: impl FnOnce() + Send + 'static) -> Option<String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if thread::current().name() != Some(CLOSING) {
                hook(panic);
            }
        }));
    });
    let ended = thread::Builder::new().name(CLOSING.to_owned()).spawn(closing).ok()?.join();
    let said = ended.err()?.downcast::<String>().ok();
    let said = said.and_then(|said| Some(said[said.find("Os {")?..].to_owned()));
    Some(said.map_or("sled panicked".to_owned(), |said| {
        disk::in_words(&of_the_system(io::Error::other(said)))
    }))
}

/// The thread that closes it.
const CLOSING: &str = "sled-closing";

/// Opens sled, waiting a while for its lock. sled panics on some damage that a cut leaves behind.
pub(super) fn open_sled(dir: &Path) -> Result<Db, StoreError> {
    let open = || {
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(CACHE_BYTES)
            .segment_size(SEGMENT_BYTES)
            .flush_every_ms(None);
        match panic::catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Err(sled::Error::Io(error))) if error.to_string().contains(LOCKED) => None,
            opened => Some(opened),
        }
    };
    match lock::retried(open) {
        Some(Ok(Ok(db))) => Ok(Db(Some(db))),
        Some(Ok(Err(error))) => Err(unusable(dir, error)),
        Some(Err(_)) => Err(corrupt("sled panicked while it recovered")),
        None => Err(StoreError::Held(dir.to_owned())),
    }
}

/// The error of a store whose files sled cannot use.
pub(super) fn unusable(dir: &Path, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Corruption { .. } => corrupt("sled cannot recover"),
        sled::Error::Io(why) => lock::unusable(dir, &of_the_system(why)),
        error => lock::cannot_open(dir, &error),
    }
}

/// What sled says when another process, perhaps one that is being torn down, has its lock.
const LOCKED: &str = "could not acquire lock";

fn remove_unfinished_snapshots(dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with("snap.")
            && name.to_string_lossy().ends_with(".generating")
        {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A blob would mean that an item outgrew a segment, and that sled has not synced it.
fn refuse_blobs(dir: &Path) -> Result<(), StoreError> {
    let mut blobs =
        std::fs::read_dir(dir.join("blobs")).map_err(|error| lock::cannot_open(dir, &error))?;
    match blobs.next() {
        Some(_) => Err(corrupt("sled has written a blob, which it does not sync")),
        None => Ok(()),
    }
}

/// The writer's side.
struct Committer {
    shared: Arc<Shared>,
    file: File,
    disk: Arc<dyn Disk>,
}

impl Apply for Committer {
    fn apply(&mut self, batch: &Batch) -> Result<Revision, StoreError> {
        self.shared.layout.is_written()?;
        // Nobody else writes: what is read here still holds when the batch is applied.
        let mut before = Before { end: self.shared.before().end, values: BTreeMap::new() };
        batch.check(|key| {
            let found = self.shared.find(key)?;
            let revision = found.as_ref().map_or(Revision::ABSENT, |found| found.revision);
            before.values.insert(key.to_vec(), found);
            Ok(revision)
        })?;
        if batch.is_empty() {
            return Ok(before.end.revision());
        }
        for (key, _) in batch.changes() {
            if !before.values.contains_key(key) {
                before.values.insert(key.to_vec(), self.shared.find(key)?);
            }
        }
        let (entries, end) = entries(batch, &before)?;
        self.shared.replacing(before);
        let applied = self.shared.db.apply_batch(entries);
        let applied = applied.and_then(|()| self.shared.db.flush());
        applied.map_err(|error| stopped(&self.shared.fault, error))?;
        let synced = self.disk.sync(&self.file);
        synced.map_err(|error| self.shared.fault.stop(disk::in_words(&error)))?;
        self.shared.replacing(Before { end, values: BTreeMap::new() });
        Ok(end.revision())
    }
}

/// The keys of a page, each as often as what was read since the last look asks for.
fn looks(page: &Examined) -> impl Iterator<Item = &Vec<u8>> {
    let mut unseen = 0;
    page.entries.iter().flat_map(move |(key, found)| {
        // What is behind the first entry was looked at as it was read.
        let bytes = found.as_ref().map_or(0, |found| found.bytes.len());
        unseen += bytes.min(first_bytes(Layout::Digests));
        let looks = unseen / LOOK_BYTES;
        unseen %= LOOK_BYTES;
        iter::repeat_n(key, looks)
    })
}

/// The batch in sled's terms: chunks written, and those of the values `before` it removed. The end
/// that it leads to is among them.
fn entries(batch: &Batch, before: &Before) -> Result<(sled::Batch, End), StoreError> {
    let (mut entries, mut end) = (sled::Batch::default(), before.end.next());
    for (key, change) in batch.changes() {
        let old = before.values.get(key).and_then(Option::as_ref);
        let new = change.map(|bytes| Stored::new(key, end.revision(), bytes.clone()));
        end.replace(old.map(|old| old.digest), new.as_ref().map(|new| new.digest));
        let old = old.map_or(0, |old| chunks(Layout::Digests, old.bytes.len()));
        let new = match new {
            Some(new) => put(&mut entries, key, &new)?,
            None => {
                entries.remove(head_key(key));
                0
            }
        };
        for number in new..old {
            entries.remove(chunk_key(key, number));
        }
    }
    entries.insert(&END, end.encode());
    Ok((entries, end))
}

/// Adds the entries of one value, and says how many chunks follow its head.
fn put(entries: &mut sled::Batch, key: &[u8], stored: &Stored) -> Result<u32, StoreError> {
    let value = &stored.bytes;
    let total = u32::try_from(value.len()).map_err(|_| corrupt("a value is above 4 GiB"))?;
    let (first, rest) = value.split_at(value.len().min(first_bytes(Layout::Digests)));
    let first = [&Stamp::of(stored)[..], &total.to_be_bytes(), first].concat();
    entries.insert(head_key(key), first);
    for (number, chunk) in (0..).zip(rest.chunks(ENTRY_BYTES)) {
        entries.insert(chunk_key(key, number), chunk);
    }
    Ok(chunks(Layout::Digests, value.len()))
}

/// How many entries of a value follow its first.
fn chunks(layout: Layout, total: usize) -> u32 {
    total.saturating_sub(first_bytes(layout)).div_ceil(ENTRY_BYTES) as u32
}

/// What is left of a first entry behind the stamp and the value's length.
const fn first_bytes(layout: Layout) -> usize {
    ENTRY_BYTES - layout.stamp_bytes() - 4
}

pub(super) fn head_key(key: &[u8]) -> Vec<u8> {
    [&[HEADS], key].concat()
}

/// The length comes before the key: no chunk of one key can be taken for that of another.
fn chunk_key(key: &[u8], number: u32) -> Vec<u8> {
    let length = u16::try_from(key.len()).unwrap_or(u16::MAX);
    [&[CHUNKS], &length.to_be_bytes()[..], key, &number.to_be_bytes()].concat()
}

fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(what.to_owned())
}

/// Where the end is.
pub(super) const END: [u8; 1] = [0];
/// The first byte of the keys of first entries, which are in the port's order.
pub(super) const HEADS: u8 = 1;
/// The first byte of the keys of further entries.
const CHUNKS: u8 = 2;
/// A value of a sled entry is at most this long; see the module's text.
const ENTRY_BYTES: usize = 4096;
/// A look for so much of a leaf; see the module's text.
const LOOK_BYTES: usize = 1 << 10;
/// What sled keeps in memory, as far as it keeps to it.
const CACHE_BYTES: u64 = 64 << 20;

const _: () = assert!(SEGMENT_BYTES > 2 * super::limits::BATCH_BYTES);

#[cfg(test)]
mod tests {
    use super::super::{Write, check};
    use super::*;
    use crate::disk::Fdatasync;

    fn open(dir: &Path) -> Sled {
        Sled::open(dir, &(Arc::new(Fdatasync) as Arc<dyn Disk>)).unwrap()
    }

    #[tokio::test]
    async fn what_is_replaced_or_deleted_leaves_no_entries() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let large = Bytes::from(vec![7; 300 << 10]);
        for (next, entries) in [(Some(large), 77), (Some(Bytes::new()), 2), (None, 1)] {
            let put = next.iter().map(|value| (b"k".to_vec(), value.clone()));
            let delete = if next.is_none() { Some(b"k".to_vec()) } else { None };
            store.commit(Write::new([], put, delete).unwrap().into()).await.unwrap();
            assert_eq!(store.shared.db.len(), entries);
        }
    }

    #[tokio::test]
    async fn a_value_that_changed_anywhere_or_was_moved_is_not_served() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let large = Bytes::from(vec![7; 10 << 10]);
        let [a, b] = [b"a", b"b"].map(|key| (key.to_vec(), large.clone()));
        store.commit(Write::new([], [a, b], []).unwrap().into()).await.unwrap();
        let db = &store.shared.db;
        for (entry, says) in [
            (head_key(b"a"), "is not what"),
            (chunk_key(b"a", 0), "is not what"),
            (chunk_key(b"a", 1), "is not what"),
        ] {
            let kept = db.get(&entry).unwrap().unwrap();
            let spoilt = [&kept[..kept.len() - 1], &[8]].concat();
            db.insert(&entry, spoilt).unwrap();
            is_damaged(&store, says).await;
            db.remove(&entry).unwrap();
            if entry[0] == CHUNKS {
                is_damaged(&store, "misses a part").await;
            } else {
                let found = check::whole(&store, |_| ()).await.unwrap_err().to_string();
                assert!(found.contains("holds 1 values, and says that it holds 2"), "{found}");
            }
            db.insert(&entry, kept).unwrap();
        }
        check::whole(&store, |_| ()).await.unwrap();
        db.insert(head_key(b"a"), db.get(head_key(b"b")).unwrap().unwrap()).unwrap();
        is_damaged(&store, "is not what").await;
    }

    async fn is_damaged(store: &Sled, says: &str) {
        let found = store.read(&[b"a".to_vec()]).await;
        let Err(StoreError::Corrupt(why)) = found else { panic!("{found:?}") };
        assert!(why.starts_with(&format!("the value under a {says}")), "{why}");
        let found = check::whole(store, |_| ()).await;
        let Err(StoreError::Damaged(damage)) = found else { panic!("{found:?}") };
        assert_eq!(damage.found(), [why], "{damage}");
    }

    #[test]
    fn what_the_system_said_has_its_name_also_when_sled_tells_it_again() {
        let first = sled::Error::Io(io::Error::from_raw_os_error(28));
        for error in [first.clone(), first] {
            let StoreError::Unknown(why) = stopped(&Fault::default(), error) else { panic!() };
            assert_eq!(why, "ENOSPC (28), No space left on device");
        }
        let other = sled::Error::Io(io::Error::other("Os { code: none"));
        let StoreError::Unknown(why) = stopped(&Fault::default(), other) else { panic!() };
        assert_eq!(why, "Os { code: none");
    }

    #[test]
    fn what_sled_panics_at_as_it_is_closed_has_a_name() {
        let why = panic_of(|| panic!("on a value: {:?}", io::Error::from_raw_os_error(5)));
        assert_eq!(why.as_deref(), Some("EIO (5), Input/output error"));
        assert_eq!(panic_of(|| panic!("other")).as_deref(), Some("sled panicked"));
        assert_eq!(panic_of(|| ()), None);
    }

    #[test]
    fn a_look_counts_for_a_kilobyte() {
        let looks_at = |sizes: &[usize]| {
            let mut page = PageBuilder::new(100);
            for (key, size) in (0..).zip(sizes) {
                let value = Bytes::from(vec![0; *size]);
                page.push(vec![key], Ok(Stored::new(&[key], Revision::ABSENT, value)));
            }
            looks(&page.finish()).map(|key| key[0]).collect::<Vec<u8>>()
        };
        assert_eq!(looks_at(&[400, 400, 400, 400, 500]), [2, 4]);
        assert_eq!(looks_at(&[2_300, 0, 800]), [0, 0, 2]);
        assert_eq!(looks_at(&[60_000]), [0, 0, 0], "and its chunks as they were read");
    }

    #[test]
    fn an_unfinished_snapshot_does_not_stop_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path()));
        std::fs::write(dir.path().join("snap.FFFFFFFFFFFFFFFF.generating"), b"half").unwrap();
        drop(open(dir.path()));
    }

    #[test]
    fn a_blob_of_sled_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path()));
        std::fs::write(dir.path().join("blobs").join("0"), b"").unwrap();
        let opened = Sled::open(dir.path(), &(Arc::new(Fdatasync) as Arc<dyn Disk>));
        assert!(matches!(opened, Err(StoreError::Corrupt(_))));
    }

    #[test]
    fn the_lock_is_held_while_the_store_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let lock = File::open(dir.path().join("lock")).unwrap();
        assert!(lock.try_lock().is_err());
        drop(store);
        lock.try_lock().unwrap();
    }
}
