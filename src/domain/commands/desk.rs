//! What lies on the desk is proposed, approved, given up, and used.
//!
//! In scope: the decisions. Out of scope: what a proposal is (`administration::desk`), whether a statement
//! is admitted, which the fold says. Invariants: an id is used once, and known until it expires; what is
//! committed was approved as it is, by enough who stand now.

use crate::crypto::hash::Digest;
use crate::crypto::sign::KeyId;
use crate::domain::administration::desk::{Desk, End, Kept, Lying, Proposed, permits};
use crate::domain::administration::proposal::{Act, Approved};
use crate::domain::command::{Clock, Command, Decision, World};
use crate::domain::directory::Verified;
use crate::domain::directory::facet::OpenFacet;
use crate::domain::limits;
use crate::domain::peer::AuthenticPeer;
use crate::domain::refusal::{Fault, Refusal};
use crate::domain::state::{Key, Value};
use crate::signed::dsse::{Envelope, Kind, Signature};

use super::publish::{Publish, Stands};

/// Puts a proposal on the desk. One that lies there gets the signatures that it has not.
#[derive(Debug)]
pub struct Propose {
    /// Who brings it.
    pub by: AuthenticPeer,
    /// An act or a statement, with the signatures that it came with.
    pub what: Proposed,
}

impl Command for Propose {
    type Reply = ();

    fn keys(&self) -> Vec<Key> {
        vec![Key::Desk, Key::Proposal(self.what.id())]
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<()>, Refusal> {
        permits(self.what.envelope().kind(), &self.by)?;
        let id = self.what.id();
        let kept = world.seen.proposal(&Key::Proposal(id))?;
        if kept.is_some_and(|kept| !is_over(kept.expires, world)) {
            return sign(world, &self.what);
        }
        self.what.is_next(world.directory)?;
        if let Proposed::Act(act) = &self.what {
            may_be_dated(act.act(), world.clock)?;
        }
        let mut desk = world.seen.desk(&Key::Desk)?.cloned().unwrap_or_default();
        let expires = expires(&self.what, world.now, desk.since)?;
        let by = self.by.role().holder();
        // What is over may be proposed anew: of a statement the id stays the same.
        desk.lying.retain(|lying| lying.id != id);
        has_room(&desk, &by, world.now)?;
        let deletes = forget(&mut desk, world);
        desk.lying.push(Lying { id, expires, open: true, by: by.clone() });
        let facets = match &self.what {
            Proposed::Act(_) => Vec::new(),
            Proposed::Statement(_, facets) => facets.clone(),
        };
        let kept = Kept {
            envelope: self.what.envelope().bytes().clone(),
            facets,
            by,
            at: world.now,
            expires,
            end: None,
        };
        let puts = vec![
            (Key::Desk, Value::Desk(desk)),
            (Key::Proposal(id), Value::Proposal(Box::new(kept))),
        ];
        Ok(Decision { puts, deletes, ..Decision::nothing(()) })
    }
}

/// A clock that may be wrong dates nothing that cannot be taken back. A statement is judged when it is
/// published.
fn may_be_dated(act: &Act, clock: Clock) -> Result<(), Refusal> {
    let harmless = matches!(act, Act::Drain | Act::DropSessions(_));
    if harmless || clock != Clock::InDoubt { Ok(()) } else { Err(Refusal::ClockInDoubt) }
}

/// When the id of a proposal may be forgotten.
fn expires(what: &Proposed, now: u64, since: u64) -> Result<u64, Refusal> {
    let latest = now + limits::PROPOSAL_SECONDS;
    let Proposed::Act(act) = what else { return Ok(latest) };
    let expires = act.proposal().expires;
    if expires <= now {
        return Err(Refusal::ProposalExpired { at: expires });
    }
    if expires > latest {
        return Err(Refusal::ProposalTooLong { expires, latest });
    }
    if since > 0 && expires < since + limits::PROPOSAL_SECONDS {
        return Err(Refusal::ProposalBeforeRestore { since });
    }
    Ok(expires)
}

/// What is over counts as forgotten; by a clock that may be wrong nothing is.
fn is_over(expires: u64, world: &World<'_>) -> bool {
    world.believed().is_some_and(|now| expires <= now)
}

/// Takes off the desk what is over, as much as one command may.
fn forget(desk: &mut Desk, world: &World<'_>) -> Vec<Key> {
    let over = desk.lying.extract_if(.., |lying| is_over(lying.expires, world));
    over.take(FORGOTTEN_AT_ONCE).map(|lying| Key::Proposal(lying.id)).collect()
}

/// How many are forgotten by one command.
const FORGOTTEN_AT_ONCE: usize = 256;

/// Forgets what is over, though nobody proposes anything.
#[derive(Debug)]
pub struct Forget;

impl Command for Forget {
    type Reply = ();

