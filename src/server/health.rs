//! gRPC health (`grpc.health.v1`) on loopback: for supervisors and probes, without TLS.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::interval;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic_health::ServingStatus;

use crate::service::{Left, Service};

/// The names that are reported, besides the whole.
const NAMES: [&str; 4] =
    ["", "liaison.v1.DirectoryService", "liaison.v1.RelayService", "liaison.v1.EnrolmentService"];
/// Whether everything that is handed in is taken: who reads is served without it.
const WRITES: &str = "liaison.v1.writes";
/// Whether nothing that is stored was found damaged since the last look at all of it that found nothing.
const STORE: &str = "liaison.v1.store";
/// It is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Says "serving" until the service stops or `stop` turns true, then "not serving", and ends; in between
/// "not serving" while nobody believes the node's certificate: then nobody connects. Of writes it says
/// so while there is room for all of them, of the store while nothing in it was found damaged.
///
/// # Errors
/// The listener fails.
pub async fn run(
    listener: TcpListener,
    service: Service,
    mut stop: watch::Receiver<bool>,
) -> Result<(), tonic::transport::Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let found = |service: &Service| {
        let all = NAMES.map(|name| (name, node(service)));
        all.into_iter().chain([(WRITES, writes(service)), (STORE, store(service))])
    };
    for (name, status) in found(&service) {
        reporter.set_service_status(name, status).await;
    }
    let mut drains = service.drains();
    let ended = async move {
        let looking = async {
            let mut looks = interval(LOOK_EVERY);
            loop {
                looks.tick().await;
                for (name, status) in found(&service) {
                    reporter.set_service_status(name, status).await;
                }
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            Ok(_) = drains.wait_for(|drains| *drains) => {}
            _ = service.stopped() => {}
            () = looking => {}
        }
        for name in NAMES.into_iter().chain([WRITES, STORE]) {
            reporter.set_service_status(name, ServingStatus::NotServing).await;
        }
    };
    Server::builder()
        .add_service(health)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), ended)
        .await
}

/// Whether somebody believes what the node shows.
fn node(service: &Service) -> ServingStatus {
    match service.node().is_none_or(|node| node.is_believed(service.now())) {
        true => ServingStatus::Serving,
        false => ServingStatus::NotServing,
    }
}

/// Whether nothing was found damaged.
fn store(service: &Service) -> ServingStatus {
    match service.telemetry().is_damaged() {
        false => ServingStatus::Serving,
        true => ServingStatus::NotServing,
    }
}

/// Whether everything is taken.
fn writes(service: &Service) -> ServingStatus {
    match service.left() {
        Left::Ample => ServingStatus::Serving,
        Left::Reserve | Left::Last | Left::Nothing | Left::ReadOnly => ServingStatus::NotServing,
    }
}
