//! What stands behind damage can still be read, and what is gone stays gone.

use std::fs;

use super::super::log::Kind;
use super::made::{index, message, node, number, string, tree};
use super::{Content, SMALL, close, open, salvaged};

#[test]
fn what_was_deleted_stays_gone_whatever_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), SMALL).unwrap();
    for number in 0..200_u32 {
        db.insert(number.to_be_bytes(), vec![1; 100]).unwrap();
    }
    db.flush().unwrap();
    for number in (0..200_u32).filter(|number| number % 4 != 0) {
        db.remove(number.to_be_bytes()).unwrap();
    }
    db.flush().unwrap();
    let deleted = fs::metadata(dir.path().join("db")).unwrap().len();
    // Then so much else that a flipped bit is far behind it.
    for number in 1000..1400_u32 {
        db.insert(number.to_be_bytes(), vec![2; 100]).unwrap();
    }
    close(db, dir.path());
    let whole = fs::read(dir.path().join("db")).unwrap();
    let mut fewest = usize::MAX;
    for at in (deleted as usize..whole.len()).step_by(1531) {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        fs::write(dir.path().join("db"), bytes).unwrap();
        let saved = salvaged(dir.path(), SMALL);
        let gone = |key: &[u8]| {
            let number = u32::from_be_bytes(key.try_into().unwrap());
            number < 200 && number % 4 != 0
        };
        assert!(!saved.keys().any(|key| gone(key)), "{at}");
        fewest = fewest.min(saved.len());
    }
    assert!(fewest >= 450 - 20, "{fewest} of 450");
}

#[test]
fn a_page_moved_while_it_was_merged_is_no_newer_than_the_one_it_went_into() {
    let dir = tempfile::tempdir().unwrap();
    let one = [number(1), string(b"b"), string(b"old")].concat();
    let mut moved = node(0, 0, b"b", b"", &one);
    moved[18] = 1;
    let mut bytes =
        tree(&[index(3), node(4, 0, b"", b"b", &number(0)), node(0, 0, b"b", b"", &one)]);
    let more = [
        message(Kind::Node, 3, &node(0, 0, b"", b"", &one)),
        message(Kind::Node, 4, &moved),
        message(Kind::Link, 3, &[&[0][..], &string(b"b"), &string(b"new")].concat()),
        message(Kind::Free, 4, b""),
    ]
    .concat();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes[end..end + more.len()].copy_from_slice(&more);
    let newest = Content::from([(b"b".to_vec(), b"new".to_vec())]);
    // Twice the same segment has twice the same page.
    for copies in [1, 2] {
        fs::write(dir.path().join("db"), bytes.repeat(copies)).unwrap();
        assert_eq!(salvaged(dir.path(), SMALL), newest);
    }
}
