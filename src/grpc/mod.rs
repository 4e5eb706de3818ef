//! The services over gRPC: type, hand over, answer. Nothing is decided here.
//!
//! In scope: one file a service, and who calls. Out of scope: TLS and sockets (`server`), who may
//! (`service::door`), rules (`domain`). Invariants: a handler hands over the permit that the service
//! gave for the request, and has none without the guard; a stream asks for it again before every
//! message, and ends when the service drains.

mod admin;
mod directory;
mod enrolment;
mod follow;
mod guard;
mod peer;
mod relay;
#[cfg(test)]
mod tests;

use tokio::sync::watch;
use tonic::Status;
use tonic::service::{Routes, RoutesBuilder};

use crate::domain::access::Face;
use crate::domain::limits;
use crate::service::{Failure, Service};
use crate::wire::status;
use crate::wire::v1::admin_service_server::AdminServiceServer;
use crate::wire::v1::directory_service_server::DirectoryServiceServer;
use crate::wire::v1::enrolment_service_server::EnrolmentServiceServer;
use crate::wire::v1::relay_service_server::RelayServiceServer;

pub use guard::Guarded;

/// What every handler needs.
#[derive(Clone)]
pub(crate) struct Api {
    service: Service,
    stop: watch::Receiver<bool>,
}

/// The member and enrolment services, for one port, behind their guard.
pub fn routes(service: Service, stop: watch::Receiver<bool>) -> Guarded<Routes> {
    let api = Api { service: service.clone(), stop };
    Guarded::new(members(api), service, Face::Members)
}

/// The administration, for a port of its own, behind the same guard.
pub fn administration(service: Service, stop: watch::Receiver<bool>) -> Guarded<Routes> {
    let api = Api { service: service.clone(), stop };
    Guarded::new(administrators(api), service, Face::Administration)
}

fn members(api: Api) -> Routes {
    let mut routes = RoutesBuilder::default();
    routes
        .add_service(
            DirectoryServiceServer::new(api.clone())
                .max_decoding_message_size(limits::PUBLISH_MESSAGE_BYTES),
        )
        .add_service(
            RelayServiceServer::new(api.clone())
                .max_decoding_message_size(limits::SUBMIT_MESSAGE_BYTES),
        )
        .add_service(
            EnrolmentServiceServer::new(api)
                .max_decoding_message_size(limits::PUBLISH_MESSAGE_BYTES),
        );
    routes.routes()
}

fn administrators(api: Api) -> Routes {
    let mut routes = RoutesBuilder::default();
    routes.add_service(
        AdminServiceServer::new(api).max_decoding_message_size(limits::PUBLISH_MESSAGE_BYTES),
    );
    routes.routes()
}

/// A failure as a status.
pub(crate) fn status(failure: Failure) -> Status {
    match failure {
        Failure::Refused(refusal) => status::of(&refusal),
        Failure::Busy(busy) => status::busy(&busy.to_string(), busy.again_in),
        Failure::Stopped => Status::unavailable(failure.to_string()),
    }
}
