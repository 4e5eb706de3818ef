//! What a face is told when something does not come about.
//!
//! In scope: an error as a value, whose side, why, and what mends it. Out of scope: how it is made of what
//! lies below (`client::error`), and how it is said (`words`).

pub use crate::client::error::{ClientError, Family, Side};
pub use crate::client::mend::Mend;
pub use crate::client::reason::{Here, Reason, Rule};
