//! Who is meant: ids of directories, members, contacts, seats and messages.
//!
//! In scope: their one form. Out of scope: whether what they name exists. Invariant: an id that
//! exists as a value is well-formed; ids are compared and sorted as bytes.

use std::fmt;
use std::str::FromStr;

use super::limits;

/// Foreign text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct InvalidId {
    /// What would have been well-formed.
    pub expected: Form,
    /// What came, at most 100 bytes of it.
    pub found: String,
}

/// What an id is of, and its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Form {
    #[error("a directory: lower-case DNS labels, at most 64 bytes, like un.example")]
    Directory,
    #[error("a member: 1 to 32 of a-z, 0-9 and -, like fr")]
    Member,
    #[error("a contact: member/contact, like fr/cert-fr")]
    Contact,
    #[error("a seat: member/contact/seat, like fr/cert-fr/duty-1")]
    Seat,
    #[error("a person of the charter: 1 to 32 of a-z, 0-9 and -, like alice")]
    Person,
    #[error("a message id: a UUIDv7, as notify prints it")]
    Message,
    #[error("a message id: the 16 bytes of a UUIDv7")]
    MessageBytes,
}

fn invalid(expected: Form, found: &str) -> InvalidId {
    let end = (0..=found.len().min(100)).rev().find(|end| found.is_char_boundary(*end));
    InvalidId { expected, found: found.get(..end.unwrap_or(0)).unwrap_or_default().to_owned() }
}

/// Whether it is `[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?`.
fn is_part(text: &str) -> bool {
    let inside = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    !text.is_empty()
        && text.len() <= 32
        && text.as_bytes().iter().all(inside)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Id types that are text of one form.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $expected:expr, $is_valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(text) { Ok(Self(text.to_owned())) } else { Err(invalid($expected, text)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn has_parts(text: &str, count: usize) -> bool {
    text.split('/').count() == count
        && text.split('/').all(is_part)
        && text.split('/').next().is_some_and(is_member)
}

text_id!(
    /// A directory, which is the origin of its log: `un.example`.
    DirectoryName,
    Form::Directory,
    |text| text.len() <= limits::DIRECTORY_NAME_BYTES && text.split('.').all(is_part)
);
/// What stands before other holders of keys is no member: a proof names its holder in one text.
const RESERVED: [&str; 5] = ["registrar", "operator", "auditor", "log", "relay"];

fn is_member(text: &str) -> bool {
    is_part(text) && !RESERVED.contains(&text)
}

text_id!(
    /// A member: `fr`, `eu`, `pacson-ck`.
    MemberId,
    Form::Member,
    is_member
);
text_id!(
    /// A contact: `fr/cert-fr`.
    ContactId,
    Form::Contact,
    |text| has_parts(text, 2)
);
text_id!(
    /// A seat: `fr/cert-fr/duty-1`.
    SeatId,
    Form::Seat,
    |text| has_parts(text, 3)
);
text_id!(
    /// A registrar, operator or auditor: `alice`.
    PersonId,
    Form::Person,
    is_part
);

impl ContactId {
    /// The contact of a member.
    ///
    /// # Errors
    /// A name that is no part of an id.
    pub fn new(member: &MemberId, name: &str) -> Result<Self, InvalidId> {
        format!("{member}/{name}").parse()
    }

    /// The member whose contact this is.
    #[must_use]
    pub fn member(&self) -> MemberId {
        MemberId(self.0.split('/').next().unwrap_or_default().to_owned())
    }

    /// The last part.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split('/').nth(1).unwrap_or_default()
    }
}

impl SeatId {
    /// The seat of a contact.
    ///
    /// # Errors
    /// A name that is no part of an id.
    pub fn new(contact: &ContactId, name: &str) -> Result<Self, InvalidId> {
        format!("{contact}/{name}").parse()
    }

    /// The contact whose seat this is.
    #[must_use]
    pub fn contact(&self) -> ContactId {
        let end = self.0.rfind('/').unwrap_or_default();
        ContactId(self.0.get(..end).unwrap_or_default().to_owned())
    }

    /// The member whose seat this is.
    #[must_use]
    pub fn member(&self) -> MemberId {
        self.contact().member()
    }

    /// The last part.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split('/').nth(2).unwrap_or_default()
    }
}

/// A part of an id on its own: the name of a seat in a roster.
#[must_use]
pub fn is_name(text: &str) -> bool {
    is_part(text)
}

/// A message or thread: a UUIDv7 (RFC 9562), so that ids sort by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId([u8; 16]);

impl MessageId {
    /// The id of a message made at `unix_ms`, with 80 random bits.
    #[must_use]
    pub fn new(unix_ms: u64, random: [u8; 10]) -> Self {
        Self(*uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).as_uuid().as_bytes())
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl TryFrom<&[u8]> for MessageId {
    type Error = InvalidId;

    fn try_from(bytes: &[u8]) -> Result<Self, InvalidId> {
        let expected = Form::MessageBytes;
        let bytes: [u8; 16] =
            bytes.try_into().map_err(|_| invalid(expected, &hex::encode(bytes)))?;
        let uuid = uuid::Uuid::from_bytes(bytes);
        let is_v7 = uuid.get_version_num() == 7 && uuid.get_variant() == uuid::Variant::RFC4122;
        if is_v7 { Ok(Self(bytes)) } else { Err(invalid(expected, &uuid.to_string())) }
    }
}

impl FromStr for MessageId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let uuid = uuid::Uuid::try_parse(text).map_err(|_| invalid(Form::Message, text))?;
        Self::try_from(&uuid.as_bytes()[..])
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", uuid::Uuid::from_bytes(self.0))
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_lower_case_and_short() {
        let longest = "a".repeat(32);
        for good in ["fr", "0", "pacson-ck", "a--b", &longest] {
            assert!(good.parse::<MemberId>().is_ok(), "{good}");
        }
        let too_long = "a".repeat(33);
        for bad in ["", "FR", "-a", "a-", "a_b", "a/b", "é", "a\0", "../x", &too_long] {
            assert!(bad.parse::<MemberId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_seat_knows_its_contact_and_member() {
        let seat: SeatId = "fr/cert-fr/duty-1".parse().unwrap();
        assert_eq!((seat.contact().as_str(), seat.member().as_str()), ("fr/cert-fr", "fr"));
        assert_eq!((seat.name(), seat.contact().name()), ("duty-1", "cert-fr"));
        assert!("fr/cert-fr".parse::<SeatId>().is_err());
        assert!("fr//duty-1".parse::<SeatId>().is_err());
    }

    #[test]
    fn no_member_is_called_what_stands_before_other_holders() {
        for word in RESERVED {
            assert!(word.parse::<MemberId>().is_err(), "{word}");
            assert!(format!("{word}/x").parse::<ContactId>().is_err(), "{word}");
            assert!(format!("{word}/x/y").parse::<SeatId>().is_err(), "{word}");
            assert!(format!("x/{word}").parse::<ContactId>().is_ok(), "{word}");
            assert!(word.parse::<PersonId>().is_ok(), "{word}");
        }
    }

    #[test]
    fn a_message_id_is_a_uuid_of_version_seven() {
        let id = MessageId::new(1_700_000_000_000, [0xff; 10]);
        assert_eq!(MessageId::try_from(&id.as_bytes()[..]), Ok(id));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("6ba7b810-9dad-11d1-80b4-00c04fd430c8".parse::<MessageId>().is_err());
        assert!(MessageId::try_from(&[0; 15][..]).is_err());
    }
}
