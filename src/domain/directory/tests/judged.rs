//! Golden refusals and admissions: what every implementation must make of a log, case by case.
//!
//! In scope: the rows of the tables beside this file, and near misses that must pass, as entries that
//! anybody can fold. A case whose bytes are new each time (ECDSA) is judged as it stands in the file;
//! all others are made again and compared.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use ring::digest::{SHA512, digest};

use super::entry::Entry;
use super::*;
use crate::signed::dsse::{self, Kind};
use crate::tests::golden;

/// One case: what comes after so many entries of the base, and what becomes of the last.
#[derive(Clone)]
struct Case {
    name: String,
    /// Why it is refused; none if it is admitted.
    reason: Option<String>,
    base: usize,
    /// The bytes of entries, in hexadecimal.
    entries: Vec<String>,
}

thread_local! {
    /// What is collected, and under which heading; nothing while tables are only tests.
    static CASES: RefCell<Option<(String, Vec<Case>)>> = const { RefCell::new(None) };
}

/// Keeps a case for the golden files, if they are being made.
pub(super) fn keep(world: &World, name: &str, draft: (&[u8], u64), judged: &Result<(), String>) {
    CASES.with_borrow_mut(|cases| {
        let Some((heading, cases)) = cases else { return };
        let entry = hex_of(&(draft.0.to_vec(), draft.1));
        let (base, mut entries) = beyond_base(world);
        entries.push(entry);
        let words = format!("{heading} {name}").replace([' ', ',', '\'', ':'], "-");
        let name = words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
        let reason = judged.as_ref().err().cloned();
        cases.push(Case { name, reason, base, entries });
    });
}

/// How much of a world's log is the base's, and what comes after.
fn beyond_base(world: &World) -> (usize, Vec<String>) {
    let both = world.entries.iter().zip(&BASE.entries);
    let common = both.take_while(|(a, b)| a == b).count();
    (common, world.entries[common..].iter().map(hex_of).collect())
}

/// The same of bytes that may be no entry.
fn keep_raw(name: &str, world: &World, entry: String, reason: &str) {
    CASES.with_borrow_mut(|cases| {
        let Some((heading, cases)) = cases else { return };
        let (base, mut entries) = beyond_base(world);
        entries.push(entry);
        let name = format!("{heading}-{name}").replace([' ', ','], "-");
        cases.push(Case { name, reason: Some(reason.to_owned()), base, entries });
    });
}

/// The same of an entry 0: nothing stands before it.
pub(super) fn keep_founding(name: &str, draft: (&[u8], u64), reason: &str) {
    let nothing = World { entries: Vec::new(), ..World::founded() };
    keep(&nothing, name, draft, &Err(reason.to_owned()));
}

/// What stands before the cases.
static BASE: LazyLock<World> = LazyLock::new(World::new);

fn collected(tables: &[(&str, fn())]) -> Vec<Case> {
    let mut all = Vec::new();
    for (heading, table) in tables {
        CASES.set(Some(((*heading).to_owned(), Vec::new())));
        table();
        all.extend(CASES.take().map(|(_, cases)| cases).unwrap_or_default());
    }
    // A table that is used for two statements gives its names twice.
    let mut seen = BTreeMap::new();
    for case in &mut all {
        let times = seen.entry(case.name.clone()).or_insert(0);
        *times += 1;
        if *times > 1 {
            case.name = format!("{}-{times}", case.name);
        }
    }
    all
}

