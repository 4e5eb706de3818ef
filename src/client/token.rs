//! Private keys in tokens (PKCS#11): smart cards, USB keys, HSMs.
//!
//! In scope: finding a token, making a key in it or taking one in, signing, and the small file that
//! stands where the key file stood. Out of scope: who is asked for the PIN (`unlock`). Invariants: a
//! key that could leave its token is none of ours; a signature is verified before anybody gets it; a
//! module is opened by its whole path, and only if a private file or a flag names it.
//!
//! ```text
//! # This private key lies in a token (PKCS#11). Here stands where; the key itself is not here.
//! form = 1
//! module = "/usr/lib/softhsm/libsofthsm2.so"
//! token = "desk"                    its label
//! serial = "6488210f59ecbc8f"       its serial number
//! id = "5f3a..."                    CKA_ID of the key, in hex
//! public = "MCowBQYDK2VwAyEA..."    SubjectPublicKeyInfo, in base64
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;
use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

use crate::client::reason::Here;
use crate::crypto::sign::{Algorithm, CannotSign, Signer, SigningKey, VerifyingKey, ecdsa_in_der};

use super::message::text::visible;

/// A token cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The module, the token or the key in it is not there.
    #[error("{0}")]
    Gone(String),
    /// Several tokens are there, and none was named.
    #[error("{} shows several tokens: {labels}", module.display())]
    Several {
        /// The file of the PKCS#11 module.
        module: PathBuf,
        /// The labels of its tokens.
        labels: String,
    },
    /// Not its PIN.
    #[error("this is not the PIN of the token {label}{left}")]
    PinWrong {
        /// The token's label.
        label: String,
        /// How many tries are left, as far as the token says.
        left: PinLeft,
    },
    /// Too many wrong ones.
    #[error("the token {0} has locked its PIN: there were too many wrong ones")]
    PinLocked(String),
    /// It does not do what was asked.
    #[error("the token {label} cannot {what}")]
    Cannot {
        /// The token's label.
        label: String,
        /// What, and what it said.
        what: String,
    },
    /// It failed in another way.
    #[error("the token {label} did not {doing}: {why}")]
    Failed {
        /// The token's label.
        label: String,
        /// What was tried.
        doing: &'static str,
        /// What it said.
        why: String,
    },
    /// The signature is not one of the key that it is said to be of.
    #[error("the token {0} made a signature that is not one of this key: it is not used")]
    WrongSignature(String),
}

impl TokenError {
    /// What a program branches on.
    #[must_use]
    pub const fn reason(&self) -> Here {
        match self {
            Self::Gone(_) => Here::TokenGone,
            Self::Several { .. } => Here::TokenSeveral,
            Self::PinWrong { .. } => Here::PinWrong,
            Self::PinLocked(_) => Here::PinLocked,
            Self::Cannot { .. } => Here::TokenCannot,
            Self::Failed { .. } => Here::TokenFailed,
            Self::WrongSignature(_) => Here::TokenWrongSignature,
        }
    }
}

/// How many tries of the PIN a token says are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinLeft {
    /// It does not say.
    Unsaid,
    /// There were wrong ones since the last right one.
    Fewer,
    /// One try: another wrong PIN locks the token.
    One,
}

impl PinLeft {
    /// What the person is told before he types.
    #[must_use]
    pub const fn before(self) -> &'static str {
        match self {
            Self::Unsaid => "",
            Self::Fewer => "The token has seen wrong PINs, and may lock itself after too many. ",
            Self::One => "One try is left, then the token locks itself. ",
        }
    }

    /// The same, after a wrong one.
    #[must_use]
    pub const fn after_a_wrong_one(self) -> &'static str {
        match self {
            Self::Unsaid => "That is not it. ",
            Self::Fewer => "That is not it, and the token may lock itself after too many. ",
            Self::One => "That is not it, and one try is left. ",
        }
    }
}

