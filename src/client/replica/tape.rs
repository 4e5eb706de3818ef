//! Append-only files of records, each behind its length.
//!
//! In scope: reading, appending, what a crash leaves. Out of scope: what the records say.
//! Invariants: a record that was cut short is not there; what was appended is on the disk when
//! [`append`] returns; appending first cuts what no reader would see.

use std::fs::File;
use std::io::{self, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::client::files::{self, FileError};

/// The whole records of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tape {
    /// Records, in order.
    pub records: Vec<Bytes>,
    /// Up to where the file holds whole records. What stands behind is a torn tail.
    pub length: u64,
}

/// Reads a file; none is an empty one.
///
/// # Errors
/// What the system said.
pub fn read(path: &Path) -> Result<Tape, FileError> {
    let (mut tape, mut reader) = (Tape::default(), Reader::open(path, 0)?);
    while let Some(record) = reader.next_record()? {
        tape.records.push(record);
    }
    tape.length = reader.at();
    Ok(tape)
}

/// A file, read record by record.
#[derive(Debug)]
pub struct Reader {
    file: Option<BufReader<File>>,
    path: PathBuf,
    at: u64,
    spoilt: bool,
}

impl Reader {
    /// Reads on from a place where a record begins; no file is an empty one.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(path: &Path, at: u64) -> Result<Self, FileError> {
        let opened = File::open(path).and_then(|mut file| {
            file.seek(SeekFrom::Start(at))?;
            Ok(BufReader::with_capacity(1 << 16, file))
        });
        let file = match opened {
            Ok(file) => Some(file),
            Err(why) if why.kind() == io::ErrorKind::NotFound => None,
            Err(why) => return Err(FileError::io("read", path)(why)),
        };
        Ok(Self { file, path: path.to_owned(), at, spoilt: false })
    }

    /// The next whole record. Behind the last one nothing is read any more.
    ///
    /// # Errors
    /// What the system said.
    pub fn next_record(&mut self) -> Result<Option<Bytes>, FileError> {
        let Some(file) = &mut self.file else { return Ok(None) };
        match read_record(file) {
            Ok(record) => {
                self.at += 4 + record.len() as u64;
                Ok(Some(record))
            }
            Err(why) if is_torn(&why) => {
                (self.file, self.spoilt) = (None, why.kind() == io::ErrorKind::InvalidData);
                Ok(None)
            }
            Err(why) => Err(FileError::io("read", &self.path)(why)),
        }
    }

    /// The next whole records, at most so many.
    ///
    /// # Errors
    /// As [`Reader::next_record`].
    pub fn next_page(&mut self, limit: u64) -> Result<Vec<Bytes>, FileError> {
        let mut page = Vec::new();
        while (page.len() as u64) < limit
            && let Some(record) = self.next_record()?
        {
            page.push(record);
        }
        Ok(page)
    }

    /// Whether it ended before a length that no record has: nothing was cut short there.
    #[must_use]
    pub const fn is_spoilt(&self) -> bool {
        self.spoilt
    }

    /// Up to where whole records were read.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }
}

fn read_record(file: &mut impl io::Read) -> io::Result<Bytes> {
    let mut length = [0; 4];
    file.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_RECORD {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut record = vec![0; length];
    file.read_exact(&mut record)?;
    Ok(record.into())
}

fn is_torn(why: &io::Error) -> bool {
    matches!(why.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData)
}

/// Puts a file of these records in the place of another.
///
/// # Errors
/// What the system said; then the old one stands.
pub fn write(path: &Path, records: &[Bytes]) -> Result<(), FileError> {
    files::replace(path, &encode(records))
}

/// Appends records behind the first `length` bytes, which hold whole records; cuts what stands
/// behind them. Gives the new length.
///
/// # Errors
/// What the system said; then the file holds whole records and perhaps a torn tail.
pub fn append(path: &Path, length: u64, records: &[Bytes]) -> Result<u64, FileError> {
    let bytes = encode(records);
    files::append(path, length, &bytes)?;
    Ok(length + bytes.len() as u64)
}

fn encode(records: &[Bytes]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        bytes.extend_from_slice(&u32::try_from(record.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(record);
    }
    bytes
}

/// An entry has at most 64 KiB, a facet 16 KiB.
const MAX_RECORD: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_torn_at_any_byte_is_cut_and_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape");
        let records: Vec<Bytes> = (1u8..4).map(|n| Bytes::from(vec![n; 10])).collect();
        append(&path, 0, &records).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for end in 0..whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            let tape = read(&path).unwrap();
            let kept = end / 14;
            assert_eq!(tape.records, records[..kept], "cut at {end}");
            append(&path, tape.length, &records[kept..]).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), whole, "cut at {end}");
        }
    }
}
