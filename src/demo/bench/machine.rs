//! What the machine does without a service: its disk, its cores.
//!
//! In scope: synced appends, how busy the cores were and with whom, how much a directory holds.
//! Out of scope: the network. Invariant: what a system does not tell is none, not zero.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Instant;

use super::drive::repeat;

/// Appends of `bytes`, each followed by `fdatasync`: how many a second.
pub(super) fn synced_appends(dir: &Path, bytes: usize, seconds: f64) -> anyhow::Result<f64> {
    let path = dir.join("append");
    let (mut file, block) = (File::create(&path)?, vec![0x5a; bytes.max(1)]);
    let rate = repeat(seconds, || {
        file.write_all(&block)?;
        Ok(file.sync_data()?)
    });
    fs::remove_file(path)?;
    rate
}

/// What the files of a directory take on the disk, blocks counted whole where the system says.
pub(super) fn size_of(dir: &Path) -> io::Result<u64> {
    let mut size = 0;
    if !dir.is_dir() {
        return Ok(size);
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        size += if metadata.is_dir() { size_of(&entry.path())? } else { on_disk(&metadata) };
    }
    Ok(size)
}

#[cfg(unix)]
fn on_disk(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(metadata) * 512
}

#[cfg(not(unix))]
fn on_disk(metadata: &fs::Metadata) -> u64 {
    metadata.len()
}

/// How many cores were busy: with this process, and with all others.
#[derive(Clone, Copy)]
pub(super) struct Busy {
    since: Instant,
    pub(super) own: f64,
    pub(super) others: f64,
}

impl Busy {
    /// Starts counting, where the system tells (Linux).
    pub(super) fn begin() -> Option<Self> {
        let (own, all) = ticks()?;
        Some(Self { since: Instant::now(), own, others: all - own })
    }

    /// Cores since [`Busy::begin`].
    pub(super) fn end(self) -> Option<Self> {
        let (own, all) = ticks()?;
        let passed = self.since.elapsed().as_secs_f64() * TICKS;
        let others = (all - own - self.others).max(0.0) / passed;
        Some(Self { own: (own - self.own) / passed, others, ..self })
    }
}

/// proc(5): fields 14 and 15 of `/proc/self/stat`; `user nice system idle iowait irq softirq` of
/// the first line of `/proc/stat`.
fn ticks() -> Option<(f64, f64)> {
    let own = fs::read_to_string("/proc/self/stat").ok()?;
    let own: f64 = own.rsplit_once(')')?.1.split_whitespace().skip(11).take(2).sum_ticks()?;
    let all = fs::read_to_string("/proc/stat").ok()?;
    let mut fields = all.lines().next()?.split_whitespace().skip(1);
    let busy = fields.by_ref().take(3).sum_ticks()?;
    let interrupts = fields.skip(2).take(2).sum_ticks()?;
    Some((own, busy + interrupts))
}

trait SumTicks {
    fn sum_ticks(self) -> Option<f64>;
}

impl<'a, I: Iterator<Item = &'a str>> SumTicks for I {
    fn sum_ticks(self) -> Option<f64> {
        self.map(|field| field.parse::<f64>().ok()).sum()
    }
}

/// A second has so many, whatever the kernel's own.
const TICKS: f64 = 100.0;
