//! What has expired, over the network and on the disk: who is told, what is still served, what a cut
//! leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use liaison::client::message::compose::{Outside, Sealed};
use liaison::crypto::hash::Digest;
use liaison::disk::{Disk, Fdatasync};
use liaison::domain::ids::MessageId;
use liaison::domain::limits;
use liaison::domain::relay::envelope::verify_header;
use liaison::domain::state::{Beside, EntryKind, Key, Outcome, Value};
use liaison::service::Shown;
use liaison::store::blobs::Blobs;
use liaison::store::{Engine, KeyRange, Store, Write, codec, keys};
use liaison::wire::v1::{GetBodyRequest, GetStatusRequest, Item};
use tonic::Code;

use crate::damages::{closed, look};
use crate::support::{
    Client, DAY, NAME, NOW, Open, Party, Replica, TestNet, Trust, alert, dates, everything_in,
    refusal, says, soon,
};

/// What is sent here expires, is deleted, is forgotten, and mailboxes begin behind it.
const EXPIRES: u64 = NOW + 60;
const DELETED: u64 = EXPIRES + DAY;
const FORGOTTEN: u64 = EXPIRES + 30 * DAY;

/// The same service at another time: it starts again, and its clock is said to be right.
pub(crate) async fn at(now: u64, net: TestNet) -> TestNet {
    served_at(now, net, Trust::new(dates())).await
}

/// The same with another certificate.
pub(crate) async fn served_at(now: u64, net: TestNet, trust: Trust) -> TestNet {
    let memory = Arc::clone(&net.store);
    let (mut open, _) = soon("the drain", net.stop()).await;
    open.clock.set(now);
    open.clock_is_right = true;
    let store = match open.engine {
        Engine::Memory => {
            // No file keeps the service of before from writing once more.
            while Arc::strong_count(&memory) > 1 {
                tokio::task::yield_now().await;
            }
            memory
        }
        Engine::Redb | Engine::Sled => {
            drop(memory);
            open.place().open(NAME).await.unwrap()
        }
    };
    let net = TestNet::serve(open, store, trust).await;
    soon("all that is due", settled(net.store.as_ref(), now)).await;
    net
}

/// The mailbox of a contact begins late.
pub(crate) async fn begins(net: &TestNet, of: &Party) {
    let key = keys::of(&Key::Beginning(of.contact.clone()));
    let mut hints = net.store.wake(vec![key.clone()]);
    while net.store.read(std::slice::from_ref(&key)).await.unwrap().value(&key).is_none() {
        soon("a beginning", hints.next()).await;
    }
}

/// Nothing is due any more, or the store has stopped.
pub(crate) async fn settled(store: &dyn Store, now: u64) {
    let mut hints = store.wake(vec![keys::DUE.to_vec()]);
    let due = KeyRange::new(keys::due_from(0), keys::due_from(now + 1));
    while store.scan(due.clone(), 1).await.is_ok_and(|page| !page.entries.is_empty()) {
        hints.next().await;
    }
}

pub(crate) fn sealed(net: &TestNet, from: &Party, to: &[&Party], bytes: usize) -> Sealed {
    let replica = net.replica();
    let outside = Outside { expires: Some(EXPIRES), ..from.outside(to, &replica) };
    from.seal(outside, &alert(&"x".repeat(bytes)), &replica, &net.open.ambient)
}

fn id(net: &TestNet, sealed: &Sealed) -> MessageId {
    verify_header(&net.replica().directory, &sealed.envelope.header).unwrap().addressing().id
}

async fn items(net: &TestNet, of: &Party) -> (Client, Vec<Item>) {
    let mut client = net.client(&of.tls()).await;
    let replica = Replica::fold(&mut client).await;
    let items = replica.collect(&mut client, &of.contact).await.items;
    (client, items)
}

async fn is_expired(client: &mut Client, number: u64) {
    let refused = client.relay.get_body(GetBodyRequest { number }).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::NotFound, "MESSAGE_EXPIRED".to_owned()));
}

