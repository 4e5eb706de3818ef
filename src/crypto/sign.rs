//! Signature keys: Ed25519, ECDSA P-256 and P-384, verified by `ring`.
//!
//! In scope: SubjectPublicKeyInfo and PKCS#8 in the one DER form each that tools write, key ids,
//! signing, verifying. Out of scope: which key may sign what. Invariant: a [`VerifyingKey`] names
//! its algorithm itself; no message chooses it.

use std::fmt;

use curve25519_dalek::edwards::CompressedEdwardsY;
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::Decode as _;
use ring::rand::SecureRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::hash::Digest;

/// A signature algorithm with its hash: P-256 with SHA-256, P-384 with SHA-384.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// RFC 8032; signatures of 64 bytes.
    Ed25519,
    /// FIPS 186-5 on P-256 with SHA-256; signatures in DER.
    P256,
    /// FIPS 186-5 on P-384 with SHA-384; signatures in DER.
    P384,
}

impl Algorithm {
    /// As people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    /// What stands before the raw public key in its DER SubjectPublicKeyInfo (RFC 5280, 8410,
    /// 5480; points uncompressed).
    const fn spki_prefix(self) -> &'static [u8] {
        match self {
            Self::Ed25519 => b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00",
            Self::P256 => {
                b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"
            }
            Self::P384 => {
                b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00"
            }
        }
    }

    const fn secret_len(self) -> usize {
        match self {
            Self::Ed25519 | Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    const fn raw_len(self) -> usize {
        match self {
            Self::Ed25519 => 32,
            Self::P256 => 65,
            Self::P384 => 97,
        }
    }

    /// What ECDSA signs of a message; Ed25519 signs it whole.
    #[must_use]
    pub fn digest(self, message: &[u8]) -> Option<ring::digest::Digest> {
        let algorithm = match self {
            Self::Ed25519 => return None,
            Self::P256 => &ring::digest::SHA256,
            Self::P384 => &ring::digest::SHA384,
        };
        Some(ring::digest::digest(algorithm, message))
    }

    fn verification(self) -> &'static dyn signature::VerificationAlgorithm {
        match self {
            Self::Ed25519 => &signature::ED25519,
            Self::P256 => &signature::ECDSA_P256_SHA256_ASN1,
            Self::P384 => &signature::ECDSA_P384_SHA384_ASN1,
        }
    }
}

/// SHA-256 of a public key: of its DER SubjectPublicKeyInfo (sign, TLS) or of its raw bytes (seal).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Digest);

impl KeyId {
    /// The id of the key whose SubjectPublicKeyInfo, or raw sealing key, these bytes are.
    #[must_use]
    pub fn of(public_key: &[u8]) -> Self {
        Self(Digest::of(public_key))
    }

    /// The id whose 32 bytes are already known.
    #[must_use]
    pub const fn from_digest(digest: Digest) -> Self {
        Self(digest)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

/// Groups of four hexadecimal digits, for the eye.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&eye(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({})", hex::encode(self.0))
    }
}

/// A digest in sixteen groups of four hexadecimal digits, for the eye.
#[must_use]
pub fn eye(digest: &Digest) -> String {
    let groups: Vec<String> = digest.as_bytes().chunks(2).map(hex::encode).collect();
    groups.join(" ")
}

/// A digest in twelve groups of five decimal digits, for the telephone: the 32 bytes as a
/// big-endian number modulo 10^60, padded with zeros.
#[must_use]
pub fn telephone(digest: &Digest) -> String {
    let mut digits = [0u8; 60];
    for byte in digest.as_bytes() {
        let mut carry = u32::from(*byte);
        for digit in digits.iter_mut().rev() {
            carry += u32::from(*digit) * 256;
            *digit = (carry % 10) as u8;
            carry /= 10;
        }
    }
    let groups: Vec<String> = digits
        .chunks(5)
        .map(|group| group.iter().map(|d| char::from(b'0' + d)).collect())
        .collect();
    groups.join(" ")
}

/// Foreign bytes are not a public key that this system verifies with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a DER SubjectPublicKeyInfo of Ed25519, P-256 or P-384, found {0} other bytes")]
pub struct InvalidPublicKey(pub usize);

/// The signature does not verify under the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// A public key that verifies signatures.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    spki: Vec<u8>,
}

