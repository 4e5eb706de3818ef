//! Threads through Submit: the relay refuses what it can see beside the first message.

use liaison::client::message::compose::{Outside, Sealed};
use liaison::signed::proto::{self, Class};
use tonic::Code;

use crate::support::craft::Parts;
use crate::support::{Party, TestNet, alert, refusal, says};

/// `fr/cert` begins a thread with `jp/cert`, as a drill; `at/cert` has no part in it.
struct World {
    net: TestNet,
    fr: Party,
    jp: Party,
    at: Party,
    first: Sealed,
    /// A view before that of the first message.
    earlier: proto::View,
}

impl World {
    async fn new() -> Self {
        let net = TestNet::memory().await;
        let [fr, jp, at] = net.parties(["fr", "jp", "at"]).await;
        let earlier = net.replica().view().to_proto();
        // An entry before the first message, which changes none of them.
        net.say(says::listing(&net.replica(), "zz")).await;
        let replica = net.replica();
        let drill = Some(drill("CYBER SOUTH"));
        let outside = Outside { drill, ..fr.outside(&[&jp], &replica) };
        let first = fr.seal(outside, &alert(""), &replica, &net.open.ambient);
        net.client(&fr.tls()).await.submit(first.envelope.clone()).await.unwrap();
        Self { net, fr, jp, at, first, earlier }
    }

    /// An answer to the first message, from one to another.
    fn answer(&self, from: &Party, to: &Party, class: Class) -> Parts {
        let replica = self.net.replica();
        let outside = Outside {
            class,
            drill: self.first.addressing.drill.clone(),
            thread: Some(self.first.id),
            in_reply_to: Some(self.first.header_digest),
            ..from.outside(&[to], &replica)
        };
        Parts::of(&from.seal(outside, &alert(""), &replica, &self.net.open.ambient))
    }

    async fn submit(&self, parts: &Parts) -> Result<(), (Code, String)> {
        let mut client = self.net.client(&format!("{} tls", parts.by)).await;
        client.submit(parts.envelope()).await.map(|_| ()).map_err(|status| refusal(&status))
    }
}

fn drill(name: &str) -> proto::Drill {
    proto::Drill { kind: proto::DrillKind::Exercise.into(), name: name.to_owned() }
}

type Row = (&'static str, fn(&World) -> Parts, &'static str);

fn changed(mut parts: Parts, change: fn(&mut proto::Addressing)) -> Parts {
    change(&mut parts.addressing);
    parts
}

/// What goes to the sender alone, to somebody else, too.
fn to_two(world: &World, class: Class) -> Parts {
    let mut parts = world.answer(&world.jp, &world.fr, Class::Reply);
    parts.addressing.class = class.into();
    let more = proto::Recipient {
        contact: "zz/cert".to_owned(),
        ..parts.addressing.recipients[0].clone()
    };
    parts.addressing.recipients.push(more);
    parts
}

const BAD: &[Row] = &[
    (
        "without the mark of the drill",
        |w| changed(w.answer(&w.jp, &w.fr, Class::Reply), |a| a.drill = None),
        THREAD,
    ),
    (
        "with another mark",
        |w| changed(w.answer(&w.jp, &w.fr, Class::Reply), |a| a.drill = Some(drill("OTHER"))),
        THREAD,
    ),
    ("by one who did not get it", |w| w.answer(&w.at, &w.fr, Class::Reply), THREAD),
    ("a receipt to another besides", |w| to_two(w, Class::Receipt), THREAD),
    ("words to another besides", |w| to_two(w, Class::Acknowledgement), THREAD),
    (
        "a receipt by a step of the ladder",
        |w| {
            changed(w.answer(&w.jp, &w.fr, Class::Reply), |a| {
                (a.class, a.recipients[0].step) = (Class::Receipt.into(), 1);
            })
        },
        THREAD,
    ),
    ("a withdrawal of another's", |w| w.answer(&w.jp, &w.fr, Class::Withdrawal), THREAD),
    ("a correction of another's", |w| w.answer(&w.jp, &w.fr, Class::Correction), THREAD),
    ("an all-clear in another's thread", |w| w.answer(&w.jp, &w.fr, Class::AllClear), THREAD),
    (
        "an all-clear in another's thread that answers something unseen",
        |w| {
            changed(w.answer(&w.jp, &w.fr, Class::AllClear), |a| {
                a.in_reply_to = vec![7; 32].into();
            })
        },
        THREAD,
    ),
    (
        "a view before that of the message answered",
        |w| {
            let mut parts = w.answer(&w.jp, &w.fr, Class::Reply);
            parts.addressing.view = Some(w.earlier.clone());
            parts
        },
        "VIEW_BEFORE",
    ),
];

const THREAD: &str = "WRONG_THREAD";

#[tokio::test]
async fn an_answer_that_does_not_fit_its_thread_is_refused_and_stores_nothing() {
    let world = World::new().await;
    let mut wrong = Vec::new();
    for (name, make, reason) in BAD {
        let before = world.net.everything().await;
        let found = world.submit(&make(&world)).await;
        if world.net.everything().await != before {
            wrong.push(format!("{name}: something was stored"));
        }
        let expected = Err((Code::InvalidArgument, (*reason).to_owned()));
        if found != expected {
            wrong.push(format!("{name}: expected {expected:?}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn who_may_answer_withdraw_correct_and_give_the_all_clear_does() {
    let world = World::new().await;
    let (fr, jp) = (&world.fr, &world.jp);
    for (name, parts) in [
        ("a reply", world.answer(jp, fr, Class::Reply)),
        ("an update of one's own", world.answer(fr, jp, Class::Update)),
        ("an update by the other", world.answer(jp, fr, Class::Update)),
        ("a correction of one's own", world.answer(fr, jp, Class::Correction)),
        ("a withdrawal of one's own", world.answer(fr, jp, Class::Withdrawal)),
        ("the all-clear of who began", world.answer(fr, jp, Class::AllClear)),
        ("the same to another besides", world.answer(fr, &world.at, Class::AllClear)),
    ] {
        assert_eq!(world.submit(&parts).await, Ok(()), "{name}");
    }
}

/// Two contacts used one id; an answer may belong to either thread.
#[tokio::test]
async fn the_same_id_of_another_contact_stands_in_nobodys_way() {
    let world = World::new().await;
    let replica = world.net.replica();
    let own = world.jp.compose(&[&world.fr], &replica, &world.net.open.ambient);
    let mut parts = Parts::of(&own);
    parts.addressing.id = world.first.id.as_bytes().to_vec().into();
    parts.addressing.thread = parts.addressing.id.clone();
    assert_eq!(world.submit(&parts).await, Ok(()));
    assert_eq!(world.submit(&world.answer(&world.jp, &world.fr, Class::Reply)).await, Ok(()));
    let unmarked = changed(world.answer(&world.jp, &world.fr, Class::AllClear), |a| a.drill = None);
    assert_eq!(world.submit(&unmarked).await, Ok(()), "in the thread that jp itself began");
}
