//! The only write path: takes the commands that wait, decides them one after the other, commits
//! all of it at once, then speaks.
//!
//! In scope: one round. Out of scope: what a decision says. Invariants: every key that a command
//! named is an expected revision of its write, and so is the head of the log; the head is proven
//! to extend the last signed one before it is signed; nobody is answered before the commit; after
//! an outcome that is not known, nothing more is said.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::ambient::Ambient;
use crate::crypto::hash::Digest;
use crate::disk;
use crate::domain::command::{Admission, Clock, Command, Decision, World};
use crate::domain::directory::entry::Entry;
use crate::domain::directory::{Directory, Parts};
use crate::domain::ids::ContactId;
use crate::domain::refusal::Refusal;
use crate::domain::relay::share::Grants;
use crate::domain::state::{Key, Mailbox, Snapshot, Value};
use crate::domain::view::View;
use crate::store::codec::{self, LogHead};
use crate::store::{self, Batch, Revision, Store, StoreError, Write, keys, parts};
use crate::tlog::checkpoint::Checkpoint;
use crate::tlog::merkle::{self, Tree};
use crate::tlog::note::KeyName;

use super::State;
use super::clock::{Now, Watch};
use super::high_water::HighWater;
use super::keys::Keys;
use super::node::Renewer;
use super::room::Room;
use super::telemetry::{Event, Telemetry};

/// Commands of one round; one place of a batch is the head's.
const ROUND: usize = store::limits::WRITES - 1;
/// Bytes of one round: the head (frontier of at most 64 hashes, a note) fits beside them.
const ROUND_BYTES: usize = store::limits::BATCH_BYTES - 16 * 1024;

/// An idle service looks at its clock this often.
const LOOK_EVERY: Duration = Duration::from_secs(60);

const NO_KEY: &str = "the key of the charter is not here";

/// A commit that takes longer is said to be slow.
const SLOW: Duration = Duration::from_secs(1);

/// A command in the queue.
pub(super) trait Queued: Send {
    fn keys(&self) -> Vec<Key>;
    /// Decides; a refusal or a reply is kept until it may be told.
    fn decide(&mut self, world: &World<'_>, telemetry: &Telemetry) -> Option<Effects>;
    /// Keeps another refusal instead.
    fn refuse(&mut self, refusal: Refusal);
    /// Tells the caller what was kept.
    fn tell(self: Box<Self>);
}

/// What a decision changes.
pub(super) struct Effects {
    puts: Vec<(Key, Value)>,
    deletes: Vec<Key>,
    log: Option<Admission>,
}

/// A command with whoever waits for it.
pub(super) struct Job<C: Command> {
    command: C,
    kept: Option<Result<C::Reply, Refusal>>,
    caller: oneshot::Sender<Result<C::Reply, Refusal>>,
}

impl<C: Command> Job<C> {
    pub(super) const fn new(
        command: C,
        caller: oneshot::Sender<Result<C::Reply, Refusal>>,
    ) -> Self {
        Self { command, kept: None, caller }
    }
}

impl<C: Command> Queued for Job<C> {
    fn keys(&self) -> Vec<Key> {
        self.command.keys()
    }

