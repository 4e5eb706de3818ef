//! Everything that can go wrong on the client's side, in one form for people and for scripts.
//!
//! In scope: whose fault it is, of which family, a stable reason, a sentence, what mends it.
//! Out of scope: how it is printed, and how a process ends with it (`cli`). Invariant: every error of this module's
//! neighbours becomes a [`ClientError`] here and nowhere else.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tonic::{Code, Status};

use crate::crypto::sign::CannotSign;
use crate::domain::ids::MessageId;
use crate::domain::refusal::Refusal;
use crate::tls::client::{Broken, InvalidTrust, ServerFault};
use crate::wire::{details, status, v1};

use super::armour::InvalidArmour;
use super::draft::DraftError;
use super::facts::{Facts, RETRY_IN};
use super::fate::Fate;
use super::files::{self, FileError, KeptOut};
use super::format::{self, WrongFormat};
use super::home::HomeError;
use super::invitation::InvalidInvitation;
use super::keys::KeyError;
use super::mend::Mend;
use super::message::compose::ComposeError;
use super::message::content::InvalidContent;
use super::message::open::NotOpened;
use super::message::receipt::ReceiptError;
use super::outbox::OutboxError;
use super::reach::connect::{ConnectError, InvalidProxy, Leg};
use super::reason::{Here, Reason, Rule};
use super::replica::{Frozen, Origin, ReplicaError};
use super::token::TokenError;
use super::unlock::NotAsked;

/// On whose side the fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This machine, or what was asked of it.
    Ours,
    /// The service, or its machine.
    Theirs,
    /// What lies between.
    Network,
    /// Who is to have a message.
    Recipient,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "this side",
            Self::Theirs => "the service",
            Self::Network => "the network",
            Self::Recipient => "the recipient",
        })
    }
}

/// What all errors have in common with which the same is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is its own word")]
pub enum Family {
    Unexpected,
    Usage,
    NotReachable,
    Refused,
    IdentityOrKey,
    VerificationFailed,
    Stale,
    NotFound,
    Partial,
    NeedsApproval,
    UpdateMe,
}

/// What went wrong, for people and for scripts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct ClientError {
    /// On whose side.
    pub side: Side,
    /// What a program branches on.
    pub reason: Reason,
    /// What was expected, what was found.
    pub sentence: String,
    /// What mends it, if something does.
    pub mend: Option<Box<Mend>>,
    /// What a script may want to read besides.
    pub details: BTreeMap<String, String>,
    /// What of these decides something on this side.
    pub facts: Box<Facts>,
    /// Of which family.
    pub family: Family,
    /// Whether the command has printed its object already, and this is only how it ends.
    pub printed: bool,
    /// What became of what was to be sent, if something was.
    pub fate: Option<Fate>,
}

impl ClientError {
    /// An error with this reason and sentence.
    #[must_use]
    pub fn new(
        side: Side,
        family: Family,
        reason: impl Into<Reason>,
        sentence: impl fmt::Display,
    ) -> Self {
        let (reason, sentence) = (reason.into(), sentence.to_string());
        let (details, facts) = (BTreeMap::new(), Box::default());
        let (mend, printed, fate) = (None, false, None);
        Self { side, reason, sentence, mend, details, facts, family, printed, fate }
    }

    /// The same, with what was said besides.
    fn with_details(self, details: BTreeMap<String, String>) -> Self {
        let facts = Box::new(Facts::of(&details));
        Self { details, facts, ..self }
    }

    /// The same, with what mends it.
    #[must_use]
    pub fn mended_by(self, mend: Mend) -> Self {
        Self { mend: Some(Box::new(mend)), ..self }
    }

    /// The same, of a command that has printed its object.
    #[must_use]
    pub fn after_its_object(self) -> Self {
        Self { printed: true, ..self }
    }

    /// The system does not give a program what every program needs.
    #[must_use]
    pub fn cannot_begin(why: &io::Error) -> Self {
        let sentence = format!("this program cannot begin: {why}");
        let reason = if is_too_many(why) { Here::OpenFiles } else { Here::CannotBegin };
        let found = Self::new(Side::Ours, Family::Unexpected, reason, sentence);
        if is_too_many(why) { found.mended_by(Mend::MoreFiles) } else { found }
    }

    /// The directory has newer rules than this program.
    #[must_use]
    pub fn update_me(frozen: &Frozen) -> Self {
        let sentence = format!("the directory stands still here: {frozen}");
        let mut found = Self::new(Side::Ours, Family::UpdateMe, Here::UpdateMe, sentence);
        found.details.insert("rules".to_owned(), frozen.rules.to_string());
        found.details.insert("leaf".to_owned(), frozen.leaf.to_string());
        found.mended_by(Mend::Update)
    }

    /// What the service answered about one statement.
    #[must_use]
    pub fn refused(refused: v1::RefusedStatement) -> Self {
        let reason = Reason::read(&refused.reason);
        let (family, side) = judged(&reason);
        Self::new(side, family, reason, refused.sentence)
            .with_details(refused.details.into_iter().collect())
            .with_usual_mend()
    }

