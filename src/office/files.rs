//! Files that people carry: read whole and within bounds, written whole.
//!
//! In scope: their bytes, and what kind a text says it is. Out of scope: what they say. Invariant: the old file
//! stands until the new one is whole.

use std::path::Path;

use bytes::Bytes;

use crate::client::armour;
use crate::client::error::{ClientError, Family, Side};
use crate::client::files::{self, FileError};
use crate::client::reason::Here;

pub use crate::client::armour::Kind;

/// The most bytes of a text that somebody carries.
pub const TEXT_BYTES: u64 = armour::FILE_BYTES as u64;

/// What kind of file a text says it is.
#[must_use]
pub fn kind(text: &str) -> Option<Kind> {
    armour::kind(text)
}

/// Reads a text that somebody carries.
///
/// # Errors
/// It cannot be read, is too large, or no text.
pub fn read_text(path: &Path) -> Result<String, ClientError> {
    let bytes = files::read(path, TEXT_BYTES).map_err(cannot_use)?;
    String::from_utf8(bytes).map_err(|_| unusable(path, &"it is no text (UTF-8)"))
}

/// Reads a file of at most so many bytes.
///
/// # Errors
/// It cannot be read, or is too large.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ClientError> {
    files::read(path, limit).map_err(cannot_use)
}

/// Reads a file if it fits into what is left of some bytes, which then are fewer.
///
/// # Errors
/// It cannot be read; `None` if it does not fit.
pub fn read_into(path: &Path, left: &mut u64) -> Result<Option<Bytes>, ClientError> {
    match files::read(path, *left) {
        Ok(bytes) => {
            *left -= bytes.len() as u64;
            Ok(Some(bytes.into()))
        }
        Err(FileError::TooLarge { .. }) => Ok(None),
        Err(why) => Err(cannot_use(why)),
    }
}

/// Writes a file: the old one stands until the new one is whole.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, text: &str) -> Result<(), ClientError> {
    files::write_out(path, text.as_bytes()).map_err(cannot_use)
}

/// Makes a folder that only its user can enter, if it is not there.
///
/// # Errors
/// It cannot be made.
pub fn private_folder(path: &Path) -> Result<(), ClientError> {
    files::private_folder(path).map_err(cannot_use)
}

/// A file that was named cannot be read or written.
#[must_use]
pub fn cannot_use(why: FileError) -> ClientError {
    match (ClientError::from(&why), why) {
        (error, FileError::Io { path, source, .. }) if !error.is_of_writing() => {
            unusable(&path, &source)
        }
        (error, _) => error,
    }
}

/// A file that was named cannot be used.
#[must_use]
pub fn unusable(path: &Path, why: &dyn std::fmt::Display) -> ClientError {
    let sentence = format!("{} cannot be used: {why}", path.display());
    ClientError::new(Side::Ours, Family::Usage, Here::File, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::mend::Mend;

    #[test]
    fn a_file_that_was_named_and_cannot_be_used_is_the_users_to_mend() {
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join("absent");
        let why = read_text(&absent).unwrap_err();
        assert_eq!((&why.reason, why.family), (&Here::File.into(), Family::Usage));
        assert!(why.sentence.starts_with(&format!("{} cannot be used: ", absent.display())));
        let binary = folder.path().join("binary");
        std::fs::write(&binary, [0xff, 0xfe]).unwrap();
        assert!(read_text(&binary).unwrap_err().sentence.ends_with("it is no text (UTF-8)"));
        let large = folder.path().join("large");
        std::fs::File::create(&large).unwrap().set_len(TEXT_BYTES + 1).unwrap();
        assert_eq!(read_text(&large).unwrap_err().side, Side::Ours);
        assert!(read(&large, TEXT_BYTES + 1).is_ok());
        assert!(read(&large, TEXT_BYTES).is_err());
        // A folder is none.
        assert_eq!(write(folder.path(), "text").unwrap_err().side, Side::Ours);
    }

    #[test]
    fn what_the_disk_does_not_let_be_written_is_said_as_of_every_file_of_a_home() {
        use std::io::ErrorKind;

        let path = Path::new("fr.roster");
        let of =
            |kind: ErrorKind| cannot_use(FileError::io("write", path)(std::io::Error::from(kind)));
        for (kind, reason, family) in [
            (ErrorKind::StorageFull, Here::DiskFull, Family::Unexpected),
            (ErrorKind::QuotaExceeded, Here::DiskFull, Family::Unexpected),
            (ErrorKind::ReadOnlyFilesystem, Here::ReadOnly, Family::Unexpected),
            (ErrorKind::PermissionDenied, Here::NotYours, Family::Unexpected),
            (ErrorKind::NotFound, Here::File, Family::Usage),
            (ErrorKind::IsADirectory, Here::File, Family::Usage),
        ] {
            let why = of(kind);
            assert_eq!((&why.reason, why.family), (&reason.into(), family), "{kind}");
            assert!(why.sentence.contains("fr.roster"), "{why}");
        }
        assert!(matches!(of(ErrorKind::StorageFull).mend.as_deref(), Some(Mend::MakeRoom(_))));
        // What is no fault of a disk stays what it is.
        let large = FileError::TooLarge { path: path.to_owned(), limit: 1, found: 2 };
        assert_eq!(cannot_use(large).reason, Here::FileTooLarge);
        let held = FileError::Held { path: path.to_owned(), by: None };
        assert_eq!(cannot_use(held).mend.as_deref(), Some(&Mend::AgainWhenFree));
        let damaged = FileError::Damaged(path.to_owned());
        assert_eq!(cannot_use(damaged).reason, Here::Damaged);
    }

    #[test]
    fn what_fits_is_taken_off_what_is_left_and_what_does_not_leaves_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ten");
        std::fs::write(&path, [7; 10]).unwrap();
        let mut left = 25;
        assert_eq!(read_into(&path, &mut left).unwrap().unwrap(), [7; 10][..]);
        assert_eq!(left, 15);
        left = 10;
        assert!(read_into(&path, &mut left).unwrap().is_some());
        assert_eq!(left, 0);
        left = 9;
        assert_eq!(read_into(&path, &mut left), Ok(None));
        assert_eq!(left, 9);
        assert!(read_into(&folder.path().join("absent"), &mut left).is_err());
    }

    #[test]
    fn what_is_written_is_read_again_and_a_folder_is_its_users_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        write(&path, "one").unwrap();
        write(&path, "two").unwrap();
        assert_eq!(read_text(&path).unwrap(), "two");
        let inner = folder.path().join("a/b");
        private_folder(&inner).unwrap();
        private_folder(&inner).unwrap();
        assert!(inner.is_dir());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&inner).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{mode:o}");
        }
    }

    #[test]
    fn a_text_says_what_kind_of_file_it_is() {
        for kind in Kind::ALL {
            let text = armour::write(kind, &crate::wire::v1::Bundle::default());
            assert_eq!(self::kind(&text), Some(kind));
        }
        assert_eq!(kind("no file"), None);
    }
}
