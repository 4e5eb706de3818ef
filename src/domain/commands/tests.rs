//! Proposals and the desk by their rules alone: what counts, what may lie there, and until when.

mod accounts;
mod acknowledge;
mod anew;
mod desk;
mod expire;
mod publish;
mod submit;

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;

use super::audited::{Asked, Audited, Refused};
use super::desk::{Abort, Approve, CommitAct, CommitStatement, Propose, WentBack};
use crate::crypto::hash::Digest;
use crate::domain::administration::audit::Call;
use crate::domain::administration::desk::{Desk, Kept, Lying, Proposed, Unsigned};
use crate::domain::administration::proposal::{Act, Approved, needed};
use crate::domain::command::{Clock, Command, World};
use crate::domain::directory::{Directory, found, verify_founding};
use crate::domain::limits;
use crate::domain::network::Network;
use crate::domain::peer::AuthenticPeer;
use crate::domain::refusal::{Fault, Refusal};
use crate::domain::relay::share::Grants;
use crate::domain::role::Role;
use crate::domain::state::{Key, Snapshot, Value};
use crate::domain::view::View;
use crate::signed::canonical::LARGEST;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, AuditRecord, Dsse};
use crate::tlog::merkle::Tree;
use crate::world::clock::{DAY, NOW};
use crate::world::keys::key;
use crate::world::statements::{NAME, Says as _, founding, person, sign as signed};

const WEEK: u64 = limits::PROPOSAL_SECONDS;

fn charter(version: u64, genesis: &[u8], operators: &[&str]) -> proto::Charter {
    let genesis = Bytes::copy_from_slice(genesis);
    let charter = proto::Charter {
        targets: vec![proto::Target { name: NAME.to_owned(), genesis, version }],
        operators: operators.iter().map(|id| person(id)).collect(),
        ..founding(vec![person("alice"), person("bob")], 2)
    };
    charter.proven()
}

fn registrar(id: &str) -> AuthenticPeer {
    peer(Role::Registrar(id.parse().unwrap()))
}

fn operator(id: &str) -> AuthenticPeer {
    peer(Role::Operator(id.parse().unwrap()))
}

fn peer(role: Role) -> AuthenticPeer {
    AuthenticPeer::of(role, Network::of(std::net::Ipv4Addr::LOCALHOST.into()))
}

/// A directory in which two registrars decide, and two of three operators; and a store.
struct Service {
    directory: Directory,
    store: BTreeMap<Key, Value>,
    now: u64,
    clock: Clock,
}

impl Service {
    fn new() -> Self {
        Self::of(&["dave", "fred", "gina"])
    }

    fn of(operators: &[&str]) -> Self {
        let name = NAME.parse().unwrap();
        let statement = charter(1, &[], operators).encode_to_vec();
        let statement = signed(Kind::Charter, statement, &["alice", "bob"]);
        let (directory, _) =
            found(&name, &verify_founding(&name, &statement).unwrap(), NOW).unwrap();
        Self { directory, store: BTreeMap::new(), now: NOW, clock: Clock::Settled }
    }

