//! The transport between client and service: what it lets through, what it refuses, when it ends.

use std::io::{self, BufRead as _};
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::poll_fn;
use futures_util::{Stream, StreamExt as _};
use http_body::Body as _;
use liaison::ambient::{Ambient, Clock};
use liaison::client::address::Address;
use liaison::client::error::{ClientError, Family, Side};
use liaison::client::reach::connect::{
    ConnectError, Connection, Dial, Dialing, Proxies, Route, Tcp, connect,
};
use liaison::crypto::cert::{CertificateFault, ServiceName};
use liaison::crypto::issue::{self, Authority, Validity};
use liaison::crypto::sign::SigningKey;
use liaison::domain::access::Face;
use liaison::domain::limits;
use liaison::domain::peer::AuthenticPeer;
use liaison::server::listen::{self, Accepted, Drained, Entrance, Limits};
use liaison::service::door::{self, Door};
use liaison::service::telemetry::Telemetry;
use liaison::tls::PeerInfo;
use liaison::tls::client::{Broken, ClientTls, ServerFault};
use liaison::tls::{self, Identity, Link};
use rustls::ServerConfig;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::server::HealthReporter;
use tower::Service as _;

use crate::support::raw::{self, Frame, Raw};
use crate::support::soon;

const NOW: u64 = 1_800_000_000;
const VALID: Validity =
    Validity { not_before: NOW - 86_400, not_after: NOW + 86_400, serial: [1; 16] };
const DIRECTORY: &str = "un.example";

/// A clock that goes as timers do.
struct Virtual(Instant);

impl Clock for Virtual {
    fn now(&self) -> Duration {
        Duration::from_secs(NOW) + self.0.elapsed()
    }
}

/// A clock that stands.
#[derive(Debug)]
struct At(u64);

impl rustls::time_provider::TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0)))
    }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

/// The authority of the charter has seed 1.
fn ca(seed: u8) -> Vec<u8> {
    issue::service_ca(&key(seed), DIRECTORY, &[], VALID, Ambient::system().random()).unwrap()
}

fn node(ca_seed: u8, directory: &str, validity: Validity) -> Identity {
    let (certificate, key) = (ca(ca_seed), key(ca_seed));
    let authority = Authority { certificate: &certificate, key: &key };
    let name = ServiceName::new(directory, "a").unwrap();
    let (node_key, ambient) = (self::key(9), Ambient::system());
    let hosts = ["localhost"];
    let der = issue::node_certificate(
        authority,
        node_key.public(),
        &name,
        &hosts,
        validity,
        ambient.random(),
    );
    Identity::new(&[der.unwrap()], &node_key).unwrap()
}

fn good_node() -> Identity {
    node(1, DIRECTORY, VALID)
}

fn seat(validity: Validity) -> Identity {
    let der = issue::self_signed_client(&key(5), validity, Ambient::system().random()).unwrap();
    Identity::new(&[der], &key(5)).unwrap()
}

fn believing(client: Option<Identity>) -> ClientTls {
    ClientTls::for_directory(DIRECTORY, &[ca(1)], client, Arc::new(At(NOW))).unwrap()
}

/// A certificate for clients alone, by the authority of the charter.
fn client_of_the_authority() -> Identity {
    let der = PrivatePkcs8KeyDer::from(key(1).pkcs8().to_vec());
    let authority = rcgen::KeyPair::try_from(&der).unwrap();
    let authority = rcgen::Issuer::from_ca_cert_der(&ca(1).into(), authority).unwrap();
    let der = PrivatePkcs8KeyDer::from(key(9).pkcs8().to_vec());
    let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let leaf = params.signed_by(&rcgen::KeyPair::try_from(&der).unwrap(), &authority).unwrap();
    Identity::new(&[leaf.der().to_vec()], &key(9)).unwrap()
}

fn authority_as_node() -> Identity {
    Identity::new(&[ca(1)], &key(1)).unwrap()
}

type Seen = Arc<Mutex<Vec<PeerInfo>>>;

struct TestServer {
    reporter: HealthReporter,
    seen: Seen,
    stop: watch::Sender<bool>,
    door: Arc<Door>,
    served: JoinHandle<Drained>,
}

impl TestServer {
    /// Serves health, and notes of every request who asked.
    fn start<S, I>(
        accepted: I,
        identity: Identity,
        (limits, places): (Limits, door::Limits),
    ) -> Self
    where
        S: Link,
        I: Stream<Item = io::Result<Accepted<S>>> + Send + 'static,
    {
        let reporter = HealthReporter::new();
        let health = tonic_health::server::HealthService::from_health_reporter(reporter.clone());
        let health = tonic_health::pb::health_server::HealthServer::new(health);
        let routes = Routes::new(health).prepare();
        let seen = Seen::default();
        let notes = Arc::clone(&seen);
        let service = tower::service_fn(move |mut request: http::Request<Body>| {
            notes.lock().unwrap().push(request.extensions().get::<PeerInfo>().unwrap().clone());
            let slow = request.headers().contains_key("x-slow");
            let mut routes = routes.clone();
            async move {
                if slow {
                    let body = request.body_mut();
                    while poll_fn(|context| Pin::new(&mut *body).poll_frame(context))
                        .await
                        .is_some()
                    {}
                    tokio::time::sleep(Duration::from_secs(3600)).await;
                }
                routes.call(request).await
            }
        });
        let tls = Arc::new(ArcSwap::from_pointee(tls::server::config(identity).unwrap()));
        let (stop, stopped) = watch::channel(false);
        let ambient = Ambient::system().with_clock(Arc::new(Virtual(Instant::now())));
        let telemetry = Arc::new(Telemetry::new(ambient.clone()));
        let door = Door::new(places, ambient, telemetry);
        let who = Arc::new(|_: Option<&_>, network| AuthenticPeer::stranger(network));
        let trusted_proxies = Arc::from(["10.0.0.0/8".parse().unwrap()]);
        let entrance = Entrance {
            tls,
            door: Arc::clone(&door),
            who,
            face: Face::Members,
            limits,
            trusted_proxies,
        };
        let served = tokio::spawn(listen::serve(service, accepted, entrance, stopped));
        Self { reporter, seen, stop, door, served }
    }

