//! Writers that say what was acknowledged, and the check that it is there.
//!
//! In scope: a fixed sequence of commits per writer, so that what must be found follows from the
//! number of the last one. Out of scope: how the writers end. Invariant: each commit puts or
//! deletes one value and counts up its writer's counter, so the two must agree for ever.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use liaison::disk::{Disk, Fdatasync};
use liaison::store::format::FormatError;
use liaison::store::{Engine, Revision, Site, Store, StoreError, Write};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::WITHOUT_POWER_CUT;

/// What becomes of the syncs of the process that is cut off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Syncs {
    /// As in production.
    Made,
    /// Not called after a commit: the engine's own flush is all there is.
    LeftOut,
    /// Called, but `eatmydata` makes nothing of them.
    Eaten,
}

/// The number of the last commit acknowledged, per writer.
#[derive(Debug, Default, Clone)]
pub(super) struct Acked(BTreeMap<u64, u64>);

impl Acked {
    pub(super) fn extend(&mut self, newer: Self) {
        self.0.extend(newer.0);
    }

    pub(super) fn count_since(&self, before: &Self) -> u64 {
        let base = |writer| before.0.get(writer).copied().unwrap_or(0);
        self.0.iter().map(|(writer, last)| last - base(writer)).sum()
    }
}

/// A running process of writers, and the thread that reads its acks.
pub(super) struct Load {
    process: Child,
    reader: JoinHandle<()>,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard {
    state: Mutex<(Acked, u64, bool)>,
    more: Condvar,
}

impl Load {
    pub(super) fn start(engine: Engine, path: &Path, syncs: Syncs) -> Self {
        let binary = std::env::current_exe().unwrap();
        let mut command = match syncs {
            Syncs::Eaten => {
                let mut command = Command::new("eatmydata");
                command.arg(binary);
                command
            }
            Syncs::Made | Syncs::LeftOut => Command::new(binary),
        };
        command.args(["crash::child", "--exact", "--include-ignored", "--nocapture"]);
        command.env(ENGINE, engine.name()).env(PATH, path.join("store"));
        command.env(LEFT_OUT, if syncs == Syncs::LeftOut { "1" } else { "" });
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap_or_else(|error| {
            panic!("{command:?}: {error}\nset {WITHOUT_POWER_CUT}=1 to leave the power cut out")
        });
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let heard = Arc::new(Heard::default());
        let reader = thread::spawn({
            let heard = Arc::clone(&heard);
            move || heard.listen(lines)
        });
        Self { process, reader, heard }
    }

    /// Returns after so many acks.
    pub(super) fn wait_for(&mut self, acks: u64) {
        let state = self.heard.state.lock().unwrap();
        let wait = self.heard.more.wait_while(state, |state| state.1 < acks && !state.2);
        assert!(wait.unwrap().1 >= acks, "the process ended before it was cut off");
    }

    /// What was acknowledged until now.
    pub(super) fn acked_so_far(&self) -> Acked {
        self.heard.state.lock().unwrap().0.clone()
    }

    /// Ends the process, and says what it acknowledged up to its last moment.
    pub(super) fn kill(mut self) -> Acked {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.reader.join().unwrap();
        self.heard.state.lock().unwrap().0.clone()
    }
}

impl Heard {
    fn listen(&self, lines: Lines<BufReader<ChildStdout>>) {
        for line in lines {
            // The first line begins with the name of the test; the last one may be cut short, and
            // then nobody was told.
            let line = line.unwrap();
            let Some((_, ack)) = line.split_once("ack ") else { continue };
            let Some((writer, number)) = ack.strip_suffix('.').and_then(|a| a.split_once(' '))
            else {
                continue;
            };
            let mut state = self.state.lock().unwrap();
            state.0.0.insert(writer.parse().unwrap(), number.parse().unwrap());
            state.1 += 1;
            self.more.notify_all();
        }
        self.state.lock().unwrap().2 = true;
        self.more.notify_all();
    }
}

/// The life of the process that is cut off.
pub(super) fn run_if_asked() {
    let Ok(path) = std::env::var(PATH) else { return };
    let engine: Engine = std::env::var(ENGINE).unwrap().parse().unwrap();
    let disk: Arc<dyn Disk> = match std::env::var(LEFT_OUT).unwrap().as_str() {
        "" => Arc::new(Fdatasync),
        _ => Arc::new(LeftOut),
    };
    let ended: Result<(), StoreError> = Runtime::new().unwrap().block_on(async {
        let place = Site::on(engine, path, disk);
        let store = match place.open(DIRECTORY).await {
            Err(StoreError::Format(FormatError::Missing)) => place.create(DIRECTORY, 1).await?,
            opened => opened?,
        };
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            writers.spawn(write_on(Arc::clone(&store), writer));
        }
        writers.join_all().await.into_iter().collect()
    });
    panic!("writers go on until they are killed, these ended: {ended:?}");
}

#[derive(Debug)]
struct LeftOut;

impl Disk for LeftOut {
    fn sync(&self, _: &File) -> io::Result<()> {
        Ok(())
    }
}

