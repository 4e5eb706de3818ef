//! Before a handler: who may not call is refused by the headers alone, who calls too often is told
//! when to come again, and nothing is decoded before all of it is there.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::future::{BoxFuture, poll_fn};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body as _, Frame};
use tonic::Status;
use tonic::body::Body;
use tower::Service as TowerService;

use crate::domain::access::Method as Asked;
use crate::domain::limits;
use crate::domain::peer::AuthenticPeer;
use crate::service::Service;
use crate::service::door::Ask;

use super::peer::Caller;
use super::status;

/// A service behind the guard.
#[derive(Clone)]
pub struct Guarded<S> {
    inner: S,
    service: Service,
}

impl<S> Guarded<S> {
    pub(super) const fn new(inner: S, service: Service) -> Self {
        Self { inner, service }
    }
}

impl<S> TowerService<Request<Body>> for Guarded<S>
where
    S: TowerService<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
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
        let service = self.service.clone();
        Box::pin(async move {
            if !is_grpc(&request) {
                let mut answer = Response::new(Body::empty());
                *answer.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
                return Ok(answer);
            }
            let peer = match judge(&service, &request) {
                Ok(peer) => peer,
                Err(refused) => return Ok(refused.into_http()),
            };
            let (head, body) = request.into_parts();
            let body = match arrive(body).await {
                Ok(body) => body,
                Err(refused) => return Ok(refused.into_http()),
            };
            let _computing = match peer {
                Some(peer) => service.door().computes(&peer).await,
                None => None,
            };
            inner.call(Request::from_parts(head, body)).await
        })
    }
}

/// "application/grpc" and its encodings, and no other word that begins so.
fn is_grpc(request: &Request<Body>) -> bool {
    let said = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let rest = said.and_then(|said| said.strip_prefix(b"application/grpc"));
    request.method() == Method::POST
        && rest.is_some_and(|rest| matches!(rest, [] | [b'+' | b';', ..]))
}

/// What the handler will ask again, once it has the body. A path that is none is answered by the
/// routes.
fn judge(service: &Service, request: &Request<Body>) -> Result<Option<AuthenticPeer>, Status> {
    let path = request.uri().path().trim_start_matches('/');
    let Some((method, _)) = Asked::all().find(|(_, name)| *name == path) else { return Ok(None) };
    let permit = Caller::of_extensions(request.extensions()).permit(service, method, ())?;
    let (peer, ()) = permit.into_parts();
    service.door().asks(&peer, Ask::Call(method)).map_err(|busy| status(busy.into()))?;
    Ok(Some(peer))
}

/// The whole body: it is held as it comes where it comes from, and what a length in it says sets
/// nothing aside.
async fn arrive(mut body: Body) -> Result<Body, Status> {
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
    Ok(Body::new(whole))
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
