//! How far a message has come, whom to call, and what of it does not hold.

use bytes::Bytes;

use super::*;
use crate::client::message::places::Clash;
use crate::client::message::receipt::Place;
use crate::domain::relay::envelope::verify_header;
use crate::domain::state::Mailbox;
use crate::world::relay::{self, FR, Net, PT, seat};

/// A message that the relay has.
pub(crate) fn message_of(net: &Net) -> Sent {
    let header = verify_header(&net.directory, &net.notification().envelope.header).unwrap();
    Sent {
        title: None,
        state: SentState {
            id: header.addressing().id,
            accepted: Some(Bytes::new()),
            delivered: Vec::new(),
            acknowledged: Vec::new(),
            words: Vec::new(),
            answered: Vec::new(),
            expired: false,
            lost: false,
        },
        waits: false,
        kept_back: None,
        refused: None,
        cannot: None,
        went_as: None,
        accepted: None,
        not_accepted: None,
        not_held: Vec::new(),
        contradictions: Vec::new(),
        delivered: Vec::new(),
        acknowledged: Vec::new(),
        words: Vec::new(),
        answers: Vec::new(),
        header,
    }
}

/// What a seat said of a message in words alone.
pub(crate) fn words_of(of: &str, person: &str) -> Acknowledged {
    Acknowledged {
        seat: seat(of),
        level: None,
        level_lacking: false,
        key_ended: false,
        at: None,
        person: Some(person.to_owned()),
        office: None,
        reference: None,
        text: None,
        statement: None,
    }
}

/// An answer by a seat.
pub(crate) fn answer_of(of: &str) -> Answer {
    let (id, from) = (MessageId::new(1, [1; 10]), seat(of));
    Answer { number: 1, id, from, title: String::new(), key_ended: false }
}

#[test]
fn what_was_not_handed_in_waits_was_refused_or_has_expired() {
    let mut sent = message_of(&Net::new());
    sent.state.accepted = None;
    assert_eq!((sent.how_far(), sent.stands()), (HowFar::Expired, Stands::Expired));
    sent.waits = true;
    assert_eq!((sent.how_far(), sent.stands()), (HowFar::Waits, Stands::Waits));
    let reason = Reason::from("WRONG_LETTERS");
    sent.refused = Some(reason.clone());
    assert_eq!((sent.how_far(), sent.stands()), (HowFar::NotAccepted(&reason), Stands::Refused));
    let other = MessageId::new(1, [1; 10]);
    sent.went_as = Some(other);
    assert_eq!(
        (sent.how_far(), sent.stands()),
        (HowFar::WentToOthers(other), Stands::WentToOthers)
    );
    // What the relay has is where it has come to, whatever became of it before.
    sent.state.accepted = Some(Bytes::new());
    assert_eq!(
        (sent.how_far(), sent.stands()),
        (HowFar::Accepted, Stands::Reached(Stage::Accepted))
    );
}

#[test]
fn what_the_relay_has_lost_waits_again_unless_it_has_expired() {
    let mut sent = message_of(&Net::new());
    sent.state.lost = true;
    assert_eq!(sent.how_far(), HowFar::Accepted);
    sent.waits = true;
    assert_eq!(sent.how_far(), HowFar::WaitsAgain);
    sent.state.expired = true;
    assert_eq!(sent.how_far(), HowFar::Accepted);
}

