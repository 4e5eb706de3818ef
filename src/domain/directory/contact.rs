//! A contact and its record, as the directory holds them.

use bytes::Bytes;

use crate::crypto::sign::VerifyingKey;
use crate::domain::ids::ContactId;
use crate::domain::limits;
use crate::domain::refusal::{Refusal, Wrong};
use crate::signed::proto::{self, Custody, Level};

use super::Newest;
use super::facet::{self, HeldBy};
use super::key::PublicKey;
use super::roster::Roster;
use super::rules::known;
use super::text::{names, note, sorted_set, within};

/// A point of contact: an office. It outlives its record, so that versions go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its id: its member's, and a name of its own.
    pub id: ContactId,
    /// The newest attested record, record or withdrawal.
    pub record_newest: Newest,
    /// The record in force; none once withdrawn.
    pub record: Option<Record>,
    /// The newest roster.
    pub roster_newest: Option<Newest>,
    /// The roster in force.
    pub roster: Option<Roster>,
    /// The newest entry that touched it, revocations of its seats included.
    pub changed: u64,
}

/// One version of what a contact publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Entered for the State by the registrars, not signed by the State.
    pub attested: bool,
    /// The statement's payload as it was signed: canonical protobuf.
    pub payload: Bytes,
    /// When it was signed.
    pub issued_at: u64,
    /// Until when it holds.
    pub expires: u64,
    /// What it is for.
    pub levels: Vec<Level>,
    /// Which matters it takes; none means all.
    pub purposes: Vec<proto::Purpose>,
    /// Its names, by language.
    pub names: Vec<proto::Text>,
    /// Who keeps its roster; none: the authority.
    pub keeper: Option<VerifyingKey>,
    /// Where the authority's key lives; none in an attested record.
    pub custody: Option<Custody>,
    /// Who stands in for it, by level.
    pub ladders: Vec<proto::Ladder>,
    /// Its facets, by name.
    pub facets: Vec<proto::Facet>,
    /// The State's note.
    pub note: Option<proto::Note>,
}

impl Contact {
    /// The contact with another record: its roster stays in force, its versions go on.
    pub(super) fn with_record(
        before: Option<&Self>,
        id: ContactId,
        newest: Newest,
        record: Record,
    ) -> Self {
        Self {
            id,
            record_newest: newest,
            record: Some(record),
            roster_newest: before.and_then(|contact| contact.roster_newest),
            roster: before.and_then(|contact| contact.roster.clone()),
            changed: newest.leaf,
        }
    }
}

impl Record {
    /// Reads a record's content.
    ///
    /// # Errors
    /// The first field that holds what it cannot hold.
    pub fn read(record: &proto::Record, payload: Bytes, rules: u32) -> Result<Self, Refusal> {
        let common = Self::read_common(&Common::of(record), payload, HeldBy::Record, rules)?;
        let keeper = record.keeper.as_ref();
        Ok(Self {
            keeper: keeper
                .map(|key| PublicKey::verifying("keeper", Some(key), rules))
                .transpose()?,
            custody: Some(known("custody", record.custody, rules)?),
            ladders: ladders(&record.contact, &record.ladders, rules)?,
            ..common
        })
    }

    /// Reads an attested record's content.
    ///
    /// # Errors
    /// The first field that holds what it cannot hold.
    pub fn read_attested(
        record: &proto::AttestedRecord,
        payload: Bytes,
        rules: u32,
    ) -> Result<Self, Refusal> {
        if record.note.is_none() {
            return Err(Refusal::field("note", Wrong::Missing));
        }
        let common = Common::of_attested(record);
        let attested = Self::read_common(&common, payload, HeldBy::AttestedRecord, rules)?;
        Ok(Self { attested: true, ..attested })
    }

    fn read_common(
        common: &Common<'_>,
        payload: Bytes,
        held_by: HeldBy,
        rules: u32,
    ) -> Result<Self, Refusal> {
        let levels = common.levels.iter().map(|level| known("levels", *level, rules));
        let purposes = common.purposes.iter().map(|purpose| known("purposes", *purpose, rules));
        sorted_set("levels", common.levels, limits::TEXTS, |level| level)?;
        sorted_set("purposes", common.purposes, limits::TEXTS, |purpose| purpose)?;
        if common.levels.is_empty() {
            return Err(Refusal::field("levels", Wrong::Empty));
        }
        names("names", common.names)?;
        facet::check(common.facets, held_by, rules)?;
        note(common.note)?;
        Ok(Self {
            attested: false,
            payload,
            issued_at: common.issued_at,
            expires: common.expires,
            levels: levels.collect::<Result<_, _>>()?,
            purposes: purposes.collect::<Result<_, _>>()?,
            names: common.names.to_vec(),
            keeper: None,
            custody: None,
            ladders: Vec::new(),
            facets: common.facets.to_vec(),
            note: common.note.cloned(),
        })
    }
}

/// The fields that both kinds of record have.
struct Common<'a> {
    issued_at: u64,
    expires: u64,
    levels: &'a [i32],
    purposes: &'a [i32],
    names: &'a [proto::Text],
    facets: &'a [proto::Facet],
    note: Option<&'a proto::Note>,
}

impl<'a> Common<'a> {
    fn of(record: &'a proto::Record) -> Self {
        Self {
            issued_at: record.issued_at,
            expires: record.expires,
            levels: &record.levels,
            purposes: &record.purposes,
            names: &record.names,
            facets: &record.facets,
            note: record.note.as_ref(),
        }
    }

    fn of_attested(record: &'a proto::AttestedRecord) -> Self {
        Self {
            issued_at: record.issued_at,
            expires: record.expires,
            levels: &record.levels,
            purposes: &record.purposes,
            names: &record.names,
            facets: &record.facets,
            note: record.note.as_ref(),
        }
    }
}

/// By level; each a list of other contacts of the same member, in order, none twice.
fn ladders(
    contact: &str,
    ladders: &[proto::Ladder],
    rules: u32,
) -> Result<Vec<proto::Ladder>, Refusal> {
    let field = "ladders";
    sorted_set(field, ladders, limits::TEXTS, |ladder| &ladder.level)?;
    let read = |id: &str| id.parse::<ContactId>().map_err(|why| Refusal::field(field, why));
    let own = read(contact)?;
    for ladder in ladders {
        known::<Level>(field, ladder.level, rules)?;
        within(field, 1..=limits::LADDER, ladder.contacts.len())?;
        let mut seen = std::collections::BTreeSet::from([own.clone()]);
        for step in &ladder.contacts {
            let step = read(step)?;
            if step.member() != own.member() || !seen.insert(step) {
                return Err(Refusal::field(field, Wrong::NoStandIn));
            }
        }
    }
    Ok(ladders.to_vec())
}
