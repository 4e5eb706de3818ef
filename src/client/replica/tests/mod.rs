//! What a service could do to a replica, and what the replica makes of it.

mod beside;
mod golden;
mod pages;

use super::*;
use crate::client::draft::Composer;
use crate::client::files::faults;
use crate::client::home::Home;
use crate::client::invitation::Invitation;
use crate::crypto::seal::OpeningKey;
use crate::crypto::sign::{KeyId, Signer};
use crate::domain::directory::RULES;
use crate::domain::view::View;
use crate::signed::canonical;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::Use;
use crate::world::testlog::{
    AUTHORITY, KEEPER, NOW, SEAT, TestLog, admission, ambient, charter, entry, key, name, record,
    telephone,
};

fn home(log: &TestLog) -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().to_owned());
    home.join(&Invitation::check(log.invitation()).unwrap()).unwrap();
    (folder, home)
}

fn synced(log: &TestLog, home: &Home) -> Replica {
    let mut replica = Replica::open(home, &name()).unwrap();
    let have = replica.entries() as usize;
    assert_eq!(replica.append(&log.entries[have..]).unwrap(), Appended::Yes);
    replica.confirm(&log.checkpoint(), NOW).unwrap();
    replica
}

fn statement(entry: &Bytes) -> Bytes {
    let read: proto::Entry = crate::signed::canonical::decode(entry).unwrap();
    let Some(proto::entry::Leaf::Statement(statement)) = read.leaf else { panic!() };
    statement
}

fn open_facets(facets: &[v1::OpenFacet]) -> Vec<OpenFacet> {
    facets.iter().cloned().map(|facet| crate::wire::convert::facet(facet).unwrap()).collect()
}

#[test]
fn a_copy_is_the_directory_of_its_log_also_after_it_is_opened_again() {
    let (log, facets) = TestLog::populated();
    let (_folder, home) = home(&log);
    let replica = Replica::open(&home, &name()).unwrap();
    assert!(matches!(replica.directory(), Err(ReplicaError::NeverSynced(_))));
    let mut replica = synced(&log, &home);
    assert_eq!(replica.withheld().unwrap().len(), 1);
    let other = OpenFacet { bytes: Bytes::from_static(b"x"), ..open_facets(&facets)[0].clone() };
    assert_eq!(replica.keep_facets([open_facets(&facets), vec![other]].concat()).unwrap(), 1);
    for replica in [replica, Replica::open(&home, &name()).unwrap()] {
        assert_eq!(replica.directory().unwrap(), &log.directory);
        assert_eq!(replica.view().unwrap(), View { size: 4, root: log.tree().root_at(4).unwrap() });
        assert_eq!(replica.synced_at(), Some(NOW));
        assert!(!replica.is_stale(NOW + 86_400));
        assert!(replica.is_stale(NOW + 86_401));
        assert_eq!(replica.withheld().unwrap(), []);
        let facets = replica.facets_of(&"fr/cert-fr".parse().unwrap()).unwrap();
        assert!(matches!(&facets[..], [(name, Some(_))] if name == "telephone"));
        assert_eq!(replica.entry(2).unwrap().as_ref(), Some(&log.entries[2]));
        let proven = replica.proven(1).unwrap().unwrap();
        let path: Vec<Digest> =
            proven.inclusion.iter().map(|hash| hash[..].try_into().unwrap()).collect();
        let leaf = crate::tlog::merkle::leaf_hash(&proven.entry);
        let root = log.tree().root_at(4).unwrap();
        assert_eq!(crate::tlog::proof::verify_inclusion(leaf, 1, 4, &path, root), Ok(()));
    }
}

/// The power goes after each thing that is done to the disk, and with what was being written half there.
#[test]
fn wherever_a_sync_ends_the_next_goes_on_and_what_is_there_is_read() {
    let (log, facets) = TestLog::populated();
    let sync = |home: &Home| {
        let mut replica = Replica::open(home, &name())?;
        let have = replica.entries() as usize;
        replica.append(&log.entries[have..])?;
        replica.confirm(&log.checkpoint(), NOW)?;
        replica.keep_facets(open_facets(&facets))
    };
    for some in 0.. {
        let (_folder, home) = home(&log);
        let done = faults::after(some, || sync(&home)).is_ok();
        let there = faults::after(0, || Replica::open(&home, &name())).unwrap();
        assert_eq!(there.aside(), None, "{some}");
        let here = there.directory();
        assert!(!done || here.is_ok_and(|of| *of == log.directory), "{some}");
        sync(&home).unwrap();
        let replica = Replica::open(&home, &name()).unwrap();
        assert_eq!(replica.directory().unwrap(), &log.directory, "{some}");
        assert_eq!((replica.withheld().unwrap(), replica.aside()), (Vec::new(), None), "{some}");
        if done {
            assert!(some > 15, "{some}");
            break;
        }
    }
}

/// As some file systems leave what was not written yet.
#[test]
fn a_tail_of_zeros_is_neither_an_entry_nor_a_detail() {
    let (log, facets) = TestLog::populated();
    for zeros in [1, 3, 4, 5, 4_096] {
        let (_folder, home) = home(&log);
        synced(&log, &home).keep_facets(open_facets(&facets)).unwrap();
        for tape in [ENTRIES, FACETS] {
            let path = home.folder(&name()).join(tape);
            let whole = std::fs::read(&path).unwrap();
            std::fs::write(&path, [whole, vec![0; zeros]].concat()).unwrap();
        }
        let mut replica = Replica::open(&home, &name()).unwrap();
        assert_eq!(replica.directory().unwrap(), &log.directory, "{zeros}");
        assert_eq!(replica.append(&[]).unwrap(), Appended::Yes, "{zeros}");
        replica.confirm(&log.checkpoint(), NOW).unwrap();
        replica.keep_facets(open_facets(&facets)).unwrap();
        let replica = Replica::open(&home, &name()).unwrap();
        assert_eq!((replica.withheld().unwrap(), replica.aside()), (Vec::new(), None), "{zeros}");
        assert_eq!(replica.entries(), 4, "{zeros}");
    }
}

