//! Private keys in files that only their user can read.
//!
//! In scope: making, loading and listing them; the files with their public parts. Out of scope:
//! whether the directory lists them; keeping one better than that (`protect`). Invariants: a key
//! file is never overwritten; stock tools read each (openssl: PKCS#8 PEM; age: identity files); of
//! one key there is one file, and no other is looked for when it cannot be used; a certificate is
//! only a wrapping of its key, for the directory decides whose key it is.
//!
//! ```text
//! keys/registrar/<id>/{sign.pem, tls.pem, tls.crt}      also operator/, auditor/; sign.token for sign.pem
//! keys/member/<m>/authority.pem
//! keys/member/<m>/<contact>/keeper.pem
//! keys/member/<m>/<contact>/<seat>/{sign.pem, seal.key, tls.pem, tls.crt}
//! ```
//!
//! Those that are to follow, and those that are retired, stand beside them: see `rotation`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::crypto::cert::PeerCertificate;
use crate::crypto::issue::{self, Validity};
use crate::crypto::seal::OpeningKey;
use crate::crypto::sign::{Algorithm, KeyId, Signer, SigningKey, VerifyingKey};
use crate::domain::directory::key::{PublicKey, Purpose, listed_sealing};
use crate::domain::directory::{RULES, possession};
use crate::domain::ids::{ContactId, MemberId, PersonId, SeatId};
use crate::signed::proto::{self, Use};
use crate::tls::{self, Identity};
use crate::wire::v1;

use super::armour::{self, InvalidArmour};
use super::files::{self, FileError};
use super::format;
use super::key_file::{Kept, KeyFile, PKCS8, is_there, load, pointer_beside};
use super::message::text::may_be_signed;
use super::unlock::Unlock;

pub use super::owner::{KeyError, Owner};

/// One private key in its file.
#[derive(Debug)]
pub struct Listed {
    /// Whose key it is.
    pub owner: Owner,
    /// What it is for.
    pub purpose: Purpose,
    /// Where its file lies.
    pub path: PathBuf,
    /// How it is kept, as far as that can be told.
    pub kept: Option<Kept>,
    /// One that is to follow, once the directory lists it.
    pub staged: bool,
    /// A seal key that opens old messages only.
    pub retired: bool,
    /// Its id, or why it cannot be used.
    pub id: Result<KeyId, KeyError>,
    /// The algorithm by which it signs.
    pub algorithm: Option<Algorithm>,
}

/// A key that signs statements.
#[derive(Debug)]
pub enum Held {
    /// In a file that says all.
    Open(Owner, SigningKey),
    /// Its user has to be asked for it. Its public part, if the file tells.
    Kept(Owner, Option<VerifyingKey>),
}

impl Held {
    /// Its id, if that can be told.
    #[must_use]
    pub fn id(&self) -> Option<KeyId> {
        match self {
            Self::Open(_, key) => Some(key.public().id()),
            Self::Kept(_, public) => public.as_ref().map(VerifyingKey::id),
        }
    }
}

/// All private keys of one user.
#[derive(Clone, Debug)]
pub struct Keys {
    pub(super) home: PathBuf,
    root: PathBuf,
    pub(super) unlock: Unlock,
}

impl Keys {
    /// Those of the home in this folder. Nobody is asked for what opens them.
    #[must_use]
    pub fn of(home: &Path) -> Self {
        Self { home: home.to_owned(), root: home.join("keys"), unlock: Unlock::default() }
    }

    /// The same, opened in this way.
    #[must_use]
    pub fn opened_by(self, unlock: Unlock) -> Self {
        Self { unlock, ..self }
    }

    /// The home in which they stand.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// Makes all keys of an owner: Ed25519 to sign and connect, X-Wing to open.
    ///
    /// # Errors
    /// There is one already: then nothing is made.
    pub fn create(&self, owner: &Owner, ambient: &Ambient) -> Result<(), KeyError> {
        format::claim(&self.home)?;
        for (purpose, path) in self.vacant(owner)? {
            match purpose {
                Purpose::SeatSeal => create_opening(&path, ambient)?,
                _ => create_signing(&path, ambient)?,
            }
        }
        Ok(())
    }

