//! Whether the service's own clock can be believed.
//!
//! In scope: when it is in doubt, when it has settled. Out of scope: what then goes on (`domain`:
//! messages, receipts and revocations; nothing dated is admitted, and nothing ends). Invariants: pure; a
//! doubt ends only when the operator says that the clock is right; a restart ends neither it nor what
//! is left until the clock has settled.

use bytes::Bytes;
use prost::Message as _;

use crate::domain::command::Clock;
use crate::domain::limits;
use crate::moment::exactly as at;
use crate::store::{StoreError, keys};

/// A leap of more than this, against the clock that counts suspended time, is no adjustment.
const LEAP_SECONDS: u64 = 10 * 60;
/// A service that was away for longer cannot tell a long holiday from a wrong clock.
const AWAY_SECONDS: u64 = 30 * 86_400;
/// What cannot be taken back waits until the service ran for so long. A clock that is wrong by less deletes
/// nothing before it expires, so who was away for less waits one part in [`PART`] of that.
const SETTLES_SECONDS: u64 = limits::ID_REMEMBERED_SECONDS;
const PART: u64 = 8;
/// The time is stored this often,
const STORED_EVERY_SECONDS: u64 = 3_600;
/// and this often until it has settled, so that what was served counts.
const SETTLING_SECONDS: u64 = 300;

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
    /// Seconds to be served until it has settled, and how many are stored.
    left: u64,
    stored_left: u64,
}

