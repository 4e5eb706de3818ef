//! A log whose statements are composed, carried and signed as people do it: the other side of the client's tests.
//! Its keys are counted: an authority or a seat has the number of its key.

use liaison::client::draft::{Bundle, Composed, Composer, FacetContent, founding};
use liaison::crypto::issue::{self, Validity};
use liaison::crypto::sign::{Signer, SigningKey};
use liaison::domain::ids::DirectoryName;
use liaison::domain::refusal::Refusal;
use liaison::signed::proto::{self, Level};
use liaison::wire::v1;

use super::keys::public;
use super::log::Log;
use super::statements::{self, NAME, Says as _, prove_person, seat_with, text};

pub(crate) use super::clock::{NOW, ambient, ambient_at};
pub(crate) use super::keys::{key, proven};
pub(crate) use super::log::entry;

pub(crate) fn name() -> DirectoryName {
    NAME.parse().unwrap()
}

pub(crate) const REGISTRARS: [u8; 3] = [1, 2, 3];
pub(crate) const LOG: u8 = 10;
pub(crate) const AUTHORITY: u8 = 20;
pub(crate) const KEEPER: u8 = 21;
pub(crate) const SEAT: u8 = 30;

/// A registrar whose keys are of these seeds.
pub(crate) fn person(id: &str, seed: u8) -> proto::Person {
    let name = format!("Registrar {id}");
    let mut person = proto::Person { name, ..statements::person_with(id, seed, seed + 100) };
    prove_person(&mut person, "registrar");
    person
}

/// The certificate of a service authority whose key is of this seed: always the same bytes.
pub(crate) fn ca(seed: u8) -> Vec<u8> {
    let ambient = ambient();
    issue::service_ca(&key(seed), NAME, &[], VALIDITY, ambient.random()).unwrap()
}

pub(crate) const VALIDITY: Validity =
    Validity { not_before: NOW, not_after: NOW + 1000, serial: [1; 16] };
pub(crate) const CA: u8 = 12;

pub(crate) fn charter(log: &[u8]) -> proto::Charter {
    // Out of order: composing sorts them.
    let registrars = vec![person("carol", 3), person("alice", 1), person("bob", 2)];
    let charter = proto::Charter {
        log: log.iter().map(public).collect(),
        relay: vec![public(11)],
        service_ca: vec![ca(CA).into()],
        ..statements::founding(registrars, 2)
    };
    charter.proven()
}

pub(crate) fn admission() -> proto::Admission {
    let admission = proto::Admission {
        // Not in NFC: composing makes it so.
        names: vec![text("fr", "France"), text("es", "Francia e\u{301}")],
        authority: vec![public(AUTHORITY)],
        threshold: 1,
        ..statements::admission("fr")
    };
    admission.proven()
}

pub(crate) fn record() -> proto::Record {
    let record = proto::Record {
        levels: vec![Level::Policy.into(), Level::Technical.into()],
        purposes: Vec::new(),
        names: vec![text("en", "CERT-FR")],
        keeper: Some(public(KEEPER)),
        ..statements::record("fr/cert-fr")
    };
    record.proven()
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
    let seat = |name, seed: u8| seat_with(name, seed, seed, seed + 100);
    statements::roster("fr/cert-fr", vec![seat("duty-2", SEAT + 1), seat("duty-1", SEAT)]).proven()
}

/// One whose key is of a seed.
pub(crate) type TestLog = Log<u8>;

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
        Self::begun(bundle.publications()[0].envelope().bytes(), LOG, NOW)
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
        publications: Vec<Composed>,
        seeds: &[u8],
    ) -> Result<Vec<v1::OpenFacet>, Refusal> {
        let mut bundle = Bundle::of(publications);
        let keys: Vec<SigningKey> = seeds.iter().map(key).collect();
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
}
