//! Stores as earlier versions wrote them: refused by the start, and written anew.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use liaison::client::message::acknowledge::acknowledge;
use liaison::client::message::compose::Outside;
use liaison::client::message::content::delivered;
use liaison::client::message::words;
use liaison::crypto::hash::Digest;
use liaison::domain::directory::key::KeyName;
use liaison::domain::relay::answers::Answers;
use liaison::domain::relay::envelope::verify_header;
use liaison::domain::state::{self, Key, Usage, Value};
use liaison::service::Shown;
use liaison::signed::proto::{self, Class, Outcome};
use liaison::store::blobs::Blobs as _;
use liaison::store::format::{self, FormatError};
use liaison::store::migrate::{Migrated, migrate};
use liaison::store::{Engine, Site, Store, StoreError, check, codec, keys};

use crate::support::{
    DAY, NAME, NOW, Open, Party, Replica, TestNet, Trust, alert, contents, dates, key, says,
};
use crate::{damages, expiry};

/// A service with two members and messages between them, one acknowledged, one received, one large;
/// stopped, and its store is as format `number` had it.
async fn of_format(number: u8, engine: Engine) -> (Open, BTreeMap<Vec<u8>, Bytes>) {
    let net = TestNet::on(engine).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    net.say(says::admission(&net.replica(), "at")).await;
    let replica = net.replica();
    let (mut sender, mut reader) = (net.client(&fr.tls()).await, net.client(&jp.tls()).await);
    let mut sent = Vec::new();
    for bytes in [0, 0, 150_000] {
        let (outside, inside) = (fr.outside(&[&jp], &replica), alert(&"x".repeat(bytes)));
        let sealed = fr.seal(outside, &inside, &replica, &net.open.ambient);
        sender.submit(sealed.envelope.clone()).await.unwrap();
        sent.push(verify_header(&replica.directory, &sealed.envelope.header).unwrap());
    }
    let (view, sign) = (replica.view(), key(&format!("{} sign", jp.seat())));
    let (by, words) = ((jp.seat(), &sign), (words::words(), None));
    let ambient = &net.open.ambient;
    let taken = acknowledge(&replica.directory, by, (&sent[0], 1), words, view, ambient).unwrap();
    reader.relay.acknowledge(taken.request).await.unwrap();
    let chain = vec![7; 32].into();
    let place = proto::Place { contact: jp.contact.to_string(), epoch: 1, number: 2, chain };
    let inside = delivered(sent[1].digest(), (Outcome::Opened, None), place, NOW);
    let answered = (sent[1].digest(), sent[1].addressing());
    let (seat, class) = (jp.seat().clone(), Class::Receipt);
    let outside = Outside::answering(&replica.directory, seat, answered, class, view);
    reader.submit(jp.seal(outside, &inside, &replica, ambient).envelope).await.unwrap();
    drop((sender, reader));
    let directory = net.replica().directory;
    let open = net.stop().await.0;
    let shown = Shown::read(&open.high_water()).unwrap();
    std::fs::write(open.high_water(), shown.checkpoint).unwrap();
    let store = open.place().open(NAME).await.unwrap();
    let mut values = all(store.as_ref()).await;
    drop(store);
    let now = values.clone();
    before_expiry(&mut values);
    values.get_mut(format::KEY).map(|marker| *marker = with_byte(marker, 3, number)).unwrap();
    if number == 2 {
        for contact in directory.contacts() {
            for seat in contact.roster.iter().flat_map(|roster| &roster.seats) {
                let key = keys::key(&KeyName::Seal(contact.id.clone(), seat.seal.id()));
                // Field 1: 32 bytes are the id, 1,216 the key.
                let whole = [&[0x0a, 0xc0, 0x09], &seat.seal.raw()[..], &values[&key][34..]];
                values.insert(key, whole.concat().into());
            }
        }
        values.insert(b"usage/receipts/fr".to_vec(), Bytes::from_static(b"\x0a\0"));
    }
    std::fs::remove_dir_all(open.place().path()).unwrap();
    write(engine, open.place().path(), &values);
    (open, now)
}

