//! The service's own keys: which are here, and which of them signs.
//!
//! In scope: the choice, which is the charter's alone; staging, retiring. Out of scope: files
//! (`operate/keys.rs`), the node's certificate (`node`). Invariants: what signs follows from the
//! directory and a size, so there are never two and never none; no charter is admitted under which none
//! could; no key that the charter in force lists is let go of.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use prost::Message as _;
use tokio::task::spawn_blocking;

use crate::ambient::Ambient;
use crate::crypto::cert::PeerCertificate;
use crate::crypto::hash::Digest;
use crate::crypto::sign::{KeyId, SigningKey, VerifyingKey};
use crate::domain::directory::key::{Holder, KnownKey};
use crate::domain::directory::{Directory, possession};
use crate::domain::refusal::{OwnKey, Refusal};
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Use};

use super::{Failure, Service};

/// A key that is here.
pub struct HeldKey {
    /// What it is for.
    pub of: OwnKey,
    /// SHA-256 of the public key, or of the certificate of a service authority: as the charter lists it.
    pub id: KeyId,
    /// What signs; none of an authority, whose key is read when it issues.
    pub key: Option<SigningKey>,
    /// The certificate of an authority, DER; of others nothing.
    pub certificate: Bytes,
    /// Where it is kept.
    pub place: String,
}

impl HeldKey {
    /// One that signs.
    #[must_use]
    pub fn signing(of: OwnKey, key: SigningKey, place: String) -> Self {
        let (id, certificate) = (key.public().id(), Bytes::new());
        Self { of, id, key: Some(key), certificate, place }
    }

    /// An authority, which issues the node's certificates.
    #[must_use]
    pub fn authority(certificate: Bytes, place: String) -> Self {
        let (of, id) = (OwnKey::Authority, KeyId::of(&certificate));
        Self { of, id, key: None, certificate, place }
    }
}

/// Where keys are kept. Each may take as long as a file takes to be written.
pub trait Keep: Send + Sync {
    /// Makes one more; it is durable when this returns.
    ///
    /// # Errors
    /// In words.
    fn make(&self, of: OwnKey) -> Result<HeldKey, String>;

    /// Deletes one, so that it stays away.
    ///
    /// # Errors
    /// In words.
    fn delete(&self, key: &HeldKey) -> Result<(), String>;
}

/// What stands of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// No charter has listed it yet.
    Staged,
    /// It is the one that signs.
    InForce,
    /// The charter in force lists it, and another signs.
    Overlapping,
    /// The charter in force does not list it any more.
    Retired,
}

impl KeyState {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::InForce => "in force",
            Self::Overlapping => "overlapping",
            Self::Retired => "retired",
        }
    }
}

/// A key that is here, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What it is for.
    pub of: OwnKey,
    /// The id by which a charter lists it.
    pub id: KeyId,
    /// What stands of it.
    pub state: KeyState,
    /// Where it is kept.
    pub place: String,
}

/// A key for the next charter.
#[derive(Clone, Debug, PartialEq)]
pub struct Staged {
    /// What it is for.
    pub of: OwnKey,
    /// The id by which a charter would list it.
    pub id: KeyId,
    /// As a charter lists a log or relay key, with the proof that it is here; none of an authority.
    pub listed: Option<proto::PublicKey>,
    /// As a charter lists an authority, DER; empty of others.
    pub certificate: Bytes,
    /// Whether it was made before: whoever has the keys folder of then has it too.
    pub before: bool,
}

/// Why a key of the service is not staged or retired.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// There is none of this id.
    #[error("the service has no key {0}")]
    NoSuchKey(KeyId),
    /// The charter in force lists it.
    #[error(
        "the {} {id} stands in the charter in force: it is retired once a charter without it is",
        .of.name()
    )]
    StillListed {
        /// What it is for.
        of: OwnKey,
        /// Which key, by its id.
        id: KeyId,
    },
    /// The disk, or the randomness.
    #[error("the keys of the service cannot be changed: {0}")]
    NotKept(String),
}

impl NotDone {
    /// For scripts; it never changes.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchKey(_) => "NO_SUCH_KEY",
            Self::StillListed { .. } => "KEY_LISTED",
            Self::NotKept(_) => "NOT_KEPT",
        }
    }
}

impl From<NotDone> for Refusal {
    fn from(why: NotDone) -> Self {
        match why {
            NotDone::NoSuchKey(id) => Self::UnknownServiceKey(id),
            NotDone::StillListed { of, id } => Self::ServiceKeyListed { of, id },
            NotDone::NotKept(_) => Self::ServiceKeyNotKept,
        }
    }
}

