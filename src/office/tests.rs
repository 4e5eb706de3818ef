//! Two members and a relay, from the first byte to the last receipt.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use prost::Message as _;
use tempfile::TempDir;

use crate::client::files::{FileError, faults};
use crate::client::message::compose::{ComposeError, Outside, Sealed};
use crate::client::message::content::{self, Inside};
use crate::client::message::open::{self, NotOpened, Reader, RootAt};
use crate::client::message::receipt::{self, ChainError, Comparison, ReceiptError};
use crate::client::message::words;
use crate::client::outbox::{Outbox, OutboxError, Request, Stage};
use crate::crypto::hash::Digest;
use crate::domain::directory::Directory;
use crate::domain::ids::{MessageId, SeatId};
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::domain::refusal::{Amiss, Undue};
use crate::domain::relay::addressing::{Addressing, OrLater};
use crate::domain::relay::{acknowledge, envelope, thread};
use crate::domain::state::{EntryKind, Key, Mailbox, Value};
use crate::domain::view::View;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Class, Flag, Level, Outcome, Urgency};
use crate::wire::v1;
use crate::world::relay::{
    self, AT, FR, FR_2, Net, PT, contact, notification, opening_keys, seat, sign_key,
};
use crate::world::testlog;

use super::again;
use super::collect::{
    self, Boxes, Desk, Matched, Receipted, SealError, TakeError, Taken, Unproven,
};
use super::how::How;
use super::inbox::{Headers, Inbox, InboxError, Kept, Put};
use super::index::Index;

mod acknowledging;
mod answered;
mod edges;
pub(crate) mod expiry;
pub(crate) mod homes;
mod mailbox;
mod reading;
pub(crate) mod whole;

/// One seat's machine.
struct Machine {
    seat: SeatId,
    /// The name of its sign key.
    sign: &'static str,
    dir: TempDir,
    inbox: Inbox,
    /// As it was when it was brought up to date last.
    index: Index,
    outbox: Outbox,
}

impl Machine {
    fn new(net: &Net, of: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (inbox, outbox) = open(net, of, dir.path());
        let index = Index::open(dir.path(), &inbox).unwrap();
        Self { seat: seat(of), sign: "sign", dir, inbox, index, outbox }
    }

    fn boxes(&self) -> Boxes<'_> {
        Boxes { inbox: &self.inbox, outbox: &self.outbox }
    }

    fn at_desk<T>(&self, net: &Net, with: impl FnOnce(&Desk<'_>) -> T) -> T {
        self.at_desk_of(net, &|size| net.tree.root_at(size), with)
    }

    fn at_desk_of<T>(
        &self,
        net: &Net,
        root_at: RootAt<'_>,
        with: impl FnOnce(&Desk<'_>) -> T,
    ) -> T {
        let keys = opening_keys(self.seat.as_str(), 1);
        let sign = sign_key(&format!("{} {}", self.seat, self.sign));
        let reader = Reader { directory: &net.directory, root_at, seat: &self.seat, keys: &keys };
        let (index, view) = (&self.index, net.view());
        with(&Desk { reader, index, sign: &sign, view, ambient: &net.ambient })
    }

    /// How many headers are verified in this: of each the log is asked whether its view is there, and
    /// whether it is of this log.
    fn verified<T>(&self, net: &Net, with: impl FnOnce(&Desk<'_>) -> T) -> (T, usize) {
        let asked = AtomicUsize::new(0);
        let root_at = |size| {
            asked.fetch_add(1, Ordering::Relaxed);
            net.tree.root_at(size)
        };
        let done = self.at_desk_of(net, &root_at, with);
        let asked = asked.into_inner();
        assert_eq!(asked % 2, 0);
        (done, asked / 2)
    }

    fn take(&self, net: &Net, item: &v1::Item) -> Result<Taken, TakeError> {
        let items = std::slice::from_ref(item);
        let taken = self.at_desk(net, |desk| collect::take_all(desk, self.boxes(), items));
        taken.map(|mut taken| taken.remove(0))
    }

    fn take_whole(&self, net: &Net, item: &v1::Item) -> Taken {
        self.at_desk(net, |desk| collect::take_whole(desk, self.boxes(), item)).unwrap()
    }

    fn take_head(&self, net: &Net, head: &Bytes) -> Result<Vec<Taken>, TakeError> {
        self.take_head_since(net, head, 0)
    }

    /// Having synced to this size before.
    fn take_head_since(&self, net: &Net, head: &Bytes, size: u64) -> Result<Vec<Taken>, TakeError> {
        self.at_desk(net, |desk| collect::take_head(desk, self.boxes(), head, size))
    }

    /// Collects what there is.
    fn collect(&self, net: &Net) -> Vec<Taken> {
        let after = self.inbox.request(false).unwrap().after;
        let (items, head) = net.collect(self.seat.as_str(), after);
        let taken = items.iter().map(|item| self.take(net, item).unwrap());
        let mut taken: Vec<Taken> = taken.collect();
        taken.extend(self.take_head(net, &head).unwrap());
        taken.retain(|taken| !matches!(taken, Taken::Waiting));
        taken
    }

    /// As [`Machine::collect`], until the disk fails.
    fn try_collect(&self, net: &Net) -> Result<(), TakeError> {
        let _lock = self.inbox.lock()?;
        let after = self.inbox.request(false)?.after;
        let (items, head) = net.collect(self.seat.as_str(), after);
        self.at_desk(net, |desk| collect::take_all(desk, self.boxes(), &items))?;
        self.take_head(net, &head).map(drop)
    }

    /// Asks for what came spoilt: of each answer the relay's first entry, as `change` leaves it.
    fn ask_again(&self, net: &Net, change: impl Fn(&mut v1::Item)) -> Vec<(u64, Taken)> {
        let requests = self.inbox.requests_again().unwrap().into_iter();
        let taken = requests.map(|request| {
            let mut item = net.collect(self.seat.as_str(), request.after).0.remove(0);
            change(&mut item);
            (item.number, self.take(net, &item).unwrap())
        });
        taken.collect()
    }

    /// Hands in everything that waits.
    fn hand_in(&self, net: &mut Net) {
        for id in self.outbox.pending().unwrap() {
            let accepted = match self.outbox.request(id).unwrap() {
                Request::Submit(request) => net.submit(&request.envelope.unwrap()).unwrap(),
                Request::Acknowledge(request) => {
                    net.acknowledge(&self.seat.contact(), &request).unwrap()
                }
            };
            let take = |desk: &Desk<'_>| collect::take_accepted(desk, &self.outbox, id, &accepted);
            self.at_desk(net, take).unwrap();
        }
    }

    fn send(&self, net: &mut Net, outside: Outside, inside: &Inside) -> MessageId {
        let sealed = net.seal(outside, inside);
        let request = Request::submit(sealed.envelope);
        self.outbox.put((sealed.id, sealed.header_digest), &request).unwrap();
        self.hand_in(net);
        sealed.id
    }

    /// A notification to fr.
    fn notify(&self, net: &mut Net) -> MessageId {
        let outside = net.outside(AT, &fr());
        self.send(net, outside, &notification(1000))
    }

    /// Opens an item again.
    fn again(&self, net: &Net, number: u64) -> Result<(), NotOpened> {
        let kept = self.inbox.item(number).unwrap();
        let again = self.at_desk(net, |desk| collect::open_again(desk, self.boxes(), &kept));
        again.unwrap().map(|_| ())
    }

    /// Seals a request of the outbox again, on a copy that is not old.
    fn seal_again(&self, net: &Net, id: MessageId) -> Result<(), SealError> {
        let before = self.outbox.request(id).unwrap();
        let before = (id, &before);
        self.at_desk(net, |desk| again::seal_again(desk, &self.outbox, before, false))
    }

    /// The header digest of a request.
    fn digest(&self, id: MessageId) -> Digest {
        self.outbox.header_digest(id).unwrap().unwrap()
    }

    fn stage(&self, id: MessageId) -> Stage {
        self.outbox.state(id).unwrap().stage()
    }
}

fn open(net: &Net, of: &str, dir: &Path) -> (Inbox, Outbox) {
    let inbox = Inbox::of(&dir.join("in"), net.directory.genesis(), seat(of).contact());
    (inbox, Outbox::of(&dir.join("out")))
}

fn fr() -> [&'static str; 1] {
    ["fr/cert-fr"]
}

#[test]
fn a_message_is_delivered_acknowledged_and_answered() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let id = at.notify(&mut net);
    assert_eq!(at.stage(id), Stage::Accepted);

    let taken = paris.collect(&net);
    let [Taken::Message { opened, answer: Receipted::Queued(_), matched: Matched::Nothing, place }] =
        &taken[..]
    else {
        panic!("{taken:?}")
    };
    assert_eq!((opened.inside.clone(), place.mailbox.count), (notification(1000), 1));
    paris.hand_in(&mut net);

    let taken = at.collect(&net);
    let [Taken::Message { answer: Receipted::NotDue, matched, .. }] = &taken[..] else {
        panic!("{taken:?}")
    };
    let (outcome, comparison) = (OrLater::Known(Outcome::Opened), Some(Comparison::Agree));
    assert_eq!(*matched, Matched::Delivered { id, outcome, comparison });
    assert_eq!(at.stage(id), Stage::Delivered);

    let words = (words::words(), Some(Level::Technical));
    let acknowledged =
        paris.at_desk(&net, |desk| collect::acknowledge(desk, paris.boxes(), 1, words));
    assert!(acknowledged.is_ok());
    paris.hand_in(&mut net);
    let status = net.status(id, &contact("at/cert-at"));
    let refused =
        at.at_desk(&net, |desk| collect::take_status(desk, &at.outbox, id, &status)).unwrap();
    assert_eq!(refused, []);
    assert_eq!(at.stage(id), Stage::Acknowledged);
    let taken = at.collect(&net);
    let [Taken::Message { answer: Receipted::Queued(_), matched, .. }] = &taken[..] else {
        panic!("{taken:?}")
    };
    assert_eq!(*matched, Matched::Words(id));

    // The colleague's acknowledgement stands in the own mailbox of fr too.
    let taken = paris.collect(&net);
    assert!(matches!(&taken[..], [Taken::Colleague(ack)] if *ack.seat() == seat(FR)), "{taken:?}");

    let header = (opened.header.digest(), opened.header.addressing());
    let reply = Outside::answering(&net.directory, seat(FR), header, Class::Reply, net.view());
    paris.send(&mut net, reply, &notification(0));
    at.collect(&net);
    assert_eq!(at.stage(id), Stage::Answered);
    let state = at.outbox.state(id).unwrap();
    assert_eq!(state.delivered, [(seat(FR), OrLater::Known(Outcome::Opened))]);
    assert_eq!(state.acknowledged, [seat(FR)]);
}

/// Neither a receipt nor an acknowledgement that does not hold hides the others.
#[test]
fn what_the_relay_says_of_a_message_is_judged_one_by_one() {
    let mut net = Net::new();
    let at = Machine::new(&net, AT);
    let id = at.notify(&mut net);
    let [good, other] = [FR, FR_2].map(|by| acknowledged_by(&net, by).bytes().clone());
    let mut status = net.status(id, &contact("at/cert-at"));
    let head = net.relay_signs(Kind::MailboxHead, Vec::new());
    status.acknowledgements = vec![head.clone(), good, status.accepted.clone(), other];
    let take = |status: &v1::GetStatusResponse| {
        let taken = at.at_desk(&net, |desk| collect::take_status(desk, &at.outbox, id, status));
        taken.unwrap()
    };
    assert_eq!(take(&status).len(), 2);
    assert_eq!(at.outbox.state(id).unwrap().acknowledged, [seat(FR), seat(FR_2)]);
    std::fs::remove_dir_all(at.dir.path().join("out").join(id.to_string()).join("acknowledged"))
        .unwrap();
    status.accepted = head;
    let refused = take(&status);
    assert_eq!(refused.len(), 3);
    assert!(matches!(refused[0], ReceiptError::Refused { what: "accepted receipt", .. }));
    assert_eq!(at.outbox.state(id).unwrap().acknowledged, [seat(FR), seat(FR_2)]);
}

/// An acknowledgement is the open one.
#[test]
fn words_alone_acknowledge_nothing() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let id = at.notify(&mut net);
    let (items, _) = net.collect(FR, 0);
    let header = envelope::verify_header(&net.directory, &items[0].header).unwrap();
    let header = (header.digest(), header.addressing());
    let (of, class) = (&net.directory, Class::Acknowledgement);
    let outside = Outside::answering(of, seat(FR), header, class, net.view());
    paris.send(&mut net, outside, &Inside::Words(Box::new(words::words())));
    let taken = at.collect(&net);
    let [Taken::Message { matched: Matched::Words(about), .. }] = &taken[..] else {
        panic!("{taken:?}")
    };
    let state = at.outbox.state(id).unwrap();
    assert_eq!((*about, &state.words[..], &state.acknowledged[..]), (id, &[seat(FR)][..], &[][..]));
    assert_eq!(state.stage(), Stage::Accepted);
}

#[test]
fn receipts_do_not_cause_receipts_and_none_comes_twice() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let colleague = Machine::new(&net, FR_2);
    at.notify(&mut net);
    let (items, head) = net.collect(FR, 0);
    // Nothing is answered before the relay signed the mailbox that a receipt would name.
    assert!(matches!(paris.take(&net, &items[0]).unwrap(), Taken::Waiting));
    assert!(paris.outbox.ids().unwrap().is_empty());
    paris.take_head(&net, &head).unwrap();
    let first = paris.outbox.ids().unwrap();
    assert_eq!(first.len(), 1);
    // Again, and again after a crash that forgot that it was dealt with, and lost the outbox.
    assert!(matches!(paris.take(&net, &items[0]).unwrap(), Taken::Already));
    std::fs::remove_dir_all(paris.dir.path().join("in/done")).unwrap();
    std::fs::remove_dir_all(paris.dir.path().join("out")).unwrap();
    let taken = paris.take(&net, &items[0]).unwrap();
    let Taken::Message { answer, .. } = taken else { panic!("{taken:?}") };
    assert_eq!(answer, Receipted::Already(first[0]));
    assert_eq!(paris.outbox.ids().unwrap(), first);
    // One for each seat.
    colleague.collect(&net);
    assert_eq!(colleague.outbox.ids().unwrap().len(), 1);
    paris.hand_in(&mut net);
    colleague.hand_in(&mut net);
    assert_eq!(at.collect(&net).len(), 2);
    assert_eq!(at.outbox.ids().unwrap().len(), 1);
    assert!(at.inbox.pending().unwrap().is_empty());
}

#[test]
fn the_sender_learns_why_a_message_was_not_opened() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    // fr's letters are to keys that this machine does not have.
    net.roster("fr/cert-fr", 2, &["duty-1"]);
    let id = at.notify(&mut net);
    let taken = paris.collect(&net);
    let [Taken::NotOpened { why, answer: Receipted::Queued(_), .. }] = &taken[..] else {
        panic!("{taken:?}")
    };
    assert!(matches!(why, NotOpened::KeyNotHeld { retired: false, .. }));
    assert_eq!(paris.inbox.how(1).unwrap().as_ref().map(How::code), Some("KEY_NOT_HELD"));
    paris.hand_in(&mut net);
    let taken = at.collect(&net);
    let [Taken::Message { matched: Matched::Delivered { outcome, .. }, opened, .. }] = &taken[..]
    else {
        panic!("{taken:?}")
    };
    assert_eq!(*outcome, OrLater::Known(Outcome::NoKey));
    let Inside::Delivered(delivered) = &opened.inside else { panic!("a receipt") };
    assert_eq!(delivered.needed_key[..], opening_keys(FR, 2)[1].public().id().as_bytes()[..]);
    assert_eq!(at.stage(id), Stage::Accepted);
}

