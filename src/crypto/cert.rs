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
    #[error("the client certificate is not valid before {not_before} (unix seconds)")]
    NotYetValid {
        /// Its first second.
        not_before: u64,
    },
    /// Its last second has passed.
    #[error("the client certificate expired at {not_after} (unix seconds)")]
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

/// The URI.
impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "liaison://{}/service/{}", self.directory, self.node)
    }
}

/// Who a certificate says has issued it: for a sentence to a person, never for a decision. Hostile
/// text, so it is escaped and cut.
#[must_use]
pub fn issuer_for_display(der: &[u8]) -> String {
    let issuer = parse(der).map(|certificate| certificate.issuer().to_string());
    let printable = |c: char| if c.is_control() { '?' } else { c };
    issuer.unwrap_or_default().chars().map(printable).take(ISSUER_SHOWN).collect()
}

const ISSUER_SHOWN: usize = 128;

fn is_label(text: &str) -> bool {
    let inner = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    inner && (1..=63).contains(&text.len()) && !text.starts_with('-') && !text.ends_with('-')
}

/// The certificate with its extensions left closed: what nobody asks for is not parsed.
fn parse(der: &[u8]) -> Result<X509Certificate<'_>, InvalidCertificate> {
    if der.len() > CERTIFICATE_MAX {
        return Err(InvalidCertificate::TooLarge(der.len()));
    }
    let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
    let (rest, certificate) = parser.parse(der).map_err(|_| InvalidCertificate::Malformed)?;
    if certificate.version() != X509Version::V3 {
        return Err(InvalidCertificate::NotVersion3);
    }
    // RFC 5280 §4.2: a certificate must not include more than one instance of an extension.
    if !rest.is_empty() || certificate.tbs_certificate.extensions_map().is_err() {
        return Err(InvalidCertificate::Malformed);
    }
    Ok(certificate)
}

