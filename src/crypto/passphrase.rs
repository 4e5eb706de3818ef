//! A private key behind a passphrase: encrypted PKCS#8 (RFC 5958 §3) by PBES2 (RFC 8018 §6.2).
//!
//! In scope: closing, opening, saying how a key is closed. Out of scope: who is asked, files.
//! Invariants: what is closed here is opened by `openssl pkey`, and what `openssl pkcs8 -topk8`
//! closes is opened here; nothing is computed for a file that asks for more than [`MEMORY_BYTES`] or
//! [`ROUNDS`]; the clear key is zeroized.

use std::fmt;

use pkcs8::der::asn1::OctetString;
use pkcs8::der::{Decode as _, Encode as _};
use pkcs8::pkcs5::pbes2::{EncryptionScheme as Cipher, Kdf, Parameters, Pbkdf2Prf, Salt};
use pkcs8::pkcs5::{self, EncryptionScheme, pbes2};
use pkcs8::{EncryptedPrivateKeyInfoOwned, PrivateKeyInfoRef};
use zeroize::Zeroizing;

/// A private key that only its passphrase opens.
#[derive(Clone, PartialEq, Eq)]
pub struct Closed(EncryptedPrivateKeyInfoOwned);

/// Bytes are no closed key that can be opened here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClosed {
    /// Not the structure, or of an algorithm that has no name here.
    #[error(
        "expected an encrypted PKCS#8 key (PBES2 with scrypt or PBKDF2, and AES), found other bytes"
    )]
    Form,
    /// Known, and too weak or too rare to be opened here.
    #[error("expected PBES2 with scrypt or PBKDF2, and AES, found {0}")]
    Scheme(&'static str),
    /// Opening would take the machine away.
    #[error("expected at most {limit} {of}, found {found}")]
    Costly {
        /// What is counted.
        of: &'static str,
        /// The most that is spent.
        limit: u64,
        /// What the file asks for.
        found: u64,
    },
}

/// The passphrase opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not its passphrase")]
pub struct WrongPassphrase;

impl Closed {
    /// Closes a PKCS#8 key (DER). Both random values are for this one key and passphrase.
    ///
    /// # Errors
    /// The key is larger than any.
    pub fn close(
        pkcs8: &[u8],
        passphrase: &str,
        salt: [u8; 16],
        iv: [u8; 16],
    ) -> Result<Self, InvalidClosed> {
        let scrypt = pbes2::ScryptParams {
            salt: Salt::new(salt).map_err(|_| InvalidClosed::Form)?,
            cost_parameter: SCRYPT_N,
            block_size: SCRYPT_R,
            parallelization: SCRYPT_P,
            key_length: None,
        };
        let parameters = Parameters { kdf: scrypt.into(), encryption: Cipher::Aes256Cbc { iv } };
        let data = parameters.encrypt(passphrase, pkcs8).map_err(|_| InvalidClosed::Form)?;
        let encrypted_data = OctetString::new(data).map_err(|_| InvalidClosed::Form)?;
        let encryption_algorithm = parameters.into();
        Ok(Self(EncryptedPrivateKeyInfoOwned { encryption_algorithm, encrypted_data }))
    }

    /// Reads the DER form.
    ///
    /// # Errors
    /// [`InvalidClosed`]: before anything is computed.
    pub fn from_der(der: &[u8]) -> Result<Self, InvalidClosed> {
        let read = EncryptedPrivateKeyInfoOwned::from_der(der).map_err(|_| InvalidClosed::Form)?;
        let EncryptionScheme::Pbes2(parameters) = &read.encryption_algorithm else {
            return Err(InvalidClosed::Scheme("PBES1"));
        };
        affordable(&parameters.kdf)?;
        Ok(Self(read))
    }

