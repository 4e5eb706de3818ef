//! All that is stored, looked at once a day while it is served: what a disk changed is said before
//! somebody asks for it.
//!
//! In scope: values and files of bodies by their digests, mailboxes by their chains. Out of scope: whether
//! the rest belongs together, which is asked of a store that stands still (`service::scrub`). Invariant: it
//! works one part of ten of the time, and holds nothing while it waits.

use std::sync::Weak;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::domain::ids::ContactId;
use crate::domain::state::{Key, Mailbox};
use crate::service::telemetry::Event;
use crate::service::{Failure, Service, Shared};
use crate::store::blobs::BlobError;
use crate::store::{KeyRange, StoreError, codec, keys};

/// From the start to the first look,
const SOON: Duration = Duration::from_secs(600);
/// and from the end of one look to the beginning of the next.
const EVERY: Duration = Duration::from_secs(86_400);
/// For each time that it works, it waits so often as long.
const WAITS: u32 = 9;
/// Values that are looked at at once.
const VALUES: u32 = 64;

/// Looks again and again until it is told to stop, or the service has ended.
pub(super) async fn run(shared: Weak<Shared>, mut stop: watch::Receiver<bool>) {
    let looks = async {
        sleep(SOON).await;
        loop {
            if look(&shared).await.is_none() {
                return;
            }
            sleep(EVERY).await;
        }
    };
    tokio::select! {
        () = looks => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// Looks at everything once. Nothing if the service has ended meanwhile.
async fn look(shared: &Weak<Shared>) -> Option<()> {
    let before = shared.upgrade()?.telemetry.damage();
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
            service.telemetry.say(&Event::Damaged(why.to_string()));
        }
        bodies += 1;
        drop(service);
        sleep(begun.elapsed() * WAITS).await;
    }
    let (mailboxes, broken) = chains(shared).await?;
    let (wrong, service) = (wrong + broken, shared.upgrade()?);
    service.telemetry.say(&Event::Scrubbed { values, bodies, mailboxes, wrong });
    if wrong == 0 {
        service.telemetry.is_whole(before);
    }
    Some(())
}

/// How many mailboxes there are, and how many of them are not what their entries come to.
async fn chains(shared: &Weak<Shared>) -> Option<(u64, u64)> {
    let ([mut mailboxes, mut wrong], mut rest) = ([0; 2], Some(KeyRange::prefix(keys::MAILBOX)));
    while let Some(range) = rest.take() {
        let page = shared.upgrade()?.store.examine(range.clone(), VALUES).await.ok()?;
        rest = page.entries.last().filter(|_| page.more).map(|(last, _)| range.after(last));
        for contact in page.entries.iter().filter_map(|(key, _)| keys::read_mailbox(key)) {
            mailboxes += 1;
            let Err(number) = chain(shared, &contact).await? else { continue };
            wrong += 1;
            let why = format!(
                "the mailbox of {contact} is not what its entries come to, from {number} on"
            );
            shared.upgrade()?.telemetry.say(&Event::Damaged(why));
        }
    }
    Some((mailboxes, wrong))
}

/// The number of an entry from which on a chain does not hold.
async fn chain(shared: &Weak<Shared>, contact: &ContactId) -> Option<Result<(), u64>> {
    let (mut at, mut to): (Option<Mailbox>, Option<Mailbox>) = (None, None);
    loop {
        let (begun, service) = (Instant::now(), Service { shared: shared.upgrade()? });
        // What stands there is read anew: its beginning may have moved over entries that were still to come.
        let (stands, begins) = match service.mailbox(contact).await {
            Ok(both) => both,
            Err(Failure::Refused(_) | Failure::Busy(_)) => return Some(Err(1)),
            Err(Failure::Stopped) => return None,
        };
        let to = *to.get_or_insert(stands);
        let from = at.filter(|at| at.count > begins.count).unwrap_or(begins);
        let range = KeyRange::prefix(&keys::entries(contact));
        let range = range.after(&keys::of(&Key::Entry(contact.clone(), from.count)));
        let page = service.shared.store.examine(range, VALUES).await.ok()?;
        let mut next = from;
        for (key, found) in page.entries {
            if next.count >= to.count {
                break;
            }
            let number = keys::read_entry(&key).map(|(_, number)| number);
            let entry = found.ok().and_then(|found| codec::entry(&found.bytes).ok());
            let entry = entry.filter(|_| number == Some(next.count + 1));
            match entry.and_then(|entry| next.with(&entry)) {
                Some(after) => next = after,
                None => break,
            }
        }
        if next.count >= to.count {
            let holds = next.count > to.count || next == to;
            return Some(if holds { Ok(()) } else { Err(to.count) });
        }
        if at == Some(next) {
            return Some(Err(next.count + 1));
        }
        at = Some(next);
        drop(service);
        sleep(begun.elapsed() * WAITS).await;
    }
}
