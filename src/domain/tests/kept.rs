//! What is kept, by name: each reader takes its own kind of value and no other; what an entry says in the chain;
//! numbers at their ends.

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::domain::administration::audit::Trail;
use crate::domain::administration::desk::{Desk, Kept};
use crate::domain::directory::facet::OpenFacet;
use crate::domain::ids::MessageId;
use crate::domain::refusal::{Fault, Refusal};
use crate::domain::relay::answers::Answers;
use crate::domain::relay::share::Share;
use crate::domain::state::{
    Body, Entry, EntryKind, Gone, Key, Mailbox, Message, Outcome, Seen, Shown, Snapshot, Step,
    Usage, Value,
};
use crate::signed::dsse::{Envelope, Kind};
use crate::world::relay::{FR, contact, sign_key};

fn gone() -> Gone {
    Gone { kind: EntryKind::Released, digest: Digest::of(b"gone"), at: 7 }
}

fn mailbox() -> Mailbox {
    Mailbox::of_epoch(Digest::of(b"genesis"), &contact("fr/soc"), 2)
}

fn values() -> [Value; 15] {
    let empty = Bytes::new;
    let facet = OpenFacet {
        subject: "fr/soc".to_owned(),
        name: "email".to_owned(),
        salt: [7; 32],
        bytes: empty(),
    };
    let answers = Answers {
        sender: contact("fr/soc"),
        until: 7,
        waiting: 7,
        seats: [FR.parse().unwrap()].into(),
        receipts: [].into(),
        words: [].into(),
        paid: 7,
    };
    let message = Message { header: empty(), body: Body::Gone, letters: vec![], accepted: empty() };
    let (by, expires) = ("operator/dave".to_owned(), 8);
    let kept = Kept { envelope: empty(), facets: vec![], by, at: 7, expires, end: None };
    [
        Value::Mailbox(mailbox()),
        Value::Entry(Entry::Gone(gone())),
        Value::Message(Box::new(message)),
        Value::Outcome(Outcome::default()),
        Value::Usage(Usage(7)),
        Value::Facet(facet),
        Value::Share(Share::default()),
        Value::Answers(answers),
        Value::Due(Step::Empty),
        Value::Blob(7),
        Value::Beginning(mailbox()),
        Value::Trail(Trail::empty(Digest::of(b"genesis"))),
        Value::Desk(Desk::default()),
        Value::Proposal(Box::new(kept)),
        // Of an audit record nothing is decided.
        Value::Record(empty()),
    ]
}

/// What each of the readers finds under a key, in the order of [`values`].
fn found(seen: Seen<'_>, key: &Key) -> [Result<Option<Value>, Refusal>; 14] {
    [
        seen.mailbox(key).map(|of| of.map(|of| Value::Mailbox(*of))),
        seen.entry(key).map(|of| of.map(|of| Value::Entry(of.clone()))),
        seen.message(key).map(|of| of.map(|of| Value::Message(Box::new(of.clone())))),
        seen.outcome(key).map(|of| of.map(|of| Value::Outcome(of.clone()))),
        seen.usage(key).map(|of| of.map(|of| Value::Usage(*of))),
        seen.facet(key).map(|of| of.map(|of| Value::Facet(of.clone()))),
        seen.share(key).map(|of| of.map(|of| Value::Share(of.clone()))),
        seen.answers(key).map(|of| of.map(|of| Value::Answers(of.clone()))),
        seen.due(key).map(|of| of.map(|of| Value::Due(*of))),
        seen.blob(key).map(|of| of.map(|of| Value::Blob(*of))),
        seen.beginning(key).map(|of| of.map(|of| Value::Beginning(*of))),
        seen.trail(key).map(|of| of.map(|of| Value::Trail(*of))),
        seen.desk(key).map(|of| of.map(|of| Value::Desk(of.clone()))),
        seen.proposal(key).map(|of| of.map(|of| Value::Proposal(Box::new(of.clone())))),
    ]
}

