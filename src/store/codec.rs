//! Stored values as bytes: protobuf, written from here only.
//!
//! In scope: the values of `domain::state`, the head of the log. Out of scope: the parts of the
//! directory (`parts`); what is signed (kept as the bytes received). Invariant: what was written is
//! read back equal; anything else is [`StoreError::Corrupt`].

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::domain::administration::audit::Trail;
use crate::domain::administration::desk::{Desk, End, Kept, Lying};
use crate::domain::directory::facet::OpenFacet;
use crate::domain::ids::SeatId;
use crate::domain::relay::answers::Answers;
use crate::domain::relay::share::{Share, Waiting};
use crate::domain::state::{
    Beside, Body, Entry, EntryKind, Gone, Key, Mailbox, Message, Outcome, Shown, Step, Usage, Value,
};
use crate::tlog::head::Frontier;

use super::StoreError;

/// The newest head of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogHead {
    /// Its right edge.
    pub frontier: Frontier,
    /// The signed note.
    pub checkpoint: Bytes,
    /// The directory's clock there.
    pub clock: u64,
}

pub(super) fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(format!("a stored {what} cannot be read"))
}

pub(super) fn read<M: prost::Message + Default>(what: &str, bytes: &[u8]) -> Result<M, StoreError> {
    M::decode(bytes).map_err(|_| corrupt(what))
}

pub(super) fn digest(what: &str, bytes: &[u8]) -> Result<Digest, StoreError> {
    Digest::try_from(bytes).map_err(|_| corrupt(what))
}

