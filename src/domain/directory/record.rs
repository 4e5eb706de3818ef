//! A contact's record: signed by its member's authority, or entered by the registrars; and its
//! withdrawal.

use std::sync::Arc;

use bytes::Bytes;

use crate::crypto::sign::{KeyId, VerifyingKey};
use crate::domain::ids::ContactId;
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::signed::proto::{self, Custody, Level};

use super::apply::{Admitted, Change, Parts, Place, place, registrars};
use super::facet;
use super::key::{Holder, KnownKey, PublicKey, Purpose};
use super::member::{Member, authority_signed};
use super::roster::Roster;
use super::text::{known, names, note, sorted_set};
use super::verify::Verified;
use super::{Directory, Newest, relist};

/// A point of contact: an office. It outlives its record, so that versions go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its id.
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
    /// The payload.
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

impl Record {
    /// Reads a record's content.
    ///
    /// # Errors
    /// The first field that holds what it cannot hold.
    pub fn read(record: &proto::Record, payload: Bytes) -> Result<Self, Refusal> {
        let common = Self::read_common(&Common::of(record), payload)?;
        let keeper = record.keeper.as_ref();
        Ok(Self {
            keeper: keeper.map(|key| PublicKey::verifying("keeper", Some(key))).transpose()?,
            custody: Some(known("custody", record.custody)?),
            ladders: ladders(&record.contact, &record.ladders)?,
            ..common
        })
    }

    /// Reads an attested record's content.
    ///
    /// # Errors
    /// The first field that holds what it cannot hold.
    pub fn read_attested(record: &proto::AttestedRecord, payload: Bytes) -> Result<Self, Refusal> {
        let attested = Self::read_common(&Common::of_attested(record), payload)?;
        Ok(Self { attested: true, ..attested })
    }

