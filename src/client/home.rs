//! The folder in which one user's client keeps everything.
//!
//! In scope: where things stand, the configuration, the lock. Out of scope: what stands in keys
//! and replicas. Invariants: an invitation is verified before it is taken in; two programs side by
//! side never write one directory's files at the same time.
//!
//! ```text
//! format                           the number of this form, see `format`
//! config.toml                      directories and their addresses
//! keys/...                         see `keys`
//! directories/<name>/invitation    the file, as it came
//! directories/<name>/addresses     where its service was found last, then where else it may be
//! directories/<name>/charters      those behind it through which a fold of the log has passed
//! directories/<name>/charters-used those behind them that a chain of quorums has signed
//! directories/<name>/...           see `replica`
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::crypto::cert;
use crate::domain::ids::DirectoryName;
use crate::wire::v1;

use super::address::{Address, InvalidAddress};
use super::armour;
use super::charters;
use super::files::{self, FileError, Lock, MOMENTS};
use super::format::{self, WrongFormat};
use super::invitation::{InvalidInvitation, Invitation, Trust};
use super::keys::Keys;
use super::replica::tape;
use super::unlock::{Asks, Unlock};

/// Where one user's client keeps everything.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
    unlock: Unlock,
}

/// What `config.toml` of a home says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The directory that is meant where none is named and several were joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The directories joined, by name.
    #[serde(default)]
    pub directories: BTreeMap<String, DirectoryConfig>,
}

/// One directory joined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryConfig {
    /// `host` or `host:port`, tried in order.
    pub addresses: Vec<String>,
    /// The invitation, if it does not stand in its usual place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<PathBuf>,
}

/// Where a directory's service may be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// In the order in which they are tried.
    pub good: Vec<Address>,
    /// What cannot be used, and the file in which it stands.
    pub bad: Vec<(PathBuf, InvalidAddress)>,
}

impl Config {
    /// The default, if it is joined still.
    fn meant(&self) -> Option<&str> {
        let default = self.default.as_deref();
        default.filter(|default| self.directories.contains_key(*default))
    }
}

impl Addresses {
    fn add(&mut self, address: Address) {
        if !self.good.contains(&address) {
            self.good.push(address);
        }
    }

    fn read(&mut self, path: &Path, text: &str) {
        match Address::parse(text) {
            Ok(address) => self.add(address),
            Err(why) if self.bad.iter().any(|(_, before)| *before == why) => {}
            Err(why) => self.bad.push((path.to_owned(), why)),
        }
    }
}

