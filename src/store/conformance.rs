//! One suite for every engine: what the port promises, tried out.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::disk::Disk;

use super::format::{self, FormatError};
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_keeps_the_contract() {
    let store = Site::new(Engine::Memory, "").create("test", 1).await.unwrap();
    keeps_the_contract(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redb_keeps_the_contract() {
    on_disk_keeps_the_contract(Engine::Redb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sled_keeps_the_contract() {
    on_disk_keeps_the_contract(Engine::Sled).await;
}

#[tokio::test]
async fn redb_shows_only_what_is_durable() {
    shows_only_what_is_durable(Engine::Redb).await;
}

#[tokio::test]
async fn sled_shows_only_what_is_durable() {
    shows_only_what_is_durable(Engine::Sled).await;
}

#[tokio::test]
async fn redb_stops_when_a_sync_fails() {
    stops_when_a_sync_fails(Engine::Redb).await;
}

#[tokio::test]
async fn sled_stops_when_a_sync_fails() {
    stops_when_a_sync_fails(Engine::Sled).await;
}

/// What every engine must do; `store` is new.
pub(super) async fn keeps_the_contract(store: &Arc<dyn Store>) {
    expects_revisions(store.as_ref()).await;
    leaves_nothing_after_a_conflict(store.as_ref()).await;
    never_repeats_a_revision(store.as_ref()).await;
    writes_a_batch_at_one_revision(store.as_ref()).await;
    checks_without_writing(store.as_ref()).await;
    scans_in_order_and_in_pages(store.as_ref()).await;
    ends_a_prefix_where_it_ends(store.as_ref()).await;
    keeps_values_of_every_size(store.as_ref()).await;
    replaces_large_by_small_and_back(store.as_ref()).await;
    takes_what_the_limits_allow(store.as_ref()).await;
    limits_the_bytes_of_a_page(store.as_ref()).await;
    wakes_those_concerned(store.as_ref()).await;
    agrees_with_a_model(store).await;
    says_what_it_holds(store.as_ref()).await;
}

/// The same, and after that what only an engine with files can do.
async fn on_disk_keeps_the_contract(engine: Engine) {
    let dir = tempfile::tempdir().unwrap();
    let place = Site::new(engine, dir.path().join("a").join("store"));
    assert_eq!(place.open("test").await.err(), Some(FormatError::Missing.into()));
    let store = place.create("test", 1).await.unwrap();
    assert_eq!(store.engine(), engine.name());
    keeps_the_contract(&store).await;
    keeps_all_when_reopened(&place, store).await;
    refuses_other_formats(&place).await;
}

async fn expects_revisions(store: &dyn Store) {
    let first = put(store, b"expect/a", Revision::ABSENT, b"1").await.unwrap();
    assert!(first > Revision::ABSENT);
    let again = put(store, b"expect/a", Revision::ABSENT, b"2").await;
    assert_eq!(again, Err(StoreError::Conflict), "expected absent, but it is there");
    let early = put(store, b"expect/b", first, b"2").await;
    assert_eq!(early, Err(StoreError::Conflict), "expected there, but it is absent");
    let second = put(store, b"expect/a", first, b"2").await.unwrap();
    assert!(second > first);
    assert_eq!(put(store, b"expect/a", first, b"3").await, Err(StoreError::Conflict));
    assert_eq!(get(store, b"expect/a").await, Some((second, Bytes::from_static(b"2"))));
}

async fn leaves_nothing_after_a_conflict(store: &dyn Store) {
    let kept = put(store, b"atomic/kept", Revision::ABSENT, b"1").await.unwrap();
    let expected = [(b"atomic/absent".to_vec(), kept)];
    let puts = [(b"atomic/new".to_vec(), Bytes::from_static(b"2"))];
    let write = Write::new(expected, puts, [b"atomic/kept".to_vec()]).unwrap();
    assert_eq!(store.commit(write.into()).await, Err(StoreError::Conflict));
    assert_eq!(get(store, b"atomic/new").await, None);
    assert_eq!(get(store, b"atomic/kept").await, Some((kept, Bytes::from_static(b"1"))));
}

async fn never_repeats_a_revision(store: &dyn Store) {
    let first = put(store, b"aba", Revision::ABSENT, b"same").await.unwrap();
    delete(store, b"aba").await;
    assert_eq!(get(store, b"aba").await, None);
    let second = put(store, b"aba", Revision::ABSENT, b"same").await.unwrap();
    assert!(second > first, "a new life of a key has a new revision");
    assert_eq!(put(store, b"aba", first, b"stale").await, Err(StoreError::Conflict));
}

async fn writes_a_batch_at_one_revision(store: &dyn Store) {
    let mut batch = Batch::new();
    for (value, key) in [(b"1", b"batch/a"), (b"2", b"batch/b"), (b"3", b"batch/a")] {
        let puts = [(key.to_vec(), Bytes::from_static(value))];
        batch.merge(Write::new([(key.to_vec(), Revision::ABSENT)], puts, []).unwrap()).unwrap();
    }
    batch.merge(Write::new([], [], [b"batch/b".to_vec()]).unwrap()).unwrap();
    let revision = store.commit(batch).await.unwrap();
    let seen = store.read(&[b"batch/a".to_vec(), b"batch/b".to_vec()]).await.unwrap();
    assert_eq!(seen.get(b"batch/a"), Some(Some(&(revision, Bytes::from_static(b"3")))));
    assert_eq!(seen.get(b"batch/b"), Some(None));
}

async fn checks_without_writing(store: &dyn Store) {
    let revision = put(store, b"check", Revision::ABSENT, b"").await.unwrap();
    let check = |revision| Write::new([(b"check".to_vec(), revision)], [], []).unwrap().into();
    assert_eq!(store.commit(check(revision)).await, Ok(revision));
    assert_eq!(store.commit(check(Revision::ABSENT)).await, Err(StoreError::Conflict));
    assert_eq!(get(store, b"check").await, Some((revision, Bytes::new())), "an empty value stays");
}

async fn scans_in_order_and_in_pages(store: &dyn Store) {
    let keys: Vec<Vec<u8>> = (0..=255).step_by(5).map(|b| vec![b's', b'/', b]).collect();
    for key in keys.iter().rev() {
        put(store, key, Revision::ABSENT, key).await.unwrap();
    }
    let (mut range, mut seen) = (KeyRange::prefix(b"s/"), Vec::new());
    loop {
        let page = store.scan(range.clone(), 7).await.unwrap();
        assert!(page.entries.len() == 7 || !page.more);
        seen.extend(page.entries.iter().map(|(key, _, _)| key.clone()));
        if !page.more {
            break;
        }
        range = range.after(seen.last().unwrap());
    }
    assert_eq!(seen, keys);
    assert_eq!(store.scan(KeyRange::prefix(b"s/"), 0).await.unwrap().entries.len(), 1);
    let exact = u32::try_from(keys.len()).unwrap();
    assert!(!store.scan(KeyRange::prefix(b"s/"), exact).await.unwrap().more);
    let nothing = store.scan(KeyRange::new(b"s/z".to_vec(), b"s/a".to_vec()), 9).await.unwrap();
    assert_eq!(nothing, Page::default());
}

async fn ends_a_prefix_where_it_ends(store: &dyn Store) {
    for key in [&b"p"[..], b"p/", b"p/1", b"p/\xff\xff", b"p0", b"\xff", b"\xff\xff1"] {
        put(store, key, Revision::ABSENT, b"").await.unwrap();
    }
    let keys = async |prefix: &[u8]| -> Vec<Vec<u8>> {
        let page = store.scan(KeyRange::prefix(prefix), 100).await.unwrap();
        page.entries.into_iter().map(|(key, _, _)| key).collect()
    };
    assert_eq!(keys(b"p/").await, [&b"p/"[..], b"p/1", b"p/\xff\xff"]);
    assert_eq!(keys(b"\xff").await, [&b"\xff"[..], b"\xff\xff1"]);
    assert_eq!(keys(b"\xff\xff").await, [&b"\xff\xff1"[..]]);
    assert!(keys(b"").await.iter().all(|key| !key.is_empty()), "nothing of the engine shows");
    assert!(keys(b"").await.contains(&format::KEY.to_vec()));
}

async fn keeps_values_of_every_size(store: &dyn Store) {
    for size in SIZES {
        let key = format!("size/{size}").into_bytes();
        let revision = put(store, &key, Revision::ABSENT, &value(1, size)).await.unwrap();
        assert_eq!(get(store, &key).await, Some((revision, value(1, size))), "{size}");
        // The longer key begins with the shorter one: their parts must not be confused.
        let longer = [&key[..], b"\0\0\0\0\0"].concat();
        put(store, &longer, Revision::ABSENT, &value(2, size)).await.unwrap();
        assert_eq!(get(store, &key).await, Some((revision, value(1, size))), "{size}");
    }
    let page = store.scan(KeyRange::prefix(b"size/"), 100).await.unwrap();
    assert_eq!(page.entries.len(), 2 * SIZES.len());
    delete(store, b"size/307200").await;
    assert_eq!(get(store, b"size/307200").await, None);
    put(store, b"size/307200", Revision::ABSENT, &value(3, 307_200)).await.unwrap();
    assert_eq!(get(store, b"size/307200").await.unwrap().1, value(3, 307_200));
}

async fn replaces_large_by_small_and_back(store: &dyn Store) {
    let mut last = Revision::ABSENT;
    for (round, size) in (0..).zip([300 << 10, 10, 64 << 10, 0, 4085, 4084, 1 << 10]) {
        last = put(store, b"resized", last, &value(round, size)).await.unwrap();
        assert_eq!(get(store, b"resized").await, Some((last, value(round, size))));
    }
}

async fn takes_what_the_limits_allow(store: &dyn Store) {
    let key = |n: usize| format!("limit/{n:04}").into_bytes();
    let puts = |n: usize, size: usize| (0..n).map(move |i| (key(i), value(i as u64, size)));
    let absent = |n: usize| (0..n).map(move |i| (key(i), Revision::ABSENT));

    let most = Write::new(absent(128), puts(1280, 800), []).unwrap();
    store.commit(most.into()).await.unwrap();
    assert_eq!(get(store, &key(1279)).await.unwrap().1, value(1279, 800));
    let gone = Write::new([], [], (0..1280).map(key)).unwrap();
    store.commit(gone.into()).await.unwrap();

    let one = Write::new([], [(key(0), value(0, limits::BYTES - 10))], []).unwrap();
    store.commit(one.into()).await.unwrap();
    assert_eq!(get(store, &key(0)).await.unwrap().1, value(0, limits::BYTES - 10));
    let long = vec![b'k'; limits::KEY_BYTES];
    put(store, &long, Revision::ABSENT, b"long").await.unwrap();
    assert_eq!(get(store, &long).await.unwrap().1, Bytes::from_static(b"long"));
    assert_eq!(get(store, &long[1..]).await, None);

    let none = std::iter::empty::<(Vec<u8>, Bytes)>;
    let refused = [
        (Write::new(absent(129), none(), []), LimitExceeded::Expected(129)),
        (Write::new([], puts(1281, 0), []), LimitExceeded::Written(1281)),
        (Write::new([], puts(1280, 0), [key(2000)]), LimitExceeded::Written(1281)),
        (Write::new([], none(), [vec![]]), LimitExceeded::KeyBytes(0)),
        (Write::new([], none(), [vec![0; 257]]), LimitExceeded::KeyBytes(257)),
        (Write::new([], puts(1, 0), [key(0)]), LimitExceeded::Twice(hex::encode(key(0)))),
        (
            Write::new([], [(key(0), value(0, limits::BYTES - 9))], []),
            LimitExceeded::Bytes(limits::BYTES + 1),
        ),
    ];
    for (write, why) in refused {
        assert_eq!(write, Err(why));
    }
}

async fn limits_the_bytes_of_a_page(store: &dyn Store) {
    for n in 0..6 {
        put(store, &[b'L', n], Revision::ABSENT, &value(n.into(), 900 << 10)).await.unwrap();
    }
    let page = store.scan(KeyRange::prefix(b"L"), 100).await.unwrap();
    assert_eq!((page.entries.len(), page.more), (5, true));
}

async fn wakes_those_concerned(store: &dyn Store) {
    let mut mine = store.wake(vec![b"wake/1/".to_vec(), b"wake/3/".to_vec()]);
    let mut other = store.wake(vec![b"wake/2/".to_vec()]);
    put(store, b"wake/1/a", Revision::ABSENT, b"1").await.unwrap();
    put(store, b"wake/3/a", Revision::ABSENT, b"2").await.unwrap();
    timeout(LONG, mine.next()).await.expect("a hint before the wait is not lost");
    assert!(timeout(SHORT, other.next()).await.is_err(), "nothing under this prefix was written");
    assert_eq!(put(store, b"wake/2/a", Revision::new(1), b"").await, Err(StoreError::Conflict));
    assert!(timeout(SHORT, other.next()).await.is_err(), "a conflict writes nothing");
    put(store, b"wake/2/a", Revision::ABSENT, b"1").await.unwrap();
    timeout(LONG, other.next()).await.expect("a hint after the commit");
    delete(store, b"wake/2/a").await;
    timeout(LONG, other.next()).await.expect("a deletion is a write");
}

/// Several tasks read and commit at random over the same few keys; each commit that succeeds is
/// replayed, in the order of revisions, on a map that checks what it had read.
async fn agrees_with_a_model(store: &Arc<dyn Store>) {
    let seed = seed();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(store);
        tasks.spawn(async move { random_commits(store.as_ref(), Random(seed ^ task)).await });
    }
    let mut history: Vec<Commit> = tasks.join_all().await.into_iter().flatten().collect();
    history.sort_by_key(|commit| commit.revision);
    assert!(history.len() > OPERATIONS / 4, "too few commits succeeded, seed {seed}");
    let mut model: BTreeMap<Vec<u8>, Versioned> = BTreeMap::new();
    let mut last = Revision::ABSENT;
    for Commit { revision, seen, changes } in history {
        assert!(revision > last, "two commits have one revision, seed {seed}");
        last = revision;
        for (key, found) in seen.iter() {
            assert_eq!(found, model.get(key), "a commit rests on an old read, seed {seed}");
        }
        for (key, change) in changes {
            match change {
                Some(value) => model.insert(key, (revision, value)),
                None => model.remove(&key),
            };
        }
    }
    let page = store.scan(KeyRange::prefix(b"model/"), 100).await.unwrap();
    let found = page.entries.into_iter().map(|(key, revision, value)| (key, (revision, value)));
    assert_eq!(found.collect::<BTreeMap<_, _>>(), model, "seed {seed}");
}

struct Commit {
    revision: Revision,
    seen: Snapshot,
    changes: BTreeMap<Vec<u8>, Option<Bytes>>,
}

async fn random_commits(store: &dyn Store, mut random: Random) -> Vec<Commit> {
    let key = |random: &mut Random| format!("model/{:02}", random.below(24)).into_bytes();
    let mut commits = Vec::new();
    for _ in 0..OPERATIONS / TASKS as usize {
        let (changed, also) = (key(&mut random), key(&mut random));
        let changes = BTreeMap::from([
            (changed, Some(value(random.next(), [0, 9, 900, 9000][random.below(4)]))),
            (also, None),
        ]);
        let keys: Vec<_> = changes.keys().cloned().chain([key(&mut random)]).collect();
        let seen = store.read(&keys).await.unwrap();
        let expected: Vec<_> =
            seen.iter().map(|(key, _)| (key.to_vec(), seen.revision(key).unwrap())).collect();
        let puts = changes.iter().filter_map(|(key, v)| Some((key.clone(), v.clone()?)));
        let deletes = changes.iter().filter(|(_, v)| v.is_none()).map(|(key, _)| key.clone());
        let write = Write::new(expected, puts, deletes).unwrap();
        match store.commit(write.into()).await {
            Ok(revision) => commits.push(Commit { revision, seen, changes }),
            Err(error) => assert_eq!(error, StoreError::Conflict),
        }
    }
    commits
}

/// After all of the above.
async fn says_what_it_holds(store: &dyn Store) {
    let before = check::whole(store, |_| ()).await.unwrap();
    assert_eq!(before, store.end());
    assert!(before.values > 100 && before.commits > OPERATIONS as u64 / 4, "{before:?}");
    let kept = put(store, b"end", Revision::ABSENT, b"1").await.unwrap();
    let one = store.end();
    assert_eq!((one.commits, one.values), (kept.get(), before.values + 1));
    put(store, b"end", kept, b"1").await.unwrap();
    let again = store.end();
    assert_eq!((again.commits, again.values), (kept.get() + 1, before.values + 1));
    assert_ne!(again.sum, one.sum, "the same bytes at another revision are another value");
    put(store, b"end", kept, b"2").await.unwrap_err();
    store.commit(Batch::new()).await.unwrap();
    assert_eq!(store.end(), again, "nothing was written");
    delete(store, b"end").await;
    delete(store, b"end").await;
    let end = End { commits: kept.get() + 3, ..before };
    assert_eq!(store.end(), end);
    assert_eq!(check::whole(store, |_| ()).await, Ok(end));
}

async fn keeps_all_when_reopened(place: &Site, store: Arc<dyn Store>) {
    let everything = async |store: &dyn Store| {
        let (mut range, mut entries) = (KeyRange::prefix(b""), Vec::new());
        loop {
            let page = store.scan(range.clone(), 1000).await.unwrap();
            entries.extend(page.entries);
            if !page.more {
                return entries;
            }
            range = range.after(&entries.last().unwrap().0);
        }
    };
    let before = everything(store.as_ref()).await;
    let last = put(store.as_ref(), b"reopened", Revision::ABSENT, b"").await.unwrap();
    delete(store.as_ref(), b"reopened").await;
    let end = store.end();
    drop(store);
    let store = place.open("test").await.unwrap();
    assert_eq!(store.end(), end);
    assert_eq!(check::whole(store.as_ref(), |_| ()).await, Ok(end));
    assert_eq!(everything(store.as_ref()).await, before);
    let next = put(store.as_ref(), b"reopened", Revision::ABSENT, b"").await.unwrap();
    assert!(next > last, "revisions grow across restarts, also past deleted keys");
}

async fn refuses_other_formats(place: &Site) {
    let refusal = async |directory| match place.open(directory).await {
        Err(StoreError::Format(refused)) => refused.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => "nothing".to_owned(),
    };
    assert_eq!(place.create("test", 1).await.err(), Some(FormatError::Exists.into()));
    assert!(refusal("other").await.contains("\"test\""));
    for (number, says) in [
        (5u32, "reads format 5"),
        (3, "run liaisond store migrate"),
        (2, "run liaisond store migrate"),
        (1, "made by liaisond 0.1"),
    ] {
        let store = place.open("test").await.unwrap();
        let (kept, marker) = get(store.as_ref(), format::KEY).await.unwrap();
        let other = [&number.to_be_bytes(), &marker[4..]].concat();
        let changed = put(store.as_ref(), format::KEY, kept, &other).await.unwrap();
        let refused = format::check(store.as_ref(), "test").await.unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
        drop(store);
        assert_eq!(refusal("test").await, refused);
        let store = place.start().await.unwrap();
        put(store.as_ref(), format::KEY, changed, &marker).await.unwrap();
    }
    assert_eq!(refusal("test").await, "nothing");
}

/// While the sync of a commit hangs, everybody reads what stood before it, nobody waits for it, and
/// nobody is told.
async fn shows_only_what_is_durable(engine: Engine) {
    let (_dir, gate, store) = gated(engine).await;
    for key in [b"c", b"e", b"g"] {
        put(store.as_ref(), key, Revision::ABSENT, b"durable").await.unwrap();
    }
    let large = value(7, 20 << 10);
    overwrite(store.as_ref(), b"i", &large).await.unwrap();
    let (before, end) = (all(store.as_ref()).await, store.end());
    let mut hints = store.wake(vec![b"c".to_vec()]);
    let _opened_at_last = OpenAtLast(Arc::clone(&gate));
    gate.set(Door::Shut);
    let new = |key: &u8| (vec![*key], Bytes::from_static(b"in the air"));
    let write = Write::new([], b"abcijk".iter().map(new), [b"e".to_vec()]).unwrap();
    let commit = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.commit(write.into()).await }
    });
    gate.until_someone_waits().await;
    assert_eq!(all(store.as_ref()).await, before, "a read saw what a cut could take back");
    assert_eq!(store.end(), end);
    assert!(timeout(SHORT, hints.next()).await.is_err(), "a hint came before durability");
    assert!(!commit.is_finished(), "acknowledged before it was synced");
    gate.set(Door::Open);
    commit.await.unwrap().unwrap();
    let after = all(store.as_ref()).await;
    assert_eq!(after.keys().flatten().copied().collect::<Vec<_>>(), b"abcgijk");
    assert_eq!(after[&b"i"[..]].1, "in the air");
    timeout(LONG, hints.next()).await.expect("a hint after durability");
}

