//! Who may do what at the desk, what a proposal shows, and what is refused before the service is asked.

use bytes::Bytes;
use prost::Message as _;

use crate::client::administration::{Proposed, What as Read, draft};
use crate::client::armour::{self, Kind};
use crate::client::draft::{Bundle, Composed, Composer};
use crate::client::keys::read_person;
use crate::client::mend::Draft as Next;
use crate::client::reason::Rule;
use crate::crypto::sign::{KeyId, SigningKey};
use crate::domain::administration::proposal::Act;
use crate::domain::directory::Directory;
use crate::domain::directory::possession::prove;
use crate::domain::refusal::{Deciders, Refusal};
use crate::office::tests::homes::Kept;
use crate::signed::dsse::{self, Envelope};
use crate::signed::proto;
use crate::wire::v1::carry_out_response::Done;
use crate::wire::v1::{self, ProposalState};
use crate::world::relay::{FR, Net, contact, seat, sign_key};
use crate::world::testlog::ambient_at;

use super::decide::{Came, Turn, came, decided_by, may_abort, may_approve, may_carry_out};
use super::propose::{Destination, DraftedAct, DraftedStatement};
use super::seen::{Proposal, Said, State, What, one};
use super::service::{Connection, Keys, Port, Staged, Use};
use super::*;
use crate::office::passed::{newest, passed};

fn operator(id: &str) -> Owner {
    Owner::Operator(id.parse().unwrap())
}

fn registrar(id: &str) -> Owner {
    Owner::Registrar(id.parse().unwrap())
}

/// A home with the keys of these operators, whom the charter names.
fn operated_by(ids: &[&str]) -> (Kept, Net) {
    let mut net = Net::new();
    let kept = Kept::new(&net);
    let person = |id: &&str| {
        kept.owns(&operator(id));
        let (keys, ambient) = (kept.office.home.keys(), kept.office.ambient());
        let file = keys.person(&operator(id), "Somebody", ambient).unwrap();
        read_person(Role::Operator, &file).unwrap()
    };
    let people: Vec<proto::Person> = ids.iter().map(person).collect();
    net.next_charter(|charter| charter.operators = people);
    net.copy(&kept.office.home);
    (kept, net)
}

/// As the service shows it.
fn shown(net: &Net, publication: v1::Publication, state: ProposalState) -> Proposed {
    let read = Envelope::parse(&publication.statement, usize::MAX).unwrap();
    let said = v1::Proposal {
        id: Bytes::copy_from_slice(read.digest().as_bytes()),
        publication: Some(publication),
        by: "operator/olga".to_owned(),
        at: 10,
        expires: 20,
        state: state.into(),
        ended_by: "operator/omar".to_owned(),
        ended_at: 15,
        needed: 2,
        came_to: "done".to_owned(),
    };
    Proposed::read(&net.directory, said).unwrap()
}

fn of_act(net: &Net, act: &Act, state: ProposalState) -> Proposed {
    let statement = draft(&net.directory, act, &net.ambient).bytes().clone();
    shown(net, v1::Publication { statement, facets: Vec::new() }, state)
}

fn of_statement(net: &Net, one: Composed, state: ProposalState) -> Proposed {
    shown(net, Bundle::of(vec![one]).to_wire().publications.remove(0), state)
}

fn admission(member: &str) -> proto::Admission {
    proto::Admission {
        member: member.to_owned(),
        kind: proto::MemberKind::UnMember.into(),
        names: vec![proto::Text { language: "en".to_owned(), text: member.to_owned() }],
        ..proto::Admission::default()
    }
}

fn admitting(net: &Net, member: &str) -> Composed {
    Composer::on(&net.directory, &net.ambient).admission(admission(member)).unwrap()
}

fn attested(id: &str) -> proto::AttestedRecord {
    proto::AttestedRecord {
        contact: id.to_owned(),
        expires: 2_000_000_000,
        ..proto::AttestedRecord::default()
    }
}

/// The charter in force, again.
fn again(directory: &Directory) -> proto::Charter {
    proto::Charter::decode(directory.charter().payload.clone()).unwrap()
}

