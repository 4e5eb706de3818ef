//! The service's own affairs, seen and decided by those of the charter.
//!
//! In scope: who of this home may, the desk, proposals from draft to deed, connections, the service's keys. Out of scope:
//! members, the audit trail (`audit`), words. Invariant: nobody signs or carries out what was not read here from its own
//! bytes.

pub mod decide;
pub mod paper;
pub mod propose;
pub mod seen;
pub mod service;

use crate::client::address::Address;
use crate::client::error::{ClientError, Family, Side};
use crate::client::keys::{Owner, Role};
use crate::client::mend::Mend;
use crate::client::reach::session::Session;
use crate::client::reason::Here;
use crate::client::replica::Replica;

use super::Office;

/// As whom the administration is asked, and where.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// The person named; none: the only one whose keys are here.
    pub named: Option<Owner>,
    /// Where it is; none: as the invitation says.
    pub address: Option<Address>,
}

impl Office {
    /// The person of this home who may do this: the one named, or the only one of the first of these
    /// roles that is here.
    ///
    /// # Errors
    /// The one named may not; none is here, or several.
    pub fn person(&self, way: &Way, may: &[Role]) -> Result<Owner, ClientError> {
        let owners = self.home.keys().owners()?;
        let all = may.iter().map(|role| role.name()).collect::<Vec<_>>().join(" or ");
        if let Some(named) = &way.named {
            return match role_of(named).is_some_and(|role| may.contains(&role)) {
                true => Ok(named.clone()),
                false => Err(usage(&format!("this is done as {all}, and {named} was named"))),
            };
        }
        for role in may {
            let found: Vec<&Owner> =
                owners.iter().filter(|owner| role_of(owner) == Some(*role)).collect();
            match found[..] {
                [] => {}
                [only] => return Ok(only.clone()),
                [..] => {
                    let names =
                        found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                    let sentence = format!("several people's keys are in this home: {names}");
                    let several = Here::SeveralPeople;
                    return Err(ClientError::new(Side::Ours, Family::Usage, several, sentence)
                        .mended_by(Mend::NamePerson(*role)));
                }
            }
        }
        let sentence = format!("no {all}'s keys are in the home {}", self.home.root().display());
        Err(ClientError::new(Side::Ours, Family::IdentityOrKey, Here::NoPerson, sentence)
            .mended_by(Mend::NameHome))
    }

    /// A connection to the administration, whose port does not bring the copy of the directory up to date.
    ///
    /// # Errors
    /// The service cannot be reached or believed.
    pub(super) async fn administration(
        &self,
        way: &Way,
        who: &Owner,
    ) -> Result<Session, ClientError> {
        let name = self.name()?;
        let address = way.address.clone();
        let session =
            Session::open_administration(&self.home, &name, address, who, &self.net).await;
        session.map_err(|why| self.for_operators(why))
    }

    /// The copy, as new as the service: whose a key is stands there.
    ///
    /// # Errors
    /// As [`Office::connect`]; what came does not verify.
    pub(super) async fn synced_as(&self, who: &Owner) -> Result<Replica, ClientError> {
        let session = self.connect(Some(who)).await?;
        let mut replica = self.replica()?;
        self.sync(&session, &mut replica).await?;
        Ok(replica)
    }
}

const fn role_of(owner: &Owner) -> Option<Role> {
    match owner {
        Owner::Registrar(_) => Some(Role::Registrar),
        Owner::Operator(_) => Some(Role::Operator),
        Owner::Auditor(_) => Some(Role::Auditor),
        Owner::Authority(_) | Owner::Keeper(_) | Owner::Seat(_) => None,
    }
}

/// What was asked for cannot be.
fn usage(sentence: &str) -> ClientError {
    ClientError::new(Side::Ours, Family::Usage, Here::Usage, sentence)
}

#[cfg(test)]
mod tests;
