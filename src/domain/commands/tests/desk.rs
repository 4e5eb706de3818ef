//! The desk beside its rules of time and number: who gives up, what is kept of an end, what came of an act,
//! and what has a record.

use super::*;
use crate::domain::administration::desk::End;
use crate::domain::commands::audited::Told;
use crate::domain::commands::desk::{CameTo, Forget};
use crate::domain::directory::facet::OpenFacet;

fn drain(service: &Service, nonce: u8, by: &[&str]) -> Proposed {
    service.act(&Act::Drain, (nonce, NOW + DAY), by)
}

#[test]
fn what_is_kept_says_who_brought_it_when_and_until_when() {
    let mut service = Service::new();
    let (act, statement) = (drain(&service, 1, &["dave"]), service.statement(&["alice"]));
    service.propose(&act).unwrap();
    service.now = NOW + 5;
    service.propose(&statement).unwrap();
    for (what, by, at, expires) in [
        (&act, "operator/dave", NOW, NOW + DAY),
        (&statement, "registrar/alice", NOW + 5, NOW + 5 + WEEK),
    ] {
        let kept = service.kept(what).unwrap();
        let envelope = what.envelope().bytes().clone();
        let expected = Kept { envelope, facets: vec![], by: by.to_owned(), at, expires, end: None };
        assert_eq!(kept, expected);
    }
    let lying = |what: &Proposed, by: &str, expires| Lying {
        id: what.id(),
        expires,
        open: true,
        by: by.to_owned(),
    };
    let expected = [
        lying(&act, "operator/dave", NOW + DAY),
        lying(&statement, "registrar/alice", NOW + 5 + WEEK),
    ];
    assert_eq!(service.desk(), Desk { lying: expected.to_vec(), since: 0 });
}

#[test]
fn who_signs_what_another_brought_changes_its_signatures_and_nothing_else() {
    let mut service = Service::new();
    let first = drain(&service, 1, &["dave"]);
    service.propose(&first).unwrap();
    let before = (service.kept(&first).unwrap(), service.desk());
    service.now = NOW + 9;
    let by = operator("fred");
    service.decide(&Propose { by, what: drain(&service, 1, &["fred"]) }).unwrap();
    let after = service.kept(&first).unwrap();
    assert_eq!(service.read(&after.envelope).envelope().signatures().len(), 2);
    assert_eq!(Kept { envelope: before.0.envelope.clone(), ..after }, before.0);
    assert_eq!(service.desk(), before.1, "it lies there once");
}

#[test]
fn who_brought_it_gives_it_up_and_nobody_else() {
    let mut service = Service::new();
    let what = drain(&service, 1, &BOTH);
    assert_eq!(service.abort(&what), Err("UNKNOWN_PROPOSAL"));
    assert_eq!(service.approve(&what), Err("UNKNOWN_PROPOSAL"));
    service.propose(&what).unwrap();
    let by = |id| Abort { by: operator(id), id: what.id() };
    for other in ["fred", "gina", "erin"] {
        assert_eq!(service.decide(&by(other)), Err("PROPOSAL_OF_ANOTHER"));
    }
    // A registrar of the same name is somebody else.
    let registrar = Abort { by: registrar("dave"), id: what.id() };
    assert_eq!(service.decide(&registrar), Err("NOT_PERMITTED"));
    service.now = NOW + 7;
    service.decide(&by("dave")).unwrap();
    let end = service.kept(&what).unwrap().end;
    let (by, at) = ("operator/dave".to_owned(), NOW + 7);
    assert_eq!(end, Some(End { committed: false, by, at, came_to: None }));
    service.now = NOW + DAY;
    let late = drain(&service, 2, &BOTH);
    service.now = NOW;
    service.propose(&late).unwrap();
    service.now = NOW + DAY;
    assert_eq!(service.abort(&late), Err("PROPOSAL_EXPIRED"));
}