    /// The DER form.
    ///
    /// # Panics
    /// Never: whatever was read or closed here can be written.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        self.0.to_der().expect("lengths that were encoded or decoded once fit")
    }

    /// The PKCS#8 key in DER.
    ///
    /// # Errors
    /// Another passphrase.
    pub fn open(&self, passphrase: &str) -> Result<Zeroizing<Vec<u8>>, WrongPassphrase> {
        let mut bytes = Zeroizing::new(self.0.encrypted_data.as_bytes().to_vec());
        let algorithm = &self.0.encryption_algorithm;
        let opened = algorithm.decrypt_in_place(passphrase, &mut bytes);
        let length = opened.map_err(|_: pkcs5::Error| WrongPassphrase)?.len();
        bytes.truncate(length);
        // CBC has no tag: of 256 wrong passphrases one leaves a padding that looks right.
        match PrivateKeyInfoRef::from_der(&bytes) {
            Ok(_) => Ok(bytes),
            Err(_) => Err(WrongPassphrase),
        }
    }
}

/// How it is closed, in words: `scrypt (N 16384, r 8, p 5), AES-256-CBC`.
impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EncryptionScheme::Pbes2(parameters) = &self.0.encryption_algorithm else {
            return f.write_str("PBES1");
        };
        match &parameters.kdf {
            Kdf::Scrypt(scrypt) => {
                let (n, r, p) = (scrypt.cost_parameter, scrypt.block_size, scrypt.parallelization);
                write!(f, "scrypt (N {n}, r {r}, p {p})")?;
            }
            Kdf::Pbkdf2(pbkdf2) => write!(f, "PBKDF2 ({} rounds)", pbkdf2.iteration_count)?,
            _ => f.write_str("another derivation")?,
        }
        f.write_str(match parameters.encryption {
            Cipher::Aes128Cbc { .. } => ", AES-128-CBC",
            Cipher::Aes192Cbc { .. } => ", AES-192-CBC",
            Cipher::Aes256Cbc { .. } => ", AES-256-CBC",
            Cipher::Aes128Gcm { .. } => ", AES-128-GCM",
            Cipher::Aes256Gcm { .. } => ", AES-256-GCM",
            _ => ", another cipher",
        })
    }
}

impl fmt::Debug for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Closed({self})")
    }
}

/// A file says itself what opening it costs; whoever altered it may have said anything.
fn affordable(kdf: &Kdf) -> Result<(), InvalidClosed> {
    let at_most = |of, limit, found| {
        if found <= limit { Ok(()) } else { Err(InvalidClosed::Costly { of, limit, found }) }
    };
    match kdf {
        Kdf::Scrypt(scrypt) => {
            let (n, r) = (scrypt.cost_parameter, u64::from(scrypt.block_size));
            if n < 2 || !n.is_power_of_two() || r == 0 || scrypt.parallelization == 0 {
                return Err(InvalidClosed::Scheme("scrypt with impossible parameters"));
            }
            let bytes = n.saturating_mul(r).saturating_mul(128);
            at_most("bytes of memory for scrypt", MEMORY_BYTES, bytes)?;
            at_most("lanes of scrypt", LANES, scrypt.parallelization.into())
        }
        Kdf::Pbkdf2(pbkdf2) if pbkdf2.prf == Pbkdf2Prf::HmacWithSha1 => {
            Err(InvalidClosed::Scheme("PBKDF2 with SHA-1"))
        }
        Kdf::Pbkdf2(pbkdf2) if pbkdf2.iteration_count == 0 => {
            Err(InvalidClosed::Scheme("PBKDF2 without a round"))
        }
        Kdf::Pbkdf2(pbkdf2) => at_most("rounds of PBKDF2", ROUNDS, pbkdf2.iteration_count.into()),
        _ => Err(InvalidClosed::Form),
    }
}

