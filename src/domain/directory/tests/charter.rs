//! The charter: founding, and the next one by the old quorum and its own.

use super::*;
use crate::tests::{grouped, page_says};

#[test]
pub(super) fn founding_refuses() {
    let good = Draft::new(founding(), &["alice", "bob"], NOW);
    assert!(World::found(&good).is_ok());
    let rows: &[Row<proto::Charter>] = &[
        ("oversized", |d| d.garble.push(|b| b.resize(65_001, 0)), "TOO_LARGE"),
        ("unknown field", |d| d.garble.push(|b| b.extend(b"\x20\x01")), "NOT_CANONICAL"),
        (
            "a header",
            |d| d.tamper.push(|e| e.payload_type = e.payload_type.replace("charter", "header")),
            "UNKNOWN_KIND",
        ),
        ("two targets", |d| d.says.targets.extend_from_within(..), "INVALID_TARGETS"),
        (
            "other directory",
            |d| d.says.targets[0].name = "eu.example".to_owned(),
            "OTHER_DIRECTORY",
        ),
        ("a genesis", |d| d.says.targets[0].genesis = vec![7; 32].into(), "INVALID_TARGETS"),
        ("unlisted key", |d| d.signers.push("nobody"), "UNKNOWN_KEY"),
        ("an operator", |d| d.signers.push("dave"), "UNKNOWN_KEY"),
        ("bad signature", |d| d.tamper.push(|e| e.signatures[0].sig.clear()), "BAD_SIGNATURE"),
        (
            "one of two",
            |d| {
                d.signers.pop();
            },
            "BELOW_THRESHOLD 2 signatures of its registrars are needed, 1",
        ),
        (
            "no registrars",
            |d| {
                d.says.registrars.clear();
                d.signers.clear();
            },
            "BELOW_THRESHOLD",
        ),
        ("version 2", |d| d.says.targets[0].version = 2, "WRONG_VERSION"),
        ("version 0", |d| d.says.targets[0].version = 0, "INVALID_TARGETS"),
        ("future", |d| d.says.issued_at = NOW + 301, "ISSUED_IN_FUTURE"),
        ("too early", |d| d.at = NOW + 30 * DAY + 1, "ISSUED_TOO_EARLY"),
        ("no threshold", |d| d.says.threshold = 0, "INVALID_FIELD threshold"),
        ("rules 0", |d| d.says.rules = 0, "WRONG_RULES"),
        ("rules 2", |d| d.says.rules = 2, "WRONG_RULES"),
        ("a predecessor", |d| d.says.previous = vec![7; 32].into(), "WRONG_PREVIOUS"),
        ("no proof", |d| d.bare = true, "NO_POSSESSION"),
        ("one key, two uses", |d| d.says.log[0] = public("relay"), "KEY_REUSED"),
    ];
    for (name, change, expected) in rows {
        let mut draft = good.clone();
        change(&mut draft);
        let refusal = World::found(&draft).unwrap_err();
        judged::keep_founding(name, (&draft.bytes(), draft.at), &refusal.on_the_page());
        let found = format!("{} {refusal}", refusal.code());
        let (code, words) = expected.split_once(' ').unwrap_or((expected, ""));
        assert!(refusal.code() == code && found.contains(words), "{name}: {found}");
    }
}

#[test]
fn only_a_charter_founds() {
    let world = World::new();
    let name = NAME.parse().unwrap();
    let refused = verify_founding(&name, &world.admission("fr").bytes());
    assert_eq!(refused.unwrap_err().code(), "INVALID_TARGETS", "entry 0 has no genesis");
    let bare = world.admission("fr").with(|admission| admission.targets[0].genesis.clear());
    assert_eq!(verify_founding(&name, &bare.bytes()).unwrap_err().code(), "NOT_A_CHARTER");
    let admission = verify(&world.directory, &world.admission("fr").bytes()).unwrap();
    assert_eq!(found(&name, &admission, NOW).unwrap_err().code(), "NOT_A_CHARTER");
    let second = verify(&world.directory, &world.charter().bytes()).unwrap();
    assert_eq!(found(&name, &second, NOW).unwrap_err().code(), "WRONG_VERSION");
    let again = world.decide_bytes(&world.entries[0].0, NOW);
    assert_eq!(again.unwrap_err().code(), "INVALID_TARGETS", "entry 0 has no genesis");
}