    /// Whether the same may succeed later, and nobody here has to do anything for it: the network is
    /// at fault, or whoever answers in the service's place, or the service says that it will pass.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.side == Side::Network
            || self.family == Family::NotReachable
            || self.facts.retry_in.is_some()
            || self.reason.rule().is_some_and(|rule| PASSING.contains(&rule))
            || self.reason.here().is_some_and(|here| OF_A_SERVER.contains(&here))
    }

    /// Whether nothing can be written in this home now. What stands there can be read all the same.
    #[must_use]
    pub fn is_of_writing(&self) -> bool {
        let here = self.reason.here();
        matches!(here, Some(Here::DiskFull | Here::ReadOnly | Here::NotYours | Here::HomeBusy))
    }

    /// The same, of what became so.
    #[must_use]
    pub fn leaves(self, fate: Fate) -> Self {
        Self { fate: Some(fate), ..self }
    }

    /// What is sealed and kept here, and waits.
    #[must_use]
    pub const fn waiting(&self) -> Option<MessageId> {
        match self.fate {
            Some(Fate::Waits(id, _)) => Some(id),
            Some(
                Fate::GivenUp(_)
                | Fate::WaitedInVain(_)
                | Fate::WithoutReceipt(_)
                | Fate::NotKept(_),
            )
            | None => None,
        }
    }

    /// What is to be done, also about what became of what was to be sent.
    #[must_use]
    pub fn what_mends(&self) -> Option<Mend> {
        let mend = self.mend.as_deref().cloned();
        match self.fate {
            Some(Fate::Waits(_, what)) => Some(match mend {
                Some(mend) if self.family == Family::NotReachable => {
                    Mend::InAWhile(what, Box::new(mend))
                }
                Some(mend) => mend,
                None => Mend::of_what_waits(what),
            }),
            Some(Fate::GivenUp(id) | Fate::WaitedInVain(id)) => {
                Some(mend.unwrap_or(Mend::RetryIfChanged(id)))
            }
            Some(Fate::WithoutReceipt(_) | Fate::NotKept(_)) | None => mend,
        }
    }

    fn with_usual_mend(self) -> Self {
        let Some(rule) = self.reason.rule() else { return self };
        let mend = match rule {
            Rule::StaleDirectory | Rule::ViewAhead | Rule::WrongVersion => Mend::Sync,
            Rule::BelowThreshold => Mend::Sign,
            Rule::NotEntitled => Mend::SignOrAskRegistrars,
            Rule::NotPermitted | Rule::Certificate | Rule::KeyNotInForce => Mend::Doctor,
            Rule::UnknownKey => Mend::ListKeys,
            Rule::StoreDamaged => Mend::TellOperator,
            _ => return self,
        };
        if self.mend.is_some() { self } else { self.mended_by(mend) }
    }
}

impl From<&Refusal> for ClientError {
    fn from(refusal: &Refusal) -> Self {
        let reason = refusal.reason().into();
        let (family, side) = judged(&reason);
        Self::new(side, family, reason, refusal)
            .with_details(details::of(refusal).into_iter().collect())
            .with_usual_mend()
    }
}

impl From<Refusal> for ClientError {
    fn from(refusal: Refusal) -> Self {
        Self::from(&refusal)
    }
}

/// Refusals are the fault of who asked, or of who cannot have a message; keys and things that are not there
/// have their own families.
fn judged(reason: &Reason) -> (Family, Side) {
    let Some(rule) = reason.rule() else { return (Family::Refused, Side::Ours) };
    let family = match rule {
        Rule::Certificate | Rule::NotPermitted | Rule::KeyNotInForce => Family::IdentityOrKey,
        Rule::UnknownMember
        | Rule::UnknownContact
        | Rule::UnknownMessage
        | Rule::MessageExpired => Family::NotFound,
        Rule::StaleDirectory => Family::Stale,
        Rule::BelowThreshold | Rule::NotEntitled => Family::NeedsApproval,
        Rule::Internal => Family::Unexpected,
        _ => Family::Refused,
    };
    let side = match rule {
        Rule::MailboxShare | Rule::RecipientWithoutSeats | Rule::RecipientListed => Side::Recipient,
        Rule::Busy
        | Rule::Internal
        | Rule::StorageFull
        | Rule::StorageReadOnly
        | Rule::BodyDamaged
        | Rule::StoreDamaged
        | Rule::ClockInDoubt => Side::Theirs,
        _ => Side::Ours,
    };
    (family, side)
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        if let Some(leg) = ConnectError::find(&status) {
            return leg.clone().into();
        }
        if let Some(reason) = status::reason(&status) {
            let reason = Reason::read(&reason);
            let (family, side) = judged(&reason);
            let retry_in = status::retry_in(&status);
            let retry_in = retry_in.map(|wait| (RETRY_IN.to_owned(), wait.as_secs().to_string()));
            let details = status::all_details(&status).into_iter().chain(retry_in).collect();
            let error = Self::new(side, family, reason, status.message());
            return error.with_details(details).with_usual_mend();
        }
        of_other_status(&status)
    }
}

