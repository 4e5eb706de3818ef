//! Mailboxes that begin anew: the way on when older data was put back, and the newer is gone for good.
//!
//! In scope: which mailboxes, what is delivered again of each, doing it on a store that is not served.
//! Out of scope: what each step changes (`domain::commands::anew`). Invariants: where there are two operators
//! both have signed which; an epoch is above every one that the store or the mark knows; until all is
//! done no start serves the store.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;

use crate::domain::administration::audit::Call;
use crate::domain::administration::proposal::{self, Act, Approved};
use crate::domain::commands::anew::{Begin, Redeliver, is_kept};
use crate::domain::commands::desk::WentBack;
use crate::domain::directory::Directory;
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::domain::relay::expire;
use crate::domain::state::{Entry, Key, Mailbox, Shown, Value};
use crate::store::blobs::Blobs;
use crate::store::{KeyRange, Pages, Site, Store, StoreError, codec, keys};

use super::high_water::Mark;
use super::keys::Keys;
use super::start::{self, CannotStart, Seen, Settings};
use super::{Failure, Service, mark};

/// Which mailboxes begin anew, beside those that must.
#[derive(Debug, Clone, Default)]
pub struct Which {
    /// Those of these contacts.
    pub named: Vec<ContactId>,
    /// Every mailbox there is.
    pub all: bool,
    /// The operators' approval of it: a Dsse.
    pub approved: Option<Bytes>,
}

/// What would begin anew.
#[derive(Debug)]
pub struct Survey {
    /// Each that would, by contact.
    pub mailboxes: Vec<Anew>,
    /// Whether enough have signed that.
    pub approval: Result<(), CannotStart>,
}

/// A mailbox that begins anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anew {
    /// Whose it is.
    pub contact: ContactId,
    /// Why it does not go on.
    pub why: Why,
    /// Where it stands in the store.
    pub stored: Option<Mailbox>,
    /// Where it stood when it was last shown.
    pub shown: Option<Mailbox>,
    /// The epoch that begins.
    pub epoch: u64,
    /// How much of what is stored is delivered again.
    pub again: u64,
    /// How much of what is stored has expired.
    pub expired: u64,
    /// What it had, and the store has no more, by number.
    pub lost: Vec<Lost>,
}

/// Why a mailbox begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A new epoch was begun before, and not finished.
    Unfinished,
    /// More was shown than is stored.
    Behind,
    /// Its entries are not those that it counts, or show what is lost.
    Damaged,
    /// The operator said so.
    Named,
}

/// What is not stored any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The first number.
    pub first: u64,
    /// The last number.
    pub last: u64,
    /// The message and its sender, if its entry is still there.
    pub message: Option<(MessageId, ContactId)>,
}

/// The mailboxes that would begin anew. Nothing is changed.
///
/// # Errors
/// As [`start::look`], but for mailboxes that are behind; there is no mailbox of one that was named.
pub async fn survey(
    place: &Site,
    keys: &Keys,
    settings: &Settings,
    which: &Which,
) -> Result<Survey, CannotStart> {
    let seen = Seen::of(place, Some(keys), settings).await?;
    let unfit = match seen.not_behind(settings).await {
        Ok(_) => None,
        Err(why @ (CannotStart::Older(_) | CannotStart::Unfinished(_))) => Some(why),
        Err(why) => return Err(why),
    };
    let shown = start::shown(settings, &seen.read)?.mark.unwrap_or_default();
    let directory = &seen.read.directory;
    let mailboxes = anew(seen.store.as_ref(), directory, &shown, which).await?;
    of_mailboxes(unfit, &mailboxes)?;
    let approval = approval(directory, which, &mailboxes, settings.ambient.now()).map(drop);
    Ok(Survey { mailboxes, approval })
}

/// A store that went back, and of whose mailboxes nothing is missing, is not put right by a new epoch.
fn of_mailboxes(unfit: Option<CannotStart>, mailboxes: &[Anew]) -> Result<(), CannotStart> {
    match unfit {
        Some(CannotStart::Older(why)) if mailboxes.is_empty() && why.is_beside_mailboxes() => {
            Err(why.into())
        }
        _ => Ok(()),
    }
}

