//! What registrars, operators and auditors ask for.
//!
//! In scope: the record of each call, proposals and what they come to, sessions, the signed head of the
//! trail. Out of scope: how a key is made, how a node's certificate is (`keys`, `node`). Invariants: a call that changes something and its
//! record are one commit; what could not be recorded is counted, and the next record says how often.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use prost::Message as _;
use tokio::sync::{self, watch};
use tokio::task::spawn_blocking;

use crate::crypto::hash::Digest;
use crate::crypto::sign::KeyId;
use crate::domain::access::{MethodType, Permit, to};
use crate::domain::administration::audit::{Call, Share, Trail};
use crate::domain::administration::desk::{Desk, End, Kept, Lying, Proposed, Unsigned, permits};
use crate::domain::administration::proposal::{self, Act, Approved};
use crate::domain::command::Command;
use crate::domain::commands::audited::{Asked, Audited, Refused};
use crate::domain::commands::desk::{
    Abort, Approve, CameTo, CommitAct, CommitStatement, Forget, Propose,
};
use crate::domain::directory::facet::OpenFacet;
use crate::domain::directory::{Directory, Statement, Verified};
use crate::domain::limits;
use crate::domain::network::Network;
use crate::domain::peer::AuthenticPeer;
use crate::domain::refusal::{Fault, OwnKey, Refusal};
use crate::domain::role::Allowed;
use crate::domain::state::{Key, Value};
use crate::moment::when;
use crate::signed::dsse::{Envelope, Kind, Signature};
use crate::signed::proto;
use crate::store::{KeyRange, keys};

use super::door::{Ask, Session};
use super::keys::{Listed, Staged};
use super::node::NodeState;
use super::telemetry::Event;
use super::{Failure, Left, Publication, Service};

/// What the administration keeps in memory.
#[derive(Default)]
pub(super) struct Office {
    /// Whether the service is to stop.
    drains: watch::Sender<bool>,
    /// Calls that no record was made of since the last one.
    unrecorded: AtomicU64,
    /// The hour, and how many records of whom it has.
    recorded: Mutex<(u64, HashMap<Share, u64>)>,
    /// Signatures of proposals are verified one proposal after the other.
    verifies: sync::Mutex<()>,
}

/// Which proposals to show.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// Also those that have ended.
    pub all: bool,
    /// Whose ids begin so, in hex.
    pub prefix: String,
    /// Behind this one.
    pub after: Option<Digest>,
}

/// A proposal as somebody sees it who looks at the desk.
#[derive(Clone, Debug)]
pub struct OnDesk {
    /// Its identity, by which calls name it.
    pub id: Digest,
    /// As it is kept.
    pub kept: Kept,
    /// What is true of it now.
    pub state: DeskState,
    /// How many operators an act needs; 0 of a statement, which says so itself.
    pub needed: u32,
}

/// What is true of a proposal now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeskState {
    /// It waits for signatures, or to be carried out.
    Open,
    /// It was carried out.
    Committed,
    /// It was given up.
    Aborted,
    /// Nobody decided in time.
    Expired,
    /// Something else came before it.
    Overtaken,
}

/// Where the service stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Of the charter in force.
    pub charter: u64,
    /// The newest checkpoint, as a signed note.
    pub checkpoint: Bytes,
    /// Of the disk.
    pub left: Left,
    /// How many connections are open.
    pub sessions: usize,
    /// How many proposals wait.
    pub proposals: usize,
    /// Of the audit trail.
    pub records: u64,
}

/// What a commit came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// A statement stands in the log, at this leaf index.
    Logged(u64),
    /// An act was carried out.
    Done(String),
    /// It is used, and could not be carried out.
    Failed(String),
}

impl Service {
    /// Turns true once the operators have decided that the service is to drain.
    #[must_use]
    pub fn drains(&self) -> watch::Receiver<bool> {
        self.shared.office.drains.subscribe()
    }

