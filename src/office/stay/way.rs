//! Staying connected: how long to wait before the next attempt, and what people are told of it.
//!
//! In scope: since when there is no connection, when that is said and when again. Out of scope: which
//! end of a connection is one that passes (`client::error`), connecting, the words. Invariant: it
//! never gives up.

use std::time::Duration;

use crate::client::error::ClientError;
use crate::client::reason::Reason;

/// The way to the service, for who stays.
#[derive(Debug)]
pub(super) struct Way {
    /// Something came on the last connection.
    works: bool,
    /// Since when there is none.
    lost: Option<u64>,
    /// The reason that was told last.
    told: Option<Reason>,
    pause: Duration,
}

impl Default for Way {
    fn default() -> Self {
        Self { works: false, lost: None, told: None, pause: FIRST_PAUSE }
    }
}

impl Way {
    /// The connection ended, or none could be made. Since when there is none, if that is to be told:
    /// not before the first attempt to connect again has failed, and then for each new reason.
    pub(super) fn ended(&mut self, why: &ClientError, now: u64) -> Option<u64> {
        let since = *self.lost.get_or_insert(now);
        let worked = std::mem::take(&mut self.works);
        if worked || self.told.as_ref() == Some(&why.reason) {
            return None;
        }
        self.told = Some(why.reason.clone());
        Some(since)
    }

    /// Something came. Since when there was no connection, if people were told that there is none.
    pub(super) fn came(&mut self) -> Option<u64> {
        let before = std::mem::replace(self, Self { works: true, ..Self::default() });
        before.told.and(before.lost)
    }

    /// How long to wait before the next attempt: twice as long each time, and not all at once who
    /// lost their connections together.
    pub(super) fn pause(&mut self, random: u8) -> Duration {
        let longest = self.pause;
        self.pause = (longest * 2).min(LAST_PAUSE);
        (longest + longest * u32::from(random) / u32::from(u8::MAX)) / 2
    }
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use crate::client::error::{Family, Side};
    use crate::client::reason::Here;

    use super::*;

    fn error(reason: Here) -> ClientError {
        ClientError::new(Side::Network, Family::NotReachable, reason, "a sentence")
    }

    #[test]
    fn that_there_is_no_connection_is_told_once_and_for_each_new_reason() {
        let mut way = Way::default();
        let (lost, none) = (error(Here::Unavailable), error(Here::NoConnection));
        assert_eq!(way.ended(&none, 5), Some(5), "there was never one");
        assert_eq!(way.ended(&none, 6), None);
        assert_eq!(way.came(), Some(5));
        assert_eq!(way.came(), None);
        // One that is made again at once is nothing to tell.
        assert_eq!(way.ended(&lost, 10), None);
        assert_eq!(way.came(), None);
        assert_eq!(way.ended(&none, 20), None);
        let told = [(&none, 21), (&none, 22), (&lost, 23), (&lost, 24), (&none, 25)]
            .map(|(why, now)| way.ended(why, now));
        assert_eq!(told, [Some(20), None, Some(20), None, Some(20)]);
        assert_eq!(way.came(), Some(20));
    }

    #[test]
    fn pauses_grow_to_a_minute_and_begin_anew_with_what_comes() {
        let mut way = Way::default();
        let seconds = |way: &mut Way| way.pause(u8::MAX).as_secs();
        let all: Vec<u64> = (0..9).map(|_| seconds(&mut way)).collect();
        assert_eq!(all, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(way.pause(0), Duration::from_secs(30));
        way.ended(&error(Here::Unavailable), 0);
        assert_eq!(seconds(&mut way), 60, "a connection on which nothing came is none");
        way.came();
        assert_eq!(seconds(&mut way), 1);
    }
}
