//! Stored values as bytes: protobuf, written from here only.
//!
//! In scope: the values of `domain::state`, the head of the log. Out of scope: the parts of the
//! directory (`parts`); what is signed (kept as the bytes received). Invariant: what was written is
//! read back equal; anything else is [`StoreError::Corrupt`].

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::domain::directory::facet::OpenFacet;
use crate::domain::ids::SeatId;
use crate::domain::relay::answers::Answers;
use crate::domain::relay::share::{Share, Waiting};
use crate::domain::state::{Body, Entry, EntryKind, Key, Mailbox, Message, Outcome, Usage, Value};
use crate::tlog::head::Frontier;

use super::StoreError;

/// The newest head of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
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

impl Head {
    /// As bytes.
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
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredOutcome {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    acknowledgements: Vec<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredUsage {
    #[prost(btree_map = "uint64, uint64", tag = "1")]
    days: BTreeMap<u64, u64>,
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
}

/// A value as bytes.
#[must_use]
pub fn encode(value: &Value) -> Bytes {
    match value {
        Value::Mailbox(mailbox) => {
            let Mailbox { epoch, count, chain } = *mailbox;
            StoredMailbox { epoch, count, chain: raw(&chain) }.encode_to_vec()
        }
        Value::Entry(entry) => StoredEntry {
            kind: entry.kind.byte().into(),
            header_digest: raw(&entry.header_digest),
            id: Bytes::copy_from_slice(entry.id.as_bytes()),
            sender: entry.sender.to_string(),
            acknowledgement: entry.acknowledgement.clone(),
        }
        .encode_to_vec(),
        Value::Message(message) => stored_message(message).encode_to_vec(),
        Value::Outcome(outcome) => {
            StoredOutcome { acknowledgements: outcome.acknowledgements.clone() }.encode_to_vec()
        }
        Value::Usage(usage) => StoredUsage { days: usage.days().clone() }.encode_to_vec(),
        Value::Facet(facet) => {
            let salt = Bytes::copy_from_slice(&facet.salt);
            let (subject, name) = (facet.subject.clone(), facet.name.clone());
            StoredFacet { salt, bytes: facet.bytes.clone(), subject, name }.encode_to_vec()
        }
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
            }
            .encode_to_vec()
        }
    }
    .into()
}

fn stored_message(message: &Message) -> StoredMessage {
    let (body, blob, blob_size) = match &message.body {
        Body::Inline(body) => (body.clone(), Bytes::new(), 0),
        Body::Blob(digest, size) => (Bytes::new(), raw(digest), *size),
    };
    StoredMessage {
        header: message.header.clone(),
        body,
        blob,
        blob_size,
        letters: message.letters.clone(),
        accepted: message.accepted.clone(),
    }
}

/// The value that stands under `key`.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn decode(key: &Key, bytes: &Bytes) -> Result<Value, StoreError> {
    Ok(match key {
        Key::Mailbox(_) => {
            let stored: StoredMailbox = read("mailbox", bytes)?;
            let (epoch, count) = (stored.epoch, stored.count);
            Value::Mailbox(Mailbox { epoch, count, chain: digest("mailbox", &stored.chain)? })
        }
        Key::Entry(..) => Value::Entry(entry(bytes)?),
        Key::Message(..) => Value::Message(Box::new(message(bytes)?)),
        Key::Outcome(..) => {
            let stored: StoredOutcome = read("outcome", bytes)?;
            Value::Outcome(Outcome { acknowledgements: stored.acknowledgements })
        }
        Key::Usage(..) => {
            let StoredUsage { days } = read("usage", bytes)?;
            Value::Usage(Usage::of(days))
        }
        Key::Facet(..) => {
            let stored: StoredFacet = read("facet", bytes)?;
            let salt = <[u8; 32]>::try_from(&stored.salt[..]).map_err(|_| corrupt("facet"))?;
            let StoredFacet { subject, name, bytes, salt: _ } = stored;
            Value::Facet(OpenFacet { subject, name, salt, bytes })
        }
        Key::Share(..) => {
            let stored: StoredShare = read("share", bytes)?;
            let waiting = stored.waiting.into_iter().map(|waiting| {
                let StoredWaiting { day, messages, bytes } = waiting;
                (day, Waiting { messages, bytes })
            });
            Value::Share(Share { waiting: waiting.collect(), paced: stored.paced })
        }
        Key::Answers(_) => Value::Answers(answers(bytes)?),
    })
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
    })
}

/// One entry of a mailbox.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn entry(bytes: &[u8]) -> Result<Entry, StoreError> {
    let stored: StoredEntry = read("entry", bytes)?;
    let bad = || corrupt("entry");
    let kind = match u8::try_from(stored.kind).ok().and_then(EntryKind::of_byte) {
        // A later version has written here: this one cannot serve it.
        None | Some(EntryKind::Later(_)) => return Err(bad()),
        Some(kind) => kind,
    };
    Ok(Entry {
        kind,
        header_digest: digest("entry", &stored.header_digest)?,
        id: stored.id[..].try_into().map_err(|_| bad())?,
        sender: stored.sender.parse().map_err(|_| bad())?,
        acknowledgement: stored.acknowledgement,
    })
}

fn message(bytes: &Bytes) -> Result<Message, StoreError> {
    let stored = StoredMessage::decode(bytes.clone()).map_err(|_| corrupt("message"))?;
    let body = if stored.blob.is_empty() {
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
                 7574792d32",
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
