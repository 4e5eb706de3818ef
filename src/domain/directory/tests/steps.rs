//! What every kind's decision is made of, each at its ends: thresholds, versions, time, validity, and how keys
//! are named and stand in order.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::crypto::sign::KeyId;
use crate::domain::directory::key::{Holder, KeyName, KnownKey, PublicKey, Purpose, SealKey};
use crate::domain::directory::possession;
use crate::domain::directory::steps::{Dated, Signed, clock, next, validity};
use crate::domain::limits;
use crate::domain::refusal::{Deciders, Wrong};

#[test]
fn enough_of_those_who_count_have_signed_and_nobody_else() {
    let [a, b, c, x] = ["a", "b", "c", "x"].map(id);
    let counting: BTreeSet<KeyId> = [a, b, c].into();
    for (signed, needed, found) in [
        (&[][..], 0, Err((1, 0))),
        (&[], 1, Err((1, 0))),
        (&[a], 0, Ok(())),
        (&[a], 1, Ok(())),
        (&[a], 2, Err((2, 1))),
        (&[a, b], 2, Ok(())),
        (&[a, x], 2, Err((2, 1))),
        (&[x], 1, Err((1, 0))),
        (&[a, b, c], 4, Err((4, 3))),
    ] {
        let result = Signed(signed).threshold(&counting, needed, &Deciders::Registrars);
        let expected = found.map_err(|(needed, found)| Refusal::BelowThreshold {
            of: Deciders::Registrars,
            needed,
            found,
        });
        assert_eq!(result, expected, "{signed:?} of {needed}");
        let others = Signed(signed).none_superfluous(&counting);
        let superfluous = signed.contains(&x).then_some(Refusal::SuperfluousSignature(x));
        assert_eq!(others.err(), superfluous);
    }
}

#[test]
fn versions_count_from_one_by_one() {
    let statement = Digest::of(b"statement");
    let newest = |version| Newest { version, leaf: 3, statement: Digest::of(b"before") };
    for (before, version, expected) in [
        (None, 1, Ok(())),
        (None, 0, Err(1)),
        (None, 2, Err(1)),
        (Some(1), 2, Ok(())),
        (Some(1), 1, Err(2)),
        (Some(1), 3, Err(2)),
        (Some(7), 8, Ok(())),
    ] {
        let found = next(before.map(newest), version, 9, statement);
        let wrong = |expected| Refusal::WrongVersion { expected, found: version };
        let stands = Newest { version, leaf: 9, statement };
        assert_eq!(found, expected.map(|()| stands).map_err(wrong), "{before:?} {version}");
    }
}

#[test]
fn a_kind_goes_by_the_clock_or_sets_it_or_asks_for_no_time() {
    const CLOCK: u64 = NOW;
    let (ahead, early) = (limits::CLOCK_AHEAD_SECONDS, limits::ISSUED_BEFORE_SECONDS);
    assert_eq!((ahead, early), (300, 30 * DAY));
    for (dated, issued, admitted, expected) in [
        (Dated::Yes, CLOCK, CLOCK, Ok(CLOCK)),
        (Dated::Yes, CLOCK, CLOCK - 1, Err("BEFORE_CLOCK")),
        (Dated::Yes, CLOCK + 300, CLOCK, Ok(CLOCK)),
        (Dated::Yes, CLOCK + 301, CLOCK, Err("ISSUED_IN_FUTURE")),
        (Dated::Yes, CLOCK - 30 * DAY, CLOCK, Ok(CLOCK)),
        (Dated::Yes, CLOCK - 30 * DAY - 1, CLOCK, Err("ISSUED_TOO_EARLY")),
        (Dated::Yes, CLOCK, CLOCK + 7, Ok(CLOCK + 7)),
        (Dated::Yes, u64::MAX, CLOCK, Err("ISSUED_IN_FUTURE")),
        (Dated::SetsClock, CLOCK - 9, CLOCK - 9, Ok(CLOCK - 9)),
        (Dated::SetsClock, CLOCK + 301, CLOCK, Err("ISSUED_IN_FUTURE")),
        (Dated::SetsClock, CLOCK - 30 * DAY - 1, CLOCK, Err("ISSUED_TOO_EARLY")),
        (Dated::No, u64::MAX, 0, Ok(CLOCK)),
        (Dated::No, 0, u64::MAX, Ok(CLOCK)),
        // The clock is asked before the signer's time.
        (Dated::Yes, CLOCK + 400, CLOCK - 1, Err("BEFORE_CLOCK")),
    ] {
        let found = clock(dated, CLOCK, issued, admitted).map_err(|why| why.code());
        assert_eq!(found, expected, "{dated:?} {issued} {admitted}");
    }
}

#[test]
fn a_record_is_not_over_when_it_is_admitted_and_holds_for_two_years() {
    let years = 731 * DAY;
    for (expires, issued, at, expected) in [
        (NOW + 1, NOW, NOW, None),
        (NOW, NOW, NOW, Some(Refusal::AlreadyExpired)),
        (NOW + 5, NOW, NOW + 5, Some(Refusal::AlreadyExpired)),
        (NOW + years, NOW, NOW, None),
        (NOW + years + 1, NOW, NOW, Some(Refusal::HoldsTooLong)),
        (NOW + years + 1, NOW, NOW + 9, Some(Refusal::HoldsTooLong)),
        (u64::MAX, u64::MAX - 1, NOW, None),
    ] {
        let found = validity(expires, issued, Admitted { leaf: 7, at });
        assert_eq!(found.err(), expected, "{expires} {issued} {at}");
    }
}

