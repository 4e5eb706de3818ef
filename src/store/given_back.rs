//! Space comes back: what was deleted leaves no file as large as it was.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use tempfile::TempDir;

use crate::disk::{Disk, Fdatasync};

use super::{Engine, Pages, Site, Store, Versioned, Write, check};

const VALUES: u32 = 640;
/// At a time: a batch has 2 MiB.
const SOME: usize = 14;
const MIB: u64 = 1 << 20;

fn key(number: u32) -> Vec<u8> {
    [b"message/", &number.to_be_bytes()[..]].concat()
}

async fn commit(store: &dyn Store, puts: &[u32], deletes: &[u32]) {
    let value = || Bytes::from(vec![7; 64 << 10]);
    let puts = puts.iter().map(|number| (key(*number), value()));
    let deletes = deletes.iter().map(|number| key(*number));
    store.commit(Write::new([], puts, deletes).unwrap().into()).await.unwrap();
}

fn size(place: &Site) -> u64 {
    let file = ["db", super::redb::FILE].map(|file| place.path().join(file));
    file.iter().find_map(|file| file.metadata().ok()).unwrap().len()
}

/// A store of 40 MiB whose file is larger, closed.
async fn filled(place: &Site) -> Vec<u32> {
    let store = place.create(NAME, 1).await.unwrap();
    let all: Vec<u32> = (0..VALUES).collect();
    for some in all.chunks(SOME) {
        commit(store.as_ref(), some, &[]).await;
    }
    all
}

/// Deletes all but the last, which stand at the end of the file.
async fn emptied(place: &Site, all: &[u32]) -> BTreeMap<Vec<u8>, Versioned> {
    let store = place.open(NAME).await.unwrap();
    for some in all[..all.len() - SOME].chunks(SOME) {
        commit(store.as_ref(), &[], some).await;
    }
    content(store.as_ref()).await
}

async fn content(store: &dyn Store) -> BTreeMap<Vec<u8>, Versioned> {
    check::whole(store, |_| ()).await.unwrap();
    let (mut all, mut pages) = (BTreeMap::new(), Pages::of(store, b""));
    while let Some(page) = pages.next().await.unwrap() {
        all.extend(page.entries.into_iter().map(|(key, revision, value)| (key, (revision, value))));
    }
    all
}

async fn a_start_gives_back_what_is_free(engine: Engine) {
    let dir = tempfile::tempdir().unwrap();
    let place = Site::on(engine, dir.path().join("store"), Arc::new(Fdatasync));
    let all = filled(&place).await;
    let grown = size(&place);
    assert!(grown > 64 * MIB, "{grown}");
    drop(place.open(NAME).await.unwrap());
    let full = size(&place);
    assert!(full > 40 * MIB, "what is used stays: {full}");
    let kept = emptied(&place, &all).await;
    let free = size(&place);
    let store = place.open(NAME).await.unwrap();
    let left = size(&place);
    assert!(left < 16 * MIB, "{grown}, {full}, {free}, {left}");
    assert_eq!(content(store.as_ref()).await, kept);
    commit(store.as_ref(), &all[..SOME], &[]).await;
    assert_eq!(content(store.as_ref()).await.len(), kept.len() + SOME);
}

#[tokio::test]
async fn a_start_gives_back_what_is_free_of_a_file_that_is_mostly_free_on_redb() {
    a_start_gives_back_what_is_free(Engine::Redb).await;
}

#[tokio::test]
async fn a_start_gives_back_what_is_free_of_a_file_that_is_mostly_free_on_sled() {
    a_start_gives_back_what_is_free(Engine::Sled).await;
}

/// A store of sled with a few values, whose file is large and mostly free.
async fn mostly_free(disk: Arc<dyn Disk>) -> (TempDir, Site, BTreeMap<Vec<u8>, Versioned>) {
    let dir = tempfile::tempdir().unwrap();
    let place = Site::on(Engine::Sled, dir.path().join("store"), disk);
    let store = place.create(NAME, 1).await.unwrap();
    commit(store.as_ref(), &[1, 2, 3], &[]).await;
    commit(store.as_ref(), &[2], &[3]).await;
    let kept = content(store.as_ref()).await;
    drop(store);
    OpenOptions::new().write(true).open(place.path().join("db")).unwrap().set_len(LARGE).unwrap();
    (dir, place, kept)
}

const LARGE: u64 = 80 * MIB;

/// The store is looked at as a start does, has all that it had, and nothing else stands beside it.
async fn is_whole_after_a_start(place: &Site, kept: &BTreeMap<Vec<u8>, Versioned>, at: &str) {
    let looked = place.look(NAME, |_| ()).await.unwrap_or_else(|why| panic!("{at}: {why}"));
    assert_eq!(content(looked.store.as_ref()).await, *kept, "{at}");
    drop(looked);
    let store = place.open(NAME).await.unwrap_or_else(|why| panic!("{at}: {why}"));
    assert_eq!(content(store.as_ref()).await, *kept, "{at}");
    assert!(size(place) < LARGE, "{at}");
    assert_eq!(beside(place), ["store"], "{at}");
}

