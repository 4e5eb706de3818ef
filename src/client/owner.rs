//! Whose private keys they are, and why one cannot be made or used.
//!
//! In scope: the words alone. Out of scope: the keys (`keys`).

use std::fmt;
use std::path::PathBuf;

use crate::crypto::issue::CannotIssue;
use crate::crypto::passphrase::InvalidClosed;
use crate::crypto::seal::InvalidIdentity;
use crate::crypto::sign::{CannotSign, InvalidPrivateKey};
use crate::domain::ids::{ContactId, MemberId, PersonId, SeatId};
use crate::signed::proto::Use;

use super::armour::InvalidArmour;
use super::files::FileError;
use super::format::WrongFormat;
use super::token::{InvalidPointer, TokenError};

/// Whose private keys they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A registrar of the charter.
    Registrar(PersonId),
    /// An operator of the charter.
    Operator(PersonId),
    /// An auditor of the charter.
    Auditor(PersonId),
    /// A member's authority.
    Authority(MemberId),
    /// A contact's keeper.
    Keeper(ContactId),
    /// A seat of a contact.
    Seat(SeatId),
}

impl Owner {
    /// As a proof of possession names it.
    #[must_use]
    pub fn holder(&self) -> String {
        match self {
            Self::Registrar(id) => format!("registrar/{id}"),
            Self::Operator(id) => format!("operator/{id}"),
            Self::Auditor(id) => format!("auditor/{id}"),
            Self::Authority(id) => id.to_string(),
            Self::Keeper(id) => id.to_string(),
            Self::Seat(id) => id.to_string(),
        }
    }

    /// What its sign key is for, as a proof of possession names it.
    pub(super) const fn signs_as(&self) -> Use {
        match self {
            Self::Registrar(_) | Self::Operator(_) | Self::Auditor(_) | Self::Seat(_) => Use::Sign,
            Self::Authority(_) => Use::Authority,
            Self::Keeper(_) => Use::Keeper,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registrar(id) => write!(f, "the registrar {id}"),
            Self::Operator(id) => write!(f, "the operator {id}"),
            Self::Auditor(id) => write!(f, "the auditor {id}"),
            Self::Authority(id) => write!(f, "the authority of {id}"),
            Self::Keeper(id) => write!(f, "the keeper of {id}"),
            Self::Seat(id) => write!(f, "the seat {id}"),
        }
    }
}

/// A key cannot be made or used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "their sentences say what the fields are")]
pub enum KeyError {
    /// The home is of another release.
    #[error(transparent)]
    Format(#[from] WrongFormat),
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no such key here.
    #[error("{owner} has no key here: {} is not there", path.display())]
    Missing {
        owner: Owner,
        /// The file looked for.
        path: PathBuf,
    },
    /// There is one already; keys are never overwritten.
    #[error("{owner} has keys here already: {}", path.display())]
    Exists {
        owner: Owner,
        /// The file in the way.
        path: PathBuf,
    },
    /// Not a PEM file with one PKCS#8 key.
    #[error("{}: {why}", path.display())]
    NotPem {
        path: PathBuf,
        /// Expected and found.
        why: InvalidArmour,
    },
    /// Another kind of key.
    #[error("{}: {why}", path.display())]
    NotSigning {
        path: PathBuf,
        /// What was expected.
        why: InvalidPrivateKey,
    },
    /// Not an age identity.
    #[error("{}: {why}", path.display())]
    NotOpening {
        path: PathBuf,
        /// Expected and found.
        why: InvalidIdentity,
    },
    /// The certificate beside the key is not its own.
    #[error("{}: expected the certificate of tls.pem beside it", path.display())]
    Certificate { path: PathBuf },
    /// No certificate could be made.
    #[error(transparent)]
    Issue(#[from] CannotIssue),
    /// It gave no signature.
    #[error(transparent)]
    NotSigned(#[from] CannotSign),
    /// Not a key that was closed with a passphrase, or not in a way that is opened here.
    #[error("{}: {why}", path.display())]
    NotClosed {
        path: PathBuf,
        /// Expected and found.
        why: InvalidClosed,
    },
    /// What a passphrase opened is no key that signs.
    #[error("the passphrase of the key of {owner} opens something else: {why}")]
    NotSigningInside {
        owner: Owner,
        /// What was expected.
        why: InvalidPrivateKey,
    },
    /// The public key in the file is not that of the key in it.
    #[error("{}: the public key in it is another than that of the private key", path.display())]
    OtherPublic { path: PathBuf },
    /// Closed by a program that left no public part.
    #[error("{}: which key it is shows only once its passphrase has opened it", path.display())]
    Hidden { path: PathBuf },
    /// The passphrase is wrong.
    #[error("this is not the passphrase of the key of {owner}")]
    WrongPassphrase { owner: Owner },
    /// No passphrase was chosen.
    #[error("no passphrase was chosen for the key of {owner}, and nothing was changed")]
    NoNewPassphrase { owner: Owner },
    /// What opens it was not told.
    #[error("{what} is needed, and {why}")]
    NotAsked {
        /// Passphrase or PIN, and whose.
        what: String,
        /// Why it was not told.
        why: NotAsked,
    },
    /// Not a file that says where in a token the key lies.
    #[error("{}: {why}", path.display())]
    NotPointer {
        path: PathBuf,
        /// Expected and found.
        why: InvalidPointer,
    },
    /// There is a key file, and one that says that the key lies in a token.
    #[error(
        "{owner} has two of one key here: {} and {}; neither is used", file.display(), pointer.display()
    )]
    Twice {
        owner: Owner,
        /// The key file.
        file: PathBuf,
        /// The one that names a token.
        pointer: PathBuf,
    },
    /// A key in a token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// It lies in a token, and this is for keys in files.
    #[error("the key of {owner} lies in a token, which does not give it away")]
    InToken { owner: Owner },
    /// The one that is to follow would lie in a file.
    #[error(
        "the key of the keeper of {contact} lies in a token, and the one that is to follow it would lie in \
         a file"
    )]
    NextInFile {
        /// Whose keeper it is.
        contact: ContactId,
    },
    /// A seat's key serves a machine that nobody sits at.
    #[error(
        "{0} collects and answers at night, when nobody is there to type: its keys stay in files \
         that only its user can read"
    )]
    OfSeat(SeatId),
    /// A new key does not do what it is for.
    #[error("{owner}: the new key does not {what}, and was not put to use")]
    DoesNotWork {
        owner: Owner,
        /// What it would be for.
        what: &'static str,
    },
    /// This owner has no key for that.
    #[error("{owner} has no key to {what}")]
    NoSuchPurpose {
        owner: Owner,
        /// What it would be for.
        what: &'static str,
    },
}

/// Why a passphrase or a PIN was not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAsked {
    /// Nobody is there, or nobody is to be asked.
    #[error("nobody can be asked for it: there is no terminal, or --no-input was given")]
    NoTerminal,
    /// He was asked, and went away.
    #[error("it was asked for on the terminal, and nothing came: {0}")]
    NotAnswered(String),
}
