//! The administration: two people decide over exactly what happens, and all of it is recorded.

use bytes::Bytes;
use futures_util::future::join_all;
use liaison::client::administration::verify;
use liaison::client::error::Family;
use liaison::client::keys::Owner;
use liaison::crypto::hash::Digest;
use liaison::domain::administration::proposal::Act;
use liaison::domain::limits;
use liaison::domain::refusal::{OwnKey, Refusal};
use liaison::domain::state::{Key, Value};
use liaison::moment;
use liaison::service::door::{self, Quota};
use liaison::service::epochs::{self, Which};
use liaison::service::{self, CannotStart};
use liaison::signed::canonical::LARGEST;
use liaison::signed::dsse::{Envelope, Kind};
use liaison::signed::proto::{self, AuditRecord, Proposal};
use liaison::store::{Engine, Site, Write, codec, keys};
use liaison::wire::v1::admin_service_client::AdminServiceClient;
use liaison::wire::v1::carry_out_response::Done;
use liaison::wire::v1::{
    AbortRequest, ApproveRequest, CarryOutRequest, DropSessionsRequest, GetAuditRequest,
    GetCheckpointRequest, GetStandingRequest, ListProposalsRequest, ListSessionsRequest,
    Proposal as OnDesk, ProposalState, ProposeRequest, Publication, ServiceKeyUse,
    StageServiceKeyRequest,
};
use prost::Message as _;
use serde_json::json;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::epochs::{again, closed};
use crate::rotations::said;
use crate::salvage::{put_back, salvaged};
use crate::support::{
    Client, DAY, NAME, NOW, Office, Open, Party, TestNet, Trust, dates, home, identity, key_id,
    refusal, says, soon,
};

/// A connection of a person to the administration.
pub(crate) struct Desk(pub(crate) AdminServiceClient<Channel>);

impl Desk {
    pub(crate) async fn of(net: &TestNet, person: &str) -> Self {
        Self::with(net, &format!("{person} tls")).await
    }

    /// With the key of this name.
    pub(crate) async fn with(net: &TestNet, tls: &str) -> Self {
        let client = Some(identity(tls, dates()));
        Self(AdminServiceClient::new(net.administer(client).await.unwrap().channel()))
    }

    /// The id of the proposal, and how many have signed.
    pub(crate) async fn propose(&mut self, statement: Bytes) -> Result<(Bytes, usize), Status> {
        let publication = Some(Publication { statement, facets: Vec::new() });
        let answer = self.0.propose(ProposeRequest { publication }).await?.into_inner();
        let proposal = answer.proposal.unwrap();
        Ok((proposal.id.clone(), signatures(&proposal)))
    }

    pub(crate) async fn approve(
        &mut self,
        id: &Bytes,
        by: &[&str],
        over: &Bytes,
    ) -> Result<usize, Status> {
        let envelope = Envelope::parse(over, limits::STATEMENT_BYTES).unwrap();
        let sign = |by: &&str| {
            let signed = says::sign(envelope.kind(), envelope.payload().to_vec(), &names(&[by]));
            proto::Dsse::decode(signed).unwrap().signatures
        };
        let signatures = by.iter().flat_map(sign).collect();
        let request = ApproveRequest { id: id.clone(), signatures };
        let answer = self.0.approve(request).await?.into_inner();
        Ok(self::signatures(&answer.proposal.unwrap()))
    }

    pub(crate) async fn carry_out(&mut self, id: &Bytes) -> Result<Done, Status> {
        let answer = self.0.carry_out(CarryOutRequest { id: id.clone() }).await?;
        Ok(answer.into_inner().done.unwrap())
    }

    pub(crate) async fn abort(&mut self, id: &Bytes) -> Result<(), Status> {
        self.0.abort(AbortRequest { id: id.clone() }).await.map(|_| ())
    }

    /// What lies there, and whether more does.
    async fn listed(&mut self, which: &ListProposalsRequest) -> (Vec<OnDesk>, bool) {
        let page = self.0.list_proposals(which.clone()).await.unwrap().into_inner();
        (page.proposals, page.more)
    }

    async fn states(&mut self) -> Vec<ProposalState> {
        let all = ListProposalsRequest { all: true, ..Default::default() };
        self.listed(&all).await.0.iter().map(OnDesk::state).collect()
    }

    pub(crate) async fn standing(&mut self) -> Result<(), Status> {
        self.0.get_standing(GetStandingRequest {}).await.map(|_| ())
    }

    /// Every record, and the head behind them.
    pub(crate) async fn trail(&mut self) -> (Vec<Bytes>, Bytes) {
        let page = self.0.get_audit(GetAuditRequest { start: 1, limit: 1_000 }).await.unwrap();
        let page = page.into_inner();
        (page.records, page.head)
    }
}

fn signatures(proposal: &OnDesk) -> usize {
    let dsse = proposal.publication.clone().unwrap().statement;
    proto::Dsse::decode(dsse).unwrap().signatures.len()
}

fn names(of: &[&str]) -> Vec<String> {
    of.iter().map(ToString::to_string).collect()
}

/// A service with the operators dave and fred, and the registrars alice and bob, who decide together.
async fn two_of_each() -> TestNet {
    with_two_of_each(TestNet::memory().await).await
}

pub(crate) async fn with_two_of_each(net: TestNet) -> TestNet {
    let next = says::charter(&net.replica()).with(|charter| {
        charter.operators.push(says::person("operator", "fred"));
        charter.registrars.push(says::person("registrar", "bob"));
        charter.threshold = 2;
    });
    net.say(next.signed_by(&["alice", "bob"])).await;
    net
}

/// An act, signed by these operators.
pub(crate) fn act(
    net: &TestNet,
    act: &Act,
    change: impl FnOnce(&mut Proposal),
    by: &[&str],
) -> Bytes {
    let directory = &net.replica().directory;
    let genesis = Bytes::copy_from_slice(directory.genesis().as_bytes());
    let mut proposal = Proposal {
        directory: Some(proto::Directory { name: NAME.to_owned(), genesis }),
        nonce: Bytes::from_static(&[7; 32]),
        base: directory.charter().newest.version,
        expires: NOW + DAY,
        action: act.name().to_owned(),
        parameters: act.parameters(),
    };
    change(&mut proposal);
    says::sign(Kind::Approval, proposal.encode_to_vec(), &names(by))
}

