//! Reaching a service: name, TCP, perhaps a proxy, TLS, HTTP/2.
//!
//! In scope: the legs of a connection, each with its deadline and its own error. Out of scope: the
//! environment (its values are arguments), calls. Invariant: of what fails, the person at the
//! screen learns which leg it was and on whose side.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};
use zeroize::Zeroizing;

use crate::domain::limits;
use crate::tls::client::{Broken, ClientTls, ServerFault};
use crate::tls::{self, Link};

use crate::client::address::{Address, InvalidAddress};

/// The future of [`Dial::dial`].
pub type Dialing<'a> =
    Pin<Box<dyn Future<Output = Result<Box<dyn Link>, ConnectError>> + Send + 'a>>;

/// The way to an address: TCP, or memory in tests.
pub trait Dial: Send + Sync + 'static {
    /// Opens a byte stream to `address`, a server or a proxy.
    fn dial<'a>(&'a self, address: &'a Address) -> Dialing<'a>;
}

/// Which leg of a connection failed, and on whose side.
#[derive(Debug, Clone, thiserror::Error)]
#[expect(missing_docs, reason = "their sentences say what the fields are")]
pub enum ConnectError {
    /// Not an address at all.
    #[error(transparent)]
    BadAddress(#[from] InvalidAddress),
    /// No resolver knows the name, or none answers.
    #[error("the name {host} cannot be looked up")]
    Lookup {
        /// The name that was looked up.
        host: String,
        /// What the resolver said.
        source: Arc<io::Error>,
    },
    /// No TCP connection came about.
    #[error("no TCP connection to {address}")]
    Tcp {
        /// A server or a proxy.
        address: Address,
        /// What the system said, of the last address tried.
        source: Arc<io::Error>,
    },
    /// The way to the proxy.
    #[error("the proxy {proxy} (HTTPS_PROXY) cannot be reached")]
    NoProxy {
        proxy: Address,
        /// Name look-up or TCP.
        source: Box<ConnectError>,
    },
    /// The proxy answered, and not with 2xx.
    #[error("the proxy {proxy} refused the connection with status {status}")]
    ProxyRefused {
        proxy: Address,
        /// Its status: 407 wants credentials, 403 does not allow the server, 502 cannot reach it.
        status: u16,
    },
    /// The proxy did not speak HTTP, broke off, or spoke out of turn.
    #[error("the proxy {proxy} did not answer CONNECT as HTTP says")]
    ProxyGarbled {
        proxy: Address,
        /// What broke, if the system said.
        source: Option<Arc<io::Error>>,
    },
    /// Through a proxy, a certificate of another issuer.
    #[error("something opens TLS on the way to {address}: issuer {issuer}; asked through {proxy}")]
    Intercepted {
        proxy: Address,
        /// The server that we wanted.
        address: Address,
        /// Who the certificate says has issued it. Unproven text, for people.
        issuer: String,
    },
    /// The server is not the one of the charter.
    #[error("the server {address} is not believed")]
    Server {
        address: Address,
        /// Why it is not believed.
        source: ServerFault,
    },
    /// The TLS handshake was ended before a certificate was judged.
    #[error("no TLS connection to {address}")]
    Handshake {
        address: Address,
        /// How it was ended.
        source: Broken,
    },
    /// The connection broke during the TLS handshake.
    #[error("no TLS connection to {address}")]
    Tls {
        address: Address,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The server speaks TLS, but not the protocol above it.
    #[error("{address} does not speak HTTP/2")]
    NotHttp2 { address: Address },
    /// A leg took too long.
    #[error("{leg} with {address} took longer than {seconds} s")]
    TimedOut {
        leg: Leg,
        /// The server or the proxy.
        address: Address,
        /// How long it had, in seconds.
        seconds: u64,
    },
}

/// One part of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leg {
    /// Name look-up and TCP.
    Tcp,
    /// The proxy's answer to CONNECT.
    Proxy,
    /// The TLS handshake.
    Tls,
}

impl Leg {
    /// Its word, which scripts may read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
        }
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "the TCP connection",
            Self::Proxy => "the proxy's answer",
            Self::Tls => "the TLS handshake",
        })
    }
}

