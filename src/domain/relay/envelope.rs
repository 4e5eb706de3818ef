//! An envelope: signed header, sealed body, letters. Verified before it is queued.
//!
//! Invariant: a [`VerifiedEnvelope`] exists only by these checks; what they depend on cannot
//! change any more. What can change is decided on the head (`commands::submit`).

use bytes::Bytes;
use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::crypto::seal;
use crate::crypto::sign::KeyId;
use crate::domain::directory::{Directory, digest};
use crate::domain::ids::SeatId;
use crate::domain::limits;
use crate::domain::refusal::{Deciders, Expected, Letters, Mismatch, Refusal, Unserved, Wrong};
use crate::signed::canonical;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Class, Urgency};
use crate::tlog::head::root_of;
use crate::tlog::merkle;

use super::addressing::{Addressing, OrLater};
use super::alone;

/// A header whose signature is the named seat's.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedHeader {
    envelope: Envelope,
    addressing: Addressing,
    body_digest: Digest,
    body_size: u64,
    letters: u32,
    letters_root: Digest,
    blobs: Vec<proto::Blob>,
    cleared_by: Vec<(SeatId, KeyId)>,
}

impl VerifiedHeader {
    /// The bytes received.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Who writes to whom.
    #[must_use]
    pub const fn addressing(&self) -> &Addressing {
        &self.addressing
    }

    /// SHA-256 of the header payload: what receipts and chains name.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.envelope.digest()
    }

    /// SHA-256 of the sealed body.
    #[must_use]
    pub const fn body_digest(&self) -> Digest {
        self.body_digest
    }

    /// The sealed body's size: one of the padded ones.
    #[must_use]
    pub const fn body_size(&self) -> u64 {
        self.body_size
    }

    /// How many letters there are.
    #[must_use]
    pub const fn letters(&self) -> u32 {
        self.letters
    }

    /// Their RFC 6962 root.
    #[must_use]
    pub const fn letters_root(&self) -> Digest {
        self.letters_root
    }

    /// Sealed files beside the body, by digest.
    #[must_use]
    pub fn blobs(&self) -> &[proto::Blob] {
        &self.blobs
    }

    /// Colleagues of the sender who signed it too, with their keys.
    #[must_use]
    pub fn cleared_by(&self) -> &[(SeatId, KeyId)] {
        &self.cleared_by
    }

    /// Every key that signed it.
    pub fn signers(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.envelope.signatures().iter().map(|signature| signature.key_id)
    }

    /// Whether this version of the relay serves all that it asks for.
    fn is_served(&self) -> Result<(), Refusal> {
        self.addressing.is_served()?;
        let what = if !self.blobs.is_empty() {
            Unserved::Blob
        } else if !self.cleared_by.is_empty() {
            Unserved::SecondSignature
        } else if self.body_size > limits::SERVED_BODY_BYTES {
            Unserved::LargeBody
        } else {
            return Ok(());
        };
        Err(Refusal::NotYetSupported(what))
    }
}

/// One letter: the body's key, sealed to one seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The seat that can open it.
    pub seat: SeatId,
    /// The seal key that opens it.
    pub seal_key: KeyId,
    /// The age file.
    pub age: Bytes,
    /// Its bytes, the leaf.
    pub bytes: Bytes,
}

/// An envelope whose parts belong together, and which this version of the relay serves.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedEnvelope {
    header: VerifiedHeader,
    body: Bytes,
    letters: Vec<Letter>,
}

impl VerifiedEnvelope {
    /// The signed header, which was verified.
    #[must_use]
    pub const fn header(&self) -> &VerifiedHeader {
        &self.header
    }

    /// The sealed body.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The letters, by seat.
    #[must_use]
    pub fn letters(&self) -> &[Letter] {
        &self.letters
    }

    /// Bytes that the relay keeps for it.
    #[must_use]
    pub fn size(&self) -> u64 {
        let letters: usize = self.letters.iter().map(|letter| letter.bytes.len()).sum();
        (self.header.envelope.bytes().len() + self.body.len() + letters) as u64
    }
}

/// The class and urgency that a header says it has: nothing is verified.
#[must_use]
pub fn says(header: &[u8]) -> Option<(OrLater<Class>, OrLater<Urgency>)> {
    let envelope = parse(header, limits::HEADER_BYTES, Kind::Header).ok()?;
    let header = proto::Header::decode(&envelope.payload()[..]).ok()?;
    let says = proto::Addressing::decode(header.addressing).ok()?;
    Some((OrLater::of(says.class)?, OrLater::of(says.urgency)?))
}