/// Enough operators have approved all that begins anew, each mailbox in its epoch: no epoch begins twice,
/// so no approval is used twice.
fn approval(
    directory: &Directory,
    which: &Which,
    mailboxes: &[Anew],
    now: u64,
) -> Result<Option<Approved>, CannotStart> {
    let needed = proposal::needed(directory);
    let Some(bytes) = &which.approved else {
        return match needed > 1 && !mailboxes.is_empty() {
            true => Err(CannotStart::NotApproved { needed }),
            false => Ok(None),
        };
    };
    let refused = CannotStart::Approval;
    let approved = Approved::verify(directory, bytes).map_err(refused)?;
    approved.rests(directory).map_err(refused)?;
    approved.is_approved(directory).map_err(refused)?;
    let expires = approved.proposal().expires;
    let latest = now + limits::PROPOSAL_SECONDS;
    if expires <= now {
        return Err(refused(Refusal::ProposalExpired { at: expires }));
    }
    if expires > latest {
        return Err(refused(Refusal::ProposalTooLong { expires, latest }));
    }
    let Act::NewEpoch(named) = approved.act() else {
        return Err(CannotStart::AnotherAct(approved.act().name()));
    };
    let is_named = |anew: &&Anew| named.iter().any(|of| *of == (anew.contact.clone(), anew.epoch));
    match mailboxes.iter().find(|anew| !is_named(anew)) {
        Some(Anew { contact, epoch, .. }) => {
            Err(CannotStart::NotInApproval { contact: contact.clone(), epoch: *epoch })
        }
        None => Ok(Some(approved)),
    }
}

/// On a store that was surveyed, lets mailboxes begin anew, and brings the mark to where they stand. Cut off anywhere, it goes on when
/// it is asked again.
///
/// # Errors
/// As [`survey`].
pub async fn begin_anew(
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
    keys: Keys,
    settings: Settings,
    which: &Which,
) -> Result<Vec<Anew>, CannotStart> {
    let read = start::read(store.as_ref(), Some(&keys), &settings).await?;
    let mut mark = start::shown(&settings, &read)?.mark.unwrap_or_default();
    let all = anew(store.as_ref(), &read.directory, &mark, which).await?;
    let approved = approval(&read.directory, which, &all, settings.ambient.now())?;
    of_mailboxes(start::not_behind(store.as_ref(), &settings, &read).await.err(), &all)?;
    // What was shown of a mailbox stays in the mark until its new epoch does: so nothing is served before.
    mark.end = store.end();
    let mut others = mark::mailboxes(store.as_ref()).await?;
    others.retain(|contact, _| all.iter().all(|anew| anew.contact != *contact));
    mark.mailboxes.extend(others);
    let service = start::begin(store, blobs, keys, settings, read, mark).await?;
    for mailbox in &all {
        if let Err(why) = service.deliver_anew(mailbox, approved.as_ref()).await {
            let why = match why {
                Failure::Stopped => service.stopped().await,
                why => why.to_string(),
            };
            return Err(CannotStart::NotAnew { contact: mailbox.contact.clone(), why });
        }
    }
    service.settled().await?;
    Ok(all)
}

impl Service {
    async fn deliver_anew(&self, anew: &Anew, approved: Option<&Approved>) -> Result<(), Failure> {
        let Anew { contact, epoch, .. } = anew;
        // After a cut it may have begun.
        if self.mailbox(contact).await?.0.epoch < *epoch {
            let mut call = Call::of_service("new-epoch", format!("{contact}, epoch {epoch}"));
            if let Some(approved) = approved {
                call = call.about(approved.id()).signed_by(approved.signers().iter());
            }
            self.audited(call, WentBack(Begin::new(contact.clone(), *epoch))).await?;
        }
        let after = self.mailbox(contact).await?.0.count;
        let mut range = KeyRange::prefix(&keys::entries(contact));
        if after > 0 {
            range = range.after(&keys::of(&Key::Entry(contact.clone(), after)));
        }
        loop {
            let page = self.shared.store.scan(range.clone(), AT_ONCE).await;
            let page = page.map_err(|why| self.broken(&why))?;
            let mut steps = Vec::new();
            for (key, _, value) in &page.entries {
                let (number, entry) =
                    read_entry(contact, key, value).map_err(|why| self.broken(&why))?;
                steps.push(self.execute_in_turn(Redeliver::new(contact.clone(), number, entry)));
            }
            // They are queued, and so numbered, in this order.
            for step in join_all(steps).await {
                step?;
            }
            match page.entries.last().filter(|_| page.more) {
                Some((last, _, _)) => range = range.after(last),
                None => return Ok(()),
            }
        }
    }
}

/// Entries at a time: a round has 255 places.
const AT_ONCE: u32 = 16;

async fn anew(
    store: &dyn Store,
    directory: &Directory,
    shown: &Mark,
    which: &Which,
) -> Result<Vec<Anew>, CannotStart> {
    let stored = mark::mailboxes(store).await?;
    let contacts: BTreeSet<&ContactId> = stored.keys().chain(shown.mailboxes.keys()).collect();
    if let Some(unknown) = which.named.iter().find(|named| !contacts.contains(named)) {
        return Err(CannotStart::NoMailbox(unknown.clone()));
    }
    let mut all = Vec::new();
    for contact in contacts {
        let (stored, shown) = (stored.get(contact), shown.mailboxes.get(contact));
        let behind = match shown {
            Some(shown) => mark::is_missing(store, contact, stored, shown).await?.is_some(),
            None => false,
        };
        let found = Found::in_store(store, directory, contact, stored, behind).await?;
        let why = if found.beyond {
            Why::Unfinished
        } else if behind {
            Why::Behind
        } else if !found.whole || !found.lost.is_empty() {
            Why::Damaged
        } else if which.all || which.named.contains(contact) {
            Why::Named
        } else {
            continue;
        };
        all.push(found.anew(contact.clone(), why, stored.copied(), shown.copied()));
    }
    Ok(all)
}

