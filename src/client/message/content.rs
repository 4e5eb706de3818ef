//! What the sender means to say.
//!
//! In scope: putting a content together, what every content must have, reading one that was
//! opened. Out of scope: how it is shown. Invariants: written text is in NFC; unknown fields are
//! ignored and kept; a received attachment has the digest that it says.

use bytes::Bytes;
use prost::Message as _;
use unicode_normalization::UnicodeNormalization as _;

use crate::crypto::hash::Digest;
use crate::domain::relay::addressing::{Addressing, OrLater};
use crate::signed::proto::{self, Attachment, Class, Content, Kind, Outcome, Text, Tlp};

use super::{rsit, words};

/// The longest title, in characters.
pub const TITLE_CHARS: usize = 160;

/// A content does not say what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidContent {
    /// Not a message of its class.
    #[error("the content is not protobuf of a {0}")]
    Encoding(&'static str),
    /// A field that must be there is not, or holds what it cannot hold.
    #[error("{field}: expected {expected}")]
    Field {
        /// The field, by its name in the `.proto` file.
        field: &'static str,
        /// What would be right.
        expected: &'static str,
    },
    /// No such code.
    #[error(transparent)]
    Classification(#[from] rsit::UnknownCode),
    /// The attachment is not the one whose digest the sender signed beside it.
    #[error("the attachment {0:?} does not have the digest beside it")]
    Attachment(String),
    /// An acknowledgement without the sentence.
    #[error("the words lack the sentence that receipt does not indicate concurrence")]
    NoSentence,
    /// Content of another class than the addressing says.
    #[error("the content is that of a {found}, and the class is {class:?}")]
    OtherClass {
        /// The class that the addressing says.
        class: Class,
        /// What the content is.
        found: &'static str,
    },
    /// A receipt or words that answer another message than the addressing says.
    #[error("the addressing answers another message than the content")]
    OtherMessage,
}

/// A content, by class.
#[derive(Clone, Debug, PartialEq)]
pub enum Inside {
    /// Of most classes.
    Content(Box<Content>),
    /// Of class acknowledgement.
    Words(Box<proto::Words>),
    /// Of class receipt.
    Delivered(proto::Delivered),
    /// Of a class of a later version, and not a content as this version knows it.
    Later(Bytes),
}

impl Inside {
    /// What it is, in words.
    const fn name(&self) -> &'static str {
        match self {
            Self::Content(_) => "notification",
            Self::Words(_) => "acknowledgement",
            Self::Delivered(_) => "receipt",
            Self::Later(_) => "message of a later version",
        }
    }

    /// Its bytes in protobuf.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Content(content) => content.encode_to_vec(),
            Self::Words(words) => words.encode_to_vec(),
            Self::Delivered(delivered) => delivered.encode_to_vec(),
            Self::Later(bytes) => bytes.to_vec(),
        }
    }

    /// Whether it belongs into a message of this class that answers this header.
    ///
    /// # Errors
    /// [`InvalidContent`].
    pub fn check(&self, class: Class, in_reply_to: Option<Digest>) -> Result<(), InvalidContent> {
        match (class, self) {
            (Class::Receipt, Self::Delivered(delivered)) => check_delivered(delivered, in_reply_to),
            (Class::Acknowledgement, Self::Words(words)) => {
                if !words::has_sentence(words) {
                    return Err(InvalidContent::NoSentence);
                }
                in_reply_to.map(|_| ()).ok_or(InvalidContent::OtherMessage)
            }
            (
                Class::Notification
                | Class::Update
                | Class::Correction
                | Class::Reply
                | Class::Withdrawal
                | Class::AllClear
                | Class::Comcheck,
                Self::Content(content),
            ) => check_content(content),
            (class, other) => Err(InvalidContent::OtherClass { class, found: other.name() }),
        }
    }

    /// Reads the content of an opened message.
    ///
    /// # Errors
    /// [`InvalidContent`].
    pub fn read(addressing: &Addressing, bytes: &Bytes) -> Result<Self, InvalidContent> {
        fn decode<M: prost::Message + Default>(
            bytes: &Bytes,
            what: &'static str,
        ) -> Result<M, InvalidContent> {
            M::decode(bytes.clone()).map_err(|_| InvalidContent::Encoding(what))
        }
        let class = match addressing.class {
            OrLater::Known(class) => class,
            OrLater::Later(_) => {
                // A new class most likely says what it says in the content of all others.
                let content = Content::decode(bytes.clone()).ok();
                let content = content.filter(|content| check_content(content).is_ok());
                let later = || Self::Later(bytes.clone());
                return Ok(content.map_or_else(later, |content| Self::Content(Box::new(content))));
            }
        };
        let inside = match class {
            Class::Receipt => Self::Delivered(decode(bytes, "receipt")?),
            Class::Acknowledgement => Self::Words(Box::new(decode(bytes, "acknowledgement")?)),
            Class::Unspecified
            | Class::Notification
            | Class::Update
            | Class::Correction
            | Class::Reply
            | Class::Withdrawal
            | Class::AllClear
            | Class::Comcheck => Self::Content(Box::new(decode(bytes, "notification")?)),
        };
        inside.check(class, addressing.in_reply_to)?;
        Ok(inside)
    }
}

