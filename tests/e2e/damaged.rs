//! What the service has stored and cannot read any more: the one message is lost, and named; nobody
//! else notices.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use liaison::client::error::Side;
use liaison::crypto::hash::Digest;
use liaison::domain::ids::ContactId;
use liaison::domain::limits;
use liaison::domain::state::{Entry, Key};
use liaison::server::health;
use liaison::store::{Engine, KeyRange, Store, Write, codec, keys};
use liaison::wire::v1::{GetBodyRequest, Item};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::transport::Endpoint;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::damages::{closed, send};
use crate::support::{
    Client, DAY, NAME, NOW, Office, Party, Replica, TestNet, Trust, alert, dates, refusal, soon,
};

/// What befalls a file.
type Damage = (&'static str, fn(&Path));

/// The file of a large body.
fn file_of(blobs: &Path, digest: &str) -> PathBuf {
    blobs.join(&digest[..2]).join(&digest[2..4]).join(digest)
}

async fn body(client: &mut Client, number: u64) -> Result<Item, Status> {
    let request = GetBodyRequest { number };
    Ok(client.relay.get_body(request).await?.into_inner().item.unwrap())
}

#[tokio::test]
async fn a_body_that_is_lost_ends_its_own_message() {
    let damages: [Damage; 3] = [
        ("gone", |file| fs::remove_file(file).unwrap()),
        ("changed", |file| fs::write(file, b"another").unwrap()),
        ("unreadable", |file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        }),
    ];
    let net = TestNet::on(Engine::Memory).await;
    let [fr, jp]: [Party; 2] = net.parties(["fr", "jp"]).await;
    let (mut sender, mut reader) = (net.client(&fr.tls()).await, net.client(&jp.tls()).await);
    let replica = net.replica();
    let mut digests = Vec::new();
    for number in 0..5 {
        let outside = fr.outside(&[&jp], &replica);
        let large = alert(&number.to_string().repeat(200 << 10));
        let sealed = fr.seal(outside, &large, &replica, &net.open.ambient);
        assert!(sealed.envelope.body.len() as u64 > limits::INLINE_BODY_BYTES);
        digests.push(Digest::of(&sealed.envelope.body).to_string());
        sender.submit(sealed.envelope).await.unwrap();
    }
    let blobs = net.open.home.path().join("blobs");
    for ((what, damage), (digest, number)) in damages.iter().zip(digests[1..].iter().zip(2..)) {
        damage(&file_of(&blobs, digest));
        let refused = body(&mut reader, number).await.unwrap_err();
        assert_eq!(refusal(&refused), (Code::DataLoss, "BODY_DAMAGED".to_owned()), "{what}");
    }
    // Every number is there, and the chain holds up to the relay's head.
    let replica = Replica::fold(&mut reader).await;
    let collected = replica.collect(&mut reader, &jp.contact).await;
    let whole = collected.items.iter().map(|item| (!item.body.is_empty(), !item.letter.is_empty()));
    let lost = (false, false);
    assert!(whole.eq([(true, true), lost, lost, lost, (true, true)]));
    assert_eq!(body(&mut reader, 5).await.unwrap(), collected.items[4]);
    let counts = net.service.telemetry().counts();
    let (_, said) = counts.iter().find(|(kind, _)| *kind == "body_damaged").unwrap();
    assert_eq!(*said, 6);
    sender.submit(fr.compose(&[&jp], &net.replica(), &net.open.ambient).envelope).await.unwrap();
}

