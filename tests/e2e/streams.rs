//! Streams that stay open: what they cost while nothing happens, that they end when their seat does,
//! and when the service drains.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use liaison::disk::Fdatasync;
use liaison::domain::state::Key;
use liaison::server::Ended;
use liaison::server::listen::Drained;
use liaison::store::{Engine, Store as _, Write, keys};
use liaison::wire::v1::collect_response::Item as Answer;
use liaison::wire::v1::{CollectResponse, GetCheckpointRequest, WatchRequest, WatchResponse};
use tokio::sync::Notify;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

use crate::support::says::{self, Said};
use crate::support::{
    Client, NAME, Open, Party, Replica, TestNet, Trust, dates, home, refusal, soon,
};

/// Guarantee G8, and what it takes here: news and the end come by a hint, not by looking.
const PROMISED: Duration = Duration::from_secs(5);
const BY_EVENT: Duration = Duration::from_millis(900);

/// A mailbox that is followed, and has said all that it holds.
pub(crate) async fn following(net: &TestNet, seat: &str) -> Streaming<CollectResponse> {
    let mut client = net.client(&format!("{seat} tls")).await;
    let mut stream = client.collect(0, true).await.unwrap();
    let first = soon("the head", stream.message()).await.unwrap().unwrap();
    assert!(matches!(first.item, Some(Answer::Head(_))));
    stream
}

pub(crate) async fn watching(net: &TestNet, seat: &str) -> Streaming<WatchResponse> {
    let mut client = net.client(&format!("{seat} tls")).await;
    let size = net.replica().view().size;
    let request = WatchRequest { size };
    client.directory.watch(request).await.unwrap().into_inner()
}

/// The error with which a stream ends; news before it is read over.
pub(crate) async fn end<T>(stream: &mut Streaming<T>) -> Option<Status> {
    loop {
        match soon("the end of the stream", stream.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(status) => return Some(status),
        }
    }
}