/// A table of rows, and the heading of its cases.
type Table = (&'static str, fn());

/// What all kinds share, of those whose rows came later than admission's and revocation's.
const EVERY_OTHER_KIND: [Table; 5] = [
    ("any charter", common::charter),
    ("any attested record", common::attested_record),
    ("any record", common::record),
    ("any roster", common::roster),
    ("any withdrawal", common::withdrawal),
];

/// For refusals and admissions both.
const LATER: [Table; 9] = [
    ("quorums", charter::the_old_quorum_and_the_new_both_sign),
    ("proof in a charter", charter::proofs_refuse),
    ("proof in an admission", admission::proofs_refuse),
    ("proof in a record", record::proofs_refuse),
    ("proof beside its twin", proofs::twins_refuse),
    ("later", later),
    ("back", back),
    ("bounds", bounds),
    ("clock", time::every_dated_entry_raises_it),
];

/// Without the cases of 60 KB, which are judged before anybody knows the kind.
fn short(cases: Vec<Case>) -> impl Iterator<Item = Case> {
    cases.into_iter().filter(|case| case.entries.iter().all(|entry| entry.len() < 100_000))
}

/// A kind without a case would be judged by this program alone.
fn every_kind_is_last_in(cases: &[Case]) {
    let served = Statement::KINDS.iter().filter(|(_, since)| *since <= RULES);
    for (kind, _) in served {
        let named = hex::encode(kind.payload_type());
        let judged = |case: &Case| case.entries.last().is_some_and(|last| last.contains(&named));
        assert!(cases.iter().any(judged), "no case of {kind:?}");
    }
}

fn hex_of((statement, admitted_at): &(Vec<u8>, u64)) -> String {
    let statement = statement.clone().into();
    hex::encode(Entry { statement, admitted_at: *admitted_at }.encode())
}

fn line(case: &Case) -> String {
    let entries = &case.entries;
    let reason = case.reason.as_ref().map(|reason| format!("{reason} ")).unwrap_or_default();
    format!("{} {reason}{} {}\n", case.name, case.base, entries.join(" "))
}

/// Whether its bytes are made anew each time: a key on the token's curve signs with randomness.
fn is_random(case: &Case) -> bool {
    let spki = hex::encode(TOKEN.public().spki());
    case.entries.iter().any(|entry| entry.contains(&spki))
}

/// Folds entries as a reader does, by their bytes alone.
fn judge(base: &[String], entries: &[String]) -> Result<(), String> {
    let mut directory: Option<Directory> = None;
    let last = base.len() + entries.len() - 1;
    for (leaf, bytes) in base.iter().chain(entries).enumerate() {
        let folded = fold_one(directory.take(), leaf as u64, &hex::decode(bytes).unwrap());
        match folded {
            Ok(next) => directory = Some(next),
            Err(refusal) if leaf == last => return Err(refusal.on_the_page()),
            Err(refusal) => panic!("entry {leaf} of {last} is refused: {refusal}"),
        }
    }
    Ok(())
}

/// The directory with one more entry; the first founds it.
pub(crate) fn fold_one(
    directory: Option<Directory>,
    leaf: u64,
    bytes: &[u8],
) -> Result<Directory, Refusal> {
    let Entry { statement, admitted_at: at } = Entry::read(bytes, RULES)?;
    let Some(mut directory) = directory else {
        let name = NAME.parse().unwrap();
        return Ok(found(&name, &verify_founding(&name, &statement)?, at)?.0);
    };
    let parts = apply(&directory, &verify(&directory, &statement)?, Admitted { leaf, at })?;
    directory.advance(&parts);
    Ok(directory)
}

/// The file is made of these cases; what is random in it is judged as it stands.
fn matches_golden(file: &str, title: &str, cases: &[Case]) {
    let names: std::collections::BTreeSet<&str> = cases.iter().map(|case| &*case.name).collect();
    assert_eq!(names.len(), cases.len(), "each case has a name of its own");
    let base: Vec<String> = BASE.entries.iter().map(hex_of).collect();
    let golden = golden(file);
    let stored: BTreeMap<&str, &str> = golden
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some((line.split(' ').next()?, line)))
        .collect();
    let mut made = format!("# {title}\n");
    for case in cases {
        let stored = stored.get(&*case.name).filter(|_| is_random(case));
        let line = match stored {
            Some(stored) => format!("{stored}\n"),
            None => line(case),
        };
        let mut words = line.split_whitespace().skip(1).map(str::to_owned);
        let reason = case.reason.as_ref().and_then(|_| words.next());
        let prefix: usize = words.next().unwrap().parse().unwrap();
        let entries: Vec<String> = words.collect();
        let found = judge(&base[..prefix], &entries);
        assert_eq!(found.err(), reason, "{}", case.name);
        assert_eq!(reason, case.reason, "{}", case.name);
        made += &line;
    }
    crate::tests::matches_golden(file, &made);
}

#[test]
fn golden_base() {
    let kind = |bytes: &[u8]| Envelope::parse(bytes, 65_000).unwrap().kind().name();
    let lines = BASE.entries.iter();
    let lines = lines.map(|entry| format!("{} {}\n", kind(&entry.0), hex_of(entry)));
    let title = "# The entries before each case of admissions.txt and refusals.txt.\n";
    crate::tests::matches_golden("log/base.txt", &(title.to_owned() + &lines.collect::<String>()));
}

#[test]
fn golden_refusals() {
    let cases = collected(&[
        ("entry", entries),
        ("founding", charter::founding_refuses),
        ("charter", charter::content_refuses),
        ("admission", admission::content_refuses),
        ("first keys", admission::first_keys_refuse),
        ("attested", attested::content_refuses),
        ("record", record::content_refuses),
        ("roster", roster::content_refuses),
        ("withdrawal", withdrawal::content_refuses),
        ("revocation", revocation::content_refuses),
        ("any admission", common::admission),
        ("any revocation", common::revocation),
        ("text", text::forbidden),
        ("time", time::refuses),
        ("ended", ended),
        ("standing", standing_rows),
        ("either", withdrawal::either_withdraws_what_is_attested),
        ("moved", keys::moved),
        ("curve", curve),
        ("token", token),
    ]);
    let cases = cases.into_iter().chain(short(collected(&EVERY_OTHER_KIND)));
    let cases = cases.chain(collected(&LATER));
    let refusals: Vec<Case> = cases.filter(|case| case.reason.is_some()).collect();
    assert!(refusals.len() > 300, "{}", refusals.len());
    every_kind_is_last_in(&refusals);
    let title =
        "name, reason, so many entries of base.txt, and then: all but the last are admitted.";
    matches_golden("log/refusals.txt", title, &refusals);
}

