//! Why the rules say no: one closed list, in the order in which the checks are made.
//!
//! In scope: what is refused, as code and sentence. Out of scope: gRPC codes (`wire`). Invariant:
//! a refusal is safe to show to the peer; it never holds a secret or a plaintext.

use crate::crypto::sign::KeyId;
use crate::signed::dsse::InvalidDsse;
use crate::signed::proto::Level;

use super::ids::{ContactId, InvalidId, MemberId};

/// The rules said no. The variants stand in order of precedence: of two faults the earlier one is
/// reported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    // Whoever asks.
    /// The connection's key may not call this.
    #[error("a connection of {found} may not call this; {needed} may")]
    NotPermitted {
        /// Who called.
        found: String,
        /// Who may.
        needed: &'static str,
    },
    /// The client certificate is outside its dates, or not for clients.
    #[error("the client certificate {0}")]
    Certificate(String),

    // Size, form, kind.
    /// Larger than anything of its kind.
    #[error("expected at most {limit} bytes of {what}, found {found}")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// The most there may be.
        limit: u64,
        /// What came.
        found: u64,
    },
    /// The bytes are not the one encoding.
    #[error("the {0} is not canonical protobuf")]
    NotCanonical(&'static str),
    /// An entry of the log whose leaf is not one of these rules.
    #[error("the entry is not canonical, or its leaf is none that these rules know")]
    UnknownLeaf,
    /// No kind of this version, or not one that belongs here.
    #[error("expected {expected}, found the payload type {found:?}")]
    UnknownKind {
        /// What belongs here.
        expected: &'static str,
        /// What came.
        found: String,
    },

    // Directory and genesis.
    /// The targets are not a sorted set of 1 to 16, or a registrars' statement has several.
    #[error("the targets {0}")]
    InvalidTargets(&'static str),
    /// Entry 0 founds the directory: it is a charter.
    #[error("the first entry must be a charter, found the payload type {0:?}")]
    NotACharter(String),
    /// It is for another directory.
    #[error("it is for {found}, and this is {expected}")]
    OtherDirectory {
        /// This directory.
        expected: String,
        /// The directory, or directories, named.
        found: String,
    },
    /// It is for another directory of the same name.
    #[error("it is for another directory of this name: the genesis differs")]
    OtherGenesis,

    // Signatures.
    /// The signatures are not sorted by key id.
    #[error("the signatures are not sorted by key id")]
    SignaturesUnsorted,
    /// One key signed twice.
    #[error("the key {0} signed twice")]
    DuplicateSignature(KeyId),
    /// The directory has never listed the key.
    #[error("the key {0} is not known to this directory")]
    UnknownKey(KeyId),
    /// The key exists for something else.
    #[error("the key {key} is a key for {found}; this needs {needed}")]
    WrongPurpose {
        /// The key.
        key: KeyId,
        /// What it is for.
        found: &'static str,
        /// What would be needed.
        needed: &'static str,
    },
    /// The signature does not verify.
    #[error("the signature of the key {0} does not verify")]
    BadSignature(KeyId),
    /// Too few of those who decide have signed.
    #[error("{needed} signatures of {of} are needed, {found} are there")]
    BelowThreshold {
        /// Whose signatures count.
        of: String,
        /// The threshold.
        needed: u32,
        /// Distinct keys that count and signed.
        found: u32,
    },
    /// A valid signature that counts towards nothing.
    #[error("the signature of the key {0} counts towards nothing here")]
    SuperfluousSignature(KeyId),

    // Standing.
    /// The key was dropped or revoked.
    #[error("the key {0} is no longer in force")]
    KeyNotInForce(KeyId),

    // Version.
    /// Not the next version of its counter.
    #[error("expected version {expected}, found {found}")]
    WrongVersion {
        /// The next version.
        expected: u64,
        /// What came.
        found: u64,
    },

    // Time.
    /// Admitted before the directory's clock.
    #[error("it was admitted at {found}, before the directory's clock, which stands at {clock}")]
    BeforeClock {
        /// The directory's clock.
        clock: u64,
        /// The claim of the entry.
        found: u64,
    },
    /// Signed too long ago.
    #[error("it was signed more than 30 days before it was handed in")]
    IssuedTooEarly,
    /// Signed in the future.
    #[error("it was signed in the future: the signer's clock is more than 5 minutes fast")]
    IssuedInFuture,

    // Content of statements.
    /// A field holds what it cannot hold.
    #[error("{field}: {why}")]
    InvalidField {
        /// Which.
        field: &'static str,
        /// Expected and found.
        why: String,
    },
    /// A valid request for what this version does not do yet.
    #[error("{0} is not yet supported")]
    NotYetSupported(&'static str),
    /// The charter names newer rules.
    #[error("rules version {found} is newer than this program, which knows {known}: update it")]
    NewerRules {
        /// What the charter names.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
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
        /// The key.
        key: KeyId,
        /// Whose it would be.
        holder: String,
    },
    /// The contact is only entered by the registrars: it has no keys.
    #[error("{0} is entered by the registrars, not signed by the State: it has no roster")]
    Attested(ContactId),
    /// As many contacts of the member stand as may.
    #[error("{member} has {limit} contacts that stand, and no more may")]
    TooManyContacts {
        /// The member.
        member: MemberId,
        /// How many may.
        limit: u64,
    },
    /// There is no such member.
    #[error("there is no member {0}")]
    UnknownMember(MemberId),
    /// There is no such contact, or it was withdrawn.
    #[error("there is no contact {0}")]
    UnknownContact(ContactId),
    /// The member has an authority; another admission cannot change it.
    #[error("{0} has an authority of its own, which an admission cannot change")]
    AuthorityStands(MemberId),
    /// The member signs for itself; registrars no longer attest.
    #[error("{0} signs its own records; registrars no longer enter any for it")]
    AttestedAfterSigned(MemberId),
    /// The key belongs to somebody else, or for something else, or came back.
    #[error("the key {key} cannot be listed: it {why}")]
    KeyReused {
        /// The key.
        key: KeyId,
        /// What it is already.
        why: String,
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

    // The service's own.
    /// The service does not know what time it is.
    #[error("the service's clock is in doubt until its operator says that it is right: try later")]
    ClockInDoubt,

    // Facets handed in.
    /// Salt and bytes of a facet are missing.
    #[error("the facet {0} was not handed in with the statement")]
    FacetMissing(String),
    /// Salt and bytes that no facet of the statement has.
    #[error("a facet was handed in whose hash is not in the statement")]
    FacetSuperfluous,

    // Messages.
    /// The seat that signed is not the one named, or hands in for another contact.
    #[error("{0}")]
    NotTheSender(String),
    /// A message's place in its thread.
    #[error(transparent)]
    WrongThread(Amiss),
    /// The contact's record does not have this level.
    #[error("{contact} has no {} level; it has: {}", levels(&[*.level]), levels(has))]
    NotALevel {
        /// The contact.
        contact: ContactId,
        /// The level named.
        level: Level,
        /// Those of its record.
        has: Vec<Level>,
    },
    /// The recipient is only listed: nothing can be sealed to it.
    #[error("{0} is listed without keys: telephone or write to it")]
    RecipientListed(ContactId),
    /// The recipient has no seat with a seal key.
    #[error("{0} has no seat that could open a message")]
    RecipientWithoutSeats(ContactId),
    /// The view is not one of this log.
    #[error("the sender's view is not one of this log: its root at size {0} is another")]
    ForeignView(u64),
    /// The view is larger than the log.
    #[error("the sender's view has size {found}, this log {size}")]
    ViewAhead {
        /// The log's size.
        size: u64,
        /// The view's.
        found: u64,
    },
    /// The directory changed for one of the recipients since the sender looked.
    #[error("{0} has changed since the sender's view: sync and seal again")]
    StaleDirectory(ContactId),
    /// The body's size is not one of the padded ones, or not the one the header names.
    #[error("expected a sealed body of {expected} bytes, found {found}")]
    BodySize {
        /// What the header names, or the padded sizes.
        expected: String,
        /// What came.
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
        why: String,
    },
    /// The letters are not the ones that this message must have.
    #[error("the letters {0}")]
    WrongLetters(String),
    /// The id was used for another message.
    #[error("the id {0} was used for another message of this contact")]
    IdUsedTwice(String),
    /// There is no such message for the caller.
    #[error("there is no message {0} of or to your contact")]
    UnknownMessage(String),
    /// A fault of the service itself: it decides on nothing rather than on what it did not see.
    #[error("the service has found a fault of its own and changed nothing: {0}")]
    Internal(&'static str),
    /// Too much of one sender's is stored.
    #[error("the relay keeps {kept} bytes of yours until they expire, and its limit is {limit}")]
    QuotaExceeded {
        /// Bytes kept.
        kept: u64,
        /// The limit.
        limit: u64,
    },
}

impl Refusal {
    /// The stable reason code: scripts rely on it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotPermitted { .. } => "NOT_PERMITTED",
            Self::Certificate(_) => "CERTIFICATE",
            Self::TooLarge { .. } => "TOO_LARGE",
            Self::NotCanonical(_) => "NOT_CANONICAL",
            Self::UnknownLeaf => "UNKNOWN_LEAF",
            Self::UnknownKind { .. } => "UNKNOWN_KIND",
            Self::InvalidTargets(_) => "INVALID_TARGETS",
            Self::NotACharter(_) => "NOT_A_CHARTER",
            Self::OtherDirectory { .. } => "OTHER_DIRECTORY",
            Self::OtherGenesis => "OTHER_GENESIS",
            Self::SignaturesUnsorted => "SIGNATURES_UNSORTED",
            Self::DuplicateSignature(_) => "DUPLICATE_SIGNATURE",
            Self::UnknownKey(_) => "UNKNOWN_KEY",
            Self::WrongPurpose { .. } => "WRONG_PURPOSE",
            Self::BadSignature(_) => "BAD_SIGNATURE",
            Self::BelowThreshold { .. } => "BELOW_THRESHOLD",
            Self::SuperfluousSignature(_) => "SUPERFLUOUS_SIGNATURE",
            Self::KeyNotInForce(_) => "KEY_NOT_IN_FORCE",
            Self::WrongVersion { .. } => "WRONG_VERSION",
            Self::BeforeClock { .. } => "BEFORE_CLOCK",
            Self::IssuedTooEarly => "ISSUED_TOO_EARLY",
            Self::IssuedInFuture => "ISSUED_IN_FUTURE",
            Self::InvalidField { .. } => "INVALID_FIELD",
            Self::NotYetSupported(_) => "NOT_YET_SUPPORTED",
            Self::NewerRules { .. } => "NEWER_RULES",
            Self::WrongRules { .. } => "WRONG_RULES",
            Self::WrongPrevious => "WRONG_PREVIOUS",
            Self::NoPossession { .. } => "NO_POSSESSION",
            Self::Attested(_) => "ATTESTED",
            Self::TooManyContacts { .. } => "TOO_MANY_CONTACTS",
            Self::ClockInDoubt => "CLOCK_IN_DOUBT",
            Self::UnknownMember(_) => "UNKNOWN_MEMBER",
            Self::UnknownContact(_) => "UNKNOWN_CONTACT",
            Self::AuthorityStands(_) => "AUTHORITY_STANDS",
            Self::AttestedAfterSigned(_) => "ATTESTED_AFTER_SIGNED",
            Self::KeyReused { .. } => "KEY_REUSED",
            Self::AlreadyExpired => "ALREADY_EXPIRED",
            Self::HoldsTooLong => "HOLDS_TOO_LONG",
            Self::NothingToRevoke => "NOTHING_TO_REVOKE",
            Self::FacetMissing(_) => "FACET_MISSING",
            Self::FacetSuperfluous => "FACET_SUPERFLUOUS",
            Self::NotTheSender(_) => "NOT_THE_SENDER",
            Self::WrongThread(amiss) => amiss.code(),
            Self::NotALevel { .. } => "NOT_A_LEVEL",
            Self::RecipientListed(_) => "RECIPIENT_LISTED",
            Self::RecipientWithoutSeats(_) => "RECIPIENT_WITHOUT_SEATS",
            Self::ForeignView(_) => "FOREIGN_VIEW",
            Self::ViewAhead { .. } => "VIEW_AHEAD",
            Self::StaleDirectory(_) => "STALE_DIRECTORY",
            Self::BodySize { .. } => "BODY_SIZE",
            Self::BodyDigest => "BODY_DIGEST",
            Self::NotSealed { .. } => "NOT_SEALED",
            Self::WrongLetters(_) => "WRONG_LETTERS",
            Self::IdUsedTwice(_) => "ID_USED_TWICE",
            Self::UnknownMessage(_) => "UNKNOWN_MESSAGE",
            Self::Internal(_) => "INTERNAL",
            Self::QuotaExceeded { .. } => "QUOTA_EXCEEDED",
        }
    }

    /// The reason as `docs/protocol.md` names it: the code, and of a field the statement's own name
    /// for it.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::InvalidField { field, .. } => {
                let field = field.split('.').next().unwrap_or_default();
                format!("{}:{field}", self.code())
            }
            other => other.code().to_owned(),
        }
    }

    /// A field that holds what it cannot hold.
    pub(crate) fn field(field: &'static str, why: impl ToString) -> Self {
        Self::InvalidField { field, why: cut(why.to_string()) }
    }

    /// An envelope that is none.
    pub(crate) fn form(what: &'static str, expected: &'static str, why: InvalidDsse) -> Self {
        match why {
            InvalidDsse::TooLarge { limit, found } => {
                Self::TooLarge { what, limit: limit as u64, found: found as u64 }
            }
            InvalidDsse::NotCanonical(_) => Self::NotCanonical(what),
            InvalidDsse::UnknownKind(found) => Self::UnknownKind { expected, found: cut(found) },
        }
    }
}

