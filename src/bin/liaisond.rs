//! `liaisond`: the service.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    liaison::operate::program::run().await
}
