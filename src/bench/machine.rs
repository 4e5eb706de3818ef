//! What the machine does without a service: its disk, its cores; and what it says of this process.
//!
//! In scope: synced appends, how busy the cores were and with whom, what a directory and the memory
//! hold. Out of scope: the network. Invariant: what a system does not tell is none, not zero.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Instant;

/// Appends of `bytes`, each followed by `fdatasync`: how many a second.
pub(super) fn synced_appends(dir: &Path, bytes: usize, seconds: f64) -> anyhow::Result<Rate> {
    let path = dir.join("append");
    let (mut file, block) = (File::create(&path)?, vec![0x5a; bytes.max(1)]);
    let rate = repeat(seconds, || {
        file.write_all(&block)?;
        Ok(file.sync_data()?)
    });
    fs::remove_file(path)?;
    rate
}

/// What the files of a directory take on the disk, blocks counted whole where the system says.
pub(super) fn size_of(dir: &Path) -> io::Result<u64> {
    let mut size = 0;
    if !dir.is_dir() {
        return Ok(size);
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        size += if metadata.is_dir() { size_of(&entry.path())? } else { on_disk(&metadata) };
    }
    Ok(size)
}

#[cfg(unix)]
fn on_disk(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(metadata) * 512
}

#[cfg(not(unix))]
fn on_disk(metadata: &fs::Metadata) -> u64 {
    metadata.len()
}

/// What was done again and again.
#[derive(Clone, Copy)]
pub(super) struct Rate {
    /// How often a second.
    pub(super) a_second: f64,
    /// What each took of the processors.
    pub(super) each: Option<Each>,
}

impl Rate {
    /// Of the parts, where this is the rate of the whole.
    pub(super) fn of(self, parts: usize) -> Self {
        let parts = parts as f64;
        Self { a_second: self.a_second * parts, each: self.each.map(|each| each.of(parts)) }
    }
}

/// Does the same thing on this thread until the time is up, and says how often a second.
pub(super) fn repeat(
    seconds: f64,
    mut once: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<Rate> {
    let (began, before) = (Instant::now(), Spent::now());
    let mut times = 0;
    loop {
        once()?;
        times += 1;
        let passed = began.elapsed().as_secs_f64();
        if passed >= seconds {
            let each = before.and_then(|before| Spent::now()?.since(&before, times));
            return Ok(Rate { a_second: times as f64 / passed, each });
        }
    }
}

/// Microseconds of processor time of one operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Each {
    pub(super) service: f64,
    pub(super) client: f64,
}

impl Each {
    /// Of a part, where this is what the whole took.
    pub(super) fn of(self, parts: f64) -> Self {
        Self { service: self.service / parts, client: self.client / parts }
    }
}

/// What the names of the service's threads begin with: its own, and those of its store. All others
/// of this process are the client's.
const SERVICE: [&str; 3] = ["service", "sled", "redb"];

/// The processor time that this process has used, and each of its threads.
pub(super) struct Spent {
    microseconds: f64,
    threads: Vec<Thread>,
}

struct Thread {
    id: OsString,
    of_service: bool,
    nanoseconds: f64,
}

impl Spent {
    /// So far, where the system tells (Linux).
    pub(super) fn now() -> Option<Self> {
        let tasks = fs::read_dir("/proc/self/task").ok()?;
        // A thread may end while it is looked at.
        let threads: Vec<Thread> = tasks.filter_map(|task| Thread::read(&task.ok()?)).collect();
        let microseconds = ticks()?.0 * (1_000_000.0 / TICKS);
        (!threads.is_empty()).then_some(Self { microseconds, threads })
    }

    /// What each of so many operations has used since then. A thread that has ended was the client's:
    /// those of the service do not end.
    pub(super) fn since(&self, before: &Self, operations: usize) -> Option<Each> {
        let (mut service, mut client) = (0.0, 0.0);
        for thread in &self.threads {
            let before = before.threads.iter().find(|before| before.id == thread.id);
            let used = thread.nanoseconds - before.map_or(0.0, |before| before.nanoseconds);
            *(if thread.of_service { &mut service } else { &mut client }) += used / 1_000.0;
        }
        let client = client.max(self.microseconds - before.microseconds - service);
        (operations > 0).then(|| Each { service, client }.of(operations as f64))
    }
}

