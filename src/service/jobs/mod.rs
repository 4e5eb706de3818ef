//! What the service does unasked, beside requests: each job looks, and then writes by commands through
//! the queue of all others.
//!
//! In scope: the one loop, when it looks. Out of scope: what is due, and what then changes (`domain`).
//! Invariants: a job waits for a place in the queue and takes few, so that requests wait for none; what
//! fails is said and keeps nothing else back; a cut between two commands leaves what is found again.

mod expiry;
mod scrub;

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::domain::command::Clock;
use crate::store::{Hints, keys};

use super::{Service, Shared};
use expiry::Expiry;

/// The loop looks again after this, whatever comes.
const AT_MOST: Duration = Duration::from_secs(3_600);
/// And no sooner than this.
const AT_LEAST: Duration = Duration::from_secs(1);

/// The loop as the service holds it. It ends with the service, or when it is told to.
pub(super) struct Jobs {
    stop: watch::Sender<bool>,
    running: Mutex<Option<JoinHandle<()>>>,
}

impl Jobs {
    /// None runs yet.
    pub(super) fn new() -> Self {
        Self { stop: watch::channel(false).0, running: Mutex::new(None) }
    }

    /// Lets them run beside a service.
    pub(super) fn run(&self, service: &Service) {
        let hints = service.shared.store.wake(vec![keys::DUE.to_vec()]);
        let shared = Arc::downgrade(&service.shared);
        let scrubbing = scrub::run(shared.clone(), self.stop.subscribe());
        let clock = service.shared.clock.clone();
        let running = run(shared, hints, clock, self.stop.subscribe());
        let running = tokio::spawn(async {
            tokio::join!(running, scrubbing);
        });
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
    }

    /// Ends them after the command in hand.
    pub(super) async fn stop(&self) {
        self.stop.send_replace(true);
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            // A job that panicked has ended, too.
            let _ = running.await;
        }
    }
}

async fn run(
    shared: Weak<Shared>,
    mut hints: Hints,
    mut clock: watch::Receiver<Clock>,
    mut stop: watch::Receiver<bool>,
) {
    let mut expiry = Expiry::default();
    loop {
        let Some(shared) = shared.upgrade() else { return };
        let idle = expiry.look(&Service { shared }, &stop).await.clamp(AT_LEAST, AT_MOST);
        let woken = async {
            sleep(AT_LEAST).await;
            tokio::select! {
                () = sleep(idle - AT_LEAST) => {}
                () = hints.next() => {}
                Ok(()) = clock.changed() => {}
            }
        };
        tokio::select! {
            () = woken => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}
