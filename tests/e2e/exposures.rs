//! A seat is stolen: what it could open is known, and those who wrote it are told, once.

use liaison::client::error::Family;
use liaison::client::home::Home;
use liaison::client::keys::Owner;
use serde_json::Value;

use crate::rotations::{keeps, said, tells};
use crate::support::way::Break;
use crate::support::{DAY, NOW, Office, TestNet};

const STOLEN: &str = "fr/cert/duty-2";
const REVOKE: [&str; 5] = ["seat", "revoke", STOLEN, "--yes", STOLEN];
/// The day before what is written then.
const EXPOSURE: [&str; 4] = ["exposure", STOLEN, "--since", "2027-02-23"];
const TELL: [&str; 6] = ["exposure", STOLEN, "--since", "2027-02-23", "--tell", "--yes"];

/// A contact with a second seat on another machine; one message that was over before the theft, and three
/// since, in two threads.
async fn stolen() -> (TestNet, Office, [Office; 2]) {
    let net = TestNet::memory().await;
    let mut fr = keeps(&net, "fr").await;
    let (mut jp, at) = (Office::new(&net, "jp").await, Office::new(&net, "at").await);
    let (other, file) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (keys, owner) =
        (Home::at(other.path().to_owned()).keys(), Owner::Seat(STOLEN.parse().unwrap()));
    keys.create(&owner, &net.open.ambient).unwrap();
    let path = file.path().join("duty-2.seat");
    std::fs::write(&path, keys.public(&owner, &net.open.ambient).unwrap()).unwrap();
    said(&mut fr, &["seat", "add", STOLEN, "--keys", path.to_str().unwrap()]).await;
    tells(&jp, &fr, "Early").await;
    said(&mut fr, &["inbox", "list"]).await;
    net.open.clock.set(NOW + 40 * DAY);
    tells(&jp, &fr, "One").await;
    net.open.clock.set(NOW + 40 * DAY + 1);
    let sent = said(&mut jp, &["sent"]).await;
    let one = sent["messages"].as_array().unwrap().iter().find(|of| of["title"] == "One").unwrap();
    let (one, contact) = (one["id"].as_str().unwrap().to_owned(), "fr/cert");
    let two = ["notify", contact, "--reply-to", &one, "--title", "Two", "--text", "x"];
    said(&mut jp, &two).await;
    net.open.clock.set(NOW + 40 * DAY + 2);
    tells(&at, &fr, "Other").await;
    net.open.clock.set(NOW + 40 * DAY + 3);
    (net, fr, [jp, at])
}

fn titles(of: &Value) -> Vec<&str> {
    of["messages"].as_array().unwrap().iter().filter_map(|one| one["title"].as_str()).collect()
}

fn states(of: &Value) -> Vec<(&str, &str)> {
    let all = of["tell"].as_array().unwrap().iter();
    all.map(|one| (one["contact"].as_str().unwrap(), one["state"].as_str().unwrap())).collect()
}

