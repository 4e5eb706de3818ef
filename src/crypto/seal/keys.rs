//! X-Wing key pairs and the strings that age writes for them.
//!
//! In scope: raw keys, `age1pq1...` recipients, `AGE-SECRET-KEY-PQ-1...` identities. Out of scope:
//! where keys are kept, whose they are. Invariants: a [`SealingKey`] holds an ML-KEM key with reduced
//! coefficients and an X25519 share that is not of low order; a string is read only in the form in
//! which it is written.

use std::fmt;

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Checksum, Hrp};
use x_wing::{
    DecapsulationKeyRejectNonContrib, Decapsulator as _, EncapsulationKey, KeyExport as _,
};
use zeroize::Zeroizing;

use crate::crypto::sign::KeyId;

const RECIPIENT: Hrp = Hrp::parse_unchecked("age1pq");
const IDENTITY: Hrp = Hrp::parse_unchecked("age-secret-key-pq-");

/// Longer files of identities hold more than one key and its comments.
const MAX_IDENTITY_BYTES: usize = 64 * 1024;

/// Where the X25519 share begins, after the ML-KEM-768 encapsulation key.
const SHARE_AT: usize = 1184;

/// A public key to seal to: 1,216 bytes, ML-KEM-768 first, then X25519.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingKey {
    bytes: Box<[u8; SealingKey::BYTES]>,
    x_wing: Box<EncapsulationKey>,
}

/// Foreign bytes are not a key to seal to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSealingKey {
    /// Of another length.
    #[error("expected a sealing key of 1216 bytes, found {0}")]
    Length(usize),
    /// FIPS 203 §7.2: a coefficient is not below the modulus.
    #[error("the ML-KEM part of the sealing key is not reduced")]
    NotReduced,
    /// Whatever is sealed to it, the X25519 secret would be zero.
    #[error("the X25519 part of the sealing key is of low order")]
    LowOrder,
    /// Not `age1pq1` and so on, in lower case, with the right checksum.
    #[error("expected a recipient that starts with age1pq1")]
    Recipient,
}

impl SealingKey {
    /// The length of the raw key.
    pub const BYTES: usize = x_wing::ENCAPSULATION_KEY_SIZE;

    /// Reads a raw key.
    ///
    /// # Errors
    /// [`InvalidSealingKey`]: the length, the modulus check of ML-KEM, a low-order X25519 share.
    pub fn parse(raw: &[u8]) -> Result<Self, InvalidSealingKey> {
        let bytes: Box<[u8; Self::BYTES]> =
            raw.to_vec().try_into().map_err(|_| InvalidSealingKey::Length(raw.len()))?;
        let (_, share) =
            raw.split_at_checked(SHARE_AT).ok_or(InvalidSealingKey::Length(raw.len()))?;
        if is_low_order(share) {
            return Err(InvalidSealingKey::LowOrder);
        }
        let x_wing = EncapsulationKey::try_from(raw).map_err(|_| InvalidSealingKey::NotReduced)?;
        Ok(Self { bytes, x_wing: Box::new(x_wing) })
    }

    /// The raw key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.bytes
    }

    /// SHA-256 of the raw key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.bytes[..])
    }

    /// The recipient string, `age1pq1...`, of 1,959 characters.
    #[must_use]
    pub fn to_recipient(&self) -> String {
        bech32::encode_lower::<LongBech32>(RECIPIENT, &self.bytes[..])
            .expect("1,216 bytes in base32 are shorter than the code")
    }

    /// Reads a recipient string.
    ///
    /// # Errors
    /// [`InvalidSealingKey`].
    pub fn from_recipient(recipient: &str) -> Result<Self, InvalidSealingKey> {
        let checked = CheckedHrpstring::new::<LongBech32>(recipient)
            .map_err(|_| InvalidSealingKey::Recipient)?;
        let key = Self::parse(&checked.byte_iter().collect::<Vec<u8>>())?;
        // Another prefix, upper case, bits left over: what is not printed so again is refused.
        if key.to_recipient() != recipient {
            return Err(InvalidSealingKey::Recipient);
        }
        Ok(key)
    }

    pub(super) fn x_wing(&self) -> &EncapsulationKey {
        &self.x_wing
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", hex::encode(self.id().as_bytes()))
    }
}

