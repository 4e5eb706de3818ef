//! A store of an earlier format, written anew in that of today.
//!
//! In scope: reading the old one, bringing its values up to date, putting the new one in its place.
//! Out of scope: bodies, which stand beside the store. Invariants: the old store is only read, and kept
//! under another name; its log hashes to its signed head, or it is not migrated; the new store takes the
//! name only once it is whole and durable; cut off anywhere, the same command goes on.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::disk;
use crate::domain::refusal::Refusal;
use crate::domain::relay::earlier::Earlier;
use crate::domain::relay::envelope;
use crate::domain::state::{Key, Value};
use crate::tlog::checkpoint::VerifiedCheckpoint;
use crate::tlog::head::Frontier;
use crate::tlog::merkle;
use crate::tlog::note::KeyName;

use super::codec::{self, LogHead};
use super::format::{self, FORMAT, Format, FormatError};
use super::{
    Batch, Looked, Pages, Site, Store, StoreError, Unmerged, Write, check, keys, lock, parts, redb,
    sled_file, tail,
};

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

/// The values of a store of format 2 or 3, as format 4 has them: the one place where they are brought
/// up to date. What format 4 no longer has becomes nothing, what it has besides is added.
struct Renewal<'a> {
    old: &'a dyn Store,
    earlier: Earlier,
}

impl Renewal<'_> {
    /// What becomes of one value. They come in the order of their keys.
    async fn up_to_date(
        &mut self,
        key: &[u8],
        value: Bytes,
    ) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
        // Accounts are summed up anew, and answers stand beside their message. `usage/receipts/` was
        // written by version 0.2, and is read by nobody.
        if key.starts_with(keys::USAGE) || key.starts_with(keys::ANSWERS) {
            return Ok(Vec::new());
        }
        let refused = |why: Refusal| unreadable(key, &why);
        if let Some((contact, number)) = keys::read_entry(key) {
            let mailbox = self.value(Key::Mailbox(contact.clone())).await?;
            let Some(Value::Mailbox(mailbox)) = mailbox else {
                return Err(unreadable(key, &"its mailbox is missing"));
            };
            let entry = codec::entry(&value)?;
            self.earlier.entry(contact, number, entry, &mailbox).map_err(refused)?;
        }
        if let Some((id, sender)) = keys::read_message(key) {
            let Value::Message(message) = codec::decode(&Key::Message(id, sender), &value)? else {
                return Err(unreadable(key, &"it is no message"));
            };
            let (digest, of) = envelope::accepted(&message.header).map_err(refused)?;
            let answers = match self.value(Key::Answers(digest)).await? {
                Some(Value::Answers(answers)) => Some(answers),
                _ => None,
            };
            let beside = self.earlier.message(&message, digest, &of, answers).map_err(refused)?;
            let mut puts: Vec<_> = beside.iter().map(|(key, value)| encoded(key, value)).collect();
            puts.push((key.to_vec(), value));
            return Ok(puts);
        }
        if let Some(of) = keys::read_outcome(key) {
            let named = Key::Outcome(of.0, of.1.clone());
            let Value::Outcome(outcome) = codec::decode(&named, &value)? else {
                return Err(unreadable(key, &"it is no outcome"));
            };
            let outcome = Value::Outcome(self.earlier.outcome(&of, outcome));
            return Ok(vec![encoded(&named, &outcome)]);
        }
        Ok(vec![(key.to_vec(), value)])
    }

    async fn value(&self, key: Key) -> Result<Option<Value>, StoreError> {
        let bytes = keys::of(&key);
        let found = self.old.read(std::slice::from_ref(&bytes)).await?;
        found.value(&bytes).map(|value| codec::decode(&key, value)).transpose()
    }
}

fn encoded(key: &Key, value: &Value) -> (Vec<u8>, Bytes) {
    (keys::of(key), codec::encode(value))
}

fn unreadable(key: &[u8], why: &dyn fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("{}: {why}", key.escape_ascii()))
}

