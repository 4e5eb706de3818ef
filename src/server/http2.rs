//! One connection: its requests, their answers, and when it ends.
//!
//! In scope: what h2 leaves to its user. Out of scope: frames (h2; `frames` counts them), sockets
//! (`listen`), who may (`service::door`). Invariants: a body is held as it comes and an answer until
//! it is taken; whatever a peer does not do in time ends its stream, or its connection.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::poll_fn;
use h2::server::{Connection, SendResponse};
use h2::{Ping, PingPong, Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use http_body::{Body as _, Frame};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout, timeout_at};
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use crate::domain::limits;
use crate::domain::peer::Party;
use crate::service::door::{Busy, InHand, Slot};
use crate::service::telemetry::Event;
use crate::tls::{Link, PeerInfo};
use crate::wire::status;

use super::frames::{Meter, Metered};
use super::limits::Limits;

/// Serves a connection until it ends.
pub(super) async fn serve<S, V>(
    stream: S,
    info: PeerInfo,
    place: Slot,
    party: Box<dyn Fn() -> Party + Send>,
    service: V,
    limits: Limits,
    stop: watch::Receiver<bool>,
) where
    S: Link,
    V: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    V::Future: Send,
    V::Error: Into<tower::BoxError> + Send,
{
    let (stream, meter) = Metered::new(stream);
    let first = Instant::now() + limits.first_request;
    // In boxes, because a future keeps room for whatever was moved through it.
    let greeted = Box::pin(timeout_at(first, speaks().handshake(stream)));
    let Ok(Ok(connection)) = greeted.await else {
        return place.door().say(&Event::NoRequest(info.remote));
    };
    let mut connection = Box::new(connection);
    let Some(pings) = connection.ping_pong() else { return };
    let serving = Serving {
        connection,
        pings: Pings { pings, next: Instant::now() + limits::KEEPALIVE_INTERVAL, waits: false },
        meter,
        info,
        place: Arc::new(place),
        party,
        service,
        decided: Arc::new(Semaphore::new(limits.requests)),
        limits,
        answers: JoinSet::new(),
        asked: false,
        quiet: first,
        age: Instant::now() + limits.connection_age,
        ends: None,
    };
    Box::pin(serving.run(stop)).await;
}

/// The settings, each of them said: RFC 9113 6.5.2, and what h2 bounds besides.
fn speaks() -> h2::server::Builder {
    let mut builder = h2::server::Builder::new();
    builder
        .max_concurrent_streams(limits::STREAMS)
        .max_header_list_size(limits::HEADER_LIST_BYTES)
        .max_pending_accept_reset_streams(limits::PENDING_ACCEPT_RESETS)
        .max_local_error_reset_streams(Some(limits::LOCAL_ERROR_RESETS))
        .initial_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .max_send_buffer_size(limits::SEND_BUFFER_BYTES);
    builder
}

struct Serving<S, V> {
    connection: Box<Connection<Metered<S>, Bytes>>,
    pings: Pings,
    meter: Arc<Meter>,
    info: PeerInfo,
    place: Arc<Slot>,
    /// For whom its key is counted now.
    party: Box<dyn Fn() -> Party + Send>,
    service: V,
    decided: Arc<Semaphore>,
    limits: Limits,
    answers: JoinSet<()>,
    asked: bool,
    /// Without a request, it goes then.
    quiet: Instant,
    age: Instant,
    /// It was asked to go; what is still open is cut then.
    ends: Option<Instant>,
}