    /// What is decided is stored; or the reason of the refusal.
    fn decide<C: Command>(&mut self, command: &C) -> Result<C::Reply, &'static str> {
        self.judge(command).map_err(|refusal| refusal.code())
    }

    fn judge<C: Command>(&mut self, command: &C) -> Result<C::Reply, Refusal> {
        let (named, mut seen) = (command.keys(), Snapshot::default());
        for key in &named {
            seen.insert(key.clone(), self.store.get(key).cloned());
        }
        let log = Tree::default();
        let world = World {
            directory: &self.directory,
            log: &log,
            seen: seen.named(&named),
            head: View { size: 1, root: Digest::of(b"root") },
            grants: Grants::default(),
            now: self.now,
            clock: self.clock,
        };
        let decision = command.decide(&world)?;
        self.store.extend(decision.puts);
        decision.deletes.iter().for_each(|key| drop(self.store.remove(key)));
        decision.log.iter().for_each(|admission| self.directory.advance(&admission.parts));
        Ok(decision.reply)
    }

    fn proposal(&self, act: &Act, (nonce, expires): (u8, u64)) -> proto::Proposal {
        let genesis = Bytes::copy_from_slice(self.directory.genesis().as_bytes());
        proto::Proposal {
            directory: Some(proto::Directory { name: NAME.to_owned(), genesis }),
            nonce: vec![nonce; 32].into(),
            base: 1,
            expires,
            action: act.name().to_owned(),
            parameters: act.parameters(),
        }
    }

    /// An act with a nonce, until then, signed by these operators.
    fn act(&self, act: &Act, at: (u8, u64), by: &[&str]) -> Proposed {
        self.read(&signed(Kind::Approval, self.proposal(act, at).encode_to_vec(), by))
    }

    /// Another charter of version 2, signed by these registrars: each has operators of its own.
    fn charter(&self, operators: &[&str], by: &[&str]) -> Proposed {
        let genesis = self.directory.genesis();
        let next = proto::Charter {
            previous: Bytes::copy_from_slice(genesis.as_bytes()),
            ..charter(2, genesis.as_bytes(), operators)
        };
        self.read(&signed(Kind::Charter, next.encode_to_vec(), by))
    }

    fn statement(&self, by: &[&str]) -> Proposed {
        self.charter(&BOTH, by)
    }

    fn read(&self, bytes: &[u8]) -> Proposed {
        let read = Unsigned::read(&self.directory, bytes).unwrap();
        read.verify(&self.directory, Vec::new()).unwrap()
    }

    fn propose(&mut self, what: &Proposed) -> Result<(), &'static str> {
        let by = match what {
            Proposed::Act(_) => operator("dave"),
            Proposed::Statement(..) => registrar("alice"),
        };
        self.decide(&Propose { by, what: what.clone() })
    }

    fn approve(&mut self, what: &Proposed) -> Result<(), &'static str> {
        let by = match what {
            Proposed::Act(_) => operator("fred"),
            Proposed::Statement(..) => registrar("bob"),
        };
        self.decide(&Approve { by, what: what.clone() })
    }

    fn abort(&mut self, what: &Proposed) -> Result<(), &'static str> {
        let by = match what {
            Proposed::Act(_) => operator("dave"),
            Proposed::Statement(..) => registrar("alice"),
        };
        self.decide(&Abort { by, id: what.id() })
    }

    fn carry_out(&mut self, what: Proposed) -> Result<(), &'static str> {
        match what {
            Proposed::Act(act) => self.decide(&CommitAct { by: operator("gina"), act }).map(drop),
            Proposed::Statement(statement, facets) => {
                let by = registrar("bob");
                self.decide(&CommitStatement::new(by, *statement, facets)).map(drop)
            }
        }
    }

    fn desk(&self) -> Desk {
        let Some(Value::Desk(desk)) = self.store.get(&Key::Desk) else { return Desk::default() };
        desk.clone()
    }

    fn kept(&self, what: &Proposed) -> Option<Kept> {
        let Some(Value::Proposal(kept)) = self.store.get(&Key::Proposal(what.id())) else {
            return None;
        };
        Some((**kept).clone())
    }
}

const BOTH: [&str; 2] = ["dave", "fred"];