#[test]
fn golden_admissions() {
    let cases = collected(&[
        ("charter", charter::content_refuses),
        ("admission", admission::content_refuses),
        ("attested", attested::content_refuses),
        ("record", record::content_refuses),
        ("roster", roster::content_refuses),
        ("withdrawal", withdrawal::content_refuses),
        ("revocation", revocation::content_refuses),
        ("any revocation", common::revocation),
        ("standing", standing_rows),
        ("seal", roster::a_seal_key_is_its_contacts_own),
        ("slip for", revocation::for_every_reason),
        ("slip of", revocation::seat_colleague_keeper_and_authority_may),
        ("slip", revocation::it_is_never_too_old_and_repeating_it_changes_nothing),
        ("most of a charter", charter::content_admits),
        ("most of an admission", admission::content_admits),
        ("most of an attested record", attested::content_admits),
        ("most of a record", record::content_admits),
        ("either", withdrawal::either_withdraws_what_is_attested),
        ("moved", keys::moved),
        ("text", text::admitted),
        ("time", time::admits),
        ("curve", curve),
        ("token", token),
    ]);
    let cases = cases.into_iter().chain(collected(&EVERY_OTHER_KIND));
    let cases = cases.chain(collected(&LATER));
    let admissions: Vec<Case> = cases.filter(|case| case.reason.is_none()).collect();
    assert!(admissions.len() > 40, "{}", admissions.len());
    every_kind_is_last_in(&admissions);
    let title = "name, so many entries of base.txt, and then: all are admitted.";
    matches_golden("log/admissions.txt", title, &admissions);
}

/// Cases that the second implementation made, from the page alone: we are of its opinion.
#[test]
fn the_second_implementations_own_cases() {
    let words = |file: &str| -> Vec<Vec<String>> {
        let text = golden(&format!("log/second/{file}.txt"));
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    };
    let base: Vec<String> = words("base").into_iter().map(|mut line| line.remove(1)).collect();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (file, with_reason) in [("admissions", false), ("refusals", true)] {
        for mut case in words(file) {
            let name = case.remove(0);
            let reason = with_reason.then(|| case.remove(0));
            let prefix: usize = case.remove(0).parse().unwrap();
            let found = judge(&base[..prefix], &case).err();
            count += 1;
            if found != reason {
                wrong.push(format!("{name}: they say {reason:?}, we {found:?}"));
            }
        }
    }
    assert!(count > 150, "{count}");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What is no entry, or none of these rules. These are no statements, so they are kept as they are.
fn entries() {
    let world = World::new();
    let good = world.record("fr/cert").bytes();
    let entry = hex_of(&(good, NOW));
    let entry = hex::decode(entry).unwrap();
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("one byte", vec![0xff], "UNKNOWN_LEAF"),
        ("only a time", entry[entry.len() - 6..].to_vec(), "UNKNOWN_LEAF"),
        ("another leaf", [&entry[entry.len() - 6..], &[0x1a, 1, 7]].concat(), "UNKNOWN_LEAF"),
        ("a field more", [&entry[..], &[0x18, 1]].concat(), "UNKNOWN_LEAF"),
        (
            "a time above 2^53 - 1",
            time_of(&entry, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]),
            "UNKNOWN_LEAF",
        ),
        ("65,535 bytes", [&entry[..], &vec![0; 65_535 - entry.len()]].concat(), "UNKNOWN_LEAF"),
        ("65,536 bytes", [&entry[..], &vec![0; 65_536 - entry.len()]].concat(), "TOO_LARGE"),
    ];
    for (name, bytes, expected) in cases {
        let read = Entry::read(&bytes, RULES).map(|_| ()).map_err(|refusal| refusal.on_the_page());
        assert_eq!(read, Err(expected.to_owned()), "{name}");
        keep_raw(name, &world, hex::encode(bytes), expected);
    }
    // A leaf, like a kind, waits for its rules.
    assert!(Entry::read(&entry, 1).is_ok());
    assert_eq!(Entry::read(&entry, 0), Err(Refusal::UnknownLeaf));
}

/// The entry with another time.
fn time_of(entry: &[u8], varint: &[u8]) -> Vec<u8> {
    [&entry[..entry.len() - 5], varint].concat()
}

