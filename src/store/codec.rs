//! Stored values as bytes: protobuf, written from here only.
//!
//! In scope: the values of `domain::state`, the parts of the directory, the head of the log. Out
//! of scope: what is signed (kept as the bytes received). Invariant: what was written is read
//! back equal; anything else is [`StoreError::Corrupt`].

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::crypto::sign::VerifyingKey;
use crate::domain::directory::facet::OpenFacet;
use crate::domain::directory::key::{Holder, KnownKey, PublicKey, Purpose, Standing};
use crate::domain::directory::{Charter, Contact, Member, Newest, Record, Roster};
use crate::domain::state::{Body, Entry, EntryKind, Key, Mailbox, Message, Outcome, Usage, Value};
use crate::signed::proto;
use crate::tlog::head::Frontier;

use super::StoreError;

/// The newest head of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its right edge.
    pub frontier: Frontier,
    /// The signed note.
    pub checkpoint: Bytes,
    /// When its newest entry was admitted.
    pub admitted_at: u64,
}

fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(format!("a stored {what} cannot be read"))
}

fn read<M: prost::Message + Default>(what: &str, bytes: &[u8]) -> Result<M, StoreError> {
    M::decode(bytes).map_err(|_| corrupt(what))
}

fn digest(what: &str, bytes: &[u8]) -> Result<Digest, StoreError> {
    Digest::try_from(bytes).map_err(|_| corrupt(what))
}

