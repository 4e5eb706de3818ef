//! Signed notes (C2SP signed-note): a text, and lines of signatures under it.
//!
//! In scope: the strict form, key names and key ids, the vkey string, Ed25519 signatures. Out of
//! scope: what a text means (`checkpoint`), whose key counts (`domain`), other signature types:
//! their lines are carried and ignored, as the specification asks. Invariants: a [`SignedNote`]
//! prints to the bytes it was read from; nothing is decoded before the size is judged.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SecureRandom;

use crate::crypto::hash::Digest;
use crate::crypto::sign::{Algorithm, SigningKey, VerifyingKey};

/// The longest note that is read.
pub const MAX_NOTE_BYTES: usize = 64 * 1024;

/// The most signature lines that are read under one note: a log key of each age and every witness.
pub const MAX_SIGNATURES: usize = 128;

/// The longest key name.
pub const MAX_NAME_BYTES: usize = 256;

/// C2SP signed-note: the signature type of Ed25519, which stands before the public key.
const ED25519: u8 = 0x01;

const BEFORE_SIGNATURE: &str = "\u{2014} ";

/// Foreign text is not a note, a name or a key of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNote {
    /// Longer than anybody needs.
    #[error("expected at most {MAX_NOTE_BYTES} bytes, found {0}")]
    TooLarge(usize),
    /// Not UTF-8, or with control characters.
    #[error("expected UTF-8 text without control characters but line feeds")]
    NotText,
    /// Not one text, one blank line and signature lines, each ended by a line feed.
    #[error("expected a text, exactly one blank line and signature lines")]
    Shape,
    /// A line below the blank line that is no signature.
    #[error("signature line {0} is not an em dash, a key name and padded base64")]
    SignatureLine(usize),
    /// More signatures than anybody needs.
    #[error("expected at most {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    /// A key name that is empty, too long, or holds a space, a plus or a control character.
    #[error("expected a key name without spaces, plus signs and control characters")]
    Name,
    /// Not `name+id+key` of an Ed25519 key with its own id.
    #[error(
        "expected a vkey: name, id in eight hexadecimal digits and Ed25519 key, joined by plus"
    )]
    VerifierKey,
}

/// A note cannot be signed with this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignNoteError {
    /// Notes are signed with Ed25519.
    #[error("expected an Ed25519 key, found {0:?}")]
    WrongAlgorithm(Algorithm),
    /// The source of randomness failed.
    #[error("no randomness")]
    NoRandomness,
}

/// A note is not signed as the reader requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadNoteSignature {
    /// No signature under that name with that key id.
    #[error("the note bears no signature of the expected key")]
    Missing,
    /// A signature that names the key and does not verify: the whole note is refused.
    #[error("a signature on the note does not verify")]
    Wrong,
}

/// The name of a key, and of a log: not empty, without spaces, plus signs or control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`InvalidNote::Name`].
    pub fn parse(name: &str) -> Result<Self, InvalidNote> {
        let foreign = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains(foreign) {
            return Err(InvalidNote::Name);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyName({})", self.0)
    }
}

/// The four bytes by which a signature line names its key; a hint, never a proof.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoteKeyId([u8; 4]);

impl NoteKeyId {
    /// SHA-256(name, line feed, signature type, public key), cut to four bytes.
    #[must_use]
    pub fn of(name: &KeyName, signature_type: u8, public_key: &[u8]) -> Self {
        let digest = Digest::of_parts(&[name.0.as_bytes(), b"\n", &[signature_type], public_key]);
        let [a, b, c, d, ..] = *digest.as_bytes();
        Self([a, b, c, d])
    }

    /// The four bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }
}

/// Eight hexadecimal digits, lower case.
impl fmt::Display for NoteKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for NoteKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteKeyId({self})")
    }
}

/// An Ed25519 key under its name, as a vkey string carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    key: VerifyingKey,
}

impl VerifierKey {
    /// The key under its name; nothing if it is not Ed25519.
    #[must_use]
    pub fn new(name: KeyName, key: VerifyingKey) -> Option<Self> {
        (key.algorithm() == Algorithm::Ed25519).then_some(Self { name, key })
    }

