//! The fold over the log, entry by entry, each fully verified.
//!
//! In scope: bytes of entries to a [`Directory`] and a tree; the bytes themselves go. Out of scope: files,
//! checkpoints.
//! Invariants: nothing is skipped; an entry that the rules do not admit ends the fold, and what this
//! program cannot read is one; it stops behind a charter whose rules it does not know (`behind`), and
//! nothing else stops it. Pages are verified on all cores, and come to what entry by entry would.

use std::collections::BTreeMap;
use std::fmt;
use std::thread;

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::domain::directory::entry::{self, Entry};
use crate::domain::directory::{
    Admitted, Directory, FIRST_RULES, Newest, Parts, Verified, apply, found, verify,
    verify_founding,
};
use crate::domain::ids::DirectoryName;
use crate::domain::refusal::Refusal;
use crate::tlog::merkle::{Tree, leaf_hash};

use crate::client::invitation::Trust;

use super::behind::Behind;

/// Why a file is not the fold to go on from.
pub(super) type Misfit = &'static str;

/// An entry that cannot be in the log of this directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldFault {
    /// The rules do not admit it.
    #[error("entry {leaf} is not admissible: {why}")]
    Inadmissible {
        /// The entry's leaf index.
        leaf: u64,
        /// Which rule it breaks.
        why: Refusal,
    },
    /// The log of another directory of this name.
    #[error(
        "the log begins with another charter than the invitation's directory: its genesis is {found}"
    )]
    OtherGenesis {
        /// What the log says.
        found: Digest,
    },
    /// The log holds another charter of that version than the one that was believed.
    #[error("the log holds another charter version {version} than the one believed: {found}")]
    OtherCharter {
        /// The version of that charter.
        version: u64,
        /// The fingerprint in the log.
        found: Digest,
    },
}

/// The charter names rules that this program does not know: it reads on, and judges nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// The first entry that is not judged.
    pub leaf: u64,
    /// The number of the rules.
    pub rules: u32,
    /// The first charter that could not be followed: checkpoints by newer keys cannot be checked.
    pub closed: Option<u64>,
}

impl fmt::Display for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { leaf, rules, closed } = self;
        write!(
            f,
            "from entry {leaf} on the directory has rules {rules}, which this program does not know"
        )?;
        match closed {
            Some(leaf) => write!(f, ", nor the charter in entry {leaf}"),
            None => Ok(()),
        }
    }
}

/// A log as far as it was read.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    name: DirectoryName,
    genesis: Digest,
    pins: BTreeMap<u64, Digest>,
    /// The highest number of rules known.
    known: u32,
    pub(super) tree: Tree,
    pub(super) directory: Option<Directory>,
    /// Every charter that it has passed through, by version.
    pub(super) charters: BTreeMap<u64, Newest>,
    pub(super) behind: Option<Behind>,
}

impl Fold {
    pub(super) fn new(trust: &Trust, known: u32) -> Self {
        Self {
            name: trust.name().clone(),
            genesis: trust.genesis(),
            pins: trust.pins(),
            known,
            tree: Tree::default(),
            directory: None,
            charters: BTreeMap::new(),
            behind: None,
        }
    }

    /// An empty one that reads the same log.
    pub(super) fn anew(&self) -> Self {
        Self {
            name: self.name.clone(),
            genesis: self.genesis,
            pins: self.pins.clone(),
            known: self.known,
            tree: Tree::default(),
            directory: None,
            charters: BTreeMap::new(),
            behind: None,
        }
    }

    /// One that has read so far, if that is of the same log.
    pub(super) fn resumed(
        &self,
        directory: Directory,
        tree: Tree,
        charters: BTreeMap<u64, Newest>,
    ) -> Result<Self, Misfit> {
        if (directory.name(), directory.genesis()) != (&self.name, self.genesis) {
            return Err("it is of another directory");
        }
        if directory.rules() > self.known {
            return Err("it is of newer rules");
        }
        let believed = |(version, charter): (&u64, &Newest)| {
            self.pins.get(version).is_none_or(|pinned| *pinned == charter.statement)
        };
        if !charters.iter().all(believed) {
            return Err("it holds another charter than the one believed");
        }
        Ok(Self { directory: Some(directory), tree, charters, ..self.anew() })
    }

