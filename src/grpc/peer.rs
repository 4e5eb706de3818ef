//! From a connection to an authentic peer: the certificate is judged, and its key looked up, at
//! every request.

use std::net::{IpAddr, Ipv4Addr};

use tonic::{Request, Status};

use crate::domain::access::{Method, Permit, permit};
use crate::domain::administration::audit::Call;
use crate::domain::network::Network;
use crate::domain::peer::AuthenticPeer;
use crate::domain::refusal::Refusal;
use crate::service::Service;
use crate::service::door::Stay;
use crate::tls::PeerInfo;
use crate::wire::status;

use super::Api;

/// What is known of a connection, to ask again for the next message of a stream.
#[derive(Clone)]
pub(super) struct Caller {
    info: Option<PeerInfo>,
}

impl Caller {
    pub(super) fn of<T>(request: &Request<T>) -> Self {
        Self::of_extensions(request.extensions())
    }

    pub(super) fn of_extensions(extensions: &http::Extensions) -> Self {
        Self { info: extensions.get::<PeerInfo>().cloned() }
    }

    /// Who it is now. The handshake has proven the key; the dates and the usage of the
    /// certificate are judged here, so that the refusal carries a code.
    pub(super) fn authenticate(&self, service: &Service) -> Result<AuthenticPeer, Refusal> {
        let certificate = self.info.as_ref().and_then(|info| info.certificate.as_ref());
        let network = self.network();
        let Some(certificate) = certificate else { return Ok(service.peer(None, network)) };
        let key = certificate.judge(service.now()).map_err(Refusal::Certificate)?;
        Ok(service.peer(Some(&key), network))
    }

    /// What the audit trail says of a call of this peer's.
    pub(super) fn call(&self, peer: &AuthenticPeer, method: Method) -> Call {
        let certificate = self.info.as_ref().and_then(|info| info.certificate.as_ref());
        Call::of(peer, certificate.map(|certificate| certificate.key_id()), method.name())
    }

    /// Whom nobody knows, from there.
    pub(super) fn nobody(&self) -> AuthenticPeer {
        AuthenticPeer::stranger(self.network())
    }

    /// Without a connection, in a test, it is nowhere.
    fn network(&self) -> Network {
        let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Network::of(self.info.as_ref().map_or(nowhere, |info| info.remote.ip()))
    }

    pub(super) fn permit<C>(
        &self,
        service: &Service,
        method: Method,
        command: C,
    ) -> Result<Permit<C>, Status> {
        let peer = self.authenticate(service).map_err(|refusal| status::of(&refusal))?;
        permit(peer, method, command).map_err(|refusal| status::of(&refusal))
    }
}

impl Api {
    /// A permit for one request.
    pub(super) fn permit<T, C>(
        &self,
        request: &Request<T>,
        method: Method,
        command: C,
    ) -> Result<Permit<C>, Status> {
        Caller::of(request).permit(&self.service, method, command)
    }

    /// A place for one more stream.
    pub(super) fn stay(&self, peer: &AuthenticPeer) -> Result<Stay, Status> {
        self.service.door().follows(peer).map_err(|busy| super::status(busy.into()))
    }
}
