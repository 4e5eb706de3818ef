//! What a member's machine does unasked: collect, verify, keep, tell the sender.
//!
//! In scope: the mailbox followed, the inbox, delivered receipts, the outbox handed in. Out of scope: acknowledging, which
//! is a human's. Invariant: a message is kept, sealed as it came, before anything else is done.

pub mod again;
pub mod collect;
mod faults;
pub mod fetch;
pub mod follow;
pub mod hand_in;
pub mod inbox;
pub mod index;
pub mod later;
pub mod muted;
pub mod stay;

#[cfg(test)]
mod tests;