/// What is quoted in a refusal is foreign, and a sentence of 65,000 bytes fits no gRPC status.
fn cut(mut quoted: String) -> String {
    quoted.truncate(quoted.floor_char_boundary(QUOTED_BYTES));
    quoted
}

/// Longer than every sentence of ours.
const QUOTED_BYTES: usize = 300;

impl From<InvalidId> for Refusal {
    fn from(why: InvalidId) -> Self {
        Self::field("id", why)
    }
}

/// What is amiss with a message's place in its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Amiss {
    /// Its id is its thread's.
    #[error("it begins a thread, and says that it answers a message")]
    BeginsAndAnswers,
    /// Its id is not its thread's, or its class answers by its nature.
    #[error("it answers no message, and must")]
    AnswersNothing,
    /// A receipt or an acknowledgement to another than the sender of the message answered, alone.
    #[error("it is a receipt or an acknowledgement, which goes to the message's sender alone")]
    NotToItsSender,
    /// The message answered has another thread.
    #[error("it answers a message of another thread")]
    OtherThread,
    /// The message answered, or the thread's first, has another mark.
    #[error("it bears another drill mark than its thread")]
    OtherDrill,
    /// The sender's contact neither sent the message answered nor got it.
    #[error("it answers a message that its sender neither sent nor got")]
    NotAParty,
    /// A withdrawal or correction of what another contact said.
    #[error("it withdraws or corrects what another contact sent")]
    NotItsOwn,
    /// An all-clear in a thread that another contact began.
    #[error("it gives the all-clear in a thread that another contact began")]
    NotItsBeginner,
    /// Its view is older than that of the message it answers.
    #[error("its view of the directory is older than that of the message it answers")]
    EarlierView,
}

