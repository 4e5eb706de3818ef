//! Which role may call which method: one table.
//!
//! Invariants: a [`Permit`] exists only for a row that says yes, and is for that method alone; what
//! needs one cannot be called without asking. A test walks the descriptors, so that no method lacks
//! a row.

use std::fmt;
use std::marker::PhantomData;

use super::administration::audit::Call;
use super::ids::{ContactId, SeatId};
use super::peer::AuthenticPeer;
use super::refusal::Refusal;
use super::role::Allowed;
use crate::crypto::sign::KeyId;

/// A method of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented in proto/liaison/v1")]
pub enum Method {
    GetCheckpoint,
    GetEntries,
    GetProof,
    GetFacets,
    LookUp,
    Publish,
    Watch,
    Submit,
    Collect,
    GetBody,
    Acknowledge,
    GetStatus,
    Enrol,
    GetCharters,
    GetStanding,
    ListProposals,
    Propose,
    Approve,
    CarryOut,
    Abort,
    ListSessions,
    DropSessions,
    ListServiceKeys,
    StageServiceKey,
    GetAudit,
}

/// Where a method is served: each on a port of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// To members, and to those who enrol.
    Members,
    /// To registrars, operators and auditors.
    Administration,
}

impl Method {
    /// Every method, with its full gRPC name and its row.
    const TABLE: [(Self, &'static str, Allowed); 25] = [
        (
            Self::GetCheckpoint,
            "liaison.v1.DirectoryService/GetCheckpoint",
            Allowed::WHOEVER_IS_KNOWN,
        ),
        (Self::GetEntries, "liaison.v1.DirectoryService/GetEntries", Allowed::WHOEVER_IS_KNOWN),
        (Self::GetProof, "liaison.v1.DirectoryService/GetProof", Allowed::WHOEVER_IS_KNOWN),
        (Self::GetFacets, "liaison.v1.DirectoryService/GetFacets", Allowed::SEATS_AND_REGISTRARS),
        (Self::LookUp, "liaison.v1.DirectoryService/LookUp", Allowed::SEATS_AND_REGISTRARS),
        (Self::Publish, "liaison.v1.DirectoryService/Publish", Allowed::SEATS_AND_REGISTRARS),
        (Self::Watch, "liaison.v1.DirectoryService/Watch", Allowed::SEATS_AND_REGISTRARS),
        (Self::Submit, "liaison.v1.RelayService/Submit", Allowed::SEATS),
        (Self::Collect, "liaison.v1.RelayService/Collect", Allowed::SEATS),
        (Self::GetBody, "liaison.v1.RelayService/GetBody", Allowed::SEATS),
        (Self::Acknowledge, "liaison.v1.RelayService/Acknowledge", Allowed::SEATS),
        (Self::GetStatus, "liaison.v1.RelayService/GetStatus", Allowed::SEATS),
        (Self::Enrol, "liaison.v1.EnrolmentService/Enrol", Allowed::ANYBODY),
        (Self::GetCharters, "liaison.v1.EnrolmentService/GetCharters", Allowed::ANYBODY),
        (Self::GetStanding, "liaison.v1.AdminService/GetStanding", Allowed::ADMINISTRATION),
        (Self::ListProposals, "liaison.v1.AdminService/ListProposals", Allowed::ADMINISTRATION),
        (Self::Propose, "liaison.v1.AdminService/Propose", Allowed::REGISTRARS_AND_OPERATORS),
        (Self::Approve, "liaison.v1.AdminService/Approve", Allowed::REGISTRARS_AND_OPERATORS),
        (Self::CarryOut, "liaison.v1.AdminService/CarryOut", Allowed::REGISTRARS_AND_OPERATORS),
        (Self::Abort, "liaison.v1.AdminService/Abort", Allowed::REGISTRARS_AND_OPERATORS),
        (
            Self::ListSessions,
            "liaison.v1.AdminService/ListSessions",
            Allowed::OPERATORS_AND_AUDITORS,
        ),
        (Self::DropSessions, "liaison.v1.AdminService/DropSessions", Allowed::OPERATORS),
        (Self::ListServiceKeys, "liaison.v1.AdminService/ListServiceKeys", Allowed::ADMINISTRATION),
        (Self::StageServiceKey, "liaison.v1.AdminService/StageServiceKey", Allowed::OPERATORS),
        (Self::GetAudit, "liaison.v1.AdminService/GetAudit", Allowed::AUDITORS),
    ];

    /// Every method, with its full gRPC name.
    pub fn all() -> impl Iterator<Item = (Self, &'static str)> {
        Self::TABLE.into_iter().map(|(method, name, _)| (method, name))
    }

    /// Its name without that of its service.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1.rsplit('/').next().unwrap_or_default()
    }

