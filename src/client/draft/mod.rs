//! Statements to be signed: composed, carried, signed, told in words.
//!
//! In scope: payloads and facets of every kind, who must still sign, what a statement says. Out of
//! scope: whether it is admitted (`domain` decides, in the service and in every replica).
//! Invariants: what is composed is canonical: lists sorted, text in NFC; a signature is added only
//! where its key counts.

use std::collections::BTreeMap;

use bytes::Bytes;
use unicode_normalization::UnicodeNormalization as _;

use crate::ambient::Ambient;
use crate::crypto::hash::Digest;
use crate::crypto::sign::{CannotSign, KeyId, Signer, VerifyingKey};
use crate::domain::directory::facet::OpenFacet;
use crate::domain::directory::key::PublicKey;
use crate::domain::directory::{Directory, RULES, Statement};
use crate::domain::ids::{ContactId, DirectoryName, MemberId, SeatId};
use crate::domain::limits;
use crate::domain::refusal::{Expected, Refusal};
use crate::signed::dsse::Envelope;
use crate::signed::proto::{self, Target};
use crate::wire::{convert, v1};

use super::armour::{self, InvalidArmour};
use super::invitation::Admission;

mod charter;
mod facets;
mod words;

pub use charter::{Changes, InvalidChange, People, ServiceKeys, amended, dangerous_quorum};
pub use facets::FacetContent;
pub use words::{Line, changes, in_words, of_facet};

/// A file with statements cannot be read, or a statement cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// Not such a file.
    #[error(transparent)]
    Armour(#[from] InvalidArmour),
    /// A statement or facet in it is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A file without statements.
    #[error("expected at least one statement, found none")]
    Empty,
    /// A key gave no signature.
    #[error(transparent)]
    NotSigned(#[from] CannotSign),
}

/// One statement with the facets it names.
#[derive(Clone, Debug, PartialEq)]
pub struct Composed {
    envelope: Envelope,
    statement: Statement,
    facets: Vec<OpenFacet>,
}

impl Composed {
    fn new(statement: Statement, facets: Vec<OpenFacet>) -> Self {
        let payload = statement.encode().into();
        let envelope = Envelope::assemble(statement.kind(), payload, Vec::new());
        Self { envelope, statement, facets }
    }

    fn read(publication: v1::Publication) -> Result<Self, DraftError> {
        let facets = publication.facets.into_iter().map(convert::facet);
        let facets = facets.collect::<Result<Vec<_>, Refusal>>()?;
        let read = Self::alone(&publication.statement, facets)?;
        let (subject, named) = read.statement.facets();
        crate::domain::directory::facet::fit(subject, named, read.facets.clone())?;
        Ok(read)
    }

    /// Whether these are its facets is not looked at.
    fn alone(statement: &[u8], facets: Vec<OpenFacet>) -> Result<Self, DraftError> {
        let envelope = Envelope::parse(statement, limits::STATEMENT_BYTES)
            .map_err(|why| Refusal::form("statement", Expected::Statement, why))?;
        let statement = Statement::read(envelope.kind(), envelope.payload(), RULES)?;
        Ok(Self { envelope, statement, facets })
    }

    /// The bytes, and the signatures so far.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What it says.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Salts and bytes of the facets that it names.
    #[must_use]
    pub fn facets(&self) -> &[OpenFacet] {
        &self.facets
    }

    fn to_wire(&self) -> v1::Publication {
        let facets = self.facets.iter().cloned().map(convert::open_facet);
        v1::Publication { statement: self.envelope.bytes().clone(), facets: facets.collect() }
    }
}

/// Statements in order, as they are carried, signed and handed in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bundle {
    publications: Vec<Composed>,
}

impl Bundle {
    /// These statements, in this order.
    #[must_use]
    pub const fn of(publications: Vec<Composed>) -> Self {
        Self { publications }
    }

