//! The commands of `liaison` that need both sides; all others go to `cli`.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::Output;
use crate::cli::args::{BenchArgs, Cli, Command};
use crate::client::error::{ClientError, Exit, Side};
use crate::client::reason::Here;
use crate::server::process;
use crate::{cli, demo};

use super::bench::Options;
use super::founding::Seed;

/// Runs one command of `liaison`.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let json = cli.global.json;
    process::run(done(cli)).unwrap_or_else(|why| {
        let error = ClientError::cannot_begin(&why);
        Output::new(json, true).error(&error);
        ExitCode::from(error.exit as u8)
    })
}

async fn done(cli: Cli) -> ExitCode {
    let json = cli.global.json;
    let done = match &cli.command {
        Command::Demo(args) => demo::show::run(args, json).await,
        Command::Bench(args) => bench(args, json).await,
        Command::BenchStart { engine, seed, dir } => bench_start(engine, *seed, dir).await,
        Command::BenchFollowers => demo::bench::follow().await,
        Command::DemoService { service_home } => return demo::service::serve(service_home).await,
        _ => return cli::run(cli).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let error =
                ClientError::new(Side::Ours, Exit::Unexpected, Here::Demo, format!("{why:#}"));
            Output::new(json, true).error(&error);
            ExitCode::from(error.exit as u8)
        }
    }
}

async fn bench(args: &BenchArgs, json: bool) -> anyhow::Result<()> {
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
    demo::bench::run(options, &mut out, &mut progress).await?;
    Ok(())
}

async fn bench_start(engine: &str, seed: u64, dir: &Path) -> anyhow::Result<()> {
    let engine = engine.parse().context("the engine")?;
    if let Some(bytes) = demo::net::memory_of_start(engine, Seed(seed), dir).await? {
        writeln!(io::stdout(), "{bytes}")?;
    }
    Ok(())
}
