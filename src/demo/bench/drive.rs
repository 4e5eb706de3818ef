//! Workers that do the same thing again and again until the time is up.
//!
//! In scope: the clock, latencies, failures, how busy the machine was. Out of scope: what is done.
//! Invariants: a closed loop, one thing in flight for each worker; what begins before the clock
//! starts or ends after it stops is not counted.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::machine::Busy;

/// Something that can be done again and again.
pub(super) trait Work: Send + 'static {
    /// Does it once; nothing if there is nothing left to do.
    fn once(&mut self) -> impl Future<Output = Option<anyhow::Result<()>>> + Send;
}

/// What came of it.
pub(super) struct Driven {
    /// Of those counted, ascending.
    pub(super) latencies: Vec<Duration>,
    /// How long the clock ran.
    pub(super) seconds: f64,
    /// All that succeeded, counted or not.
    pub(super) all: u64,
    /// How many failed, and why the first did.
    pub(super) failed: u64,
    pub(super) first: Option<String>,
    /// How busy this process and the others were.
    pub(super) busy: Option<Busy>,
}

impl Driven {
    pub(super) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    pub(super) fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        let last = self.latencies.len().checked_sub(1)?;
        let at = (last as f64 * quantile).round() as usize;
        self.latencies.get(at).map(|latency| latency.as_secs_f64() * 1_000.0)
    }
}

/// Lets all of them work at once, and counts for so long after a fifth of that to warm up.
pub(super) async fn drive<W: Work>(workers: Vec<W>, seconds: f64) -> anyhow::Result<Driven> {
    let begin = Instant::now() + Duration::from_secs_f64(seconds / 5.0);
    let end = begin + Duration::from_secs_f64(seconds);
    let mut working: JoinSet<Worked> =
        workers.into_iter().map(|worker| work(worker, begin, end)).collect();
    tokio::time::sleep_until(begin.into()).await;
    let busy = Busy::begin();
    tokio::time::sleep_until(end.into()).await;
    let busy = busy.and_then(Busy::end);
    let mut driven = Driven { latencies: vec![], seconds, all: 0, failed: 0, first: None, busy };
    while let Some(worked) = working.join_next().await {
        let worked = worked?;
        driven.latencies.extend(worked.latencies);
        driven.all += worked.all;
        driven.failed += worked.failed;
        driven.first = driven.first.or(worked.first);
    }
    driven.latencies.sort_unstable();
    Ok(driven)
}

#[derive(Default)]
struct Worked {
    latencies: Vec<Duration>,
    all: u64,
    failed: u64,
    first: Option<String>,
}

async fn work(mut worker: impl Work, begin: Instant, end: Instant) -> Worked {
    let mut worked = Worked::default();
    loop {
        let began = Instant::now();
        if began >= end {
            return worked;
        }
        match worker.once().await {
            None => {
                worked.first.get_or_insert_with(|| "too few were prepared".to_owned());
                worked.failed += 1;
                return worked;
            }
            Some(Err(why)) => {
                worked.failed += 1;
                worked.first.get_or_insert_with(|| format!("{why:#}"));
            }
            Some(Ok(())) => {
                worked.all += 1;
                let ended = Instant::now();
                if began >= begin && ended <= end {
                    worked.latencies.push(ended - began);
                }
            }
        }
    }
}

/// Does the same thing on this thread until the time is up, and says how often a second.
pub(super) fn repeat(
    seconds: f64,
    mut once: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let began = Instant::now();
    let mut times = 0_u64;
    loop {
        once()?;
        times += 1;
        let passed = began.elapsed().as_secs_f64();
        if passed >= seconds {
            return Ok(times as f64 / passed);
        }
    }
}
