//! What the relay asks of an acknowledgement and its words, tried with those of a seat that bends them.

use super::whole::Whole;
use super::*;
use crate::client::message::words as wording;

const VIENNA: &str = "at/cert-at";

/// Austria's alert is at Paris, whose duty-1 has made its acknowledgement.
fn made(net: &mut Net, of: &str) -> (Sealed, v1::AcknowledgeRequest) {
    let alert = net.notification();
    net.submit(&alert.envelope).unwrap();
    let request = acknowledges(net, of);
    (alert, request)
}

fn acknowledges(net: &Net, of: &str) -> v1::AcknowledgeRequest {
    let mut seat = Whole::of(net, of);
    seat.collect(net);
    let boxes = seat.mail.boxes();
    let said = (wording::words(), None);
    let id = seat.mail.at_desk(|desk| collect::acknowledge(desk, boxes, 1, said));
    let Request::Acknowledge(request) = seat.mail.outbox.request(id.unwrap().unwrap()).unwrap()
    else {
        panic!("an acknowledgement");
    };
    request
}

#[test]
fn words_answer_that_message_alone_by_the_same_seat() {
    let mut net = Net::new();
    let (alert, good) = made(&mut net, FR);
    let own = seat(FR).contact();
    let sealed = |net: &Net, change: &dyn Fn(&mut Outside)| {
        let mut outside = net.outside(FR, &[VIENNA]);
        outside.class = Class::Acknowledgement;
        (outside.thread, outside.in_reply_to) = (Some(alert.thread), Some(alert.header_digest));
        change(&mut outside);
        net.seal(outside, &Inside::Words(Box::new(wording::words()))).envelope
    };
    let of_another = sealed(&net, &|of| of.in_reply_to = Some(Digest::of(b"another")));
    let by_another = sealed(&net, &|of| of.sender = seat(FR_2));
    for (what, words) in [("another message", of_another), ("another seat", by_another)] {
        let words = Some(words);
        let refused = net.acknowledge(&own, &v1::AcknowledgeRequest { words, ..good.clone() });
        let why = refused.expect_err(what);
        assert_eq!(why.reason().code(), "NOT_THE_SENDER", "{what}: {why}");
    }
    // What is no acknowledgement does not pass for its words.
    let mut outside = net.outside(FR, &[VIENNA]);
    outside.class = Class::Reply;
    (outside.thread, outside.in_reply_to) = (Some(alert.thread), Some(alert.header_digest));
    let words = Some(net.seal(outside, &relay::notification(0)).envelope);
    let reply = net.acknowledge(&own, &v1::AcknowledgeRequest { words, ..good.clone() });
    assert_eq!(reply.unwrap_err().reason().code(), "NOT_THE_SENDER");
    // Nothing of that was noted: the good one is taken.
    let words = Some(sealed(&net, &|_| {}));
    net.acknowledge(&own, &v1::AcknowledgeRequest { words, ..good }).unwrap();
    assert_eq!(net.status(alert.id, &contact(VIENNA)).acknowledgements.len(), 1);
}

/// Who acknowledges again only writes more words; a colleague's is another.
#[test]
fn a_seat_acknowledges_once_and_each_seat_for_itself() {
    let mut net = Net::new();
    let (alert, first) = made(&mut net, FR);
    let (again, colleague) = (acknowledges(&net, FR), acknowledges(&net, FR_2));
    let own = seat(FR).contact();
    let given = |net: &mut Net, request: &v1::AcknowledgeRequest| {
        net.acknowledge(&own, request).unwrap();
        net.status(alert.id, &contact(VIENNA)).acknowledgements.len()
    };
    assert_eq!(given(&mut net, &first), 1);
    assert_eq!(given(&mut net, &again), 1);
    assert_eq!(given(&mut net, &colleague), 2);
    assert_eq!(given(&mut net, &first), 2);
}

/// Of a message that expires, what waits is due up to the last second before.
#[test]
fn what_expires_now_is_due_no_more() {
    let net = Net::new();
    let vienna = Whole::of(&net, AT);
    let now = vienna.mail.now();
    let keep = |expires: u64| {
        let mut outside = net.outside(AT, &["fr/cert-fr"]);
        (outside.created, outside.expires) = (Some(now - 100), Some(expires));
        let sealed = net.seal(outside, &relay::notification(0));
        let request = Request::submit(sealed.envelope);
        vienna.mail.outbox.put((sealed.id, sealed.header_digest), &request).unwrap();
        sealed.id
    };
    let (over, later) = (keep(now), keep(now + 1_000));
    let due: Vec<_> = vienna.mail.due().unwrap().into_iter().map(|due| due.id).collect();
    assert_eq!(due, [later], "{over} is over");
}