/// A body or a letter that is not the header's is the relay's fault: it is asked for again, and the
/// sender is told only when the message has expired.
#[test]
fn what_came_spoilt_is_asked_for_again() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    for _ in 0..4 {
        at.notify(&mut net);
    }
    let (items, head) = net.collect(FR, 0);
    let spoilt = |change: &dyn Fn(&mut v1::Item), number: usize| {
        let mut item = items[number - 1].clone();
        change(&mut item);
        item
    };
    let changed = |bytes: &Bytes| bytes.iter().map(|byte| byte ^ 1).collect::<Vec<u8>>().into();
    let short = spoilt(&|item| drop(item.body.split_off(7)), 2);
    let body = spoilt(&|item| item.body = changed(&item.body), 2);
    let letter = spoilt(&|item| item.letter = changed(&item.letter), 3);
    let another = spoilt(
        &|item| {
            let sealed = net.store.values().find_map(|value| match value {
                Value::Message(message) if message.header == item.header => Some(message),
                _ => None,
            });
            let message = sealed.unwrap();
            let (body, letters) = (item.body.clone(), message.letters.clone());
            let sealed = v1::Envelope { header: item.header.clone(), body, letters };
            *item = v1::Item { number: item.number, ..relay::item(&sealed, FR_2) };
        },
        4,
    );
    for item in [&items[0], &short, &letter, &another] {
        paris.take(&net, item).unwrap();
    }
    let code = |taken: &Taken| match taken {
        Taken::NotOpened { why, answer: Receipted::AskedAgain, .. } => why.reason().known(),
        _ => panic!("{taken:?}"),
    };
    let taken = paris.take_head(&net, &head).unwrap();
    let codes = ["BODY_SIZE", "LETTER_NOT_IN_HEADER", "LETTER_FOR_ANOTHER"];
    assert_eq!([&taken[1], &taken[2], &taken[3]].map(code), codes);
    let receipts = || paris.outbox.ids().unwrap().len();
    assert_eq!((receipts(), paris.inbox.asked_again().unwrap()), (1, vec![2, 3, 4]));
    let asked = || {
        let again = paris.inbox.requests_again().unwrap();
        again.iter().map(|request| request.after + 1).collect::<Vec<_>>()
    };
    assert_eq!(asked(), [2, 3, 4]);
    // Again, with a header that somebody else signed: the one that holds stays.
    let payload = Envelope::parse(&body.header, 1 << 14).unwrap().payload().to_vec();
    let key = sign_key(&format!("{PT} sign"));
    let signed = Envelope::sign(Kind::Header, payload, &[&key], net.ambient.random());
    let again = v1::Item { header: signed.unwrap().bytes().clone(), ..body };
    assert_eq!(code(&paris.take(&net, &again).unwrap()), "BODY_DIGEST");
    // It came twice: next time the others come first.
    assert_eq!((asked(), receipts()), (vec![3, 4, 2], 1));
    // Then as it was sealed.
    assert!(matches!(paris.take(&net, &items[1]).unwrap(), Taken::Message { .. }));
    assert_eq!((asked(), receipts()), (vec![3, 4], 2));
    assert_eq!(paris.inbox.how(2).unwrap().as_ref().map(How::code), Some("OPENED"));
    assert_eq!(paris.inbox.item(2).unwrap().item, items[1]);
    // What is asked for again changes nothing of what is done.
    assert!(matches!(paris.take(&net, &short).unwrap(), Taken::Already));
    assert_eq!(paris.inbox.item(2).unwrap().item, items[1]);
    // What has expired is not.
    net.ambient = testlog::ambient_at(net.ambient.now() + limits::MESSAGE_SECONDS);
    for taken in paris.take_head(&net, &head).unwrap() {
        assert!(
            matches!(&taken, Taken::NotOpened { answer: Receipted::Queued(_), .. }),
            "{taken:?}"
        );
    }
    assert_eq!((asked(), receipts()), (vec![], 4));
    assert_eq!(paris.inbox.asked_again().unwrap(), [0; 0]);
}

/// A seat whose seal key stood in the sender's view has a letter; a newer one has none, and says so.
#[test]
fn a_letter_that_must_be_there_is_asked_for_again() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let newer = Machine::new(&net, "fr/cert-fr/duty-9");
    at.notify(&mut net);
    net.roster("fr/cert-fr", 2, &["duty-1", "duty-9"]);
    at.notify(&mut net);
    let (items, head) = net.collect(FR, 0);
    let take = |net: &Net, by: &Machine| {
        for item in &items {
            by.take(net, &v1::Item { letter: Bytes::new(), ..item.clone() }).unwrap();
        }
        let taken = by.take_head(net, &head).unwrap().into_iter().map(|taken| match taken {
            Taken::NotOpened { why, answer, .. } => {
                let outcome = why.outcome().map(|(outcome, _)| outcome);
                assert_eq!((why.reason().known(), outcome), ("NO_LETTER", Some(Outcome::NoKey)));
                answer == Receipted::AskedAgain
            }
            taken => panic!("{taken:?}"),
        });
        taken.collect::<Vec<_>>()
    };
    assert_eq!(take(&net, &newer), [false, true]);
    assert_eq!(newer.inbox.asked_again().unwrap(), [2]);
    assert_eq!(take(&net, &paris), [true, true]);
    let taken = paris.ask_again(&net, |_| ());
    assert!(matches!(&taken[0], (1, Taken::Message { .. })), "{taken:?}");
    net.ambient = testlog::ambient_at(net.ambient.now() + limits::MESSAGE_SECONDS);
    let taken = newer.take_head(&net, &head).unwrap();
    assert!(
        matches!(&taken[..], [Taken::NotOpened { answer: Receipted::Queued(_), .. }]),
        "{taken:?}"
    );
    assert!(newer.inbox.pending().unwrap().is_empty());
}

/// The chain covers payloads only: signatures that do not hold may be the relay's fault, too. A few
/// times the entry is asked for again, of whatever kind it is.
#[test]
fn signatures_that_do_not_hold_are_asked_for_again() {
    let mut net = Net::new();
    let paris = Machine::new(&net, FR);
    let (own, lazy) = (contact("fr/cert-fr"), Machine::new(&net, FR));
    net.submit(&net.notification().envelope).unwrap();
    net.put_as(EntryKind::Released, &own, &released(&net, 1));
    net.put_acknowledgement(&own, 1, &acknowledged_by(&net, FR_2));
    let sent = net.seal(net.outside(FR, &["at/cert-at"]), &notification(0));
    net.put_as(EntryKind::NotDelivered, &own, &sent.envelope);
    net.ambient = testlog::ambient_at(net.ambient.now() + limits::MESSAGE_SECONDS);
    let spoil = |item: &mut v1::Item| {
        let signed = if item.kind == 3 { &mut item.acknowledgement } else { &mut item.header };
        let mut dsse = proto::Dsse::decode(signed.clone()).unwrap();
        match item.number {
            1 => dsse.signatures.clear(),
            2 => dsse.signatures.push(dsse.signatures[0].clone()),
            _ => dsse.signatures[0].sig = vec![7; 64].into(),
        }
        *signed = dsse.encode_to_vec().into();
    };
    let code = |taken: &Taken| match taken {
        Taken::NotOpened { why, answer: Receipted::NotDue, .. }
        | Taken::NotProven { why: Unproven::Header(why), .. } => why.reason().known(),
        Taken::NotAcknowledged { why: ReceiptError::Refused { why, .. }, .. } => why.code(),
        _ => panic!("{taken:?}"),
    };
    let codes = ["BELOW_THRESHOLD", "DUPLICATE_SIGNATURE", "BAD_SIGNATURE", "BAD_SIGNATURE"];
    let (items, head) = net.collect(FR, 0);
    for machine in [&paris, &lazy] {
        for mut item in items.clone() {
            spoil(&mut item);
            machine.take(&net, &item).unwrap();
        }
        // With each head it is looked at again, and only a copy counts.
        for _ in 0..9 {
            assert!(machine.take_head(&net, &head).unwrap().iter().map(code).eq(codes));
        }
        assert_eq!(machine.inbox.asked_again().unwrap(), [1, 2, 3, 4]);
    }
    // The right one comes at last.
    for _ in 0..4 {
        assert!(paris.ask_again(&net, spoil).iter().map(|(_, taken)| code(taken)).eq(codes));
    }
    let taken = paris.ask_again(&net, |item| {
        if item.number == 1 {
            item.body.clear();
        }
    });
    let [
        (1, Taken::NotOpened { why: NotOpened::Body(_), .. }),
        (2, Taken::Message { .. }),
        (3, Taken::Colleague(_)),
        (4, Taken::NotDelivered(_)),
    ] = &taken[..]
    else {
        panic!("{taken:?}")
    };
    // None does.
    for _ in 0..5 {
        assert!(lazy.ask_again(&net, spoil).iter().map(|(_, taken)| code(taken)).eq(codes));
    }
    assert!(lazy.ask_again(&net, spoil).is_empty());
    let how = [1, 2, 3, 4].map(|number| lazy.inbox.how(number).unwrap().unwrap());
    let [of_1, of_2, ..] = codes;
    assert_eq!(how, [of_1, of_2, "NOT_ACKNOWLEDGED", "NOT_PROVEN"]);
    assert!(lazy.outbox.ids().unwrap().is_empty());
}

/// However many entries stay spoilt: what is new is asked for first, and each of them comes again by
/// itself, a few at a time and in turn.
#[test]
fn what_stays_spoilt_holds_nothing_up() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    for _ in 0..10 {
        at.notify(&mut net);
    }
    let spoil = |item: &mut v1::Item| drop(item.body.split_off(7));
    let (items, head) = net.collect(FR, 0);
    for mut item in items {
        spoil(&mut item);
        paris.take(&net, &item).unwrap();
    }
    paris.take_head(&net, &head).unwrap();
    let request = paris.inbox.request(false).unwrap();
    assert_eq!(request, v1::CollectRequest { after: 10, epoch: 1, follow: false, headers: true });
    at.notify(&mut net);
    let taken = paris.collect(&net);
    assert!(matches!(&taken[0], Taken::Message { place, .. } if place.mailbox.count == 11));
    let asks = |taken: Vec<(u64, Taken)>| taken.into_iter().map(|(number, _)| number);
    assert!(asks(paris.ask_again(&net, spoil)).eq(1..=8));
    assert!(asks(paris.ask_again(&net, spoil)).eq([9, 10, 1, 2, 3, 4, 5, 6]));
    assert_eq!(paris.inbox.request(true).unwrap().after, 11);
    let taken = paris.ask_again(&net, |_| ());
    assert!(taken.iter().all(|(_, taken)| matches!(taken, Taken::Message { .. })), "{taken:?}");
    assert!(asks(taken).eq([7, 8, 9, 10, 1, 2, 3, 4]));
    assert!(asks(paris.ask_again(&net, |_| ())).eq([5, 6]));
    assert!(paris.inbox.pending().unwrap().is_empty());
}

#[test]
fn a_message_from_ahead_waits_for_the_replica() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    paris.collect(&net);
    let behind = net.clone();
    net.roster("pt/cert-pt", 2, &["duty-1"]);
    at.notify(&mut net);
    let (items, _) = net.collect(FR, 0);
    let taken = paris.take(&behind, &items[0]).unwrap();
    let size = net.directory.size();
    assert!(matches!(taken, Taken::SyncFirst(found) if found == size), "{taken:?}");
    assert_eq!(paris.inbox.pending().unwrap(), [1]);
    let taken = paris.at_desk(&net, |desk| collect::deal_with_pending(desk, paris.boxes()));
    assert!(matches!(taken.unwrap()[..], [Taken::Message { .. }]));
    assert!(paris.inbox.pending().unwrap().is_empty());
}

/// The relay of an accomplice takes it; its next head says how large the log was by then.
#[test]
fn a_view_that_cannot_be_is_refused_and_waits_for_nothing() {
    let mut net = Net::new();
    let paris = Machine::new(&net, FR);
    paris.collect(&net);
    let far = |size: u64| move |of: &mut proto::Addressing| of.view.as_mut().unwrap().size = size;
    let (id, size, huge) = (contact("fr/cert-fr"), net.view().size, 1 << 40);
    for found in [huge, size + 1] {
        net.put(&id, &net.forge(net.outside(AT, &fr()), &notification(0), far(found)));
    }
    for item in &net.collect(FR, 0).0 {
        // No head tells of it yet: the log may have grown.
        let taken = paris.take(&net, item).unwrap();
        assert!(matches!(taken, Taken::SyncFirst(_)), "{taken:?}");
    }
    let beyond = |taken: Vec<Taken>| {
        let found = taken.into_iter().map(|taken| match taken {
            Taken::NotOpened { why, answer: Receipted::NotDue, header: None, .. } => why,
            other => panic!("{other:?}"),
        });
        found.collect::<Vec<_>>()
    };
    let ahead = |found| NotOpened::Header(Refusal::ViewAhead { size, found });
    let head = net.head(&id, net.mailbox(&id));
    assert_eq!(beyond(paris.take_head(&net, &head).unwrap()), [ahead(huge), ahead(size + 1)]);
    assert!(paris.inbox.pending().unwrap().is_empty());
    assert_eq!(paris.inbox.how(1).unwrap().as_ref().map(How::code), Some("VIEW_AHEAD"));
    assert_eq!(paris.again(&net, 1), Err(ahead(huge)), "and is shown so ever after");
    assert!(paris.outbox.ids().unwrap().is_empty(), "nothing is receipted");
}

