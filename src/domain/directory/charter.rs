//! The charter: the root document, as the directory holds it.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::crypto::sign::{KeyId, VerifyingKey};
use crate::domain::ids::PersonId;
use crate::domain::limits;
use crate::domain::refusal::{Owner, Refusal, Wrong};
use crate::signed::proto;

use super::Newest;
use super::key::PublicKey;
use super::text::{sorted_set, text, within, word};

/// A registrar, operator or auditor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Its id, as the charter lists it.
    pub id: PersonId,
    /// Its name, for people.
    pub name: String,
    /// The key it signs with.
    pub sign: VerifyingKey,
    /// The key it connects with.
    pub tls: VerifyingKey,
}

/// A witness: its key cosigns checkpoints of this log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Its name, as the signature lines of its notes have it.
    pub name: String,
    /// The key it cosigns with.
    pub key: VerifyingKey,
}

/// What the settings of a charter come to, in seconds; what it does not set has its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A directory older than this is stale.
    pub stale_after: u64,
    /// Routing metadata is erased this long after the message expired.
    pub metadata_kept: u64,
    /// Acknowledgement of priority messages.
    pub priority_within: u64,
    /// Acknowledgement of immediate messages.
    pub immediate_within: u64,
    /// Acknowledgement of flash messages.
    pub flash_within: u64,
    /// Bytes of one member's statements that the log takes in a day.
    pub member_day_bytes: u64,
    /// How many statements those may be.
    pub member_day_count: u64,
}

impl Policy {
    /// The settings that this version knows.
    pub const NAMES: [&str; 7] = [
        "flash-within",
        "immediate-within",
        "member-day-bytes",
        "member-day-count",
        "metadata-kept",
        "priority-within",
        "stale-after",
    ];

    /// What the settings come to. Unknown names mean nothing.
    #[must_use]
    pub fn of(settings: &[proto::Setting]) -> Self {
        let value = |name: &str, default| {
            let set = settings.iter().find(|setting| setting.name == name);
            set.map_or(default, |setting| setting.value)
        };
        Self {
            stale_after: value("stale-after", 86_400),
            metadata_kept: value("metadata-kept", 2_592_000),
            priority_within: value("priority-within", 14_400),
            immediate_within: value("immediate-within", 1_800),
            flash_within: value("flash-within", 600),
            member_day_bytes: value("member-day-bytes", limits::MEMBER_DAY_BYTES),
            member_day_count: value("member-day-count", limits::MEMBER_DAY_COUNT),
        }
    }
}

/// One version of the charter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charter {
    /// Version, leaf index and fingerprint.
    pub newest: Newest,
    /// The statement's payload as it was signed: canonical protobuf.
    pub payload: Bytes,
    /// The rules of the entries behind it.
    pub rules: u32,
    /// Registrars, by id.
    pub registrars: Vec<Person>,
    /// How many of them decide.
    pub threshold: u32,
    /// Operators, by id.
    pub operators: Vec<Person>,
    /// Auditors, by id.
    pub auditors: Vec<Person>,
    /// Log keys by age; the last signs.
    pub log: Vec<VerifyingKey>,
    /// Relay keys by age; the last signs.
    pub relay: Vec<VerifyingKey>,
    /// Certificates of the service CA, DER.
    pub service_ca: Vec<Bytes>,
    /// Witnesses, by name.
    pub witnesses: Vec<Witness>,
    /// How many of them make a quorum.
    pub quorum: u32,
    /// What its settings come to.
    pub policy: Policy,
    /// The predecessor's identity; none in version 1.
    pub previous: Bytes,
}

impl Charter {
    /// Reads a charter's content. The form is that of `rules`, those in force before it.
    ///
    /// # Errors
    /// The first field that holds what it cannot hold.
    pub fn read(
        charter: &proto::Charter,
        payload: Bytes,
        newest: Newest,
        rules: u32,
    ) -> Result<Self, Refusal> {
        let registrars = persons("registrars", &charter.registrars, rules)?;
        within("threshold", 1..=registrars.len(), charter.threshold as usize)?;
        let log = service_keys("log", &charter.log, rules)?;
        Ok(Self {
            newest,
            payload,
            rules: charter.rules,
            threshold: charter.threshold,
            operators: persons("operators", &charter.operators, rules)?,
            auditors: persons("auditors", &charter.auditors, rules)?,
            relay: service_keys("relay", &charter.relay, rules)?,
            service_ca: service_ca(&charter.service_ca)?,
            witnesses: witnesses(&charter.witnesses, charter.quorum, &log, rules)?,
            quorum: charter.quorum,
            policy: settings(&charter.policy)?,
            previous: charter.previous.clone(),
            registrars,
            log,
        })
    }