fn told<T>(result: Result<T, ClientError>) -> (String, Family) {
    let Err(why) = result else { panic!("it is refused") };
    (why.reason.to_string(), why.family)
}

// Who.

#[test]
fn the_one_named_does_it_if_his_role_may() {
    let (kept, _) = operated_by(&["olga", "omar"]);
    let way = Way { named: Some(operator("omar")), address: None };
    assert_eq!(kept.office.person(&way, &[Role::Operator]).unwrap(), operator("omar"));
    let may = [Role::Registrar, Role::Operator];
    assert_eq!(kept.office.person(&way, &may).unwrap(), operator("omar"));
    let why = kept.office.person(&way, &[Role::Registrar, Role::Auditor]).unwrap_err();
    assert_eq!((&why.reason, why.family), (&Here::Usage.into(), Family::Usage));
    assert_eq!(
        why.sentence,
        "this is done as registrar or auditor, and the operator omar was named"
    );
}

#[test]
fn the_only_one_of_the_first_role_that_is_here_does_it() {
    let (kept, way) = (Kept::new(&Net::new()), Way::default());
    let may = [Role::Operator, Role::Registrar];
    kept.owns(&Owner::Seat(seat(FR)));
    let none = kept.office.person(&way, &may).unwrap_err();
    assert_eq!((&none.reason, none.family), (&Here::NoPerson.into(), Family::IdentityOrKey));
    assert_eq!(none.mend.as_deref(), Some(&Mend::NameHome));
    kept.owns(&registrar("rosa"));
    assert_eq!(kept.office.person(&way, &may).unwrap(), registrar("rosa"));
    assert!(kept.office.person(&way, &[Role::Operator, Role::Auditor]).is_err());
    kept.owns(&operator("olga"));
    assert_eq!(kept.office.person(&way, &may).unwrap(), operator("olga"));
    kept.owns(&Owner::Auditor("anna".parse().unwrap()));
    assert_eq!(
        kept.office.person(&way, &[Role::Auditor]).unwrap(),
        Owner::Auditor("anna".parse().unwrap())
    );
    kept.owns(&operator("omar"));
    let several = kept.office.person(&way, &may).unwrap_err();
    assert_eq!((&several.reason, several.family), (&Here::SeveralPeople.into(), Family::Usage));
    assert_eq!(several.mend.as_deref(), Some(&Mend::NamePerson(Role::Operator)));
    assert!(several.sentence.contains("the operator olga, the operator omar"), "{several}");
}

// What is seen.

#[test]
fn a_proposal_is_named_by_four_digits_or_more_that_are_no_other_ones() {
    let proposed = |id: &[u8]| {
        let said = v1::Proposal { id: Bytes::copy_from_slice(id), ..v1::Proposal::default() };
        let envelope = Envelope::assemble(dsse::Kind::Approval, Vec::new().into(), Vec::new());
        Proposed { said, what: Read::Act(Act::Drain, Box::default(), Box::new(envelope)) }
    };
    let desk = [[0xab, 0xcd, 1], [0xab, 0xcd, 2], [0xab, 0xce, 3]];
    for (id, found) in [
        ("abce", Ok("abce03")),
        ("ABCD02", Ok("abcd02")),
        ("abcd", Err(Family::Usage)),
        ("abc", Err(Family::NotFound)),
        ("abcf", Err(Family::NotFound)),
    ] {
        let one = one(desk.iter().map(|id| proposed(id)).collect(), id);
        let one = one.map(|of| of.id()).map_err(|why| why.family);
        assert_eq!(one, found.map(str::to_owned), "{id}");
    }
}