impl fmt::Display for PinLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsaid => "",
            Self::Fewer => "; it may lock itself after too many",
            Self::One => "; one try is left, then it locks itself",
        })
    }
}

/// Where a private key lies, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    module: PathBuf,
    token: String,
    serial: String,
    id: Vec<u8>,
    public: VerifyingKey,
}

/// What is wrong with a text may be most of the text.
const SHOWN_BYTES: usize = 200;

/// A file is no pointer to a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPointer {
    /// Of a newer program.
    #[error("expected a pointer of form {FORM}, found form {0}: a newer liaison is needed")]
    Newer(u32),
    /// No pointer at all: what stands there.
    #[error("expected where in a token a key lies, found another text: {0}")]
    Form(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PointerFile {
    form: u32,
    module: PathBuf,
    token: String,
    serial: String,
    id: String,
    public: String,
}

impl Pointer {
    /// Reads the file.
    ///
    /// # Errors
    /// [`InvalidPointer`].
    pub fn read(text: &str) -> Result<Self, InvalidPointer> {
        let form = |why: &dyn fmt::Display| {
            let mut said = why.to_string();
            said.truncate(said.floor_char_boundary(SHOWN_BYTES));
            InvalidPointer::Form(said)
        };
        let table: toml::Table = toml::from_str(text).map_err(|why| form(&why.message()))?;
        match table.get("form").and_then(toml::Value::as_integer).map(u32::try_from) {
            Some(Ok(newer)) if newer > FORM => return Err(InvalidPointer::Newer(newer)),
            Some(Ok(FORM)) => {}
            _ => return Err(form(&"it has no form that is known")),
        }
        let file: PointerFile = table.try_into().map_err(|why| form(&why.message()))?;
        let public = STANDARD.decode(&file.public).map_err(|_| form(&"public is no base64"))?;
        let public = VerifyingKey::from_spki(&public).map_err(|why| form(&why))?;
        let id = hex::decode(&file.id).map_err(|_| form(&"id is no hex"))?;
        if id.is_empty() {
            return Err(form(&"id is empty"));
        }
        if !file.module.is_absolute() {
            return Err(form(&"module is no whole path"));
        }
        Ok(Self { module: file.module, token: file.token, serial: file.serial, id, public })
    }

    /// The file.
    ///
    /// # Errors
    /// The module's path is no text.
    pub fn write(&self) -> Result<String, InvalidPointer> {
        let file = PointerFile {
            form: FORM,
            module: self.module.clone(),
            token: self.token.clone(),
            serial: self.serial.clone(),
            id: hex::encode(&self.id),
            public: STANDARD.encode(self.public.spki()),
        };
        let text = toml::to_string(&file).map_err(|why| InvalidPointer::Form(why.to_string()))?;
        Ok(format!("{POINTER_HEAD}{text}"))
    }

    /// Whether it says that this key lies in this token.
    #[must_use]
    pub fn names(&self, token: &Token, key: &VerifyingKey) -> bool {
        self.is_in(token) && self.public == *key
    }

    fn is_in(&self, token: &Token) -> bool {
        token.info.serial_number() == self.serial && token.info.label() == self.token
    }

    /// The public part of the key.
    #[must_use]
    pub const fn public(&self) -> &VerifyingKey {
        &self.public
    }

    /// The module by which the token is reached.
    #[must_use]
    pub fn module(&self) -> &Path {
        &self.module
    }

    /// The token's label, as it can be shown.
    #[must_use]
    pub fn label(&self) -> String {
        visible(&self.token)
    }

    /// The token's serial number, as it can be shown.
    #[must_use]
    pub fn serial(&self) -> String {
        visible(&self.serial)
    }
}

/// A token that is there.
pub struct Token {
    pkcs11: Pkcs11,
    module: PathBuf,
    slot: Slot,
    info: TokenInfo,
}

impl Token {
    /// The token with this label, or the only one that the module shows.
    ///
    /// # Errors
    /// [`TokenError::Gone`], [`TokenError::Several`].
    pub fn choose(module: &Path, label: Option<&str>) -> Result<Self, TokenError> {
        let mut tokens = Self::all(module)?;
        let labels: Vec<String> = tokens.iter().map(Self::label).collect();
        let labels = if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
        tokens.retain(|token| label.is_none_or(|label| token.info.label() == label));
        match (tokens.pop(), tokens.is_empty()) {
            (Some(token), true) => Ok(token),
            (Some(_), false) => Err(TokenError::Several { module: module.to_owned(), labels }),
            (None, _) => Err(TokenError::Gone(format!(
                "{} shows no token{}; it shows {labels}",
                module.display(),
                label.map_or_else(String::new, |label| format!(" {}", visible(label))),
            ))),
        }
    }

    /// The token in which a key lies.
    ///
    /// # Errors
    /// [`TokenError::Gone`].
    pub fn of(pointer: &Pointer) -> Result<Self, TokenError> {
        let all = Self::all(&pointer.module)?;
        all.into_iter().find(|token| pointer.is_in(token)).ok_or_else(|| {
            let (label, serial, module) =
                (pointer.label(), pointer.serial(), pointer.module.display());
            let sentence = format!(
                "the token {label} (serial number {serial}) is not there: {module} does not show it"
            );
            TokenError::Gone(sentence)
        })
    }

    fn all(module: &Path) -> Result<Vec<Self>, TokenError> {
        let pkcs11 = opened(module)?;
        let unusable = |why| failed(&module.display().to_string(), "show its tokens", why);
        let mut all = Vec::new();
        for slot in pkcs11.get_slots_with_initialized_token().map_err(unusable)? {
            // One that is pulled out meanwhile is not there.
            let Ok(info) = pkcs11.get_token_info(slot) else { continue };
            all.push(Self { pkcs11: pkcs11.clone(), module: module.to_owned(), slot, info });
        }
        Ok(all)
    }

    /// Its label, as it can be shown.
    #[must_use]
    pub fn label(&self) -> String {
        visible(self.info.label())
    }

    /// Whether its PIN is typed on keys of its own.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.info.protected_authentication_path()
    }

    /// Whether it has seen its PIN in this program, or needs none.
    #[must_use]
    pub fn is_open(&self) -> bool {
        if !self.info.login_required() {
            return true;
        }
        let session = self.pkcs11.open_ro_session(self.slot);
        let state = session.and_then(|session| session.get_session_info());
        state.is_ok_and(|info| info.session_state() == SessionState::RoUser)
    }

    /// How many tries are left, as it says now.
    #[must_use]
    pub fn pin_left(&self) -> PinLeft {
        let info = self.pkcs11.get_token_info(self.slot);
        let info = info.as_ref().unwrap_or(&self.info);
        match (info.user_pin_final_try(), info.user_pin_count_low()) {
            (true, _) => PinLeft::One,
            (false, true) => PinLeft::Fewer,
            (false, false) => PinLeft::Unsaid,
        }
    }

    /// Shows it the PIN.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn log_in(&self, pin: Option<&str>) -> Result<LoggedIn, TokenError> {
        let label = self.label();
        let failed = |why| failed(&label, "open a session", why);
        let session = match self.pkcs11.open_rw_session(self.slot) {
            Err(Error::Pkcs11(RvError::TokenWriteProtected, _)) => {
                self.pkcs11.open_ro_session(self.slot)
            }
            opened => opened,
        };
        let session = session.map_err(failed)?;
        let pin = pin.map(AuthPin::from);
        if !self.is_open() {
            match session.login(UserType::User, pin.as_ref()) {
                Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
                Err(why) => return Err(self.not_logged_in(why)),
            }
        }
        let mechanisms = self.pkcs11.get_mechanism_list(self.slot);
        Ok(LoggedIn {
            session,
            module: self.module.clone(),
            token: self.info.label().to_owned(),
            serial: self.info.serial_number().to_owned(),
            mechanisms: mechanisms.unwrap_or_default(),
        })
    }

    fn not_logged_in(&self, why: Error) -> TokenError {
        let (label, info) = (self.label(), self.pkcs11.get_token_info(self.slot));
        if info.is_ok_and(|info| info.user_pin_locked()) {
            return TokenError::PinLocked(label);
        }
        match why {
            Error::Pkcs11(
                RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange,
                _,
            ) => TokenError::PinWrong { label, left: self.pin_left() },
            Error::Pkcs11(RvError::UserPinNotInitialized, _) => {
                TokenError::Cannot { label, what: "be opened: it has no PIN yet".to_owned() }
            }
            why => failed(&label, "take the PIN", why),
        }
    }
}

