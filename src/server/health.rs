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
/// It is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Says "serving" until the service stops or `stop` turns true, then "not serving", and ends. Of writes
/// it says so while there is room for all of them.
///
/// # Errors
/// The listener fails.
pub async fn run(
    listener: TcpListener,
    service: Service,
    mut stop: watch::Receiver<bool>,
) -> Result<(), tonic::transport::Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    for name in NAMES {
        reporter.set_service_status(name, ServingStatus::Serving).await;
    }
    reporter.set_service_status(WRITES, writes(&service)).await;
    let ended = async move {
        let looking = async {
            let mut looks = interval(LOOK_EVERY);
            loop {
                looks.tick().await;
                reporter.set_service_status(WRITES, writes(&service)).await;
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            _ = service.stopped() => {}
            () = looking => {}
        }
        for name in NAMES.into_iter().chain([WRITES]) {
            reporter.set_service_status(name, ServingStatus::NotServing).await;
        }
    };
    Server::builder()
        .add_service(health)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), ended)
        .await
}

/// Whether everything is taken.
fn writes(service: &Service) -> ServingStatus {
    match service.left() {
        Left::Ample => ServingStatus::Serving,
        Left::Reserve | Left::Last | Left::Nothing | Left::ReadOnly => ServingStatus::NotServing,
    }
}
