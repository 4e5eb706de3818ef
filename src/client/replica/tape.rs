//! Append-only files of records, each behind its length.
//!
//! In scope: reading, appending, what a crash leaves. Out of scope: what the records say.
//! Invariants: a record that was cut short is not there; what was appended is on the disk when
//! [`append`] returns; appending first cuts what no reader would see.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use bytes::Bytes;

use crate::client::place::{self, FileError};

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
    let bytes = Bytes::from(place::read_if_there(path, MAX_BYTES)?.unwrap_or_default());
    let mut tape = Tape::default();
    let mut rest = bytes.clone();
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        if behind.len() < length || length > MAX_RECORD {
            break;
        }
        tape.records.push(rest.slice(4..4 + length));
        tape.length += 4 + length as u64;
        rest = rest.slice(4 + length..);
    }
    Ok(tape)
}

/// Puts a file of these records in the place of another.
///
/// # Errors
/// What the system said; then the old one stands.
pub fn write(path: &Path, records: &[Bytes]) -> Result<(), FileError> {
    place::replace(path, &encode(records))
}

/// Appends records behind the first `length` bytes, which hold whole records; cuts what stands
/// behind them. Gives the new length.
///
/// # Errors
/// What the system said; then the file holds whole records and perhaps a torn tail.
pub fn append(path: &Path, length: u64, records: &[Bytes]) -> Result<u64, FileError> {
    let bytes = encode(records);
    let mut file = place::open_to_write(path)?;
    let written = file
        .set_len(length)
        .and_then(|()| file.seek(SeekFrom::End(0)))
        .and_then(|_| file.write_all(&bytes))
        .and_then(|()| file.sync_all());
    written.map_err(FileError::io("write", path))?;
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

/// A log of a million entries of 4 KiB.
const MAX_BYTES: u64 = 4 << 30;
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
