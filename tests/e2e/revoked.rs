//! Guarantee G8: a revocation ends live access within five seconds, on every stream, whoever signs it; the
//! streams of others go on.

use std::io::{ErrorKind, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use liaison::client::error::Family;
use liaison::store::Engine;
use liaison::tls::Identity;
use liaison::wire::v1::collect_response::Item as Answer;
use liaison::wire::v1::{CollectResponse, GetCheckpointRequest, WatchResponse};
use tokio::task::JoinSet;
use tonic::{Code, Streaming};

use crate::streams::{end, following, watching};
use crate::support::says::{self, Said};
use crate::support::{Client, Office, Party, TestNet, key, refusal, soon};

const PROMISED: Duration = Duration::from_secs(5);
const SEAT: &str = "fr/cert/duty-2";

/// Both streams of a seat.
struct Streams {
    collect: Streaming<CollectResponse>,
    watch: Streaming<WatchResponse>,
}

impl Streams {
    async fn of(net: &TestNet, seat: &str) -> Self {
        Self { collect: following(net, seat).await, watch: watching(net, seat).await }
    }

    async fn end(&mut self) {
        for status in [end(&mut self.collect).await, end(&mut self.watch).await] {
            let expected = (Code::PermissionDenied, "NOT_PERMITTED".to_owned());
            assert_eq!(status.as_ref().map(refusal), Some(expected));
        }
    }

    /// The next message and the next checkpoint come.
    async fn go_on(&mut self) {
        let checkpoint = soon("a checkpoint", self.watch.message()).await.unwrap().unwrap();
        assert!(!checkpoint.checkpoint.is_empty());
        let came = soon("a message", self.collect.message()).await.unwrap().unwrap();
        assert!(matches!(came.item, Some(Answer::Message(_))), "{came:?}");
    }
}

/// By the seat itself, a colleague, the keeper, the authority; and by a slip that was made long before.
#[tokio::test]
async fn whoever_signs_the_end_of_a_seat_its_streams_end_in_time_and_no_others() {
    let by = |signer: &'static str| {
        move |net: &TestNet| says::revocation(&net.replica(), SEAT).signed_by(&[signer]).said()
    };
    for signer in ["fr/cert/duty-2 sign", "fr/cert/duty-1 sign", "fr/cert keeper", "fr authority"] {
        for is_slip in [false, true] {
            let net = TestNet::memory().await;
            let [fr, jp] = net.parties(["fr", "jp"]).await;
            let slip: Option<Said> = is_slip.then(|| by(signer)(&net));
            if is_slip {
                net.say(says::record(&net.replica(), "fr/cert")).await;
                net.say(says::admission(&net.replica(), "at")).await;
            }
            let mut thief = Streams::of(&net, SEAT).await;
            let mut others = [
                Streams::of(&net, fr.seat().as_str()).await,
                Streams::of(&net, jp.seat().as_str()).await,
            ];
            let begun = Instant::now();
            net.say(slip.unwrap_or_else(|| by(signer)(&net))).await;
            thief.end().await;
            assert!(begun.elapsed() < PROMISED, "{signer}: {:?}", begun.elapsed());
            let sealed = jp.compose(&[&fr, &jp], &net.replica(), &net.open.ambient);
            net.client(&jp.tls()).await.submit(sealed.envelope).await.unwrap();
            for other in &mut others {
                other.go_on().await;
            }
            // Nor does it come back.
            let refused = net.client(&format!("{SEAT} tls")).await.collect(0, true).await;
            assert_eq!(refusal(&refused.unwrap_err()).1, "NOT_PERMITTED");
        }
    }
}

/// As people do it: a slip that is made on the first day is published by somebody else, and ends who follows.
#[tokio::test]
async fn a_slip_from_the_drawer_ends_who_follows() {
    let net = TestNet::memory().await;
    let (mut fr, jp) = (Office::new(&net, "fr").await, Office::new(&net, "jp").await);
    let folder = tempfile::tempdir().unwrap();
    let slip = folder.path().join("slip");
    let slip = slip.to_str().unwrap();
    fr.run(&["seat", "revoke", "fr/cert/duty-1", "--out", slip]).await.unwrap();
    fr.printed();
    let follows = fr.start(&["inbox", "list", "--follow"]);
    jp.run(&["notify", "fr/cert", "--title", "x", "--text", "x"]).await.unwrap();
    soon("it follows", fr.prints()).await;
    let begun = Instant::now();
    jp.run(&["publish", slip]).await.unwrap();
    let ended = soon("its end", follows).await.unwrap().unwrap_err();
    assert_eq!(ended.family, Family::IdentityOrKey, "{ended:?}");
    assert!(begun.elapsed() < PROMISED, "{:?}", begun.elapsed());
}