/// A status without a reason of ours, whatever its code: the network's. A proxy made it, or the
/// library when the connection broke, or when nobody answered in time.
fn of_other_status(status: &Status) -> ClientError {
    let message = status.message();
    let (reason, sentence) = match status.code() {
        Code::DeadlineExceeded => (Here::Deadline, "the service did not answer in time".to_owned()),
        Code::Unimplemented => (
            Here::Unimplemented,
            format!(
                "what answered does not know this call: something on the way, or a service that is \
                 older than this program: {message}"
            ),
        ),
        Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled => {
            (Here::Unavailable, format!("the connection was lost: {message}"))
        }
        _ => {
            (Here::Unavailable, format!("something on the way answered for the service: {message}"))
        }
    };
    ClientError::new(Side::Network, Family::NotReachable, reason, sentence)
        .mended_by(Mend::AgainThenDoctor)
}

impl From<ConnectError> for ClientError {
    fn from(error: ConnectError) -> Self {
        let (side, family, reason) = match &error {
            ConnectError::BadAddress(_) => (Side::Ours, Family::Usage, Here::BadAddress),
            ConnectError::Tcp { source, .. } | ConnectError::Lookup { source, .. }
                if is_too_many(source) =>
            {
                let (family, said) = (Family::Unexpected, with_sources(&error));
                return Self::new(Side::Ours, family, Here::OpenFiles, said)
                    .mended_by(Mend::MoreFiles);
            }
            ConnectError::Lookup { .. } => (Side::Network, Family::NotReachable, Here::NameLookup),
            ConnectError::Tcp { .. } => (Side::Network, Family::NotReachable, Here::NoConnection),
            ConnectError::NoProxy { .. } => (Side::Network, Family::NotReachable, Here::NoProxy),
            ConnectError::ProxyRefused { .. } => {
                (Side::Network, Family::NotReachable, Here::ProxyRefused)
            }
            ConnectError::ProxyGarbled { .. } => {
                (Side::Network, Family::NotReachable, Here::ProxyGarbled)
            }
            ConnectError::Intercepted { .. } => {
                let (failed, reason) = (Family::VerificationFailed, Here::TlsIntercepted);
                let found = Self::new(Side::Network, failed, reason, &error);
                return found.mended_by(mend_of_the_way(&error));
            }
            ConnectError::Handshake { source: Broken::NoPlace, .. } => {
                (Side::Network, Family::NotReachable, Here::NoPlace)
            }
            ConnectError::Server { source, .. } => return of_server(&error, source),
            ConnectError::Tls { .. } | ConnectError::Handshake { source: Broken::Closed, .. } => {
                (Side::Network, Family::NotReachable, Here::Tls)
            }
            ConnectError::Handshake { .. } => {
                (Side::Network, Family::NotReachable, Here::TlsRefused)
            }
            ConnectError::NotHttp2 { .. } => (Side::Theirs, Family::NotReachable, Here::NotHttp2),
            ConnectError::TimedOut { leg, .. } => {
                let (family, reason) = (Family::NotReachable, Here::TimedOut);
                let mut found = Self::new(Side::Network, family, reason, &error);
                found.details.insert("leg".to_owned(), leg.name().to_owned());
                found.facts.leg = Some(*leg);
                return found.mended_by(mend_of_the_way(&error));
            }
        };
        let found = Self::new(side, family, reason, with_sources(&error));
        found.mended_by(mend_of_the_way(&error))
    }
}

/// Whom to ask about the leg that failed.
fn mend_of_the_way(error: &ConnectError) -> Mend {
    match error {
        ConnectError::BadAddress(_) => Mend::CorrectAddresses,
        ConnectError::Lookup { .. }
        | ConnectError::Tcp { .. }
        | ConnectError::TimedOut { leg: Leg::Tcp, .. } => Mend::AskWhetherItMoved,
        ConnectError::NoProxy { proxy, .. } => Mend::OtherProxy(proxy.clone()),
        ConnectError::ProxyRefused { proxy, status: 407 } => Mend::ProxyPassword(proxy.clone()),
        ConnectError::ProxyRefused { proxy, .. }
        | ConnectError::ProxyGarbled { proxy, .. }
        | ConnectError::TimedOut { leg: Leg::Proxy, address: proxy, .. } => {
            Mend::AskProxy(proxy.clone())
        }
        ConnectError::Handshake { source: Broken::NoPlace, .. } => Mend::AgainLater,
        ConnectError::Intercepted { address, .. } => Mend::LetThroughUnopened(address.clone()),
        ConnectError::Server { address, .. }
        | ConnectError::Handshake { address, .. }
        | ConnectError::Tls { address, .. }
        | ConnectError::NotHttp2 { address }
        | ConnectError::TimedOut { leg: Leg::Tls, address, .. } => {
            Mend::OtherNetwork(address.clone())
        }
    }
}

