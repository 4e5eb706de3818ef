//! A page of what was sent, from the first receipt to the last answer: who said what, and who only seems to.

use super::whole::Whole;
use super::*;
use crate::client::message::words as wording;
use crate::office::sent::{HowFar, NotHeld, Page, Stands};

const VIENNA: &str = "at/cert-at";
const PERSON: &str = "Jeanne Duval";

fn page(of: &Whole) -> Page {
    of.mail.sent(NotHeld::new()).unwrap()
}

/// Vienna's alert to Paris and Lisbon, which the relay has.
fn alert(net: &mut Net, vienna: &Whole) -> Sealed {
    let sealed = net.notification();
    let request = Request::submit(sealed.envelope.clone());
    vienna.mail.outbox.put((sealed.id, sealed.header_digest), &request).unwrap();
    vienna.hand_in(net);
    sealed
}

/// Paris reads what there is, and its person acknowledges the first of it.
fn acknowledges(net: &mut Net, paris: &mut Whole) {
    paris.collect(net);
    let words = proto::Words { person: PERSON.to_owned(), ..wording::words() };
    let (boxes, said) = (paris.mail.boxes(), (words, Some(Level::Technical)));
    paris.mail.at_desk(|desk| collect::acknowledge(desk, boxes, 1, said)).unwrap().unwrap();
    paris.hand_in(net);
}

#[test]
fn words_stand_alone_until_the_relay_shows_the_acknowledgement_and_then_beside_it() {
    let mut net = Net::new();
    let (mut vienna, mut paris) = (Whole::of(&net, AT), Whole::of(&net, FR));
    let sealed = alert(&mut net, &vienna);
    acknowledges(&mut net, &mut paris);
    vienna.collect(&net);
    vienna.hand_in(&mut net);
    let shown = page(&vienna);
    assert_eq!(shown.messages.len(), 1, "receipts of machines are none");
    let sent = &shown.messages[0];
    assert!(sent.acknowledged.is_empty() && sent.answers.is_empty());
    let [words] = &sent.words[..] else { panic!("{:?}", sent.words) };
    assert_eq!((&words.seat, words.level, words.at), (&seat(FR), None, None));
    assert_eq!((words.person.as_deref(), words.office.as_deref()), (Some(PERSON), None));
    assert_eq!(words.statement, Some(wording::words().statement));
    assert!(!words.key_ended && !words.level_lacking);

    let status = net.status(sealed.id, &contact(VIENNA));
    let outbox = &vienna.mail.outbox;
    let taken = vienna.mail.at_desk(|desk| collect::take_status(desk, outbox, sealed.id, &status));
    assert_eq!(taken.unwrap().unwrap(), []);
    let sent = page(&vienna).messages.remove(0);
    assert_eq!(sent.words, []);
    let [open] = &sent.acknowledged[..] else { panic!("{:?}", sent.acknowledged) };
    assert_eq!((&open.seat, open.level), (&seat(FR), Some(Level::Technical)));
    assert!(open.at.is_some());
    assert_eq!(open.person, words.person);
    assert_eq!(sent.reached(&contact("fr/cert-fr")), Stage::Acknowledged);
    assert_eq!(sent.not_yet(), [(&contact("pt/cert-pt"), Stage::Accepted)]);
    // When Paris no longer serves that level, that is said of what was acknowledged at it.
    net.record("fr/cert-fr", 2, &[Level::Policy]);
    net.revoke_sign_key(FR);
    vienna.sync(&net);
    let sent = page(&vienna).messages.remove(0);
    assert!(sent.acknowledged[0].key_ended, "{sent:?}");
    assert!(sent.delivered[0].key_ended);
    assert_eq!(sent.not_held, []);
}

