//! A closed store whose files have changed: nothing of it is silently lost. And a whole store that is
//! not the one that was shown.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use liaison::domain::ids::ContactId;
use liaison::domain::state::{Key, Mailbox, Value};
use liaison::service::epochs::{self, Which};
use liaison::service::salvage::salvage;
use liaison::service::scrub::What;
use liaison::service::{self, CannotStart, Missing, NotAsShown, Shown, Unusable};
use liaison::store::{Engine, Pages, Site, Store, StoreError, Versioned, Write, codec, keys};

use crate::support::says;
use crate::support::{NAME, Open, Party, TestNet, Trust, contents, dates, home};

/// A service with two members and so many messages from the first to the second, stopped.
pub(crate) async fn with_messages(engine: Engine, messages: usize) -> (Open, ContactId) {
    let net = TestNet::on(engine).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    send(&net, &fr, &jp, messages).await;
    (closed(net).await, jp.contact)
}

/// Stopped, and nobody writes any more.
pub(crate) async fn closed(net: TestNet) -> Open {
    let open = net.stop().await.0;
    drop(open.place().open(NAME).await.unwrap());
    open
}

pub(crate) async fn send(net: &TestNet, from: &Party, to: &Party, messages: usize) {
    let mut sender = net.client(&from.tls()).await;
    for _ in 0..messages {
        let sealed = from.compose(&[to], &net.replica(), &net.open.ambient);
        sender.submit(sealed.envelope).await.unwrap();
    }
}

async fn again(open: Open) -> TestNet {
    let store = open.place().open(NAME).await.unwrap();
    TestNet::serve(open, store, Trust::new(dates())).await
}

pub(crate) async fn look(open: &Open) -> Result<(), CannotStart> {
    service::look(&open.place(), &Open::keys(), &open.settings()).await.map(drop)
}

/// As `liaisond serve` does it.
pub(crate) async fn start(open: &Open) -> Result<service::Service, CannotStart> {
    look(open).await?;
    open.start_again().await
}

/// It does not start, and leaves every file as it was.
pub(crate) async fn refused(open: &Open) -> CannotStart {
    let before = contents(open.home.path());
    let why = start(open).await.expect_err("it does not start");
    assert!(contents(open.home.path()) == before, "a file is another: {why}");
    why
}

#[tokio::test]
async fn older_data_names_what_is_missing_of_which_mailbox() {
    let (open, _) = with_messages(Engine::Redb, 3).await;
    let copy = open.copy();
    let net = again(open).await;
    let [fr, jp] = ["fr/cert", "jp/cert"].map(|contact| Party::new(contact, 2));
    send(&net, &fr, &jp, 4).await;
    let open = closed(net).await;
    std::fs::copy(open.high_water(), copy.high_water()).unwrap();
    let why = refused(&copy).await;
    let CannotStart::Older(NotAsShown { stored, shown, mailboxes, .. }) = &why else {
        panic!("{why}")
    };
    let (first, last) = (stored.commits + 1, shown.commits);
    assert!(first + 3 <= last);
    let missing = Missing { contact: jp.contact, stored: Some(3), shown: 7 };
    assert_eq!(**mailboxes, [missing]);
    let text = why.to_string();
    assert!(text.contains(&format!("commits {first} to {last} are missing")), "{text}");
    assert!(text.contains("jp/cert 4 to 7; put the newer data back"), "{text}");
    start(&open).await.expect("the newer data is as it was shown");
}

/// Between the look and the start somebody else may have served it.
#[tokio::test]
async fn what_was_looked_at_is_read_again_if_it_is_another_by_then() {
    let (open, _) = with_messages(Engine::Redb, 3).await;
    let seen = service::look(&open.place(), &Open::keys(), &open.settings()).await.unwrap();
    let net = again(open).await;
    let [fr, jp] = ["fr/cert", "jp/cert"].map(|contact| Party::new(contact, 2));
    send(&net, &fr, &jp, 1).await;
    let open = closed(net).await;
    let (store, shown) = (open.place().open(NAME).await.unwrap(), || {
        Shown::read(&open.high_water()).unwrap().mark.unwrap()
    });
    let before = shown();
    let service = seen.start(store, open.blobs(), Open::keys(), open.settings()).await.unwrap();
    assert_eq!(shown().mailboxes[&jp.contact].count, 4);
    assert_eq!(shown().mailboxes, before.mailboxes, "the mark does not go back");
    service.close().await;
}

