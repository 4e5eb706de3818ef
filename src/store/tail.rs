//! The end of sled's log, kept aside while sled opens its file.
//!
//! sled takes a read that fails as it opens for the end of its log, and writes zeros over what follows.
//! What was read of the log before (`sled_file`) is therefore written to `snap.*`, as sled itself does:
//! what stands there it does not read again, but for the segment in which the log ends. That is kept
//! aside, and put back if it is another one afterwards.
//!
//! In scope: the snapshot, the file `tail`. Out of scope: opening. Invariants: what is put back is what
//! stood there before sled opened; nothing is committed while `tail` is there; a cut leaves no file that
//! could be taken for a whole one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::disk::{self, Disk, whole};

use super::StoreError;
use super::check::Damage;
use super::lock;
use super::sled_file::{self, FILE, Files, Recovered, SEGMENT_BYTES};

/// What stood in `db` from `at` on.
pub(super) struct Tail {
    dir: PathBuf,
    at: u64,
    bytes: Vec<u8>,
}

impl Tail {
    /// Writes to `snap.*` what the log says, and keeps its end aside. Where the disk has no room, it is
    /// kept in memory alone; where there is no log, nothing is to be kept.
    ///
    /// # Errors
    /// sled would lose something of its files; the disk.
    pub(super) fn keep(dir: &Path, disk: &dyn Disk) -> Result<Option<Self>, StoreError> {
        let io = |why: io::Error| lock::unusable(dir, &why);
        let path = dir.join(FILE);
        if !path.metadata().is_ok_and(|db| db.len() > 0) {
            return Ok(None);
        }
        put_back(dir, disk)?;
        let files = Files::open(dir, SEGMENT_BYTES as u64).map_err(io)?;
        let recovered = files.recover().map_err(damaged)?;
        if !recovered.damage.is_empty() {
            let found = recovered.damage.iter().map(ToString::to_string);
            return Err(StoreError::Damaged(Damage::of(found.collect())));
        }
        let tail = match recovered.tail() {
            Some((at, length)) => {
                let mut bytes = vec![0; length as usize];
                File::open(&path).and_then(|db| db.read_exact_at(&mut bytes, at)).map_err(io)?;
                Some(Self { dir: dir.to_owned(), at, bytes })
            }
            None => None,
        };
        let written = write_snapshot(dir, &recovered, disk);
        match written.and_then(|()| tail.as_ref().map_or(Ok(()), |tail| tail.write(disk))) {
            Err(why) if disk::is_full(&why) => {
                tracing::warn!("too little room to keep the end of the store's log aside");
            }
            written => written.map_err(io)?,
        }
        Ok(tail)
    }

    /// Opens with a way back: if the end of the log is another one then, it is put back, and opened again.
    ///
    /// # Errors
    /// As `open`, or it is another one each time.
    pub(super) fn opened<T>(
        &self,
        disk: &dyn Disk,
        mut open: impl FnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let io = |why: io::Error| lock::unusable(&self.dir, &why);
        for _ in 0..ATTEMPTS {
            let opened = open();
            if self.stands().map_err(io)? {
                return opened;
            }
            drop(opened);
            tracing::warn!("sled read another end of its log than stands in its file: once more");
            self.put_back(disk).map_err(io)?;
        }
        Err(StoreError::Open(
            "sled reads another end of its log than stands in its file: nothing was changed; look \
             whether the disk has errors, and start again"
                .to_owned(),
        ))
    }

    /// The file is not needed any more. Whoever commits has synced the directory before.
    pub(super) fn forget(self) -> Result<(), StoreError> {
        removed(&self.dir.join(ASIDE)).map_err(|why| lock::unusable(&self.dir, &why))
    }

    fn stands(&self) -> io::Result<bool> {
        let mut there = vec![0; self.bytes.len()];
        match File::open(self.dir.join(FILE))?.read_exact_at(&mut there, self.at) {
            Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            read => read.map(|()| there == self.bytes),
        }
    }

    /// Whether nothing stands there but what stood there, and zeros: else it is the end of another file, as
    /// a backup that was put in its place.
    fn was_zeroed(&self) -> io::Result<bool> {
        let db = File::open(self.dir.join(FILE))?;
        let mut there = vec![0; self.bytes.len()];
        let length = usize::try_from(db.metadata()?.len().saturating_sub(self.at));
        let length = length.unwrap_or(usize::MAX).min(there.len());
        db.read_exact_at(&mut there[..length], self.at)?;
        Ok(there.iter().zip(&self.bytes).all(|(there, byte)| *there == *byte || *there == 0))
    }

    fn put_back(&self, disk: &dyn Disk) -> io::Result<()> {
        let db = OpenOptions::new().write(true).open(self.dir.join(FILE))?;
        db.write_all_at(&self.bytes, self.at)?;
        disk.sync(&db)
    }