fn of_server(error: &ConnectError, fault: &ServerFault) -> ClientError {
    let (side, reason) = match fault {
        ServerFault::UnknownIssuer { .. } => (Side::Network, Here::ServerUnknownIssuer),
        ServerFault::WrongDirectory { .. } => (Side::Theirs, Here::ServerOtherDirectory),
        ServerFault::NoServiceName { .. } => (Side::Theirs, Here::ServerWithoutName),
        ServerFault::Expired => (Side::Theirs, Here::ServerExpired),
        ServerFault::NotYetValid => (Side::Ours, Here::ServerNotYetValid),
        ServerFault::NotAServer => (Side::Theirs, Here::ServerNotAServer),
        ServerFault::BadSignature => (Side::Theirs, Here::ServerBadSignature),
        ServerFault::Unusable(_) => (Side::Theirs, Here::ServerUnusable),
    };
    let found = ClientError::new(side, Family::VerificationFailed, reason, with_sources(error));
    match fault {
        ServerFault::UnknownIssuer { .. } => found.mended_by(Mend::AskWhoOpensTls),
        ServerFault::Expired | ServerFault::NotYetValid => found.mended_by(Mend::LookAtClock),
        _ => found.mended_by(Mend::TellOperator),
    }
}

/// The sentence, and what lies behind it.
fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    let mut sentence = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        sentence.push_str(": ");
        match source.downcast_ref::<Arc<io::Error>>() {
            Some(source) => sentence.push_str(&in_words(source)),
            None => sentence.push_str(&source.to_string()),
        }
        next = source.source();
    }
    sentence
}

/// What the system said of a connection; its own words and number for the rest.
fn in_words(error: &io::Error) -> String {
    let said = match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => {
            "it was ended as soon as it began, by something on the way or by what answered there"
        }
        io::ErrorKind::ConnectionRefused => {
            "it was refused: nothing listens there, or something on the way forbids it"
        }
        io::ErrorKind::TimedOut => "nothing answered in time",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "no way leads there from this machine"
        }
        _ => return error.to_string(),
    };
    said.to_owned()
}

impl From<FileError> for ClientError {
    fn from(error: FileError) -> Self {
        Self::from(&error)
    }
}

impl From<&FileError> for ClientError {
    fn from(error: &FileError) -> Self {
        let new = Self::new;
        match error {
            FileError::ReadableByOthers { path, .. } => {
                new(Side::Ours, Family::IdentityOrKey, Here::KeyReadableByOthers, error)
                    .mended_by(Mend::MakePrivate(path.clone()))
            }
            FileError::TooLarge { .. } => new(Side::Ours, Family::Usage, Here::FileTooLarge, error),
            FileError::Damaged(_) => new(Side::Ours, Family::Unexpected, Here::Damaged, error),
            FileError::Held { .. } => new(Side::Ours, Family::Refused, Here::HomeBusy, error)
                .mended_by(Mend::AgainWhenFree),
            FileError::Io { .. } if error.is_absent() => {
                new(Side::Ours, Family::NotFound, Here::NoSuchFile, error)
            }
            FileError::Io { path, source, .. } => of_disk(error, path, source),
        }
    }
}

/// The system let nothing be done to a file.
fn of_disk(error: &FileError, path: &Path, why: &io::Error) -> ClientError {
    let home = format::home_of(path);
    let folder = home.or(path.parent()).unwrap_or(path).to_owned();
    let new = |reason, sentence: String| {
        let mut found = ClientError::new(Side::Ours, Family::Unexpected, reason, sentence);
        found.details.insert("folder".to_owned(), folder.display().to_string());
        found
    };
    match why.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            new(Here::DiskFull, format!("the disk is full: {error}"))
                .mended_by(Mend::MakeRoom(folder.clone()))
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            new(Here::ReadOnly, format!("the disk cannot be written: {error}"))
                .mended_by(Mend::MakeWritable(folder.clone()))
        }
        io::ErrorKind::PermissionDenied => match files::keeps_out(path) {
            None => new(Here::NotYours, error.to_string()),
            Some(KeptOut { at, owner, user, mode }) => {
                let at = at.display();
                let (sentence, mend) = if owner == user {
                    let said =
                        format!("{error}: {at} lets its own user not do that (mode {mode:04o})");
                    (said, Mend::LetOwnerWrite(folder.clone()))
                } else {
                    let said = format!("{error}: {at} belongs to {owner}, and this is {user}");
                    (said, Mend::TakeOver { user, folder: folder.clone() })
                };
                let found = new(Here::NotYours, sentence);
                // Elsewhere it may be right as it is.
                let mut found = if home.is_some() { found.mended_by(mend) } else { found };
                found.details.insert("owner".to_owned(), owner);
                found
            }
        },
        _ if is_too_many(why) => new(Here::OpenFiles, error.to_string()).mended_by(Mend::MoreFiles),
        _ => new(Here::File, error.to_string()),
    }
}

/// Whether the system gives this process, or all, no more open files. A connection is one.
fn is_too_many(why: &io::Error) -> bool {
    cfg!(unix) && matches!(why.raw_os_error(), Some(23 | 24))
}

