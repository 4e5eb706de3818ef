//! The parts of the directory as stored, both ways.
//!
//! In scope: a part under its key, and the directory put together again from all of them, without
//! a signature checked. Invariant: a directory that is read back is equal to the fold that was
//! written (tested after every kind).

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;

use crate::crypto::sign::VerifyingKey;
use crate::domain::directory::key::{Holder, KnownKey, PublicKey, Purpose, SealKey};
use crate::domain::directory::{
    Admitted, Charter, Contact, Directory, Member, Newest, Parts, RULES, Record, Roster,
};
use crate::signed::proto;

use super::codec::{corrupt, digest, raw, read};
use super::{StoreError, keys};

/// The parts that a statement made new, each with its key.
#[must_use]
pub fn encode(parts: &Parts) -> Vec<(Vec<u8>, Bytes)> {
    let charter = parts.charter.iter().flat_map(|it| {
        let leaf = Bytes::copy_from_slice(&it.newest.leaf.to_be_bytes());
        [(keys::CHARTER.to_vec(), encode_charter(it)), (keys::log_charter(it.newest.version), leaf)]
    });
    let member = parts.member.iter().map(|it| (keys::member(&it.id), encode_member(it)));
    let contact = parts.contact.iter().map(|it| (keys::contact(&it.id), encode_contact(it)));
    let known = parts.keys.iter().map(|it| (keys::key(&it.name()), encode_key(it)));
    charter.chain(member).chain(contact).chain(known).collect()
}

/// Where stored parts stand, but for the charter: before their ids.
pub const PREFIXES: [&[u8]; 3] = [keys::MEMBER, keys::CONTACT, keys::KEY];

/// The number of the rules that the stored charter names, also if this program knows no more of it.
///
/// # Errors
/// It cannot be read.
pub fn rules(charter: &[u8]) -> Result<u32, StoreError> {
    let stored: StoredCharter = read("charter", charter)?;
    Ok(read::<proto::Charter>("charter", &stored.payload)?.rules)
}

/// The charter in force as it is stored.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn charter(value: &[u8]) -> Result<Arc<Charter>, StoreError> {
    decode_charter(value)
}

/// Takes a stored part into a directory that is put together.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn take(directory: &mut Directory, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    let admitted = Admitted { leaf: directory.size().saturating_sub(1), at: directory.clock() };
    let mut parts = Parts::none(admitted, directory.clock());
    if key.starts_with(keys::MEMBER) {
        parts.member = Some(decode_member(value)?);
    } else if key.starts_with(keys::CONTACT) {
        parts.contact = Some(decode_contact(value)?);
    } else {
        parts.keys = vec![decode_key(value)?];
    }
    directory.advance(&parts);
    Ok(())
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
fn encode_charter(charter: &Charter) -> Bytes {
    let newest = Some(StoredNewest::of(&charter.newest));
    StoredCharter { newest, payload: charter.payload.clone() }.encode_to_vec().into()
}