#[tokio::test]
async fn what_has_expired_is_told_then_gone_then_forgotten() {
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let mut sender = net.client(&fr.tls()).await;
    let large = sealed(&net, &fr, &[&jp], 150_000);
    let (small, sent) = (sealed(&net, &fr, &[&jp], 0), id(&net, &large));
    for message in [&large, &small] {
        sender.submit(message.envelope.clone()).await.unwrap();
    }
    let body = Digest::of(&large.envelope.body);
    let status = |client: &mut Client| {
        let mut relay = client.relay.clone();
        async move {
            let id = Bytes::copy_from_slice(sent.as_bytes());
            relay.get_status(GetStatusRequest { id }).await
        }
    };
    drop(sender);

    let net = at(EXPIRES, net).await;
    let (_, told) = items(&net, &fr).await;
    let told = told.iter().map(|item| (item.kind, item.header.clone())).collect::<BTreeSet<_>>();
    // What expires in one second goes by its id.
    assert_eq!(told, [&large, &small].map(|sent| (4, sent.envelope.header.clone())).into());
    let net = at(DELETED - 1, net).await;
    let (mut reader, whole) = items(&net, &jp).await;
    assert_eq!(whole[0].body, large.envelope.body, "until then it is served");
    reader.relay.get_body(GetBodyRequest { number: 1 }).await.unwrap();
    drop(reader);

    let net = at(DELETED, net).await;
    let next = fr.compose(&[&jp], &net.replica(), &net.open.ambient);
    net.client(&fr.tls()).await.submit(next.envelope).await.unwrap();
    let (mut reader, left) = items(&net, &jp).await;
    let gone: Vec<_> = left.iter().map(|item| (item.kind, item.gone.len())).collect();
    assert_eq!(gone, [(1, 32), (1, 32), (1, 0)]);
    for item in &left[..2] {
        let nothing =
            Item { number: item.number, kind: 1, gone: item.gone.clone(), ..Item::default() };
        assert_eq!(*item, nothing);
        is_expired(&mut reader, item.number).await;
    }
    let mut sender = net.client(&fr.tls()).await;
    status(&mut sender).await.unwrap();
    // The same bytes once more have the same receipt, and take no room.
    sender.submit(large.envelope.clone()).await.unwrap();
    drop(sender);
    net.service.close().await;
    assert!(net.open.blobs().get(body).await.unwrap().is_none());
    drop(reader);

    let net = at(FORGOTTEN, net).await;
    let (mut sender, told) = items(&net, &fr).await;
    assert!(told.iter().all(|item| item.gone.len() == 32 && item.header.is_empty()));
    let unknown = status(&mut sender).await.unwrap_err();
    assert_eq!(refusal(&unknown), (Code::NotFound, "UNKNOWN_MESSAGE".to_owned()));
    drop(sender);

    // So long after that the mailbox begins behind it.
    let net = at(DELETED + 30 * DAY, net).await;
    begins(&net, &jp).await;
    let (mut reader, left) = items(&net, &jp).await;
    assert_eq!(left.first().map(|item| item.number), Some(3));
    for number in [1, 2] {
        is_expired(&mut reader, number).await;
    }
    let refused = reader.relay.get_body(GetBodyRequest { number: 99 }).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "UNKNOWN_MESSAGE");
}

#[tokio::test]
async fn what_has_expired_stays_while_the_clock_is_in_doubt() {
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let sealed = sealed(&net, &fr, &[&jp], 0);
    net.client(&fr.tls()).await.submit(sealed.envelope).await.unwrap();
    let store = Arc::clone(&net.store);
    let before = everything_in(store.as_ref()).await;
    let (open, _) = net.stop().await;
    open.clock.set(NOW + 99 * DAY);
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    assert!(net.service.is_clock_in_doubt());
    net.service.close().await;
    let mut after = everything_in(net.store.as_ref()).await;
    after.retain(|key, _| !key.starts_with("meta/clock"));
    for (key, value) in before.iter().filter(|(key, _)| !key.starts_with("meta/clock")) {
        assert_eq!(after.remove(key).as_ref(), Some(value), "{key}");
    }
    assert_eq!(after, BTreeMap::new());
}

