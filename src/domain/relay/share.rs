//! The share that one member has of one mailbox, whatever contact of its writes.
//!
//! In scope: what waits there, how fast more may come, what is kept for what is urgent. Out of scope:
//! when something is received (`commands::accounts`). Invariant: a share follows from what was stored and the
//! time; nothing runs beside it.

use std::collections::BTreeMap;

use crate::domain::limits;
use crate::signed::proto::Urgency;

use super::addressing::OrLater;

/// A day, in seconds.
pub(super) const DAY: u64 = 86_400;

/// What the relay grants to each member. A value, so that a bench and a test can grant otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grants {
    /// Bytes that are kept on its account: its messages, and room for their answers.
    pub kept: u64,
    /// Messages of its that wait in one mailbox, and come to it at once.
    pub messages: u64,
    /// Bytes of those that wait.
    pub bytes: u64,
    /// Seconds between two of them, in the long run.
    pub seconds: u64,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            kept: limits::KEPT_BYTES,
            messages: limits::SHARE_MESSAGES,
            bytes: limits::SHARE_BYTES,
            seconds: limits::SHARE_SECONDS,
        }
    }
}

/// How much of a grant a message of this urgency may use: a quarter is kept for an alert.
#[must_use]
pub fn part(of: u64, urgency: OrLater<Urgency>) -> u64 {
    if is_alert(urgency) { of } else { of - of / limits::KEPT_FOR_ALERTS }
}

/// Whether a part is kept for what is so urgent.
#[must_use]
pub fn is_alert(urgency: OrLater<Urgency>) -> bool {
    urgency == Urgency::Immediate || urgency == Urgency::Flash
}

/// What waits in a mailbox and is forgotten on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many messages wait.
    pub messages: u64,
    /// Their bytes: header, body, letters.
    pub bytes: u64,
}

/// How much of a mailbox is one member's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// What nobody there has received, by the Unix day after which the relay may forget it.
    pub waiting: BTreeMap<u64, Waiting>,
    /// When all that came would have come, at the pace that is granted: Unix seconds.
    pub paced: u64,
}

/// Why a share takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Too much waits.
    Waiting,
    /// Too many came at once; in so many seconds there is room.
    TooFast(u64),
}

/// A message that asks for room.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// How urgent it is, maybe by a later version's number.
    pub urgency: OrLater<Urgency>,
    /// How many bytes it would take.
    pub bytes: u64,
    /// When the relay may forget it, Unix seconds.
    pub until: u64,
    /// Now, Unix seconds; nothing while the clock is in doubt, which then ends and hinders nothing.
    pub now: Option<u64>,
}

impl Share {
    /// The share with one message more.
    ///
    /// # Errors
    /// [`Full`].
    pub fn with(&self, grants: &Grants, asking: Asking) -> Result<Self, Full> {
        let Asking { urgency, bytes, until, now } = asking;
        let mut waiting = self.waiting.clone();
        waiting.retain(|day, _| now.is_none_or(|now| *day >= now / DAY));
        let day = waiting.entry(until / DAY).or_default();
        day.messages = day.messages.saturating_add(1);
        day.bytes = day.bytes.saturating_add(bytes);
        let sum = |of: fn(&Waiting) -> u64| waiting.values().map(of).fold(0, u64::saturating_add);
        if sum(|day| day.messages) > part(grants.messages, urgency)
            || sum(|day| day.bytes) > part(grants.bytes, urgency)
        {
            return Err(Full::Waiting);
        }
        let paced = match now {
            None => self.paced.saturating_add(grants.seconds),
            Some(now) => {
                // A clock that was set back leaves no more behind than all that may come at once.
                let all = grants.seconds.saturating_mul(grants.messages);
                let before = self.paced.clamp(now, now.saturating_add(all));
                let paced = before.saturating_add(grants.seconds);
                let granted = grants.seconds.saturating_mul(part(grants.messages, urgency));
                match (paced - now).checked_sub(granted) {
                    None | Some(0) => paced,
                    Some(seconds) => return Err(Full::TooFast(seconds)),
                }
            }
        };
        Ok(Self { waiting, paced })
    }

