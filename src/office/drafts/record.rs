//! A record of a contact: what was asked for on top of what stands, and its end.
//!
//! In scope: records of a member's own authority, and those that registrars enter from a State's note. Out of
//! scope: how flags are written, and the question for a name (each face). Invariants: what nobody said stays as
//! the record in force has it; a slip of the finger is refused before anything is signed, for what is published
//! cannot be taken back.

use bytes::Bytes;

use crate::client::armour::Kind;
use crate::client::draft::{Composer, FacetContent};
use crate::client::error::{ClientError, Family, Side};
use crate::client::keys::{Owner, read_public};
use crate::client::reason::Here;
use crate::client::replica::Replica;
use crate::crypto::hash::Digest;
use crate::domain::directory::Record;
use crate::domain::ids::{ContactId, MemberId};
use crate::domain::limits;
use crate::office::Office;
use crate::signed::canonical;
use crate::signed::proto::{self, Custody, Level, Purpose};

use super::Drafted;

/// A twenty-fourth of the longest that a record holds.
const MONTH: u64 = limits::RECORD_SECONDS / 24;

/// What a record is to say, as it was asked for. What is empty stays as it is in force.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Names, each in one language.
    pub names: Vec<Name>,
    /// The levels that it serves.
    pub levels: Vec<Level>,
    /// The matters that it takes.
    pub purposes: Vec<Purpose>,
    /// Addresses of roles, not of persons.
    pub emails: Vec<String>,
    /// Telephone numbers, E.164.
    pub telephones: Vec<String>,
    /// Telephone numbers that are answered at any hour.
    pub emergencies: Vec<String>,
    /// The website of the contact.
    pub web: Option<String>,
    /// Working languages, BCP 47, in order of preference.
    pub languages: Vec<String>,
    /// For how many months it holds; twelve, if nobody said.
    pub months: Option<u32>,
}

/// A name in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// Its tag (BCP 47).
    pub language: String,
    /// As it is signed.
    pub text: String,
}

/// What of it is a slip of the finger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSaid {
    /// Fewer months than 1, or more than 24.
    Months,
    /// No telephone number.
    Telephone(String),
    /// No e-mail address.
    Email(String),
}

/// What a record is to say, and may.
#[derive(Clone, Debug)]
pub struct Fields {
    asked: Asked,
    months: u64,
}

impl Fields {
    /// What was asked for, if it can be.
    ///
    /// # Errors
    /// [`NotSaid`].
    pub fn of(asked: Asked) -> Result<Self, NotSaid> {
        let months = u64::from(asked.months.unwrap_or(12));
        if months == 0 || months > 24 {
            return Err(NotSaid::Months);
        }
        let digits = |number: &str| number.bytes().filter(u8::is_ascii_digit).count();
        let spoken = |number: &&String| {
            let rest = number.strip_prefix('+').unwrap_or_default();
            let allowed = rest.chars().all(|c| c.is_ascii_digit() || " ()-/.".contains(c));
            allowed && (5..=15).contains(&digits(rest))
        };
        let mut numbers = asked.telephones.iter().chain(&asked.emergencies);
        if let Some(wrong) = numbers.find(|number| !spoken(number)) {
            return Err(NotSaid::Telephone(wrong.clone()));
        }
        let address = |address: &&String| {
            let parts = address.split_once('@');
            parts.is_some_and(|(who, at)| !who.is_empty() && at.contains('.'))
                && !address.contains(char::is_whitespace)
        };
        if let Some(wrong) = asked.emails.iter().find(|given| !address(given)) {
            return Err(NotSaid::Email(wrong.clone()));
        }
        Ok(Self { asked, months })
    }

    /// Whether it says a name.
    #[must_use]
    pub fn has_name(&self) -> bool {
        !self.asked.names.is_empty()
    }

    /// The same with this name, in English.
    #[must_use]
    pub fn named(mut self, text: String) -> Self {
        self.asked.names = vec![Name { language: "en".to_owned(), text }];
        self
    }

    /// Facets that were asked for, and those in force that these do not touch.
    fn facets(&self, before: Option<&Before<'_>>) -> Vec<FacetContent> {
        let said = self.said_facets();
        let kept = before.into_iter().flat_map(|Before { record, copy }| {
            record.facets.iter().filter_map(|facet| {
                let open = copy.facet(&facet.hash)?;
                FacetContent::read(&facet.name, &open.bytes)
            })
        });
        let kept: Vec<FacetContent> =
            kept.filter(|kept| said.iter().all(|said| said.name() != kept.name())).collect();
        said.into_iter().chain(kept).collect()
    }

