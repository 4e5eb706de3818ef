//! What each step writes and deletes, to the key: a step that is not due, or not the next, does nothing.

use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::domain::command::{Clock, Decision};
use crate::domain::commands::expire::{Expire, Shrink};
use crate::domain::commands::submit::Submit;
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::refusal::{Fault, Refusal};
use crate::domain::relay::answers::Answers;
use crate::domain::relay::share::{Share, Waiting};
use crate::domain::relay::tests::apart::{AUSTRIA, Apart, FRANCE, PORTUGAL, decision};
use crate::domain::state::{
    Beside, Body, Entry, EntryKind, Gone, Key, Mailbox, Message, Outcome, Step, Usage, Value,
};
use crate::signed::proto;
use crate::world::relay::{FR, FR_2, Net, PT, contact, seat};
use crate::world::testlog::ambient_at;

const T: u64 = 1_800_000_000;
const DAY: u64 = 86_400;
const EXPIRES: u64 = T + 60;

/// Austria's notification to France and Portugal, which was taken.
#[derive(Clone)]
struct Taken {
    net: Net,
    id: MessageId,
    header: Digest,
}

impl Taken {
    fn new() -> Self {
        let mut net = Net { ambient: ambient_at(T), ..Net::new() };
        let apart = Apart::notification(&net).with(|apart| {
            (apart.addressing.created, apart.addressing.expires) = (T, EXPIRES);
        });
        let verified = apart.verify(&net).unwrap();
        let (id, header) = (verified.header().addressing().id, verified.header().digest());
        net.decide(&Submit::new(contact(AUSTRIA), verified)).unwrap();
        Self { net, id, header }
    }

    fn message_key(&self) -> Key {
        Key::Message(self.id, contact(AUSTRIA))
    }

    fn outcome_key(&self) -> Key {
        Key::Outcome(self.id, contact(AUSTRIA))
    }

    fn due(&self, at: u64) -> Key {
        Key::Due(at, self.id, contact(AUSTRIA))
    }

    fn message(&self) -> Message {
        let Some(Value::Message(message)) = self.net.store.get(&self.message_key()) else {
            panic!("no message")
        };
        (**message).clone()
    }

    fn answers(&mut self) -> &mut Answers {
        let key = Key::Answers(self.header);
        let Some(Value::Answers(answers)) = self.net.store.get_mut(&key) else { panic!() };
        answers
    }

    fn command(&self, at: u64, step: Step) -> Expire {
        let outcome = match self.net.store.get(&self.outcome_key()) {
            Some(Value::Outcome(outcome)) => Some(outcome),
            _ => None,
        };
        let (id, sender) = (self.id, contact(AUSTRIA));
        Expire::new(at, step, id, sender, &self.message(), outcome).unwrap()
    }

    /// Exactly this step stands in the index, and it is asked for at this time.
    fn at(&self, due: u64, step: Step, now: u64) -> Decision<Option<Digest>> {
        let mut net = self.net.clone();
        net.store.retain(|key, _| !matches!(key, Key::Due(..)));
        net.store.insert(self.due(due), Value::Due(step));
        net.ambient = ambient_at(now);
        decision(&net, &self.command(due, step)).unwrap()
    }
}

fn put<'a, R>(of: &'a Decision<R>, key: &Key) -> Option<&'a Value> {
    of.puts.iter().find(|(put, _)| put == key).map(|(_, value)| value)
}

fn share(of: &str) -> Key {
    Key::Share(contact(of), "at".parse().unwrap())
}

fn account() -> Key {
    Key::Usage("at".parse().unwrap())
}

