//! What became of a request that was not accepted, or whose receipt was not kept.
//!
//! In scope: what is noted of it in the outbox, and what the error says of it. Out of scope: the words
//! (`words`).

use crate::client::error::{ClientError, Family, Side};
use crate::client::fate::{Fate, Sending};
use crate::client::outbox::{Outbox, Request};
use crate::client::reason::Here;
use crate::domain::ids::MessageId;

/// A request that the relay has, and why its receipt was not kept.
#[must_use]
pub fn without_receipt(id: MessageId, error: ClientError) -> ClientError {
    if error.is_of_writing() || error.reason == Here::BeforeUpdate {
        return error.leaves(Fate::WithoutReceipt(id));
    }
    error
}

/// What was to be sent cannot be kept here, and so was not sealed.
#[must_use]
pub fn not_sealed(what: Sending, error: ClientError) -> ClientError {
    if error.is_of_writing() { error.leaves(Fate::NotKept(what)) } else { error }
}

/// It is sealed and kept; it was not handed in yet, or nobody knows whether it was.
#[must_use]
pub fn kept_back(outbox: &Outbox, error: ClientError, id: MessageId) -> ClientError {
    // What cannot be noted is said all the same.
    let _ = outbox.kept_back(id, (&error.reason, &error.sentence));
    let what = match outbox.request(id) {
        Ok(Request::Acknowledge(_)) => Sending::Acknowledgement,
        Ok(Request::Submit(_)) | Err(_) => Sending::Message,
    };
    error.leaves(Fate::Waits(id, what))
}

/// It was refused for good, and waits no longer.
#[must_use]
pub fn given_up(outbox: &Outbox, error: ClientError, id: MessageId) -> ClientError {
    let _ = outbox.kept_back(id, (&error.reason, &error.sentence));
    error.leaves(Fate::GivenUp(id))
}

/// A view that a sync did not reach that began since it came is none of the log: it is not this copy
/// that is behind.
#[must_use]
pub fn after_a_sync(error: ClientError) -> ClientError {
    if error.reason != Here::SyncFirst {
        return error;
    }
    let sentence = "the relay signs on more entries than the service shows, also after a sync";
    let (side, family) = (Side::Theirs, Family::VerificationFailed);
    ClientError::new(side, family, Here::ReceiptNotVerified, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::message::receipt::ReceiptError;

    #[test]
    fn what_a_sync_did_not_reach_is_no_fault_of_this_copy() {
        let found = after_a_sync(ReceiptError::SyncFirst(9).into());
        assert_eq!((found.side, found.family), (Side::Theirs, Family::VerificationFailed));
        assert_eq!(found.reason.code(), "RECEIPT_NOT_VERIFIED");
        let other = ClientError::from(ReceiptError::BeforeUpdate("accepted receipt"));
        assert_eq!(after_a_sync(other.clone()), other);
    }
}
