//! Files as this system keeps them: private, whole or not there, under names that every system
//! takes. All that the client writes, it writes here.
//!
//! In scope: what differs between Linux, Windows and macOS; whose a file is; who writes where. Out of
//! scope: what stands in the files (`format`). Invariants: a file never exists for a moment in which
//! others could read it; a file that is replaced is the old one or the new one, whenever the power
//! goes, also if several programs write it; what is made in a folder is its owner's, also by root.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
#[cfg(unix)]
use std::os::unix::fs::{fchown, lchown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{process, thread};

use zeroize::Zeroizing;

use crate::disk::whole::{self, Named, Whole};
use crate::disk::{self, Disk};

/// A file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system said no.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Where it is, or would be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Larger than anything of its kind.
    #[error("{}: expected at most {limit} bytes, found {found}", path.display())]
    TooLarge {
        /// Where the file lies.
        path: PathBuf,
        /// The most there may be.
        limit: u64,
        /// What is there.
        found: u64,
    },
    /// A private key that other users of the machine can read.
    #[error(
        "{} can be read by other users of this machine (mode {mode:04o}, expected 0600)",
        path.display()
    )]
    ReadableByOthers {
        /// Where the file lies.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not what this program wrote.
    #[error("{} is damaged", .0.display())]
    Damaged(PathBuf),
    /// Another program writes there.
    #[error("{} is held by {}", path.display(), by.map_or_else(
        || "another program".to_owned(),
        |process| format!("another program (process {process})"),
    ))]
    Held {
        /// The path of the lock.
        path: PathBuf,
        /// The process that has it, if it says so.
        by: Option<u32>,
    },
}

impl FileError {
    /// An error of the system, with what was tried.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }

    /// Whether there is no such file.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether there is one already.
    #[must_use]
    pub fn is_present(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists)
    }
}

/// Makes a folder that only its user can enter, and those above it. Their names are on the disk when
/// this returns.
///
/// # Errors
/// What the system said.
pub fn private_folder(path: &Path) -> Result<(), FileError> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let above = folder_of(path);
    private_folder(above)?;
    let mut builder = fs::DirBuilder::new();
    only_for_its_user(&mut builder);
    let made = tried("make the folder", path, || match builder.create(path) {
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        made => made.map(|()| true),
    });
    if made? {
        #[cfg(unix)]
        give_to_owner_of(above, fs::symlink_metadata(path), |uid, gid| lchown(path, uid, gid));
    }
    sync_folder(above)
}

/// Makes a file that only its user can read. It is on the disk, and whole, when this returns.
///
/// # Errors
/// There is one already, or what the system said.
pub fn create_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let new = unfinished(path, bytes, &Own::Durable)?;
    let made = tried("create", path, || new.name_first(path));
    discard(new.beside());
    kept(made?)
}

/// Puts a whole new file in the place of an old one, or of none. It is on the disk when this returns.
///
/// # Errors
/// What the system said; then the old one stands, or the new one.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    kept(rename(&unfinished(path, bytes, &Own::Durable)?, path)?)
}

/// As [`replace`], of a file that can be made again: after a power cut it may be anything.
///
/// # Errors
/// What the system said; then the old one stands.
pub fn put(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    rename(&unfinished(path, bytes, &Own::ForNow)?, path).map(drop)
}

fn rename<'a>(new: &Whole<'a>, path: &Path) -> Result<Named<'a>, FileError> {
    let renamed = tried("replace", path, || new.name(path));
    renamed.inspect_err(|_| discard(new.beside()))
}

fn kept(named: Named<'_>) -> Result<(), FileError> {
    let folder = named.folder().to_owned();
    named.keep().map_err(FileError::io("sync", &folder))
}

/// Gives a file or a folder another name, in the place of an old file. It has it on the disk when this
/// returns.
///
/// # Errors
/// What the system said; then it has the one name or the other.
pub fn move_to(from: &Path, to: &Path) -> Result<(), FileError> {
    tried("rename", from, || fs::rename(from, to))?;
    sync_folder(folder_of(to))?;
    sync_folder(folder_of(from))
}