/// The home cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The system names no place for data, and none was given.
    #[error("this system names no folder for data; give one with --home or LIAISON_HOME")]
    NoPlace,
    /// A home of another release.
    #[error(transparent)]
    Format(#[from] WrongFormat),
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// `config.toml` cannot be read.
    #[error("{}: {why}", path.display())]
    Config {
        /// The path of `config.toml`.
        path: PathBuf,
        /// Line and reason.
        why: String,
    },
    /// There is no such folder.
    #[error("nothing is in the home {}: there is no such folder", .0.display())]
    NoFolder(PathBuf),
    /// No directory was joined.
    #[error("no directory has been joined in the home {}", .0.display())]
    NoDirectory(PathBuf),
    /// Several were joined, and none was named.
    #[error("several directories have been joined ({0}), and none was named")]
    SeveralDirectories(String),
    /// This one was not joined.
    #[error("the directory {0} has not been joined")]
    NotJoined(String),
    /// The invitation does not hold together.
    #[error(transparent)]
    Invitation(#[from] InvalidInvitation),
    /// Another directory of this name was joined before.
    #[error("another directory named {0} was joined before: its genesis differs")]
    OtherGenesis(DirectoryName),
}

impl Home {
    /// The folder given (`--home`, `LIAISON_HOME`), else the system's own place.
    ///
    /// # Errors
    /// [`HomeError::NoPlace`], [`HomeError::Format`].
    pub fn find(given: Option<PathBuf>) -> Result<Self, HomeError> {
        let system = || dirs::data_dir().map(|data| data.join("liaison"));
        // A variable that is empty is not set.
        let given = given.filter(|given| !given.as_os_str().is_empty());
        let root = given.or_else(system).ok_or(HomeError::NoPlace)?;
        format::check(&root)?;
        Ok(Self::at(root))
    }

    /// The home in this folder, whether it is there or not.
    #[must_use]
    pub fn at(root: PathBuf) -> Self {
        Self { root, unlock: Unlock::default() }
    }

    /// The same, whose user is asked there for what opens his keys.
    #[must_use]
    pub fn asking(self, asks: Arc<dyn Asks>) -> Self {
        Self { unlock: Unlock::asking(asks), ..self }
    }

    /// Sees whether there is such a folder. What is kept first makes it.
    ///
    /// # Errors
    /// [`HomeError::NoFolder`].
    pub fn is_there(&self) -> Result<(), HomeError> {
        let there = self.root.is_dir() || !matches!(self.root.try_exists(), Ok(false));
        there.then_some(()).ok_or_else(|| HomeError::NoFolder(self.root.clone()))
    }

    /// The folder that holds all of it.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The private keys.
    #[must_use]
    pub fn keys(&self) -> Keys {
        Keys::of(&self.root).opened_by(self.unlock.clone())
    }

    /// The folder of one directory.
    #[must_use]
    pub fn folder(&self, name: &DirectoryName) -> PathBuf {
        self.root.join("directories").join(files::file_name(name.as_str()))
    }

    /// The configuration; an empty one if there is none yet.
    ///
    /// # Errors
    /// [`HomeError::Format`], [`HomeError::File`], [`HomeError::Config`].
    pub fn config(&self) -> Result<Config, HomeError> {
        format::check(&self.root)?;
        let path = self.config_path();
        let Some(bytes) = files::read_if_there(&path, CONFIG_BYTES)? else {
            return Ok(Config::default());
        };
        let text = String::from_utf8_lossy(&bytes);
        toml::from_str(&text)
            .map_err(|error| HomeError::Config { path, why: error.to_string().trim().to_owned() })
    }

    /// Writes the configuration.
    ///
    /// # Errors
    /// [`HomeError::File`], [`HomeError::Config`].
    pub fn set_config(&self, config: &Config) -> Result<(), HomeError> {
        let path = self.config_path();
        let text = toml::to_string(config)
            .map_err(|error| HomeError::Config { path: path.clone(), why: error.to_string() })?;
        Ok(files::replace(&path, text.as_bytes())?)
    }

    /// The directory of this name; without a name, the only one, or the default.
    ///
    /// # Errors
    /// It was not joined; none was, or several and none is the default.
    pub fn directory(&self, name: Option<&DirectoryName>) -> Result<DirectoryName, HomeError> {
        let config = self.config()?;
        let mut joined = config.directories.keys();
        let name = name.map(DirectoryName::as_str).or(config.meant());
        let found = match (name, joined.next(), joined.next()) {
            (Some(name), _, _) => {
                let joined = config.directories.contains_key(name);
                joined.then_some(name).ok_or(HomeError::NotJoined(name.to_owned()))?
            }
            (None, None, _) => {
                self.is_there()?;
                return Err(HomeError::NoDirectory(self.root.clone()));
            }
            (None, Some(only), None) => only,
            (None, Some(_), Some(_)) => {
                let all: Vec<&str> = config.directories.keys().map(String::as_str).collect();
                return Err(HomeError::SeveralDirectories(all.join(", ")));
            }
        };
        found.parse().map_err(|_| HomeError::NotJoined(found.to_owned()))
    }

    /// Lets a directory be meant where none is named.
    ///
    /// # Errors
    /// It was not joined; files.
    pub fn prefer(&self, name: &DirectoryName) -> Result<(), HomeError> {
        self.joined(name)?;
        self.set_config(&Config { default: Some(name.to_string()), ..self.config()? })
    }

    /// Uses a directory no more. What stands in its folder stays there, and whoever joins again goes on with it.
    ///
    /// # Errors
    /// It was not joined; files.
    pub fn leave(&self, name: &DirectoryName) -> Result<(), HomeError> {
        let mut config = self.config()?;
        if config.directories.remove(name.as_str()).is_none() {
            return Err(HomeError::NotJoined(name.to_string()));
        }
        config.default.take_if(|default| default.as_str() == name.as_str());
        self.set_config(&config)
    }

    /// Takes in an invitation, after its fingerprint was compared by people. Joining again takes
    /// over the new addresses.
    ///
    /// # Errors
    /// Another directory of the same name was joined before; files.
    pub fn join(&self, invitation: &Invitation) -> Result<DirectoryName, HomeError> {
        let name = invitation.trust().name().clone();
        // Also of one that was left meanwhile: what is kept of it is no other's.
        let before = self.trust(&name).or_else(|_| self.invitation_kept(&name));
        if before.is_ok_and(|before| before.genesis() != invitation.trust().genesis()) {
            return Err(HomeError::OtherGenesis(name));
        }
        format::claim(&self.root)?;
        let file = armour::write(armour::Kind::Invitation, invitation.message());
        files::replace(&self.folder(&name).join("invitation"), file.as_bytes())?;
        let mut config = self.config()?;
        let addresses = invitation.message().addresses.clone();
        config
            .directories
            .insert(name.to_string(), DirectoryConfig { addresses, invitation: None });
        self.set_config(&config)?;
        Ok(name)
    }

    /// Where a directory's service may be found: first what people have written and was not known
    /// when it was found last, then where it was found last, then all others.
    ///
    /// # Errors
    /// It was not joined.
    pub fn addresses(&self, name: &DirectoryName) -> Result<Addresses, HomeError> {
        let (written, known) = (self.written_addresses(name)?, self.known_addresses(name)?);
        let mut all = Addresses { good: written.good, bad: written.bad };
        all.good.retain(|address| !known.contains(address));
        known.into_iter().for_each(|address| all.add(address));
        Ok(all)
    }

    /// Keeps where a directory's service was found, and where it says that it can be found; if it
    /// says nothing, what it said before stands. What people have written is never forgotten.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn found_at(
        &self,
        name: &DirectoryName,
        found: &Address,
        said: &[Address],
    ) -> Result<(), HomeError> {
        let before = self.known_addresses(name)?;
        let mut all = Addresses { good: vec![found.clone()], bad: Vec::new() };
        let said = if said.is_empty() { &before } else { said };
        let written = self.written_addresses(name)?.good;
        written.iter().chain(said).for_each(|address| all.add(address.clone()));
        if all.good == before {
            return Ok(());
        }
        let lines = all.good.iter().map(|address| format!("{address}\n"));
        let _lock = self.lock(name)?;
        Ok(files::replace(&self.folder(name).join(FOUND), lines.collect::<String>().as_bytes())?)
    }

    /// Keeps the certificate that the service showed last, DER: until when it holds is said offline, too.
    ///
    /// # Errors
    /// [`HomeError::File`].
    pub fn saw_certificate(&self, name: &DirectoryName, der: &[u8]) -> Result<(), HomeError> {
        let path = self.folder(name).join(SHOWN);
        if self.certificate_seen(name).as_deref() == Some(der) {
            return Ok(());
        }
        let _lock = self.lock(name)?;
        Ok(files::put(&path, der)?)
    }

    /// The certificate that the service showed last; none was seen, or it is not readable any more.
    #[must_use]
    pub fn certificate_seen(&self, name: &DirectoryName) -> Option<Vec<u8>> {
        let limit = cert::CERTIFICATE_MAX as u64;
        files::read_if_there(&self.folder(name).join(SHOWN), limit).ok()?
    }

    /// Those of the configuration and of the invitation.
    fn written_addresses(&self, name: &DirectoryName) -> Result<Addresses, HomeError> {
        let joined = self.joined(name)?;
        let mut written = Addresses::default();
        joined.addresses.iter().for_each(|text| written.read(&self.config_path(), text));
        let path = self.invitation_file(name, &joined);
        let text = files::read_if_there(&path, armour::FILE_BYTES as u64)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        // What is wrong with the file is said where it is believed.
        let invited = armour::read::<v1::Invitation>(armour::Kind::Invitation, &text);
        let invited = invited.unwrap_or_default().addresses;
        invited.iter().for_each(|text| written.read(&path, text));
        Ok(written)
    }

    /// Where the administration may be found, as the invitation says.
    ///
    /// # Errors
    /// It was not joined.
    pub fn admin_addresses(&self, name: &DirectoryName) -> Result<Addresses, HomeError> {
        let path = self.invitation_file(name, &self.joined(name)?);
        let text = files::read_if_there(&path, armour::FILE_BYTES as u64)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let invited = armour::read::<v1::Invitation>(armour::Kind::Invitation, &text);
        let mut found = Addresses::default();
        let invited = invited.unwrap_or_default().admin_addresses;
        invited.iter().for_each(|text| found.read(&path, text));
        Ok(found)
    }

    fn joined(&self, name: &DirectoryName) -> Result<DirectoryConfig, HomeError> {
        let found = self.config()?.directories.remove(name.as_str());
        found.ok_or_else(|| HomeError::NotJoined(name.to_string()))
    }

    fn invitation_file(&self, name: &DirectoryName, joined: &DirectoryConfig) -> PathBuf {
        let usual = || self.folder(name).join("invitation");
        joined.invitation.as_ref().map_or_else(usual, |path| self.root.join(path))
    }

    /// What the invitation says that stands in a directory's folder, joined or not.
    fn invitation_kept(&self, name: &DirectoryName) -> Result<Trust, HomeError> {
        let text = files::read(&self.folder(name).join("invitation"), armour::FILE_BYTES as u64)?;
        Ok(Invitation::read(&String::from_utf8_lossy(&text))?.into_trust())
    }

    fn known_addresses(&self, name: &DirectoryName) -> Result<Vec<Address>, HomeError> {
        let text = files::read_if_there(&self.folder(name).join(FOUND), CONFIG_BYTES)?;
        let text = text.unwrap_or_default();
        let lines = String::from_utf8_lossy(&text);
        Ok(lines.lines().filter_map(|line| Address::parse(line).ok()).collect())
    }

    /// The invitation to a directory, verified again.
    ///
    /// # Errors
    /// It was not joined, or the file was altered.
    pub fn invitation(&self, name: &DirectoryName) -> Result<Invitation, HomeError> {
        let path = self.invitation_file(name, &self.joined(name)?);
        let text = files::read(&path, armour::FILE_BYTES as u64)?;
        let invitation = Invitation::read(&String::from_utf8_lossy(&text))?;
        if invitation.trust().name() != name {
            return Err(HomeError::NotJoined(name.to_string()));
        }
        Ok(invitation)
    }

    /// What is believed of a directory without a replica: the invitation's charter, those pinned
    /// since, and those in use behind them.
    ///
    /// # Errors
    /// It was not joined, or a file was altered.
    pub fn trust(&self, name: &DirectoryName) -> Result<Trust, HomeError> {
        let mut trust = self.invitation(name)?.into_trust();
        let (folder, invited) = (self.folder(name), trust.charter().newest.version);
        let mut pinned = tape::read(&folder.join(PINNED))?.records;
        // Joined again, with a newer invitation: the log holds what stood before it.
        pinned.retain(|entry| version_of(entry).is_none_or(|version| version >= invited));
        trust.pin(&pinned);
        trust.put_to_use(&tape::read(&folder.join(USED))?.records);
        Ok(trust)
    }

    /// Keeps the charters in use behind those that are pinned.
    ///
    /// # Errors
    /// [`HomeError::File`].
    pub fn use_charters(&self, name: &DirectoryName, entries: &[Bytes]) -> Result<(), HomeError> {
        let _lock = self.lock(name)?;
        Ok(tape::write(&self.folder(name).join(USED), entries)?)
    }

    /// The right to write one directory's files. Held for moments, never over the network.
    ///
    /// # Errors
    /// [`HomeError::File`].
    pub fn lock(&self, name: &DirectoryName) -> Result<Lock, FileError> {
        lock(&self.folder(name))
    }

    fn config_path(&self) -> PathBuf {
        self.root.join("config.toml")
    }
}

/// Waits for the right to write in a folder.
pub(super) fn lock(folder: &Path) -> Result<Lock, FileError> {
    files::lock(&folder.join("lock"), MOMENTS)
}

/// The version of a charter as it stands in the log.
fn version_of(entry: &[u8]) -> Option<u64> {
    let (statement, _) = charters::logged(entry).ok()?;
    let (_, charter) = charters::read(&statement).ok()?;
    charter.targets.first().map(|target| target.version)
}

const FOUND: &str = "addresses";
const SHOWN: &str = "service-certificate";
pub(super) const PINNED: &str = "charters";
pub(super) const USED: &str = "charters-used";
/// Addresses of a thousand directories.
const CONFIG_BYTES: u64 = 1 << 20;
