//! Bad acknowledgements: each is refused with its code, stores nothing, and the good one still
//! works afterwards, once.

use bytes::Bytes;
use liaison::client::message::acknowledge::acknowledge;
use liaison::client::message::compose::Sealed;
use liaison::client::message::words;
use liaison::domain::relay::envelope::verify_header;
use liaison::signed::dsse::Kind;
use liaison::signed::proto::{self, Dsse};
use liaison::wire::v1::AcknowledgeRequest;
use prost::Message as _;
use tonic::Code;

use crate::support::craft::{Parts, retouch};
use crate::support::says::sign;
use crate::support::{Client, NOW, Party, Replica, TestNet, key, refusal, says};

/// `fr/cert` has written to `jp/cert` twice, and to `at/cert` once; `jp/cert` acknowledges the first.
struct World {
    net: TestNet,
    jp: Party,
    at: Party,
    sent: [Sealed; 3],
    readers: [Client; 2],
    sender: Client,
    /// A view before that of the messages.
    earlier: proto::View,
}

impl World {
    async fn new() -> Self {
        let net = TestNet::memory().await;
        let [fr, jp, at] = net.parties(["fr", "jp", "at"]).await;
        let mut sender = net.client(&fr.tls()).await;
        let earlier = net.replica().view().to_proto();
        net.say(says::listing(&net.replica(), "zz")).await;
        let replica = net.replica();
        let to = |party| fr.compose(&[party], &replica, &net.open.ambient);
        let sent = [to(&jp), to(&jp), to(&at)];
        for sealed in &sent {
            sender.submit(sealed.envelope.clone()).await.unwrap();
        }
        let readers = [net.client(&jp.tls()).await, net.client(&at.tls()).await];
        Self { net, jp, at, sent, readers, sender, earlier }
    }

    /// By the first seat of a contact, of a message at a number.
    fn good(&self, by: &Party, message: &Sealed, number: u64) -> AcknowledgeRequest {
        let Replica { directory, .. } = &self.net.replica();
        let header = verify_header(directory, &message.envelope.header).unwrap();
        let sign = key(&format!("{} sign", by.seat()));
        let view = self.net.replica().view();
        let ambient = &self.net.open.ambient;
        let words = (words::words(), None);
        let done =
            acknowledge(directory, (by.seat(), &sign), (&header, number), words, view, ambient);
        done.unwrap().request
    }

    fn first(&self) -> AcknowledgeRequest {
        self.good(&self.jp, &self.sent[0], 1)
    }
}

type Row = (&'static str, fn(&World) -> AcknowledgeRequest, Code, &'static str);

const BAD: Code = Code::InvalidArgument;
const NOT_OURS: Code = Code::PermissionDenied;

/// The open part, changed and signed anew by `signers`.
fn open(
    world: &World,
    signers: &[&str],
    change: impl FnOnce(&mut proto::Acknowledgement),
) -> AcknowledgeRequest {
    let good = world.first();
    let dsse = Dsse::decode(good.acknowledgement.clone()).unwrap();
    let mut says = proto::Acknowledgement::decode(dsse.payload).unwrap();
    change(&mut says);
    let signers: Vec<String> = signers.iter().map(ToString::to_string).collect();
    let acknowledgement = sign(Kind::Acknowledgement, says.encode_to_vec(), &signers);
    AcknowledgeRequest { acknowledgement, ..good }
}

/// The open part, changed after it was signed.
fn tampered(world: &World, change: impl FnOnce(&mut Dsse)) -> AcknowledgeRequest {
    let good = world.first();
    let mut dsse = Dsse::decode(good.acknowledgement.clone()).unwrap();
    change(&mut dsse);
    AcknowledgeRequest { acknowledgement: dsse.encode_to_vec().into(), ..good }
}

/// The words, changed and signed anew.
fn said(world: &World, change: impl FnOnce(&mut Parts)) -> AcknowledgeRequest {
    let good = world.first();
    let words = good.words.clone().unwrap();
    let mut parts = Parts::of(&Sealed { envelope: words, ..world.sent[0].clone() });
    change(&mut parts);
    AcknowledgeRequest { words: Some(parts.envelope()), ..good }
}