/// As many commits, and yet another history; and mailboxes that were changed behind what was shown.
#[tokio::test]
async fn another_history_is_not_taken_for_the_one_that_was_shown() {
    let (open, jp) = with_messages(Engine::Redb, 2).await;
    let copy = open.copy();
    let [one, other] = [&open, &copy];
    let value = b"usage/receipts/fr";
    let store = one.place().open(NAME).await.unwrap();
    put(store.as_ref(), value.to_vec(), &[0]).await;
    drop(store);
    // What is newer than the mark is taken in; and who serves commits by himself.
    start(one).await.unwrap().close().await;
    let commits = |open: &Open| Shown::read(&open.high_water()).unwrap().mark.unwrap().end.commits;
    let store = other.place().open(NAME).await.unwrap();
    for commit in commits(other)..commits(one) {
        put(store.as_ref(), value.to_vec(), &[commit as u8]).await;
    }
    drop(store);
    std::fs::copy(one.high_water(), other.high_water()).unwrap();
    let why = refused(other).await.to_string();
    assert!(why.contains("is not the one that was shown"), "{why}");

    let store = one.place().open(NAME).await.unwrap();
    let key = keys::of(&Key::Mailbox(jp.clone()));
    let found = store.read(std::slice::from_ref(&key)).await.unwrap();
    let value = codec::decode(&Key::Mailbox(jp.clone()), found.value(&key).unwrap()).unwrap();
    let Value::Mailbox(mailbox) = value else { panic!("{value:?}") };
    let [behind, beside, ahead, gone] = [
        Mailbox { count: 1, ..mailbox },
        Mailbox { chain: liaison::crypto::hash::Digest::of(b"another"), ..mailbox },
        Mailbox { count: 3, ..mailbox },
        Mailbox { epoch: 0, ..mailbox },
    ];
    drop(store);
    for (wrong, says) in [
        (behind, "jp/cert 2"),
        (beside, "jp/cert, which up to 2 is not"),
        (ahead, "jp/cert, which up to 2 is not"),
        (gone, "jp/cert 1 to 2"),
    ] {
        let store = one.place().open(NAME).await.unwrap();
        put(store.as_ref(), key.clone(), &codec::encode(&Value::Mailbox(wrong))).await;
        drop(store);
        let why = refused(one).await;
        assert!(matches!(why, CannotStart::Older(_)), "{why}");
        assert!(why.to_string().contains(says), "{why}");
    }
    let store = one.place().open(NAME).await.unwrap();
    put(store.as_ref(), key, &codec::encode(&value)).await;
    drop(store);
    start(one).await.unwrap();
}

pub(crate) async fn put(store: &dyn Store, key: Vec<u8>, value: &[u8]) {
    let put = (key, Bytes::copy_from_slice(value));
    store.commit(Write::new([], [put], []).unwrap().into()).await.unwrap();
}

/// What came after the mark, as after a crash, is folded from the entries.
#[tokio::test]
async fn what_the_mark_has_not_yet_is_no_reason_to_refuse() {
    for engine in [Engine::Redb, Engine::Sled] {
        let (open, _) = with_messages(engine, 1).await;
        let mark = std::fs::read(open.high_water()).unwrap();
        let net = again(open).await;
        let [fr, jp] = ["fr/cert", "jp/cert"].map(|contact| Party::new(contact, 2));
        send(&net, &fr, &jp, 3).await;
        let open = closed(net).await;
        std::fs::write(open.high_water(), mark).unwrap();
        let service = start(&open).await.unwrap();
        let shown = Shown::read(&open.high_water()).unwrap().mark.unwrap();
        assert_eq!(shown.mailboxes[&jp.contact].count, 4, "and it is in the mark from then on");
        drop(service);
    }
}

