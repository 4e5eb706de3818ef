//! A member that floods a mailbox, and what it makes others answer: it uses up its own share and
//! account, and nobody else's.

use std::time::Duration;

use liaison::client::message::acknowledge::acknowledge;
use liaison::client::message::compose::{Outside, Sealed};
use liaison::client::message::content::delivered;
use liaison::client::message::words;
use liaison::domain::limits;
use liaison::domain::relay::envelope::verify_header;
use liaison::domain::relay::share::Grants;
use liaison::service::door;
use liaison::signed::proto::{self, Class, Outcome, Urgency};
use liaison::store::Engine;
use liaison::wire::status;
use liaison::wire::v1::{AcknowledgeRequest, Envelope};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::craft::Parts;
use crate::support::{
    Client, DAY, NOW, Party, Replica, TestNet, Trust, alert, dates, home, key, refusal, says, soon,
};

/// Eight messages wait, two of them alerts; one more in 30 seconds.
const FEW: Grants = Grants { messages: 8, bytes: 1 << 20, seconds: 30, kept: 1 << 30 };

/// `fr` floods `jp`; `de` writes to it, too, and `at` is beside.
struct World {
    net: TestNet,
    replica: Replica,
    fr: Party,
    jp: Party,
    at: Party,
    de: Party,
}

impl World {
    async fn new(grants: Grants) -> Self {
        Self::within(grants, door::Limits::without_rates()).await
    }

    async fn within(grants: Grants, limits: door::Limits) -> Self {
        let mut open = home(Engine::Memory);
        (open.grants, open.limits) = (grants, limits);
        let store = open.found().await;
        let net = TestNet::serve(open, store, Trust::new(dates())).await;
        let [fr, jp, at, de] = net.parties(["fr", "jp", "at", "de"]).await;
        let replica = net.replica();
        Self { net, replica, fr, jp, at, de }
    }

    async fn client(&self, party: &Party) -> Client {
        self.net.client(&party.tls()).await
    }

    fn seal(&self, from: &Party, outside: Outside) -> Sealed {
        from.seal(outside, &alert(""), &self.replica, &self.net.open.ambient)
    }

    /// What lives a minute.
    fn sealed(&self, from: &Party, to: &[&Party], urgency: Urgency) -> Sealed {
        let expires = Some(self.net.service.now() + 60);
        self.seal(from, Outside { urgency, expires, ..from.outside(to, &self.replica) })
    }

    fn routine(&self, from: &Party, to: &[&Party]) -> Envelope {
        self.sealed(from, to, Urgency::Routine).envelope
    }

    /// A seat's acknowledgement of a message in this place, with these words.
    fn acknowledgement(&self, of: (&Envelope, u64), text: &str) -> AcknowledgeRequest {
        let header = verify_header(&self.replica.directory, &of.0.header).unwrap();
        let sign = key(&format!("{} sign", self.jp.seat()));
        let mut said = words::words();
        said.text = Some(proto::Text { language: "en".to_owned(), text: text.to_owned() });
        let (directory, view) = (&self.replica.directory, self.replica.view());
        let (by, message, said) = ((self.jp.seat(), &sign), (&header, of.1), (said, None));
        let ambient = &self.net.open.ambient;
        acknowledge(directory, by, message, said, view, ambient).unwrap().request
    }

    /// As many as are taken, and the refusal.
    async fn flood(&self, client: &mut Client, urgency: Urgency) -> (usize, Status) {
        for taken in 0.. {
            let envelope = self.sealed(&self.fr, &[&self.jp], urgency).envelope;
            if let Err(status) = client.submit(envelope).await {
                return (taken, status);
            }
        }
        unreachable!("a share is finite")
    }

    /// The delivered receipt of a seat for a message.
    fn receipt(&self, by: &Party, seat: usize, of: &Envelope) -> Sealed {
        let header = verify_header(&self.replica.directory, &of.header).unwrap();
        let (seat, answered) = (by.seats[seat].clone(), (header.digest(), header.addressing()));
        let (directory, view) = (&self.replica.directory, self.replica.view());
        let outside = Outside::answering(directory, seat, answered, Class::Receipt, view);
        let place = proto::Place {
            contact: by.contact.to_string(),
            epoch: 1,
            number: 1,
            chain: vec![7; 32].into(),
        };
        let inside = delivered(header.digest(), (Outcome::Opened, None), place, NOW);
        by.seal(outside, &inside, &self.replica, &self.net.open.ambient)
    }
}

