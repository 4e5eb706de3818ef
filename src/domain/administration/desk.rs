//! The desk: what was proposed and waits for signatures, and what became of it.
//!
//! In scope: acts of operators, and statements that the registrars sign (of those the statement itself
//! is the proposal); who decides about which. Out of scope: what is done with them (`commands::desk`).

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::domain::directory::facet::{self, OpenFacet};
use crate::domain::directory::{Directory, Unverified, Verified};
use crate::domain::limits;
use crate::domain::peer::AuthenticPeer;
use crate::domain::refusal::Refusal;
use crate::domain::role::Allowed;
use crate::signed::dsse::{Envelope, Kind};

use super::proposal::Approved;

/// What lies on the desk, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desk {
    /// In the order in which they came.
    pub lying: Vec<Lying>,
    /// No proposal that may have been made before counts, Unix seconds: the store went back there.
    pub since: u64,
}

/// One proposal on the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lying {
    /// Its identity, as [`Proposed::id`] gives it.
    pub id: Digest,
    /// Until when its id is known.
    pub expires: u64,
    /// Whether it waits.
    pub open: bool,
    /// Who brought it.
    pub by: String,
}

/// A proposal as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// A Dsse with the signatures so far.
    pub envelope: Bytes,
    /// Of a statement: its facets.
    pub facets: Vec<OpenFacet>,
    /// Who brought it.
    pub by: String,
    /// When, Unix seconds.
    pub at: u64,
    /// Until when it holds, Unix seconds.
    pub expires: u64,
    /// What became of it, once something did.
    pub end: Option<End>,
}

/// The end of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Whether it was carried out: else it was given up.
    pub committed: bool,
    /// Who carried it out or gave it up, in words.
    pub by: String,
    /// When, Unix seconds.
    pub at: u64,
    /// Of an act that was used: what came of it; empty until that is known.
    pub came_to: Option<String>,
}

/// A proposal of whose signatures nothing is said.
#[derive(Debug)]
pub enum Unsigned {
    /// An act of the operators.
    Act(Box<Approved>),
    /// A statement that the registrars sign.
    Statement(Box<Unverified>),
}

impl Unsigned {
    /// Reads what is proposed: an approval, or a statement.
    ///
    /// # Errors
    /// Size, form, kind, directory and genesis; of an act its content.
    pub fn read(directory: &Directory, bytes: &[u8]) -> Result<Self, Refusal> {
        let kind = Envelope::parse(bytes, limits::STATEMENT_BYTES).map(|read| read.kind());
        if kind == Ok(Kind::Approval) {
            return Approved::read(directory, bytes).map(|act| Self::Act(Box::new(act)));
        }
        let read = Unverified::read(directory, bytes)?;
        read.is_of_registrars(directory)?;
        Ok(Self::Statement(Box::new(read)))
    }

    /// The bytes, with the signatures so far.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        match self {
            Self::Act(act) => act.envelope(),
            Self::Statement(statement) => statement.envelope(),
        }
    }

    /// As [`Proposed::is_next`].
    ///
    /// # Errors
    /// [`Refusal::WrongVersion`], [`Refusal::BaseMoved`].
    pub fn is_next(&self, directory: &Directory) -> Result<(), Refusal> {
        match self {
            Self::Act(act) => act.rests(directory),
            Self::Statement(statement) => statement.is_next(directory),
        }
    }

    /// Verifies its signatures, and what comes with it.
    ///
    /// # Errors
    /// What the fold, or [`Approved::verify`], refuses; too few signatures are no fault.
    pub fn verify(
        self,
        directory: &Directory,
        facets: Vec<OpenFacet>,
    ) -> Result<Proposed, Refusal> {
        match self {
            Self::Act(act) => act.counted(directory).map(|act| Proposed::Act(Box::new(act))),
            Self::Statement(read) => {
                let verified = read.verify(directory)?;
                let (subject, named) = verified.statement().facets();
                facet::served(named)?;
                facet::fit(subject, named, facets.clone())?;
                Ok(Proposed::Statement(Box::new(verified), facets))
            }
        }
    }
}

/// A proposal whose signatures so far are valid.
#[derive(Clone, Debug, PartialEq)]
pub enum Proposed {
    /// An act of the operators.
    Act(Box<Approved>),
    /// A statement that the registrars sign.
    Statement(Box<Verified>, Vec<OpenFacet>),
}

impl Proposed {
    /// Its identity: the digest of its envelope.
    #[must_use]
    pub fn id(&self) -> Digest {
        self.envelope().digest()
    }

    /// The bytes, with the signatures so far.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        match self {
            Self::Act(act) => act.envelope(),
            Self::Statement(statement, _) => statement.envelope(),
        }
    }

    /// It is what comes next: of a statement its version, of an act its charter.
    ///
    /// # Errors
    /// [`Refusal::WrongVersion`], [`Refusal::BaseMoved`].
    pub fn is_next(&self, directory: &Directory) -> Result<(), Refusal> {
        match self {
            Self::Act(act) => act.rests(directory),
            Self::Statement(statement, _) => statement.is_next(directory),
        }
    }
}

/// Who decides about what is of this kind: nobody does another's work.
///
/// # Errors
/// [`Refusal::NotPermitted`].
pub fn permits(kind: Kind, peer: &AuthenticPeer) -> Result<(), Refusal> {
    let needed = if kind == Kind::Approval { Allowed::OPERATORS } else { Allowed::REGISTRARS };
    if needed.admits(peer.role()) {
        return Ok(());
    }
    Err(Refusal::NotPermitted { found: peer.role().clone(), needed })
}
