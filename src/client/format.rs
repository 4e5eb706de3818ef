//! The form in which this program keeps and carries things: its number, and the files of a home.
//!
//! In scope: the marker of a home, what an old and a newer number mean, every kind of file with what
//! shows that it is whole. Out of scope: what stands in them, how they are written (`place`). Invariant:
//! the number is judged before anything behind it is read.
//!
//! Release 0.1 wrote no numbers: what has none is format 1, of directories for trial, whose
//! statements no rules admit any more. Format 2 is read as it is. A file that can be made again has a
//! form of its own: of another form it is made again, and so needs no new number of the home.
//!
//! Written *whole*, a file is on the disk before its name is, and is the old one or the new one whenever
//! the power goes. *Once* is the same, and no file is replaced. *Appended*, it may end in half a record,
//! or in what never was one. *Loose*, it may be anything. `*` is any name, `**` any folders.
//!
//! | file | written | known to be whole by |
//! | --- | --- | --- |
//! | `format` | whole | a number |
//! | `config.toml` | whole | TOML of known fields |
//! | `keys/**/*.pem` | whole | the end of its block |
//! | `keys/**/*.token` | once | its fields, and their last, a key |
//! | `keys/**/*.key` | once | the sum in its line |
//! | `keys/**/lock` | loose | nothing depends on what it says |
//! | `keys/**/tls.crt` | whole | the end of its block |
//! | `directories/*/invitation` | whole | the end of its block |
//! | `directories/*/addresses` | whole | lines that are addresses |
//! | `directories/*/service-certificate` | loose | it reads as a certificate |
//! | `directories/*/charters` | whole | lengths, signatures |
//! | `directories/*/charters-used` | whole | lengths, signatures |
//! | `directories/*/entries` | appended | lengths, and the root that the log has signed |
//! | `directories/*/facets` | appended | lengths, and the hash that a record names |
//! | `directories/*/fold` | loose | its form and a CRC-32 |
//! | `directories/*/checkpoint` | whole | its signature |
//! | `directories/*/synced` | whole | a number |
//! | `directories/*/halted` | whole | a number |
//! | `directories/*/refused` | whole | the name of a seat |
//! | `directories/*/joining-*` | whole | the end of its block |
//! | `directories/*/audit` | appended | lengths, and the chain that its head has signed |
//! | `directories/*/audit-head*` | whole | its signature |
//! | `directories/*/evidence*` | whole | it is kept as it was found |
//! | `directories/*/altered-*` | whole | it is kept as it was found |
//! | `directories/*/lock` | loose | nothing depends on what it says |
//! | `directories/*/mail/*/*/*/index` | loose | its form and a CRC-32 |
//! | `directories/*/mail/*/*/*/muted` | whole | its form, and lines that are names |
//! | `directories/*/mail/*/*/*/read/*` | whole | it is empty |
//! | `directories/*/mail/*/*/*/told/*/*` | whole | an id |
//! | `directories/*/mail/*/*/*/inbox/cursor` | whole | a place in the chain |
//! | `directories/*/mail/*/*/*/inbox/epochs` | whole | lines that are two numbers |
//! | `directories/*/mail/*/*/*/inbox/head` | whole | its signature |
//! | `directories/*/mail/*/*/*/inbox/items/*` | whole | lengths, and the digest in the chain |
//! | `directories/*/mail/*/*/*/inbox/alone/*` | whole | lengths, and the digests in the chain |
//! | `directories/*/mail/*/*/*/inbox/gone/*` | whole | lengths; or it is empty, and only its name counts |
//! | `directories/*/mail/*/*/*/inbox/told` | whole | a number |
//! | `directories/*/mail/*/*/*/inbox/receipts/*` | whole | signatures |
//! | `directories/*/mail/*/*/*/inbox/done/*` | whole | a word |
//! | `directories/*/mail/*/*/*/inbox/later/*` | whole | it is empty |
//! | `directories/*/mail/*/*/*/inbox/again/*` | whole | a number |
//! | `directories/*/mail/*/*/*/inbox/unsigned/*` | whole | a number |
//! | `directories/*/mail/*/*/*/inbox/disputed/*` | whole | it is kept as it came |
//! | `directories/*/mail/*/*/*/inbox/lock` | loose | nothing depends on what it says |
//! | `directories/*/mail/*/*/*/outbox/*/submit` | whole | signatures |
//! | `directories/*/mail/*/*/*/outbox/*/acknowledge` | whole | signatures |
//! | `directories/*/mail/*/*/*/outbox/*/accepted` | whole | its signature |
//! | `directories/*/mail/*/*/*/outbox/*/lost` | whole | it is empty |
//! | `directories/*/mail/*/*/*/outbox/*/accepted-later/*` | whole | its signature |
//! | `directories/*/mail/*/*/*/outbox/*/disputed/*` | whole | it is kept as it came |
//! | `directories/*/mail/*/*/*/outbox/*/delivered/*` | whole | signatures |
//! | `directories/*/mail/*/*/*/outbox/*/acknowledged/*` | whole | signatures |
//! | `directories/*/mail/*/*/*/outbox/*/words/*` | whole | a digest |
//! | `directories/*/mail/*/*/*/outbox/*/answered/*` | whole | it is empty |
//! | `directories/*/mail/*/*/*/outbox/*/expired` | whole | it is empty |
//! | `directories/*/mail/*/*/*/outbox/*/refused` | whole | a word |
//! | `directories/*/mail/*/*/*/outbox/*/kept-back` | whole | a word and a line |
//! | `directories/*/mail/*/*/*/outbox/*/went-as` | whole | an id |
//! | `directories/*/mail/*/*/*/outbox/headers/*` | whole | an id |
//! | `directories/*/mail/*/*/*/outbox/offered/*` | whole | it is empty |
//! | `directories/*/mail/*/*/*/outbox/index` | loose | its form and a CRC-32 |
//! | `directories/*/mail/*/*/*/outbox/lock` | loose | nothing depends on what it says |
//!
//! What ends in `.new` was being written when its program ended, and nobody reads it: an hour later the
//! next write into its folder removes it.

