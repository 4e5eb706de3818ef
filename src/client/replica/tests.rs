//! What a service could do to a replica, and what the replica makes of it.

use super::*;
use crate::client::draft::Composer;
use crate::client::invitation::Invitation;
use crate::client::testlog::{NOW, TestLog, ambient, charter, entry, name};
use crate::signed::dsse::Kind;

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
        assert_eq!(replica.view().unwrap(), (4, log.tree().root_at(4).unwrap()));
        assert_eq!(replica.synced_at(), Some(NOW));
        assert!(!replica.is_stale(NOW + 86_400));
        assert!(replica.is_stale(NOW + 86_401));
        assert_eq!(replica.withheld().unwrap(), []);
        let facets = replica.facets_of(&"fr/cert-fr".parse().unwrap()).unwrap();
        assert!(matches!(&facets[..], [(name, Some(_))] if name == "telephone"));
        assert_eq!(replica.entry(2), Some(&log.entries[2]));
        let proven = replica.proven(1).unwrap();
        let path: Vec<Digest> =
            proven.inclusion.iter().map(|hash| hash[..].try_into().unwrap()).collect();
        let leaf = crate::tlog::merkle::leaf_hash(&proven.entry);
        let root = log.tree().root_at(4).unwrap();
        assert_eq!(crate::tlog::proof::verify_inclusion(leaf, 1, 4, &path, root), Ok(()));
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
            let kept = replica.altered().expect("it is said").to_owned();
            assert_eq!(std::fs::read(&kept).unwrap(), altered, "byte {place}");
            let refused = replica.directory().unwrap_err();
            assert!(matches!(refused, ReplicaError::Incomplete { expected: 4, .. }), "{refused}");
            assert!(replica.entries() as usize <= leaf, "byte {place}: nothing behind it stays");
            let again = Replica::open(&home, &name()).unwrap();
            assert_eq!(again.altered(), None, "byte {place}: said once");
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
            assert_eq!((again.trust().pins().len(), again.altered()), (2, None), "{file}");
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
    assert_eq!(again.view().unwrap().0, 4);
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
    assert_eq!((replica.entries(), replica.view().unwrap().0), (4, 4));
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
    assert_eq!(Replica::open(&home, &name()).unwrap().view().unwrap().0, 5);
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
        assert_eq!(replica.entries(), 0);
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
    replica.append(&believed.entries[..4]).unwrap();
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
    assert_eq!(Replica::open(&home, &name()).unwrap().view().unwrap().0, 4);
}
