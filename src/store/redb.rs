//! The port on redb: a copy-on-write B-tree in one file.
//!
//! In scope: one table, written by one thread, read on redb's own snapshots. Out of scope: redb's
//! tuning. Invariants: every commit is `Durability::Immediate`, so redb publishes it to readers
//! only after its `fdatasync`; a value is its revision, 8 bytes big-endian, and then its bytes.

use std::fs::OpenOptions;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use redb::backends::FileBackend;
use redb::{
    BackendError, Builder, Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable,
    StorageBackend, TableDefinition,
};

use super::disk::{self, Disk};
use super::hints::{Hints, Hub};
use super::writer::{Apply, Fault, Writer};
use super::{Batch, KeyRange, Page, PageBuilder, Revision, Snapshot, Store, StoreError, Versioned};

/// The file in the store's directory.
pub(super) const FILE: &str = "store.redb";

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("store");

/// Where the revision of the last commit is: no key of the port is empty.
const LAST_REVISION: &[u8] = b"";

/// What redb keeps in memory at most.
const CACHE_BYTES: usize = 64 << 20;

pub(super) struct Redb {
    // Dropped first: it ends with the last batch handed over.
    writer: Writer,
    shared: Arc<Shared>,
    hub: Arc<Hub>,
}

impl Redb {
    pub(super) fn open(dir: &Path, disk: &Arc<dyn Disk>) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::open(dir, disk)?);
        let hub = Arc::new(Hub::default());
        let (fault, apply) = (Arc::clone(&shared.fault), Committer(Arc::clone(&shared)));
        let writer = Writer::start("redb", apply, fault, Arc::clone(&hub))?;
        Ok(Self { writer, shared, hub })
    }
}

#[async_trait]
impl Store for Redb {
    async fn read(&self, keys: &[Vec<u8>]) -> Result<Snapshot, StoreError> {
        let table = self.shared.table()?;
        keys.iter().map(|key| Ok((key.clone(), self.shared.find(&table, key)?))).collect()
    }

    async fn scan(&self, range: KeyRange, limit: u32) -> Result<Page, StoreError> {
        let mut page = PageBuilder::new(limit);
        if range.is_empty() {
            return Ok(page.finish());
        }
        let start = match range.start.as_slice() {
            LAST_REVISION => Bound::Excluded(LAST_REVISION),
            start => Bound::Included(start),
        };
        let end = range.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let table = self.shared.table()?;
        for entry in table.range::<&[u8]>((start, end)).map_err(|e| self.shared.failed(e))? {
            let (key, found) = entry.map_err(|e| self.shared.failed(e))?;
            if !page.has_room() {
                break;
            }
            page.push(key.value().to_vec(), decode(found.value())?);
        }
        Ok(page.finish())
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, StoreError> {
        self.writer.commit(batch).await
    }

    fn wake(&self, prefixes: Vec<Vec<u8>>) -> Hints {
        self.hub.wake(prefixes)
    }

    fn engine(&self) -> &'static str {
        "redb"
    }
}

struct Shared {
    db: Arc<Database>,
    fault: Arc<Fault>,
    // Held until the database is closed.
    _lock: std::fs::File,
}

impl Shared {
    fn open(dir: &Path, disk: &Arc<dyn Disk>) -> Result<Self, StoreError> {
        let io = |error: io::Error| disk::cannot_open(dir, &error);
        disk::create_dir(disk.as_ref(), dir).map_err(io)?;
        let lock = disk::lock(&dir.join("lock"))?;
        let backend = Synced::open(&dir.join(FILE), disk)?;
        let db = Builder::new()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(backend)
            .map_err(|error| cannot_open(dir, error))?;
        create_table(&db).map_err(|error| cannot_open(dir, error))?;
        disk::sync_path(disk.as_ref(), dir).map_err(io)?;
        Ok(Self { db: Arc::new(db), fault: Arc::default(), _lock: lock })
    }

    /// The table as of the last durable commit.
    fn table(&self) -> Result<ReadOnlyTable<&'static [u8], &'static [u8]>, StoreError> {
        self.fault.check()?;
        let view = self.db.begin_read().map_err(|e| self.failed(e))?;
        view.open_table(TABLE).map_err(|e| self.failed(e))
    }

    fn find(
        &self,
        table: &impl ReadableTable<&'static [u8], &'static [u8]>,
        key: &[u8],
    ) -> Result<Option<Versioned>, StoreError> {
        let found = table.get(key).map_err(|e| self.failed(e))?;
        found.map(|found| decode(found.value())).transpose()
    }

    fn failed(&self, error: impl Into<redb::Error>) -> StoreError {
        match error.into() {
            redb::Error::Corrupted(what) => StoreError::Corrupt(what),
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

fn create_table(db: &Database) -> Result<(), redb::Error> {
    let transaction = db.begin_write()?;
    transaction.open_table(TABLE)?;
    Ok(transaction.commit()?)
}

struct Committer(Arc<Shared>);

impl Apply for Committer {
    fn apply(&mut self, batch: &Batch) -> Result<Revision, StoreError> {
        let failed = |error: redb::Error| self.0.failed(error);
        let mut transaction = self.0.db.begin_write().map_err(|e| failed(e.into()))?;
        transaction.set_durability(Durability::Immediate).map_err(|e| failed(e.into()))?;
        let revision = {
            let mut table = transaction.open_table(TABLE).map_err(|e| failed(e.into()))?;
            batch.check(|key| {
                Ok(self.0.find(&table, key)?.map_or(Revision::ABSENT, |found| found.0))
            })?;
            let last = self.0.find(&table, LAST_REVISION)?;
            let last = last.map_or(Revision::ABSENT, |found| found.0);
            if batch.is_empty() {
                return Ok(last);
            }
            let revision = last.next();
            let mut put = |key: &[u8], value: Option<&Bytes>| match value {
                Some(value) => table.insert(key, encode(revision, value).as_slice()).map(drop),
                None => table.remove(key).map(drop),
            };
            put(LAST_REVISION, Some(&Bytes::new())).map_err(|e| failed(e.into()))?;
            for (key, change) in batch.changes() {
                put(key, change).map_err(|e| failed(e.into()))?;
            }
            revision
        };
        transaction.commit().map_err(|e| failed(e.into()))?;
        Ok(revision)
    }
}

fn encode(revision: Revision, value: &[u8]) -> Vec<u8> {
    [&revision.get().to_be_bytes()[..], value].concat()
}

fn decode(bytes: &[u8]) -> Result<Versioned, StoreError> {
    let (revision, value) = bytes
        .split_first_chunk()
        .ok_or_else(|| StoreError::Corrupt("a value of redb has no revision".to_owned()))?;
    Ok((Revision::new(u64::from_be_bytes(*revision)), Bytes::copy_from_slice(value)))
}

fn cannot_open(dir: &Path, error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Corrupted(what) => StoreError::Corrupt(what),
        error => disk::cannot_open(dir, &error),
    }
}

/// redb's own file, but for the syncs, which go through the door.
#[derive(Debug)]
struct Synced {
    file: FileBackend,
    own: std::fs::File,
    disk: Arc<dyn Disk>,
}

impl Synced {
    fn open(path: &Path, disk: &Arc<dyn Disk>) -> Result<Self, StoreError> {
        let io = |error: io::Error| disk::cannot_open(path, &error);
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
        self.file.set_len(len)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
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
