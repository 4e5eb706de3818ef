//! What statements say: a good one of every kind, to be signed as it is, to be changed, or to be spoilt.
//!
//! In scope: payloads, what stands in them, the proofs of the keys that they list, signatures. Invariants: nothing
//! is random but what asks for it, and a key stands without a proof until somebody adds it.

use bytes::Bytes;
use liaison::crypto::hash::Digest;
use liaison::crypto::sign::{KeyId, SigningKey};
use liaison::domain::directory::facet::OpenFacet;
use liaison::domain::directory::{Contact, Directory, Newest, Statement};
use liaison::signed::dsse::{Envelope, Kind};
use liaison::signed::proto::{self, Target, Use};
use prost::Message as _;

use super::clock::{DAY, NOW};
use super::keys::{Named, add_proof, key, public, random, sealing};

/// The directory that every test is about.
pub(crate) const NAME: &str = "un.example";

/// What every payload has.
pub(crate) trait Says: Clone {
    fn targets(&mut self) -> &mut Vec<Target>;
    fn issued_at(&mut self) -> &mut u64;
    fn statement(self) -> Statement;
    /// The version that comes next there; 0 for a kind that has none.
    fn version_in(&self, directory: &Directory) -> u64;
    /// Adds a proof to every key listed without one, for the place where it stands.
    fn add_proofs(&mut self) {}

    fn proven(mut self) -> Self {
        self.add_proofs();
        self
    }

    /// The same as what comes next in this directory.
    fn next_in(self, directory: &Directory) -> Self {
        let version = self.version_in(directory);
        self.versioned(directory, version)
    }

    /// The same as this version in this directory.
    fn versioned(mut self, directory: &Directory, version: u64) -> Self {
        let genesis = Bytes::copy_from_slice(directory.genesis().as_bytes());
        *self.targets() = vec![Target { name: NAME.to_owned(), genesis, version }];
        self
    }
}

macro_rules! says {
    ($($kind:ident |$of:pat_param, $directory:pat_param| $version:block
       $(|$says:ident| $prove:block)?)*) => {$(
        impl Says for proto::$kind {
            fn targets(&mut self) -> &mut Vec<Target> {
                &mut self.targets
            }

            fn issued_at(&mut self) -> &mut u64 {
                &mut self.issued_at
            }

            fn statement(self) -> Statement {
                Statement::$kind(self)
            }

            fn version_in(&self, $directory: &Directory) -> u64 {
                let $of = self;
                $version
            }
            $(
            fn add_proofs(&mut self) {
                let $says = self;
                $prove
            }
            )?
        }
    )*};
}
says! {
    Charter |_, directory| { after(Some(&directory.charter().newest)) } |charter| {
        let people = [
            (&mut charter.registrars, "registrar"),
            (&mut charter.operators, "operator"),
            (&mut charter.auditors, "auditor"),
        ];
        for (people, role) in people {
            people.iter_mut().for_each(|person| prove_person(person, role));
        }
        for key in &mut charter.log {
            add_proof(Some(key), &format!("log/{NAME}"), Use::Log);
        }
        for key in &mut charter.relay {
            add_proof(Some(key), &format!("relay/{NAME}"), Use::Relay);
        }
    }
    Admission |admission, directory| {
        let before = directory.member(&admission.member.parse().unwrap());
        after(before.map(|member| &member.newest))
    } |admission| {
        for key in &mut admission.authority {
            add_proof(Some(key), &admission.member, Use::Authority);
        }
    }
    AttestedRecord |record, directory| { after_record(directory, &record.contact) }
    Record |record, directory| { after_record(directory, &record.contact) } |record| {
        add_proof(record.keeper.as_mut(), &record.contact, Use::Keeper);
    }
    Roster |roster, directory| {
        let before = contact_in(directory, &roster.contact);
        after(before.and_then(|contact| contact.roster_newest.as_ref()))
    } |roster| {
        roster.seats.iter_mut().for_each(|seat| prove_seat(seat, &roster.contact));
    }
    Withdrawal |withdrawal, directory| { after_record(directory, &withdrawal.contact) }
    Revocation |_, _| { 0 }
}

fn after(newest: Option<&Newest>) -> u64 {
    newest.map_or(0, |newest| newest.version) + 1
}

fn after_record(directory: &Directory, contact: &str) -> u64 {
    after(contact_in(directory, contact).map(|contact| &contact.record_newest))
}

fn contact_in<'a>(directory: &'a Directory, contact: &str) -> Option<&'a Contact> {
    directory.contact(&contact.parse().unwrap())
}

/// A payload, signed by the keys of these names.
pub(crate) fn sign<N>(kind: Kind, payload: Vec<u8>, signers: &[N]) -> Bytes
where
    for<'a> &'a N: Named,
{
    let keys: Vec<SigningKey> = signers.iter().map(key).collect();
    sign_with(kind, payload, &keys.iter().collect::<Vec<_>>())
}

pub(crate) fn sign_with(kind: Kind, payload: Vec<u8>, keys: &[&SigningKey]) -> Bytes {
    Envelope::sign(kind, payload, keys, &random()).unwrap().bytes().clone()
}

pub(crate) fn text(language: &str, text: &str) -> proto::Text {
    proto::Text { language: language.to_owned(), text: text.to_owned() }
}

