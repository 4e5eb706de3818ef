//! The age v1 file around a file key: header with one stanza, payload in chunks (C2SP age).
//!
//! In scope: the header's one strict form, its MAC, the STREAM of chunks. Out of scope: how the
//! stanza hides the file key (`hpke`). Invariants: what is parsed would be printed to the same bytes;
//! lengths are judged before anything is decoded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use zeroize::Zeroizing;

use super::OpenError;
use super::hpke::{BODY_BYTES, ENCAPSULATED_BYTES, FILE_KEY_BYTES, TAG_BYTES};

pub(super) const NONCE_BYTES: usize = 16;
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

/// Every file has one stanza, so every header has this length.
pub(super) const HEADER_BYTES: usize = VERSION.len()
    + 1
    + STANZA.len()
    + KIND.len()
    + 1
    + base64_len(ENCAPSULATED_BYTES)
    + 1
    + base64_len(BODY_BYTES)
    + 1
    + MAC.len()
    + 1
    + base64_len(MAC_BYTES)
    + 1;

const VERSION: &str = "age-encryption.org/v1";
const STANZA: &str = "-> ";
const KIND: &str = "mlkem768x25519";
const MAC: &str = "---";
const MAC_BYTES: usize = 32;

/// age wraps the bodies of stanzas here; ours are shorter.
const COLUMNS: usize = 64;

/// No line of a header that is worth judging is longer.
const MAX_LINE_BYTES: usize = 4096;

/// The header of a file with one `mlkem768x25519` stanza.
pub(super) fn header(
    encapsulated: &[u8; ENCAPSULATED_BYTES],
    body: &[u8; BODY_BYTES],
    file_key: &[u8; FILE_KEY_BYTES],
) -> Vec<u8> {
    let (encapsulated, body) = (STANDARD_NO_PAD.encode(encapsulated), STANDARD_NO_PAD.encode(body));
    let mut header = format!("{VERSION}\n{STANZA}{KIND} {encapsulated}\n{body}\n{MAC}");
    let mac = hmac::sign(&mac_key(file_key), header.as_bytes());
    header.push(' ');
    STANDARD_NO_PAD.encode_string(mac, &mut header);
    header.push('\n');
    header.into_bytes()
}

/// A header in its strict form, not yet verified.
pub(super) struct Header<'file> {
    pub(super) encapsulated: [u8; ENCAPSULATED_BYTES],
    pub(super) body: [u8; BODY_BYTES],
    pub(super) payload: &'file [u8],
    under_mac: &'file [u8],
    mac: [u8; MAC_BYTES],
}

impl Header<'_> {
    /// # Errors
    /// [`OpenError::HeaderChanged`].
    pub(super) fn verify(&self, file_key: &[u8; FILE_KEY_BYTES]) -> Result<(), OpenError> {
        hmac::verify(&mac_key(file_key), self.under_mac, &self.mac)
            .map_err(|_| OpenError::HeaderChanged)
    }
}

/// # Errors
/// [`OpenError::Malformed`], [`OpenError::NotOneStanza`], [`OpenError::WrongKind`], in the order in
/// which the file shows them: the number of stanzas before their kind.
pub(super) fn parse(file: &[u8]) -> Result<Header<'_>, OpenError> {
    let mut rest = file;
    if line(&mut rest)? != VERSION {
        return Err(OpenError::Malformed);
    }
    let first = line(&mut rest)?;
    if first.starts_with(MAC) {
        return Err(OpenError::NotOneStanza);
    }
    let arguments = first.strip_prefix(STANZA).ok_or(OpenError::Malformed)?;
    let visible = |argument: &str| {
        !argument.is_empty() && argument.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if !arguments.split(' ').all(visible) {
        return Err(OpenError::Malformed);
    }

    let body = line(&mut rest)?;
    let mut last_line = body;
    while last_line.len() == COLUMNS {
        last_line = line(&mut rest)?;
    }
    if last_line.len() > COLUMNS {
        return Err(OpenError::Malformed);
    }

    let before_mac = file.len() - rest.len();
    let mac = line(&mut rest)?;
    if mac.starts_with(STANZA) {
        return Err(OpenError::NotOneStanza);
    }
    let mac = mac.strip_prefix(MAC).and_then(|mac| mac.strip_prefix(' '));
    let mac = decode(mac.ok_or(OpenError::Malformed)?)?;
    let (under_mac, _) =
        file.split_at_checked(before_mac + MAC.len()).ok_or(OpenError::Malformed)?;

    let (kind, encapsulated) = arguments.split_once(' ').unwrap_or((arguments, ""));
    if kind != KIND {
        return Err(OpenError::WrongKind);
    }
    let (encapsulated, body) = (decode(encapsulated)?, decode(body)?);
    Ok(Header { encapsulated, body, payload: rest, under_mac, mac })
}

/// Takes one line off `rest`, without its line feed.
fn line<'file>(rest: &mut &'file [u8]) -> Result<&'file str, OpenError> {
    let end = rest.iter().take(MAX_LINE_BYTES).position(|byte| *byte == b'\n');
    let (line, after) =
        end.and_then(|end| rest.split_at_checked(end)).ok_or(OpenError::Malformed)?;
    *rest = after.strip_prefix(b"\n").ok_or(OpenError::Malformed)?;
    str::from_utf8(line).map_err(|_| OpenError::Malformed)
}

/// Canonical base64 of exactly `N` bytes: no padding, no bits left over.
fn decode<const N: usize>(text: &str) -> Result<[u8; N], OpenError> {
    if text.len() != base64_len(N) {
        return Err(OpenError::Malformed);
    }
    let bytes = STANDARD_NO_PAD.decode(text).map_err(|_| OpenError::Malformed)?;
    bytes.try_into().map_err(|_| OpenError::Malformed)
}

