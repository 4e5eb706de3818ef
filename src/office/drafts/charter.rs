//! The charter: its next version, and what one says.
//!
//! In scope: what is to be otherwise, read from files and words; a charter's numbers and keys as values. Out of
//! scope: what the next one must keep (`client::draft`). Invariant: a key of the service is taken from a file that
//! shows it to be the service's own.

use bytes::Bytes;

use crate::client::armour::{self, Kind};
use crate::client::charters::logged;
use crate::client::draft::{Bundle, Composed, Composer, amended};
use crate::client::error::ClientError;
use crate::client::invitation::Invitation;
use crate::client::keys::{Role, read_person, read_public};
use crate::crypto::cert::PeerCertificate;
use crate::crypto::hash::Digest;
use crate::crypto::sign::{KeyId, eye, telephone};
use crate::domain::directory::{Policy, Statement};
use crate::office::Office;
use crate::signed::canonical;
use crate::signed::proto;
use crate::tlog::note::VerifierKey;

use super::{AtHand, Drafted, Line, in_words};

pub use crate::client::draft::{Changes, People, ServiceKeys};

/// The largest number in anything signed.
const MAX_VALUE: u64 = (1 << 53) - 1;

/// Names of the settings that this version knows.
pub const SETTINGS: [&str; Policy::NAMES.len()] = Policy::NAMES;

/// What is asked of the next charter cannot be read.
#[derive(Debug)]
pub enum NotRead {
    /// The change does not fit the charter in force, or that one cannot be read: why.
    Change(String),
    /// The key of another holder, where one of this kind was wanted: `log` or `relay`.
    HolderOf {
        /// Whose key it is.
        holder: String,
        /// What was wanted.
        wanted: String,
    },
    /// Not one key.
    NotOneKey,
    /// No certificate, and why.
    Certificate(String),
    /// No witness's key, and why.
    Witness(String),
    /// Nothing that this home can use.
    Failed(Box<ClientError>),
}

impl From<ClientError> for NotRead {
    fn from(why: ClientError) -> Self {
        Self::Failed(Box::new(why))
    }
}

/// Adds somebody of this role: the text of his PERSON file.
///
/// # Errors
/// The text is no such file.
pub fn add_person(people: &mut People, role: Role, text: &str) -> Result<(), ClientError> {
    people.add.push(read_person(role, text)?);
    Ok(())
}

/// Adds the key that a service staged, `log` or `relay`, shown to be its own; whether it is this directory's,
/// the charter's check finds.
///
/// # Errors
/// The text is no such file, or of another key.
pub fn add_service_key(keys: &mut ServiceKeys, of: &str, text: &str) -> Result<(), NotRead> {
    let mut file = read_public(Kind::Service, text).map_err(ClientError::from)?;
    if file.holder.split('/').next() != Some(of) {
        return Err(NotRead::HolderOf { holder: file.holder, wanted: of.to_owned() });
    }
    let key = file.sign.pop().filter(|_| file.sign.is_empty());
    keys.add.push(key.ok_or(NotRead::NotOneKey)?);
    Ok(())
}

/// The certificate of a service authority, DER, from PEM.
///
/// # Errors
/// It is none.
pub fn authority(text: &str) -> Result<Bytes, NotRead> {
    let der = armour::decode("CERTIFICATE", text).map_err(ClientError::from)?;
    match PeerCertificate::parse(&der) {
        Ok(_) => Ok(Bytes::copy_from_slice(&der)),
        Err(why) => Err(NotRead::Certificate(why.to_string())),
    }
}

/// Adds a witness by its vkey.
///
/// # Errors
/// It is none (C2SP signed-note).
pub fn add_witness(changes: &mut Changes, vkey: &str) -> Result<(), NotRead> {
    let witness = VerifierKey::parse(vkey).map_err(|why| NotRead::Witness(why.to_string()))?;
    changes.witnesses.push(witness);
    Ok(())
}

/// A setting as it is typed: `stale-after=86400`.
#[must_use]
pub fn setting(given: &str) -> Option<(String, u64)> {
    let (name, value) = given.split_once('=')?;
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = (1..=32).contains(&name.len()) && name.bytes().all(inside);
    let value = value.parse().ok().filter(|value| (1..=MAX_VALUE).contains(value))?;
    is_name.then(|| (name.to_owned(), value))
}

impl AtHand {
    /// The version of the charter in force, from 1.
    ///
    /// # Errors
    /// There is no directory in the copy.
    pub fn charter_version(&self) -> Result<u64, ClientError> {
        Ok(self.copy.directory()?.charter().newest.version)
    }

    /// The next charter.
    ///
    /// # Errors
    /// The changes do not fit the charter in force.
    pub fn charter(self, office: &Office, changes: &Changes) -> Result<Drafted, NotRead> {
        let directory = self.copy.directory().map_err(ClientError::from)?;
        let before: proto::Charter = canonical::decode(&directory.charter().payload)
            .map_err(|why| NotRead::Change(why.to_string()))?;
        let next = amended(&before, changes).map_err(|why| NotRead::Change(why.to_string()))?;
        let publication = Composer::on(directory, office.ambient()).charter(next);
        Ok(Drafted::of(vec![publication], self.copy))
    }
}

/// Charters of a file or of the log, each with what it says.
pub struct Charters {
    bundle: Bundle,
    /// The leaf index of the one in force.
    leaf: Option<u64>,
}