/// As a crash leaves it: copied while it is open, and nobody closes the copy. What the engine repairs
/// then is no damage, and all that was accepted is there.
async fn a_crash_is_no_damage(engine: Engine) {
    let net = TestNet::on(engine).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    send(&net, &fr, &jp, 20).await;
    let crashed = net.open.copy();
    drop(start(&crashed).await.unwrap());
    let shown = Shown::read(&crashed.high_water()).unwrap().mark.unwrap();
    assert_eq!(shown.mailboxes[&jp.contact].count, 20);
    assert!(shown.end.commits >= net.store.end().commits);
}

#[tokio::test]
async fn what_redb_repairs_after_a_crash_is_no_damage() {
    a_crash_is_no_damage(Engine::Redb).await;
}

#[tokio::test]
async fn what_sled_repairs_after_a_crash_is_no_damage() {
    a_crash_is_no_damage(Engine::Sled).await;
}

/// What is missing of a large store is not looked for at each start.
#[tokio::test]
async fn a_large_store_is_called_damaged_and_what_is_missing_is_left_to_salvage() {
    let (open, _) = with_messages(Engine::Redb, 1).await;
    let store = open.place().open(NAME).await.unwrap();
    let gone = Write::new([], [], [keys::log_entry(1)]).unwrap();
    store.commit(gone.into()).await.unwrap();
    drop(store);
    let other = std::fs::File::create(open.place().path().join("large")).unwrap();
    for (bytes, lists) in [(1, false), (1 << 30, true)] {
        other.set_len(bytes).unwrap();
        let why = look(&open).await.unwrap_err().to_string();
        assert!(
            why.starts_with("the store is damaged: it does not fit its own signed head"),
            "{why}"
        );
        assert_eq!(
            why.contains("liaisond salvage --dry-run lists what is missing"),
            lists,
            "{why}"
        );
    }
}

/// Each value is whole, and one is not there that the signed head counts.
#[tokio::test]
async fn what_does_not_fit_the_signed_head_is_called_damaged() {
    let (open, _) = with_messages(Engine::Redb, 1).await;
    let store = open.place().open(NAME).await.unwrap();
    let gone = Write::new([], [], [keys::log_entry(1)]).unwrap();
    store.commit(gone.into()).await.unwrap();
    drop(store);
    let why = refused(&open).await;
    assert!(matches!(why, CannotStart::Damaged(_)), "{why}");
    let said = "the store is damaged: it does not fit its own signed head: ";
    assert!(why.to_string().starts_with(said), "{why}");
}

#[tokio::test]
async fn a_stopped_service_has_marked_its_last_commit_and_a_file_of_before_is_completed() {
    let net = TestNet::on(Engine::Redb).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    send(&net, &fr, &jp, 2).await;
    let end = net.store.end();
    let open = net.stop().await.0;
    let shown = Shown::read(&open.high_water()).unwrap();
    let mark = shown.mark.unwrap();
    assert_eq!((mark.end, mark.mailboxes[&jp.contact].count), (end, 2));
    drop(open.place().open(NAME).await.unwrap());
    std::fs::write(open.high_water(), &shown.checkpoint).unwrap();
    drop(start(&open).await.unwrap());
    let again = Shown::read(&open.high_water()).unwrap();
    assert_eq!(again.mark.unwrap().mailboxes, mark.mailboxes);
}

