//! DSSE v1: a payload, its type, and signatures over both.
//!
//! In scope: the pre-authentication encoding, parsing, adding signatures. Out of scope: whose
//! signatures are needed. Invariant: the bytes received are kept, for they are what is stored and
//! hashed.

use bytes::Bytes;
use prost::Message;
use ring::rand::SecureRandom;

use super::canonical::{self, NotCanonical};
use super::proto;
use crate::crypto::hash::Digest;
use crate::crypto::sign::{BadSignature, CannotSign, KeyId, Signer, SigningKey, VerifyingKey};

/// The kinds, each with its word.
macro_rules! kinds {
    ($($(#[doc = $doc:expr])* $(#[cfg($cfg:meta)])? $kind:ident = $name:literal,)+) => {
        /// What a signed payload is. Its type string is
        /// `application/vnd.liaison.<kind>.v1+protobuf`, so that no signature over one kind is
        /// ever one over another.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[doc = $doc])* $(#[cfg($cfg)])? $kind,)+
        }

        impl Kind {
            /// Every kind that this program knows.
            pub const ALL: &[Self] = &[$($(#[cfg($cfg)])? Self::$kind,)+];

            /// The word in the payload type.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $($(#[cfg($cfg)])? Self::$kind => $name,)+
                }
            }
        }
    };
}

kinds! {
    /// The root document.
    Charter = "charter",
    /// A member, and its authority.
    Admission = "admission",
    /// A contact, entered by the registrars.
    AttestedRecord = "attested-record",
    /// A contact, signed by its member's authority.
    Record = "record",
    /// The seats of a contact.
    Roster = "roster",
    /// The end of a contact.
    Withdrawal = "withdrawal",
    /// The end of a seat's keys.
    Revocation = "revocation",
    /// A statement kind of rules version 2 that exists only in tests.
    #[cfg(test)]
    Trial = "trial",
    /// What the relay sees of a message.
    Header = "header",
    /// What a recipient opens.
    Message = "message",
    /// The relay's receipt.
    Accepted = "accepted",
    /// The relay's word on a mailbox.
    MailboxHead = "mailbox-head",
    /// The open part of an acknowledgement.
    Acknowledgement = "acknowledgement",
    /// That a listed key is its holder's.
    Possession = "possession",
    /// What operators or registrars approve.
    Approval = "approval",
    /// The relay's word on the audit trail.
    AuditHead = "audit-head",
}

impl Kind {
    /// The payload type.
    #[must_use]
    pub fn payload_type(self) -> String {
        [BEFORE, self.name(), AFTER].concat()
    }

    fn of(payload_type: &str) -> Option<Self> {
        let name = payload_type.strip_prefix(BEFORE)?.strip_suffix(AFTER)?;
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// What stands around the name of a kind.
const BEFORE: &str = "application/vnd.liaison.";
const AFTER: &str = ".v1+protobuf";

/// Foreign bytes are not a DSSE envelope of this system.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDsse {
    /// Looked at before anything else.
    #[error("expected at most {limit} bytes, found {found}")]
    TooLarge {
        /// The most that is read.
        limit: usize,
        /// How many bytes came.
        found: usize,
    },
    /// The envelope has other encodings.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// No kind that this program knows.
    #[error("{:?} is not a payload type of this version", beginning(.0))]
    UnknownKind(String),
}

/// So much of a foreign payload type is shown: longer than any of ours.
const SHOWN_BYTES: usize = 100;

fn beginning(text: &str) -> &str {
    text.get(..text.floor_char_boundary(SHOWN_BYTES)).unwrap_or_default()
}

/// One signature of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The key that it says it is of.
    pub key_id: KeyId,
    /// Ed25519: 64 bytes; ECDSA: DER.
    pub sig: Bytes,
}

/// A parsed envelope. Nothing of it is believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    bytes: Bytes,
    kind: Kind,
    payload: Bytes,
    signatures: Vec<Signature>,
}

impl Envelope {
    /// Reads an envelope of at most `limit` bytes.
    ///
    /// # Errors
    /// In this order: size, canonical form, kind.
    pub fn parse(bytes: &[u8], limit: usize) -> Result<Self, InvalidDsse> {
        if bytes.len() > limit {
            return Err(InvalidDsse::TooLarge { limit, found: bytes.len() });
        }
        let dsse: proto::Dsse = canonical::decode(bytes)?;
        let signatures = dsse.signatures.into_iter().map(read_signature);
        let signatures = signatures.collect::<Result<Vec<_>, _>>()?;
        let kind =
            Kind::of(&dsse.payload_type).ok_or(InvalidDsse::UnknownKind(dsse.payload_type))?;
        let bytes = Bytes::copy_from_slice(bytes);
        Ok(Self { bytes, kind, payload: dsse.payload, signatures })
    }

    /// A payload, signed by each of `keys`. Signatures are sorted by key id.
    ///
    /// # Errors
    /// Only when `random` fails.
    pub fn sign(
        kind: Kind,
        payload: Vec<u8>,
        keys: &[&SigningKey],
        random: &dyn SecureRandom,
    ) -> Result<Self, ring::error::Unspecified> {
        let unsigned = Self::assemble(kind, payload.into(), Vec::new());
        keys.iter().try_fold(unsigned, |envelope, key| {
            let sig = key.sign(&envelope.signed_bytes(), random)?;
            Ok(envelope.with(key.public().id(), sig))
        })
    }

    /// The same payload with one more signature; a signature of the same key is replaced.
    ///
    /// # Errors
    /// [`CannotSign`].
    pub fn add_signature(
        &self,
        key: &dyn Signer,
        random: &dyn SecureRandom,
    ) -> Result<Self, CannotSign> {
        let sig = key.sign(&self.signed_bytes(), random)?;
        Ok(self.with(key.public().id(), sig))
    }

    fn with(&self, key_id: KeyId, sig: Vec<u8>) -> Self {
        let mut signatures = self.signatures.clone();
        signatures.retain(|signature| signature.key_id != key_id);
        signatures.push(Signature { key_id, sig: sig.into() });
        signatures.sort_by_key(|signature| signature.key_id);
        Self::assemble(self.kind, self.payload.clone(), signatures)
    }

    /// Kind, payload and signatures, put together as they are.
    #[must_use]
    pub fn assemble(kind: Kind, payload: Bytes, signatures: Vec<Signature>) -> Self {
        let dsse = proto::Dsse {
            payload: payload.clone(),
            payload_type: kind.payload_type(),
            signatures: signatures
                .iter()
                .map(|signature| proto::Signature {
                    sig: signature.sig.clone(),
                    key_id: signature.key_id.as_bytes().to_vec().into(),
                })
                .collect(),
        };
        Self { bytes: dsse.encode_to_vec().into(), kind, payload, signatures }
    }

    /// The bytes received.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What the payload is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The payload. Look at it to find keys; believe it once they have verified it.
    #[must_use]
    pub const fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// A statement's or header's identity: SHA-256 of the payload.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.payload)
    }

    /// The signatures, in the order in which they stand.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// What a signature covers.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        signed_bytes(self.kind, &self.payload)
    }

    /// Verifies that one of the signatures is of `key`. That a key signs once is looked at elsewhere.
    ///
    /// # Errors
    /// [`BadSignature`] if there is none that verifies.
    pub fn verify(&self, key: &VerifyingKey) -> Result<(), BadSignature> {
        let (id, signed) = (key.id(), self.signed_bytes());
        let mut of_key = self.signatures.iter().filter(|signature| signature.key_id == id);
        let valid = of_key.any(|signature| key.verify(&signed, &signature.sig).is_ok());
        if valid { Ok(()) } else { Err(BadSignature) }
    }
}