    /// Reads `name+id+base64(type, key)`.
    ///
    /// # Errors
    /// [`InvalidNote::VerifierKey`], also if the id is not that of the name and key;
    /// [`InvalidNote::Name`].
    pub fn parse(vkey: &str) -> Result<Self, InvalidNote> {
        if vkey.len() > MAX_NAME_BYTES + 64 {
            return Err(InvalidNote::VerifierKey);
        }
        let mut parts = vkey.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidNote::VerifierKey);
        };
        let name = KeyName::parse(name)?;
        let typed = STANDARD.decode(key).map_err(|_| InvalidNote::VerifierKey)?;
        let Some((&ED25519, raw)) = typed.split_first() else {
            return Err(InvalidNote::VerifierKey);
        };
        let raw = raw.try_into().map_err(|_| InvalidNote::VerifierKey)?;
        let vkey = Self { name, key: VerifyingKey::from_ed25519(raw) };
        if vkey.id().to_string() != id {
            return Err(InvalidNote::VerifierKey);
        }
        Ok(vkey)
    }

    /// The name in its signature lines.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key that verifies its signatures.
    #[must_use]
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The id under which its signatures stand.
    #[must_use]
    pub fn id(&self) -> NoteKeyId {
        NoteKeyId::of(&self.name, ED25519, self.key.raw())
    }
}

/// The vkey string.
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let typed = [&[ED25519], self.key.raw()].concat();
        write!(f, "{}+{}+{}", self.name, self.id(), STANDARD.encode(typed))
    }
}

/// One signature line, of any type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// Who says to have signed.
    pub name: KeyName,
    /// With which key.
    pub id: NoteKeyId,
    /// What follows the key id; its form is up to the type of the key.
    pub bytes: Vec<u8>,
}

/// A note in its one strict form. Reading one proves nothing: see [`SignedNote::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// A note that nobody has signed yet.
    ///
    /// # Errors
    /// A text that is empty or too large, does not end in a line feed, or holds a blank line or a
    /// control character.
    pub fn unsigned(text: String) -> Result<Self, InvalidNote> {
        if text.len() > MAX_NOTE_BYTES {
            return Err(InvalidNote::TooLarge(text.len()));
        }
        if !is_plain(&text) {
            return Err(InvalidNote::NotText);
        }
        if !text.ends_with('\n') || text.starts_with('\n') || text.contains("\n\n") {
            return Err(InvalidNote::Shape);
        }
        Ok(Self { text, signatures: Vec::new() })
    }

    /// Reads a note with at least one signature line.
    ///
    /// # Errors
    /// [`InvalidNote`]; the size is judged first. Stricter than the specification in one point: the
    /// text itself may hold no blank line.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidNote> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(InvalidNote::TooLarge(bytes.len()));
        }
        let note = str::from_utf8(bytes).map_err(|_| InvalidNote::NotText)?;
        let blank = note.find("\n\n").ok_or(InvalidNote::Shape)?;
        let (text, below) = note.split_at(blank + 1);
        let lines = below.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n'));
        let lines = lines.ok_or(InvalidNote::Shape)?;
        if lines.starts_with('\n') || lines.ends_with('\n') || lines.contains("\n\n") {
            return Err(InvalidNote::Shape);
        }
        let mut parsed = Self::unsigned(text.to_owned())?;
        for (index, line) in lines.split('\n').enumerate() {
            if index == MAX_SIGNATURES {
                return Err(InvalidNote::TooManySignatures);
            }
            let signature = signature_line(line).ok_or(InvalidNote::SignatureLine(index + 1))?;
            parsed.signatures.push(signature);
        }
        Ok(parsed)
    }

    /// The signed text, with the line feed at its end.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, of known and unknown keys and types.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a line, for example a witness's.
    ///
    /// # Errors
    /// [`InvalidNote::TooManySignatures`].
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), InvalidNote> {
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(InvalidNote::TooManySignatures);
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// The signature line of an Ed25519 key over this text. `random` is not used by Ed25519.
    ///
    /// # Errors
    /// [`SignNoteError`] if the key is of another algorithm.
    pub fn sign(
        &self,
        name: &KeyName,
        key: &SigningKey,
        random: &dyn SecureRandom,
    ) -> Result<NoteSignature, SignNoteError> {
        let public = key.public();
        if public.algorithm() != Algorithm::Ed25519 {
            return Err(SignNoteError::WrongAlgorithm(public.algorithm()));
        }
        let signed = key.sign(self.text.as_bytes(), random);
        let bytes = signed.map_err(|_| SignNoteError::NoRandomness)?;
        let id = NoteKeyId::of(name, ED25519, public.raw());
        Ok(NoteSignature { name: name.clone(), id, bytes })
    }

    /// Checks that `key`, under `name`, signed this text. Lines of other names and ids are ignored.
    ///
    /// # Errors
    /// [`BadNoteSignature::Wrong`] if any line that names the key does not verify.
    pub fn verify(&self, name: &KeyName, key: &VerifyingKey) -> Result<(), BadNoteSignature> {
        if key.algorithm() != Algorithm::Ed25519 {
            return Err(BadNoteSignature::Missing);
        }
        let id = NoteKeyId::of(name, ED25519, key.raw());
        let mut outcome = Err(BadNoteSignature::Missing);
        for line in self.signatures.iter().filter(|line| line.name == *name && line.id == id) {
            let verified = key.verify(self.text.as_bytes(), &line.bytes);
            verified.map_err(|_| BadNoteSignature::Wrong)?;
            outcome = Ok(());
        }
        outcome
    }
}