#[test]
fn a_mailbox_with_a_gap_or_another_history_is_an_error_with_evidence() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    for _ in 0..3 {
        at.notify(&mut net);
    }
    let (items, head) = net.collect(FR, 0);
    let chain = |error: TakeError| match error {
        TakeError::Inbox(InboxError::Chain(why)) => why,
        other => panic!("{other}"),
    };
    let gap = chain(paris.take(&net, &items[1]).unwrap_err());
    assert_eq!(gap, ChainError::Gap { expected: 1, found: 2 });
    assert_eq!(paris.inbox.cursor().unwrap().count, 0);
    paris.take(&net, &items[0]).unwrap();
    let rewritten = v1::Item { number: 1, ..items[1].clone() };
    let why = chain(paris.take(&net, &rewritten).unwrap_err());
    assert!(matches!(why, ChainError::Rewritten { number: 1, .. }), "{why}");
    for kind in [0, 256, u32::MAX] {
        let item = v1::Item { kind, ..items[1].clone() };
        let why = chain(paris.take(&net, &item).unwrap_err());
        assert_eq!(why, ChainError::Kind { number: 2, kind });
    }
    // What it carries stands in the chain: it must carry something.
    for kind in [3, 5] {
        let item = v1::Item { kind, ..items[1].clone() };
        let why = chain(paris.take(&net, &item).unwrap_err());
        assert!(matches!(why, ChainError::NothingSigned { number: 2, .. }), "{why}");
    }
    // The head counts three, and one was shown.
    let why = chain(paris.take_head(&net, &head).unwrap_err());
    assert_eq!(why, ChainError::Count { own: 1, found: 3, evidence: head.clone() });
    // The entries in another order than the relay signed.
    let swapped = [(2, &items[2]), (3, &items[1])];
    for (number, item) in swapped {
        paris.take(&net, &v1::Item { number, ..item.clone() }).unwrap();
    }
    let why = chain(paris.take_head(&net, &head).unwrap_err());
    let ChainError::Differs { evidence, .. } = why else { panic!("{why}") };
    assert_eq!(evidence, head);
    assert_eq!(std::fs::read_dir(paris.dir.path().join("in/disputed")).unwrap().count(), 1);
    assert!(paris.inbox.head().unwrap().is_none());
    assert!(paris.outbox.ids().unwrap().is_empty(), "nothing is receipted in a disputed mailbox");
}

/// A thief's key claims a view in which it still stood. The relay lets it in, after it has signed a
/// head in whose view the key had ended: so it cannot have come earlier.
#[test]
fn a_backdated_view_is_refused_and_not_receipted() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let before = net.view();
    at.notify(&mut net);
    // It stands in the mailbox before the key ends, and is collected after.
    let id = contact("fr/cert-fr");
    let thief = net.clone();
    let old = |view| {
        let outside = Outside { view, ..thief.outside(AT, &fr()) };
        thief.seal(outside, &notification(0)).envelope
    };
    net.put(&id, &old(before));
    net.revoke_sign_key(AT);
    let taken = paris.collect(&net);
    assert!(matches!(&taken[..], [Taken::Message { .. }, Taken::Message { .. }]), "{taken:?}");
    let receipts = paris.outbox.ids().unwrap();
    assert_eq!(receipts.len(), 2);
    // From here on paris holds a head of the relay's with a view in which the key has ended.
    net.put(&id, &old(before));
    let taken = paris.collect(&net);
    let key = sign_key(&format!("{AT} sign")).public().id();
    let [Taken::NotOpened { why, answer: Receipted::NotDue, header: None, .. }] = &taken[..] else {
        panic!("{taken:?}")
    };
    let (ended, floor) = (before.size, net.view().size);
    assert_eq!(*why, NotOpened::Backdated { key, ended, floor });
    assert_eq!(paris.inbox.how(3).unwrap().as_ref().map(How::code), Some("BACKDATED"));
    assert_eq!(paris.outbox.ids().unwrap(), receipts, "nothing is receipted");
    // Whenever it is opened again, too; and what came before stays readable.
    let open = |number| {
        let kept = paris.inbox.item(number).unwrap();
        paris.at_desk(&net, |desk| open::open(&desk.reader, &kept.received()).map(|_| ()))
    };
    assert_eq!((open(1), open(2)), (Ok(()), Ok(())));
    assert_eq!(open(3), Err(why.clone()));
    let done = paris
        .at_desk(&net, |desk| collect::acknowledge(desk, paris.boxes(), 3, (words::words(), None)));
    assert!(matches!(done, Err(SealError::Header(NotOpened::Backdated { .. }))));
}

/// A step of the ladder is released when it is released: the message was signed in time, whatever
/// has become of the key since. The entry says of which kind it is, and the chain covers that.
#[test]
fn a_step_released_after_a_rotation_is_read() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let id = contact("fr/cert-fr");
    let step = released(&net, 1);
    at.notify(&mut net);
    net.revoke_sign_key(AT);
    paris.collect(&net);
    net.put_as(EntryKind::Released, &id, &step);
    let taken = paris.collect(&net);
    assert!(matches!(&taken[..], [Taken::Message { .. }]), "{taken:?}");
    // The same as an entry of kind 1 would have had to come before that head.
    net.put_as(EntryKind::Addressed, &id, &step);
    let taken = paris.collect(&net);
    assert!(!matches!(&taken[..], [Taken::Message { .. }]), "{taken:?}");
}

/// A message from at to fr, as a step of a ladder; 0: addressed.
fn released(net: &Net, step: u32) -> v1::Envelope {
    net.forge(net.outside(AT, &fr()), &notification(0), |addressing| {
        addressing.recipients[0].step = step;
    })
}

/// Else a relay that calls an entry released would hide when its key had ended.
#[test]
fn an_entry_is_released_if_its_header_says_a_step() {
    let mut net = Net::new();
    let paris = Machine::new(&net, FR);
    let id = contact("fr/cert-fr");
    let (addressed, step) = (released(&net, 0), released(&net, 1));
    // Of the contact's own, and not to it.
    let own = net.seal(net.outside(FR_2, &["at/cert-at"]), &notification(0)).envelope;
    let rows = [
        (EntryKind::Addressed, &addressed, None),
        (EntryKind::Released, &step, None),
        (EntryKind::Released, &addressed, Some("INVALID_FIELD")),
        (EntryKind::Addressed, &step, Some("INVALID_FIELD")),
        (EntryKind::Released, &own, Some("INVALID_FIELD")),
    ];
    for (number, (kind, sealed, refused)) in (1..).zip(rows) {
        net.put_as(kind, &id, sealed);
        let receipts = paris.outbox.ids().unwrap().len();
        let taken = paris.collect(&net);
        let kept = paris.inbox.item(number).unwrap();
        let shown = paris.at_desk(&net, |desk| collect::header(&desk.reader, &kept));
        let how = paris.inbox.how(number).unwrap();
        let Some(code) = refused else {
            assert!(matches!(&taken[..], [Taken::Message { .. }]), "{number}: {taken:?}");
            assert!(shown.is_ok(), "{number}");
            continue;
        };
        let [Taken::NotOpened { header: None, answer: Receipted::NotDue, .. }] = &taken[..] else {
            panic!("{number}: {taken:?}")
        };
        assert_eq!(how.as_ref().map(How::code), Some(code), "{number}");
        assert_eq!(paris.outbox.ids().unwrap().len(), receipts, "the sender did nothing wrong");
        // Nobody acknowledges it, and whenever it is read it is refused, too.
        assert_eq!(shown.unwrap_err().reason().known(), code, "{number}");
        assert_eq!(paris.again(&net, number).unwrap_err().reason().known(), code, "{number}");
        let words = (words::words(), None);
        let done =
            paris.at_desk(&net, |desk| collect::acknowledge(desk, paris.boxes(), number, words));
        assert!(matches!(done, Err(SealError::Header(_))), "{number}");
    }
}

/// The relay says that a message expired undelivered: that it is this contact's, and has expired, is
/// shown by its header or not believed.
#[test]
fn what_expired_shows_it_by_its_header() {
    let mut net = Net::new();
    let at = Machine::new(&net, AT);
    let own = contact("at/cert-at");
    let until = |by, created: u64| {
        let outside = Outside { sender: seat(by), ..net.outside(AT, &fr()) };
        let sealed = net.forge(outside, &notification(0), |addressing| {
            (addressing.created, addressing.expires) = (created, created + 60);
        });
        let digest = Envelope::parse(&sealed.header, 1 << 14).unwrap().digest();
        let id = MessageId::new(created, [1; 10]);
        at.outbox.put((id, digest), &Request::submit(sealed.clone())).unwrap();
        (id, sealed)
    };
    let now = net.ambient.now();
    let (expired, open, foreign) = (until(AT, 1), until(AT, now), until(PT, 2));
    let mut forged = until(AT, 3);
    let payload = Envelope::parse(&forged.1.header, 1 << 14).unwrap().payload().to_vec();
    let key = sign_key(&format!("{PT} sign"));
    let signed = Envelope::sign(Kind::Header, payload, &[&key], net.ambient.random());
    forged.1.header = signed.unwrap().bytes().clone();
    for (_, sealed) in [&expired, &open, &foreign, &forged] {
        net.put_as(EntryKind::NotDelivered, &own, sealed);
    }
    let taken = at.collect(&net);
    let [
        Taken::NotDelivered(_),
        Taken::NotProven { why: Unproven::NotExpired, place },
        Taken::NotProven { why: Unproven::AnotherSender(_), .. },
        Taken::NotProven { why: Unproven::Header(NotOpened::Header(_)), .. },
    ] = &taken[..]
    else {
        panic!("{taken:?}")
    };
    assert_eq!(place.mailbox.count, 2);
    let noted = |of: &(MessageId, v1::Envelope)| at.outbox.state(of.0).unwrap().expired;
    assert_eq!([&expired, &open, &foreign, &forged].map(noted), [true, false, false, false]);
    let how = [1, 2, 3, 4].map(|number| at.inbox.how(number).unwrap());
    let (done, refused) = (Some(How::NotDelivered), Some(How::read("NOT_PROVEN")));
    assert_eq!(how, [done, None, refused.clone(), refused]);
    // What is early is looked at again.
    net.ambient = testlog::ambient_at(now + 60);
    let taken = at.collect(&net);
    assert!(matches!(taken[..], [Taken::NotDelivered(_)]), "{taken:?}");
    assert!(noted(&open));
}

/// The same of a colleague's acknowledgement: entries of kind 3.
#[test]
fn a_backdated_acknowledgement_of_a_colleague_is_refused() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    at.notify(&mut net);
    let id = contact("fr/cert-fr");
    let (items, _) = net.collect(FR, 0);
    let header = envelope::verify_header(&net.directory, &items[0].header).unwrap();
    let (by, key) = (seat(FR_2), sign_key(&format!("{FR_2} sign")));
    let words = (words::words(), None);
    let open = crate::client::message::acknowledge::acknowledge(
        &net.directory,
        (&by, &key),
        (&header, 1),
        words,
        net.view(),
        &net.ambient,
    );
    let open = open.unwrap().open;
    net.put_acknowledgement(&id, 1, &open);
    net.revoke_sign_key(FR_2);
    let taken = paris.collect(&net);
    assert!(matches!(&taken[..], [Taken::Message { .. }, Taken::Colleague(_)]), "{taken:?}");
    net.put_acknowledgement(&id, 1, &open);
    let taken = paris.collect(&net);
    let [Taken::NotAcknowledged { why: ReceiptError::Backdated { .. }, .. }] = &taken[..] else {
        panic!("{taken:?}")
    };
    let how = [2, 3].map(|number| paris.inbox.how(number).unwrap().unwrap());
    assert_eq!(how, ["ACKNOWLEDGED", "NOT_ACKNOWLEDGED"]);
}

/// An open acknowledgement of the message at the front of fr's mailbox, by this seat.
fn acknowledged_by(net: &Net, by: &str) -> Envelope {
    acknowledged_in(net, by, net.view())
}

fn acknowledged_in(net: &Net, by: &str, view: View) -> Envelope {
    let (items, _) = net.collect(FR, 0);
    let header = envelope::verify_header(&net.directory, &items[0].header).unwrap();
    let (seat, key) = (seat(by), sign_key(&format!("{by} sign")));
    let (of, words) = ((&seat, &key), (words::words(), None));
    let acknowledge = crate::client::message::acknowledge::acknowledge;
    acknowledge(&net.directory, of, (&header, 1), words, view, &net.ambient).unwrap().open
}

#[test]
fn an_acknowledgement_of_a_view_that_cannot_be_is_refused() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    at.notify(&mut net);
    paris.collect(&net);
    let (View { size, root }, found) = (net.view(), 1 << 40);
    let far = acknowledged_in(&net, FR_2, View { size: found, root });
    net.put_acknowledgement(&contact("fr/cert-fr"), 1, &far);
    let taken = paris.collect(&net);
    let Some(Taken::NotAcknowledged { why, .. }) = taken.last() else { panic!("{taken:?}") };
    let ahead = Refusal::ViewAhead { size, found };
    assert_eq!(*why, ReceiptError::Refused { what: "acknowledgement", why: ahead });
    assert!(paris.inbox.pending().unwrap().is_empty());
}

/// Of another recipient's, and with a signature that is none: the relay may put what it likes.
#[test]
fn only_a_colleague_acknowledges_in_a_mailbox() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let both = net.outside(AT, &["fr/cert-fr", "pt/cert-pt"]);
    at.send(&mut net, both, &notification(0));
    let id = contact("fr/cert-fr");
    let payload = acknowledged_by(&net, FR_2).payload().clone();
    let key = sign_key(&format!("{PT} sign"));
    let forged =
        Envelope::sign(Kind::Acknowledgement, payload.to_vec(), &[&key], net.ambient.random());
    for open in [acknowledged_by(&net, PT), forged.unwrap()] {
        net.put_acknowledgement(&id, 1, &open);
    }
    let taken = paris.collect(&net);
    let [Taken::Message { .. }, refused @ ..] = &taken[..] else { panic!("{taken:?}") };
    assert!(
        matches!(refused, [Taken::NotAcknowledged { .. }, Taken::NotAcknowledged { .. }]),
        "{taken:?}"
    );
    let how = [2, 3].map(|number| paris.inbox.how(number).unwrap().unwrap());
    assert_eq!(how, ["NOT_ACKNOWLEDGED"; 2]);
}

/// A message of a seat that the copy does not know yet, and a colleague's acknowledgement of it.
#[test]
fn an_acknowledgement_waits_for_the_sync_that_its_message_needs() {
    let mut net = Net::new();
    let paris = Machine::new(&net, FR);
    paris.collect(&net);
    let behind = net.clone();
    net.roster("at/cert-at", 2, &["duty-1", "duty-9"]);
    let sealed = net.seal(net.outside("at/cert-at/duty-9", &fr()), &notification(0));
    let id = contact("fr/cert-fr");
    net.put(&id, &sealed.envelope);
    net.put_acknowledgement(&id, 1, &acknowledged_by(&net, FR_2));
    for item in &net.collect(FR, 0).0 {
        let taken = paris.take(&behind, item).unwrap();
        assert!(matches!(taken, Taken::SyncFirst(_)), "{taken:?}");
    }
    let taken = paris.at_desk(&net, |desk| collect::deal_with_pending(desk, paris.boxes()));
    let taken = taken.unwrap();
    assert!(matches!(&taken[..], [Taken::Message { .. }, Taken::Colleague(_)]), "{taken:?}");
}

/// A head in an older view than was seen would hide which keys had ended.
#[test]
fn a_head_of_an_older_view_is_not_taken_and_the_reader_asks_again() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    at.notify(&mut net);
    let id = contact("fr/cert-fr");
    let (items, _) = net.collect(FR, 0);
    paris.take(&net, &items[0]).unwrap();
    let old = net.head(&id, net.mailbox(&id));
    let before = net.view().size;
    net.roster("es/cert-es", 1, &["duty-1"]);
    let size = net.view().size;
    let behind = |result: Result<Vec<Taken>, TakeError>| match result.unwrap_err() {
        TakeError::Inbox(InboxError::HeadBehind { needed, found }) => (needed, found),
        other => panic!("{other}"),
    };
    assert_eq!(behind(paris.take_head_since(&net, &old, size)), (size, before));
    assert!(paris.inbox.head().unwrap().is_none(), "it is not taken");
    assert!(paris.outbox.ids().unwrap().is_empty());
    let new = net.head(&id, net.mailbox(&id));
    assert_eq!(paris.take_head_since(&net, &new, size).unwrap().len(), 1);
    // Nor one that is older than an earlier head.
    assert_eq!(behind(paris.take_head(&net, &old)), (size, before));
    assert_eq!(paris.inbox.head().unwrap(), Some(new));
}

