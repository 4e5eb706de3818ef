//! Whom the directory lists: its contacts as people look for them, from the copy here.
//!
//! In scope: a list of contacts, and below it the search (`find`), the page of one contact (`page`), the copy
//! verified again (`verify`). Out of scope: how any of it is said (`words`) and shown (each face), bringing the copy
//! up to date (`sync`). Invariants: nothing is asked of the network; who was withdrawn is on no list; an expired record
//! is listed, and is said to be expired.

pub mod find;
pub mod joined;
pub mod page;
pub mod verify;

use crate::client::error::ClientError;
use crate::client::mend::Mend;
use crate::domain::directory::{Contact, Directory, Record};
use crate::domain::ids::MemberId;
use crate::domain::refusal::Refusal;
use crate::signed::proto::Level;

use super::Office;
use super::call::Called;
use super::seen::Seen;

/// Contacts, and of which copy they were read.
#[derive(Debug)]
pub struct Listed {
    /// The contacts, by id.
    pub entries: Vec<Entry>,
    /// The copy that lists them.
    pub seen: Seen,
}

/// A contact in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its id and names, and those of its member.
    pub called: Called,
    /// What it is for.
    pub levels: Vec<Level>,
    /// How it takes part.
    pub part: TakesPart,
    /// Until when its record holds, Unix seconds; 0, if it has none.
    pub until: u64,
    /// Its record has ended, which stops nothing.
    pub expired: bool,
}

/// How a contact takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakesPart {
    /// It did, and has ended.
    Withdrawn,
    /// Entered for its State by the registrars: it has no keys.
    Listed,
    /// Signed by its State; no seat is on duty.
    Signed,
    /// A message can be sealed to it.
    Connected,
}

impl Office {
    /// The contacts that are listed: those of a member, if one is named, and at a level, if one is.
    ///
    /// # Errors
    /// There is no copy, or it does not verify; there is no such member.
    pub fn listed(
        &self,
        member: Option<&MemberId>,
        level: Option<Level>,
    ) -> Result<Listed, ClientError> {
        let replica = self.replica()?;
        let directory = replica.directory()?;
        if let Some(unknown) = member.filter(|id| directory.member(id).is_none()) {
            return Err(ClientError::from(Refusal::UnknownMember(unknown.clone()))
                .mended_by(Mend::ListDirectory));
        }
        let is_listed = |contact: &&Contact| {
            let of_member = member.is_none_or(|member| contact.id.member() == *member);
            let record = contact.record.as_ref();
            let has = |record: &Record| level.is_none_or(|level| record.levels.contains(&level));
            of_member && record.is_some_and(has)
        };
        let now = self.ambient().now();
        let listed = directory.contacts().filter(is_listed);
        let entries = listed.map(|contact| Entry::of(directory, contact, now)).collect();
        Ok(Listed { entries, seen: self.seen(&replica)? })
    }
}

impl Entry {
    /// As a directory has it at this time, Unix seconds.
    #[must_use]
    pub fn of(directory: &Directory, contact: &Contact, now: u64) -> Self {
        let record = contact.record.as_ref();
        let until = record.map_or(0, |record| record.expires);
        Self {
            called: Called::of(directory, &contact.id),
            levels: record.map(|record| record.levels.clone()).unwrap_or_default(),
            part: TakesPart::of(directory, contact),
            until,
            expired: until < now,
        }
    }
}

impl TakesPart {
    /// As a directory knows it now.
    #[must_use]
    pub fn of(directory: &Directory, contact: &Contact) -> Self {
        match &contact.record {
            None => Self::Withdrawn,
            Some(record) if record.attested => Self::Listed,
            Some(_) if directory.sealing_seats(&contact.id).next().is_some() => Self::Connected,
            Some(_) => Self::Signed,
        }
    }
}

#[cfg(test)]
mod tests;
