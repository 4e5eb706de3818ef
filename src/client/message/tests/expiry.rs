//! What becomes of messages with time: each step, and random histories of them.

use std::collections::BTreeMap;

use super::*;
use crate::domain::command::Clock;
use crate::domain::commands::expire::{Expire, Shrink};
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::refusal::Which;
use crate::domain::relay::answers;
use crate::domain::relay::expire::beginning;
use crate::domain::relay::share::Grants;
use crate::domain::state::{Body, Entry, Gone, Step};
use crate::world::testlog::ambient_at;

const T: u64 = 1_800_000_000;
const DAY: u64 = 86_400;
/// When what is written at `T` expires here, is no longer remembered, and is forgotten.
const EXPIRES: u64 = T + 60;
const EMPTIED: u64 = EXPIRES + DAY;
const FORGOTTEN: u64 = EXPIRES + 30 * DAY;

const CONTACTS: [&str; 3] = ["at/cert-at", "fr/cert-fr", "pt/cert-pt"];

fn net() -> Net {
    Net { ambient: ambient_at(T), ..Net::new() }
}

fn at(net: &mut Net, now: u64) -> u64 {
    net.ambient = ambient_at(now);
    now
}

/// A notification from `at` to both others.
fn sealed(net: &Net, bytes: usize) -> Sealed {
    let outside = net.outside(AT, &["pt/cert-pt", "fr/cert-fr"]);
    net.seal(Outside { expires: Some(EXPIRES), ..outside }, &notification(bytes))
}

fn header_of(net: &Net, sealed: &v1::Envelope) -> envelope::VerifiedHeader {
    envelope::verify_header(&net.directory, &sealed.header).unwrap()
}

fn receipt(net: &Net, by: &str, sealed: &v1::Envelope) -> v1::Envelope {
    let header = header_of(net, sealed);
    let own = seat(by).contact();
    let mailbox = Mailbox { count: 1, ..net.mailbox(&own) };
    let place = Place { contact: own.clone(), mailbox }.to_proto();
    let answered = (header.digest(), header.addressing());
    let outside =
        Outside::answering(&net.directory, seat(by), answered, Class::Receipt, net.view());
    let outside = Outside { expires: Some(net.ambient.now() + 60), ..outside };
    let inside = content::delivered(answered.0, (Outcome::Opened, None), place, T);
    net.seal(outside, &inside).envelope
}

fn acknowledgement(net: &Net, by: &str, of: (&v1::Envelope, u64)) -> v1::AcknowledgeRequest {
    let (key, words) = (sign_key(&format!("{by} sign")), (super::super::words::words(), None));
    let message = (&header_of(net, of.0), of.1);
    let (directory, view) = (&net.directory, net.view());
    super::super::acknowledge::acknowledge(
        directory,
        (&seat(by), &key),
        message,
        words,
        view,
        &net.ambient,
    )
    .unwrap()
    .request
}

/// The step that stands in the index for a time.
fn command(net: &Net, due: &Key) -> Expire {
    let Key::Due(at, id, sender) = due else { panic!("{due:?}") };
    let Some(Value::Due(step)) = net.store.get(due) else { panic!("{due:?}") };
    let Some(Value::Message(message)) = net.store.get(&Key::Message(*id, sender.clone())) else {
        panic!("no message")
    };
    let outcome = match net.store.get(&Key::Outcome(*id, sender.clone())) {
        Some(Value::Outcome(outcome)) => Some(outcome),
        _ => None,
    };
    Expire::new(*at, *step, *id, sender.clone(), message, outcome).unwrap()
}

fn dues(net: &Net) -> Vec<Key> {
    net.store.keys().filter(|key| matches!(key, Key::Due(..))).cloned().collect()
}

/// Everything that is due is done; the bodies that nobody names any more.
fn expire(net: &mut Net) -> Vec<Digest> {
    let mut unnamed = Vec::new();
    loop {
        let before = net.store.clone();
        for due in dues(net) {
            let command = command(net, &due);
            unnamed.extend(net.decide(&command).unwrap());
        }
        if net.store == before {
            return unnamed;
        }
    }
}

