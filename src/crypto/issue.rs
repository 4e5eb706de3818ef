//! Making certificates: a seat's own, the service's authority, a node's.
//!
//! In scope: the three profiles this system makes. Out of scope: keeping keys, choosing dates.
//! Invariants: dates, serial numbers and randomness are arguments; with an Ed25519 key the same
//! arguments give the same bytes.

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyUsagePurpose, NameConstraints,
    PublicKeyData, SanType, SerialNumber, SignatureAlgorithm,
};
use ring::rand::SecureRandom;
use x509_parser::time::ASN1Time;

use super::cert::ServiceName;
use super::sign::{Algorithm, SigningKey, VerifyingKey};

/// When a certificate is valid and what it is called among its issuer's: the clock and the
/// randomness of the caller, as values.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    /// First second, unix time.
    pub not_before: u64,
    /// Last second, unix time.
    pub not_after: u64,
    /// Random; the first bit is cleared, for a serial number is positive.
    pub serial: [u8; 16],
}

/// A certificate could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotIssue {
    /// A date lies beyond the year 9999, or the last second before the first.
    #[error("expected a last second after the first, and both before the year 10000")]
    Dates,
    /// A host is neither a DNS name nor an address, the authority is not a certificate, or the
    /// randomness failed.
    #[error("the certificate cannot be made: {0}")]
    Refused(#[from] rcgen::Error),
}

/// A client certificate for a seat, an operator or a registrar: its key, clientAuth and nothing
/// that anyone reads.
///
/// # Errors
/// [`CannotIssue`].
pub fn self_signed_client(
    key: &SigningKey,
    validity: Validity,
    random: &dyn SecureRandom,
) -> Result<Vec<u8>, CannotIssue> {
    let mut params = params(validity, "liaison client", &[])?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params.self_signed(&Signer { key, random })?.der().to_vec())
}

/// The service's own authority. It issues node certificates directly: path length 0. With
/// `hosts`, it can issue for no other DNS names (and names below them) and addresses, so that a
/// machine which trusts the file trusts it for this service alone.
///
/// # Errors
/// [`CannotIssue`].
pub fn service_ca(
    key: &SigningKey,
    directory: &str,
    hosts: &[&str],
    validity: Validity,
    random: &dyn SecureRandom,
) -> Result<Vec<u8>, CannotIssue> {
    let mut params = params(validity, &format!("{directory} service authority"), &[])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.name_constraints = constraints(hosts)?;
    Ok(params.self_signed(&Signer { key, random })?.der().to_vec())
}

/// Whoever signs node certificates: the authority's certificate with its key.
#[derive(Clone, Copy)]
pub struct Authority<'a> {
    /// The authority's certificate in DER.
    pub certificate: &'a [u8],
    /// The key of that certificate.
    pub key: &'a SigningKey,
}

/// The server certificate of one node: its service name as a URI, and the DNS names and addresses
/// in `hosts` for stock clients.
///
/// # Errors
/// [`CannotIssue`].
pub fn node_certificate(
    authority: Authority<'_>,
    node_key: &VerifyingKey,
    name: &ServiceName,
    hosts: &[&str],
    validity: Validity,
    random: &dyn SecureRandom,
) -> Result<Vec<u8>, CannotIssue> {
    let mut params = params(validity, &name.to_string(), hosts)?;
    params.subject_alt_names.push(SanType::URI(name.to_string().try_into()?));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let signer = Signer { key: authority.key, random };
    let issuer = Issuer::from_ca_cert_der(&authority.certificate.into(), signer)?;
    Ok(params.signed_by(&Public(node_key), &issuer)?.der().to_vec())
}

fn params(
    validity: Validity,
    common_name: &str,
    hosts: &[&str],
) -> Result<CertificateParams, CannotIssue> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts)?;
    if validity.not_after < validity.not_before {
        return Err(CannotIssue::Dates);
    }
    params.not_before = date(validity.not_before)?.to_datetime();
    params.not_after = date(validity.not_after)?.to_datetime();
    let mut serial = validity.serial;
    serial[0] &= 0x7f;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    Ok(params)
}

fn date(unix: u64) -> Result<ASN1Time, CannotIssue> {
    let seconds = i64::try_from(unix).map_err(|_| CannotIssue::Dates)?;
    ASN1Time::from_timestamp(seconds).map_err(|_| CannotIssue::Dates)
}

fn constraints(hosts: &[&str]) -> Result<Option<NameConstraints>, CannotIssue> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let permitted_subtrees: Vec<_> = CertificateParams::new(hosts)?
        .subject_alt_names
        .into_iter()
        .filter_map(|name| match name {
            SanType::DnsName(name) => Some(GeneralSubtree::DnsName(name.as_str().to_owned())),
            SanType::IpAddress(address) => {
                let whole = if address.is_ipv4() { 32 } else { 128 };
                Some(GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, whole)))
            }
            _ => None,
        })
        .collect();
    let any = !permitted_subtrees.is_empty();
    Ok(any.then_some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() }))
}

const fn algorithm(key: &VerifyingKey) -> &'static SignatureAlgorithm {
    match key.algorithm() {
        Algorithm::Ed25519 => &rcgen::PKCS_ED25519,
        Algorithm::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        Algorithm::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
    }
}

struct Public<'a>(&'a VerifyingKey);

impl PublicKeyData for Public<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.raw()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        algorithm(self.0)
    }
}

/// Our key as `rcgen` wants one: its own key type would take randomness from the system.
struct Signer<'a> {
    key: &'a SigningKey,
    random: &'a dyn SecureRandom,
}

impl PublicKeyData for Signer<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.key.public().raw()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        algorithm(self.key.public())
    }
}

impl rcgen::SigningKey for Signer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.key.sign(message, self.random).map_err(|_| rcgen::Error::RingUnspecified)
    }
}