/// What is stored of one mailbox.
#[derive(Default)]
struct Found {
    /// All entries that it counts are there, and chain to where it stands.
    whole: bool,
    /// Entries stand beyond its count, and its epoch can go on.
    beyond: bool,
    last: u64,
    again: u64,
    expired: u64,
    lost: Vec<Lost>,
}

impl Found {
    async fn in_store(
        store: &dyn Store,
        directory: &Directory,
        contact: &ContactId,
        stored: Option<&Mailbox>,
        behind: bool,
    ) -> Result<Self, StoreError> {
        let empty = Mailbox::empty(directory.genesis(), contact);
        let stored = *stored.unwrap_or(&empty);
        let key = Key::Beginning(contact.clone());
        let begins = match value(store, &key).await? {
            Some(Value::Beginning(begins)) => Some(begins),
            _ => None,
        };
        let mut at = Some(expire::beginning(directory, contact, &stored, begins.as_ref()));
        let mut found = Self { last: at.map_or(0, |at| at.count), ..Self::default() };
        let mut pages = Pages::of(store, &keys::entries(contact));
        while let Some(page) = pages.next().await? {
            for (key, _, value) in &page.entries {
                let (number, entry) = read_entry(contact, key, value)?;
                let waits = behind && number > stored.count;
                if number > stored.count && !found.beyond && !behind {
                    // Of what was lost the run that began it has told.
                    let whole = at == Some(stored);
                    found = Self { beyond: true, whole, ..Self::default() };
                } else if number > found.last + 1 && !waits {
                    found.lose(found.last + 1, number - 1, None);
                }
                at = at.filter(|at| number == at.count + 1).and_then(|at| at.with(&entry));
                let before = found.again;
                found.take(store, number, entry).await?;
                // What waits to be delivered again has the numbers behind what was.
                found.last = if waits { found.last + found.again - before } else { number };
            }
        }
        found.whole |= at == Some(stored);
        Ok(found)
    }

    async fn take(
        &mut self,
        store: &dyn Store,
        number: u64,
        entry: Entry,
    ) -> Result<(), StoreError> {
        let Entry::Shown(Shown { kind, id, sender, .. }) = entry else {
            self.expired += 1;
            return Ok(());
        };
        match value(store, &Key::Message(id, sender.clone())).await? {
            Some(Value::Message(message)) if is_kept(kind, &message) => self.again += 1,
            Some(_) => self.expired += 1,
            None => self.lose(number, number, Some((id, sender))),
        }
        Ok(())
    }

    fn lose(&mut self, first: u64, last: u64, message: Option<(MessageId, ContactId)>) {
        self.lost.push(Lost { first, last, message });
    }

    fn anew(
        mut self,
        contact: ContactId,
        why: Why,
        stored: Option<Mailbox>,
        shown: Option<Mailbox>,
    ) -> Anew {
        let epochs = [stored, shown].map(|of| of.map_or(0, |of| of.epoch));
        let newest = epochs.into_iter().max().unwrap_or_default();
        if why != Why::Unfinished {
            let same = shown.filter(|shown| shown.epoch == newest);
            let last = [stored, same].map(|of| of.map_or(0, |of| of.count));
            let last = last.into_iter().max().unwrap_or_default();
            if self.last < last {
                self.lose(self.last + 1, last, None);
            }
        }
        let epoch = if why == Why::Unfinished { newest } else { newest + 1 };
        let Self { again, expired, lost, .. } = self;
        Anew { contact, why, stored, shown, epoch, again, expired, lost }
    }
}

async fn value(store: &dyn Store, key: &Key) -> Result<Option<Value>, StoreError> {
    let stored = keys::of(key);
    let found = store.read(std::slice::from_ref(&stored)).await?;
    found.value(&stored).map(|bytes| codec::decode(key, bytes)).transpose()
}

fn read_entry(contact: &ContactId, key: &[u8], value: &Bytes) -> Result<(u64, Entry), StoreError> {
    let number = key.get(keys::entries(contact).len()..).and_then(|at| at.try_into().ok());
    let number = number.map(u64::from_be_bytes);
    let bad = || StoreError::Corrupt(format!("{} has no number", key.escape_ascii()));
    Ok((number.ok_or_else(bad)?, codec::entry(value)?))
}
