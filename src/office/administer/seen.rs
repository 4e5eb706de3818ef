//! What lies on the desk: proposals as values, each read from its own bytes.
//!
//! In scope: what is proposed and what it would change, how far it is, who has signed, for whom it waits. Out of scope: to
//! decide it (`decide`), its words.

use crate::client::administration::{Proposed, What as Read};
use crate::client::draft::{Bundle, Line, changes, in_words};
use crate::client::error::{ClientError, Family, Side};
use crate::client::keys::Role;
use crate::client::mend::Mend;
use crate::client::reason::Rule;
use crate::crypto::hash::Digest;
use crate::domain::administration::proposal::Act;
use crate::domain::directory::Directory;
use crate::office::Office;
use crate::signed::proto;
use crate::wire::v1::ProposalState;

use super::{Way, usage};

/// Those who may look at the desk.
pub(super) const ANY: [Role; 3] = [Role::Operator, Role::Registrar, Role::Auditor];

/// A proposal of the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Of its bytes, in hex.
    pub id: String,
    /// What is proposed.
    pub what: What,
    /// Who proposed it, as the service says: foreign text.
    pub by: String,
    /// When, Unix seconds.
    pub at: u64,
    /// Until when it can be signed, Unix seconds.
    pub expires: u64,
    /// How far it is.
    pub state: State,
    /// Who ended it, if it has ended: foreign text.
    pub ended_by: String,
    /// When it has ended, Unix seconds.
    pub ended_at: u64,
    /// What came of an act, as the service says: foreign text.
    pub came_to: String,
    /// Whose signatures are there.
    pub signed_by: Vec<String>,
    /// Whose are missing: so many more of these.
    pub waits_for: Vec<(u32, Vec<String>)>,
}

/// What is proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The operators do something.
    Act(Action),
    /// The registrars publish something.
    Statement(Said),
    /// The same; its details are not for who looks at it.
    Withheld(Said),
}

/// An act, and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What the operators do.
    pub act: Act,
    /// The name of the directory: foreign text.
    pub directory: String,
    /// The digest of its founding, if it is one.
    pub genesis: Option<Digest>,
    /// The version of the charter on which it rests.
    pub base: u64,
    /// Until when it holds, Unix seconds.
    pub expires: u64,
}

/// What a statement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The words of its kind.
    pub kinds: Vec<&'static str>,
    /// First what changes, then the whole.
    pub lines: Vec<Line>,
}

/// How far a proposal is, as the service says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for signatures, or to be carried out.
    Open,
    /// It was done.
    CarriedOut,
    /// Somebody gave it up.
    Aborted,
    /// Its time is over.
    Expired,
    /// What it rests on is no longer in force.
    Overtaken,
    /// One of a later version.
    Unknown,
}

/// Which proposals are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that have not ended.
    Waiting,
    /// Also those that have ended.
    All,
}

impl Office {
    /// What lies on the desk.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn proposals(&self, way: &Way, which: Which) -> Result<Vec<Proposal>, ClientError> {
        let who = self.person(way, &ANY)?;
        let replica = self.synced_as(&who).await?;
        let directory = replica.directory()?;
        let session = self.administration(way, &who).await?;
        let found = session.proposals(directory, which == Which::All, "").await?;
        Ok(found.iter().map(|of| Proposal::of(directory, of)).collect())
    }

    /// The proposal whose id begins so, whether it has ended or not.
    ///
    /// # Errors
    /// [`ClientError`]; there is none, or several.
    pub async fn proposal(&self, way: &Way, id: &str) -> Result<Proposal, ClientError> {
        let who = self.person(way, &ANY)?;
        let replica = self.synced_as(&who).await?;
        let directory = replica.directory()?;
        let session = self.administration(way, &who).await?;
        let found = session.proposals(directory, true, &id.to_ascii_lowercase()).await?;
        Ok(Proposal::of(directory, &one(found, id)?))
    }
}

/// The one whose id begins so.
///
/// # Errors
/// There is none, or several.
pub(super) fn one(found: Vec<Proposed>, id: &str) -> Result<Proposed, ClientError> {
    let wanted = id.to_ascii_lowercase();
    let is_long = wanted.len() >= 4;
    let mut of: Vec<Proposed> =
        found.into_iter().filter(|of| is_long && of.id().starts_with(&wanted)).collect();
    match (of.pop(), of.len()) {
        (Some(only), 0) => Ok(only),
        (Some(_), _) => Err(usage(&format!("the ids of several proposals begin with {id}"))),
        (None, _) => {
            let sentence = format!("there is no proposal {id}");
            Err(ClientError::new(Side::Ours, Family::NotFound, Rule::UnknownProposal, sentence)
                .mended_by(Mend::ListProposals))
        }
    }
}

impl Proposal {
    pub(super) fn of(directory: &Directory, of: &Proposed) -> Self {
        let what = match &of.what {
            Read::Act(act, proposal, _) => What::Act(Action::of(act, proposal)),
            Read::Statement(bundle) => What::Statement(Said::of(directory, bundle)),
            Read::Withheld(bundle) => What::Withheld(Said::of(directory, bundle)),
        };
        Self {
            id: of.id(),
            what,
            by: of.said.by.clone(),
            at: of.said.at,
            expires: of.said.expires,
            state: State::of(of),
            ended_by: of.said.ended_by.clone(),
            ended_at: of.said.ended_at,
            came_to: of.said.came_to.clone(),
            signed_by: of.signed_by(directory),
            waits_for: of.waits_for(directory),
        }
    }
}

impl Action {
    pub(super) fn of(act: &Act, proposal: &proto::Proposal) -> Self {
        let named = proposal.directory.clone().unwrap_or_default();
        Self {
            act: act.clone(),
            directory: named.name,
            genesis: Digest::try_from(&named.genesis[..]).ok(),
            base: proposal.base,
            expires: proposal.expires,
        }
    }
}

impl Said {
    pub(super) fn of(directory: &Directory, bundle: &Bundle) -> Self {
        let kinds = bundle.publications().iter().map(|of| of.statement().kind().name());
        let lines = changes(Some(directory), bundle).into_iter().chain(in_words(bundle));
        Self { kinds: kinds.collect(), lines: lines.collect() }
    }
}

impl State {
    pub(super) fn of(of: &Proposed) -> Self {
        match of.said.state() {
            ProposalState::Open => Self::Open,
            ProposalState::CarriedOut => Self::CarriedOut,
            ProposalState::Aborted => Self::Aborted,
            ProposalState::Expired => Self::Expired,
            ProposalState::Overtaken => Self::Overtaken,
            ProposalState::Unspecified => Self::Unknown,
        }
    }
}
