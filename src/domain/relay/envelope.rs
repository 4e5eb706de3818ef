//! An envelope: signed header, sealed body, letters. Verified before it is queued.
//!
//! Invariant: a [`VerifiedEnvelope`] exists only by these checks; what they depend on cannot
//! change any more. What can change is decided on the head (`submit`).

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::crypto::seal;
use crate::crypto::sign::KeyId;
use crate::domain::directory::Directory;
use crate::domain::ids::SeatId;
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::signed::canonical;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto;
use crate::tlog::merkle;

use super::addressing::Addressing;

/// A header whose signature is the named seat's.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedHeader {
    /// The bytes received.
    pub envelope: Envelope,
    /// Who writes to whom.
    pub addressing: Addressing,
    /// SHA-256 of the header payload: what receipts and chains name.
    pub digest: Digest,
    /// SHA-256 of the sealed body.
    pub body_digest: Digest,
    /// The sealed body's size: one of the padded ones.
    pub body_size: u64,
    /// How many letters there are.
    pub letters: u32,
    /// Their RFC 6962 root.
    pub letters_root: Digest,
}

/// One letter: the body's key, sealed to one seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The seat.
    pub seat: SeatId,
    /// The seal key that opens it.
    pub seal_key: KeyId,
    /// The age file.
    pub age: Bytes,
    /// Its bytes, the leaf.
    pub bytes: Bytes,
}

/// An envelope whose parts belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedEnvelope {
    /// The header.
    pub header: VerifiedHeader,
    /// The sealed body.
    pub body: Bytes,
    /// The letters, by seat.
    pub letters: Vec<Letter>,
}

impl VerifiedEnvelope {
    /// Bytes that the relay keeps for it.
    #[must_use]
    pub fn size(&self) -> u64 {
        let letters: usize = self.letters.iter().map(|letter| letter.bytes.len()).sum();
        (self.header.envelope.bytes().len() + self.body.len() + letters) as u64
    }
}

/// Verifies the header of a message that was accepted: its key may since have been dropped or
/// revoked.
///
/// # Errors
/// In the order of checks: size, form, kind, directory and genesis, signature, content.
pub fn verify_header(directory: &Directory, bytes: &[u8]) -> Result<VerifiedHeader, Refusal> {
    verify_header_of(directory, bytes, |_| Ok(()))
}

/// Verifies a header whose signer has this standing.
fn verify_header_of(
    directory: &Directory,
    bytes: &[u8],
    standing: impl FnOnce(&KeyId) -> Result<(), Refusal>,
) -> Result<VerifiedHeader, Refusal> {
    let envelope = parse(bytes, limits::HEADER_BYTES, Kind::Header)?;
    let header: proto::Header =
        canonical::decode(envelope.payload()).map_err(|_| Refusal::NotCanonical("header"))?;
    let addressing: Result<Addressing, Refusal> = Addressing::read(directory, &header.addressing);
    let earlier = |why: &Refusal| {
        matches!(
            why,
            Refusal::NotCanonical(_) | Refusal::OtherDirectory { .. } | Refusal::OtherGenesis
        )
    };
    let addressing = match addressing {
        Err(why) if earlier(&why) => return Err(why),
        other => other,
    };
    let (seat, signer) = one_seat_signed(directory, &envelope)?;
    standing(&signer)?;
    let addressing = addressing?;
    if addressing.sender != *seat || addressing.sender_key != signer {
        let why = format!("{seat} signed, and the header names {}", addressing.sender);
        return Err(Refusal::NotTheSender(why));
    }
    if !limits::BODY_BYTES.contains(&header.body_size) {
        let expected = limits::BODY_BYTES.map(|size| size.to_string()).join(", ");
        return Err(Refusal::BodySize { expected, found: header.body_size });
    }
    let digest =
        |field, bytes: &[u8]| Digest::try_from(bytes).map_err(|why| Refusal::field(field, why));
    Ok(VerifiedHeader {
        digest: envelope.digest(),
        body_digest: digest("body_digest", &header.body_digest)?,
        body_size: header.body_size,
        letters: header.letters,
        letters_root: digest("letters_root", &header.letters_root)?,
        addressing,
        envelope,
    })
}

/// Verifies an envelope that is handed in: its signer speaks for the seat now, body and letters
/// are those of the header, and look sealed.
///
/// # Errors
/// As [`verify_header`], the standing of the signer after the signature; then body, then letters.
pub fn verify(
    directory: &Directory,
    header: &[u8],
    body: Bytes,
    letters: &[Bytes],
) -> Result<VerifiedEnvelope, Refusal> {
    let header = verify_header_of(directory, header, |signer| directory.in_force(signer))?;
    verify_body(&header, &body)?;
    let letters = verify_letters(&header, letters)?;
    Ok(VerifiedEnvelope { header, body, letters })
}