    /// Reads a STATEMENT file.
    ///
    /// # Errors
    /// [`DraftError`].
    pub fn read(text: &str) -> Result<Self, DraftError> {
        let bundle: v1::Bundle = armour::read(armour::Kind::Statement, text)?;
        let publications = bundle.publications.into_iter().map(Composed::read);
        let publications = publications.collect::<Result<Vec<_>, _>>()?;
        if publications.is_empty() { Err(DraftError::Empty) } else { Ok(Self { publications }) }
    }

    /// One statement with its facets.
    ///
    /// # Errors
    /// It is no statement, or they are not its facets.
    pub fn of_publication(publication: v1::Publication) -> Result<Self, DraftError> {
        Ok(Self { publications: vec![Composed::read(publication)?] })
    }

    /// One statement whose facets are withheld: what they say is not known here.
    ///
    /// # Errors
    /// It is no statement.
    pub fn without_details(statement: &[u8]) -> Result<Self, DraftError> {
        Ok(Self { publications: vec![Composed::alone(statement, Vec::new())?] })
    }

    /// One statement as it stands in the log, without its facets.
    ///
    /// # Errors
    /// It names facets, or is no statement.
    pub fn of_statement(statement: Bytes) -> Result<Self, DraftError> {
        let publication = v1::Publication { statement, facets: Vec::new() };
        Ok(Self { publications: vec![Composed::read(publication)?] })
    }

    /// The STATEMENT file.
    #[must_use]
    pub fn write(&self) -> String {
        armour::write(armour::Kind::Statement, &self.to_wire())
    }

    /// As it is handed in.
    #[must_use]
    pub fn to_wire(&self) -> v1::Bundle {
        v1::Bundle { publications: self.publications.iter().map(Composed::to_wire).collect() }
    }

    /// The statements, in order.
    #[must_use]
    pub fn publications(&self) -> &[Composed] {
        &self.publications
    }

    /// Who must sign each statement, with the signatures that are there.
    #[must_use]
    pub fn quorums(&self, directory: Option<&Directory>) -> Vec<Vec<Quorum>> {
        let each = self.publications.iter().enumerate();
        each.map(|(at, publication)| {
            let before = self.publications.get(..at).unwrap_or_default();
            Signers { directory, before }.of(publication)
        })
        .collect()
    }

    /// Who must still sign, and how many.
    #[must_use]
    pub fn missing(&self, directory: Option<&Directory>) -> Vec<Missing> {
        let each = self.quorums(directory).into_iter().enumerate();
        each.flat_map(|(statement, quorums)| {
            quorums.into_iter().filter_map(move |quorum| {
                let found = quorum.signed.len() as u32;
                (found < quorum.needed).then_some(Missing { statement, found, quorum })
            })
        })
        .collect()
    }

    /// Whether a signature of this key is among those that are still missing; of a key that nobody
    /// knows, whether any is.
    #[must_use]
    pub fn lacks(&self, directory: Option<&Directory>, key: Option<KeyId>) -> bool {
        self.missing(directory).iter().any(|Missing { quorum, .. }| {
            key.is_none_or(|key| quorum.keys.contains_key(&key) && !quorum.signed.contains(&key))
        })
    }

    /// Adds a signature of each key to each statement where it counts and is not there yet. Gives
    /// how many were added.
    ///
    /// # Errors
    /// [`DraftError::NotSigned`].
    pub fn sign(
        &mut self,
        directory: Option<&Directory>,
        keys: &[&dyn Signer],
        ambient: &Ambient,
    ) -> Result<usize, DraftError> {
        let mut added = 0;
        let each = self.publications.len();
        for at in 0..each {
            let before = self.publications.get(..at).unwrap_or_default().to_vec();
            let Some(publication) = self.publications.get_mut(at) else { continue };
            let quorums = Signers { directory, before: &before }.of(publication);
            for key in keys {
                let id = key.public().id();
                let counts =
                    |quorum: &Quorum| quorum.keys.contains_key(&id) && !quorum.signed.contains(&id);
                if quorums.iter().any(counts) {
                    publication.envelope =
                        publication.envelope.add_signature(*key, ambient.random())?;
                    added += 1;
                }
            }
        }
        Ok(added)
    }
}

