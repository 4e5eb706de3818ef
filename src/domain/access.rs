//! Which role may call which method: one table.
//!
//! Invariant: a [`Permit`] exists only for a row that says yes; what needs one cannot be called
//! without asking. A test walks the descriptors, so that no method lacks a row.

use std::fmt;

use super::peer::{AuthenticPeer, Role};
use super::refusal::Refusal;

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
}

/// Who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// A seat in force.
    Seats,
    /// A seat in force, a registrar.
    SeatsAndRegistrars,
    /// Whoever the directory knows.
    EveryRole,
    /// Also a stranger.
    Anybody,
}

impl Allowed {
    const fn admits(self, role: &Role) -> bool {
        match self {
            Self::Seats => matches!(role, Role::Seat(_)),
            Self::SeatsAndRegistrars => matches!(role, Role::Seat(_) | Role::Registrar(_)),
            Self::EveryRole => !matches!(role, Role::Nobody | Role::Unknown | Role::Former(_)),
            Self::Anybody => true,
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seats => "a seat in force",
            Self::SeatsAndRegistrars => "a seat in force or a registrar",
            Self::EveryRole => "a seat in force, a registrar, an operator or an auditor",
            Self::Anybody => "anybody",
        })
    }
}

impl Method {
    /// Every method, with its full gRPC name and its row.
    const TABLE: [(Self, &'static str, Allowed); 14] = [
        (Self::GetCheckpoint, "liaison.v1.DirectoryService/GetCheckpoint", Allowed::EveryRole),
        (Self::GetEntries, "liaison.v1.DirectoryService/GetEntries", Allowed::EveryRole),
        (Self::GetProof, "liaison.v1.DirectoryService/GetProof", Allowed::EveryRole),
        (Self::GetFacets, "liaison.v1.DirectoryService/GetFacets", Allowed::SeatsAndRegistrars),
        (Self::LookUp, "liaison.v1.DirectoryService/LookUp", Allowed::SeatsAndRegistrars),
        (Self::Publish, "liaison.v1.DirectoryService/Publish", Allowed::SeatsAndRegistrars),
        (Self::Watch, "liaison.v1.DirectoryService/Watch", Allowed::SeatsAndRegistrars),
        (Self::Submit, "liaison.v1.RelayService/Submit", Allowed::Seats),
        (Self::Collect, "liaison.v1.RelayService/Collect", Allowed::Seats),
        (Self::GetBody, "liaison.v1.RelayService/GetBody", Allowed::Seats),
        (Self::Acknowledge, "liaison.v1.RelayService/Acknowledge", Allowed::Seats),
        (Self::GetStatus, "liaison.v1.RelayService/GetStatus", Allowed::Seats),
        (Self::Enrol, "liaison.v1.EnrolmentService/Enrol", Allowed::Anybody),
        (Self::GetCharters, "liaison.v1.EnrolmentService/GetCharters", Allowed::Anybody),
    ];

    /// Every method, with its full gRPC name.
    pub fn all() -> impl Iterator<Item = (Self, &'static str)> {
        Self::TABLE.into_iter().map(|(method, name, _)| (method, name))
    }

    fn allowed(self) -> Allowed {
        let row = Self::TABLE.iter().find(|(method, _, _)| *method == self);
        row.map(|(_, _, allowed)| *allowed).expect("every method has a row: tested")
    }
}

/// Leave to do one thing, given to one peer.
#[derive(Debug)]
pub struct Permit<C> {
    peer: AuthenticPeer,
    command: C,
}

impl<C> Permit<C> {
    /// Who may.
    pub const fn peer(&self) -> &AuthenticPeer {
        &self.peer
    }

    /// What is permitted.
    pub const fn command(&self) -> &C {
        &self.command
    }

    /// Peer and command.
    pub fn into_parts(self) -> (AuthenticPeer, C) {
        (self.peer, self.command)
    }
}

impl Permit<()> {
    /// The same leave with what it is used for: a body is looked at once its sender may call.
    #[must_use]
    pub fn with<C>(self, command: C) -> Permit<C> {
        Permit { peer: self.peer, command }
    }
}

/// Asks the table.
///
/// # Errors
/// The peer's role may not call the method.
pub fn permit<C>(peer: AuthenticPeer, method: Method, command: C) -> Result<Permit<C>, Refusal> {
    let needed = method.allowed();
    if needed.admits(peer.role()) {
        Ok(Permit { peer, command })
    } else {
        Err(Refusal::NotPermitted { found: peer, needed })
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