/// All that stands under one letter, read key by key, in one page and in pages of one, within a
/// while.
async fn all(store: &dyn Store) -> BTreeMap<Vec<u8>, Versioned> {
    let range = KeyRange::new(b"a".to_vec(), b"l".to_vec());
    let looks = async {
        let keys: Vec<_> = (b'a'..b'l').map(|key| vec![key]).collect();
        let read = store.read(&keys).await.unwrap();
        let read = read.iter().filter_map(|(key, found)| Some((key.to_vec(), found?.clone())));
        let page = store.scan(range.clone(), 1_000).await.unwrap();
        let (mut one_by_one, mut rest, mut more) = (Vec::new(), range, true);
        while more {
            let page = store.scan(rest.clone(), 1).await.unwrap();
            more = page.more;
            rest = rest.after(&page.entries[0].0);
            one_by_one.extend(page.entries);
        }
        assert_eq!(one_by_one, page.entries);
        let read: BTreeMap<_, _> = read.collect();
        let page = page.entries.into_iter().map(|(key, revision, value)| (key, (revision, value)));
        assert_eq!(page.collect::<Vec<_>>(), read.clone().into_iter().collect::<Vec<_>>());
        read
    };
    timeout(LONG, looks).await.expect("a read waited for a commit")
}

/// A commit whose sync fails is never acknowledged or seen, and is the last one.
async fn stops_when_a_sync_fails(engine: Engine) {
    let (_dir, gate, store) = gated(engine).await;
    put(store.as_ref(), b"k", Revision::ABSENT, b"durable").await.unwrap();
    let mut hints = store.wake(vec![b"other".to_vec()]);
    gate.set(Door::Broken);
    let failed = overwrite(store.as_ref(), b"k", b"lost").await.unwrap_err();
    assert!(matches!(&failed, StoreError::Unknown(why) if why.contains("EIO")), "{failed}");
    timeout(LONG, hints.next()).await.expect("those who wait learn that the store has stopped");
    gate.set(Door::Open);
    assert_eq!(store.read(&[b"k".to_vec()]).await, Err(failed.clone()));
    assert_eq!(store.scan(KeyRange::prefix(b""), 1).await, Err(failed.clone()));
    assert_eq!(overwrite(store.as_ref(), b"k", b"late").await, Err(failed));
}

