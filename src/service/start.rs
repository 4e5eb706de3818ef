//! How a service begins: founded by its charter, or started from what is stored.
//!
//! Invariants: a start from stored parts is equal to a replay from entry 0 (tested); the stored
//! entries hash to the head; a store that is behind the high-water file does not start.

use std::fmt::Display;
use std::path::Path;
use std::sync::{Arc, OnceLock, RwLock};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task;

use crate::crypto::hash::Digest;
use crate::crypto::sign::{KeyId, SigningKey, VerifyingKey};
use crate::domain::administration::desk::Desk;
use crate::domain::directory::entry::Entry;
use crate::domain::directory::{self, Directory, RULES};
use crate::domain::ids::DirectoryName;
use crate::domain::limits;
use crate::domain::refusal::OwnKey;
use crate::domain::state::{Key, Value};
use crate::domain::view::View;
use crate::store::blobs::{BlobError, Blobs};
use crate::store::check::Damage;
use crate::store::codec::LogHead;
use crate::store::{
    Looked, Page, Pages, Revision, Site, Store, StoreError, Torn, Write, codec, keys, parts,
};
use crate::tlog::checkpoint::{Checkpoint, CheckpointError, VerifiedCheckpoint};
use crate::tlog::head::Frontier;
use crate::tlog::merkle::{self, Tree};
use crate::tlog::note::KeyName;

use super::administration::Office;
use super::clock::{Now, Watch};
use super::door::Door;
use super::high_water::{HighWater, Mark, Shown, Unusable};
use super::jobs::Jobs;
use super::keys::{HeldKey, Keys};
use super::mark::{self, NotAsShown, Unfit};
use super::room::Room;
use super::sequencer::Sequencer;
use super::stored::{read_directory, unfit};
use super::telemetry::{Event, Telemetry};
use super::{Service, Shared, State};
use super::{salvage, scrub};

pub use super::cannot_start::CannotStart;
pub use super::settings::Settings;

/// What founding gives.
#[derive(Debug)]
pub struct Founded {
    /// The first checkpoint.
    pub checkpoint: Bytes,
}

/// Commits a charter version 1 as entry 0 of an empty store, and writes the high-water file.
///
/// # Errors
/// The charter is refused, the keys are not its own, the store is not empty.
pub async fn found(
    store: &dyn Store,
    charter: &[u8],
    keys: &Keys,
    settings: &Settings,
) -> Result<Founded, CannotStart> {
    let verified = directory::verify_founding(&settings.name, charter)?;
    let now = settings.ambient.now();
    let (directory, parts) = directory::found(&settings.name, &verified, now)?;
    own_keys(&directory, keys)?;
    let statement = Bytes::copy_from_slice(charter);
    let entry = Entry { statement, admitted_at: now }.encode();
    let mut frontier = Frontier::default();
    frontier.append(merkle::leaf_hash(&entry));
    let origin = origin(&settings.name)?;
    let checkpoint = Checkpoint { origin, size: 1, root: frontier.root() };
    let note = checkpoint
        .sign(signing(keys.log(&directory).as_deref())?, settings.ambient.random())
        .map_err(|why| CannotStart::Broken(why.to_string()))?;
    let checkpoint = Bytes::from(note.to_string());
    let head = LogHead { frontier, checkpoint: checkpoint.clone(), clock: now };
    let mut puts = parts::encode(&parts);
    puts.push((keys::log_entry(0), entry));
    puts.push((keys::LOG_HEAD.to_vec(), head.encode()));
    puts.push((keys::LISTED.to_vec(), Bytes::new()));
    let expected = [(keys::LOG_HEAD.to_vec(), Revision::ABSENT)];
    let write = Write::new(expected, puts, [])
        .map_err(|why| CannotStart::Broken(format!("the charter is too large: {why}")))?;
    store.commit(write.into()).await?;
    let mark = Some(Mark { end: store.end(), ..Mark::default() });
    let shown = Shown { checkpoint: checkpoint.clone(), mark };
    let high_water = Arc::new(HighWater::at(&settings.high_water, shown));
    high_water.settle().await.map_err(|why| unusable(&settings.high_water, why.into()))?;
    Ok(Founded { checkpoint })
}