fn check_content(content: &Content) -> Result<(), InvalidContent> {
    let field = |field, expected| Err(InvalidContent::Field { field, expected });
    if content.kind == 0 {
        return field("kind", "a kind");
    }
    if content.title.trim().is_empty() {
        return field("title", "a title");
    }
    if content.time == 0 {
        return field("time", "the time of writing");
    }
    let changed = content
        .attachments
        .iter()
        .find(|attachment| attachment.sha256 != Digest::of(&attachment.bytes).as_bytes()[..]);
    match changed {
        Some(attachment) => {
            Err(InvalidContent::Attachment(attachment.name.chars().take(100).collect()))
        }
        None => Ok(()),
    }
}

fn check_delivered(
    delivered: &proto::Delivered,
    in_reply_to: Option<Digest>,
) -> Result<(), InvalidContent> {
    let field = |field, expected| Err(InvalidContent::Field { field, expected });
    let Ok(header) = Digest::try_from(&delivered.header_digest[..]) else {
        return field("header_digest", "32 bytes");
    };
    if in_reply_to != Some(header) {
        return Err(InvalidContent::OtherMessage);
    }
    if outcome(delivered).is_none() {
        return field("outcome", "an outcome");
    }
    if !matches!(delivered.needed_key.len(), 0 | 32) {
        return field("needed_key", "a key id, or none");
    }
    match &delivered.place {
        Some(place) if place.chain.len() == 32 && place.epoch > 0 && place.number > 0 => Ok(()),
        _ => field("place", "a place in a mailbox"),
    }
}

/// How it went, by a delivered receipt; none, if it says nothing.
#[must_use]
pub fn outcome(delivered: &proto::Delivered) -> Option<OrLater<Outcome>> {
    OrLater::of(delivered.outcome)
}

/// A content being written.
#[derive(Clone, Debug)]
pub struct Writing(Content);

impl Writing {
    /// With what is required: kind, title and time; TLP:AMBER+STRICT until said otherwise.
    #[must_use]
    pub fn new(kind: Kind, title: &str, time: u64) -> Self {
        Self(Content {
            kind: kind.into(),
            title: title.nfc().collect(),
            time,
            tlp: Tlp::AmberStrict.into(),
            ..Content::default()
        })
    }

    /// Another traffic light.
    #[must_use]
    pub fn tlp(mut self, tlp: Tlp) -> Self {
        self.0.tlp = tlp.into();
        self
    }

    /// The text in one language, by its BCP 47 tag; a text of the same language is replaced.
    #[must_use]
    pub fn text(mut self, language: &str, text: &str) -> Self {
        self.0.texts.retain(|other| other.language != language);
        self.0.texts.push(Text { language: language.to_owned(), text: text.nfc().collect() });
        self.0.texts.sort_by(|a, b| a.language.cmp(&b.language));
        self
    }

    /// One more RSIT code.
    ///
    /// # Errors
    /// No such code.
    pub fn classified(mut self, code: &str) -> Result<Self, rsit::UnknownCode> {
        self.0.classification.push(rsit::code(code)?);
        self.0.classification.sort();
        self.0.classification.dedup();
        Ok(self)
    }

    /// One more attachment; its media type is guessed from the name. A path is cut to its last
    /// part.
    #[must_use]
    pub fn attached(mut self, name: &str, bytes: Bytes) -> Self {
        let name: String = name.rsplit(['/', '\\']).next().unwrap_or_default().nfc().collect();
        self.0.attachments.push(Attachment {
            media_type: media_type(&name, &bytes).to_owned(),
            sha256: Bytes::copy_from_slice(Digest::of(&bytes).as_bytes()),
            name,
            bytes,
        });
        self.0.attachments.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }

