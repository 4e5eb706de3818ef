//! What can still be read of a damaged store, and a new store made of it.
//!
//! In scope: values and where they go. Out of scope: what belongs together (`service::salvage`).
//! Invariants: the damaged store is not written to; each value is one that was written under its
//! key; the new store takes its name only once it is whole and durable.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::migrate::{beside, clear, settled, take_its_place};
use super::value::Found;
use super::{Batch, Engine, Site, Store, StoreError, Unmerged, Write, format, lock};

/// Keys and their values.
pub type Values = BTreeMap<Vec<u8>, Bytes>;

/// All that can be read of the store at `place`, held in memory whole; and how many values cannot be read
/// where they stand: they are lost, or older ones. Nothing, if that is not known.
///
/// # Errors
/// There is no store; another process holds it; its files cannot be read.
pub async fn read(place: &Site) -> Result<(Values, Option<u64>), StoreError> {
    let Found { values, missing } = place.salvage().await?;
    let values = values.into_iter().map(|(key, stored)| (key, stored.bytes)).collect();
    Ok((values, missing))
}

/// The values as a store that is kept nowhere.
///
/// # Errors
/// As [`Store::commit`].
pub async fn in_memory(values: &Values) -> Result<Arc<dyn Store>, StoreError> {
    let store = Site::new(Engine::Memory, "").start().await?;
    fill(store.as_ref(), values).await?;
    Ok(store)
}

/// The values as a new store of `directory` at `place`, where nothing may be. What was cut off before
/// is begun anew.
///
/// # Errors
/// Something is there; the disk.
pub async fn write(place: &Site, directory: &str, values: &Values) -> Result<u64, StoreError> {
    let fresh = beside(place.path(), "salvaged-in-part");
    if place.path().exists() {
        return Err(lock::cannot_open(place.path(), &"it is there already: name another folder"));
    }
    clear(&fresh)?;
    let new = place.in_directory(&fresh).start().await?;
    let marker = values.get(format::KEY).and_then(|marker| format::decode(marker).ok());
    let epoch = marker.map_or(1, |marker| marker.epoch);
    fill(new.as_ref(), values).await?;
    format::create(new.as_ref(), directory, epoch).await?;
    let values = settled(place, &fresh, new).await?;
    take_its_place(place, &fresh, place.path())?;
    Ok(values)
}

/// All but the marker, which says that the rest is there.
async fn fill(store: &dyn Store, values: &Values) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    for (key, value) in values.iter().filter(|(key, _)| *key != format::KEY) {
        let too_large = |why| StoreError::Corrupt(format!("{}: {why}", key.escape_ascii()));
        let write = Write::new([], [(key.clone(), value.clone())], []).map_err(too_large)?;
        if let Err(Unmerged::Full(write) | Unmerged::OtherExpectation(write)) = batch.merge(write) {
            store.commit(batch).await?;
            batch = Batch::from(*write);
        }
    }
    store.commit(batch).await.map(drop)
}