#[test]
fn a_step_is_taken_from_its_second_on_by_a_clock_that_has_settled_and_if_it_is_the_next() {
    let taken = Taken::new();
    for (now, clock, does) in [
        (EXPIRES - 1, Clock::Settled, false),
        (EXPIRES, Clock::Settled, true),
        (EXPIRES + 99 * DAY, Clock::Settled, true),
        (EXPIRES, Clock::Unsettled, false),
        (EXPIRES, Clock::InDoubt, false),
    ] {
        let net = Net { ambient: ambient_at(now), clock, ..taken.net.clone() };
        let found = decision(&net, &taken.command(EXPIRES, Step::Tell)).unwrap();
        assert_eq!(!found.changes_nothing(), does, "{now} {clock:?}");
    }
    let net = Net { ambient: ambient_at(EXPIRES), ..taken.net.clone() };
    let nothing = |net: &Net, command: &Expire| decision(net, command).unwrap().changes_nothing();
    // Another step, another time, another message under this id, and none.
    assert!(nothing(&net, &taken.command(EXPIRES, Step::Empty)));
    assert!(nothing(&net, &taken.command(EXPIRES - 1, Step::Tell)));
    let accepted = proto::Accepted::decode(taken.message().accepted).unwrap();
    let accepted = proto::Accepted { at: 7, ..accepted }.encode_to_vec().into();
    let other = Message { accepted, ..taken.message() };
    let (id, sender) = (taken.id, contact(AUSTRIA));
    let other = Expire::new(EXPIRES, Step::Tell, id, sender, &other, None).unwrap();
    assert!(nothing(&net, &other));
    let mut without = net.clone();
    without.store.remove(&taken.message_key());
    assert!(nothing(&without, &taken.command(EXPIRES, Step::Tell)));
    assert!(!nothing(&net, &taken.command(EXPIRES, Step::Tell)));
}

#[test]
fn a_receipt_that_says_no_place_is_a_fault_of_the_service() {
    let taken = Taken::new();
    let with = |accepted: Vec<u8>| {
        let message = Message { accepted: accepted.into(), ..taken.message() };
        let (id, sender) = (taken.id, contact(AUSTRIA));
        Expire::new(EXPIRES, Step::Tell, id, sender, &message, None).map(drop)
    };
    let good = proto::Accepted::decode(taken.message().accepted).unwrap();
    let fault = Err(Refusal::Internal(Fault::UnreadableReceipt));
    assert_eq!(with(good.encode_to_vec()), Ok(()));
    assert_eq!(with(b"\xff".to_vec()), fault);
    let half = proto::Accepted { header_digest: vec![7; 31].into(), ..good.clone() };
    assert_eq!(with(half.encode_to_vec()), fault);
    let mut nowhere = good;
    nowhere.places[1].contact = "pt".to_owned();
    assert_eq!(with(nowhere.encode_to_vec()), fault);
}

#[test]
fn a_sender_is_told_unless_a_machine_of_every_contact_has_received_it() {
    for (receipts, told) in [
        (vec![], true),
        (vec![FR], true),
        (vec![FR, FR_2], true),
        (vec![PT], true),
        (vec![FR, PT], false),
    ] {
        let mut taken = Taken::new();
        taken.answers().receipts = receipts.iter().map(|of| seat(of)).collect();
        let found = taken.at(EXPIRES, Step::Tell, EXPIRES);
        let own = Key::Mailbox(contact(AUSTRIA));
        assert_eq!(put(&found, &own).is_some(), told, "{receipts:?}");
        let outcome = put(&found, &taken.outcome_key());
        let (kind, digest) = (EntryKind::NotDelivered, taken.header);
        let beside = Beside { contact: contact(AUSTRIA), epoch: 1, number: 1, kind, digest };
        let expected = Value::Outcome(Outcome { beside: vec![beside], ..Outcome::default() });
        assert_eq!(outcome, told.then_some(&expected));
        if told {
            let Some(Value::Entry(Entry::Shown(shown))) =
                put(&found, &Key::Entry(contact(AUSTRIA), 1))
            else {
                panic!("no entry")
            };
            assert_eq!((shown.kind, shown.id, shown.header_digest), (kind, taken.id, digest));
        }
        // The next step, in the place of this one.
        let next = put(&found, &taken.due(EXPIRES + DAY));
        assert_eq!(next, Some(&Value::Due(Step::Empty)));
        assert_eq!(found.deletes, [taken.due(EXPIRES)]);
        assert_eq!(found.reply, None);
    }
    // Of answers that nobody knows none was given.
    let mut taken = Taken::new();
    taken.net.store.remove(&Key::Answers(taken.header));
    assert!(put(&taken.at(EXPIRES, Step::Tell, EXPIRES), &taken.outcome_key()).is_some());
}

