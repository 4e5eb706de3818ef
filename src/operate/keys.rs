//! The keys that the service itself holds: log, relay, service CA, node.

use std::path::Path;

use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::client::{armour, place};
use crate::config::ServiceHome;
use crate::crypto::cert::ServiceName;
use crate::crypto::issue::{self, Authority, Validity};
use crate::crypto::sign::SigningKey;
use crate::domain::ids::DirectoryName;
use crate::service;
use crate::tls::Identity;

use super::{OperateError, missing_or};

const LOG: &str = "log.pem";
const RELAY: &str = "relay.pem";
const CA: &str = "service-ca.pem";
const CA_CERTIFICATE: &str = "service-ca.crt";
const NODE: &str = "node.pem";
const NODE_CERTIFICATE: &str = "node.crt";

const LABEL: &str = "PRIVATE KEY";
const CERTIFICATE: &str = "CERTIFICATE";
const DAY: u64 = 86_400;
/// The service CA outlives every node's certificate; a new charter replaces it.
const CA_DAYS: u64 = 3_653;
/// A node's certificate. Renewing it comes with rotation.
const NODE_DAYS: u64 = 398;

/// What the charter names of the service.
pub(super) struct Public {
    pub(super) log: SigningKey,
    pub(super) relay: SigningKey,
    pub(super) ca: Vec<u8>,
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
    let p256 = || {
        SigningKey::fresh_p256(ambient.random())
            .map_err(|_| OperateError::Plan("the system gives no randomness".to_owned()))
    };
    let log = keep(&home.key(LOG), ed25519())?;
    let relay = keep(&home.key(RELAY), ed25519())?;
    let ca_key = keep(&home.key(CA), p256()?)?;
    let node_key = keep(&home.key(NODE), p256()?)?;
    let random = ambient.random();
    let validity = |days: u64| Validity {
        not_before: ambient.now().saturating_sub(DAY),
        not_after: ambient.now() + days * DAY,
        serial: ambient.bytes(),
    };
    let ca = issue::service_ca(&ca_key, name.as_str(), hosts, validity(CA_DAYS), random)?;
    let service = ServiceName::new(name.as_str(), "node-1")
        .map_err(|why| OperateError::Plan(why.to_string()))?;
    let authority = Authority { certificate: &ca, key: &ca_key };
    let node = issue::node_certificate(
        authority,
        node_key.public(),
        &service,
        hosts,
        validity(NODE_DAYS),
        random,
    )?;
    place::replace(&home.key(CA_CERTIFICATE), armour::encode(CERTIFICATE, &ca).as_bytes())?;
    place::replace(&home.key(NODE_CERTIFICATE), armour::encode(CERTIFICATE, &node).as_bytes())?;
    Ok(Public { log, relay, ca })
}

/// The keys that sign.
pub(super) fn signing(
    home: &ServiceHome,
    ambient: &Ambient,
) -> Result<service::Keys, OperateError> {
    let log = load(&home.key(LOG), ambient)?;
    Ok(service::Keys { log, relay: load(&home.key(RELAY), ambient)? })
}

/// The node's certificate with its key.
pub(super) fn node(home: &ServiceHome, ambient: &Ambient) -> Result<Identity, OperateError> {
    let key = load(&home.key(NODE), ambient)?;
    let path = home.key(NODE_CERTIFICATE);
    let bytes = place::read(&path, 64 * 1024).map_err(|why| missing_or(&path, &why))?;
    let text = String::from_utf8_lossy(&bytes);
    let certificate = armour::decode(CERTIFICATE, &text)
        .map_err(|why| OperateError::ServiceKey { path, why: why.to_string() })?;
    Identity::new(&[certificate.to_vec()], &key).map_err(|why| OperateError::Tls(why.to_string()))
}

fn keep(path: &Path, key: SigningKey) -> Result<SigningKey, OperateError> {
    place::create_private(path, armour::encode(LABEL, key.pkcs8()).as_bytes())?;
    Ok(key)
}

fn load(path: &Path, ambient: &Ambient) -> Result<SigningKey, OperateError> {
    let bytes = place::read_private(path).map_err(|why| missing_or(path, &why))?;
    let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
    let unusable = |why: String| OperateError::ServiceKey { path: path.to_owned(), why };
    let der = armour::decode(LABEL, &text).map_err(|why| unusable(why.to_string()))?;
    SigningKey::from_pkcs8(&der, ambient.random()).map_err(|why| unusable(why.to_string()))
}