    fn keys(&self) -> Vec<Key> {
        vec![Key::Desk]
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<()>, Refusal> {
        let mut desk = world.seen.desk(&Key::Desk)?.cloned().unwrap_or_default();
        let deletes = forget(&mut desk, world);
        let puts = vec![(Key::Desk, Value::Desk(desk))];
        Ok(Decision { puts, deletes, ..Decision::nothing(()) })
    }
}

/// Nobody fills the desk for the others.
fn has_room(desk: &Desk, by: &str, now: u64) -> Result<(), Refusal> {
    let known = |lying: &&Lying| lying.expires > now;
    let all: Vec<&Lying> = desk.lying.iter().filter(known).collect();
    let own: Vec<&Lying> = all.iter().copied().filter(|lying| lying.by == by).collect();
    for (of, open, ever) in [
        (&own, limits::PROPOSALS_OF_ONE, limits::PROPOSALS_KNOWN_OF_ONE),
        (&all, limits::PROPOSALS, limits::PROPOSALS_KNOWN),
    ] {
        if of.iter().filter(|lying| lying.open).count() >= open {
            return Err(Refusal::TooManyProposals { limit: open as u64, until: None });
        }
        // What has ended goes by its expiry alone.
        if of.len() >= ever {
            let until = of.iter().map(|lying| lying.expires).min();
            return Err(Refusal::TooManyProposals { limit: ever as u64, until });
        }
    }
    Ok(())
}

/// Adds signatures to what lies on the desk.
#[derive(Debug)]
pub struct Approve {
    /// Who brings them.
    pub by: AuthenticPeer,
    /// The same proposal, with these signatures alone.
    pub what: Proposed,
}

impl Command for Approve {
    type Reply = ();

    fn keys(&self) -> Vec<Key> {
        vec![Key::Desk, Key::Proposal(self.what.id())]
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<()>, Refusal> {
        permits(self.what.envelope().kind(), &self.by)?;
        sign(world, &self.what)
    }
}

/// What lies there, with the signatures of this one that it has not.
fn sign(world: &World<'_>, what: &Proposed) -> Result<Decision<()>, Refusal> {
    let id = what.id();
    let kept = open(world, id)?;
    what.is_next(world.directory)?;
    let before = parse(&kept.envelope)?;
    let mut signatures = before.signatures().to_vec();
    let is_new = |new: &&Signature| before.signatures().iter().all(|old| old.key_id != new.key_id);
    signatures.extend(what.envelope().signatures().iter().filter(is_new).cloned());
    if signatures.len() == before.signatures().len() {
        return Ok(Decision::nothing(()));
    }
    signatures.sort_by_key(|signature| signature.key_id);
    let signed = Envelope::assemble(before.kind(), before.payload().clone(), signatures);
    let limit = match what {
        Proposed::Act(_) => limits::PROPOSAL_BYTES,
        Proposed::Statement(..) => limits::STATEMENT_BYTES,
    };
    if signed.bytes().len() > limit {
        let (limit, found) = (limit as u64, signed.bytes().len() as u64);
        return Err(Refusal::TooLarge { what: "proposal", limit, found });
    }
    let kept = Kept { envelope: signed.bytes().clone(), ..kept.clone() };
    let puts = vec![(Key::Proposal(id), Value::Proposal(Box::new(kept)))];
    Ok(Decision { puts, ..Decision::nothing(()) })
}

/// A proposal that lies on the desk and waits.
fn open<'a>(world: &World<'a>, id: Digest) -> Result<&'a Kept, Refusal> {
    let kept = world.seen.proposal(&Key::Proposal(id))?.ok_or(Refusal::UnknownProposal(id))?;
    match &kept.end {
        Some(End { committed, by, at, .. }) => {
            let (by, committed, at) = (by.clone(), *committed, *at);
            Err(Refusal::ProposalEnded { by, committed, at })
        }
        None if kept.expires <= world.now => Err(Refusal::ProposalExpired { at: kept.expires }),
        // It may have been used already, behind what the store has.
        None if is_act(kept)? && kept.at <= since(world)? => {
            Err(Refusal::ProposalBeforeRestore { since: since(world)? })
        }
        None => Ok(kept),
    }
}

fn is_act(kept: &Kept) -> Result<bool, Refusal> {
    Ok(parse(&kept.envelope)?.kind() == Kind::Approval)
}

/// When the store went back; 0 if it did not.
fn since(world: &World<'_>) -> Result<u64, Refusal> {
    Ok(world.seen.desk(&Key::Desk)?.map_or(0, |desk| desk.since))
}

fn parse(envelope: &[u8]) -> Result<Envelope, Refusal> {
    let unreadable = |_| Refusal::Internal(Fault::UnreadableProposal);
    Envelope::parse(envelope, limits::STATEMENT_BYTES).map_err(unreadable)
}

/// Ends a proposal: it is off the desk, and its id is known until it expires.
fn end(world: &World<'_>, id: Digest, kept: &Kept, end: End) -> Result<Vec<(Key, Value)>, Refusal> {
    let mut desk = world.seen.desk(&Key::Desk)?.cloned().unwrap_or_default();
    for lying in desk.lying.iter_mut().filter(|lying| lying.id == id) {
        lying.open = false;
    }
    let kept = Kept { end: Some(end), facets: Vec::new(), ..kept.clone() };
    let kept = (Key::Proposal(id), Value::Proposal(Box::new(kept)));
    Ok(vec![(Key::Desk, Value::Desk(desk)), kept])
}

/// Gives a proposal up, whatever has become of what it says: who brought it may.
#[derive(Debug)]
pub struct Abort {
    /// Who asks for it.
    pub by: AuthenticPeer,
    /// The id of the proposal that ends.
    pub id: Digest,
}

impl Command for Abort {
    type Reply = ();