/// Migrates the store of `directory`, which nobody may have open. The old one is only read: no file of it
/// changes. `copied` is told now and then how many values there were so far.
///
/// # Errors
/// [`FormatError::Current`] if it has the format of today; [`StoreError::Corrupt`] if its log is not
/// the one that it signed, or more may be missing than one commit; otherwise as [`Site::open`].
pub async fn migrate(
    place: &Site,
    directory: &str,
    dry_run: bool,
    copied: impl FnMut(u64),
) -> Result<Migrated, StoreError> {
    let (path, fresh) = (place.path(), unfinished(place.path()));
    if !path.exists() && fresh.exists() {
        let kept = (format::OLDEST..FORMAT).map(|number| kept(path, number)).find(|it| it.exists());
        let kept = kept.ok_or(FormatError::Missing)?;
        return finish(place, kept, dry_run).await;
    }
    let Looked { store: old, torn } = place.looked().await?;
    let format = match (format::read(old.as_ref(), directory).await, torn) {
        (Ok(Format { number: FORMAT, .. }), _) => return Err(FormatError::Current.into()),
        // No mark says how much was there.
        (_, Some(torn)) if torn.commits > 1 => {
            return Err(StoreError::Corrupt(format!("{}: {OR_A_CRASH}", torn.what)));
        }
        (format, _) => format?,
    };
    let kept = kept(path, format.number);
    if kept.exists() {
        let why = "it is there already, from an earlier migration: move it away";
        return Err(lock::cannot_open(&kept, &why));
    }
    let entries = log_is_signed(old.as_ref(), directory).await?;
    let from = Some(format.number);
    if dry_run {
        let values = copy(old.as_ref(), None, copied).await? + 1;
        return Ok(Migrated { from, values, entries, kept });
    }
    clear(&fresh)?;
    let new = place.in_directory(&fresh).start().await?;
    copy(old.as_ref(), Some(new.as_ref()), copied).await?;
    format::create(new.as_ref(), &format.directory, format.epoch).await?;
    let values = settled(place, &fresh, new).await?;
    drop(old);
    take_its_place(place, path, &kept)?;
    take_its_place(place, &fresh, path)?;
    Ok(Migrated { from, values, entries, kept })
}

/// What its own version takes for the end of a store.
const OR_A_CRASH: &str = "if it was only not stopped in order, the version that wrote it gives them up \
                          as it starts, and mends it";

/// How many values a new store has, which is whole, closed and durable.
pub(super) async fn settled(
    place: &Site,
    fresh: &Path,
    new: Arc<dyn Store>,
) -> Result<u64, StoreError> {
    let io = |error: io::Error| lock::unusable(fresh, &error);
    let values = check::whole(new.as_ref(), |_| ()).await?.values;
    drop(new);
    for entry in fs::read_dir(fresh).map_err(io)? {
        disk::sync_path(place.disk(), &entry.map_err(io)?.path()).map_err(io)?;
    }
    disk::sync_path(place.disk(), fresh).map_err(io)?;
    Ok(values)
}

/// The new store is whole, and was cut off before it had the old one's name.
async fn finish(place: &Site, kept: PathBuf, dry_run: bool) -> Result<Migrated, StoreError> {
    let fresh = unfinished(place.path());
    let new = place.in_directory(&fresh).looked().await?.store;
    let LogHead { frontier, .. } = head(new.as_ref()).await?;
    let values = check::whole(new.as_ref(), |_| ()).await?.values;
    drop(new);
    if !dry_run {
        take_its_place(place, &fresh, place.path())?;
    }
    Ok(Migrated { from: None, values, entries: frontier.size(), kept })
}

pub(super) fn take_its_place(place: &Site, from: &Path, to: &Path) -> Result<(), StoreError> {
    let io = |error: io::Error| lock::unusable(to, &error);
    fs::rename(from, to).map_err(io)?;
    disk::sync_path(place.disk(), disk::parent(to)).map_err(io)
}

/// Where a store is written that is to take the place of the one at `path`.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    beside(path, "new")
}

