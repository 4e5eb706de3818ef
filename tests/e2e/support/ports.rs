//! Ports for the programs that a test starts, which are stopped and started again there.

use std::fs::File;
use std::net::TcpListener;
use std::sync::Mutex;

/// Below all that the system gives out by itself: every connection of every test takes one of those,
/// and would come between a program that is stopped and its next start.
const FIRST: u16 = 20_000;
const PAIRS: u16 = 1_000;

/// Locked as long as this process runs, so that no other test has the same.
static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port that nobody has, and the one after it neither: there is the administration.
pub(crate) fn free_port() -> u16 {
    let folder = std::env::temp_dir().join("liaison-test-ports");
    std::fs::create_dir_all(&folder).unwrap();
    let start = u16::try_from(std::process::id() % u32::from(PAIRS)).unwrap();
    let pairs = (start..PAIRS).chain(0..start).map(|pair| FIRST + 2 * pair);
    for port in pairs {
        let lock = File::create(folder.join(port.to_string())).unwrap();
        let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if lock.try_lock().is_ok() && is_free(port) && is_free(port + 1) {
            TAKEN.lock().unwrap().push(lock);
            return port;
        }
    }
    panic!("no port is free from {FIRST} on");
}
