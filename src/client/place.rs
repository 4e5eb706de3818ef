//! Files as this system keeps them: private, whole or not there, under names that every system
//! takes.
//!
//! In scope: what differs between Linux, Windows and macOS. Out of scope: what stands in the
//! files. Invariants: a private file never exists for a moment in which others could read it; a
//! file that is replaced is the old one or the new one, whenever the power goes.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// A file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system said no.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Larger than anything of its kind.
    #[error("{}: expected at most {limit} bytes, found {found}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most there may be.
        limit: u64,
        /// What is there.
        found: u64,
    },
    /// A private key that other users of the machine can read.
    #[error(
        "{} can be read by other users of this machine (mode {mode:04o}, expected 0600)",
        path.display()
    )]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl FileError {
    /// An error of the system, with what was tried.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }

    /// Whether there is no such file.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether there is one already.
    #[must_use]
    pub fn is_present(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists)
    }
}

/// Makes a folder that only its user can enter, and those above it.
///
/// # Errors
/// What the system said.
pub fn private_folder(path: &Path) -> Result<(), FileError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    only_for_its_user(&mut builder);
    builder.create(path).map_err(FileError::io("make the folder", path))
}

/// Makes a file that only its user can read. It is on the disk when this returns.
///
/// # Errors
/// There is one already, or what the system said.
pub fn create_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    if let Some(folder) = path.parent() {
        private_folder(folder)?;
    }
    let made = private(OpenOptions::new().create_new(true).write(true)).open(path);
    let mut file = made.map_err(FileError::io("create", path))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(FileError::io("write", path))?;
    sync_folder_of(path)
}

/// Puts a whole new file in the place of an old one, or of none.
///
/// # Errors
/// What the system said; then the old one stands.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    put_with(path, bytes, File::sync_all)?;
    sync_folder_of(path)
}

/// As [`replace`], of a file that can be made again: after a power cut it may be anything.
///
/// # Errors
/// What the system said; then the old one stands.
pub fn put(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    put_with(path, bytes, |_| Ok(()))
}

fn put_with(
    path: &Path,
    bytes: &[u8],
    settle: impl FnOnce(&File) -> io::Result<()>,
) -> Result<(), FileError> {
    if let Some(folder) = path.parent() {
        private_folder(folder)?;
    }
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".new");
    let new = path.with_file_name(name);
    let made = private(OpenOptions::new().create(true).truncate(true).write(true)).open(&new);
    let mut file = made.map_err(FileError::io("create", &new))?;
    let written = file.write_all(bytes).and_then(|()| settle(&file));
    let put = match written {
        Ok(()) => fs::rename(&new, path).map_err(FileError::io("replace", path)),
        Err(why) => Err(FileError::io("write", &new)(why)),
    };
    // A full disk is not filled with what nobody reads.
    put.inspect_err(|_| drop(fs::remove_file(&new)))
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// Larger, or what the system said.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let file = File::open(path).map_err(FileError::io("read", path))?;
    read_bounded(file, path, limit)
}

/// Reads a file of at most `limit` bytes; none if it is not there.
///
/// # Errors
/// Larger, or what the system said.
pub fn read_if_there(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    match read(path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a private file, if nobody but its user could have read it before.
///
/// # Errors
/// Others can read it; larger than a key; what the system said.
pub fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let file = File::open(path).map_err(FileError::io("read", path))?;
    let about = file.metadata().map_err(FileError::io("read", path))?;
    if let Some(mode) = mode_for_others(&about) {
        return Err(FileError::ReadableByOthers { path: path.to_owned(), mode });
    }
    read_bounded(file, path, PRIVATE_BYTES).map(Zeroizing::new)
}

/// Opens a file to write, cut or lock, and makes it if it is not there. Not in append mode, in
/// which Windows cuts nothing.
///
/// # Errors
/// What the system said.
pub fn open_to_write(path: &Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    private(options.read(true).write(true).create(true).truncate(false))
        .open(path)
        .map_err(FileError::io("open", path))
}

/// A part of an id as the name of a file. Windows takes a few names for devices.
#[must_use]
pub fn file_name(part: &str) -> String {
    let device = |name: &str| {
        matches!(name, "con" | "prn" | "aux" | "nul")
            || (name.len() == 4 && (name.starts_with("com") || name.starts_with("lpt")))
    };
    let first = part.split('.').next().unwrap_or_default();
    if cfg!(windows) && device(first) { format!("{part}_") } else { part.to_owned() }
}

/// The command that makes a file private, for people.
#[must_use]
pub fn command_to_make_private(path: &Path) -> String {
    format!("chmod 600 {}", path.display())
}

fn read_bounded(file: File, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let expected = file.metadata().map_or(0, |about| about.len().min(limit));
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
    file.take(limit + 1).read_to_end(&mut bytes).map_err(FileError::io("read", path))?;
    let found = bytes.len() as u64;
    if found > limit {
        return Err(FileError::TooLarge { path: path.to_owned(), limit, found });
    }
    Ok(bytes)
}

/// A name is on the disk only when its folder is.
#[cfg(unix)]
fn sync_folder_of(path: &Path) -> Result<(), FileError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(FileError::io("sync", folder))
}

/// Windows journals names by itself, and opens no folder as a file.
#[cfg(not(unix))]
fn sync_folder_of(_: &Path) -> Result<(), FileError> {
    Ok(())
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600)
}

/// A profile's folders belong to its user alone.
#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn only_for_its_user(builder: &mut fs::DirBuilder) {
    use std::os::unix::fs::DirBuilderExt as _;
    builder.mode(0o700);
}

#[cfg(not(unix))]
fn only_for_its_user(_: &mut fs::DirBuilder) {}

/// The permission bits, if they let others in.
#[cfg(unix)]
fn mode_for_others(about: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = about.permissions().mode() & 0o7777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn mode_for_others(_: &fs::Metadata) -> Option<u32> {
    None
}

/// An identity file with many comments.
const PRIVATE_BYTES: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_put_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        // A folder is not replaced by a file.
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        assert!(put(&path, b"bytes").is_err());
        assert!(replace(&path, b"bytes").is_err());
        assert!(!path.with_extension("new").exists());
    }
}
