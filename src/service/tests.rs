//! Commands that do what none of ours does yet: delete, and look at what they did not name.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use prost::Message as _;
use tempfile::TempDir;

use super::door::Caller;
use super::*;
use crate::disk::Fdatasync;
use crate::domain::command::Decision;
use crate::domain::ids::ContactId;
use crate::domain::relay::share::Grants;
use crate::domain::state::{Entry, EntryKind, Gone, Key, Mailbox, Usage, Value};
use crate::signed::dsse::Kind;
use crate::signed::proto;
use crate::store::blobs::FileBlobs;
use crate::store::{
    self, Batch, End, Engine, Examined, KeyRange, Revision, Site, StoreError, keys,
};
use crate::world::keys::key;
use crate::world::statements::{Says as _, admission, founding, person, sign, text};

pub(crate) async fn service(home: &TempDir) -> Service {
    within(home, door::Limits::without_rates()).await
}

async fn within(home: &TempDir, limits: door::Limits) -> Service {
    let blobs = FileBlobs::open(&home.path().join("blobs"), Arc::new(Fdatasync)).unwrap();
    keeping(home, limits, Arc::new(blobs)).await
}

async fn keeping(home: &TempDir, limits: door::Limits, blobs: Arc<dyn Blobs>) -> Service {
    let place = Site::on(Engine::Memory, home.path().join("store"), Arc::new(Fdatasync));
    storing((home, place), limits, blobs, |store| store).await
}

pub(super) async fn storing(
    at: (&TempDir, Site),
    limits: door::Limits,
    blobs: Arc<dyn Blobs>,
    wrapped: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
) -> Service {
    timed(Ambient::system(), at, limits, blobs, wrapped).await
}

async fn timed(
    ambient: Ambient,
    (home, place): (&TempDir, Site),
    limits: door::Limits,
    blobs: Arc<dyn Blobs>,
    wrapped: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
) -> Service {
    let charter = founding(vec![person("alice")], 1).proven();
    let charter = proto::Charter { issued_at: ambient.now(), ..charter };
    let signed = sign(Kind::Charter, charter.encode_to_vec(), &["alice"]);
    let settings = || Settings {
        clock_is_right: false,
        grants: Grants::default(),
        storage: Storage::default(),
        name: "un.example".parse().unwrap(),
        high_water: home.path().join("high-water"),
        ambient: ambient.clone(),
        limits,
        addresses: Vec::new(),
    };
    let keys = || Keys::in_memory(key("log"), key("relay"), Ambient::system());
    let store = wrapped(place.create("un.example", 1).await.unwrap());
    found(store.as_ref(), &signed, &keys(), &settings()).await.unwrap();
    start(store, blobs, keys(), settings()).await.unwrap()
}

/// Names `named`, replies with what stands under `looked_at`, puts and deletes.
pub(super) struct Script {
    pub(super) named: Vec<Key>,
    pub(super) looked_at: Key,
    pub(super) puts: Vec<(Key, Value)>,
    pub(super) deletes: Vec<Key>,
}

impl Command for Script {
    type Reply = Option<Usage>;