    /// The files of an owner who has none.
    pub(super) fn vacant(&self, owner: &Owner) -> Result<Vec<(Purpose, PathBuf)>, KeyError> {
        let files = self.files(owner);
        match files.iter().find(|(_, path)| is_there(path)) {
            Some((_, path)) => {
                let path = if path.exists() { path.clone() } else { pointer_beside(path) };
                Err(KeyError::Exists { owner: owner.clone(), path })
            }
            None => Ok(files),
        }
    }

    /// Makes the one key of a safe seat: to open with, and nothing else.
    ///
    /// # Errors
    /// There is one already.
    pub fn create_safe_seat(&self, seat: &SeatId, ambient: &Ambient) -> Result<(), KeyError> {
        format::claim(&self.home)?;
        let path = self.seat_folder(seat).join(SEAL);
        if path.exists() {
            return Err(KeyError::Exists { owner: Owner::Seat(seat.clone()), path });
        }
        create_opening(&path, ambient)
    }

    /// The key with which an owner signs, wherever it lies. He is asked for what opens it, once.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn signer(&self, owner: &Owner, ambient: &Ambient) -> Result<Arc<dyn Signer>, KeyError> {
        let path = self.sign_path(owner);
        match KeyFile::read(owner, &path, ambient)? {
            KeyFile::Token(pointer) => self.unlock.in_token(owner, &pointer),
            file => Ok(Arc::new(self.here(owner, &path, file, ambient)?)),
        }
    }

    /// The same of a key that lies here: a seat's, of which nobody is asked.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn signing(&self, owner: &Owner, ambient: &Ambient) -> Result<SigningKey, KeyError> {
        self.load_signing(owner, &self.sign_path(owner), ambient)
    }

    /// The keys with which a seat opens: its own first, then one that is to follow, then those retired.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn opening(&self, seat: &SeatId) -> Result<Vec<OpeningKey>, KeyError> {
        let (owner, folder) = (Owner::Seat(seat.clone()), self.seat_folder(seat));
        // In the order in which a key moves: none is missed while one does.
        let next = if_there(load_opening(&owner, &folder.join(NEXT).join(SEAL)))?;
        let own = match (load_opening(&owner, &folder.join(SEAL)), &next) {
            (Err(KeyError::Missing { .. }), Some(_)) => None,
            (own, _) => Some(own?),
        };
        let mut keys: Vec<OpeningKey> = own.into_iter().chain(next).collect();
        for name in names_in(&folder)?.iter().filter(|name| is_retired(name)) {
            // One that was forgotten meanwhile is none.
            keys.extend(if_there(load_opening(&owner, &folder.join(name)))?);
        }
        Ok(keys)
    }

    /// What an owner connects with: its TLS key and the certificate beside it. A certificate that
    /// is missing or over is made anew, for ten years.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn tls(&self, owner: &Owner, ambient: &Ambient) -> Result<Identity, KeyError> {
        let _held = self.held_while_a_key_moves(owner);
        self.identity(owner, &self.tls_path(owner)?, ambient)
    }

    /// The TLS key of this file, with the certificate beside it.
    pub(super) fn identity(
        &self,
        owner: &Owner,
        path: &Path,
        ambient: &Ambient,
    ) -> Result<Identity, KeyError> {
        let key = self.load_signing(owner, path, ambient)?;
        let beside = path.with_extension("crt");
        let chain = match read_chain(&beside)? {
            Some(chain) if in_its_dates(&chain, &key, ambient.now(), &beside)? => chain,
            _ => vec![renew_certificate(&beside, &key, ambient)?],
        };
        Identity::new(&chain, &key).map_err(|why| match why {
            tls::InvalidIdentity::NoCertificate | tls::InvalidIdentity::NotItsKey(_) => {
                KeyError::Certificate { path: beside }
            }
        })
    }

    /// Every private key, by owner. One that cannot be used is listed with the reason.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn list(&self, ambient: &Ambient) -> Result<Vec<Listed>, KeyError> {
        let mut all = Vec::new();
        for owner in self.owners()? {
            let own = self.files(&owner).into_iter().map(|(purpose, path)| (purpose, path, OWN));
            let next = self.next_files(&owner).into_iter();
            let next = next.map(|(purpose, path)| (purpose, path, NEXT_ONE));
            let retired = self.retired_files(&owner)?.into_iter();
            let retired = retired.map(|path| (Purpose::SeatSeal, path, RETIRED_ONE));
            for (purpose, path, (staged, retired)) in own.chain(next).chain(retired) {
                if is_there(&path) {
                    let listed = listed(owner.clone(), purpose, path, ambient);
                    all.push(Listed { staged, retired, ..listed });
                }
            }
        }
        Ok(all)
    }

    /// Every owner that has a folder or a key here, by kind and id.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn owners(&self) -> Result<Vec<Owner>, KeyError> {
        let mut owners = Vec::new();
        for kind in ["registrar", "operator", "auditor"] {
            let owner = match kind {
                "registrar" => Owner::Registrar,
                "operator" => Owner::Operator,
                _ => Owner::Auditor,
            };
            let names = names_in(&self.root.join(kind))?;
            owners.extend(names.iter().filter_map(|name| id_of(name).parse().ok()).map(owner));
        }
        let members = self.root.join("member");
        for member in names_in(&members)? {
            let Ok(id) = id_of(&member).parse::<MemberId>() else { continue };
            owners.push(Owner::Authority(id.clone()));
            for contact in names_in(&members.join(&member))? {
                let Ok(id) = ContactId::new(&id, id_of(&contact)) else { continue };
                owners.push(Owner::Keeper(id.clone()));
                let seats = names_in(&members.join(&member).join(&contact))?;
                let seats = seats.iter().filter_map(|seat| SeatId::new(&id, id_of(seat)).ok());
                owners.extend(seats.map(Owner::Seat));
            }
        }
        owners.retain(|owner| {
            let files = self.files(owner).into_iter().chain(self.next_files(owner));
            files.into_iter().any(|(_, path)| is_there(&path))
        });
        Ok(owners)
    }

    /// Every key here that signs statements and can be read, those that are to follow among them: which
    /// of an owner's counts, the directory says. Nobody is asked for those that are kept.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn all_signing(&self, ambient: &Ambient) -> Result<Vec<Held>, KeyError> {
        let held = self.owners()?.into_iter().flat_map(|owner| {
            let next = self.next_signing(&owner, ambient).ok().flatten();
            let next = next.map(|key| Held::Open(owner.clone(), key));
            let own =
                KeyFile::read(&owner, &self.sign_path(&owner), ambient).ok().map(
                    |file| match file {
                        KeyFile::Open(key) => Held::Open(owner.clone(), key),
                        KeyFile::Closed { public, .. } => Held::Kept(owner.clone(), public),
                        KeyFile::Token(pointer) => {
                            Held::Kept(owner.clone(), Some(pointer.public().clone()))
                        }
                    },
                );
            [next, own].into_iter().flatten()
        });
        Ok(held.collect())
    }

    /// The key with which an owner signs, as statements list it: with the proof that he holds it.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn listed(&self, owner: &Owner, ambient: &Ambient) -> Result<proto::PublicKey, KeyError> {
        let key = self.signer(owner, ambient)?;
        prove(&*key, &owner.holder(), owner.signs_as(), ambient)
    }

    /// The same for the key with which he connects.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn listed_tls(
        &self,
        owner: &Owner,
        ambient: &Ambient,
    ) -> Result<proto::PublicKey, KeyError> {
        let key = self.load_signing(owner, &self.tls_path(owner)?, ambient)?;
        prove(&key, &owner.holder(), Use::Tls, ambient)
    }

    /// A PERSON file: what a registrar, operator or auditor gives to those who write the charter.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn person(&self, owner: &Owner, name: &str, ambient: &Ambient) -> Result<String, KeyError> {
        let id = match owner {
            Owner::Registrar(id) | Owner::Operator(id) | Owner::Auditor(id) => id.to_string(),
            Owner::Authority(_) | Owner::Keeper(_) | Owner::Seat(_) => {
                let what = "stand in the charter";
                return Err(KeyError::NoSuchPurpose { owner: owner.clone(), what });
            }
        };
        let person = proto::Person {
            id,
            name: name.to_owned(),
            sign: Some(self.listed(owner, ambient)?),
            tls: Some(self.listed_tls(owner, ambient)?),
        };
        Ok(armour::write(armour::Kind::Person, &person))
    }

    /// An AUTHORITY, KEEPER or SEAT file: what the holder gives to whoever lists its keys.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn public(&self, owner: &Owner, ambient: &Ambient) -> Result<String, KeyError> {
        let one = |holder: String| -> Result<v1::PublicKeys, KeyError> {
            let sign = vec![self.listed(owner, ambient)?];
            Ok(v1::PublicKeys { holder, sign, ..v1::PublicKeys::default() })
        };
        let (kind, keys) = match owner {
            Owner::Authority(id) => (armour::Kind::Authority, one(id.to_string())?),
            Owner::Keeper(id) => (armour::Kind::Keeper, one(id.to_string())?),
            Owner::Seat(seat) => (armour::Kind::Seat, self.public_of_seat(seat, ambient)?),
            Owner::Registrar(_) | Owner::Operator(_) | Owner::Auditor(_) => {
                let what = "be listed without a name: write a PERSON file";
                return Err(KeyError::NoSuchPurpose { owner: owner.clone(), what });
            }
        };
        Ok(armour::write(kind, &keys))
    }

    fn public_of_seat(&self, seat: &SeatId, ambient: &Ambient) -> Result<v1::PublicKeys, KeyError> {
        let (owner, folder) = (Owner::Seat(seat.clone()), self.seat_folder(seat));
        let seal = load_opening(&owner, &folder.join(SEAL))?;
        let safe = !folder.join(SIGN).exists() && !folder.join(TLS).exists();
        Ok(v1::PublicKeys {
            holder: seat.to_string(),
            sign: if safe { Vec::new() } else { vec![self.listed(&owner, ambient)?] },
            tls: if safe { None } else { Some(self.listed_tls(&owner, ambient)?) },
            seal: Some(listed_sealing(seal.public().as_bytes())),
        })
    }

    /// The files of an owner, by purpose.
    pub(super) fn files(&self, owner: &Owner) -> Vec<(Purpose, PathBuf)> {
        let sign = self.sign_path(owner);
        match owner {
            Owner::Registrar(_) | Owner::Operator(_) | Owner::Auditor(_) => {
                let tls = sign.with_file_name(TLS);
                vec![(Purpose::PersonSign, sign), (Purpose::PersonTls, tls)]
            }
            Owner::Authority(_) => vec![(Purpose::Authority, sign)],
            Owner::Keeper(_) => vec![(Purpose::Keeper, sign)],
            Owner::Seat(_) => {
                let (seal, tls) = (sign.with_file_name(SEAL), sign.with_file_name(TLS));
                vec![(Purpose::SeatSign, sign), (Purpose::SeatSeal, seal), (Purpose::SeatTls, tls)]
            }
        }
    }

    pub(super) fn sign_path(&self, owner: &Owner) -> PathBuf {
        match owner {
            Owner::Registrar(id) => self.person_folder("registrar", id).join(SIGN),
            Owner::Operator(id) => self.person_folder("operator", id).join(SIGN),
            Owner::Auditor(id) => self.person_folder("auditor", id).join(SIGN),
            Owner::Authority(id) => self.member_folder(id).join("authority.pem"),
            Owner::Keeper(id) => self.contact_folder(id).join("keeper.pem"),
            Owner::Seat(id) => self.seat_folder(id).join(SIGN),
        }
    }

    fn load_signing(
        &self,
        owner: &Owner,
        path: &Path,
        ambient: &Ambient,
    ) -> Result<SigningKey, KeyError> {
        let file = KeyFile::read(owner, path, ambient)?;
        self.here(owner, path, file, ambient)
    }

    fn tls_path(&self, owner: &Owner) -> Result<PathBuf, KeyError> {
        match owner {
            Owner::Registrar(_) | Owner::Operator(_) | Owner::Auditor(_) | Owner::Seat(_) => {
                Ok(self.sign_path(owner).with_file_name(TLS))
            }
            Owner::Authority(_) | Owner::Keeper(_) => {
                Err(KeyError::NoSuchPurpose { owner: owner.clone(), what: "connect with" })
            }
        }
    }

    fn person_folder(&self, kind: &str, id: &PersonId) -> PathBuf {
        self.root.join(kind).join(files::file_name(id.as_str()))
    }

    fn member_folder(&self, id: &MemberId) -> PathBuf {
        self.root.join("member").join(files::file_name(id.as_str()))
    }

    pub(super) fn contact_folder(&self, id: &ContactId) -> PathBuf {
        self.member_folder(&id.member()).join(files::file_name(id.name()))
    }

    pub(super) fn seat_folder(&self, id: &SeatId) -> PathBuf {
        self.contact_folder(&id.contact()).join(files::file_name(id.name()))
    }
}

