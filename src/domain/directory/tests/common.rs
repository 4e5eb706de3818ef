//! What every kind of statement shares: size, form, kind, targets, signatures, version, `issued_at`.

use super::*;
use crate::domain::limits::STATEMENT_BYTES;
use crate::signed::dsse::Kind;

fn foreign(name: &str) -> Target {
    Target { name: name.to_owned(), genesis: vec![7; 32].into(), version: 1 }
}

fn flip(signature: &mut proto::Signature) {
    let mut sig = signature.sig.to_vec();
    if let Some(last) = sig.last_mut() {
        *last ^= 1;
    }
    signature.sig = sig.into();
}

/// Size, canonical form, kind, targets, directory, genesis, signatures up to validity.
fn form<S: Says>() -> Vec<Row<S>> {
    vec![
        ("oversized", |d| d.garble.push(|b| b.resize(STATEMENT_BYTES + 1, 0)), "TOO_LARGE 65000"),
        ("no protobuf", |d| d.garble.push(|b| *b = vec![0xff; 40]), "NOT_CANONICAL statement"),
        ("cut", |d| d.garble.push(|b| b.truncate(b.len() - 1)), "NOT_CANONICAL"),
        ("unknown field", |d| d.garble.push(|b| b.extend(b"\x20\x01")), "NOT_CANONICAL"),
        ("payload twice", |d| d.garble.push(|b| b.extend(b"\x0a\x00")), "NOT_CANONICAL"),
        ("type first", |d| d.garble.push(type_first), "NOT_CANONICAL"),
        (
            "key id of 31",
            |d| d.tamper.push(|e| e.signatures[0].key_id.truncate(31)),
            "NOT_CANONICAL",
        ),
        ("no bytes", |d| d.garble.push(Vec::clear), "UNKNOWN_KIND"),
        (
            "later kind",
            |d| d.tamper.push(|e| e.payload_type = of("suspension", 1)),
            "UNKNOWN_KIND suspension",
        ),
        ("next version", |d| d.tamper.push(|e| e.payload_type = of("record", 2)), "UNKNOWN_KIND"),
        (
            "header",
            |d| d.tamper.push(|e| e.payload_type = Kind::Header.payload_type()),
            "UNKNOWN_KIND",
        ),
        (
            "message",
            |d| d.tamper.push(|e| e.payload_type = Kind::Message.payload_type()),
            "UNKNOWN_KIND",
        ),
        (
            "receipt",
            |d| d.tamper.push(|e| e.payload_type = Kind::Accepted.payload_type()),
            "UNKNOWN_KIND",
        ),
        (
            "endless kind",
            |d| d.tamper.push(|e| e.payload_type = "é".repeat(30_000)),
            "UNKNOWN_KIND",
        ),
        (
            "unknown field inside",
            |d| d.tamper.push(|e| append(e, b"\xf8\x07\x01")),
            "NOT_CANONICAL",
        ),
        ("default inside", |d| d.tamper.push(|e| append(e, b"\x10\x00")), "NOT_CANONICAL"),
        ("long varint inside", |d| d.tamper.push(long_varint), "NOT_CANONICAL"),
        ("no targets", |d| d.says.targets().clear(), "INVALID_TARGETS"),
        (
            "unsorted",
            |d| d.says.targets().insert(0, foreign("zz.example")),
            "INVALID_TARGETS sorted",
        ),
        ("doubled", |d| d.says.targets().extend_from_within(..1), "INVALID_TARGETS sorted"),
        (
            "a name of 65 bytes",
            |d| {
                let version = d.says.targets()[0].version;
                d.says.targets().push(Target { version, ..foreign(&long_name(32)) });
            },
            "INVALID_TARGETS names",
        ),
        (
            "another's version",
            |d| {
                let version = 1 - d.says.targets()[0].version.min(1);
                d.says.targets().push(Target { version, ..foreign("zz.example") });
            },
            "INVALID_TARGETS version",
        ),
        ("17 targets", |d| *d.says.targets() = sixteen(17), "INVALID_TARGETS sorted"),
        (
            "no name",
            |d| d.says.targets()[0].name = "UN example".to_owned(),
            "INVALID_TARGETS names",
        ),
        ("genesis of 31", |d| d.says.targets()[0].genesis.truncate(31), "INVALID_TARGETS genesis"),
        (
            "other directory",
            |d| d.says.targets()[0].name = "eu.example".to_owned(),
            "OTHER_DIRECTORY",
        ),
        ("other genesis", |d| d.says.targets()[0].genesis = vec![7; 32].into(), "OTHER_GENESIS"),
        ("no genesis", |d| d.says.targets()[0].genesis.clear(), "INVALID_TARGETS genesis"),
        (
            "unsorted signatures",
            |d| {
                d.signers.push("nobody");
                d.tamper.push(|e| e.signatures.reverse());
            },
            "SIGNATURES_UNSORTED",
        ),
        (
            "signed twice",
            |d| d.tamper.push(|e| e.signatures.insert(0, e.signatures[0].clone())),
            "DUPLICATE_SIGNATURE",
        ),
        ("unknown key", |d| d.signers = vec!["nobody"], "UNKNOWN_KEY"),
        ("and an unknown key", |d| d.signers.push("nobody"), "UNKNOWN_KEY"),
        ("the log's key", |d| d.signers.push("log"), "WRONG_PURPOSE the log"),
        ("the relay's key", |d| d.signers.push("relay"), "WRONG_PURPOSE the relay"),
        ("a connecting key", |d| d.signers = vec!["alice tls"], "WRONG_PURPOSE connect"),
        ("a witness's key", |d| d.signers = vec!["w1.example"], "UNKNOWN_KEY"),
        ("flipped bit", |d| d.tamper.push(|e| flip(&mut e.signatures[0])), "BAD_SIGNATURE"),
        (
            "flipped bit, last",
            |d| d.tamper.push(|e| e.signatures.last_mut().map_or((), flip)),
            "BAD_SIGNATURE",
        ),
        ("empty signature", |d| d.tamper.push(|e| e.signatures[0].sig.clear()), "BAD_SIGNATURE"),
        (
            "signature swapped",
            |d| d.tamper.push(|e| e.signatures[0].sig = vec![0; 64].into()),
            "BAD_SIGNATURE",
        ),
        ("changed once signed", |d| d.tamper.push(later), "BAD_SIGNATURE"),
        ("nobody", |d| d.signers.clear(), "BELOW_THRESHOLD"),
        (
            "one too few",
            |d| {
                d.signers.pop();
            },
            "BELOW_THRESHOLD",
        ),
    ]
}