    async fn on_tcp(identity: Identity) -> (Self, Address) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address::parse(&listener.local_addr().unwrap().to_string()).unwrap();
        (Self::start(listen::tcp(listener), identity, Default::default()), address)
    }

    fn in_memory(identity: Identity, limits: (Limits, door::Limits)) -> (Self, Memory) {
        let (send, accepted) = mpsc::channel(8);
        let server = Self::start(ReceiverStream::new(accepted), identity, limits);
        (server, Memory(send))
    }

    fn last_peer(&self) -> PeerInfo {
        self.seen.lock().unwrap().last().unwrap().clone()
    }
}

/// Connections that are two ends of a buffer.
#[derive(Clone)]
struct Memory(mpsc::Sender<io::Result<Accepted<DuplexStream>>>);

const REMOTE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 1);

impl Memory {
    async fn open(&self) -> DuplexStream {
        self.open_from(REMOTE).await
    }

    async fn open_from(&self, remote: SocketAddr) -> DuplexStream {
        let (near, stream) = tokio::io::duplex(64 * 1024);
        self.0.send(Ok(Accepted { stream, remote })).await.unwrap();
        near
    }
}

impl Dial for Memory {
    fn dial<'a>(&'a self, _: &'a Address) -> Dialing<'a> {
        Box::pin(async { Ok(Box::new(self.open().await) as Box<dyn Link>) })
    }
}

async fn by(
    dial: impl Dial,
    address: &Address,
    tls: ClientTls,
    proxies: Proxies,
) -> Result<Connection, ConnectError> {
    connect(Route { dial: Arc::new(dial), address: address.clone(), proxies, tls }).await
}

async fn direct(address: &Address, tls: ClientTls) -> Result<Connection, ConnectError> {
    by(Tcp, address, tls, Proxies::default()).await
}

fn somewhere() -> Address {
    Address::parse("relay.un.example").unwrap()
}

async fn check(connection: &Connection) -> Result<i32, Status> {
    let request = HealthCheckRequest { service: String::new() };
    let answer = HealthClient::new(connection.channel()).check(request).await?;
    Ok(answer.into_inner().status)
}

#[tokio::test]
async fn mutual_tls_over_tcp_agrees_on_the_hybrid_group_at_both_ends() {
    let (server, address) = TestServer::on_tcp(good_node()).await;
    let connection = direct(&address, believing(Some(seat(VALID)))).await.unwrap();
    assert_eq!(check(&connection).await.unwrap(), 1);
    assert_eq!(connection.group(), "X25519MLKEM768");
    let peer = server.last_peer();
    assert_eq!(peer.group, "X25519MLKEM768");
    assert!(peer.remote.ip().is_loopback());
    assert_eq!(peer.certificate.unwrap().judge(NOW), Ok(key(5).public().id()));
}

#[tokio::test]
async fn a_client_without_a_certificate_may_connect() {
    let (server, address) = TestServer::on_tcp(good_node()).await;
    let connection = direct(&address, believing(None)).await.unwrap();
    assert_eq!(check(&connection).await.unwrap(), 1);
    assert_eq!(server.last_peer().certificate, None);
}

#[tokio::test]
async fn an_expired_client_certificate_connects_and_is_judged_at_the_request() {
    let (server, address) = TestServer::on_tcp(good_node()).await;
    let old = Validity { not_before: 1, not_after: 2, ..VALID };
    let connection = direct(&address, believing(Some(seat(old)))).await.unwrap();
    assert_eq!(check(&connection).await.unwrap(), 1);
    let verdict = server.last_peer().certificate.unwrap().judge(NOW);
    assert_eq!(verdict, Err(CertificateFault::Expired { not_after: 2 }));
}

#[tokio::test]
async fn every_fault_of_a_server_has_its_type() {
    let directory = |name: &str| name.to_owned();
    let issuer = "CN=un.example service authority".to_owned();
    let expired = Validity { not_after: NOW - 1, ..VALID };
    let early = Validity { not_before: NOW + 1, ..VALID };
    for (identity, expected) in [
        (node(2, DIRECTORY, VALID), ServerFault::UnknownIssuer { issuer }),
        (
            node(1, "eu.example", VALID),
            ServerFault::WrongDirectory {
                expected: directory(DIRECTORY),
                found: directory("eu.example"),
            },
        ),
        (node(1, DIRECTORY, expired), ServerFault::Expired),
        (node(1, DIRECTORY, early), ServerFault::NotYetValid),
        (client_of_the_authority(), ServerFault::NotAServer),
        (seat(VALID), ServerFault::UnknownIssuer { issuer: "CN=liaison client".to_owned() }),
        (authority_as_node(), ServerFault::Unusable("it is not made as a server's must be")),
    ] {
        let (_server, address) = TestServer::on_tcp(identity).await;
        match direct(&address, believing(None)).await {
            Err(ConnectError::Server { source, .. }) => assert_eq!(source, expected),
            other => panic!("expected {expected:?}, found {other:?}"),
        }
        let any = ClientTls::untrusted_for_charters(Arc::new(At(NOW))).unwrap();
        let connection = direct(&address, any).await.unwrap();
        assert_eq!(check(&connection).await.unwrap(), 1, "and GetCharters can be asked");
    }
}

/// A certificate shown with somebody else's key.
fn stolen(of: &Identity, directory_key: u8) -> Identity {
    let der = PrivatePkcs8KeyDer::from(key(directory_key).pkcs8().to_vec());
    let signing = tls::provider().key_provider.load_private_key(der.into()).unwrap();
    Identity::from_certified(Arc::new(CertifiedKey::new(of.chain().to_vec(), signing)))
}

#[tokio::test]
async fn whoever_does_not_hold_the_certificates_key_is_refused_at_either_end() {
    let (_impostor, address) = TestServer::on_tcp(stolen(&good_node(), 66)).await;
    for tls in [believing(None), ClientTls::untrusted_for_charters(Arc::new(At(NOW))).unwrap()] {
        assert!(direct(&address, tls).await.is_err());
    }
    let refused = direct(&address, believing(None)).await;
    let fault =
        matches!(refused, Err(ConnectError::Server { source: ServerFault::BadSignature, .. }));
    assert!(fault, "{refused:?}");

    let (server, address) = TestServer::on_tcp(good_node()).await;
    // TLS 1.3: the server's verdict on the client comes after the client's end of the handshake.
    if let Ok(connection) = direct(&address, believing(Some(stolen(&seat(VALID), 66)))).await {
        assert!(check(&connection).await.is_err());
    }
    assert!(server.seen.lock().unwrap().is_empty(), "no request was served");
}

