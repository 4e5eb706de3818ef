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

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a peer can have a library warn of, a line a frame.
    #[test]
    fn libraries_write_only_their_errors() {
        let written = Written::default();
        let to = written.clone();
        let lines = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(DEFAULT))
            .with_writer(move || to.clone());
        tracing::subscriber::with_default(lines.finish(), || {
            tracing::warn!(target: "h2::proto::ping_pong", "a pong that nobody asked for");
            tracing::warn!(target: "rustls::conn", "a peer's fault");
            tracing::error!(target: "h2::proto", "a fault of its own");
            tracing::info!("serving");
        });
        let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(written.lines().count(), 2, "{written}");
        assert!(written.contains("a fault of its own") && written.contains("serving"), "{written}");
    }
}