/// Starts the service on a store that was founded.
///
/// # Errors
/// [`CannotStart`].
pub async fn start(
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
    keys: Keys,
    settings: Settings,
) -> Result<Service, CannotStart> {
    let read = read(store.as_ref(), Some(&keys), &settings).await?;
    let mark = not_behind(store.as_ref(), &settings, &read).await?;
    AsShown { read, mark }.serve(store, blobs, keys, settings).await
}

/// What was read of a store that is whole and as new as what was shown.
pub struct AsShown {
    read: Read,
    mark: Mark,
}

impl AsShown {
    /// As [`start`], of the store that was looked at: it is not read again, if it still ends there.
    ///
    /// # Errors
    /// As [`start`].
    pub async fn start(
        self,
        store: Arc<dyn Store>,
        blobs: Arc<dyn Blobs>,
        keys: Keys,
        settings: Settings,
    ) -> Result<Service, CannotStart> {
        if store.end() == self.mark.end {
            self.serve(store, blobs, keys, settings).await
        } else {
            start(store, blobs, keys, settings).await
        }
    }

    async fn serve(
        self,
        store: Arc<dyn Store>,
        blobs: Arc<dyn Blobs>,
        keys: Keys,
        settings: Settings,
    ) -> Result<Service, CannotStart> {
        let service = begin(store, blobs, keys, settings, self.read, self.mark).await?;
        let Shared { store, blobs, jobs, lists_bodies, .. } = service.shared.as_ref();
        if *lists_bodies {
            remove_unnamed(store.as_ref(), blobs.as_ref()).await?;
        }
        jobs.run(&service);
        Ok(service)
    }
}

/// The service on what was read, without what it does unasked.
pub(super) async fn begin(
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
    keys: Keys,
    settings: Settings,
    read: Read,
    mark: Mark,
) -> Result<Service, CannotStart> {
    let Read { directory, head, log } = read;
    let (size, root) = (head.frontier.size(), head.frontier.root());
    let checkpoint = head.checkpoint.clone();
    let shown = Shown { checkpoint: checkpoint.clone(), mark: Some(mark) };
    let high_water = Arc::new(HighWater::at(&settings.high_water, shown));
    // A file of before is completed; what was committed last before a crash is taken in. Where that does
    // not fit it comes later; but what is served is there.
    if let Err(why) = high_water.settle().await
        && !Shown::read(&settings.high_water).is_ok_and(|there| there.checkpoint == checkpoint)
    {
        return Err(unusable(&settings.high_water, why.into()));
    }

    let stored = store.read(&[keys::CLOCK.to_vec()]).await?;
    let now = Now { unix: settings.ambient.now(), counted: settings.ambient.counted() };
    let (right, stored) = (settings.clock_is_right, stored.value(keys::CLOCK));
    let clock = Watch::start(now, directory.clock(), stored.map(AsRef::as_ref), right)?;
    if let Some(waits) = clock.waits() {
        tracing::warn!("{waits}");
    }
    let (believed, believes) = watch::channel(clock.shows().1);

    let lists_bodies = lists_bodies(store.as_ref()).await?;
    let state = State { directory, head: View { size, root }, checkpoint };
    let state = Arc::new(ArcSwap::from_pointee(state));
    let log = Arc::new(RwLock::new(log));
    let (new_head, heads) = watch::channel(size);
    let telemetry = Arc::new(Telemetry::new(settings.ambient.clone()));
    let ambient = settings.ambient.clone();
    let room = Arc::new(Room::new(settings.storage, ambient, Arc::clone(&telemetry)));
    let node = Arc::new(OnceLock::new());
    let mut sequencer = Sequencer {
        store: Arc::clone(&store),
        state: Arc::clone(&state),
        log: Arc::clone(&log),
        head,
        keys: keys.clone(),
        high_water: Arc::clone(&high_water),
        ambient: settings.ambient.clone(),
        telemetry: Arc::clone(&telemetry),
        heads: new_head,
        clock,
        believed,
        grants: settings.grants,
        room: Arc::clone(&room),
        node: Arc::clone(&node),
    };
    // What is thought of the clock is durable before anything is served on it.
    let looked = sequencer.look_at_the_clock().await;
    looked.map_err(|why| CannotStart::Broken(why.to_string()))?;
    let (queue, waiting) = mpsc::channel(limits::QUEUE);
    let (say, stopped) = watch::channel(None);
    let keeping = Arc::clone(&high_water).keep(Arc::clone(&telemetry));
    let (keeping, kept) = (tokio::spawn(keeping), Arc::clone(&high_water));
    let ending = Arc::clone(&telemetry);
    tokio::spawn(async move {
        let why = match sequencer.run(waiting).await {
            Ok(()) => "the service was closed".to_owned(),
            Err(fatal) => {
                ending.say(&Event::Stopped(&fatal));
                fatal.to_string()
            }
        };
        // The store is held until then: nobody else writes the file meanwhile.
        keeping.abort();
        drop(kept.settle().await);
        drop(sequencer);
        say.send_replace(Some(why));
    });
    let (ambient, addresses) = (settings.ambient, settings.addresses);
    let shared = Shared {
        store,
        blobs,
        high_water,
        state,
        log,
        heads,
        queue,
        keys,
        rotating: Mutex::new(()),
        large: Mutex::new(()),
        door: Door::new(settings.limits, ambient.clone(), Arc::clone(&telemetry)),
        room,
        telemetry,
        addresses,
        ambient,
        stopped,
        clock: believes,
        grants: settings.grants,
        jobs: Jobs::new(),
        office: Office::default(),
        node,
        lists_bodies,
    };
    Ok(Service { shared: Arc::new(shared) })
}