#[test]
fn a_tail_torn_at_any_byte_of_the_last_entry_is_fetched_again() {
    let (log, _) = TestLog::populated();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    let path = home.folder(&name()).join(ENTRIES);
    let whole = std::fs::read(&path).unwrap();
    let last = 4 + log.entries[3].len();
    // Every byte where a length or an entry ends, and steps between.
    let cuts = (1..=8).chain((9..last - 1).step_by(97)).chain([last - 1, last]);
    for cut in cuts {
        std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let replica = Replica::open(&home, &name()).unwrap();
        let refused = replica.directory().unwrap_err();
        assert!(
            matches!(refused, ReplicaError::Incomplete { expected: 4, found: 3 }),
            "cut {cut}: {refused}"
        );
        let replica = synced(&log, &home);
        assert_eq!(replica.directory().unwrap(), &log.directory, "cut {cut}");
        assert_eq!(std::fs::read(&path).unwrap(), whole, "cut {cut}");
    }
}

#[test]
fn a_stored_entry_with_any_flipped_bit_is_said_once_set_aside_and_fetched_anew() {
    let (log, _) = TestLog::populated();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    let path = home.folder(&name()).join(ENTRIES);
    let whole = std::fs::read(&path).unwrap();
    let mut start = 0;
    for (leaf, entry) in log.entries.iter().enumerate() {
        for place in (start + 4..start + 4 + entry.len()).step_by(61) {
            let mut altered = whole.clone();
            altered[place] ^= 1;
            std::fs::write(&path, &altered).unwrap();
            let replica = Replica::open(&home, &name()).unwrap();
            let Some(Aside::Altered(kept)) = replica.aside().cloned() else {
                panic!("byte {place}: it is said");
            };
            assert_eq!(std::fs::read(&kept).unwrap(), altered, "byte {place}");
            let refused = replica.directory().unwrap_err();
            assert!(matches!(refused, ReplicaError::Incomplete { expected: 4, .. }), "{refused}");
            assert!(replica.entries() as usize <= leaf, "byte {place}: nothing behind it stays");
            let again = Replica::open(&home, &name()).unwrap();
            assert_eq!(again.aside(), None, "byte {place}: said once");
            assert_eq!(synced(&log, &home).directory().unwrap(), &log.directory);
            assert_eq!(std::fs::read(&path).unwrap(), whole, "byte {place}");
            std::fs::remove_file(kept).unwrap();
        }
        start += 4 + entry.len();
    }
}

