//! The commands of `liaison` that measure.
//!
//! In scope: from what was typed to a measurement. Out of scope: what is measured.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;

use crate::cli::args::BenchArgs;

use super::founding::Seed;
use super::{Options, net};

pub use super::followers::run as follow;

/// `liaison bench`.
///
/// # Errors
/// An engine that is none, or what failed while it measured.
pub async fn measure(args: &BenchArgs, json: bool) -> anyhow::Result<()> {
    let options = Options {
        engine: args.engine.parse().context("--engine")?,
        dir: args.dir.clone(),
        seconds: args.seconds,
        entries: args.entries,
        seed: args.seed,
        waiting: args.waiting,
        followers: args.followers as usize,
        json,
        only: (!args.only.is_empty()).then(|| args.only.clone()),
    };
    let (mut out, mut progress) = (io::stdout(), io::stderr());
    super::run(options, &mut out, &mut progress).await?;
    Ok(())
}

/// The child that starts a service from a store, and says how much memory that took.
///
/// # Errors
/// An engine that is none, or a store from which no service starts.
pub async fn start(engine: &str, seed: u64, dir: &Path) -> anyhow::Result<()> {
    let engine = engine.parse().context("the engine")?;
    if let Some(bytes) = net::memory_of_start(engine, Seed(seed), dir).await? {
        writeln!(io::stdout(), "{bytes}")?;
    }
    Ok(())
}