fn drop_all() -> Act {
    Act::DropSessions(Vec::new())
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> String {
    refusal(&answer.unwrap_err()).1
}

#[tokio::test]
async fn an_act_needs_two_operators_and_is_used_once() {
    let net = two_of_each().await;
    let (mut dave, mut fred) = (Desk::of(&net, "dave").await, Desk::of(&net, "fred").await);
    let proposed = act(&net, &drop_all(), |_| {}, &["dave"]);
    let (id, found) = dave.propose(proposed.clone()).await.unwrap();
    assert_eq!(found, 1);
    assert_eq!(refused(dave.carry_out(&id).await), "BELOW_THRESHOLD");
    // One who signs again is one.
    assert_eq!(dave.approve(&id, &["dave"], &proposed).await.unwrap(), 1);
    assert_eq!(dave.propose(proposed.clone()).await.unwrap(), (id.clone(), 1));
    assert_eq!(
        refused(dave.approve(&id, &["dave", "dave"], &proposed).await),
        "DUPLICATE_SIGNATURE"
    );
    assert_eq!(refused(dave.carry_out(&id).await), "BELOW_THRESHOLD");
    assert_eq!(fred.approve(&id, &["fred"], &proposed).await.unwrap(), 2);
    assert!(matches!(fred.carry_out(&id).await.unwrap(), Done::Act(_)));
    // Used, whoever brings it again.
    assert_eq!(refused(fred.carry_out(&id).await), "PROPOSAL_ENDED");
    assert_eq!(refused(dave.propose(proposed).await), "PROPOSAL_ENDED");
    assert_eq!(dave.states().await, [ProposalState::CarriedOut]);
}

#[tokio::test]
async fn an_approval_is_of_what_was_signed_and_of_nothing_else() {
    let net = two_of_each().await;
    let mut dave = Desk::of(&net, "dave").await;
    let one = act(&net, &Act::DropSessions(vec![1]), |_| {}, &["dave"]);
    let (id, _) = dave.propose(one.clone()).await.unwrap();
    let envelope = |bytes: &Bytes| Envelope::parse(bytes, limits::STATEMENT_BYTES).unwrap();
    for (what, other) in [
        ("parameters", act(&net, &Act::DropSessions(vec![1, 2]), |_| {}, &[])),
        ("action", act(&net, &Act::Drain, |_| {}, &[])),
        ("nonce", act(&net, &Act::DropSessions(vec![1]), |of| of.nonce = vec![8; 32].into(), &[])),
        ("expiry", act(&net, &Act::DropSessions(vec![1]), |of| of.expires += 1, &[])),
    ] {
        assert_ne!(envelope(&other).digest(), envelope(&one).digest(), "{what}");
        assert_eq!(refused(dave.approve(&id, &["fred"], &other).await), "BAD_SIGNATURE", "{what}");
    }
    // Nor is a signature under another kind.
    let payload = envelope(&one).payload().to_vec();
    let header = says::sign(Kind::Header, payload, &names(&["fred"]));
    assert_eq!(refused(dave.approve(&id, &["fred"], &header).await), "BAD_SIGNATURE");
    assert_eq!(refused(dave.carry_out(&id).await), "BELOW_THRESHOLD");
}

#[tokio::test]
async fn nobody_does_another_ones_work() {
    let net = two_of_each().await;
    let (mut dave, mut alice) = (Desk::of(&net, "dave").await, Desk::of(&net, "alice").await);
    let drain = act(&net, &Act::Drain, |_| {}, &["dave"]);
    assert_eq!(refused(alice.propose(drain.clone()).await), "NOT_PERMITTED");
    let (id, _) = dave.propose(drain.clone()).await.unwrap();
    assert_eq!(refused(alice.approve(&id, &["fred"], &drain).await), "NOT_PERMITTED");
    assert_eq!(refused(alice.carry_out(&id).await), "NOT_PERMITTED");
    assert_eq!(refused(alice.abort(&id).await), "NOT_PERMITTED");
    // A registrar's key is no operator's, whoever brings it.
    assert_eq!(refused(dave.approve(&id, &["alice"], &drain).await), "WRONG_PURPOSE");
    let charter = says::charter(&net.replica()).with(|of| of.threshold = 1).signed_by(&["alice"]);
    assert_eq!(refused(dave.propose(charter.bytes()).await), "NOT_PERMITTED");
    let (id, _) = alice.propose(charter.bytes()).await.unwrap();
    assert_eq!(refused(dave.carry_out(&id).await), "NOT_PERMITTED");
    assert_eq!(refused(alice.approve(&id, &["dave"], &charter.bytes()).await), "WRONG_PURPOSE");
}

#[tokio::test]
async fn what_an_act_rests_on_and_until_when_is_judged() {
    let net = two_of_each().await;
    let mut dave = Desk::of(&net, "dave").await;
    let week = limits::PROPOSAL_SECONDS;
    for (reason, change) in [
        (
            "PROPOSAL_EXPIRED",
            Box::new(|of: &mut Proposal| of.expires = NOW) as Box<dyn FnOnce(&mut _)>,
        ),
        ("PROPOSAL_TOO_LONG", Box::new(move |of: &mut Proposal| of.expires = NOW + week + 1)),
        ("BASE_MOVED", Box::new(|of: &mut Proposal| of.base -= 1)),
        ("BASE_MOVED", Box::new(|of: &mut Proposal| of.base += 1)),
        ("UNKNOWN_ACTION", Box::new(|of: &mut Proposal| of.action = "rm-rf".to_owned())),
        ("NOT_CANONICAL", Box::new(|of: &mut Proposal| of.parameters = vec![0x08, 0x00].into())),
        ("INVALID_FIELD", Box::new(|of: &mut Proposal| of.nonce = vec![7; 31].into())),
        (
            "OTHER_DIRECTORY",
            Box::new(|of: &mut Proposal| of.directory = Some(proto::Directory::default())),
        ),
        (
            "OTHER_GENESIS",
            Box::new(|of: &mut Proposal| {
                of.directory.as_mut().unwrap().genesis = vec![7; 32].into();
            }),
        ),
    ] {
        let proposed = act(&net, &drop_all(), change, &["dave"]);
        assert_eq!(refused(dave.propose(proposed).await), reason);
    }
    let sessions = Act::DropSessions(vec![2, 1]);
    assert_eq!(
        refused(dave.propose(act(&net, &sessions, |_| {}, &["dave"])).await),
        "INVALID_FIELD"
    );
    let epoch = Act::NewEpoch(vec![("fr/cert".parse().unwrap(), 2)]);
    assert_eq!(
        refused(dave.propose(act(&net, &epoch, |_| {}, &["dave"])).await),
        "NOT_WHILE_SERVING"
    );
    // Approved, and then the charter moves; approved, and then nobody decides in time.
    let proposed = act(&net, &drop_all(), |_| {}, &["dave", "fred"]);
    let (moved, _) = dave.propose(proposed).await.unwrap();
    let next = says::charter(&net.replica()).signed_by(&["alice", "bob"]);
    net.say(next).await;
    assert_eq!(refused(dave.carry_out(&moved).await), "BASE_MOVED");
    let proposed = act(&net, &drop_all(), |of| of.nonce = vec![9; 32].into(), &["dave", "fred"]);
    let (late, _) = dave.propose(proposed).await.unwrap();
    net.open.clock.set(NOW + DAY);
    assert_eq!(refused(dave.carry_out(&late).await), "PROPOSAL_EXPIRED");
    assert_eq!(dave.states().await, [ProposalState::Expired, ProposalState::Expired]);
    assert_eq!(refused(dave.carry_out(&Bytes::from_static(&[1; 32])).await), "UNKNOWN_PROPOSAL");
}

/// What could not be done, or is nobody's here, does not lie on the desk.
#[tokio::test]
async fn nothing_is_proposed_that_cannot_come_of_it() {
    let net = TestNet::memory().await;
    let fr = net.party("fr", 1).await;
    let net = with_two_of_each(net).await;
    let (mut dave, mut alice) = (Desk::of(&net, "dave").await, Desk::of(&net, "alice").await);
    for (name, reason) in [("relay", "SERVICE_KEY_LISTED"), ("nobody", "UNKNOWN_SERVICE_KEY")] {
        let retire = act(&net, &Act::RetireKey(key_id(name)), |_| {}, &["dave"]);
        assert_eq!(refused(dave.propose(retire).await), reason);
    }
    let withdrawal = says::withdrawal(&net.replica(), fr.contact.as_str()).signed_by(&["alice"]);
    assert_eq!(refused(alice.propose(withdrawal.bytes()).await), "BELOW_THRESHOLD");
    assert_eq!(alice.states().await, []);
    // It was staged, and lies there; meanwhile a charter lists it: it is not used.
    let staged = net.service.stage_key(OwnKey::Relay).await.unwrap();
    let retire = Act::RetireKey(staged.id);
    let (id, _) = dave.propose(act(&net, &retire, |_| {}, &["dave", "fred"])).await.unwrap();
    let listed = says::charter(&net.replica()).with(|of| of.relay.extend(staged.listed));
    net.say(listed.signed_by(&["alice", "bob"])).await;
    assert_eq!(refused(dave.carry_out(&id).await), "SERVICE_KEY_LISTED");
    let retire = act(&net, &retire, |of| of.nonce = vec![8; 32].into(), &["dave", "fred"]);
    assert_eq!(refused(dave.propose(retire).await), "SERVICE_KEY_LISTED");
}

/// An operator who was dropped has approved nothing.
#[tokio::test]
async fn who_is_operator_no_more_does_not_count() {
    let net = two_of_each().await;
    let mut dave = Desk::of(&net, "dave").await;
    let (id, _) = dave.propose(act(&net, &drop_all(), |_| {}, &["dave", "fred"])).await.unwrap();
    let next = says::charter(&net.replica()).with(|charter| {
        charter.operators.retain(|of| of.id != "fred");
        charter.operators.push(says::person("operator", "gina"));
    });
    net.say(next.signed_by(&["alice", "bob"])).await;
    assert_eq!(refused(dave.carry_out(&id).await), "BASE_MOVED");
    let proposed = act(&net, &drop_all(), |_| {}, &["dave"]);
    let (id, _) = dave.propose(proposed.clone()).await.unwrap();
    assert_eq!(refused(dave.approve(&id, &["fred"], &proposed).await), "KEY_NOT_IN_FORCE");
    assert_eq!(dave.approve(&id, &["gina"], &proposed).await.unwrap(), 2);
}

/// What is refused is not done, and what is done is done after it is used.
#[tokio::test]
async fn an_act_that_is_refused_is_not_done_and_of_those_who_ask_at_once_one_does_it() {
    let net = two_of_each().await;
    let (mut dave, drains) = (Desk::of(&net, "dave").await, net.service.drains());
    let nonce = |of: &mut Proposal| of.nonce = vec![8; 32].into();
    let (drain, _) = dave.propose(act(&net, &Act::Drain, nonce, &["dave"])).await.unwrap();
    let given_up = act(&net, &Act::Drain, |_| {}, &["dave", "fred"]);
    let (given_up, _) = dave.propose(given_up).await.unwrap();
    dave.abort(&given_up).await.unwrap();
    assert_eq!(refused(dave.carry_out(&drain).await), "BELOW_THRESHOLD");
    assert_eq!(refused(dave.carry_out(&given_up).await), "PROPOSAL_ENDED");
    assert!(!*drains.borrow());
    let staged = net.service.stage_key(OwnKey::Log).await.unwrap();
    let retire = act(&net, &Act::RetireKey(staged.id), |_| {}, &["dave", "fred"]);
    let (retire, _) = dave.propose(retire).await.unwrap();
    let asked = (0..8).map(|_| {
        let mut dave = Desk(dave.0.clone());
        let retire = retire.clone();
        async move { dave.carry_out(&retire).await }
    });
    let (done, not): (Vec<_>, Vec<_>) = join_all(asked).await.into_iter().partition(Result::is_ok);
    assert!(matches!(&done[..], [Ok(Done::Act(_))]), "{done:?}");
    assert!(not.into_iter().all(|why| refused(why) == "PROPOSAL_ENDED"));
    assert!(net.service.own_keys().iter().all(|key| key.id != staged.id));
    // What is not done is said.
    let renew = act(&net, &Act::RenewNode, |_| {}, &["dave", "fred"]);
    let (renew, _) = dave.propose(renew).await.unwrap();
    let Done::Failed(why) = dave.carry_out(&renew).await.unwrap() else { panic!("it was done") };
    assert!(why.contains("no certificate of its own"), "{why}");
    let approved = act(&net, &Act::Drain, nonce, &["dave"]);
    dave.approve(&drain, &["fred"], &approved).await.unwrap();
    assert!(matches!(dave.carry_out(&drain).await.unwrap(), Done::Act(_)));
    assert!(*drains.borrow());
}

/// One operator decides alone, where there is no other.
#[tokio::test]
async fn the_only_operator_needs_nobody() {
    let net = TestNet::memory().await;
    let mut dave = Desk::of(&net, "dave").await;
    let (id, _) = dave.propose(act(&net, &drop_all(), |_| {}, &["dave"])).await.unwrap();
    assert_eq!(dave.listed(&ListProposalsRequest::default()).await.0[0].needed, 1);
    assert!(matches!(dave.carry_out(&id).await.unwrap(), Done::Act(_)));
}

/// No charter is carried out under which the service could not sign.
#[tokio::test]
async fn a_charter_with_a_log_key_that_is_not_here_is_refused_when_it_is_carried_out() {
    let net = two_of_each().await;
    let mut alice = Desk::of(&net, "alice").await;
    let foreign = says::proven("nobody", &format!("log/{NAME}"), proto::Use::Log);
    let next = says::charter(&net.replica()).with(|charter| charter.log.push(foreign));
    let next = next.signed_by(&["alice", "bob"]);
    let (id, _) = alice.propose(next.bytes()).await.unwrap();
    assert_eq!(refused(alice.carry_out(&id).await), "SERVICE_KEY_MISSING");
    assert_eq!(alice.states().await, [ProposalState::Open]);
}

/// A statement that came into the log by another way is not logged twice.
#[tokio::test]
async fn a_statement_that_was_published_meanwhile_is_carried_out_as_it_stands() {
    let net = two_of_each().await;
    let mut alice = Desk::of(&net, "alice").await;
    let admission = says::admission(&net.replica(), "at").signed_by(&["alice", "bob"]);
    let (id, _) = alice.propose(admission.bytes()).await.unwrap();
    let leaf = net.say(admission).await;
    let size = net.replica().directory.size();
    assert_eq!(alice.carry_out(&id).await.unwrap(), Done::LeafIndex(leaf));
    assert_eq!(net.replica().directory.size(), size);
    assert_eq!(alice.states().await, [ProposalState::CarriedOut]);
}

#[tokio::test]
async fn a_charter_is_its_own_proposal_and_of_two_that_race_one_is_overtaken() {
    let net = two_of_each().await;
    let (mut alice, mut bob) = (Desk::of(&net, "alice").await, Desk::of(&net, "bob").await);
    let draft = |seconds: u64| {
        let set = proto::Setting { name: "stale-after".to_owned(), value: seconds };
        says::charter(&net.replica()).with(|charter| charter.policy = vec![set])
    };
    let (one, other) = (draft(3_600), draft(7_200));
    let (first, _) = alice.propose(one.clone().signed_by(&["alice"]).bytes()).await.unwrap();
    let (second, _) = bob.propose(other.signed_by(&["bob"]).bytes()).await.unwrap();
    assert_eq!(refused(alice.carry_out(&first).await), "BELOW_THRESHOLD");
    assert_eq!(bob.approve(&first, &["bob"], &one.bytes()).await.unwrap(), 2);
    let Done::LeafIndex(leaf) = alice.carry_out(&first).await.unwrap() else { panic!("no leaf") };
    assert_eq!(net.service.state().directory.charter().newest.leaf, leaf);
    assert_eq!(bob.states().await, [ProposalState::CarriedOut, ProposalState::Overtaken]);
    assert_eq!(refused(bob.carry_out(&second).await), "BELOW_THRESHOLD");
    bob.abort(&second).await.unwrap();
    assert_eq!(bob.states().await, [ProposalState::CarriedOut, ProposalState::Aborted]);
    assert_eq!(refused(bob.abort(&second).await), "PROPOSAL_ENDED");
}

/// A signature of a key that has ended counts no more, and spoils nothing.
#[tokio::test]
async fn a_registrar_who_left_spoils_no_statement_that_he_signed() {
    let net = two_of_each().await;
    let (mut alice, mut bob) = (Desk::of(&net, "alice").await, Desk::of(&net, "bob").await);
    let admission = says::admission(&net.replica(), "at");
    let (id, _) = bob.propose(admission.clone().signed_by(&["bob"]).bytes()).await.unwrap();
    let next = says::charter(&net.replica()).with(|charter| {
        charter.registrars.retain(|of| of.id != "bob");
        charter.registrars.push(says::person("registrar", "carol"));
    });
    net.say(next.signed_by(&["alice", "bob", "carol"])).await;
    assert_eq!(alice.approve(&id, &["alice"], &admission.bytes()).await.unwrap(), 1);
    assert_eq!(refused(alice.carry_out(&id).await), "BELOW_THRESHOLD");
    assert_eq!(alice.approve(&id, &["carol"], &admission.bytes()).await.unwrap(), 2);
    assert!(matches!(alice.carry_out(&id).await.unwrap(), Done::LeafIndex(_)));
}

/// Details of States are for registrars; what comes with a statement are its facets, and no more.
#[tokio::test]
async fn the_desk_keeps_no_facet_that_is_not_named_and_shows_none_to_operators() {
    let net = two_of_each().await;
    let mut alice = Desk::of(&net, "alice").await;
    net.say(says::listing(&net.replica(), "mt").signed_by(&["alice", "bob"])).await;
    let record = says::attested(&net.replica(), "mt/csirt").signed_by(&["alice"]);
    let said: says::Said = record.into();
    let publication = said.clone().into_publication();
    assert!(!publication.facets.is_empty());
    let mut more = publication.clone();
    more.facets.push(more.facets[0].clone());
    more.facets.last_mut().unwrap().bytes = vec![7; 1_000].into();
    let spoilt = alice.0.propose(ProposeRequest { publication: Some(more) }).await;
    assert_eq!(refused(spoilt), "FACET_SUPERFLUOUS");
    // What nobody could be shown is not taken, whoever signs it.
    let hidden = says::attested(&net.replica(), "mt/csirt");
    let hidden = hidden.with(|record| record.facets[0].visibility = 2).signed_by(&["alice"]);
    let hidden = Some(hidden.said().into_publication());
    let hidden = alice.0.propose(ProposeRequest { publication: hidden }).await;
    assert_eq!(refused(hidden), "NOT_YET_SUPPORTED");
    alice.0.propose(ProposeRequest { publication: Some(publication.clone()) }).await.unwrap();
    for (person, facets) in [("alice", publication.facets.len()), ("dave", 0), ("erin", 0)] {
        let mut desk = Desk::of(&net, person).await;
        let listed = desk.0.list_proposals(ListProposalsRequest::default()).await.unwrap();
        let proposal = listed.into_inner().proposals.remove(0);
        assert_eq!(proposal.publication.unwrap().facets.len(), facets, "{person}");
    }
    // Once it has ended, nobody needs them.
    let all = ListProposalsRequest { all: true, ..Default::default() };
    let id = alice.listed(&all).await.0[0].id.clone();
    alice.abort(&id).await.unwrap();
    assert!(alice.listed(&all).await.0[0].publication.clone().unwrap().facets.is_empty());
}

/// An answer has a bound; what was asked for by its id, or behind another, is what comes.
#[tokio::test]
async fn the_desk_is_listed_by_pages_and_each_proposal_once() {
    let net = two_of_each().await;
    let mut dave = Desk::of(&net, "dave").await;
    let sessions: Vec<u64> = (LARGEST - 1_900..LARGEST).collect();
    let mut ids = Vec::new();
    for n in 0..70 {
        let nonce = |of: &mut Proposal| of.nonce = vec![n; 32].into();
        let large = act(&net, &Act::DropSessions(sessions.clone()), nonce, &["dave"]);
        let (id, _) = dave.propose(large).await.unwrap();
        if n > 1 {
            dave.abort(&id).await.unwrap();
        }
        ids.push(id);
    }
    let waiting = dave.listed(&ListProposalsRequest::default()).await.0;
    assert_eq!(waiting.iter().map(|of| &of.id).collect::<Vec<_>>(), [&ids[0], &ids[1]]);
    assert_eq!(waiting[0].needed, 2);
    let standing = dave.0.get_standing(GetStandingRequest {}).await.unwrap().into_inner();
    assert_eq!(standing.proposals, 2);
    let mut all = ListProposalsRequest { all: true, ..Default::default() };
    let (first, more) = dave.listed(&all).await;
    assert!(more && first.len() < 70, "{}", first.len());
    all.after = first.last().unwrap().id.clone();
    let (rest, more) = dave.listed(&all).await;
    assert!(!more);
    assert_eq!(first.iter().chain(&rest).map(|of| of.id.clone()).collect::<Vec<_>>(), ids);
    all.after.clear();
    all.prefix = hex::encode(&ids[69][..8]);
    let (named, more) = dave.listed(&all).await;
    assert_eq!((named.len(), &named[0].id, more), (1, &ids[69], false));
}

/// What members say is theirs: the desk takes nothing of it.
#[tokio::test]
async fn the_desk_takes_what_registrars_sign_and_no_more_than_it_holds() {
    let net = TestNet::memory().await;
    let [_] = net.parties(["fr"]).await;
    let net = with_two_of_each(net).await;
    let mut alice = Desk::of(&net, "alice").await;
    let slip = says::revocation(&net.replica(), "fr/cert/duty-1");
    assert_eq!(refused(alice.propose(slip.bytes()).await), "UNKNOWN_KIND");
    let mut dave = Desk::of(&net, "dave").await;
    for n in 0..limits::PROPOSALS_OF_ONE {
        let nonce = |of: &mut Proposal| of.nonce = vec![n as u8; 32].into();
        dave.propose(act(&net, &drop_all(), nonce, &["dave"])).await.unwrap();
    }
    let nonce = |of: &mut Proposal| of.nonce = vec![99; 32].into();
    let one_more = act(&net, &drop_all(), nonce, &["dave"]);
    assert_eq!(refused(dave.propose(one_more).await), "TOO_MANY_PROPOSALS");
    // Nobody fills the desk for the others.
    let mut fred = Desk::of(&net, "fred").await;
    fred.propose(act(&net, &drop_all(), nonce, &["fred"])).await.unwrap();
    // What is over makes room.
    net.open.clock.set(NOW + DAY);
    let expires = |of: &mut Proposal| (of.expires, of.nonce) = (NOW + 2 * DAY, vec![98; 32].into());
    dave.propose(act(&net, &drop_all(), expires, &["dave"])).await.unwrap();
    assert_eq!(dave.states().await, [ProposalState::Open]);
}

#[tokio::test]
async fn every_call_and_refusal_is_recorded_and_the_chain_goes_on_over_a_restart() {
    let net = two_of_each().await;
    let mut dave = Desk::of(&net, "dave").await;
    dave.standing().await.unwrap();
    let mut alice = Desk::of(&net, "alice").await;
    let drain = act(&net, &Act::Drain, |_| {}, &["dave"]);
    assert_eq!(refused(alice.propose(drain.clone()).await), "NOT_PERMITTED");
    let (id, _) = dave.propose(drain).await.unwrap();
    let nobody = Some(identity("nobody", dates()));
    let mut nobody = AdminServiceClient::new(net.administer(nobody).await.unwrap().channel());
    let refused = nobody.get_standing(GetStandingRequest {}).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::PermissionDenied, "NOT_PERMITTED".to_owned()));
    let (records, head) = Desk::of(&net, "erin").await.trail().await;
    let read = |bytes: &Bytes| AuditRecord::decode(bytes.clone()).unwrap();
    let all: Vec<AuditRecord> = records.iter().map(read).collect();
    let said: Vec<_> = all.iter().map(|of| (&of.who[..], &of.call[..], &of.outcome[..])).collect();
    assert_eq!(
        said,
        [
            ("operator/dave", "GetStanding", "ok"),
            ("registrar/alice", "Propose", "NOT_PERMITTED"),
            ("operator/dave", "Propose", "ok"),
            ("", "GetStanding", "NOT_PERMITTED"),
            ("auditor/erin", "GetAudit", "ok"),
        ]
    );
    let says = format!("drain, signed by {}", digits("dave"));
    assert_eq!((&all[2].subject, &all[2].says, all[2].at), (&id, &says, NOW));
    assert_eq!(verify(&net.replica().directory, &records, &head).unwrap().0, 5);
    let mut erin = Desk::of(&net, "erin").await;
    for (start, limit, found) in
        [(2, 1, &records[1..2]), (0, 2, &records[..2]), (3, 0, &records[2..3])]
    {
        let page = erin.0.get_audit(GetAuditRequest { start, limit }).await.unwrap().into_inner();
        assert_eq!(page.records, found, "{start}, {limit}");
    }
    let (store, directory) = (net.store.clone(), net.replica().directory.clone());
    let (ca, (open, _)) = (net.ca.clone(), net.stop().await);
    let trust = Trust::new(dates());
    assert_eq!(trust.ca, ca);
    let net = TestNet::serve(open, store, trust).await;
    let (records, head) = Desk::of(&net, "erin").await.trail().await;
    assert_eq!(verify(&directory, &records, &head).unwrap().0, 9);
    // Whoever changes, drops or swaps one is found.
    for (what, spoil) in [
        ("cut", Box::new(|of: &mut Vec<Bytes>| drop(of.pop())) as Box<dyn FnOnce(&mut Vec<Bytes>)>),
        ("dropped", Box::new(|of| drop(of.remove(1)))),
        ("swapped", Box::new(|of| of.swap(1, 2))),
        (
            "changed",
            Box::new(|of| {
                let mut record = read(&of[1]);
                record.outcome = "ok".to_owned();
                of[1] = record.encode_to_vec().into();
            }),
        ),
    ] {
        let mut spoilt = records.clone();
        spoil(&mut spoilt);
        let found = verify(&directory, &spoilt, &head).unwrap_err();
        assert_eq!(found.reason.code(), "AUDIT_ALTERED", "{what}");
    }
    let forged = says::sign(
        Kind::AuditHead,
        Envelope::parse(&head, 4_096).unwrap().payload().to_vec(),
        &names(&["log"]),
    );
    assert_eq!(verify(&directory, &records, &forged).unwrap_err().reason.code(), "AUDIT_HEAD");
}