#[test]
fn whatever_is_altered_or_missing_in_the_folder_the_next_sync_mends() {
    let (mut log, facets) = TestLog::populated();
    let ambient = ambient();
    let directory = log.directory.clone();
    let next = Composer::on(&directory, &ambient).charter(charter(&[10, 50]));
    log.sign_and_add(vec![next], &[1, 2]).unwrap();
    let (_folder, home) = home(&log);
    synced(&log, &home).keep_facets(open_facets(&facets)).unwrap();
    let folder = home.folder(&name());
    for file in [ENTRIES, CHECKPOINT, FACETS, SYNCED, home::PINNED, home::USED] {
        let path = folder.join(file);
        let whole = std::fs::read(&path).unwrap_or_default();
        let middle = [&whole[..whole.len() / 2], b"~", &whole[whole.len() / 2..]].concat();
        let cut = whole[..whole.len() / 2].to_vec();
        for altered in [middle, cut, Vec::new(), vec![0xff; whole.len().max(9)]] {
            std::fs::write(&path, &altered).unwrap();
            let mut replica = synced(&log, &home);
            replica.keep_facets(open_facets(&facets)).unwrap();
            let again = Replica::open(&home, &name()).unwrap();
            assert_eq!(again.directory().unwrap(), &log.directory, "{file}");
            assert_eq!(again.withheld().unwrap(), [], "{file}");
            assert_eq!((again.trust().pins().len(), again.aside()), (2, None), "{file}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(synced(&log, &home).directory().unwrap(), &log.directory, "{file} is gone");
    }
}

/// What was set aside does not come back as another history.
#[test]
fn what_is_fetched_anew_must_be_what_was_signed_before() {
    let (log, _) = TestLog::populated();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    std::fs::write(home.folder(&name()).join(ENTRIES), b"").unwrap();
    // Another history, longer than the one before, and signed by the log's key.
    let mut other = TestLog::new();
    let ambient = ambient();
    for _ in 0..5 {
        let directory = other.directory.clone();
        let next = Composer::on(&directory, &ambient).charter(charter(&[10]));
        other.sign_and_add(vec![next], &[1, 2]).unwrap();
    }
    let mut replica = Replica::open(&home, &name()).unwrap();
    replica.append(&other.entries).unwrap();
    let refused = replica.confirm(&other.checkpoint(), NOW).unwrap_err();
    let found = matches!(refused, ReplicaError::SplitView { size: 4, evidence: Some(_) });
    assert!(found, "{refused}");
    replica.forget_trial().unwrap();
    assert_eq!(synced(&log, &home).directory().unwrap(), &log.directory);
}

#[test]
fn a_newer_invitation_than_the_copy_is_no_fault_of_the_copy() {
    let (log, _) = TestLog::populated();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    let mut grown = log.clone();
    let ambient = ambient();
    let next = Composer::on(&log.directory, &ambient).charter(charter(&[10, 50]));
    grown.sign_and_add(vec![next], &[1, 2]).unwrap();
    let charter = statement(&grown.entries[4]);
    let newer = v1::Invitation { charter, checkpoint: grown.checkpoint(), ..log.invitation() };
    home.join(&Invitation::check(newer).unwrap()).unwrap();
    let replica = Replica::open(&home, &name()).unwrap();
    let refused = replica.directory().unwrap_err();
    assert!(matches!(refused, ReplicaError::BehindInvitation(_)), "{refused}");
    assert_eq!(synced(&grown, &home).directory().unwrap(), &grown.directory);
}

#[test]
fn a_copy_synced_by_a_clock_that_was_ahead_is_stale() {
    let (log, _) = TestLog::populated();
    let (_folder, home) = home(&log);
    let mut replica = synced(&log, &home);
    replica.confirm(&log.checkpoint(), NOW + 86_400 * 400).unwrap();
    assert!(replica.is_stale(NOW));
    replica.confirm(&log.checkpoint(), NOW).unwrap();
    assert!(!replica.is_stale(NOW));
}

#[test]
fn an_altered_facet_is_not_there() {
    let (log, facets) = TestLog::populated();
    let (_folder, home) = home(&log);
    synced(&log, &home).keep_facets(open_facets(&facets)).unwrap();
    let path = home.folder(&name()).join(FACETS);
    let mut altered = std::fs::read(&path).unwrap();
    *altered.last_mut().unwrap() ^= 1;
    std::fs::write(&path, altered).unwrap();
    assert_eq!(Replica::open(&home, &name()).unwrap().withheld().unwrap().len(), 1);
}

/// A copy of ten years does not hold every telephone number that ever was.
#[test]
fn facets_that_nothing_names_any_more_are_let_go() {
    let (mut log, facets) = TestLog::populated();
    let (_folder, home) = home(&log);
    synced(&log, &home).keep_facets(open_facets(&facets)).unwrap();
    let ambient = ambient();
    let mut most = 0;
    for _ in 0..150 {
        let directory = log.directory.clone();
        let next = Composer::on(&directory, &ambient).record(record(), &[telephone()]).unwrap();
        let facets = log.sign_and_add(vec![next], &[AUTHORITY]).unwrap();
        let mut replica = synced(&log, &home);
        assert_eq!(replica.keep_facets(open_facets(&facets)).unwrap(), 1);
        most = most.max(tape::read(&replica.folder().join(FACETS)).unwrap().records.len());
        for replica in [replica, Replica::open(&home, &name()).unwrap()] {
            assert_eq!(replica.withheld().unwrap(), []);
        }
    }
    assert_eq!(most, 3 + FEW_FACETS, "one in force");
}

#[test]
fn a_head_that_goes_back_is_refused_and_kept() {
    let (log, _) = TestLog::populated();
    let (_folder, home) = home(&log);
    let mut replica = synced(&log, &home);
    let refused = replica.confirm(&log.checkpoint_at(2), NOW + 1).unwrap_err();
    let ReplicaError::Rollback { expected: 4, found: 2, evidence: Some(path) } = refused else {
        panic!("{refused}");
    };
    let both = std::fs::read(path).unwrap();
    let expected = [&log.checkpoint()[..], b"\n", &log.checkpoint_at(2)].concat();
    assert_eq!(both, expected);
    // Also after a start.
    let mut again = Replica::open(&home, &name()).unwrap();
    let refused = again.confirm(&log.checkpoint_at(2), NOW + 2).unwrap_err();
    assert!(matches!(refused, ReplicaError::Rollback { .. }), "{refused}");
    assert_eq!(again.view().unwrap().size, 4);
}

#[test]
fn two_histories_are_a_split_view() {
    let (log, _) = TestLog::populated();
    let (_folder, home) = home(&log);
    let mut replica = synced(&log, &home);
    let mut other = log.clone();
    other.entries[2] = entry(Bytes::from_static(b"other"), NOW);
    for size in [3, 4] {
        let refused = replica.confirm(&other.checkpoint_at(size), NOW).unwrap_err();
        let found = matches!(
            &refused,
            ReplicaError::SplitView { size: at, evidence: Some(_) } if *at == size
        );
        assert!(found, "{size}: {refused}");
    }
    assert_eq!(replica.directory().unwrap(), &log.directory);
    // A log that has grown on another history: the entries on trial go, the copy stays.
    let mut grown = log.clone();
    let ambient = ambient();
    let withdrawal =
        Composer::on(&log.directory, &ambient).withdrawal(&"fr/cert-fr".parse().unwrap());
    grown.sign_and_add(vec![withdrawal], &[20]).unwrap();
    replica.append(&grown.entries[4..]).unwrap();
    let mut forged = grown.clone();
    forged.entries[2] = other.entries[2].clone();
    let refused = replica.confirm(&forged.checkpoint(), NOW).unwrap_err();
    assert!(matches!(refused, ReplicaError::OtherRoot { size: 5, .. }), "{refused}");
    assert_eq!((replica.entries(), replica.on_trial()), (5, 1));
    replica.forget_trial().unwrap();
    assert_eq!((replica.entries(), replica.view().unwrap().size), (4, 4));
    assert_eq!(synced(&grown, &home).directory().unwrap(), &grown.directory);
}

#[test]
fn only_a_key_of_the_charter_in_force_makes_a_checkpoint() {
    let (mut log, _) = TestLog::populated();
    let (_folder, home) = home(&log);
    let mut replica = synced(&log, &home);
    log.log_key = 99;
    let refused = replica.confirm(&log.checkpoint(), NOW).unwrap_err();
    assert!(matches!(refused, ReplicaError::Checkpoint { .. }), "{refused}");
    // A new key, by a new charter: the old one then counts no more.
    let ambient = ambient();
    let directory = log.directory.clone();
    let next = Composer::on(&directory, &ambient).charter(charter(&[99]));
    log.sign_and_add(vec![next], &[1, 2]).unwrap();
    replica.append(&log.entries[4..]).unwrap();
    log.log_key = 10;
    let refused = replica.confirm(&log.checkpoint(), NOW).unwrap_err();
    assert!(matches!(refused, ReplicaError::Checkpoint { .. }), "{refused}");
    log.log_key = 99;
    replica.confirm(&log.checkpoint(), NOW).unwrap();
    assert_eq!(Replica::open(&home, &name()).unwrap().view().unwrap().size, 5);
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// The same home, read by a program that knows the rules up to this number.
fn knowing(home: &Home, known: u32) -> Replica {
    let trust = home.trust(&name()).unwrap();
    Replica::read(home.folder(&name()), trust, known, Start::Kept, &mut |_, _| {}).unwrap()
}

fn synced_knowing(log: &TestLog, home: &Home, known: u32) -> Result<Replica, ReplicaError> {
    let mut replica = knowing(home, known);
    let have = replica.entries() as usize;
    replica.append(&log.entries[have..])?;
    replica.confirm(&log.checkpoint(), NOW)?;
    Ok(replica)
}

/// A charter that names these rules, signed by these registrars; logged if the rules admit it.
fn charter_of(log: &TestLog, rules: u32, log_keys: &[u8], seeds: &[u8]) -> Bytes {
    let ambient = ambient();
    let next = proto::Charter { rules, ..charter(log_keys) };
    let next = Composer::on(&log.directory, &ambient).charter(next);
    let mut bundle = crate::client::draft::Bundle::of(vec![next]);
    let keys: Vec<_> = seeds.iter().map(|seed| key(*seed)).collect();
    let keys: Vec<_> = keys.iter().map(|key| key as &dyn Signer).collect();
    bundle.sign(Some(&log.directory), &keys, &ambient).unwrap();
    bundle.publications()[0].envelope().bytes().clone()
}

/// A statement of a kind that came with rules 2.
fn of_rules_2(log: &TestLog) -> Bytes {
    let genesis = Bytes::copy_from_slice(log.directory.genesis().as_bytes());
    let target = proto::Target { name: name().to_string(), genesis, version: 0 };
    let payload = proto::Withdrawal {
        targets: vec![target],
        issued_at: NOW,
        contact: "fr/cert-fr".to_owned(),
    };
    let payload = prost::Message::encode_to_vec(&payload);
    let signer = key(AUTHORITY);
    let random = ambient();
    let signed = Envelope::sign(Kind::Trial, payload, &[&signer], random.random());
    signed.unwrap().bytes().clone()
}

/// The end of a seat's keys, signed by these.
fn revocation(log: &TestLog, seat: &str, keys: &[KeyId], signers: &[u8]) -> Bytes {
    let genesis = Bytes::copy_from_slice(log.directory.genesis().as_bytes());
    let target = proto::Target { name: name().to_string(), genesis, version: 0 };
    let mut ids: Vec<_> = keys.iter().map(|id| Bytes::copy_from_slice(id.as_bytes())).collect();
    ids.sort();
    let payload = proto::Revocation {
        targets: vec![target],
        issued_at: NOW,
        seat: seat.to_owned(),
        key_ids: ids,
        reason: proto::Reason::Lost.into(),
        suspected_from: 0,
    };
    let payload = prost::Message::encode_to_vec(&payload);
    let keys: Vec<_> = signers.iter().map(|seed| key(*seed)).collect();
    let keys: Vec<_> = keys.iter().collect();
    let signed = Envelope::sign(Kind::Revocation, payload, &keys, ambient().random());
    signed.unwrap().bytes().clone()
}

/// A log that goes on under rules 2: the charter at leaf 4, then what only rules 2 know.
fn of_two_rules() -> TestLog {
    let (mut log, _) = TestLog::populated();
    log.add(&charter_of(&log, 2, &[10, 13], &[1, 2])).unwrap();
    log.add(&of_rules_2(&log)).unwrap();
    log
}

#[test]
fn the_frozen_reader() {
    let before = TestLog::populated().0;
    let log = of_two_rules();
    let (_folder, home) = home(&log);
    // Signed by a log key that only the charter behind which it stops has listed.
    let mut newer = log.clone();
    newer.log_key = 13;
    for replica in [synced_knowing(&newer, &home, 1).unwrap(), knowing(&home, 1)] {
        let frozen = replica.frozen().unwrap();
        assert_eq!((frozen.leaf, frozen.rules, frozen.closed), (5, 2, None));
        // The charter is folded, and nothing behind it; every entry is kept, and checkable.
        let directory = replica.directory().unwrap();
        assert_eq!((directory.size(), directory.charter().newest.version), (5, 2));
        assert_eq!(directory.contacts().count(), before.directory.contacts().count());
        assert_eq!(replica.entry(5).unwrap().as_ref(), Some(&log.entries[5]));
        assert_eq!(replica.view().unwrap(), View { size: 6, root: log.tree().root_at(6).unwrap() });
        assert!(replica.is_stale(NOW), "what it sends says so");
        let error = crate::client::error::ClientError::update_me(frozen);
        assert_eq!(
            (error.family, error.reason.code()),
            (crate::client::error::Family::UpdateMe, "UPDATE_ME")
        );
    }
    // Behind the charter that raises the number, not before it.
    let mut short = log.clone();
    short.entries.truncate(5);
    let (_folder, home) = self::home(&short);
    let frozen = synced_knowing(&short, &home, 1).unwrap().frozen().cloned().unwrap();
    assert_eq!(frozen.leaf, 5);
    // After an update it folds on from there.
    assert_eq!(synced_knowing(&log, &home, 2).unwrap().directory().unwrap(), &log.directory);
    assert_eq!(knowing(&home, 2).frozen(), None);
}

#[test]
fn a_log_of_two_rules_is_folded_whole_by_a_reader_that_knows_both() {
    let mut log = of_two_rules();
    // The kinds of rules 1 go on under rules 2, and the next charter too.
    let ambient = ambient();
    let directory = log.directory.clone();
    let next = Composer::on(&directory, &ambient).record(record(), &[]).unwrap();
    log.sign_and_add(vec![next], &[AUTHORITY]).unwrap();
    log.add(&charter_of(&log, 2, &[10, 13], &[1, 2])).unwrap();
    let (_folder, home) = home(&log);
    let replica = synced_knowing(&log, &home, 2).unwrap();
    assert_eq!((replica.directory().unwrap(), replica.frozen()), (&log.directory, None));
    // The same kind before the charter that raises the number is no entry of that log.
    let (mut early, _) = TestLog::populated();
    early.entries.push(entry(of_rules_2(&early), NOW));
    let (_folder, home) = self::home(&early);
    for known in [1, 2] {
        let refused = synced_knowing(&early, &home, known).unwrap_err();
        assert!(matches!(refused, ReplicaError::Fold { .. }), "{known}: {refused}");
    }
}

/// 10,000 entries, the rules raised in the middle: a reader that knows both folds all of them, also
/// anew from the disk; one that knows only the first stops behind that charter, and goes on from there.
#[test]
fn ten_thousand_entries_before_and_after_a_rules_change() {
    let (mut log, _) = TestLog::populated();
    let many = |log: &mut TestLog, until: usize| {
        let ambient = ambient();
        while log.entries.len() < until {
            let directory = log.directory.clone();
            let mut composer = Composer::on(&directory, &ambient);
            let count = 100.min(until - log.entries.len());
            let again = (0..count).map(|_| composer.admission(admission()).unwrap());
            let again = again.collect();
            log.sign_and_add(again, &[1, 2]).unwrap();
        }
    };
    many(&mut log, 5_000);
    log.add(&charter_of(&log, 2, &[10], &[1, 2])).unwrap();
    for until in [6_000, 8_000, 10_000] {
        many(&mut log, until - 1);
        log.add(&of_rules_2(&log)).unwrap();
    }
    let (_folder, home) = home(&log);
    let frozen = synced_knowing(&log, &home, 1).unwrap();
    let behind = frozen.frozen().unwrap();
    assert_eq!((behind.leaf, behind.rules), (5_001, 2));
    assert_eq!(frozen.view().unwrap().size, 10_000);
    let whole = knowing(&home, 2);
    assert_eq!((whole.directory().unwrap(), whole.frozen()), (&log.directory, None));
}

#[test]
fn a_frozen_reader_judges_nothing_and_accuses_nobody() {
    let log = of_two_rules();
    let unknown = proto::Dsse {
        payload: Bytes::from_static(b"\x08\x01"),
        payload_type: "application/vnd.liaison.suspension.v1+protobuf".to_owned(),
        signatures: Vec::new(),
    };
    let unknown = entry(prost::Message::encode_to_vec(&unknown).into(), NOW);
    let leaf = Bytes::from([&[0x10][..], &varint(NOW), &[0x1a, 1, 7]].concat());
    let early = entry(statement(&log.entries[3]), 1);
    for strange in [unknown, leaf, Bytes::from_static(b"garbage"), log.entries[3].clone(), early] {
        let mut log = log.clone();
        log.entries.extend([strange.clone(), strange]);
        let (_folder, home) = home(&log);
        for replica in [synced_knowing(&log, &home, 1).unwrap(), knowing(&home, 1)] {
            assert_eq!(replica.frozen().unwrap().closed, None);
            assert_eq!(replica.view().unwrap().size, 8);
            assert_eq!(replica.entry(7).unwrap().as_ref(), Some(&log.entries[7]));
        }
        let evidence = std::fs::read_dir(home.folder(&name())).unwrap();
        let mut names = evidence.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(!names.any(|name| name.starts_with("evidence")));
    }
}

#[test]
fn a_frozen_reader_takes_the_end_of_keys_from_those_who_may_end_them() {
    let log = of_two_rules();
    let sign = |seed: u8| key(seed).public().id();
    let seal = |seed: u8| OpeningKey::from_seed(&[seed; 32]).public().id();
    let (one, two) = ("fr/cert-fr/duty-1", "fr/cert-fr/duty-2");
    let (first, second) = (SEAT, SEAT + 1);
    let keys = |seed: u8| [sign(seed), sign(seed + 100), seal(seed)];
    let ended = |revocations: &[Bytes]| -> (bool, bool) {
        let mut log = log.clone();
        log.entries.extend(revocations.iter().map(|statement| entry(statement.clone(), 0)));
        let (_folder, home) = home(&log);
        let replica = synced_knowing(&log, &home, 1).unwrap();
        let directory = replica.directory().unwrap();
        assert_eq!(directory.size(), 5, "it stays where it stopped");
        let contact: ContactId = "fr/cert-fr".parse().unwrap();
        let sealing: Vec<_> = directory.sealing_seats(&contact).map(|seat| seat.1).collect();
        let ended = |seed: u8| {
            let ended = directory.in_force(&sign(seed)).is_err();
            assert_eq!(directory.in_force(&sign(seed + 100)).is_err(), ended);
            assert_eq!(!sealing.contains(&seal(seed)), ended);
            ended
        };
        (ended(first), ended(second))
    };
    let by = |signers: &[u8]| revocation(&log, one, &keys(first), signers);
    for signers in [&[first][..], &[second], &[KEEPER], &[AUTHORITY], &[1, AUTHORITY, 77]] {
        assert_eq!(ended(&[by(signers)]), (true, false), "{signers:?}");
    }
    for signers in [&[1_u8][..], &[77], &[1, 2, 3], &[first + 100]] {
        assert_eq!(ended(&[by(signers)]), (false, false), "{signers:?}");
    }
    // Of the seat named alone; and not by a key that was ended behind the charter.
    let of_another = revocation(&log, two, &keys(first), &[KEEPER]);
    assert_eq!(ended(&[of_another]), (false, false));
    let after = revocation(&log, two, &keys(second), &[first]);
    assert_eq!(ended(&[by(&[KEEPER]), after.clone()]), (true, false));
    assert_eq!(ended(&[after]), (false, true));
    // What it names must be ids of keys: one that cannot be read ends nothing.
    let dsse: proto::Dsse = canonical::decode(&by(&[KEEPER])).unwrap();
    let mut slip: proto::Revocation = canonical::decode(&dsse.payload).unwrap();
    slip.key_ids.insert(0, Bytes::from(vec![0; 31]));
    let payload = prost::Message::encode_to_vec(&slip);
    let signed = Envelope::sign(Kind::Revocation, payload, &[&key(KEEPER)], ambient().random());
    assert_eq!(ended(&[signed.unwrap().bytes().clone()]), (false, false));
    // For another directory it is nothing.
    let ours: proto::Dsse = canonical::decode(&by(&[KEEPER])).unwrap();
    let mut foreign: proto::Revocation = canonical::decode(&ours.payload).unwrap();
    foreign.targets[0].genesis = Bytes::from(vec![9; 32]);
    let payload = prost::Message::encode_to_vec(&foreign);
    let keeper = key(KEEPER);
    let signed = Envelope::sign(Kind::Revocation, payload, &[&keeper], ambient().random());
    assert_eq!(ended(&[signed.unwrap().bytes().clone()]), (false, false));
}

#[test]
fn a_frozen_reader_follows_charters_until_one_does_not_follow() {
    let mut log = of_two_rules();
    // Followed: a new log key, then rules 3.
    log.add(&charter_of(&log, 2, &[13, 14], &[1, 2])).unwrap();
    let (_folder, home) = home(&log);
    log.log_key = 14;
    synced_knowing(&log, &home, 1).unwrap();
    log.log_key = 10;
    let refused = knowing(&home, 1).confirm(&log.checkpoint(), NOW).unwrap_err();
    assert!(matches!(refused, ReplicaError::Checkpoint { .. }), "dropped: {refused}");
    // And the relay's keys with it, each from and until the charter that says so.
    let relay = |seed: u8| key(seed).public().id();
    let mut rotated = log.clone();
    rotated.log_key = 14;
    let with_relay = |log: &TestLog, seed: u8| {
        let proven = crate::world::testlog::proven(seed, "relay/un.example", Use::Relay);
        let next = proto::Charter { rules: 2, relay: vec![proven], ..charter(&[14]) };
        let next = Composer::on(&log.directory, &ambient()).charter(next);
        let mut bundle = crate::client::draft::Bundle::of(vec![next]);
        bundle.sign(Some(&log.directory), &[&key(1), &key(2)], &ambient()).unwrap();
        bundle.publications()[0].envelope().bytes().clone()
    };
    rotated.add(&with_relay(&rotated, 51)).unwrap();
    rotated.add(&with_relay(&rotated, 52)).unwrap();
    let (_elsewhere, other) = self::home(&log);
    let replica = synced_knowing(&rotated, &other, 1).unwrap();
    let known = |seed: u8| replica.directory().unwrap().key(&relay(seed)).unwrap();
    assert_eq!((known(11).from, known(11).until), (0, Some(7)));
    assert_eq!((known(51).from, known(51).until), (7, Some(8)));
    assert_eq!((known(52).from, known(52).until), (8, None));
    // One that only one registrar has signed: it goes on with the keys that it has.
    let at = log.entries.len() as u64;
    log.entries.push(entry(charter_of(&log, 2, &[14, 15], &[1]), NOW));
    // What follows that one is taken no more.
    log.entries.push(entry(charter_of(&log, 2, &[14, 16], &[1, 2]), NOW));
    log.log_key = 14;
    let mut replica = synced_knowing(&log, &home, 1).unwrap();
    assert_eq!(replica.frozen().unwrap().closed, Some(at));
    assert!(replica.frozen().unwrap().to_string().contains("nor the charter in entry 7"));
    for other in [15, 16] {
        log.log_key = other;
        let uncheckable = replica.confirm(&log.checkpoint(), NOW).unwrap_err();
        assert!(matches!(uncheckable, ReplicaError::NotCheckable(_)), "{uncheckable}");
        assert_eq!(replica.view().unwrap().size, at + 2, "and the copy stays");
    }
    let evidence = std::fs::read_dir(home.folder(&name())).unwrap();
    let mut names = evidence.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!names.any(|name| name.starts_with("evidence")));
    // Revocations never end.
    let ids = [key(SEAT).public().id()];
    log.entries.push(entry(revocation(&log, "fr/cert-fr/duty-1", &ids, &[KEEPER]), 0));
    log.log_key = 14;
    let replica = synced_knowing(&log, &home, 1).unwrap();
    assert!(replica.directory().unwrap().in_force(&ids[0]).is_err());
}

/// Its log key is one that only a charter has that cannot be followed: keys end all the same.
#[test]
fn a_frozen_reader_takes_the_end_of_keys_without_a_checkpoint() {
    let mut log = of_two_rules();
    let (_folder, home) = home(&log);
    let older = synced_knowing(&log, &home, 1).unwrap();
    let before = older.view().unwrap();
    let duty = key(SEAT).public().id();
    log.entries.push(entry(charter_of(&log, 2, &[15], &[1]), NOW));
    log.entries.push(entry(revocation(&log, "fr/cert-fr/duty-1", &[duty], &[KEEPER]), 0));
    log.log_key = 15;
    let mut replica = knowing(&home, 1);
    replica.append(&log.entries[6..]).unwrap();
    assert!(replica.directory().unwrap().in_force(&duty).is_ok(), "nobody has asked yet");
    let refused = replica.confirm(&log.checkpoint(), NOW).unwrap_err();
    assert!(matches!(refused, ReplicaError::NotCheckable(_)), "{refused}");
    for mut replica in [replica, knowing(&home, 1)] {
        assert!(replica.directory().unwrap().in_force(&duty).is_err());
        assert_eq!(replica.view().unwrap(), before, "and nothing else is taken");
        assert!(replica.shows_more_than(&older).unwrap());
        assert!(!older.shows_more_than(&replica).unwrap());
        // An old checkpoint shown again gives the key back to nobody.
        log.log_key = 10;
        replica.confirm(&log.checkpoint_at(6), NOW).unwrap();
        assert!(replica.directory().unwrap().in_force(&duty).is_err());
    }
}

/// Smaller than the one that it has, and by a key that it does not know: not an accusation.
#[test]
fn a_frozen_reader_cannot_check_a_smaller_checkpoint_by_an_unknown_key() {
    let mut log = of_two_rules();
    let (_folder, home) = home(&log);
    log.entries.push(entry(charter_of(&log, 2, &[15], &[1]), NOW));
    log.log_key = 13;
    let mut replica = synced_knowing(&log, &home, 1).unwrap();
    log.log_key = 15;
    let refused = replica.confirm(&log.checkpoint_at(6), NOW).unwrap_err();
    assert!(matches!(refused, ReplicaError::NotCheckable(_)), "{refused}");
    log.log_key = 13;
    let refused = replica.confirm(&log.checkpoint_at(6), NOW).unwrap_err();
    assert!(matches!(refused, ReplicaError::Rollback { .. }), "{refused}");
}

/// It kept an entry that it could not judge, and a checkpoint over it. Once it can, that is no
/// damage of the disk.
#[test]
fn what_was_kept_behind_and_is_not_admissible_is_evidence_after_the_update() {
    let mut log = of_two_rules();
    log.entries.push(entry(statement(&log.entries[3]), NOW));
    let (_folder, home) = home(&log);
    log.log_key = 13;
    synced_knowing(&log, &home, 1).unwrap();
    let folder = home.folder(&name());
    let stored = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let (entries, checkpoint) = (stored(ENTRIES), stored(CHECKPOINT));
    let mut replica = knowing(&home, 2);
    let kept = Aside::Inadmissible(folder.join("evidence-entries"));
    assert_eq!(replica.aside(), Some(&kept));
    assert_eq!(stored("evidence-entries"), entries);
    assert_eq!(stored("evidence-checkpoint"), checkpoint);
    assert_eq!((replica.entries(), knowing(&home, 2).aside()), (6, None), "said once");
    // What stands before it is shown, and stays.
    for _ in 0..2 {
        let refused = replica.append(&log.entries[6..]).unwrap_err();
        assert!(matches!(refused, ReplicaError::Fold { origin: Origin::Service, .. }), "{refused}");
        replica.forget_trial().unwrap();
        assert_eq!((replica.halted(), replica.directory().unwrap().size()), (Some(6), 6));
        assert_eq!(replica.view().unwrap().size, 7);
        assert!(replica.is_stale(NOW));
        replica = knowing(&home, 2);
    }
    // Fewer entries than that are not the same.
    let path = folder.join(ENTRIES);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let torn = knowing(&home, 2);
    assert_eq!(torn.halted(), None);
    assert!(matches!(torn.directory(), Err(ReplicaError::Incomplete { .. })));
    // The same with another entry than the checkpoint covers is an alteration.
    log.log_key = 10;
    let (_folder, home) = self::home(&log);
    log.log_key = 13;
    synced_knowing(&log, &home, 1).unwrap();
    let path = home.folder(&name()).join(ENTRIES);
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(knowing(&home, 2).aside(), Some(Aside::Altered(_))));
}

/// A key that a revocation ended there does not stand in a later charter; and no charter comes twice.
#[test]
fn a_frozen_reader_lets_no_ended_key_stand_again_and_takes_no_charter_twice() {
    let mut log = of_two_rules();
    let (_folder, home) = home(&log);
    let twice = log.entries[4].clone();
    let ids = [key(SEAT).public().id()];
    log.entries.push(entry(revocation(&log, "fr/cert-fr/duty-1", &ids, &[KEEPER]), 0));
    log.entries.push(entry(charter_of(&log, 2, &[14, SEAT], &[1, 2]), NOW));
    for (log_key, stands) in [(SEAT, false), (14, true)] {
        log.log_key = log_key;
        assert_eq!(synced_knowing(&log, &home, 1).is_ok(), stands, "{log_key}");
    }
    let at = log.entries.len() as u64;
    log.entries.push(twice);
    let replica = synced_knowing(&log, &home, 1).unwrap();
    assert_eq!(replica.frozen().unwrap().closed, Some(at));
}

/// No tile has room for it, whatever rules there are.
#[test]
fn a_frozen_reader_takes_no_entry_that_no_log_can_hold() {
    let mut log = of_two_rules();
    let (_folder, home) = home(&log);
    synced_knowing(&log, &home, 1).unwrap();
    log.entries.push(Bytes::from(vec![0; 65_536]));
    assert!(synced_knowing(&log, &home, 1).is_err());
    log.entries.pop();
    log.entries.push(Bytes::from(vec![0; 65_535]));
    assert!(synced_knowing(&log, &home, 1).is_ok());
}

#[test]
fn an_entry_that_the_rules_do_not_admit_is_refused() {
    let (log, _) = TestLog::populated();
    let ambient = ambient();
    let unsigned =
        Composer::on(&log.directory, &ambient).withdrawal(&"fr/cert-fr".parse().unwrap());
    let unsigned = entry(unsigned.envelope().bytes().clone(), NOW);
    let message = crate::signed::dsse::Envelope::assemble(Kind::Header, Bytes::new(), Vec::new());
    let message = entry(message.bytes().clone(), NOW);
    let before = entry(statement(&log.entries[3]), NOW - 1);
    let unknown_kind = proto::Dsse {
        payload: Bytes::from_static(b"\x08\x01"),
        payload_type: "application/vnd.liaison.suspension.v1+protobuf".to_owned(),
        signatures: Vec::new(),
    };
    let unknown_kind = entry(prost::Message::encode_to_vec(&unknown_kind).into(), NOW);
    // Field 2 as always, and a field 3.
    let unknown_leaf = Bytes::from([&[0x10][..], &varint(NOW), &[0x1a, 1, 7]].concat());
    for (foreign, at) in [
        (unsigned, 4),
        (message, 4),
        (log.entries[3].clone(), 4),
        (before, 3),
        (unknown_kind, 4),
        (unknown_leaf, 4),
        (Bytes::from_static(b"\x10\x00"), 4),
        (Bytes::from_static(b"garbage"), 4),
    ] {
        let (_folder, home) = home(&log);
        let mut replica = Replica::open(&home, &name()).unwrap();
        let entries = [&log.entries[..at], &[foreign]].concat();
        let refused = replica.append(&entries).unwrap_err();
        let found = matches!(refused, ReplicaError::Fold { origin: Origin::Service, .. });
        assert!(found, "{refused}");
        // What stands before it was verified, and is kept on trial.
        for replica in [replica, Replica::open(&home, &name()).unwrap()] {
            assert_eq!((replica.entries(), replica.on_trial()), (at as u64, at as u64));
        }
    }
}

#[test]
fn the_log_must_pass_through_the_charters_believed() {
    let (mut log, _) = TestLog::populated();
    let ambient = ambient();
    let directory = log.directory.clone();
    let one = Composer::on(&directory, &ambient).charter(charter(&[10, 50]));
    let other = Composer::on(&directory, &ambient).charter(charter(&[10, 51]));
    let mut believed = log.clone();
    believed.sign_and_add(vec![one], &[1, 2]).unwrap();
    log.sign_and_add(vec![other], &[1, 2]).unwrap();
    let invitation =
        v1::Invitation { charter: statement(&believed.entries[4]), ..log.invitation() };
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().to_owned());
    home.join(&Invitation::check(invitation).unwrap()).unwrap();
    let mut replica = Replica::open(&home, &name()).unwrap();
    let refused = replica.append(&log.entries).unwrap_err();
    assert!(
        matches!(
            refused,
            ReplicaError::Fold { fault: FoldFault::OtherCharter { version: 2, .. }, .. }
        ),
        "{refused}"
    );
    // A log that ends before it.
    assert_eq!(replica.entries(), 4, "what both logs have");
    let refused = replica.confirm(&believed.checkpoint_at(4), NOW).unwrap_err();
    assert!(matches!(refused, ReplicaError::LacksCharter(2)), "{refused}");
    replica.append(&believed.entries[4..]).unwrap();
    replica.confirm(&believed.checkpoint(), NOW).unwrap();
}