impl Thread {
    /// The first field of `schedstat`: nanoseconds on a processor.
    fn read(task: &fs::DirEntry) -> Option<Self> {
        let name = fs::read_to_string(task.path().join("comm")).ok()?;
        let used = fs::read_to_string(task.path().join("schedstat")).ok()?;
        Some(Self {
            id: task.file_name(),
            of_service: SERVICE.iter().any(|prefix| name.starts_with(prefix)),
            nanoseconds: used.split(' ').next()?.parse().ok()?,
        })
    }
}

/// Bytes of memory that this process has, where the system tells (Linux).
pub(super) fn memory() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? * 1_024.0)
}

/// How many cores were busy: with this process, and with all others.
#[derive(Clone, Copy)]
pub(super) struct Busy {
    since: Instant,
    pub(super) own: f64,
    pub(super) others: f64,
}

impl Busy {
    /// Starts counting, where the system tells (Linux).
    pub(super) fn begin() -> Option<Self> {
        let (own, all) = ticks()?;
        Some(Self { since: Instant::now(), own, others: all - own })
    }

    /// Cores since [`Busy::begin`].
    pub(super) fn end(self) -> Option<Self> {
        let (own, all) = ticks()?;
        let passed = self.since.elapsed().as_secs_f64() * TICKS;
        let others = (all - own - self.others).max(0.0) / passed;
        Some(Self { own: (own - self.own) / passed, others, ..self })
    }
}

/// proc(5): fields 14 and 15 of `/proc/self/stat`; `user nice system idle iowait irq softirq` of
/// the first line of `/proc/stat`.
fn ticks() -> Option<(f64, f64)> {
    let own = fs::read_to_string("/proc/self/stat").ok()?;
    let own: f64 = own.rsplit_once(')')?.1.split_whitespace().skip(11).take(2).sum_ticks()?;
    let all = fs::read_to_string("/proc/stat").ok()?;
    let mut fields = all.lines().next()?.split_whitespace().skip(1);
    let busy = fields.by_ref().take(3).sum_ticks()?;
    let interrupts = fields.skip(2).take(2).sum_ticks()?;
    Some((own, busy + interrupts))
}

trait SumTicks {
    fn sum_ticks(self) -> Option<f64>;
}

impl<'a, I: Iterator<Item = &'a str>> SumTicks for I {
    fn sum_ticks(self) -> Option<f64> {
        self.map(|field| field.parse::<f64>().ok()).sum()
    }
}

/// A second has so many, whatever the kernel's own.
const TICKS: f64 = 100.0;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread::Builder;

    use super::*;

    /// Returns when this thread has worked for so long.
    fn work(nanoseconds: u64) {
        let me = fs::read_link("/proc/thread-self").unwrap();
        let used = || fs::read_to_string(Path::new("/proc").join(&me).join("schedstat")).unwrap();
        while used().split(' ').next().unwrap().parse::<u64>().unwrap() < nanoseconds {}
    }

    /// What a thread of that name, which has worked for 20 ms, is said to have used.
    fn used_by(name: &str) -> Option<Each> {
        let ((say, worked), (end, ended)) = (mpsc::channel(), mpsc::channel::<()>());
        let before = Spent::now()?;
        let working = Builder::new().name(name.to_owned()).spawn(move || {
            work(20_000_000);
            say.send(()).unwrap();
            // It ends when nobody can send any more.
            let _ = ended.recv();
        });
        worked.recv().unwrap();
        let each = Spent::now()?.since(&before, 10);
        drop(end);
        working.unwrap().join().unwrap();
        each
    }

    #[test]
    fn what_a_thread_used_is_counted_to_its_side() {
        if cfg!(target_os = "linux") {
            let service = used_by("sled-writer").unwrap();
            assert!(service.service >= 2_000.0, "20 ms for ten: {service:?}");
            let client = used_by("tokio-rt-worker").unwrap();
            assert!(client.client >= 2_000.0, "{client:?}");
        } else {
            assert_eq!(Spent::now().map(|_| ()), None, "not known is not zero");
        }
    }

    #[test]
    fn what_a_thread_used_that_has_ended_is_the_client_s() {
        if cfg!(target_os = "linux") {
            let before = Spent::now().unwrap();
            std::thread::spawn(|| work(60_000_000)).join().unwrap();
            let each = Spent::now().unwrap().since(&before, 10).unwrap();
            // Of a whole process the system counts hundredths of a second.
            assert!(each.client >= 4_000.0, "60 ms for ten: {each:?}");
        }
    }

    #[test]
    fn nothing_done_took_nothing_that_is_known() {
        let known = Spent::now().and_then(|before| Spent::now()?.since(&before, 0));
        assert_eq!(known, None);
    }
}
