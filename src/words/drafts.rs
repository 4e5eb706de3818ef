//! Statements on their way, in words: what is missing, what is strange, whether they were seen in the log.

use crate::office::drafts::charter::SETTINGS;
use crate::office::drafts::{Lacking, LookedUp, RULES, Strange, Unsigned};

use super::visible;

/// Signatures that are missing still.
#[must_use]
pub fn lacking(lacking: &Lacking) -> String {
    let Lacking { of, found, needed, from } = lacking;
    let left = needed - found;
    let line = format!("signatures of {of}: {found} of {needed}; still needed: {left}");
    match from {
        Unsigned::Nobody => {
            format!("signatures of {of}: 0 of {needed}; the directory knows no key that could sign")
        }
        Unsigned::Keys => line,
        Unsigned::Registrars(ids) => {
            let ids = ids.iter().map(|id| visible(id)).collect::<Vec<_>>().join(", ");
            format!("{line}; not yet from {ids}")
        }
    }
}

/// What is lawful in a charter and means nothing to this version, or stops it.
#[must_use]
pub fn strange(strange: &Strange) -> String {
    match strange {
        Strange::Setting(name) => {
            let (name, known) = (visible(name), SETTINGS.join(", "));
            format!("the setting {name} is one that this version does not know; it knows {known}")
        }
        Strange::Rules(rules) => format!(
            "the charter has rules {rules}, and this version knows rules {RULES}: once it is \
             published, this version stops behind it"
        ),
    }
}

/// What is to be said of statements that nobody has seen in the log.
#[must_use]
pub const fn looked_up(how: LookedUp) -> Option<&'static str> {
    match how {
        LookedUp::InTheLog => None,
        LookedUp::ByNobody => {
            Some("the service says so; no key of this home can look it up in the log")
        }
        LookedUp::NoLonger => {
            Some("the service says so; this key may no longer look it up in the log")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_says_how_many_and_whose() {
        let of = |from| Lacking { of: "the registrars".to_owned(), found: 1, needed: 3, from };
        let ids = Unsigned::Registrars(vec!["alice".to_owned(), "bo\u{1b}b".to_owned()]);
        for (from, said) in [
            (Unsigned::Nobody, "0 of 3; the directory knows no key that could sign"),
            (Unsigned::Keys, "1 of 3; still needed: 2"),
            (ids, r"1 of 3; still needed: 2; not yet from alice, bo\u{1b}b"),
        ] {
            assert_eq!(lacking(&of(from)), format!("signatures of the registrars: {said}"));
        }
    }

    #[test]
    fn what_is_strange_in_a_charter_is_named_with_what_is_known() {
        let setting = strange(&Strange::Setting("zone\u{1b}[2J".to_owned()));
        assert!(setting.starts_with(r"the setting zone\u{1b}[2J is one"), "{setting}");
        for known in SETTINGS {
            assert!(setting.contains(known), "{known}: {setting}");
        }
        let rules = strange(&Strange::Rules(RULES + 1));
        let numbers = format!("rules {}, and this version knows rules {RULES}", RULES + 1);
        assert!(rules.contains(&numbers), "{rules}");
    }

    #[test]
    fn only_what_was_not_seen_in_the_log_is_said() {
        assert_eq!(looked_up(LookedUp::InTheLog), None);
        let said = [LookedUp::ByNobody, LookedUp::NoLonger].map(|how| looked_up(how).unwrap());
        assert_ne!(said[0], said[1]);
        assert!(said.iter().all(|said| said.starts_with("the service says so; ")));
    }
}
