//! Files that people carry, in text that survives e-mail.
//!
//! In scope: the lines around the bytes, and base64 between them. Out of scope: what the bytes
//! say. Invariants: nothing is decoded before its size and the number of its format are judged;
//! one block a file, and nothing around it but blank lines.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use zeroize::Zeroizing;

use crate::domain::limits;

use super::format::FORMAT;
use super::message::text::NotText;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Statements with their facets: `wire::v1::Bundle`.
    Statement,
    /// How to find and believe a directory: `wire::v1::Invitation`.
    Invitation,
    /// What a member gets with its admission: `wire::v1::AdmissionFile`.
    Admission,
    /// A registrar, operator or auditor: `signed::proto::Person`.
    Person,
    /// The keys of a member's authority: `wire::v1::PublicKeys`.
    Authority,
    /// The key of a contact's keeper: `wire::v1::PublicKeys`.
    Keeper,
    /// The keys of a seat: `wire::v1::PublicKeys`.
    Seat,
    /// An act of the operators, with their signatures so far: `wire::v1::Publication`.
    Proposal,
    /// A log or relay key that the service staged: `wire::v1::PublicKeys`.
    Service,
}

impl Kind {
    /// Every kind of file that there is.
    pub const ALL: [Self; 9] = [
        Self::Statement,
        Self::Invitation,
        Self::Admission,
        Self::Person,
        Self::Authority,
        Self::Keeper,
        Self::Seat,
        Self::Proposal,
        Self::Service,
    ];

    /// The command that makes such a file.
    #[must_use]
    pub const fn made_by(self) -> &'static str {
        match self {
            Self::Statement => "liaison record draft, seat add, charter draft or admin member",
            Self::Invitation => "liaisond init",
            Self::Admission => "liaison admin member admit",
            Self::Person => "liaison key new --registrar, --operator or --auditor",
            Self::Authority => "liaison key new --authority, or join INVITATION",
            Self::Keeper => "liaison key new --keeper",
            Self::Seat => "liaison key new --seat",
            Self::Proposal => "liaison admin propose --out FILE",
            Self::Service => "liaisond key stage",
        }
    }

    /// The words after BEGIN, with the number of the format.
    fn numbered(self) -> String {
        format!("{} {FORMAT}", self.label())
    }

    /// The kind and the number of the format that a label names. Release 0.1 wrote no number.
    fn of_label(label: &str) -> Option<(Self, u32)> {
        Self::ALL.into_iter().find_map(|kind| {
            let number = match label.strip_prefix(kind.label())? {
                "" => 1,
                rest => rest.strip_prefix(' ')?.parse().ok().filter(|number| *number > 1)?,
            };
            Some((kind, number))
        })
    }

    /// The words after BEGIN.
    const fn label(self) -> &'static str {
        match self {
            Self::Statement => "LIAISON STATEMENT",
            Self::Invitation => "LIAISON INVITATION",
            Self::Admission => "LIAISON ADMISSION",
            Self::Person => "LIAISON PERSON",
            Self::Authority => "LIAISON AUTHORITY",
            Self::Keeper => "LIAISON KEEPER",
            Self::Seat => "LIAISON SEAT",
            Self::Proposal => "LIAISON PROPOSAL",
            Self::Service => "LIAISON SERVICE KEY",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A text is not the file that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidArmour {
    /// Longer than anything of its kind.
    #[error("expected at most {limit} bytes of text, found {found}")]
    TooLarge {
        /// The most that is read.
        limit: usize,
        /// How many bytes it has.
        found: usize,
    },
    /// Another kind of file.
    #[error("expected a file that begins with -----BEGIN {expected}-----, found {found}")]
    Other {
        /// The words wanted.
        expected: String,
        /// The words found, or what stands in their place.
        found: String,
    },
    /// Of release 0.1.
    #[error(
        "this {0} was made by liaison 0.1, whose directories were for trial: make it anew with {made}",
        made = .0.made_by()
    )]
    Old(Kind),
    /// Of a later release.
    #[error(
        "this {kind} has format {found}, and this program knows formats up to {FORMAT}: a newer \
         liaison is needed"
    )]
    Newer {
        /// What it is.
        kind: Kind,
        /// The number of its format.
        found: u32,
    },
    /// The block does not end as it began, or something stands behind it.
    #[error("expected -----END {0}----- as the last line: is the file complete?")]
    End(String),
    /// Not base64 in lines.
    #[error("line {0} is not base64 of 1 to 76 characters: was the file altered on its way?")]
    Line(usize),
    /// Somebody's name, which no charter can hold.
    #[error("the name in this {kind} {why}")]
    Name {
        /// What it is.
        kind: Kind,
        /// What no charter can hold of it.
        why: NotText,
    },
    /// Keys that are not shown to be the holder's for this.
    #[error(
        "the {kind} does not show that its keys are those of {holder}: make it anew with {made}",
        made = .kind.made_by()
    )]
    NotShown {
        /// What it is.
        kind: Kind,
        /// Whose the keys would be.
        holder: String,
    },
    /// Base64 of something else.
    #[error("the content is not a {0}")]
    Content(String),
}

