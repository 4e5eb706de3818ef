//! The verified local copy of a directory: complete, private, offline.
//!
//! In scope: entries, facets and the highest checkpoint on disk; what may take their place; what
//! becomes of a copy that was altered. Out of scope: fetching (`session`). Invariants: what
//! [`Replica::directory`] gives was folded from entry 0 with every signature verified, now or when the
//! fold was kept, passes through the charters pinned, and has the root of a checkpoint that the log's
//! key in force has signed; the copy never goes back; nobody has to remove a file of it.
//!
//! ```text
//! entries       every entry, fetched and folded; behind the checkpoint's size: on trial
//! fold          what they come to, up to some entry: to go on from, see `kept`; may be missing
//! checkpoint    the highest one verified
//! facets        salts and bytes
//! synced        when the copy was last found complete, Unix seconds
//! halted        the entry that no rules admit, and in front of which the fold has stopped
//! altered-*     what stood here, and was not what a checkpoint covers
//! evidence-*    what cannot be of one honest log and its registrars
//! ```

pub mod tape;

mod behind;
mod fold;
mod kept;
mod open;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::crypto::sign::VerifyingKey;
use crate::domain::directory::facet::OpenFacet;
use crate::domain::directory::{Contact, Directory};
use crate::domain::ids::{ContactId, DirectoryName};
use crate::domain::limits;
use crate::domain::view::View;
use crate::signed::proto;
use crate::tlog::checkpoint::{Checkpoint, CheckpointError, InvalidCheckpoint, VerifiedCheckpoint};
use crate::tlog::head::Frontier;
use crate::tlog::merkle::{Tree, leaf_hash};
use crate::tlog::note::{BadNoteSignature, InvalidNote, SignedNote};
use crate::wire::{convert, v1};

use super::files::{self, FileError};
use super::home::{self, HomeError};
use super::invitation::Trust;

use fold::{Fold, Misfit};
pub use fold::{FoldFault, Frozen};
use kept::Starts;
use open::Start;

/// The copy cannot be used, or what was offered does not fit it.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The home cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// An entry that cannot be there.
    #[error("{origin}: {fault}")]
    Fold {
        /// The copy on this disk, or the service.
        origin: Origin,
        /// What is wrong.
        fault: FoldFault,
        /// The entry's bytes, as they came.
        entry: Bytes,
    },
    /// No checkpoint of this log.
    #[error("{origin}: {fault}")]
    Checkpoint {
        /// The copy on this disk, or the service.
        origin: Origin,
        /// What is wrong.
        fault: CheckpointError,
    },
    /// The name of the directory cannot be the name of a log.
    #[error(transparent)]
    Name(#[from] InvalidNote),
    /// The entries have another root than the checkpoint says.
    #[error(
        "{origin}: the {size} entries have the root {found}, and the checkpoint says {expected}"
    )]
    OtherRoot {
        /// The copy on this disk, or the service.
        origin: Origin,
        /// How many entries the checkpoint counts.
        size: u64,
        /// The root that the checkpoint says.
        expected: Digest,
        /// That of the entries.
        found: Digest,
        /// Where both checkpoints are kept.
        evidence: Option<PathBuf>,
    },
    /// The service signed a head that is behind the one it signed before.
    #[error("the service shows {found} entries, and has shown {expected} before: it went back")]
    Rollback {
        /// Entries of the newest head seen before.
        expected: u64,
        /// Entries of the head shown now.
        found: u64,
        /// Where both checkpoints are kept.
        evidence: Option<PathBuf>,
    },
    /// The service signed two histories.
    #[error("the log's key has signed two different histories of {size} entries: a split view")]
    SplitView {
        /// The size at which they differ.
        size: u64,
        /// Where both checkpoints are kept.
        evidence: Option<PathBuf>,
    },
    /// The log ends before a charter that was believed.
    #[error("the log does not hold the charter version {0} that was believed")]
    LacksCharter(u64),
    /// There are fewer entries than the checkpoint counts.
    #[error("the copy has {found} entries of the {expected} that its checkpoint counts")]
    Incomplete {
        /// How many entries the checkpoint counts.
        expected: u64,
        /// How many entries are there.
        found: u64,
    },
    /// An entry is not what it was when it was verified.
    #[error("the copy on this disk was altered: entry {0} is not what it was")]
    Altered(u64),
    /// Nothing was ever fetched.
    #[error("there is no copy of {0} yet")]
    NeverSynced(DirectoryName),
    /// The invitation is newer than the copy.
    #[error("the copy is behind the invitation to {0}")]
    BehindInvitation(DirectoryName),
    /// Signed by a key of a charter that this program cannot follow.
    #[error("whether the checkpoint is the log's cannot be checked by this program: {0}")]
    NotCheckable(Frozen),
}

