//! Large sealed bodies, as files named by their digest.
//!
//! In scope: writing them durably before a commit names them, and refusing what has changed. Out
//! of scope: when one is no longer named. Invariants: a file under its name is whole and durable;
//! what is returned hashes to the digest asked for.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task;

use crate::disk::{self, Disk, whole};

use crate::crypto::hash::Digest;

/// A keeper of bodies, found by their digest.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Keeps `bytes`; on return a power cut cannot take them back. Keeping them again is harmless.
    ///
    /// # Errors
    /// [`BlobError::Mismatch`] if `digest` is not theirs; [`BlobError::Io`], and then it is not
    /// known whether they are kept.
    async fn put(&self, digest: Digest, bytes: Bytes) -> Result<(), BlobError>;

    /// The bytes kept under `digest`, if any.
    ///
    /// # Errors
    /// [`BlobError::Mismatch`] if they have changed; [`BlobError::Io`].
    async fn get(&self, digest: Digest) -> Result<Option<Bytes>, BlobError>;

    /// Forgets the bytes kept under `digest`, if any. A power cut may bring them back.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    async fn remove(&self, digest: Digest) -> Result<(), BlobError>;

    /// Everything that is kept.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    async fn list(&self) -> Result<Vec<Digest>, BlobError>;
}

/// Why a body was not kept or found.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The bytes hash to something else.
    #[error("expected a body with digest {expected}, found {found}")]
    Mismatch {
        /// The digest asked for.
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// The disk failed.
    #[error("the file of a body: {}", disk::in_words(.0))]
    Io(#[from] io::Error),
}

/// A directory of files: `ab/cd/abcd…`, and `new/` for those being written.
#[derive(Debug, Clone)]
pub struct FileBlobs(Arc<Folder>);

impl FileBlobs {
    /// The bodies in the directory `path`, which is created if need be. What a process before
    /// this one had not finished writing is removed; only one process may use it.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn open(path: &Path, disk: Arc<dyn Disk>) -> io::Result<Self> {
        let unfinished = path.join(UNFINISHED);
        disk::create_dir(disk.as_ref(), &unfinished)?;
        for entry in fs::read_dir(&unfinished)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(Self::look(path, disk))
    }

    /// The bodies in the directory `path`, only to look at them: nothing is removed.
    #[must_use]
    pub fn look(path: &Path, disk: Arc<dyn Disk>) -> Self {
        Self(Arc::new(Folder { path: path.to_owned(), disk, written: AtomicU64::new(0) }))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let directory = Arc::clone(&self.0);
        let done = task::spawn_blocking(move || work(&directory)).await;
        done.map_err(|error| BlobError::Io(io::Error::other(error)))?
    }
}

#[async_trait]
impl Blobs for FileBlobs {
    async fn put(&self, digest: Digest, bytes: Bytes) -> Result<(), BlobError> {
        self.run(move |directory| directory.put(digest, &bytes)).await
    }

    async fn get(&self, digest: Digest) -> Result<Option<Bytes>, BlobError> {
        self.run(move |directory| directory.get(digest)).await
    }

    async fn remove(&self, digest: Digest) -> Result<(), BlobError> {
        let removed =
            self.run(move |directory| Ok(found(fs::remove_file(directory.path(digest)))?));
        removed.await.map(|_| ())
    }

    async fn list(&self) -> Result<Vec<Digest>, BlobError> {
        self.run(|directory| Ok(directory.list()?)).await
    }
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    disk: Arc<dyn Disk>,
    written: AtomicU64,
}

impl Folder {
    fn put(&self, digest: Digest, bytes: &[u8]) -> Result<(), BlobError> {
        hashes_to(digest, bytes)?;
        let (target, unfinished) = (self.path(digest), self.unfinished());
        let parent = target.parent().unwrap_or(&self.path);
        disk::create_dir(self.disk.as_ref(), parent)?;
        let written = File::create_new(&unfinished)
            .and_then(|file| whole::put(self.disk.as_ref(), file, &unfinished, &target, bytes));
        if written.is_err() {
            // It would take room until the next start, on a disk that may have none.
            drop(fs::remove_file(&unfinished));
        }
        Ok(written?)
    }

    fn get(&self, digest: Digest) -> Result<Option<Bytes>, BlobError> {
        let Some(bytes) = found(fs::read(self.path(digest)))? else { return Ok(None) };
        hashes_to(digest, &bytes)?;
        Ok(Some(Bytes::from(bytes)))
    }

    /// Names of other kinds are not ours.
    fn list(&self) -> io::Result<Vec<Digest>> {
        let mut digests = Vec::new();
        for first in folders(&self.path)? {
            for second in folders(&first)? {
                let names = fs::read_dir(second)?.map(|entry| Ok(entry?.file_name()));
                for name in names.collect::<io::Result<Vec<_>>>()? {
                    let digest = name.to_str().and_then(|name| hex::decode(name).ok());
                    digests.extend(digest.and_then(|bytes| Digest::try_from(&bytes[..]).ok()));
                }
            }
        }
        Ok(digests)
    }

