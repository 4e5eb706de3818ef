//! Messages into typed values and back; what cannot be one is refused.

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::crypto::sign::KeyId;
use crate::domain::directory::facet::OpenFacet;
use crate::domain::refusal::{OwnKey, Refusal, Wrong};
use crate::signed::dsse::Signature;
use crate::signed::proto;

use super::{details, v1};

/// A facet as it is handed in.
///
/// # Errors
/// A salt of another length than 32 bytes.
pub fn facet(facet: v1::OpenFacet) -> Result<OpenFacet, Refusal> {
    let other_length = |_| Refusal::field("facets.salt", Wrong::Not32Bytes(facet.salt.len()));
    let salt = <[u8; 32]>::try_from(&facet.salt[..]).map_err(other_length)?;
    Ok(OpenFacet { subject: facet.contact, name: facet.name, salt, bytes: facet.bytes })
}

/// A facet as a message.
#[must_use]
pub fn open_facet(facet: OpenFacet) -> v1::OpenFacet {
    let OpenFacet { subject, name, salt, bytes } = facet;
    v1::OpenFacet { salt: Bytes::copy_from_slice(&salt), bytes, contact: subject, name }
}

/// A facet as it is asked for: whose it is, and its hash.
///
/// # Errors
/// A hash of another length than 32 bytes.
pub fn named_facet(named: &v1::NamedFacet) -> Result<(String, Digest), Refusal> {
    let hash = Digest::try_from(&named.hash[..]);
    let hash = hash.map_err(|why| Refusal::field("facets.hash", why))?;
    Ok((named.contact.clone(), hash))
}

/// The answer to one statement.
#[must_use]
pub fn publish_answer(answer: &Result<u64, Refusal>) -> v1::PublishAnswer {
    let answer = match answer {
        Ok(leaf) => v1::publish_answer::Answer::LeafIndex(*leaf),
        Err(refusal) => v1::publish_answer::Answer::Refused(v1::RefusedStatement {
            reason: refusal.code().to_owned(),
            sentence: refusal.to_string(),
            details: details::of(refusal),
        }),
    };
    v1::PublishAnswer { answer: Some(answer) }
}

/// What a key of the service is for.
#[must_use]
pub const fn service_key_use(of: OwnKey) -> v1::ServiceKeyUse {
    match of {
        OwnKey::Log => v1::ServiceKeyUse::Log,
        OwnKey::Relay => v1::ServiceKeyUse::Relay,
        OwnKey::Authority => v1::ServiceKeyUse::Authority,
    }
}

/// The same back.
///
/// # Errors
/// None of these.
pub fn own_key(of: v1::ServiceKeyUse) -> Result<OwnKey, Refusal> {
    match of {
        v1::ServiceKeyUse::Log => Ok(OwnKey::Log),
        v1::ServiceKeyUse::Relay => Ok(OwnKey::Relay),
        v1::ServiceKeyUse::Authority => Ok(OwnKey::Authority),
        v1::ServiceKeyUse::Unspecified => Err(Refusal::field("use", Wrong::Missing)),
    }
}

/// The id of what lies on the desk.
///
/// # Errors
/// It is not 32 bytes long.
pub fn proposal_id(id: &[u8]) -> Result<Digest, Refusal> {
    Digest::try_from(id).map_err(|_| Refusal::field("id", Wrong::Not32Bytes(id.len())))
}

/// A signature as it is handed in by itself.
///
/// # Errors
/// A key id of another length than 32 bytes.
pub fn signature(signature: proto::Signature) -> Result<Signature, Refusal> {
    let length = signature.key_id.len();
    let key_id = Digest::try_from(&signature.key_id[..]);
    let key_id = key_id.map_err(|_| Refusal::field("signatures", Wrong::Not32Bytes(length)))?;
    Ok(Signature { key_id: KeyId::from_digest(key_id), sig: signature.sig })
}

/// A hash as bytes.
#[must_use]
pub fn hash(digest: &Digest) -> Bytes {
    Bytes::copy_from_slice(digest.as_bytes())
}

/// Hashes as bytes.
#[must_use]
pub fn hashes(digests: &[Digest]) -> Vec<Bytes> {
    digests.iter().map(hash).collect()
}

/// Bytes as hashes.
///
/// # Errors
/// One of them is not 32 bytes long.
pub fn digests(field: &'static str, hashes: &[Bytes]) -> Result<Vec<Digest>, Refusal> {
    let read = |hash: &Bytes| Digest::try_from(&hash[..]);
    hashes.iter().map(read).collect::<Result<_, _>>().map_err(|why| Refusal::field(field, why))
}