async fn gated(engine: Engine) -> (TempDir, Arc<Gate>, Arc<dyn Store>) {
    let dir = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate::default());
    let disk = Arc::clone(&gate) as Arc<dyn Disk>;
    let store = Site::on(engine, dir.path(), disk).create("test", 1).await.unwrap();
    (dir, gate, store)
}

/// A disk whose syncs a test can hold up or fail.
#[derive(Debug, Default)]
struct Gate {
    state: Mutex<(Door, bool)>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Door {
    #[default]
    Open,
    Shut,
    Broken,
}

impl Gate {
    fn set(&self, door: Door) {
        self.state.lock().unwrap().0 = door;
        self.changed.notify_all();
    }

    async fn until_someone_waits(self: &Arc<Self>) {
        let gate = Arc::clone(self);
        let wait = move || {
            let state = gate.state.lock().unwrap();
            let waited = gate.changed.wait_timeout_while(state, LONG, |state| !state.1);
            assert!(waited.unwrap().0.1, "nothing was synced");
        };
        tokio::task::spawn_blocking(wait).await.unwrap();
    }
}

/// Lets the writer go when the test ends, also by a panic: the store waits for it.
struct OpenAtLast(Arc<Gate>);

impl Drop for OpenAtLast {
    fn drop(&mut self) {
        self.0.set(Door::Open);
    }
}

impl Disk for Gate {
    fn sync(&self, file: &File) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        while state.0 == Door::Shut {
            state.1 = true;
            self.changed.notify_all();
            state = self.changed.wait(state).unwrap();
        }
        match state.0 {
            Door::Broken => Err(io::Error::other("EIO")),
            Door::Open | Door::Shut => file.sync_data(),
        }
    }
}