fn entry(net: &Net, contact: &str, number: u64) -> Option<Entry> {
    match net.store.get(&Key::Entry(contact.parse().unwrap(), number)) {
        Some(Value::Entry(entry)) => Some(entry.clone()),
        _ => None,
    }
}

fn kept_bytes(net: &Net, member: &str) -> u64 {
    match net.store.get(&Key::Usage(member.parse().unwrap())) {
        Some(Value::Usage(usage)) => usage.0,
        _ => 0,
    }
}

/// The mailbox as its beginning and entries make it is where it stands.
fn chain_holds(net: &Net, contact: &str) -> Mailbox {
    let contact: ContactId = contact.parse().unwrap();
    let mailbox = net.mailbox(&contact);
    let stored = match net.store.get(&Key::Beginning(contact.clone())) {
        Some(Value::Beginning(stored)) => Some(stored),
        _ => None,
    };
    let begins = beginning(&net.directory, &contact, &mailbox, stored);
    let made = (begins.count + 1..=mailbox.count).fold(begins, |made, number| {
        let key = Key::Entry(contact.clone(), number);
        let Some(Value::Entry(entry)) = net.store.get(&key) else { panic!("{number} is missing") };
        match entry {
            Entry::Gone(gone) => made.append(gone.kind, gone.digest),
            Entry::Shown(shown) if shown.kind.carries() => {
                let open = Envelope::parse(&shown.acknowledgement, 1 << 20).unwrap();
                made.append(shown.kind, open.digest())
            }
            Entry::Shown(shown) => made.append(shown.kind, shown.header_digest),
        }
    });
    assert_eq!(made, mailbox);
    let before =
        (1..=begins.count).filter(|number| entry(net, contact.as_str(), *number).is_some());
    assert_eq!(before.count(), 0, "what stood before the beginning is gone");
    begins
}

fn chains_hold(net: &Net) {
    for of in CONTACTS {
        chain_holds(net, of);
    }
}

/// All that is stored of an id.
fn stored_of(net: &Net, id: MessageId) -> usize {
    let is_of = |key: &&Key| match key {
        Key::Message(of, _) | Key::Outcome(of, _) | Key::Due(_, of, _) => *of == id,
        _ => false,
    };
    net.store.keys().filter(is_of).count()
}

#[test]
fn whose_message_was_not_received_everywhere_is_told_before_anything_goes() {
    for (receipts, told) in [(&[][..], true), (&[PT][..], true), (&[PT, FR_2][..], false)] {
        let mut net = net();
        let sealed = sealed(&net, 0);
        net.submit(&sealed.envelope).unwrap();
        for by in receipts {
            net.submit(&receipt(&net, by, &sealed.envelope)).unwrap();
        }
        let before = (net.mailbox(&contact("at/cert-at")), net.store.clone());
        at(&mut net, EXPIRES - 1);
        expire(&mut net);
        assert_eq!(net.store, before.1, "it has not expired");
        at(&mut net, EXPIRES);
        expire(&mut net);
        let number = before.0.count + 1;
        let shown = match entry(&net, "at/cert-at", number) {
            Some(Entry::Shown(shown)) => Some((shown.kind, shown.id)),
            _ => None,
        };
        let id = header_of(&net, &sealed.envelope).addressing().id;
        assert_eq!(shown, told.then_some((EntryKind::NotDelivered, id)), "{receipts:?}");
        chain_holds(&net, "at/cert-at");
        // All else is as it was: what it says, who has it, what was paid.
        let kept = before.1.iter().filter(|(key, _)| {
            !matches!(key, Key::Due(..)) && **key != Key::Mailbox(contact("at/cert-at"))
        });
        for (key, value) in kept {
            assert_eq!(net.store.get(key), Some(value), "{key:?}");
        }
        net.submit(&receipt(&net, FR, &sealed.envelope)).unwrap();
    }
}

