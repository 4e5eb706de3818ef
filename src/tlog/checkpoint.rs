//! Checkpoints (C2SP tlog-checkpoint): the log's signed word on its size and root.
//!
//! In scope: the three lines, signing them, and the value that only a verified signature makes. Out
//! of scope: consistency with an earlier checkpoint, witnesses and their quorum. Invariants: no
//! extension lines; the origin is the name of the key that signs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SecureRandom;

use crate::crypto::hash::Digest;
use crate::crypto::sign::{SigningKey, VerifyingKey};

use super::note::{BadNoteSignature, InvalidNote, KeyName, SignNoteError, SignedNote};

/// What a log says about itself. By itself it proves nothing: see [`VerifiedCheckpoint`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log: the name of the directory.
    pub origin: KeyName,
    /// The number of entries.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
}

/// Foreign text is not the text of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCheckpoint {
    /// The note around it, or the origin, is malformed.
    #[error(transparent)]
    Note(#[from] InvalidNote),
    /// Not three lines, each ended by a line feed; extension lines are refused.
    #[error("expected three lines: origin, size and root")]
    Lines,
    /// Not a decimal number without sign and leading zeros.
    #[error("expected the size as a decimal number without leading zeros")]
    Size,
    /// Not 32 bytes in padded base64.
    #[error("expected the root as 32 bytes in base64")]
    Root,
}

/// Foreign bytes are not a checkpoint of the log that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not a checkpoint at all.
    #[error(transparent)]
    Invalid(#[from] InvalidCheckpoint),
    /// The checkpoint of another log.
    #[error("expected a checkpoint of {expected}, found one of {found}")]
    WrongOrigin {
        /// The log that was asked for.
        expected: KeyName,
        /// The log that the text names.
        found: KeyName,
    },
    /// None of the log's keys signed it, or one of their signatures is wrong.
    #[error(transparent)]
    Signature(#[from] BadNoteSignature),
}

impl Checkpoint {
    /// The three lines that are signed.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.as_bytes()))
    }

    /// Reads the three lines.
    ///
    /// # Errors
    /// [`InvalidCheckpoint`]; there is one text for each value.
    pub fn parse(text: &str) -> Result<Self, InvalidCheckpoint> {
        let lines = text.strip_suffix('\n').ok_or(InvalidCheckpoint::Lines)?;
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(InvalidCheckpoint::Lines);
        };
        let origin = KeyName::parse(origin)?;
        let number: u64 = size.parse().map_err(|_| InvalidCheckpoint::Size)?;
        // `parse` takes a sign and leading zeros; what is not printed so again is refused.
        if number.to_string() != size {
            return Err(InvalidCheckpoint::Size);
        }
        // Forty-four characters of base64 are 32 bytes: judged before anything is decoded.
        if root.len() != 44 {
            return Err(InvalidCheckpoint::Root);
        }
        let root = STANDARD.decode(root).map_err(|_| InvalidCheckpoint::Root)?;
        let root = Digest::try_from(&root[..]).map_err(|_| InvalidCheckpoint::Root)?;
        Ok(Self { origin, size: number, root })
    }

    /// The signed note. `random` is not used by Ed25519.
    ///
    /// # Errors
    /// [`SignNoteError`] if the key is not Ed25519.
    pub fn sign(
        &self,
        key: &SigningKey,
        random: &dyn SecureRandom,
    ) -> Result<SignedNote, SignNoteError> {
        let mut note = SignedNote::unsigned(self.to_text())
            .expect("a key name and two encoded values are three short lines of plain text");
        let signature = note.sign(&self.origin, key, random)?;
        note.add(signature).expect("the first signature is not one too many");
        Ok(note)
    }
}

/// A checkpoint that a key of its log has signed. Only [`VerifiedCheckpoint::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    checkpoint: Checkpoint,
    note: SignedNote,
}

impl VerifiedCheckpoint {
    /// Reads a signed note and checks that it is a checkpoint of `origin`, signed by one of `keys`.
    ///
    /// # Errors
    /// [`CheckpointError`]. A wrong signature that names one of the keys refuses the whole note,
    /// also beside a right one.
    pub fn verify(
        note: &[u8],
        origin: &KeyName,
        keys: &[VerifyingKey],
    ) -> Result<Self, CheckpointError> {
        let note = SignedNote::parse(note).map_err(InvalidCheckpoint::Note)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.origin != *origin {
            let found = checkpoint.origin;
            return Err(CheckpointError::WrongOrigin { expected: origin.clone(), found });
        }
        let mut outcome = Err(BadNoteSignature::Missing);
        for key in keys {
            match note.verify(origin, key) {
                Ok(()) => outcome = Ok(()),
                Err(BadNoteSignature::Missing) => {}
                Err(BadNoteSignature::Wrong) => return Err(BadNoteSignature::Wrong.into()),
            }
        }
        outcome?;
        Ok(Self { checkpoint, note })
    }

    /// What was signed.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The log that it is of.
    #[must_use]
    pub const fn origin(&self) -> &KeyName {
        &self.checkpoint.origin
    }

    /// The number of entries.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// The root over them.
    #[must_use]
    pub const fn root(&self) -> Digest {
        self.checkpoint.root
    }

