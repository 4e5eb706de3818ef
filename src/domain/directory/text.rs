//! Fields as `docs/protocol.md` 1 and 2 want them: sorted sets, text by the closed list, names, notes.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

use crate::crypto::hash::Digest;
use crate::domain::limits;
use crate::domain::refusal::{Refusal, Wrong};
use crate::signed::proto;

/// Refuses a number, or how many there are, outside of what may be.
pub(crate) fn within(
    field: &'static str,
    may: RangeInclusive<usize>,
    found: usize,
) -> Result<(), Refusal> {
    if may.contains(&found) {
        return Ok(());
    }
    let (least, most) = may.into_inner();
    Err(Refusal::field(field, Wrong::OutOfRange { least, most, found }))
}

/// Refuses a list that is not a sorted set, or longer than `limit`.
pub(crate) fn sorted_set<T, K: Ord + ?Sized>(
    field: &'static str,
    items: &[T],
    limit: usize,
    key: impl Fn(&T) -> &K,
) -> Result<(), Refusal> {
    within(field, 0..=limit, items.len())?;
    let ascending = items.windows(2).all(|pair| match pair {
        [a, b] => key(a).cmp(key(b)) == Ordering::Less,
        _ => true,
    });
    if ascending { Ok(()) } else { Err(Refusal::field(field, Wrong::NotASet)) }
}

/// Text of 1 to 400 bytes, without what cannot be seen or turns what is seen around. The list is
/// final and needs no Unicode tables; normal form is a matter of whoever drafts.
pub(crate) fn text(field: &'static str, text: &str) -> Result<(), Refusal> {
    if text.is_empty() || text.len() > limits::TEXT_BYTES {
        return Err(Refusal::field(field, Wrong::TextLength(text.len())));
    }
    match text.chars().find(|c| is_forbidden(*c)) {
        Some(found) => Err(Refusal::field(field, Wrong::NoText(found))),
        None => Ok(()),
    }
}

/// The code points that no text holds.
pub(crate) const fn is_forbidden(c: char) -> bool {
    matches!(
        c as u32,
        0x0..=0x1f
            | 0x7f..=0x9f
            | 0xad
            | 0x61c
            | 0x200b
            | 0x200e
            | 0x200f
            | 0x2028..=0x202e
            | 0x2060..=0x206f
            | 0xe000..=0xf8ff
            | 0xfdd0..=0xfdef
            | 0xfeff
            | 0xfff0..=0xfffb
            | 0x1_d173..=0x1_d17a
            | 0xe_0000..=0xe_00ff
            | 0xe_01f0..=0xe_0fff
            | 0xf_0000..=0x10_ffff
    ) || (c as u32) & 0xfffe == 0xfffe
}

/// Names by language: at least one, sorted by BCP 47 tag.
pub(crate) fn names(field: &'static str, texts: &[proto::Text]) -> Result<(), Refusal> {
    sorted_set(field, texts, limits::TEXTS, |text| text.language.as_str())?;
    if texts.is_empty() {
        return Err(Refusal::field(field, Wrong::Empty));
    }
    texts.iter().try_for_each(|named| {
        language(field, &named.language)?;
        text(field, &named.text)
    })
}

/// The shape of a BCP 47 tag: letters and digits in parts of at most eight, joined by hyphens.
pub(crate) fn language(field: &'static str, tag: &str) -> Result<(), Refusal> {
    let part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let primary = tag.split('-').next().unwrap_or_default();
    let alphabetic = primary.len() >= 2 && primary.bytes().all(|b| b.is_ascii_alphabetic());
    if alphabetic && tag.len() <= limits::LANGUAGE_BYTES && tag.split('-').all(part) {
        Ok(())
    } else {
        Err(Refusal::field(field, Wrong::NoLanguage(tag.to_owned())))
    }
}

/// `[a-z0-9-]{1,32}`: the name of a facet, a setting, an extra.
pub(crate) fn word(field: &'static str, text: &str) -> Result<(), Refusal> {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=32).contains(&text.len()) && text.bytes().all(inside) {
        Ok(())
    } else {
        Err(Refusal::field(field, Wrong::NoWord(text.to_owned())))
    }
}

/// The digest that a field holds: 32 bytes.
pub(crate) fn digest(field: &'static str, bytes: &[u8]) -> Result<Digest, Refusal> {
    Digest::try_from(bytes).map_err(|why| Refusal::field(field, why))
}

/// A note verbale: reference and date, and the digest of the paper.
pub(crate) fn note(note: Option<&proto::Note>) -> Result<(), Refusal> {
    let Some(note) = note else { return Ok(()) };
    text("note.reference", &note.reference)?;
    if note.date == 0 {
        return Err(Refusal::field("note.date", Wrong::Missing));
    }
    digest("note.sha256", &note.sha256).map(|_| ())
}
