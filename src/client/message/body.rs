//! What is sealed: the padded body, and the text of a letter.
//!
//! In scope: their bytes, both ways. Out of scope: sealing itself. Invariant: a sealed body has
//! exactly one of the sizes of [`limits::BODY_BYTES`], so that its size tells little.

use zeroize::Zeroizing;

use crate::crypto::hash::Digest;
use crate::crypto::seal::{self, OpeningKey};
use crate::domain::ids::MessageId;
use crate::domain::limits;

/// The plaintext of a body is not `length, inner message, zeros`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPadding {
    /// Not even a length.
    #[error("expected a length of 4 bytes, found {0}")]
    NoLength(usize),
    /// The length points past the end.
    #[error("expected an inner message of {expected} bytes, found {found}")]
    TooShort {
        /// What the length says.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// Something hides behind the inner message.
    #[error("expected zeros after the inner message, found other bytes")]
    NotZero,
}

/// The most bytes of inner message that a body holds which the relay takes.
#[must_use]
pub fn largest_inner() -> u64 {
    served().filter_map(inner_of).max().unwrap_or(0)
}

/// The sizes that the relay takes.
fn served() -> impl Iterator<Item = u64> {
    limits::BODY_BYTES.into_iter().filter(|size| *size <= limits::SERVED_BODY_BYTES)
}

/// `u32 length, inner message, zeros`, so that the sealed body has the smallest size that fits and
/// that the relay takes; nothing, if none does.
#[must_use]
pub fn pad(inner: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let len = u64::try_from(inner.len()).ok()?;
    pad_to(inner, served().filter(|size| inner_of(*size) >= Some(len)).min()?)
}

/// The same for a sealed body of this size; nothing, if it does not fit.
pub(super) fn pad_to(inner: &[u8], sealed: u64) -> Option<Zeroizing<Vec<u8>>> {
    let len = u32::try_from(inner.len()).ok()?;
    inner_of(sealed).filter(|room| *room >= u64::from(len))?;
    let size = usize::try_from(seal::plaintext_len_for(sealed)?).ok()?;
    let mut plaintext = Zeroizing::new(Vec::with_capacity(size));
    plaintext.extend_from_slice(&len.to_be_bytes());
    plaintext.extend_from_slice(inner);
    plaintext.resize(size, 0);
    Some(plaintext)
}

/// The inner message of a body's plaintext.
///
/// # Errors
/// [`InvalidPadding`].
pub fn unpad(plaintext: &[u8]) -> Result<&[u8], InvalidPadding> {
    let (length, rest) = plaintext
        .split_first_chunk::<LENGTH_BYTES>()
        .ok_or(InvalidPadding::NoLength(plaintext.len()))?;
    let expected = u32::from_be_bytes(*length);
    let too_short =
        InvalidPadding::TooShort { expected: u64::from(expected), found: rest.len() as u64 };
    let len = usize::try_from(expected).map_err(|_| too_short)?;
    let (inner, padding) = rest.split_at_checked(len).ok_or(too_short)?;
    if padding.iter().all(|byte| *byte == 0) { Ok(inner) } else { Err(InvalidPadding::NotZero) }
}

/// How many bytes of inner message a sealed body of this size holds.
fn inner_of(sealed: u64) -> Option<u64> {
    seal::plaintext_len_for(sealed)?.checked_sub(LENGTH_BYTES as u64)
}

const LENGTH_BYTES: usize = 4;

/// The text of a letter is not that of this message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLetterText {
    /// Not a comment and an identity.
    #[error("the letter's text is not a comment line and an identity line")]
    Malformed,
    /// The key is of another message.
    #[error("the letter is of the message {0:?}")]
    OtherMessage(String),
    /// The key is of another body.
    #[error("the letter is for the body {0:?}")]
    OtherBody(String),
}

/// The text of a letter: an age identity file. A secret.
#[must_use]
pub fn letter_text(id: MessageId, body: Digest, key: &OpeningKey) -> Zeroizing<String> {
    let identity = key.identity_line();
    let mut text = Zeroizing::new(String::with_capacity(256));
    for part in [&format!("# liaison message {id} body {body}\n"), identity.as_str(), "\n"] {
        text.push_str(part);
    }
    text
}