    fn decide(&mut self, world: &World<'_>, telemetry: &Telemetry) -> Option<Effects> {
        match self.command.decide(world) {
            Ok(Decision { puts, deletes, log, reply }) => {
                self.kept = Some(Ok(reply));
                Some(Effects { puts, deletes, log })
            }
            Err(refusal) => {
                say_faults(telemetry, &refusal);
                self.kept = Some(Err(refusal));
                None
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.kept = Some(Err(refusal));
    }

    fn tell(self: Box<Self>) {
        if let Some(kept) = self.kept {
            // A caller that has gone away asks again and gets the same answer.
            let _ = self.caller.send(kept);
        }
    }
}

/// A refusal that is our own fault is one for the log, too.
pub(super) fn say_faults(telemetry: &Telemetry, refusal: &Refusal) {
    if let Refusal::Internal(fault) = refusal {
        telemetry.say(&Event::Undecided(*fault));
    }
}

/// Everything that only the sequencer changes.
pub(super) struct Sequencer {
    pub(super) store: Arc<dyn Store>,
    pub(super) state: Arc<ArcSwap<State>>,
    pub(super) log: Arc<RwLock<Tree>>,
    pub(super) head: LogHead,
    pub(super) keys: Keys,
    pub(super) high_water: Arc<HighWater>,
    pub(super) ambient: Ambient,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) heads: watch::Sender<u64>,
    pub(super) clock: Watch,
    /// How far it is believed.
    pub(super) believed: watch::Sender<Clock>,
    pub(super) grants: Grants,
    pub(super) room: Arc<Room>,
    pub(super) node: Arc<OnceLock<Arc<dyn Renewer>>>,
}

/// Why the sequencer ended: the process must, too.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fatal {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the log is not what it was when its head was signed: {0}")]
    Log(&'static str),
    #[error("the high-water file could not be written: {}", disk::in_words(.0))]
    HighWater(io::Error),
}

impl Sequencer {
    /// Runs until every sender of the queue is gone.
    pub(super) async fn run(
        &mut self,
        mut queue: mpsc::Receiver<Box<dyn Queued>>,
    ) -> Result<(), Fatal> {
        let mut waiting = VecDeque::new();
        let mut taken = Vec::with_capacity(ROUND);
        loop {
            if waiting.is_empty() {
                let next = timeout(LOOK_EVERY, queue.recv_many(&mut taken, ROUND)).await;
                if next == Ok(0) {
                    return Ok(());
                }
            }
            self.look_at_the_clock().await?;
            while waiting.len() + taken.len() < ROUND {
                match queue.try_recv() {
                    Ok(job) => taken.push(job),
                    Err(_) => break,
                }
            }
            waiting.extend(taken.drain(..));
            self.round(&mut waiting).await?;
        }
    }

    /// Sees whether the clock leapt, and stores the time.
    pub(super) async fn look_at_the_clock(&mut self) -> Result<(), Fatal> {
        self.clock.look(Now { unix: self.ambient.now(), counted: self.ambient.counted() });
        let (_, clock) = self.clock.shows();
        self.believed.send_if_modified(|before| std::mem::replace(before, clock) != clock);
        if self.room.for_a_commit().is_err() {
            // Nothing is admitted by it meanwhile.
            return Ok(());
        }
        let stored = self.clock.take_due();
        if let Some(why) = self.clock.take_doubt() {
            self.telemetry.say(&Event::ClockInDoubt(why.to_string()));
        }
        let Some((key, value)) = stored else { return Ok(()) };
        let found = self.store.read(std::slice::from_ref(&key)).await?;
        let revision = found.revision(&key).unwrap_or(Revision::ABSENT);
        let write = Write::new([(key.clone(), revision)], [(key, value)], []);
        let write = write.map_err(|_| Fatal::Log("the time is too large to store"))?;
        self.store.commit(write.into()).await?;
        self.high_water.note(self.store.end(), []);
        Ok(())
    }

    /// Decides as many of `waiting` as one batch takes, commits, and tells their callers.
    async fn round(&mut self, waiting: &mut VecDeque<Box<dyn Queued>>) -> Result<(), Fatal> {
        if let Err(refusal) = self.room.for_a_commit() {
            // A commit that fails would end the process, and reading with it.
            for mut job in waiting.drain(..) {
                job.refuse(refusal.clone());
                job.tell();
            }
            return Ok(());
        }
        let before = self.state.load_full();
        let named = waiting.iter().flat_map(|job| job.keys()).collect();
        let mut round = self.read(&before, named).await?;
        let mut decided = Vec::with_capacity(waiting.len());
        {
            let log = self.log.read().unwrap_or_else(PoisonError::into_inner);
            let (now, clock) = self.clock.shows();
            while let Some(mut job) = waiting.pop_front() {
                if !round.take(&mut job, before.head, now, clock, &log, &self.telemetry) {
                    waiting.push_front(job);
                    break;
                }
                decided.push(job);
            }
        }
        let after = self.seal(&before, &mut round)?;
        if !round.batch.is_empty() {
            self.commit(round.batch).await?;
            self.high_water.note(self.store.end(), round.mailboxes);
        }
        if let Some((head, state)) = after {
            self.high_water.raise(&head.checkpoint).await.map_err(Fatal::HighWater)?;
            self.head = head;
            self.node_follows(&before, &state).await;
            let size = state.head.size;
            self.state.store(Arc::new(state));
            self.heads.send_replace(size);
        }
        decided.into_iter().for_each(Queued::tell);
        Ok(())
    }

