//! The operator's side on the service's own machine: founding a directory, serving it.
//!
//! In scope: `liaisond init`, `serve`, `store`, `mailbox`, `scrub` and `salvage`, for the program and for the demo alike. Out of
//! scope: rules, sockets, stores. Invariant: the service's private keys are made here, and leave
//! this machine never.

mod ceremonies;
pub mod config;
mod init;
mod invitation;
mod keys;
mod known;
mod mailbox;
mod node;
pub mod program;
mod rotate;
mod salvage;
mod serve;
mod settings;
pub mod stop;
mod store;
pub mod telemetry;

pub use init::{Founded, Plan, complete, plan_addresses, prepare, single, small};
pub use invitation::{Invited, invitation, invitation_file};
pub use keys::signing;
pub use mailbox::new_epoch;
pub use node::{Node, node, renew_node};
pub use rotate::{own_keys, put_charter, retire_key, stage_key, staged_file};
pub use salvage::{salvage, scrub};
pub use serve::{Bound, serve};
pub use store::{mark, migrate};

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::client::draft::DraftError;
use crate::client::files::{self as files, FileError, KeptOut, Lock, keeps_out};
use crate::client::keys::KeyError;
use crate::crypto::issue::CannotIssue;
use crate::domain::ids::InvalidId;
use crate::domain::refusal::Refusal;
use crate::server::Ended;
use crate::service::{CannotStart, NotRenewed, Shown, Unusable};
use crate::store::{Site, StoreError};

use config::{Config, InvalidConfig, ServiceHome};

/// Why an operator's command did not do what it should. Each says what mends it.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// A home that was begun is not begun again.
    #[error(
        "{path} exists already: if its charter waits for signatures, finish it with liaisond init \
         --charter; if it is founded, serve it; or choose another --home"
    )]
    Begun {
        /// The file found.
        path: PathBuf,
    },
    /// What members were shown is not founded anew.
    #[error(
        "nothing was done: this home was founded: {0}; serve it; if its data is missing, look whether \
         the disk of its data is mounted, or put the data back{cut_off}",
        cut_off = .0.cut_off()
    )]
    Founded(HasShown),
    /// There is no store, and there was.
    #[error(
        "{store} holds no store, and this home was served: {0}; look whether the disk of its data is \
         mounted, or put the data back",
        store = .0.store.display()
    )]
    NoData(HasShown),
    /// The draft is of another directory, or of other keys, than this home.
    #[error("the charter is not the one that was drafted for this home: {0}")]
    OtherCharter(String),
    /// Signatures are missing.
    #[error(
        "the charter has {found} of {needed} signatures: a registrar adds one with liaison sign"
    )]
    Unsigned {
        /// How many are there.
        found: u32,
        /// How many are needed.
        needed: u32,
    },
    /// The plan does not add up.
    #[error("{0}")]
    Plan(String),
    /// A key of the service.
    #[error("the service's key {path} cannot be used: {why}")]
    ServiceKey {
        /// Where it is.
        path: PathBuf,
        /// Why it cannot be used.
        why: String,
    },
    /// Another service has the store open.
    #[error(
        "{home} is served already, by another process: pgrep -a liaisond shows it, and kill PID \
         stops it"
    )]
    Served {
        /// The home of that service.
        home: PathBuf,
    },
    /// What it would write the service could not use.
    #[error(
        "nothing was done: {} belongs to {}, and this is {}, whose files the service could not use; run \
         the same as its owner: sudo -u {} liaisond …",
        .0.at.display(), .0.owner, .0.user, in_sudo(&.0.owner)
    )]
    AnotherUser(KeptOut),
    /// What cannot be taken back was not confirmed.
    #[error(
        "nothing was done: {mailboxes} mailboxes would begin anew, and that cannot be taken back; \
         --dry-run shows each, and --yes {name} does it"
    )]
    Unsure {
        /// How many would begin anew.
        mailboxes: usize,
        /// The directory's name.
        name: String,
    },
    /// Nothing can be served on an address.
    #[error("cannot listen on {address}: {why}")]
    Listen {
        /// The address that was tried.
        address: std::net::SocketAddr,
        /// What the system said.
        why: io::Error,
    },
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A registrar's key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// An id cannot be read.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// A certificate cannot be issued.
    #[error(transparent)]
    Certificate(#[from] CannotIssue),
    /// TLS does not take the node's certificate.
    #[error("the node's certificate cannot be used: {0}")]
    Tls(String),
    /// No certificate that a client would believe.
    #[error("the node has no certificate to show: {0}; and {1}")]
    NoNode(String, NotRenewed),
    /// The node's certificate was not renewed.
    #[error("nothing was changed: {0}")]
    NotRenewed(NotRenewed),
    /// A draft cannot be read.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The charter is refused.
    #[error("the charter is refused: {0}")]
    Refused(#[from] Refusal),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The service does not start.
    #[error(transparent)]
    Start(#[from] CannotStart),
    /// The service ended by itself.
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// A home that has shown its directory to members, as its high-water file says.
#[derive(Debug)]
pub struct HasShown {
    /// The path of that file.
    pub high_water: PathBuf,
    /// Where the store is, or was.
    pub store: PathBuf,
    /// How many entries, if the file can be read.
    pub entries: Option<u64>,
}

impl HasShown {
    /// Nothing of a home that has no such file.
    fn of(home: &ServiceHome, config: &Config) -> Option<Self> {
        let high_water = home.high_water(config);
        let entries = match Shown::read(&high_water) {
            Err(Unusable::Missing) => return None,
            shown => shown.ok().and_then(|shown| shown.entries()),
        };
        Some(Self { high_water, store: home.store(), entries })
    }

    /// Of entry 0 alone nobody can say whether it was shown.
    fn cut_off(&self) -> String {
        let (store, high_water) = (self.store.display(), self.high_water.display());
        match self.entries {
            Some(1) => format!(
                "; if its founding was cut off, move {store} and {high_water} away and give the \
                 command again"
            ),
            _ => String::new(),
        }
    }
}

impl fmt::Display for HasShown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is there", self.high_water.display())?;
        self.entries.map_or(Ok(()), |entries| write!(f, " (entries shown: {entries})"))
    }
}

/// Where the store of a home is.
fn place(home: &ServiceHome, config: &Config) -> Result<Site, OperateError> {
    Ok(Site::new(config.engine().map_err(OperateError::Plan)?, home.store()))
}

/// Whoever writes to a home is the one to whom its store belongs.
fn is_its_owner(home: &ServiceHome) -> Result<(), OperateError> {
    let store = home.store();
    match keeps_out(&store) {
        Some(of) if of.at == store && of.owner != of.user => Err(OperateError::AnotherUser(of)),
        _ => Ok(()),
    }
}

/// The right to change the service's own keys, until it is dropped: a service that runs has it.
fn not_served(home: &ServiceHome) -> Result<Lock, OperateError> {
    match files::lock(&home.key("served"), Duration::ZERO) {
        Err(FileError::Held { .. }) => Err(OperateError::Served { home: home.path().to_owned() }),
        lock => Ok(lock?),
    }
}

/// A user that has no name is said by number.
fn in_sudo(user: &str) -> String {
    if user.parse::<u32>().is_ok() { format!("'#{user}'") } else { user.to_owned() }
}

fn missing_or(path: &Path, why: &FileError) -> OperateError {
    OperateError::ServiceKey { path: path.to_owned(), why: why.to_string() }
}
