//! What points at a message, as people and scripts write it.
//!
//! In scope: its forms, and at what each points. Out of scope: which messages are here (`message`, `sent`), what is
//! said if it points at none or at several (each face). Invariant: an id, which every sender chooses for himself,
//! points at a message only while no other message here has it; number and digest always do.

use std::convert::Infallible;
use std::str::FromStr;

use crate::crypto::hash::Digest;
use crate::domain::relay::envelope::VerifiedHeader;

use super::index::{Index, Row};

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

/// It does not point at one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotOne<T> {
    /// No message here has it.
    Unknown,
    /// These have it.
    Several(Vec<T>),
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
    #[must_use]
    pub fn is_at(&self, row: &Row) -> bool {
        match self {
            Self::Number(number) => row.number == *number,
            Self::Digest(digest) => row.digest() == Some(*digest),
            Self::Id(id) => row.id().is_some_and(|of| of.starts_with(id)),
        }
    }

    /// Whether it points at what was sent, which has no number here.
    #[must_use]
    pub fn is_at_sent(&self, header: &VerifiedHeader) -> bool {
        match self {
            Self::Number(_) => false,
            Self::Digest(digest) => header.digest() == *digest,
            Self::Id(id) => header.addressing().id.to_string().starts_with(id),
        }
    }

    /// The messages to people that came and that it points at: by its number also one that came before.
    #[must_use]
    pub fn among<'a>(&self, index: &'a Index) -> Vec<&'a Row> {
        if let Self::Number(number) = self {
            return index.row(*number).into_iter().collect();
        }
        index.for_people().into_iter().filter(|row| self.is_at(row)).collect()
    }
}

/// The only one of what was found.
///
/// # Errors
/// None, or several.
pub fn only<T>(mut found: Vec<T>) -> Result<T, NotOne<T>> {
    if found.len() > 1 {
        return Err(NotOne::Several(found));
    }
    found.pop().ok_or(NotOne::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::relay::envelope::verify_header;
    use crate::world::relay::Net;

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
    fn what_was_sent_is_pointed_at_by_digest_and_id_and_has_no_number() {
        let net = Net::new();
        let sealed = net.notification();
        let header = verify_header(&net.directory, &sealed.envelope.header).unwrap();
        let (id, digest) = (sealed.id.to_string(), sealed.header_digest);
        let is_at = |at: &str| at.parse::<Pointer>().unwrap().is_at_sent(&header);
        assert!(is_at(&id) && is_at(&id.to_uppercase()) && is_at(&id[..13]));
        assert!(is_at(&digest.to_string()));
        assert!(!is_at("1") && !is_at(&Digest::of(b"another").to_string()) && !is_at(&id[1..]));
    }

    #[test]
    fn a_number_points_at_every_entry_and_the_others_at_messages_to_people() {
        use crate::office::tests::whole::Whole;
        use crate::world::relay::{AT, FR};

        let mut net = Net::new();
        let mut vienna = Whole::of(&net, AT);
        for _ in 0..2 {
            net.submit(&net.notification().envelope.clone()).unwrap();
        }
        let mut paris = Whole::of(&net, FR);
        paris.collect(&net);
        paris.hand_in(&mut net);
        vienna.collect(&net);
        let index = |of: &Whole| of.mail.index.rows().len();
        assert_eq!((index(&paris), index(&vienna)), (2, 2));
        let among = |of: &Whole, at: &str| {
            let found = at.parse::<Pointer>().unwrap().among(&of.mail.index);
            found.into_iter().map(|row| row.number).collect::<Vec<_>>()
        };
        let rows = paris.mail.index.rows();
        let (id, digest) = (rows[1].id().unwrap(), rows[1].digest().unwrap());
        for at in ["2".to_owned(), id.to_string(), digest.to_string()] {
            assert_eq!(among(&paris, &at), [2], "{at}");
        }
        // An id that begins so is every one of them; a digest that nobody has is none.
        assert_eq!(among(&paris, &Digest::of(b"another").to_string()), [] as [u64; 0]);
        assert_eq!(among(&paris, "3"), [] as [u64; 0]);
        let mut all = among(&paris, "");
        all.sort_unstable();
        assert_eq!(all, [1, 2]);
        // Receipts have numbers, and nobody else points at them.
        let receipt = vienna.mail.index.rows()[0].id().unwrap().to_string();
        assert_eq!(among(&vienna, "1"), [1]);
        assert_eq!(among(&vienna, &receipt), [] as [u64; 0]);
    }

    #[test]
    fn one_is_the_only_one() {
        assert_eq!(only(vec![1]), Ok(1));
        assert_eq!(only::<u8>(Vec::new()), Err(NotOne::Unknown));
        assert_eq!(only(vec![1, 2]), Err(NotOne::Several(vec![1, 2])));
    }
}
