//! The door to the disk: how bytes are made to survive a power cut.
//!
//! In scope: fsync of files and directories, a file that is whole or not there ([`whole`]), what room
//! there is ([`space`]), what the system said, in words. Out of scope: what is written, whose it is, who may read it. Invariant: every sync that an answer
//! rests on goes through [`Disk`], so that a test can stop or fail it.

pub mod space;
pub mod whole;

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::path::Path;

/// Makes what was written to a file, or what a directory lists, survive a power cut.
pub trait Disk: Send + Sync + Debug {
    /// Returns once the file's content (or the directory's entries) is on the medium.
    ///
    /// # Errors
    /// Whatever the system says. After an error nothing is known of what was written before.
    fn sync(&self, file: &File) -> io::Result<()>;

    /// Asked before an engine that lets itself be asked writes. The real disk says no when it writes.
    ///
    /// # Errors
    /// It may not.
    fn may_write(&self) -> io::Result<()> {
        Ok(())
    }

    /// How many bytes may still be written below `dir`.
    ///
    /// # Errors
    /// Whatever the system says.
    fn free(&self, dir: &Path) -> io::Result<u64> {
        Ok(space::of(dir)?.free)
    }
}

/// The real disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fdatasync;

impl Disk for Fdatasync {
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// Syncs the file or directory at `path`.
///
/// # Errors
/// Whatever the system says.
pub fn sync_path(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    disk.sync(&File::open(path)?)
}

/// Makes what a folder lists durable. Windows journals names by itself, and opens no folder as a file.
///
/// # Errors
/// Whatever the system says.
pub fn sync_folder(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    if cfg!(unix) { sync_path(disk, path) } else { Ok(()) }
}

/// The directory that lists `path`.
#[must_use]
pub fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Creates the directory `path`, if need be, and makes its name durable.
///
/// # Errors
/// Whatever the system says.
pub fn create_dir(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = parent(path);
    create_dir(disk, parent)?;
    match std::fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        created => created?,
    }
    sync_path(disk, parent)
}

/// What the system said, with its name and number: "ENOSPC (28), No space left on device".
#[must_use]
pub fn in_words(why: &io::Error) -> String {
    let text = why.to_string();
    let Some(number) = why.raw_os_error() else { return text };
    let said = text.split(" (os error").next().unwrap_or_default();
    match NAMES.iter().find(|(_, of)| *of == number) {
        Some((name, _)) => format!("{name} ({number}), {said}"),
        None => format!("error {number}, {said}"),
    }
}

/// What a disk may say, by its numbers on Linux.
const NAMES: [(&str, i32); 12] = [
    ("EPERM", 1),
    ("ENOENT", 2),
    ("EINTR", 4),
    ("EIO", 5),
    ("EACCES", 13),
    ("ENODEV", 19),
    ("EMFILE", 24),
    ("EFBIG", 27),
    ("ENOSPC", 28),
    ("EROFS", 30),
    ("EDQUOT", 122),
    ("ESTALE", 116),
];

/// Whether there is no room left for what was to be written.
#[must_use]
pub fn is_full(why: &io::Error) -> bool {
    matches!(why.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether nothing may be written there.
#[must_use]
pub fn is_read_only(why: &io::Error) -> bool {
    why.kind() == io::ErrorKind::ReadOnlyFilesystem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_system_has_its_name_and_number() {
        let said = |number| in_words(&io::Error::from_raw_os_error(number));
        assert_eq!(said(28), "ENOSPC (28), No space left on device");
        assert_eq!(said(30), "EROFS (30), Read-only file system");
        assert_eq!(said(12), "error 12, Cannot allocate memory");
        assert_eq!(in_words(&io::Error::other("EIO")), "EIO");
    }
}
