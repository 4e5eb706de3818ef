//! Refusals as gRPC statuses: a code, a sentence, and a stable reason that scripts rely on.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::domain::limits;
use crate::domain::reason::Reason;
use crate::domain::refusal::Refusal;

use super::details::{self, at_most};

/// The domain of our reasons in `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "liaison";

/// The reason of what is too often, or too much at once.
pub const BUSY: &str = Reason::Busy.code();

/// A refusal as a status.
#[must_use]
pub fn of(refusal: &Refusal) -> Status {
    let mut info = ErrorDetails::with_error_info(refusal.code(), DOMAIN, details::of(refusal));
    if let Refusal::MailboxShare { retry: Some(seconds), .. } = refusal {
        info.set_retry_info(Some(Duration::from_secs(*seconds)));
    }
    if matches!(refusal, Refusal::StorageFull | Refusal::StorageReadOnly) {
        info.set_retry_info(Some(limits::ROOM_AGAIN));
    }
    let sentence = at_most(SENTENCE_BYTES, refusal.to_string());
    Status::with_error_details(code(refusal), sentence, info)
}

/// A status travels in headers, twice, once in base64: all of it must stay well below
/// `limits::HEADER_LIST_BYTES`, or the peer learns nothing.
const SENTENCE_BYTES: usize = 2_000;

/// The service has too much to do: again in a while.
#[must_use]
pub fn busy(what: &str, again_in: Duration) -> Status {
    let mut details = ErrorDetails::with_retry_info(Some(again_in));
    details.set_error_info(BUSY, DOMAIN, HashMap::new());
    Status::with_error_details(Code::ResourceExhausted, what, details)
}

/// The reason of a status that one of our services gave; none if it came from elsewhere.
#[must_use]
pub fn reason(status: &Status) -> Option<String> {
    let info = status.get_error_details().error_info()?.clone();
    (info.domain == DOMAIN).then_some(info.reason)
}

/// One of the details of such a status.
#[must_use]
pub fn detail(status: &Status, name: &str) -> Option<String> {
    status.get_error_details().error_info()?.metadata.get(name).cloned()
}

/// All of them.
#[must_use]
pub fn all_details(status: &Status) -> HashMap<String, String> {
    let info = status.get_error_details();
    info.error_info().map(|info| info.metadata.clone()).unwrap_or_default()
}

/// After which time the service may be asked again, if it says.
#[must_use]
pub fn retry_in(status: &Status) -> Option<Duration> {
    status.get_error_details().retry_info()?.retry_delay
}

const fn code(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::NotPermitted { .. }
        | Refusal::NotEntitled
        | Refusal::NotTheSender(_)
        | Refusal::ProposalOfAnother { .. }
        | Refusal::SecondOperatorNeeded { .. }
        | Refusal::KeyNotInForce(_) => Code::PermissionDenied,
        Refusal::Certificate(_) => Code::Unauthenticated,
        Refusal::WrongVersion { .. }
        | Refusal::ViewAhead { .. }
        | Refusal::StaleDirectory(_)
        | Refusal::NotALevel { .. }
        | Refusal::RecipientListed(_)
        | Refusal::RecipientWithoutSeats(_)
        | Refusal::AuthorityStands(_)
        | Refusal::AttestedAfterSigned(_)
        | Refusal::BeforeClock { .. }
        | Refusal::WrongRules { .. }
        | Refusal::WrongPrevious
        | Refusal::Attested(_)
        | Refusal::TooManyContacts { .. }
        | Refusal::ReceiptNotDue(_)
        | Refusal::BaseMoved { .. }
        | Refusal::ProposalExpired { .. }
        | Refusal::ProposalBeforeRestore { .. }
        | Refusal::ProposalEnded { .. }
        | Refusal::NotWhileServing(_)
        | Refusal::NothingToRevoke
        | Refusal::ServiceKeyMissing { .. }
        | Refusal::ServiceKeyListed { .. }
        | Refusal::ServiceNotBelieved(_) => Code::FailedPrecondition,
        Refusal::UnknownMember(_)
        | Refusal::UnknownContact(_)
        | Refusal::UnknownMessage(_)
        | Refusal::UnknownProposal(_)
        | Refusal::UnknownServiceKey(_)
        | Refusal::UnknownSession(_)
        | Refusal::MessageExpired(_) => Code::NotFound,
        Refusal::IdUsedTwice(_) => Code::AlreadyExists,
        Refusal::MailboxShare { .. } | Refusal::QuotaExceeded { .. } | Refusal::StorageFull => {
            Code::ResourceExhausted
        }
        Refusal::TooManyProposals { .. } => Code::ResourceExhausted,
        Refusal::ClockInDoubt | Refusal::StorageReadOnly | Refusal::ServiceKeyNotKept => {
            Code::Unavailable
        }
        Refusal::BodyDamaged | Refusal::StoreDamaged => Code::DataLoss,
        Refusal::Internal(_) => Code::Internal,
        Refusal::NotYetSupported(_) | Refusal::NewerRules { .. } => Code::Unimplemented,
        Refusal::TooLarge { .. }
        | Refusal::NotCanonical(_)
        | Refusal::UnknownKind { .. }
        | Refusal::UnknownAction(_)
        | Refusal::ProposalTooLong { .. }
        | Refusal::InvalidTargets(_)
        | Refusal::OtherDirectory { .. }
        | Refusal::OtherGenesis
        | Refusal::SignaturesUnsorted
        | Refusal::DuplicateSignature(_)
        | Refusal::UnknownKey(_)
        | Refusal::WrongPurpose { .. }
        | Refusal::BadSignature(_)
        | Refusal::BelowThreshold { .. }
        | Refusal::SuperfluousSignature(_)
        | Refusal::IssuedTooEarly { .. }
        | Refusal::IssuedInFuture { .. }
        | Refusal::InvalidField { .. }
        | Refusal::UnknownLeaf
        | Refusal::NotACharter(_)
        | Refusal::NoPossession { .. }
        | Refusal::KeyReused { .. }
        | Refusal::AlreadyExpired
        | Refusal::HoldsTooLong
        | Refusal::FacetMissing(_)
        | Refusal::FacetSuperfluous
        | Refusal::ForeignView(_)
        | Refusal::WrongThread(_)
        | Refusal::BodySize { .. }
        | Refusal::BodyDigest
        | Refusal::NotSealed { .. }
        | Refusal::WrongLetters(_) => Code::InvalidArgument,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client asks whether to send to all others, and when to try again.
    #[test]
    fn all_whose_share_is_used_up_are_named() {
        let contact = |number| format!("{}/{}", "m".repeat(32), format!("c{number}").repeat(10));
        let contacts: Vec<String> = (10..10 + limits::RECIPIENTS).map(contact).collect();
        for retry in [None, Some(30)] {
            let full = contacts.iter().map(|contact| contact.parse().unwrap()).collect();
            let status = of(&Refusal::MailboxShare { contacts: full, retry });
            assert_eq!(detail(&status, "contacts"), Some(contacts.join(", ")));
            assert_eq!(detail(&status, "retry"), retry.map(|seconds: u64| seconds.to_string()));
            let info = status.get_error_details().retry_info().cloned();
            assert_eq!(info.and_then(|info| info.retry_delay), retry.map(Duration::from_secs));
            let headers = status.message().len() + status.details().len() * 4 / 3;
            assert!(headers < limits::HEADER_LIST_BYTES as usize / 2, "{headers}");
        }
    }
}
