//! The keys of a seat change under who works with them: nothing is lost, and nobody starts anything again.

use std::path::Path;

use liaison::ambient::Ambient;
use liaison::client::draft::Bundle;
use liaison::client::error::{ClientError, Family};
use liaison::client::files;
use liaison::client::home::Home;
use liaison::client::keys::{Keys, Owner};
use liaison::crypto::sign::KeyId;
use liaison::domain::directory::Seat;
use liaison::domain::ids::SeatId;
use liaison::wire::v1::EnrolRequest;
use liaison::wire::v1::publish_answer::Answer;
use serde_json::Value;

use crate::support::way::Break;
use crate::support::{Office, TestNet, key, pem, soon};

const FOLLOW: [&str; 3] = ["inbox", "list", "--follow"];
const LIST: [&str; 2] = ["inbox", "list"];
const ROTATE: [&str; 2] = ["seat", "rotate"];

fn keys(office: &Office) -> Keys {
    Home::at(office.path()).keys()
}

/// A contact that keeps its own roster: its keeper's key lies in the home of its seat.
pub(crate) async fn keeps(net: &TestNet, member: &str) -> Office {
    let office = Office::new(net, member).await;
    let keeper = key(&format!("{} keeper", office.party.contact));
    let path = office.path().join(format!("keys/member/{}/keeper.pem", office.party.contact));
    files::create_private(&path, pem("PRIVATE KEY", keeper.pkcs8()).as_bytes()).unwrap();
    office
}

/// The keys of its first seat in the roster in force.
fn listed(net: &TestNet, seat: &SeatId) -> Seat {
    let replica = net.replica();
    let contact = replica.directory.contact(&seat.contact()).unwrap();
    let roster = contact.roster.as_ref().unwrap();
    roster.seats.iter().find(|listed| listed.name == seat.name()).unwrap().clone()
}

/// The files of its first seat, to sign, open and connect.
fn in_place(office: &Office) -> Vec<KeyId> {
    let owner = Owner::Seat(office.party.seat().clone());
    let all = keys(office).list(&Ambient::system()).unwrap().into_iter();
    let own = all.filter(|key| key.owner == owner && !key.staged && !key.retired);
    own.map(|key| key.id.unwrap()).collect()
}

fn ids(seat: &Seat) -> Vec<KeyId> {
    seat.key_ids()
}

pub(crate) async fn tells(from: &Office, to: &Office, title: &str) {
    let contact = to.party.contact.as_str();
    Box::pin(from.run(&["notify", contact, "--title", title, "--text", "x"])).await.unwrap();
}

/// Runs a command, and gives the object that it prints.
pub(crate) async fn said(office: &mut Office, typed: &[&str]) -> Value {
    office.printed();
    Box::pin(office.run(typed)).await.unwrap();
    office.printed().pop().unwrap()
}

/// Every message that was sent from here was opened there.
async fn all_delivered(office: &mut Office, count: usize) {
    let delivered = async {
        loop {
            let sent = said(office, &["sent"]).await;
            let messages = sent["messages"].as_array().unwrap();
            assert_eq!(messages.len(), count, "{sent}");
            if messages.iter().all(|message| message["stage"] == "delivered") {
                return;
            }
        }
    };
    soon("the receipts", delivered).await;
}

/// All keys, or one of them alone: then the streams go on, and mail comes that is sealed to a key which
/// was not there when they began.
#[tokio::test]
async fn who_follows_takes_up_new_keys_and_loses_nothing() {
    for only in ["sign,seal,tls", "seal", "sign", "tls"] {
        let net = TestNet::memory().await;
        let (fr, mut jp) = (keeps(&net, "fr").await, Office::new(&net, "jp").await);
        let follows = fr.start(&FOLLOW);
        tells(&jp, &fr, "Before").await;
        assert_eq!(fr.prints().await["title"], "Before");
        let before = listed(&net, fr.party.seat());
        fr.run(&[&ROTATE[..], &["--only", only]].concat()).await.unwrap();
        let after = listed(&net, fr.party.seat());
        let changed =
            ids(&before).iter().zip(ids(&after)).filter(|(old, new)| **old != *new).count();
        assert_eq!(changed, only.split(',').count(), "{only}");
        assert_eq!(in_place(&fr), ids(&after), "{only}");
        let shown = fr.prints().await;
        assert!(shown["logged"].is_array(), "{only}: {shown}");
        tells(&jp, &fr, "After").await;
        let row = soon("the next message", fr.prints()).await;
        assert_eq!((&row["title"], &row["not_opened"]), (&"After".into(), &Value::Null), "{only}");
        all_delivered(&mut jp, 2).await;
        assert!(!follows.is_finished(), "{only}");
        follows.abort();
    }
}