/// Version and `issued_at` of the kinds that count versions.
fn counted<S: Says>() -> Vec<Row<S>> {
    vec![
        ("no version", |d| d.says.targets()[0].version = 0, "INVALID_TARGETS version"),
        ("skipped", |d| d.says.targets()[0].version += 1, "WRONG_VERSION"),
        ("last", |d| d.says.targets()[0].version = (1 << 53) - 1, "WRONG_VERSION"),
        ("no number", |d| d.says.targets()[0].version = 1 << 53, "NOT_CANONICAL"),
        ("other payload, same version", other_payload, "WRONG_VERSION"),
        ("5 minutes and 1 s", |d| *d.says.issued_at() = NOW + 301, "ISSUED_IN_FUTURE"),
        ("far future", |d| *d.says.issued_at() = (1 << 53) - 1, "ISSUED_IN_FUTURE"),
        ("30 days and 1 s", |d| *d.says.issued_at() = NOW - 30 * DAY - 1, "ISSUED_TOO_EARLY"),
        ("never", |d| *d.says.issued_at() = 0, "ISSUED_TOO_EARLY"),
    ]
}

/// Of the version that is the newest already; nothing else tells it from a repetition.
fn other_payload<S: Says>(draft: &mut Draft<S>) {
    draft.says.targets()[0].version -= 1;
    *draft.says.issued_at() += 1;
}

fn of(kind: &str, version: u32) -> String {
    format!("application/vnd.liaison.{kind}.v{version}+protobuf")
}

fn append(dsse: &mut Dsse, field: &[u8]) {
    dsse.payload = [&dsse.payload[..], field].concat().into();
}

/// The length of the first field with a superfluous byte.
fn long_varint(dsse: &mut Dsse) {
    let payload = &dsse.payload;
    dsse.payload = [&payload[..1], &[payload[1] | 0x80, 0], &payload[2..]].concat().into();
}

fn type_first(bytes: &mut Vec<u8>) {
    let dsse = Dsse::decode(&bytes[..]).unwrap();
    let payload = Dsse { payload: dsse.payload.clone(), ..Dsse::default() }.encode_to_vec();
    *bytes = [Dsse { payload: Vec::new().into(), ..dsse }.encode_to_vec(), payload].concat();
}

