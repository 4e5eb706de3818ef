//! Files that sled would never write: no number in them ends in a panic, a loop, or memory without
//! end.

use std::fs;
use std::path::Path;

use super::super::log::Kind;
use super::{SMALL, by_us, salvaged};
use crate::store::sled_file::Damage;

const ENDLESS: u64 = 1 << 63;

pub(super) fn number(number: u64) -> Vec<u8> {
    [&[255][..], &number.to_le_bytes()].concat()
}

pub(super) fn string(text: &[u8]) -> Vec<u8> {
    [&number(text.len() as u64), text].concat()
}

/// A message of segment 0.
pub(super) fn message(kind: Kind, page: u64, body: &[u8]) -> Vec<u8> {
    sized(kind, 0, page, body.len() as u64, body)
}

/// A message that holds, but for its length.
fn sized(kind: Kind, segment: u64, page: u64, length: u64, body: &[u8]) -> Vec<u8> {
    let kind = match kind {
        Kind::Cancelled => 1,
        Kind::Cap => 2,
        Kind::Manifest => 3,
        Kind::Free => 4,
        Kind::Counter => 5,
        Kind::Meta => 6,
        Kind::Node => 8,
        Kind::Link => 10,
        Kind::Blob => 9,
    };
    let head = [vec![kind], number(length), number(segment), number(page)].concat();
    let crc = !crc32fast::hash(&[body, &head].concat());
    [&crc.to_le_bytes()[..], &head, body].concat()
}

/// A leaf, or an index, with what follows where its keys would.
pub(super) fn node(next: u64, kind: u8, lo: &[u8], hi: &[u8], rest: &[u8]) -> Vec<u8> {
    [&number(next), &number(0), &[0, 0][..], &string(lo), &string(hi), &[kind], rest].concat()
}

pub(super) fn index(child: u64) -> Vec<u8> {
    node(0, 1, b"", b"", &[number(1), string(b""), number(child)].concat())
}

fn header(lsn: i64, stable: i64) -> Vec<u8> {
    let places = [(lsn ^ i64::MAX).to_le_bytes(), (stable ^ i64::MAX).to_le_bytes()].concat();
    [&(!crc32fast::hash(&places)).to_le_bytes()[..], &places].concat()
}

fn segment(header: Vec<u8>, messages: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = [header, messages.concat()].concat();
    bytes.resize(SMALL as usize, 0);
    bytes
}

/// A store whose root is page 2, with pages 2 and further as they are given.
pub(super) fn tree(pages: &[Vec<u8>]) -> Vec<u8> {
    segment(header(0, -1), &messages(pages))
}

fn messages(pages: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let meta = [string(b"__sled__default"), number(2)].concat();
    let mut messages = vec![message(Kind::Meta, 0, &meta), message(Kind::Counter, 1, &number(0))];
    messages.extend((2..).zip(pages).map(|(page, body)| message(Kind::Node, page, body)));
    messages
}

pub(super) fn with(more: Vec<u8>) -> Vec<u8> {
    let mut bytes = tree(&[index(3), node(0, 0, b"", b"", &number(0))]);
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    // The last node ends in zeros.
    let end = end + 8;
    bytes[end..end + more.len()].copy_from_slice(&more);
    bytes
}

fn refused(dir: &Path, db: &[u8]) -> bool {
    fs::write(dir.join("db"), db).unwrap();
    salvaged(dir, SMALL);
    !matches!(by_us(dir, SMALL), Ok((_, damage, _)) if damage.is_empty())
}