/// A receipt causes nothing.
#[test]
fn nobody_is_told_of_a_receipt_that_nobody_took() {
    let mut net = net();
    let sealed = sealed(&net, 0);
    net.submit(&sealed.envelope).unwrap();
    for by in [FR, PT] {
        net.submit(&receipt(&net, by, &sealed.envelope)).unwrap();
    }
    let before = CONTACTS.map(|of| net.mailbox(&contact(of)));
    at(&mut net, FORGOTTEN + 2 * DAY);
    expire(&mut net);
    assert_eq!(CONTACTS.map(|of| net.mailbox(&contact(of))), before);
    assert_eq!(dues(&net), []);
}

#[test]
fn what_was_sealed_goes_a_day_after_it_expired_and_gives_back_what_it_took() {
    let mut net = net();
    let others = sealed(&net, 9_000);
    net.submit(&others.envelope).unwrap();
    let paid = kept_bytes(&net, "at");
    let share = |net: &Net| {
        net.store.get(&Key::Share(contact("fr/cert-fr"), "at".parse().unwrap())).cloned()
    };
    let waiting = share(&net);
    let sealed = sealed(&net, 0);
    net.submit(&sealed.envelope).unwrap();
    net.submit(&receipt(&net, PT, &sealed.envelope)).unwrap();
    let id = header_of(&net, &sealed.envelope).addressing().id;
    // The other one lives on.
    let other = header_of(&net, &others.envelope).addressing().id;
    for due in dues(&net) {
        if matches!(due, Key::Due(_, of, _) if of == other) {
            net.store.remove(&due);
        }
    }
    at(&mut net, EMPTIED - 1);
    expire(&mut net);
    assert!(kept_bytes(&net, "at") > paid);
    assert_eq!(net.collect(FR, 0).0.len(), 2, "it can be collected");
    let mut late = net.clone();
    late.submit(&receipt(&late, FR, &sealed.envelope)).unwrap();
    let acknowledges = acknowledgement(&net, FR, (&sealed.envelope, 2));

    at(&mut net, EMPTIED);
    expire(&mut net);
    let digest = header_of(&net, &sealed.envelope).digest();
    let gone = Gone { kind: EntryKind::Addressed, digest, at: EMPTIED };
    for of in ["fr/cert-fr", "pt/cert-pt"] {
        assert_eq!(entry(&net, of, 2), Some(Entry::Gone(gone)), "{of}");
        assert!(matches!(entry(&net, of, 1), Some(Entry::Shown(_))), "{of}");
    }
    chains_hold(&net);
    let Some(Value::Message(message)) = net.store.get(&Key::Message(id, contact("at/cert-at")))
    else {
        panic!("its header is kept")
    };
    assert_eq!((&message.body, message.letters.len()), (&Body::Gone, 0));
    assert_eq!(message.header, sealed.envelope.header);
    assert_eq!(kept_bytes(&net, "at"), paid, "exactly what it took");
    assert_eq!(net.store.get(&Key::Answers(digest)), None);
    let waits = |value: Option<Value>| match value {
        Some(Value::Share(share)) => share.waiting,
        other => panic!("{other:?}"),
    };
    assert_eq!(waits(share(&net)), waits(waiting), "what still waited there");
    // What comes later is refused, and changes nothing.
    for clock in [Clock::Settled, Clock::Unsettled, Clock::InDoubt] {
        net.clock = clock;
        let before = net.store.clone();
        let why = net.submit(&receipt(&net, FR, &sealed.envelope)).unwrap_err();
        assert_eq!(why, Refusal::ReceiptNotDue(Undue::Unknown));
        let by = contact("fr/cert-fr");
        let open = crate::domain::relay::acknowledge::verify(
            &net.directory,
            &acknowledges.acknowledgement,
        );
        let words = acknowledges.words.clone().unwrap();
        let (body, letters) = (words.body, &words.letters);
        let words = envelope::verify(&net.directory, &words.header, body, letters).unwrap();
        let command = crate::domain::commands::acknowledge::Acknowledge::new(
            by,
            open.unwrap(),
            id,
            contact("at/cert-at"),
            words,
        );
        assert_eq!(net.decide(&command), Err(Refusal::MessageExpired(Which::Id(id))));
        assert_eq!(net.store, before);
    }
}