    fn read_common(common: &Common<'_>, payload: Bytes) -> Result<Self, Refusal> {
        if common.expires == 0 {
            return Err(Refusal::field("expires", "expected a time"));
        }
        let levels = common.levels.iter().map(|level| known("levels", *level));
        let purposes = common.purposes.iter().map(|purpose| known("purposes", *purpose));
        sorted_set("levels", common.levels, limits::TEXTS, |level| level)?;
        sorted_set("purposes", common.purposes, limits::TEXTS, |purpose| purpose)?;
        if common.levels.is_empty() {
            return Err(Refusal::field("levels", "expected at least one"));
        }
        names("names", common.names)?;
        facet::check(common.facets, &facet::OF_RECORD)?;
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

/// Registrars enter a record for a State that does not sign. It never holds a key.
pub(super) fn attest(
    directory: &Directory,
    verified: &Verified,
    statement: &proto::AttestedRecord,
    admitted: Admitted,
) -> Result<Change, Refusal> {
    registrars(directory, verified)?;
    let id = contact_id(&statement.contact)?;
    let before = directory.contact(&id);
    let newest = match place(before.map(|contact| &contact.record_newest), verified, admitted)? {
        Place::Again(leaf) => return Ok(Change::AlreadyLogged(leaf)),
        Place::Next(newest) => newest,
    };
    let record = Record::read_attested(statement, verified.envelope().payload().clone())?;
    let member = id.member();
    let member = directory.member(&member).ok_or(Refusal::UnknownMember(member))?;
    if member.signs {
        return Err(Refusal::AttestedAfterSigned(member.id.clone()));
    }
    room_for(directory, &id)?;
    validity(&record, admitted)?;
    Ok(changed(admitted, with_record(before, id, newest, record), Vec::new(), None))
}

/// The authority publishes a record.
pub(super) fn publish(
    directory: &Directory,
    verified: &Verified,
    statement: &proto::Record,
    admitted: Admitted,
) -> Result<Change, Refusal> {
    let id = contact_id(&statement.contact)?;
    let member = authority_signed(directory, &id.member(), verified)?;
    let before = directory.contact(&id);
    let newest = match place(before.map(|contact| &contact.record_newest), verified, admitted)? {
        Place::Again(leaf) => return Ok(Change::AlreadyLogged(leaf)),
        Place::Next(newest) => newest,
    };
    let record = Record::read(statement, verified.envelope().payload().clone())?;
    let listed = record.keeper.iter().map(|key| {
        let holder = Holder::Contact(id.clone());
        KnownKey::listed(PublicKey::Verifying(key.clone()), Purpose::Keeper, holder)
    });
    let keys = relist(Some(directory), &keeper_of(before), listed.collect())?;
    room_for(directory, &id)?;
    validity(&record, admitted)?;
    let signs = (!member.signs).then(|| Arc::new(Member { signs: true, ..member.clone() }));
    Ok(changed(admitted, with_record(before, id, newest, record), keys, signs))
}

/// The end of a contact, and of all its keys.
pub(super) fn withdraw(
    directory: &Directory,
    verified: &Verified,
    statement: &proto::Withdrawal,
    admitted: Admitted,
) -> Result<Change, Refusal> {
    let id = contact_id(&statement.contact)?;
    let before = directory.contact(&id).ok_or_else(|| Refusal::UnknownContact(id.clone()))?;
    let attested = match &before.record {
        Some(record) => record.attested,
        None => directory.member(&id.member()).is_some_and(|member| !member.signs),
    };
    if attested {
        registrars(directory, verified)?;
    } else {
        authority_signed(directory, &id.member(), verified)?;
    }
    let newest = match place(Some(&before.record_newest), verified, admitted)? {
        Place::Again(leaf) => return Ok(Change::AlreadyLogged(leaf)),
        Place::Next(newest) => newest,
    };
    if before.record.is_none() {
        return Err(Refusal::UnknownContact(id));
    }
    let listed: Vec<KeyId> =
        before.roster.iter().flat_map(Roster::key_ids).chain(keeper_of(Some(before))).collect();
    let keys = relist(Some(directory), &listed, Vec::new())?;
    let contact = Contact {
        record_newest: newest,
        record: None,
        roster: None,
        changed: admitted.leaf,
        ..before.clone()
    };
    Ok(changed(admitted, contact, keys, None))
}

fn contact_id(text: &str) -> Result<ContactId, Refusal> {
    text.parse().map_err(|why| Refusal::field("contact", why))
}

fn keeper_of(contact: Option<&Contact>) -> Vec<KeyId> {
    let record = contact.and_then(|contact| contact.record.as_ref());
    record.and_then(|record| record.keeper.as_ref()).map(VerifyingKey::id).into_iter().collect()
}

fn with_record(before: Option<&Contact>, id: ContactId, newest: Newest, record: Record) -> Contact {
    Contact {
        id,
        record_newest: newest,
        record: Some(record),
        roster_newest: before.and_then(|contact| contact.roster_newest),
        roster: before.and_then(|contact| contact.roster.clone()),
        changed: newest.leaf,
    }
}

fn changed(
    admitted: Admitted,
    contact: Contact,
    keys: Vec<Arc<KnownKey>>,
    member: Option<Arc<Member>>,
) -> Change {
    let contact = Some(Arc::new(contact));
    Change::Logged(Box::new(Parts { contact, keys, member, ..Parts::none(admitted) }))
}

/// A member has so many contacts and no more, the withdrawn ones included.
fn room_for(directory: &Directory, id: &ContactId) -> Result<(), Refusal> {
    let member = id.member();
    let others = directory.contacts_of(&member).filter(|contact| contact.id != *id).count();
    if others < limits::CONTACTS {
        return Ok(());
    }
    let (limit, found) = (limits::CONTACTS as u64, others as u64 + 1);
    Err(Refusal::TooLarge { what: "contacts of one member", limit, found })
}

/// Not over when it is published, and not for longer than 24 months.
fn validity(record: &Record, admitted: Admitted) -> Result<(), Refusal> {
    if record.expires <= admitted.at {
        return Err(Refusal::AlreadyExpired);
    }
    if record.expires > record.issued_at.saturating_add(limits::RECORD_SECONDS) {
        return Err(Refusal::HoldsTooLong);
    }
    Ok(())
}

/// By level; each a list of other contacts of the same member, in order, none twice.
fn ladders(contact: &str, ladders: &[proto::Ladder]) -> Result<Vec<proto::Ladder>, Refusal> {
    let field = "ladders";
    sorted_set(field, ladders, limits::TEXTS, |ladder| &ladder.level)?;
    let own = contact_id(contact)?;
    for ladder in ladders {
        known::<Level>(field, ladder.level)?;
        if ladder.contacts.is_empty() || ladder.contacts.len() > limits::LADDER {
            return Err(Refusal::field(
                field,
                format!("expected 1 to {} contacts", limits::LADDER),
            ));
        }
        let mut seen = std::collections::BTreeSet::from([own.clone()]);
        for step in &ladder.contacts {
            let step = contact_id(step)?;
            if step.member() != own.member() || !seen.insert(step) {
                let why = "expected other contacts of the same member, each once";
                return Err(Refusal::field(field, why));
            }
        }
    }
    Ok(ladders.to_vec())
}