async fn write_on(store: Arc<dyn Store>, writer: u64) -> Result<(), StoreError> {
    let key = counter(writer);
    let found = store.read(std::slice::from_ref(&key)).await?;
    let mut revision = found.revision(&key).unwrap_or(Revision::ABSENT);
    for number in number_in(found.value(&key)) + 1.. {
        let step = Step::new(writer, number);
        let count = (key.clone(), Bytes::copy_from_slice(&number.to_be_bytes()));
        let puts = step.size.map(|size| (step.key(), content(writer, number, size)));
        let deletes = if step.size.is_none() { Some(step.key()) } else { None };
        let puts = puts.into_iter().chain([count]);
        let write = Write::new([(key.clone(), revision)], puts, deletes).unwrap();
        revision = store.commit(write.into()).await?;
        let line = format!("ack {writer} {number}.\n");
        io::stdout().lock().write_all(line.as_bytes()).unwrap();
    }
    Ok(())
}

/// Checks that the store holds what was acknowledged, and nothing but whole commits.
pub(super) fn verify(engine: Engine, path: &Path, acked: &Acked) -> Result<(), String> {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let place = Site::new(engine, path.join("store"));
        // What a start looks at calls no torn end damage.
        match place.look(DIRECTORY, |_| ()).await {
            Err(StoreError::Format(FormatError::Missing)) if acked.0.is_empty() => {}
            looked => drop(looked.map_err(|error| format!("is taken for damaged: {error}"))?),
        }
        let store = match place.open(DIRECTORY).await {
            // Cut off before it was created.
            Err(StoreError::Format(FormatError::Missing)) if acked.0.is_empty() => return Ok(()),
            opened => opened.map_err(|error| format!("cannot be opened: {error}"))?,
        };
        for writer in 0..WRITERS {
            let last = acked.0.get(&writer).copied().unwrap_or(0);
            verify_writer(store.as_ref(), writer, last).await?;
        }
        Ok(())
    })
}

async fn verify_writer(store: &dyn Store, writer: u64, acked: u64) -> Result<(), String> {
    let slots = (0..SLOTS).map(|slot| slot_key(writer, slot));
    let keys: Vec<_> = slots.chain([counter(writer)]).collect();
    let found = store.read(&keys).await.map_err(|error| error.to_string())?;
    let last = number_in(found.value(&counter(writer)));
    if last < acked {
        return Err(format!("writer {writer}: {acked} commits acknowledged, {last} found"));
    }
    let mut expected = BTreeMap::new();
    for number in 1..=last {
        let step = Step::new(writer, number);
        expected.insert(step.key(), step.size.map(|size| (number, size)));
    }
    for key in keys.iter().filter(|key| **key != counter(writer)) {
        let whole = expected.get(key).copied().flatten();
        let whole = whole.map(|(number, size)| content(writer, number, size));
        if found.value(key) != whole.as_ref() {
            let key = String::from_utf8_lossy(key);
            return Err(format!("writer {writer}: {key} is not as commit {last} left it"));
        }
    }
    Ok(())
}

/// What a writer's commit of some number does: put a value of a size, or delete.
struct Step {
    writer: u64,
    slot: u64,
    size: Option<usize>,
}

impl Step {
    fn new(writer: u64, number: u64) -> Self {
        let mut random = Random(writer << 40 | number);
        let slot = random.below(SLOTS);
        let size = usize::try_from(random.below(SIZES.len() as u64 + 2)).unwrap();
        Self { writer, slot, size: SIZES.get(size).copied() }
    }

    fn key(&self) -> Vec<u8> {
        slot_key(self.writer, self.slot)
    }
}

fn slot_key(writer: u64, slot: u64) -> Vec<u8> {
    format!("value/{slot:02}/{writer}").into_bytes()
}

fn counter(writer: u64) -> Vec<u8> {
    format!("count/{writer}").into_bytes()
}

fn number_in(count: Option<&Bytes>) -> u64 {
    count.map_or(0, |bytes| u64::from_be_bytes(bytes.as_ref().try_into().unwrap()))
}

fn content(writer: u64, number: u64, size: usize) -> Bytes {
    let mut random = Random(writer << 40 | number);
    std::iter::repeat_with(|| random.next().to_le_bytes()).flatten().take(size).collect()
}

/// SplitMix64: the same numbers in both processes.
pub(crate) struct Random(u64);

impl Random {
    /// From `LIAISON_SEED`, or a new seed, which the caller prints.
    pub(crate) fn seeded() -> (u64, Self) {
        let given = std::env::var("LIAISON_SEED").ok();
        let seed = given.map_or(u64::from(std::process::id()), |seed| seed.parse().unwrap());
        (seed, Self(seed << 20))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

const ENGINE: &str = "LIAISON_CRASH_ENGINE";
const PATH: &str = "LIAISON_CRASH_PATH";
const LEFT_OUT: &str = "LIAISON_CRASH_LEFT_OUT";
const DIRECTORY: &str = "crash";
const WRITERS: u64 = 6;
const SLOTS: u64 = 10;
const SIZES: [usize; 7] = [0, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 300 << 10, 1000 << 10];