#[test]
fn an_act_is_shown_with_what_it_rests_on_and_for_whom_it_waits() {
    let (kept, net) = operated_by(&["olga", "omar"]);
    let act = Act::DropSessions(vec![3, 7]);
    let unsigned = draft(&net.directory, &act, &net.ambient);
    let key = kept.office.home.keys().signer(&operator("omar"), &net.ambient).unwrap();
    let signed = unsigned.add_signature(&*key, net.ambient.random()).unwrap();
    let publication = v1::Publication { statement: signed.bytes().clone(), facets: Vec::new() };
    let found = shown(&net, publication, ProposalState::Open);
    let of = Proposal::of(&net.directory, &found);
    let What::Act(action) = &of.what else { panic!("an act") };
    assert_eq!((&action.act, action.base), (&act, net.directory.charter().newest.version));
    assert_eq!(action.directory, "un.example");
    assert_eq!(action.genesis, Some(net.directory.genesis()));
    let Read::Act(_, proposal, _) = &found.what else { panic!("an act") };
    assert_eq!(action.expires, proposal.expires, "what was signed, and not what the service says");
    assert_eq!(of.id, hex::encode(unsigned.digest().as_bytes()));
    assert_eq!((&*of.by, of.at, of.expires), ("operator/olga", 10, 20));
    assert_eq!((&*of.ended_by, of.ended_at, &*of.came_to), ("operator/omar", 15, "done"));
    assert_eq!(of.signed_by, ["omar"]);
    assert_eq!(of.waits_for, [(1, vec!["olga".to_owned()])]);
}

#[test]
fn a_statement_is_shown_by_what_changes_first_and_then_the_whole() {
    let net = Net::new();
    let admitted = of_statement(&net, admitting(&net, "fr"), ProposalState::Open);
    let of = Proposal::of(&net.directory, &admitted);
    let What::Statement(Said { kinds, lines }) = &of.what else { panic!("a statement") };
    assert_eq!(kinds, &["admission"]);
    let at = |text: &str| lines.iter().position(|line| line.text.contains(text));
    // Which admission it changes, before its own version.
    assert!(at("of fr, admitted by entry").unwrap() < at("version 2, for un.example").unwrap());
    assert_eq!((of.signed_by.len(), &of.waits_for), (0, &vec![(1, vec!["alice".to_owned()])]));
}

#[test]
fn what_is_withheld_is_told_from_what_is_whole() {
    let net = Net::new();
    let telephone = crate::client::draft::FacetContent::Telephone(proto::Telephone::default());
    let mut composer = Composer::on(&net.directory, &net.ambient);
    let one = composer.attested_record(attested("ie/cert-ie"), &[telephone]).unwrap();
    let mut publication = Bundle::of(vec![one]).to_wire().publications.remove(0);
    let whole = shown(&net, publication.clone(), ProposalState::Open);
    assert!(matches!(Proposal::of(&net.directory, &whole).what, What::Statement(_)));
    publication.facets.clear();
    let withheld = shown(&net, publication, ProposalState::Open);
    let of = Proposal::of(&net.directory, &withheld);
    let What::Withheld(said) = &of.what else { panic!("withheld") };
    assert_eq!(said.kinds, ["attested-record"]);
    let way = may_approve(&net.directory, &withheld, &registrar("alice"), 0);
    assert_eq!(told(way), ("DETAILS_WITHHELD".to_owned(), Family::Refused));
}

#[test]
fn each_state_of_the_desk_is_one_of_ours() {
    let net = Net::new();
    for (state, ours) in [
        (ProposalState::Open, State::Open),
        (ProposalState::CarriedOut, State::CarriedOut),
        (ProposalState::Aborted, State::Aborted),
        (ProposalState::Expired, State::Expired),
        (ProposalState::Overtaken, State::Overtaken),
        (ProposalState::Unspecified, State::Unknown),
    ] {
        let of = of_act(&net, &Act::Drain, state);
        assert_eq!(Proposal::of(&net.directory, &of).state, ours);
    }
}

// What is decided.

#[test]
fn acts_are_decided_by_operators_and_statements_by_registrars() {
    let net = Net::new();
    let act = of_act(&net, &Act::Drain, ProposalState::Open);
    assert_eq!(decided_by(&act.what), Role::Operator);
    let one = of_statement(&net, admitting(&net, "mt"), ProposalState::Open);
    assert_eq!(decided_by(&one.what), Role::Registrar);
    let Read::Statement(bundle) = one.what else { panic!("a statement") };
    assert_eq!(decided_by(&Read::Withheld(bundle)), Role::Registrar);
}

