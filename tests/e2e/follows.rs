//! What is asked of the service comes late, or not at once: what was announced, handed in and shown
//! meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use liaison::client::error::{Family, Side};
use liaison::client::message::compose::Outside;
use liaison::domain::refusal::Refusal;
use liaison::domain::relay::envelope;
use liaison::signed::proto::Urgency;
use liaison::wire::status;
use liaison::wire::v1::collect_response::Item as Answer;
use serde_json::Value;
use tokio::time::{Instant, timeout};
use tonic::Status;

use crate::support::gate::{Gate, Instead};
use crate::support::way::Break;
use crate::support::{Office, Party, TestNet, alert, key_id, says};

const FOLLOW: [&str; 3] = ["inbox", "list", "--follow"];
const LIST: [&str; 2] = ["inbox", "list"];

fn busy(seconds: u64) -> Instead {
    Instead::Says(status::busy("later", Duration::from_secs(seconds)))
}

/// As the library says it when a stream is reset.
fn reset() -> Instead {
    Instead::Says(Status::internal("h2 protocol error: stream error received: unexpected internal"))
}

/// `fr`, whom the gate lets through, and the office of `jp`, which is up to date.
async fn two(gate: &Gate) -> (TestNet, Party, Office) {
    let net = TestNet::gated(gate).await;
    let (fr, mut jp) = (net.party("fr", 1).await, Office::new(&net, "jp").await);
    gate.lets_through(key_id(&fr.tls()));
    jp.run(&["sync"]).await.unwrap();
    jp.way.went_by();
    jp.printed();
    (net, fr, jp)
}

async fn tells(net: &TestNet, from: &Party, to: &Office, count: usize) {
    let (mut client, replica) = (net.client(&from.tls()).await, net.replica());
    for _ in 0..count {
        let sealed = from.compose(&[&to.party], &replica, &net.open.ambient);
        client.submit(sealed.envelope).await.unwrap();
    }
}

/// So many entries have come to a mailbox.
async fn came_to(net: &TestNet, of: &Party, count: u64) {
    let mut client = net.client(&of.tls()).await;
    let mut stream = client.collect(0, true).await.unwrap();
    loop {
        let came = stream.message().await.unwrap().unwrap();
        if let Answer::Message(item) = came.item.unwrap()
            && item.number == count
        {
            return;
        }
    }
}

