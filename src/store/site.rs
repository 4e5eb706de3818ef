//! Where a store is: an engine, a directory, and the disk.
//!
//! In scope: the place. Out of scope: opening what is there (`open`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task;

use crate::disk::{Disk, Fdatasync};

use super::{Store, StoreError};

pub use super::engine::{Engine, UnknownEngine};

/// An engine and the directory it keeps its files in.
#[derive(Debug, Clone)]
pub struct Site {
    pub(super) engine: Engine,
    path: PathBuf,
    disk: Arc<dyn Disk>,
}

impl Site {
    /// The store of `engine` in the directory `path`, on the real disk.
    #[must_use]
    pub fn new(engine: Engine, path: impl Into<PathBuf>) -> Self {
        Self::on(engine, path, Arc::new(Fdatasync))
    }

    /// As [`Site::new`], with another way to sync: for tests that stop or fail it.
    #[must_use]
    pub fn on(engine: Engine, path: impl Into<PathBuf>, disk: Arc<dyn Disk>) -> Self {
        Self { engine, path: path.into(), disk }
    }

    /// The directory that holds it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How long its files are, all together; none that can be seen have no length.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let files = self.path.read_dir().into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        self.disk.as_ref()
    }

    /// The same in another directory.
    pub(super) fn in_directory(&self, path: &Path) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        start: impl FnOnce(Engine, &Path, &Arc<dyn Disk>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Self { engine, path, disk } = self.clone();
        task::spawn_blocking(move || start(engine, &path, &disk))
            .await
            .unwrap_or_else(|error| Err(StoreError::Open(error.to_string())))
    }
}

/// A store that was only looked at.
pub struct Looked {
    /// What it holds. What is written to it is kept nowhere.
    pub store: Arc<dyn Store>,
    /// What stands behind its end and is not taken: a commit that was cut off leaves such, and so does
    /// damage.
    pub torn: Option<Torn>,
}

/// What does not hold at the end of a store.
pub struct Torn {
    /// What was found.
    pub what: String,
    /// So many commits may have stood there, at most.
    pub commits: u64,
}
