//! The fold over the log, entry by entry, each fully verified.
//!
//! In scope: bytes of entries to a [`Directory`] and a tree. Out of scope: files, checkpoints.
//! Invariants: nothing is skipped; an entry that the rules do not admit ends the fold; what this
//! program does not know yet freezes it before that entry, and only hashes go on.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::domain::directory::{
    Admitted, Directory, Newest, apply, found, verify, verify_founding,
};
use crate::domain::ids::DirectoryName;
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::signed::canonical;
use crate::signed::dsse::{Envelope, InvalidDsse};
use crate::signed::proto::{self, entry::Leaf};
use crate::tlog::merkle::{Tree, leaf_hash};

use crate::client::invitation::Trust;

/// An entry that cannot be in the log of this directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldFault {
    /// Not an entry at all.
    #[error("entry {0} is not an entry of a log")]
    NotAnEntry(u64),
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

/// What one entry comes to.
enum Step {
    Next(Box<Directory>),
    Freeze(String),
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
            match self.step(&entry)? {
                Step::Next(directory) => {
                    let charter = directory.charter().newest;
                    self.charters.insert(charter.version, charter);
                    self.directory = Some(*directory);
                }
                Step::Freeze(why) => self.frozen = Some(Frozen { leaf: self.size(), why }),
            }
        }
        self.tree.append(leaf_hash(&entry));
        self.entries.push(entry);
        Ok(())
    }

    pub(super) fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    fn step(&self, entry: &Bytes) -> Result<Step, FoldFault> {
        let leaf = self.size();
        let read: proto::Entry = match canonical::decode(entry) {
            Ok(read) => read,
            Err(_) => return newer_leaf(entry).ok_or(FoldFault::NotAnEntry(leaf)),
        };
        let Some(Leaf::Statement(statement)) = &read.leaf else {
            return newer_leaf(entry).ok_or(FoldFault::NotAnEntry(leaf));
        };
        match self.folded(statement, Admitted { leaf, at: read.admitted_at }) {
            Ok(directory) => Ok(Step::Next(Box::new(directory))),
            Err(FoldFault::Inadmissible { why, .. }) if is_newer(&why, statement) => {
                Ok(Step::Freeze(why.to_string()))
            }
            Err(fault) => Err(fault),
        }
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

/// An entry whose leaf is of a kind that came later: unknown fields, and no statement.
fn newer_leaf(entry: &[u8]) -> Option<Step> {
    let read = <proto::Entry as prost::Message>::decode(entry).ok()?;
    (read.leaf.is_none() && read.admitted_at > 0)
        .then(|| Step::Freeze("a kind of entry that this program does not know".to_owned()))
}

/// Whether a newer program could admit what this one refuses.
fn is_newer(why: &Refusal, statement: &[u8]) -> bool {
    match why {
        Refusal::NewerRules { .. } => true,
        Refusal::UnknownKind { .. } => matches!(
            Envelope::parse(statement, limits::STATEMENT_BYTES),
            Err(InvalidDsse::UnknownKind(_))
        ),
        _ => false,
    }
}
