//! Keys, certificates and sealed files.

use std::sync::LazyLock;

use liaison::ambient::Ambient;
use liaison::crypto::cert::{PeerCertificate, ServiceName};
use liaison::crypto::hosts;
use liaison::crypto::passphrase::Closed;
use liaison::crypto::seal::{OpeningKey, SealRandomness, SealingKey, inspect, open, seal};
use liaison::crypto::sign::{KeyId, SigningKey, VerifyingKey};

use super::read;

static OPENING: LazyLock<OpeningKey> =
    LazyLock::new(|| OpeningKey::from_seed(&[1; OpeningKey::SEED_BYTES]));

/// The one file that [`age`] opens.
pub static SEALED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let randomness = SealRandomness::from_bytes(&[2; SealRandomness::BYTES]);
    seal(b"sealed", OPENING.public(), randomness)
});

/// An age file. Nobody without the public key makes one that opens, and this has no randomness but
/// its input.
pub fn age(bytes: &[u8]) -> bool {
    let opened = read(open(bytes, &OPENING));
    assert_eq!(opened.is_some(), bytes == &SEALED[..], "it opens what nobody sealed to it");
    let is_one = read(inspect(bytes)).is_some();
    assert!(is_one || opened.is_none(), "it opens what does not look sealed");
    is_one
}

/// A certificate in DER, of a peer or of a service.
pub fn certificate(der: &[u8]) -> bool {
    let name = read(ServiceName::of_certificate(der));
    if let Some(name) = &name {
        assert_eq!(ServiceName::parse(&name.to_string()).as_ref(), Ok(name));
    }
    let carries = hosts::carries(der, &["un.example"]);
    let may_issue = hosts::may_issue_for(der, "un.example");
    assert_eq!(carries, hosts::carries(der, &["un.example"]));
    assert_eq!(may_issue, hosts::may_issue_for(der, "un.example"));
    let Some(peer) = read(PeerCertificate::parse(der)) else { return name.is_some() };
    assert_eq!(peer.key_id(), KeyId::of(peer.key().spki()));
    let spki = peer.key().spki();
    assert!(der.windows(spki.len()).any(|part| part == spki), "a key that does not stand in it");
    let in_time = |now| (peer.not_before()..=peer.not_after()).contains(&now);
    for now in [0, peer.not_before(), peer.not_after(), u64::MAX] {
        let judged = read(peer.judge(now));
        assert_eq!(judged.is_some(), in_time(now) && peer.client_auth());
    }
    true
}

/// A key behind a passphrase, in DER. Opening one is not asked for: its cost is the writer's choice.
pub fn closed_key(der: &[u8]) -> bool {
    let Some(closed) = read(Closed::from_der(der)) else { return false };
    assert!(!closed.to_string().is_empty(), "how it is closed is said");
    assert_eq!(closed.to_der(), der, "it is written as it was read");
    true
}

/// A private key in PKCS#8.
pub fn private_key(der: &[u8]) -> bool {
    let ambient = Ambient::system();
    let Some(key) = read(SigningKey::from_pkcs8(der, ambient.random())) else { return false };
    assert_eq!(key.pkcs8()[..], *der);
    let signature = key.sign(b"said", ambient.random()).expect("there is randomness");
    assert!(key.public().verify(b"said", &signature).is_ok(), "it signs for another public key");
    assert!(key.public().verify(b"not said", &signature).is_err());
    true
}

/// A SubjectPublicKeyInfo; behind one there may stand a signature.
pub fn public_key(spki: &[u8]) -> bool {
    let Some(key) = read(VerifyingKey::from_spki(spki)) else { return false };
    assert_eq!(key.spki(), spki);
    assert_eq!(key.id(), KeyId::of(spki));
    for signature in [&[][..], spki, &[0; 64]] {
        assert!(key.verify(b"never signed", signature).is_err(), "anybody can sign for it");
    }
    true
}

/// A public key to seal to, raw or as text; or a private one as text.
pub fn sealing_key(bytes: &[u8]) -> bool {
    if let Some(key) = read(SealingKey::parse(bytes)) {
        assert_eq!(key.as_bytes()[..], *bytes);
        assert_eq!(SealingKey::from_recipient(&key.to_recipient()).as_ref(), Ok(&key));
        return true;
    }
    let Ok(text) = str::from_utf8(bytes) else { return false };
    if let Some(key) = read(SealingKey::from_recipient(text)) {
        assert_eq!(key.to_recipient(), text);
        return true;
    }
    let Some(key) = read(OpeningKey::from_identity(text)) else { return false };
    let line = key.identity_line();
    assert!(text.lines().any(|of| of == line.as_str()), "there is one form of a private key");
    true
}
