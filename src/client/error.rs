//! Everything that can go wrong on the client's side, in one form for people and for scripts.
//!
//! In scope: whose fault it is, a stable reason, a sentence, the command that mends it, the exit
//! code. Out of scope: how it is printed (`cli`). Invariant: every error of this module's
//! neighbours becomes a [`ClientError`] here and nowhere else.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tonic::{Code, Status};

use crate::crypto::sign::CannotSign;
use crate::domain::ids::ContactId;
use crate::domain::refusal::Refusal;
use crate::tls::client::{Broken, InvalidTrust, ServerFault};
use crate::wire::{status, v1};

use super::armour::InvalidArmour;
use super::connect::{ConnectError, InvalidProxy, Leg};
use super::draft::DraftError;
use super::format::{self, WrongFormat};
use super::home::HomeError;
use super::invitation::InvalidInvitation;
use super::keys::KeyError;
use super::message::compose::ComposeError;
use super::message::content::InvalidContent;
use super::message::open::NotOpened;
use super::message::receipt::ReceiptError;
use super::outbox::OutboxError;
use super::place::{self, FileError, KeptOut};
use super::replica::{Frozen, Origin, ReplicaError};
use super::token::TokenError;
use super::unlock::NotAsked;

/// On whose side the fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This machine, or what was asked of it.
    Ours,
    /// The service.
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

/// The exit codes of `liaison`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is its own word")]
pub enum Exit {
    Unexpected = 1,
    Usage = 2,
    NotReachable = 3,
    Refused = 4,
    IdentityOrKey = 5,
    VerificationFailed = 6,
    Stale = 7,
    NotFound = 8,
    Partial = 9,
    NeedsApproval = 10,
    UpdateMe = 11,
}

/// What went wrong, for people and for scripts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct ClientError {
    /// On whose side.
    pub side: Side,
    /// Stable, upper snake case.
    pub reason: String,
    /// What was expected, what was found.
    pub sentence: String,
    /// The command that mends it, if one does.
    pub mend: Option<String>,
    /// What a script may want to read besides.
    pub details: BTreeMap<String, String>,
    /// How the process ends.
    pub exit: Exit,
    /// Whether the command has printed its object already, and this is only how it ends.
    pub printed: bool,
}

impl ClientError {
    /// An error with this reason and sentence.
    #[must_use]
    pub fn new(side: Side, exit: Exit, reason: &str, sentence: impl fmt::Display) -> Self {
        let (reason, sentence) = (reason.to_owned(), sentence.to_string());
        let details = BTreeMap::new();
        Self { side, reason, sentence, mend: None, details, exit, printed: false }
    }

    /// The same, with the command that mends it.
    #[must_use]
    pub fn mended_by(self, command: impl Into<String>) -> Self {
        Self { mend: Some(command.into()), ..self }
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
        let reason = if is_too_many(why) { OPEN_FILES } else { "CANNOT_BEGIN" };
        let found = Self::new(Side::Ours, Exit::Unexpected, reason, sentence);
        if is_too_many(why) { found.mended_by(MORE_FILES) } else { found }
    }

    /// The directory has newer rules than this program.
    #[must_use]
    pub fn update_me(frozen: &Frozen) -> Self {
        let sentence = format!("the directory stands still here: {frozen}");
        let mut found = Self::new(Side::Ours, Exit::UpdateMe, "UPDATE_ME", sentence);
        found.details.insert("rules".to_owned(), frozen.rules.to_string());
        found.details.insert("leaf".to_owned(), frozen.leaf.to_string());
        found.mended_by(UPDATE)
    }

    /// What the service answered about one statement.
    #[must_use]
    pub fn refused(refused: v1::RefusedStatement) -> Self {
        let (exit, side) = judged(&refused.reason);
        let details = refused.details.into_iter().collect();
        Self { details, ..Self::new(side, exit, &refused.reason, refused.sentence) }
            .with_usual_mend()
    }

