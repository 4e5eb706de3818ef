//! redb's file, only read: what redb writes while it opens, repairs and closes stays in memory.
//!
//! In scope: looking at a store without changing it. Out of scope: who may. Invariant: the file is
//! opened for reading alone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::StoreError;
use super::lock::cannot_open;

/// The file, and what was written over it.
#[derive(Debug)]
pub(super) struct Overlay {
    file: FileBackend,
    over: Mutex<Over>,
}

#[derive(Debug)]
struct Over {
    /// How long it is by now.
    len: u64,
    /// How much of the file still counts: it may have been cut.
    kept: u64,
    /// What was written, by number of its block.
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl Overlay {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(|why| cannot_open(path, &why))?;
        let file = FileBackend::new(file).map_err(|why| cannot_open(path, &why))?;
        let len = file.len().map_err(|why| cannot_open(path, &why))?;
        let over = Over { len, kept: len, blocks: BTreeMap::new() };
        Ok(Self { file, over: Mutex::new(over) })
    }

    fn over(&self) -> MutexGuard<'_, Over> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the file still has at an offset, and zeros behind it.
    fn below(&self, kept: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = kept.saturating_sub(offset).min(out.len() as u64) as usize;
        let (there, beyond) = out.split_at_mut(there);
        beyond.fill(0);
        if there.is_empty() { Ok(()) } else { self.file.read(offset, there) }
    }
}

/// The blocks that a range touches: each with where it begins there, and where in itself.
fn touched(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, usize, usize)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let (block, within) = (at / BLOCK, (at % BLOCK) as usize);
        let part = (BLOCK as usize - within).min(length - done);
        let touched = (block, done, within, part);
        done += part;
        (part > 0).then_some(touched)
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.over().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let over = self.over();
        if offset + out.len() as u64 > over.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.below(over.kept, offset, out)?;
        for (block, at, within, part) in touched(offset, out.len()) {
            if let Some(block) = over.blocks.get(&block) {
                out[at..at + part].copy_from_slice(&block[within..within + part]);
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut over = self.over();
        let end = len.div_ceil(BLOCK);
        over.blocks.split_off(&end);
        if !len.is_multiple_of(BLOCK)
            && let Some(block) = over.blocks.get_mut(&(end - 1))
        {
            block[(len % BLOCK) as usize..].fill(0);
        }
        (over.len, over.kept) = (len, over.kept.min(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut over = self.over();
        for (number, at, within, part) in touched(offset, data.len()) {
            let mut block = match over.blocks.remove(&number) {
                Some(block) => block,
                None => {
                    let mut block = vec![0; BLOCK as usize];
                    self.below(over.kept, number * BLOCK, &mut block)?;
                    block
                }
            };
            block[within..within + part].copy_from_slice(&data[at..at + part]);
            over.blocks.insert(number, block);
        }
        over.len = over.len.max(offset + data.len() as u64);
        Ok(())
    }
}

const BLOCK: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a file that is really written, at every edge.
    #[test]
    fn it_reads_as_a_file_that_is_written_and_the_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let before: Vec<u8> = (0..10_000u32).map(|at| at as u8 | 1).collect();
        std::fs::write(&path, &before).unwrap();
        let (overlay, mut model) = (Overlay::open(&path).unwrap(), before.clone());
        let agree = |model: &[u8]| {
            assert_eq!(overlay.len().unwrap(), model.len() as u64);
            let mut all = vec![7; model.len()];
            overlay.read(0, &mut all).unwrap();
            assert!(all == model);
            assert!(overlay.read(model.len() as u64, &mut [0]).is_err());
        };
        agree(&model);
        for (at, length) in [(0, 1), (4_090, 12), (8_192, 4_096), (9_990, 10), (100, 9_000)] {
            overlay.write(at as u64, &vec![0; length]).unwrap();
            model.resize(model.len().max(at + length), 0);
            model[at..at + length].fill(0);
            agree(&model);
        }
        for len in [9_000, 12_000, 4_100, 4_096, 0, 8_000] {
            overlay.set_len(len as u64).unwrap();
            model.resize(len, 0);
            agree(&model);
        }
        overlay.write(5_000, &[3; 10]).unwrap();
        model[5_000..5_010].fill(3);
        agree(&model);
        assert!(std::fs::read(&path).unwrap() == before);
    }
}