/// The note as it is stored and sent.
impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for NoteSignature { name, id, bytes } in &self.signatures {
            let encoded = STANDARD.encode([&id.0[..], bytes].concat());
            writeln!(f, "{BEFORE_SIGNATURE}{name} {encoded}")?;
        }
        Ok(())
    }
}

fn is_plain(text: &str) -> bool {
    !text.bytes().any(|byte| (byte < 0x20 && byte != b'\n') || byte == 0x7f)
}

fn signature_line(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_prefix(BEFORE_SIGNATURE)?.split_once(' ')?;
    let name = KeyName::parse(name).ok()?;
    let decoded = STANDARD.decode(encoded).ok()?;
    let (id, bytes) = decoded.split_first_chunk()?;
    if bytes.is_empty() {
        return None;
    }
    Some(NoteSignature { name, id: NoteKeyId(*id), bytes: bytes.to_vec() })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test may ask for randomness itself")]
mod tests {
    use proptest::prelude::*;
    use ring::rand::SystemRandom;
    use signed_note::{Note, StandardVerifier, VerifierList};

    use super::*;

    fn name(text: &str) -> KeyName {
        KeyName::parse(text).unwrap()
    }

    fn signed(text: &str, by: &str, seed: u8) -> SignedNote {
        let mut note = SignedNote::unsigned(text.to_owned()).unwrap();
        let key = SigningKey::from_seed(&[seed; 32]);
        let line = note.sign(&name(by), &key, &SystemRandom::new()).unwrap();
        note.add(line).unwrap();
        note
    }

    fn vkey(by: &str, seed: u8) -> VerifierKey {
        let key = SigningKey::from_seed(&[seed; 32]).public().clone();
        VerifierKey::new(name(by), key).unwrap()
    }

    /// From golang.org/x/mod/sumdb/note, whose format C2SP signed-note writes down.
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const PETERS_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\
        \n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_published_note_verifies_under_its_published_key() {
        let peter = VerifierKey::parse(PETER).unwrap();
        assert_eq!(peter.to_string(), PETER);
        let note = SignedNote::parse(PETERS_NOTE.as_bytes()).unwrap();
        assert_eq!(note.verify(peter.name(), peter.key()), Ok(()));
        assert_eq!(note.to_string(), PETERS_NOTE);
    }

    #[test]
    fn unknown_signatures_are_ignored_and_wrong_ones_are_not() {
        let (log, key) = (name("log.example"), vkey("log.example", 1));
        let mut note = signed("hello\n", "log.example", 1);
        let witness =
            NoteSignature { name: name("w"), id: NoteKeyId([1, 2, 3, 4]), bytes: vec![9; 72] };
        note.add(witness).unwrap();
        let again = SignedNote::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!(again, note);
        assert_eq!(again.verify(&log, key.key()), Ok(()));
        assert_eq!(again.verify(&name("w"), key.key()), Err(BadNoteSignature::Missing));
        assert_eq!(
            again.verify(&log, vkey("log.example", 2).key()),
            Err(BadNoteSignature::Missing)
        );

        let mut forged = note.signatures()[0].clone();
        forged.bytes[0] ^= 1;
        note.add(forged).unwrap();
        assert_eq!(note.verify(&log, key.key()), Err(BadNoteSignature::Wrong));
    }

    #[test]
    fn no_other_form_is_a_note() {
        let line = "\u{2014} w AQIDBAU=\n";
        let parse = |text: &str| SignedNote::parse(text.as_bytes());
        assert!(parse(&format!("text\n\n{line}")).is_ok());
        for (text, refusal) in [
            (String::new(), InvalidNote::Shape),
            ("text\n".to_owned(), InvalidNote::Shape),
            ("text\n\n".to_owned(), InvalidNote::Shape),
            (format!("\n\n{line}"), InvalidNote::Shape),
            (format!("\n{line}"), InvalidNote::Shape),
            (format!("text\n{line}"), InvalidNote::Shape),
            (format!("text\n\n\n{line}"), InvalidNote::Shape),
            (format!("text\n\nmore\n\n{line}"), InvalidNote::Shape),
            (format!("text\n\n{line}\n"), InvalidNote::Shape),
            (format!("text\n\n{line}\n{line}"), InvalidNote::Shape),
            (format!("text\n\n{}", line.trim_end()), InvalidNote::Shape),
            (format!("text\r\n\n{line}"), InvalidNote::NotText),
            (format!("te\0xt\n\n{line}"), InvalidNote::NotText),
            ("text\n\n- w AQIDBAU=\n".to_owned(), InvalidNote::SignatureLine(1)),
            (format!("text\n\n{line}\u{2014} w AQIDBA==\n"), InvalidNote::SignatureLine(2)),
            ("text\n\n\u{2014} w AQIDBAU\n".to_owned(), InvalidNote::SignatureLine(1)),
            ("text\n\n\u{2014} w AQIDBAV=\n".to_owned(), InvalidNote::SignatureLine(1)),
            ("text\n\n\u{2014} w  AQIDBAU=\n".to_owned(), InvalidNote::SignatureLine(1)),
            ("text\n\n\u{2014} w+ AQIDBAU=\n".to_owned(), InvalidNote::SignatureLine(1)),
            ("text\n\n\u{2014}  AQIDBAU=\n".to_owned(), InvalidNote::SignatureLine(1)),
            (
                format!("text\n\n{}", line.repeat(MAX_SIGNATURES + 1)),
                InvalidNote::TooManySignatures,
            ),
        ] {
            assert_eq!(parse(&text), Err(refusal), "{text:?}");
        }
        assert_eq!(SignedNote::parse(b"te\xffxt\n\n"), Err(InvalidNote::NotText));
        let large = vec![0xff; MAX_NOTE_BYTES + 1];
        assert_eq!(SignedNote::parse(&large), Err(InvalidNote::TooLarge(large.len())));
    }

    #[test]
    fn a_vkey_carries_its_own_id_and_an_ed25519_key() {
        let good = vkey("log.example", 1).to_string();
        assert_eq!(VerifierKey::parse(&good), Ok(vkey("log.example", 1)));
        for bad in [
            "",
            "+",
            "log.example",
            "log.example+",
            "+c74f20a3+ARpc",
            &good.replace("log.", "lag."),
            &good.replace("+A", "+B"),
            &good[..good.len() - 1],
            &format!("{good}+"),
            &PETER.replace("c74f20a3", "C74F20A3"),
        ] {
            assert!(VerifierKey::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn signed_note_reads_what_we_sign(text in "[a-z0-9 é]{1,40}(\n[a-z0-9 ]{1,40}){0,3}", by in "[a-z.]{1,20}", seed in 0u8..255) {
            let note = signed(&format!("{text}\n"), &by, seed);
            let theirs = Note::from_bytes(note.to_string().as_bytes()).unwrap();
            prop_assert_eq!(theirs.to_bytes(), note.to_string().into_bytes());
            let verifier = StandardVerifier::new(&vkey(&by, seed).to_string()).unwrap();
            let (known, unknown) =
                theirs.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
            prop_assert_eq!((known.len(), unknown.len()), (1, 0));
        }

        #[test]
        fn what_we_read_signed_note_reads_too(bytes in "[a\n]{0,6}\n\n(\u{2014} [aw]( AQIDBAU=)?\n){0,3}[\n ]?") {
            if let Ok(ours) = SignedNote::parse(bytes.as_bytes()) {
                prop_assert_eq!(ours.to_string(), bytes.clone());
                prop_assert!(Note::from_bytes(bytes.as_bytes()).is_ok());
            }
        }
    }
}
