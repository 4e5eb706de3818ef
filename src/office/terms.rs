//! The field's own words as values: what a face reads from what was typed, and hands on.
//!
//! In scope: names, numbers and closed lists that people type and read. Out of scope: whatever is decided by
//! them.

pub use crate::client::address::Address;
pub use crate::client::keys::{Owner, Role};
pub use crate::client::message::places::Contradiction;
pub use crate::client::outbox::Stage;
pub use crate::crypto::hash::Digest;
pub use crate::crypto::sign::KeyId;
pub use crate::domain::administration::proposal::Act;
pub use crate::domain::directory::key::Purpose;
pub use crate::domain::ids::{ContactId, DirectoryName, MemberId, MessageId, PersonId, SeatId};
pub use crate::domain::relay::addressing::OrLater;
pub use crate::signed::proto::{
    Kind, Level, MemberKind, Outcome, Purpose as Matter, Reason as EndReason, Tlp, Urgency,
};