/// Keys that have ended sign nothing, and are listed by nobody.
fn ended() {
    let mut world = World::new();
    world.take(
        &world
            .charter()
            .with(|charter| {
                charter.registrars = vec![person("alice"), person("bob"), person("frank")];
            })
            .signed_by(&["alice", "bob", "frank"]),
    );
    world.take(&world.revocation("fr/soc/duty-1"));
    world.take(&world.withdrawal("at/cert"));
    world.refuses(
        &world.admission("de"),
        &[
            ("a registrar who left", |d| d.signers.push("carol"), "KEY_NOT_IN_FORCE"),
            (
                "a revoked seat, which never could",
                |d| d.signers.push("fr/soc/duty-1 sign"),
                "KEY_NOT_IN_FORCE",
            ),
            (
                "a registrar who left, badly",
                |d| {
                    d.signers.push("carol");
                    d.tamper.push(|e| e.signatures.iter_mut().for_each(|s| s.sig.clear()));
                },
                "KEY_NOT_IN_FORCE",
            ),
            (
                "a withdrawn keeper is an authority",
                |d| {
                    d.says.authority = vec![public("at/cert keeper")];
                    d.says.threshold = 1;
                },
                "KEY_REUSED",
            ),
            (
                "the squatted key",
                |d| {
                    d.bare = true;
                    d.says.authority = vec![public("be-1")];
                    d.says.threshold = 1;
                },
                "NO_POSSESSION",
            ),
        ],
    );
    world.refuses(
        &world.revocation("fr/soc/duty-2"),
        &[
            ("a revoked colleague", |d| d.signers = vec!["fr/soc/duty-1 sign"], "KEY_NOT_IN_FORCE"),
            ("a withdrawn seat", |d| d.signers = vec!["at/cert/duty-1 sign"], "KEY_NOT_IN_FORCE"),
            (
                "of a withdrawn contact",
                |d| d.says.seat = "at/cert/duty-1".to_owned(),
                "UNKNOWN_CONTACT",
            ),
        ],
    );
    world.refuses(
        &world.charter().signed_by(&["alice", "bob"]),
        &[
            (
                "a registrar who left comes back",
                |d| {
                    d.says.registrars[2] = person("carol");
                    d.says.registrars.sort_by(|a, b| a.id.cmp(&b.id));
                    d.signers.push("carol");
                },
                "KEY_REUSED",
            ),
            (
                "a withdrawn keeper registers",
                |d| d.says.registrars[2].sign = Some(public("at/cert keeper")),
                "KEY_REUSED",
            ),
            (
                "a withdrawn keeper registers and signs",
                |d| {
                    d.says.registrars[2].sign = Some(public("at/cert keeper"));
                    d.signers.push("at/cert keeper");
                },
                "WRONG_PURPOSE",
            ),
            ("a log key that is a person's", |d| d.says.log.push(public("carol")), "KEY_REUSED"),
        ],
    );
}

/// What is refused for what came before it in the log.
fn standing_rows() {
    let name = NAME.parse().unwrap();
    let world = World::new();
    let bare = world.admission("fr").with(|admission| admission.targets[0].genesis.clear());
    let refused = verify_founding(&name, &bare.bytes()).unwrap_err();
    keep_founding("another kind founds", (&bare.bytes(), NOW), &refused.on_the_page());
    assert_eq!(refused.on_the_page(), "NOT_A_CHARTER");
    for (name, leaf) in [("a record again", 7), ("a roster again", 8), ("an admission again", 2)] {
        let (bytes, at) = &world.entries[leaf];
        world.judge(name, bytes, *at, Some("WRONG_VERSION"));
    }
    let founding = &world.entries[0].0;
    world.judge("the founding charter again", founding, NOW, Some("INVALID_TARGETS"));
    let mut revoked = world.clone();
    let slip = world.revocation("fr/soc/duty-1");
    revoked.take(&slip);
    revoked.judge("a revocation again", &slip.bytes(), NOW, Some("NOTHING_TO_REVOKE"));
    let own = world.revocation("fr/soc/duty-1").signed_by(&["fr/soc/duty-1 sign"]);
    revoked.judge("by the seat that it ended", &own.bytes(), NOW, Some("KEY_NOT_IN_FORCE"));

    let mut signs = world.clone();
    signs.take(&signs.admission("zz").with(|admission| {
        admission.authority = vec![public("zz-1")];
        admission.threshold = 1;
    }));
    let mut listed = signs.clone();
    let roster = signs.roster("zz/mfa").signed_by(&["zz-1"]);
    signs.judge("a roster over an attested record", &roster.bytes(), NOW, Some("ATTESTED"));
    let other = signs.admission("zz").with(|admission| {
        admission.authority = vec![public("zz-2")];
        admission.threshold = 1;
    });
    signs.judge("another authority", &other.bytes(), NOW, Some("AUTHORITY_STANDS"));
    signs.take(&signs.record("zz/cert").signed_by(&["zz-1"]));
    let attested = signs.attested("zz/new");
    signs.judge("attested after signed", &attested.bytes(), NOW, Some("ATTESTED_AFTER_SIGNED"));

    let mut full = world.clone();
    let fresh = |world: &World, n: usize| {
        world.record(&format!("fr/team-{n}")).with(|record| record.keeper = None)
    };
    for n in 0..62 {
        full.take(&fresh(&full, n));
    }
    let one_more = fresh(&full, 62).bytes();
    full.judge("the 65th contact", &one_more, NOW, Some("TOO_MANY_CONTACTS"));
    full.take(&full.withdrawal("fr/team-0"));
    full.judge("the 65th once one is withdrawn", &fresh(&full, 62).bytes(), NOW, None);
    full.take(&fresh(&full, 62));
    let back = fresh(&full, 0).bytes();
    full.judge("one that comes back too late", &back, NOW, Some("TOO_MANY_CONTACTS"));
    for n in 1..64 {
        listed.take(&listed.attested(&format!("zz/team-{n}")));
    }
    let one_more = listed.attested("zz/one-more");
    let limit = Some("TOO_MANY_CONTACTS");
    listed.judge("the 65th attested contact", &one_more.bytes(), NOW, limit);
    let signed = listed.record("zz/one-more").signed_by(&["zz-1"]);
    listed.judge("a record beside 64 attested", &signed.bytes(), NOW, limit);
    let again = listed.attested("zz/mfa");
    listed.judge("one of 64 again", &again.bytes(), NOW, None);
}