    /// Whether the same may succeed later, and nobody here has to do anything for it: the network is
    /// at fault, or whoever answers in the service's place, or the service says that it will pass.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.side == Side::Network
            || self.exit == Exit::NotReachable
            || self.reason.starts_with(SERVER)
            || PASSING.contains(&&*self.reason)
            || self.details.contains_key(RETRY_IN)
    }

    /// Whether nothing can be written in this home now. What stands there can be read all the same.
    #[must_use]
    pub fn is_of_writing(&self) -> bool {
        [DISK_FULL, READ_ONLY, NOT_YOURS, HOME_BUSY].contains(&&*self.reason)
    }

    /// After which time the service may be asked again, if it says.
    #[must_use]
    pub fn retry_in(&self) -> Option<Duration> {
        self.details.get(RETRY_IN)?.parse().ok().map(Duration::from_secs)
    }

    /// The contacts that the service names: those that take no more.
    pub fn contacts(&self) -> impl Iterator<Item = ContactId> {
        let named = self.details.get("contacts").map_or("", String::as_str);
        named.split(", ").filter_map(|contact| contact.parse().ok())
    }

    fn with_usual_mend(self) -> Self {
        let mend = match self.reason.as_str() {
            "STALE_DIRECTORY" | "VIEW_AHEAD" | "WRONG_VERSION" => "liaison sync",
            "BELOW_THRESHOLD" => "liaison sign FILE",
            "NOT_ENTITLED" => {
                "liaison sign FILE with a key that decides for it; if that is done, ask the \
                 registrars whether it is admitted"
            }
            "NOT_PERMITTED" | "CERTIFICATE" | "KEY_NOT_IN_FORCE" => "liaison doctor",
            "UNKNOWN_KEY" => "liaison key list",
            "STORE_DAMAGED" => "tell the operator of the service",
            _ => return self,
        };
        if self.mend.is_some() { self } else { self.mended_by(mend) }
    }
}

impl From<&Refusal> for ClientError {
    fn from(refusal: &Refusal) -> Self {
        let (exit, side) = judged(refusal.code());
        let details = status::details(refusal).into_iter().collect();
        Self { details, ..Self::new(side, exit, refusal.code(), refusal) }.with_usual_mend()
    }
}

impl From<Refusal> for ClientError {
    fn from(refusal: Refusal) -> Self {
        Self::from(&refusal)
    }
}

/// Refusals are the fault of who asked, or of who cannot have a message; keys and things that are not there
/// have their own codes.
fn judged(reason: &str) -> (Exit, Side) {
    let exit = match reason {
        "CERTIFICATE" | "NOT_PERMITTED" | "KEY_NOT_IN_FORCE" => Exit::IdentityOrKey,
        "UNKNOWN_MEMBER" | "UNKNOWN_CONTACT" | "UNKNOWN_MESSAGE" | "MESSAGE_EXPIRED" => {
            Exit::NotFound
        }
        "STALE_DIRECTORY" => Exit::Stale,
        "BELOW_THRESHOLD" | "NOT_ENTITLED" => Exit::NeedsApproval,
        "INTERNAL" => Exit::Unexpected,
        _ => Exit::Refused,
    };
    let side = match reason {
        "MAILBOX_SHARE" | "RECIPIENT_WITHOUT_SEATS" | "RECIPIENT_LISTED" => Side::Recipient,
        "BUSY" | "INTERNAL" | "STORAGE_FULL" | "STORAGE_READ_ONLY" | "BODY_DAMAGED"
        | "STORE_DAMAGED" | "CLOCK_IN_DOUBT" => Side::Theirs,
        _ => Side::Ours,
    };
    (exit, side)
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        if let Some(leg) = ConnectError::find(&status) {
            return leg.clone().into();
        }
        if let Some(reason) = status::reason(&status) {
            let (exit, side) = judged(&reason);
            let details = DETAILS
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), status::detail(&status, name)?)));
            let retry_in = status::retry_in(&status);
            let retry_in = retry_in.map(|wait| (RETRY_IN.to_owned(), wait.as_secs().to_string()));
            let details = details.chain(retry_in).collect();
            let error = Self::new(side, exit, &reason, status.message());
            return Self { details, ..error }.with_usual_mend();
        }
        of_other_status(&status)
    }
}