#[tokio::test]
async fn a_missing_or_damaged_mark_is_said_and_written_anew_only_if_asked() {
    let (open, jp) = with_messages(Engine::Redb, 2).await;
    let anew = async || service::mark_anew(&open.place(), &Open::keys(), &open.settings()).await;
    let there = anew().await.unwrap_err();
    assert!(matches!(there, CannotStart::Marked { .. }), "{there}");
    let whole = std::fs::read(open.high_water()).unwrap();
    let half = &whole[..whole.len() / 2];
    let mut flipped = whole.clone();
    flipped[0] ^= 1;
    for bad in [None, Some(half), Some(&flipped)] {
        match bad {
            None => std::fs::remove_file(open.high_water()).unwrap(),
            Some(bytes) => std::fs::write(open.high_water(), bytes).unwrap(),
        }
        let why = refused(&open).await;
        let CannotStart::HighWater { why: unusable, .. } = &why else { panic!("{why}") };
        match bad {
            None => assert!(matches!(unusable, Unusable::Missing)),
            Some(_) => assert!(matches!(unusable, Unusable::Damaged)),
        }
        assert!(why.to_string().contains("high-water cannot be used: it is "), "{why}");
        assert!(why.to_string().contains("liaisond store mark"), "{why}");
        let (shown, given_up) = anew().await.unwrap();
        assert_eq!(given_up, None);
        assert_eq!(Shown::read(&open.high_water()).unwrap(), shown);
        assert_eq!(shown.mark.unwrap().mailboxes[&jp].count, 2);
        look(&open).await.unwrap();
    }
    // Another log's is nobody's to write over, nor is one that cannot be read.
    let other = b"eu.example\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\xe2\x80\x94 eu.example AAAA\n";
    std::fs::write(open.high_water(), other).unwrap();
    let why = anew().await.unwrap_err();
    assert!(why.to_string().contains("put the right one back, or move it away: then, if"), "{why}");
    assert_eq!(std::fs::read(open.high_water()).unwrap(), other);
    std::fs::remove_file(open.high_water()).unwrap();
    std::os::unix::fs::symlink(open.high_water(), open.high_water()).unwrap();
    let why = anew().await.unwrap_err();
    assert!(matches!(why, CannotStart::HighWater { why: Unusable::Io(_), .. }), "{why}");
    assert!(open.high_water().is_symlink());
}

/// Changes the bytes of a value wherever they stand in the one large file of a store.
pub(crate) fn spoil(open: &Open, value: &[u8]) {
    let file = if open.engine == Engine::Sled { "db" } else { "store.redb" };
    let file = open.place().path().join(file);
    let mut bytes = std::fs::read(&file).unwrap();
    let found = bytes.windows(value.len()).enumerate().filter(|(_, part)| *part == value);
    let found: Vec<_> = found.map(|(at, _)| at).collect();
    assert!(!found.is_empty(), "it is there");
    found.into_iter().for_each(|at| bytes[at] ^= 1);
    std::fs::write(&file, bytes).unwrap();
}

/// What the start calls damaged no other command takes for whole.
#[tokio::test]
async fn on_a_torn_store_no_mailbox_begins_anew_and_no_mark_is_written() {
    let net = TestNet::on(Engine::Sled).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    send(&net, &fr, &jp, 2).await;
    let last = fr.compose(&[&jp], &net.replica(), &net.open.ambient).envelope;
    net.client(&fr.tls()).await.submit(last.clone()).await.unwrap();
    let open = net.stop().await.0;
    spoil(&open, &last.header[200..264]);
    let why = refused(&open).await;
    assert!(matches!(why, CannotStart::Damaged(_)), "{why}");
    let before = contents(open.home.path());
    let (place, settings) = (open.place(), open.settings());
    let all = Which { all: true, ..Which::default() };
    let why = epochs::survey(&place, &Open::keys(), &settings, &all).await.unwrap_err();
    assert!(matches!(why, CannotStart::Damaged(_)), "{why}");
    assert!(contents(open.home.path()) == before);

    std::fs::remove_file(open.high_water()).unwrap();
    let why = service::mark_anew(&place, &Open::keys(), &settings).await.unwrap_err();
    let said =
        "records stand behind what does not hold: without the high-water file nobody can say";
    assert!(why.to_string().contains(said), "{why}");
    assert!(!open.high_water().exists());
}