#[test]
fn each_reader_takes_its_own_kind_of_value_and_finds_fault_with_every_other() {
    let (key, named) = (Key::Desk, [Key::Desk]);
    for (place, value) in values().into_iter().enumerate() {
        let mut snapshot = Snapshot::default();
        snapshot.insert(key.clone(), Some(value.clone()));
        for (reader, read) in found(snapshot.named(&named), &key).into_iter().enumerate() {
            let expected = if reader == place {
                Ok(Some(value.clone()))
            } else {
                Err(Refusal::Internal(Fault::OtherValue))
            };
            assert_eq!(read, expected, "reader {reader} of {value:?}");
        }
        let unnamed = Err(Refusal::Internal(Fault::UnnamedKey));
        assert!(found(snapshot.named(&[Key::Trail]), &key).iter().all(|read| *read == unnamed));
        // It was read, and is not there; then it was not read.
        snapshot.insert(key.clone(), None);
        assert!(found(snapshot.named(&named), &key).iter().all(|read| *read == Ok(None)));
        let other = [Key::Trail];
        assert!(found(snapshot.named(&other), &Key::Trail).iter().all(|read| *read == unnamed));
    }
}

#[test]
fn a_step_is_its_number() {
    for number in 0..=5 {
        let expected = match number {
            1 => Some(Step::Tell),
            2 => Some(Step::Empty),
            3 => Some(Step::Forget),
            _ => None,
        };
        assert_eq!(Step::of_number(number), expected);
        assert_eq!(expected.map_or(number, Step::number), number);
    }
}

#[test]
fn an_account_stays_between_nothing_and_all() {
    for (usage, more, with, without) in [
        (10, 3, 13, 7),
        (3, 3, 6, 0),
        (3, 4, 7, 0),
        (u64::MAX - 1, 1, u64::MAX, u64::MAX - 2),
        (u64::MAX, 1, u64::MAX, u64::MAX - 1),
    ] {
        assert_eq!(Usage(usage).with(more), Usage(with));
        assert_eq!(Usage(usage).without(more), Usage(without));
    }
}

fn shown(kind: EntryKind, acknowledgement: Bytes) -> Shown {
    let header_digest = Digest::of(b"header");
    let id = MessageId::new(1, [1; 10]);
    Shown { kind, header_digest, id, sender: contact("at/cert"), acknowledgement }
}

#[test]
fn an_entry_is_chained_by_what_it_carries_or_by_the_header() {
    let key = sign_key("a seat");
    let random = crate::ambient::Ambient::system();
    let open = Envelope::sign(Kind::Acknowledgement, vec![8, 1], &[&key], random.random()).unwrap();
    let header = Digest::of(b"header");
    for byte in 1..=9 {
        let kind = EntryKind::of_byte(byte).unwrap();
        let entry = Entry::Shown(shown(kind, open.bytes().clone()));
        let digest = if byte == 3 || byte > 4 { open.digest() } else { header };
        assert_eq!(entry.chained(), Some((kind, digest)), "{byte}");
        assert_eq!(mailbox().with(&entry), Some(mailbox().append(kind, digest)));
        // What it carries cannot be read.
        let torn = Entry::Shown(shown(kind, Bytes::from_static(b"torn")));
        assert_eq!(torn.chained().is_some(), digest == header, "{byte}");
        assert_eq!(mailbox().with(&torn).is_some(), digest == header);
        // Beside its message stands what does not address.
        let beside = shown(kind, open.bytes().clone()).beside(&contact("fr/soc"), 3, 9);
        assert_eq!(beside.is_some(), byte > 2, "{byte}");
        if let Some(beside) = beside {
            assert_eq!((beside.contact, beside.epoch, beside.number), (contact("fr/soc"), 3, 9));
            assert_eq!((beside.kind, beside.digest), (kind, digest));
        }
        let torn = shown(kind, Bytes::from_static(b"torn"));
        assert_eq!(torn.beside(&contact("fr/soc"), 3, 9).is_some(), byte == 4, "{byte}");
    }
    let gone = Entry::Gone(gone());
    assert_eq!(gone.chained(), Some((EntryKind::Released, Digest::of(b"gone"))));
}

/// An acknowledgement has so many bytes; what is larger is none.
#[test]
fn what_is_carried_is_no_larger_than_an_acknowledgement() {
    let key = sign_key("a seat");
    let random = crate::ambient::Ambient::system();
    let of = |bytes: usize| {
        let payload = vec![7; bytes];
        Envelope::sign(Kind::Acknowledgement, payload, &[&key], random.random()).unwrap()
    };
    let room = 1_024 - (of(700).bytes().len() - 700);
    for (bytes, is_read) in [(room, true), (room + 1, false)] {
        let carried = of(bytes).bytes().clone();
        let entry = Entry::Shown(shown(EntryKind::Acknowledged, carried));
        assert_eq!(entry.chained().is_some(), is_read, "{bytes}");
    }
}