#[test]
fn an_approval_is_of_an_operator_who_stands_in_one_form() {
    let service = Service::new();
    let proposal = service.proposal(&Act::Drain, (1, NOW + DAY));
    let payload = || proposal.encode_to_vec();
    let by = |names: &[&str]| signed(Kind::Approval, payload(), names);
    let changed = |change: fn(&mut Dsse)| {
        let mut dsse = Dsse::decode(by(&BOTH)).unwrap();
        change(&mut dsse);
        dsse.encode_to_vec().into()
    };
    let more = [&payload()[..], &[0x38, 0x01]].concat();
    for (bytes, reason) in [
        (by(&[]), "as it should be"),
        (by(&BOTH), "as it should be"),
        (changed(|dsse| dsse.signatures.reverse()), "SIGNATURES_UNSORTED"),
        (changed(|dsse| dsse.signatures[1] = dsse.signatures[0].clone()), "DUPLICATE_SIGNATURE"),
        (changed(|dsse| dsse.signatures[1].sig = vec![7; 64].into()), "BAD_SIGNATURE"),
        (by(&["dave", "nobody"]), "UNKNOWN_KEY"),
        (by(&["alice", "dave"]), "WRONG_PURPOSE"),
        (by(&["dave", "dave tls"]), "WRONG_PURPOSE"),
        (by(&["dave", "relay"]), "WRONG_PURPOSE"),
        (signed(Kind::Approval, more, &BOTH), "NOT_CANONICAL"),
        (signed(Kind::AuditHead, payload(), &BOTH), "UNKNOWN_KIND"),
    ] {
        let read = Approved::verify(&service.directory, &bytes);
        let found = read.as_ref().map_or_else(Refusal::code, |_| "as it should be");
        assert_eq!(found, reason, "{read:?}");
    }
}

#[test]
fn an_act_needs_two_operators_or_the_only_one() {
    for (operators, expected) in [(&["dave"][..], 1), (&BOTH, 2), (&["dave", "fred", "gina"], 2)] {
        let service = Service::of(operators);
        assert_eq!(needed(&service.directory), expected);
        for found in 0..=operators.len() {
            let what = service.act(&Act::Drain, (1, NOW + DAY), &operators[..found]);
            let Proposed::Act(act) = what else { panic!("an act") };
            let enough = act.is_approved(&service.directory).is_ok();
            assert_eq!(enough, found >= expected as usize, "{found} of {operators:?}");
        }
    }
}

#[test]
fn nobody_signs_what_something_else_has_overtaken() {
    let mut service = Service::new();
    let act = |service: &Service, by| service.act(&Act::Drain, (1, NOW + DAY), by);
    service.propose(&act(&service, &["dave"])).unwrap();
    let [first, second] = [&BOTH[..], &["dave"]].map(|of| service.charter(of, &["alice", "bob"]));
    service.propose(&first).unwrap();
    service.propose(&second).unwrap();
    service.carry_out(first).unwrap();
    assert_eq!(service.approve(&act(&service, &["fred"])), Err("BASE_MOVED"));
    assert_eq!(service.propose(&act(&service, &["fred"])), Err("BASE_MOVED"));
    assert_eq!(service.carry_out(act(&service, &["dave"])), Err("BASE_MOVED"));
    assert_eq!(service.approve(&second), Err("WRONG_VERSION"));
    assert_eq!(service.carry_out(second), Err("WRONG_VERSION"));
}

#[test]
fn what_was_used_or_given_up_is_never_carried_out_again() {
    let mut service = Service::new();
    let used = service.act(&Act::Drain, (1, NOW + DAY), &BOTH);
    let given_up = service.act(&Act::Drain, (2, NOW + DAY), &BOTH);
    let statement = service.statement(&["alice", "bob"]);
    for what in [&used, &given_up, &statement] {
        assert_eq!(service.carry_out(what.clone()), Err("UNKNOWN_PROPOSAL"));
        service.propose(what).unwrap();
    }
    service.carry_out(used.clone()).unwrap();
    service.abort(&given_up).unwrap();
    service.abort(&statement).unwrap();
    for (what, committed) in [(&used, true), (&given_up, false), (&statement, false)] {
        assert_eq!(service.kept(what).unwrap().end.unwrap().committed, committed);
        assert_eq!(service.carry_out(what.clone()), Err("PROPOSAL_ENDED"));
        assert_eq!(service.propose(what), Err("PROPOSAL_ENDED"));
        assert_eq!(service.approve(what), Err("PROPOSAL_ENDED"));
        assert_eq!(service.abort(what), Err("PROPOSAL_ENDED"));
    }
    assert!(service.desk().lying.iter().all(|lying| !lying.open), "nothing waits");
}