fn is_busy(status: &Status) {
    assert_eq!(refusal(status), (Code::ResourceExhausted, "BUSY".to_owned()), "{status:?}");
    assert!(status::retry_in(status).is_some(), "{status:?}");
}

/// The receipts that another's flood asks for, and the own routine, are no reason that a flash waits.
#[tokio::test]
async fn a_flash_waits_neither_for_receipts_nor_for_routine() {
    let four = door::Quota::new(4, 4_000);
    let limits = door::Limits { messages: four, answers: four, ..door::Limits::without_rates() };
    let world = World::within(FEW, limits).await;
    let World { jp, at, .. } = &world;
    let mut flooder = world.client(&world.fr).await;
    let mut sent = Vec::new();
    for _ in 0..4 {
        sent.push(world.sealed(&world.fr, &[jp], Urgency::Flash).envelope);
        flooder.submit(sent.last().unwrap().clone()).await.unwrap();
    }
    let mut victim = world.client(jp).await;
    for message in &sent[..3] {
        victim.submit(world.receipt(jp, 0, message).envelope).await.unwrap();
    }
    is_busy(&victim.submit(world.receipt(jp, 0, &sent[3]).envelope).await.unwrap_err());
    // A part is kept for who took an alert in hand.
    victim.relay.acknowledge(world.acknowledgement((&sent[0], 1), "We take it.")).await.unwrap();
    let again = world.acknowledgement((&sent[1], 2), "We take it.");
    is_busy(&victim.relay.acknowledge(again).await.unwrap_err());
    for _ in 0..2 {
        victim.submit(world.routine(jp, &[at])).await.unwrap();
    }
    let junk = Envelope { header: vec![7; 40].into(), ..world.routine(jp, &[at]) };
    assert_eq!(refusal(&victim.submit(junk).await.unwrap_err()).0, Code::InvalidArgument);
    is_busy(&victim.submit(world.routine(jp, &[at])).await.unwrap_err());
    let flash = || world.sealed(jp, &[at], Urgency::Flash).envelope;
    victim.submit(flash()).await.unwrap();
    is_busy(&victim.submit(flash()).await.unwrap_err());
}

fn full(status: &Status) -> (Code, String, Option<String>, Option<Duration>) {
    let (code, reason) = refusal(status);
    let retry = status.get_error_details().retry_info().and_then(|info| info.retry_delay);
    (code, reason, status::detail(status, "contacts"), retry)
}

fn share_of(contacts: &str) -> (Code, String, Option<String>, Option<Duration>) {
    (Code::ResourceExhausted, "MAILBOX_SHARE".to_owned(), Some(contacts.to_owned()), None)
}

#[tokio::test]
async fn a_flood_stops_neither_the_alert_of_another_nor_its_own() {
    let world = World::new(FEW).await;
    let World { net, fr, jp, at, de, .. } = &world;
    let (mut flooder, mut other) = (world.client(fr).await, world.client(de).await);
    let (taken, why) = world.flood(&mut flooder, Urgency::Routine).await;
    assert_eq!((taken, full(&why)), (6, share_of("jp/cert")));
    // Another member's, and the flooder's own alert, arrive.
    other.submit(world.routine(de, &[jp])).await.unwrap();
    let (taken, why) = world.flood(&mut flooder, Urgency::Flash).await;
    assert_eq!((taken, full(&why)), (2, share_of("jp/cert")));
    // All that are full are named, nothing goes to the others, and to them alone it would.
    let before = net.everything().await;
    let why = flooder.submit(world.routine(fr, &[at, jp, de])).await.unwrap_err();
    assert_eq!(full(&why), share_of("jp/cert"));
    let outside = fr.outside(&[jp], &world.replica);
    let large = fr.seal(outside, &alert(&"x".repeat(150_000)), &world.replica, &net.open.ambient);
    let why = flooder.submit(large.envelope).await.unwrap_err();
    assert_eq!(full(&why), share_of("jp/cert"));
    assert_eq!(net.everything().await, before, "a file of the body is something, too");
    flooder.submit(world.routine(fr, &[at, de])).await.unwrap();
    for _ in 0..5 {
        flooder.submit(world.routine(fr, &[at])).await.unwrap();
    }
    let why = flooder.submit(world.routine(fr, &[at, jp, de])).await.unwrap_err();
    assert_eq!(full(&why), share_of("at/cert, jp/cert"));
    // What lives a minute gets no share anew because that is over.
    for later in [61, DAY] {
        net.open.clock.set(NOW + later);
        let (taken, _) = world.flood(&mut flooder, Urgency::Flash).await;
        assert_eq!(taken, 0, "{later}");
    }
    net.open.clock.set(NOW + 3 * DAY);
    let (taken, _) = world.flood(&mut flooder, Urgency::Routine).await;
    assert_eq!(taken, 6);
}