#[tokio::test]
async fn a_member_with_many_seats_has_so_many_streams_and_others_theirs() {
    let mut open = home(Engine::Memory);
    open.limits.streams_of_a_party = 2;
    let store = open.found().await;
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    let (fr, jp) = (net.party("fr", 3).await, net.party("jp", 1).await);
    let open =
        (following(&net, fr.seats[0].as_str()).await, watching(&net, fr.seats[1].as_str()).await);
    let mut third = net.client(&format!("{} tls", fr.seats[2])).await;
    let busy = third.collect(0, true).await.unwrap_err();
    assert_eq!(refusal(&busy), (Code::ResourceExhausted, "BUSY".to_owned()));
    assert!(busy.message().contains("the member fr"), "{busy:?}");
    let _other = following(&net, jp.seat().as_str()).await;
    drop(open);
    let again = async {
        while third.collect(0, true).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    soon("a place", again).await;
}

async fn ends_both_streams(make: impl FnOnce(&TestNet) -> Said) {
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let seat = fr.seats[1].as_str();
    let mut followed = following(&net, seat).await;
    let mut watched = watching(&net, seat).await;
    let mut colleague = following(&net, fr.seat().as_str()).await;
    net.say(make(&net)).await;
    let committed = Instant::now();
    for status in [end(&mut followed).await, end(&mut watched).await] {
        let expected = (Code::PermissionDenied, "NOT_PERMITTED".to_owned());
        assert_eq!(status.as_ref().map(refusal), Some(expected));
    }
    let took = committed.elapsed();
    assert!(took < PROMISED && took < BY_EVENT, "{took:?} after the commit");
    // The colleague's goes on.
    let sealed = jp.compose(&[&fr], &net.replica(), &net.open.ambient);
    net.client(&jp.tls()).await.submit(sealed.envelope).await.unwrap();
    let next = soon("the message", colleague.message()).await.unwrap().unwrap();
    assert!(matches!(next.item, Some(Answer::Message(_))));
}

#[tokio::test]
async fn a_revocation_ends_the_streams_of_the_seat_and_no_others() {
    ends_both_streams(|net| says::revocation(&net.replica(), "fr/cert/duty-2").said()).await;
}

#[tokio::test]
async fn a_roster_without_the_seat_ends_its_streams_and_no_others() {
    ends_both_streams(|net| says::roster(&net.replica(), "fr/cert", 1).said()).await;
}

#[tokio::test]
async fn a_new_head_is_seen_by_those_who_watch_at_once() {
    let net = TestNet::memory().await;
    let [fr] = net.parties(["fr"]).await;
    let mut client = net.client(&fr.tls()).await;
    let request = WatchRequest { size: net.replica().view().size };
    let mut watched = client.directory.watch(request).await.unwrap().into_inner();
    net.say(says::admission(&net.replica(), "at")).await;
    let committed = Instant::now();
    let news = soon("a checkpoint", watched.message()).await.unwrap().unwrap();
    assert_eq!(news.checkpoint, net.service.state().checkpoint);
    assert!(committed.elapsed() < BY_EVENT, "{:?}", committed.elapsed());
}

#[tokio::test]
async fn a_stop_ends_open_streams_and_the_drain_is_in_time() {
    let net = TestNet::memory().await;
    let [fr] = net.parties(["fr"]).await;
    let mut followed = following(&net, fr.seat().as_str()).await;
    let mut watched = watching(&net, fr.seat().as_str()).await;
    net.say_stop();
    for status in [end(&mut followed).await, end(&mut watched).await] {
        assert_eq!(status.map(|status| status.code()), Some(Code::Unavailable));
    }
    drop((followed, watched));
    let (_, drained) = net.stop().await;
    assert_eq!(drained, Drained::InTime);
}

/// So much time goes by for timers, and none for the network.
async fn goes_by(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn an_idle_stream_looks_once_a_minute_and_what_comes_is_pushed_at_once() {
    let open = home(Engine::Memory);
    let store = Arc::new(looks::Counted::new(open.found().await));
    let net = TestNet::serve(open, Arc::<looks::Counted>::clone(&store), Trust::new(dates())).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let mut sender = net.client(&jp.tls()).await;
    sender.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
    let mut followed = following(&net, fr.seat().as_str()).await;
    let before = store.looks();
    goes_by(Duration::from_secs(59)).await;
    // Whoever woke has looked when another is answered.
    sender.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
    assert_eq!(store.looks(), before, "nobody looked");
    goes_by(Duration::from_secs(1)).await;
    let head = soon("a head", followed.message()).await.unwrap().unwrap();
    assert!(matches!(head.item, Some(Answer::Head(_))));
    let sealed = jp.compose(&[&fr], &net.replica(), &net.open.ambient);
    sender.submit(sealed.envelope).await.unwrap();
    let committed = Instant::now();
    let next = soon("the message", followed.message()).await.unwrap().unwrap();
    assert!(matches!(next.item, Some(Answer::Message(_))));
    assert!(committed.elapsed() < BY_EVENT, "{:?}", committed.elapsed());
}

/// A hint is a name that begins like the mailbox's: it may be of another one.
#[tokio::test]
async fn what_wakes_a_stream_for_nothing_does_not_put_off_its_head() {
    let open = home(Engine::Memory);
    let store = Arc::new(looks::Counted::new(open.found().await));
    let net = TestNet::serve(open, Arc::<looks::Counted>::clone(&store), Trust::new(dates())).await;
    let [fr] = net.parties(["fr"]).await;
    let mut colleague = net.client(&fr.tls()).await;
    colleague.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
    let mut followed = following(&net, fr.seat().as_str()).await;
    goes_by(Duration::from_secs(59)).await;
    let (before, other) = (store.looks(), format!("mailbox/{}-more", fr.seat().contact()));
    let write = Write::new([], [(other.into_bytes(), Bytes::new())], []).unwrap();
    store.commit(write.into()).await.unwrap();
    colleague.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
    assert!(store.looks() > before, "it looked");
    goes_by(Duration::from_secs(1)).await;
    let over = Instant::now();
    let head = soon("a head", followed.message()).await.unwrap().unwrap();
    assert!(matches!(head.item, Some(Answer::Head(_))));
    assert!(over.elapsed() < BY_EVENT, "{:?}", over.elapsed());
}

#[tokio::test]
async fn a_new_head_makes_no_mailbox_look() {
    let open = home(Engine::Memory);
    let store = Arc::new(looks::Counted::new(open.found().await));
    let net = TestNet::serve(open, Arc::<looks::Counted>::clone(&store), Trust::new(dates())).await;
    let [fr] = net.parties(["fr"]).await;
    let _followed = following(&net, fr.seat().as_str()).await;
    let mut colleague = net.client(&fr.tls()).await;
    let before = store.looks();
    net.say(says::admission(&net.replica(), "at")).await;
    colleague.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
    assert_eq!(store.looks(), before);
}

/// Under a soft limit of descriptors that is too low, which the program raises.
#[test]
fn the_bench_says_what_an_idle_stream_costs() {
    let bench = "ulimit -Sn 64; exec \"$0\" bench --json --only followers --followers 400";
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{bench} --seconds 0.1"), env!("CARGO_BIN_EXE_liaison")]);
    let ran = shell.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let said: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let one = &said["measurements"][0];
    assert_eq!(one["name"], "memory of an open stream: 400 followers");
    assert_eq!(one["limit"], 40.0 * 1024.0);
    let bytes = one["bytes"].as_f64().unwrap();
    assert!(8.0 * 1024.0 < bytes && bytes <= 40.0 * 1024.0, "{one}");
}

/// One connection of a key too many is told so, and the others go on.
#[tokio::test]
async fn who_follows_keeps_a_connection_and_the_one_too_many_is_refused() {
    let mut open = home(Engine::Memory);
    open.limits.connections_of_a_key = 2;
    let store = open.found().await;
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let mut sender = net.client(&jp.tls()).await;
    let mut followed = net.client(&fr.tls()).await.collect(0, true).await.unwrap();
    let mut second = net.client(&fr.tls()).await;
    second.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
    let mut third = net.client(&fr.tls()).await;
    let refused = third.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::ResourceExhausted, "BUSY".to_owned()));
    assert!(refused.get_error_details().retry_info().is_some());
    soon("the head", followed.message()).await.unwrap().unwrap();
    let sealed = jp.compose(&[&fr], &net.replica(), &net.open.ambient);
    sender.submit(sealed.envelope).await.unwrap();
    let next = soon("the message", followed.message()).await.unwrap().unwrap();
    assert!(matches!(next.item, Some(Answer::Message(_))));
    drop((second, third));
    soon("a place", place(&net, &fr.tls())).await;
}

