//! The charter: the root document.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::crypto::sign::{KeyId, VerifyingKey};
use crate::domain::ids::PersonId;
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::signed::proto;
use crate::tlog::note::KeyName;

use super::apply::{Admitted, Change, Parts, Place, none_superfluous, place, threshold};
use super::key::{Holder, KnownKey, PublicKey, Purpose};
use super::text::{is_word, sorted_set, text};
use super::verify::{Statement, Verified, own_quorum};
use super::{Directory, Newest, RULES, relist};

/// A registrar, operator or auditor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Its id.
    pub id: PersonId,
    /// Its name, for people.
    pub name: String,
    /// The key it signs with.
    pub sign: VerifyingKey,
    /// The key it connects with.
    pub tls: VerifyingKey,
}

/// A witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Its name.
    pub name: String,
    /// The key it cosigns with.
    pub key: VerifyingKey,
}

/// What the settings of a charter come to, in seconds; what it does not set has its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A directory older than this is stale.
    pub stale_after: u64,
    /// Routing metadata is erased this long after the last receipt.
    pub metadata_kept: u64,
    /// Acknowledgement of priority messages.
    pub priority_within: u64,
    /// Acknowledgement of immediate messages.
    pub immediate_within: u64,
    /// Acknowledgement of flash messages.
    pub flash_within: u64,
}

impl Policy {
    /// The settings that this version knows.
    pub const NAMES: [&str; 5] =
        ["flash-within", "immediate-within", "metadata-kept", "priority-within", "stale-after"];

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
        }
    }
}

/// One version of the charter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charter {
    /// Version, leaf index and fingerprint.
    pub newest: Newest,
    /// The payload.
    pub payload: Bytes,
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
}

impl Charter {
    /// Reads a charter's content.
    ///
    /// # Errors
    /// The first field that holds what it cannot hold, or newer rules.
    pub fn read(charter: &proto::Charter, payload: Bytes, newest: Newest) -> Result<Self, Refusal> {
        match charter.rules {
            RULES => {}
            found if found > RULES => return Err(Refusal::NewerRules { found, known: RULES }),
            found => {
                return Err(Refusal::field("rules", format!("expected {RULES}, found {found}")));
            }
        }
        let registrars = persons("registrars", &charter.registrars)?;
        if charter.threshold == 0 || charter.threshold as usize > registrars.len() {
            let why = format!("expected 1 to {}, found {}", registrars.len(), charter.threshold);
            return Err(Refusal::field("threshold", why));
        }
        Ok(Self {
            newest,
            payload,
            threshold: charter.threshold,
            operators: persons("operators", &charter.operators)?,
            auditors: persons("auditors", &charter.auditors)?,
            log: service_keys("log", &charter.log)?,
            relay: service_keys("relay", &charter.relay)?,
            service_ca: service_ca(&charter.service_ca)?,
            witnesses: witnesses(&charter.witnesses, charter.quorum)?,
            quorum: charter.quorum,
            policy: settings(&charter.policy)?,
            registrars,
        })
    }

    /// The key ids of the registrars' sign keys.
    #[must_use]
    pub fn registrar_keys(&self) -> BTreeSet<KeyId> {
        self.registrars.iter().map(|person| person.sign.id()).collect()
    }

    fn keys(&self) -> Vec<KnownKey> {
        let known = |key: &VerifyingKey, purpose, holder| {
            KnownKey::listed(PublicKey::Verifying(key.clone()), purpose, holder)
        };
        let people = [
            (&self.registrars, Holder::Registrar as fn(PersonId) -> Holder),
            (&self.operators, Holder::Operator),
            (&self.auditors, Holder::Auditor),
        ];
        let people = people.into_iter().flat_map(|(persons, holder)| {
            persons.iter().flat_map(move |person| {
                let holder = holder(person.id.clone());
                [
                    known(&person.sign, Purpose::PersonSign, holder.clone()),
                    known(&person.tls, Purpose::PersonTls, holder),
                ]
            })
        });
        let log = self.log.iter().map(|key| known(key, Purpose::Log, Holder::Service));
        let relay = self.relay.iter().map(|key| known(key, Purpose::Relay, Holder::Service));
        let witnesses = self.witnesses.iter().map(|witness| {
            known(&witness.key, Purpose::Witness, Holder::Witness(witness.name.clone()))
        });
        people.chain(log).chain(relay).chain(witnesses).collect()
    }
}