    fn keys(&self) -> Vec<Key> {
        self.named.clone()
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<Option<Usage>>, Refusal> {
        let reply = world.seen.usage(&self.looked_at)?.copied();
        let (puts, deletes) = (self.puts.clone(), self.deletes.clone());
        Ok(Decision { puts, deletes, log: None, reply })
    }
}

pub(super) fn of(member: &str) -> Key {
    Key::Usage(member.parse().unwrap())
}

pub(super) fn look(named: &str, looked_at: &str) -> Script {
    let (named, looked_at) = (vec![of(named)], of(looked_at));
    Script { named, looked_at, puts: vec![], deletes: vec![] }
}

#[tokio::test]
async fn what_a_decision_deletes_is_gone() {
    let home = tempfile::tempdir().unwrap();
    let service = service(&home).await;
    let usage = Usage(1);
    let puts = vec![(of("fr"), Value::Usage(usage)), (of("jp"), Value::Usage(usage))];
    let put = Script { puts, ..look("fr", "fr") };
    assert_eq!(service.execute(put).await, Ok(None));
    let delete = || Script { deletes: vec![of("fr")], ..look("fr", "fr") };
    // In one round too, what the first deleted the second does not see.
    let (first, second) = tokio::join!(service.execute(delete()), service.execute(delete()));
    assert_eq!((first, second), (Ok(Some(usage)), Ok(None)));
    assert_eq!(service.execute(look("fr", "fr")).await, Ok(None));
    assert_eq!(service.execute(look("jp", "jp")).await, Ok(Some(usage)));
}

#[tokio::test]
async fn a_key_that_was_not_named_is_a_fault_of_ours_and_the_service_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let service = service(&home).await;
    let usage = Value::Usage(Usage(1));
    let unnamed = || Script { puts: vec![(of("fr"), usage.clone())], ..look("fr", "jp") };
    // Beside a command that names it, in one round.
    let (faulty, _) = tokio::join!(service.execute(unnamed()), service.execute(look("jp", "jp")));
    let Err(Failure::Refused(fault)) = faulty else { panic!("{faulty:?}") };
    assert_eq!(fault.code(), "INTERNAL");
    assert!(matches!(service.rehearse(&unnamed()).await, Err(Failure::Refused(_))));
    assert_eq!(service.execute(look("fr", "fr")).await, Ok(None), "nothing was stored");
}

/// The registrar, in this process.
pub(crate) fn alice() -> Caller {
    Caller::here(key("alice tls").public().id(), Network::of([127, 0, 0, 1].into()))
}

/// What the registrar hands in.
pub(super) async fn publishes(
    service: &Service,
    publications: Vec<Publication>,
) -> Result<Vec<Result<u64, Refusal>>, Failure> {
    let permit = service.permit_here(alice()).await.unwrap();
    service.publish(&permit, publications).await
}

/// The statement that admits a member.
pub(super) fn admits(service: &Service, member: &str) -> Vec<Publication> {
    admits_as(service, member, member)
}

/// One in these words.
fn admits_as(service: &Service, member: &str, called: &str) -> Vec<Publication> {
    let admission = proto::Admission {
        issued_at: Ambient::system().now(),
        names: vec![text("en", called)],
        ..admission(member)
    };
    let admission = admission.next_in(&service.state().directory).encode_to_vec();
    let statement = sign(Kind::Admission, admission, &["alice"]);
    vec![Publication { statement, facets: Vec::new() }]
}

/// A request that is cut while its statement is logged.
#[tokio::test]
async fn who_does_not_wait_for_the_answer_has_used_his_day() {
    let home = tempfile::tempdir().unwrap();
    let limits = door::Limits { registrar_day: (1, 1 << 20), ..door::Limits::without_rates() };
    let service = within(&home, limits).await;
    let publish = |member| {
        let (service, admission) = (service.clone(), admits(&service, member));
        async move { publishes(&service, admission).await }
    };
    let mut heads = service.heads();
    let _nobody = tokio::spawn(publish("fr"));
    heads.changed().await.unwrap();
    assert!(matches!(publish("jp").await, Err(Failure::Busy(_))));
    assert_eq!(service.state().head.size, 2);
}

