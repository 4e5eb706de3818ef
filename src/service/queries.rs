//! What is read: the log and its proofs, facets, mailboxes, what became of messages.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use tokio::sync::watch;

use crate::crypto::hash::Digest;
use crate::domain::access::{Permit, to};
use crate::domain::directory::facet::OpenFacet;
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::limits;
use crate::domain::refusal::{Refusal, Which};
use crate::domain::relay::addressing::name_of;
use crate::domain::relay::envelope::read_letter;
use crate::domain::relay::expire;
use crate::domain::state::{Body, Entry, EntryKind, Key, Mailbox, Message, Shown, Value};
use crate::signed::dsse::Kind;
use crate::signed::proto;
use crate::store::{Hints, KeyRange, StoreError, codec, keys};
use crate::tlog::merkle::{self, Tree};

use super::door::Ask;
use super::telemetry::Event;
use super::{Failure, Service, State};

/// An entry with its inclusion proof against the newest checkpoint.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The entry's bytes, as the log has them.
    pub entry: Bytes,
    /// Where it stands.
    pub leaf: u64,
    /// RFC 9162 2.1.3.
    pub inclusion: Vec<Digest>,
    /// The checkpoint that it is proven against.
    pub checkpoint: Bytes,
}

/// A page of charters.
#[derive(Debug, Clone)]
pub struct Charters {
    /// In the order of their versions.
    pub charters: Vec<Proven>,
    /// The one checkpoint that they are proven against.
    pub checkpoint: Bytes,
    /// The version in force.
    pub newest: u64,
    /// How members find the service, host:port.
    pub addresses: Vec<String>,
}

/// What a reader wants of the entries of its mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// Everything, bodies and letters included.
    Whole,
    /// What the chain needs: neither bodies nor letters.
    Headers,
}

/// One entry of a mailbox, as one seat gets it.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its number in the mailbox.
    pub number: u64,
    /// Why it is there.
    pub kind: EntryKind,
    /// The signed header.
    pub header: Bytes,
    /// The sealed body; none with an acknowledgement, or if headers alone were asked for.
    pub body: Bytes,
    /// The seat's own letter, its index and its path to the header's root.
    pub letter: Option<(Bytes, u32, Vec<Digest>)>,
    /// A colleague's acknowledgement.
    pub acknowledgement: Bytes,
    /// What stands in the chain, if what the entry showed is gone.
    pub gone: Option<Digest>,
    /// Who sent that, if it has not expired, but is lost.
    pub lost: Option<ContactId>,
}

impl Item {
    const fn of_gone(number: u64, kind: EntryKind, digest: Digest) -> Self {
        Self {
            number,
            kind,
            header: Bytes::new(),
            body: Bytes::new(),
            letter: None,
            acknowledgement: Bytes::new(),
            gone: Some(digest),
            lost: None,
        }
    }
}

/// A part of a mailbox.
#[derive(Debug, Clone)]
pub struct MailboxPage {
    /// Where the mailbox begins, if that is behind the number asked for: the items go on there.
    pub beginning: Option<Mailbox>,
    /// In the order of their numbers.
    pub items: Vec<Item>,
    /// Whose mailbox it is.
    pub contact: ContactId,
    /// Where it stands; read after the items.
    pub mailbox: Mailbox,
    /// The newest head before that was read: what vouches for the mailbox claims no later view.
    state: Arc<State>,
}

/// What became of a message.
#[derive(Debug, Clone)]
pub struct Status {
    /// The accepted receipt, signed anew.
    pub accepted: Bytes,
    /// Acknowledgements, as they came.
    pub acknowledgements: Vec<Bytes>,
}

/// What an entry shows and is not there, or cannot be read.
enum Lost {
    /// All of the message.
    Message,
    /// Its body, and why.
    Body(String),
}

/// Charters of one page: a client that was away for ten years asks a few times.
const CHARTERS: u32 = 16;
/// Entries of one page.
const PAGE: u32 = 64;
/// A page is full when it holds this much: with the last message, 1.6 MiB are in memory.
const PAGE_BYTES: usize = 256 * 1024;

impl Service {
    /// The newest checkpoint.
    #[must_use]
    pub fn checkpoint(&self, _: &Permit<to::GetCheckpoint>) -> Bytes {
        self.state().checkpoint.clone()
    }

