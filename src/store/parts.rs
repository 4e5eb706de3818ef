//! Where the parts of the directory stand in the store, both ways.
//!
//! In scope: a part under its key, and the directory put together again from all of them, without
//! a signature checked. Out of scope: the form of each (`domain::directory::stored`). Invariant: a
//! directory that is read back is equal to the fold that was written (tested after every kind).

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::directory::{Charter, Packing, Part, Parts, Unreadable};

use super::{StoreError, keys};

/// The parts that a statement made new, each with its key.
#[must_use]
pub fn encode(parts: &Parts) -> Vec<(Vec<u8>, Bytes)> {
    let charter = parts.charter.iter().flat_map(|it| {
        let leaf = Bytes::copy_from_slice(&it.newest.leaf.to_be_bytes());
        [(keys::CHARTER.to_vec(), it.encode()), (keys::log_charter(it.newest.version), leaf)]
    });
    let member = parts.member.iter().map(|it| (keys::member(&it.id), it.encode()));
    let contact = parts.contact.iter().map(|it| (keys::contact(&it.id), it.encode()));
    let known = parts.keys.iter().map(|it| (keys::key(&it.name()), it.encode()));
    charter.chain(member).chain(contact).chain(known).collect()
}

/// Where stored parts stand, but for the charter: before their ids.
pub const PREFIXES: [&[u8]; 3] = [keys::MEMBER, keys::CONTACT, keys::KEY];

/// The number of the rules that the stored charter names, also if this program knows no more of it.
///
/// # Errors
/// It cannot be read.
pub fn rules(charter: &Bytes) -> Result<u32, StoreError> {
    Ok(Charter::stored_rules(charter)?)
}

/// The charter in force as it is stored.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn charter(value: &Bytes) -> Result<Arc<Charter>, StoreError> {
    Ok(Arc::new(Charter::decode(value)?))
}

/// Takes what stands under a key into a directory that is put together.
///
/// # Errors
/// [`StoreError::Corrupt`]: it cannot be read, or belongs under another key.
pub fn take(packing: &mut Packing, key: &[u8], value: &Bytes) -> Result<(), StoreError> {
    let right = if key.starts_with(keys::MEMBER) {
        keys::member(&packing.member(value)?)
    } else if key.starts_with(keys::CONTACT) {
        keys::contact(&packing.contact(value)?)
    } else {
        keys::key(&packing.key(value)?)
    };
    if key != right {
        let (key, right) = (key.escape_ascii(), right.escape_ascii());
        return Err(StoreError::Corrupt(format!("what belongs under {right} stands under {key}")));
    }
    Ok(())
}

impl From<Unreadable> for StoreError {
    fn from(why: Unreadable) -> Self {
        Self::Corrupt(why.to_string())
    }
}
