//! `liaison`: what a national CERT, a diplomat and a registrar use.

use std::process::ExitCode;

use clap::Parser as _;
use liaison::cli;
use liaison::cli::args::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run(Cli::parse()).await
}
