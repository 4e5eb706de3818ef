//! From accepted sockets to served connections, within limits, until the stop.
//!
//! In scope: handshakes, what is known of the peer, the settings of HTTP/2, deadlines, draining.
//! Out of scope: who may do what. Invariants: whatever one peer does, the loop goes on; a peer
//! that does nothing is cut; after the stop, everything is closed within the drain limit.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::{Stream, StreamExt as _};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout, timeout_at};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tower::Service;
use tracing::{debug, warn};

use crate::crypto::cert::PeerCertificate;
use crate::domain::limits;
use crate::tls::{self, Link, PeerInfo};

/// A connection as the listener hands it over, before a byte was read.
#[derive(Debug)]
pub struct Accepted<S> {
    /// The bytes.
    pub stream: S,
    /// Whom they come from.
    pub remote: SocketAddr,
}

/// The limits of one listener, by default those of [`limits`].
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// [`limits::HANDSHAKE_TIMEOUT`].
    pub handshake_timeout: Duration,
    /// [`limits::FIRST_BYTE_TIMEOUT`].
    pub first_byte_timeout: Duration,
    /// [`limits::HANDSHAKES`].
    pub handshakes: usize,
    /// [`limits::CONNECTIONS`].
    pub connections: usize,
    /// [`limits::CONNECTIONS_PER_ADDRESS`].
    pub connections_per_address: usize,
    /// [`limits::CONNECTION_AGE`].
    pub connection_age: Duration,
    /// [`limits::CONNECTION_AGE_GRACE`].
    pub connection_age_grace: Duration,
    /// [`limits::STREAMS`].
    pub streams: u32,
    /// [`limits::REQUESTS`].
    pub requests: usize,
    /// [`limits::DRAIN_LIMIT`].
    pub drain: Duration,
    /// How long a request may take from its headers to the headers of its answer, by its path
    /// (`/package.Service/Method`). A unary method ends with them, so this bounds it whole; a
    /// server stream only opens within it and is never cut by it. `None` for methods that read a
    /// stream of the client before they answer.
    pub deadline: fn(path: &str) -> Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_timeout: limits::HANDSHAKE_TIMEOUT,
            first_byte_timeout: limits::FIRST_BYTE_TIMEOUT,
            handshakes: limits::HANDSHAKES,
            connections: limits::CONNECTIONS,
            connections_per_address: limits::CONNECTIONS_PER_ADDRESS,
            connection_age: limits::CONNECTION_AGE,
            connection_age_grace: limits::CONNECTION_AGE_GRACE,
            streams: limits::STREAMS,
            requests: limits::REQUESTS,
            drain: limits::DRAIN_LIMIT,
            deadline: |_path| Some(limits::REQUEST_DEADLINE),
        }
    }
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every connection closed by itself.
    InTime,
    /// The rest was cut at the limit.
    Cut,
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