    /// Entries from `start` on, as many as fit a page, and the newest checkpoint.
    ///
    /// # Errors
    /// The service stops.
    pub async fn entries(
        &self,
        _: &Permit<to::GetEntries>,
        start: u64,
        limit: u32,
    ) -> Result<(Vec<Bytes>, Bytes), Failure> {
        let state = self.state();
        let range = KeyRange::new(keys::log_entry(start), keys::log_entry(state.head.size));
        if start >= state.head.size {
            return Ok((Vec::new(), state.checkpoint.clone()));
        }
        let page = self.shared.store.scan(range, limit.clamp(1, 1_000)).await;
        let page = page.map_err(|why| self.broken(&why))?;
        let mut room = limits::ENTRIES_PAGE_BYTES;
        let fits = |entry: &Bytes| {
            let fits = room > 0;
            room = room.saturating_sub(entry.len());
            fits
        };
        let entries = page.entries.into_iter().map(|(_, _, entry)| entry).take_while(fits);
        let entries = (start..).zip(entries).map(|(leaf, entry)| self.as_signed(leaf, entry));
        Ok((entries.collect::<Result<_, _>>()?, state.checkpoint.clone()))
    }

    /// This entry as it was read, if it is the one that the tree has: a bit that flipped on the disk, or an
    /// entry that is not there, is not served as what was signed.
    fn as_signed(&self, leaf: u64, entry: Bytes) -> Result<Bytes, Failure> {
        if self.log(|log| log.leaf(leaf)) == Some(merkle::leaf_hash(&entry)) {
            return Ok(entry);
        }
        self.shared.telemetry.say(&Event::EntryAltered(leaf));
        Err(Refusal::StoreDamaged.into())
    }

    /// One entry with its proof; none if the log is shorter.
    ///
    /// # Errors
    /// The service stops.
    pub async fn proof(
        &self,
        _: &Permit<to::GetProof>,
        leaf: u64,
    ) -> Result<Option<Proven>, Failure> {
        let state = self.state();
        self.proven(leaf, state.head.size, &state.checkpoint).await
    }

    /// The newest entries about a contact: its record, and its roster.
    ///
    /// # Errors
    /// There is no such contact; the service stops.
    pub async fn look_up(
        &self,
        _: &Permit<to::LookUp>,
        id: &ContactId,
    ) -> Result<(Proven, Option<Proven>), Failure> {
        let state = self.state();
        state.directory.record(id)?;
        let unknown = || Refusal::UnknownContact(id.clone());
        let contact = state.directory.contact(id).ok_or_else(unknown)?;
        let prove = |leaf| self.proven(leaf, state.head.size, &state.checkpoint);
        let record = prove(contact.record_newest.leaf).await?.ok_or_else(unknown)?;
        let roster = match (&contact.roster, contact.roster_newest) {
            (Some(_), Some(newest)) => prove(newest.leaf).await?,
            _ => None,
        };
        Ok((record, roster))
    }

    async fn proven(
        &self,
        leaf: u64,
        size: u64,
        checkpoint: &Bytes,
    ) -> Result<Option<Proven>, Failure> {
        let Some(inclusion) = self.log(|log| log.inclusion_proof(leaf, size)) else {
            return Ok(None);
        };
        let key = keys::log_entry(leaf);
        let found = self.shared.store.read(std::slice::from_ref(&key)).await;
        let found = found.map_err(|why| self.broken(&why))?;
        let Some(entry) = found.value(&key).cloned() else { return Ok(None) };
        let entry = self.as_signed(leaf, entry)?;
        Ok(Some(Proven { entry, leaf, inclusion, checkpoint: checkpoint.clone() }))
    }

    /// Salt and bytes of those facets that the service holds.
    ///
    /// # Errors
    /// The service stops.
    pub async fn facets(
        &self,
        permit: &Permit<to::GetFacets>,
        named: Vec<(String, Digest)>,
    ) -> Result<Vec<OpenFacet>, Failure> {
        // The first was counted with the request.
        let more = named.len().saturating_sub(1);
        self.door().asks(permit.peer(), Ask::Reads(more))?;
        let mut facets = Vec::new();
        for (subject, hash) in named {
            let key = Key::Facet(subject, hash);
            if let Some(Value::Facet(facet)) = self.value(&key).await? {
                facets.push(facet);
            }
        }
        Ok(facets)
    }