    /// Where it is served.
    #[must_use]
    pub fn face(self) -> Face {
        match self.row().1.starts_with("liaison.v1.AdminService/") {
            true => Face::Administration,
            false => Face::Members,
        }
    }

    /// Asks the table.
    ///
    /// # Errors
    /// The peer's role may not call the method.
    pub fn may_be_called_by(self, peer: &AuthenticPeer) -> Result<(), Refusal> {
        let needed = self.row().2;
        if needed.admits(peer.role()) {
            return Ok(());
        }
        Err(Refusal::NotPermitted { found: peer.role().clone(), needed })
    }

    const fn is_for_seats_alone(self) -> bool {
        self.row().2.is_seats_alone()
    }

    const fn row(self) -> &'static (Self, &'static str, Allowed) {
        const TABLE: &[(Method, &str, Allowed)] = &Method::TABLE;
        let mut at = 0;
        while TABLE[at].0 as u8 != self as u8 {
            at += 1;
        }
        &TABLE[at]
    }
}

/// A method as a type, for what is about that method alone.
pub trait MethodType: fmt::Debug + Send + Sync + 'static {
    /// The same method as a value.
    const METHOD: Method;
}

/// Each method as a type without values: `Permit<to::Submit>` is a permit to submit.
pub mod to {
    macro_rules! types {
        ($($method:ident,)*) => {$(
            #[doc = concat!("[`Method::", stringify!($method), "`](super::Method).")]
            #[derive(Clone, Copy, Debug)]
            pub enum $method {}

            impl super::MethodType for $method {
                const METHOD: super::Method = super::Method::$method;
            }
        )*};
    }

    types! {
        GetCheckpoint,
        GetEntries,
        GetProof,
        GetFacets,
        LookUp,
        Publish,
        Watch,
        Submit,
        Collect,
        GetBody,
        Acknowledge,
        GetStatus,
        Enrol,
        GetCharters,
        GetStanding,
        ListProposals,
        Propose,
        Approve,
        CarryOut,
        Abort,
        ListSessions,
        DropSessions,
        ListServiceKeys,
        StageServiceKey,
        GetAudit,
    }
}

/// Leave to call one method once, given to one peer. The service gives it, at its door.
///
/// What takes a permit takes no other:
///
/// ```
/// use liaison::domain::access::{Permit, to};
/// use liaison::service::Service;
///
/// fn checkpoint(service: &Service, permit: &Permit<to::GetCheckpoint>) -> bytes::Bytes {
///     service.checkpoint(permit)
/// }
/// ```
///
/// ```compile_fail,E0308
/// use liaison::domain::access::{Permit, to};
/// use liaison::service::Service;
///
/// fn checkpoint(service: &Service, permit: &Permit<to::GetEntries>) -> bytes::Bytes {
///     service.checkpoint(permit)
/// }
/// ```
#[derive(Debug)]
pub struct Permit<M> {
    peer: AuthenticPeer,
    key: Option<KeyId>,
    method: PhantomData<M>,
}

impl<M: MethodType> Permit<M> {
    /// Asks the table for a peer that has proven this key, if any.
    ///
    /// # Errors
    /// The peer's role may not call the method.
    pub(crate) fn ask(peer: AuthenticPeer, key: Option<KeyId>) -> Result<Self, Refusal> {
        M::METHOD.may_be_called_by(&peer)?;
        Ok(Self { peer, key, method: PhantomData })
    }

    /// To whom it was given: the peer that calls.
    #[must_use]
    pub const fn peer(&self) -> &AuthenticPeer {
        &self.peer
    }

    /// What the audit trail says of the call.
    #[must_use]
    pub fn call(&self) -> Call {
        Call::of(&self.peer, self.key, M::METHOD.name())
    }

    /// The seat that may. It compiles for methods that seats alone may call.
    #[must_use]
    pub fn seat(&self) -> &SeatId {
        const { assert!(M::METHOD.is_for_seats_alone(), "others than seats may call this") };
        self.peer.seat().expect("who is no seat gets no permit for what seats alone may call")
    }

    /// The contact whose seat calls.
    #[must_use]
    pub fn contact(&self) -> ContactId {
        self.seat().contact()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_exactly_one_row() {
        for (method, _) in Method::all() {
            assert_eq!(Method::TABLE.iter().filter(|row| row.0 == method).count(), 1, "{method:?}");
        }
    }
}
