//! `liaison bench` without the command line: `cargo bench --bench service -- --engine redb`.

use std::io::{stderr, stdout};

use clap::Parser;
use liaison::demo::bench::{self, Options};
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
    let Arguments { engine, dir, seconds, json, only, bench: _ } = Arguments::parse();
    let options = Options { engine, dir, seconds, followers: 0, json, only };
    bench::run(options, &mut stdout(), &mut stderr()).await?;
    Ok(())
}