/// `issued_at` one second later, which is the one varint that every kind has.
fn later(dsse: &mut Dsse) {
    let needle: Vec<u8> =
        proto::Withdrawal { issued_at: NOW, ..Default::default() }.encode_to_vec();
    let at = dsse.payload.windows(needle.len()).position(|window| window == needle).unwrap();
    let mut payload = dsse.payload.to_vec();
    payload[at + 1] ^= 1;
    dsse.payload = payload.into();
}

/// The name of a directory: a part of 32 letters, a point, and so many more.
fn long_name(more: usize) -> String {
    format!("{}.{}", "z".repeat(32), "z".repeat(more))
}

fn sixteen(count: usize) -> Vec<Target> {
    (0..count).map(|n| foreign(&format!("a{n:02}.example"))).collect()
}

/// The rows that hold for one kind; `beside` is a key whose signature counts towards nothing.
fn check<S: Says>(world: &World, good: &Draft<S>, superfluous: Row<S>) {
    world.refuses(good, &form());
    world.refuses(good, &[superfluous]);
}

fn check_counted<S: Says>(world: &World, good: &Draft<S>, superfluous: Row<S>) {
    check(world, good, superfluous);
    world.refuses(good, &counted());
    for at in [NOW - 30 * DAY, NOW + 300] {
        let good = good.clone().with(|says| *says.issued_at() = at);
        world.judge(&format!("issued at {at}"), &good.bytes(), NOW, None);
    }
}

fn one_target<S: Says>(world: &World, good: &Draft<S>) {
    let two: Row<S> =
        ("two targets", |d| d.says.targets().push(foreign("zz.example")), "INVALID_TARGETS one");
    world.refuses(good, &[two]);
}

fn many_targets<S: Says>(world: &World, good: &Draft<S>) {
    let sixteen = good.clone().with(|says| {
        let ours = says.targets().clone();
        let version = ours[0].version;
        let others = self::sixteen(14).into_iter().map(|target| Target { version, ..target });
        let longest = Target { version, ..foreign(&long_name(31)) };
        *says.targets() = others.chain(ours).chain([longest]).collect();
    });
    world.judge("16 targets", &sixteen.bytes(), NOW, None);
}

/// A signature of whoever may sign such a statement, and not this one.
const SUPERFLUOUS: &str = "SUPERFLUOUS_SIGNATURE";
/// Of whoever never may.
const NOT_HIS: &str = "WRONG_PURPOSE";

#[test]
pub(super) fn charter() {
    let (world, good) = (World::new(), World::new().charter());
    check_counted(&world, &good, ("an operator", |d| d.signers.push("dave"), NOT_HIS));
    one_target(&world, &good);
}

#[test]
pub(super) fn admission() {
    let world = World::new();
    for member in ["fr", "de"] {
        let good = world.admission(member);
        check(&world, &good, ("an operator", |d| d.signers.push("dave"), NOT_HIS));
        one_target(&world, &good);
    }
    check_counted(
        &world,
        &world.admission("fr"),
        ("an auditor", |d| d.signers.push("erin"), NOT_HIS),
    );
}

#[test]
pub(super) fn attested_record() {
    let (world, good) = (World::new(), World::new().attested("zz/mfa"));
    check_counted(&world, &good, ("an operator", |d| d.signers.push("dave"), NOT_HIS));
    one_target(&world, &good);
}

#[test]
pub(super) fn record() {
    let (world, good) = (World::new(), World::new().record("fr/cert"));
    check_counted(&world, &good, ("another State", |d| d.signers.push("at-1"), SUPERFLUOUS));
    many_targets(&world, &good);
}

#[test]
pub(super) fn roster() {
    let world = World::new();
    let short = |contact| world.roster(contact).with(|roster| roster.seats.truncate(1));
    let good = short("fr/cert");
    check_counted(
        &world,
        &good,
        ("another keeper", |d| d.signers.push("fr/soc keeper"), SUPERFLUOUS),
    );
    many_targets(&world, &good);
    let kept = short("fr/soc");
    check_counted(&world, &kept, ("the authority", |d| d.signers.push("fr-1"), SUPERFLUOUS));
}

#[test]
pub(super) fn withdrawal() {
    let (world, good) = (World::new(), World::new().withdrawal("fr/cert"));
    check_counted(&world, &good, ("a registrar", |d| d.signers.push("alice"), SUPERFLUOUS));
    many_targets(&world, &good);
}

#[test]
pub(super) fn revocation() {
    let (world, good) = (World::new(), World::new().revocation("fr/cert/duty-1"));
    check(&world, &good, ("another State", |d| d.signers.push("at-1"), SUPERFLUOUS));
    many_targets(&world, &good);
}