pub(super) fn create_signing(path: &Path, ambient: &Ambient) -> Result<(), KeyError> {
    let seed = Zeroizing::new(ambient.bytes());
    let pem = armour::encode(PKCS8, SigningKey::from_seed(&seed).pkcs8());
    Ok(files::create_private(path, pem.as_bytes())?)
}

pub(super) fn create_opening(path: &Path, ambient: &Ambient) -> Result<(), KeyError> {
    let seed = Zeroizing::new(ambient.bytes());
    let key = OpeningKey::from_seed(&seed);
    let at = i64::try_from(ambient.now()).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
    let created = at.map(|at| format!("# created: {at}\n")).unwrap_or_default();
    let recipient = key.public().to_recipient();
    let text = Zeroizing::new(format!(
        "{created}# public key: {recipient}\n{}\n",
        key.identity_line().as_str()
    ));
    Ok(files::create_private(path, text.as_bytes())?)
}

pub(super) fn load_signing(
    owner: &Owner,
    path: &Path,
    ambient: &Ambient,
) -> Result<SigningKey, KeyError> {
    let bytes = load(owner, path)?;
    let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
    let path = || path.to_owned();
    let der = armour::decode(PKCS8, &text).map_err(|why| KeyError::NotPem { path: path(), why })?;
    SigningKey::from_pkcs8(&der, ambient.random())
        .map_err(|why| KeyError::NotSigning { path: path(), why })
}