/// Those whose signatures a statement needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// Who, in words.
    pub of: String,
    /// The keys that count, by their ids.
    pub keys: BTreeMap<KeyId, VerifyingKey>,
    /// How many of them.
    pub needed: u32,
    /// Those whose valid signatures are there.
    pub signed: Vec<KeyId>,
}

/// A quorum that is not complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which statement of the bundle, from 0.
    pub statement: usize,
    /// Valid signatures there.
    pub found: u32,
    /// Whose are needed.
    pub quorum: Quorum,
}

/// Composes statements for one directory.
#[derive(Clone, Debug)]
pub struct Composer<'a> {
    directory: &'a Directory,
    hints: BTreeMap<ContactId, (u64, u64)>,
    ambient: &'a Ambient,
    composed: BTreeMap<Counter, u64>,
    /// The newest charter composed here, which the next one follows.
    charter: Option<Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Counter {
    Charter,
    Member(MemberId),
    Record(ContactId),
    Roster(ContactId),
}

/// The charter version 1 of a new directory. Targets and time are filled in, lists sorted.
#[must_use]
pub fn founding(name: &DirectoryName, charter: proto::Charter, now: u64) -> Composed {
    let target = Target { name: name.to_string(), genesis: Bytes::new(), version: 1 };
    let charter = proto::Charter { targets: vec![target], issued_at: now, ..charter };
    Composed::new(Statement::Charter(sorted_charter(charter)), Vec::new())
}

impl<'a> Composer<'a> {
    /// On a replica's directory.
    #[must_use]
    pub const fn on(directory: &'a Directory, ambient: &'a Ambient) -> Self {
        let hints = BTreeMap::new();
        Self { directory, hints, ambient, composed: BTreeMap::new(), charter: None }
    }

    /// On an admission, for a member that has no seat yet.
    #[must_use]
    pub fn after_admission(of: &'a Admission, ambient: &'a Ambient) -> Self {
        Self { hints: of.next().clone(), ..Self::on(of.directory(), ambient) }
    }

    /// The next charter; it names the one before.
    #[must_use]
    pub fn charter(&mut self, charter: proto::Charter) -> Composed {
        let newest = self.directory.charter().newest;
        let (targets, issued_at) = self.head(Some(Counter::Charter), newest.version + 1);
        let previous = self.charter.unwrap_or(newest.statement);
        let previous = Bytes::copy_from_slice(previous.as_bytes());
        let charter = proto::Charter { targets, issued_at, previous, ..charter };
        let charter = Statement::Charter(sorted_charter(charter));
        let publication = Composed::new(charter, Vec::new());
        self.charter = Some(publication.envelope.digest());
        publication
    }

    /// An admission.
    ///
    /// # Errors
    /// The member is no id.
    pub fn admission(&mut self, admission: proto::Admission) -> Result<Composed, Refusal> {
        let id: MemberId = admission.member.parse()?;
        let newest = self.directory.member(&id).map_or(0, |member| member.newest.version);
        let (targets, issued_at) = self.head(Some(Counter::Member(id)), newest + 1);
        let mut admission = proto::Admission { targets, issued_at, ..admission };
        admission.authority.sort_by_key(|key| KeyId::of(&key.key));
        normalise_names(&mut admission.names);
        normalise_note(admission.note.as_mut());
        Ok(Composed::new(Statement::Admission(admission), Vec::new()))
    }

    /// A record that registrars enter for a State.
    ///
    /// # Errors
    /// The contact is no id.
    pub fn attested_record(
        &mut self,
        record: proto::AttestedRecord,
        facets: &[FacetContent],
    ) -> Result<Composed, Refusal> {
        let id = contact_of(&record.contact)?;
        let (targets, issued_at) = self.head_of_record(id);
        let (named, open) = self.close(&record.contact, facets);
        let mut record = proto::AttestedRecord { targets, issued_at, facets: named, ..record };
        sort_unique(&mut record.levels);
        sort_unique(&mut record.purposes);
        normalise_names(&mut record.names);
        normalise_note(record.note.as_mut());
        Ok(Composed::new(Statement::AttestedRecord(record), open))
    }

