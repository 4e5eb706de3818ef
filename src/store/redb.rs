//! The port on redb: a copy-on-write B-tree in one file.
//!
//! In scope: one table, written by one thread, read on redb's own snapshots. Out of scope: redb's
//! tuning. Invariants: every commit is `Durability::Immediate`, so redb publishes it to readers
//! only after its `fdatasync`; a value is its stamp and then its bytes.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::FileExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use redb::backends::FileBackend;
use redb::{
    BackendError, Builder, Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable,
    StorageBackend, TableDefinition,
};

use crate::disk::{self, Disk};

use super::hints::{Hints, Hub};
use super::lock;
use super::overlay::Overlay;
use super::value::{self, End, Found, Layout, Stamp, Stored};
use super::writer::{Apply, Fault, Writer};
use super::{Batch, Examined, KeyRange, PageBuilder, Revision, Snapshot, Store, StoreError};

/// The file in the store's directory.
pub(super) const FILE: &str = "store.redb";
/// Its name until it is made.
pub(super) const UNFINISHED: &str = "store.redb.new";

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("store");

/// Where the end is: no key of the port is empty.
const END: &[u8] = b"";

/// What redb keeps in memory at most.
const CACHE_BYTES: usize = 64 << 20;

/// A file below this is not worth a look at all its pages.
const LARGE_BYTES: u64 = 64 << 20;

pub(super) struct Redb {
    // Dropped first: it ends with the last batch handed over.
    writer: Writer,
    shared: Arc<Shared>,
    hub: Arc<Hub>,
}

impl Redb {
    pub(super) fn open(dir: &Path, disk: &Arc<dyn Disk>) -> Result<Self, StoreError> {
        Self::of(Shared::open(dir, disk)?)
    }

    /// The store, on which whatever is done stays in memory, and whether redb had to leave out its
    /// last commit or to look for it. Checked as far as redb can.
    pub(super) fn look(dir: &Path) -> Result<(Self, bool), StoreError> {
        let looked = panic::catch_unwind(|| Shared::look(dir));
        let panicked = || StoreError::Corrupt("redb panicked while it opened it".to_owned());
        let (shared, is_torn) = looked.unwrap_or_else(|_| Err(panicked()))?;
        Ok((Self::of(shared)?, is_torn))
    }

    fn of(shared: Shared) -> Result<Self, StoreError> {
        let shared = Arc::new(shared);
        let hub = Arc::new(Hub::default());
        let (fault, apply) = (Arc::clone(&shared.fault), Committer(Arc::clone(&shared)));
        let writer = Writer::start("redb", apply, fault, Arc::clone(&hub))?;
        Ok(Self { writer, shared, hub })
    }
}

#[async_trait]
impl Store for Redb {
    async fn read(&self, keys: &[Vec<u8>]) -> Result<Snapshot, StoreError> {
        self.shared.fault.reading(|| {
            let table = self.shared.table()?;
            let found = keys.iter().map(|key| {
                let found = self.shared.find(&table, key)?;
                Ok((key.clone(), found.map(Stored::into_versioned)))
            });
            found.collect()
        })
    }

    async fn examine(&self, range: KeyRange, limit: u32) -> Result<Examined, StoreError> {
        let mut page = PageBuilder::new(limit);
        if range.is_empty() {
            return Ok(page.finish());
        }
        let start = match range.start.as_slice() {
            END => Bound::Excluded(END),
            start => Bound::Included(start),
        };
        let end = range.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        self.shared.fault.reading(|| {
            let table = self.shared.table()?;
            for entry in table.range::<&[u8]>((start, end)).map_err(|e| self.shared.failed(e))? {
                let (key, found) = entry.map_err(|e| self.shared.failed(e))?;
                if !page.has_room() {
                    break;
                }
                let found = self.shared.decode(key.value(), found.value());
                page.push(key.value().to_vec(), found);
            }
            Ok(page.finish())
        })
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, StoreError> {
        self.writer.commit(batch).await
    }

    fn end(&self) -> End {
        self.shared.end()
    }

    fn wake(&self, prefixes: Vec<Vec<u8>>) -> Hints {
        self.hub.wake(prefixes)
    }

    fn engine(&self) -> &'static str {
        "redb"
    }
}

