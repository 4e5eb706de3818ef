//! A store of an earlier format, written anew in that of today.
//!
//! In scope: reading the old one, bringing its values up to date, putting the new one in its place.
//! Out of scope: bodies, which stand beside the store. Invariants: the old store is kept, under
//! another name; its log hashes to its signed head, or it is not migrated; the new store takes the
//! name only once it is whole and durable; cut off anywhere, the same command goes on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::tlog::checkpoint::VerifiedCheckpoint;
use crate::tlog::head::Frontier;
use crate::tlog::merkle;
use crate::tlog::note::KeyName;

use super::codec::Head;
use super::format::{self, FORMAT, FormatError};
use super::{Batch, Pages, Place, Store, StoreError, Unmerged, Write, check, disk, keys, parts};

/// What a migration did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The format of the old store; nothing if only its place was left to be taken.
    pub from: Option<u32>,
    /// How many values the new one has.
    pub values: u64,
    /// Entries in the log.
    pub entries: u64,
    /// Where the old store is kept.
    pub kept: PathBuf,
}

/// What stands under a key of a store of format 2 or 3, as format 4 has it: the one place where values
/// are brought up to date. What format 4 no longer has becomes nothing, what it has besides is added.
fn up_to_date(key: &[u8], value: Bytes) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
    // Written by version 0.2, and read by nobody.
    if key.starts_with(b"usage/receipts/") {
        return Ok(Vec::new());
    }
    Ok(vec![(key.to_vec(), value)])
}

/// Migrates the store of `directory`, which nobody may have open; a dry run only reads it. `copied` is
/// told now and then how many values there were so far.
///
/// # Errors
/// [`FormatError::Current`] if it has the format of today; [`StoreError::Corrupt`] if its log is not
/// the one that it signed; otherwise as [`Place::open`].
pub async fn migrate(
    place: &Place,
    directory: &str,
    dry_run: bool,
    mut copied: impl FnMut(u64),
) -> Result<Migrated, StoreError> {
    let (path, fresh) = (place.path(), unfinished(place.path()));
    if !path.exists() && fresh.exists() {
        let kept = (format::OLDEST..FORMAT).map(|number| kept(path, number)).find(|it| it.exists());
        let kept = kept.ok_or(FormatError::Missing)?;
        return finish(place, kept, dry_run).await;
    }
    let old = place.start_existing().await?;
    let format = format::read(old.as_ref(), directory).await?;
    if format.number == FORMAT {
        return Err(FormatError::Current.into());
    }
    let kept = kept(path, format.number);
    if kept.exists() {
        let why = "it is there already, from an earlier migration: move it away";
        return Err(disk::cannot_open(&kept, &why));
    }
    let entries = log_is_signed(old.as_ref(), directory).await?;
    let from = Some(format.number);
    if dry_run {
        let mut values = 0;
        let mut pages = Pages::of(old.as_ref(), b"");
        while let Some(page) = pages.next().await? {
            for (key, _, value) in page.entries {
                values += up_to_date(&key, value)?.len() as u64;
            }
            copied(values);
        }
        return Ok(Migrated { from, values, entries, kept });
    }
    let io = |error: io::Error| disk::cannot_open(&fresh, &error);
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(io)?;
    }
    let new = place.in_directory(&fresh).start().await?;
    copy(old.as_ref(), new.as_ref(), copied).await?;
    format::create(new.as_ref(), &format.directory, format.epoch).await?;
    let values = settled(place, &fresh, new).await?;
    drop(old);
    take_its_place(place, path, &kept)?;
    take_its_place(place, &fresh, path)?;
    Ok(Migrated { from, values, entries, kept })
}

/// How many values a new store has, which is whole, closed and durable.
pub(super) async fn settled(
    place: &Place,
    fresh: &Path,
    new: Arc<dyn Store>,
) -> Result<u64, StoreError> {
    let io = |error: io::Error| disk::cannot_open(fresh, &error);
    let values = check::whole(new.as_ref(), |_| ()).await?.values;
    drop(new);
    for entry in fs::read_dir(fresh).map_err(io)? {
        disk::sync_path(place.disk(), &entry.map_err(io)?.path()).map_err(io)?;
    }
    disk::sync_path(place.disk(), fresh).map_err(io)?;
    Ok(values)
}

