//! Acknowledge: each check alone and before all that follow it, and what stands where afterwards.

use prost::Message as _;

use crate::domain::commands::acknowledge::Acknowledge;
use crate::domain::commands::submit::Submit;
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::limits;
use crate::domain::refusal::{Amiss, Mismatch, Refusal};
use crate::domain::relay::acknowledge::verify;
use crate::domain::relay::envelope::VerifiedEnvelope;
use crate::domain::relay::tests::acknowledge::Open;
use crate::domain::relay::tests::apart::{
    AUSTRIA, Apart, FRANCE, GOOD, PORTUGAL, decision, reason,
};
use crate::domain::state::{Beside, Body, Entry, EntryKind, Key, Outcome, Value};
use crate::signed::proto::{self, Class, Drill, Level};
use crate::world::relay::{AT, FR, FR_2, Net, PT, contact, seat, sign_key};
use crate::world::testlog::ambient_at;

const T: u64 = 1_800_000_000;

/// France acknowledges Austria's notification to France and Portugal.
#[derive(Clone)]
struct Case {
    net: Net,
    first: VerifiedEnvelope,
    open: Open,
    words: Apart,
    by: ContactId,
    /// As the entry of the mailbox names the message.
    about: (MessageId, ContactId),
    meanwhile: Vec<fn(&mut Net)>,
}