/// What goes on, and what stays, when an entry replaces another.
fn later() {
    let mut world = World::new();
    world.take(&world.withdrawal("fr/cert"));
    let first = world.record("fr/cert").with(|record| record.targets[0].version = 1);
    let wrong = Some("WRONG_VERSION");
    world.judge("a record of version 1 after a withdrawal", &first.bytes(), NOW, wrong);
    let next = world.record("fr/cert");
    world.judge("a record of version 3 after a withdrawal", &next.bytes(), NOW, None);
    world.take(&next);
    let empty = world.roster("fr/cert").with(|roster| roster.seats.clear());
    let first = empty.clone().with(|roster| roster.targets[0].version = 1);
    world.judge("a roster of version 1 after a return", &first.bytes(), NOW, wrong);
    world.judge("a roster of version 2 after a return", &empty.bytes(), NOW, None);
    let seat = world.revocation("fr/cert/duty-1");
    let nothing = Some("NOTHING_TO_REVOKE");
    world.judge("a seat of before the withdrawal", &seat.bytes(), NOW, nothing);
    let mut attested = World::new();
    attested.take(&attested.withdrawal("zz/mfa"));
    let first = attested.attested("zz/mfa").with(|record| record.targets[0].version = 1);
    attested.judge("an attested version 1 after a withdrawal", &first.bytes(), NOW, wrong);
    let next = attested.attested("zz/mfa");
    attested.judge("an attested version 3 after a withdrawal", &next.bytes(), NOW, None);

    // Another keeper: the old one's roster stands, and only the new one replaces it.
    let mut kept = World::new();
    kept.take(&kept.record("fr/soc").with(|record| record.keeper = Some(public("new"))));
    let by_seat = kept.revocation("fr/soc/duty-1").signed_by(&["fr/soc/duty-2 sign"]);
    kept.judge("a seat revokes after another keeper came", &by_seat.bytes(), NOW, None);
    let seat = kept.revocation("fr/soc/duty-1");
    kept.judge("a seat stands after another keeper came", &seat.bytes(), NOW, None);
    let roster = kept.roster("fr/soc");
    let gone = Some("KEY_NOT_IN_FORCE");
    kept.judge("a roster of the keeper who left", &roster.bytes(), NOW, gone);
    let both = roster.clone().signed_by(&["fr/soc keeper", "new"]);
    kept.judge("a roster of both keepers", &both.bytes(), NOW, gone);
    let first = roster.clone().signed_by(&["new"]).with(|it| it.targets[0].version = 1);
    kept.judge("a roster of version 1 of another keeper", &first.bytes(), NOW, wrong);
    kept.judge(
        "a roster of another keeper",
        &roster.clone().signed_by(&["new"]).bytes(),
        NOW,
        None,
    );
    let bare = kept.record("fr/soc").with(|record| record.keeper = None);
    kept.take(&bare);
    kept.judge("a seat revokes when no keeper is left", &by_seat.bytes(), NOW, None);
    let back = kept.record("fr/soc");
    kept.judge("the keeper who left comes back", &back.bytes(), NOW, Some("KEY_REUSED"));
    let theirs = kept.roster("fr/soc").signed_by(&["fr-2", "fr-3"]);
    kept.judge("a roster of the authority when no keeper is left", &theirs.bytes(), NOW, None);

    // An ECDSA proof is another each time; the key is the same.
    let mut token = World::new();
    let listed = |world: &World| world.record("fr/soc").with(|record| record.keeper = Some(p256()));
    token.take(&listed(&token));
    token.judge("a key listed again with another proof", &listed(&token).bytes(), NOW, None);
}

