//! The high-water file: the newest that this service has ever shown, kept outside the data directory,
//! so that an old copy of the data is noticed.
//!
//! In scope: the file and its form, and when it is written. Out of scope: what is made of it
//! (`mark`). Invariants: a checkpoint is in the file before anybody sees it; what was committed
//! besides is there within 50 ms; a file that is damaged or half written is told from one of before,
//! which has a checkpoint alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task;
use tokio::time::sleep;

use crate::crypto::hash::Digest;
use crate::disk::{self, Disk, Fdatasync, whole};
use crate::domain::ids::ContactId;
use crate::domain::state::Mailbox;
use crate::store::End;
use crate::tlog::checkpoint::Checkpoint;
use crate::tlog::note::SignedNote;

use super::telemetry::{Event, Telemetry};

/// Where a service stood: the end of its store, and every mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// Of the store.
    pub end: End,
    /// The mailboxes of all contacts that have one.
    pub mailboxes: BTreeMap<ContactId, Mailbox>,
}

/// What a service has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The newest checkpoint, a signed note.
    pub checkpoint: Bytes,
    /// Where it stood; nothing in a file of before.
    pub mark: Option<Mark>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It is not there.
    #[error("it is missing: put it back; {ANEW}")]
    Missing,
    /// It is not what was written.
    #[error("it is damaged: put a whole one back; {ANEW}")]
    Damaged,
    /// Its checkpoint is not one of this log.
    #[error("{0}; put the right one back, or move it away: then, {ANEW}")]
    Checkpoint(String),
    /// It cannot be read or written.
    #[error("{}", in_words(.0))]
    Io(#[from] io::Error),
}

/// The deliberate way on.
const ANEW: &str = "if you are sure that the data is the newest there is, liaisond store mark writes \
                    the file anew from the data";

fn in_words(why: &io::Error) -> String {
    let mend = match why.kind() {
        io::ErrorKind::PermissionDenied => {
            ": it, or its folder, is another user's: give it to the one who runs liaisond (chown)"
        }
        _ => "",
    };
    disk::in_words(why) + mend
}

impl Shown {
    /// What the file at `path` says.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn read(path: &Path) -> Result<Self, Unusable> {
        match fs::read(path) {
            Ok(bytes) => Self::decode(&bytes).ok_or(Unusable::Damaged),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Err(Unusable::Missing),
            Err(why) => Err(why.into()),
        }
    }

    /// How many entries its checkpoint counts, whoever signed it.
    #[must_use]
    pub fn entries(&self) -> Option<u64> {
        let note = SignedNote::parse(&self.checkpoint).ok()?;
        Some(Checkpoint::parse(note.text()).ok()?.size)
    }

    /// A line with the number of the form, the mark, an empty line, the checkpoint, and a digest of
    /// all that.
    fn encode(&self) -> Vec<u8> {
        let Mark { end, mailboxes } = self.mark.clone().unwrap_or_default();
        let mut text = format!("{FORM}commits {}\nvalues {}\n", end.commits, end.values);
        let mut line = |args: std::fmt::Arguments<'_>| text.write_fmt(args).unwrap_or_default();
        line(format_args!("sum {}\n", end.sum));
        for (contact, Mailbox { epoch, count, chain }) in &mailboxes {
            line(format_args!("mailbox {contact} {epoch} {count} {chain}\n"));
        }
        let all = [text.as_bytes(), b"\n", &self.checkpoint].concat();
        let digest = format!("digest {}\n", digest(&all));
        [all, digest.into_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (all, line) = bytes.split_at(bytes.len().saturating_sub(DIGEST_LINE));
        let Some(rest) = bytes.strip_prefix(FORM.as_bytes()) else {
            // Of before: whether it is a checkpoint its signature says.
            let of_this_form = FORM.as_bytes().starts_with(bytes)
                || bytes.starts_with(b"liaison ")
                || line.starts_with(b"digest ");
            let checkpoint = Bytes::copy_from_slice(bytes);
            return (!of_this_form).then_some(Self { checkpoint, mark: None });
        };
        if line != format!("digest {}\n", digest(all)).as_bytes() {
            return None;
        }
        let body = std::str::from_utf8(rest.get(..rest.len() - DIGEST_LINE)?).ok()?;
        let (mark, checkpoint) = body.split_once("\n\n")?;
        let checkpoint = Bytes::copy_from_slice(checkpoint.as_bytes());
        Some(Self { checkpoint, mark: Some(Mark::decode(mark)?) })
    }
}

