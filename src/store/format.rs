//! The marker that says whose store this is and how it is written.
//!
//! In scope: the key `meta/format`, written when a store is created and checked at every open. Out
//! of scope: migrating (`migrate`). Invariant: nothing else is read from a store whose marker was
//! refused, and nothing is written.

use bytes::Bytes;

use super::engine::Engine;
use super::{Revision, Store, StoreError, Write};

/// What a store says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// How its keys and values are laid out.
    pub number: u32,
    /// The directory it serves.
    pub directory: String,
    /// The epoch of that directory.
    pub epoch: u64,
}

/// The format that this version reads and writes: each value has its digest.
pub const FORMAT: u32 = 4;
/// The oldest one that it migrates: 2 holds seal keys whole, where 3 holds their ids.
pub const OLDEST: u32 = 2;

/// The key of the marker.
pub const KEY: &[u8] = b"meta/format";

/// Marks a new store.
///
/// # Errors
/// [`FormatError::Exists`] if the store has a marker; or as [`Store::commit`].
pub async fn create(store: &dyn Store, directory: &str, epoch: u64) -> Result<Format, StoreError> {
    let format = Format { number: FORMAT, directory: directory.to_owned(), epoch };
    let expected = [(KEY.to_vec(), Revision::ABSENT)];
    let put = [(KEY.to_vec(), Bytes::from(encode(&format)))];
    let write = Write::new(expected, put, []).map_err(|_| FormatError::Name(directory.len()))?;
    match store.commit(write.into()).await {
        Err(StoreError::Conflict) => Err(FormatError::Exists.into()),
        other => other.map(|_| format),
    }
}

/// Checks that the store is one of `directory`'s, in the format of this version.
///
/// # Errors
/// [`StoreError::Format`] says what else it is; [`StoreError::Corrupt`] if that cannot be read.
pub async fn check(store: &dyn Store, directory: &str) -> Result<Format, StoreError> {
    match read(store, directory).await? {
        format if format.number < FORMAT => Err(FormatError::Earlier.into()),
        format => Ok(format),
    }
}

/// The same, also in a format that can be migrated.
pub(super) async fn read(store: &dyn Store, directory: &str) -> Result<Format, StoreError> {
    let found = store.read(&[KEY.to_vec()]).await?;
    let format = decode(found.value(KEY).ok_or(FormatError::Missing)?)?;
    if format.directory != directory {
        let (found, expected) = (format.directory, directory.to_owned());
        return Err(FormatError::OtherDirectory { found, expected }.into());
    }
    Ok(format)
}

/// Number and epoch, big-endian, then the name: the number comes first in every format.
fn encode(format: &Format) -> Vec<u8> {
    let number = format.number.to_be_bytes();
    [&number[..], &format.epoch.to_be_bytes(), format.directory.as_bytes()].concat()
}

pub(super) fn decode(bytes: &[u8]) -> Result<Format, StoreError> {
    let (number, rest) = bytes.split_first_chunk().ok_or_else(unreadable)?;
    let number = match u32::from_be_bytes(*number) {
        found if found > FORMAT => return Err(FormatError::Newer(found).into()),
        found if found < OLDEST => return Err(FormatError::Older(found).into()),
        known => known,
    };
    let (epoch, name) = rest.split_first_chunk().ok_or_else(unreadable)?;
    let directory = std::str::from_utf8(name).map_err(|_| unreadable())?.to_owned();
    Ok(Format { number, directory, epoch: u64::from_be_bytes(*epoch) })
}

fn unreadable() -> StoreError {
    StoreError::Corrupt("meta/format cannot be read".to_owned())
}

/// The store is not one this process may use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// There is no marker: the store was never created.
    #[error("the store is empty: expected one made by `liaisond init`")]
    Missing,
    /// The files there are those of another engine.
    #[error(
        "the store was made with the engine {found}, and liaisond.toml says {expected}: write \
         engine = \"{found}\" there; a store is not moved to another engine yet"
    )]
    OtherEngine {
        /// Whose files are there.
        found: Engine,
        /// The engine asked for.
        expected: Engine,
    },
    /// There is a marker already.
    #[error(
        "the store exists already: serve it; if its founding was cut off, move its folder and the \
         high-water file away and give the command again"
    )]
    Exists,
    /// Written by a version before this one, which this one migrates.
    #[error(
        "the store is of an earlier version of liaisond: run liaisond store migrate, which writes it \
         anew in format {FORMAT} and keeps the old one"
    )]
    Earlier,
    /// A migration was cut off before the new store had the old one's name.
    #[error("the migration of the store was cut off: run liaisond store migrate again")]
    CutOff,
    /// There is nothing to migrate.
    #[error("the store has format {FORMAT} already, which is the newest: nothing is to be done")]
    Current,
    /// Written by a newer version.
    #[error(
        "the store has format {0}, this version reads {FORMAT}: \
         use a version of liaisond that reads format {0}"
    )]
    Newer(u32),
    /// Written by an older version.
    #[error(
        "the store has format {0}, this version reads {FORMAT}: it was made by liaisond 0.1, \
         whose directories were for trial; found it anew with `liaisond init`"
    )]
    Older(u32),
    /// The store of another directory.
    #[error("expected the store of directory {expected:?}, found that of {found:?}")]
    OtherDirectory {
        /// The name in the marker.
        found: String,
        /// The name asked for.
        expected: String,
    },
    /// The name does not fit a marker.
    #[error("expected a directory name that fits a value, found {0} bytes")]
    Name(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_keeps_its_bytes() {
        let format = Format { number: FORMAT, directory: "eu.example".to_owned(), epoch: 7 };
        let bytes = encode(&format);
        assert_eq!(hex::encode(&bytes), "00000004000000000000000765752e6578616d706c65");
        assert_eq!(decode(&bytes), Ok(format));
    }
}
