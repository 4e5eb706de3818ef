//! What an office asks the face it works for, where people decide.
//!
//! In scope: each question, as a value. Out of scope: its words, and how it is answered (the face). Invariant:
//! where nobody is there, the answer is no.

use crate::client::error::ClientError;

pub use crate::client::unlock::{Asks, NotAsked};

/// What people are asked, and answer with yes or no.
#[derive(Debug)]
pub enum Question<'a> {
    /// Whether a message goes to the others, since some of its contacts cannot have it, for this.
    ToTheOthers(&'a ClientError),
    /// Whether a message is sent that would go further than its thread.
    Widens,
}