/// The key of a letter that belongs to this message and body.
///
/// # Errors
/// [`InvalidLetterText`]; what is named there is at most 100 characters of foreign text.
pub fn read_letter_text(
    text: &[u8],
    id: MessageId,
    body: Digest,
) -> Result<OpeningKey, InvalidLetterText> {
    let malformed = InvalidLetterText::Malformed;
    let text = str::from_utf8(text).map_err(|_| malformed.clone())?;
    let (comment, rest) = text.split_once('\n').ok_or(malformed.clone())?;
    let identity = rest.strip_suffix('\n').ok_or(malformed.clone())?;
    let names = comment.strip_prefix("# liaison message ").ok_or(malformed.clone())?;
    let (named_id, named_body) = names.split_once(" body ").ok_or(malformed.clone())?;
    if named_id != id.to_string() {
        return Err(InvalidLetterText::OtherMessage(short(named_id)));
    }
    if named_body != body.to_string() {
        return Err(InvalidLetterText::OtherBody(short(named_body)));
    }
    // One line, so that no comment or second key hides.
    if identity.contains('\n') {
        return Err(malformed);
    }
    OpeningKey::from_identity(identity).map_err(|_| malformed)
}

fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_filled_to_its_last_byte() {
        let sizes: Vec<u64> = served().collect();
        for (at, size) in sizes.iter().copied().enumerate() {
            let fits = inner_of(size).unwrap() as usize;
            let padded = pad(&vec![1; fits]).unwrap();
            assert_eq!(seal::sealed_len(padded.len() as u64), size);
            assert_eq!(unpad(&padded).unwrap().len(), fits);
            let next = sizes.get(at + 1).copied();
            let more = pad(&vec![1; fits + 1]).map(|more| seal::sealed_len(more.len() as u64));
            assert_eq!(more, next);
        }
        assert_eq!(inner_of(4096), Some(2433));
        assert_eq!(seal::sealed_len(pad(b"").unwrap().len() as u64), 4096);
    }

    #[test]
    fn padding_is_zeros_after_an_inner_message_that_is_there() {
        assert_eq!(unpad(&[]), Err(InvalidPadding::NoLength(0)));
        assert_eq!(unpad(&[0; 3]), Err(InvalidPadding::NoLength(3)));
        let short = InvalidPadding::TooShort { expected: 3, found: 2 };
        assert_eq!(unpad(&[0, 0, 0, 3, 1, 1]), Err(short));
        let short = InvalidPadding::TooShort { expected: u64::from(u32::MAX), found: 0 };
        assert_eq!(unpad(&[0xff; 4]), Err(short));
        assert_eq!(unpad(&[0, 0, 0, 1, 9, 0, 0]), Ok(&[9][..]));
        assert_eq!(unpad(&[0, 0, 0, 1, 9, 0, 1]), Err(InvalidPadding::NotZero));
        assert_eq!(unpad(&[0, 0, 0, 0]), Ok(&[][..]));
    }

    #[test]
    fn a_letter_is_of_one_message_and_one_body() {
        let (id, body) = (MessageId::new(1, [1; 10]), Digest::of(b"body"));
        let key = OpeningKey::from_seed(&[5; 32]);
        let text = letter_text(id, body, &key);
        let read =
            |text: &str| read_letter_text(text.as_bytes(), id, body).map(|key| key.public().id());
        assert_eq!(read(&text), Ok(key.public().id()));
        assert_eq!(
            *text,
            format!("# liaison message {id} body {body}\n{}\n", *key.identity_line())
        );
        let other = letter_text(MessageId::new(2, [1; 10]), body, &key);
        assert!(matches!(read(&other), Err(InvalidLetterText::OtherMessage(_))));
        let other = letter_text(id, Digest::of(b"other"), &key);
        assert!(matches!(read(&other), Err(InvalidLetterText::OtherBody(_))));
        for bad in [
            String::new(),
            text.trim_end().to_owned(),
            format!("{}\n", *text),
            format!("\n{}", *text),
            text.replace("body", "Body"),
            text.replace("AGE-SECRET", "# comment\nAGE-SECRET"),
        ] {
            assert_eq!(read(&bad), Err(InvalidLetterText::Malformed), "{bad}");
        }
    }
}
