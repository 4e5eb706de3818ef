//! What a record says, from flags to statement fields.

use std::path::Path;

use bytes::Bytes;

use crate::client::draft::FacetContent;
use crate::client::message::text;
use crate::client::place;
use crate::client::replica::Replica;
use crate::domain::directory::Record;
use crate::domain::limits;
use crate::office::error::ClientError;
use crate::office::terms::{ContactId, Digest, Level};
use crate::signed::proto::{self, Purpose};
use crate::words::visible;

use super::Context;
use super::args::{LevelArg, NoteArgs, PurposeArg, RecordFields};
use super::context::{cannot_use, usage};

/// A twenty-fourth of the longest that a record holds.
const MONTH: u64 = limits::RECORD_SECONDS / 24;

/// The parts of a record that flags can say.
pub(super) struct Said {
    pub(super) expires: u64,
    pub(super) levels: Vec<i32>,
    pub(super) purposes: Vec<i32>,
    pub(super) names: Vec<proto::Text>,
    pub(super) facets: Vec<FacetContent>,
}

/// The flags, on top of what the record in force says.
///
/// # Errors
/// A flag cannot be read, or there is no name at all.
pub(super) fn said(
    ctx: &Context,
    contact: &ContactId,
    fields: &RecordFields,
    before: Option<(&Record, &Replica)>,
) -> Result<Said, ClientError> {
    let months = u64::from(fields.months.unwrap_or(12));
    if months == 0 || months > 24 {
        return Err(usage("a record holds for 1 to 24 months: --months"));
    }
    well_formed(fields)?;
    let record = before.map(|(record, _)| record);
    let names = texts(ctx, &fields.names)?;
    let names = match (names.is_empty(), record) {
        (false, _) => names,
        (true, Some(record)) => record.names.clone(),
        (true, None) => {
            let name = ctx.out.ask(&format!("The name of {contact}, in English:"));
            let text = match name {
                Some(name) => drafted(ctx, "the name", &name)?,
                None => contact.name().to_owned(),
            };
            vec![proto::Text { language: "en".to_owned(), text }]
        }
    };
    let levels: Vec<i32> = fields.levels.iter().map(|level| i32::from(level_of(*level))).collect();
    let levels = match (levels.is_empty(), record) {
        (false, _) => levels,
        (true, Some(record)) => record.levels.iter().map(|level| i32::from(*level)).collect(),
        (true, None) => vec![Level::Technical.into()],
    };
    let purposes: Vec<i32> =
        fields.purposes.iter().map(|purpose| i32::from(purpose_of(*purpose))).collect();
    let purposes = match (purposes.is_empty(), record) {
        (true, Some(record)) => record.purposes.iter().map(|it| i32::from(*it)).collect(),
        _ => purposes,
    };
    Ok(Said {
        expires: ctx.office.ambient().now() + months * MONTH,
        levels,
        purposes,
        names,
        facets: facets(fields, before),
    })
}

/// What is published cannot be taken back: a slip of the finger is refused before it is signed.
fn well_formed(fields: &RecordFields) -> Result<(), ClientError> {
    let digits = |number: &str| number.bytes().filter(u8::is_ascii_digit).count();
    let spoken = |number: &&String| {
        let rest = number.strip_prefix('+').unwrap_or_default();
        let allowed = rest.chars().all(|c| c.is_ascii_digit() || " ()-/.".contains(c));
        allowed && (5..=15).contains(&digits(rest))
    };
    let mut numbers = fields.telephones.iter().chain(&fields.emergencies);
    if let Some(wrong) = numbers.find(|number| !spoken(number)) {
        return Err(usage(&format!("a telephone number is like +33 9 70 83 32 18, not {wrong:?}")));
    }
    let address = |address: &&String| {
        let parts = address.split_once('@');
        parts.is_some_and(|(who, at)| !who.is_empty() && at.contains('.'))
            && !address.contains(char::is_whitespace)
    };
    if let Some(wrong) = fields.emails.iter().find(|given| !address(given)) {
        return Err(usage(&format!("an address is like duty@cert.example, not {wrong:?}")));
    }
    Ok(())
}