#[tokio::test]
async fn a_second_contact_of_the_member_has_no_share_of_its_own() {
    let mut world = World::new(FEW).await;
    world.net.say(says::record(&world.net.replica(), "fr/soc")).await;
    world.net.say(says::roster(&world.net.replica(), "fr/soc", 1)).await;
    world.replica = world.net.replica();
    let soc = Party::new("fr/soc", 1);
    let mut flooder = world.client(&world.fr).await;
    assert_eq!(world.flood(&mut flooder, Urgency::Routine).await.0, 6);
    let mut more = world.client(&soc).await;
    let why = more.submit(world.routine(&soc, &[&world.jp])).await.unwrap_err();
    assert_eq!(full(&why), share_of("jp/cert"));
}

/// Who receives at once is flooded at a pace.
#[tokio::test]
async fn what_is_received_makes_room_and_the_refusal_says_when_more_may_come() {
    let world = World::new(FEW).await;
    let World { net, fr, jp, .. } = &world;
    let (mut sender, mut reader) = (world.client(fr).await, world.client(jp).await);
    let mut colleague = net.client(&format!("{} tls", jp.seats[1])).await;
    sender.submit(world.routine(fr, &[jp])).await.unwrap();
    for _ in 0..5 {
        let sent = world.routine(fr, &[jp]);
        sender.submit(sent.clone()).await.unwrap();
        reader.submit(world.receipt(jp, 0, &sent).envelope).await.unwrap();
        // The colleague's makes no more room.
        colleague.submit(world.receipt(jp, 1, &sent).envelope).await.unwrap();
    }
    let wait = |seconds| (share_of("jp/cert").0, Some(Duration::from_secs(seconds)));
    let (taken, why) = world.flood(&mut sender, Urgency::Routine).await;
    assert_eq!((taken, (full(&why).0, full(&why).3)), (0, wait(30)));
    assert_eq!(status::detail(&why, "retry").as_deref(), Some("30"));
    net.open.clock.set(NOW + 30);
    assert_eq!(world.flood(&mut sender, Urgency::Routine).await.0, 1);
    // Two wait: four more, and then it is their number.
    net.open.clock.set(NOW + 600);
    let (taken, why) = world.flood(&mut sender, Urgency::Routine).await;
    assert_eq!((taken, full(&why)), (4, share_of("jp/cert")));
}

