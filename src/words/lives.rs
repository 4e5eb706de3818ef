//! What is said of something that runs out.
//!
//! In scope: until when it holds, and how near that is. Out of scope: when it is near (`office::life`).

use crate::office::life::{Life, Near};

use super::{day, span, visible};

/// Until when it holds, and how long that is.
#[must_use]
pub fn holds(of: &Life) -> String {
    let until = day(of.until);
    match of.left() {
        None => format!("was to hold until {until}"),
        Some(left) => format!("holds until {until}, {} left", span(left)),
    }
}

/// At a third and a sixth of its life, on its last day, and after it: of what stops no message.
#[must_use]
pub fn runs_out(of: &Life, what: &str, mend: &str) -> Option<String> {
    near_its_end(of, what, "is over; it stops no message", mend)
}

/// What members see coming: a service renews its certificate before the last third of its life.
#[must_use]
pub fn service_runs_out(of: &Life) -> Option<String> {
    let what = "the certificate of the service";
    near_its_end(of, what, "is over: nobody connects", "tell the operator")
}

fn near_its_end(of: &Life, what: &str, over: &str, mend: &str) -> Option<String> {
    let how = match of.near()? {
        Near::Over => over,
        Near::LastDay => "ends within a day",
        Near::LastSixth => "is in the last sixth of its life",
        Near::LastThird => "is in the last third of its life",
    };
    Some(format!("{} {how} ({}): {mend}", visible(what), holds(of)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    fn at(now: u64) -> Life {
        Life { from: 0, until: 60 * DAY, now: now * DAY }
    }

    #[test]
    fn what_runs_out_is_said_in_proportion() {
        let said = |now| {
            let said = runs_out(&at(now), "it", "mend");
            said.map(|said| said.split(" (").next().unwrap().to_owned())
        };
        assert_eq!(said(30), None);
        assert_eq!(said(40).as_deref(), Some("it is in the last third of its life"));
        assert_eq!(said(51).as_deref(), Some("it is in the last sixth of its life"));
        assert_eq!(said(60).as_deref(), Some("it is over; it stops no message"));
        let last = Life { now: 60 * DAY - 60, ..at(0) };
        let said = runs_out(&last, "it\u{1b}", "mend").unwrap();
        assert_eq!(said, r"it\u{1b} ends within a day (holds until 1970-03-02, 60 s left): mend");
    }

    #[test]
    fn a_service_whose_certificate_is_over_is_reached_by_nobody() {
        assert_eq!(service_runs_out(&at(30)), None);
        assert_eq!(
            service_runs_out(&at(61)).as_deref(),
            Some(
                "the certificate of the service is over: nobody connects (was to hold until \
                 1970-03-02): tell the operator"
            )
        );
        assert_eq!(holds(&at(60)), "holds until 1970-03-02, 0 s left");
    }
}
