//! Why the rules say no: one closed list, in the order of `docs/protocol.md` 7.
//!
//! In scope: what is refused, as code and sentence. Out of scope: gRPC codes (`wire`). Invariant:
//! a refusal is safe to show to the peer; it never holds a secret or a plaintext.

mod field;
mod values;
mod words;

use std::fmt;

use crate::crypto::cert::CertificateFault;
use crate::crypto::hash::Digest;
use crate::crypto::seal::OpenError;
use crate::crypto::sign::KeyId;
use crate::moment;
use crate::signed::dsse::{InvalidDsse, Kind};
use crate::signed::proto::Level;

use super::ids::{ContactId, DirectoryName, InvalidId, MemberId, MessageId};
use super::reason::Reason;
use super::role::{Allowed, Purpose, Role, Signer};

pub use field::Wrong;
pub use values::{
    Amiss, Deciders, Expected, Fault, Letters, Mismatch, OwnKey, Owner, Reused, Targets, Undue,
    Unserved, Which,
};
pub use words::Word;
#[cfg(test)]
pub(crate) use words::tests::All;

/// The rules said no. The variants stand as the page lists them, each where it is first judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    // Of the fold: size, form, kind.
    /// Larger than anything of its kind.
    #[error("expected at most {limit} bytes of {what}, found {found}")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// The most there may be.
        limit: u64,
        /// The size that came.
        found: u64,
    },
    /// An entry of the log whose leaf is not one of these rules.
    #[error("the entry is not canonical, or its leaf is none that these rules know")]
    UnknownLeaf,
    /// The bytes are not the one encoding.
    #[error("the {0} is not canonical protobuf")]
    NotCanonical(&'static str),
    /// No kind of this version, or not one that belongs here.
    #[error("expected {expected}, found the payload type {}", quoted(found))]
    UnknownKind {
        /// What belongs here.
        expected: Expected,
        /// The payload type that came.
        found: String,
    },

    // Directory and genesis.
    /// The targets are not a sorted set of 1 to 16, or a registrars' statement has several.
    #[error("the targets {0}")]
    InvalidTargets(Targets),
    /// Entry 0 founds the directory: it is a charter.
    #[error("the first entry must be a charter, found the payload type {:?}", .0.payload_type())]
    NotACharter(Kind),
    /// It is for another directory.
    #[error("it is for {}, and this is {expected}", list(found))]
    OtherDirectory {
        /// The name of this directory.
        expected: DirectoryName,
        /// The directories that it names as its targets.
        found: Vec<String>,
    },
    /// It is for another directory of the same name.
    #[error("it is for another directory of this name: the genesis differs")]
    OtherGenesis,

    // Whom it is about. Of a field that names nobody this is the first place; of any other, content is.
    /// A field holds what it cannot hold.
    #[error("{field}: {why}")]
    InvalidField {
        /// The field, by its name in the `.proto` file.
        field: &'static str,
        /// What is wrong with what it holds.
        why: Wrong,
    },
    /// There is no such member.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// There is no such contact, or it was withdrawn.
    #[error("there is no contact {0}")]
    UnknownContact(ContactId),

    // Signatures, and the standing of their keys.
    /// The signatures are not sorted by key id.
    #[error("the signatures are not sorted by key id")]
    SignaturesUnsorted,
    /// One key signed twice.
    #[error("the key {0} signed twice")]
    DuplicateSignature(KeyId),
    /// The directory has never listed the key.
    #[error("the key {0} is not known to this directory")]
    UnknownKey(KeyId),
    /// The key was dropped or revoked.
    #[error("the key {0} is no longer in force")]
    KeyNotInForce(KeyId),
    /// The key exists for something else.
    #[error("the key {key} is a key for {}; this needs {}", found.name(), joined(needed, " or "))]
    WrongPurpose {
        /// The key that was used.
        key: KeyId,
        /// What it is for.
        found: Purpose,
        /// Who signs this.
        needed: &'static [Signer],
    },
    /// The signature does not verify.
    #[error("the signature of the key {0} does not verify")]
    BadSignature(KeyId),
    /// Too few of those who decide have signed.
    #[error("{needed} signatures of {of} are needed, {found} are there")]
    BelowThreshold {
        /// Whose signatures count.
        of: Deciders,
        /// How many of them must sign.
        needed: u32,
        /// Distinct keys that count and signed.
        found: u32,
    },
    /// A valid signature that counts towards nothing.
    #[error("the signature of the key {0} counts towards nothing here")]
    SuperfluousSignature(KeyId),

    // Version and time.
    /// Not the next version of its counter.
    #[error("expected version {expected}, found {found}")]
    WrongVersion {
        /// The next version.
        expected: u64,
        /// The version that came.
        found: u64,
    },
    /// Admitted before the directory's clock.
    #[error(
        "it was admitted at {}, before the directory's clock, which stands at {}",
        moment::exactly(*.found),
        moment::exactly(*.clock)
    )]
    BeforeClock {
        /// The directory's clock.
        clock: u64,
        /// The claim of the entry.
        found: u64,
    },
    /// Signed in the future, by the clock that judges it.
    #[error(
        "it was signed at {}, more than 5 minutes after the time at which it is judged, {}: one of the two \
         clocks is wrong",
        moment::exactly(*.issued),
        moment::exactly(*.at)
    )]
    IssuedInFuture {
        /// What it says.
        issued: u64,
        /// What the clock says that judges it.
        at: u64,
    },
    /// Signed too long ago, by that clock.
    #[error(
        "it was signed at {}, more than 30 days before the time at which it is judged, {}: sign it anew; if \
         that was just now, one of the two clocks is wrong",
        moment::exactly(*.issued),
        moment::exactly(*.at)
    )]
    IssuedTooEarly {
        /// What it says.
        issued: u64,
        /// What the clock says that judges it.
        at: u64,
    },

    // Content.
    /// The charter's rules are neither those in force nor the next.
    #[error("rules {found} do not follow rules {before}")]
    WrongRules {
        /// Those in force; 0 before the first charter.
        before: u32,
        /// What the charter names.
        found: u32,
    },
    /// The charter names another predecessor.
    #[error("the charter does not name the identity of its predecessor")]
    WrongPrevious,
    /// A key is listed without the proof that it is its holder's.
    #[error("the key {key} is listed without a proof that {holder} holds it, for this use")]
    NoPossession {
        /// The key that would be listed.
        key: KeyId,
        /// Whose it would be.
        holder: Owner,
    },
    /// The key belongs to somebody else, or for something else, or came back.
    #[error("the key {key} cannot be listed: it {why}")]
    KeyReused {
        /// The key that would be listed.
        key: KeyId,
        /// Why it cannot.
        why: Reused,
    },
    /// The member has an authority; another admission cannot change it.
    #[error("{0} has an authority of its own, which an admission cannot change")]
    AuthorityStands(MemberId),
    /// The member signs for itself; registrars no longer attest.
    #[error("{0} signs its own records; registrars no longer enter any for it")]
    AttestedAfterSigned(MemberId),
    /// The contact is only entered by the registrars: it has no keys.
    #[error("{0} is entered by the registrars, not signed by the State: it has no roster")]
    Attested(ContactId),
    /// As many contacts of the member stand as may.
    #[error("{member} has {limit} contacts that stand, and no more may")]
    TooManyContacts {
        /// Whose contacts they are.
        member: MemberId,
        /// How many may.
        limit: u64,
    },
    /// A record that is already over.
    #[error("the record expired before it was published")]
    AlreadyExpired,
    /// A record that holds too long.
    #[error("a record holds for at most 731 days from its signature")]
    HoldsTooLong,
    /// None of the keys is in force.
    #[error("none of the key ids named is in force for this seat")]
    NothingToRevoke,

    // Of the service, at Publish.
    /// Whoever is not known must not learn whom the directory lists: the one answer where it does
    /// not list them, and where nobody who decides for them has signed.
    #[error("there is no such member or contact, or no key that signed decides for it")]
    NotEntitled,
    /// Salt and bytes of a facet are missing.
    #[error("the facet {0} was not handed in with the statement")]
    FacetMissing(String),
    /// Salt and bytes that no facet of the statement has.
    #[error("a facet was handed in whose hash is not in the statement")]
    FacetSuperfluous,
    /// A valid request for what this version does not do yet.
    #[error("{0} is not yet supported")]
    NotYetSupported(Unserved),
    /// The charter names newer rules.
    #[error("rules version {found} is newer than this program, which knows {known}: update it")]
    NewerRules {
        /// What the charter names.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// Under the charter the service could not go on.
    #[error(
        "the newest {of} of the charter, {id}, is not in the service's hands: whoever runs the service \
         stages one (liaison admin stage {0}, or where it does not run liaisond key stage {0}), and the \
         charter lists that as its last", .of.word(), of = .of.name()
    )]
    ServiceKeyMissing {
        /// What it is for.
        of: OwnKey,
        /// Which key, by its id.
        id: KeyId,
    },
    /// Under the charter no client would connect to the service any more.
    #[error(
        "under this charter no client would believe the service any more: {0}; whoever runs the service \
         looks at its keys folder, and the charter lists what liaison admin stage ca gives"
    )]
    ServiceNotBelieved(Box<str>),
    /// The service does not know what time it is.
    #[error("the service's clock is in doubt until its operator says that it is right: try later")]
    ClockInDoubt,

    // Of the relay.
    /// The seat that signed is not the one named, or hands in for another contact.
    #[error(transparent)]
    NotTheSender(Mismatch),
    /// A message's place in its thread.
    #[error(transparent)]
    WrongThread(Amiss),
    /// The contact's record does not have this level.
    #[error("{contact} has no {} level; it has: {}", levels(&[*.level]), levels(has))]
    NotALevel {
        /// Whose record it is.
        contact: ContactId,
        /// The level named.
        level: Level,
        /// Those of its record.
        has: Vec<Level>,
    },
    /// The view is larger than the log.
    #[error("its view has size {found}, and this log {size}")]
    ViewAhead {
        /// The log's size.
        size: u64,
        /// The size that the view names.
        found: u64,
    },
    /// The view is not one of this log.
    #[error("the sender's view is not one of this log: its root at size {0} is another")]
    ForeignView(u64),
    /// The directory changed for one of the recipients since the sender looked.
    #[error("{0} has changed since the sender's view: sync and seal again")]
    StaleDirectory(ContactId),
    /// The recipient is only listed: nothing can be sealed to it.
    #[error("{0} is listed without keys: telephone or write to it")]
    RecipientListed(ContactId),
    /// The recipient has no seat with a seal key.
    #[error("{0} has no seat that could open a message")]
    RecipientWithoutSeats(ContactId),
    /// The body's size is not one of the padded ones, or not the one the header names.
    #[error("expected a sealed body of {} bytes, found {found}", list(expected))]
    BodySize {
        /// What the header names, or the padded sizes.
        expected: Vec<u64>,
        /// How many bytes the body that came has.
        found: u64,
    },
    /// The body is not the one the header names.
    #[error("the body's digest is not the header's")]
    BodyDigest,
    /// Not one age file with one stanza of the one kind.
    #[error("the {what} is not an age file with one mlkem768x25519 stanza: {why}")]
    NotSealed {
        /// Body or letter.
        what: &'static str,
        /// What was found.
        why: OpenError,
    },
    /// The letters are not the ones that this message must have.
    #[error("the letters {0}")]
    WrongLetters(Letters),
    /// The id was used for another message.
    #[error("the id {0} was used for another message of this contact")]
    IdUsedTwice(MessageId),
    /// There is no such message for the caller.
    #[error("there is no message {0} of or to your contact")]
    UnknownMessage(Which),
    /// It was there.
    #[error("the message {0} has expired, and the relay has deleted it: ask its sender for it")]
    MessageExpired(Which),
    /// A delivered receipt that the message answered does not pay.
    #[error(transparent)]
    ReceiptNotDue(Undue),
    /// The sender's share of these mailboxes is used up.
    #[error("no more of your messages of this urgency go to {} {}", list(contacts), until(*retry))]
    MailboxShare {
        /// All of them.
        contacts: Vec<ContactId>,
        /// After how many seconds there is room, if that is known.
        retry: Option<u64>,
    },
    /// Too much of one sender's is stored.
    #[error(
        "the relay keeps {kept} bytes for your messages and their answers, and takes up to {limit}"
    )]
    QuotaExceeded {
        /// Bytes that are stored for the sender now.
        kept: u64,
        /// Bytes that may be stored for the sender.
        limit: u64,
    },

    // Of the connection, and of the service itself.
    /// The connection's key may not call this.
    #[error("a connection of {found} may not call this; {needed} may")]
    NotPermitted {
        /// The role of whoever called.
        found: Role,
        /// The roles that may call.
        needed: Allowed,
    },
    /// The client certificate is outside its dates, or not for clients.
    #[error(transparent)]
    Certificate(CertificateFault),
    /// What room is left is kept for what cannot wait, or for the service itself.
    #[error(
        "the service's disk has too little room left for this: it takes this once there is more"
    )]
    StorageFull,
    /// It cannot write.
    #[error("the service's disk is read-only: it takes this once it can write again")]
    StorageReadOnly,
    /// The body of one message is gone, or another.
    #[error("the service has lost the body of this message: its sender has it")]
    BodyDamaged,
    /// What is stored for it cannot be read.
    #[error("what the service has stored for this is damaged, and nothing was changed")]
    StoreDamaged,
    /// A fault of the service itself: it decides on nothing rather than on what it did not see.
    #[error("the service has found a fault of its own and changed nothing: {0}")]
    Internal(Fault),

    // Of the administration.
    /// No such act.
    #[error("there is no action {}", quoted(.0))]
    UnknownAction(String),
    /// Nothing of that id was proposed, or it was forgotten.
    #[error("there is no proposal {0}")]
    UnknownProposal(Digest),
    /// The charter is another than the one that the proposal rests on.
    #[error("it rests on charter {base}, and charter {found} is in force: propose it anew")]
    BaseMoved {
        /// What it names.
        base: u64,
        /// That in force.
        found: u64,
    },
    /// Nobody decided in time.
    #[error(
        "it expired at {}: propose it anew; if it was made just now, look at the clock of the machine \
         that made it",
        moment::exactly(*.at)
    )]
    ProposalExpired {
        /// When it expired, Unix seconds.
        at: u64,
    },
    /// It would hold for longer than 7 days.
    #[error(
        "it would hold until {}, and at the latest it may until {}: look at the clock of the machine that \
         made it",
        moment::exactly(*.expires),
        moment::exactly(*.latest)
    )]
    ProposalTooLong {
        /// What it says.
        expires: u64,
        /// The latest that it may say, Unix seconds.
        latest: u64,
    },
    /// It may have been made, and used, before the store went back.
    #[error(
        "it may have been made before the service's store went back, at {}: propose it anew, 5 minutes \
         after that at the earliest, for 7 days",
        moment::exactly(*.since)
    )]
    ProposalBeforeRestore {
        /// When the store went back.
        since: u64,
    },
    /// It was used, or given up.
    #[error(
        "{by} {} at {}",
        if *.committed { "carried it out" } else { "gave it up" },
        moment::exactly(*.at)
    )]
    ProposalEnded {
        /// Who ended it, as the desk keeps that.
        by: String,
        /// Carried out; else given up.
        committed: bool,
        /// When it ended, Unix seconds.
        at: u64,
    },
    /// It is given up by somebody else than who brought it.
    #[error(
        "{by} brought it, and nobody else gives it up: whoever is against it does not sign, and it \
         expires at {}",
        moment::exactly(*.expires)
    )]
    ProposalOfAnother {
        /// Who brought it.
        by: String,
        /// Until when it waits.
        expires: u64,
    },
    /// As many wait, or are known, as may.
    #[error("{}", too_many_proposals(*.limit, *.until))]
    TooManyProposals {
        /// How many may.
        limit: u64,
        /// Of those that are known: when the first is forgotten.
        until: Option<u64>,
    },
    /// One operator has done this too often alone.
    #[error("one operator may do this {often} times an hour alone: propose it, and a second signs")]
    SecondOperatorNeeded {
        /// How often alone.
        often: u64,
    },
    /// No such connection is open.
    #[error("there is no session {0}")]
    UnknownSession(u64),
    /// Its folder of keys takes no more.
    #[error(
        "the service cannot keep another key: its disk or its keys folder takes none, as its operator sees in the telemetry"
    )]
    ServiceKeyNotKept,
    /// The charter in force lists the key that is to be retired.
    #[error(
        "the {} {id} stands in the charter in force: the registrars draft a charter without it first \
         (liaison charter draft --remove-{}), and then it is retired",
        .of.name(),
        .of.flag()
    )]
    ServiceKeyListed {
        /// What it is for.
        of: OwnKey,
        /// Which key, by its id.
        id: KeyId,
    },
    /// The service has no such key.
    #[error("the service has no key {0}: liaison admin keys shows those that it has")]
    UnknownServiceKey(KeyId),
    /// Not while the service runs.
    #[error("{0} is done where the service does not run: give its file to liaisond")]
    NotWhileServing(&'static str),
}