/// The body is the one that the header names, and one age file with one stanza.
///
/// # Errors
/// Its size, its digest, its form.
pub fn verify_body(header: &VerifiedHeader, body: &[u8]) -> Result<(), Refusal> {
    if body.len() as u64 != header.body_size {
        let expected = header.body_size.to_string();
        return Err(Refusal::BodySize { expected, found: body.len() as u64 });
    }
    if Digest::of(body) != header.body_digest {
        return Err(Refusal::BodyDigest);
    }
    seal::inspect(body).map_err(|why| Refusal::NotSealed { what: "body", why: why.to_string() })
}

/// Reads one letter.
///
/// # Errors
/// Its size, its form, its seat.
pub fn read_letter(bytes: &Bytes) -> Result<Letter, Refusal> {
    if bytes.len() > limits::LETTER_BYTES {
        let (limit, found) = (limits::LETTER_BYTES as u64, bytes.len() as u64);
        return Err(Refusal::TooLarge { what: "letter", limit, found });
    }
    let letter: proto::Letter =
        canonical::decode(bytes).map_err(|_| Refusal::NotCanonical("letter"))?;
    let seal_key = Digest::try_from(&letter.seal_key[..])
        .map_err(|why| Refusal::field("letter.seal_key", why))?;
    Ok(Letter {
        seat: letter.seat.parse().map_err(|why| Refusal::field("letter.seat", why))?,
        seal_key: KeyId::from_digest(seal_key),
        age: letter.age,
        bytes: bytes.clone(),
    })
}

fn verify_letters(header: &VerifiedHeader, letters: &[Bytes]) -> Result<Vec<Letter>, Refusal> {
    if letters.len() > limits::LETTERS || letters.len() as u64 != u64::from(header.letters) {
        let why = format!("are {}, and the header names {}", letters.len(), header.letters);
        return Err(Refusal::WrongLetters(why));
    }
    let read: Vec<Letter> = letters.iter().map(read_letter).collect::<Result<_, _>>()?;
    if !read.is_sorted_by(|a, b| a.seat < b.seat) {
        return Err(Refusal::WrongLetters("are not sorted by seat, one for each".to_owned()));
    }
    let leaves: Vec<Digest> = letters.iter().map(|letter| merkle::leaf_hash(letter)).collect();
    if merkle::root_of(&leaves) != header.letters_root {
        return Err(Refusal::WrongLetters("have another root than the header's".to_owned()));
    }
    for letter in &read {
        seal::inspect(&letter.age)
            .map_err(|why| Refusal::NotSealed { what: "letter", why: why.to_string() })?;
    }
    Ok(read)
}

/// Parses an envelope of one kind.
///
/// # Errors
/// Size, form, kind.
pub fn parse(bytes: &[u8], limit: usize, kind: Kind) -> Result<Envelope, Refusal> {
    let expected = kind.name();
    let envelope =
        Envelope::parse(bytes, limit).map_err(|why| Refusal::form(expected, expected, why))?;
    if envelope.kind() == kind {
        Ok(envelope)
    } else {
        Err(Refusal::UnknownKind { expected, found: envelope.kind().payload_type() })
    }
}

/// One signature, of a seat's sign key that was ever listed, and it verifies.
///
/// # Errors
/// In the order of checks of signatures.
pub fn one_seat_signed<'a>(
    directory: &'a Directory,
    envelope: &Envelope,
) -> Result<(&'a SeatId, KeyId), Refusal> {
    let ids: Vec<KeyId> = envelope.signatures().iter().map(|signature| signature.key_id).collect();
    if !ids.is_sorted() {
        return Err(Refusal::SignaturesUnsorted);
    }
    match ids[..] {
        [] => Err(Refusal::BelowThreshold { of: "a seat".to_owned(), needed: 1, found: 0 }),
        [first, second, ..] if first == second => Err(Refusal::DuplicateSignature(first)),
        [first, ..] => {
            let (seat, key) = directory.seat_sign_key(&first)?;
            envelope.verify(key).map_err(|_| Refusal::BadSignature(first))?;
            match ids.get(1) {
                Some(second) => Err(Refusal::SuperfluousSignature(*second)),
                None => Ok((seat, first)),
            }
        }
    }
}