    /// Where it stood, its bytes, and a sum of both.
    fn write(&self, disk: &dyn Disk) -> io::Result<()> {
        let all = [&self.at.to_be_bytes(), &self.bytes[..]].concat();
        let sum = crc32fast::hash(&all).to_be_bytes();
        write(&self.dir, ASIDE, ".new", &[&all[..], &sum].concat(), disk)
    }

    fn read(dir: &Path) -> io::Result<Option<Self>> {
        let all = match fs::read(dir.join(ASIDE)) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            all => all?,
        };
        let whole = all
            .split_last_chunk()
            .filter(|(all, sum)| u32::from_be_bytes(**sum) == crc32fast::hash(all));
        let whole = whole.and_then(|(all, _)| all.split_first_chunk());
        Ok(whole.map(|(at, bytes)| {
            let (at, bytes) = (u64::from_be_bytes(*at), bytes.to_vec());
            Self { dir: dir.to_owned(), at, bytes }
        }))
    }
}

/// Puts back what a cut left aside while sled opened.
///
/// # Errors
/// The disk.
pub(super) fn put_back(dir: &Path, disk: &dyn Disk) -> Result<(), StoreError> {
    let io = |why: io::Error| lock::unusable(dir, &why);
    match Tail::read(dir).map_err(io)? {
        Some(tail) if !tail.stands().map_err(io)? && tail.was_zeroed().map_err(io)? => {
            tracing::warn!(dir = %dir.display(), "putting back what a start left aside");
            tail.put_back(disk).map_err(io)
        }
        _ => Ok(()),
    }
}

/// What it says of the log is durable before it is.
fn write_snapshot(dir: &Path, recovered: &Recovered<'_>, disk: &dyn Disk) -> io::Result<()> {
    let Some((name, bytes)) = recovered.snapshot() else { return Ok(()) };
    disk::sync_path(disk, &dir.join(FILE))?;
    write(dir, &name, ".generating", &bytes, disk)?;
    for entry in fs::read_dir(dir)? {
        let other = entry?.file_name();
        if other.to_string_lossy().starts_with("snap.") && other != name.as_str() {
            fs::remove_file(dir.join(other))?;
        }
    }
    Ok(())
}

/// Writes a file that has its name only once it is whole and durable.
fn write(
    dir: &Path,
    name: &str,
    unfinished: &str,
    bytes: &[u8],
    disk: &dyn Disk,
) -> io::Result<()> {
    let fresh = dir.join(format!("{name}{unfinished}"));
    let written = File::create(&fresh)
        .and_then(|file| whole::put(disk, file, &fresh, &dir.join(name), bytes));
    if written.is_err() {
        removed(&fresh)?;
    }
    written
}

