//! A log with its directory, made by the domain's own functions.
//!
//! In scope: entries, the fold over them, what its service shows of it. Invariant: what is shown is of the entries
//! as they stand, also where a test has put others there; the directory is that of what was added.

use bytes::Bytes;
use liaison::domain::directory::entry::Entry;
use liaison::domain::directory::{Admitted, Directory, apply, found, verify, verify_founding};
use liaison::domain::refusal::Refusal;
use liaison::tlog::checkpoint::Checkpoint;
use liaison::tlog::merkle::{Tree, leaf_hash};
use liaison::tlog::note::KeyName;
use liaison::wire::v1;

use super::keys::{Named, key, random};
use super::statements::NAME;

/// The log of a directory, whose key has this name.
#[derive(Clone)]
pub(crate) struct Log<K> {
    pub(crate) entries: Vec<Bytes>,
    pub(crate) directory: Directory,
    pub(crate) log_key: K,
    /// When it takes what it takes, Unix seconds.
    pub(crate) at: u64,
}

impl<K: Named> Log<K> {
    /// It begins with this charter.
    pub(crate) fn begun(charter: &Bytes, log_key: K, at: u64) -> Self {
        let name = NAME.parse().unwrap();
        let verified = verify_founding(&name, charter).unwrap();
        let (directory, _) = found(&name, &verified, at).unwrap();
        Self { entries: vec![entry(charter.clone(), at)], directory, log_key, at }
    }

    /// The leaf of what the rules admit; or why they do not.
    pub(crate) fn add(&mut self, statement: &Bytes) -> Result<u64, Refusal> {
        let verified = verify(&self.directory, statement)?;
        let admitted = Admitted { leaf: self.directory.size(), at: self.at };
        let parts = apply(&self.directory, &verified, admitted)?;
        self.directory.advance(&parts);
        self.entries.push(entry(statement.clone(), self.at));
        Ok(admitted.leaf)
    }

    pub(crate) fn tree(&self) -> Tree {
        let mut tree = Tree::default();
        self.entries.iter().for_each(|entry| tree.append(leaf_hash(entry)));
        tree
    }

    /// What its service showed when it had this size.
    pub(crate) fn checkpoint_at(&self, size: u64) -> Bytes {
        let (origin, root) = (KeyName::parse(NAME).unwrap(), self.tree().root_at(size).unwrap());
        let checkpoint = Checkpoint { origin, size, root };
        let note = checkpoint.sign(&key(&self.log_key), &random()).unwrap();
        note.to_string().into_bytes().into()
    }

    pub(crate) fn checkpoint(&self) -> Bytes {
        self.checkpoint_at(self.entries.len() as u64)
    }

    /// The charter that founded it.
    pub(crate) fn charter(&self) -> Bytes {
        Entry::read(&self.entries[0], self.directory.rules()).unwrap().statement
    }

    pub(crate) fn invitation(&self) -> v1::Invitation {
        v1::Invitation {
            charter: self.charter(),
            addresses: vec!["liaison.un.example".to_owned()],
            checkpoint: self.checkpoint_at(1),
            admin_addresses: Vec::new(),
        }
    }
}

pub(crate) fn entry(statement: Bytes, admitted_at: u64) -> Bytes {
    Entry { statement, admitted_at }.encode()
}