    /// A record that the authority signs.
    ///
    /// # Errors
    /// The contact is no id.
    pub fn record(
        &mut self,
        record: proto::Record,
        facets: &[FacetContent],
    ) -> Result<Composed, Refusal> {
        let id = contact_of(&record.contact)?;
        let (targets, issued_at) = self.head_of_record(id);
        let (named, open) = self.close(&record.contact, facets);
        let mut record = proto::Record { targets, issued_at, facets: named, ..record };
        sort_unique(&mut record.levels);
        sort_unique(&mut record.purposes);
        record.ladders.sort_by_key(|ladder| ladder.level);
        normalise_names(&mut record.names);
        normalise_note(record.note.as_mut());
        Ok(Composed::new(Statement::Record(record), open))
    }

    /// A roster.
    ///
    /// # Errors
    /// The contact is no id.
    pub fn roster(
        &mut self,
        roster: proto::Roster,
        facets: &[FacetContent],
    ) -> Result<Composed, Refusal> {
        let id = contact_of(&roster.contact)?;
        let known = self.directory.contact(&id).and_then(|contact| contact.roster_newest);
        let hinted = self.hints.get(&id).map(|(_, roster)| *roster);
        let next = hinted.unwrap_or_else(|| known.map_or(0, |newest| newest.version) + 1);
        let (targets, issued_at) = self.head(Some(Counter::Roster(id)), next);
        let (named, open) = self.close(&roster.contact, facets);
        let mut roster = proto::Roster { targets, issued_at, facets: named, ..roster };
        roster.seats.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Composed::new(Statement::Roster(roster), open))
    }

    /// The end of a contact.
    #[must_use]
    pub fn withdrawal(&mut self, contact: &ContactId) -> Composed {
        let (targets, issued_at) = self.head_of_record(contact.clone());
        let contact = contact.to_string();
        let withdrawal = proto::Withdrawal { targets, issued_at, contact };
        Composed::new(Statement::Withdrawal(withdrawal), Vec::new())
    }

    /// The end of a seat's keys: those named, or all that its roster lists.
    #[must_use]
    pub fn revocation(
        &mut self,
        seat: &SeatId,
        keys: &[KeyId],
        reason: proto::Reason,
        suspected_from: Option<u64>,
    ) -> Composed {
        let listed = self.directory.contact(&seat.contact());
        let listed = listed.and_then(|contact| contact.roster.as_ref()).into_iter();
        let listed = listed.flat_map(|roster| &roster.seats);
        let listed = listed.filter(|listed| listed.name == seat.name());
        let mut ids: Vec<KeyId> = match keys {
            [] => listed.flat_map(|seat| seat.key_ids()).collect(),
            named => named.to_vec(),
        };
        sort_unique(&mut ids);
        let (targets, issued_at) = self.head(None, 0);
        let revocation = proto::Revocation {
            targets,
            issued_at,
            seat: seat.to_string(),
            key_ids: ids.iter().map(|id| Bytes::copy_from_slice(id.as_bytes())).collect(),
            reason: reason.into(),
            suspected_from: suspected_from.unwrap_or(0),
        };
        Composed::new(Statement::Revocation(revocation), Vec::new())
    }

    fn head_of_record(&mut self, id: ContactId) -> (Vec<Target>, u64) {
        let known = self.directory.contact(&id).map_or(0, |contact| contact.record_newest.version);
        let hinted = self.hints.get(&id).map(|(record, _)| *record);
        self.head(Some(Counter::Record(id)), hinted.unwrap_or(known + 1))
    }

    /// Targets and time. A counter that this composer has used before goes on from there.
    fn head(&mut self, counter: Option<Counter>, next: u64) -> (Vec<Target>, u64) {
        let version = match counter {
            None => 0,
            Some(counter) => {
                let used = self.composed.get(&counter).copied();
                let version = used.map_or(next, |used| used + 1);
                self.composed.insert(counter, version);
                version
            }
        };
        let genesis = Bytes::copy_from_slice(self.directory.genesis().as_bytes());
        let name = self.directory.name().to_string();
        (vec![Target { name, genesis, version }], self.ambient.now())
    }

    /// Facets of a contact by name, each with a fresh salt.
    fn close(&self, contact: &str, facets: &[FacetContent]) -> (Vec<proto::Facet>, Vec<OpenFacet>) {
        let by_name: BTreeMap<&str, &FacetContent> =
            facets.iter().map(|facet| (facet.name(), facet)).collect();
        let closed = by_name.into_iter().map(|(name, content)| {
            let open = OpenFacet {
                subject: contact.to_owned(),
                name: name.to_owned(),
                salt: self.ambient.bytes(),
                bytes: content.encode(),
            };
            (open.named(), open)
        });
        closed.unzip()
    }
}

