//! Reads arbitrary bytes as a note, a checkpoint, a vkey and a stored frontier: what is read is
//! printed to the same bytes again, and nothing verifies.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use liaison::crypto::sign::SigningKey;
use liaison::tlog::checkpoint::{Checkpoint, VerifiedCheckpoint};
use liaison::tlog::head::Frontier;
use liaison::tlog::note::{KeyName, SignedNote, VerifierKey};

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_seed(&[1; 32]));

fuzz_target!(|data: &[u8]| {
    if let Ok(note) = SignedNote::parse(data) {
        assert_eq!(note.to_string().as_bytes(), data);
        if let Ok(checkpoint) = Checkpoint::parse(note.text()) {
            assert_eq!(checkpoint.to_text(), note.text());
        }
    }
    if let Ok(text) = str::from_utf8(data) {
        if let Ok(checkpoint) = Checkpoint::parse(text) {
            assert_eq!(checkpoint.to_text(), text);
        }
        if let Ok(vkey) = VerifierKey::parse(text) {
            assert_eq!(vkey.to_string(), text);
        }
    }
    if let Ok(frontier) = Frontier::from_bytes(data) {
        assert_eq!(frontier.to_bytes(), data);
    }
    let origin = KeyName::parse("un.example").expect("a plain name");
    assert!(VerifiedCheckpoint::verify(data, &origin, &[KEY.public().clone()]).is_err());
});
