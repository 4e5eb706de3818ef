//! A budget that fills again with time. Pure: the time is an argument.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// So much at once; and an empty budget is full again in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// What a full budget holds: so much may be taken at once.
    pub burst: u64,
    /// From empty to full.
    pub full_in: Duration,
    /// Of what there is at once, so much is not for whoever asks.
    kept: u64,
}

impl Quota {
    /// `burst` at once, and as much again in `seconds`.
    #[must_use]
    pub const fn new(burst: u64, seconds: u64) -> Self {
        Self { burst, full_in: Duration::from_secs(seconds), kept: 0 }
    }

    /// `burst` at once, and so many a second in the long run.
    #[must_use]
    pub fn per_second(burst: u32, rate: u32) -> Self {
        let full_in = Duration::from_secs(burst.into()) / rate.max(1);
        Self { burst: burst.into(), full_in, kept: 0 }
    }

    /// The same, of which `kept` are left for others who ask of it.
    #[must_use]
    pub const fn keeping(self, kept: u64) -> Self {
        Self { kept, ..self }
    }

    /// How long it takes to fill up by so many parts.
    fn time_of(self, parts: u64) -> Duration {
        let nanos = self.full_in.as_nanos().saturating_mul(u128::from(parts)) / self.parts();
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// By how many parts it fills up in a time.
    fn parts_in(self, time: Duration) -> u64 {
        let parts = time.as_nanos().saturating_mul(self.parts()) / self.full_in.as_nanos().max(1);
        u64::try_from(parts).unwrap_or(u64::MAX)
    }

    fn parts(self) -> u128 {
        u128::from(self.burst.max(1)) * u128::from(PARTS)
    }
}

/// Of one, so that little time fills a little.
const PARTS: u64 = 1_000_000;

const fn parts(of: u64) -> u64 {
    of.saturating_mul(PARTS)
}

/// What is used of a quota, in parts, at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bucket {
    used: u64,
    at: Duration,
    full_at: Duration,
}

impl Bucket {
    /// Takes `cost`, which a whole quota at most can be asked for.
    ///
    /// # Errors
    /// There is not so much left; it is in this time.
    pub(super) fn take(&mut self, quota: Quota, cost: u64, now: Duration) -> Result<(), Duration> {
        let filled = quota.parts_in(now.saturating_sub(self.at)).min(self.used);
        self.used = (self.used - filled).min(parts(quota.burst));
        // Not more time than has filled it: the rest counts when it is asked again.
        self.at = if self.used == 0 { now } else { self.at + quota.time_of(filled) };
        let most = quota.burst.saturating_sub(quota.kept);
        let after = self.used.saturating_add(parts(cost.min(most)));
        match after.checked_sub(parts(most)) {
            None | Some(0) => {
                self.used = after;
                self.full_at = self.at + quota.time_of(after);
                Ok(())
            }
            Some(missing) => Err(quota.time_of(missing)),
        }
    }

    /// Gives back what was taken and not used.
    pub(super) fn give_back(&mut self, quota: Quota, cost: u64) {
        self.used = self.used.saturating_sub(parts(cost.min(quota.burst)));
    }

    fn is_full(&self, now: Duration) -> bool {
        self.full_at <= now
    }
}

/// Buckets by whose they are. Those that are full again are forgotten.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    buckets: HashMap<K, Bucket>,
    sweep_at: usize,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self { buckets: HashMap::new(), sweep_at: SWEEP }
    }
}

/// Below so many nobody looks which are full.
const SWEEP: usize = 1_024;

impl<K: Eq + Hash> Buckets<K> {
    /// Takes `cost` from the bucket of `whose`.
    ///
    /// # Errors
    /// As [`Bucket::take`].
    pub(super) fn take(
        &mut self,
        whose: K,
        quota: Quota,
        cost: u64,
        now: Duration,
    ) -> Result<(), Duration> {
        if self.buckets.len() >= self.sweep_at {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            self.sweep_at = SWEEP.max(2 * self.buckets.len());
        }
        self.buckets.entry(whose).or_default().take(quota, cost, now)
    }

    /// As [`Bucket::give_back`], to the budget of this one.
    pub(super) fn give_back(&mut self, whose: &K, quota: Quota, cost: u64) {
        if let Some(bucket) = self.buckets.get_mut(whose) {
            bucket.give_back(quota, cost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn so_much_at_once_and_then_as_time_goes_by() {
        let (quota, mut bucket, now) = (Quota::new(10, 20), Bucket::default(), 100 * SECOND);
        for _ in 0..10 {
            assert_eq!(bucket.take(quota, 1, now), Ok(()));
        }
        assert_eq!(bucket.take(quota, 1, now), Err(2 * SECOND));
        assert_eq!(bucket.take(quota, 3, now), Err(6 * SECOND));
        assert_eq!(bucket.take(quota, 1, now + SECOND), Err(SECOND), "a refusal costs nothing");
        assert_eq!(bucket.take(quota, 1, now + 2 * SECOND), Ok(()));
        bucket.give_back(quota, 1);
        assert_eq!(bucket.take(quota, 1, now + 2 * SECOND), Ok(()));
        assert_eq!(bucket.take(quota, 1, now + 2 * SECOND), Err(2 * SECOND));
        // However long nobody asked, it is no more than full; and what is more than all is all.
        assert_eq!(bucket.take(quota, 99, now + 9_999 * SECOND), Ok(()));
        assert_eq!(bucket.take(quota, 1, now + 9_999 * SECOND), Err(2 * SECOND));
    }

    #[test]
    fn what_is_kept_is_for_those_who_may_have_all() {
        let (all, mut bucket, now) = (Quota::new(4, 8), Bucket::default(), SECOND);
        let some = all.keeping(1);
        assert_eq!(bucket.take(some, 3, now), Ok(()));
        assert_eq!(bucket.take(some, 1, now), Err(2 * SECOND));
        assert_eq!(bucket.take(all, 1, now), Ok(()));
        assert_eq!(bucket.take(all, 1, now), Err(2 * SECOND));
        assert_eq!(bucket.take(some, 1, now), Err(4 * SECOND), "what is kept fills up first");
        assert_eq!(bucket.take(some, 1, now + 4 * SECOND), Ok(()));
        assert_eq!(bucket.take(some, 9, now + 99 * SECOND), Ok(()), "all of it is all but that");
    }

    #[test]
    fn everybody_has_his_own_and_full_ones_are_forgotten() {
        let (quota, mut buckets) = (Quota::new(1, 10), Buckets::default());
        for whose in 0..SWEEP {
            assert_eq!(buckets.take(whose, quota, 1, SECOND), Ok(()));
        }
        assert_eq!(buckets.buckets.len(), SWEEP);
        assert_eq!(buckets.take(SWEEP, quota, 1, 11 * SECOND), Ok(()));
        assert_eq!(buckets.buckets.len(), 1);
        assert_eq!(buckets.take(SWEEP, quota, 1, 11 * SECOND), Err(10 * SECOND));
    }
}