/// It was told of before: what stands beside it stays, and its acknowledgements.
#[test]
fn what_became_of_it_before_is_kept_when_its_sender_is_told() {
    let mut taken = Taken::new();
    let beside = |number| {
        let (kind, digest) = (EntryKind::Acknowledged, Digest::of(b"given"));
        Beside { contact: contact(FRANCE), epoch: 1, number, kind, digest }
    };
    let acknowledgements = vec![b"given".to_vec().into()];
    let outcome = Outcome { acknowledgements: acknowledgements.clone(), beside: vec![beside(2)] };
    taken.net.store.insert(taken.outcome_key(), Value::Outcome(outcome));
    let found = taken.at(EXPIRES, Step::Tell, EXPIRES);
    let Some(Value::Outcome(outcome)) = put(&found, &taken.outcome_key()) else { panic!() };
    assert_eq!((outcome.acknowledgements.clone(), outcome.beside.len()), (acknowledgements, 2));
    assert_eq!(outcome.beside[0], beside(2));
}

#[test]
fn emptying_gives_back_what_was_paid_and_what_waited_and_nothing_else() {
    let emptied = EXPIRES + DAY;
    let mut taken = Taken::new();
    let (paid, waiting) = (taken.answers().paid, taken.answers().waiting);
    taken.net.store.insert(account(), Value::Usage(Usage(paid + 5)));
    let other = Share {
        waiting: [(emptied / DAY, Waiting { messages: 2, bytes: waiting + 9 })].into(),
        paced: 3,
    };
    taken.net.store.insert(share(FRANCE), Value::Share(other.clone()));
    taken.net.store.insert(share(PORTUGAL), Value::Share(other.clone()));
    taken.answers().receipts.insert(seat(PT));
    let found = taken.at(emptied, Step::Empty, emptied);
    assert_eq!(put(&found, &account()), Some(&Value::Usage(Usage(5))));
    let waits = Waiting { messages: 1, bytes: 9 };
    let less = Share { waiting: [(emptied / DAY, waits)].into(), paced: 3 };
    assert_eq!(put(&found, &share(FRANCE)), Some(&Value::Share(less)));
    assert_eq!(put(&found, &share(PORTUGAL)), None, "it was received there");
    assert_eq!(found.deletes, [Key::Answers(taken.header), taken.due(emptied)]);
    let next = put(&found, &taken.due(EXPIRES + 30 * DAY));
    assert_eq!(next, Some(&Value::Due(Step::Forget)));
    let gone = Message { body: Body::Gone, letters: Vec::new(), ..taken.message() };
    let gone = Value::Message(Box::new(gone));
    assert_eq!(put(&found, &taken.message_key()), Some(&gone));
    for of in [FRANCE, PORTUGAL] {
        let entry = put(&found, &Key::Entry(contact(of), 1));
        let gone = Gone { kind: EntryKind::Addressed, digest: taken.header, at: emptied };
        assert_eq!(entry, Some(&Value::Entry(Entry::Gone(gone))), "{of}");
    }
    // What waited nowhere leaves the shares as they are, and what was not paid the account.
    (taken.answers().waiting, taken.answers().paid) = (0, 0);
    let found = taken.at(emptied, Step::Empty, emptied);
    for key in [account(), share(FRANCE), share(PORTUGAL)] {
        assert_eq!(put(&found, &key), None, "{key:?}");
    }
    // Without answers there is nothing to give back.
    taken.net.store.remove(&Key::Answers(taken.header));
    let found = taken.at(emptied, Step::Empty, emptied);
    assert_eq!(found.deletes, [taken.due(emptied)]);
    assert_eq!(put(&found, &account()), None);
}

/// Another epoch has other entries under these numbers, and they stay.
#[test]
fn emptying_leaves_entries_of_other_messages() {
    let emptied = EXPIRES + DAY;
    let taken = Taken::new();
    let changes: [fn(&mut Entry); 3] = [
        |entry| shown(entry).id = MessageId::new(1, [7; 10]),
        |entry| shown(entry).sender = contact(PORTUGAL),
        |entry| {
            let (kind, digest) = (EntryKind::Addressed, Digest::of(b"gone"));
            *entry = Entry::Gone(Gone { kind, digest, at: 1 });
        },
    ];
    for change in changes {
        let mut other = taken.clone();
        let key = Key::Entry(contact(FRANCE), 1);
        let Some(Value::Entry(entry)) = other.net.store.get_mut(&key) else { panic!() };
        change(entry);
        let found = other.at(emptied, Step::Empty, emptied);
        assert_eq!(put(&found, &key), None);
        assert!(put(&found, &Key::Entry(contact(PORTUGAL), 1)).is_some());
    }
}