/// A message as a file.
#[must_use]
pub fn write(kind: Kind, message: &impl Message) -> String {
    encode(&kind.numbered(), &message.encode_to_vec()).to_string()
}

/// Reads the message of a file of this kind.
///
/// # Errors
/// Another kind, another format, another form, larger than [`FILE_BYTES`].
pub fn read<M: Message + Default>(kind: Kind, text: &str) -> Result<M, InvalidArmour> {
    match labelled(text) {
        Some((found, number)) if found == kind && number < FORMAT => {
            return Err(InvalidArmour::Old(kind));
        }
        Some((found, number)) if found == kind && number > FORMAT => {
            return Err(InvalidArmour::Newer { kind, found: number });
        }
        Some(_) | None => {}
    }
    let bytes = decode(&kind.numbered(), text)?;
    M::decode(&bytes[..]).map_err(|_| InvalidArmour::Content(kind.label().to_owned()))
}

/// What kind of file a text says it is, in whatever format.
#[must_use]
pub fn kind(text: &str) -> Option<Kind> {
    labelled(text).map(|(kind, _)| kind)
}

fn labelled(text: &str) -> Option<(Kind, u32)> {
    let first = text.lines().find(|line| !line.trim().is_empty())?;
    Kind::of_label(begun(first)?)
}

/// The block of lines with this label. It may hold a secret.
pub(crate) fn encode(label: &str, bytes: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(bytes));
    let mut text = Zeroizing::new(String::with_capacity(base64.len() * 66 / 64 + 128));
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    for line in base64.as_bytes().chunks(COLUMNS) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// The bytes of the one block with this label.
pub(crate) fn decode(label: &str, text: &str) -> Result<Zeroizing<Vec<u8>>, InvalidArmour> {
    if text.len() > FILE_BYTES {
        return Err(InvalidArmour::TooLarge { limit: FILE_BYTES, found: text.len() });
    }
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty());
    let first = lines.next().map_or("", |(_, line)| line);
    if begun(first) != Some(label) {
        let (expected, found) = (label.to_owned(), found(first));
        return Err(InvalidArmour::Other { expected, found });
    }
    let end = format!("-----END {label}-----");
    let mut base64 = Zeroizing::new(String::with_capacity(text.len()));
    for (number, line) in lines.by_ref() {
        if line == end {
            return match lines.next() {
                None => decoded(&base64, label),
                Some(_) => Err(InvalidArmour::End(label.to_owned())),
            };
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        if line.starts_with("-----") {
            return Err(InvalidArmour::End(label.to_owned()));
        }
        if line.len() > MAX_COLUMNS || !line.bytes().all(plain) {
            return Err(InvalidArmour::Line(number));
        }
        base64.push_str(line);
    }
    Err(InvalidArmour::End(label.to_owned()))
}

fn decoded(base64: &str, label: &str) -> Result<Zeroizing<Vec<u8>>, InvalidArmour> {
    let bytes = STANDARD.decode(base64).map(Zeroizing::new);
    bytes.map_err(|_| InvalidArmour::Content(label.to_owned()))
}

fn begun(line: &str) -> Option<&str> {
    line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----")
}

/// Of a line that is not the one expected: its label, or no more than what kind of thing it is.
/// It might be a secret.
fn found(line: &str) -> String {
    match begun(line) {
        Some(label) if label.len() <= 40 && !label.chars().any(char::is_control) => {
            format!("-----BEGIN {label}-----")
        }
        _ if line.is_empty() => "an empty file".to_owned(),
        _ => "other text".to_owned(),
    }
}

const COLUMNS: usize = 64;
/// RFC 2045: what a mail program may have made of it.
const MAX_COLUMNS: usize = 76;

