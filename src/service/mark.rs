//! Whether a store is as new as what the service has shown.
//!
//! In scope: the store against the mark in the high-water file. Out of scope: whether it is whole in
//! itself (`store::check`). Invariant: every mailbox goes on from where it stood when it was shown,
//! or the store is not served.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::ids::ContactId;
use crate::domain::state::{Key, Mailbox, Value};
use crate::store::{End, KeyRange, Pages, Store, StoreError, codec, keys};

use super::high_water::Mark;

/// Where a store is not what was shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct NotAsShown {
    /// What the store says of its end.
    pub stored: End,
    /// What was shown.
    pub shown: End,
    /// What is missing of the mailboxes.
    pub mailboxes: Box<[Missing]>,
    /// Whether one has begun anew since: then it is known that the data is older.
    pub begun_anew: bool,
}

/// What is missing of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Whose it is.
    pub contact: ContactId,
    /// How many messages and answers it has; nothing if its chain is another one.
    pub stored: Option<u64>,
    /// How many were shown.
    pub shown: u64,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { contact, stored, shown } = self;
        match stored.map(|stored| stored + 1) {
            Some(first) if first == *shown => write!(f, "{contact} {shown}"),
            Some(first) => write!(f, "{contact} {first} to {shown}"),
            None => write!(f, "{contact}, which up to {shown} is not what was shown"),
        }
    }
}

impl NotAsShown {
    /// Whether all that is missing may be so many commits at the end.
    pub(super) fn may_lack(&self, commits: u64) -> bool {
        let missing = self.shown.commits.saturating_sub(self.stored.commits);
        !self.begun_anew && (1..=commits).contains(&missing)
    }

    /// Whether nothing is missing that was in a mailbox.
    pub(super) fn is_beside_mailboxes(&self) -> bool {
        self.mailboxes.is_empty() && !self.begun_anew
    }

    /// What an operator does whose newer data is gone.
    pub(super) fn way_on(&self) -> &'static str {
        if self.is_beside_mailboxes() {
            "store mark takes this for the newest, and no proposal of before counts any more"
        } else {
            "mailbox new-epoch --dry-run shows the way on: the mailboxes begin anew"
        }
    }

    fn sentence(&self) -> String {
        let (stored, shown) = (self.stored.commits, self.shown.commits);
        let ends = match shown.checked_sub(stored) {
            None => format!("it has {stored} commits, and is not what was shown at {shown}"),
            Some(0) => format!("its commit {shown} is not the one that was shown"),
            Some(1) => format!("commit {shown} is missing"),
            Some(_) => format!("commits {} to {shown} are missing", stored + 1),
        };
        if self.mailboxes.is_empty() {
            return ends;
        }
        let named = self.mailboxes.iter().take(SHOWN).map(ToString::to_string);
        let named = named.collect::<Vec<_>>().join("; ");
        let more = match self.mailboxes.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!("; and of {more} more mailboxes"),
        };
        format!("{ends}, with them of the mailboxes: {named}{more}")
    }
}

/// As many mailboxes are named in a sentence.
const SHOWN: usize = 5;

/// Where the store stands, if that is no earlier than `shown`, and the mailboxes go on from there.
pub(super) async fn fits(store: &dyn Store, shown: Option<&Mark>) -> Result<Mark, Unfit> {
    let stored = Mark { end: store.end(), mailboxes: mailboxes(store).await? };
    let Some(shown) = shown else { return Ok(stored) };
    let mut missing = Vec::new();
    for (contact, mailbox) in &shown.mailboxes {
        missing.extend(is_missing(store, contact, stored.mailboxes.get(contact), mailbox).await?);
    }
    let behind = stored.end.commits < shown.end.commits;
    let beside = stored.end.commits == shown.end.commits && stored.end != shown.end;
    if behind || beside || !missing.is_empty() {
        let begun_anew = shown.mailboxes.iter().any(|(contact, mailbox)| {
            stored.mailboxes.get(contact).is_some_and(|stored| stored.epoch > mailbox.epoch)
        });
        let (stored, shown) = (stored.end, shown.end);
        let why = NotAsShown { stored, shown, mailboxes: missing.into(), begun_anew };
        return Err(Unfit::NotAsShown(why));
    }
    Ok(stored)
}

/// Why a store does not fit.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    NotAsShown(#[from] NotAsShown),
}