    fn said_facets(&self) -> Vec<FacetContent> {
        let (asked, mut facets) = (&self.asked, Vec::new());
        if !asked.emails.is_empty() {
            let addresses = asked.emails.iter().map(|address| proto::EmailAddress {
                address: address.clone(),
                r#use: proto::EmailUse::Role.into(),
            });
            facets.push(FacetContent::Email(proto::Email { addresses: addresses.collect() }));
        }
        let number = |number: &String, purpose: proto::TelephoneUse| proto::TelephoneNumber {
            number: number.clone(),
            r#use: purpose.into(),
            ..Default::default()
        };
        let voice = asked.telephones.iter().map(|it| number(it, proto::TelephoneUse::Voice));
        let any_hour =
            asked.emergencies.iter().map(|it| number(it, proto::TelephoneUse::Emergency));
        let numbers: Vec<proto::TelephoneNumber> = any_hour.chain(voice).collect();
        if !numbers.is_empty() {
            facets.push(FacetContent::Telephone(proto::Telephone { numbers }));
        }
        if let Some(website) = &asked.web {
            let website = website.clone();
            facets.push(FacetContent::Web(proto::Web { website, ..Default::default() }));
        }
        if !asked.languages.is_empty() {
            let languages = asked.languages.iter().map(|tag| proto::SpokenLanguage {
                tag: tag.clone(),
                spoken: true,
                written: true,
            });
            let languages = languages.collect();
            facets.push(FacetContent::Languages(proto::Languages { languages }));
        }
        facets
    }

    /// What the next record of the contact says.
    pub(in crate::office) fn said(
        &self,
        contact: &ContactId,
        before: Option<&Before<'_>>,
        now: u64,
    ) -> Said {
        let (asked, record) = (&self.asked, before.map(|before| before.record));
        let names = asked
            .names
            .iter()
            .map(|name| proto::Text { language: name.language.clone(), text: name.text.clone() });
        let levels = asked.levels.iter().map(|level| i32::from(*level));
        let purposes = asked.purposes.iter().map(|purpose| i32::from(*purpose));
        Said {
            expires: now + self.months * MONTH,
            names: or(names.collect(), || match record {
                Some(record) => record.names.clone(),
                None => {
                    let text = contact.name().to_owned();
                    vec![proto::Text { language: "en".to_owned(), text }]
                }
            }),
            levels: or(levels.collect(), || match record {
                Some(record) => record.levels.iter().map(|level| i32::from(*level)).collect(),
                None => vec![Level::Technical.into()],
            }),
            purposes: or(purposes.collect(), || {
                let purposes = record.map(|record| record.purposes.as_slice());
                purposes.unwrap_or_default().iter().map(|it| i32::from(*it)).collect()
            }),
            facets: self.facets(before),
        }
    }
}

fn or<T>(asked: Vec<T>, before: impl FnOnce() -> Vec<T>) -> Vec<T> {
    if asked.is_empty() { before() } else { asked }
}

/// The record in force, and the copy that has its facets.
pub(in crate::office) struct Before<'a> {
    record: &'a Record,
    copy: &'a Replica,
}

/// The parts that an own record and an attested one have in common.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::office) struct Said {
    pub(in crate::office) expires: u64,
    pub(in crate::office) levels: Vec<i32>,
    pub(in crate::office) purposes: Vec<i32>,
    pub(in crate::office) names: Vec<proto::Text>,
    pub(in crate::office) facets: Vec<FacetContent>,
}

/// A note verbale, with its digest.
#[derive(Clone, Debug, PartialEq)]
pub struct NoteVerbale(proto::Note);

impl NoteVerbale {
    /// Of this reference and date, Unix seconds, and the bytes of the paper.
    #[must_use]
    pub fn of(reference: String, date: u64, paper: &[u8]) -> Self {
        let sha256 = Bytes::copy_from_slice(Digest::of(paper).as_bytes());
        Self(proto::Note { reference, date, sha256 })
    }

    pub(super) fn into_signed(self) -> proto::Note {
        self.0
    }
}

/// Who keeps the roster of a contact.
#[derive(Clone, Debug, PartialEq)]
pub enum Keeper {
    /// Whoever does now.
    AsBefore,
    /// The authority itself.
    Authority,
    /// The holder of this key.
    Of(Box<proto::PublicKey>),
}

