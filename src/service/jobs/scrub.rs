//! All that is stored, looked at once a day while it is served: what a disk changed is said before
//! somebody asks for it.
//!
//! In scope: values and files of bodies by their digests. Out of scope: whether they belong together,
//! which is asked of a store that stands still (`service::scrub`). Invariant: it works one part of ten
//! of the time, and holds nothing while it waits.

use std::sync::Weak;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::service::Shared;
use crate::service::telemetry::Event;
use crate::store::blobs::BlobError;
use crate::store::{KeyRange, StoreError};

/// From the end of one look to the beginning of the next.
const EVERY: Duration = Duration::from_secs(86_400);
/// For each time that it works, it waits so often as long.
const WAITS: u32 = 9;
/// Values that are looked at at once.
const VALUES: u32 = 64;

/// Looks again and again until it is told to stop, or the service has ended.
pub(super) async fn run(shared: Weak<Shared>, mut stop: watch::Receiver<bool>) {
    let looks = async {
        loop {
            sleep(EVERY).await;
            if look(&shared).await.is_none() {
                return;
            }
        }
    };
    tokio::select! {
        () = looks => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// Looks at everything once. Nothing if the service has ended meanwhile.
async fn look(shared: &Weak<Shared>) -> Option<()> {
    let ([mut values, mut bodies, mut wrong], mut rest) = ([0; 3], Some(KeyRange::prefix(b"")));
    while let Some(range) = rest.take() {
        let (begun, service) = (Instant::now(), shared.upgrade()?);
        let page = service.store.examine(range.clone(), VALUES).await;
        let (entries, more) = match page {
            Ok(page) => (page.entries, page.more),
            Err(why @ StoreError::Corrupt(_)) => (vec![(Vec::new(), Err(why))], false),
            // The store has stopped, and the service does.
            Err(_) => return None,
        };
        values += entries.len() as u64;
        for why in entries.iter().filter_map(|(_, found)| found.as_ref().err()) {
            wrong += 1;
            service.telemetry.say(&Event::Store(why));
        }
        rest = entries.last().filter(|_| more).map(|(last, _)| range.after(last));
        drop(service);
        sleep(begun.elapsed() * WAITS).await;
    }
    let listed = shared.upgrade()?.blobs.list().await.unwrap_or_default();
    for digest in listed {
        let (begun, service) = (Instant::now(), shared.upgrade()?);
        // One that is not there any more has expired since.
        if let Err(why @ BlobError::Mismatch { .. }) = service.blobs.get(digest).await {
            wrong += 1;
            service.telemetry.say(&Event::Body(why.to_string()));
        }
        bodies += 1;
        drop(service);
        sleep(begun.elapsed() * WAITS).await;
    }
    shared.upgrade()?.telemetry.say(&Event::Scrubbed { values, bodies, wrong });
    Some(())
}
