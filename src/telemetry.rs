//! Operational output: lines on stderr. Never bodies, keys or personal data.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// What is written unless somebody asks for more. Of libraries only errors: what they warn of is what a
/// peer can cause at will.
const DEFAULT: &str = "info,h2=error,hyper=error,rustls=error,tonic=error,tower=error";

/// Starts telemetry: `filter` as in `RUST_LOG`, JSON lines if asked for.
pub fn start(filter: Option<&str>, json: bool) {
    let filter = EnvFilter::new(filter.unwrap_or(DEFAULT));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start, in tests, changes nothing.
    let _ = if json {
        lines.json().try_init()
    } else {
        lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init()
    };
}