/// All keys that are here. Clones are the same.
#[derive(Clone)]
pub struct Keys {
    held: Arc<ArcSwap<Vec<Arc<HeldKey>>>>,
    keep: Arc<dyn Keep>,
    /// One change at a time.
    changing: Arc<Mutex<()>>,
}

impl Keys {
    /// Those that are kept there.
    #[must_use]
    pub fn kept(held: Vec<HeldKey>, keep: Arc<dyn Keep>) -> Self {
        let held = held.into_iter().map(Arc::new).collect();
        Self { held: Arc::new(ArcSwap::from_pointee(held)), keep, changing: Arc::default() }
    }

    /// One of each, which die with the process: for trials and tests.
    #[must_use]
    pub fn in_memory(log: SigningKey, relay: SigningKey, ambient: Ambient) -> Self {
        let place = "memory".to_owned();
        let log = HeldKey::signing(OwnKey::Log, log, place.clone());
        let held = vec![log, HeldKey::signing(OwnKey::Relay, relay, place)];
        Self::kept(held, Arc::new(InMemory(ambient)))
    }

    /// How many of one use are here.
    #[cfg(test)]
    pub(crate) fn count(&self, of: OwnKey) -> usize {
        self.all().iter().filter(|held| held.of == of).count()
    }

    fn all(&self) -> Arc<Vec<Arc<HeldKey>>> {
        self.held.load_full()
    }

    fn find(&self, of: OwnKey, id: &KeyId) -> Option<Arc<HeldKey>> {
        self.all().iter().find(|held| held.of == of && held.id == *id).cloned()
    }

    /// What signs checkpoints of a directory.
    pub(super) fn log(&self, directory: &Directory) -> Option<Arc<HeldKey>> {
        self.find(OwnKey::Log, &directory.charter().log.last()?.id())
    }

    /// What signs for the relay with a view of so many entries: the last key of the charter in force
    /// there, by which readers believe it.
    pub(super) fn relay(&self, directory: &Directory, size: u64) -> Option<Arc<HeldKey>> {
        let charter = directory.charter();
        if charter.newest.leaf < size {
            return self.find(OwnKey::Relay, &charter.relay.last()?.id());
        }
        let known = |held: &HeldKey| directory.key(&held.id).filter(|key| key.believed_at(size));
        let held = self.all();
        let believed = held.iter().filter(|held| held.of == OwnKey::Relay);
        let believed = believed.filter_map(|held| Some((known(held)?.from, held)));
        believed.max_by_key(|(from, _)| *from).map(|(_, held)| Arc::clone(held))
    }

    /// Whether what signs for a directory is here.
    #[must_use]
    pub fn serve(&self, directory: &Directory) -> bool {
        self.log(directory).is_some() && self.relay(directory, directory.size()).is_some()
    }

    /// Whether the service can go on under a charter: the keys that would sign are here, and do.
    ///
    /// # Errors
    /// The first that is not, or does not.
    pub(super) fn sign_under(
        &self,
        charter: &proto::Charter,
        ambient: &Ambient,
    ) -> Result<(), Refusal> {
        for (of, listed) in [(OwnKey::Log, &charter.log), (OwnKey::Relay, &charter.relay)] {
            // Whoever lists none is refused by the rules.
            let Some(last) = listed.last() else { continue };
            let id = KeyId::of(&last.key);
            let held = self.find(of, &id).filter(|held| signs(held, ambient));
            held.ok_or(Refusal::ServiceKeyMissing { of, id })?;
        }
        Ok(())
    }

    /// Whether the key of one of these service authorities is here.
    pub(super) fn issue_under(&self, authorities: &[Bytes]) -> bool {
        authorities.iter().any(|der| self.find(OwnKey::Authority, &KeyId::of(der)).is_some())
    }

    /// Every key that is here, by what it is for.
    #[must_use]
    pub fn list(&self, directory: &Directory) -> Vec<Listed> {
        let listed = |held: &Arc<HeldKey>| {
            let (of, id, place) = (held.of, held.id, held.place.clone());
            Listed { of, id, state: state(held, directory), place }
        };
        let mut all: Vec<Listed> = self.all().iter().map(listed).collect();
        all.sort_by_key(|listed| (listed.of, listed.id));
        all
    }

