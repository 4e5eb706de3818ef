//! `liaison`: what a national CERT, a diplomat and a registrar use.

use std::process::ExitCode;

use liaison::{cli, demo};

/// Messages are many small allocations: measured with `liaison bench`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(typed) => demo::program::run(typed),
        Err(ended) => ended,
    }
}
