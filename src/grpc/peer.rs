//! From a connection to who calls, and from a request to the permit that its handler needs.

use std::net::{IpAddr, Ipv4Addr};

use tonic::{Request, Status};

use crate::domain::access::{MethodType, Permit};
use crate::domain::network::Network;
use crate::service::door::{Admitted, Caller, Stay};
use crate::tls::PeerInfo;

use super::{Api, status};

/// Who calls. Without a connection, in a test, nobody does, from nowhere.
pub(super) fn caller(extensions: &http::Extensions) -> Caller {
    let info = extensions.get::<PeerInfo>();
    let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let network = Network::of(info.map_or(nowhere, |info| info.remote.ip()));
    Caller::new(info.and_then(|info| info.certificate.clone()), network)
}

impl Api {
    /// As what the guard let a request in.
    pub(super) fn admitted<'a, T>(&self, request: &'a Request<T>) -> Result<&'a Admitted, Status> {
        let admitted = request.extensions().get::<Admitted>();
        admitted.ok_or_else(|| status(self.service.past_the_door()))
    }

    /// A permit for one request, whose method follows from what it is handed to.
    pub(super) fn permit<T, M: MethodType>(
        &self,
        request: &Request<T>,
    ) -> Result<Permit<M>, Status> {
        self.service.permit(self.admitted(request)?).map_err(status)
    }

    /// A place for one more stream.
    pub(super) fn stay<M: MethodType>(&self, permit: &Permit<M>) -> Result<Stay, Status> {
        self.service.stay(permit).map_err(|busy| status(busy.into()))
    }
}
