//! The guard without what stands behind it, and what stands behind it without the guard: neither
//! hides the loss of the other.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use tokio::sync::watch;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::ServiceExt as _;

use super::{Api, Guarded, administrators, members};
use crate::domain::access::{Face, Method};
use crate::service::Service;
use crate::service::door::Admitted;
use crate::service::tests::{alice, service};

/// A request that says nothing, and how often its body was read.
#[derive(Clone, Default)]
struct Nothing {
    is_read: Arc<AtomicUsize>,
    is_over: bool,
}

impl http_body::Body for Nothing {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.is_read.fetch_add(1, Ordering::SeqCst);
        let is_over = std::mem::replace(&mut self.is_over, true);
        Poll::Ready((!is_over).then(|| Ok(Frame::data(Bytes::from_static(&[0; 5])))))
    }
}

fn request(name: &str, body: Nothing) -> Request<Body> {
    let request = Request::post(format!("/{name}")).header("content-type", "application/grpc");
    request.body(Body::new(body)).unwrap()
}

fn code(answer: &Response<Body>) -> Code {
    Status::from_header_map(answer.headers()).map_or(Code::Ok, |said| said.code())
}

/// Every handler, and no guard.
struct Unguarded {
    service: Service,
    members: Routes,
    administrators: Routes,
}

impl Unguarded {
    fn new(service: Service) -> Self {
        let api = Api { service: service.clone(), stop: watch::channel(false).1 };
        Self { service, members: members(api.clone()), administrators: administrators(api) }
    }

    /// What a handler answers to a request that comes to it as what was admitted.
    async fn answers(&self, (method, name): (Method, &str), admitted: Option<Admitted>) -> Code {
        let mut request = request(name, Nothing::default());
        request.extensions_mut().extend(admitted.map(with).unwrap_or_default());
        let routes = match method.face() {
            Face::Members => self.members.clone(),
            Face::Administration => self.administrators.clone(),
        };
        code(&routes.oneshot(request).await.unwrap())
    }

    /// The log, and the audit trail.
    async fn stands(&self) -> (u64, u64) {
        let permit = self.service.permit_here(alice()).await.unwrap();
        // The look is counted itself.
        let records = self.service.standing(&permit).await.unwrap().records;
        (self.service.state().head.size, records)
    }
}

fn with(admitted: Admitted) -> http::Extensions {
    let mut extensions = http::Extensions::new();
    extensions.insert(admitted);
    extensions
}

#[tokio::test]
async fn a_request_past_the_door_is_answered_with_a_fault_and_nothing_is_done() {
    let home = tempfile::tempdir().unwrap();
    let handlers = Unguarded::new(service(&home).await);
    let (size, records) = handlers.stands().await;
    for (method, name) in Method::all() {
        assert_eq!(handlers.answers((method, name), None).await, Code::Internal, "{name}");
    }
    assert_eq!(handlers.stands().await, (size, records + 1));
}

/// Whom the guard let in may call much, and not what he was not judged for.
#[tokio::test]
async fn what_was_admitted_to_one_method_comes_to_no_other() {
    let home = tempfile::tempdir().unwrap();
    let service = service(&home).await;
    let handlers = Unguarded::new(service.clone());
    let mut own = 0;
    for (admitted_to, _) in Method::all() {
        let Ok(admitted) = service.admit(admitted_to, alice()).await else { continue };
        for (method, name) in Method::all() {
            let answer = handlers.answers((method, name), Some(admitted.clone())).await;
            let is_own = method == admitted_to;
            assert_eq!(answer != Code::Internal, is_own, "{name} as {admitted_to:?}: {answer:?}");
        }
        own += 1;
    }
    assert!(own > 10, "{own}");
}

#[tokio::test]
async fn of_whom_the_table_refuses_no_byte_is_read() {
    let home = tempfile::tempdir().unwrap();
    let service = service(&home).await;
    let anybody = BTreeSet::from(["Enrol", "GetCharters"]);
    for (method, name) in Method::all() {
        let came = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&came);
        let behind = tower::service_fn(move |request: Request<Body>| {
            seen.lock().unwrap().push(request.extensions().get::<Admitted>().is_some());
            async { Ok::<_, Infallible>(Response::new(Body::empty())) }
        });
        let guarded = Guarded::new(behind, service.clone(), method.face());
        let body = Nothing::default();
        let answer = guarded.oneshot(request(name, body.clone())).await.unwrap();
        let may = anybody.contains(method.name());
        assert_eq!(body.is_read.load(Ordering::SeqCst) > 0, may, "{name}");
        assert_eq!(*came.lock().unwrap(), if may { vec![true] } else { vec![] }, "{name}");
        assert_eq!(code(&answer), if may { Code::Ok } else { Code::PermissionDenied }, "{name}");
    }
}
