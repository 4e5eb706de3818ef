//! Which engine, and where: one line of configuration.
//!
//! In scope: choosing, creating, opening. Out of scope: what an engine does. Invariant: a store is
//! handed out only after its marker was written or checked.

use std::path::Path;
use std::sync::Arc;

use super::anew;
use super::closed::{self, Closed};
use super::format::{self, FormatError};
use super::memory::Memory;
use super::migrate::unfinished;
use super::redb::{self, Redb};
use super::site::{Engine, Looked, Site, Torn};
use super::sled::Sled;
use super::sled_file;
use super::value::Found;
use super::{Store, StoreError, check};
use crate::disk::Disk;

impl Site {
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
    /// As [`Site::open`]; [`StoreError::Damaged`].
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
            None if !self.path().exists() && unfinished(self.path()).exists() => {
                FormatError::CutOff
            }
            None => FormatError::Missing,
        }
        .into())
    }

    fn holds_a_store_of(&self, engine: Engine) -> bool {
        file(engine).is_some_and(|file| self.path().join(file).is_file())
    }

    /// Starts the engine without a look at the marker, on a thread that may wait for a process that is being torn down.
    pub(super) async fn start(&self) -> Result<Arc<dyn Store>, StoreError> {
        self.run(start).await
    }
}

/// The file that says that a directory holds a store of this engine.
const fn file(engine: Engine) -> Option<&'static str> {
    match engine {
        Engine::Sled => Some(sled_file::FILE),
        Engine::Redb => Some(redb::FILE),
        Engine::Memory => None,
    }
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
            let open = |engine| Site::new(engine, folder.path());
            assert_eq!(open(asked).open("test").await.err(), Some(FormatError::Missing.into()));
            drop(open(made).create("test", 1).await.unwrap());
            let expected = FormatError::OtherEngine { found: made, expected: asked };
            assert!(expected.to_string().contains(&format!("write engine = \"{made}\"")));
            assert_eq!(open(asked).open("test").await.err(), Some(expected.into()));
        }
    }
}