#[test]
fn an_answer_is_of_the_message_that_it_names_and_of_one_of_its_contacts() {
    let mut net = Net::new();
    let (mut vienna, mut paris) = (Whole::of(&net, AT), Whole::of(&net, FR));
    let (first, second) = (alert(&mut net, &vienna), alert(&mut net, &vienna));
    paris.collect(&net);
    paris.hand_in(&mut net);
    let header = envelope::verify_header(&net.directory, &second.envelope.header).unwrap();
    let about = (header.digest(), header.addressing());
    let reply = Outside::answering(&net.directory, seat(FR), about, Class::Reply, net.view());
    let reply = net.seal(reply, &notification(0));
    net.submit(&reply.envelope).unwrap();
    vienna.collect(&net);
    let page = page(&vienna);
    let of = |id: MessageId| {
        let mut all = page.messages.iter();
        all.find(|sent| sent.header.addressing().id == id).unwrap()
    };
    assert!(of(first.id).answers.is_empty());
    let [answer] = &of(second.id).answers[..] else { panic!("one") };
    assert_eq!((answer.id, &answer.from), (reply.id, &seat(FR)));
    assert_eq!(answer.title, "Ransomware at a port");
    let row = vienna.mail.index.row(answer.number).unwrap();
    assert_eq!(row.id(), Some(reply.id.to_string()));
    assert_eq!(of(second.id).reached(&contact("fr/cert-fr")), Stage::Answered);
    assert_eq!(of(first.id).reached(&contact("fr/cert-fr")), Stage::Delivered);
    assert_eq!(of(second.id).reached(&contact("pt/cert-pt")), Stage::Accepted);
}

#[test]
fn who_was_not_asked_answers_nothing() {
    let mut net = Net::new();
    let mut vienna = Whole::of(&net, AT);
    let sealed = net.seal(net.outside(AT, &fr()), &notification(0));
    let request = Request::submit(sealed.envelope.clone());
    vienna.mail.outbox.put((sealed.id, sealed.header_digest), &request).unwrap();
    vienna.hand_in(&mut net);
    // Lisbon was not a recipient: its reply is put there by a relay that lets it through.
    let header = envelope::verify_header(&net.directory, &sealed.envelope.header).unwrap();
    let about = (header.digest(), header.addressing());
    let mut reply = net.outside(PT, &[VIENNA]);
    reply.class = Class::Reply;
    (reply.thread, reply.in_reply_to) = (Some(about.1.thread), Some(about.0));
    let reply = net.seal(reply, &notification(0));
    net.put(&contact(VIENNA), &reply.envelope);
    vienna.collect(&net);
    let sent = page(&vienna).messages.remove(0);
    assert!(sent.answers.is_empty() && sent.words.is_empty() && sent.delivered.is_empty());
    assert_eq!(sent.how_far(), HowFar::Accepted);
}

#[test]
fn what_the_relay_said_is_beside_the_message_that_it_was_asked_about() {
    let mut net = Net::new();
    let vienna = Whole::of(&net, AT);
    let (first, second) = (alert(&mut net, &vienna), alert(&mut net, &vienna));
    let why = || ReceiptError::NotTheRelay("accepted receipt");
    let page = vienna.mail.sent(NotHeld::from([(second.id, vec![why()])])).unwrap();
    assert_eq!(page.messages.len(), 2);
    for sent in &page.messages {
        let id = sent.header.addressing().id;
        let expected = if id == second.id { vec![why()] } else { vec![] };
        assert_eq!(sent.not_held, expected, "{id}, {} and {}", first.id, second.id);
    }
}

#[test]
fn why_something_waits_is_shown_and_what_has_expired_needs_nobody() {
    let mut net = Net::new();
    let mut vienna = Whole::of(&net, AT);
    let sealed = net.seal(net.outside(AT, &fr()), &notification(0));
    let (id, request) = (sealed.id, Request::submit(sealed.envelope));
    vienna.mail.outbox.put((id, sealed.header_digest), &request).unwrap();
    let reason = || "RECIPIENT_WITHOUT_SEATS".into();
    vienna.mail.outbox.kept_back(id, (&reason(), "nobody is on duty")).unwrap();
    let sent = page(&vienna).messages.remove(0);
    assert_eq!((sent.waits, sent.stands(), sent.cannot), (true, Stands::Waits, None));
    assert_eq!(sent.kept_back, Some((reason(), "nobody is on duty".to_owned())));
    // Refused, it names who cannot have it, as the copy is now.
    vienna.mail.outbox.refuse((id, &request), &reason()).unwrap();
    net.roster("fr/cert-fr", 2, &[]);
    vienna.sync(&net);
    let sent = page(&vienna).messages.remove(0);
    let to = contact("fr/cert-fr");
    assert_eq!((sent.waits, sent.stands()), (false, Stands::Refused));
    assert_eq!(sent.cannot, Some(vec![(to, crate::office::call::Why::WithoutSeats)]));
    let expires = sent.header.addressing().expires;
    vienna.mail.office.net.ambient = testlog::ambient_at(expires - 1);
    assert!(page(&vienna).messages[0].cannot.is_some());
    vienna.mail.office.net.ambient = testlog::ambient_at(expires);
    assert_eq!(page(&vienna).messages[0].cannot, None);
}
