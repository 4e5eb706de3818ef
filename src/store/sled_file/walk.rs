//! The log as sled walks it at a start (`pagecache/iterator.rs`).

use std::collections::BTreeMap;

use super::log::{self, Found, HEADER, Kind, RED_ZONE};
use super::table::Message;
use super::{Damage, Files, Segment};

/// A way through segments, in the order of the log.
pub(super) struct Walk<'a> {
    files: &'a Files,
    /// Those not begun.
    pub(super) segments: BTreeMap<u64, u64>,
    segment: Option<Segment>,
    /// Where the next message begins. None before the first segment.
    pub(super) at: Option<u64>,
    /// Nothing from here on is walked.
    limit: Option<u64>,
    /// What does not hold is the end, and not only of its segment.
    to_end: bool,
    /// The places at which segments ended although a message did not hold.
    pub(super) skipped: Vec<u64>,
    /// The last batch met: where it begins and its last place.
    pub(super) batch: Option<(u64, u64)>,
}

impl<'a> Walk<'a> {
    fn new(
        files: &'a Files,
        segments: BTreeMap<u64, u64>,
        limit: Option<u64>,
        to_end: bool,
    ) -> Self {
        let (segment, at, skipped, batch) = (None, None, Vec::new(), None);
        Self { files, segments, segment, at, limit, to_end, skipped, batch }
    }

    /// The way that sled takes at a start, from the segment of `lsn` on.
    pub(super) fn from(files: &'a Files, lsn: u64) -> Result<Self, Damage> {
        let size = files.size;
        let start = lsn / size * size;
        let segments = files.order(start)?;
        let stable = files.headers.iter().flatten().filter(|header| header.lsn >= start);
        let stable = stable.map(|header| header.stable).fold(start, u64::max);
        // From here on no segment is missing, unless the end is torn.
        let mut expected = stable / size * size;
        let mut missing = None;
        let mut tail = BTreeMap::new();
        for (lsn, offset) in segments.range(expected..) {
            if *lsn != expected {
                missing = expected.checked_add(1);
                break;
            }
            tail.insert(*lsn, *offset);
            expected = expected.saturating_add(size);
        }
        let mut end = Self::new(files, tail, missing, true);
        while end.next()?.is_some() {}
        Ok(Self::new(files, segments, Some(end.at.unwrap_or(0)), false))
    }

    /// Where in the file the segment is that the way is in.
    pub(super) fn offset(&self) -> Option<u64> {
        self.segment.as_ref().map(|segment| segment.offset)
    }

    /// The next message of a page.
    pub(super) fn next(&mut self) -> Result<Option<Message>, Damage> {
        let size = self.files.size;
        loop {
            let within = self.at.unwrap_or(0) % size;
            if within < HEADER as u64 || within > size - RED_ZONE as u64 {
                self.segment = None;
            }
            if self.segment.is_none() && !self.begin()? {
                return Ok(None);
            }
            let (Some(segment), Some(lsn)) = (&self.segment, self.at) else { return Ok(None) };
            if self.is_beyond(lsn) {
                return Ok(None);
            }
            let at = (lsn % size) as usize;
            let (frame, body) = match segment.message(at, lsn / size) {
                Found::Message(frame, body) => (frame, body),
                Found::Cut => return Ok(None),
                Found::Bad if self.to_end => return Ok(None),
                Found::Bad => {
                    self.skipped.push(lsn);
                    self.segment = None;
                    continue;
                }
            };
            let message = Message::new(&frame, lsn, segment.offset + at as u64);
            match frame.kind {
                Kind::Cap => {
                    self.segment = None;
                    continue;
                }
                Kind::Manifest => {
                    let last = log::last_of_batch(body).unwrap_or(u64::MAX);
                    self.batch = Some((lsn, last));
                    if self.limit.is_some() && self.is_beyond(last) {
                        return Ok(None);
                    }
                }
                Kind::Blob => return Err(Damage::Blob(message.place.at)),
                _ => {}
            }
            self.at = Some(lsn + message.place.length);
            if !matches!(frame.kind, Kind::Cancelled | Kind::Manifest) {
                return Ok(Some(message));
            }
        }
    }

    fn is_beyond(&self, lsn: u64) -> bool {
        self.limit.is_some_and(|limit| lsn >= limit)
    }

    /// Goes on to the next segment, if there is one.
    fn begin(&mut self) -> Result<bool, Damage> {
        let Some((lsn, offset)) = self.segments.first_key_value().map(|(a, b)| (*a, *b)) else {
            return Ok(false);
        };
        if self.is_beyond(lsn) || lsn % self.files.size != 0 {
            return Ok(false);
        }
        self.segment = Some(self.files.segment(offset)?);
        self.at = lsn.checked_add(HEADER as u64);
        self.segments.remove(&lsn);
        Ok(true)
    }
}
