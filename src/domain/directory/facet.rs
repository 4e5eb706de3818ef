//! Facets: the parts of a record that stand in the log only as salted hashes.
//!
//! In scope: names, hashes, and whether salt and bytes fit a statement. Out of scope: what the
//! bytes say; nobody folds them. For now only visibility "members" is admitted.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::signed::proto::{self, Visibility};

use super::text::{digest, known, sorted_set};

/// The facets that a record may have, by name.
pub const OF_RECORD: [&str; 10] = [
    "address",
    "commitment",
    "constituency",
    "email",
    "languages",
    "messaging",
    "persons",
    "references",
    "telephone",
    "web",
];

/// The facets that a roster may have, by name.
pub const OF_ROSTER: [&str; 2] = ["holidays", "hours"];

/// A facet's salt and bytes, which stand beside the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenFacet {
    /// 32 random bytes, fresh for every version.
    pub salt: [u8; 32],
    /// A message of the facet's name.
    pub bytes: Bytes,
}

impl OpenFacet {
    /// `SHA-256("liaison/facet/v1" 0x00 salt bytes)`
    #[must_use]
    pub fn hash(&self) -> Digest {
        Digest::of_parts(&[b"liaison/facet/v1\0", &self.salt, &self.bytes])
    }

    /// The facet as a statement names it, visible to members.
    #[must_use]
    pub fn named(&self, name: &str) -> proto::Facet {
        proto::Facet {
            name: name.to_owned(),
            visibility: Visibility::Members.into(),
            members: Vec::new(),
            hash: Bytes::copy_from_slice(self.hash().as_bytes()),
        }
    }
}

/// Refuses facets of other names, unsorted, or of a visibility that is not yet supported.
pub(super) fn check(facets: &[proto::Facet], allowed: &[&str]) -> Result<(), Refusal> {
    sorted_set("facets", facets, allowed.len(), |facet| facet.name.as_str())?;
    facets.iter().try_for_each(|facet| {
        if !allowed.contains(&facet.name.as_str()) {
            let why = format!("expected one of {}, found {:?}", allowed.join(", "), facet.name);
            return Err(Refusal::field("facets.name", why));
        }
        digest("facets.hash", &facet.hash)?;
        match known::<Visibility>("facets.visibility", facet.visibility)? {
            Visibility::Members if facet.members.is_empty() => Ok(()),
            Visibility::Members => Err(Refusal::field("facets.members", "expected none")),
            Visibility::Unspecified
            | Visibility::SameLevel
            | Visibility::NamedMembers
            | Visibility::AuthorityAndRegistrar => {
                Err(Refusal::NotYetSupported("a facet with another visibility than members"))
            }
        }
    })
}

/// The facets handed in with a statement, by hash: all there and fitting, or refused.
///
/// # Errors
/// One is missing, superfluous, or too large.
pub fn fit(
    named: &[proto::Facet],
    handed_in: Vec<OpenFacet>,
) -> Result<BTreeMap<Digest, OpenFacet>, Refusal> {
    let mut by_hash = BTreeMap::new();
    for facet in handed_in {
        if facet.bytes.len() > limits::FACET_BYTES {
            let (limit, found) = (limits::FACET_BYTES as u64, facet.bytes.len() as u64);
            return Err(Refusal::TooLarge { what: "facet", limit, found });
        }
        by_hash.insert(facet.hash(), facet);
    }
    let wanted = named.iter().map(|facet| Ok((digest("facets.hash", &facet.hash)?, facet)));
    let wanted: BTreeMap<Digest, &proto::Facet> = wanted.collect::<Result<_, Refusal>>()?;
    if let Some((_, facet)) = wanted.iter().find(|(hash, _)| !by_hash.contains_key(hash)) {
        return Err(Refusal::FacetMissing(facet.name.clone()));
    }
    if by_hash.keys().any(|hash| !wanted.contains_key(hash)) {
        return Err(Refusal::FacetSuperfluous);
    }
    Ok(by_hash)
}
