//! An act that is done where the service does not run: its approvals in a file that people carry.

use crate::client::armour::{self, Kind};
use crate::client::error::ClientError;
use crate::client::keys::{KeyError, Owner};
use crate::client::replica::Replica;
use crate::domain::administration::proposal::{Approved, needed};
use crate::office::Office;
use crate::wire::v1;

use super::seen::Action;

/// A proposal in a file: its approvals are of operators, and verify.
pub struct Paper {
    replica: Replica,
    read: Approved,
}

/// The same with one more approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The file's text.
    pub text: String,
    /// How many approvals are there.
    pub found: usize,
    /// How many must be there.
    pub needed: u32,
}

impl Office {
    /// Reads such a file.
    ///
    /// # Errors
    /// It is none, or for another directory, or an approval does not hold.
    pub fn on_paper(&self, text: &str) -> Result<Paper, ClientError> {
        let publication: v1::Publication = armour::read(Kind::Proposal, text)?;
        let replica = self.replica()?;
        let read = Approved::verify(replica.directory()?, &publication.statement)?;
        Ok(Paper { replica, read })
    }
}

impl Paper {
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

    /// Adds the approval of this operator.
    ///
    /// # Errors
    /// His key gives no signature, or none that counts.
    pub fn signed(&self, office: &Office, who: &Owner) -> Result<Signed, ClientError> {
        let directory = self.replica.directory()?;
        let key = office.home.keys().signer(who, office.ambient())?;
        let signed = self.read.envelope().add_signature(&*key, office.ambient().random());
        let signed = signed.map_err(KeyError::from)?;
        let after = Approved::verify(directory, signed.bytes())?;
        let publication = v1::Publication { statement: signed.bytes().clone(), facets: Vec::new() };
        let text = armour::write(Kind::Proposal, &publication);
        Ok(Signed { text, found: after.signers().len(), needed: needed(directory) })
    }
}
