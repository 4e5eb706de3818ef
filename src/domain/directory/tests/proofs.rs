//! Proofs of possession that were verified beside the signatures: nobody pays for them twice, and one
//! that holds in one place holds nowhere else.

use super::*;
use crate::crypto::sign::CHECKED;

/// So many signatures are looked at meanwhile.
fn checked<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = CHECKED.get();
    let done = work();
    (done, CHECKED.get() - before)
}

#[test]
fn apply_verifies_nothing_that_was_verified() {
    let world = World::new();
    let statements = [
        ("charter", world.charter().bytes(), 2 + 10 + 2),
        ("admission", world.admission("fr").bytes(), 2 + 3),
        ("attested record", world.attested("zz/mfa").bytes(), 2),
        ("record", world.record("fr/soc").bytes(), 2 + 1),
        ("roster", world.roster("fr/soc").bytes(), 1 + 4),
        ("withdrawal", world.withdrawal("fr/soc").bytes(), 2),
        ("revocation", world.revocation("fr/soc/duty-1").bytes(), 2),
    ];
    for (kind, bytes, all) in statements {
        let (verified, found) = checked(|| verify(&world.directory, &bytes).unwrap());
        assert_eq!(found, all, "{kind}: signatures and proofs");
        let admitted = Admitted { leaf: world.directory.size(), at: NOW };
        let (applied, found) = checked(|| apply(&world.directory, &verified, admitted));
        assert!(applied.is_ok(), "{kind}: {applied:?}");
        assert_eq!(found, 0, "{kind}");
    }
    let founding = Draft::new(founding(), &["alice", "bob"], NOW).bytes();
    let name = NAME.parse().unwrap();
    let (verified, found_in_it) = checked(|| verify_founding(&name, &founding).unwrap());
    assert_eq!(found_in_it, 2 + 10 + 2);
    assert_eq!(checked(|| found(&name, &verified, NOW).unwrap()).1, 0);
}

/// What cannot be decided yet costs its signatures alone, whoever sends it.
#[test]
fn who_does_not_decide_has_no_proofs_verified() {
    let world = World::new();
    let short = world.charter().signed_by(&["alice"]).bytes();
    assert_eq!(checked(|| verify(&world.directory, &short).unwrap()).1, 1);
    let foreign = world.roster("fr/soc").signed_by(&["fr-1", "fr-2"]).bytes();
    assert_eq!(checked(|| verify(&world.directory, &foreign).unwrap()).1, 2);
}

/// Beside one that holds stands the same with one thing changed.
#[test]
pub(super) fn twins_refuse() {
    let world = World::new();
    let missing = Some("NO_POSSESSION");
    let good = || Some(proven("anew", "fr/soc/duty-1", Use::Sign));
    let roster = |name: &str, seats: [[Option<proto::PublicKey>; 2]; 2], reason| {
        let roster = world.roster("fr/soc").with(|roster| {
            for (seat, keys) in roster.seats.iter_mut().zip(seats) {
                let [sign, tls] = keys;
                seat.sign = sign.or(seat.sign.take());
                seat.tls = tls.or(seat.tls.take());
            }
        });
        world.judge(name, &roster.bytes(), NOW, reason);
    };
    roster("alone", [[good(), None], [None, None]], None);
    roster("another use", [[good(), good()], [None, None]], missing);
    roster("another holder", [[good(), None], [good(), None]], missing);
    let charter = |name: &str, second: proto::PublicKey, reason| {
        let charter = world.charter().with(|charter| {
            charter.log = vec![proven("log anew", "log/un.example", Use::Log), second];
        });
        world.judge(name, &Draft { bare: true, ..charter }.bytes(), NOW, reason);
    };
    let good = proven("log anew", "log/un.example", Use::Log);
    let other = proto::PublicKey { key: public("log other").key, ..good.clone() };
    charter("another key", other, missing);
    let proof = proven("log anew", "log/un.example", Use::Relay).proof;
    charter("another proof", proto::PublicKey { proof, ..good.clone() }, missing);
    let none = proto::PublicKey { proof: Vec::new().into(), ..good.clone() };
    charter("no proof", none, missing);
    charter("nothing else", good, Some("KEY_REUSED"));
}
