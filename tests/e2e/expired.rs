//! What members see of what has expired: who collects before, between and behind the three times.

use liaison::client::error::Family;
use liaison::domain::refusal::{Refusal, Which};
use liaison::wire::status;
use serde_json::{Value, json};

use crate::expiry::{at, begins};
use crate::support::gate::{Gate, Instead};
use crate::support::{DAY, NOW, Office, TestNet};

const LIST: [&str; 2] = ["inbox", "list"];
const FOLLOW: [&str; 3] = ["inbox", "list", "--follow"];
const NOTIFY: [&str; 6] = ["notify", "jp/cert", "--title", "Ransomware", "--text", "x"];

/// What is sent at `NOW` has expired, is deleted, and is forgotten.
const EXPIRED: u64 = NOW + 30 * DAY;
const DELETED: u64 = EXPIRED + DAY;
const FORGOTTEN: u64 = DELETED + 30 * DAY;

/// The service at another time, and these know where it is.
async fn later(now: u64, net: TestNet, offices: &[&Office]) -> TestNet {
    let net = Box::pin(at(now, net)).await;
    offices.iter().for_each(|office| office.way.leads_to(&net.address));
    net
}

/// What a command prints.
async fn printed(office: &mut Office, typed: &[&str]) -> Value {
    office.printed();
    does(office, typed).await;
    office.printed().remove(0)
}

async fn does(office: &Office, typed: &[&str]) {
    Box::pin(office.run(typed)).await.unwrap();
}

/// Why a command fails.
async fn fails(office: &Office, typed: &[&str]) -> (String, String) {
    let error = Box::pin(office.run(typed)).await.unwrap_err();
    assert_eq!(error.family, Family::NotFound, "{error}");
    (error.reason.to_string(), liaison::words::mend(&error).unwrap_or_default())
}

/// The next message that who follows prints. Nothing had expired before it came.
async fn next(office: &Office) -> Value {
    loop {
        let printed = office.prints().await;
        assert_ne!(printed["event"], "expired", "{printed}");
        if printed["event"].is_null() {
            return printed;
        }
    }
}