impl Office {
    /// The charter in force.
    ///
    /// # Errors
    /// There is no copy, or it cannot be read.
    pub fn charter_in_force(&self) -> Result<Option<Charters>, ClientError> {
        let replica = self.replica()?;
        let leaf = replica.directory()?.charter().newest.leaf;
        let entry = replica.entry(leaf)?.map(|entry| logged(&entry)).transpose()?;
        let Some((statement, _)) = entry else { return Ok(None) };
        Ok(Some(Charters { bundle: Bundle::of_statement(statement)?, leaf: Some(leaf) }))
    }
}

impl Charters {
    /// Those of an invitation or of a STATEMENT file; none of another file.
    ///
    /// # Errors
    /// It is one, and damaged.
    pub fn of_file(text: &str) -> Result<Option<Self>, ClientError> {
        let bundle = match armour::kind(text) {
            Some(Kind::Invitation) => {
                let invitation = Invitation::read(text)?;
                Bundle::of_statement(invitation.message().charter.clone())?
            }
            Some(Kind::Statement) => Bundle::read(text)?,
            Some(
                Kind::Admission
                | Kind::Person
                | Kind::Authority
                | Kind::Keeper
                | Kind::Seat
                | Kind::Proposal
                | Kind::Service,
            )
            | None => return Ok(None),
        };
        Ok(Some(Self { bundle, leaf: None }))
    }

    /// What they say, line by line.
    #[must_use]
    pub fn says(&self) -> Vec<Line> {
        in_words(&self.bundle)
    }

    /// Each of them as values.
    #[must_use]
    pub fn all(&self) -> Vec<Shown> {
        let charters = self.bundle.publications().iter().filter_map(|publication: &Composed| {
            let Statement::Charter(charter) = publication.statement() else { return None };
            Some(shown(&publication.envelope().digest(), charter, self.leaf))
        });
        charters.collect()
    }
}

/// What a charter says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The name of its directory.
    pub directory: Option<String>,
    /// Its version, from 1.
    pub version: Option<u64>,
    /// Its fingerprint, as it is compared by eye.
    pub fingerprint: String,
    /// The same, as it is read over the telephone.
    pub fingerprint_telephone: String,
    /// The identity of the one before; empty of the first.
    pub previous: Vec<u8>,
    /// Its leaf index, if it is in force here.
    pub leaf: Option<u64>,
    /// When it was signed, Unix seconds.
    pub issued_at: u64,
    /// The number of the rules.
    pub rules: u32,
    /// How many registrars decide.
    pub threshold: u32,
    /// Who decides what the directory lists.
    pub registrars: Vec<Person>,
    /// Who runs the service.
    pub operators: Vec<Person>,
    /// Who reads what operators did.
    pub auditors: Vec<Person>,
    /// Its log keys.
    pub log: Vec<KeyId>,
    /// Its relay keys.
    pub relay: Vec<KeyId>,
    /// SHA-256 of the certificates of its service authorities.
    pub service_authorities: Vec<Digest>,
    /// Who cosigns its checkpoints.
    pub witnesses: Vec<Witness>,
    /// How many of them make a quorum.
    pub quorum: u32,
    /// Numbers that are otherwise than their defaults.
    pub settings: Vec<Setting>,
}

/// Somebody whom a charter names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The id that registrars gave him.
    pub id: String,
    /// His name, as people write it.
    pub name: String,
    /// The key that he signs with.
    pub sign: Option<KeyId>,
    /// The key that he connects with.
    pub tls: Option<KeyId>,
}

/// Somebody who cosigns checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Its name as a key (C2SP signed-note).
    pub name: String,
    /// The key that it cosigns with.
    pub key: Option<KeyId>,
}

/// A setting of a charter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The name that rules or a version know.
    pub name: String,
    /// Its number, from 1.
    pub value: u64,
}

fn shown(identity: &Digest, charter: &proto::Charter, leaf: Option<u64>) -> Shown {
    let id = |key: &proto::PublicKey| KeyId::of(&key.key);
    let people = |people: &[proto::Person]| -> Vec<Person> {
        let people = people.iter().map(|person| Person {
            id: person.id.clone(),
            name: person.name.clone(),
            sign: person.sign.as_ref().map(id),
            tls: person.tls.as_ref().map(id),
        });
        people.collect()
    };
    let witnesses = charter.witnesses.iter();
    let witnesses =
        witnesses.map(|it| Witness { name: it.name.clone(), key: it.key.as_ref().map(id) });
    let settings = charter.policy.iter();
    let settings = settings.map(|set| Setting { name: set.name.clone(), value: set.value });
    Shown {
        directory: charter.targets.first().map(|target| target.name.clone()),
        version: charter.targets.first().map(|target| target.version),
        fingerprint: eye(identity),
        fingerprint_telephone: telephone(identity),
        previous: charter.previous.to_vec(),
        leaf,
        issued_at: charter.issued_at,
        rules: charter.rules,
        threshold: charter.threshold,
        registrars: people(&charter.registrars),
        operators: people(&charter.operators),
        auditors: people(&charter.auditors),
        log: charter.log.iter().map(id).collect(),
        relay: charter.relay.iter().map(id).collect(),
        service_authorities: charter.service_ca.iter().map(|der| Digest::of(der)).collect(),
        witnesses: witnesses.collect(),
        quorum: charter.quorum,
        settings: settings.collect(),
    }
}
