//! The very second and the very step at which something turns: what is one earlier is not yet, and what is done
//! once is not done twice.

use super::expiry::mailbox;
use super::*;
use crate::client::reason::{Here, Rule};
use crate::domain::relay::answers;

/// How the header of an item is addressed.
fn of(net: &Net, item: &v1::Item) -> Addressing {
    let header = envelope::verify_header(&net.directory, &item.header).unwrap();
    header.addressing().clone()
}

fn at(net: &mut Net, now: u64) {
    net.ambient = testlog::ambient_at(now);
}

#[test]
fn what_is_here_as_a_header_expires_in_the_second_that_it_names() {
    let mut net = Net::new();
    let (items, head) = mailbox(&mut net, 2);
    let expires = of(&net, &items[0]).expires;
    let paris = Machine::new(&net, FR);
    for item in &items {
        paris.take(&net, &alone(item)).unwrap();
    }
    paris.take_head(&net, &head).unwrap();
    let expire = |net: &Net, number| {
        paris.at_desk(net, |desk| collect::expire(desk, &paris.inbox, number)).unwrap()
    };
    at(&mut net, expires - 1);
    assert!(matches!(expire(&net, 1), Taken::NotExpired));
    assert_eq!(paris.inbox.how(1).unwrap(), None);
    at(&mut net, expires);
    let Taken::Expired(place) = expire(&net, 1) else { panic!("it has expired") };
    assert_eq!(place.mailbox.count, 1);
    assert_eq!(paris.inbox.how(1).unwrap(), Some(How::Expired));
    assert!(matches!(expire(&net, 1), Taken::Already));
    // The other is another's affair.
    assert_eq!((paris.inbox.how(2).unwrap(), paris.inbox.unfetched().unwrap()), (None, vec![2]));
    assert!(paris.outbox.ids().unwrap().is_empty(), "nobody is told that it was read");
    // What comes after all is not dealt with again.
    assert!(matches!(paris.take_whole(&net, &items[0]), Taken::Already));
    assert_eq!(paris.inbox.how(1).unwrap(), Some(How::Expired));
}

#[test]
fn what_is_whole_here_is_read_whatever_the_relay_has_no_more() {
    let mut net = Net::new();
    let (items, head) = mailbox(&mut net, 1);
    let expires = of(&net, &items[0]).expires;
    let paris = Machine::new(&net, FR);
    assert!(matches!(paris.take(&net, &items[0]).unwrap(), Taken::Waiting));
    at(&mut net, expires + 1);
    let expired = paris.at_desk(&net, |desk| collect::expire(desk, &paris.inbox, 1)).unwrap();
    assert!(matches!(expired, Taken::Already));
    assert_eq!(paris.inbox.how(1).unwrap(), None);
    let taken = paris.take_head(&net, &head).unwrap();
    assert!(matches!(taken[..], [Taken::Message { .. }]), "{taken:?}");
}

#[test]
fn whole_before_the_first_head_waits_and_is_dealt_with_once() {
    let mut net = Net::new();
    let (items, head) = mailbox(&mut net, 1);
    let paris = Machine::new(&net, FR);
    paris.take(&net, &alone(&items[0])).unwrap();
    assert!(matches!(paris.take_whole(&net, &items[0]), Taken::Waiting));
    assert!(paris.inbox.is_whole(1));
    assert!(paris.outbox.ids().unwrap().is_empty(), "no mailbox was signed that it could name");
    let pending = |net: &Net| {
        paris.at_desk(net, |desk| collect::deal_with_pending(desk, paris.boxes())).unwrap()
    };
    assert!(pending(&net).is_empty());
    assert!(matches!(paris.take_head(&net, &head).unwrap()[..], [Taken::Message { .. }]));
    assert!(matches!(paris.take_whole(&net, &items[0]), Taken::Already));
    assert!(matches!(paris.take(&net, &items[0]).unwrap(), Taken::Already));
    assert!(pending(&net).is_empty());
    assert_eq!(paris.outbox.ids().unwrap().len(), 1);
}

