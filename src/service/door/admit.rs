//! Who may come in with what: the one place where permits are given.
//!
//! In scope: the peer behind a connection, and what he may call. Out of scope: the table
//! (`domain::access`), who may once a proposal is read (`domain::administration::desk`). Invariants:
//! nothing of a request is read before it is [`Admitted`]; nothing is done without a [`Permit`] for
//! just that, which is asked for once all of the request is there, for its sender may have been
//! revoked while it came, and again for each message of a stream.

use std::sync::Arc;

use crate::crypto::cert::PeerCertificate;
use crate::crypto::sign::KeyId;
use crate::domain::access::{Face, Method, MethodType, Permit};
use crate::domain::administration::audit::Call;
use crate::domain::network::Network;
use crate::domain::peer::AuthenticPeer;
use crate::domain::refusal::{Fault, Refusal};

use super::super::sequencer::say_faults;
use super::super::{Failure, Service};
use super::{Ask, Busy, Stay};

/// What is known of who calls: what the other end of his connection has proven, and whence it comes.
#[derive(Clone, Debug)]
pub struct Caller {
    proven: Proven,
    network: Network,
}

#[derive(Clone, Debug)]
enum Proven {
    Nothing,
    Certificate(Arc<PeerCertificate>),
    Key(KeyId),
}

impl Caller {
    /// The other end of a connection that showed this certificate, whose key it has proven to hold;
    /// none if it showed none.
    #[must_use]
    pub fn new(certificate: Option<Arc<PeerCertificate>>, network: Network) -> Self {
        Self { proven: certificate.map_or(Proven::Nothing, Proven::Certificate), network }
    }

    /// Somebody in this process, who holds the key: there is no connection.
    #[must_use]
    pub const fn here(key: KeyId, network: Network) -> Self {
        Self { proven: Proven::Key(key), network }
    }

    fn key(&self) -> Option<KeyId> {
        match &self.proven {
            Proven::Nothing => None,
            Proven::Certificate(certificate) => Some(certificate.key_id()),
            Proven::Key(key) => Some(*key),
        }
    }
}

/// A request that may come in: its sender may call the method, not too often, and there is room for it.
#[derive(Clone, Debug)]
pub struct Admitted {
    method: Method,
    caller: Caller,
}

impl Service {
    /// Lets a request in, or not, by its head alone. In the administration a refusal has its record.
    ///
    /// # Errors
    /// Who calls may not, or too often; there is no room for what he calls.
    pub async fn admit(&self, method: Method, caller: Caller) -> Result<Admitted, Failure> {
        match self.may_come_in(method, &caller) {
            Ok(()) => Ok(Admitted { method, caller }),
            Err(why) => {
                self.record_denial(method, &caller, &why).await;
                Err(why)
            }
        }
    }

    fn may_come_in(&self, method: Method, caller: &Caller) -> Result<(), Failure> {
        let peer = self.authentic(caller)?;
        method.may_be_called_by(&peer)?;
        self.door().asks(&peer, Ask::Call(method))?;
        Ok(self.has_room(Ask::Call(method))?)
    }

    /// A permit for what was admitted, as the directory is now.
    ///
    /// # Errors
    /// Who called may not any more; [`Refusal::Internal`] if another method was admitted.
    pub fn permit<M: MethodType>(&self, admitted: &Admitted) -> Result<Permit<M>, Failure> {
        let Admitted { method, caller } = admitted;
        if *method != M::METHOD {
            return Err(self.past_the_door());
        }
        Ok(Permit::ask(self.authentic(caller)?, caller.key())?)
    }

    /// The same for the administration, where a refusal has its record.
    ///
    /// # Errors
    /// The same.
    pub async fn permit_recorded<M: MethodType>(
        &self,
        admitted: &Admitted,
    ) -> Result<Permit<M>, Failure> {
        let permit = self.permit(admitted);
        match &permit {
            Err(why) if admitted.method == M::METHOD => {
                self.record_denial(M::METHOD, &admitted.caller, why).await;
            }
            Ok(_) | Err(_) => {}
        }
        permit
    }

    /// Both at once, for who has no connection.
    ///
    /// # Errors
    /// As [`Self::admit`].
    pub async fn permit_here<M: MethodType>(&self, caller: Caller) -> Result<Permit<M>, Failure> {
        self.permit(&self.admit(M::METHOD, caller).await?)
    }

    /// A request came to its method, and was not admitted to it: a fault of ours.
    #[must_use]
    pub fn past_the_door(&self) -> Failure {
        let fault = Refusal::Internal(Fault::PastTheDoor);
        say_faults(self.telemetry(), &fault);
        fault.into()
    }

    /// Who calls, as far as he is known: for whom all that he does is counted.
    #[must_use]
    pub fn whoever(&self, caller: &Caller) -> AuthenticPeer {
        self.authentic(caller).unwrap_or_else(|_| AuthenticPeer::stranger(caller.network))
    }

    /// What was admitted could not be read at all. In the administration that has its record.
    pub async fn record_unread(&self, Admitted { method, caller }: &Admitted) {
        self.record_denial(*method, caller, &Refusal::NotCanonical("request").into()).await;
    }

    /// A place for one more stream of who may open this one.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn stay<M: MethodType>(&self, permit: &Permit<M>) -> Result<Stay, Busy> {
        self.door().follows(permit.peer())
    }

    async fn record_denial(&self, method: Method, caller: &Caller, why: &Failure) {
        if method.face() != Face::Administration {
            return;
        }
        match why {
            Failure::Refused(refusal) => {
                let call = Call::of(&self.whoever(caller), caller.key(), method.name());
                self.record_refusal(call, refusal).await;
            }
            Failure::Busy(_) | Failure::Stopped => self.not_recorded(),
        }
    }

    /// Who it is now. The handshake has proven the key; the dates and the usage of the certificate
    /// are judged here, so that the refusal carries a code.
    fn authentic(&self, caller: &Caller) -> Result<AuthenticPeer, Refusal> {
        let key = match &caller.proven {
            Proven::Nothing => None,
            Proven::Certificate(certificate) => {
                Some(certificate.judge(self.now()).map_err(Refusal::Certificate)?)
            }
            Proven::Key(key) => Some(*key),
        };
        Ok(self.peer(key.as_ref(), caller.network))
    }
}