pub(super) fn found(verified: &Verified, admitted: Admitted) -> Result<Parts, Refusal> {
    let Statement::Charter(statement) = verified.statement() else {
        let (expected, found) = ("a charter", verified.envelope().kind().payload_type());
        return Err(Refusal::UnknownKind { expected, found });
    };
    let own = own_quorum(statement).map(|key| key.id()).collect();
    threshold(verified, &own, statement.threshold.max(1), || "its registrars".to_owned())?;
    none_superfluous(verified, &own)?;
    let Place::Next(newest) = place(None, verified, admitted)? else {
        return Err(Refusal::WrongVersion { expected: 1, found: verified.version() });
    };
    let charter = Charter::read(statement, verified.envelope().payload().clone(), newest)?;
    let keys = relist(None, &[], charter.keys())?;
    Ok(Parts { charter: Some(Arc::new(charter)), keys, ..Parts::none(admitted) })
}

/// Signed by the quorum of the predecessor and its own.
pub(super) fn apply(
    directory: &Directory,
    verified: &Verified,
    statement: &proto::Charter,
    admitted: Admitted,
) -> Result<Change, Refusal> {
    let before = directory.charter();
    let old = before.registrar_keys();
    let own = own_quorum(statement).map(|key| key.id()).collect();
    threshold(verified, &old, before.threshold, || "the registrars in force".to_owned())?;
    threshold(verified, &own, statement.threshold.max(1), || "the new registrars".to_owned())?;
    none_superfluous(verified, &old.union(&own).copied().collect())?;
    let newest = match place(Some(&before.newest), verified, admitted)? {
        Place::Again(leaf) => return Ok(Change::AlreadyLogged(leaf)),
        Place::Next(newest) => newest,
    };
    let charter = Charter::read(statement, verified.envelope().payload().clone(), newest)?;
    let listed: Vec<KeyId> = before.keys().iter().map(|known| known.key.id()).collect();
    let keys = relist(Some(directory), &listed, charter.keys())?;
    let parts = Parts { charter: Some(Arc::new(charter)), keys, ..Parts::none(admitted) };
    Ok(Change::Logged(Box::new(parts)))
}

fn persons(field: &'static str, persons: &[proto::Person]) -> Result<Vec<Person>, Refusal> {
    sorted_set(field, persons, limits::PERSONS, |person| person.id.as_str())?;
    let read = persons.iter().map(|person| {
        text(field, &person.name, limits::TEXT_BYTES)?;
        Ok(Person {
            id: person.id.parse().map_err(|why| Refusal::field(field, why))?,
            name: person.name.clone(),
            sign: PublicKey::verifying(field, person.sign.as_ref())?,
            tls: PublicKey::verifying(field, person.tls.as_ref())?,
        })
    });
    read.collect()
}

fn service_keys(
    field: &'static str,
    keys: &[proto::PublicKey],
) -> Result<Vec<VerifyingKey>, Refusal> {
    if keys.is_empty() || keys.len() > limits::PERSONS {
        return Err(Refusal::field(field, "expected at least one key"));
    }
    keys.iter().map(|key| PublicKey::ed25519(field, Some(key))).collect()
}

fn service_ca(certificates: &[Bytes]) -> Result<Vec<Bytes>, Refusal> {
    let field = "service_ca";
    sorted_set(field, certificates, limits::PERSONS, |certificate| certificate)?;
    if certificates.is_empty() || certificates.iter().any(Bytes::is_empty) {
        return Err(Refusal::field(field, "expected at least one DER certificate"));
    }
    Ok(certificates.to_vec())
}

fn witnesses(witnesses: &[proto::Witness], quorum: u32) -> Result<Vec<Witness>, Refusal> {
    let field = "witnesses";
    sorted_set(field, witnesses, limits::PERSONS, |witness| witness.name.as_str())?;
    let needed =
        if witnesses.is_empty() { 0..=0 } else { witnesses.len() / 2 + 1..=witnesses.len() };
    if !needed.contains(&(quorum as usize)) {
        let why = format!("expected {} to {}, found {quorum}", needed.start(), needed.end());
        return Err(Refusal::field("quorum", why));
    }
    let read = witnesses.iter().map(|witness| {
        text(field, &witness.name, limits::TEXT_BYTES)?;
        KeyName::parse(&witness.name).map_err(|why| Refusal::field(field, why))?;
        let key = PublicKey::ed25519(field, witness.key.as_ref())?;
        Ok(Witness { name: witness.name.clone(), key })
    });
    read.collect()
}

fn settings(settings: &[proto::Setting]) -> Result<Policy, Refusal> {
    let field = "policy";
    sorted_set(field, settings, limits::PERSONS, |setting| setting.name.as_str())?;
    if settings.iter().any(|setting| !is_word(&setting.name) || setting.value == 0) {
        return Err(Refusal::field(field, "expected names of a-z, 0-9 and -, and values above 0"));
    }
    Ok(Policy::of(settings))
}