/// A client, as soon as the service has seen that another is gone.
async fn place(net: &TestNet, name: &str) -> Client {
    loop {
        let mut client = net.client(name).await;
        if client.directory.get_checkpoint(GetCheckpointRequest {}).await.is_ok() {
            return client;
        }
    }
}

mod looks {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use liaison::store::{
        Batch, End, Examined, Hints, KeyRange, Revision, Snapshot, Store, StoreError,
    };

    /// A store that counts how often somebody looks through a range.
    pub(super) struct Counted {
        store: Arc<dyn Store>,
        looks: AtomicU64,
    }

    impl Counted {
        pub(super) fn new(store: Arc<dyn Store>) -> Self {
            Self { store, looks: AtomicU64::new(0) }
        }

        pub(super) fn looks(&self) -> u64 {
            self.looks.load(Ordering::SeqCst)
        }
    }

    #[tonic::async_trait]
    impl Store for Counted {
        async fn read(&self, keys: &[Vec<u8>]) -> Result<Snapshot, StoreError> {
            self.store.read(keys).await
        }

        async fn examine(&self, range: KeyRange, limit: u32) -> Result<Examined, StoreError> {
            self.looks.fetch_add(1, Ordering::SeqCst);
            self.store.examine(range, limit).await
        }

        fn end(&self) -> End {
            self.store.end()
        }

        async fn commit(&self, batch: Batch) -> Result<Revision, StoreError> {
            self.store.commit(batch).await
        }

        fn wake(&self, prefixes: Vec<Vec<u8>>) -> Hints {
            self.store.wake(prefixes)
        }

        fn engine(&self) -> &'static str {
            self.store.engine()
        }
    }
}

mod slow {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use liaison::store::{
        Batch, End, Examined, Hints, KeyRange, Revision, Snapshot, Store, StoreError,
    };
    use tokio::sync::Notify;

    /// A store that takes its time to answer, once, who asks for one value.
    pub(super) struct Slow {
        pub(super) store: Arc<dyn Store>,
        pub(super) key: Vec<u8>,
        pub(super) is_slow: AtomicBool,
        pub(super) asked: Notify,
        pub(super) answers: Notify,
    }

    #[tonic::async_trait]
    impl Store for Slow {
        async fn read(&self, keys: &[Vec<u8>]) -> Result<Snapshot, StoreError> {
            let found = self.store.read(keys).await;
            if *keys == [self.key.clone()] && self.is_slow.swap(false, Ordering::SeqCst) {
                self.asked.notify_one();
                self.answers.notified().await;
            }
            found
        }

        async fn examine(&self, range: KeyRange, limit: u32) -> Result<Examined, StoreError> {
            self.store.examine(range, limit).await
        }

        fn end(&self) -> End {
            self.store.end()
        }

        async fn commit(&self, batch: Batch) -> Result<Revision, StoreError> {
            self.store.commit(batch).await
        }