/// An officer asks whom to call still.
#[test]
fn what_went_to_several_says_of_how_many_and_by_whom_not_yet() {
    let mut sent = message_of(&Net::new());
    let seen = |sent: &Sent| {
        let [pt, fr] = [0, 1].map(|at| sent.reached(sent.contacts().nth(at).unwrap()));
        (sent.stands(), fr, pt)
    };
    let several = |stage, by, acknowledged| HowFar::OfSeveral { stage, by, acknowledged, of: 2 };
    let accepted = Stands::Reached(Stage::Accepted);
    let ((fr, pt), mut order) = ((seat(FR), seat(PT)), sent.contacts());
    assert_eq!(
        [order.next(), order.next()],
        [&fr, &pt].map(|of| of.contact()).each_ref().map(Some)
    );
    drop(order);
    sent.state.delivered = vec![(fr.clone(), OrLater::Known(Outcome::Opened))];
    assert_eq!(sent.how_far(), several(Stage::Delivered, 1, 0));
    assert_eq!(seen(&sent), (accepted, Stage::Accepted, Stage::Delivered));
    sent.state.acknowledged = vec![fr.clone()];
    assert_eq!(sent.how_far(), several(Stage::Acknowledged, 1, 1));
    assert_eq!(seen(&sent), (accepted, Stage::Accepted, Stage::Acknowledged));
    let silent = pt.contact();
    assert_eq!(sent.not_yet(), [(&silent, Stage::Accepted)]);
    // Two seats of one contact are one contact.
    sent.state.acknowledged.push(seat(relay::FR_2));
    assert_eq!(sent.how_far(), several(Stage::Acknowledged, 1, 1));
    sent.answers = vec![answer_of(FR)];
    assert_eq!(sent.how_far(), several(Stage::Answered, 1, 1));
    sent.state.acknowledged.push(pt);
    assert_eq!(sent.how_far(), several(Stage::Answered, 1, 2));
    let all = Stands::Reached(Stage::Acknowledged);
    assert_eq!(seen(&sent), (all, Stage::Acknowledged, Stage::Answered));
    assert!(sent.not_yet().is_empty());
}

/// The relay says that not all have it: who has, shows by receipts.
#[test]
fn what_expired_says_whom_to_call_of_whom_nothing_came() {
    let mut sent = message_of(&Net::new());
    sent.state.expired = true;
    let (fr, pt) = (seat(FR), seat(PT));
    let (of_fr, of_pt) = (fr.contact(), pt.contact());
    let call = |sent: &Sent| {
        let silent: Vec<&ContactId> = sent.not_received().collect();
        ([&of_fr, &of_pt].map(|of| silent.contains(&of)), sent.is_overdue())
    };
    assert_eq!((call(&sent), sent.how_far()), (([true, true], true), HowFar::Accepted));
    assert!(sent.not_yet().is_empty(), "they are called for another reason");
    // A receipt says otherwise, whatever it says.
    sent.state.delivered = vec![(fr.clone(), OrLater::Known(Outcome::Opened))];
    assert_eq!(call(&sent), ([false, true], true));
    assert_eq!(sent.not_yet(), [(&of_fr, Stage::Delivered)]);
    sent.state.delivered.push((pt.clone(), OrLater::Known(Outcome::NoKey)));
    assert_eq!(call(&sent), ([false, false], false));
    // So do words, and an acknowledgement.
    sent.state.delivered.pop();
    sent.state.words = vec![pt.clone()];
    assert_eq!(call(&sent).0, [false, false]);
    (sent.state.words, sent.state.acknowledged) = (Vec::new(), vec![pt]);
    assert_eq!(call(&sent).0, [false, false]);
    sent.state.expired = false;
    sent.state.acknowledged.clear();
    assert_eq!(call(&sent).0, [false, false], "the relay says nothing");
}

/// Whatever the relay said or not: somebody has read it.
#[test]
fn words_alone_show_that_it_came_and_acknowledge_nothing() {
    let mut sent = message_of(&Net::new());
    sent.words = vec![words_of(FR, "A. Martin")];
    assert_eq!(sent.how_far(), HowFar::Accepted);
    sent.state.expired = true;
    assert!(!sent.is_overdue());
    sent.state.accepted = None;
    let nowhere = Stands::Reached(Stage::Sent);
    assert_eq!((sent.how_far(), sent.stands()), (HowFar::HandedIn, nowhere));
    sent.words.clear();
    sent.waits = true;
    assert_eq!((sent.how_far(), sent.stands()), (HowFar::Waits, Stands::Waits));
}