#[test]
fn a_receipt_that_was_made_goes_again_with_the_same_bytes_if_it_did_not_reach_the_outbox() {
    let mut net = Net::new();
    mailbox(&mut net, 1);
    let paris = Machine::new(&net, FR);
    paris.collect(&net);
    let made = paris.outbox.pending().unwrap();
    let sent = paris.outbox.request(made[0]).unwrap();
    // As a power cut leaves it: kept in the inbox, and nothing after that.
    let done = format!("in/done/{:020}", 1);
    std::fs::remove_file(paris.dir.path().join(done)).unwrap();
    std::fs::remove_dir_all(paris.dir.path().join("out")).unwrap();
    assert_eq!(paris.inbox.pending().unwrap(), [1]);
    let taken =
        paris.at_desk(&net, |desk| collect::deal_with_pending(desk, paris.boxes())).unwrap();
    let [Taken::Message { answer, .. }] = &taken[..] else { panic!("{taken:?}") };
    assert_eq!(*answer, Receipted::Already(made[0]));
    assert_eq!(paris.outbox.pending().unwrap(), made);
    assert_eq!(paris.outbox.request(made[0]).unwrap(), sent);
    assert_eq!(paris.inbox.how(1).unwrap(), Some(How::Opened));
}

#[test]
fn no_receipt_is_made_from_the_second_in_which_the_relay_forgets() {
    let mut net = Net::new();
    let (items, _) = mailbox(&mut net, 1);
    let forgotten = answers::until(&of(&net, &items[0]));
    for (now, due) in [(forgotten - 1, true), (forgotten, false)] {
        at(&mut net, now);
        let paris = Machine::new(&net, FR);
        let taken = paris.collect(&net);
        let [Taken::Message { answer, .. }] = &taken[..] else { panic!("{taken:?}") };
        assert_eq!(matches!(answer, Receipted::Queued(_)), due, "{answer:?}");
        assert_eq!(paris.outbox.ids().unwrap().len(), usize::from(due));
    }
}

#[test]
fn that_a_message_of_ours_expired_is_believed_from_the_second_that_it_names() {
    let mut net = Net::new();
    let sealed = net.notification();
    net.put_as(EntryKind::NotDelivered, &contact("at/cert-at"), &sealed.envelope);
    let (items, head) = net.collect(AT, 0);
    let expires = of(&net, &items[0]).expires;
    let vienna = Machine::new(&net, AT);
    vienna.take(&net, &items[0]).unwrap();
    at(&mut net, expires - 1);
    let taken = vienna.take_head(&net, &head).unwrap();
    let [Taken::NotProven { why: Unproven::NotExpired, .. }] = &taken[..] else {
        panic!("{taken:?}")
    };
    at(&mut net, expires);
    let taken = vienna.take_head(&net, &head).unwrap();
    // It was sent from another machine: which one it was is not known here.
    assert!(matches!(taken[..], [Taken::NotDelivered(None)]), "{taken:?}");
    assert_eq!(vienna.inbox.how(1).unwrap(), Some(How::NotDelivered));
}

#[test]
fn why_an_expiry_is_not_proven_is_read_as_what_mends_it() {
    let header = |why| Unproven::Header(why).reason();
    assert_eq!(header(NotOpened::SyncFirst(9)), NotOpened::SyncFirst(9).reason());
    let key = sign_key("a new key").public().id();
    assert_eq!(header(NotOpened::BeforeUpdate(key)), NotOpened::BeforeUpdate(key).reason());
    for refused in [
        header(NotOpened::Header(Refusal::BodyDigest)),
        Unproven::AnotherSender(seat(PT)).reason(),
        Unproven::NotExpired.reason(),
    ] {
        assert_eq!(refused, Here::NotProven);
    }
}