/// Nothing is due, and nobody knows what was paid or which files are named.
fn before_expiry(values: &mut BTreeMap<Vec<u8>, Bytes>) {
    let since = [&b"due/"[..], b"blob/", b"meta/listed"];
    values.retain(|key, _| !since.iter().any(|since| key.starts_with(since)));
    let mut changed = 0;
    for (key, value) in values {
        let before = if let Some(digest) = key.strip_prefix(b"answers/") {
            let key = Key::Answers(Digest::try_from(digest).unwrap());
            let Value::Answers(answers) = codec::decode(&key, value).unwrap() else { panic!() };
            codec::encode(&Value::Answers(Answers { paid: 0, ..answers }))
        } else if let Some((id, sender)) = keys::read_outcome(key) {
            let Value::Outcome(outcome) = codec::decode(&Key::Outcome(id, sender), value).unwrap()
            else {
                panic!()
            };
            assert_eq!(outcome.beside.len(), 1);
            codec::encode(&Value::Outcome(state::Outcome { beside: Vec::new(), ..outcome }))
        } else if key.starts_with(b"usage/") {
            // Bytes by the day until which they count: of day 1, one byte.
            Bytes::from_static(&[10, 4, 8, 1, 16, 1])
        } else {
            continue;
        };
        changed += 1;
        *value = before;
    }
    // Those of three messages and the words, what became of one, and two accounts at the most.
    assert!((5..=7).contains(&changed), "{changed}");
}

fn with_byte(bytes: &[u8], at: usize, byte: u8) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[at] = byte;
    bytes.into()
}

/// What a store holds, but for revisions.
async fn all(store: &dyn Store) -> BTreeMap<Vec<u8>, Bytes> {
    let mut pages = liaison::store::Pages::of(store, b"");
    let mut all = BTreeMap::new();
    while let Some(page) = pages.next().await.unwrap() {
        all.extend(page.entries.into_iter().map(|(key, _, value)| (key, value)));
    }
    all
}

/// By the layout of format 3, past the store.
fn write(engine: Engine, path: &Path, values: &BTreeMap<Vec<u8>, Bytes>) {
    std::fs::create_dir_all(path).unwrap();
    std::fs::write(path.join("lock"), b"").unwrap();
    let revision = 7u64.to_be_bytes();
    match engine {
        Engine::Redb => {
            let table = redb::TableDefinition::<&[u8], &[u8]>::new("store");
            let db = redb::Database::create(path.join("store.redb")).unwrap();
            let transaction = db.begin_write().unwrap();
            let mut open = transaction.open_table(table).unwrap();
            open.insert(&b""[..], &revision[..]).unwrap();
            for (key, value) in values {
                open.insert(&key[..], &[&revision[..], value].concat()[..]).unwrap();
            }
            drop(open);
            transaction.commit().unwrap();
        }
        Engine::Sled => {
            let config = sled::Config::new().path(path).segment_size(8 << 20);
            let db = config.open().unwrap();
            db.insert([0], &revision).unwrap();
            for (key, value) in values {
                let (first, rest) = value.split_at(value.len().min(4_084));
                let total = (value.len() as u32).to_be_bytes();
                let head = [&revision[..], &total, first].concat();
                db.insert([&[1], &key[..]].concat(), head).unwrap();
                for (number, chunk) in (0u32..).zip(rest.chunks(4_096)) {
                    let length = (key.len() as u16).to_be_bytes();
                    let at = [&[2], &length[..], key, &number.to_be_bytes()].concat();
                    db.insert(at, chunk).unwrap();
                }
            }
            db.flush().unwrap();
        }
        Engine::Memory => panic!("it has no files"),
    }
}

async fn migrated(place: &Site) -> Migrated {
    migrate(place, NAME, false, |_| ()).await.unwrap()
}