    /// Records a start, and of which acts the end before it left open what came of them. None is done
    /// again: whether it was nobody knows, and it was approved as things stood then.
    pub async fn record_start(&self) {
        self.record("start", format!("version {}", env!("CARGO_PKG_VERSION"))).await;
        let lying = self.desk().await.unwrap_or_default().lying;
        for lying in lying.into_iter().filter(|lying| !lying.open) {
            let kept = self.kept(lying.id).await.ok().flatten();
            let came_to = kept.and_then(|kept| kept.end?.came_to);
            if came_to.is_some_and(|came_to| came_to.is_empty()) {
                self.came_to("cut-off", lying.id, CUT_OFF).await;
            }
        }
    }

    /// Records what came of an act. Where the disk takes nothing, the next start says that nobody knows.
    async fn came_to(&self, outcome: &'static str, id: Digest, says: &str) {
        let call = Call::of_service(outcome, String::new()).about(id).saying(says);
        let says = call.says.clone();
        let _ = self.audited(call, CameTo { id, says }).await;
    }

    /// Records what the service does itself: a start, a stop. What cannot be recorded is counted.
    pub async fn record(&self, call: &'static str, says: String) {
        let _ = self.asked(Call::of_service(call, says)).await;
    }

    /// Records that what somebody asks who may ask is not what can be asked.
    pub async fn record_nonsense<M: MethodType>(&self, permit: &Permit<M>, refusal: &Refusal) {
        self.record_refusal(permit.call(), refusal).await;
    }

    /// Records that somebody was told no before a command could be made.
    pub(super) async fn record_refusal(&self, call: Call, refusal: &Refusal) {
        let _: Result<(), _> = self.refuse(call, refusal.clone()).await;
    }

    /// A call has no record: the next one says so.
    pub(super) fn not_recorded(&self) {
        self.shared.office.unrecorded.fetch_add(1, Ordering::Relaxed);
    }

    /// A command with its record, in one commit. What changes nothing has one if it is among the first of
    /// its hour, and there is room for everything: a disk that others write to has an end.
    pub(super) async fn audited<C: Command>(
        &self,
        call: Call,
        command: C,
    ) -> Result<C::Reply, Failure> {
        let Office { unrecorded, .. } = &self.shared.office;
        let is_spared = call.share.clone().is_some_and(|share| !self.may_record(share));
        let before = unrecorded.swap(0, Ordering::Relaxed);
        let call = Call { unrecorded: before, ..call };
        let done = self.execute(Audited::new(call, command, is_spared)).await;
        if !done.as_ref().is_ok_and(|told| told.is_recorded) {
            unrecorded.fetch_add(before + 1, Ordering::Relaxed);
        }
        Ok(done?.reply?)
    }

    fn may_record(&self, share: Share) -> bool {
        self.left() == Left::Ample && self.shared.office.may_record(share, self.now() / 3_600)
    }

    async fn refuse<T>(&self, call: Call, why: impl Into<Failure>) -> Result<T, Failure> {
        let why = why.into();
        match &why {
            Failure::Refused(refusal) => self.audited(call, Refused(refusal.clone())).await?,
            Failure::Busy(_) | Failure::Stopped => self.not_recorded(),
        }
        Err(why)
    }

    /// What is read beyond a request is counted as so many more.
    fn reads(&self, peer: &AuthenticPeer, requests: usize) -> Result<(), Failure> {
        let asked = self.door().asks(peer, Ask::Reads(requests));
        Ok(asked.inspect_err(|_| self.not_recorded())?)
    }

    /// Records what is only asked. A disk without room keeps nobody from looking.
    async fn asked(&self, call: Call) -> Result<(), Failure> {
        match self.audited(call, Asked).await {
            Err(Failure::Refused(Refusal::StorageFull | Refusal::StorageReadOnly)) | Ok(()) => {
                Ok(())
            }
            Err(why) => Err(why),
        }
    }

