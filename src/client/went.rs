//! What went from an outbox, so that what waits is found without asking for each message.
//!
//! In scope: the ids of what the relay had accepted, with what each acknowledges. Out of scope: what waits
//! (`outbox`). Invariants: what went stays so, but for what is offered again, which the outbox looks at in
//! its own files; a file that is missing, damaged, or of another form is made again from the outbox.
//!
//! ```text
//! "liaison outbox index 1\n"  the form
//! 4 bytes                     CRC-32 of what follows
//! a Stored
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::domain::ids::MessageId;

use super::files::{self, FileError};
use super::format::{self, OUTBOX_INDEX as FORM};

/// A message that went.
#[derive(Clone, PartialEq, prost::Message)]
struct Row {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    /// The header that it acknowledges, if it does.
    #[prost(bytes = "bytes", tag = "2")]
    about: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Stored {
    #[prost(message, repeated, tag = "1")]
    rows: Vec<Row>,
}

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
            let rows = self.rows.iter().map(|(id, Went { about })| Row {
                id: Bytes::copy_from_slice(id.as_bytes()),
                about: about.map_or_else(Bytes::new, |of| Bytes::copy_from_slice(of.as_bytes())),
            });
            let stored = Stored { rows: rows.collect() }.encode_to_vec();
            files::put(&self.path, &format::summed(FORM, &stored))?;
            self.changed = false;
        }
        Ok(())
    }
}

fn decode(bytes: &[u8]) -> Option<BTreeMap<MessageId, Went>> {
    let stored = Stored::decode(format::content(FORM, bytes)?).ok()?;
    let row = |row: Row| {
        let about = match row.about.is_empty() {
            true => None,
            false => Some(Digest::try_from(&row.about[..]).ok()?),
        };
        Some((MessageId::try_from(&row.id[..]).ok()?, Went { about }))
    };
    stored.rows.into_iter().map(row).collect()
}

const INDEX: &str = "index";
/// A million messages.
const MAX_BYTES: u64 = 64 << 20;
