//! `liaison bench` without the command line: `cargo bench --bench service -- --engine redb`.

use std::io::{stderr, stdout};

use clap::Parser;
use liaison::bench::{self, Options};
use liaison::store::Engine;

// As in the programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Arguments {
    /// The store's engine.
    #[arg(long, default_value = "sled")]
    engine: Engine,
    /// Where the data is kept for the time of the run.
    #[arg(long)]
    dir: Option<std::path::PathBuf>,
    /// How long each measurement takes.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Entries of the log, at least.
    #[arg(long, default_value_t = 0)]
    entries: u64,
    /// Messages that wait in a mailbox.
    #[arg(long, default_value_t = 0)]
    waiting: u64,
    /// What the log is made from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Only these groups.
    #[arg(long, value_delimiter = ',')]
    only: Option<Vec<String>>,
    /// What cargo says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { engine, dir, seconds, entries, waiting, seed, json, only, bench: _ } =
        Arguments::parse();
    let followers = 0;
    let options = Options { engine, dir, seconds, entries, waiting, seed, followers, json, only };
    bench::run(options, &mut stdout(), &mut stderr()).await?;
    Ok(())
}
