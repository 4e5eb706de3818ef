//! What the node shows to whoever connects, and who renews it.
//!
//! In scope: what is known of the certificate in use; the port behind which it is renewed. Out of scope:
//! TLS and files (`operate/node.rs`). Invariant: a charter that ends the authority of the certificate in
//! use is not seen before another is shown.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::spawn_blocking;

use crate::crypto::hash::Digest;
use crate::crypto::sign::KeyId;
use crate::domain::directory::Charter;
use crate::moment::when;

use super::{Failure, Service};

/// The certificate that the node shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeState {
    /// Its key; none if it cannot be read.
    pub key: Option<KeyId>,
    /// SHA-256 of the certificate of the authority that issued it; none of those of the charter did.
    pub authority: Option<Digest>,
    /// First second, Unix time.
    pub from: u64,
    /// Last second, Unix time.
    pub until: u64,
    /// From when on it is renewed by itself.
    pub renews: u64,
    /// The hosts that stock clients find in it.
    pub hosts: Vec<String>,
    /// Hosts of the configuration for which its authority may not issue.
    pub left_out: Vec<String>,
    /// Why it was not renewed when it should have been.
    pub trouble: Option<NotRenewed>,
}

impl NodeState {
    /// Whether a client believes it that knows the charter in force and has this clock.
    #[must_use]
    pub const fn is_believed(&self, now: u64) -> bool {
        self.authority.is_some() && now <= self.until
    }
}

/// Why the node's certificate was not renewed. The one in use stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRenewed {
    /// This process shows no certificate that it could renew.
    #[error("this service has no certificate of its own to renew")]
    NoNode,
    /// It would be dated by a clock that may be wrong.
    #[error(
        "the clock of the service is in doubt, and a certificate would have wrong dates: look at the \
         clock, and start it with liaisond serve --clock-is-right"
    )]
    ClockInDoubt,
    /// The key of none of the charter's authorities is here.
    #[error(
        "the keys folder of the service has the key of no service authority that the charter in force \
         lists: put service-ca.pem back; if it is lost for good, liaisond key stage ca makes another, which \
         the registrars list in the next charter"
    )]
    NoAuthority,
    /// It would hold no longer.
    #[error(
        "its authority ends at {}, and a new certificate would hold no longer than the one in use: stage \
         another service authority, and list it in the next charter", when(*.0)
    )]
    AuthorityEnds(u64),
    /// A client did not believe the new one.
    #[error("the new certificate is not shown, because a client would not believe it: {0}")]
    NotBelieved(String),
    /// It could not be made or kept.
    #[error("the new certificate could not be made: {0}")]
    NotMade(String),
}

impl NotRenewed {
    /// For scripts; it never changes.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoNode => "NO_NODE",
            Self::ClockInDoubt => "CLOCK_IN_DOUBT",
            Self::NoAuthority => "NO_SERVICE_AUTHORITY",
            Self::AuthorityEnds(_) => "SERVICE_AUTHORITY_ENDS",
            Self::NotBelieved(_) => "NOT_BELIEVED",
            Self::NotMade(_) => "NOT_MADE",
        }
    }
}

/// Who has the node's certificate, and renews it. Each may take as long as a file takes to be written.
pub trait Renewer: Send + Sync {
    /// What is shown now.
    fn state(&self) -> NodeState;

    /// Renews now, whether it is time or not: from the newest authority of the charter in force whose
    /// key is here.
    ///
    /// # Errors
    /// [`NotRenewed`]; the one in use stays.
    fn renew(&self, service: &Service) -> Result<NodeState, NotRenewed>;

    /// Whether clients that know these authorities alone would believe what is shown, or what could be
    /// made in its place.
    ///
    /// # Errors
    /// [`NotRenewed`].
    fn goes_on_under(&self, authorities: &[Bytes]) -> Result<(), NotRenewed>;

    /// Sees that what is shown is issued by one of the authorities of a charter that is in force as soon as
    /// this returns.
    fn follow(&self, charter: &Charter);
}

impl Service {
    /// Tells who renews the node's certificate; the first who is told stays.
    pub fn shown_by(&self, renewer: Arc<dyn Renewer>) {
        let _ = self.shared.node.set(renewer);
    }

    /// What the node shows, if this process shows anything.
    #[must_use]
    pub fn node(&self) -> Option<NodeState> {
        self.shared.node.get().map(|node| node.state())
    }

    /// Renews the node's certificate now.
    ///
    /// # Errors
    /// [`NotRenewed`]; the one in use stays.
    pub async fn renew_node(&self) -> Result<NodeState, NotRenewed> {
        let node = self.shared.node.get().cloned().ok_or(NotRenewed::NoNode)?;
        let service = self.clone();
        let renewed = spawn_blocking(move || node.renew(&service)).await;
        renewed.unwrap_or_else(|why| Err(NotRenewed::NotMade(why.to_string())))
    }

    /// Since when the charter in force is, Unix time.
    ///
    /// # Errors
    /// The service stops.
    pub async fn charter_since(&self) -> Result<u64, Failure> {
        Ok(self.charter_entry().await?.admitted_at)
    }
}
