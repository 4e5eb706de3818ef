//! Workers that do the same thing again and again until the time is up.
//!
//! In scope: the clock, latencies, failures, how busy the machine was. Out of scope: what is done.
//! Invariants: a closed loop, one thing in flight for each worker; what begins before the clock
//! starts or ends after it stops is not counted; the clock stops when the first worker has nothing
//! left to do.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::bench::machine::{Busy, Each, Spent};

/// Something that can be done again and again.
pub(super) trait Work: Send + 'static {
    /// Does it once; nothing if there is nothing left to do.
    fn once(&mut self) -> impl Future<Output = Option<anyhow::Result<()>>> + Send;
}

/// What came of it.
#[derive(Default)]
pub(super) struct Driven {
    /// Of those counted, ascending.
    pub(super) latencies: Vec<Duration>,
    /// How long the clock ran.
    pub(super) seconds: f64,
    /// It stopped early: a worker had nothing left to do.
    pub(super) ran_out: bool,
    /// All that succeeded, counted or not.
    pub(super) all: u64,
    /// How many failed, and why the first did.
    pub(super) failed: u64,
    pub(super) first: Option<String>,
    /// How busy this process and the others were.
    pub(super) busy: Option<Busy>,
    /// What each of those counted took of the processors.
    pub(super) each: Option<Each>,
}

impl Driven {
    pub(super) fn rate(&self) -> f64 {
        if self.latencies.is_empty() { 0.0 } else { self.latencies.len() as f64 / self.seconds }
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
    let (ran_out, mut stopped) = watch::channel(None);
    let working = workers.into_iter().map(|worker| work(worker, end, ran_out.clone()));
    let mut working: JoinSet<Worked> = working.collect();
    sleep_until(begin).await;
    let (busy, spent) = (Busy::begin(), Spent::now());
    let early = timeout_at(end, stopped.wait_for(Option::is_some)).await;
    let early = early.ok().and_then(|early| early.ok().and_then(|early| *early));
    let stop = early.unwrap_or(end).max(begin);
    let busy = busy.and_then(Busy::end);
    let stopped_with = spent.map(|before| (Spent::now(), before));
    let seconds = (stop - begin).as_secs_f64();
    let mut driven = Driven { seconds, ran_out: early.is_some(), busy, ..Driven::default() };
    while let Some(worked) = working.join_next().await {
        let worked = worked?;
        let counted = worked.done.iter().filter(|(began, ended)| *began >= begin && *ended <= stop);
        driven.latencies.extend(counted.map(|(began, ended)| *ended - *began));
        driven.all += worked.done.len() as u64;
        driven.failed += worked.failed;
        driven.first = driven.first.or(worked.first);
    }
    driven.latencies.sort_unstable();
    driven.each =
        stopped_with.and_then(|(now, before)| now?.since(&before, driven.latencies.len()));
    Ok(driven)
}

#[derive(Default)]
struct Worked {
    /// From when to when, of those that succeeded.
    done: Vec<(Instant, Instant)>,
    failed: u64,
    first: Option<String>,
}

async fn work(
    mut worker: impl Work,
    end: Instant,
    ran_out: watch::Sender<Option<Instant>>,
) -> Worked {
    let mut worked = Worked::default();
    loop {
        let began = Instant::now();
        if began >= end || ran_out.borrow().is_some() {
            return worked;
        }
        match worker.once().await {
            None => {
                ran_out.send_if_modified(|at| at.replace(at.unwrap_or(began)).is_none());
                return worked;
            }
            Some(Err(why)) => {
                worked.failed += 1;
                worked.first.get_or_insert_with(|| format!("{why:#}"));
            }
            Some(Ok(())) => worked.done.push((began, Instant::now())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes ten milliseconds of virtual time, so many times.
    struct Slow(usize);

    impl Work for Slow {
        async fn once(&mut self) -> Option<anyhow::Result<()>> {
            self.0 = self.0.checked_sub(1)?;
            tokio::time::sleep(Duration::from_millis(10)).await;
            Some(Ok(()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_stops_when_nothing_is_left_to_do() {
        let driven = drive(vec![Slow(1_000), Slow(300)], 5.0).await.unwrap();
        assert!(driven.ran_out);
        assert!((driven.seconds - 2.0).abs() < 0.02, "1 s to warm up: {}", driven.seconds);
        assert!((driven.rate() - 200.0).abs() < 2.0, "{}", driven.rate());
        assert_eq!(driven.failed, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_runs_to_its_end_when_enough_is_left() {
        let driven = drive(vec![Slow(1_000), Slow(1_000)], 5.0).await.unwrap();
        assert!(!driven.ran_out);
        assert!((driven.seconds - 5.0).abs() < 0.02, "{}", driven.seconds);
        assert!((driven.rate() - 200.0).abs() < 2.0, "{}", driven.rate());
    }

    #[tokio::test(start_paused = true)]
    async fn what_runs_out_before_the_clock_starts_is_no_rate() {
        let driven = drive(vec![Slow(10)], 5.0).await.unwrap();
        assert!(driven.ran_out && driven.latencies.is_empty());
        assert_eq!((driven.rate(), driven.each), (0.0, None));
    }
}