/// What can still be read, each value with its digest. What redb cannot reach is looked for in all
/// leaves of the file, also old ones: what was deleted there may come back.
pub(super) fn salvage(dir: &Path) -> Result<Found, StoreError> {
    let path = dir.join(FILE);
    let _lock = lock::lock_to_read(&dir.join("lock"))?;
    let mut found = BTreeMap::new();
    // Panics are damage, and what was read before them stays.
    let walked = panic::catch_unwind(AssertUnwindSafe(|| {
        let db = open_redb(&path, Overlay::open(&path)?)?;
        let said = read_end(&db).ok().and_then(|end| End::read(end.as_deref()).ok());
        for is_back in [false, true] {
            drop(panic::catch_unwind(AssertUnwindSafe(|| walk(&db, is_back, &mut found))));
        }
        Ok::<_, StoreError>(said)
    }));
    let said = walked.ok().and_then(Result::ok).flatten();
    let missing = said.and_then(|(end, _)| value::missing(&found, &end));
    if missing != Some(0) {
        let mut older = BTreeMap::<Vec<u8>, Stored>::new();
        in_leaves(&path, |key, stored| {
            let newest = older.get(key).is_none_or(|there| there.revision < stored.revision);
            if newest && !found.contains_key(key) {
                older.insert(key.to_vec(), stored);
            }
        })?;
        found.extend(older);
    }
    Ok(Found { values: found, missing })
}

fn checked(key: &[u8], stored: &[u8]) -> Option<Stored> {
    let (stamp, bytes) = Stamp::read(Layout::Digests, key, stored).ok()?;
    stamp.check(key, Bytes::copy_from_slice(bytes)).ok()
}

/// From one end of the table to the first page that cannot be read.
fn walk(
    db: &Database,
    is_back: bool,
    found: &mut BTreeMap<Vec<u8>, Stored>,
) -> Result<(), redb::Error> {
    let table = db.begin_read()?.open_table(TABLE)?;
    let mut range = table.range::<&[u8]>((Bound::Excluded(END), Bound::Unbounded))?;
    while let Some(entry) = if is_back { range.next_back() } else { range.next() } {
        let (key, value) = entry?;
        if let Some(stored) = checked(key.value(), value.value()) {
            found.insert(key.value().to_vec(), stored);
        }
    }
    Ok(())
}

/// Every value of every leaf in the file, wherever one begins.
fn in_leaves(path: &Path, mut each: impl FnMut(&[u8], Stored)) -> Result<(), StoreError> {
    let io = |error: io::Error| lock::unusable(path, &error);
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut page = vec![0; PAGE_BYTES];
    for at in (0..length).step_by(PAGE_BYTES) {
        let read = |page: &mut Vec<u8>, bytes: usize| {
            page.resize(bytes.min((length - at) as usize), 0);
            file.read_exact_at(page, at).map_err(io)
        };
        read(&mut page, PAGE_BYTES)?;
        // A leaf of redb: its kind, how many values, where each key and each value ends.
        let Some((count, bytes)) = leaf(&page) else { continue };
        read(&mut page, bytes)?;
        let end = |index: usize| end(&page, index);
        for index in 0..count {
            let begin = |from: usize, index| match index == from {
                true if from == 0 => Some(4 + 8 * count),
                _ => end(index - 1),
            };
            let (key, value) = (begin(0, index), begin(count, count + index));
            let key = key.zip(end(index)).and_then(|(from, to)| page.get(from..to));
            let value = value.zip(end(count + index)).and_then(|(from, to)| page.get(from..to));
            if let Some((key, value)) = key.zip(value)
                && let Some(stored) = checked(key, value)
            {
                each(key, stored);
            }
        }
    }
    Ok(())
}

/// How many values a leaf says that it has, and how long it is.
fn leaf(page: &[u8]) -> Option<(usize, usize)> {
    let [1, _, low, high, ..] = page else { return None };
    let count = usize::from(u16::from_le_bytes([*low, *high]));
    let bytes = end(page, (2 * count).checked_sub(1)?)?;
    (bytes <= LEAF_BYTES).then_some((count, bytes))
}