    /// A key for the next charter: the one that was staged before, or a new one. What is staged is not
    /// lost with the answer.
    ///
    /// # Errors
    /// [`NotDone::NotKept`].
    pub fn stage(
        &self,
        of: OwnKey,
        directory: &Directory,
        ambient: &Ambient,
    ) -> Result<Staged, NotDone> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let held = self.all();
        let mut staged = held.iter().filter(|held| held.of == of);
        let found = staged.find(|held| state(held, directory) == KeyState::Staged).cloned();
        let before = found.is_some();
        let staged = match found {
            Some(found) => found,
            None => {
                let made = Arc::new(self.keep.make(of).map_err(NotDone::NotKept)?);
                let more = held.iter().cloned().chain([Arc::clone(&made)]);
                self.held.store(Arc::new(more.collect()));
                made
            }
        };
        let failed = |_| NotDone::NotKept("the system gives no randomness".to_owned());
        let listed = staged.key.as_ref().map(|key| {
            let (holder, usage) = shown_as(of, directory);
            possession::prove(key, &holder.to_string(), usage, ambient.random()).map_err(failed)
        });
        let (id, certificate) = (staged.id, staged.certificate.clone());
        Ok(Staged { of, id, listed: listed.transpose()?, certificate, before })
    }

    /// A key that may be let go of.
    ///
    /// # Errors
    /// [`NotDone`]: there is none of this id, or the charter in force lists it.
    pub fn may_retire(&self, id: &KeyId, directory: &Directory) -> Result<Listed, NotDone> {
        let mut listed = self.list(directory).into_iter();
        let key = listed.find(|key| key.id == *id).ok_or(NotDone::NoSuchKey(*id))?;
        match key.state {
            KeyState::InForce | KeyState::Overlapping => {
                Err(NotDone::StillListed { of: key.of, id: *id })
            }
            KeyState::Staged | KeyState::Retired => Ok(key),
        }
    }

    /// Deletes the private key of this id.
    ///
    /// # Errors
    /// [`NotDone`]: as [`Keys::may_retire`], or the disk.
    pub fn retire(&self, id: &KeyId, directory: &Directory) -> Result<Listed, NotDone> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let key = self.may_retire(id, directory)?;
        // Every copy of it: one that stays is back at the next start.
        let held = self.all();
        let (gone, others): (Vec<_>, Vec<_>) = held.iter().cloned().partition(|it| it.id == *id);
        gone.iter().try_for_each(|copy| self.keep.delete(copy)).map_err(NotDone::NotKept)?;
        self.held.store(Arc::new(others));
        Ok(key)
    }
}

/// A trial: a key that is damaged, or not the one of its public half, does not sign.
fn signs(held: &HeldKey, ambient: &Ambient) -> bool {
    let verifies = |key: &SigningKey| {
        let signature = key.sign(TRIAL, ambient.random()).ok()?;
        key.public().verify(TRIAL, &signature).ok()
    };
    held.key.as_ref().and_then(verifies).is_some()
}

/// Of no payload type: what it signs is nothing to anybody.
const TRIAL: &[u8] = b"liaison/trial/v1";

/// Whose a key of the service is, and for what, in its proof; an authority has none.
fn shown_as(of: OwnKey, directory: &Directory) -> (Holder, Use) {
    let name = directory.name().clone();
    match of {
        OwnKey::Log => (Holder::Log(name), Use::Log),
        OwnKey::Relay | OwnKey::Authority => (Holder::Relay(name), Use::Relay),
    }
}

fn state(held: &HeldKey, directory: &Directory) -> KeyState {
    let charter = directory.charter();
    let listed = match held.of {
        OwnKey::Log => &charter.log,
        OwnKey::Relay => &charter.relay,
        OwnKey::Authority => return state_of_authority(held, &charter.service_ca),
    };
    let is_it = |key: &VerifyingKey| key.id() == held.id;
    if listed.last().is_some_and(is_it) {
        KeyState::InForce
    } else if listed.iter().any(is_it) {
        KeyState::Overlapping
    } else if directory.key(&held.id).is_some_and(KnownKey::has_ended) {
        KeyState::Retired
    } else {
        KeyState::Staged
    }
}

/// The directory does not remember which it has listed, so their age says it.
fn state_of_authority(held: &HeldKey, listed: &[Bytes]) -> KeyState {
    let newest = listed.iter().max_by_key(|der| began(der));
    if newest == Some(&held.certificate) {
        KeyState::InForce
    } else if listed.contains(&held.certificate) {
        KeyState::Overlapping
    } else if newest.is_some_and(|newest| began(newest) > began(&held.certificate)) {
        KeyState::Retired
    } else {
        KeyState::Staged
    }
}