/// As it is stored.
#[derive(Clone, PartialEq, prost::Message)]
struct Stored {
    #[prost(uint64, tag = "1")]
    at: u64,
    #[prost(bool, tag = "2")]
    in_doubt: bool,
    #[prost(uint64, tag = "3")]
    left: u64,
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
        // Who lost what was stored was there when the directory's clock was raised.
        let (before, left) = stored.as_ref().map_or((directory, 0), |it| (it.at, it.left));
        let away = now.unix.saturating_sub(before);
        let wait = if away < SETTLES_SECONDS { away / PART } else { SETTLES_SECONDS };
        let left = if is_right { 0 } else { left.max(wait) };
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
        Ok(Self { seen: now, stored: 0, unsaid: true, why, left, stored_left: left })
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
        self.left = self.left.saturating_sub(counted);
        self.seen = now;
    }

    /// What it showed when it was looked at, Unix seconds, and how far that is believed.
    pub(super) const fn shows(&self) -> (u64, Clock) {
        let clock = match (&self.why, self.left) {
            (Some(_), _) => Clock::InDoubt,
            (None, 0) => Clock::Settled,
            (None, _) => Clock::Unsettled,
        };
        (self.seen.unix, clock)
    }

    /// What is to be said at start of a clock that shows much more than it did.
    pub(super) fn waits(&self) -> Option<String> {
        let waits = self.why.is_none() && self.left > STORED_EVERY_SECONDS;
        waits.then(|| {
            let (now, left) = (at(self.seen.unix), self.left);
            format!(
                "the clock shows {now}: the service was away for long, or the clock is ahead; what has \
                 expired is deleted when the service has run for {left} s more; if the clock is wrong, \
                 set it right before; if it is right, --clock-is-right deletes at once"
            )
        })
    }

    /// Why it is in doubt, once.
    pub(super) fn take_doubt(&mut self) -> Option<&str> {
        let unsaid = std::mem::take(&mut self.unsaid);
        self.why.as_deref().filter(|_| unsaid)
    }

    /// What is to be stored now, if it is time: of a clock in doubt only that it is.
    pub(super) fn take_due(&mut self) -> Option<(Vec<u8>, Bytes)> {
        let settling = self.stored_left > 0;
        let every = if settling { SETTLING_SECONDS } else { STORED_EVERY_SECONDS };
        let due = self.seen.unix.abs_diff(self.stored) >= every || self.unsaid;
        if !due && (self.left > 0 || !settling) {
            return None;
        }
        (self.stored, self.stored_left) = (self.seen.unix, self.left);
        let value = Stored { at: self.seen.unix, in_doubt: self.why.is_some(), left: self.left };
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
        left(at, in_doubt, 0)
    }

    fn left(at: u64, in_doubt: bool, left: u64) -> Vec<u8> {
        Stored { at, in_doubt, left }.encode_to_vec()
    }

    fn in_doubt(watch: &Watch) -> bool {
        watch.shows().1 == Clock::InDoubt
    }

    #[test]
    fn its_numbers_are_those_of_the_page() {
        let (leap, away) = (LEAP_SECONDS / 60, AWAY_SECONDS / DAY);
        page_says(&format!("at most {} s of service", grouped(SETTLES_SECONDS)));
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
            assert_eq!(in_doubt(&start(false)), doubt, "{name}");
            let right = start(true).shows();
            assert_eq!(right, (at, Clock::Settled), "{name}: the operator says that it is right");
        }
    }

    #[test]
    fn a_clock_settles_while_it_is_served_and_a_restart_does_not_begin_it_anew() {
        let nothing = None::<Vec<u8>>;
        for (name, stored, at, wait) in [
            ("just founded", nothing.clone(), T, 0),
            ("founded long ago, or what was stored is lost", nothing, T + 9 * DAY, DAY),
            ("stopped and started", Some(stored(T, false)), T, 0),
            ("it was stored an hour ago", Some(stored(T, false)), T + 3_600, 450),
            ("off for a night", Some(stored(T, false)), T + 16 * 3_600, 7_200),
            ("a day, but for a second", Some(stored(T, false)), T + DAY - 1, 10_799),
            ("a day", Some(stored(T, false)), T + DAY, DAY),
            ("29 days away, or ahead", Some(stored(T, false)), T + 29 * DAY, DAY),
            ("once more", Some(left(T, false, DAY)), T, DAY),
            ("once more, later", Some(left(T, false, 7_200)), T + 60, 7_200),
            ("and far later", Some(left(T, false, 7_200)), T + DAY, DAY),
        ] {
            let mut watch = Watch::start(now(at, 5), T, stored.as_deref(), false).unwrap();
            let said = watch.waits().map(|said| said.contains(&format!("for {wait} s more")));
            assert_eq!(said, (wait > 3_600).then_some(true), "{name}");
            let (_, value) = watch.take_due().unwrap();
            assert_eq!(value, left(at, false, wait), "{name}");
            if wait > 0 {
                watch.look(now(at + wait - 1, 5 + wait - 1));
                assert_eq!(watch.shows(), (at + wait - 1, Clock::Unsettled), "{name}");
            }
            watch.look(now(at + wait, 5 + wait));
            assert_eq!(watch.shows(), (at + wait, Clock::Settled), "{name}");
        }
        // Which does not count on while somebody sets it.
        let mut watch = Watch::start(now(T + 7_200, 0), T, Some(&stored(T, false)), false).unwrap();
        for ahead in 1..=12 {
            watch.look(now(T + 7_200 + 600 * ahead, 0));
        }
        assert_eq!(watch.shows().1, Clock::Unsettled);
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
            assert_eq!(in_doubt(&watch), doubt, "{name}");
            watch.look(now(unix + 1, counted + 1));
            assert_eq!(in_doubt(&watch), doubt, "{name}: it does not end by itself");
        }
    }

    #[test]
    fn what_was_served_of_what_is_left_is_stored_every_five_minutes_and_the_end_at_once() {
        let mut watch = Watch::start(now(T, 0), T, Some(&left(T, false, 1_000)), false).unwrap();
        let mut stored = Vec::new();
        for second in 0..=5_000 {
            watch.look(now(T + second, second));
            if let Some((_, value)) = watch.take_due() {
                stored.push(Stored::decode(value).unwrap());
            }
            if second == 0 {
                assert!(watch.take_doubt().is_none());
            }
        }
        let left: Vec<_> = stored.iter().map(|stored| (stored.at - T, stored.left)).collect();
        let expected = [(0, 1_000), (300, 700), (600, 400), (900, 100), (1_000, 0), (4_600, 0)];
        assert_eq!(left, expected);
    }

    #[test]
    fn the_time_is_stored_once_an_hour_and_a_doubt_at_once() {
        let mut watch = Watch::start(now(T, 0), T, None, false).unwrap();
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