    fn keys(&self) -> Vec<Key> {
        vec![Key::Desk, Key::Proposal(self.id)]
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<()>, Refusal> {
        let id = self.id;
        let kept = match open(world, id) {
            Err(Refusal::ProposalBeforeRestore { .. }) => {
                world.seen.proposal(&Key::Proposal(id))?
            }
            found => Some(found?),
        };
        let kept = kept.ok_or(Refusal::UnknownProposal(id))?;
        permits(parse(&kept.envelope)?.kind(), &self.by)?;
        let by = self.by.role().holder();
        if kept.by != by {
            let (by, expires) = (kept.by.clone(), kept.expires);
            return Err(Refusal::ProposalOfAnother { by, expires });
        }
        let how = End { committed: false, by, at: world.now, came_to: None };
        let puts = end(world, id, kept, how)?;
        Ok(Decision { puts, ..Decision::nothing(()) })
    }
}

/// A command by which the store went back: from here on no proposal made before counts.
#[derive(Debug)]
pub struct WentBack<C>(pub C);

impl<C: Command> Command for WentBack<C> {
    type Reply = C::Reply;

    fn keys(&self) -> Vec<Key> {
        let mut keys = self.0.keys();
        keys.push(Key::Desk);
        keys
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<C::Reply>, Refusal> {
        let mut decision = self.0.decide(world)?;
        let desk = world.seen.desk(&Key::Desk)?.cloned().unwrap_or_default();
        let desk = Desk { since: world.now, ..desk };
        decision.puts.push((Key::Desk, Value::Desk(desk)));
        Ok(decision)
    }
}

/// Uses an act that enough operators have approved. It is used before it is carried out: nobody does
/// it twice.
#[derive(Debug)]
pub struct CommitAct {
    /// Who has it carried out.
    pub by: AuthenticPeer,
    /// As it lies there.
    pub act: Box<Approved>,
}

impl Command for CommitAct {
    type Reply = Act;

    fn keys(&self) -> Vec<Key> {
        vec![Key::Desk, Key::Proposal(self.act.id())]
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<Act>, Refusal> {
        let id = self.act.id();
        let kept = open(world, id)?;
        // More may have signed since it was read.
        let standing = parse(&kept.envelope)?;
        let signed = |id: &KeyId| standing.signatures().iter().any(|of| of.key_id == *id);
        if !self.act.signers().iter().all(signed) {
            return Err(Refusal::Internal(Fault::UnkeptApproval));
        }
        self.act.rests(world.directory)?;
        self.act.is_approved(world.directory)?;
        may_be_dated(self.act.act(), world.clock)?;
        let by = self.by.role().holder();
        let how = End { committed: true, by, at: world.now, came_to: Some(String::new()) };
        let puts = end(world, id, kept, how)?;
        Ok(Decision { puts, ..Decision::nothing(self.act.act().clone()) })
    }
}

/// Keeps what came of an act that was used.
#[derive(Debug)]
pub struct CameTo {
    /// The id of the act's proposal.
    pub id: Digest,
    /// What came of it, in words for people.
    pub says: String,
}

impl Command for CameTo {
    type Reply = ();

    fn keys(&self) -> Vec<Key> {
        vec![Key::Proposal(self.id)]
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<()>, Refusal> {
        let key = Key::Proposal(self.id);
        let Some(mut kept) = world.seen.proposal(&key)?.cloned() else {
            return Ok(Decision::nothing(()));
        };
        let end = kept.end.take();
        kept.end = end.map(|end| End { came_to: Some(self.says.clone()), ..end });
        let puts = vec![(key, Value::Proposal(Box::new(kept)))];
        Ok(Decision { puts, ..Decision::nothing(()) })
    }
}

/// Publishes a statement that lies on the desk: log and desk in one commit.
#[derive(Debug)]
pub struct CommitStatement {
    by: AuthenticPeer,
    id: Digest,
    publish: Publish,
}

impl CommitStatement {
    /// The statement as it lies there.
    #[must_use]
    pub fn new(by: AuthenticPeer, verified: Verified, facets: Vec<OpenFacet>) -> Self {
        let id = verified.digest();
        Self { by, id, publish: Publish::new(verified, facets) }
    }
}

impl Command for CommitStatement {
    type Reply = Stands;

    fn keys(&self) -> Vec<Key> {
        let mut keys = self.publish.keys();
        keys.extend([Key::Desk, Key::Proposal(self.id)]);
        keys
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<Stands>, Refusal> {
        let kept = open(world, self.id)?;
        let mut decision = self.publish.decide(world)?;
        let by = self.by.role().holder();
        let how = End { committed: true, by, at: world.now, came_to: None };
        decision.puts.extend(end(world, self.id, kept, how)?);
        Ok(decision)
    }
}