impl From<KeyError> for ClientError {
    fn from(error: KeyError) -> Self {
        let reason = match &error {
            KeyError::Format(format) => return format.into(),
            KeyError::File(file) => {
                return Self { family: Family::IdentityOrKey, ..Self::from(file) };
            }
            KeyError::Missing { .. } => Here::KeyMissing,
            KeyError::Exists { .. } => Here::KeyExists,
            KeyError::NotPem { path, why } => return not_pem(&error, path, why),
            KeyError::NotSigning { .. } => Here::KeyNotPkcs8,
            KeyError::NotOpening { .. } => Here::KeyNotAnIdentity,
            KeyError::Certificate { .. } => Here::CertificateOfAnotherKey,
            KeyError::Issue(_) => Here::CertificateNotMade,
            KeyError::DoesNotWork { .. } => Here::KeyDoesNotWork,
            KeyError::NoSuchPurpose { .. } => Here::KeyOfAnotherPurpose,
            KeyError::NotSigned(why) => return why.clone().into(),
            KeyError::NotClosed { .. } => Here::KeyNotOpenedHere,
            KeyError::NotSigningInside { .. } => Here::KeyNotPkcs8,
            KeyError::OtherPublic { .. } => Here::KeyAltered,
            KeyError::Hidden { .. } => Here::KeyHidden,
            KeyError::WrongPassphrase { .. } => Here::PassphraseWrong,
            KeyError::NoNewPassphrase { .. } => Here::PassphraseNotChosen,
            KeyError::NotAsked { why: NotAsked::NoTerminal, .. } => Here::NoTerminal,
            KeyError::NotAsked { why: NotAsked::NotAnswered(_), .. } => Here::NotAnswered,
            KeyError::NotPointer { .. } => Here::KeyNotAPointer,
            KeyError::Twice { .. } => Here::KeyTwice,
            KeyError::Token(why) => why.reason(),
            KeyError::InToken { .. } => Here::KeyInToken,
            KeyError::NextInFile { .. } => Here::KeyKeptLessWell,
            KeyError::OfSeat(_) => Here::KeyOfSeat,
        };
        let found = Self::new(Side::Ours, Family::IdentityOrKey, reason, &error);
        match &error {
            KeyError::Missing { .. } => found.mended_by(Mend::ListKeys),
            KeyError::Exists { .. } => found.mended_by(Mend::OtherNameForKeys),
            KeyError::Certificate { path } => found.mended_by(Mend::Remove(path.clone())),
            KeyError::NotAsked { why: NotAsked::NoTerminal, .. } => {
                found.mended_by(Mend::OnTerminal)
            }
            KeyError::Twice { pointer, .. } => {
                found.mended_by(Mend::EndProtecting(pointer.clone()))
            }
            KeyError::NextInFile { contact } => {
                found.mended_by(Mend::KeeperInFile(contact.clone()))
            }
            KeyError::Token(why) => match of_token(why) {
                Some(mend) => found.mended_by(mend),
                None => found,
            },
            _ => found,
        }
    }
}

impl From<CannotSign> for ClientError {
    fn from(error: CannotSign) -> Self {
        match error {
            CannotSign::NoRandomness => {
                Self::new(Side::Ours, Family::Unexpected, Here::NoRandomness, error)
            }
            CannotSign::Kept { reason, .. } => {
                Self::new(Side::Ours, Family::IdentityOrKey, Reason::read(reason), error)
            }
        }
    }
}

/// What to do about a token.
const fn of_token(why: &TokenError) -> Option<Mend> {
    match why {
        TokenError::Gone(_) => Some(Mend::PutTokenIn),
        TokenError::Several { .. } => Some(Mend::NameToken),
        TokenError::PinLocked(_) => Some(Mend::UnlockToken),
        TokenError::PinWrong { .. }
        | TokenError::Cannot { .. }
        | TokenError::Failed { .. }
        | TokenError::WrongSignature(_) => None,
    }
}

fn not_pem(error: &KeyError, path: &Path, why: &InvalidArmour) -> ClientError {
    let found = ClientError::new(Side::Ours, Family::IdentityOrKey, Here::KeyNotPkcs8, error);
    match why {
        InvalidArmour::Other { found: other, .. } if other.contains("PRIVATE KEY") => {
            found.mended_by(Mend::ToPkcs8(path.to_owned()))
        }
        _ => found,
    }
}

impl From<HomeError> for ClientError {
    fn from(error: HomeError) -> Self {
        let new = |family, reason| Self::new(Side::Ours, family, reason, &error);
        match error {
            HomeError::Format(format) => (&format).into(),
            HomeError::File(file) => file.into(),
            HomeError::Invitation(invitation) => invitation.into(),
            HomeError::NoPlace => new(Family::Usage, Here::NoHome),
            HomeError::Config { .. } => new(Family::Usage, Here::Config),
            HomeError::NoFolder(_) => {
                new(Family::Usage, Here::NoHome).mended_by(Mend::NameHomeOrJoin)
            }
            HomeError::NoDirectory(_) => {
                new(Family::NotFound, Here::NotJoined).mended_by(Mend::NameHomeOrJoin)
            }
            HomeError::NotJoined(_) => new(Family::NotFound, Here::NotJoined).mended_by(Mend::Join),
            HomeError::SeveralDirectories(_) => {
                new(Family::Usage, Here::SeveralDirectories).mended_by(Mend::NameDirectory)
            }
            HomeError::OtherGenesis(_) => {
                Self::new(Side::Ours, Family::VerificationFailed, Rule::OtherGenesis, &error)
            }
        }
    }
}