    /// A page of the charters after a version, by version: looked up where they stand, and each
    /// proven against one checkpoint.
    ///
    /// # Errors
    /// The service stops.
    pub async fn charters(
        &self,
        _: &Permit<to::GetCharters>,
        after_version: u64,
    ) -> Result<Charters, Failure> {
        let state = self.state();
        let (size, checkpoint) = (state.head.size, state.checkpoint.clone());
        let newest = state.directory.charter().newest.version;
        let range = KeyRange::prefix(keys::LOG_CHARTER);
        let range = range.after(&keys::log_charter(after_version));
        let page = self.shared.store.scan(range, CHARTERS).await;
        let page = page.map_err(|why| self.broken(&why))?;
        let (mut charters, mut room) = (Vec::new(), PAGE_BYTES);
        for (_, _, leaf) in &page.entries {
            let leaf = leaf[..].try_into().map(u64::from_be_bytes).map_err(|_| {
                self.broken(&StoreError::Corrupt("where a charter stands".to_owned()))
            })?;
            // One that was committed since this state stands behind its head.
            let Some(proven) = self.proven(leaf, size, &checkpoint).await? else { break };
            room = room.saturating_sub(proven.entry.len());
            charters.push(proven);
            if room == 0 {
                break;
            }
        }
        let addresses = self.shared.addresses.clone();
        Ok(Charters { charters, checkpoint, newest, addresses })
    }

    /// The charter in force, the bytes of a Dsse: for the operator's own files.
    ///
    /// # Errors
    /// The service stops.
    pub async fn charter(&self) -> Result<Bytes, Failure> {
        match self.charter_entry().await?.leaf {
            Some(proto::entry::Leaf::Statement(charter)) => Ok(charter),
            None => Err(self.no_charter()),
        }
    }

    /// The charter in force, as it stands in the log.
    pub(super) async fn charter_entry(&self) -> Result<proto::Entry, Failure> {
        let leaf = self.state().directory.charter().newest.leaf;
        let key = keys::log_entry(leaf);
        let found = self.shared.store.read(std::slice::from_ref(&key)).await;
        let found = found.map_err(|why| self.broken(&why))?;
        let entry = found.value(&key).cloned().ok_or_else(|| self.no_charter())?;
        let entry = self.as_signed(leaf, entry)?;
        proto::Entry::decode(entry).map_err(|_| self.no_charter())
    }

    fn no_charter(&self) -> Failure {
        self.broken(&StoreError::Corrupt("the charter in force".to_owned()))
    }

    /// Changes with every new head, once requests are answered from it: a hint of the store comes
    /// before that. Ends when the service has stopped.
    #[must_use]
    pub fn heads(&self) -> watch::Receiver<u64> {
        self.shared.heads.clone()
    }

    /// The newest committed head, for who watches.
    #[must_use]
    pub fn watched(&self, _: &Permit<to::Watch>) -> Arc<State> {
        self.state()
    }

    /// Hints that the seat's mailbox may have changed.
    #[must_use]
    pub fn follow_mailbox(&self, permit: &Permit<to::Collect>) -> Hints {
        self.shared.store.wake(vec![keys::of(&Key::Mailbox(permit.contact()))])
    }

    /// The seat's mailbox after a number.
    ///
    /// # Errors
    /// The service stops.
    pub async fn collect(
        &self,
        permit: &Permit<to::Collect>,
        after: u64,
        parts: Parts,
    ) -> Result<MailboxPage, Failure> {
        let (seat, contact) = (permit.seat(), permit.contact());
        let prefix = keys::entries(&contact);
        let mut range = KeyRange::prefix(&prefix);
        if after > 0 {
            range = range.after(&[&prefix[..], &after.to_be_bytes()].concat());
        }
        let page = self.shared.store.examine(range, PAGE).await.map_err(|why| self.broken(&why))?;
        let (mut items, mut room) = (Vec::new(), PAGE_BYTES);
        for (key, found) in page.entries {
            let number = key.get(prefix.len()..).and_then(|number| number.try_into().ok());
            let number = number.map(u64::from_be_bytes).unwrap_or_default();
            let entry = found.and_then(|found| codec::entry(&found.bytes));
            let item = match entry.map_err(|why| self.broken(&why)) {
                Ok(entry) => self.collected(&contact, number, entry, seat, parts).await,
                Err(damaged) => Err(damaged),
            };
            let item = match item {
                // What stands before it comes first.
                Err(_) if !items.is_empty() => break,
                item => item?,
            };
            room = room.saturating_sub(item.header.len() + item.body.len());
            items.push(item);
            if room == 0 {
                break;
            }
        }
        let state = self.state();
        let (mailbox, begins) = self.mailbox(&contact).await?;
        // It may have shrunk since the items were read.
        items.retain(|item| item.number > begins.count);
        let next = after.max(begins.count).saturating_add(1);
        let whole =
            (0..).zip(&items).take_while(|(at, item)| item.number == next.saturating_add(*at));
        items.truncate(whole.count());
        if items.is_empty() && next <= mailbox.count {
            self.is_there(&contact, next).await?;
        }
        let beginning = (after < begins.count).then_some(begins);
        Ok(MailboxPage { beginning, items, contact, mailbox, state })
    }