    /// The note as it was read, with the lines of witnesses.
    #[must_use]
    pub const fn note(&self) -> &SignedNote {
        &self.note
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test may ask for randomness itself")]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

    fn origin() -> KeyName {
        KeyName::parse("un.example").unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: origin(), size: 20_852_163, root: Digest::from_bytes([0xab; 32]) }
    }

    fn signed(seed: u8) -> SignedNote {
        checkpoint().sign(&SigningKey::from_seed(&[seed; 32]), &SystemRandom::new()).unwrap()
    }

    fn key(seed: u8) -> VerifyingKey {
        SigningKey::from_seed(&[seed; 32]).public().clone()
    }

    fn verify(note: &SignedNote, keys: &[VerifyingKey]) -> Result<Checkpoint, CheckpointError> {
        VerifiedCheckpoint::verify(note.to_string().as_bytes(), &origin(), keys)
            .map(|verified| verified.checkpoint().clone())
    }

    #[test]
    fn the_text_is_three_lines() {
        let text = "un.example\n20852163\nq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n";
        assert_eq!(checkpoint().to_text(), text);
        assert_eq!(Checkpoint::parse(text), Ok(checkpoint()));
    }

    #[test]
    fn no_other_text_is_a_checkpoint() {
        let root = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=";
        for (text, refusal) in [
            (format!("un.example\n1\n{root}"), InvalidCheckpoint::Lines),
            (format!("un.example\n1\n{root}\nextension\n"), InvalidCheckpoint::Lines),
            (format!("un.example\n1\n{root}\n\n"), InvalidCheckpoint::Lines),
            ("un.example\n1\n".to_owned(), InvalidCheckpoint::Lines),
            (String::new(), InvalidCheckpoint::Lines),
            (format!("\n1\n{root}\n"), InvalidCheckpoint::Note(InvalidNote::Name)),
            (format!("un example\n1\n{root}\n"), InvalidCheckpoint::Note(InvalidNote::Name)),
            (format!("un.example\n01\n{root}\n"), InvalidCheckpoint::Size),
            (format!("un.example\n+1\n{root}\n"), InvalidCheckpoint::Size),
            (format!("un.example\n-1\n{root}\n"), InvalidCheckpoint::Size),
            (format!("un.example\n 1\n{root}\n"), InvalidCheckpoint::Size),
            (format!("un.example\n\n{root}\n"), InvalidCheckpoint::Size),
            (format!("un.example\n18446744073709551616\n{root}\n"), InvalidCheckpoint::Size),
            (format!("un.example\n1\n{}\n", &root[..43]), InvalidCheckpoint::Root),
            (format!("un.example\n1\n{}A\n", &root[..43]), InvalidCheckpoint::Root),
            (format!("un.example\n1\n{}t=\n", &root[..42]), InvalidCheckpoint::Root),
            (format!("un.example\n1\n{root}{root}\n"), InvalidCheckpoint::Root),
        ] {
            assert_eq!(Checkpoint::parse(&text), Err(refusal), "{text:?}");
        }
    }

    #[test]
    fn only_a_key_of_the_log_makes_a_verified_checkpoint() {
        let note = signed(1);
        assert_eq!(verify(&note, &[key(1)]), Ok(checkpoint()));
        assert_eq!(verify(&note, &[key(2), key(1)]), Ok(checkpoint()));
        let missing = CheckpointError::Signature(BadNoteSignature::Missing);
        assert_eq!(verify(&note, &[key(2)]), Err(missing.clone()));
        assert_eq!(verify(&note, &[]), Err(missing));

        let other = KeyName::parse("eu.example").unwrap();
        let refused = VerifiedCheckpoint::verify(note.to_string().as_bytes(), &other, &[key(1)]);
        let wrong = CheckpointError::WrongOrigin { expected: other, found: origin() };
        assert_eq!(refused, Err(wrong));
    }

    #[test]
    fn a_signature_under_another_name_does_not_count() {
        let mut note = SignedNote::unsigned(checkpoint().to_text()).unwrap();
        let other = KeyName::parse("eu.example").unwrap();
        let line = note.sign(&other, &SigningKey::from_seed(&[1; 32]), &SystemRandom::new());
        note.add(line.unwrap()).unwrap();
        let missing = CheckpointError::Signature(BadNoteSignature::Missing);
        assert_eq!(verify(&note, &[key(1)]), Err(missing));
    }

    #[test]
    fn one_wrong_signature_of_a_known_key_refuses_the_note() {
        let mut note = signed(1);
        let mut forged = signed(2).signatures()[0].clone();
        forged.bytes[5] ^= 4;
        note.add(forged).unwrap();
        let wrong = CheckpointError::Signature(BadNoteSignature::Wrong);
        assert_eq!(verify(&note, &[key(1), key(2)]), Err(wrong));
        assert_eq!(verify(&note, &[key(1)]), Ok(checkpoint()));
    }

    #[test]
    fn no_single_flipped_bit_verifies_as_the_same_log() {
        let bytes = signed(1).to_string().into_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let verified = VerifiedCheckpoint::verify(&flipped, &origin(), &[key(1)]);
            assert!(verified.is_err(), "bit {bit}");
        }
    }
}
