//! `liaison`: what a national CERT, a diplomat and a registrar use.

use std::process::ExitCode;

use clap::Parser as _;
use liaison::cli::args::Cli;
use liaison::demo;

#[tokio::main]
async fn main() -> ExitCode {
    demo::program::run(Cli::parse()).await
}