pub(super) fn load_opening(owner: &Owner, path: &Path) -> Result<OpeningKey, KeyError> {
    let bytes = load(owner, path)?;
    let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
    OpeningKey::from_identity(&text)
        .map_err(|why| KeyError::NotOpening { path: path.to_owned(), why })
}

/// The key, if there is one.
pub(super) fn if_there<K>(key: Result<K, KeyError>) -> Result<Option<K>, KeyError> {
    match key {
        Err(KeyError::Missing { .. }) => Ok(None),
        key => key.map(Some),
    }
}

/// The certificates of a file, the key's own first; none if there is no file.
fn read_chain(path: &Path) -> Result<Option<Vec<Vec<u8>>>, KeyError> {
    let Some(pem) = files::read_if_there(path, CHAIN_BYTES)? else { return Ok(None) };
    let read: Result<Vec<Vec<u8>>, _> =
        CertificateDer::pem_slice_iter(&pem).map(|der| der.map(|der| der.to_vec())).collect();
    match read {
        Ok(chain) if !chain.is_empty() => Ok(Some(chain)),
        _ => Err(KeyError::Certificate { path: path.to_owned() }),
    }
}

fn in_its_dates(
    chain: &[Vec<u8>],
    key: &SigningKey,
    now: u64,
    path: &Path,
) -> Result<bool, KeyError> {
    let own = chain.first().and_then(|der| PeerCertificate::parse(der).ok());
    match own {
        Some(own) if own.key() == key.public() => Ok(own.judge(now).is_ok()),
        _ => Err(KeyError::Certificate { path: path.to_owned() }),
    }
}