/// The messages of a list: number, state, why it is not opened.
fn listed(list: &Value) -> Vec<(u64, String, Option<String>)> {
    let rows = list["messages"].as_array().unwrap().iter().map(|row| {
        let text = |field: &str| row[field].as_str().map(ToOwned::to_owned);
        (row["number"].as_u64().unwrap(), text("state").unwrap(), text("not_opened"))
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort();
    rows
}

fn opened(number: u64) -> (u64, String, Option<String>) {
    (number, "new".to_owned(), None)
}

fn expired(number: u64) -> (u64, String, Option<String>) {
    (number, "expired".to_owned(), Some("MESSAGE_EXPIRED".to_owned()))
}

/// Of each message, whether a contact is to be called.
fn calls(sent: &Value) -> Vec<bool> {
    let messages = sent["messages"].as_array().unwrap().iter();
    messages.map(|message| message["contacts"][0]["call"].as_bool().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_expired_is_shown_as_what_it_is_whenever_who_collects() {
    let gate = Gate::default();
    let net = TestNet::gated(&gate).await;
    let (mut fr, mut jp) = (Office::new(&net, "fr").await, Office::new(&net, "jp").await);
    let [mut early, mut held, stays] = [(); 3].map(|()| jp.elsewhere(&net));
    does(&fr, &NOTIFY).await;
    for office in [&mut jp, &mut early] {
        assert_eq!(listed(&printed(office, &LIST).await), [opened(1)]);
    }
    let follows = stays.start(&FOLLOW);
    assert_eq!(stays.prints().await["number"], 1);
    let none = Refusal::UnknownMessage(Which::Number(2));
    gate.all("GetBody", Instead::Says(status::of(&none)));
    does(&fr, &NOTIFY).await;
    for office in [&mut jp, &mut held] {
        let list = printed(office, &LIST).await;
        assert_eq!(listed(&list).last().unwrap().2.as_deref(), Some("NOT_FETCHED"));
    }

    // The sender is told of the one that no machine has read.
    let net = later(EXPIRED, net, &[&fr, &jp]).await;
    let mut told = calls(&printed(&mut fr, &["sent"]).await);
    told.sort_unstable();
    assert_eq!(told, [false, true]);
    // It can be collected for another day, and its receipt says otherwise.
    let mut between = jp.elsewhere(&net);
    assert_eq!(listed(&printed(&mut between, &LIST).await), [opened(1), opened(2)]);
    assert_eq!(calls(&printed(&mut fr, &["sent"]).await), [false, false]);
    stays.way.leads_to(&net.address);
    assert_eq!(next(&stays).await["number"], 2);

    // Then it is gone.
    let net = later(DELETED, net, &[&fr, &jp, &held]).await;
    let list = printed(&mut jp, &LIST).await;
    assert_eq!((listed(&list), &list["expired"]), (vec![opened(1), expired(2)], &json!([])));
    does(&jp, &["inbox", "read", "1"]).await;
    let call = "call fr/cert: liaison directory show fr/cert".to_owned();
    let ack = |number| ["inbox", "ack", number, "--person", "A. Sato"];
    // Nor does the service take an acknowledgement of what is here, and it does not wait.
    for typed in [&["inbox", "read", "2"][..], &ack("2"), &ack("1")] {
        assert_eq!(fails(&jp, typed).await, ("MESSAGE_EXPIRED".to_owned(), call.clone()));
    }
    assert_eq!(jp.outbox().pending().unwrap(), []);
    let mut late = jp.elsewhere(&net);
    let list = printed(&mut late, &LIST).await;
    let gone = |number| json!({ "first": number, "last": number, "kind": 1 });
    assert_eq!((listed(&list), &list["expired"]), (vec![], &json!([gone(1), gone(2)])));
    assert_eq!(printed(&mut late, &LIST).await["expired"], json!([]), "it is said once");
    assert_eq!(fails(&late, &["inbox", "read", "2"]).await.0, "MESSAGE_EXPIRED");
    // Who follows is told, and goes on.
    held.printed();
    let other = held.start(&FOLLOW);
    for _ in [1, 2] {
        let row = next(&held).await;
        assert_eq!(
            (&row["state"], &row["not_opened"]),
            (&json!("expired"), &json!("MESSAGE_EXPIRED"))
        );
    }
    does(&fr, &NOTIFY).await;
    assert_eq!(next(&held).await["number"], 3);
    assert!(!other.is_finished());
    other.abort();

    // At last the mailbox begins behind it.
    let net = later(FORGOTTEN, net, &[&fr, &early, &late]).await;
    begins(&net, &jp.party).await;
    does(&fr, &NOTIFY).await;
    let forgotten = |first| json!([{ "first": first, "last": 2, "kind": null }]);
    let list = printed(&mut early, &LIST).await;
    assert_eq!(listed(&list), [1, 3, 4].map(opened));
    assert_eq!(list["expired"], forgotten(2));
    does(&early, &["inbox", "read", "1"]).await;
    let mut last = jp.elsewhere(&net);
    let list = printed(&mut last, &LIST).await;
    assert_eq!((listed(&list), &list["expired"]), ([3, 4].map(opened).into(), &forgotten(1)));
    let list = printed(&mut late, &LIST).await;
    assert_eq!((listed(&list), &list["expired"]), ([3, 4].map(opened).into(), &json!([])));
    // Who stayed all the time has all of it, and is told of nothing that is gone.
    stays.way.leads_to(&net.address);
    let mut numbers = [next(&stays).await, next(&stays).await].map(|row| row["number"].as_u64());
    numbers.sort_unstable();
    assert_eq!(numbers, [Some(3), Some(4)]);
    assert!(!follows.is_finished());
    follows.abort();
}
