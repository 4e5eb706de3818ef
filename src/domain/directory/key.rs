//! Public keys with their one purpose and their one holder.
//!
//! In scope: reading a key that a statement lists, and remembering whose it is. Invariant: a
//! public key belongs to one holder and purpose for ever, and once dropped or revoked it never
//! returns (design 4).

use std::fmt;

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::crypto::seal::SealingKey;
use crate::crypto::sign::{self, KeyId, VerifyingKey};
use crate::domain::ids::{ContactId, MemberId, PersonId, SeatId};
use crate::domain::refusal::Refusal;
use crate::signed::proto::{self, Algorithm};

/// What a key is for. A key has exactly one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// A registrar, operator or auditor signs.
    PersonSign,
    /// A registrar, operator or auditor connects.
    PersonTls,
    /// Checkpoints.
    Log,
    /// Accepted receipts and mailbox heads.
    Relay,
    /// Cosignatures.
    Witness,
    /// A member's authority signs.
    Authority,
    /// A contact's keeper signs.
    Keeper,
    /// A seat signs.
    SeatSign,
    /// A seat opens.
    SeatSeal,
    /// A seat connects.
    SeatTls,
}

impl Purpose {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PersonSign => "a person of the charter to sign with",
            Self::PersonTls => "a person of the charter to connect with",
            Self::Log => "the log",
            Self::Relay => "the relay",
            Self::Witness => "a witness",
            Self::Authority => "a member's authority",
            Self::Keeper => "a contact's keeper",
            Self::SeatSign => "a seat to sign with",
            Self::SeatSeal => "a seat to open messages with",
            Self::SeatTls => "a seat to connect with",
        }
    }
}

/// Whose a key is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// The service.
    Service,
    /// A witness, by name.
    Witness(String),
    /// A registrar.
    Registrar(PersonId),
    /// An operator.
    Operator(PersonId),
    /// An auditor.
    Auditor(PersonId),
    /// A member's authority.
    Member(MemberId),
    /// A contact's keeper.
    Contact(ContactId),
    /// A seat.
    Seat(SeatId),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service => f.write_str("the service"),
            Self::Witness(name) => write!(f, "the witness {name}"),
            Self::Registrar(id) => write!(f, "the registrar {id}"),
            Self::Operator(id) => write!(f, "the operator {id}"),
            Self::Auditor(id) => write!(f, "the auditor {id}"),
            Self::Member(id) => write!(f, "the authority of {id}"),
            Self::Contact(id) => write!(f, "the keeper of {id}"),
            Self::Seat(id) => write!(f, "the seat {id}"),
        }
    }
}

/// Whether a key still speaks for its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The holder's newest statement lists it.
    InForce,
    /// The holder's newer statement no longer lists it.
    Dropped,
    /// Revoked by the statement with this digest, at this leaf index.
    Revoked {
        /// The entry.
        leaf: u64,
        /// The statement's identity.
        statement: Digest,
    },
}

/// A public key, by what it can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// Verifies.
    Verifying(VerifyingKey),
    /// Seals: 1,216 bytes, checked.
    Sealing(Bytes),
}

impl PublicKey {
    /// Reads a key that verifies signatures.
    ///
    /// # Errors
    /// Another algorithm than the one named, or no key.
    pub fn verifying(
        field: &'static str,
        key: Option<&proto::PublicKey>,
    ) -> Result<VerifyingKey, Refusal> {
        let key = key.ok_or_else(|| Refusal::field(field, "expected a key"))?;
        let read = VerifyingKey::from_spki(&key.key).map_err(|why| Refusal::field(field, why))?;
        if Algorithm::try_from(key.algorithm) != Ok(algorithm_of(&read)) {
            return Err(Refusal::field(field, "the key is of another algorithm than it says"));
        }
        Ok(read)
    }

    /// Reads an Ed25519 key: seat sign, log and relay keys are nothing else.
    ///
    /// # Errors
    /// As [`PublicKey::verifying`], and any other algorithm.
    pub fn ed25519(
        field: &'static str,
        key: Option<&proto::PublicKey>,
    ) -> Result<VerifyingKey, Refusal> {
        let read = Self::verifying(field, key)?;
        if read.algorithm() != sign::Algorithm::Ed25519 {
            return Err(Refusal::field(field, "expected an Ed25519 key"));
        }
        Ok(read)
    }

    /// Reads a key that seals.
    ///
    /// # Errors
    /// Any other algorithm, a low-order X25519 share, no ML-KEM-768 encapsulation key.
    pub fn sealing(field: &'static str, key: &proto::PublicKey) -> Result<Bytes, Refusal> {
        if Algorithm::try_from(key.algorithm) != Ok(Algorithm::XWing) {
            return Err(Refusal::field(field, "expected an X-Wing key"));
        }
        SealingKey::parse(&key.key).map_err(|why| Refusal::field(field, why))?;
        Ok(key.key.clone())
    }

    /// The key id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        match self {
            Self::Verifying(key) => key.id(),
            Self::Sealing(raw) => KeyId::of(raw),
        }
    }
}

/// A verifying key as a statement lists it.
#[must_use]
pub fn listed(key: &VerifyingKey) -> proto::PublicKey {
    proto::PublicKey {
        algorithm: algorithm_of(key).into(),
        key: Bytes::copy_from_slice(key.spki()),
        proof: Bytes::new(),
    }
}

/// A sealing key as a statement lists it.
#[must_use]
pub fn listed_sealing(raw: &[u8]) -> proto::PublicKey {
    proto::PublicKey {
        algorithm: Algorithm::XWing.into(),
        key: Bytes::copy_from_slice(raw),
        proof: Bytes::new(),
    }
}

const fn algorithm_of(key: &VerifyingKey) -> Algorithm {
    match key.algorithm() {
        sign::Algorithm::Ed25519 => Algorithm::Ed25519,
        sign::Algorithm::P256 => Algorithm::P256,
        sign::Algorithm::P384 => Algorithm::P384,
    }
}

/// A key that the directory has ever listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// The key.
    pub key: PublicKey,
    /// Its one purpose.
    pub purpose: Purpose,
    /// Its one holder.
    pub holder: Holder,
    /// Whether it still speaks for the holder.
    pub standing: Standing,
}

impl KnownKey {
    /// A key that a statement lists.
    #[must_use]
    pub const fn listed(key: PublicKey, purpose: Purpose, holder: Holder) -> Self {
        Self { key, purpose, holder, standing: Standing::InForce }
    }

    /// Whether the key speaks for its holder now.
    #[must_use]
    pub fn in_force(&self) -> bool {
        self.standing == Standing::InForce
    }
}
