//! Checking inclusion proofs.
//!
//! In scope: RFC 9162 §2.1.3.2. Out of scope: making proofs (`merkle`), whether the root is to be
//! believed (`checkpoint`). Invariant: exactly one length of proof is right for an index and size.

use crate::crypto::hash::Digest;

use super::merkle::node_hash;

/// A proof does not show what it claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is no such leaf in a tree of that size.
    #[error("expected an index below the tree size {size}, found {index}")]
    OutOfRange {
        /// The index claimed.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The proof ends below the root.
    #[error("the proof has too few hashes for its index and size")]
    TooShort,
    /// The proof goes on above the root.
    #[error("the proof has too many hashes for its index and size")]
    TooLong,
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    WrongRoot,
}

/// Checks that `leaf_hash` is at `index` in the tree of `size` leaves with this `root`.
///
/// # Errors
/// [`ProofError`], each reason apart; the length is judged before the root.
pub fn verify_inclusion(
    leaf_hash: Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: Digest,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::OutOfRange { index, size });
    }
    // RFC 9162 §2.1.3.2: `node` and `last` are its fn and sn, `hash` its r.
    let (mut node, mut last, mut hash) = (index, size - 1, leaf_hash);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::TooLong);
        }
        if node % 2 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // A node without a right sibling is its own parent, until it is a right child.
            let lonely = node.trailing_zeros();
            (node, last) = (node >> lonely, last >> lonely);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last != 0 {
        return Err(ProofError::TooShort);
    }
    if hash != root {
        return Err(ProofError::WrongRoot);
    }
    Ok(())
}
