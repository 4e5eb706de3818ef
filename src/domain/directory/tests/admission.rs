//! Admissions: members, and the first keys of their authorities.

use super::*;

#[test]
pub(super) fn content_refuses() {
    let world = World::new();
    world.refuses(
        &world.admission("fr"),
        &[
            ("no member", |d| d.says.member.clear(), "INVALID_FIELD member"),
            ("upper case", |d| d.says.member = "FR".to_owned(), "INVALID_FIELD member"),
            ("an authority", |d| d.signers.push("fr-1"), "WRONG_PURPOSE authority"),
            ("a keeper", |d| d.signers.push("fr/soc keeper"), "WRONG_PURPOSE keeper"),
            ("a seat", |d| d.signers.push("fr/soc/duty-1 sign"), "WRONG_PURPOSE a seat"),
            ("registrar", |d| d.says.member = "registrar".to_owned(), "INVALID_FIELD member"),
            ("operator", |d| d.says.member = "operator".to_owned(), "INVALID_FIELD member"),
            ("auditor", |d| d.says.member = "auditor".to_owned(), "INVALID_FIELD member"),
            ("log", |d| d.says.member = "log".to_owned(), "INVALID_FIELD member"),
            ("relay", |d| d.says.member = "relay".to_owned(), "INVALID_FIELD member"),
            ("two parts", |d| d.says.member = "fr/cert".to_owned(), "INVALID_FIELD member"),
            ("no name", |d| d.says.names.clear(), "INVALID_FIELD names"),
            ("names unsorted", |d| d.says.names.swap(0, 1), "INVALID_FIELD sorted"),
            (
                "name doubled",
                |d| d.says.names[1].language = "en".to_owned(),
                "INVALID_FIELD doubles",
            ),
            (
                "33 names",
                |d| d.says.names = (0..33).map(|n| text(&format!("en-{n:02}"), "x")).collect(),
                "INVALID_FIELD 32",
            ),
            ("no language", |d| d.says.names[0].language.clear(), "INVALID_FIELD BCP 47"),
            ("one letter", |d| d.says.names[0].language = "e".to_owned(), "INVALID_FIELD BCP 47"),
            (
                "underscore",
                |d| d.says.names[0].language = "en_GB".to_owned(),
                "INVALID_FIELD BCP 47",
            ),
            (
                "nine letters",
                |d| d.says.names[0].language = "englishes".to_owned(),
                "INVALID_FIELD BCP 47",
            ),
            (
                "empty subtag",
                |d| d.says.names[0].language = "en--GB".to_owned(),
                "INVALID_FIELD BCP 47",
            ),
            ("digits", |d| d.says.names[0].language = "12".to_owned(), "INVALID_FIELD BCP 47"),
            (
                "a sign in a later part",
                |d| d.says.names[0].language = "en-G_B".to_owned(),
                "INVALID_FIELD BCP 47",
            ),
            (
                "nine letters in a later part",
                |d| d.says.names[0].language = "en-abcdefghi".to_owned(),
                "INVALID_FIELD BCP 47",
            ),
            (
                "just 36 bytes",
                |d| d.says.names[0].language = "en-abcdefgh-abcdefgh-abcdefgh-abcdef".to_owned(),
                "INVALID_FIELD BCP 47",
            ),
            (
                "36 bytes",
                |d| d.says.names[0].language = "en-abcdefgh-abcdefgh-abcdefgh-abcdefgh".to_owned(),
                "INVALID_FIELD BCP 47",
            ),
            ("empty name", |d| d.says.names[0].text.clear(), "INVALID_FIELD 1 to 400"),
            ("401 bytes", |d| d.says.names[0].text = "x".repeat(401), "INVALID_FIELD found 401"),
            (
                "escape sequence",
                |d| d.says.names[0].text = "\u{1b}[31m".to_owned(),
                "INVALID_FIELD U+001B",
            ),
            (
                "note unreferenced",
                |d| d.says.note.as_mut().unwrap().reference.clear(),
                "INVALID_FIELD note.reference",
            ),
            ("note undated", |d| d.says.note.as_mut().unwrap().date = 0, "INVALID_FIELD note.date"),
            (
                "note of 31 bytes",
                |d| d.says.note.as_mut().unwrap().sha256.truncate(31),
                "INVALID_FIELD note.sha256",
            ),
            ("empty note", |d| d.says.note = Some(proto::Note::default()), "INVALID_FIELD note"),
            ("no kind", |d| d.says.kind = 0, "INVALID_FIELD kind"),
            ("unknown kind", |d| d.says.kind = 7, "INVALID_FIELD kind"),
            ("negative kind", |d| d.says.kind = -1, "NOT_CANONICAL"),
            ("X-Wing", |d| d.says.authority[0] = sealing("x"), "INVALID_FIELD authority"),
            (
                "says P-384",
                |d| d.says.authority[0].algorithm = 3,
                "INVALID_FIELD another algorithm",
            ),
            ("weak key", |d| d.says.authority[0] = low_order(), "INVALID_FIELD authority"),
            ("cut key", |d| d.says.authority[0].key.truncate(43), "INVALID_FIELD authority"),
            ("keys unsorted", |d| d.says.authority.swap(0, 1), "INVALID_FIELD sorted"),
            (
                "key doubled",
                |d| d.says.authority[1] = d.says.authority[0].clone(),
                "INVALID_FIELD doubles",
            ),
            ("threshold 0", |d| d.says.threshold = 0, "INVALID_FIELD threshold"),
            ("4 of 3", |d| d.says.threshold = 4, "INVALID_FIELD threshold"),
            ("largest threshold", |d| d.says.threshold = u32::MAX, "INVALID_FIELD threshold"),
            ("threshold of nobody", |d| d.says.authority.clear(), "INVALID_FIELD threshold"),
            ("lower threshold", |d| d.says.threshold = 1, "AUTHORITY_STANDS"),
            (
                "one key less",
                |d| {
                    d.says.authority.pop();
                },
                "AUTHORITY_STANDS",
            ),
            (
                "other keys",
                |d| d.says.authority = keys_by_id(&["fr-1", "fr-2", "fr-4"]),
                "AUTHORITY_STANDS",
            ),
            (
                "one key more",
                |d| d.says.authority = keys_by_id(&["fr-1", "fr-2", "fr-3", "fr-4"]),
                "AUTHORITY_STANDS",
            ),
            (
                "no keys",
                |d| {
                    d.says.authority.clear();
                    d.says.threshold = 0;
                },
                "AUTHORITY_STANDS",
            ),
        ],
    );
}

