//! gRPC health (`grpc.health.v1`) on loopback: for supervisors and probes, without TLS.

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic_health::ServingStatus;

use crate::service::Service;

/// The names that are reported, besides the whole.
const NAMES: [&str; 4] =
    ["", "liaison.v1.DirectoryService", "liaison.v1.RelayService", "liaison.v1.EnrolmentService"];

/// Says "serving" until the service stops or `stop` turns true, then "not serving", and ends.
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
    let ended = async move {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            _ = service.stopped() => {}
        }
        for name in NAMES {
            reporter.set_service_status(name, ServingStatus::NotServing).await;
        }
    };
    Server::builder()
        .add_service(health)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), ended)
        .await
}
