//! Whether the service's own clock can be believed.
//!
//! In scope: when it is in doubt. Out of scope: what then goes on (`domain`: messages, receipts and
//! revocations; nothing dated is admitted). Invariants: pure; a doubt ends only when the operator says
//! that the clock is right, and outlives a restart.

use bytes::Bytes;
use prost::Message as _;

use crate::moment::exactly as at;
use crate::store::{StoreError, keys};

/// A leap of more than this, against the clock that counts suspended time, is no adjustment.
const LEAP_SECONDS: u64 = 10 * 60;
/// A service that was away for longer cannot tell a long holiday from a wrong clock.
const AWAY_SECONDS: u64 = 30 * 86_400;
/// The time is stored this often.
const STORED_EVERY_SECONDS: u64 = 3_600;

/// Two clocks, Unix seconds and seconds since the machine started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Now {
    pub(super) unix: u64,
    pub(super) counted: u64,
}

/// What is known of the clock.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    seen: Now,
    stored: u64,
    why: Option<String>,
    unsaid: bool,
}

/// As it is stored.
#[derive(Clone, PartialEq, prost::Message)]
struct Stored {
    #[prost(uint64, tag = "1")]
    at: u64,
    #[prost(bool, tag = "2")]
    in_doubt: bool,
}

impl Watch {
    /// At start: `stored` is what the last run left, `directory` the directory's clock.
    pub(super) fn start(
        now: Now,
        directory: u64,
        stored: Option<&[u8]>,
        is_right: bool,
    ) -> Result<Self, StoreError> {
        let unreadable = |_| StoreError::Corrupt("the stored time cannot be read".to_owned());
        let stored = stored.map(Stored::decode).transpose().map_err(unreadable)?;
        let last = stored.as_ref().map_or(now.unix, |stored| stored.at);
        let why = if is_right {
            None
        } else if stored.is_some_and(|stored| stored.in_doubt) {
            Some("it was in doubt when the service stopped".to_owned())
        } else if now.unix < directory {
            Some(format!("it shows {}, and the directory's clock {}", at(now.unix), at(directory)))
        } else if now.unix < last {
            Some(format!("it shows {}, and {} was shown before", at(now.unix), at(last)))
        } else if now.unix > last + AWAY_SECONDS {
            Some(format!("it shows {}, more than 30 days after {}", at(now.unix), at(last)))
        } else {
            None
        };
        Ok(Self { seen: now, stored: 0, unsaid: true, why })
    }

    /// Looks at the clock again.
    pub(super) fn look(&mut self, now: Now) {
        let unix = now.unix.abs_diff(self.seen.unix);
        let counted = now.counted.abs_diff(self.seen.counted);
        let back = now.unix < self.seen.unix;
        let apart = if back { unix + counted } else { unix.abs_diff(counted) };
        if apart > LEAP_SECONDS && self.why.is_none() {
            let (from, to) = (at(self.seen.unix), at(now.unix));
            self.why = Some(format!("it leapt from {from} to {to} while {counted} s went by"));
            self.unsaid = true;
        }
        self.seen = now;
    }

    pub(super) const fn in_doubt(&self) -> bool {
        self.why.is_some()
    }

    /// Why it is in doubt, once.
    pub(super) fn take_doubt(&mut self) -> Option<&str> {
        let unsaid = std::mem::take(&mut self.unsaid);
        self.why.as_deref().filter(|_| unsaid)
    }

