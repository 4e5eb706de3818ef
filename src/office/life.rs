//! The life of something that runs out, and how near its end it is.

/// From when to when something holds, seen from now. Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// When it began.
    pub from: u64,
    /// When it ends.
    pub until: u64,
    /// When this is asked.
    pub now: u64,
}

/// What is said before something ends: short lives do not nag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Near {
    /// It has ended.
    Over,
    /// It ends within a day.
    LastDay,
    /// It is in the last sixth.
    LastSixth,
    /// It is in the last third.
    LastThird,
}

impl Life {
    /// At a third and a sixth of it, on its last day, and after it.
    #[must_use]
    pub const fn near(&self) -> Option<Near> {
        let (whole, left) =
            (self.until.saturating_sub(self.from), self.until.saturating_sub(self.now));
        match left {
            0 => Some(Near::Over),
            left if left < 86_400 => Some(Near::LastDay),
            left if left <= whole / 6 => Some(Near::LastSixth),
            left if left <= whole / 3 => Some(Near::LastThird),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_out_is_near_its_end_in_proportion_to_its_life() {
        const DAY: u64 = 86_400;
        let at = |now| Life { from: 0, until: 60 * DAY, now }.near();
        for (now, near) in [
            (0, None),
            (40 * DAY - 1, None),
            (40 * DAY, Some(Near::LastThird)),
            (50 * DAY - 1, Some(Near::LastThird)),
            (50 * DAY, Some(Near::LastSixth)),
            (59 * DAY, Some(Near::LastSixth)),
            (59 * DAY + 1, Some(Near::LastDay)),
            (60 * DAY - 1, Some(Near::LastDay)),
            (60 * DAY, Some(Near::Over)),
            (u64::MAX, Some(Near::Over)),
        ] {
            assert_eq!(at(now), near, "{now}");
        }
    }

    #[test]
    fn a_life_of_a_day_is_near_its_end_all_along() {
        let life = Life { from: 10, until: 86_409, now: 10 };
        assert_eq!(life.near(), Some(Near::LastDay));
        assert_eq!(Life { from: 20, until: 10, now: 5 }.near(), Some(Near::LastDay));
    }
}
