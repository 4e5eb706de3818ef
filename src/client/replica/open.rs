//! How a copy is opened: what is on the disk is verified, gone on from, or set aside.
//!
//! In scope: the order in which a fold that was kept, the tape and the checkpoint are believed; what
//! becomes of them if they do not fit. Out of scope: what the copy takes from then on (`super`), the
//! form of a kept fold (`kept`). Invariants: up to the checkpoint every fault is an alteration, and
//! is looked at twice, the second time alone; what stood there is on the disk before anything is cut.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::client::files::{self, FileError};
use crate::client::home::{self, Home};
use crate::client::invitation::Trust;
use crate::domain::directory::RULES;
use crate::domain::ids::DirectoryName;
use crate::tlog::checkpoint::VerifiedCheckpoint;
use crate::tlog::merkle::leaf_hash;

use super::fold::{self, Fold, Misfit};
use super::kept::{self, Kept, Starts};
use super::{
    Aside, CHECKPOINT, ENTRIES, FACETS, FOLD, HALTED, NOTE_BYTES, Origin, Replica, ReplicaError,
    SYNCED, Tip, free, read_facet, tape, unverified,
};

/// Where verifying begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    /// Behind the fold that was kept.
    Kept,
    /// At entry 0.
    Anew,
}

/// What a copy on the disk is not.
enum Damage {
    /// Not the entries that the checkpoint covers; so many of them may stay until that is known.
    Entries(u64),
    /// The entries that it covers, and so many of them are admissible: it was signed over the others
    /// while this program did not know their rules.
    Inadmissible(u64),
    /// Not a checkpoint that the log's key has signed.
    Checkpoint,
}

impl Replica {
    /// Reads the copy of a directory that was joined, and verifies what is behind the fold that was
    /// kept; without one, all of it again.
    ///
    /// A copy that was altered is set aside, once, and fetched again by the next sync.
    ///
    /// # Errors
    /// [`ReplicaError`]. A copy that lacks entries opens, and [`Replica::directory`] says so.
    pub fn open(home: &Home, name: &DirectoryName) -> Result<Self, ReplicaError> {
        Self::open_showing(home, name, &mut |_, _| {})
    }

