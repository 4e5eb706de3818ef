//! Submit: each check alone and before all that follow it, each limit of time and room from both sides, and
//! what is written.

use bytes::Bytes;
use prost::Message as _;

use crate::client::message::compose::Outside;
use crate::crypto::hash::Digest;
use crate::domain::command::Clock;
use crate::domain::commands::submit::Submit;
use crate::domain::ids::ContactId;
use crate::domain::refusal::{Letters, Mismatch, Refusal};
use crate::domain::relay::tests::apart::{
    AUSTRIA, Apart, FRANCE, GOOD, PORTUGAL, decision, reason,
};
use crate::domain::state::{Body, Entry, EntryKind, Key, Mailbox, Message, Shown, Step, Value};
use crate::signed::proto::{self, Class, Drill, DrillKind, Level};
use crate::world::relay::{AT, Net, contact, seat};
use crate::world::testlog::ambient_at;

const T: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

fn net() -> Net {
    Net { ambient: ambient_at(T), ..Net::new() }
}

/// An update of Austria's in a thread that it began, and what happens between its verification and its turn.
#[derive(Clone)]
struct Case {
    net: Net,
    apart: Apart,
    by: ContactId,
    meanwhile: Vec<fn(&mut Net)>,
}

impl Case {
    fn new() -> Self {
        let mut net = net();
        let first = Apart::notification(&net).verify(&net).unwrap();
        let apart = Apart::notification(&net).answering(first.header());
        let apart = apart.with(|apart| apart.addressing.class = Class::Update.into());
        net.decide(&Submit::new(contact(AUSTRIA), first)).unwrap();
        Self { net, apart, by: contact(AUSTRIA), meanwhile: Vec::new() }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn submitted(mut self) -> Result<Bytes, Refusal> {
        let verified = self.apart.verify(&self.net).unwrap();
        self.meanwhile.iter().for_each(|happens| happens(&mut self.net));
        self.net.decide(&Submit::new(self.by, verified))
    }
}

fn addressed(case: &mut Case, to: &str) {
    let recipient = &mut case.apart.addressing.recipients[0];
    recipient.contact = to.to_owned();
}

fn fewer_letters(case: &mut Case) {
    case.apart.letters.pop();
    case.apart.count_letters();
}

type Fault = (&'static str, fn(&mut Case));

/// One fault of each check, in the order of the checks.
const FAULTS: [Fault; 11] = [
    ("NOT_THE_SENDER", |case| case.by = contact(FRANCE)),
    ("KEY_NOT_IN_FORCE", |case| case.meanwhile.push(|net| net.revoke_sign_key(AT))),
    ("ISSUED_IN_FUTURE", |case| {
        (case.apart.addressing.created, case.apart.addressing.expires) = (T + 301, T + 302);
    }),
    ("FOREIGN_VIEW", |case| view(case).root = vec![7; 32].into()),
    ("WRONG_THREAD", |case| {
        let (kind, name) = (DrillKind::Comcheck.into(), String::new());
        case.apart.addressing.drill = Some(Drill { kind, name });
    }),
    ("STALE_DIRECTORY", |case| {
        case.meanwhile.push(|net| net.roster(PORTUGAL, 2, &["duty-1", "duty-2"]));
    }),
    ("RECIPIENT_WITHOUT_SEATS", |case| addressed(case, "es/cert-es")),
    ("NOT_A_LEVEL", |case| case.apart.addressing.recipients[1].level = Level::Legal.into()),
    ("WRONG_LETTERS", fewer_letters),
    ("MAILBOX_SHARE", |case| case.net.grants.messages = 0),
    ("QUOTA_EXCEEDED", |case| case.net.grants.kept = 0),
];

fn view(case: &mut Case) -> &mut proto::View {
    case.apart.addressing.view.as_mut().unwrap()
}

#[test]
fn of_two_reasons_not_to_take_a_message_the_earlier_is_said() {
    let good = Case::new();
    assert_eq!(reason(&good.clone().submitted()), GOOD);
    for (place, (expected, earlier)) in FAULTS.iter().enumerate() {
        for (other, later) in &FAULTS[place..] {
            let bad = good.clone().with(|case| {
                earlier(case);
                if other != expected {
                    later(case);
                }
            });
            assert_eq!(reason(&bad.submitted()), *expected, "{expected} before {other}");
        }
    }
}

#[test]
fn a_message_is_of_now_unless_the_clock_is_in_doubt() {
    let good = Case::new();
    let (ahead, over) = ("ISSUED_IN_FUTURE", "INVALID_FIELD:expires");
    for (created, expires, expected) in [
        (T + 300, T + 301, GOOD),
        (T + 301, T + 400, ahead),
        (T - DAY, T + 1, GOOD),
        (T - DAY, T, over),
        (T - DAY, T - 1, over),
        (T - 30 * DAY, T, over),
    ] {
        for clock in [Clock::Settled, Clock::Unsettled, Clock::InDoubt] {
            let found = good.clone().with(|case| {
                (case.apart.addressing.created, case.apart.addressing.expires) = (created, expires);
                case.net.clock = clock;
            });
            let expected = if clock == Clock::InDoubt { GOOD } else { expected };
            assert_eq!(reason(&found.submitted()), expected, "{created} {expires} {clock:?}");
        }
    }
}

#[test]
fn a_view_is_one_that_the_log_had_by_now() {
    let mut good = Case::new();
    // Entry 14: nothing that concerns those who read.
    good.net.record("es/cert-es", 2, &[Level::Technical]);
    let root = |net: &Net, size| Bytes::copy_from_slice(net.tree.root_at(size).unwrap().as_bytes());
    for (size, of, expected) in [
        (14, 14, GOOD),
        (15, 15, GOOD),
        (16, 15, "VIEW_AHEAD"),
        (15, 14, "FOREIGN_VIEW"),
        (14, 15, "FOREIGN_VIEW"),
        (13, 13, "VIEW_BEFORE"),
    ] {
        let found = good.clone().with(|case| {
            let root = root(&case.net, of);
            *view(case) = proto::View { size, root };
        });
        assert_eq!(reason(&found.submitted()), expected, "{size} with the root of {of}");
    }
}

#[test]
fn who_is_addressed_can_be_reached_at_that_level() {
    let good = Case::new();
    let rows: &[Fault] = &[
        (GOOD, |case| addressed(case, FRANCE)),
        ("RECIPIENT_WITHOUT_SEATS", |case| addressed(case, "es/cert-es")),
        ("UNKNOWN_CONTACT", |case| addressed(case, "fr/cert")),
        ("UNKNOWN_CONTACT", |case| addressed(case, "aa/cert-aa")),
        ("RECIPIENT_LISTED", |case| addressed(case, "ie/cert-ie")),
        ("NOT_A_LEVEL", |case| case.apart.addressing.recipients[0].level = 2),
        // Nobody looks whether a record has expired: those of the net have.
        ("WRONG_LETTERS", |case| case.apart.addressing.recipients[0].contact = AUSTRIA.to_owned()),
    ];
    for (expected, change) in rows {
        assert_eq!(reason(&good.clone().with(change).submitted()), *expected);
    }
    let needed = good.with(fewer_letters).submitted();
    let seats = [AUSTRIA, FRANCE, PORTUGAL].iter();
    let seats = seats.flat_map(|of| [1, 2].map(|duty| seat(&format!("{of}/duty-{duty}"))));
    let other = Letters::OtherSeats(seats.collect());
    assert_eq!(needed, Err(Refusal::WrongLetters(other)));
}

/// A letter to a key that was replaced is none, though its seat is right.
#[test]
fn letters_are_to_the_keys_in_force() {
    let mut case = Case::new();
    let old = case.apart.letters[2].clone();
    case.net.roster(FRANCE, 2, &["duty-1", "duty-2"]);
    case.apart = Apart::notification(&case.net);
    assert_eq!(reason(&case.clone().submitted()), GOOD);
    case.apart.letters[2] = old;
    case.apart.count_letters();
    assert_eq!(reason(&case.submitted()), "WRONG_LETTERS");
}

#[test]
fn the_same_again_is_answered_as_then_and_another_under_its_id_is_refused() {
    let mut case = Case::new();
    let verified = case.apart.verify(&case.net).unwrap();
    let submit = || Submit::new(contact(AUSTRIA), verified.clone());
    let first = case.net.decide(&submit()).unwrap();
    // Whatever happened since: its key has ended, it is over, nothing would fit.
    case.net.revoke_sign_key(AT);
    case.net.ambient = ambient_at(T + 40 * DAY);
    case.net.grants.kept = 0;
    let again = decision(&case.net, &submit()).unwrap();
    assert!(again.changes_nothing());
    assert_eq!(again.reply, first);
    let other = Case::new();
    let id = case.apart.addressing.id.clone();
    let other = other.apart.with(|apart| apart.addressing.id = id);
    let other = other.verify(&Case::new().net).unwrap();
    let used = Refusal::IdUsedTwice(verified.header().addressing().id);
    assert_eq!(decision(&case.net, &Submit::new(contact(AUSTRIA), other)).map(drop), Err(used));
    let (by, signed) = (contact(FRANCE), seat(AT));
    let handed_in = Err(Refusal::NotTheSender(Mismatch::HandedIn { by: by.clone(), signed }));
    assert_eq!(decision(&case.net, &Submit::new(by, verified)).map(drop), handed_in);
}

#[test]
fn what_is_accepted_stands_in_every_mailbox_and_its_receipt_says_where() {
    let mut case = Case::new();
    let verified = case.apart.verify(&case.net).unwrap();
    let (digest, id) = (verified.header().digest(), verified.header().addressing().id);
    let command = Submit::new(contact(AUSTRIA), verified.clone());
    let before = [FRANCE, PORTUGAL].map(|of| case.net.mailbox(&contact(of)));
    let reply = case.net.decide(&command).unwrap();
    let accepted = proto::Accepted::decode(reply.clone()).unwrap();
    assert_eq!((accepted.at, accepted.header_digest), (T, digest.as_bytes().to_vec().into()));
    assert_eq!(accepted.view, Some(case.net.view().to_proto()));
    assert_eq!(accepted.places.len(), 2);
    for ((of, before), place) in [FRANCE, PORTUGAL].iter().zip(before).zip(accepted.places) {
        let mailbox = case.net.mailbox(&contact(of));
        assert_eq!(mailbox, before.append(EntryKind::Addressed, digest), "the second there");
        assert_eq!((place.contact.as_str(), place.number, place.epoch), (*of, 2, 1));
        assert_eq!(place.chain, mailbox.chain.as_bytes()[..]);
        let shown = Shown {
            kind: EntryKind::Addressed,
            header_digest: digest,
            id,
            sender: contact(AUSTRIA),
            acknowledgement: Bytes::new(),
        };
        let entry = case.net.store.get(&Key::Entry(contact(of), 2));
        assert_eq!(entry, Some(&Value::Entry(Entry::Shown(shown))));
    }
    let message = Message {
        header: verified.header().envelope().bytes().clone(),
        body: Body::Inline(case.apart.body),
        letters: case.apart.letters,
        accepted: reply,
    };
    let stored = case.net.store.get(&Key::Message(id, contact(AUSTRIA)));
    assert_eq!(stored, Some(&Value::Message(Box::new(message))));
    let due = Key::Due(case.apart.addressing.expires, id, contact(AUSTRIA));
    assert_eq!(case.net.store.get(&due), Some(&Value::Due(Step::Tell)));
    let own = case.net.mailbox(&contact(AUSTRIA));
    assert_eq!(own, Mailbox::empty(case.net.directory.genesis(), &contact(AUSTRIA)));
}

#[test]
fn a_body_above_64_kib_is_a_file_that_is_counted() {
    for (bytes, size, is_file) in [(50_000, 64 << 10, false), (100_000, 256 << 10, true)] {
        let mut net = net();
        let outside = Outside { expires: Some(T + 60), ..net.outside(AT, &[FRANCE]) };
        let apart = Apart::saying(&net, outside, bytes);
        assert_eq!(apart.header.body_size, size);
        let digest = Digest::of(&apart.body);
        for number in 1..=2 {
            // Under another id, so that two messages name one body.
            let verified = apart.clone().called(number).verify(&net).unwrap();
            let id = verified.header().addressing().id;
            net.decide(&Submit::new(contact(AUSTRIA), verified)).unwrap();
            let Some(Value::Message(stored)) = net.store.get(&Key::Message(id, contact(AUSTRIA)))
            else {
                panic!("no message")
            };
            let file = Body::Blob(digest, size);
            let inline = Body::Inline(apart.body.clone());
            assert_eq!(stored.body, if is_file { file } else { inline });
            let counted = net.store.get(&Key::Blob(digest));
            let expected = Value::Blob(number.into());
            assert_eq!(counted, is_file.then_some(&expected), "{size}");
        }
    }
}
