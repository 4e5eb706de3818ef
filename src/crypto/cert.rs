//! X.509 certificates read as keys, and the names that service certificates carry.
//!
//! In scope: the key, the dates and the extended usage of a client certificate; the service name
//! of a server certificate. Out of scope: whose key it is (the directory says so), chains (`tls`),
//! making certificates (`issue`). Invariants: no name of a *client* certificate is read; the input
//! is hostile, of bounded size, and read to its last byte.

use std::fmt;

use x509_parser::certificate::{X509Certificate, X509CertificateParser};
use x509_parser::extensions::{ExtendedKeyUsage, GeneralName};
use x509_parser::nom::Parser as _;
use x509_parser::oid_registry::{OID_X509_EXT_EXTENDED_KEY_USAGE, OID_X509_EXT_SUBJECT_ALT_NAME};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Version;

use crate::moment;

use super::sign::{InvalidPublicKey, KeyId, VerifyingKey};

/// No certificate read here is larger: a token's certificate with long policies has 4 KiB.
pub const CERTIFICATE_MAX: usize = 16 * 1024;

/// What a client certificate says, as far as this system listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerCertificate {
    key: VerifyingKey,
    key_id: KeyId,
    not_before: u64,
    not_after: u64,
    client_auth: bool,
}

/// Foreign bytes are not a certificate that can be read as a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCertificate {
    /// Larger than [`CERTIFICATE_MAX`].
    #[error("expected a certificate of at most {CERTIFICATE_MAX} bytes, found {0}")]
    TooLarge(usize),
    /// Not DER, not a certificate, trailing bytes, or an extension twice.
    #[error("expected one X.509 certificate in DER")]
    Malformed,
    /// Versions 1 and 2 cannot say what the key is for.
    #[error("expected an X.509 version 3 certificate")]
    NotVersion3,
    /// The key is of an algorithm that this system does not verify with.
    #[error(transparent)]
    Key(#[from] InvalidPublicKey),
}

/// Why a well-formed certificate gives no right at this moment. Earlier variants take precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// Its first second is still to come.
    #[error("the client certificate is not valid before {}", moment::exactly(*.not_before))]
    NotYetValid {
        /// Its first second.
        not_before: u64,
    },
    /// Its last second has passed.
    #[error("the client certificate expired at {}", moment::exactly(*.not_after))]
    Expired {
        /// Its last second.
        not_after: u64,
    },
    /// It names extended usages, and clientAuth is not among them.
    #[error("the client certificate names its usages, and clientAuth is not among them")]
    ServerOnly,
}

impl PeerCertificate {
    /// Reads one certificate in DER. Neither its signature nor its names nor its dates are judged.
    ///
    /// # Errors
    /// [`InvalidCertificate`] says which rule was broken.
    pub fn parse(der: &[u8]) -> Result<Self, InvalidCertificate> {
        let certificate = parse(der)?;
        let key = VerifyingKey::from_spki(certificate.public_key().raw)?;
        let usage = match extension(&certificate, &OID_X509_EXT_EXTENDED_KEY_USAGE) {
            None => None,
            Some(value) => Some(extended_usage(value)?),
        };
        let validity = certificate.validity();
        Ok(Self {
            key_id: key.id(),
            key,
            not_before: unix_seconds(validity.not_before.timestamp()),
            not_after: unix_seconds(validity.not_after.timestamp()),
            client_auth: usage.is_none_or(|usage| usage.any || usage.client_auth),
        })
    }

    /// The key that the certificate is about. Whoever holds the connection has proven it.
    #[must_use]
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The id under which the directory lists the key. It says nothing about dates and usage:
    /// rights follow from [`Self::judge`].
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The first second in which the certificate is valid.
    #[must_use]
    pub const fn not_before(&self) -> u64 {
        self.not_before
    }

    /// The last second in which the certificate is valid.
    #[must_use]
    pub const fn not_after(&self) -> u64 {
        self.not_after
    }

    /// Whether the certificate names no extended usage, or clientAuth (or any) among them.
    #[must_use]
    pub const fn client_auth(&self) -> bool {
        self.client_auth
    }

    /// The key id, if the certificate is good for a client at `now` (unix seconds).
    ///
    /// # Errors
    /// [`CertificateFault`], the first in its order.
    pub const fn judge(&self, now: u64) -> Result<KeyId, CertificateFault> {
        if now < self.not_before {
            return Err(CertificateFault::NotYetValid { not_before: self.not_before });
        }
        if now > self.not_after {
            return Err(CertificateFault::Expired { not_after: self.not_after });
        }
        if !self.client_auth {
            return Err(CertificateFault::ServerOnly);
        }
        Ok(self.key_id)
    }
}

/// `liaison://<directory>/service/<node>`: which service a server certificate is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceName {
    directory: String,
    node: String,
}

/// A text is not the name of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a directory name (lower-case DNS labels, at most 64 bytes) and a node label")]
pub struct InvalidServiceName;

impl ServiceName {
    /// The name of one node of a directory's service.
    ///
    /// # Errors
    /// The directory is not lower-case DNS labels of at most 64 bytes, or the node is not one.
    pub fn new(directory: &str, node: &str) -> Result<Self, InvalidServiceName> {
        let named = directory.len() <= 64 && directory.split('.').all(is_label) && is_label(node);
        if !named {
            return Err(InvalidServiceName);
        }
        Ok(Self { directory: directory.to_owned(), node: node.to_owned() })
    }

