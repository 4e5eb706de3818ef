//! The keys that the service itself holds: log, relay, service CA, node.
//!
//! In scope: their files. Out of scope: which of them is used when: the charter says so (`node`,
//! `service/keys.rs`). Invariants: a certificate and its key stand in one file, which is replaced whole:
//! there is no moment with half of a pair; a staged key has a file of its own and replaces none.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::client::address::Address;
use crate::client::{armour, files};
use crate::crypto::cert::PeerCertificate;
use crate::crypto::issue::{self, Authority, Validity};
use crate::crypto::sign::{KeyId, SigningKey};
use crate::domain::ids::DirectoryName;
use crate::domain::refusal::OwnKey;
use crate::service::{HeldKey, Keep, Keys};

use super::config::ServiceHome;
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
    /// The certificate in DER.
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
    files::private_folder(&home.key(""))?;
    let ed25519 = || SigningKey::from_seed(&Zeroizing::new(ambient.bytes()));
    let log = keep(&home.key(LOG), ed25519())?;
    let relay = keep(&home.key(RELAY), ed25519())?;
    let key = keep(&home.key(CA), p256(ambient)?)?;
    let ca = new_authority(key, name, hosts, ambient.now().saturating_sub(DAY), ambient)?;
    let text = armour::encode(CERTIFICATE, &ca.certificate);
    files::replace(&home.key(CA_CERTIFICATE), text.as_bytes())?;
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    keep_node(home, &super::node::issue(&ca, name, &hosts, ambient)?)?;
    Ok(Public { log, relay, ca: ca.certificate })
}

/// A fresh key of P-256: stock TLS takes it everywhere.
pub(super) fn p256(ambient: &Ambient) -> Result<SigningKey, OperateError> {
    SigningKey::fresh_p256(ambient.random())
        .map_err(|_| OperateError::Plan("the system gives no randomness".to_owned()))
}

/// All keys of a home that sign, and its service authorities.
///
/// # Errors
/// A file cannot be used.
pub fn signing(home: &ServiceHome, ambient: &Ambient) -> Result<Keys, OperateError> {
    let mut held = Vec::new();
    for (of, name) in [(OwnKey::Log, LOG), (OwnKey::Relay, RELAY)] {
        for path in files(home, name)? {
            held.push(HeldKey::signing(of, load(&path, ambient)?, path.display().to_string()));
        }
    }
    for path in files(home, CA)? {
        let authority = certified(&path, &path.with_extension("crt"), ambient)?;
        let place = path.display().to_string();
        held.push(HeldKey::authority(authority.certificate.into(), place));
    }
    let folder = Folder { home: home.clone(), ambient: ambient.clone() };
    Ok(Keys::kept(held, Arc::new(folder)))
}

/// The service authorities whose keys are here.
pub(super) fn authorities(
    home: &ServiceHome,
    ambient: &Ambient,
) -> Result<Vec<Certified>, OperateError> {
    let all = files(home, CA)?.into_iter();
    all.map(|path| certified(&path, &path.with_extension("crt"), ambient)).collect()
}