#[test]
pub(super) fn content_refuses() {
    let world = World::new();
    world.refuses(
        &world.charter(),
        &[
            ("rules 0", |d| d.says.rules = 0, "WRONG_RULES"),
            ("an authority", |d| d.signers.push("fr-1"), "WRONG_PURPOSE authority"),
            ("a keeper", |d| d.signers.push("fr/soc keeper"), "WRONG_PURPOSE keeper"),
            ("a seat", |d| d.signers.push("fr/soc/duty-1 sign"), "WRONG_PURPOSE a seat"),
            ("rules left out", |d| d.says.rules = 3, "WRONG_RULES"),
            ("last rules", |d| d.says.rules = u32::MAX, "WRONG_RULES"),
            ("no predecessor", |d| d.says.previous.clear(), "WRONG_PREVIOUS"),
            ("another predecessor", |d| d.says.previous = vec![7; 32].into(), "WRONG_PREVIOUS"),
            ("registrars unsorted", |d| d.says.registrars.swap(0, 1), "INVALID_FIELD registrars"),
            (
                "registrar doubled",
                |d| d.says.registrars[2] = person("bob"),
                "INVALID_FIELD registrars",
            ),
            (
                "65 registrars",
                |d| d.says.registrars.extend((0..62).map(|n| person(&format!("x{n:02}")))),
                "INVALID_FIELD registrars",
            ),
            ("no id", |d| d.says.registrars[0].id.clear(), "INVALID_FIELD registrars"),
            (
                "upper case",
                |d| d.says.registrars[0].id = "Alice".to_owned(),
                "INVALID_FIELD registrars",
            ),
            ("no name", |d| d.says.registrars[0].name.clear(), "INVALID_FIELD registrars"),
            (
                "line feed",
                |d| d.says.registrars[0].name = "a\nb".to_owned(),
                "INVALID_FIELD U+000A",
            ),
            ("401 bytes", |d| d.says.registrars[0].name = "x".repeat(401), "INVALID_FIELD 400"),
            ("no sign key", |d| d.says.registrars[2].sign = None, "INVALID_FIELD expected a key"),
            (
                "empty sign key",
                |d| d.says.registrars[2].sign = Some(proto::PublicKey::default()),
                "INVALID_FIELD registrars",
            ),
            (
                "weak sign key",
                |d| d.says.registrars[2].sign = Some(low_order()),
                "INVALID_FIELD registrars",
            ),
            (
                "X-Wing key",
                |d| d.says.registrars[2].sign = Some(sealing("x")),
                "INVALID_FIELD registrars",
            ),
            (
                "says P-256",
                |d| d.says.registrars[2].sign.as_mut().unwrap().algorithm = 2,
                "INVALID_FIELD another algorithm",
            ),
            (
                "says nothing",
                |d| d.says.registrars[2].sign.as_mut().unwrap().algorithm = 0,
                "INVALID_FIELD registrars",
            ),
            ("no tls key", |d| d.says.registrars[0].tls = None, "INVALID_FIELD expected a key"),
            ("threshold 0", |d| d.says.threshold = 0, "INVALID_FIELD threshold"),
            (
                "operators unsorted",
                |d| d.says.operators.push(person("abe")),
                "INVALID_FIELD operators",
            ),
            (
                "auditors unsorted",
                |d| d.says.auditors.push(person("abe")),
                "INVALID_FIELD auditors",
            ),
            (
                "65 auditors",
                |d| d.says.auditors = (0..65).map(|n| person(&format!("x{n:02}"))).collect(),
                "INVALID_FIELD auditors",
            ),
            ("no log key", |d| d.says.log.clear(), "INVALID_FIELD log"),
            (
                "65 log keys",
                |d| d.says.log = (0..65).map(|n| public(&format!("log {n}"))).collect(),
                "INVALID_FIELD log",
            ),
            ("P-256 log key", |d| d.says.log = vec![p256()], "INVALID_FIELD Ed25519"),
            ("weak log key", |d| d.says.log = vec![low_order()], "INVALID_FIELD log"),
            ("no relay key", |d| d.says.relay.clear(), "INVALID_FIELD relay"),
            ("P-256 relay key", |d| d.says.relay = vec![p256()], "INVALID_FIELD Ed25519"),
            ("no CA", |d| d.says.service_ca.clear(), "INVALID_FIELD service_ca"),
            (
                "empty CA",
                |d| d.says.service_ca = vec![Vec::new().into()],
                "INVALID_FIELD service_ca",
            ),
            (
                "CA doubled",
                |d| d.says.service_ca.extend_from_within(..),
                "INVALID_FIELD service_ca",
            ),
            ("witnesses unsorted", |d| d.says.witnesses.swap(0, 1), "INVALID_FIELD witnesses"),
            (
                "witness doubled",
                |d| d.says.witnesses[1] = witness("w1.example"),
                "INVALID_FIELD witnesses",
            ),
            ("half a quorum", |d| d.says.quorum = 1, "INVALID_FIELD quorum"),
            ("no quorum", |d| d.says.quorum = 0, "INVALID_FIELD quorum"),
            ("four of three", |d| d.says.quorum = 4, "INVALID_FIELD quorum"),
            (
                "two of four",
                |d| d.says.witnesses.push(witness("w4.example")),
                "INVALID_FIELD quorum",
            ),
            ("quorum of nobody", |d| d.says.witnesses.clear(), "INVALID_FIELD quorum"),
            ("witness unnamed", |d| d.says.witnesses[0].name.clear(), "INVALID_FIELD witnesses"),
            (
                "no note's name",
                |d| d.says.witnesses[0].name = "w 1".to_owned(),
                "INVALID_FIELD witnesses",
            ),
            ("P-256 witness", |d| d.says.witnesses[0].key = Some(p256()), "INVALID_FIELD Ed25519"),
            ("witness keyless", |d| d.says.witnesses[0].key = None, "INVALID_FIELD expected a key"),
            ("set to zero", |d| d.says.policy = vec![setting("x", 0)], "INVALID_FIELD policy"),
            ("no setting", |d| d.says.policy = vec![setting("", 1)], "INVALID_FIELD policy"),
            ("in capitals", |d| d.says.policy = vec![setting("X", 1)], "INVALID_FIELD policy"),
            (
                "set twice",
                |d| d.says.policy = vec![setting("x", 1), setting("x", 2)],
                "INVALID_FIELD policy",
            ),
            (
                "settings unsorted",
                |d| d.says.policy = vec![setting("y", 1), setting("x", 2)],
                "INVALID_FIELD policy",
            ),
            (
                "signs and connects",
                |d| d.says.registrars[2].tls = Some(public("carol")),
                "KEY_REUSED already belongs",
            ),
            (
                "two registrars, one key",
                |d| d.says.registrars[2].sign = Some(public("bob")),
                "KEY_REUSED",
            ),
            ("operator audits", |d| d.says.auditors[0].sign = Some(public("dave")), "KEY_REUSED"),
            ("log and relay", |d| d.says.relay = vec![public("log")], "KEY_REUSED"),
            ("log key doubled", |d| d.says.log.push(public("log")), "KEY_REUSED listed twice"),
            (
                "an authority's",
                |d| d.says.operators[0].sign = Some(public("fr-1")),
                "KEY_REUSED belongs to fr,",
            ),
            (
                "a seat's",
                |d| d.says.operators[0].tls = Some(public("fr/cert/duty-1 tls")),
                "KEY_REUSED fr/cert/duty-1",
            ),
            (
                "the log witnesses",
                |d| d.says.witnesses[0].key = Some(public("log")),
                "INVALID_FIELD witnesses",
            ),
            (
                "one key witnesses twice",
                |d| d.says.witnesses[0].key = Some(public("w2.example")),
                "INVALID_FIELD witnesses",
            ),
            (
                "a witness with a proof",
                |d| {
                    d.says.witnesses[0].key = Some(proven("w1.example", "w1.example", Use::Log));
                },
                "NO_POSSESSION",
            ),
            (
                "a witness that is no point",
                |d| {
                    let mut raw = [0; 32];
                    raw[0] = 2;
                    d.says.witnesses[0].key = Some(listed(&VerifyingKey::from_ed25519(&raw)));
                },
                "INVALID_FIELD witnesses",
            ),
            (
                "a witness's name of 201 bytes",
                |d| d.says.witnesses[2].name = "w".repeat(201),
                "INVALID_FIELD witnesses",
            ),
            (
                "65 settings",
                |d| {
                    d.says.policy = (0..65).map(|n| setting(&format!("x{n:02}"), 1)).collect();
                },
                "INVALID_FIELD policy",
            ),
            (
                "a registrar operates",
                |d| d.says.operators[0].sign = Some(public("carol")),
                "KEY_REUSED",
            ),
            (
                "65 operators",
                |d| d.says.operators = (0..65).map(|n| person(&format!("x{n:02}"))).collect(),
                "INVALID_FIELD operators",
            ),
            (
                "65 relay keys",
                |d| d.says.relay = (0..65).map(|n| public(&format!("relay {n}"))).collect(),
                "INVALID_FIELD relay",
            ),
            (
                "65 CA certificates",
                |d| d.says.service_ca = (1..66).map(|n| vec![n].into()).collect(),
                "INVALID_FIELD service_ca",
            ),
            (
                "65 witnesses",
                |d| {
                    d.says.witnesses = (0..65).map(|n| witness(&format!("w{n:02}"))).collect();
                    d.says.quorum = 33;
                },
                "INVALID_FIELD witnesses",
            ),
            (
                "a witness's name with a plus",
                |d| d.says.witnesses[2].name = "w3+example".to_owned(),
                "INVALID_FIELD witnesses",
            ),
            (
                "a witness's name beyond ASCII",
                |d| d.says.witnesses[2].name = "wé".to_owned(),
                "INVALID_FIELD witnesses",
            ),
            (
                "the 65th registrar signs",
                |d| {
                    d.says.registrars.extend((0..62).map(|n| person(&format!("x{n:02}"))));
                    d.signers.push("x61");
                },
                "UNKNOWN_KEY",
            ),
        ],
    );
}