/// A file beside the one that it is to be, of this write alone: another program may write the same name.
fn unfinished<'a>(path: &Path, bytes: &[u8], disk: &'a Own) -> Result<Whole<'a>, FileError> {
    private_folder(folder_of(path))?;
    let (new, file) = loop {
        let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
        let number = WRITES.fetch_add(1, Ordering::Relaxed);
        name.push(format!(".{}-{number}{UNFINISHED}", process::id()));
        let new = path.with_file_name(name);
        match create_new(&new, path) {
            // Left there by an earlier process of this number.
            Err(error) if error.is_present() => {}
            made => break (new, made?),
        }
    };
    sweep(folder_of(path), &file);
    #[cfg(test)]
    let bytes = faults::cut(&new, bytes);
    let written = whole::write(disk, file, &new, bytes).map_err(FileError::io("write", &new));
    written.inspect_err(|_| discard(&new))
}

/// The disk below a home. A file has its owner and its rights there, too, when it is synced.
#[derive(Debug)]
enum Own {
    /// What is to outlast a power cut.
    Durable,
    /// What can be made again.
    ForNow,
}

impl Disk for Own {
    fn sync(&self, file: &File) -> io::Result<()> {
        #[cfg(test)]
        faults::next(Path::new(""))?;
        match self {
            Self::Durable => {
                #[cfg(test)]
                faults::synced(file);
                file.sync_all()
            }
            Self::ForNow => Ok(()),
        }
    }
}

/// What programs that were killed left unfinished goes with the first write into its folder, an hour
/// later: `new` was made just now, by the same clock.
fn sweep(folder: &Path, new: &File) {
    if !SWEPT.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned()) {
        return;
    }
    let now = new.metadata().and_then(|about| about.modified());
    let (Ok(now), Ok(entries)) = (now, fs::read_dir(folder)) else { return };
    for entry in entries.flatten().filter(|entry| is_unfinished(&entry.file_name())) {
        let made = entry.metadata().and_then(|about| about.modified());
        let age = made.ok().and_then(|made| now.duration_since(made).ok());
        if age.is_some_and(|age| age > LEFT_BEHIND) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether a name is one that [`unfinished`] gives: others may end so, too.
fn is_unfinished(name: &OsStr) -> bool {
    let numbers = || name.to_str()?.strip_suffix(UNFINISHED)?.rsplit_once('.')?.1.split_once('-');
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    numbers().is_some_and(|(process, write)| is_number(process) && is_number(write))
}

/// A full disk is not filled with what nobody reads.
fn discard(unfinished: &Path) {
    let _ = tried("remove", unfinished, || fs::remove_file(unfinished));
}

/// Makes what is to be a file. Follows no link that somebody else may have put there.
fn create_new(new: &Path, path: &Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    private(options.read(true).write(true).create_new(true));
    let file = tried("create", path, || options.open(new))?;
    // A name could be another file's by now.
    #[cfg(unix)]
    give_to_owner_of(folder_of(path), file.metadata(), |uid, gid| fchown(&file, uid, gid));
    Ok(file)
}

/// Writes a file that a person named, whole in the place of an old one; into a device or a pipe as it
/// is.
///
/// # Errors
/// What the system said; then the old file stands.
pub fn write_out(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    match fs::metadata(path) {
        Ok(about) if !about.is_file() => {
            fs::write(path, bytes).map_err(FileError::io("write", path))
        }
        // What a link leads to, and with the rights that it had.
        Ok(about) => {
            let path = fs::canonicalize(path).map_err(FileError::io("write", path))?;
            let new = unfinished(&path, bytes, &Own::Durable)?;
            let _ = fs::set_permissions(new.beside(), about.permissions());
            rename(&new, &path).map(drop)
        }
        Err(_) => match fs::metadata(folder_of(path)) {
            // Folders that nobody made are misspelt.
            Ok(_) => replace(path, bytes),
            Err(why) => Err(FileError::io("write", path)(why)),
        },
    }
}

/// Cuts a file to its first `length` bytes, and writes behind them. It is on the disk when this returns.
///
/// # Errors
/// What the system said; then there may be a part of what was to be written.
pub fn append(path: &Path, length: u64, bytes: &[u8]) -> Result<(), FileError> {
    private_folder(folder_of(path))?;
    let mut file = open_to_write(path)?;
    let cut = || file.set_len(length).and_then(|()| file.seek(SeekFrom::End(0)));
    tried("write", path, cut)?;
    write_to(&file, path, bytes)?;
    tried("write", path, || file.sync_all())
}

fn write_to(mut file: &File, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    #[cfg(test)]
    let bytes = faults::cut(path, bytes);
    let written = file.write_all(bytes).map_err(FileError::io("write", path));
    written.and_then(|()| tried("write", path, || Ok(())))
}

/// Removes a file, so that it stays away when this returns. One that is not there is none.
///
/// # Errors
/// What the system said.
pub fn remove(path: &Path) -> Result<(), FileError> {
    let removed = tried("remove", path, || match fs::remove_file(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(false),
        removed => removed.map(|()| true),
    });
    if removed? { sync_folder(folder_of(path)) } else { Ok(()) }
}

/// All of a file that this program wrote; none if it is not there.
///
/// # Errors
/// What the system said.
pub fn content(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(FileError::io("read", path)),
    }
}