#[test]
fn no_number_is_too_large() {
    let dir = tempfile::tempdir().unwrap();
    let leaf = |rest: &[u8]| node(0, 0, b"", b"", rest);
    let whole = leaf(&[number(1), string(b"key"), string(b"value")].concat());
    assert!(!refused(dir.path(), &tree(&[index(3), whole.clone()])), "a tree that holds");
    assert!(!refused(dir.path(), &with(Vec::new())), "an empty one");
    let pages = [
        ("endless keys", vec![index(3), leaf(&number(ENDLESS))]),
        ("endless key", vec![index(3), leaf(&[number(1), number(ENDLESS)].concat())]),
        ("endless children", vec![node(0, 1, b"", b"", &number(ENDLESS))]),
        ("a page that is its own child", vec![index(2)]),
        ("a page that is its own next", vec![index(3), node(3, 0, b"", b"b", &number(0))]),
        (
            "pages that follow each other",
            vec![index(3), node(4, 0, b"", b"b", &number(0)), node(3, 0, b"b", b"c", &number(0))],
        ),
        (
            "a page that does not begin where the one before it ends",
            vec![index(3), node(4, 0, b"", b"b", &number(0)), node(0, 0, b"c", b"", &number(0))],
        ),
        ("a page that is not there", vec![index(ENDLESS)]),
        (
            "a prefix longer than its key",
            vec![index(3), {
                let mut long = whole.clone();
                long[19] = 200;
                long
            }],
        ),
        (
            "keys in no order",
            vec![
                index(3),
                leaf(&[number(2), string(b"b"), string(b"a"), string(b""), string(b"")].concat()),
            ],
        ),
    ];
    for (what, pages) in pages {
        assert!(refused(dir.path(), &tree(&pages)), "{what}");
    }
    let links = [
        ("endless value", [&[0][..], &string(b"key"), &number(ENDLESS)].concat()),
        ("a merge that did not begin", vec![3]),
        ("no change", vec![77]),
    ];
    for (what, link) in links {
        assert!(refused(dir.path(), &with(message(Kind::Link, 3, &link))), "{what}");
    }
    let messages = [
        ("an endless page", message(Kind::Node, u64::MAX, &whole)),
        ("a page far away", message(Kind::Free, 1 << 40, b"")),
        ("a page too many", message(Kind::Node, 9, &whole)),
        ("no list of trees", message(Kind::Meta, 0, &number(ENDLESS))),
        ("no counter", message(Kind::Counter, 1, b"")),
        ("a file of its own", message(Kind::Blob, 3, &[0; 8])),
    ];
    for (what, message) in messages {
        assert!(refused(dir.path(), &with(message)), "{what}");
    }
    for length in [ENDLESS, u64::MAX, SMALL, u64::MAX - SMALL] {
        refused(dir.path(), &with(sized(Kind::Node, 0, 3, length, &whole)));
    }
    for last in [0, -1, i64::MAX, i64::MIN] {
        refused(dir.path(), &with(message(Kind::Manifest, 9, &last.to_le_bytes())));
    }
    let empty = |lsn, stable| segment(header(lsn, stable), &[]);
    for lsn in [i64::MAX, i64::MIN, -1, 1, SMALL as i64, i64::MAX / SMALL as i64 * SMALL as i64] {
        for stable in [-1, i64::MAX, lsn] {
            refused(dir.path(), &[with(Vec::new()), empty(lsn, stable)].concat());
            refused(dir.path(), &[empty(lsn, stable), with(Vec::new())].concat());
        }
    }
    assert!(refused(dir.path(), &[with(Vec::new()), empty(0, -1)].concat()), "twice");
    let refused_with = |snapshot| {
        fs::write(dir.path().join("snap.0000000000000014"), snapshot).unwrap();
        refused(dir.path(), &with(Vec::new()))
    };
    assert!(
        refused_with(snapshot(20, &[(i64::MAX as u64, u64::MAX, u64::MAX); 9])),
        "a snapshot of nowhere"
    );
    assert!(refused_with(snapshot(SMALL as i64 / 2, &[])), "a log that ends before its snapshot");
}

#[test]
fn a_page_in_a_segment_without_a_header_is_not_served_as_it_was_before() {
    let dir = tempfile::tempdir().unwrap();
    let leaf = |value| node(0, 0, b"", b"", &[number(1), string(b"key"), string(value)].concat());
    let newer = leaf(b"newer");
    let newer = sized(Kind::Node, 1, 3, newer.len() as u64, &newer);
    let cap = |segment| sized(Kind::Cap, segment, u64::MAX, 0, b"");
    let segments = |header_of_newer| {
        let mut older = messages(&[index(3), leaf(b"older")]);
        older.push(cap(0));
        let last = segment(header(2 * SMALL as i64, 2 * SMALL as i64), &[]);
        let newer = segment(header_of_newer, &[newer.clone(), cap(1)]);
        [segment(header(0, -1), &older), newer, last].concat()
    };
    fs::write(dir.path().join("db"), segments(header(SMALL as i64, -1))).unwrap();
    let (content, damage, _) = by_us(dir.path(), SMALL).unwrap();
    assert!(damage.is_empty() && content[&b"key"[..]] == b"newer", "{damage:?}");
    fs::write(dir.path().join("db"), segments(vec![0; 20])).unwrap();
    let (_, damage, _) = by_us(dir.path(), SMALL).unwrap();
    assert!(matches!(damage[..], [Damage::Record { page: 3, .. }]), "{damage:?}");
}

#[test]
fn a_segment_that_sled_would_write_over_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let messages = messages(&[index(3), node(0, 0, b"", b"", &number(0))]);
    let (mut places, mut at) = (Vec::new(), 20);
    for message in &messages {
        places.push((at, at, message.len() as u64));
        at += message.len() as u64;
    }
    fs::write(dir.path().join("snap.1"), snapshot(at as i64, &places)).unwrap();
    let first = segment(header(0, -1), &messages);
    assert!(!refused(dir.path(), &first));
    // The next segment says that all before it is on the disk, and one before it is not there.
    let next = segment(header(5 * SMALL as i64, 3 * SMALL as i64), &[]);
    assert!(refused(dir.path(), &[first, next].concat()));
}

/// A snapshot that holds, of a log that ended at `end`, with the place of each page in the log and
/// in the file, and its length.
fn snapshot(end: i64, places: &[(u64, u64, u64)]) -> Vec<u8> {
    let mut pages = [&(end + 1).to_le_bytes()[..], &number(0)].concat();
    for (lsn, at, length) in places {
        pages.extend([&[1][..], &lsn.to_le_bytes(), &[0], &number(*at), &number(*length)].concat());
    }
    let crc = crc32fast::hash(&pages);
    [&pages[..], &[0; 8], &crc.to_le_bytes()].concat()
}