/// Each by its own refusal, with nothing stored, and the good one goes through afterwards.
#[tokio::test]
async fn a_receipt_is_taken_once_for_a_message_that_is_there() {
    let world = World::new(FEW).await;
    let World { net, fr, jp, at, .. } = &world;
    let (mut sender, mut reader) = (world.client(fr).await, world.client(jp).await);
    let mut beside = world.client(at).await;
    let [first, again] = [(), ()].map(|()| world.sealed(fr, &[jp], Urgency::Routine));
    let another = world.seal(
        fr,
        Outside {
            class: Class::Update,
            thread: Some(first.thread),
            in_reply_to: Some(first.header_digest),
            ..fr.outside(&[jp], &world.replica)
        },
    );
    for sealed in [&first, &again, &another] {
        sender.submit(sealed.envelope.clone()).await.unwrap();
    }
    let absent = world.routine(fr, &[jp]);
    let good = world.receipt(jp, 0, &first.envelope);
    let large = {
        let outside = fr.outside(&[jp], &world.replica);
        let ambient = &net.open.ambient;
        let other = fr.seal(outside, &alert(&"x".repeat(6_000)), &world.replica, ambient);
        let mut large = Parts::of(&world.receipt(jp, 0, &another.envelope));
        large.body = other.envelope.body.to_vec();
        assert_eq!(large.body.len() as u64, limits::BODY_BYTES[1]);
        large.envelope()
    };
    let padded = {
        let mut padded = Parts::of(&world.receipt(jp, 0, &again.envelope));
        let value = vec![7; 8_000].into();
        padded.addressing.extras = vec![proto::Extra { name: "padding".to_owned(), value }];
        padded.envelope()
    };
    let elsewhere = {
        let mut elsewhere = Parts::of(&world.receipt(jp, 0, &another.envelope));
        let at_is_told = world.seal(jp, jp.outside(&[at], &world.replica));
        elsewhere.letters = at_is_told.envelope.letters;
        elsewhere.addressing.recipients[0].contact = "at/cert".to_owned();
        elsewhere.envelope()
    };
    reader.submit(good.envelope.clone()).await.unwrap();
    const NOT_DUE: (&str, Code) = ("RECEIPT_NOT_DUE", Code::FailedPrecondition);
    const THREAD: (&str, Code) = ("WRONG_THREAD", Code::InvalidArgument);
    let rows = [
        (
            "of the same seat again",
            world.receipt(jp, 0, &first.envelope).envelope,
            NOT_DUE,
            "taken",
        ),
        ("of what is not there", world.receipt(jp, 0, &absent).envelope, NOT_DUE, "unknown"),
        ("of a receipt", world.receipt(fr, 0, &good.envelope).envelope, NOT_DUE, "unknown"),
        ("with a larger body", large, NOT_DUE, "too-large"),
        ("with a larger header", padded, NOT_DUE, "too-large"),
        (
            "of another contact",
            world.receipt(at, 0, &first.envelope).envelope,
            THREAD,
            "not-a-party",
        ),
        (
            "of another, inside the thread",
            world.receipt(at, 0, &another.envelope).envelope,
            NOT_DUE,
            "not-addressed",
        ),
        (
            "of the sender's colleague",
            world.receipt(fr, 1, &first.envelope).envelope,
            NOT_DUE,
            "not-addressed",
        ),
        ("to another than the sender", elsewhere, THREAD, "not-to-its-sender"),
    ];
    for (name, envelope, (reason, code), why) in rows {
        let before = net.everything().await;
        let by = verify_header(&world.replica.directory, &envelope.header).unwrap();
        let client = match by.addressing().sender.as_str() {
            by if by.starts_with("at/") => &mut beside,
            by if by.starts_with("fr/") => &mut sender,
            _ => &mut reader,
        };
        let status = client.submit(envelope).await.unwrap_err();
        let found = (status::detail(&status, "why").unwrap_or_default(), refusal(&status));
        assert_eq!(found, (why.to_owned(), (code, reason.to_owned())), "{name}: {status}");
        assert_eq!(net.everything().await, before, "{name}: something was stored");
    }
    // The same bytes are answered as then; another seat has its own; the rest goes on.
    reader.submit(good.envelope).await.unwrap();
    let mut colleague = net.client(&format!("{} tls", jp.seats[1])).await;
    colleague.submit(world.receipt(jp, 1, &first.envelope).envelope).await.unwrap();
    reader.submit(world.receipt(jp, 0, &another.envelope).envelope).await.unwrap();
    // Until it is forgotten.
    net.open.clock.set(NOW + 60 + DAY);
    let late = world.receipt(jp, 0, &again.envelope).envelope;
    let status = reader.submit(late).await.unwrap_err();
    assert_eq!(status::detail(&status, "why").as_deref(), Some("unknown"));
}