impl From<InvalidArmour> for ClientError {
    fn from(error: InvalidArmour) -> Self {
        let (family, reason, mend) = match &error {
            InvalidArmour::Old(kind) => {
                (Family::Usage, Here::OldFormat.into(), Some(Mend::Make(*kind)))
            }
            InvalidArmour::Newer { .. } => {
                (Family::UpdateMe, Here::UpdateMe.into(), Some(Mend::Update))
            }
            InvalidArmour::NotShown { kind, .. } => {
                (Family::IdentityOrKey, Reason::from(Rule::NoPossession), Some(Mend::Make(*kind)))
            }
            InvalidArmour::TooLarge { .. }
            | InvalidArmour::Other { .. }
            | InvalidArmour::End(_)
            | InvalidArmour::Line(_)
            | InvalidArmour::Name { .. }
            | InvalidArmour::Content(_) => (Family::Usage, Here::NotSuchAFile.into(), None),
        };
        let found = Self::new(Side::Ours, family, reason, error);
        mend.into_iter().fold(found, Self::mended_by)
    }
}

impl From<&WrongFormat> for ClientError {
    fn from(error: &WrongFormat) -> Self {
        let new = |family, reason| Self::new(Side::Ours, family, reason, error);
        match error {
            WrongFormat::File(file) => file.into(),
            WrongFormat::Old { .. } => new(Family::Usage, Here::OldFormat).mended_by(Mend::NewHome),
            WrongFormat::Newer { .. } => {
                new(Family::UpdateMe, Here::UpdateMe).mended_by(Mend::Update)
            }
            WrongFormat::NoNumber { .. } => new(Family::Usage, Here::NoFormat),
        }
    }
}

impl From<InvalidInvitation> for ClientError {
    fn from(error: InvalidInvitation) -> Self {
        match error {
            InvalidInvitation::Armour(armour) => armour.into(),
            other => {
                let reason = match &other {
                    InvalidInvitation::Charter(_) => Here::InvitationCharter,
                    InvalidInvitation::Checkpoint(_) => Here::InvitationCheckpoint,
                    InvalidInvitation::Admission(_) => Here::AdmissionRefused,
                    InvalidInvitation::Proof(_) => Here::AdmissionNotProven,
                    InvalidInvitation::Armour(_)
                    | InvalidInvitation::Name(_)
                    | InvalidInvitation::Incomplete(_) => Here::NotSuchAFile,
                };
                let found = Self::new(Side::Theirs, Family::VerificationFailed, reason, other);
                found.mended_by(Mend::AskForNewFile)
            }
        }
    }
}

impl From<ReplicaError> for ClientError {
    fn from(error: ReplicaError) -> Self {
        let side = |origin: &Origin| match origin {
            Origin::Disk => Side::Ours,
            Origin::Service => Side::Theirs,
        };
        let failed = |side, reason| Self::new(side, Family::VerificationFailed, reason, &error);
        let found = match &error {
            ReplicaError::Home(_) | ReplicaError::File(_) => None,
            ReplicaError::Fold { origin, .. } => {
                Some(failed(side(origin), Here::EntryNotAdmissible))
            }
            ReplicaError::Checkpoint { origin, .. } => {
                Some(failed(side(origin), Here::CheckpointNotVerified))
            }
            ReplicaError::Name(_) => Some(failed(Side::Ours, Here::CheckpointNotVerified)),
            ReplicaError::OtherRoot { origin, .. } => Some(failed(side(origin), Here::OtherRoot)),
            ReplicaError::Rollback { .. } => Some(failed(Side::Theirs, Here::Rollback)),
            ReplicaError::SplitView { .. } => Some(failed(Side::Theirs, Here::SplitView)),
            ReplicaError::LacksCharter(_) => Some(failed(Side::Theirs, Here::LacksCharter)),
            ReplicaError::Incomplete { .. } => Some(
                Self::new(Side::Ours, Family::Stale, Here::Incomplete, &error)
                    .mended_by(Mend::Sync),
            ),
            ReplicaError::Altered(_) => Some(
                Self::new(Side::Ours, Family::VerificationFailed, Here::CopyAltered, &error)
                    .mended_by(Mend::Sync),
            ),
            ReplicaError::NeverSynced(_) => Some(
                Self::new(Side::Ours, Family::Stale, Here::NeverSynced, &error)
                    .mended_by(Mend::Sync),
            ),
            ReplicaError::BehindInvitation(_) => Some(
                Self::new(Side::Ours, Family::Stale, Here::BehindInvitation, &error)
                    .mended_by(Mend::Sync),
            ),
            ReplicaError::NotCheckable(_) => Some(
                Self::new(Side::Ours, Family::UpdateMe, Here::NotCheckable, &error)
                    .mended_by(Mend::Update),
            ),
        };
        match (found, error) {
            (Some(found), error) => found.with_evidence(error),
            (None, ReplicaError::Home(home)) => home.into(),
            (None, ReplicaError::File(file)) => file.into(),
            (None, other) => Self::new(Side::Ours, Family::Unexpected, Here::Replica, other),
        }
    }
}

