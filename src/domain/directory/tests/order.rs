//! The one order of checks, which is the precedence of refusals: a statement with a fault in stage i
//! and another in stage j is refused for the earlier one. All pairs, for every kind.

use super::*;

/// A stage: its code, and a fault of it that leaves room for the others.
type Stage<S> = (&'static str, fn(&mut Draft<S>));

/// What is a kind's own in the order.
struct Own<S> {
    /// Whom it is about cannot be read.
    subject: Option<fn(&mut Draft<S>)>,
    /// A signature that counts towards nothing; registrars' kinds know none.
    superfluous: Option<fn(&mut Draft<S>)>,
    /// Whether it counts versions and is dated.
    counted: bool,
    /// Whether it may not be admitted before the clock.
    clocked: bool,
    content: Stage<S>,
}

/// In the documented order.
fn stages<S: Says>(own: Own<S>) -> Vec<Stage<S>> {
    let mut stages: Vec<Stage<S>> = vec![
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
    ];
    stages.extend(own.subject.map(|subject| ("INVALID_FIELD", subject)));
    let signatures: [Stage<S>; 6] = [
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
    ];
    stages.extend(signatures);
    stages.extend(own.superfluous.map(|superfluous| ("SUPERFLUOUS_SIGNATURE", superfluous)));
    if own.counted {
        stages.push(("WRONG_VERSION", |d| {
            d.says.targets().iter_mut().for_each(|target| target.version += 7);
        }));
    }
    if own.clocked {
        stages.push(("BEFORE_CLOCK", |d| d.at = NOW - 1));
    }
    if own.counted {
        stages.push(("ISSUED_IN_FUTURE", |d| *d.says.issued_at() = NOW + 301));
    }
    stages.push(own.content);
    stages
}

fn unknown() -> proto::Signature {
    proto::Signature { key_id: vec![0; 32].into(), sig: vec![1; 64].into() }
}

#[track_caller]
fn check<S: Says>(good: &Draft<S>, own: Own<S>) {
    let world = World::new();
    assert!(world.decide(good).is_ok(), "{:?}", world.decide(good));
    let stages = stages(own);
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

const FUTURE: u64 = (1 << 53) - 1;

#[test]
fn of_a_charter() {
    let good = World::new().charter();
    let contents: [Stage<proto::Charter>; 4] = [
        ("INVALID_FIELD", |d| d.says.registrars[2].sign = None),
        ("WRONG_RULES", |d| d.says.rules = 3),
        ("WRONG_PREVIOUS", |d| d.says.previous.clear()),
        ("NO_POSSESSION", |d| {
            d.bare = true;
            d.says.log[0].proof.clear();
        }),
    ];
    for content in contents {
        let (subject, superfluous) = (None, None);
        check(&good, Own { subject, superfluous, counted: true, clocked: false, content });
    }
}

#[test]
fn of_an_admission() {
    let good = World::new().admission("fr");
    let contents: [Stage<proto::Admission>; 3] = [
        ("INVALID_FIELD", |d| d.says.names.clear()),
        ("AUTHORITY_STANDS", |d| d.says.threshold = 1),
        ("NO_POSSESSION", |d| d.bare = true),
    ];
    for content in contents {
        let subject: fn(&mut Draft<proto::Admission>) = |d| d.says.member = "log".to_owned();
        let (subject, superfluous) = (Some(subject), None);
        check(&good, Own { subject, superfluous, counted: true, clocked: true, content });
    }
}

#[test]
fn of_an_attested_record() {
    let good = World::new().attested("zz/mfa");
    let contents: [Stage<proto::AttestedRecord>; 2] =
        [("INVALID_FIELD", |d| d.says.levels.clear()), ("ALREADY_EXPIRED", |d| d.says.expires = 1)];
    for content in contents {
        let subject: fn(&mut Draft<proto::AttestedRecord>) = |d| d.says.contact.push('/');
        let (subject, superfluous) = (Some(subject), None);
        check(&good, Own { subject, superfluous, counted: true, clocked: true, content });
    }
}

#[test]
fn of_a_record() {
    let good = World::new().record("fr/cert");
    let contents: [Stage<proto::Record>; 3] = [
        ("INVALID_FIELD", |d| d.says.levels.clear()),
        ("KEY_REUSED", |d| d.says.keeper = Some(public("log"))),
        ("HOLDS_TOO_LONG", |d| d.says.expires = FUTURE),
    ];
    for content in contents {
        let subject: fn(&mut Draft<proto::Record>) = |d| d.says.contact.push('/');
        let superfluous: fn(&mut Draft<proto::Record>) = |d| d.signers.push("at-1");
        let (subject, superfluous) = (Some(subject), Some(superfluous));
        check(&good, Own { subject, superfluous, counted: true, clocked: true, content });
    }
}

#[test]
fn of_a_roster() {
    let good = World::new().roster("fr/cert");
    let contents: [Stage<proto::Roster>; 3] = [
        ("INVALID_FIELD", |d| d.says.seats.swap(0, 1)),
        ("KEY_REUSED", |d| d.says.seats[0].tls = Some(public("log"))),
        ("NO_POSSESSION", |d| d.bare = true),
    ];
    for content in contents {
        let subject: fn(&mut Draft<proto::Roster>) = |d| d.says.contact.push('/');
        let superfluous: fn(&mut Draft<proto::Roster>) = |d| d.signers.push("fr/soc keeper");
        let (subject, superfluous) = (Some(subject), Some(superfluous));
        check(&good, Own { subject, superfluous, counted: true, clocked: true, content });
    }
}

/// It has no content but whose it is; a late hand-in stands for it.
#[test]
fn of_a_withdrawal() {
    let good = World::new().withdrawal("fr/cert");
    let subject: fn(&mut Draft<proto::Withdrawal>) = |d| d.says.contact.push('/');
    let superfluous: fn(&mut Draft<proto::Withdrawal>) = |d| d.signers.push("alice");
    let (subject, superfluous) = (Some(subject), Some(superfluous));
    let content: Stage<proto::Withdrawal> = ("ISSUED_IN_FUTURE", |d| d.says.issued_at = NOW + 302);
    check(&good, Own { subject, superfluous, counted: true, clocked: true, content });
}

/// It has neither version nor time.
#[test]
fn of_a_revocation() {
    let good = World::new().revocation("fr/cert/duty-1");
    let contents: [Stage<proto::Revocation>; 2] = [
        ("INVALID_FIELD", |d| d.says.reason = 0),
        ("NOTHING_TO_REVOKE", |d| {
            d.says.key_ids = vec![id("fr-3").as_bytes().to_vec().into()];
        }),
    ];
    for content in contents {
        let subject: fn(&mut Draft<proto::Revocation>) = |d| d.says.seat.push('/');
        let superfluous: fn(&mut Draft<proto::Revocation>) = |d| d.signers.push("at-1");
        let (subject, superfluous) = (Some(subject), Some(superfluous));
        check(&good, Own { subject, superfluous, counted: false, clocked: false, content });
    }
}