/// Where a certificate says that its revocations are told is asked by nobody: the directory tells them.
#[tokio::test]
async fn a_pointer_to_a_revocation_list_changes_nothing() {
    let net = TestNet::memory().await;
    let [fr] = net.parties(["fr"]).await;
    let list = TcpListener::bind("127.0.0.1:0").unwrap();
    list.set_nonblocking(true).unwrap();
    let identity = pointing_at(&fr.tls(), &format!("http://{}/crl", list.local_addr().unwrap()));
    let mut client = Client::over(&net.connect(Some(identity)).await.unwrap());
    let mut stream = client.collect(0, true).await.unwrap();
    soon("the head", stream.message()).await.unwrap().unwrap();
    client.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
    net.say(says::revocation(&net.replica(), fr.seat().as_str())).await;
    let ended = end(&mut stream).await.unwrap();
    assert_eq!(refusal(&ended).1, "NOT_PERMITTED");
    assert_eq!(list.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nobody asked");
}

/// The certificate of the key `name`, with a distribution point.
fn pointing_at(name: &str, uri: &str) -> Identity {
    let key = key(name);
    let pair = rcgen::KeyPair::try_from(&key.pkcs8()[..]).unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2060, 1, 1);
    let uris = vec![uri.to_owned()];
    params.crl_distribution_points = vec![rcgen::CrlDistributionPoint { uris }];
    let der = params.self_signed(&pair).unwrap().der().to_vec();
    assert!(der.windows(uri.len()).any(|part| part == uri.as_bytes()));
    Identity::new(&[der], &key).unwrap()
}

/// So many seats are revoked, one after the other, and so many others follow meanwhile.
const REVOKED: usize = 100;
const SEATS: usize = 8;
const MEMBERS: usize = 25;

/// `cargo nextest run --run-ignored only --no-capture -E 'test(what_a_revocation_takes)'`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn what_a_revocation_takes() {
    let net = TestNet::on(Engine::Sled).await;
    let mut honest = Vec::new();
    for member in 0..MEMBERS {
        honest.push(net.party(&format!("h{member}"), SEATS).await);
    }
    let mut follow = JoinSet::new();
    for seat in honest.iter().flat_map(|party| &party.seats) {
        let Streams { mut collect, mut watch } = Streams::of(&net, seat.as_str()).await;
        follow.spawn(
            async move { while collect.message().await.is_ok_and(|item| item.is_some()) {} },
        );
        follow
            .spawn(async move { while watch.message().await.is_ok_and(|item| item.is_some()) {} });
    }
    let (mut closed, mut submits) = (Vec::new(), Vec::new());
    let mut revoking = net.stranger().await;
    for member in 0..REVOKED.div_ceil(SEATS) {
        let party = net.party(&format!("t{member}"), SEATS).await;
        for seat in party.seats.iter().take(REVOKED - closed.len()) {
            let mut streams = Streams::of(&net, seat.as_str()).await;
            let said = says::revocation(&net.replica(), seat.as_str()).said();
            // Each has a share of each mailbox.
            let [from, to] = [0, 1].map(|next| &honest[(closed.len() + next) % MEMBERS]);
            let ending = async {
                let begun = Instant::now();
                revoking.enrol(said).await.unwrap().unwrap();
                streams.end().await;
                begun.elapsed()
            };
            let (took, sent) = tokio::join!(ending, submitted(&net, from, to));
            closed.push(took);
            submits.extend(sent);
        }
    }
    assert!(follow.try_join_next().is_none(), "a stream of somebody else has ended");
    for (what, times) in
        [("revocation to both streams closed", &mut closed), ("submit", &mut submits)]
    {
        times.sort();
        let at = |part: usize| times[(times.len() - 1) * part / 100];
        writeln!(
            std::io::stdout(),
            "{what}: {} times, p50 {:?}, p99 {:?}, max {:?}; {} others follow and watch",
            times.len(),
            at(50),
            at(99),
            at(100),
            MEMBERS * SEATS
        )
        .unwrap();
    }
    assert!(closed.len() == REVOKED && closed.iter().all(|took| *took < PROMISED));
}

/// What an honest member's messages take meanwhile.
async fn submitted(net: &TestNet, from: &Party, to: &Party) -> Vec<Duration> {
    let (mut client, mut took) = (net.client(&from.tls()).await, Vec::new());
    for _ in 0..5 {
        let sealed = from.compose(&[to], &net.replica(), &net.open.ambient);
        let begun = Instant::now();
        client.submit(sealed.envelope).await.unwrap();
        took.push(begun.elapsed());
    }
    took
}