/// Digest and addressing of a header that was accepted: nothing is verified.
///
/// # Errors
/// Size, form, kind, content.
pub fn accepted(header: &[u8]) -> Result<(Digest, Addressing), Refusal> {
    let envelope = parse(header, limits::HEADER_BYTES, Kind::Header)?;
    let header: proto::Header =
        canonical::decode(envelope.payload()).map_err(|_| Refusal::NotCanonical("header"))?;
    Ok((envelope.digest(), Addressing::read_accepted(&header.addressing)?))
}

/// Verifies the header of a message that was accepted: its key may since have been dropped or
/// revoked, and it may ask for what only a later version serves.
///
/// # Errors
/// In the order of checks: size, form, kind, directory and genesis, signatures, content.
pub fn verify_header(directory: &Directory, bytes: &[u8]) -> Result<VerifiedHeader, Refusal> {
    verify_header_of(directory, bytes, |_| Ok(()))
}

/// Reads a header and verifies nothing: of what the relay itself has stored.
///
/// # Errors
/// Size, form, kind.
pub fn parse_header(bytes: &[u8]) -> Result<Envelope, Refusal> {
    parse(bytes, limits::HEADER_BYTES, Kind::Header)
}

/// Verifies a header whose signers have this standing.
fn verify_header_of(
    directory: &Directory,
    bytes: &[u8],
    standing: impl Fn(&KeyId) -> Result<(), Refusal>,
) -> Result<VerifiedHeader, Refusal> {
    let envelope = parse_header(bytes)?;
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
    let signers = seats_signed(directory, &envelope, limits::HEADER_SIGNATURES)?;
    signers.iter().try_for_each(|(_, key)| standing(key))?;
    let addressing = addressing?;
    let cleared_by = cleared(&addressing, signers)?;
    padded(header.body_size)?;
    blobs(&header.blobs)?;
    Ok(VerifiedHeader {
        body_digest: digest("body_digest", &header.body_digest)?,
        body_size: header.body_size,
        letters: letter_count(header.letters)?,
        letters_root: digest("letters_root", &header.letters_root)?,
        blobs: header.blobs,
        addressing,
        cleared_by,
        envelope,
    })
}

/// One of the signers is the sender named, by the key named; the others are seats of its contact. No
/// seat is there twice: of its keys one stands in any view.
fn cleared(
    addressing: &Addressing,
    signers: Vec<(&SeatId, KeyId)>,
) -> Result<Vec<(SeatId, KeyId)>, Refusal> {
    let sender = (&addressing.sender, addressing.sender_key);
    if !signers.contains(&sender) {
        let (signed, named) = (signers[0].0.clone(), addressing.sender.to_string());
        return Err(Refusal::NotTheSender(Mismatch::Seat { signed, named }));
    }
    let contact = addressing.sender.contact();
    let others = signers.into_iter().filter(|signer| *signer != sender);
    let others = others.map(|(seat, key)| {
        let of_it = seat.contact() == contact;
        of_it.then(|| (seat.clone(), key)).ok_or(Refusal::SuperfluousSignature(key))
    });
    others.collect()
}

/// A sealed body has one of the padded sizes.
fn padded(size: u64) -> Result<(), Refusal> {
    if limits::BODY_BYTES.contains(&size) {
        return Ok(());
    }
    Err(Refusal::BodySize { expected: limits::BODY_BYTES.to_vec(), found: size })
}

/// Sorted by digest, each once, of the sizes that a body may have.
fn blobs(blobs: &[proto::Blob]) -> Result<(), Refusal> {
    for blob in blobs {
        digest("blobs", &blob.digest)?;
        if !limits::BODY_BYTES.contains(&blob.size) {
            return Err(Refusal::field("blobs", Wrong::NotPadded(blob.size)));
        }
    }
    if blobs.is_sorted_by(|a, b| a.digest < b.digest) {
        Ok(())
    } else {
        Err(Refusal::field("blobs", Wrong::NotASet))
    }
}

fn letter_count(found: u32) -> Result<u32, Refusal> {
    if (1..=limits::LETTERS as u64).contains(&u64::from(found)) {
        Ok(found)
    } else {
        Err(Refusal::WrongLetters(Letters::OutOfRange(found)))
    }
}