#[test]
fn all_else_goes_when_metadata_was_kept_for_long_enough() {
    let mut net = net();
    let sealed = sealed(&net, 0);
    net.submit(&sealed.envelope).unwrap();
    let acknowledges = acknowledgement(&net, FR, (&sealed.envelope, 1));
    net.acknowledge(&contact("fr/cert-fr"), &acknowledges).unwrap();
    let id = header_of(&net, &sealed.envelope).addressing().id;
    at(&mut net, FORGOTTEN - 1);
    expire(&mut net);
    let kinds = |net: &Net, of: &str| {
        let numbers = 1..=net.mailbox(&contact(of)).count;
        let entries = numbers.map(|number| match entry(net, of, number) {
            Some(Entry::Shown(shown)) => (shown.kind.byte(), false),
            Some(Entry::Gone(gone)) => (gone.kind.byte(), true),
            None => panic!("{of} has no {number}"),
        });
        entries.collect::<Vec<_>>()
    };
    // The message and then what the colleague said; the words to the sender, and that it was told.
    assert_eq!(kinds(&net, "fr/cert-fr")[..2], [(1, true), (3, false)]);
    assert_eq!(kinds(&net, "at/cert-at"), [(1, false), (4, false)]);
    assert_eq!(net.status(id, &contact("at/cert-at")).acknowledgements.len(), 1);
    at(&mut net, FORGOTTEN);
    expire(&mut net);
    assert_eq!(kinds(&net, "fr/cert-fr")[..2], [(1, true), (3, true)]);
    assert_eq!(kinds(&net, "at/cert-at")[1], (4, true));
    assert_eq!(stored_of(&net, id), 0);
    chains_hold(&net);
    // The words have their own time; after it nothing but accounts and chains is left.
    at(&mut net, T + 99 * DAY);
    expire(&mut net);
    for key in net.store.keys() {
        let is_left =
            matches!(key, Key::Mailbox(_) | Key::Entry(..) | Key::Usage(_) | Key::Share(..));
        assert!(is_left, "{key:?}");
    }
    assert_eq!(["at", "fr", "pt"].map(|of| kept_bytes(&net, of)), [0; 3]);
}

/// A day is the least: so long the id is remembered.
#[test]
fn a_charter_that_keeps_metadata_for_a_second_forgets_with_the_body() {
    let mut net = net();
    let sealed = sealed(&net, 0);
    net.submit(&sealed.envelope).unwrap();
    net.policy(&[("metadata-kept", 1)]);
    at(&mut net, EMPTIED);
    expire(&mut net);
    assert_eq!(stored_of(&net, header_of(&net, &sealed.envelope).addressing().id), 0);
    chains_hold(&net);
    // And mailboxes begin behind it a day later.
    for (now, moved) in [(EMPTIED + DAY - 1, 0), (EMPTIED + DAY, 1)] {
        at(&mut net, now);
        assert_eq!(net.decide(&Shrink::new(contact("fr/cert-fr"), 0)), Ok(moved));
    }
}