/// 16 MiB: openssl opens nothing that takes more than 32. Five lanes make up for it (OWASP's
/// password storage, scrypt with N 2^14).
const SCRYPT_N: u64 = 1 << 14;
const SCRYPT_R: u16 = 8;
const SCRYPT_P: u16 = 5;
/// The most memory that a file may ask for.
pub const MEMORY_BYTES: u64 = 256 << 20;
/// The most lanes, each of which takes the time anew.
const LANES: u64 = 16;
/// The most rounds of PBKDF2: some seconds.
pub const ROUNDS: u64 = 10_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::sign::SigningKey;

    const WORDS: &str = "correct horse battery staple";

    fn closed() -> Closed {
        Closed::close(SigningKey::from_seed(&[7; 32]).pkcs8(), WORDS, [1; 16], [2; 16]).unwrap()
    }

    #[test]
    fn only_its_passphrase_opens_a_key_and_nothing_shows_it() {
        let key = SigningKey::from_seed(&[7; 32]);
        let read = Closed::from_der(&closed().to_der()).unwrap();
        assert_eq!(read, closed());
        assert_eq!(*read.open(WORDS).unwrap(), **key.pkcs8());
        for wrong in ["", "correct horse battery stapl", "correct horse battery staple "] {
            assert_eq!(read.open(wrong).unwrap_err(), WrongPassphrase, "{wrong}");
        }
        assert_eq!(read.to_string(), "scrypt (N 16384, r 8, p 5), AES-256-CBC");
        assert!(!hex::encode(read.to_der()).contains(&hex::encode([7; 32])));
    }

    /// What another program closed with a padding that fits and no key in it is no key.
    #[test]
    fn a_padding_that_looks_right_is_not_enough() {
        let closed = Closed::close(b"no key at all", WORDS, [1; 16], [2; 16]).unwrap();
        assert_eq!(closed.open(WORDS).unwrap_err(), WrongPassphrase);
    }

    #[test]
    fn a_file_that_asks_for_too_much_is_refused_before_anything_is_computed() {
        let with = |kdf: Kdf| {
            let parameters = Parameters { kdf, encryption: Cipher::Aes256Cbc { iv: [2; 16] } };
            let mut closed = closed();
            closed.0.encryption_algorithm = parameters.into();
            Closed::from_der(&closed.to_der())
        };
        let salt = Salt::new([1; 16]).unwrap();
        let scrypt = |n, r, p| {
            let (cost_parameter, block_size, parallelization) = (n, r, p);
            let key_length = None;
            let kdf = pbes2::ScryptParams {
                salt,
                cost_parameter,
                block_size,
                parallelization,
                key_length,
            };
            with(kdf.into())
        };
        let pbkdf2 = |iteration_count, prf| {
            let kdf = pbes2::Pbkdf2Params { salt, iteration_count, key_length: None, prf };
            with(kdf.into())
        };
        assert!(scrypt(1 << 18, 8, 1).is_ok());
        for (n, r) in [(1 << 19, 8), (1 << 18, 9), (1 << 63, 8), (1 << 40, 1)] {
            let refused = scrypt(n, r, 1);
            assert!(matches!(refused, Err(InvalidClosed::Costly { .. })), "{n} {r}");
        }
        assert!(matches!(scrypt(1 << 14, 8, 17), Err(InvalidClosed::Costly { .. })));
        for (n, r, p) in [(0, 8, 1), (1, 8, 1), (3, 8, 1), (1 << 14, 0, 1), (1 << 14, 8, 0)] {
            assert!(matches!(scrypt(n, r, p), Err(InvalidClosed::Scheme(_))), "{n} {r} {p}");
        }
        assert!(pbkdf2(10_000_000, Pbkdf2Prf::HmacWithSha256).is_ok());
        let refused = pbkdf2(10_000_001, Pbkdf2Prf::HmacWithSha512);
        assert!(matches!(refused, Err(InvalidClosed::Costly { found: 10_000_001, .. })));
        assert!(matches!(pbkdf2(2048, Pbkdf2Prf::HmacWithSha1), Err(InvalidClosed::Scheme(_))));
        assert!(matches!(pbkdf2(0, Pbkdf2Prf::HmacWithSha256), Err(InvalidClosed::Scheme(_))));
    }

    #[test]
    fn what_is_cut_altered_or_followed_by_more_is_no_closed_key() {
        let der = closed().to_der();
        for end in 0..der.len() {
            assert_eq!(Closed::from_der(&der[..end]), Err(InvalidClosed::Form));
        }
        assert_eq!(Closed::from_der(&[&der[..], b"x"].concat()), Err(InvalidClosed::Form));
        let clear = SigningKey::from_seed(&[7; 32]).pkcs8().to_vec();
        assert_eq!(Closed::from_der(&clear), Err(InvalidClosed::Form));
    }
}
