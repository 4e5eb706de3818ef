//! The parts of the directory as bytes, both ways: in the service's store, and in a copy's kept fold.
//!
//! In scope: the form of each part, and of a whole directory. Out of scope: where they stand, whether
//! they are those that were written. Invariant: a part that is read back is equal to the one that was
//! written (tested after every kind).

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::crypto::sign::{KeyId, VerifyingKey};
use crate::domain::ids::{ContactId, DirectoryName, MemberId};
use crate::signed::proto;

use super::key::{Holder, KeyName, KnownKey, PublicKey, Purpose};
use super::map::{Map, Part, Section, Unreadable};
use super::{Charter, Contact, Directory, Member, Newest, RULES, Record, Roster};

fn read<M: prost::Message + Default>(what: &'static str, bytes: &Bytes) -> Result<M, Unreadable> {
    M::decode(bytes.clone()).map_err(|_| Unreadable(what))
}

fn digest(what: &'static str, bytes: &[u8]) -> Result<Digest, Unreadable> {
    Digest::try_from(bytes).map_err(|_| Unreadable(what))
}

fn raw(digest: &Digest) -> Bytes {
    Bytes::copy_from_slice(digest.as_bytes())
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

    fn read(stored: Option<Self>) -> Result<Newest, Unreadable> {
        let stored = stored.ok_or(Unreadable("counter"))?;
        let statement = digest("counter", &stored.statement)?;
        Ok(Newest { version: stored.version, leaf: stored.leaf, statement })
    }
}

impl Newest {
    /// As it is stored: protobuf.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        StoredNewest::of(self).encode_to_vec().into()
    }

    /// From bytes.
    ///
    /// # Errors
    /// They are no counter.
    pub fn decode(bytes: &Bytes) -> Result<Self, Unreadable> {
        StoredNewest::read(Some(read("counter", bytes)?))
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredCharter {
    #[prost(message, optional, tag = "1")]
    newest: Option<StoredNewest>,
    #[prost(bytes = "bytes", tag = "2")]
    payload: Bytes,
}

impl Charter {
    /// As it is stored: protobuf.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let newest = Some(StoredNewest::of(&self.newest));
        StoredCharter { newest, payload: self.payload.clone() }.encode_to_vec().into()
    }

    /// From bytes.
    ///
    /// # Errors
    /// They are no charter.
    pub fn decode(bytes: &Bytes) -> Result<Self, Unreadable> {
        let stored: StoredCharter = read("charter", bytes)?;
        let payload: proto::Charter = read("charter", &stored.payload)?;
        let newest = StoredNewest::read(stored.newest)?;
        let charter = Self::read(&payload, stored.payload, newest, RULES);
        charter.map_err(|_| Unreadable("charter"))
    }

    /// The number of the rules that a stored charter names, also if this program knows no more of it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn stored_rules(bytes: &Bytes) -> Result<u32, Unreadable> {
        let stored: StoredCharter = read("charter", bytes)?;
        Ok(read::<proto::Charter>("charter", &stored.payload)?.rules)
    }
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

impl Part for Member {
    type Id = MemberId;

    fn id(&self) -> MemberId {
        self.id.clone()
    }

    fn key(id: &MemberId) -> Vec<u8> {
        id.as_str().as_bytes().to_vec()
    }

    fn encode(&self) -> Bytes {
        let newest = Some(StoredNewest::of(&self.newest));
        let (payload, signs) = (self.payload.clone(), self.signs);
        StoredMember { newest, payload, signs }.encode_to_vec().into()
    }

    fn decode(bytes: &Bytes) -> Result<Self, Unreadable> {
        let stored: StoredMember = read("member", bytes)?;
        let payload: proto::Admission = read("member", &stored.payload)?;
        let newest = StoredNewest::read(stored.newest)?;
        let member = Self::read(&payload, stored.payload, newest, stored.signs, RULES);
        member.map_err(|_| Unreadable("member"))
    }
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

impl Part for Contact {
    type Id = ContactId;

    fn id(&self) -> ContactId {
        self.id.clone()
    }

    fn key(id: &ContactId) -> Vec<u8> {
        id.as_str().as_bytes().to_vec()
    }

    fn encode(&self) -> Bytes {
        StoredContact {
            id: self.id.to_string(),
            record_newest: Some(StoredNewest::of(&self.record_newest)),
            record: self.record.as_ref().map(|record| record.payload.clone()),
            attested: self.record.as_ref().is_some_and(|record| record.attested),
            roster_newest: self.roster_newest.as_ref().map(StoredNewest::of),
            roster: self.roster.as_ref().map(|roster| roster.payload.clone()),
            changed: self.changed,
        }
        .encode_to_vec()
        .into()
    }