/// What a crash leaves of an older copy is no damage; and damage does not let the log go back.
#[tokio::test]
async fn a_log_that_is_behind_is_said_to_be_also_where_its_store_is_torn() {
    for engine in [Engine::Redb, Engine::Sled] {
        let net = TestNet::on(engine).await;
        net.parties(["fr", "jp"]).await;
        let crashed = net.open.copy();
        for member in ["at", "kr"] {
            net.say(says::admission(&net.replica(), member)).await;
        }
        let size = net.replica().directory.size();
        let open = closed(net).await;
        std::fs::copy(open.high_water(), crashed.high_water()).unwrap();
        let why = refused(&crashed).await;
        let CannotStart::Behind { stored, shown } = why else { panic!("{engine}: {why}") };
        assert_eq!((stored, shown), (size - 2, size), "{engine}");
    }
    let net = TestNet::on(Engine::Sled).await;
    net.parties(["fr", "jp"]).await;
    net.say(says::admission(&net.replica(), "at")).await;
    let last = keys::log_entry(net.replica().directory.size() - 1);
    let found = net.store.read(std::slice::from_ref(&last)).await.unwrap();
    // It ends with its own signature.
    let entry =
        found.value(&last).unwrap().iter().rev().take(64).rev().copied().collect::<Vec<_>>();
    let open = net.stop().await.0;
    spoil(&open, &entry);
    let why = refused(&open).await;
    assert!(matches!(why, CannotStart::Damaged(_)), "{why}");
    let why = why.to_string();
    for says in ["of the log are missing, which members were shown", "the log never goes back"] {
        assert!(why.contains(says), "{why}");
    }
}

/// Whatever the operator says: a log or a mailbox that was shown is not given up.
#[tokio::test]
async fn no_mark_is_written_of_a_store_that_is_behind() {
    let (open, jp) = with_messages(Engine::Redb, 2).await;
    for grows_log in [false, true] {
        let before = open.copy();
        let net = again(open.copy()).await;
        if grows_log {
            net.party("kr", 1).await;
        } else {
            send(&net, &Party::new("fr/cert", 1), &Party::new("jp/cert", 1), 1).await;
        }
        std::fs::copy(closed(net).await.high_water(), before.high_water()).unwrap();
        let files = contents(before.home.path());
        let settings = before.settings();
        let why = service::mark_anew(&before.place(), &Open::keys(), &settings).await.unwrap_err();
        match why {
            CannotStart::Behind { stored, shown } => assert!(grows_log && stored < shown),
            CannotStart::Older(why) => {
                assert!(!grows_log && why.to_string().contains(&format!("{jp} 3")), "{why}");
            }
            why => panic!("{why}"),
        }
        assert!(contents(before.home.path()) == files, "a file is another");
    }
}

/// What salvage leaves of a store of which the log is lost; and what a founding leaves that was cut off.
#[tokio::test]
async fn a_store_without_a_log_is_told_from_one_that_was_never_founded() {
    let (open, _) = with_messages(Engine::Redb, 1).await;
    let store = open.place().open(NAME).await.unwrap();
    let lost = Pages::of(store.as_ref(), b"log/").next().await.unwrap().unwrap();
    let lost = lost.entries.into_iter().map(|(key, ..)| key);
    store.commit(Write::new([], [], lost).unwrap().into()).await.unwrap();
    drop(store);
    let (place, settings) = (open.place(), open.settings());
    let all = Which { all: true, ..Which::default() };
    let high_water = std::fs::read(open.high_water()).unwrap();
    for is_there in [true, false] {
        if !is_there {
            std::fs::remove_file(open.high_water()).unwrap();
        }
        for why in [
            refused(&open).await,
            service::mark_anew(&place, &Open::keys(), &settings).await.unwrap_err(),
            epochs::survey(&place, &Open::keys(), &settings, &all).await.unwrap_err(),
        ] {
            assert!(matches!(why, CannotStart::NoLog), "{why}");
            assert!(why.to_string().contains("put a whole copy of the data back"), "{why}");
        }
    }
    let young = home(Engine::Redb);
    drop(young.place().create(NAME, 1).await.unwrap());
    let why = refused(&young).await;
    assert!(matches!(why, CannotStart::CutOff), "{why}");
    assert!(why.to_string().contains("its founding was cut off"), "{why}");
    std::fs::write(young.high_water(), high_water).unwrap();
    assert!(matches!(refused(&young).await, CannotStart::NoLog));
}