#[test]
fn what_one_acknowledged_says_at_which_level_and_what_one_answered_is_answered() {
    let net = Net::new();
    let outside = net.outside(relay::AT, &["fr/cert-fr"]);
    let sealed = net.seal(outside, &relay::notification(0));
    let header = verify_header(&net.directory, &sealed.envelope.header).unwrap();
    let mut sent = Sent { header, ..message_of(&net) };
    sent.state.delivered = vec![(seat(FR), OrLater::Known(Outcome::Opened))];
    assert_eq!(sent.how_far(), HowFar::Delivered);
    assert!(sent.not_yet().is_empty(), "it went to one");
    sent.state.acknowledged = vec![seat(FR)];
    assert_eq!(sent.how_far(), HowFar::Acknowledged(None));
    let level = Some(Level::Technical);
    sent.acknowledged = vec![Acknowledged { level, ..words_of(FR, "A. Martin") }];
    assert_eq!(sent.how_far(), HowFar::Acknowledged(level));
    sent.answers = vec![answer_of(FR)];
    assert_eq!(sent.how_far(), HowFar::Answered);
}

/// Two histories of one mailbox, as a recipient's receipt shows them.
fn two_histories(net: &Net) -> Delivered {
    let place = |count| Place {
        contact: seat(FR).contact(),
        mailbox: Mailbox { count, ..net.mailbox(&seat(FR).contact()) },
    };
    let (told, seen) = (place(1), place(2));
    let two = TwoHistories { told, seen, accepted: Bytes::new(), delivered: Bytes::new() };
    Delivered {
        seat: seat(FR),
        at: 0,
        outcome: None,
        compared: Some(Comparison::Differ(Box::new(two))),
        key_ended: false,
    }
}

fn contradiction(past: bool) -> Contradiction {
    let (clash, messages) = (Clash::TwoPlaces, Vec::new());
    Contradiction { contact: seat(FR).contact(), epoch: 1, number: 1, clash, messages, past }
}

/// The relay's two histories before its contradictions, these before what is not signed.
#[test]
fn the_first_of_what_does_not_hold_is_the_fault() {
    let net = Net::new();
    let mut sent = message_of(&net);
    assert_eq!((sent.fault(), sent.is_disputed(), sent.is_unchecked()), (None, false, false));
    let failed = ReceiptError::NotTheRelay("accepted receipt");
    let unknown = ReceiptError::BeforeUpdate("accepted receipt");
    // What cannot be checked yet is no failure.
    sent.not_accepted = Some(unknown.clone());
    sent.not_held = vec![unknown];
    assert_eq!((sent.fault(), sent.is_unchecked()), (None, true));
    sent.not_held.push(failed.clone());
    assert_eq!(sent.fault(), Some(Fault::NotHeld(&failed)));
    // What was said of a mailbox that began anew since is past.
    sent.contradictions = vec![contradiction(true)];
    assert_eq!(sent.fault(), Some(Fault::NotHeld(&failed)));
    sent.contradictions.push(contradiction(false));
    assert_eq!(sent.fault(), Some(Fault::Contradiction(&contradiction(false))));
    let (differs, id) = (two_histories(&net), sent.header.addressing().id);
    sent.delivered = vec![Delivered { compared: Some(Comparison::Agree), ..differs.clone() }];
    assert!(!sent.is_disputed());
    sent.delivered.push(differs.clone());
    assert!(sent.is_disputed());
    let two = differs.two_histories().unwrap();
    assert_eq!(sent.fault(), Some(Fault::TwoHistories(id, two)));
    assert_eq!(
        sent.delivered.iter().map(Delivered::agrees).collect::<Vec<_>>(),
        [Some(true), Some(false)]
    );
}

#[test]
fn a_page_fails_by_a_contradiction_before_any_message() {
    let net = Net::new();
    let failed = ReceiptError::NotTheRelay("accepted receipt");
    let sent = Sent { not_accepted: Some(failed.clone()), ..message_of(&net) };
    let messages = vec![message_of(&net), sent];
    let mut page = Page { messages, contradictions: vec![contradiction(true)] };
    assert_eq!(page.fault(), Some(Fault::NotHeld(&failed)));
    page.contradictions.push(contradiction(false));
    assert_eq!(page.fault(), Some(Fault::Contradiction(&contradiction(false))));
    assert_eq!(contradicted(&page.contradictions[..1]), None);
}