impl Amiss {
    /// The stable reason code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::EarlierView => "VIEW_BEFORE",
            Self::BeginsAndAnswers
            | Self::AnswersNothing
            | Self::NotToItsSender
            | Self::OtherThread
            | Self::OtherDrill
            | Self::NotAParty
            | Self::NotItsOwn
            | Self::NotItsBeginner => "WRONG_THREAD",
        }
    }
}

/// Levels in words: "technical, law enforcement".
#[must_use]
pub fn levels(levels: &[Level]) -> String {
    let word = |level: &Level| {
        let name = level.as_str_name();
        name.strip_prefix("LEVEL_").unwrap_or(name).to_ascii_lowercase().replace('_', " ")
    };
    levels.iter().map(word).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    const SOURCE: &str = include_str!("refusal.rs");
    const PAGE: &str = include_str!("../../docs/protocol.md");

    /// Whoever cannot read Rust finds every reason on the page, under this very name.
    #[test]
    fn every_reason_stands_on_the_page() {
        let from = SOURCE.find("pub const fn code").unwrap();
        let codes = SOURCE[from..].lines().take_while(|line| *line != "    }").filter_map(|line| {
            line.split_once("=> \"")
                .and_then(|(_, code)| code.split_once('"'))
                .map(|(code, _)| code)
        });
        let missing: Vec<&str> =
            codes.filter(|code| !PAGE.contains(&format!("`{code}`"))).collect();
        assert!(missing.is_empty(), "{missing:?} are missing in docs/protocol.md");
    }
}
