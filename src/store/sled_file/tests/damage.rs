//! Whatever sled would lose is said.

use std::fs;
use std::path::Path;

use super::{Content, Dice, SMALL, by_sled, by_us, close, commit, copy, open, salvaged};
use crate::store::sled_file::{Damage, Files};

/// A closed store with segments written over, a snapshot, and more than a segment behind it.
fn closed(dir: &Path, seed: u64, size: u64, commits: u64) -> Content {
    let (mut dice, mut model) = (Dice(seed * 2 + 1), Content::new());
    for part in [3, 1] {
        let db = open(dir, size).unwrap();
        for _ in 0..commits * part / 4 {
            commit(&db, &mut dice, 800, 2, &mut model);
        }
        close(db, dir);
    }
    model
}

/// What became of damaged stores.
#[derive(Debug, Default)]
struct Tally {
    harmless: u64,
    /// Named here, and sled would have failed or lied.
    records: u64,
    /// Named here, although nothing that counts was hit.
    needlessly: u64,
    /// Only the sum over the content would tell.
    sum: u64,
    /// Of all: sled itself fails, or serves something else.
    sled_fails: u64,
    sled_lies: u64,
    /// What salvage gave, of all values.
    saved: usize,
    of: usize,
}

impl Tally {
    /// Asks sled and us about a damaged store.
    fn ask(&mut self, dir: &Path, size: u64, truth: &Content) {
        let (ours, sled) = (by_us(dir, size), by_sled(dir, size));
        let lies = sled.as_ref().is_ok_and(|content| content != truth);
        self.sled_fails += u64::from(sled.is_err());
        self.sled_lies += u64::from(lies);
        match &ours {
            Ok((content, damage, _)) if damage.is_empty() && content == truth => {
                assert!(sled.as_ref() == Ok(truth), "silent: {:?}", sled.err());
                self.harmless += 1;
            }
            Ok((content, damage, _)) if damage.is_empty() => {
                assert!(sled.as_ref() == Ok(content), "unlike sled");
                self.sum += 1;
            }
            _ if sled.as_ref() == Ok(truth) => {
                self.needlessly += 1;
            }
            _ => self.records += 1,
        }
        let saved = salvaged(dir, size);
        self.saved += saved.iter().filter(|(key, value)| truth.get(*key) == Some(value)).count();
        self.of += truth.len();
    }
}

#[test]
fn no_damage_is_silent() {
    let (dir, hurt) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let truth = closed(dir.path(), 7, SMALL, 800);
    let mut dice = Dice(11);
    let names = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let snapshot = names.map(|name| name.into_string().unwrap());
    let snapshot = snapshot.into_iter().find(|name| name.starts_with("snap.")).unwrap();
    let mut tally = |file: &str, what: &str, times: u64, hurts: fn(&mut Vec<u8>, &mut Dice)| {
        let mut tally = Tally::default();
        let whole = fs::read(dir.path().join(file)).unwrap();
        for _ in 0..times {
            copy(dir.path(), hurt.path());
            let mut bytes = whole.clone();
            hurts(&mut bytes, &mut dice);
            fs::write(hurt.path().join(file), bytes).unwrap();
            tally.ask(hurt.path(), SMALL, &truth);
        }
        println!("{what} in {file} of {} bytes: {tally:?}", whole.len());
        tally
    };
    let flip = |bytes: &mut Vec<u8>, dice: &mut Dice| {
        let at = dice.roll(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << dice.roll(8);
    };
    let zero = |bytes: &mut Vec<u8>, dice: &mut Dice| {
        let at = dice.roll(bytes.len() as u64 / 4096) as usize * 4096;
        bytes[at..at + 4096].fill(0);
    };
    let cut = |bytes: &mut Vec<u8>, dice: &mut Dice| {
        bytes.truncate(dice.roll(bytes.len() as u64) as usize);
    };
    let noise = |bytes: &mut Vec<u8>, dice: &mut Dice| {
        let at = (dice.roll(bytes.len() as u64 / SMALL) * SMALL) as usize;
        bytes[at..at + SMALL as usize].fill_with(|| dice.roll(256) as u8);
    };
    tally("db", "flips", 200, flip);
    tally("db", "zeros", 50, zero);
    tally("db", "cuts", 50, cut);
    tally("db", "noise", 20, noise);
    tally("conf", "flips", 20, flip);
    tally("conf", "cuts", 10, cut);
    tally(&snapshot, "flips", 20, flip);
    tally(&snapshot, "cuts", 10, cut);
}

#[test]
fn whatever_stands_in_the_file_reading_ends() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 13, SMALL, 300);
    let whole = fs::read(dir.path().join("db")).unwrap();
    let mut dice = Dice(17);
    for _ in 0..100 {
        let mut bytes = whole.clone();
        let length = bytes.len() as u64;
        // Whole segments and single pages in other places, and noise.
        for _ in 0..=dice.roll(6) {
            let size = [SMALL, 4096, 512, 16][dice.roll(4) as usize];
            let mut place = || (dice.roll(length / size) * size) as usize;
            let (from, to, size) = (place(), place(), size as usize);
            match dice.roll(3) {
                0 => bytes[to..to + size].fill_with(|| dice.roll(256) as u8),
                1 => bytes[to..to + size].fill_with(|| dice.roll(12) as u8),
                _ => bytes.copy_within(from..from + size, to),
            }
        }
        fs::write(dir.path().join("db"), bytes).unwrap();
        let _ = by_us(dir.path(), SMALL);
        salvaged(dir.path(), SMALL);
    }
}