impl<S, V> Serving<S, V>
where
    S: Link,
    V: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    V::Future: Send,
    V::Error: Into<tower::BoxError> + Send,
{
    async fn run(mut self, stop: watch::Receiver<bool>) {
        let stopping = turned(stop);
        tokio::pin!(stopping);
        let mut stopped = false;
        loop {
            let quiet = if self.answers.is_empty() { self.quiet() } else { None };
            tokio::select! {
                accepted = self.connection.accept() => match accepted {
                    Some(Ok((request, respond))) => self.take(request, respond),
                    Some(Err(_)) | None => return,
                },
                Some(ended) = self.answers.join_next() => {
                    if ended.is_err_and(|why| why.is_panic()) {
                        self.place.door().say(&Event::Panicked("a request"));
                    }
                    self.quiet = Instant::now() + limits::VISITOR_IDLE;
                }
                alive = self.pings.alive() => if !alive { return },
                () = self.meter.over() => {
                    self.place.door().say(&Event::TooManyFrames(&self.place.party()));
                    self.goes_now(Reason::ENHANCE_YOUR_CALM);
                }
                () = until(quiet), if self.ends.is_none() => {
                    if !self.asked {
                        self.place.door().say(&Event::NoRequest(self.info.remote));
                    }
                    self.goes_now(Reason::NO_ERROR);
                }
                () = sleep_until(self.age), if self.ends.is_none() => {
                    self.connection.graceful_shutdown();
                    self.ends = Some(self.age + self.limits.connection_age_grace);
                }
                () = &mut stopping, if !stopped => {
                    stopped = true;
                    self.connection.graceful_shutdown();
                }
                () = until(self.ends) => return,
            }
        }
    }

    /// When it goes if no request comes: soon before the first, and of a peer whom nobody knows.
    fn quiet(&self) -> Option<Instant> {
        (!self.asked || !self.place.is_inside()).then_some(self.quiet)
    }

    fn goes_now(&mut self, reason: Reason) {
        self.connection.abrupt_shutdown(reason);
        self.ends = Some(Instant::now() + limits::GOODBYE);
    }

    fn take(&mut self, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        self.meter.asked();
        self.asked = true;
        let deciding = Arc::clone(&self.decided)
            .try_acquire_owned()
            .map_err(|_| Busy::of("too many requests at once", "this connection", limits::SOON));
        let begun = deciding.and_then(|deciding| Ok((deciding, self.place.begin((self.party)())?)));
        let (place, meter) = (Arc::clone(&self.place), Arc::clone(&self.meter));
        let asked = Asked { respond, place, meter };
        match begun {
            Err(busy) => drop(self.answers.spawn(asked.wait(busy))),
            Ok((deciding, held)) => {
                let (service, info) = (self.service.clone(), self.info.clone());
                let deadline = (self.limits.deadline)(request.uri().path());
                let answer = asked.answer(service, request, info, deciding, held, deadline);
                drop(self.answers.spawn(answer));
            }
        }
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => pending().await,
    }
}

/// Pings, also while nothing else goes.
struct Pings {
    pings: PingPong,
    next: Instant,
    waits: bool,
}

impl Pings {
    /// Resolves when there is something to see: true while the peer answers.
    async fn alive(&mut self) -> bool {
        if self.waits {
            let pong = poll_fn(|context| self.pings.poll_pong(context));
            let answered = timeout_at(self.next + limits::KEEPALIVE_TIMEOUT, pong).await;
            self.waits = false;
            self.next = Instant::now() + limits::KEEPALIVE_INTERVAL;
            return matches!(answered, Ok(Ok(_)));
        }
        sleep_until(self.next).await;
        self.waits = self.pings.send_ping(Ping::opaque()).is_ok();
        self.waits
    }
}

/// A request that waits for its answer.
struct Asked {
    respond: SendResponse<Bytes>,
    place: Arc<Slot>,
    meter: Arc<Meter>,
}

impl Asked {
    /// Whoever asks on is sent away: a stranger as for its frames, a key by all its connections.
    fn told_to_wait(&self) {
        match self.place.may_ask_on() {
            None => self.meter.refused(),
            Some(true) => {}
            Some(false) => self.meter.end(),
        }
    }

    async fn wait(mut self, busy: Busy) {
        self.place.door().say(&Event::Busy(&busy));
        self.told_to_wait();
        let answer = status::busy(&busy.to_string(), busy.again_in).into_http::<Body>();
        let _ = self.respond.send_response(Response::from_parts(answer.into_parts().0, ()), true);
    }