fn of(list: &Value, field: &str) -> Vec<Value> {
    list["messages"].as_array().unwrap().iter().map(|row| row[field].clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_asked_for_again_and_announced() {
    for (says, waits) in [(busy(20), 20), (reset(), 1)] {
        let gate = Gate::default();
        let (net, fr, jp) = two(&gate).await;
        gate.next("GetBody", [says]);
        let (follows, begun) = (jp.start(&FOLLOW), Instant::now());
        tells(&net, &fr, &jp, 1).await;
        let row = jp.prints().await;
        assert_eq!((&row["number"], &row["title"]), (&1.into(), &"Ransomware at a port".into()));
        let elapsed = begun.elapsed().as_secs();
        assert!((waits..waits + 9).contains(&elapsed), "{elapsed}");
        assert_eq!((gate.asked("GetBody"), jp.way.went_by().0), (2, 1), "one connection");
        assert!(!follows.is_finished());
        follows.abort();
    }
}

/// More than wait anywhere.
#[tokio::test(start_paused = true)]
async fn a_hand_in_that_hangs_keeps_no_message_back() {
    let gate = Gate::default();
    let (net, fr, jp) = two(&gate).await;
    gate.all("Submit", Instead::Waits);
    let follows = jp.start(&FOLLOW);
    tells(&net, &fr, &jp, 1).await;
    assert_eq!(jp.prints().await["number"], 1);
    gate.was_asked("Submit", 1).await;
    tells(&net, &fr, &jp, 69).await;
    let mut numbers = Vec::new();
    for _ in 1..70 {
        let row = jp.prints().await;
        assert!(row["not_opened"].is_null(), "{row}");
        numbers.extend(row["number"].as_u64());
    }
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(2..=70));
    assert_eq!((gate.asked("Submit"), jp.way.went_by().0), (1, 1), "one, on one connection");
    gate.opens();
    came_to(&net, &fr, 70).await;
    assert!(!follows.is_finished());
}

#[tokio::test(start_paused = true)]
async fn what_is_handed_in_waits_as_long_as_the_service_says() {
    for (says, waits) in [(busy(20), 20), (reset(), 1)] {
        let gate = Gate::default();
        let (net, fr, jp) = two(&gate).await;
        gate.next("Submit", [says]);
        let (follows, begun) = (jp.start(&FOLLOW), Instant::now());
        tells(&net, &fr, &jp, 1).await;
        came_to(&net, &fr, 1).await;
        let elapsed = begun.elapsed().as_secs();
        assert!((waits..waits + 9).contains(&elapsed), "{elapsed}");
        assert_eq!((gate.asked("Submit"), jp.way.went_by().0), (2, 1), "one connection");
        assert!(!follows.is_finished());
        follows.abort();
    }
}

/// The relay has nothing against the directory being asked for later: what waits for it waits.
#[tokio::test(start_paused = true)]
async fn a_sync_that_fails_is_tried_again_and_ends_no_connection() {
    for (says, waits) in [(busy(20), 20), (reset(), 1)] {
        let gate = Gate::default();
        let (net, fr, jp) = two(&gate).await;
        let follows = jp.start(&FOLLOW);
        tells(&net, &fr, &jp, 1).await;
        assert_eq!(jp.prints().await["number"], 1);
        came_to(&net, &fr, 1).await;
        let before = gate.asked("GetCheckpoint");
        gate.next("GetCheckpoint", [says]);
        net.say(says::admission(&net.replica(), "at")).await;
        let begun = Instant::now();
        tells(&net, &fr, &jp, 1).await;
        assert_eq!(jp.prints().await["number"], 2);
        let elapsed = begun.elapsed().as_secs();
        assert!((waits..waits + 9).contains(&elapsed), "{elapsed}");
        assert_eq!((gate.asked("GetCheckpoint") - before, jp.way.went_by().0), (2, 1));
        assert!(!follows.is_finished());
        follows.abort();
    }
}

/// What waits for a sync asks on another connection if this one does not lead to it.
#[tokio::test(start_paused = true)]
async fn a_sync_that_the_network_loses_again_and_again_has_another_connection() {
    let gate = Gate::default();
    let (net, fr, jp) = two(&gate).await;
    let follows = jp.start(&FOLLOW);
    tells(&net, &fr, &jp, 1).await;
    assert_eq!(jp.prints().await["number"], 1);
    came_to(&net, &fr, 1).await;
    jp.way.went_by();
    let before = gate.asked("GetCheckpoint");
    gate.all("GetCheckpoint", reset());
    net.say(says::admission(&net.replica(), "at")).await;
    tells(&net, &fr, &jp, 1).await;
    let again = gate.was_asked("GetCheckpoint", before + 4);
    timeout(Duration::from_secs(600), again).await.expect("it asks again");
    assert_ne!(jp.way.went_by().0, 0, "on another connection");
    gate.opens();
    let row = timeout(Duration::from_secs(600), jp.prints()).await.expect("it is announced");
    assert_eq!(row["number"], 2);
    assert!(!follows.is_finished());
}

/// A receipt is told to wait for long, and a message finds no room. Another command leaves an alert behind.
#[tokio::test(start_paused = true)]
async fn an_alert_waits_neither_for_receipts_nor_for_what_has_no_room() {
    let gate = Gate::default();
    let (net, fr, jp) = two(&gate).await;
    let to = fr.contact.clone();
    let full = Refusal::MailboxShare { contacts: vec![to.clone()], retry: Some(3000) };
    let full = || Instead::Says(status::of(&full));
    let notify = async |urgency: &str| {
        let typed = ["notify", to.as_str(), "--urgency", urgency, "--title", "x"];
        jp.run(&typed).await.unwrap_err();
    };
    gate.all("Submit", full());
    notify("routine").await;
    notify("routine").await;
    gate.next("Submit", [full(), busy(3000)]);
    let (before, begun) = (gate.asked("Submit"), Instant::now());
    let follows = jp.start(&FOLLOW);
    tells(&net, &fr, &jp, 1).await;
    gate.was_asked("Submit", before + 2).await;
    gate.all("Submit", full());
    notify("flash").await;
    gate.opens();
    let before = gate.asked("Submit");
    came_to(&net, &fr, 1).await;
    assert!(begun.elapsed().as_secs() < 150, "with the next head: {:?}", begun.elapsed());
    assert_eq!(gate.asked("Submit") - before, 1, "what must wait was not offered");
    assert!(!follows.is_finished());
    let waits = jp.outbox().pending().unwrap();
    assert_eq!(waits.len(), 3, "two messages and a receipt");
}

/// People point at what they wrote; what went is another message.
#[tokio::test(start_paused = true)]
async fn what_answers_a_message_that_went_to_the_others_names_the_one_that_went() {
    let gate = Gate::default();
    let (net, fr, jp) = two(&gate).await;
    let at = net.party("at", 1).await;
    let [fr, at] = [&fr, &at].map(|of| of.contact.to_string());
    let full = Refusal::MailboxShare { contacts: vec![fr.parse().unwrap()], retry: None };
    gate.next("Submit", [Instead::Says(status::of(&full))]);
    jp.run(&["notify", &fr, &at, "--title", "x", "--skip-full"]).await.unwrap_err();
    let outbox = jp.outbox();
    let both = outbox.ids().unwrap().into_iter();
    let mut both = both.filter_map(|id| Some((id, outbox.went_as(id).unwrap()?)));
    let (first, went) = both.next().unwrap();
    jp.run(&["notify", &at, "--title", "y", "--reply-to", &first.to_string()]).await.unwrap();
    let ids = outbox.ids().unwrap();
    let answer = ids.iter().find(|id| ![first, went].contains(id)).unwrap();
    let answer = outbox.request(*answer).unwrap();
    let header = &answer.envelope().unwrap().header;
    let replica = net.replica();
    let answer = envelope::verify_header(&replica.directory, header).unwrap();
    let names = (answer.addressing().in_reply_to, answer.addressing().thread);
    assert_eq!(names, (outbox.header_digest(went).unwrap(), went));
}

/// Of all of one message, while the service is busy or its answers are lost.
#[tokio::test(start_paused = true)]
async fn what_could_not_be_fetched_is_neither_read_nor_acknowledged() {
    for (says, side) in [(busy(1), Side::Theirs), (reset(), Side::Network)] {
        let gate = Gate::default();
        let (net, fr, jp) = two(&gate).await;
        gate.all("GetBody", says);
        tells(&net, &fr, &jp, 1).await;
        let _ = jp.run(&LIST).await;
        let list = jp.prints().await;
        assert_eq!(
            (of(&list, "not_opened"), of(&list, "state")),
            (vec!["NOT_FETCHED".into()], vec!["new".into()])
        );
        let acknowledge = ["inbox", "ack", "1", "--person", "Anna"];
        for typed in [&acknowledge[..], &["inbox", "read", "1"]] {
            let error = jp.run(typed).await.unwrap_err();
            let found = (error.reason.code(), error.family, error.side);
            assert_eq!(found, ("NOT_FETCHED", Family::NotReachable, side), "{error}");
            assert!(error.sentence.contains("only its header is here"), "{error}");
        }
        assert!(jp.outbox().ids().unwrap().is_empty(), "nothing was sealed");
        gate.opens();
        jp.run(&acknowledge).await.unwrap();
        assert_eq!(jp.prints().await["acknowledged"], true);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_waits_three_seconds_for_bodies_and_shows_what_is_here() {
    let gate = Gate::default();
    let (net, fr, jp) = two(&gate).await;
    gate.all("GetBody", Instead::Waits);
    tells(&net, &fr, &jp, 2).await;
    let (lists, begun) = (jp.start(&LIST), Instant::now());
    let list = jp.prints().await;
    assert_eq!(of(&list, "not_opened"), ["NOT_FETCHED"; 2]);
    assert_eq!(begun.elapsed().as_secs(), 3);
    assert!(!lists.is_finished(), "it goes on");
    gate.opens();
    lists.await.unwrap().unwrap();
    jp.run(&["inbox", "list", "--offline"]).await.unwrap();
    assert_eq!(of(&jp.prints().await, "title"), ["Ransomware at a port"; 2]);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_read_comes_before_what_was_read() {
    let (net, fr, jp) = two(&Gate::default()).await;
    tells(&net, &fr, &jp, 4).await;
    let list = async |typed: &[&str]| {
        jp.run(typed).await.unwrap();
        of(&jp.prints().await, "number")
    };
    assert_eq!(list(&LIST).await, [4, 3, 2, 1]);
    for number in ["3", "4"] {
        jp.run(&["inbox", "read", number]).await.unwrap();
        assert_eq!(jp.prints().await["number"].to_string(), number);
    }
    assert_eq!(list(&["inbox", "list", "--offline"]).await, [2, 1, 4, 3]);
    // What may not be muted stays in front until it is acknowledged.
    let (mut client, replica) = (net.client(&fr.tls()).await, net.replica());
    let outside = fr.outside(&[&jp.party], &replica);
    let flash = Outside { urgency: Urgency::Flash, ..outside };
    let flash = fr.seal(flash, &alert(""), &replica, &net.open.ambient);
    client.submit(flash.envelope).await.unwrap();
    let first = async || list(&["inbox", "list"]).await[0].clone();
    assert_eq!(first().await, 5);
    jp.run(&["inbox", "read", "5"]).await.unwrap();
    jp.prints().await;
    assert_eq!(first().await, 5);
    jp.run(&["inbox", "ack", "5", "--person", "Aiko"]).await.unwrap();
    jp.prints().await;
    assert_eq!(first().await, 2);
}

/// A command was killed before it had dealt with a message. Who follows does so after a sync.
#[tokio::test(start_paused = true)]
async fn what_was_dealt_with_after_a_sync_is_announced() {
    let gate = Gate::default();
    let (net, fr, mut jp) = two(&gate).await;
    tells(&net, &fr, &jp, 1).await;
    jp.run(&LIST).await.unwrap();
    jp.printed();
    std::fs::remove_file(jp.mail().join("inbox/done").join(format!("{:020}", 1))).unwrap();
    std::fs::remove_file(jp.mail().join("index")).unwrap();
    gate.next("Collect", [Instead::Waits]);
    let (follows, before) = (jp.start(&FOLLOW), gate.asked("Collect"));
    gate.was_asked("Collect", before + 1).await;
    // The relay's next head is newer than the copy.
    net.say(says::admission(&net.replica(), "at")).await;
    gate.opens();
    let row = timeout(Duration::from_secs(600), jp.prints()).await.expect("it is announced");
    assert_eq!(row["number"], 1);
    assert!(!follows.is_finished());
}

/// An entry is logged between the copy of the directory and the relay's head, and another one during each
/// sync after that.
#[tokio::test(start_paused = true)]
async fn a_directory_that_grows_meanwhile_is_no_fault_of_the_relay() {
    for typed in [&LIST[..], &FOLLOW] {
        let gate = Gate::default();
        let (net, fr, jp) = two(&gate).await;
        tells(&net, &fr, &jp, 1).await;
        gate.next("Collect", [Instead::Waits]);
        let (runs, before) = (jp.start(typed), gate.asked("Collect"));
        let entries = gate.asked("GetEntries");
        for (method, asked, member) in [("Collect", before, "at"), ("GetEntries", entries, "be")] {
            let waits = gate.was_asked(method, asked + 1);
            timeout(Duration::from_secs(600), waits).await.expect("it is asked for");
            net.say(says::admission(&net.replica(), member)).await;
            gate.next("GetEntries", [Instead::Waits]);
        }
        gate.opens();
        let shown = timeout(Duration::from_secs(600), jp.prints()).await.expect("it is shown");
        if typed == LIST {
            assert_eq!(of(&shown, "number"), [1]);
            runs.await.unwrap().unwrap();
        } else {
            assert_eq!(shown["number"], 1);
            assert!(!runs.is_finished());
        }
        assert_eq!(gate.asked("Collect") - before, 1, "its first head is checked");
    }
}

/// However long a mailbox takes to come.
#[tokio::test(start_paused = true)]
async fn what_is_due_is_handed_in_while_the_mailbox_comes() {
    let gate = Gate::default();
    let (net, fr, jp) = two(&gate).await;
    gate.all("Submit", busy(3000));
    let notify = ["notify", fr.contact.as_str(), "--urgency", "flash", "--title", "x"];
    jp.run(&notify).await.unwrap_err();
    gate.opens();
    gate.all("Collect", Instead::Waits);
    let follows = jp.start(&FOLLOW);
    let came = timeout(Duration::from_secs(60), came_to(&net, &fr, 1)).await;
    came.expect("nothing waits for the mailbox");
    assert!(!follows.is_finished());
}

/// One file of the outbox is damaged: that one is said, and nothing else is kept back.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_of_the_outbox_keeps_nothing_else_back() {
    let gate = Gate::default();
    let (net, fr, jp) = two(&gate).await;
    gate.all("Submit", busy(3000));
    let notify = ["notify", fr.contact.as_str(), "--title", "x"];
    jp.run(&notify).await.unwrap_err();
    gate.opens();
    let id = jp.outbox().pending().unwrap()[0].to_string();
    std::fs::write(jp.mail().join("outbox").join(id).join("submit"), b"damaged").unwrap();
    assert!(jp.outbox().request(jp.outbox().pending().unwrap()[0]).is_err());
    let follows = jp.start(&FOLLOW);
    for number in 1..3 {
        tells(&net, &fr, &jp, 1).await;
        let row = timeout(Duration::from_secs(600), jp.prints()).await.expect("it goes on");
        assert_eq!(row["number"], number);
        came_to(&net, &fr, number).await;
    }
    assert!(!follows.is_finished());
}

/// The network lets so much through on a connection, which is never all of what waits.
#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_leaves_what_it_brought() {
    let (net, fr, mut jp) = two(&Gate::default()).await;
    let count = 80;
    jp.run(&LIST).await.unwrap();
    jp.printed();
    let (_, _, nothing) = jp.way.went_by();
    tells(&net, &fr, &jp, count).await;
    jp.way.breaks_for_ever([], Break::CutDown(nothing + (36 << 10)));
    let follows = jp.start(&FOLLOW);
    let mut numbers = BTreeSet::new();
    while numbers.len() < count {
        let row = timeout(Duration::from_secs(600), jp.prints()).await.expect("all come");
        numbers.extend(row["number"].as_u64());
    }
    assert!(jp.way.went_by().0 > 3, "on many connections");
    assert!(!follows.is_finished());
}