#[test]
fn an_act_counts_up_to_the_second_before_it_expires() {
    let mut service = Service::new();
    for (expires, found) in [
        (NOW, Err("PROPOSAL_EXPIRED")),
        (NOW + 1, Ok(())),
        (NOW + WEEK, Ok(())),
        (NOW + WEEK + 1, Err("PROPOSAL_TOO_LONG")),
    ] {
        let what = service.act(&Act::Drain, (1, expires), &BOTH);
        assert_eq!(service.propose(&what), found, "{expires}");
    }
    let [one, late] = [2, 3].map(|nonce| service.act(&Act::Drain, (nonce, NOW + 9), &BOTH));
    service.propose(&one).unwrap();
    service.propose(&late).unwrap();
    service.now = NOW + 8;
    service.carry_out(one).unwrap();
    service.now = NOW + 9;
    assert_eq!(service.approve(&late), Err("PROPOSAL_EXPIRED"));
    assert_eq!(service.propose(&late), Err("PROPOSAL_EXPIRED"));
    assert_eq!(service.carry_out(late), Err("PROPOSAL_EXPIRED"));
}

#[test]
fn a_key_signs_once_and_the_signatures_stand_in_order() {
    for (first, second) in [("dave", "fred"), ("fred", "dave"), ("gina", "dave")] {
        let mut service = Service::new();
        let by =
            |service: &Service, names: &[&str]| service.act(&Act::RenewNode, (1, NOW + DAY), names);
        service.propose(&by(&service, &[first])).unwrap();
        service.approve(&by(&service, &[first])).unwrap();
        service.propose(&by(&service, &[first])).unwrap();
        let kept = service.kept(&by(&service, &[])).unwrap().envelope;
        assert_eq!(Envelope::parse(&kept, limits::PROPOSAL_BYTES).unwrap().signatures().len(), 1);
        assert_eq!(service.carry_out(service.read(&kept)), Err("BELOW_THRESHOLD"));
        service.approve(&by(&service, &[first, second])).unwrap();
        let kept = service.kept(&by(&service, &[])).unwrap().envelope;
        let read = service.read(&kept);
        assert_eq!(read.envelope().signatures().len(), 2);
        service.carry_out(read).unwrap();
    }
}

#[test]
fn an_approval_that_is_not_kept_does_not_count() {
    let mut service = Service::new();
    service.propose(&service.act(&Act::Drain, (1, NOW + DAY), &["dave"])).unwrap();
    let both = service.act(&Act::Drain, (1, NOW + DAY), &BOTH);
    assert_eq!(service.carry_out(both), Err("INTERNAL"));
}

#[test]
fn a_proposal_has_no_more_bytes_than_it_may() {
    let mut service = Service::new();
    let signed = |service: &Service, sessions: u64, by: &[&str]| {
        let sessions = (LARGEST - sessions..LARGEST).collect();
        service.act(&Act::DropSessions(sessions), (1, NOW + DAY), by)
    };
    let bytes = |what: &Proposed| what.envelope().bytes().len();
    // A number takes eight bytes, a signature a hundred.
    let room = limits::PROPOSAL_BYTES - bytes(&signed(&service, 1, &["dave"]));
    let many = room as u64 / 8;
    service.propose(&signed(&service, many, &["dave"])).unwrap();
    assert_eq!(service.approve(&signed(&service, many, &["fred"])), Err("TOO_LARGE"));
}

