//! `liaison bench`: what the service does on this machine, beside what the machine could do.
//!
//! In scope: a real service with its real peers in this process, on loopback TCP with mutual TLS
//! and on this disk; in the same run the limits: the same transport without a service, the same
//! disk without a store, bare signature checks. Out of scope: targets, and other machines' figures;
//! client and server share the cores, so ratios say more than rates. Invariant: nothing depends on this
//! room but `bin/liaison` and the benches.
//!
//! How it is measured:
//! - Messages: 1 KiB of text in a sealed body of 4 KiB, three letters (two seats of the recipient,
//!   one of the sender). One per sender is composed and sealed before the clock starts; each
//!   submit then carries it under a header of its own, with a fresh id, signed before the clock
//!   starts too. (The id inside the sealed text is thus another one. The relay cannot see that,
//!   and does the same work; a recipient would refuse it.)
//! - A latency runs from the call until the client has verified the answer: the relay's signature
//!   on the receipt and its content, or checkpoint and inclusion proofs.
//! - Each sender has one connection and one request in flight.
//! - The bare transport keeps nothing, so its senders repeat one envelope. Where what was prepared
//!   runs out, the clock stops with it, and the note says so.
//! - Processor time is that of the service's threads, and of all others in this process, while the
//!   clock runs; where the system does not say (`/proc`), it is not known.
//! - A log that is to be large is made first, by the service, which judges every statement; then the
//!   service starts again from its store.

mod bare;
mod beside;
mod counted;
mod drive;
mod followers;
mod founding;
mod grown;
mod growth;
mod lookups;
mod machine;
mod messages;
mod net;
pub mod program;
mod scenes;
mod table;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::ambient::Ambient;
use crate::server::process;
use crate::store::Engine;

pub use table::print;

use machine::{Each, Rate};
use scenes::Bench;

/// What is measured, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The store's engine.
    pub engine: Engine,
    /// Where the data is kept for the time of the run; none: the system's directory for temporary
    /// files, which may be memory instead of a disk.
    pub dir: Option<PathBuf>,
    /// How long each measurement takes.
    pub seconds: f64,
    /// Entries of the log, at least; 0: only those of the members that are measured.
    pub entries: u64,
    /// What a grown log is made from.
    pub seed: u64,
    /// How many messages wait in a mailbox before it is written to or followed.
    pub waiting: u64,
    /// How many streams are opened to see what one costs; none: this is not measured.
    pub followers: usize,
    /// One JSON object instead of a table.
    pub json: bool,
    /// Only the measurements of these groups: some of [`MEASUREMENTS`](crate::cli::args::MEASUREMENTS).
    pub only: Option<Vec<String>>,
}

/// One line of the outcome.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Measurement {
    /// What was done.
    pub name: String,
    /// How often a second; none for what is no rate.
    pub rate: Option<f64>,
    /// Half of them took at most this long.
    pub p50_ms: Option<f64>,
    /// All but one in a hundred took at most this long.
    pub p99_ms: Option<f64>,
    /// Bytes for each, where bytes are what is measured.
    pub bytes: Option<f64>,
    /// What the machine does without the service, in the unit of the measurement.
    pub limit: Option<f64>,
    /// Measurement by limit.
    pub ratio: Option<f64>,
    /// Microseconds of processor time that the service's threads took for each; none where the
    /// system does not say.
    pub service_us: Option<f64>,
    /// The same of all other threads of this process: the client's.
    pub client_us: Option<f64>,
    /// What bounds it.
    pub bound: String,
    /// What else is to be known.
    pub note: String,
}

impl Measurement {
    fn of_rate(rate: Rate) -> Self {
        Self { rate: Some(rate.a_second), ..Self::taking(rate.each) }
    }

    fn taking(each: Option<Each>) -> Self {
        let (service_us, client_us) = (each.map(|each| each.service), each.map(|each| each.client));
        Self { service_us, client_us, ..Self::default() }
    }
}

/// Measures, and prints the outcome to `out` and how far it is to `progress`.
///
/// # Errors
/// The directory cannot be used, or the service fails. A request that is
/// refused is no error: it is counted, and named in the note.
pub async fn run(
    options: Options,
    out: &mut dyn Write,
    progress: &mut dyn Write,
) -> anyhow::Result<Vec<Measurement>> {
    process::prepare()?;
    let place = Scratch::new(options.dir.as_deref())?;
    let measured = measure(&options, &place.0, progress).await?;
    if options.json {
        serde_json::to_writer(&mut *out, &serde_json::json!({ "measurements": measured }))?;
        writeln!(out)?;
    } else {
        print(&measured, out)?;
    }
    Ok(measured)
}

/// Everything that was asked for; what grows the log comes last.
async fn measure(
    options: &Options,
    dir: &Path,
    progress: &mut dyn Write,
) -> anyhow::Result<Vec<Measurement>> {
    let mut bench = Bench::begin(options, dir, progress).await?;
    bench.signatures()?;
    if options.wants("accept") {
        bench.accepts().await?;
    }
    if options.wants("push") {
        bench.pushes().await?;
    }
    if options.wants("lookup") {
        bench.lookups().await?;
    }
    if options.wants("beside") {
        bench.beside().await?;
    }
    if options.wants("replay") {
        bench.replay().await?;
    }
    if options.wants("growth") {
        bench.growth().await?;
    }
    if options.wants("followers") && options.followers > 0 {
        bench.say("followers")?;
        let measured = followers::measure(&bench.net, options.followers, options.seconds).await?;
        bench.measured.push(measured);
    }
    bench.net.close().await?;
    Ok(bench.measured)
}

impl Options {
    fn wants(&self, group: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|wanted| wanted == group))
    }
}

/// A directory that is gone when the run ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(within: Option<&Path>) -> anyhow::Result<Self> {
        let name = format!("liaison-bench-{}", hex::encode(Ambient::system().bytes::<8>()));
        let path = within.map_or_else(std::env::temp_dir, Path::to_path_buf).join(name);
        std::fs::create_dir_all(&path).with_context(|| format!("cannot use {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever cleans temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options = Options {
        engine: Engine::Memory,
        dir: None,
        seconds: 0.1,
        entries: 500,
        waiting: 20,
        seed: 1,
        followers: 0,
        json: false,
        only: None,
    };

    #[tokio::test(flavor = "multi_thread")]
    async fn everything_is_measured_and_nothing_fails() {
        let (mut out, mut progress) = (Vec::new(), Vec::new());
        let measured = run(OPTIONS, &mut out, &mut progress).await.unwrap();
        let table = String::from_utf8(out).unwrap();
        assert!(!table.contains("FAILED"), "{table}");
        let named = |name: &str| {
            let found = measured.iter().find(|one| one.name.starts_with(name));
            found.unwrap_or_else(|| panic!("expected {name} in {table}"))
        };
        for name in ["durable accepts: 64", "publish", "durable accept, ", "look-up with"] {
            named(name);
        }
        let replayed = named("entries replayed").note.split(' ').next().unwrap();
        assert!(replayed.parse::<u64>().unwrap() >= 500, "{table}");
        for name in ["start of", "opening"] {
            assert!(named(name).p50_ms.is_some_and(|p50| p50 > 0.0), "{name}: {table}");
        }
        if cfg!(target_os = "linux") {
            let synced = named("first sync");
            let taken = [synced.service_us, synced.client_us];
            assert!(taken.iter().all(|us| us.is_some_and(|us| us > 0.0)), "{taken:?}");
        }
        assert_eq!(named("memory of").bytes, None, "what is not known is not zero: {table}");
    }
}