impl VerifyingKey {
    /// Reads a DER SubjectPublicKeyInfo in the one form that RFC 5280 tools write.
    ///
    /// # Errors
    /// Any other algorithm, a compressed point, trailing bytes, a key under which anybody can sign.
    pub fn from_spki(spki: &[u8]) -> Result<Self, InvalidPublicKey> {
        for algorithm in [Algorithm::Ed25519, Algorithm::P256, Algorithm::P384] {
            let prefix = algorithm.spki_prefix();
            let Some(raw) = spki.strip_prefix(prefix) else { continue };
            let uncompressed = algorithm == Algorithm::Ed25519 || raw.first() == Some(&4);
            let sound = algorithm != Algorithm::Ed25519 || !is_weak_ed25519(raw);
            if raw.len() == algorithm.raw_len() && uncompressed && sound {
                return Ok(Self { algorithm, spki: spki.to_vec() });
            }
        }
        Err(InvalidPublicKey(spki.len()))
    }

    /// Reads a raw public key: 32 bytes, or an uncompressed point of 65 or 97.
    ///
    /// # Errors
    /// As [`VerifyingKey::from_spki`].
    pub fn from_raw(algorithm: Algorithm, raw: &[u8]) -> Result<Self, InvalidPublicKey> {
        let key = Self::from_spki(&[algorithm.spki_prefix(), raw].concat())?;
        if key.algorithm == algorithm { Ok(key) } else { Err(InvalidPublicKey(raw.len())) }
    }

    /// An Ed25519 key from its 32 raw bytes.
    #[must_use]
    pub fn from_ed25519(raw: &[u8; 32]) -> Self {
        let spki = [Algorithm::Ed25519.spki_prefix(), raw].concat();
        Self { algorithm: Algorithm::Ed25519, spki }
    }

    /// The algorithm of this key.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The raw public key: 32 bytes, or an uncompressed point of 65 or 97.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        self.spki.get(self.algorithm.spki_prefix().len()..).unwrap_or_default()
    }

    /// Whether an Ed25519 key is a point: one that is none verifies nothing, which a proof of
    /// possession shows without this.
    #[must_use]
    pub fn is_ed25519_point(&self) -> bool {
        let raw = self.raw().try_into();
        raw.is_ok_and(|raw| CompressedEdwardsY(raw).decompress().is_some())
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.spki)
    }

    /// Verifies `signature` over `message`.
    ///
    /// # Errors
    /// [`BadSignature`], whatever the reason: no reason helps anyone but a forger.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let well_formed = match self.algorithm {
            Algorithm::Ed25519 => signature.get(..32).is_some_and(|r| !is_small_order(r)),
            Algorithm::P256 | Algorithm::P384 => is_strict_der(signature),
        };
        if !well_formed {
            return Err(BadSignature);
        }
        #[cfg(test)]
        CHECKED.set(CHECKED.get() + 1);
        UnparsedPublicKey::new(self.algorithm.verification(), self.raw())
            .verify(message, signature)
            .map_err(|_| BadSignature)
    }
}