    /// Where the service stands.
    ///
    /// # Errors
    /// Busy; stopped.
    pub async fn standing(&self, permit: &Permit<to::GetStanding>) -> Result<Standing, Failure> {
        self.asked(permit.call()).await?;
        let (state, desk) = (self.state(), self.desk().await?);
        Ok(Standing {
            charter: state.directory.charter().newest.version,
            checkpoint: state.checkpoint.clone(),
            left: self.left(),
            sessions: self.door().sessions().len(),
            proposals: desk.lying.iter().filter(|of| of.open && of.expires > self.now()).count(),
            records: self.trail().await?.count,
        })
    }

    /// What lies on the desk, the oldest first, as much as fits an answer; and the id behind which it goes
    /// on. Details of States are for registrars alone.
    ///
    /// # Errors
    /// Busy; stopped; a proposal cannot be read.
    pub async fn proposals(
        &self,
        permit: &Permit<to::ListProposals>,
        which: Which,
    ) -> Result<(Vec<OnDesk>, Option<Digest>), Failure> {
        let (directory, now) = (self.state(), self.now());
        let with_facets = Allowed::REGISTRARS.admits(permit.peer().role());
        let (mut found, mut bytes) = (Vec::new(), 0);
        let lying = self.desk().await?.lying;
        let lying = lying.iter().skip_while(|of| which.after.is_some_and(|after| of.id != after));
        let behind = lying.skip(usize::from(which.after.is_some()));
        let named = |id: &Digest| hex::encode(id.as_bytes()).starts_with(&which.prefix);
        let wanted: Vec<&Lying> =
            behind.filter(|of| (of.open || which.all) && named(&of.id)).collect();
        self.reads(permit.peer(), wanted.len())?;
        self.asked(permit.call()).await?;
        for lying in wanted {
            let Some(kept) = self.kept(lying.id).await? else { continue };
            let facets = kept.facets.iter().map(|facet| facet.bytes.len()).sum::<usize>();
            bytes += kept.envelope.len() + facets;
            let mut of = on_desk(&directory.directory, now, lying.id, kept);
            if !with_facets {
                of.kept.facets.clear();
            }
            found.push(of);
            if bytes > limits::DESK_BYTES {
                return Ok((found, Some(lying.id)));
            }
        }
        Ok((found, None))
    }

    /// Puts a proposal on the desk, or adds to one that lies there the signatures that it has not.
    ///
    /// # Errors
    /// What the rules refuse; busy; stopped.
    pub async fn propose(
        &self,
        permit: &Permit<to::Propose>,
        publication: Publication,
    ) -> Result<OnDesk, Failure> {
        let (by, call) = (permit.peer().clone(), permit.call());
        match self.proposed(&by, publication).await {
            Err(why) => self.refuse(call, why).await,
            Ok(what) => {
                let (id, call) = (what.id(), said(call, &what));
                self.audited(call, Propose { by, what }).await?;
                self.on_the_desk(id).await
            }
        }
    }

    /// What is brought, verified. Who may and which version is asked before signatures.
    async fn proposed(
        &self,
        by: &AuthenticPeer,
        Publication { statement, facets }: Publication,
    ) -> Result<Proposed, Failure> {
        let directory = &self.state().directory;
        let read = Unsigned::read(directory, &statement)?;
        permits(read.envelope().kind(), by)?;
        if self.kept(read.envelope().digest()).await?.is_none() {
            read.is_next(directory)?;
        }
        let what = self.verified(read, facets).await?;
        self.can_be_done(&what)?;
        Ok(what)
    }

    /// Verifies beside the requests: a charter has hundreds of signatures and proofs.
    async fn verified(&self, read: Unsigned, facets: Vec<OpenFacet>) -> Result<Proposed, Refusal> {
        let _alone = self.shared.office.verifies.lock().await;
        let service = self.clone();
        let verified = spawn_blocking(move || read.verify(&service.state().directory, facets));
        verified.await.unwrap_or(Err(Refusal::Internal(Fault::UnverifiedProposal)))
    }

