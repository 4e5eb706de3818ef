//! The high-water file: the newest checkpoint this service has ever shown, kept outside the data
//! directory, so that an old copy of the data is noticed.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::crypto::sign::VerifyingKey;
use crate::tlog::checkpoint::VerifiedCheckpoint;
use crate::tlog::note::KeyName;

/// The file.
#[derive(Debug, Clone)]
pub(super) struct HighWater {
    path: PathBuf,
}

impl HighWater {
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The checkpoint in the file.
    ///
    /// # Errors
    /// It is missing, or not one of this log.
    pub(super) fn read(
        &self,
        origin: &KeyName,
        keys: &[VerifyingKey],
    ) -> io::Result<VerifiedCheckpoint> {
        let note = fs::read(&self.path)?;
        VerifiedCheckpoint::verify(&note, origin, keys).map_err(io::Error::other)
    }

    /// Puts a newer checkpoint there: written, synced, renamed, synced.
    ///
    /// # Errors
    /// Any of these fails.
    pub(super) fn raise(&self, checkpoint: &[u8]) -> io::Result<()> {
        let parent = self.path.parent().unwrap_or_else(|| Path::new("."));
        fs::create_dir_all(parent)?;
        let fresh = self.path.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(checkpoint)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        File::open(parent)?.sync_all()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
