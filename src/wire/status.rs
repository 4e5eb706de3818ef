//! Refusals as gRPC statuses: a code, a sentence, and a stable reason that scripts rely on.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::domain::limits;
use crate::domain::reason::Reason;
use crate::domain::refusal::{self, Refusal};

/// The domain of our reasons in `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "liaison";

/// The reason of what is too often, or too much at once.
pub const BUSY: &str = Reason::Busy.code();

/// A refusal as a status.
#[must_use]
pub fn of(refusal: &Refusal) -> Status {
    let mut info = ErrorDetails::with_error_info(refusal.code(), DOMAIN, details(refusal));
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
const DETAIL_BYTES: usize = 200;
/// An id of a contact has two parts of up to 32 bytes.
const CONTACTS_BYTES: usize = limits::RECIPIENTS * (2 * 32 + ", /".len());

fn at_most(bytes: usize, mut text: String) -> String {
    text.truncate(text.floor_char_boundary(bytes));
    text
}

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

/// What a script may want to read of a refusal besides its sentence.
#[must_use]
pub fn details(refusal: &Refusal) -> HashMap<String, String> {
    let pairs: Vec<(&str, String)> = match refusal {
        Refusal::WrongVersion { expected, found } => {
            vec![("expected", expected.to_string()), ("found", found.to_string())]
        }
        Refusal::ViewAhead { size, found } => {
            vec![("size", size.to_string()), ("found", found.to_string())]
        }
        Refusal::ForeignView(size) => vec![("size", size.to_string())],
        Refusal::StaleDirectory(contact)
        | Refusal::RecipientListed(contact)
        | Refusal::RecipientWithoutSeats(contact)
        | Refusal::Attested(contact)
        | Refusal::UnknownContact(contact) => vec![("contact", contact.to_string())],
        Refusal::NotALevel { contact, has, .. } => {
            vec![("contact", contact.to_string()), ("levels", refusal::levels(has))]
        }
        Refusal::UnknownMember(member)
        | Refusal::AuthorityStands(member)
        | Refusal::AttestedAfterSigned(member) => vec![("member", member.to_string())],
        Refusal::TooManyContacts { member, limit } => {
            vec![("member", member.to_string()), ("limit", limit.to_string())]
        }
        Refusal::UnknownKey(key)
        | Refusal::DuplicateSignature(key)
        | Refusal::BadSignature(key)
        | Refusal::SuperfluousSignature(key)
        | Refusal::KeyNotInForce(key)
        | Refusal::WrongPurpose { key, .. }
        | Refusal::KeyReused { key, .. } => vec![("key", hex::encode(key.as_bytes()))],
        Refusal::NoPossession { key, holder } => {
            vec![("key", hex::encode(key.as_bytes())), ("holder", holder.to_string())]
        }
        Refusal::BelowThreshold { needed, found, .. } => {
            vec![("needed", needed.to_string()), ("found", found.to_string())]
        }
        // The statement's own name for it; the sentence says where inside.
        Refusal::InvalidField { field, .. } => {
            vec![("field", field.split('.').next().unwrap_or_default().to_owned())]
        }
        Refusal::FacetMissing(name) => vec![("facet", name.clone())],
        Refusal::TooLarge { what, limit, found } => vec![
            ("what", (*what).to_owned()),
            ("limit", limit.to_string()),
            ("found", found.to_string()),
        ],
        Refusal::ReceiptNotDue(why) => vec![("why", why.word().to_owned())],
        Refusal::MailboxShare { contacts, retry } => {
            let retry = retry.map(|seconds| ("retry", seconds.to_string()));
            [("contacts", refusal::list(contacts))].into_iter().chain(retry).collect()
        }
        Refusal::QuotaExceeded { kept, limit } => {
            vec![("kept", kept.to_string()), ("limit", limit.to_string())]
        }
        Refusal::BodySize { found, .. } => vec![("found", found.to_string())],
        Refusal::OtherDirectory { expected, found } => {
            vec![("expected", expected.to_string()), ("found", refusal::list(found))]
        }
        Refusal::UnknownKind { found, .. } => vec![("found", found.clone())],
        Refusal::NotACharter(found) => vec![("found", found.payload_type())],
        Refusal::BeforeClock { clock, found } => {
            vec![("clock", clock.to_string()), ("found", found.to_string())]
        }
        Refusal::IssuedInFuture { issued, at } | Refusal::IssuedTooEarly { issued, at } => {
            vec![("issued", issued.to_string()), ("at", at.to_string())]
        }
        Refusal::NewerRules { found, known } => {
            vec![("found", found.to_string()), ("known", known.to_string())]
        }
        Refusal::WrongRules { before, found } => {
            vec![("before", before.to_string()), ("found", found.to_string())]
        }
        Refusal::NotYetSupported(what) => vec![("what", what.to_string())],
        Refusal::UnknownServiceKey(id) => vec![("key_id", hex::encode(id.as_bytes()))],
        Refusal::ServiceKeyMissing { of, id } | Refusal::ServiceKeyListed { of, id } => {
            vec![("key", of.word().to_owned()), ("key_id", hex::encode(id.as_bytes()))]
        }
        Refusal::NotCanonical(what) => vec![("what", (*what).to_owned())],
        Refusal::NotSealed { what, .. } => vec![("what", (*what).to_owned())],
        Refusal::UnknownProposal(id) => vec![("proposal", hex::encode(id.as_bytes()))],
        Refusal::BaseMoved { base, found } => {
            vec![("expected", base.to_string()), ("found", found.to_string())]
        }
        Refusal::NotPermitted { .. }
        | Refusal::UnknownAction(_)
        | Refusal::ProposalExpired { .. }
        | Refusal::ProposalTooLong { .. }
        | Refusal::ProposalBeforeRestore { .. }
        | Refusal::ProposalEnded { .. }
        | Refusal::ProposalOfAnother { .. }
        | Refusal::TooManyProposals { .. }
        | Refusal::SecondOperatorNeeded { .. }
        | Refusal::UnknownSession(_)
        | Refusal::ServiceKeyNotKept
        | Refusal::ServiceNotBelieved(_)
        | Refusal::NotWhileServing(_)
        | Refusal::NotEntitled
        | Refusal::Certificate(_)
        | Refusal::UnknownLeaf
        | Refusal::InvalidTargets(_)
        | Refusal::OtherGenesis
        | Refusal::SignaturesUnsorted
        | Refusal::WrongPrevious
        | Refusal::AlreadyExpired
        | Refusal::HoldsTooLong
        | Refusal::NothingToRevoke
        | Refusal::ClockInDoubt
        | Refusal::FacetSuperfluous
        | Refusal::NotTheSender(_)
        | Refusal::WrongThread(_)
        | Refusal::BodyDigest
        | Refusal::WrongLetters(_)
        | Refusal::IdUsedTwice(_)
        | Refusal::UnknownMessage(_)
        | Refusal::StorageFull
        | Refusal::StorageReadOnly
        | Refusal::MessageExpired(_)
        | Refusal::BodyDamaged
        | Refusal::StoreDamaged
        | Refusal::Internal(_) => Vec::new(),
    };
    let short = |(name, value): (&str, _)| {
        // A client asks whether to send to all others: it needs each of these.
        let bytes = if name == "contacts" { CONTACTS_BYTES } else { DETAIL_BYTES };
        (name.to_owned(), at_most(bytes, value))
    };
    pairs.into_iter().map(short).collect()
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
    use crate::crypto::sign::KeyId;
    use crate::domain::directory::key::Holder;
    use crate::domain::refusal::{Owner, Wrong};
    use crate::signed::dsse::Kind;

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

    /// Scripts read these words: they are the values, and none of the sentence.
    #[test]
    fn details_are_values() {
        let key = KeyId::of(b"key");
        let hex = hex::encode(key.as_bytes());
        let no_proof = |holder| Refusal::NoPossession { key, holder };
        let person = Holder::Registrar("alice".parse().unwrap());
        let other = Refusal::OtherDirectory {
            expected: "un.example".parse().unwrap(),
            found: vec!["aa.example".to_owned(), "bb.example".to_owned()],
        };
        let found = "x".repeat(60_000);
        let unknown = Refusal::UnknownKind { expected: "a statement", found: found.clone() };
        let rows: [(_, &[(&str, &str)]); 6] = [
            (other, &[("expected", "un.example"), ("found", "aa.example, bb.example")]),
            (no_proof(Owner::Holder(person)), &[("key", &hex), ("holder", "registrar/alice")]),
            (no_proof(Owner::Witness("w1".to_owned())), &[("key", &hex), ("holder", "w1")]),
            (Refusal::field("seats.tls", Wrong::NoKey), &[("field", "seats")]),
            (
                Refusal::NotACharter(Kind::Roster),
                &[("found", "application/vnd.liaison.roster.v1+protobuf")],
            ),
            (unknown, &[("found", &found[..DETAIL_BYTES])]),
        ];
        for (refusal, expected) in rows {
            let expected = expected.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            assert_eq!(details(&refusal), expected.collect(), "{refusal}");
        }
    }
}