    /// Adds signatures to a proposal.
    ///
    /// # Errors
    /// What the rules refuse; busy; stopped.
    pub async fn approve(
        &self,
        permit: &Permit<to::Approve>,
        id: Digest,
        mut signatures: Vec<Signature>,
    ) -> Result<OnDesk, Failure> {
        signatures.sort_by_key(|signature| signature.key_id);
        let (by, call) = (permit.peer().clone(), permit.call().about(id));
        match self.signed(id, signatures).await {
            Err(why) => self.refuse(call, why).await,
            Ok(what) => {
                self.audited(said(call, &what), Approve { by, what }).await?;
                self.on_the_desk(id).await
            }
        }
    }

    /// What could not be done is neither proposed nor used.
    fn can_be_done(&self, what: &Proposed) -> Result<(), Refusal> {
        let Proposed::Act(act) = what else { return Ok(()) };
        match act.act() {
            Act::NewEpoch(_) => Err(Refusal::NotWhileServing(act.act().name())),
            Act::RetireKey(id) => {
                let may = self.shared.keys.may_retire(id, &self.state().directory);
                may.map(drop).map_err(Refusal::from)
            }
            Act::RenewNode | Act::Drain | Act::DropSessions(_) => Ok(()),
        }
    }

    /// What is kept, with these signatures alone, verified.
    async fn signed(&self, id: Digest, signatures: Vec<Signature>) -> Result<Proposed, Failure> {
        let kept = self.waiting(id).await?;
        let kept_as = parse(&kept.envelope)?;
        let signed = Envelope::assemble(kept_as.kind(), kept_as.payload().clone(), signatures);
        let read = Unsigned::read(&self.state().directory, signed.bytes())?;
        Ok(self.verified(read, kept.facets).await?)
    }

    /// What is kept, with the signatures of who stands now, verified for who may carry it out.
    async fn standing_as(&self, id: Digest, by: &AuthenticPeer) -> Result<Proposed, Failure> {
        let kept = self.waiting(id).await?;
        let directory = &self.state().directory;
        let read = Unsigned::read(directory, &standing(directory, &kept.envelope)?)?;
        permits(read.envelope().kind(), by)?;
        let what = self.verified(read, kept.facets).await?;
        if let Err(why) = self.can_be_done(&what) {
            // Perhaps somebody did it meanwhile.
            self.waiting(id).await?;
            return Err(why.into());
        }
        Ok(what)
    }

    /// One that has not ended.
    async fn waiting(&self, id: Digest) -> Result<Kept, Failure> {
        let kept = self.kept(id).await?.ok_or(Refusal::UnknownProposal(id))?;
        match kept.end {
            Some(End { committed, by, at, .. }) => {
                Err(Refusal::ProposalEnded { by, committed, at }.into())
            }
            None => Ok(kept),
        }
    }

    /// Carries out what enough have signed.
    ///
    /// # Errors
    /// What the rules refuse; busy; stopped.
    pub async fn carry_out(
        &self,
        permit: &Permit<to::CarryOut>,
        id: Digest,
    ) -> Result<Committed, Failure> {
        let (by, call) = (permit.peer().clone(), permit.call().about(id));
        match self.standing_as(id, &by).await {
            Err(why) => self.refuse(call, why).await,
            Ok(Proposed::Act(act)) => self.commit_act(call, by, act).await,
            Ok(Proposed::Statement(statement, facets)) => {
                self.commit_statement(call, by, *statement, facets).await
            }
        }
    }

    async fn commit_act(
        &self,
        call: Call,
        by: AuthenticPeer,
        act: Box<Approved>,
    ) -> Result<Committed, Failure> {
        let (id, name) = (act.id(), act.act().name());
        let act = self.audited(call.saying(name), CommitAct { by, act }).await?;
        let done = self.perform(&act).await;
        let (outcome, says) = match &done {
            Ok(says) => ("done", says),
            Err(why) => ("failed", why),
        };
        self.came_to(outcome, id, says).await;
        Ok(done.map_or_else(Committed::Failed, Committed::Done))
    }