/// A token that has seen its PIN.
pub struct LoggedIn {
    session: Session,
    module: PathBuf,
    token: String,
    serial: String,
    mechanisms: Vec<MechanismType>,
}

impl LoggedIn {
    /// Makes a key pair: Ed25519 where the token can, else P-256.
    ///
    /// # Errors
    /// [`TokenError`]; then the token keeps nothing.
    pub fn generate(self, name: &str, id: &[u8]) -> Result<(TokenKey, Pointer), TokenError> {
        let (algorithm, public, private) = self.generate_pair(name, id)?;
        let made = [public, private];
        let key = self.public_part(algorithm, public);
        let key = key.inspect_err(|_| destroy(&self.session, &made))?;
        self.tried(key, id, private, &made)
    }

    /// Takes a key in, unless it is there already.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn take_in(self, key: &SigningKey, name: &str) -> Result<(TokenKey, Pointer), TokenError> {
        // The same key has the same place, so that taking it in again finds it.
        let (public, id) = (key.public().clone(), key.public().id());
        let id = &id.as_bytes()[..ID_BYTES];
        match self.find(id)? {
            Some(there) => self.tried(public, id, there, &[]),
            None => {
                let made = self.create(key, name, id)?;
                self.tried(public, id, made, &[made])
            }
        }
    }

    /// The key that a pointer names.
    ///
    /// # Errors
    /// [`TokenError::Gone`].
    pub fn key(self, pointer: &Pointer) -> Result<TokenKey, TokenError> {
        let Some(private) = self.find(&pointer.id)? else {
            let (label, id) = (self.label(), hex::encode(&pointer.id));
            return Err(TokenError::Gone(format!("the token {label} has no key {id} any more")));
        };
        Ok(TokenKey {
            label: self.label(),
            session: Mutex::new(self.session),
            private,
            public: pointer.public.clone(),
        })
    }

    fn label(&self) -> String {
        visible(&self.token)
    }

    fn generate_pair(
        &self,
        name: &str,
        id: &[u8],
    ) -> Result<(Algorithm, ObjectHandle, ObjectHandle), TokenError> {
        use Algorithm::{Ed25519, P256};
        let mut last = TokenError::Cannot {
            label: self.label(),
            what: "make a key: it knows neither Ed25519 nor P-256".to_owned(),
        };
        for (algorithm, kind, curve) in [
            (Ed25519, KeyType::EC_EDWARDS, EDWARDS_25519),
            (Ed25519, KeyType::EC_EDWARDS, EDWARDS_25519_OID),
            (P256, KeyType::EC, PRIME256V1),
        ] {
            let (signs, makes, mechanism) = match algorithm {
                Ed25519 => (
                    MechanismType::EDDSA,
                    MechanismType::ECC_EDWARDS_KEY_PAIR_GEN,
                    Mechanism::EccEdwardsKeyPairGen,
                ),
                _ => (
                    MechanismType::ECDSA,
                    MechanismType::ECC_KEY_PAIR_GEN,
                    Mechanism::EccKeyPairGen,
                ),
            };
            if ![signs, makes].iter().all(|needed| self.mechanisms.contains(needed)) {
                continue;
            }
            let public = [
                Attribute::Token(true),
                Attribute::KeyType(kind),
                Attribute::EcParams(curve.to_vec()),
                Attribute::Verify(true),
                Attribute::Label(name.as_bytes().to_vec()),
                Attribute::Id(id.to_vec()),
            ];
            let private = private_template(kind, name, id);
            match self.session.generate_key_pair(&mechanism, &public, &private) {
                Ok((public, private)) => return Ok((algorithm, public, private)),
                Err(why) => match failed(&self.label(), "make a key", why) {
                    // Another way to say the same, or another curve, may do.
                    cannot @ TokenError::Cannot { .. } => last = cannot,
                    failed => return Err(failed),
                },
            }
        }
        Err(last)
    }

    fn create(&self, key: &SigningKey, name: &str, id: &[u8]) -> Result<ObjectHandle, TokenError> {
        let (kind, curve) = match key.public().algorithm() {
            Algorithm::Ed25519 => (KeyType::EC_EDWARDS, EDWARDS_25519),
            Algorithm::P256 => (KeyType::EC, PRIME256V1),
            Algorithm::P384 => (KeyType::EC, SECP384R1),
        };
        let Some(secret) = key.secret() else {
            let what = "take this key in: its file has an unusual form".to_owned();
            return Err(TokenError::Cannot { label: self.label(), what });
        };
        let mut template = private_template(kind, name, id);
        template.push(Attribute::Class(ObjectClass::PRIVATE_KEY));
        template.push(Attribute::EcParams(curve.to_vec()));
        template.push(Attribute::Value(secret.to_vec()));
        let created = self.session.create_object(&template);
        if let Some(Attribute::Value(secret)) = template.last_mut() {
            secret.zeroize();
        }
        created.map_err(|why| failed(&self.label(), "take a key in", why))
    }

    fn public_part(
        &self,
        algorithm: Algorithm,
        public: ObjectHandle,
    ) -> Result<VerifyingKey, TokenError> {
        let failed = |why| failed(&self.label(), "show the public key", why);
        let read = self.session.get_attributes(public, &[AttributeType::EcPoint]);
        let Some(Attribute::EcPoint(point)) = read.map_err(failed)?.pop() else {
            return Err(failed(Error::InvalidValue));
        };
        // PKCS#11 wraps a point in an OCTET STRING; some tokens do not.
        let raw = match &point[..] {
            [4, length, raw @ ..] if usize::from(*length) == raw.len() => raw,
            raw => raw,
        };
        VerifyingKey::from_raw(algorithm, raw).map_err(|_| failed(Error::InvalidValue))
    }

    /// The key, once it is known to stay inside and has signed something that verifies. Of one that is
    /// no good, what was made just now is undone.
    fn tried(
        self,
        public: VerifyingKey,
        id: &[u8],
        private: ObjectHandle,
        made: &[ObjectHandle],
    ) -> Result<(TokenKey, Pointer), TokenError> {
        let stays = self.stays_inside(private).inspect_err(|_| destroy(&self.session, made));
        let label = stays.map(|()| self.label())?;
        let Self { session, module, token, serial, .. } = self;
        let pointer = Pointer { module, token, serial, id: id.to_vec(), public: public.clone() };
        let key = TokenKey { label, session: Mutex::new(session), private, public };
        match key.signature(b"liaison: a trial, which says nothing") {
            Ok(_) => Ok((key, pointer)),
            Err(why) => {
                destroy(&key.session(), made);
                Err(why)
            }
        }
    }

    /// A token that gives its keys away on demand would be no better than a file.
    fn stays_inside(&self, private: ObjectHandle) -> Result<(), TokenError> {
        let asked = [AttributeType::Sensitive, AttributeType::Extractable];
        let read = self.session.get_attributes(private, &asked);
        let read = read.map_err(|why| failed(&self.label(), "say how it keeps the key", why))?;
        let kept = [Attribute::Sensitive(true), Attribute::Extractable(false)];
        if kept.iter().all(|kept| read.contains(kept)) {
            return Ok(());
        }
        let what = "keep the key to itself: it would give it away".to_owned();
        Err(TokenError::Cannot { label: self.label(), what })
    }

    fn find(&self, id: &[u8]) -> Result<Option<ObjectHandle>, TokenError> {
        let wanted = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Id(id.to_vec())];
        let found = self.session.find_objects(&wanted);
        Ok(found.map_err(|why| failed(&self.label(), "look for the key", why))?.first().copied())
    }
}

