//! Rules by number: since when each enum value that the fold looks at is admitted.
//!
//! Kinds of statements carry their number themselves (`kinds`), leaves in `entry`. A value without
//! a number does not compile.

use crate::domain::refusal::{Refusal, Wrong};
use crate::signed::proto::{Algorithm, Custody, Level, MemberKind, Purpose, Reason, Visibility};

/// The highest rules that this program knows.
pub const RULES: u32 = 1;

/// The rules of entry 0.
pub const FIRST_RULES: u32 = 1;

/// An enum value with the rules since which it is admitted.
pub(crate) trait Since: TryFrom<i32> {
    /// The number; 0 for the value that is never admitted.
    fn since(&self) -> u32;
}

macro_rules! since {
    ($($enum:ident { $($value:ident = $rules:literal),+ })+) => {$(
        impl Since for $enum {
            fn since(&self) -> u32 {
                match self {
                    Self::Unspecified => 0,
                    $(Self::$value => $rules,)+
                }
            }
        }
    )+};
}

since! {
    Algorithm { Ed25519 = 1, P256 = 1, P384 = 1, XWing = 1 }
    Visibility { Members = 1, SameLevel = 1, NamedMembers = 1, AuthorityAndRegistrar = 1 }
    Custody { Separate = 1, OneMachine = 1, NotStated = 1 }
    Reason { Superseded = 1, Compromised = 1, Lost = 1, Left = 1, Error = 1 }
    Purpose {
        IncidentNotification = 1, AssistanceRequest = 1, CrisisConsultation = 1,
        Vulnerability = 1, Exercise = 1, General = 1
    }
    MemberKind {
        UnMember = 1, UnObserver = 1, OtherEntity = 1, RegionalOrg = 1, IntergovOrg = 1,
        Secretariat = 1
    }
    Level { Technical = 1, Policy = 1, Diplomatic = 1, Legal = 1, LawEnforcement = 1 }
}

/// An enum value that these rules admit.
///
/// # Errors
/// 0, a value that this program does not know, one of later rules.
pub(crate) fn known<E: Since>(field: &'static str, value: i32, rules: u32) -> Result<E, Refusal> {
    let read = E::try_from(value).ok().filter(|read| (1..=rules).contains(&read.since()));
    read.ok_or_else(|| Refusal::field(field, Wrong::NoValueOfRules { value, rules }))
}