/// A status without a reason of ours, whatever its code: the network's. A proxy made it, or the
/// library when the connection broke, or when nobody answered in time.
fn of_other_status(status: &Status) -> ClientError {
    let message = status.message();
    let (reason, sentence) = match status.code() {
        Code::DeadlineExceeded => ("DEADLINE", "the service did not answer in time".to_owned()),
        Code::Unimplemented => (
            "UNIMPLEMENTED",
            format!(
                "what answered does not know this call: something on the way, or a service that is \
                 older than this program: {message}"
            ),
        ),
        Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled => {
            ("UNAVAILABLE", format!("the connection was lost: {message}"))
        }
        _ => ("UNAVAILABLE", format!("something on the way answered for the service: {message}")),
    };
    ClientError::new(Side::Network, Exit::NotReachable, reason, sentence)
        .mended_by("give the command again; if it stays so, liaison doctor")
}

impl From<ConnectError> for ClientError {
    fn from(error: ConnectError) -> Self {
        let (side, exit, reason) = match &error {
            ConnectError::BadAddress(_) => (Side::Ours, Exit::Usage, "BAD_ADDRESS"),
            ConnectError::Tcp { source, .. } | ConnectError::Lookup { source, .. }
                if is_too_many(source) =>
            {
                let (exit, said) = (Exit::Unexpected, with_sources(&error));
                return Self::new(Side::Ours, exit, OPEN_FILES, said).mended_by(MORE_FILES);
            }
            ConnectError::Lookup { .. } => (Side::Network, Exit::NotReachable, "NAME_LOOKUP"),
            ConnectError::Tcp { .. } => (Side::Network, Exit::NotReachable, "NO_CONNECTION"),
            ConnectError::NoProxy { .. } => (Side::Network, Exit::NotReachable, "NO_PROXY"),
            ConnectError::ProxyRefused { .. } => {
                (Side::Network, Exit::NotReachable, "PROXY_REFUSED")
            }
            ConnectError::ProxyGarbled { .. } => {
                (Side::Network, Exit::NotReachable, "PROXY_GARBLED")
            }
            ConnectError::Intercepted { address, .. } => {
                let (failed, reason) = (Exit::VerificationFailed, "TLS_INTERCEPTED");
                let mend = format!("ask who runs the proxy to let {address} through unopened");
                return Self::new(Side::Network, failed, reason, &error).mended_by(mend);
            }
            ConnectError::Handshake { source: Broken::NoPlace, .. } => {
                (Side::Network, Exit::NotReachable, "NO_PLACE")
            }
            ConnectError::Server { source, .. } => return of_server(&error, source),
            ConnectError::Tls { .. } | ConnectError::Handshake { source: Broken::Closed, .. } => {
                (Side::Network, Exit::NotReachable, "TLS")
            }
            ConnectError::Handshake { .. } => (Side::Network, Exit::NotReachable, "TLS_REFUSED"),
            ConnectError::NotHttp2 { .. } => (Side::Theirs, Exit::NotReachable, "NOT_HTTP2"),
            ConnectError::TimedOut { leg, .. } => {
                let (exit, reason) = (Exit::NotReachable, "TIMED_OUT");
                let mut found = Self::new(Side::Network, exit, reason, &error);
                found.details.insert("leg".to_owned(), leg.name().to_owned());
                return found.mended_by(mend_of_the_way(&error));
            }
        };
        let found = Self::new(side, exit, reason, with_sources(&error));
        found.mended_by(mend_of_the_way(&error))
    }
}

/// Whom to ask about the leg that failed.
fn mend_of_the_way(error: &ConnectError) -> String {
    let network = |address| {
        format!(
            "try again in a while, and from another network: if it works there, ask who runs this \
             one to let TLS to {address} through unopened; if not, tell the operator of the service"
        )
    };
    match error {
        ConnectError::BadAddress(_) => {
            "correct it in config.toml, or join again with a newer invitation".to_owned()
        }
        // What nobody answers any more may stand elsewhere.
        ConnectError::Lookup { .. }
        | ConnectError::Tcp { .. }
        | ConnectError::TimedOut { leg: Leg::Tcp, .. } => {
            "see whether anything else can be reached from here; if so, ask the service's operator whether it has moved, and for a new invitation \
             (liaisond invitation); then liaison join INVITATION"
                .to_owned()
        }
        ConnectError::NoProxy { proxy, .. } => format!(
            "see whether HTTPS_PROXY names the proxy of this network, or unset it if there is none; \
             if it does, ask who runs {proxy}"
        ),
        ConnectError::ProxyRefused { proxy, status: 407 } => {
            format!("HTTPS_PROXY=http://USER:PASSWORD@{proxy}")
        }
        ConnectError::ProxyRefused { proxy, .. }
        | ConnectError::ProxyGarbled { proxy, .. }
        | ConnectError::TimedOut { leg: Leg::Proxy, address: proxy, .. } => format!(
            "see whether HTTPS_PROXY names the proxy of this network; if it does, ask who runs \
             {proxy} to let the service through"
        ),
        ConnectError::Handshake { source: Broken::NoPlace, .. } => {
            "give the command again in a while".to_owned()
        }
        ConnectError::Intercepted { address, .. }
        | ConnectError::Server { address, .. }
        | ConnectError::Handshake { address, .. }
        | ConnectError::Tls { address, .. }
        | ConnectError::NotHttp2 { address }
        | ConnectError::TimedOut { leg: Leg::Tls, address, .. } => network(address),
    }
}

