//! The audit trail: a copy of it in this home, and an export of it, verified.
//!
//! In scope: fetching, what contradicts what was seen, records as values, an export read line by line. Out of scope: the
//! trail's proof (`client::administration`), the form of an export (the face). Invariant: nothing is shown that does not
//! follow from the first record on, under a head that the relay signed.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::client::administration::{Copy, verify};
use crate::client::error::{ClientError, Family, Side};
use crate::client::keys::Role;
use crate::client::mend::Mend;
use crate::client::reach::session::Session;
use crate::client::reason::Here;
use crate::client::replica::Replica;
use crate::signed::canonical;
use crate::signed::proto::{AuditHead, AuditRecord};

use super::Office;
use super::administer::Way;

/// The audit trail before an auditor: the copy in this home, and who brings it up to date.
pub struct AuditTrail {
    replica: Replica,
    session: Session,
    copy: Copy,
}

/// What was asked of the service, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number, from 1.
    pub number: u64,
    /// When, Unix seconds.
    pub at: u64,
    /// Who asked; empty: not known. Foreign text.
    pub who: String,
    /// The id of the key that was shown, in hex.
    pub key: String,
    /// The network that it came from: foreign text.
    pub network: String,
    /// What was asked: foreign text.
    pub call: String,
    /// What it was about, in hex.
    pub subject: String,
    /// What it was about, in words: foreign text.
    pub says: String,
    /// What came of it: foreign text.
    pub outcome: String,
    /// How many before it were not recorded.
    pub unrecorded: u64,
    /// Its own bytes.
    pub bytes: Bytes,
}

/// What the relay signed of a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// How many records there are.
    pub count: u64,
    /// When it was signed, Unix seconds.
    pub at: u64,
    /// The chain of the records, in hex.
    pub chain: String,
}

/// A line of an export, as the face reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The bytes of a record, which says what they say.
    Record(Bytes),
    /// The bytes of the head.
    Head(Bytes),
    /// A record that says something else than its bytes.
    Differs,
    /// It is in the form of an export, and holds no record.
    Empty,
    /// It is in no such form.
    NoLine,
}

impl Office {
    /// The copy of the trail in this home, and a connection that brings it up to date.
    ///
    /// # Errors
    /// No auditor's keys are here, or several's; the copy was altered; [`ClientError`].
    pub async fn audit_trail(&self, way: &Way) -> Result<AuditTrail, ClientError> {
        let who = self.person(way, &[Role::Auditor])?;
        let replica = self.synced_as(&who).await?;
        let copy = Copy::open(&self.home, &self.name()?, replica.directory()?)?;
        let session = self.administration(way, &who).await?;
        Ok(AuditTrail { replica, session, copy })
    }

    /// Verifies the lines of an export in that file, by the copy of the directory.
    ///
    /// # Errors
    /// It is none; it was altered or cut short; its head is not the relay's.
    pub fn verified_export(
        &self,
        path: &Path,
        lines: Vec<Line>,
    ) -> Result<SignedHead, ClientError> {
        let (records, head) = taken_apart(path, lines)?;
        let replica = self.replica()?;
        let verified = verify(replica.directory()?, &records, &head);
        let (count, head) = verified.map_err(|why| ClientError {
            sentence: format!("{}: {}", path.display(), why.sentence),
            ..why
        })?;
        Ok(SignedHead { count, ..SignedHead::of(&head) })
    }
}

impl AuditTrail {
    /// Brings the copy up to date.
    ///
    /// # Errors
    /// The call's; the trail does not go on from the copy, or its head is not the relay's.
    pub async fn fetch(&mut self) -> Result<(), ClientError> {
        self.session.audit(&mut self.copy, self.replica.directory()?).await
    }

    /// The head that is kept here, and the one signed now that contradicts it.
    ///
    /// # Errors
    /// One is not the relay's.
    pub fn contradiction(&self) -> Result<[Option<SignedHead>; 2], ClientError> {
        let heads = self.copy.contradiction(self.replica.directory()?)?;
        Ok(heads.map(|head| head.as_ref().map(SignedHead::of)))
    }

    /// Sets aside what is kept here, as evidence, and begins with nothing. Gives where it lies.
    ///
    /// # Errors
    /// Files; it may be given again.
    pub fn begin_anew(&mut self, office: &Office) -> Result<PathBuf, ClientError> {
        let aside = self.copy.clone().set_aside()?;
        self.copy = Copy::open(&office.home, &office.name()?, self.replica.directory()?)?;
        Ok(aside)
    }

    /// All records of the copy.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        let records = self.copy.records().into_iter();
        records.map(|(record, bytes)| Record::of(record, bytes)).collect()
    }

    /// The head behind them, as the relay signed it.
    #[must_use]
    pub const fn head(&self) -> Option<&Bytes> {
        self.copy.head()
    }
}

impl Record {
    /// From its own bytes.
    #[must_use]
    pub fn read(bytes: Bytes) -> Option<Self> {
        let record = canonical::decode(&bytes).ok()?;
        Some(Self::of(record, bytes))
    }

    fn of(record: AuditRecord, bytes: Bytes) -> Self {
        Self {
            number: record.number,
            at: record.at,
            who: record.who,
            key: hex::encode(&record.key_id),
            network: record.network,
            call: record.call,
            subject: hex::encode(&record.subject),
            says: record.says,
            outcome: record.outcome,
            unrecorded: record.unrecorded,
            bytes,
        }
    }
}

impl SignedHead {
    fn of(head: &AuditHead) -> Self {
        Self { count: head.count, at: head.at, chain: hex::encode(&head.chain) }
    }
}

/// The records, and the head that stands behind them.
fn taken_apart(path: &Path, lines: Vec<Line>) -> Result<(Vec<Bytes>, Bytes), ClientError> {
    let altered = |what: &str| {
        let sentence = format!("{}: {what}", path.display());
        ClientError::new(Side::Ours, Family::VerificationFailed, Here::AuditAltered, sentence)
    };
    let no_line = |number: u64| match number {
        1 => {
            let sentence = format!("{} is no export of the audit trail", path.display());
            ClientError::new(Side::Ours, Family::Usage, Here::NotSuchAFile, sentence)
                .mended_by(Mend::Export)
        }
        _ => altered(&format!("line {number} is none of an export of the audit trail")),
    };
    let (mut records, mut head) = (Vec::new(), None);
    for (line, number) in lines.into_iter().zip(1..) {
        match line {
            Line::NoLine => return Err(no_line(number)),
            _ if head.is_some() => return Err(altered("something stands behind the head")),
            Line::Head(bytes) => head = Some(bytes),
            Line::Record(bytes) => records.push(bytes),
            Line::Empty => return Err(no_line(number)),
            Line::Differs => {
                return Err(altered(&format!("line {number} says something else than its bytes")));
            }
        }
    }
    let head = head.ok_or_else(|| altered("the head is missing: it was cut short"))?;
    Ok((records, head))
}

#[cfg(test)]
mod tests;