#[cfg(test)]
thread_local! {
    /// How many signatures this thread has looked at, for tests of who pays for them.
    pub(crate) static CHECKED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Under a key of small order a signature holds for one message in eight or better, whoever made
/// it; and a key with two encodings would have two key ids. `ring` accepts both (RFC 8032 §5.1.7).
fn is_weak_ed25519(raw: &[u8]) -> bool {
    let Ok(raw): Result<[u8; 32], _> = raw.try_into() else { return true };
    let y = without_sign(&raw);
    let reduced = y.iter().rev().lt(ED25519_PRIME.iter().rev());
    !reduced || is_small_order(&raw)
}

/// A point whose order divides eight, whatever its sign. As the R of a signature libsodium refuses
/// it and `ring` does not: whether an entry is admissible may not depend on the library.
fn is_small_order(point: &[u8]) -> bool {
    let Ok(point): Result<[u8; 32], _> = point.try_into() else { return true };
    SMALL_ORDER_Y.contains(&without_sign(&point))
}

fn without_sign(point: &[u8; 32]) -> [u8; 32] {
    let mut y = *point;
    y[31] &= 0x7f;
    y
}

/// An ECDSA signature as r and s of equal length, which is how tokens give it, in DER. Whether it is
/// one, [`VerifyingKey::verify`] says.
#[must_use]
pub fn ecdsa_in_der(raw: &[u8]) -> Vec<u8> {
    fn integer(number: &[u8]) -> Vec<u8> {
        let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
        let number = number.get(first..).unwrap_or_default();
        let zero: &[u8] = if number.first().is_none_or(|byte| *byte >= 0x80) { &[0] } else { &[] };
        [&[2, (zero.len() + number.len()) as u8], zero, number].concat()
    }
    let (r, s) = raw.split_at(raw.len() / 2);
    let numbers = [integer(r), integer(s)].concat();
    [&[0x30, numbers.len() as u8][..], &numbers].concat()
}

/// `SEQUENCE { INTEGER r, INTEGER s }` in DER: minimal lengths, minimal and positive numbers, nothing
/// behind. Signatures of P-256 and P-384 are shorter than 128 bytes, so that a length is one byte.
fn is_strict_der(signature: &[u8]) -> bool {
    fn integer(bytes: &[u8]) -> Option<&[u8]> {
        let (&[tag, length], rest) = bytes.split_first_chunk()?;
        let (number, rest) = rest.split_at_checked(usize::from(length))?;
        let minimal = match *number {
            [] | [0] => false,
            [0, next, ..] => next >= 0x80,
            [first, ..] => first < 0x80,
        };
        (tag == 2 && length < 0x80 && minimal).then_some(rest)
    }
    let Some((&[tag, length], rest)) = signature.split_first_chunk() else { return false };
    tag == 0x30
        && length < 0x80
        && usize::from(length) == rest.len()
        && integer(rest).and_then(integer).is_some_and(<[u8]>::is_empty)
}

/// 2^255 - 19, little-endian.
const ED25519_PRIME: [u8; 32] = {
    let mut prime = [0xff; 32];
    prime[0] = 0xed;
    prime[31] = 0x7f;
    prime
};

/// The y coordinates of the eight points of small order, little-endian: of order 4, 1, 2, 8 and 8.
/// Each x that belongs to them, whatever its sign, is of small order too.
const SMALL_ORDER_Y: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut minus_one = ED25519_PRIME;
        minus_one[0] = 0xec;
        minus_one
    },
    *b"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
    *b"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
];

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({:?} {})", self.algorithm, hex::encode(self.id().as_bytes()))
    }
}

/// Bytes are not a PKCS#8 private key that this system signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a PKCS#8 private key of Ed25519, P-256 or P-384")]
pub struct InvalidPrivateKey;

/// A private signature key. Its PKCS#8 form is kept to be written out again, and is zeroized.
pub struct SigningKey {
    pair: Pair,
    public: VerifyingKey,
    pkcs8: Zeroizing<Vec<u8>>,
}

enum Pair {
    Ed25519(Box<Ed25519KeyPair>),
    Ecdsa(Box<EcdsaKeyPair>),
}

/// RFC 8410: what stands before the 32 bytes of the seed in the PKCS#8 form that `openssl` writes.
const ED25519_PKCS8_PREFIX: &[u8] =
    b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

