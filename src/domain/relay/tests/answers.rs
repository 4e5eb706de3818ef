//! What a message pays for: whose answers, how large, until when, and how much room that is.

use bytes::Bytes;

use super::apart::{AUSTRIA, Apart, FRANCE, PORTUGAL};
use crate::domain::refusal::{Amiss, Refusal, Undue};
use crate::domain::relay::addressing::{Addressing, Recipient};
use crate::domain::relay::answers::{Answers, room, room_for, until};
use crate::domain::relay::envelope::{Letter, VerifiedEnvelope};
use crate::signed::proto::{self, Class, Level};
use crate::world::relay::{AT, FR, FR_2, Net, PT, contact, seat};

/// What is due to Austria's notification to France and Portugal.
struct Due {
    net: Net,
    first: VerifiedEnvelope,
    answers: Answers,
}

impl Due {
    fn new() -> Self {
        let net = Net::new();
        let first = Apart::notification(&net).verify(&net).unwrap();
        let seats = first.letters().iter().map(|letter| letter.seat.clone());
        let answers = Answers::due(first.header().addressing(), seats);
        Self { net, first, answers }
    }

    /// An answer of this class, by a seat to these.
    fn answer(&self, class: Class, by: &str, to: &[&str]) -> Apart {
        let answer = Apart::between(&self.net, by, to).answering(self.first.header());
        answer.with(|apart| apart.addressing.class = class.into())
    }

    fn receipt(&self, by: &str) -> Apart {
        self.answer(Class::Receipt, by, &[AUSTRIA])
    }

    /// The receipt, with an extra of so many bytes.
    fn filled(&self, by: &str, bytes: usize) -> Apart {
        let extra = proto::Extra { name: "room".to_owned(), value: vec![0; bytes].into() };
        self.receipt(by).with(|apart| apart.addressing.extras = vec![extra])
    }

    fn verify(&self, apart: &Apart) -> VerifiedEnvelope {
        apart.verify(&self.net).unwrap()
    }
}

#[test]
fn answers_are_due_of_the_seats_addressed_and_nothing_was_given() {
    let due = Due::new();
    let Answers { sender, until, waiting, seats, receipts, words, paid } = &due.answers;
    assert_eq!(*sender, contact(AUSTRIA));
    assert_eq!(*until, due.first.header().addressing().expires + 86_400);
    assert!(seats.iter().eq(&[FR, FR_2, PT, "pt/cert-pt/duty-2"].map(seat)), "{seats:?}");
    assert_eq!((*waiting, *paid, receipts.len(), words.len()), (0, 0, 0, 0));
    // Who writes to itself is addressed.
    let of = due.first.header().addressing();
    let recipients = vec![Recipient::new(contact(AUSTRIA), Level::Technical)];
    let own = Addressing { recipients, ..of.clone() };
    let answers = Answers::due(&own, [seat(AT), seat(FR)].into_iter());
    assert!(answers.seats.iter().eq(&[seat(AT)]));
    let for_ever = Addressing { expires: u64::MAX - 1, ..of.clone() };
    assert_eq!(super::super::answers::until(&for_ever), u64::MAX);
}

#[test]
fn a_receipt_is_taken_once_of_each_seat_addressed() {
    let due = Due::new();
    let mut answers = due.answers.clone();
    for (by, contacts) in
        [(FR, vec![FRANCE]), (PT, vec![FRANCE, PORTUGAL]), (FR_2, vec![FRANCE, PORTUGAL])]
    {
        answers = answers.receipted(&due.verify(&due.receipt(by)), Some(1)).unwrap();
        for of in [AUSTRIA, FRANCE, PORTUGAL] {
            assert_eq!(answers.is_received_by(&contact(of)), contacts.contains(&of), "{by}: {of}");
        }
        let again = due.verify(&due.receipt(by));
        let taken = Err(Refusal::ReceiptNotDue(Undue::Taken));
        assert_eq!(answers.clone().receipted(&again, Some(1)), taken);
    }
    assert!(answers.receipts.iter().eq(&[FR, FR_2, PT].map(seat)));
    assert!(answers.words.is_empty());
    assert_eq!(Answers { receipts: due.answers.receipts.clone(), ..answers }, due.answers);
}

/// Each of five reasons alone, and before all that are asked for later.
#[test]
fn why_a_receipt_is_not_due_is_said_in_an_order() {
    let due = Due::new();
    let undue = |why| Err(Refusal::ReceiptNotDue(why));
    let until = due.answers.until;
    let good = due.verify(&due.receipt(FR));
    for (now, found) in [(None, true), (Some(until - 1), true), (Some(until), false)] {
        let receipted = due.answers.clone().receipted(&good, now);
        assert_eq!(receipted.is_ok(), found, "{now:?}");
        if !found {
            assert_eq!(receipted, undue(Undue::Unknown));
        }
    }
    let outside = due.net.outside(AT, &[FRANCE]);
    let large = Apart::saying(&due.net, outside, 9_000).answering(due.first.header());
    let large = due.verify(&large.with(|apart| apart.addressing.class = Class::Reply.into()));
    // Addressed to another, by a seat that was not, too large, and given before.
    let taken = Answers { receipts: [AT, FR, PT].map(seat).into(), ..due.answers.clone() };
    assert_eq!(taken.clone().receipted(&large, Some(until)), undue(Undue::Unknown));
    let wrong = Err(Refusal::WrongThread(Amiss::NotToItsSender));
    assert_eq!(taken.clone().receipted(&large, None), wrong);
    let to_france = Answers { sender: contact(FRANCE), ..taken };
    assert_eq!(to_france.clone().receipted(&large, None), undue(Undue::NotAddressed));
    let addressed = Answers { seats: [seat(AT)].into(), ..to_france };
    assert_eq!(addressed.receipted(&large, None), undue(Undue::TooLarge));
    let both = due.verify(&due.answer(Class::Reply, FR, &[AUSTRIA, PORTUGAL]));
    assert_eq!(due.answers.clone().receipted(&both, None), wrong, "to its sender and another");
}

