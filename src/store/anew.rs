//! sled's store, written anew once its file is mostly free: sled itself cuts little of it.
//!
//! In scope: whether that is due, the copy, what a cut left of it. Out of scope: what values mean;
//! redb, which gives back by itself. Invariants: entries are copied byte for byte; the old store stays
//! as it was until the new one is whole, says the same end and is durable; cut off anywhere, a whole
//! one has the name, or the old one stands beside and gets it back.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{self, Disk};

use super::closed::Closed;
use super::limits::BATCH_BYTES;
use super::lock;
use super::migrate::{beside, clear, settled, take_its_place};
use super::sled::{self, END};
use super::sled_file::{FILE, Files, SEGMENT_BYTES};
use super::tail::{self, damaged};
use super::value::End;
use super::{Site, Store, StoreError};
use crate::domain::limits::LEAST_FREE_BYTES;

/// A file below this is not looked at.
pub(super) const LARGE_BYTES: u64 = 64 << 20;

/// Writes the store at `place` anew if it is sled's and its file is mostly free; removes what a cut left.
///
/// # Errors
/// The new store has not taken its place for sure. What fails before leaves the store as it is.
pub(super) async fn give_back(place: &Site) -> Result<(), StoreError> {
    let (path, fresh) = (place.path(), fresh(place.path()));
    let Some(Due { bytes, used, lock }) =
        place.run(|_, path, disk| due(path, disk.as_ref())).await?
    else {
        return Ok(());
    };
    tracing::info!(bytes, used, "writing the store anew: its file is mostly free");
    let written = write(place, &fresh).await;
    if let Err(why) = written {
        tracing::warn!(bytes, used, %why, "the store was not written anew, and is as it was");
        return clear(&fresh);
    }
    let left = size(&fresh)?;
    if let Err(why) = fs::rename(path, before(path)) {
        tracing::warn!(%why, "the store was written anew, and is as it was: it cannot be renamed");
        return clear(&fresh);
    }
    take_its_place(place, &fresh, path)?;
    drop(lock);
    tracing::info!(bytes, left, "the store was written anew");
    clear(&before(path))
}

/// If a cut left a store without its name, it gets it back.
pub(super) fn put_back(place: &Site) -> Result<(), StoreError> {
    let (path, before) = (place.path(), before(place.path()));
    if path.exists() || !before.exists() {
        return Ok(());
    }
    take_its_place(place, &before, path)
}

/// A store whose file is mostly free, held as long as this is.
struct Due {
    bytes: u64,
    used: u64,
    lock: File,
}

/// Whether it is time, and there is room.
fn due(path: &Path, disk: &dyn Disk) -> Result<Option<Due>, StoreError> {
    let bytes = size(path)?;
    if bytes < LARGE_BYTES && !fresh(path).exists() && !before(path).exists() {
        return Ok(None);
    }
    let lock = lock::lock(&path.join("lock"))?;
    clear(&fresh(path))?;
    if before(path).exists() {
        // It may go only once the new one has the name for good.
        let parent = disk::parent(path);
        disk::sync_path(disk, parent).map_err(|why| lock::unusable(parent, &why))?;
        clear(&before(path))?;
    }
    if bytes < LARGE_BYTES {
        return Ok(None);
    }
    tail::put_back(path, disk)?;
    let files = Files::open(path, SEGMENT_BYTES as u64);
    let files = files.map_err(|why| lock::unusable(&path.join(FILE), &why))?;
    let recovered = files.recover().map_err(damaged)?;
    let used = recovered.used();
    // What stands behind the end a start has judged; its successor finds nothing there.
    let is_torn = !recovered.damage.is_empty() || recovered.dropped > 0;
    if used >= bytes / ONE_PART || is_torn || is_another_disk(path) {
        return Ok(None);
    }
    let parent = disk::parent(path);
    let free = disk.free(parent).map_err(|why| lock::unusable(parent, &why))?;
    if free < ONE_PART * used + LEAST_FREE_BYTES {
        tracing::warn!(bytes, used, free, "too little room to write the store anew");
        return Ok(None);
    }
    Ok(Some(Due { bytes, used, lock }))
}

/// The new store, whole, durable and at the same end.
async fn write(place: &Site, fresh: &Path) -> Result<(), StoreError> {
    let to = fresh.to_owned();
    let new = place.run(move |_, path, _| {
        let said = copy(path, &to)?;
        let (new, _) = Closed::open(&to)?;
        if new.end() != said {
            return Err(StoreError::Corrupt("the copy has another end".to_owned()));
        }
        Ok(new)
    });
    settled(place, fresh, Arc::new(new.await?)).await.map(drop)
}

/// Copies every entry, the end last; and what the end says.
fn copy(from: &Path, to: &Path) -> Result<End, StoreError> {
    let files = Files::open(from, SEGMENT_BYTES as u64);
    let files = files.map_err(|why| lock::unusable(&from.join(FILE), &why))?;
    let recovered = files.recover().map_err(damaged)?;
    let db = sled::open_sled(to)?;
    let failed = |why: ::sled::Error| sled::unusable(to, why);
    let (mut batch, mut bytes, mut end) = (::sled::Batch::default(), 0, Vec::new());
    for entry in recovered.entries().map_err(damaged)? {
        let (key, value) = entry.map_err(damaged)?;
        if key == END {
            end = value;
            continue;
        }
        bytes += key.len() + value.len();
        batch.insert(key, value);
        if bytes > BATCH_BYTES {
            // sled uses again what is free only of what it has flushed.
            let applied = db.apply_batch(std::mem::take(&mut batch)).and_then(|()| db.flush());
            applied.map_err(failed)?;
            bytes = 0;
        }
    }
    batch.insert(&END, end.as_slice());
    db.apply_batch(batch).and_then(|()| db.flush()).map_err(failed)?;
    Ok(End::read(Some(&end))?.0)
}

fn size(path: &Path) -> Result<u64, StoreError> {
    let file = path.join(FILE);
    file.metadata().map(|said| said.len()).map_err(|why| lock::unusable(&file, &why))
}

/// Whether its folder is a link, or a volume of its own: another cannot take its place.
fn is_another_disk(path: &Path) -> bool {
    let device = |path: &Path| fs::symlink_metadata(path).map(|about| about.dev()).ok();
    path.is_symlink() || device(path) != device(disk::parent(path))
}

/// Where the new store is written,
fn fresh(path: &Path) -> PathBuf {
    beside(path, "written-anew-in-part")
}

/// and where the old one is until the new one is in its place.
fn before(path: &Path) -> PathBuf {
    beside(path, "replaced-by-anew")
}

/// It is due if less than one part in so many is used. A file that sled has just written is itself up to
/// 2.3 times what is used of it: this rule is not met by what it made, and so much room is enough.
const ONE_PART: u64 = 3;
