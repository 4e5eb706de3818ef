//! Merkle trees as RFC 6962 §2.1 and RFC 9162 §2.1 define them, in memory.
//!
//! In scope: leaf and node hashes, roots at any earlier size, making inclusion proofs. Out of
//! scope: checking proofs (`proof`), a head that fits into one stored value (`head`). Invariants: a
//! complete subtree is hashed once, when its last leaf arrives; every answer takes O(log n) hashes.

use bytes::Bytes;

use crate::crypto::hash::Digest;

/// The hash of an entry: SHA-256(0x00, entry).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Digest {
    Digest::of_parts(&[&[0x00], entry])
}

/// The hash of an inner node: SHA-256(0x01, left, right).
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::of_parts(&[&[0x01], left.as_bytes(), right.as_bytes()])
}

/// A growing tree with the hash of every complete subtree at hand.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Level 0 holds the leaf hashes; level k the roots of the complete subtrees of 2^k leaves.
    levels: Vec<Level>,
}

/// Hashes that were kept as bytes, 32 each, and those behind them.
#[derive(Clone, Debug, Default)]
struct Level {
    kept: Bytes,
    new: Vec<Digest>,
}

impl Level {
    fn len(&self) -> usize {
        self.kept.len() / HASH + self.new.len()
    }

    fn get(&self, index: usize) -> Option<Digest> {
        match index.checked_sub(self.kept.len() / HASH) {
            Some(behind) => self.new.get(behind).copied(),
            None => Digest::try_from(self.kept.get(index * HASH..(index + 1) * HASH)?).ok(),
        }
    }
}

const HASH: usize = 32;

