//! What of an error's details decides something on this side, read once.
//!
//! In scope: the values that a client branches on. Out of scope: all that is only shown (`words`) or handed to scripts
//! (the error's `details`). Invariant: nothing later reads the texts again.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::ids::ContactId;

use super::reach::connect::Leg;

/// What decides something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// After which time the service may be asked again.
    pub retry_in: Option<Duration>,
    /// The contacts that take no more.
    pub contacts: Vec<ContactId>,
    /// When the service judged what was signed, Unix seconds.
    pub at: Option<u64>,
    /// The time is wrong until which a message was to be kept: by the service's clock, or by ours.
    pub of_expiry: bool,
    /// Which part of the way took too long.
    pub leg: Option<Leg>,
}

impl Facts {
    /// Those in the details of a refusal (`docs/protocol.md` 7.5).
    #[must_use]
    pub fn of(details: &BTreeMap<String, String>) -> Self {
        let said = |name: &str| details.get(name).map(String::as_str);
        let seconds = |name| said(name)?.parse::<u64>().ok();
        let contacts = said("contacts").unwrap_or_default().split(", ");
        Self {
            retry_in: seconds(RETRY_IN).map(Duration::from_secs),
            contacts: contacts.filter_map(|contact| contact.parse().ok()).collect(),
            at: seconds("at"),
            of_expiry: said("field") == Some("expires"),
            leg: None,
        }
    }
}

/// After so many seconds the service may be asked again.
pub(super) const RETRY_IN: &str = "retry_in";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::ClientError;
    use crate::domain::refusal::Refusal;
    use crate::domain::refusal::tests::samples;

    #[test]
    fn what_a_refusal_holds_is_read_as_it_was() {
        for refusal in samples() {
            let facts = ClientError::from(&refusal).facts;
            match &refusal {
                Refusal::MailboxShare { contacts, .. } => assert_eq!(facts.contacts, *contacts),
                Refusal::IssuedInFuture { at, .. } | Refusal::IssuedTooEarly { at, .. } => {
                    assert_eq!(facts.at, Some(*at));
                }
                Refusal::InvalidField { field, .. } => {
                    assert_eq!(facts.of_expiry, *field == "expires", "{refusal}");
                }
                _ => assert!(!facts.of_expiry && facts.contacts.is_empty(), "{refusal}"),
            }
        }
    }

    #[test]
    fn what_is_ill_formed_is_nothing() {
        let details = |all: &[(&str, &str)]| {
            all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let facts = Facts::of(&details(&[
            ("retry_in", "soon"),
            ("contacts", "fr/cert-fr, , FR/x, pt/cert-pt"),
            ("at", "-1"),
            ("field", "expires "),
        ]));
        let contacts = ["fr/cert-fr", "pt/cert-pt"].map(|id| id.parse().unwrap());
        assert_eq!(facts, Facts { contacts: contacts.to_vec(), ..Facts::default() });
        assert_eq!(Facts::of(&details(&[])), Facts::default());
    }
}