/// What is sent after it arrives, and who asks for it hears who has it.
#[tokio::test]
async fn who_asks_for_a_lost_body_hears_whom_to_call_and_the_mailbox_goes_on() {
    let net = TestNet::memory().await;
    let (fr, mut jp) = (net.party("fr", 1).await, Office::new(&net, "jp").await);
    let mut sender = net.client(&fr.tls()).await;
    for number in 0..2 {
        let replica = net.replica();
        let large = alert(&number.to_string().repeat(200 << 10));
        let outside = fr.outside(&[&jp.party], &replica);
        let sealed = fr.seal(outside, &large, &replica, &net.open.ambient);
        if number == 0 {
            let digest = Digest::of(&sealed.envelope.body).to_string();
            sender.submit(sealed.envelope).await.unwrap();
            fs::remove_file(file_of(&net.open.home.path().join("blobs"), &digest)).unwrap();
        } else {
            sender.submit(sealed.envelope).await.unwrap();
        }
    }
    jp.run(&["sync"]).await.unwrap();
    jp.run(&["inbox"]).await.unwrap();
    let list = jp.printed().pop().unwrap();
    let row = |row: &Value| (row["number"].as_u64().unwrap(), row["not_opened"].clone());
    let rows = list["messages"].as_array().unwrap().iter().map(row).collect::<BTreeMap<_, _>>();
    assert_eq!((&rows[&1], &rows[&2]), (&json!("BODY_DAMAGED"), &json!(null)));
    let counts = net.service.telemetry().counts();
    let asked = counts.iter().find(|(kind, _)| *kind == "body_damaged").unwrap();
    assert_eq!(asked.1, 1, "one command asks once, and so says it once");
    jp.run(&["inbox", "read", "2"]).await.unwrap();
    let printed = jp.printed();
    let read = printed.last().unwrap();
    assert_eq!(read["from"], "fr/cert/duty-1", "{read}");
    let error = jp.run(&["inbox", "read", "1"]).await.unwrap_err();
    assert_eq!((error.side, error.reason.code()), (Side::Theirs, "BODY_DAMAGED"));
    assert!(error.sentence.contains("message 1 from fr/cert/duty-1 (sent 20"), "{error}");
    assert_eq!(
        liaison::words::mend(&error).unwrap(),
        "call fr/cert, and ask to send it again: liaison directory show fr/cert"
    );
}

/// The key of the message that an entry of a mailbox shows.
async fn message_at(store: &dyn Store, contact: &ContactId, number: u64) -> Vec<u8> {
    let key = keys::of(&Key::Entry(contact.clone(), number));
    let found = store.read(std::slice::from_ref(&key)).await.unwrap();
    let Entry::Shown(shown) = codec::entry(found.value(&key).unwrap()).unwrap() else {
        panic!("it shows a message")
    };
    keys::of(&Key::Message(shown.id, shown.sender))
}

async fn spoil(store: &dyn Store, key: Vec<u8>) {
    let write = Write::new([], [(key, Bytes::from_static(b"another"))], []).unwrap();
    store.commit(write.into()).await.unwrap();
}

/// What is lost of the mailbox of jp, by number: from whom. The chain holds up to the relay's head.
async fn lost(net: &TestNet, jp: &Party) -> Vec<(u64, String)> {
    let mut reader = net.client(&jp.tls()).await;
    let replica = Replica::fold(&mut reader).await;
    let collected = replica.collect(&mut reader, &jp.contact).await;
    assert_eq!(collected.items.len(), 4);
    for item in &collected.items {
        assert_eq!(
            (item.gone.is_empty(), item.lost.is_empty()),
            (item.lost.is_empty(), item.gone.is_empty())
        );
        let refused = body(&mut reader, item.number).await;
        match &*item.lost {
            "" => assert_eq!(&refused.unwrap(), item),
            _ => assert_eq!(
                refusal(&refused.unwrap_err()),
                (Code::DataLoss, "BODY_DAMAGED".to_owned())
            ),
        }
    }
    let lost = collected.items.into_iter().filter(|item| !item.lost.is_empty());
    lost.map(|item| (item.number, item.lost)).collect()
}

#[tokio::test]
async fn a_message_whose_value_is_damaged_ends_alone() {
    for engine in [Engine::Memory, Engine::Redb, Engine::Sled] {
        let net = TestNet::on(engine).await;
        let [fr, jp] = net.parties(["fr", "jp"]).await;
        send(&net, &fr, &jp, 4).await;
        assert_eq!(lost(&net, &jp).await, []);
        let damaged = message_at(net.store.as_ref(), &jp.contact, 2).await;
        spoil(net.store.as_ref(), damaged).await;
        let missing = message_at(net.store.as_ref(), &jp.contact, 3).await;
        net.store.commit(Write::new([], [], [missing]).unwrap().into()).await.unwrap();
        let from = |number| (number, "fr/cert".to_owned());
        assert_eq!(lost(&net, &jp).await, [2, 3].map(from), "{engine:?}");
        send(&net, &fr, &jp, 1).await;
    }
}

