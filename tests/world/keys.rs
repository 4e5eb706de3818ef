//! Keys that are made from their names: who says the same name has the same key, in every test and every run.
//!
//! In scope: keys to sign and to seal with, as their holders have them and as statements list them.
//! Invariant: a key that was listed here can be proven later, wherever it stands.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use liaison::crypto::hash::Digest;
use liaison::crypto::seal::OpeningKey;
use liaison::crypto::sign::{KeyId, SigningKey};
use liaison::domain::directory::key::{listed, listed_sealing};
use liaison::domain::directory::possession::prove;
use liaison::signed::proto::{self, Use};
use ring::rand::SystemRandom;

/// What names a key: words, or a number where they are counted.
pub(crate) trait Named {
    fn seed(&self) -> [u8; 32];
}

impl Named for &str {
    fn seed(&self) -> [u8; 32] {
        *Digest::of(self.as_bytes()).as_bytes()
    }
}

impl Named for &String {
    fn seed(&self) -> [u8; 32] {
        self.as_str().seed()
    }
}

impl Named for u8 {
    fn seed(&self) -> [u8; 32] {
        [*self; 32]
    }
}

impl<N: Named> Named for &N {
    fn seed(&self) -> [u8; 32] {
        (**self).seed()
    }
}

/// The private key that everybody calls so.
pub(crate) fn key(name: impl Named) -> SigningKey {
    SigningKey::from_seed(&name.seed())
}

pub(crate) fn key_id(name: impl Named) -> KeyId {
    key(name).public().id()
}

/// The seal key that everybody calls so.
pub(crate) fn opening(name: impl Named) -> OpeningKey {
    OpeningKey::from_seed(&name.seed())
}

/// A seal key as a roster lists it.
pub(crate) fn sealing(name: impl Named) -> proto::PublicKey {
    listed_sealing(opening(name).public().as_bytes())
}

/// A key as a statement lists it, with the proof that this holder has it for this use.
pub(crate) fn proven(name: impl Named, holder: &str, usage: Use) -> proto::PublicKey {
    prove(&key(name), holder, usage, &random()).unwrap()
}

/// A key without its proof, which is to be added where it stands.
pub(crate) fn public(name: impl Named) -> proto::PublicKey {
    public_of(Arc::new(key(name)))
}

fn public_of(key: Arc<SigningKey>) -> proto::PublicKey {
    let public = listed(key.public());
    LISTED.lock().unwrap().insert(public.key.clone(), key);
    public
}

/// Proves a key that was listed here, as its holder would, if it has no proof yet.
pub(crate) fn add_proof(key: Option<&mut proto::PublicKey>, holder: &str, usage: Use) {
    let Some(public) = key.filter(|public| public.proof.is_empty()) else { return };
    let known = LISTED.lock().unwrap().get(&public.key).cloned();
    if let Some(known) = known {
        public.proof = prove(&*known, holder, usage, &random()).unwrap().proof;
    }
}

/// Every key that was listed without a proof.
static LISTED: Mutex<BTreeMap<Bytes, Arc<SigningKey>>> = Mutex::new(BTreeMap::new());

/// A token that does no Ed25519: the published key of RFC 6979 A.2.5.
pub(crate) static TOKEN: LazyLock<Arc<SigningKey>> = LazyLock::new(|| {
    let pkcs8 = "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420\
                 c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721a144034200\
                 0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
                 7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    Arc::new(SigningKey::from_pkcs8(&hex::decode(pkcs8).unwrap(), &random()).unwrap())
});

pub(crate) fn p256() -> proto::PublicKey {
    public_of(TOKEN.clone())
}

/// For what asks for it; an Ed25519 signature does not.
#[expect(clippy::disallowed_methods, reason = "a test asks the machine itself")]
pub(crate) fn random() -> SystemRandom {
    SystemRandom::new()
}