    fn path(&self, digest: Digest) -> PathBuf {
        let [first, second, ..] = digest.as_bytes();
        let (first, second) = (format!("{first:02x}"), format!("{second:02x}"));
        self.path.join(first).join(second).join(digest.to_string())
    }

    fn unfinished(&self) -> PathBuf {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        self.path.join(UNFINISHED).join(number.to_string())
    }
}

/// The folders in a folder, but for that of what is being written.
fn folders(path: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    let folders = entries.into_iter().filter(|entry| entry.file_name() != UNFINISHED);
    Ok(folders.map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
}

fn hashes_to(expected: Digest, bytes: &[u8]) -> Result<(), BlobError> {
    let found = Digest::of(bytes);
    if found == expected { Ok(()) } else { Err(BlobError::Mismatch { expected, found }) }
}

/// Nothing, if there is no such file.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

const UNFINISHED: &str = "new";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Fdatasync;
    use crate::disk::whole::tests::{Asked, in_order};

    fn blobs(path: &Path) -> FileBlobs {
        FileBlobs::open(path, Arc::new(Fdatasync)).unwrap()
    }

    #[tokio::test]
    async fn a_body_is_found_by_its_digest_until_removed() {
        let dir = tempfile::tempdir().unwrap();
        let body = Bytes::from(vec![7; 300 << 10]);
        let digest = Digest::of(&body);
        assert_eq!(blobs(dir.path()).get(digest).await.unwrap(), None);
        for _ in 0..2 {
            blobs(dir.path()).put(digest, body.clone()).await.unwrap();
            assert_eq!(blobs(dir.path()).get(digest).await.unwrap().as_ref(), Some(&body));
        }
        assert_eq!(blobs(dir.path()).list().await.unwrap(), [digest]);
        blobs(dir.path()).remove(digest).await.unwrap();
        blobs(dir.path()).remove(digest).await.unwrap();
        assert_eq!(blobs(dir.path()).list().await.unwrap(), []);
        assert_eq!(blobs(dir.path()).get(digest).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_body_that_changed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = blobs(dir.path());
        let digest = Digest::of(b"sealed");
        blobs.put(digest, Bytes::from_static(b"sealed")).await.unwrap();
        fs::write(blobs.0.path(digest), b"seales").unwrap();
        assert!(matches!(blobs.get(digest).await, Err(BlobError::Mismatch { .. })));
    }

    #[tokio::test]
    async fn a_body_under_another_digest_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let put = blobs(dir.path()).put(Digest::of(b"a"), Bytes::from_static(b"b")).await;
        assert!(matches!(put, Err(BlobError::Mismatch { .. })));
    }

    #[tokio::test]
    async fn an_unfinished_body_is_gone_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let unfinished = blobs(dir.path()).0.unfinished();
        fs::write(&unfinished, b"half").unwrap();
        let blobs = blobs(dir.path());
        assert!(!unfinished.exists());
        blobs.put(Digest::of(b"whole"), Bytes::from_static(b"whole")).await.unwrap();
    }

    #[tokio::test]
    async fn a_body_is_durable_and_then_its_name_is() {
        let dir = tempfile::tempdir().unwrap();
        let digest = Digest::of(b"body");
        let path = blobs(dir.path()).0.path(digest);
        let disk = Arc::new(Asked::about(&path));
        let blobs = FileBlobs::open(dir.path(), Arc::<Asked>::clone(&disk)).unwrap();
        blobs.put(digest, Bytes::from_static(b"body")).await.unwrap();
        let asked = disk.asked();
        // Folders that were made before it.
        let made = asked.len() - 2;
        assert!(asked[..made].iter().all(|asked| *asked == (true, None)));
        assert_eq!(asked[made..], in_order(None, b"body"));
    }

    #[derive(Debug)]
    struct Broken;

    impl Disk for Broken {
        fn sync(&self, file: &File) -> io::Result<()> {
            if file.metadata()?.is_dir() { Ok(()) } else { Err(io::Error::other("EIO")) }
        }
    }

    #[tokio::test]
    async fn a_body_that_cannot_be_synced_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::open(dir.path(), Arc::new(Broken)).unwrap();
        let digest = Digest::of(b"body");
        assert!(matches!(
            blobs.put(digest, Bytes::from_static(b"body")).await,
            Err(BlobError::Io(_))
        ));
        assert_eq!(blobs.get(digest).await.unwrap(), None);
        let left = fs::read_dir(dir.path().join(UNFINISHED)).unwrap().count();
        assert_eq!(left, 0, "it takes no room");
    }
}
