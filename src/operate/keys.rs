//! The keys that the service itself holds: log, relay, service CA, node.
//!
//! In scope: their files. Out of scope: which of them is used when (`node`, `service`). Invariant: a
//! certificate and its key stand in one file, which is replaced whole: there is no moment with half of
//! a pair.

use std::path::Path;

use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::client::{armour, place};
use crate::config::ServiceHome;
use crate::crypto::cert::PeerCertificate;
use crate::crypto::issue::{self, Authority, Validity};
use crate::crypto::sign::SigningKey;
use crate::domain::ids::DirectoryName;
use crate::service;

use super::{OperateError, missing_or};

const LOG: &str = "log.pem";
const RELAY: &str = "relay.pem";
const CA: &str = "service-ca.pem";
const CA_CERTIFICATE: &str = "service-ca.crt";
const NODE: &str = "node.pem";
/// Where a home of before keeps the certificate, until it is renewed.
const NODE_CERTIFICATE: &str = "node.crt";

const LABEL: &str = "PRIVATE KEY";
const CERTIFICATE: &str = "CERTIFICATE";
const DAY: u64 = 86_400;
/// The service CA outlives every node's certificate; a new charter replaces it.
const CA_DAYS: u64 = 3_653;

/// What the charter names of the service.
pub(super) struct Public {
    pub(super) log: SigningKey,
    pub(super) relay: SigningKey,
    pub(super) ca: Vec<u8>,
}

/// A key and the certificate that is about it.
pub(super) struct Certified {
    pub(super) key: SigningKey,
    /// DER.
    pub(super) certificate: Vec<u8>,
}

impl Certified {
    /// Whoever signs node certificates.
    pub(super) fn as_authority(&self) -> Authority<'_> {
        Authority { certificate: &self.certificate, key: &self.key }
    }

    /// When the certificate began, Unix time: which of two authorities is the newer.
    pub(super) fn began(&self) -> u64 {
        PeerCertificate::parse(&self.certificate).map_or(0, |read| read.not_before())
    }
}

/// Makes all of them, and the certificates of CA and node.
pub(super) fn make(
    home: &ServiceHome,
    name: &DirectoryName,
    hosts: &[&str],
    ambient: &Ambient,
) -> Result<Public, OperateError> {
    place::private_folder(&home.key(""))?;
    let ed25519 = || SigningKey::from_seed(&Zeroizing::new(ambient.bytes()));
    let log = keep(&home.key(LOG), ed25519())?;
    let relay = keep(&home.key(RELAY), ed25519())?;
    let key = keep(&home.key(CA), p256(ambient)?)?;
    let validity = Validity {
        not_before: ambient.now().saturating_sub(DAY),
        not_after: ambient.now() + CA_DAYS * DAY,
        serial: ambient.bytes(),
    };
    let random = ambient.random();
    let certificate = issue::service_ca(&key, name.as_str(), hosts, validity, random)?;
    let text = armour::encode(CERTIFICATE, &certificate);
    place::replace(&home.key(CA_CERTIFICATE), text.as_bytes())?;
    let ca = Certified { key, certificate };
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    keep_node(home, &super::node::issue(&ca, name, &hosts, ambient)?)?;
    Ok(Public { log, relay, ca: ca.certificate })
}

/// A fresh key of P-256: stock TLS takes it everywhere.
pub(super) fn p256(ambient: &Ambient) -> Result<SigningKey, OperateError> {
    SigningKey::fresh_p256(ambient.random())
        .map_err(|_| OperateError::Plan("the system gives no randomness".to_owned()))
}

/// The keys that sign.
pub(super) fn signing(
    home: &ServiceHome,
    ambient: &Ambient,
) -> Result<service::Keys, OperateError> {
    let log = load(&home.key(LOG), ambient)?;
    Ok(service::Keys { log, relay: load(&home.key(RELAY), ambient)? })
}

/// The service authorities whose keys are here.
pub(super) fn authorities(
    home: &ServiceHome,
    ambient: &Ambient,
) -> Result<Vec<Certified>, OperateError> {
    let (path, beside) = (home.key(CA), home.key(CA_CERTIFICATE));
    // It may be kept elsewhere until it is needed.
    if !path.exists() {
        return Ok(Vec::new());
    }
    Ok(vec![certified(&path, &beside, ambient)?])
}

/// The node's certificate with its key.
pub(super) fn node(home: &ServiceHome, ambient: &Ambient) -> Result<Certified, OperateError> {
    certified(&home.key(NODE), &home.key(NODE_CERTIFICATE), ambient)
}