/// Every shape of a tag, as many as there may be; a note is no must, and a date only not 0.
#[test]
pub(super) fn content_admits() {
    let world = World::new();
    let good = world.admission("fr");
    let tags = [
        "Abcdefgh",
        "de-1996",
        "en-abcdefgh-abcdefgh-abcdefgh-abcde",
        "pt-BR",
        "pt-br",
        "zh-Hant-TW",
        "zz-1",
    ];
    let tagged = good.clone().with(|admission| {
        admission.names = tags.iter().map(|tag| text(tag, "x")).collect();
    });
    let many = good.clone().with(|admission| {
        admission.names = (0..32).map(|n| text(&format!("en-{n:02}"), "x")).collect();
    });
    let names: Vec<String> = (0..64).map(|n| format!("zz-{n}")).collect();
    let keys = world.admission("zz").with(|admission| {
        admission.authority = keys_by_id(&names.iter().map(|name| &name[..]).collect::<Vec<_>>());
        admission.threshold = 64;
    });
    let note = good.clone().with(|admission| {
        admission.note.as_mut().unwrap().date = 1;
        admission.note.as_mut().unwrap().reference = "x".repeat(400);
    });
    for (name, draft) in [
        ("tags of every shape", tagged),
        ("32 names", many),
        ("64 keys, all of whom decide", keys),
        ("without a note", good.with(|admission| admission.note = None)),
        ("a note of 1970", note),
    ] {
        world.judge(name, &draft.bytes(), NOW, None);
    }
    for kind in 1..7 {
        let draft = world.admission("fr").with(|admission| admission.kind = kind);
        world.judge(&format!("kind {kind}"), &draft.bytes(), NOW, None);
    }
}

