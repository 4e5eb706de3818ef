//! Statements: good ones, to be handed in or to be spoilt.

use bytes::Bytes;
use liaison::domain::directory::facet::OpenFacet;
use liaison::signed::dsse::Kind;
use liaison::signed::proto::{self, Dsse};
use liaison::wire::{convert, v1};
use prost::Message;

use super::{Replica, key_id, opening};
use crate::world::keys::public;
use crate::world::statements::{self, Says as _, prove_person, prove_seat};

pub(crate) use crate::world::keys::{proven, sealing};
pub(crate) use crate::world::statements::{facet, sign};

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

pub(crate) fn person(role: &str, id: &str) -> proto::Person {
    let mut person = statements::person(id);
    prove_person(&mut person, role);
    person
}

pub(crate) fn seat(contact: &str, name: &str) -> proto::Seat {
    let mut seat = statements::seat(contact, name);
    prove_seat(&mut seat, contact);
    seat
}

/// Charter version 1: one registrar, an operator, an auditor.
pub(crate) fn founding(ca: &[u8]) -> Says<proto::Charter> {
    let charter = proto::Charter {
        operators: vec![statements::person("dave")],
        auditors: vec![statements::person("erin")],
        service_ca: vec![Bytes::copy_from_slice(ca)],
        ..statements::founding(vec![statements::person("alice")], 1)
    };
    Says::new(Kind::Charter, charter.proven(), &["alice".to_owned()], Vec::new())
}

/// The charter in force again, as its next version.
pub(crate) fn charter(replica: &Replica) -> Says<proto::Charter> {
    let payload = statements::next_charter(&replica.directory);
    Says::new(Kind::Charter, payload, &["alice".to_owned()], Vec::new())
}

/// The name of a member's one authority key.
fn authority(id: &str) -> String {
    format!("{} authority", id.split('/').next().unwrap())
}

pub(crate) fn admission(replica: &Replica, member: &str) -> Says<proto::Admission> {
    let admission = proto::Admission {
        authority: vec![public(&authority(member))],
        threshold: 1,
        ..statements::admission(member)
    };
    let admission = admission.proven().next_in(&replica.directory);
    Says::new(Kind::Admission, admission, &["alice".to_owned()], Vec::new())
}

/// A member without keys of its own.
pub(crate) fn listing(replica: &Replica, member: &str) -> Says<proto::Admission> {
    let admission = statements::admission(member).next_in(&replica.directory);
    Says::new(Kind::Admission, admission, &["alice".to_owned()], Vec::new())
}

pub(crate) fn attested(replica: &Replica, contact: &str) -> Says<proto::AttestedRecord> {
    let facets = vec![facet(contact, "email")];
    let record =
        proto::AttestedRecord { facets: vec![facets[0].named()], ..statements::attested(contact) };
    let record = record.next_in(&replica.directory);
    Says::new(Kind::AttestedRecord, record, &["alice".to_owned()], facets)
}

/// A record with two facets, kept by a keeper.
pub(crate) fn record(replica: &Replica, contact: &str) -> Says<proto::Record> {
    let facets = vec![facet(contact, "email"), facet(contact, "telephone")];
    let record = proto::Record {
        keeper: Some(public(&format!("{contact} keeper"))),
        facets: vec![facets[0].named(), facets[1].named()],
        ..statements::record(contact)
    };
    let record = record.proven().next_in(&replica.directory);
    Says::new(Kind::Record, record, &[authority(contact)], facets)
}

/// The seats `duty-1` to `duty-n`.
pub(crate) fn roster(replica: &Replica, contact: &str, seats: usize) -> Says<proto::Roster> {
    let seats = (1..=seats).map(|n| statements::seat(contact, &format!("duty-{n}")));
    let mut seats: Vec<_> = seats.collect();
    seats.sort_by(|a, b| a.name.cmp(&b.name));
    let roster = statements::roster(contact, seats).proven().next_in(&replica.directory);
    Says::new(Kind::Roster, roster, &[format!("{contact} keeper")], Vec::new())
}

pub(crate) fn withdrawal(replica: &Replica, contact: &str) -> Says<proto::Withdrawal> {
    let withdrawal = statements::withdrawal(contact).next_in(&replica.directory);
    Says::new(Kind::Withdrawal, withdrawal, &[authority(contact)], Vec::new())
}

/// Of all three keys of a seat, by its authority.
pub(crate) fn revocation(replica: &Replica, seat: &str) -> Says<proto::Revocation> {
    let (sign, tls) = (key_id(&format!("{seat} sign")), key_id(&format!("{seat} tls")));
    let keys = [sign, opening(&format!("{seat} seal")).public().id(), tls];
    let revocation = statements::revocation(seat, keys).next_in(&replica.directory);
    Says::new(Kind::Revocation, revocation, &[authority(seat)], Vec::new())
}