impl ConnectError {
    /// The failed leg behind an error of a channel: a `tonic::transport::Error` or a
    /// `tonic::Status`.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

/// TCP by the system's resolver: the addresses of a name in their order, `TCP_NODELAY` set.
#[derive(Debug, Clone, Copy)]
pub struct Tcp;

impl Dial for Tcp {
    fn dial<'a>(&'a self, address: &'a Address) -> Dialing<'a> {
        Box::pin(async move {
            let stream = timeout(limits::DIAL_TIMEOUT, tcp(address)).await.map_err(|_| {
                let seconds = limits::DIAL_TIMEOUT.as_secs();
                ConnectError::TimedOut { leg: Leg::Tcp, address: address.clone(), seconds }
            })??;
            Ok(Box::new(stream) as Box<dyn Link>)
        })
    }
}

async fn tcp(address: &Address) -> Result<TcpStream, ConnectError> {
    let no_name = |source: io::Error| ConnectError::Lookup {
        host: address.host().to_owned(),
        source: Arc::new(source),
    };
    let found = tokio::net::lookup_host((address.host(), address.port()));
    let mut last = None;
    for socket in found.await.map_err(no_name)? {
        let attempt = timeout(limits::DIAL_ADDRESS_TIMEOUT, TcpStream::connect(socket)).await;
        match attempt.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                // A connection without it is slow, not wrong.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    let source = last.unwrap_or_else(|| io::ErrorKind::NotFound.into());
    Err(ConnectError::Tcp { address: address.clone(), source: Arc::new(source) })
}

/// An HTTP proxy that does CONNECT.
#[derive(Clone)]
pub struct Proxy {
    address: Address,
    authorization: Option<Zeroizing<String>>,
}

/// A value of `HTTPS_PROXY` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a proxy as http://[user:password@]host[:port]")]
pub struct InvalidProxy;

impl Proxy {
    /// Reads `http://[user:password@]host[:port]`, the scheme optional, the port 80 unless given.
    /// TLS *to* a proxy is not spoken.
    ///
    /// # Errors
    /// [`InvalidProxy`]; it does not repeat the text, which may hold a password.
    pub fn parse(url: &str) -> Result<Self, InvalidProxy> {
        let rest = url.strip_prefix("http://").unwrap_or(url);
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (userinfo, authority) = match rest.rsplit_once('@') {
            Some((userinfo, authority)) => (Some(userinfo), authority),
            None => (None, rest),
        };
        let address = Address::or_port(authority, 80).map_err(|_| InvalidProxy)?;
        let authorization = match userinfo {
            None => None,
            Some(userinfo) => {
                let decoded = Zeroizing::new(percent_decoded(userinfo).ok_or(InvalidProxy)?);
                Some(Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(&*decoded))))
            }
        };
        Ok(Self { address, authorization })
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({}, credentials withheld)", self.address)
    }
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let pair = [bytes.next()?, bytes.next()?];
                decoded.extend(hex::decode(pair).ok()?);
            }
            byte => decoded.push(byte),
        }
    }
    Some(decoded)
}

/// Which proxy to take to which host: the values of `HTTPS_PROXY` and `NO_PROXY`.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    proxy: Option<Proxy>,
    direct: Vec<String>,
}

impl Proxies {
    /// Takes the two values as the environment holds them; empty is the same as none.
    ///
    /// # Errors
    /// [`InvalidProxy`].
    pub fn new(https_proxy: Option<&str>, no_proxy: Option<&str>) -> Result<Self, InvalidProxy> {
        let proxy = https_proxy.map(str::trim).filter(|url| !url.is_empty());
        let direct = no_proxy.unwrap_or_default().split(',').map(str::trim);
        Ok(Self {
            proxy: proxy.map(Proxy::parse).transpose()?,
            direct: direct.filter(|rule| !rule.is_empty()).map(str::to_ascii_lowercase).collect(),
        })
    }

