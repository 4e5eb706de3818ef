//! The fold as it stands beside the tape, so that a command need not verify the whole log again.
//!
//! In scope: its file, both ways; whether it fits. Out of scope: when it is written and read (`super`).
//! Invariants: a file that was cut, altered, or is of another form or directory is not believed; what
//! is read from it is the fold that was written, and says no more than the entries that it counts. Who
//! can write it can write the invitation, too: it is no proof. `liaison directory verify` folds anew.
//!
//! ```text
//! "liaison fold 2\n"   the form
//! 4 bytes              CRC-32 of what follows: a turned bit is seen always, what a power cut
//!                      left all but once in 2^32
//! a StoredFold
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use prost::Message as _;

use crate::client::files;
use crate::client::format::{self, FOLD as FORM};
use crate::domain::directory::{Directory, Newest};
use crate::tlog::merkle::Tree;

use super::fold::{Fold, Misfit};

/// A fold that was kept, and the part of the tape that it counts.
pub(super) struct Kept {
    pub(super) fold: Fold,
    pub(super) starts: Starts,
    /// Bytes of the tape.
    pub(super) length: u64,
}

/// Where each entry begins on the tape.
#[derive(Clone, Debug, Default)]
pub(super) struct Starts {
    kept: Bytes,
    new: Vec<u64>,
}

impl Starts {
    pub(super) fn push(&mut self, start: u64) {
        self.new.push(start);
    }

    pub(super) fn get(&self, leaf: u64) -> Option<u64> {
        let (leaf, kept) = (usize::try_from(leaf).ok()?, self.kept.len() / 8);
        match leaf.checked_sub(kept) {
            Some(behind) => self.new.get(behind).copied(),
            None => Some(u64::from_be_bytes(*self.kept.get(leaf * 8..)?.first_chunk()?)),
        }
    }

    fn to_bytes(&self) -> Bytes {
        let new = self.new.iter().flat_map(|start| start.to_be_bytes());
        self.kept.iter().copied().chain(new).collect()
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredFold {
    #[prost(bytes = "bytes", tag = "1")]
    directory: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    tree: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    charters: Vec<Bytes>,
    #[prost(bytes = "bytes", tag = "4")]
    starts: Bytes,
    #[prost(uint64, tag = "5")]
    length: u64,
}

/// The file of a fold; none of one that is too large, or stands before newer rules.
pub(super) fn encode(fold: &Fold, starts: &Starts, length: u64) -> Option<Vec<u8>> {
    let directory = fold.directory.as_ref().filter(|_| fold.behind.is_none())?;
    let stored = StoredFold {
        directory: directory.encode().ok()?.into(),
        tree: fold.tree.to_bytes().into(),
        charters: fold.charters.values().map(Newest::encode).collect(),
        starts: starts.to_bytes(),
        length,
    };
    let stored = stored.encode_to_vec();
    let file = format::summed(FORM, &stored);
    Some(file).filter(|file| file.len() as u64 <= MAX_BYTES)
}

/// The fold that a file holds, if it is one of the log that `empty` reads.
pub(super) fn read(path: &Path, empty: &Fold) -> Result<Option<Kept>, Misfit> {
    let bytes = files::read_if_there(path, MAX_BYTES).map_err(|_| "it cannot be read")?;
    bytes.map(|bytes| decode(bytes.into(), empty)).transpose()
}

fn decode(bytes: Bytes, empty: &Fold) -> Result<Kept, Misfit> {
    let altered = "it was cut or altered";
    if !bytes.starts_with(FORM) {
        return Err(if FORM.starts_with(&bytes) { altered } else { "it is of another form" });
    }
    let stored = format::content(FORM, &bytes).ok_or(altered)?;
    let StoredFold { directory, tree, charters, starts, length } =
        StoredFold::decode(bytes.slice_ref(stored)).map_err(|_| altered)?;
    let directory = Directory::decode(&directory).map_err(|_| altered)?;
    let tree = Tree::from_bytes(directory.size(), tree).ok_or(altered)?;
    let charters = charters.iter().map(|charter| {
        let charter = Newest::decode(charter).map_err(|_| altered)?;
        Ok((charter.version, charter))
    });
    let charters: BTreeMap<u64, Newest> = charters.collect::<Result<_, Misfit>>()?;
    let fold = empty.resumed(directory, tree, charters)?;
    Ok(Kept { fold, starts: Starts { kept: starts, new: Vec::new() }, length })
}

/// A million entries, each with a seal key and a record of its own.
const MAX_BYTES: u64 = 4 << 30;
