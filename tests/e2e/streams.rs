//! Streams that stay open: they end when their seat does, and when the service drains.

use std::time::{Duration, Instant};

use liaison::server::Ended;
use liaison::server::listen::Drained;
use liaison::store::Engine;
use liaison::store::disk::Fdatasync;
use liaison::wire::v1::collect_response::Item as Answer;
use liaison::wire::v1::{CollectResponse, WatchRequest};
use tonic::{Code, Status, Streaming};

use crate::support::says::{self, Said};
use crate::support::{NAME, Open, Party, Replica, TestNet, Trust, dates, home, refusal, soon};

/// Guarantee G8, and what it takes here: the end comes by a hint, not by looking every second.
const PROMISED: Duration = Duration::from_secs(5);
const BY_EVENT: Duration = Duration::from_millis(900);

/// A mailbox that is followed, and has said all that it holds.
async fn following(net: &TestNet, seat: &str) -> Streaming<CollectResponse> {
    let mut client = net.client(&format!("{seat} tls")).await;
    let mut stream = client.collect(0, true).await.unwrap();
    let first = soon("the head", stream.message()).await.unwrap().unwrap();
    assert!(matches!(first.item, Some(Answer::Head(_))));
    stream
}

async fn watching(net: &TestNet, seat: &str) -> Streaming<impl Sized + use<>> {
    let mut client = net.client(&format!("{seat} tls")).await;
    let size = net.replica().view().0;
    let request = WatchRequest { size };
    client.directory.watch(request).await.unwrap().into_inner()
}

/// The error with which a stream ends; news before it is read over.
async fn end<T>(stream: &mut Streaming<T>) -> Option<Status> {
    loop {
        match soon("the end of the stream", stream.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(status) => return Some(status),
        }
    }
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
    let request = WatchRequest { size: net.replica().view().0 };
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

mod failing {
    use std::fs::File;
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use liaison::store::disk::{Disk, Fdatasync};

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
