//! A page that is verified at once comes to what its entries come to one by one: the same directory,
//! and the same fault at the same entry.

use proptest::prelude::*;

use super::super::*;
use super::golden::{BASE, unfolded};
use super::home;
use crate::crypto::sign::CHECKED;
use crate::domain::directory::tests::{older, random};
use crate::tests::golden;
use crate::world::testlog::{TestLog, name};

/// So much of the base, folded.
fn begun(size: usize, known: u32) -> Fold {
    let mut fold = unfolded(known);
    BASE[..size].iter().for_each(|entry| fold.push(entry.clone()).unwrap());
    fold
}

/// Folds entries one by one, and in pages of these lengths and then all at once; gives the outcome.
#[track_caller]
fn alike(name: &str, begun: &Fold, entries: &[Bytes], pages: &[usize]) -> Result<(), FoldFault> {
    let mut turns = begun.clone();
    let expected = entries.iter().try_for_each(|entry| turns.push(entry.clone()));
    let mut paged = begun.clone();
    let mut rest = entries;
    let mut found = Ok(());
    for length in pages.iter().copied().chain([entries.len()]) {
        let (page, behind) = rest.split_at(length.min(rest.len()));
        found = found.and_then(|()| paged.push_on(2 + length % 3, page));
        rest = behind;
    }
    assert_eq!(found, expected, "{name}");
    assert_eq!(paged.directory, turns.directory, "{name}");
    assert_eq!(paged.tree.to_bytes(), turns.tree.to_bytes(), "{name}");
    assert_eq!(paged.charters, turns.charters, "{name}");
    assert_eq!(paged.frozen(), turns.frozen(), "{name}");
    let root = |fold: &Fold| fold.tree.root_at(fold.size());
    assert_eq!(root(&paged), root(&turns), "{name}");
    found
}

fn reason(outcome: &Result<(), FoldFault>) -> Result<(), String> {
    match outcome {
        Err(FoldFault::Inadmissible { why, .. }) => Err(why.on_the_page()),
        Err(other) => Err(other.to_string()),
        Ok(()) => Ok(()),
    }
}

/// Every case of the golden files, in a page with the end of its base.
#[test]
fn the_golden_cases() {
    let begun: Vec<Fold> = (0..BASE.len()).map(|size| begun(size, 1)).collect();
    let mut count = 0;
    for (file, refused) in [("refusals", true), ("admissions", false)] {
        let text = golden(&format!("log/{file}.txt"));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            let name = words.next().unwrap();
            let expected = if refused { Err(words.next().unwrap().to_owned()) } else { Ok(()) };
            let base: usize = words.next().unwrap().parse().unwrap();
            let start = base.saturating_sub(2);
            let case = words.map(|entry| Bytes::from(hex::decode(entry).unwrap()));
            let entries: Vec<Bytes> = BASE[start..base].iter().cloned().chain(case).collect();
            let found = alike(name, &begun[start], &entries, &[]);
            // Of another entry 0 a reader says which it is.
            if base > 0 {
                assert_eq!(reason(&found), expected, "{name}");
            }
            count += 1;
        }
    }
    assert!(count > 400, "{count}");
}

/// Every statement that stands or falls with one shortly before it, in one page with that one.
#[test]
fn what_stands_in_the_page_before_counts() {
    let (most, none) = (begun(9, 2), begun(0, 2));
    for history in older::histories() {
        let entries = of(history.entries());
        for first in 0..entries.len() - 9 {
            let found = alike(history.name, &most, &entries[9..], &[first]);
            assert_eq!(reason(&found), history.judged(), "{}, {first}", history.name);
        }
        let found = alike(history.name, &none, &entries, &[]);
        assert_eq!(reason(&found), history.judged(), "{}, from its founding", history.name);
    }
}

/// Behind a charter that raises the rules within a page nothing more is judged.
#[test]
fn a_page_may_reach_behind_what_is_known() {
    let newer = |history: &older::History| history.name == "a kind of newer rules";
    let history = older::histories().into_iter().find(newer).unwrap();
    let mut entries = of(history.entries());
    entries.push(Bytes::from_static(b"garbage"));
    for first in 0..4 {
        assert_eq!(alike("behind", &begun(9, 1), &entries[9..], &[first]), Ok(()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_in_random_pages(attempts: Vec<random::Attempt>, pages: Vec<u8>) {
        let pages: Vec<usize> = pages.into_iter().map(|length| usize::from(length % 16)).collect();
        _ = alike("at random", &unfolded(1), &of(random::entries(&attempts)), &pages);
    }
}

fn of(entries: Vec<Vec<u8>>) -> Vec<Bytes> {
    entries.into_iter().map(Bytes::from).collect()
}

/// Whoever folds looks at no signature himself that a page can look at for him.
#[test]
fn signatures_of_a_page_are_for_other_threads() {
    let mut fold = begun(8, 1);
    let before = CHECKED.get();
    fold.push_on(2, &BASE[8..10]).unwrap();
    assert_eq!(CHECKED.get(), before, "a roster and a record, their signers known");
    fold.push_on(1, &BASE[10..]).unwrap();
    assert_ne!(CHECKED.get(), before, "one core, one thread");
}

/// What is kept as evidence is the entry that cannot be there, wherever it stands in its page.
#[test]
fn the_fault_of_a_page_shows_its_entry() {
    let (log, _) = TestLog::populated();
    let (_folder, home) = home(&log);
    let mut replica = Replica::open(&home, &name()).unwrap();
    let mut page = log.entries.clone();
    page.swap(2, 3);
    let refused = replica.append(&page).unwrap_err();
    let ReplicaError::Fold { fault: FoldFault::Inadmissible { leaf: 2, .. }, entry, .. } = refused
    else {
        panic!("a roster before its record: {refused}");
    };
    assert_eq!((&entry, replica.entries()), (&page[2], 2));
}