fn renew_certificate(
    path: &Path,
    key: &SigningKey,
    ambient: &Ambient,
) -> Result<Vec<u8>, KeyError> {
    let now = ambient.now();
    let validity = Validity {
        // A clock that is set back a little later must not make it invalid.
        not_before: now.saturating_sub(DAY),
        not_after: now.saturating_add(CERTIFICATE_DAYS * DAY),
        serial: ambient.bytes(),
    };
    let der = issue::self_signed_client(key, validity, ambient.random())?;
    // One that cannot be kept is made anew the next time.
    let _ = files::replace(path, armour::encode("CERTIFICATE", &der).as_bytes());
    Ok(der)
}

fn listed(owner: Owner, purpose: Purpose, path: PathBuf, ambient: &Ambient) -> Listed {
    let (staged, retired, pointer) = (false, false, pointer_beside(&path));
    if purpose == Purpose::SeatSeal {
        let id = load_opening(&owner, &path).map(|key| key.public().id());
        let kept = id.is_ok().then_some(Kept::File);
        return Listed { owner, purpose, path, kept, staged, retired, id, algorithm: None };
    }
    let (public, kept) = match KeyFile::read(&owner, &path, ambient) {
        Ok(file) => (file.public(&path).cloned(), Some(file.kept())),
        Err(why) => (Err(why), None),
    };
    let algorithm = public.as_ref().ok().map(VerifyingKey::algorithm);
    let id = public.map(|public| public.id());
    let path = if matches!(kept, Some(Kept::Token { .. })) { pointer } else { path };
    Listed { owner, purpose, path, kept, staged, retired, id, algorithm }
}