/// The sender's record changed since: what the relay refuses for that is sealed again, under its id
/// and with the same content, at a level that the sender has now.
#[test]
fn what_was_sealed_on_an_old_directory_is_sealed_again() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let id = at.notify(&mut net);
    paris.collect(&net);
    let words = (words::words(), None);
    paris.at_desk(&net, |desk| collect::acknowledge(desk, paris.boxes(), 1, words)).unwrap();
    let header = paris.inbox.item(1).unwrap().item.header;
    let header = envelope::verify_header(&net.directory, &header).unwrap();
    let header = (header.digest(), header.addressing());
    let reply = Outside::answering(&net.directory, seat(FR), header, Class::Reply, net.view());
    let reply = net.seal(reply, &notification(7));
    let request = Request::submit(reply.envelope.clone());
    paris.outbox.put((reply.id, reply.header_digest), &request).unwrap();
    net.record("at/cert-at", 2, &[Level::Technical, Level::Legal]);
    let directory = net.directory.clone();
    let of = |id| addressing_of(&directory, &paris.outbox, id);
    let sealed = paris.outbox.ids().unwrap();
    assert_eq!(sealed.len(), 3);
    for old in sealed.clone() {
        let before = of(old);
        let mut relay = net.clone();
        let hand_in = |relay: &mut Net, request| match request {
            Request::Submit(request) => relay.submit(&request.envelope.unwrap()),
            Request::Acknowledge(request) => relay.acknowledge(&contact("fr/cert-fr"), &request),
        };
        let (request, header) = (paris.outbox.request(old).unwrap(), paris.digest(old));
        let refused = hand_in(&mut relay, request.clone()).unwrap_err();
        assert_eq!(refused.code(), "STALE_DIRECTORY");
        paris.seal_again(&net, old).unwrap();
        let after = of(old);
        assert!(after.view == net.view() && (after.id, after.thread) == (old, before.thread));
        assert_eq!(paris.outbox.find(paris.digest(old)).unwrap(), Some(old));
        let found = (paris.outbox.find(header).unwrap(), paris.outbox.was(header).unwrap());
        assert_eq!(found, (None, Some(old)));
        // Its maker keeps it once more, after a crash; another program seals it no second time.
        paris.outbox.put((old, header), &request).unwrap();
        let (again, before_it) = (paris.outbox.request(old).unwrap(), (old, &request));
        let sealed =
            paris.at_desk(&net, |desk| again::seal_again(desk, &paris.outbox, before_it, false));
        assert_eq!((sealed.unwrap(), paris.outbox.request(old).unwrap()), ((), again.clone()));
        let same = |of: &Addressing| (of.in_reply_to, of.class, of.expires, of.recipients.clone());
        assert_eq!(same(&after), same(&before));
        if let (Request::Acknowledge(was), Request::Acknowledge(is)) = (request, again.clone()) {
            let open = |bytes| acknowledge::verify(&net.directory, bytes).unwrap();
            let (was, is) = (open(&was.acknowledgement), open(&is.acknowledgement));
            assert_eq!((was.at(), was.level(), is.view()), (is.at(), is.level(), net.view()));
        }
        assert!(hand_in(&mut relay, again).is_ok());
    }
    assert_eq!(paris.outbox.pending().unwrap(), sealed);
    paris.hand_in(&mut net);
    let taken = at.collect(&net);
    let opened = taken.iter().map(|taken| match taken {
        Taken::Message { opened, .. } => opened.inside.clone(),
        _ => panic!("{taken:?}"),
    });
    let opened: Vec<Inside> = opened.collect();
    assert!(matches!(&opened[0], Inside::Delivered(said) if said.outcome == 1), "{opened:?}");
    assert!(matches!(&opened[1], Inside::Words(_)), "{opened:?}");
    assert_eq!(opened[2], notification(7));
    let status = net.status(id, &contact("at/cert-at"));
    let refused = at.at_desk(&net, |desk| collect::take_status(desk, &at.outbox, id, &status));
    assert_eq!(refused.unwrap(), []);
    assert_eq!(at.outbox.state(id).unwrap().acknowledged, [seat(FR)]);
    // What answers by its nature goes at a level that is there; whom a human addressed stays.
    net.record("at/cert-at", 3, &[Level::Legal]);
    for id in paris.outbox.ids().unwrap() {
        let of = of(id);
        let again = Outside::again(&net.directory, &of, net.view(), net.ambient.now()).unwrap();
        let level = if of.class == Class::Reply { Level::Technical } else { Level::Legal };
        assert_eq!(again.recipients[0].level, level, "{:?}", of.class);
    }
}

/// What waits in the outbox of a seat, and is not handed in.
fn waiting(at: &Machine, net: &Net, outside: Outside) -> MessageId {
    let sealed = net.seal(outside, &notification(0));
    let request = Request::submit(sealed.envelope);
    at.outbox.put((sealed.id, sealed.header_digest), &request).unwrap();
    sealed.id
}

/// It keeps its age, but for what no relay takes: a date that has not come.
#[test]
fn what_was_written_by_a_fast_clock_is_dated_anew_and_nothing_else_is() {
    let mut net = Net::new();
    let at = Machine::new(&net, AT);
    let now = net.ambient.now();
    net.ambient = testlog::ambient_at(now);
    let written = |created| Outside { created: Some(created), ..net.outside(AT, &fr()) };
    let (early, fast) = (written(now - 100), written(now + 3 * 86_400));
    let (early, fast) = (waiting(&at, &net, early), waiting(&at, &net, fast));
    let dated = |net: &Net, id| {
        let of = at.at_desk(net, |desk| collect::sent_header(desk, &at.outbox, id)).unwrap();
        (of.addressing().id, of.addressing().created, of.addressing().expires)
    };
    let why = at.seal_again(&net, early).unwrap_err();
    assert!(matches!(why, SealError::NotOutdated), "{why}");
    at.seal_again(&net, fast).unwrap();
    assert_eq!(dated(&net, fast), (fast, now, now + limits::MESSAGE_SECONDS));
    net.roster("fr/cert-fr", 2, &["duty-1", "duty-2", "duty-9"]);
    at.seal_again(&net, early).unwrap();
    assert_eq!(dated(&net, early), (early, now - 100, now - 100 + limits::MESSAGE_SECONDS));
}

#[test]
fn what_the_copy_does_not_show_is_not_sealed_again() {
    let mut net = Net::new();
    let at = Machine::new(&net, AT);
    let id = waiting(&at, &net, net.outside(AT, &fr()));
    let request = at.outbox.request(id).unwrap();
    // It is no reader's change.
    net.record("pt/cert-pt", 2, &[Level::Legal]);
    let why = at.seal_again(&net, id).unwrap_err();
    assert!(matches!(why, SealError::NotOutdated), "{why}");
    // A recipient who is not there any more is the reason, and nothing else is.
    net.withdraw("fr/cert-fr", 2);
    let why = at.seal_again(&net, id).unwrap_err();
    assert!(matches!(why, SealError::Compose(ComposeError::Refused(_))), "{why}");
    // Nobody can read it there, and the relay would say so, too: it waits no longer.
    assert_eq!((at.outbox.request(id).unwrap(), at.outbox.pending().unwrap()), (request, vec![]));
    assert_eq!(at.outbox.refused(id).unwrap().unwrap(), "UNKNOWN_CONTACT");
}

#[test]
fn a_view_that_the_copy_does_not_reach_is_outdated() {
    let mut net = Net::new();
    let (at, before) = (Machine::new(&net, AT), net.clone());
    net.record("pt/cert-pt", 2, &[Level::Legal]);
    let id = waiting(&at, &net, net.outside(AT, &fr()));
    at.seal_again(&before, id).unwrap();
    assert_eq!(addressing_of(&net.directory, &at.outbox, id).view, before.view());
}

#[test]
fn whether_the_directory_is_old_is_said_of_the_view_that_stands() {
    let mut net = Net::new();
    let at = Machine::new(&net, AT);
    let old = Outside { flags: vec![Flag::StaleDirectory], ..net.outside(AT, &fr()) };
    let id = waiting(&at, &net, old);
    for (version, stale) in [(2, false), (3, true), (4, false)] {
        net.record("fr/cert-fr", version, &[Level::Technical]);
        let before = at.outbox.request(id).unwrap();
        let before = (id, &before);
        at.at_desk(&net, |desk| again::seal_again(desk, &at.outbox, before, stale)).unwrap();
        let flags = addressing_of(&net.directory, &at.outbox, id).flags;
        let said: &[_] = if stale { &[OrLater::Known(Flag::StaleDirectory)] } else { &[] };
        assert_eq!(flags, said);
    }
}

/// What answers a message that was sealed again names the header that it has now.
#[test]
fn an_answer_names_its_message_as_it_was_sealed_again() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let first = waiting(&at, &net, net.outside(AT, &fr()));
    let update = Outside {
        class: Class::Update,
        thread: Some(first),
        in_reply_to: Some(at.digest(first)),
        ..net.outside(AT, &fr())
    };
    let update = waiting(&at, &net, update);
    let answered =
        |net: &Net| at.at_desk(net, |desk| again::answered(desk, &at.outbox, update)).unwrap();
    assert_eq!(answered(&net), Some(first));
    let names = |net: &Net| {
        at.at_desk(net, |desk| again::names_what_was(desk, &at.outbox, update)).unwrap()
    };
    assert!(!names(&net));
    net.record("fr/cert-fr", 2, &[Level::Technical]);
    at.seal_again(&net, first).unwrap();
    assert!(names(&net));
    assert_eq!(answered(&net), Some(first));
    at.seal_again(&net, update).unwrap();
    assert!(!names(&net));
    let of = addressing_of(&net.directory, &at.outbox, update);
    assert_eq!((of.in_reply_to, of.thread), (Some(at.digest(first)), first));
    at.hand_in(&mut net);
    let opened = paris.collect(&net);
    assert!(opened.iter().all(|taken| matches!(taken, Taken::Message { .. })), "{opened:?}");
}

/// What answers a message that went to the others as another names that one, in its thread.
#[test]
fn an_answer_names_what_went_to_the_others() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let first = waiting(&at, &net, net.outside(AT, &["fr/cert-fr", "pt/cert-pt"]));
    let update = |of: MessageId| Outside {
        class: Class::Update,
        thread: Some(first),
        in_reply_to: Some(at.digest(of)),
        ..net.outside(AT, &fr())
    };
    let update_1 = waiting(&at, &net, update(first));
    let update_2 = waiting(&at, &net, update(update_1));
    let (before, others) = (at.outbox.request(first).unwrap(), net.notification());
    let (of, request) = ((others.id, others.header_digest), Request::submit(others.envelope));
    assert!(at.outbox.put_instead(of, &request, (first, &before)).unwrap());
    let answered =
        |id| at.at_desk(&net, |desk| again::answered(desk, &at.outbox, id)).unwrap().unwrap();
    assert_eq!((answered(update_1), answered(update_2)), (others.id, update_1));
    for (id, names) in [(update_1, others.id), (update_2, update_1)] {
        let was = |id| at.at_desk(&net, |desk| again::names_what_was(desk, &at.outbox, id));
        assert!(was(id).unwrap());
        at.seal_again(&net, id).unwrap();
        assert!(!was(id).unwrap());
        let of = addressing_of(&net.directory, &at.outbox, id);
        assert_eq!((of.in_reply_to, of.thread), (Some(at.digest(names)), others.id));
    }
    at.hand_in(&mut net);
    let opened = paris.collect(&net);
    assert_eq!(opened.len(), 3);
    assert!(opened.iter().all(|taken| matches!(taken, Taken::Message { .. })), "{opened:?}");
}

/// What a key signed that has ended since is sealed again with the one that stands.
#[test]
fn what_waits_is_signed_with_the_new_key() {
    let mut net = Net::new();
    let (at, mut paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let about = at.notify(&mut net);
    paris.collect(&net);
    paris.hand_in(&mut net);
    let words = (words::words(), None);
    let acknowledged =
        paris.at_desk(&net, |desk| collect::acknowledge(desk, paris.boxes(), 1, words)).unwrap();
    let message = waiting(&paris, &net, net.outside(FR, &["at/cert-at"]));
    net.roster_signing("fr/cert-fr", 2, &["duty-1", "duty-2"], "new sign");
    let waits = [acknowledged, message];
    for (sign, reason) in [("sign", "KEY_NOT_IN_FORCE"), ("newer sign", "UNKNOWN_KEY")] {
        paris.sign = sign;
        for id in waits {
            let why = paris.seal_again(&net, id).unwrap_err();
            assert!(
                matches!(&why, SealError::Compose(ComposeError::Refused(why)) if why.code() == reason)
            );
        }
        assert_eq!(paris.outbox.pending().unwrap(), waits);
    }
    paris.sign = "new sign";
    for id in waits {
        let mut relay = net.clone();
        let refused = match paris.outbox.request(id).unwrap() {
            Request::Submit(request) => relay.submit(&request.envelope.unwrap()),
            Request::Acknowledge(of) => relay.acknowledge(&contact("fr/cert-fr"), &of),
        };
        assert_eq!(refused.unwrap_err().code(), "KEY_NOT_IN_FORCE");
        paris.seal_again(&net, id).unwrap();
    }
    paris.hand_in(&mut net);
    let status = net.status(about, &contact("at/cert-at"));
    let taken = at.at_desk(&net, |desk| collect::take_status(desk, &at.outbox, about, &status));
    assert_eq!(taken.unwrap(), []);
    assert_eq!(at.outbox.state(about).unwrap().acknowledged, [seat(FR)]);
    let opened = at.collect(&net);
    assert!(opened.iter().all(|taken| matches!(taken, Taken::Message { .. })), "{opened:?}");
    assert_eq!(opened.len(), 3, "the receipt, the words, the message");
}

/// Nobody has the header that a message had before: what names it says nothing of the message.
#[test]
fn what_answers_a_former_header_answers_nothing_of_ours() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let id = waiting(&at, &net, net.outside(AT, &fr()));
    let Request::Submit(former) = at.outbox.request(id).unwrap() else { panic!("a message") };
    let header = at.digest(id);
    // A relay that says stale, and has it all the same.
    net.put(&contact("fr/cert-fr"), &former.envelope.unwrap());
    paris.collect(&net);
    net.record("fr/cert-fr", 2, &[Level::Technical]);
    at.seal_again(&net, id).unwrap();
    let Request::Submit(receipt) = paris.outbox.request(paris.outbox.ids().unwrap()[0]).unwrap()
    else {
        panic!("a receipt")
    };
    net.put(&contact("at/cert-at"), &receipt.envelope.unwrap());
    let taken = at.collect(&net);
    let [Taken::Message { matched, .. }] = &taken[..] else { panic!("{taken:?}") };
    assert_eq!(*matched, Matched::NotOurs(header));
    assert_eq!(at.stage(id), Stage::Sent);
}

