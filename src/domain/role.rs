//! Roles: what a key is for and whose it is, who signs, as whom a peer calls, and who may.
//!
//! In scope: the words alone, which refusals say, too. Out of scope: who has which role, which the
//! directory says (`directory`, `peer`), and who may call what (`access`).

use std::fmt;

use crate::crypto::sign::KeyId;
use crate::signed::proto::Use;

use super::ids::{ContactId, DirectoryName, MemberId, PersonId, SeatId};

/// What a key is for. A key has exactly one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// A registrar, operator or auditor signs.
    PersonSign,
    /// A registrar, operator or auditor connects.
    PersonTls,
    /// The log signs checkpoints.
    Log,
    /// Accepted receipts and mailbox heads.
    Relay,
    /// A member's authority signs.
    Authority,
    /// A contact's keeper signs.
    Keeper,
    /// A seat signs.
    SeatSign,
    /// A seat opens.
    SeatSeal,
    /// A seat connects.
    SeatTls,
}

impl Purpose {
    /// What it is called in sentences.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PersonSign => "a person of the charter to sign with",
            Self::PersonTls => "a person of the charter to connect with",
            Self::Log => "the log",
            Self::Relay => "the relay",
            Self::Authority => "a member's authority",
            Self::Keeper => "a contact's keeper",
            Self::SeatSign => "a seat to sign with",
            Self::SeatSeal => "a seat to open messages with",
            Self::SeatTls => "a seat to connect with",
        }
    }

    /// The use that a proof of possession names; none of a key that seals.
    #[must_use]
    pub const fn usage(self) -> Option<Use> {
        match self {
            Self::PersonSign | Self::SeatSign => Some(Use::Sign),
            Self::PersonTls | Self::SeatTls => Some(Use::Tls),
            Self::Authority => Some(Use::Authority),
            Self::Keeper => Some(Use::Keeper),
            Self::Log => Some(Use::Log),
            Self::Relay => Some(Use::Relay),
            Self::SeatSeal => None,
        }
    }
}

/// Whose a key is. As text it is what a proof of possession names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// The log of this directory.
    Log(DirectoryName),
    /// The relay of this directory.
    Relay(DirectoryName),
    /// A registrar of the charter.
    Registrar(PersonId),
    /// An operator of the charter.
    Operator(PersonId),
    /// An auditor of the charter.
    Auditor(PersonId),
    /// A member's authority.
    Member(MemberId),
    /// A contact's keeper.
    Contact(ContactId),
    /// A seat of a contact.
    Seat(SeatId),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(name) => write!(f, "log/{name}"),
            Self::Relay(name) => write!(f, "relay/{name}"),
            Self::Registrar(id) => write!(f, "registrar/{id}"),
            Self::Operator(id) => write!(f, "operator/{id}"),
            Self::Auditor(id) => write!(f, "auditor/{id}"),
            Self::Member(id) => write!(f, "{id}"),
            Self::Contact(id) => write!(f, "{id}"),
            Self::Seat(id) => write!(f, "{id}"),
        }
    }
}

/// A role that signs statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// A registrar of the charter.
    Registrar,
    /// A member's authority.
    Authority,
    /// A contact's keeper.
    Keeper,
    /// A seat of a contact.
    Seat,
    /// An operator: of acts, never of statements.
    Operator,
}

impl Signer {
    /// The role in which a key signs statements, if it does.
    pub(super) const fn of(purpose: Purpose, holder: &Holder) -> Option<Self> {
        match (purpose, holder) {
            (Purpose::PersonSign, Holder::Registrar(_)) => Some(Self::Registrar),
            (Purpose::Authority, _) => Some(Self::Authority),
            (Purpose::Keeper, _) => Some(Self::Keeper),
            (Purpose::SeatSign, _) => Some(Self::Seat),
            (
                Purpose::PersonSign
                | Purpose::PersonTls
                | Purpose::Log
                | Purpose::Relay
                | Purpose::SeatSeal
                | Purpose::SeatTls,
                _,
            ) => None,
        }
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Registrar => "a registrar's key to sign with",
            Self::Authority => "a key of the member's authority",
            Self::Keeper => "the keeper's key",
            Self::Seat => "a seat's key to sign with",
            Self::Operator => "an operator's key to sign with",
        })
    }
}

