//! A mailbox that begins anew, and each entry that is delivered to it again: what moves, and what does not.

use bytes::Bytes;
use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::domain::command::Decision;
use crate::domain::commands::anew::{Begin, Redeliver, is_kept};
use crate::domain::commands::submit::Submit;
use crate::domain::ids::MessageId;
use crate::domain::refusal::{Fault, Refusal};
use crate::domain::relay::tests::apart::{AUSTRIA, Apart, FRANCE, PORTUGAL, decision};
use crate::domain::state::{
    Beside, Body, Entry, EntryKind, Gone, Key, Mailbox, Message, Outcome, Shown, Value,
};
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto;
use crate::world::relay::{FR, Net, contact, sign_key};

fn mailbox_key() -> Key {
    Key::Mailbox(contact(FRANCE))
}

fn entry_key(number: u64) -> Key {
    Key::Entry(contact(FRANCE), number)
}

#[test]
fn an_epoch_begins_once_and_takes_its_beginning_with_it() {
    let mut net = Net::new();
    let genesis = net.directory.genesis();
    let of = |epoch| Mailbox::of_epoch(genesis, &contact(FRANCE), epoch);
    let filled = of(2).append(EntryKind::Addressed, Digest::of(b"header"));
    let begin = |net: &Net, epoch| decision(net, &Begin::new(contact(FRANCE), epoch)).unwrap();
    let begun = |epoch| [(mailbox_key(), Value::Mailbox(of(epoch)))];
    assert_eq!(begin(&net, 2).puts, begun(2), "there was none");
    assert_eq!(begin(&net, 2).deletes, []);
    net.store.insert(mailbox_key(), Value::Mailbox(filled));
    for epoch in [1, 2] {
        assert!(begin(&net, epoch).changes_nothing(), "{epoch}");
    }
    assert_eq!((begin(&net, 3).puts, begin(&net, 3).deletes), (begun(3).to_vec(), vec![]));
    let beginning = Key::Beginning(contact(FRANCE));
    net.store.insert(beginning.clone(), Value::Beginning(filled));
    assert!(begin(&net, 2).changes_nothing());
    assert_eq!((begin(&net, 3).puts, begin(&net, 3).deletes), (begun(3).to_vec(), vec![beginning]));
}

/// Austria's message to France and Portugal, whose mailbox of France began anew: its entry waits beyond the
/// count, under this number.
struct Anew {
    net: Net,
    id: MessageId,
    entry: Entry,
    number: u64,
}

impl Anew {
    fn waiting(number: u64) -> Self {
        let mut net = Net::new();
        let verified = Apart::notification(&net).verify(&net).unwrap();
        let id = verified.header().addressing().id;
        net.decide(&Submit::new(contact(AUSTRIA), verified)).unwrap();
        let Some(Value::Entry(entry)) = net.store.remove(&entry_key(1)) else { panic!() };
        net.store.insert(entry_key(number), Value::Entry(entry.clone()));
        let anew = Mailbox::of_epoch(net.directory.genesis(), &contact(FRANCE), 2);
        net.store.insert(mailbox_key(), Value::Mailbox(anew));
        Self { net, id, entry, number }
    }

    fn redeliver(&self) -> Decision<bool> {
        decision(&self.net, &self.command()).unwrap()
    }

    fn command(&self) -> Redeliver {
        Redeliver::new(contact(FRANCE), self.number, self.entry.clone())
    }

    fn message_key(&self) -> Key {
        Key::Message(self.id, contact(AUSTRIA))
    }

    fn message(&mut self) -> &mut Box<Message> {
        let key = self.message_key();
        let Some(Value::Message(message)) = self.net.store.get_mut(&key) else { panic!() };
        message
    }

    /// The mailbox with the entry next.
    fn next(&self) -> Mailbox {
        self.net.mailbox(&contact(FRANCE)).with(&self.entry).unwrap()
    }

    /// The entry becomes another.
    fn stand(&mut self, entry: Entry) {
        self.net.store.insert(entry_key(self.number), Value::Entry(entry.clone()));
        self.entry = entry;
    }

    /// The entry becomes one of this kind, of the same message.
    fn become_of(&mut self, kind: EntryKind, acknowledgement: Bytes) {
        let Entry::Shown(shown) = self.entry.clone() else { panic!() };
        self.stand(Entry::Shown(Shown { kind, acknowledgement, ..shown }));
    }
}

fn put<'a, R>(of: &'a Decision<R>, key: &Key) -> Option<&'a Value> {
    of.puts.iter().find(|(put, _)| put == key).map(|(_, value)| value)
}

#[test]
fn an_entry_moves_to_the_next_place_and_the_receipt_says_so() {
    let anew = Anew::waiting(5);
    let found = anew.redeliver();
    assert!(found.reply);
    assert_eq!(found.deletes, [entry_key(5)]);
    assert_eq!(put(&found, &entry_key(1)), Some(&Value::Entry(anew.entry.clone())));
    assert_eq!(put(&found, &mailbox_key()), Some(&Value::Mailbox(anew.next())));
    let Some(Value::Message(message)) = put(&found, &anew.message_key()) else { panic!() };
    let accepted = proto::Accepted::decode(message.accepted.clone()).unwrap();
    let places: Vec<(&str, u64, u64)> =
        accepted.places.iter().map(|of| (of.contact.as_str(), of.epoch, of.number)).collect();
    assert_eq!(places, [(FRANCE, 2, 1), (PORTUGAL, 1, 1)], "sorted, and the other as it was");
    assert_eq!(accepted.places[0].chain, anew.next().chain.as_bytes()[..]);
    assert_eq!(found.puts.len(), 3);
}