    /// Everything else: stage, reference, severity, times, impact, assistance, response.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Content)) -> Self {
        change(&mut self.0);
        self
    }

    /// The content.
    ///
    /// # Errors
    /// A title that is too long or empty, two attachments of one name, whatever a reader refuses.
    pub fn finish(self) -> Result<Inside, InvalidContent> {
        let field = |field, expected| Err(InvalidContent::Field { field, expected });
        let Self(content) = self;
        if content.title.chars().count() > TITLE_CHARS {
            return field("title", "at most 160 characters");
        }
        let named = content.attachments.iter().all(|attachment| !attachment.name.is_empty());
        let apart = content.attachments.is_sorted_by(|a, b| a.name < b.name);
        if !named || !apart {
            return field("attachments", "names, each another");
        }
        check_content(&content)?;
        Ok(Inside::Content(Box::new(content)))
    }
}

/// What a delivered receipt says.
#[must_use]
pub fn delivered(
    header_digest: Digest,
    (outcome, needed_key): (Outcome, Option<[u8; 32]>),
    place: proto::Place,
    at: u64,
) -> Inside {
    Inside::Delivered(proto::Delivered {
        header_digest: Bytes::copy_from_slice(header_digest.as_bytes()),
        outcome: outcome.into(),
        needed_key: needed_key.map(Bytes::from_owner).unwrap_or_default(),
        place: Some(place),
        at,
    })
}

/// The media type that goes with a file's extension; CSAF and STIX are known by what they say.
#[must_use]
pub fn media_type(name: &str, bytes: &[u8]) -> &'static str {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref() {
        Some("json") if says(bytes, b"\"csaf_version\"") => "application/csaf+json",
        Some("json" | "stix") if says(bytes, b"\"spec_version\"") => {
            "application/stix+json;version=2.1"
        }
        Some("json") => "application/json",
        Some("pdf") => "application/pdf",
        Some("txt" | "log" | "md") => "text/plain;charset=utf-8",
        Some("csv") => "text/csv;charset=utf-8",
        Some("xml") => "application/xml",
        Some("eml") => "message/rfc822",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("zip") => "application/zip",
        Some("gz") => "application/gzip",
        Some("pcap") => "application/vnd.tcpdump.pcap",
        _ => "application/octet-stream",
    }
}

fn says(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writing() -> Writing {
        Writing::new(Kind::Incident, "Ransomware at a port", 1)
    }

    #[test]
    fn a_content_is_amber_strict_until_said_otherwise() {
        let Inside::Content(content) = writing().finish().unwrap() else { panic!("a content") };
        assert_eq!(content.tlp(), Tlp::AmberStrict);
        let Inside::Content(content) = writing().tlp(Tlp::Clear).finish().unwrap() else {
            panic!("a content")
        };
        assert_eq!(content.tlp(), Tlp::Clear);
    }

    #[test]
    fn what_is_required_is_there() {
        assert!(Writing::new(Kind::Unspecified, "x", 1).finish().is_err());
        assert!(Writing::new(Kind::Incident, " ", 1).finish().is_err());
        assert!(Writing::new(Kind::Incident, "x", 0).finish().is_err());
        assert!(Writing::new(Kind::Incident, &"ü".repeat(160), 1).finish().is_ok());
        assert!(Writing::new(Kind::Incident, &"ü".repeat(161), 1).finish().is_err());
        assert!(
            writing().attached("a", Bytes::new()).attached("x/a", Bytes::new()).finish().is_err()
        );
        assert!(writing().classified("intrusions: ddos").is_err());
    }

    #[test]
    fn attachments_are_hashed_and_typed() {
        let csaf = Bytes::from_static(b"{\"document\":{\"csaf_version\":\"2.0\"}}");
        let written = writing().attached("../../icsa.JSON", csaf.clone()).finish().unwrap();
        let Inside::Content(mut content) = written else { panic!("a content") };
        assert_eq!(content.attachments[0].name, "icsa.JSON");
        assert_eq!(content.attachments[0].media_type, "application/csaf+json");
        assert_eq!(check_content(&content), Ok(()));
        content.attachments[0].bytes = Bytes::from_static(b"{}");
        assert_eq!(
            check_content(&content),
            Err(InvalidContent::Attachment("icsa.JSON".to_owned()))
        );
        for (name, expected) in [
            ("a.json", "application/json"),
            ("a.pdf", "application/pdf"),
            ("a.TXT", "text/plain;charset=utf-8"),
            ("json", "application/octet-stream"),
        ] {
            assert_eq!(media_type(name, b"{}"), expected, "{name}");
        }
    }

    #[test]
    fn text_is_written_in_nfc_and_sorted() {
        let written = writing().text("fr", "e\u{301}").text("en", "x").text("fr", "é");
        let Inside::Content(content) = written.finish().unwrap() else { panic!("a content") };
        let texts: Vec<_> = content.texts.iter().map(|t| (&t.language[..], &t.text[..])).collect();
        assert_eq!(texts, [("en", "x"), ("fr", "é")]);
    }
}
