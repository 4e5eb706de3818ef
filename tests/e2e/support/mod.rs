//! A whole system in one process: the service over real mutual TLS, members with seats, and what
//! they send. Every key is made from its name, so that a failure can be repeated.
//!
//! In scope: founding, serving, stopping, starting again; parties and their connections; the whole
//! store as a value. Out of scope: what is asserted. Invariant: nothing here waits for time to pass.

pub(crate) mod craft;
pub(crate) mod gate;
mod net;
mod office;
mod party;
mod ports;
pub(crate) mod raw;
mod replica;
pub(crate) mod says;
pub(crate) mod way;

pub(crate) use net::{From, Open, TestNet, Trust, contents, copy, dates, everything_in, home, pem};
pub(crate) use office::Office;
pub(crate) use party::{Client, Party, alert, identity};
pub(crate) use ports::free_port;
pub(crate) use replica::Replica;

pub(crate) use crate::world::clock::{DAY, NOW};
pub(crate) use crate::world::keys::{key, key_id, opening};
pub(crate) use crate::world::statements::NAME;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use liaison::ambient::{Ambient, Clock};
use liaison::wire::status;
use tempfile::TempDir;
use tonic::{Code, Status};

use crate::world::keys::random;

/// Nothing that is waited for takes longer, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A clock that stands until it is set.
pub(crate) struct TestClock {
    now: AtomicU64,
    counted: AtomicU64,
}

impl TestClock {
    /// So much time goes by.
    pub(crate) fn set(&self, now: u64) {
        self.leap(now);
        self.counted.store(now, Ordering::SeqCst);
    }

    /// No time goes by, and the clock shows another one.
    pub(crate) fn leap(&self, now: u64) {
        self.now.store(now, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Duration {
        Duration::from_secs(self.now.load(Ordering::SeqCst))
    }

    fn counted(&self) -> Duration {
        Duration::from_secs(self.counted.load(Ordering::SeqCst))
    }
}

pub(crate) fn clock() -> (Arc<TestClock>, Ambient) {
    let (now, counted) = (AtomicU64::new(NOW), AtomicU64::new(NOW));
    let clock = Arc::new(TestClock { now, counted });
    (Arc::clone(&clock), Ambient::new(clock, Arc::new(random())))
}

/// Code and reason of a refusal.
pub(crate) fn refusal(status: &Status) -> (Code, String) {
    let why = || format!("none: {}", status.message());
    (status.code(), status::reason(status).unwrap_or_else(why))
}

/// The programs as they are typed, in a folder and apart from the homes of whoever runs this.
pub(crate) fn bash(script: &str, folder: &TempDir) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_liaison")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).current_dir(folder.path()).env("PATH", path);
    for name in ["LIAISON_HOME", "LIAISON_AS", "HTTPS_PROXY", "https_proxy"] {
        bash.env_remove(name);
    }
    bash
}

/// Waits for something that must come.
#[track_caller]
pub(crate) fn soon<F: Future>(what: &'static str, future: F) -> impl Future<Output = F::Output> {
    let waiting = tokio::time::timeout(PATIENCE, future);
    async move { waiting.await.unwrap_or_else(|_| panic!("{what}: nothing came")) }
}
