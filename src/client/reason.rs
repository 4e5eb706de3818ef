//! Why something did not come about, as what a program branches on and a script reads.
//!
//! In scope: one closed list of what this side says, around those of the rules. Out of scope: sentences,
//! sides, mends (`error`). Invariant: a code never changes, and no code is in two of the lists.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::domain::reason::{self, codes};

pub use crate::domain::reason::Reason as Rule;

/// Why something did not come about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The rules say no, or the service does: here or there.
    Rules(reason::Reason),
    /// This side says it.
    Here(Here),
    /// A service says it that is newer than this program.
    Newer(Box<str>),
}

impl Reason {
    /// The stable code, in upper snake case.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Rules(reason) => reason.code(),
            Self::Here(here) => here.code(),
            Self::Newer(code) => code,
        }
    }

    /// The rules' own, if it is one of theirs.
    #[must_use]
    pub const fn rule(&self) -> Option<Rule> {
        match self {
            Self::Rules(rule) => Some(*rule),
            Self::Here(_) | Self::Newer(_) => None,
        }
    }

    /// This side's own, if it is one.
    #[must_use]
    pub const fn here(&self) -> Option<Here> {
        match self {
            Self::Here(here) => Some(*here),
            Self::Rules(_) | Self::Newer(_) => None,
        }
    }

    /// What a service says, or a file that this side wrote.
    #[must_use]
    pub fn read(code: &str) -> Self {
        let ours = || Here::read(code).map(Self::Here);
        let known = reason::Reason::read(code).map(Self::Rules).or_else(ours);
        known.unwrap_or_else(|| Self::Newer(code.into()))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl From<reason::Reason> for Reason {
    fn from(reason: reason::Reason) -> Self {
        Self::Rules(reason)
    }
}

impl From<Here> for Reason {
    fn from(here: Here) -> Self {
        Self::Here(here)
    }
}

/// Tests name a code as scripts do.
#[cfg(test)]
impl From<&str> for Reason {
    fn from(code: &str) -> Self {
        Self::read(code)
    }
}

#[cfg(test)]
impl PartialEq<&str> for Reason {
    fn eq(&self, code: &&str) -> bool {
        self.code() == *code
    }
}

#[cfg(test)]
impl Reason {
    /// The code of one that no newer service gave.
    pub(crate) fn known(&self) -> &'static str {
        let rule = self.rule().map(Rule::code);
        rule.or_else(|| self.here().map(Here::code)).unwrap()
    }
}

impl PartialEq<Here> for Reason {
    fn eq(&self, here: &Here) -> bool {
        *self == Self::Here(*here)
    }
}

impl PartialEq<reason::Reason> for Reason {
    fn eq(&self, reason: &reason::Reason) -> bool {
        *self == Self::Rules(*reason)
    }
}