/// What was done to one file of a store.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// A bit, counted from the beginning.
    Flip(u64),
    /// 4 KiB of zeros.
    Zero(u64),
    /// Nothing is left behind.
    Cut(u64),
}

impl Change {
    fn apply(self, path: &Path) {
        let mut bytes = std::fs::read(path).unwrap();
        match self {
            Self::Flip(bit) => bytes[(bit / 8) as usize] ^= 1 << (bit % 8),
            Self::Zero(at) => {
                let (at, end) = (at as usize, bytes.len().min(at as usize + 4_096));
                bytes[at..end].fill(0);
            }
            Self::Cut(at) => bytes.truncate(at as usize),
        }
        std::fs::write(path, bytes).unwrap();
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// All reads as it was.
    Harmless,
    /// It did not start, and every file is as it was.
    Refused,
    /// Somebody read of it, and heard so.
    Named,
}

/// One change of a copy; what reads otherwise than before and says nothing fails the test.
async fn tried(
    open: &Open,
    all: &Everything,
    file: &str,
    change: Change,
) -> (Fate, Option<u64>, String) {
    let copy = open.copy();
    change.apply(&copy.place().path().join(file));
    let before = contents(copy.home.path());
    if let Err(why) = look(&copy).await {
        let told = matches!(
            why,
            CannotStart::Damaged(_)
                | CannotStart::Older(_)
                | CannotStart::Behind { .. }
                | CannotStart::NoLog
                | CannotStart::Store(StoreError::Open(_) | StoreError::Format(_))
        );
        assert!(told, "{change:?}: {why}");
        let is_cut = matches!(change, Change::Cut(_));
        let is_older =
            matches!(why, CannotStart::Older(_) | CannotStart::Behind { .. } | CannotStart::NoLog);
        assert!(is_cut || !is_older, "{change:?} is not older: {why}");
        let saved = saved(&copy, all).await;
        assert!(contents(copy.home.path()) == before, "{change:?}: a file is another");
        return (Fate::Refused, Some(saved), why.to_string());
    }
    let store = match copy.place().open(NAME).await {
        Ok(store) => store,
        Err(why) => return (Fate::Named, None, why.to_string()),
    };
    let keys: Vec<_> = all.keys().cloned().collect();
    match (everything_in(store.as_ref()).await, store.read(&keys).await) {
        (Ok(scanned), Ok(read)) => {
            assert!(scanned == *all, "{change:?}: silent");
            let found = |(key, found): (&[u8], Option<&Versioned>)| all.get(key) == found;
            assert!(read.iter().all(found), "{change:?}: silent");
        }
        (Err(why), _) | (_, Err(why)) => return (Fate::Named, None, why.to_string()),
    }
    copy.start(store).await.expect("what reads as it was starts");
    (Fate::Harmless, None, String::new())
}

/// The first bytes say what the file is: what is wrong there is the file's, and not the disk's.
#[tokio::test]
async fn a_file_that_does_not_begin_as_its_engine_writes_it_is_damaged() {
    for (engine, file) in [(Engine::Redb, "store.redb"), (Engine::Sled, "db")] {
        let (open, _) = with_messages(engine, 1).await;
        let flips = (0..64).map(|byte| 8 * byte + byte % 8);
        // Where redb has the number of its form, which one bit makes an earlier one.
        let flips = flips.chain([64, 192].map(|byte| 8 * byte)).map(Change::Flip);
        for change in flips.chain([Change::Cut(0), Change::Zero(0)]) {
            let copy = open.copy();
            change.apply(&copy.place().path().join(file));
            match look(&copy).await {
                Ok(()) => assert!(matches!(change, Change::Flip(_)), "{engine} {change:?}"),
                Err(CannotStart::Damaged(_)) => {}
                Err(why) => panic!("{engine} {change:?}: {why}"),
            }
        }
    }
}

/// How many messages can still be read of a damaged store. What is saved is what was there, and what
/// is not is named.
async fn saved(open: &Open, all: &Everything) -> u64 {
    let to = tempfile::tempdir().unwrap();
    let to = Site::new(Engine::Redb, to.path().join("store"));
    let settings = open.settings();
    let (name, high_water) = (&settings.name, &settings.high_water);
    let salvaged = salvage(&open.place(), Some(&to), None, name, high_water, |_| ()).await;
    let salvaged = salvaged.unwrap();
    let store = to.open(NAME).await.unwrap();
    let found = everything_in(store.as_ref()).await.unwrap();
    let kept = |prefix: &[u8], from: &Everything| {
        let range = from.range(prefix.to_vec()..);
        range.take_while(|(key, _)| key.starts_with(prefix)).count() as u64
    };
    for (key, (_, value)) in &found {
        let is_saved = !key.starts_with(b"message/") || all[key].1 == *value;
        assert!(is_saved, "{}", key.escape_ascii());
    }
    let missing = salvaged
        .report
        .faults
        .iter()
        .filter(|fault| fault.what == What::Entries && fault.place.is_some());
    let entries = (kept(b"entry/", all), kept(b"entry/", &found));
    let named = missing.count() as u64;
    assert!(named >= entries.0 - entries.1, "{entries:?}, {named} named");
    kept(b"message/", &found)
}

pub(crate) type Everything = BTreeMap<Vec<u8>, Versioned>;

pub(crate) async fn everything_in(store: &dyn Store) -> Result<Everything, StoreError> {
    let (mut all, mut pages) = (BTreeMap::new(), Pages::of(store, b""));
    while let Some(page) = pages.next().await? {
        all.extend(page.entries.into_iter().map(|(key, revision, value)| (key, (revision, value))));
    }
    Ok(all)
}

/// The files of a closed store, each with how much of it was ever written.
fn files(open: &Open) -> Vec<(String, u64)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(open.place().path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            files.push((entry.file_name().into_string().unwrap(), used as u64));
        }
    }
    files.retain(|(_, used)| *used > 0);
    files.sort_by_key(|(_, used)| *used);
    files
}