async fn is_refused_until_migrated(number: u8, engine: Engine) {
    let (open, values) = of_format(number, engine).await;
    let place = open.place();
    let earlier = StoreError::Format(FormatError::Earlier);
    assert_eq!(place.open(NAME).await.err(), Some(earlier.clone()));
    let would = migrate(&place, NAME, true, |_| ()).await.unwrap();
    assert_eq!(place.open(NAME).await.err(), Some(earlier), "a dry run changes nothing");
    let mut seen = 0;
    let done = migrate(&place, NAME, false, |values| seen = values).await.unwrap();
    assert_eq!(done, would);
    assert_eq!((done.from, done.values), (Some(number.into()), values.len() as u64));
    assert_eq!(seen, done.values - 1, "all but the marker are copied");
    let again = migrate(&place, NAME, false, |_| ()).await;
    assert_eq!(again, Err(FormatError::Current.into()));

    let store = place.open(NAME).await.unwrap();
    assert_eq!(check::whole(store.as_ref(), |_| ()).await.unwrap().values, done.values);
    let mut found = all(store.as_ref()).await;
    if number == 2 {
        // They stay whole, and are read as their ids.
        let seal = |key: &Vec<u8>| key.starts_with(b"part/key/seal/");
        found.extend(values.clone().into_iter().filter(|(key, _)| seal(key)));
    }
    assert_eq!(found, values);
    let service = open.start(store).await.unwrap();
    assert_eq!(service.state().head.size, done.entries);
    let kept = Site::new(engine, done.kept);
    assert_eq!(kept.open(NAME).await.err(), Some(FormatError::Earlier.into()));
}

#[tokio::test]
async fn a_store_of_format_2_is_refused_and_migrated_on_redb() {
    is_refused_until_migrated(2, Engine::Redb).await;
}

#[tokio::test]
async fn a_store_of_format_3_is_refused_and_migrated_on_redb() {
    is_refused_until_migrated(3, Engine::Redb).await;
}

#[tokio::test]
async fn a_store_of_format_2_is_refused_and_migrated_on_sled() {
    is_refused_until_migrated(2, Engine::Sled).await;
}

#[tokio::test]
async fn a_store_of_format_3_is_refused_and_migrated_on_sled() {
    is_refused_until_migrated(3, Engine::Sled).await;
}

/// What was sent before expiry was known goes as all does: told, emptied, forgotten, shrunk.
async fn expires_wholly_once_migrated(engine: Engine) {
    let (open, _) = of_format(3, engine).await;
    let place = open.place();
    migrated(&place).await;
    let store = place.open(NAME).await.unwrap();
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    assert_eq!(net.open.blobs().list().await.unwrap().len(), 1, "a file that is named stays");
    let [fr, jp] = ["fr/cert", "jp/cert"].map(|contact| Party::new(contact, 2));
    let items = async |net: &TestNet, of: &Party| {
        let mut client = net.client(&of.tls()).await;
        let replica = Replica::fold(&mut client).await;
        replica.collect(&mut client, &of.contact).await.items
    };
    let net = expiry::at(NOW + 60 * DAY, net).await;
    // Who collects folds the chain of each: two messages were not received, words and a receipt came.
    let told = items(&net, &fr).await.iter().filter(|item| item.kind == 4).count();
    assert_eq!(told, 2, "of the message that was received nobody is told");
    // Its own acknowledgement, whose words nobody received.
    let gone = items(&net, &jp).await;
    assert_eq!(gone.iter().map(|item| item.kind).collect::<Vec<_>>(), [1, 1, 1, 3, 4]);
    let net = expiry::at(NOW + 199 * DAY, net).await;
    net.service.close().await;
    assert_eq!(net.open.blobs().list().await.unwrap(), []);
    for (key, value) in all(net.store.as_ref()).await {
        let left = ["message/", "outcome/", "answers/", "blob/"];
        let left = left.iter().any(|prefix| key.starts_with(prefix.as_bytes()));
        assert!(!left, "{}", key.escape_ascii());
        if let Some(member) = key.strip_prefix(b"usage/messages/") {
            let key = Key::Usage(std::str::from_utf8(member).unwrap().parse().unwrap());
            let none = Value::Usage(Usage(0));
            assert_eq!(codec::decode(&key, &value), Ok(none), "{key:?}");
        }
    }
}

#[tokio::test]
async fn what_was_migrated_expires_wholly_on_redb() {
    expires_wholly_once_migrated(Engine::Redb).await;
}