impl Case {
    fn new() -> Self {
        let mut net = Net { ambient: ambient_at(T), ..Net::new() };
        // Its view is older than the log, so that there are views before and after.
        net.record("es/cert-es", 2, &[Level::Technical]);
        let first = Apart::notification(&net).verify(&net).unwrap();
        net.decide(&Submit::new(contact(AUSTRIA), first.clone())).unwrap();
        net.record("es/cert-es", 3, &[Level::Technical]);
        let digest = first.header().digest();
        let open = Open::of(&net);
        let open = open.with(|open| open.says.header_digest = digest.as_bytes().to_vec().into());
        let words = Apart::between(&net, FR, &[AUSTRIA]).answering(first.header());
        let words = words.with(|words| words.addressing.class = Class::Acknowledgement.into());
        let about = (first.header().addressing().id, contact(AUSTRIA));
        Self { net, first, open, words, by: contact(FRANCE), about, meanwhile: Vec::new() }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The same by another seat of whichever contact.
    fn by(self, of: &str) -> Self {
        self.with(|case| {
            (case.open.says.seat, case.open.signers) = (of.to_owned(), vec![format!("{of} sign")]);
            let words = Apart::between(&case.net, of, &[AUSTRIA]).answering(case.first.header());
            case.words = words.with(|words| words.addressing.class = Class::Acknowledgement.into());
            case.by = seat(of).contact();
        })
    }

    fn command(&self) -> Acknowledge {
        let open = verify(&self.net.directory, &self.open.bytes(&self.net)).unwrap();
        let words = self.words.verify(&self.net).unwrap();
        let (id, sender) = self.about.clone();
        Acknowledge::new(self.by.clone(), open, id, sender, words)
    }

    fn given(&mut self) -> Result<bytes::Bytes, Refusal> {
        let command = self.command();
        self.meanwhile.iter().for_each(|happens| happens(&mut self.net));
        self.net.decide(&command)
    }

    fn outcome(&self) -> Outcome {
        match self.net.store.get(&Key::Outcome(self.about.0, self.about.1.clone())) {
            Some(Value::Outcome(outcome)) => outcome.clone(),
            _ => Outcome::default(),
        }
    }

    fn message(&mut self) -> &mut Box<crate::domain::state::Message> {
        let key = Key::Message(self.about.0, self.about.1.clone());
        let Some(Value::Message(message)) = self.net.store.get_mut(&key) else { panic!() };
        message
    }

    fn view(&mut self) -> &mut proto::View {
        self.open.says.view.as_mut().unwrap()
    }

    /// The acknowledgement is of the view of this size.
    fn seen(&mut self, size: u64) {
        let root = self.net.tree.root_at(size).unwrap();
        *self.view() = proto::View { size, root: root.as_bytes().to_vec().into() };
    }
}

type Fault = (&'static str, fn(&mut Case));

/// One fault of each check, in the order of the checks.
const FAULTS: [Fault; 11] = [
    ("UNKNOWN_MESSAGE", |case| case.about.1 = contact(PORTUGAL)),
    ("MESSAGE_EXPIRED", |case| case.message().body = Body::Gone),
    ("INVALID_FIELD:drill", |case| {
        case.open.says.drill = Some(Drill { kind: 1, name: String::new() });
    }),
    ("NOT_THE_SENDER", |case| case.words.addressing.class = Class::Reply.into()),
    ("WRONG_THREAD", |case| {
        case.words.addressing.drill = Some(Drill { kind: 1, name: String::new() });
    }),
    ("KEY_NOT_IN_FORCE", |case| case.meanwhile.push(|net| net.revoke_sign_key(FR))),
    ("VIEW_AHEAD", |case| case.view().size = 99),
    ("ISSUED_IN_FUTURE", |case| {
        (case.words.addressing.created, case.words.addressing.expires) = (T + 301, T + 302);
    }),
    ("STALE_DIRECTORY", |case| {
        case.meanwhile.push(|net| net.roster(AUSTRIA, 2, &["duty-1", "duty-2"]));
    }),
    ("MAILBOX_SHARE", |case| {
        // Its words are no longer small, so they are paid as any message, and there is no room.
        let value = vec![0; 12_000].into();
        case.words.addressing.extras = vec![proto::Extra { name: "room".to_owned(), value }];
        case.net.grants.messages = 0;
    }),
    ("NOT_A_LEVEL", |case| case.open.says.level = Level::Legal.into()),
];

#[test]
fn of_two_reasons_not_to_take_an_acknowledgement_the_earlier_is_said() {
    let good = Case::new();
    assert_eq!(reason(&good.clone().given()), GOOD);
    for (place, (expected, earlier)) in FAULTS.iter().enumerate() {
        for (other, later) in &FAULTS[place..] {
            let mut bad = good.clone().with(|case| {
                // What another message is about is not there to be changed.
                later(case);
                if other != expected {
                    earlier(case);
                }
            });
            assert_eq!(reason(&bad.given()), *expected, "{expected} before {other}");
        }
    }
}

#[test]
fn only_who_is_addressed_acknowledges_the_message_that_the_entry_names() {
    let good = Case::new();
    for (by, expected) in [(FR, GOOD), (FR_2, GOOD), (PT, GOOD), (AT, "UNKNOWN_MESSAGE")] {
        assert_eq!(reason(&good.clone().by(by).given()), expected, "{by}");
    }
    let unknown = Err(Refusal::UnknownMessage(good.about.0.into()));
    let mut other = good.with(|case| case.open.says.header_digest = vec![7; 32].into());
    assert_eq!(other.given(), unknown);
}

/// The words say nothing else, to nobody else, and nobody else says them.
#[test]
fn words_belong_to_the_acknowledgement_they_come_with() {
    let good = Case::new();
    let rows: &[Fault] = &[
        ("another class", |case| case.words.addressing.class = Class::Reply.into()),
        ("a receipt", |case| case.words.addressing.class = Class::Receipt.into()),
        ("of another message", |case| case.words.addressing.in_reply_to = vec![7; 32].into()),
        ("by a colleague", |case| case.words = case.words.clone().by(FR_2)),
        ("to another", |case| {
            case.words.addressing.recipients[0].contact = PORTUGAL.to_owned();
        }),
        ("to its own", |case| case.words.addressing.recipients[0].contact = FRANCE.to_owned()),
    ];
    let words = Err(Refusal::NotTheSender(Mismatch::Words));
    for (name, change) in rows {
        assert_eq!(good.clone().with(change).given(), words, "{name}");
    }
    // Another contact hands them in.
    let (by, signed) = (contact(PORTUGAL), seat(FR));
    let handed_in = Err(Refusal::NotTheSender(Mismatch::HandedIn { by: by.clone(), signed }));
    assert_eq!(good.with(|case| case.by = by).given(), handed_in);
}

/// The message has the view of size 15, and the log has 16 entries.
#[test]
fn a_view_is_of_this_log_and_not_before_that_of_the_message() {
    let good = Case::new();
    for (size, expected) in [
        (16, Ok(())),
        (15, Ok(())),
        (14, Err(Refusal::WrongThread(Amiss::EarlierView))),
        (12, Err(Refusal::KeyNotInForce(sign_key(&format!("{FR} sign")).public().id()))),
    ] {
        let mut case = good.clone().with(|case| case.seen(size));
        assert_eq!(case.given().map(drop), expected, "{size}");
    }
    let mut ahead = good.clone().with(|case| case.view().size = 17);
    assert_eq!(ahead.given(), Err(Refusal::ViewAhead { size: 16, found: 17 }));
    let mut foreign = good.with(|case| case.view().root = vec![7; 32].into());
    assert_eq!(foreign.given(), Err(Refusal::ForeignView(16)));
}

#[test]
fn each_seat_acknowledges_once_and_its_further_words_are_messages() {
    let mut case = Case::new();
    case.given().unwrap();
    let first = case.outcome();
    assert_eq!(first.acknowledgements, [case.open.bytes(&case.net)]);
    let mailbox = case.net.mailbox(&contact(FRANCE));
    assert_eq!(mailbox.count, 2, "the message, and that it was acknowledged");
    let digest = verify(&case.net.directory, &first.acknowledgements[0]).unwrap();
    let digest = digest.envelope().digest();
    let (kind, number) = (EntryKind::Acknowledged, 2);
    let beside = Beside { contact: contact(FRANCE), epoch: 1, number, kind, digest };
    assert_eq!(first.beside, [beside]);
    let Some(Value::Entry(Entry::Shown(shown))) =
        case.net.store.get(&Key::Entry(contact(FRANCE), 2))
    else {
        panic!("no entry")
    };
    assert_eq!((shown.kind, shown.id), (EntryKind::Acknowledged, case.about.0));
    assert_eq!(shown.header_digest, case.first.header().digest());
    assert_eq!(
        (&shown.sender, &shown.acknowledgement),
        (&case.about.1, &first.acknowledgements[0])
    );
    assert_eq!(case.net.mailbox(&contact(AUSTRIA)).count, 1, "its sender has the words");
    // The same again changes nothing; more words are a message, and nothing besides.
    let again = decision(&case.net, &case.command()).unwrap();
    assert!(again.changes_nothing());
    let mut more = case.clone().with(|case| case.words = case.words.clone().called(1));
    more.given().unwrap();
    assert_eq!(more.outcome(), first);
    assert_eq!(more.net.mailbox(&contact(FRANCE)), mailbox);
    assert_eq!(more.net.mailbox(&contact(AUSTRIA)).count, 2);
    // A colleague's stands beside it.
    let mut both = case.by(FR_2);
    both.given().unwrap();
    let outcome = both.outcome();
    assert_eq!((outcome.acknowledgements.len(), outcome.beside.len()), (2, 2));
    assert_eq!(outcome.acknowledgements[0], first.acknowledgements[0], "in their order");
    assert_eq!(outcome.beside[1].number, 3);
}

/// What is answered the same again is not judged by what the record says since.
#[test]
fn a_level_is_asked_of_the_first_alone() {
    let mut case = Case::new();
    case.given().unwrap();
    case.net.record(FRANCE, 2, &[Level::Policy]);
    let verified = case.command();
    assert!(decision(&case.net, &verified).unwrap().changes_nothing());
    // Who has another level by then is asked for that one.
    let mut other = Case::new();
    other.net.record(FRANCE, 2, &[Level::Policy]);
    let mut other = other.by(FR);
    assert_eq!(reason(&other.clone().given()), "NOT_A_LEVEL");
    other.open.says.level = Level::Policy.into();
    assert_eq!(reason(&other.given()), GOOD);
}

#[test]
fn a_message_to_its_own_contact_is_acknowledged_without_an_entry() {
    let mut case = Case::new();
    let own = Apart::between(&case.net, FR, &[FRANCE]).verify(&case.net).unwrap();
    case.net.decide(&Submit::new(contact(FRANCE), own.clone())).unwrap();
    let digest = own.header().digest().as_bytes().to_vec();
    case.open.says.header_digest = digest.into();
    case.open.says.seat = FR_2.to_owned();
    case.open.signers = vec![format!("{FR_2} sign")];
    let words = Apart::between(&case.net, FR_2, &[FRANCE]).answering(own.header());
    case.words = words.with(|words| words.addressing.class = Class::Acknowledgement.into());
    case.about = (own.header().addressing().id, contact(FRANCE));
    let before = case.net.mailbox(&contact(FRANCE)).count;
    case.given().unwrap();
    assert_eq!(case.net.mailbox(&contact(FRANCE)).count, before + 1, "the words alone");
    assert_eq!((case.outcome().acknowledgements.len(), case.outcome().beside.len()), (1, 0));
}

#[test]
fn so_many_seats_acknowledge_one_message_and_no_more() {
    let most = limits::ACKNOWLEDGEMENTS;
    for (given, expected) in [(most - 1, GOOD), (most, "TOO_LARGE"), (most + 1, "TOO_LARGE")] {
        let mut case = Case::new();
        let colleague = case.clone().by(FR_2).open.bytes(&case.net);
        let outcome = Outcome { acknowledgements: vec![colleague.into(); given], beside: vec![] };
        let key = Key::Outcome(case.about.0, case.about.1.clone());
        case.net.store.insert(key, Value::Outcome(outcome));
        assert_eq!(reason(&case.given()), expected, "{given}");
    }
}

/// The first words of a seat are paid by the message that they acknowledge.
#[test]
fn first_words_cost_their_writer_nothing_and_later_ones_do() {
    let mut case = Case::new();
    let usage = |case: &Case| {
        matches!(case.net.store.get(&Key::Usage("fr".parse().unwrap())), Some(Value::Usage(_)))
    };
    case.net.grants.messages = 2;
    case.given().unwrap();
    assert!(!usage(&case));
    let digest = case.first.header().digest();
    let Some(Value::Answers(answers)) = case.net.store.get(&Key::Answers(digest)) else { panic!() };
    assert!(answers.words.iter().eq(&[seat(FR)]));
    let words = case.words.verify(&case.net).unwrap().header().digest();
    let Some(Value::Answers(answers)) = case.net.store.get(&Key::Answers(words)) else { panic!() };
    assert_eq!((answers.paid, answers.waiting), (0, 0));
    case.words = case.words.clone().called(1);
    case.given().unwrap();
    assert!(usage(&case), "the second");
    let accepted = proto::Accepted::decode(case.given().unwrap()).unwrap();
    assert_eq!(accepted.places.len(), 1);
}
