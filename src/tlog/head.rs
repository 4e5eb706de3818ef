//! The head of a log in one small value.
//!
//! In scope: appending and the root, with O(log n) hashes kept, and their stored form. Out of scope:
//! proofs, which need the whole tree (`merkle`). Invariant: as many hashes as the size has one bits,
//! the largest subtree first.

use crate::crypto::hash::Digest;

use super::merkle::node_hash;

/// The size of a tree and the roots of the complete subtrees along its right edge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Digest>,
}

/// Stored bytes are not a frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFrontier {
    /// Shorter than a size, or not as many hashes as the size asks for.
    #[error("expected 8 bytes of size and 32 for each of its one bits, found {0} bytes")]
    Length(usize),
    /// No tree has so many leaves.
    #[error("expected a size below 2^63, found {0}")]
    Size(u64),
}

impl Frontier {
    /// Appends a leaf hash at index [`Frontier::size`].
    pub fn append(&mut self, leaf_hash: Digest) {
        let mut complete = leaf_hash;
        for _ in 0..self.size.trailing_ones() {
            let left = self.subtrees.pop().expect("one subtree for each one bit of the size");
            complete = node_hash(&left, &complete);
        }
        self.subtrees.push(complete);
        self.size += 1;
    }

    /// The number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root hash; of the empty tree, SHA-256("").
    #[must_use]
    pub fn root(&self) -> Digest {
        let join = |right: Digest, left: &Digest| node_hash(left, &right);
        match self.subtrees.split_last() {
            None => Digest::of(b""),
            Some((last, larger)) => larger.iter().rev().fold(*last, join),
        }
    }

    /// The stored form: size as u64 big-endian, then the hashes, the largest subtree first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        for subtree in &self.subtrees {
            bytes.extend_from_slice(subtree.as_bytes());
        }
        bytes
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`InvalidFrontier`] if the length is not exactly what the size asks for.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidFrontier> {
        let wrong_length = InvalidFrontier::Length(bytes.len());
        let (size, hashes) = bytes.split_first_chunk().ok_or(wrong_length)?;
        let size = u64::from_be_bytes(*size);
        if size >> 63 != 0 {
            return Err(InvalidFrontier::Size(size));
        }
        let (subtrees, rest) = hashes.as_chunks();
        if !rest.is_empty() || subtrees.len() != size.count_ones() as usize {
            return Err(wrong_length);
        }
        Ok(Self { size, subtrees: subtrees.iter().copied().map(Digest::from_bytes).collect() })
    }
}

/// The root over leaf hashes, in one pass and O(log n) memory. Without leaves: SHA-256("").
#[must_use]
pub fn root_of(leaves: &[Digest]) -> Digest {
    let mut frontier = Frontier::default();
    for leaf in leaves {
        frontier.append(*leaf);
    }
    frontier.root()
}

#[cfg(test)]
mod tests {
    use super::super::merkle::leaf_hash;
    use super::*;

    #[test]
    fn a_stored_frontier_goes_on_where_it_stopped() {
        let mut frontier = Frontier::default();
        for index in 0u32..300 {
            let bytes = frontier.to_bytes();
            assert_eq!(bytes.len(), 8 + 32 * index.count_ones() as usize);
            assert_eq!(Frontier::from_bytes(&bytes).as_ref(), Ok(&frontier));
            frontier = Frontier::from_bytes(&bytes).unwrap();
            frontier.append(leaf_hash(&index.to_be_bytes()));
        }
        let leaves: Vec<_> = (0u32..300).map(|index| leaf_hash(&index.to_be_bytes())).collect();
        assert_eq!(frontier.root(), root_of(&leaves));
    }

    #[test]
    fn the_largest_subtree_is_stored_first() {
        let leaves: Vec<_> = (0u8..3).map(|index| leaf_hash(&[index])).collect();
        let mut frontier = Frontier::default();
        leaves.iter().for_each(|leaf| frontier.append(*leaf));
        let pair = node_hash(&leaves[0], &leaves[1]);
        let expected = [&3u64.to_be_bytes()[..], pair.as_bytes(), leaves[2].as_bytes()].concat();
        assert_eq!(frontier.to_bytes(), expected);
    }

    #[test]
    fn any_other_length_is_refused() {
        let mut frontier = Frontier::default();
        (0u8..7).for_each(|index| frontier.append(leaf_hash(&[index])));
        let bytes = frontier.to_bytes();
        for len in 0..bytes.len() {
            assert_eq!(Frontier::from_bytes(&bytes[..len]), Err(InvalidFrontier::Length(len)));
        }
        for more in [1, 31, 32] {
            let longer = [&bytes[..], &[0; 32][..more]].concat();
            assert_eq!(Frontier::from_bytes(&longer), Err(InvalidFrontier::Length(longer.len())));
        }
        let most = [0xff; 8 + 64 * 32];
        assert_eq!(Frontier::from_bytes(&most), Err(InvalidFrontier::Size(u64::MAX)));
    }
}