/// Who must sign: a mirror of `domain` for people and for [`Bundle::sign`]. What it misses, `apply`
/// refuses.
struct Signers<'a> {
    directory: Option<&'a Directory>,
    before: &'a [Composed],
}

impl Signers<'_> {
    fn of(&self, publication: &Composed) -> Vec<Quorum> {
        let quorums = match publication.statement() {
            Statement::Charter(charter) => self.of_charter(charter),
            Statement::Admission(_) | Statement::AttestedRecord(_) => {
                self.registrars("the registrars").into_iter().collect()
            }
            Statement::Record(record) => self.of_contact(&record.contact, Self::authority),
            Statement::Withdrawal(end) => self.of_contact(&end.contact, Self::ender),
            Statement::Roster(roster) => self.of_contact(&roster.contact, Self::keeper),
            Statement::Revocation(revocation) => self.of_revocation(revocation),
            #[cfg(test)]
            Statement::Trial(_) => Vec::new(),
        };
        let signed = |quorum: Quorum| {
            let valid = quorum.keys.iter();
            let valid = valid.filter(|(_, key)| publication.envelope.verify(key).is_ok());
            let signed = valid.map(|(id, _)| *id).collect();
            Quorum { signed, ..quorum }
        };
        quorums.into_iter().map(signed).collect()
    }

    /// The predecessor's and its own.
    fn of_charter(&self, charter: &proto::Charter) -> Vec<Quorum> {
        let keys = charter.registrars.iter().filter_map(|person| {
            PublicKey::verifying("registrars", person.sign.as_ref(), RULES).ok()
        });
        let own = quorum("the registrars that it names".to_owned(), keys, charter.threshold.max(1));
        self.registrars("the registrars in force").into_iter().chain([own]).collect()
    }

    fn registrars(&self, of: &str) -> Option<Quorum> {
        let charter = self.directory?.charter();
        let keys = charter.registrars.iter().map(|person| person.sign.clone());
        Some(quorum(of.to_owned(), keys, charter.threshold))
    }

    fn of_contact(
        &self,
        contact: &str,
        who: fn(&Self, &ContactId) -> Option<Quorum>,
    ) -> Vec<Quorum> {
        contact.parse().ok().and_then(|id| who(self, &id)).into_iter().collect()
    }

    fn authority(&self, contact: &ContactId) -> Option<Quorum> {
        let id = contact.member();
        let admitted = self.before.iter().rev().find_map(|before| match before.statement() {
            Statement::Admission(admission) if admission.member == id.as_str() => Some(admission),
            _ => None,
        });
        let of = format!("the authority of {id}");
        if let Some(admission) = admitted {
            let keys = admission.authority.iter();
            let keys =
                keys.filter_map(|key| PublicKey::verifying("authority", Some(key), RULES).ok());
            return Some(quorum(of, keys, admission.threshold.max(1)));
        }
        let member = self.directory?.member(&id)?;
        Some(quorum(of, member.authority.iter().cloned(), member.threshold.max(1)))
    }

    /// The keeper that the record names; without one, the authority.
    fn keeper(&self, contact: &ContactId) -> Option<Quorum> {
        let of = || format!("the keeper of {contact}");
        let drafted = self.before.iter().rev().find_map(|before| match before.statement() {
            Statement::Record(record) if record.contact == contact.as_str() => Some(record),
            _ => None,
        });
        let keeper = match drafted {
            Some(record) => PublicKey::verifying("keeper", record.keeper.as_ref(), RULES).ok(),
            None => self.directory?.record(contact).ok()?.keeper.clone(),
        };
        match keeper {
            Some(key) => Some(quorum(of(), [key], 1)),
            None => self.authority(contact),
        }
    }

    /// The registrars for what they entered, the authority for what it signed.
    fn ender(&self, contact: &ContactId) -> Option<Quorum> {
        let attested = self.directory?.record(contact).is_ok_and(|record| record.attested);
        if attested { self.registrars("the registrars") } else { self.authority(contact) }
    }

    /// Any one of the seats and the keeper, else the authority.
    fn of_revocation(&self, revocation: &proto::Revocation) -> Vec<Quorum> {
        let Ok(seat) = revocation.seat.parse::<SeatId>() else { return Vec::new() };
        let contact = seat.contact();
        let known = self.directory.and_then(|directory| directory.contact(&contact));
        let in_force = |key: &VerifyingKey| {
            self.directory.is_some_and(|directory| directory.in_force(&key.id()).is_ok())
        };
        let seats = known.and_then(|known| known.roster.as_ref());
        let seats = seats.into_iter().flat_map(|roster| &roster.seats);
        let seats = seats.filter_map(|seat| seat.sign.clone()).filter(in_force);
        let keeper = known.and_then(|known| known.record.as_ref()?.keeper.clone());
        let authority = self.authority(&contact).into_iter().flat_map(|of| of.keys.into_values());
        let of = format!("one seat or the keeper of {contact}, or its authority");
        vec![quorum(of, seats.chain(keeper).chain(authority), 1)]
    }
}

