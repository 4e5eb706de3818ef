//! The hosts of a service in certificates: those that one carries, and those that an authority may
//! issue for.
//!
//! In scope: DNS names and addresses, as stock clients look for them. Out of scope: the service name
//! (`cert`), by which our clients believe. Invariant: a host that the authority may not issue for would
//! spoil the whole certificate (RFC 5280 4.2.1.10), so it is asked before.

use rcgen::{CertificateParams, CidrSubnet, SanType};
use x509_parser::extensions::{GeneralName, NameConstraints, SubjectAlternativeName};
use x509_parser::oid_registry::{OID_X509_EXT_NAME_CONSTRAINTS, OID_X509_EXT_SUBJECT_ALT_NAME};
use x509_parser::prelude::FromDer as _;

use super::cert::{extension, parse};

/// One host as certificates carry it.
#[derive(Debug, PartialEq, Eq)]
enum Host {
    Name(String),
    Address(Vec<u8>),
}

impl Host {
    /// Of text; none if a certificate cannot carry it.
    fn read(text: &str) -> Option<Self> {
        match CertificateParams::new([text.to_owned()]).ok()?.subject_alt_names.pop()? {
            SanType::DnsName(name) => Some(Self::Name(name.as_str().to_ascii_lowercase())),
            SanType::IpAddress(address) => {
                Some(Self::Address(match CidrSubnet::from_addr_prefix(address, 0) {
                    CidrSubnet::V4(octets, _) => octets.to_vec(),
                    CidrSubnet::V6(octets, _) => octets.to_vec(),
                }))
            }
            _ => None,
        }
    }

    fn of(name: &GeneralName<'_>) -> Option<Self> {
        match name {
            GeneralName::DNSName(name) => Some(Self::Name(name.to_ascii_lowercase())),
            GeneralName::IPAddress(octets) => Some(Self::Address(octets.to_vec())),
            _ => None,
        }
    }

    /// Whether it is of the kind that a subtree constrains.
    fn is_like(&self, subtree: &Self) -> bool {
        match (self, subtree) {
            // Addresses are of one kind, of four octets or of sixteen (RFC 5280 4.2.1.10).
            (Self::Name(_), Self::Name(_)) | (Self::Address(_), Self::Address(_)) => true,
            _ => false,
        }
    }

    fn is_within(&self, subtree: &Self) -> bool {
        match (self, subtree) {
            (Self::Name(own), Self::Name(of)) => {
                let above = own.strip_suffix(of.trim_start_matches('.'));
                above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            (Self::Address(own), Self::Address(of)) if of.len() == 2 * own.len() => {
                let (base, mask) = of.split_at(of.len() / 2);
                let masked = own.iter().zip(base).zip(mask);
                masked.into_iter().all(|((own, base), mask)| own & mask == base & mask)
            }
            _ => false,
        }
    }
}

/// Whether a certificate carries each of these hosts.
#[must_use]
pub fn carries(certificate: &[u8], hosts: &[&str]) -> bool {
    let mut wanted = hosts.iter().filter_map(|host| Host::read(host));
    carried(certificate).is_some_and(|found| wanted.all(|host| found.contains(&host)))
}

fn carried(certificate: &[u8]) -> Option<Vec<Host>> {
    let certificate = parse(certificate).ok()?;
    let value = extension(&certificate, &OID_X509_EXT_SUBJECT_ALT_NAME)?;
    let (_, names) = SubjectAlternativeName::from_der(value).ok()?;
    Some(names.general_names.iter().filter_map(Host::of).collect())
}

/// Whether an authority may issue for a host: what it permits of the host's kind, if it says anything
/// of that kind.
#[must_use]
pub fn may_issue_for(authority: &[u8], host: &str) -> bool {
    let (Some(host), Ok(authority)) = (Host::read(host), parse(authority)) else { return false };
    let Some(value) = extension(&authority, &OID_X509_EXT_NAME_CONSTRAINTS) else { return true };
    let Ok((_, constraints)) = NameConstraints::from_der(value) else { return false };
    let of_its_kind = |subtrees: Option<Vec<x509_parser::extensions::GeneralSubtree<'_>>>| {
        let subtrees = subtrees.unwrap_or_default();
        let subtrees = subtrees.iter().filter_map(|subtree| Host::of(&subtree.base));
        subtrees.filter(|subtree| host.is_like(subtree)).collect::<Vec<_>>()
    };
    let permitted = of_its_kind(constraints.permitted_subtrees);
    let excluded = of_its_kind(constraints.excluded_subtrees);
    (permitted.is_empty() || permitted.iter().any(|subtree| host.is_within(subtree)))
        && !excluded.iter().any(|subtree| host.is_within(subtree))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::cert::ServiceName;
    use crate::crypto::issue::{Authority, Validity, node_certificate, service_ca};
    use crate::crypto::sign::SigningKey;

    const DATES: Validity = Validity { not_before: 1_000, not_after: 2_000, serial: [7; 16] };

    fn authority(hosts: &[&str]) -> Vec<u8> {
        let random = crate::ambient::Ambient::system();
        let key = SigningKey::from_seed(&[1; 32]);
        service_ca(&key, "un.example", hosts, DATES, random.random()).unwrap()
    }

    #[test]
    fn an_authority_issues_for_its_hosts_and_those_below_and_for_kinds_that_it_does_not_name() {
        let all = ["relay.un.example", "192.0.2.1", "2001:db8::1"];
        let cases: [(&[&str], &str, bool); 15] = [
            (&[], "anything.example", true),
            (&[], "192.0.2.9", true),
            (&all, "relay.un.example", true),
            (&all, "RELAY.un.example", true),
            (&all, "a.relay.un.example", true),
            (&all, "un.example", false),
            (&all, "notrelay.un.example", false),
            (&all, "192.0.2.1", true),
            (&all, "192.0.2.2", false),
            (&all, "2001:db8::1", true),
            (&all, "2001:db8::2", false),
            (&["localhost"], "192.0.2.2", true),
            (&["192.0.2.1"], "other.example", true),
            (&["2001:db8::1"], "192.0.2.1", false),
            (&["192.0.2.1"], "2001:db8::1", false),
        ];
        for (hosts, host, may) in cases {
            assert_eq!(may_issue_for(&authority(hosts), host), may, "{hosts:?}: {host}");
        }
        assert!(!may_issue_for(b"no certificate", "localhost"));
    }

    #[test]
    fn a_certificate_carries_its_hosts() {
        let random = crate::ambient::Ambient::system();
        let (ca, key) = (authority(&[]), SigningKey::from_seed(&[1; 32]));
        let issuer = Authority { certificate: &ca, key: &key };
        let name = ServiceName::new("un.example", "node-1").unwrap();
        let hosts = ["b.example", "A.example", "192.0.2.1", "::1"];
        let node = SigningKey::from_seed(&[2; 32]);
        let der = node_certificate(issuer, node.public(), &name, &hosts, DATES, random.random());
        let der = der.unwrap();
        assert!(carries(&der, &hosts));
        assert!(carries(&der, &["::1", "192.0.2.1", "a.example", "b.example", "b.example"]));
        assert!(carries(&der, &hosts[1..]));
        assert!(!carries(&der, &["b.example", "A.example", "192.0.2.1", "::2"]));
        assert!(!carries(b"no certificate", &[]));
    }
}