/// Where what is wrong came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The copy on this disk.
    Disk,
    /// What the service handed over.
    Service,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Disk => "the copy on this disk was altered",
            Self::Service => "the service showed what cannot be",
        })
    }
}

/// A verified local copy of a directory.
#[derive(Clone, Debug)]
pub struct Replica {
    folder: PathBuf,
    trust: Trust,
    fold: Fold,
    /// Where each entry that is folded begins in the file.
    starts: Starts,
    /// Bytes of the entries file that are whole and folded.
    length: u64,
    /// How many entries the fold on the disk counts.
    kept: u64,
    /// A fold of so many entries that is worth keeping, as a file.
    unkept: Option<(u64, Vec<u8>)>,
    not_kept: Option<Arc<FileError>>,
    misfit: Option<Misfit>,
    head: Option<Tip>,
    facets: BTreeMap<Digest, OpenFacet>,
    synced_at: Option<u64>,
    refuted: Option<PathBuf>,
    aside: Option<Aside>,
    halted: Option<u64>,
}

/// What stood in the copy and is kept beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aside {
    /// It was not what the checkpoint covers.
    Altered(PathBuf),
    /// It was, and its rules do not admit it: evidence against the log.
    Inadmissible(PathBuf),
}

/// The directory at the highest checkpoint.
#[derive(Clone, Debug)]
struct Tip {
    checkpoint: VerifiedCheckpoint,
    /// None of a copy that lacks entries, or is behind the invitation.
    directory: Option<Directory>,
    frozen: Option<Frozen>,
}

/// What became of entries that were offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// They are on the disk, on trial until a checkpoint covers them.
    Yes,
    /// Another program has written meanwhile; the copy was read again. Ask how far it is.
    ReadAgain,
}

impl Replica {
    /// The directory, at the highest checkpoint.
    ///
    /// # Errors
    /// Never synced, entries missing, or behind the invitation.
    pub fn directory(&self) -> Result<&Directory, ReplicaError> {
        let name = || self.trust.name().clone();
        let head = self.head.as_ref().ok_or_else(|| ReplicaError::NeverSynced(name()))?;
        let (expected, found) = (head.checkpoint.size(), self.fold.size());
        head.directory.as_ref().ok_or_else(|| {
            if found < expected {
                ReplicaError::Incomplete { expected, found }
            } else {
                ReplicaError::BehindInvitation(name())
            }
        })
    }

    /// The directory as this copy sees it: what messages carry.
    ///
    /// # Errors
    /// As [`Replica::directory`].
    pub fn view(&self) -> Result<View, ReplicaError> {
        self.directory()?;
        let head = self.checkpoint();
        let head = head.ok_or_else(|| ReplicaError::NeverSynced(self.trust.name().clone()))?;
        Ok(View { size: head.size(), root: head.root() })
    }

    /// Why the directory stands still: its rules are newer than this program. Update it.
    #[must_use]
    pub fn frozen(&self) -> Option<&Frozen> {
        self.head.as_ref()?.frozen.as_ref()
    }

    /// Where what stood in the copy and may not is kept; the next sync fetches it anew.
    #[must_use]
    pub const fn aside(&self) -> Option<&Aside> {
        self.aside.as_ref()
    }

