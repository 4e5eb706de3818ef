//! What a record says, from flags to statement fields.

use crate::office::drafts::{Asked, Fields, Name, NotSaid, NoteVerbale};
use crate::office::error::ClientError;
use crate::office::files;
use crate::office::terms::{ContactId, Level, Matter};
use crate::office::typed::Typed;
use crate::words::visible;

use super::Context;
use super::args::{LevelArg, NoteArgs, PurposeArg, RecordFields};
use super::context::usage;

/// The flags, as what a record is to say.
///
/// # Errors
/// A flag cannot be read.
pub(super) fn fields(ctx: &Context, flags: &RecordFields) -> Result<Fields, ClientError> {
    let asked = Asked {
        names: texts(ctx, &flags.names)?,
        levels: flags.levels.iter().map(|level| level_of(*level)).collect(),
        purposes: flags.purposes.iter().map(|purpose| purpose_of(*purpose)).collect(),
        emails: flags.emails.clone(),
        telephones: flags.telephones.clone(),
        emergencies: flags.emergencies.clone(),
        web: flags.web.clone(),
        languages: flags.languages.clone(),
        months: flags.months,
    };
    Fields::of(asked).map_err(|why| match why {
        NotSaid::Months => usage("a record holds for 1 to 24 months: --months"),
        NotSaid::Telephone(wrong) => {
            usage(&format!("a telephone number is like +33 9 70 83 32 18, not {wrong:?}"))
        }
        NotSaid::Email(wrong) => {
            usage(&format!("an address is like duty@cert.example, not {wrong:?}"))
        }
    })
}

/// The same with a name, which people are asked for where no record has one yet.
///
/// # Errors
/// As [`drafted`].
pub(super) fn named(
    ctx: &Context,
    contact: &ContactId,
    fields: Fields,
    has_record: bool,
) -> Result<Fields, ClientError> {
    if fields.has_name() || has_record {
        return Ok(fields);
    }
    match ctx.out.ask(&format!("The name of {contact}, in English:")) {
        Some(name) => Ok(fields.named(drafted(ctx, "the name", &name)?)),
        None => Ok(fields),
    }
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
    let typed = Typed::read(text).map_err(|why| usage(&format!("{what} {why}: give another")))?;
    let said = || format!("{what} is signed without its marks of direction, which nobody sees");
    Ok((typed.text, typed.stripped.then(said)))
}

/// `en=National CERT`
///
/// # Errors
/// No equals sign, or as [`drafted`].
pub(super) fn texts(ctx: &Context, given: &[String]) -> Result<Vec<Name>, ClientError> {
    let read = given.iter().map(|given| {
        let (language, text) = given.split_once('=').ok_or_else(|| {
            usage(&format!("a name is given by language, like en=\"National CERT\", not {given:?}"))
        })?;
        super::args::language(language)
            .map_err(|why| usage(&format!("the language of the name {given:?}: {why}")))?;
        let text = drafted(ctx, &format!("the name in {}", visible(language)), text)?;
        Ok(Name { language: language.to_owned(), text })
    });
    read.collect()
}

/// The note verbale, with its digest.
///
/// # Errors
/// The file or the date cannot be read, or the reference as [`drafted`].
pub(super) fn note(ctx: &Context, args: &NoteArgs) -> Result<Option<NoteVerbale>, ClientError> {
    let (Some(reference), Some(path)) = (&args.reference, &args.note_file) else {
        return Ok(None);
    };
    let reference = drafted(ctx, "the note's reference", reference)?;
    let paper = files::read(path, PAPER_BYTES)?;
    let date = match &args.date {
        None => ctx.office.ambient().now(),
        Some(date) => date_of(date)?,
    };
    Ok(Some(NoteVerbale::of(reference, date, &paper)))
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

const fn purpose_of(purpose: PurposeArg) -> Matter {
    match purpose {
        PurposeArg::IncidentNotification => Matter::IncidentNotification,
        PurposeArg::AssistanceRequest => Matter::AssistanceRequest,
        PurposeArg::CrisisConsultation => Matter::CrisisConsultation,
        PurposeArg::Vulnerability => Matter::Vulnerability,
        PurposeArg::Exercise => Matter::Exercise,
        PurposeArg::General => Matter::General,
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::args::Global;
    use crate::office::error::Family;

    use super::*;
    use crate::cli::Output;

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
        let global = Global { home, directory, seat, json: false, no_input: true };
        let ctx = Context::new(global, Output::new(false, true)).unwrap();
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
            note(&ctx, &NoteArgs { reference, date: Some("2026-11-22".to_owned()), note_file })
        };
        let expected = NoteVerbale::of("NV/é".to_owned(), 1_795_305_600, b"note");
        assert_eq!(noted("\u{200e}NV/e\u{301}").unwrap(), Some(expected));
        let said = "the note's reference holds U+000A, which no text may hold: give another";
        assert_eq!(noted("NV\n1").unwrap_err().sentence, said);
    }
}