impl Tree {
    /// Appends a leaf hash at index [`Tree::size`].
    pub fn append(&mut self, leaf_hash: Digest) {
        let mut complete = leaf_hash;
        for level in &mut self.levels {
            let left = level.len().checked_sub(1).and_then(|last| level.get(last));
            level.new.push(complete);
            match left {
                Some(left) if level.len() % 2 == 0 => complete = node_hash(&left, &complete),
                _ => return,
            }
        }
        self.levels.push(Level { kept: Bytes::new(), new: vec![complete] });
    }

    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Every hash, the leaves first, then level by level: 32 bytes each, below 64 a leaf.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for level in &self.levels {
            bytes.extend_from_slice(&level.kept);
            level.new.iter().for_each(|hash| bytes.extend_from_slice(hash.as_bytes()));
        }
        bytes
    }

    /// The tree of `size` leaves, of the bytes that [`Tree::to_bytes`] made. They are taken as they
    /// are: whoever kept them says that they are the same.
    #[must_use]
    pub fn from_bytes(size: u64, mut bytes: Bytes) -> Option<Self> {
        let mut levels = Vec::new();
        let mut count = usize::try_from(size).ok()?;
        while count > 0 {
            let length = count.checked_mul(HASH).filter(|length| *length <= bytes.len())?;
            levels.push(Level { kept: bytes.split_to(length), new: Vec::new() });
            count /= 2;
        }
        bytes.is_empty().then_some(Self { levels })
    }

    /// The leaf hash at `index`.
    #[must_use]
    pub fn leaf(&self, index: u64) -> Option<Digest> {
        self.complete(0, index)
    }

    /// The root over the first `size` leaves, or nothing if the tree has fewer.
    #[must_use]
    pub fn root_at(&self, size: u64) -> Option<Digest> {
        if size == 0 {
            return Some(Digest::of(b""));
        }
        if size > self.size() {
            return None;
        }
        self.root_between(0, size)
    }

    /// The inclusion proof of the leaf at `index` in the tree of the first `size` leaves
    /// (RFC 9162 §2.1.3.1), lowest sibling first; nothing if there is no such leaf or tree.
    #[must_use]
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Option<Vec<Digest>> {
        if index >= size || size > self.size() {
            return None;
        }
        let mut path = Vec::new();
        let (mut node, mut last, mut level) = (index, size - 1, 0);
        while last > 0 {
            if node % 2 == 1 {
                path.push(self.complete(level, node - 1)?);
            } else if node + 1 < last {
                path.push(self.complete(level, node + 1)?);
            } else if node + 1 == last {
                // Only here can the sibling be incomplete: it is the right edge of the tree. Above
                // it the path runs along the right edge itself, with siblings on the left alone.
                path.push(self.root_between(last << level, size)?);
            }
            (node, last, level) = (node >> 1, last >> 1, level + 1);
        }
        Some(path)
    }

    /// The root over the leaves from `start` to before `end`, where `start` is a multiple of a power
    /// of two that is not below `end - start`: one look-up for each one bit of the count.
    fn root_between(&self, start: u64, end: u64) -> Option<Digest> {
        let mut root: Option<Digest> = None;
        let mut count = end - start;
        while count > 0 {
            let level = count.trailing_zeros();
            count &= count - 1;
            let left = self.complete(level, (start + count) >> level)?;
            root = Some(root.map_or(left, |right| node_hash(&left, &right)));
        }
        root
    }

    fn complete(&self, level: u32, index: u64) -> Option<Digest> {
        self.levels.get(level as usize)?.get(usize::try_from(index).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use ct_merkle::{InclusionProof, mem_backed_tree::MemoryBackedTree};
    use proptest::prelude::*;
    use sha2::Sha256;

    use super::super::head::Frontier;
    use super::super::proof::{ProofError, verify_inclusion};
    use super::*;

    fn entry(index: u64) -> Vec<u8> {
        format!("entry {index}").into_bytes()
    }

    fn tree_of(size: u64) -> Tree {
        let mut tree = Tree::default();
        for index in 0..size {
            tree.append(leaf_hash(&entry(index)));
        }
        tree
    }

    /// RFC 9162 §2.1.1 written down as it stands there, to compare with.
    fn recursive_root(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Digest::of(b""),
            [one] => *one,
            more => {
                let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
                node_hash(&recursive_root(left), &recursive_root(right))
            }
        }
    }

    #[test]
    fn roots_are_those_of_the_rfc_6962_reference_tree() {
        // certificate-transparency: cpp/merkletree/merkle_tree_test.cc, after 1, 2, 3 and 8 leaves.
        let entries = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let mut tree = Tree::default();
        for entry in entries {
            tree.append(leaf_hash(&hex::decode(entry).unwrap()));
        }
        for (size, root) in [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
            (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
        ] {
            assert_eq!(tree.root_at(size).unwrap().to_string(), root, "size {size}");
        }
        assert_eq!(tree.root_at(9), None);
    }

    #[test]
    fn a_tree_that_was_kept_at_any_size_grows_into_the_same() {
        let whole = tree_of(70);
        for kept in 0..=70 {
            let bytes = Bytes::from(tree_of(kept).to_bytes());
            assert_eq!(Tree::from_bytes(kept + 1, bytes.clone()).map(|_| ()), None, "{kept}");
            if let Some(cut) = bytes.len().checked_sub(1) {
                assert!(Tree::from_bytes(kept, bytes.slice(..cut)).is_none(), "{kept}");
            }
            let mut tree = Tree::from_bytes(kept, bytes).unwrap();
            (kept..70).for_each(|index| tree.append(leaf_hash(&entry(index))));
            assert_eq!(tree.to_bytes(), whole.to_bytes(), "{kept}");
            for size in 0..=70 {
                assert_eq!(tree.root_at(size), whole.root_at(size), "{kept}");
                let path = tree.inclusion_proof(size / 2, size);
                assert_eq!(path, whole.inclusion_proof(size / 2, size), "{kept}");
            }
        }
    }

    #[test]
    fn every_leaf_of_every_size_up_to_128_is_proven_in_its_tree_and_in_no_other() {
        let tree = tree_of(128);
        let leaves: Vec<Digest> = (0..128).map(|index| tree.leaf(index).unwrap()).collect();
        let mut frontier = Frontier::default();
        for size in 1..=128 {
            let root = tree.root_at(size).unwrap();
            frontier.append(leaves[size as usize - 1]);
            assert_eq!(root, recursive_root(&leaves[..size as usize]));
            assert_eq!((frontier.root(), frontier.size()), (root, size));
            for index in 0..size {
                let leaf = leaves[index as usize];
                let proof = tree.inclusion_proof(index, size).unwrap();
                assert!(proof.len() <= 7, "{index} of {size}: {} hashes", proof.len());
                assert_eq!(verify_inclusion(leaf, index, size, &proof, root), Ok(()));
                for wrong in 0..=size {
                    let verified = verify_inclusion(leaf, wrong, size, &proof, root);
                    assert_eq!(verified.is_ok(), wrong == index, "{index} as {wrong} of {size}");
                }
                let mut longer = proof.clone();
                longer.push(root);
                let verified = verify_inclusion(leaf, index, size, &longer, root);
                assert_eq!(verified, Err(ProofError::TooLong));
                if let Some((_, shorter)) = proof.split_last() {
                    let verified = verify_inclusion(leaf, index, size, shorter, root);
                    assert_eq!(verified, Err(ProofError::TooShort));
                }
            }
            assert_eq!(tree.inclusion_proof(size, size), None);
        }
        assert_eq!(tree.inclusion_proof(0, 129), None);
        assert_eq!(tree.inclusion_proof(0, 0), None);
    }

    #[test]
    fn no_single_flipped_bit_of_leaf_proof_or_root_is_accepted() {
        let flip = |digest: Digest, bit: usize| {
            let mut bytes = *digest.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            Digest::from_bytes(bytes)
        };
        let tree = tree_of(37);
        for (index, size) in [(0, 1), (0, 2), (5, 8), (31, 37), (36, 37), (20, 33)] {
            let (leaf, root) = (tree.leaf(index).unwrap(), tree.root_at(size).unwrap());
            let proof = tree.inclusion_proof(index, size).unwrap();
            for bit in 0..256 {
                let verified = verify_inclusion(flip(leaf, bit), index, size, &proof, root);
                assert_eq!(verified, Err(ProofError::WrongRoot));
                let verified = verify_inclusion(leaf, index, size, &proof, flip(root, bit));
                assert_eq!(verified, Err(ProofError::WrongRoot));
                for place in 0..proof.len() {
                    let mut flipped = proof.clone();
                    flipped[place] = flip(flipped[place], bit);
                    let verified = verify_inclusion(leaf, index, size, &flipped, root);
                    assert_eq!(verified, Err(ProofError::WrongRoot));
                }
            }
        }
    }

    #[test]
    fn a_leaf_is_not_a_node() {
        let (left, right) = (leaf_hash(b"a"), leaf_hash(b"b"));
        let joined = [*left.as_bytes(), *right.as_bytes()].concat();
        assert_ne!(leaf_hash(&joined), node_hash(&left, &right));
    }

    proptest! {
        #[test]
        fn roots_and_proofs_agree_with_ct_merkle(size in 1u64..600, index in any::<u64>()) {
            let index = index % size;
            let ours = tree_of(size);
            let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
            for at in 0..size {
                theirs.push(entry(at));
            }
            let root = ours.root_at(size).unwrap();
            let their_root = theirs.root();
            prop_assert_eq!(&root.as_bytes()[..], &their_root.as_bytes()[..]);

            let our_proof = ours.inclusion_proof(index, size).unwrap();
            let bytes: Vec<u8> = our_proof.iter().flat_map(|hash| *hash.as_bytes()).collect();
            let their_proof = theirs.prove_inclusion(index as usize);
            prop_assert_eq!(&bytes[..], their_proof.as_bytes());
            let ours_to_them = InclusionProof::<Sha256>::try_from_bytes(bytes).unwrap();
            prop_assert!(
                theirs.root().verify_inclusion(&entry(index), index, &ours_to_them).is_ok()
            );
            let theirs_to_us: Vec<Digest> =
                their_proof.as_bytes().chunks(32).map(|hash| hash.try_into().unwrap()).collect();
            let leaf = leaf_hash(&entry(index));
            prop_assert_eq!(verify_inclusion(leaf, index, size, &theirs_to_us, root), Ok(()));
        }

        #[test]
        fn an_earlier_root_stays_what_it_was(size in 0u64..300, more in 0u64..300) {
            prop_assert_eq!(tree_of(size).root_at(size), tree_of(size + more).root_at(size));
        }
    }
}