/// What was begun and is not used. A token that keeps it all the same has a key that nobody names.
fn destroy(session: &Session, objects: &[ObjectHandle]) {
    for object in objects {
        let _ = session.destroy_object(*object);
    }
}

/// A private key in a token that has seen its PIN.
pub struct TokenKey {
    label: String,
    session: Mutex<Session>,
    private: ObjectHandle,
    public: VerifyingKey,
}

impl TokenKey {
    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, TokenError> {
        let algorithm = self.public.algorithm();
        let session = self.session();
        let signed = match algorithm.digest(message) {
            None => {
                let pure = EddsaParams::new(EddsaSignatureScheme::Ed25519);
                session.sign(&Mechanism::Eddsa(pure), self.private, message)
            }
            Some(digest) => session.sign(&Mechanism::Ecdsa, self.private, digest.as_ref()),
        };
        let raw = signed.map_err(|why| failed(&self.label, "sign", why))?;
        let signature = if algorithm == Algorithm::Ed25519 { raw } else { ecdsa_in_der(&raw) };
        match self.public.verify(message, &signature) {
            Ok(()) => Ok(signature),
            Err(_) => Err(TokenError::WrongSignature(self.label.clone())),
        }
    }
}

impl Signer for TokenKey {
    fn public(&self) -> &VerifyingKey {
        &self.public
    }