    /// A new charter's authorities are those of what the node shows before anybody hears of them. What
    /// fails is said by the node, and tried again.
    async fn node_follows(&self, before: &State, after: &State) {
        let (old, new) = (before.directory.charter(), after.directory.charter());
        if let Some(node) = self.node.get().cloned()
            && old.newest.leaf != new.newest.leaf
        {
            let charter = new.clone();
            let _ = tokio::task::spawn_blocking(move || node.follow(&charter)).await;
        }
    }

    /// Commits, and says so if the disk is slow; the callers wait, and nobody is told that it failed.
    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut commit = self.store.commit(batch);
        let committed = match timeout(SLOW, &mut commit).await {
            Ok(committed) => committed,
            Err(_) => {
                self.telemetry.say(&Event::Slow(SLOW));
                commit.await
            }
        };
        committed.map(drop)
    }

    /// Reads all that the waiting commands name, at one instant.
    async fn read<'a>(&self, before: &'a State, named: Vec<Key>) -> Result<Round<'a>, Fatal> {
        let unique: BTreeMap<Vec<u8>, Key> =
            named.into_iter().map(|key| (keys::of(&key), key)).collect();
        let mut wanted: Vec<Vec<u8>> = unique.keys().cloned().collect();
        wanted.push(keys::LOG_HEAD.to_vec());
        let (found, mut damaged) = self.read_intact(wanted).await?;
        let mut seen = Snapshot::default();
        for (bytes, key) in unique {
            match found.value(&bytes).map(|value| codec::decode(&key, value)).transpose() {
                Ok(value) => seen.insert(key, value),
                Err(why) => {
                    self.telemetry.say(&Event::Store(&why));
                    damaged.insert(bytes);
                }
            }
        }
        if found.value(keys::LOG_HEAD) != Some(&self.head.encode()) {
            return Err(Fatal::Log("another process has written to the store"));
        }
        Ok(Round {
            found,
            seen,
            damaged,
            directory: Cow::Borrowed(&before.directory),
            batch: Batch::new(),
            bytes: 0,
            logged: Vec::new(),
            mailboxes: BTreeMap::new(),
            grants: self.grants,
        })
    }

    /// Reads at one instant what can be read, and names what cannot: who asked for that has an answer of
    /// its own.
    async fn read_intact(
        &self,
        mut wanted: Vec<Vec<u8>>,
    ) -> Result<(store::Snapshot, BTreeSet<Vec<u8>>), StoreError> {
        let mut damaged = BTreeSet::new();
        loop {
            match self.store.read(&wanted).await {
                Err(StoreError::Corrupt(_)) if damaged.is_empty() => {
                    for key in &wanted {
                        let read = self.store.read(std::slice::from_ref(key)).await;
                        if let Err(why @ StoreError::Corrupt(_)) = read {
                            self.telemetry.say(&Event::Store(&why));
                            damaged.insert(key.clone());
                        }
                    }
                    wanted.retain(|key| !damaged.contains(key));
                }
                found => return Ok((found?, damaged)),
            }
        }
    }

    /// Appends what the round logged, proves the new head, signs it, and adds it to the batch.
    fn seal(
        &self,
        before: &State,
        round: &mut Round<'_>,
    ) -> Result<Option<(LogHead, State)>, Fatal> {
        if round.logged.is_empty() {
            return Ok(None);
        }
        let mut frontier = self.head.frontier.clone();
        round.logged.iter().for_each(|leaf| frontier.append(*leaf));
        let (size, root) = (frontier.size(), frontier.root());
        {
            // Readers name the size they want, so leaves beyond the committed head are not seen.
            let mut log = self.log.write().unwrap_or_else(PoisonError::into_inner);
            round.logged.iter().for_each(|leaf| log.append(*leaf));
            if log.root_at(before.head.size) != Some(before.head.root) {
                return Err(Fatal::Log("the tree does not extend the last signed head"));
            }
            if log.root_at(size) != Some(root) {
                return Err(Fatal::Log("tree and frontier have different roots"));
            }
        }
        let directory = round.directory.clone().into_owned();
        let origin = origin(&directory)?;
        // By the charter that stands at this size: the old key does not stand behind one that ends it.
        let held = self.keys.log(&directory);
        let key = held.as_ref().and_then(|held| held.key.as_ref());
        let note = Checkpoint { origin, size, root }
            .sign(key.ok_or(Fatal::Log(NO_KEY))?, self.ambient.random())
            .map_err(|_| Fatal::Log("the log key cannot sign"))?;
        let checkpoint = Bytes::from(note.to_string());
        let clock = directory.clock();
        let head = LogHead { frontier, checkpoint: checkpoint.clone(), clock };
        let expected = [(keys::LOG_HEAD.to_vec(), round.revision(keys::LOG_HEAD))];
        let put = [(keys::LOG_HEAD.to_vec(), head.encode())];
        let write =
            Write::new(expected, put, []).map_err(|_| Fatal::Log("the head is too large"))?;
        round.batch.merge(write).map_err(|_| Fatal::Log("no room was left for the head"))?;
        Ok(Some((head, State { directory, head: View { size, root }, checkpoint })))
    }
}