    fn decode(bytes: &Bytes) -> Result<Self, Unreadable> {
        let stored: StoredContact = read("contact", bytes)?;
        let record = stored.record.map(|payload| record(stored.attested, payload)).transpose()?;
        let roster = stored.roster.map(|payload| {
            let read: proto::Roster = read("roster", &payload)?;
            Roster::read(&read, payload, RULES).map_err(|_| Unreadable("roster"))
        });
        let roster_newest = stored.roster_newest.map(|newest| StoredNewest::read(Some(newest)));
        Ok(Self {
            id: stored.id.parse().map_err(|_| Unreadable("contact"))?,
            record_newest: StoredNewest::read(stored.record_newest)?,
            record,
            roster_newest: roster_newest.transpose()?,
            roster: roster.transpose()?,
            changed: stored.changed,
        })
    }
}

fn record(attested: bool, payload: Bytes) -> Result<Record, Unreadable> {
    let record = if attested {
        let read: proto::AttestedRecord = read("record", &payload)?;
        Record::read_attested(&read, payload, RULES)
    } else {
        let read: proto::Record = read("record", &payload)?;
        Record::read(&read, payload, RULES)
    };
    record.map_err(|_| Unreadable("record"))
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

impl Part for KnownKey {
    type Id = KeyName;

    fn id(&self) -> KeyName {
        self.name()
    }

    /// A 0 and the id, or a 1, contact, slash and the id.
    fn key(name: &KeyName) -> Vec<u8> {
        match name {
            KeyName::Proven(id) => [&[0], &id.as_bytes()[..]].concat(),
            KeyName::Seal(contact, id) => {
                [&[1], contact.as_str().as_bytes(), b"/", id.as_bytes()].concat()
            }
        }
    }

    fn encode(&self) -> Bytes {
        let key = match &self.key {
            PublicKey::Verifying(key) => Bytes::copy_from_slice(key.spki()),
            PublicKey::Sealing(id) => Bytes::copy_from_slice(id.as_bytes()),
        };
        let place = PURPOSES.iter().position(|purpose| *purpose == self.purpose);
        let (holder, holder_id) = match &self.holder {
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
        let (from, until) = (self.from, self.until);
        let revoked_by = self.revoked_by.as_ref().map(raw);
        StoredKey { key, purpose, holder, holder_id, from, until, revoked_by }
            .encode_to_vec()
            .into()
    }

    fn decode(bytes: &Bytes) -> Result<Self, Unreadable> {
        let stored: StoredKey = read("key", bytes)?;
        let bad = || Unreadable("key");
        let purpose =
            (stored.purpose as usize).checked_sub(1).and_then(|place| PURPOSES.get(place));
        let purpose = *purpose.ok_or_else(bad)?;
        let key = if purpose == Purpose::SeatSeal {
            // Format 2 of the store held the whole key.
            let id = Digest::try_from(&stored.key[..]).map(KeyId::from_digest);
            PublicKey::Sealing(id.unwrap_or_else(|_| KeyId::of(&stored.key)))
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
        Ok(Self { key, purpose, holder, from, until, revoked_by })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredDirectory {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "bytes", tag = "2")]
    genesis: Bytes,
    #[prost(uint64, tag = "3")]
    size: u64,
    #[prost(uint64, tag = "4")]
    clock: u64,
    #[prost(bytes = "bytes", tag = "5")]
    charter: Bytes,
    #[prost(bytes = "bytes", tag = "6")]
    members: Bytes,
    #[prost(bytes = "bytes", tag = "7")]
    contacts: Bytes,
    #[prost(bytes = "bytes", tag = "8")]
    keys: Bytes,
}

impl Directory {
    /// All of it as bytes.
    ///
    /// # Errors
    /// What it was read from is no directory.
    pub fn encode(&self) -> Result<Vec<u8>, Unreadable> {
        let stored = StoredDirectory {
            name: self.name.to_string(),
            genesis: raw(&self.genesis),
            size: self.size,
            clock: self.clock,
            charter: self.charter.encode(),
            members: self.members.to_bytes()?.into(),
            contacts: self.contacts.to_bytes()?.into(),
            keys: self.keys.to_bytes()?.into(),
        };
        Ok(stored.encode_to_vec())
    }

    /// From bytes that [`Directory::encode`] made, and that nobody has changed since: a part is read
    /// when it is asked for.
    ///
    /// # Errors
    /// They are no directory.
    pub fn decode(bytes: &Bytes) -> Result<Self, Unreadable> {
        let stored: StoredDirectory = read("directory", bytes)?;
        let name: DirectoryName = stored.name.parse().map_err(|_| Unreadable("directory"))?;
        Ok(Self {
            name,
            genesis: digest("directory", &stored.genesis)?,
            size: stored.size,
            clock: stored.clock,
            charter: Arc::new(Charter::decode(&stored.charter)?),
            members: Map::from_bytes(&stored.members)?,
            contacts: Map::from_bytes(&stored.contacts)?,
            keys: Map::from_bytes(&stored.keys)?,
        })
    }
}

/// A directory that is put together from stored parts, those of each kind in the order of their ids.
///
/// Most of a grown one nobody asks for again: keys that have ended. So all of it stays bytes until
/// it is asked for.
pub struct Packing {
    empty: Directory,
    members: Section<Member>,
    contacts: Section<Contact>,
    keys: Section<KnownKey>,
}

impl Packing {
    /// Of a directory that has no parts yet.
    #[must_use]
    pub fn of(empty: Directory) -> Self {
        let (members, contacts, keys) = Default::default();
        Self { empty, members, contacts, keys }
    }

    /// Whose it is.
    ///
    /// # Errors
    /// It is none, or not the next.
    pub fn member(&mut self, stored: &Bytes) -> Result<MemberId, Unreadable> {
        next(&mut self.members, stored)
    }

    /// Whose it is.
    ///
    /// # Errors
    /// It is none, or not the next.
    pub fn contact(&mut self, stored: &Bytes) -> Result<ContactId, Unreadable> {
        next(&mut self.contacts, stored)
    }

    /// What it is known under.
    ///
    /// # Errors
    /// It is none, or not the next.
    pub fn key(&mut self, stored: &Bytes) -> Result<KeyName, Unreadable> {
        next(&mut self.keys, stored)
    }

    /// The whole directory, once all its parts were given.
    #[must_use]
    pub fn finish(self) -> Directory {
        let Self { empty, members, contacts, keys } = self;
        let (members, contacts) = (members.into_map(), contacts.into_map());
        Directory { members, contacts, keys: keys.into_map(), ..empty }
    }
}

fn next<P: Part>(section: &mut Section<P>, stored: &Bytes) -> Result<P::Id, Unreadable> {
    let part = P::decode(stored)?;
    section.push(&part)?;
    Ok(part.id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_key_that_was_stored_whole_is_read_as_its_id() {
        let (whole, holder) = (Bytes::from(vec![7; 1_216]), "fr/soc/duty-1".parse().unwrap());
        let (key, holder) = (PublicKey::Sealing(KeyId::of(&whole)), Holder::Seat(holder));
        let known = KnownKey::listed(key, Purpose::SeatSeal, holder, 3);
        let now = known.encode();
        let before = StoredKey { key: whole, ..StoredKey::decode(now.clone()).unwrap() };
        for stored in [now, before.encode_to_vec().into()] {
            assert_eq!(KnownKey::decode(&stored), Ok(known.clone()));
        }
    }

    #[test]
    fn parts_are_packed_in_the_order_of_their_ids() {
        let known = |contact: &str, key: &[u8]| {
            let holder = Holder::Seat(format!("{contact}/duty-1").parse().unwrap());
            KnownKey::listed(PublicKey::Sealing(KeyId::of(key)), Purpose::SeatSeal, holder, 3)
        };
        let (first, second) = (known("fr/cert-fr", b"a key"), known("fr/cert", b"a key"));
        let pushed = |parts: [&KnownKey; 2]| {
            let mut keys = Section::<KnownKey>::default();
            parts.into_iter().try_for_each(|part| keys.push(part))?;
            Ok(keys.into_map())
        };
        assert!(pushed([&first, &second]).unwrap().values().eq([&first, &second]));
        let misplaced = Err(Unreadable("part out of its order"));
        assert_eq!(pushed([&second, &first]), misplaced);
        let ended = KnownKey { until: Some(4), ..first.clone() };
        assert_eq!(pushed([&first, &ended]), misplaced, "one id twice");
        // Whichever of them is new.
        for (kept, new) in [(&first, &second), (&second, &first)] {
            let mut keys = Section::<KnownKey>::default();
            keys.push(kept).unwrap();
            let mut map = keys.into_map();
            map.insert(&Arc::new(new.clone()));
            assert!(map.values().eq([&first, &second]));
            assert!(map.from(second.name()).eq([&second]));
            assert_eq!(map.get(&kept.name()).zip(map.get(&new.name())), Some((kept, new)));
        }
    }

    #[test]
    fn each_of_many_parts_is_the_one_that_was_packed() {
        let holder = Holder::Seat("fr/soc/duty-1".parse().unwrap());
        let known = (0..1_000_u32).map(|number| {
            let key = PublicKey::Sealing(KeyId::of(&number.to_be_bytes()));
            KnownKey::listed(key, Purpose::SeatSeal, holder.clone(), number.into())
        });
        let mut known: Vec<KnownKey> = known.collect();
        known.sort_by_key(KnownKey::name);
        let mut keys = Section::<KnownKey>::default();
        known.iter().for_each(|part| keys.push(part).unwrap());
        let map = keys.into_map();
        assert!(known.iter().all(|part| map.get(&part.name()) == Some(part)));
        assert!(map.values().eq(&known), "and read again");
    }
}