/// As much of everything as there may be, and as little.
#[test]
pub(super) fn content_admits() {
    let world = World::new();
    let good = world.charter();
    let people = |count: usize| -> Vec<proto::Person> {
        (0..count).map(|n| person(&format!("x{n:02}"))).collect()
    };
    let keys = |of: &str| (0..64).map(|n| public(&format!("{of} {n}"))).collect();
    let registrars = good.clone().with(|charter| charter.registrars.extend(people(61)));
    let service = good.clone().with(|charter| {
        (charter.log, charter.relay) = (keys("log"), keys("relay"));
        charter.service_ca = (1..65).map(|n| vec![n].into()).collect();
    });
    let witnesses = good.clone().with(|charter| {
        let names = (0..64).map(|n| match n {
            0 => "!~".to_owned(),
            63 => "w".repeat(200),
            n => format!("w{n:02}"),
        });
        charter.witnesses = names.map(|name| witness(&name)).collect();
        charter.quorum = 33;
        let names = (0..64).map(|n| match n {
            0 => "-".to_owned(),
            1 => "0-9".to_owned(),
            63 => "z".repeat(32),
            n => format!("x{n:02}"),
        });
        charter.policy = names.map(|name| setting(&name, 1)).collect();
    });
    let none = good.clone().with(|charter| {
        (charter.operators, charter.auditors) = Default::default();
        (charter.witnesses, charter.quorum, charter.policy) = Default::default();
    });
    let witnessing =
        |name: &str| good.clone().with(|charter| charter.witnesses[0].key = Some(public(name)));
    for (name, draft) in [
        ("64 registrars", registrars.clone()),
        ("the 64th registrar signs", registrars.signed_by(&["alice", "bob", "x60"])),
        ("64 operators", good.clone().with(|charter| charter.operators = people(64))),
        ("64 auditors", good.clone().with(|charter| charter.auditors = people(64))),
        ("64 keys of the service", service),
        ("64 witnesses and settings", witnesses),
        ("a quorum of all", good.clone().with(|charter| charter.quorum = 3)),
        ("nobody but registrars", none),
        ("the relay witnesses", witnessing("relay")),
        ("a person witnesses", witnessing("dave")),
        ("an authority witnesses", witnessing("fr-1")),
    ] {
        world.judge(name, &draft.bytes(), NOW, None);
    }
}