#[test]
fn where_the_relay_contradicts_itself_the_messages_are_named_whichever_receipts_came_first() {
    let mut net = Net::new();
    let vienna = Machine::new(&net, AT);
    let id = vienna.notify(&mut net);
    let contradictions = |net: &Net| {
        vienna.at_desk(net, |desk| collect::contradictions(desk, &vienna.outbox)).unwrap()
    };
    assert_eq!(contradictions(&net).len(), 0);
    let says = net.status(id, &contact("at/cert-at")).accepted;
    let says = Envelope::parse(&says, 1 << 14).unwrap();
    let mut says = proto::Accepted::decode(says.payload().clone()).unwrap();
    says.places[0].number += 7;
    let other = net.relay_signs(Kind::Accepted, says.encode_to_vec());
    let take = |desk: &Desk<'_>| collect::take_accepted(desk, &vienna.outbox, id, &other);
    assert!(vienna.at_desk(&net, take).is_err());
    // What takes the first one back is kept, and seen beside it.
    assert_eq!(vienna.outbox.accepted_receipts(id).unwrap().len(), 1);
    assert_eq!(vienna.outbox.disputed_receipts(id).unwrap().len(), 1);
    assert_eq!(contradictions(&net).len(), 1);
}

#[test]
fn what_the_relay_says_it_lost_is_lost_no_more_once_it_has_signed_for_it_again() {
    let mut net = Net::new();
    let vienna = Machine::new(&net, AT);
    let id = vienna.notify(&mut net);
    assert!(vienna.outbox.pending().unwrap().is_empty());
    vienna.outbox.offer_again(id).unwrap();
    assert_eq!(vienna.outbox.pending().unwrap(), [id]);
    let again = net.status(id, &contact("at/cert-at")).accepted;
    let take = |desk: &Desk<'_>| collect::take_accepted(desk, &vienna.outbox, id, &again);
    vienna.at_desk(&net, take).unwrap();
    assert!(vienna.outbox.pending().unwrap().is_empty());
    // A receipt that contradicts the first is no reason to send it a third time.
    vienna.outbox.offer_again(id).unwrap();
    let says = Envelope::parse(&again, 1 << 14).unwrap();
    let mut says = proto::Accepted::decode(says.payload().clone()).unwrap();
    says.places[0].number += 7;
    let other = net.relay_signs(Kind::Accepted, says.encode_to_vec());
    let take = |desk: &Desk<'_>| collect::take_accepted(desk, &vienna.outbox, id, &other);
    assert!(vienna.at_desk(&net, take).is_err());
    assert!(vienna.outbox.pending().unwrap().is_empty());
}

#[test]
fn of_a_status_what_does_not_hold_keeps_back_nothing_that_does() {
    let mut net = Net::new();
    let (vienna, paris) = (Machine::new(&net, AT), Machine::new(&net, FR));
    let id = vienna.notify(&mut net);
    paris.collect(&net);
    let said = (words::words(), None);
    paris.at_desk(&net, |desk| collect::acknowledge(desk, paris.boxes(), 1, said)).unwrap();
    paris.hand_in(&mut net);
    let good = net.status(id, &contact("at/cert-at"));
    let status = v1::GetStatusResponse {
        accepted: Bytes::from_static(b"no receipt"),
        acknowledgements: [vec![Bytes::from_static(b"none")], good.acknowledgements.clone()]
            .concat(),
    };
    let take = |status: &v1::GetStatusResponse| {
        vienna.at_desk(&net, |desk| collect::take_status(desk, &vienna.outbox, id, status)).unwrap()
    };
    assert_eq!(take(&status).len(), 2);
    let state = vienna.outbox.state(id).unwrap();
    assert_eq!(state.acknowledged.len(), 1);
    assert!(take(&good).is_empty());
}