    /// Reads the one URI form. No case folding, no percent-encoding, no port, no query.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(uri: &str) -> Result<Self, InvalidServiceName> {
        let rest = uri.strip_prefix("liaison://").ok_or(InvalidServiceName)?;
        let (directory, node) = rest.split_once("/service/").ok_or(InvalidServiceName)?;
        Self::new(directory, node)
    }

    /// The name that a server certificate carries.
    ///
    /// # Errors
    /// The certificate cannot be read, or does not carry exactly one URI, or it is another URI.
    pub fn of_certificate(der: &[u8]) -> Result<Self, InvalidServiceName> {
        let certificate = parse(der).map_err(|_| InvalidServiceName)?;
        let value = extension(&certificate, &OID_X509_EXT_SUBJECT_ALT_NAME);
        let (rest, names) = x509_parser::extensions::SubjectAlternativeName::from_der(
            value.ok_or(InvalidServiceName)?,
        )
        .map_err(|_| InvalidServiceName)?;
        let mut uris = names.general_names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        match (uris.next(), uris.next(), rest) {
            (Some(uri), None, []) => Self::parse(uri),
            _ => Err(InvalidServiceName),
        }
    }

    /// The directory that the service serves.
    #[must_use]
    pub fn directory(&self) -> &str {
        &self.directory
    }

    /// The node within the service.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }
}

/// As the URI of a certificate.
impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "liaison://{}/service/{}", self.directory, self.node)
    }
}

/// Who a certificate, whatever else is wrong with it, says has issued it: for a sentence to a
/// person, never for a decision. Hostile text, so it is escaped and cut.
#[must_use]
pub fn issuer_for_display(der: &[u8]) -> String {
    let issuer = read(der).map(|(_, certificate)| certificate.issuer().to_string());
    let printable = |c: char| if c.is_control() { '?' } else { c };
    let issuer = issuer.unwrap_or_default();
    let issuer: String = issuer.chars().map(printable).take(ISSUER_SHOWN).collect();
    if issuer.is_empty() { "an issuer without a name".to_owned() } else { issuer }
}

/// Whether the key of one of `authorities` has signed a certificate, or one of `chain` that has
/// signed it, and so on. Nothing else of any of them is judged.
#[must_use]
pub fn is_issued_by(authorities: &[&[u8]], leaf: &[u8], chain: &[&[u8]]) -> bool {
    let mut issued = leaf;
    for _ in 0..=chain.len().min(CHAIN_MAX) {
        if authorities.iter().any(|authority| signed(authority, issued)) {
            return true;
        }
        let Some(next) = chain.iter().find(|between| signed(between, issued)) else { return false };
        issued = next;
    }
    false
}

fn signed(issuer: &[u8], issued: &[u8]) -> bool {
    let (Ok((_, issuer)), Ok((_, issued))) = (read(issuer), read(issued)) else { return false };
    issuer.subject() == issued.issuer()
        && issued.verify_signature(Some(issuer.public_key())).is_ok()
}

/// Certificates between a service's own and its authority.
const CHAIN_MAX: usize = 6;

const ISSUER_SHOWN: usize = 128;

fn is_label(text: &str) -> bool {
    let inner = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    inner && (1..=63).contains(&text.len()) && !text.starts_with('-') && !text.ends_with('-')
}

/// A certificate that this system listens to.
pub(super) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, InvalidCertificate> {
    let (rest, certificate) = read(der)?;
    if certificate.version() != X509Version::V3 {
        return Err(InvalidCertificate::NotVersion3);
    }
    // RFC 5280 §4.2: a certificate must not include more than one instance of an extension.
    if !rest.is_empty() || certificate.tbs_certificate.extensions_map().is_err() {
        return Err(InvalidCertificate::Malformed);
    }
    Ok(certificate)
}

/// Any certificate, and what stands behind it. Its extensions are left closed: what nobody asks for
/// is not parsed.
fn read(der: &[u8]) -> Result<(&[u8], X509Certificate<'_>), InvalidCertificate> {
    if der.len() > CERTIFICATE_MAX {
        return Err(InvalidCertificate::TooLarge(der.len()));
    }
    let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
    parser.parse(der).map_err(|_| InvalidCertificate::Malformed)
}

pub(super) fn extension<'a>(
    certificate: &X509Certificate<'a>,
    oid: &x509_parser::der_parser::oid::Oid<'_>,
) -> Option<&'a [u8]> {
    certificate.extensions().iter().find(|extension| extension.oid == *oid).map(|e| e.value)
}

fn extended_usage(value: &[u8]) -> Result<ExtendedKeyUsage<'_>, InvalidCertificate> {
    match ExtendedKeyUsage::from_der(value) {
        Ok(([], usage)) => Ok(usage),
        _ => Err(InvalidCertificate::Malformed),
    }
}

/// Dates before 1970 are the first second of 1970.
fn unix_seconds(timestamp: i64) -> u64 {
    u64::try_from(timestamp).unwrap_or(0)
}
