//! The fold beside the tape: what is gone on from, what is not believed, and who says so.

use std::ops::Range;

use crate::domain::directory::{Admitted, Parts};
use crate::domain::view::View;

use super::*;

/// A directory whose log has a fold worth keeping.
fn grown() -> TestLog {
    let (mut log, _) = TestLog::populated();
    grow(&mut log, 140);
    log
}

/// Newer rosters and records of one contact, up to this size.
fn grow(log: &mut TestLog, size: usize) {
    let ambient = ambient();
    while log.entries.len() < size {
        let directory = log.directory.clone();
        let mut composer = Composer::on(&directory, &ambient);
        let next = match log.entries.len() % 2 {
            0 => composer.record(record(), &[]).unwrap(),
            _ => composer.roster(crate::world::testlog::roster(), &[]).unwrap(),
        };
        log.sign_and_add(vec![next], &[AUTHORITY, KEEPER]).unwrap();
    }
}

fn fold(home: &Home) -> PathBuf {
    home.folder(&name()).join(FOLD)
}

/// The copy, and which entries were verified to open it.
fn opened(home: &Home) -> (Replica, Range<u64>) {
    let mut have = Vec::new();
    let replica = Replica::open_showing(home, &name(), &mut |size, _| have.push(size)).unwrap();
    match &have[..] {
        [first, .., last] => (replica, *first..*last),
        _ => (replica, 0..0),
    }
}

/// The copy is the log's directory, in all that it can be asked.
fn whole(replica: &Replica, log: &TestLog) {
    assert_eq!(replica.directory().unwrap(), &log.directory);
    let (size, tree) = (log.entries.len() as u64, log.tree());
    assert_eq!(replica.view().unwrap(), View { size, root: tree.root_at(size).unwrap() });
    assert_eq!(replica.root_on_disk(size).unwrap(), tree.root_at(size));
    for (leaf, entry) in log.entries.iter().enumerate() {
        let proven = replica.proven(leaf as u64).unwrap().unwrap();
        assert_eq!(proven.entry, entry);
        assert_eq!(replica.tree().root_at(leaf as u64), tree.root_at(leaf as u64));
        let path: Vec<Digest> =
            proven.inclusion.iter().map(|hash| hash[..].try_into().unwrap()).collect();
        assert_eq!(Some(path), tree.inclusion_proof(leaf as u64, size));
    }
}

#[test]
fn a_command_goes_on_from_the_fold_that_was_kept() {
    let mut log = grown();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    let (replica, verified) = opened(&home);
    assert_eq!(verified, 0..0, "nothing is verified again");
    whole(&replica, &log);
    // What comes behind it is verified at each start, until it is much.
    let kept = std::fs::read(fold(&home)).unwrap();
    for size in [141, 143, 267] {
        grow(&mut log, size);
        whole(&synced(&log, &home), &log);
        let (replica, verified) = opened(&home);
        assert_eq!((verified, replica.misfit()), (140..size as u64, None));
        whole(&replica, &log);
        assert_eq!(std::fs::read(fold(&home)).unwrap(), kept, "at {size}");
    }
    grow(&mut log, 268);
    synced(&log, &home);
    let (replica, verified) = opened(&home);
    assert_eq!(verified, 0..0);
    whole(&replica, &log);
    // On trial behind it: nothing of that is shown.
    grow(&mut log, 270);
    let mut replica = replica;
    replica.append(&log.entries[268..]).unwrap();
    let (mut replica, verified) = opened(&home);
    assert_eq!((verified, replica.on_trial(), replica.view().unwrap().size), (268..270, 2, 268));
    replica.forget_trial().unwrap();
    assert_eq!(replica.entries(), 268);
    whole(&synced(&log, &home), &log);
}

#[test]
fn a_fold_that_is_gone_or_was_never_there_is_made_and_nothing_is_said() {
    let log = grown();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    let kept = std::fs::read(fold(&home)).unwrap();
    std::fs::remove_file(fold(&home)).unwrap();
    let (replica, verified) = opened(&home);
    assert_eq!((verified, replica.misfit()), (0..140, None));
    whole(&replica, &log);
    assert_eq!(std::fs::read(fold(&home)).unwrap(), kept, "one fold, one form");
    assert_eq!(opened(&home).1, 0..0);
}