/// Where the service does not run: what two operators signed is in a file, names every mailbox, and is
/// used once.
#[tokio::test]
async fn mailboxes_begin_anew_by_what_two_operators_signed() {
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let replica = net.replica();
    let sent = fr.compose(&[&jp], &replica, &net.open.ambient);
    net.client(&fr.tls()).await.submit(sent.envelope).await.unwrap();
    let net = with_two_of_each(net).await;
    let of = |party: &Party, epoch| vec![(party.contact.clone(), epoch)];
    let week = |of: &mut Proposal| of.expires = NOW + limits::PROPOSAL_SECONDS;
    let approval =
        |mailboxes: Vec<_>, by: &[&str]| Some(act(&net, &Act::NewEpoch(mailboxes), week, by));
    let both = ["dave", "fred"];
    let (another_one, another_epoch) = (approval(of(&fr, 2), &both), approval(of(&jp, 3), &both));
    let another = Some(act(&net, &Act::Drain, week, &both));
    let alone = approval(of(&jp, 2), &["dave"]);
    let epoch = Act::NewEpoch(of(&jp, 2));
    let changed = |change: fn(&mut Proposal)| Some(act(&net, &epoch, change, &both));
    let over = changed(|of| of.expires = NOW);
    let too_long = changed(|of| of.expires = NOW + limits::PROPOSAL_SECONDS + 1);
    let moved = changed(|of| of.base -= 1);
    let good = approval(of(&jp, 2), &both);
    let approval_id = Envelope::parse(good.as_ref().unwrap(), limits::PROPOSAL_BYTES).unwrap();
    let approval_id = Bytes::copy_from_slice(approval_id.digest().as_bytes());
    let (store, trust) = (net.store.clone(), Trust::new(dates()));
    let (open, _) = net.stop().await;
    let begin = async |approved: Option<Bytes>| {
        let which = Which { all: true, approved, ..Which::default() };
        let (blobs, settings) = (open.blobs(), open.settings());
        epochs::begin_anew(store.clone(), blobs, Open::keys(), settings, &which).await
    };
    let stands = async || {
        let found = store.read(&[keys::of(&Key::Mailbox(jp.contact.clone()))]).await.unwrap();
        found.revision(&keys::of(&Key::Mailbox(jp.contact.clone())))
    };
    let before = stands().await;
    assert!(matches!(begin(None).await, Err(CannotStart::NotApproved { needed: 2 })));
    for other in [another_one, another_epoch] {
        assert!(matches!(begin(other).await, Err(CannotStart::NotInApproval { epoch: 2, .. })));
    }
    assert!(matches!(begin(another).await, Err(CannotStart::AnotherAct("drain"))));
    assert!(matches!(
        begin(alone).await,
        Err(CannotStart::Approval(Refusal::BelowThreshold { .. }))
    ));
    for (other, reason) in
        [(over, "PROPOSAL_EXPIRED"), (too_long, "PROPOSAL_TOO_LONG"), (moved, "BASE_MOVED")]
    {
        let Err(CannotStart::Approval(why)) = begin(other).await else { panic!("{reason}") };
        assert_eq!(why.code(), reason);
    }
    assert_eq!(stands().await, before, "nothing was done");
    assert_eq!(begin(good.clone()).await.unwrap().len(), 1);
    // It was used: what would begin now is another epoch.
    assert!(matches!(begin(good).await, Err(CannotStart::NotInApproval { epoch: 3, .. })));
    // What may have been approved before the store went back counts for nothing.
    let net = TestNet::serve(open, store, trust).await;
    let (records, _) = Desk::of(&net, "erin").await.trail().await;
    let record = AuditRecord::decode(records[0].clone()).unwrap();
    assert_eq!((&record.call[..], &record.subject), ("new-epoch", &approval_id));
    let mut signed = both.map(digits);
    signed.sort();
    assert_eq!(record.says, format!("{}, epoch 2, signed by {}", jp.contact, signed.join(" ")));
    let mut dave = Desk::of(&net, "dave").await;
    net.open.clock.set(NOW + 60);
    let earlier = act(&net, &drop_all(), |of| of.expires = NOW + DAY, &["dave", "fred"]);
    assert_eq!(refused(dave.propose(earlier).await), "PROPOSAL_BEFORE_RESTORE");
    let later = act(&net, &drop_all(), week, &["dave", "fred"]);
    let (id, _) = dave.propose(later).await.unwrap();
    assert!(dave.carry_out(&id).await.is_ok());
}

