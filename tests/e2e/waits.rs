//! What waits in an outbox: what it is said to wait for, whom it reaches in the end, and that nobody has it
//! twice.

use liaison::client::error::{ClientError, Family, Side};
use liaison::client::home::Home;
use liaison::client::keys::Owner;
use liaison::client::mend::Mend;
use liaison::domain::ids::MessageId;
use liaison::domain::refusal::Refusal;
use liaison::wire::status;
use serde_json::Value;

use crate::support::gate::{Gate, Instead};
use crate::support::way::Break;
use crate::support::{Office, Party, Replica, TestNet, says};

/// `jp` is at work, and writes to `fr` and `at`.
struct World {
    net: TestNet,
    gate: Gate,
    jp: Office,
    fr: Party,
    at: Party,
}

impl World {
    async fn new() -> Self {
        let gate = Gate::default();
        let net = TestNet::gated(&gate).await;
        let (fr, at) = (net.party("fr", 1).await, net.party("at", 1).await);
        let mut jp = Office::new(&net, "jp").await;
        jp.run(&["sync"]).await.unwrap();
        jp.printed();
        Self { net, gate, jp, fr, at }
    }

    /// `jp` notifies both, and it does not go.
    async fn notify(&self, more: &[&str]) -> (MessageId, ClientError) {
        let to = [self.fr.contact.as_str(), self.at.contact.as_str()];
        let typed = ["notify", to[0], to[1], "--title", "x", "--text", "y"];
        let error = self.jp.run(&[&typed, more].concat()).await.unwrap_err();
        (self.waiting()[0], error)
    }

    /// The same while the service cannot be reached.
    async fn notify_in_vain(&self) -> (MessageId, ClientError) {
        self.jp.way.breaks_for_ever([], Break::Refuse);
        let waits = self.notify(&[]).await;
        self.jp.way.breaks([]);
        waits
    }

    fn waiting(&self) -> Vec<MessageId> {
        self.jp.outbox().pending().unwrap()
    }

    /// Nobody is on duty at `fr` any more.
    async fn fr_leaves(&self) {
        self.net.say(says::roster(&self.net.replica(), self.fr.contact.as_str(), 0)).await;
    }

    /// How many messages stand in a mailbox.
    async fn has(&self, of: &Party) -> usize {
        let mut client = self.net.client(&of.tls()).await;
        let replica = Replica::fold(&mut client).await;
        replica.collect(&mut client, &of.contact).await.items.len()
    }

    fn full(&self) -> Instead {
        let contacts = vec![self.fr.contact.clone()];
        Instead::Says(status::of(&Refusal::MailboxShare { contacts, retry: Some(3000) }))
    }

    fn prints(&mut self) -> Value {
        self.jp.printed().pop().unwrap()
    }
}

const WITHOUT: &str = "RECIPIENT_WITHOUT_SEATS";