impl Mark {
    fn decode(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut number = |name: &str| lines.next()?.strip_prefix(name)?.parse().ok();
        let (commits, values) = (number("commits ")?, number("values ")?);
        let sum = hash(lines.next()?.strip_prefix("sum ")?)?;
        let mailboxes = lines.map(|line| {
            let mut words = line.strip_prefix("mailbox ")?.split(' ');
            let contact = words.next()?.parse().ok()?;
            let (epoch, count) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            Some((contact, Mailbox { epoch, count, chain: hash(words.next()?)? }))
        });
        let mailboxes = mailboxes.collect::<Option<_>>()?;
        Some(Self { end: End { commits, values, sum }, mailboxes })
    }
}

fn hash(text: &str) -> Option<Digest> {
    Digest::try_from(&hex::decode(text).ok()?[..]).ok()
}

fn digest(all: &[u8]) -> Digest {
    Digest::of_parts(&[b"liaison/high-water/v2\0", all])
}

/// The first line: a file of before begins with the directory's name.
const FORM: &str = "liaison high-water 2\n";
/// How long the last line is.
const DIGEST_LINE: usize = "digest ".len() + 64 + 1;

/// The file of a service that runs.
#[derive(Debug)]
pub(super) struct HighWater {
    path: PathBuf,
    disk: Arc<dyn Disk>,
    shown: Mutex<Shown>,
    /// What was noted is not in the file yet.
    noted: Notify,
    /// What the file holds, once this service has written it; held while it does.
    written: Mutex<Option<Shown>>,
}

impl HighWater {
    /// Nothing is written yet.
    pub(super) fn at(path: &Path, shown: Shown) -> Self {
        Self::on(Arc::new(Fdatasync), path, shown)
    }

    fn on(disk: Arc<dyn Disk>, path: &Path, shown: Shown) -> Self {
        let (shown, noted, written) = (Mutex::new(shown), Notify::new(), Mutex::default());
        Self { path: path.to_owned(), disk, shown, noted, written }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes down where the service stands after a commit: `changed` are the mailboxes that it moved.
    pub(super) fn note(&self, end: End, changed: impl IntoIterator<Item = (ContactId, Mailbox)>) {
        {
            let mut shown = self.shown();
            let mark = shown.mark.get_or_insert_default();
            mark.end = end;
            mark.mailboxes.extend(changed);
        }
        self.noted.notify_one();
    }

    /// Puts a newer checkpoint there, with all that is noted: written, synced, renamed, synced. On a
    /// thread of its own: requests are answered meanwhile.
    ///
    /// # Errors
    /// Any of these fails.
    pub(super) async fn raise(self: &Arc<Self>, checkpoint: &Bytes) -> io::Result<()> {
        self.shown().checkpoint = checkpoint.clone();
        self.settle().await
    }

    /// Has all that is noted in the file.
    ///
    /// # Errors
    /// As [`HighWater::raise`].
    pub(super) async fn settle(self: &Arc<Self>) -> io::Result<()> {
        let own = Arc::clone(self);
        task::spawn_blocking(move || own.write()).await?
    }

    /// Keeps what is noted in the file. What cannot be written is tried again: the service goes on.
    pub(super) async fn keep(self: Arc<Self>, telemetry: Arc<Telemetry>) {
        loop {
            while let Err(why) = self.settle().await {
                telemetry.say(&Event::HighWater(&why));
                sleep(AGAIN).await;
            }
            self.noted.notified().await;
            sleep(GATHER).await;
        }
    }

    pub(super) fn write(&self) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = self.shown().clone();
        if written.as_ref() == Some(&shown) {
            return Ok(());
        }
        fs::create_dir_all(disk::parent(&self.path))?;
        let fresh = self.path.with_extension("new");
        let file = File::create(&fresh)?;
        whole::put(self.disk.as_ref(), file, &fresh, &self.path, &shown.encode())?;
        *written = Some(shown);
        Ok(())
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is noted meanwhile is written with it; 50 ms less the time that writing takes.
const GATHER: Duration = Duration::from_millis(40);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn shown() -> Shown {
        let end = End { commits: 7, values: 3, sum: Digest::of(b"sum") };
        let mailbox = |epoch, count| Mailbox { epoch, count, chain: Digest::of(b"chain") };
        let mailboxes = [("at/cert", mailbox(1, 0)), ("fr/cert-fr", mailbox(2, 40))];
        let mailboxes = mailboxes.map(|(contact, mailbox)| (contact.parse().unwrap(), mailbox));
        let mark = Some(Mark { end, mailboxes: mailboxes.into() });
        let checkpoint = "un.example\n1\nroot\n\n\u{2014} un.example signature\n";
        Shown { checkpoint: Bytes::from_static(checkpoint.as_bytes()), mark }
    }

    #[test]
    fn what_is_written_is_read_back_and_nothing_else_is_taken_for_it() {
        let bytes = shown().encode();
        assert_eq!(Shown::decode(&bytes), Some(shown()));
        let before = Shown { mark: None, ..shown() };
        assert_eq!(Shown::decode(&shown().checkpoint), Some(before));
        for at in 0..bytes.len() {
            assert_eq!(Shown::decode(&bytes[..at]), None, "cut at {at}");
            let mut spoilt = bytes.clone();
            spoilt[at] ^= 1;
            assert_eq!(Shown::decode(&spoilt), None, "byte {at}");
        }
        for bad in [&b""[..], FORM.as_bytes(), b"liaison high-water 3\n"] {
            assert_eq!(Shown::decode(bad), None);
        }
    }

    /// A disk of which one sync fails.
    #[derive(Debug)]
    struct Asked {
        path: PathBuf,
        /// Of each: whether it was of the folder, and what the file said then.
        syncs: Mutex<Vec<(bool, Option<Shown>)>>,
        fails_at: usize,
    }

    impl Disk for Asked {
        fn sync(&self, file: &File) -> io::Result<()> {
            let mut syncs = self.syncs.lock().unwrap();
            syncs.push((file.metadata()?.is_dir(), Shown::read(&self.path).ok()));
            if syncs.len() == self.fails_at {
                return Err(io::Error::other("the disk is gone"));
            }
            Fdatasync.sync(file)
        }
    }

    /// First what it says, then that it has this name: else a power cut leaves none, or an empty one.
    #[test]
    fn file_and_folder_are_durable_before_anybody_is_told() {
        let (content, name) = ((false, None), (true, Some(shown())));
        let both = [content.clone(), name.clone()];
        for (fails_at, expected) in [
            (0, both.to_vec()),
            (1, [&[content][..], &both].concat()),
            (2, [&both[..], &[(false, Some(shown())), name]].concat()),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("high-water");
            let (syncs, at) = (Mutex::default(), path.clone());
            let disk = Arc::new(Asked { path: at, syncs, fails_at });
            let high_water = HighWater::on(Arc::<Asked>::clone(&disk), &path, shown());
            assert_eq!(high_water.write().is_err(), fails_at > 0);
            // What failed is done again, and what is there is not.
            high_water.write().unwrap();
            high_water.write().unwrap();
            assert_eq!(*disk.syncs.lock().unwrap(), expected, "{fails_at}");
        }
    }

    /// What does not fit is written beside the file.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_leaves_the_file_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let (path, fresh) = (dir.path().join("high-water"), dir.path().join("high-water.new"));
        let high_water = HighWater::at(&path, shown());
        high_water.write().unwrap();
        std::os::unix::fs::symlink("/dev/full", &fresh).unwrap();
        high_water.note(End { commits: 8, ..End::default() }, []);
        for _ in 0..2 {
            let why = high_water.write().unwrap_err();
            assert_eq!(why.kind(), io::ErrorKind::StorageFull);
            assert_eq!(Shown::read(&path).unwrap(), shown());
        }
        std::fs::remove_file(&fresh).unwrap();
        high_water.write().unwrap();
        assert_eq!(Shown::read(&path).unwrap().mark.unwrap().end.commits, 8);
    }