#[test]
fn of_acts_operators_decide_and_of_statements_registrars() {
    let mut service = Service::new();
    let act = service.act(&Act::Drain, (1, NOW + DAY), &BOTH);
    let statement = service.statement(&["alice", "bob"]);
    for (what, other) in [(act, registrar("alice")), (statement, operator("dave"))] {
        let by = || other.clone();
        let refused = Err("NOT_PERMITTED");
        assert_eq!(service.decide(&Propose { by: by(), what: what.clone() }), refused);
        service.propose(&what).unwrap();
        assert_eq!(service.decide(&Propose { by: by(), what: what.clone() }), refused);
        assert_eq!(service.decide(&Approve { by: by(), what: what.clone() }), refused);
        assert_eq!(service.decide(&Abort { by: by(), id: what.id() }), refused);
    }
}

#[test]
fn no_act_counts_that_may_have_been_made_before_the_store_went_back() {
    let mut service = Service::new();
    let act = service.act(&Act::Drain, (1, NOW + WEEK), &BOTH);
    let statement = service.statement(&["alice", "bob"]);
    service.propose(&act).unwrap();
    service.propose(&statement).unwrap();
    // In the very second.
    service.decide(&WentBack(Asked)).unwrap();
    assert_eq!(service.desk().since, NOW);
    assert_eq!(service.approve(&act), Err("PROPOSAL_BEFORE_RESTORE"));
    assert_eq!(service.carry_out(act.clone()), Err("PROPOSAL_BEFORE_RESTORE"));
    // It can be given up.
    service.abort(&act).unwrap();
    service.now = NOW + 1;
    let earlier = service.act(&Act::Drain, (2, NOW + WEEK - 1), &BOTH);
    assert_eq!(service.propose(&earlier), Err("PROPOSAL_BEFORE_RESTORE"));
    let later = service.act(&Act::Drain, (3, NOW + WEEK), &BOTH);
    service.propose(&later).unwrap();
    service.carry_out(later).unwrap();
    // A statement is judged by its version.
    service.carry_out(statement).unwrap();
}

#[test]
fn what_is_over_is_forgotten_by_a_clock_that_is_believed() {
    let mut service = Service::new();
    let over = [1, 2].map(|nonce| service.act(&Act::Drain, (nonce, NOW + 9), &BOTH));
    over.iter().for_each(|what| service.propose(what).unwrap());
    service.now = NOW + 9;
    service.clock = Clock::InDoubt;
    service.propose(&service.act(&Act::Drain, (3, NOW + DAY), &BOTH)).unwrap();
    assert_eq!(service.desk().lying.len(), 3);
    assert!(over.iter().all(|what| service.kept(what).is_some()));
    service.clock = Clock::Settled;
    service.propose(&service.act(&Act::Drain, (4, NOW + DAY), &BOTH)).unwrap();
    assert_eq!(service.desk().lying.len(), 2);
    assert!(over.iter().all(|what| service.kept(what).is_none()));
}

#[test]
fn a_statement_that_is_over_is_proposed_anew() {
    for ends in [Service::abort, |_: &mut Service, _: &Proposed| Ok(())] {
        let mut service = Service::new();
        let statement = service.statement(&["alice", "bob"]);
        let other = service.act(&Act::Drain, (1, NOW + DAY), &BOTH);
        service.propose(&statement).unwrap();
        service.propose(&other).unwrap();
        ends(&mut service, &statement).unwrap();
        service.now = NOW + WEEK;
        assert!(service.approve(&statement).is_err());
        service.propose(&statement).unwrap();
        assert_eq!(service.desk().lying.len(), 1, "what is over beside it is forgotten");
        assert!(service.kept(&other).is_none());
        assert_eq!(service.propose(&other), Err("PROPOSAL_EXPIRED"));
        service.carry_out(statement).unwrap();
    }
}

