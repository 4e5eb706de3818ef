//! What is added to an earlier store, and the sums of what is due: both follow from what is stored alone.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::apart::{AUSTRIA, Apart, FRANCE, PORTUGAL};
use crate::crypto::hash::Digest;
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::relay::addressing::Addressing;
use crate::domain::relay::answers::{Answers, room_for};
use crate::domain::relay::earlier::Earlier;
use crate::domain::relay::envelope::VerifiedEnvelope;
use crate::domain::relay::share::{Share, Waiting};
use crate::domain::relay::sums::Sums;
use crate::domain::state::{
    Beside, Body, Entry, EntryKind, Gone, Key, Mailbox, Message, Outcome, Shown, Step, Usage, Value,
};
use crate::signed::dsse::{Envelope, Kind};
use crate::world::relay::{AT, FR, FR_2, Net, PT, contact, seat, sign_key};

const DAY: u64 = 86_400;
const HEADER: &[u8] = b"header";

fn id(number: u8) -> MessageId {
    MessageId::new(1_700_000_000_000, [number; 10])
}

fn shown(kind: EntryKind, number: u8, acknowledgement: Bytes) -> Entry {
    let (header_digest, sender) = (Digest::of(HEADER), contact(AUSTRIA));
    Entry::Shown(Shown { kind, header_digest, id: id(number), sender, acknowledgement })
}

fn carried(payload: &[u8]) -> Envelope {
    let key = sign_key(&format!("{FR} sign"));
    let random = crate::ambient::Ambient::system();
    Envelope::sign(Kind::Acknowledgement, payload.to_vec(), &[&key], random.random()).unwrap()
}

#[test]
fn what_acknowledges_stands_beside_its_message_in_the_order_in_which_it_came() {
    let mailbox = Mailbox::of_epoch(Digest::of(b"genesis"), &contact(FRANCE), 3);
    let (one, two) = (carried(b"one"), carried(b"two"));
    let mut earlier = Earlier::default();
    let mut add =
        |number: u64, entry: Entry| earlier.entry(contact(FRANCE), number, entry, &mailbox);
    let acknowledged =
        |number, of: &Envelope| shown(EntryKind::Acknowledged, number, of.bytes().clone());
    add(4, acknowledged(1, &one)).unwrap();
    add(5, acknowledged(2, &one)).unwrap();
    add(6, acknowledged(1, &two)).unwrap();
    // These say nothing of an acknowledgement.
    let gone = Gone { kind: EntryKind::Acknowledged, digest: two.digest(), at: 9 };
    add(7, Entry::Gone(gone)).unwrap();
    for kind in [EntryKind::Addressed, EntryKind::Released, EntryKind::NotDelivered] {
        add(8, shown(kind, 1, Bytes::new())).unwrap();
    }
    let unreadable = shown(EntryKind::Acknowledged, 1, Bytes::from_static(b"none"));
    assert_eq!(add(9, unreadable).map_err(|why| why.code()), Err("NOT_CANONICAL"));
    let beside = |number, of: &Envelope| {
        let (contact, kind, digest) = (contact(FRANCE), EntryKind::Acknowledged, of.digest());
        Beside { contact, epoch: 3, number, kind, digest }
    };
    let before = Outcome { acknowledgements: vec![one.bytes().clone()], beside: Vec::new() };
    let mut outcome =
        |number, of: &str| earlier.outcome(&(id(number), contact(of)), before.clone());
    let found = outcome(1, AUSTRIA);
    assert_eq!(found.acknowledgements, before.acknowledgements, "what became of it stays");
    assert_eq!(found.beside, [beside(4, &one), beside(6, &two)]);
    assert_eq!(outcome(2, PORTUGAL).beside, [], "another's message of the same id");
    assert_eq!(outcome(2, AUSTRIA).beside, [beside(5, &one)]);
    assert_eq!(outcome(1, AUSTRIA).beside, [], "once");
}

fn message(of: &VerifiedEnvelope, body: Body) -> Message {
    let letters = of.letters().iter().map(|letter| letter.bytes.clone()).collect();
    let header = of.header().envelope().bytes().clone();
    Message { header, body, letters, accepted: Bytes::new() }
}

fn answers(of: &Addressing, waiting: u64) -> Answers {
    Answers { waiting, ..Answers::due(of, [FR, FR_2, PT].map(seat).into_iter()) }
}

