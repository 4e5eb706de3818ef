//! The command that publishes one statement with its facets.

use std::collections::BTreeMap;

use crate::crypto::hash::Digest;
use crate::domain::command::{Admission, Command, Decision, World};
use crate::domain::directory::facet::{self, OpenFacet};
use crate::domain::directory::{Admitted, Dated, RULES, Statement, Verified, apply};
use crate::domain::refusal::Refusal;
use crate::domain::state::{Key, Value};

/// Publishes one verified statement. A statement carries its own right to be published: whoever
/// hands it in.
#[derive(Debug)]
pub struct Publish {
    verified: Verified,
    facets: Vec<OpenFacet>,
}

impl Publish {
    /// A statement and the facets that are handed in with it.
    #[must_use]
    pub const fn new(verified: Verified, facets: Vec<OpenFacet>) -> Self {
        Self { verified, facets }
    }

    /// When it is admitted: a charter and what is undated by the service's own clock, all else not
    /// before the directory's.
    fn admitted_at(&self, world: &World<'_>) -> Result<u64, Refusal> {
        let dated = self.verified.statement().dated();
        match (dated, world.believed()) {
            (Dated::Yes, Some(now)) => Ok(now.max(world.directory.clock())),
            (Dated::SetsClock, Some(now)) => Ok(now),
            (Dated::Yes | Dated::SetsClock, None) => Err(Refusal::ClockInDoubt),
            (Dated::No, _) => Ok(world.now),
        }
    }

    /// What the fold admits and this service does not serve yet; then the facets: all of those that
    /// the statement names, and no other.
    fn served(&self) -> Result<BTreeMap<Digest, OpenFacet>, Refusal> {
        if let Statement::Charter(charter) = self.verified.statement()
            && charter.rules > RULES
        {
            return Err(Refusal::NewerRules { found: charter.rules, known: RULES });
        }
        let (subject, named) = self.verified.statement().facets();
        facet::served(named)?;
        facet::fit(subject, named, self.facets.clone())
    }
}

/// Where a statement stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stands {
    /// Its leaf index.
    pub leaf: u64,
    /// Whether it stood there before.
    pub already: bool,
}

impl Command for Publish {
    type Reply = Stands;

    fn keys(&self) -> Vec<Key> {
        Vec::new()
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<Stands>, Refusal> {
        if let Some(leaf) = self.verified.logged(world.directory) {
            let reply = Stands { leaf, already: true };
            return Ok(Decision { puts: Vec::new(), deletes: Vec::new(), log: None, reply });
        }
        let (leaf, at) = (world.directory.size(), self.admitted_at(world)?);
        let parts = apply(world.directory, &self.verified, Admitted { leaf, at })?;
        let puts = self
            .served()?
            .into_iter()
            .map(|(hash, facet)| (Key::Facet(facet.subject.clone(), hash), Value::Facet(facet)));
        let statement = self.verified.envelope().bytes().clone();
        let log = Some(Admission { statement, parts });
        let reply = Stands { leaf, already: false };
        Ok(Decision { puts: puts.collect(), deletes: Vec::new(), log, reply })
    }
}
