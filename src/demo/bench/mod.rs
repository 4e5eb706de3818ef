//! `liaison bench`: what the service does on this machine, beside what the machine could do.
//!
//! In scope: a real service with its real peers in this process, on loopback TCP with mutual TLS
//! and on this disk; in the same run the limits: the same transport without a service, the same
//! disk without a store, bare signature checks. Out of scope: targets, and other machines' figures;
//! client and server share the cores, so ratios say more than rates.
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

mod bare;
mod counted;
mod drive;
mod followers;
mod lookups;
mod machine;
mod messages;
mod scenes;
mod table;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::ambient::Ambient;
use crate::server::process;
use crate::store::Engine;

pub(in crate::demo) use followers::run as follow;
pub use table::print;

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
    /// How many streams are opened to see what one costs; none: this is not measured.
    pub followers: usize,
    /// One JSON object instead of a table.
    pub json: bool,
    /// Only the measurements of these groups: some of [`GROUPS`].
    pub only: Option<Vec<String>>,
}

/// The groups of measurements.
pub const GROUPS: [&str; 6] = ["accept", "push", "lookup", "replay", "limits", "followers"];

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
    /// What bounds it.
    pub bound: String,
    /// What else is to be known.
    pub note: String,
}

/// Measures, and prints the outcome to `out` and how far it is to `progress`.
///
/// # Errors
/// The directory cannot be used, a group is not known, or the service fails. A request that is
/// refused is no error: it is counted, and named in the note.
pub async fn run(
    options: Options,
    out: &mut dyn Write,
    progress: &mut dyn Write,
) -> anyhow::Result<Vec<Measurement>> {
    let only = options.only.iter().flatten();
    if let Some(unknown) = only.into_iter().find(|group| !GROUPS.contains(&group.as_str())) {
        anyhow::bail!("expected some of {}, found {unknown:?}", GROUPS.join(", "));
    }
    process::prepare();
    let place = Scratch::new(options.dir.as_deref())?;
    let measured = scenes::measure(&options, &place.0, progress).await?;
    if options.json {
        serde_json::to_writer(&mut *out, &serde_json::json!({ "measurements": measured }))?;
        writeln!(out)?;
    } else {
        print(&measured, out)?;
    }
    Ok(measured)
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

    #[tokio::test(flavor = "multi_thread")]
    async fn everything_is_measured_and_nothing_fails() {
        let options = Options {
            engine: Engine::Memory,
            dir: None,
            seconds: 0.1,
            followers: 0,
            json: false,
            only: None,
        };
        let (mut out, mut progress) = (Vec::new(), Vec::new());
        let measured = run(options, &mut out, &mut progress).await.unwrap();
        let table = String::from_utf8(out).unwrap();
        assert!(!table.contains("FAILED"), "{table}");
        assert!(measured.iter().any(|one| one.name.starts_with("durable accepts: 64")), "{table}");
    }

    #[tokio::test]
    async fn an_unknown_group_is_refused() {
        let only = Some(vec!["speed".to_owned()]);
        let (engine, followers, json) = (Engine::Memory, 0, false);
        let options = Options { engine, dir: None, seconds: 0.1, followers, json, only };
        let ran = run(options, &mut Vec::new(), &mut Vec::new()).await;
        assert!(ran.unwrap_err().to_string().contains("accept, push, lookup, replay, limits"));
    }
}