/// A key that was left out or withdrawn never returns, nor changes what it is for.
fn back() {
    let reused = Some("KEY_REUSED");
    let with = |world: &World, seat: proto::Seat| {
        world.roster("fr/soc").with(|roster| roster.seats = vec![seat])
    };
    let fresh = seat("fr/soc", "duty-3");
    let keys = |name: &str, contact: &str| {
        let old = seat(contact, name);
        [
            ("sign", proto::Seat { sign: old.sign, ..fresh.clone() }),
            ("tls", proto::Seat { tls: old.tls, ..fresh.clone() }),
            ("seal", proto::Seat { seal: old.seal, ..fresh.clone() }),
        ]
    };
    let own = |(what, mut seat): (&'static str, proto::Seat), name: &str| {
        seat.name = name.to_owned();
        (what, seat)
    };
    let mut dropped = World::new();
    dropped.take(&dropped.roster("fr/soc").with(|roster| drop(roster.seats.remove(1))));
    for (what, seat) in keys("duty-2", "fr/soc").map(|it| own(it, "duty-2")) {
        let roster = with(&dropped, seat);
        dropped.judge(&format!("a dropped {what} key"), &roster.bytes(), NOW, reused);
    }
    let mut revoked = World::new();
    revoked.take(&revoked.revocation("fr/soc/duty-1"));
    for (what, seat) in keys("duty-1", "fr/soc").map(|it| own(it, "duty-1")) {
        let roster = with(&revoked, seat);
        revoked.judge(&format!("a revoked {what} key"), &roster.bytes(), NOW, reused);
    }
    let mut withdrawn = World::new();
    withdrawn.take(&withdrawn.withdrawal("fr/soc"));
    let keeper = withdrawn.record("fr/soc");
    withdrawn.judge("a withdrawn keeper", &keeper.bytes(), NOW, reused);
    withdrawn.take(&keeper.with(|record| record.keeper = None));
    for (what, seat) in keys("duty-1", "fr/soc").map(|it| own(it, "duty-1")) {
        let roster = with(&withdrawn, seat).signed_by(&["fr-1", "fr-2"]);
        withdrawn.judge(&format!("a withdrawn {what} key"), &roster.bytes(), NOW, reused);
    }
    let roster = with(&withdrawn, fresh.clone()).signed_by(&["fr-1", "fr-2"]);
    withdrawn.judge("other keys at who came back", &roster.bytes(), NOW, None);

    // The same holder, and another use.
    let world = World::new();
    let mut swapped = seat("fr/soc", "duty-1");
    std::mem::swap(&mut swapped.sign, &mut swapped.tls);
    world.judge("a seat's two keys swapped", &with(&world, swapped).bytes(), NOW, reused);
    for (name, of) in [
        ("a registrar", (|it| &mut it.registrars[2]) as fn(&mut proto::Charter) -> &mut _),
        ("an operator", |it| &mut it.operators[0]),
        ("an auditor", |it| &mut it.auditors[0]),
    ] {
        let charter = world.charter().with(|charter| {
            let person: &mut proto::Person = of(charter);
            std::mem::swap(&mut person.sign, &mut person.tls);
            for key in [&mut person.sign, &mut person.tls] {
                key.as_mut().unwrap().proof.clear();
            }
        });
        world.judge(&format!("{name}'s two keys swapped"), &charter.bytes(), NOW, reused);
    }

    // What was signed once stays signed.
    let mut signed = World::new();
    let keys = |world: &World| {
        world.admission("zz").with(|admission| {
            admission.authority = vec![public("zz-1")];
            admission.threshold = 1;
        })
    };
    signed.take(&keys(&signed));
    signed.take(&signed.record("zz/cert").signed_by(&["zz-1"]));
    signed.take(&keys(&signed));
    let attested = Some("ATTESTED_AFTER_SIGNED");
    let name = "attested after signed and admitted again";
    signed.judge(name, &signed.attested("zz/new").bytes(), NOW, attested);
    let next = world.charter().with(|charter| charter.rules = 2);
    world.judge("the next rules", &next.bytes(), NOW, None);
}