#[tokio::test]
async fn what_was_migrated_expires_wholly_on_sled() {
    expires_wholly_once_migrated(Engine::Sled).await;
}

/// Wherever it was killed, the same command goes on from there.
#[tokio::test]
async fn a_migration_that_was_cut_off_goes_on() {
    let (open, values) = of_format(3, Engine::Redb).await;
    let (place, path) = (open.place(), open.place().path().to_owned());
    let fresh = path.with_extension("new");
    // While it copied.
    std::fs::create_dir_all(&fresh).unwrap();
    std::fs::write(fresh.join("store.redb"), b"half").unwrap();
    let done = migrated(&place).await;
    assert!(!fresh.exists());
    // Between the names: the old store is kept, the new one not yet in its place.
    std::fs::rename(&path, &fresh).unwrap();
    assert_eq!(place.open(NAME).await.err(), Some(FormatError::CutOff.into()));
    let would = migrate(&place, NAME, true, |_| ()).await.unwrap();
    let finished = Migrated { from: None, ..done.clone() };
    assert_eq!((&would, path.exists()), (&finished, false));
    assert_eq!(migrated(&place).await, finished);
    assert_eq!(all(place.open(NAME).await.unwrap().as_ref()).await, values);
    // Before either: a store that is kept is not written over.
    std::fs::rename(&path, &fresh).unwrap();
    std::fs::rename(&done.kept, &path).unwrap();
    std::fs::create_dir(&done.kept).unwrap();
    let refused = migrate(&place, NAME, false, |_| ()).await.unwrap_err().to_string();
    assert!(refused.contains("move it away"), "{refused}");
    std::fs::remove_dir(&done.kept).unwrap();
    assert_eq!(migrated(&place).await, done);
}

#[tokio::test]
async fn a_log_that_was_not_signed_is_not_migrated() {
    let (open, _) = of_format(3, Engine::Redb).await;
    let path = open.place().path().to_owned();
    let table = redb::TableDefinition::<&[u8], &[u8]>::new("store");
    let db = redb::Database::create(path.join("store.redb")).unwrap();
    let transaction = db.begin_write().unwrap();
    transaction.open_table(table).unwrap().remove(&keys::log_entry(2)[..]).unwrap();
    transaction.commit().unwrap();
    drop(db);
    let refused = migrate(&open.place(), NAME, false, |_| ()).await.unwrap_err().to_string();
    assert!(refused.contains("entry 2 is missing"), "{refused}");
    assert!(!path.with_extension("new").exists());
}

#[tokio::test]
async fn a_store_that_is_served_is_not_migrated() {
    let open = TestNet::on(Engine::Redb).await.stop().await.0;
    let _held = open.place().open(NAME).await.unwrap();
    let refused = migrate(&open.place(), NAME, false, |_| ()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Held(_)), "{refused}");
}

/// What damage takes with it is not migrated without a word, and what stands behind it stays there.
async fn damaged_is_not_touched(engine: Engine) {
    let (before, values) = of_format(3, engine).await;
    let (of_today, _) = damages::with_messages(engine, 3).await;
    let store = of_today.place().open(NAME).await.unwrap();
    let newer = all(store.as_ref()).await;
    drop(store);
    for (open, values) in [(before, values), (of_today, newer)] {
        // The log stands before it, and is whole.
        let last = values.values().rfind(|value| value.len() > 64).unwrap();
        damages::spoil(&open, &last[..64]);
        let files = contents(open.home.path());
        for dry_run in [true, false] {
            let refused = migrate(&open.place(), NAME, dry_run, |_| ()).await;
            assert!(refused.is_err(), "{engine}: {refused:?}");
            assert!(contents(open.home.path()) == files, "{engine}: a file is another");
        }
    }
}

#[tokio::test]
async fn a_damaged_store_is_not_touched_by_a_migration_on_redb() {
    damaged_is_not_touched(Engine::Redb).await;
}

#[tokio::test]
async fn a_damaged_store_is_not_touched_by_a_migration_on_sled() {
    damaged_is_not_touched(Engine::Sled).await;
}