impl Refusal {
    /// Whether the signatures alone are at fault: others may stand under the same payload.
    #[must_use]
    pub const fn is_of_signatures(&self) -> bool {
        matches!(
            self,
            Self::SignaturesUnsorted
                | Self::DuplicateSignature(_)
                | Self::BadSignature(_)
                | Self::BelowThreshold { .. }
                | Self::SuperfluousSignature(_)
        )
    }

    /// Why, without the values: what a client may branch on.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::TooLarge { .. } => Reason::TooLarge,
            Self::UnknownLeaf => Reason::UnknownLeaf,
            Self::NotCanonical(_) => Reason::NotCanonical,
            Self::UnknownKind { .. } => Reason::UnknownKind,
            Self::InvalidTargets(_) => Reason::InvalidTargets,
            Self::NotACharter(_) => Reason::NotACharter,
            Self::OtherDirectory { .. } => Reason::OtherDirectory,
            Self::OtherGenesis => Reason::OtherGenesis,
            Self::InvalidField { .. } => Reason::InvalidField,
            Self::UnknownMember(_) => Reason::UnknownMember,
            Self::UnknownContact(_) => Reason::UnknownContact,
            Self::SignaturesUnsorted => Reason::SignaturesUnsorted,
            Self::DuplicateSignature(_) => Reason::DuplicateSignature,
            Self::UnknownKey(_) => Reason::UnknownKey,
            Self::KeyNotInForce(_) => Reason::KeyNotInForce,
            Self::WrongPurpose { .. } => Reason::WrongPurpose,
            Self::BadSignature(_) => Reason::BadSignature,
            Self::BelowThreshold { .. } => Reason::BelowThreshold,
            Self::SuperfluousSignature(_) => Reason::SuperfluousSignature,
            Self::WrongVersion { .. } => Reason::WrongVersion,
            Self::BeforeClock { .. } => Reason::BeforeClock,
            Self::IssuedInFuture { .. } => Reason::IssuedInFuture,
            Self::IssuedTooEarly { .. } => Reason::IssuedTooEarly,
            Self::WrongRules { .. } => Reason::WrongRules,
            Self::WrongPrevious => Reason::WrongPrevious,
            Self::NoPossession { .. } => Reason::NoPossession,
            Self::KeyReused { .. } => Reason::KeyReused,
            Self::AuthorityStands(_) => Reason::AuthorityStands,
            Self::AttestedAfterSigned(_) => Reason::AttestedAfterSigned,
            Self::Attested(_) => Reason::Attested,
            Self::TooManyContacts { .. } => Reason::TooManyContacts,
            Self::AlreadyExpired => Reason::AlreadyExpired,
            Self::HoldsTooLong => Reason::HoldsTooLong,
            Self::NothingToRevoke => Reason::NothingToRevoke,
            Self::NotEntitled => Reason::NotEntitled,
            Self::FacetMissing(_) => Reason::FacetMissing,
            Self::FacetSuperfluous => Reason::FacetSuperfluous,
            Self::NotYetSupported(_) => Reason::NotYetSupported,
            Self::NewerRules { .. } => Reason::NewerRules,
            Self::ServiceKeyMissing { .. } => Reason::ServiceKeyMissing,
            Self::ServiceNotBelieved(_) => Reason::ServiceNotBelieved,
            Self::ClockInDoubt => Reason::ClockInDoubt,
            Self::NotTheSender(_) => Reason::NotTheSender,
            Self::WrongThread(amiss) => amiss.reason(),
            Self::NotALevel { .. } => Reason::NotALevel,
            Self::ViewAhead { .. } => Reason::ViewAhead,
            Self::ForeignView(_) => Reason::ForeignView,
            Self::StaleDirectory(_) => Reason::StaleDirectory,
            Self::RecipientListed(_) => Reason::RecipientListed,
            Self::RecipientWithoutSeats(_) => Reason::RecipientWithoutSeats,
            Self::BodySize { .. } => Reason::BodySize,
            Self::BodyDigest => Reason::BodyDigest,
            Self::NotSealed { .. } => Reason::NotSealed,
            Self::WrongLetters(_) => Reason::WrongLetters,
            Self::IdUsedTwice(_) => Reason::IdUsedTwice,
            Self::UnknownMessage(_) => Reason::UnknownMessage,
            Self::MessageExpired(_) => Reason::MessageExpired,
            Self::ReceiptNotDue(_) => Reason::ReceiptNotDue,
            Self::MailboxShare { .. } => Reason::MailboxShare,
            Self::QuotaExceeded { .. } => Reason::QuotaExceeded,
            Self::NotPermitted { .. } => Reason::NotPermitted,
            Self::Certificate(_) => Reason::Certificate,
            Self::StorageFull => Reason::StorageFull,
            Self::StorageReadOnly => Reason::StorageReadOnly,
            Self::BodyDamaged => Reason::BodyDamaged,
            Self::StoreDamaged => Reason::StoreDamaged,
            Self::Internal(_) => Reason::Internal,
            Self::UnknownAction(_) => Reason::UnknownAction,
            Self::UnknownProposal(_) => Reason::UnknownProposal,
            Self::BaseMoved { .. } => Reason::BaseMoved,
            Self::ProposalExpired { .. } => Reason::ProposalExpired,
            Self::ProposalTooLong { .. } => Reason::ProposalTooLong,
            Self::ProposalBeforeRestore { .. } => Reason::ProposalBeforeRestore,
            Self::ProposalEnded { .. } => Reason::ProposalEnded,
            Self::ProposalOfAnother { .. } => Reason::ProposalOfAnother,
            Self::TooManyProposals { .. } => Reason::TooManyProposals,
            Self::SecondOperatorNeeded { .. } => Reason::SecondOperatorNeeded,
            Self::UnknownSession(_) => Reason::UnknownSession,
            Self::ServiceKeyNotKept => Reason::ServiceKeyNotKept,
            Self::ServiceKeyListed { .. } => Reason::ServiceKeyListed,
            Self::UnknownServiceKey(_) => Reason::UnknownServiceKey,
            Self::NotWhileServing(_) => Reason::NotWhileServing,
        }
    }

    /// The stable code of the reason: scripts rely on it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.reason().code()
    }

    /// The reason as `docs/protocol.md` names it: the code, and of a field the statement's own name
    /// for it.
    #[must_use]
    pub fn on_the_page(&self) -> String {
        match self {
            Self::InvalidField { field, .. } => {
                let field = field.split('.').next().unwrap_or_default();
                format!("{}:{field}", self.code())
            }
            other => other.code().to_owned(),
        }
    }

    /// The sentence of something that is refused, which is named once.
    #[must_use]
    pub fn of(&self, what: &str) -> String {
        let (subject, sentence) = (format!("the {what}"), self.to_string());
        if sentence.starts_with(&subject) { sentence } else { format!("{subject}: {sentence}") }
    }

    /// A field that holds what it cannot hold.
    pub(crate) fn field(field: &'static str, why: impl Into<Wrong>) -> Self {
        Self::InvalidField { field, why: why.into() }
    }

    /// An envelope that is none.
    pub(crate) fn form(what: &'static str, expected: Expected, why: InvalidDsse) -> Self {
        match why {
            InvalidDsse::TooLarge { limit, found } => {
                Self::TooLarge { what, limit: limit as u64, found: found as u64 }
            }
            InvalidDsse::NotCanonical(_) => Self::NotCanonical(what),
            InvalidDsse::UnknownKind(found) => Self::UnknownKind { expected, found },
        }
    }
}

