//! Something proposed: drafted, shown, signed by who proposes it, put on the desk.
//!
//! In scope: acts of operators, statements of registrars. Out of scope: drafts of statements (`client::draft`). Invariant:
//! what is signed is what was shown.

use crate::client::administration::draft;
use crate::client::armour::{self, Kind};
use crate::client::draft::Bundle;
use crate::client::error::ClientError;
use crate::client::keys::{KeyError, Owner, Role};
use crate::client::replica::Replica;
use crate::domain::administration::proposal::{Act, Approved, needed};
use crate::office::Office;
use crate::signed::dsse::Envelope;
use crate::wire::v1;

use super::seen::{Action, Proposal, Said};
use super::{Way, usage};
use crate::office::passed::passed;

/// Where a proposal goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To the service, which shows it to the others.
    Desk,
    /// Into a file: to where the service does not run.
    File,
}

/// An act that nobody has signed yet.
pub struct DraftedAct {
    who: Owner,
    replica: Replica,
    unsigned: Envelope,
    read: Approved,
}

/// One statement that registrars sign, from its draft.
pub struct DraftedStatement {
    bundle: Bundle,
}

/// The same, before the desk that it goes to.
pub struct ForDesk {
    who: Owner,
    replica: Replica,
    bundle: Bundle,
}

impl Office {
    /// Drafts an act, on the copy of the directory as new as that place lets it be.
    ///
    /// # Errors
    /// No operator's keys are here, or several's; [`ClientError`].
    pub async fn drafted(
        &self,
        way: &Way,
        act: &Act,
        to: Destination,
    ) -> Result<DraftedAct, ClientError> {
        let who = self.person(way, &[Role::Operator])?;
        let replica = match to {
            Destination::File => self.replica()?,
            Destination::Desk => self.synced_as(&who).await?,
        };
        DraftedAct::of(self, who, replica, act)
    }

    /// The draft of a statement, before the desk.
    ///
    /// # Errors
    /// No registrar's keys are here, or several's; [`ClientError`].
    pub async fn for_desk(
        &self,
        way: &Way,
        draft: DraftedStatement,
    ) -> Result<ForDesk, ClientError> {
        let who = self.person(way, &[Role::Registrar])?;
        let replica = self.synced_as(&who).await?;
        Ok(ForDesk { who, replica, bundle: draft.bundle })
    }
}

impl DraftedAct {
    pub(super) fn of(
        office: &Office,
        who: Owner,
        replica: Replica,
        act: &Act,
    ) -> Result<Self, ClientError> {
        let directory = replica.directory()?;
        let unsigned = draft(directory, act, office.ambient());
        let read = Approved::verify(directory, unsigned.bytes())?;
        Ok(Self { who, replica, unsigned, read })
    }

    /// Its id, in hex.
    #[must_use]
    pub fn id(&self) -> String {
        hex::encode(self.read.id().as_bytes())
    }

    /// What happens, from its own bytes.
    #[must_use]
    pub fn action(&self) -> Action {
        Action::of(self.read.act(), self.read.proposal())
    }

    /// Who proposes it.
    #[must_use]
    pub const fn who(&self) -> &Owner {
        &self.who
    }

    /// How many operators must sign it.
    ///
    /// # Errors
    /// There is no copy of the directory.
    pub fn needed(&self) -> Result<u32, ClientError> {
        Ok(needed(self.replica.directory()?))
    }

    /// Refuses what is not done there.
    ///
    /// # Errors
    /// It is done in the other place.
    pub fn may_go(&self, to: Destination) -> Result<(), ClientError> {
        match (self.read.act(), to) {
            (Act::NewEpoch(_), Destination::Desk) => {
                Err(usage("a new epoch begins where the service does not run: add --out FILE"))
            }
            (Act::NewEpoch(_), Destination::File) | (_, Destination::Desk) => Ok(()),
            (_, Destination::File) => {
                Err(usage("--out is for new-epoch alone: the service has a desk for the rest"))
            }
        }
    }

    /// Signed, as a file that people carry.
    ///
    /// # Errors
    /// The key gives no signature.
    pub fn on_paper(&self, office: &Office) -> Result<String, ClientError> {
        Ok(armour::write(Kind::Proposal, &self.signed(office)?))
    }

    /// Signs it, and puts it on the desk.
    ///
    /// # Errors
    /// The key gives no signature; the call's.
    pub async fn propose(&self, office: &Office, way: &Way) -> Result<Proposal, ClientError> {
        let (directory, publication) = (self.replica.directory()?, self.signed(office)?);
        let session = office.administration(way, &self.who).await?;
        Ok(Proposal::of(directory, &session.propose(directory, publication).await?))
    }

    fn signed(&self, office: &Office) -> Result<v1::Publication, ClientError> {
        let key = office.home.keys().signer(&self.who, office.ambient())?;
        let signed = self.unsigned.add_signature(&*key, office.ambient().random());
        let signed = signed.map_err(KeyError::from)?;
        Ok(v1::Publication { statement: signed.bytes().clone(), facets: Vec::new() })
    }
}

impl DraftedStatement {
    /// Reads the file of a draft.
    ///
    /// # Errors
    /// It is none, or of several statements.
    pub fn read(text: &str) -> Result<Self, ClientError> {
        let bundle = Bundle::read(text)?;
        let [_] = bundle.publications() else {
            return Err(usage("a proposal is one statement: draft each in a file of its own"));
        };
        Ok(Self { bundle })
    }
}

impl ForDesk {
    /// What it says.
    ///
    /// # Errors
    /// There is no copy of the directory.
    pub fn said(&self) -> Result<Said, ClientError> {
        Ok(Said::of(self.replica.directory()?, &self.bundle))
    }

    /// Where it stands in the log, if it does.
    ///
    /// # Errors
    /// It is superseded: it can never be published.
    pub fn passed(&self) -> Result<Option<Vec<u64>>, ClientError> {
        passed(Some(&self.replica), &self.bundle)
    }

    /// Signs it, and puts it on the desk.
    ///
    /// # Errors
    /// The key gives no signature, or is none that counts; the call's.
    pub async fn propose(mut self, office: &Office, way: &Way) -> Result<Proposal, ClientError> {
        let directory = self.replica.directory()?;
        let key = office.home.keys().signer(&self.who, office.ambient())?;
        self.bundle.sign(Some(directory), &[&*key], office.ambient())?;
        let publication = self.bundle.to_wire().publications.pop().unwrap_or_default();
        let session = office.administration(way, &self.who).await?;
        Ok(Proposal::of(directory, &session.propose(directory, publication).await?))
    }
}
