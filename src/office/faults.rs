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