#[test]
fn what_waits_is_signed_once_by_each() {
    let (kept, net) = operated_by(&["olga", "omar"]);
    let now = net.ambient.now();
    let unsigned = of_act(&net, &Act::Drain, ProposalState::Open);
    let may = |of: &Proposed, who: &Owner, now| may_approve(&net.directory, of, who, now);
    assert_eq!(may(&unsigned, &operator("omar"), now).unwrap(), Turn::Open);
    let key = kept.office.home.keys().signer(&operator("omar"), &net.ambient).unwrap();
    let Read::Act(_, proposal, envelope) = &unsigned.what else { panic!("an act") };
    let signed = envelope.add_signature(&*key, net.ambient.random()).unwrap();
    let publication = v1::Publication { statement: signed.bytes().clone(), facets: Vec::new() };
    let signed = shown(&net, publication, ProposalState::Open);
    assert_eq!(may(&signed, &operator("omar"), now).unwrap(), Turn::Done);
    assert_eq!(may(&signed, &operator("olga"), now).unwrap(), Turn::Open);
    let over = may(&unsigned, &operator("omar"), proposal.expires);
    assert_eq!(told(over).0, "PROPOSAL_EXPIRED");
    let ended = of_act(&net, &Act::Drain, ProposalState::CarriedOut);
    assert_eq!(told(may(&ended, &operator("omar"), now)).0, "PROPOSAL_ENDED");
}

#[test]
fn what_somebody_did_before_is_not_done_again_and_what_ended_otherwise_is_refused() {
    let net = Net::new();
    let ended = || ("PROPOSAL_ENDED".to_owned(), Family::Refused);
    for (state, carried_out, aborted) in [
        (ProposalState::Open, Ok(Turn::Open), Ok(Turn::Open)),
        (ProposalState::CarriedOut, Ok(Turn::Done), Err(ended().0)),
        (ProposalState::Aborted, Err(ended().0), Ok(Turn::Done)),
        (ProposalState::Expired, Err("PROPOSAL_EXPIRED".into()), Err("PROPOSAL_EXPIRED".into())),
        // It lies there, and is cleared away.
        (ProposalState::Overtaken, Err("PROPOSAL_OVERTAKEN".into()), Ok(Turn::Open)),
        (
            ProposalState::Unspecified,
            Err("PROPOSAL_OVERTAKEN".into()),
            Err("PROPOSAL_OVERTAKEN".into()),
        ),
    ] {
        let of = of_act(&net, &Act::Drain, state);
        let reason = |turn: Result<Turn, ClientError>| turn.map_err(|why| why.reason.to_string());
        assert_eq!(reason(may_carry_out(&net.directory, &of)), carried_out, "{state:?}");
        assert_eq!(reason(may_abort(&of)), aborted, "{state:?}");
    }
}

#[test]
fn what_was_overtaken_is_stale_for_good_and_made_anew_as_what_it_was() {
    let net = Net::new();
    let mut composer = Composer::on(&net.directory, &net.ambient);
    let ie = contact("ie/cert-ie");
    let charter = composer.charter(again(&net.directory));
    let record = composer.attested_record(attested(ie.as_str()), &[]).unwrap();
    let unknown = composer.attested_record(attested("ie/other"), &[]).unwrap();
    let withdrawal = composer.withdrawal(&ie);
    let overtaken = ProposalState::Overtaken;
    for (of, draft) in [
        (admitting(&net, "fr"), Some(Next::Admission)),
        (admitting(&net, "mt"), None),
        (charter, Some(Next::Charter)),
        (record, Some(Next::AttestedRecord)),
        (unknown, None),
        (withdrawal, Some(Next::Withdrawal)),
    ] {
        let of = of_statement(&net, of, overtaken);
        for turn in [
            may_carry_out(&net.directory, &of),
            may_approve(&net.directory, &of, &registrar("alice"), 0),
        ] {
            let why = turn.unwrap_err();
            assert_eq!(why.family, Family::Stale);
            assert_eq!(why.mend.as_deref(), Some(&Mend::AbortThenDraft(of.id(), draft)));
        }
    }
    let of = of_act(&net, &Act::RenewNode, overtaken);
    let why = may_carry_out(&net.directory, &of).unwrap_err();
    let anew = Mend::AbortThenPropose(of.id(), Act::RenewNode);
    assert_eq!((why.family, why.mend.as_deref()), (Family::Stale, Some(&anew)));
}