/// What a charter does not set has its default; names that this version does not know say nothing.
#[test]
fn settings_have_their_defaults() {
    let defaults = Policy {
        stale_after: 86_400,
        metadata_kept: 2_592_000,
        priority_within: 14_400,
        immediate_within: 1_800,
        flash_within: 600,
        member_day_bytes: 1_000_000,
        member_day_count: 256,
    };
    assert_eq!(Policy::of(&[setting("a-setting-of-another-time", 1)]), defaults);
    for (name, default) in [
        ("stale-after", defaults.stale_after),
        ("metadata-kept", defaults.metadata_kept),
        ("priority-within", defaults.priority_within),
        ("immediate-within", defaults.immediate_within),
        ("flash-within", defaults.flash_within),
        ("member-day-bytes", defaults.member_day_bytes),
        ("member-day-count", defaults.member_day_count),
    ] {
        page_says(&format!("| `{name}` | {} |", grouped(default)));
    }
    let set: Vec<proto::Setting> =
        Policy::NAMES.iter().zip(1..).map(|(name, value)| setting(name, value)).collect();
    let all = Policy {
        flash_within: 1,
        immediate_within: 2,
        member_day_bytes: 3,
        member_day_count: 4,
        metadata_kept: 5,
        priority_within: 6,
        stale_after: 7,
    };
    assert_eq!(Policy::of(&set), all);
}

