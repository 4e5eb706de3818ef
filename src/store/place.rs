//! Which engine, and where: one line of configuration.
//!
//! In scope: choosing, creating, opening. Out of scope: what an engine does. Invariant: a store is
//! handed out only after its marker was written or checked.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use tokio::task;

use crate::disk::{Disk, Fdatasync};

use super::anew;
use super::closed::{self, Closed};
use super::format::{self, FormatError};
use super::memory::Memory;
use super::migrate::unfinished;
use super::redb::{self, Redb};
use super::salvage::Found;
use super::sled::{self, Sled};
use super::{Store, StoreError, check};

/// What a store is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// sled 0.34 with the durability it lacks.
    #[default]
    Sled,
    /// redb.
    Redb,
    /// Nothing is kept: for tests.
    Memory,
}

impl Engine {
    const ALL: [Self; 3] = [Self::Sled, Self::Redb, Self::Memory];

    /// The name in configuration and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sled => "sled",
            Self::Redb => "redb",
            Self::Memory => "memory",
        }
    }

    /// The file that says that a directory holds a store of this engine.
    fn file(self) -> Option<&'static str> {
        match self {
            Self::Sled => Some(sled::FILE),
            Self::Redb => Some(redb::FILE),
            Self::Memory => None,
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Engine {
    type Err = UnknownEngine;

    fn from_str(name: &str) -> Result<Self, UnknownEngine> {
        Self::ALL
            .into_iter()
            .find(|engine| engine.name() == name)
            .ok_or_else(|| UnknownEngine(name.to_owned()))
    }
}

/// No engine has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an engine (sled, redb or memory), found {0:?}")]
pub struct UnknownEngine(pub String);

/// An engine and the directory it keeps its files in.
#[derive(Debug, Clone)]
pub struct Place {
    engine: Engine,
    path: PathBuf,
    disk: Arc<dyn Disk>,
}

impl Place {
    /// The store of `engine` in the directory `path`, on the real disk.
    #[must_use]
    pub fn new(engine: Engine, path: impl Into<PathBuf>) -> Self {
        Self::on(engine, path, Arc::new(Fdatasync))
    }

    /// As [`Place::new`], with another way to sync: for tests that stop or fail it.
    #[must_use]
    pub fn on(engine: Engine, path: impl Into<PathBuf>, disk: Arc<dyn Disk>) -> Self {
        Self { engine, path: path.into(), disk }
    }

    /// Creates the store of `directory`.
    ///
    /// # Errors
    /// [`FormatError::Exists`] if there is one; [`StoreError::Open`]; or as [`Store::commit`].
    pub async fn create(&self, directory: &str, epoch: u64) -> Result<Arc<dyn Store>, StoreError> {
        let store = self.start().await?;
        format::create(store.as_ref(), directory, epoch).await?;
        Ok(store)
    }

    /// Opens the store of `directory`, which must have been created.
    ///
    /// # Errors
    /// [`StoreError::Format`] if it is another one's or in another format; [`StoreError::Open`];
    /// or as [`Store::read`].
    pub async fn open(&self, directory: &str) -> Result<Arc<dyn Store>, StoreError> {
        self.is_there()?;
        if self.engine == Engine::Sled {
            anew::give_back(self).await?;
        }
        let store = self.start_existing().await?;
        format::check(store.as_ref(), directory).await?;
        Ok(store)
    }

    /// The store of `directory`, whole: every value was looked at before anything was written, and
    /// nothing is. `looked_at` is told now and then how many bytes there were so far.
    ///
    /// # Errors
    /// As [`Place::open`]; [`StoreError::Damaged`].
    pub async fn look(
        &self,
        directory: &str,
        looked_at: impl FnMut(u64),
    ) -> Result<Looked, StoreError> {
        let looked = self.looked().await?;
        format::check(looked.store.as_ref(), directory).await?;
        check::whole(looked.store.as_ref(), looked_at).await?;
        Ok(looked)
    }

    /// The engine on what is there, to be read, without a look at the marker.
    pub(super) async fn looked(&self) -> Result<Looked, StoreError> {
        self.is_there()?;
        self.run(look).await
    }

    /// Each value that can still be read under its key, whatever is damaged. Nothing is written.
    pub(super) async fn salvage(&self) -> Result<Found, StoreError> {
        self.is_there()?;
        self.run(|engine, path, _| match engine {
            Engine::Sled => closed::salvage(path),
            Engine::Redb => redb::salvage(path),
            Engine::Memory => Ok(Found::default()),
        })
        .await
    }

    /// Its directory.
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

    /// Starts the engine on what is there, without a look at the marker.
    pub(super) async fn start_existing(&self) -> Result<Arc<dyn Store>, StoreError> {
        self.is_there()?;
        self.start().await
    }

    fn is_there(&self) -> Result<(), StoreError> {
        anew::put_back(self)?;
        if self.holds_a_store_of(self.engine) {
            return Ok(());
        }
        let found = Engine::ALL.into_iter().find(|engine| self.holds_a_store_of(*engine));
        Err(match found {
            Some(found) => FormatError::OtherEngine { found, expected: self.engine },
            None if !self.path.exists() && unfinished(&self.path).exists() => FormatError::CutOff,
            None => FormatError::Missing,
        }
        .into())
    }

    fn holds_a_store_of(&self, engine: Engine) -> bool {
        engine.file().is_some_and(|file| self.path.join(file).is_file())
    }

    /// Starts the engine without a look at the marker, on a thread that may wait for a process that is being torn down.
    pub(super) async fn start(&self) -> Result<Arc<dyn Store>, StoreError> {
        self.run(start).await
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

/// Opens a store only to look at it.
fn look(engine: Engine, path: &Path, disk: &Arc<dyn Disk>) -> Result<Looked, StoreError> {
    Ok(match engine {
        Engine::Redb => {
            let (store, is_torn) = Redb::look(path)?;
            let what = || "its last commit does not hold".to_owned();
            let torn = is_torn.then(|| Torn { what: what(), commits: 1 });
            Looked { store: Arc::new(store), torn }
        }
        Engine::Sled => {
            let (store, dropped) = Closed::open(path)?;
            let what = || format!("{dropped} records stand behind what does not hold");
            let torn = (dropped > 0).then(|| Torn { what: what(), commits: u64::MAX });
            Looked { store: Arc::new(store), torn }
        }
        Engine::Memory => Looked { store: start(engine, path, disk)?, torn: None },
    })
}

fn start(engine: Engine, path: &Path, disk: &Arc<dyn Disk>) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match engine {
        Engine::Sled => Arc::new(Sled::open(path, disk)?),
        Engine::Redb => Arc::new(Redb::open(path, disk)?),
        Engine::Memory => Arc::new(Memory::default()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_of_another_engine_is_told_from_none() {
        for (made, asked) in [(Engine::Sled, Engine::Redb), (Engine::Redb, Engine::Sled)] {
            let folder = tempfile::tempdir().unwrap();
            let open = |engine| Place::new(engine, folder.path());
            assert_eq!(open(asked).open("test").await.err(), Some(FormatError::Missing.into()));
            drop(open(made).create("test", 1).await.unwrap());
            let expected = FormatError::OtherEngine { found: made, expected: asked };
            assert!(expected.to_string().contains(&format!("write engine = \"{made}\"")));
            assert_eq!(open(asked).open("test").await.err(), Some(expected.into()));
        }
    }
}
