//! Small files that are there after a power cut, or not at all.
//!
//! In scope: write, flush, rename, flush the directory. Out of scope: what is written. Invariant: a
//! name is never seen with half a content.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// Writes a file, so that it is on the medium when this returns. A file of that name is replaced.
/// One writer at a time for each name.
///
/// # Errors
/// Whatever the system says; the file is then as it was before, or written.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let parent = parent(path);
    create_dir(parent)?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut unfinished = name.to_owned();
    unfinished.push(UNFINISHED);
    let unfinished = parent.join(unfinished);
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    // The content first: a name that lists a file without its content must not survive a cut.
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    sync_dir(parent)
}

/// The content of a file; nothing, if there is none.
///
/// # Errors
/// Whatever the system says.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// The names of the finished files and directories in a directory, sorted; none if there is no such
/// directory.
///
/// # Errors
/// Whatever the system says.
pub fn names(path: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = Vec::new();
    for entry in entries {
        // Names that are not text are none of ours.
        let Ok(name) = entry?.file_name().into_string() else { continue };
        if !name.ends_with(UNFINISHED) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Creates a directory and its parents, so that their names are on the medium.
///
/// # Errors
/// Whatever the system says.
pub fn create_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    create_dir(parent(path))?;
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        created => created?,
    }
    sync_dir(parent(path))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Windows has no handle of a directory to flush; its journal keeps renames in order.
fn sync_dir(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

const UNFINISHED: &str = ".new";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/file");
        assert_eq!(read(&path).unwrap(), None);
        assert_eq!(names(&dir.path().join("a/b")).unwrap(), Vec::<String>::new());
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some(&b"two"[..]));
        // What a process before this one left unfinished is not seen, and replaced.
        fs::write(dir.path().join("a/b/file.new"), b"thr").unwrap();
        assert_eq!(names(&dir.path().join("a/b")).unwrap(), ["file"]);
        write(&path, b"three").unwrap();
        assert_eq!(names(&dir.path().join("a/b")).unwrap(), ["file"]);
    }
}
