//! Threads: every class with every shape of a message, each thing that can be amiss beside another
//! message, and which of two is said.

use std::collections::BTreeMap;
use std::convert::Infallible;

use bytes::Bytes;

use super::apart::{AUSTRIA, Apart, FRANCE, PORTUGAL};
use crate::crypto::hash::Digest;
use crate::domain::refusal::{Amiss, Refusal};
use crate::domain::relay::addressing::{Addressing, OrLater};
use crate::domain::relay::envelope::VerifiedHeader;
use crate::domain::relay::thread::{
    ANSWERS, alone, beginners, beside, beside_answered, beside_first, fits, form, led_to, may_begin,
};
use crate::signed::proto::{Class, Drill, DrillKind};
use crate::world::relay::{AT, FR, Net, PT, contact};

const SPAIN: &str = "es/cert-es/duty-1";

/// France's reply to Austria's notification, and that.
struct Thread {
    net: Net,
    first: VerifiedHeader,
    reply: Apart,
}

impl Thread {
    fn new() -> Self {
        let net = Net::new();
        let first = Apart::notification(&net).header(&net).unwrap();
        let reply = Apart::between(&net, FR, &[AUSTRIA]).answering(&first);
        let reply = reply.with(|apart| apart.addressing.class = Class::Reply.into());
        Self { net, first, reply }
    }

    /// The reply, changed.
    fn says(&self, change: impl FnOnce(Apart) -> Apart) -> Addressing {
        change(self.reply.clone()).read(&self.net).unwrap()
    }

    /// The first message, changed and signed.
    fn first(&self, change: impl FnOnce(Apart) -> Apart) -> VerifiedHeader {
        change(Apart::notification(&self.net)).header(&self.net).unwrap()
    }
}

fn of_class(apart: Apart, class: Class) -> Apart {
    apart.with(|apart| apart.addressing.class = class.into())
}

fn to(apart: Apart, contact: &str) -> Apart {
    apart.with(|apart| apart.addressing.recipients[0].contact = contact.to_owned())
}

fn marked(apart: Apart, name: &str) -> Apart {
    let drill = Drill { kind: DrillKind::Exercise.into(), name: name.to_owned() };
    apart.with(|apart| apart.addressing.drill = Some(drill))
}

/// Of the view that the reply has, so many entries earlier.
fn earlier(apart: Apart, entries: u64) -> Apart {
    apart.with(|apart| apart.addressing.view.as_mut().unwrap().size -= entries)
}

fn of_another_thread(apart: Apart) -> Apart {
    let other = Apart::called(apart.clone(), 9).addressing.id;
    apart.with(|apart| apart.addressing.thread = other)
}

const CLASSES: [Class; 9] = [
    Class::Notification,
    Class::Update,
    Class::Correction,
    Class::Reply,
    Class::Withdrawal,
    Class::AllClear,
    Class::Comcheck,
    Class::Receipt,
    Class::Acknowledgement,
];

#[test]
fn every_class_begins_or_answers_or_must_answer() {
    let thread = Thread::new();
    let good = thread.says(|reply| reply);
    let shapes = ["one", "one at a step", "two", "none"].map(|shape| {
        let mut to = thread.first.addressing().recipients.clone();
        to.truncate(match shape {
            "two" => 2,
            "none" => 0,
            _ => 1,
        });
        to.iter_mut().for_each(|to| to.step = u32::from(shape == "one at a step"));
        (shape, to)
    });
    for (class, (shape, recipients)) in CLASSES
        .iter()
        .flat_map(|class| shapes.iter().map(move |shape| (OrLater::Known(*class), shape)))
    {
        let about_one = [Class::Receipt, Class::Acknowledgement].iter().any(|of| class == *of);
        let takes_back = [Class::Withdrawal, Class::Correction].iter().any(|of| class == *of);
        for (begins, answers) in [(true, true), (true, false), (false, true), (false, false)] {
            let found = alone(&Addressing {
                class,
                thread: if begins { good.id } else { good.thread },
                in_reply_to: good.in_reply_to.filter(|_| answers),
                recipients: recipients.clone(),
                ..good.clone()
            });
            let expected = match (begins, answers) {
                (true, true) => Some(Amiss::BeginsAndAnswers),
                (false, false) => Some(Amiss::AnswersNothing),
                (true, false) => (about_one || takes_back).then_some(Amiss::AnswersNothing),
                (false, true) => (about_one && *shape != "one").then_some(Amiss::NotToItsSender),
            };
            assert_eq!(found, expected, "{class:?} to {shape}, {begins}, {answers}");
        }
    }
    // Nobody knows what a later class is about.
    for begins in [true, false] {
        let thread = if begins { good.id } else { good.thread };
        let in_reply_to = good.in_reply_to.filter(|_| !begins);
        let later = Addressing { class: OrLater::Later(10), thread, in_reply_to, ..good.clone() };
        assert_eq!(alone(&later), None);
        assert_eq!(form(&later), Ok(()));
    }
    let neither = Addressing { in_reply_to: None, ..good };
    assert_eq!(form(&neither), Err(Refusal::WrongThread(Amiss::AnswersNothing)));
}

