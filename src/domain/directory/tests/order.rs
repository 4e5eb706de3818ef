//! The one order of checks, which is the precedence of refusals: a statement with a fault in stage i
//! and another in stage j is refused for the earlier one. All pairs, for every kind.

use super::*;

/// A stage: its code, and a fault of it that leaves room for the others.
type Stage<S> = (&'static str, fn(&mut Draft<S>));

/// In the documented order. The two stages that come last are the kind's own.
fn stages<S: Says>(superfluous: fn(&mut Draft<S>), content: Stage<S>) -> Vec<Stage<S>> {
    vec![
        ("TOO_LARGE", |d| d.garble.push(|bytes| bytes.resize(65_001, 0))),
        ("NOT_CANONICAL", |d| d.garble.push(|bytes| bytes.extend(b"\x20\x01"))),
        ("UNKNOWN_KIND", |d| d.tamper.push(|dsse| dsse.payload_type.push('x'))),
        ("NOT_CANONICAL", |d| {
            d.tamper.push(|dsse| {
                dsse.payload = [&dsse.payload[..], b"\xf8\x07\x01"].concat().into();
            });
        }),
        ("INVALID_TARGETS", |d| {
            let target = d.says.targets()[0].clone();
            d.says.targets().insert(0, Target { name: "~".to_owned(), ..target });
        }),
        ("OTHER_DIRECTORY", |d| {
            d.says.targets().iter_mut().for_each(|target| target.name = "eu.example".to_owned());
        }),
        ("OTHER_GENESIS", |d| {
            d.says.targets().iter_mut().for_each(|target| target.genesis = vec![7; 32].into());
        }),
        ("SIGNATURES_UNSORTED", |d| d.tamper.push(|dsse| dsse.signatures.push(unknown()))),
        ("DUPLICATE_SIGNATURE", |d| {
            d.tamper.push(|dsse| {
                let last = dsse.signatures.last().unwrap().clone();
                dsse.signatures.push(last);
            });
        }),
        ("UNKNOWN_KEY", |d| d.tamper.push(|dsse| dsse.signatures.insert(0, unknown()))),
        ("WRONG_PURPOSE", |d| d.signers.push("log")),
        ("BAD_SIGNATURE", |d| {
            d.tamper.push(|dsse| {
                dsse.signatures.iter_mut().for_each(|signature| signature.sig = vec![0; 64].into());
            });
        }),
        ("BELOW_THRESHOLD", |d| _ = d.signers.remove(0)),
        ("SUPERFLUOUS_SIGNATURE", superfluous),
        ("WRONG_VERSION", |d| {
            d.says.targets().iter_mut().for_each(|target| target.version += 7);
        }),
        ("ISSUED_IN_FUTURE", |d| *d.says.issued_at() = u64::MAX),
        content,
    ]
}

fn unknown() -> proto::Signature {
    proto::Signature { key_id: vec![0; 32].into(), sig: vec![1; 64].into() }
}

#[track_caller]
fn check<S: Says>(good: &Draft<S>, superfluous: fn(&mut Draft<S>), content: Stage<S>) {
    let world = World::new();
    assert!(world.decide(good).is_ok(), "{:?}", world.decide(good));
    let stages = stages(superfluous, content);
    let mut wrong = Vec::new();
    for (i, (expected, first)) in stages.iter().enumerate() {
        for (j, (later, second)) in stages.iter().enumerate().skip(i) {
            let mut draft = good.clone();
            first(&mut draft);
            if i != j {
                second(&mut draft);
            }
            let found = world.decide(&draft).map_err(|refusal| refusal.code());
            if found.as_ref().err() != Some(expected) {
                wrong.push(format!("{i} {expected} and {j} {later}: found {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn of_a_charter() {
    let good = World::new().charter();
    check(
        &good,
        |d| d.signers.push("dave"),
        ("INVALID_FIELD", |d| d.says.registrars[2].sign = None),
    );
}

#[test]
fn of_an_admission() {
    let good = World::new().admission("fr");
    check(&good, |d| d.signers.push("dave"), ("INVALID_FIELD", |d| d.says.names.clear()));
    check(&good, |d| d.signers.push("erin"), ("AUTHORITY_STANDS", |d| d.says.threshold = 1));
}

#[test]
fn of_an_attested_record() {
    let good = World::new().attested("zz/mfa");
    check(&good, |d| d.signers.push("dave"), ("INVALID_FIELD", |d| d.says.levels.clear()));
    check(&good, |d| d.signers.push("dave"), ("ALREADY_EXPIRED", |d| d.says.expires = 1));
}

#[test]
fn of_a_record() {
    let good = World::new().record("fr/cert");
    check(&good, |d| d.signers.push("at-1"), ("INVALID_FIELD", |d| d.says.levels.clear()));
    let reused = |d: &mut Draft<proto::Record>| d.says.keeper = Some(public("log"));
    check(&good, |d| d.signers.push("at-1"), ("KEY_REUSED", reused));
    check(&good, |d| d.signers.push("at-1"), ("HOLDS_TOO_LONG", |d| d.says.expires = u64::MAX));
}

#[test]
fn of_a_roster() {
    let good = World::new().roster("fr/cert");
    check(&good, |d| d.signers.push("at-1"), ("INVALID_FIELD", |d| d.says.seats.swap(0, 1)));
    let reused = |d: &mut Draft<proto::Roster>| d.says.seats[0].tls = Some(public("log"));
    check(&good, |d| d.signers.push("fr/soc keeper"), ("KEY_REUSED", reused));
}

#[test]
fn of_a_withdrawal() {
    let good = World::new().withdrawal("fr/cert");
    // It has no content but whose it is; an earlier issue date stands for it.
    check(
        &good,
        |d| d.signers.push("alice"),
        ("ISSUED_IN_FUTURE", |d| d.says.issued_at = NOW + 301),
    );
}

#[test]
fn of_a_revocation() {
    let good = World::new().revocation("fr/cert/duty-1");
    check(&good, |d| d.signers.push("at-1"), ("INVALID_FIELD", |d| d.says.key_ids[0].truncate(31)));
    check(&good, |d| d.signers.push("at-1"), ("NOTHING_TO_REVOKE", |d| d.says.key_ids.clear()));
}

/// Content of one statement: its fields, then keys and whom they belong to, then dates.
#[test]
fn of_a_records_content() {
    let world = World::new();
    let faults: [Stage<proto::Record>; 5] = [
        ("levels", |d| d.says.levels.clear()),
        ("facet with another visibility", |d| d.says.facets[0].visibility = 2),
        ("custody", |d| d.says.custody = 0),
        ("cannot be listed", |d| d.says.keeper = Some(public("log"))),
        ("expired", |d| d.says.expires = 1),
    ];
    for (i, (expected, first)) in faults.iter().enumerate() {
        for (_, second) in &faults[i..] {
            let mut draft = world.record("fr/soc");
            first(&mut draft);
            second(&mut draft);
            let found = world.refusal(&draft);
            assert!(found.contains(expected), "{expected}: {found}");
        }
    }
}
