//! A file that is whole or not there: how one gets its name, whatever stood there before.
//!
//! In scope: the order of it. Out of scope: whose the file is, who may read it, where it is until it is
//! whole and what becomes of it if it never is: all that is for those who make it. Invariants: a name never
//! lists a file without its content, whenever the power goes; who has been told keeps the new file.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{Disk, parent, sync_folder};

/// Puts a whole file in the place of an old one, or of none. `beside` is where the file is that was made for
/// it, on the same file system; it is durable, and so is its name, when this returns.
///
/// # Errors
/// Whatever the system says. The old file stands, or the new one; `beside` may still be there.
pub fn put(
    disk: &dyn Disk,
    file: File,
    beside: &Path,
    path: &Path,
    bytes: &[u8],
) -> io::Result<()> {
    write(disk, file, beside, bytes)?.name(path)?.keep()
}

/// Writes what a file says, durably: the first of three steps. A name that lists a file without its content
/// must not survive a cut.
///
/// # Errors
/// Whatever the system says.
pub fn write<'a>(
    disk: &'a dyn Disk,
    mut file: File,
    beside: &Path,
    bytes: &[u8],
) -> io::Result<Whole<'a>> {
    file.write_all(bytes)?;
    disk.sync(&file)?;
    Ok(Whole { disk, beside: beside.to_owned() })
}

/// A file that says all it is to say, and has not its name yet.
#[must_use]
#[derive(Debug)]
pub struct Whole<'a> {
    disk: &'a dyn Disk,
    beside: PathBuf,
}

impl<'a> Whole<'a> {
    /// Where it is.
    #[must_use]
    pub fn beside(&self) -> &Path {
        &self.beside
    }

    /// Gives it its name, in the place of an old file: the second step.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn name(&self, path: &Path) -> io::Result<Named<'a>> {
        fs::rename(&self.beside, path)?;
        Ok(Named { disk: self.disk, folder: parent(path).to_owned() })
    }

    /// The same where no file stands. It keeps the name that it had, too, or has lost it.
    ///
    /// # Errors
    /// There is one; or whatever the system says.
    pub fn name_first(&self, path: &Path) -> io::Result<Named<'a>> {
        match fs::hard_link(&self.beside, path) {
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Err(why),
            // Some file systems know one name a file.
            Err(_) if !path.exists() => self.name(path),
            linked => linked.map(|()| Named { disk: self.disk, folder: parent(path).to_owned() }),
        }
    }
}

/// A file that has its name until the power goes.
#[must_use = "the name is not durable yet"]
#[derive(Debug)]
pub struct Named<'a> {
    disk: &'a dyn Disk,
    folder: PathBuf,
}

impl Named<'_> {
    /// The folder that lists it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the name durable: the last step.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn keep(self) -> io::Result<()> {
        sync_folder(self.disk, &self.folder)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::disk::Fdatasync;

    /// Of one sync: whether it was of a folder, and what the file of that name said then.
    pub(crate) type Synced = (bool, Option<Vec<u8>>);

    /// What is synced in which order: first what a file says, then that it has this name. Else a power cut
    /// leaves none, or an empty one.
    pub(crate) fn in_order(before: Option<&[u8]>, after: &[u8]) -> [Synced; 2] {
        [(false, before.map(<[u8]>::to_vec)), (true, Some(after.to_vec()))]
    }

    /// A disk that takes down what is asked of it, and fails at one of them.
    #[derive(Debug)]
    pub(crate) struct Asked {
        pub(crate) path: PathBuf,
        pub(crate) syncs: Mutex<Vec<Synced>>,
        pub(crate) fails_at: usize,
    }

    impl Asked {
        pub(crate) fn about(path: &Path) -> Self {
            Self { path: path.to_owned(), syncs: Mutex::default(), fails_at: usize::MAX }
        }

        pub(crate) fn asked(&self) -> Vec<Synced> {
            std::mem::take(&mut self.syncs.lock().unwrap())
        }
    }

    impl Disk for Asked {
        fn sync(&self, file: &File) -> io::Result<()> {
            let mut syncs = self.syncs.lock().unwrap();
            if syncs.len() == self.fails_at {
                return Err(io::Error::other("the disk is gone"));
            }
            syncs.push((file.metadata()?.is_dir(), fs::read(&self.path).ok()));
            Fdatasync.sync(file)
        }
    }

    #[test]
    fn whenever_the_disk_fails_the_name_is_of_a_whole_file() {
        let dir = tempfile::tempdir().unwrap();
        let (path, beside) = (dir.path().join("file"), dir.path().join("file.new"));
        let mut before = None;
        for (fails_at, after) in [(0, None), (1, Some(&b"one"[..])), (2, Some(&b"two"[..]))] {
            let disk = Asked { fails_at, ..Asked::about(&path) };
            let bytes = after.unwrap_or(b"zero");
            let file = File::create(&beside).unwrap();
            let done = put(&disk, file, &beside, &path, bytes);
            assert_eq!(done.is_ok(), fails_at == 2);
            assert_eq!(fs::read(&path).ok().as_deref(), after);
            assert_eq!(disk.asked(), in_order(before, bytes)[..fails_at]);
            before = after;
        }
    }

    #[test]
    fn what_is_named_first_takes_no_others_place() {
        let dir = tempfile::tempdir().unwrap();
        let (path, beside) = (dir.path().join("file"), dir.path().join("file.new"));
        for (bytes, is_first) in [(&b"one"[..], true), (b"two", false)] {
            let file = File::create(&beside).unwrap();
            let whole = write(&Fdatasync, file, &beside, bytes).unwrap();
            let why = whole.name_first(&path).err().map(|why| why.kind());
            assert_eq!(why, (!is_first).then_some(io::ErrorKind::AlreadyExists));
            assert_eq!(fs::read(&path).unwrap(), b"one");
            fs::remove_file(&beside).unwrap();
        }
    }
}