async fn lists_bodies(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(store.read(&[keys::LISTED.to_vec()]).await?.value(keys::LISTED).is_some())
}

/// Removes the files of bodies that no message names: what a cut left of one that was being put, or
/// deleted, and what only a store of before names.
async fn remove_unnamed(store: &dyn Store, blobs: &dyn Blobs) -> Result<(), CannotStart> {
    let unusable = |why: BlobError| CannotStart::Bodies(why.to_string());
    let mut removed = 0_u64;
    for some in blobs.list().await.map_err(unusable)?.chunks(SOME) {
        let named = some.iter().map(|digest| keys::of(&Key::Blob(*digest))).collect::<Vec<_>>();
        let found = store.read(&named).await?;
        for (digest, key) in some.iter().zip(&named) {
            if found.value(key).is_none() {
                blobs.remove(*digest).await.map_err(unusable)?;
                removed += 1;
            }
        }
    }
    if removed > 0 {
        tracing::info!(removed, "removed files of bodies that no message names");
    }
    Ok(())
}

/// Bodies that are looked for at once.
const SOME: usize = 64;

/// Looks at a store before it is opened to be written: every value in it, whether they fit together,
/// and whether it is as new as what was shown. Nothing is changed.
///
/// # Errors
/// As [`start`].
pub async fn look(place: &Site, keys: &Keys, settings: &Settings) -> Result<AsShown, CannotStart> {
    match looked(place, keys, settings).await {
        Err(CannotStart::Damaged(why)) => {
            tracing::error!(%why, "looking for what is missing");
            Err(CannotStart::Damaged(salvage::named(place, settings, why).await))
        }
        other => other,
    }
}

async fn looked(place: &Site, keys: &Keys, settings: &Settings) -> Result<AsShown, CannotStart> {
    let seen = Seen::of(place, Some(keys), settings).await?;
    let mark = seen.not_behind(settings).await?;
    Ok(AsShown { read: seen.read, mark })
}

/// A store that was looked at, and fits together.
pub(super) struct Seen {
    pub(super) store: Arc<dyn Store>,
    pub(super) read: Read,
    torn: Option<Torn>,
}

impl Seen {
    pub(super) async fn of(
        place: &Site,
        keys: Option<&Keys>,
        settings: &Settings,
    ) -> Result<Self, CannotStart> {
        let Looked { store, torn } = place.look(settings.name.as_str(), progress()).await?;
        let read = read(store.as_ref(), keys, settings).await?;
        Ok(Self { store, read, torn })
    }

