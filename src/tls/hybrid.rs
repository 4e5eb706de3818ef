//! X25519MLKEM768 for rustls: ML-KEM-768 of `ml-kem` joined with X25519 of `ring`.
//!
//! In scope: the group of draft-ietf-tls-ecdhe-mlkem. Out of scope: either primitive. Invariants:
//! ML-KEM comes first in shares and secret; every length is checked before a byte is used; the
//! secret halves are erased.

use ml_kem::array::Array;
use ml_kem::kem::{Decapsulate as _, KeyExport as _};
use ml_kem::ml_kem_768::{Ciphertext, DecapsulationKey, EncapsulationKey};
use ml_kem::{B32, Seed};
use rustls::crypto::ring::default_provider;
use rustls::crypto::ring::kx_group::X25519;
use rustls::crypto::{ActiveKeyExchange, CompletedKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved, ProtocolVersion};
use zeroize::{Zeroize as _, Zeroizing};

/// The group, as a value for `CryptoProvider::kx_groups`.
pub static X25519MLKEM768: &dyn SupportedKxGroup = &Hybrid;

/// FIPS 203: an ML-KEM-768 encapsulation key.
const ENCAPSULATION_KEY_LEN: usize = 1184;
/// FIPS 203: an ML-KEM-768 ciphertext.
const CIPHERTEXT_LEN: usize = 1088;
/// RFC 7748: an X25519 public key.
const X25519_LEN: usize = 32;
/// Each half of the secret.
const SECRET_LEN: usize = 32;

const BAD_SHARE: Error = Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare);

#[derive(Debug)]
struct Hybrid;

impl SupportedKxGroup for Hybrid {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let classical = X25519.start()?;
        let mut seed = Seed::default();
        fill(&mut seed)?;
        let decapsulation = DecapsulationKey::from_seed(seed);
        seed.zeroize();
        let encapsulation = decapsulation.encapsulation_key().to_bytes();
        let share = [&encapsulation[..], classical.pub_key()].concat();
        Ok(Box::new(Active { classical, decapsulation, share }))
    }

    fn start_and_complete(&self, client_share: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let (key, classical_share) = split(client_share, ENCAPSULATION_KEY_LEN)?;
        let key = Array::try_from(key).map_err(|_| BAD_SHARE)?;
        // FIPS 203 §7.2: the modulus check is in here.
        let key = EncapsulationKey::new(&key).map_err(|_| BAD_SHARE)?;
        let classical = X25519.start_and_complete(classical_share)?;
        let mut message = B32::default();
        fill(&mut message)?;
        let (ciphertext, mut secret) = key.encapsulate_deterministic(&message);
        message.zeroize();
        let joined = join(&secret, &classical.secret);
        secret.zeroize();
        Ok(CompletedKeyExchange {
            group: self.name(),
            pub_key: [&ciphertext[..], &classical.pub_key].concat(),
            secret: joined,
        })
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_3
    }
}

struct Active {
    classical: Box<dyn ActiveKeyExchange>,
    decapsulation: DecapsulationKey,
    share: Vec<u8>,
}

impl ActiveKeyExchange for Active {
    fn complete(self: Box<Self>, server_share: &[u8]) -> Result<SharedSecret, Error> {
        let (ciphertext, classical_share) = split(server_share, CIPHERTEXT_LEN)?;
        let ciphertext = Ciphertext::try_from(ciphertext).map_err(|_| BAD_SHARE)?;
        let classical = self.classical.complete(classical_share)?;
        let mut secret = self.decapsulation.decapsulate(&ciphertext);
        let joined = join(&secret, &classical);
        secret.zeroize();
        Ok(joined)
    }

    /// Lets the client offer plain X25519 with the same key.
    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((NamedGroup::X25519, self.classical.pub_key()))
    }

    fn complete_hybrid_component(self: Box<Self>, share: &[u8]) -> Result<SharedSecret, Error> {
        self.classical.complete(share)
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }
}

