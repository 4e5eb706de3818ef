//! The values of an error, by the names of `docs/protocol.md` 7.5, made safe to show.

use std::collections::BTreeMap;

use crate::client::message::text::visible;
use crate::moment;

/// What an error holds besides its reason.
pub(super) struct Values<'a>(&'a BTreeMap<String, String>);

impl<'a> Values<'a> {
    /// Those of these details.
    pub(super) const fn of(details: &'a BTreeMap<String, String>) -> Self {
        Self(details)
    }

    /// A word of a closed list, to be looked up and not to be shown.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(String::as_str)
    }

    /// A number, an id, foreign text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.raw(name).map(visible)
    }

    /// A moment, to the second.
    pub(super) fn date(&self, name: &str) -> Option<String> {
        self.raw(name)?.parse().ok().map(moment::exactly)
    }
}