/// The newest statement of each counter again: the same leaf, and nothing is logged.
#[test]
fn a_statement_repeated_is_answered_with_its_leaf() {
    let mut world = World::new();
    world.take(&world.charter());
    world.take(&world.withdrawal("at/cert"));
    world.take(&world.revocation("fr/cert/duty-1"));
    let mut newest = std::collections::BTreeMap::new();
    for (leaf, (bytes, _)) in world.entries.iter().enumerate().skip(1) {
        let envelope = Envelope::parse(bytes, STATEMENT_BYTES).unwrap();
        let decided = Unverified::read(&world.directory, bytes).unwrap().logged(&world.directory);
        newest.insert(envelope.kind(), (leaf as u64, decided));
    }
    assert_eq!(newest.len(), 7);
    for (kind, (leaf, decided)) in newest {
        assert_eq!(decided, Some(leaf), "{kind:?}");
    }
}

/// Verified before the queue, decided at the head: a signer whose key ended in between signs nothing.
#[test]
fn a_key_that_ends_between_verifying_and_deciding_signs_nothing() {
    let mut world = World::new();
    let record = verify(&world.directory, &world.roster("fr/soc").bytes()).unwrap();
    let slip = world.revocation("fr/soc/duty-1").signed_by(&["fr/soc/duty-2 sign"]);
    let slip = verify(&world.directory, &slip.bytes()).unwrap();
    let next = |world: &World| Admitted { leaf: world.directory.size(), at: NOW };
    assert!(apply(&world.directory, &record, next(&world)).is_ok());
    world.take(&world.record("fr/soc").with(|record| record.keeper = Some(public("new"))));
    let refused = apply(&world.directory, &record, next(&world)).unwrap_err();
    assert_eq!(refused.code(), "KEY_NOT_IN_FORCE", "the keeper was replaced");
    world.take(&world.revocation("fr/soc/duty-2"));
    let refused = apply(&world.directory, &slip, next(&world)).unwrap_err();
    assert_eq!(refused.code(), "KEY_NOT_IN_FORCE", "the seat was revoked");
    world.take(&world.withdrawal("fr/soc"));
    let refused = apply(&world.directory, &slip, next(&world)).unwrap_err();
    assert_eq!(refused.code(), "UNKNOWN_CONTACT", "nothing stands");
}

#[test]
fn what_is_quoted_of_foreign_bytes_is_short() {
    let world = World::new();
    let mut draft = world.record("fr/cert");
    draft.tamper.push(|dsse| dsse.payload_type = "é".repeat(30_000));
    assert!(world.refusal(&draft).len() < 500);
    let draft = world.roster("fr/cert").with(|roster| roster.seats[0].name = "x".repeat(50_000));
    assert!(world.refusal(&draft).len() < 500);
    let draft =
        world.record("fr/cert").with(|record| record.names[0].language = "x".repeat(50_000));
    assert!(world.refusal(&draft).len() < 500);
}

/// What was verified is decided on what stands when its turn comes, whom it is about first.
#[test]
fn what_happened_since_it_was_verified_counts() {
    let mut world = World::new();
    let roster = verify(&world.directory, &world.roster("fr/soc").bytes()).unwrap();
    let by_seat = world.revocation("fr/soc/duty-1").signed_by(&["fr/soc/duty-2 sign"]);
    let by_seat = verify(&world.directory, &by_seat.bytes()).unwrap();
    let decide = |world: &World, verified| {
        let admitted = Admitted { leaf: world.directory.size(), at: NOW };
        apply(&world.directory, verified, admitted).map(|_| ()).map_err(|refusal| refusal.code())
    };
    assert_eq!(decide(&world, &by_seat), Ok(()));
    world.take(&world.revocation("fr/soc/duty-2"));
    assert_eq!(decide(&world, &by_seat), Err("KEY_NOT_IN_FORCE"));
    world.take(&world.withdrawal("fr/soc"));
    assert_eq!(decide(&world, &by_seat), Err("UNKNOWN_CONTACT"));
    assert_eq!(decide(&world, &roster), Err("UNKNOWN_CONTACT"));
}

/// The attacker has no time: a log whose leaf or time goes back is refused whoever signed.
#[test]
fn an_entry_is_the_next_one() {
    let world = World::new();
    let verified = verify(&world.directory, &world.record("fr/cert").bytes()).unwrap();
    for leaf in [0, world.directory.size() - 1, world.directory.size() + 1, u64::MAX] {
        let refused = apply(&world.directory, &verified, Admitted { leaf, at: NOW });
        assert_eq!(refused.unwrap_err().code(), "INTERNAL", "{leaf}");
    }
}
