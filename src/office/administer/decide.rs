//! A proposal decided: signed, carried out, given up.
//!
//! In scope: by whom, whether that can be now, what came of it. Out of scope: asking people first (the face). Invariants:
//! who signs has seen all of it; what somebody did before is not done again.

use crate::client::administration::{Proposed, What};
use crate::client::draft::Composed;
use crate::client::error::{ClientError, Family, Side};
use crate::client::keys::{Owner, Role};
use crate::client::mend::Mend;
use crate::client::message::text::visible;
use crate::client::reach::session::Session;
use crate::client::reason::{Here, Rule};
use crate::client::replica::Replica;
use crate::domain::directory::Directory;
use crate::office::Office;
use crate::wire::v1::carry_out_response::Done;

use super::Way;
use super::seen::{Proposal, State, one};
use crate::office::passed::newest;

/// A proposal that is to be decided, and by whom.
pub struct Deciding {
    who: Owner,
    replica: Replica,
    session: Session,
    of: Proposed,
}

/// Whether something is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It can be done now.
    Open,
    /// Somebody did it before: whoever it was may have lost the answer.
    Done,
}

/// What came of a proposal that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// A statement stands in the log, at this leaf.
    Logged(u64),
    /// An act was done: the service's words.
    Act(String),
}

impl Office {
    /// The proposal whose id begins so, as the one who may decide it sees it.
    ///
    /// # Errors
    /// [`ClientError`]; there is none, or several; nobody here may.
    pub async fn deciding(&self, way: &Way, id: &str) -> Result<Deciding, ClientError> {
        let first = self.person(way, &[Role::Operator, Role::Registrar])?;
        let replica = self.synced_as(&first).await?;
        let session = self.administration(way, &first).await?;
        let directory = replica.directory()?;
        let found = session.proposals(directory, true, &id.to_ascii_lowercase()).await?;
        let of = one(found, id)?;
        let who = self.person(way, &[decided_by(&of.what)])?;
        if who == first {
            return Ok(Deciding { who, replica, session, of });
        }
        // What is for registrars alone is shown to who signs.
        let session = self.administration(way, &who).await?;
        let of = one(session.proposals(directory, true, &of.id()).await?, &of.id())?;
        Ok(Deciding { who, replica, session, of })
    }
}

impl Deciding {
    /// Who decides it.
    #[must_use]
    pub const fn who(&self) -> &Owner {
        &self.who
    }

    /// The whole of it.
    ///
    /// # Errors
    /// There is no copy of the directory.
    pub fn shown(&self) -> Result<Proposal, ClientError> {
        Ok(Proposal::of(self.replica.directory()?, &self.of))
    }

    /// Whether he may sign it now.
    ///
    /// # Errors
    /// It is overtaken, or is not what comes next, or does not wait, or is not seen whole.
    pub fn may_approve(&self, office: &Office) -> Result<Turn, ClientError> {
        may_approve(self.replica.directory()?, &self.of, &self.who, office.ambient().now())
    }

    /// Signs it.
    ///
    /// # Errors
    /// The key gives no signature; the call's.
    pub async fn approve(&self, office: &Office) -> Result<Proposal, ClientError> {
        let directory = self.replica.directory()?;
        let key = office.home.keys().signer(&self.who, office.ambient())?;
        let signature = self.of.signature(&*key, office.ambient())?;
        let of = self.session.approve(directory, &self.of.said.id, vec![signature]).await?;
        Ok(Proposal::of(directory, &of))
    }

    /// Whether it may be carried out now; whether enough have signed the service says.
    ///
    /// # Errors
    /// It is overtaken, or does not wait.
    pub fn may_carry_out(&self) -> Result<Turn, ClientError> {
        may_carry_out(self.replica.directory()?, &self.of)
    }

    /// Carries it out.
    ///
    /// # Errors
    /// The call's; it could not be carried out.
    pub async fn carry_out(&self) -> Result<Came, ClientError> {
        let done = self.session.carry_out(&self.of.said.id).await;
        came(self.replica.directory()?, &self.of, done)
    }