fn extension<'a>(
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use ring::rand::SystemRandom;

    use super::*;
    use crate::crypto::issue::{
        Authority, CannotIssue, Validity, node_certificate, self_signed_client, service_ca,
    };
    use crate::crypto::sign::{Algorithm, SigningKey};

    const VALIDITY: Validity = Validity { not_before: 1_000, not_after: 2_000, serial: [7; 16] };

    fn ours() -> Vec<u8> {
        let key = SigningKey::from_seed(&[1; 32]);
        self_signed_client(&key, VALIDITY, &SystemRandom::new()).unwrap()
    }

    #[test]
    fn a_certificate_is_judged_by_its_dates_to_the_second() {
        let peer = PeerCertificate::parse(&ours()).unwrap();
        let id = SigningKey::from_seed(&[1; 32]).public().id();
        let (not_before, not_after) = (1_000, 2_000);
        for (now, verdict) in [
            (0, Err(CertificateFault::NotYetValid { not_before })),
            (999, Err(CertificateFault::NotYetValid { not_before })),
            (1_000, Ok(id)),
            (2_000, Ok(id)),
            (2_001, Err(CertificateFault::Expired { not_after })),
            (u64::MAX, Err(CertificateFault::Expired { not_after })),
        ] {
            assert_eq!(peer.judge(now), verdict, "at {now}");
        }
    }

    #[test]
    fn the_same_arguments_make_the_same_certificate() {
        assert_eq!(ours(), ours());
        let key = SigningKey::from_seed(&[1; 32]);
        let random = SystemRandom::new();
        let backwards = Validity { not_after: 999, ..VALIDITY };
        let beyond = Validity { not_after: 253_402_300_800, ..VALIDITY };
        for validity in [backwards, beyond] {
            assert_eq!(self_signed_client(&key, validity, &random), Err(CannotIssue::Dates));
        }
    }

    #[test]
    fn every_cut_extended_or_changed_certificate_is_refused_or_read_without_panic() {
        let good = ours();
        for length in 0..good.len() {
            assert!(PeerCertificate::parse(&good[..length]).is_err(), "cut at {length}");
        }
        let longer = [&good[..], &[0]].concat();
        assert_eq!(PeerCertificate::parse(&longer), Err(InvalidCertificate::Malformed));
        let huge = vec![0x30; CERTIFICATE_MAX + 1];
        assert_eq!(PeerCertificate::parse(&huge), Err(InvalidCertificate::TooLarge(huge.len())));
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut changed = good.clone();
                changed[at] ^= 1 << bit;
                let _ = PeerCertificate::parse(&changed);
                let _ = ServiceName::of_certificate(&changed);
                let _ = issuer_for_display(&changed);
            }
        }
    }

    fn openssl(dir: &Path, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(dir)
            .output()
            .expect("openssl is installed");
        assert!(
            output.status.success(),
            "{arguments}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn by_openssl(new_key: &str, extensions: &str) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let arguments = format!(
            "req -x509 -newkey {new_key} -nodes -keyout key.pem -subj /CN=x -days 30 -outform DER \
             -out cert.der{extensions}"
        );
        openssl(dir.path(), &arguments.replace("             ", ""));
        std::fs::read(dir.path().join("cert.der")).unwrap()
    }

    const P256: &str = "ec -pkeyopt ec_paramgen_curve:P-256";
    const P384: &str = "ec -pkeyopt ec_paramgen_curve:P-384";

    #[test]
    fn certificates_of_openssl_are_judged_by_key_and_usage() {
        let both = " -addext extendedKeyUsage=serverAuth,clientAuth";
        for (key, extensions, algorithm, client_auth) in [
            ("ed25519", "", Algorithm::Ed25519, true),
            (P256, "", Algorithm::P256, true),
            (P384, "", Algorithm::P384, true),
            ("ed25519", " -addext extendedKeyUsage=clientAuth", Algorithm::Ed25519, true),
            (P256, both, Algorithm::P256, true),
            (P384, " -addext extendedKeyUsage=critical,clientAuth", Algorithm::P384, true),
            ("ed25519", " -addext extendedKeyUsage=anyExtendedKeyUsage", Algorithm::Ed25519, true),
            ("ed25519", " -addext extendedKeyUsage=serverAuth", Algorithm::Ed25519, false),
            (P256, " -addext extendedKeyUsage=1.2.3.4", Algorithm::P256, false),
            (P256, " -addext 1.2.3.4=critical,DER:0500", Algorithm::P256, true),
        ] {
            let peer = PeerCertificate::parse(&by_openssl(key, extensions)).unwrap();
            let verdict =
                if client_auth { Ok(peer.key().id()) } else { Err(CertificateFault::ServerOnly) };
            assert_eq!(peer.key().algorithm(), algorithm, "{key}{extensions}");
            assert_eq!(peer.client_auth(), client_auth, "{key}{extensions}");
            assert_eq!(peer.judge(peer.not_before()), verdict, "{key}{extensions}");
            assert_eq!(peer.not_after() - peer.not_before(), 30 * 86_400);
        }
    }

    #[test]
    fn other_keys_and_versions_are_refused() {
        for key in ["rsa:2048", "ec -pkeyopt ec_paramgen_curve:P-521", "ed448"] {
            let refused = PeerCertificate::parse(&by_openssl(key, ""));
            assert!(matches!(refused, Err(InvalidCertificate::Key(_))), "{key}: {refused:?}");
        }
        let dir = tempfile::tempdir().unwrap();
        openssl(
            dir.path(),
            "req -new -newkey ed25519 -nodes -keyout key.pem -subj /CN=x -out a.csr",
        );
        openssl(dir.path(), "x509 -req -in a.csr -signkey key.pem -outform DER -out v1.der");
        let v1 = std::fs::read(dir.path().join("v1.der")).unwrap();
        assert_eq!(PeerCertificate::parse(&v1), Err(InvalidCertificate::NotVersion3));
    }

    #[test]
    fn an_extension_twice_is_refused() {
        let twice = " -addext 1.2.3.4=DER:0500 -addext 1.2.3.5=DER:0500";
        let mut der = by_openssl("ed25519", twice);
        assert!(PeerCertificate::parse(&der).is_ok());
        let second = der.windows(3).position(|three| three == [0x2a, 0x03, 0x05]).unwrap();
        der[second + 2] = 0x04;
        assert_eq!(PeerCertificate::parse(&der), Err(InvalidCertificate::Malformed));
    }

    #[test]
    fn service_names_have_one_spelling() {
        let name = ServiceName::parse("liaison://un.example/service/node-1").unwrap();
        assert_eq!((name.directory(), name.node()), ("un.example", "node-1"));
        assert_eq!(name.to_string(), "liaison://un.example/service/node-1");
        for uri in [
            "",
            "https://un.example/service/a",
            "LIAISON://un.example/service/a",
            "liaison://UN.example/service/a",
            "liaison://un.example/service/",
            "liaison://un.example/service/a/b",
            "liaison://un.example/service/a?b",
            "liaison://un.example:443/service/a",
            "liaison://x@un.example/service/a",
            "liaison://un.example./service/a",
            "liaison://un..example/service/a",
            "liaison://un.example/seat/a",
            "liaison://un.example\0/service/a",
            "liaison:///service/a",
            "liaison://-un.example/service/a",
        ] {
            assert_eq!(ServiceName::parse(uri), Err(InvalidServiceName), "{uri:?}");
        }
        assert!(ServiceName::new(&"a".repeat(65), "n").is_err());
    }

    #[test]
    fn a_server_certificate_names_exactly_one_service() {
        let uri = "URI:liaison://un.example/service/a";
        let other = "URI:liaison://eu.example/service/a";
        for (names, found) in [
            (format!(" -addext subjectAltName={uri}"), true),
            (format!(" -addext subjectAltName=DNS:un.example,{uri},IP:127.0.0.1"), true),
            (format!(" -addext subjectAltName={uri},{other}"), false),
            (format!(" -addext subjectAltName={uri},{uri}"), false),
            (" -addext subjectAltName=DNS:un.example".to_owned(), false),
            (String::new(), false),
        ] {
            let name = ServiceName::of_certificate(&by_openssl("ed25519", &names));
            assert_eq!(name.is_ok(), found, "{names}");
        }
    }

    #[test]
    fn openssl_verifies_the_chain_that_we_make_and_its_constraints() {
        let random = SystemRandom::new();
        let (ca_key, node_key) = (SigningKey::from_seed(&[2; 32]), SigningKey::from_seed(&[3; 32]));
        let hosts = ["relay.un.example", "127.0.0.1"];
        let ca = service_ca(&ca_key, "un.example", &hosts, VALIDITY, &random).unwrap();
        let authority = Authority { certificate: &ca, key: &ca_key };
        let name = ServiceName::new("un.example", "a").unwrap();
        let verify = |hosts: &[&str], purpose: &str| {
            let node =
                node_certificate(authority, node_key.public(), &name, hosts, VALIDITY, &random)
                    .unwrap();
            assert_eq!(ServiceName::of_certificate(&node).unwrap(), name);
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("ca.der"), &ca).unwrap();
            std::fs::write(dir.path().join("node.der"), &node).unwrap();
            openssl(dir.path(), "x509 -in ca.der -out ca.pem");
            let output = Command::new("openssl")
                .args(["verify", "-x509_strict", "-attime", "1500", "-purpose", purpose])
                .args(["-CAfile", "ca.pem", "node.der"])
                .current_dir(dir.path())
                .output()
                .unwrap();
            String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
        };
        for (hosts, purpose, says) in [
            (&hosts[..], "sslserver", "node.der: OK"),
            (&hosts[..], "sslclient", "unsuitable certificate purpose"),
            (&["www.example"], "sslserver", "permitted subtree violation"),
            (&["127.0.0.2"], "sslserver", "permitted subtree violation"),
        ] {
            let said = verify(hosts, purpose);
            assert!(said.contains(says), "{hosts:?} {purpose}: {said}");
        }
    }

    /// The commands that `certs/README.md` shows.
    #[test]
    fn the_seat_profile_makes_a_certificate_that_is_judged_good() {
        let readme = include_str!("../../certs/README.md");
        let commands: Vec<_> =
            readme.lines().filter_map(|line| line.trim().strip_prefix("$ openssl ")).collect();
        assert_eq!(commands.len(), 3, "the README shows a key, a certificate and a look at it");
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("certs")).unwrap();
        let profile = include_bytes!("../../certs/seat.cnf");
        std::fs::write(dir.path().join("certs/seat.cnf"), profile).unwrap();
        for command in commands {
            openssl(dir.path(), command);
        }
        openssl(dir.path(), "x509 -in seat.crt -outform DER -out seat.der");
        let peer = PeerCertificate::parse(&std::fs::read(dir.path().join("seat.der")).unwrap());
        let peer = peer.unwrap();
        assert_eq!(peer.judge(peer.not_before() + 60), Ok(peer.key().id()));
        assert_eq!(peer.key().algorithm(), Algorithm::P256);
    }
}
