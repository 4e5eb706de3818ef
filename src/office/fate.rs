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

    fn failed(reason: impl Into<crate::client::reason::Reason>) -> ClientError {
        ClientError::new(Side::Ours, Family::Unexpected, reason, "why")
    }

    #[test]
    fn a_receipt_that_cannot_be_kept_or_checked_now_is_said_of_what_the_relay_has() {
        let id = MessageId::new(1, [1; 10]);
        let fate = |reason: Here| without_receipt(id, failed(reason)).fate;
        for reason in
            [Here::DiskFull, Here::ReadOnly, Here::NotYours, Here::HomeBusy, Here::BeforeUpdate]
        {
            assert_eq!(fate(reason), Some(Fate::WithoutReceipt(id)), "{reason:?}");
        }
        // What does not hold is no receipt that only could not be kept.
        for reason in [Here::ReceiptNotVerified, Here::SyncFirst, Here::File] {
            assert_eq!(fate(reason), None, "{reason:?}");
        }
    }

    #[test]
    fn what_cannot_be_written_was_not_sealed_and_what_is_otherwise_wrong_is_said_alone() {
        for what in [Sending::Message, Sending::Acknowledgement] {
            let full = not_sealed(what, failed(Here::DiskFull));
            assert_eq!(full.fate, Some(Fate::NotKept(what)));
            assert_eq!(not_sealed(what, failed(Here::BeforeUpdate)).fate, None);
        }
    }

    #[test]
    fn why_something_waits_or_was_given_up_is_kept_beside_it() {
        use crate::office::collect;
        use crate::office::tests::whole::Whole;
        use crate::world::relay::{AT, FR, Net, contact};

        let mut net = Net::new();
        let vienna = Whole::of(&net, AT);
        let sealed = net.notification();
        let (id, digest) = (sealed.id, sealed.header_digest);
        net.submit(&sealed.envelope).unwrap();
        vienna.mail.outbox.put((id, digest), &Request::submit(sealed.envelope)).unwrap();
        let mut paris = Whole::of(&net, FR);
        paris.collect(&net);
        let said = (crate::client::message::words::words(), None);
        let boxes = paris.mail.boxes();
        let words = paris.mail.at_desk(|desk| collect::acknowledge(desk, boxes, 1, said));
        let words = words.unwrap().unwrap();
        assert_eq!(contact("fr/cert-fr"), paris.mail.seat.contact());

        let waits = kept_back(&vienna.mail.outbox, failed(Here::Unavailable), id);
        assert_eq!(waits.fate, Some(Fate::Waits(id, Sending::Message)));
        let waits = kept_back(&paris.mail.outbox, failed(Here::Unavailable), words);
        assert_eq!(waits.fate, Some(Fate::Waits(words, Sending::Acknowledgement)));
        let why = |outbox: &Outbox, id| outbox.why_kept_back(id).unwrap();
        let kept = Some((Here::Unavailable.into(), "why".to_owned()));
        assert_eq!(why(&vienna.mail.outbox, id), kept);
        assert_eq!(why(&paris.mail.outbox, words), kept);
        let gone = given_up(&vienna.mail.outbox, failed(Here::Outbox), id);
        assert_eq!(gone.fate, Some(Fate::GivenUp(id)));
        let kept = Some((Here::Outbox.into(), "why".to_owned()));
        assert_eq!(why(&vienna.mail.outbox, id), kept);
        // What is not here waits as a message, and is said all the same.
        let nobody = MessageId::new(1, [1; 10]);
        let waits = kept_back(&vienna.mail.outbox, failed(Here::Unavailable), nobody);
        assert_eq!(waits.fate, Some(Fate::Waits(nobody, Sending::Message)));
    }

    #[test]
    fn what_a_sync_did_not_reach_is_no_fault_of_this_copy() {
        let found = after_a_sync(ReceiptError::SyncFirst(9).into());
        assert_eq!((found.side, found.family), (Side::Theirs, Family::VerificationFailed));
        assert_eq!(found.reason.code(), "RECEIPT_NOT_VERIFIED");
        let other = ClientError::from(ReceiptError::BeforeUpdate("accepted receipt"));
        assert_eq!(after_a_sync(other.clone()), other);
    }
}