    /// An entry that a mailbox counts, unless it has begun behind it meanwhile.
    async fn is_there(&self, contact: &ContactId, number: u64) -> Result<(), Failure> {
        let begins = Key::Beginning(contact.clone());
        let entry = keys::of(&Key::Entry(contact.clone(), number));
        let found = self.shared.store.read(&[entry.clone(), keys::of(&begins)]).await;
        let found = found.map_err(|why| self.broken(&why))?;
        let begins = found.value(&keys::of(&begins)).map(|value| codec::decode(&begins, value));
        let is_behind = match begins.transpose().map_err(|why| self.broken(&why))? {
            Some(Value::Beginning(begins)) => number <= begins.count,
            _ => false,
        };
        if is_behind || found.value(&entry).is_some() {
            return Ok(());
        }
        let why = format!("entry {number} of the mailbox of {contact} is missing");
        Err(self.broken(&StoreError::Corrupt(why)))
    }

    /// Where a mailbox stands, and where it begins.
    pub(super) async fn mailbox(&self, contact: &ContactId) -> Result<(Mailbox, Mailbox), Failure> {
        let directory = &self.state().directory;
        let [own, begins] = [Key::Mailbox(contact.clone()), Key::Beginning(contact.clone())];
        let mailbox = match self.value(&own).await? {
            Some(Value::Mailbox(mailbox)) => mailbox,
            _ => Mailbox::empty(directory.genesis(), contact),
        };
        let begins = match self.value(&begins).await? {
            Some(Value::Beginning(begins)) => Some(begins),
            _ => None,
        };
        Ok((mailbox, expire::beginning(directory, contact, &mailbox, begins.as_ref())))
    }

    /// One entry of the seat's mailbox, whole.
    ///
    /// # Errors
    /// There is no such entry, it has expired; the service stops.
    pub async fn entry(&self, permit: &Permit<to::GetBody>, number: u64) -> Result<Item, Failure> {
        let contact = permit.contact();
        let entry = Entry::Shown(self.shown(&contact, number).await?);
        match self.item(&contact, number, &entry, permit.seat(), Parts::Whole).await? {
            Ok(item) if item.gone.is_none() => Ok(item),
            Ok(_) => Err(Refusal::MessageExpired(Which::Number(number)).into()),
            Err(Lost::Message | Lost::Body(_)) => Err(Refusal::BodyDamaged.into()),
        }
    }

    /// What the entry of a number shows.
    ///
    /// # Errors
    /// There is no such entry, it has expired; the service stops.
    pub(super) async fn shown(&self, contact: &ContactId, number: u64) -> Result<Shown, Failure> {
        let (which, entry) = (Which::Number(number), self.mailbox_entry(contact, number).await?);
        let is_gone = match entry {
            Some(Entry::Shown(shown)) => return Ok(shown),
            Some(Entry::Gone(_)) => true,
            None => (1..=self.mailbox(contact).await?.1.count).contains(&number),
        };
        let refusal =
            if is_gone { Refusal::MessageExpired(which) } else { Refusal::UnknownMessage(which) };
        Err(refusal.into())
    }