fn quorum(of: String, keys: impl IntoIterator<Item = VerifyingKey>, needed: u32) -> Quorum {
    let keys = keys.into_iter().map(|key| (key.id(), key)).collect();
    Quorum { of, keys, needed, signed: Vec::new() }
}

/// Lists sorted, names in NFC. Log and relay keys stand by age, as they came.
fn sorted_charter(mut charter: proto::Charter) -> proto::Charter {
    for persons in [&mut charter.registrars, &mut charter.operators, &mut charter.auditors] {
        persons.iter_mut().for_each(|person| person.name = nfc(&person.name));
        persons.sort_by(|a, b| a.id.cmp(&b.id));
    }
    sort_unique(&mut charter.service_ca);
    charter.witnesses.sort_by(|a, b| a.name.cmp(&b.name));
    charter.policy.sort_by(|a, b| a.name.cmp(&b.name));
    charter
}

fn contact_of(text: &str) -> Result<ContactId, Refusal> {
    text.parse().map_err(|why| Refusal::field("contact", why))
}

fn normalise_names(names: &mut [proto::Text]) {
    names.iter_mut().for_each(|name| name.text = nfc(&name.text));
    names.sort_by(|a, b| a.language.cmp(&b.language));
}

fn normalise_note(note: Option<&mut proto::Note>) {
    if let Some(note) = note {
        note.reference = nfc(&note.reference);
    }
}

fn nfc(text: &str) -> String {
    text.nfc().collect()
}

