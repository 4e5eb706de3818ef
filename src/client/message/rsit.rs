//! The Reference Security Incident Taxonomy: classes and types.
//!
//! In scope: the identifiers of version 1003 (MISP taxonomies, CC0) and their one written form,
//! `class: type`. Out of scope: what they mean, in words. Invariant: a code that is written here is
//! one of the taxonomy's.

/// Every class, with its types.
pub const CLASSES: [(&str, &[&str]); 11] = [
    ("abusive-content", &["spam", "harmful-speech", "violence"]),
    (
        "malicious-code",
        &["infected-system", "c2-server", "malware-distribution", "malware-configuration"],
    ),
    ("information-gathering", &["scanner", "sniffing", "social-engineering"]),
    ("intrusion-attempts", &["ids-alert", "brute-force", "exploit"]),
    (
        "intrusions",
        &[
            "privileged-account-compromise",
            "unprivileged-account-compromise",
            "application-compromise",
            "system-compromise",
            "burglary",
        ],
    ),
    ("availability", &["dos", "ddos", "misconfiguration", "sabotage", "outage"]),
    (
        "information-content-security",
        &[
            "unauthorised-information-access",
            "unauthorised-information-modification",
            "data-loss",
            "data-leak",
        ],
    ),
    ("fraud", &["unauthorised-use-of-resources", "copyright", "masquerade", "phishing"]),
    (
        "vulnerable",
        &[
            "weak-crypto",
            "ddos-amplifier",
            "potentially-unwanted-accessible",
            "information-disclosure",
            "vulnerable-system",
        ],
    ),
    ("other", &["other", "undetermined"]),
    ("test", &["test"]),
];

/// Text is no code of the taxonomy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an RSIT code like {expected:?}, found {found:?}")]
pub struct UnknownCode {
    /// A code of the same class, or of any.
    pub expected: String,
    /// The code that was given.
    pub found: String,
}

/// The code as it is written, from `class`, `class:type` or `class: type`.
///
/// # Errors
/// No such class, or no such type in it.
pub fn code(text: &str) -> Result<String, UnknownCode> {
    let (class, kind) = match text.split_once(':') {
        Some((class, kind)) => (class.trim(), Some(kind.trim())),
        None => (text.trim(), None),
    };
    let found = CLASSES.iter().find(|(name, _)| *name == class);
    let unknown = |(class, types): &(&str, &[&str])| UnknownCode {
        expected: format!("{class}: {}", types.first().unwrap_or(&"")),
        found: text.to_owned(),
    };
    match (found, kind) {
        (Some((class, _)), None) => Ok((*class).to_owned()),
        (Some((class, types)), Some(kind)) if types.contains(&kind) => {
            Ok(format!("{class}: {kind}"))
        }
        (Some(class), Some(_)) => Err(unknown(class)),
        (None, _) => Err(unknown(&("availability", &["ddos"]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_one_written_form() {
        assert_eq!(code("availability:ddos").as_deref(), Ok("availability: ddos"));
        assert_eq!(code("availability: ddos").as_deref(), Ok("availability: ddos"));
        assert_eq!(code("other").as_deref(), Ok("other"));
        for bad in ["", "ddos", "availability: spam", "availability:", "availability: ddos: x"] {
            assert!(code(bad).is_err(), "{bad}");
        }
        assert!(CLASSES.is_sorted_by(|a, b| a.0 != b.0));
    }
}
