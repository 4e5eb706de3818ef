//! What went from an outbox, so that what waits is found without asking for each message.
//!
//! In scope: the ids of what the relay had accepted, with what each acknowledges. Out of scope: what waits
//! (`outbox`). Invariants: what went stays so, but for what is offered again, which the outbox looks at in
//! its own files; a file that is missing, damaged, or of another form is made again from the outbox.
//!
//! ```text
//! "liaison outbox index 2\n"  the form
//! 4 bytes                     CRC-32 of what follows
//! of each message:
//!     16 bytes                its id
//!     1 byte                  1 if it acknowledges a header, else 0
//!     32 bytes                that header, if it does
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::crypto::hash::Digest;
use crate::domain::ids::MessageId;

use super::files::{self, FileError};
use super::format::{self, OUTBOX_INDEX as FORM};

/// What is known of a message that went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Went {
    /// The header that it acknowledges, if it does.
    pub(super) about: Option<Digest>,
}

/// What went from an outbox.
#[derive(Debug)]
pub(super) struct Index {
    path: PathBuf,
    rows: BTreeMap<MessageId, Went>,
    changed: bool,
}

impl Index {
    /// What is known in this folder.
    pub(super) fn open(folder: &Path) -> Self {
        let path = folder.join(INDEX);
        let stored = files::read_if_there(&path, MAX_BYTES).ok().flatten();
        let rows = stored.and_then(|bytes| decode(&bytes)).unwrap_or_default();
        Self { path, rows, changed: false }
    }

    /// What is known of this one, if it went.
    pub(super) fn get(&self, id: MessageId) -> Option<Went> {
        self.rows.get(&id).copied()
    }

    /// Notes that one went.
    pub(super) fn add(&mut self, id: MessageId, went: Went) -> Went {
        self.rows.insert(id, went);
        self.changed = true;
        went
    }

    /// Keeps it for the next command.
    ///
    /// # Errors
    /// The disk; then the next command makes it again.
    pub(super) fn keep(&mut self) -> Result<(), FileError> {
        if self.changed {
            files::put(&self.path, &format::summed(FORM, &encode(&self.rows)))?;
            self.changed = false;
        }
        Ok(())
    }
}

fn encode(rows: &BTreeMap<MessageId, Went>) -> Vec<u8> {
    let mut stored = Vec::with_capacity(rows.len() * 17);
    for (id, Went { about }) in rows {
        stored.extend(id.as_bytes());
        stored.push(about.is_some().into());
        stored.extend(about.iter().flat_map(|of| of.as_bytes()));
    }
    stored
}

fn decode(bytes: &[u8]) -> Option<BTreeMap<MessageId, Went>> {
    let (mut left, mut rows) = (format::content(FORM, bytes)?, Vec::new());
    while !left.is_empty() {
        let (id, [kind, rest @ ..]) = left.split_first_chunk::<16>()? else { return None };
        let (about, rest) = match kind {
            0 => (None, rest),
            1 => {
                rest.split_first_chunk().map(|(of, rest)| (Some(Digest::from_bytes(*of)), rest))?
            }
            _ => return None,
        };
        rows.push((MessageId::try_from(&id[..]).ok()?, Went { about }));
        left = rest;
    }
    Some(rows.into_iter().collect())
}

const INDEX: &str = "index";
/// A million messages.
const MAX_BYTES: u64 = 64 << 20;
