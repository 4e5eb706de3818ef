//! The transparency log's own mathematics: RFC 6962 trees and C2SP notes.
//!
//! In scope: hashes, trees, frontiers, inclusion proofs, signed notes, checkpoints. Out of scope:
//! what an entry means (`domain`), where hashes are kept (`store`), which witnesses suffice.
//! Invariants: no clock, no file, no ambient randomness; a hash of this module is always over a
//! prefix byte, so that no leaf can pass for a node.

pub mod checkpoint;
pub mod head;
pub mod merkle;
pub mod note;
pub mod proof;
