//! A log in memory, made by the domain's own functions: the other side of the client's tests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use ring::rand::SystemRandom;

use crate::ambient::{Ambient, Clock};
use crate::crypto::issue::{self, Validity};
use crate::crypto::seal::OpeningKey;
use crate::crypto::sign::{Signer, SigningKey};
use crate::domain::directory::key::listed_sealing;
use crate::domain::directory::{Admitted, Directory, apply, found, verify, verify_founding};
use crate::domain::ids::DirectoryName;
use crate::domain::refusal::Refusal;
use crate::signed::proto::{self, Custody, Level, MemberKind, Use, entry::Leaf};
use crate::tlog::checkpoint::Checkpoint;
use crate::tlog::merkle::{Tree, leaf_hash};
use crate::tlog::note::KeyName;
use crate::wire::v1;

use super::draft::{Bundle, Composer, FacetContent, Publication, founding};
use super::keys::prove;

pub(crate) const NOW: u64 = 1_800_000_000;

struct At(u64);

impl Clock for At {
    fn now(&self) -> Duration {
        Duration::from_secs(self.0)
    }
}

#[expect(clippy::disallowed_methods, reason = "a test")]
pub(crate) fn ambient_at(now: u64) -> Ambient {
    Ambient::new(Arc::new(At(now)), Arc::new(SystemRandom::new()))
}