/// What only a second key, target or contact shows.
fn bounds() {
    let world = World::new();
    let targets = world.record("fr/cert").with(|record| {
        let version = record.targets[0].version;
        let genesis = vec![7; 31].into();
        record.targets.push(Target { name: "zz.example".to_owned(), genesis, version });
    });
    let invalid = Some("INVALID_TARGETS");
    world.judge("another target's genesis of 31 bytes", &targets.bytes(), NOW, invalid);
    let authority = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("zz-{n}")).collect();
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        world.admission("zz").with(|admission| {
            admission.authority = keys_by_id(&names);
            admission.threshold = 1;
        })
    };
    world.judge("64 keys of an authority", &authority(64).bytes(), NOW, None);
    let many = Some("INVALID_FIELD:authority");
    world.judge("65 keys of an authority", &authority(65).bytes(), NOW, many);
    let signs = world.charter().with(|it| it.registrars[2].sign = Some(p256()));
    world.judge("a registrar signs with ECDSA", &signs.bytes(), NOW, None);
    let connects = world.charter().with(|it| it.operators[0].tls = Some(p256()));
    world.judge("an operator connects with ECDSA", &connects.bytes(), NOW, None);

    let mut world = World::new();
    world.take(&world.roster("at/cert").with(|roster| roster.seats.clear()));
    let elsewhere = world.roster("fr/soc").with(|roster| {
        roster.seats[2].seal = Some(sealing("at/cert/safe seal"));
    });
    world.judge("a seal key that another contact dropped", &elsewhere.bytes(), NOW, None);
    let back = world.roster("at/cert");
    world.judge("seats back after an empty roster", &back.bytes(), NOW, Some("KEY_REUSED"));
    let sealed_anew = back.with(|roster| {
        roster.seats.truncate(1);
        roster.seats[0].seal = Some(sealing("at/cert anew seal"));
    });
    let name = "a seat's keys back after an empty roster";
    world.judge(name, &sealed_anew.bytes(), NOW, Some("KEY_REUSED"));
}

/// An Ed25519 key with a part of small order, and what it signs. With it, every R of small order
/// makes a signature that satisfies the equation: only the rule about R refuses it.
struct Mixed {
    a: Scalar,
    public: VerifyingKey,
}

impl Mixed {
    fn new() -> Self {
        let seed = digest(&SHA512, b"a key of mixed order");
        let a = clamp_integer(seed.as_ref()[..32].try_into().unwrap());
        let a = Scalar::from_bytes_mod_order(a);
        let point = ED25519_BASEPOINT_POINT * a + EIGHT_TORSION[1];
        Self { a, public: VerifyingKey::from_ed25519(point.compress().as_bytes()) }
    }

    fn k(&self, r: &EdwardsPoint, message: &[u8]) -> Scalar {
        let hashed = [&r.compress().as_bytes()[..], self.public.raw(), message].concat();
        let hash = digest(&SHA512, &hashed);
        Scalar::from_bytes_mod_order_wide(hash.as_ref().try_into().unwrap())
    }

    /// The signature with this nonce, if the part of small order falls out.
    fn sign(&self, nonce: u64, message: &[u8]) -> Option<Vec<u8>> {
        let r = Scalar::from(nonce + 1);
        let point = ED25519_BASEPOINT_POINT * r;
        let k = self.k(&point, message);
        k.as_bytes()[0]
            .is_multiple_of(8)
            .then(|| [&point.compress().as_bytes()[..], (r + k * self.a).as_bytes()].concat())
    }

    fn signed(&self, message: &[u8]) -> Vec<u8> {
        (0..).find_map(|nonce| self.sign(nonce, message)).unwrap()
    }

    /// A signature whose R is this point of small order, if the message allows one.
    fn with_small_r(&self, r: &EdwardsPoint, message: &[u8]) -> Option<Vec<u8>> {
        let k = self.k(r, message);
        let wanted = EIGHT_TORSION[usize::from((8 - k.as_bytes()[0] % 8) % 8)];
        (wanted == *r).then(|| [&r.compress().as_bytes()[..], (k * self.a).as_bytes()].concat())
    }
}

/// R of each small order, and one that is not; a key that is no point.
fn curve() {
    let mixed = Mixed::new();
    let mut world = World::new();
    let possession = proto::Possession {
        holder: "de".to_owned(),
        r#use: Use::Authority.into(),
        key_id: mixed.public.id().as_bytes().to_vec().into(),
    };
    let signed = dsse::signed_bytes(Kind::Possession, &possession.encode_to_vec());
    let key = proto::PublicKey { proof: mixed.signed(&signed).into(), ..listed(&mixed.public) };
    let admission = world.admission("de").with(|admission| {
        admission.authority = vec![key];
        admission.threshold = 1;
    });
    world.take(&admission);
    let record = |issued_at: u64| {
        let record = world.record("de/cert").with(|record| record.issued_at = issued_at);
        let mut says = record.says;
        says.add_proofs();
        Statement::Record(says)
    };
    let envelope = |statement: &Statement, sig: Vec<u8>| {
        let signature = dsse::Signature { key_id: mixed.public.id(), sig: sig.into() };
        Envelope::assemble(statement.kind(), statement.encode().into(), vec![signature])
    };
    let message = |statement: &Statement| dsse::signed_bytes(Kind::Record, &statement.encode());
    let good = record(NOW);
    let bytes = envelope(&good, mixed.signed(&message(&good))).bytes().to_vec();
    world.judge("a key of mixed order", &bytes, NOW, None);
    for (order, r) in EIGHT_TORSION.iter().enumerate() {
        let (statement, sig) = (0..1_000)
            .map(|back| record(NOW - back))
            .find_map(|it| mixed.with_small_r(r, &message(&it)).map(|sig| (it, sig)))
            .unwrap();
        let ring =
            ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, mixed.public.raw());
        assert!(ring.verify(&message(&statement), &sig).is_ok(), "ring alone takes R {order}");
        let bytes = envelope(&statement, sig).bytes().to_vec();
        world.judge(&format!("R of small order {order}"), &bytes, NOW, Some("BAD_SIGNATURE"));
    }
    let s_above = {
        let mut sig = mixed.signed(&message(&good));
        let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let mut carry = 0u16;
        for (byte, add) in sig[32..].iter_mut().zip(order.unwrap()) {
            carry += u16::from(*byte) + u16::from(add);
            *byte = carry as u8;
            carry >>= 8;
        }
        sig
    };
    let bytes = envelope(&good, s_above).bytes().to_vec();
    world.judge("S above the group order", &bytes, NOW, Some("BAD_SIGNATURE"));
    let mut raw = [0; 32];
    raw[0] = 2;
    let no_point = world.record("fr/soc").with(|record| {
        let key = listed(&VerifyingKey::from_ed25519(&raw));
        record.keeper = Some(proto::PublicKey { proof: vec![1; 64].into(), ..key });
    });
    world.judge("a keeper that is no point", &no_point.bytes(), NOW, Some("NO_POSSESSION"));
}