impl SigningKey {
    /// The Ed25519 key of a 32-byte seed (RFC 8032 calls it the private key).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let pkcs8 = Zeroizing::new([ED25519_PKCS8_PREFIX, seed].concat());
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .expect("every 32-byte string is an Ed25519 seed");
        Self::ed25519(pair, pkcs8)
    }

    /// A fresh P-256 key: for the certificates of the service, because not every stock client
    /// takes an Ed25519 certificate.
    ///
    /// # Errors
    /// Only when `random` fails.
    pub fn fresh_p256(random: &dyn SecureRandom) -> Result<Self, ring::error::Unspecified> {
        let signing = &signature::ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(signing, random)?;
        Self::from_pkcs8(pkcs8.as_ref(), random).map_err(|_| ring::error::Unspecified)
    }

    /// Reads a PKCS#8 private key in DER. (`openssl genpkey -outform DER` writes the older SEC 1 form
    /// for P-256 and P-384; its PEM, and `openssl pkcs8 -topk8`, are PKCS#8.) `random` is used by
    /// `ring` to check an ECDSA key against its public part.
    ///
    /// # Errors
    /// Any other algorithm or form.
    pub fn from_pkcs8(der: &[u8], random: &dyn SecureRandom) -> Result<Self, InvalidPrivateKey> {
        let pkcs8 = Zeroizing::new(der.to_vec());
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Ok(Self::ed25519(pair, pkcs8));
        }
        for (algorithm, signing) in [
            (Algorithm::P256, &signature::ECDSA_P256_SHA256_ASN1_SIGNING),
            (Algorithm::P384, &signature::ECDSA_P384_SHA384_ASN1_SIGNING),
        ] {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(signing, der, random) {
                let spki = [algorithm.spki_prefix(), pair.public_key().as_ref()].concat();
                let public = VerifyingKey { algorithm, spki };
                return Ok(Self { pair: Pair::Ecdsa(Box::new(pair)), public, pkcs8 });
            }
        }
        Err(InvalidPrivateKey)
    }

    fn ed25519(pair: Ed25519KeyPair, pkcs8: Zeroizing<Vec<u8>>) -> Self {
        let spki = [Algorithm::Ed25519.spki_prefix(), pair.public_key().as_ref()].concat();
        let public = VerifyingKey { algorithm: Algorithm::Ed25519, spki };
        Self { pair: Pair::Ed25519(Box::new(pair)), public, pkcs8 }
    }

    /// The public part.
    #[must_use]
    pub const fn public(&self) -> &VerifyingKey {
        &self.public
    }

    /// The PKCS#8 form in DER. A secret.
    #[must_use]
    pub fn pkcs8(&self) -> &Zeroizing<Vec<u8>> {
        &self.pkcs8
    }

    /// The seed, or the scalar, which is all of the secret; none of a file of unusual form.
    #[must_use]
    pub fn secret(&self) -> Option<Zeroizing<Vec<u8>>> {
        let octets = PrivateKeyInfoRef::from_der(&self.pkcs8).ok()?.private_key.as_bytes();
        // RFC 8410: an OCTET STRING. RFC 5915: SEQUENCE { INTEGER 1, OCTET STRING, ... }.
        let secret = match octets {
            [4, rest @ ..] => rest,
            [0x30, 0x81, _, 2, 1, 1, 4, rest @ ..] | [0x30, _, 2, 1, 1, 4, rest @ ..] => rest,
            _ => return None,
        };
        let (&length, secret) = secret.split_first()?;
        let secret = secret.get(..usize::from(length))?;
        (usize::from(length) == self.public.algorithm.secret_len())
            .then(|| Zeroizing::new(secret.to_vec()))
    }

    /// Signs `message`. Ed25519 does not use `random`; ECDSA takes its nonce from it.
    ///
    /// # Errors
    /// Only when `random` fails.
    pub fn sign(
        &self,
        message: &[u8],
        random: &dyn SecureRandom,
    ) -> Result<Vec<u8>, ring::error::Unspecified> {
        Ok(match &self.pair {
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Ecdsa(pair) => pair.sign(random, message)?.as_ref().to_vec(),
        })
    }
}

/// Whatever signs as a key: the key itself, or what keeps it and does not give it away.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The public part.
    fn public(&self) -> &VerifyingKey;

    /// Signs `message`. `random` is for keys that take their nonce from here.
    ///
    /// # Errors
    /// [`CannotSign`].
    fn sign(&self, message: &[u8], random: &dyn SecureRandom) -> Result<Vec<u8>, CannotSign>;
}

/// No signature was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotSign {
    /// The system gave no randomness.
    #[error("no randomness to sign with")]
    NoRandomness,
    /// What keeps the key gave no signature, or one that does not verify.
    #[error("{why}")]
    Kept {
        /// Stable, upper snake case.
        reason: &'static str,
        /// Expected and found.
        why: String,
    },
}

impl From<ring::error::Unspecified> for CannotSign {
    fn from(_: ring::error::Unspecified) -> Self {
        Self::NoRandomness
    }
}

impl Signer for SigningKey {
    fn public(&self) -> &VerifyingKey {
        &self.public
    }

    fn sign(&self, message: &[u8], random: &dyn SecureRandom) -> Result<Vec<u8>, CannotSign> {
        Ok(Self::sign(self, message, random)?)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?}, private part withheld)", self.public)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test may ask for randomness itself")]
mod tests {
    use super::*;

    #[test]
    fn the_telephone_form_is_the_number_modulo_ten_to_the_sixty() {
        let one = Digest::from_bytes({
            let mut bytes = [0; 32];
            bytes[31] = 1;
            bytes
        });
        assert_eq!(telephone(&one), format!("{}00001", "00000 ".repeat(11)));
        // Python: str((2**256 - 1) % 10**60).zfill(60)
        let most = Digest::from_bytes([0xff; 32]);
        let digits = "42357 09850 08687 90785 32699 84665 64056 40394 57584 00791 31296 39935";
        assert_eq!(telephone(&most), digits);
    }

