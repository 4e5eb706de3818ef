//! One message, as it is found, read and acknowledged, and why one is not shown.

use super::whole::Whole;
use super::*;
use crate::client::message::words as wording;
use crate::office::message::{Acknowledging, NoMessage, NotShown};
use crate::office::pointer::{NotOne, Pointer};

fn at(text: &str) -> Pointer {
    text.parse().unwrap()
}

/// Austria tells France.
fn told(net: &mut Net) -> Sealed {
    let sealed = net.notification();
    net.submit(&sealed.envelope).unwrap();
    sealed
}

#[tokio::test]
async fn a_message_that_came_is_found_by_number_id_and_digest_and_read() {
    let mut net = Net::new();
    let sealed = told(&mut net);
    let mut paris = Whole::of(&net, FR);
    paris.collect(&net);
    for pointer in ["1".to_owned(), sealed.id.to_string(), sealed.header_digest.to_string()] {
        let (came, session) = paris.mail.find(&at(&pointer)).await.unwrap();
        assert!(session.is_none(), "all of it is here");
        let shown = paris.mail.read(&came).unwrap();
        assert_eq!((shown.number, shown.level), (1, Some(Level::Technical)), "{pointer}");
        assert_eq!(shown.content().unwrap().title, "Ransomware at a port");
        assert!(shown.asks_for_acknowledgement());
        assert_eq!((shown.amiss, shown.waits, shown.key_ended), (None, None, false));
        assert!(shown.answered.is_none() && shown.acknowledged.is_empty());
    }
    let Err(NotShown::NotOne(NotOne::Unknown)) = paris.mail.find(&at("2")).await else {
        panic!("there is one");
    };
}

/// The level is that of the contact, and the key is judged as of now.
#[tokio::test]
async fn whose_key_has_ended_since_is_said_so_and_the_message_is_read_all_the_same() {
    let mut net = Net::new();
    told(&mut net);
    let mut paris = Whole::of(&net, FR);
    paris.collect(&net);
    net.revoke_sign_key(AT);
    paris.sync(&net);
    let (came, _) = paris.mail.find(&at("1")).await.unwrap();
    let shown = paris.mail.read(&came).unwrap();
    assert!(shown.key_ended);
    assert_eq!(shown.content().unwrap().title, "Ransomware at a port");
}

#[tokio::test]
async fn of_a_header_alone_it_is_said_that_nobody_could_be_asked_for_the_rest() {
    let mut net = Net::new();
    told(&mut net);
    let mut paris = Whole::of(&net, FR);
    paris.collect_headers(&net);
    let Err(NotShown::NotConnected(1, _)) = paris.mail.find(&at("1")).await else {
        panic!("only its header is here");
    };
}

#[tokio::test]
async fn a_receipt_is_no_message_and_what_is_said_under_its_number_says_so() {
    let mut net = Net::new();
    let mut vienna = Whole::of(&net, AT);
    let sealed = net.notification();
    let request = Request::submit(sealed.envelope.clone());
    vienna.mail.outbox.put((sealed.id, sealed.header_digest), &request).unwrap();
    vienna.hand_in(&mut net);
    let mut paris = Whole::of(&net, FR);
    paris.collect(&net);
    paris.hand_in(&mut net);
    vienna.collect(&net);
    let found = vienna.mail.find(&at("1")).await;
    let Err(NotShown::NoMessage(1, what)) = found else { panic!("a receipt came") };
    assert!(matches!(*what, NoMessage::Receipt), "{what:?}");
}

#[tokio::test]
async fn an_acknowledgement_is_open_then_waits_then_is_there() {
    let mut net = Net::new();
    let sealed = told(&mut net);
    let mut paris = Whole::of(&net, FR);
    paris.collect(&net);
    let header = sealed.header_digest;
    assert_eq!(paris.mail.acknowledging(header).unwrap(), Acknowledging::Open);
    let said = (wording::words(), None);
    let boxes = paris.mail.boxes();
    let own = paris.mail.at_desk(|desk| collect::acknowledge(desk, boxes, 1, said));
    let own = own.unwrap().unwrap();
    assert_eq!(paris.mail.acknowledging(header).unwrap(), Acknowledging::Waits(own));
    let read = |paris: &Whole, came: &_| paris.mail.read(came).unwrap();
    let (came, _) = paris.mail.find(&at("1")).await.unwrap();
    let shown = read(&paris, &came);
    assert_eq!((shown.waits, shown.asks_for_acknowledgement()), (Some(own), false));
    paris.hand_in(&mut net);
    assert_eq!(paris.mail.acknowledging(header).unwrap(), Acknowledging::Done(Some(own)));
    let shown = read(&paris, &came);
    assert_eq!((shown.waits, shown.acknowledged.len()), (None, 1));
    assert!(!shown.asks_for_acknowledgement());
}

