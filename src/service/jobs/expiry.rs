//! What is due of messages, and mailboxes whose beginning is gone.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;

use crate::domain::command::Clock;
use crate::domain::commands::expire::{Expire, Shrink};
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::limits;
use crate::domain::state::{Entry, Key, Step, Value};
use crate::service::{Failure, Service};
use crate::store::{Examined, KeyRange, StoreError, Stored, codec, keys};

use super::AT_MOST;

/// Commands at a time: a round has 255 places.
const AT_ONCE: u32 = 16;
/// Mailboxes of one page.
const MAILBOXES: u32 = 256;

/// When it looked at all mailboxes, Unix seconds.
#[derive(Default)]
pub(super) struct Expiry {
    shrunk: u64,
}

impl Expiry {
    /// Does what is due, and says when to look again. Nothing is due until the clock has settled.
    pub(super) async fn look(
        &mut self,
        service: &Service,
        stop: &watch::Receiver<bool>,
    ) -> Duration {
        if *service.shared.clock.borrow() != Clock::Settled {
            return AT_MOST;
        }
        // What failed was said, and is tried again.
        let next = expire_all(service, stop).await.unwrap_or(AT_MOST);
        let now = service.now();
        if now.abs_diff(self.shrunk) >= AT_MOST.as_secs() {
            self.shrunk = now;
            let _ = shrink_all(service, stop).await;
            let _ = service.forget_proposals().await;
        }
        // What makes room needs some first: a commit that did not fit would end the process.
        match service.shared.room.for_a_commit() {
            Ok(()) => next,
            Err(_) => limits::ROOM_AGAIN,
        }
    }
}

/// Takes every step that is due; how long there is none.
async fn expire_all(service: &Service, stop: &watch::Receiver<bool>) -> Result<Duration, Failure> {
    let now = service.now();
    let mut range = KeyRange::new(keys::due_from(0), keys::due_from(now.saturating_add(1)));
    let mut taken = 0;
    while !*stop.borrow() {
        let page = examine(service, range.clone(), AT_ONCE).await?;
        let steps = page.entries.iter().map(|(key, found)| step(service, key, found));
        taken += join_all(steps).await.iter().filter(|step| step.is_ok()).count();
        match page.entries.last().filter(|_| page.more) {
            Some((last, _)) => range = range.after(last),
            None => break,
        }
    }
    let next = examine(service, KeyRange::prefix(keys::DUE), 1).await?;
    let next = next.entries.first().and_then(|(key, _)| due(key)).map(|(at, _)| at);
    Ok(match next.map(|at| at.saturating_sub(now)) {
        // What cannot be done is not tried each second.
        Some(0) if taken == 0 => AT_MOST,
        Some(seconds) => Duration::from_secs(seconds),
        None => AT_MOST,
    })
}

/// One step with one message.
async fn step(
    service: &Service,
    key: &[u8],
    found: &Result<Stored, StoreError>,
) -> Result<(), Failure> {
    let value = &found.as_ref().map_err(|why| service.broken(why))?.bytes;
    let unreadable = || service.broken(&StoreError::Corrupt("what is due".to_owned()));
    let (at, (id, sender)) = due(key).ok_or_else(unreadable)?;
    let key = Key::Due(at, id, sender.clone());
    let value = codec::decode(&key, value).map_err(|why| service.broken(&why))?;
    let Value::Due(step) = value else { return Err(unreadable()) };
    let message = Key::Message(id, sender.clone());
    let Some(Value::Message(message)) = service.value(&message).await? else {
        let missing = format!("the message {id} is due and not there");
        return Err(service.broken(&StoreError::Corrupt(missing)));
    };
    let outcome = match step {
        Step::Forget => service.value(&Key::Outcome(id, sender.clone())).await?,
        Step::Tell | Step::Empty => None,
    };
    let outcome = match &outcome {
        Some(Value::Outcome(outcome)) => Some(outcome),
        _ => None,
    };
    let command = Expire::new(at, step, id, sender, &message, outcome)?;
    match service.execute_in_turn(command).await? {
        Some(unnamed) => service.let_go(unnamed).await,
        None => Ok(()),
    }
}

fn due(key: &[u8]) -> Option<(u64, (MessageId, ContactId))> {
    match keys::read_due(key)? {
        Key::Due(at, id, sender) => Some((at, (id, sender))),
        _ => None,
    }
}

/// Shrinks every mailbox that begins with what is gone for long enough.
async fn shrink_all(service: &Service, stop: &watch::Receiver<bool>) -> Result<(), Failure> {
    let mut range = KeyRange::prefix(keys::MAILBOX);
    loop {
        let page = examine(service, range.clone(), MAILBOXES).await?;
        for (key, _) in &page.entries {
            if *stop.borrow() {
                return Ok(());
            }
            // What fails was said, and keeps no other mailbox back.
            let _ = shrink(service, key).await;
        }
        match page.entries.last().filter(|_| page.more) {
            Some((last, _)) => range = range.after(last),
            None => return Ok(()),
        }
    }
}

async fn shrink(service: &Service, key: &[u8]) -> Result<(), Failure> {
    let unreadable = || service.broken(&StoreError::Corrupt("whose a mailbox is".to_owned()));
    let contact = keys::read_mailbox(key).ok_or_else(unreadable)?;
    let mut begins = service.mailbox(&contact).await?.1.count;
    while let Some(Entry::Gone(_)) = service.mailbox_entry(&contact, begins + 1).await? {
        let moved = service.execute_in_turn(Shrink::new(contact.clone(), begins)).await?;
        if moved < Shrink::ENTRIES {
            break;
        }
        begins += moved;
    }
    Ok(())
}

/// A value that is damaged keeps those behind it from nothing.
async fn examine(service: &Service, range: KeyRange, limit: u32) -> Result<Examined, Failure> {
    let page = service.shared.store.examine(range, limit).await;
    page.map_err(|why| service.broken(&why))
}