/// How an envelope of the outbox is addressed.
fn addressing_of(directory: &Directory, outbox: &Outbox, id: MessageId) -> Addressing {
    let request = outbox.request(id).unwrap();
    let header = &request.envelope().unwrap().header;
    envelope::verify_header(directory, header).unwrap().addressing().clone()
}

/// What does not belong to a message's thread, or was signed in an older view, is refused by who has
/// that message, whatever the relay let in; the sender is told, and nothing is noted.
#[test]
fn what_does_not_fit_its_thread_is_refused_after_opening() {
    let mut net = Net::new();
    let before = net.view();
    net.roster("es/cert-es", 1, &["duty-1"]);
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let (id, other) = (at.notify(&mut net), at.notify(&mut net));
    let taken = paris.collect(&net);
    let [Taken::Message { opened, place, .. }, Taken::Message { .. }] = &taken[..] else {
        panic!("{taken:?}")
    };
    let header = (opened.header.digest(), opened.header.addressing());
    let of = |class| Outside::answering(&net.directory, seat(FR), header, class, net.view());
    let outcome = (Outcome::Opened, None);
    let receipt = content::delivered(header.0, outcome, place.to_proto(), 1);
    let drill = Some(proto::Drill { kind: 1, name: String::new() });
    let stranger = Outside { sender: seat(PT), ..of(Class::Reply) };
    let rows = [
        (Outside { view: before, ..of(Class::Receipt) }, receipt, Amiss::EarlierView),
        (Outside { view: before, ..of(Class::Reply) }, notification(0), Amiss::EarlierView),
        (Outside { drill, ..of(Class::Reply) }, notification(0), Amiss::OtherDrill),
        (Outside { thread: Some(other), ..of(Class::Reply) }, notification(0), Amiss::OtherThread),
        (stranger, notification(0), Amiss::NotAParty),
        (of(Class::Withdrawal), notification(0), Amiss::NotItsOwn),
        (of(Class::Correction), notification(0), Amiss::NotItsOwn),
        (of(Class::AllClear), notification(0), Amiss::NotItsBeginner),
    ];
    let sealed = rows.map(|(outside, inside, amiss)| (net.seal(outside, &inside), amiss));
    for (number, (sealed, amiss)) in (1..).zip(&sealed) {
        // The relay finds messages by id, and not what a digest names.
        let relay = net.clone().submit(&sealed.envelope).map(|_| ()).map_err(|why| why.code());
        let hidden = *amiss == Amiss::OtherThread;
        assert_eq!(relay, if hidden { Ok(()) } else { Err(amiss.reason().code()) }, "{amiss}");
        net.put(&contact("at/cert-at"), &sealed.envelope);
        let due = sealed.addressing.class != Class::Receipt;
        let before = at.outbox.ids().unwrap().len();
        let taken = at.collect(&net);
        let [Taken::NotOpened { why, answer, header: Some(_), .. }] = &taken[..] else {
            panic!("{amiss}: {taken:?}")
        };
        assert_eq!(*why, NotOpened::Thread(*amiss));
        assert_eq!(matches!(answer, Receipted::Queued(_)), due, "{amiss}");
        assert_eq!(at.outbox.ids().unwrap().len() - before, usize::from(due), "{amiss}");
        assert_eq!(
            at.inbox.how(number).unwrap().as_ref().map(How::code),
            Some(amiss.reason().code())
        );
        let of = Addressing {
            in_reply_to: Some(sealed.header_digest),
            ..addressing_of(&net.directory, &at.outbox, id)
        };
        let answered = at.at_desk(&net, |desk| collect::answered(desk, at.boxes(), &of));
        assert_eq!(answered.unwrap(), None, "nothing is read beside it");
        assert_eq!(at.stage(id), Stage::Accepted, "{amiss}");
        // Whenever it is read, too.
        assert_eq!(at.again(&net, number), Err(why.clone()));
    }
    // What they say of it is that it was refused.
    let told = at.outbox.pending().unwrap();
    for id in &told {
        let request = at.outbox.request(*id).unwrap();
        let item = relay::item(request.envelope().unwrap(), FR);
        let header = envelope::verify_header(&net.directory, &item.header).unwrap();
        if header.addressing().recipients[0].contact == contact("fr/cert-fr") {
            let opened = net.open(FR, &item).unwrap();
            let Inside::Delivered(delivered) = &opened.inside else { panic!("a receipt") };
            assert_eq!(content::outcome(delivered), Some(OrLater::Known(Outcome::Refused)));
        }
    }
    assert_eq!(told.len(), sealed.len() - 1);
}

/// The same beside what came: the message answered, and the thread's first. What is not here is not
/// asked for, and what was opened stays open.
#[test]
fn a_thread_is_read_beside_what_came_of_it() {
    let mut net = Net::new();
    let before = net.view();
    net.roster("es/cert-es", 1, &["duty-1"]);
    let paris = Machine::new(&net, FR);
    let (to_fr, all) = (["fr/cert-fr"], ["fr/cert-fr", "pt/cert-pt"]);
    let first = net.seal(net.outside(AT, &all), &notification(0));
    let other = net.seal(net.outside(AT, &to_fr), &notification(0));
    let nowhere = Some(crate::crypto::hash::Digest::from_bytes([9; 32]));
    let of = |by: &str, class, answered: &Sealed| Outside {
        class,
        thread: Some(first.id),
        in_reply_to: Some(answered.header_digest),
        ..net.outside(by, &to_fr)
    };
    let lost = |by: &str, class| Outside { in_reply_to: nowhere, ..of(by, class, &first) };
    let drill = Some(proto::Drill { kind: 1, name: String::new() });
    let reply = Outside {
        recipients: net.outside(PT, &["at/cert-at", "fr/cert-fr"]).recipients,
        ..of(PT, Class::Reply, &first)
    };
    let reply = net.seal(reply, &notification(0));
    let marked = Outside { drill: drill.clone(), ..lost(PT, Class::Reply) };
    let marked = net.seal(marked, &notification(0));
    let all_clear = net.seal(lost(PT, Class::AllClear), &notification(0));
    let rows = vec![
        (
            Outside { thread: Some(other.id), ..of(AT, Class::Reply, &reply) },
            Some(Amiss::OtherThread),
        ),
        (Outside { drill, ..of(AT, Class::Reply, &reply) }, Some(Amiss::OtherDrill)),
        (of(PT, Class::Reply, &other), Some(Amiss::OtherThread)),
        (
            Outside { thread: Some(other.id), ..of(PT, Class::Reply, &other) },
            Some(Amiss::NotAParty),
        ),
        (of(AT, Class::Correction, &reply), Some(Amiss::NotItsOwn)),
        (of(AT, Class::Withdrawal, &reply), Some(Amiss::NotItsOwn)),
        (Outside { view: before, ..of(AT, Class::Reply, &reply) }, Some(Amiss::EarlierView)),
        (lost(PT, Class::AllClear), Some(Amiss::NotItsBeginner)),
        (of(PT, Class::AllClear, &reply), Some(Amiss::NotItsBeginner)),
        (of(AT, Class::AllClear, &first), None),
        (of(PT, Class::Withdrawal, &reply), None),
        (lost(AT, Class::Reply), None),
        (lost(AT, Class::Withdrawal), None),
        // Nothing is read beside what was refused.
        (of(AT, Class::Correction, &marked), None),
    ];
    let rows: Vec<(Sealed, Option<Amiss>)> = rows
        .into_iter()
        .map(|(outside, amiss)| (net.seal(outside, &notification(0)), amiss))
        .collect();
    let words = Inside::Words(Box::new(words::words()));
    let to_at = Outside {
        recipients: net.outside(PT, &["at/cert-at"]).recipients,
        ..of(PT, Class::Acknowledgement, &first)
    };
    let to_two = net.forge(to_at, &words, |addressing| {
        let more = addressing.recipients[0].clone();
        let more = proto::Recipient { contact: "fr/cert-fr".to_owned(), ..more };
        addressing.recipients.push(more);
    });
    let by_step = net.forge(of(PT, Class::Acknowledgement, &first), &words, |addressing| {
        addressing.recipients[0].step = 1;
    });
    let astray = net.seal(of(PT, Class::Acknowledgement, &first), &words);
    let begins = net.forge(net.outside(AT, &to_fr), &notification(0), |addressing| {
        addressing.in_reply_to = Bytes::from_static(&[9; 32]);
    });
    let mut come = |sealed: &v1::Envelope| {
        net.put(&contact("fr/cert-fr"), sealed);
        let taken = paris.collect(&net);
        match &taken[..] {
            [Taken::NotOpened { why: NotOpened::Thread(amiss), .. }] => Some(*amiss),
            [Taken::Message { .. }] => None,
            _ => panic!("{taken:?}"),
        }
    };
    assert_eq!(come(&all_clear.envelope), None, "its thread is not here yet");
    for sealed in [&first, &other, &reply] {
        assert_eq!(come(&sealed.envelope), None);
    }
    assert_eq!(come(&marked.envelope), Some(Amiss::OtherDrill));
    assert_eq!(come(&begins), Some(Amiss::BeginsAndAnswers));
    for (row, (sealed, amiss)) in rows.iter().enumerate() {
        assert_eq!(come(&sealed.envelope), *amiss, "row {row}");
    }
    assert_eq!(come(&astray.envelope), Some(Amiss::NotToItsSender));
    for sealed in [to_two, by_step] {
        let header = envelope::verify_header(&net.directory, &sealed.header).unwrap();
        let found = thread::alone(header.addressing());
        assert_eq!(found, Some(Amiss::NotToItsSender));
        assert_eq!(net.submit(&sealed).unwrap_err(), Refusal::WrongThread(found.unwrap()));
    }
    // It was receipted as opened, and stays so; people are told.
    assert_eq!(paris.again(&net, 1), Ok(()));
    let header = envelope::verify_header(&net.directory, &all_clear.envelope.header).unwrap();
    let amiss = paris.at_desk(&net, |desk| collect::amiss(desk, paris.boxes(), &header));
    assert_eq!(amiss.unwrap(), Some(Amiss::NotItsBeginner));
}

/// Two contacts may use one id: their threads are two, and who answers one is not held against the
/// other.
#[test]
fn threads_of_one_id_are_each_right() {
    let mut net = Net::new();
    let paris = Machine::new(&net, FR);
    let to_fr = ["fr/cert-fr"];
    let first = net.seal(net.outside(AT, &to_fr), &notification(0));
    let id = Bytes::copy_from_slice(first.id.as_bytes());
    let drill = Some(proto::Drill { kind: 1, name: String::new() });
    let same = net.forge(net.outside(PT, &to_fr), &notification(0), |addressing| {
        (addressing.id, addressing.thread, addressing.drill) = (id.clone(), id, drill.clone());
    });
    let lost = Some(crate::crypto::hash::Digest::from_bytes([9; 32]));
    let of = |by| Outside {
        class: Class::AllClear,
        thread: Some(first.id),
        in_reply_to: lost,
        ..net.outside(by, &to_fr)
    };
    let marked = Outside { drill: drill.clone(), ..of(PT) };
    let answers = [net.seal(of(AT), &notification(0)), net.seal(marked, &notification(0))];
    let wrong = net.seal(of(PT), &notification(0));
    for sealed in [&first.envelope, &same, &answers[0].envelope, &answers[1].envelope] {
        net.put(&contact("fr/cert-fr"), sealed);
    }
    net.put(&contact("fr/cert-fr"), &wrong.envelope);
    let taken = paris.collect(&net);
    let opened = |taken: &Taken| matches!(taken, Taken::Message { .. });
    assert!(taken[..4].iter().all(opened), "{taken:?}");
    assert!(matches!(&taken[4], Taken::NotOpened { why: NotOpened::Thread(_), .. }), "{taken:?}");
}

/// As long as the relay remembers the message, and by no clock but that.
#[test]
fn a_message_that_the_relay_has_forgotten_gets_no_receipt() {
    let net = {
        let mut net = Net::new();
        let outside = net.outside(AT, &["fr/cert-fr"]);
        let sealed = net.seal(outside, &notification(0));
        net.submit(&sealed.envelope).unwrap();
        net
    };
    let began = net.ambient.now();
    let forgotten = began + limits::MESSAGE_SECONDS + limits::ID_REMEMBERED_SECONDS;
    for (now, due) in [(forgotten - 60, true), (forgotten + 60, false)] {
        let mut net = Net { ambient: testlog::ambient_at(now), ..net.clone() };
        let paris = Machine::new(&net, FR);
        let taken = paris.collect(&net);
        let [Taken::Message { answer, .. }] = &taken[..] else { panic!("{taken:?}") };
        assert_eq!(*answer == Receipted::NotDue, !due);
        assert_eq!(paris.outbox.ids().unwrap().len(), usize::from(due));
        paris.hand_in(&mut net);
    }
}

/// Of whom a message's sender has nothing, what he sends under the thread's id is another thread's;
/// and where a thread began, digests say.
#[test]
fn what_bears_the_id_of_another_thread_keeps_none_of_its_messages_back() {
    let mut net = Net::new();
    let paris = Machine::new(&net, FR);
    let all = ["fr/cert-fr", "pt/cert-pt"];
    let first = net.seal(net.outside(AT, &all), &notification(0));
    let unseen = net.seal(net.outside(AT, &all[1..]), &notification(0));
    let under = |id: MessageId, drill: Option<proto::Drill>| {
        let id = Bytes::copy_from_slice(id.as_bytes());
        net.forge(net.outside(PT, &all[..1]), &notification(0), |addressing| {
            (addressing.id, addressing.thread, addressing.drill) = (id.clone(), id, drill);
        })
    };
    let drill = Some(proto::Drill { kind: 1, name: String::new() });
    let (begins, marks) = (under(first.id, None), under(unseen.id, drill));
    let of = |by: &str, class, answered: &Sealed, thread| {
        let outside = net.outside(by, if by == AT { &all } else { &all[..1] });
        let in_reply_to = Some(answered.header_digest);
        let outside = Outside { class, thread: Some(thread), in_reply_to, ..outside };
        net.seal(outside, &notification(0))
    };
    let update = of(AT, Class::Update, &first, first.id);
    let cleared = of(PT, Class::AllClear, &update, first.id);
    let joined = of(AT, Class::Update, &unseen, unseen.id);
    let cleared_by_at = of(AT, Class::AllClear, &unseen, unseen.id);
    for envelope in [
        &begins,
        &marks,
        &first.envelope,
        &update.envelope,
        &cleared.envelope,
        &joined.envelope,
        &cleared_by_at.envelope,
    ] {
        net.put(&contact("fr/cert-fr"), envelope);
    }
    let taken = paris.collect(&net);
    assert!(taken.iter().all(|taken| matches!(taken, Taken::Message { .. })), "{taken:?}");
    // One that fits is enough, and people see what digests lead to.
    let header = envelope::verify_header(&net.directory, &cleared.envelope.header).unwrap();
    let began =
        paris.at_desk(&net, |desk| collect::first(desk, paris.boxes(), header.addressing()));
    let began = began.unwrap().unwrap();
    assert_eq!(began.digest(), first.header_digest);
    let amiss = thread::beside_first(header.addressing(), &began);
    assert_eq!(amiss, Some(Amiss::NotItsBeginner));
}