/// A colleague's is no reason to wait, and none to stay silent: it is not this seat's.
#[tokio::test]
async fn what_a_colleague_acknowledged_is_shown_and_this_seat_may_still() {
    let mut net = Net::new();
    let sealed = told(&mut net);
    let mut colleague = Whole::of(&net, FR_2);
    colleague.collect(&net);
    let boxes = colleague.mail.boxes();
    let said = (wording::words(), None);
    colleague.mail.at_desk(|desk| collect::acknowledge(desk, boxes, 1, said)).unwrap().unwrap();
    colleague.hand_in(&mut net);
    let mut paris = Whole::of(&net, FR);
    paris.collect(&net);
    let (came, _) = paris.mail.find(&at("1")).await.unwrap();
    let shown = paris.mail.read(&came).unwrap();
    let by: Vec<_> = shown.acknowledged.iter().map(|by| by.colleague.clone()).collect();
    assert_eq!(by, [Some(seat(FR_2))]);
    assert!(!shown.asks_for_acknowledgement());
    let open = paris.mail.acknowledging(sealed.header_digest).unwrap();
    assert_eq!(open, Acknowledging::Open);
}

#[tokio::test]
async fn an_answer_shows_what_it_answers_if_that_is_here() {
    let mut net = Net::new();
    let first = told(&mut net);
    let mut outside = net.outside(AT, &["fr/cert-fr"]);
    outside.class = Class::Update;
    (outside.thread, outside.in_reply_to) = (Some(first.thread), Some(first.header_digest));
    let update = net.seal(outside, &relay::notification(0));
    net.submit(&update.envelope).unwrap();
    let mut paris = Whole::of(&net, FR);
    paris.collect(&net);
    let (came, _) = paris.mail.find(&at("2")).await.unwrap();
    let shown = paris.mail.read(&came).unwrap();
    assert_eq!(shown.answered.map(|header| header.digest()), Some(first.header_digest));
    assert!(paris.mail.began_elsewhere(&came.1).unwrap(), "Austria began it");
}

#[test]
fn what_was_read_here_is_marked_and_other_numbers_are_not() {
    let mut net = Net::new();
    told(&mut net);
    let mut paris = Whole::of(&net, FR);
    paris.collect(&net);
    assert!(!paris.mail.is_read(1));
    paris.mail.mark_read(1).unwrap();
    paris.mail.mark_read(1).unwrap();
    assert_eq!([1, 2, 11].map(|number| paris.mail.is_read(number)), [true, false, false]);
}

#[test]
fn every_key_letter_here_is_counted_the_own_ones_that_came_and_all_that_were_sent() {
    let mut net = Net::new();
    told(&mut net);
    let mut paris = Whole::of(&net, FR);
    paris.collect(&net);
    // The own one that came, and those of the receipt: to both seats of Austria, and to both here.
    let letters = paris.mail.letters().unwrap();
    let mut seats: Vec<_> = letters.iter().map(|letter| letter.seat.to_string()).collect();
    seats.sort();
    assert_eq!(seats, [AT, "at/cert-at/duty-2", FR, FR, FR_2]);
}

#[test]
fn a_title_is_of_messages_and_a_person_of_acknowledgements() {
    let mut net = Net::new();
    told(&mut net);
    let mut paris = Whole::of(&net, FR);
    paris.collect(&net);
    let boxes = paris.mail.boxes();
    let said = (wording::words(), None);
    let ack = paris.mail.at_desk(|desk| collect::acknowledge(desk, boxes, 1, said));
    let ack = ack.unwrap().unwrap();
    let sealed = net.seal(net.outside(FR, &["pt/cert-pt"]), &relay::notification(0));
    let request = Request::submit(sealed.envelope);
    paris.mail.outbox.put((sealed.id, sealed.header_digest), &request).unwrap();
    let mail = &paris.mail;
    assert_eq!(mail.title(sealed.id).unwrap().as_deref(), Some("Ransomware at a port"));
    assert_eq!(mail.title(ack).unwrap(), None);
    assert_eq!(mail.person(ack).unwrap(), Some(wording::words().person));
    assert_eq!(mail.person(sealed.id).unwrap(), None);
}
