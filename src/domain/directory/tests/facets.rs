//! Facets: which statement may name which, to whom, and what is handed in with it.

use super::*;
use crate::domain::directory::facet::{HeldBy, OpenFacet, check, fit, served};
use crate::domain::limits;
use crate::domain::refusal::{Unserved, Wrong};
use crate::signed::proto::Visibility;

fn named(name: &str) -> proto::Facet {
    open_facet("fr/soc", name).named()
}

fn checked(facets: &[proto::Facet], held_by: HeldBy) -> String {
    let found = check(facets, held_by, 1);
    found.as_ref().map_or_else(Refusal::to_string, |()| "ok".to_owned())
}

#[test]
fn three_names_stand_where_they_belong_and_all_others_in_records() {
    for (name, record, attested, roster) in [
        ("hours", false, true, true),
        ("holidays", false, true, true),
        ("wake", false, false, true),
        ("email", true, true, false),
        ("hour", true, true, false),
        ("wakes", true, true, false),
        ("anything-else", true, true, false),
    ] {
        for (held_by, is_held) in
            [(HeldBy::Record, record), (HeldBy::AttestedRecord, attested), (HeldBy::Roster, roster)]
        {
            let foreign = Refusal::field("facets.name", Wrong::ForeignFacet(name.to_owned()));
            let found = check(&[named(name)], held_by, 1);
            assert_eq!(found, if is_held { Ok(()) } else { Err(foreign) }, "{name} {held_by:?}");
        }
    }
}

#[test]
fn each_rule_of_a_named_facet_is_seen_alone() {
    let many =
        |count: usize| (0..count).map(|number| named(&format!("f{number:02}"))).collect::<Vec<_>>();
    let changed = |change: fn(&mut proto::Facet)| {
        let mut facet = named("email");
        change(&mut facet);
        vec![facet]
    };
    let members = |facet: &mut proto::Facet, of: &[&str]| {
        facet.visibility = Visibility::NamedMembers.into();
        facet.members = of.iter().map(|of| (*of).to_owned()).collect();
    };
    let to = |of: &[&str]| {
        let mut facet = named("email");
        members(&mut facet, of);
        vec![facet]
    };
    let three = |count: usize| {
        let of: Vec<String> = (0..count).map(|number| format!("m{number:03}")).collect();
        to(&of.iter().map(String::as_str).collect::<Vec<_>>())
    };
    for (facets, expected) in [
        (vec![], "ok"),
        (many(16), "ok"),
        (many(17), "facets: expected at most 16, found 17"),
        (vec![named("b"), named("a")], "facets: expected a sorted list without doubles"),
        (vec![named("a"), named("a")], "facets: expected a sorted list without doubles"),
        (vec![named("")], "facets.name: expected 1 to 32 of a-z, 0-9 and -, found \"\""),
        (vec![named("E")], "facets.name: expected 1 to 32 of a-z, 0-9 and -, found \"E\""),
        (changed(|facet| facet.hash.truncate(31)), "facets.hash: expected 32 bytes, found 31"),
        (changed(|facet| facet.visibility = 0), "facets.visibility: 0 is no value of rules 1"),
        (changed(|facet| facet.visibility = 5), "facets.visibility: 5 is no value of rules 1"),
        (changed(|facet| facet.visibility = 2), "ok"),
        (changed(|facet| facet.visibility = 4), "ok"),
        (changed(|facet| facet.members = vec!["fr".to_owned()]), "facets.members: expected none"),
        (to(&["at", "fr"]), "ok"),
        (to(&[]), "facets.members: expected at least one"),
        (to(&["fr", "at"]), "facets.members: expected a sorted list without doubles"),
        (to(&["fr", "fr"]), "facets.members: expected a sorted list without doubles"),
        (three(256), "ok"),
        (three(257), "facets.members: expected at most 256, found 257"),
    ] {
        assert_eq!(checked(&facets, HeldBy::Record), expected);
    }
    assert!(
        checked(&to(&["log"]), HeldBy::Record).starts_with("facets.members: expected a member")
    );
    for visibility in 1..=4 {
        let facet = proto::Facet { visibility, ..named("email") };
        let unserved = Err(Refusal::NotYetSupported(Unserved::Visibility));
        assert_eq!(served(&[named("a"), facet]), if visibility == 1 { Ok(()) } else { unserved });
    }
}

#[test]
fn a_hash_is_of_subject_name_salt_and_bytes_and_of_where_each_ends() {
    let facet = open_facet("fr/soc", "email");
    let preimage = [b"liaison/facet/v1\0fr/soc\0email\0", &facet.salt[..], b"bytes"];
    assert_eq!(facet.hash(), Digest::of(&preimage.concat()));
    let others: [fn(&mut OpenFacet); 5] = [
        |facet| facet.subject.push('x'),
        |facet| facet.name.push('x'),
        |facet| facet.salt[31] ^= 1,
        |facet| facet.bytes = b"byte".to_vec().into(),
        |facet| {
            facet.subject = "fr/so".to_owned();
            facet.name = "c\0email".to_owned();
        },
    ];
    for change in others {
        let mut other = facet.clone();
        change(&mut other);
        assert_ne!(other.hash(), facet.hash());
    }
    let of = facet.named();
    assert_eq!((of.name.as_str(), of.visibility, of.members.len()), ("email", 1, 0));
    assert_eq!(of.hash, facet.hash().as_bytes()[..]);
}

#[test]
fn what_is_handed_in_is_what_is_named_no_less_no_more_and_no_larger() {
    let of = |name: &str| open_facet("fr/soc", name);
    let fits = |named: &[&str], handed_in: Vec<OpenFacet>| {
        let named: Vec<proto::Facet> = named.iter().map(|name| of(name).named()).collect();
        fit("fr/soc", &named, handed_in)
    };
    let (a, b) = (of("a"), of("b"));
    let both = fits(&["a", "b"], vec![b.clone(), a.clone()]).unwrap();
    assert_eq!(both, [(a.hash(), a.clone()), (b.hash(), b.clone())].into());
    assert_eq!(fits(&[], vec![]), Ok([].into()));
    assert_eq!(fits(&["a"], vec![a.clone(), a.clone()]).map(|found| found.len()), Ok(1), "twice");
    let missing = |name: &str| Err(Refusal::FacetMissing(name.to_owned()));
    assert_eq!(fits(&["a", "b"], vec![a.clone()]), missing("b"));
    assert_eq!(fits(&["a", "b"], vec![]), missing("a"), "the first");
    assert_eq!(
        fits(&["a", "b"], vec![a.clone(), of("c")]),
        missing("b"),
        "before what is too much"
    );
    assert_eq!(fits(&["a"], vec![a.clone(), b]), Err(Refusal::FacetSuperfluous));
    // What another contact's statement names is not this one's.
    let other = open_facet("fr/cert", "a");
    assert_eq!(fit("fr/soc", &[other.named()], vec![other.clone()]), missing("a"));
    assert!(fit("fr/cert", &[other.named()], vec![other]).is_ok());
    for (bytes, is_taken) in [(limits::FACET_BYTES, true), (limits::FACET_BYTES + 1, false)] {
        let large = OpenFacet { bytes: vec![0; bytes].into(), ..a.clone() };
        let found = fit("fr/soc", &[large.named()], vec![large]);
        let (limit, found_bytes) = (16 * 1024, bytes as u64);
        let refused = Refusal::TooLarge { what: "facet", limit, found: found_bytes };
        assert_eq!(found.map(drop), if is_taken { Ok(()) } else { Err(refused) });
    }
}