/// Serves `service` on `accepted` until `stop` turns true (or its sender is gone), then drains:
/// no new connection, GOAWAY on the old ones, a cut at the limit. A stream handler must watch a
/// clone of `stop` itself and end its stream, or it is cut.
///
/// # Errors
/// What tonic reports; no fault of a single connection does.
pub async fn serve<V, S, I>(
    service: V,
    accepted: I,
    tls: Arc<ArcSwap<ServerConfig>>,
    limits: Limits,
    stop: watch::Receiver<bool>,
) -> Result<Drained, tonic::transport::Error>
where
    V: Service<http::Request<Body>, Response = http::Response<Body>> + Clone + Send + 'static,
    V::Future: Send,
    V::Error: Into<tower::BoxError> + Send,
    S: Link,
    I: Stream<Item = io::Result<Accepted<S>>> + Send + 'static,
{
    let (cut, being_cut) = watch::channel(false);
    let incoming = handshakes(accepted, tls, limits, being_cut);
    let service = Deadlines { inner: service, deadline: limits.deadline };
    let server = Server::builder()
        .max_concurrent_streams(limits.streams)
        .concurrency_limit_per_connection(limits.requests)
        .load_shed(true)
        .max_connection_age(limits.connection_age)
        .max_connection_age_grace(limits.connection_age_grace)
        .http2_keepalive_interval(Some(limits::KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(limits::KEEPALIVE_TIMEOUT))
        .http2_adaptive_window(Some(false))
        .http2_max_header_list_size(limits::HEADER_LIST_BYTES)
        .http2_max_pending_accept_reset_streams(Some(limits::PENDING_ACCEPT_RESETS))
        .http2_max_local_error_reset_streams(Some(limits::LOCAL_ERROR_RESETS))
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .accept_http1(false)
        .serve_with_incoming_shutdown(service, incoming, turned(stop.clone()));
    let mut server = std::pin::pin!(server);
    let limit = async {
        turned(stop).await;
        sleep(limits.drain).await;
    };
    tokio::select! {
        ended = &mut server => return ended.map(|()| Drained::InTime),
        () = limit => {}
    }
    warn!("connections are still open at the drain limit, cutting them");
    cut.send_replace(true);
    server.await.map(|()| Drained::Cut)
}

/// Does the handshakes of `accepted` and yields the connections that are ready. Ends with
/// `accepted`. All of it stops when the stream is dropped; the connections it has yielded are cut
/// when `cut` turns true.
pub fn handshakes<S, I>(
    accepted: I,
    tls: Arc<ArcSwap<ServerConfig>>,
    limits: Limits,
    cut: watch::Receiver<bool>,
) -> Incoming<S>
where
    S: Link,
    I: Stream<Item = io::Result<Accepted<S>>> + Send + 'static,
{
    let (send, ready) = mpsc::channel(limits.handshakes.max(1));
    let door = Door {
        tls,
        limits,
        cut,
        ready: send,
        computing: Arc::new(Semaphore::new(limits.handshakes)),
        connections: Arc::new(Semaphore::new(limits.connections)),
        addresses: Arc::default(),
    };
    Incoming { ready, task: tokio::spawn(door.keep(accepted)) }
}

/// The connections whose handshake is done.
#[derive(Debug)]
pub struct Incoming<S> {
    ready: mpsc::Receiver<Conn<S>>,
    task: JoinHandle<()>,
}

impl<S> Drop for Incoming<S> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<S> Stream for Incoming<S> {
    type Item = io::Result<Conn<S>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.ready.poll_recv(cx).map(|next| next.map(Ok))
    }
}

struct Door<S> {
    tls: Arc<ArcSwap<ServerConfig>>,
    limits: Limits,
    cut: watch::Receiver<bool>,
    ready: mpsc::Sender<Conn<S>>,
    computing: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    addresses: Addresses,
}

impl<S: Link> Door<S> {
    /// Each handshake is a task of its own, so that its panic is its own.
    async fn keep(self, accepted: impl Stream<Item = io::Result<Accepted<S>>> + Send) {
        let mut accepted = std::pin::pin!(accepted);
        let mut handshakes = JoinSet::new();
        loop {
            tokio::select! {
                Some(ended) = handshakes.join_next() => if let Err(error) = ended {
                    warn!(%error, "a handshake panicked");
                },
                next = accepted.next() => match next {
                    None => break,
                    Some(Err(error)) => warn!(%error, "cannot accept a connection"),
                    Some(Ok(next)) => if let Some(slot) = self.slot(next.remote) {
                        handshakes.spawn(self.handshake(next, slot));
                    },
                },
            }
        }
        while handshakes.join_next().await.is_some() {}
    }

    fn slot(&self, remote: SocketAddr) -> Option<Slot> {
        let Ok(total) = Arc::clone(&self.connections).try_acquire_owned() else {
            debug!(%remote, "connection refused: all connections are taken");
            return None;
        };
        let Some(address) = Address::take(&self.addresses, remote.ip(), &self.limits) else {
            debug!(%remote, "connection refused: too many from this address");
            return None;
        };
        Some(Slot { _total: total, _address: address })
    }

    fn handshake(&self, accepted: Accepted<S>, slot: Slot) -> impl Future<Output = ()> + use<S> {
        let (tls, computing) = (Arc::clone(&self.tls), Arc::clone(&self.computing));
        let (limits, cut, ready) = (self.limits, self.cut.clone(), self.ready.clone());
        async move {
            let remote = accepted.remote;
            let deadline = Instant::now() + limits.handshake_timeout;
            let handshake = handshake(accepted, &tls, &computing);
            let (stream, info) = match timeout_at(deadline, handshake).await {
                Ok(Ok(done)) => done,
                Ok(Err(error)) => return debug!(%remote, %error, "handshake failed"),
                Err(_) => return debug!(%remote, "handshake timed out"),
            };
            let conn = Conn {
                stream,
                info,
                cut: Box::pin(turned(cut)),
                first_byte: Some(Box::pin(sleep_until(Instant::now() + limits.first_byte_timeout))),
                _slot: slot,
            };
            // The receiver is gone only when the listener stops.
            let _ = ready.send(conn).await;
        }
    }
}

