//! The one thread that writes to an embedded engine.
//!
//! In scope: handing batches to it, stopping for good at the first failure. Out of scope: how an
//! engine applies a batch. Invariants: batches are applied one after the other; hints and answers
//! follow durability; after a failure of which the outcome is unknown, nothing is read or written.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot};

use super::hints::Hub;
use super::{Batch, Revision, StoreError};

/// Applies one batch, and returns once it is durable.
pub(super) trait Apply: Send + 'static {
    fn apply(&mut self, batch: &Batch) -> Result<Revision, StoreError>;
}

/// The handle of the writer thread. Dropping it waits until the batches handed over are applied.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    fault: Arc<Fault>,
}

struct Job {
    batch: Batch,
    reply: oneshot::Sender<Result<Revision, StoreError>>,
}

impl Writer {
    pub(super) fn start(
        engine: &'static str,
        apply: impl Apply,
        fault: Arc<Fault>,
        hub: Arc<Hub>,
    ) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let work = Work { apply, fault: Arc::clone(&fault), hub };
        let thread = thread::Builder::new()
            .name(format!("{engine}-writer"))
            .spawn(move || work.run(queue))
            .map_err(|error| StoreError::Open(error.to_string()))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), fault })
    }

    pub(super) async fn commit(&self, batch: Batch) -> Result<Revision, StoreError> {
        self.fault.check()?;
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(Job { batch, reply }).await.map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // The thread caught every panic of the engine and recorded it as the fault.
            drop(thread.join());
        }
    }
}

struct Work<A> {
    apply: A,
    fault: Arc<Fault>,
    hub: Arc<Hub>,
}

impl<A: Apply> Work<A> {
    fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(Job { batch, reply }) = queue.blocking_recv() {
            let outcome = self.commit(&batch);
            match &outcome {
                Ok(_) => self.hub.ring(&batch.into_written()),
                Err(StoreError::Unknown(_)) => self.hub.ring_all(),
                Err(_) => {}
            }
            // A caller that has gone does not want the answer.
            drop(reply.send(outcome));
        }
    }

    fn commit(&mut self, batch: &Batch) -> Result<Revision, StoreError> {
        self.fault.check()?;
        let applied = panic::catch_unwind(AssertUnwindSafe(|| self.apply.apply(batch)));
        match applied.unwrap_or_else(|_| Err(self.fault.stop("the engine panicked"))) {
            Err(StoreError::Unknown(why)) => Err(self.fault.stop(why)),
            outcome => outcome,
        }
    }
}

/// The first failure after which the outcome of a commit is unknown.
#[derive(Debug, Default)]
pub(super) struct Fault(OnceLock<String>);

impl Fault {
    /// # Errors
    /// [`StoreError::Unknown`] with the first failure's text, once there was one.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self.0.get() {
            Some(first) => Err(StoreError::Unknown(first.clone())),
            None => Ok(()),
        }
    }

    /// Reads from the engine. What it panics at while it only reads is damage, and nothing was
    /// written.
    pub(super) fn reading<T>(
        &self,
        read: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.check()?;
        let found = panic::catch_unwind(AssertUnwindSafe(read));
        let panicked = || StoreError::Corrupt("the engine panicked while it read".to_owned());
        found.unwrap_or_else(|_| Err(panicked()))
    }

    /// Stops the engine for good, and returns what every caller is told from now on.
    pub(super) fn stop(&self, why: impl ToString) -> StoreError {
        StoreError::Unknown(self.0.get_or_init(|| why.to_string()).clone())
    }
}

fn stopped() -> StoreError {
    StoreError::Unknown("the writer thread has ended".to_owned())
}

/// Batches that may wait; the sequencer hands over one at a time.
const QUEUE: usize = 16;