fn shown(entry: &mut Entry) -> &mut crate::domain::state::Shown {
    let Entry::Shown(shown) = entry else { panic!("it shows nothing") };
    shown
}

#[test]
fn a_body_goes_with_the_last_message_that_names_it() {
    let emptied = EXPIRES + DAY;
    let digest = Digest::of(b"a large body");
    for (named, left) in [(None, None), (Some(1), None), (Some(2), Some(1)), (Some(0), None)] {
        let mut taken = Taken::new();
        let body = Body::Blob(digest, 1 << 20);
        let message = Message { body, ..taken.message() };
        taken.net.store.insert(taken.message_key(), Value::Message(Box::new(message)));
        let named = named.map(|named| (Key::Blob(digest), Value::Blob(named)));
        taken.net.store.extend(named.clone());
        let found = taken.at(emptied, Step::Empty, emptied);
        assert_eq!(put(&found, &Key::Blob(digest)), left.map(Value::Blob).as_ref());
        let goes = named.is_some() && left.is_none();
        assert_eq!(found.deletes.contains(&Key::Blob(digest)), goes, "{named:?}");
        assert_eq!(found.reply, goes.then_some(digest));
    }
}

#[test]
fn what_stood_beside_a_message_goes_with_it_in_its_own_epoch() {
    let forgotten = EXPIRES + 30 * DAY;
    let mut taken = Taken::new();
    let beside = |of: &str, epoch, number| {
        let (kind, digest) = (EntryKind::Acknowledged, Digest::of(of.as_bytes()));
        Beside { contact: contact(of), epoch, number, kind, digest }
    };
    let beside = [
        beside(FRANCE, 1, 2),
        beside(FRANCE, 1, 5),
        beside(PORTUGAL, 2, 3),
        beside("es/cert-es", 1, 1),
    ];
    let outcome = Outcome { acknowledgements: Vec::new(), beside: beside.to_vec() };
    taken.net.store.insert(taken.outcome_key(), Value::Outcome(outcome));
    let found = taken.at(forgotten, Step::Forget, forgotten + 7);
    let gone = |of: &Beside| {
        let gone = Gone { kind: of.kind, digest: of.digest, at: forgotten + 7 };
        (Key::Entry(of.contact.clone(), of.number), Value::Entry(Entry::Gone(gone)))
    };
    assert_eq!(found.puts, [gone(&beside[0]), gone(&beside[1])], "Portugal's is of epoch 1");
    let deletes = [taken.outcome_key(), taken.message_key(), taken.due(forgotten)];
    assert_eq!(found.deletes, deletes);
    taken.net.store.remove(&taken.outcome_key());
    let found = taken.at(forgotten, Step::Forget, forgotten);
    assert_eq!((found.puts.len(), found.deletes.len()), (0, 2));
}

/// A mailbox of these entries: when each went, or that it shows something.
fn mailbox(gone: &[Option<u64>]) -> (Net, Mailbox) {
    let mut net = Net { ambient: ambient_at(T), ..Net::new() };
    let france = contact(FRANCE);
    let mut at = Mailbox::empty(net.directory.genesis(), &france);
    for (gone, number) in gone.iter().zip(1_u64..) {
        let (kind, digest) = (EntryKind::Addressed, Digest::of(&number.to_be_bytes()));
        at = at.append(kind, digest);
        let entry = match gone {
            Some(at) => Entry::Gone(Gone { kind, digest, at: *at }),
            None => Entry::Shown(crate::domain::state::Shown {
                kind,
                header_digest: digest,
                id: MessageId::new(1, [1; 10]),
                sender: contact(AUSTRIA),
                acknowledgement: bytes::Bytes::new(),
            }),
        };
        net.store.insert(Key::Entry(france.clone(), number), Value::Entry(entry));
    }
    net.store.insert(Key::Mailbox(france), Value::Mailbox(at));
    (net, at)
}

fn shrink(net: &Net, after: u64) -> Decision<u64> {
    decision(net, &Shrink::new(contact(FRANCE), after)).unwrap()
}