    /// What is to be stored now, if it is time: of a clock in doubt only that it is.
    pub(super) fn take_due(&mut self) -> Option<(Vec<u8>, Bytes)> {
        let due = self.seen.unix.abs_diff(self.stored) >= STORED_EVERY_SECONDS || self.unsaid;
        if !due {
            return None;
        }
        self.stored = self.seen.unix;
        let value = Stored { at: self.seen.unix, in_doubt: self.in_doubt() };
        Some((keys::CLOCK.to_vec(), value.encode_to_vec().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{grouped, page_says};

    const T: u64 = 1_800_000_000;
    const DAY: u64 = 86_400;

    fn now(unix: u64, counted: u64) -> Now {
        Now { unix, counted }
    }

    fn stored(at: u64, in_doubt: bool) -> Vec<u8> {
        Stored { at, in_doubt }.encode_to_vec()
    }

    #[test]
    fn its_numbers_are_those_of_the_page() {
        let (leap, away) = (LEAP_SECONDS / 60, AWAY_SECONDS / DAY);
        page_says(&format!("leapt by more than {leap} minutes"));
        let every = grouped(STORED_EVERY_SECONDS);
        page_says(&format!("every {every} s), or more than {away} days after that"));
    }

    #[test]
    fn a_start_doubts_a_clock_that_went_back_or_far_ahead() {
        let cases: [(&str, u64, Option<Vec<u8>>, bool); 8] = [
            ("first start", T, None, false),
            ("at the directory's clock", T, Some(stored(T, false)), false),
            ("before the directory's clock", T - 1, None, true),
            ("before the time stored", T + 9, Some(stored(T + 10, false)), true),
            ("30 days later", T + 30 * DAY, Some(stored(T, false)), false),
            ("and one second", T + 30 * DAY + 1, Some(stored(T, false)), true),
            ("in doubt before", T + 1, Some(stored(T, true)), true),
            ("the year 2100", 4_102_444_800, Some(stored(T, false)), true),
        ];
        for (name, at, stored, doubt) in cases {
            let start =
                |is_right| Watch::start(now(at, 5), T, stored.as_deref(), is_right).unwrap();
            assert_eq!(start(false).in_doubt(), doubt, "{name}");
            assert!(!start(true).in_doubt(), "{name}: the operator says that it is right");
        }
    }

    #[test]
    fn a_leap_is_doubted_and_a_suspended_machine_is_not() {
        let cases = [
            ("an hour", T + 3_600, 3_600, false),
            ("a day asleep", T + DAY, DAY, false),
            ("ten minutes ahead", T + 600, 0, false),
            ("ten minutes and a second", T + 601, 0, true),
            ("ten minutes back", T - 600, 0, false),
            ("ten minutes and a second back", T - 601, 0, true),
            ("standing still", T, 601, true),
            ("five minutes back in five", T - 300, 300, false),
            ("and a second", T - 301, 300, true),
        ];
        for (name, unix, counted, doubt) in cases {
            let mut watch = Watch::start(now(T, 0), 0, None, false).unwrap();
            watch.look(now(unix, counted));
            assert_eq!(watch.in_doubt(), doubt, "{name}");
            watch.look(now(unix + 1, counted + 1));
            assert_eq!(watch.in_doubt(), doubt, "{name}: it does not end by itself");
        }
    }

    #[test]
    fn the_time_is_stored_once_an_hour_and_a_doubt_at_once() {
        let mut watch = Watch::start(now(T, 0), 0, None, false).unwrap();
        assert!(watch.take_doubt().is_none(), "there is nothing to say");
        assert!(watch.take_due().is_some(), "at start");
        watch.look(now(T + 3_599, 3_599));
        assert_eq!(watch.take_due(), None);
        watch.look(now(T + 3_600, 3_600));
        assert!(watch.take_due().is_some());
        watch.look(now(T + 5_000, 3_601));
        let (_, value) = watch.take_due().unwrap();
        assert_eq!(value, stored(T + 5_000, true));
        assert!(watch.take_doubt().is_some());
        assert!(watch.take_doubt().is_none());
        watch.look(now(T + 9_999, 3_602));
        assert!(watch.take_doubt().is_none(), "it is said once");
        let mut doubted = Watch::start(now(T, 0), T + 1, None, false).unwrap();
        assert!(doubted.take_doubt().is_some(), "at start");
    }
}