pub(super) fn origin(directory: &Directory) -> Result<KeyName, Fatal> {
    KeyName::parse(directory.name().as_str())
        .map_err(|_| Fatal::Log("the directory's name is no origin"))
}

/// One round: what was read, and what its decisions have left so far.
struct Round<'a> {
    found: store::Snapshot,
    seen: Snapshot,
    damaged: BTreeSet<Vec<u8>>,
    directory: Cow<'a, Directory>,
    batch: Batch,
    bytes: usize,
    logged: Vec<Digest>,
    /// Where those stand that it moves.
    mailboxes: BTreeMap<ContactId, Mailbox>,
    grants: Grants,
}

impl Round<'_> {
    fn revision(&self, key: &[u8]) -> Revision {
        self.found.revision(key).unwrap_or(Revision::ABSENT)
    }

    /// Decides one command and takes what it changes into the batch; false if that is full.
    fn take(
        &mut self,
        job: &mut Box<dyn Queued>,
        head: View,
        now: u64,
        clock: Clock,
        log: &Tree,
        telemetry: &Telemetry,
    ) -> bool {
        let (named, directory, grants) = (job.keys(), &*self.directory, self.grants);
        if named.iter().any(|key| self.damaged.contains(&keys::of(key))) {
            job.refuse(Refusal::StoreDamaged);
            return true;
        }
        let seen = self.seen.named(&named);
        let world = World { directory, log, seen, head, grants, now, clock };
        let Some(Effects { puts, deletes, log }) = job.decide(&world, telemetry) else {
            return true;
        };
        if puts.is_empty() && deletes.is_empty() && log.is_none() {
            return true;
        }
        let mut encoded: Vec<(Vec<u8>, Bytes)> =
            puts.iter().map(|(key, value)| (keys::of(key), codec::encode(value))).collect();
        let leaf = log.as_ref().map(|admission| encode_admission(admission, &mut encoded));
        let deleted: Vec<Vec<u8>> = deletes.iter().map(keys::of).collect();
        let put = encoded.iter().map(|(key, value)| 2 * key.len() + value.len());
        let size: usize = put.chain(deleted.iter().map(|key| 2 * key.len())).sum();
        if !self.batch.is_empty() && self.bytes + size > ROUND_BYTES {
            return false;
        }
        let expected = named.iter().map(keys::of).chain([keys::LOG_HEAD.to_vec()]);
        let expected: BTreeMap<Vec<u8>, Revision> =
            expected.map(|key| (key.clone(), self.revision(&key))).collect();
        let write = match Write::new(expected, encoded, deleted) {
            Ok(write) => write,
            Err(why) => {
                telemetry.say(&Event::TooLarge(&why));
                let limit = store::limits::BYTES as u64;
                job.refuse(Refusal::TooLarge { what: "changes", limit, found: size as u64 });
                return true;
            }
        };
        if self.batch.merge(write).is_err() {
            return false;
        }
        self.bytes += size;
        for (key, value) in puts {
            if let (Key::Mailbox(contact), Value::Mailbox(mailbox)) = (&key, &value) {
                self.mailboxes.insert(contact.clone(), *mailbox);
            }
            self.seen.insert(key, Some(value));
        }
        deletes.into_iter().for_each(|key| self.seen.insert(key, None));
        if let (Some(admission), Some(leaf)) = (log, leaf) {
            self.directory.to_mut().advance(&admission.parts);
            self.logged.push(leaf);
        }
        true
    }
}

