//! `liaison`: what a national CERT, a diplomat and a registrar use.

use std::process::ExitCode;

use liaison::cli::args::{Cli, Command};
use liaison::client::error::{ClientError, Family, Side};
use liaison::client::reason::Here;
use liaison::server::process;
use liaison::{bench, cli, demo};

/// Messages are many small allocations: measured with `liaison bench`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(typed) => {
            let json = typed.global.json;
            process::run(run(typed))
                .unwrap_or_else(|why| failed(&ClientError::cannot_begin(&why), json))
        }
        Err(ended) => ended,
    }
}

/// `cli` runs all commands but those that show or measure both sides at once.
async fn run(typed: Cli) -> ExitCode {
    let json = typed.global.json;
    let done = match &typed.command {
        Command::Demo(args) => demo::run(args, json).await,
        Command::DemoService { service_home } => return demo::serve(service_home).await,
        Command::Bench(args) => bench::program::measure(args, json).await,
        Command::BenchStart { engine, seed, dir } => {
            bench::program::start(engine, *seed, dir).await
        }
        Command::BenchFollowers => bench::program::follow().await,
        _ => return cli::run(typed).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let said = format!("{why:#}");
            failed(&ClientError::new(Side::Ours, Family::Unexpected, Here::Demo, said), json)
        }
    }
}

fn failed(error: &ClientError, json: bool) -> ExitCode {
    cli::Output::new(json, true).error(error);
    ExitCode::from(cli::exit_code(error.family))
}
