//! A view: how much of the log its signer had seen.
//!
//! Invariant: size and root go together everywhere; a view that is read is of a log that had entries.

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::signed::proto;

use super::directory::digest;
use super::refusal::{Refusal, Wrong};

/// The size of the log, and the root that it had there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// How many entries.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Digest,
}

impl View {
    /// A view that is there, of a log that had entries.
    ///
    /// # Errors
    /// None, of size 0, or half a root.
    pub fn read(view: Option<&proto::View>) -> Result<Self, Refusal> {
        let view = view.ok_or_else(|| Refusal::field("view", Wrong::Missing))?;
        if view.size == 0 {
            return Err(Refusal::field("view", Wrong::NoEntries));
        }
        Ok(Self { size: view.size, root: digest("view.root", &view.root)? })
    }

    /// As signed things name it.
    #[must_use]
    pub fn to_proto(self) -> proto::View {
        proto::View { size: self.size, root: Bytes::copy_from_slice(self.root.as_bytes()) }
    }
}
