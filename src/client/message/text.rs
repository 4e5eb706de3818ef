//! Text that came from elsewhere, made safe to show on a terminal.
//!
//! In scope: what would move the cursor, colour, hide or turn round what is shown. Out of scope:
//! letters that look like others. Invariant: what leaves this module has no control character, but
//! for the line feeds and tabs of [`visible_block`].

use std::fmt::Write as _;

use unicode_normalization::UnicodeNormalization as _;

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

/// A name as it is signed: in NFC, trimmed, and without the three marks of direction that people's
/// keyboards put there; whether any of those was taken out, which people are told.
#[must_use]
pub fn drafted(text: &str) -> (String, bool) {
    let mark = |char: &char| matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}');
    let name: String = text.chars().filter(|char| !mark(char)).nfc().collect();
    (name.trim().to_owned(), text.chars().any(|char| mark(&char)))
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
        assert_eq!(drafted(" CYBER SOUTH "), ("CYBER SOUTH".to_owned(), false));
        assert_eq!(drafted("e\u{301}"), ("é".to_owned(), false));
        let marked = "\u{61c}تمرين\u{200f} 27\u{200e}";
        assert_eq!(drafted(marked), ("تمرين 27".to_owned(), true));
        // What else the rules refuse stays, and is refused.
        assert_eq!(drafted("a\u{202e}b"), ("a\u{202e}b".to_owned(), false));
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