/// Facets that the flags say, and those in force that they do not touch.
fn facets(fields: &RecordFields, before: Option<(&Record, &Replica)>) -> Vec<FacetContent> {
    let said = said_facets(fields);
    let kept = before.into_iter().flat_map(|(record, replica)| {
        record.facets.iter().filter_map(|facet| {
            let open = replica.facet(&facet.hash)?;
            FacetContent::read(&facet.name, &open.bytes)
        })
    });
    let kept: Vec<FacetContent> =
        kept.filter(|kept| said.iter().all(|said| said.name() != kept.name())).collect();
    said.into_iter().chain(kept).collect()
}

fn said_facets(fields: &RecordFields) -> Vec<FacetContent> {
    let mut facets = Vec::new();
    if !fields.emails.is_empty() {
        let addresses = fields.emails.iter().map(|address| proto::EmailAddress {
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
    let voice = fields.telephones.iter().map(|it| number(it, proto::TelephoneUse::Voice));
    let any_hour = fields.emergencies.iter().map(|it| number(it, proto::TelephoneUse::Emergency));
    let numbers: Vec<proto::TelephoneNumber> = any_hour.chain(voice).collect();
    if !numbers.is_empty() {
        facets.push(FacetContent::Telephone(proto::Telephone { numbers }));
    }
    if let Some(website) = &fields.web {
        let website = website.clone();
        facets.push(FacetContent::Web(proto::Web { website, ..Default::default() }));
    }
    if !fields.languages.is_empty() {
        let languages = fields.languages.iter().map(|tag| proto::SpokenLanguage {
            tag: tag.clone(),
            spoken: true,
            written: true,
        });
        facets.push(FacetContent::Languages(proto::Languages { languages: languages.collect() }));
    }
    facets
}

/// A text as it is signed. What was taken out of it is said.
///
/// # Errors
/// Nothing is left, or what no text may hold: it is named.
pub(super) fn drafted(ctx: &Context, what: &str, text: &str) -> Result<String, ClientError> {
    let (text, said) = drafted_as(what, text)?;
    if let Some(said) = said {
        ctx.out.say(said);
    }
    Ok(text)
}

/// As [`drafted`], with what is to be said.
fn drafted_as(what: &str, text: &str) -> Result<(String, Option<String>), ClientError> {
    let (text, stripped) =
        text::drafted(text).map_err(|why| usage(&format!("{what} {why}: give another")))?;
    let said = || format!("{what} is signed without its marks of direction, which nobody sees");
    Ok((text, stripped.then(said)))
}

/// `en=National CERT`
///
/// # Errors
/// No equals sign, or as [`drafted`].
pub(super) fn texts(ctx: &Context, given: &[String]) -> Result<Vec<proto::Text>, ClientError> {
    let read = given.iter().map(|given| {
        let (language, text) = given.split_once('=').ok_or_else(|| {
            usage(&format!("a name is given by language, like en=\"National CERT\", not {given:?}"))
        })?;
        super::args::language(language)
            .map_err(|why| usage(&format!("the language of the name {given:?}: {why}")))?;
        let text = drafted(ctx, &format!("the name in {}", visible(language)), text)?;
        Ok(proto::Text { language: language.to_owned(), text })
    });
    read.collect()
}

/// The note verbale, with its digest.
///
/// # Errors
/// The file or the date cannot be read, or the reference as [`drafted`].
pub(super) fn note(ctx: &Context, args: &NoteArgs) -> Result<Option<proto::Note>, ClientError> {
    let (Some(reference), Some(path)) = (&args.reference, &args.note_file) else {
        return Ok(None);
    };
    let reference = drafted(ctx, "the note's reference", reference)?;
    let paper = read_bytes(path)?;
    let date = match &args.date {
        None => ctx.office.ambient().now(),
        Some(date) => date_of(date)?,
    };
    let sha256 = Bytes::copy_from_slice(Digest::of(&paper).as_bytes());
    Ok(Some(proto::Note { reference, date, sha256 }))
}

fn date_of(text: &str) -> Result<u64, ClientError> {
    let date: jiff::civil::Date =
        text.parse().map_err(|_| usage(&format!("a date is like 2026-11-22, not {text:?}")))?;
    let midnight = date.to_zoned(jiff::tz::TimeZone::UTC);
    let midnight = midnight.map_err(|why| usage(&why.to_string()))?;
    u64::try_from(midnight.timestamp().as_second()).map_err(|_| usage("the date is before 1970"))
}

/// A note that was scanned.
const PAPER_BYTES: u64 = 64 << 20;

fn read_bytes(path: &Path) -> Result<Vec<u8>, ClientError> {
    place::read(path, PAPER_BYTES).map_err(cannot_use)
}

/// The level of a flag.
pub(super) const fn level_of(level: LevelArg) -> Level {
    match level {
        LevelArg::Technical => Level::Technical,
        LevelArg::Policy => Level::Policy,
        LevelArg::Diplomatic => Level::Diplomatic,
        LevelArg::Legal => Level::Legal,
        LevelArg::LawEnforcement => Level::LawEnforcement,
    }
}

const fn purpose_of(purpose: PurposeArg) -> Purpose {
    match purpose {
        PurposeArg::IncidentNotification => Purpose::IncidentNotification,
        PurposeArg::AssistanceRequest => Purpose::AssistanceRequest,
        PurposeArg::CrisisConsultation => Purpose::CrisisConsultation,
        PurposeArg::Vulnerability => Purpose::Vulnerability,
        PurposeArg::Exercise => Purpose::Exercise,
        PurposeArg::General => Purpose::General,
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::args::Global;
    use crate::office::error::Family;

    use super::*;

    #[test]
    fn what_is_taken_out_of_a_text_is_said_and_what_else_is_wrong_is_named() {
        assert_eq!(drafted_as("the name", "Zo\u{65}\u{301}").unwrap(), ("Zoé".to_owned(), None));
        let (text, said) = drafted_as("the note's reference", "\u{200f}NV/2027/1").unwrap();
        assert_eq!(text, "NV/2027/1");
        assert_eq!(
            said.unwrap(),
            "the note's reference is signed without its marks of direction, which nobody sees"
        );
        for (given, said) in [
            ("\u{200e}", "the name is blank: give another"),
            ("a\u{2066}b", "the name holds U+2066, which no text may hold: give another"),
        ] {
            let error = drafted_as("the name", given).unwrap_err();
            assert_eq!((error.family, &error.sentence[..]), (Family::Usage, said));
        }
    }

    #[test]
    fn names_and_references_are_drafted_as_they_are_signed() {
        let folder = tempfile::tempdir().unwrap();
        let home = Some(folder.path().join("home"));
        let (directory, seat) = (None, None);
        let ctx = Context::new(Global { home, directory, seat, json: false, no_input: true });
        let ctx = ctx.unwrap();
        let named = texts(&ctx, &["ar=\u{200f} المركز ".to_owned()]).unwrap();
        assert_eq!(named[0].text, "المركز");
        let refused = |given: &str| texts(&ctx, &[given.to_owned()]).unwrap_err().sentence;
        assert_eq!(refused("en= "), "the name in en is blank: give another");
        let said = "the name in en holds U+FEFF, which no text may hold: give another";
        assert_eq!(refused("en=CERT\u{feff}"), said);

        let paper = folder.path().join("note.pdf");
        std::fs::write(&paper, b"note").unwrap();
        let noted = |reference: &str| {
            let (reference, note_file) = (Some(reference.to_owned()), Some(paper.clone()));
            note(&ctx, &NoteArgs { reference, date: None, note_file })
        };
        assert_eq!(noted("\u{200e}NV/e\u{301}").unwrap().unwrap().reference, "NV/é");
        let said = "the note's reference holds U+000A, which no text may hold: give another";
        assert_eq!(noted("NV\n1").unwrap_err().sentence, said);
    }
}
