//! The fold as it stands beside the tape, so that a command need not verify the whole log again.
//!
//! In scope: its file, both ways; whether it fits. Out of scope: when it is written and read (`super`).
//! Invariants: a file that was cut, altered, or is of another form or directory is not believed; what
//! is read from it is the fold that was written, and says no more than the entries that it counts. Who
//! can write it can write the invitation, too: it is no proof. `liaison directory verify` folds anew.
//!
//! ```text
//! "liaison fold 1\n"   the form
//! 32 bytes             SHA-256 over the SHA-256 of each MiB that follows
//! a StoredFold
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::thread::Builder;

use bytes::Bytes;
use prost::Message as _;

use crate::client::place;
use crate::crypto::hash::Digest;
use crate::domain::directory::{Directory, Newest};
use crate::tlog::merkle::Tree;

use super::fold::Fold;

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

/// Why a file is not the fold to go on from.
pub(super) type Misfit = &'static str;

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
    let file = [FORM, digest(&stored).as_bytes(), &stored[..]].concat();
    Some(file).filter(|file| file.len() as u64 <= MAX_BYTES)
}

/// The fold that a file holds, if it is one of the log that `empty` reads.
pub(super) fn read(path: &Path, empty: &Fold) -> Result<Option<Kept>, Misfit> {
    let bytes = place::read_if_there(path, MAX_BYTES).map_err(|_| "it cannot be read")?;
    bytes.map(|bytes| decode(bytes.into(), empty)).transpose()
}

fn decode(bytes: Bytes, empty: &Fold) -> Result<Kept, Misfit> {
    let altered = "it was cut or altered";
    if !bytes.starts_with(FORM) {
        return Err(if FORM.starts_with(&bytes) { altered } else { "it is of another form" });
    }
    let stored = bytes.slice(FORM.len()..);
    let (found, stored) =
        (stored.first_chunk::<32>(), stored.get(32..).map(|it| stored.slice_ref(it)));
    let (Some(found), Some(stored)) = (found, stored) else { return Err(altered) };
    if Digest::from_bytes(*found) != digest(&stored) {
        return Err(altered);
    }
    let StoredFold { directory, tree, charters, starts, length } =
        StoredFold::decode(stored).map_err(|_| altered)?;
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

/// Over the digests of its parts, which all cores make.
fn digest(bytes: &[u8]) -> Digest {
    let parts: Vec<&[u8]> = bytes.chunks(1 << 20).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let digests: Vec<u8> = std::thread::scope(|scope| {
        let shares = parts.chunks(parts.len().div_ceil(cores).max(1));
        let digested = |share: &[&[u8]]| -> Vec<u8> {
            share.iter().flat_map(|part| *Digest::of(part).as_bytes()).collect()
        };
        let working: Vec<_> = shares
            .map(|share| {
                let working = Builder::new().spawn_scoped(scope, move || digested(share));
                // Where the system gives no thread, this one does it.
                move || {
                    working.ok().and_then(|it| it.join().ok()).unwrap_or_else(|| digested(share))
                }
            })
            .collect();
        working.into_iter().flat_map(|share| share()).collect()
    });
    Digest::of(&digests)
}

const FORM: &[u8] = b"liaison fold 1\n";
/// A million entries, each with a seal key and a record of its own.
const MAX_BYTES: u64 = 4 << 30;
