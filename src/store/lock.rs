//! The lock that keeps a second process out of a store, and why a store cannot be opened.
//!
//! In scope: waiting for a process that ends, errors of the system as those of a store. Out of scope: what is
//! in the store.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::disk::{in_words, is_full, is_read_only};

use super::StoreError;

/// Takes the lock file of a store's directory, waiting a while for a process that is being torn
/// down to let go of it. The lock is held until the file is dropped.
///
/// # Errors
/// [`StoreError::Held`] if another process keeps the lock.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    held(path, file)
}

/// The same for who only reads, also where nothing can be written.
///
/// # Errors
/// As [`lock`].
pub(super) fn lock_to_read(path: &Path) -> Result<File, StoreError> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    held(
        path,
        file.or_else(|error| if is_read_only(&error) { File::open(path) } else { Err(error) }),
    )
}

fn held(path: &Path, file: io::Result<File>) -> Result<File, StoreError> {
    let file = file.map_err(|error| unusable(path, &error))?;
    retried(|| match file.try_lock() {
        Ok(()) => Some(Ok(())),
        Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Error(error)) => Some(Err(unusable(path, &error))),
    })
    .unwrap_or_else(|| Err(StoreError::Held(path.to_owned())))?;
    Ok(file)
}

/// Tries until there is an answer, for about five seconds.
pub(super) fn retried<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    for before in 0..ATTEMPTS {
        if let Some(answer) = attempt() {
            return Some(answer);
        }
        if before == 0 {
            tracing::info!("another process holds the store: waiting for it to end");
        }
        thread::sleep(PAUSE);
    }
    attempt()
}

/// The error of a store that could not be opened because of what the system says of `path`.
pub(super) fn unusable(path: &Path, why: &io::Error) -> StoreError {
    let mend = match why {
        why if is_full(why) => ": make room there",
        why if is_read_only(why) => ": mount it for writing",
        _ => "",
    };
    cannot_open(path, &format_args!("{}{mend}", in_words(why)))
}

/// The error of a store that could not be opened because of `path`.
pub(super) fn cannot_open(path: &Path, why: &dyn std::fmt::Display) -> StoreError {
    StoreError::Open(format!("{}: {why}", path.display()))
}

const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);
