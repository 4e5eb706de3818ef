//! Publish: when a statement is admitted, that it is logged once, and which facets come with it.

use bytes::Bytes;
use prost::Message as _;

use crate::domain::command::{Clock, Decision};
use crate::domain::commands::publish::{Publish, Stands};
use crate::domain::directory::facet::OpenFacet;
use crate::domain::directory::{RULES, Statement, Verified, verify};
use crate::domain::refusal::{Refusal, Unserved};
use crate::domain::relay::tests::apart::{FRANCE, decision};
use crate::domain::state::{Key, Value};
use crate::signed::dsse::Envelope;
use crate::signed::proto::{self, Custody, Level, Visibility};
use crate::world::relay::{AT, NAME, Net, contact, sign_key};
use crate::world::testlog::ambient_at;

/// The clock of the net's directory: when all its entries were admitted.
const CLOCK: u64 = 1_000;

fn targets(net: &Net, version: u64) -> Vec<proto::Target> {
    let genesis = Bytes::copy_from_slice(net.directory.genesis().as_bytes());
    vec![proto::Target { name: NAME.to_owned(), genesis, version }]
}

fn verified(net: &Net, statement: &Statement, key: &str) -> Verified {
    let random = net.ambient.random();
    let signed = Envelope::sign(statement.kind(), statement.encode(), &[&sign_key(key)], random);
    verify(&net.directory, signed.unwrap().bytes()).unwrap()
}

fn withdrawal(net: &Net) -> Verified {
    let (targets, contact) = (targets(net, 2), FRANCE.to_owned());
    let withdrawal = proto::Withdrawal { targets, issued_at: CLOCK, contact };
    verified(net, &Statement::Withdrawal(withdrawal), "fr authority")
}

fn revocation(net: &Net) -> Verified {
    let key = sign_key(&format!("{AT} sign")).public().id();
    let revocation = proto::Revocation {
        targets: targets(net, 0),
        issued_at: CLOCK,
        seat: AT.to_owned(),
        key_ids: vec![Bytes::copy_from_slice(key.as_bytes())],
        reason: proto::Reason::Lost.into(),
        suspected_from: 0,
    };
    verified(net, &Statement::Revocation(revocation), "at authority")
}

fn charter(net: &Net, rules: u32) -> Verified {
    let before = net.directory.charter();
    let charter = proto::Charter {
        targets: targets(net, 2),
        rules,
        previous: Bytes::copy_from_slice(before.newest.statement.as_bytes()),
        ..proto::Charter::decode(before.payload.clone()).unwrap()
    };
    verified(net, &Statement::Charter(charter), "registrar")
}

fn published(net: &Net, what: Verified) -> Result<Decision<Stands>, Refusal> {
    decision(net, &Publish::new(what, Vec::new()))
}

#[test]
fn a_statement_is_admitted_by_the_clock_that_its_kind_goes_by() {
    type Made = fn(&Net) -> Verified;
    let (dated, sets, undated): (Made, Made, Made) =
        (withdrawal, |net| charter(net, 1), revocation);
    let doubt = Err("CLOCK_IN_DOUBT");
    for (made, now, clock, expected) in [
        (dated, CLOCK - 1, Clock::Settled, Ok(CLOCK)),
        (dated, CLOCK, Clock::Settled, Ok(CLOCK)),
        (dated, CLOCK + 1, Clock::Settled, Ok(CLOCK + 1)),
        (dated, CLOCK + 1, Clock::Unsettled, Ok(CLOCK + 1)),
        (dated, CLOCK + 1, Clock::InDoubt, doubt),
        (sets, CLOCK - 1, Clock::Settled, Ok(CLOCK - 1)),
        (sets, CLOCK + 1, Clock::Unsettled, Ok(CLOCK + 1)),
        (sets, CLOCK + 1, Clock::InDoubt, doubt),
        (undated, CLOCK - 1, Clock::Settled, Ok(CLOCK - 1)),
        (undated, CLOCK + 1, Clock::InDoubt, Ok(CLOCK + 1)),
    ] {
        let net = Net { ambient: ambient_at(now), clock, ..Net::new() };
        let found = published(&net, made(&net)).map_err(|why| why.code());
        let found = found.map(|decision| decision.log.unwrap().parts.admitted);
        assert_eq!(found.map(|of| of.at), expected, "{now} {clock:?}");
        assert_eq!(found.map_or(14, |of| of.leaf), 14);
    }
}