use std::path::{Path, PathBuf};

use crc32fast::hash as crc32;

use super::files::{self, FileError};

/// What this program writes and reads: homes, and files that people carry.
pub const FORMAT: u32 = 2;

/// How the fold of a directory begins that is kept beside its entries.
pub const FOLD: &[u8] = b"liaison fold 2\n";

/// How the index of an inbox begins.
pub const INDEX: &[u8] = b"liaison inbox index 1\n";

/// How the index of an outbox begins.
pub const OUTBOX_INDEX: &[u8] = b"liaison outbox index 2\n";

/// How the list begins of those who are muted.
pub const MUTED: &str = "liaison muted 1\n";

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
        /// The folder of the home.
        home: PathBuf,
    },
    /// Of a later release.
    #[error(
        "the home {} has format {found}, and this program knows formats up to {FORMAT}: a newer \
         liaison is needed",
        home.display()
    )]
    Newer {
        /// The folder of the home.
        home: PathBuf,
        /// The number of its format.
        found: u32,
    },
    /// The marker does not hold a number.
    #[error("{} does not hold the number of a format: expected {FORMAT}", path.display())]
    NoNumber {
        /// The file that holds the format's number.
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
    let marked = files::read_if_there(&home.join(MARKER), MARKER_BYTES)?;
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
        files::replace(&home.join(MARKER), format!("{FORMAT}\n").as_bytes())?;
    }
    Ok(())
}

/// A loose file of this form: how it begins, a CRC-32 of what follows, and that.
#[must_use]
pub fn summed(form: &[u8], content: &[u8]) -> Vec<u8> {
    [form, &crc32(content).to_be_bytes(), content].concat()
}

/// What a loose file of this form holds, if it is whole.
#[must_use]
pub fn content<'a>(form: &[u8], file: &'a [u8]) -> Option<&'a [u8]> {
    let (sum, content) = file.strip_prefix(form)?.split_first_chunk()?;
    (u32::from_be_bytes(*sum) == crc32(content)).then_some(content)
}

/// The home in which a file stands, if it stands in one.
#[must_use]
pub fn home_of(path: &Path) -> Option<&Path> {
    path.ancestors().find(|folder| folder.join(MARKER).exists())
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
    use crate::client::error::{ClientError, Family};
    use crate::client::files::faults;
    use crate::client::home::Home;
    use crate::client::invitation::Invitation;
    use crate::client::keys::Owner;
    use crate::client::mend::Mend;
    use crate::world::testlog::{TestLog, ambient, name};

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
                assert_eq!((refused.reason.code(), refused.family), ("OLD_FORMAT", Family::Usage));
                assert!(refused.sentence.contains("made by liaison 0.1"), "{refused}");
                assert_eq!(refused.mend.as_deref(), Some(&Mend::NewHome));
            }
            assert!(!folder.path().join(MARKER).exists());
        }
    }

    /// The power goes after each thing that is done to the disk.
    #[test]
    fn wherever_a_home_is_begun_no_further_it_is_begun_again() {
        let alice = Owner::Registrar("alice".parse().unwrap());
        let log = TestLog::populated().0;
        let begin = |home: &Home| {
            home.keys().create(&alice, &ambient()).map_err(ClientError::from)?;
            let invitation = Invitation::check(log.invitation()).unwrap();
            home.join(&invitation).map_err(ClientError::from)
        };
        for some in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let home = Home::at(folder.path().join("home"));
            let done = faults::after(some, || begin(&home)).is_ok();
            let key = |home: &Home| {
                home.keys().signing(&alice, &ambient()).ok().map(|key| key.public().id())
            };
            let (before, found) = (key(&home), Home::find(Some(home.root().to_owned())));
            assert!(found.is_ok(), "{some}: {found:?}");
            match begin(&home) {
                // Keys are made once.
                Err(error) if error.reason.code() == "KEY_EXISTS" => {
                    home.join(&Invitation::check(log.invitation()).unwrap()).unwrap();
                }
                begun => drop(begun.unwrap()),
            }
            let now = key(&home).unwrap();
            assert!(before.is_none_or(|before| before == now), "{some}");
            assert_eq!(home.directory(None).unwrap(), name(), "{some}");
            home.trust(&name()).unwrap();
            if done {
                assert!(some > 15, "{some}");
                break;
            }
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
        for (marker, reason, family) in [
            ("3\n", "UPDATE_ME", Family::UpdateMe),
            ("1\n", "OLD_FORMAT", Family::Usage),
            ("two", "NO_FORMAT", Family::Usage),
        ] {
            std::fs::write(folder.path().join(MARKER), marker).unwrap();
            let refused = ClientError::from(home.config().unwrap_err());
            assert_eq!((refused.reason.code(), refused.family), (reason, family), "{refused}");
        }
    }
}