    fn sign(&self, message: &[u8], _: &dyn SecureRandom) -> Result<Vec<u8>, CannotSign> {
        self.signature(message)
            .map_err(|why| CannotSign::Kept { reason: why.reason().code(), why: why.to_string() })
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({:?} in {})", self.public, self.label)
    }
}

/// What makes a key stay where it is, and do nothing but sign.
fn private_template(kind: KeyType, name: &str, id: &[u8]) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::KeyType(kind),
        Attribute::Label(name.as_bytes().to_vec()),
        Attribute::Id(id.to_vec()),
    ]
}

/// The module, initialised: once in a process, which is how often PKCS#11 allows it.
fn opened(module: &Path) -> Result<Pkcs11, TokenError> {
    static OPENED: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(there) = opened.get(module) {
        return Ok(there.clone());
    }
    let gone = |why: Error| {
        TokenError::Gone(format!("{} is no PKCS#11 module here: {why}", module.display()))
    };
    if !module.is_absolute() || !module.exists() {
        let sentence = format!("the PKCS#11 module {} is not there", module.display());
        return Err(TokenError::Gone(sentence));
    }
    let pkcs11 = Pkcs11::new(module).map_err(gone)?;
    match pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(why) => return Err(gone(why)),
    }
    opened.insert(module.to_owned(), pkcs11.clone());
    Ok(pkcs11)
}