/// So many bytes at the start and at the end of a file, or as many as it has; nothing, if there is none.
///
/// # Errors
/// What the system said.
pub fn read_ends(path: &Path, first: u64, last: u64) -> Result<Option<Ends>, FileError> {
    let read = || {
        let mut file = match File::open(path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let (mut start, mut end) = (Vec::new(), Vec::new());
        (&file).take(first).read_to_end(&mut start)?;
        file.seek(SeekFrom::Start(file.metadata()?.len().saturating_sub(last)))?;
        file.take(last).read_to_end(&mut end)?;
        Ok(Some((start, end)))
    };
    read().map_err(FileError::io("read", path))
}

/// The start and the end of a file.
pub type Ends = (Vec<u8>, Vec<u8>);

/// The names of the finished files and folders in a folder, sorted; none if there is no such folder.
///
/// # Errors
/// What the system said.
pub fn names(path: &Path) -> Result<Vec<String>, FileError> {
    let mut names = Vec::new();
    each_name(path, |name| names.push(name.to_owned()))?;
    names.sort();
    Ok(names)
}

/// Looks at the names of the finished files and folders in a folder, in no order.
///
/// # Errors
/// As [`names`].
pub fn each_name(path: &Path, mut look: impl FnMut(&str)) -> Result<(), FileError> {
    let mut read = || {
        let entries = match fs::read_dir(path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        for entry in entries {
            // Names that are not text are none of ours.
            if let Some(name) = entry?.file_name().to_str()
                && !name.ends_with(UNFINISHED)
            {
                look(name);
            }
        }
        Ok(())
    };
    read().map_err(FileError::io("read", path))
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// Larger, or what the system said.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let file = File::open(path).map_err(FileError::io("read", path))?;
    read_bounded(file, path, limit)
}

/// Reads a file of at most `limit` bytes; none if it is not there.
///
/// # Errors
/// Larger, or what the system said.
pub fn read_if_there(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    match read(path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a private file, if nobody but its user could have read it before.
///
/// # Errors
/// Others can read it; larger than a key; what the system said.
pub fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let file = File::open(path).map_err(FileError::io("read", path))?;
    let about = file.metadata().map_err(FileError::io("read", path))?;
    if let Some(mode) = mode_for_others(&about) {
        return Err(FileError::ReadableByOthers { path: path.to_owned(), mode });
    }
    read_bounded(file, path, PRIVATE_BYTES).map(Zeroizing::new)
}

/// Opens a file to write, cut or lock, and makes it if it is not there. Not in append mode, in
/// which Windows cuts nothing.
///
/// # Errors
/// What the system said.
pub fn open_to_write(path: &Path) -> Result<File, FileError> {
    match create_new(path, path) {
        Err(error) if error.is_present() => {
            let mut options = OpenOptions::new();
            tried("open", path, || options.read(true).write(true).open(path))
        }
        made => made,
    }
}

/// The right to write in a folder, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Waits at most so long for the right that a file stands for. Who has it writes its number there.
///
/// # Errors
/// [`FileError::Held`], or what the system said.
pub fn lock(path: &Path, patience: Duration) -> Result<Lock, FileError> {
    private_folder(folder_of(path))?;
    let file = open_to_write(path)?;
    let mut left = patience;
    loop {
        match file.try_lock() {
            Ok(()) => {
                // What cannot be noted is not said to who waits.
                let _ = file.set_len(0).and_then(|()| write!(&file, "{}", process::id()));
                return Ok(Lock { _file: file });
            }
            Err(TryLockError::Error(why)) => return Err(FileError::io("lock", path)(why)),
            Err(TryLockError::WouldBlock) if left.is_zero() => {
                let by = fs::read_to_string(path).ok().and_then(|number| number.parse().ok());
                return Err(FileError::Held { path: path.to_owned(), by });
            }
            Err(TryLockError::WouldBlock) => {
                thread::sleep(LOOKS_AGAIN);
                left = left.saturating_sub(LOOKS_AGAIN);
            }
        }
    }
}

/// Sees whether something can be written in a folder.
///
/// # Errors
/// What the system said.
pub fn try_to_write(folder: &Path) -> Result<(), FileError> {
    match unfinished(&folder.join("tried"), &[0; 4_096], &Own::Durable) {
        Ok(new) => tried("remove", new.beside(), || fs::remove_file(new.beside())),
        Err(FileError::Io { source, .. }) => Err(FileError::io("write in", folder)(source)),
        Err(error) => Err(error),
    }
}

/// What keeps this program from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptOut {
    /// The file, or a folder above it.
    pub at: PathBuf,
    /// The user to whom it belongs.
    pub owner: String,
    /// The user as whom this program runs.
    pub user: String,
    /// Its permission bits.
    pub mode: u32,
}

/// Whose it is that this program may not use: the file, or the nearest folder above it that is another
/// user's, else the nearest that is there.
#[cfg(unix)]
#[must_use]
pub fn keeps_out(path: &Path) -> Option<KeptOut> {
    use std::os::unix::fs::MetadataExt as _;
    let user = rustix::process::geteuid().as_raw();
    let there = || path.ancestors().filter_map(|at| Some((at, fs::metadata(at).ok()?)));
    let (at, about) = there().take(DEEP).find(|(_, of)| of.uid() != user).or(there().next())?;
    let (owner, mode) = (name_of(about.uid()), about.mode() & 0o7777);
    Some(KeptOut { at: at.to_owned(), owner, user: name_of(user), mode })
}

/// Other systems keep out in other ways.
#[cfg(not(unix))]
#[must_use]
pub fn keeps_out(_: &Path) -> Option<KeptOut> {
    None
}

/// The name of a user, or the number of one that has none.
#[cfg(unix)]
fn name_of(user: u32) -> String {
    let (users, number) = (fs::read_to_string("/etc/passwd").unwrap_or_default(), user.to_string());
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(&number)).then(|| name.to_owned())
    });
    named.unwrap_or(number)
}

