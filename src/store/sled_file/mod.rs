//! sled's files, read without sled and without writing.
//!
//! In scope: what sled 0.34.7 would make of its files if it opened them now, what it would lose
//! by that, and what can still be read behind damage. Out of scope: what keys and values mean, and
//! whether the state is the last one that was acknowledged. Invariants: nothing is written; no byte
//! of a file ends in a panic, in a loop or in memory that the files do not account for.
//!
//! sled keeps pages (`META`, a counter, the nodes of its trees) as messages in one log: a page
//! whole, then its changes. The log is cut into segments, each somewhere in `db`; a segment of
//! which nothing counts any more is written over. `snap.*` says where each page stood at the last
//! start. At a start sled takes the first message that does not hold for the torn end of its
//! last write, and in older segments for the torn beginning of a new one. So it loses, and says
//! nothing, what stands behind a damaged byte.
//!
//! - [`log`]: segments and messages. - [`walk`]: the log as sled walks it at a start.
//! - [`table`]: where each page stands. - [`recover`]: the table after a start, and what it lacks.
//! - [`node`]: what a page says. - [`entries`]: what sled would serve. - [`salvage`]: what is left.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

mod bytes;
mod entries;
mod log;
mod node;
mod recover;
mod salvage;
mod table;
#[cfg(test)]
mod tests;
mod walk;

pub(super) use entries::Leaf;
use log::{Found, Frame, Header, WINDOW};
use node::Node;
pub(super) use node::Pairs;
pub(super) use recover::Recovered;
use table::{Message, Snapshot, Spot};

/// The file in the store's directory that sled keeps its log in.
pub(in crate::store) const FILE: &str = "db";

/// Fixed for the life of a store: sled keeps it in `conf` and refuses another one.
pub(in crate::store) const SEGMENT_BYTES: usize = 8 << 20;

/// Why sled's files cannot be taken for whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum Damage {
    #[error("the store's files cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("`conf` is not what sled wrote")]
    Conf,
    #[error("`{0}` is not what sled wrote")]
    Snapshot(String),
    #[error("two segments of `db` say that the log goes on in them at {0}")]
    Twice(u64),
    #[error("the log ends at {0}, before what `snap.*` says was written")]
    Short(u64),
    #[error("the log breaks off at {at}, and {records} records behind it would be lost")]
    Behind { at: u64, records: u64 },
    #[error("a record of page {page} at byte {at} of `db` would be lost")]
    Record { at: u64, page: u64 },
    #[error("`db` is damaged at byte {0}")]
    Gap(u64),
    #[error("page {page} cannot be read")]
    Page { page: u64 },
    #[error("page {page} does not fit those beside it")]
    Misplaced { page: u64 },
    #[error(
        "the record at byte {0} of `db` stands in a file of its own, which is never written here"
    )]
    Blob(u64),
}

/// The files of one store, open for reading.
pub(super) struct Files {
    dir: PathBuf,
    file: File,
    length: u64,
    /// How large a segment is.
    size: u64,
    /// By their number in the file; none where the header does not hold.
    headers: Vec<Option<Header>>,
}

impl Files {
    /// Opens the files in `dir`, whose segments are of `size` bytes.
    ///
    /// # Errors
    /// A file cannot be read. What is wrong in it, [`Files::recover`] says.
    pub(super) fn open(dir: &Path, size: u64) -> io::Result<Self> {
        let file = File::open(dir.join("db"))?;
        let length = file.metadata()?.len();
        let begun = u64::from(length % size >= log::HEADER as u64);
        let mut headers = Vec::new();
        for index in 0..length / size + begun {
            let mut header = [0; log::HEADER];
            file.read_exact_at(&mut header, index * size)?;
            headers.push(Header::read(&header));
        }
        Ok(Self { dir: dir.to_owned(), file, length, size, headers })
    }

    /// Where the segments from `lsn` on are, in the order of the log.
    fn order(&self, lsn: u64) -> Result<BTreeMap<u64, u64>, Damage> {
        let mut order = BTreeMap::new();
        for (index, header) in (0..).zip(&self.headers) {
            let Some(header) = header.filter(|header| header.lsn >= lsn) else { continue };
            if order.insert(header.lsn, index * self.size).is_some() {
                return Err(Damage::Twice(header.lsn));
            }
        }
        Ok(order)
    }

    /// Whether a segment of this number may have stood at `offset`: none is written further on in
    /// the file than in the log.
    fn has_number(&self, number: u64, offset: u64) -> bool {
        let latest = self.headers.iter().flatten().map(|header| header.lsn / self.size).max();
        let latest = latest.map_or(u64::MAX, |latest| latest + self.headers.len() as u64);
        (offset / self.size..=latest.min(LARGEST / self.size)).contains(&number)
    }

    /// The segment at `offset`, as far as the file goes.
    fn segment(&self, offset: u64) -> io::Result<Segment> {
        let length = self.length.saturating_sub(offset).min(self.size) as usize;
        let mut bytes = vec![0; length + WINDOW];
        self.file.read_exact_at(&mut bytes[..length], offset)?;
        Ok(Segment { offset, bytes, length, size: self.size as usize })
    }

