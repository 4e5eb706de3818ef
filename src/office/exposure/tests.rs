//! What a stolen seat could open, who is told of it, and that nobody is told twice.

use crate::client::files::faults;
use crate::client::message::compose::Sealed;
use crate::domain::relay::addressing::OrLater;
use crate::office::tests::whole::Whole;
use crate::world::relay::{AT, FR, FR_2, Net, PT, notification, seat};

use super::*;

const CERT: &str = "fr/cert-fr";

/// Sends France a message: of a thread of its own, or as an update of one.
fn tells(net: &mut Net, from: &str, of: Option<&Sealed>) -> Sealed {
    let mut outside = net.outside(from, &[CERT]);
    if let Some(of) = of {
        outside.class = Class::Update;
        (outside.thread, outside.in_reply_to) = (Some(of.thread), Some(of.header_digest));
    }
    let sealed = net.seal(outside, &notification(1));
    net.submit(&sealed.envelope).unwrap();
    sealed
}

fn ids(of: &Exposure) -> Vec<MessageId> {
    of.messages.iter().map(|one| one.header.addressing().id).collect()
}

fn wording() -> Wording {
    Wording { language: "en", title: "Exposed".to_owned(), text: "It was.".to_owned() }
}

/// Paris has collected what came while its other seat was on duty, and the seat has ended.
fn stolen(net: &mut Net) -> Whole {
    let mut paris = Whole::of(net, FR);
    paris.collect(net);
    paris.hand_in(net);
    net.roster(CERT, 2, &["duty-1"]);
    paris.sync(net);
    paris
}

#[test]
fn what_the_seat_had_a_key_for_is_listed_and_nothing_else() {
    let mut net = Net::new();
    let before = tells(&mut net, AT, None).id;
    let mut paris = stolen(&mut net);
    tells(&mut net, AT, None);
    paris.collect(&net);
    let (stolen, own) = (seat(FR_2), seat(FR));
    let found = paris.mail.exposure(&stolen, 0).unwrap();
    assert_eq!(ids(&found), [before]);
    // That it was delivered was sealed to Austria, and is no matter of people.
    assert_eq!((found.not_judged, found.earlier, found.not_fetched()), (0, 0, 0));
    assert_eq!(paris.mail.exposure(&own, 0).unwrap().messages.len(), 2);
    assert_eq!(found.messages[0].title(), Some("Ransomware at a port"));
    assert_eq!(found.messages[0].number, Some(1));
}

#[test]
fn what_the_relay_had_no_more_by_then_is_counted_apart() {
    let mut net = Net::new();
    let id = tells(&mut net, AT, None).id;
    let mut paris = Whole::of(&net, FR);
    paris.collect(&net);
    let expires =
        paris.mail.exposure(&seat(FR_2), 0).unwrap().messages[0].header.addressing().expires;
    let at = |since| {
        let found = paris.mail.exposure(&seat(FR_2), since).unwrap();
        (ids(&found), found.earlier)
    };
    assert_eq!(at(expires + 86_399), (vec![id], 0));
    assert_eq!(at(expires + 86_400), (vec![], 1));
}

#[test]
fn a_header_alone_is_listed_as_not_fetched() {
    let mut net = Net::new();
    tells(&mut net, AT, None);
    let mut paris = Whole::of(&net, FR);
    paris.collect_headers(&net);
    let found = paris.mail.exposure(&seat(FR_2), 0).unwrap();
    assert_eq!((found.messages.len(), found.not_fetched()), (1, 1));
    assert_eq!((found.messages[0].title(), found.messages[0].tlp()), (None, None));
}

#[test]
fn what_was_sent_from_here_to_its_own_contact_is_listed_and_nobody_is_told_of_it() {
    let mut net = Net::new();
    let mut paris = Whole::of(&net, FR);
    let sealed = net.seal(net.outside(FR, &[CERT]), &notification(1));
    let request = Request::submit(sealed.envelope);
    paris.mail.outbox.put((sealed.id, sealed.header_digest), &request).unwrap();
    paris.hand_in(&mut net);
    net.roster(CERT, 2, &["duty-1"]);
    paris.sync(&net);
    let found = paris.mail.exposure(&seat(FR_2), 0).unwrap();
    assert_eq!(ids(&found), [sealed.id]);
    assert_eq!((found.messages[0].number, found.messages[0].fetched), (None, true));
    assert!(paris.mail.tellings(&found).unwrap().is_empty());
}

/// Of receipts and words of acknowledgements it is said how many there are.
#[test]
fn what_machines_sent_each_other_is_counted_while_the_relay_had_it() {
    let mut net = Net::new();
    let mut paris = Whole::of(&net, FR);
    let sealed = net.seal(net.outside(FR, &["at/cert-at"]), &notification(1));
    let request = Request::submit(sealed.envelope);
    paris.mail.outbox.put((sealed.id, sealed.header_digest), &request).unwrap();
    paris.hand_in(&mut net);
    let mut vienna = Whole::of(&net, AT);
    vienna.collect(&net);
    vienna.hand_in(&mut net);
    paris.collect(&net);
    let machines = |since| paris.mail.exposure(&seat(FR_2), since).unwrap().machines;
    assert_eq!(machines(0), 1);
    assert_eq!(machines(paris.mail.office.ambient().now() + 365 * 86_400), 0);
}

#[test]
fn nothing_is_said_of_a_home_that_has_collected_nothing() {
    let net = Net::new();
    let paris = Whole::of(&net, FR);
    let why = paris.mail.exposure(&seat(FR_2), 0).unwrap_err();
    assert_eq!((why.reason.code(), why.family), ("NO_INBOX", Family::NotFound));
}