/// Of two contacts one loses its last seat while a message to both waits.
#[tokio::test(start_paused = true)]
async fn what_waits_for_a_contact_without_seats_is_given_up_and_goes_to_the_others() {
    let mut world = World::new().await;
    let (id, _) = world.notify_in_vain().await;
    world.fr_leaves().await;
    let error = world.jp.run(&["sent"]).await.unwrap_err();
    assert_eq!((error.reason.code(), error.family), (WITHOUT, Family::Refused));
    let mend = liaison::words::mend(&error).unwrap();
    assert!(mend.contains("call fr/cert"), "{mend}");
    assert!(mend.contains(&format!("liaison sent retry {id} --skip-full")), "{mend}");
    assert_eq!(world.jp.outbox().refused(id).unwrap().unwrap().code(), WITHOUT);
    assert_eq!((world.waiting(), world.has(&world.at).await), (vec![], 0));
    assert_eq!(error.side, Side::Recipient);
    // It is given up once, and what helps is said each time.
    world.jp.run(&["sent"]).await.unwrap();
    assert_eq!(world.prints()["messages"][0]["mend"], mend);
    // Said again, it goes to nobody still, unless the others are enough.
    let error = world.jp.run(&["sent", "retry"]).await.unwrap_err();
    assert_eq!((error.reason.code(), error.family), (WITHOUT, Family::Refused));
    // Its row says why.
    assert_eq!(error.sentence, format!("{id} was not accepted"));
    let why = world.prints()["retried"][0]["sentence"].as_str().unwrap().to_owned();
    assert!(why.contains("it is not handed in again by itself"), "{why}");
    assert_eq!(world.has(&world.at).await, 0);
    let retry = ["sent", "retry", &id.to_string(), "--skip-full"];
    let error = world.jp.run(&retry).await.unwrap_err();
    assert_eq!((error.reason.code(), error.family), ("BY_TELEPHONE", Family::Partial));
    let retried = &world.prints()["retried"][0];
    let went = retried["went_as"].as_str().unwrap();
    assert_eq!(retried["id"], id.to_string());
    assert!(retried["accepted_at"].is_u64(), "{retried}");
    assert_eq!(retried["by_telephone"][0]["contact"], "fr/cert");
    assert_eq!(world.jp.outbox().went_as(id).unwrap().unwrap().to_string(), went);
    assert_eq!((world.waiting(), world.has(&world.at).await), (vec![], 1));
    // Nothing of it is left to be sent.
    world.jp.run(&["sent", &id.to_string()]).await.unwrap();
    assert_eq!(world.prints()["mend"], Value::Null);
    for typed in [&retry[..], &retry[..2]] {
        let error = world.jp.run(typed).await.unwrap_err();
        assert_eq!((error.reason.code(), error.family), ("NOTHING_TO_RETRY", Family::NotFound));
    }
    assert_eq!(world.has(&world.at).await, 1);
}

/// The relay has it, and its receipt was lost.
#[tokio::test(start_paused = true)]
async fn what_went_to_all_goes_to_nobody_again() {
    let world = World::new().await;
    let (id, _) = world.notify_in_vain().await;
    world.jp.run(&["sent"]).await.unwrap();
    assert_eq!((world.has(&world.fr).await, world.has(&world.at).await), (1, 1));
    let receipt = world.jp.mail().join("outbox").join(id.to_string()).join("accepted");
    std::fs::remove_file(receipt).unwrap();
    world.fr_leaves().await;
    world.jp.run(&["sent", "retry", &id.to_string(), "--skip-full"]).await.unwrap();
    assert_eq!((world.waiting(), world.has(&world.at).await), (vec![], 1));
    assert_eq!(world.jp.outbox().ids().unwrap(), [id]);
}

/// What the error says to do sends the message once.
#[tokio::test(start_paused = true)]
async fn what_a_full_mailbox_keeps_waiting_goes_to_the_others_once() {
    let world = World::new().await;
    world.gate.all("Submit", world.full());
    let before = world.gate.asked("Submit");
    let (id, error) = world.notify(&[]).await;
    assert_eq!(world.gate.asked("Submit") - before, 1, "whoever is there is asked at once");
    assert_eq!((error.reason.code(), error.family), ("MAILBOX_SHARE", Family::Refused));
    let mend = liaison::words::mend(&error).unwrap();
    assert!(mend.contains(&format!("liaison sent retry {id} --skip-full")), "{mend}");
    assert!(!mend.contains("notify"), "{mend}");
    world.gate.next("Submit", [world.full()]);
    let retry = ["sent", "retry", &id.to_string(), "--skip-full"];
    let error = world.jp.run(&retry).await.unwrap_err();
    assert_eq!((error.reason.code(), error.family), ("BY_TELEPHONE", Family::Partial));
    assert_eq!((world.has(&world.fr).await, world.has(&world.at).await), (0, 1));
    // There is room again, and nothing waits for it.
    world.jp.run(&["sent"]).await.unwrap();
    assert_eq!((world.has(&world.fr).await, world.has(&world.at).await), (0, 1));
    assert_eq!(world.waiting(), []);
}