impl ClientError {
    fn with_evidence(mut self, error: ReplicaError) -> Self {
        let evidence = match error {
            ReplicaError::OtherRoot { evidence, .. }
            | ReplicaError::Rollback { evidence, .. }
            | ReplicaError::SplitView { evidence, .. } => evidence,
            _ => None,
        };
        if let Some(path) = evidence {
            self.details.insert("evidence".to_owned(), path.display().to_string());
        }
        self
    }
}

impl From<DraftError> for ClientError {
    fn from(error: DraftError) -> Self {
        match error {
            DraftError::Refused(refusal) => refusal.into(),
            DraftError::Armour(armour) => armour.into(),
            DraftError::Empty => Self::new(Side::Ours, Family::Usage, Here::NotSuchAFile, error),
            DraftError::NotSigned(why) => why.into(),
        }
    }
}

impl From<InvalidTrust> for ClientError {
    fn from(error: InvalidTrust) -> Self {
        Self::new(Side::Theirs, Family::VerificationFailed, Here::ServiceCaUnusable, error)
    }
}

impl From<InvalidProxy> for ClientError {
    fn from(error: InvalidProxy) -> Self {
        Self::new(Side::Ours, Family::Usage, Here::BadProxy, error)
    }
}

impl From<ComposeError> for ClientError {
    fn from(error: ComposeError) -> Self {
        let reason = match error {
            ComposeError::Refused(refusal) => return refusal.into(),
            ComposeError::Content(content) => return content.into(),
            ComposeError::TooLarge { .. } => Reason::from(Rule::TooLarge),
            ComposeError::Recipients { .. } => Here::Recipients.into(),
            ComposeError::Letters { .. } => Here::Letters.into(),
            ComposeError::Randomness => {
                return Self::new(Side::Ours, Family::Unexpected, Here::NoRandomness, error);
            }
        };
        Self::new(Side::Ours, Family::Usage, reason, error)
    }
}

impl From<InvalidContent> for ClientError {
    fn from(error: InvalidContent) -> Self {
        Self::new(Side::Ours, Family::Usage, Here::Content, error)
    }
}

impl From<NotOpened> for ClientError {
    fn from(error: NotOpened) -> Self {
        let (family, side) = match &error {
            NotOpened::SyncFirst(_) => (Family::Stale, Side::Ours),
            NotOpened::BeforeUpdate(_) => (Family::UpdateMe, Side::Ours),
            NotOpened::NoLetter { .. } | NotOpened::KeyNotHeld { .. } => {
                (Family::IdentityOrKey, Side::Ours)
            }
            _ => (Family::VerificationFailed, Side::Theirs),
        };
        let found = Self::new(side, family, error.reason(), &error);
        if family == Family::Stale { found.mended_by(Mend::Sync) } else { found }
    }
}

impl From<ReceiptError> for ClientError {
    fn from(error: ReceiptError) -> Self {
        let (failed, reason) = (Family::VerificationFailed, error.reason());
        match &error {
            ReceiptError::SyncFirst(_) => {
                Self::new(Side::Ours, Family::Stale, reason, error).mended_by(Mend::Sync)
            }
            ReceiptError::BeforeUpdate(_) => {
                Self::new(Side::Ours, Family::UpdateMe, reason, error).mended_by(Mend::Update)
            }
            ReceiptError::ForeignView { .. } => Self::new(Side::Theirs, failed, reason, error),
            _ => {
                let mut found = Self::new(Side::Theirs, failed, Here::ReceiptNotVerified, error);
                found.details.insert("why".to_owned(), reason.to_string());
                found
            }
        }
    }
}

impl From<OutboxError> for ClientError {
    fn from(error: OutboxError) -> Self {
        let (family, reason) = match &error {
            OutboxError::File(file) => return file.into(),
            OutboxError::Unknown(_) => (Family::NotFound, Reason::from(Rule::UnknownMessage)),
            OutboxError::IdUsed(_) => (Family::Unexpected, Here::Outbox.into()),
        };
        Self::new(Side::Ours, family, reason, error)
    }
}

/// What the service refuses for now, and not for good.
const PASSING: [Rule; 5] =
    [Rule::Busy, Rule::ClockInDoubt, Rule::Internal, Rule::StorageFull, Rule::StorageReadOnly];