    /// Why the fold that stood on the disk was not believed, and was made anew from the entries.
    #[must_use]
    pub const fn misfit(&self) -> Option<&'static str> {
        self.misfit
    }

    /// Why the fold could not be kept: the next program has to verify all entries again.
    #[must_use]
    pub fn not_kept(&self) -> Option<&FileError> {
        self.not_kept.as_deref()
    }

    /// The entry of the log that its rules do not admit, if this copy ends in front of one.
    #[must_use]
    pub const fn halted(&self) -> Option<u64> {
        self.halted
    }

    /// How many entries are here that no checkpoint covers.
    #[must_use]
    pub fn on_trial(&self) -> u64 {
        self.fold.size().saturating_sub(self.proven_size())
    }

    fn proven_size(&self) -> u64 {
        let whole = self.head.as_ref().filter(|head| head.directory.is_some());
        whole.map_or(0, |head| head.checkpoint.size())
    }

    /// The tree over the entries, for roots of earlier sizes and proofs.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.fold.tree
    }

    /// The highest checkpoint verified.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&VerifiedCheckpoint> {
        self.head.as_ref().map(|head| &head.checkpoint)
    }

    /// When the copy was last found complete, Unix seconds.
    #[must_use]
    pub const fn synced_at(&self) -> Option<u64> {
        self.synced_at
    }

    /// Whether the last complete sync is longer ago than the charter allows, or never was, or by a
    /// clock that was wrong; or the directory stands still here.
    #[must_use]
    pub fn is_stale(&self, now: u64) -> bool {
        let within = self.directory().map_or(0, |found| found.charter().policy.stale_after);
        let ahead = now.saturating_add(limits::CLOCK_AHEAD_SECONDS);
        self.frozen().is_some()
            || self.halted.is_some()
            || self.synced_at.is_none_or(|at| at > ahead || now.saturating_sub(at) > within)
    }

    /// How many entries are here, those on trial included.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.fold.size()
    }

    /// The bytes of an entry that the checkpoint covers.
    ///
    /// # Errors
    /// They were altered since they were verified; files.
    pub fn entry(&self, leaf: u64) -> Result<Option<Bytes>, ReplicaError> {
        let covered = self.checkpoint().is_some_and(|checkpoint| leaf < checkpoint.size());
        if !covered || leaf >= self.fold.size() {
            return Ok(None);
        }
        self.stored(leaf).map(Some)
    }

    /// The first entry here that is the one wanted.
    ///
    /// # Errors
    /// As [`Replica::entry`].
    pub fn find(&self, mut wanted: impl FnMut(&[u8]) -> bool) -> Result<Option<u64>, ReplicaError> {
        let mut tape = tape::Reader::open(&self.folder.join(ENTRIES), 0)?;
        let covered = self.checkpoint().map_or(0, VerifiedCheckpoint::size);
        for leaf in 0..covered.min(self.fold.size()) {
            let entry = tape.next_record()?;
            let entry = entry.filter(|entry| self.fold.tree.leaf(leaf) == Some(leaf_hash(entry)));
            if wanted(&entry.ok_or_else(|| self.altered(leaf))?) {
                return Ok(Some(leaf));
            }
        }
        Ok(None)
    }

    /// Reads every entry that the checkpoint covers, and sees whether it is what was verified.
    fn read_through(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<(), ReplicaError> {
        let (mut have, of) = (0, self.proven_size());
        let read = self.find(|_| {
            have += 1;
            if have % SHOWN == 0 {
                progress(have, of);
            }
            false
        });
        read.map(drop)
    }

    /// The bytes of an entry that was folded.
    fn stored(&self, leaf: u64) -> Result<Bytes, ReplicaError> {
        let (start, end) = (self.starts.get(leaf), self.starts.get(leaf + 1));
        let (start, end) = (start.unwrap_or(self.length), end.unwrap_or(self.length));
        let mut tape = tape::Reader::open(&self.folder.join(ENTRIES), start)?;
        let entry = tape.next_record()?.filter(|_| tape.at() == end);
        let entry = entry.filter(|entry| Some(leaf_hash(entry)) == self.fold.tree.leaf(leaf));
        entry.ok_or_else(|| self.altered(leaf))
    }

    /// An entry on the disk is not what was folded: whoever opens the copy next verifies all of it.
    fn altered(&self, leaf: u64) -> ReplicaError {
        let _ = files::remove(&self.folder.join(FOLD));
        ReplicaError::Altered(leaf)
    }

    /// The root of the first `size` entries as they stand on the disk, if there are so many.
    ///
    /// # Errors
    /// Files.
    pub fn root_on_disk(&self, size: u64) -> Result<Option<Digest>, ReplicaError> {
        let mut tape = tape::Reader::open(&self.folder.join(ENTRIES), 0)?;
        let mut frontier = Frontier::default();
        while frontier.size() < size {
            let Some(entry) = tape.next_record()? else { return Ok(None) };
            frontier.append(leaf_hash(&entry));
        }
        Ok(Some(frontier.root()))
    }

    /// An entry with its proof against the highest checkpoint.
    ///
    /// # Errors
    /// As [`Replica::entry`].
    pub fn proven(&self, leaf: u64) -> Result<Option<v1::ProvenEntry>, ReplicaError> {
        let Some(checkpoint) = self.checkpoint() else { return Ok(None) };
        let path = self.fold.tree.inclusion_proof(leaf, checkpoint.size());
        let (Some(path), Some(entry)) = (path, self.entry(leaf)?) else { return Ok(None) };
        Ok(Some(v1::ProvenEntry {
            entry,
            leaf_index: leaf,
            inclusion: path.iter().map(|hash| Bytes::copy_from_slice(hash.as_bytes())).collect(),
            checkpoint: checkpoint.note().to_string().into_bytes().into(),
        }))
    }

    /// What is believed without the log: the invitation's charter and those followed.
    #[must_use]
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Salt and bytes of a facet, if they were handed over.
    #[must_use]
    pub fn facet(&self, hash: &[u8]) -> Option<&OpenFacet> {
        self.facets.get(&Digest::try_from(hash).ok()?)
    }

    /// The facets of a contact's record and roster in force by name, each with its bytes, or
    /// withheld.
    ///
    /// # Errors
    /// As [`Replica::directory`].
    pub fn facets_of(
        &self,
        contact: &ContactId,
    ) -> Result<Vec<(String, Option<Bytes>)>, ReplicaError> {
        let named = self.directory()?.contact(contact).into_iter().flat_map(named_by);
        let named = named.map(|facet| {
            (facet.name.clone(), self.facet(&facet.hash).map(|open| open.bytes.clone()))
        });
        Ok(named.collect())
    }

    /// Every facet that records and rosters in force name and that is not here, by contact.
    ///
    /// # Errors
    /// As [`Replica::directory`].
    pub fn withheld(&self) -> Result<Vec<(ContactId, proto::Facet)>, ReplicaError> {
        let named = facets_named(self.directory()?);
        let missing = named.filter(|(_, facet)| self.facet(&facet.hash).is_none());
        Ok(missing.map(|(contact, facet)| (contact, facet.clone())).collect())
    }

    /// Takes entries behind those that are here, each verified before it is written: what stands
    /// before a fault is kept.
    ///
    /// # Errors
    /// An entry that cannot be there; files.
    pub fn append(&mut self, entries: &[Bytes]) -> Result<Appended, ReplicaError> {
        let lock = home::lock(&self.folder)?;
        if self.is_outdated()? {
            drop(lock);
            self.read_again()?;
            return Ok(Appended::ReadAgain);
        }
        let before = self.fold.size();
        let pushed = self.fold.push_all(entries);
        let taken = self.took(entries, before);
        let pushed = pushed.map_err(|fault| {
            let (origin, entry) = (Origin::Service, entries[taken].clone());
            ReplicaError::Fold { origin, fault, entry }
        });
        let length = self.starts.get(before).unwrap_or(self.length);
        if let Err(error) = tape::append(&self.folder.join(ENTRIES), length, &entries[..taken]) {
            drop(lock);
            // What was folded and is not on the disk is not here.
            self.read_again()?;
            return Err(error.into());
        }
        // A first sync that breaks off goes on from here.
        if self.head.is_none() {
            self.encode_due((self.kept / 4).max(FIRST_KEPT));
            self.keep();
        }
        pushed.map(|()| Appended::Yes)
    }

    /// Those of a page that were folded stand on the tape, one behind the other. How many.
    fn took(&mut self, page: &[Bytes], before: u64) -> usize {
        let taken = usize::try_from(self.fold.size() - before).unwrap_or(usize::MAX);
        for entry in page.iter().take(taken) {
            self.starts.push(self.length);
            self.length += 4 + entry.len() as u64;
        }
        taken
    }

    /// Makes the file of the fold, if much of it is not kept; every program that opens the copy then
    /// verifies what is behind it.
    fn encode_due(&mut self, due: u64) {
        if self.fold.size().saturating_sub(self.kept) >= due {
            let file = kept::encode(&self.fold, &self.starts, self.length);
            self.unkept = file.map(|file| (self.fold.size(), file));
        }
    }

    /// So many entries are verified in a few milliseconds; and the file is not written for each.
    fn due(&self) -> u64 {
        (self.fold.size() / 1_024).max(128)
    }

    /// Writes that file; the caller has the lock. Without it everything works, and takes longer.
    fn keep(&mut self) {
        let Some((size, file)) = self.unkept.take() else { return };
        match files::put(&self.folder.join(FOLD), &file) {
            Ok(()) => self.kept = size,
            Err(why) => self.not_kept = Some(Arc::new(why)),
        }
    }

    /// What a checkpoint says about itself, to know how many entries it needs.
    ///
    /// # Errors
    /// It is no checkpoint of this log.
    pub fn size_of(&self, note: &[u8]) -> Result<u64, ReplicaError> {
        Ok(unverified(note, Origin::Service)?.size)
    }

    /// Takes a checkpoint that the service shows, if all is right: signed by a key of the charter
    /// in force, not behind the highest one, the root of the entries here, after every charter
    /// believed.
    ///
    /// # Errors
    /// [`ReplicaError::Rollback`] and [`ReplicaError::SplitView`] keep both checkpoints as
    /// evidence.
    pub fn confirm(&mut self, note: &[u8], now: u64) -> Result<(), ReplicaError> {
        let size = unverified(note, Origin::Service)?.size;
        if let Some(head) = &self.head
            && size < head.checkpoint.size()
        {
            return Err(self.went_back(note, size, now)?);
        }
        let found = self.fold.size();
        if found < size {
            return Err(ReplicaError::Incomplete { expected: size, found });
        }
        let head = match self.verified(note, Origin::Service) {
            Ok(head) => head,
            Err(ReplicaError::OtherRoot { expected, .. }) if self.contradicts(size, expected) => {
                let evidence = self.keep_evidence(note, None, now)?;
                return Err(ReplicaError::SplitView { size, evidence });
            }
            Err(error) => {
                self.take_ends();
                return Err(error);
            }
        };
        if let Some(before) = self.head.as_ref().map(|head| head.checkpoint.checkpoint())
            && self.fold.tree.root_at(before.size) != Some(before.root)
        {
            // Fetched again, and not what was signed before.
            let (size, evidence) = (before.size, self.keep_evidence(note, None, now)?);
            return Err(ReplicaError::SplitView { size, evidence });
        }
        let lock = home::lock(&self.folder)?;
        let stored = files::read_if_there(&self.folder.join(CHECKPOINT), NOTE_BYTES)?;
        let stored = stored.and_then(|note| unverified(&note, Origin::Disk).ok());
        if stored.is_none_or(|stored| stored.size <= size) {
            files::replace(&self.folder.join(CHECKPOINT), note)?;
            files::replace(&self.folder.join(SYNCED), format!("{now}\n").as_bytes())?;
        }
        if let Err(error) = self.settle_charters(size, now) {
            drop(lock);
            // What was altered is set aside, so that the next sync of this program, too, mends it.
            self.read_again()?;
            return Err(error);
        }
        if self.fold.size() == size {
            self.encode_due(self.due());
            self.keep();
        }
        self.head = Some(head);
        self.take_ends();
        self.synced_at = Some(now);
        Ok(())
    }

    /// Behind a charter that cannot be followed there may be no checkpoint for what comes: keys end
    /// all the same, for who ends them has signed it.
    fn take_ends(&mut self) {
        let closed = self.fold.behind.as_ref().is_some_and(|behind| behind.closed.is_some());
        if let Some(Tip { directory: Some(directory), frozen: Some(_), .. }) = &mut self.head
            && closed
            && let Some(folded) = &self.fold.directory
        {
            directory.clone_from(folded);
        }
    }

    /// Whether the highest checkpoint is of this size and has another root.
    fn contradicts(&self, size: u64, root: Digest) -> bool {
        self.checkpoint().is_some_and(|ours| ours.size() == size && ours.root() != root)
    }

    /// Pins the charters that the fold has passed through, and lets go of those in use that the
    /// log does not hold: what their registrars have signed is kept as evidence.
    fn settle_charters(&mut self, size: u64, now: u64) -> Result<(), ReplicaError> {
        let invited = self.trust.charter().newest.version;
        let passed = self.fold.charters.range(invited + 1..).map(|(_, charter)| charter.leaf);
        let passed = passed.take_while(|leaf| *leaf < size);
        let passed: Vec<Bytes> = passed.map(|leaf| self.stored(leaf)).collect::<Result<_, _>>()?;
        let path = self.folder.join(home::PINNED);
        if tape::read(&path)?.records != passed {
            tape::write(&path, &passed)?;
            self.trust.pin(&passed);
        }
        let path = self.folder.join(home::USED);
        let used = tape::read(&path)?.records;
        let frozen = self.fold.behind.as_ref().is_some_and(|behind| behind.leaf <= size);
        if used.is_empty() || (frozen && self.trust.follows(&used)) {
            return Ok(());
        }
        if !self.trust.holds(&used) {
            self.refuted = Some(self.keep_charters_as_evidence(&used, now)?);
        }
        tape::write(&path, &[])?;
        self.trust.put_to_use(&[]);
        Ok(())
    }

    /// The charters that were in use, and behind them those of the log from the same version on.
    fn keep_charters_as_evidence(&self, used: &[Bytes], now: u64) -> Result<PathBuf, ReplicaError> {
        let path = free(&self.folder, &format!("evidence-{now}-charters"));
        let logged = self.fold.charters.values().map(|charter| self.stored(charter.leaf));
        let both = used.iter().cloned().map(Ok).chain(logged);
        let both: Vec<Bytes> = both.collect::<Result<_, ReplicaError>>()?;
        tape::write(&path, &both)?;
        Ok(path)
    }

    /// Where charters are kept that were in use and that the log, as now confirmed, does not hold.
    #[must_use]
    pub fn refuted(&self) -> Option<&Path> {
        self.refuted.as_deref()
    }

    /// Keeps facets that the service handed over. What fits no hash that is missing is let go; so are,
    /// when they are the most, those that nothing in force names any more.
    ///
    /// # Errors
    /// Files.
    pub fn keep_facets(&mut self, facets: Vec<OpenFacet>) -> Result<usize, ReplicaError> {
        let named = facets_named(self.directory()?);
        let named = named.filter_map(|(_, facet)| Digest::try_from(&facet.hash[..]).ok());
        let named: BTreeSet<Digest> = named.collect();
        let wanted = facets.into_iter().map(|facet| (facet.hash(), facet));
        let wanted: BTreeMap<Digest, OpenFacet> = wanted
            .filter(|(hash, _)| named.contains(hash) && !self.facets.contains_key(hash))
            .collect();
        let new = wanted
            .values()
            .map(|facet| Bytes::from(convert::open_facet(facet.clone()).encode_to_vec()));
        let new: Vec<Bytes> = new.collect();
        let _lock = home::lock(&self.folder)?;
        let path = self.folder.join(FACETS);
        // Another program's facets are as good as ours: behind them, not over them.
        let mut there = tape::read(&path)?;
        if there.records.len() > 2 * named.len() + FEW_FACETS && self.is_newest()? {
            let in_force =
                |record: &Bytes| read_facet(record).is_some_and(|(hash, _)| named.contains(&hash));
            there.records.retain(in_force);
            there.records.extend(new);
            tape::write(&path, &there.records)?;
            self.facets.retain(|hash, _| named.contains(hash));
        } else {
            tape::append(&path, there.length, &new)?;
        }
        let kept = wanted.len();
        self.facets.extend(wanted);
        Ok(kept)
    }

    /// Whether this copy, of the same folder, shows more than another, or was found complete later.
    ///
    /// # Errors
    /// As [`Replica::view`].
    pub fn shows_more_than(&self, other: &Self) -> Result<bool, ReplicaError> {
        // Behind unknown rules also entries end keys that no checkpoint covers.
        let shows =
            |of: &Self| Ok::<_, ReplicaError>((of.view()?.size, of.entries(), of.synced_at));
        Ok(shows(self)? > shows(other)?)
    }

    /// Whether no other program has confirmed another checkpoint since.
    fn is_newest(&self) -> Result<bool, ReplicaError> {
        let stored = files::read_if_there(&self.folder.join(CHECKPOINT), NOTE_BYTES)?;
        let ours = self.checkpoint().map(|ours| ours.note().to_string().into_bytes());
        Ok(stored == ours)
    }

    /// Whether another program wrote entries since this copy was read.
    fn is_outdated(&self) -> Result<bool, ReplicaError> {
        let path = self.folder.join(ENTRIES);
        let on_disk = match std::fs::metadata(&path) {
            Ok(about) => about.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(FileError::io("read", &path)(error).into()),
        };
        if on_disk <= self.length {
            return Ok(on_disk < self.length);
        }
        // Longer by what was torn, or does not follow: ours to cut.
        let next = tape::Reader::open(&path, self.length)?.next_record()?;
        Ok(next.is_some_and(|entry| self.fold.clone().push(entry).is_ok()))
    }

    fn read_again(&mut self) -> Result<(), ReplicaError> {
        let (aside, refuted) = (self.aside.take(), self.refuted.take());
        let (folder, trust, known) = (self.folder.clone(), self.trust.clone(), self.fold.known());
        let read = Self::read(folder, trust, known, Start::Kept, &mut |_, _| {})?;
        *self = Self { aside: read.aside.clone().or(aside), refuted, ..read };
        Ok(())
    }

    /// The head that a note gives, if its key, its root and its charters are right.
    fn verified(&self, note: &[u8], origin: Origin) -> Result<Tip, ReplicaError> {
        let size = unverified(note, origin)?.size;
        let fold = self.fold_at(size)?;
        let frozen = fold.frozen();
        let charter = fold.directory.as_ref().map(Directory::charter);
        let keys = match (&fold.behind, charter) {
            (Some(behind), _) => behind.log_keys(),
            (None, Some(charter)) => &charter.log,
            (None, None) => &self.trust.newest().log,
        };
        let checkpoint = self.signed(note, keys, origin, frozen.as_ref())?;
        let root = |size| self.fold.tree.root_at(size).unwrap_or(Digest::of(b""));
        let (expected, found) = (checkpoint.root(), root(size));
        if expected != found {
            let evidence = None;
            return Err(ReplicaError::OtherRoot { origin, size, expected, found, evidence });
        }
        if let Some(invited) = self.trust.checkpoint() {
            let (size, expected) = (invited.size(), invited.root());
            if size > checkpoint.size() {
                let (expected, found) = (size, checkpoint.size());
                return Err(ReplicaError::Rollback { expected, found, evidence: None });
            }
            if root(size) != expected {
                return Err(ReplicaError::SplitView { size, evidence: None });
            }
        }
        let newest = charter.map_or(0, |charter| charter.newest.version);
        let believed = self.trust.chain().newest().version;
        if believed > newest && frozen.is_none() {
            return Err(ReplicaError::LacksCharter(believed));
        }
        Ok(Tip { checkpoint, directory: fold.directory.clone(), frozen })
    }

    /// A checkpoint by one of these keys; behind a charter that cannot be followed, one by another
    /// key cannot be checked.
    fn signed(
        &self,
        note: &[u8],
        keys: &[VerifyingKey],
        origin: Origin,
        frozen: Option<&Frozen>,
    ) -> Result<VerifiedCheckpoint, ReplicaError> {
        let closed = frozen.filter(|frozen| frozen.closed.is_some());
        VerifiedCheckpoint::verify(note, &self.trust.origin()?, keys).map_err(|fault| {
            match (fault, closed) {
                (CheckpointError::Signature(BadNoteSignature::Missing), Some(frozen)) => {
                    ReplicaError::NotCheckable(frozen.clone())
                }
                (fault, _) => ReplicaError::Checkpoint { origin, fault },
            }
        })
    }

    /// The log keys of every charter that is believed or was folded.
    fn log_keys(&self) -> Vec<VerifyingKey> {
        let believed = self.trust.candidates().into_iter();
        let mut keys: Vec<_> = believed.flat_map(|charter| charter.log.clone()).collect();
        let folded = self.fold.directory.as_ref();
        keys.extend(folded.into_iter().flat_map(|found| found.charter().log.clone()));
        keys.extend(self.fold.behind.iter().flat_map(|behind| behind.log_keys().to_vec()));
        keys.sort();
        keys.dedup();
        keys
    }

    /// The fold of the first `size` entries.
    fn fold_at(&self, size: u64) -> Result<Cow<'_, Fold>, ReplicaError> {
        if self.fold.size() == size {
            return Ok(Cow::Borrowed(&self.fold));
        }
        let mut fold = self.fold.anew();
        let mut tape = tape::Reader::open(&self.folder.join(ENTRIES), 0)?;
        loop {
            let before = fold.size();
            let page = tape.next_page((size - before).min(fold::PAGE as u64))?;
            if page.is_empty() {
                break;
            }
            if fold.push_all(&page).is_err() {
                break;
            }
        }
        // They were folded before: what is not the same now was altered on the disk.
        if fold.tree.root_at(size) != self.fold.tree.root_at(size) {
            let same = |leaf: &u64| fold.tree.leaf(*leaf) == self.fold.tree.leaf(*leaf);
            return Err(self.altered((0..size).find(|leaf| !same(leaf)).unwrap_or(size)));
        }
        Ok(Cow::Owned(fold))
    }

    /// A checkpoint behind ours: an earlier head shown again, or another history.
    fn went_back(&self, note: &[u8], size: u64, now: u64) -> Result<ReplicaError, ReplicaError> {
        let frozen = self.fold.frozen();
        let shown = self.signed(note, &self.log_keys(), Origin::Service, frozen.as_ref())?;
        let evidence = self.keep_evidence(note, None, now)?;
        if self.fold.tree.root_at(size).is_none_or(|root| root == shown.root()) {
            let expected = self.checkpoint().map_or(0, VerifiedCheckpoint::size);
            return Ok(ReplicaError::Rollback { expected, found: size, evidence });
        }
        Ok(ReplicaError::SplitView { size, evidence })
    }

    /// Forgets what no checkpoint covers.
    ///
    /// # Errors
    /// Files.
    pub fn forget_trial(&mut self) -> Result<(), ReplicaError> {
        self.cut_trial(self.proven_size())
    }

    /// Forgets the entries behind the first `size`, unless another program has written since.
    fn cut_trial(&mut self, size: u64) -> Result<(), ReplicaError> {
        let lock = home::lock(&self.folder)?;
        if !self.is_outdated()? {
            let length = self.starts.get(size).unwrap_or(self.length);
            tape::append(&self.folder.join(ENTRIES), length, &[])?;
        }
        drop(lock);
        self.read_again()
    }

    /// Our checkpoint and the one shown in one file, one after the other; the entry that cannot be
    /// there beside it.
    ///
    /// # Errors
    /// Files.
    pub fn keep_evidence(
        &self,
        note: &[u8],
        entry: Option<&[u8]>,
        now: u64,
    ) -> Result<Option<PathBuf>, ReplicaError> {
        let ours = self.checkpoint().map(|ours| ours.note().to_string());
        if ours.is_none() && entry.is_none() {
            return Ok(None);
        }
        let path = free(&self.folder, &format!("evidence-{now}"));
        let ours = ours.map(|ours| format!("{ours}\n")).unwrap_or_default();
        files::replace(&path, &[ours.as_bytes(), note].concat())?;
        if let Some(entry) = entry {
            files::replace(&path.with_extension("entry"), entry)?;
        }
        Ok(Some(path))
    }

    /// Where the files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// A name that is not taken yet.
