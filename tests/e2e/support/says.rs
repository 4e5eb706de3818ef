//! Statements: good ones, to be handed in or to be spoilt.

use bytes::Bytes;
use liaison::crypto::hash::Digest;
use liaison::crypto::sign::SigningKey;
use liaison::domain::directory::Newest;
use liaison::domain::directory::facet::OpenFacet;
use liaison::domain::directory::key::listed_sealing;
use liaison::domain::directory::possession::prove;
use liaison::signed::dsse::{Envelope, Kind};
use liaison::signed::proto::{self, Dsse, Target, Use};
use liaison::wire::{convert, v1};
use prost::Message;

use super::{DAY, NAME, NOW, Replica, clock, key, opening};

/// A payload with its signatures still to come.
#[derive(Clone)]
pub(crate) struct Says<P> {
    pub(crate) kind: Kind,
    pub(crate) payload: P,
    pub(crate) signers: Vec<String>,
    pub(crate) facets: Vec<OpenFacet>,
}

/// A statement as it is handed in.
#[derive(Clone)]
pub(crate) struct Said {
    pub(crate) statement: Bytes,
    pub(crate) facets: Vec<v1::OpenFacet>,
}

impl Said {
    pub(crate) fn into_publication(self) -> v1::Publication {
        v1::Publication { statement: self.statement, facets: self.facets }
    }

    /// The same with something done to its envelope.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Dsse)) -> Self {
        let mut dsse = Dsse::decode(self.statement).unwrap();
        change(&mut dsse);
        self.statement = dsse.encode_to_vec().into();
        self
    }
}

impl<P: Message> Says<P> {
    fn new(kind: Kind, payload: P, signers: &[String], facets: Vec<OpenFacet>) -> Self {
        Self { kind, payload, signers: signers.to_vec(), facets }
    }

    pub(crate) fn bytes(&self) -> Bytes {
        sign(self.kind, self.payload.encode_to_vec(), &self.signers)
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut P)) -> Self {
        change(&mut self.payload);
        self
    }

    pub(crate) fn signed_by(mut self, signers: &[&str]) -> Self {
        self.signers = signers.iter().map(ToString::to_string).collect();
        self
    }

    pub(crate) fn said(self) -> Said {
        self.into()
    }
}

impl<P: Message> From<Says<P>> for Said {
    fn from(says: Says<P>) -> Self {
        let facets = says.facets.iter().cloned().map(convert::open_facet).collect();
        Self { statement: says.bytes(), facets }
    }
}

/// A payload, signed by the keys of these names.
pub(crate) fn sign(kind: Kind, payload: Vec<u8>, signers: &[String]) -> Bytes {
    let keys: Vec<SigningKey> = signers.iter().map(|name| key(name)).collect();
    let keys: Vec<&SigningKey> = keys.iter().collect();
    Envelope::sign(kind, payload, &keys, clock().1.random()).unwrap().bytes().clone()
}

/// A key as its holder lists it.
pub(crate) fn proven(name: &str, holder: &str, usage: Use) -> proto::PublicKey {
    prove(&key(name), holder, usage, clock().1.random()).unwrap()
}

pub(crate) fn person(role: &str, id: &str) -> proto::Person {
    let holder = format!("{role}/{id}");
    let sign = Some(proven(id, &holder, Use::Sign));
    let tls = Some(proven(&format!("{id} tls"), &holder, Use::Tls));
    proto::Person { id: id.to_owned(), name: format!("The {id}"), sign, tls }
}

fn text(language: &str, text: &str) -> proto::Text {
    proto::Text { language: language.to_owned(), text: text.to_owned() }
}

pub(crate) fn facet(contact: &str, name: &str) -> OpenFacet {
    let salt = *Digest::of(name.as_bytes()).as_bytes();
    let (subject, name) = (contact.to_owned(), name.to_owned());
    OpenFacet { subject, name, salt, bytes: Bytes::from_static(b"bytes") }
}

/// Charter version 1: one registrar, an operator, an auditor.
pub(crate) fn founding(ca: &[u8]) -> Says<proto::Charter> {
    let charter = proto::Charter {
        targets: vec![Target { name: NAME.to_owned(), genesis: Bytes::new(), version: 1 }],
        issued_at: NOW,
        rules: 1,
        registrars: vec![person("registrar", "alice")],
        threshold: 1,
        operators: vec![person("operator", "dave")],
        auditors: vec![person("auditor", "erin")],
        log: vec![proven("log", &format!("log/{NAME}"), Use::Log)],
        relay: vec![proven("relay", &format!("relay/{NAME}"), Use::Relay)],
        service_ca: vec![Bytes::copy_from_slice(ca)],
        policy: Vec::new(),
        ..Default::default()
    };
    Says::new(Kind::Charter, charter, &["alice".to_owned()], Vec::new())
}

/// The charter in force again, as its next version.
pub(crate) fn charter(replica: &Replica) -> Says<proto::Charter> {
    let before = replica.directory.charter();
    let payload = proto::Charter {
        targets: target(replica, Some(&before.newest)),
        previous: Bytes::copy_from_slice(before.newest.statement.as_bytes()),
        ..proto::Charter::decode(before.payload.clone()).unwrap()
    };
    Says::new(Kind::Charter, payload, &["alice".to_owned()], Vec::new())
}

fn target(replica: &Replica, newest: Option<&Newest>) -> Vec<Target> {
    let genesis = Bytes::copy_from_slice(replica.directory.genesis().as_bytes());
    let version = newest.map_or(0, |newest| newest.version) + 1;
    vec![Target { name: NAME.to_owned(), genesis, version }]
}