/// Each is a fold that is not believed: the directory is made anew, and that is said once.
fn not_believed(home: &Home, log: &TestLog, fold_now: &[u8], what: &str) {
    let right = std::fs::read(fold(home)).unwrap();
    std::fs::write(fold(home), fold_now).unwrap();
    let (replica, verified) = opened(home);
    assert!(replica.misfit().is_some(), "{what}: it is said");
    assert_eq!((verified.end, replica.aside()), (log.entries.len() as u64, None), "{what}");
    assert_eq!(replica.directory().unwrap(), &log.directory, "{what}");
    let (again, verified) = opened(home);
    assert_eq!((again.misfit(), verified), (None, 0..0), "{what}: once");
    assert_eq!(again.directory().unwrap(), &log.directory, "{what}");
    assert!(std::fs::read(fold(home)).unwrap() == right, "{what}");
}

#[test]
fn a_fold_cut_or_turned_by_a_bit_anywhere_or_of_another_form_is_not_believed() {
    let log = grown();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    let right = std::fs::read(fold(&home)).unwrap();
    let step = right.len() / 11;
    // The form, the checksum, what follows.
    for place in (0..right.len()).step_by(step).chain(13..21).chain([right.len() - 1]) {
        let mut turned = right.clone();
        turned[place] ^= 1 << (place % 8);
        not_believed(&home, &log, &turned, &format!("turned at {place}"));
        not_believed(&home, &log, &right[..place], &format!("cut at {place}"));
    }
    let longer = [&right[..], b"~"].concat();
    not_believed(&home, &log, &longer, "longer");
    let half = right.len() / 2;
    let zeros = [&right[..half], &vec![0; right.len() - half]].concat();
    not_believed(&home, &log, &zeros, "half written when the power went");
    not_believed(&home, &log, b"liaison fold 2\n\0\0\0\0", "nothing, and its checksum");
    let other = [b"liaison fold 1\n", &right[15..]].concat();
    not_believed(&home, &log, &other, "of another form");
}

#[test]
fn a_fold_of_another_directory_or_history_is_not_believed() {
    let log = grown();
    let (_folder, home) = self::home(&log);
    synced(&log, &home);
    // Of the same name, founded by another charter.
    let mut other = TestLog::new();
    let foreign = Fold::new(&Trust::begin(&other.charter()).unwrap().0, RULES);
    let (_other, their_home) = self::home(&other);
    grow_charters(&mut other, 140);
    synced(&other, &their_home);
    let theirs = std::fs::read(fold(&their_home)).unwrap();
    assert!(kept::read(&fold(&their_home), &foreign).is_ok_and(|kept| kept.is_some()));
    not_believed(&home, &log, &theirs, "another history");
    let mut renamed = kept::read(&fold(&home), &foreign).unwrap().unwrap();
    let genesis = Digest::of(b"another");
    let directory = renamed.fold.directory.take().unwrap();
    let (size, clock) = (directory.size(), directory.clock());
    let charter = Arc::new(directory.charter().clone());
    renamed.fold.directory = Some(Directory::at(name(), genesis, size, clock, charter));
    let file = kept::encode(&renamed.fold, &renamed.starts, renamed.length).unwrap();
    not_believed(&home, &log, &file, "another directory");
}

fn grow_charters(log: &mut TestLog, size: usize) {
    let ambient = ambient();
    while log.entries.len() < size {
        let directory = log.directory.clone();
        let next = Composer::on(&directory, &ambient).charter(charter(&[10]));
        log.sign_and_add(vec![next], &[1, 2]).unwrap();
    }
}