    /// Whether it may be given up now.
    ///
    /// # Errors
    /// It does not wait.
    pub fn may_abort(&self) -> Result<Turn, ClientError> {
        may_abort(&self.of)
    }

    /// Gives it up.
    ///
    /// # Errors
    /// The call's.
    pub async fn abort(&self) -> Result<(), ClientError> {
        self.session.abort(&self.of.said.id).await
    }
}

pub(super) const fn decided_by(what: &What) -> Role {
    match what {
        What::Act(..) => Role::Operator,
        What::Statement(_) | What::Withheld(_) => Role::Registrar,
    }
}

pub(super) fn may_approve(
    directory: &Directory,
    of: &Proposed,
    who: &Owner,
    now: u64,
) -> Result<Turn, ClientError> {
    is_not_overtaken(directory, of)?;
    of.may_be_signed(directory, now)?;
    let (Owner::Registrar(id) | Owner::Operator(id)) = who else { return Ok(Turn::Open) };
    match of.signed_by(directory).contains(&id.to_string()) {
        true => Ok(Turn::Done),
        false => Ok(Turn::Open),
    }
}

pub(super) fn may_carry_out(directory: &Directory, of: &Proposed) -> Result<Turn, ClientError> {
    if State::of(of) == State::CarriedOut {
        return Ok(Turn::Done);
    }
    is_not_overtaken(directory, of)?;
    of.waits()?;
    Ok(Turn::Open)
}

pub(super) fn may_abort(of: &Proposed) -> Result<Turn, ClientError> {
    match State::of(of) {
        State::Aborted => return Ok(Turn::Done),
        // It lies there, and comes to nothing.
        State::Overtaken => {}
        _ => of.waits()?,
    }
    Ok(Turn::Open)
}

/// What it rests on is no longer in force: no signature helps.
fn is_not_overtaken(directory: &Directory, of: &Proposed) -> Result<(), ClientError> {
    if State::of(of) != State::Overtaken {
        return Ok(());
    }
    let anew = match &of.what {
        What::Act(act, ..) => Mend::AbortThenPropose(of.id(), act.clone()),
        What::Statement(bundle) | What::Withheld(bundle) => {
            let mut drafted = bundle.publications().iter().map(Composed::statement);
            let draft = drafted.find_map(|statement| Some(newest(directory, statement)?.1));
            Mend::AbortThenDraft(of.id(), draft)
        }
    };
    let sentence = "another one was carried out first, and this one rests on what stood before: it \
                    is overtaken, for good";
    Err(ClientError::new(Side::Ours, Family::Stale, Here::ProposalOvertaken, sentence)
        .mended_by(anew))
}

/// What the service says came of it.
pub(super) fn came(
    directory: &Directory,
    of: &Proposed,
    done: Result<Option<Done>, ClientError>,
) -> Result<Came, ClientError> {
    let failed = |reason, sentence: String| {
        ClientError::new(Side::Theirs, Family::Unexpected, reason, sentence)
    };
    match done {
        Ok(Some(Done::LeafIndex(leaf))) => Ok(Came::Logged(leaf)),
        Ok(Some(Done::Act(words))) => Ok(Came::Act(words)),
        Ok(Some(Done::Failed(words))) => {
            let sentence = format!("it is used, and could not be carried out: {}", visible(&words));
            Err(failed(Here::ActFailed, sentence).mended_by(Mend::MendThenPropose))
        }
        Ok(None) => {
            let sentence = "the service does not say what came of it".to_owned();
            Err(failed(Here::NoOutcome, sentence).mended_by(Mend::ListProposals))
        }
        Err(why) if why.reason == Rule::BelowThreshold => {
            Err(why.mended_by(Mend::ApproveBy(of.id(), of.waits_for(directory))))
        }
        Err(why) => Err(why),
    }
}