/// A member's key listed as a registrar's signs nothing: its purpose is settled.
#[test]
fn a_key_of_another_purpose_is_no_registrars() {
    let world = World::new();
    let good = world.charter().with(|charter| charter.registrars[2].sign = Some(public("fr-1")));
    assert!(world.refusal(&good).starts_with("KEY_REUSED"));
    assert!(world.refusal(&good.signed_by(&["alice", "bob", "fr-1"])).starts_with("WRONG_PURPOSE"));
}

#[test]
pub(super) fn the_old_quorum_and_the_new_both_sign() {
    let mut world = World::new();
    let next = world.charter().with(|charter| {
        charter.registrars = vec![person("carol"), person("frank"), person("grace")];
    });
    let refused = |name: &str, signers: &[&'static str], expected: &str| {
        let draft = next.clone().signed_by(signers);
        let refusal = world.refusal(&draft);
        let (code, _) = refusal.split_once(' ').unwrap();
        world.judge(name, &draft.bytes(), NOW, Some(code));
        assert!(refusal.contains(expected), "{name}: {refusal}");
    };
    let (own, old) = ("the new registrars are needed", "the registrars in force are needed");
    refused("only the old", &["alice", "bob"], &format!("{own}, 0"));
    refused("the old and one new", &["alice", "bob", "frank"], &format!("{own}, 1"));
    refused("only the new", &["frank", "grace"], &format!("{old}, 0"));
    refused("one old and the new", &["alice", "frank", "grace"], &format!("{old}, 1"));
    refused("one of both and the new", &["carol", "frank", "grace"], &format!("{old}, 1"));
    refused("and an operator", &["alice", "bob", "frank", "grace", "dave"], "WRONG_PURPOSE");
    // Carol is of both, and counts in both.
    let next = next.signed_by(&["alice", "carol", "frank"]);
    world.judge("one of both counts in both", &next.bytes(), NOW, None);
    let threshold = |threshold: u32, signers: &[&'static str], reason| {
        let draft = world.charter().with(|charter| charter.threshold = threshold);
        let name = format!("a threshold of {threshold} signed by {}", signers.len());
        world.judge(&name, &draft.signed_by(signers).bytes(), NOW, reason);
    };
    threshold(1, &["alice"], Some("BELOW_THRESHOLD"));
    threshold(1, &["alice", "bob"], None);
    threshold(3, &["alice", "bob"], Some("BELOW_THRESHOLD"));
    threshold(3, &["alice", "bob", "carol"], None);
    threshold(4, &["alice", "bob", "carol"], Some("BELOW_THRESHOLD"));
    threshold(u32::MAX, &["alice", "bob", "carol"], Some("BELOW_THRESHOLD"));
    world.take(&next);
    assert_eq!(standing(&world, id("alice")), Standing::Dropped);
    assert_eq!(standing(&world, id("carol")), Standing::InForce);

    let judge = |name: &str, draft: &Draft<proto::Admission>, reason| {
        world.judge(name, &draft.bytes(), NOW, reason);
    };
    let old = world.admission("de");
    judge("the old decide nothing", &old, Some("KEY_NOT_IN_FORCE"));
    let mixed = old.clone().signed_by(&["carol"]);
    judge("one of both decides nothing", &mixed, Some("BELOW_THRESHOLD"));
    let mixed = old.clone().signed_by(&["carol", "frank", "alice"]);
    judge("the new and one old", &mixed, Some("KEY_NOT_IN_FORCE"));
    judge("the new decide", &old.signed_by(&["carol", "frank"]), None);
}