/// Bytes that nobody named, beside a statement about somebody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_rules_refuse_takes_nothing_of_a_day_while_it_is_decided() {
    let home = tempfile::tempdir().unwrap();
    let limits = door::Limits { registrar_day: (2, 1 << 20), ..door::Limits::without_rates() };
    let service = within(&home, limits).await;
    let mut publications = admits(&service, "fr");
    let (subject, name) = ("fr".to_owned(), "junk".to_owned());
    let bytes = Bytes::from(vec![7; 1 << 20]);
    publications[0].facets.push(OpenFacet { subject, name, salt: [7; 32], bytes });
    let (answered, patience) = mpsc::channel();
    let (begun, begins) = mpsc::sync_channel(1);
    let deciding = tokio::spawn({
        let service = service.clone();
        async move { service.execute(Patient(begun, Mutex::new(patience))).await }
    });
    begins.recv_timeout(Duration::from_secs(10)).unwrap();
    // Nothing of it waits where it could be cut.
    let refused = publishes(&service, publications).await.unwrap();
    assert!(matches!(refused[..], [Err(_)]), "{refused:?}");
    answered.send(()).unwrap();
    assert_eq!(deciding.await.unwrap(), Ok(true), "it was refused before its turn");
    for (member, leaf) in [("fr", 1), ("jp", 2)] {
        assert_eq!(publishes(&service, admits(&service, member)).await, Ok(vec![Ok(leaf)]));
    }
}

/// Two scripts that say the same.
#[tokio::test]
async fn the_same_statement_twice_at_once_uses_the_day_once() {
    let home = tempfile::tempdir().unwrap();
    let limits = door::Limits { registrar_day: (2, 1 << 20), ..door::Limits::without_rates() };
    let service = within(&home, limits).await;
    let publications = admits(&service, "fr");
    let publish = || publishes(&service, publications.clone());
    let at_once = tokio::join!(publish(), publish());
    assert_eq!(at_once, (Ok(vec![Ok(1)]), Ok(vec![Ok(1)])));
    assert_eq!(publishes(&service, admits(&service, "jp")).await, Ok(vec![Ok(2)]));
    assert!(matches!(publishes(&service, admits(&service, "at")).await, Err(Failure::Busy(_))));
}

/// Two registrars admit the same State in different words.
#[tokio::test]
async fn who_comes_second_with_another_statement_uses_nothing_of_the_day() {
    let home = tempfile::tempdir().unwrap();
    let limits = door::Limits { registrar_day: (2, 1 << 20), ..door::Limits::without_rates() };
    let service = within(&home, limits).await;
    let publish = |name| publishes(&service, admits_as(&service, "fr", name));
    let (first, second) = tokio::join!(publish("France"), publish("Frankreich"));
    let refused = |done: &Result<Vec<Result<u64, Refusal>>, Failure>| match done {
        Ok(done) => done[0].is_err(),
        Err(_) => false,
    };
    assert_eq!([refused(&first), refused(&second)], [false, true], "{first:?} {second:?}");
    assert_eq!(publishes(&service, admits(&service, "jp")).await, Ok(vec![Ok(2)]));
}

/// Says that it decides, and does so once somebody who reads has had an answer.
struct Patient(mpsc::SyncSender<()>, Mutex<mpsc::Receiver<()>>);

impl Command for Patient {
    type Reply = bool;

    fn keys(&self) -> Vec<Key> {
        Vec::new()
    }

