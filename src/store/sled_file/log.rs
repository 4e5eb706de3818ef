//! The log: segments with a header, and messages in them (`pagecache/{constants,logger}.rs`).

use super::bytes::Reader;

/// `SEG_HEADER_LEN`: bytes before the first message of a segment.
pub(super) const HEADER: usize = 20;
/// `MAX_MSG_HEADER_LEN`: nothing begins nearer than this to a segment's end.
pub(super) const RED_ZONE: usize = 32;
/// Where in a message its kind is.
pub(super) const KIND: usize = 4;
/// So much sled reads of a message at once. What a file lacks of it counts as zero.
pub(super) const WINDOW: usize = 128;

/// The header of a segment: crc32, then two places in the log, each behind a mask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// Where the segment begins in the log.
    pub(super) lsn: u64,
    /// What was written when this segment was begun.
    pub(super) stable: u64,
}

impl Header {
    pub(super) fn read(segment: &[u8]) -> Option<Self> {
        let mut reader = Reader(segment.get(..HEADER)?);
        let crc = !reader.u32()?;
        if crc32fast::hash(reader.0) != crc {
            return None;
        }
        let unmasked = |bytes: &[u8]| {
            let bytes = bytes.try_into().map_or(-1, i64::from_le_bytes) ^ i64::MAX;
            u64::try_from(bytes).ok()
        };
        let (lsn, stable) = (unmasked(reader.take(8)?), unmasked(reader.take(8)?));
        // Before the first write nothing is stable, which sled writes as -1.
        Some(Self { lsn: lsn?, stable: stable.unwrap_or(0) })
    }
}

/// `MessageKind`, but for 0, which marks what was never written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Reserved and given up.
    Cancelled,
    /// Nothing follows in this segment.
    Cap,
    /// The beginning of a batch: the last place that belongs to it.
    Manifest,
    /// The page is free.
    Free,
    Counter,
    Meta,
    /// A page, whole.
    Node,
    /// A change of a page.
    Link,
    /// Any of the above that stands in a file of its own.
    Blob,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Cancelled,
            2 => Self::Cap,
            3 => Self::Manifest,
            4 => Self::Free,
            5 => Self::Counter,
            6 => Self::Meta,
            8 => Self::Node,
            10 => Self::Link,
            7 | 9 | 11 => Self::Blob,
            _ => return None,
        })
    }
}

/// What stands before a message's body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// Of the segment: its place in the log, divided by a segment's size.
    pub(super) number: u64,
    pub(super) page: u64,
    crc: u32,
    head: usize,
    body: usize,
}

impl Frame {
    /// The frame at the beginning of `bytes`, which fits into `room`.
    pub(super) fn read(bytes: &[u8], room: usize) -> Option<Self> {
        let mut head = [0; RED_ZONE];
        let there = bytes.len().min(RED_ZONE);
        head[..there].copy_from_slice(&bytes[..there]);
        let mut reader = Reader(&head);
        let (crc, kind) = (reader.u32()?, Kind::of(reader.byte()?)?);
        let (body, number, page) = (reader.number()?, reader.number()?, reader.number()?);
        let head = RED_ZONE - reader.0.len();
        let body = usize::try_from(body).ok()?;
        (body <= room.checked_sub(head)?).then_some(Self { kind, number, page, crc, head, body })
    }

    /// Of what stands before the body.
    pub(super) fn head(&self) -> usize {
        self.head
    }

    /// Of the whole message.
    pub(super) fn length(&self) -> usize {
        self.head + self.body
    }
}

/// What is found where a message could begin.
#[derive(Debug)]
pub(super) enum Found<'a> {
    Message(Frame, &'a [u8]),
    /// Never written, or damaged.
    Bad,
    /// The file ends before the message does.
    Cut,
}

/// Reads what begins at `at` as sled does, which tells a file that ends from one that is wrong.
/// `bytes` are `length` long, and [`WINDOW`] zeros follow.
pub(super) fn read(bytes: &[u8], length: usize, at: usize, room: usize, number: u64) -> Found<'_> {
    if at > length {
        return Found::Cut;
    }
    let Some(rest) = bytes.get(at..) else { return Found::Cut };
    let Some(frame) = Frame::read(rest, room) else { return Found::Bad };
    let is_there = at.saturating_add(frame.length()) <= length;
    if frame.body > WINDOW - frame.head && !is_there {
        return Found::Cut;
    }
    match (rest.get(..frame.head), rest.get(frame.head..frame.length())) {
        (Some(head), Some(body)) if holds(head, body, frame.crc) && frame.number == number => {
            Found::Message(frame, body)
        }
        _ => Found::Bad,
    }
}

/// The last place in the log that belongs to a batch.
pub(super) fn last_of_batch(manifest: &[u8]) -> Option<u64> {
    Reader(manifest).lsn()
}

/// Whether the checksum is right, as `calculate_message_crc32` makes it.
fn holds(head: &[u8], body: &[u8], crc: u32) -> bool {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(body);
    hasher.update(head.get(4..).unwrap_or_default());
    !hasher.finalize() == crc
}