    async fn perform(&self, act: &Act) -> Result<String, String> {
        match act {
            Act::DropSessions(numbers) => {
                let dropped = self.door().drop_sessions(numbers);
                Ok(format!("{dropped} connections were closed"))
            }
            Act::RenewNode => {
                let node = self.renew_node().await.map_err(|why| why.to_string())?;
                Ok(format!("the node has a new certificate, until {}", when(node.until)))
            }
            Act::RetireKey(id) => {
                let key = self.retire_key(*id).await.map_err(|why| why.to_string())?;
                Ok(format!("the private {} {} is deleted", key.of.name(), key.id))
            }
            Act::Drain => {
                self.telemetry().say(&Event::Drains);
                self.shared.office.drains.send_replace(true);
                Ok("the service ends its streams and stops".to_owned())
            }
            // Refused when it was proposed.
            Act::NewEpoch(_) => Err(Refusal::NotWhileServing(act.name()).to_string()),
        }
    }

    async fn commit_statement(
        &self,
        call: Call,
        by: AuthenticPeer,
        verified: Verified,
        facets: Vec<OpenFacet>,
    ) -> Result<Committed, Failure> {
        let mut _alone = None;
        if let Statement::Charter(charter) = verified.statement() {
            _alone = Some(self.shared.rotating.lock().await);
            if let Err(refusal) = self.goes_on_under(charter) {
                return self.refuse(call, refusal).await;
            }
        }
        let bytes = facets.iter().map(|facet| facet.bytes.len()).sum::<usize>();
        let bytes = bytes + verified.envelope().bytes().len();
        let logged = self.door().logs(None, bytes, &self.state().directory.charter().policy);
        let logged = match logged {
            Ok(logged) => logged,
            Err(busy) => return self.refuse(call, busy).await,
        };
        let call = call.saying(verified.statement().kind().name());
        let done = self.audited(call, CommitStatement::new(by, verified, facets)).await;
        match done {
            Ok(stands) => {
                if stands.already {
                    logged.give_back();
                }
                Ok(Committed::Logged(stands.leaf))
            }
            Err(why) => {
                if !matches!(why, Failure::Stopped) {
                    logged.give_back();
                }
                Err(why)
            }
        }
    }

    /// Gives a proposal up.
    ///
    /// # Errors
    /// What the rules refuse; busy; stopped.
    pub async fn abort(&self, permit: &Permit<to::Abort>, id: Digest) -> Result<(), Failure> {
        let by = permit.peer().clone();
        self.audited(permit.call().about(id), Abort { by, id }).await
    }

    /// Forgets proposals that are over.
    pub(super) async fn forget_proposals(&self) -> Result<(), Failure> {
        let now = self.now();
        match self.desk().await?.lying.iter().any(|lying| lying.expires <= now) {
            true => self.execute_in_turn(Forget).await,
            false => Ok(()),
        }
    }

    /// The connections that are open, by number, each with whose key it has now.
    ///
    /// # Errors
    /// Busy; stopped.
    pub async fn sessions(
        &self,
        permit: &Permit<to::ListSessions>,
    ) -> Result<Vec<(u64, Session, AuthenticPeer)>, Failure> {
        let sessions = self.door().sessions();
        self.reads(permit.peer(), sessions.len() / limits::SESSIONS_OF_A_READ)?;
        self.asked(permit.call()).await?;
        let sessions = sessions.into_iter().map(|(number, session)| {
            let network = Network::of(session.remote.ip());
            (number, session, self.peer(session.key.as_ref(), network))
        });
        Ok(sessions.collect())
    }