/// Every key of a charter has a proof, by itself, for whom it is listed for and for what.
#[test]
pub(super) fn proofs_refuse() {
    type Place =
        (&'static str, fn(&mut proto::Charter) -> &mut proto::PublicKey, &'static str, Use);
    let places: [Place; 8] = [
        (
            "a registrar signs",
            |c| c.registrars[2].sign.as_mut().unwrap(),
            "registrar/carol",
            Use::Sign,
        ),
        (
            "a registrar connects",
            |c| c.registrars[2].tls.as_mut().unwrap(),
            "registrar/carol",
            Use::Tls,
        ),
        (
            "an operator signs",
            |c| c.operators[0].sign.as_mut().unwrap(),
            "operator/dave",
            Use::Sign,
        ),
        (
            "an operator connects",
            |c| c.operators[0].tls.as_mut().unwrap(),
            "operator/dave",
            Use::Tls,
        ),
        ("an auditor signs", |c| c.auditors[0].sign.as_mut().unwrap(), "auditor/erin", Use::Sign),
        ("an auditor connects", |c| c.auditors[0].tls.as_mut().unwrap(), "auditor/erin", Use::Tls),
        ("the log", |c| &mut c.log[0], "log/un.example", Use::Log),
        ("the relay", |c| &mut c.relay[0], "relay/un.example", Use::Relay),
    ];
    let world = World::new();
    for (place, key, holder, usage) in places {
        let judge = |name: &str, listed: proto::PublicKey, reason| {
            let mut draft = Draft { bare: true, ..world.charter() };
            *key(&mut draft.says) = listed;
            world.judge(&format!("{place} {name}"), &draft.bytes(), NOW, reason);
        };
        let name = format!("{place} anew");
        let good = proven(&name, holder, usage);
        judge("with its proof", good.clone(), None);
        let none = proto::PublicKey { proof: Vec::new().into(), ..good.clone() };
        let missing = Some("NO_POSSESSION");
        judge("without a proof", none, missing);
        let other = proven(&format!("{name} too"), holder, usage).proof;
        judge("with another key's proof", proto::PublicKey { proof: other, ..good }, missing);
        let (role, who) = holder.split_once('/').unwrap();
        for other in ["registrar", "operator", "auditor", "log", "relay"] {
            if other != role {
                let other = format!("{other}/{who}");
                judge(&format!("as {other}"), proven(&name, &other, usage), missing);
            }
        }
        for other in [format!("{role}/someone"), who.to_owned()] {
            judge(&format!("as {other}"), proven(&name, &other, usage), missing);
        }
        for other in [Use::Sign, Use::Tls, Use::Log, Use::Relay, Use::Authority] {
            if other != usage {
                judge(&format!("to {other:?}"), proven(&name, holder, other), missing);
            }
        }
    }
    let mut known = Draft { bare: true, ..world.charter() };
    known.says.log[0].proof = Vec::new().into();
    world.judge("a known key", &known.bytes(), NOW, Some("NO_POSSESSION"));
}

