//! What a program asks of the system for its process: threads, and files that are its user's alone;
//! a service, descriptors for all connections, and memory in small pages.

#[cfg(unix)]
use std::fs::File;
use std::io;
use std::process::ExitCode;

use tokio::runtime::Builder;
use tracing::warn;

use crate::domain::limits;

/// Beside connections: the store's files, listeners, and what the runtime holds.
const OTHERS: u64 = 512;

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

/// Before the service starts.
pub fn prepare() {
    small_pages();
    raise_descriptors();
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

/// Raises the soft limit to what the connections that are promised need, and warns if the hard one
/// is too low for them.
fn raise_descriptors() {
    let needed = limits::CONNECTIONS as u64 + OTHERS;
    let limit = raised_to(needed);
    if limit < needed {
        let connections = limits::CONNECTIONS;
        warn!(
            limit,
            "too few file descriptors for {connections} connections: allow this process {needed} \
             (ulimit -Hn; LimitNOFILE in systemd)"
        );
    }
}

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
    fn the_limit_is_raised_as_far_as_the_system_lets_and_never_lowered() {
        let far = raised_to(u64::MAX);
        assert!(far < u64::MAX);
        assert_eq!(raised_to(64), far);
        assert_eq!(raised_to(u64::MAX), far);
    }
}
