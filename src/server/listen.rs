//! From accepted sockets to served connections, until the stop.
//!
//! In scope: places, handshakes, what is known of the peer, draining. Out of scope: what a connection
//! carries (`http2`), who may do what. Invariants: whatever one peer does, the loop goes on; a peer
//! that does nothing is cut; after the stop, everything is closed within the drain limit.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::{Stream, StreamExt as _};
use http::{Request, Response};
use ipnet::IpNet;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::body::Body;
use tower::Service;

use crate::crypto::cert::PeerCertificate;
use crate::crypto::sign::KeyId;
use crate::domain::access::Face;
use crate::domain::limits;
use crate::domain::network::Network;
use crate::domain::peer::AuthenticPeer;
use crate::service::door::{Busy, Door, Session, Slot};
use crate::service::telemetry::Event;
use crate::tls::{self, Link, PeerInfo};

use super::http2::turned;
use super::{http2, proxied};

pub use super::limits::Limits;

/// A connection as the listener hands it over, before a byte was read.
#[derive(Debug)]
pub struct Accepted<S> {
    /// The connection's bytes, both ways.
    pub stream: S,
    /// Whom they come from.
    pub remote: SocketAddr,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every connection closed by itself.
    InTime,
    /// The rest was cut at the limit.
    Cut,
}

/// Whose a key is that comes from there.
pub type Who = Arc<dyn Fn(Option<&KeyId>, Network) -> AuthenticPeer + Send + Sync>;

/// Where connections come in.
#[derive(Clone)]
pub struct Entrance {
    /// The node's TLS: replaced whole, for new connections.
    pub tls: Arc<ArcSwap<ServerConfig>>,
    /// Who is let in.
    pub door: Arc<Door>,
    /// Whom the directory knows.
    pub who: Who,
    /// For whom it is.
    pub face: Face,
    /// What one connection may take.
    pub limits: Limits,
    /// Balancers that say whom a connection is from.
    pub trusted_proxies: Arc<[IpNet]>,
}

/// The connections of a TCP listener. `TCP_NODELAY` is set on each; when the system is out of
/// descriptors, the next attempt waits for a tenth of a second.
pub fn tcp(listener: TcpListener) -> impl Stream<Item = io::Result<Accepted<TcpStream>>> + Send {
    futures_util::stream::unfold(listener, |listener| async {
        let accepted = match listener.accept().await {
            Ok((stream, remote)) => stream.set_nodelay(true).map(|()| Accepted { stream, remote }),
            Err(error) => {
                sleep(Duration::from_millis(100)).await;
                Err(error)
            }
        };
        Some((accepted, listener))
    })
}

/// No connection at all: of a service without an administration's listener.
pub fn nobody<S>() -> impl Stream<Item = io::Result<Accepted<S>>> + Send
where
    S: Send,
{
    futures_util::stream::empty()
}

/// Serves `service` on `accepted` until `stop` turns true (or its sender is gone), then drains:
/// no new connection, GOAWAY on the old ones, a cut at the limit. A stream handler must watch a
/// clone of `stop` itself and end its stream, or it is cut.
pub async fn serve<V, S, I>(
    service: V,
    accepted: I,
    entrance: Entrance,
    stop: watch::Receiver<bool>,
) -> Drained
where
    V: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    V::Future: Send,
    V::Error: Into<tower::BoxError> + Send,
    S: Link,
    I: Stream<Item = io::Result<Accepted<S>>> + Send,
{
    let mut connections = JoinSet::new();
    let goodbyes = Arc::new(Semaphore::new(entrance.limits.goodbyes));
    // Who is accepted faster than places are found would take all descriptors.
    let step = Arc::new(Semaphore::new(entrance.limits.goodbyes));
    {
        let mut accepted = std::pin::pin!(accepted);
        let stopping = turned(stop.clone());
        tokio::pin!(stopping);
        loop {
            tokio::select! {
                () = &mut stopping => break,
                Some(ended) = connections.join_next() => entrance.ended(ended),
                (stands, next) = async {
                    let stands = Arc::clone(&step).acquire_owned().await;
                    (stands, accepted.next().await)
                } => match next {
                    None => break,
                    Some(Err(error)) => entrance.door.say(&Event::CannotAccept(&error)),
                    Some(Ok(next)) => {
                        let (entrance, goodbyes) = (entrance.clone(), Arc::clone(&goodbyes));
                        let (service, stop) = (service.clone(), stop.clone());
                        connections.spawn(entrance.welcome(next, service, stop, stands, goodbyes));
                    }
                },
            }
        }
    }
    let limit = async {
        turned(stop).await;
        sleep(entrance.limits.drain).await;
    };
    tokio::pin!(limit);
    loop {
        tokio::select! {
            ended = connections.join_next() => match ended {
                Some(ended) => entrance.ended(ended),
                None => return Drained::InTime,
            },
            () = &mut limit => break,
        }
    }
    entrance.door.say(&Event::Cut);
    connections.shutdown().await;
    Drained::Cut
}

/// An alert before the handshake: internal_error, for TLS has no word for "full" (RFC 8446 6.2).
const FULL: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];