pub(super) fn names_in(folder: &Path) -> Result<Vec<String>, KeyError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(FileError::io("read", folder)(error).into()),
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names)
}

/// The id that `files::file_name` wrote: no id ends with an underscore.
fn id_of(name: &str) -> &str {
    name.trim_end_matches('_')
}

pub(super) fn is_retired(name: &str) -> bool {
    name.starts_with(RETIRED) && name.ends_with(".key")
}

/// A key as statements list it, with the proof that its holder has it.
///
/// # Errors
/// [`KeyError::NotSigned`].
pub fn prove(
    key: &dyn Signer,
    holder: &str,
    usage: Use,
    ambient: &Ambient,
) -> Result<proto::PublicKey, KeyError> {
    Ok(possession::prove(key, holder, usage, ambient.random())?)
}

/// Reads an AUTHORITY, KEEPER or SEAT file: its holder and keys, each shown to be the holder's.
///
/// # Errors
/// Another kind of file, a key that is none, or a proof that is another's.
pub fn read_public(kind: armour::Kind, text: &str) -> Result<v1::PublicKeys, InvalidArmour> {
    let file: v1::PublicKeys = armour::read(kind, text)?;
    let usage = match kind {
        armour::Kind::Authority => Use::Authority,
        armour::Kind::Keeper => Use::Keeper,
        armour::Kind::Service if file.holder.starts_with("relay/") => Use::Relay,
        armour::Kind::Service => Use::Log,
        armour::Kind::Seat
        | armour::Kind::Proposal
        | armour::Kind::Person
        | armour::Kind::Statement
        | armour::Kind::Invitation
        | armour::Kind::Admission => Use::Sign,
    };
    let sign = file.sign.iter().map(|key| (key, usage));
    for (key, usage) in sign.chain(file.tls.iter().map(|key| (key, Use::Tls))) {
        proven(kind, Some(key), &file.holder, usage)?;
    }
    if let Some(key) = &file.seal {
        PublicKey::sealing("seal", key, RULES)
            .map_err(|_| InvalidArmour::Content(kind.to_string()))?;
    }
    Ok(file)
}

/// What somebody is in the charter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Admits members, and decides charters.
    Registrar,
    /// Runs the machine.
    Operator,
    /// Reads the audit trail.
    Auditor,
}

impl Role {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registrar => "registrar",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }
}

/// Reads the PERSON file of somebody who is to have this role: the keys are shown to be his, for it.
///
/// # Errors
/// Another kind of file, a name that no charter can hold, a key that is none, or keys of another role.
pub fn read_person(role: Role, text: &str) -> Result<proto::Person, InvalidArmour> {
    let kind = armour::Kind::Person;
    let person: proto::Person = armour::read(kind, text)?;
    may_be_signed(&person.name).map_err(|why| InvalidArmour::Name { kind, why })?;
    let holder = format!("{}/{}", role.name(), person.id);
    proven(kind, person.sign.as_ref(), &holder, Use::Sign)?;
    proven(kind, person.tls.as_ref(), &holder, Use::Tls)?;
    Ok(person)
}

fn proven(
    kind: armour::Kind,
    key: Option<&proto::PublicKey>,
    holder: &str,
    usage: Use,
) -> Result<(), InvalidArmour> {
    let read = PublicKey::verifying("key", key, RULES)
        .map_err(|_| InvalidArmour::Content(kind.to_string()))?;
    let proof = key.map(|key| key.proof.clone()).unwrap_or_default();
    possession::verify(&read, holder, usage, &proof)
        .map_err(|_| InvalidArmour::NotShown { kind, holder: holder.to_owned() })
}

