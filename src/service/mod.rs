//! The service: requests that are permitted become commands, and answers from memory and store.
//!
//! In scope: verifying before the queue, the sequencer, queries, start and high-water file. Out of
//! scope: rules (`domain`), messages and codes (`wire`, `grpc`). Invariants: the sequencer is the
//! only write path; a receipt is signed after its commit; look-ups and access checks are answered
//! from memory, at the newest committed head.

pub mod administration;
mod cannot_start;
mod charter;
mod clock;
pub mod door;
pub mod epochs;
mod high_water;
mod jobs;
mod keys;
mod left;
mod mark;
mod node;
mod queries;
mod room;
pub mod salvage;
pub mod scrub;
mod sequencer;
mod settings;
mod start;
mod stored;
pub mod telemetry;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::{Mutex, mpsc, oneshot, watch};

use crate::ambient::Ambient;
use crate::crypto::hash::Digest;
use crate::crypto::sign::KeyId;
use crate::disk;
use crate::domain::access::{Method, Permit, to};
use crate::domain::command::{Clock, Command, World};
use crate::domain::commands::acknowledge::Acknowledge;
use crate::domain::commands::publish::Publish;
use crate::domain::commands::submit::Submit;
use crate::domain::directory::facet::OpenFacet;
use crate::domain::directory::{Directory, Statement, Unverified};
use crate::domain::limits;
use crate::domain::network::Network;
use crate::domain::peer::{AuthenticPeer, Party};
use crate::domain::refusal::{Fault, Refusal, Which};
use crate::domain::relay::acknowledge;
use crate::domain::relay::addressing::OrLater;
use crate::domain::relay::envelope::{self, VerifiedEnvelope};
use crate::domain::relay::share::Grants;
use crate::domain::state::{Key, Snapshot};
use crate::domain::view::View;
use crate::signed::proto::{Class, Urgency};
use crate::store::Store;
use crate::store::blobs::{BlobError, Blobs};
use crate::tlog::merkle::Tree;

pub use crate::store::Hints;
pub use charter::{directory, put_charter};
pub use high_water::{Mark, Shown, Unusable};
pub use keys::{HeldKey, Keep, KeyState, Keys, Listed, NotDone, Staged};
pub use mark::{Missing, NotAsShown};
pub use node::{NodeState, NotRenewed, Renewer};
pub use queries::{Item, MailboxPage, Parts, Proven, Status};
pub use room::{Left, Storage, goes_to_its_end};
pub use start::{AsShown, CannotStart, Founded, Settings, found, look, mark_anew, start};

use administration::Office;
use door::{Ask, Busy, Door};
use high_water::HighWater;
use jobs::Jobs;
use room::Room;
use sequencer::{Job, Queued};
use telemetry::{Event, Telemetry};

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The rules said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too often, or too much at once: again in a while.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The service stops. What became of the request is not known.
    #[error("the service is stopping, and what became of this request is not known: try again")]
    Stopped,
}

/// The newest committed head, and the directory there.
#[derive(Debug)]
pub struct State {
    /// The directory as that head has it.
    pub directory: Directory,
    /// Tree size and root hash.
    pub head: View,
    /// The checkpoint, a signed note.
    pub checkpoint: Bytes,
}

/// A running service. Clones are the same one.
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
    state: Arc<ArcSwap<State>>,
    log: Arc<RwLock<Tree>>,
    heads: watch::Receiver<u64>,
    queue: mpsc::Sender<Box<dyn Queued>>,
    keys: Keys,
    /// A charter is admitted, or a key retired, and not both at once.
    rotating: Mutex<()>,
    large: Mutex<()>,
    door: Arc<Door>,
    high_water: Arc<HighWater>,
    room: Arc<Room>,
    telemetry: Arc<Telemetry>,
    addresses: Vec<String>,
    ambient: Ambient,
    stopped: watch::Receiver<Option<String>>,
    /// How far the service's clock is believed; the sequencer says so.
    clock: watch::Receiver<Clock>,
    grants: Grants,
    jobs: Jobs,
    office: Office,
    /// Who renews what the node shows, once somebody does.
    node: Arc<OnceLock<Arc<dyn Renewer>>>,
    /// Whether the store lists the files of bodies: else none is taken for one that nobody names.
    lists_bodies: bool,
}

/// One statement as it is handed in.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The bytes of a Dsse.
    pub statement: Bytes,
    /// Salt and bytes of the facets that it names.
    pub facets: Vec<OpenFacet>,
}