    /// Closes connections: these, or all but those of the administration.
    ///
    /// # Errors
    /// One is not open; too often by one operator alone; busy; stopped.
    pub async fn drop_sessions(
        &self,
        permit: &Permit<to::DropSessions>,
        numbers: Vec<u64>,
    ) -> Result<usize, Failure> {
        let call = permit.call().saying(Act::DropSessions(numbers.clone()).to_string());
        let open = self.door().sessions();
        let is_gone =
            |number: &&u64| open.binary_search_by_key(*number, |(open, _)| *open).is_err();
        if let Some(number) = numbers.iter().find(is_gone) {
            return self.refuse(call, Refusal::UnknownSession(*number)).await;
        }
        if self.door().asks(permit.peer(), Ask::Drop).is_err() {
            let (often, _) = limits::DROPS_OF_AN_OPERATOR;
            return self.refuse(call, Refusal::SecondOperatorNeeded { often }).await;
        }
        self.audited(call.always(), Asked).await?;
        // One that has closed since is no fault.
        Ok(self.door().drop_sessions(&numbers))
    }

    /// Every key of the service's own that is here.
    ///
    /// # Errors
    /// Busy; stopped.
    pub async fn service_keys(
        &self,
        permit: &Permit<to::ListServiceKeys>,
    ) -> Result<(Vec<Listed>, Option<NodeState>), Failure> {
        self.asked(permit.call()).await?;
        Ok((self.own_keys(), self.node()))
    }

    /// A key for the next charter: the one that was staged before, or a new one. It gives nobody any right:
    /// that the charter does.
    ///
    /// # Errors
    /// It cannot be kept; busy; stopped.
    pub async fn stage_service_key(
        &self,
        permit: &Permit<to::StageServiceKey>,
        of: OwnKey,
    ) -> Result<Staged, Failure> {
        let call = permit.call().saying(of.name());
        // An authority has dates.
        if of == OwnKey::Authority && self.is_clock_in_doubt() {
            return self.refuse(call, Refusal::ClockInDoubt).await;
        }
        self.audited(call.always(), Asked).await?;
        let staged = self.stage_key(of).await;
        let (outcome, says) = match &staged {
            Ok(staged) => ("staged", staged.id.to_string()),
            Err(why) => ("not-staged", why.to_string()),
        };
        let _ = self.asked(Call::of_service(outcome, String::new()).saying(says)).await;
        staged.map_err(|why| Refusal::from(why).into())
    }

    /// A page of the audit trail, and the signed head that stands behind it.
    ///
    /// # Errors
    /// Busy; stopped; a record cannot be read.
    pub async fn audit(
        &self,
        permit: &Permit<to::GetAudit>,
        start: u64,
        limit: u32,
    ) -> Result<(Vec<Bytes>, Bytes), Failure> {
        self.asked(permit.call()).await?;
        let state = self.state();
        let trail = self.trail().await?;
        let most = u64::from(limit).clamp(1, limits::AUDIT_PAGE as u64);
        let (first, last) = (start.max(1), start.max(1).saturating_add(most - 1));
        let records = self.records(first, last.min(trail.count)).await?;
        let (directory, view) = (&state.directory, state.head);
        let bytes = |digest: &Digest| Bytes::copy_from_slice(digest.as_bytes());
        let head = proto::AuditHead {
            directory: Some(proto::Directory {
                name: directory.name().to_string(),
                genesis: bytes(&directory.genesis()),
            }),
            count: trail.count,
            chain: bytes(&trail.chain),
            at: self.now(),
            view: Some(view.to_proto()),
        };
        let head = self.sign(Kind::AuditHead, &head.encode_to_vec(), view.size)?;
        Ok((records, head.ok_or(Failure::Stopped)?))
    }

    /// These, the last included: one look at the store, as for a page of the log.
    async fn records(&self, first: u64, last: u64) -> Result<Vec<Bytes>, Failure> {
        let Some(count) = last.checked_sub(first).map(|behind| behind + 1) else {
            return Ok(Vec::new());
        };
        let [from, to] = [first, last + 1].map(|number| keys::of(&Key::Record(number)));
        let page = self.shared.store.scan(KeyRange::new(from, to), count as u32).await;
        let page = page.map_err(|why| self.broken(&why))?;
        let records: Vec<Bytes> = page.entries.into_iter().map(|(_, _, record)| record).collect();
        if records.len() as u64 == count { Ok(records) } else { Err(Refusal::StoreDamaged.into()) }
    }