/// What a token said, as whoever stands before it understands it.
fn failed(label: &str, doing: &'static str, why: Error) -> TokenError {
    use RvError as Rv;
    let label = label.to_owned();
    let Error::Pkcs11(said, _) = &why else {
        return TokenError::Failed { label, doing, why: why.to_string() };
    };
    match said {
        Rv::DeviceRemoved
        | Rv::TokenNotPresent
        | Rv::TokenNotRecognized
        | Rv::SlotIdInvalid
        | Rv::SessionClosed
        | Rv::SessionHandleInvalid => {
            TokenError::Gone(format!("the token {label} was taken away ({said:?})"))
        }
        Rv::PinLocked => TokenError::PinLocked(label),
        Rv::MechanismInvalid
        | Rv::MechanismParamInvalid
        | Rv::CurveNotSupported
        | Rv::DomainParamsInvalid
        | Rv::FunctionNotSupported
        | Rv::TemplateInconsistent
        | Rv::TemplateIncomplete
        | Rv::AttributeValueInvalid
        | Rv::AttributeTypeInvalid
        | Rv::AttributeReadOnly
        | Rv::KeyTypeInconsistent
        | Rv::KeyFunctionNotPermitted
        | Rv::KeySizeRange
        | Rv::ActionProhibited
        | Rv::FunctionRejected
        | Rv::SessionReadOnly
        | Rv::TokenWriteProtected => {
            TokenError::Cannot { label, what: format!("{doing} ({said:?})") }
        }
        _ => TokenError::Failed { label, doing, why: format!("{said:?}") },
    }
}

