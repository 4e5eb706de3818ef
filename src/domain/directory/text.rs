//! Fields as `bytes.md` wants them: sorted sets, NFC text, known enum values, keys that are keys.

use std::cmp::Ordering;

use unicode_normalization::is_nfc;

use crate::crypto::hash::Digest;
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::signed::proto;

/// Refuses a list that is not a sorted set, or longer than `limit`.
pub(crate) fn sorted_set<T, K: Ord + ?Sized>(
    field: &'static str,
    items: &[T],
    limit: usize,
    key: impl Fn(&T) -> &K,
) -> Result<(), Refusal> {
    if items.len() > limit {
        return Err(Refusal::field(
            field,
            format!("expected at most {limit}, found {}", items.len()),
        ));
    }
    let ascending = items.windows(2).all(|pair| match pair {
        [a, b] => key(a).cmp(key(b)) == Ordering::Less,
        _ => true,
    });
    if ascending {
        Ok(())
    } else {
        Err(Refusal::field(field, "expected a sorted list without doubles"))
    }
}

/// Text of 1 to `limit` bytes in NFC, without control characters.
pub(crate) fn text(field: &'static str, text: &str, limit: usize) -> Result<(), Refusal> {
    if text.is_empty() || text.len() > limit {
        let why = format!("expected 1 to {limit} bytes of text, found {}", text.len());
        return Err(Refusal::field(field, why));
    }
    if text.chars().any(char::is_control) || !is_nfc(text) {
        return Err(Refusal::field(field, "expected UTF-8 in NFC without control characters"));
    }
    Ok(())
}

/// Names by language: at least one, sorted by BCP 47 tag.
pub(crate) fn names(field: &'static str, texts: &[proto::Text]) -> Result<(), Refusal> {
    sorted_set(field, texts, limits::TEXTS, |text| text.language.as_str())?;
    if texts.is_empty() {
        return Err(Refusal::field(field, "expected a name in at least one language"));
    }
    texts.iter().try_for_each(|named| {
        language(field, &named.language)?;
        text(field, &named.text, limits::TEXT_BYTES)
    })
}

/// The shape of a BCP 47 tag: letters and digits in parts of at most eight, joined by hyphens.
pub(crate) fn language(field: &'static str, tag: &str) -> Result<(), Refusal> {
    let part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let primary = tag.split('-').next().unwrap_or_default();
    let alphabetic = primary.len() >= 2 && primary.bytes().all(|b| b.is_ascii_alphabetic());
    if alphabetic && tag.len() <= 35 && tag.split('-').all(part) {
        Ok(())
    } else {
        Err(Refusal::field(field, format!("expected a BCP 47 tag like pt-BR, found {tag:?}")))
    }
}

/// `[a-z0-9-]{1,32}`: the name of a facet, a setting, an extra.
pub(crate) fn is_word(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(inside)
}

/// 32 bytes.
pub(crate) fn digest(field: &'static str, bytes: &[u8]) -> Result<Digest, Refusal> {
    Digest::try_from(bytes).map_err(|why| Refusal::field(field, why))
}

/// An enum value of this version; 0 and unknown ones are refused.
pub(crate) fn known<E: TryFrom<i32>>(field: &'static str, value: i32) -> Result<E, Refusal> {
    match E::try_from(value) {
        Ok(known) if value != 0 => Ok(known),
        _ => Err(Refusal::field(field, format!("{value} is no value of this version"))),
    }
}

/// A note verbale: reference and date, and the digest of the paper.
pub(crate) fn note(note: Option<&proto::Note>) -> Result<(), Refusal> {
    let Some(note) = note else { return Ok(()) };
    text("note.reference", &note.reference, limits::TEXT_BYTES)?;
    if note.date == 0 {
        return Err(Refusal::field("note.date", "expected the date of the note"));
    }
    digest("note.sha256", &note.sha256).map(|_| ())
}