#[test]
fn an_acknowledgement_of_what_is_not_here_is_none_and_leaves_nothing() {
    let mut net = Net::new();
    mailbox(&mut net, 1);
    let paris = Machine::new(&net, FR);
    let said = || (words::words(), None);
    let acknowledge =
        || paris.at_desk(&net, |desk| collect::acknowledge(desk, paris.boxes(), 1, said()));
    let why = crate::client::error::ClientError::from(acknowledge().unwrap_err());
    assert_eq!(why.reason, Rule::UnknownMessage);
    assert!(paris.outbox.ids().unwrap().is_empty());
}

/// The relay was restored: its mailbox of fr begins anew, with this message.
fn restored(net: &mut Net, paris: &Machine, sealed: &v1::Envelope) {
    let own = contact("fr/cert-fr");
    paris.inbox.begin_anew(2).unwrap();
    let second = Mailbox::of_epoch(net.directory.genesis(), &own, 2);
    net.store.insert(Key::Mailbox(own.clone()), Value::Mailbox(second));
    net.put(&own, sealed);
}

#[test]
fn what_was_read_and_comes_again_is_no_new_message_and_its_receipt_goes_again() {
    let mut net = Net::new();
    let sealed = net.notification();
    net.submit(&sealed.envelope).unwrap();
    let paris = Machine::new(&net, FR);
    paris.collect(&net);
    let receipt = paris.outbox.pending().unwrap();
    paris.hand_in(&mut net);
    assert_eq!((receipt.len(), paris.outbox.pending().unwrap().len()), (1, 0));
    restored(&mut net, &paris, &sealed.envelope);
    let taken = paris.collect(&net);
    let [Taken::Again { place, header }] = &taken[..] else { panic!("{taken:?}") };
    assert_eq!((place.mailbox.count, header.digest()), (2, sealed.header_digest));
    assert_eq!(paris.outbox.pending().unwrap(), receipt, "the relay may have lost it");
}

#[test]
fn what_expired_unread_and_comes_again_is_read() {
    let mut net = Net::new();
    let sealed = net.notification();
    net.submit(&sealed.envelope).unwrap();
    let (items, head) = net.collect(FR, 0);
    let paris = Machine::new(&net, FR);
    paris.take(&net, &alone(&items[0])).unwrap();
    paris.take_head(&net, &head).unwrap();
    let expires = of(&net, &items[0]).expires;
    at(&mut net, expires);
    paris.at_desk(&net, |desk| collect::expire(desk, &paris.inbox, 1)).unwrap();
    assert_eq!(paris.inbox.how(1).unwrap(), Some(How::Expired));
    restored(&mut net, &paris, &sealed.envelope);
    let taken = paris.collect(&net);
    assert!(matches!(taken[..], [Taken::Message { .. }]), "{taken:?}");
}

#[test]
fn a_receipt_that_names_another_contacts_mailbox_says_nothing_of_ours() {
    let mut net = Net::new();
    let vienna = Machine::new(&net, AT);
    let id = vienna.notify(&mut net);
    net.submit(&net.notification().envelope.clone()).unwrap();
    let header = vienna.at_desk(&net, |desk| collect::sent_header(desk, &vienna.outbox, id));
    let header = header.unwrap();
    let other = contact("pt/cert-pt");
    let place = receipt::Place { mailbox: net.mailbox(&other), contact: other };
    let inside = content::delivered(header.digest(), (Outcome::Opened, None), place.to_proto(), 1);
    let about = (header.digest(), header.addressing());
    let outside = Outside::answering(&net.directory, seat(FR), about, Class::Receipt, net.view());
    let sealed = net.seal(outside, &inside);
    net.put(&contact("at/cert-at"), &sealed.envelope);
    let taken = vienna.collect(&net);
    let [Taken::Message { matched, .. }] = &taken[..] else { panic!("{taken:?}") };
    assert_eq!(*matched, Matched::NotARecipient(id));
    assert!(vienna.outbox.state(id).unwrap().delivered.is_empty());
}
