//! What points at a message on the command line.
//!
//! In scope: its forms, and what is said if it points at none or at several. Out of scope: which
//! messages are here (`inbox`, `sent`). Invariant: an id, which every sender chooses for himself,
//! points at a message only while no other message here has it; number and digest always do.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::client::error::{ClientError, Family, Side};
use crate::client::mend::Mend;
use crate::client::message::text::visible;
use crate::client::reason::{Here, Rule};
use crate::crypto::hash::Digest;
use crate::domain::relay::envelope::VerifiedHeader;
use crate::office::index::Row;

/// What points at a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pointer {
    /// Its number in the mailbox.
    Number(u64),
    /// The digest of its header.
    Digest(Digest),
    /// Its id, or the first digits of it.
    Id(String),
}

impl FromStr for Pointer {
    type Err = Infallible;

    /// A number has no leading zero, and may be none: ids begin with one for centuries, and have hyphens.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let text = text.trim().to_lowercase();
        let digits = text.bytes().all(|byte| byte.is_ascii_digit())
            && (text == "0" || !text.starts_with('0'));
        if let (true, Ok(number)) = (digits, text.parse()) {
            return Ok(Self::Number(number));
        }
        let digest = hex::decode(&text).ok().and_then(|bytes| Digest::try_from(&bytes[..]).ok());
        Ok(digest.map_or(Self::Id(text), Self::Digest))
    }
}

impl Pointer {
    /// Whether it points at what came.
    pub(super) fn is_at(&self, row: &Row) -> bool {
        match self {
            Self::Number(number) => row.number == *number,
            Self::Digest(digest) => row.digest() == Some(*digest),
            Self::Id(id) => row.id().is_some_and(|of| of.starts_with(id)),
        }
    }

    /// Whether it points at what was sent, which has no number here.
    pub(super) fn is_at_sent(&self, header: &VerifiedHeader) -> bool {
        match self {
            Self::Number(_) => false,
            Self::Digest(digest) => header.digest() == *digest,
            Self::Id(id) => header.addressing().id.to_string().starts_with(id),
        }
    }

    /// The only one that it points at. `name` says what to point with instead at each of several.
    ///
    /// # Errors
    /// None, or several.
    pub(super) fn one<T>(
        &self,
        mut found: Vec<T>,
        mend: Mend,
        name: impl Fn(&T) -> String,
    ) -> Result<T, ClientError> {
        let count = found.len();
        if count > 1 {
            let names = found.iter().take(NAMED).map(name).collect::<Vec<_>>().join(", ");
            let rest = count.saturating_sub(NAMED);
            let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            let (reason, side) = (Here::SeveralMessages, Side::Ours);
            let sentence = format!("{count} messages here have {self}: {names}{rest}");
            let mut error = ClientError::new(side, Family::Usage, reason, sentence);
            error.details.insert("messages".to_owned(), names);
            return Err(error.mended_by(mend));
        }
        found.pop().ok_or_else(|| {
            let (reason, sentence) = (Rule::UnknownMessage, format!("no message here has {self}"));
            ClientError::new(Side::Ours, Family::NotFound, reason, sentence).mended_by(mend)
        })
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "the number {number}"),
            Self::Digest(digest) => write!(f, "the header digest {digest}"),
            Self::Id(id) => write!(f, "an id that begins with {}", visible(id)),
        }
    }
}

/// So many of several are named.
const NAMED: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_a_digest_and_an_id_are_told_apart() {
        let read = |text: &str| text.parse::<Pointer>().unwrap();
        let digest = Digest::of(b"a header");
        assert_eq!(read(" 12 "), Pointer::Number(12));
        assert_eq!(read(&digest.to_string().to_uppercase()), Pointer::Digest(digest));
        assert_eq!(read("0"), Pointer::Number(0));
        for id in ["01", "0190", "", "1a", "12-3", "99999999999999999999"] {
            assert_eq!(read(id), Pointer::Id(id.to_owned()));
        }
    }

    #[test]
    fn what_points_at_none_or_at_several_says_so_and_names_them() {
        let said = |count: u64| {
            let pointer: Pointer = "01\u{1b}".parse().unwrap();
            let name = |number: &u64| format!("number {number}");
            pointer.one((1..=count).collect(), Mend::Inbox, name).map_err(|error| {
                let ClientError { family, sentence, mend, .. } = error;
                assert_eq!(mend.as_deref(), Some(&Mend::Inbox));
                (family, sentence)
            })
        };
        let id = r"an id that begins with 01\u{1b}";
        assert_eq!(said(1), Ok(1));
        assert_eq!(said(0), Err((Family::NotFound, format!("no message here has {id}"))));
        let two = format!("2 messages here have {id}: number 1, number 2");
        assert_eq!(said(2), Err((Family::Usage, two)));
        assert!(said(10).unwrap_err().1.ends_with("number 7, number 8 and 2 more"));
    }
}
