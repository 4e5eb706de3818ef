//! From bytes received to a verified statement: the first half of the one order of checks.
//!
//! In scope: size, canonical form, known kind, directory and genesis, signatures over the bytes.
//! Out of scope: whether those who signed decide, and everything after (`apply`). Invariant: a
//! [`Verified`] exists only by these checks. A key id is the hash of its key, so that a signature
//! once verified stays verified, whatever the directory becomes.

use std::collections::BTreeMap;

use prost::Message;

use crate::crypto::hash::Digest;
use crate::crypto::sign::{KeyId, VerifyingKey};
use crate::domain::ids::DirectoryName;
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::signed::canonical;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Target};

use super::Directory;
use super::key::{PublicKey, Purpose};
use super::text::sorted_set;

/// The payload of a statement.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the kinds are documented where they are applied")]
pub enum Statement {
    Charter(proto::Charter),
    Admission(proto::Admission),
    AttestedRecord(proto::AttestedRecord),
    Record(proto::Record),
    Roster(proto::Roster),
    Withdrawal(proto::Withdrawal),
    Revocation(proto::Revocation),
}

impl Statement {
    /// Reads a canonical payload of a statement kind.
    ///
    /// # Errors
    /// No statement kind, or not canonical.
    pub fn read(kind: Kind, payload: &[u8]) -> Result<Self, Refusal> {
        fn decode<M: Message + Default>(payload: &[u8]) -> Result<M, Refusal> {
            canonical::decode(payload).map_err(|_| Refusal::NotCanonical("statement"))
        }
        Ok(match kind {
            Kind::Charter => Self::Charter(decode(payload)?),
            Kind::Admission => Self::Admission(decode(payload)?),
            Kind::AttestedRecord => Self::AttestedRecord(decode(payload)?),
            Kind::Record => Self::Record(decode(payload)?),
            Kind::Roster => Self::Roster(decode(payload)?),
            Kind::Withdrawal => Self::Withdrawal(decode(payload)?),
            Kind::Revocation => Self::Revocation(decode(payload)?),
            Kind::Header
            | Kind::Message
            | Kind::Accepted
            | Kind::MailboxHead
            | Kind::Acknowledgement => {
                let (expected, found) = ("a statement", kind.payload_type());
                return Err(Refusal::UnknownKind { expected, found });
            }
        })
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Charter(_) => Kind::Charter,
            Self::Admission(_) => Kind::Admission,
            Self::AttestedRecord(_) => Kind::AttestedRecord,
            Self::Record(_) => Kind::Record,
            Self::Roster(_) => Kind::Roster,
            Self::Withdrawal(_) => Kind::Withdrawal,
            Self::Revocation(_) => Kind::Revocation,
        }
    }

    /// Its payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Charter(charter) => charter.encode_to_vec(),
            Self::Admission(admission) => admission.encode_to_vec(),
            Self::AttestedRecord(record) => record.encode_to_vec(),
            Self::Record(record) => record.encode_to_vec(),
            Self::Roster(roster) => roster.encode_to_vec(),
            Self::Withdrawal(withdrawal) => withdrawal.encode_to_vec(),
            Self::Revocation(revocation) => revocation.encode_to_vec(),
        }
    }

    /// The directories that it is for.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        match self {
            Self::Charter(charter) => &charter.targets,
            Self::Admission(admission) => &admission.targets,
            Self::AttestedRecord(record) => &record.targets,
            Self::Record(record) => &record.targets,
            Self::Roster(roster) => &roster.targets,
            Self::Withdrawal(withdrawal) => &withdrawal.targets,
            Self::Revocation(revocation) => &revocation.targets,
        }
    }

    /// When it was signed.
    #[must_use]
    pub const fn issued_at(&self) -> u64 {
        match self {
            Self::Charter(charter) => charter.issued_at,
            Self::Admission(admission) => admission.issued_at,
            Self::AttestedRecord(record) => record.issued_at,
            Self::Record(record) => record.issued_at,
            Self::Roster(roster) => roster.issued_at,
            Self::Withdrawal(withdrawal) => withdrawal.issued_at,
            Self::Revocation(revocation) => revocation.issued_at,
        }
    }

    /// The facets that it names.
    #[must_use]
    pub fn facets(&self) -> &[proto::Facet] {
        match self {
            Self::AttestedRecord(record) => &record.facets,
            Self::Record(record) => &record.facets,
            Self::Roster(roster) => &roster.facets,
            Self::Charter(_) | Self::Admission(_) | Self::Withdrawal(_) | Self::Revocation(_) => {
                &[]
            }
        }
    }

    /// Whether only registrars may say this: then it is for one directory.
    const fn of_registrars(&self) -> bool {
        matches!(self, Self::Charter(_) | Self::Admission(_) | Self::AttestedRecord(_))
    }

    /// The purposes of keys that may sign this, and how to call them.
    const fn signed_by(&self) -> (&'static [Purpose], &'static str) {
        match self {
            Self::Charter(_) | Self::Admission(_) | Self::AttestedRecord(_) => {
                (&[Purpose::PersonSign], "a registrar's key to sign with")
            }
            Self::Record(_) => (&[Purpose::Authority], "a key of the member's authority"),
            Self::Withdrawal(_) => (
                &[Purpose::Authority, Purpose::PersonSign],
                "a key of the member's authority, or of a registrar",
            ),
            Self::Roster(_) => {
                (&[Purpose::Keeper, Purpose::Authority], "the keeper's key, or the authority's")
            }
            Self::Revocation(_) => (
                &[Purpose::SeatSign, Purpose::Keeper, Purpose::Authority],
                "a seat's key to sign with, the keeper's, or the authority's",
            ),
        }
    }
}