#[tokio::test]
async fn what_was_sealed_to_the_old_keys_is_opened_with_them() {
    let net = TestNet::memory().await;
    let (mut fr, mut jp) = (keeps(&net, "fr").await, Office::new(&net, "jp").await);
    tells(&jp, &fr, "Before").await;
    for _ in 0..2 {
        fr.run(&ROTATE).await.unwrap();
    }
    let list = said(&mut fr, &LIST).await;
    let row = &list["messages"][0];
    assert_eq!((&row["title"], &row["not_opened"]), (&"Before".into(), &Value::Null), "{list}");
    all_delivered(&mut jp, 1).await;
    let listed = said(&mut fr, &["key", "list"]).await;
    let retired = listed["keys"].as_array().unwrap().iter().filter(|key| key["retired"] == true);
    assert_eq!(retired.filter(|key| key["may_go"].is_u64()).count(), 2, "{listed}");
    // Not before nothing can come for them.
    let stay = said(&mut fr, &["key", "forget", "fr/cert/duty-1"]).await;
    assert_eq!((stay["forgotten"].as_array().unwrap().len(), &stay["messages"]), (0, &0.into()));
    net.open.clock.set(net.open.ambient.now() + 32 * 86_400);
    let asked = fr.run(&["key", "forget", "fr/cert/duty-1"]).await.unwrap_err();
    assert_eq!((asked.reason.code(), asked.family), ("NOT_CONFIRMED", Family::NeedsApproval));
    let yes = ["key", "forget", "fr/cert/duty-1", "--yes", "fr/cert/duty-1"];
    let gone = said(&mut fr, &yes).await;
    assert_eq!((gone["forgotten"].as_array().unwrap().len(), &gone["messages"]), (2, &1.into()));
    let closed = fr.run(&["inbox", "read", "1"]).await.unwrap_err();
    assert_eq!(closed.reason.code(), "KEY_RETIRED");
}

/// What waited was signed by a key that has ended since.
#[tokio::test]
async fn what_waits_in_the_outbox_goes_with_the_new_keys() {
    let net = TestNet::memory().await;
    let (fr, mut jp) = (keeps(&net, "fr").await, Office::new(&net, "jp").await);
    tells(&jp, &fr, "Asked").await;
    fr.run(&LIST).await.unwrap();
    fr.way.breaks_for_ever([], Break::Refuse);
    let notify = ["notify", "jp/cert", "--title", "Waits", "--text", "x", "--stale-directory"];
    assert_eq!(fr.run(&notify).await.unwrap_err().family, Family::NotReachable);
    let ack = ["inbox", "ack", "1", "--person", "Anna"];
    assert_eq!(fr.run(&ack).await.unwrap_err().family, Family::NotReachable);
    fr.way.breaks([]);
    fr.run(&ROTATE).await.unwrap();
    fr.run(&["sync"]).await.unwrap();
    assert!(fr.outbox().pending().unwrap().is_empty());
    let list = said(&mut jp, &LIST).await;
    assert_eq!(list["messages"][0]["title"], "Waits", "{list}");
    assert_eq!(list["messages"][0]["key_ended"], false, "{list}");
    let sent = said(&mut jp, &["sent"]).await;
    assert_eq!(sent["messages"][0]["stage"], "acknowledged", "{sent}");
}

/// The keeper signs a draft, and hands it in.
async fn keeper_publishes(net: &TestNet, draft: &Path, keeper: &str) {
    let mut bundle = Bundle::read(&std::fs::read_to_string(draft).unwrap()).unwrap();
    let directory = net.replica().directory;
    bundle.sign(Some(&directory), &[&key(keeper)], &net.open.ambient).unwrap();
    let publications = bundle.to_wire().publications;
    let answers = net.stranger().await.enrolment.enrol(EnrolRequest { publications }).await;
    let answers = answers.unwrap().into_inner().answers;
    assert!(matches!(answers[0].answer, Some(Answer::LeafIndex(_))), "{answers:?}");
}

/// While the draft is carried, the old keys work; once it is in force, any command takes up the new ones.
#[tokio::test]
async fn a_roster_that_is_carried_to_its_keeper_locks_nobody_out() {
    let net = TestNet::memory().await;
    let (mut fr, jp) = (Office::new(&net, "fr").await, Office::new(&net, "jp").await);
    let folder = tempfile::tempdir().unwrap();
    let draft = folder.path().join("roster.draft");
    let out = ["--out", draft.to_str().unwrap()];
    fr.run(&[&ROTATE[..], &out].concat()).await.unwrap();
    let state = |shown: &Value| {
        let keys = shown["seats"][0]["keys"].as_array().unwrap();
        keys.iter().filter(|key| key["state"] == "new, not listed yet").count()
    };
    assert_eq!(state(&said(&mut fr, &[&ROTATE[..], &["--show"]].concat()).await), 3);
    let before = ids(&listed(&net, fr.party.seat()));
    assert_eq!(in_place(&fr), before);
    tells(&jp, &fr, "Meanwhile").await;
    assert_eq!(said(&mut fr, &LIST).await["messages"][0]["title"], "Meanwhile");
    // The same again goes on with the same keys, and another rotation does not begin beside it.
    let first = keys(&fr).next(fr.party.seat(), &net.open.ambient).unwrap();
    let other = fr.run(&[&ROTATE[..], &["--only", "seal"]].concat()).await.unwrap_err();
    assert_eq!((other.reason.code(), other.family), ("ROTATION_UNDER_WAY", Family::Usage));
    fr.run(&[&ROTATE[..], &out].concat()).await.unwrap();
    let again = keys(&fr).next(fr.party.seat(), &net.open.ambient).unwrap();
    assert_eq!((again.purposes(), again.seal), (first.purposes(), first.seal));
    // As if killed here: it is in force, and nobody has told this home.
    keeper_publishes(&net, &draft, "fr/cert keeper").await;
    let after = ids(&listed(&net, fr.party.seat()));
    assert_ne!(after, before);
    tells(&jp, &fr, "Since").await;
    assert_eq!(said(&mut fr, &LIST).await["messages"][0]["title"], "Since");
    assert_eq!(in_place(&fr), after);
    fr.run(&["doctor"]).await.unwrap();
}