/// Where the new keys of a seat wait.
pub(super) const NEXT: &str = "next";
pub(super) const SIGN: &str = "sign.pem";
pub(super) const TLS: &str = "tls.pem";
pub(super) const SEAL: &str = "seal.key";
pub(super) const RETIRED: &str = "seal-retired-";
/// Whether a key that is listed is to follow, and whether it is retired.
const OWN: (bool, bool) = (false, false);
const NEXT_ONE: (bool, bool) = (true, false);
const RETIRED_ONE: (bool, bool) = (false, true);
const DAY: u64 = 86_400;
const CERTIFICATE_DAYS: u64 = 3_653;
/// Four certificates of the largest size read, in PEM.
const CHAIN_BYTES: u64 = 4 * 24 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::{ClientError, Family};
    use crate::client::mend::Mend;
    use crate::world::testlog::{NOW, ambient, ambient_at};

    fn keys() -> (tempfile::TempDir, Keys) {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::of(folder.path());
        (folder, keys)
    }

    fn seat() -> SeatId {
        "fr/cert-fr/duty-1".parse().unwrap()
    }

    fn everybody() -> [Owner; 6] {
        [
            Owner::Registrar("alice".parse().unwrap()),
            Owner::Operator("bob".parse().unwrap()),
            Owner::Auditor("carol".parse().unwrap()),
            Owner::Authority("fr".parse().unwrap()),
            Owner::Keeper("fr/cert-fr".parse().unwrap()),
            Owner::Seat(seat()),
        ]
    }

    #[test]
    fn identities_stand_side_by_side_and_are_never_overwritten() {
        let (_folder, keys) = keys();
        for owner in everybody() {
            assert!(matches!(keys.signing(&owner, &ambient()), Err(KeyError::Missing { .. })));
            keys.create(&owner, &ambient()).unwrap();
            assert!(matches!(keys.create(&owner, &ambient()), Err(KeyError::Exists { .. })));
            let id = keys.signing(&owner, &ambient()).unwrap().public().id();
            assert_eq!(keys.signing(&owner, &ambient()).unwrap().public().id(), id);
        }
        let list = keys.list(&ambient()).unwrap();
        let mut owners: Vec<Owner> = list.iter().map(|listed| listed.owner.clone()).collect();
        owners.dedup();
        assert_eq!(owners, everybody());
        let mut ids: Vec<KeyId> = list.iter().map(|listed| *listed.id.as_ref().unwrap()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 3 * 2 + 2 + 3);
        assert_eq!(keys.all_signing(&ambient()).unwrap().len(), 6);
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_command_that_mends_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, keys) = keys();
        let owner = Owner::Seat(seat());
        keys.create(&owner, &ambient()).unwrap();
        for (_, path) in keys.files(&owner) {
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600, "{}", path.display());
            for mode in [0o640, 0o604, 0o620, 0o601] {
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
                let refused = match path.extension().unwrap().to_str() {
                    Some("key") => keys.opening(&seat()).unwrap_err(),
                    _ => keys.load_signing(&owner, &path, &ambient()).unwrap_err(),
                };
                let error = ClientError::from(refused);
                assert_eq!(error.family, Family::IdentityOrKey);
                assert_eq!(error.reason.code(), "KEY_READABLE_BY_OTHERS");
                assert_eq!(error.mend.as_deref(), Some(&Mend::MakePrivate(path.clone())));
            }
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    #[test]
    fn a_certificate_is_made_and_made_anew_when_it_is_over() {
        let (_folder, keys) = keys();
        let owner = Owner::Seat(seat());
        keys.create(&owner, &ambient()).unwrap();
        let path = keys.tls_path(&owner).unwrap().with_extension("crt");
        keys.tls(&owner, &ambient()).unwrap();
        let first = std::fs::read(&path).unwrap();
        keys.tls(&owner, &ambient_at(NOW + 9 * 365 * DAY)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first);
        keys.tls(&owner, &ambient_at(NOW + 11 * 365 * DAY)).unwrap();
        assert_ne!(std::fs::read(&path).unwrap(), first);
        let other = Owner::Registrar("alice".parse().unwrap());
        keys.create(&other, &ambient()).unwrap();
        keys.tls(&other, &ambient()).unwrap();
        std::fs::copy(keys.tls_path(&other).unwrap().with_extension("crt"), &path).unwrap();
        assert!(matches!(keys.tls(&owner, &ambient()), Err(KeyError::Certificate { .. })));
    }

    #[test]
    fn a_p256_key_put_there_by_hand_is_read_and_an_old_pem_form_is_named() {
        let (_folder, keys) = keys();
        let owner = Owner::Registrar("alice".parse().unwrap());
        keys.create(&owner, &ambient()).unwrap();
        let pkcs8 = ring::signature::EcdsaKeyPair::generate_pkcs8(
            &ring::signature::ECDSA_P256_SHA256_ASN1_SIGNING,
            ambient().random(),
        )
        .unwrap();
        let path = keys.tls_path(&owner).unwrap();
        std::fs::write(&path, armour::encode(PKCS8, pkcs8.as_ref()).as_bytes()).unwrap();
        keys.tls(&owner, &ambient()).unwrap();
        std::fs::write(&path, armour::encode("EC PRIVATE KEY", b"sec1").as_bytes()).unwrap();
        let error = ClientError::from(keys.tls(&owner, &ambient()).unwrap_err());
        assert!(matches!(error.mend.as_deref(), Some(Mend::ToPkcs8(_))));
        std::fs::write(&path, "secret words").unwrap();
        let error = ClientError::from(keys.tls(&owner, &ambient()).unwrap_err());
        assert!(!error.sentence.contains("secret"), "{error}");
    }

    #[test]
    fn a_seal_key_is_an_identity_file_as_age_writes_it() {
        let (_folder, keys) = keys();
        keys.create(&Owner::Seat(seat()), &ambient()).unwrap();
        let text = std::fs::read_to_string(keys.seat_folder(&seat()).join(SEAL)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "# created: 2027-01-15T08:00:00Z");
        assert!(lines[1].starts_with("# public key: age1pq1"));
        assert!(lines[2].starts_with("AGE-SECRET-KEY-PQ-1"));
    }

    #[test]
    fn public_parts_are_carried_in_files_of_their_own_kind() {
        let (_folder, keys) = keys();
        everybody().iter().for_each(|owner| keys.create(owner, &ambient()).unwrap());
        let [alice, _, _, authority, keeper, seat] = everybody();
        let text = keys.person(&alice, "Alice", &ambient()).unwrap();
        let person = read_person(Role::Registrar, &text).unwrap();
        for other in [Role::Operator, Role::Auditor] {
            let refused = read_person(other, &text).unwrap_err();
            let holder = format!("{}/alice", other.name());
            assert_eq!(refused, InvalidArmour::NotShown { kind: armour::Kind::Person, holder });
        }
        // A name that no charter can hold is found before it stands in one.
        for (name, said) in [
            (" ", "the name in this LIAISON PERSON is blank"),
            (
                "Ali\u{202e}ce",
                "the name in this LIAISON PERSON holds U+202E, which no text may hold",
            ),
            (
                "\u{200e}Alice",
                "the name in this LIAISON PERSON holds U+200E, which no text may hold",
            ),
        ] {
            let text = keys.person(&alice, name, &ambient()).unwrap();
            let refused = read_person(Role::Registrar, &text).unwrap_err();
            assert_eq!(refused.to_string(), said);
        }
        let sign = keys.listed(&alice, &ambient()).unwrap();
        assert_eq!((person.id.as_str(), person.sign), ("alice", Some(sign)));
        for (owner, kind, holder) in [
            (&authority, armour::Kind::Authority, "fr"),
            (&keeper, armour::Kind::Keeper, "fr/cert-fr"),
            (&seat, armour::Kind::Seat, "fr/cert-fr/duty-1"),
        ] {
            let text = keys.public(owner, &ambient()).unwrap();
            let public = read_public(kind, &text).unwrap();
            assert_eq!((public.holder.as_str(), public.sign.len()), (holder, 1));
            assert_eq!(public.seal.is_some(), owner == &seat);
            // Under another name, or with the proof of another key, they are nobody's.
            let renamed = v1::PublicKeys { holder: format!("{holder}-2"), ..public.clone() };
            let mut unproven = public;
            unproven.sign[0].proof = vec![7; 64].into();
            for file in [renamed, unproven] {
                let refused = read_public(kind, &armour::write(kind, &file)).unwrap_err();
                assert!(matches!(refused, InvalidArmour::NotShown { .. }), "{refused}");
            }
        }
        assert!(keys.person(&seat, "x", &ambient()).is_err());
        assert!(keys.public(&alice, &ambient()).is_err());
        let safe: SeatId = "fr/cert-fr/safe".parse().unwrap();
        keys.create_safe_seat(&safe, &ambient()).unwrap();
        let text = keys.public(&Owner::Seat(safe), &ambient()).unwrap();
        let public = read_public(armour::Kind::Seat, &text).unwrap();
        assert!(public.sign.is_empty() && public.tls.is_none() && public.seal.is_some());
    }
}