fn of_server(error: &ConnectError, fault: &ServerFault) -> ClientError {
    let (side, reason) = match fault {
        ServerFault::UnknownIssuer { .. } => (Side::Network, "SERVER_UNKNOWN_ISSUER"),
        ServerFault::WrongDirectory { .. } => (Side::Theirs, "SERVER_OTHER_DIRECTORY"),
        ServerFault::NoServiceName { .. } => (Side::Theirs, "SERVER_WITHOUT_NAME"),
        ServerFault::Expired => (Side::Theirs, "SERVER_EXPIRED"),
        ServerFault::NotYetValid => (Side::Ours, "SERVER_NOT_YET_VALID"),
        ServerFault::NotAServer => (Side::Theirs, "SERVER_NOT_A_SERVER"),
        ServerFault::BadSignature => (Side::Theirs, "SERVER_BAD_SIGNATURE"),
        ServerFault::Unusable(_) => (Side::Theirs, "SERVER_UNUSABLE"),
    };
    let found = ClientError::new(side, Exit::VerificationFailed, reason, with_sources(error));
    match fault {
        ServerFault::UnknownIssuer { .. } => found.mended_by(
            "ask who runs the network whether a gateway opens TLS, and to let this address through \
             unopened; if none does, tell the operator of the service",
        ),
        ServerFault::Expired | ServerFault::NotYetValid => found.mended_by(
            "look at this machine's clock; if it is right, tell the operator of the service",
        ),
        _ => found.mended_by("tell the operator of the service"),
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
                let mend = place::command_to_make_private(path);
                new(Side::Ours, Exit::IdentityOrKey, "KEY_READABLE_BY_OTHERS", error)
                    .mended_by(mend)
            }
            FileError::TooLarge { .. } => new(Side::Ours, Exit::Usage, "FILE_TOO_LARGE", error),
            FileError::Damaged(_) => new(Side::Ours, Exit::Unexpected, "DAMAGED", error),
            FileError::Held { .. } => new(Side::Ours, Exit::Refused, HOME_BUSY, error)
                .mended_by("give the command again when that program has ended"),
            FileError::Io { .. } if error.is_absent() => {
                new(Side::Ours, Exit::NotFound, "NO_SUCH_FILE", error)
            }
            FileError::Io { path, source, .. } => of_disk(error, path, source),
        }
    }
}

/// The system let nothing be done to a file.
fn of_disk(error: &FileError, path: &Path, why: &io::Error) -> ClientError {
    let home = format::home_of(path);
    let folder = home.or(path.parent()).unwrap_or(path).display().to_string();
    let new = |reason, sentence: String| {
        let mut found = ClientError::new(Side::Ours, Exit::Unexpected, reason, sentence);
        found.details.insert("folder".to_owned(), folder.clone());
        found
    };
    match why.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            new(DISK_FULL, format!("the disk is full: {error}"))
                .mended_by(format!("make room on the disk of {folder}, and give the command again"))
        }
        io::ErrorKind::ReadOnlyFilesystem => new(
            READ_ONLY,
            format!("the disk cannot be written: {error}"),
        )
        .mended_by(format!(
            "make the disk of {folder} writable, or copy the folder to another one and name that \
                 with --home"
        )),
        io::ErrorKind::PermissionDenied => match place::keeps_out(path) {
            None => new(NOT_YOURS, error.to_string()),
            Some(KeptOut { at, owner, user, mode }) => {
                let (at, folder) = (at.display(), &folder);
                let (sentence, mend) = if owner == user {
                    let said =
                        format!("{error}: {at} lets its own user not do that (mode {mode:04o})");
                    (said, format!("chmod -R u+rwX {folder}"))
                } else {
                    let said = format!("{error}: {at} belongs to {owner}, and this is {user}");
                    (said, format!("sudo chown -R {user} {folder}"))
                };
                let found = new(NOT_YOURS, sentence);
                // Elsewhere it may be right as it is.
                let mut found = if home.is_some() { found.mended_by(mend) } else { found };
                found.details.insert("owner".to_owned(), owner);
                found
            }
        },
        _ if is_too_many(why) => new(OPEN_FILES, error.to_string()).mended_by(MORE_FILES),
        _ => new("FILE", error.to_string()),
    }
}