/// A co-recipient knows the id of an alert's thread, and sends something more urgent under it: that is
/// fetched first, and beside the alert's own header it keeps no update of the alert back.
#[test]
fn what_is_fetched_first_keeps_nothing_back() {
    let mut net = Net::new();
    let (at, mut paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let all = ["fr/cert-fr", "pt/cert-pt"];
    let outside = net.outside(AT, &all);
    let alert = at.send(&mut net, outside, &notification(0));
    let id = Bytes::copy_from_slice(alert.as_bytes());
    let drill = Some(proto::Drill { kind: 1, name: String::new() });
    let flash = Outside { urgency: Urgency::Flash, ..net.outside(PT, &["at/cert-at", all[0]]) };
    let junk = net.forge(flash, &notification(0), |addressing| {
        (addressing.id, addressing.thread, addressing.drill) = (id.clone(), id, drill);
    });
    net.submit(&junk).unwrap();
    let update = |net: &Net, answered, urgency| Outside {
        class: Class::Update,
        thread: Some(alert),
        in_reply_to: Some(at.digest(answered)),
        urgency,
        ..net.outside(AT, &all)
    };
    let outside = update(&net, alert, Urgency::Routine);
    let first = at.send(&mut net, outside, &notification(0));
    let outside = update(&net, first, Urgency::Immediate);
    at.send(&mut net, outside, &notification(0));
    let (items, head) = net.collect(FR, 0);
    let headers: Vec<v1::Item> = items.iter().map(alone).collect();
    paris.at_desk(&net, |desk| collect::take_all(desk, paris.boxes(), &headers)).unwrap();
    paris.take_head(&net, &head).unwrap();
    paris.index.update(&paris.inbox).unwrap();
    let order = paris.index.ordered(&paris.inbox.alone().unwrap());
    assert_eq!((order[0], order[3]), (2, 1));
    for number in order {
        let taken = paris.take_whole(&net, &items[number as usize - 1]);
        assert!(matches!(taken, Taken::Message { .. }), "{number}: {taken:?}");
    }
}

/// What comes to fr, each with how it is judged: threads that are right, what others send under their
/// ids, and what does not fit. One thread began with what was sent from there.
fn threads(net: &Net, sent: &Sealed) -> Vec<(v1::Envelope, &'static str)> {
    let drill = || Some(proto::Drill { kind: 1, name: String::new() });
    let outside = |by, drill| {
        let to = if by == AT { ["fr/cert-fr", "pt/cert-pt"] } else { ["at/cert-at", "fr/cert-fr"] };
        Outside { drill, ..net.outside(by, &to) }
    };
    let begins = |by, drill| net.seal(outside(by, drill), &notification(0));
    let forged = |by, first: &Sealed, drill, change: fn(&mut proto::Addressing)| {
        let id = Bytes::copy_from_slice(first.id.as_bytes());
        net.forge(outside(by, drill), &notification(0), |addressing| {
            (addressing.id, addressing.thread) = (id.clone(), id);
            change(addressing);
        })
    };
    let under = |by, first: &Sealed, drill| forged(by, first, drill, |_| ());
    let answers = |by, class, drill, first: &Sealed, in_reply_to| {
        let (thread, in_reply_to) = (Some(first.id), Some(in_reply_to));
        let outside = Outside { class, thread, in_reply_to, ..outside(by, drill) };
        net.seal(outside, &notification(0))
    };
    let of = |sealed: &Sealed| sealed.header_digest;
    let nowhere = Digest::from_bytes([9; 32]);
    let [alert, late, beside, behind] = [(); 4].map(|()| begins(AT, None));
    let unseen = [(); 3].map(|()| begins(AT, None));
    let exercise = begins(PT, drill());
    let update = answers(AT, Class::Update, None, &alert, of(&alert));
    let second = answers(AT, Class::Update, None, &alert, of(&update));
    let marked = answers(PT, Class::Reply, drill(), &alert, of(&alert));
    let taken_back = answers(AT, Class::Correction, None, &alert, of(&marked));
    let unmarked = answers(AT, Class::Reply, None, &exercise, of(&exercise));
    let ahead = answers(PT, Class::Reply, drill(), &behind, of(&behind));
    let to_ahead = answers(AT, Class::Reply, None, &behind, of(&ahead));
    let clear = |by, drill, of| answers(by, Class::AllClear, drill, &alert, of).envelope;
    // Its header holds, and what is sealed under it is none of its class.
    let words = Outside {
        class: Class::Acknowledgement,
        thread: Some(beside.id),
        in_reply_to: Some(nowhere),
        ..net.outside(PT, &fr())
    };
    let hollow = net.forge(words, &Inside::Words(Box::new(words::words())), |addressing| {
        let to = addressing.recipients[0].clone();
        addressing
            .recipients
            .insert(0, proto::Recipient { contact: "at/cert-at".to_owned(), ..to });
        addressing.class = Class::Notification.into();
        (addressing.id, addressing.in_reply_to) = (addressing.thread.clone(), Bytes::new());
        addressing.drill = drill();
    });
    let (opened, wrong) = ("OPENED", "WRONG_THREAD");
    let mut all = vec![
        (under(PT, &late, drill()), opened),
        (hollow, "CONTENT"),
        (alert.envelope.clone(), opened),
        (exercise.envelope.clone(), opened),
        (under(PT, &alert, drill()), opened),
        (under(AT, &exercise, None), opened),
        (under(PT, sent, drill()), opened),
        (answers(AT, Class::Reply, None, sent, of(sent)).envelope, opened),
        (update.envelope.clone(), opened),
        (second.envelope.clone(), opened),
        (late.envelope.clone(), opened),
        (answers(AT, Class::Update, None, &late, of(&late)).envelope, opened),
        (beside.envelope.clone(), opened),
        (answers(AT, Class::Update, None, &beside, of(&beside)).envelope, opened),
        (marked.envelope.clone(), wrong),
        // Nothing is read beside what is refused, and nothing is asked for that stands behind.
        (taken_back.envelope.clone(), opened),
        (unmarked.envelope.clone(), wrong),
        (ahead.envelope.clone(), opened),
        (to_ahead.envelope.clone(), wrong),
        (behind.envelope.clone(), opened),
        (clear(PT, None, nowhere), wrong),
        (clear(PT, drill(), nowhere), opened),
        (clear(AT, None, of(&second)), opened),
    ];
    // Beside what a header alone shows to be refused nothing is read, either.
    let refused: [(fn(&mut proto::Addressing), _); 3] = [
        (|of| of.view.as_mut().unwrap().root = Bytes::from_static(&[9; 32]), "FOREIGN_VIEW"),
        (|of| drop(of.recipients.remove(1)), "FORWARDED"),
        (|of| of.class = Class::Withdrawal.into(), wrong),
    ];
    for (first, (change, how)) in unseen.iter().zip(refused) {
        all.push((forged(PT, first, drill(), change), how));
        all.push((answers(AT, Class::Update, None, first, of(first)).envelope, opened));
    }
    all
}

/// Whatever came whole, in whatever order other bodies are fetched, and however far the index is: each
/// message is judged as if all had come whole, one after the other.
#[test]
fn no_order_of_fetching_decides_what_is_refused() {
    let (mut net, own) = (Net::new(), contact("fr/cert-fr"));
    let sent = net.seal(net.outside(FR, &["at/cert-at"]), &notification(0));
    let (envelopes, expected): (Vec<_>, Vec<_>) = threads(&net, &sent).into_iter().unzip();
    let heads = envelopes.iter().map(|envelope| {
        net.put(&own, envelope);
        net.collect(FR, 0).1
    });
    let heads: Vec<Bytes> = heads.collect();
    let items = net.collect(FR, 0).0;
    let machine = || {
        let paris = Machine::new(&net, FR);
        let request = Request::submit(sent.envelope.clone());
        paris.outbox.put((sent.id, sent.header_digest), &request).unwrap();
        paris
    };
    let judged = |paris: &Machine| {
        let numbers = 1..=items.len() as u64;
        numbers.map(|number| paris.inbox.how(number).unwrap().unwrap()).collect::<Vec<_>>()
    };
    let paris = machine();
    for (item, head) in items.iter().zip(&heads) {
        paris.take(&net, item).unwrap();
        paris.take_head(&net, head).unwrap();
    }
    assert_eq!(judged(&paris), expected);
    for seed in 1..=8_u64 {
        let mut state = seed;
        let mut below = move |most: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % most
        };
        let (mut paris, mut came) = (machine(), 0);
        while came < items.len() {
            let next = came + 1 + below(items.len() - came);
            let some = items[came..next].iter().map(|item| match below(3) {
                0 => item.clone(),
                _ => alone(item),
            });
            let some: Vec<v1::Item> = some.collect();
            paris.at_desk(&net, |desk| collect::take_all(desk, paris.boxes(), &some)).unwrap();
            paris.take_head(&net, &heads[next - 1]).unwrap();
            came = next;
            if below(2) == 0 {
                paris.index.update(&paris.inbox).unwrap();
            }
            let mut waits = paris.inbox.alone().unwrap();
            let some = if came < items.len() { below(waits.len() + 1) } else { waits.len() };
            for _ in 0..some {
                let number = waits.swap_remove(below(waits.len()));
                paris.take_whole(&net, &items[number as usize - 1]);
            }
        }
        assert_eq!(judged(&paris), expected, "seed {seed}");
    }
}

/// What is refused beside all that is here is read when what shows it to be right has come.
#[test]
fn what_comes_later_shows_a_refused_message_to_be_right() {
    let mut net = Net::new();
    let (paris, own) = (Machine::new(&net, FR), contact("fr/cert-fr"));
    let alert = net.seal(net.outside(AT, &fr()), &notification(0));
    let id = Bytes::copy_from_slice(alert.id.as_bytes());
    let junk = net.outside(PT, &["at/cert-at", fr()[0]]);
    let junk = net.forge(junk, &notification(0), |addressing| {
        addressing.drill = Some(proto::Drill { kind: 1, name: String::new() });
        (addressing.id, addressing.thread) = (id.clone(), id);
    });
    let update = Outside {
        class: Class::Update,
        thread: Some(alert.id),
        in_reply_to: Some(alert.header_digest),
        ..net.outside(AT, &fr())
    };
    let update = net.seal(update, &notification(0));
    let refused = Err(NotOpened::Thread(Amiss::OtherDrill));
    for (envelope, again) in
        [(&junk, None), (&update.envelope, Some(refused)), (&alert.envelope, Some(Ok(())))]
    {
        net.put(&own, envelope);
        paris.collect(&net);
        let found = again.is_some().then(|| paris.again(&net, 2));
        assert_eq!(found, again);
    }
    assert_eq!(
        paris.inbox.how(2).unwrap().as_ref().map(How::code),
        Some("WRONG_THREAD"),
        "it was, and told so"
    );
}

/// Also before it was dealt with: another program fetched it beside the one that collects.
#[test]
fn what_was_right_when_it_came_is_read_whatever_came_since() {
    let (mut net, own) = (Net::new(), contact("fr/cert-fr"));
    let paris = Machine::new(&net, FR);
    let alert = net.seal(net.outside(AT, &["fr/cert-fr", "pt/cert-pt"]), &notification(0));
    let clear = Outside {
        class: Class::AllClear,
        thread: Some(alert.id),
        in_reply_to: Some(alert.header_digest),
        ..net.outside(PT, &fr())
    };
    let clear = net.seal(clear, &notification(0));
    for sealed in [&clear, &alert] {
        net.put(&own, &sealed.envelope);
    }
    let items = net.collect(FR, 0).0;
    let headers: Vec<v1::Item> = items.iter().map(alone).collect();
    paris.inbox.put_all(&headers).unwrap();
    paris.inbox.put_whole(&items[0]).unwrap();
    assert_eq!(paris.again(&net, 1), Ok(()));
    let header = envelope::verify_header(&net.directory, &headers[0].header).unwrap();
    let amiss = paris.at_desk(&net, |desk| collect::amiss(desk, paris.boxes(), &header));
    assert_eq!(amiss.unwrap(), Some(Amiss::NotItsBeginner), "people are told");
}

/// Whether what a message answers is itself refused is followed back so far, and no further.
#[test]
fn answers_are_followed_back_so_far() {
    let (mut net, own) = (Net::new(), contact("fr/cert-fr"));
    let paris = Machine::new(&net, FR);
    let mut before = Digest::from_bytes([9; 32]);
    let unseen = net.seal(net.outside(AT, &fr()), &notification(0));
    // Each has another mark than the one before, and is right only if that one is not.
    for at in 0..thread::ANSWERS + 3 {
        let outside = Outside {
            class: Class::Reply,
            thread: Some(unseen.id),
            in_reply_to: Some(before),
            drill: (at % 2 == 1).then(|| proto::Drill { kind: 1, name: String::new() }),
            ..net.outside(AT, &fr())
        };
        let sealed = net.seal(outside, &notification(0));
        net.put(&own, &sealed.envelope);
        before = sealed.header_digest;
    }
    let headers: Vec<v1::Item> = net.collect(FR, 0).0.iter().map(alone).collect();
    paris.inbox.put_all(&headers).unwrap();
    let is_right = |at: usize| {
        let header = envelope::verify_header(&net.directory, &headers[at].header).unwrap();
        let amiss = paris.at_desk(&net, |desk| collect::amiss(desk, paris.boxes(), &header));
        amiss.unwrap().is_none()
    };
    let right = [0, 1, 2, thread::ANSWERS, thread::ANSWERS + 1, thread::ANSWERS + 2].map(is_right);
    assert_eq!(right, [true, false, true, true, false, false]);
}