    async fn answer<V>(
        mut self,
        mut service: V,
        request: Request<RecvStream>,
        info: PeerInfo,
        deciding: OwnedSemaphorePermit,
        held: InHand,
        deadline: Option<Duration>,
    ) where
        V: Service<Request<Body>, Response = Response<Body>>,
    {
        let (comes, came) = watch::channel(Instant::now());
        let (mut head, stream) = request.into_parts();
        head.extensions.insert(info);
        head.extensions.insert(held.clone());
        let body = Body::new(Upload::new(stream, held.clone(), comes));
        let late = async {
            while let Some(at) = deadline.map(|deadline| *came.borrow() + deadline)
                && at > Instant::now()
            {
                sleep_until(at).await;
            }
            until(deadline.map(|_| Instant::now())).await;
        };
        let answer = tokio::select! {
            answer = service.call(Request::from_parts(head, body)) => {
                held.answered();
                answer.unwrap_or_else(|_| Status::unavailable("the service is stopping").into_http())
            }
            // What writes goes on, and counts until it ends.
            () = late => Status::deadline_exceeded("the request took too long").into_http(),
            _ = poll_fn(|context| self.respond.poll_reset(context)) => return,
        };
        drop(deciding);
        self.hand_over(answer, &held).await;
    }

    /// There is no room for the rest of an answer, whoever takes it.
    fn breaks_off(&mut self, stream: &mut SendStream<Bytes>, busy: &Busy) {
        self.place.door().say(&Event::Busy(busy));
        let mut trailers = HeaderMap::new();
        let said = status::busy(&busy.to_string(), busy.again_in).add_header(&mut trailers);
        let _ = said.map(|()| stream.send_trailers(trailers));
    }

    /// Hands an answer over, and holds what of it is not taken yet.
    async fn hand_over(mut self, answer: Response<Body>, held: &InHand) {
        let (head, mut body) = answer.into_parts();
        let said = Status::from_header_map(&head.headers);
        if said.is_some_and(|said| status::reason(&said).as_deref() == Some(status::BUSY)) {
            self.told_to_wait();
        }
        // What is there already has to be held before anything is promised.
        let mut next = frame(&mut body).now_or_never();
        if let Some(Some(Ok(first))) = &next
            && let Some(Err(busy)) = first.data_ref().map(|part| held.hold(part.len()))
        {
            return self.wait(busy).await;
        }
        let ends = matches!(next, Some(None)) || body.is_end_stream() && next.is_none();
        let head = Response::from_parts(head, ());
        let Ok(mut stream) = self.respond.send_response(head, ends) else { return };
        if ends {
            return;
        }
        loop {
            let is_held = next.is_some();
            let part = match next.take() {
                Some(part) => part,
                None => tokio::select! {
                    part = frame(&mut body) => part,
                    _ = poll_fn(|context| stream.poll_reset(context)) => return,
                },
            };
            let Some(Ok(part)) = part else {
                // Without its trailers an answer is none: gRPC says so by itself.
                let _ = stream.send_data(Bytes::new(), true);
                return;
            };
            match part.into_data() {
                Ok(part) => {
                    if !is_held && let Err(busy) = held.hold(part.len()) {
                        return self.breaks_off(&mut stream, &busy);
                    }
                    if !send(&mut stream, part, held).await {
                        self.place.door().say(&Event::NotTaken(&self.place.party()));
                        return stream.send_reset(Reason::ENHANCE_YOUR_CALM);
                    }
                }
                Err(part) => {
                    let _ = part.into_trailers().map(|trailers| stream.send_trailers(trailers));
                    return;
                }
            }
        }
    }
}

async fn frame(body: &mut Body) -> Option<Result<Frame<Bytes>, Status>> {
    poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
}

/// Sends as the peer takes it; false if it does not, or is gone.
async fn send(stream: &mut SendStream<Bytes>, mut part: Bytes, held: &InHand) -> bool {
    let until = Instant::now() + limits::patience(part.len());
    while !part.is_empty() {
        stream.reserve_capacity(part.len());
        while stream.capacity() == 0 {
            let pause = until.min(Instant::now() + limits::PAUSE);
            let granted = poll_fn(|context| stream.poll_capacity(context));
            match timeout_at(pause, granted).await {
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(_)) | None) | Err(_) => return false,
            }
        }
        let now = part.split_to(stream.capacity().min(part.len()));
        let bytes = now.len();
        if stream.send_data(now, false).is_err() {
            return false;
        }
        held.taken(bytes);
    }
    true
}

/// The body of a request: held as it comes, and given up when it comes too slowly.
struct Upload {
    stream: RecvStream,
    held: InHand,
    /// When its last bytes came.
    comes: watch::Sender<Instant>,
    began: Instant,
    came: usize,
    patience: Pin<Box<Sleep>>,
}