/// Whether the system gives this process, or all, no more open files. A connection is one.
fn is_too_many(why: &io::Error) -> bool {
    cfg!(unix) && matches!(why.raw_os_error(), Some(23 | 24))
}

const DISK_FULL: &str = "DISK_FULL";
const READ_ONLY: &str = "READ_ONLY";
const NOT_YOURS: &str = "NOT_YOURS";
const HOME_BUSY: &str = "HOME_BUSY";
const OPEN_FILES: &str = "OPEN_FILES";
const MORE_FILES: &str = "allow more open files (ulimit -n 256), and give the command again";

impl From<KeyError> for ClientError {
    fn from(error: KeyError) -> Self {
        let reason = match &error {
            KeyError::Format(format) => return format.into(),
            KeyError::File(file) => {
                return Self { exit: Exit::IdentityOrKey, ..Self::from(file) };
            }
            KeyError::Missing { .. } => "KEY_MISSING",
            KeyError::Exists { .. } => "KEY_EXISTS",
            KeyError::NotPem { path, why } => return not_pem(&error, path, why),
            KeyError::NotSigning { .. } => "KEY_NOT_PKCS8",
            KeyError::NotOpening { .. } => "KEY_NOT_AN_IDENTITY",
            KeyError::Certificate { .. } => "CERTIFICATE_OF_ANOTHER_KEY",
            KeyError::Issue(_) => "CERTIFICATE_NOT_MADE",
            KeyError::DoesNotWork { .. } => "KEY_DOES_NOT_WORK",
            KeyError::NoSuchPurpose { .. } => "KEY_OF_ANOTHER_PURPOSE",
            KeyError::NotSigned(why) => return why.clone().into(),
            KeyError::NotClosed { .. } => "KEY_NOT_OPENED_HERE",
            KeyError::NotSigningInside { .. } => "KEY_NOT_PKCS8",
            KeyError::OtherPublic { .. } => "KEY_ALTERED",
            KeyError::Hidden { .. } => "KEY_HIDDEN",
            KeyError::WrongPassphrase { .. } => "PASSPHRASE_WRONG",
            KeyError::NoNewPassphrase { .. } => "PASSPHRASE_NOT_CHOSEN",
            KeyError::NotAsked { why: NotAsked::NoTerminal, .. } => "NO_TERMINAL",
            KeyError::NotAsked { why: NotAsked::NotAnswered(_), .. } => "NOT_ANSWERED",
            KeyError::NotPointer { .. } => "KEY_NOT_A_POINTER",
            KeyError::Twice { .. } => "KEY_TWICE",
            KeyError::Token(why) => why.reason(),
            KeyError::InToken { .. } => "KEY_IN_TOKEN",
            KeyError::NextInFile { .. } => "KEY_KEPT_LESS_WELL",
            KeyError::OfSeat(_) => "KEY_OF_SEAT",
        };
        let found = Self::new(Side::Ours, Exit::IdentityOrKey, reason, &error);
        match &error {
            KeyError::Missing { .. } => found.mended_by("liaison key list"),
            KeyError::Exists { .. } => {
                found.mended_by("liaison key list shows them; others need another name, or --home")
            }
            KeyError::Certificate { path } => found.mended_by(format!("rm {}", path.display())),
            KeyError::NotAsked { why: NotAsked::NoTerminal, .. } => found.mended_by(
                "give the command on a terminal, where it asks: what opens a key is never taken \
                 from flags, the environment or a pipe",
            ),
            KeyError::Twice { pointer, .. } => found.mended_by(format!(
                "liaison key protect --token MODULE again, if that was cut off: it ends what it \
                 began; else look which of them is yours, and move the other away: {}",
                pointer.display()
            )),
            KeyError::NextInFile { contact } => found.mended_by(format!(
                "add --plain; then liaison key protect --keeper {contact} --token MODULE, once the \
                 directory lists it"
            )),
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
                Self::new(Side::Ours, Exit::Unexpected, "NO_RANDOMNESS", error)
            }
            CannotSign::Kept { reason, .. } => {
                Self::new(Side::Ours, Exit::IdentityOrKey, reason, error)
            }
        }
    }
}