/// Many begin threads of one id, and one of them sends a long chain of answers in it: to judge a message
/// at its end costs each of the headers once, and to judge several together no more.
#[test]
fn no_header_of_a_thread_is_verified_twice_in_one_judging() {
    const BEGIN: usize = 64;
    const CHAIN: usize = thread::ANSWERS + 4;
    const END: usize = 5;
    let (mut net, mut items) = (Net::new(), Vec::new());
    let mut paris = Machine::new(&net, FR);
    let mut come = |net: &mut Net, sealed: &v1::Envelope| {
        net.put(&contact("fr/cert-fr"), sealed);
        items.extend(net.collect(FR, items.len() as u64).0);
    };
    let thread = net.seal(net.outside(AT, &fr()), &notification(0));
    let id = Bytes::copy_from_slice(thread.id.as_bytes());
    // They are sent by one contact here: for who reads, that is the same.
    for _ in 0..BEGIN {
        let outside = net.outside(PT, &["at/cert-at", fr()[0]]);
        let begins = net.forge(outside, &notification(0), |addressing| {
            (addressing.id, addressing.thread) = (id.clone(), id.clone());
        });
        come(&mut net, &begins);
    }
    let answer = |net: &Net, to| Outside {
        class: Class::Reply,
        thread: Some(thread.id),
        in_reply_to: Some(to),
        ..net.outside(AT, &fr())
    };
    let mut before = Digest::from_bytes([9; 32]);
    for _ in 0..CHAIN {
        let sealed = net.seal(answer(&net, before), &notification(0));
        come(&mut net, &sealed.envelope);
        before = sealed.header_digest;
    }
    for _ in 0..END {
        let sealed = net.seal(answer(&net, before), &notification(0));
        come(&mut net, &sealed.envelope);
    }
    let head = net.collect(FR, items.len() as u64).1;
    let headers: Vec<v1::Item> = items.iter().map(alone).collect();
    paris.at_desk(&net, |desk| collect::take_all(desk, paris.boxes(), &headers)).unwrap();
    paris.take_head(&net, &head).unwrap();
    // The last answer that is followed is read, and not judged.
    let beside = BEGIN + thread::ANSWERS + 1;
    let end = &items[BEGIN + CHAIN..];
    let is_message = |taken: &Taken| matches!(taken, Taken::Message { .. });
    let boxes = paris.boxes();
    let (taken, verified) =
        paris.verified(&net, |desk| collect::take_whole(desk, boxes, &end[0]).unwrap());
    assert_eq!((is_message(&taken), verified), (true, 1 + beside));
    for item in &end[1..4] {
        paris.inbox.put_whole(item).unwrap();
    }
    let (taken, verified) =
        paris.verified(&net, |desk| collect::deal_with_pending(desk, boxes).unwrap());
    assert_eq!((taken.iter().all(is_message), taken.len(), verified), (true, 3, 3 + beside));
    // What a thread began with is looked for along all of its answers.
    let header = envelope::verify_header(&net.directory, &end[4].header).unwrap();
    let of = header.addressing();
    let (first, verified) = paris.verified(&net, |desk| collect::first(desk, boxes, of).unwrap());
    assert_eq!((first, verified), (None, BEGIN + CHAIN), "each once, however far it is followed");
    paris.index.update(&paris.inbox).unwrap();
    let boxes = paris.boxes();
    let (_, verified) =
        paris.verified(&net, |desk| collect::take_whole(desk, boxes, &end[4]).unwrap());
    assert_eq!(verified, 1 + beside, "however far the index is");
}

/// A receipt gets an accepted receipt like every submission, and never a delivered one: who sends
/// one all the same is not listened to.
#[test]
fn a_delivered_receipt_for_a_receipt_says_nothing() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    at.notify(&mut net);
    paris.collect(&net);
    let receipt = paris.outbox.ids().unwrap()[0];
    paris.hand_in(&mut net);
    let taken = at.collect(&net);
    let [Taken::Message { opened, place, .. }] = &taken[..] else { panic!("{taken:?}") };
    let header = (opened.header.digest(), opened.header.addressing());
    let outside = Outside::answering(&net.directory, seat(AT), header, Class::Receipt, net.view());
    let outcome = (Outcome::Opened, None);
    let inside = content::delivered(header.0, outcome, place.to_proto(), 1);
    let sealed = net.seal(outside, &inside);
    let refused = net.submit(&sealed.envelope).unwrap_err();
    assert_eq!(refused, Refusal::ReceiptNotDue(Undue::Unknown));
    net.put(&contact("fr/cert-fr"), &sealed.envelope);
    let taken = paris.collect(&net);
    let [Taken::Message { matched, answer, .. }] = &taken[..] else { panic!("{taken:?}") };
    assert_eq!((matched, answer), (&Matched::Nothing, &Receipted::NotDue));
    assert!(paris.outbox.state(receipt).unwrap().delivered.is_empty());
}

/// What the relay signs later about a message is kept beside what it signed before; what takes it
/// back is kept as evidence.
#[test]
fn later_receipts_of_the_relay_are_kept_in_order() {
    let mut net = Net::new();
    let at = Machine::new(&net, AT);
    let outside = net.outside(AT, &["fr/cert-fr", "pt/cert-pt"]);
    let id = at.send(&mut net, outside, &notification(0));
    let says = net.status(id, &contact("at/cert-at")).accepted;
    let says = Envelope::parse(&says, 1 << 14).unwrap();
    let says = proto::Accepted::decode(says.payload().clone()).unwrap();
    let take = |change: &dyn Fn(&mut proto::Accepted)| {
        let mut says = says.clone();
        change(&mut says);
        let bytes = net.relay_signs(Kind::Accepted, says.encode_to_vec());
        at.at_desk(&net, |desk| collect::take_accepted(desk, &at.outbox, id, &bytes)).map(|_| ())
    };
    let count = || at.outbox.accepted_receipts(id).unwrap().len();
    take(&|_| ()).unwrap();
    assert_eq!(count(), 1, "it says nothing new");
    let restored =
        |says: &mut proto::Accepted| (says.places[0].epoch, says.places[0].number) = (2, 1);
    take(&restored).unwrap();
    assert_eq!(count(), 2);
    let why = take(&|says| says.places[1].number = 7).unwrap_err();
    assert!(matches!(why, TakeError::Receipt(ReceiptError::PlaceChanged { .. })), "{why}");
    assert_eq!(count(), 2);
    let disputed = at.dir.path().join("out").join(id.to_string()).join("disputed");
    assert_eq!(std::fs::read_dir(disputed).unwrap().count(), 1);
    let request = at.outbox.request(id).unwrap();
    let header = &request.envelope().unwrap().header;
    let header = envelope::verify_header(&net.directory, header).unwrap();
    let told = at.at_desk(&net, |desk| collect::told(desk, &at.outbox, id, &header));
    let told = told.unwrap().unwrap();
    assert_eq!(told.began().iter().map(|place| place.mailbox.epoch).collect::<Vec<_>>(), [2]);
}

/// It is not for its recipient to refuse what a later relay let through.
#[test]
fn a_message_of_a_later_version_is_opened_and_receipted() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let sealed = net.forge(net.outside(AT, &fr()), &notification(10), |addressing| {
        addressing.class = 10;
        addressing.urgency = 9;
        addressing.flags = vec![7];
        addressing.recipients[0].after = 60;
    });
    assert_eq!(net.submit(&sealed).unwrap_err().code(), "NOT_YET_SUPPORTED");
    net.put(&contact("fr/cert-fr"), &sealed);
    let taken = paris.collect(&net);
    let [Taken::Message { answer: Receipted::Queued(_), opened, .. }] = &taken[..] else {
        panic!("{taken:?}")
    };
    assert_eq!(opened.class(), OrLater::Later(10));
    assert_eq!(paris.inbox.how(1).unwrap().as_ref().map(How::code), Some("OPENED"));
    // The receipt is of this version, and the relay takes it.
    paris.hand_in(&mut net);
    assert_eq!(at.collect(&net).len(), 1);
    // A human acknowledges it as any other.
    let words = (words::words(), None);
    let done = paris.at_desk(&net, |desk| collect::acknowledge(desk, paris.boxes(), 1, words));
    let id = done.unwrap();
    let request = paris.outbox.request(id).unwrap();
    let words = envelope::verify_header(&net.directory, &request.envelope().unwrap().header);
    assert_eq!(words.unwrap().addressing().urgency, Urgency::Routine);
}

/// A later version may say how it went in a word that this one does not know.
#[test]
fn a_receipt_with_an_outcome_of_a_later_version_is_kept_and_shown() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let id = at.notify(&mut net);
    let taken = paris.collect(&net);
    let [Taken::Message { opened, place, .. }] = &taken[..] else { panic!("{taken:?}") };
    let said = proto::Delivered {
        header_digest: opened.header.digest().as_bytes().to_vec().into(),
        outcome: 6,
        place: Some(place.to_proto()),
        ..Default::default()
    };
    let header = (opened.header.digest(), opened.header.addressing());
    let colleague = Machine::new(&net, FR_2);
    let (of, class) = (&net.directory, Class::Receipt);
    let outside = Outside::answering(of, seat(FR_2), header, class, net.view());
    colleague.send(&mut net, outside, &Inside::Delivered(said));
    let taken = at.collect(&net);
    let [Taken::Message { matched, .. }] = &taken[..] else { panic!("{taken:?}") };
    let comparison = Some(Comparison::Agree);
    assert_eq!(*matched, Matched::Delivered { id, outcome: OrLater::Later(6), comparison });
    assert_eq!(at.outbox.state(id).unwrap().delivered, [(seat(FR_2), OrLater::Later(6))]);
    assert_eq!(at.stage(id), Stage::Accepted);
}

/// A claim, say: the relay of a later version puts it between two messages.
#[test]
fn an_entry_of_a_later_kind_is_chained_kept_and_shown() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    at.notify(&mut net);
    let dsse = proto::Dsse {
        payload: Bytes::from_static(b"of a later version"),
        payload_type: "application/vnd.liaison.later.v1+protobuf".to_owned(),
        signatures: vec![],
    };
    net.put_later(&contact("fr/cert-fr"), 5, &dsse);
    at.notify(&mut net);
    let taken = paris.collect(&net);
    let [Taken::Message { .. }, Taken::Later { place, kind }, Taken::Message { .. }] = &taken[..]
    else {
        panic!("{taken:?}")
    };
    assert_eq!((place.mailbox.count, kind.byte()), (2, 5));
    // It is said once, listed ever after, and not believed to be dealt with.
    assert!(paris.inbox.pending().unwrap().is_empty());
    assert!(paris.collect(&net).is_empty());
    let later = paris.inbox.later().unwrap();
    assert_eq!(later.iter().map(|(at, kind)| (*at, kind.byte())).collect::<Vec<_>>(), [(2, 5)]);
    assert_eq!(paris.inbox.how(2).unwrap(), None);
    let (items, _) = net.collect(FR, 0);
    assert!(matches!(paris.take(&net, &items[1]).unwrap(), Taken::Already));
    // What an older version noted so is dealt with by one that knows its kind.
    std::fs::remove_file(paris.dir.path().join("in/done").join(format!("{:020}", 1))).unwrap();
    paris.inbox.said_later(1).unwrap();
    assert_eq!(paris.inbox.pending().unwrap(), [1]);
    // Its payload is in the chain.
    let other = v1::Item { acknowledgement: items[0].header.clone(), ..items[1].clone() };
    let why = paris.take(&net, &other).unwrap_err();
    let TakeError::Inbox(InboxError::Chain(ChainError::Rewritten { number: 2, .. })) = why else {
        panic!("{why}")
    };
}

#[test]
fn a_head_is_the_relays_of_this_mailbox_and_epoch() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    at.notify(&mut net);
    let (items, head) = net.collect(FR, 0);
    let (_, other) = net.collect(AT, 0);
    let why = paris.take_head(&net, &other).unwrap_err();
    assert!(matches!(why, TakeError::Receipt(ReceiptError::OtherMailbox(_))), "{why}");
    // The first head tells the epoch.
    let id = contact("fr/cert-fr");
    let genesis = net.directory.genesis();
    let of_epoch = |epoch| {
        let digest = envelope::verify_header(&net.directory, &items[0].header).unwrap().digest();
        let mailbox = crate::domain::state::Mailbox::of_epoch(genesis, &id, epoch);
        net.head(&id, mailbox.append(EntryKind::Addressed, digest))
    };
    paris.take(&net, &items[0]).unwrap();
    assert_eq!(paris.inbox.request(true).unwrap().epoch, 0);
    let taken = paris.take_head(&net, &of_epoch(4)).unwrap();
    let [Taken::Message { place, .. }] = &taken[..] else { panic!("{taken:?}") };
    assert_eq!(place.mailbox.epoch, 4);
    assert_eq!(
        paris.inbox.request(true).unwrap(),
        v1::CollectRequest { after: 1, epoch: 4, follow: true, headers: true }
    );
    // Another later is a restore.
    let why = paris.take_head(&net, &head).unwrap_err();
    let TakeError::Inbox(InboxError::Chain(ChainError::Epoch { own, found, .. })) = why else {
        panic!("{why}")
    };
    assert_eq!((own, found), (4, 1));
}

#[test]
fn the_outbox_sends_the_same_bytes_until_they_are_accepted() {
    let net = Net::new();
    let at = Machine::new(&net, AT);
    let (one, two) = (net.notification(), net.notification());
    let request = Request::submit(one.envelope.clone());
    at.outbox.put((one.id, one.header_digest), &request).unwrap();
    at.outbox.put((one.id, one.header_digest), &request).unwrap();
    let other = Request::submit(two.envelope.clone());
    let why = at.outbox.put((one.id, two.header_digest), &other).unwrap_err();
    assert!(matches!(why, OutboxError::IdUsed(id) if id == one.id), "{why}");
    // Another process later.
    let (_, outbox) = open(&net, AT, at.dir.path());
    assert_eq!(outbox.pending().unwrap(), [one.id]);
    assert_eq!(outbox.request(one.id).unwrap(), request);
    assert_eq!(outbox.find(one.header_digest).unwrap(), Some(one.id));
    assert_eq!(outbox.find(two.header_digest).unwrap(), None);
    assert_eq!(outbox.state(one.id).unwrap().stage(), Stage::Sent);
    assert!(matches!(outbox.state(two.id), Err(OutboxError::Unknown(_))));
    assert!(matches!(outbox.expired(two.id), Err(OutboxError::Unknown(_))));
    outbox.accepted(one.id, &Bytes::from_static(b"receipt")).unwrap();
    outbox.accepted(one.id, &Bytes::from_static(b"another")).unwrap();
    assert!(outbox.pending().unwrap().is_empty());
    assert_eq!(outbox.accepted_receipt(one.id).unwrap().as_deref(), Some(&b"receipt"[..]));
}

#[test]
fn the_inbox_keeps_a_message_once_and_sealed() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    at.notify(&mut net);
    let (items, _) = net.collect(FR, 0);
    let Put::New(place) = paris.inbox.put(&items[0]).unwrap() else { panic!("it is new") };
    assert_eq!(paris.inbox.put(&items[0]).unwrap(), Put::Again(place));
    let kept = paris.inbox.item(1).unwrap();
    assert_eq!(kept.item, items[0]);
    let file = paris.dir.path().join("in/items").join(format!("{:020}", 1));
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(10).any(|window| window == b"xxxxxxxxxx"));
    std::fs::write(&file, b"half").unwrap();
    assert!(matches!(paris.inbox.item(1), Err(InboxError::File(FileError::Damaged(_)))));
    assert!(matches!(paris.inbox.item(2), Err(InboxError::Unknown(2))));
    let lock = paris.inbox.lock().unwrap();
    assert!(matches!(paris.inbox.lock(), Err(InboxError::Busy)));
    drop(lock);
    assert!(paris.inbox.lock().is_ok());
}

#[test]
fn an_item_written_before_a_power_cut_comes_again() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    at.notify(&mut net);
    let (items, _) = net.collect(FR, 0);
    paris.inbox.put(&items[0]).unwrap();
    // The item is there, the cursor is not.
    std::fs::remove_file(paris.dir.path().join("in/cursor")).unwrap();
    assert!(paris.inbox.numbers().unwrap().is_empty());
    assert!(matches!(paris.inbox.put(&items[0]).unwrap(), Put::New(_)));
    assert_eq!(paris.collect(&net).len(), 1);
}