    /// The share without a message that was received there.
    #[must_use]
    pub fn without(mut self, bytes: u64, until: u64) -> Self {
        if let Some(day) = self.waiting.get_mut(&(until / DAY)) {
            day.messages = day.messages.saturating_sub(1);
            day.bytes = day.bytes.saturating_sub(bytes);
        }
        self.waiting.retain(|_, day| day.messages > 0);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;
    const GRANTS: Grants = Grants { kept: 0, messages: 8, bytes: 800, seconds: 30 };
    const ROUTINE: OrLater<Urgency> = OrLater::Known(Urgency::Routine);
    const FLASH: OrLater<Urgency> = OrLater::Known(Urgency::Flash);

    fn asking(urgency: OrLater<Urgency>, now: u64) -> Asking {
        Asking { urgency, bytes: 10, until: now + 60 + DAY, now: Some(now) }
    }

    /// As many as are taken, one after the other at this time; and why not more.
    fn filled(share: &mut Share, urgency: OrLater<Urgency>, now: u64) -> (u64, Full) {
        for taken in 0.. {
            match share.with(&GRANTS, asking(urgency, now)) {
                Ok(more) => *share = more,
                Err(full) => return (taken, full),
            }
        }
        unreachable!("a share is finite")
    }

    #[test]
    fn a_quarter_is_kept_for_alerts() {
        let mut share = Share::default();
        assert_eq!(filled(&mut share, ROUTINE, NOW), (6, Full::Waiting));
        assert_eq!(filled(&mut share, FLASH, NOW), (2, Full::Waiting));
        let later = OrLater::Later(9);
        assert_eq!([part(8, ROUTINE), part(8, later), part(8, FLASH)], [6, 6, 8]);
    }

    #[test]
    fn bytes_count_as_messages_do() {
        let large = |urgency, bytes| Asking { bytes, ..asking(urgency, NOW) };
        let share = Share::default();
        assert!(share.with(&GRANTS, large(ROUTINE, 600)).is_ok());
        assert_eq!(share.with(&GRANTS, large(ROUTINE, 601)), Err(Full::Waiting));
        assert!(share.with(&GRANTS, large(FLASH, 800)).is_ok());
        assert_eq!(share.with(&GRANTS, large(FLASH, 801)), Err(Full::Waiting));
    }

    #[test]
    fn what_lives_for_a_minute_counts_until_the_day_after_is_over() {
        let mut share = Share::default();
        filled(&mut share, FLASH, NOW);
        let forgotten = (NOW + 60 + DAY) / DAY;
        for now in [NOW + 61, NOW + DAY, forgotten * DAY, (forgotten + 1) * DAY - 1] {
            assert_eq!(share.with(&GRANTS, asking(FLASH, now)), Err(Full::Waiting), "{now}");
        }
        assert_eq!(filled(&mut share, FLASH, (forgotten + 1) * DAY), (8, Full::Waiting));
    }

    /// Who receives at once makes room, and still gets no more than the pace allows.
    #[test]
    fn what_was_received_makes_room_and_the_pace_stays() {
        let mut share = Share::default();
        let took = |share: &mut Share, now: u64| {
            let more = share.with(&GRANTS, asking(ROUTINE, now))?;
            *share = more.without(10, now + 60 + DAY);
            Ok(())
        };
        for _ in 0..6 {
            assert_eq!(took(&mut share, NOW), Ok(()));
        }
        assert!(share.waiting.is_empty());
        assert_eq!(took(&mut share, NOW), Err(Full::TooFast(30)));
        assert_eq!(took(&mut share, NOW + 29), Err(Full::TooFast(1)));
        assert_eq!(took(&mut share, NOW + 30), Ok(()));
        assert_eq!(took(&mut share, NOW + 30), Err(Full::TooFast(30)));
        assert!(share.with(&GRANTS, asking(FLASH, NOW + 30)).is_ok());
    }

    #[test]
    fn a_clock_in_doubt_ends_and_hinders_nothing() {
        let mut share = Share::default();
        filled(&mut share, ROUTINE, NOW);
        let share = Share { paced: u64::MAX, ..share };
        let asks = |urgency| Asking { now: None, ..asking(urgency, NOW + 99 * DAY) };
        assert_eq!(share.with(&GRANTS, asks(ROUTINE)), Err(Full::Waiting));
        assert!(share.with(&GRANTS, asks(FLASH)).is_ok());
        let share = Share { waiting: BTreeMap::new(), ..share };
        assert!(share.with(&GRANTS, asks(ROUTINE)).is_ok());
        // It was right after all, or was set back: no more than all at once is behind.
        assert_eq!(share.with(&GRANTS, asking(FLASH, NOW)), Err(Full::TooFast(30)));
    }

    #[test]
    fn what_was_not_counted_makes_no_room() {
        let mut share = Share::default();
        filled(&mut share, ROUTINE, NOW);
        assert_eq!(share.clone().without(10, NOW + 40 * DAY), share);
    }
}