async fn get(store: &dyn Store, key: &[u8]) -> Option<Versioned> {
    store.read(&[key.to_vec()]).await.unwrap().get(key).unwrap().cloned()
}

async fn put(
    store: &dyn Store,
    key: &[u8],
    expected: Revision,
    value: &[u8],
) -> Result<Revision, StoreError> {
    let puts = [(key.to_vec(), Bytes::copy_from_slice(value))];
    store.commit(Write::new([(key.to_vec(), expected)], puts, []).unwrap().into()).await
}

async fn overwrite(store: &dyn Store, key: &[u8], value: &[u8]) -> Result<Revision, StoreError> {
    let puts = [(key.to_vec(), Bytes::copy_from_slice(value))];
    store.commit(Write::new([], puts, []).unwrap().into()).await
}

async fn delete(store: &dyn Store, key: &[u8]) {
    store.commit(Write::new([], [], [key.to_vec()]).unwrap().into()).await.unwrap();
}

/// Bytes that differ from one `seed` to the next.
fn value(seed: u64, size: usize) -> Bytes {
    let mut random = Random(seed);
    std::iter::repeat_with(|| random.next().to_le_bytes()).flatten().take(size).collect()
}

/// SplitMix64: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> usize {
        usize::try_from(self.next() % end).unwrap()
    }
}

/// `LIAISON_SEED`, or a new one; printed by what fails.
fn seed() -> u64 {
    let given = std::env::var("LIAISON_SEED").ok();
    given.map_or_else(|| u64::from(std::process::id()) << 16, |seed| seed.parse().unwrap())
}

const SIZES: [usize; 14] = [
    0,
    1,
    4083,
    4084,
    4085,
    8180,
    8181,
    16 << 10,
    24 << 10,
    32 << 10,
    64 << 10,
    128 << 10,
    256 << 10,
    300 << 10,
];
const TASKS: u64 = 8;
const OPERATIONS: usize = 4000;
const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(10);