#[test]
fn an_answer_is_small_by_its_body_and_in_all() {
    let due = Due::new();
    let allowed = 6 * 1024 + 4 * 2 * 1024;
    let size = |bytes| due.verify(&due.filled(FR, bytes)).size();
    let room = (allowed - (size(3_000) - 3_000)) as usize;
    assert_eq!(size(room), allowed, "the two of France and the two of Austria");
    let too_large = Err(Refusal::ReceiptNotDue(Undue::TooLarge));
    let receipted = |apart: &Apart| due.answers.clone().receipted(&due.verify(apart), None);
    assert!(receipted(&due.filled(FR, room)).is_ok());
    assert_eq!(receipted(&due.filled(FR, room + 1)), too_large);
    let with_words =
        |bytes| due.answers.clone().with_words(&due.verify(&due.filled(FR, bytes)), None);
    assert!(with_words(room).is_some());
    assert_eq!(with_words(room + 1), None);
}

#[test]
fn the_first_small_words_of_each_seat_are_paid_while_the_message_is_remembered() {
    let due = Due::new();
    let words = |by: &str| due.verify(&due.answer(Class::Acknowledgement, by, &[AUSTRIA]));
    let until = due.answers.until;
    for (now, paid) in
        [(None, true), (Some(until - 1), true), (Some(until), false), (Some(until + 1), false)]
    {
        let found = due.answers.clone().with_words(&words(FR), now);
        assert_eq!(found.is_some(), paid, "{now:?}");
    }
    let one = due.answers.clone().with_words(&words(FR), None).unwrap();
    assert!(one.words.iter().eq(&[seat(FR)]));
    assert!(one.receipts.is_empty(), "who writes has not received it by that");
    assert_eq!(one.clone().with_words(&words(FR), None), None, "the first");
    assert!(one.clone().with_words(&words(FR_2), None).is_some());
    let to_portugal = Answers { seats: [seat(PT)].into(), ..due.answers.clone() };
    assert_eq!(to_portugal.with_words(&words(FR), None), None, "it was not addressed");
    let outside = due.net.outside(FR, &[AUSTRIA]);
    let large = Apart::saying(&due.net, outside, 9_000);
    assert_eq!(due.answers.clone().with_words(&due.verify(&large), None), None, "its body");
}

/// Letters to so many seats of each.
fn letters(seats: &[(&str, usize)]) -> Vec<Letter> {
    let of = |(contact, count): &(&str, usize)| {
        let contact = (*contact).to_owned();
        (0..*count).map(move |number| seat(&format!("{contact}/duty-{number}")))
    };
    let seats = seats.iter().flat_map(of);
    let (seal_key, age, bytes) =
        (crate::crypto::sign::KeyId::of(b"key"), Bytes::new(), Bytes::new());
    seats.map(|seat| Letter { seat, seal_key, age: age.clone(), bytes: bytes.clone() }).collect()
}

/// Each number was worked out by hand, from the page.
#[test]
fn room_is_kept_for_every_answer_of_every_seat() {
    let due = Due::new();
    let of = |to: &[&str]| {
        let recipients = to.iter().map(|to| Recipient::new(contact(to), Level::Technical));
        let of = due.first.header().addressing().clone();
        Addressing { recipients: recipients.collect(), ..of }
    };
    for (to, letters_to, expected) in [
        // A receipt, words, and for those a receipt of the one seat of Austria: three of 10,240 bytes.
        (&[FRANCE][..], &[(AUSTRIA, 1), (FRANCE, 1)][..], 3 * 10_240 + 1_024),
        (&[FRANCE], &[(AUSTRIA, 1), (FRANCE, 3)], 3 * (3 * 14_336 + 1_024)),
        (&[FRANCE], &[(AUSTRIA, 3), (FRANCE, 1)], 5 * 14_336 + 1_024),
        (&[FRANCE], &[(AUSTRIA, 0), (FRANCE, 1)], 2 * 8_192 + 1_024),
        (
            &[FRANCE, PORTUGAL],
            &[(AUSTRIA, 2), (FRANCE, 2), (PORTUGAL, 1)],
            2 * (4 * 14_336 + 1_024) + 4 * 12_288 + 1_024,
        ),
        // Its own seats need one letter each, and not two.
        (&[AUSTRIA], &[(AUSTRIA, 2)], 2 * (4 * 10_240 + 1_024)),
        (&[PORTUGAL], &[(AUSTRIA, 2), (FRANCE, 5)], 0),
        (&[], &[(AUSTRIA, 2), (FRANCE, 5)], 0),
    ] {
        assert_eq!(room_for(&of(to), &letters(letters_to)), expected, "{letters_to:?}");
    }
    let addressing = due.first.header().addressing();
    assert_eq!(room(&due.first), room_for(addressing, due.first.letters()));
    assert_eq!(room(&due.first), 4 * (4 * 14_336 + 1_024));
    assert_eq!(until(addressing), addressing.expires + 86_400);
}
