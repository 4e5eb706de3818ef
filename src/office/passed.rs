//! Whether statements that were drafted stand in the log already, or never can.
//!
//! In scope: the directory that they are for, the newest statement of each count. Out of scope: drafting and handing
//! in (`drafts`, `administer`). Invariant: of another directory than the copy's nothing is said.

use prost::Message as _;

use crate::client::draft::{Bundle, Composed};
use crate::client::error::{ClientError, Family, Side};
use crate::client::mend::{Draft, Mend};
use crate::client::reason::Here;
use crate::client::replica::Replica;
use crate::crypto::hash::Digest;
use crate::domain::directory::{Directory, Newest, Statement};
use crate::domain::limits;
use crate::signed::dsse::Envelope;
use crate::signed::proto;

/// Where the statements of a bundle stand in the log that a copy is of, if all of them do.
///
/// # Errors
/// One is superseded: it can never be published.
pub(super) fn passed(
    replica: Option<&Replica>,
    bundle: &Bundle,
) -> Result<Option<Vec<u64>>, ClientError> {
    let Some((replica, directory)) = replica.zip(known(replica, bundle)) else { return Ok(None) };
    let mut leaves = Vec::new();
    for publication in bundle.publications() {
        let statement = publication.statement();
        let Some((newest, draft)) = newest(directory, statement) else { continue };
        let here = statement.targets().iter().find(|target| is_here(target, directory));
        let Some(version) = here.map(|target| target.version) else { continue };
        if version > newest.version {
            continue;
        }
        let identity = Some(publication.envelope().digest());
        match replica.find(|entry| statement_of(entry) == identity)? {
            Some(leaf) => leaves.push(leaf),
            None => return Err(superseded(version, newest, draft)),
        }
    }
    Ok((leaves.len() == bundle.publications().len()).then_some(leaves))
}

fn superseded(version: u64, newest: Newest, draft: Draft) -> ClientError {
    let sentence = format!(
        "this draft is superseded: it is version {version}, and version {} is in force (entry {})",
        newest.version, newest.leaf
    );
    ClientError::new(Side::Ours, Family::Stale, Here::Superseded, sentence)
        .mended_by(Mend::DraftAnew(draft))
}

/// The newest statement of the same count, and as what the next one is drafted.
pub(super) fn newest(directory: &Directory, statement: &Statement) -> Option<(Newest, Draft)> {
    let contact = |id: &str| directory.contact(&id.parse().ok()?);
    let record = |id: &str| contact(id).map(|contact| contact.record_newest);
    Some(match statement {
        Statement::Charter(_) => (directory.charter().newest, Draft::Charter),
        Statement::Admission(admission) => {
            let member = directory.member(&admission.member.parse().ok()?)?;
            (member.newest, Draft::Admission)
        }
        Statement::AttestedRecord(said) => (record(&said.contact)?, Draft::AttestedRecord),
        Statement::Record(said) => (record(&said.contact)?, Draft::Record),
        Statement::Withdrawal(said) => (record(&said.contact)?, Draft::Withdrawal),
        Statement::Roster(said) => (contact(&said.contact)?.roster_newest?, Draft::Roster),
        Statement::Revocation(_) => return None,
        #[cfg(test)]
        Statement::Trial(_) => return None,
    })
}

/// The identity of the statement that an entry holds.
pub(super) fn statement_of(entry: &[u8]) -> Option<Digest> {
    let entry = proto::Entry::decode(entry).ok()?;
    let proto::entry::Leaf::Statement(statement) = entry.leaf?;
    Some(Envelope::parse(&statement, limits::STATEMENT_BYTES).ok()?.digest())
}

/// The directory that the statements are for, if the copy is one of it.
pub(super) fn known<'a>(replica: Option<&'a Replica>, bundle: &Bundle) -> Option<&'a Directory> {
    let directory = replica?.directory().ok()?;
    let here = |target: &proto::Target| is_here(target, directory);
    let mut each = bundle.publications().iter().map(Composed::statement);
    each.all(|statement| statement.targets().iter().any(here)).then_some(directory)
}

fn is_here(target: &proto::Target, directory: &Directory) -> bool {
    target.genesis[..] == directory.genesis().as_bytes()[..]
}

#[cfg(test)]
mod tests;
