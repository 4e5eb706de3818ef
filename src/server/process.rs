//! What a program asks of the system for its process: threads, and files that are its user's alone;
//! a service, descriptors for all connections, and memory in small pages.

#[cfg(unix)]
use std::fs::File;
use std::io;
use std::process::ExitCode;

use tokio::runtime::Builder;
use tracing::warn;

use crate::domain::limits;

/// Beside connections: the store's files, large bodies, listeners, and what the runtime holds.
const OTHERS: u64 = 512;
/// As many are kept for them where there are few, half of all but no fewer than these.
const LEAST_OTHERS: u64 = 32;
/// With fewer open files nobody could be served.
const LEAST: u64 = 2 * LEAST_OTHERS;

/// What a process that may open so many files can hold, so that the store never lacks one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Connections that have their places.
    pub connections: usize,
    /// Connections that hear that there is no place; and, beside them, those that have none yet.
    pub goodbyes: usize,
}

impl Room {
    /// All that is promised.
    const WHOLE: Self = Self { connections: limits::CONNECTIONS, goodbyes: limits::GOODBYES };

    /// Within a limit of open files; none, if it is too low for a service.
    fn within(files: u64) -> Option<Self> {
        let others = (files / 2).clamp(LEAST_OTHERS, OTHERS);
        let all = usize::try_from(files.checked_sub(others)?).unwrap_or(usize::MAX);
        let goodbyes = (all / 8).min(limits::GOODBYES);
        let connections = (all - 2 * goodbyes).min(limits::CONNECTIONS);
        (files >= LEAST).then_some(Self { connections, goodbyes })
    }
}

/// Files that a program opens before it does anything.
#[cfg(unix)]
const AT_FIRST: usize = 8;

/// Runs a program to its end. Nobody else may read what it makes, also where its user lets others in.
///
/// # Errors
/// The system gives it no threads, or no open files.
pub fn run(program: impl Future<Output = ExitCode>) -> io::Result<ExitCode> {
    #[cfg(unix)]
    {
        use rustix::fs::Mode;
        let others = Mode::RWXG | Mode::RWXO;
        rustix::process::umask(others | rustix::process::umask(others));
        // What the runtime opens first it does not do without.
        let some = (0..AT_FIRST).map(|_| File::open("/dev/null"));
        drop(some.collect::<io::Result<Vec<_>>>()?);
    }
    Ok(Builder::new_multi_thread().enable_all().build()?.block_on(program))
}

/// Before the service starts: what it can hold.
///
/// # Errors
/// It may open too few files to serve anybody.
pub fn prepare() -> io::Result<Room> {
    small_pages();
    let needed = (limits::CONNECTIONS + 2 * limits::GOODBYES) as u64 + OTHERS;
    let files = raised_to(needed);
    let room = Room::within(files).ok_or_else(|| {
        io::Error::other(format!(
            "it may open {files} files, and needs {LEAST} at least: raise the limit (ulimit -n; \
             LimitNOFILE in systemd)"
        ))
    })?;
    if room != Room::WHOLE {
        let connections = room.connections;
        warn!(
            files,
            connections,
            "it may open too few files for {} connections, and holds fewer: allow it {needed} \
             (ulimit -Hn; LimitNOFILE in systemd)",
            limits::CONNECTIONS
        );
    }
    Ok(room)
}

/// Most of a waiting connection's buffers is never written to. In huge pages it is there all the
/// same: half as much again.
#[cfg(target_os = "linux")]
fn small_pages() {
    if let Err(why) = rustix::thread::disable_transparent_huge_pages(true) {
        warn!(%why, "the system gives huge pages: each connection takes half as much memory again");
    }
}

#[cfg(not(target_os = "linux"))]
const fn small_pages() {}

/// Raises the soft limit to what is needed, as far as the hard one lets.
#[cfg(target_os = "linux")]
fn raised_to(needed: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let (current, hard) = (current.unwrap_or(u64::MAX), maximum.unwrap_or(u64::MAX));
    let raised = current.max(needed.min(hard));
    let soft = Rlimit { current: Some(raised), maximum };
    if current >= needed || setrlimit(Resource::Nofile, soft).is_err() { current } else { raised }
}

/// Other systems have other limits.
#[cfg(not(target_os = "linux"))]
const fn raised_to(needed: u64) -> u64 {
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_limit_the_store_has_files_of_its_own() {
        let whole = (limits::CONNECTIONS + 2 * limits::GOODBYES) as u64 + OTHERS;
        assert_eq!(Room::within(whole), Some(Room::WHOLE));
        assert_eq!(Room::within(u64::MAX), Some(Room::WHOLE));
        assert_eq!((Room::within(0), Room::within(LEAST - 1)), (None, None));
        for files in (LEAST..whole).step_by(7) {
            let room = Room::within(files).unwrap();
            let taken = (room.connections + 2 * room.goodbyes) as u64;
            assert!(files - taken >= LEAST_OTHERS.max(OTHERS.min(files / 2)), "{files}: {room:?}");
            assert!(room.connections > 0 && room.goodbyes > 0, "{files}: {room:?}");
        }
    }

    #[test]
    fn the_limit_is_raised_as_far_as_the_system_lets_and_never_lowered() {
        let far = raised_to(u64::MAX);
        assert!(far < u64::MAX);
        assert_eq!(raised_to(64), far);
        assert_eq!(raised_to(u64::MAX), far);
    }
}
