//! A member, and its admission by the registrars.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::crypto::sign::{KeyId, VerifyingKey};
use crate::domain::ids::MemberId;
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::signed::proto::{self, MemberKind};

use super::apply::{
    Admitted, Change, Parts, Place, none_superfluous, place, registrars, threshold,
};
use super::key::{Holder, KnownKey, PublicKey, Purpose};
use super::text::{known, names, note, sorted_set};
use super::verify::Verified;
use super::{Directory, Newest, relist};

/// A State or a body admitted to the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// The registrars' newest statement about it.
    pub newest: Newest,
    /// The payload of that admission.
    pub payload: Bytes,
    /// What it is.
    pub kind: MemberKind,
    /// Its names, by language.
    pub names: Vec<proto::Text>,
    /// The keys that speak for it; none if it is only listed.
    pub authority: Vec<VerifyingKey>,
    /// How many of them decide.
    pub threshold: u32,
    /// Whether its authority has ever signed a record: then the registrars no longer enter any.
    pub signs: bool,
}

impl Member {
    /// Reads an admission's content.
    ///
    /// # Errors
    /// The first field that holds what it cannot hold.
    pub fn read(
        admission: &proto::Admission,
        payload: Bytes,
        newest: Newest,
        signs: bool,
    ) -> Result<Self, Refusal> {
        names("names", &admission.names)?;
        note(admission.note.as_ref())?;
        Ok(Self {
            id: admission.member.parse().map_err(|why| Refusal::field("member", why))?,
            newest,
            payload,
            kind: known("kind", admission.kind)?,
            names: admission.names.clone(),
            authority: authority(&admission.authority, admission.threshold)?,
            threshold: admission.threshold,
            signs,
        })
    }

    /// The key ids of the authority.
    #[must_use]
    pub fn authority_keys(&self) -> BTreeSet<KeyId> {
        self.authority.iter().map(VerifyingKey::id).collect()
    }
}

/// The first admission of a member, a later one with other names, or the first keys of a member
/// that never had any.
pub(super) fn admit(
    directory: &Directory,
    verified: &Verified,
    admission: &proto::Admission,
    admitted: Admitted,
) -> Result<Change, Refusal> {
    registrars(directory, verified)?;
    let id: MemberId = admission.member.parse().map_err(|why| Refusal::field("member", why))?;
    let before = directory.member(&id);
    let newest = match place(before.map(|member| &member.newest), verified, admitted)? {
        Place::Again(leaf) => return Ok(Change::AlreadyLogged(leaf)),
        Place::Next(newest) => newest,
    };
    let payload = verified.envelope().payload().clone();
    let signs = before.is_some_and(|member| member.signs);
    let member = Member::read(admission, payload, newest, signs)?;
    if let Some(before) = before
        && !before.authority.is_empty()
        && (&before.authority, before.threshold) != (&member.authority, member.threshold)
    {
        return Err(Refusal::AuthorityStands(id));
    }
    let listed = member.authority.iter().map(|key| {
        let holder = Holder::Member(member.id.clone());
        KnownKey::listed(PublicKey::Verifying(key.clone()), Purpose::Authority, holder)
    });
    let keys = relist(Some(directory), &[], listed.collect())?;
    let parts = Parts { member: Some(Arc::new(member)), keys, ..Parts::none(admitted) };
    Ok(Change::Logged(Box::new(parts)))
}

/// The authority of the member has signed, and nobody else.
pub(super) fn authority_signed<'a>(
    directory: &'a Directory,
    id: &MemberId,
    verified: &Verified,
) -> Result<&'a Member, Refusal> {
    let member = directory.member(id).ok_or_else(|| Refusal::UnknownMember(id.clone()))?;
    let counting = member.authority_keys();
    let of = || format!("the authority of {id}");
    threshold(verified, &counting, member.threshold.max(1), of)?;
    none_superfluous(verified, &counting)?;
    Ok(member)
}

fn authority(keys: &[proto::PublicKey], threshold: u32) -> Result<Vec<VerifyingKey>, Refusal> {
    let read = keys.iter().map(|key| PublicKey::verifying("authority", Some(key)));
    let read: Vec<VerifyingKey> = read.collect::<Result<_, _>>()?;
    let ids: Vec<KeyId> = read.iter().map(VerifyingKey::id).collect();
    sorted_set("authority", &ids, limits::PERSONS, |id| id)?;
    let needed = if read.is_empty() { 0..=0 } else { 1..=read.len() };
    if !needed.contains(&(threshold as usize)) {
        let why = format!("expected {} to {}, found {threshold}", needed.start(), needed.end());
        return Err(Refusal::field("threshold", why));
    }
    Ok(read)
}
