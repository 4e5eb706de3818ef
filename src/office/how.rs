//! How an entry of the inbox was dealt with.
//!
//! In scope: a closed list, and its text on the disk. Out of scope: dealing with it (`collect`), keeping it (`inbox`).
//! Invariant: a text never changes, and none is the code of a reason, so that old homes are read as they were.

use crate::client::reason::Reason;

/// How an entry was dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// A message that holds.
    Opened,
    /// A colleague's acknowledgement that holds.
    Acknowledged,
    /// A colleague's acknowledgement that does not.
    NotAcknowledged,
    /// The rest of it had expired before it was read here.
    Expired,
    /// That a message expired, which holds.
    NotDelivered,
    /// It does not hold, for this.
    Refused(Reason),
}

impl How {
    /// As it stands on the disk.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Opened => "OPENED",
            Self::Acknowledged => "ACKNOWLEDGED",
            Self::NotAcknowledged => "NOT_ACKNOWLEDGED",
            Self::Expired => "EXPIRED",
            Self::NotDelivered => "NOT_DELIVERED",
            Self::Refused(why) => why.code(),
        }
    }

    /// What stands on the disk.
    #[must_use]
    pub fn read(code: &str) -> Self {
        let known = Self::KNOWN.into_iter().find(|how| how.code() == code);
        known.unwrap_or_else(|| Self::Refused(Reason::read(code)))
    }

    /// Whether what it says of itself held, or nobody can say any more.
    #[must_use]
    pub const fn holds(&self) -> bool {
        match self {
            Self::Opened | Self::Acknowledged | Self::NotDelivered | Self::Expired => true,
            Self::NotAcknowledged | Self::Refused(_) => false,
        }
    }

    const KNOWN: [Self; 5] = [
        Self::Opened,
        Self::Acknowledged,
        Self::NotAcknowledged,
        Self::Expired,
        Self::NotDelivered,
    ];
}

/// Tests name one as the disk does.
#[cfg(test)]
impl PartialEq<&str> for How {
    fn eq(&self, code: &&str) -> bool {
        self.code() == *code
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::reason::{Here, Rule};

    #[test]
    fn what_does_not_hold_is_what_was_refused_or_acknowledges_nothing() {
        for how in How::KNOWN {
            assert_eq!(how.holds(), how != How::NotAcknowledged, "{how:?}");
        }
        for why in [Reason::from(Rule::BodyDigest), Here::NotProven.into(), Reason::read("NEW")] {
            assert!(!How::Refused(why).holds());
        }
    }

    #[test]
    fn each_is_read_as_it_was_written_and_none_is_a_reason() {
        let texts = ["OPENED", "ACKNOWLEDGED", "NOT_ACKNOWLEDGED", "EXPIRED", "NOT_DELIVERED"];
        for (how, text) in How::KNOWN.into_iter().zip(texts) {
            assert_eq!((how.code(), How::read(text)), (text, how.clone()));
            assert_eq!(Reason::read(text), Reason::Newer(text.into()));
        }
        let rules = Rule::ALL.iter().map(|rule| Reason::from(*rule));
        for why in rules.chain(Here::ALL.iter().map(|here| Reason::from(*here))) {
            assert_eq!(How::read(why.code()), How::Refused(why));
        }
        assert_eq!(How::read("TOO_FAST").code(), "TOO_FAST");
    }
}
