//! Certificates of `openssl` and of ourselves, read as keys and judged.

use std::path::Path;
use std::process::Command;

use liaison::ambient::Ambient;
use liaison::crypto::cert::{
    CERTIFICATE_MAX, CertificateFault, InvalidCertificate, InvalidServiceName, PeerCertificate,
    ServiceName, issuer_for_display,
};
use liaison::crypto::issue::{
    Authority, CannotIssue, Validity, node_certificate, self_signed_client, service_ca,
};
use liaison::crypto::sign::{Algorithm, SigningKey};

const VALIDITY: Validity = Validity { not_before: 1_000, not_after: 2_000, serial: [7; 16] };

fn ours() -> Vec<u8> {
    let key = SigningKey::from_seed(&[1; 32]);
    self_signed_client(&key, VALIDITY, Ambient::system().random()).unwrap()
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
    let ambient = Ambient::system();
    let backwards = Validity { not_after: 999, ..VALIDITY };
    let beyond = Validity { not_after: 253_402_300_800, ..VALIDITY };
    for validity in [backwards, beyond] {
        assert_eq!(self_signed_client(&key, validity, ambient.random()), Err(CannotIssue::Dates));
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
    assert!(output.status.success(), "{arguments}\n{}", String::from_utf8_lossy(&output.stderr));
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
    openssl(dir.path(), "req -new -newkey ed25519 -nodes -keyout key.pem -subj /CN=x -out a.csr");
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
    let ambient = Ambient::system();
    let (ca_key, node_key) = (SigningKey::from_seed(&[2; 32]), SigningKey::from_seed(&[3; 32]));
    let hosts = ["relay.un.example", "127.0.0.1"];
    let ca = service_ca(&ca_key, "un.example", &hosts, VALIDITY, ambient.random()).unwrap();
    let authority = Authority { certificate: &ca, key: &ca_key };
    let name = ServiceName::new("un.example", "a").unwrap();
    let verify = |hosts: &[&str], purpose: &str| {
        let node = node_certificate(
            authority,
            node_key.public(),
            &name,
            hosts,
            VALIDITY,
            ambient.random(),
        )
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
    let commands = readme.lines().filter_map(|line| line.trim().strip_prefix("$ openssl "));
    let commands: Vec<_> = commands.filter(|command| command.contains("seat.")).collect();
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
