//! Before a handler: whom the service does not admit is refused by the headers alone, and nothing is
//! decoded before all of it is there.

use std::future::pending;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::future::{BoxFuture, poll_fn};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body as _, Frame};
use tokio::task::JoinError;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service as TowerService;

use crate::domain::access::{Face, Method as Asked};
use crate::domain::limits;
use crate::domain::peer::AuthenticPeer;
use crate::service::door::{self, Admitted, Ask, Caller};
use crate::service::{self, Service};

use super::{peer, status};

/// A service behind the guard.
#[derive(Clone)]
pub struct Guarded<S> {
    inner: S,
    service: Service,
    face: Face,
}

impl<S> Guarded<S> {
    pub(super) const fn new(inner: S, service: Service, face: Face) -> Self {
        Self { inner, service, face }
    }
}

impl<S> TowerService<Request<Body>> for Guarded<S>
where
    S: TowerService<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The one that was polled ready answers; its clone waits for the next call.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let (service, face) = (self.service.clone(), self.face);
        Box::pin(async move {
            let caller = peer::caller(request.extensions());
            // For whom it is counted, whatever becomes of him.
            let who = service.whoever(&caller);
            let answer = match admit(&service, face, caller, request).await {
                Ok((admitted, request)) => {
                    let held = request.extensions().get::<door::InHand>().cloned();
                    let writes = writes(request.uri().path());
                    let computing = service.door().computes(&who).await;
                    let called = async move {
                        let answer = inner.call(request).await;
                        drop((computing, held));
                        answer
                    };
                    let answer = if writes { to_its_end(called).await? } else { called.await? };
                    if is_unread(&answer) {
                        service.record_unread(&admitted).await;
                    }
                    answer
                }
                Err(refused) => refused,
            };
            Ok(counted(&service, &who, answer))
        })
    }
}

/// Goes on though nobody waits for it any more: what was kept is named, and what was charged in vain is
/// given back.
async fn to_its_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await.map_err(JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => resume_unwind(panic),
        // The process ends.
        Err(Err(_)) => pending().await,
    }
}

/// The request with all of its body, as what it was let in before a byte of that was read.
async fn admit(
    service: &Service,
    face: Face,
    caller: Caller,
    request: Request<Body>,
) -> Result<(Admitted, Request<Body>), Response<Body>> {
    if !is_grpc(&request) {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(answer);
    }
    let method = method(request.uri().path()).filter(|method| method.face() == face);
    let unknown = || Status::unimplemented("there is no such method on this port");
    let method = method.ok_or_else(unknown).map_err(Status::into_http)?;
    let admitted = service.admit(method, caller).await;
    let admitted = admitted.map_err(|why| status(why).into_http())?;
    let (mut head, body) = request.into_parts();
    head.extensions.insert(admitted.clone());
    let body = arrive(body).await.map_err(Status::into_http)?;
    Ok((admitted, Request::from_parts(head, Body::new(body))))
}

/// "application/grpc" and its encodings, and no other word that begins so.
fn is_grpc(request: &Request<Body>) -> bool {
    let said = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let rest = said.and_then(|said| said.strip_prefix(b"application/grpc"));
    request.method() == Method::POST
        && rest.is_some_and(|rest| matches!(rest, [] | [b'+' | b';', ..]))
}

fn method(path: &str) -> Option<Asked> {
    let path = path.trim_start_matches('/');
    Asked::all().find(|(_, name)| *name == path).map(|(method, _)| method)
}

fn writes(path: &str) -> bool {
    method(path).is_some_and(service::goes_to_its_end)
}

/// No handler saw it: what a handler refuses has a reason, and its record.
fn is_unread(answer: &Response<Body>) -> bool {
    let said = Status::from_header_map(answer.headers());
    said.is_some_and(|said| said.code() != Code::Ok && said.details().is_empty())
}

/// What somebody is told no to is counted; when it is too much, that is what he is told.
fn counted(service: &Service, peer: &AuthenticPeer, answer: Response<Body>) -> Response<Body> {
    let said = Status::from_header_map(answer.headers()).map(|said| said.code());
    let waits = said == Some(Code::ResourceExhausted);
    let refused = answer.status() != StatusCode::OK || said.is_some_and(|said| said != Code::Ok);
    if waits || !refused {
        return answer;
    }
    match service.door().asks(peer, Ask::Refusal) {
        Ok(()) => answer,
        Err(busy) => status(busy.into()).into_http(),
    }
}

/// The whole body: it is held as it comes where it comes from, and what a length in it says sets
/// nothing aside.
async fn arrive(mut body: Body) -> Result<Whole, Status> {
    let mut whole = Whole::default();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        match frame?.into_data() {
            // Copied, for a piece of a byte would keep the buffer that it came in.
            Ok(chunk) if whole.bytes.len() + chunk.len() <= MOST_BYTES => {
                whole.bytes.extend_from_slice(&chunk);
            }
            Ok(_) => return Err(Status::out_of_range("the request is larger than any may be")),
            Err(frame) => whole.trailers = frame.into_trailers().ok(),
        }
    }
    Ok(whole)
}

