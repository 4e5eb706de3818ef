//! Stock `openssl` verifies what we sign, and we what it signs.

use std::path::Path;
use std::process::Command;

use liaison::crypto::sign::{SigningKey, VerifyingKey};
use liaison::signed::dsse::{Envelope, Kind, Signature};
use ring::rand::SystemRandom;

const PAYLOAD: &[u8] = b"any payload: DSSE signs bytes";

#[expect(clippy::disallowed_methods, reason = "a test asks the machine itself")]
fn random() -> SystemRandom {
    SystemRandom::new()
}

fn openssl(dir: &Path, args: &str) -> bool {
    let run = Command::new("openssl").args(args.split(' ')).current_dir(dir).output();
    let output = run.expect("openssl 3 is needed: ./test checks for it");
    output.status.success()
}

/// Whether `openssl` takes the first signature of the envelope as one of `key` over `signed`.
fn verifies(key: &VerifyingKey, signed: &[u8], envelope: &Envelope, digest: &str) -> bool {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("key.der"), key.spki()).unwrap();
    std::fs::write(dir.path().join("signed"), signed).unwrap();
    std::fs::write(dir.path().join("sig"), &envelope.signatures()[0].sig).unwrap();
    let verify =
        "pkeyutl -verify -rawin -pubin -keyform DER -inkey key.der -in signed -sigfile sig";
    openssl(dir.path(), &format!("{verify}{digest}"))
}

/// DSSE v1, "PAE", put together here and not by the code under test.
fn pre_authentication_encoding(kind: &str) -> Vec<u8> {
    let payload_type = format!("application/vnd.liaison.{kind}.v1+protobuf");
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), PAYLOAD.len());
    [head.as_bytes(), PAYLOAD].concat()
}

fn signed_by(key: &SigningKey) -> Envelope {
    Envelope::sign(Kind::Roster, PAYLOAD.to_vec(), &[key], &random()).unwrap()
}

#[test]
fn openssl_verifies_our_ed25519_signature() {
    let key = SigningKey::from_seed(&[7; 32]);
    let envelope = signed_by(&key);
    let signed = pre_authentication_encoding("roster");
    assert!(verifies(key.public(), &signed, &envelope, ""));
    let other = pre_authentication_encoding("record");
    assert!(!verifies(key.public(), &other, &envelope, ""), "a signature is of one kind");
}

#[test]
fn openssl_keys_sign_here_and_there() {
    for (curve, digest) in [("P-256", "sha256"), ("P-384", "sha384")] {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
        let run = |args: &str| assert!(openssl(dir.path(), args), "openssl {args}");
        run(&format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{curve} -out key.pem"));
        run("pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key");
        run("pkey -inform DER -in key -pubout -outform DER -out public");
        std::fs::write(dir.path().join("signed"), pre_authentication_encoding("roster")).unwrap();
        let sign = "pkeyutl -sign -rawin -keyform DER -inkey key -in signed -out sig";
        run(&format!("{sign} -digest {digest}"));

        let public = VerifyingKey::from_spki(&file("public")).unwrap();
        let signature = Signature { key_id: public.id(), sig: file("sig").into() };
        let theirs = Envelope::assemble(Kind::Roster, PAYLOAD.into(), vec![signature.clone()]);
        assert!(theirs.verify(&public).is_ok(), "{curve}");
        let record = Envelope::assemble(Kind::Record, PAYLOAD.into(), vec![signature]);
        assert!(record.verify(&public).is_err(), "{curve}: a signature is of one kind");

        let key = SigningKey::from_pkcs8(&file("key"), &random()).unwrap();
        assert_eq!(key.public(), &public);
        let signed = pre_authentication_encoding("roster");
        assert!(
            verifies(&public, &signed, &signed_by(&key), &format!(" -digest {digest}")),
            "{curve}"
        );
    }
}
