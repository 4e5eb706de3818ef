//! Whence known keys came, kept from one start to the next, so that members do not wait behind strangers
//! because the service was started again.
//!
//! In scope: the file. Out of scope: what is done with it (`service::door`). Invariants: it says whose key
//! came whence, so nobody else may read it; it is never a reason not to start.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::client::files;
use crate::crypto::hash::Digest;
use crate::crypto::sign::KeyId;
use crate::domain::limits;
use crate::domain::network::Network;
use crate::domain::peer::Party;
use crate::service::Service;
use crate::service::door::Door;

use super::config::ServiceHome;

/// Tells the door what the last start knew. What cannot be read, or is of a key that has ended, is not
/// known.
pub(super) fn read(home: &ServiceHome, service: &Service) {
    let path = home.known_networks();
    let text = match files::read_if_there(&path, LINE_BYTES * limits::KNOWN as u64) {
        Ok(text) => text.unwrap_or_default(),
        Err(why) => return tracing::warn!(%why, "whence members came is not known"),
    };
    let text = String::from_utf8_lossy(&text);
    let mut skipped = 0;
    // Of too many, the latest stay.
    for line in text.lines().rev() {
        let Some((whence, came, key)) = read_line(line) else {
            skipped += 1;
            continue;
        };
        let party = service.peer(Some(&key), whence).party();
        if !matches!(party, Party::Network(_)) {
            service.door().remember(whence, key, &party, came);
        }
    }
    if skipped > 0 {
        tracing::warn!(path = %path.display(), skipped, "lines that are no network, time and key");
    }
}

/// A network or an address, the Unix time at which a known key last came from there, and which.
fn read_line(line: &str) -> Option<(Network, u64, KeyId)> {
    let mut words = line.split(' ');
    let (whence, came, key) = (words.next()?, words.next()?, words.next()?);
    let key = Digest::try_from(&hex::decode(key).ok()?[..]).ok()?;
    let whole = words.next().is_none();
    whole.then_some((Network::read(whence)?, came.parse().ok()?, KeyId::from_digest(key)))
}

/// Writes the file every ten minutes: who kills the service loses no more.
pub(super) async fn keep(home: ServiceHome, door: Arc<Door>) {
    loop {
        sleep_until(Instant::now() + KEEP_EVERY).await;
        let (home, door) = (home.clone(), Arc::clone(&door));
        // One that panicked has said so.
        let _ = tokio::task::spawn_blocking(move || write(&home, &door)).await;
    }
}

/// Writes the file, as it is now.
pub(super) fn write(home: &ServiceHome, door: &Door) {
    let mut text = String::new();
    for (whence, key, came) in door.known() {
        let key = hex::encode(key.as_bytes());
        writeln!(text, "{whence} {came} {key}").expect("a string takes all");
    }
    if let Err(why) = files::put(&home.known_networks(), text.as_bytes()) {
        tracing::warn!(%why, "whence members came is not kept");
    }
}

const KEEP_EVERY: Duration = Duration::from_secs(600);

/// "ffff:ffff:ffff:ffff::/64 18446744073709551615", a blank, a key and the line's end.
const LINE_BYTES: u64 = 46 + 65;