/// The network keeps the service away in the middle of the night.
#[tokio::test(start_paused = true)]
async fn what_waits_is_said_to_wait_and_to_be_kept_before_anything_else() {
    let mut world = World::new().await;
    let (id, error) = world.notify_in_vain().await;
    assert_eq!((error.reason.code(), error.family), ("NO_CONNECTION", Family::NotReachable));
    let said = format!("it is sealed and waits in the outbox as {id}");
    assert!(error.sentence.starts_with(&said), "{error}");
    assert!(error.sentence.contains("do not send it again; no TCP connection"), "{error}");
    assert!(liaison::words::mend(&error).unwrap().starts_with("liaison sent, in a while"));
    assert_eq!(
        (&*error.details["waiting"], &*error.details["call"]),
        (&*id.to_string(), "at/cert, fr/cert")
    );
    world.jp.run(&["sent", "--offline"]).await.unwrap();
    let sent = &world.prints()["messages"][0];
    assert_eq!((&sent["stage"], &sent["waits"]), (&"waits".into(), &true.into()));
    assert_eq!(
        (&sent["waits_since"], &sent["waits_for"]["reason"]),
        (&sent["created"], &"NO_CONNECTION".into())
    );
    assert!(
        sent["waits_for"]["sentence"].as_str().unwrap().starts_with("no TCP connection"),
        "{sent}"
    );
}

/// `sync` is a command that connects.
#[tokio::test(start_paused = true)]
async fn a_seat_that_syncs_hands_in_what_waits() {
    let mut world = World::new().await;
    let (id, _) = world.notify_in_vain().await;
    world.jp.run(&["sync"]).await.unwrap();
    assert_eq!(
        (world.waiting(), world.has(&world.fr).await, world.has(&world.at).await),
        (vec![], 1, 1)
    );
    let printed = world.jp.printed();
    assert_eq!((printed.len(), &printed[0]["state"]), (1, &"current".into()), "{printed:?}");
    // What is given up meanwhile is how it ends.
    let receipt = world.jp.mail().join("outbox").join(id.to_string()).join("accepted");
    std::fs::remove_file(receipt).unwrap();
    world.gate.all("Submit", Instead::Says(status::of(&Refusal::BodyDigest)));
    let error = world.jp.run(&["sync"]).await.unwrap_err();
    assert_eq!(
        (error.reason.code(), error.family, error.printed),
        ("BODY_DIGEST", Family::Refused, true)
    );
    assert_eq!(world.jp.printed().len(), 1);
}