/// The entry and the parts that a statement made new, as stored; the leaf hash.
fn encode_admission(admission: &Admission, encoded: &mut Vec<(Vec<u8>, Bytes)>) -> Digest {
    let Parts { admitted, .. } = &*admission.parts;
    let entry = Entry { statement: admission.statement.clone(), admitted_at: admitted.at }.encode();
    let leaf = merkle::leaf_hash(&entry);
    encoded.push((keys::log_entry(admitted.leaf), entry));
    encoded.extend(parts::encode(&admission.parts));
    leaf
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures_util::future::BoxFuture;
    use tempfile::TempDir;

    use crate::disk::Fdatasync;
    use crate::domain::state::Usage;
    use crate::service::high_water::Shown;
    use crate::service::tests::{Script, admits, look, of, publishes, service, storing};
    use crate::service::{Failure, Service, door};
    use crate::store::blobs::FileBlobs;
    use crate::store::{End, Engine, Examined, Hints, KeyRange, Site};

    use super::*;

    type Before = Box<dyn Fn(Arc<dyn Store>) -> BoxFuture<'static, ()> + Send + Sync>;

    /// A store before each of whose commits something happens.
    struct Meanwhile {
        store: Arc<dyn Store>,
        before: Before,
    }

    #[async_trait::async_trait]
    impl Store for Meanwhile {
        async fn read(&self, keys: &[Vec<u8>]) -> Result<store::Snapshot, StoreError> {
            self.store.read(keys).await
        }

        async fn examine(&self, range: KeyRange, limit: u32) -> Result<Examined, StoreError> {
            self.store.examine(range, limit).await
        }

        async fn commit(&self, batch: Batch) -> Result<Revision, StoreError> {
            (self.before)(Arc::clone(&self.store)).await;
            self.store.commit(batch).await
        }

        fn end(&self) -> End {
            self.store.end()
        }

        fn wake(&self, prefixes: Vec<Vec<u8>>) -> Hints {
            self.store.wake(prefixes)
        }

        fn engine(&self) -> &'static str {
            self.store.engine()
        }
    }

    async fn on(home: &TempDir, before: Before) -> Service {
        let blobs = FileBlobs::open(&home.path().join("blobs"), Arc::new(Fdatasync)).unwrap();
        let place = Site::on(Engine::Memory, home.path().join("store"), Arc::new(Fdatasync));
        let limits = door::Limits::without_rates();
        let store = |store| Arc::new(Meanwhile { store, before }) as Arc<dyn Store>;
        storing((home, place), limits, Arc::new(blobs), store).await
    }

    async fn head(store: &dyn Store) -> Bytes {
        let found = store.read(&[keys::LOG_HEAD.to_vec()]).await.unwrap();
        found.value(keys::LOG_HEAD).unwrap().clone()
    }

    async fn write_head(store: &dyn Store, head: Bytes) {
        let write = Write::new([], [(keys::LOG_HEAD.to_vec(), head)], []).unwrap();
        store.commit(write.into()).await.unwrap();
    }

    fn uses() -> Script {
        Script { puts: vec![(of("fr"), Value::Usage(Usage(7)))], ..look("fr", "fr") }
    }

    /// Also one that would write nothing.
    #[tokio::test]
    async fn a_head_that_another_process_has_written_ends_the_service() {
        for does in [look("fr", "fr"), uses()] {
            let home = tempfile::tempdir().unwrap();
            let service = service(&home).await;
            write_head(service.shared.store.as_ref(), Bytes::from_static(b"another's")).await;
            assert_eq!(service.execute(does).await, Err(Failure::Stopped));
            let why = service.stopped().await;
            assert!(why.contains("another process has written to the store"), "{why}");
        }
    }

    /// After it was read, and before the commit: a message rests on the head, too.
    #[tokio::test]
    async fn nothing_is_committed_on_a_head_that_has_moved() {
        for logs in [true, false] {
            let home = tempfile::tempdir().unwrap();
            let moves = Arc::new(AtomicBool::new(false));
            let moved = Arc::clone(&moves);
            let moving = move |store: Arc<dyn Store>| -> BoxFuture<'static, ()> {
                if !moved.load(Ordering::SeqCst) {
                    return Box::pin(ready(()));
                }
                // The same bytes: what moved is its revision.
                Box::pin(
                    async move { write_head(store.as_ref(), head(store.as_ref()).await).await },
                )
            };
            let service = on(&home, Box::new(moving)).await;
            moves.store(true, Ordering::SeqCst);
            let done = match logs {
                true => publishes(&service, admits(&service, "fr")).await.map(drop),
                false => service.execute(uses()).await.map(drop),
            };
            assert_eq!(done, Err(Failure::Stopped));
            let why = service.stopped().await;
            assert!(why.contains("a key changed since it was read"), "{why}");
            let names = [keys::of(&of("fr")), keys::log_entry(1)];
            let found = service.shared.store.read(&names).await.unwrap();
            assert!(names.iter().all(|name| found.value(name).is_none()));
        }
    }

    /// Nothing is signed, stored, shown or told.
    async fn is_not_sealed(expected: &str, spoil: impl FnOnce(&Service)) {
        let home = tempfile::tempdir().unwrap();
        let service = service(&home).await;
        let before = head(service.shared.store.as_ref()).await;
        spoil(&service);
        let checkpoint = service.state().checkpoint.clone();
        assert_eq!(publishes(&service, admits(&service, "fr")).await, Err(Failure::Stopped));
        let why = service.stopped().await;
        assert!(why.contains(expected), "{why}");
        assert_eq!(head(service.shared.store.as_ref()).await, before);
        assert_eq!(service.state().checkpoint, checkpoint);
        assert_eq!(Shown::read(&home.path().join("high-water")).unwrap().entries(), Some(1));
    }

    #[tokio::test]
    async fn a_head_is_signed_only_if_it_extends_the_last_one() {
        is_not_sealed("the tree does not extend the last signed head", |service| {
            let State { directory, head, checkpoint } = &*service.state();
            let (directory, checkpoint) = (directory.clone(), checkpoint.clone());
            let head = View { size: head.size, root: Digest::of(b"another root") };
            service.shared.state.store(Arc::new(State { directory, head, checkpoint }));
        })
        .await;
    }

    #[tokio::test]
    async fn a_head_is_signed_only_if_tree_and_frontier_agree() {
        is_not_sealed("tree and frontier have different roots", |service| {
            let mut log = service.shared.log.write().unwrap();
            log.append(merkle::leaf_hash(b"of nobody's"));
        })
        .await;
    }

    /// A cut in between leaves a file that is behind the store, and never one before it: that would
    /// not start again.
    #[tokio::test]
    async fn a_checkpoint_is_in_its_file_after_its_commit_and_before_its_answer() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("high-water");
        let entries = move || Shown::read(&path).ok()?.entries();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (sees, looks) = (Arc::clone(&seen), entries.clone());
        let looking = move |_| -> BoxFuture<'static, ()> {
            sees.lock().unwrap().push(looks());
            Box::pin(ready(()))
        };
        let service = on(&home, Box::new(looking)).await;
        seen.lock().unwrap().clear();
        assert_eq!(publishes(&service, admits(&service, "fr")).await, Ok(vec![Ok(1)]));
        assert_eq!((&seen.lock().unwrap()[..], entries()), (&[Some(1)][..], Some(2)));
    }
}