pub(crate) fn ambient() -> Ambient {
    ambient_at(NOW)
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

pub(crate) fn name() -> DirectoryName {
    "un.example".parse().unwrap()
}

pub(crate) const REGISTRARS: [u8; 3] = [1, 2, 3];
pub(crate) const LOG: u8 = 10;
pub(crate) const AUTHORITY: u8 = 20;
pub(crate) const KEEPER: u8 = 21;
pub(crate) const SEAT: u8 = 30;

/// The key of a seed, with the proof that this holder has it.
pub(crate) fn proven(seed: u8, holder: &str, usage: Use) -> proto::PublicKey {
    prove(&key(seed), holder, usage, &ambient()).unwrap()
}

/// A registrar whose keys are of these seeds.
pub(crate) fn person(id: &str, seed: u8) -> proto::Person {
    let (name, holder) = (format!("Registrar {id}"), format!("registrar/{id}"));
    let (sign, tls) = (proven(seed, &holder, Use::Sign), proven(seed + 100, &holder, Use::Tls));
    proto::Person { id: id.to_owned(), name, sign: Some(sign), tls: Some(tls) }
}

/// The certificate of a service authority whose key is of this seed: always the same bytes.
pub(crate) fn ca(seed: u8) -> Vec<u8> {
    let ambient = ambient();
    issue::service_ca(&key(seed), "un.example", &[], VALIDITY, ambient.random()).unwrap()
}

pub(crate) const VALIDITY: Validity =
    Validity { not_before: NOW, not_after: NOW + 1000, serial: [1; 16] };
pub(crate) const CA: u8 = 12;

pub(crate) fn charter(log: &[u8]) -> proto::Charter {
    proto::Charter {
        rules: 1,
        // Out of order: composing sorts them.
        registrars: vec![person("carol", 3), person("alice", 1), person("bob", 2)],
        threshold: 2,
        log: log.iter().map(|seed| proven(*seed, "log/un.example", Use::Log)).collect(),
        relay: vec![proven(11, "relay/un.example", Use::Relay)],
        service_ca: vec![ca(CA).into()],
        policy: Vec::new(),
        ..proto::Charter::default()
    }
}

pub(crate) fn admission() -> proto::Admission {
    proto::Admission {
        member: "fr".to_owned(),
        kind: MemberKind::UnMember.into(),
        names: vec![
            proto::Text { language: "fr".to_owned(), text: "France".to_owned() },
            // Not in NFC: composing makes it so.
            proto::Text { language: "es".to_owned(), text: "Francia e\u{301}".to_owned() },
        ],
        authority: vec![proven(AUTHORITY, "fr", Use::Authority)],
        threshold: 1,
        ..proto::Admission::default()
    }
}

pub(crate) fn record() -> proto::Record {
    proto::Record {
        contact: "fr/cert-fr".to_owned(),
        expires: NOW + 86_400 * 365,
        levels: vec![Level::Policy.into(), Level::Technical.into()],
        names: vec![proto::Text { language: "en".to_owned(), text: "CERT-FR".to_owned() }],
        keeper: Some(proven(KEEPER, "fr/cert-fr", Use::Keeper)),
        custody: Custody::Separate.into(),
        ..proto::Record::default()
    }
}

pub(crate) fn telephone() -> FacetContent {
    FacetContent::Telephone(proto::Telephone {
        numbers: vec![proto::TelephoneNumber {
            number: "+33000000000".to_owned(),
            r#use: proto::TelephoneUse::Voice.into(),
            ..proto::TelephoneNumber::default()
        }],
    })
}

pub(crate) fn roster() -> proto::Roster {
    let seat = |name: &str, seed: u8| {
        let holder = format!("fr/cert-fr/{name}");
        proto::Seat {
            name: name.to_owned(),
            sign: Some(proven(seed, &holder, Use::Sign)),
            seal: Some(listed_sealing(OpeningKey::from_seed(&[seed; 32]).public().as_bytes())),
            tls: Some(proven(seed + 100, &holder, Use::Tls)),
        }
    };
    proto::Roster {
        contact: "fr/cert-fr".to_owned(),
        seats: vec![seat("duty-2", SEAT + 1), seat("duty-1", SEAT)],
        ..proto::Roster::default()
    }
}

/// A log with its directory.
#[derive(Clone)]
pub(crate) struct TestLog {
    pub(crate) entries: Vec<Bytes>,
    pub(crate) directory: Directory,
    pub(crate) log_key: u8,
    pub(crate) charter: Bytes,
}

impl TestLog {
    /// A log that has entry 0 alone.
    pub(crate) fn new() -> Self {
        let keys = REGISTRARS.map(key);
        Self::founded(charter(&[LOG]), &[&keys[0], &keys[1]])
    }

    /// A log that begins with this charter, signed with these keys.
    pub(crate) fn founded(charter: proto::Charter, keys: &[&dyn Signer]) -> Self {
        let mut bundle = Bundle::of(vec![founding(&name(), charter, NOW)]);
        bundle.sign(None, keys, &ambient()).unwrap();
        let statement = bundle.publications()[0].envelope().bytes().clone();
        let verified = verify_founding(&name(), &statement).unwrap();
        let (directory, _) = found(&name(), &verified, NOW).unwrap();
        let entries = vec![entry(statement.clone(), NOW)];
        Self { entries, directory, log_key: LOG, charter: statement }
    }

    /// Charter, admission, record with a facet, roster.
    pub(crate) fn populated() -> (Self, Vec<v1::OpenFacet>) {
        let mut log = Self::new();
        let ambient = ambient();
        let directory = log.directory.clone();
        let mut composer = Composer::on(&directory, &ambient);
        let publications = vec![
            composer.admission(admission()).unwrap(),
            composer.record(record(), &[telephone()]).unwrap(),
            composer.roster(roster(), &[]).unwrap(),
        ];
        let facets = log.sign_and_add(publications, &[1, 2, AUTHORITY, KEEPER]).unwrap();
        (log, facets)
    }

    /// Signs with every key that counts, and adds what `apply` admits.
    pub(crate) fn sign_and_add(
        &mut self,
        publications: Vec<Publication>,
        seeds: &[u8],
    ) -> Result<Vec<v1::OpenFacet>, Refusal> {
        let mut bundle = Bundle::of(publications);
        let keys: Vec<SigningKey> = seeds.iter().map(|seed| key(*seed)).collect();
        let keys: Vec<&dyn Signer> = keys.iter().map(|key| key as &dyn Signer).collect();
        bundle.sign(Some(&self.directory), &keys, &ambient()).unwrap();
        // Through the file, as it is carried.
        let bundle = Bundle::read(&bundle.write()).unwrap();
        let mut facets = Vec::new();
        for publication in bundle.to_wire().publications {
            self.add(&publication.statement)?;
            facets.extend(publication.facets);
        }
        Ok(facets)
    }

    pub(crate) fn add(&mut self, statement: &Bytes) -> Result<u64, Refusal> {
        let verified = verify(&self.directory, statement)?;
        let admitted = Admitted { leaf: self.directory.size(), at: NOW };
        let parts = apply(&self.directory, &verified, admitted)?;
        self.directory.advance(&parts);
        self.entries.push(entry(statement.clone(), NOW));
        Ok(admitted.leaf)
    }

    pub(crate) fn tree(&self) -> Tree {
        let mut tree = Tree::default();
        self.entries.iter().for_each(|entry| tree.append(leaf_hash(entry)));
        tree
    }

    pub(crate) fn checkpoint_at(&self, size: u64) -> Bytes {
        let origin = KeyName::parse("un.example").unwrap();
        let root = self.tree().root_at(size).unwrap();
        let checkpoint = Checkpoint { origin, size, root };
        let note = checkpoint.sign(&key(self.log_key), ambient().random()).unwrap();
        note.to_string().into_bytes().into()
    }

    pub(crate) fn checkpoint(&self) -> Bytes {
        self.checkpoint_at(self.entries.len() as u64)
    }

    pub(crate) fn invitation(&self) -> v1::Invitation {
        v1::Invitation {
            charter: self.charter.clone(),
            addresses: vec!["liaison.un.example".to_owned()],
            checkpoint: self.checkpoint_at(1),
            admin_addresses: Vec::new(),
        }
    }
}

pub(crate) fn entry(statement: Bytes, admitted_at: u64) -> Bytes {
    proto::Entry { leaf: Some(Leaf::Statement(statement)), admitted_at }.encode_to_vec().into()
}