/// Who only reads has no mailbox here, and no folder for one.
#[tokio::test(start_paused = true)]
async fn who_has_sent_nothing_syncs_without_a_mailbox() {
    let world = World::new().await;
    world.jp.run(&["sync"]).await.unwrap();
    assert!(!world.jp.mail().exists());
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_is_asked_and_warned_of_once_in_a_run() {
    let world = World::new().await;
    for _ in 0..3 {
        world.notify_in_vain().await;
    }
    world.gate.all("Submit", world.full());
    let before = world.gate.asked("Submit");
    world.jp.run(&["sent"]).await.unwrap();
    assert_eq!((world.gate.asked("Submit") - before, world.waiting().len()), (1, 3));
    world.gate.opens();
    world.jp.run(&["sent"]).await.unwrap();
    assert_eq!(world.waiting(), []);
}

/// The home of a seat has another seal key than the directory.
#[tokio::test(start_paused = true)]
async fn what_could_not_be_opened_is_acknowledged_by_who_says_so() {
    let mut world = World::new().await;
    let mut client = world.net.client(&world.fr.tls()).await;
    let replica = world.net.replica();
    let sealed = world.fr.compose(&[&world.jp.party], &replica, &world.net.open.ambient);
    client.submit(sealed.envelope).await.unwrap();
    let (other, seat) = (tempfile::tempdir().unwrap(), world.jp.party.seat().clone());
    let keys = Home::at(other.path().to_owned()).keys();
    keys.create(&Owner::Seat(seat.clone()), &world.net.open.ambient).unwrap();
    let key = format!("keys/member/{seat}/seal.key");
    std::fs::copy(other.path().join(&key), world.jp.path().join(&key)).unwrap();
    world.jp.run(&["inbox", "list"]).await.unwrap();
    let row = &world.prints()["messages"][0];
    assert_eq!(row["not_opened"], "KEY_NOT_HELD");
    let acknowledge = ["inbox", "ack", "1", "--person", "Eve"];
    let error = world.jp.run(&acknowledge).await.unwrap_err();
    assert_eq!((error.reason.code(), error.family), ("NOT_READ", Family::NeedsApproval));
    assert_eq!(error.details["why"], "KEY_NOT_HELD");
    assert!(error.sentence.starts_with("nobody here has read message 1"), "{error}");
    assert!(liaison::words::mend(&error).unwrap().contains("--yes"));
    world.jp.run(&[&acknowledge[..], &["--yes"]].concat()).await.unwrap();
    assert_eq!(world.prints()["acknowledged"], true);
}

/// The service cannot be reached, and a colleague at the same seat does not know that one has acknowledged.
#[tokio::test(start_paused = true)]
async fn an_acknowledgement_that_waits_is_said_to_be_his_who_made_it() {
    let mut world = World::new().await;
    let mut client = world.net.client(&world.fr.tls()).await;
    let replica = world.net.replica();
    let sealed = world.fr.compose(&[&world.jp.party], &replica, &world.net.open.ambient);
    client.submit(sealed.envelope).await.unwrap();
    world.jp.run(&["inbox", "list"]).await.unwrap();
    world.jp.way.breaks_for_ever([], Break::Refuse);
    for person in ["Ana", "Bruno"] {
        let error = world.jp.run(&["inbox", "ack", "1", "--person", person]).await.unwrap_err();
        assert_eq!(error.family, Family::NotReachable);
        let said =
            "1, acknowledged by Ana: the acknowledgement is sealed and waits in the outbox as";
        assert!(error.sentence.starts_with(said), "{error}");
        assert!(liaison::words::mend(&error).unwrap().starts_with("liaison inbox, in a while"));
    }
    world.jp.run(&["inbox", "read", "1"]).await.unwrap();
    let read = world.prints();
    assert_eq!(
        (&read["acknowledgement_waits"], &read["acknowledged_by"]),
        (&true.into(), &Value::Array(vec![]))
    );
    world.jp.way.breaks([]);
    world.jp.run(&["inbox", "ack", "1", "--person", "Bruno"]).await.unwrap();
    let acknowledged = world.prints();
    assert_eq!(
        (&acknowledged["acknowledged"], &acknowledged["person"]),
        (&true.into(), &"Ana".into())
    );
    world.jp.run(&["inbox", "ack", "1", "--person", "Bruno"]).await.unwrap();
    let already = world.prints();
    assert_eq!((&already["already"], &already["person"]), (&true.into(), &"Ana".into()));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_to_retry_sends_nobody_in_a_circle() {
    let world = World::new().await;
    let error = world.jp.run(&["sent", "retry", "zz"]).await.unwrap_err();
    assert_eq!(
        (error.reason.code(), error.mend.as_deref()),
        ("UNKNOWN_MESSAGE", Some(&Mend::Sent))
    );
    let error = world.jp.run(&["sent", "retry"]).await.unwrap_err();
    assert_eq!((error.reason.code(), error.mend), ("NOTHING_TO_RETRY", None));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_refuses_what_does_not_point_at_one_message() {
    let world = World::new().await;
    for _ in 0..2 {
        world.notify_in_vain().await;
    }
    let typed = ["notify", "fr/cert", "--title", "x", "--text", "y", "--reply-to", "01"];
    for more in [&["--dry-run"][..], &[]] {
        let error = world.jp.run(&[&typed[..], more].concat()).await.unwrap_err();
        assert_eq!((error.reason.code(), error.family), ("SEVERAL_MESSAGES", Family::Usage));
    }
}

#[tokio::test(start_paused = true)]
async fn a_number_that_is_no_messages_is_said_to_be_that() {
    let world = World::new().await;
    let pt = Office::new(&world.net, "pt").await;
    world.jp.run(&["notify", "pt/cert", "--title", "x", "--text", "y"]).await.unwrap();
    for office in [&world.jp, &pt, &world.jp] {
        office.run(&["sync"]).await.unwrap();
        office.run(&["inbox"]).await.unwrap();
    }
    for (number, said) in [
        ("1", "entry 1 of the mailbox: a receipt: liaison sent shows it"),
        ("0", "no message here has the number 0"),
    ] {
        let error = world.jp.run(&["inbox", "read", number]).await.unwrap_err();
        assert_eq!((&*error.sentence, error.family), (said, Family::NotFound));
    }
}