/// Killed behind the publication, the same command ends what it began.
#[tokio::test]
async fn a_rotation_that_was_cut_off_is_ended_by_the_same_command_and_not_begun_again() {
    let net = TestNet::memory().await;
    let mut fr = keeps(&net, "fr").await;
    let folder = tempfile::tempdir().unwrap();
    let draft = folder.path().join("roster.draft");
    fr.run(&[&ROTATE[..], &["--out", draft.to_str().unwrap()]].concat()).await.unwrap();
    keeper_publishes(&net, &draft, "fr/cert keeper").await;
    let after = ids(&listed(&net, fr.party.seat()));
    let shown = said(&mut fr, &ROTATE).await;
    assert_eq!(shown["seats"][0]["next"], "nothing is under way", "{shown}");
    assert_eq!((ids(&listed(&net, fr.party.seat())), in_place(&fr)), (after.clone(), after));
}

#[tokio::test]
async fn a_seat_that_was_revoked_comes_back_with_new_keys_and_with_all_of_them() {
    let net = TestNet::memory().await;
    let mut fr = keeps(&net, "fr").await;
    let (first, second) = ("fr/cert/duty-1", "fr/cert/duty-2");
    let as_first = |typed: &[&'static str]| [&["--as", first], typed].concat();
    fr.run(&["seat", "add", second]).await.unwrap();
    fr.run(&as_first(&["seat", "revoke", second, "--yes", second])).await.unwrap();
    let one: Result<(), ClientError> =
        fr.run(&as_first(&["seat", "rotate", second, "--only", "seal"])).await;
    assert_eq!(one.unwrap_err().reason.code(), "KEY_REVOKED");
    let shown = said(&mut fr, &as_first(&["seat", "rotate", second])).await;
    let keys = shown["seats"][0]["keys"].as_array().unwrap();
    let in_force = keys.iter().filter(|key| key["state"] == "in force").count();
    assert_eq!((in_force, keys.len()), (3, 4), "{shown}");
    fr.run(&["--as", second, "inbox", "list"]).await.unwrap();
    // What is asked for and cannot be is refused before any key is made.
    for (typed, reason) in [
        (&["seat", "rotate", "fr/cert/duty-7"][..], "KEY_MISSING"),
        (&["seat", "rotate", "jp/cert/duty-1"], "KEY_MISSING"),
    ] {
        assert_eq!(fr.run(typed).await.unwrap_err().reason.code(), reason);
    }
    let plan = said(&mut fr, &["seat", "rotate", first, second, "--dry-run"]).await;
    assert_eq!(plan["seats"].as_array().unwrap().len(), 2);
    let home = Home::at(fr.path()).keys();
    assert!(home.next(fr.party.seat(), &net.open.ambient).unwrap().purposes().is_empty());
}

/// The third, the sixth and the last day, as of everything that runs out.
#[tokio::test]
async fn a_seal_key_that_is_old_is_offered_another() {
    let net = TestNet::memory().await;
    let mut fr = keeps(&net, "fr").await;
    fr.run(&["sync"]).await.unwrap();
    let began = net.open.ambient.now();
    let about = |status: &Value| {
        let warnings = status["warnings"].as_array().unwrap().iter();
        let seal = warnings.filter(|one| one.as_str().unwrap().contains("the seal key of"));
        seal.map(|one| one.as_str().unwrap().to_owned()).collect::<String>()
    };
    for (days, said_so) in [(59, ""), (61, "last third"), (76, "last sixth"), (91, "is over")] {
        net.open.clock.set(began + days * 86_400);
        let status = said(&mut fr, &["status"]).await;
        assert_eq!(status["seat"]["seal_key_since"], began, "{status}");
        let about = about(&status);
        assert!(about.contains(said_so) && about.is_empty() == said_so.is_empty(), "{about}");
        assert!(about.is_empty() || about.ends_with("liaison seat rotate"), "{about}");
    }
    fr.run(&ROTATE).await.unwrap();
    assert_eq!(about(&said(&mut fr, &["status"]).await), "");
}