/// Changes a bit of this wherever it stands.
fn flip(file: &Path, part: &[u8]) {
    let mut bytes = fs::read(file).unwrap();
    let places = 0..bytes.len() - part.len();
    let places: Vec<_> = places.filter(|at| bytes[*at..*at + part.len()] == *part).collect();
    places.iter().for_each(|at| bytes[*at] ^= 1);
    assert!(!places.is_empty());
    fs::write(file, bytes).unwrap();
}

/// The same of a value that has changed on the disk, under its digest.
#[tokio::test]
async fn a_value_that_is_not_what_was_written_ends_its_message_alone() {
    let net = TestNet::on(Engine::Redb).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    send(&net, &fr, &jp, 4).await;
    let key = message_at(net.store.as_ref(), &jp.contact, 2).await;
    let value = net.store.read(std::slice::from_ref(&key)).await.unwrap();
    let header = value.value(&key).unwrap()[200..264].to_vec();
    let open = closed(net).await;
    flip(&open.place().path().join("store.redb"), &header);
    // A look before the start would have refused it: as if it had changed since.
    let store = open.place().open(NAME).await.unwrap();
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    assert_eq!(lost(&net, &jp).await, [(2, "fr/cert".to_owned())]);
}

/// Of an entry nobody knows the chain value: the mailbox stops there, and what stands before it comes.
#[tokio::test]
async fn what_stands_before_a_damaged_entry_is_delivered() {
    for engine in [Engine::Memory, Engine::Redb, Engine::Sled] {
        let net = TestNet::on(engine).await;
        let [fr, jp] = net.parties(["fr", "jp"]).await;
        send(&net, &fr, &jp, 4).await;
        spoil(net.store.as_ref(), keys::of(&Key::Entry(jp.contact.clone(), 3))).await;
        let mut reader = net.client(&jp.tls()).await;
        let mut stream = reader.collect(0, false).await.unwrap();
        for _ in [1, 2] {
            stream.message().await.unwrap().unwrap();
        }
        let refused = stream.message().await.unwrap_err();
        assert_eq!(refusal(&refused), (Code::DataLoss, "STORE_DAMAGED".to_owned()), "{engine:?}");
        send(&net, &fr, &jp, 1).await;
    }
}

/// A hole, as damage leaves one: nobody waits for what does not come.
#[tokio::test]
async fn what_stands_before_a_hole_is_delivered() {
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    send(&net, &fr, &jp, 4).await;
    for hole in [4, 2] {
        let entry = keys::of(&Key::Entry(jp.contact.clone(), hole));
        net.store.commit(Write::new([], [], [entry]).unwrap().into()).await.unwrap();
        let mut reader = net.client(&jp.tls()).await;
        let mut stream = reader.collect(0, false).await.unwrap();
        for _ in 1..hole {
            stream.message().await.unwrap().unwrap();
        }
        let refused = stream.message().await.unwrap_err();
        assert_eq!(refusal(&refused), (Code::DataLoss, "STORE_DAMAGED".to_owned()), "{hole}");
    }
    // Whatever is asked for, the service goes on.
    let mut reader = net.client(&jp.tls()).await;
    let mut stream = reader.collect(u64::MAX, false).await.unwrap();
    assert!(stream.message().await.unwrap().is_some(), "a head");
}