    /// The proxy to take to `address`, none if it is to be reached directly: `*`, a name and all
    /// names below it (with or without a leading dot), an address, or a network as `net/bits`.
    #[must_use]
    pub fn to(&self, address: &Address) -> Option<&Proxy> {
        let host = address.host().to_ascii_lowercase();
        let direct = self.direct.iter().any(|rule| is_direct(rule, &host));
        self.proxy.as_ref().filter(|_| !direct)
    }
}

fn is_direct(rule: &str, host: &str) -> bool {
    if rule == "*" || rule == host {
        return true;
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return in_network(rule, address);
    }
    let domain = rule.trim_start_matches("*.").trim_start_matches('.');
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn in_network(rule: &str, address: IpAddr) -> bool {
    let (network, bits) = rule.split_once('/').unwrap_or((rule, "128"));
    let Ok(bits) = bits.parse::<u32>() else { return false };
    let left = |width: u32| width.saturating_sub(bits);
    match (network.trim_matches(['[', ']']).parse(), address) {
        (Ok(IpAddr::V4(network)), IpAddr::V4(address)) => {
            (network.to_bits() ^ address.to_bits()).checked_shr(left(32)).unwrap_or(0) == 0
        }
        (Ok(IpAddr::V6(network)), IpAddr::V6(address)) => {
            (network.to_bits() ^ address.to_bits()).checked_shr(left(128)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// A channel that reconnects by itself, and what its last handshake agreed on.
#[derive(Clone, Debug)]
pub struct Connection {
    channel: Channel,
    handshake: Arc<Mutex<Handshake>>,
}

/// What the last handshake agreed on.
#[derive(Clone, Debug)]
struct Handshake {
    group: &'static str,
    certificate: Vec<u8>,
}

impl Connection {
    /// For the generated clients.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// The group of the last handshake: `X25519MLKEM768` if the server is one of ours.
    #[must_use]
    pub fn group(&self) -> &'static str {
        self.handshake.lock().unwrap_or_else(PoisonError::into_inner).group
    }

    /// The server's certificate in DER, as it was shown in the last handshake.
    #[must_use]
    pub fn certificate(&self) -> Vec<u8> {
        self.handshake.lock().unwrap_or_else(PoisonError::into_inner).certificate.clone()
    }
}

/// Everything a connection needs, by value, for it is made again after every loss.
#[derive(Clone)]
pub struct Route {
    /// The way to an address.
    pub dial: Arc<dyn Dial>,
    /// The server to connect to.
    pub address: Address,
    /// Proxies, if any.
    pub proxies: Proxies,
    /// Whom to believe, and who we are.
    pub tls: ClientTls,
}

/// Connects once, so that faults show at once, and again whenever the connection is lost. In
/// TLS 1.3 the server's refusal of *our* certificate arrives with the first call, not here.
///
/// # Errors
/// [`ConnectError`] of the first connection. Later ones are found in a call's status by
/// [`ConnectError::find`].
pub async fn connect(route: Route) -> Result<Connection, ConnectError> {
    let address = route.address.clone();
    let handshake = Handshake { group: "none", certificate: Vec::new() };
    let handshake = Arc::new(Mutex::new(handshake));
    let endpoint = endpoint(&address)?;
    let slot = Arc::clone(&handshake);
    let connector = tower::service_fn(move |_: http::Uri| {
        let (route, slot) = (route.clone(), Arc::clone(&slot));
        async move {
            let stream = open(&route).await?;
            let tls = stream.get_ref().1;
            let certificate = tls.peer_certificates().and_then(<[_]>::first);
            let certificate = certificate.map(|der| der.to_vec()).unwrap_or_default();
            let agreed = Handshake { group: tls::group(tls), certificate };
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = agreed;
            Ok::<_, ConnectError>(TokioIo::new(stream))
        }
    });
    let channel = endpoint.connect_with_connector(connector).await.map_err(|error| {
        ConnectError::find(&error).cloned().unwrap_or(ConnectError::NotHttp2 { address })
    })?;
    Ok(Connection { channel, handshake })
}

fn endpoint(address: &Address) -> Result<Endpoint, ConnectError> {
    let bad = || InvalidAddress::name(address);
    let origin = format!("https://{address}").parse().map_err(|_| bad())?;
    // TLS is ours, so tonic must not think of its own: hence http here, and https in the requests.
    Ok(Endpoint::from_shared(format!("http://{address}"))
        .map_err(|_| bad())?
        .origin(origin)
        .user_agent(concat!("liaison/", env!("CARGO_PKG_VERSION")))
        .map_err(|_| bad())?
        .http2_keep_alive_interval(limits::KEEPALIVE_INTERVAL)
        .keep_alive_timeout(limits::KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .http2_adaptive_window(false)
        .http2_max_header_list_size(limits::HEADER_LIST_BYTES)
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES))
}

/// One connection, leg by leg.
async fn open(route: &Route) -> Result<TlsStream<Box<dyn Link>>, ConnectError> {
    let address = &route.address;
    let stream = match handshake(route, route.tls.config()).await? {
        Ok(stream) => stream,
        Err(error) => return Err(not_ours(route, error).await),
    };
    if stream.get_ref().1.alpn_protocol() != Some(tls::ALPN) {
        return Err(ConnectError::NotHttp2 { address: address.clone() });
    }
    Ok(stream)
}

/// To the end of the TLS handshake. The inner error is its own.
async fn handshake(
    route: &Route,
    config: Arc<ClientConfig>,
) -> Result<io::Result<TlsStream<Box<dyn Link>>>, ConnectError> {
    let address = &route.address;
    let stream = match route.proxies.to(address) {
        None => route.dial.dial(address).await?,
        Some(proxy) => {
            let no_proxy =
                |why| ConnectError::NoProxy { proxy: proxy.address.clone(), source: Box::new(why) };
            let stream = route.dial.dial(&proxy.address).await.map_err(no_proxy)?;
            through(stream, proxy, address).await?
        }
    };
    let name = ServerName::try_from(address.host().to_owned());
    let name = name.map_err(|_| InvalidAddress::name(address))?;
    let handshake = TlsConnector::from(config).connect(name, stream);
    timeout(limits::HANDSHAKE_TIMEOUT, handshake).await.map_err(|_| {
        let seconds = limits::HANDSHAKE_TIMEOUT.as_secs();
        ConnectError::TimedOut { leg: Leg::Tls, address: address.clone(), seconds }
    })
}

/// Why a handshake failed. Who ended it before a certificate was judged is asked once more for the
/// certificate alone, so that a gateway is named.
async fn not_ours(route: &Route, error: io::Error) -> ConnectError {
    let address = route.address.clone();
    let mut fault = ServerFault::find(&error).cloned();
    let broken = Broken::find(&error);
    if fault.is_none()
        && broken.is_some_and(|broken| broken != Broken::NoPlace)
        && let Some(asking) = route.tls.asking()
        && let Ok(Err(shown)) = handshake(route, asking).await
    {
        fault = ServerFault::find(&shown).cloned();
    }
    match (fault, route.proxies.to(&address), broken) {
        (Some(ServerFault::UnknownIssuer { issuer }), Some(proxy), _) => {
            ConnectError::Intercepted { proxy: proxy.address.clone(), address, issuer }
        }
        (Some(source), _, _) => ConnectError::Server { address, source },
        (None, _, Some(source)) => ConnectError::Handshake { address, source },
        (None, _, None) if error.kind() == io::ErrorKind::UnexpectedEof => {
            ConnectError::Handshake { address, source: Broken::Closed }
        }
        (None, _, None) => ConnectError::Tls { address, source: Arc::new(error) },
    }
}

/// RFC 9110 §9.3.6.
async fn through(
    mut stream: Box<dyn Link>,
    proxy: &Proxy,
    address: &Address,
) -> Result<Box<dyn Link>, ConnectError> {
    let garbled = |error: Option<io::Error>| ConnectError::ProxyGarbled {
        proxy: proxy.address.clone(),
        source: error.map(Arc::new),
    };
    let answer = timeout(limits::PROXY_TIMEOUT, ask(&mut stream, proxy, address)).await;
    let answer = answer.map_err(|_| ConnectError::TimedOut {
        leg: Leg::Proxy,
        address: proxy.address.clone(),
        seconds: limits::PROXY_TIMEOUT.as_secs(),
    })?;
    match status(&answer.map_err(|error| garbled(Some(error)))?) {
        Some(200..=299) => Ok(stream),
        Some(status) => Err(ConnectError::ProxyRefused { proxy: proxy.address.clone(), status }),
        None => Err(garbled(None)),
    }
}

/// The head of the proxy's answer. It is read byte by byte, so that nothing behind it is lost.
async fn ask(stream: &mut Box<dyn Link>, proxy: &Proxy, address: &Address) -> io::Result<Vec<u8>> {
    let mut request = Zeroizing::new(format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n"));
    if let Some(authorization) = &proxy.authorization {
        request.push_str("Proxy-Authorization: ");
        request.push_str(authorization);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == limits::PROXY_ANSWER_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}

/// `HTTP/1.1 200 …`
fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head.split(|byte| *byte == b'\r').next()?).ok()?;
    let mut words = line.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next().filter(|status| status.len() == 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_names_hosts_domains_addresses_and_networks() {
        let rules = " .gov.example, relay.example,10.0.0.0/8 ,192.0.2.1,fd00::/8";
        let proxies = Proxies::new(Some("proxy.example:3128"), Some(rules)).unwrap();
        for (host, direct) in [
            ("a.gov.example", true),
            ("gov.example", true),
            ("notgov.example", false),
            ("RELAY.example", true),
            ("a.relay.example", true),
            ("10.1.2.3", true),
            ("11.1.2.3", false),
            ("192.0.2.1", true),
            ("192.0.2.2", false),
            ("[fd12::1]", true),
            ("[fe80::1]", false),
        ] {
            let address = Address::parse(host).unwrap();
            assert_eq!(proxies.to(&address).is_none(), direct, "{host}");
        }
        let all = Proxies::new(Some("http://proxy.example"), Some("*")).unwrap();
        assert!(all.to(&Address::parse("a").unwrap()).is_none());
        let none = Proxies::new(Some(""), None).unwrap();
        assert!(none.to(&Address::parse("a").unwrap()).is_none());
    }

    #[test]
    fn a_proxys_password_is_decoded_sent_and_never_shown() {
        let proxy = Proxy::parse("http://me:p%40ss@proxy.example:3128/").unwrap();
        assert_eq!(proxy.address.to_string(), "proxy.example:3128");
        let sent = proxy.authorization.as_ref().map(|value| value.as_str());
        assert_eq!(sent, Some("Basic bWU6cEBzcw=="));
        assert!(!format!("{proxy:?}").contains("bWU6"));
        for url in ["https://proxy.example", "http://", "http://a:%4@b", "socks5://a"] {
            assert_eq!(Proxy::parse(url).err(), Some(InvalidProxy), "{url}");
        }
    }

    #[test]
    fn only_http_answers_have_a_status() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\n\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 407\r\n\r\n"), Some(407));
        for head in [&b"SSH-2.0-x\r\n\r\n"[..], b"HTTP/1.1 20\r\n\r\n", b"\r\n\r\n", b"HTTP/1.1"] {
            assert_eq!(status(head), None);
        }
    }
}
