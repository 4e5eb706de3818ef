//! The forms in which a key that signs can lie in its place.
//!
//! In scope: reading each. Out of scope: changing one into another (`protect`), who is asked for what
//! opens it (`unlock`). Invariant: of two of one key neither is read.

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::crypto::passphrase::Closed;
use crate::crypto::sign::{SigningKey, VerifyingKey};

use super::armour::{self, InvalidArmour};
use super::files;
use super::owner::{KeyError, Owner};
use super::token::{Pointer, Token, TokenError};

/// What stands in the place of a key that signs.
pub(super) enum KeyFile {
    /// The key itself, behind no passphrase.
    Open(SigningKey),
    /// The key behind a passphrase, and its public part.
    Closed {
        /// What the passphrase opens.
        closed: Closed,
        /// None, if another program closed it.
        public: Option<VerifyingKey>,
    },
    /// Where in a token it lies.
    Token(Pointer),
}

/// How a key is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In a file that only its user can read.
    File,
    /// Behind a passphrase: by which means.
    Passphrase(String),
    /// In a token.
    Token {
        /// The label of the token.
        label: String,
        /// Its serial number.
        serial: String,
        /// The module by which it is reached.
        module: PathBuf,
        /// Why it cannot be reached now.
        gone: Option<TokenError>,
    },
}

impl Kept {
    /// One word for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Passphrase(_) => "passphrase",
            Self::Token { .. } => "token",
        }
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("a file that only you can read"),
            Self::Passphrase(how) => write!(f, "a passphrase: {how}"),
            Self::Token { label, serial, gone: None, .. } => {
                write!(f, "the token {label} (serial number {serial})")
            }
            Self::Token { gone: Some(gone), .. } => write!(f, "unusable: {gone}"),
        }
    }
}

impl KeyFile {
    pub(super) fn read(owner: &Owner, path: &Path, ambient: &Ambient) -> Result<Self, KeyError> {
        let pointer = pointer_beside(path);
        match (path.exists(), pointer.exists()) {
            (true, true) => {
                let (owner, file) = (owner.clone(), path.to_owned());
                Err(KeyError::Twice { owner, file, pointer })
            }
            (false, true) => Ok(Self::Token(read_pointer(owner, &pointer)?)),
            _ => Self::read_pem(owner, path, ambient),
        }
    }

    /// Of a private key, or of a closed one with its public part behind it.
    pub(super) fn read_pem(
        owner: &Owner,
        path: &Path,
        ambient: &Ambient,
    ) -> Result<Self, KeyError> {
        let text = read_text(owner, path)?;
        let not_pem = |why| KeyError::NotPem { path: path.to_owned(), why };
        if !text.trim_start().starts_with(CLOSED_BEGINS) {
            let der = armour::decode(PKCS8, &text).map_err(not_pem)?;
            let key = SigningKey::from_pkcs8(&der, ambient.random());
            let not_signing = |why| KeyError::NotSigning { path: path.to_owned(), why };
            return Ok(Self::Open(key.map_err(not_signing)?));
        }
        let (closed, public) = match text.find(PUBLIC_BEGINS) {
            Some(at) => text.split_at(at),
            None => (&text[..], ""),
        };
        let closed = armour::decode(CLOSED, closed).map_err(not_pem)?;
        let closed = Closed::from_der(&closed)
            .map_err(|why| KeyError::NotClosed { path: path.to_owned(), why })?;
        let public = match public {
            "" => None,
            public => {
                let der = armour::decode(PUBLIC, public).map_err(not_pem)?;
                let none = |_| not_pem(InvalidArmour::Content(PUBLIC.to_owned()));
                Some(VerifyingKey::from_spki(&der).map_err(none)?)
            }
        };
        Ok(Self::Closed { closed, public })
    }

    /// The public part, if the file tells.
    pub(super) fn public(&self, path: &Path) -> Result<&VerifyingKey, KeyError> {
        match self {
            Self::Open(key) => Ok(key.public()),
            Self::Closed { public: Some(public), .. } => Ok(public),
            Self::Closed { public: None, .. } => Err(KeyError::Hidden { path: path.to_owned() }),
            Self::Token(pointer) => Ok(pointer.public()),
        }
    }

    pub(super) fn kept(&self) -> Kept {
        match self {
            Self::Open(_) => Kept::File,
            Self::Closed { closed, .. } => Kept::Passphrase(closed.to_string()),
            Self::Token(pointer) => Kept::Token {
                label: pointer.label(),
                serial: pointer.serial(),
                module: pointer.module().to_owned(),
                gone: Token::of(pointer).err(),
            },
        }
    }
}

/// Whether a key stands there, in whatever form.
pub(super) fn is_there(path: &Path) -> bool {
    path.exists() || pointer_beside(path).exists()
}

/// Where a pointer stands to a key that lies in a token and not at `path`.
pub(super) fn pointer_beside(path: &Path) -> PathBuf {
    path.with_extension("token")
}

pub(super) fn read_pointer(owner: &Owner, path: &Path) -> Result<Pointer, KeyError> {
    let text = read_text(owner, path)?;
    Pointer::read(&text).map_err(|why| KeyError::NotPointer { path: path.to_owned(), why })
}

fn read_text(owner: &Owner, path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let bytes = load(owner, path)?;
    Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
}

pub(super) fn load(owner: &Owner, path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    files::read_private(path).map_err(|error| {
        if error.is_absent() {
            KeyError::Missing { owner: owner.clone(), path: path.to_owned() }
        } else {
            error.into()
        }
    })
}

pub(super) const PKCS8: &str = "PRIVATE KEY";
pub(super) const CLOSED: &str = "ENCRYPTED PRIVATE KEY";
const CLOSED_BEGINS: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
pub(super) const PUBLIC: &str = "PUBLIC KEY";
pub(super) const PUBLIC_BEGINS: &str = "-----BEGIN PUBLIC KEY-----";
