//! Who pays: what each mailbox has room for, what an account pays to the byte, and what a receipt gives
//! back.

use std::collections::BTreeMap;

use crate::domain::command::Decision;
use crate::domain::commands::submit::Submit;
use crate::domain::refusal::{Refusal, Undue};
use crate::domain::relay::answers;
use crate::domain::relay::envelope::VerifiedEnvelope;
use crate::domain::relay::share::{Grants, Share, Waiting};
use crate::domain::relay::tests::apart::{AUSTRIA, Apart, FRANCE, PORTUGAL, decision};
use crate::domain::state::{Body, Key, Usage, Value};
use crate::signed::proto::{Class, Urgency};
use crate::world::relay::{AT, FR, FR_2, Net, contact, seat};
use crate::world::testlog::ambient_at;

const T: u64 = 1_800_000_000;
const DAY: u64 = 86_400;
const GRANTS: Grants = Grants { kept: 1 << 30, messages: 8, bytes: 1 << 30, seconds: 30 };

fn net() -> Net {
    Net { ambient: ambient_at(T), grants: GRANTS, ..Net::new() }
}

fn share_key(of: &str) -> Key {
    Key::Share(contact(of), "at".parse().unwrap())
}

/// One that takes no more of what is routine; of too much, or of too many in so many seconds.
fn full(seconds: Option<u64>) -> Share {
    let waiting = BTreeMap::from([(T / DAY, Waiting { messages: 6, bytes: 6 })]);
    match seconds {
        None => Share { waiting, paced: 0 },
        Some(seconds) => Share { waiting: BTreeMap::new(), paced: T + 5 * 30 + seconds },
    }
}

#[test]
fn all_mailboxes_without_room_are_named_and_when_there_is_room_in_each() {
    let (waits, soon, later, room) = (Some(None), Some(Some(10)), Some(Some(40)), None);
    for (france, portugal, expected) in [
        (room, room, None),
        (waits, room, Some((vec![FRANCE], None))),
        (room, waits, Some((vec![PORTUGAL], None))),
        (waits, waits, Some((vec![FRANCE, PORTUGAL], None))),
        (soon, room, Some((vec![FRANCE], Some(10)))),
        (room, later, Some((vec![PORTUGAL], Some(40)))),
        (soon, later, Some((vec![FRANCE, PORTUGAL], Some(40)))),
        (later, soon, Some((vec![FRANCE, PORTUGAL], Some(40)))),
        (soon, waits, Some((vec![FRANCE, PORTUGAL], None))),
        (waits, soon, Some((vec![FRANCE, PORTUGAL], None))),
    ] {
        let mut net = net();
        for (of, share) in [(FRANCE, france), (PORTUGAL, portugal)] {
            let share = share.map(|seconds| (share_key(of), Value::Share(full(seconds))));
            net.store.extend(share);
        }
        let verified = Apart::notification(&net).verify(&net).unwrap();
        let found = net.decide(&Submit::new(contact(AUSTRIA), verified)).err();
        let expected = expected.map(|(contacts, retry)| Refusal::MailboxShare {
            contacts: contacts.into_iter().map(contact).collect(),
            retry,
        });
        assert_eq!(found, expected, "{france:?} {portugal:?}");
    }
}

/// The member's account, however many contacts it writes to.
#[test]
fn an_account_pays_a_message_and_its_answers_to_the_byte() {
    let mut net = net();
    let flash = Apart::notification(&net);
    let flash = flash.with(|apart| apart.addressing.urgency = Urgency::Flash.into());
    let verified = flash.verify(&net).unwrap();
    let more = verified.size() + answers::room(&verified);
    let usage = Key::Usage("at".parse().unwrap());
    net.store.insert(usage.clone(), Value::Usage(Usage(1_000)));
    let submit = Submit::new(contact(AUSTRIA), verified.clone());
    net.grants.kept = 1_000 + more - 1;
    let (kept, limit) = (1_000, net.grants.kept);
    let refused = Err(Refusal::QuotaExceeded { kept, limit });
    assert_eq!(decision(&net, &submit).map(drop), refused);
    net.grants.kept += 1;
    net.decide(&submit).unwrap();
    assert_eq!(net.store.get(&usage), Some(&Value::Usage(Usage(1_000 + more))));
    let Some(Value::Answers(answers)) = net.store.get(&Key::Answers(verified.header().digest()))
    else {
        panic!("no answers")
    };
    assert_eq!((answers.paid, answers.waiting), (more, verified.size()));
    for of in [FRANCE, PORTUGAL] {
        let Some(Value::Share(share)) = net.store.get(&share_key(of)) else { panic!("no share") };
        let waiting = Waiting { messages: 1, bytes: verified.size() };
        let day = (flash.addressing.expires + DAY) / DAY;
        assert_eq!(share.waiting, BTreeMap::from([(day, waiting)]));
        assert_eq!(share.paced, T + 30);
    }
    // What is routine gets three quarters.
    let routine = Apart::notification(&net).verify(&net).unwrap();
    let limit = net.grants.kept - net.grants.kept / 4;
    let refused = Err(Refusal::QuotaExceeded { kept: 1_000 + more, limit });
    assert_eq!(decision(&net, &Submit::new(contact(AUSTRIA), routine)).map(drop), refused);
}