    /// Takes the next entries up to the first that cannot be there, on all cores.
    pub(super) fn push_all(&mut self, entries: &[Bytes]) -> Result<(), FoldFault> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        self.push_on(cores.min(entries.len() / SHARE), entries)
    }

    pub(super) fn push_on(&mut self, cores: usize, entries: &[Bytes]) -> Result<(), FoldFault> {
        for page in entries.chunks(PAGE) {
            let ahead = self.verify_ahead(page, cores);
            let mut page = page.iter().zip(ahead);
            page.try_for_each(|(entry, ahead)| self.take(entry.clone(), ahead))?;
        }
        Ok(())
    }

    /// Takes the next entry, or nothing.
    pub(super) fn push(&mut self, entry: Bytes) -> Result<(), FoldFault> {
        self.take(entry, None)
    }

    /// What verifies on the directory in front of the page. What does not may yet: its signer may be
    /// listed within it.
    fn verify_ahead(&self, page: &[Bytes], cores: usize) -> Vec<Option<Verified>> {
        let mut ahead = vec![None; page.len()];
        let share = page.len().div_ceil(cores.max(1));
        let judges = self.directory.as_ref().filter(|_| self.behind.is_none());
        if let Some(directory) = judges
            && share < page.len()
        {
            thread::scope(|scope| {
                for (entries, ahead) in page.chunks(share).zip(ahead.chunks_mut(share)) {
                    // Where the system gives no thread, they are verified in their turn.
                    let _ = thread::Builder::new().spawn_scoped(scope, move || {
                        for (entry, ahead) in entries.iter().zip(ahead) {
                            *ahead = verified(directory, entry).ok();
                        }
                    });
                }
            });
        }
        ahead
    }

    fn take(&mut self, entry: Bytes, ahead: Option<Verified>) -> Result<(), FoldFault> {
        let leaf = self.size();
        if let (Some(behind), Some(directory)) = (&mut self.behind, &mut self.directory) {
            entry::of_size(&entry).map_err(|why| FoldFault::Inadmissible { leaf, why })?;
            let keys = behind.take(directory, leaf, &entry);
            // It stays at the entry where the fold stopped.
            let admitted = Admitted { leaf: directory.size() - 1, at: directory.clock() };
            directory.advance(&Parts { keys, ..Parts::none(admitted, directory.clock()) });
        } else {
            let directory = self.step(&entry, ahead)?;
            let charter = directory.charter().newest;
            if self.charters.insert(charter.version, charter).is_none() {
                let rules = directory.rules();
                self.behind = (rules > self.known).then(|| Behind::of(&directory, rules));
            }
            self.directory = Some(directory);
        }
        self.tree.append(leaf_hash(&entry));
        Ok(())
    }

    pub(super) const fn known(&self) -> u32 {
        self.known
    }

    pub(super) fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Where it stopped judging.
    pub(super) fn frozen(&self) -> Option<Frozen> {
        let behind = self.behind.as_ref()?;
        Some(Frozen { leaf: behind.leaf, rules: behind.rules, closed: behind.closed })
    }

    /// Under rules that are known, what cannot be read is not admissible.
    fn step(&self, entry: &Bytes, ahead: Option<Verified>) -> Result<Directory, FoldFault> {
        let leaf = self.size();
        let inadmissible = |why| FoldFault::Inadmissible { leaf, why };
        let rules = self.directory.as_ref().map_or(FIRST_RULES, Directory::rules);
        let Entry { statement, admitted_at: at } =
            Entry::read(entry, rules).map_err(inadmissible)?;
        let admitted = Admitted { leaf, at };
        let Some(before) = &self.directory else {
            let verified = verify_founding(&self.name, &statement).map_err(inadmissible)?;
            if verified.digest() != self.genesis {
                return Err(FoldFault::OtherGenesis { found: verified.digest() });
            }
            let (directory, _) = found(&self.name, &verified, at).map_err(inadmissible)?;
            return self.with_the_charter_believed(directory);
        };
        // What was verified on an older directory `apply` takes only if it verifies on this one, too
        // (`docs/architecture.md` 4). Which fault is first, this one says.
        let ahead = ahead.and_then(|verified| apply(before, &verified, admitted).ok());
        let anew = || apply(before, &verify(before, &statement)?, admitted);
        let parts = ahead.map_or_else(anew, Ok).map_err(inadmissible)?;
        let mut directory = before.clone();
        directory.advance(&parts);
        self.with_the_charter_believed(directory)
    }

    /// The fold passes through every charter that was believed before.
    fn with_the_charter_believed(&self, directory: Directory) -> Result<Directory, FoldFault> {
        let (version, found) = {
            let newest = &directory.charter().newest;
            (newest.version, newest.statement)
        };
        match self.pins.get(&version) {
            Some(pinned) if *pinned != found => Err(FoldFault::OtherCharter { version, found }),
            _ => Ok(directory),
        }
    }
}

fn verified(directory: &Directory, entry: &[u8]) -> Result<Verified, Refusal> {
    verify(directory, &Entry::read(entry, directory.rules())?.statement)
}

/// So many entries are verified ahead of their turn: as many as a sync fetches at once.
pub(super) const PAGE: usize = 256;

/// Fewer are not worth another thread.
const SHARE: usize = 8;
