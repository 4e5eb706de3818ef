//! The service's wiring: listeners, TLS, limits, health, graceful stop.
//!
//! In scope: connections, and the one function that serves them. Out of scope: decisions and
//! formats. Invariant: a service that stopped by itself takes the process with it.

mod frames;
pub mod health;
mod http2;
mod limits;
pub mod listen;
pub mod process;
mod proxied;

use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::Stream;
use ipnet::IpNet;
use rustls::ServerConfig;
use tokio::sync::watch;

use crate::domain::access::Face;
use crate::grpc;
use crate::service::Service;
use crate::tls::Link;

use listen::{Accepted, Drained, Entrance, Limits, Who};

/// What is served, and how.
pub struct Serving {
    /// The service that answers.
    pub service: Service,
    /// The node's TLS: replaced whole, for new connections.
    pub tls: Arc<ArcSwap<ServerConfig>>,
    /// Limits of the listener.
    pub limits: Limits,
    /// Balancers that say whom a connection is from.
    pub trusted_proxies: Vec<IpNet>,
}

/// Why serving ended otherwise than by its stop signal.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The service stopped by itself: the outcome of its last write may be unknown. A restart
    /// finds out.
    #[error("the service stopped: {0}")]
    Service(String),
}

/// Serves members and enrolment on `accepted`, and the administration on `administrators`, until `stop`
/// turns true, then drains.
///
/// # Errors
/// [`Ended`].
pub async fn run<S, I, A>(
    serving: Serving,
    accepted: I,
    administrators: A,
    stop: watch::Receiver<bool>,
) -> Result<Drained, Ended>
where
    S: Link,
    I: Stream<Item = io::Result<Accepted<S>>> + Send + 'static,
    A: Stream<Item = io::Result<Accepted<S>>> + Send + 'static,
{
    let Serving { service, tls, limits, trusted_proxies } = serving;
    let (door, asked) = (Arc::clone(service.door()), service.clone());
    let who: Who = Arc::new(move |key, network| asked.peer(key, network));
    let trusted_proxies = trusted_proxies.into();
    let members = Entrance { tls, door, who, face: Face::Members, limits, trusted_proxies };
    let administration = Entrance { face: Face::Administration, ..members.clone() };
    let stop = or(stop, service.drains());
    let served = async {
        let routes = grpc::routes(service.clone(), stop.clone());
        let own = grpc::administration(service.clone(), stop.clone());
        let (drained, also) = tokio::join!(
            listen::serve(routes, accepted, members, stop.clone()),
            listen::serve(own, administrators, administration, stop.clone()),
        );
        if also == Drained::Cut { also } else { drained }
    };
    let ended = tokio::select! {
        drained = served => Ok(drained),
        why = service.stopped() => Err(Ended::Service(why)),
    };
    service.close().await;
    ended
}

/// Turns true once either does.
fn or(mut one: watch::Receiver<bool>, mut other: watch::Receiver<bool>) -> watch::Receiver<bool> {
    let (say, either) = watch::channel(false);
    tokio::spawn(async move {
        // Who cannot say it any more has said it.
        tokio::select! {
            _ = one.wait_for(|on| *on) => {}
            Ok(_) = other.wait_for(|on| *on) => {}
            () = say.closed() => return,
        }
        say.send_replace(true);
    });
    either
}