#[test]
fn a_key_dropped_from_the_charter_never_returns() {
    let mut world = World::new();
    let gone = world.charter().with(|charter| {
        charter.registrars.pop();
        charter.log = vec![public("log 2")];
    });
    world.take(&gone);
    let back = world.charter().with(|charter| charter.registrars.push(person("carol")));
    assert!(world.refusal(&back).contains("never returns"));
    let back = world.charter().with(|charter| charter.log.push(public("log")));
    assert!(world.refusal(&back).contains("never returns"));
    let elsewhere = world.record("fr/soc").with(|record| record.keeper = Some(public("carol")));
    assert!(world.refusal(&elsewhere).starts_with("KEY_REUSED"));
}

#[test]
fn thresholds_of_hostile_size_do_not_overflow() {
    let world = World::new();
    for threshold in [3, 4, u32::MAX] {
        let draft = world.charter().with(|charter| charter.threshold = threshold);
        assert!(world.refusal(&draft).starts_with("BELOW_THRESHOLD"), "{threshold}");
    }
    let quorum = world.charter().with(|charter| charter.quorum = u32::MAX);
    assert!(world.refusal(&quorum).starts_with("INVALID_FIELD"));
    let policy = world.charter().with(|charter| {
        charter.policy =
            vec![setting("a-setting-of-another-time", 1), setting("stale-after", (1 << 53) - 1)];
    });
    assert!(world.decide(&policy).is_ok());
}

/// An unreadable key is content; before it come the signatures, which it cannot have made.
#[test]
fn an_unreadable_key_is_refused_after_the_signatures() {
    let world = World::new();
    let unreadable = world.charter().with(|charter| charter.registrars[2].sign = None);
    assert!(world.refusal(&unreadable).starts_with("INVALID_FIELD"));
    assert!(
        world.refusal(&unreadable.clone().signed_by(&["alice"])).starts_with("BELOW_THRESHOLD")
    );
    assert!(world.refusal(&unreadable.signed_by(&["nobody"])).starts_with("UNKNOWN_KEY"));
}

/// Keys by age, none of them sorted away; and without witnesses there is no quorum.
#[test]
fn the_log_may_have_two_keys_and_no_witnesses() {
    let mut world = World::new();
    world.take(&world.charter().with(|charter| {
        charter.log = vec![public("log 3"), public("log"), public("log 2")];
        charter.witnesses.clear();
        charter.quorum = 0;
        charter.operators.clear();
    }));
    let ids: Vec<KeyId> = world.directory.charter().log.iter().map(VerifyingKey::id).collect();
    assert_eq!(ids, [id("log 3"), id("log"), id("log 2")]);
    let known = world.directory.key(&id("w1.example"));
    assert_eq!(known, None, "a witness's key is in no register");
    assert_eq!(standing(&world, id("dave tls")), Standing::Dropped);
}