type Change = fn(Apart) -> Apart;

#[test]
fn what_is_amiss_beside_the_message_answered_is_said() {
    let thread = Thread::new();
    let rows: &[(&str, Change, Option<Amiss>)] = &[
        ("nothing", |a| a, None),
        ("its thread", of_another_thread, Some(Amiss::OtherThread)),
        ("its mark", |a| marked(a, "a"), Some(Amiss::OtherDrill)),
        ("who sends it", |a| a.by(SPAIN), Some(Amiss::NotAParty)),
        ("a colleague sends it", |a| a.by("fr/cert-fr/duty-2"), None),
        ("who was addressed, too", |a| a.by(PT), None),
        ("who sent it", |a| a.by(AT), None),
        ("a reply to others", |a| to(a, PORTUGAL), None),
        ("a receipt", |a| of_class(a, Class::Receipt), None),
        (
            "a receipt for others",
            |a| to(of_class(a, Class::Receipt), PORTUGAL),
            Some(Amiss::NotToItsSender),
        ),
        ("words", |a| of_class(a, Class::Acknowledgement), None),
        (
            "words for its own",
            |a| to(of_class(a, Class::Acknowledgement), FRANCE),
            Some(Amiss::NotToItsSender),
        ),
        (
            "words at a step",
            |a| {
                let words = of_class(a, Class::Acknowledgement);
                words.with(|apart| apart.addressing.recipients[0].step = 1)
            },
            Some(Amiss::NotToItsSender),
        ),
        ("another's, withdrawn", |a| of_class(a, Class::Withdrawal), Some(Amiss::NotItsOwn)),
        ("another's, corrected", |a| of_class(a, Class::Correction), Some(Amiss::NotItsOwn)),
        ("another's, updated", |a| of_class(a, Class::Update), None),
        ("another's all-clear", |a| of_class(a, Class::AllClear), None),
        ("its own, withdrawn", |a| of_class(a, Class::Withdrawal).by(AT), None),
        ("its own, corrected", |a| of_class(a, Class::Correction).by("at/cert-at/duty-2"), None),
        ("an earlier view", |a| earlier(a, 1), Some(Amiss::EarlierView)),
    ];
    for (name, change, expected) in rows {
        let says = thread.says(change);
        assert_eq!(beside_answered(&says, &thread.first), *expected, "{name}");
    }
    // The message answered may be of an earlier view.
    let first = thread.first(|first| earlier(first, 1));
    assert_eq!(
        beside_answered(
            &Addressing { thread: first.addressing().thread, ..thread.says(|a| a) },
            &first
        ),
        None
    );
    // And both of one exercise, but not of two.
    let marked_first = thread.first(|first| marked(first, "a"));
    for (name, expected) in [("a", None), ("b", Some(Amiss::OtherDrill))] {
        let says = marked(thread.reply.clone().answering(&marked_first), name);
        assert_eq!(beside_answered(&says.read(&thread.net).unwrap(), &marked_first), expected);
    }
}

#[test]
fn of_two_things_amiss_the_earlier_is_said() {
    let thread = Thread::new();
    let misled: Change = |a| to(of_class(a, Class::Receipt), PORTUGAL);
    let taken: Change = |a| of_class(a, Class::Withdrawal);
    for (fault, class) in [(Amiss::NotToItsSender, misled), (Amiss::NotItsOwn, taken)] {
        let faults: [(Amiss, Change); 5] = [
            (Amiss::OtherThread, of_another_thread),
            (Amiss::OtherDrill, |a| marked(a, "a")),
            (Amiss::NotAParty, |a| a.by(SPAIN)),
            (fault, class),
            (Amiss::EarlierView, |a| earlier(a, 1)),
        ];
        for (place, (amiss, change)) in faults.iter().enumerate() {
            for (_, later) in &faults[place..] {
                let says = thread.says(|reply| later(change(reply)));
                let says = Addressing { view: thread.says(change).view, ..says };
                let both = if *amiss == Amiss::EarlierView { thread.says(change) } else { says };
                assert_eq!(beside_answered(&both, &thread.first), Some(*amiss));
            }
        }
    }
}