const fn base64_len(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// Appends the payload to `file`: nonce and chunks.
pub(super) fn seal_payload(
    plaintext: &[u8],
    file_key: &[u8; FILE_KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
    file: &mut Vec<u8>,
) {
    let tags = plaintext.len().div_ceil(CHUNK_BYTES).max(1) * TAG_BYTES;
    file.reserve_exact(NONCE_BYTES + plaintext.len() + tags);
    file.extend_from_slice(nonce);
    let key = payload_key(file_key, nonce);
    let full = plaintext.len().saturating_sub(1) / CHUNK_BYTES;
    let (before, last) = plaintext.split_at(full * CHUNK_BYTES);
    let mut counter = 0;
    for chunk in before.chunks(CHUNK_BYTES) {
        seal_chunk(chunk, &key, chunk_nonce(counter, Position::Inner), file);
        counter += 1;
    }
    seal_chunk(last, &key, chunk_nonce(counter, Position::Last), file);
}

fn seal_chunk(chunk: &[u8], key: &LessSafeKey, nonce: Nonce, file: &mut Vec<u8>) {
    let start = file.len();
    file.extend_from_slice(chunk);
    let (_, text) = file.split_at_mut(start);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::empty(), text)
        .expect("a chunk is below the limit of ChaCha20-Poly1305");
    file.extend_from_slice(tag.as_ref());
}

/// # Errors
/// [`OpenError::PayloadChanged`], [`OpenError::Truncated`], [`OpenError::TrailingBytes`].
pub(super) fn open_payload(
    payload: &[u8],
    file_key: &[u8; FILE_KEY_BYTES],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (nonce, chunks) = payload.split_first_chunk().ok_or(OpenError::PayloadChanged)?;
    let key = payload_key(file_key, nonce);
    // All of it is reserved now: a vector that grows would leave plaintext behind. The chunks'
    // tags fit too, each being written over by the chunk after it.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(chunks.len()));
    let count = chunks.len().div_ceil(CHUNK_BYTES + TAG_BYTES);
    if count == 0 {
        return Err(OpenError::PayloadChanged);
    }
    for (counter, chunk) in chunks.chunks(CHUNK_BYTES + TAG_BYTES).enumerate() {
        let position = if counter + 1 == count { Position::Last } else { Position::Inner };
        // C2SP age: the last chunk may be empty only if the whole plaintext is.
        if counter > 0 && chunk.len() == TAG_BYTES {
            return Err(OpenError::PayloadChanged);
        }
        let counter = counter as u64;
        if open_chunk(chunk, &key, chunk_nonce(counter, position), &mut plaintext).is_ok() {
            continue;
        }
        let other = chunk_nonce(counter, position.other());
        return Err(match (open_chunk(chunk, &key, other, &mut plaintext), position) {
            (Err(_), _) => OpenError::PayloadChanged,
            (Ok(()), Position::Last) => OpenError::Truncated,
            (Ok(()), Position::Inner) => OpenError::TrailingBytes,
        });
    }
    Ok(plaintext)
}

fn open_chunk(
    chunk: &[u8],
    key: &LessSafeKey,
    nonce: Nonce,
    plaintext: &mut Vec<u8>,
) -> Result<(), ring::error::Unspecified> {
    let start = plaintext.len();
    plaintext.extend_from_slice(chunk);
    let (_, text) = plaintext.split_at_mut(start);
    let opened = key.open_in_place(nonce, Aad::empty(), text).map(|text| text.len());
    plaintext.truncate(start + *opened.as_ref().unwrap_or(&0));
    opened.map(|_| ())
}

/// Whether chunks follow. It is part of a chunk's nonce, so that a file cannot be cut between two.
#[derive(Clone, Copy)]
enum Position {
    Inner,
    Last,
}

impl Position {
    const fn other(self) -> Self {
        match self {
            Self::Inner => Self::Last,
            Self::Last => Self::Inner,
        }
    }
}

/// Eleven bytes of counter, big-endian, and one that marks the last chunk.
fn chunk_nonce(counter: u64, position: Position) -> Nonce {
    let [a, b, c, d, e, f, g, h] = counter.to_be_bytes();
    let last = match position {
        Position::Inner => 0x00,
        Position::Last => 0x01,
    };
    Nonce::assume_unique_for_key([0, 0, 0, a, b, c, d, e, f, g, h, last])
}

fn mac_key(file_key: &[u8; FILE_KEY_BYTES]) -> hmac::Key {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(file_key);
    prk.expand(&[b"header"], hmac::HMAC_SHA256).expect("32 bytes are less than 255 hashes").into()
}

fn payload_key(file_key: &[u8; FILE_KEY_BYTES], nonce: &[u8; NONCE_BYTES]) -> LessSafeKey {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, nonce).extract(file_key);
    let okm = prk.expand(&[b"payload"], &CHACHA20_POLY1305);
    LessSafeKey::new(UnboundKey::from(okm.expect("32 bytes are less than 255 hashes")))
}

/// A payload that no writer of age makes: its last chunk is empty and not its first.
#[cfg(test)]
pub(super) fn seal_payload_with_empty_end(
    chunk: &[u8; CHUNK_BYTES],
    file_key: &[u8; FILE_KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
    file: &mut Vec<u8>,
) {
    let key = payload_key(file_key, nonce);
    file.extend_from_slice(nonce);
    seal_chunk(chunk, &key, chunk_nonce(0, Position::Inner), file);
    seal_chunk(&[], &key, chunk_nonce(1, Position::Last), file);
}
