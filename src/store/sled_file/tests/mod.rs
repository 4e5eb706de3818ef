//! What is read here is what sled serves, and whatever sled would lose is said.
#![expect(clippy::print_stdout, reason = "what was tried and what came of it is worth a look")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use tempfile::TempDir;

use super::{Damage, Files};

mod damage;
mod made;
mod salvage;
mod store;

type Content = BTreeMap<Vec<u8>, Vec<u8>>;

/// Numbers that look random, and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % sides
    }
}

const SMALL: u64 = 32 << 10;

fn open(dir: &Path, size: u64) -> sled::Result<sled::Db> {
    let config = sled::Config::new().path(dir).segment_size(size as usize);
    config.cache_capacity(1 << 20).flush_every_ms(None).open()
}

/// Ends a database. Threads of sled may hold its file a little longer.
fn close<D>(db: D, dir: &Path) {
    drop(db);
    File::open(dir.join("db")).unwrap().lock().unwrap();
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to.join("blobs")).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// What sled serves, opened on a copy.
fn by_sled(dir: &Path, size: u64) -> Result<Content, String> {
    let copied = tempfile::tempdir().unwrap();
    copy(dir, copied.path());
    let served = std::panic::catch_unwind(|| {
        let db = open(copied.path(), size).map_err(|error| error.to_string())?;
        let entries = db.iter().map(|entry| entry.map(|(k, v)| (k.to_vec(), v.to_vec())));
        entries.collect::<Result<Content, _>>().map_err(|error| error.to_string())
    });
    served.unwrap_or(Err("panicked".to_owned()))
}

/// What is read here, and what is said of it.
fn by_us(dir: &Path, size: u64) -> Result<(Content, Vec<Damage>, u64), Damage> {
    let files = Files::open(dir, size)?;
    let recovered = files.recover()?;
    let content = recovered.entries()?.collect::<Result<Content, _>>()?;
    Ok((content, recovered.damage, recovered.dropped))
}

/// Writes to `snap.*` what is read here, as it is done before sled opens.
fn settle(dir: &Path, size: u64) {
    let files = Files::open(dir, size).unwrap();
    let Some((name, bytes)) = files.recover().unwrap().snapshot() else { return };
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("snap.") {
            fs::remove_file(path).unwrap();
        }
    }
    fs::write(dir.join(name), bytes).unwrap();
    assert!(files.recover().unwrap().snapshot().is_none(), "it says the same of the log");
}

fn salvaged(dir: &Path, size: u64) -> Content {
    let files = Files::open(dir, size).unwrap();
    let mut content = Content::new();
    let each = |_, key: &[u8], value: &[u8]| drop(content.insert(key.to_vec(), value.to_vec()));
    files.salvage(each).unwrap();
    content
}

/// One commit, as the store makes it: a batch, and all of it on the disk. Then somebody reads, which
/// rearranges pages. `gone` of 8 changes are deletions.
fn commit(db: &sled::Db, dice: &mut Dice, keys: u64, gone: u64, model: &mut Content) {
    let mut batch = sled::Batch::default();
    for _ in 0..=dice.roll(12) {
        let key = format!("{:04}/{}", dice.roll(keys), "k".repeat(dice.roll(3) as usize));
        let key = key.into_bytes();
        if dice.roll(8) < gone {
            batch.remove(key.clone());
            model.remove(&key);
        } else {
            let length = if dice.roll(4) == 0 { dice.roll(900) } else { dice.roll(30) };
            let value = vec![dice.roll(256) as u8; length as usize];
            batch.insert(key.clone(), value.clone());
            model.insert(key, value);
        }
    }
    db.apply_batch(batch).unwrap();
    db.flush().unwrap();
    for _ in 0..dice.roll(3) {
        db.get(format!("{:04}/", dice.roll(keys))).unwrap();
    }
}