/// When a certificate began, Unix time.
fn began(der: &[u8]) -> u64 {
    PeerCertificate::parse(der).map_or(0, |read| read.not_before())
}

/// Keys that die with the process.
struct InMemory(Ambient);

impl Keep for InMemory {
    fn make(&self, of: OwnKey) -> Result<HeldKey, String> {
        match of {
            OwnKey::Log | OwnKey::Relay => {
                let key = SigningKey::from_seed(&self.0.bytes());
                Ok(HeldKey::signing(of, key, "memory".to_owned()))
            }
            OwnKey::Authority => Err("an authority is made in a home".to_owned()),
        }
    }

    fn delete(&self, _: &HeldKey) -> Result<(), String> {
        Ok(())
    }
}

impl Service {
    /// Every key of its own that is here.
    #[must_use]
    pub fn own_keys(&self) -> Vec<Listed> {
        self.shared.keys.list(&self.state().directory)
    }

    /// A key for the next charter: the one that was staged before, or a new one.
    ///
    /// # Errors
    /// [`NotDone::NotKept`].
    pub async fn stage_key(&self, of: OwnKey) -> Result<Staged, NotDone> {
        let service = self.clone();
        let staged = spawn_blocking(move || {
            let Self { shared } = &service;
            shared.keys.stage(of, &service.state().directory, &shared.ambient)
        });
        staged.await.unwrap_or_else(|why| Err(NotDone::NotKept(why.to_string())))
    }

    /// Deletes a private key that the charter in force does not list.
    ///
    /// # Errors
    /// [`NotDone`].
    pub async fn retire_key(&self, id: KeyId) -> Result<Listed, NotDone> {
        // No charter that lists it is on its way meanwhile.
        let _alone = self.shared.rotating.lock().await;
        let service = self.clone();
        let retired =
            spawn_blocking(move || service.shared.keys.retire(&id, &service.state().directory));
        retired.await.unwrap_or_else(|why| Err(NotDone::NotKept(why.to_string())))
    }

    /// Whether the service can go on under this charter: what would sign is here and does, and the node
    /// has a certificate from one of its authorities, or can have one.
    pub(super) fn goes_on_under(&self, charter: &proto::Charter) -> Result<(), Refusal> {
        let (shared, state) = (&self.shared, self.state());
        shared.keys.sign_under(charter, &shared.ambient)?;
        let (before, after) = (&state.directory.charter().service_ca, &charter.service_ca);
        let goes_on = match self.node() {
            Some(node) => after.iter().any(|der| node.authority == Some(Digest::of(der))),
            None => after.iter().any(|der| before.contains(der)),
        };
        if before == after {
            return Ok(());
        }
        if !goes_on && !shared.keys.issue_under(after) {
            let newest = after.iter().max_by_key(|der| began(der));
            let id = newest.map_or_else(|| KeyId::of(&[]), |der| KeyId::of(der));
            return Err(Refusal::ServiceKeyMissing { of: OwnKey::Authority, id });
        }
        let believed = shared.node.get().map_or(Ok(()), |node| node.goes_on_under(after));
        believed.map_err(|why| Refusal::ServiceNotBelieved(why.to_string().into()))
    }

    /// Signs with the relay key what the service itself has put together: never bytes of a peer's. `size`
    /// is that of the view in it.
    pub(super) fn sign(
        &self,
        kind: Kind,
        payload: &[u8],
        size: u64,
    ) -> Result<Option<Bytes>, Failure> {
        let held = self.shared.keys.relay(&self.state().directory, size);
        let Some(key) = held.as_ref().and_then(|held| held.key.as_ref()) else { return Ok(None) };
        let signed = Envelope::sign(kind, payload.to_vec(), &[key], self.shared.ambient.random());
        signed.map(|envelope| Some(envelope.bytes().clone())).map_err(|_| Failure::Stopped)
    }

    /// An accepted receipt. Where the key of its view is here no more, it says the same with the view of
    /// now: places and times stay.
    pub(super) fn sign_accepted(&self, accepted: &Bytes) -> Result<Bytes, Failure> {
        let mut receipt = proto::Accepted::decode(&accepted[..]).map_err(|_| Failure::Stopped)?;
        let size = receipt.view.as_ref().map_or(0, |view| view.size);
        if let Some(signed) = self.sign(Kind::Accepted, accepted, size)? {
            return Ok(signed);
        }
        let state = self.state();
        receipt.view = Some(state.head.to_proto());
        let signed = self.sign(Kind::Accepted, &receipt.encode_to_vec(), state.head.size)?;
        signed.ok_or(Failure::Stopped)
    }
}