fn end(page: &[u8], index: usize) -> Option<usize> {
    let end = page.get(4 + 4 * index..)?.first_chunk()?;
    Some(u32::from_le_bytes(*end) as usize)
}

/// Leaves begin at a multiple of this.
const PAGE_BYTES: usize = 4096;
/// No leaf is larger: a value, its key and what else stands there.
const LEAF_BYTES: usize = 2 * super::limits::BYTES;

struct Shared {
    db: Arc<Database>,
    layout: Layout,
    end: Mutex<End>,
    fault: Arc<Fault>,
    // Held until the database is closed.
    _lock: File,
}

impl Shared {
    fn open(dir: &Path, disk: &Arc<dyn Disk>) -> Result<Self, StoreError> {
        let io = |error: io::Error| lock::unusable(dir, &error);
        disk::create_dir(disk.as_ref(), dir).map_err(io)?;
        let lock = lock::lock(&dir.join("lock"))?;
        if !dir.join(FILE).exists() {
            make(dir, disk)?;
        }
        let mut db = open_redb(&dir.join(FILE), Synced::open(&dir.join(FILE), disk)?)?;
        let bytes = dir.join(FILE).metadata().map_err(io)?.len();
        give_back(&mut db, bytes).map_err(|error| cannot_open(dir, error))?;
        // The process before may have been cut off after it renamed the file.
        disk::sync_path(disk.as_ref(), dir).map_err(io)?;
        Self::of(dir, db, lock)
    }

    fn look(dir: &Path) -> Result<(Self, bool), StoreError> {
        let (lock, is_torn) =
            (lock::lock_to_read(&dir.join("lock"))?, Arc::new(AtomicBool::new(false)));
        let (mut builder, repaired) = (builder(), Arc::clone(&is_torn));
        builder.set_repair_callback(move |_| repaired.store(true, Ordering::Relaxed));
        let path = dir.join(FILE);
        let db = builder.create_with_backend(Overlay::open(&path)?);
        let mut db = db.map_err(|error| cannot_open(&path, error))?;
        // Also what no value shows: a branch that leads astray, free space that is not free.
        if !db.check_integrity().map_err(|error| cannot_open(dir, error))? {
            return Err(StoreError::Corrupt("redb finds what it did not write".to_owned()));
        }
        Ok((Self::of(dir, db, lock)?, is_torn.load(Ordering::Relaxed)))
    }

    fn of(dir: &Path, db: Database, lock: File) -> Result<Self, StoreError> {
        let stored = read_end(&db).map_err(|error| cannot_open(dir, error))?;
        let (end, layout) = End::read(stored.as_deref())?;
        let (db, end) = (Arc::new(db), Mutex::new(end));
        Ok(Self { db, layout, end, fault: Arc::default(), _lock: lock })
    }

    fn end(&self) -> End {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends_at(&self, end: End) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }

    /// The table as of the last durable commit.
    fn table(&self) -> Result<ReadOnlyTable<&'static [u8], &'static [u8]>, StoreError> {
        let view = self.db.begin_read().map_err(|e| self.failed(e))?;
        view.open_table(TABLE).map_err(|e| self.failed(e))
    }

    fn find(
        &self,
        table: &impl ReadableTable<&'static [u8], &'static [u8]>,
        key: &[u8],
    ) -> Result<Option<Stored>, StoreError> {
        let found = table.get(key).map_err(|e| self.failed(e))?;
        found.map(|found| self.decode(key, found.value())).transpose()
    }

    fn decode(&self, key: &[u8], stored: &[u8]) -> Result<Stored, StoreError> {
        let (stamp, bytes) = Stamp::read(self.layout, key, stored)?;
        stamp.check(key, Bytes::copy_from_slice(bytes))
    }

    fn failed(&self, error: impl Into<redb::Error>) -> StoreError {
        match error.into() {
            redb::Error::Corrupted(what) => StoreError::Corrupt(what),
            error => self.stopped(error),
        }
    }