    /// The body of the message at `place`, if it is of `page`.
    fn body(&self, page: u64, place: Spot) -> Result<(log::Kind, Vec<u8>), Damage> {
        let lost = || Damage::Page { page };
        let room = self.size - place.at % self.size;
        let there = self.length.saturating_sub(place.at).min(place.length).min(room) as usize;
        let mut bytes = vec![0; there + WINDOW];
        self.file.read_exact_at(&mut bytes[..there], place.at)?;
        match log::read(&bytes, there, 0, room as usize, place.lsn / self.size) {
            Found::Message(frame, _) if frame.page == page => {
                bytes.truncate(frame.length());
                bytes.drain(..frame.head());
                Ok((frame.kind, bytes))
            }
            _ => Err(lost()),
        }
    }

    /// A node with its changes.
    fn node(&self, page: u64, base: Spot, links: &[Spot]) -> Result<Node, Damage> {
        let lost = || Damage::Page { page };
        let (kind, body) = self.body(page, base)?;
        let mut node = Node::read(&body).filter(|_| kind == log::Kind::Node).ok_or_else(lost)?;
        for link in links {
            let (kind, body) = self.body(page, *link)?;
            let link = node::Link::read(&body).filter(|_| kind == log::Kind::Link);
            link.and_then(|link| node.apply(link)).ok_or_else(lost)?;
        }
        Ok(node)
    }
}

/// One segment's bytes.
struct Segment {
    offset: u64,
    /// With [`WINDOW`] zeros behind `length`.
    bytes: Vec<u8>,
    length: usize,
    size: usize,
}

impl Segment {
    fn message(&self, at: usize, number: u64) -> Found<'_> {
        log::read(&self.bytes, self.length, at, self.size - at, number)
    }

    /// Every message that holds, wherever it begins, of whatever segment once stood here.
    fn messages(&self, files: &Files) -> impl Iterator<Item = Message> {
        let (mut at, mut patience) = (log::HEADER, PATIENCE * self.size);
        std::iter::from_fn(move || {
            loop {
                // What was never written is zero, and no message begins with it.
                let kinds = self.bytes.get(at + log::KIND..self.length)?;
                at += kinds.iter().position(|kind| *kind != 0)?;
                let Some((frame, holds)) = self.possible(at, files) else {
                    at += 1;
                    continue;
                };
                let end = at + frame.length();
                if holds {
                    let lsn = frame.number * files.size + at as u64;
                    let message = Message::new(&frame, lsn, self.offset + at as u64);
                    at = end;
                    return Some(message);
                }
                // If its length is right, nothing that stands inside it counts.
                let next = self.possible(end, files);
                let looked_at = frame.length() + next.map_or(0, |(next, _)| next.length());
                patience = patience.checked_sub(looked_at)?;
                at = if matches!(next, Some((_, true))) { end } else { at + 1 };
            }
        })
    }

    /// What could have been written at `at`, and whether it holds.
    fn possible(&self, at: usize, files: &Files) -> Option<(Frame, bool)> {
        let room = self.size.checked_sub(at).filter(|room| *room >= log::RED_ZONE)?;
        let frame = Frame::read(self.bytes.get(at..)?, room)?;
        let is_small = frame.length() <= self.size / 4 || frame.kind == log::Kind::Cap;
        let is_known = files.has_number(frame.number, self.offset);
        let holds = || matches!(self.message(at, frame.number), Found::Message(..));
        (is_small && is_known).then(|| (frame, holds()))
    }
}

/// No place in the log is beyond, whatever a damaged number says.
const LARGEST: u64 = 1 << 62;

/// Of what could be a message and is none, so many segments' worth is looked at in each.
const PATIENCE: usize = 64;

/// sled starts with any `conf` that says the same, and writes one that is missing or too short.
fn conf(dir: &Path, size: u64) -> io::Result<Result<(), Damage>> {
    let text = format!("segment_size: {size}\nuse_compression: false\nversion: 0.34\n");
    let there = match fs::read(dir.join("conf")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ok(())),
        there => there?,
    };
    let says = there.len().checked_sub(4).and_then(|end| there.get(..end));
    let holds = there.len() <= 8 || says == Some(text.as_bytes());
    Ok(holds.then_some(()).ok_or(Damage::Conf))
}

/// The newest `snap.*`. What was not finished the store removes before sled sees it.
fn snapshot(dir: &Path) -> io::Result<Result<Snapshot, Damage>> {
    let mut newest = None;
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("snap.") && !name.ends_with(".generating") {
            newest = newest.max(Some(name));
        }
    }
    let Some(name) = newest else { return Ok(Ok(Snapshot::default())) };
    let bytes = fs::read(dir.join(&name))?;
    Ok(Snapshot::read(&bytes).ok_or(Damage::Snapshot(name)))
}
