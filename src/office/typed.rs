//! A text that people type, as it is signed.
//!
//! In scope: what is taken out of it, and what no text may hold. Out of scope: which text it is.

use crate::client::message::text;

pub use crate::client::message::text::NotText;

/// A text in the form in which it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// In NFC, trimmed.
    pub text: String,
    /// Whether marks of direction were taken out, which nobody sees.
    pub stripped: bool,
}

impl Typed {
    /// What somebody typed.
    ///
    /// # Errors
    /// Nothing is left of it, or it holds what no text may hold.
    pub fn read(text: &str) -> Result<Self, NotText> {
        let (text, stripped) = text::drafted(text)?;
        Ok(Self { text, stripped })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_taken_out_and_said_and_what_nobody_may_sign_is_refused() {
        let read = |text: &str| Typed::read(text);
        let typed = |text: &str, stripped| Ok(Typed { text: text.to_owned(), stripped });
        assert_eq!(read(" Zo\u{65}\u{301} "), typed("Zoé", false));
        assert_eq!(read("\u{200f}NV/1"), typed("NV/1", true));
        assert_eq!(read(" \u{200e}"), Err(NotText::Blank));
        assert_eq!(read("a\u{2066}b"), Err(NotText::Forbidden('\u{2066}')));
        assert_eq!(read("a\nb"), Err(NotText::Forbidden('\n')));
        let long = "x".repeat(crate::domain::limits::TEXT_BYTES + 1);
        assert_eq!(read(&long), Err(NotText::Long { found: long.len() }));
        assert!(read(&long[1..]).is_ok());
    }
}