/// What to do about a token.
fn of_token(why: &TokenError) -> Option<&'static str> {
    match why {
        TokenError::Gone(_) => Some("put the token in, and see liaison key list"),
        TokenError::Several { .. } => Some("name one with --token-label"),
        TokenError::PinLocked(_) => Some("unlock it with its own tool, and its PUK or SO PIN"),
        TokenError::PinWrong { .. }
        | TokenError::Cannot { .. }
        | TokenError::Failed { .. }
        | TokenError::WrongSignature(_) => None,
    }
}

fn not_pem(error: &KeyError, path: &Path, why: &InvalidArmour) -> ClientError {
    let found = ClientError::new(Side::Ours, Exit::IdentityOrKey, "KEY_NOT_PKCS8", error);
    match why {
        InvalidArmour::Other { found: other, .. } if other.contains("PRIVATE KEY") => {
            let path = path.display();
            found.mended_by(format!("openssl pkcs8 -topk8 -nocrypt -in {path} -out {path}.new"))
        }
        _ => found,
    }
}

impl From<HomeError> for ClientError {
    fn from(error: HomeError) -> Self {
        let new = |exit, reason| Self::new(Side::Ours, exit, reason, &error);
        match error {
            HomeError::Format(format) => (&format).into(),
            HomeError::File(file) => file.into(),
            HomeError::Invitation(invitation) => invitation.into(),
            HomeError::NoPlace => new(Exit::Usage, "NO_HOME"),
            HomeError::Config { .. } => new(Exit::Usage, "CONFIG"),
            HomeError::NoFolder(_) => new(Exit::Usage, "NO_HOME").mended_by(
                "name the home that is there with --home or LIAISON_HOME; if there is none, \
                 liaison join INVITATION makes it",
            ),
            HomeError::NoDirectory(_) => new(Exit::NotFound, "NOT_JOINED").mended_by(
                "name the home that has one with --home or LIAISON_HOME; if there is none, \
                 liaison join INVITATION",
            ),
            HomeError::NotJoined(_) => {
                new(Exit::NotFound, "NOT_JOINED").mended_by("liaison join INVITATION")
            }
            HomeError::SeveralDirectories(_) => {
                new(Exit::Usage, "SEVERAL_DIRECTORIES").mended_by("liaison --directory NAME ...")
            }
            HomeError::OtherGenesis(_) => new(Exit::VerificationFailed, "OTHER_GENESIS"),
        }
    }
}

impl From<InvalidArmour> for ClientError {
    fn from(error: InvalidArmour) -> Self {
        let (exit, reason, mend) = match &error {
            InvalidArmour::Old(kind) => (Exit::Usage, "OLD_FORMAT", Some(kind.made_by())),
            InvalidArmour::Newer { .. } => (Exit::UpdateMe, "UPDATE_ME", Some(UPDATE)),
            InvalidArmour::NotShown { kind, .. } => {
                (Exit::IdentityOrKey, "NO_POSSESSION", Some(kind.made_by()))
            }
            InvalidArmour::TooLarge { .. }
            | InvalidArmour::Other { .. }
            | InvalidArmour::End(_)
            | InvalidArmour::Line(_)
            | InvalidArmour::Name { .. }
            | InvalidArmour::Content(_) => (Exit::Usage, "NOT_SUCH_A_FILE", None),
        };
        let found = Self::new(Side::Ours, exit, reason, error);
        mend.into_iter().fold(found, Self::mended_by)
    }
}

impl From<&WrongFormat> for ClientError {
    fn from(error: &WrongFormat) -> Self {
        let new = |exit, reason| Self::new(Side::Ours, exit, reason, error);
        match error {
            WrongFormat::File(file) => file.into(),
            WrongFormat::Old { .. } => new(Exit::Usage, "OLD_FORMAT")
                .mended_by("liaison --home NEW_FOLDER key new ..., or join INVITATION"),
            WrongFormat::Newer { .. } => new(Exit::UpdateMe, "UPDATE_ME").mended_by(UPDATE),
            WrongFormat::NoNumber { .. } => new(Exit::Usage, "NO_FORMAT"),
        }
    }
}

