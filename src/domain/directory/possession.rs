//! Possession: whoever lists a sign or TLS key shows that its holder has it.
//!
//! In scope: making and verifying the proof. Invariants: a proof names holder and use, so that it
//! is none for another; it names no directory, because keys are made before one is known, and it
//! is no consent: only a statement's own signatures say that somebody takes part.

use bytes::Bytes;
use prost::Message as _;
use ring::rand::SecureRandom;

use crate::crypto::sign::{BadSignature, CannotSign, Signer, VerifyingKey};
use crate::signed::dsse::{self, Kind};
use crate::signed::proto::{self, Possession, Use};

use super::key;

/// What a statement says of a key that it lists: whose it is, what it is for, and the proof.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Claim {
    pub(super) key: VerifyingKey,
    pub(super) holder: String,
    pub(super) usage: Use,
    pub(super) proof: Bytes,
}

impl Claim {
    /// Of a key as it is listed; none of one that cannot be read.
    pub(super) fn read(listed: &proto::PublicKey, holder: &str, usage: Use) -> Option<Self> {
        let key = VerifyingKey::from_spki(&listed.key).ok()?;
        Some(Self { key, holder: holder.to_owned(), usage, proof: listed.proof.clone() })
    }

    /// Whether the proof is one. No directory and no time has a say in it.
    pub(super) fn holds(&self) -> bool {
        verify(&self.key, &self.holder, self.usage, &self.proof).is_ok()
    }
}

/// A key as a statement lists it, with its proof. `holder` is `registrar/alice`, `operator/...`,
/// `auditor/...`; `log/un.example`, `relay/un.example`; a member's, contact's or seat's id.
///
/// # Errors
/// [`CannotSign`].
pub fn prove(
    key: &dyn Signer,
    holder: &str,
    usage: Use,
    random: &dyn SecureRandom,
) -> Result<proto::PublicKey, CannotSign> {
    let proof = key.sign(&signed(key.public(), holder, usage), random)?;
    Ok(proto::PublicKey { proof: proof.into(), ..key::listed(key.public()) })
}

/// The key is its holder's, for this use.
///
/// # Errors
/// The proof is missing, of another key, holder or use, or does not verify.
pub fn verify(
    key: &VerifyingKey,
    holder: &str,
    usage: Use,
    proof: &[u8],
) -> Result<(), BadSignature> {
    key.verify(&signed(key, holder, usage), proof)
}

fn signed(key: &VerifyingKey, holder: &str, usage: Use) -> Vec<u8> {
    let possession = Possession {
        holder: holder.to_owned(),
        r#use: usage.into(),
        key_id: Bytes::copy_from_slice(key.id().as_bytes()),
    };
    dsse::signed_bytes(Kind::Possession, &possession.encode_to_vec())
}