/// The folder beside `path` whose name has one word more.
pub(super) fn beside(path: &Path, word: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(word);
    path.with_file_name(name)
}

/// Takes away what was cut off, if it is that: a folder with nothing but what a store is made of.
pub(super) fn clear(fresh: &Path) -> Result<(), StoreError> {
    let io = |error: io::Error| lock::unusable(fresh, &error);
    let found = match fs::read_dir(fresh) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(io)?.collect::<Result<Vec<_>, _>>().map_err(io)?,
    };
    if let Some(other) = found.iter().map(fs::DirEntry::file_name).find(|name| !is_of_a_store(name))
    {
        let other = other.display();
        let why = format!("it has {other}, which is of no store, and is in the way: move it");
        return Err(lock::cannot_open(fresh, &why));
    }
    for entry in found {
        match entry.file_type().map_err(io)?.is_dir() {
            true => fs::remove_dir(entry.path()),
            false => fs::remove_file(entry.path()),
        }
        .map_err(io)?;
    }
    fs::remove_dir(fresh).map_err(io)
}

/// Whether an engine makes a file or folder of this name.
fn is_of_a_store(name: &OsStr) -> bool {
    let names = [
        "lock",
        redb::FILE,
        redb::UNFINISHED,
        sled_file::FILE,
        "conf",
        "blobs",
        tail::ASIDE,
        tail::UNFINISHED,
    ];
    name.to_str().is_some_and(|name| names.contains(&name) || name.starts_with("snap."))
}

fn kept(path: &Path, number: u32) -> PathBuf {
    beside(path, &format!("format-{number}"))
}

/// Copies all but the marker, which says that the rest is there; how many values there are then. Without
/// a new store it only counts.
async fn copy(
    old: &dyn Store,
    new: Option<&dyn Store>,
    mut copied: impl FnMut(u64),
) -> Result<u64, StoreError> {
    let mut renewal = Renewal { old, earlier: Earlier::default() };
    let mut copy = Copy { new, batch: Batch::new(), values: 0 };
    let mut pages = Pages::of(old, b"");
    while let Some(page) = pages.next().await? {
        for (key, _, value) in page.entries.into_iter().filter(|(key, ..)| key != format::KEY) {
            copy.put(renewal.up_to_date(&key, value).await?).await?;
        }
        copied(copy.values);
    }
    for (key, value) in renewal.earlier.sums() {
        copy.put(vec![encoded(&key, &value)]).await?;
    }
    copy.put(vec![(keys::LISTED.to_vec(), Bytes::new())]).await?;
    copied(copy.values);
    copy.finish().await
}

/// What was copied so far.
struct Copy<'a> {
    new: Option<&'a dyn Store>,
    batch: Batch,
    values: u64,
}

impl Copy<'_> {
    async fn put(&mut self, puts: Vec<(Vec<u8>, Bytes)>) -> Result<(), StoreError> {
        self.values += puts.len() as u64;
        let Some(new) = self.new else { return Ok(()) };
        let key = puts.first().map_or_else(String::new, |(key, _)| key.escape_ascii().to_string());
        let too_large = |why| StoreError::Corrupt(format!("{key}: {why}"));
        let write = Write::new([], puts, []).map_err(too_large)?;
        if let Err(Unmerged::Full(write) | Unmerged::OtherExpectation(write)) =
            self.batch.merge(write)
        {
            new.commit(std::mem::take(&mut self.batch)).await?;
            self.batch = Batch::from(*write);
        }
        Ok(())
    }

    async fn finish(self) -> Result<u64, StoreError> {
        if let Some(new) = self.new {
            new.commit(self.batch).await?;
        }
        Ok(self.values)
    }
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

async fn head(store: &dyn Store) -> Result<LogHead, StoreError> {
    let found = store.read(&[keys::LOG_HEAD.to_vec()]).await?;
    LogHead::decode(found.value(keys::LOG_HEAD).ok_or_else(|| other_log("the head is missing"))?)
}

fn other_log(why: &str) -> StoreError {
    StoreError::Corrupt(format!("its log is not the one that it signed: {why}"))
}