/// Somebody with keys of that name.
pub(crate) fn person(id: &str) -> proto::Person {
    person_with(id, id, &format!("{id} tls"))
}

pub(crate) fn person_with(id: &str, sign: impl Named, tls: impl Named) -> proto::Person {
    proto::Person {
        id: id.to_owned(),
        name: format!("The {id}"),
        sign: Some(public(sign)),
        tls: Some(public(tls)),
    }
}

pub(crate) fn prove_person(person: &mut proto::Person, role: &str) {
    let holder = format!("{role}/{}", person.id);
    add_proof(person.sign.as_mut(), &holder, Use::Sign);
    add_proof(person.tls.as_mut(), &holder, Use::Tls);
}

/// A seat with keys of its own name.
pub(crate) fn seat(contact: &str, name: &str) -> proto::Seat {
    let of = |what| format!("{contact}/{name} {what}");
    seat_with(name, &of("sign"), &of("seal"), &of("tls"))
}

pub(crate) fn seat_with(
    name: &str,
    sign: impl Named,
    seal: impl Named,
    tls: impl Named,
) -> proto::Seat {
    proto::Seat {
        name: name.to_owned(),
        sign: Some(public(sign)),
        seal: Some(sealing(seal)),
        tls: Some(public(tls)),
    }
}

pub(crate) fn prove_seat(seat: &mut proto::Seat, contact: &str) {
    let holder = format!("{contact}/{}", seat.name);
    add_proof(seat.sign.as_mut(), &holder, Use::Sign);
    add_proof(seat.tls.as_mut(), &holder, Use::Tls);
}

pub(crate) fn setting(name: &str, value: u64) -> proto::Setting {
    proto::Setting { name: name.to_owned(), value }
}

pub(crate) fn note() -> proto::Note {
    proto::Note {
        reference: "NV/2027/1".to_owned(),
        date: NOW - 9 * DAY,
        sha256: Bytes::copy_from_slice(Digest::of(b"the paper").as_bytes()),
    }
}

pub(crate) fn facet(contact: &str, name: &str) -> OpenFacet {
    let salt = *Digest::of(name.as_bytes()).as_bytes();
    let (subject, name) = (contact.to_owned(), name.to_owned());
    OpenFacet { subject, name, salt, bytes: Bytes::from_static(b"bytes") }
}

/// Charter version 1, of a directory that nobody has yet.
pub(crate) fn founding(registrars: Vec<proto::Person>, threshold: u32) -> proto::Charter {
    proto::Charter {
        targets: vec![Target { name: NAME.to_owned(), genesis: Bytes::new(), version: 1 }],
        issued_at: NOW,
        rules: 1,
        registrars,
        threshold,
        log: vec![public("log")],
        relay: vec![public("relay")],
        service_ca: vec![Bytes::from_static(b"a certificate")],
        ..proto::Charter::default()
    }
}

/// The charter in force again, as its next version.
pub(crate) fn next_charter(directory: &Directory) -> proto::Charter {
    let before = directory.charter();
    let charter = proto::Charter {
        previous: Bytes::copy_from_slice(before.newest.statement.as_bytes()),
        ..proto::Charter::decode(before.payload.clone()).unwrap()
    };
    charter.next_in(directory)
}

/// A member without keys of its own.
pub(crate) fn admission(member: &str) -> proto::Admission {
    proto::Admission {
        issued_at: NOW,
        member: member.to_owned(),
        kind: proto::MemberKind::UnMember.into(),
        names: vec![text("en", "A State")],
        ..proto::Admission::default()
    }
}

/// A record without facets, which the registrars keep.
pub(crate) fn attested(contact: &str) -> proto::AttestedRecord {
    proto::AttestedRecord {
        issued_at: NOW,
        contact: contact.to_owned(),
        expires: NOW + 365 * DAY,
        levels: vec![1, 3],
        purposes: vec![1, 6],
        names: vec![text("en", "An office")],
        note: Some(note()),
        ..proto::AttestedRecord::default()
    }
}

/// A record without facets, which the authority keeps.
pub(crate) fn record(contact: &str) -> proto::Record {
    proto::Record {
        issued_at: NOW,
        contact: contact.to_owned(),
        expires: NOW + 365 * DAY,
        levels: vec![1, 3],
        purposes: vec![1, 6],
        names: vec![text("en", "An office")],
        custody: proto::Custody::Separate.into(),
        ..proto::Record::default()
    }
}

pub(crate) fn roster(contact: &str, seats: Vec<proto::Seat>) -> proto::Roster {
    let contact = contact.to_owned();
    proto::Roster { issued_at: NOW, contact, seats, ..proto::Roster::default() }
}

pub(crate) fn withdrawal(contact: &str) -> proto::Withdrawal {
    let contact = contact.to_owned();
    proto::Withdrawal { issued_at: NOW, contact, ..proto::Withdrawal::default() }
}

/// Of these keys of a seat, which were lost.
pub(crate) fn revocation(seat: &str, keys: impl IntoIterator<Item = KeyId>) -> proto::Revocation {
    let mut ids: Vec<KeyId> = keys.into_iter().collect();
    ids.sort();
    proto::Revocation {
        issued_at: NOW,
        seat: seat.to_owned(),
        key_ids: ids.iter().map(|id| Bytes::copy_from_slice(id.as_bytes())).collect(),
        reason: proto::Reason::Lost.into(),
        ..proto::Revocation::default()
    }
}