fn view(acknowledgement: &mut proto::Acknowledgement) -> &mut proto::View {
    acknowledgement.view.as_mut().unwrap()
}

fn at_number(world: &World, number: u64) -> AcknowledgeRequest {
    AcknowledgeRequest { number, ..world.first() }
}

const DUTY: &str = "jp/cert/duty-1 sign";

const ROWS: &[Row] = &[
    ("no number", |w| at_number(w, 0), Code::NotFound, "UNKNOWN_MESSAGE"),
    ("another number", |w| at_number(w, 2), Code::NotFound, "UNKNOWN_MESSAGE"),
    ("a number that is not there", |w| at_number(w, 3), Code::NotFound, "UNKNOWN_MESSAGE"),
    ("the last number", |w| at_number(w, u64::MAX), Code::NotFound, "UNKNOWN_MESSAGE"),
    (
        "another's message",
        |w| AcknowledgeRequest { number: 1, ..w.good(&w.at, &w.sent[2], 1) },
        Code::NotFound,
        "UNKNOWN_MESSAGE",
    ),
    ("no words", |w| AcknowledgeRequest { words: None, ..w.first() }, BAD, "INVALID_FIELD"),
    (
        "empty words",
        |w| AcknowledgeRequest { words: Some(Default::default()), ..w.first() },
        BAD,
        "UNKNOWN_KIND",
    ),
    (
        "no acknowledgement",
        |w| AcknowledgeRequest { acknowledgement: Bytes::new(), ..w.first() },
        BAD,
        "UNKNOWN_KIND",
    ),
    (
        "an acknowledgement above its limit",
        |w| open(w, &[DUTY], |a| a.seat = "x".repeat(2_000)),
        BAD,
        "TOO_LARGE",
    ),
    (
        "a header as acknowledgement",
        |w| AcknowledgeRequest { acknowledgement: w.first().words.unwrap().header, ..w.first() },
        BAD,
        "UNKNOWN_KIND",
    ),
    (
        "an unknown field",
        |w| tampered(w, |d| d.payload = [&d.payload[..], &[0x98, 0x06, 1]].concat().into()),
        BAD,
        "NOT_CANONICAL",
    ),
    (
        "of another directory",
        |w| open(w, &[DUTY], |a| a.directory.as_mut().unwrap().name = "eu.example".to_owned()),
        BAD,
        "OTHER_DIRECTORY",
    ),
    (
        "of another genesis",
        |w| open(w, &[DUTY], |a| a.directory.as_mut().unwrap().genesis = vec![7; 32].into()),
        BAD,
        "OTHER_GENESIS",
    ),
    ("signed by nobody", |w| open(w, &[], |_| ()), BAD, "BELOW_THRESHOLD"),
    ("signed by a stranger", |w| open(w, &["nobody"], |_| ()), BAD, "UNKNOWN_KEY"),
    ("signed by the relay", |w| open(w, &["relay"], |_| ()), BAD, "WRONG_PURPOSE"),
    (
        "signed by a colleague",
        |w| open(w, &["jp/cert/duty-2 sign"], |_| ()),
        NOT_OURS,
        "NOT_THE_SENDER",
    ),
    (
        "signed by the sender",
        |w| open(w, &["fr/cert/duty-1 sign"], |_| ()),
        NOT_OURS,
        "NOT_THE_SENDER",
    ),
    (
        "signed by two",
        |w| open(w, &[DUTY, "jp/cert/duty-2 sign"], |_| ()),
        BAD,
        "SUPERFLUOUS_SIGNATURE",
    ),
    (
        "the digest touched",
        |w| tampered(w, |d| retouch(d, |a: &mut proto::Acknowledgement| a.at += 1)),
        BAD,
        "BAD_SIGNATURE",
    ),
    (
        "a level that its record does not have",
        |w| open(w, &[DUTY], |a| a.level = 2),
        Code::FailedPrecondition,
        "NOT_A_LEVEL",
    ),
    ("no view", |w| open(w, &[DUTY], |a| a.view = None), BAD, "INVALID_FIELD"),
    ("a view of nothing", |w| open(w, &[DUTY], |a| view(a).size = 0), BAD, "INVALID_FIELD"),
    ("half a root", |w| open(w, &[DUTY], |a| view(a).root.truncate(16)), BAD, "INVALID_FIELD"),
    (
        "a foreign view",
        |w| open(w, &[DUTY], |a| view(a).root = vec![7; 32].into()),
        BAD,
        "FOREIGN_VIEW",
    ),
    (
        "a view ahead",
        |w| open(w, &[DUTY], |a| view(a).size += 1),
        Code::FailedPrecondition,
        "VIEW_AHEAD",
    ),
    (
        "a view before that of the message",
        |w| open(w, &[DUTY], |a| a.view = Some(w.earlier.clone())),
        BAD,
        "VIEW_BEFORE",
    ),
    (
        "words with a view before that of the message",
        |w| {
            let earlier = w.earlier.clone();
            said(w, |p| p.addressing.view = Some(earlier))
        },
        BAD,
        "VIEW_BEFORE",
    ),
    (
        "words of another thread",
        |w| {
            let other = w.sent[1].id.as_bytes().to_vec();
            said(w, |p| p.addressing.thread = other.into())
        },
        BAD,
        "WRONG_THREAD",
    ),
    (
        "words as a drill",
        |w| {
            said(w, |p| {
                p.addressing.drill = Some(proto::Drill { kind: 1, name: String::new() });
            })
        },
        BAD,
        "WRONG_THREAD",
    ),
    ("no level", |w| open(w, &[DUTY], |a| a.level = 0), BAD, "INVALID_FIELD"),
    ("an unknown level", |w| open(w, &[DUTY], |a| a.level = 9), BAD, "INVALID_FIELD"),
    (
        "an unknown drill",
        |w| open(w, &[DUTY], |a| a.drill = Some(proto::Drill { kind: 9, name: String::new() })),
        BAD,
        "INVALID_FIELD",
    ),
    ("half a digest", |w| open(w, &[DUTY], |a| a.header_digest.truncate(16)), BAD, "INVALID_FIELD"),
    (
        "another digest",
        |w| open(w, &[DUTY], |a| a.header_digest = vec![7; 32].into()),
        Code::NotFound,
        "UNKNOWN_MESSAGE",
    ),
    (
        "a colleague acknowledges, and we have words",
        |w| open(w, &["jp/cert/duty-2 sign"], |a| a.seat = "jp/cert/duty-2".to_owned()),
        NOT_OURS,
        "NOT_THE_SENDER",
    ),
    ("words of another class", |w| said(w, |p| p.addressing.class = 1), NOT_OURS, "NOT_THE_SENDER"),
    (
        "words that answer another message",
        |w| {
            let other = w.sent[1].header_digest.as_bytes().to_vec();
            said(w, |p| p.addressing.in_reply_to = other.into())
        },
        NOT_OURS,
        "NOT_THE_SENDER",
    ),
    (
        "words that answer nothing",
        |w| said(w, |p| p.addressing.in_reply_to.clear()),
        BAD,
        "WRONG_THREAD",
    ),
    (
        "words to another contact",
        |w| said(w, |p| p.addressing.recipients[0].contact = "at/cert".to_owned()),
        NOT_OURS,
        "NOT_THE_SENDER",
    ),
    (
        "words to another contact besides",
        |w| {
            said(w, |p| {
                let mut more = p.addressing.recipients[0].clone();
                more.contact = "at/cert".to_owned();
                p.addressing.recipients.insert(0, more);
            })
        },
        BAD,
        "WRONG_THREAD",
    ),
    ("words with a letter missing", |w| said(w, |p| drop(p.letters.pop())), BAD, "WRONG_LETTERS"),
    ("words with another body", |w| said(w, |p| p.body.fill(0)), BAD, "NOT_SEALED"),
    (
        "words of a foreign view",
        |w| said(w, |p| p.addressing.view.as_mut().unwrap().root = vec![7; 32].into()),
        BAD,
        "FOREIGN_VIEW",
    ),
    (
        "words that have expired",
        |w| said(w, |p| (p.addressing.created, p.addressing.expires) = (NOW - 9, NOW)),
        BAD,
        "INVALID_FIELD",
    ),
];