    async fn trail(&self) -> Result<Trail, Failure> {
        Ok(match self.value(&Key::Trail).await? {
            Some(Value::Trail(trail)) => trail,
            Some(_) | None => Trail::empty(self.state().directory.genesis()),
        })
    }

    async fn desk(&self) -> Result<Desk, Failure> {
        Ok(match self.value(&Key::Desk).await? {
            Some(Value::Desk(desk)) => desk,
            Some(_) | None => Desk::default(),
        })
    }

    async fn kept(&self, id: Digest) -> Result<Option<Kept>, Failure> {
        Ok(match self.value(&Key::Proposal(id)).await? {
            Some(Value::Proposal(kept)) => Some(*kept),
            Some(_) | None => None,
        })
    }

    async fn on_the_desk(&self, id: Digest) -> Result<OnDesk, Failure> {
        let kept = self.kept(id).await?.ok_or(Refusal::UnknownProposal(id))?;
        Ok(on_desk(&self.state().directory, self.now(), id, kept))
    }
}

impl Office {
    /// Nobody hides what the others try.
    fn may_record(&self, share: Share, hour: u64) -> bool {
        let most = share.most();
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        if recorded.0 != hour {
            *recorded = (hour, HashMap::new());
        }
        let count = recorded.1.entry(share).or_default();
        *count += 1;
        *count <= most
    }
}

/// What is said of an act that was used.
const CUT_OFF: &str = "the service ended before it was known what came of it: look at its keys and sessions, \
                       and propose it anew if it was not done";

fn parse(envelope: &[u8]) -> Result<Envelope, Refusal> {
    Envelope::parse(envelope, limits::STATEMENT_BYTES).map_err(|_| Refusal::StoreDamaged)
}

/// What the trail says of a proposal.
fn said(call: Call, what: &Proposed) -> Call {
    let word = match what {
        Proposed::Act(act) => act.act().name(),
        Proposed::Statement(statement, _) => statement.statement().kind().name(),
    };
    let keys = what.envelope().signatures().iter().map(|signature| &signature.key_id);
    call.about(what.id()).saying(word).signed_by(keys)
}

/// Without the signatures of keys that have ended since: they count no more, and spoil nothing.
fn standing(directory: &Directory, envelope: &[u8]) -> Result<Bytes, Refusal> {
    let kept = parse(envelope)?;
    let mut signatures = kept.signatures().to_vec();
    let ended = |id: &KeyId| directory.key(id).is_some() && directory.in_force(id).is_err();
    signatures.retain(|signature| !ended(&signature.key_id));
    let standing = Envelope::assemble(kept.kind(), kept.payload().clone(), signatures);
    Ok(standing.bytes().clone())
}

/// Its signatures were verified when they came.
fn on_desk(directory: &Directory, now: u64, id: Digest, kept: Kept) -> OnDesk {
    let mut kept = match standing(directory, &kept.envelope) {
        Ok(envelope) if kept.end.is_none() => Kept { envelope, ..kept },
        Ok(_) | Err(_) => kept,
    };
    let read = Unsigned::read(directory, &kept.envelope);
    let state = match &kept.end {
        Some(end) if end.committed => DeskState::Committed,
        Some(_) => DeskState::Aborted,
        None if kept.expires <= now => DeskState::Expired,
        None if read.as_ref().is_ok_and(|what| what.is_next(directory).is_err()) => {
            DeskState::Overtaken
        }
        None => DeskState::Open,
    };
    if !matches!(state, DeskState::Open | DeskState::Overtaken) {
        kept.facets.clear();
    }
    let is_act = parse(&kept.envelope).is_ok_and(|envelope| envelope.kind() == Kind::Approval);
    let needed = if is_act { proposal::needed(directory) } else { 0 };
    OnDesk { id, kept, state, needed }
}
