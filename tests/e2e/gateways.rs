//! Gateways that open TLS, of every kind that is sold: whoever connects through one is told who it
//! is.

use std::io::BufRead as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use liaison::client::address::Address;
use liaison::client::error::ClientError;
use liaison::client::home::Home;
use liaison::client::invitation::Invitation;
use liaison::client::reach::connect::{Proxies, Tcp};
use liaison::client::reach::session::{Net, Session};
use liaison::tls::client::ClientTls;
use liaison::wire::v1;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose as Usage, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::support::{NAME, TestNet, Trust, dates, says};

/// What a gateway shows, and speaks.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Tidy,
    Expired,
    NotYetValid,
    ForClients,
    Authority,
    VersionOne,
    NoAlpn,
    Http1,
}

/// A certificate of the gateway's own authority, and its key.
fn shown(kind: Kind) -> (CertificateDer<'static>, KeyPair) {
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.distinguished_name.push(rcgen::DnType::CommonName, "Ministry Gateway");
    authority.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer = Issuer::new(authority, KeyPair::generate().unwrap());
    let mut leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    leaf.extended_key_usages = vec![Usage::ServerAuth];
    match kind {
        Kind::Expired => leaf.not_after = rcgen::date_time_ymd(2020, 1, 1),
        Kind::NotYetValid => leaf.not_before = rcgen::date_time_ymd(2080, 1, 1),
        Kind::ForClients => leaf.extended_key_usages = vec![Usage::ClientAuth],
        Kind::Authority => leaf.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained),
        Kind::VersionOne => return version_one(),
        Kind::Tidy | Kind::NoAlpn | Kind::Http1 => {}
    }
    let key = KeyPair::generate().unwrap();
    (leaf.signed_by(&key, &issuer).unwrap().der().clone(), key)
}

fn version_one() -> (CertificateDer<'static>, KeyPair) {
    let folder = tempfile::tempdir().unwrap();
    let script = "set -e; exec 2>/dev/null\n\
        openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out k.pem\n\
        openssl req -new -key k.pem -subj '/CN=Ministry Gateway' -out r.pem\n\
        openssl x509 -req -in r.pem -signkey k.pem -outform DER -out c.der";
    let status = Command::new("bash").args(["-c", script]).current_dir(folder.path()).status();
    assert!(status.unwrap().success());
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let key = KeyPair::from_pem(&String::from_utf8(read("k.pem")).unwrap()).unwrap();
    (read("c.der").into(), key)
}

fn config(kind: Kind) -> rustls::ServerConfig {
    let (certificate, key) = shown(kind);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let der = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let key = provider.key_provider.load_private_key(der).unwrap();
    let shown = SingleCertAndKey::from(CertifiedKey::new(vec![certificate], key));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut config = config.with_no_client_auth().with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = match kind {
        Kind::NoAlpn => vec![],
        Kind::Http1 => vec![b"http/1.1".to_vec()],
        _ => vec![b"h2".to_vec()],
    };
    config
}

/// Opens TLS, and forwards to a service, or to nobody.
async fn gateway(kind: Kind, service: Option<Address>) -> Address {
    let acceptor = TlsAcceptor::from(Arc::new(config(kind)));
    let (listener, address) = listening().await;
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let (acceptor, service) = (acceptor.clone(), service.clone());
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let Some(service) = service else { return };
                let server = TcpStream::connect((service.host(), service.port())).await.unwrap();
                let clock = Arc::new(rustls::time_provider::DefaultTimeProvider);
                let any = ClientTls::untrusted_for_charters(clock).unwrap();
                let name = ServerName::try_from("localhost").unwrap();
                let server = TlsConnector::from(any.config()).connect(name, server).await;
                let _ = copy_bidirectional(&mut client, &mut server.unwrap()).await;
            });
        }
    });
    address
}

async fn listening() -> (TcpListener, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::parse(&listener.local_addr().unwrap().to_string()).unwrap();
    (listener, address)
}

/// Joins whoever says CONNECT to `target`, whatever it was that he wanted.
async fn proxy(target: Address) -> Proxies {
    let (listener, address) = listening().await;
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(client.read_u8().await.unwrap());
            }
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let target = target.clone();
            tokio::spawn(async move {
                let server = TcpStream::connect((target.host(), target.port())).await;
                let _ = copy_bidirectional(&mut client, &mut server.unwrap()).await;
            });
        }
    });
    Proxies::new(Some(&address.to_string()), None).unwrap()
}

/// TLS 1.2 and nothing newer.
struct Old(Child, Address);