#[test]
fn what_came_of_it_is_what_the_service_says_or_whose_fault_it_is() {
    let (_, net) = operated_by(&["olga", "omar"]);
    let of = of_act(&net, &Act::Drain, ProposalState::Open);
    let tell = |done| came(&net.directory, &of, done);
    assert_eq!(tell(Ok(Some(Done::LeafIndex(9)))).unwrap(), Came::Logged(9));
    let words = "so\u{1b}[2J".to_owned();
    assert_eq!(tell(Ok(Some(Done::Act(words.clone())))).unwrap(), Came::Act(words.clone()));
    let failed = tell(Ok(Some(Done::Failed(words)))).unwrap_err();
    assert_eq!((&failed.reason, failed.side), (&Here::ActFailed.into(), Side::Theirs));
    assert!(failed.sentence.ends_with(r"so\u{1b}[2J"), "{failed}");
    assert_eq!(failed.mend.as_deref(), Some(&Mend::MendThenPropose));
    let silent = tell(Ok(None)).unwrap_err();
    assert_eq!((&silent.reason, silent.side), (&Here::NoOutcome.into(), Side::Theirs));
    let below = Refusal::BelowThreshold { of: Deciders::Operators, needed: 2, found: 0 };
    let below = tell(Err(below.into())).unwrap_err();
    assert_eq!(below.reason, Rule::BelowThreshold);
    let left = vec![(2, vec!["olga".to_owned(), "omar".to_owned()])];
    assert_eq!(below.mend.as_deref(), Some(&Mend::ApproveBy(of.id(), left)));
    let other = ClientError::from(Refusal::StorageFull);
    assert_eq!(tell(Err(other.clone())).unwrap_err(), other);
}

// What is proposed.

fn drafted(kept: &Kept, who: &str, act: &Act) -> DraftedAct {
    DraftedAct::of(&kept.office, operator(who), kept.office.replica().unwrap(), act).unwrap()
}

#[test]
fn mailboxes_begin_anew_by_a_file_and_everything_else_is_done_at_the_desk() {
    let (kept, _) = operated_by(&["olga"]);
    let epoch = Act::NewEpoch(vec![(contact("fr/cert-fr"), 2)]);
    for (act, refused) in [
        (epoch, Destination::Desk),
        (Act::Drain, Destination::File),
        (Act::RenewNode, Destination::File),
        (Act::DropSessions(vec![1]), Destination::File),
        (Act::RetireKey(sign_key("relay").public().id()), Destination::File),
    ] {
        let drafted = drafted(&kept, "olga", &act);
        assert_eq!(drafted.action().act, act);
        for place in [Destination::Desk, Destination::File] {
            let may = drafted.may_go(place);
            assert_eq!(may.is_err(), place == refused, "{act:?}");
            assert!(may.is_ok() || told(may).1 == Family::Usage);
        }
    }
}

#[test]
fn what_two_operators_carry_is_signed_by_each_and_then_complete() {
    let (kept, _) = operated_by(&["olga", "omar"]);
    let act = Act::NewEpoch(vec![(contact("fr/cert-fr"), 2)]);
    let drafted = drafted(&kept, "olga", &act);
    assert_eq!((drafted.who(), drafted.needed().unwrap()), (&operator("olga"), 2));
    let paper = kept.office.on_paper(&drafted.on_paper(&kept.office).unwrap()).unwrap();
    assert_eq!((paper.id(), paper.action()), (drafted.id(), drafted.action()));
    let again = paper.signed(&kept.office, &operator("olga")).unwrap();
    assert_eq!((again.found, again.needed), (1, 2), "who has signed adds nothing");
    let both = paper.signed(&kept.office, &operator("omar")).unwrap();
    assert_eq!((both.found, both.needed), (2, 2));
    let third = kept.office.on_paper(&both.text).unwrap();
    assert_eq!(third.id(), drafted.id());
    kept.owns(&registrar("rosa"));
    assert!(paper.signed(&kept.office, &registrar("rosa")).is_err(), "of no operator");
}

#[test]
fn an_only_operator_needs_no_other() {
    let (kept, _) = operated_by(&["olga"]);
    assert_eq!(drafted(&kept, "olga", &Act::Drain).needed().unwrap(), 1);
}