fn read_signature(signature: proto::Signature) -> Result<Signature, NotCanonical> {
    let key_id = Digest::try_from(&signature.key_id[..]).map_err(|_| NotCanonical)?;
    Ok(Signature { key_id: KeyId::from_digest(key_id), sig: signature.sig })
}

/// What a signature over a payload of this kind covers.
#[must_use]
pub fn signed_bytes(kind: Kind, payload: &[u8]) -> Vec<u8> {
    pae(&kind.payload_type(), payload)
}

/// DSSE v1, "PAE": `"DSSEv1" SP len(type) SP type SP len(body) SP body`, lengths in decimal.
pub(crate) fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test may ask for randomness itself")]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_dsse_specification() {
        let expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
        assert_eq!(pae("http://example.com/HelloWorld", b"hello world"), expected);
    }

    #[test]
    fn signatures_are_sorted_and_one_key_signs_once() {
        let random = ring::rand::SystemRandom::new();
        let keys: Vec<SigningKey> = (1..4).map(|n| SigningKey::from_seed(&[n; 32])).collect();
        let all: Vec<&SigningKey> = keys.iter().chain(&keys).collect();
        let envelope = Envelope::sign(Kind::Record, b"x".to_vec(), &all, &random).unwrap();
        assert_eq!(envelope.signatures().len(), 3);
        assert!(envelope.signatures().is_sorted_by_key(|signature| signature.key_id));
        assert!(keys.iter().all(|key| envelope.verify(key.public()).is_ok()));
        assert_eq!(Envelope::parse(envelope.bytes(), 1000), Ok(envelope));
    }

    #[test]
    fn a_signature_over_one_kind_is_none_over_another() {
        let random = ring::rand::SystemRandom::new();
        let key = SigningKey::from_seed(&[1; 32]);
        let record = Envelope::sign(Kind::Record, b"x".to_vec(), &[&key], &random).unwrap();
        let roster = Envelope::assemble(
            Kind::Roster,
            record.payload().clone(),
            record.signatures().to_vec(),
        );
        assert_eq!(record.verify(key.public()), Ok(()));
        assert_eq!(roster.verify(key.public()), Err(BadSignature));
    }

    #[test]
    fn size_form_and_kind_are_looked_at_in_this_order() {
        let unknown = proto::Dsse {
            payload: Bytes::new(),
            payload_type: "application/vnd.liaison.suspension.v1+protobuf".to_owned(),
            signatures: Vec::new(),
        };
        let bytes = unknown.encode_to_vec();
        let too_large = InvalidDsse::TooLarge { limit: 3, found: bytes.len() };
        assert_eq!(Envelope::parse(&bytes, 3), Err(too_large));
        let trailing = [&bytes[..], b"\x20\x01"].concat();
        assert_eq!(Envelope::parse(&trailing, 100), Err(InvalidDsse::NotCanonical(NotCanonical)));
        let unknown = InvalidDsse::UnknownKind(unknown.payload_type);
        assert_eq!(Envelope::parse(&bytes, 100), Err(unknown));
    }

    #[test]
    fn a_payload_type_is_shown_as_far_as_a_person_reads_it() {
        for foreign in ["x".repeat(60_000), "\u{e9}".repeat(30_000)] {
            let said = InvalidDsse::UnknownKind(foreign).to_string();
            assert!(said.len() < 200, "{} bytes", said.len());
        }
        let said = InvalidDsse::UnknownKind("later".to_owned()).to_string();
        assert_eq!(said, "\"later\" is not a payload type of this version");
    }
}