#[tokio::test]
async fn a_fault_that_appears_later_is_found_in_the_status_of_a_call() {
    let (server, memory) = TestServer::in_memory(good_node(), Default::default());
    let other = TestServer::in_memory(node(2, DIRECTORY, VALID), Default::default());
    let switch = Arc::new(ArcSwap::from_pointee(memory));
    struct Switch(Arc<ArcSwap<Memory>>);
    impl Dial for Switch {
        fn dial<'a>(&'a self, _: &'a Address) -> Dialing<'a> {
            let memory = self.0.load_full();
            Box::pin(async move { Ok(Box::new(memory.open().await) as Box<dyn Link>) })
        }
    }
    let dial = Switch(Arc::clone(&switch));
    let connection = by(dial, &somewhere(), believing(None), Proxies::default()).await.unwrap();
    assert_eq!(check(&connection).await.unwrap(), 1);
    switch.store(Arc::new(other.1));
    server.stop.send(true).unwrap();
    server.served.await.unwrap();
    let status = check(&connection).await.unwrap_err();
    let found = ConnectError::find(&status);
    assert!(
        matches!(
            found,
            Some(ConnectError::Server { source: ServerFault::UnknownIssuer { .. }, .. })
        ),
        "{status:?}"
    );
}

#[tokio::test]
async fn nobody_listening_is_said_to_be_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::parse(&listener.local_addr().unwrap().to_string()).unwrap();
    drop(listener);
    let refused = direct(&address, believing(None)).await;
    assert!(matches!(refused, Err(ConnectError::Tcp { .. })), "{refused:?}");
}

#[tokio::test]
async fn openssl_speaks_plain_x25519_in_tls_1_3_and_nothing_in_1_2() {
    let (_server, address) = TestServer::on_tcp(good_node()).await;
    for (version, line) in [
        ("-tls1_3", "Server Temp Key: X25519"),
        ("-tls1_3", "ALPN protocol: h2"),
        ("-tls1_3", "Verification: OK"),
        ("-tls1_3", "Acceptable client certificate CA names"),
        ("-tls1_2", "alert protocol version"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.der"), ca(1)).unwrap();
        let connect = address.to_string();
        let said = tokio::task::spawn_blocking(move || {
            let to_pem = ["x509", "-in", "ca.der", "-out", "ca.pem"];
            Command::new("openssl").args(to_pem).current_dir(dir.path()).status().unwrap();
            let output = Command::new("openssl")
                .args(["s_client", version, "-alpn", "h2", "-connect", &connect])
                .args(["-CAfile", "ca.pem", "-attime", &NOW.to_string()])
                .args(["-verify_hostname", "localhost"])
                .stdin(Stdio::null())
                .current_dir(dir.path())
                .output()
                .unwrap();
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
        });
        let said = said.await.unwrap();
        let wanted = line != "Acceptable client certificate CA names";
        assert_eq!(said.contains(line), wanted, "{version} {line}\n{said}");
    }
}

#[tokio::test]
async fn a_stock_client_believes_the_ca_file_and_finds_no_session_to_resume() {
    let (_server, address) = TestServer::on_tcp(good_node()).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca(1).into()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_details(provider, Arc::new(At(NOW)))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![tls::ALPN.to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    for _ in 0..2 {
        let tcp = TcpStream::connect((address.host(), address.port())).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, tcp).await.unwrap();
        // The server's first frame stands behind any ticket it sends.
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        stream.read_exact(&mut [0; 9]).await.unwrap();
        let connection = stream.get_ref().1;
        assert_eq!(tls::group(connection), "X25519");
        assert_eq!(connection.handshake_kind(), Some(rustls::HandshakeKind::Full));
        assert_eq!(connection.tls13_tickets_received(), 0);
    }
}

/// Answers CONNECT with `answer`, and if that is [`ESTABLISHED`], joins the client to `target`.
async fn proxy(answer: &'static str, target: Address) -> (Proxies, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://me:secret@{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.unwrap());
        }
        client.write_all(answer.as_bytes()).await.unwrap();
        if answer == ESTABLISHED {
            let mut server = TcpStream::connect((target.host(), target.port())).await.unwrap();
            tokio::spawn(
                async move { tokio::io::copy_bidirectional(&mut client, &mut server).await },
            );
        }
        String::from_utf8(head).unwrap()
    });
    (Proxies::new(Some(&url), None).unwrap(), task)
}

const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n";

#[tokio::test]
async fn a_proxy_is_asked_with_its_credentials_and_passed_through() {
    let (_server, address) = TestServer::on_tcp(good_node()).await;
    let (proxies, asked) = proxy(ESTABLISHED, address).await;
    let connection = by(Tcp, &somewhere(), believing(None), proxies).await.unwrap();
    assert_eq!(check(&connection).await.unwrap(), 1);
    assert_eq!(
        asked.await.unwrap(),
        "CONNECT relay.un.example:443 HTTP/1.1\r\nHost: relay.un.example:443\r\n\
         Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n"
    );
}

#[tokio::test]
async fn a_proxy_that_refuses_or_babbles_is_named() {
    let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
    let (proxies, _asked) = proxy(refusal, somewhere()).await;
    let refused = by(Tcp, &somewhere(), believing(None), proxies).await;
    assert!(matches!(refused, Err(ConnectError::ProxyRefused { status: 407, .. })), "{refused:?}");
    for babble in ["SSH-2.0-OpenSSH_9\r\n\r\n", "HTTP/1.1 200 OK\r\nbroken off"] {
        let (proxies, _asked) = proxy(babble, somewhere()).await;
        let garbled = by(Tcp, &somewhere(), believing(None), proxies).await;
        assert!(matches!(garbled, Err(ConnectError::ProxyGarbled { .. })), "{garbled:?}");
    }
    let endless: &'static str = Box::leak(format!("HTTP/1.1 200 {}", "a".repeat(20_000)).into());
    let (proxies, _asked) = proxy(endless, somewhere()).await;
    let garbled = by(Tcp, &somewhere(), believing(None), proxies).await;
    let Err(ConnectError::ProxyGarbled { source: Some(source), .. }) = garbled else {
        panic!("{garbled:?}");
    };
    assert_eq!(source.kind(), io::ErrorKind::InvalidData, "given up, not read to its end");
}

#[tokio::test]
async fn a_proxy_that_opens_tls_is_named_as_such() {
    let (_evil, address) = TestServer::on_tcp(node(2, DIRECTORY, VALID)).await;
    let (proxies, _asked) = proxy(ESTABLISHED, address).await;
    let opened = by(Tcp, &somewhere(), believing(None), proxies).await;
    let Err(ConnectError::Intercepted { address, issuer, .. }) = opened else {
        panic!("{opened:?}");
    };
    assert_eq!(address, somewhere());
    assert_eq!(issuer, "CN=un.example service authority");
}

