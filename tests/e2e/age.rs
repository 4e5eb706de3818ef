//! Sealing against another implementation of age, the npm package `age-encryption`.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use liaison::crypto::seal::{
    OpenError, OpeningKey, SealRandomness, open, plaintext_len_for, seal, sealed_len,
};

/// Runs `tests/interop/age.mjs` and returns what it wrote, or its complaint.
fn npm_age(arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    assert!(
        folder.join("node_modules/age-encryption").is_dir(),
        "tests/interop/node_modules is missing: run ./test, or npm ci in tests/interop"
    );
    let mut child = Command::new("node")
        .arg("age.mjs")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("node is installed: it runs the other implementation of age");
    let mut stdin = child.stdin.take().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let (written, output, complaint) = std::thread::scope(|scope| {
        let writer = scope.spawn(move || stdin.write_all(input));
        let reader = scope.spawn(move || {
            let mut complaint = String::new();
            stderr.read_to_string(&mut complaint).map(|_| complaint)
        });
        let mut output = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
        (writer.join().unwrap(), output, reader.join().unwrap().unwrap())
    });
    if !child.wait().unwrap().success() {
        return Err(complaint);
    }
    written.unwrap();
    Ok(output)
}

fn key(seed: u8) -> OpeningKey {
    OpeningKey::from_seed(&[seed; OpeningKey::SEED_BYTES])
}

fn randomness(byte: u8) -> SealRandomness {
    SealRandomness::from_bytes(&[byte; SealRandomness::BYTES])
}

#[test]
fn npm_derives_the_same_recipient_from_the_same_identity() {
    let recipient = npm_age(&["recipient", &key(1).identity_line()], b"").unwrap();
    assert_eq!(String::from_utf8(recipient).unwrap(), key(1).public().to_recipient());
}

#[test]
fn npm_opens_our_letter_and_then_our_body_with_what_the_letter_holds() {
    let (seat, message) = (key(1), key(2));
    let content: Vec<u8> =
        (0..plaintext_len_for(256 * 1024).unwrap()).map(|at| (at % 251) as u8).collect();
    let body = seal(&content, message.public(), randomness(3));
    assert_eq!(body.len(), 256 * 1024);
    let text = format!("# message key\n{}\n", *message.identity_line());
    let letter = seal(text.as_bytes(), seat.public(), randomness(4));

    let opened = npm_age(&["open", &seat.identity_line()], &letter).unwrap();
    assert_eq!(opened, text.as_bytes());
    let identity = text.lines().last().unwrap();
    assert_eq!(npm_age(&["open", identity], &body).unwrap(), content);
}

#[test]
fn npm_refuses_our_file_with_another_key_or_one_byte_changed() {
    let mut file = seal(b"text", key(1).public(), randomness(3));
    assert!(npm_age(&["open", &key(2).identity_line()], &file).is_err());
    *file.last_mut().unwrap() ^= 1;
    assert!(npm_age(&["open", &key(1).identity_line()], &file).is_err());
}

#[test]
fn we_open_what_npm_seals_at_every_chunk_boundary() {
    let recipient = key(1).public().to_recipient();
    for len in [0, 1, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 200_000] {
        let content: Vec<u8> = (0..len).map(|at| (at % 241) as u8).collect();
        let file = npm_age(&["seal", &recipient], &content).unwrap();
        assert_eq!(file.len() as u64, sealed_len(len));
        assert_eq!(*open(&file, &key(1)).unwrap(), content, "{len}");
        assert_eq!(open(&file, &key(2)), Err(OpenError::WrongKey));
    }
}
