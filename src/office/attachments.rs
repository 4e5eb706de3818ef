//! The attachments of a message, written where somebody wants them.
//!
//! In scope: names that cannot leave the folder or hide. Out of scope: what is in them. Invariants: no file is written
//! over; no foreign name chooses where a file goes.

use std::path::{Path, PathBuf};

use crate::client::files::{self, FileError};
use crate::client::message::text::visible;
use crate::signed::proto;

use super::message::Shown;

/// Why attachments are not all written.
#[derive(Debug)]
pub enum NotSaved {
    /// The folder or a file cannot be written.
    File(FileError),
    /// The folder holds so many files of this name already.
    Full(u32),
}

impl Shown {
    /// Writes all attachments to a folder, which is made if it is not there. Gives where each is.
    ///
    /// # Errors
    /// [`NotSaved`]; those before it are written.
    pub fn save(&self, folder: &Path) -> Result<Vec<PathBuf>, NotSaved> {
        save_all(folder, self.content().map_or(&[], |content| &content.attachments))
    }
}

fn save_all(folder: &Path, attachments: &[proto::Attachment]) -> Result<Vec<PathBuf>, NotSaved> {
    files::private_folder(folder).map_err(NotSaved::File)?;
    attachments.iter().map(|attachment| save_one(folder, attachment)).collect()
}

fn save_one(folder: &Path, attachment: &proto::Attachment) -> Result<PathBuf, NotSaved> {
    let name = safe_name(&attachment.name);
    for copy in 0..COPIES {
        let path = folder.join(numbered(&name, copy));
        match files::create_private(&path, &attachment.bytes) {
            Ok(()) => return Ok(path),
            Err(why) if why.is_present() => {}
            Err(why) => return Err(NotSaved::File(why)),
        }
    }
    Err(NotSaved::Full(COPIES))
}

/// The last part of a foreign name, with nothing that a shell, a file system or an eye takes for
/// something else.
fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let safe = last.chars().map(|char| {
        let odd = char.is_control()
            || r#"<>:"|?*`$&;'"#.contains(char)
            || visible(&char.to_string()).len() > char.len_utf8();
        if odd { '_' } else { char }
    });
    let safe: String = safe.take(120).collect();
    let safe = safe.trim_start_matches(['.', '-', ' ']).trim_end_matches(['.', ' ']);
    let stem = safe.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let device = matches!(stem.as_str(), "con" | "prn" | "aux" | "nul")
        || (stem.len() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")));
    match (safe.is_empty(), device) {
        (true, _) => "attachment".to_owned(),
        (false, true) => format!("_{safe}"),
        (false, false) => safe.to_owned(),
    }
}

fn numbered(name: &str, copy: u32) -> String {
    match (copy, name.rsplit_once('.')) {
        (0, _) => name.to_owned(),
        (copy, Some((stem, extension))) => format!("{stem}-{copy}.{extension}"),
        (copy, None) => format!("{name}-{copy}"),
    }
}

const COPIES: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn attachment(name: &str, bytes: &'static [u8]) -> proto::Attachment {
        let (name, bytes) = (name.to_owned(), bytes::Bytes::from_static(bytes));
        proto::Attachment { name, bytes, ..Default::default() }
    }

    #[test]
    fn an_attachment_cannot_choose_where_it_goes() {
        for (given, safe) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            (r"C:\windows\cmd.exe", "cmd.exe"),
            (".bashrc", "bashrc"),
            ("-rf", "rf"),
            ("..", "attachment"),
            ("", "attachment"),
            ("a\u{202e}fdp.exe", "a_fdp.exe"),
            ("nul.txt", "_nul.txt"),
            ("a\0b$(x).txt. ", "a_b_(x).txt"),
            ("свод.pdf", "свод.pdf"),
        ] {
            assert_eq!(safe_name(given), safe, "{given:?}");
        }
    }

    #[test]
    fn a_file_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let both = [attachment("a.txt", b"1"), attachment("a.txt", b"2")];
        let saved = save_all(folder.path(), &both).unwrap();
        let names: Vec<_> = saved.iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!(names, ["a.txt", "a-1.txt"]);
        assert_eq!(std::fs::read(&saved[0]).unwrap(), b"1");
        for copy in 2..COPIES {
            let name = format!("a-{copy}.txt");
            assert_eq!(save_all(folder.path(), &both[..1]).unwrap(), [folder.path().join(name)]);
        }
        let full = save_all(folder.path(), &both[..1]).unwrap_err();
        assert!(matches!(full, NotSaved::Full(COPIES)), "{full:?}");
    }

    #[test]
    fn a_folder_that_is_a_file_is_said_to_be_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let why = save_all(&file, &[attachment("a", b"1")]).unwrap_err();
        assert!(matches!(why, NotSaved::File(_)), "{why:?}");
    }
}