    fn stopped(&self, error: redb::Error) -> StoreError {
        match error {
            redb::Error::Io(why) => self.fault.stop(disk::in_words(&why)),
            error => self.fault.stop(error),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.fault.check().is_err() {
            // Closing writes. After a failure nothing is written any more.
            std::mem::forget(Arc::clone(&self.db));
        }
    }
}

/// Makes the file under another name: redb does not open a file that it had half made.
fn make(dir: &Path, disk: &Arc<dyn Disk>) -> Result<(), StoreError> {
    let io = |error: io::Error| lock::unusable(dir, &error);
    let unfinished = dir.join(UNFINISHED);
    File::create(&unfinished).map_err(io)?;
    let db = open_redb(&unfinished, Synced::open(&unfinished, disk)?)?;
    create_table(&db).map_err(|error| cannot_open(dir, error))?;
    drop(db);
    disk::sync_path(disk.as_ref(), &unfinished).map_err(io)?;
    std::fs::rename(&unfinished, dir.join(FILE)).map_err(io)
}

fn open_redb(path: &Path, backend: impl StorageBackend) -> Result<Database, StoreError> {
    builder().create_with_backend(backend).map_err(|error| cannot_open(path, error))
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Gives back what is free of a file of so many bytes, if that is more than half of a large one: redb
/// itself cuts only what is free at its end. Nobody reads or writes yet.
fn give_back(db: &mut Database, bytes: u64) -> Result<(), redb::Error> {
    if bytes < LARGE_BYTES {
        return Ok(());
    }
    let transaction = db.begin_write()?;
    let stats = transaction.stats()?;
    let used = stats.allocated_pages().saturating_mul(stats.page_size() as u64);
    transaction.abort()?;
    if used < bytes / 2 {
        tracing::info!(bytes, used, "giving back what is free of the store's file");
        db.compact()?;
    }
    Ok(())
}

fn create_table(db: &Database) -> Result<(), redb::Error> {
    let transaction = db.begin_write()?;
    transaction.open_table(TABLE)?;
    Ok(transaction.commit()?)
}

struct Committer(Arc<Shared>);

impl Apply for Committer {
    fn apply(&mut self, batch: &Batch) -> Result<Revision, StoreError> {
        self.0.layout.is_written()?;
        let failed = |error: redb::Error| self.0.stopped(error);
        let mut transaction = self.0.db.begin_write().map_err(|e| failed(e.into()))?;
        transaction.set_durability(Durability::Immediate).map_err(|e| failed(e.into()))?;
        let end = {
            let mut table = transaction.open_table(TABLE).map_err(|e| failed(e.into()))?;
            batch.check(|key| {
                let found = self.0.find(&table, key)?;
                Ok(found.map_or(Revision::ABSENT, |found| found.revision))
            })?;
            let end = self.0.end();
            if batch.is_empty() {
                return Ok(end.revision());
            }
            let mut end = end.next();
            for (key, change) in batch.changes() {
                let new = change.map(|bytes| Stored::new(key, end.revision(), bytes.clone()));
                let old = match &new {
                    Some(new) => table.insert(key, encode(new).as_slice()),
                    None => table.remove(key),
                };
                let old = old.map_err(|e| failed(e.into()))?;
                let old = old.map(|old| Stamp::digest(key, old.value())).transpose()?;
                end.replace(old, new.map(|new| new.digest));
            }
            table.insert(END, end.encode().as_slice()).map_err(|e| failed(e.into()))?;
            end
        };
        transaction.commit().map_err(|e| failed(e.into()))?;
        self.0.ends_at(end);
        Ok(end.revision())
    }
}

fn encode(stored: &Stored) -> Vec<u8> {
    [&Stamp::of(stored)[..], &stored.bytes].concat()
}

fn read_end(db: &Database) -> Result<Option<Vec<u8>>, redb::Error> {
    let table = db.begin_read()?.open_table(TABLE)?;
    Ok(table.get(END)?.map(|end| end.value().to_vec()))
}

fn cannot_open(dir: &Path, error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Corrupted(what) => StoreError::Corrupt(what),
        // The system has no such error: redb says so of the file's first bytes.
        redb::Error::Io(why) if why.kind() == io::ErrorKind::InvalidData => {
            StoreError::Corrupt(why.to_string())
        }
        redb::Error::Io(why) => lock::unusable(dir, &why),
        error @ (redb::Error::UpgradeRequired(_) | redb::Error::TableDoesNotExist(_)) => {
            StoreError::Corrupt(error.to_string())
        }
        error => lock::cannot_open(dir, &error),
    }
}

/// redb's own file, but for syncs and writes, which ask at the door.
#[derive(Debug)]
struct Synced {
    file: FileBackend,
    own: File,
    disk: Arc<dyn Disk>,
}

impl Synced {
    fn open(path: &Path, disk: &Arc<dyn Disk>) -> Result<Self, StoreError> {
        let io = |error: io::Error| lock::unusable(path, &error);
        let own = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let own = own.map_err(io)?;
        let file = FileBackend::new(own.try_clone().map_err(io)?);
        let file = file.map_err(|error| cannot_open(path, error))?;
        Ok(Self { file, own, disk: Arc::clone(disk) })
    }
}

type Edge = Bound<u64>;

impl StorageBackend for Synced {
    fn sync_data(&self) -> io::Result<()> {
        self.disk.sync(&self.own)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.may_write()?;
        self.file.set_len(len)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.may_write()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use super::super::{Engine, Site, Write, check};
    use super::*;
    use crate::disk::Fdatasync;

    /// redb serves what it finds.
    #[tokio::test]
    async fn a_value_that_changed_or_was_moved_is_not_served_and_not_silently_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let store = Redb::open(dir.path(), &(Arc::new(Fdatasync) as Arc<dyn Disk>)).unwrap();
        let [a, b] = [b"a", b"b"].map(|key| (key.to_vec(), Bytes::from_static(b"value")));
        store.commit(Write::new([], [a, b], []).unwrap().into()).await.unwrap();
        let transaction = store.shared.db.begin_write().unwrap();
        {
            let mut table = transaction.open_table(TABLE).unwrap();
            let a = table.get(&b"a"[..]).unwrap().unwrap().value().to_vec();
            table.insert(&b"b"[..], &a[..]).unwrap();
            let spoilt = [&a[..a.len() - 1], b"E"].concat();
            table.insert(&b"a"[..], &spoilt[..]).unwrap();
        }
        transaction.commit().unwrap();
        for key in ["a", "b"] {
            let found = store.read(&[key.as_bytes().to_vec()]).await;
            let Err(StoreError::Corrupt(why)) = found else { panic!("{found:?}") };
            assert!(why.starts_with(&format!("the value under {key} ")), "{why}");
        }
        assert!(matches!(store.scan(KeyRange::prefix(b""), 9).await, Err(StoreError::Corrupt(_))));
        let found = check::whole(&store, |_| ()).await;
        let Err(StoreError::Damaged(damage)) = found else { panic!("{found:?}") };
        assert_eq!(damage.found().len(), 2, "{damage}");
        // What is written in its place is whole again, and so is the sum.
        let put = (b"a".to_vec(), Bytes::from_static(b"again"));
        store.commit(Write::new([], [put], [b"b".to_vec()]).unwrap().into()).await.unwrap();
        let found = check::whole(&store, |_| ()).await;
        assert!(matches!(found, Err(StoreError::Damaged(_))), "b's digest was another: {found:?}");
    }

