//! A service that is started again: on its own store, on another's, on one that has changed.

use std::collections::BTreeMap;

use bytes::Bytes;
use liaison::ambient::Ambient;
use liaison::domain::refusal::OwnKey;
use liaison::domain::state::Key;
use liaison::service::{self, CannotStart, Keys, Settings};
use liaison::store::codec::LogHead;
use liaison::store::format::FormatError;
use liaison::store::{Engine, Store, StoreError, Write, keys};

use crate::support::says::{self, Said};
use crate::support::{NOW, Open, Replica, TestNet, Trust, dates, key, refusal};

/// What it is, and how it is said on what the one before left.
type Step = (&'static str, fn(&Replica) -> Said);

/// One of every kind of statement.
fn every_kind() -> Vec<Step> {
    vec![
        ("admission", |r| says::admission(r, "fr").said()),
        ("record", |r| says::record(r, "fr/cert").said()),
        ("roster", |r| says::roster(r, "fr/cert", 3).said()),
        ("admission of a listed member", |r| says::listing(r, "zz").said()),
        ("attested record", |r| says::attested(r, "zz/mfa").said()),
        ("first keys of a listed member", |r| says::admission(r, "zz").said()),
        ("revocation", |r| says::revocation(r, "fr/cert/duty-2").said()),
        ("record again, without keeper", |r| {
            says::record(r, "fr/cert").with(|record| record.keeper = None).said()
        }),
        ("roster by the authority", |r| {
            says::roster(r, "fr/cert", 1).signed_by(&["fr authority"]).said()
        }),
        ("record of a second contact", |r| says::record(r, "fr/soc").said()),
        ("roster of a second contact", |r| says::roster(r, "fr/soc", 1).said()),
        ("withdrawal", |r| says::withdrawal(r, "fr/soc").said()),
        ("charter with another operator", |r| {
            let charter = says::charter(r).with(|charter| {
                charter.operators[0].id = "dora".to_owned();
                charter.operators[0] = says::person("operator", "dora");
            });
            charter.said()
        }),
    ]
}

async fn a_restart_after_every_kind(engine: Engine) {
    let mut net = TestNet::on(engine).await;
    for (kind, make) in every_kind() {
        net.say(make(&net.replica())).await;
        let before = net.replica().directory;
        net = again(net).await;
        assert_eq!(net.replica().directory, before, "{kind}");
        let mut client = net.client("alice tls").await;
        assert_eq!(Replica::fold(&mut client).await.directory, before, "{kind}, from entry 0");
    }
}

/// Stopped, closed, opened, started, served.
async fn again(net: TestNet) -> TestNet {
    let open = net.stop().await.0;
    let store = open.place().open("un.example").await.unwrap();
    TestNet::serve(open, store, Trust::new(dates())).await
}

#[tokio::test]
async fn after_every_kind_of_statement_a_restart_equals_a_replay_on_redb() {
    a_restart_after_every_kind(Engine::Redb).await;
}

#[tokio::test]
async fn after_every_kind_of_statement_a_restart_equals_a_replay_on_sled() {
    a_restart_after_every_kind(Engine::Sled).await;
}

async fn mailboxes_stay(engine: Engine) {
    let net = TestNet::on(engine).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let mut sender = net.client(&fr.tls()).await;
    let sealed = fr.compose(&[&jp], &net.replica(), &net.open.ambient);
    let accepted = sender.submit(sealed.envelope.clone()).await.unwrap();
    drop(sender);
    let net = again(net).await;
    let mut sender = net.client(&fr.tls()).await;
    assert_eq!(sender.submit(sealed.envelope).await.unwrap(), accepted, "the same receipt");
    let next = fr.compose(&[&jp], &net.replica(), &net.open.ambient);
    sender.submit(next.envelope).await.unwrap();
    let mut reader = net.client(&jp.tls()).await;
    let replica = Replica::fold(&mut reader).await;
    assert_eq!(replica.collect(&mut reader, &jp.contact).await.mailbox.count, 2);
}

#[tokio::test]
async fn mailboxes_and_used_ids_survive_a_restart_on_redb() {
    mailboxes_stay(Engine::Redb).await;
}

#[tokio::test]
async fn mailboxes_and_used_ids_survive_a_restart_on_sled() {
    mailboxes_stay(Engine::Sled).await;
}

/// A service with two members that was stopped.
async fn stopped() -> Open {
    let net = TestNet::on(Engine::Redb).await;
    net.parties(["fr", "jp"]).await;
    net.stop().await.0
}

async fn why_not(open: &Open) -> CannotStart {
    open.start_again().await.expect_err("it does not start")
}

#[tokio::test]
async fn a_store_behind_the_high_water_file_does_not_start() {
    let open = stopped().await;
    let size = open.start_again().await.unwrap().state().head.size;
    // An old copy of the data, and the newest file of what was shown.
    let copy = open.copy();
    let store = open.place().open("un.example").await.unwrap();
    let newer = TestNet::serve(open.again(), store, Trust::new(dates())).await;
    newer.say(says::admission(&newer.replica(), "at")).await;
    newer.stop().await;
    let old = copy.place().open("un.example").await.unwrap();
    let expected = (size, size + 1);
    match open.start(old).await.err() {
        Some(CannotStart::Behind { stored, shown }) => assert_eq!((stored, shown), expected),
        other => panic!("{other:?}"),
    }
    assert!(open.start_again().await.is_ok(), "the newer data does");
}

#[tokio::test]
async fn a_high_water_file_that_is_missing_or_spoilt_stops_the_start() {
    let open = stopped().await;
    let good = std::fs::read(open.high_water()).unwrap();
    let mut forged = good.clone();
    let last = forged.len() - 4;
    forged[last] ^= 1;
    for bad in [None, Some(Vec::new()), Some(b"un.example\n1\n".to_vec()), Some(forged)] {
        match bad {
            None => std::fs::remove_file(open.high_water()).unwrap(),
            Some(bytes) => std::fs::write(open.high_water(), bytes).unwrap(),
        }
        let why = why_not(&open).await;
        assert!(matches!(why, CannotStart::HighWater { .. }), "{why}");
    }
    std::fs::write(open.high_water(), good).unwrap();
    assert!(open.start_again().await.is_ok());
}

#[tokio::test]
async fn another_directorys_store_and_another_key_do_not_start() {
    let open = stopped().await;
    let other = open.place().open("eu.example").await.err();
    assert!(
        matches!(other, Some(StoreError::Format(FormatError::OtherDirectory { .. }))),
        "{other:?}"
    );
    for (wrong, keys) in [
        (OwnKey::Log, ["relay", "relay"]),
        (OwnKey::Relay, ["log", "log"]),
        (OwnKey::Log, ["nobody", "nobody"]),
    ] {
        let [log, relay] = keys.map(key);
        let keys = Keys::in_memory(log, relay, Ambient::system());
        let store = open.place().open("un.example").await.unwrap();
        let found = service::start(store, open.blobs(), keys, open.settings()).await.err();
        let id = key(if wrong == OwnKey::Log { "log" } else { "relay" }).public().id();
        let Some(CannotStart::Key { of, id: missing }) = found else { panic!("{found:?}") };
        assert_eq!((of, missing), (wrong, id));
    }
    let settings = Settings { name: "eu.example".parse().unwrap(), ..open.settings() };
    let store = open.place().open("un.example").await.unwrap();
    let found = service::start(store, open.blobs(), Open::keys(), settings).await.err();
    assert!(found.is_some());
}

/// Writes other bytes under a key, past the service.
async fn overwrite(store: &dyn Store, key: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) {
    let found = store.read(std::slice::from_ref(&key)).await.unwrap();
    let mut value = found.value(&key).expect("it is stored").to_vec();
    change(&mut value);
    let expected = [(key.clone(), found.revision(&key).unwrap())];
    let write = Write::new(expected, [(key, Bytes::from(value))], []).unwrap();
    store.commit(write.into()).await.unwrap();
}

/// A service does not start behind a charter whose rules it does not know: it could only refuse. What
/// those rules allow, in charter and entries, is not called broken.
#[tokio::test]
async fn a_directory_of_newer_rules_wants_a_newer_service() {
    let open = stopped().await;
    let store = open.place().open("un.example").await.unwrap();
    // The rules, and the tag of the registrars behind them.
    overwrite(store.as_ref(), keys::CHARTER.to_vec(), |value| {
        let at = value.windows(3).position(|part| part == [0x18, 1, 0x22]).unwrap();
        value[at + 1] = 2;
        let key = value.windows(4).position(|part| part == [0x08, 1, 0x12, 0x2c]).unwrap();
        value[key + 1] = 9;
    })
    .await;
    // A leaf of later rules.
    overwrite(store.as_ref(), keys::log_entry(1), |value| value[0] = 0x1a).await;
    let found = open.start(store).await.err();
    assert!(matches!(found, Some(CannotStart::NewerRules(2))), "{found:?}");
}

#[tokio::test]
async fn a_flipped_bit_of_an_entry_or_of_the_head_stops_the_start() {
    let spoilt: BTreeMap<&str, Vec<u8>> = BTreeMap::from([
        ("entry 0", keys::log_entry(0)),
        ("an entry", keys::log_entry(3)),
        ("the head", keys::LOG_HEAD.to_vec()),
    ]);
    for (what, key) in spoilt {
        let open = stopped().await;
        let store = open.place().open("un.example").await.unwrap();
        overwrite(store.as_ref(), key, |value| *value.last_mut().unwrap() ^= 1).await;
        let found = open.start(store).await.err();
        assert!(
            matches!(found, Some(CannotStart::Broken(_) | CannotStart::Damaged(_))),
            "{what}: {found:?}"
        );
    }
}

#[tokio::test]
async fn a_part_that_belongs_under_another_key_stops_the_start() {
    let open = stopped().await;
    let store = open.place().open("un.example").await.unwrap();
    let [fr, jp] = ["fr", "jp"].map(|member| keys::member(&member.parse().unwrap()));
    let theirs = store.read(std::slice::from_ref(&jp)).await.unwrap().value(&jp).unwrap().to_vec();
    overwrite(store.as_ref(), fr, |value| *value = theirs).await;
    let Some(CannotStart::Damaged(why)) = open.start(store).await.err() else {
        panic!("it starts")
    };
    assert!(why.to_string().contains("part/member/jp stands under part/member/fr"), "{why}");
}

/// It is not signed, and decides on time.
#[tokio::test]
async fn a_head_with_another_clock_than_its_entries_stops_the_start() {
    for clock in [NOW - 1, NOW + 1] {
        let open = stopped().await;
        let store = open.place().open("un.example").await.unwrap();
        overwrite(store.as_ref(), keys::LOG_HEAD.to_vec(), |value| {
            let head = LogHead::decode(value).unwrap();
            *value = LogHead { clock, ..head }.encode().to_vec();
        })
        .await;
        let found = open.start(store).await.err();
        let Some(CannotStart::Damaged(why)) = found else { panic!("{found:?}") };
        assert!(why.to_string().contains("another clock"), "{why}");
    }
}

/// A store is what the service says it is, or it says nothing: a mailbox that cannot be read
/// ends the request, not the process.
#[tokio::test]
async fn a_mailbox_that_cannot_be_read_is_not_served() {
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let sealed = fr.compose(&[&jp], &net.replica(), &net.open.ambient);
    net.client(&fr.tls()).await.submit(sealed.envelope).await.unwrap();
    let entry = liaison::store::keys::of(&Key::Entry(jp.contact.clone(), 1));
    overwrite(net.store.as_ref(), entry, |value| value.truncate(3)).await;
    let mut reader = net.client(&jp.tls()).await;
    let mut stream = reader.collect(0, false).await.unwrap();
    let refused = stream.message().await.unwrap_err();
    assert_eq!(refusal(&refused), (tonic::Code::DataLoss, "STORE_DAMAGED".to_owned()));
    let other = fr.compose(&[&fr], &net.replica(), &net.open.ambient);
    net.client(&fr.tls()).await.submit(other.envelope).await.unwrap();
}