pub(super) async fn mailboxes(
    store: &dyn Store,
) -> Result<BTreeMap<ContactId, Mailbox>, StoreError> {
    let (mut all, mut pages) = (BTreeMap::new(), Pages::of(store, keys::MAILBOX));
    while let Some(page) = pages.next().await? {
        for (key, _, value) in page.entries {
            let contact = key.strip_prefix(keys::MAILBOX).and_then(|id| str::from_utf8(id).ok());
            let contact = contact.and_then(|id| id.parse::<ContactId>().ok());
            let bad = || StoreError::Corrupt(format!("{} names no contact", key.escape_ascii()));
            let contact = contact.ok_or_else(bad)?;
            let Value::Mailbox(mailbox) = codec::decode(&Key::Mailbox(contact.clone()), &value)?
            else {
                return Err(bad());
            };
            all.insert(contact, mailbox);
        }
    }
    Ok(all)
}

/// What came after what was shown is folded from the entries.
pub(super) async fn is_missing(
    store: &dyn Store,
    contact: &ContactId,
    stored: Option<&Mailbox>,
    shown: &Mailbox,
) -> Result<Option<Missing>, StoreError> {
    let missing = |stored| Missing { contact: contact.clone(), stored, shown: shown.count };
    let stored = match stored {
        // A later epoch begins anew.
        Some(stored) if stored.epoch > shown.epoch => return Ok(None),
        Some(stored) if stored.epoch == shown.epoch => stored,
        _ if shown.count > 0 => return Ok(Some(missing(Some(0)))),
        // It had begun anew, with nothing in it.
        _ if shown.epoch > 1 => return Ok(Some(missing(None))),
        _ => return Ok(None),
    };
    if stored.count < shown.count {
        return Ok(Some(missing(Some(stored.count))));
    }
    let mut at = *shown;
    if at.count < stored.count {
        // What has expired since may have taken the entries behind what was shown.
        let key = Key::Beginning(contact.clone());
        let found = store.read(&[keys::of(&key)]).await?;
        let begins = found.value(&keys::of(&key)).map(|value| codec::decode(&key, value));
        if let Some(Value::Beginning(begins)) = begins.transpose()?
            && begins.epoch == at.epoch
            && begins.count > at.count
        {
            at = begins;
        }
    }
    while at.count < stored.count {
        let key = keys::of(&Key::Entry(contact.clone(), at.count + 1));
        let found = store.read(std::slice::from_ref(&key)).await?;
        let entry = found.value(&key).map(|bytes| codec::entry(bytes)).transpose()?;
        let Some(next) = entry.and_then(|entry| at.with(&entry)) else {
            return Ok(Some(missing(None)));
        };
        at = next;
    }
    Ok((at != *stored).then(|| missing(None)))
}

/// Whose mailbox has begun anew, while something that it had stands beyond its count.
pub(super) async fn unfinished(
    store: &dyn Store,
    mark: &Mark,
) -> Result<Option<ContactId>, StoreError> {
    for (contact, mailbox) in &mark.mailboxes {
        let last = keys::of(&Key::Entry(contact.clone(), mailbox.count));
        let beyond = KeyRange::prefix(&keys::entries(contact)).after(&last);
        if !store.scan(beyond, 1).await?.entries.is_empty() {
            return Ok(Some(contact.clone()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hash::Digest;
    use crate::store::{Engine, Site};

    /// Or its numbers would be given once more, in the epoch before.
    #[tokio::test]
    async fn a_mailbox_that_had_begun_anew_is_missing_though_nothing_was_in_it() {
        let store = Site::new(Engine::Memory, "").create("test", 1).await.unwrap();
        let contact: ContactId = "fr/cert".parse().unwrap();
        let of_epoch = |epoch| Mailbox::of_epoch(Digest::of(b"genesis"), &contact, epoch);
        let filled = Mailbox { count: 2, ..of_epoch(1) };
        for (stored, shown, is_behind) in [
            (None, of_epoch(1), false),
            (None, of_epoch(2), true),
            (Some(filled), of_epoch(2), true),
            (Some(of_epoch(2)), of_epoch(2), false),
            (Some(of_epoch(3)), of_epoch(2), false),
            (None, filled, true),
        ] {
            let found = is_missing(store.as_ref(), &contact, stored.as_ref(), &shown).await;
            assert_eq!(found.unwrap().is_some(), is_behind, "{stored:?} {shown:?}");
        }
    }
}