/// The largest message, and what gRPC puts before it.
const MOST_BYTES: usize = limits::PUBLISH_MESSAGE_BYTES + 5;
const _: () = assert!(limits::SUBMIT_MESSAGE_BYTES <= limits::PUBLISH_MESSAGE_BYTES);

/// A body that is here.
#[derive(Default)]
struct Whole {
    bytes: BytesMut,
    trailers: Option<HeaderMap>,
}

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let bytes = self.bytes.split().freeze();
        let next = (!bytes.is_empty()).then(|| Frame::data(bytes));
        let next = next.or_else(|| self.trailers.take().map(Frame::trailers));
        Poll::Ready(next.map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::sync::Arc;

    use futures_util::FutureExt as _;
    use tokio::sync::Notify;

    use crate::domain::network::Network;

    use super::*;

    struct Pieces(VecDeque<Bytes>);

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }
    }

    /// What a read of 16 KiB left.
    struct Buffer(Arc<Vec<u8>>);

    impl AsRef<[u8]> for Buffer {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    #[tokio::test]
    async fn a_body_in_pieces_of_a_byte_costs_not_much_more_than_its_bytes() {
        let read = Arc::new(vec![7; 16 << 10]);
        let buffer = Bytes::from_owner(Buffer(Arc::clone(&read)));
        let pieces = (0..buffer.len()).map(|at| buffer.slice(at..=at)).collect();
        drop(buffer);
        let whole = arrive(Body::new(Pieces(pieces))).await.unwrap();
        assert_eq!(whole.bytes, read[..]);
        assert!(whole.bytes.capacity() <= 2 * read.len(), "{}", whole.bytes.capacity());
        assert_eq!(Arc::strong_count(&read), 1, "the buffer is not held for its pieces");
    }

    #[tokio::test]
    async fn what_began_goes_to_its_end_though_nobody_waits() {
        let (goes_on, went_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (begun, done) = (Arc::clone(&goes_on), Arc::clone(&went_on));
        let held = Arc::new(());
        let holds = Arc::clone(&held);
        let work = to_its_end(async move {
            begun.notified().await;
            drop(holds);
            done.notify_one();
        });
        assert!(work.now_or_never().is_none());
        assert_eq!(Arc::strong_count(&held), 2, "it is held as long as it is needed");
        goes_on.notify_one();
        went_on.notified().await;
        assert_eq!(Arc::strong_count(&held), 1);
    }

    /// A service that answers when it is told to.
    #[derive(Clone)]
    struct Told(Arc<Notify>);

    impl TowerService<Request<Body>> for Told {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            let told = Arc::clone(&self.0);
            Box::pin(async move {
                told.notified().await;
                Ok(Response::new(Body::empty()))
            })
        }
    }

    /// Its place is taken before the handler is called, and kept until it has answered.
    #[tokio::test]
    async fn strangers_requests_are_computed_so_many_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let service = crate::service::tests::service(&home).await;
        let door = Arc::clone(service.door());
        let stranger = AuthenticPeer::stranger(Network::of([127, 0, 0, 1].into()));
        let mut others = Vec::new();
        for _ in 0..limits::STRANGERS {
            others.push(door.computes(&stranger).await);
        }
        let answers = Arc::new(Notify::new());
        answers.notify_one();
        let told = Told(Arc::clone(&answers));
        let mut guarded = Guarded::new(told, service, Face::Members);
        let mut asks = || {
            let request = Request::post("/liaison.v1.EnrolmentService/GetCharters");
            let request = request.header(CONTENT_TYPE, "application/grpc").body(Body::empty());
            guarded.call(request.unwrap())
        };
        let mut waits = asks();
        assert!((&mut waits).now_or_never().is_none(), "all places are taken");
        others.pop();
        assert_eq!(waits.await.unwrap().status(), StatusCode::OK);
        let mut computed = asks();
        assert!((&mut computed).now_or_never().is_none(), "it is not answered yet");
        assert!(door.computes(&stranger).now_or_never().is_none(), "and has its place");
        answers.notify_one();
        computed.await.unwrap();
        assert!(door.computes(&stranger).now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_body_is_no_larger_than_any_may_be() {
        let of = |bytes: usize| VecDeque::from([Bytes::from(vec![7; bytes]), Bytes::from(vec![7])]);
        let whole = arrive(Body::new(Pieces(of(MOST_BYTES - 1)))).await.unwrap();
        assert_eq!(whole.bytes.len(), MOST_BYTES);
        let refused = arrive(Body::new(Pieces(of(MOST_BYTES)))).await.err().unwrap();
        assert_eq!(refused.code(), Code::OutOfRange);
    }
}