/// What mends whatever comes from a later release.
pub const UPDATE: &str = "install a newer liaison, and give the command again";

impl From<InvalidInvitation> for ClientError {
    fn from(error: InvalidInvitation) -> Self {
        match error {
            InvalidInvitation::Armour(armour) => armour.into(),
            other => {
                let reason = match &other {
                    InvalidInvitation::Charter(_) => "INVITATION_CHARTER",
                    InvalidInvitation::Checkpoint(_) => "INVITATION_CHECKPOINT",
                    InvalidInvitation::Admission(_) => "ADMISSION_REFUSED",
                    InvalidInvitation::Proof(_) => "ADMISSION_NOT_PROVEN",
                    InvalidInvitation::Armour(_)
                    | InvalidInvitation::Name(_)
                    | InvalidInvitation::Incomplete(_) => "NOT_SUCH_A_FILE",
                };
                let found = Self::new(Side::Theirs, Exit::VerificationFailed, reason, other);
                found.mended_by("ask the registrars for a new file, and whether they made this one")
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
        let failed = |side, reason| Self::new(side, Exit::VerificationFailed, reason, &error);
        let found = match &error {
            ReplicaError::Home(_) | ReplicaError::File(_) => None,
            ReplicaError::Fold { origin, .. } => Some(failed(side(origin), "ENTRY_NOT_ADMISSIBLE")),
            ReplicaError::Checkpoint { origin, .. } => {
                Some(failed(side(origin), "CHECKPOINT_NOT_VERIFIED"))
            }
            ReplicaError::Name(_) => Some(failed(Side::Ours, "CHECKPOINT_NOT_VERIFIED")),
            ReplicaError::OtherRoot { origin, .. } => Some(failed(side(origin), "OTHER_ROOT")),
            ReplicaError::Rollback { .. } => Some(failed(Side::Theirs, "ROLLBACK")),
            ReplicaError::SplitView { .. } => Some(failed(Side::Theirs, "SPLIT_VIEW")),
            ReplicaError::LacksCharter(_) => Some(failed(Side::Theirs, "LACKS_CHARTER")),
            ReplicaError::Incomplete { .. } => Some(
                Self::new(Side::Ours, Exit::Stale, "INCOMPLETE", &error).mended_by("liaison sync"),
            ),
            ReplicaError::Altered(_) => Some(
                Self::new(Side::Ours, Exit::VerificationFailed, "COPY_ALTERED", &error)
                    .mended_by("liaison sync"),
            ),
            ReplicaError::NeverSynced(_) => Some(
                Self::new(Side::Ours, Exit::Stale, "NEVER_SYNCED", &error)
                    .mended_by("liaison sync"),
            ),
            ReplicaError::BehindInvitation(_) => Some(
                Self::new(Side::Ours, Exit::Stale, "BEHIND_INVITATION", &error)
                    .mended_by("liaison sync"),
            ),
            ReplicaError::NotCheckable(_) => Some(
                Self::new(Side::Ours, Exit::UpdateMe, "NOT_CHECKABLE", &error).mended_by(UPDATE),
            ),
        };
        match (found, error) {
            (Some(found), error) => found.with_evidence(error),
            (None, ReplicaError::Home(home)) => home.into(),
            (None, ReplicaError::File(file)) => file.into(),
            (None, other) => Self::new(Side::Ours, Exit::Unexpected, "REPLICA", other),
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
            DraftError::Empty => Self::new(Side::Ours, Exit::Usage, "NOT_SUCH_A_FILE", error),
            DraftError::NotSigned(why) => why.into(),
        }
    }
}

impl From<InvalidTrust> for ClientError {
    fn from(error: InvalidTrust) -> Self {
        Self::new(Side::Theirs, Exit::VerificationFailed, "SERVICE_CA_UNUSABLE", error)
    }
}

impl From<InvalidProxy> for ClientError {
    fn from(error: InvalidProxy) -> Self {
        Self::new(Side::Ours, Exit::Usage, "BAD_PROXY", error)
    }
}

impl From<ComposeError> for ClientError {
    fn from(error: ComposeError) -> Self {
        let reason = match error {
            ComposeError::Refused(refusal) => return refusal.into(),
            ComposeError::Content(content) => return content.into(),
            ComposeError::TooLarge { .. } => "TOO_LARGE",
            ComposeError::Recipients { .. } => "RECIPIENTS",
            ComposeError::Letters { .. } => "LETTERS",
            ComposeError::Randomness => {
                return Self::new(Side::Ours, Exit::Unexpected, "NO_RANDOMNESS", error);
            }
        };
        Self::new(Side::Ours, Exit::Usage, reason, error)
    }
}

impl From<InvalidContent> for ClientError {
    fn from(error: InvalidContent) -> Self {
        Self::new(Side::Ours, Exit::Usage, "CONTENT", error)
    }
}

impl From<NotOpened> for ClientError {
    fn from(error: NotOpened) -> Self {
        let (exit, side) = match &error {
            NotOpened::SyncFirst(_) => (Exit::Stale, Side::Ours),
            NotOpened::BeforeUpdate(_) => (Exit::UpdateMe, Side::Ours),
            NotOpened::NoLetter { .. } | NotOpened::KeyNotHeld { .. } => {
                (Exit::IdentityOrKey, Side::Ours)
            }
            _ => (Exit::VerificationFailed, Side::Theirs),
        };
        let found = Self::new(side, exit, error.code(), &error);
        if exit == Exit::Stale { found.mended_by("liaison sync") } else { found }
    }
}

impl From<ReceiptError> for ClientError {
    fn from(error: ReceiptError) -> Self {
        let (failed, code) = (Exit::VerificationFailed, error.code());
        match &error {
            ReceiptError::SyncFirst(_) => {
                Self::new(Side::Ours, Exit::Stale, code, error).mended_by("liaison sync")
            }
            ReceiptError::BeforeUpdate(_) => {
                Self::new(Side::Ours, Exit::UpdateMe, code, error).mended_by(UPDATE)
            }
            ReceiptError::ForeignView { .. } => Self::new(Side::Theirs, failed, code, error),
            _ => {
                let mut found = Self::new(Side::Theirs, failed, "RECEIPT_NOT_VERIFIED", error);
                found.details.insert("why".to_owned(), code.to_owned());
                found
            }
        }
    }
}

impl From<OutboxError> for ClientError {
    fn from(error: OutboxError) -> Self {
        let (exit, reason) = match &error {
            OutboxError::File(file) => return file.into(),
            OutboxError::Unknown(_) => (Exit::NotFound, "UNKNOWN_MESSAGE"),
            OutboxError::IdUsed(_) => (Exit::Unexpected, "OUTBOX"),
        };
        Self::new(Side::Ours, exit, reason, error)
    }
}

/// What the service refuses for now, and not for good.
const PASSING: [&str; 5] =
    ["BUSY", "CLOCK_IN_DOUBT", "INTERNAL", "STORAGE_FULL", "STORAGE_READ_ONLY"];
/// How the reasons begin for which a server is not believed.
const SERVER: &str = "SERVER_";
/// After so many seconds the service may be asked again.
const RETRY_IN: &str = "retry_in";

/// The details that `wire::status` gives.
const DETAILS: [&str; 15] = [
    "expected", "found", "size", "contact", "contacts", "member", "key", "needed", "field",
    "facet", "levels", "retry", "why", "issued", "at",
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;
    use crate::domain::refusal::tests::samples;
    use crate::tests::reads_well;

    /// Whatever broke the connection, or answered in the service's place.
    #[test]
    fn a_status_without_a_reason_of_ours_is_the_networks_whatever_its_code() {
        let codes = (1..=16).map(Code::from_i32);
        for code in codes {
            let error = ClientError::from(Status::new(code, "h2 protocol error"));
            assert_eq!((error.side, error.exit), (Side::Network, Exit::NotReachable), "{code:?}");
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
            (status::of(&Refusal::Internal("a fault")), true),
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
        assert_eq!((error.side, error.exit), (Side::Ours, Exit::NeedsApproval));
        let mend = error.mend.unwrap();
        assert!(
            mend.contains("liaison sign FILE") && mend.contains("ask the registrars"),
            "{mend}"
        );
    }
}
