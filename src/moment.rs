//! A moment as people read it: by the calendar, UTC.
//!
//! In scope: Unix seconds as text. Out of scope: what time it is (`ambient`), text as a moment (`cli`).

use jiff::Timestamp;

/// To the minute.
#[must_use]
pub fn when(unix: u64) -> String {
    written(unix, "%Y-%m-%d %H:%M UTC")
}

/// To the second, where one may decide.
#[must_use]
pub fn exactly(unix: u64) -> String {
    written(unix, "%Y-%m-%d %H:%M:%S UTC")
}

fn written(unix: u64, form: &str) -> String {
    let stamp = i64::try_from(unix).ok().and_then(|unix| Timestamp::from_second(unix).ok());
    stamp.map_or_else(|| format!("second {unix}"), |stamp| stamp.strftime(form).to_string())
}

/// A length of time, in its largest unit.
#[must_use]
pub fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_date() {
        assert_eq!(when(0), "1970-01-01 00:00 UTC");
        assert_eq!(exactly(1_795_526_966), "2026-11-24 13:29:26 UTC");
        assert_eq!(when(u64::MAX), "second 18446744073709551615");
    }
}