/// What the key of a connection is in the directory now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// No certificate was shown, so there is no key.
    Nobody,
    /// A key that the directory does not know.
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

impl Role {
    /// As a proof of possession names it; empty of whoever is not known, or no more.
    #[must_use]
    pub fn holder(&self) -> String {
        match self {
            Self::Nobody | Self::Unknown | Self::Former(_) => String::new(),
            Self::Seat(id) => id.to_string(),
            Self::Registrar(id) => format!("registrar/{id}"),
            Self::Operator(id) => format!("operator/{id}"),
            Self::Auditor(id) => format!("auditor/{id}"),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("a connection on which no certificate was shown"),
            Self::Unknown => f.write_str("a key that the directory does not know"),
            Self::Seat(id) => write!(f, "the seat {id}"),
            Self::Registrar(id) => write!(f, "the registrar {id}"),
            Self::Operator(id) => write!(f, "the operator {id}"),
            Self::Auditor(id) => write!(f, "the auditor {id}"),
            Self::Former(key) => write!(f, "the key {key}, which was dropped or revoked,"),
        }
    }
}

/// Who may: a set of those whom the directory knows, or anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed(u8);

/// What the directory knows a peer as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented at `Role`")]
pub enum Known {
    Seat,
    Registrar,
    Operator,
    Auditor,
}

impl Known {
    const ALL: [Self; 4] = [Self::Seat, Self::Registrar, Self::Operator, Self::Auditor];

    const fn of(role: &Role) -> Option<Self> {
        match role {
            Role::Seat(_) => Some(Self::Seat),
            Role::Registrar(_) => Some(Self::Registrar),
            Role::Operator(_) => Some(Self::Operator),
            Role::Auditor(_) => Some(Self::Auditor),
            Role::Nobody | Role::Unknown | Role::Former(_) => None,
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Seat => "a seat in force",
            Self::Registrar => "a registrar",
            Self::Operator => "an operator",
            Self::Auditor => "an auditor",
        }
    }
}

use Known::{Auditor, Operator, Registrar, Seat};

impl Allowed {
    /// Also a stranger.
    pub const ANYBODY: Self = Self(u8::MAX);
    /// A seat in force.
    pub const SEATS: Self = Self(Seat.bit());
    /// A registrar of the charter in force.
    pub const REGISTRARS: Self = Self(Registrar.bit());
    /// An operator of the charter in force.
    pub const OPERATORS: Self = Self(Operator.bit());
    pub(super) const AUDITORS: Self = Self(Auditor.bit());
    pub(super) const SEATS_AND_REGISTRARS: Self = Self::SEATS.or(Self::REGISTRARS);
    pub(super) const REGISTRARS_AND_OPERATORS: Self = Self::REGISTRARS.or(Self::OPERATORS);
    pub(super) const OPERATORS_AND_AUDITORS: Self = Self::OPERATORS.or(Self::AUDITORS);
    /// Those who administer.
    pub const ADMINISTRATION: Self = Self::REGISTRARS.or(Self::OPERATORS_AND_AUDITORS);
    pub(super) const WHOEVER_IS_KNOWN: Self = Self::SEATS.or(Self::ADMINISTRATION);

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a role is one of these.
    #[must_use]
    pub fn admits(self, role: &Role) -> bool {
        self == Self::ANYBODY || Known::of(role).is_some_and(|known| self.has(known))
    }

    /// Whether seats are all of these.
    pub(super) const fn is_seats_alone(self) -> bool {
        self.0 == Self::SEATS.0
    }

    const fn has(self, known: Known) -> bool {
        self.0 & known.bit() != 0
    }

    /// What the directory must know a peer as; none, if anybody may.
    #[must_use]
    pub fn known(self) -> Option<Vec<Known>> {
        let known = || Known::ALL.into_iter().filter(|of| self.has(*of)).collect();
        (self != Self::ANYBODY).then(known)
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(known) = self.known() else { return f.write_str("anybody") };
        let known: Vec<&str> = known.into_iter().map(Known::name).collect();
        match known.split_last() {
            Some((last, [])) => f.write_str(last),
            Some((last, rest)) => write!(f, "{} or {last}", rest.join(", ")),
            None => f.write_str("nobody"),
        }
    }
}
