//! What became of what was to be sent.
//!
//! In scope: whether it waits, was given up, or is with the relay. Out of scope: why (`error`), its words
//! (`words`).

use crate::domain::ids::MessageId;

/// What became of what was to be sent and was not accepted, or whose receipt was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is sealed and kept; it was not handed in yet, or nobody knows whether it was.
    Waits(MessageId, Sending),
    /// It was refused for good, and waits no longer.
    GivenUp(MessageId),
    /// The same of what waited for another command.
    WaitedInVain(MessageId),
    /// The relay has it, and its receipt could not be kept or checked.
    WithoutReceipt(MessageId),
    /// It could not be kept, and so was not sealed.
    NotKept(Sending),
}

/// What somebody sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// A message to its recipients.
    Message,
    /// That he acknowledges one.
    Acknowledgement,
}