/// The ML-KEM part, of exactly `first` bytes, and the X25519 part.
fn split(share: &[u8], first: usize) -> Result<(&[u8], &[u8]), Error> {
    match share.split_at_checked(first) {
        Some((post_quantum, classical)) if classical.len() == X25519_LEN => {
            Ok((post_quantum, classical))
        }
        _ => Err(BAD_SHARE),
    }
}

/// rustls takes the vector over and erases it.
fn join(post_quantum: &[u8], classical: &SharedSecret) -> SharedSecret {
    let mut secret = Zeroizing::new(Vec::with_capacity(2 * SECRET_LEN));
    secret.extend_from_slice(post_quantum);
    secret.extend_from_slice(classical.secret_bytes());
    SharedSecret::from(std::mem::take(&mut *secret))
}

fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    // rustls has no argument for it here: the randomness is that of its own provider.
    Ok(default_provider().secure_random.fill(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_find_the_same_secret_and_the_lengths_are_those_of_the_draft() {
        let client = X25519MLKEM768.start().unwrap();
        assert_eq!(client.pub_key().len(), 1216);
        let server = X25519MLKEM768.start_and_complete(client.pub_key()).unwrap();
        assert_eq!(server.pub_key.len(), 1120);
        let secret = client.complete(&server.pub_key).unwrap();
        assert_eq!(secret.secret_bytes(), server.secret.secret_bytes());
        assert_eq!(secret.secret_bytes().len(), 64);
    }

    #[test]
    fn plain_x25519_completes_with_the_hybrids_own_key() {
        let client = X25519MLKEM768.start().unwrap();
        let (group, share) = client.hybrid_component().unwrap();
        assert_eq!(group, NamedGroup::X25519);
        assert!(client.pub_key().ends_with(share), "X25519 comes second");
        let server = X25519.start_and_complete(share).unwrap();
        let secret = client.complete_hybrid_component(&server.pub_key).unwrap();
        assert_eq!(secret.secret_bytes(), server.secret.secret_bytes());
    }

    #[test]
    fn a_share_of_any_other_length_is_refused() {
        let client = X25519MLKEM768.start().unwrap();
        let good = client.pub_key().to_vec();
        for length in [0, 1, 32, 1088, 1120, 1184, 1215] {
            let refused = X25519MLKEM768.start_and_complete(&good[..length]);
            assert_eq!(refused.err(), Some(BAD_SHARE), "client share of {length}");
        }
        let longer = [&good[..], &[0]].concat();
        assert_eq!(X25519MLKEM768.start_and_complete(&longer).err(), Some(BAD_SHARE));
        let answer = X25519MLKEM768.start_and_complete(&good).unwrap().pub_key;
        for length in [0, 32, 1088, 1119] {
            let client = X25519MLKEM768.start().unwrap();
            let refused = client.complete(&answer[..length]);
            assert_eq!(refused.err(), Some(BAD_SHARE), "server share of {length}");
        }
    }

    #[test]
    fn a_key_beyond_the_modulus_and_a_low_order_point_are_refused() {
        let good = X25519MLKEM768.start().unwrap().pub_key().to_vec();
        let mut beyond = good.clone();
        beyond[..3].fill(0xff);
        assert_eq!(X25519MLKEM768.start_and_complete(&beyond).err(), Some(BAD_SHARE));
        let mut low = good;
        low[ENCAPSULATION_KEY_LEN..].fill(0);
        assert!(X25519MLKEM768.start_and_complete(&low).is_err());
    }

    #[test]
    fn another_ciphertext_gives_another_secret() {
        let client = X25519MLKEM768.start().unwrap();
        let mut server = X25519MLKEM768.start_and_complete(client.pub_key()).unwrap();
        server.pub_key[0] ^= 1;
        let secret = client.complete(&server.pub_key).unwrap();
        assert_ne!(secret.secret_bytes()[..32], server.secret.secret_bytes()[..32]);
        assert_eq!(secret.secret_bytes()[32..], server.secret.secret_bytes()[32..]);
    }
}