pub(super) fn raw(digest: &Digest) -> Bytes {
    Bytes::copy_from_slice(digest.as_bytes())
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredHead {
    #[prost(bytes = "bytes", tag = "1")]
    frontier: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    checkpoint: Bytes,
    #[prost(uint64, tag = "3")]
    clock: u64,
}

impl LogHead {
    /// As it is stored: protobuf.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let frontier = self.frontier.to_bytes().into();
        let (checkpoint, clock) = (self.checkpoint.clone(), self.clock);
        StoredHead { frontier, checkpoint, clock }.encode_to_vec().into()
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let head: StoredHead = read("head", bytes)?;
        let frontier = Frontier::from_bytes(&head.frontier).map_err(|_| corrupt("head"))?;
        Ok(Self { frontier, checkpoint: head.checkpoint, clock: head.clock })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredMailbox {
    #[prost(uint64, tag = "1")]
    epoch: u64,
    #[prost(uint64, tag = "2")]
    count: u64,
    #[prost(bytes = "bytes", tag = "3")]
    chain: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredEntry {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(bytes = "bytes", tag = "2")]
    header_digest: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    id: Bytes,
    #[prost(string, tag = "4")]
    sender: String,
    #[prost(bytes = "bytes", tag = "5")]
    acknowledgement: Bytes,
    /// What stands in the chain, if nothing else is left; and since when.
    #[prost(bytes = "bytes", tag = "6")]
    gone: Bytes,
    #[prost(uint64, tag = "7")]
    gone_at: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredMessage {
    #[prost(bytes = "bytes", tag = "1")]
    header: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    body: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    blob: Bytes,
    #[prost(uint64, tag = "4")]
    blob_size: u64,
    #[prost(bytes = "bytes", repeated, tag = "5")]
    letters: Vec<Bytes>,
    #[prost(bytes = "bytes", tag = "6")]
    accepted: Bytes,
    #[prost(bool, tag = "7")]
    gone: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredOutcome {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    acknowledgements: Vec<Bytes>,
    #[prost(message, repeated, tag = "2")]
    beside: Vec<StoredBeside>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredBeside {
    #[prost(string, tag = "1")]
    contact: String,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(uint64, tag = "3")]
    number: u64,
    #[prost(uint32, tag = "4")]
    kind: u32,
    #[prost(bytes = "bytes", tag = "5")]
    digest: Bytes,
}

/// Formats before 4 had bytes by day, as field 1.
#[derive(Clone, PartialEq, prost::Message)]
struct StoredUsage {
    #[prost(uint64, tag = "2")]
    bytes: u64,
}

/// A number: of a step, of messages.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct StoredNumber {
    #[prost(uint64, tag = "1")]
    number: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredFacet {
    #[prost(bytes = "bytes", tag = "1")]
    salt: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    bytes: Bytes,
    #[prost(string, tag = "3")]
    subject: String,
    #[prost(string, tag = "4")]
    name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredShare {
    #[prost(message, repeated, tag = "1")]
    waiting: Vec<StoredWaiting>,
    #[prost(uint64, tag = "2")]
    paced: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredWaiting {
    #[prost(uint64, tag = "1")]
    day: u64,
    #[prost(uint64, tag = "2")]
    messages: u64,
    #[prost(uint64, tag = "3")]
    bytes: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredAnswers {
    #[prost(string, tag = "1")]
    sender: String,
    #[prost(uint64, tag = "2")]
    until: u64,
    #[prost(uint64, tag = "3")]
    waiting: u64,
    #[prost(string, repeated, tag = "4")]
    seats: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    receipts: Vec<String>,
    #[prost(string, repeated, tag = "6")]
    words: Vec<String>,
    #[prost(uint64, tag = "7")]
    paid: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredTrail {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(bytes = "bytes", tag = "2")]
    chain: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredDesk {
    #[prost(message, repeated, tag = "1")]
    lying: Vec<StoredLying>,
    #[prost(uint64, tag = "2")]
    since: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredLying {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(uint64, tag = "2")]
    expires: u64,
    #[prost(bool, tag = "3")]
    open: bool,
    #[prost(string, tag = "4")]
    by: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredProposal {
    #[prost(bytes = "bytes", tag = "1")]
    envelope: Bytes,
    #[prost(message, repeated, tag = "2")]
    facets: Vec<StoredFacet>,
    #[prost(string, tag = "3")]
    by: String,
    #[prost(uint64, tag = "4")]
    at: u64,
    #[prost(uint64, tag = "5")]
    expires: u64,
    #[prost(message, tag = "6")]
    end: Option<StoredEnd>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredEnd {
    #[prost(bool, tag = "1")]
    committed: bool,
    #[prost(string, tag = "2")]
    by: String,
    #[prost(uint64, tag = "3")]
    at: u64,
    #[prost(string, optional, tag = "4")]
    came_to: Option<String>,
}

/// A value as bytes.
#[must_use]
pub fn encode(value: &Value) -> Bytes {
    match value {
        Value::Mailbox(mailbox) | Value::Beginning(mailbox) => {
            let Mailbox { epoch, count, chain } = *mailbox;
            StoredMailbox { epoch, count, chain: raw(&chain) }.encode_to_vec()
        }
        Value::Entry(Entry::Shown(entry)) => StoredEntry {
            kind: entry.kind.byte().into(),
            header_digest: raw(&entry.header_digest),
            id: Bytes::copy_from_slice(entry.id.as_bytes()),
            sender: entry.sender.to_string(),
            acknowledgement: entry.acknowledgement.clone(),
            ..StoredEntry::default()
        }
        .encode_to_vec(),
        Value::Entry(Entry::Gone(Gone { kind, digest, at })) => {
            let (kind, gone) = (kind.byte().into(), raw(digest));
            StoredEntry { kind, gone, gone_at: *at, ..StoredEntry::default() }.encode_to_vec()
        }
        Value::Message(message) => stored_message(message).encode_to_vec(),
        Value::Outcome(outcome) => {
            let beside = outcome.beside.iter().map(|entry| StoredBeside {
                contact: entry.contact.to_string(),
                epoch: entry.epoch,
                number: entry.number,
                kind: entry.kind.byte().into(),
                digest: raw(&entry.digest),
            });
            let (acknowledgements, beside) = (outcome.acknowledgements.clone(), beside.collect());
            StoredOutcome { acknowledgements, beside }.encode_to_vec()
        }
        Value::Usage(Usage(bytes)) => StoredUsage { bytes: *bytes }.encode_to_vec(),
        Value::Facet(facet) => stored_facet(facet).encode_to_vec(),
        Value::Share(share) => {
            let waiting = share.waiting.iter().map(|(day, waiting)| {
                let Waiting { messages, bytes } = *waiting;
                StoredWaiting { day: *day, messages, bytes }
            });
            StoredShare { waiting: waiting.collect(), paced: share.paced }.encode_to_vec()
        }
        Value::Answers(answers) => {
            let seats = |seats: &BTreeSet<SeatId>| seats.iter().map(ToString::to_string).collect();
            StoredAnswers {
                sender: answers.sender.to_string(),
                until: answers.until,
                waiting: answers.waiting,
                seats: seats(&answers.seats),
                receipts: seats(&answers.receipts),
                words: seats(&answers.words),
                paid: answers.paid,
            }
            .encode_to_vec()
        }
        Value::Due(step) => StoredNumber { number: step.number() }.encode_to_vec(),
        Value::Blob(number) => StoredNumber { number: *number }.encode_to_vec(),
        Value::Trail(Trail { count, chain }) => {
            StoredTrail { count: *count, chain: raw(chain) }.encode_to_vec()
        }
        Value::Record(record) => return record.clone(),
        Value::Desk(desk) => {
            let lying = desk.lying.iter().map(|Lying { id, expires, open, by }| StoredLying {
                id: raw(id),
                expires: *expires,
                open: *open,
                by: by.clone(),
            });
            StoredDesk { lying: lying.collect(), since: desk.since }.encode_to_vec()
        }
        Value::Proposal(kept) => {
            let end = kept.end.clone().map(|End { committed, by, at, came_to }| StoredEnd {
                committed,
                by,
                at,
                came_to,
            });
            StoredProposal {
                envelope: kept.envelope.clone(),
                facets: kept.facets.iter().map(stored_facet).collect(),
                by: kept.by.clone(),
                at: kept.at,
                expires: kept.expires,
                end,
            }
            .encode_to_vec()
        }
    }
    .into()
}

fn stored_facet(facet: &OpenFacet) -> StoredFacet {
    let salt = Bytes::copy_from_slice(&facet.salt);
    let (subject, name) = (facet.subject.clone(), facet.name.clone());
    StoredFacet { salt, bytes: facet.bytes.clone(), subject, name }
}

fn stored_message(message: &Message) -> StoredMessage {
    let (body, blob, blob_size) = match &message.body {
        Body::Inline(body) => (body.clone(), Bytes::new(), 0),
        Body::Blob(digest, size) => (Bytes::new(), raw(digest), *size),
        Body::Gone => (Bytes::new(), Bytes::new(), 0),
    };
    StoredMessage {
        header: message.header.clone(),
        body,
        blob,
        blob_size,
        letters: message.letters.clone(),
        accepted: message.accepted.clone(),
        gone: message.body == Body::Gone,
    }
}

/// The value that stands under `key`.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn decode(key: &Key, bytes: &Bytes) -> Result<Value, StoreError> {
    Ok(match key {
        Key::Mailbox(_) => Value::Mailbox(mailbox(bytes)?),
        Key::Beginning(_) => Value::Beginning(mailbox(bytes)?),
        Key::Entry(..) => Value::Entry(entry(bytes)?),
        Key::Message(..) => Value::Message(Box::new(message(bytes)?)),
        Key::Outcome(..) => Value::Outcome(outcome(bytes)?),
        Key::Usage(..) => {
            let StoredUsage { bytes } = read("usage", bytes)?;
            Value::Usage(Usage(bytes))
        }
        Key::Facet(..) => Value::Facet(facet(read("facet", bytes)?)?),
        Key::Share(..) => {
            let stored: StoredShare = read("share", bytes)?;
            let waiting = stored.waiting.into_iter().map(|waiting| {
                let StoredWaiting { day, messages, bytes } = waiting;
                (day, Waiting { messages, bytes })
            });
            Value::Share(Share { waiting: waiting.collect(), paced: stored.paced })
        }
        Key::Answers(_) => Value::Answers(answers(bytes)?),
        Key::Due(..) => {
            let StoredNumber { number } = read("step", bytes)?;
            Value::Due(Step::of_number(number).ok_or_else(|| corrupt("step"))?)
        }
        Key::Blob(_) => {
            let StoredNumber { number } = read("number of messages", bytes)?;
            Value::Blob(number)
        }
        Key::Trail => {
            let StoredTrail { count, chain } = read("audit trail", bytes)?;
            Value::Trail(Trail { count, chain: digest("audit trail", &chain)? })
        }
        Key::Record(_) => Value::Record(bytes.clone()),
        Key::Desk => {
            let StoredDesk { lying, since } = read("desk", bytes)?;
            let lying = lying.into_iter().map(|StoredLying { id, expires, open, by }| {
                Ok(Lying { id: digest("desk", &id)?, expires, open, by })
            });
            Value::Desk(Desk { lying: lying.collect::<Result<_, StoreError>>()?, since })
        }
        Key::Proposal(_) => {
            let stored: StoredProposal = read("proposal", bytes)?;
            let facets = stored.facets.into_iter().map(facet);
            let end = stored.end.map(|StoredEnd { committed, by, at, came_to }| End {
                committed,
                by,
                at,
                came_to,
            });
            let (envelope, by, at) = (stored.envelope, stored.by, stored.at);
            let facets = facets.collect::<Result<_, _>>()?;
            let kept = Kept { envelope, facets, by, at, expires: stored.expires, end };
            Value::Proposal(Box::new(kept))
        }
    })
}

fn facet(stored: StoredFacet) -> Result<OpenFacet, StoreError> {
    let salt = <[u8; 32]>::try_from(&stored.salt[..]).map_err(|_| corrupt("facet"))?;
    let StoredFacet { subject, name, bytes, salt: _ } = stored;
    Ok(OpenFacet { subject, name, salt, bytes })
}

fn mailbox(bytes: &Bytes) -> Result<Mailbox, StoreError> {
    let StoredMailbox { epoch, count, chain } = read("mailbox", bytes)?;
    Ok(Mailbox { epoch, count, chain: digest("mailbox", &chain)? })
}

fn outcome(bytes: &Bytes) -> Result<Outcome, StoreError> {
    let stored: StoredOutcome = read("outcome", bytes)?;
    let beside = stored.beside.into_iter().map(|entry| {
        let StoredBeside { contact, epoch, number, kind, digest: stands } = entry;
        let bad = || corrupt("outcome");
        let contact = contact.parse().map_err(|_| bad())?;
        let kind = known_kind(kind).ok_or_else(bad)?;
        Ok(Beside { contact, epoch, number, kind, digest: digest("outcome", &stands)? })
    });
    let beside = beside.collect::<Result<_, StoreError>>()?;
    Ok(Outcome { acknowledgements: stored.acknowledgements, beside })
}

/// A later version writes others: this one cannot serve them.
fn known_kind(byte: u32) -> Option<EntryKind> {
    let kind = u8::try_from(byte).ok().and_then(EntryKind::of_byte);
    kind.filter(|kind| !matches!(kind, EntryKind::Later(_)))
}

fn answers(bytes: &Bytes) -> Result<Answers, StoreError> {
    let stored: StoredAnswers = read("answers", bytes)?;
    let bad = || corrupt("answers");
    let seats = |seats: Vec<String>| {
        seats.iter().map(|seat| seat.parse().map_err(|_| bad())).collect::<Result<_, _>>()
    };
    Ok(Answers {
        sender: stored.sender.parse().map_err(|_| bad())?,
        until: stored.until,
        waiting: stored.waiting,
        seats: seats(stored.seats)?,
        receipts: seats(stored.receipts)?,
        words: seats(stored.words)?,
        paid: stored.paid,
    })
}

/// One entry of a mailbox.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn entry(bytes: &[u8]) -> Result<Entry, StoreError> {
    let stored: StoredEntry = read("entry", bytes)?;
    let bad = || corrupt("entry");
    let kind = known_kind(stored.kind).ok_or_else(bad)?;
    if !stored.gone.is_empty() {
        let (digest, at) = (digest("entry", &stored.gone)?, stored.gone_at);
        return Ok(Entry::Gone(Gone { kind, digest, at }));
    }
    Ok(Entry::Shown(Shown {
        kind,
        header_digest: digest("entry", &stored.header_digest)?,
        id: stored.id[..].try_into().map_err(|_| bad())?,
        sender: stored.sender.parse().map_err(|_| bad())?,
        acknowledgement: stored.acknowledgement,
    }))
}

fn message(bytes: &Bytes) -> Result<Message, StoreError> {
    let stored = StoredMessage::decode(bytes.clone()).map_err(|_| corrupt("message"))?;
    let body = if stored.gone {
        Body::Gone
    } else if stored.blob.is_empty() {
        Body::Inline(stored.body)
    } else {
        Body::Blob(digest("message", &stored.blob)?, stored.blob_size)
    };
    let (header, letters, accepted) = (stored.header, stored.letters, stored.accepted);
    Ok(Message { header, body, letters, accepted })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats<const N: usize>(names: [&str; N]) -> BTreeSet<SeatId> {
        names.map(|name| name.parse().unwrap()).into()
    }

    #[test]
    fn what_a_share_and_answers_are_stored_as_is_read_back_and_keeps_its_bytes() {
        let waiting =
            [(20_834, Waiting { messages: 2, bytes: 9_000 }), (20_900, Waiting::default())];
        let share = Share { waiting: waiting.into(), paced: 1_800_000_030 };
        let answers = Answers {
            sender: "fr/cert-fr".parse().unwrap(),
            until: 1_802_678_400,
            waiting: 4_500,
            seats: seats(["at/cert/duty-1", "at/cert/duty-2"]),
            receipts: seats(["at/cert/duty-2"]),
            words: seats([]),
            paid: 300_000,
        };
        let share_of = Key::Share("at/cert".parse().unwrap(), "fr".parse().unwrap());
        let answers_to = Key::Answers(Digest::from_bytes([7; 32]));
        for (key, value, bytes) in [
            (&share_of, Value::Share(share), "0a0908e2a201100218a8460a0408a4a301109ea4a7da06"),
            (&share_of, Value::Share(Share::default()), ""),
            (
                &answers_to,
                Value::Answers(answers),
                "0a0a66722f636572742d66721080e1cadb06189423220e61742f636572742f64\
                 7574792d31220e61742f636572742f647574792d322a0e61742f636572742f64\
                 7574792d3238e0a712",
            ),
        ] {
            let stored = encode(&value);
            assert_eq!(hex::encode(&stored), bytes);
            assert_eq!(decode(key, &stored), Ok(value));
        }
        for bad in [&b"\x0a\x02fr"[..], b"\x0a\x05fr/at\x22\x05at/fr", b"\xff"] {
            let found = decode(&answers_to, &Bytes::copy_from_slice(bad));
            assert!(matches!(found, Err(StoreError::Corrupt(_))), "{found:?}");
        }
    }
}
