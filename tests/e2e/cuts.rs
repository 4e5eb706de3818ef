//! The network fails at every stage of a call, of a stream, of a sync: what was asked for comes about,
//! once, and nothing is given up for it.

use std::time::Duration;

use liaison::client::draft::Bundle;
use liaison::client::error::{ClientError, Family, Side};
use liaison::client::outbox::Stage;
use liaison::client::reason::Rule;
use liaison::domain::ids::MessageId;
use liaison::domain::limits;
use liaison::store::Engine;
use liaison::wire::v1::collect_response::Item as Answer;
use liaison::wire::v1::{CollectResponse, GetStatusRequest};
use tokio::time::Instant;
use tonic::Streaming;

use crate::support::says;
use crate::support::way::Break;
use crate::support::{Client, NOW, Office, Party, Replica, TestNet, Trust, home};

/// Breaks spread over all that goes by: so many up, so many down, and half as many that are forgotten.
fn breaks(count: usize, (_, up, down): (usize, usize, usize)) -> Vec<Break> {
    let spread =
        |count: usize, all: usize| (0..count).map(move |nth| (all * (2 * nth + 1)) / (2 * count));
    let cut = spread(count, up).map(Break::CutUp).chain(spread(count, down).map(Break::CutDown));
    cut.chain(spread(count / 2, down).map(Break::Forget)).collect()
}

/// It was done, or there was no connection: what breaks after that is mended by the command itself.
#[track_caller]
fn passed(done: Result<(), ClientError>, broken: Break) {
    if let Err(error) = done {
        let found = (error.side, error.family);
        assert_eq!(found, (Side::Network, Family::NotReachable), "{broken:?}: {error}");
        let not_connected = ["NO_CONNECTION", "TLS", "TIMED_OUT"].contains(&error.reason.code());
        assert!(not_connected, "{broken:?}: {error}");
    }
}

/// What an office sent: all of it is with the relay, and was never refused.
fn all_sent(office: &Office) -> Vec<MessageId> {
    let outbox = office.outbox();
    let ids = outbox.ids().unwrap();
    for id in &ids {
        assert_eq!(outbox.refused(*id).unwrap(), None, "{id}");
        assert!(outbox.accepted_receipt(*id).unwrap().is_some(), "{id}");
    }
    ids
}

/// How many entries a mailbox has, each of them verified.
async fn entries(net: &TestNet, of: &Party) -> usize {
    let mut reader = net.client(&of.tls()).await;
    let replica = Replica::fold(&mut reader).await;
    replica.collect(&mut reader, &of.contact).await.items.len()
}

/// Somebody whose way is good tells an office something.
async fn tells(net: &TestNet, from: &Party, to: &Office) -> MessageId {
    let sealed = from.compose(&[&to.party], &net.replica(), &net.open.ambient);
    net.client(&from.tls()).await.submit(sealed.envelope).await.unwrap();
    sealed.id
}

#[tokio::test(start_paused = true)]
async fn alerts_arrive_once() {
    let net = TestNet::memory().await;
    let (fr, jp) = (Office::new(&net, "fr").await, net.party("jp", 1).await);
    let notify = ["notify", "jp/cert", "--title", "Ransomware", "--text", "x"];
    fr.way.went_by();
    fr.run(&notify).await.unwrap();
    let breaks = breaks(8, fr.way.went_by());
    for broken in &breaks {
        fr.way.breaks([*broken]);
        passed(fr.run(&notify).await, *broken);
    }
    fr.run(&["sent"]).await.unwrap();
    assert_eq!(all_sent(&fr).len(), breaks.len() + 1);
    assert_eq!(entries(&net, &jp).await, breaks.len() + 1);
}

