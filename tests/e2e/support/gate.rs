//! What the service answers in its own place, where a test says so.
//!
//! In scope: calls by their method, of everybody but those who are let through. Out of scope: what is
//! answered otherwise. Invariant: nothing is answered here that was not asked for.

use std::collections::HashMap;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use liaison::crypto::sign::KeyId;
use liaison::tls::PeerInfo;
use tokio::sync::watch;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

/// What becomes of a call.
#[derive(Clone)]
pub(crate) enum Instead {
    /// It is answered so.
    Says(Status),
    /// The service does it, and this comes in the place of its answer.
    Loses(Status),
    /// It waits until the gate is set anew.
    Waits,
}

/// Before the service.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    state: watch::Sender<State>,
}

type Methods = HashMap<&'static str, (Vec<Instead>, Option<Instead>)>;

#[derive(Default)]
struct State {
    /// What becomes of the next calls of a method, and of all after them.
    methods: Methods,
    /// How often that was set.
    turns: usize,
    asked: HashMap<String, usize>,
    through: Option<KeyId>,
}

impl Gate {
    /// Whoever has this key is let through.
    pub(crate) fn lets_through(&self, key: KeyId) {
        self.state.send_modify(|state| state.through = Some(key));
    }

    /// The next calls of a method, one each.
    pub(crate) fn next(&self, method: &'static str, next: impl IntoIterator<Item = Instead>) {
        let next = next.into_iter().collect();
        self.turns(|methods| drop(methods.insert(method, (next, None))));
    }

    /// Every call of a method.
    pub(crate) fn all(&self, method: &'static str, then: Instead) {
        self.turns(|methods| drop(methods.insert(method, (vec![], Some(then)))));
    }

    /// From now on the service answers.
    pub(crate) fn opens(&self) {
        self.turns(Methods::clear);
    }

    fn turns(&self, set: impl FnOnce(&mut Methods)) {
        self.state.send_modify(|state| {
            set(&mut state.methods);
            state.turns += 1;
        });
    }

    /// How many calls of a method came to it.
    pub(crate) fn asked(&self, method: &str) -> usize {
        self.state.borrow().asked.get(method).copied().unwrap_or(0)
    }

    /// So many calls of a method have come to it.
    pub(crate) async fn was_asked(&self, method: &str, times: usize) {
        let enough = |state: &State| state.asked.get(method).is_some_and(|asked| *asked >= times);
        self.state.subscribe().wait_for(enough).await.unwrap();
    }

    pub(crate) fn before<S>(&self, inner: S) -> Gated<S> {
        Gated { inner, gate: self.clone() }
    }

    fn comes(&self, method: &str, key: Option<KeyId>) -> Option<Instead> {
        let mut instead = None;
        self.state.send_modify(|state| {
            if key.is_some() && key == state.through {
                return;
            }
            *state.asked.entry(method.to_owned()).or_default() += 1;
            if let Some((next, then)) = state.methods.get_mut(method) {
                instead = if next.is_empty() { then.clone() } else { Some(next.remove(0)) };
            }
        });
        instead
    }

    async fn turned(&self) {
        let before = self.state.borrow().turns;
        self.state.subscribe().wait_for(|state| state.turns != before).await.unwrap();
    }
}

/// A service behind its gate.
#[derive(Clone)]
pub(crate) struct Gated<S> {
    inner: S,
    gate: Gate,
}

impl<S> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
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
        // The one that was polled ready answers.
        let next = self.inner.clone();
        let (mut inner, gate) = (std::mem::replace(&mut self.inner, next), self.gate.clone());
        Box::pin(async move {
            let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            let peer = request.extensions().get::<PeerInfo>();
            let key = peer.and_then(|peer| peer.certificate.as_ref());
            match gate.comes(&method, key.map(|certificate| certificate.key_id())) {
                Some(Instead::Says(status)) => return Ok(status.into_http()),
                Some(Instead::Loses(status)) => {
                    inner.call(request).await?;
                    return Ok(status.into_http());
                }
                Some(Instead::Waits) => gate.turned().await,
                None => {}
            }
            inner.call(request).await
        })
    }
}
