//! The private keys of a home: made, listed, kept better.
//!
//! In scope: keys as values, what is made for whom, from when on a retired one may go. Out of scope: the files
//! (`client::keys`), new keys for seats that are listed (`rotate`).

use std::path::PathBuf;

use crate::client::error::ClientError;
use crate::client::keys::{KeyError, Listed, Owner};
use crate::client::protect::Kept;
use crate::client::replica::Replica;
pub use crate::client::rotation::NextKept;
use crate::client::token::Token;
use crate::crypto::sign::{Algorithm, KeyId};
use crate::domain::directory::key::Purpose;
use crate::domain::ids::ContactId;

use super::Office;
use super::rotate::may_go;

/// A private key of this home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Whose it is.
    pub owner: Owner,
    /// What it is for.
    pub purpose: Purpose,
    /// Where its file lies.
    pub path: PathBuf,
    /// How it is kept, as far as that can be told.
    pub kept: Option<Protection>,
    /// When it is used.
    pub turn: Turn,
    /// Its id, as far as that can be told.
    pub id: Option<KeyId>,
    /// The name of the algorithm by which it signs.
    pub algorithm: Option<&'static str>,
    /// Why it cannot be used, as its error says.
    pub fault: Option<String>,
    /// From when on nothing more can come for it, if it is retired, Unix seconds.
    pub may_go: Option<u64>,
}

/// When a key is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is used now.
    Now,
    /// It opens old messages only.
    Before,
    /// It is used once the directory lists it.
    Later,
}

/// How a key is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// One word for it.
    pub name: &'static str,
    /// The same as it says itself.
    pub said: String,
    /// The token in which it lies.
    pub token: Option<InToken>,
}

/// A token in which a key lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InToken {
    /// The label of the token.
    pub label: String,
    /// Its serial number.
    pub serial: String,
    /// The module by which it is reached.
    pub module: PathBuf,
}

/// A token as it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenAt {
    /// The module by which it is reached, absolute.
    pub module: PathBuf,
    /// Its label, where the module shows several.
    pub label: Option<String>,
}

/// What is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Make {
    /// The keys of one who is listed without a name.
    Keys(Owner, Option<TokenAt>),
    /// The keys of a person of the charter, of this name.
    Person(Owner, Option<TokenAt>, String),
    /// The key of a keeper that is to follow the one in force.
    NextOfKeeper(ContactId, NextKept),
}

/// How a key is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protect {
    /// Its signing part lies in a token.
    InToken(TokenAt),
    /// Behind a passphrase.
    ByPassphrase,
    /// In a file that only its user can read.
    InAFile,
}

impl Office {
    /// Every private key of this home.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn keys(&self) -> Result<Vec<Key>, ClientError> {
        let (listed, replica) = (self.home.keys().list(self.ambient())?, self.replica().ok());
        Ok(listed.into_iter().map(|key| Key::of(key, replica.as_ref())).collect())
    }

    /// Those of one owner.
    ///
    /// # Errors
    /// As [`Office::keys`].
    pub fn keys_of(&self, owner: &Owner) -> Result<Vec<Key>, ClientError> {
        let mut listed = self.home.keys().list(self.ambient())?;
        listed.retain(|key| key.owner == *owner);
        Ok(listed.into_iter().map(|key| Key::of(key, None)).collect())
    }

    /// Makes keys. Gives the file with their public parts, for whoever lists them.
    ///
    /// # Errors
    /// They are there already; the token cannot be reached; files.
    pub fn make_keys(&self, make: &Make) -> Result<String, ClientError> {
        let (keys, ambient) = (self.home.keys(), self.ambient());
        let create = |owner: &Owner, token: &Option<TokenAt>| match token {
            Some(token) => keys.create_in_token(owner, token.choose()?, ambient),
            None => keys.create(owner, ambient),
        };
        Ok(match make {
            Make::NextOfKeeper(contact, kept) => keys.stage_keeper(contact, *kept, ambient)?,
            Make::Keys(owner, token) => {
                create(owner, token)?;
                keys.public(owner, ambient)?
            }
            Make::Person(owner, token, name) => {
                create(owner, token)?;
                keys.person(owner, name, ambient)?
            }
        })
    }

    /// Keeps the key with which somebody signs in this way. Gives it, as it is kept now.
    ///
    /// # Errors
    /// There is none; the token cannot be reached; files.
    pub fn protect_key(&self, owner: &Owner, how: &Protect) -> Result<Option<Key>, ClientError> {
        let (keys, ambient) = (self.home.keys(), self.ambient());
        match how {
            Protect::InToken(token) => keys.protect_in_token(owner, token.choose()?, ambient)?,
            Protect::ByPassphrase => keys.protect(owner, ambient)?,
            Protect::InAFile => keys.unprotect(owner, ambient)?,
        }
        let mut own = self.keys_of(owner)?.into_iter();
        Ok(own.find(|key| !matches!(key.purpose, Purpose::PersonTls | Purpose::SeatTls)))
    }
}

impl TokenAt {
    fn choose(&self) -> Result<Token, KeyError> {
        Ok(Token::choose(&self.module, self.label.as_deref())?)
    }
}

impl Key {
    fn of(listed: Listed, replica: Option<&Replica>) -> Self {
        // From when on nothing more can come for a key that is retired.
        let may_go = match (&listed.owner, &listed.id, replica) {
            (Owner::Seat(seat), Ok(id), Some(replica)) if listed.retired => {
                may_go(replica, seat, id).ok().flatten()
            }
            _ => None,
        };
        let turn = match (listed.retired, listed.staged) {
            (true, _) => Turn::Before,
            (false, true) => Turn::Later,
            (false, false) => Turn::Now,
        };
        Self {
            fault: fault(&listed),
            kept: listed.kept.as_ref().map(Protection::of),
            owner: listed.owner,
            purpose: listed.purpose,
            path: listed.path,
            turn,
            id: listed.id.ok(),
            algorithm: listed.algorithm.map(Algorithm::name),
            may_go,
        }
    }
}

/// Why it cannot be used: that another program's passphrase hides it is no fault.
fn fault(key: &Listed) -> Option<String> {
    match (&key.id, &key.kept) {
        (Err(KeyError::Hidden { .. }), _) => None,
        (Err(why), _) => Some(why.to_string()),
        (Ok(_), Some(Kept::Token { gone: Some(gone), .. })) => Some(gone.to_string()),
        (Ok(_), _) => None,
    }
}

impl Protection {
    fn of(kept: &Kept) -> Self {
        let token = match kept {
            Kept::Token { label, serial, module, .. } => {
                let (label, serial, module) = (label.clone(), serial.clone(), module.clone());
                Some(InToken { label, serial, module })
            }
            Kept::File | Kept::Passphrase(_) => None,
        };
        Self { name: kept.name(), said: kept.to_string(), token }
    }
}

#[cfg(test)]
mod tests;