fn record_target(replica: &Replica, contact: &str) -> Vec<Target> {
    let contact = replica.directory.contact(&contact.parse().unwrap());
    target(replica, contact.map(|contact| &contact.record_newest))
}

/// The name of a member's one authority key.
fn authority(id: &str) -> String {
    format!("{} authority", id.split('/').next().unwrap())
}

pub(crate) fn admission(replica: &Replica, member: &str) -> Says<proto::Admission> {
    let before = replica.directory.member(&member.parse().unwrap());
    let admission = proto::Admission {
        targets: target(replica, before.map(|member| &member.newest)),
        issued_at: NOW,
        member: member.to_owned(),
        kind: proto::MemberKind::UnMember.into(),
        names: vec![text("en", "A State")],
        authority: vec![proven(&authority(member), member, Use::Authority)],
        threshold: 1,
        note: None,
    };
    Says::new(Kind::Admission, admission, &["alice".to_owned()], Vec::new())
}

/// A member without keys of its own.
pub(crate) fn listing(replica: &Replica, member: &str) -> Says<proto::Admission> {
    admission(replica, member).with(|admission| {
        admission.authority.clear();
        admission.threshold = 0;
    })
}

pub(crate) fn attested(replica: &Replica, contact: &str) -> Says<proto::AttestedRecord> {
    let facets = vec![facet(contact, "email")];
    let record = proto::AttestedRecord {
        targets: record_target(replica, contact),
        issued_at: NOW,
        contact: contact.to_owned(),
        expires: NOW + 365 * DAY,
        levels: vec![1],
        purposes: vec![1],
        names: vec![text("en", "An office")],
        facets: vec![facets[0].named()],
        note: Some(proto::Note {
            reference: "NV/2027/1".to_owned(),
            date: NOW - DAY,
            sha256: Bytes::copy_from_slice(Digest::of(b"the paper").as_bytes()),
        }),
    };
    Says::new(Kind::AttestedRecord, record, &["alice".to_owned()], facets)
}

/// A record with two facets, kept by a keeper.
pub(crate) fn record(replica: &Replica, contact: &str) -> Says<proto::Record> {
    let facets = vec![facet(contact, "email"), facet(contact, "telephone")];
    let record = proto::Record {
        targets: record_target(replica, contact),
        issued_at: NOW,
        contact: contact.to_owned(),
        expires: NOW + 365 * DAY,
        levels: vec![1, 3],
        purposes: vec![1, 6],
        names: vec![text("en", "An office")],
        keeper: Some(proven(&format!("{contact} keeper"), contact, Use::Keeper)),
        custody: proto::Custody::Separate.into(),
        ladders: Vec::new(),
        facets: vec![facets[0].named(), facets[1].named()],
        note: None,
    };
    Says::new(Kind::Record, record, &[authority(contact)], facets)
}

/// The seats `duty-1` to `duty-n`.
pub(crate) fn roster(replica: &Replica, contact: &str, seats: usize) -> Says<proto::Roster> {
    let known = replica.directory.contact(&contact.parse().unwrap());
    let mut seats: Vec<_> = (1..=seats).map(|n| seat(contact, &format!("duty-{n}"))).collect();
    seats.sort_by(|a, b| a.name.cmp(&b.name));
    let roster = proto::Roster {
        targets: target(replica, known.and_then(|contact| contact.roster_newest.as_ref())),
        issued_at: NOW,
        contact: contact.to_owned(),
        seats,
        facets: Vec::new(),
    };
    Says::new(Kind::Roster, roster, &[format!("{contact} keeper")], Vec::new())
}

pub(crate) fn seat(contact: &str, name: &str) -> proto::Seat {
    let id = format!("{contact}/{name}");
    let of = |what| format!("{id} {what}");
    proto::Seat {
        name: name.to_owned(),
        sign: Some(proven(&of("sign"), &id, Use::Sign)),
        seal: Some(sealing(&of("seal"))),
        tls: Some(proven(&of("tls"), &id, Use::Tls)),
    }
}

pub(crate) fn sealing(name: &str) -> proto::PublicKey {
    listed_sealing(opening(name).public().as_bytes())
}

pub(crate) fn withdrawal(replica: &Replica, contact: &str) -> Says<proto::Withdrawal> {
    let targets = record_target(replica, contact);
    let withdrawal = proto::Withdrawal { targets, issued_at: NOW, contact: contact.to_owned() };
    Says::new(Kind::Withdrawal, withdrawal, &[authority(contact)], Vec::new())
}

/// Of all three keys of a seat, by its authority.
pub(crate) fn revocation(replica: &Replica, seat: &str) -> Says<proto::Revocation> {
    let mut targets = target(replica, None);
    targets[0].version = 0;
    let sign = super::key_id(&format!("{seat} sign"));
    let tls = super::key_id(&format!("{seat} tls"));
    let mut ids = [sign, opening(&format!("{seat} seal")).public().id(), tls];
    ids.sort();
    let revocation = proto::Revocation {
        targets,
        issued_at: NOW,
        seat: seat.to_owned(),
        key_ids: ids.iter().map(|id| Bytes::copy_from_slice(id.as_bytes())).collect(),
        reason: proto::Reason::Lost.into(),
        suspected_from: 0,
    };
    Says::new(Kind::Revocation, revocation, &[authority(seat)], Vec::new())
}