#[test]
pub(super) fn first_keys_refuse() {
    let world = World::new();
    let good = world.admission("zz").with(|admission| {
        admission.authority = vec![public("zz-1")];
        admission.threshold = 1;
    });
    world.refuses(
        &good,
        &[
            ("a compressed point", |d| d.says.authority = vec![other_p256(3, 0)], "INVALID_FIELD"),
            ("a hybrid point", |d| d.says.authority = vec![other_p256(6, 0)], "INVALID_FIELD"),
            ("a point and a byte", |d| d.says.authority = vec![other_p256(4, 1)], "INVALID_FIELD"),
            ("a point cut short", |d| d.says.authority = vec![other_p256(4, -1)], "INVALID_FIELD"),
            ("65 keys", |d| d.says.authority = keys_by_id(&["x"; 65]), "INVALID_FIELD 64"),
            (
                "another State's",
                |d| d.says.authority = vec![public("at-1")],
                "KEY_REUSED belongs to at,",
            ),
            (
                "a registrar's",
                |d| d.says.authority = vec![public("carol")],
                "KEY_REUSED registrar/carol",
            ),
            (
                "a connecting key",
                |d| d.says.authority = vec![public("erin tls")],
                "KEY_REUSED auditor/erin",
            ),
            (
                "a seat's",
                |d| d.says.authority = vec![public("at/cert/duty-1 sign")],
                "KEY_REUSED at/cert/duty-1",
            ),
            (
                "a keeper's",
                |d| d.says.authority = vec![public("at/cert keeper")],
                "KEY_REUSED keeper",
            ),
            (
                "the relay's",
                |d| d.says.authority = vec![public("relay")],
                "KEY_REUSED relay/un.example",
            ),
        ],
    );
}

/// The proof of an authority's key is by itself, for the member, and to be its authority.
#[test]
pub(super) fn proofs_refuse() {
    let world = World::new();
    let with = |name: &str, key: proto::PublicKey, reason| {
        let admission = world.admission("zz").with(|admission| {
            admission.authority = vec![key];
            admission.threshold = 1;
        });
        let bytes = Draft { bare: true, ..admission }.bytes();
        world.judge(name, &bytes, NOW, reason);
    };
    let (name, missing) = ("zz anew", Some("NO_POSSESSION"));
    let good = proven(name, "zz", Use::Authority);
    with("its proof", good.clone(), None);
    with("none", proto::PublicKey { proof: Vec::new().into(), ..good.clone() }, missing);
    let other = proven("zz anew too", "zz", Use::Authority).proof;
    with("another key's", proto::PublicKey { proof: other, ..good }, missing);
    for holder in ["fr", "zz/mfa", "authority/zz"] {
        with(&format!("as {holder}"), proven(name, holder, Use::Authority), missing);
    }
    for usage in [Use::Keeper, Use::Sign, Use::Tls] {
        with(&format!("to {usage:?}"), proven(name, "zz", usage), missing);
    }
}

/// The token's key with another first byte of its point, and with bytes more or less.
fn other_p256(first: u8, more: i8) -> proto::PublicKey {
    let mut key = p256().key.to_vec();
    key[26] = first;
    key.resize(key.len().checked_add_signed(more.into()).unwrap(), 1);
    proto::PublicKey { key: key.into(), ..p256() }
}