#[test]
fn what_is_amiss_beside_the_threads_first_is_said() {
    let thread = Thread::new();
    // It answers something else in the thread, so what it answers is another's matter.
    let elsewhere = |apart: Apart| apart.with(|a| a.addressing.in_reply_to = vec![7; 32].into());
    let rows: &[(&str, Change, Option<Amiss>)] = &[
        ("nothing", |a| a, None),
        ("its thread", of_another_thread, Some(Amiss::OtherThread)),
        ("its mark", |a| marked(a, "a"), Some(Amiss::OtherDrill)),
        ("another's all-clear", |a| of_class(a, Class::AllClear), Some(Amiss::NotItsBeginner)),
        ("a colleague's all-clear", |a| of_class(a, Class::AllClear).by("at/cert-at/duty-2"), None),
        ("both", |a| of_class(marked(a, "a"), Class::AllClear), Some(Amiss::OtherDrill)),
    ];
    for (name, change, expected) in rows {
        for says in [thread.says(change), thread.says(|reply| elsewhere(change(reply)))] {
            assert_eq!(beside_first(&says, &thread.first), *expected, "{name}");
        }
    }
    let rows: [(Amiss, Change); 4] = [
        (Amiss::NotAParty, |a| a.by(SPAIN)),
        (Amiss::NotToItsSender, |a| to(of_class(a, Class::Receipt), PORTUGAL)),
        (Amiss::NotItsOwn, |a| of_class(a, Class::Withdrawal)),
        (Amiss::EarlierView, |a| earlier(a, 1)),
    ];
    for (amiss, change) in rows {
        assert_eq!(beside_first(&thread.says(change), &thread.first), Some(amiss));
        let says = thread.says(|reply| elsewhere(change(reply)));
        assert_eq!(beside_first(&says, &thread.first), None, "{amiss}");
    }
}

#[test]
fn a_reader_sees_the_message_alone_then_what_it_answers_then_the_first() {
    let thread = Thread::new();
    let first = &thread.first;
    let answered = Apart::between(&thread.net, PT, &[AUSTRIA, FRANCE]).answering(first);
    let answered = of_class(answered, Class::Update).header(&thread.net).unwrap();
    let reply = thread.reply.clone().answering(&answered);
    let read = |apart: Apart| apart.read(&thread.net).unwrap();
    let good = read(reply.clone());
    assert_eq!(beside(&good, Some(&answered), [first]), None);
    assert_eq!(beside(&good, None, []), None, "what is not here is not asked for");
    let alone = Addressing { in_reply_to: None, ..read(marked(reply.clone(), "a")) };
    assert_eq!(beside(&alone, Some(&answered), [first]), Some(Amiss::AnswersNothing));
    let of_all = read(of_class(reply.clone(), Class::AllClear));
    assert_eq!(beside(&of_all, Some(&answered), [first]), Some(Amiss::NotItsBeginner));
    assert_eq!(beside(&of_all, Some(&answered), []), None);
    let other = read(marked(reply.clone(), "a"));
    assert_eq!(beside(&other, Some(&answered), []), Some(Amiss::OtherDrill));
    assert_eq!(beside(&other, None, [first]), Some(Amiss::OtherDrill));
    // A receipt for what is itself in the wrong place has that place.
    let lost = marked(Apart::between(&thread.net, AT, &[FRANCE]).answering(first), "a");
    let lost = of_class(lost, Class::Update).header(&thread.net).unwrap();
    let receipt = marked(of_class(thread.reply.clone().answering(&lost), Class::Receipt), "a");
    assert_eq!(beside(&read(receipt.clone()), Some(&lost), [first]), None);
    assert_eq!(beside(&read(receipt), None, [first]), Some(Amiss::OtherDrill));
    let reply = marked(thread.reply.clone().answering(&lost), "a");
    assert_eq!(beside(&read(reply), Some(&lost), [first]), Some(Amiss::OtherDrill));
}

#[test]
fn of_several_that_could_be_the_first_any_may_be_meant() {
    let thread = Thread::new();
    let good = thread.says(|reply| reply);
    let drilled = thread.first(|first| marked(first, "a"));
    // Portugal uses the same id, for an exercise; and another thread's first is none.
    let portugals = Apart::between(&thread.net, PT, &[FRANCE]);
    let id = Bytes::copy_from_slice(good.thread.as_bytes());
    let portugals = marked(portugals, "a").with(|apart| {
        (apart.addressing.id, apart.addressing.thread) = (id.clone(), id.clone());
    });
    let portugals = portugals.header(&thread.net).unwrap();
    let wrong = |amiss| Err(Refusal::WrongThread(amiss));
    assert_eq!(fits(&good, []), Ok(()));
    assert_eq!(fits(&good, [&thread.first]), Ok(()));
    assert_eq!(fits(&good, [&portugals]), wrong(Amiss::OtherDrill));
    assert_eq!(fits(&good, [&drilled]), wrong(Amiss::OtherThread));
    for firsts in [[&portugals, &thread.first], [&thread.first, &portugals]] {
        assert_eq!(fits(&good, firsts), Ok(()));
    }
    assert_eq!(fits(&good, [&portugals, &drilled]), wrong(Amiss::OtherDrill), "of the first");
    assert_eq!(fits(&good, [&drilled, &portugals]), wrong(Amiss::OtherThread), "of the first");
}