#[tokio::test]
async fn a_bad_acknowledgement_is_refused_with_its_code_and_stores_nothing() {
    let mut world = World::new().await;
    let mut wrong = Vec::new();
    for (name, make, code, reason) in ROWS {
        let before = world.net.everything().await;
        let request = make(&world);
        // Another's message is acknowledged over the connection of jp/cert, too.
        let found = world.readers[0].relay.acknowledge(request).await;
        let found = found.map(|_| ()).map_err(|status| refusal(&status));
        if world.net.everything().await != before {
            wrong.push(format!("{name}: something was stored"));
        }
        let expected = Err((*code, (*reason).to_owned()));
        if found != expected {
            wrong.push(format!("{name}: expected {expected:?}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let good = world.first();
    assert!(world.readers[0].relay.acknowledge(good).await.is_ok());
}

#[tokio::test]
async fn acknowledging_again_with_the_same_bytes_changes_nothing() {
    let mut world = World::new().await;
    let good = world.first();
    let first = world.readers[0].relay.acknowledge(good.clone()).await.unwrap().into_inner();
    let before = world.net.everything().await;
    let again = world.readers[0].relay.acknowledge(good).await.unwrap().into_inner();
    assert_eq!(again, first);
    assert_eq!(world.net.everything().await, before);
    let request =
        liaison::wire::v1::GetStatusRequest { id: world.sent[0].id.as_bytes().to_vec().into() };
    let status = world.sender.relay.get_status(request).await.unwrap().into_inner();
    assert_eq!(status.acknowledgements.len(), 1);
}

/// The same bytes are answered, not judged anew, whatever the record says since.
#[tokio::test]
async fn acknowledging_again_after_the_level_has_gone_gets_the_same_receipt() {
    let mut world = World::new().await;
    let good = world.first();
    let first = world.readers[0].relay.acknowledge(good.clone()).await.unwrap().into_inner();
    let record = says::record(&world.net.replica(), world.jp.contact.as_str());
    world.net.say(record.with(|record| record.levels = vec![3])).await;
    let again = world.readers[0].relay.acknowledge(good).await.unwrap().into_inner();
    assert_eq!(again, first);
}

#[tokio::test]
async fn a_seat_that_was_revoked_acknowledges_nothing_through_a_colleague() {
    let mut world = World::new().await;
    let good = world.first();
    let mut colleague = world.net.client("jp/cert/duty-2 tls").await;
    world.net.say(says::revocation(&world.net.replica(), "jp/cert/duty-1")).await;
    let before = world.net.everything().await;
    let refused = colleague.relay.acknowledge(good).await.unwrap_err();
    assert_eq!(refusal(&refused), (NOT_OURS, "KEY_NOT_IN_FORCE".to_owned()));
    assert_eq!(world.net.everything().await, before);
    let _ = &mut world.readers;
}

#[tokio::test]
async fn one_seat_cannot_use_up_the_acknowledgements_of_the_others() {
    let mut world = World::new().await;
    // Each has words of its own, and a time of its own.
    for _ in 0..3 {
        let another = world.first();
        world.readers[0].relay.acknowledge(another).await.unwrap();
    }
    let request =
        liaison::wire::v1::GetStatusRequest { id: world.sent[0].id.as_bytes().to_vec().into() };
    let status = world.sender.relay.get_status(request).await.unwrap().into_inner();
    assert_eq!(status.acknowledgements.len(), 1);
}