#[test]
fn a_statement_is_logged_once_and_the_same_again_is_answered_with_its_place() {
    let mut net = Net { ambient: ambient_at(CLOCK), ..Net::new() };
    let what = withdrawal(&net);
    let first = published(&net, what.clone()).unwrap();
    assert_eq!(first.reply, Stands { leaf: 14, already: false });
    let admission = first.log.unwrap();
    assert_eq!(admission.statement, what.envelope().bytes());
    assert_eq!((first.puts.len(), first.deletes.len()), (0, 0));
    net.withdraw(FRANCE, 2);
    // It stands there, whatever the clock says and whatever came behind it.
    net.record("es/cert-es", 2, &[Level::Technical]);
    net.clock = Clock::InDoubt;
    let again = published(&net, what).unwrap();
    assert_eq!(again.reply, Stands { leaf: 14, already: true });
    assert!(again.changes_nothing());
    assert!(net.directory.record(&contact(FRANCE)).is_err());
}

#[test]
fn a_charter_of_newer_rules_is_folded_and_not_served() {
    let net = Net { ambient: ambient_at(CLOCK), ..Net::new() };
    assert!(published(&net, charter(&net, RULES)).is_ok());
    let newer = published(&net, charter(&net, RULES + 1)).map(drop);
    assert_eq!(newer, Err(Refusal::NewerRules { found: RULES + 1, known: RULES }));
}

fn open(name: &str) -> OpenFacet {
    let (subject, name) = ("es/cert-es".to_owned(), name.to_owned());
    OpenFacet { subject, name, salt: [7; 32], bytes: Bytes::from_static(b"bytes") }
}

/// A record of Spain with these facets.
fn record(net: &Net, facets: Vec<proto::Facet>) -> Verified {
    let record = proto::Record {
        targets: targets(net, 2),
        issued_at: CLOCK,
        contact: "es/cert-es".to_owned(),
        expires: CLOCK + 1_000,
        levels: vec![1],
        names: vec![proto::Text { language: "en".to_owned(), text: "Spain".to_owned() }],
        custody: Custody::Separate.into(),
        facets,
        ..Default::default()
    };
    verified(net, &Statement::Record(record), "es authority")
}

#[test]
fn the_facets_are_those_that_the_statement_names() {
    let net = Net { ambient: ambient_at(CLOCK), ..Net::new() };
    let (email, telephone) = (open("email"), open("telephone"));
    let named = || vec![email.named(), telephone.named()];
    let publish = |facets: Vec<proto::Facet>, handed_in: &[&OpenFacet]| {
        let handed_in = handed_in.iter().map(|facet| (*facet).clone()).collect();
        decision(&net, &Publish::new(record(&net, facets), handed_in))
    };
    let both = publish(named(), &[&telephone, &email]).unwrap();
    let mut stored = both.puts.clone();
    stored.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut expected = [&email, &telephone].map(|facet| {
        let key = Key::Facet("es/cert-es".to_owned(), facet.hash());
        (key, Value::Facet(facet.clone()))
    });
    expected.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!(stored, expected);
    assert!(both.log.is_some());
    let refused = |facets, handed_in: &[&OpenFacet]| publish(facets, handed_in).map(drop);
    let missing = Err(Refusal::FacetMissing("telephone".to_owned()));
    assert_eq!(refused(named(), &[&email]), missing);
    let superfluous = Err(Refusal::FacetSuperfluous);
    assert_eq!(refused(vec![email.named()], &[&email, &telephone]), superfluous);
    assert_eq!(refused(vec![], &[&email]), superfluous);
    let other = OpenFacet { subject: "fr/cert-fr".to_owned(), ..email.clone() };
    assert_eq!(
        refused(vec![other.named()], &[&other]),
        Err(Refusal::FacetMissing("email".to_owned()))
    );
    let same_level = proto::Facet { visibility: Visibility::SameLevel.into(), ..email.named() };
    let unserved = Err(Refusal::NotYetSupported(Unserved::Visibility));
    assert_eq!(refused(vec![same_level], &[&email]), unserved);
}