/// Says so, and waits a moment until it may have been read: a socket that is closed with bytes unread
/// takes back what it said.
async fn say_full(mut stream: impl Link) {
    let said = async {
        stream.write_all(&FULL).await?;
        stream.shutdown().await?;
        let mut unread = [0; 2_048];
        while stream.read(&mut unread).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = timeout(limits::GOODBYE, said).await;
}

impl Entrance {
    /// Finds out whom a connection is from, and a place for it.
    async fn welcome<V, S>(
        self,
        mut accepted: Accepted<S>,
        service: V,
        stop: watch::Receiver<bool>,
        stands: Result<OwnedSemaphorePermit, AcquireError>,
        goodbyes: Arc<Semaphore>,
    ) where
        V: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
        V::Future: Send,
        V::Error: Into<tower::BoxError> + Send,
        S: Link,
    {
        let remote = accepted.remote;
        if proxied::is_trusted(&self.trusted_proxies, remote.ip()) {
            let said = proxied::remote(&mut accepted.stream, remote);
            let said = timeout(limits::PROXY_HEADER_TIMEOUT, said).await;
            match said.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(remote) => accepted.remote = remote,
                Err(why) => return self.door.say(&Event::NoProxyHeader(&why, remote)),
            }
        }
        let network = Network::of(accepted.remote.ip());
        let whose = |key: &KeyId| (self.who)(Some(key), network).party();
        match self.door.arrive(accepted.remote.ip(), whose) {
            Ok(place) => {
                drop(stands);
                Arriving { entrance: self, accepted, place }.serve(service, stop).await;
            }
            Err(full) => {
                self.door.say(&Event::Refused(full, accepted.remote));
                if let Ok(_place) = goodbyes.try_acquire() {
                    drop(stands);
                    say_full(accepted.stream).await;
                }
            }
        }
    }

    fn ended(&self, ended: Result<(), tokio::task::JoinError>) {
        if ended.is_err_and(|why| why.is_panic()) {
            self.door.say(&Event::Panicked("a connection"));
        }
    }
}

/// A connection that has its place, and no handshake yet.
struct Arriving<S> {
    entrance: Entrance,
    accepted: Accepted<S>,
    place: Slot,
}

impl<S: Link> Arriving<S> {
    async fn serve<V>(self, service: V, stop: watch::Receiver<bool>)
    where
        V: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
        V::Future: Send,
        V::Error: Into<tower::BoxError> + Send,
    {
        let (leave, door) = (self.place.leave(), Arc::clone(&self.entrance.door));
        let remote = self.accepted.remote;
        tokio::select! {
            () = leave.notified() => door.say(&Event::MadeRoom(remote)),
            () = self.serve_here(service, stop) => {}
        }
    }

    async fn serve_here<V>(self, service: V, stop: watch::Receiver<bool>)
    where
        V: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
        V::Future: Send,
        V::Error: Into<tower::BoxError> + Send,
    {
        let Self { entrance, accepted, mut place } = self;
        let Entrance { tls, door, who, face, limits, .. } = entrance;
        let remote = accepted.remote;
        let shaken = Box::pin(handshake(accepted, &tls, || place.turn()));
        let shaken = timeout(limits.handshake_timeout, shaken).await;
        let (stream, info) = match shaken {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => return door.say(&Event::HandshakeFailed(&error, remote)),
            Err(_) => return door.say(&Event::HandshakeTooSlow(remote)),
        };
        let key = info.certificate.as_ref().map(|certificate| certificate.key_id());
        let network = Network::of(remote.ip());
        let peer = who(key.as_ref(), network);
        match place.identify(key, &peer) {
            Ok(()) => {
                let since = door.now();
                let dropped = place.opens(Session { face, since, remote, key, group: info.group });
                let party = Box::new(move || who(key.as_ref(), network).party());
                let serving = http2::serve(stream, info, place, party, service, limits, stop);
                tokio::select! {
                    () = dropped.notified() => door.say(&Event::Dropped(remote)),
                    () = Box::pin(serving) => {}
                }
            }
            Err(full) => {
                door.say(&Event::Refused(full, remote));
                let busy = Busy::of("too many connections", &peer, limits::SOON);
                Box::pin(http2::refuse(stream, busy)).await;
            }
        }
    }
}

/// Does the handshake, and reads the certificate, if there is one. Each step is computed in a `turn` of
/// its own, which is not held while the peer is waited for.
///
/// # Errors
/// What the peer did not do.
pub async fn handshake<S: Link, T, F: Future<Output = T>>(
    accepted: Accepted<S>,
    tls: &ArcSwap<ServerConfig>,
    turn: impl Fn() -> F,
) -> io::Result<(Box<TlsStream<S>>, PeerInfo)> {
    let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), accepted.stream);
    let hello = hello.await?;
    let mut in_turn = turn().await;
    let mut shaking = hello.into_stream(tls.load_full());
    let stream = loop {
        let computed = poll_fn(|context| Poll::Ready(Pin::new(&mut shaking).poll(context))).await;
        drop(in_turn);
        if let Poll::Ready(done) = computed {
            break Box::new(done?);
        }
        woken().await;
        in_turn = turn().await;
    };
    let (_, connection) = stream.get_ref();
    let certificate = match connection.peer_certificates().and_then(<[_]>::first) {
        None => None,
        Some(leaf) => Some(Arc::new(PeerCertificate::parse(leaf).map_err(io::Error::other)?)),
    };
    let info = PeerInfo { certificate, group: tls::group(connection), remote: accepted.remote };
    Ok((stream, info))
}

/// Resolves when the task is woken next.
async fn woken() {
    let mut is_waiting = false;
    poll_fn(
        |_| if std::mem::replace(&mut is_waiting, true) { Poll::Ready(()) } else { Poll::Pending },
    )
    .await;
}
