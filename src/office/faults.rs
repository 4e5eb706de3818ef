//! What goes wrong in the office's steps, in the one form of [`ClientError`].
//!
//! In scope: the inbox, who is muted, collecting, acknowledging, the stream. Out of scope: everything below, which
//! `client::error` converts. Invariant: nowhere else.

use crate::client::error::{ClientError, Family, Side};
use crate::client::mend::Mend;
use crate::client::reach::mailbox::FollowError;
use crate::client::reason::{Here, Rule};
use crate::office::collect::{SealError, TakeError};
use crate::office::inbox::InboxError;
use crate::office::muted::MutedError;

impl From<InboxError> for ClientError {
    fn from(error: InboxError) -> Self {
        let failed = Family::VerificationFailed;
        let ours = |family, reason| Self::new(Side::Ours, family, reason, &error);
        match &error {
            InboxError::File(file) => file.into(),
            InboxError::Busy => ours(Family::Refused, Here::InboxBusy),
            InboxError::Chain(_) => Self::new(Side::Theirs, failed, Here::MailboxHistory, error)
                .mended_by(Mend::EndHistoryReadMeanwhile),
            InboxError::HeadBehind { .. } => {
                Self::new(Side::Theirs, Family::NotReachable, Here::HeadBehind, error)
            }
            InboxError::Unknown(_) | InboxError::NotAtRelay(_) => {
                Self::new(Side::Ours, Family::NotFound, Rule::UnknownMessage, error)
            }
        }
    }
}

impl From<MutedError> for ClientError {
    fn from(error: MutedError) -> Self {
        match error {
            MutedError::File(file) => file.into(),
            MutedError::Form(_) => Self::new(Side::Ours, Family::Unexpected, Here::Muted, error),
        }
    }
}

impl From<TakeError> for ClientError {
    fn from(error: TakeError) -> Self {
        match error {
            TakeError::Inbox(error) => error.into(),
            TakeError::Outbox(error) => error.into(),
            TakeError::Receipt(error) => error.into(),
        }
    }
}

impl From<SealError> for ClientError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Take(error) => error.into(),
            SealError::Header(error) => error.into(),
            SealError::Compose(error) => error.into(),
            SealError::NotOutdated => {
                Self::new(Side::Ours, Family::Unexpected, Here::NotOutdated, error)
            }
        }
    }
}

impl From<FollowError<ClientError>> for ClientError {
    fn from(error: FollowError<ClientError>) -> Self {
        let lost = |reason| Self::new(Side::Network, Family::NotReachable, reason, &error);
        match error {
            FollowError::Status(status) => (*status).into(),
            FollowError::Silent(_) => lost(Here::Deadline),
            FollowError::NoHead => lost(Here::Unavailable),
            FollowError::Unknown => {
                Self::new(Side::Theirs, Family::VerificationFailed, Here::UnknownItem, error)
            }
            FollowError::Stopped(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::client::files::FileError;
    use crate::client::message::receipt::{ChainError, ReceiptError};
    use crate::client::outbox::OutboxError;
    use crate::domain::ids::MessageId;

    /// What of an error decides how a command ends.
    fn told(error: impl Into<ClientError>) -> (Side, Family, &'static str) {
        let error = error.into();
        (error.side, error.family, error.reason.known())
    }

    #[test]
    fn whose_fault_it_is_that_a_mailbox_cannot_be_taken_is_told_apart() {
        let gap = || InboxError::Chain(ChainError::Gap { expected: 2, found: 4 });
        let damaged = || FileError::Damaged("item".into());
        let failed = Family::VerificationFailed;
        assert_eq!(told(InboxError::Busy), (Side::Ours, Family::Refused, "INBOX_BUSY"));
        assert_eq!(told(gap()), (Side::Theirs, failed, "MAILBOX_HISTORY"));
        let mend = ClientError::from(gap()).mend;
        assert_eq!(mend.as_deref(), Some(&Mend::EndHistoryReadMeanwhile));
        let behind = InboxError::HeadBehind { needed: 9, found: 8 };
        assert_eq!(told(behind), (Side::Theirs, Family::NotReachable, "HEAD_BEHIND"));
        for nowhere in [InboxError::Unknown(3), InboxError::NotAtRelay(3)] {
            assert_eq!(told(nowhere), (Side::Ours, Family::NotFound, "UNKNOWN_MESSAGE"));
        }
        let file = (Side::Ours, Family::Unexpected, "DAMAGED");
        assert_eq!(told(InboxError::File(damaged())), file);
        assert_eq!(told(MutedError::File(damaged())), file);
        let form = MutedError::Form("muted".into());
        assert_eq!(told(form), (Side::Ours, Family::Unexpected, "MUTED"));
    }

    #[test]
    fn what_fails_below_a_step_is_said_as_it_was() {
        let taken = |error| told(TakeError::Inbox(error));
        assert_eq!(taken(InboxError::Busy), told(InboxError::Busy));
        let id = MessageId::new(1, [1; 10]);
        let unknown = || OutboxError::Unknown(id);
        assert_eq!(told(TakeError::Outbox(unknown())), told(unknown()));
        let ahead = || ReceiptError::SyncFirst(9);
        assert_eq!(told(TakeError::Receipt(ahead())), told(ahead()));
        assert_eq!(told(SealError::from(unknown())), told(unknown()));
        let outdated = (Side::Ours, Family::Unexpected, "NOT_OUTDATED");
        assert_eq!(told(SealError::NotOutdated), outdated);
    }

    #[test]
    fn a_stream_that_ends_is_the_networks_fault_and_what_it_cannot_be_is_the_relays() {
        type Ended = FollowError<ClientError>;
        let lost = |reason| (Side::Network, Family::NotReachable, reason);
        assert_eq!(told(Ended::Silent(Duration::from_secs(7))), lost("DEADLINE"));
        assert_eq!(told(Ended::NoHead), lost("UNAVAILABLE"));
        let unknown = (Side::Theirs, Family::VerificationFailed, "UNKNOWN_ITEM");
        assert_eq!(told(Ended::Unknown), unknown);
        let status = tonic::Status::deadline_exceeded("slow");
        assert_eq!(told(Ended::Status(Box::new(status))), lost("DEADLINE"));
        let own = ClientError::from(InboxError::Busy);
        assert_eq!(ClientError::from(Ended::Stopped(own.clone())), own);
        assert!(ClientError::from(Ended::NoHead).passes());
        assert!(!ClientError::from(Ended::Unknown).passes());
    }
}