const FORM: u32 = 1;
const POINTER_HEAD: &str = "# This private key lies in a token (PKCS#11). Here stands where; the \
                            key itself is not here.\n";
/// Length of a CKA_ID, in bytes.
pub const ID_BYTES: usize = 16;
/// CKA_EC_PARAMS in DER: names of curves, as PKCS#11 3.0 has them.
const EDWARDS_25519: &[u8] = b"\x13\x0cedwards25519";
/// The same as RFC 8410 names it: what some tokens want.
const EDWARDS_25519_OID: &[u8] = b"\x06\x03\x2b\x65\x70";
const PRIME256V1: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const SECP384R1: &[u8] = b"\x06\x05\x2b\x81\x04\x00\x22";

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer() -> Pointer {
        Pointer {
            module: "/usr/lib/softhsm/libsofthsm2.so".into(),
            token: "desk".to_owned(),
            serial: "6488210f59ecbc8f".to_owned(),
            id: vec![7; ID_BYTES],
            public: SigningKey::from_seed(&[7; 32]).public().clone(),
        }
    }

    #[test]
    fn golden_a_pointer_to_a_key_never_changes() {
        let golden = include_str!("../../tests/golden/keys/sign.token");
        assert_eq!(pointer().write().unwrap(), golden);
        assert_eq!(Pointer::read(golden).unwrap(), pointer());
    }

    #[test]
    fn a_pointer_that_says_anything_else_is_refused() {
        let text = pointer().write().unwrap();
        let with = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            Pointer::read(&text.replace(from, to))
        };
        assert_eq!(with("form = 1", "form = 2"), Err(InvalidPointer::Newer(2)));
        for (from, to) in [
            ("form = 1", "form = 0"),
            ("form = 1", "form = \"1\""),
            ("form = 1\n", ""),
            ("form = 1", "form = 1\npin = \"1234\""),
            ("serial", "number"),
            ("\"/usr/lib/", "\"lib/"),
            ("0707", "07x7"),
            ("id = \"07070707070707070707070707070707\"", "id = \"\""),
            ("public = \"MCow", "public = \"MCow!"),
            ("public = \"MCow", "public = \"MCowMCow"),
        ] {
            assert!(matches!(with(from, to), Err(InvalidPointer::Form(_))), "{from} -> {to}");
        }
        for end in 0..text.len() - 1 {
            assert!(Pointer::read(&text[..end]).is_err(), "{end}");
        }
        let long = with("serial", &"long".repeat(10_000)).unwrap_err().to_string();
        assert!(long.len() < 500, "{} bytes", long.len());
    }

    #[test]
    fn a_module_that_is_not_there_or_is_none_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let none = folder.path().join("module.so");
        for module in [Path::new("module.so"), &none] {
            let refused = Token::choose(module, None).err().unwrap();
            assert_eq!(refused.reason(), Here::TokenGone);
        }
        std::fs::write(&none, "no module").unwrap();
        let refused = Token::choose(&none, None).err().unwrap();
        assert!(refused.to_string().contains("is no PKCS#11 module"), "{refused}");
    }
}
