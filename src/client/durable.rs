//! Small files that are there after a power cut, or not at all.
//!
//! In scope: write, flush, rename, flush the directory. Out of scope: what is written. Invariant: a
//! name is never seen with half a content, also if several programs write it.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a file, so that it is on the medium when this returns. A file of that name is replaced.
///
/// # Errors
/// Whatever the system says; the file is then as it was before, or written.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let parent = parent(path);
    create_dir(parent)?;
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    // Of this write alone: another program may write the same name.
    let number = WRITES.fetch_add(1, Ordering::Relaxed);
    name.push(format!(".{}-{number}{UNFINISHED}", process::id()));
    let unfinished = parent.join(name);
    let written = finished(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, path));
    written.inspect_err(|_| drop(fs::remove_file(&unfinished)))?;
    sync_dir(parent)
}

/// The content first: a name that lists a file without its content must not survive a cut.
fn finished(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Removes a file, so that it stays away when this returns. One that is not there is none.
///
/// # Errors
/// Whatever the system says.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| sync_dir(parent(path))),
    }
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

/// So many bytes at the start and at the end of a file, or as many as it has; nothing, if there is none.
///
/// # Errors
/// Whatever the system says.
pub fn read_ends(path: &Path, first: u64, last: u64) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let (mut start, mut end) = (Vec::new(), Vec::new());
    (&file).take(first).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(file.metadata()?.len().saturating_sub(last)))?;
    file.take(last).read_to_end(&mut end)?;
    Ok(Some((start, end)))
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
static WRITES: AtomicU64 = AtomicU64::new(0);

#[cfg(test)]
mod tests {
    use std::thread;

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
        // What a process before this one left unfinished is not seen.
        fs::write(dir.path().join("a/b/file.new"), b"thr").unwrap();
        assert_eq!(names(&dir.path().join("a/b")).unwrap(), ["file"]);
        write(&path, b"three").unwrap();
        assert_eq!(names(&dir.path().join("a/b")).unwrap(), ["file"]);
    }

    #[test]
    fn several_may_write_one_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let write_often = |byte| (0..50).try_for_each(|_| write(&path, &[byte; 9_000]));
        thread::scope(|scope| {
            let writing = [1, 2, 3].map(|byte| scope.spawn(move || write_often(byte)));
            for writer in writing {
                writer.join().unwrap().unwrap();
            }
        });
        let last = read(&path).unwrap().unwrap();
        assert_eq!(last, [last[0]; 9_000]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left behind");
    }
}