/// A store of some commits, the file before and after the second, and all it held.
fn of_six(dir: &Path) -> (Vec<u8>, Vec<u8>, Content) {
    let (mut dice, mut model, mut files) = (Dice(5), Content::new(), Vec::new());
    let db = open(dir, SMALL).unwrap();
    for _ in 0..6 {
        commit(&db, &mut dice, 800, 0, &mut model);
        db.flush().unwrap();
        files.push(fs::read(dir.join("db")).unwrap());
    }
    close(db, dir);
    (files[0].clone(), files[1].clone(), model)
}

/// Where two files first differ.
fn differ(one: &[u8], other: &[u8]) -> usize {
    let both = one.iter().zip(other).position(|(one, other)| one != other);
    both.unwrap_or(one.len())
}

fn change(dir: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(dir.join("db")).unwrap();
    change(&mut bytes);
    fs::write(dir.join("db"), bytes).unwrap();
}

#[test]
fn commits_behind_a_flipped_bit_are_named_and_sled_loses_them() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second, truth) = of_six(dir.path());
    change(dir.path(), |bytes| bytes[differ(&first, &second) + 60] ^= 1);
    let (content, damage, _) = by_us(dir.path(), SMALL).unwrap();
    assert!(matches!(damage[..], [Damage::Behind { records: 10.., .. }]), "{damage:?}");
    assert!(content.len() < truth.len());
    assert!(by_sled(dir.path(), SMALL).as_ref() == Ok(&content));
}

#[test]
fn a_commit_that_was_not_finished_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second, _) = of_six(dir.path());
    fs::write(dir.path().join("db"), &second).unwrap();
    let (then, ..) = {
        change(dir.path(), |bytes| *bytes = first.clone());
        by_us(dir.path(), SMALL).unwrap()
    };
    // All of it is there but for its beginning, which is written last.
    change(dir.path(), |bytes| {
        *bytes = second.clone();
        let at = differ(&first, &second);
        bytes[at..at + 8].fill(0);
    });
    let (content, damage, dropped) = by_us(dir.path(), SMALL).unwrap();
    assert!(damage.is_empty() && dropped > 0 && content == then, "{damage:?} {dropped}");
}

#[test]
fn a_segment_whose_header_does_not_hold_is_named() {
    let (dir, hurt) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut dice, mut truth) = (Dice(3), Content::new());
    let db = open(dir.path(), SMALL).unwrap();
    for _ in 0..300 {
        commit(&db, &mut dice, 800, 2, &mut truth);
    }
    close(db, dir.path());
    let mut tally = Tally::default();
    let files = Files::open(dir.path(), SMALL).unwrap();
    let begins = |segment: usize| files.headers[segment].map_or(0, |header| header.lsn);
    let last = (0..files.headers.len()).map(begins).max().unwrap();
    // Those at the end may be of an unfinished commit.
    for segment in (0..files.headers.len()).filter(|segment| begins(*segment) + 2 * SMALL < last) {
        copy(dir.path(), hurt.path());
        change(hurt.path(), |bytes| bytes[segment * SMALL as usize + 5] ^= 1);
        tally.ask(hurt.path(), SMALL, &truth);
    }
    println!("headers: {tally:?}");
    assert!(tally.records > 0 && tally.sum == 0, "{tally:?}");
}
