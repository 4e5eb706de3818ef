//! How much room there is where the service writes.
//!
//! In scope: what a file system says of itself. Out of scope: what follows from it (`service`).

use std::fmt::Debug;
use std::io;
use std::path::PathBuf;

/// What is left of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Bytes that may still be written.
    pub free: u64,
    /// It is mounted, or was turned, read-only.
    pub read_only: bool,
}

/// Whoever knows how much room there is.
pub trait Space: Send + Sync + Debug {
    /// Looks.
    ///
    /// # Errors
    /// Whatever the system says.
    fn look(&self) -> io::Result<Found>;
}

/// Room without an end: for measurements, and for tests of something else.
#[derive(Clone, Copy, Debug, Default)]
pub struct Boundless;

impl Space for Boundless {
    fn look(&self) -> io::Result<Found> {
        Ok(Found { free: u64::MAX, read_only: false })
    }
}

/// The file systems of a service's data and of its high-water file, which is small.
#[derive(Clone, Debug)]
pub struct FileSystems {
    /// The folder of the data.
    pub data: PathBuf,
    /// The folder of the high-water file.
    pub high_water: PathBuf,
}

impl Space for FileSystems {
    #[cfg(target_os = "linux")]
    fn look(&self) -> io::Result<Found> {
        let (data, beside) = (of(&self.data)?, of(&self.high_water)?);
        // A small file needs no reserve: either it can be written, or nothing can.
        let free = if beside.free < SMALL { beside.free.min(data.free) } else { data.free };
        Ok(Found { free, read_only: data.read_only || beside.read_only })
    }

    #[cfg(not(target_os = "linux"))]
    fn look(&self) -> io::Result<Found> {
        Boundless.look()
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn of(_: &std::path::Path) -> io::Result<Found> {
    Boundless.look()
}

#[cfg(target_os = "linux")]
pub(super) fn of(path: &std::path::Path) -> io::Result<Found> {
    use rustix::fs::StatVfsMountFlags;
    let said = rustix::fs::statvfs(path)?;
    let read_only = said.f_flag.contains(StatVfsMountFlags::RDONLY);
    Ok(Found { free: said.f_bavail.saturating_mul(said.f_frsize), read_only })
}

/// Enough for the high-water file, twice.
#[cfg(target_os = "linux")]
const SMALL: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(not(target_os = "linux"), ignore = "nothing is looked at there")]
    fn a_file_system_says_what_is_left_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = || dir.path().to_owned();
        let found = FileSystems { data: path(), high_water: path() }.look().unwrap();
        assert!(found.free > 0 && !found.read_only, "{found:?}");
        let (data, high_water) = (path(), PathBuf::from("/proc"));
        let found = FileSystems { data, high_water }.look().unwrap();
        assert_eq!(found.free, 0, "the small file has no room");
        let gone = FileSystems { data: path().join("gone"), high_water: path() };
        assert_eq!(gone.look().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