/// An account of so few bytes that its sender can fill it here. What it sent is answered all the same, by
/// receipts and by first words, though the account of who answers is full, too.
#[tokio::test]
async fn nobody_uses_up_the_answers_of_another() {
    let grants = Grants { messages: 1_000, bytes: 1 << 30, seconds: 0, kept: 1 << 20 };
    let world = World::new(grants).await;
    let World { net, fr, jp, at, .. } = &world;
    let (mut flooder, mut victim) = (world.client(fr).await, world.client(jp).await);
    let mut sent = Vec::new();
    let why = loop {
        let sealed = world.routine(fr, &[jp]);
        match flooder.submit(sealed.clone()).await {
            Ok(_) => sent.push(sealed),
            Err(why) => break why,
        }
    };
    assert_eq!(refusal(&why), (Code::ResourceExhausted, "QUOTA_EXCEEDED".to_owned()));
    // An alert has room that nothing else takes.
    flooder.submit(world.sealed(fr, &[at], Urgency::Flash).envelope).await.unwrap();
    while victim.submit(world.routine(jp, &[at])).await.is_ok() {}
    for (number, message) in (1..).zip(&sent) {
        victim.submit(world.receipt(jp, 0, message).envelope).await.unwrap();
        let acknowledges = |text: &str| world.acknowledgement((message, number), text);
        // Large words, and all further ones, are an ordinary message of who writes them.
        let large = victim.relay.acknowledge(acknowledges(&"x".repeat(4_000))).await.unwrap_err();
        victim.relay.acknowledge(acknowledges("We take it.")).await.unwrap();
        let further = victim.relay.acknowledge(acknowledges("We took it.")).await.unwrap_err();
        assert_eq!([large, further].map(|why| refusal(&why).1), ["QUOTA_EXCEEDED"; 2]);
    }
    assert!(sent.len() > 3, "{}", sent.len());
    // What lived a minute counts until it is deleted: a day after that, and not when its day is over.
    let deleted = NOW + 60 + DAY;
    net.open.clock.set(deleted - 1);
    let mut other = world.client(&world.de).await;
    other.submit(world.routine(&world.de, &[at])).await.unwrap();
    let why = flooder.submit(world.routine(fr, &[jp])).await.unwrap_err();
    assert_eq!(refusal(&why).1, "QUOTA_EXCEEDED");
    net.open.clock.set(deleted);
    other.submit(world.routine(&world.de, &[at])).await.unwrap();
    let there_is_room = async { while flooder.submit(world.routine(fr, &[jp])).await.is_err() {} };
    soon("what it sent is deleted", there_is_room).await;
}

/// 32 contacts of three seats, in a thread that any of them may have begun: all of it is one commit.
#[tokio::test]
async fn the_largest_message_has_a_share_of_each_mailbox() {
    let mut world = World::new(FEW).await;
    let mut to = Vec::new();
    for number in 0..limits::RECIPIENTS {
        to.push(world.net.party(&format!("m{number:02}"), 3).await);
    }
    world.replica = world.net.replica();
    let World { net, fr, .. } = &world;
    let to: Vec<&Party> = to.iter().collect();
    let outside = Outside {
        class: Class::Reply,
        thread: Some(world.sealed(fr, &to, Urgency::Routine).thread),
        in_reply_to: Some(liaison::crypto::hash::Digest::of(b"a header")),
        ..fr.outside(&to, &world.replica)
    };
    let sealed = fr.seal(outside, &alert(&"x".repeat(40_000)), &world.replica, &net.open.ambient);
    assert_eq!(sealed.envelope.letters.len(), 98);
    let mut sender = world.client(fr).await;
    sender.submit(sealed.envelope).await.unwrap();
    let shares = net.everything().await.into_keys().filter(|key| key.contains("share/"));
    assert_eq!(shares.count(), limits::RECIPIENTS);
}

/// A receipt has the smallest size whatever it answers: the longest names, and a drill's.
#[tokio::test]
async fn every_receipt_is_small_enough() {
    let mut world = World::new(FEW).await;
    let [fr, jp] = [&"a".repeat(32), &"b".repeat(32)];
    let (fr, jp) = (&world.net.party(fr, 4).await, &world.net.party(jp, 4).await);
    world.replica = world.net.replica();
    let World { net, .. } = &world;
    let (mut sender, mut reader) = (world.client(fr).await, world.client(jp).await);
    let drill = proto::Drill { kind: 3, name: "ü".repeat(limits::TEXT_BYTES / 2) };
    let outside = Outside { drill: Some(drill), ..fr.outside(&[jp], &world.replica) };
    let sent = fr.seal(outside, &alert(""), &world.replica, &net.open.ambient).envelope;
    sender.submit(sent.clone()).await.unwrap();
    let receipt = world.receipt(jp, 0, &sent);
    assert_eq!(receipt.envelope.body.len() as u64, limits::BODY_BYTES[0]);
    reader.submit(receipt.envelope).await.unwrap();
}