/// One envelope as it is handed in.
#[derive(Clone, Debug)]
pub struct HandedIn {
    /// The bytes of a Dsse over a header.
    pub header: Bytes,
    /// The sealed body.
    pub body: Bytes,
    /// The letters, by seat.
    pub letters: Vec<Bytes>,
}

/// An acknowledgement as it is handed in.
#[derive(Clone, Debug)]
pub struct Acknowledging {
    /// The bytes of a Dsse over an acknowledgement.
    pub acknowledgement: Bytes,
    /// Where the message stands in the mailbox of the seat's contact.
    pub number: u64,
    /// The words to the sender.
    pub words: HandedIn,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("engine", &self.engine()).finish_non_exhaustive()
    }
}

impl Service {
    /// The newest committed head, and the directory there.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        self.shared.state.load_full()
    }

    /// Whose a key is now that comes from there.
    #[must_use]
    pub fn peer(&self, key: Option<&KeyId>, network: Network) -> AuthenticPeer {
        AuthenticPeer::look_up(&self.state().directory, key, network)
    }

    /// How often each kind of thing happened.
    #[must_use]
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.shared.telemetry
    }

    /// Who is let in.
    #[must_use]
    pub fn door(&self) -> &Arc<Door> {
        &self.shared.door
    }

    /// The time, in Unix seconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.shared.ambient.now()
    }

    /// Whether this service's clock is in doubt: until its operator says that it is right, nothing
    /// dated is admitted.
    #[must_use]
    pub fn is_clock_in_doubt(&self) -> bool {
        *self.shared.clock.borrow() == Clock::InDoubt
    }

    /// How much room there is for what is handed in.
    #[must_use]
    pub fn left(&self) -> Left {
        self.shared.room.left()
    }

    /// Whether there is room for what is asked.
    ///
    /// # Errors
    /// [`Refusal::StorageFull`], [`Refusal::StorageReadOnly`].
    pub fn has_room(&self, ask: Ask) -> Result<(), Refusal> {
        self.shared.room.takes(ask)
    }

    /// The name of the engine.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        self.shared.store.engine()
    }

    /// Has all that was committed so far in the high-water file, before the service ends.
    pub async fn settle(&self) {
        if let Err(why) = self.shared.high_water.settle().await {
            self.shared.telemetry.say(&Event::HighWater(&why));
        }
    }

    /// The same, and it must.
    async fn settled(&self) -> Result<(), CannotStart> {
        let (settled, path) =
            (self.shared.high_water.settle().await, self.shared.high_water.path());
        settled.map_err(|why| CannotStart::HighWater { path: path.to_owned(), why: why.into() })
    }

    /// Returns why the service stopped by itself, once it did: then the process must end.
    pub async fn stopped(&self) -> String {
        let mut stopped = self.shared.stopped.clone();
        match stopped.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => "the sequencer ended".to_owned(),
        }
    }

    /// Ends what goes on beside requests, after the write in hand, and writes what was shown to its
    /// file.
    pub async fn close(&self) {
        self.shared.jobs.stop().await;
        self.settle().await;
    }

    /// Publishes statements in order. Each is decided on what the one before left, and has its own
    /// answer: its leaf index.
    ///
    /// # Errors
    /// Too many at once, or the service is busy or stops. What the rules refuse is an answer.
    pub async fn publish(
        &self,
        permit: &Permit<to::Publish>,
        publications: Vec<Publication>,
    ) -> Result<Vec<Result<u64, Refusal>>, Failure> {
        self.publish_all(permit.peer(), publications).await
    }

    /// The same of whoever calls.
    ///
    /// # Errors
    /// The same.
    pub async fn enrol(
        &self,
        permit: &Permit<to::Enrol>,
        publications: Vec<Publication>,
    ) -> Result<Vec<Result<u64, Refusal>>, Failure> {
        self.publish_all(permit.peer(), publications).await
    }

    async fn publish_all(
        &self,
        peer: &AuthenticPeer,
        publications: Vec<Publication>,
    ) -> Result<Vec<Result<u64, Refusal>>, Failure> {
        let (limit, found) = (limits::PUBLICATIONS as u64, publications.len() as u64);
        if found > limit {
            return Err(Refusal::TooLarge { what: "statements", limit, found }.into());
        }
        let directory = &self.state().directory;
        let revokes = |handed_in: &&Publication| {
            let read = Unverified::read(directory, &handed_in.statement);
            read.is_ok_and(|statement| statement.revokes(directory))
        };
        let revocations = publications.iter().filter(revokes).count();
        // One without statements is a request, too.
        let others = publications.len().max(1) - revocations;
        self.door().asks(peer, Ask::Statements(others))?;
        self.door().asks(peer, Ask::Revocations(revocations))?;
        let mut answers = Vec::with_capacity(publications.len());
        for publication in publications {
            match self.publish_one(peer, publication).await {
                Ok(leaf) => answers.push(Ok(leaf)),
                Err(Failure::Refused(refusal)) => answers.push(Err(refusal)),
                Err(failure) => return Err(failure),
            }
        }
        Ok(answers)
    }

    async fn publish_one(
        &self,
        peer: &AuthenticPeer,
        publication: Publication,
    ) -> Result<u64, Failure> {
        let state = self.state();
        let read = Unverified::read(&state.directory, &publication.statement)?;
        if let Some(leaf) = read.logged(&state.directory) {
            return Ok(leaf);
        }
        let revokes = read.revokes(&state.directory);
        self.has_room(if revokes { Ask::Revocations(1) } else { Ask::Statements(1) })?;
        let verified = match peer.party() {
            Party::Network(_) => read.verify_of_stranger(&state.directory)?,
            Party::Member(_) | Party::Registrar(_) | Party::Person(_) => {
                read.verify(&state.directory)?
            }
        };
        let mut _alone = None;
        if let Statement::Charter(charter) = verified.statement() {
            _alone = Some(self.shared.rotating.lock().await);
            self.goes_on_under(charter)?;
        }
        let facets = publication.facets.iter().map(|facet| facet.bytes.len());
        let bytes = publication.statement.len() + facets.sum::<usize>();
        let whose = match verified.statement() {
            // It ends what others may go on to pay for.
            Statement::Revocation(_) => None,
            other => Some(other.member()),
        };
        let publish = Publish::new(verified, publication.facets);
        // Nothing is taken of a member's day for what others say of it in vain.
        self.rehearse(&publish).await?;
        let policy = state.directory.charter().policy;
        let logged = whose.map(|whose| self.door().logs(whose, bytes, &policy)).transpose()?;
        let done = self.execute(publish).await;
        let adds_nothing = match &done {
            Ok(stands) => stands.already,
            Err(Failure::Refused(_) | Failure::Busy(_)) => true,
            Err(Failure::Stopped) => false,
        };
        if let Some(logged) = logged.filter(|_| adds_nothing) {
            logged.give_back();
        }
        done.map(|stands| stands.leaf)
    }

    /// Takes an envelope. The reply is the signed accepted receipt.
    ///
    /// # Errors
    /// What the rules refuse; busy; stopped.
    pub async fn submit(
        &self,
        permit: &Permit<to::Submit>,
        handed_in: HandedIn,
    ) -> Result<Bytes, Failure> {
        let ask = handing_in(&handed_in.header);
        self.door().asks(permit.peer(), ask)?;
        self.has_room(ask)?;
        let envelope = self.verify(handed_in)?;
        let (size, digest, body) = body_of(&envelope);
        let command = Submit::new(permit.contact(), envelope);
        let accepted = self.execute_with(command, size, digest, body).await?;
        self.sign_accepted(&accepted)
    }

    /// Takes an acknowledgement with its words. The reply is the accepted receipt of the words.
    ///
    /// # Errors
    /// What the rules refuse; busy; stopped.
    pub async fn acknowledge(
        &self,
        permit: &Permit<to::Acknowledge>,
        acknowledged: Acknowledging,
    ) -> Result<Bytes, Failure> {
        self.has_room(Ask::Call(Method::Acknowledge))?;
        let contact = permit.contact();
        let number = acknowledged.number;
        let acknowledgement =
            acknowledge::verify(&self.state().directory, &acknowledged.acknowledgement)?;
        let shown = self.shown(&contact, number).await?;
        if shown.header_digest != acknowledgement.header_digest() {
            return Err(Refusal::UnknownMessage(Which::Number(number)).into());
        }
        let words = self.verify(acknowledged.words)?;
        let (size, digest, body) = body_of(&words);
        let command = Acknowledge::new(contact, acknowledgement, shown.id, shown.sender, words);
        let accepted = self.execute_with(command, size, digest, body).await?;
        self.sign_accepted(&accepted)
    }

    fn verify(&self, handed_in: HandedIn) -> Result<VerifiedEnvelope, Refusal> {
        let HandedIn { header, body, letters } = handed_in;
        envelope::verify(&self.state().directory, &header, body, &letters)
    }

    /// Executes a command that carries a body. A large one is put among the blobs before the
    /// commit that names it, and only if the command would be taken now: a member could fill the disk
    /// with files that nothing names. Large ones go one after another, so that what was rehearsed
    /// still holds. It is not dropped before its end.
    async fn execute_with<C: Command>(
        &self,
        command: C,
        size: u64,
        digest: Digest,
        body: Bytes,
    ) -> Result<C::Reply, Failure> {
        if size <= limits::INLINE_BODY_BYTES {
            return self.execute(command).await;
        }
        let _alone = self.shared.large.lock().await;
        self.rehearse(&command).await?;
        let put = self.shared.blobs.put(digest, body).await;
        self.shared.room.shrank();
        put.map_err(|why| self.not_kept(&why))?;
        let done = self.execute(command).await;
        // What is taken again may name it no more. Of a command that was stopped it is not known.
        if !matches!(done, Err(Failure::Stopped)) {
            // What fails was said, and changes nothing of the answer.
            let _ = self.remove_unnamed(digest).await;
        }
        done
    }

    /// Removes a body that no message names any more.
    async fn let_go(&self, digest: Digest) -> Result<(), Failure> {
        let _alone = self.shared.large.lock().await;
        self.remove_unnamed(digest).await
    }

    /// While no other is put there.
    async fn remove_unnamed(&self, digest: Digest) -> Result<(), Failure> {
        if !self.shared.lists_bodies || self.value(&Key::Blob(digest)).await?.is_some() {
            return Ok(());
        }
        self.shared.blobs.remove(digest).await.map_err(|why| self.unusable(&why))
    }

    fn unusable(&self, why: &BlobError) -> Failure {
        self.shared.telemetry.say(&Event::Body(why.to_string()));
        Failure::Stopped
    }

    /// Nothing names the body yet: the message was not accepted.
    fn not_kept(&self, why: &BlobError) -> Refusal {
        self.shared.telemetry.say(&Event::Body(why.to_string()));
        match why {
            BlobError::Io(why) if disk::is_full(why) => Refusal::StorageFull,
            BlobError::Io(why) if disk::is_read_only(why) => Refusal::StorageReadOnly,
            BlobError::Io(_) | BlobError::Mismatch { .. } => Refusal::Internal(Fault::BodyNotKept),
        }
    }

    /// Decides on what is stored now, and changes nothing.
    async fn rehearse<C: Command>(&self, command: &C) -> Result<(), Failure> {
        let state = self.state();
        let mut seen = Snapshot::default();
        let named = command.keys();
        for key in &named {
            seen.insert(key.clone(), self.value(key).await?);
        }
        let (now, clock) = (self.now(), *self.shared.clock.borrow());
        let decided = self.log(|log| {
            let (directory, head, grants) = (&state.directory, state.head, self.shared.grants);
            let seen = seen.named(&named);
            let world = World { directory, log, seen, head, grants, now, clock };
            command.decide(&world).map(|_| ())
        });
        Ok(decided.inspect_err(|refusal| sequencer::say_faults(&self.shared.telemetry, refusal))?)
    }

    /// Queues a command and waits until it is refused, or durable.
    async fn execute<C: Command>(&self, command: C) -> Result<C::Reply, Failure> {
        let (reply, answer) = oneshot::channel();
        let job: Box<dyn Queued> = Box::new(Job::new(command, reply));
        self.shared.queue.try_send(job).map_err(|why| match why {
            mpsc::error::TrySendError::Full(_) => Busy::of_the_queue().into(),
            mpsc::error::TrySendError::Closed(_) => Failure::Stopped,
        })?;
        answer.await.map_err(|_| Failure::Stopped)?.map_err(Failure::Refused)
    }

    /// The same of one for which nobody waits: it waits for its place, and a refusal is our fault.
    async fn execute_in_turn<C: Command>(&self, command: C) -> Result<C::Reply, Failure> {
        let (reply, answer) = oneshot::channel();
        let job: Box<dyn Queued> = Box::new(Job::new(command, reply));
        self.shared.queue.send(job).await.map_err(|_| Failure::Stopped)?;
        answer.await.map_err(|_| Failure::Stopped)?.map_err(Failure::Refused)
    }

    fn log<T>(&self, look: impl FnOnce(&Tree) -> T) -> T {
        look(&self.shared.log.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn body_of(envelope: &VerifiedEnvelope) -> (u64, Digest, Bytes) {
    let header = envelope.header();
    (header.body_size(), header.body_digest(), envelope.body().clone())
}

/// As what an envelope is counted. What its header says is signed: whoever lies is refused, and has
/// used his own.
fn handing_in(header: &[u8]) -> Ask {
    match envelope::says(header) {
        Some((class, _)) if class == Class::Receipt => Ask::Receipt,
        Some((_, urgency)) => Ask::Message(urgency),
        None => Ask::Message(OrLater::Known(Urgency::Routine)),
    }
}