    /// The key ids of the registrars' sign keys.
    #[must_use]
    pub fn registrar_keys(&self) -> BTreeSet<KeyId> {
        self.registrars.iter().map(|person| person.sign.id()).collect()
    }
}

fn persons(
    field: &'static str,
    persons: &[proto::Person],
    rules: u32,
) -> Result<Vec<Person>, Refusal> {
    sorted_set(field, persons, limits::PERSONS, |person| person.id.as_str())?;
    let read = persons.iter().map(|person| {
        text(field, &person.name)?;
        Ok(Person {
            id: person.id.parse().map_err(|why| Refusal::field(field, why))?,
            name: person.name.clone(),
            sign: PublicKey::verifying(field, person.sign.as_ref(), rules)?,
            tls: PublicKey::verifying(field, person.tls.as_ref(), rules)?,
        })
    });
    read.collect()
}

fn service_keys(
    field: &'static str,
    keys: &[proto::PublicKey],
    rules: u32,
) -> Result<Vec<VerifyingKey>, Refusal> {
    within(field, 1..=limits::PERSONS, keys.len())?;
    keys.iter().map(|key| PublicKey::ed25519(field, Some(key), rules)).collect()
}

fn service_ca(certificates: &[Bytes]) -> Result<Vec<Bytes>, Refusal> {
    let field = "service_ca";
    sorted_set(field, certificates, limits::PERSONS, |certificate| certificate)?;
    if certificates.is_empty() || certificates.iter().any(Bytes::is_empty) {
        return Err(Refusal::field(field, Wrong::NoCertificate));
    }
    Ok(certificates.to_vec())
}

/// Their keys are each another and none of the log's. They are in no register: nobody proves them.
fn witnesses(
    witnesses: &[proto::Witness],
    quorum: u32,
    log: &[VerifyingKey],
    rules: u32,
) -> Result<Vec<Witness>, Refusal> {
    let field = "witnesses";
    sorted_set(field, witnesses, limits::PERSONS, |witness| witness.name.as_str())?;
    let needed =
        if witnesses.is_empty() { 0..=0 } else { witnesses.len() / 2 + 1..=witnesses.len() };
    within("quorum", needed, quorum as usize)?;
    let mut seen: BTreeSet<KeyId> = log.iter().map(VerifyingKey::id).collect();
    let mut read = Vec::with_capacity(witnesses.len());
    for witness in witnesses {
        let name = &witness.name;
        let printable = name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'+');
        if !printable || !(1..=limits::WITNESS_NAME_BYTES).contains(&name.len()) {
            return Err(Refusal::field(field, Wrong::NoWitnessName));
        }
        let key = PublicKey::ed25519(field, witness.key.as_ref(), rules)?;
        if !key.is_ed25519_point() {
            return Err(Refusal::field(field, Wrong::NoPoint));
        }
        if !seen.insert(key.id()) {
            return Err(Refusal::field(field, Wrong::KeyOfAnother));
        }
        if witness.key.as_ref().is_some_and(|key| !key.proof.is_empty()) {
            let holder = Owner::Witness(name.clone());
            return Err(Refusal::NoPossession { key: key.id(), holder });
        }
        read.push(Witness { name: name.clone(), key });
    }
    Ok(read)
}

fn settings(settings: &[proto::Setting]) -> Result<Policy, Refusal> {
    let field = "policy";
    sorted_set(field, settings, limits::PERSONS, |setting| setting.name.as_str())?;
    for setting in settings {
        word(field, &setting.name)?;
        if setting.value == 0 {
            return Err(Refusal::field(field, Wrong::Zero));
        }
    }
    Ok(Policy::of(settings))
}