/// A part of an id as the name of a file. Windows takes a few names for devices.
#[must_use]
pub fn file_name(part: &str) -> String {
    let device = |name: &str| {
        matches!(name, "con" | "prn" | "aux" | "nul")
            || (name.len() == 4 && (name.starts_with("com") || name.starts_with("lpt")))
    };
    let first = part.split('.').next().unwrap_or_default();
    if cfg!(windows) && device(first) { format!("{part}_") } else { part.to_owned() }
}

fn read_bounded(file: File, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let expected = file.metadata().map_or(0, |about| about.len().min(limit));
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
    file.take(limit + 1).read_to_end(&mut bytes).map_err(FileError::io("read", path))?;
    let found = bytes.len() as u64;
    if found > limit {
        return Err(FileError::TooLarge { path: path.to_owned(), limit, found });
    }
    Ok(bytes)
}

/// One thing that is done to the disk.
fn tried<T>(
    doing: &'static str,
    path: &Path,
    work: impl FnOnce() -> io::Result<T>,
) -> Result<T, FileError> {
    #[cfg(test)]
    faults::next(path).map_err(FileError::io(doing, path))?;
    work().map_err(FileError::io(doing, path))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A name is on the disk only when its folder is.
fn sync_folder(folder: &Path) -> Result<(), FileError> {
    disk::sync_folder(&Own::Durable, folder).map_err(FileError::io("sync", folder))
}

/// Root may make a file in somebody's folder (`sudo`), and it is to be that one's all the same. Nobody
/// else can give a file away, nor needs to.
#[cfg(unix)]
fn give_to_owner_of(
    folder: &Path,
    made: io::Result<fs::Metadata>,
    give: impl FnOnce(Option<u32>, Option<u32>) -> io::Result<()>,
) {
    use std::os::unix::fs::MetadataExt as _;
    let of = fs::metadata(folder).and_then(|folder| Ok((folder, made?)));
    if let Ok((folder, made)) = of
        && folder.uid() != made.uid()
    {
        let _ = give(Some(folder.uid()), Some(folder.gid()));
    }
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600)
}

