//! Before a body is read: who may not call is refused by the headers alone, and those whom nobody
//! knows share a few places, so that bodies held back cannot fill the memory.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::body::Body;
use tower::Service as TowerService;

use crate::domain::access::Method;
use crate::domain::limits;
use crate::domain::peer::Role;
use crate::service::Service;
use crate::wire::status;

use super::peer::Caller;

/// A service behind the guard.
#[derive(Clone)]
pub struct Guarded<S> {
    inner: S,
    service: Service,
    strangers: Arc<Semaphore>,
}

impl<S> Guarded<S> {
    pub(super) fn new(inner: S, service: Service) -> Self {
        let strangers = Arc::new(Semaphore::new(limits::STRANGERS));
        Self { inner, service, strangers }
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
        let judged = judge(&self.service, &request);
        // The one that was polled ready answers; its clone waits for the next call.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let strangers = Arc::clone(&self.strangers);
        Box::pin(async move {
            let _place = match judged {
                Err(refused) => return Ok(refused.into_http()),
                Ok(Known::Yes) => None,
                Ok(Known::No) => match strangers.try_acquire_owned() {
                    Ok(place) => Some(place),
                    Err(_) => return Ok(busy().into_http()),
                },
            };
            inner.call(request).await
        })
    }
}

enum Known {
    Yes,
    No,
}

/// What the handler will ask again, once it has the body.
fn judge(service: &Service, request: &Request<Body>) -> Result<Known, Status> {
    let path = request.uri().path().trim_start_matches('/');
    let method = Method::all().find(|(_, name)| *name == path).map(|(method, _)| method);
    // A path that is none is answered by the routes.
    let Some(method) = method else { return Ok(Known::No) };
    let permit = Caller::of_extensions(request.extensions()).permit(service, method, ())?;
    Ok(match permit.peer().role() {
        Role::Unknown | Role::Former(_) => Known::No,
        Role::Seat(_) | Role::Registrar(_) | Role::Operator(_) | Role::Auditor(_) => Known::Yes,
    })
}

fn busy() -> Status {
    status::busy("too many enrol at this time: try again in a while", Duration::from_secs(5))
}