#[test]
fn a_beginning_moves_over_what_is_gone_for_long_enough_and_stops_at_the_first_that_is_not() {
    let (gone, soon) = (Some(T - 30 * DAY), Some(T - 30 * DAY + 1));
    for (entries, moved) in [
        (&[gone, gone, None, gone][..], 2),
        (&[gone, soon, gone], 1),
        (&[soon, gone], 0),
        (&[None, gone], 0),
        (&[gone, gone], 2),
        (&[], 0),
    ] {
        let (net, _) = mailbox(entries);
        let found = shrink(&net, 0);
        assert_eq!(found.reply, moved, "{entries:?}");
        let keys = (1..=moved).map(|number| Key::Entry(contact(FRANCE), number));
        assert!(found.deletes.iter().cloned().eq(keys));
        let begins = put(&found, &Key::Beginning(contact(FRANCE)));
        let expected = (1..=moved)
            .fold(Mailbox::empty(net.directory.genesis(), &contact(FRANCE)), |at, number: u64| {
                at.append(EntryKind::Addressed, Digest::of(&number.to_be_bytes()))
            });
        assert_eq!(begins, (moved > 0).then_some(&Value::Beginning(expected)));
        assert_eq!(found.puts.len(), usize::from(moved > 0), "nothing is written for nothing");
    }
}

#[test]
fn a_beginning_moves_so_far_at_once_from_where_it_stands_in_this_epoch() {
    let long: Vec<Option<u64>> = vec![Some(1); 70];
    let (mut net, at) = mailbox(&long);
    let first = shrink(&net, 0);
    assert_eq!((first.reply, first.deletes.len()), (64, 64));
    net.store.extend(first.puts);
    assert_eq!(shrink(&net, 0).reply, 0, "it does not stand there any more");
    let (key, france) = (Key::Beginning(contact(FRANCE)), contact(FRANCE));
    let second = shrink(&net, 64);
    assert_eq!(second.reply, 6);
    assert_eq!(put(&second, &key), Some(&Value::Beginning(at)), "the chain leads on");
    // In another epoch it begins anew.
    let anew = Mailbox::of_epoch(net.directory.genesis(), &france, 2);
    net.store.insert(Key::Mailbox(france.clone()), Value::Mailbox(anew));
    assert_eq!([64, 0].map(|after| shrink(&net, after).reply), [0, 64]);
    for clock in [Clock::Unsettled, Clock::InDoubt] {
        assert!(shrink(&Net { clock, ..net.clone() }, 0).changes_nothing());
    }
    net.store.remove(&Key::Mailbox(france));
    assert!(shrink(&net, 0).changes_nothing());
}

/// What a step names is what it reads, and of each contact beside it once.
#[test]
fn a_step_names_what_it_reads() {
    let mut taken = Taken::new();
    let named = |taken: &Taken, step| {
        use crate::domain::command::Command as _;
        taken.command(EXPIRES, step).keys()
    };
    let common = [taken.due(EXPIRES), taken.message_key()];
    let of = |more: Vec<Key>| [&common[..], &more].concat();
    let (answers, own) = (Key::Answers(taken.header), Key::Mailbox(contact(AUSTRIA)));
    let outcome = taken.outcome_key();
    assert_eq!(named(&taken, Step::Tell), of(vec![outcome.clone(), answers.clone(), own]));
    let entry = |of: &str| Key::Entry(contact(of), 1);
    let emptied =
        vec![answers, account(), entry(FRANCE), entry(PORTUGAL), share(FRANCE), share(PORTUGAL)];
    assert_eq!(named(&taken, Step::Empty), of(emptied));
    assert_eq!(named(&taken, Step::Forget), of(vec![outcome.clone()]));
    let beside = |of: ContactId| {
        let (kind, digest) = (EntryKind::Acknowledged, Digest::of(b"given"));
        Beside { contact: of, epoch: 1, number: 2, kind, digest }
    };
    let beside = [PORTUGAL, FRANCE, PORTUGAL].map(|of| beside(contact(of))).to_vec();
    let became = Outcome { acknowledgements: Vec::new(), beside };
    taken.net.store.insert(taken.outcome_key(), Value::Outcome(became));
    let mailboxes = [FRANCE, PORTUGAL].map(|of| Key::Mailbox(contact(of)));
    assert_eq!(named(&taken, Step::Forget), of([&[outcome][..], &mailboxes].concat()));
}