    #[test]
    fn an_ed25519_key_signs_and_only_its_own_signature_verifies() {
        let key = SigningKey::from_seed(&[7; 32]);
        let random = ring::rand::SystemRandom::new();
        let signature = key.sign(b"one", &random).expect("ed25519 needs no randomness");
        assert_eq!(key.public().verify(b"one", &signature), Ok(()));
        assert_eq!(key.public().verify(b"two", &signature), Err(BadSignature));
        let again = SigningKey::from_pkcs8(key.pkcs8(), &random).expect("written by ourselves");
        assert_eq!(again.public(), key.public());
        assert!(!format!("{key:?}").contains(&hex::encode([7; 32])));
    }

    #[test]
    fn a_key_under_which_anybody_can_sign_is_no_public_key() {
        let spki = |raw: &[u8]| [Algorithm::Ed25519.spki_prefix(), raw].concat();
        for y in SMALL_ORDER_Y.iter().chain([&ED25519_PRIME]) {
            for sign in [0, 0x80] {
                let mut raw = *y;
                raw[31] |= sign;
                assert_eq!(VerifyingKey::from_spki(&spki(&raw)), Err(InvalidPublicKey(44)));
            }
        }
        // p + 1 and p + 18, which are other encodings of 1 and 18; 18 itself is only not a point.
        for first in [0xee, 0xff] {
            let mut raw = ED25519_PRIME;
            raw[0] = first;
            assert_eq!(VerifyingKey::from_spki(&spki(&raw)), Err(InvalidPublicKey(44)));
        }
        // Why it matters: R = identity, s = 0 is a signature of the identity over every message.
        let one = [&SMALL_ORDER_Y[1][..], &[0; 32]].concat();
        let ring = UnparsedPublicKey::new(&signature::ED25519, SMALL_ORDER_Y[1]);
        assert!(ring.verify(b"whatever", &one).is_ok());
        let weak = VerifyingKey::from_ed25519(&SMALL_ORDER_Y[1]);
        assert_eq!(weak.verify(b"whatever", &one), Err(BadSignature));
        // RFC 8032 §7.1, test 1.
        let good = hex::decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert!(VerifyingKey::from_spki(&spki(&good.unwrap())).is_ok());
    }

    /// With R of small order, s = k a + r is a signature that ring takes and libsodium does not.
    /// Whoever holds the seed makes it: R is the encoding, s = k a for R of order 1.
    #[test]
    fn an_r_of_small_order_is_no_signature() {
        use curve25519_dalek::Scalar;
        let seed = [7; 32];
        let key = SigningKey::from_seed(&seed);
        let hash = ring::digest::digest(&ring::digest::SHA512, &seed);
        let mut a: [u8; 32] = hash.as_ref()[..32].try_into().unwrap();
        a[0] &= 248;
        a[31] = (a[31] & 127) | 64;
        let a = Scalar::from_bytes_mod_order(a);
        let r = SMALL_ORDER_Y[1];
        let signed = [&r[..], key.public().raw(), b"message"].concat();
        let k = ring::digest::digest(&ring::digest::SHA512, &signed);
        let k = Scalar::from_bytes_mod_order_wide(k.as_ref().try_into().unwrap());
        let forged = [r, (k * a).to_bytes()].concat();
        let ring = UnparsedPublicKey::new(&signature::ED25519, key.public().raw());
        assert!(ring.verify(b"message", &forged).is_ok(), "ring alone takes it");
        assert_eq!(key.public().verify(b"message", &forged), Err(BadSignature));
        for (y, sign) in SMALL_ORDER_Y.iter().flat_map(|y| [(y, 0), (y, 0x80)]) {
            let mut r = *y;
            r[31] |= sign;
            assert!(is_small_order(&r));
        }
    }

    #[test]
    fn the_secret_is_the_seed_or_the_scalar_and_signs_again() {
        assert_eq!(**SigningKey::from_seed(&[7; 32]).secret().unwrap(), [7; 32]);
        let random = ring::rand::SystemRandom::new();
        let key = SigningKey::fresh_p256(&random).unwrap();
        let (secret, public) = (key.secret().unwrap(), key.public().raw());
        let pair = EcdsaKeyPair::from_private_key_and_public_key;
        let signing = &signature::ECDSA_P256_SHA256_ASN1_SIGNING;
        assert!(pair(signing, &secret, public, &random).is_ok(), "the scalar of this very point");
    }