/// Who collects is told once which message the service has lost, and whom to call, and goes on.
#[tokio::test]
async fn who_collects_is_told_once_what_the_service_has_lost() {
    let net = TestNet::memory().await;
    let (fr, mut jp) = (net.party("fr", 1).await, Office::new(&net, "jp").await);
    send(&net, &fr, &jp.party, 3).await;
    let damaged = message_at(net.store.as_ref(), &jp.party.contact, 2).await;
    spoil(net.store.as_ref(), damaged).await;
    let lost = json!([{ "number": 2, "kind": 1, "from": "fr/cert" }]);
    for said in [lost.clone(), json!([])] {
        jp.run(&["inbox", "list"]).await.unwrap();
        let list = jp.printed().remove(0);
        assert_eq!((&list["expired"], &list["lost"]), (&json!([]), &said));
        let numbers = list["messages"].as_array().unwrap().iter().map(|row| row["number"].clone());
        assert_eq!(numbers.collect::<Vec<_>>(), [3, 1]);
    }
    let error = jp.run(&["inbox", "read", "2"]).await.unwrap_err();
    assert_eq!((error.side, error.reason.code()), (Side::Theirs, "BODY_DAMAGED"));
    assert_eq!(error.sentence, "the service has lost message 2, from fr/cert");
    assert!(
        liaison::words::mend(&error).unwrap().starts_with("call fr/cert, and ask to send it again")
    );
    jp.run(&["inbox", "read", "3"]).await.unwrap();
    let follows = jp.elsewhere(&net);
    let following = follows.start(&["inbox", "list", "--follow"]);
    let told = async {
        loop {
            let printed = follows.prints().await;
            if printed["event"] == "lost" {
                return printed["entries"].clone();
            }
        }
    };
    assert_eq!(soon("it is told", told).await, lost);
    following.abort();
}

/// A supervisor hears of it, and who asks for anything else is served.
#[tokio::test]
async fn health_says_that_something_is_damaged() {
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    send(&net, &fr, &jp, 4).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (_stop, stopped) = watch::channel(false);
    drop(tokio::spawn(health::run(listener, net.service.clone(), stopped)));
    let mut client =
        HealthClient::new(Endpoint::from_shared(address).unwrap().connect().await.unwrap());
    let asked = |name: &str| HealthCheckRequest { service: name.to_owned() };
    let mut store = client.watch(asked("liaison.v1.store")).await.unwrap().into_inner();
    let mut until = async |status| {
        while store.message().await.unwrap().unwrap().status() != status {}
    };
    soon("nothing is", until(ServingStatus::Serving)).await;
    assert_eq!(lost(&net, &jp).await, []);
    let damaged = message_at(net.store.as_ref(), &jp.contact, 2).await;
    spoil(net.store.as_ref(), damaged).await;
    assert_eq!(lost(&net, &jp).await.len(), 1);
    soon("something is", until(ServingStatus::NotServing)).await;
    let all = client.check(asked("")).await.unwrap().into_inner().status();
    assert_eq!(all, ServingStatus::Serving);
}

/// One thing that is due and damaged keeps nothing else from expiring.
#[tokio::test]
async fn what_is_due_and_damaged_keeps_nothing_else_from_expiring() {
    let net = TestNet::on(Engine::Redb).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    for _ in 0..3 {
        let message = crate::expiry::sealed(&net, &fr, &[&jp], 0);
        net.client(&fr.tls()).await.submit(message.envelope).await.unwrap();
    }
    let due = net.store.examine(KeyRange::prefix(b"due/"), 8).await.unwrap().entries;
    let (damaged, stored) = &due[0];
    let digest = *stored.as_ref().unwrap().digest.as_bytes();
    let mut open = closed(net).await;
    flip(&open.place().path().join("store.redb"), &digest);
    open.clock.set(NOW + 60 + DAY);
    open.clock_is_right = true;
    let store = open.place().open(NAME).await.unwrap();
    let mut hints = store.wake(vec![b"due/".to_vec()]);
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    // The others are deleted, and only that they were is still due.
    let until = async {
        loop {
            let due = net.store.examine(KeyRange::prefix(b"due/"), 8).await.unwrap().entries;
            let now = due.iter().filter(|(key, _)| {
                let at = u64::from_be_bytes(key[4..12].try_into().unwrap());
                at <= NOW + 60 + DAY
            });
            let now: Vec<_> = now.map(|(key, _)| key.clone()).collect();
            if now == [damaged.clone()] {
                return;
            }
            hints.next().await;
        }
    };
    soon("all others", until).await;
}
