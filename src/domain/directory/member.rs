//! A member, as the directory holds it.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::crypto::sign::{KeyId, VerifyingKey};
use crate::domain::ids::MemberId;
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::signed::proto::{self, MemberKind};

use super::Newest;
use super::key::PublicKey;
use super::rules::known;
use super::text::{names, note, sorted_set, within};

/// A State or a body admitted to the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id: the first part of its contacts' ids.
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
        rules: u32,
    ) -> Result<Self, Refusal> {
        names("names", &admission.names)?;
        note(admission.note.as_ref())?;
        Ok(Self {
            id: admission.member.parse().map_err(|why| Refusal::field("member", why))?,
            newest,
            payload,
            kind: known("kind", admission.kind, rules)?,
            names: admission.names.clone(),
            authority: authority(&admission.authority, admission.threshold, rules)?,
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

fn authority(
    keys: &[proto::PublicKey],
    threshold: u32,
    rules: u32,
) -> Result<Vec<VerifyingKey>, Refusal> {
    within("authority", 0..=limits::PERSONS, keys.len())?;
    let read = keys.iter().map(|key| PublicKey::verifying("authority", Some(key), rules));
    let read: Vec<VerifyingKey> = read.collect::<Result<_, _>>()?;
    let ids: Vec<KeyId> = read.iter().map(VerifyingKey::id).collect();
    sorted_set("authority", &ids, limits::PERSONS, |id| id)?;
    let needed = if read.is_empty() { 0..=0 } else { 1..=read.len() };
    within("threshold", needed, threshold as usize)?;
    Ok(read)
}