/// Whoever has the seat would read that he is found out.
#[test]
fn nobody_is_told_while_the_seat_still_opens_what_is_sealed() {
    let mut net = Net::new();
    tells(&mut net, AT, None);
    let mut paris = Whole::of(&net, FR);
    paris.collect(&net);
    let found = paris.mail.exposure(&seat(FR_2), 0).unwrap();
    let why = paris.mail.tellings(&found).unwrap_err();
    assert_eq!((why.reason.code(), why.family), ("SEAT_IN_FORCE", Family::Refused));
    assert_eq!(why.mend.as_deref(), Some(&Mend::RevokeSeat(seat(FR_2))));
}

#[test]
fn each_thread_of_each_other_contact_is_told_once_about_its_newest() {
    let mut net = Net::new();
    let first = tells(&mut net, AT, None);
    let update = tells(&mut net, AT, Some(&first)).id;
    let other = tells(&mut net, PT, None).id;
    tells(&mut net, FR_2, None);
    let paris = stolen(&mut net);
    let found = paris.mail.exposure(&seat(FR_2), 0).unwrap();
    assert_eq!(found.messages.len(), 4);
    let tellings = paris.mail.tellings(&found).unwrap();
    let told: Vec<_> = tellings
        .iter()
        .map(|of| (of.to.as_str(), of.about.header.addressing().id, of.count, of.is_open()))
        .collect();
    assert_eq!(told, [("at/cert-at", update, 2, true), ("pt/cert-pt", other, 1, true)]);
}

#[test]
fn what_tells_of_it_is_an_answer_in_the_thread_as_far_as_the_message_may_go() {
    let mut net = Net::new();
    let about = tells(&mut net, AT, None).thread;
    let paris = stolen(&mut net);
    let found = paris.mail.exposure(&seat(FR_2), 0).unwrap();
    let mut tellings = paris.mail.tellings(&found).unwrap();
    tellings[0].seal(&paris.mail, &wording()).unwrap();
    let id = tellings[0].id.unwrap();
    let of = paris.mail.addressing(id).unwrap().unwrap();
    assert_eq!((of.thread, of.class), (about, OrLater::Known(Class::Reply)));
    assert_eq!(of.in_reply_to, Some(found.messages[0].header.digest()));
    assert_eq!(of.urgency, OrLater::Known(Urgency::Priority));
    assert!(of.acknowledge_within > 0);
    let Some(Inside::Content(said)) = paris.mail.own_inside(id).unwrap() else { panic!("a text") };
    assert_eq!((&said.title[..], said.tlp()), ("Exposed", found.messages[0].tlp().unwrap()));
}

/// Cut off anywhere, and begun anew: it is one message.
#[test]
fn wherever_a_telling_is_cut_off_there_is_one_answer_in_the_end() {
    let mut net = Net::new();
    tells(&mut net, AT, None);
    for some in 0.. {
        let paris = stolen(&mut net.clone());
        let before = paris.mail.outbox.ids().unwrap().len();
        let found = paris.mail.exposure(&seat(FR_2), 0).unwrap();
        let telling = || paris.mail.tellings(&found).unwrap().remove(0);
        let mut first = telling();
        let done = faults::after(some, || first.seal(&paris.mail, &wording()).is_ok());
        let mut again = telling();
        if again.is_open() {
            again.seal(&paris.mail, &wording()).unwrap();
        }
        assert_eq!(again.state, State::Waits, "{some}");
        assert_eq!(paris.mail.outbox.ids().unwrap().len(), before + 1, "{some}");
        assert_eq!(telling().id, again.id, "{some}");
        if done {
            assert!(some > 2, "it is kept in several steps");
            break;
        }
    }
}

#[test]
fn who_was_told_or_cannot_be_told_is_so_in_the_next_list_too() {
    let mut net = Net::new();
    tells(&mut net, AT, None);
    tells(&mut net, PT, None);
    let paris = stolen(&mut net);
    let found = paris.mail.exposure(&seat(FR_2), 0).unwrap();
    let states = || {
        let all = paris.mail.tellings(&found).unwrap();
        all.into_iter().map(|of| of.state).collect::<Vec<_>>()
    };
    assert_eq!(states(), [State::Open, State::Open]);
    let mut tellings = paris.mail.tellings(&found).unwrap();
    tellings.iter_mut().for_each(|of| of.seal(&paris.mail, &wording()).unwrap());
    assert_eq!(states(), [State::Waits, State::Waits]);
    let id = tellings[1].id.unwrap();
    let request = paris.mail.outbox.request(id).unwrap();
    let why = Reason::read("MAILBOX_SHARE");
    assert!(paris.mail.outbox.refuse((id, &request), &why).unwrap());
    paris.hand_in(&mut net);
    assert_eq!(states(), [State::Told, State::Refused(why)]);
}

#[test]
fn a_time_to_come_another_contact_and_an_unknown_seat_are_refused_at_once() {
    let net = Net::new();
    let paris = Whole::of(&net, FR);
    let office = &paris.mail.office;
    let refused = |of: &str, since| office.may_be_exposed(&seat(of), since).unwrap_err();
    let now = paris.mail.office.ambient().now();
    assert_eq!(refused(FR_2, now + 60).reason.code(), "IN_THE_FUTURE");
    assert_eq!(refused(AT, 0).reason.code(), "OTHER_CONTACT");
    assert_eq!(refused("fr/cert-fr/duty-9", 0).reason.code(), "UNKNOWN_SEAT");
    office.may_be_exposed(&seat(FR_2), 0).unwrap();
}