#[test]
fn of_an_act_it_is_kept_what_came_of_it_and_of_a_statement_that_it_was_published() {
    let mut service = Service::new();
    let (act, statement) = (drain(&service, 1, &BOTH), service.statement(&["alice", "bob"]));
    let says = |what: &Proposed| CameTo { id: what.id(), says: "stopped".to_owned() };
    service.decide(&says(&act)).unwrap();
    assert!(service.store.is_empty(), "it was never proposed");
    service.propose(&act).unwrap();
    service.propose(&statement).unwrap();
    service.decide(&says(&act)).unwrap();
    assert_eq!(service.kept(&act).unwrap().end, None, "nothing came of it yet");
    service.now = NOW + 3;
    service.carry_out(act.clone()).unwrap();
    service.carry_out(statement.clone()).unwrap();
    let end = |by: &str, came_to: Option<&str>| {
        let (by, came_to) = (by.to_owned(), came_to.map(ToOwned::to_owned));
        Some(End { committed: true, by, at: NOW + 3, came_to })
    };
    assert_eq!(service.kept(&act).unwrap().end, end("operator/gina", Some("")));
    assert_eq!(service.kept(&statement).unwrap().end, end("registrar/bob", None));
    service.decide(&says(&act)).unwrap();
    assert_eq!(service.kept(&act).unwrap().end, end("operator/gina", Some("stopped")));
    assert_eq!(service.directory.charter().newest.version, 2);
}

#[test]
fn an_act_is_used_by_a_clock_that_is_believed_or_if_it_can_be_taken_back() {
    for (act, found) in [(Act::Drain, Ok(())), (Act::RenewNode, Err("CLOCK_IN_DOUBT"))] {
        let mut service = Service::new();
        let what = service.act(&act, (1, NOW + DAY), &BOTH);
        service.propose(&what).unwrap();
        service.clock = Clock::InDoubt;
        assert_eq!(service.carry_out(what.clone()), found, "{act}");
        service.clock = Clock::Unsettled;
        assert_eq!(service.carry_out(what).is_ok(), found.is_err(), "once");
    }
}

#[test]
fn what_was_proposed_in_the_second_of_a_restore_does_not_count_and_a_second_later_it_does() {
    for (proposed, found) in [(NOW, Err("PROPOSAL_BEFORE_RESTORE")), (NOW + 1, Ok(()))] {
        let mut service = Service::new();
        service.now = proposed;
        let what = service.act(&Act::Drain, (1, NOW + WEEK), &BOTH);
        service.propose(&what).unwrap();
        let desk = Desk { since: NOW, ..service.desk() };
        service.store.insert(Key::Desk, Value::Desk(desk));
        service.now = NOW + 2;
        assert_eq!(service.carry_out(what), found);
    }
}

/// What was handed in with it is not needed any more.
#[test]
fn what_has_ended_keeps_no_facets() {
    let mut service = Service::new();
    let what = drain(&service, 1, &BOTH);
    service.propose(&what).unwrap();
    let facet = OpenFacet {
        subject: "fr/cert".to_owned(),
        name: "telephone".to_owned(),
        salt: [1; 32],
        bytes: b"bytes".to_vec().into(),
    };
    let kept = Kept { facets: vec![facet], ..service.kept(&what).unwrap() };
    service.store.insert(Key::Proposal(what.id()), Value::Proposal(Box::new(kept)));
    service.abort(&what).unwrap();
    assert_eq!(service.kept(&what).unwrap().facets, []);
}

/// What waits makes room when somebody deals with it; what has ended, when the first of it expires.
#[test]
fn who_finds_no_room_hears_when_there_is_some() {
    for (open, limit, until) in [(true, 16, None), (false, 256, Some(NOW + 3))] {
        let mut service = Service::new();
        let lying = (0..limit).map(|number: u32| Lying {
            id: Digest::of(&number.to_be_bytes()),
            expires: NOW + 3 + u64::from((number + 7) % limit),
            open,
            by: "operator/dave".to_owned(),
        });
        let desk = Desk { lying: lying.collect(), since: 0 };
        service.store.insert(Key::Desk, Value::Desk(desk));
        let what = drain(&service, 1, &BOTH);
        let found = service.judge(&Propose { by: operator("dave"), what });
        assert_eq!(found, Err(Refusal::TooManyProposals { limit: limit.into(), until }));
    }
}