#[test]
fn only_a_recipient_acknowledges_and_under_the_same_drill_mark() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let drill = Some(proto::Drill { kind: 1, name: "check".to_owned() });
    let outside = Outside { drill: drill.clone(), ..net.outside(AT, &fr()) };
    let id = at.send(&mut net, outside, &notification(10));
    paris.collect(&net);
    let item = paris.inbox.item(1).unwrap().item;
    let header = envelope::verify_header(&net.directory, &item.header).unwrap();
    let make = |by: &str, header: &envelope::VerifiedHeader| {
        crate::client::message::acknowledge::acknowledge(
            &net.directory,
            (&seat(by), &sign_key(&format!("{by} sign"))),
            (header, 1),
            (words::words(), None),
            net.view(),
            &net.ambient,
        )
    };
    let verify = |open: &Bytes| {
        let root_at = |size| net.tree.root_at(size);
        receipt::verify_acknowledgement((&net.directory, &root_at), &header, open)
    };
    let good = make(FR, &header).unwrap();
    assert_eq!(good.words.addressing.drill, drill);
    assert_eq!(*verify(good.open.bytes()).unwrap().seat(), seat(FR));
    let why = make("pt/cert-pt/duty-1", &header).unwrap_err();
    assert_eq!(why, Refusal::UnknownMessage(id.into()).into());
    let forge = |by: &str, change: &dyn Fn(&mut proto::Acknowledgement)| {
        let mut says = proto::Acknowledgement::decode(good.open.payload().clone()).unwrap();
        says.seat = by.to_owned();
        change(&mut says);
        let key = sign_key(&format!("{by} sign"));
        let payload = says.encode_to_vec();
        let open = Envelope::sign(Kind::Acknowledgement, payload, &[&key], net.ambient.random());
        verify(open.unwrap().bytes()).map(|_| ())
    };
    assert_eq!(forge(FR, &|_| ()), Ok(()));
    let unmarked = forge(FR, &|says| says.drill = None);
    assert!(matches!(unmarked, Err(ReceiptError::NotTheRecipient(_))));
    let another = forge(FR, &|says| says.header_digest = vec![7; 32].into());
    assert!(matches!(another, Err(ReceiptError::OtherMessage(_))));
    let pt = forge("pt/cert-pt/duty-1", &|_| ());
    assert!(matches!(pt, Err(ReceiptError::NotTheRecipient(_))));
    let missing = paris
        .at_desk(&net, |desk| collect::acknowledge(desk, paris.boxes(), 7, (words::words(), None)));
    assert!(matches!(missing, Err(SealError::Take(_))));
}

/// An item as a relay gives it to who asks for headers.
fn alone(item: &v1::Item) -> v1::Item {
    let v1::Item { number, kind, header, .. } = item.clone();
    v1::Item { number, kind, header, ..Default::default() }
}

/// The chain is that of the headers, the order is the reader's, and what was not looked at is not
/// receipted.
#[test]
fn headers_are_chained_and_a_receipt_is_made_when_its_body_came() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    for _ in 0..3 {
        at.notify(&mut net);
    }
    let (items, head) = net.collect(FR, 0);
    let headers: Vec<v1::Item> = items.iter().map(alone).collect();
    let taken = paris.at_desk(&net, |desk| collect::take_all(desk, paris.boxes(), &headers));
    assert!(taken.unwrap().iter().all(|taken| matches!(taken, Taken::Waiting)));
    assert!(paris.take_head(&net, &head).unwrap().is_empty());
    assert_eq!(paris.inbox.cursor().unwrap(), net.mailbox(&contact("fr/cert-fr")));
    assert_eq!(
        (paris.inbox.alone().unwrap(), paris.inbox.pending().unwrap()),
        (vec![1, 2, 3], vec![])
    );
    assert!(paris.outbox.ids().unwrap().is_empty(), "nobody has looked at it");
    // Three headers are one file, and are what they were.
    let files = std::fs::read_dir(paris.dir.path().join("in/alone")).unwrap().count();
    assert_eq!((files, paris.inbox.item(2).unwrap().item), (1, headers[1].clone()));
    let take = |item: &v1::Item| {
        paris.at_desk(&net, |desk| collect::take_whole(desk, paris.boxes(), item))
    };
    assert!(matches!(
        take(&items[2]).unwrap(),
        Taken::Message { answer: Receipted::Queued(_), .. }
    ));
    assert_eq!((paris.inbox.alone().unwrap(), paris.outbox.ids().unwrap().len()), (vec![1, 2], 1));
    assert!(matches!(take(&items[2]).unwrap(), Taken::Already));
    // Nor does another program that fetched it beside change what was looked at.
    let spoilt = v1::Item { body: Bytes::from_static(b"spoilt"), ..items[2].clone() };
    paris.inbox.put_whole(&spoilt).unwrap();
    assert_eq!(paris.inbox.item(3).unwrap().item, items[2]);
    // Another entry than the chain has under this number.
    let other = v1::Item { number: 1, ..items[1].clone() };
    let why = take(&other).unwrap_err();
    let rewritten = |why: &TakeError| {
        matches!(why, TakeError::Inbox(InboxError::Chain(ChainError::Rewritten { number: 1, .. })))
    };
    assert!(rewritten(&why), "{why}");
    let again =
        paris.at_desk(&net, |desk| collect::take_all(desk, paris.boxes(), &[alone(&other)]));
    assert!(rewritten(&again.unwrap_err()));
    // A gap: what stands before it is kept.
    for _ in 0..3 {
        at.notify(&mut net);
    }
    let more: Vec<v1::Item> = net.collect(FR, 3).0.iter().map(alone).collect();
    let gap = [more[0].clone(), more[2].clone()];
    let gap = paris.at_desk(&net, |desk| collect::take_all(desk, paris.boxes(), &gap));
    assert!(matches!(gap, Err(TakeError::Inbox(InboxError::Chain(ChainError::Gap { .. })))));
    assert_eq!(
        (paris.inbox.cursor().unwrap().count, paris.inbox.alone().unwrap()),
        (4, vec![1, 2, 4])
    );
}

/// What others are judged by is read without the bodies.
#[test]
fn a_header_is_read_without_what_is_sealed_under_it() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let outside = net.outside(AT, &fr());
    at.send(&mut net, outside, &notification(0));
    let (items, head) = net.collect(FR, 0);
    paris.take(&net, &alone(&items[0])).unwrap();
    paris.take_head(&net, &head).unwrap();
    let outside = net.outside(AT, &fr());
    at.send(&mut net, outside, &notification(40_000));
    paris.take(&net, &net.collect(FR, 1).0[0]).unwrap();
    let mut headers = Headers::of(&paris.inbox);
    let without = |kept: Kept| Kept { item: alone(&kept.item), ceiling: 0, ..kept };
    let [_, second] = [1, 2].map(|number| {
        let kept = without(paris.inbox.item(number).unwrap());
        assert_eq!(without(headers.read(number).unwrap()), kept);
        kept
    });
    assert!(second.floor > 0);
    assert!(matches!(headers.read(3), Err(InboxError::Unknown(3))));
    // What is cut out is not looked at.
    let path = paris.dir.path().join("in/items").join(format!("{:020}", 2));
    let bytes = std::fs::read(&path).unwrap();
    let ends = [&bytes[..20_000], &bytes[bytes.len() - 8..]].concat();
    std::fs::write(&path, ends).unwrap();
    assert!(matches!(paris.inbox.item(2), Err(InboxError::File(FileError::Damaged(_)))));
    assert_eq!(without(headers.read(2).unwrap()), second);
}

/// Where a power cut left headers beyond the cursor, they come again.
#[test]
fn headers_beyond_the_cursor_are_none_yet() {
    let mut net = Net::new();
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    for _ in 0..3 {
        at.notify(&mut net);
    }
    let headers: Vec<v1::Item> = net.collect(FR, 0).0.iter().map(alone).collect();
    paris.inbox.put_all(&headers[..1]).unwrap();
    let cursor = paris.dir.path().join("in/cursor");
    let before = std::fs::read(&cursor).unwrap();
    paris.inbox.put_all(&headers[1..]).unwrap();
    std::fs::write(&cursor, before).unwrap();
    assert_eq!(paris.inbox.numbers().unwrap(), [1]);
    drop(paris.inbox.lock().unwrap());
    paris.inbox.put_all(&headers[1..2]).unwrap();
    assert_eq!(paris.inbox.numbers().unwrap(), [1, 2]);
    paris.inbox.put_all(&headers[2..]).unwrap();
    assert_eq!(paris.inbox.numbers().unwrap(), [1, 2, 3]);
    for header in &headers {
        assert_eq!(paris.inbox.item(header.number).unwrap().item, *header);
    }
}

/// A restored relay's mailbox is another, also before a body was fetched.
#[test]
fn headers_before_the_first_head_are_chained_in_its_epoch() {
    let mut net = Net::new();
    let own = contact("fr/cert-fr");
    let mailbox = Mailbox::of_epoch(net.directory.genesis(), &own, 4);
    net.store.insert(Key::Mailbox(own.clone()), Value::Mailbox(mailbox));
    let (at, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    for _ in 0..3 {
        at.notify(&mut net);
    }
    let (items, head) = net.collect(FR, 0);
    let headers: Vec<v1::Item> = items.iter().map(alone).collect();
    paris.inbox.put_all(&headers[..2]).unwrap();
    paris.inbox.put_all(&headers[2..]).unwrap();
    // Another program fetched one beside.
    paris.inbox.put_whole(&items[1]).unwrap();
    let taken = paris.take_head(&net, &head).unwrap();
    assert!(matches!(&taken[..], [Taken::Message { place, .. }] if place.mailbox.epoch == 4));
    assert_eq!(paris.inbox.cursor().unwrap(), net.mailbox(&own));
    assert_eq!(paris.inbox.item(3).unwrap().place.mailbox, net.mailbox(&own));
    assert_eq!(paris.inbox.item(2).unwrap().item, items[1]);
}

/// Most urgent first, newest first within.
#[test]
fn an_index_orders_what_waits_and_is_made_again() {
    let mut net = Net::new();
    let (paris, own) = (Machine::new(&net, FR), contact("fr/cert-fr"));
    let of = |net: &Net, urgency, answered: Option<&Sealed>| {
        let outside = Outside { urgency, ..net.outside(AT, &fr()) };
        let outside = match answered {
            Some(answered) => Outside {
                class: Class::Update,
                thread: Some(answered.id),
                in_reply_to: Some(answered.header_digest),
                ..outside
            },
            None => outside,
        };
        net.seal(outside, &notification(0))
    };
    let first = of(&net, Urgency::Routine, None);
    let urgencies = [Urgency::Routine, Urgency::Flash, Urgency::Priority, Urgency::Flash];
    let mut all = vec![first.envelope.clone()];
    all.extend(urgencies.map(|urgency| of(&net, urgency, None).envelope));
    all.push(of(&net, Urgency::Immediate, Some(&first)).envelope);
    for envelope in &all {
        net.put(&own, envelope);
    }
    let headers: Vec<v1::Item> = net.collect(FR, 0).0.iter().map(alone).collect();
    paris.inbox.put_all(&headers).unwrap();
    let open = || Index::open(paris.dir.path(), &paris.inbox).unwrap();
    let mut index = open();
    let waits = paris.inbox.alone().unwrap();
    let ordered = [5, 3, 6, 4, 2, 1];
    assert_eq!(index.ordered(&waits), ordered);
    assert_eq!(index.ordered(&[2, 6]), [6, 2]);
    index.keep().unwrap();
    let file = paris.dir.path().join("index");
    let kept = std::fs::read(&file).unwrap();
    let read_again = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        open().ordered(&waits)
    };
    for at in 0..kept.len() {
        let mut turned = kept.clone();
        turned[at] ^= 1;
        assert_eq!(read_again(&turned), ordered, "byte {at}");
        assert_eq!(read_again(&kept[..at]), ordered, "cut at {at}");
    }
    // Of another inbox.
    let row = |index: &Index| index.row(1).unwrap().digest();
    let other = Machine::new(&net, FR_2);
    net.put(&own, &of(&net, Urgency::Routine, None).envelope);
    let stranger = Machine::new(&net, AT);
    let sealed = net.seal(net.outside(FR, &["at/cert-at"]), &notification(0));
    net.put(&contact("at/cert-at"), &sealed.envelope);
    stranger.inbox.put_all(&net.collect(AT, 0).0).unwrap();
    std::fs::write(other.dir.path().join("index"), &kept).unwrap();
    let theirs = Index::open(other.dir.path(), &stranger.inbox).unwrap();
    assert_eq!(row(&theirs), Some(sealed.header_digest));
    // What came and was dealt with since is taken in.
    std::fs::write(&file, &kept).unwrap();
    paris.collect(&net);
    let index = open();
    assert_eq!((index.rows().len(), index.row(7).unwrap().how()), (7, Some(How::Opened)));
}

/// The power goes after each thing that is done to the disk, and with what was being written half there.
#[test]
fn wherever_collecting_ends_the_next_goes_on() {
    let mut net = Net::new();
    let at = Machine::new(&net, AT);
    let sent = [at.notify(&mut net), at.notify(&mut net)];
    for some in 0.. {
        let paris = Machine::new(&net, FR);
        let done = faults::after(some, || paris.try_collect(&net)).is_ok();
        assert!(paris.inbox.numbers().unwrap().len() as u64 <= paris.inbox.cursor().unwrap().count);
        paris.try_collect(&net).unwrap();
        assert_eq!(paris.inbox.numbers().unwrap(), [1, 2], "{some}");
        assert_eq!(paris.inbox.dealt_with().unwrap(), [1, 2], "{some}");
        for number in [1, 2] {
            paris.again(&net, number).unwrap();
        }
        // A receipt for each, and no other.
        assert_eq!(paris.outbox.pending().unwrap().len(), sent.len(), "{some}");
        assert_eq!(paris.outbox.ids().unwrap().len(), sent.len(), "{some}");
        if done {
            assert!(some > 50, "{some}");
            break;
        }
    }
}

#[test]
fn wherever_sending_ends_what_is_kept_is_whole_and_goes_once() {
    let mut net = Net::new();
    for some in 0.. {
        let at = Machine::new(&net, AT);
        let sealed = net.seal(net.outside(AT, &fr()), &notification(1000));
        let (of, request) = ((sealed.id, sealed.header_digest), Request::submit(sealed.envelope));
        let done = faults::after(some, || {
            at.outbox.put(of, &request)?;
            let accepted = net.submit(request.envelope().unwrap()).unwrap();
            let id = sealed.id;
            at.at_desk(&net, |desk| collect::take_accepted(desk, &at.outbox, id, &accepted))
        });
        // What was not kept is not there; what was handed in was kept before.
        let ids = at.outbox.ids().unwrap();
        assert!(ids.is_empty() || ids == [sealed.id], "{some}: {ids:?}");
        assert_eq!(at.outbox.find(of.1).unwrap().is_some(), !ids.is_empty(), "{some}");
        if ids.is_empty() {
            at.outbox.put(of, &request).unwrap();
        }
        assert_eq!(at.outbox.request(sealed.id).unwrap(), request, "{some}");
        at.hand_in(&mut net);
        assert_eq!(at.stage(sealed.id), Stage::Accepted, "{some}");
        if done.is_ok() {
            assert!(some > 15, "{some}");
            break;
        }
    }
}