/// A statement whose signatures are over the bytes received, and verify.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    envelope: Envelope,
    statement: Statement,
    version: u64,
    signers: Vec<KeyId>,
}

impl Verified {
    /// The bytes received, and their payload.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What it says.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Its version in this directory.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The keys whose signatures verified, sorted.
    #[must_use]
    pub fn signers(&self) -> &[KeyId] {
        &self.signers
    }

    /// Its identity.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.envelope.digest()
    }
}

/// Verifies a statement for this directory.
///
/// # Errors
/// The first of: size, canonical form, kind, directory and genesis, signatures.
pub fn verify(directory: &Directory, bytes: &[u8]) -> Result<Verified, Refusal> {
    let (envelope, statement) = read(bytes)?;
    let target = target_of(&statement, directory.name())?;
    if target.genesis != directory.genesis().as_bytes()[..] {
        return Err(Refusal::OtherGenesis);
    }
    let listed = listed_by_payload(&statement)?;
    let signers = verify_signatures(&envelope, &statement, |id| {
        let known = directory.key(id).and_then(|known| match &known.key {
            PublicKey::Verifying(key) => Some((key.clone(), known.purpose)),
            PublicKey::Sealing(_) => None,
        });
        known.or_else(|| Some((listed.get(id)?.clone(), Purpose::PersonSign)))
    })?;
    Ok(Verified { version: target.version, envelope, statement, signers })
}

/// Verifies the charter version 1 of the directory of that name: entry 0. Its genesis is its own
/// digest, so it has none.
///
/// # Errors
/// As [`verify`].
pub fn verify_founding(name: &DirectoryName, bytes: &[u8]) -> Result<Verified, Refusal> {
    let (envelope, statement) = read(bytes)?;
    let Statement::Charter(_) = &statement else {
        let (expected, found) = ("a charter", envelope.kind().payload_type());
        return Err(Refusal::UnknownKind { expected, found });
    };
    let target = target_of(&statement, name)?;
    if !target.genesis.is_empty() {
        return Err(Refusal::OtherGenesis);
    }
    let listed = listed_by_payload(&statement)?;
    let signers = verify_signatures(&envelope, &statement, |id| {
        Some((listed.get(id)?.clone(), Purpose::PersonSign))
    })?;
    Ok(Verified { version: target.version, envelope, statement, signers })
}

fn read(bytes: &[u8]) -> Result<(Envelope, Statement), Refusal> {
    let envelope = Envelope::parse(bytes, limits::STATEMENT_BYTES)
        .map_err(|why| Refusal::form("statement", "a statement", why))?;
    let statement = Statement::read(envelope.kind(), envelope.payload())?;
    Ok((envelope, statement))
}

fn target_of(statement: &Statement, name: &DirectoryName) -> Result<Target, Refusal> {
    let targets = statement.targets();
    let sorted = sorted_set("targets", targets, limits::TARGETS, |target| target.name.as_str());
    if targets.is_empty() || sorted.is_err() {
        return Err(Refusal::InvalidTargets("are not a sorted set of 1 to 16"));
    }
    if statement.of_registrars() && targets.len() != 1 {
        return Err(Refusal::InvalidTargets("of a statement of registrars are exactly one"));
    }
    let ours = targets.iter().find(|target| target.name == name.as_str());
    ours.cloned().ok_or_else(|| Refusal::OtherDirectory {
        expected: name.to_string(),
        found: targets.iter().map(|target| target.name.as_str()).collect::<Vec<_>>().join(", "),
    })
}

/// The keys that a charter lists for its own quorum.
fn listed_by_payload(statement: &Statement) -> Result<BTreeMap<KeyId, VerifyingKey>, Refusal> {
    let Statement::Charter(charter) = statement else { return Ok(BTreeMap::new()) };
    let keys = charter.registrars.iter().map(|person| {
        let key = PublicKey::verifying("registrars.sign", person.sign.as_ref())?;
        Ok((key.id(), key))
    });
    keys.collect()
}

/// Sorted, no key twice, each known, of the right purpose, and valid.
fn verify_signatures(
    envelope: &Envelope,
    statement: &Statement,
    find: impl Fn(&KeyId) -> Option<(VerifyingKey, Purpose)>,
) -> Result<Vec<KeyId>, Refusal> {
    let ids: Vec<KeyId> = envelope.signatures().iter().map(|signature| signature.key_id).collect();
    if !ids.is_sorted() {
        return Err(Refusal::SignaturesUnsorted);
    }
    if let Some(pair) = ids.windows(2).find(|pair| pair.first() == pair.last()) {
        return Err(pair
            .first()
            .map_or(Refusal::SignaturesUnsorted, |id| Refusal::DuplicateSignature(*id)));
    }
    let (purposes, needed) = statement.signed_by();
    let keys = ids.iter().map(|id| Ok((id, find(id).ok_or(Refusal::UnknownKey(*id))?)));
    let keys: Vec<(&KeyId, (VerifyingKey, Purpose))> = keys.collect::<Result<_, Refusal>>()?;
    for (id, (_, purpose)) in &keys {
        if !purposes.contains(purpose) {
            let (key, found) = (**id, purpose.name());
            return Err(Refusal::WrongPurpose { key, found, needed });
        }
    }
    for (id, (key, _)) in &keys {
        envelope.verify(key).map_err(|_| Refusal::BadSignature(**id))?;
    }
    Ok(ids)
}
