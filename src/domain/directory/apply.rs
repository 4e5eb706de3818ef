//! [`apply`]: what a verified statement changes. The second half of the one order of checks:
//! threshold, version, `issued_at`, content.
//!
//! Invariants: pure and total; a refusal changes nothing; a [`Change`] names every part that is
//! new, so that the service stores exactly those.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::crypto::sign::KeyId;
use crate::domain::ids::DirectoryName;
use crate::domain::limits;
use crate::domain::refusal::Refusal;

use super::charter::{self, Charter};
use super::key::KnownKey;
use super::member::{self, Member};
use super::record::{self, Contact};
use super::verify::{Statement, Verified};
use super::{Directory, Newest, revocation, roster};

/// Where and when the log takes a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Its leaf index.
    pub leaf: u64,
    /// The service's claim of the time, Unix seconds; never decreasing.
    pub at: u64,
}

/// What a statement comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is equal to the newest of its counter, which has this leaf index. It is not logged again.
    AlreadyLogged(u64),
    /// It is to be logged, and these parts are new.
    Logged(Box<Parts>),
}

/// The parts of a directory that one statement made new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The entry.
    pub admitted: Admitted,
    /// The charter, if it is another.
    pub charter: Option<Arc<Charter>>,
    /// The member, if it is another.
    pub member: Option<Arc<Member>>,
    /// The contact, if it is another.
    pub contact: Option<Arc<Contact>>,
    /// Every key whose standing is another.
    pub keys: Vec<Arc<KnownKey>>,
}

impl Parts {
    pub(super) const fn none(admitted: Admitted) -> Self {
        Self { admitted, charter: None, member: None, contact: None, keys: Vec::new() }
    }
}

/// The directory that its charter version 1, entry 0, founds.
///
/// # Errors
/// The first refusal in the order of checks.
pub fn found(
    name: &DirectoryName,
    verified: &Verified,
    admitted_at: u64,
) -> Result<(Directory, Parts), Refusal> {
    let admitted = Admitted { leaf: 0, at: admitted_at };
    let parts = charter::found(verified, admitted)?;
    let charter = parts.charter.clone().expect("charter::found makes the charter");
    let mut directory = Directory::at(name.clone(), verified.digest(), (1, admitted_at), charter);
    directory.advance(&parts);
    Ok((directory, parts))
}

/// Decides a statement on the directory at the head before it.
///
/// # Errors
/// The first refusal in the order of checks.
pub fn apply(
    directory: &Directory,
    verified: &Verified,
    admitted: Admitted,
) -> Result<Change, Refusal> {
    match verified.statement() {
        Statement::Charter(charter) => charter::apply(directory, verified, charter, admitted),
        Statement::Admission(admission) => member::admit(directory, verified, admission, admitted),
        Statement::AttestedRecord(record) => record::attest(directory, verified, record, admitted),
        Statement::Record(record) => record::publish(directory, verified, record, admitted),
        Statement::Roster(roster) => roster::publish(directory, verified, roster, admitted),
        Statement::Withdrawal(withdrawal) => {
            record::withdraw(directory, verified, withdrawal, admitted)
        }
        Statement::Revocation(revocation) => {
            revocation::apply(directory, verified, revocation, admitted)
        }
    }
}

/// At least `needed` of the keys that count have signed.
pub(super) fn threshold(
    verified: &Verified,
    counting: &BTreeSet<KeyId>,
    needed: u32,
    of: impl FnOnce() -> String,
) -> Result<(), Refusal> {
    let found = verified.signers().iter().filter(|id| counting.contains(id)).count() as u32;
    if found < needed { Err(Refusal::BelowThreshold { of: of(), needed, found }) } else { Ok(()) }
}

/// No signature is there that counts towards nothing.
pub(super) fn none_superfluous(
    verified: &Verified,
    counting: &BTreeSet<KeyId>,
) -> Result<(), Refusal> {
    let superfluous = verified.signers().iter().find(|id| !counting.contains(id));
    superfluous.map_or(Ok(()), |id| Err(Refusal::SuperfluousSignature(*id)))
}

/// The registrars' quorum has signed, and nobody else.
pub(super) fn registrars(directory: &Directory, verified: &Verified) -> Result<(), Refusal> {
    let charter = directory.charter();
    let counting = charter.registrar_keys();
    threshold(verified, &counting, charter.threshold, || "the registrars".to_owned())?;
    none_superfluous(verified, &counting)
}

/// Where a statement stands in its counter.
pub(super) enum Place {
    /// It is the newest one, again.
    Again(u64),
    /// It is the next.
    Next(Newest),
}

/// Version, then `issued_at`.
pub(super) fn place(
    newest: Option<&Newest>,
    verified: &Verified,
    admitted: Admitted,
) -> Result<Place, Refusal> {
    let statement = verified.digest();
    let found = verified.version();
    if let Some(newest) = newest
        && newest.statement == statement
    {
        return Ok(Place::Again(newest.leaf));
    }
    let expected = newest.map_or(0, |newest| newest.version) + 1;
    if found != expected {
        return Err(Refusal::WrongVersion { expected, found });
    }
    issued_at(verified, admitted, limits::ISSUED_BEFORE_SECONDS)?;
    Ok(Place::Next(Newest { version: found, leaf: admitted.leaf, statement }))
}

/// Signed at most `before` ago, and not in the future.
pub(super) fn issued_at(
    verified: &Verified,
    admitted: Admitted,
    before: u64,
) -> Result<(), Refusal> {
    let issued_at = verified.statement().issued_at();
    if issued_at > admitted.at.saturating_add(limits::CLOCK_AHEAD_SECONDS) {
        return Err(Refusal::IssuedInFuture);
    }
    if issued_at < admitted.at.saturating_sub(before) {
        return Err(Refusal::IssuedTooEarly);
    }
    Ok(())
}