#[test]
fn who_can_have_begun_a_thread_is_named_by_what_goes_on_with_it() {
    let thread = Thread::new();
    assert_eq!(beginners(thread.first.addressing()), [], "it begins");
    let good = thread.says(|reply| reply);
    assert_eq!(beginners(&good), [contact(AUSTRIA), contact(FRANCE)]);
    assert!(may_begin(&thread.first, &good));
    assert!(may_begin(&thread.first, &thread.says(|reply| reply.by(PT))));
    assert!(
        !may_begin(&thread.first, &thread.says(|reply| reply.by(SPAIN))),
        "it has nothing of it"
    );
    assert!(!may_begin(&thread.first, &thread.says(of_another_thread)));
    // Its id is the thread's, but it says that it goes on with another.
    let going_on = thread.first(|first| {
        of_another_thread(first).with(|apart| {
            apart.addressing.in_reply_to = vec![7; 32].into();
        })
    });
    let says = Addressing { thread: going_on.addressing().id, ..good.clone() };
    assert!(!may_begin(&going_on, &says));
    let says = Addressing { thread: going_on.addressing().thread, ..good };
    assert!(!may_begin(&going_on, &says), "nor is it the first of that");
}

/// Messages that are here, by their digests.
struct Here(BTreeMap<Digest, VerifiedHeader>);

impl Here {
    fn found(&self, says: &Addressing) -> Option<VerifiedHeader> {
        led_to::<Infallible>(says, |digest| Ok(self.0.get(&digest).cloned())).unwrap()
    }
}

#[test]
fn answers_lead_to_the_first_as_long_as_they_are_of_its_thread() {
    let thread = Thread::new();
    let first = &thread.first;
    let middle =
        of_class(Apart::between(&thread.net, AT, &[FRANCE]).answering(first), Class::Update);
    let stray = of_another_thread(middle.clone()).header(&thread.net).unwrap();
    let middle = middle.header(&thread.net).unwrap();
    let here = |of: &[&VerifiedHeader]| {
        Here(of.iter().map(|header| (header.digest(), (*header).clone())).collect())
    };
    let direct = thread.says(|reply| reply);
    let all = here(&[first, &middle, &stray]);
    assert_eq!(all.found(&direct).as_ref(), Some(first));
    let behind = thread.says(|reply| reply.answering(&middle));
    assert_eq!(all.found(&behind).as_ref(), Some(first));
    assert_eq!(here(&[first]).found(&behind), None, "what is between is not here");
    assert_eq!(here(&[&middle]).found(&behind), None, "the first is not here");
    assert_eq!(all.found(first.addressing()), None, "it answers nothing");
    // It answers what is of another thread, though that answers the first of this one.
    let astray =
        Addressing { thread: direct.thread, ..thread.says(|reply| reply.answering(&stray)) };
    assert_eq!(all.found(&astray), None);
    // Another thread's first is not this one's.
    let other = Addressing { thread: stray.addressing().thread, ..direct };
    assert_eq!(all.found(&other), None);
    let failed = led_to(&behind, |_| Err::<Option<VerifiedHeader>, _>("the disk"));
    assert_eq!(failed, Err("the disk"));
}

#[test]
fn so_many_answers_are_followed_and_no_more() {
    let thread = Thread::new();
    let mut here = Here(BTreeMap::new());
    let mut last = thread.first.clone();
    here.0.insert(last.digest(), last.clone());
    let reply = |last: &VerifiedHeader| thread.reply.clone().answering(last);
    for number in 1..ANSWERS {
        last = reply(&last).called(number as u8).header(&thread.net).unwrap();
        here.0.insert(last.digest(), last.clone());
    }
    let near = reply(&last);
    assert_eq!(here.found(&near.read(&thread.net).unwrap()).as_ref(), Some(&thread.first));
    last = near.header(&thread.net).unwrap();
    here.0.insert(last.digest(), last.clone());
    assert_eq!(here.found(&reply(&last).read(&thread.net).unwrap()), None);
}
