//! The fold over the log, entry by entry, each fully verified.
//!
//! In scope: bytes of entries to a [`Directory`] and a tree. Out of scope: files, checkpoints.
//! Invariants: nothing is skipped; an entry that the rules do not admit ends the fold; a charter of
//! rules that this program does not know stops it behind that charter, and only hashes go on.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::domain::directory::entry::Entry;
use crate::domain::directory::{
    Admitted, Directory, Newest, RULES, apply, found, verify, verify_founding,
};
use crate::domain::ids::DirectoryName;
use crate::domain::refusal::Refusal;
use crate::tlog::merkle::{Tree, leaf_hash};

use crate::client::invitation::Trust;

/// An entry that cannot be in the log of this directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldFault {
    /// The rules do not admit it.
    #[error("entry {leaf} is not admissible: {why}")]
    Inadmissible {
        /// Where.
        leaf: u64,
        /// Why.
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
        /// Its version.
        version: u64,
        /// The fingerprint in the log.
        found: Digest,
    },
}

/// Where the fold stopped, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// The first entry that this program does not know.
    pub leaf: u64,
    /// What it holds, in words.
    pub why: String,
}

/// A log as far as it was read.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    name: DirectoryName,
    genesis: Digest,
    pins: BTreeMap<u64, Digest>,
    pub(super) entries: Vec<Bytes>,
    pub(super) tree: Tree,
    pub(super) directory: Option<Directory>,
    /// Every charter that it has passed through, by version.
    pub(super) charters: BTreeMap<u64, Newest>,
    pub(super) frozen: Option<Frozen>,
}

impl Fold {
    pub(super) fn new(trust: &Trust) -> Self {
        Self {
            name: trust.name().clone(),
            genesis: trust.genesis(),
            pins: trust.pins(),
            entries: Vec::new(),
            tree: Tree::default(),
            directory: None,
            charters: BTreeMap::new(),
            frozen: None,
        }
    }

    /// Takes the next entry, or nothing.
    pub(super) fn push(&mut self, entry: Bytes) -> Result<(), FoldFault> {
        if self.frozen.is_none() {
            let directory = self.step(&entry)?;
            let (leaf, rules) = (self.size() + 1, directory.rules());
            if rules > RULES {
                let why = format!("rules {rules}, and this program knows up to {RULES}");
                self.frozen = Some(Frozen { leaf, why });
            }
            self.directory = Some(directory);
        }
        self.tree.append(leaf_hash(&entry));
        self.entries.push(entry);
        Ok(())
    }

    pub(super) fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    fn step(&self, entry: &Bytes) -> Result<Directory, FoldFault> {
        let leaf = self.size();
        let inadmissible = |why| FoldFault::Inadmissible { leaf, why };
        let Entry { statement, admitted_at } = Entry::read(entry).map_err(inadmissible)?;
        self.folded(&statement, Admitted { leaf, at: admitted_at })
    }

    fn folded(&self, statement: &[u8], admitted: Admitted) -> Result<Directory, FoldFault> {
        let leaf = admitted.leaf;
        let inadmissible = |why| FoldFault::Inadmissible { leaf, why };
        let Some(before) = &self.directory else {
            let verified = verify_founding(&self.name, statement).map_err(inadmissible)?;
            if verified.digest() != self.genesis {
                return Err(FoldFault::OtherGenesis { found: verified.digest() });
            }
            let (directory, _) = found(&self.name, &verified, admitted.at).map_err(inadmissible)?;
            return self.with_the_charter_believed(directory);
        };
        let verified = verify(before, statement).map_err(inadmissible)?;
        let parts = apply(before, &verified, admitted).map_err(inadmissible)?;
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