/// The process is killed between the commit by which an act is used and what it is to do.
#[tokio::test]
async fn an_act_that_was_cut_off_is_used_and_the_next_start_says_that_nobody_knows_more() {
    let net = with_two_of_each(TestNet::on(Engine::Redb).await).await;
    let mut dave = Desk::of(&net, "dave").await;
    let proposed = act(&net, &drop_all(), |_| {}, &["dave", "fred"]);
    let (id, _) = dave.propose(proposed).await.unwrap();
    dave.carry_out(&id).await.unwrap();
    let came_to = async |desk: &mut Desk| {
        let all = ListProposalsRequest { all: true, ..Default::default() };
        let listed = desk.0.list_proposals(all).await.unwrap().into_inner().proposals;
        listed[0].came_to.clone()
    };
    assert_eq!(came_to(&mut dave).await, "0 connections were closed");
    drop(dave);
    // As the kill leaves it.
    let open = closed(net).await;
    let store = open.place().open(NAME).await.unwrap();
    let key = Key::Proposal(Digest::try_from(&id[..]).unwrap());
    let found = store.read(&[keys::of(&key)]).await.unwrap();
    let Ok(Value::Proposal(mut kept)) = codec::decode(&key, found.value(&keys::of(&key)).unwrap())
    else {
        panic!("a proposal")
    };
    kept.end.as_mut().unwrap().came_to = Some(String::new());
    let put = (keys::of(&key), codec::encode(&Value::Proposal(kept)));
    store.commit(Write::new([], [put], []).unwrap().into()).await.unwrap();
    drop(store);
    let net = again(open).await;
    for _ in 0..2 {
        net.service.record_start().await;
    }
    let mut dave = Desk::of(&net, "dave").await;
    let says = came_to(&mut dave).await;
    assert!(says.contains("the service ended before it was known what came of it"), "{says}");
    assert_eq!(refused(dave.carry_out(&id).await), "PROPOSAL_ENDED");
    let (records, _) = Desk::of(&net, "erin").await.trail().await;
    let records = records.iter().map(|record| AuditRecord::decode(record.clone()).unwrap());
    let cut: Vec<_> = records.filter(|record| record.call == "cut-off").collect();
    assert!(cut.len() == 1 && cut[0].subject == id && cut[0].says == says, "{cut:?}");
}