    /// What is noted is on file within 50 ms, and what could not be written is written again.
    #[tokio::test(start_paused = true)]
    async fn what_is_noted_is_written_soon_and_again_if_it_fails() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("folder").join("high-water");
        std::fs::write(dir.path().join("folder"), b"a file is in the way").unwrap();
        let Shown { checkpoint, .. } = shown();
        let high_water = Arc::new(HighWater::at(&path, Shown { checkpoint, mark: None }));
        let telemetry = Arc::new(Telemetry::new(crate::ambient::Ambient::system()));
        let keeping = tokio::spawn(Arc::clone(&high_water).keep(Arc::clone(&telemetry)));
        let Some(Mark { end, mailboxes }) = shown().mark else { panic!("it has one") };
        high_water.note(end, mailboxes);
        let failures = || {
            let counts = telemetry.counts().into_iter();
            counts.filter(|(kind, _)| *kind == "high_water").map(|(_, count)| count).sum::<u64>()
        };
        while failures() == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        std::fs::remove_file(dir.path().join("folder")).unwrap();
        let begun = tokio::time::Instant::now();
        while !matches!(Shown::read(&path), Ok(found) if found == shown()) {
            assert!(begun.elapsed() < 3 * AGAIN);
            sleep(Duration::from_millis(1)).await;
        }
        let end = End { commits: 8, ..end };
        high_water.note(end, []);
        let begun = tokio::time::Instant::now();
        let read = || Shown::read(&path).ok()?.mark;
        while read().is_none_or(|mark| mark.end != end) {
            assert!(begun.elapsed() < Duration::from_millis(50));
            sleep(Duration::from_millis(1)).await;
        }
        keeping.abort();
    }
}
