//! The reasons why the rules or the service say no: codes that scripts rely on, and nothing else.
//!
//! In scope: one closed list, in the order of `docs/protocol.md` 7, each way. Out of scope: the values
//! that belong to a reason, and its sentence ([`super::refusal`]). Invariant: a code never changes.

/// An enum whose variants each have one stable code, in upper snake case.
macro_rules! codes {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $code:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each says what its code says")]
        pub enum $name { $($variant,)* }

        impl $name {
            /// All, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// Of a code; none, if it is not one of these.
            #[must_use]
            pub fn read(code: &str) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use codes;

codes! {
/// Why the rules or the service say no.
Reason {
    TooLarge = "TOO_LARGE",
    UnknownLeaf = "UNKNOWN_LEAF",
    NotCanonical = "NOT_CANONICAL",
    UnknownKind = "UNKNOWN_KIND",
    InvalidTargets = "INVALID_TARGETS",
    NotACharter = "NOT_A_CHARTER",
    OtherDirectory = "OTHER_DIRECTORY",
    OtherGenesis = "OTHER_GENESIS",
    InvalidField = "INVALID_FIELD",
    UnknownMember = "UNKNOWN_MEMBER",
    UnknownContact = "UNKNOWN_CONTACT",
    SignaturesUnsorted = "SIGNATURES_UNSORTED",
    DuplicateSignature = "DUPLICATE_SIGNATURE",
    UnknownKey = "UNKNOWN_KEY",
    KeyNotInForce = "KEY_NOT_IN_FORCE",
    WrongPurpose = "WRONG_PURPOSE",
    BadSignature = "BAD_SIGNATURE",
    BelowThreshold = "BELOW_THRESHOLD",
    SuperfluousSignature = "SUPERFLUOUS_SIGNATURE",
    WrongVersion = "WRONG_VERSION",
    BeforeClock = "BEFORE_CLOCK",
    IssuedInFuture = "ISSUED_IN_FUTURE",
    IssuedTooEarly = "ISSUED_TOO_EARLY",
    WrongRules = "WRONG_RULES",
    WrongPrevious = "WRONG_PREVIOUS",
    NoPossession = "NO_POSSESSION",
    KeyReused = "KEY_REUSED",
    AuthorityStands = "AUTHORITY_STANDS",
    AttestedAfterSigned = "ATTESTED_AFTER_SIGNED",
    Attested = "ATTESTED",
    TooManyContacts = "TOO_MANY_CONTACTS",
    AlreadyExpired = "ALREADY_EXPIRED",
    HoldsTooLong = "HOLDS_TOO_LONG",
    NothingToRevoke = "NOTHING_TO_REVOKE",
    NotEntitled = "NOT_ENTITLED",
    FacetMissing = "FACET_MISSING",
    FacetSuperfluous = "FACET_SUPERFLUOUS",
    NotYetSupported = "NOT_YET_SUPPORTED",
    NewerRules = "NEWER_RULES",
    ServiceKeyMissing = "SERVICE_KEY_MISSING",
    ServiceNotBelieved = "SERVICE_NOT_BELIEVED",
    ClockInDoubt = "CLOCK_IN_DOUBT",
    NotTheSender = "NOT_THE_SENDER",
    WrongThread = "WRONG_THREAD",
    ViewBefore = "VIEW_BEFORE",
    NotALevel = "NOT_A_LEVEL",
    ViewAhead = "VIEW_AHEAD",
    ForeignView = "FOREIGN_VIEW",
    StaleDirectory = "STALE_DIRECTORY",
    RecipientListed = "RECIPIENT_LISTED",
    RecipientWithoutSeats = "RECIPIENT_WITHOUT_SEATS",
    BodySize = "BODY_SIZE",
    BodyDigest = "BODY_DIGEST",
    NotSealed = "NOT_SEALED",
    WrongLetters = "WRONG_LETTERS",
    IdUsedTwice = "ID_USED_TWICE",
    UnknownMessage = "UNKNOWN_MESSAGE",
    MessageExpired = "MESSAGE_EXPIRED",
    ReceiptNotDue = "RECEIPT_NOT_DUE",
    MailboxShare = "MAILBOX_SHARE",
    QuotaExceeded = "QUOTA_EXCEEDED",
    NotPermitted = "NOT_PERMITTED",
    Certificate = "CERTIFICATE",
    StorageFull = "STORAGE_FULL",
    StorageReadOnly = "STORAGE_READ_ONLY",
    BodyDamaged = "BODY_DAMAGED",
    StoreDamaged = "STORE_DAMAGED",
    Internal = "INTERNAL",
    UnknownAction = "UNKNOWN_ACTION",
    UnknownProposal = "UNKNOWN_PROPOSAL",
    BaseMoved = "BASE_MOVED",
    ProposalExpired = "PROPOSAL_EXPIRED",
    ProposalTooLong = "PROPOSAL_TOO_LONG",
    ProposalBeforeRestore = "PROPOSAL_BEFORE_RESTORE",
    ProposalEnded = "PROPOSAL_ENDED",
    ProposalOfAnother = "PROPOSAL_OF_ANOTHER",
    TooManyProposals = "TOO_MANY_PROPOSALS",
    SecondOperatorNeeded = "SECOND_OPERATOR_NEEDED",
    UnknownSession = "UNKNOWN_SESSION",
    ServiceKeyNotKept = "SERVICE_KEY_NOT_KEPT",
    ServiceKeyListed = "SERVICE_KEY_LISTED",
    UnknownServiceKey = "UNKNOWN_SERVICE_KEY",
    NotWhileServing = "NOT_WHILE_SERVING",
    Busy = "BUSY",
}
}