    /// Its pages are whole, and its own checks find nothing.
    #[tokio::test]
    async fn who_looks_reads_every_value() {
        let dir = tempfile::tempdir().unwrap();
        let place = Site::new(Engine::Redb, dir.path());
        drop(place.create("test", 1).await.unwrap());
        place.look("test", |_| ()).await.unwrap();
        let store = Redb::open(dir.path(), &(Arc::new(Fdatasync) as Arc<dyn Disk>)).unwrap();
        let transaction = store.shared.db.begin_write().unwrap();
        transaction.open_table(TABLE).unwrap().insert(&b"a"[..], &[7; 50][..]).unwrap();
        transaction.commit().unwrap();
        drop(store);
        let Err(found) = place.look("test", |_| ()).await else { panic!("it is taken for whole") };
        assert!(
            matches!(&found, StoreError::Damaged(found) if found.found().len() == 1),
            "{found}"
        );
    }

    /// Every value is whole and is found by who reads all, and not by who asks for it.
    #[tokio::test]
    async fn a_branch_that_leads_astray_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let store = Redb::open(dir.path(), &(Arc::new(Fdatasync) as Arc<dyn Disk>)).unwrap();
        let puts = (0..200)
            .map(|number| (format!("key {number:03}").into_bytes(), Bytes::from(vec![7; 500])));
        let puts = puts.collect::<Vec<_>>();
        store.commit(Write::new([], puts, []).unwrap().into()).await.unwrap();
        drop(store);
        Redb::look(dir.path()).unwrap();
        let path = dir.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        let mut astray = 0;
        for at in (0..whole.len()).step_by(PAGE_BYTES) {
            let page = &whole[at..at + PAGE_BYTES];
            let first_key = page.windows(4).position(|word| word == b"key ");
            let (BRANCH, Some(key)) = (page[0], first_key) else { continue };
            let mut bytes = whole.clone();
            bytes[at + key] = b'z';
            std::fs::write(&path, bytes).unwrap();
            let looked = Redb::look(dir.path()).err();
            assert!(matches!(looked, Some(StoreError::Corrupt(_))), "page at {at}: {looked:?}");
            astray += 1;
        }
        assert!(astray > 0);
    }