    /// As [`not_behind`]. What is missing and may have been there, where it does not hold, is damage.
    pub(super) async fn not_behind(&self, settings: &Settings) -> Result<Mark, CannotStart> {
        let found = not_behind(self.store.as_ref(), settings, &self.read).await;
        match (found, &self.torn) {
            (Err(CannotStart::Older(why)), Some(torn)) if why.may_lack(torn.commits) => {
                Err(lost(torn, &why))
            }
            (Err(CannotStart::Behind { stored, shown }), Some(torn))
                if self.may_lack(settings, torn.commits).await =>
            {
                let last = shown - 1;
                Err(lost(
                    torn,
                    &format_args!(
                        "entries {stored} to {last} of the log are missing, {NEVER_BACK}"
                    ),
                ))
            }
            (found, _) => found,
        }
    }

    /// Without the high-water file: no more than the last commit may be missing.
    fn ends_for_sure(&self) -> Result<(), CannotStart> {
        match &self.torn {
            Some(torn) if torn.commits > 1 => {
                Err(lost(torn, &"without the high-water file nobody can say what is missing"))
            }
            Some(_) => {
                tracing::warn!("the store was not closed: its last commit may be missing");
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether all that is missing may be so many commits at the end.
    async fn may_lack(&self, settings: &Settings, commits: u64) -> bool {
        let shown = Shown::read(&settings.high_water).ok().and_then(|shown| shown.mark);
        match mark::fits(self.store.as_ref(), shown.as_ref()).await {
            Err(Unfit::NotAsShown(why)) => why.may_lack(commits),
            _ => false,
        }
    }
}

/// Torn or older: what is salvaged may not have them either.
const NEVER_BACK: &str = "which members were shown: the log never goes back, and what is salvaged is \
                          not to be served without them";

/// A store that ends too early, and is torn there.
fn lost(Torn { what, .. }: &Torn, missing: &dyn Display) -> CannotStart {
    CannotStart::Damaged(StoreError::Damaged(Damage::of(vec![format!("{what}: {missing}")])))
}

/// Writes the high-water file anew from a store: there is none that can be read, or the store is another one,
/// as `salvage` leaves it. The operator says that it is the newest. What is given up of what was shown is
/// told; neither the log nor a mailbox is. What may have been approved before counts no more.
///
/// # Errors
/// The file is whole and of this store, or of a log or a mailbox that goes further, or cannot be read; what is
/// missing at the end of the store is not known; otherwise as [`look`].
pub async fn mark_anew(
    place: &Site,
    keys: &Keys,
    settings: &Settings,
) -> Result<(Shown, Option<NotAsShown>), CannotStart> {
    let seen = Seen::of(place, Some(keys), settings).await?;
    let given_up = match seen.not_behind(settings).await {
        Err(CannotStart::HighWater { why: Unusable::Missing | Unusable::Damaged, .. }) => {
            seen.ends_for_sure()?;
            None
        }
        Err(CannotStart::Older(why)) if why.mailboxes.is_empty() => Some(why),
        Err(why) => return Err(why),
        Ok(_) => {
            let mark = Shown::read(&settings.high_water).ok().and_then(|shown| shown.mark);
            let (path, commits) = (settings.high_water.clone(), mark.map(|mark| mark.end.commits));
            return Err(CannotStart::Marked { path, commits });
        }
    };
    let read = seen.read;
    drop(seen.store);
    let store = place.open(settings.name.as_str()).await?;
    went_back(store.as_ref(), settings.ambient.now()).await?;
    let mark = mark::fits(store.as_ref(), None).await?;
    let shown = Shown { checkpoint: read.head.checkpoint, mark: Some(mark) };
    let high_water = Arc::new(HighWater::at(&settings.high_water, shown.clone()));
    high_water.settle().await.map_err(|why| unusable(&settings.high_water, why.into()))?;
    Ok((shown, given_up))
}

/// Before a store that may have gone back is taken for the newest: from here on no proposal made before counts.
pub(super) async fn went_back(store: &dyn Store, now: u64) -> Result<(), CannotStart> {
    let key = keys::of(&Key::Desk);
    let found = store.read(std::slice::from_ref(&key)).await?;
    let desk = match found.value(&key).map(|desk| codec::decode(&Key::Desk, desk)).transpose()? {
        Some(Value::Desk(desk)) => desk,
        Some(_) | None => Desk::default(),
    };
    let desk = codec::encode(&Value::Desk(Desk { since: now, ..desk }));
    let write = Write::new([], [(key, desk)], []);
    let write = write.map_err(|why| CannotStart::Broken(why.to_string()))?;
    store.commit(write.into()).await?;
    Ok(())
}

/// A line for every so many bytes.
fn progress() -> impl FnMut(u64) {
    let mut said = 0;
    move |bytes| {
        if bytes / TELL_EVERY > said {
            said = bytes / TELL_EVERY;
            tracing::info!(mebibytes = bytes >> 20, "checking the store");
        }
    }
}

const TELL_EVERY: u64 = 256 << 20;

/// What a start reads of a store. It fits together.
pub(super) struct Read {
    pub(super) directory: Directory,
    head: LogHead,
    log: Tree,
}

/// Without `keys`, also where those that sign are lost.
pub(super) async fn read(
    store: &dyn Store,
    keys: Option<&Keys>,
    settings: &Settings,
) -> Result<Read, CannotStart> {
    known_rules(store).await?;
    let head = read_head(store, settings).await?;
    let log = read_log(store, &head).await?;
    let directory = read_directory(store, &settings.name, &head).await?;
    if let Some(keys) = keys {
        own_keys(&directory, keys)?;
    }
    let verified = verify_checkpoint(&settings.name, &head.checkpoint, &directory.charter().log)?;
    if (verified.size(), verified.root()) != (head.frontier.size(), head.frontier.root()) {
        return Err(unfit("the checkpoint is of another head"));
    }
    Ok(Read { directory, head, log })
}

fn origin(name: &DirectoryName) -> Result<KeyName, CannotStart> {
    KeyName::parse(name.as_str()).map_err(|why| CannotStart::Broken(why.to_string()))
}

/// The last key of each list signs; it must be the one at hand.
fn own_keys(directory: &Directory, keys: &Keys) -> Result<(), CannotStart> {
    let charter = directory.charter();
    let missing = |of, listed: &[VerifyingKey]| {
        let id = listed.last().map_or_else(|| KeyId::of(&[]), VerifyingKey::id);
        CannotStart::Key { of, id }
    };
    keys.log(directory).ok_or_else(|| missing(OwnKey::Log, &charter.log))?;
    let relay = keys.relay(directory, directory.size());
    relay.ok_or_else(|| missing(OwnKey::Relay, &charter.relay)).map(drop)
}

fn signing(held: Option<&HeldKey>) -> Result<&SigningKey, CannotStart> {
    let key = held.and_then(|held| held.key.as_ref());
    key.ok_or_else(|| CannotStart::Broken("the log key cannot sign".to_owned()))
}

fn verify_checkpoint(
    name: &DirectoryName,
    note: &[u8],
    trusted: &[VerifyingKey],
) -> Result<VerifiedCheckpoint, CannotStart> {
    VerifiedCheckpoint::verify(note, &origin(name)?, trusted)
        .map_err(|why: CheckpointError| unfit(why))
}

/// Before anything else is read: what newer rules allow looks broken to this program.
async fn known_rules(store: &dyn Store) -> Result<(), CannotStart> {
    let found = store.read(&[keys::CHARTER.to_vec()]).await?;
    match found.value(keys::CHARTER).map(parts::rules).transpose()? {
        Some(rules) if rules > RULES => Err(CannotStart::NewerRules(rules)),
        _ => Ok(()),
    }
}

async fn read_head(store: &dyn Store, settings: &Settings) -> Result<LogHead, CannotStart> {
    let found = store.read(&[keys::LOG_HEAD.to_vec()]).await?;
    match found.value(keys::LOG_HEAD) {
        Some(head) => Ok(LogHead::decode(head)?),
        // What a founding writes between its marker and the high-water file is one commit.
        None if store.end().values == 1
            && matches!(Shown::read(&settings.high_water), Err(Unusable::Missing)) =>
        {
            Err(CannotStart::CutOff)
        }
        None => Err(CannotStart::NoLog),
    }
}

/// Hashes every stored entry, each page while the store is asked for the next, and compares with the
/// head.
async fn read_log(store: &dyn Store, head: &LogHead) -> Result<Tree, CannotStart> {
    let found = store.read(&[keys::CHARTER.to_vec()]).await?;
    let charter = found.value(keys::CHARTER).map(parts::charter).transpose()?;
    let charter = charter.map_or(0, |charter| charter.newest.leaf);
    let (mut log, mut misplaced, mut clock) = (Tree::default(), false, Some(0));
    let mut pages = Pages::of(store, keys::LOG_ENTRY);
    let mut next = pages.next().await?;
    while let Some(page) = next {
        let first = log.size();
        let hashing = task::spawn_blocking(move || hash(&page, first, charter));
        next = pages.next().await?;
        let hashed = hashing.await.map_err(|why| CannotStart::Broken(why.to_string()))?;
        hashed.leaves.into_iter().for_each(|leaf| log.append(leaf));
        misplaced |= hashed.misplaced;
        clock = clock.zip(hashed.clock).map(|(clock, behind)| clock.max(behind));
    }
    let (size, root) = (head.frontier.size(), head.frontier.root());
    if misplaced || log.size() != size || log.root_at(size) != Some(root) {
        let why = format!("{} entries are stored, and the head has {size}", log.size());
        return Err(unfit(why));
    }
    // The head's clock is not signed; what decides on time starts from it.
    if clock != Some(head.clock) {
        let why = "the head has another clock than its entries";
        return Err(unfit(why));
    }
    Ok(log)
}

/// A page of entries.
struct Hashed {
    leaves: Vec<Digest>,
    misplaced: bool,
    /// The newest charter's, raised by what stands behind it.
    clock: Option<u64>,
}

fn hash(page: &Page, first: u64, charter: u64) -> Hashed {
    let mut hashed = Hashed { leaves: Vec::new(), misplaced: false, clock: Some(0) };
    for (leaf, (key, _, entry)) in (first..).zip(&page.entries) {
        hashed.misplaced |= *key != keys::log_entry(leaf);
        hashed.leaves.push(merkle::leaf_hash(entry));
        if leaf >= charter {
            let behind = |clock| directory::clock_behind(clock, entry).ok();
            hashed.clock = hashed.clock.and_then(behind);
        }
    }
    hashed
}

/// Where the service stands: no earlier than what is in the high-water file.
pub(super) async fn not_behind(
    store: &dyn Store,
    settings: &Settings,
    read: &Read,
) -> Result<Mark, CannotStart> {
    let shown = shown(settings, read)?;
    let mark = mark::fits(store, shown.mark.as_ref()).await?;
    match mark::unfinished(store, &mark).await? {
        None => Ok(mark),
        Some(contact) => Err(CannotStart::Unfinished(contact)),
    }
}

/// What was shown, if the log is no earlier: it never goes back.
pub(super) fn shown(
    settings: &Settings,
    Read { directory, head, log }: &Read,
) -> Result<Shown, CannotStart> {
    let path = &settings.high_water;
    let shown = Shown::read(path).map_err(|why| unusable(path, why))?;
    let checkpoint = scrub::verified(&settings.name, &shown.checkpoint, directory)
        .map_err(|why| unusable(path, Unusable::Checkpoint(why)))?;
    if log.root_at(checkpoint.size()) != Some(checkpoint.root()) {
        let (stored, shown) = (head.frontier.size(), checkpoint.size());
        return Err(CannotStart::Behind { stored, shown });
    }
    Ok(shown)
}

fn unusable(path: &Path, why: Unusable) -> CannotStart {
    CannotStart::HighWater { path: path.to_owned(), why }
}
