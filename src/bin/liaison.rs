//! `liaison`: what a national CERT, a diplomat and a registrar use.

use std::process::ExitCode;

use clap::Parser as _;
use liaison::cli::args::Cli;
use liaison::demo;

/// Messages are many small allocations: measured with `liaison bench`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    demo::program::run(Cli::parse()).await
}
