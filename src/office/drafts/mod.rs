//! Statements on their way into the log: what they say, who has signed, what is missing, whether they stand there.
//!
//! In scope: a file that somebody carries, and what was drafted just now. Out of scope: composing (`client::draft`),
//! words and questions (each face). Invariants: nothing is written here; who must sign is judged by the copy of
//! the directory that the statements are for, or said to be unknown.

mod admission;
mod at_hand;
pub mod charter;
mod hand_in;
mod record;
mod roster;
mod sign;

#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;

use crate::client::draft::{Bundle, Composed, Missing, Quorum, changes, in_words};
use crate::client::error::ClientError;
use crate::client::replica::Replica;
use crate::crypto::sign::KeyId;
use crate::domain::directory::{Directory, Policy, Statement};
use crate::signed::proto;

use super::Office;
use super::passed::{known, passed};

pub use crate::client::draft::Line;
pub use crate::domain::directory::RULES;
pub use admission::{Admission, Admitted, Admitting, Authority};
pub use at_hand::AtHand;
pub use hand_in::{HandedIn, LookedUp};
pub(in crate::office) use record::Said;
pub use record::{Asked, Drafting, Fields, Keeper, Name, NotSaid, NoteVerbale};
pub use roster::{Listed, Rostering, SeatKeys};
pub use sign::Signing;

/// Statements that are not in the log yet, as far as this home knows.
#[derive(Clone, Debug)]
pub struct Drafted {
    bundle: Bundle,
    /// The copy of a directory, if there is one; whether it is theirs, [`known`] says.
    copy: Option<Replica>,
}

/// Signatures that a statement needs still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// Whose, in words.
    pub of: String,
    /// How many are there.
    pub found: u32,
    /// How many are needed.
    pub needed: u32,
    /// Who has not signed yet.
    pub from: Unsigned,
}

/// Those who could give a signature that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// The directory knows no key that could sign.
    Nobody,
    /// Keys, not all of which have a name here.
    Keys,
    /// These registrars, by id.
    Registrars(Vec<String>),
}

/// What is lawful in a charter, and means nothing to this version or stops it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strange {
    /// A setting of this name.
    Setting(String),
    /// Rules of this number: behind it this version stops.
    Rules(u32),
}

impl Office {
    /// Reads statements that somebody carries.
    ///
    /// # Errors
    /// The text is no such file, or what it holds is refused.
    pub fn carried(&self, text: &str) -> Result<Drafted, ClientError> {
        Ok(Drafted { bundle: Bundle::read(text)?, copy: self.replica().ok() })
    }

    /// The same, where nothing can be said without a copy of the directory.
    ///
    /// # Errors
    /// As [`Office::carried`] and [`Office::replica`].
    pub fn carried_to_copy(&self, text: &str) -> Result<Drafted, ClientError> {
        Ok(Drafted { bundle: Bundle::read(text)?, copy: Some(self.replica()?) })
    }
}

impl Drafted {
    pub(super) const fn of(publications: Vec<Composed>, copy: Replica) -> Self {
        Self::carrying(Bundle::of(publications), copy)
    }

    pub(crate) const fn carrying(bundle: Bundle, copy: Replica) -> Self {
        Self { bundle, copy: Some(copy) }
    }

    /// The STATEMENT file.
    #[must_use]
    pub fn write(&self) -> String {
        self.bundle.write()
    }

    /// First what changes, then the whole.
    #[must_use]
    pub fn says(&self) -> Vec<Line> {
        let changes = changes(self.directory(), &self.bundle);
        changes.into_iter().chain(in_words(&self.bundle)).collect()
    }

    /// What of its charters this version does not know.
    #[must_use]
    pub fn strange(&self) -> Vec<Strange> {
        let charters = self.statements().filter_map(|statement| match statement {
            Statement::Charter(charter) => Some(charter),
            _ => None,
        });
        let strange = |charter: &proto::Charter| {
            let settings = charter.policy.iter().filter(|set| !Policy::NAMES.contains(&&*set.name));
            let settings = settings.map(|set| Strange::Setting(set.name.clone()));
            let rules = (charter.rules > RULES).then_some(Strange::Rules(charter.rules));
            settings.chain(rules).collect::<Vec<_>>()
        };
        charters.flat_map(strange).collect()
    }

    /// Who must still sign.
    #[must_use]
    pub fn missing(&self) -> Vec<Lacking> {
        let people = self.registrars();
        let missing = self.bundle.missing(self.directory()).into_iter();
        let lacking = missing.map(|Missing { found, quorum, .. }| {
            let Quorum { of, keys, needed, signed } = quorum;
            let unsigned = keys.keys().filter(|key| !signed.contains(key));
            let from =
                match unsigned.map(|key| people.get(key).cloned()).collect::<Option<Vec<_>>>() {
                    _ if keys.is_empty() => Unsigned::Nobody,
                    None => Unsigned::Keys,
                    Some(mut names) => {
                        names.sort();
                        Unsigned::Registrars(names)
                    }
                };
            Lacking { of, found, needed, from }
        });
        lacking.collect()
    }

    /// Whether all who must sign are known here.
    #[must_use]
    pub fn is_judged(&self) -> bool {
        self.directory().is_some() || self.is_founding()
    }

    /// Whether it begins a directory: a charter version 1 names its own signers.
    #[must_use]
    pub fn is_founding(&self) -> bool {
        self.statements().all(|statement| match statement {
            Statement::Charter(charter) => charter.targets.iter().all(|to| to.genesis.is_empty()),
            _ => false,
        })
    }

    /// Where the statements stand in the log, if all of them do.
    ///
    /// # Errors
    /// One is superseded: it can never be published.
    pub fn passed(&self) -> Result<Option<Vec<u64>>, ClientError> {
        passed(self.copy.as_ref(), &self.bundle)
    }

    fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.bundle.publications().iter().map(Composed::statement)
    }

    fn directory(&self) -> Option<&Directory> {
        known(self.copy.as_ref(), &self.bundle)
    }

    /// Each charter names its own signers besides those in force: whom it lists may sign it before he
    /// has a copy of the directory.
    fn names_one_of(&self, keys: &[KeyId]) -> bool {
        let charter = |statement: &Statement| matches!(statement, Statement::Charter(_));
        let mut quorums = self.bundle.quorums(None).into_iter().flatten();
        self.statements().all(charter)
            && quorums.any(|quorum| keys.iter().any(|key| quorum.keys.contains_key(key)))
    }

    /// The registrars in force, and those that a draft names, by their keys.
    fn registrars(&self) -> BTreeMap<KeyId, String> {
        let in_force = self.directory().into_iter();
        let in_force = in_force.flat_map(|directory| &directory.charter().registrars);
        let in_force = in_force.map(|person| (person.sign.id(), person.id.to_string()));
        let drafted = self.statements().filter_map(|statement| match statement {
            Statement::Charter(charter) => Some(&charter.registrars),
            _ => None,
        });
        let drafted = drafted
            .flatten()
            .filter_map(|person| Some((KeyId::of(&person.sign.as_ref()?.key), person.id.clone())));
        in_force.chain(drafted).collect()
    }
}