#[test]
fn an_older_fold_is_gone_on_from_and_a_newer_one_is_not_believed() {
    let mut log = grown();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    let (older, checkpoint) = (std::fs::read(fold(&home)).unwrap(), log.checkpoint());
    grow(&mut log, 300);
    synced(&log, &home);
    let newer = std::fs::read(fold(&home)).unwrap();
    std::fs::write(fold(&home), older).unwrap();
    let (replica, verified) = opened(&home);
    assert_eq!((verified, replica.misfit()), (140..300, None));
    whole(&replica, &log);
    // The checkpoint is older than the fold: as if no newer one had ever been seen.
    std::fs::write(fold(&home), &newer).unwrap();
    std::fs::write(home.folder(&name()).join(CHECKPOINT), checkpoint).unwrap();
    let (replica, _) = opened(&home);
    assert_eq!(replica.misfit(), Some("it is ahead of the checkpoint"));
    assert_eq!((replica.view().unwrap().size, replica.on_trial()), (140, 160));
    assert_eq!(opened(&home).0.misfit(), None);
    whole(&synced(&log, &home), &log);
}

#[test]
fn a_tape_torn_under_its_fold_keeps_what_stands_before() {
    let log = grown();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    let path = home.folder(&name()).join(ENTRIES);
    let right = std::fs::read(&path).unwrap();
    for end in [0, 3, right.len() / 2, right.len() - 1] {
        std::fs::write(&path, &right[..end]).unwrap();
        let (replica, _) = opened(&home);
        assert_eq!(replica.misfit(), Some("it is not of these entries"), "{end}");
        let refused = replica.directory().unwrap_err();
        assert!(matches!(refused, ReplicaError::Incomplete { expected: 140, .. }), "{refused}");
        assert_eq!(opened(&home).0.misfit(), None, "{end}: said once");
        let have = opened(&home).0.entries() as usize;
        assert!(have == 0 || end > 3, "{end}: {have} entries hold");
        whole(&synced(&log, &home), &log);
        assert!(std::fs::read(&path).unwrap() == right, "{end}");
        assert_eq!(opened(&home).1, 0..0, "{end}: kept again");
    }
}

#[test]
fn an_entry_turned_under_its_fold_is_never_shown_and_is_fetched_anew() {
    let log = grown();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    let path = home.folder(&name()).join(ENTRIES);
    let right = std::fs::read(&path).unwrap();
    let start: usize = log.entries[..70].iter().map(|entry| 4 + entry.len()).sum();
    for place in [start, start + 3, start + 4, start + 100] {
        let mut turned = right.clone();
        turned[place] ^= 1;
        std::fs::write(&path, &turned).unwrap();
        // What was verified is shown; what was turned is not.
        let replica = Replica::open(&home, &name()).unwrap();
        assert_eq!(replica.directory().unwrap(), &log.directory);
        assert_eq!(replica.entry(69).unwrap().as_ref(), Some(&log.entries[69]));
        for refused in [replica.entry(70).map(|_| ()), replica.proven(70).map(|_| ())] {
            assert!(matches!(refused, Err(ReplicaError::Altered(70))), "{place}");
        }
        let replica = Replica::open(&home, &name()).unwrap();
        assert!(replica.entries() <= 70, "{place}");
        let Some(Aside::Altered(kept)) = replica.aside().cloned() else { panic!("{place}") };
        assert!(std::fs::read(&kept).unwrap() == turned, "{place}");
        std::fs::remove_file(kept).unwrap();
        whole(&synced(&log, &home), &log);
        assert!(std::fs::read(&path).unwrap() == right, "{place}");
        // And whoever reads or verifies all sees it at once.
        for open in [Replica::open_read_through, Replica::open_anew] {
            whole(&open(&home, &name(), &mut |_, _| {}).unwrap(), &log);
            std::fs::write(&path, &turned).unwrap();
            let replica = open(&home, &name(), &mut |_, _| {}).unwrap();
            assert!(replica.entries() <= 70 && replica.aside().is_some(), "{place}");
            whole(&synced(&log, &home), &log);
        }
    }
}