/// A private key to open with, made from a seed of 32 bytes. Zeroized when dropped.
pub struct OpeningKey {
    seed: Zeroizing<[u8; OpeningKey::SEED_BYTES]>,
    x_wing: Box<DecapsulationKeyRejectNonContrib>,
    public: SealingKey,
}

/// Text does not hold exactly one key to open with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentity {
    /// Longer than one key with its comments.
    #[error("expected at most {MAX_IDENTITY_BYTES} bytes of identity, found {0}")]
    TooLarge(usize),
    /// Nothing but blank lines and comments.
    #[error("expected one identity, found none")]
    None,
    /// More than one line that is neither blank nor a comment.
    #[error("expected one identity, found several")]
    Several,
    /// Not `AGE-SECRET-KEY-PQ-1` and so on, in upper case, with the right checksum.
    #[error("expected an identity that starts with AGE-SECRET-KEY-PQ-1")]
    Malformed,
}

impl OpeningKey {
    /// The length of a seed.
    pub const SEED_BYTES: usize = x_wing::DECAPSULATION_KEY_SIZE;

    /// The key of a seed, which must be random and secret.
    #[must_use]
    pub fn from_seed(seed: &[u8; Self::SEED_BYTES]) -> Self {
        let x_wing = Box::new(DecapsulationKeyRejectNonContrib::from(*seed));
        let key = x_wing.encapsulation_key();
        let public =
            SealingKey { bytes: Box::new(key.to_bytes().into()), x_wing: Box::new(key.clone()) };
        Self { seed: Zeroizing::new(*seed), x_wing, public }
    }

    /// The public part.
    #[must_use]
    pub const fn public(&self) -> &SealingKey {
        &self.public
    }

    /// The identity, `AGE-SECRET-KEY-PQ-1...`, without a line feed. A secret.
    #[must_use]
    pub fn identity_line(&self) -> Zeroizing<String> {
        let mut line = Zeroizing::new(String::with_capacity(128));
        bech32::encode_upper_to_fmt::<Bech32, String>(&mut line, IDENTITY, &self.seed[..])
            .expect("32 bytes in base32 are shorter than the code");
        line
    }

    /// Reads an identity, or a file with one identity among blank lines and `#` comments.
    ///
    /// # Errors
    /// [`InvalidIdentity`], which never repeats what was found.
    pub fn from_identity(text: &str) -> Result<Self, InvalidIdentity> {
        if text.len() > MAX_IDENTITY_BYTES {
            return Err(InvalidIdentity::TooLarge(text.len()));
        }
        let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let line = lines.next().ok_or(InvalidIdentity::None)?;
        if lines.next().is_some() {
            return Err(InvalidIdentity::Several);
        }
        let checked =
            CheckedHrpstring::new::<Bech32>(line).map_err(|_| InvalidIdentity::Malformed)?;
        let mut bytes = checked.byte_iter();
        let mut seed = Zeroizing::new([0; Self::SEED_BYTES]);
        for place in seed.iter_mut() {
            *place = bytes.next().ok_or(InvalidIdentity::Malformed)?;
        }
        let key = Self::from_seed(&seed);
        // Another prefix, lower case, bytes or bits left over: what is not printed so again is
        // refused.
        if key.identity_line().as_str() != line {
            return Err(InvalidIdentity::Malformed);
        }
        Ok(key)
    }

    pub(super) fn x_wing(&self) -> &DecapsulationKeyRejectNonContrib {
        &self.x_wing
    }
}

impl fmt::Debug for OpeningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpeningKey({:?}, private part withheld)", self.public)
    }
}

/// Bech32 (BIP 173) without its limit of length, as age uses it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LongBech32 {}