/// The files of one use: `log.pem`, and those that were staged, `log-0123456789abcdef.pem`. Any of them
/// may be kept elsewhere; whoever needs it says so.
fn files(home: &ServiceHome, name: &str) -> Result<Vec<PathBuf>, OperateError> {
    let stem = name.trim_end_matches(".pem");
    let is_of = |file: &String| {
        let staged = file.strip_prefix(stem).and_then(|rest| rest.strip_suffix(".pem"));
        staged.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let names = files::names(&home.key(""))?.into_iter().filter(is_of);
    Ok(names.map(|file| home.key(&file)).collect())
}

/// The folder in which keys are staged: each in a file of its own, that is there whole or not at all.
struct Folder {
    home: ServiceHome,
    ambient: Ambient,
}

impl Keep for Folder {
    fn make(&self, of: OwnKey) -> Result<HeldKey, String> {
        self.made(of).map_err(|why| why.to_string())
    }

    fn delete(&self, key: &HeldKey) -> Result<(), String> {
        let path = Path::new(&key.place);
        let deleted = files::remove(path);
        // Of an authority: the certificate that others take.
        let deleted = deleted.and_then(|()| files::remove(&path.with_extension("crt")));
        deleted.map_err(|why| why.to_string())
    }
}

impl Folder {
    fn made(&self, of: OwnKey) -> Result<HeldKey, OperateError> {
        let ambient = &self.ambient;
        let key = match of {
            OwnKey::Log | OwnKey::Relay => SigningKey::from_seed(&Zeroizing::new(ambient.bytes())),
            OwnKey::Authority => return self.authority(),
        };
        let path = self.path(if of == OwnKey::Log { LOG } else { RELAY }, &key.public().id());
        let place = path.display().to_string();
        Ok(HeldKey::signing(of, keep(&path, key)?, place))
    }

    fn authority(&self) -> Result<HeldKey, OperateError> {
        let (config, ambient) = (self.home.config()?, &self.ambient);
        let before = authorities(&self.home, ambient)?;
        // The newer of two is the one that began later.
        let newest = before.iter().map(Certified::began).max().unwrap_or(0);
        let began = ambient.now().saturating_sub(DAY).max(newest + 1);
        let addresses = config.addresses.iter().filter_map(|text| Address::parse(text).ok());
        let hosts: Vec<String> = addresses.map(|address| address.host().to_owned()).collect();
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let made = new_authority(p256(ambient)?, &config.name.parse()?, &hosts, began, ambient)?;
        let certificate = Bytes::from(made.certificate.clone());
        let path = self.path(CA, &KeyId::of(&certificate));
        files::create_private(&path, in_one_file(&made).as_bytes())?;
        let beside = armour::encode(CERTIFICATE, &made.certificate);
        files::replace(&path.with_extension("crt"), beside.as_bytes())?;
        Ok(HeldKey::authority(certificate, path.display().to_string()))
    }

    fn path(&self, name: &str, id: &KeyId) -> PathBuf {
        let stem = name.trim_end_matches(".pem");
        self.home.key(&format!("{stem}-{}.pem", hex::encode(&id.as_bytes()[..8])))
    }
}

/// An authority that begins then. With `hosts` it can issue for no others.
fn new_authority(
    key: SigningKey,
    name: &DirectoryName,
    hosts: &[&str],
    began: u64,
    ambient: &Ambient,
) -> Result<Certified, OperateError> {
    let not_after = ambient.now() + CA_DAYS * DAY;
    let validity = Validity { not_before: began, not_after, serial: ambient.bytes() };
    let certificate = issue::service_ca(&key, name.as_str(), hosts, validity, ambient.random())?;
    Ok(Certified { key, certificate })
}

/// The node's certificate with its key.
pub(super) fn node(home: &ServiceHome, ambient: &Ambient) -> Result<Certified, OperateError> {
    certified(&home.key(NODE), &home.key(NODE_CERTIFICATE), ambient)
}

/// Puts another in its place.
pub(super) fn keep_node(home: &ServiceHome, node: &Certified) -> Result<(), OperateError> {
    files::replace(&home.key(NODE), in_one_file(node).as_bytes())?;
    // It belongs to the key that was there before, and is not looked at any more.
    Ok(files::remove(&home.key(NODE_CERTIFICATE))?)
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
            let bytes = files::read(beside, CERTIFICATE_BYTES);
            let bytes = bytes.map_err(|why| missing_or(beside, &why))?;
            decoded(beside, CERTIFICATE, &String::from_utf8_lossy(&bytes))?
        }
    };
    Ok(Certified { key, certificate: certificate.to_vec() })
}

fn keep(path: &Path, key: SigningKey) -> Result<SigningKey, OperateError> {
    files::create_private(path, armour::encode(LABEL, key.pkcs8()).as_bytes())?;
    Ok(key)
}

fn load(path: &Path, ambient: &Ambient) -> Result<SigningKey, OperateError> {
    key_in(path, &private(path)?, ambient)
}

fn private(path: &Path) -> Result<Zeroizing<String>, OperateError> {
    let bytes = files::read_private(path).map_err(|why| missing_or(path, &why))?;
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
    use crate::client::files::faults;
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
                    files::replace(&home.key(NODE), key.as_bytes()).unwrap();
                    let certificate = armour::encode(CERTIFICATE, &old.certificate);
                    files::replace(&home.key(NODE_CERTIFICATE), certificate.as_bytes()).unwrap();
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

    #[test]
    fn wherever_staging_is_cut_off_all_keys_are_there_and_one_more_or_none() {
        let ambient = Ambient::system();
        let name: DirectoryName = "un.example".parse().unwrap();
        for of in OwnKey::ALL {
            for some in 0.. {
                let folder = tempfile::tempdir().unwrap();
                let home = ServiceHome::at(folder.path());
                make(&home, &name, &["localhost"], &ambient).unwrap();
                let config = "format = 2\nname = \"un.example\"\nlisten = \"127.0.0.1:7443\"\n\
                              addresses = [\"localhost:7443\"]\nengine = \"redb\"\n\
                              high_water = \"high-water\"\n";
                files::replace(&home.config_file(), config.as_bytes()).unwrap();
                let keep = Folder { home: home.clone(), ambient: ambient.clone() };
                let done = faults::after(some, || keep.make(of));
                let held = || signing(&home, &ambient).unwrap().count(of);
                assert!((1..=2).contains(&held()), "{of:?} {some}");
                if let Ok(made) = done {
                    assert_eq!(held(), 2, "what was told is there");
                    keep.delete(&made).unwrap();
                    assert_eq!(held(), 1);
                    assert!(some > 3, "{of:?} {some}");
                    break;
                }
            }
        }
    }
}