#[test]
fn an_entry_that_stands_in_its_place_stays_there() {
    let anew = Anew::waiting(1);
    let found = anew.redeliver();
    assert!(found.reply);
    assert_eq!(found.deletes, []);
    assert_eq!(put(&found, &entry_key(1)), None, "it is there");
    assert_eq!(put(&found, &mailbox_key()), Some(&Value::Mailbox(anew.next())));
    assert!(put(&found, &anew.message_key()).is_some());
}

#[test]
fn what_does_not_wait_there_is_left_alone() {
    let mut anew = Anew::waiting(5);
    let full = |count| Mailbox { count, ..Mailbox::empty(Digest::of(b"x"), &contact(FRANCE)) };
    for (count, does) in [(4, true), (5, false), (6, false)] {
        anew.net.store.insert(mailbox_key(), Value::Mailbox(full(count)));
        assert_eq!(!anew.redeliver().changes_nothing(), does, "{count}");
    }
    let mut without = Anew::waiting(5);
    without.net.store.remove(&mailbox_key());
    assert!(without.redeliver().changes_nothing());
    // Another entry stands there now.
    let mut other = Anew::waiting(5);
    let command = other.command();
    other.become_of(EntryKind::Released, Bytes::new());
    assert!(decision(&other.net, &command).unwrap().changes_nothing());
    other.net.store.remove(&entry_key(5));
    assert!(decision(&other.net, &command).unwrap().changes_nothing());
}

#[test]
fn what_can_be_shown_no_more_is_taken_away() {
    let changes: [fn(&mut Anew); 4] = [
        |anew| {
            let (kind, digest) = (EntryKind::Addressed, Digest::of(b"gone"));
            anew.stand(Entry::Gone(Gone { kind, digest, at: 1 }));
        },
        |anew| anew.message().body = Body::Gone,
        |anew| drop(anew.net.store.remove(&anew.message_key())),
        // What it carries cannot be read, so nobody can say what stands in the chain for it.
        |anew| anew.become_of(EntryKind::Acknowledged, Bytes::from_static(b"none")),
    ];
    for (place, change) in changes.iter().enumerate() {
        let mut anew = Anew::waiting(5);
        change(&mut anew);
        let found = anew.redeliver();
        assert_eq!(
            (found.reply, found.deletes, found.puts.len()),
            (false, vec![entry_key(5)], 0),
            "{place}"
        );
    }
    let mut unreadable = Anew::waiting(5);
    unreadable.message().accepted = Bytes::from_static(b"\xff");
    let fault = Err(Refusal::Internal(Fault::UnreadableReceipt));
    assert_eq!(decision(&unreadable.net, &unreadable.command()).map(drop), fault);
}

/// It carries nothing of the body, so it is shown when that is gone, too.
#[test]
fn what_stood_beside_moves_and_what_else_stood_beside_does_not() {
    let mut anew = Anew::waiting(5);
    let key = sign_key(&format!("{FR} sign"));
    let random = anew.net.ambient.random();
    let open = Envelope::sign(Kind::Acknowledgement, vec![8, 1], &[&key], random).unwrap();
    anew.become_of(EntryKind::Acknowledged, open.bytes().clone());
    anew.message().body = Body::Gone;
    let beside = |of: &str, epoch, number, kind| Beside {
        contact: contact(of),
        epoch,
        number,
        kind,
        digest: open.digest(),
    };
    let kind = EntryKind::Acknowledged;
    let stays = [
        beside(PORTUGAL, 1, 5, kind),
        beside(FRANCE, 1, 4, kind),
        beside(FRANCE, 1, 5, EntryKind::NotDelivered),
        beside(FRANCE, 2, 5, kind),
    ];
    let before = [&[beside(FRANCE, 1, 5, kind)][..], &stays].concat();
    let outcome_key = Key::Outcome(anew.id, contact(AUSTRIA));
    // Nothing is known of what became of the message: nothing moves there.
    let found = anew.redeliver();
    assert!(found.reply);
    assert_eq!((put(&found, &outcome_key), put(&found, &anew.message_key())), (None, None));
    let acknowledgements = vec![open.bytes().clone()];
    let outcome = Outcome { acknowledgements: acknowledgements.clone(), beside: before };
    anew.net.store.insert(outcome_key.clone(), Value::Outcome(outcome));
    let found = anew.redeliver();
    let beside = [&[beside(FRANCE, 2, 1, kind)][..], &stays].concat();
    let moved = Value::Outcome(Outcome { acknowledgements, beside });
    assert_eq!(put(&found, &outcome_key), Some(&moved));
    assert_eq!(put(&found, &mailbox_key()), Some(&Value::Mailbox(anew.next())));
    assert_eq!(
        anew.next().chain,
        anew.net.mailbox(&contact(FRANCE)).append(kind, open.digest()).chain
    );
}

#[test]
fn a_message_is_shown_with_its_body_and_all_else_by_its_header() {
    let mut anew = Anew::waiting(1);
    for byte in 1..=7 {
        let kind = EntryKind::of_byte(byte).unwrap();
        anew.message().body = Body::Inline(Bytes::new());
        assert!(is_kept(kind, anew.message()), "{byte}");
        anew.message().body = Body::Gone;
        assert_eq!(is_kept(kind, anew.message()), byte > 2, "{byte}");
    }
}