codes! {
/// What this side says.
Here {
    ActFailed = "ACT_FAILED",
    AddressingDiffers = "ADDRESSING_DIFFERS",
    AdmissionNotProven = "ADMISSION_NOT_PROVEN",
    AdmissionRefused = "ADMISSION_REFUSED",
    AnswersMissing = "ANSWERS_MISSING",
    AuditAltered = "AUDIT_ALTERED",
    AuditCopyAltered = "AUDIT_COPY_ALTERED",
    AuditHead = "AUDIT_HEAD",
    AuditIncomplete = "AUDIT_INCOMPLETE",
    AuditWentBack = "AUDIT_WENT_BACK",
    Backdated = "BACKDATED",
    BadAddress = "BAD_ADDRESS",
    BadProxy = "BAD_PROXY",
    BeforeUpdate = "BEFORE_UPDATE",
    BehindInvitation = "BEHIND_INVITATION",
    BodyDoesNotOpen = "BODY_DOES_NOT_OPEN",
    ByTelephone = "BY_TELEPHONE",
    CannotBegin = "CANNOT_BEGIN",
    CertificateNotMade = "CERTIFICATE_NOT_MADE",
    CertificateOfAnotherKey = "CERTIFICATE_OF_ANOTHER_KEY",
    CharterDoesNotFollow = "CHARTER_DOES_NOT_FOLLOW",
    CheckpointNotVerified = "CHECKPOINT_NOT_VERIFIED",
    Clock = "CLOCK",
    ClocksApart = "CLOCKS_APART",
    ClockOfDirectory = "CLOCK_OF_DIRECTORY",
    ClockOfService = "CLOCK_OF_SERVICE",
    Config = "CONFIG",
    Content = "CONTENT",
    CopyAltered = "COPY_ALTERED",
    Damaged = "DAMAGED",
    Deadline = "DEADLINE",
    DealtWith = "DEALT_WITH",
    Demo = "DEMO",
    DetailsWithheld = "DETAILS_WITHHELD",
    DiskFull = "DISK_FULL",
    DryRun = "DRY_RUN",
    Enough = "ENOUGH",
    EntriesWithheld = "ENTRIES_WITHHELD",
    EntryNotAdmissible = "ENTRY_NOT_ADMISSIBLE",
    ExportOfOther = "EXPORT_OF_OTHER",
    File = "FILE",
    FileExists = "FILE_EXISTS",
    FileTooLarge = "FILE_TOO_LARGE",
    FingerprintForm = "FINGERPRINT_FORM",
    FirstSegment = "FIRST_SEGMENT",
    Forwarded = "FORWARDED",
    HeadBehind = "HEAD_BEHIND",
    HomeBusy = "HOME_BUSY",
    InboxBusy = "INBOX_BUSY",
    Incomplete = "INCOMPLETE",
    InnerMalformed = "INNER_MALFORMED",
    InnerSignature = "INNER_SIGNATURE",
    InvitationCharter = "INVITATION_CHARTER",
    InvitationCheckpoint = "INVITATION_CHECKPOINT",
    InTheFuture = "IN_THE_FUTURE",
    JoinedAlready = "JOINED_ALREADY",
    KeyAltered = "KEY_ALTERED",
    KeyDoesNotWork = "KEY_DOES_NOT_WORK",
    KeyDropped = "KEY_DROPPED",
    KeyEnded = "KEY_ENDED",
    KeyExists = "KEY_EXISTS",
    KeyHidden = "KEY_HIDDEN",
    KeyInToken = "KEY_IN_TOKEN",
    KeyKeptLessWell = "KEY_KEPT_LESS_WELL",
    KeyMissing = "KEY_MISSING",
    KeyNotAnIdentity = "KEY_NOT_AN_IDENTITY",
    KeyNotAPointer = "KEY_NOT_A_POINTER",
    KeyNotHeld = "KEY_NOT_HELD",
    KeyNotOpenedHere = "KEY_NOT_OPENED_HERE",
    KeyNotPkcs8 = "KEY_NOT_PKCS8",
    KeyOfAnotherPurpose = "KEY_OF_ANOTHER_PURPOSE",
    KeyOfSeat = "KEY_OF_SEAT",
    KeyReadableByOthers = "KEY_READABLE_BY_OTHERS",
    KeyRetired = "KEY_RETIRED",
    KeyRevoked = "KEY_REVOKED",
    KeyTwice = "KEY_TWICE",
    KeyUnknown = "KEY_UNKNOWN",
    LacksCharter = "LACKS_CHARTER",
    Letters = "LETTERS",
    LetterDoesNotOpen = "LETTER_DOES_NOT_OPEN",
    LetterForAnother = "LETTER_FOR_ANOTHER",
    LetterMalformed = "LETTER_MALFORMED",
    LetterNotInHeader = "LETTER_NOT_IN_HEADER",
    LetterOfAnotherBody = "LETTER_OF_ANOTHER_BODY",
    LetterOfAnotherMessage = "LETTER_OF_ANOTHER_MESSAGE",
    LetterText = "LETTER_TEXT",
    MailboxHistory = "MAILBOX_HISTORY",
    Muted = "MUTED",
    NameLookup = "NAME_LOOKUP",
    NeverSynced = "NEVER_SYNCED",
    NothingToRetry = "NOTHING_TO_RETRY",
    NotAdmitted = "NOT_ADMITTED",
    NotAgreed = "NOT_AGREED",
    NotAnswered = "NOT_ANSWERED",
    NotAMessage = "NOT_A_MESSAGE",
    NotCheckable = "NOT_CHECKABLE",
    NotCompared = "NOT_COMPARED",
    NotConfirmed = "NOT_CONFIRMED",
    NotFetched = "NOT_FETCHED",
    NotHere = "NOT_HERE",
    NotHttp2 = "NOT_HTTP2",
    NotInTheLog = "NOT_IN_THE_LOG",
    NotJoined = "NOT_JOINED",
    NotOutdated = "NOT_OUTDATED",
    NotProven = "NOT_PROVEN",
    NotPublished = "NOT_PUBLISHED",
    NotRead = "NOT_READ",
    NotSigned = "NOT_SIGNED",
    NotSuchAFile = "NOT_SUCH_A_FILE",
    NotTold = "NOT_TOLD",
    NotWritten = "NOT_WRITTEN",
    NotYours = "NOT_YOURS",
    NoAddress = "NO_ADDRESS",
    NoAdminAddress = "NO_ADMIN_ADDRESS",
    NoCharter = "NO_CHARTER",
    NoConnection = "NO_CONNECTION",
    NoCopy = "NO_COPY",
    NoFormat = "NO_FORMAT",
    NoHome = "NO_HOME",
    NoInbox = "NO_INBOX",
    NoKeyCounts = "NO_KEY_COUNTS",
    NoLetter = "NO_LETTER",
    NoOutcome = "NO_OUTCOME",
    NoPerson = "NO_PERSON",
    NoPlace = "NO_PLACE",
    NoProxy = "NO_PROXY",
    NoRandomness = "NO_RANDOMNESS",
    NoReader = "NO_READER",
    NoSeat = "NO_SEAT",
    NoSuchFile = "NO_SUCH_FILE",
    NoTerminal = "NO_TERMINAL",
    OldFormat = "OLD_FORMAT",
    OpenFiles = "OPEN_FILES",
    OtherAuthority = "OTHER_AUTHORITY",
    OtherContact = "OTHER_CONTACT",
    OtherDrill = "OTHER_DRILL",
    OtherFingerprint = "OTHER_FINGERPRINT",
    OtherMember = "OTHER_MEMBER",
    OtherPort = "OTHER_PORT",
    OtherRoot = "OTHER_ROOT",
    OtherSeat = "OTHER_SEAT",
    Outbox = "OUTBOX",
    Padding = "PADDING",
    Partial = "PARTIAL",
    PassphraseNotChosen = "PASSPHRASE_NOT_CHOSEN",
    PassphraseWrong = "PASSPHRASE_WRONG",
    PinLocked = "PIN_LOCKED",
    PinWrong = "PIN_WRONG",
    ProposalElsewhere = "PROPOSAL_ELSEWHERE",
    ProposalOvertaken = "PROPOSAL_OVERTAKEN",
    ProposalUnreadable = "PROPOSAL_UNREADABLE",
    ProxyGarbled = "PROXY_GARBLED",
    ProxyRefused = "PROXY_REFUSED",
    ReadOnly = "READ_ONLY",
    ReceiptNotVerified = "RECEIPT_NOT_VERIFIED",
    Recipients = "RECIPIENTS",
    Replica = "REPLICA",
    Rollback = "ROLLBACK",
    RotationUnderWay = "ROTATION_UNDER_WAY",
    SeatInForce = "SEAT_IN_FORCE",
    ServerBadSignature = "SERVER_BAD_SIGNATURE",
    ServerExpired = "SERVER_EXPIRED",
    ServerNotAServer = "SERVER_NOT_A_SERVER",
    ServerNotYetValid = "SERVER_NOT_YET_VALID",
    ServerOtherDirectory = "SERVER_OTHER_DIRECTORY",
    ServerUnknownIssuer = "SERVER_UNKNOWN_ISSUER",
    ServerUnusable = "SERVER_UNUSABLE",
    ServerWithoutName = "SERVER_WITHOUT_NAME",
    ServiceCaUnusable = "SERVICE_CA_UNUSABLE",
    SeveralContacts = "SEVERAL_CONTACTS",
    SeveralDirectories = "SEVERAL_DIRECTORIES",
    SeveralMessages = "SEVERAL_MESSAGES",
    SeveralPeople = "SEVERAL_PEOPLE",
    SeveralSeats = "SEVERAL_SEATS",
    SplitView = "SPLIT_VIEW",
    StaleCopy = "STALE_COPY",
    Superseded = "SUPERSEDED",
    SyncFirst = "SYNC_FIRST",
    TimedOut = "TIMED_OUT",
    Tls = "TLS",
    TlsIntercepted = "TLS_INTERCEPTED",
    TlsRefused = "TLS_REFUSED",
    TokenCannot = "TOKEN_CANNOT",
    TokenFailed = "TOKEN_FAILED",
    TokenGone = "TOKEN_GONE",
    TokenSeveral = "TOKEN_SEVERAL",
    TokenWrongSignature = "TOKEN_WRONG_SIGNATURE",
    TwoHistories = "TWO_HISTORIES",
    Unavailable = "UNAVAILABLE",
    Unimplemented = "UNIMPLEMENTED",
    UnknownItem = "UNKNOWN_ITEM",
    UnknownSeat = "UNKNOWN_SEAT",
    UpdateMe = "UPDATE_ME",
    Usage = "USAGE",
    WholeIdNeeded = "WHOLE_ID_NEEDED",
}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_what_it_was_and_stands_in_one_list() {
        for rule in Rule::ALL {
            assert_eq!(Reason::read(rule.code()), Reason::Rules(*rule));
            assert_eq!(Here::read(rule.code()), None);
        }
        for here in Here::ALL {
            assert_eq!(Reason::read(here.code()), Reason::Here(*here));
        }
        assert_eq!(Reason::read("TOO_FAST"), Reason::Newer("TOO_FAST".into()));
        assert!(Here::ALL.is_sorted_by_key(|here| here.code()));
    }
}