#[test]
fn a_body_that_two_messages_name_goes_with_the_second() {
    let mut net = net();
    let large = sealed(&net, 100_000);
    let digest = Digest::of(&large.envelope.body);
    let named = |net: &Net| match net.store.get(&Key::Blob(digest)) {
        Some(Value::Blob(named)) => Some(*named),
        _ => None,
    };
    for taken in 1..=2 {
        net.submit(&large.envelope).unwrap();
        assert_eq!(named(&net), Some(1), "the same again is the same: {taken}");
    }
    net.store.insert(Key::Blob(digest), Value::Blob(2));
    let mut other = net.clone();
    at(&mut other, EMPTIED);
    assert_eq!((expire(&mut other), named(&other)), (vec![], Some(1)));
    net.store.insert(Key::Blob(digest), Value::Blob(1));
    at(&mut net, EMPTIED);
    assert_eq!((expire(&mut net), named(&net)), (vec![digest], None));
}

#[test]
fn a_beginning_that_is_gone_for_long_enough_is_one_number_and_one_value() {
    let mut net = net();
    for _ in 0..70 {
        net.submit(&sealed(&net, 0).envelope).unwrap();
    }
    let (fr, shrink) = (contact("fr/cert-fr"), |after| Shrink::new(contact("fr/cert-fr"), after));
    assert_eq!(net.decide(&shrink(0)), Ok(0));
    at(&mut net, EMPTIED);
    expire(&mut net);
    let still_there = net.outside(AT, &["fr/cert-fr"]);
    net.submit(&net.seal(still_there, &notification(0)).envelope).unwrap();
    // Who was away for so long gets all of it.
    at(&mut net, EMPTIED + 30 * DAY - 1);
    assert_eq!(net.decide(&shrink(0)), Ok(0));
    at(&mut net, EMPTIED + 30 * DAY);
    assert_eq!(net.decide(&shrink(1)), Ok(0), "it does not begin there");
    for clock in [Clock::Unsettled, Clock::InDoubt] {
        assert_eq!(Net { clock, ..net.clone() }.decide(&shrink(0)), Ok(0));
    }
    let before = net.mailbox(&fr);
    assert_eq!(net.decide(&shrink(0)), Ok(64));
    assert_eq!(chain_holds(&net, "fr/cert-fr").count, 64);
    assert_eq!(net.decide(&shrink(0)), Ok(0), "done");
    assert_eq!(net.decide(&shrink(64)), Ok(6));
    assert_eq!(net.decide(&shrink(70)), Ok(0), "what follows can be collected");
    assert_eq!(chain_holds(&net, "fr/cert-fr").count, 70);
    assert_eq!(net.mailbox(&fr), before);
    // Another epoch begins at its beginning.
    let anew = Mailbox::of_epoch(net.directory.genesis(), &fr, 2);
    net.store.insert(Key::Mailbox(fr.clone()), Value::Mailbox(anew));
    let Some(Value::Beginning(stored)) = net.store.get(&Key::Beginning(fr.clone())) else {
        panic!("a beginning")
    };
    assert_eq!(beginning(&net.directory, &fr, &anew, Some(stored)), anew);
}

#[test]
fn a_clock_in_doubt_or_not_settled_ends_nothing() {
    for clock in [Clock::InDoubt, Clock::Unsettled] {
        let mut net = Net { clock, ..net() };
        let sealed = sealed(&net, 0);
        net.submit(&sealed.envelope).unwrap();
        at(&mut net, T + 999 * DAY);
        // Who collects it then says so.
        net.submit(&receipt(&net, FR, &sealed.envelope)).unwrap();
        let before = net.store.clone();
        expire(&mut net);
        assert!(net.store == before, "{clock:?}");
        net.clock = Clock::Settled;
        at(&mut net, T + 9_999 * DAY);
        expire(&mut net);
        assert_eq!(dues(&net), []);
    }
}