/// Verifies an envelope that is handed in: its signer speaks for the seat now, this version serves
/// what it asks for, body and letters are those of the header, and look sealed.
///
/// # Errors
/// As [`verify_header`], the standing of the signer after the signature; then its thread, what is
/// not served, body, then letters.
pub fn verify(
    directory: &Directory,
    header: &[u8],
    body: Bytes,
    letters: &[Bytes],
) -> Result<VerifiedEnvelope, Refusal> {
    let header = verify_header_of(directory, header, |signer| directory.in_force(signer))?;
    alone::form(header.addressing())?;
    header.is_served()?;
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
        let (expected, found) = (vec![header.body_size], body.len() as u64);
        return Err(Refusal::BodySize { expected, found });
    }
    if Digest::of(body) != header.body_digest {
        return Err(Refusal::BodyDigest);
    }
    seal::inspect(body).map_err(|why| Refusal::NotSealed { what: "body", why })
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
    let seal_key =
        Digest::try_from(&letter.seal_key[..]).map_err(|_| Refusal::NotCanonical("letter"))?;
    Ok(Letter {
        seat: letter.seat.parse().map_err(|why| Refusal::field("letter.seat", why))?,
        seal_key: KeyId::from_digest(seal_key),
        age: letter.age,
        bytes: bytes.clone(),
    })
}

/// The letters are those that the header names, each one age file, in the order of their seats.
///
/// # Errors
/// Their number, their order, their root, their form.
pub fn verify_letters(header: &VerifiedHeader, letters: &[Bytes]) -> Result<Vec<Letter>, Refusal> {
    if letters.len() > limits::LETTERS || letters.len() as u64 != u64::from(header.letters) {
        let (named, found) = (header.letters, letters.len());
        return Err(Refusal::WrongLetters(Letters::OtherNumber { named, found }));
    }
    let read: Vec<Letter> = letters.iter().map(read_letter).collect::<Result<_, _>>()?;
    if !read.is_sorted_by(|a, b| a.seat < b.seat) {
        return Err(Refusal::WrongLetters(Letters::NotASet));
    }
    let leaves: Vec<Digest> = letters.iter().map(|letter| merkle::leaf_hash(letter)).collect();
    if root_of(&leaves) != header.letters_root {
        return Err(Refusal::WrongLetters(Letters::OtherRoot));
    }
    for letter in &read {
        seal::inspect(&letter.age).map_err(|why| Refusal::NotSealed { what: "letter", why })?;
    }
    Ok(read)
}

/// Parses an envelope of one kind.
///
/// # Errors
/// Size, form, kind.
pub fn parse(bytes: &[u8], limit: usize, kind: Kind) -> Result<Envelope, Refusal> {
    let expected = Expected::Kind(kind);
    let envelope =
        Envelope::parse(bytes, limit).map_err(|why| Refusal::form(kind.name(), expected, why))?;
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
    match seats_signed(directory, envelope, 1)?[..] {
        [one, ..] => Ok(one),
        [] => Err(nobody_signed()),
    }
}

/// Signatures of seats' sign keys that were ever listed, sorted, at least one and at most so many;
/// each verifies.
fn seats_signed<'a>(
    directory: &'a Directory,
    envelope: &Envelope,
    most: usize,
) -> Result<Vec<(&'a SeatId, KeyId)>, Refusal> {
    let ids: Vec<KeyId> = envelope.signatures().iter().map(|signature| signature.key_id).collect();
    if ids.is_empty() {
        return Err(nobody_signed());
    }
    if !ids.is_sorted() {
        return Err(Refusal::SignaturesUnsorted);
    }
    if let Some(twice) = ids.iter().zip(ids.iter().skip(1)).find(|(a, b)| a == b) {
        return Err(Refusal::DuplicateSignature(*twice.0));
    }
    let verified = ids.iter().take(most).map(|id| {
        let (seat, key) = directory.seat_sign_key(id)?;
        envelope.verify(key).map_err(|_| Refusal::BadSignature(*id))?;
        Ok((seat, *id))
    });
    let verified = verified.collect::<Result<Vec<_>, Refusal>>()?;
    match ids.get(most) {
        Some(more) => Err(Refusal::SuperfluousSignature(*more)),
        None => Ok(verified),
    }
}

fn nobody_signed() -> Refusal {
    Refusal::BelowThreshold { of: Deciders::Seat, needed: 1, found: 0 }
}