/// A service that was off for 29 days looks as one whose clock is 29 days ahead.
#[tokio::test(start_paused = true)]
async fn what_expired_while_the_service_was_away_goes_when_it_was_served_for_a_day() {
    const BACK: u64 = NOW + 29 * DAY;
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let message = sealed(&net, &fr, &[&jp], 150_000);
    net.client(&fr.tls()).await.submit(message.envelope.clone()).await.unwrap();
    let next = |now, net: TestNet| async move {
        let store = Arc::clone(&net.store);
        let (open, _) = net.stop().await;
        open.clock.set(now);
        let net = TestNet::serve(open, store, Trust::new(dates())).await;
        assert!(!net.service.is_clock_in_doubt());
        tokio::time::sleep(Duration::from_secs(7_200)).await;
        net
    };
    // A restart does not make it right, nor does one more that goes on from there.
    let mut net = Box::pin(next(BACK, net)).await;
    // What can be made good goes on.
    net.say(says::admission(&net.replica(), "at")).await;
    for now in [BACK, BACK + DAY / 2] {
        net = Box::pin(next(now, net)).await;
        assert_eq!(items(&net, &fr).await.1, [], "nobody is told");
        let (mut reader, whole) = items(&net, &jp).await;
        assert_eq!(whole[0].body, message.envelope.body);
        reader.relay.get_body(GetBodyRequest { number: 1 }).await.unwrap();
    }
    net.open.clock.set(BACK + DAY / 2 + DAY - 1);
    tokio::time::sleep(Duration::from_secs(7_200)).await;
    assert_eq!(items(&net, &jp).await.1[0].gone.len(), 0);
    net.open.clock.set(BACK + DAY / 2 + DAY);
    let begun = tokio::time::Instant::now();
    settled(net.store.as_ref(), BACK).await;
    assert!(begun.elapsed() < Duration::from_secs(120), "it is looked at each minute");
    assert_eq!(items(&net, &jp).await.1[0].gone.len(), 32);
}

/// 32 recipients, and an acknowledgement of each of their 16 seats.
#[tokio::test]
async fn the_largest_message_goes_in_steps_that_the_store_takes() {
    let net = TestNet::memory().await;
    let fr = net.party("fr", 1).await;
    let mut to = Vec::new();
    for number in 0..limits::RECIPIENTS {
        to.push(net.party(&format!("m{number:02}-{}", "m".repeat(20)), 3).await);
    }
    let to: Vec<&Party> = to.iter().collect();
    let sealed = sealed(&net, &fr, &to, 40_000);
    net.client(&fr.tls()).await.submit(sealed.envelope.clone()).await.unwrap();
    // As if all had acknowledged.
    let beside = (0..limits::ACKNOWLEDGEMENTS).map(|number| Beside {
        contact: to[number % to.len()].contact.clone(),
        epoch: 1,
        number: 2 + (number / to.len()) as u64,
        kind: EntryKind::Acknowledged,
        digest: Digest::of(b"an acknowledgement"),
    });
    let acknowledgement = Bytes::from(vec![7; limits::ACKNOWLEDGEMENT_BYTES]);
    let acknowledgements = vec![acknowledgement; limits::ACKNOWLEDGEMENTS];
    let outcome = Value::Outcome(Outcome { acknowledgements, beside: beside.collect() });
    let outcome_key = keys::of(&Key::Outcome(id(&net, &sealed), fr.contact.clone()));
    let write = Write::new([], [(outcome_key, codec::encode(&outcome))], []).unwrap();
    net.store.commit(write.into()).await.unwrap();
    let net = at(FORGOTTEN, net).await;
    let all = everything_in(net.store.as_ref()).await;
    let left = |prefix: &str| all.keys().filter(|key| key.starts_with(prefix)).count();
    assert_eq!(["message/", "outcome/", "answers/", "due/"].map(left), [0; 4]);
    // One for each recipient, each acknowledgement, and that the sender was told.
    assert_eq!(left("entry/"), limits::RECIPIENTS + limits::ACKNOWLEDGEMENTS + 1);
}

/// A disk that fails from one sync on.
#[derive(Debug)]
struct FailsAt(AtomicU64);

impl Disk for FailsAt {
    fn sync(&self, file: &File) -> io::Result<()> {
        let left =
            self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match left {
            Ok(_) => Fdatasync.sync(file),
            Err(_) => Err(io::Error::other("this failure belongs to the test")),
        }
    }
}

/// Everything that is stored, and the files of bodies; not when it was written.
async fn contents(open: &Open, store: &dyn Store) -> BTreeMap<String, Bytes> {
    let all = everything_in(store).await.into_iter();
    let mut all: BTreeMap<_, _> =
        all.map(|(key, value)| (key.rsplit_once(" at ").unwrap().0.to_owned(), value)).collect();
    for body in open.blobs().list().await.unwrap() {
        all.insert(format!("blobs/{body}"), Bytes::new());
    }
    all
}

