//! When everything happens, and a machine whose clock stands there.

use std::sync::Arc;
use std::time::Duration;

use liaison::ambient::{Ambient, Clock};

use super::keys::random;

/// When everything begins, Unix seconds.
pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const DAY: u64 = 86_400;

/// A clock that stands, Unix seconds.
pub(crate) struct At(pub(crate) u64);

impl Clock for At {
    fn now(&self) -> Duration {
        Duration::from_secs(self.0)
    }
}

pub(crate) fn ambient_at(now: u64) -> Ambient {
    Ambient::new(Arc::new(At(now)), Arc::new(random()))
}

pub(crate) fn ambient() -> Ambient {
    ambient_at(NOW)
}