/// What came that tells of it.
async fn heard(office: &mut Office) -> Vec<u64> {
    let list = said(office, &["inbox", "list"]).await;
    let told = list["messages"].as_array().unwrap().iter().filter(|one| {
        one["title"].as_str().is_some_and(|title| title.starts_with("A seat of ours"))
    });
    told.map(|one| one["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn what_a_stolen_seat_could_open_is_listed_and_who_wrote_it_is_told_once() {
    let (_net, mut fr, [mut jp, mut at]) = stolen().await;
    tells(&fr, &jp, "Sent").await;
    let found = said(&mut fr, &EXPOSURE).await;
    assert_eq!(titles(&found), ["One", "Two", "Other", "Sent"], "{found}");
    assert_eq!((&found["earlier"], &found["not_fetched"]), (&1.into(), &0.into()), "{found}");
    // Who has the seat would read that he is found out.
    let early = Box::pin(fr.run(&TELL)).await.unwrap_err();
    assert_eq!((early.reason.code(), early.family), ("SEAT_IN_FORCE", Family::Refused));
    assert!(liaison::words::mend(&early).unwrap().contains("seat revoke fr/cert/duty-2"));
    said(&mut fr, &REVOKE).await;
    tells(&jp, &fr, "After").await;
    assert_eq!(
        titles(&said(&mut fr, &EXPOSURE).await),
        titles(&found),
        "it has no letter for that"
    );
    let asked = Box::pin(fr.run(&TELL[..5])).await.unwrap_err();
    assert_eq!((asked.reason.code(), asked.family), ("NOT_TOLD", Family::NeedsApproval));
    let shown = said(&mut fr, &[&TELL[..5], &["--dry-run"]].concat()).await;
    assert_eq!(states(&shown), [("at/cert", "not told"), ("jp/cert", "not told")], "{shown}");
    assert!(heard(&mut jp).await.is_empty() && heard(&mut at).await.is_empty());
    for _ in 0..2 {
        let told = said(&mut fr, &TELL).await;
        assert_eq!(states(&told), [("at/cert", "told"), ("jp/cert", "told")], "{told}");
    }
    for office in [&mut jp, &mut at] {
        let [number] = heard(office).await[..] else { panic!("told once") };
        let read = said(office, &["inbox", "read", &number.to_string()]).await;
        let text = read["texts"]["en"].as_str().unwrap();
        assert!(text.contains("may have been in other hands since 2027-02-23"), "{text}");
        assert!(read["answers"].is_string() && read["class"] == "reply", "{read}");
    }
}

/// New keys are in nobody else's hands: they hold up no telling, and what is sealed to them is not told of.
#[tokio::test]
async fn who_has_new_keys_already_tells_of_those_that_were_stolen() {
    let (net, mut fr, [mut jp, mut at]) = stolen().await;
    said(&mut fr, &REVOKE).await;
    let (anew, path) = (tempfile::tempdir().unwrap(), fr.path().join("anew.seat"));
    let (keys, owner) =
        (Home::at(anew.path().to_owned()).keys(), Owner::Seat(STOLEN.parse().unwrap()));
    keys.create(&owner, &net.open.ambient).unwrap();
    std::fs::write(&path, keys.public(&owner, &net.open.ambient).unwrap()).unwrap();
    said(&mut fr, &["seat", "add", STOLEN, "--keys", path.to_str().unwrap()]).await;
    tells(&at, &fr, "Later").await;
    let told = said(&mut fr, &TELL).await;
    assert_eq!(states(&told), [("at/cert", "told"), ("jp/cert", "told")], "{told}");
    assert_eq!(titles(&told), ["One", "Two", "Other", "Later"], "{told}");
    assert_eq!((heard(&mut jp).await.len(), heard(&mut at).await.len()), (1, 1));
    // If those were stolen too, they end first.
    net.open.clock.set(NOW + 42 * DAY);
    let again = ["exposure", STOLEN, "--since", "2027-02-25", "--tell", "--yes"];
    assert_eq!(Box::pin(fr.run(&again)).await.unwrap_err().reason.code(), "SEAT_IN_FORCE");
}

/// The way breaks anywhere: the same command tells those who were not told.
#[tokio::test]
async fn telling_goes_on_where_it_was_cut_off_and_tells_nobody_twice() {
    for bytes in [6_000, 20_000, 30_000, 40_000, 60_000] {
        let (_net, mut fr, [mut jp, mut at]) = stolen().await;
        said(&mut fr, &REVOKE).await;
        fr.run(&["inbox", "list"]).await.unwrap();
        fr.way.breaks_for_ever([Break::CutUp(bytes)], Break::Refuse);
        // What was told by then is told.
        let _ = Box::pin(fr.run(&TELL)).await;
        fr.way.breaks([]);
        let told = said(&mut fr, &TELL).await;
        assert_eq!(states(&told), [("at/cert", "told"), ("jp/cert", "told")], "{bytes}: {told}");
        assert_eq!((heard(&mut jp).await.len(), heard(&mut at).await.len()), (1, 1), "{bytes}");
    }
}

#[tokio::test]
async fn what_cannot_be_judged_is_refused_before_anything_is_asked_for() {
    let (net, fr, [jp, _]) = stolen().await;
    for (seat, since, reason) in [
        (STOLEN, "2027-02-25", "IN_THE_FUTURE"),
        ("jp/cert/duty-1", "2027-02-23", "OTHER_CONTACT"),
        ("fr/cert/duty-9", "2027-02-23", "UNKNOWN_SEAT"),
    ] {
        fr.way.went_by();
        let refused = fr.run(&["exposure", seat, "--since", since]).await.unwrap_err();
        assert_eq!((refused.reason.code(), fr.way.went_by().0), (reason, 0), "{refused:?}");
    }
    let elsewhere = fr.elsewhere(&net);
    elsewhere.run(&["sync"]).await.unwrap();
    let offline = [&EXPOSURE[..], &["--offline"]].concat();
    assert_eq!(elsewhere.run(&offline).await.unwrap_err().reason.code(), "NO_INBOX");
    // Without the service it says what is here, and that this is not all.
    fr.run(&["inbox", "list"]).await.unwrap();
    fr.way.breaks_for_ever([], Break::Refuse);
    assert_eq!(fr.run(&EXPOSURE).await.unwrap_err().family, Family::NotReachable);
    assert_eq!(jp.run(&EXPOSURE).await.unwrap_err().reason.code(), "OTHER_CONTACT");
}