    /// An entry of a page: what is lost of it is left out, and the chain goes on.
    async fn collected(
        &self,
        contact: &ContactId,
        number: u64,
        entry: Entry,
        seat: &SeatId,
        parts: Parts,
    ) -> Result<Item, Failure> {
        let mut found = self.item(contact, number, &entry, seat, parts).await?;
        if let Err(Lost::Body(_)) = found {
            found = self.item(contact, number, &entry, seat, Parts::Headers).await?;
        }
        match (found, entry.chained(), entry) {
            (Ok(item), _, _) => Ok(item),
            (Err(_), Some((kind, digest)), Entry::Shown(Shown { sender, .. })) => {
                Ok(Item { lost: Some(sender), ..Item::of_gone(number, kind, digest) })
            }
            (Err(_), _, _) => {
                let unreadable = format!("what entry {number} of {contact} carries");
                Err(self.broken(&StoreError::Corrupt(unreadable)))
            }
        }
    }

    async fn item(
        &self,
        contact: &ContactId,
        number: u64,
        entry: &Entry,
        seat: &SeatId,
        parts: Parts,
    ) -> Result<Result<Item, Lost>, Failure> {
        let shown = match entry {
            Entry::Shown(shown) => shown,
            Entry::Gone(gone) => return Ok(Ok(Item::of_gone(number, gone.kind, gone.digest))),
        };
        let lost = match self.shows(number, shown, seat, parts).await? {
            Ok(item) => return Ok(Ok(item)),
            Err(lost) => lost,
        };
        // It may have expired since the entry was read.
        if let Some(Entry::Gone(gone)) = self.mailbox_entry(contact, number).await? {
            return Ok(Ok(Item::of_gone(number, gone.kind, gone.digest)));
        }
        let why = match &lost {
            Lost::Message => "all of it",
            Lost::Body(why) => why,
        };
        self.shared.telemetry.say(&Event::BodyDamaged(shown.id, &shown.sender, why));
        Ok(Err(lost))
    }

    /// The message that an entry shows, and the rest of it, if they are there.
    async fn shows(
        &self,
        number: u64,
        shown: &Shown,
        seat: &SeatId,
        parts: Parts,
    ) -> Result<Result<Item, Lost>, Failure> {
        let key = Key::Message(shown.id, shown.sender.clone());
        let message = match self.value(&key).await {
            Ok(Some(Value::Message(message))) => message,
            Ok(_) | Err(Failure::Refused(Refusal::StoreDamaged)) => return Ok(Err(Lost::Message)),
            Err(why) => return Err(why),
        };
        let mut item = Item {
            number,
            kind: shown.kind,
            header: message.header.clone(),
            body: Bytes::new(),
            letter: None,
            acknowledgement: shown.acknowledgement.clone(),
            gone: None,
            lost: None,
        };
        let is_message = matches!(shown.kind, EntryKind::Addressed | EntryKind::Released);
        if is_message && parts == Parts::Whole {
            let body = match self.body(&message).await {
                Ok(body) => body,
                Err(lost) => return Ok(Err(lost)),
            };
            (item.letter, item.body) = (own_letter(&message, seat), body);
        }
        Ok(Ok(item))
    }

    async fn body(&self, message: &Message) -> Result<Bytes, Lost> {
        match &message.body {
            Body::Inline(body) => Ok(body.clone()),
            Body::Blob(digest, _) => match self.shared.blobs.get(*digest).await {
                Ok(Some(body)) => Ok(body),
                Ok(None) => Err(Lost::Body(format!("its body {digest}, which is missing"))),
                Err(why) => Err(Lost::Body(format!("its body {digest}: {why}"))),
            },
            Body::Gone => Err(Lost::Message),
        }
    }

    /// The relay's word on where the mailbox of a page stands.
    ///
    /// # Errors
    /// The service stops.
    pub fn vouch(&self, page: &MailboxPage) -> Result<Bytes, Failure> {
        let (state, mailbox) = (&page.state, page.mailbox);
        let head = proto::MailboxHead {
            directory: Some(name_of(&state.directory)),
            place: Some(proto::Place {
                contact: page.contact.to_string(),
                epoch: mailbox.epoch,
                number: mailbox.count,
                chain: Bytes::copy_from_slice(mailbox.chain.as_bytes()),
            }),
            at: self.now(),
            view: Some(state.head.to_proto()),
        };
        self.sign(Kind::MailboxHead, &head.encode_to_vec(), state.head.size)?
            .ok_or(Failure::Stopped)
    }

