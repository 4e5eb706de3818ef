//! `liaisond`: the service.

use std::process::ExitCode;

/// Messages are many small allocations: measured with `liaison bench`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    liaison::operate::program::run()
}