#[test]
fn a_key_is_believed_in_views_behind_its_entry_up_to_that_of_its_end() {
    let key = PublicKey::Verifying(key("a").public().clone());
    let holder = Holder::Member(member("fr"));
    let known = KnownKey::listed(key, Purpose::Authority, holder, 5);
    let revoked_by = Some(Digest::of(b"revocation"));
    let ended = known.ended(8, revoked_by);
    for size in 0..12 {
        assert_eq!(known.believed_at(size), size > 5, "{size}");
        assert_eq!(ended.believed_at(size), (6..=8).contains(&size), "{size}");
    }
    assert!(known.believed_at(u64::MAX));
    assert_eq!([known.has_ended(), ended.has_ended()], [false, true]);
    let again = KnownKey { until: None, revoked_by: None, ..ended.clone() };
    assert_eq!((again, ended.revoked_by), (known, revoked_by));
}

#[test]
fn a_key_that_seals_is_known_within_its_contact_and_every_other_alone() {
    let seat = Holder::Seat("fr/soc/duty-1".parse().unwrap());
    let opening = opening("a");
    let raw = opening.public().as_bytes();
    let sealing = SealKey::of(raw.to_vec().into());
    assert_eq!((sealing.id(), sealing.raw().len()), (KeyId::of(raw), 1_216));
    let known = |key, holder: &Holder| KnownKey::listed(key, Purpose::SeatSeal, holder.clone(), 1);
    let seal = PublicKey::Sealing(sealing.id());
    assert_eq!(known(seal.clone(), &seat).name(), KeyName::Seal(contact("fr/soc"), sealing.id()));
    let verifying = PublicKey::Verifying(key("a").public().clone());
    assert_eq!(known(verifying, &seat).name(), KeyName::Proven(id("a")));
    // No seat, so no contact: it can be known by its id alone.
    let member = Holder::Member(member("fr"));
    assert_eq!(known(seal, &member).name(), KeyName::Proven(sealing.id()));
}

#[test]
fn a_key_is_read_for_what_it_is_listed_for() {
    let (ed25519, p256, x_wing) = (public("a"), p256(), sealing("a"));
    let field = "seats.sign";
    let as_field = |why: Wrong| Refusal::field(field, why);
    let verifying = |key: Option<&proto::PublicKey>| PublicKey::verifying(field, key, 1).map(drop);
    let signing = |key: Option<&proto::PublicKey>| PublicKey::ed25519(field, key, 1).map(drop);
    let sealing = |key: &proto::PublicKey| PublicKey::sealing(field, key, 1).map(drop);
    assert_eq!(verifying(Some(&ed25519)), Ok(()));
    assert_eq!(verifying(Some(&p256)), Ok(()));
    assert_eq!(signing(Some(&ed25519)), Ok(()));
    assert_eq!(signing(Some(&p256)), Err(as_field(Wrong::NotEd25519)));
    assert_eq!([verifying(None), signing(None)], [(); 2].map(|()| Err(as_field(Wrong::NoKey))));
    let other = proto::PublicKey { algorithm: p256.algorithm, ..ed25519.clone() };
    assert_eq!(verifying(Some(&other)), Err(as_field(Wrong::OtherAlgorithm)));
    let later = proto::PublicKey { algorithm: 9, ..ed25519.clone() };
    let no_value = Wrong::NoValueOfRules { value: 9, rules: 1 };
    assert_eq!(verifying(Some(&later)), Err(as_field(no_value)));
    assert!(verifying(Some(&x_wing)).is_err());
    assert_eq!(sealing(&x_wing), Ok(()));
    assert_eq!(sealing(&ed25519), Err(as_field(Wrong::NotXWing)));
    let short = proto::PublicKey { key: x_wing.key.slice(1..), ..x_wing };
    assert!(sealing(&short).is_err());
}

#[test]
fn a_proof_is_of_one_key_for_one_holder_and_one_use() {
    let (mine, other) = (key("a").public().clone(), key("b").public().clone());
    let proof = proven("a", "fr/soc/duty-1", Use::Sign).proof;
    let holds =
        |key, holder, usage, proof: &[u8]| possession::verify(key, holder, usage, proof).is_ok();
    assert!(holds(&mine, "fr/soc/duty-1", Use::Sign, &proof));
    assert!(!holds(&other, "fr/soc/duty-1", Use::Sign, &proof));
    for holder in ["", "fr/soc/duty-2", "fr/soc", "registrar/fr"] {
        assert!(!holds(&mine, holder, Use::Sign, &proof), "{holder}");
    }
    for usage in [Use::Tls, Use::Authority, Use::Keeper, Use::Log, Use::Relay, Use::Unspecified] {
        assert!(!holds(&mine, "fr/soc/duty-1", usage, &proof), "{usage:?}");
    }
    assert!(!holds(&mine, "fr/soc/duty-1", Use::Sign, b""));
    assert!(!holds(&mine, "fr/soc/duty-1", Use::Sign, &proof[1..]));
}

fn name() -> impl Strategy<Value = KeyName> {
    // Few bytes, and contacts that begin alike: that is where orders differ.
    let key = (0_u8..3).prop_map(|byte| KeyId::from_digest(Digest::from_bytes([byte; 32])));
    let contact = "[ab]/[ab]{1,2}(-[ab0])?";
    prop_oneof![
        key.clone().prop_map(KeyName::Proven),
        (contact, key).prop_map(|(of, key)| KeyName::Seal(of.parse().unwrap(), key)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn names_of_keys_stand_in_the_order_of_their_stored_keys(one in name(), other in name()) {
        let stored = <KnownKey as crate::domain::directory::map::Part>::key;
        prop_assert_eq!(one.cmp(&other), stored(&one).cmp(&stored(&other)));
        prop_assert_eq!(one.partial_cmp(&other), Some(one.cmp(&other)));
    }
}