/// All that can be made good goes on by it.
#[test]
fn a_clock_that_has_not_settled_paces_and_refuses_what_is_late() {
    for (clock, in_doubt) in
        [(Clock::Settled, false), (Clock::Unsettled, false), (Clock::InDoubt, true)]
    {
        let net = net();
        let grants = Grants { messages: 4, ..net.grants };
        let mut net = Net { clock, grants, ..net };
        let all_taken = (0..9).all(|_| {
            let to_fr = net.outside(AT, &["fr/cert-fr"]);
            let sealed = net.seal(to_fr, &notification(0)).envelope;
            // It does not wait.
            net.submit(&sealed).is_ok() && net.submit(&receipt(&net, FR, &sealed)).is_ok()
        });
        assert_eq!(all_taken, in_doubt, "{clock:?}");
        let late = sealed(&net, 0);
        at(&mut net, EXPIRES);
        net.grants = Grants::default();
        assert_eq!(net.submit(&late.envelope).is_ok(), in_doubt, "{clock:?}");
    }
}

/// The decision looks itself: another time, another step, another message under the name.
#[test]
fn a_wrong_question_does_nothing() {
    let mut net = net();
    let one = sealed(&net, 0);
    net.submit(&one.envelope).unwrap();
    let [due] = &dues(&net)[..] else { panic!("one") };
    let right = command(&net, due);
    let Key::Due(_, id, sender) = due.clone() else { panic!("{due:?}") };
    let stored = |net: &Net| match net.store.get(&Key::Message(id, sender.clone())) {
        Some(Value::Message(message)) => (**message).clone(),
        other => panic!("{other:?}"),
    };
    let message = stored(&net);
    let wrong = |at, step| Expire::new(at, step, id, sender.clone(), &message, None).unwrap();
    let now = at(&mut net, T + 99 * DAY);
    let before = net.store.clone();
    for command in [
        wrong(EXPIRES, Step::Empty),
        wrong(EXPIRES, Step::Forget),
        wrong(EMPTIED, Step::Empty),
        wrong(now, Step::Tell),
    ] {
        assert_eq!(net.decide(&command), Ok(None), "{command:?}");
        assert_eq!(net.store, before, "{command:?}");
    }
    let mut other = stored(&net);
    other.accepted = Bytes::from_static(b"another");
    net.store.insert(Key::Message(id, sender.clone()), Value::Message(Box::new(other)));
    let before = net.store.clone();
    assert_eq!(net.decide(&right), Ok(None));
    assert_eq!(net.store, before);
    net.store.insert(Key::Message(id, sender.clone()), Value::Message(Box::new(message)));
    net.decide(&right).unwrap();
    let before = net.store.clone();
    assert_eq!(net.decide(&right), Ok(None), "once");
    assert_eq!(net.store, before);
}

/// What happens next: who writes to whom, who answers, how much time goes by.
type Event = (u8, u8, u8, u32);

/// A message as its sender and the relay have it.
struct Sent {
    envelope: v1::Envelope,
    expires: u64,
    places: Vec<(ContactId, u64)>,
}