/// A bundle of as much as one Publish takes, in base64 with its line feeds.
pub const FILE_BYTES: usize = limits::PUBLISH_MESSAGE_BYTES * 3 / 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::v1;

    fn invitation() -> v1::Invitation {
        v1::Invitation {
            charter: vec![7; 200].into(),
            addresses: vec!["liaison.un.example:443".to_owned()],
            checkpoint: vec![8; 100].into(),
            admin_addresses: Vec::new(),
        }
    }

    #[test]
    fn a_file_comes_back_also_after_e_mail() {
        let text = write(Kind::Invitation, &invitation());
        assert!(text.starts_with("-----BEGIN LIAISON INVITATION 2-----\n"));
        assert!(text.ends_with("-----END LIAISON INVITATION 2-----\n"));
        assert!(text.lines().all(|line| line.len() <= COLUMNS));
        let mailed = format!("\r\n{}\r\n\r\n", text.replace('\n', "\r\n"));
        for text in [&text, &mailed] {
            assert_eq!(read(Kind::Invitation, text), Ok(invitation()));
            assert_eq!(kind(text), Some(Kind::Invitation));
        }
    }

    #[test]
    fn another_kind_is_named() {
        let text = write(Kind::Invitation, &invitation());
        let refused = read::<v1::Bundle>(Kind::Statement, &text).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "expected a file that begins with -----BEGIN LIAISON STATEMENT 2-----, found \
             -----BEGIN LIAISON INVITATION 2-----"
        );
        let refused = read::<v1::Bundle>(Kind::Statement, "secret").unwrap_err();
        assert!(refused.to_string().ends_with("found other text"), "{refused}");
    }

    #[test]
    fn a_file_of_release_0_1_is_refused_by_its_number_and_a_newer_one_wants_a_newer_program() {
        let of_0_1 = [
            (Kind::Statement, include_str!("../../tests/golden/files-1/charter.draft")),
            (Kind::Invitation, include_str!("../../tests/golden/files-1/invitation.liaison")),
            (Kind::Admission, include_str!("../../tests/golden/files-1/fr.admission")),
            (Kind::Person, include_str!("../../tests/golden/files-1/alice.registrar")),
            (Kind::Authority, include_str!("../../tests/golden/files-1/fr.authority")),
            (Kind::Keeper, "-----BEGIN LIAISON KEEPER-----\nneither read nor judged"),
            (Kind::Seat, "-----BEGIN LIAISON SEAT-----\n"),
        ];
        for (of, text) in of_0_1 {
            assert_eq!(kind(text), Some(of));
            let refused = read::<v1::Bundle>(of, text).unwrap_err();
            assert_eq!(refused, InvalidArmour::Old(of));
            let sentence = refused.to_string();
            assert!(sentence.contains("made by liaison 0.1"), "{sentence}");
            assert!(sentence.contains(of.made_by()), "{sentence}");
            let newer = format!("-----BEGIN {} 3-----\nneither read nor judged", of.label());
            let refused = read::<v1::Bundle>(of, &newer).unwrap_err();
            assert_eq!(refused, InvalidArmour::Newer { kind: of, found: 3 });
            assert!(refused.to_string().contains("a newer liaison is needed"));
        }
        for other in ["LIAISON SEAT 1", "LIAISON SEAT x", "LIAISON SEATS", "LIAISON SEAT2"] {
            assert_eq!(kind(&format!("-----BEGIN {other}-----")), None, "{other}");
        }
    }

    #[test]
    fn anything_missing_altered_or_added_is_refused() {
        let text = write(Kind::Invitation, &invitation());
        let end = || InvalidArmour::End("LIAISON INVITATION 2".to_owned());
        let lines: Vec<&str> = text.lines().collect();
        let cut = lines[..lines.len() - 1].join("\n");
        let altered = text.replace(lines[1], &lines[1].replace(lines[1].get(..1).unwrap(), "~"));
        let long = text.replace(lines[1], &[lines[1], lines[2]].concat());
        let other = text.replace("END LIAISON INVITATION", "END LIAISON ADMISSION");
        for (text, refusal) in [
            (cut, end()),
            (altered, InvalidArmour::Line(2)),
            (long, InvalidArmour::Line(2)),
            (other, end()),
            (format!("{text}more\n"), end()),
            (format!("{text}{text}"), end()),
            (
                " ".repeat(FILE_BYTES + 1),
                InvalidArmour::TooLarge { limit: FILE_BYTES, found: FILE_BYTES + 1 },
            ),
        ] {
            assert_eq!(read::<v1::Invitation>(Kind::Invitation, &text), Err(refusal));
        }
    }
}