/// Only a peer that has sent its whole hello takes one of the places in which keys are computed.
async fn handshake<S: Link>(
    accepted: Accepted<S>,
    tls: &ArcSwap<ServerConfig>,
    computing: &Semaphore,
) -> io::Result<(TlsStream<S>, PeerInfo)> {
    let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), accepted.stream);
    let hello = hello.await?;
    let _place = computing.acquire().await.map_err(io::Error::other)?;
    let stream = hello.into_stream(tls.load_full()).await?;
    let (_, connection) = stream.get_ref();
    let certificate = match connection.peer_certificates().and_then(<[_]>::first) {
        None => None,
        Some(leaf) => Some(Arc::new(PeerCertificate::parse(leaf).map_err(io::Error::other)?)),
    };
    let info = PeerInfo { certificate, group: tls::group(connection), remote: accepted.remote };
    Ok((stream, info))
}

/// A connection after its handshake, as tonic serves it.
pub struct Conn<S> {
    stream: TlsStream<S>,
    info: PeerInfo,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    first_byte: Option<Pin<Box<Sleep>>>,
    _slot: Slot,
}

impl<S> Conn<S> {
    /// Who is at the other end.
    #[must_use]
    pub const fn peer(&self) -> &PeerInfo {
        &self.info
    }
}

impl<S> std::fmt::Debug for Conn<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Conn({:?})", self.info)
    }
}

impl<S> Connected for Conn<S> {
    type ConnectInfo = PeerInfo;

    fn connect_info(&self) -> PeerInfo {
        self.info.clone()
    }
}

/// HTTP/2 always reads, so a cut that reading reports ends the connection.
impl<S: Link> AsyncRead for Conn<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.cut.as_mut().poll(cx).is_ready() {
            // A finished future must not be polled again, and there may be another read.
            self.cut = Box::pin(std::future::ready(()));
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.first_byte = None;
        }
        if let (Poll::Pending, Some(silence)) = (&read, &mut self.first_byte) {
            ready!(silence.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl<S: Link> AsyncWrite for Conn<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// A connection's place among all and among those of its address; given back by its drop.
struct Slot {
    _total: OwnedSemaphorePermit,
    _address: Address,
}

type Addresses = Arc<Mutex<HashMap<IpAddr, usize>>>;

struct Address {
    all: Addresses,
    key: IpAddr,
}

impl Address {
    fn take(all: &Addresses, address: IpAddr, limits: &Limits) -> Option<Self> {
        let key = network(address);
        let mut counts = all.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key).or_default();
        if *count >= limits.connections_per_address {
            return None;
        }
        *count += 1;
        Some(Self { all: Arc::clone(all), key })
    }
}

impl Drop for Address {
    fn drop(&mut self) {
        let mut counts = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

/// One customer holds 64 bits of IPv6 addresses, so the upper half counts.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Resolves when the value is true, or when nobody can make it true any more.
async fn turned(mut switch: watch::Receiver<bool>) {
    let _ = switch.wait_for(|on| *on).await;
}

/// Answers `DEADLINE_EXCEEDED` when a request takes longer than its path may. tonic's own timeout
/// is one for all methods, and would cut uploads.
#[derive(Clone)]
struct Deadlines<V> {
    inner: V,
    deadline: fn(&str) -> Option<Duration>,
}

impl<V> Service<http::Request<Body>> for Deadlines<V>
where
    V: Service<http::Request<Body>, Response = http::Response<Body>>,
    V::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = V::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, V::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), V::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let deadline = (self.deadline)(request.uri().path());
        let answer = self.inner.call(request);
        let Some(deadline) = deadline else {
            return Box::pin(answer);
        };
        Box::pin(async move {
            timeout(deadline, answer).await.unwrap_or_else(|_| {
                let waited = format!("the request took longer than {} s", deadline.as_secs());
                Ok(Status::deadline_exceeded(waited).into_http())
            })
        })
    }
}
