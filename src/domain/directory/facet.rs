//! Facets: the parts of a record that stand in the log only as salted hashes.
//!
//! In scope: names, hashes, who may see one, and whether salt and bytes fit a statement. Out of
//! scope: what the bytes say; nobody folds them.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::domain::ids::MemberId;
use crate::domain::limits;
use crate::domain::refusal::{Refusal, Unserved, Wrong};
use crate::signed::proto::{self, Visibility};

use super::rules::known;
use super::text::{digest, sorted_set, word};

/// A facet's salt and bytes, which stand beside the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenFacet {
    /// Whose it is: a contact.
    pub subject: String,
    /// Its name: 1 to 32 of a-z, 0-9 and -, like `email`.
    pub name: String,
    /// 32 random bytes, fresh for every version.
    pub salt: [u8; 32],
    /// A message of the facet's name.
    pub bytes: Bytes,
}

impl OpenFacet {
    /// `SHA-256("liaison/facet/v1" 0x00 contact 0x00 name 0x00 salt bytes)`
    #[must_use]
    pub fn hash(&self) -> Digest {
        Digest::of_parts(&[
            b"liaison/facet/v1\0",
            self.subject.as_bytes(),
            b"\0",
            self.name.as_bytes(),
            b"\0",
            &self.salt,
            &self.bytes,
        ])
    }

    /// The facet as a statement names it, visible to members.
    #[must_use]
    pub fn named(&self) -> proto::Facet {
        proto::Facet {
            name: self.name.clone(),
            visibility: Visibility::Members.into(),
            members: Vec::new(),
            hash: Bytes::copy_from_slice(self.hash().as_bytes()),
        }
    }
}

/// Which statement holds the facets: names are open, but three stand in rosters, two of them also
/// in attested records, and a roster has no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldBy {
    /// A record that the member's authority signed.
    Record,
    /// An attested record.
    AttestedRecord,
    /// A roster of a contact's seats.
    Roster,
}

impl HeldBy {
    fn admits(self, name: &str) -> bool {
        match name {
            "hours" | "holidays" => self != Self::Record,
            "wake" => self == Self::Roster,
            _ => self != Self::Roster,
        }
    }
}

/// Refuses facets that this statement cannot hold.
///
/// # Errors
/// Too many, unsorted, another name, visibility or hash; named members where there are none.
pub(super) fn check(facets: &[proto::Facet], held_by: HeldBy, rules: u32) -> Result<(), Refusal> {
    sorted_set("facets", facets, limits::FACETS_OF_ONE, |facet| facet.name.as_str())?;
    facets.iter().try_for_each(|facet| {
        word("facets.name", &facet.name)?;
        if !held_by.admits(&facet.name) {
            return Err(Refusal::field("facets.name", Wrong::ForeignFacet(facet.name.clone())));
        }
        digest("facets.hash", &facet.hash)?;
        match known::<Visibility>("facets.visibility", facet.visibility, rules)? {
            Visibility::NamedMembers => named_members(&facet.members),
            Visibility::Unspecified
            | Visibility::Members
            | Visibility::SameLevel
            | Visibility::AuthorityAndRegistrar => match facet.members[..] {
                [] => Ok(()),
                [..] => Err(Refusal::field("facets.members", Wrong::Superfluous)),
            },
        }
    })
}

/// They need not be admitted.
fn named_members(members: &[String]) -> Result<(), Refusal> {
    let field = "facets.members";
    sorted_set(field, members, limits::NAMED_MEMBERS, String::as_str)?;
    if members.is_empty() {
        return Err(Refusal::field(field, Wrong::Empty));
    }
    members.iter().try_for_each(|member| {
        member.parse::<MemberId>().map(|_| ()).map_err(|why| Refusal::field(field, why))
    })
}

/// Whether the service hands a facet to those whom its statement names: for now only to all members.
///
/// # Errors
/// Another visibility.
pub fn served(facets: &[proto::Facet]) -> Result<(), Refusal> {
    if facets.iter().any(|facet| facet.visibility != i32::from(Visibility::Members)) {
        return Err(Refusal::NotYetSupported(Unserved::Visibility));
    }
    Ok(())
}

/// The facets handed in with a statement about `subject`, by hash: all there and fitting, or
/// refused.
///
/// # Errors
/// One is missing, superfluous, or too large.
pub fn fit(
    subject: &str,
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
    let wanted: Vec<(Digest, &proto::Facet)> = wanted.collect::<Result<_, Refusal>>()?;
    let fits = |hash: &Digest, facet: &proto::Facet| {
        let open = by_hash.get(hash);
        open.is_some_and(|open| open.subject == subject && open.name == facet.name)
    };
    if let Some((_, facet)) = wanted.iter().find(|(hash, facet)| !fits(hash, facet)) {
        return Err(Refusal::FacetMissing(facet.name.clone()));
    }
    if by_hash.keys().any(|hash| wanted.iter().all(|(named, _)| named != hash)) {
        return Err(Refusal::FacetSuperfluous);
    }
    Ok(by_hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One hash is of one facet: what has another name under it is not there.
    #[test]
    fn two_names_of_one_hash_are_not_handed_in_with_one_facet() {
        let open = OpenFacet {
            subject: "fr/cert".to_owned(),
            name: "telephone".to_owned(),
            salt: [1; 32],
            bytes: Bytes::from_static(b"1"),
        };
        let named = |name: &str| proto::Facet {
            name: name.to_owned(),
            hash: Bytes::copy_from_slice(open.hash().as_bytes()),
            ..proto::Facet::default()
        };
        let both = [named("hours"), named("telephone")];
        assert!(fit("fr/cert", &both[1..], vec![open.clone()]).is_ok());
        let refused = fit("fr/cert", &both, vec![open.clone()]);
        assert_eq!(refused, Err(Refusal::FacetMissing("hours".to_owned())));
    }
}