#[test]
fn by_a_clock_in_doubt_only_what_can_be_taken_back_is_proposed() {
    let mut service = Service::new();
    service.clock = Clock::InDoubt;
    let retire = Act::RetireKey(key("log").public().id());
    for (act, found) in [
        (Act::Drain, Ok(())),
        (Act::DropSessions(vec![1]), Ok(())),
        (Act::RenewNode, Err("CLOCK_IN_DOUBT")),
        (retire, Err("CLOCK_IN_DOUBT")),
    ] {
        let what = service.act(&act, (1, NOW + DAY), &BOTH);
        assert_eq!(service.propose(&what), found, "{act}");
    }
}

#[test]
fn nobody_fills_the_desk_for_the_others() {
    let (waits, ended) = (true, false);
    let (own, fred) = ("operator/dave", "operator/fred");
    let full = Err("TOO_MANY_PROPOSALS");
    for (found, expected) in [
        (vec![(15, own, waits, NOW + 1)], Ok(())),
        (vec![(16, own, waits, NOW + 1)], full),
        (vec![(16, own, waits, NOW)], Ok(())),
        (vec![(16, own, ended, NOW + 1)], Ok(())),
        (vec![(16, fred, waits, NOW + 1)], Ok(())),
        (vec![(255, own, ended, NOW + 1)], Ok(())),
        (vec![(256, own, ended, NOW + 1)], full),
        (vec![(241, own, ended, NOW + 1), (15, own, waits, NOW + 1)], full),
        (vec![(256, own, ended, NOW)], Ok(())),
        (vec![(256, fred, ended, NOW + 1)], Ok(())),
        (vec![(63, fred, waits, NOW + 1)], Ok(())),
        (vec![(64, fred, waits, NOW + 1)], full),
        (vec![(64, fred, waits, NOW)], Ok(())),
        (vec![(1_679, fred, ended, NOW + 1)], Ok(())),
        (vec![(1_680, fred, ended, NOW + 1)], full),
        (vec![(1_680, fred, ended, NOW)], Ok(())),
    ] {
        let mut service = Service::new();
        let lying = found.iter().flat_map(|(count, by, open, expires)| {
            (0..*count).map(|number: u32| Lying {
                id: Digest::of(&number.to_be_bytes()),
                expires: *expires,
                open: *open,
                by: (*by).to_owned(),
            })
        });
        let desk = Desk { lying: lying.collect(), since: 0 };
        service.store.insert(Key::Desk, Value::Desk(desk));
        let what = service.act(&Act::Drain, (1, NOW + DAY), &BOTH);
        assert_eq!(service.propose(&what), expected, "{found:?}");
    }
}

#[test]
fn what_is_done_or_refused_has_a_record_and_a_fault_of_the_service_has_none() {
    let mut service = Service::new();
    let call =
        |says: &str| Call { unrecorded: 3, ..Call::of_service("test", String::new()) }.saying(says);
    let fault = Audited::new(call(""), Refused(Refusal::Internal(Fault::PastTheDoor)), false);
    assert_eq!(service.decide(&fault).map(drop), Err("INTERNAL"));
    assert!(service.store.is_empty());
    let asked = Audited::new(call(&"\u{e9}".repeat(300)), Asked, false);
    service.decide(&asked).unwrap().reply.unwrap();
    let refused = Audited::new(call(""), Refused(Refusal::StoreDamaged), false);
    assert_eq!(service.decide(&refused).unwrap().reply, Err(Refusal::StoreDamaged));
    for (number, outcome, says) in [(1, "ok", 400), (2, "STORE_DAMAGED", 0)] {
        let Some(Value::Record(record)) = service.store.get(&Key::Record(number)) else {
            panic!("no record {number}");
        };
        let record = AuditRecord::decode(record.clone()).unwrap();
        let found = (&record.outcome[..], record.says.len(), record.unrecorded);
        assert_eq!(found, (outcome, says, 3), "{number}");
    }
    let Some(Value::Trail(trail)) = service.store.get(&Key::Trail) else { panic!("no trail") };
    assert_eq!(trail.count, 2);
}