/// Expires all there is, and stops.
async fn run(open: &Open) -> Option<BTreeMap<String, Bytes>> {
    let store = open.place().open(NAME).await.ok()?;
    let service = open.start(Arc::clone(&store)).await.ok()?;
    tokio::select! {
        () = settled(store.as_ref(), FORGOTTEN) => {}
        _ = service.stopped() => return None,
    }
    service.close().await;
    store.scan(KeyRange::prefix(b""), 1).await.ok()?;
    Some(contents(open, store.as_ref()).await)
}

/// As a cut leaves it that came between the file and the commit that names it, or that deletes it.
async fn put_unnamed(open: &Open) -> Digest {
    let body = Bytes::from_static(b"a body that no message names");
    let digest = Digest::of(&body);
    open.blobs().put(digest, body).await.unwrap();
    digest
}

/// Of a store that was not listed it is not known which bodies are named.
#[tokio::test]
async fn a_start_removes_no_body_while_it_is_not_listed_which_are_named() {
    let net = TestNet::memory().await;
    let store = Arc::clone(&net.store);
    let (open, _) = net.stop().await;
    let unlist = Write::new([], [], [keys::LISTED.to_vec()]).unwrap();
    store.commit(unlist.into()).await.unwrap();
    let kept = put_unnamed(&open).await;
    open.start(Arc::clone(&store)).await.unwrap().close().await;
    assert_eq!(open.blobs().list().await.unwrap(), [kept]);
    let list = Write::new([], [(keys::LISTED.to_vec(), Bytes::new())], []).unwrap();
    store.commit(list.into()).await.unwrap();
    open.start(store).await.unwrap().close().await;
    assert_eq!(open.blobs().list().await.unwrap(), []);
}

async fn cut_at_every_sync(engine: Engine) {
    let net = TestNet::on(engine).await;
    let [fr, jp, at] = net.parties(["fr", "jp", "at"]).await;
    let mut sender = net.client(&fr.tls()).await;
    for (to, bytes) in [(&[&jp, &at][..], 150_000), (&[&jp], 0), (&[&at], 150_000)] {
        sender.submit(sealed(&net, &fr, to, bytes).envelope).await.unwrap();
    }
    drop(sender);
    let (open, _) = net.stop().await;
    let later = |disk: Arc<dyn Disk>| {
        let open = Open { disk, clock_is_right: true, ..open.copy() };
        open.clock.set(FORGOTTEN);
        open
    };
    let whole = soon("an end", run(&later(Arc::new(Fdatasync)))).await.unwrap();
    assert!(!whole.keys().any(|key| key.starts_with("message/") || key.starts_with("blob")));
    let mut cuts = 0;
    loop {
        let cut = later(Arc::new(FailsAt(AtomicU64::new(cuts))));
        if soon("an end", run(&cut)).await.is_some() {
            break;
        }
        // Whatever it left, its successor comes to the same end. A stopped engine keeps its files.
        let again = Open { disk: Arc::new(Fdatasync), ..cut.copy() };
        put_unnamed(&again).await;
        let found = soon("an end", run(&again)).await.unwrap();
        assert_eq!(found, whole, "{engine}, cut at sync {cuts}");
        cuts += 1;
    }
    // Each of the three steps at least.
    assert!(cuts >= 6, "{cuts}");
}

#[tokio::test]
async fn a_cut_at_any_commit_comes_to_the_same_end_on_redb() {
    cut_at_every_sync(Engine::Redb).await;
}

#[tokio::test]
async fn a_cut_at_any_commit_comes_to_the_same_end_on_sled() {
    cut_at_every_sync(Engine::Sled).await;
}

/// An older file of what was shown is no older data, though what it knew last has expired since.
#[tokio::test]
async fn a_mark_from_before_a_mailbox_shrank_does_not_make_its_data_older() {
    let net = TestNet::on(Engine::Redb).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let mut older = Vec::new();
    let mut net = net;
    for _ in 0..2 {
        let sealed = sealed(&net, &fr, &[&jp], 0);
        net.client(&fr.tls()).await.submit(sealed.envelope).await.unwrap();
        net = at(NOW, net).await;
        older.push(std::fs::read(net.open.high_water()).unwrap());
    }
    for now in [EXPIRES, DELETED, FORGOTTEN, DELETED + 30 * DAY] {
        net = at(now, net).await;
    }
    begins(&net, &jp).await;
    let open = closed(net).await;
    std::fs::write(open.high_water(), &older[0]).unwrap();
    let shown = Shown::read(&open.high_water()).unwrap().mark.unwrap();
    assert_eq!(shown.mailboxes[&jp.contact].count, 1);
    look(&open).await.unwrap();
}