/// What has ended is known until it expires: neither is it carried out, nor given up again.
#[tokio::test]
async fn whose_ended_proposals_are_too_many_is_told_when_there_is_room_again() {
    let net = two_of_each().await;
    let mut dave = Desk::of(&net, "dave").await;
    let drain = |n: u64| {
        let change = |of: &mut Proposal| {
            of.nonce = [&[7; 24], &n.to_be_bytes()[..]].concat().into();
            of.expires = NOW + DAY + n;
        };
        act(&net, &Act::Drain, change, &["dave"])
    };
    let most = limits::PROPOSALS_KNOWN_OF_ONE as u64;
    for n in 0..most {
        let (id, _) = dave.propose(drain(n)).await.unwrap();
        dave.abort(&id).await.unwrap();
    }
    let full = dave.propose(drain(most)).await.unwrap_err();
    assert_eq!(refusal(&full).1, "TOO_MANY_PROPOSALS");
    let says = full.message();
    assert!(
        says.contains("256") && says.contains("have ended") && !says.contains("abort"),
        "{says}"
    );
    assert!(says.contains(&moment::exactly(NOW + DAY)), "{says}");
    net.open.clock.set(NOW + DAY);
    dave.propose(drain(most)).await.unwrap();
}

/// Older data, taken for the newest: what may have been used behind it is not used again.
#[tokio::test]
async fn a_store_that_went_back_uses_no_act_from_before() {
    let net = with_two_of_each(TestNet::on(Engine::Redb).await).await;
    let both = ["dave", "fred"];
    let proposed = act(&net, &drop_all(), |_| {}, &both);
    let (id, _) = Desk::of(&net, "dave").await.propose(proposed).await.unwrap();
    let older = closed(net).await;
    let net = again(older.copy()).await;
    let another = act(&net, &drop_all(), |of| of.nonce = vec![8; 32].into(), &both);
    let mut dave = Desk::of(&net, "dave").await;
    let (second, _) = dave.propose(another.clone()).await.unwrap();
    for used in [&id, &second] {
        assert!(matches!(dave.carry_out(used).await.unwrap(), Done::Act(_)));
    }
    drop(dave);
    let newer = closed(net).await;
    for (way, high_water, saved) in [
        ("an older copy", true, false),
        ("an older copy without high-water file", false, false),
        ("what was salvaged of one", true, true),
    ] {
        let open = older.copy();
        match high_water {
            true => drop(std::fs::copy(newer.high_water(), open.high_water()).unwrap()),
            false => std::fs::remove_file(open.high_water()).unwrap(),
        }
        if saved {
            let folder = tempfile::tempdir().unwrap();
            let to = Site::new(Engine::Redb, folder.path().join("store"));
            salvaged(&open, &to).await;
            put_back(&open, &to);
        }
        service::mark_anew(&open.place(), &Open::keys(), &open.settings()).await.unwrap();
        let net = again(open).await;
        let mut dave = Desk::of(&net, "dave").await;
        assert_eq!(refused(dave.carry_out(&id).await), "PROPOSAL_BEFORE_RESTORE", "{way}");
        let unknown = dave.propose(another.clone()).await;
        assert_eq!(refused(unknown), "PROPOSAL_BEFORE_RESTORE", "{way}");
        drop(dave);
        net.stop().await;
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_read_has_its_record() {
    let net = TestNet::memory().await;
    let dave = net.administer(Some(identity("dave tls", dates()))).await.unwrap();
    let mut grpc = tonic::client::Grpc::new(dave.channel());
    grpc.ready().await.unwrap();
    // A number in the place of a publication.
    let codec = tonic_prost::ProstCodec::<u64, ()>::default();
    let path = "/liaison.v1.AdminService/Propose".parse().unwrap();
    grpc.unary(tonic::Request::new(7), path, codec).await.unwrap_err();
    let (records, _) = Desk::of(&net, "erin").await.trail().await;
    let read = records.iter().map(|record| AuditRecord::decode(record.clone()).unwrap());
    let found: Vec<_> = read.map(|of| (of.who, of.call, of.outcome)).collect();
    let expected = ["operator/dave", "Propose", "NOT_CANONICAL"].map(str::to_owned);
    assert!(found.contains(&expected.into()), "{found:?}");
}

/// A disk that strangers write to has an end: what has no record is counted.
#[tokio::test]
async fn of_strangers_only_so_many_refusals_are_recorded() {
    let net = TestNet::memory().await;
    let nobody = net.administer(None).await.unwrap();
    let mut nobody = AdminServiceClient::new(nobody.channel());
    let most = usize::try_from(limits::STRANGERS_RECORDED).unwrap();
    for _ in 0..most + 5 {
        assert!(nobody.get_standing(GetStandingRequest {}).await.is_err());
    }
    let (records, _) = Desk::of(&net, "erin").await.trail().await;
    assert_eq!(records.len(), most + 1);
    let last = AuditRecord::decode(records.last().unwrap().clone()).unwrap();
    assert_eq!((&last.call[..], last.unrecorded), ("GetAudit", 5));
    // They hide nothing of what a seat tries there, and it fills no more.
    let [fr] = net.parties(["fr"]).await;
    let seat = net.administer(Some(identity(&fr.tls(), dates()))).await.unwrap();
    let mut seat = AdminServiceClient::new(seat.channel());
    for _ in 0..most + 5 {
        assert!(seat.get_standing(GetStandingRequest {}).await.is_err());
    }
    let mut erin = Desk::of(&net, "erin").await;
    let (after, _) = erin.trail().await;
    assert_eq!(after.len(), records.len() + most + 1);
    // The count begins anew with the record that says it, and they with the hour.
    let (after, _) = erin.trail().await;
    assert_eq!(AuditRecord::decode(after.last().unwrap().clone()).unwrap().unrecorded, 0);
    net.open.clock.set(NOW + 3_600);
    assert!(nobody.get_standing(GetStandingRequest {}).await.is_err());
    let (records, _) = erin.trail().await;
    assert_eq!(records.len(), after.len() + 2);
}

/// Who is told to wait has no record, and is counted.
#[tokio::test]
async fn who_is_told_to_wait_is_counted_in_the_next_record() {
    let mut open = home(Engine::Memory);
    open.limits.reads = Quota::new(2, 3_600);
    let store = open.found().await;
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    let mut dave = Desk::of(&net, "dave").await;
    for _ in 0..2 {
        dave.standing().await.unwrap();
    }
    for _ in 0..3 {
        assert_eq!(dave.standing().await.unwrap_err().code(), Code::ResourceExhausted);
    }
    let (records, _) = Desk::of(&net, "erin").await.trail().await;
    let last = AuditRecord::decode(records.last().unwrap().clone()).unwrap();
    assert_eq!((records.len(), last.unrecorded), (3, 3));
}

/// Who asked for what, about what, from where, and what came of it.
#[tokio::test]
async fn a_record_says_who_asked_for_what_and_what_came_of_it() {
    let net = two_of_each().await;
    let mut dave = Desk::of(&net, "dave").await;
    let proposed = act(&net, &drop_all(), |_| {}, &["dave"]);
    let (id, _) = dave.propose(proposed.clone()).await.unwrap();
    assert_eq!(refused(dave.carry_out(&id).await), "BELOW_THRESHOLD");
    dave.approve(&id, &["fred"], &proposed).await.unwrap();
    dave.carry_out(&id).await.unwrap();
    assert_eq!(refused(dave.abort(&id).await), "PROPOSAL_ENDED");
    assert_eq!(refused(dave.carry_out(&Bytes::from_static(&[7; 3])).await), "INVALID_FIELD");
    dave.0.drop_sessions(DropSessionsRequest { sessions: Vec::new() }).await.unwrap();
    assert_eq!(
        refused(dave.0.drop_sessions(DropSessionsRequest { sessions: vec![9] }).await),
        "UNKNOWN_SESSION"
    );
    let stage = StageServiceKeyRequest { r#use: ServiceKeyUse::Relay.into() };
    dave.0.stage_service_key(stage).await.unwrap();
    let mut alice = Desk::of(&net, "alice").await;
    let admission = says::admission(&net.replica(), "at").signed_by(&["alice", "bob"]);
    let (statement, _) = alice.propose(admission.bytes()).await.unwrap();
    alice.carry_out(&statement).await.unwrap();
    let (records, _) = Desk::of(&net, "erin").await.trail().await;
    let read = |bytes: &Bytes| AuditRecord::decode(bytes.clone()).unwrap();
    let all: Vec<AuditRecord> = records.iter().map(read).collect();
    let all_but = "all connections are closed but those of the administration";
    let staged = net.service.stage_key(OwnKey::Relay).await.unwrap().id.to_string();
    let (of, none) = (&id, &Bytes::new());
    let by = |what: &str, keys: &[&str]| {
        let mut keys: Vec<String> = keys.iter().map(|of| digits(of)).collect();
        keys.sort();
        format!("{what}, signed by {}", keys.join(" "))
    };
    let (first, second) = (by("drop-sessions", &["dave"]), by("drop-sessions", &["fred"]));
    let admitted = by("admission", &["alice", "bob"]);
    for (record, (who, call, about, says, outcome)) in all.iter().zip([
        ("operator/dave", "Propose", of, &first[..], "ok"),
        ("operator/dave", "CarryOut", of, "drop-sessions", "BELOW_THRESHOLD"),
        ("operator/dave", "Approve", of, &second[..], "ok"),
        ("operator/dave", "CarryOut", of, "drop-sessions", "ok"),
        ("service", "done", of, "0 connections were closed", "ok"),
        ("operator/dave", "Abort", of, "", "PROPOSAL_ENDED"),
        ("operator/dave", "CarryOut", none, "", "INVALID_FIELD"),
        ("operator/dave", "DropSessions", none, all_but, "ok"),
        ("operator/dave", "DropSessions", none, "the connections 9 are closed", "UNKNOWN_SESSION"),
        ("operator/dave", "StageServiceKey", none, "relay key", "ok"),
        ("service", "staged", none, &staged[..], "ok"),
        ("registrar/alice", "Propose", &statement, &admitted[..], "ok"),
        ("registrar/alice", "CarryOut", &statement, "admission", "ok"),
        ("auditor/erin", "GetAudit", none, "", "ok"),
    ]) {
        let found = (
            &record.who[..],
            &record.call[..],
            &record.subject,
            &record.says[..],
            &record.outcome[..],
        );
        assert_eq!(found, (who, call, about, says, outcome), "{}", record.number);
        let whence = match who.split_once('/') {
            Some((_, id)) => (key_id(&format!("{id} tls")).as_bytes().to_vec(), "127.0.0.0/24"),
            None => (Vec::new(), ""),
        };
        assert_eq!((record.key_id.to_vec(), &record.network[..]), whence, "{}", record.number);
    }
    assert_eq!(all.len(), 14);
}

#[tokio::test]
async fn sessions_are_listed_and_dropped_and_nobody_is_barred() {
    let net = TestNet::memory().await;
    let [fr] = net.parties(["fr"]).await;
    let net = with_two_of_each(net).await;
    let connection = net.connect(Some(identity(&fr.tls(), dates()))).await.unwrap();
    let mut member = Client::over(&connection);
    let mut stream = member.collect(0, true).await.unwrap();
    soon("the head", stream.message()).await.unwrap();
    let mut dave = Desk::of(&net, "dave").await;
    let listed = dave.0.list_sessions(ListSessionsRequest {}).await.unwrap().into_inner().sessions;
    let of_fr = listed.iter().find(|of| of.who == fr.seat().as_str()).unwrap();
    assert_eq!(
        (&of_fr.group[..], of_fr.since, of_fr.administration),
        ("X25519MLKEM768", NOW, false)
    );
    assert!(listed.iter().any(|of| of.who == "operator/dave" && of.administration));
    let drop = |sessions| DropSessionsRequest { sessions };
    let dropped =
        dave.0.drop_sessions(drop(vec![of_fr.number])).await.unwrap().into_inner().dropped;
    assert_eq!(dropped, 1);
    let ended = async { while let Ok(Some(_)) = stream.message().await {} };
    soon("the end of the stream", ended).await;
    // The log calls that by its name.
    let counts = net.service.telemetry().counts();
    let said = |kind: &str| counts.iter().find(|(of, _)| *of == kind).unwrap().1;
    assert_eq!((said("dropped"), said("made_room")), (1, 0));
    // Whoever comes again is let in.
    assert!(member.directory.get_checkpoint(GetCheckpointRequest {}).await.is_ok());
    let unknown = dave.0.drop_sessions(drop(vec![9_999])).await;
    assert_eq!(refused(unknown), "UNKNOWN_SESSION");
    let all = dave.0.drop_sessions(drop(Vec::new())).await.unwrap().into_inner().dropped;
    assert_eq!(all, 1, "all but those of the administration");
    assert!(dave.0.drop_sessions(drop(Vec::new())).await.is_ok(), "the third");
    let often = dave.0.drop_sessions(drop(Vec::new())).await;
    assert_eq!(refused(often), "SECOND_OPERATOR_NEEDED");
    let proposed = act(&net, &drop_all(), |_| {}, &["dave", "fred"]);
    let (id, _) = dave.propose(proposed).await.unwrap();
    let mut again = net.client(&fr.tls()).await;
    let mut stream = again.collect(0, true).await.unwrap();
    soon("the head", stream.message()).await.unwrap();
    assert!(matches!(dave.carry_out(&id).await.unwrap(), Done::Act(_)));
    let ended = async { while let Ok(Some(_)) = stream.message().await {} };
    soon("the end of the stream", ended).await;
}

/// A key that nobody lists any more asks for nothing, and the one that took its place does.
#[tokio::test]
async fn who_leaves_the_charter_is_out_at_the_next_call() {
    let net = two_of_each().await;
    let mut fred = Desk::of(&net, "fred").await;
    fred.standing().await.unwrap();
    let next = says::charter(&net.replica()).with(|of| of.operators.retain(|of| of.id != "fred"));
    net.say(next.signed_by(&["alice", "bob"])).await;
    assert_eq!(refused(fred.standing().await), "NOT_PERMITTED");
}

/// Two more operators, each with the program in a home of his own.
async fn operators(net: &TestNet) -> [Office; 2] {
    let made = ["gina", "hugo"].map(|id| {
        let owner = Owner::Operator(id.parse().unwrap());
        Office::of_person(net, &owner)
    });
    let people = made.each_ref().map(|(_, person)| person.clone());
    let next = says::charter(&net.replica()).with(|of| of.operators.extend(people));
    net.say(next).await;
    made.map(|(office, _)| office)
}

#[tokio::test]
async fn who_is_not_asked_names_the_whole_id() {
    let net = TestNet::memory().await;
    let [mut gina, mut hugo] = operators(&net).await;
    let proposed = said(&mut gina, &["admin", "propose", "drop-sessions", "--yes"]).await;
    let id = proposed["id"].as_str().unwrap();
    for short in [&id[..4], &id[..12], &id[..63]] {
        for what in ["approve", "commit", "abort"] {
            let refused = hugo.run(&["admin", what, short, "--yes"]).await.unwrap_err();
            assert_eq!((refused.reason.code(), refused.family), ("WHOLE_ID_NEEDED", Family::Usage));
        }
        // Who is asked is shown it in full, whole id and all.
        assert_eq!(
            hugo.run(&["admin", "approve", short]).await.unwrap_err().reason.code(),
            "NOT_AGREED"
        );
        let shown = said(&mut hugo, &["admin", "approve", short, "--dry-run"]).await;
        assert_eq!(shown["id"], id);
    }
    let signed = said(&mut hugo, &["admin", "approve", id, "--yes"]).await;
    assert_eq!(signed["waits_for"], json!([]));
}

/// Who lost the answer gives the command again, and hears that it is done.
#[tokio::test]
async fn what_is_done_already_is_told_and_is_no_fault() {
    let net = TestNet::memory().await;
    let [mut gina, mut hugo] = operators(&net).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let proposed = said(&mut gina, &["admin", "propose", "drop-sessions", "--yes"]).await;
        ids.push(proposed["id"].as_str().unwrap().to_owned());
    }
    let [done, given_up, over] = &ids[..] else { panic!("three") };
    let decide = |what, id| ["admin", what, id, "--yes"];
    said(&mut hugo, &decide("approve", done)).await;
    let first = said(&mut hugo, &decide("commit", done)).await;
    assert!(first["done"].is_string() && first["already"].is_null(), "{first}");
    let first = said(&mut gina, &decide("abort", given_up)).await;
    assert_eq!((&first["aborted"], &first["already"]), (&json!(true), &json!(null)));
    let records = Desk::of(&net, "erin").await.trail().await.0.len();
    for (what, id, by) in [("commit", done, "operator/hugo"), ("abort", given_up, "operator/gina")]
    {
        let again = said(&mut gina, &decide(what, id)).await;
        let expected = json!({ "id": id, "already": true, "by": by, "at": NOW });
        assert_eq!(again, expected, "{what}");
    }
    let (after, _) = Desk::of(&net, "erin").await.trail().await;
    let calls = after.iter().skip(records).map(|of| AuditRecord::decode(of.clone()).unwrap().call);
    assert!(
        calls.into_iter().all(|call| call != "CarryOut" && call != "Abort"),
        "nothing was asked"
    );
    // What came to nothing is an error, with what to type.
    net.open.clock.set(NOW + limits::PROPOSAL_SECONDS - 1);
    for (what, id, reason) in [
        ("commit", given_up, "PROPOSAL_ENDED"),
        ("abort", done, "PROPOSAL_ENDED"),
        ("approve", done, "PROPOSAL_ENDED"),
        ("commit", over, "PROPOSAL_EXPIRED"),
    ] {
        let refused = gina.run(&decide(what, id)).await.unwrap_err();
        assert_eq!((refused.reason.code(), refused.family), (reason, Family::Refused), "{what}");
        assert!(refused.mend.is_some(), "{what}");
        let gave_up = refused.sentence.contains("operator/gina gave it up at");
        assert_eq!(gave_up, *id == *given_up, "{}", refused.sentence);
    }
}

/// After an honest restore there is one way on, and it loses no evidence.
#[tokio::test]
async fn an_auditor_begins_anew_and_keeps_what_contradicts() {
    let net = TestNet::memory().await;
    let owner = Owner::Auditor("iris".parse().unwrap());
    let (mut iris, person) = Office::of_person(&net, &owner);
    net.say(says::charter(&net.replica()).with(|of| of.auditors.push(person))).await;
    const AUDIT: [&str; 2] = ["admin", "audit"];
    const ANEW: [&str; 3] = ["admin", "audit", "--anew"];
    said(&mut iris, &AUDIT).await;
    let folder = iris.path().join("directories").join(NAME);
    // The relay had signed more than it has now.
    let head = std::fs::read(folder.join("audit-head")).unwrap();
    let head = Envelope::parse(&head, limits::HEADER_BYTES).unwrap();
    let mut lost = proto::AuditHead::decode(head.payload().clone()).unwrap();
    (lost.count, lost.chain) = (lost.count + 100, vec![7; 32].into());
    let lost = says::sign(Kind::AuditHead, lost.encode_to_vec(), &names(&["relay"]));
    std::fs::write(folder.join("audit-head"), &lost).unwrap();
    let refused = iris.run(&AUDIT).await.unwrap_err();
    assert_eq!(
        (refused.reason.code(), refused.family),
        ("AUDIT_WENT_BACK", Family::VerificationFailed)
    );
    assert!(liaison::words::mend(&refused).unwrap().contains("liaison admin audit --anew"));
    // Nobody begins anew unasked.
    assert_eq!(iris.run(&ANEW).await.unwrap_err().reason.code(), "NOT_AGREED");
    assert_eq!(std::fs::read(folder.join("audit-head")).unwrap(), lost);
    let anew = [&ANEW[..], &["--yes"]].concat();
    let begun = said(&mut iris, &anew).await;
    let aside = folder.join("audit-before-1");
    assert_eq!(begun["set_aside"], json!(aside));
    assert_eq!(std::fs::read(aside.join("audit-head")).unwrap(), lost);
    assert!(aside.join("audit").exists() && aside.join("audit-head-contradicting").exists());
    // A trail that goes on is left alone.
    for again in [&AUDIT[..], &anew[..]] {
        let went_on = said(&mut iris, again).await;
        assert_eq!(went_on["set_aside"], json!(null));
        assert!(went_on["count"].as_u64() > begun["count"].as_u64());
    }
    assert!(!folder.join("audit-before-2").exists());
}

/// A disk on which somebody only looks has an end, too: what changes something is recorded all the same.
#[tokio::test]
async fn of_one_person_only_so_many_looks_and_refusals_are_recorded_and_every_change() {
    const RECORDED: usize = 600;
    let net = two_of_each().await;
    let (mut dave, mut erin) = (Desk::of(&net, "dave").await, Desk::of(&net, "erin").await);
    for _ in 0..RECORDED {
        dave.standing().await.unwrap();
    }
    dave.standing().await.unwrap();
    let unknown = Bytes::from_static(&[1; 32]);
    assert_eq!(refused(dave.carry_out(&unknown).await), "UNKNOWN_PROPOSAL");
    assert_eq!(refused(dave.carry_out(&unknown.slice(1..)).await), "INVALID_FIELD");
    let drain = act(&net, &Act::Drain, |_| {}, &["dave"]);
    let (id, _) = dave.propose(drain.clone()).await.unwrap();
    // It adds nothing to what lies there.
    dave.propose(drain).await.unwrap();
    dave.abort(&id).await.unwrap();
    let said = |of: &AuditRecord| (of.who.clone(), of.call.clone(), of.unrecorded);
    let newest = |records: &[Bytes], behind: usize| -> Vec<_> {
        let read = |of: &Bytes| said(&AuditRecord::decode(of.clone()).unwrap());
        records[behind..].iter().map(read).collect()
    };
    let told = |who: &str, call: &str, unrecorded| (who.to_owned(), call.to_owned(), unrecorded);
    let (records, head) = erin.trail().await;
    verify(&net.replica().directory, &records, &head).unwrap();
    assert_eq!(
        newest(&records, RECORDED),
        [
            told("operator/dave", "Propose", 3),
            told("operator/dave", "Abort", 1),
            // Nobody uses up another one's.
            told("auditor/erin", "GetAudit", 0),
        ]
    );
    net.open.clock.set(NOW + 3_600);
    dave.standing().await.unwrap();
    let (records, _) = erin.trail().await;
    assert_eq!(newest(&records, RECORDED + 3)[0], told("operator/dave", "GetStanding", 0));
}

/// Else one could close the desk for all: whoever is against a proposal does not sign it.
#[tokio::test]
async fn only_who_brought_a_proposal_gives_it_up() {
    let net = two_of_each().await;
    let (mut dave, mut fred) = (Desk::of(&net, "dave").await, Desk::of(&net, "fred").await);
    let renew = act(&net, &Act::RenewNode, |_| {}, &["dave"]);
    let (id, _) = dave.propose(renew.clone()).await.unwrap();
    // Nor does it become his by bringing it again.
    fred.propose(renew).await.unwrap();
    let told = fred.abort(&id).await.unwrap_err();
    assert_eq!(refusal(&told), (Code::PermissionDenied, "PROPOSAL_OF_ANOTHER".to_owned()));
    for said in ["operator/dave brought it", "does not sign", "it expires at 2027-"] {
        assert!(told.message().contains(said), "{}", told.message());
    }
    assert_eq!(fred.states().await, [ProposalState::Open]);
    dave.abort(&id).await.unwrap();
    let (mut alice, mut bob) = (Desk::of(&net, "alice").await, Desk::of(&net, "bob").await);
    let admission = says::admission(&net.replica(), "at").signed_by(&["alice"]);
    let (id, _) = alice.propose(admission.bytes()).await.unwrap();
    assert_eq!(refused(bob.abort(&id).await), "PROPOSAL_OF_ANOTHER");
    alice.abort(&id).await.unwrap();
}

/// Its place is free again, though it cannot even be read under the directory of now.
#[tokio::test]
async fn what_has_become_impossible_is_given_up() {
    let net = two_of_each().await;
    net.say(says::listing(&net.replica(), "mt").signed_by(&["alice", "bob"])).await;
    net.say(says::attested(&net.replica(), "mt/csirt").signed_by(&["alice", "bob"])).await;
    let mut alice = Desk::of(&net, "alice").await;
    let withdrawal = |issued_at| {
        let said = says::withdrawal(&net.replica(), "mt/csirt");
        said.with(|of| of.issued_at = issued_at).signed_by(&["alice", "bob"]).bytes()
    };
    let (first, _) = alice.propose(withdrawal(NOW)).await.unwrap();
    let (second, _) = alice.propose(withdrawal(NOW - 1)).await.unwrap();
    alice.carry_out(&first).await.unwrap();
    assert_eq!(alice.states().await, [ProposalState::CarriedOut, ProposalState::Overtaken]);
    alice.abort(&second).await.unwrap();
    assert_eq!(alice.states().await, [ProposalState::CarriedOut, ProposalState::Aborted]);
}

/// A clock that was set back makes nothing count that was over.
#[tokio::test]
async fn an_act_for_good_is_not_carried_out_while_the_clock_is_in_doubt() {
    let net = two_of_each().await;
    let mut dave = Desk::of(&net, "dave").await;
    let both = ["dave", "fred"];
    let retire = Act::RetireKey(net.service.stage_key(OwnKey::Log).await.unwrap().id);
    let (retire, _) = dave.propose(act(&net, &retire, |_| {}, &both)).await.unwrap();
    let (drop, _) = dave.propose(act(&net, &drop_all(), |_| {}, &both)).await.unwrap();
    net.open.clock.set(NOW + DAY);
    assert_eq!(refused(dave.carry_out(&retire).await), "PROPOSAL_EXPIRED");
    net.open.clock.leap(NOW + 60);
    assert_eq!(refused(dave.carry_out(&retire).await), "CLOCK_IN_DOUBT");
    assert!(net.service.is_clock_in_doubt());
    let authority = StageServiceKeyRequest { r#use: ServiceKeyUse::Authority.into() };
    let staged = dave.0.stage_service_key(authority).await;
    assert_eq!(refused(staged), "CLOCK_IN_DOUBT", "it would have wrong dates");
    assert!(dave.carry_out(&drop).await.is_ok(), "it can be taken back");
}

/// What nobody signed in time is proposed again, and shows nothing of a State meanwhile.
#[tokio::test]
async fn an_expired_statement_shows_no_facets_and_is_proposed_again() {
    let net = two_of_each().await;
    net.say(says::listing(&net.replica(), "mt").signed_by(&["alice", "bob"])).await;
    let mut alice = Desk::of(&net, "alice").await;
    let said: says::Said = says::attested(&net.replica(), "mt/csirt").signed_by(&["alice"]).into();
    let publication = Some(said.into_publication());
    let facets = |proposal: &liaison::wire::v1::Proposal| {
        proposal.publication.as_ref().unwrap().facets.len()
    };
    let request = ProposeRequest { publication };
    let first = alice.0.propose(request.clone()).await.unwrap().into_inner().proposal.unwrap();
    assert_eq!(facets(&first), 1);
    net.open.clock.set(first.expires);
    let all = ListProposalsRequest { all: true, ..Default::default() };
    let listed = alice.0.list_proposals(all).await.unwrap().into_inner().proposals;
    assert_eq!((listed[0].state(), facets(&listed[0])), (ProposalState::Expired, 0));
    let again = alice.0.propose(request).await.unwrap().into_inner().proposal.unwrap();
    assert_eq!((&again.id, again.at, facets(&again)), (&first.id, first.expires, 1));
    assert_eq!(alice.states().await, [ProposalState::Open]);
}

/// What is over is not kept for somebody's next proposal.
#[tokio::test]
async fn what_is_over_is_forgotten_unasked() {
    let net = two_of_each().await;
    let mut dave = Desk::of(&net, "dave").await;
    let (id, _) = dave.propose(act(&net, &drop_all(), |_| {}, &["dave"])).await.unwrap();
    let net = crate::expiry::at(NOW + DAY, net).await;
    let key = keys::of(&Key::Proposal(Digest::try_from(&id[..]).unwrap()));
    let mut hints = net.store.wake(vec![key.clone()]);
    while net.store.read(std::slice::from_ref(&key)).await.unwrap().value(&key).is_some() {
        soon("that it is forgotten", hints.next()).await;
    }
    assert_eq!(Desk::of(&net, "dave").await.states().await, []);
}

/// Of hundreds of proofs none is verified for who may not propose it, or what stands already.
#[tokio::test]
async fn who_and_which_version_come_before_signatures() {
    let net = two_of_each().await;
    let (mut alice, mut dave) = (Desk::of(&net, "alice").await, Desk::of(&net, "dave").await);
    let spoil = |bytes: Bytes| -> Bytes {
        let mut dsse = proto::Dsse::decode(bytes).unwrap();
        dsse.signatures.iter_mut().for_each(|of| of.sig = vec![7; 64].into());
        dsse.encode_to_vec().into()
    };
    let next = says::charter(&net.replica()).signed_by(&["alice", "bob"]);
    let bytes = spoil(next.clone().bytes());
    assert_eq!(refused(dave.propose(bytes.clone()).await), "NOT_PERMITTED");
    assert_eq!(refused(alice.propose(bytes.clone()).await), "BAD_SIGNATURE");
    net.say(next).await;
    assert_eq!(refused(alice.propose(bytes).await), "WRONG_VERSION");
}

/// The trail says whose signatures came with a call.
#[tokio::test]
async fn a_record_names_the_keys_that_signed() {
    let net = two_of_each().await;
    let (mut dave, mut fred) = (Desk::of(&net, "dave").await, Desk::of(&net, "fred").await);
    let drain = act(&net, &Act::Drain, |_| {}, &["dave"]);
    let (id, _) = dave.propose(drain.clone()).await.unwrap();
    fred.approve(&id, &["fred"], &drain).await.unwrap();
    let (records, _) = Desk::of(&net, "erin").await.trail().await;
    let says = |at: usize| AuditRecord::decode(records[at].clone()).unwrap().says;
    assert_eq!(says(0), format!("drain, signed by {}", digits("dave")));
    assert_eq!(says(1), format!("drain, signed by {}", digits("fred")));
}

/// As the trail names a key.
fn digits(name: &str) -> String {
    hex::encode(&crate::support::key_id(name).as_bytes()[..8])
}

/// What is told to wait behind the door has no record, and is counted.
#[tokio::test]
async fn a_statement_that_is_told_to_wait_is_counted() {
    let limits = door::Limits { registrar_day: (2, 1 << 20), ..door::Limits::without_rates() };
    let open = Open { limits, ..crate::support::home(Engine::Memory) };
    let store = open.found().await;
    let trust = crate::support::Trust::new(dates());
    let net = with_two_of_each(TestNet::serve(open, store, trust).await).await;
    let mut alice = Desk::of(&net, "alice").await;
    let mut admit = async |member: &str| {
        let said = says::admission(&net.replica(), member).signed_by(&["alice", "bob"]);
        let (id, _) = alice.propose(said.bytes()).await.unwrap();
        alice.carry_out(&id).await
    };
    admit("at").await.unwrap();
    assert_eq!(refused(admit("mt").await), "BUSY");
    let (records, _) = Desk::of(&net, "erin").await.trail().await;
    let last = AuditRecord::decode(records.last().unwrap().clone()).unwrap();
    assert_eq!((&last.call[..], last.unrecorded), ("GetAudit", 1));
}
