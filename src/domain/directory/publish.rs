//! The command that publishes one statement with its facets.

use std::collections::BTreeMap;

use crate::crypto::hash::Digest;
use crate::domain::command::{Admission, Command, Decision, World};
use crate::domain::refusal::Refusal;
use crate::domain::state::{Key, Value};

use super::facet::{self, OpenFacet};
use super::{Admitted, Change, Verified, apply};

/// Publishes one verified statement. A statement carries its own right to be published: whoever
/// hands it in.
#[derive(Debug)]
pub struct Publish {
    verified: Verified,
    facets: BTreeMap<Digest, OpenFacet>,
}

impl Publish {
    /// A statement and the facets that it names: all of them, and no other.
    ///
    /// # Errors
    /// A facet is missing, superfluous or too large.
    pub fn new(verified: Verified, facets: Vec<OpenFacet>) -> Result<Self, Refusal> {
        let facets = facet::fit(verified.statement().facets(), facets)?;
        Ok(Self { verified, facets })
    }
}

impl Command for Publish {
    /// The leaf index.
    type Reply = u64;

    fn keys(&self) -> Vec<Key> {
        Vec::new()
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<u64>, Refusal> {
        let leaf = world.directory.size();
        let at = world.now.max(world.directory.admitted_at());
        match apply(world.directory, &self.verified, Admitted { leaf, at })? {
            Change::AlreadyLogged(leaf) => {
                Ok(Decision { puts: Vec::new(), deletes: Vec::new(), log: None, reply: leaf })
            }
            Change::Logged(parts) => {
                let puts = self.facets.iter();
                let puts =
                    puts.map(|(hash, facet)| (Key::Facet(*hash), Value::Facet(facet.clone())));
                let statement = self.verified.envelope().bytes().clone();
                let log = Some(Admission { statement, parts });
                Ok(Decision { puts: puts.collect(), deletes: Vec::new(), log, reply: leaf })
            }
        }
    }
}