/// The new store is whole, and was cut off before it had the old one's name.
async fn finish(place: &Place, kept: PathBuf, dry_run: bool) -> Result<Migrated, StoreError> {
    let fresh = unfinished(place.path());
    let new = place.in_directory(&fresh).start_existing().await?;
    let Head { frontier, .. } = head(new.as_ref()).await?;
    let values = check::whole(new.as_ref(), |_| ()).await?.values;
    drop(new);
    if !dry_run {
        take_its_place(place, &fresh, place.path())?;
    }
    Ok(Migrated { from: None, values, entries: frontier.size(), kept })
}

pub(super) fn take_its_place(place: &Place, from: &Path, to: &Path) -> Result<(), StoreError> {
    let io = |error: io::Error| disk::cannot_open(to, &error);
    fs::rename(from, to).map_err(io)?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    disk::sync_path(place.disk(), parent.unwrap_or(Path::new("."))).map_err(io)
}

/// Where a store is written that is to take the place of the one at `path`.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("new")
}

fn kept(path: &Path, number: u32) -> PathBuf {
    path.with_extension(format!("format-{number}"))
}

/// All but the marker, which says that the rest is there.
async fn copy(
    old: &dyn Store,
    new: &dyn Store,
    mut copied: impl FnMut(u64),
) -> Result<(), StoreError> {
    let (mut batch, mut values) = (Batch::new(), 0);
    let mut pages = Pages::of(old, b"");
    while let Some(page) = pages.next().await? {
        for (key, _, value) in page.entries.into_iter().filter(|(key, ..)| key != format::KEY) {
            let puts = up_to_date(&key, value)?;
            values += puts.len() as u64;
            let too_large = |why| StoreError::Corrupt(format!("{}: {why}", key.escape_ascii()));
            let write = Write::new([], puts, []).map_err(too_large)?;
            if let Err(Unmerged::Full(write) | Unmerged::OtherExpectation(write)) =
                batch.merge(write)
            {
                new.commit(batch).await?;
                batch = Batch::from(*write);
            }
        }
        copied(values);
    }
    new.commit(batch).await.map(|_| ())
}

/// How many entries the log has, which hash to the head that its own keys have signed.
async fn log_is_signed(store: &dyn Store, directory: &str) -> Result<u64, StoreError> {
    let head = head(store).await?;
    let (mut frontier, mut pages) = (Frontier::default(), Pages::of(store, keys::LOG_ENTRY));
    while let Some(page) = pages.next().await? {
        for (key, _, entry) in page.entries {
            if key != keys::log_entry(frontier.size()) {
                return Err(other_log(&format!("entry {} is missing", frontier.size())));
            }
            frontier.append(merkle::leaf_hash(&entry));
        }
    }
    let found = store.read(&[keys::CHARTER.to_vec()]).await?;
    let charter = found.value(keys::CHARTER).map(parts::charter).transpose()?;
    let charter = charter.ok_or_else(|| other_log("the charter is missing"))?;
    let origin = KeyName::parse(directory).map_err(|why| other_log(&why.to_string()))?;
    let signed = VerifiedCheckpoint::verify(&head.checkpoint, &origin, &charter.log)
        .map_err(|why| other_log(&why.to_string()))?;
    if (signed.size(), signed.root()) != (frontier.size(), frontier.root()) {
        let (stored, signed) = (frontier.size(), signed.size());
        return Err(other_log(&format!("{stored} entries are stored, {signed} are signed for")));
    }
    Ok(frontier.size())
}

async fn head(store: &dyn Store) -> Result<Head, StoreError> {
    let found = store.read(&[keys::LOG_HEAD.to_vec()]).await?;
    Head::decode(found.value(keys::LOG_HEAD).ok_or_else(|| other_log("the head is missing"))?)
}

fn other_log(why: &str) -> StoreError {
    StoreError::Corrupt(format!("its log is not the one that it signed: {why}"))
}