/// Changes one file of a closed store so many times in each way, each time from the beginning: three
/// times of four the largest, which has the values.
async fn trials(engine: Engine, [flips, zeros, cuts]: [u64; 3]) {
    let given = std::env::var("LIAISON_SEED").ok();
    let seed = given.map_or_else(|| u64::from(std::process::id()), |seed| seed.parse().unwrap());
    let mut out = std::io::stderr();
    writeln!(out, "LIAISON_SEED={seed}").unwrap();
    let net = TestNet::on(engine).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    send(&net, &fr, &jp, 30).await;
    // As a service leaves it, and as the next start does.
    let started = net.stop().await.0;
    let stopped = started.copy();
    let store = started.place().open(NAME).await.unwrap();
    let all = everything_in(store.as_ref()).await.unwrap();
    drop(store);
    let homes = [stopped, started].map(|open| (files(&open), open));
    let mut random = seed;
    let mut below = |end: u64| {
        // SplitMix64.
        random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (random ^ (random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    };
    let mut table: BTreeMap<(&str, Fate), u64> = BTreeMap::new();
    let mut salvaged = Vec::new();
    for number in 0..flips + zeros + cuts {
        let (files, open) = &homes[number as usize % 2];
        let any = below(4 * files.len() as u64) as usize;
        let (file, used) = &files[any.min(files.len() - 1)];
        let (way, change) = match number {
            number if number < flips => ("flips", Change::Flip(below(8 * used))),
            number if number < flips + zeros => {
                ("zeroed pages", Change::Zero(below(*used) & !4_095))
            }
            _ => ("cuts", Change::Cut(below(*used))),
        };
        let (fate, saved, why) = tried(open, &all, file, change).await;
        if let Some(saved) = saved {
            salvaged.push(saved);
        }
        writeln!(out, "{file} {change:?} {fate:?} {why}").unwrap();
        *table.entry((way, fate)).or_default() += 1;
    }
    let messages = all.keys().filter(|key| key.starts_with(b"message/")).count() as u64;
    salvaged.sort_unstable();
    let (sum, of) = (salvaged.iter().sum::<u64>(), messages * salvaged.len() as u64);
    let whole = salvaged.iter().filter(|saved| **saved == messages).count();
    writeln!(
        out,
        "{engine}, {} values: {table:?}; {sum} of {of} messages salvaged, all of them {whole} times of \
         {}, at least {:?} of {messages}",
        all.len(),
        salvaged.len(),
        salvaged.first(),
    )
    .unwrap();
    let harmed = table.iter().filter(|((_, fate), _)| *fate != Fate::Harmless);
    assert!(harmed.map(|(_, count)| count).sum::<u64>() > 0, "nothing was tried");
}

#[tokio::test]
async fn no_change_of_a_file_of_redb_is_silent() {
    trials(Engine::Redb, [40, 15, 15]).await;
}

#[tokio::test]
async fn no_change_of_a_file_of_sled_is_silent() {
    trials(Engine::Sled, [40, 15, 15]).await;
}

/// The whole of it.
#[tokio::test]
#[ignore = "minutes: every landing runs a part of it"]
async fn no_change_of_a_file_of_redb_is_silent_in_300_trials() {
    trials(Engine::Redb, [200, 50, 50]).await;
}

/// The whole of it.
#[tokio::test]
#[ignore = "minutes: every landing runs a part of it"]
async fn no_change_of_a_file_of_sled_is_silent_in_300_trials() {
    trials(Engine::Sled, [200, 50, 50]).await;
}

/// What a look costs, on each engine: of so many MiB in values of 20 KiB, as messages have them.
#[tokio::test]
#[ignore = "measures; run by hand"]
async fn what_a_look_at_a_large_store_takes() {
    const MEBIBYTES: usize = 300;
    for engine in [Engine::Redb, Engine::Sled] {
        let open = home(engine);
        let store = open.place().create(NAME, 1).await.unwrap();
        for batch in 0..MEBIBYTES {
            let value = |number: usize| Bytes::from(vec![(batch + number) as u8; 20 << 10]);
            let key = |number| format!("message/{batch:05}/{number:02}").into_bytes();
            let puts = (0..51).map(|number| (key(number), value(number)));
            store.commit(Write::new([], puts, []).unwrap().into()).await.unwrap();
        }
        drop(store);
        drop(open.place().open(NAME).await.unwrap());
        for _ in 0..3 {
            let (begun, before) = (Instant::now(), processor_time());
            drop(open.place().look(NAME, |_| ()).await.unwrap());
            let (took, processor) = (begun.elapsed(), processor_time() - before);
            let per_gib = 1_024.0 / MEBIBYTES as f64;
            writeln!(
                std::io::stderr(),
                "{engine}: {:.2} s/GiB, {:.2} s/GiB of processors",
                took.as_secs_f64() * per_gib,
                processor.as_secs_f64() * per_gib,
            )
            .unwrap();
        }
    }
}

/// Of this process so far: fields 14 and 15 of `/proc/self/stat`, in hundredths of a second.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let behind_name = stat.rsplit_once(") ").unwrap().1;
    let fields = behind_name.split(' ').skip(11).take(2);
    Duration::from_millis(10 * fields.map(|field| field.parse::<u64>().unwrap()).sum::<u64>())
}
