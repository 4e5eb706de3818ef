//! The directory of its stored parts.

use std::fmt;

use crate::crypto::hash::Digest;
use crate::domain::directory::entry::Entry;
use crate::domain::directory::{Directory, Packing, RULES};
use crate::domain::ids::DirectoryName;
use crate::domain::limits;
use crate::signed::dsse::Envelope;
use crate::store::codec::LogHead;
use crate::store::{Pages, Store, StoreError, keys, parts};

use super::cannot_start::CannotStart;

/// Puts the directory together from its stored parts.
pub(super) async fn read_directory(
    store: &dyn Store,
    name: &DirectoryName,
    head: &LogHead,
) -> Result<Directory, CannotStart> {
    let found = store.read(&[keys::CHARTER.to_vec(), keys::log_entry(0)]).await?;
    let missing = |what: &str| unfit(format_args!("{what} is missing"));
    let charter = found.value(keys::CHARTER).ok_or_else(|| missing("the charter"))?;
    let first = found.value(&keys::log_entry(0)).ok_or_else(|| missing("entry 0"))?;
    let genesis = genesis(first).ok_or_else(|| missing("a charter in entry 0"))?;
    let (size, clock) = (head.frontier.size(), head.clock);
    let empty = Directory::at(name.clone(), genesis, size, clock, parts::charter(charter)?);
    let mut packing = Packing::of(empty);
    for prefix in parts::PREFIXES {
        let mut pages = Pages::of(store, prefix);
        while let Some(page) = pages.next().await? {
            for (key, _, value) in &page.entries {
                parts::take(&mut packing, key, value)?;
            }
        }
    }
    Ok(packing.finish())
}

fn genesis(entry: &[u8]) -> Option<Digest> {
    let entry = Entry::read(entry, RULES).ok()?;
    Some(Envelope::parse(&entry.statement, limits::STATEMENT_BYTES).ok()?.digest())
}

/// Stored entries, parts and head do not belong together.
pub(super) fn unfit(why: impl fmt::Display) -> CannotStart {
    StoreError::Corrupt(format!("it does not fit its own signed head: {why}")).into()
}