#[tokio::test(start_paused = true)]
async fn acknowledgements_arrive_once() {
    let net = TestNet::memory().await;
    let (fr, jp) = (net.party("fr", 1).await, Office::new(&net, "jp").await);
    let mut ids = Vec::new();
    for _ in 0..13 {
        ids.push(tells(&net, &fr, &jp).await.to_string());
    }
    jp.run(&["inbox", "list"]).await.unwrap();
    let acknowledge = async |id: &str| jp.run(&["inbox", "ack", id, "--person", "Anna"]).await;
    jp.way.went_by();
    acknowledge(&ids[0]).await.unwrap();
    let breaks = breaks(5, jp.way.went_by());
    assert_eq!(breaks.len() + 1, ids.len());
    for (broken, id) in breaks.iter().zip(&ids[1..]) {
        jp.way.breaks([*broken]);
        passed(acknowledge(id).await, *broken);
    }
    jp.run(&["inbox", "list"]).await.unwrap();
    all_sent(&jp);
    let mut sender = net.client(&fr.tls()).await;
    for id in &ids {
        let id: MessageId = id.parse().unwrap();
        let request = GetStatusRequest { id: id.as_bytes().to_vec().into() };
        let status = sender.relay.get_status(request).await.unwrap().into_inner();
        assert_eq!(status.acknowledgements.len(), 1, "{id}");
    }
    // For each a delivered receipt, and the words.
    assert_eq!(entries(&net, &fr).await, 2 * ids.len());
}

#[tokio::test(start_paused = true)]
async fn what_is_collected_is_receipted_once() {
    let net = TestNet::memory().await;
    let (fr, jp) = (net.party("fr", 1).await, Office::new(&net, "jp").await);
    tells(&net, &fr, &jp).await;
    jp.run(&["sync"]).await.unwrap();
    jp.way.went_by();
    jp.run(&["inbox", "list"]).await.unwrap();
    let breaks = breaks(8, jp.way.went_by());
    for broken in &breaks {
        tells(&net, &fr, &jp).await;
        jp.way.breaks([*broken]);
        passed(jp.run(&["inbox", "list"]).await, *broken);
    }
    jp.run(&["inbox", "list"]).await.unwrap();
    assert_eq!(all_sent(&jp).len(), breaks.len() + 1);
    assert_eq!(entries(&net, &fr).await, breaks.len() + 1);
}

#[tokio::test(start_paused = true)]
async fn statements_are_logged_once() {
    let net = TestNet::memory().await;
    let fr = Office::new(&net, "fr").await;
    let file = fr.path().join("statement");
    let publish = ["publish", file.to_str().unwrap()];
    let draft = |nth: usize| {
        let said = says::admission(&net.replica(), &format!("m{nth}")).bytes();
        std::fs::write(&file, Bundle::of_statement(said).unwrap().write()).unwrap();
    };
    fr.run(&["sync"]).await.unwrap();
    let before = net.replica().view().size;
    draft(0);
    fr.way.went_by();
    fr.run(&publish).await.unwrap();
    let breaks = breaks(8, fr.way.went_by());
    for (nth, broken) in breaks.iter().enumerate() {
        draft(nth + 1);
        fr.way.breaks([*broken]);
        passed(fr.run(&publish).await, *broken);
        // Handed in again, it is the same.
        fr.run(&publish).await.unwrap();
    }
    assert_eq!(net.replica().view().size, before + breaks.len() as u64 + 1);
}