impl Old {
    fn start(folder: &TempDir) -> Self {
        let (certificate, key) = shown(Kind::Tidy);
        std::fs::write(folder.path().join("c.der"), certificate).unwrap();
        std::fs::write(folder.path().join("k.der"), key.serialize_der()).unwrap();
        let mut server = Command::new("openssl")
            .args(["s_server", "-tls1_2", "-accept", "127.0.0.1:0", "-certform", "DER"])
            .args(["-keyform", "DER", "-cert", "c.der", "-key", "k.der"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = std::io::BufReader::new(server.stdout.take().unwrap());
        let mut said = said.lines().map_while(Result::ok);
        let address = said.find_map(|line| Some(line.strip_prefix("ACCEPT ")?.to_owned()));
        // What else it says goes nowhere.
        std::thread::spawn(|| said.for_each(drop));
        Self(server, Address::parse(&address.unwrap()).unwrap())
    }
}

impl Drop for Old {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn join(home: &Home, address: &Address) {
    let charter = says::founding(&Trust::new(dates()).ca).bytes();
    let (addresses, checkpoint) = (vec![address.to_string()], Default::default());
    let invitation = v1::Invitation { charter, addresses, checkpoint, ..Default::default() };
    home.join(&Invitation::check(invitation).unwrap()).unwrap();
}

/// Whoever has joined the directory whose service is at `address`, and connects.
async fn connects(address: &Address, proxies: Proxies) -> ClientError {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().to_owned());
    join(&home, address);
    let ambient = crate::support::clock().1;
    let net = Net { dial: Arc::new(Tcp), proxies, ambient };
    Session::open(&home, &NAME.parse().unwrap(), None, &net).await.unwrap_err()
}

/// In the way, and by CONNECT: the issuer is named, and no words of a library.
async fn is_named(gateway: Address, what: &str) {
    let service = Address::parse("service.un.example").unwrap();
    for (error, reason, says) in [
        (
            connects(&gateway, Proxies::default()).await,
            "SERVER_UNKNOWN_ISSUER",
            "a gateway on the way, or not our service",
        ),
        (
            connects(&service, proxy(gateway).await).await,
            "TLS_INTERCEPTED",
            "something opens TLS on the way to service.un.example:443: issuer CN=Ministry Gateway",
        ),
    ] {
        assert_eq!(error.reason.code(), reason, "{what}: {error}");
        let side = liaison::client::error::Side::Network;
        assert_eq!(error.side, side, "{what}: {error}");
        assert!(error.sentence.contains(says), "{what}: {error}");
        assert!(error.sentence.contains("CN=Ministry Gateway"), "{what}: {error}");
        assert!(!error.sentence.contains("Error"), "{what}: {error}");
    }
}

#[tokio::test]
async fn gateways_of_every_kind_are_named_with_their_issuer() {
    let net = TestNet::memory().await;
    for kind in [
        Kind::Tidy,
        Kind::Expired,
        Kind::NotYetValid,
        Kind::ForClients,
        Kind::Authority,
        Kind::VersionOne,
        Kind::NoAlpn,
        Kind::Http1,
    ] {
        for service in [None, Some(net.address.clone())] {
            let what = format!("{kind:?}, forwards to {service:?}");
            is_named(gateway(kind, service).await, &what).await;
        }
    }
}

#[tokio::test]
async fn a_gateway_that_speaks_tls_1_2_alone_is_named_with_its_issuer() {
    let folder = tempfile::tempdir().unwrap();
    let old = Old::start(&folder);
    is_named(old.1.clone(), "TLS 1.2").await;
}

/// Forwards connections whose first segment is small, and closes all others.
async fn first_segment(service: Address) -> Address {
    let (listener, address) = listening().await;
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut first = vec![0; 1_000];
            let read = client.peek(&mut first).await.unwrap();
            if read == first.len() {
                continue;
            }
            let mut server = TcpStream::connect((service.host(), service.port())).await.unwrap();
            tokio::spawn(
                async move { copy_bidirectional(&mut client, &mut server).await.map(drop) },
            );
        }
    });
    address
}

#[tokio::test]
async fn doctor_finds_a_box_that_judges_the_first_segment() {
    let net = TestNet::memory().await;
    let folder = tempfile::tempdir().unwrap();
    for (address, found) in
        [(first_segment(net.address.clone()).await, true), (net.address.clone(), false)]
    {
        let home = Home::at(folder.path().join(address.port().to_string()));
        join(&home, &address);
        let (program, home) = (env!("CARGO_BIN_EXE_liaison"), home.root().to_owned());
        let doctor = tokio::task::spawn_blocking(move || {
            let mut doctor = Command::new(program);
            doctor.env_remove("HTTPS_PROXY").arg("--home").arg(home).args(["--json", "doctor"]);
            doctor.output().unwrap()
        });
        let doctor = doctor.await.unwrap();
        let said = String::from_utf8_lossy(&[doctor.stdout, doctor.stderr].concat()).into_owned();
        assert_eq!(said.contains("judges a connection by its first segment"), found, "{said}");
        assert_eq!(said.contains("X25519MLKEM768"), !found, "{said}");
    }
}