    #[test]
    fn a_signature_as_a_token_gives_it_becomes_the_one_der_form() {
        let random = ring::rand::SystemRandom::new();
        let key = SigningKey::fresh_p256(&random).unwrap();
        let signing = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let (secret, public) = (key.secret().unwrap(), key.public().raw());
        let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, &secret, public, &random);
        let pair = pair.unwrap();
        // Often enough that numbers with a high bit and with leading zeros are among them.
        for number in 0..600u32 {
            let message = number.to_be_bytes();
            let raw = pair.sign(&random, &message).unwrap();
            let der = ecdsa_in_der(raw.as_ref());
            assert_eq!(key.public().verify(&message, &der), Ok(()), "{}", hex::encode(raw));
        }
        for nothing in [&[][..], &[0; 64], &[7; 3], &[0xff; 200]] {
            let der = ecdsa_in_der(nothing);
            assert_eq!(key.public().verify(b"message", &der), Err(BadSignature));
        }
    }

    #[test]
    fn an_ecdsa_signature_has_one_der_form() {
        let good = [0x30, 6, 2, 1, 1, 2, 1, 1];
        assert!(is_strict_der(&good));
        assert!(is_strict_der(&[0x30, 7, 2, 2, 0, 0x80, 2, 1, 1]), "high bit, so a zero before");
        let long = [&[0x30, 0x84, 2, 64][..], &[1; 64], &[2, 64], &[1; 64]].concat();
        let bad: [(&str, &[u8]); 15] = [
            ("a sequence that ends too early", &[0x30, 5, 2, 1, 1, 2, 1, 1]),
            ("a sequence that ends too late", &[0x30, 7, 2, 1, 1, 2, 1, 1]),
            ("a sequence of 132 bytes", &long),
            ("nothing", &[]),
            ("no sequence", &[0x31, 6, 2, 1, 1, 2, 1, 1]),
            ("trailing", &[0x30, 6, 2, 1, 1, 2, 1, 1, 0]),
            ("trailing inside", &[0x30, 7, 2, 1, 1, 2, 1, 1, 0]),
            ("long length", &[0x30, 0x81, 6, 2, 1, 1, 2, 1, 1]),
            ("indefinite", &[0x30, 0x80, 2, 1, 1, 2, 1, 1, 0, 0]),
            ("padded", &[0x30, 7, 2, 2, 0, 1, 2, 1, 1]),
            ("negative", &[0x30, 6, 2, 1, 0x80, 2, 1, 1]),
            ("zero", &[0x30, 6, 2, 1, 0, 2, 1, 1]),
            ("empty", &[0x30, 5, 2, 0, 2, 1, 1]),
            ("one number", &[0x30, 3, 2, 1, 1]),
            ("bit string", &[0x30, 6, 3, 1, 1, 2, 1, 1]),
        ];
        for (name, bytes) in bad {
            assert!(!is_strict_der(bytes), "{name}");
        }
    }

    #[test]
    fn only_the_one_der_form_is_a_public_key() {
        let spki = SigningKey::from_seed(&[7; 32]).public().spki().to_vec();
        assert!(VerifyingKey::from_spki(&spki).is_ok());
        assert_eq!(VerifyingKey::from_spki(&spki[1..]), Err(InvalidPublicKey(43)));
        assert_eq!(VerifyingKey::from_spki(&[&spki[..], b"x"].concat()), Err(InvalidPublicKey(45)));
        assert_eq!(VerifyingKey::from_spki(&[]), Err(InvalidPublicKey(0)));
        for algorithm in [Algorithm::P256, Algorithm::P384] {
            let point = |first: u8, len: usize| {
                let point = [vec![first], vec![1; len - 1]].concat();
                VerifyingKey::from_spki(&[algorithm.spki_prefix(), &point].concat()).is_ok()
            };
            let len = algorithm.raw_len();
            assert!(point(4, len), "{algorithm:?}: whether it is on the curve is not asked");
            assert!(!point(4, len - 1) && !point(4, len + 1), "{algorithm:?}");
            for first in [0, 2, 3, 5, 6, 7] {
                assert!(!point(first, len) && !point(first, len / 2 + 1), "{algorithm:?}, {first}");
            }
        }
    }
}