#[test]
fn what_a_stranger_approved_is_not_read() {
    let (kept, _) = operated_by(&["olga"]);
    let (strangers, _) = operated_by(&["olga"]);
    let of = |kept: &Kept| {
        let act = Act::NewEpoch(vec![(contact("fr/cert-fr"), 2)]);
        drafted(kept, "olga", &act).on_paper(&kept.office).unwrap()
    };
    assert!(kept.office.on_paper(&of(&kept)).is_ok());
    assert!(kept.office.on_paper(&of(&strangers)).is_err());
    let empty = armour::write(Kind::Proposal, &v1::Publication::default());
    assert!(kept.office.on_paper(&empty).is_err());
}

#[test]
fn a_proposal_is_one_statement() {
    let net = Net::new();
    let one = Bundle::of(vec![admitting(&net, "mt")]).write();
    assert!(DraftedStatement::read(&one).is_ok());
    let two = Bundle::of(vec![admitting(&net, "mt"), admitting(&net, "lv")]).write();
    assert_eq!(told(DraftedStatement::read(&two).map(drop)).1, Family::Usage);
    assert!(DraftedStatement::read("nothing").is_err());
}

// Whether it stands in the log already.

#[test]
fn a_draft_is_new_or_published_or_superseded() {
    let mut net = Net::new();
    let then = ambient_at(1000);
    let one = Composer::on(&net.directory, &then).admission(admission("mt")).unwrap();
    let charter = Composer::on(&net.directory, &net.ambient).charter(again(&net.directory));
    let kept = Kept::new(&net);
    let replica = net.copy(&kept.office.home);
    let bundle = |of: &Composed| Bundle::of(vec![of.clone()]);
    assert_eq!(passed(Some(&replica), &bundle(&one)).unwrap(), None);
    let leaf = net.directory.size();
    net.publish(one.statement(), &sign_key("registrar"));
    net.policy(&[("stale-after", 100_000)]);
    let other = Kept::new(&net);
    let replica = net.copy(&other.office.home);
    assert_eq!(passed(Some(&replica), &bundle(&one)).unwrap(), Some(vec![leaf]));
    let why = passed(Some(&replica), &bundle(&charter)).unwrap_err();
    assert_eq!((&why.reason, why.family), (&Here::Superseded.into(), Family::Stale));
    assert_eq!(why.mend.as_deref(), Some(&Mend::DraftAnew(Next::Charter)));
    // Some of it is not all of it.
    let next = admitting(&net, "lv");
    let both = Bundle::of(vec![one.clone(), next]);
    assert_eq!(passed(Some(&replica), &both).unwrap(), None);
}

#[test]
fn the_draft_of_another_directory_is_not_judged_here() {
    let net = Net::new();
    let kept = Kept::new(&net);
    let replica = net.copy(&kept.office.home);
    let before = Net::new().directory.member(&"fr".parse().unwrap()).unwrap().payload.clone();
    let bundle = |genesis: &[u8]| {
        let mut admission = proto::Admission::decode(before.clone()).unwrap();
        admission.targets[0].genesis = Bytes::copy_from_slice(genesis);
        let bytes = admission.encode_to_vec().into();
        let envelope = Envelope::assemble(dsse::Kind::Admission, bytes, Vec::new());
        Bundle::of_statement(envelope.bytes().clone()).unwrap()
    };
    let leaf = net.directory.member(&"fr".parse().unwrap()).unwrap().newest.leaf;
    let here = bundle(net.directory.genesis().as_bytes());
    assert_eq!(passed(Some(&replica), &here).unwrap(), Some(vec![leaf]));
    assert_eq!(passed(Some(&replica), &bundle(&[7; 32])).unwrap(), None);
}