fn free(folder: &Path, stem: &str) -> PathBuf {
    let names = (2..).map(|count| format!("{stem}-{count}"));
    let mut names = std::iter::once(stem.to_owned()).chain(names).map(|name| folder.join(name));
    names.find(|path| !path.exists()).unwrap_or_else(|| folder.join(stem))
}

/// What a note says before anybody has verified it.
fn unverified(note: &[u8], origin: Origin) -> Result<Checkpoint, ReplicaError> {
    let invalid = |why: InvalidCheckpoint| ReplicaError::Checkpoint { origin, fault: why.into() };
    let note = SignedNote::parse(note).map_err(|why| invalid(why.into()))?;
    Checkpoint::parse(note.text()).map_err(invalid)
}

fn facets_named(directory: &Directory) -> impl Iterator<Item = (ContactId, &proto::Facet)> {
    let named = |contact| named_by(contact).map(|facet: &proto::Facet| (contact.id.clone(), facet));
    directory.contacts().flat_map(named)
}

fn named_by(contact: &Contact) -> impl Iterator<Item = &proto::Facet> {
    let of_record = contact.record.iter().flat_map(|record| &record.facets);
    of_record.chain(contact.roster.iter().flat_map(|roster| &roster.facets))
}

fn read_facet(record: &Bytes) -> Option<(Digest, OpenFacet)> {
    let facet = convert::facet(v1::OpenFacet::decode(record.clone()).ok()?).ok()?;
    Some((facet.hash(), facet))
}

const ENTRIES: &str = "entries";
const FOLD: &str = "fold";
const CHECKPOINT: &str = "checkpoint";
const FACETS: &str = "facets";
const SYNCED: &str = "synced";
const HALTED: &str = "halted";
const NOTE_BYTES: u64 = 64 * 1024;
/// Facets that may be there beside twice those that are named.
const FEW_FACETS: usize = 64;
/// Entries that are read between two looks at how far it is.
const SHOWN: u64 = 1_024;
/// Entries of a first sync before its fold is first kept.
const FIRST_KEPT: u64 = 4_096;

#[cfg(test)]
mod tests;