/// Who can write the file can say in it what he likes: it is no proof, and a fold from entry 0 shows it.
#[test]
fn a_fold_that_says_what_the_entries_do_not_is_found_by_whoever_folds_anew() {
    let log = grown();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    let right = std::fs::read(fold(&home)).unwrap();
    let empty = Fold::new(&home.trust(&name()).unwrap(), RULES);
    let mut forged = kept::read(&fold(&home), &empty).unwrap().unwrap();
    let directory = forged.fold.directory.as_mut().unwrap();
    let key = directory.keys().find(|key| !key.has_ended()).unwrap().ended(100, None);
    let admitted = Admitted { leaf: directory.size() - 1, at: directory.clock() };
    directory
        .advance(&Parts { keys: vec![Arc::new(key)], ..Parts::none(admitted, directory.clock()) });
    let file = kept::encode(&forged.fold, &forged.starts, forged.length).unwrap();
    std::fs::write(fold(&home), file).unwrap();
    let replica = Replica::open_anew(&home, &name(), &mut |_, _| {}).unwrap();
    assert_eq!(replica.misfit(), Some("it says what they do not"));
    whole(&replica, &log);
    assert!(std::fs::read(fold(&home)).unwrap() == right);
    let replica = Replica::open_anew(&home, &name(), &mut |_, _| {}).unwrap();
    assert_eq!(replica.misfit(), None);
}

#[test]
fn programs_that_keep_the_fold_side_by_side_keep_one() {
    let log = grown();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    let right = std::fs::read(fold(&home)).unwrap();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (home, log, right) = (&home, &log, &right);
            scope.spawn(move || {
                for round in 0..4 {
                    match (number + round) % 4 {
                        0 => drop(std::fs::remove_file(fold(home))),
                        1 => drop(std::fs::write(fold(home), &right[..right.len() / 2])),
                        2 => drop(synced(log, home)),
                        _ => {}
                    }
                    let replica = Replica::open(home, &name()).unwrap();
                    assert_eq!(replica.directory().unwrap(), &log.directory);
                }
            });
        }
    });
    whole(&Replica::open(&home, &name()).unwrap(), &log);
    assert!(std::fs::read(fold(&home)).unwrap() == right);
}

#[test]
fn without_room_for_the_fold_everything_works_and_takes_longer() {
    let mut log = grown();
    let (_folder, home) = home(&log);
    faults::at("fold", || {
        let replica = synced(&log, &home);
        assert!(replica.not_kept().is_some());
        whole(&replica, &log);
        for _ in 0..2 {
            let (replica, verified) = opened(&home);
            assert!(replica.not_kept().is_some());
            assert_eq!((verified, replica.misfit()), (0..140, None));
            whole(&replica, &log);
        }
        grow(&mut log, 142);
        whole(&synced(&log, &home), &log);
    });
    assert!(opened(&home).0.not_kept().is_none());
    assert_eq!(opened(&home).1, 0..0);
}

/// Its last entry is the tape's, and what it holds of those before is not.
#[test]
fn a_fold_that_does_not_come_to_the_checkpoint_is_not_believed() {
    let log = grown();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    let empty = Fold::new(&home.trust(&name()).unwrap(), RULES);
    let mut other = kept::read(&fold(&home), &empty).unwrap().unwrap();
    let mut tree = Tree::default();
    for leaf in 0..140 {
        let of = if leaf == 70 { 71 } else { leaf };
        tree.append(other.fold.tree.leaf(of).unwrap());
    }
    other.fold.tree = tree;
    let file = kept::encode(&other.fold, &other.starts, other.length).unwrap();
    not_believed(&home, &log, &file, "another tree");
}

#[test]
fn a_fold_that_did_not_pass_through_the_charter_believed_is_not_believed() {
    let log = grown();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    let empty = Fold::new(&home.trust(&name()).unwrap(), RULES);
    let mut other = kept::read(&fold(&home), &empty).unwrap().unwrap();
    other.fold.charters.get_mut(&1).unwrap().statement = Digest::of(b"another");
    let file = kept::encode(&other.fold, &other.starts, other.length).unwrap();
    not_believed(&home, &log, &file, "another charter");
}