fn raw(digest: &Digest) -> Bytes {
    Bytes::copy_from_slice(digest.as_bytes())
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredHead {
    #[prost(bytes = "bytes", tag = "1")]
    frontier: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    checkpoint: Bytes,
    #[prost(uint64, tag = "3")]
    admitted_at: u64,
}

impl Head {
    /// As bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let frontier = self.frontier.to_bytes().into();
        let (checkpoint, admitted_at) = (self.checkpoint.clone(), self.admitted_at);
        StoredHead { frontier, checkpoint, admitted_at }.encode_to_vec().into()
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let head: StoredHead = read("head", bytes)?;
        let frontier = Frontier::from_bytes(&head.frontier).map_err(|_| corrupt("head"))?;
        Ok(Self { frontier, checkpoint: head.checkpoint, admitted_at: head.admitted_at })
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
            StoredFacet { salt, bytes: facet.bytes.clone() }.encode_to_vec()
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
        Key::Facet(_) => {
            let stored: StoredFacet = read("facet", bytes)?;
            let salt = <[u8; 32]>::try_from(&stored.salt[..]).map_err(|_| corrupt("facet"))?;
            Value::Facet(OpenFacet { salt, bytes: stored.bytes })
        }
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

#[derive(Clone, PartialEq, prost::Message)]
struct StoredNewest {
    #[prost(uint64, tag = "1")]
    version: u64,
    #[prost(uint64, tag = "2")]
    leaf: u64,
    #[prost(bytes = "bytes", tag = "3")]
    statement: Bytes,
}

impl StoredNewest {
    fn of(newest: &Newest) -> Self {
        Self { version: newest.version, leaf: newest.leaf, statement: raw(&newest.statement) }
    }

    fn read(stored: Option<Self>) -> Result<Newest, StoreError> {
        let stored = stored.ok_or_else(|| corrupt("counter"))?;
        let statement = digest("counter", &stored.statement)?;
        Ok(Newest { version: stored.version, leaf: stored.leaf, statement })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredCharter {
    #[prost(message, optional, tag = "1")]
    newest: Option<StoredNewest>,
    #[prost(bytes = "bytes", tag = "2")]
    payload: Bytes,
}

/// The charter in force as bytes.
#[must_use]
pub fn encode_charter(charter: &Charter) -> Bytes {
    let newest = Some(StoredNewest::of(&charter.newest));
    StoredCharter { newest, payload: charter.payload.clone() }.encode_to_vec().into()
}

/// The charter in force.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn decode_charter(bytes: &[u8]) -> Result<Arc<Charter>, StoreError> {
    let stored: StoredCharter = read("charter", bytes)?;
    let payload: proto::Charter = read("charter", &stored.payload)?;
    let newest = StoredNewest::read(stored.newest)?;
    let charter = Charter::read(&payload, stored.payload, newest);
    charter.map(Arc::new).map_err(|_| corrupt("charter"))
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredMember {
    #[prost(message, optional, tag = "1")]
    newest: Option<StoredNewest>,
    #[prost(bytes = "bytes", tag = "2")]
    payload: Bytes,
    #[prost(bool, tag = "3")]
    signs: bool,
}

/// A member as bytes.
#[must_use]
pub fn encode_member(member: &Member) -> Bytes {
    let newest = Some(StoredNewest::of(&member.newest));
    let (payload, signs) = (member.payload.clone(), member.signs);
    StoredMember { newest, payload, signs }.encode_to_vec().into()
}

/// A member.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn decode_member(bytes: &[u8]) -> Result<Arc<Member>, StoreError> {
    let stored: StoredMember = read("member", bytes)?;
    let payload: proto::Admission = read("member", &stored.payload)?;
    let newest = StoredNewest::read(stored.newest)?;
    let member = Member::read(&payload, stored.payload, newest, stored.signs);
    member.map(Arc::new).map_err(|_| corrupt("member"))
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredContact {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(message, optional, tag = "2")]
    record_newest: Option<StoredNewest>,
    /// Of the record in force: a record's, or an attested record's.
    #[prost(bytes = "bytes", optional, tag = "3")]
    record: Option<Bytes>,
    #[prost(bool, tag = "4")]
    attested: bool,
    #[prost(message, optional, tag = "5")]
    roster_newest: Option<StoredNewest>,
    #[prost(bytes = "bytes", optional, tag = "6")]
    roster: Option<Bytes>,
    #[prost(uint64, tag = "7")]
    changed: u64,
}

/// A contact as bytes.
#[must_use]
pub fn encode_contact(contact: &Contact) -> Bytes {
    StoredContact {
        id: contact.id.to_string(),
        record_newest: Some(StoredNewest::of(&contact.record_newest)),
        record: contact.record.as_ref().map(|record| record.payload.clone()),
        attested: contact.record.as_ref().is_some_and(|record| record.attested),
        roster_newest: contact.roster_newest.as_ref().map(StoredNewest::of),
        roster: contact.roster.as_ref().map(|roster| roster.payload.clone()),
        changed: contact.changed,
    }
    .encode_to_vec()
    .into()
}

/// A contact.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn decode_contact(bytes: &[u8]) -> Result<Arc<Contact>, StoreError> {
    let stored: StoredContact = read("contact", bytes)?;
    let record = stored.record.map(|payload| record(stored.attested, payload)).transpose()?;
    let roster = stored.roster.map(|payload| {
        let read: proto::Roster = read("roster", &payload)?;
        Roster::read(&read, payload).map_err(|_| corrupt("roster"))
    });
    Ok(Arc::new(Contact {
        id: stored.id.parse().map_err(|_| corrupt("contact"))?,
        record_newest: StoredNewest::read(stored.record_newest)?,
        record,
        roster_newest: stored
            .roster_newest
            .map(|newest| StoredNewest::read(Some(newest)))
            .transpose()?,
        roster: roster.transpose()?,
        changed: stored.changed,
    }))
}

fn record(attested: bool, payload: Bytes) -> Result<Record, StoreError> {
    let record = if attested {
        let read: proto::AttestedRecord = read("record", &payload)?;
        Record::read_attested(&read, payload)
    } else {
        let read: proto::Record = read("record", &payload)?;
        Record::read(&read, payload)
    };
    record.map_err(|_| corrupt("record"))
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredKey {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(uint32, tag = "2")]
    purpose: u32,
    /// 1 service, 2 witness, 3 registrar, 4 operator, 5 auditor, 6 member, 7 contact, 8 seat
    #[prost(uint32, tag = "3")]
    holder: u32,
    #[prost(string, tag = "4")]
    holder_id: String,
    /// 1 in force, 2 dropped, 3 revoked
    #[prost(uint32, tag = "5")]
    standing: u32,
    #[prost(uint64, tag = "6")]
    leaf: u64,
    #[prost(bytes = "bytes", tag = "7")]
    statement: Bytes,
}

/// Purposes by their stored number, from 1.
const PURPOSES: [Purpose; 10] = [
    Purpose::PersonSign,
    Purpose::PersonTls,
    Purpose::Log,
    Purpose::Relay,
    Purpose::Witness,
    Purpose::Authority,
    Purpose::Keeper,
    Purpose::SeatSign,
    Purpose::SeatSeal,
    Purpose::SeatTls,
];

/// A known key as bytes.
#[must_use]
pub fn encode_key(known: &KnownKey) -> Bytes {
    let key = match &known.key {
        PublicKey::Verifying(key) => Bytes::copy_from_slice(key.spki()),
        PublicKey::Sealing(raw) => raw.clone(),
    };
    let place = PURPOSES.iter().position(|purpose| *purpose == known.purpose);
    let (holder, holder_id) = match &known.holder {
        Holder::Service => (1, String::new()),
        Holder::Witness(name) => (2, name.clone()),
        Holder::Registrar(id) => (3, id.to_string()),
        Holder::Operator(id) => (4, id.to_string()),
        Holder::Auditor(id) => (5, id.to_string()),
        Holder::Member(id) => (6, id.to_string()),
        Holder::Contact(id) => (7, id.to_string()),
        Holder::Seat(id) => (8, id.to_string()),
    };
    let (standing, leaf, statement) = match &known.standing {
        Standing::InForce => (1, 0, Bytes::new()),
        Standing::Dropped => (2, 0, Bytes::new()),
        Standing::Revoked { leaf, statement } => (3, *leaf, raw(statement)),
    };
    let purpose = place.map_or(0, |place| place as u32 + 1);
    StoredKey { key, purpose, holder, holder_id, standing, leaf, statement }.encode_to_vec().into()
}

/// A known key.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn decode_key(bytes: &[u8]) -> Result<Arc<KnownKey>, StoreError> {
    let stored: StoredKey = read("key", bytes)?;
    let bad = || corrupt("key");
    let purpose = (stored.purpose as usize).checked_sub(1).and_then(|place| PURPOSES.get(place));
    let purpose = *purpose.ok_or_else(bad)?;
    let key = if purpose == Purpose::SeatSeal {
        PublicKey::Sealing(stored.key)
    } else {
        PublicKey::Verifying(VerifyingKey::from_spki(&stored.key).map_err(|_| bad())?)
    };
    let id = &stored.holder_id;
    let holder = match stored.holder {
        1 => Holder::Service,
        2 => Holder::Witness(id.clone()),
        3 => Holder::Registrar(id.parse().map_err(|_| bad())?),
        4 => Holder::Operator(id.parse().map_err(|_| bad())?),
        5 => Holder::Auditor(id.parse().map_err(|_| bad())?),
        6 => Holder::Member(id.parse().map_err(|_| bad())?),
        7 => Holder::Contact(id.parse().map_err(|_| bad())?),
        8 => Holder::Seat(id.parse().map_err(|_| bad())?),
        _ => return Err(bad()),
    };
    let standing = match stored.standing {
        1 => Standing::InForce,
        2 => Standing::Dropped,
        3 => Standing::Revoked { leaf: stored.leaf, statement: digest("key", &stored.statement)? },
        _ => return Err(bad()),
    };
    Ok(Arc::new(KnownKey { key, purpose, holder, standing }))
}