    fn decide(&self, _: &World<'_>) -> Result<Decision<bool>, Refusal> {
        self.0.send(()).unwrap();
        let answered = self.1.lock().unwrap().recv_timeout(Duration::from_secs(10)).is_ok();
        Ok(Decision { puts: vec![], deletes: vec![], log: None, reply: answered })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_does_not_wait_for_a_decision() {
    let home = tempfile::tempdir().unwrap();
    let service = service(&home).await;
    let (answered, patience) = mpsc::channel();
    let (begun, begins) = mpsc::sync_channel(1);
    let deciding = tokio::spawn({
        let service = service.clone();
        async move { service.execute(Patient(begun, Mutex::new(patience))).await }
    });
    begins.recv_timeout(Duration::from_secs(10)).unwrap();
    let permit = service.permit_here(alice()).await.unwrap();
    assert_eq!(service.proof(&permit, 0).await.unwrap().unwrap().leaf, 0);
    answered.send(()).unwrap();
    assert_eq!(deciding.await.unwrap(), Ok(true));
}

/// Replies with the time.
struct Time;

impl Command for Time {
    type Reply = (u64, Clock);

    fn keys(&self) -> Vec<Key> {
        Vec::new()
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<(u64, Clock)>, Refusal> {
        let reply = (world.now, world.clock);
        Ok(Decision { puts: vec![], deletes: vec![], log: None, reply })
    }
}

/// A clock that leaps when it was asked so often.
struct Leaps(AtomicU64);

impl crate::ambient::Clock for Leaps {
    fn now(&self) -> Duration {
        let left = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| it.checked_sub(1));
        self.counted() + Duration::from_secs(if left.is_ok() { 0 } else { 29 * 86_400 })
    }

    fn counted(&self) -> Duration {
        Duration::from_secs(1_800_000_000)
    }
}

#[tokio::test]
async fn a_decision_goes_by_the_time_that_was_looked_at() {
    let home = tempfile::tempdir().unwrap();
    let leaps = Arc::new(Leaps(AtomicU64::new(u64::MAX)));
    let ambient = Ambient::system().with_clock(Arc::<Leaps>::clone(&leaps));
    let blobs = FileBlobs::open(&home.path().join("blobs"), Arc::new(Fdatasync)).unwrap();
    let (limits, place) = (door::Limits::without_rates(), Site::new(Engine::Memory, ""));
    let service = timed(ambient, (&home, place), limits, Arc::new(blobs), |store| store).await;
    service.shared.jobs.stop().await;
    leaps.0.store(1, Ordering::SeqCst);
    assert_eq!(service.execute(Time).await, Ok((1_800_000_000, Clock::Settled)));
    let (_, clock) = service.execute(Time).await.unwrap();
    assert_eq!(clock, Clock::InDoubt, "then it is seen");
}

/// Taken when it is rehearsed, and refused when it is its turn.
struct Late(AtomicBool);

impl Command for Late {
    type Reply = ();

    fn keys(&self) -> Vec<Key> {
        Vec::new()
    }

    fn decide(&self, _: &World<'_>) -> Result<Decision<()>, Refusal> {
        if self.0.swap(true, Ordering::SeqCst) {
            return Err(Refusal::ClockInDoubt);
        }
        Ok(Decision { puts: vec![], deletes: vec![], log: None, reply: () })
    }
}

/// Bodies of which it is counted how many were put.
struct Counted(FileBlobs, AtomicU64);

#[async_trait::async_trait]
impl Blobs for Counted {
    async fn put(&self, digest: Digest, bytes: Bytes) -> Result<(), BlobError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.put(digest, bytes).await
    }

    async fn get(&self, digest: Digest) -> Result<Option<Bytes>, BlobError> {
        self.0.get(digest).await
    }

    async fn remove(&self, digest: Digest) -> Result<(), BlobError> {
        self.0.remove(digest).await
    }

    async fn list(&self) -> Result<Vec<Digest>, BlobError> {
        self.0.list().await
    }
}

/// What costs a disk is done for what would be taken, and for nothing else.
#[tokio::test]
async fn a_large_body_that_the_rules_refuse_is_not_written() {
    let home = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(&home.path().join("blobs"), Arc::new(Fdatasync)).unwrap();
    let blobs = Arc::new(Counted(blobs, AtomicU64::new(0)));
    let service = keeping(&home, door::Limits::without_rates(), Arc::clone(&blobs) as _).await;
    let body = Bytes::from(vec![7; 100_000]);
    let carried = |refused| {
        let late = Late(AtomicBool::new(refused));
        service.execute_with(late, 100_000, Digest::of(&body), body.clone())
    };
    assert_eq!(carried(true).await, Err(Refusal::ClockInDoubt.into()));
    assert_eq!(blobs.1.load(Ordering::SeqCst), 0);
    assert_eq!(carried(false).await, Err(Refusal::ClockInDoubt.into()), "in its turn");
    assert_eq!(blobs.1.load(Ordering::SeqCst), 1);
}

/// Unless another message names the same one.
#[tokio::test]
async fn a_body_that_was_put_and_is_refused_in_its_turn_leaves_no_file() {
    let home = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(&home.path().join("blobs"), Arc::new(Fdatasync)).unwrap();
    let service = keeping(&home, door::Limits::without_rates(), Arc::new(blobs.clone())).await;
    let body = Bytes::from(vec![7; 100_000]);
    let digest = Digest::of(&body);
    let late = || service.execute_with(Late(AtomicBool::new(false)), 100_000, digest, body.clone());
    assert!(matches!(late().await, Err(Failure::Refused(_))));
    assert_eq!(blobs.list().await.unwrap(), []);
    // Nor does one that is taken, and names it no more.
    service.execute_with(look("fr", "fr"), 100_000, digest, body.clone()).await.unwrap();
    assert_eq!(blobs.list().await.unwrap(), []);
    let puts = vec![(Key::Blob(digest), Value::Blob(1))];
    service.execute(Script { puts, ..look("fr", "fr") }).await.unwrap();
    assert!(matches!(late().await, Err(Failure::Refused(_))));
    assert_eq!(blobs.list().await.unwrap(), [digest]);
}

/// Nothing of them is left that holds the store.
#[tokio::test]
async fn jobs_end_when_they_are_told_and_when_the_service_is_gone() {
    let home = tempfile::tempdir().unwrap();
    let service = service(&home).await;
    let shared = Arc::downgrade(&service.shared);
    service.close().await;
    service.close().await;
    drop(service);
    assert_eq!(shared.strong_count(), 0);
}

/// A store in which one value cannot be read once it is damaged.
struct Damaged {
    store: Arc<dyn Store>,
    key: Vec<u8>,
    is_damaged: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl Store for Damaged {
    async fn read(&self, keys: &[Vec<u8>]) -> Result<store::Snapshot, StoreError> {
        if self.is_damaged.load(Ordering::SeqCst) && keys.contains(&self.key) {
            return Err(StoreError::Corrupt("a value is not what was written".to_owned()));
        }
        self.store.read(keys).await
    }

    async fn examine(&self, range: KeyRange, limit: u32) -> Result<Examined, StoreError> {
        let mut page = self.store.examine(range, limit).await?;
        for (key, found) in &mut page.entries {
            if self.is_damaged.load(Ordering::SeqCst) && *key == self.key {
                *found = Err(StoreError::Corrupt("a value is not what was written".to_owned()));
            }
        }
        Ok(page)
    }

    fn end(&self) -> End {
        self.store.end()
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, StoreError> {
        self.store.commit(batch).await
    }

    fn wake(&self, prefixes: Vec<Vec<u8>>) -> Hints {
        self.store.wake(prefixes)
    }

    fn engine(&self) -> &'static str {
        self.store.engine()
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_read_ends_the_requests_that_ask_for_it_and_no_other() {
    let home = tempfile::tempdir().unwrap();
    let is_damaged = Arc::new(AtomicBool::new(false));
    let (key, damaged) = (keys::of(&of("fr")), Arc::clone(&is_damaged));
    let blobs = FileBlobs::open(&home.path().join("blobs"), Arc::new(Fdatasync)).unwrap();
    let wrapped = |store| Arc::new(Damaged { store, key, is_damaged }) as Arc<dyn Store>;
    let limits = door::Limits::without_rates();
    let place = Site::on(Engine::Memory, home.path().join("store"), Arc::new(Fdatasync));
    let service = storing((&home, place), limits, Arc::new(blobs), wrapped).await;
    let usage = Usage::default().with(7);
    let puts = vec![(of("fr"), Value::Usage(usage)), (of("jp"), Value::Usage(usage))];
    let put = Script { puts, ..look("fr", "fr") };
    assert_eq!(service.execute(put).await, Ok(None));
    damaged.store(true, Ordering::SeqCst);
    let delete = Script { deletes: vec![of("jp")], ..look("jp", "jp") };
    let (lost, beside) = tokio::join!(service.execute(look("fr", "fr")), service.execute(delete));
    assert_eq!(lost, Err(Refusal::StoreDamaged.into()));
    assert!(matches!(beside, Ok(Some(_))), "it was in the same round");
    let rehearsed = service.rehearse(&look("fr", "fr")).await;
    assert_eq!(rehearsed, Err(Refusal::StoreDamaged.into()));
    assert_eq!(service.execute(look("jp", "jp")).await, Ok(None), "the service goes on");
}

/// Who asks for it is told, and the trail says that he was.
#[tokio::test]
async fn a_proposal_that_cannot_be_read_has_its_record() {
    let home = tempfile::tempdir().unwrap();
    let (id, is_damaged) = (Digest::of(b"proposal"), Arc::new(AtomicBool::new(true)));
    let key = keys::of(&Key::Proposal(id));
    let blobs = FileBlobs::open(&home.path().join("blobs"), Arc::new(Fdatasync)).unwrap();
    let wrapped = |store| Arc::new(Damaged { store, key, is_damaged }) as Arc<dyn Store>;
    let limits = door::Limits::without_rates();
    let place = Site::on(Engine::Memory, home.path().join("store"), Arc::new(Fdatasync));
    let service = storing((&home, place), limits, Arc::new(blobs), wrapped).await;
    let permit = service.permit_here(alice()).await.unwrap();
    let carried = service.carry_out(&permit, id).await;
    assert_eq!(carried, Err(Refusal::StoreDamaged.into()));
    let look = service.permit_here(alice()).await.unwrap();
    assert_eq!(service.standing(&look).await.unwrap().records, 2);
}

/// Once a day, without anybody asking.
#[tokio::test(start_paused = true)]
async fn what_a_disk_changed_is_said_within_a_day_and_a_bit() {
    let home = tempfile::tempdir().unwrap();
    let is_damaged = Arc::new(AtomicBool::new(false));
    let (key, damaged) = (keys::of(&of("fr")), Arc::clone(&is_damaged));
    let blobs = FileBlobs::open(&home.path().join("blobs"), Arc::new(Fdatasync)).unwrap();
    let body = bytes::Bytes::from_static(b"a body");
    let digest = crate::crypto::hash::Digest::of(&body);
    let wrapped = |store| Arc::new(Damaged { store, key, is_damaged }) as Arc<dyn Store>;
    let (limits, place) = (door::Limits::without_rates(), Site::new(Engine::Memory, ""));
    let service = storing((&home, place), limits, Arc::new(blobs.clone()), wrapped).await;
    let put = Script { puts: vec![(of("fr"), Value::Usage(Usage(7)))], ..look("fr", "fr") };
    assert_eq!(service.execute(put).await, Ok(None));
    blobs.put(digest, body).await.unwrap();
    let said = |kind| {
        let counts = service.telemetry().counts();
        counts.into_iter().filter(|(name, _)| *name == kind).map(|(_, count)| count).sum::<u64>()
    };
    let until = async |looks| {
        while said("scrubbed") < looks {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    };
    until(1).await;
    assert_eq!((said("store"), said("damaged")), (0, 0));
    assert!(!service.telemetry().is_damaged());
    damaged.store(true, Ordering::SeqCst);
    let hex = digest.to_string();
    let file = home.path().join("blobs").join(&hex[..2]).join(&hex[2..4]).join(&hex);
    std::fs::write(&file, b"another").unwrap();
    until(2).await;
    assert_eq!((said("store"), said("damaged")), (1, 1));
    assert!(service.telemetry().is_damaged());
    // It is said until a look finds nothing.
    damaged.store(false, Ordering::SeqCst);
    std::fs::write(&file, b"a body").unwrap();
    assert!(service.telemetry().is_damaged());
    until(3).await;
    assert!(!service.telemetry().is_damaged());
    // A mailbox that its entries do not come to.
    let contact: ContactId = "fr/cert".parse().unwrap();
    let genesis = service.state().directory.genesis();
    let empty = Mailbox::empty(genesis, &contact);
    let gone = Gone { kind: EntryKind::Addressed, digest, at: 1 };
    let other = Gone { kind: EntryKind::Released, ..gone };
    let [one, two] = [gone, other].map(Entry::Gone);
    for (stored, wrong) in [([&one, &two], 0), ([&one, &one], 1)] {
        let mailbox = empty.with(&one).unwrap().with(&two).unwrap();
        let entry = |number: u64, entry: &Entry| {
            (Key::Entry(contact.clone(), number), Value::Entry(entry.clone()))
        };
        let puts = vec![
            (Key::Mailbox(contact.clone()), Value::Mailbox(mailbox)),
            entry(1, stored[0]),
            entry(2, stored[1]),
        ];
        let before = (said("scrubbed"), said("damaged"));
        service.execute(Script { puts, ..look("fr", "fr") }).await.unwrap();
        until(before.0 + 1).await;
        assert_eq!(
            (said("damaged"), service.telemetry().is_damaged()),
            (before.1 + wrong, wrong > 0)
        );
    }
}

/// A disk whose syncs take as long as somebody holds it.
#[derive(Debug, Default)]
struct Slow(tokio::sync::Mutex<()>);

impl disk::Disk for Slow {
    fn sync(&self, file: &std::fs::File) -> std::io::Result<()> {
        if self.0.try_lock().is_err() {
            drop(self.0.blocking_lock());
        }
        Fdatasync.sync(file)
    }
}

/// A sync of half a minute.
#[tokio::test(start_paused = true)]
async fn what_waits_for_a_slow_disk_is_taken_and_it_is_said_once() {
    let home = tempfile::tempdir().unwrap();
    let slow = Arc::new(Slow::default());
    let disk: Arc<dyn disk::Disk> = Arc::<Slow>::clone(&slow);
    let place = Site::on(Engine::Redb, home.path().join("store"), disk);
    let blobs = FileBlobs::open(&home.path().join("blobs"), Arc::new(Fdatasync)).unwrap();
    let doors = door::Limits::without_rates();
    let service = storing((&home, place), doors, Arc::new(blobs), |store| store).await;
    let execute = |script| {
        let service = service.clone();
        tokio::spawn(async move { service.execute(script).await })
    };
    let held = slow.0.lock().await;
    let usage = Usage::default().with(7);
    let puts = vec![(of("fr"), Value::Usage(usage))];
    let first = execute(Script { puts, ..look("fr", "fr") });
    tokio::time::advance(Duration::from_secs(30)).await;
    let mut waiting: Vec<_> = (0..limits::QUEUE).map(|_| execute(look("fr", "fr"))).collect();
    let said = || service.telemetry().counts().into_iter().find(|(kind, _)| *kind == "slow");
    // A yield polls some of them.
    for _ in 0..limits::QUEUE {
        if said() == Some(("slow", 1)) {
            break;
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(said(), Some(("slow", 1)));
    // At once, and not when there is room.
    let one_more = service.execute(look("fr", "fr")).now_or_never();
    assert!(matches!(one_more, Some(Err(Failure::Busy(_)))), "{one_more:?}");
    assert!(!first.is_finished());
    drop(held);
    assert_eq!(first.await.unwrap(), Ok(None));
    for waiting in waiting.drain(..) {
        assert_eq!(waiting.await.unwrap(), Ok(Some(usage)));
    }
    assert_eq!(said(), Some(("slow", 1)));
}