/// Reads a hello, and answers with these bytes.
#[derive(Clone)]
struct Answers(&'static [u8]);

impl Dial for Answers {
    fn dial<'a>(&'a self, _: &'a Address) -> Dialing<'a> {
        let (near, mut far) = tokio::io::duplex(64 * 1024);
        let answer = self.0;
        tokio::spawn(async move {
            assert!(far.read(&mut [0; 4096]).await.unwrap() > 0);
            far.write_all(answer).await.unwrap();
        });
        Box::pin(async { Ok(Box::new(near) as Box<dyn Link>) })
    }
}

#[tokio::test]
async fn who_ends_a_handshake_before_it_began_is_understood() {
    for (answer, expected) in [
        (&b"\x15\x03\x03\0\x02\x02\x50"[..], Broken::NoPlace),
        (b"\x15\x03\x03\0\x02\x02\x46", Broken::OlderTls),
        (b"\x15\x03\x03\0\x02\x02\x78", Broken::NotHttp2),
        (b"\x15\x03\x03\0\x02\x02\x28", Broken::Alert(40)),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Broken::Garbled),
        (b"", Broken::Closed),
    ] {
        let refused = by(Answers(answer), &somewhere(), believing(None), Proxies::default()).await;
        let Err(ConnectError::Handshake { source, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(source, expected);
    }
    let error = ClientError::from(ConnectError::Handshake {
        address: somewhere(),
        source: Broken::NoPlace,
    });
    let (side, exit) = (Side::Network, Family::NotReachable);
    assert_eq!((error.side, error.family, error.reason.code()), (side, exit, "NO_PLACE"));
    assert!(error.sentence.ends_with("try again in a while"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_proxy_is_given_up() {
    let (near, _far) = tokio::io::duplex(1024);
    struct Once(Mutex<Option<DuplexStream>>);
    impl Dial for Once {
        fn dial<'a>(&'a self, _: &'a Address) -> Dialing<'a> {
            let stream = self.0.lock().unwrap().take().unwrap();
            Box::pin(async { Ok(Box::new(stream) as Box<dyn Link>) })
        }
    }
    let proxies = Proxies::new(Some("proxy.example:3128"), None).unwrap();
    let start = Instant::now();
    let dial = Once(Mutex::new(Some(near)));
    let silent = by(dial, &somewhere(), believing(None), proxies).await;
    assert!(matches!(silent, Err(ConnectError::TimedOut { .. })), "{silent:?}");
    assert_eq!(start.elapsed().as_secs(), limits::PROXY_TIMEOUT.as_secs());
}

/// Reads until the other end closes, and says after how many seconds.
async fn closed_after(mut stream: impl AsyncRead + Unpin) -> u64 {
    let start = Instant::now();
    let mut buffer = [0; 1024];
    while let Ok(1..) = stream.read(&mut buffer).await {}
    start.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_sends_nothing_is_cut_at_the_handshake_timeout() {
    let (_server, memory) = TestServer::in_memory(good_node(), Default::default());
    let silent = memory.open().await;
    assert_eq!(closed_after(silent).await, limits::HANDSHAKE_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_silent_after_its_handshake_is_cut() {
    let (_server, memory) = TestServer::in_memory(good_node(), Default::default());
    let connector = TlsConnector::from(believing(None).config());
    let name = ServerName::try_from("localhost").unwrap();
    let silent = connector.connect(name, memory.open().await).await.unwrap();
    assert_eq!(closed_after(silent).await, limits::FIRST_REQUEST_TIMEOUT.as_secs());
}

/// A TLS connection on which nothing was said yet.
async fn shaken(stream: DuplexStream) -> impl Link {
    let connector = TlsConnector::from(believing(None).config());
    let name = ServerName::try_from("localhost").unwrap();
    connector.connect(name, stream).await.unwrap()
}

/// A byte every ten seconds, then nothing; a preface and SETTINGS, and no request.
#[tokio::test(start_paused = true)]
async fn less_than_a_request_is_no_beginning() {
    let (_server, memory) = TestServer::in_memory(good_node(), Default::default());
    let start = Instant::now();
    let mut slow = shaken(memory.open().await).await;
    for byte in raw::PREFACE {
        tokio::time::sleep(Duration::from_secs(10)).await;
        if slow.write_all(&[*byte]).await.is_err() || slow.flush().await.is_err() {
            break;
        }
    }
    let took = start.elapsed().as_secs();
    assert!(took <= limits::FIRST_REQUEST_TIMEOUT.as_secs() + 20, "{took} s");
    let mut greeted = Raw::greet(shaken(memory.open().await).await, &[]).await;
    let start = Instant::now();
    let end = greeted.next(raw::GOAWAY).await.unwrap();
    assert_eq!((end.error(), start.elapsed()), (0, limits::FIRST_REQUEST_TIMEOUT));
    assert!(greeted.next(raw::PING).await.is_none());
}

const CHECK: &str = "/grpc.health.v1.Health/Check";

/// A stranger with a request in hand, and then none.
#[tokio::test(start_paused = true)]
async fn a_visitor_that_asks_no_more_goes() {
    let (_server, memory) = TestServer::in_memory(good_node(), Default::default());
    let mut raw = Raw::greet(shaken(memory.open().await).await, &[]).await;
    raw.say(raw::request(1, CHECK, 0)).await;
    raw.say(Frame::new(raw::DATA, raw::END_STREAM, 1, &raw::message(0, &[]))).await;
    raw.next(raw::DATA).await.unwrap();
    let start = Instant::now();
    raw.next(raw::GOAWAY).await.unwrap();
    assert_eq!(start.elapsed(), limits::VISITOR_IDLE);
}

/// A stream keeps a connection, and whoever answers no ping has none.
#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_no_ping_is_cut() {
    let (_server, memory) = TestServer::in_memory(good_node(), Default::default());
    for alive in [true, false] {
        let mut raw = Raw::greet(shaken(memory.open().await).await, &[]).await;
        raw.alive = alive;
        raw.say(raw::request(1, "/grpc.health.v1.Health/Watch", 0)).await;
        raw.say(Frame::new(raw::DATA, raw::END_STREAM, 1, &raw::message(0, &[]))).await;
        let start = Instant::now();
        let end = tokio::time::timeout(2 * limits::CONNECTION_AGE, raw.next(raw::GOAWAY));
        let _ = end.await.expect("it ends");
        let pinged = limits::KEEPALIVE_INTERVAL + limits::KEEPALIVE_TIMEOUT;
        assert_eq!(start.elapsed(), if alive { limits::CONNECTION_AGE } else { pinged });
    }
}

/// The slowest member makes some way in any minute; who makes none is given up.
#[tokio::test(start_paused = true)]
async fn a_body_has_to_make_progress_and_may_be_slow() {
    let (_server, memory) = TestServer::in_memory(good_node(), Default::default());
    let mut raw = Raw::greet(shaken(memory.open().await).await, &[]).await;
    // 60 kB in 160 s, in pieces that the slowest member sends in one.
    let field = [&[10, 0xe0, 0xd4, 3][..], &[b'x'; 60_000]].concat();
    let body = raw::message(60_004, &field);
    let pieces: Vec<&[u8]> = body.chunks(15_003).collect();
    raw.say(raw::request(1, CHECK, 0)).await;
    for (at, piece) in pieces.iter().enumerate() {
        raw.idles(Duration::from_secs(40)).await;
        let last = if at + 1 == pieces.len() { raw::END_STREAM } else { 0 };
        raw.say(Frame::new(raw::DATA, last, 1, piece)).await;
    }
    let start = Instant::now();
    assert_eq!(raw.next(raw::HEADERS).await.unwrap().stream, 1);
    assert_eq!(start.elapsed().as_secs(), 0);
    // A byte every 20 s is none.
    let start = Instant::now();
    raw.say(raw::request(3, CHECK, 0)).await;
    let mut bytes = body.iter();
    let answer = loop {
        raw.say(Frame::new(raw::DATA, 0, 3, &[*bytes.next().unwrap()])).await;
        let twenty = Duration::from_secs(20);
        if let Ok(answer) = tokio::time::timeout(twenty, raw.next(raw::HEADERS)).await {
            break answer.unwrap();
        }
    };
    assert_eq!((answer.stream, start.elapsed()), (3, limits::patience(0)));
    // After all that came, silence.
    let start = Instant::now();
    raw.say(raw::request(5, CHECK, 0)).await;
    raw.say(Frame::new(raw::DATA, 0, 5, pieces[0])).await;
    assert_eq!(raw.next(raw::HEADERS).await.unwrap().stream, 5);
    assert_eq!(start.elapsed(), limits::REQUEST_DEADLINE);
}

/// Nobody takes the answer: its stream ends after a minute, and the connection goes on.
#[tokio::test(start_paused = true)]
async fn an_answer_of_which_nothing_is_taken_resets_its_stream() {
    let (server, memory) = TestServer::in_memory(good_node(), Default::default());
    let mut raw = Raw::greet(shaken(memory.open().await).await, &[(4, 0)]).await;
    raw.say(raw::request(1, CHECK, 0)).await;
    raw.say(Frame::new(raw::DATA, raw::END_STREAM, 1, &raw::message(0, &[]))).await;
    raw.next(raw::HEADERS).await.unwrap();
    let start = Instant::now();
    let reset = raw.next(raw::RST_STREAM).await.unwrap();
    assert_eq!((reset.stream, reset.error()), (1, 11));
    assert_eq!(start.elapsed(), limits::PAUSE);
    assert_eq!(count_of(&server, "not_taken"), 1);
    raw.say(raw::request(3, CHECK, 0)).await;
    raw.say(Frame::new(raw::DATA, raw::END_STREAM, 3, &raw::message(0, &[]))).await;
    assert_eq!(raw.next(raw::HEADERS).await.unwrap().stream, 3);
}

/// A byte of it in a minute is too little, though it is something.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_taken_too_slowly_resets_its_stream() {
    let (_server, memory) = TestServer::in_memory(good_node(), Default::default());
    let mut raw = Raw::greet(shaken(memory.open().await).await, &[(4, 0)]).await;
    raw.say(raw::request(1, CHECK, 0)).await;
    raw.say(Frame::new(raw::DATA, raw::END_STREAM, 1, &raw::message(0, &[]))).await;
    raw.next(raw::HEADERS).await.unwrap();
    let start = Instant::now();
    raw.idles(Duration::from_secs(40)).await;
    raw.say(Frame::new(raw::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])).await;
    assert_eq!(raw.next(raw::DATA).await.unwrap().payload.len(), 1);
    let reset = raw.next(raw::RST_STREAM).await.unwrap();
    assert_eq!((reset.error(), start.elapsed()), (11, limits::patience(7)));
}

/// Also where an answer has no deadline.
#[tokio::test(start_paused = true)]
async fn a_body_of_which_nothing_comes_is_given_up() {
    let limits = Limits { deadline: |_| None, ..Limits::default() };
    let (_server, memory) = TestServer::in_memory(good_node(), (limits, Default::default()));
    let mut raw = Raw::greet(shaken(memory.open().await).await, &[]).await;
    raw.say(raw::request(1, CHECK, 0)).await;
    let start = Instant::now();
    assert_eq!(raw.next(raw::HEADERS).await.unwrap().stream, 1);
    assert_eq!(start.elapsed(), limits::patience(0));
}

/// PROXY protocol v2, of IPv4 over TCP.
fn proxied(source: [u8; 4]) -> Vec<u8> {
    let head = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c";
    [&head[..], &source, &[10, 0, 0, 9, 0x30, 0x39, 1, 187]].concat()
}

#[tokio::test(start_paused = true)]
async fn behind_a_balancer_everybody_has_places_of_his_own() {
    let balancer: SocketAddr = "10.0.0.1:4000".parse().unwrap();
    let places = door::Limits { visitors_of_a_network: 1, ..Default::default() };
    let (server, memory) = TestServer::in_memory(good_node(), (Limits::default(), places));
    let mut idle = Vec::new();
    for network in 0..70 {
        let mut stream = memory.open_from(balancer).await;
        stream.write_all(&proxied([192, 0, network, 7])).await.unwrap();
        idle.push(stream);
    }
    let mut own = memory.open_from(balancer).await;
    own.write_all(&proxied([198, 51, 100, 7])).await.unwrap();
    let mut raw = Raw::greet(shaken(own).await, &[]).await;
    raw.say(raw::request(1, CHECK, 0)).await;
    raw.say(Frame::new(raw::DATA, raw::END_STREAM, 1, &raw::message(0, &[]))).await;
    raw.next(raw::DATA).await.unwrap();
    assert_eq!(server.last_peer().remote.to_string(), "198.51.100.7:12345");
    // Another of one network is one too many, and one that says nothing is refused.
    let mut second = memory.open_from(balancer).await;
    second.write_all(&proxied([192, 0, 1, 8])).await.unwrap();
    let mut said = Vec::new();
    second.read_to_end(&mut said).await.unwrap();
    assert_eq!(said[0], 21, "an alert");
    let silent = memory.open_from(balancer).await;
    assert_eq!(closed_after(silent).await, limits::PROXY_HEADER_TIMEOUT.as_secs());
    assert_eq!((count_of(&server, "refused"), count_of(&server, "no_proxy_header")), (1, 1));
    // From anybody else it is a hello that is none.
    let mut liar = memory.open_from("203.0.113.1:1".parse().unwrap()).await;
    liar.write_all(&proxied([198, 51, 100, 7])).await.unwrap();
    closed_after(liar).await;
    assert_eq!(count_of(&server, "handshake_failed"), 1);
}

#[tokio::test(start_paused = true)]
async fn slow_peers_do_not_keep_others_from_their_handshake() {
    let (_server, memory) = TestServer::in_memory(good_node(), Default::default());
    let _silent = (memory.open().await, memory.open().await);
    let start = Instant::now();
    let connection = by(memory, &somewhere(), believing(None), Proxies::default()).await.unwrap();
    assert_eq!(check(&connection).await.unwrap(), 1);
    assert_eq!(start.elapsed().as_secs(), 0);
}

/// What a client says first.
fn hello() -> Vec<u8> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = rustls::ClientConnection::new(believing(None).config(), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

/// Counts how often a certificate is asked for, which is where a handshake begins to cost.
#[derive(Debug)]
struct Signs(Arc<dyn ResolvesServerCert>, AtomicUsize);

impl ResolvesServerCert for Signs {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.resolve(hello)
    }
}

/// One that says hello and no more is answered, and keeps nobody from his turn.
#[tokio::test(start_paused = true)]
async fn a_handshake_is_computed_in_its_turn_and_holds_it_no_longer() {
    let (_server, memory) = TestServer::in_memory(good_node(), Default::default());
    let mut silent = memory.open().await;
    silent.write_all(&hello()).await.unwrap();
    assert_eq!(silent.read_u8().await.unwrap(), 22, "a handshake record");
    let start = Instant::now();
    let connection = by(memory, &somewhere(), believing(None), Proxies::default()).await.unwrap();
    assert_eq!(check(&connection).await.unwrap(), 1);
    assert_eq!(start.elapsed().as_secs(), 0);
    // Whose turn does not come is not answered.
    let (mut near, stream) = tokio::io::duplex(64 * 1024);
    near.write_all(&hello()).await.unwrap();
    let mut config = tls::server::config(good_node()).unwrap();
    let signs = Arc::new(Signs(Arc::clone(&config.cert_resolver), AtomicUsize::new(0)));
    config.cert_resolver = Arc::<Signs>::clone(&signs);
    let tls = ArcSwap::from_pointee(config);
    let accepted = Accepted { stream, remote: REMOTE };
    let shaking = listen::handshake(accepted, &tls, std::future::pending::<()>);
    assert!(tokio::time::timeout(Duration::from_secs(1), shaking).await.is_err());
    assert_eq!(near.read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(signs.1.load(Ordering::Relaxed), 0, "nothing was computed");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_told_to_wait_and_asks_on_is_sent_away() {
    let limits = Limits { requests: 0, ..Limits::default() };
    let (server, memory) = TestServer::in_memory(good_node(), (limits, Default::default()));
    let mut raw = Raw::greet(shaken(memory.open().await).await, &[]).await;
    let mut told = 0;
    for at in 0..32 {
        raw.say(raw::request(2 * at + 1, CHECK, 0)).await;
        told += u32::from(raw.next(raw::HEADERS).await.is_some());
    }
    // The answer that is one too many may be heard before the end.
    assert!(matches!(told, 7 | 8), "{told}");
    assert_eq!(count_of(&server, "too_many_frames"), 1);
}

/// Who finds no place, reads why, and stays; so many at a time.
#[tokio::test(start_paused = true)]
async fn who_finds_no_place_has_a_moment_to_hear_it_and_so_many_have() {
    let places = door::Limits { visitors: 0, ..Default::default() };
    let (server, memory) = TestServer::in_memory(good_node(), (Limits::default(), places));
    let start = Instant::now();
    let mut told = Vec::new();
    for _ in 0..limits::GOODBYES {
        let mut stream = memory.open().await;
        let mut said = [0; 7];
        stream.read_exact(&mut said).await.unwrap();
        told.push(stream);
    }
    let mut said = Vec::new();
    memory.open().await.read_to_end(&mut said).await.unwrap();
    assert_eq!(said, [0; 0], "one more is closed without a word");
    assert_eq!(start.elapsed().as_secs(), 0);
    // Until then it may say on what it said before it read.
    tokio::time::sleep(limits::GOODBYE - Duration::from_millis(10)).await;
    told[0].write_all(b"hello").await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(told[0].write_all(b"hello").await.is_err(), "it is cut");
    assert_eq!(refused(&memory).await, 0, "others hear it again");
    assert_eq!(count_of(&server, "refused"), limits::GOODBYES as u64 + 2);
}

/// What a system out of descriptors does: no socket of this kind accepts.
#[tokio::test(start_paused = true)]
async fn who_cannot_accept_tries_again_after_a_moment() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.send_to(b"readable", socket.local_addr().unwrap()).unwrap();
    let listener = std::net::TcpListener::from(std::os::fd::OwnedFd::from(socket));
    let accepted = listen::tcp(tokio::net::TcpListener::from_std(listener).unwrap());
    let start = Instant::now();
    let attempts: Vec<_> = accepted.take(3).collect().await;
    assert!(attempts.iter().all(Result::is_err));
    assert_eq!(start.elapsed(), Duration::from_millis(300));
}

/// What a stock client is told that finds no place: the alert, then the end.
async fn refused(memory: &Memory) -> u64 {
    let start = Instant::now();
    let mut said = Vec::new();
    memory.open().await.read_to_end(&mut said).await.unwrap();
    assert_eq!(said, [21, 3, 3, 0, 2, 2, 80], "internal_error");
    start.elapsed().as_secs()
}

fn count_of(server: &TestServer, kind: &str) -> u64 {
    let counts = server.door.telemetry().counts();
    counts.into_iter().find(|(name, _)| *name == kind).unwrap().1
}

#[tokio::test(start_paused = true)]
async fn connections_beyond_a_limit_hear_so_and_whoever_is_silent_makes_room() {
    for places in [
        door::Limits { visitors_of_a_network: 2, ..Default::default() },
        door::Limits { visitors: 2, ..Default::default() },
    ] {
        let own_network_is_full = places.visitors_of_a_network == 2;
        let (server, memory) = TestServer::in_memory(good_node(), (Limits::default(), places));
        let (first, second) = (memory.open().await, memory.open().await);
        assert_eq!(refused(&memory).await, 0, "the third is refused");
        assert_eq!(count_of(&server, "refused"), 1);
        tokio::time::advance(limits::VISITOR_PATIENCE).await;
        if own_network_is_full {
            let third = memory.open().await;
            assert_eq!(closed_after(first).await, 0, "the oldest makes room");
            assert_eq!(count_of(&server, "made_room"), 1);
            drop(third);
        } else {
            assert_eq!(refused(&memory).await, 0, "nobody has more places than this network");
            drop(first);
        }
        drop(second);
        tokio::time::advance(limits::GOODBYE).await;
        let again = by(memory, &somewhere(), believing(None), Proxies::default()).await.unwrap();
        assert_eq!(check(&again).await.unwrap(), 1, "places are given back");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_all_here_keeps_its_place_until_it_is_answered() {
    let places = door::Limits { visitors_of_a_network: 1, ..Default::default() };
    let (server, memory) = TestServer::in_memory(good_node(), (Limits::default(), places));
    let dial = memory.clone();
    let connection = by(dial, &somewhere(), believing(None), Proxies::default()).await.unwrap();
    let mut request = tonic::Request::new(HealthCheckRequest { service: String::new() });
    request.metadata_mut().insert("x-slow", "1".parse().unwrap());
    let mut slow = HealthClient::new(connection.channel());
    let slow = tokio::spawn(async move { slow.check(request).await.map(|_| ()) });
    tokio::time::sleep(limits::VISITOR_PATIENCE + Duration::from_secs(1)).await;
    assert_eq!(refused(&memory).await, 0);
    assert_eq!(slow.await.unwrap().unwrap_err().code(), Code::DeadlineExceeded, "ours");
    let newcomer = memory.open().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(count_of(&server, "made_room"), 1);
    drop(newcomer);
}

/// A connection whose first read is our own bug.
struct Bomb(DuplexStream, bool);

impl AsyncRead for Bomb {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        assert!(!self.1, "this panic belongs to the test");
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Bomb {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn garbage_an_error_and_a_panic_in_handshakes_do_not_end_the_loop() {
    let (send, accepted) = mpsc::channel(8);
    let accepted = ReceiverStream::new(accepted);
    let _server = TestServer::start(accepted, good_node(), Default::default());
    send.send(Err(io::ErrorKind::ConnectionReset.into())).await.unwrap();
    let open = async |bomb: bool| {
        let (near, far) = tokio::io::duplex(64 * 1024);
        send.send(Ok(Accepted { stream: Bomb(far, bomb), remote: REMOTE })).await.unwrap();
        near
    };
    let mut garbage = open(false).await;
    garbage.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(closed_after(garbage).await, 0);
    let panicked = open(true).await;
    assert_eq!(closed_after(panicked).await, 0);
    let connector = TlsConnector::from(believing(None).config());
    let name = ServerName::try_from("localhost").unwrap();
    assert!(connector.connect(name, open(false).await).await.is_ok());
}

async fn watch_health(connection: &Connection) -> tonic::Streaming<impl Sized + use<>> {
    let request = HealthCheckRequest { service: String::new() };
    let answer = HealthClient::new(connection.channel()).watch(request).await.unwrap();
    answer.into_inner()
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_at_its_limit_although_a_stream_stays_open() {
    let (server, memory) = TestServer::in_memory(good_node(), Default::default());
    let connection = by(memory, &somewhere(), believing(None), Proxies::default()).await.unwrap();
    let mut stream = watch_health(&connection).await;
    assert!(stream.message().await.unwrap().is_some());
    let start = Instant::now();
    server.stop.send(true).unwrap();
    assert_eq!(server.served.await.unwrap(), Drained::Cut);
    assert_eq!(start.elapsed().as_secs(), limits::DRAIN_LIMIT.as_secs());
    assert!(stream.message().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_at_once_when_nothing_is_open() {
    let (server, memory) = TestServer::in_memory(good_node(), Default::default());
    let connection =
        by(memory.clone(), &somewhere(), believing(None), Proxies::default()).await.unwrap();
    assert_eq!(check(&connection).await.unwrap(), 1);
    let start = Instant::now();
    server.stop.send(true).unwrap();
    assert_eq!(server.served.await.unwrap(), Drained::InTime);
    assert_eq!(start.elapsed().as_secs(), 0);
    assert!(memory.0.is_closed(), "nothing is accepted any more");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_cuts_a_slow_request_and_no_stream() {
    let second = Duration::from_secs(1);
    let limits = Limits { deadline: |_| Some(Duration::from_secs(1)), ..Limits::default() };
    let (server, memory) = TestServer::in_memory(good_node(), (limits, Default::default()));
    let connection = by(memory, &somewhere(), believing(None), Proxies::default()).await.unwrap();
    let mut stream = watch_health(&connection).await;
    assert!(stream.message().await.unwrap().is_some());
    let mut request = tonic::Request::new(HealthCheckRequest { service: String::new() });
    request.metadata_mut().insert("x-slow", "1".parse().unwrap());
    let start = Instant::now();
    let status = HealthClient::new(connection.channel()).check(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(start.elapsed().as_secs(), second.as_secs());
    tokio::time::sleep(60 * second).await;
    server.reporter.set_service_status("", ServingStatus::NotServing).await;
    assert!(stream.message().await.unwrap().is_some(), "the stream outlived the deadline");
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_the_limit_of_a_connection_are_shed() {
    let limits = Limits { requests: 1, ..Limits::default() };
    let (_server, memory) = TestServer::in_memory(good_node(), (limits, Default::default()));
    let connection = by(memory, &somewhere(), believing(None), Proxies::default()).await.unwrap();
    let mut request = tonic::Request::new(HealthCheckRequest { service: String::new() });
    request.metadata_mut().insert("x-slow", "1".parse().unwrap());
    let mut slow = HealthClient::new(connection.channel());
    let slow = tokio::spawn(async move { slow.check(request).await.map(|_| ()) });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(check(&connection).await.unwrap_err().code(), Code::ResourceExhausted);
    assert_eq!(slow.await.unwrap().unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!(check(&connection).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_asked_to_go_at_its_age_and_the_client_comes_again() {
    let (server, memory) = TestServer::in_memory(good_node(), Default::default());
    let connection = by(memory, &somewhere(), believing(None), Proxies::default()).await.unwrap();
    let mut stream = watch_health(&connection).await;
    assert!(stream.message().await.unwrap().is_some());
    let start = Instant::now();
    let lived = limits::CONNECTION_AGE + limits::CONNECTION_AGE_GRACE;
    assert!(tokio::time::timeout(2 * lived, stream.message()).await.unwrap().is_err());
    assert_eq!(start.elapsed().as_secs(), lived.as_secs());
    assert_eq!(check(&connection).await.unwrap(), 1);
    drop(server);
}

#[tokio::test]
async fn the_settings_frame_says_the_limits() {
    let (_server, memory) = TestServer::in_memory(good_node(), Default::default());
    let connector = TlsConnector::from(believing(None).config());
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, memory.open().await).await.unwrap();
    // RFC 9113 §3.4: the preface, then an empty SETTINGS frame; the server's own comes first.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "SETTINGS");
    let mut settings = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
    stream.read_exact(&mut settings).await.unwrap();
    let value = |id: u8| {
        let pair = settings.chunks_exact(6).find(|pair| pair[..2] == [0, id]);
        pair.map(|pair| u32::from_be_bytes(pair[2..].try_into().unwrap()))
    };
    assert_eq!(value(3), Some(limits::STREAMS));
    assert_eq!(value(4), Some(limits::STREAM_WINDOW_BYTES));
    assert_eq!(value(6), Some(limits::HEADER_LIST_BYTES));
}

#[tokio::test]
async fn a_new_configuration_is_used_by_the_next_connection() {
    let (send, accepted) = mpsc::channel(8);
    let memory = Memory(send);
    let config = |identity| tls::server::config(identity).unwrap();
    let tls: Arc<ArcSwap<ServerConfig>> = Arc::new(ArcSwap::from_pointee(config(good_node())));
    let (mut accepted, shaking) = (ReceiverStream::new(accepted), Arc::clone(&tls));
    let _shaking = tokio::spawn(async move {
        while let Some(Ok(next)) = accepted.next().await {
            let _ = listen::handshake(next, &shaking, || std::future::ready(())).await;
        }
    });
    let connector = TlsConnector::from(believing(None).config());
    let name = ServerName::try_from("localhost").unwrap();
    assert!(connector.connect(name.clone(), memory.open().await).await.is_ok());
    tls.store(Arc::new(config(node(2, DIRECTORY, VALID))));
    let refused = connector.connect(name, memory.open().await).await.unwrap_err();
    assert!(matches!(ServerFault::find(&refused), Some(ServerFault::UnknownIssuer { .. })));
}

/// The other end, by OpenSSL 3.5 or later through Python: `client PORT` or `server CERT KEY`.
const PEER: &str = r#"
import sys, socket
from OpenSSL import SSL, crypto
context = SSL.Context(SSL.TLS_METHOD)
context.set_min_proto_version(SSL.TLS1_3_VERSION)
if sys.argv[1] == "client":
    context.set_alpn_protos([b"h2"])
    connection = SSL.Connection(context, socket.create_connection(("127.0.0.1", int(sys.argv[2]))))
    connection.set_connect_state()
else:
    context.use_certificate_file(sys.argv[2], crypto.FILETYPE_ASN1)
    context.use_privatekey_file(sys.argv[3], crypto.FILETYPE_ASN1)
    context.set_alpn_select_callback(lambda _, offered: offered[0])
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    connection = SSL.Connection(context, listener.accept()[0])
    connection.set_accept_state()
connection.do_handshake()
print(connection.get_group_name(), flush=True)
sys.stdin.read()
"#;

/// Python, with OpenSSL.
fn peer(arguments: &[&str]) -> std::process::Child {
    let python = |script| {
        let mut python = Command::new("python3");
        python.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        python
    };
    let found = python("import OpenSSL").status();
    assert!(found.is_ok_and(|found| found.success()), "python3 with pyOpenSSL: ./test installs it");
    python(PEER).args(arguments).spawn().unwrap()
}

/// What a process does is waited for on another thread, and not for ever.
async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    soon(what, tokio::task::spawn_blocking(work)).await.unwrap()
}

#[tokio::test]
async fn openssl_agrees_on_the_hybrid_group_in_both_directions() {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = tcp.local_addr().unwrap().port();
    let tls = Arc::new(ArcSwap::from_pointee(tls::server::config(good_node()).unwrap()));
    let client = peer(&["client", &port.to_string()]);
    let mut incoming = std::pin::pin!(listen::tcp(tcp));
    let accepted = soon("a connection", incoming.next()).await.unwrap().unwrap();
    let (connection, info) =
        listen::handshake(accepted, &tls, || std::future::ready(())).await.unwrap();
    assert_eq!(info.group, "X25519MLKEM768");
    drop(connection);
    let said = blocking("its end", || client.wait_with_output().unwrap()).await;
    assert_eq!(String::from_utf8(said.stdout).unwrap().trim(), "X25519MLKEM768");

    let dir = tempfile::tempdir().unwrap();
    let (certificate, secret) = (dir.path().join("node.der"), dir.path().join("node.key"));
    std::fs::write(&certificate, &good_node().chain()[0]).unwrap();
    std::fs::write(&secret, &**key(9).pkcs8()).unwrap();
    let mut server = peer(&["server", certificate.to_str().unwrap(), secret.to_str().unwrap()]);
    let mut said = io::BufReader::new(server.stdout.take().unwrap()).lines();
    let (port, mut said) = blocking("its port", || (said.next().unwrap().unwrap(), said)).await;
    let stream = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).await.unwrap();
    let connector = TlsConnector::from(believing(None).config());
    let name = ServerName::try_from("localhost").unwrap();
    let stream = connector.connect(name, stream).await.unwrap();
    assert_eq!(tls::group(stream.get_ref().1), "X25519MLKEM768");
    let group = blocking("its group", move || said.next().unwrap().unwrap()).await;
    assert_eq!(group, "X25519MLKEM768");
    drop(server.stdin.take());
    blocking("its end", move || server.wait().unwrap()).await;
}