fn sort_unique<T: Ord>(items: &mut Vec<T>) {
    items.sort();
    items.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::directory::Policy;
    use crate::signed::proto::{Level, Reason};
    use crate::world::testlog::{
        AUTHORITY, KEEPER, NOW, SEAT, TestLog, admission, ambient, charter, key, name, record,
        roster, telephone,
    };

    fn texts(bundle: &Bundle) -> Vec<String> {
        in_words(bundle).iter().map(|line| format!("{}: {}", line.label, line.text)).collect()
    }

    #[test]
    fn every_kind_is_composed_signed_carried_and_admitted() {
        let (mut log, facets) = TestLog::populated();
        assert_eq!((log.entries.len(), facets.len()), (4, 1));
        let ambient = ambient();
        let contact: ContactId = "fr/cert-fr".parse().unwrap();
        let seat: SeatId = "fr/cert-fr/duty-1".parse().unwrap();
        let at = log.directory.clone();
        let revocation = |keys: &[KeyId]| {
            Composer::on(&at, &ambient).revocation(&seat, keys, Reason::Lost, None)
        };
        // By the seat itself; by a colleague, of what is left.
        log.sign_and_add(vec![revocation(&[key(SEAT).public().id()])], &[SEAT]).unwrap();
        log.sign_and_add(vec![revocation(&[])], &[SEAT + 1]).unwrap();
        let at = log.directory.clone();
        let mut composer = Composer::on(&at, &ambient);
        // Versions go on within one bundle.
        let twice =
            [&charter(&[10, 13]), &charter(&[13])].map(|next| composer.charter(next.clone()));
        log.sign_and_add(twice.to_vec(), &[2, 3]).unwrap();
        let ended = composer.withdrawal(&contact);
        log.sign_and_add(vec![ended], &[AUTHORITY]).unwrap();
        let again = composer.record(record(), &[]).unwrap();
        log.sign_and_add(vec![again], &[AUTHORITY]).unwrap_err();
        let mut other = record();
        other.keeper = None;
        let again = composer.record(other, &[telephone()]).unwrap();
        assert_eq!(again.statement().targets()[0].version, 4);
        let listed = proto::Admission {
            member: "pt".to_owned(),
            authority: Vec::new(),
            threshold: 0,
            ..admission()
        };
        let attested = proto::AttestedRecord {
            contact: "pt/cncs".to_owned(),
            expires: NOW + 86_400,
            levels: vec![Level::Technical.into()],
            names: record().names,
            note: Some(proto::Note {
                reference: "NV/2027/1".to_owned(),
                date: NOW,
                sha256: Bytes::from_static(&[7; 32]),
            }),
            ..proto::AttestedRecord::default()
        };
        let member = composer.admission(listed).unwrap();
        let attested = composer.attested_record(attested, &[telephone()]).unwrap();
        log.sign_and_add(vec![member, attested], &[1, 3]).unwrap();
        let ended =
            Composer::on(&log.directory.clone(), &ambient).withdrawal(&"pt/cncs".parse().unwrap());
        log.sign_and_add(vec![ended], &[1, 2]).unwrap();
        assert_eq!(log.directory.charter().newest.version, 3);
    }

    #[test]
    fn a_key_signs_only_where_it_counts_and_what_is_missing_is_named() {
        let log = TestLog::new();
        let ambient = ambient();
        let mut composer = Composer::on(&log.directory, &ambient);
        let mut bundle = Bundle::of(vec![
            composer.admission(admission()).unwrap(),
            composer.record(record(), &[telephone()]).unwrap(),
            composer.roster(roster(), &[]).unwrap(),
        ]);
        let missing = |bundle: &Bundle| -> Vec<(usize, String, u32, u32)> {
            let missing = bundle.missing(Some(&log.directory)).into_iter();
            missing.map(|m| (m.statement, m.quorum.of, m.found, m.quorum.needed)).collect()
        };
        let registrars = |found| (0, "the registrars".to_owned(), found, 2);
        let authority = (1, "the authority of fr".to_owned(), 0, 1);
        let keeper = (2, "the keeper of fr/cert-fr".to_owned(), 0, 1);
        assert_eq!(missing(&bundle), [registrars(0), authority.clone(), keeper.clone()]);
        let sign = |bundle: &mut Bundle, seed: u8| {
            bundle.sign(Some(&log.directory), &[&key(seed)], &ambient).unwrap()
        };
        assert_eq!(sign(&mut bundle, 77), 0);
        assert_eq!(sign(&mut bundle, 1), 1);
        assert_eq!(sign(&mut bundle, 1), 0);
        assert_eq!(missing(&bundle), [registrars(1), authority.clone(), keeper.clone()]);
        assert_eq!(sign(&mut bundle, KEEPER), 1);
        assert_eq!(sign(&mut bundle, AUTHORITY), 1);
        assert_eq!(missing(&bundle), [registrars(1)]);
        assert_eq!(sign(&mut bundle, 2), 1);
        assert_eq!(missing(&bundle), []);
    }

    #[test]
    fn a_charter_needs_the_old_quorum_and_its_own() {
        let log = TestLog::new();
        let ambient = ambient();
        let mut next = charter(&[10]);
        let dave = crate::world::testlog::person("dave", 4);
        next.registrars = vec![dave, next.registrars[1].clone()];
        let mut bundle = Bundle::of(vec![Composer::on(&log.directory, &ambient).charter(next)]);
        let mut found = |seed: u8| -> Vec<u32> {
            bundle.sign(Some(&log.directory), &[&key(seed)], &ambient).unwrap();
            let quorums = bundle.quorums(Some(&log.directory)).remove(0);
            quorums.iter().map(|quorum| quorum.signed.len() as u32).collect()
        };
        assert_eq!(found(1), [1, 1]);
        assert_eq!(found(4), [1, 2]);
        assert_eq!(found(2), [2, 2]);
    }

    #[test]
    fn a_statement_is_told_in_words_with_its_facets() {
        let log = TestLog::new();
        let ambient = ambient();
        let mut composer = Composer::on(&log.directory, &ambient);
        let record = composer.record(record(), &[telephone()]).unwrap();
        let lines = texts(&Bundle::of(vec![record.clone()]));
        for expected in [
            "record: version 1, for un.example",
            "contact: fr/cert-fr",
            "name (en): CERT-FR",
            "levels: technical, policy",
            "authority's key: apart from keeper and seats",
            "telephone: +33000000000 (voice)",
            "signatures: 0 so far",
        ] {
            assert!(lines.iter().any(|line| line == expected), "{expected}\n{}", lines.join("\n"));
        }
        assert!(lines.contains(&format!("keeper: {}", key(KEEPER).public().id())));
        let founding = founding(&name(), charter(&[10]), NOW);
        let lines = texts(&Bundle::of(vec![founding]));
        assert!(lines.contains(&"decided by: 2 of 3 registrars".to_owned()));
        assert!(lines.contains(&"acknowledge immediate within: 30 min".to_owned()));
        // A facet that is not in the file is not passed over.
        let without = Composed { facets: Vec::new(), ..record };
        let lines = texts(&Bundle::of(vec![without]));
        assert!(lines.contains(&"telephone: not in this file: only its hash is".to_owned()));
    }

    #[test]
    fn every_setting_of_a_charter_is_told_in_words() {
        let names = Policy::NAMES.into_iter().chain(["zone\u{1b}[2J"]);
        let policy =
            names.zip(1..).map(|(name, value)| proto::Setting { name: name.to_owned(), value });
        let with = proto::Charter { policy: policy.collect(), ..charter(&[10]) };
        let lines = texts(&Bundle::of(vec![founding(&name(), with, NOW)]));
        for (name, value) in Policy::NAMES.into_iter().zip(1..) {
            assert!(lines.contains(&format!("setting: {name}={value}")), "{name}: {lines:#?}");
        }
        assert!(lines.contains(&r"setting: zone\u{1b}[2J=8".to_owned()), "{lines:#?}");
        assert!(lines.contains(&"a member's day: 4 statements, 3 bytes".to_owned()), "{lines:#?}");
    }

    #[test]
    fn a_file_whose_facets_do_not_fit_is_refused() {
        let log = TestLog::new();
        let ambient = ambient();
        let record =
            Composer::on(&log.directory, &ambient).record(record(), &[telephone()]).unwrap();
        let mut wire = Bundle::of(vec![record]).to_wire();
        wire.publications[0].facets[0].bytes = Bytes::from_static(b"altered");
        let text = armour::write(armour::Kind::Statement, &wire);
        let missing = Refusal::FacetMissing("telephone".to_owned());
        assert_eq!(Bundle::read(&text), Err(DraftError::Refused(missing)));
        let empty = armour::write(armour::Kind::Statement, &v1::Bundle::default());
        assert_eq!(Bundle::read(&empty), Err(DraftError::Empty));
    }
}