    /// As [`Replica::open`], and shows how many entries are verified, of how many.
    ///
    /// # Errors
    /// As [`Replica::open`].
    pub fn open_showing(
        home: &Home,
        name: &DirectoryName,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, ReplicaError> {
        Self::read(home.folder(name), home.trust(name)?, RULES, Start::Kept, progress)
    }

    /// As [`Replica::open`], but verifies every entry again, and sees whether the fold that was kept
    /// is theirs.
    ///
    /// # Errors
    /// As [`Replica::open`].
    pub fn open_anew(
        home: &Home,
        name: &DirectoryName,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, ReplicaError> {
        let (folder, trust) = (home.folder(name), home.trust(name)?);
        let before = kept::read(&folder.join(FOLD), &Fold::new(&trust, RULES));
        let mut replica = Self::read(folder, trust, RULES, Start::Anew, progress)?;
        replica.misfit = match before {
            Err(why) => Some(why),
            Ok(Some(before)) if !replica.follows(&before)? => Some("it says what they do not"),
            Ok(_) => None,
        };
        if replica.misfit.is_some() && replica.kept == 0 {
            let _ = files::remove(&replica.folder.join(FOLD));
        }
        Ok(replica)
    }

    /// As [`Replica::open_showing`], and reads every entry again: what was altered since it was
    /// verified is set aside.
    ///
    /// # Errors
    /// As [`Replica::open`].
    pub fn open_read_through(
        home: &Home,
        name: &DirectoryName,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, ReplicaError> {
        let replica = Self::open_showing(home, name, progress)?;
        match replica.read_through(progress) {
            Err(ReplicaError::Altered(_)) => Self::open_showing(home, name, progress),
            read => read.map(|()| replica),
        }
    }

    pub(super) fn read(
        folder: PathBuf,
        trust: Trust,
        known: u32,
        start: Start,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, ReplicaError> {
        let on_disk = || match start {
            Start::Kept => fold_on_disk(&folder, &trust, known),
            Start::Anew => Ok(Ok(None)),
        };
        if let Ok(kept) = on_disk()? {
            let (mut replica, damage) = Self::read_once(&folder, &trust, known, kept, progress)?;
            if damage.is_none() {
                let lock = replica.unkept.is_some().then(|| home::lock(&folder)).transpose();
                replica.keep_under(lock.map(|_| ()));
                return Ok(replica);
            }
        }
        // Another program may be in the middle of writing: once more, alone.
        let lock = home::lock(&folder);
        let (kept, mut misfit) = match on_disk()? {
            Ok(kept) => (kept, None),
            Err(why) => (None, Some(why)),
        };
        let resumed = kept.is_some();
        let (mut replica, mut damage) = Self::read_once(&folder, &trust, known, kept, progress)?;
        if resumed && damage.is_some() {
            misfit = Some("it does not lead to the checkpoint");
            (replica, damage) = Self::read_once(&folder, &trust, known, None, progress)?;
        }
        if misfit.is_some() {
            // One that cannot be removed is not believed the next time, either.
            let _ = files::remove(&folder.join(FOLD));
        }
        let Some(damage) = damage else {
            replica.keep_under(lock.map(|_| ()));
            return Ok(Self { misfit, ..replica });
        };
        let lock = lock?;
        let aside = set_aside(&folder, &damage, &replica)?;
        drop(lock);
        Ok(Self { aside: Some(aside), ..Self::read(folder, trust, known, start, progress)? })
    }

    /// A copy that nobody may write to is read all the same.
    fn keep_under(&mut self, lock: Result<(), FileError>) {
        match lock {
            Ok(()) => self.keep(),
            Err(why) => self.not_kept = Some(Arc::new(why)),
        }
    }

    fn read_once(
        folder: &Path,
        trust: &Trust,
        known: u32,
        kept: Option<Kept>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(Self, Option<Damage>), ReplicaError> {
        // The checkpoint first: it is written after the entries that it covers.
        let note = files::read_if_there(&folder.join(CHECKPOINT), NOTE_BYTES)?;
        let facets = tape::read(&folder.join(FACETS))?;
        let synced = files::read_if_there(&folder.join(SYNCED), 64)?;
        let synced_at = synced.and_then(|text| String::from_utf8(text).ok()?.trim().parse().ok());
        let (fold, starts, length) = match kept {
            Some(Kept { fold, starts, length }) => (fold, starts, length),
            None => (Fold::new(trust, known), Starts::default(), 0),
        };
        let mut replica = Self {
            kept: fold.size(),
            fold,
            starts,
            length,
            unkept: None,
            not_kept: None,
            misfit: None,
            head: None,
            facets: facets.records.iter().filter_map(read_facet).collect(),
            synced_at,
            refuted: None,
            aside: None,
            halted: None,
            folder: folder.to_owned(),
            trust: trust.clone(),
        };
        let covered = match note.as_deref().map(|note| unverified(note, Origin::Disk)) {
            Some(Ok(checkpoint)) => checkpoint.size,
            Some(Err(_)) => return Ok((replica, Some(Damage::Checkpoint))),
            None => 0,
        };
        let damage = replica.fold_stored(note.as_deref(), covered, progress)?;
        replica.halt()?;
        replica.take_ends();
        Ok((replica, damage))
    }

    /// Whether a fold that was kept comes to the same.
    fn follows(&self, before: &Kept) -> Result<bool, ReplicaError> {
        let mut fold = before.fold.clone();
        let mut tape = tape::Reader::open(&self.folder.join(ENTRIES), before.length)?;
        while fold.size() < self.fold.size() {
            match tape.next_record()?.map(|entry| fold.push(entry)) {
                Some(Ok(())) => {}
                Some(Err(_)) | None => return Ok(false),
            }
        }
        let root = |fold: &Fold| fold.tree.root_at(fold.size());
        Ok(fold.directory == self.fold.directory && root(&fold) == root(&self.fold))
    }

    /// Up to the checkpoint every fault is an alteration; behind it, entries are on trial.
    fn fold_stored(
        &mut self,
        note: Option<&[u8]>,
        covered: u64,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Option<Damage>, ReplicaError> {
        let mut tape = tape::Reader::open(&self.folder.join(ENTRIES), self.length)?;
        loop {
            let size = self.fold.size();
            if size == covered
                && let (Some(note), None) = (note, &self.head)
            {
                if let Some(damage) = self.take_stored_head(note)? {
                    return Ok(Some(damage));
                }
                self.encode_due(self.due());
            }
            let room = covered.checked_sub(size).filter(|room| *room > 0).unwrap_or(u64::MAX);
            let page = tape.next_page(room.min(fold::PAGE as u64))?;
            if page.is_empty() {
                if tape.is_spoilt() && size < covered {
                    return Ok(Some(Damage::Entries(size)));
                }
                break;
            }
            progress(size, covered);
            let pushed = self.fold.push_all(&page);
            self.took(&page, size);
            progress(self.fold.size(), covered);
            match pushed {
                Ok(()) => {}
                Err(_) if self.fold.size() >= covered => break,
                Err(_) if self.covers(note)? => {
                    return Ok(Some(Damage::Inadmissible(self.fold.size())));
                }
                Err(_) => return Ok(Some(Damage::Entries(self.fold.size()))),
            }
        }
        if let (Some(note), None) = (note, &self.head) {
            match self.behind(note) {
                Ok(head) => self.head = Some(head),
                Err(ReplicaError::Checkpoint { .. }) => return Ok(Some(Damage::Checkpoint)),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// What was folded in front of an entry that no rules admit is shown, and goes no further.
    fn halt(&mut self) -> Result<(), ReplicaError> {
        let marked = files::read_if_there(&self.folder.join(HALTED), 64)?;
        let marked = marked.and_then(|text| String::from_utf8(text).ok()?.trim().parse().ok());
        if let Some(head) = &mut self.head
            && head.checkpoint.size() > self.fold.size()
            && marked == Some(self.fold.size())
        {
            head.directory = self.fold.directory.clone();
            self.halted = marked;
        }
        Ok(())
    }

    /// Whether a log key that is known has signed the root of these entries.
    fn covers(&self, note: Option<&[u8]>) -> Result<bool, ReplicaError> {
        let (origin, keys) = (self.trust.origin()?, self.log_keys());
        let Some(Ok(signed)) = note.map(|note| VerifiedCheckpoint::verify(note, &origin, &keys))
        else {
            return Ok(false);
        };
        Ok(self.root_on_disk(signed.size())? == Some(signed.root()))
    }

    fn take_stored_head(&mut self, note: &[u8]) -> Result<Option<Damage>, ReplicaError> {
        match self.verified(note, Origin::Disk) {
            Ok(head) => self.head = Some(head),
            Err(ReplicaError::OtherRoot { .. }) => return Ok(Some(Damage::Entries(0))),
            Err(ReplicaError::Checkpoint { .. }) => return Ok(Some(Damage::Checkpoint)),
            // Joined again, with an invitation that is ahead of the copy.
            Err(ReplicaError::LacksCharter(_) | ReplicaError::Rollback { .. }) => {
                self.head = Some(self.behind(note)?);
            }
            Err(error) => return Err(error),
        }
        Ok(None)
    }

    /// A stored checkpoint ahead of the entries: all that can be checked is who signed it.
    fn behind(&self, note: &[u8]) -> Result<Tip, ReplicaError> {
        let checkpoint = self.signed(note, &self.log_keys(), Origin::Disk, None)?;
        Ok(Tip { checkpoint, directory: None, frozen: None })
    }
}

/// The fold to go on from: none beside the tape, or one that fits it.
fn fold_on_disk(
    folder: &Path,
    trust: &Trust,
    known: u32,
) -> Result<Result<Option<Kept>, Misfit>, ReplicaError> {
    let kept = match kept::read(&folder.join(FOLD), &Fold::new(trust, known)) {
        Ok(Some(kept)) => kept,
        Ok(None) => return Ok(Ok(None)),
        Err(misfit) => return Ok(Err(misfit)),
    };
    let note = files::read_if_there(&folder.join(CHECKPOINT), NOTE_BYTES)?;
    let size = kept.fold.size();
    if let Some(Ok(checkpoint)) = note.map(|note| unverified(&note, Origin::Disk))
        && checkpoint.size < size
    {
        return Ok(Err("it is ahead of the checkpoint"));
    }
    // Its last entry tells one tape from another.
    let last = size.saturating_sub(1);
    let start = kept.starts.get(last).unwrap_or(kept.length);
    let mut tape = tape::Reader::open(&folder.join(ENTRIES), start)?;
    let hash = tape.next_record()?.map(|entry| leaf_hash(&entry));
    if hash != kept.fold.tree.leaf(last) || tape.at() != kept.length {
        return Ok(Err("it is not of these entries"));
    }
    Ok(Ok(Some(kept)))
}

/// Keeps a copy that is not what it should be out of the way, and what may stay in its place.
fn set_aside(folder: &Path, damage: &Damage, read: &Replica) -> Result<Aside, ReplicaError> {
    // On the disk before anything is cut.
    let keep = |name: &str, stem: &str| {
        let (path, aside) = (folder.join(name), free(folder, &format!("{stem}-{name}")));
        let bytes = std::fs::read(&path).map_err(FileError::io("read", &path))?;
        files::replace(&aside, &bytes)?;
        Ok::<_, ReplicaError>(aside)
    };
    let cut = |kept: u64| {
        let length = read.starts.get(kept).unwrap_or(read.length);
        tape::append(&folder.join(ENTRIES), length, &[])
    };
    match damage {
        Damage::Entries(kept) => {
            let aside = keep(ENTRIES, "altered")?;
            cut(*kept)?;
            Ok(Aside::Altered(aside))
        }
        Damage::Inadmissible(kept) => {
            keep(CHECKPOINT, "evidence")?;
            let aside = keep(ENTRIES, "evidence")?;
            files::replace(&folder.join(HALTED), format!("{kept}\n").as_bytes())?;
            cut(*kept)?;
            Ok(Aside::Inadmissible(aside))
        }
        Damage::Checkpoint => {
            let (aside, path) = (keep(CHECKPOINT, "altered")?, folder.join(CHECKPOINT));
            files::remove(&path)?;
            Ok(Aside::Altered(aside))
        }
    }
}