#[test]
fn another_program_beside_this_one_is_noticed() {
    let (log, _) = TestLog::populated();
    let (_folder, home) = home(&log);
    let mut one = Replica::open(&home, &name()).unwrap();
    let two = synced(&log, &home);
    assert_eq!(one.append(&log.entries).unwrap(), Appended::ReadAgain);
    assert_eq!(one.entries(), 4);
    assert_eq!(one.view().unwrap(), two.view().unwrap());
    // One that opened before a copy was complete and confirms an older head does not undo it.
    let (_folder, home) = self::home(&log);
    let mut slow = Replica::open(&home, &name()).unwrap();
    slow.append(&log.entries[..2]).unwrap();
    synced(&log, &home);
    slow.confirm(&log.checkpoint_at(2), NOW + 9).unwrap();
    assert_eq!(Replica::open(&home, &name()).unwrap().view().unwrap().size, 4);
}

#[test]
fn of_two_copies_the_one_that_shows_more_is_taken() {
    let (log, _) = TestLog::populated();
    let (_folder, home) = home(&log);
    let mut older = Replica::open(&home, &name()).unwrap();
    older.append(&log.entries[..3]).unwrap();
    older.confirm(&log.checkpoint_at(3), NOW).unwrap();
    let newer = synced(&log, &home);
    let mut later = newer.clone();
    later.confirm(&log.checkpoint(), NOW + 9).unwrap();
    for (more, less) in [(&newer, &older), (&later, &newer), (&later, &older)] {
        assert!(more.shows_more_than(less).unwrap() && !less.shows_more_than(more).unwrap());
    }
    assert!(!newer.shows_more_than(&newer).unwrap());
}

/// What stands behind the entries and does not follow from them was written by no program of ours:
/// to read it again and again would lead nowhere.
#[test]
fn what_does_not_follow_behind_the_entries_is_written_over() {
    let (log, _) = TestLog::populated();
    let twice = log.entries[2].clone();
    for junk in [Bytes::from_static(b"no entry"), Bytes::new(), twice] {
        let (_folder, home) = home(&log);
        let mut replica = Replica::open(&home, &name()).unwrap();
        replica.append(&log.entries[..3]).unwrap();
        replica.confirm(&log.checkpoint_at(3), NOW).unwrap();
        let path = replica.folder().join(ENTRIES);
        let right = tape::read(&path).unwrap();
        tape::append(&path, right.length, &[junk, log.entries[3].clone()]).unwrap();
        let mut replica = Replica::open(&home, &name()).unwrap();
        assert_eq!(replica.append(&log.entries[3..]).unwrap(), Appended::Yes);
        replica.confirm(&log.checkpoint(), NOW).unwrap();
        assert_eq!(tape::read(&path).unwrap().records, log.entries);
    }
}