#[tokio::test(start_paused = true)]
async fn a_directory_is_synced_whole() {
    let net = TestNet::memory().await;
    let fr = Office::new(&net, "fr").await;
    net.parties(["at", "jp", "pt"]).await;
    fr.way.went_by();
    fr.run(&["sync"]).await.unwrap();
    for broken in breaks(8, fr.way.went_by()) {
        let anew = fr.elsewhere(&net);
        anew.way.breaks([broken]);
        passed(anew.run(&["sync"]).await, broken);
        anew.run(&["sync"]).await.unwrap();
        anew.run(&["directory", "verify"]).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_became_of_an_alert_is_learnt() {
    let net = TestNet::memory().await;
    let (fr, jp) = (Office::new(&net, "fr").await, Office::new(&net, "jp").await);
    fr.run(&["notify", "jp/cert", "--title", "Ransomware", "--text", "x"]).await.unwrap();
    let [id] = all_sent(&fr)[..] else { panic!("one alert") };
    fr.way.went_by();
    fr.run(&["sent"]).await.unwrap();
    for broken in breaks(8, fr.way.went_by()) {
        fr.way.breaks([broken]);
        passed(fr.run(&["sent"]).await, broken);
    }
    jp.run(&["inbox", "list"]).await.unwrap();
    jp.run(&["inbox", "ack", &id.to_string(), "--person", "Anna"]).await.unwrap();
    // However its id is typed, it is asked about.
    fr.run(&["sent", &id.to_string().to_uppercase()]).await.unwrap();
    assert_eq!(fr.outbox().state(id).unwrap().stage(), Stage::Acknowledged);
}

/// The number of an entry of a mailbox that is followed; heads are passed over.
async fn next(stream: &mut Streaming<CollectResponse>) -> u64 {
    loop {
        if let Answer::Message(item) = stream.message().await.unwrap().unwrap().item.unwrap() {
            return item.number;
        }
    }
}

/// The mailbox of a sender, in which receipts arrive.
async fn receipts(net: &TestNet, of: &Party) -> (Client, Streaming<CollectResponse>) {
    let mut client = net.client(&of.tls()).await;
    let stream = client.collect(0, true).await.unwrap();
    (client, stream)
}

#[tokio::test(start_paused = true)]
async fn who_follows_connects_again_and_receipts_once() {
    let net = TestNet::memory().await;
    let (fr, mut jp) = (net.party("fr", 1).await, Office::new(&net, "jp").await);
    let (_client, mut receipts) = receipts(&net, &fr).await;
    let follow = ["inbox", "list", "--follow"];
    jp.run(&["sync"]).await.unwrap();
    jp.way.went_by();
    let follows = jp.start(&follow);
    tells(&net, &fr, &jp).await;
    next(&mut receipts).await;
    follows.abort();
    assert!(follows.await.unwrap_err().is_cancelled());
    let breaks = breaks(8, jp.way.went_by());
    jp.way.breaks(breaks.iter().copied());
    let follows = jp.start(&follow);
    for nth in 0..breaks.len() {
        tells(&net, &fr, &jp).await;
        assert_eq!(next(&mut receipts).await, nth as u64 + 2);
    }
    // Pings and heads are bytes, too: in the end there was every break.
    let mut connections = jp.way.went_by().0;
    while connections <= breaks.len() {
        receipts.message().await.unwrap().unwrap();
        connections += jp.way.went_by().0;
    }
    tells(&net, &fr, &jp).await;
    next(&mut receipts).await;
    assert!(!follows.is_finished());
    assert_eq!(all_sent(&jp).len(), breaks.len() + 2);
    assert_eq!(entries(&net, &fr).await, breaks.len() + 2);
    // Each was announced, whatever broke right behind it.
    let mut said: Vec<u64> = jp.printed().iter().filter_map(|row| row["number"].as_u64()).collect();
    said.sort_unstable();
    assert!(said.iter().copied().eq(1..=breaks.len() as u64 + 2), "{said:?}");
}

/// No byte comes through, and nobody says so.
#[tokio::test(start_paused = true)]
async fn who_follows_notices_that_the_connection_was_forgotten() {
    let net = TestNet::memory().await;
    let (fr, jp) = (net.party("fr", 1).await, Office::new(&net, "jp").await);
    let (_client, mut receipts) = receipts(&net, &fr).await;
    let follows = jp.start(&["inbox", "list", "--follow"]);
    tells(&net, &fr, &jp).await;
    next(&mut receipts).await;
    for _ in 0..3 {
        jp.way.forgets();
        let begun = Instant::now();
        tells(&net, &fr, &jp).await;
        next(&mut receipts).await;
        let noticed = limits::KEEPALIVE_INTERVAL + limits::KEEPALIVE_TIMEOUT;
        assert!(begun.elapsed() < noticed + Duration::from_secs(5), "{:?}", begun.elapsed());
    }
    assert!(!follows.is_finished());
    assert_eq!(all_sent(&jp).len(), 4);
}

/// As every hour.
#[tokio::test(start_paused = true)]
async fn who_follows_goes_on_when_the_connection_is_asked_to_leave() {
    let net = TestNet::memory().await;
    let (fr, jp) = (net.party("fr", 1).await, Office::new(&net, "jp").await);
    let follows = jp.start(&["inbox", "list", "--follow"]);
    for nth in 1..4 {
        tells(&net, &fr, &jp).await;
        let (_client, mut receipts) = receipts(&net, &fr).await;
        while next(&mut receipts).await < nth {}
        // So is this one.
        while let Ok(Some(_)) = receipts.message().await {}
    }
    assert!(!follows.is_finished());
    assert!(jp.way.went_by().0 >= 3);
    assert_eq!(all_sent(&jp).len(), 3);
}

/// Whoever stands in the way for a while is not believed, and does not end it.
#[tokio::test(start_paused = true)]
async fn who_follows_outlives_a_server_that_is_not_believed() {
    let (net, open) = (TestNet::memory().await, home(Engine::Memory));
    let store = open.found().await;
    let gateway = TestNet::serve(open, store, Trust::of_p256()).await;
    let (fr, jp) = (net.party("fr", 1).await, Office::new(&net, "jp").await);
    let (_client, mut receipts) = receipts(&net, &fr).await;
    let follows = jp.start(&["inbox", "list", "--follow"]);
    tells(&net, &fr, &jp).await;
    next(&mut receipts).await;
    jp.way.went_by();
    jp.way.leads_to(&gateway.address);
    jp.way.forgets();
    let mut connections = 0;
    while connections < 6 {
        receipts.message().await.unwrap().unwrap();
        connections += jp.way.went_by().0;
    }
    assert!(!follows.is_finished());
    let lock = std::fs::File::open(jp.mail().join("inbox/lock")).unwrap();
    assert!(lock.try_lock().is_err(), "another could collect meanwhile");
    jp.way.leads_to(&net.address);
    tells(&net, &fr, &jp).await;
    assert_eq!(next(&mut receipts).await, 2);
}

/// The sender is told whom the server is not, and the alert goes when that has passed.
#[tokio::test(start_paused = true)]
async fn an_alert_is_kept_while_the_server_is_not_believed() {
    let (net, open) = (TestNet::memory().await, home(Engine::Memory));
    let store = open.found().await;
    let gateway = TestNet::serve(open, store, Trust::of_p256()).await;
    let (fr, jp) = (Office::new(&net, "fr").await, net.party("jp", 1).await);
    fr.run(&["sync"]).await.unwrap();
    fr.way.leads_to(&gateway.address);
    let notify = ["notify", "jp/cert", "--title", "Ransomware", "--text", "x"];
    let error = fr.run(&notify).await.unwrap_err();
    assert_eq!(error.family, Family::VerificationFailed, "{error}");
    assert!(error.sentence.contains("waits in the outbox"), "{error}");
    fr.way.leads_to(&net.address);
    fr.run(&["sent"]).await.unwrap();
    assert_eq!(all_sent(&fr).len(), 1);
    assert_eq!(entries(&net, &jp).await, 1);
}

/// What the service refuses with a reason is for a human.
#[tokio::test(start_paused = true)]
async fn who_follows_ends_when_the_service_refuses() {
    let net = TestNet::memory().await;
    let (fr, jp) = (net.party("fr", 1).await, Office::new(&net, "jp").await);
    let (_client, mut receipts) = receipts(&net, &fr).await;
    let follows = jp.start(&["inbox", "list", "--follow"]);
    tells(&net, &fr, &jp).await;
    next(&mut receipts).await;
    net.say(says::withdrawal(&net.replica(), "jp/cert")).await;
    let ended = tokio::time::timeout(limits::CONNECTION_AGE, follows).await.expect("it ends");
    let error = ended.unwrap().unwrap_err();
    assert_eq!((error.reason.code(), error.family), ("NOT_PERMITTED", Family::IdentityOrKey));
}

/// The invitation's, and the one that the service tells.
const AT_EVERY_ADDRESS: [Break; 2] = [Break::Refuse; 2];

/// A way on which large requests are lost, and small ones are not.
#[tokio::test(start_paused = true)]
async fn what_does_not_come_through_keeps_nothing_else_back() {
    let net = TestNet::memory().await;
    let (fr, jp) = (Office::new(&net, "fr").await, net.party("jp", 1).await);
    let file = fr.path().join("large");
    std::fs::write(&file, vec![7; 300_000]).unwrap();
    fr.run(&["sync"]).await.unwrap();
    let notify = ["notify", "jp/cert", "--title", "Ransomware", "--text", "x"];
    let large = [&notify[..], &["--attach", file.to_str().unwrap()]].concat();
    for (nth, typed) in [&large[..], &notify[..]].into_iter().enumerate() {
        net.open.clock.set(NOW + nth as u64);
        fr.way.breaks(AT_EVERY_ADDRESS);
        passed(fr.run(typed).await, Break::Refuse);
    }
    let ids = fr.outbox().pending().unwrap();
    fr.way.breaks_for_ever([], Break::CutUp(200_000));
    fr.run(&["sent"]).await.unwrap();
    assert_eq!(fr.outbox().pending().unwrap(), ids[..1]);
    fr.way.breaks([]);
    fr.run(&["sent"]).await.unwrap();
    assert_eq!(all_sent(&fr), ids);
    assert_eq!(entries(&net, &jp).await, 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_is_handed_in_again_when_a_human_says_so() {
    let net = TestNet::memory().await;
    let (fr, jp) = (Office::new(&net, "fr").await, net.party("jp", 1).await);
    fr.run(&["sync"]).await.unwrap();
    let notify = ["notify", "jp/cert", "--title", "Ransomware", "--text", "x"];
    let nothing = async |typed: &[&str], why: &str| {
        let error = fr.run(typed).await.unwrap_err();
        assert_eq!((error.reason.code(), error.family), ("NOTHING_TO_RETRY", Family::NotFound));
        assert!(error.sentence.contains(why), "{error}");
    };
    nothing(&["sent", "retry"], "nothing that was sent from here is refused").await;
    fr.way.breaks(AT_EVERY_ADDRESS);
    passed(fr.run(&notify).await, Break::Refuse);
    let outbox = fr.outbox();
    let id = outbox.pending().unwrap()[0];
    let named = id.to_string();
    nothing(&["sent", "retry", &named], "waits").await;
    let refuse =
        || outbox.refuse((id, &outbox.request(id).unwrap()), &Rule::WrongLetters.into()).unwrap();
    assert!(refuse());
    fr.run(&["sent", "retry", "--dry-run"]).await.unwrap();
    fr.run(&["sent"]).await.unwrap();
    assert!(outbox.refused(id).unwrap().is_some());
    // Without a connection it waits again.
    fr.way.breaks(AT_EVERY_ADDRESS);
    passed(fr.run(&["sent", "retry", &named]).await, Break::Refuse);
    assert_eq!(outbox.pending().unwrap(), [id]);
    assert!(refuse());
    fr.run(&["sent", "retry"]).await.unwrap();
    assert_eq!(all_sent(&fr), [id]);
    assert_eq!(entries(&net, &jp).await, 1);
    nothing(&["sent", "retry", &named], "was accepted").await;
    // The next one's recipient is gone, and in the end it has expired.
    fr.way.breaks(AT_EVERY_ADDRESS);
    passed(fr.run(&notify).await, Break::Refuse);
    let id = outbox.pending().unwrap()[0];
    assert!(outbox.refuse((id, &outbox.request(id).unwrap()), &Rule::WrongLetters.into()).unwrap());
    net.say(says::withdrawal(&net.replica(), "jp/cert")).await;
    let error = fr.run(&["sent", "retry", &id.to_string()]).await.unwrap_err();
    assert_eq!(error.side, Side::Ours, "{error}");
    outbox.refuse((id, &outbox.request(id).unwrap()), &Rule::WrongLetters.into()).unwrap();
    net.open.clock.set(NOW + limits::MESSAGE_SECONDS + 1);
    nothing(&["sent", "retry", &id.to_string()], "has expired").await;
}