        fn wake(&self, prefixes: Vec<Vec<u8>>) -> Hints {
            self.store.wake(prefixes)
        }

        fn engine(&self) -> &'static str {
            self.store.engine()
        }
    }
}

/// A message that comes while a head is put together, and the revocation of its key: the message was
/// there in time, so no head may stand before the one and behind the other.
#[tokio::test]
async fn a_head_has_no_later_view_than_the_place_that_it_signs() {
    let open = home(Engine::Memory);
    let (store, key) = (open.found().await, Key::Mailbox("jp/cert".parse().unwrap()));
    let (is_slow, [asked, answers]) = (AtomicBool::new(false), [(); 2].map(|()| Notify::new()));
    let slow = Arc::new(slow::Slow { store, key: keys::of(&key), is_slow, asked, answers });
    let net = TestNet::serve(open, Arc::<slow::Slow>::clone(&slow), Trust::new(dates())).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let mut sender = net.client(&fr.tls()).await;
    let mut send = async |net: &TestNet| {
        let message = fr.compose(&[&jp], &net.replica(), &net.open.ambient);
        sender.submit(message.envelope).await.unwrap();
    };
    send(&net).await;
    let mut reader = net.client(&jp.tls()).await;
    let before = Replica::fold(&mut reader).await;
    slow.is_slow.store(true, Ordering::SeqCst);
    let head = tokio::spawn(async move { reader.collect(1, false).await?.message().await });
    soon("a look", slow.asked.notified()).await;
    send(&net).await;
    net.say(says::revocation(&net.replica(), "fr/cert/duty-1")).await;
    slow.answers.notify_one();
    let head = soon("a head", head).await.unwrap().unwrap().unwrap();
    let Some(Answer::Head(head)) = head.item else { panic!("{head:?}") };
    // Who has not more of the log takes it.
    assert_eq!(before.head(&jp.contact, &head).mailbox().count, 1);
}

mod failing {
    use std::fs::File;
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use liaison::disk::{Disk, Fdatasync};

    /// A disk that works until it does not.
    #[derive(Debug, Clone, Default)]
    pub(super) struct Failing(Arc<AtomicBool>);

    impl Failing {
        pub(super) fn fail(&self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    impl Disk for Failing {
        fn sync(&self, file: &File) -> io::Result<()> {
            if self.0.load(Ordering::SeqCst) {
                return Err(io::Error::other("this failure belongs to the test"));
            }
            Fdatasync.sync(file)
        }
    }
}

async fn a_failed_sync(engine: Engine) {
    let disk = failing::Failing::default();
    let mut open = home(engine);
    open.disk = std::sync::Arc::new(disk.clone());
    let store = open.found().await;
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    let [fr, jp]: [Party; 2] = net.parties(["fr", "jp"]).await;
    let mut sender = net.client(&fr.tls()).await;
    let first = fr.compose(&[&jp], &net.replica(), &net.open.ambient);
    sender.submit(first.envelope).await.unwrap();
    disk.fail();
    let lost = fr.compose(&[&jp], &net.replica(), &net.open.ambient).envelope;
    let refused = soon("an answer", sender.submit(lost.clone())).await.unwrap_err();
    // The status, or the end of the connection: the process is to go as well.
    assert!(matches!(refused.code(), Code::Unavailable | Code::Unknown), "{refused:?}");
    soon("the end of the service", net.service.stopped()).await;
    let ended = soon("the end of serving", net.served).await.unwrap();
    assert!(matches!(ended, Err(Ended::Service(_))), "{ended:?}");
    // Its successor finds out what became durable; sent again, it stands once. A stopped engine
    // keeps its files until its process ends, hence the copy.
    let again = Open { disk: std::sync::Arc::new(Fdatasync), ..net.open.copy() };
    let store = again.place().open(NAME).await.unwrap();
    let net = TestNet::serve(again, store, Trust::new(dates())).await;
    net.client(&fr.tls()).await.submit(lost).await.unwrap();
    let mut reader = net.client(&jp.tls()).await;
    let replica = Replica::fold(&mut reader).await;
    assert_eq!(replica.collect(&mut reader, &jp.contact).await.mailbox.count, 2);
}

#[tokio::test]
async fn what_cannot_be_synced_is_not_acknowledged_and_ends_the_service_on_redb() {
    a_failed_sync(Engine::Redb).await;
}

#[tokio::test]
async fn what_cannot_be_synced_is_not_acknowledged_and_ends_the_service_on_sled() {
    a_failed_sync(Engine::Sled).await;
}