    /// redb's pages, and how one that is a branch begins.
    const PAGE_BYTES: usize = 4_096;
    const BRANCH: u8 = 2;

    /// A disk on which so many more writes fit.
    #[derive(Debug)]
    struct Fits(AtomicI64);

    impl Disk for Fits {
        fn sync(&self, file: &File) -> io::Result<()> {
            Fdatasync.sync(file)
        }

        fn may_write(&self) -> io::Result<()> {
            match self.0.fetch_sub(1, Ordering::SeqCst) {
                1.. => Ok(()),
                _ => Err(io::Error::from_raw_os_error(28)),
            }
        }
    }

    fn put(key: &[u8], bytes: usize) -> Batch {
        Write::new([], [(key.to_vec(), Bytes::from(vec![7; bytes]))], []).unwrap().into()
    }

    /// A full disk ends it at the commit that what was read asked for, a receipt's; a view is no write.
    #[tokio::test]
    async fn who_reads_writes_nothing_and_a_commit_without_room_ends_the_engine() {
        let keys = [b"a".to_vec(), b"b".to_vec()];
        for fit in 0.. {
            let dir = tempfile::tempdir().unwrap();
            let disk = Arc::new(Fits(AtomicI64::new(i64::MAX)));
            let store = Redb::open(dir.path(), &(Arc::clone(&disk) as Arc<dyn Disk>)).unwrap();
            store.commit(put(b"a", 9)).await.unwrap();
            disk.0.store(0, Ordering::SeqCst);
            assert!(store.read(&keys).await.unwrap().value(b"a").is_some());
            assert_eq!(store.scan(KeyRange::prefix(b""), 9).await.unwrap().entries.len(), 1);
            disk.0.store(fit, Ordering::SeqCst);
            let committed = store.commit(put(b"b", 1 << 19)).await;
            if committed.is_ok() {
                assert!(fit > 1, "it writes the value and then the header");
                return;
            }
            let Err(StoreError::Unknown(why)) = committed else { panic!("{committed:?}") };
            assert!(why.contains("ENOSPC (28)"), "{why}");
            assert_eq!(store.read(&keys).await, Err(StoreError::Unknown(why)));
            // What the next process finds.
            let copy = tempfile::tempdir().unwrap();
            std::fs::copy(dir.path().join(FILE), copy.path().join(FILE)).unwrap();
            let again = Redb::open(copy.path(), &(Arc::new(Fdatasync) as Arc<dyn Disk>)).unwrap();
            let found = again.read(&keys).await.unwrap();
            assert!(found.value(b"a").is_some(), "{fit}");
            assert!(found.value(b"b").is_none_or(|value| value.len() == 1 << 19), "{fit}");
        }
    }

    #[test]
    fn a_file_that_was_half_made_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("store.redb.new"), [0; 4096]).unwrap();
        Redb::open(dir.path(), &(Arc::new(Fdatasync) as Arc<dyn Disk>)).unwrap();
    }
}
