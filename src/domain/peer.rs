//! Who calls: the directory says whose key a connection has.

use std::fmt;

use crate::crypto::sign::KeyId;

use super::directory::Directory;
use super::directory::key::{Holder, Purpose};
use super::ids::{ContactId, MemberId, PersonId, SeatId};
use super::network::Network;
use super::role::Role;

/// A peer, looked up in one directory. It is looked up again for every request and every stream
/// message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticPeer {
    role: Role,
    network: Network,
}

/// For whom places, rates and budgets are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// Those whom nobody knows, by where they come from.
    Network(Network),
    /// A member, with all its seats.
    Member(MemberId),
    /// A registrar, counted apart from the others of the charter.
    Registrar(PersonId),
    /// An operator or an auditor.
    Person(PersonId),
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => write!(f, "the network {network}"),
            Self::Member(member) => write!(f, "the member {member}"),
            Self::Registrar(person) => write!(f, "the registrar {person}"),
            Self::Person(person) => write!(f, "{person}"),
        }
    }
}

impl AuthenticPeer {
    /// Whose the key of a connection is now. The handshake has proven that the peer holds it.
    #[must_use]
    pub fn look_up(directory: &Directory, key: Option<&KeyId>, network: Network) -> Self {
        let known = key.and_then(|id| Some((id, directory.key(id)?)));
        let tls = known
            .filter(|(_, known)| matches!(known.purpose, Purpose::PersonTls | Purpose::SeatTls));
        let role = match tls {
            None if key.is_none() => Role::Nobody,
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
        Self { role, network }
    }

    /// Where it comes from.
    #[must_use]
    pub const fn network(&self) -> Network {
        self.network
    }

    /// For whom it is counted.
    #[must_use]
    pub fn party(&self) -> Party {
        match &self.role {
            Role::Nobody | Role::Unknown | Role::Former(_) => Party::Network(self.network),
            Role::Seat(seat) => Party::Member(seat.member()),
            Role::Registrar(id) => Party::Registrar(id.clone()),
            Role::Operator(id) | Role::Auditor(id) => Party::Person(id.clone()),
        }
    }

    /// In a test of what is counted for whom.
    #[cfg(test)]
    pub(crate) const fn of(role: Role, network: Network) -> Self {
        Self { role, network }
    }

    /// Somebody whom the directory does not know.
    #[must_use]
    pub const fn stranger(network: Network) -> Self {
        Self { role: Role::Nobody, network }
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
            Role::Nobody
            | Role::Unknown
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
        self.role.fmt(f)
    }
}