fn beside(place: &Site) -> Vec<String> {
    let listed = place.path().parent().unwrap().read_dir().unwrap();
    let mut names: Vec<_> =
        listed.map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A new store has another directory.
fn directory(place: &Site) -> u64 {
    place.path().metadata().unwrap().ino()
}

/// A disk that has so much room, and on which one sync fails after so many.
#[derive(Debug)]
struct Limited {
    free: u64,
    syncs: AtomicI64,
}

impl Limited {
    fn disk(free: u64) -> Arc<Self> {
        Arc::new(Self { free, syncs: AtomicI64::new(i64::MAX) })
    }
}

impl Disk for Limited {
    fn sync(&self, file: &File) -> io::Result<()> {
        match self.syncs.fetch_sub(1, Ordering::SeqCst) {
            0 => Err(io::Error::from_raw_os_error(5)),
            _ => Fdatasync.sync(file),
        }
    }

    fn free(&self, _: &Path) -> io::Result<u64> {
        Ok(self.free)
    }
}

#[tokio::test]
async fn a_store_that_is_written_anew_is_whole_wherever_a_sync_fails() {
    let (mut left_out, mut ended) = (0, 0);
    for syncs in 0.. {
        let disk = Limited::disk(u64::MAX);
        let (_dir, place, kept) = mostly_free(Arc::<Limited>::clone(&disk)).await;
        let was = directory(&place);
        disk.syncs.store(syncs, Ordering::SeqCst);
        match place.open(NAME).await {
            Err(why) => ended += i32::from(why.to_string().contains("EIO (5)")),
            Ok(_) if disk.syncs.load(Ordering::SeqCst) >= 0 => break,
            Ok(_) => left_out += i32::from(directory(&place) == was),
        }
        assert_eq!(i64::from(left_out + ended), syncs + 1, "each is told");
        is_whole_after_a_start(&place, &kept, &format!("{syncs} syncs")).await;
    }
    assert!(left_out >= 3 && ended >= 2, "{left_out} {ended}");
}

#[tokio::test]
async fn a_store_that_was_being_written_anew_is_whole_wherever_it_was_cut_off() {
    let (_dir, place, kept) = mostly_free(Arc::new(Fdatasync)).await;
    let [anew, before] = ["written-anew-in-part", "replaced-by-anew"]
        .map(|word| super::migrate::beside(place.path(), word));
    // While it copied.
    fs::create_dir(&anew).unwrap();
    fs::write(anew.join("db"), b"half").unwrap();
    is_whole_after_a_start(&place, &kept, "copying").await;
    // Between the names.
    fs::rename(place.path(), &before).unwrap();
    fs::create_dir(&anew).unwrap();
    is_whole_after_a_start(&place, &kept, "between the names").await;
    // While it removed the old one.
    fs::create_dir(&before).unwrap();
    fs::write(before.join("db"), b"old").unwrap();
    is_whole_after_a_start(&place, &kept, "removing").await;
}

/// Nor does a link, or what it leads to.
#[tokio::test]
async fn what_others_put_beside_a_store_stays() {
    let (dir, place, kept) = mostly_free(Arc::new(Fdatasync)).await;
    let others = ["store.anew", "store.before", "store.new"].map(|name| dir.path().join(name));
    for other in &others {
        fs::create_dir(other).unwrap();
        fs::write(other.join("db"), b"somebody's").unwrap();
    }
    let elsewhere = dir.path().join("elsewhere");
    fs::rename(place.path(), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, place.path()).unwrap();
    assert_eq!(content(place.open(NAME).await.unwrap().as_ref()).await, kept);
    assert!(place.path().is_symlink(), "nothing takes the place of a link");
    fs::remove_file(place.path()).unwrap();
    fs::rename(&elsewhere, place.path()).unwrap();
    OpenOptions::new().write(true).open(place.path().join("db")).unwrap().set_len(LARGE).unwrap();
    let was = directory(&place);
    assert_eq!(content(place.open(NAME).await.unwrap().as_ref()).await, kept);
    assert_ne!(directory(&place), was);
    for other in &others {
        assert_eq!(fs::read(other.join("db")).unwrap(), b"somebody's");
    }
}

#[tokio::test]
async fn nothing_is_written_anew_without_room_for_it_or_where_it_is_not_whole() {
    let room = 17 * MIB;
    for (free, is_anew) in [(room, true), (16 * MIB, false)] {
        let (_dir, place, kept) = mostly_free(Limited::disk(free)).await;
        let was = directory(&place);
        let store = place.open(NAME).await.unwrap();
        assert_eq!(directory(&place) != was, is_anew, "{free}");
        assert_eq!((content(store.as_ref()).await, beside(&place)), (kept, vec!["store".into()]));
    }
    let (_dir, place, _) = mostly_free(Arc::new(Fdatasync)).await;
    let db = super::sled::open_sled(place.path()).unwrap();
    let key = super::sled::head_key(&key(1));
    let mut spoilt = db.get(&key).unwrap().unwrap().to_vec();
    *spoilt.last_mut().unwrap() ^= 1;
    db.insert(key, spoilt).unwrap();
    drop(db);
    let file = place.path().join("db");
    OpenOptions::new().write(true).open(&file).unwrap().set_len(LARGE).unwrap();
    let was = fs::read(&file).unwrap();
    super::anew::give_back(&place).await.unwrap();
    assert!(fs::read(&file).unwrap() == was, "what is not whole stays as it is");
    assert_eq!(beside(&place), ["store"]);
}

const NAME: &str = "un.example";