impl Checksum for LongBech32 {
    type MidstateRepr = u32;
    const CODE_LENGTH: usize = 4096;
    const CHECKSUM_LENGTH: usize = Bech32::CHECKSUM_LENGTH;
    const GENERATOR_SH: [u32; 5] = Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: u32 = Bech32::TARGET_RESIDUE;
}

/// Whether X25519 with this share gives zero, whatever the other's secret. RFC 7748 §5: the highest
/// bit is not looked at.
fn is_low_order(share: &[u8]) -> bool {
    let mut masked: [u8; 32] = [0; 32];
    let Ok(()) = <&[u8; 32]>::try_from(share).map(|share| masked = *share) else { return false };
    masked[31] &= 0x7f;
    LOW_ORDER.contains(&masked)
}

/// The u coordinates of the points of order 1, 2, 4 and 8 on Curve25519 and of 1, 2 and 4 on its
/// twist, with those forms of them that are not reduced: 0, 1, the two of order 8, p-1, p, p+1.
pub(super) const LOW_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    *b"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    *b"\xe0\xeb\x7a\x7c\x3b\x41\xb8\xae\x16\x56\xe3\xfa\xf1\x9f\xc4\x6a\xda\x09\x8d\xeb\x9c\x32\xb1\xfd\x86\x62\x05\x16\x5f\x49\xb8\x00",
    *b"\x5f\x9c\x95\xbc\xa3\x50\x8c\x24\xb1\xd0\xb1\x55\x9c\x83\xef\x5b\x04\x44\x5c\xc4\x58\x1c\x8e\x86\xd8\x22\x4e\xdd\xd0\x9f\x11\x57",
    *b"\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    *b"\xed\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    *b"\xee\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> OpeningKey {
        OpeningKey::from_seed(&[1; 32])
    }

    #[test]
    fn a_key_comes_back_from_its_bytes_and_its_strings() {
        let key = key();
        let public = key.public();
        assert_eq!(SealingKey::parse(public.as_bytes()).as_ref(), Ok(public));
        let recipient = public.to_recipient();
        assert_eq!((recipient.len(), &recipient[..7]), (1959, "age1pq1"));
        assert_eq!(SealingKey::from_recipient(&recipient).as_ref(), Ok(public));
        let identity = key.identity_line();
        assert!(identity.starts_with("AGE-SECRET-KEY-PQ-1"), "{}", *identity);
        assert_eq!(OpeningKey::from_identity(&identity).unwrap().public(), public);
        assert_eq!(public.id(), KeyId::of(public.as_bytes()));
    }

    #[test]
    fn the_x_wing_vector_gives_its_public_key() {
        // draft-connolly-cfrg-xwing-kem, appendix C, first vector: seed and SHA-256 of pk.
        let seed = hex::decode("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");
        let key = OpeningKey::from_seed(&seed.unwrap().try_into().unwrap());
        assert!(
            hex::encode(key.public().as_bytes()).starts_with("e2236b35a8c24b39b10aa1323a96a919")
        );
        let digest = "2e816deebcd76c5c80d0cd2d174478871658e8e2ff42bc9d4a6e486372e856bb";
        assert_eq!(hex::encode(key.public().id().as_bytes()), digest);
    }

    #[test]
    fn a_low_order_share_is_no_key() {
        for high_bit in [0, 0x80] {
            for share in LOW_ORDER {
                let mut raw = *key().public().as_bytes();
                raw[SHARE_AT..].copy_from_slice(&share);
                raw[SealingKey::BYTES - 1] |= high_bit;
                assert_eq!(SealingKey::parse(&raw), Err(InvalidSealingKey::LowOrder));
            }
        }
        // Neighbours of the list are keys.
        let mut raw = *key().public().as_bytes();
        raw[SHARE_AT..].fill(0);
        raw[SHARE_AT] = 2;
        assert!(SealingKey::parse(&raw).is_ok());
    }

    #[test]
    fn an_ml_kem_key_that_is_not_reduced_is_no_key() {
        let mut raw = *key().public().as_bytes();
        // Two coefficients of twelve bits: 0xfff is above 3328.
        raw[..3].fill(0xff);
        assert_eq!(SealingKey::parse(&raw), Err(InvalidSealingKey::NotReduced));
        // 3329 itself, in the first coefficient alone.
        let mut raw = *key().public().as_bytes();
        (raw[0], raw[1]) = (0x01, (raw[1] & 0xf0) | 0x0d);
        assert_eq!(SealingKey::parse(&raw), Err(InvalidSealingKey::NotReduced));
        raw[0] = 0x00;
        assert!(SealingKey::parse(&raw).is_ok());
    }

    #[test]
    fn any_other_length_is_no_key() {
        let raw = *key().public().as_bytes();
        assert_eq!(SealingKey::parse(&raw[1..]), Err(InvalidSealingKey::Length(1215)));
        assert_eq!(SealingKey::parse(&[]), Err(InvalidSealingKey::Length(0)));
        let longer = [&raw[..], &[0]].concat();
        assert_eq!(SealingKey::parse(&longer), Err(InvalidSealingKey::Length(1217)));
    }

    #[test]
    fn a_recipient_is_read_only_as_it_is_written() {
        let recipient = key().public().to_recipient();
        let other = bech32::encode_lower::<LongBech32>(
            Hrp::parse_unchecked("age1p"),
            key().public().as_bytes(),
        );
        for bad in [
            String::new(),
            recipient.to_uppercase(),
            format!("{recipient} "),
            format!("{recipient}q"),
            recipient[..1958].to_owned(),
            recipient.replacen('q', "p", 2),
            other.unwrap(),
        ] {
            assert_eq!(
                SealingKey::from_recipient(&bad),
                Err(InvalidSealingKey::Recipient),
                "{bad}"
            );
        }
        let short = bech32::encode_lower::<LongBech32>(RECIPIENT, &[1; 32]).unwrap();
        assert_eq!(SealingKey::from_recipient(&short), Err(InvalidSealingKey::Length(32)));
    }

    #[test]
    fn an_identity_file_holds_exactly_one_identity() {
        let line = key().identity_line();
        let line = line.as_str();
        let read = |text: &str| OpeningKey::from_identity(text).map(|key| key.public().id());
        let id = Ok(key().public().id());
        assert_eq!(read(line), id);
        assert_eq!(read(&format!("# created by\n\n{line}\n# end\n")), id);
        assert_eq!(read(&format!("# created by\r\n{line}\r\n")), id);
        let long = bech32::encode_upper::<Bech32>(IDENTITY, &[1; 33]).unwrap();
        let short = bech32::encode_upper::<Bech32>(IDENTITY, &[1; 31]).unwrap();
        let classical =
            bech32::encode_upper::<Bech32>(Hrp::parse_unchecked("age-secret-key-"), &[1; 32]);
        for (text, refusal) in [
            ("", InvalidIdentity::None),
            ("# nothing\n\n", InvalidIdentity::None),
            (&format!("{line}\n{line}\n"), InvalidIdentity::Several),
            (&format!("{line}\nsecret\n"), InvalidIdentity::Several),
            (&line.to_lowercase(), InvalidIdentity::Malformed),
            (&format!(" {line}"), InvalidIdentity::Malformed),
            (&line[..line.len() - 1], InvalidIdentity::Malformed),
            (&long, InvalidIdentity::Malformed),
            (&short, InvalidIdentity::Malformed),
            (&classical.unwrap(), InvalidIdentity::Malformed),
            (&"#".repeat(70_000), InvalidIdentity::TooLarge(70_000)),
        ] {
            assert_eq!(read(text), Err(refusal), "{text:.100}");
        }
    }

    #[test]
    fn a_secret_is_not_in_its_debug_form() {
        let shown = format!("{:?}", key());
        assert!(!shown.contains(&hex::encode([1; 32])) && shown.contains("withheld"), "{shown}");
        let randomness = crate::crypto::seal::SealRandomness::from_bytes(&[0xab; 96]);
        assert_eq!(format!("{randomness:?}"), "SealRandomness(withheld)");
    }
}