/// A profile's folders belong to its user alone.
#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn only_for_its_user(builder: &mut fs::DirBuilder) {
    use std::os::unix::fs::DirBuilderExt as _;
    builder.mode(0o700);
}

#[cfg(not(unix))]
fn only_for_its_user(_: &mut fs::DirBuilder) {}

/// The permission bits, if they let others in.
#[cfg(unix)]
fn mode_for_others(about: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = about.permissions().mode() & 0o7777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn mode_for_others(_: &fs::Metadata) -> Option<u32> {
    None
}

/// An identity file with many comments.
const PRIVATE_BYTES: u64 = 64 * 1024;
const UNFINISHED: &str = ".new";
/// Whoever writes is done in moments.
pub const MOMENTS: Duration = Duration::from_secs(30);
/// Folders above a file of a home that are the home's.
#[cfg(unix)]
const DEEP: usize = 10;
const LOOKS_AGAIN: Duration = Duration::from_millis(10);
/// Nobody writes one file for so long.
const LEFT_BEHIND: Duration = Duration::from_secs(3_600);
static WRITES: AtomicU64 = AtomicU64::new(0);
/// Folders that this process has swept.
static SWEPT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A disk that fails, for tests: it is full, or the process is gone.
#[cfg(test)]
pub(crate) mod faults {
    use std::cell::{Cell, RefCell};
    use std::fs::{self, File};
    use std::io;
    use std::path::{Path, PathBuf};

    use crate::disk::whole::tests::Synced;

    thread_local! {
        static SYNCS: RefCell<Option<(PathBuf, Vec<Synced>)>> = const { RefCell::new(None) };
        static LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
        static NAME: RefCell<Option<String>> = const { RefCell::new(None) };
    }

    /// What `work` comes to when so many things are done to the disk, and then no more.
    pub(crate) fn after<T>(some: u64, work: impl FnOnce() -> T) -> T {
        LEFT.set(some);
        let done = work();
        LEFT.set(u64::MAX);
        done
    }

    /// What `work` comes to when nothing is done to files whose names begin so.
    pub(crate) fn at<T>(name: &str, work: impl FnOnce() -> T) -> T {
        NAME.set(Some(name.to_owned()));
        let done = work();
        NAME.set(None);
        done
    }

    /// What is synced while `work` is done, each with what `path` said then.
    pub(crate) fn syncs(path: &Path, work: impl FnOnce()) -> Vec<Synced> {
        SYNCS.set(Some((path.to_owned(), Vec::new())));
        work();
        SYNCS.take().map(|(_, syncs)| syncs).unwrap_or_default()
    }

    pub(super) fn synced(file: &File) {
        let is_folder = file.metadata().is_ok_and(|about| about.is_dir());
        SYNCS.with_borrow_mut(|asked| {
            if let Some((path, syncs)) = asked {
                syncs.push((is_folder, fs::read(path).ok()));
            }
        });
    }

    /// Half of it, if the next fails.
    pub(super) fn cut<'a>(path: &Path, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[..if come(path) { bytes.len() / 2 } else { bytes.len() }]
    }

    fn come(path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        LEFT.get() == 0 || NAME.with_borrow(|at| at.as_ref().is_some_and(|at| name.starts_with(at)))
    }

    pub(super) fn next(path: &Path) -> io::Result<()> {
        if come(path) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let left = LEFT.get();
        LEFT.set(if left == u64::MAX { left } else { left - 1 });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::whole::tests::in_order;

    #[test]
    fn who_holds_a_lock_is_said_to_who_has_waited() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/lock");
        let held = lock(&path, Duration::ZERO).unwrap();
        let why = lock(&path, LOOKS_AGAIN).unwrap_err().to_string();
        assert!(why.ends_with(&format!("another program (process {})", process::id())), "{why}");
        drop(held);
        lock(&path, Duration::ZERO).unwrap();
    }

    #[test]
    fn what_could_not_be_put_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        // A folder is not replaced by a file.
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        assert!(put(&path, b"bytes").is_err());
        assert!(replace(&path, b"bytes").is_err());
        assert!(create_private(&path, b"bytes").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/file");
        let names = || names(&folder.path().join("a/b")).unwrap();
        assert_eq!((content(&path).unwrap(), names()), (None, Vec::new()));
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(content(&path).unwrap().as_deref(), Some(&b"two"[..]));
        // What a process before this one left unfinished is not seen.
        fs::write(folder.path().join("a/b/file.new"), b"thr").unwrap();
        assert_eq!(names(), ["file"]);
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert_eq!((content(&path).unwrap(), names()), (None, Vec::new()));
    }

    #[test]
    fn what_a_killed_program_left_goes_with_the_next_write_and_what_is_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let [left, written, own] =
            ["file.8-1.new", "file.9-0.new", "key.pem.new"].map(|name| folder.path().join(name));
        for path in [&left, &written, &own] {
            fs::write(path, b"half").unwrap();
        }
        let before = fs::metadata(&left).unwrap().modified().unwrap() - 2 * LEFT_BEHIND;
        for path in [&left, &own] {
            File::options().append(true).open(path).unwrap().set_modified(before).unwrap();
        }
        replace(&folder.path().join("another"), b"content").unwrap();
        assert_eq!([&left, &written, &own].map(|path| path.exists()), [false, true, true]);
    }

    #[test]
    fn what_is_written_is_durable_and_then_its_name_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let synced =
            |write: Write, bytes: &[u8]| faults::syncs(&path, || write(&path, bytes).unwrap());
        assert_eq!(synced(create_private, b"one"), in_order(None, b"one"));
        assert_eq!(synced(replace, b"two"), in_order(Some(b"one"), b"two"));
        assert_eq!(synced(put, b"three"), []);
    }

    type Write = fn(&Path, &[u8]) -> Result<(), FileError>;

    #[test]
    fn whatever_the_disk_does_last_a_name_is_the_old_file_or_the_new_one() {
        let content = |path: &Path| content(path).unwrap();
        for write in [replace as Write, put, create_private] {
            for some in 0.. {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("new/file");
                let done = faults::after(some, || write(&path, b"content"));
                let found = content(&path);
                assert!(
                    found.is_none() || found.as_deref() == Some(b"content"),
                    "{some}: {found:?}"
                );
                if done.is_ok() {
                    assert!(found.is_some() && some > 3, "{some}");
                    break;
                }
            }
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            replace(&path, b"before").unwrap();
            for some in 0..20 {
                let _ = faults::after(some, || write(&path, b"content"));
                let found = content(&path).unwrap();
                assert!([&b"before"[..], b"content"].contains(&&found[..]), "{some}: {found:?}");
            }
            let first = write as usize == create_private as Write as usize;
            let expected: &[u8] = if first { b"before" } else { b"content" };
            assert_eq!(content(&path).unwrap(), expected);
        }
    }

    #[test]
    fn several_may_write_one_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let write_often = |byte| (0..50).try_for_each(|_| replace(&path, &[byte; 9_000]));
        thread::scope(|scope| {
            let writing = [1, 2, 3].map(|byte| scope.spawn(move || write_often(byte)));
            for writer in writing {
                writer.join().unwrap().unwrap();
            }
        });
        let last = content(&path).unwrap().unwrap();
        assert_eq!(last, [last[0]; 9_000]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_made_is_its_users_alone_and_in_a_folder_its_owners() {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let folder = tempfile::tempdir().unwrap();
        // Only root can give the folder away, and only then there is something to see.
        let _ = chown(folder.path(), Some(12_345), None);
        let owner = fs::metadata(folder.path()).unwrap().uid();
        let path = folder.path().join("a/b");
        replace(&path.join("file"), b"content").unwrap();
        create_private(&path.join("key"), b"content").unwrap();
        append(&path.join("tape"), 0, b"content").unwrap();
        for (name, mode) in [("", 0o700), ("file", 0o600), ("key", 0o600), ("tape", 0o600)] {
            let about = fs::metadata(path.join(name)).unwrap();
            assert_eq!((about.mode() & 0o777, about.uid()), (mode, owner), "{name}");
        }
    }
}