/// On a disk that is read only, or another user's.
#[test]
fn a_copy_that_nobody_may_write_to_is_read() {
    let log = grown();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    let lock = home.folder(&name()).join("lock");
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    for fold_now in [None, Some("spoilt")] {
        let _ = std::fs::remove_file(fold(&home));
        fold_now.iter().for_each(|bytes| std::fs::write(fold(&home), bytes).unwrap());
        let replica = Replica::open(&home, &name()).unwrap();
        assert_eq!(replica.misfit().is_some(), fold_now.is_some());
        assert!(replica.not_kept().is_some());
        whole(&replica, &log);
        let replica = Replica::open_anew(&home, &name(), &mut |_, _| {}).unwrap();
        assert!(replica.not_kept().is_some());
        whole(&replica, &log);
    }
}

#[test]
fn whoever_folds_anew_goes_on_from_nothing_that_was_kept() {
    let log = grown();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    let mut verified = Vec::new();
    Replica::open_anew(&home, &name(), &mut |size, _| verified.push(size)).unwrap();
    assert_eq!((verified.first(), verified.last()), (Some(&0), Some(&140)));
    assert_eq!(opened(&home).1, 0..0, "and it is still there");
}

/// A head in front of entries on trial is folded from the disk again.
#[test]
fn what_was_altered_on_the_disk_is_not_folded_into_a_smaller_head() {
    let mut log = grown();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    grow(&mut log, 150);
    let path = home.folder(&name()).join(ENTRIES);
    let on_trial = || {
        let mut replica = Replica::open(&home, &name()).unwrap();
        let have = replica.entries() as usize;
        replica.append(&log.entries[have..]).unwrap();
        replica
    };
    let start: usize = log.entries[..70].iter().map(|entry| 4 + entry.len()).sum();
    let mut replica = on_trial();
    let right = std::fs::read(&path).unwrap();
    for place in start + 4..start + 4 + log.entries[70].len() {
        if place % 37 != 0 && place + 1 != start + 4 + log.entries[70].len() {
            continue;
        }
        let mut turned = right.clone();
        turned[place] ^= 1;
        std::fs::write(&path, &turned).unwrap();
        let refused = replica.confirm(&log.checkpoint_at(145), NOW).unwrap_err();
        assert!(matches!(refused, ReplicaError::Altered(70)), "{place}: {refused}");
    }
    std::fs::write(&path, &right).unwrap();
    replica.confirm(&log.checkpoint_at(145), NOW).unwrap();
    assert_eq!(replica.view().unwrap().size, 145);
}

#[test]
fn an_entry_that_is_looked_for_is_covered_and_is_not_passed_over_if_it_was_altered() {
    let mut log = grown();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    let entry = log.entries[70].clone();
    let find = |replica: &Replica, entry: &Bytes| replica.find(|it| it == entry);
    assert_eq!(find(&Replica::open(&home, &name()).unwrap(), &entry).unwrap(), Some(70));
    grow(&mut log, 142);
    let mut replica = Replica::open(&home, &name()).unwrap();
    replica.append(&log.entries[140..]).unwrap();
    assert_eq!(find(&replica, &log.entries[141]).unwrap(), None, "on trial");
    let path = home.folder(&name()).join(ENTRIES);
    let mut turned = std::fs::read(&path).unwrap();
    let start: usize = log.entries[..70].iter().map(|entry| 4 + entry.len()).sum();
    turned[start + 100] ^= 1;
    std::fs::write(&path, &turned).unwrap();
    assert!(matches!(find(&replica, &entry), Err(ReplicaError::Altered(70))));
}

/// A later charter may change its mind about rules: what was judged by older ones stays judged.
#[test]
fn a_program_does_not_go_on_from_a_fold_of_rules_that_it_does_not_know() {
    let log = grown();
    let (_folder, home) = home(&log);
    synced(&log, &home);
    let trust = home.trust(&name()).unwrap();
    let read =
        |known| kept::read(&fold(&home), &Fold::new(&trust, known)).map(|kept| kept.is_some());
    assert_eq!((read(1), read(2)), (Ok(true), Ok(true)));
    assert_eq!(read(0), Err("it is of newer rules"));
}