/// The file as a power cut may leave it: any page written since `before` may be as it was.
fn cut(dir: &Path, before: &Path, dice: &mut Dice) {
    let (old, mut new) = (fs::read(before.join("db")).unwrap(), fs::read(dir.join("db")).unwrap());
    let lost = dice.roll(5);
    for (page, index) in new.chunks_mut(512).zip(0..) {
        if dice.roll(4) < lost {
            let was = old.get(index * 512..).unwrap_or_default();
            let was = &was[..was.len().min(page.len())];
            page[..was.len()].copy_from_slice(was);
            page[was.len()..].fill(0);
        }
    }
    fs::write(dir.join("db"), new).unwrap();
}

/// Commits, reads and starts in any order, and power cuts in each.
struct History {
    seed: u64,
    dice: Dice,
    dir: TempDir,
    before: TempDir,
    after: TempDir,
    model: Content,
    cuts: u64,
    undone: u64,
}

impl History {
    fn new(seed: u64) -> Self {
        let dir = || tempfile::tempdir().unwrap();
        let (dir, before, after) = (dir(), dir(), dir());
        let (dice, model) = (Dice(seed * 2 + 1), Content::new());
        Self { seed, dice, dir, before, after, model, cuts: 0, undone: 0 }
    }

    fn run(&mut self, commits: u64) {
        let mut db = open(self.dir.path(), SMALL).unwrap();
        for number in 0..commits {
            let (then, is_seen) = (self.model.clone(), self.dice.roll(25) == 0);
            let gone = if number / 100 % 2 == 0 { 2 } else { 7 };
            if is_seen {
                copy(self.dir.path(), self.before.path());
            }
            commit(&db, &mut self.dice, 200, gone, &mut self.model);
            if is_seen {
                self.is_whole();
                self.cut(&then);
            }
            if self.dice.roll(60) == 0 {
                close(db, self.dir.path());
                self.is_whole();
                if self.dice.roll(2) == 0 {
                    settle(self.dir.path(), SMALL);
                    self.is_whole();
                }
                copy(self.dir.path(), self.before.path());
                db = open(self.dir.path(), SMALL).unwrap();
                db.flush().unwrap();
                self.cut(&self.model.clone());
            }
        }
        close(db, self.dir.path());
        self.is_whole();
    }

    /// All that was committed is there, and nothing is said against it.
    fn is_whole(&self) {
        copy(self.dir.path(), self.after.path());
        let (content, damage, dropped) = by_us(self.after.path(), SMALL).unwrap();
        assert!(damage.is_empty() && dropped == 0, "seed {}: {damage:?} {dropped}", self.seed);
        assert!(content == self.model, "seed {}: read", self.seed);
        assert!(salvaged(self.after.path(), SMALL) == self.model, "seed {}: salvaged", self.seed);
    }

    /// After a power cut since `before` there is all that was there `then`, or now, as sled says.
    fn cut(&mut self, then: &Content) {
        for _ in 0..3 {
            let after = self.after.path();
            copy(self.dir.path(), after);
            cut(after, self.before.path(), &mut self.dice);
            let (content, damage, _) = by_us(after, SMALL).unwrap();
            assert!(damage.is_empty(), "seed {}: {damage:?}", self.seed);
            assert!(by_sled(after, SMALL).as_ref() == Ok(&content), "seed {}: cut", self.seed);
            assert!(content == self.model || content == *then, "seed {}: cut", self.seed);
            settle(after, SMALL);
            let (settled, damage, _) = by_us(after, SMALL).unwrap();
            assert!(damage.is_empty() && settled == content, "seed {}: {damage:?}", self.seed);
            assert!(by_sled(after, SMALL) == Ok(content.clone()), "seed {}: settled", self.seed);
            self.cuts += 1;
            self.undone += u64::from(content != self.model);
        }
    }
}

#[test]
fn what_is_read_is_what_sled_serves() {
    for seed in 1..=3 {
        let mut history = History::new(seed);
        history.run(400);
        let files = Files::open(history.dir.path(), SMALL).unwrap();
        let last = files.headers.iter().flatten().map(|header| header.lsn).max().unwrap();
        let (cuts, undone) = (history.cuts, history.undone);
        let (segments, there) = (last / SMALL + 1, files.headers.len());
        println!("seed {seed}: {cuts} cuts, {undone} undone; {segments} segments in {there}");
    }
}
