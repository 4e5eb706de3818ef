//! The copy of the directory, verified once more from its first entry on.
//!
//! In scope: the fold anew, the leaves alone, what this copy lacks. Out of scope: how it is said (each face).
//! Invariant: of what does not verify the error says so, for programs, too.

use crate::client::error::{ClientError, Family, Side};
use crate::client::reason::Here;
use crate::client::replica::{Frozen, Replica};
use crate::crypto::hash::Digest;
use crate::domain::ids::{ContactId, DirectoryName};
use crate::office::Office;

/// A copy that verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Of which directory it is.
    pub directory: DirectoryName,
    /// The digest of its first statement.
    pub genesis: Digest,
    /// How many entries the log has signed.
    pub size: u64,
    /// Their root, by the entries on the disk and by the log.
    pub root: Digest,
    /// How many statements the directory was made of.
    pub folded: u64,
    /// How many members it has.
    pub members: usize,
    /// How many contacts are listed.
    pub contacts: usize,
    /// How many witnesses its charter names.
    pub witnesses: usize,
    /// What contacts publish and this copy lacks: whose, and its name.
    pub withheld: Vec<(ContactId, String)>,
    /// Why it was verified only so far.
    pub frozen: Option<Frozen>,
}

impl Office {
    /// Every entry folded again and compared with the checkpoint, and once more without what the fold has made of
    /// them.
    ///
    /// # Errors
    /// The copy does not verify, or there is none.
    pub fn verified(&self) -> Result<Verified, ClientError> {
        let replica = self.replica_anew().map_err(unverified)?;
        of(&replica)
    }
}

/// Compares what the fold has made of it with the leaves alone, as they stand on the disk.
pub(super) fn of(replica: &Replica) -> Result<Verified, ClientError> {
    let directory = replica.directory().map_err(|why| unverified(why.into()))?;
    let checkpoint = replica.checkpoint();
    let checkpoint = checkpoint.ok_or_else(|| failed("the copy has no checkpoint"))?;
    let root = replica.root_on_disk(checkpoint.size())?;
    let root = root.ok_or_else(|| unverified(failed("an entry is missing from the copy")))?;
    if root != checkpoint.root() {
        let sentence = format!("expected the root {}, found {root}", checkpoint.root());
        return Err(unverified(failed(&sentence)));
    }
    let withheld = replica.withheld()?;
    Ok(Verified {
        directory: directory.name().clone(),
        genesis: directory.genesis(),
        size: checkpoint.size(),
        root,
        folded: directory.size(),
        members: directory.members().count(),
        contacts: directory.contacts().filter(|contact| contact.record.is_some()).count(),
        witnesses: directory.charter().witnesses.len(),
        withheld: withheld.into_iter().map(|(contact, facet)| (contact, facet.name)).collect(),
        frozen: replica.frozen().cloned(),
    })
}

fn failed(sentence: &str) -> ClientError {
    ClientError::new(Side::Ours, Family::VerificationFailed, Here::OtherRoot, sentence)
}

/// The same, which says for programs that nothing is verified.
fn unverified(mut error: ClientError) -> ClientError {
    error.details.insert("verified".to_owned(), "false".to_owned());
    error
}