impl Upload {
    fn new(stream: RecvStream, held: InHand, comes: watch::Sender<Instant>) -> Self {
        let patience = Box::pin(sleep(limits::patience(0)));
        Self { stream, held, comes, began: Instant::now(), came: 0, patience }
    }

    fn took(&mut self, chunk: Bytes) -> Result<Frame<Bytes>, Status> {
        let bytes = chunk.len();
        let wait = |busy: Busy| status::busy(&busy.to_string(), busy.again_in);
        self.held.come(bytes).map_err(wait)?;
        // The peer may send as much again. A stream that is gone says so by itself.
        let _ = self.stream.flow_control().release_capacity(bytes);
        self.came += bytes;
        self.comes.send_replace(Instant::now());
        self.patience.as_mut().reset(self.began + limits::patience(self.came));
        Ok(Frame::data(chunk))
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let gone = |why: h2::Error| Status::cancelled(why.to_string());
        let next = match self.stream.poll_data(context) {
            Poll::Ready(Some(chunk)) => {
                Some(chunk.map_err(gone).and_then(|chunk| self.took(chunk)))
            }
            Poll::Ready(None) => match ready!(self.stream.poll_trailers(context)) {
                Ok(trailers) => {
                    self.held.came_whole();
                    trailers.map(|trailers| Ok(Frame::trailers(trailers)))
                }
                Err(why) => Some(Err(gone(why))),
            },
            Poll::Pending => {
                ready!(self.patience.as_mut().poll(context));
                Some(Err(Status::deadline_exceeded("the request came too slowly")))
            }
        };
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }
}

/// Says to whoever asks on this connection that it cannot be served now.
pub(super) async fn refuse<S: Link>(stream: S, busy: Busy) {
    let said = async {
        let mut connection = speaks().handshake::<_, Bytes>(stream).await.ok()?;
        let (_, respond) = connection.accept().await?.ok()?;
        let answer = status::busy(&busy.to_string(), busy.again_in).into_http::<Body>();
        let mut respond: SendResponse<Bytes> = respond;
        respond.send_response(Response::from_parts(answer.into_parts().0, ()), true).ok()?;
        connection.graceful_shutdown();
        // What is broken stays broken, and says so at once, each time.
        while let Some(Ok(_)) = connection.accept().await {}
        Some(())
    };
    // Whether it was heard is the peer's affair.
    let _ = timeout(limits::GOODBYE, said).await;
}

/// Resolves when the value is true, or when nobody can make it true any more.
pub(super) async fn turned(mut switch: watch::Receiver<bool>) {
    let _ = switch.wait_for(|on| *on).await;
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::task::{Context, Poll};

    use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

    use super::*;

    /// What a peer sent that is gone when it is answered.
    struct Gone {
        sent: &'static [u8],
        /// Writes that are taken yet.
        takes: usize,
        failed: usize,
    }

    impl AsyncRead for Gone {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if self.sent.is_empty() {
                return Poll::Pending;
            }
            let (now, rest) = self.sent.split_at(self.sent.len().min(buffer.remaining()));
            buffer.put_slice(now);
            self.sent = rest;
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Gone {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            if self.takes > 0 {
                self.takes -= 1;
                return Poll::Ready(Ok(bytes.len()));
            }
            self.failed += 1;
            assert!(self.failed < 9, "it is written to again and again");
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// A peer that is told to wait and does not listen costs no more than that.
    #[tokio::test(start_paused = true)]
    async fn who_is_gone_when_he_is_refused_is_let_go() {
        let (near, mut far) = tokio::io::duplex(1 << 16);
        let (mut asks, connection) = h2::client::handshake(near).await.unwrap();
        let asked = Request::get("https://un.example/").body(()).unwrap();
        let _answer = asks.send_request(asked, true).unwrap();
        let _ = connection.now_or_never();
        let mut sent = vec![0; 1 << 16];
        let count = far.read(&mut sent).await.unwrap();
        sent.truncate(count);
        for takes in 0..9 {
            let gone = Gone { sent: sent.clone().leak(), takes, failed: 0 };
            refuse(gone, Busy::of("too many connections", "this key", limits::SOON)).await;
        }
    }
}
