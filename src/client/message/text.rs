//! Text that came from elsewhere, made safe to show on a terminal; text of ours, made fit to sign.
//!
//! In scope: what would move the cursor, colour, hide or turn round what is shown, and what the rules
//! let nobody sign. Out of scope: letters that look like others. Invariant: what leaves this module
//! has no control character, but for the line feeds and tabs of [`visible_block`].

use std::fmt::Write as _;

use unicode_normalization::UnicodeNormalization as _;

use crate::domain::directory::is_forbidden;
use crate::domain::limits;

/// One line: every control character, line feeds included, as `\u{1b}`.
#[must_use]
pub fn visible(text: &str) -> String {
    escaped(text, is_hidden)
}

/// Several lines: as [`visible`], but line feeds and tabs stay.
#[must_use]
pub fn visible_block(text: &str) -> String {
    escaped(text, |char| is_hidden(char) && char != '\n' && char != '\t')
}

/// Why a text is not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    /// Nothing in it is seen.
    #[error("is blank")]
    Blank,
    /// Longer than any.
    #[error("has {found} bytes, and a text has at most {}", limits::TEXT_BYTES)]
    Long {
        /// How many bytes it has.
        found: usize,
    },
    /// A code point that no text holds.
    #[error("holds U+{:04X}, which no text may hold", u32::from(*.0))]
    Forbidden(char),
}

/// A name as it is signed: in NFC, trimmed, and without the three marks of direction that people's
/// keyboards put there; whether any of those was taken out, which people are told.
///
/// # Errors
/// [`NotText`].
pub fn drafted(text: &str) -> Result<(String, bool), NotText> {
    let mark = |char: &char| matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}');
    let name: String = text.chars().filter(|char| !mark(char)).nfc().collect();
    let name = name.trim().to_owned();
    may_be_signed(&name)?;
    Ok((name, text.chars().any(|char| mark(&char))))
}

/// A text that somebody else drafted, as it is.
///
/// # Errors
/// [`NotText`].
pub fn may_be_signed(text: &str) -> Result<(), NotText> {
    if text.trim().is_empty() {
        return Err(NotText::Blank);
    }
    if let Some(found) = text.chars().find(|char| is_forbidden(*char)) {
        return Err(NotText::Forbidden(found));
    }
    let found = text.len();
    if found > limits::TEXT_BYTES { Err(NotText::Long { found }) } else { Ok(()) }
}

fn escaped(text: &str, hidden: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if hidden(char) {
            // Writing to a string does not fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(char));
        } else {
            shown.push(char);
        }
    }
    shown
}

/// C0, DEL and C1; marks, embeddings, overrides and isolates of the bidirectional algorithm
/// (UAX #9); separators of lines and paragraphs; what has no width.
const fn is_hidden(char: char) -> bool {
    matches!(
        char,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_signed_without_marks_and_in_one_form() {
        assert_eq!(drafted(" CYBER SOUTH "), Ok(("CYBER SOUTH".to_owned(), false)));
        assert_eq!(drafted("e\u{301}"), Ok(("é".to_owned(), false)));
        let marked = "\u{61c}تمرين\u{200f} 27\u{200e}";
        assert_eq!(drafted(marked), Ok(("تمرين 27".to_owned(), true)));
        assert_eq!(may_be_signed(marked), Err(NotText::Forbidden('\u{61c}')), "as it came");
    }

    #[test]
    fn what_no_text_may_hold_is_named() {
        for blank in ["", " ", "\u{200e}", "\u{3000}\u{a0}\u{200f}"] {
            assert_eq!(drafted(blank), Err(NotText::Blank), "{blank:?}");
        }
        for (given, said) in [
            ("a\u{202e}b", "holds U+202E, which no text may hold"),
            ("a\tb", "holds U+0009, which no text may hold"),
            ("a\u{e0041}", "holds U+E0041, which no text may hold"),
        ] {
            assert_eq!(drafted(given).unwrap_err().to_string(), said);
        }
        // Counted as it is signed.
        let long = format!("{}\u{200f} ", "é".repeat(200));
        assert_eq!(drafted(&long).map(|(text, _)| text.len()), Ok(400));
        let said = drafted(&"é".repeat(201)).unwrap_err().to_string();
        assert_eq!(said, "has 402 bytes, and a text has at most 400");
    }

    #[test]
    fn what_would_change_the_screen_is_shown_as_its_number() {
        assert_eq!(visible("\u{1b}[2Jgone\r\n"), r"\u{1b}[2Jgone\u{d}\u{a}");
        assert_eq!(visible("\u{9b}1m"), r"\u{9b}1m");
        assert_eq!(
            visible("pay\u{202e}fdp.exe\u{2066}\u{200f}"),
            r"pay\u{202e}fdp.exe\u{2066}\u{200f}"
        );
        assert_eq!(visible_block("a\n\tb\u{1b}\u{2028}"), "a\n\tb\\u{1b}\\u{2028}");
        for plain in ["", "Straße", "электросеть", "عربي", "中文 \\"] {
            assert_eq!(visible(plain), plain);
        }
    }
}