fn until(retry: Option<u64>) -> String {
    match retry {
        None => "until some that wait there are received".to_owned(),
        Some(seconds) => format!("for {seconds} s: too many came at once"),
    }
}

fn too_many_proposals(limit: u64, until: Option<u64>) -> String {
    match until {
        None => format!("{limit} proposals wait, and no more may: commit or abort some"),
        Some(until) => format!(
            "{limit} proposals are known, most of which have ended, and no more may be: the first is \
             forgotten at {}, and there is room again",
            moment::exactly(until)
        ),
    }
}

/// What is quoted is foreign, and a sentence of 65,000 bytes fits no gRPC status.
fn quoted(text: &str) -> String {
    format!("{:?}", &text[..text.floor_char_boundary(QUOTED_BYTES)])
}

/// Longer than whatever is well-formed.
const QUOTED_BYTES: usize = 100;

/// One after the other: "1, 2, 3".
pub(crate) fn list(items: &[impl fmt::Display]) -> String {
    joined(items, ", ")
}

fn joined(items: &[impl fmt::Display], between: &str) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

impl From<InvalidId> for Refusal {
    fn from(why: InvalidId) -> Self {
        Self::field("id", why)
    }
}

/// Levels in words: "technical, law enforcement".
#[must_use]
pub fn levels(levels: &[Level]) -> String {
    let word = |level: &Level| {
        let name = level.as_str_name();
        name.strip_prefix("LEVEL_").unwrap_or(name).to_ascii_lowercase().replace('_', " ")
    };
    list(&levels.iter().map(word).collect::<Vec<_>>())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::crypto::seal::InvalidSealingKey;
    use crate::crypto::sign::InvalidPublicKey;
    use crate::domain::ids::{Form, PersonId, SeatId};
    use crate::domain::role::Holder;
    use crate::tests::reads_well;

    const SOURCE: &str = include_str!("mod.rs");
    const PAGE: &str = include_str!("../../../docs/protocol.md");

    /// Whoever cannot read Rust finds every reason on the page, under this very name and in this
    /// order, and no other. `BUSY` is no refusal: nothing was judged.
    #[test]
    fn every_reason_stands_on_the_page() {
        let (_, section) = PAGE.split_once("\n## 7. ").unwrap();
        let (section, _) = section.split_once("\n## 8. ").unwrap();
        let words = section.split('`').skip(1).step_by(2).map(|word| word.split(':').next());
        let is_code = |word: &&str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        };
        let mut page: Vec<&str> = Vec::new();
        for code in words.flatten().filter(is_code).filter(|code| *code != "BUSY") {
            if !page.contains(&code) {
                page.push(code);
            }
        }
        let refused = Reason::ALL.iter().filter(|reason| **reason != Reason::Busy);
        assert_eq!(refused.map(|reason| reason.code()).collect::<Vec<_>>(), page);
    }

    #[test]
    fn a_code_is_read_as_its_reason_and_no_other_is() {
        for reason in Reason::ALL {
            assert_eq!(Reason::read(reason.code()), Some(*reason));
            assert_eq!(Reason::read(&reason.code().to_lowercase()), None);
        }
        assert!(Reason::ALL.is_sorted());
    }

    #[test]
    fn the_variants_stand_in_the_order_of_their_reasons() {
        let (_, declared) = SOURCE.split_once("pub enum Refusal {\n").unwrap();
        let lines = declared.lines().take_while(|line| *line != "}");
        let lines = lines.filter_map(|line| line.strip_prefix("    "));
        let variants = lines.filter(|line| line.starts_with(|first: char| first.is_uppercase()));
        let variants = variants.map(|line| line.split([' ', '(', ',']).next().unwrap());
        assert!(variants.eq(arms()));
        let place = |variant: &str| {
            let is_of = |of: &&Refusal| format!("{of:?}").split([' ', '(']).next() == Some(variant);
            samples().iter().find(is_of).map(Refusal::reason)
        };
        assert!(arms().into_iter().map(place).is_sorted());
    }

    /// The words stand here alone, so whole sentences are read here.
    #[test]
    fn a_refusal_is_one_sentence() {
        let seat: SeatId = "fr/cert/duty-1".parse().unwrap();
        let contact: ContactId = "at/cert".parse().unwrap();
        let (by, signed) = (contact.clone(), seat.clone());
        let key = KeyId::of(b"key");
        let named = "fr/cert/duty-2".to_owned();
        let range = |least, most, found| Wrong::OutOfRange { least, most, found };
        let directories = vec!["aa.example".to_owned(), "bb.example".to_owned()];
        let of = Deciders::ContactOrAuthority(contact);
        for (refusal, sentence) in [
            (
                Refusal::OtherDirectory {
                    expected: "un.example".parse().unwrap(),
                    found: directories,
                },
                "it is for aa.example, bb.example, and this is un.example",
            ),
            (
                Refusal::NotACharter(Kind::Roster),
                "the first entry must be a charter, found the payload type \
                 \"application/vnd.liaison.roster.v1+protobuf\"",
            ),
            (
                Refusal::WrongPurpose {
                    key,
                    found: Purpose::Log,
                    needed: &[Signer::Keeper, Signer::Authority],
                },
                &format!(
                    "the key {key} is a key for the log; this needs the keeper's key or a key of \
                     the member's authority"
                ),
            ),
            (
                Refusal::BelowThreshold { of, needed: 2, found: 1 },
                "2 signatures of a seat or the keeper of at/cert, or its authority are needed, 1 \
                 are there",
            ),
            (Refusal::field("id", range(0, 8, 9)), "id: expected at most 8, found 9"),
            (Refusal::field("id", range(1, 8, 0)), "id: expected 1 to 8, found 0"),
            (
                Refusal::field("id", Wrong::NoWord("é".repeat(99))),
                &format!("id: expected 1 to 32 of a-z, 0-9 and -, found {:?}", "é".repeat(50)),
            ),
            (
                Refusal::NotTheSender(Mismatch::Seat { signed: seat.clone(), named }),
                "fr/cert/duty-1 signed, and it names fr/cert/duty-2",
            ),
            (
                Refusal::NotTheSender(Mismatch::HandedIn { by, signed }),
                "at/cert hands in what fr/cert/duty-1 signed",
            ),
            (
                Refusal::BodySize { expected: vec![1, 2], found: 3 },
                "expected a sealed body of 1, 2 bytes, found 3",
            ),
            (
                Refusal::WrongLetters(Letters::OtherSeats(vec![seat.clone(), seat])),
                "the letters must be one for each of fr/cert/duty-1, fr/cert/duty-1, to the key \
                 in force",
            ),
            (
                Refusal::UnknownMessage(Which::Number(7)),
                "there is no message at number 7 of or to your contact",
            ),
            (
                Refusal::Certificate(CertificateFault::Expired { not_after: 7 }),
                "the client certificate expired at 1970-01-01 00:00:07 UTC",
            ),
        ] {
            assert_eq!(refusal.to_string(), sentence);
        }
    }

    /// One of each variant at least, with what its sentence is made of.
    pub(crate) fn samples() -> Vec<Refusal> {
        let member: MemberId = "fr".parse().unwrap();
        let (contact, other): (ContactId, ContactId) =
            ("fr/cert".parse().unwrap(), "at/cert".parse().unwrap());
        let seat: SeatId = "fr/cert/duty-1".parse().unwrap();
        let key = KeyId::of(b"key");
        let id = MessageId::new(1, [1; 10]);
        let (registrar, word) = (Holder::Registrar("alice".parse().unwrap()), || "word".to_owned());
        let whats = ["statement", "header", "body", "letter", "message", "acknowledgement"];
        let named = whats.into_iter().flat_map(|what| {
            [
                Refusal::TooLarge { what, limit: 8, found: 9 },
                Refusal::NotCanonical(what),
                Refusal::NotSealed { what, why: OpenError::NotOneStanza },
            ]
        });
        let times = (1_800_000_000, 1_799_999_999);
        let certificates = [
            CertificateFault::NotYetValid { not_before: times.0 },
            CertificateFault::Expired { not_after: times.1 },
            CertificateFault::ServerOnly,
        ];
        let deciders = [
            Deciders::Registrars,
            Deciders::NewRegistrars,
            Deciders::OwnRegistrars,
            Deciders::Authority(member.clone()),
            Deciders::Keeper(contact.clone()),
            Deciders::RegistrarsOrAuthority(member.clone()),
            Deciders::ContactOrAuthority(contact.clone()),
            Deciders::Seat,
            Deciders::Operators,
        ];
        let targets = [Targets::NotASet, Targets::IllFormed, Targets::Version, Targets::Several];
        let letters = [
            Letters::OutOfRange(200),
            Letters::OtherNumber { named: 2, found: 3 },
            Letters::NotASet,
            Letters::OtherRoot,
            Letters::OtherSeats(vec![seat.clone()]),
        ];
        let belongs = Reused::Belongs { holder: registrar.clone(), purpose: Purpose::PersonSign };
        let reused = [Reused::Twice, Reused::Ended, belongs];
        let fields = wrongs().into_iter().map(|why| Refusal::field("expires", why));
        let within = Refusal::field("seats.tls", Wrong::NoKey);
        let person: PersonId = "alice".parse().unwrap();
        let peers = [
            Role::Nobody,
            Role::Unknown,
            Role::Seat(seat.clone()),
            Role::Registrar(person.clone()),
            Role::Operator(person.clone()),
            Role::Auditor(person),
            Role::Former(key),
        ];
        let peers = peers.into_iter().flat_map(|found| {
            [Allowed::SEATS, Allowed::ADMINISTRATION, Allowed::ANYBODY]
                .map(|needed| Refusal::NotPermitted { found: found.clone(), needed })
        });
        let owners = [Owner::Witness("fr".to_owned()), Owner::Witness("w1".to_owned())];
        let holders = holders().into_iter().map(Owner::Holder).chain(owners);
        let owners = holders.map(|holder| Refusal::NoPossession { key, holder });
        let belong = holders_with_purposes().into_iter().map(|(holder, purpose)| {
            Refusal::KeyReused { key, why: Reused::Belongs { holder, purpose } }
        });
        let kinds = [Kind::Header, Kind::Charter].map(Expected::Kind);
        let kinds = [Expected::Statement, Expected::OfRegistrars].into_iter().chain(kinds);
        let kinds = kinds.map(|expected| Refusal::UnknownKind { expected, found: word() });
        let signers: [&[Signer]; 2] = [&[Signer::Seat], EVERY_SIGNER];
        let purposes = signers
            .into_iter()
            .flat_map(|needed| PURPOSES.map(|found| Refusal::WrongPurpose { key, found, needed }));
        let more = owners.chain(belong).chain(kinds).chain(purposes).chain([within]);
        let more = more.chain(unsealed()).chain(UNSERVED.map(Refusal::NotYetSupported));
        let more = more.chain(AMISS.map(Refusal::WrongThread));
        let more = more.chain(FAULTS.map(Refusal::Internal)).chain([
            Refusal::MessageExpired(Which::Id(id)),
            Refusal::NotWhileServing("drain"),
            Refusal::ProposalEnded {
                by: "operator/alice".to_owned(),
                committed: false,
                at: times.0,
            },
            Refusal::TooManyProposals { limit: 64, until: None },
            Refusal::ServiceKeyMissing { of: OwnKey::Authority, id: key },
            Refusal::WrongLetters(Letters::OtherSeats(vec![
                seat.clone(),
                "fr/cert/duty-2".parse().unwrap(),
            ])),
            Refusal::NotALevel { contact: contact.clone(), level: Level::Legal, has: Vec::new() },
        ]);
        let rest = [
            Refusal::UnknownLeaf,
            Refusal::NotACharter(Kind::Roster),
            Refusal::OtherDirectory {
                expected: "un.example".parse().unwrap(),
                found: vec![word()],
            },
            Refusal::OtherGenesis,
            Refusal::UnknownMember(member.clone()),
            Refusal::UnknownContact(contact.clone()),
            Refusal::SignaturesUnsorted,
            Refusal::DuplicateSignature(key),
            Refusal::UnknownKey(key),
            Refusal::KeyNotInForce(key),
            Refusal::BadSignature(key),
            Refusal::SuperfluousSignature(key),
            Refusal::WrongVersion { expected: 2, found: 3 },
            Refusal::BeforeClock { clock: times.0, found: times.1 },
            Refusal::IssuedInFuture { issued: 1_800_000_301, at: 1_800_000_000 },
            Refusal::IssuedTooEarly { issued: 1_800_000_000, at: 1_803_000_000 },
            Refusal::WrongRules { before: 1, found: 3 },
            Refusal::WrongPrevious,
            Refusal::NoPossession { key, holder: Owner::Holder(registrar) },
            Refusal::AuthorityStands(member.clone()),
            Refusal::AttestedAfterSigned(member.clone()),
            Refusal::Attested(contact.clone()),
            Refusal::TooManyContacts { member, limit: 64 },
            Refusal::AlreadyExpired,
            Refusal::HoldsTooLong,
            Refusal::NothingToRevoke,
            Refusal::NotEntitled,
            Refusal::FacetMissing(word()),
            Refusal::FacetSuperfluous,
            Refusal::NewerRules { found: 2, known: 1 },
            Refusal::ServiceKeyMissing { of: OwnKey::Log, id: key },
            Refusal::ServiceNotBelieved("it cannot be read".into()),
            Refusal::ClockInDoubt,
            Refusal::NotTheSender(Mismatch::Seat { signed: seat.clone(), named: word() }),
            Refusal::NotTheSender(Mismatch::HandedIn { by: other, signed: seat }),
            Refusal::NotTheSender(Mismatch::Words),
            Refusal::NotALevel {
                contact: contact.clone(),
                level: Level::Policy,
                has: vec![Level::Technical, Level::Legal],
            },
            Refusal::ViewAhead { size: 7, found: 9 },
            Refusal::ForeignView(7),
            Refusal::StaleDirectory(contact.clone()),
            Refusal::RecipientListed(contact.clone()),
            Refusal::RecipientWithoutSeats(contact.clone()),
            Refusal::MailboxShare { contacts: vec![contact.clone()], retry: Some(90) },
            Refusal::MailboxShare { contacts: vec![contact], retry: None },
            Refusal::BodySize { expected: vec![1, 2], found: 3 },
            Refusal::BodyDigest,
            Refusal::IdUsedTwice(id),
            Refusal::UnknownMessage(Which::Id(id)),
            Refusal::UnknownMessage(Which::Number(7)),
            Refusal::MessageExpired(Which::Number(7)),
            Refusal::QuotaExceeded { kept: 9, limit: 8 },
            Refusal::UnknownAction(word()),
            Refusal::UnknownProposal(Digest::of(b"proposal")),
            Refusal::BaseMoved { base: 1, found: 2 },
            Refusal::ProposalExpired { at: times.0 },
            Refusal::ProposalTooLong { expires: times.0, latest: times.1 },
            Refusal::ProposalBeforeRestore { since: times.0 },
            Refusal::ProposalEnded {
                by: "operator/alice".to_owned(),
                committed: true,
                at: times.0,
            },
            Refusal::ProposalOfAnother { by: "operator/alice".to_owned(), expires: times.0 },
            Refusal::TooManyProposals { limit: 64, until: Some(times.0) },
            Refusal::SecondOperatorNeeded { often: 3 },
            Refusal::UnknownSession(7),
            Refusal::ServiceKeyNotKept,
            Refusal::ServiceKeyListed { of: OwnKey::Relay, id: key },
            Refusal::UnknownServiceKey(key),
            Refusal::NotWhileServing("new-epoch"),
            Refusal::StorageFull,
            Refusal::StorageReadOnly,
            Refusal::BodyDamaged,
            Refusal::StoreDamaged,
        ];
        let thresholds = deciders.map(|of| Refusal::BelowThreshold { of, needed: 2, found: 1 });
        let samples = named.chain(rest).chain(fields).chain(peers).chain(thresholds);
        let samples = samples.chain(certificates.map(Refusal::Certificate));
        let samples = samples.chain(targets.map(Refusal::InvalidTargets));
        let samples = samples.chain(letters.map(Refusal::WrongLetters));
        let undue = [Undue::Unknown, Undue::NotAddressed, Undue::TooLarge, Undue::Taken];
        let samples = samples.chain(undue.map(Refusal::ReceiptNotDue));
        let samples = samples.chain(reused.map(|why| Refusal::KeyReused { key, why }));
        samples.chain(more).collect()
    }

    /// Each way in which a field can be wrong.
    fn wrongs() -> Vec<Wrong> {
        let word = || "word".to_owned();
        let ids = FORMS.map(|expected| Wrong::NoId(InvalidId { expected, found: word() }));
        let seal = [
            InvalidSealingKey::Length(7),
            InvalidSealingKey::NotReduced,
            InvalidSealingKey::LowOrder,
            InvalidSealingKey::Recipient,
        ];
        let others = [
            Wrong::Missing,
            Wrong::Superfluous,
            Wrong::Empty,
            Wrong::OutOfRange { least: 1, most: 8, found: 9 },
            Wrong::OutOfRange { least: 0, most: 7, found: 9 },
            Wrong::NotASet,
            Wrong::Zero,
            Wrong::Not32Bytes(7),
            Wrong::NoValue(-9),
            Wrong::NoValueOfRules { value: 9, rules: 1 },
            Wrong::NoWord(word()),
            Wrong::NoLanguage(word()),
            Wrong::TextLength(4_000),
            Wrong::NoText('\u{7}'),
            Wrong::NoText('\u{8}'),
            Wrong::NoKey,
            Wrong::NoPublicKey(InvalidPublicKey(7)),
            Wrong::OtherAlgorithm,
            Wrong::NotEd25519,
            Wrong::NotXWing,
            Wrong::NoPoint,
            Wrong::NoCertificate,
            Wrong::NoWitnessName,
            Wrong::KeyOfAnother,
            Wrong::ForeignFacet(word()),
            Wrong::HalfASeat,
            Wrong::NoStandIn,
            Wrong::StandsIn,
            Wrong::NoEntries,
            Wrong::OtherStep,
            Wrong::KeptTooLong,
            Wrong::Expired,
            Wrong::NotPadded(7),
            Wrong::OtherDrill,
        ];
        others.into_iter().chain(ids).chain(seal.map(Wrong::NoSealingKey)).collect()
    }

    fn holders() -> Vec<Holder> {
        let directory = || "un.example".parse().unwrap();
        let person = || "alice".parse().unwrap();
        vec![
            Holder::Log(directory()),
            Holder::Relay(directory()),
            Holder::Registrar(person()),
            Holder::Operator(person()),
            Holder::Auditor(person()),
            Holder::Member("fr".parse().unwrap()),
            Holder::Contact("fr/cert".parse().unwrap()),
            Holder::Seat("fr/cert/duty-1".parse().unwrap()),
        ]
    }

    fn holders_with_purposes() -> Vec<(Holder, Purpose)> {
        let each = |holder: Holder| PURPOSES.map(|purpose| (holder.clone(), purpose));
        holders().into_iter().flat_map(each).collect()
    }

    fn unsealed() -> [Refusal; 10] {
        let whys = [
            OpenError::TooLarge(20_000_000),
            OpenError::Malformed,
            OpenError::NotOneStanza,
            OpenError::WrongKind,
            OpenError::LowOrder,
            OpenError::WrongKey,
            OpenError::HeaderChanged,
            OpenError::PayloadChanged,
            OpenError::Truncated,
            OpenError::TrailingBytes,
        ];
        whys.map(|why| Refusal::NotSealed { what: "inner body", why })
    }

    const FORMS: [Form; 7] = [
        Form::Directory,
        Form::Member,
        Form::Contact,
        Form::Seat,
        Form::Person,
        Form::Message,
        Form::MessageBytes,
    ];
    const PURPOSES: [Purpose; 9] = [
        Purpose::PersonSign,
        Purpose::PersonTls,
        Purpose::Log,
        Purpose::Relay,
        Purpose::Authority,
        Purpose::Keeper,
        Purpose::SeatSign,
        Purpose::SeatSeal,
        Purpose::SeatTls,
    ];
    const EVERY_SIGNER: &[Signer] =
        &[Signer::Registrar, Signer::Authority, Signer::Keeper, Signer::Seat, Signer::Operator];
    const UNSERVED: [Unserved; 9] = [
        Unserved::Visibility,
        Unserved::Step,
        Unserved::Class,
        Unserved::Urgency,
        Unserved::DrillKind,
        Unserved::Flag,
        Unserved::Blob,
        Unserved::SecondSignature,
        Unserved::LargeBody,
    ];
    const AMISS: [Amiss; 9] = [
        Amiss::BeginsAndAnswers,
        Amiss::AnswersNothing,
        Amiss::NotToItsSender,
        Amiss::OtherThread,
        Amiss::OtherDrill,
        Amiss::NotAParty,
        Amiss::NotItsOwn,
        Amiss::NotItsBeginner,
        Amiss::EarlierView,
    ];
    const FAULTS: [Fault; 9] = [
        Fault::PastTheDoor,
        Fault::UnverifiedProposal,
        Fault::BodyNotKept,
        Fault::UnreadableProposal,
        Fault::UnkeptApproval,
        Fault::UnnamedKey,
        Fault::OtherValue,
        Fault::UnreadableReceipt,
        Fault::NotTheNextEntry,
    ];

    #[test]
    fn a_refusal_says_dates_and_nothing_twice() {
        let samples = samples();
        for variant in arms() {
            let is_of = |of: &Refusal| format!("{of:?}").split([' ', '(']).next() == Some(variant);
            assert!(samples.iter().any(is_of), "{variant}");
        }
        samples.iter().for_each(|refusal| reads_well(&refusal.to_string()));
    }

    /// The variants, as [`Refusal::reason`] has them.
    fn arms() -> Vec<&'static str> {
        let (_, reason) = SOURCE.split_once("pub const fn reason").unwrap();
        let lines = reason.lines().take_while(|line| *line != "    }");
        let arms = lines.filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => "));
        arms.map(|(of, _)| of.split([' ', '(']).next().unwrap()).collect()
    }
}
