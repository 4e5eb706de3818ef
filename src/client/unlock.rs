//! Opening keys that are kept: asking the person, once for each key in one program.
//!
//! In scope: who is asked, how often, what is remembered. Out of scope: terminals (`cli`), formats
//! (`crypto`), tokens (`token`). Invariants: what opens a key comes from [`Asks`] and from nowhere
//! else; what was opened is forgotten, and zeroized, with the last [`Unlock`] that shares it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::crypto::hash::Digest;
use crate::crypto::passphrase::{Closed, WrongPassphrase};
use crate::crypto::sign::{KeyId, Signer, SigningKey};

use super::owner::{KeyError, Owner};
use super::token::{LoggedIn, PinLeft, Pointer, Token, TokenError, TokenKey};

pub use super::owner::NotAsked;

/// A door to the person whose keys they are.
pub trait Asks: Send + Sync {
    /// What he types, unseen.
    ///
    /// # Errors
    /// [`NotAsked`].
    fn secret(&self, question: &str) -> Result<Zeroizing<String>, NotAsked>;

    /// Says what he is to do elsewhere.
    fn tell(&self, line: &str);
}

/// Opens keys, and remembers for as long as it lives what was opened.
#[derive(Clone)]
pub struct Unlock {
    asks: Arc<dyn Asks>,
    opened: Arc<Mutex<Opened>>,
}

#[derive(Default)]
struct Opened {
    /// PKCS#8 in DER, by the digest of what it was closed into.
    keys: BTreeMap<Digest, Zeroizing<Vec<u8>>>,
    /// Keys in tokens that have seen their PIN.
    tokens: BTreeMap<KeyId, Arc<TokenKey>>,
}

/// Asks nobody: what needs a passphrase or a PIN stays closed.
impl Default for Unlock {
    fn default() -> Self {
        Self::asking(Arc::new(Nobody))
    }
}

impl fmt::Debug for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unlock")
    }
}

impl Unlock {
    /// Asks these for passphrases and PINs.
    #[must_use]
    pub fn asking(asks: Arc<dyn Asks>) -> Self {
        Self { asks, opened: Arc::default() }
    }

    /// A key behind a passphrase. A wrong one is asked for again, twice.
    pub(super) fn open(
        &self,
        owner: &Owner,
        closed: &Closed,
        ambient: &Ambient,
    ) -> Result<SigningKey, KeyError> {
        let place = Digest::of(&closed.to_der());
        let known = self.opened().keys.get(&place).cloned();
        let der = match known {
            Some(der) => der,
            None => self.ask_to_open(owner, closed)?,
        };
        let key = SigningKey::from_pkcs8(&der, ambient.random())
            .map_err(|why| KeyError::NotSigningInside { owner: owner.clone(), why })?;
        self.opened().keys.insert(place, der);
        Ok(key)
    }

    fn ask_to_open(&self, owner: &Owner, closed: &Closed) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let what = format!("the passphrase of the key of {owner}");
        let mut before = "";
        for _ in 0..TRIES {
            let passphrase = self.ask(&what, before)?;
            match closed.open(&passphrase) {
                Ok(der) => return Ok(der),
                Err(WrongPassphrase) => before = "That is not it. ",
            }
        }
        Err(KeyError::WrongPassphrase { owner: owner.clone() })
    }

    /// A passphrase for a key that had none, or another one: typed twice.
    pub(super) fn new_passphrase(&self, owner: &Owner) -> Result<Zeroizing<String>, KeyError> {
        let what = format!("a new passphrase for the key of {owner}");
        let mut before = "";
        for _ in 0..TRIES {
            let passphrase = self.ask(&what, before)?;
            if passphrase.chars().count() < PASSPHRASE_LETTERS {
                before = "That is shorter than 12 letters. ";
                continue;
            }
            if *passphrase == *self.ask(&format!("{what}, again"), "")? {
                return Ok(passphrase);
            }
            before = "These were two. ";
        }
        Err(KeyError::NoNewPassphrase { owner: owner.clone() })
    }

    /// A key that lies in a token.
    pub(super) fn in_token(
        &self,
        owner: &Owner,
        pointer: &Pointer,
    ) -> Result<Arc<dyn Signer>, KeyError> {
        if let Some(key) = self.opened().tokens.get(&pointer.public().id()) {
            return Ok(Arc::clone(key) as Arc<dyn Signer>);
        }
        let token = self.log_in(owner, Token::of(pointer)?)?;
        Ok(self.keep(token.key(pointer)?))
    }

    /// Remembers a key in a token that has seen its PIN.
    pub(super) fn keep(&self, key: TokenKey) -> Arc<dyn Signer> {
        let (id, key) = (key.public().id(), Arc::new(key));
        self.opened().tokens.insert(id, Arc::clone(&key));
        key
    }

    /// Shows the token its PIN. A wrong one is asked for again as long as the token takes more than
    /// one: whoever has one try left may want to look the PIN up.
    pub(super) fn log_in(&self, owner: &Owner, token: Token) -> Result<LoggedIn, KeyError> {
        if token.is_open() {
            return Ok(token.log_in(None)?);
        }
        if token.has_keys() {
            self.asks
                .tell(&format!("Type the PIN of the token {} on its own keys.", token.label()));
            return Ok(token.log_in(None)?);
        }
        let what = format!("the PIN of the token {} for the key of {owner}", token.label());
        let mut before = token.pin_left().before();
        for _ in 1..TRIES {
            let pin = self.ask(&what, before)?;
            match token.log_in(Some(&pin)) {
                Err(TokenError::PinWrong { left, .. }) if left != PinLeft::One => {
                    before = left.after_a_wrong_one();
                }
                logged_in => return Ok(logged_in?),
            }
        }
        let pin = self.ask(&what, before)?;
        Ok(token.log_in(Some(&pin))?)
    }

    fn ask(&self, what: &str, before: &str) -> Result<Zeroizing<String>, KeyError> {
        let question = format!("{before}Type {what}: ");
        let asked = self.asks.secret(&question);
        asked.map_err(|why| KeyError::NotAsked { what: what.to_owned(), why })
    }

    fn opened(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Nobody;

impl Asks for Nobody {
    fn secret(&self, _: &str) -> Result<Zeroizing<String>, NotAsked> {
        Err(NotAsked::NoTerminal)
    }

    fn tell(&self, _: &str) {}
}

/// So often a person may mistype.
const TRIES: usize = 3;
/// The least of a passphrase that whoever has the file may try at leisure.
const PASSPHRASE_LETTERS: usize = 12;