fn history(events: &[Event]) {
    let mut net = net();
    let seats = [AT, FR, PT];
    let (mut now, mut sent) = (T, Vec::<Sent>::new());
    for &(what, who, whom, long) in events {
        let by = seats[usize::from(who) % 3];
        match what % 6 {
            0 | 1 => {
                let to: Vec<&str> = CONTACTS
                    .iter()
                    .enumerate()
                    .filter(|(bit, _)| (whom % 7 + 1) >> bit & 1 == 1)
                    .map(|(_, contact)| *contact)
                    .collect();
                let expires = now + 1 + u64::from(long) % (3 * DAY);
                let outside = Outside { expires: Some(expires), ..net.outside(by, &to) };
                let bytes = if whom > 200 { 100_000 } else { 0 };
                let envelope = net.seal(outside, &notification(bytes)).envelope;
                net.submit(&envelope).unwrap();
                let place = |to: &&str| (contact(to), net.mailbox(&contact(to)).count);
                let places = to.iter().map(place).collect();
                sent.push(Sent { envelope, expires, places });
            }
            // Taken or refused: nothing else.
            2 if !sent.is_empty() => {
                let of = &sent[usize::from(whom) % sent.len()].envelope;
                let _ = net.submit(&receipt(&net, by, of));
            }
            3 if !sent.is_empty() => {
                let of = &sent[usize::from(whom) % sent.len()];
                let own = seat(by).contact();
                let place = of.places.iter().find(|(contact, _)| *contact == own);
                let stands =
                    |number| matches!(entry(&net, own.as_str(), number), Some(Entry::Shown(_)));
                if let Some((_, number)) = place.filter(|(_, number)| stands(*number)) {
                    let request = acknowledgement(&net, by, (&of.envelope, *number));
                    let _ = net.acknowledge(&own, &request);
                }
            }
            4 => {
                now = at(&mut net, now + u64::from(long) % (9 * DAY));
                if whom % 2 == 0 {
                    expire(&mut net);
                }
            }
            _ => {
                for of in CONTACTS {
                    let after = chain_holds(&net, of).count;
                    net.decide(&Shrink::new(contact(of), after)).unwrap();
                }
            }
        }
        holds(&net, &sent, now);
    }
    // In the end nothing is left but the chains.
    at(&mut net, now + 99 * DAY);
    expire(&mut net);
    at(&mut net, now + 199 * DAY);
    for of in CONTACTS {
        let mut after = chain_holds(&net, of).count;
        while let Ok(moved @ 1..) = net.decide(&Shrink::new(contact(of), after)) {
            after += moved;
        }
        assert_eq!(chain_holds(&net, of), net.mailbox(&contact(of)), "{of}");
    }
    assert!(!net.store.keys().any(|key| {
        matches!(key, Key::Message(..) | Key::Outcome(..) | Key::Entry(..) | Key::Answers(_))
            || matches!(key, Key::Due(..) | Key::Blob(_))
    }));
    assert_eq!(["at", "fr", "pt"].map(|of| kept_bytes(&net, of)), [0; 3]);
}

/// Who could collect a message in time gets it whole; chains hold; accounts are what is stored.
fn holds(net: &Net, sent: &[Sent], now: u64) {
    chains_hold(net);
    for message in sent.iter().filter(|message| now < message.expires + DAY) {
        for (contact, number) in &message.places {
            let Some(Entry::Shown(shown)) = entry(net, contact.as_str(), *number) else {
                panic!("{contact} cannot collect {number}")
            };
            let key = Key::Message(shown.id, shown.sender);
            let Some(Value::Message(stored)) = net.store.get(&key) else { panic!("{key:?}") };
            assert_eq!(stored.header, message.envelope.header);
            assert_eq!(stored.letters, message.envelope.letters);
            match &stored.body {
                Body::Inline(body) => assert_eq!(*body, message.envelope.body),
                Body::Blob(digest, _) => {
                    assert_eq!(*digest, Digest::of(&message.envelope.body));
                    assert!(net.store.contains_key(&Key::Blob(*digest)));
                }
                Body::Gone => panic!("{key:?} is gone"),
            }
        }
    }
    let mut kept = BTreeMap::new();
    for value in net.store.values() {
        if let Value::Answers(answers) = value {
            *kept.entry(answers.sender.member().to_string()).or_default() += answers.paid;
        }
    }
    for member in ["at", "fr", "pt"] {
        let kept: u64 = kept.get(member).copied().unwrap_or_default();
        assert_eq!(kept_bytes(net, member), kept, "{member}");
    }
    // What was paid is what is stored, and room for its answers.
    for message in sent {
        let header = header_of(net, &message.envelope);
        let Some(Value::Answers(stored)) = net.store.get(&Key::Answers(header.digest())) else {
            continue;
        };
        let v1::Envelope { header, body, letters } = &message.envelope;
        let read = envelope::verify(&net.directory, header, body.clone(), letters).unwrap();
        assert_eq!(stored.paid, read.size() + answers::room(&read));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn nothing_goes_that_can_be_collected_and_no_chain_breaks(
        events in prop::collection::vec(any::<Event>(), 1..60)
    ) {
        history(&events);
    }
}