/// Puts another in its place.
pub(super) fn keep_node(home: &ServiceHome, node: &Certified) -> Result<(), OperateError> {
    place::replace(&home.key(NODE), in_one_file(node).as_bytes())?;
    // It belongs to the key that was there before, and is not looked at any more.
    Ok(place::remove(&home.key(NODE_CERTIFICATE))?)
}

fn in_one_file(of: &Certified) -> Zeroizing<String> {
    let key = armour::encode(LABEL, of.key.pkcs8());
    let certificate = armour::encode(CERTIFICATE, &of.certificate);
    // A string that grows would leave the key where it was.
    let mut both = Zeroizing::new(String::with_capacity(key.len() + certificate.len()));
    both.push_str(&key);
    both.push_str(&certificate);
    both
}

/// A key and its certificate: in one file, or the certificate beside it.
fn certified(path: &Path, beside: &Path, ambient: &Ambient) -> Result<Certified, OperateError> {
    let text = private(path)?;
    let (key, own) = match text.find(&format!("-----BEGIN {CERTIFICATE}-----")) {
        Some(at) => (&text[..at], Some(&text[at..])),
        None => (&text[..], None),
    };
    let key = key_in(path, key, ambient)?;
    let certificate = match own {
        Some(own) => decoded(path, CERTIFICATE, own)?,
        None => {
            let bytes = place::read(beside, CERTIFICATE_BYTES);
            let bytes = bytes.map_err(|why| missing_or(beside, &why))?;
            decoded(beside, CERTIFICATE, &String::from_utf8_lossy(&bytes))?
        }
    };
    Ok(Certified { key, certificate: certificate.to_vec() })
}

fn keep(path: &Path, key: SigningKey) -> Result<SigningKey, OperateError> {
    place::create_private(path, armour::encode(LABEL, key.pkcs8()).as_bytes())?;
    Ok(key)
}

fn load(path: &Path, ambient: &Ambient) -> Result<SigningKey, OperateError> {
    key_in(path, &private(path)?, ambient)
}

fn private(path: &Path) -> Result<Zeroizing<String>, OperateError> {
    let bytes = place::read_private(path).map_err(|why| missing_or(path, &why))?;
    Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
}

fn key_in(path: &Path, text: &str, ambient: &Ambient) -> Result<SigningKey, OperateError> {
    let der = decoded(path, LABEL, text)?;
    SigningKey::from_pkcs8(&der, ambient.random())
        .map_err(|why| OperateError::ServiceKey { path: path.to_owned(), why: why.to_string() })
}

fn decoded(path: &Path, label: &str, text: &str) -> Result<Zeroizing<Vec<u8>>, OperateError> {
    armour::decode(label, text)
        .map_err(|why| OperateError::ServiceKey { path: path.to_owned(), why: why.to_string() })
}

const CERTIFICATE_BYTES: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::place::faults;
    use crate::tls::Identity;

    #[test]
    fn wherever_a_renewal_is_cut_off_one_pair_is_there_and_whole() {
        let ambient = Ambient::system();
        let hosts = ["localhost".to_owned()];
        let name: DirectoryName = "un.example".parse().unwrap();
        for of_before in [false, true] {
            for some in 0.. {
                let folder = tempfile::tempdir().unwrap();
                let home = ServiceHome::at(folder.path());
                make(&home, &name, &["localhost"], &ambient).unwrap();
                let old = node(&home, &ambient).unwrap();
                if of_before {
                    let key = armour::encode(LABEL, old.key.pkcs8());
                    place::replace(&home.key(NODE), key.as_bytes()).unwrap();
                    let certificate = armour::encode(CERTIFICATE, &old.certificate);
                    place::replace(&home.key(NODE_CERTIFICATE), certificate.as_bytes()).unwrap();
                }
                let ca = authorities(&home, &ambient).unwrap().pop().unwrap();
                let new = super::super::node::issue(&ca, &name, &hosts, &ambient).unwrap();
                let done = faults::after(some, || keep_node(&home, &new));
                let found = node(&home, &ambient).unwrap();
                Identity::new(std::slice::from_ref(&found.certificate), &found.key).unwrap();
                assert!([&old, &new].iter().any(|one| one.certificate == found.certificate));
                if done.is_ok() {
                    assert!(found.certificate == new.certificate && some > 4, "{some}");
                    break;
                }
            }
        }
    }
}
