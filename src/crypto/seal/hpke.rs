//! HPKE base mode (RFC 9180) with X-Wing, for one file key.
//!
//! In scope: KEM 0x647a, HKDF-SHA256, ChaCha20-Poly1305, one message with empty aad, as age's
//! `mlkem768x25519` uses it. Out of scope: other suites and modes, more than one message. Invariant:
//! each key encrypts once, so the nonce is the base nonce.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use x_wing::{Ciphertext, TryDecapsulate as _};
use zeroize::Zeroizing;

use super::OpenError;
use super::keys::{OpeningKey, SealingKey};

pub(super) const RANDOM_BYTES: usize = x_wing::ENCAPSULATION_RANDOMNESS_SIZE;
pub(super) const ENCAPSULATED_BYTES: usize = x_wing::CIPHERTEXT_SIZE;
pub(super) const FILE_KEY_BYTES: usize = 16;
pub(super) const TAG_BYTES: usize = 16;
pub(super) const BODY_BYTES: usize = FILE_KEY_BYTES + TAG_BYTES;

const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";

/// "HPKE", X-Wing, HKDF-SHA256, ChaCha20-Poly1305 (RFC 9180 §5.1).
const SUITE: &[u8] = b"HPKE\x64\x7a\x00\x01\x00\x03";

pub(super) fn seal_file_key(
    file_key: &[u8; FILE_KEY_BYTES],
    to: &SealingKey,
    randomness: &[u8; RANDOM_BYTES],
) -> ([u8; ENCAPSULATED_BYTES], [u8; BODY_BYTES]) {
    let randomness = Zeroizing::new(*randomness);
    let (encapsulated, shared) = to.x_wing().encapsulate_deterministic((&*randomness).into());
    let shared = Zeroizing::new(<[u8; 32]>::from(shared));
    let (key, nonce) = schedule(&shared);
    let mut body = [0; BODY_BYTES];
    let (text, tag) = body.split_at_mut(FILE_KEY_BYTES);
    text.copy_from_slice(file_key);
    let sealed = key
        .seal_in_place_separate_tag(nonce, Aad::empty(), text)
        .expect("sixteen bytes are below the limit of ChaCha20-Poly1305");
    tag.copy_from_slice(sealed.as_ref());
    (encapsulated.into(), body)
}

/// # Errors
/// [`OpenError::LowOrder`], [`OpenError::WrongKey`].
pub(super) fn open_file_key(
    encapsulated: &[u8; ENCAPSULATED_BYTES],
    body: &[u8; BODY_BYTES],
    with: &OpeningKey,
) -> Result<Zeroizing<[u8; FILE_KEY_BYTES]>, OpenError> {
    let encapsulated = Ciphertext::from(*encapsulated);
    let shared = with.x_wing().try_decapsulate(&encapsulated).map_err(|_| OpenError::LowOrder)?;
    let shared = Zeroizing::new(<[u8; 32]>::from(shared));
    let (key, nonce) = schedule(&shared);
    let mut body = Zeroizing::new(*body);
    let opened = key.open_in_place(nonce, Aad::empty(), &mut body[..]);
    let file_key = opened.map_err(|_| OpenError::WrongKey)?;
    let mut copy = Zeroizing::new([0; FILE_KEY_BYTES]);
    copy.copy_from_slice(file_key);
    Ok(copy)
}

/// `KeySchedule` of RFC 9180 §5.1 in base mode: no pre-shared key.
fn schedule(shared: &[u8; 32]) -> (LessSafeKey, Nonce) {
    let mut context = vec![0x00];
    context.extend_from_slice(labeled_extract(b"psk_id_hash", b"").as_ref());
    context.extend_from_slice(labeled_extract(b"info_hash", INFO).as_ref());

    let secret = [b"HPKE-v1", SUITE, b"secret"].concat();
    let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, shared).extract(&secret);
    let mut key = Zeroizing::new([0; 32]);
    labeled_expand(&secret, b"key", &context, &mut key[..]);
    let mut nonce = [0; 12];
    labeled_expand(&secret, b"base_nonce", &context, &mut nonce);
    let key = UnboundKey::new(&CHACHA20_POLY1305, &key[..]).expect("its keys have 32 bytes");
    (LessSafeKey::new(key), Nonce::assume_unique_for_key(nonce))
}

/// `LabeledExtract` with an empty salt, whose HMAC key is the same as one of zeros.
fn labeled_extract(label: &[u8], input: &[u8]) -> hmac::Tag {
    let salt = hmac::Key::new(hmac::HMAC_SHA256, &[]);
    hmac::sign(&salt, &[b"HPKE-v1", SUITE, label, input].concat())
}

fn labeled_expand(secret: &hkdf::Prk, label: &[u8], context: &[u8], out: &mut [u8]) {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let length = u16::try_from(out.len()).expect("keys and nonces are short").to_be_bytes();
    secret
        .expand(&[&length, b"HPKE-v1", SUITE, label, context], Length(out.len()))
        .and_then(|okm| okm.fill(out))
        .expect("keys and nonces are shorter than 255 hashes");
}
