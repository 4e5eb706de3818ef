//! Public keys with their one purpose and their one holder.
//!
//! In scope: reading a key that a statement lists, and remembering whose it is and from when until
//! when. Invariants: a key with a proof belongs to one holder and purpose for ever, and once it has
//! ended it never returns; a seal key does not return within its contact. Witnesses' keys are none
//! of these: nobody proves them, so nobody may block them.

use std::cmp::Ordering;

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::crypto::seal::SealingKey;
use crate::crypto::sign::{self, KeyId, VerifyingKey};
use crate::domain::ids::ContactId;
use crate::domain::refusal::{Refusal, Wrong};
use crate::signed::proto::{self, Algorithm};

use super::rules::known;

pub use crate::domain::role::{Holder, Purpose};

/// A public key, by what it can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// Verifies signatures, also those of a TLS handshake.
    Verifying(VerifyingKey),
    /// Seals: its id. The key stands in the roster that lists it, and is of no use to anybody once none
    /// does.
    Sealing(KeyId),
}

/// An X-Wing key, 1,216 bytes, checked; with its id, for each letter asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealKey {
    id: KeyId,
    raw: Bytes,
}

impl SealKey {
    /// Of bytes that were checked.
    #[must_use]
    pub fn of(raw: Bytes) -> Self {
        Self { id: KeyId::of(&raw), raw }
    }

    /// The key id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The key's bytes, as a roster lists them.
    #[must_use]
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }
}

impl PublicKey {
    /// Reads a key that verifies signatures.
    ///
    /// # Errors
    /// Another algorithm than the one named, or no key.
    pub fn verifying(
        field: &'static str,
        key: Option<&proto::PublicKey>,
        rules: u32,
    ) -> Result<VerifyingKey, Refusal> {
        let key = key.ok_or_else(|| Refusal::field(field, Wrong::NoKey))?;
        let read = VerifyingKey::from_spki(&key.key).map_err(|why| Refusal::field(field, why))?;
        if known::<Algorithm>(field, key.algorithm, rules)? != algorithm_of(&read) {
            return Err(Refusal::field(field, Wrong::OtherAlgorithm));
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
        rules: u32,
    ) -> Result<VerifyingKey, Refusal> {
        let read = Self::verifying(field, key, rules)?;
        if read.algorithm() != sign::Algorithm::Ed25519 {
            return Err(Refusal::field(field, Wrong::NotEd25519));
        }
        Ok(read)
    }

    /// Reads a key that seals.
    ///
    /// # Errors
    /// Any other algorithm, a low-order X25519 share, no ML-KEM-768 encapsulation key.
    pub fn sealing(
        field: &'static str,
        key: &proto::PublicKey,
        rules: u32,
    ) -> Result<SealKey, Refusal> {
        if known::<Algorithm>(field, key.algorithm, rules)? != Algorithm::XWing {
            return Err(Refusal::field(field, Wrong::NotXWing));
        }
        SealingKey::parse(&key.key).map_err(|why| Refusal::field(field, why))?;
        Ok(SealKey::of(key.key.clone()))
    }

    /// The key id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        match self {
            Self::Verifying(key) => key.id(),
            Self::Sealing(id) => *id,
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

/// Under what a key is known: by its id alone, or, if it seals, within its contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyName {
    /// A key with a proof: one in the whole directory.
    Proven(KeyId),
    /// A seal key: one in its contact.
    Seal(ContactId, KeyId),
}

/// As they stand in a store: there a contact ends with a slash.
impl Ord for KeyName {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Proven(one), Self::Proven(two)) => one.cmp(two),
            (Self::Proven(_), Self::Seal(..)) => Ordering::Less,
            (Self::Seal(..), Self::Proven(_)) => Ordering::Greater,
            (Self::Seal(of, one), Self::Seal(other, two)) => {
                ended_with_slash(of.as_str(), other.as_str()).then_with(|| one.cmp(two))
            }
        }
    }
}

fn ended_with_slash(one: &str, two: &str) -> Ordering {
    let (one, two) = (one.as_bytes(), two.as_bytes());
    let shared = one.len().min(two.len());
    let behind = |text: &[u8]| text.get(shared).copied().unwrap_or(b'/');
    one[..shared].cmp(&two[..shared]).then_with(|| behind(one).cmp(&behind(two)))
}

impl PartialOrd for KeyName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A key that the directory has ever listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// The public key; of one that seals, its id.
    pub key: PublicKey,
    /// Its one purpose.
    pub purpose: Purpose,
    /// Its one holder; of a seal key the seat that has it now.
    pub holder: Holder,
    /// The leaf that first listed it.
    pub from: u64,
    /// The leaf that dropped, revoked or withdrew it.
    pub until: Option<u64>,
    /// The identity of the revocation that ended it, if one did.
    pub revoked_by: Option<Digest>,
}

impl KnownKey {
    /// A key that the statement at leaf `from` lists.
    #[must_use]
    pub const fn listed(key: PublicKey, purpose: Purpose, holder: Holder, from: u64) -> Self {
        Self { key, purpose, holder, from, until: None, revoked_by: None }
    }

    /// The same key, ended by the statement at this leaf.
    #[must_use]
    pub fn ended(&self, until: u64, revoked_by: Option<Digest>) -> Self {
        Self { until: Some(until), revoked_by, ..self.clone() }
    }

    /// Whether it was dropped, revoked or withdrawn, for good. Whether it speaks for its holder now
    /// is asked of the directory.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.until.is_some()
    }

    /// Whether what it signed with a view of `size` entries is believed: from < size <= until. Of a
    /// checkpoint, the view is its own size.
    #[must_use]
    pub fn believed_at(&self, size: u64) -> bool {
        self.from < size && self.until.is_none_or(|until| size <= until)
    }

    /// Under what it is known.
    #[must_use]
    pub fn name(&self) -> KeyName {
        match (&self.key, &self.holder) {
            (PublicKey::Sealing(_), Holder::Seat(seat)) => {
                KeyName::Seal(seat.contact(), self.key.id())
            }
            (PublicKey::Verifying(_) | PublicKey::Sealing(_), _) => KeyName::Proven(self.key.id()),
        }
    }
}