/// The charter in force.
fn decode_charter(bytes: &[u8]) -> Result<Arc<Charter>, StoreError> {
    let stored: StoredCharter = read("charter", bytes)?;
    let payload: proto::Charter = read("charter", &stored.payload)?;
    let newest = StoredNewest::read(stored.newest)?;
    let charter = Charter::read(&payload, stored.payload, newest, RULES);
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
fn encode_member(member: &Member) -> Bytes {
    let newest = Some(StoredNewest::of(&member.newest));
    let (payload, signs) = (member.payload.clone(), member.signs);
    StoredMember { newest, payload, signs }.encode_to_vec().into()
}

/// A member.
fn decode_member(bytes: &[u8]) -> Result<Arc<Member>, StoreError> {
    let stored: StoredMember = read("member", bytes)?;
    let payload: proto::Admission = read("member", &stored.payload)?;
    let newest = StoredNewest::read(stored.newest)?;
    let member = Member::read(&payload, stored.payload, newest, stored.signs, RULES);
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
fn encode_contact(contact: &Contact) -> Bytes {
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
fn decode_contact(bytes: &[u8]) -> Result<Arc<Contact>, StoreError> {
    let stored: StoredContact = read("contact", bytes)?;
    let record = stored.record.map(|payload| record(stored.attested, payload)).transpose()?;
    let roster = stored.roster.map(|payload| {
        let read: proto::Roster = read("roster", &payload)?;
        Roster::read(&read, payload, RULES).map_err(|_| corrupt("roster"))
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
        Record::read_attested(&read, payload, RULES)
    } else {
        let read: proto::Record = read("record", &payload)?;
        Record::read(&read, payload, RULES)
    };
    record.map_err(|_| corrupt("record"))
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredKey {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(uint32, tag = "2")]
    purpose: u32,
    /// 1 log, 2 relay, 3 registrar, 4 operator, 5 auditor, 6 member, 7 contact, 8 seat
    #[prost(uint32, tag = "3")]
    holder: u32,
    #[prost(string, tag = "4")]
    holder_id: String,
    #[prost(uint64, tag = "5")]
    from: u64,
    #[prost(uint64, optional, tag = "6")]
    until: Option<u64>,
    #[prost(bytes = "bytes", optional, tag = "7")]
    revoked_by: Option<Bytes>,
}

/// Purposes by their stored number, from 1.
const PURPOSES: [Purpose; 9] = [
    Purpose::PersonSign,
    Purpose::PersonTls,
    Purpose::Log,
    Purpose::Relay,
    Purpose::Authority,
    Purpose::Keeper,
    Purpose::SeatSign,
    Purpose::SeatSeal,
    Purpose::SeatTls,
];

/// A known key as bytes.
fn encode_key(known: &KnownKey) -> Bytes {
    let key = match &known.key {
        PublicKey::Verifying(key) => Bytes::copy_from_slice(key.spki()),
        PublicKey::Sealing(key) => key.raw().clone(),
    };
    let place = PURPOSES.iter().position(|purpose| *purpose == known.purpose);
    let (holder, holder_id) = match &known.holder {
        Holder::Log(name) => (1, name.to_string()),
        Holder::Relay(name) => (2, name.to_string()),
        Holder::Registrar(id) => (3, id.to_string()),
        Holder::Operator(id) => (4, id.to_string()),
        Holder::Auditor(id) => (5, id.to_string()),
        Holder::Member(id) => (6, id.to_string()),
        Holder::Contact(id) => (7, id.to_string()),
        Holder::Seat(id) => (8, id.to_string()),
    };
    let purpose = place.map_or(0, |place| place as u32 + 1);
    let (from, until) = (known.from, known.until);
    let revoked_by = known.revoked_by.as_ref().map(raw);
    StoredKey { key, purpose, holder, holder_id, from, until, revoked_by }.encode_to_vec().into()
}

/// A known key.
fn decode_key(bytes: &[u8]) -> Result<Arc<KnownKey>, StoreError> {
    let stored: StoredKey = read("key", bytes)?;
    let bad = || corrupt("key");
    let purpose = (stored.purpose as usize).checked_sub(1).and_then(|place| PURPOSES.get(place));
    let purpose = *purpose.ok_or_else(bad)?;
    let key = if purpose == Purpose::SeatSeal {
        PublicKey::Sealing(SealKey::of(stored.key))
    } else {
        PublicKey::Verifying(VerifyingKey::from_spki(&stored.key).map_err(|_| bad())?)
    };
    let id = &stored.holder_id;
    let holder = match stored.holder {
        1 => Holder::Log(id.parse().map_err(|_| bad())?),
        2 => Holder::Relay(id.parse().map_err(|_| bad())?),
        3 => Holder::Registrar(id.parse().map_err(|_| bad())?),
        4 => Holder::Operator(id.parse().map_err(|_| bad())?),
        5 => Holder::Auditor(id.parse().map_err(|_| bad())?),
        6 => Holder::Member(id.parse().map_err(|_| bad())?),
        7 => Holder::Contact(id.parse().map_err(|_| bad())?),
        8 => Holder::Seat(id.parse().map_err(|_| bad())?),
        _ => return Err(bad()),
    };
    let revoked_by = stored.revoked_by.map(|by| digest("key", &by)).transpose()?;
    let (from, until) = (stored.from, stored.until);
    Ok(Arc::new(KnownKey { key, purpose, holder, from, until, revoked_by }))
}
