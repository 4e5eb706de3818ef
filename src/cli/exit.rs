//! The exit code of each way to fail.
//!
//! In scope: the numbers, which scripts branch on and the README lists. Out of scope: what belongs to which
//! family (`client::error`). Invariant: a code means one thing, and never changes.

use crate::office::error::Family;

/// How the process ends with an error of this family.
#[must_use]
pub const fn code(family: Family) -> u8 {
    match family {
        Family::Unexpected => 1,
        Family::Usage => 2,
        Family::NotReachable => 3,
        Family::Refused => 4,
        Family::IdentityOrKey => 5,
        Family::VerificationFailed => 6,
        Family::Stale => 7,
        Family::NotFound => 8,
        Family::Partial => 9,
        Family::NeedsApproval => 10,
        Family::UpdateMe => 11,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_what_the_readme_says() {
        let page = include_str!("../../README.md").split_whitespace().collect::<Vec<_>>().join(" ");
        let listed = page.split_once("Exit codes: 0 done, ").unwrap().1;
        let listed: Vec<&str> = listed.split_once('.').unwrap().0.split(", ").collect();
        let all = [
            (Family::Unexpected, "unexpected"),
            (Family::Usage, "usage"),
            (Family::NotReachable, "not reachable"),
            (Family::Refused, "refused"),
            (Family::IdentityOrKey, "identity or key"),
            (Family::VerificationFailed, "verification failed"),
            (Family::Stale, "stale"),
            (Family::NotFound, "not found"),
            (Family::Partial, "partial"),
            (Family::NeedsApproval, "needs approval"),
            (Family::UpdateMe, "update this program"),
        ];
        assert_eq!(listed, all.map(|(family, means)| format!("{} {means}", code(family))));
    }
}
