//! What a log shows: notes, checkpoints, keys of notes, proofs, trees.

use std::sync::LazyLock;

use bytes::Bytes;
use liaison::crypto::hash::Digest;
use liaison::crypto::sign::SigningKey;
use liaison::tlog::checkpoint::{Checkpoint, VerifiedCheckpoint};
use liaison::tlog::head::Frontier;
use liaison::tlog::merkle::{Tree, node_hash};
use liaison::tlog::note::{KeyName, SignedNote, VerifierKey};
use liaison::tlog::proof::verify_inclusion;

use super::{read, world};

static NOBODY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_seed(&[1; 32]));

/// A signed note, and the checkpoint in it.
pub fn checkpoint(bytes: &[u8]) -> bool {
    let origin = KeyName::parse(world::NAME).expect("a plain name");
    let verified = VerifiedCheckpoint::verify(bytes, &origin, &[NOBODY.public().clone()]);
    assert!(verified.inspect_err(super::short).is_err(), "signed by a key that signed nothing");
    if let Some(read) = str::from_utf8(bytes).ok().and_then(|text| read(Checkpoint::parse(text))) {
        assert_eq!(read.to_text().as_bytes(), bytes);
    }
    let Some(note) = read(SignedNote::parse(bytes)) else { return false };
    assert_eq!(note.to_string().as_bytes(), bytes);
    let Some(read) = read(Checkpoint::parse(note.text())) else { return false };
    assert_eq!(read.to_text(), note.text());
    true
}

/// `name+id+key`, as text.
pub fn vkey(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let Some(vkey) = read(VerifierKey::parse(text)) else { return false };
    assert_eq!(vkey.to_string(), text);
    true
}

/// Index, size, leaf, root and the hashes of an inclusion proof: beside RFC 9162 as it is written.
pub fn proof(bytes: &[u8]) -> bool {
    let Some((index, rest)) = bytes.split_first_chunk() else { return false };
    let Some((size, rest)) = rest.split_first_chunk() else { return false };
    let (index, size) = (u64::from_be_bytes(*index), u64::from_be_bytes(*size));
    let hashes: Vec<Digest> = rest.as_chunks().0.iter().copied().map(Digest::from_bytes).collect();
    let [leaf, root, proof @ ..] = &hashes[..] else { return false };
    let led_to = led_to(*leaf, index, size, proof);
    let shown = read(verify_inclusion(*leaf, index, size, proof, *root)).is_some();
    assert_eq!(shown, led_to == Some(*root), "entry {index} of {size}");
    if let Some(root) = led_to {
        assert_eq!(verify_inclusion(*leaf, index, size, proof, root), Ok(()));
    }
    shown
}

/// RFC 9162 2.1.1 from the root down: the last hash of a proof is that of the other half.
fn led_to(leaf: Digest, index: u64, size: u64, proof: &[Digest]) -> Option<Digest> {
    match (size, proof.split_last()) {
        (0, _) | (1, Some(_)) => None,
        (1, None) => (index == 0).then_some(leaf),
        (_, None) => None,
        (_, Some((other, rest))) => {
            let left = 1 << (size - 1).ilog2();
            if index < left {
                Some(node_hash(&led_to(leaf, index, left, rest)?, other))
            } else {
                Some(node_hash(other, &led_to(leaf, index - left, size - left, rest)?))
            }
        }
    }
}

/// A frontier as it is stored, or all hashes of a tree of as many leaves as the first byte says.
pub fn tree(bytes: &[u8]) -> bool {
    let frontier = read(Frontier::from_bytes(bytes));
    if let Some(frontier) = &frontier {
        assert_eq!(frontier.to_bytes(), bytes);
        assert_eq!(frontier.root(), frontier.root());
    }
    let Some((size, hashes)) = bytes.split_first() else { return false };
    let size = u64::from(*size);
    let Some(tree) = Tree::from_bytes(size, Bytes::copy_from_slice(hashes)) else {
        return frontier.is_some();
    };
    assert_eq!((tree.size(), &tree.to_bytes()[..]), (size, hashes));
    assert!(tree.root_at(size).is_some() && tree.root_at(size + 1).is_none());
    true
}
