//! The number of the form in which this program keeps and carries things.
//!
//! In scope: the marker of a home, what an old and a newer number mean. Out of scope: the files
//! themselves. Invariant: the number is judged before anything behind it is read.
//!
//! Release 0.1 wrote no numbers: what has none is format 1, of directories for trial, whose
//! statements no rules admit any more.

use std::path::{Path, PathBuf};

use super::place::{self, FileError};

/// What this program writes and reads: homes, and files that people carry.
pub const FORMAT: u32 = 2;

/// A folder is not one of this program's homes.
#[derive(Debug, thiserror::Error)]
pub enum WrongFormat {
    /// Of release 0.1.
    #[error(
        "the home {} was made by liaison 0.1, whose directories were for trial: make it anew, \
         keys and all",
        home.display()
    )]
    Old {
        /// The folder.
        home: PathBuf,
    },
    /// Of a later release.
    #[error(
        "the home {} has format {found}, and this program knows formats up to {FORMAT}: a newer \
         liaison is needed",
        home.display()
    )]
    Newer {
        /// The folder.
        home: PathBuf,
        /// Its number.
        found: u32,
    },
    /// The marker does not hold a number.
    #[error("{} does not hold the number of a format: expected {FORMAT}", path.display())]
    NoNumber {
        /// The marker.
        path: PathBuf,
    },
    /// The marker cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Refuses a home of another format. A folder in which nothing stands is fit.
///
/// # Errors
/// [`WrongFormat`].
pub fn check(home: &Path) -> Result<(), WrongFormat> {
    let marked = place::read_if_there(&home.join(MARKER), MARKER_BYTES)?;
    let found = match marked {
        Some(marker) => {
            number(&marker).ok_or_else(|| WrongFormat::NoNumber { path: home.join(MARKER) })?
        }
        None if UNMARKED.iter().any(|name| home.join(name).exists()) => 1,
        None => return Ok(()),
    };
    let home = || home.to_owned();
    match found {
        FORMAT => Ok(()),
        found if found < FORMAT => Err(WrongFormat::Old { home: home() }),
        found => Err(WrongFormat::Newer { home: home(), found }),
    }
}

/// Makes a folder a home of this format, before anything else is written there.
///
/// # Errors
/// It is a home of another format; files.
pub fn claim(home: &Path) -> Result<(), WrongFormat> {
    check(home)?;
    if !home.join(MARKER).exists() {
        place::replace(&home.join(MARKER), format!("{FORMAT}\n").as_bytes())?;
    }
    Ok(())
}

fn number(marker: &[u8]) -> Option<u32> {
    std::str::from_utf8(marker).ok()?.trim().parse().ok().filter(|number| *number > 0)
}

const MARKER: &str = "format";
const MARKER_BYTES: u64 = 64;
/// What release 0.1 made in a home, where no marker stands.
const UNMARKED: [&str; 3] = ["config.toml", "keys", "directories"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::{ClientError, Exit};
    use crate::client::home::Home;
    use crate::client::keys::Owner;
    use crate::client::testlog::ambient;

    #[test]
    fn a_home_of_release_0_1_is_refused_before_anything_in_it_is_read() {
        let of_0_1 = |name: &str, text: &str| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
            folder
        };
        let config = include_str!("../../tests/golden/files-1/config.toml");
        for folder in [
            of_0_1("config.toml", config),
            of_0_1("config.toml", "neither read nor judged"),
            of_0_1("keys/registrar/alice/sign.pem", "neither read nor judged"),
            of_0_1("directories/un.example/checkpoint", "neither read nor judged"),
        ] {
            let home = Home::at(folder.path().to_owned());
            let alice = Owner::Registrar("alice".parse().unwrap());
            for refused in [
                ClientError::from(Home::find(Some(folder.path().to_owned())).unwrap_err()),
                ClientError::from(home.config().unwrap_err()),
                ClientError::from(home.keys().create(&alice, &ambient()).unwrap_err()),
            ] {
                assert_eq!((refused.reason.as_str(), refused.exit), ("OLD_FORMAT", Exit::Usage));
                assert!(refused.sentence.contains("made by liaison 0.1"), "{refused}");
                assert!(refused.mend.unwrap().contains("--home"));
            }
            assert!(!folder.path().join(MARKER).exists());
        }
    }

    #[test]
    fn a_new_home_has_its_number_and_a_newer_one_wants_a_newer_program() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().to_owned());
        assert_eq!(home.config().unwrap(), Default::default());
        assert!(!folder.path().join(MARKER).exists(), "to look makes nothing");
        let alice = Owner::Registrar("alice".parse().unwrap());
        home.keys().create(&alice, &ambient()).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join(MARKER)).unwrap(), "2\n");
        Home::find(Some(folder.path().to_owned())).unwrap();
        for (marker, reason, exit) in [
            ("3\n", "UPDATE_ME", Exit::UpdateMe),
            ("1\n", "OLD_FORMAT", Exit::Usage),
            ("two", "NO_FORMAT", Exit::Usage),
        ] {
            std::fs::write(folder.path().join(MARKER), marker).unwrap();
            let refused = ClientError::from(home.config().unwrap_err());
            assert_eq!((refused.reason.as_str(), refused.exit), (reason, exit), "{refused}");
        }
    }
}