    /// What became of a message of the seat's contact.
    ///
    /// # Errors
    /// There is no such message; the service stops.
    pub async fn status(
        &self,
        permit: &Permit<to::GetStatus>,
        id: MessageId,
    ) -> Result<Status, Failure> {
        let contact = permit.contact();
        let message = self.value(&Key::Message(id, contact.clone())).await?;
        let Some(Value::Message(message)) = message else {
            return Err(Refusal::UnknownMessage(id.into()).into());
        };
        let acknowledgements = match self.value(&Key::Outcome(id, contact)).await? {
            Some(Value::Outcome(outcome)) => outcome.acknowledgements,
            _ => Vec::new(),
        };
        Ok(Status { accepted: self.sign_accepted(&message.accepted)?, acknowledgements })
    }

    pub(super) async fn mailbox_entry(
        &self,
        contact: &ContactId,
        number: u64,
    ) -> Result<Option<Entry>, Failure> {
        match self.value(&Key::Entry(contact.clone(), number)).await? {
            Some(Value::Entry(entry)) => Ok(Some(entry)),
            _ => Ok(None),
        }
    }

    pub(super) async fn value(&self, key: &Key) -> Result<Option<Value>, Failure> {
        let stored = keys::of(key);
        let found = self.shared.store.read(std::slice::from_ref(&stored)).await;
        let found = found.map_err(|why| self.broken(&why))?;
        let value = found.value(&stored).map(|bytes| codec::decode(key, bytes));
        value.transpose().map_err(|why| self.broken(&why))
    }

    pub(super) fn broken(&self, why: &StoreError) -> Failure {
        self.shared.telemetry.say(&Event::Store(why));
        match why {
            StoreError::Corrupt(_) | StoreError::Damaged(_) => Refusal::StoreDamaged.into(),
            StoreError::Conflict
            | StoreError::Unknown(_)
            | StoreError::Format(_)
            | StoreError::Open(_)
            | StoreError::Held(_) => Failure::Stopped,
        }
    }
}

/// The letter of a seat, its index, and its path to the header's root.
fn own_letter(message: &Message, seat: &SeatId) -> Option<(Bytes, u32, Vec<Digest>)> {
    let own = |bytes: &Bytes| read_letter(bytes).is_ok_and(|letter| letter.seat == *seat);
    let index = message.letters.iter().position(own)?;
    let mut tree = Tree::default();
    message.letters.iter().for_each(|letter| tree.append(merkle::leaf_hash(letter)));
    let path = tree.inclusion_proof(index as u64, message.letters.len() as u64)?;
    Some((message.letters.get(index)?.clone(), index as u32, path))
}

#[cfg(test)]
mod tests {
    use crate::service::tests::{alice, service};
    use crate::store::Write;

    use super::*;

    /// Its bytes are what was written under its key, and not what stands in the tree.
    #[tokio::test]
    async fn an_entry_that_changed_meanwhile_is_not_served_as_what_was_signed() {
        let home = tempfile::tempdir().unwrap();
        let service = service(&home).await;
        let checkpoint = service.state().checkpoint.clone();
        let whole = service.proven(0, 1, &checkpoint).await.unwrap().unwrap().entry;
        let mut altered = whole.to_vec();
        altered[40] ^= 1;
        let put = async |entry: Bytes| {
            let write = Write::new([], [(keys::log_entry(0), entry)], []).unwrap();
            service.shared.store.commit(write.into()).await.unwrap();
        };
        put(altered.into()).await;
        let damaged = Some(Refusal::StoreDamaged.into());
        assert_eq!(service.proven(0, 1, &checkpoint).await.err(), damaged);
        let permit = service.permit_here(alice()).await.unwrap();
        assert_eq!(service.entries(&permit, 0, 10).await.err(), damaged);
        assert_eq!(service.charter_entry().await.err(), damaged);
        let counts = service.telemetry().counts();
        assert!(counts.contains(&("entry_altered", 3)), "{counts:?}");
        put(whole.clone()).await;
        assert!(service.proven(0, 1, &checkpoint).await.unwrap().is_some(), "it is put right");
        assert_eq!(service.entries(&permit, 0, 10).await.unwrap().0, [whole]);
        assert!(service.charter_entry().await.is_ok());
    }
}