#[test]
fn a_listed_member_gets_keys_once() {
    let mut world = World::new();
    let keys = |names: &[&'static str], threshold| {
        let keys = keys_by_id(names);
        move |admission: &mut proto::Admission| {
            (admission.authority, admission.threshold) = (keys, threshold);
        }
    };
    world.take(&world.admission("zz"));
    let parts = world.take(&world.admission("zz").with(keys(&["zz-1"], 1)));
    assert_eq!(parts.keys.len(), 1);
    let again = world.admission("zz").with(keys(&["zz-2"], 1));
    assert!(world.refusal(&again).starts_with("AUTHORITY_STANDS"));
    let renamed = world.admission("zz").with(keys(&["zz-1"], 1));
    let renamed = renamed.with(|admission| admission.names.truncate(1));
    assert_eq!(world.take(&renamed).keys, [], "a key listed again is no news");
    assert_eq!(world.directory.member(&member("zz")).unwrap().newest.version, 4);
    assert_eq!(world.directory.member(&member("zz")).unwrap().names.len(), 1);
}

/// 1 of 2, 2 of 3, 3 of 3: the keys that decide are counted, each once.
#[test]
fn k_of_n_keys_decide() {
    for threshold in 1..=3 {
        let mut world = World::founded();
        world.take(&world.admission("fr").with(|admission| admission.threshold = threshold));
        let record = world.record("fr/cert");
        let names = ["fr-1", "fr-2", "fr-3"];
        for signers in 0..8u32 {
            let signers: Vec<&'static str> =
                (0..3).filter(|bit| signers & (1 << bit) != 0).map(|bit| names[bit]).collect();
            let decided = world.decide(&record.clone().signed_by(&signers));
            let (needed, found) = (threshold, signers.len() as u32);
            match decided {
                Ok(_) => assert!(found >= needed),
                Err(Refusal::BelowThreshold { needed: n, found: f, .. }) => {
                    assert!(found < needed && (n, f) == (needed, found));
                }
                other => panic!("{signers:?}: {other:?}"),
            }
        }
        let twice = record.clone().signed_by(&["fr-1", "fr-1", "fr-1"]);
        assert_eq!(world.decide(&twice).is_ok(), threshold == 1, "signing again counts once");
    }
}

/// Keys on tokens that do no Ed25519.
#[test]
fn ecdsa_authorities_sign() {
    use ring::signature::{self, EcdsaKeyPair};
    let random = random();
    let made = |algorithm| {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        SigningKey::from_pkcs8(pkcs8.as_ref(), &random).unwrap()
    };
    let keys = [
        made(&signature::ECDSA_P256_SHA256_ASN1_SIGNING),
        made(&signature::ECDSA_P384_SHA384_ASN1_SIGNING),
    ];
    let mut world = World::founded();
    let mut admission = world.admission("de");
    let listed = keys.iter().map(|key| prove(key, "de", Use::Authority, &random).unwrap());
    admission.says.authority = listed.collect();
    admission.says.authority.sort_by_key(|key| KeyId::of(&key.key));
    admission.says.threshold = 2;
    world.take(&admission);
    let record = world.record("de/cert").says.proven().statement();
    let sign = |keys: &[&SigningKey]| {
        Envelope::sign(record.kind(), record.encode(), keys, &random).unwrap()
    };
    let one = world.decide_bytes(sign(&[&keys[0]]).bytes(), NOW).unwrap_err();
    assert_eq!(one.code(), "BELOW_THRESHOLD");
    let both = sign(&[&keys[0], &keys[1]]);
    let swapped: Vec<_> = both.signatures().iter().rev().cloned().collect();
    let mut signatures = both.signatures().to_vec();
    signatures.iter_mut().zip(swapped).for_each(|(to, from)| to.sig = from.sig);
    let swapped = Envelope::assemble(both.kind(), both.payload().clone(), signatures);
    let swapped = world.decide_bytes(swapped.bytes(), NOW).unwrap_err();
    assert_eq!(swapped.code(), "BAD_SIGNATURE");
    world.take_bytes(both.bytes().to_vec(), NOW);
    // ECDSA takes other randomness each time: the same payload, and so the same statement.
    let again = sign(&[&keys[0], &keys[1]]);
    let again = Unverified::read(&world.directory, again.bytes()).unwrap();
    assert_eq!(again.logged(&world.directory), Some(2));
}
