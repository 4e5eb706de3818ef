//! The clock and the randomness of this machine: the one place that asks for them.
//!
//! In scope: the two doors. Out of scope: what the values are used for. Invariant: everything else
//! takes time and randomness as arguments, so that whole systems can run on a seed.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::rand::SecureRandom;
use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;

/// Time and randomness, as values to hand on.
#[derive(Clone)]
pub struct Ambient {
    clock: Arc<dyn Clock>,
    random: Arc<dyn SecureRandom + Send + Sync>,
}

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// Since the Unix epoch.
    fn now(&self) -> Duration;

    /// Since some instant, counting the time in which the machine was suspended, whatever the Unix
    /// clock is set to.
    fn counted(&self) -> Duration {
        self.now()
    }
}

impl Ambient {
    /// Those of this machine.
    #[must_use]
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place")]
        let random = ring::rand::SystemRandom::new();
        Self { clock: Arc::new(SystemClock), random: Arc::new(random) }
    }

    /// Others: for tests.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn SecureRandom + Send + Sync>) -> Self {
        Self { clock, random }
    }

    /// The same randomness under another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The time, in Unix seconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.clock.now().as_secs()
    }

    /// The time, in Unix milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.now().as_millis()).unwrap_or(u64::MAX)
    }

    /// Seconds since some instant, which nobody sets.
    #[must_use]
    pub fn counted(&self) -> u64 {
        self.elapsed().as_secs()
    }

    /// Since that instant.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.clock.counted()
    }

    /// The source of randomness, for signatures.
    #[must_use]
    pub fn random(&self) -> &dyn SecureRandom {
        self.random.as_ref()
    }

    /// Random bytes.
    ///
    /// # Panics
    /// If the system has no randomness: nothing could be done safely without.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes).expect("the system's source of randomness does not fail");
        bytes
    }

    /// The clock, for rustls.
    #[must_use]
    pub fn tls_clock(&self) -> Arc<dyn TimeProvider> {
        Arc::new(TlsClock(Arc::clone(&self.clock)))
    }
}

impl fmt::Debug for Ambient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ambient")
    }
}

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place")]
    fn now(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    #[cfg(target_os = "linux")]
    fn counted(&self) -> Duration {
        let counted = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::try_from(counted).unwrap_or_default()
    }
}

struct TlsClock(Arc<dyn Clock>);

impl fmt::Debug for TlsClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsClock")
    }
}

impl TimeProvider for TlsClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.0.now()))
    }
}