/// P-256: the one DER form, and the high s that it allows.
fn token() {
    let mut world = World::new();
    let mut admission = world.admission("de");
    admission.says.authority = vec![p256()];
    admission.says.threshold = 1;
    world.take(&admission);
    let statement = world.record("de/cert").says.proven().statement();
    let signed = dsse::signed_bytes(Kind::Record, &statement.encode());
    let der = TOKEN.sign(&signed, &random()).unwrap();
    let (r, s) = numbers(&der);
    let judge = |name: &str, sig: Vec<u8>, reason: Option<&str>| {
        let signature = dsse::Signature { key_id: TOKEN.public().id(), sig: sig.into() };
        let payload = statement.encode().into();
        let envelope = Envelope::assemble(Kind::Record, payload, vec![signature]);
        world.judge(name, envelope.bytes(), NOW, reason);
    };
    let high = if s[0] < 0x80 { minus(&ORDER, &s) } else { s.clone() };
    let low = if s[0] < 0x80 { s } else { minus(&ORDER, &s) };
    judge("low s", encoded(&r, &low, 0), None);
    judge("high s", encoded(&r, &high, 0), None);
    let bad = Some("BAD_SIGNATURE");
    judge("r with a superfluous zero", encoded(&r, &low, 1), bad);
    judge("something behind", [&encoded(&r, &low, 0)[..], &[0]].concat(), bad);
    judge("r and s without DER", [&r[..], &low].concat(), bad);
    judge("s of zero", encoded(&r, &[0; 32], 0), bad);
    judge("s of the group order", encoded(&r, &ORDER, 0), bad);
    let mut long = encoded(&r, &low, 0);
    long.insert(1, 0x81);
    judge("a long length", long, bad);

    // A registrar who comes with the charter, and whose signature it needs.
    let world = World::new();
    let charter = world.charter().with(|charter| {
        charter.registrars[2].sign = Some(p256());
        charter.threshold = 3;
    });
    let payload = charter.says.proven().statement().encode();
    let keys = [&key("alice"), &key("bob"), &**TOKEN];
    let envelope = Envelope::sign(Kind::Charter, payload.clone(), &keys, &random()).unwrap();
    world.judge("a registrar comes and signs", envelope.bytes(), NOW, None);
    let mut signatures = envelope.signatures().to_vec();
    let of_token = |signature: &&mut dsse::Signature| signature.key_id == TOKEN.public().id();
    signatures.iter_mut().find(of_token).unwrap().sig = encoded(&r, &low, 0).into();
    let envelope = Envelope::assemble(Kind::Charter, payload.into(), signatures);
    world.judge("a registrar comes and signed another", envelope.bytes(), NOW, bad);
}

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// r and s of a DER signature, 32 bytes each.
fn numbers(der: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let one = |at: usize| {
        let number = &der[at + 2..at + 2 + usize::from(der[at + 1])];
        let number: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
        [vec![0; 32 - number.len()], number].concat()
    };
    (one(2), one(4 + usize::from(der[3])))
}

fn encoded(r: &[u8], s: &[u8], zeros: usize) -> Vec<u8> {
    let one = |number: &[u8], zeros: usize| {
        let number: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
        let sign = usize::from(number.first().is_none_or(|byte| *byte >= 0x80));
        let number = [vec![0; sign + zeros], number].concat();
        [vec![2, number.len() as u8], number].concat()
    };
    let both = [one(r, zeros), one(s, 0)].concat();
    [vec![0x30, both.len() as u8], both].concat()
}

fn minus(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0i16;
    let mut out: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let digit = i16::from(*a) - i16::from(*b) - borrow;
            borrow = i16::from(digit < 0);
            (digit & 0xff) as u8
        })
        .collect();
    out.reverse();
    out
}