#[test]
fn what_comes_next_is_counted_by_its_own_kind() {
    let net = Net::new();
    let mut composer = Composer::on(&net.directory, &net.ambient);
    let roster = proto::Roster { contact: "fr/cert-fr".to_owned(), ..proto::Roster::default() };
    let record = proto::Record { contact: "fr/cert-fr".to_owned(), ..proto::Record::default() };
    let roster = composer.roster(roster, &[]).unwrap();
    let record = composer.record(record, &[]).unwrap();
    let of = |one: &Composed| newest(&net.directory, one.statement());
    let fr = net.directory.contact(&contact("fr/cert-fr")).unwrap();
    assert_eq!(of(&roster), fr.roster_newest.map(|newest| (newest, Next::Roster)));
    assert_eq!(of(&record), Some((fr.record_newest, Next::Record)));
    let es = proto::Roster { contact: "es/cert-es".to_owned(), ..proto::Roster::default() };
    assert_eq!(of(&composer.roster(es, &[]).unwrap()), None, "it has none yet");
}

// The service itself.

#[test]
fn a_connection_is_of_nobody_until_it_is_known_whose() {
    let said = v1::Session { number: 4, since: 9, group: "g".to_owned(), ..Default::default() };
    let of = Connection::of(said.clone());
    assert_eq!((of.who, of.key, of.port), (None, None, Port::Members));
    let who = FR.to_owned();
    let key_id = Bytes::from_static(&[7; 2]);
    let known = v1::Session { who: who.clone(), key_id, administration: true, ..said };
    let of = Connection::of(known);
    assert_eq!((of.who, of.key), (Some(who), Some("0707".to_owned())));
    assert_eq!((of.number, of.since, &*of.group), (4, 9, "g"));
    assert_eq!(of.port, Port::Administration);
}

#[test]
fn a_key_of_the_service_is_for_what_this_version_knows() {
    let key = |of: v1::ServiceKeyUse| v1::ServiceKey {
        r#use: of.into(),
        id: Bytes::from_static(&[1; 2]),
        state: "in force".to_owned(),
    };
    let of = [Use::Log, Use::Relay, Use::Authority];
    let mut keys: Vec<v1::ServiceKey> = of.iter().map(|of| key(of.wire())).collect();
    keys.push(key(v1::ServiceKeyUse::Unspecified));
    let node = v1::NodeCertificate { from: 1, until: 9, renews: 6, ..Default::default() };
    let said = v1::ListServiceKeysResponse { keys, node: Some(node.clone()) };
    let read = Keys::of(said.clone());
    let uses: Vec<Option<Use>> = read.all.iter().map(|key| key.of).collect();
    assert_eq!(uses, [Some(Use::Log), Some(Use::Relay), Some(Use::Authority), None]);
    assert_eq!((&*read.all[0].id, &*read.all[0].state), ("0101", "in force"));
    let well = read.node.unwrap();
    assert_eq!((well.from, well.until, well.renews), (1, 9, 6));
    assert_eq!((&*well.authority, well.trouble), ("", None));
    let node = v1::NodeCertificate { trouble: "no disk".to_owned(), ..node };
    let ill = Keys::of(v1::ListServiceKeysResponse { node: Some(node), ..said }).node.unwrap();
    assert_eq!(ill.trouble.as_deref(), Some("no disk"));
}

#[test]
fn a_staged_key_is_a_file_for_the_registrars_and_is_named_by_its_own_bytes() {
    let key: SigningKey = sign_key("next log");
    let (holder, random) = ("log/un.example", crate::ambient::Ambient::system());
    let listed = prove(&key, holder, proto::Use::Log, random.random()).unwrap();
    let said = v1::StageServiceKeyResponse { listed: Some(listed.clone()), ..Default::default() };
    let staged = Staged::of(said, || Ok("log/un.example".to_owned())).unwrap();
    assert_eq!((staged.id, staged.before), (key.public().id(), false));
    let file: v1::PublicKeys = armour::read(Kind::Service, &staged.file).unwrap();
    assert_eq!((&*file.holder, &file.sign[..]), ("log/un.example", &[listed][..]));
    let certificate = Bytes::from_static(b"a certificate");
    let said = v1::StageServiceKeyResponse {
        certificate: certificate.clone(),
        before: true,
        ..Default::default()
    };
    let staged = Staged::of(said, || panic!("a certificate names its own")).unwrap();
    assert_eq!((staged.id, staged.before), (KeyId::of(&certificate), true));
    assert!(staged.file.starts_with("-----BEGIN CERTIFICATE-----"), "{}", staged.file);
}