#[test]
fn what_is_due_and_what_is_paid_follows_from_what_was_stored() {
    let net = Net::new();
    let [austrias, frances] = [(AT, FRANCE), (FR, PORTUGAL)]
        .map(|(from, to)| Apart::between(&net, from, &[to]).verify(&net).unwrap());
    let (body, other) = (Digest::of(b"body"), Digest::of(b"other"));
    let mut earlier = Earlier::default();
    let mut add = |of: &VerifiedEnvelope, body: Body, waiting: Option<u64>| {
        let (digest, addressing) = (of.header().digest(), of.header().addressing());
        let answers = waiting.map(|waiting| answers(addressing, waiting));
        earlier.message(&message(of, body), digest, addressing, answers).unwrap()
    };
    let of = austrias.header().addressing();
    let due = |at, step| (Key::Due(at, of.id, contact(AUSTRIA)), Value::Due(step));
    // Nobody waits for answers to it.
    let found = add(&austrias, Body::Blob(body, 9), None);
    assert_eq!(found, [due(of.expires + DAY, Step::Empty)]);
    let room = room_for(of, austrias.letters());
    for (waiting, paid) in [(0, 0), (100, 100 + room), (7, 7 + room)] {
        let found = add(&austrias, Body::Blob(body, 9), Some(waiting));
        let expected = Answers { paid, ..answers(of, waiting) };
        let expected = (Key::Answers(austrias.header().digest()), Value::Answers(expected));
        assert_eq!(found, [due(of.expires, Step::Tell), expected]);
    }
    add(&frances, Body::Blob(other, 9), Some(0));
    add(&frances, Body::Inline(Bytes::new()), Some(0));
    add(&frances, Body::Gone, Some(0));
    // Whatever was read of entries before is no sum.
    let sums: BTreeMap<Key, Value> = earlier.sums().collect();
    let expected = BTreeMap::from([
        (Key::Blob(body), Value::Blob(4)),
        (Key::Blob(other), Value::Blob(1)),
        (Key::Usage("at".parse().unwrap()), Value::Usage(Usage(107 + 2 * room))),
    ]);
    assert_eq!(sums, expected, "who has paid nothing has no account");
    let mut torn = message(&austrias, Body::Gone);
    torn.letters[1] = Bytes::from_static(b"torn");
    let mut earlier = Earlier::default();
    let found = earlier.message(&torn, body, of, Some(answers(of, 1)));
    assert_eq!(found.map_err(|why| why.code()), Err("NOT_CANONICAL"));
}

/// What waits in the mailboxes of these, by day.
fn shares(of: &Sums) -> Vec<(String, u64, u64, u64)> {
    let of = of.shares.iter().flat_map(|((contact, member), days)| {
        days.iter().map(move |(day, waiting)| {
            (format!("{contact} {member}"), *day, waiting.messages, waiting.bytes)
        })
    });
    of.collect()
}

#[test]
fn sums_count_what_waits_for_each_contact_once_and_by_day() {
    let net = Net::new();
    let of = Apart::notification(&net).read(&net).unwrap();
    let due = |until: u64, waiting: u64, paid: u64| {
        let answers = answers(&of, waiting);
        Answers { until, paid, ..answers }
    };
    let mut sums = Sums::default();
    sums.add(&due(3 * DAY, 10, 500));
    sums.add(&due(4 * DAY - 1, 20, 50));
    sums.add(&due(4 * DAY, 40, 5));
    let received = Answers { receipts: [seat(FR_2)].into(), ..due(4 * DAY, 80, 0) };
    sums.add(&received);
    // It pays, and waits nowhere.
    sums.add(&due(9 * DAY, 0, 1_000));
    let kept: Vec<_> = sums.kept.iter().map(|(member, bytes)| (member.as_str(), *bytes)).collect();
    assert_eq!(kept, [("at", 1_555)]);
    let of_contact = |contact: &str, rows: [(u64, u64, u64); 2]| {
        rows.map(|(day, messages, bytes)| (format!("{contact} at"), day, messages, bytes))
    };
    let expected = [
        of_contact(FRANCE, [(3, 2, 30), (4, 1, 40)]),
        of_contact(PORTUGAL, [(3, 2, 30), (4, 2, 120)]),
    ];
    assert_eq!(shares(&sums), expected.concat());
}

#[test]
fn a_share_stays_when_nothing_waits_in_it_and_a_sum_has_a_largest() {
    let net = Net::new();
    let of = Apart::notification(&net).read(&net).unwrap();
    let all = [FR, PT].map(seat).into();
    let received = Answers { receipts: all, until: DAY, ..answers(&of, 10) };
    let mut sums = Sums::default();
    sums.add(&received);
    let empty: Vec<&ContactId> = sums.shares.keys().map(|(contact, _)| contact).collect();
    assert_eq!(empty, [&contact(FRANCE), &contact(PORTUGAL)]);
    assert_eq!(shares(&sums), []);
    let most = Answers { waiting: u64::MAX, paid: u64::MAX, until: DAY, ..answers(&of, 0) };
    sums.add(&most);
    sums.add(&most);
    assert_eq!(sums.kept.values().collect::<Vec<_>>(), [&u64::MAX]);
    assert_eq!(shares(&sums)[0], (format!("{FRANCE} at"), 1, 2, u64::MAX));
}

#[test]
fn a_share_is_that_of_the_sums_if_every_day_in_it_is() {
    let net = Net::new();
    let of = Apart::notification(&net).read(&net).unwrap();
    let mut sums = Sums::default();
    sums.add(&Answers { until: 3 * DAY, ..answers(&of, 10) });
    sums.add(&Answers { until: 4 * DAY, ..answers(&of, 20) });
    let france = (contact(FRANCE), "at".parse().unwrap());
    let days = |days: &[(u64, u64, u64)]| {
        let days = days
            .iter()
            .map(|(day, messages, bytes)| (*day, Waiting { messages: *messages, bytes: *bytes }));
        Share { waiting: days.collect(), paced: 7 }
    };
    for (share, found) in [
        (days(&[(3, 1, 10), (4, 1, 20)]), true),
        (days(&[(4, 1, 20)]), true),
        (days(&[]), true),
        (days(&[(3, 2, 10)]), false),
        (days(&[(3, 1, 11)]), false),
        (days(&[(3, 1, 10), (4, 1, 21)]), false),
        (days(&[(5, 1, 10)]), false),
    ] {
        assert_eq!(sums.is_share(&france, &share), found, "{share:?}");
    }
    let nobodys = (contact(AUSTRIA), "at".parse().unwrap());
    assert!(sums.is_share(&nobodys, &days(&[])));
    assert!(!sums.is_share(&nobodys, &days(&[(3, 1, 10)])));
}