/// For which a server is not believed: another may answer tomorrow.
const OF_A_SERVER: [Here; 8] = [
    Here::ServerUnknownIssuer,
    Here::ServerOtherDirectory,
    Here::ServerWithoutName,
    Here::ServerExpired,
    Here::ServerNotYetValid,
    Here::ServerNotAServer,
    Here::ServerBadSignature,
    Here::ServerUnusable,
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;
    use crate::domain::refusal::Fault;
    use crate::domain::refusal::tests::samples;
    use crate::tests::reads_well;

    /// Whatever broke the connection, or answered in the service's place.
    #[test]
    fn a_status_without_a_reason_of_ours_is_the_networks_whatever_its_code() {
        let codes = (1..=16).map(Code::from_i32);
        for code in codes {
            let error = ClientError::from(Status::new(code, "h2 protocol error"));
            assert_eq!(
                (error.side, error.family),
                (Side::Network, Family::NotReachable),
                "{code:?}"
            );
            assert!(error.passes(), "{code:?}");
            assert!(!error.sentence.contains("the service failed"), "{error}");
        }
        // Somebody else's reason is none of ours.
        let mut details = ErrorDetails::new();
        details.set_error_info("NOT_PERMITTED", "proxy.example", []);
        let theirs = Status::with_error_details(Code::Unknown, "no", details);
        assert_eq!(ClientError::from(theirs).side, Side::Network);
    }

    #[test]
    fn what_the_service_refuses_passes_only_if_it_says_so() {
        let contact = "at/cert-at".parse().unwrap();
        for (status, passes) in [
            (status::busy("later", Duration::from_secs(1)), true),
            (status::of(&Refusal::ClockInDoubt), true),
            (status::of(&Refusal::Internal(Fault::PastTheDoor)), true),
            (status::of(&Refusal::UnknownContact(contact)), false),
            (status::of(&Refusal::OtherGenesis), false),
            (status::of(&Refusal::IssuedInFuture { issued: 301, at: 0 }), false),
            (status::of(&Refusal::QuotaExceeded { kept: 1, limit: 1 }), false),
        ] {
            assert_eq!(ClientError::from(status.clone()).passes(), passes, "{status:?}");
        }
        // A reason that is newer than this program, with the time after which to ask again.
        let mut later = ErrorDetails::with_retry_info(Some(Duration::from_secs(7)));
        later.set_error_info("TOO_FAST", status::DOMAIN, []);
        let later = Status::with_error_details(Code::ResourceExhausted, "slower", later);
        let error = ClientError::from(later);
        assert_eq!((error.passes(), &error.details[RETRY_IN][..]), (true, "7"));
    }

    #[test]
    fn a_server_that_is_not_believed_may_be_another_tomorrow() {
        let address = crate::client::address::Address::parse("relay.un.example").unwrap();
        for source in [ServerFault::Expired, ServerFault::NotYetValid, ServerFault::BadSignature] {
            let error = ConnectError::Server { address: address.clone(), source };
            assert!(ClientError::from(error).passes());
        }
        let bad = crate::client::address::Address::parse("").unwrap_err();
        let (proxy, issuer) = (address.clone(), "CN=A gateway".to_owned());
        assert!(ClientError::from(ConnectError::Intercepted { proxy, address, issuer }).passes());
        assert!(!ClientError::from(ConnectError::BadAddress(bad)).passes());
    }

    #[test]
    fn whoever_passes_a_refusal_on_says_its_subject_once() {
        let whats =
            ["header", "sent header", "accepted receipt", "mailbox head", "acknowledgement"];
        for why in samples() {
            let opening = [NotOpened::Header, NotOpened::Body, NotOpened::Letter, NotOpened::Inner];
            let opening = opening.map(|layer| ClientError::from(layer(why.clone())));
            let refused = |what| ReceiptError::Refused { what, why: why.clone() };
            let receipts = whats.map(|what| ClientError::from(refused(what)));
            let own = [ClientError::from(&why), DraftError::Refused(why.clone()).into()];
            for error in opening.into_iter().chain(receipts).chain(own) {
                reads_well(&error.sentence);
            }
        }
    }

    #[test]
    fn of_a_connection_that_breaks_the_screen_has_words_and_what_to_do() {
        let address = crate::client::address::Address::parse("relay.un.example").unwrap();
        let source = |kind: io::ErrorKind| Arc::new(io::Error::from(kind));
        for kind in [
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::ConnectionAborted,
            io::ErrorKind::BrokenPipe,
            io::ErrorKind::UnexpectedEof,
            io::ErrorKind::TimedOut,
            io::ErrorKind::NetworkUnreachable,
        ] {
            let (address, proxy) = (address.clone(), address.clone());
            let garbled = Some(source(kind));
            let tcp = ConnectError::Tcp { address: address.clone(), source: source(kind) };
            for error in [
                ConnectError::NoProxy { proxy: proxy.clone(), source: Box::new(tcp.clone()) },
                tcp,
                ConnectError::Tls { address, source: source(kind) },
                ConnectError::ProxyGarbled { proxy, source: garbled },
            ] {
                let error = ClientError::from(error);
                let raw = io::Error::from(kind).to_string();
                assert!(!error.sentence.contains(&raw), "{error}");
                assert!(error.mend.is_some(), "{error}");
            }
        }
        for code in (1..=16).map(Code::from_i32) {
            assert!(ClientError::from(Status::new(code, "broken")).mend.is_some(), "{code:?}");
        }
    }

    #[test]
    fn an_enrolee_is_told_what_may_be_wrong() {
        let error = ClientError::from(Refusal::NotEntitled);
        assert_eq!((error.side, error.family), (Side::Ours, Family::NeedsApproval));
        assert_eq!(error.mend.as_deref(), Some(&Mend::SignOrAskRegistrars));
    }
}
