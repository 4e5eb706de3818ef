//! Whose clock is wrong.
//!
//! In scope: this machine's clock beside the service's and the directory's. Out of scope: what is
//! refused for it: nothing is (`docs/protocol.md` 8). Invariant: nobody is named whom the others do not
//! contradict.

use crate::domain::limits;

/// What each clock says, Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// What this machine's clock says.
    pub own: u64,
    /// The service's, if it has answered.
    pub service: Option<u64>,
    /// The directory's: it was later than this when an entry was admitted, if all was right.
    pub directory: u64,
}

/// Whose clock is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// That of this machine.
    Own,
    /// That of the service.
    Service,
    /// The directory's: an entry was admitted by a clock that was ahead.
    Directory,
    /// This machine's or the service's.
    OwnOrService,
    /// This machine's or the directory's.
    OwnOrDirectory,
}

impl Clocks {
    /// Whose clock is wrong, as far as the three of them tell.
    #[must_use]
    pub const fn wrong(&self) -> Option<Wrong> {
        let near = limits::CLOCK_AHEAD_SECONDS;
        let Some(service) = self.service else {
            return if self.own.saturating_add(BEHIND) < self.directory {
                Some(Wrong::OwnOrDirectory)
            } else {
                None
            };
        };
        let own_behind = self.own.saturating_add(near) < self.directory;
        let service_behind = service.saturating_add(near) < self.directory;
        let apart = self.own.abs_diff(service) > near;
        match (apart, own_behind, service_behind) {
            (false, false, false) => None,
            (false, _, _) => Some(Wrong::Directory),
            (true, true, false) => Some(Wrong::Own),
            (true, false, true) => Some(Wrong::Service),
            (true, false, false) | (true, true, true) => Some(Wrong::OwnOrService),
        }
    }
}

/// A clock that is further behind the directory's is said to be wrong, or that one.
pub const BEHIND: u64 = 3_600;

#[cfg(test)]
mod tests {
    use super::*;

    const AT: u64 = 1_800_000_000;

    #[test]
    fn its_number_is_that_of_the_page() {
        crate::tests::page_says(&format!("more than {} s behind", crate::tests::grouped(BEHIND)));
    }

    #[test]
    fn who_is_contradicted_by_the_others_is_named() {
        let wrong = |own: u64, service: Option<u64>, directory: u64| {
            Clocks { own, service, directory }.wrong()
        };
        for (own, service, expected) in [
            (AT, None, None),
            (AT - BEHIND, None, None),
            (AT - BEHIND - 1, None, Some(Wrong::OwnOrDirectory)),
            (AT + 86_400 * 400, None, None),
            (AT + 9, Some(AT + 200), None),
            (AT - 300, Some(AT), None),
            // Both of them before the directory's.
            (AT - 7_200, Some(AT - 7_000), Some(Wrong::Directory)),
            // The directory says that it is later than one of them says.
            (AT - 7_200, Some(AT + 60), Some(Wrong::Own)),
            (AT + 60, Some(AT - 7_200), Some(Wrong::Service)),
            // It contradicts neither, or both.
            (AT + 60, Some(AT + 7_200), Some(Wrong::OwnOrService)),
            (AT - 7_200, Some(AT - 14_400), Some(Wrong::OwnOrService)),
        ] {
            assert_eq!(wrong(own, service, AT), expected, "{own} {service:?}");
        }
    }
}
