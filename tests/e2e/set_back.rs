//! A service on older data, whose file of what it had shown is as old: nothing stops its start, so its
//! members notice; then its mailboxes begin anew, and everything is there once.

use liaison::client::error::{ClientError, Family};
use liaison::domain::ids::MessageId;
use liaison::service::epochs::Which;
use liaison::store::Engine;
use serde_json::{Value, json};

use crate::epochs::{again, begin, closed};
use crate::support::{Office, TestNet};

async fn notify(from: &mut Office, title: &str) -> MessageId {
    let before = from.outbox().ids().unwrap();
    let typed = ["notify", "jp/cert", "--title", title, "--text", "x"];
    Box::pin(from.run(&typed)).await.unwrap();
    let mut ids = from.outbox().ids().unwrap();
    ids.retain(|id| !before.contains(id));
    let [id] = ids[..] else { panic!("one message") };
    id
}

async fn run(office: &Office, typed: &[&str]) -> Result<(), ClientError> {
    Box::pin(office.run(typed)).await
}

/// The last object that a command printed.
async fn shown(office: &mut Office, typed: &[&str]) -> (Value, Result<(), ClientError>) {
    office.printed();
    let done = Box::pin(office.run(typed)).await;
    (office.printed().pop().unwrap_or_default(), done)
}

/// Titles and numbers of what is listed.
async fn listed(office: &mut Office) -> Vec<(String, u64)> {
    let (list, done) = shown(office, &["inbox", "list", "--offline"]).await;
    done.unwrap();
    let rows = list["messages"].as_array().unwrap().iter();
    let row = |row: &Value| {
        (row["title"].as_str().unwrap_or("?").to_owned(), row["number"].as_u64().unwrap())
    };
    let mut rows: Vec<_> = rows.map(row).collect();
    rows.sort();
    rows
}

fn is_caught(done: Result<(), ClientError>, reason: &str) -> ClientError {
    let error = done.unwrap_err();
    assert_eq!(
        (error.reason.code(), error.family),
        (reason, Family::VerificationFailed),
        "{error}"
    );
    let mend = liaison::words::mend(&error).unwrap_or_default();
    assert!(mend.contains("liaisond mailbox new-epoch"), "{mend}");
    error
}

async fn set_back(engine: Engine) {
    let net = TestNet::on(engine).await;
    let mut fr = Office::new(&net, "fr").await;
    let mut jp = Office::new(&net, "jp").await;
    let first = notify(&mut fr, "first").await;
    let open = closed(net).await;
    let older = open.copy();
    let net = again(open).await;
    [&fr, &jp].iter().for_each(|office| office.way.leads_to(&net.address));
    let second = notify(&mut fr, "second").await;
    run(&jp, &["inbox"]).await.unwrap();
    closed(net).await;

    // Older data, with its own mark.
    let net = again(older).await;
    [&fr, &jp].iter().for_each(|office| office.way.leads_to(&net.address));
    let third = notify(&mut fr, "third").await;
    let why = is_caught(run(&fr, &["sent", "--offline"]).await, "TWO_HISTORIES");
    assert!(why.sentence.contains("number 2 in the mailbox of jp/cert (epoch 1)"), "{why}");
    let mut told = Vec::new();
    for typed in [&["sent", "--offline"][..], &["sent", "--offline", &third.to_string()]] {
        let (object, done) = shown(&mut fr, typed).await;
        assert_eq!(object["error"]["reason"], "TWO_HISTORIES", "{object}");
        assert!(done.unwrap_err().printed, "one object has both");
        told.push(object);
    }
    let told = told.remove(0);
    let mut both = [second.to_string(), third.to_string()];
    both.sort();
    let contradiction = json!([{
        "contact": "jp/cert", "epoch": 1, "number": 2, "clash": "one_number_twice",
        "messages": both, "past": false,
    }]);
    assert_eq!(told["contradictions"], contradiction);
    is_caught(run(&jp, &["inbox"]).await, "MAILBOX_HISTORY");
    assert_eq!(listed(&mut jp).await, [("first".to_owned(), 1), ("second".to_owned(), 2)]);

    // The operator begins the mailboxes anew.
    let open = closed(net).await;
    begin(&open, &Which { all: true, ..Which::default() }).await.unwrap();
    let net = again(open).await;
    [&fr, &jp].iter().for_each(|office| office.way.leads_to(&net.address));
    run(&jp, &["inbox"]).await.unwrap();
    // The first stands where it was, and comes once; the third is new here.
    let here = [("first".to_owned(), 1), ("second".to_owned(), 2), ("third".to_owned(), 4)];
    assert_eq!(listed(&mut jp).await, here);

    // What the service has lost goes again, the same bytes.
    let before = fr.outbox().request(second).unwrap();
    let (told, done) = shown(&mut fr, &["sent"]).await;
    done.unwrap();
    assert_eq!(fr.outbox().request(second).unwrap(), before);
    assert_eq!(told["contradictions"][0]["past"], true, "{told}");
    let receipts = fr.outbox().accepted_receipts(second).unwrap().len();
    assert_eq!(receipts, 2, "of both epochs");
    run(&fr, &["sent"]).await.unwrap();
    assert_eq!(fr.outbox().accepted_receipts(second).unwrap().len(), receipts, "once");
    run(&jp, &["inbox"]).await.unwrap();
    assert_eq!(listed(&mut jp).await, here);
    run(&fr, &["sent"]).await.unwrap();
    for id in [first, second, third] {
        let (one, done) = shown(&mut fr, &["sent", "--offline", &id.to_string()]).await;
        assert!(done.is_ok(), "{done:?}");
        let [seat] = &one["delivered"].as_array().unwrap()[..] else { panic!("{one}") };
        assert_eq!((&one["stage"], &seat["agrees"]), (&json!("delivered"), &json!(true)), "{one}");
        assert_eq!((&one["lost"], &one["waits"]), (&json!(false), &json!(false)));
    }
    // It is acknowledged where the service has it now.
    run(&jp, &["inbox", "ack", "2", "--person", "Aiko"]).await.unwrap();
    run(&fr, &["sent"]).await.unwrap();
    let (one, _) = shown(&mut fr, &["sent", "--offline", &second.to_string()]).await;
    assert_eq!(one["stage"], "acknowledged", "{one}");
    let fresh = jp.elsewhere(&net);
    run(&fresh, &["inbox"]).await.unwrap();
}

#[tokio::test]
async fn who_was_told_more_notices_and_after_a_new_epoch_all_is_there_once_on_redb() {
    Box::pin(set_back(Engine::Redb)).await;
}

#[tokio::test]
async fn who_was_told_more_notices_and_after_a_new_epoch_all_is_there_once_on_sled() {
    Box::pin(set_back(Engine::Sled)).await;
}
