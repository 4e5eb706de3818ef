//! What waits in the outbox, when the relay or the network says no: what is handed in again and how
//! often, what is given up, what is sealed again.

use std::time::Duration;

use liaison::client::error::ClientError;
use liaison::domain::ids::MessageId;
use liaison::domain::refusal::Refusal;
use liaison::wire::status;
use tonic::Status;

use crate::support::gate::{Gate, Instead};
use crate::support::{Office, Party, TestNet, key_id, says, soon};

const NOTIFY: [&str; 6] = ["notify", "jp/cert", "--title", "Ransomware", "--text", "x"];
const SENT: [&str; 1] = ["sent"];

fn says(refusal: &Refusal) -> Instead {
    Instead::Says(status::of(refusal))
}

fn full(of: &Party) -> Instead {
    says(&Refusal::MailboxShare { contacts: vec![of.contact.clone()], retry: None })
}

/// As the library says it when a stream is reset.
fn reset() -> Instead {
    Instead::Says(Status::internal("h2 protocol error: stream error received: unexpected internal"))
}

/// The office of `fr`, which is up to date, and `jp`, whom the gate lets through.
async fn two(gate: &Gate) -> (TestNet, Office, Party) {
    let net = TestNet::gated(gate).await;
    let (fr, jp) = (Office::new(&net, "fr").await, net.party("jp", 1).await);
    gate.lets_through(key_id(&jp.tls()));
    fr.run(&["sync"]).await.unwrap();
    (net, fr, jp)
}

/// The one message that was sent.
fn only(office: &Office) -> MessageId {
    let ids = office.outbox().ids().unwrap();
    let [id] = ids[..] else { panic!("{ids:?}") };
    id
}

fn is_accepted(office: &Office, id: MessageId) -> bool {
    office.outbox().accepted_receipt(id).unwrap().is_some()
}

/// So many wait, for none of which there was room.
async fn waiting(gate: &Gate, fr: &Office, jp: &Party, count: usize) {
    gate.all("Submit", full(jp));
    for _ in 0..count {
        fr.run(&NOTIFY).await.unwrap_err();
    }
    assert_eq!(fr.outbox().pending().unwrap().len(), count);
    gate.opens();
}

/// What becomes of a message that is answered so, how often it is offered by this command, and whether by
/// the next one.
#[tokio::test(start_paused = true)]
async fn what_passes_is_offered_again_and_what_does_not_is_not() {
    let passes = || vec![reset(), Instead::Says(status::busy("later", Duration::from_secs(1)))];
    let foreign = || vec![says(&Refusal::OtherGenesis)];
    for (nth, (answers, offered, next, refused)) in
        [(passes(), 3, 0, None), (foreign(), 1, 0, Some("OTHER_GENESIS")), (vec![], 1, 1, None)]
            .into_iter()
            .enumerate()
    {
        let gate = Gate::default();
        let (_net, fr, jp) = two(&gate).await;
        gate.next("Submit", if nth == 2 { vec![full(&jp)] } else { answers });
        let done: Result<(), ClientError> = fr.run(&NOTIFY).await;
        assert_eq!((done.is_ok(), gate.asked("Submit")), (nth == 0, offered), "{nth}: {done:?}");
        let id = only(&fr);
        let why = fr.outbox().refused(id).unwrap().map(|why| why.to_string());
        assert_eq!(why.as_deref(), refused, "{nth}");
        fr.run(&SENT).await.unwrap();
        assert_eq!(gate.asked("Submit") - offered, next, "{nth}");
        assert_eq!(is_accepted(&fr, id), refused.is_none(), "{nth}");
    }
}

/// A roster changes while the message is on its way.
#[tokio::test]
async fn what_is_outdated_on_its_way_is_sealed_again_after_a_sync() {
    let gate = Gate::default();
    let (net, fr, _) = two(&gate).await;
    gate.all("Submit", Instead::Waits);
    let notifies = fr.start(&NOTIFY);
    soon("the message", gate.was_asked("Submit", 1)).await;
    let id = only(&fr);
    let letters = || {
        let request = fr.outbox().request(id).unwrap();
        request.envelope().map_or(0, |envelope| envelope.letters.len())
    };
    let before = letters();
    net.say(says::roster(&net.replica(), "jp/cert", 2)).await;
    gate.opens();
    soon("an answer", notifies).await.unwrap().unwrap();
    assert_eq!((only(&fr), gate.asked("Submit")), (id, 2));
    assert_eq!((letters(), is_accepted(&fr, id)), (before + 1, true), "its new seat reads it");
}

/// The relay took it, and what came back says that it is outdated.
#[tokio::test]
async fn what_the_relay_has_is_not_sealed_again() {
    let gate = Gate::default();
    let (net, fr, jp) = two(&gate).await;
    gate.next("Submit", [Instead::Loses(status::of(&Refusal::StaleDirectory(jp.contact.clone())))]);
    fr.run(&NOTIFY).await.unwrap();
    assert_eq!((gate.asked("Submit"), is_accepted(&fr, only(&fr))), (1, true));
    let mut collected = net.client(&jp.tls()).await.collect(0, false).await.unwrap();
    let mut answers = 0;
    while collected.message().await.unwrap().is_some() {
        answers += 1;
    }
    assert_eq!(answers, 2, "it, and the head");
}

#[tokio::test(start_paused = true)]
async fn two_that_the_network_loses_are_enough_for_a_command() {
    let gate = Gate::default();
    let (_net, fr, jp) = two(&gate).await;
    waiting(&gate, &fr, &jp, 4).await;
    gate.all("Submit", reset());
    let before = gate.asked("Submit");
    fr.run(&["sync"]).await.unwrap();
    assert_eq!(gate.asked("Submit") - before, 2 * 4, "each with its patience");
    assert_eq!(fr.outbox().pending().unwrap().len(), 4);
}

/// However often it looks at what is due.
#[tokio::test(start_paused = true)]
async fn what_has_no_room_is_offered_once_by_a_command_for_all_that_go_there() {
    let gate = Gate::default();
    let (_net, fr, jp) = two(&gate).await;
    waiting(&gate, &fr, &jp, 3).await;
    gate.all("Submit", full(&jp));
    for typed in [&SENT[..], &["inbox"]] {
        let before = gate.asked("Submit");
        fr.run(typed).await.unwrap();
        assert_eq!(gate.asked("Submit") - before, 1, "{typed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_that_is_refused_keeps_nothing_back_that_is_due() {
    let gate = Gate::default();
    let (_net, fr, jp) = two(&gate).await;
    waiting(&gate, &fr, &jp, 1).await;
    gate.all("Collect", says(&Refusal::OtherGenesis));
    let error = fr.run(&["inbox"]).await.unwrap_err();
    assert_eq!(error.reason.code(), "OTHER_GENESIS");
    assert!(is_accepted(&fr, only(&fr)));
}