/// Austria's notification to France and Portugal was taken.
fn taken() -> (Net, VerifiedEnvelope) {
    let mut net = net();
    let first = Apart::notification(&net).verify(&net).unwrap();
    net.decide(&Submit::new(contact(AUSTRIA), first.clone())).unwrap();
    (net, first)
}

fn receipt(net: &Net, by: &str, of: &VerifiedEnvelope) -> Submit {
    let receipt = Apart::between(net, by, &[AUSTRIA]).answering(of.header());
    let receipt = receipt.with(|apart| apart.addressing.class = Class::Receipt.into());
    Submit::new(seat(by).contact(), receipt.verify(net).unwrap())
}

fn puts<R>(decision: &Decision<R>, is_of: fn(&Key) -> bool) -> usize {
    decision.puts.iter().filter(|(key, _)| is_of(key)).count()
}

fn waits_in(net: &Net, of: &str) -> u64 {
    match net.store.get(&share_key(of)) {
        Some(Value::Share(share)) => share.waiting.values().map(|day| day.messages).sum(),
        _ => 0,
    }
}

#[test]
fn the_first_receipt_of_a_contact_makes_room_in_its_mailbox_and_costs_nobody_anything() {
    let (mut net, first) = taken();
    let is_share = |key: &Key| matches!(key, Key::Share(..));
    let pays = |key: &Key| matches!(key, Key::Usage(_));
    assert_eq!([FRANCE, PORTUGAL].map(|of| waits_in(&net, of)), [1, 1]);
    let one = decision(&net, &receipt(&net, FR, &first)).unwrap();
    assert_eq!((puts(&one, is_share), puts(&one, pays)), (1, 0));
    net.store.extend(one.puts);
    assert_eq!([FRANCE, PORTUGAL].map(|of| waits_in(&net, of)), [0, 1]);
    let again = decision(&net, &receipt(&net, FR, &first)).map(drop);
    assert_eq!(again, Err(Refusal::ReceiptNotDue(Undue::Taken)));
    let two = decision(&net, &receipt(&net, FR_2, &first)).unwrap();
    assert_eq!(puts(&two, is_share), 0, "its colleague made that room");
    let own = decision(&net, &receipt(&net, AT, &first)).map(drop);
    assert_eq!(own, Err(Refusal::ReceiptNotDue(Undue::NotAddressed)));
}

#[test]
fn a_receipt_makes_no_room_for_what_did_not_wait() {
    let (mut net, first) = taken();
    let key = Key::Answers(first.header().digest());
    let Some(Value::Answers(answers)) = net.store.get_mut(&key) else { panic!("no answers") };
    answers.waiting = 0;
    net.decide(&receipt(&net, FR, &first)).unwrap();
    assert_eq!(waits_in(&net, FRANCE), 1);
    // Nor where there is no share.
    let (mut net, first) = taken();
    net.store.remove(&share_key(FRANCE));
    let found = decision(&net, &receipt(&net, FR, &first)).unwrap();
    assert_eq!(puts(&found, |key| matches!(key, Key::Share(..))), 0);
}

/// Version 0.2 stored no answers: the message is looked for under its thread's id.
#[test]
fn a_receipt_without_answers_finds_a_first_message_whose_body_is_here() {
    let (mut net, first) = taken();
    net.store.retain(|key, _| !matches!(key, Key::Answers(_)));
    let unknown = Err(Refusal::ReceiptNotDue(Undue::Unknown));
    assert!(decision(&net, &receipt(&net, FR, &first)).is_ok());
    let other = receipt(&net, FR, &Apart::notification(&net).verify(&net).unwrap());
    assert_eq!(decision(&net, &other).map(drop), unknown, "that was never here");
    let of = first.header().addressing();
    let stored = Key::Message(of.id, contact(AUSTRIA));
    // Its digest is another's: it answers something else in this thread.
    let update = Apart::notification(&net).answering(first.header());
    let update = update.verify(&net).unwrap();
    assert_eq!(decision(&net, &receipt(&net, FR, &update)).map(drop), unknown);
    let Some(Value::Message(message)) = net.store.get_mut(&stored) else { panic!("no message") };
    message.body = Body::Gone;
    assert_eq!(decision(&net, &receipt(&net, FR, &first)).map(drop), unknown);
}