fn removed(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

/// The file beside `db`, and what it is before it is whole.
pub(super) const ASIDE: &str = "tail";
pub(super) const UNFINISHED: &str = "tail.new";
/// A disk that fails to read as often has failed for the look before, too.
const ATTEMPTS: u32 = 3;

/// What is wrong with sled's files, as the store says it.
pub(super) fn damaged(why: sled_file::Damage) -> StoreError {
    match why {
        sled_file::Damage::Io(why) => StoreError::Open(disk::in_words(&why)),
        why => StoreError::Corrupt(why.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use bytes::Bytes;
    use tempfile::TempDir;

    use super::super::sled::Sled;
    use super::super::{Engine, Site, Write, check};
    use super::*;
    use crate::disk::Fdatasync;
    use crate::disk::whole::tests::{Asked, in_order};

    /// As a kill leaves it: sled was not closed, so that its snapshot is of the start before.
    async fn killed() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        let place = Site::new(Engine::Sled, dir.path().join("running"));
        let store = place.create("test", 1).await.unwrap();
        for number in 0..30 {
            let value = Bytes::from(vec![number; 300 << 10]);
            let put = [(vec![number], value)];
            store.commit(Write::new([], put, []).unwrap().into()).await.unwrap();
        }
        let killed = tempfile::tempdir().unwrap();
        fs::create_dir(killed.path().join("blobs")).unwrap();
        for entry in fs::read_dir(place.path()).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), killed.path().join(entry.file_name())).unwrap();
            }
        }
        killed
    }

    fn bytes(dir: &TempDir) -> Vec<u8> {
        fs::read(dir.path().join(FILE)).unwrap()
    }

    fn names(dir: &TempDir) -> Vec<String> {
        let listed = dir.path().read_dir().unwrap();
        let mut names: Vec<_> =
            listed.map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// What sled does where it cannot read the segment in which its log ends.
    fn zeroed(dir: &TempDir, at: u64) {
        let db = OpenOptions::new().write(true).open(dir.path().join(FILE)).unwrap();
        db.write_all_at(&vec![0; SEGMENT_BYTES], at).unwrap();
    }

    async fn is_whole(dir: &TempDir) {
        let looked = Site::new(Engine::Sled, dir.path()).look("test", |_| ()).await.unwrap();
        assert_eq!(check::whole(looked.store.as_ref(), |_| ()).await.unwrap().values, 31);
        drop(looked);
        let store = Sled::open(dir.path(), &(Arc::new(Fdatasync) as Arc<dyn Disk>)).unwrap();
        assert_eq!(check::whole(&store, |_| ()).await.unwrap().values, 31);
        assert!(!names(dir).contains(&ASIDE.to_owned()), "{:?}", names(dir));
    }

    #[tokio::test]
    async fn what_sled_writes_over_as_it_opens_is_put_back() {
        let dir = killed().await;
        let tail = Tail::keep(dir.path(), &Fdatasync).unwrap().unwrap();
        assert!(tail.at > 0 && tail.bytes.len() > 1 << 10, "{} {}", tail.at, tail.bytes.len());
        let (was, mut opened) = (bytes(&dir), 0);
        let done = tail.opened(&Fdatasync, || {
            opened += 1;
            if opened == 1 {
                zeroed(&dir, tail.at);
            }
            Ok(opened)
        });
        assert_eq!(done, Ok(2), "what was opened first is not used");
        assert!(bytes(&dir)[..was.len()] == was);
        let done = tail.opened(&Fdatasync, || {
            zeroed(&dir, tail.at);
            Err::<(), _>(StoreError::Open("it does not open".to_owned()))
        });
        let why = done.unwrap_err().to_string();
        assert!(why.contains("nothing was changed"), "{why}");
        assert!(bytes(&dir)[..was.len()] == was);
        is_whole(&dir).await;
    }

    #[tokio::test]
    async fn what_a_kill_leaves_while_sled_opens_is_put_back_by_the_next_start() {
        let dir = killed().await;
        let tail = Tail::keep(dir.path(), &Fdatasync).unwrap().unwrap();
        zeroed(&dir, tail.at);
        is_whole(&dir).await;
        // A file that is not whole is none.
        fs::write(dir.path().join(ASIDE), [7; 100]).unwrap();
        is_whole(&dir).await;
        // Nor is one of another store: a backup was put in its place.
        let tail = Tail::keep(dir.path(), &Fdatasync).unwrap().unwrap();
        let other = Tail { bytes: tail.bytes.iter().map(|byte| !byte).collect(), ..tail };
        other.write(&Fdatasync).unwrap();
        let was = bytes(&dir);
        put_back(dir.path(), &Fdatasync).unwrap();
        assert!(bytes(&dir) == was, "it is not written over");
        is_whole(&dir).await;
    }

    #[test]
    fn what_is_kept_aside_is_durable_and_then_its_name_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(ASIDE);
        let disk = Asked::about(&path);
        let tail = Tail { dir: dir.path().to_owned(), at: 0, bytes: vec![7; 100] };
        tail.write(&disk).unwrap();
        assert_eq!(disk.asked(), in_order(None, &fs::read(&path).unwrap()));
        assert_eq!(names(&dir), [ASIDE]);
    }

    /// Behind the snapshot sled reads one segment again.
    #[tokio::test]
    async fn sled_reads_nothing_again_but_the_end_of_its_log() {
        let dir = killed().await;
        let snaps = || {
            let mut names = names(&dir);
            names.retain(|name| name.starts_with("snap."));
            names
        };
        let before = snaps();
        let tail = Tail::keep(dir.path(), &Fdatasync).unwrap().unwrap();
        let kept = snaps();
        assert!(kept.len() == 1 && kept != before, "{before:?} {kept:?}");
        drop(super::super::sled::open_sled(dir.path()).unwrap());
        assert_eq!(snaps(), kept, "sled has nothing to add");
        tail.forget().unwrap();
        is_whole(&dir).await;
    }

    /// A disk that is full after so many syncs.
    #[derive(Debug)]
    struct Full(AtomicI64);

    impl Disk for Full {
        fn sync(&self, file: &File) -> io::Result<()> {
            match self.0.fetch_sub(1, Ordering::SeqCst) {
                1.. => Fdatasync.sync(file),
                _ => Err(io::Error::from_raw_os_error(28)),
            }
        }
    }

    #[tokio::test]
    async fn a_full_disk_keeps_nobody_from_opening_and_leaves_nothing_half_written() {
        for syncs in 0..5 {
            let dir = killed().await;
            let tail = Tail::keep(dir.path(), &Full(AtomicI64::new(syncs))).unwrap();
            assert!(tail.is_some(), "in memory");
            for name in names(&dir) {
                let unfinished = name.ends_with(".new") || name.ends_with(".generating");
                assert!(!unfinished, "{syncs}: {name}");
            }
            is_whole(&dir).await;
        }
    }
}