impl Keeper {
    /// The key in a KEEPER file, if it is of this contact.
    ///
    /// # Errors
    /// The text is no such file, or another's.
    pub fn read(text: &str, contact: &ContactId) -> Result<Self, ClientError> {
        let mut file = read_public(Kind::Keeper, text)?;
        match file.sign.pop() {
            Some(key) if file.holder == contact.as_str() => Ok(Self::Of(Box::new(key))),
            _ => {
                let sentence =
                    format!("the file holds the key of {}, not of {contact}", file.holder);
                Err(ClientError::new(Side::Ours, Family::Usage, Here::OtherContact, sentence))
            }
        }
    }
}

/// A record that is being drafted.
pub struct Drafting {
    pub(super) contact: ContactId,
    pub(super) copy: Replica,
}

impl Office {
    /// Begins the next record of a contact, on a copy that is up to date.
    ///
    /// # Errors
    /// As [`Office::synced`].
    pub async fn drafting(&self, contact: ContactId) -> Result<Drafting, ClientError> {
        let (_, copy) = self.synced().await?;
        Ok(Drafting { contact, copy })
    }

    /// Whether the authority's key lies beside the seats of this home.
    ///
    /// # Errors
    /// The keys cannot be listed.
    pub(in crate::office) fn custody(&self, member: &MemberId) -> Result<Custody, ClientError> {
        let owners = self.home.keys().owners()?;
        let authority = owners.contains(&Owner::Authority(member.clone()));
        let seat = owners.iter().any(|owner| match owner {
            Owner::Seat(seat) => seat.member() == *member,
            Owner::Registrar(_)
            | Owner::Operator(_)
            | Owner::Auditor(_)
            | Owner::Authority(_)
            | Owner::Keeper(_) => false,
        });
        Ok(if authority && seat { Custody::OneMachine } else { Custody::Separate })
    }
}

impl Drafting {
    /// The contact that has a record in force, or none yet.
    #[must_use]
    pub fn has_record(&self) -> bool {
        self.before().is_some()
    }

    fn before(&self) -> Option<Before<'_>> {
        let record = self.copy.directory().ok()?.record(&self.contact).ok()?;
        Some(Before { record, copy: &self.copy })
    }

    /// The record that the authority signs.
    ///
    /// # Errors
    /// There is no directory to draft on; the keys cannot be listed.
    pub fn own(
        self,
        office: &Office,
        fields: &Fields,
        keeper: Keeper,
    ) -> Result<Drafted, ClientError> {
        let (before, contact) = (self.before(), &self.contact);
        let said = fields.said(contact, before.as_ref(), office.ambient().now());
        let keeper = match keeper {
            Keeper::Of(key) => Some(*key),
            Keeper::Authority => None,
            // As the authority listed it, with its proof.
            Keeper::AsBefore => before.as_ref().and_then(|before| {
                let said = canonical::decode::<proto::Record>(&before.record.payload).ok()?;
                said.keeper
            }),
        };
        let record = proto::Record {
            contact: contact.to_string(),
            expires: said.expires,
            levels: said.levels,
            purposes: said.purposes,
            names: said.names,
            keeper,
            custody: office.custody(&contact.member())?.into(),
            ladders: before.map(|before| before.record.ladders.clone()).unwrap_or_default(),
            ..Default::default()
        };
        let mut composer = Composer::on(self.copy.directory()?, office.ambient());
        let publication = composer.record(record, &said.facets)?;
        Ok(Drafted::of(vec![publication], self.copy))
    }

    /// The record that registrars enter for a State, from its note.
    ///
    /// # Errors
    /// There is no directory to draft on.
    pub fn attested(
        self,
        office: &Office,
        fields: &Fields,
        note: NoteVerbale,
    ) -> Result<Drafted, ClientError> {
        let said = fields.said(&self.contact, self.before().as_ref(), office.ambient().now());
        let record = proto::AttestedRecord {
            contact: self.contact.to_string(),
            expires: said.expires,
            levels: said.levels,
            purposes: said.purposes,
            names: said.names,
            note: Some(note.into_signed()),
            ..Default::default()
        };
        let mut composer = Composer::on(self.copy.directory()?, office.ambient());
        let publication = composer.attested_record(record, &said.facets)?;
        Ok(Drafted::of(vec![publication], self.copy))
    }

    /// The end of the contact.
    ///
    /// # Errors
    /// It has no record.
    pub fn withdrawal(self, office: &Office) -> Result<Drafted, ClientError> {
        let directory = self.copy.directory()?;
        directory.record(&self.contact)?;
        let publication = Composer::on(directory, office.ambient()).withdrawal(&self.contact);
        Ok(Drafted::of(vec![publication], self.copy))
    }
}
