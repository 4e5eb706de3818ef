//! Who calls: the directory says whose key a connection has.

use std::fmt;

use crate::crypto::sign::KeyId;

use super::directory::Directory;
use super::directory::key::{Holder, Purpose};
use super::ids::{ContactId, PersonId, SeatId};

/// What the key of a connection is in the directory now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// No key, or one that the directory does not know.
    Unknown,
    /// A seat in force.
    Seat(SeatId),
    /// A registrar of the charter in force.
    Registrar(PersonId),
    /// An operator of the charter in force.
    Operator(PersonId),
    /// An auditor of the charter in force.
    Auditor(PersonId),
    /// A key that was dropped or revoked.
    Former(KeyId),
}

/// A peer, looked up in one directory. It is looked up again for every request and every stream
/// message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticPeer {
    role: Role,
}

impl AuthenticPeer {
    /// Whose the key of a connection is now. The handshake has proven that the peer holds it.
    #[must_use]
    pub fn look_up(directory: &Directory, key: Option<&KeyId>) -> Self {
        let known = key.and_then(|id| Some((id, directory.key(id)?)));
        let tls = known
            .filter(|(_, known)| matches!(known.purpose, Purpose::PersonTls | Purpose::SeatTls));
        let role = match tls {
            None => Role::Unknown,
            Some((id, _)) if directory.in_force(id).is_err() => Role::Former(*id),
            Some((_, known)) => match &known.holder {
                Holder::Seat(seat) => Role::Seat(seat.clone()),
                Holder::Registrar(id) => Role::Registrar(id.clone()),
                Holder::Operator(id) => Role::Operator(id.clone()),
                Holder::Auditor(id) => Role::Auditor(id.clone()),
                Holder::Log(_) | Holder::Relay(_) | Holder::Member(_) | Holder::Contact(_) => {
                    Role::Unknown
                }
            },
        };
        Self { role }
    }

    /// What it is.
    #[must_use]
    pub const fn role(&self) -> &Role {
        &self.role
    }

    /// The seat, if it is one.
    #[must_use]
    pub const fn seat(&self) -> Option<&SeatId> {
        match &self.role {
            Role::Seat(seat) => Some(seat),
            Role::Unknown
            | Role::Registrar(_)
            | Role::Operator(_)
            | Role::Auditor(_)
            | Role::Former(_) => None,
        }
    }

    /// The seat's contact, if it is a seat.
    #[must_use]
    pub fn contact(&self) -> Option<ContactId> {
        self.seat().map(SeatId::contact)
    }
}

impl fmt::Display for AuthenticPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.role {
            Role::Unknown => f.write_str("a key that the directory does not know"),
            Role::Seat(id) => write!(f, "the seat {id}"),
            Role::Registrar(id) => write!(f, "the registrar {id}"),
            Role::Operator(id) => write!(f, "the operator {id}"),
            Role::Auditor(id) => write!(f, "the auditor {id}"),
            Role::Former(key) => write!(f, "the key {key}, which was dropped or revoked,"),
        }
    }
}