/// A desk with so many that are over, and as many that are not.
fn laden(count: u32) -> Service {
    let mut service = Service::new();
    let lying = (0..2 * count).map(|number| Lying {
        id: Digest::of(&number.to_be_bytes()),
        expires: NOW + u64::from(number % 2),
        open: false,
        by: "operator/fred".to_owned(),
    });
    let desk = Desk { lying: lying.collect(), since: 5 };
    service.store.insert(Key::Desk, Value::Desk(desk));
    service
}

#[test]
fn what_is_over_goes_so_many_at_once_and_what_is_not_stays() {
    for (over, left) in [(0, 0), (1, 0), (256, 0), (257, 1), (600, 344)] {
        let mut service = laden(over);
        let ids: Vec<Digest> = service.desk().lying.iter().map(|lying| lying.id).collect();
        service.decide(&Forget).unwrap();
        let desk = service.desk();
        assert_eq!(desk.since, 5);
        let is_over = |lying: &&Lying| lying.expires <= NOW;
        assert_eq!(desk.lying.iter().filter(is_over).count(), left, "{over}");
        assert_eq!(desk.lying.len(), left + over as usize);
        let stays = desk.lying.iter().map(|lying| lying.id).collect::<Vec<_>>();
        let in_order = ids.into_iter().filter(|id| stays.contains(id));
        assert!(in_order.eq(stays.iter().copied()), "in the order in which they came");
    }
    let mut doubted = laden(3);
    doubted.clock = Clock::InDoubt;
    doubted.decide(&Forget).unwrap();
    assert_eq!(doubted.desk().lying.len(), 6);
    doubted.clock = Clock::Unsettled;
    doubted.decide(&Forget).unwrap();
    assert_eq!(doubted.desk().lying.len(), 3);
}

fn records(service: &Service) -> usize {
    service.store.keys().filter(|key| matches!(key, Key::Record(_))).count()
}

#[test]
fn a_call_that_is_spared_has_a_record_if_it_changes_something() {
    let call = || Call::of_service("test", String::new());
    for is_spared in [true, false] {
        let mut service = Service::new();
        let asked: Told<()> = service.decide(&Audited::new(call(), Asked, is_spared)).unwrap();
        assert_eq!((asked.is_recorded, records(&service)), (!is_spared, usize::from(!is_spared)));
        let refused = Refused(Refusal::StoreDamaged);
        let refused = service.decide(&Audited::new(call(), refused, is_spared)).unwrap();
        assert_eq!(refused.reply, Err(Refusal::StoreDamaged));
        assert_eq!(refused.is_recorded, !is_spared);
        let before = records(&service);
        let what = drain(&service, 1, &BOTH);
        let propose = Propose { by: operator("dave"), what };
        let proposed = service.decide(&Audited::new(call(), propose, is_spared)).unwrap();
        assert!(proposed.is_recorded && proposed.reply.is_ok());
        assert_eq!(records(&service), before + 1);
        assert_eq!(service.desk().lying.len(), 1, "and it is done");
    }
}

#[test]
fn records_are_numbered_and_chained_in_the_commit_of_what_they_record() {
    let mut service = Service::new();
    let mut trail = crate::domain::administration::audit::Trail::empty(service.directory.genesis());
    for number in 1..=3_u64 {
        service.now = NOW + number;
        let call = Call::of_service("test", number.to_string());
        service.decide(&Audited::new(call, Asked, false)).unwrap().reply.unwrap();
        let Some(Value::Record(record)) = service.store.get(&Key::Record(number)) else { panic!() };
        let (after, read) = trail.follow(record).unwrap();
        assert_eq!((read.number, read.at, read.says), (number, NOW + number, number.to_string()));
        assert_eq!(service.store.get(&Key::Trail), Some(&Value::Trail(after)));
        trail = after;
    }
}
