//! What this seat collected, sealed as it came.
//!
//! In scope: items under their numbers, headers whose bodies did not come yet, what was gone before it
//! came, the cursor, the chain recomputed, which items were dealt with or are asked for again, receipts
//! that were made. Out of scope: opening (`client::message`), what each says of itself (`index`). Invariants: the cursor never passes an item that is not on the medium; an item collected
//! twice is kept once; a mailbox that does not go on where it ended is an error with evidence, and
//! changes nothing; what comes for a header is the entry that the chain has.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use prost::Message as _;

use crate::client::error::{ClientError, Family, Side};
use crate::client::files::{self, FileError, Lock};
use crate::client::message::open::{NotOpened, Received};
use crate::client::message::receipt::{self, ChainError, Link, Place, VerifiedHead};
use crate::client::reason::Rule;
use crate::crypto::hash::Digest;
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::domain::state::{EntryKind, LaterKind, Mailbox};
use crate::signed::dsse::Envelope;
use crate::signed::proto;
use crate::wire::v1;

use super::how::How;

/// The inbox cannot take what came.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// A file cannot be used, or is damaged.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process collects into it.
    #[error("another process is collecting into this inbox")]
    Busy,
    /// The mailbox does not go on where it ended.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The relay's head has an older view of the directory than it must: ask again.
    #[error("the relay's mailbox head has a view of size {found}, and {needed} was seen before")]
    HeadBehind {
        /// What was seen before.
        needed: u64,
        /// The size of the head's view.
        found: u64,
    },
    /// No such item.
    #[error("there is no item {0} in the inbox")]
    Unknown(u64),
    /// The relay was restored since, and has not delivered it again.
    #[error("the service was restored since number {0} came, and has it no more")]
    NotAtRelay(u64),
}

/// What became of an item that was handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is new, and kept.
    New(Place),
    /// It was there already.
    Again(Place),
}

/// An item as it was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Where it stands in the mailbox, as this seat saw it.
    pub place: Place,
    /// Why it stands there.
    pub kind: EntryKind,
    /// What the relay gave.
    pub item: v1::Item,
    /// What stands in the chain for it: of the header's payload or, from kind 3 on, of the payload
    /// of what it carries.
    pub digest: Digest,
    /// The view of the newest head that was here before it came, of this epoch: its keys had not
    /// ended then. 0, if there was none, and for a step of the ladder or a message that expired: such
    /// an entry comes late, and was signed in time.
    pub floor: u64,
    /// The view of the newest head that tells of it: the relay took it, so no view that it names is
    /// larger. The largest number, if there is no such head.
    pub ceiling: u64,
}

impl Kept {
    /// Why its header does not hold: a view that cannot be is nothing to sync for.
    #[must_use]
    pub fn not_opened(&self, why: NotOpened) -> NotOpened {
        match why {
            NotOpened::SyncFirst(found) if found > self.ceiling => {
                NotOpened::Header(Refusal::ViewAhead { size: self.ceiling, found })
            }
            why => why,
        }
    }

    /// What can be opened.
    #[must_use]
    pub fn received(&self) -> Received<'_> {
        Received { floor: self.floor, ..Received::from(&self.item) }
    }
}

/// What of an item came spoilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoilt {
    /// Signatures, which the chain does not cover.
    Signatures,
    /// The body or the letter, under a header that holds.
    Sealed,
}

impl Spoilt {
    const fn folder(self) -> &'static str {
        match self {
            Self::Signatures => UNSIGNED,
            Self::Sealed => SPOILT,
        }
    }
}

/// Entries of which nothing was left when they were collected here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The number of the first.
    pub first: u64,
    /// Of the last: the same, unless the relay has forgotten them.
    pub last: u64,
    /// Why it stood there, if the relay still knows.
    pub kind: Option<EntryKind>,
    /// Who sent what it showed, if the relay says that it has lost that: then it has not expired.
    pub lost: Option<ContactId>,
}

impl Gone {
    /// Why nothing of it is shown, in this sentence.
    #[must_use]
    pub fn fault(&self, sentence: String) -> ClientError {
        match self.lost {
            Some(_) => ClientError { sentence, ..Refusal::BodyDamaged.into() },
            None => ClientError::new(Side::Ours, Family::NotFound, Rule::MessageExpired, sentence),
        }
    }
}

/// A delivered receipt that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The receipt's own id.
    pub id: MessageId,
    /// Its header digest.
    pub header_digest: Digest,
    /// What the relay gets.
    pub envelope: v1::Envelope,
}

/// The inbox of one seat: the mailbox of its contact, with its own letters.
#[derive(Clone, Debug)]
pub struct Inbox {
    dir: PathBuf,
    genesis: Digest,
    contact: ContactId,
}

impl Inbox {
    /// The inbox in a directory, which what is written first makes.
    #[must_use]
    pub fn of(dir: &Path, genesis: Digest, contact: ContactId) -> Self {
        Self { dir: dir.to_owned(), genesis, contact }
    }

    /// Whose mailbox it is.
    #[must_use]
    pub const fn contact(&self) -> &ContactId {
        &self.contact
    }

    /// Keeps other processes from collecting into it, until the file is dropped.
    ///
    /// # Errors
    /// Another process does, or the disk.
    pub fn lock(&self) -> Result<Lock, InboxError> {
        match files::lock(&self.dir.join(LOCK), Duration::ZERO) {
            Ok(lock) => self.clear_beyond().map(|()| lock),
            Err(FileError::Held { .. }) => Err(InboxError::Busy),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes away what was being written beyond the cursor when the power went: it comes again, and
    /// maybe in another form.
    fn clear_beyond(&self) -> Result<(), InboxError> {
        let last = self.last()?;
        for (folder, is_beyond) in [
            (ITEMS, (|name, last| name.parse().is_ok_and(|number: u64| number > last)) as Beyond),
            (ALONE, |name, last| Batch::of(ALONE, name).is_some_and(|batch| batch.last > last)),
            (GONE, |name, last| Batch::of(GONE, name).is_some_and(|batch| batch.last > last)),
        ] {
            let folder = self.dir.join(folder);
            for name in files::names(&folder)?.iter().filter(|name| is_beyond(name, last)) {
                files::remove(&folder.join(name))?;
            }
        }
        Ok(())
    }

    /// Where to go on.
    ///
    /// # Errors
    /// A damaged file, or the disk.
    pub fn cursor(&self) -> Result<Mailbox, InboxError> {
        let path = self.dir.join(CURSOR);
        let Some(bytes) = files::content(&path)? else {
            return Ok(Mailbox::empty(self.genesis, &self.contact));
        };
        let place = proto::Place::decode(&bytes[..]).ok();
        let place = place.and_then(|place| Place::read(Some(&place)).ok());
        Ok(place.ok_or_else(|| damaged(&path))?.mailbox)
    }

    /// The number of the newest item. Those of each epoch of the mailbox are counted on from the last.
    ///
    /// # Errors
    /// As [`Inbox::cursor`].
    pub fn last(&self) -> Result<u64, InboxError> {
        Ok(self.base()?.saturating_add(self.cursor()?.count))
    }

    /// How many items stand here before those of the epoch of today.
    ///
    /// # Errors
    /// As [`Inbox::cursor`].
    pub fn base(&self) -> Result<u64, InboxError> {
        self.base_of(self.cursor()?.epoch)
    }

    fn base_of(&self, epoch: u64) -> Result<u64, InboxError> {
        let begun = self.epochs()?;
        Ok(begun.into_iter().find(|(of, _)| *of == epoch).map_or(0, |(_, base)| base))
    }

    /// The epochs that began here after an earlier one, each with the items before it.
    fn epochs(&self) -> Result<Vec<(u64, u64)>, InboxError> {
        let path = self.dir.join(EPOCHS);
        let Some(bytes) = files::content(&path)? else { return Ok(Vec::new()) };
        let read = |line: &str| {
            let (epoch, base) = line.split_once(' ')?;
            Some((epoch.parse().ok()?, base.parse().ok()?))
        };
        let text = str::from_utf8(&bytes).map_err(|_| damaged(&path))?;
        text.lines().map(read).collect::<Option<_>>().ok_or_else(|| damaged(&path))
    }

    /// Goes on with another epoch of the mailbox, from its first entry. What is here stays.
    ///
    /// # Errors
    /// The disk.
    pub fn begin_anew(&self, epoch: u64) -> Result<(), InboxError> {
        self.write_base(epoch, self.last()?)?;
        self.write_cursor(Mailbox::of_epoch(self.genesis, &self.contact, epoch))
    }

    /// It holds from the moment on in which the cursor is of that epoch.
    fn write_base(&self, epoch: u64, base: u64) -> Result<(), InboxError> {
        let mut epochs = self.epochs()?;
        epochs.retain(|(of, _)| *of != epoch);
        epochs.push((epoch, base));
        let lines: String =
            epochs.iter().map(|(epoch, base)| format!("{epoch} {base}\n")).collect();
        Ok(files::replace(&self.dir.join(EPOCHS), lines.as_bytes())?)
    }

    /// The number of an item at the relay; nothing, if it came in an earlier epoch.
    ///
    /// # Errors
    /// As [`Inbox::cursor`].
    pub fn at_relay(&self, number: u64) -> Result<Option<u64>, InboxError> {
        Ok(number.checked_sub(self.base()?).filter(|number| *number > 0))
    }

    /// A place as the relay counts it.
    ///
    /// # Errors
    /// As [`Inbox::cursor`].
    pub fn place_at_relay(&self, place: &Place) -> Result<Place, InboxError> {
        let mut place = place.clone();
        let base = self.base_of(place.mailbox.epoch)?;
        place.mailbox.count = place.mailbox.count.saturating_sub(base);
        Ok(place)
    }

    /// What comes from the relay, with the numbers that it has here.
    ///
    /// # Errors
    /// As [`Inbox::cursor`].
    pub fn numbered(&self, items: &[v1::Item]) -> Result<Vec<v1::Item>, InboxError> {
        let base = self.base()?;
        let number = |item: &v1::Item| item.number.saturating_add(base);
        Ok(items.iter().map(|item| v1::Item { number: number(item), ..item.clone() }).collect())
    }

    /// What to ask the relay for.
    ///
    /// # Errors
    /// As [`Inbox::cursor`].
    pub fn request(&self, follow: bool) -> Result<v1::CollectRequest, InboxError> {
        let cursor = self.cursor()?;
        let epoch = if self.head()?.is_some() { cursor.epoch } else { 0 };
        Ok(v1::CollectRequest { after: cursor.count, epoch, follow, headers: true })
    }

    /// What to ask the relay for again, each entry by itself: few at a time, first those that came
    /// least often, and of these the oldest.
    ///
    /// # Errors
    /// As [`Inbox::cursor`].
    pub fn requests_again(&self) -> Result<Vec<v1::CollectRequest>, InboxError> {
        let request = v1::CollectRequest { headers: false, ..self.request(false)? };
        let mut again = Vec::new();
        for number in self.asked_again()? {
            if self.at_relay(number)?.is_none() {
                continue;
            }
            let [unsigned, sealed] = [Spoilt::Signatures, Spoilt::Sealed];
            again.push((self.copies(unsigned, number)? + self.copies(sealed, number)?, number));
        }
        again.sort_unstable();
        let (again, base) = (again.into_iter().take(AGAIN), self.base()?);
        let after = |number: u64| number - 1 - base;
        Ok(again.map(|(_, at)| v1::CollectRequest { after: after(at), ..request }).collect())
    }

    /// Notes that an item came spoilt: it is asked for again until it is dealt with. Whether it is to
    /// be: for signatures, of which nobody can say until when, a few times.
    ///
    /// # Errors
    /// A damaged file, or the disk.
    pub fn ask_again(&self, what: Spoilt, number: u64) -> Result<bool, InboxError> {
        let copies = self.copies(what, number)?;
        if copies == 0 {
            self.write_copies(what, (number, 1))?;
        }
        Ok(what == Spoilt::Sealed || copies <= TRIES)
    }

    /// How many copies of an item came since it first came spoilt so.
    fn copies(&self, what: Spoilt, number: u64) -> Result<u64, InboxError> {
        let path = self.dir.join(what.folder()).join(file_of(number));
        Ok(number_in(&path)?.unwrap_or(0))
    }

    fn write_copies(&self, what: Spoilt, (number, copies): (u64, u64)) -> Result<(), InboxError> {
        let path = self.dir.join(what.folder()).join(file_of(number));
        Ok(files::replace(&path, copies.to_string().as_bytes())?)
    }

    /// The numbers of items that came spoilt and are not dealt with, in order.
    ///
    /// # Errors
    /// The disk.
    pub fn asked_again(&self) -> Result<Vec<u64>, InboxError> {
        let mut spoilt = files::names(&self.dir.join(SPOILT))?;
        spoilt.extend(files::names(&self.dir.join(UNSIGNED))?);
        spoilt.sort();
        spoilt.dedup();
        let done = files::names(&self.dir.join(DONE))?;
        let open = spoilt.iter().filter(|name| done.binary_search(name).is_err());
        Ok(open.filter_map(|name| name.parse().ok()).collect())
    }

    /// Whether an item came spoilt and is not dealt with.
    #[must_use]
    pub fn is_asked_again(&self, number: u64) -> bool {
        let is_in = |folder| self.dir.join(folder).join(file_of(number)).exists();
        (is_in(SPOILT) || is_in(UNSIGNED)) && !is_in(DONE)
    }

    /// Keeps an item as it came; one that was asked for again takes the place of what came spoilt.
    ///
    /// # Errors
    /// A gap, another entry than before under its number, no header; then nothing is kept. Or the
    /// disk.
    pub fn put(&self, item: &v1::Item) -> Result<Put, InboxError> {
        let link = Link::of(item)?;
        let (cursor, base) = (self.cursor()?, self.base()?);
        if link.number > base && link.number <= self.last()? {
            let kept = match self.item(link.number) {
                // It was forgotten, and comes all the same.
                Err(InboxError::Unknown(number)) => {
                    let (expected, found) = (cursor.count + 1, number - base);
                    return Err(ChainError::Gap { expected, found }.into());
                }
                kept => kept?,
            };
            if (kept.digest, kept.kind) != (link.digest, link.kind) {
                let (number, kept, found) = (link.number, kept.digest, link.digest);
                return Err(ChainError::Rewritten { number, kept, found }.into());
            }
            if item.gone.is_empty() && self.is_asked_again(link.number) {
                // The chain covers what was signed, and not who signed it: a header that held stays.
                let (what, header) = match self.copies(Spoilt::Sealed, link.number)? {
                    0 => (Spoilt::Signatures, item.header.clone()),
                    _ => (Spoilt::Sealed, kept.item.header),
                };
                let item = v1::Item { header, ..item.clone() };
                self.write(&kept.place, &item, kept.floor)?;
                let copies = self.copies(what, link.number)? + 1;
                self.write_copies(what, (link.number, copies))?;
            }
            return Ok(Put::Again(kept.place));
        }
        let mailbox = extend(&cursor, (base, &link))?;
        let place = self.place_here((base, mailbox));
        if batch_of(item) == Some(GONE) {
            self.put_batch(GONE, std::slice::from_ref(item))?;
        } else {
            self.write(&place, item, floor(link.kind, self.seen()?))?;
            self.write_cursor(mailbox)?;
        }
        Ok(Put::New(place))
    }

    /// A place as it is counted here.
    fn place_here(&self, (base, mailbox): (u64, Mailbox)) -> Place {
        let mailbox = Mailbox { count: base.saturating_add(mailbox.count), ..mailbox };
        Place { contact: self.contact.clone(), mailbox }
    }

    /// Goes on where the mailbox begins now, on the relay's word: the head at the end signs for it. What
    /// stood between is forgotten.
    ///
    /// # Errors
    /// It cannot begin there: what the relay says is then kept as evidence. Or the disk.
    pub fn go_on_behind(&self, beginning: &v1::Beginning) -> Result<(), InboxError> {
        let (own, before) = (self.cursor()?, self.last()?);
        let epoch = self.knows_epoch()?.then_some(own.epoch);
        let mailbox = receipt::begin(&own, epoch, beginning).or_else(|why| {
            let name = format!("beginning-{}", beginning.number);
            files::replace(&self.dir.join(DISPUTED).join(name), &beginning.encode_to_vec())?;
            Err(InboxError::Chain(why))
        })?;
        if own.epoch != mailbox.epoch {
            self.begin(mailbox.epoch)?;
        }
        let last = self.place_here((self.base()?, mailbox)).mailbox.count;
        let forgotten = Batch { folder: GONE, first: before + 1, last };
        files::replace(&self.path_of_batch(forgotten), b"")?;
        self.write_cursor(mailbox)
    }

    /// Whether the relay has told in which epoch the mailbox is.
    ///
    /// # Errors
    /// A damaged file, or the disk.
    pub fn knows_epoch(&self) -> Result<bool, InboxError> {
        let own = self.cursor()?.epoch;
        let has_begun = self.epochs()?.iter().any(|(epoch, _)| *epoch == own);
        Ok(has_begun
            || self.head()?.is_some()
            || self.gone()?.iter().any(|gone| gone.kind.is_none()))
    }

    /// What was gone before it was collected here, in order.
    ///
    /// # Errors
    /// A damaged file, or the disk.
    pub fn gone(&self) -> Result<Vec<Gone>, InboxError> {
        let mut all = Vec::new();
        for batch in self.batches()?.into_iter().filter(|batch| batch.folder == GONE) {
            let kept = self.read_batch(batch)?;
            if kept.is_empty() {
                all.push(Gone { first: batch.first, last: batch.last, kind: None, lost: None });
            }
            all.extend(kept.iter().map(|kept| Gone {
                first: kept.item.number,
                last: kept.item.number,
                kind: Some(kept.kind),
                lost: kept.item.lost.parse().ok(),
            }));
        }
        Ok(all)
    }

    /// The same, as far as a head of the relay signs for it, and nobody was told of it.
    ///
    /// # Errors
    /// As [`Inbox::gone`].
    pub fn gone_untold(&self) -> Result<Vec<Gone>, InboxError> {
        let signed = match self.newest_head()?.and_then(|head| head.place) {
            Some(place) => self.base_of(place.epoch)?.saturating_add(place.number),
            None => 0,
        };
        let (told, mut gone) = (self.told()?, self.gone()?);
        gone.retain(|gone| told < gone.last && gone.last <= signed);
        Ok(gone)
    }

    fn told(&self) -> Result<u64, InboxError> {
        Ok(number_in(&self.dir.join(TOLD))?.unwrap_or(0))
    }

    /// Notes that people were told of what is gone up to a number.
    ///
    /// # Errors
    /// The disk.
    pub fn told_gone(&self, last: u64) -> Result<(), InboxError> {
        Ok(files::replace(&self.dir.join(TOLD), last.to_string().as_bytes())?)
    }

    /// Keeps what came together; of headers in a row the disk is asked once, and of what is gone.
    ///
    /// # Errors
    /// As [`Inbox::put`]; what stands before the fault is kept.
    pub fn put_all(&self, items: &[v1::Item]) -> Result<(), InboxError> {
        let mut rest = items;
        while let Some(first) = rest.first() {
            let is_new = first.number > self.last()?;
            let folder = batch_of(first).filter(|_| is_new);
            let in_a_row = rest.iter().take_while(|item| batch_of(item) == folder).count();
            let (now, then) = rest.split_at(if folder.is_some() { in_a_row } else { 1 });
            match folder {
                Some(folder) => self.put_batch(folder, now)?,
                None => drop(self.put(first)?),
            }
            rest = then;
        }
        Ok(())
    }

    fn put_batch(&self, folder: &'static str, items: &[v1::Item]) -> Result<(), InboxError> {
        let (mut mailbox, base) = (self.cursor()?, self.base()?);
        let (before, seen) = (mailbox.count, self.seen()?);
        let (mut bytes, mut fault) = (Vec::new(), Ok(()));
        for item in items {
            let next =
                Link::of(item).and_then(|link| Ok((link.kind, extend(&mailbox, (base, &link))?)));
            let (kind, next) = match next {
                Ok(next) => next,
                Err(why) => {
                    fault = Err(why.into());
                    break;
                }
            };
            mailbox = next;
            let place = self.place_here((base, mailbox));
            bytes.extend(record(&place, item, floor(kind, seen)));
        }
        if mailbox.count > before {
            let batch = Batch { folder, first: base + before + 1, last: base + mailbox.count };
            files::replace(&self.path_of_batch(batch), &bytes)?;
            self.write_cursor(mailbox)?;
        }
        fault
    }

    /// Keeps the whole of an entry of which the header is here. What was dealt with stays as it was.
    ///
    /// # Errors
    /// It is another entry, there is none of this number, or the disk.
    pub fn put_whole(&self, item: &v1::Item) -> Result<(), InboxError> {
        let (link, kept) = (Link::of(item)?, self.item(item.number)?);
        if (kept.digest, kept.kind) != (link.digest, link.kind) {
            let (number, kept, found) = (link.number, kept.digest, link.digest);
            return Err(ChainError::Rewritten { number, kept, found }.into());
        }
        if self.how(item.number)?.is_some() {
            return Ok(());
        }
        // The chain covers what was signed, and not who signed it: the header that came first stays.
        let item = v1::Item { header: kept.item.header, ..item.clone() };
        self.write(&kept.place, &item, kept.floor)
    }

    /// An item.
    ///
    /// # Errors
    /// There is none, a damaged file, or the disk.
    pub fn item(&self, number: u64) -> Result<Kept, InboxError> {
        let kept = self.kept(number)?;
        let at_relay = self.place_at_relay(&kept.place)?.mailbox;
        let head = self.newest_head()?.filter(|head| {
            let told = head.place.as_ref().map(|of| (of.epoch, of.number));
            told.is_some_and(|(epoch, count)| epoch == at_relay.epoch && at_relay.count <= count)
        });
        let ceiling = head.and_then(|head| head.view).map_or(u64::MAX, |view| view.size);
        Ok(Kept { ceiling, ..kept })
    }

    fn kept(&self, number: u64) -> Result<Kept, InboxError> {
        match self.kept_whole(number)? {
            Some(kept) => Ok(kept),
            None => Headers::of(self).alone(number),
        }
    }

    fn kept_whole(&self, number: u64) -> Result<Option<Kept>, InboxError> {
        let path = self.path_of(number);
        let Some(bytes) = files::content(&path)? else { return Ok(None) };
        let mut bytes = Bytes::from(bytes);
        let kept = read_record(&mut bytes).filter(|_| bytes.is_empty());
        kept.map(Some).ok_or_else(|| damaged(&path))
    }

    /// An item that is here with all that it has, of a message no more than its header.
    fn start_of(&self, number: u64) -> Result<Option<Kept>, InboxError> {
        match files::read_ends(&self.path_of(number), START, 8)? {
            Some((start, end)) => match read_start(start.into(), &end) {
                Some(kept) => Ok(Some(kept)),
                None => self.kept_whole(number),
            },
            None => Ok(None),
        }
    }

    /// Whether an item is here with all that it has.
    #[must_use]
    pub fn is_whole(&self, number: u64) -> bool {
        self.path_of(number).exists()
    }

    /// Looks at every item after a number, in order, each with its header at least.
    ///
    /// # Errors
    /// A damaged file, or the disk.
    pub fn each_after(&self, after: u64, mut look: impl FnMut(&Kept)) -> Result<(), InboxError> {
        let (mut number, last) = (after + 1, self.last()?);
        if number > last {
            return Ok(());
        }
        let batches = self.batches()?;
        while number <= last {
            // A header that came alone is read without its body, and of what is gone there is nothing.
            if let Some(batch) = batches.iter().find(|batch| batch.holds(number)) {
                if batch.folder == ALONE {
                    let kept = self.read_batch(*batch)?;
                    kept.iter().filter(|kept| kept.item.number >= number).for_each(&mut look);
                }
                number = batch.last + 1;
            } else {
                self.start_of(number)?.iter().for_each(&mut look);
                number += 1;
            }
        }
        Ok(())
    }

    /// The files of headers that came alone and of what is gone, in order.
    fn batches(&self) -> Result<Vec<Batch>, InboxError> {
        let (last, mut batches) = (self.last()?, Vec::new());
        for folder in [ALONE, GONE] {
            let names = files::names(&self.dir.join(folder))?;
            batches.extend(names.iter().filter_map(|name| Batch::of(folder, name)));
        }
        // Beyond the cursor as in `whole`.
        batches.retain(|batch| batch.last <= last);
        batches.sort_by_key(|batch| batch.first);
        Ok(batches)
    }

    fn path_of_batch(&self, batch: Batch) -> PathBuf {
        self.dir.join(batch.folder).join(batch.name())
    }

    fn read_batch(&self, batch: Batch) -> Result<Vec<Kept>, InboxError> {
        let path = self.path_of_batch(batch);
        let mut bytes = Bytes::from(files::content(&path)?.unwrap_or_default());
        let mut all = Vec::new();
        while !bytes.is_empty() {
            all.push(read_record(&mut bytes).ok_or_else(|| damaged(&path))?);
        }
        Ok(all)
    }

    /// Compares the relay's signed head with what was collected, and keeps it. `synced` is the size
    /// of the directory when the reader began to collect.
    ///
    /// # Errors
    /// An older view than that, or than an earlier head's. Another epoch, count or history: the
    /// head is then kept as evidence. Or the disk.
    pub fn take_head(&self, head: &VerifiedHead, synced: u64) -> Result<(), InboxError> {
        let (needed, found) = (self.head_view()?.unwrap_or(0).max(synced), head.view().size);
        if found < needed {
            return Err(InboxError::HeadBehind { needed, found });
        }
        let mut own = self.cursor()?;
        if own.epoch != head.mailbox().epoch && !self.knows_epoch()? {
            own = self.begin(head.mailbox().epoch)?;
        }
        match receipt::agrees(&own, head) {
            Ok(()) => Ok(files::replace(&self.dir.join(HEAD), head.envelope().bytes())?),
            Err(why) => {
                let name = format!("head-{}", head.envelope().digest());
                files::replace(&self.dir.join(DISPUTED).join(name), head.envelope().bytes())?;
                Err(why.into())
            }
        }
    }

    /// The newest head of this epoch that agreed with what was collected.
    ///
    /// # Errors
    /// A damaged file, or the disk.
    pub fn head(&self) -> Result<Option<Bytes>, InboxError> {
        let head = self.newest_head()?.and_then(|head| head.place);
        let own = self.cursor()?.epoch;
        if head.is_some_and(|place| place.epoch == own) { self.head_bytes() } else { Ok(None) }
    }

    fn head_bytes(&self) -> Result<Option<Bytes>, InboxError> {
        Ok(files::content(&self.dir.join(HEAD))?.map(Bytes::from))
    }

    /// The size of the view of the newest head of this epoch.
    fn seen(&self) -> Result<Option<u64>, InboxError> {
        if self.head()?.is_some() { self.head_view() } else { Ok(None) }
    }

    /// The size of the view of the newest head.
    fn head_view(&self) -> Result<Option<u64>, InboxError> {
        let Some(head) = self.newest_head()? else { return Ok(None) };
        let view = head.view.ok_or_else(|| damaged(&self.dir.join(HEAD)))?;
        Ok(Some(view.size))
    }

    fn newest_head(&self) -> Result<Option<proto::MailboxHead>, InboxError> {
        let Some(bytes) = self.head_bytes()? else { return Ok(None) };
        let head = Envelope::parse(&bytes, bytes.len()).ok();
        let head = head.and_then(|head| proto::MailboxHead::decode(head.payload().clone()).ok());
        head.map(Some).ok_or_else(|| damaged(&self.dir.join(HEAD)))
    }

    /// The numbers of items that are here whole and were not dealt with yet, in order.
    ///
    /// # Errors
    /// The disk.
    pub fn pending(&self) -> Result<Vec<u64>, InboxError> {
        let done = files::names(&self.dir.join(DONE))?;
        let later = files::names(&self.dir.join(LATER))?;
        let mut numbers = self.whole()?;
        numbers.retain(|number| done.binary_search(&file_of(*number)).is_err());
        let mut pending = Vec::new();
        for number in numbers {
            // What was of a later kind is dealt with once this program knows the kind.
            let said = later.binary_search(&file_of(number)).is_ok();
            if !said || !matches!(self.item(number)?.kind, EntryKind::Later(_)) {
                pending.push(number);
            }
        }
        Ok(pending)
    }

    /// Notes that people were told of an entry of a kind that this version does not know.
    ///
    /// # Errors
    /// The disk.
    pub fn said_later(&self, number: u64) -> Result<(), InboxError> {
        Ok(files::replace(&self.dir.join(LATER).join(file_of(number)), b"")?)
    }

    /// The entries of kinds that this version does not know, with their kinds, in order.
    ///
    /// # Errors
    /// A damaged file, or the disk.
    pub fn later(&self) -> Result<Vec<(u64, LaterKind)>, InboxError> {
        let names = files::names(&self.dir.join(LATER))?;
        let mut found = Vec::new();
        for number in names.iter().filter_map(|name| name.parse().ok()) {
            if let EntryKind::Later(kind) = self.item(number)?.kind {
                found.push((number, kind));
            }
        }
        Ok(found)
    }

    /// The numbers of messages of which only the header is here, in order.
    ///
    /// # Errors
    /// The disk.
    pub fn alone(&self) -> Result<Vec<u64>, InboxError> {
        let whole = self.whole()?;
        let alone = self.batches()?.into_iter().filter(|batch| batch.folder == ALONE);
        let alone = alone.flat_map(|batch| batch.first..=batch.last);
        Ok(alone.filter(|number| whole.binary_search(number).is_err()).collect())
    }

    /// Those of these that may still come, in order.
    ///
    /// # Errors
    /// The disk.
    pub fn unfetched(&self) -> Result<Vec<u64>, InboxError> {
        let (mut alone, done, base) = (self.alone()?, self.dealt_with()?, self.base()?);
        alone.retain(|number| *number > base && done.binary_search(number).is_err());
        Ok(alone)
    }

    /// The numbers of all items, in order.
    ///
    /// # Errors
    /// The disk.
    pub fn numbers(&self) -> Result<Vec<u64>, InboxError> {
        let mut numbers = [self.whole()?, self.alone()?].concat();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The numbers of items that were dealt with, in order.
    ///
    /// # Errors
    /// The disk.
    pub fn dealt_with(&self) -> Result<Vec<u64>, InboxError> {
        let names = files::names(&self.dir.join(DONE))?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    fn whole(&self) -> Result<Vec<u64>, InboxError> {
        let names = files::names(&self.dir.join(ITEMS))?;
        let last = self.last()?;
        let numbers = names.iter().filter_map(|name| name.parse().ok());
        // An item beyond the cursor was being written when the power went; it comes again.
        Ok(numbers.filter(|number| *number <= last).collect())
    }

    /// Notes that an item was dealt with, and how.
    ///
    /// # Errors
    /// The disk.
    pub fn done(&self, number: u64, how: &How) -> Result<(), InboxError> {
        Ok(files::replace(&self.dir.join(DONE).join(file_of(number)), how.code().as_bytes())?)
    }

    /// How an item was dealt with.
    ///
    /// # Errors
    /// The disk.
    pub fn how(&self, number: u64) -> Result<Option<How>, InboxError> {
        let bytes = files::content(&self.dir.join(DONE).join(file_of(number)))?;
        Ok(bytes.map(|bytes| How::read(&String::from_utf8_lossy(&bytes))))
    }

    /// Notes the delivered receipt that was made for a message, before it goes to the outbox: so no
    /// crash makes a second. The first one stays.
    ///
    /// # Errors
    /// The disk.
    pub fn keep_receipt(&self, header: Digest, made: &Made) -> Result<(), InboxError> {
        let path = self.dir.join(RECEIPTS).join(header.to_string());
        if path.exists() {
            return Ok(());
        }
        let mut bytes = [&made.id.as_bytes()[..], made.header_digest.as_bytes()].concat();
        bytes.extend(made.envelope.encode_to_vec());
        Ok(files::replace(&path, &bytes)?)
    }

    /// The delivered receipt that was made for a message.
    ///
    /// # Errors
    /// A damaged file, or the disk.
    pub fn receipt(&self, header: Digest) -> Result<Option<Made>, InboxError> {
        let path = self.dir.join(RECEIPTS).join(header.to_string());
        let Some(bytes) = files::content(&path)? else { return Ok(None) };
        let read = || {
            let (id, rest) = bytes.split_at_checked(16)?;
            let (digest, envelope) = rest.split_at_checked(32)?;
            Some(Made {
                id: MessageId::try_from(id).ok()?,
                header_digest: Digest::try_from(digest).ok()?,
                envelope: v1::Envelope::decode(envelope).ok()?,
            })
        };
        read().map(Some).ok_or_else(|| damaged(&path))
    }

    /// Computes the chain of everything collected again, from the start of another epoch.
    fn begin(&self, epoch: u64) -> Result<Mailbox, InboxError> {
        let mut mailbox = Mailbox::of_epoch(self.genesis, &self.contact, epoch);
        let (batches, mut bytes) = (self.batches()?, Vec::new());
        for number in 1..=self.cursor()?.count {
            let kept = self.item(number)?;
            mailbox =
                receipt::extend(&mailbox, &Link { number, kind: kept.kind, digest: kept.digest })?;
            let place = Place { contact: self.contact.clone(), mailbox };
            if self.is_whole(number) {
                self.write(&place, &kept.item, kept.floor)?;
            }
            let Some(batch) = batches.iter().find(|batch| batch.holds(number)) else { continue };
            bytes.extend(record(&place, &kept.item, kept.floor));
            if batch.last == number {
                files::replace(&self.path_of_batch(*batch), &bytes)?;
                bytes.clear();
            }
        }
        self.write_cursor(mailbox)?;
        Ok(mailbox)
    }

    fn write(&self, place: &Place, item: &v1::Item, floor: u64) -> Result<(), InboxError> {
        let path = self.path_of(place.mailbox.count);
        Ok(files::replace(&path, &record(place, item, floor))?)
    }

    fn write_cursor(&self, mailbox: Mailbox) -> Result<(), InboxError> {
        let place = Place { contact: self.contact.clone(), mailbox };
        Ok(files::replace(&self.dir.join(CURSOR), &place.to_proto().encode_to_vec())?)
    }

    fn path_of(&self, number: u64) -> PathBuf {
        self.dir.join(ITEMS).join(file_of(number))
    }
}

/// The headers of an inbox to which nothing comes meanwhile, read one after the other: none with its
/// body, and those of one file at once.
#[derive(Debug)]
pub struct Headers<'a> {
    inbox: &'a Inbox,
    batches: Option<Vec<Batch>>,
    /// The file that was read last.
    last: Option<(Batch, Bytes)>,
}

impl<'a> Headers<'a> {
    /// Those of an inbox.
    #[must_use]
    pub const fn of(inbox: &'a Inbox) -> Self {
        Self { inbox, batches: None, last: None }
    }

    /// An item, of a message maybe no more than its header. What heads say of it is not looked up.
    ///
    /// # Errors
    /// As [`Inbox::item`].
    pub fn read(&mut self, number: u64) -> Result<Kept, InboxError> {
        match self.inbox.start_of(number)? {
            Some(kept) => Ok(kept),
            None => self.alone(number),
        }
    }

    /// The header that came alone.
    fn alone(&mut self, number: u64) -> Result<Kept, InboxError> {
        let batches = match self.batches.take() {
            Some(batches) => batches,
            None => self.inbox.batches()?,
        };
        let batch = self.batches.insert(batches).iter().find(|batch| batch.holds(number));
        let batch = *batch.ok_or(InboxError::Unknown(number))?;
        let path = self.inbox.path_of_batch(batch);
        let bytes = match self.last.take() {
            Some((last, bytes)) if last == batch => bytes,
            _ => files::content(&path)?.unwrap_or_default().into(),
        };
        let (_, bytes) = self.last.insert((batch, bytes));
        match find_record(bytes.clone(), number) {
            None if batch.folder == GONE => Err(InboxError::Unknown(number)),
            found => found.ok_or_else(|| damaged(&path)),
        }
    }
}

/// The mailbox with the item that has this number here, of which `base` come before it.
fn extend(mailbox: &Mailbox, (base, link): (u64, &Link)) -> Result<Mailbox, ChainError> {
    receipt::extend(mailbox, &Link { number: link.number.saturating_sub(base), ..*link })
}

/// Whether a file of this name holds what is beyond a number.
type Beyond = fn(&str, u64) -> bool;

/// Entries in a row that stand in one file: headers that came alone, or what is gone. Of what is
/// forgotten the file is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Batch {
    folder: &'static str,
    first: u64,
    last: u64,
}

impl Batch {
    fn of(folder: &'static str, name: &str) -> Option<Self> {
        let (first, last) = name.split_once('-')?;
        Some(Self { folder, first: first.parse().ok()?, last: last.parse().ok()? })
    }

    fn name(self) -> String {
        format!("{}-{}", file_of(self.first), file_of(self.last))
    }

    const fn holds(self, number: u64) -> bool {
        self.first <= number && number <= self.last
    }
}

/// Where an item stands with others: what is gone, or a message without its body, which is never empty.
fn batch_of(item: &v1::Item) -> Option<&'static str> {
    let kind = u8::try_from(item.kind).ok().and_then(EntryKind::of_byte);
    match kind {
        _ if !item.gone.is_empty() => Some(GONE),
        Some(EntryKind::Addressed | EntryKind::Released) if item.body.is_empty() => Some(ALONE),
        _ => None,
    }
}

/// The floor of an entry that comes when a head with this view was the newest.
fn floor(kind: EntryKind, seen: Option<u64>) -> u64 {
    match kind {
        // Every head that is here has a smaller number, and the newest the largest view.
        EntryKind::Addressed | EntryKind::Acknowledged => seen.unwrap_or(0),
        EntryKind::Released | EntryKind::NotDelivered | EntryKind::Later(_) => 0,
    }
}

/// An item as it stands in a file.
fn record(place: &Place, item: &v1::Item, floor: u64) -> Vec<u8> {
    let mut bytes = place.to_proto().encode_length_delimited_to_vec();
    bytes.extend(item.encode_length_delimited_to_vec());
    bytes.extend(floor.to_be_bytes());
    bytes
}

/// The next item of a file.
fn read_record(bytes: &mut Bytes) -> Option<Kept> {
    let place = proto::Place::decode_length_delimited(&mut *bytes).ok()?;
    let place = Place::read(Some(&place)).ok()?;
    let item = v1::Item::decode_length_delimited(&mut *bytes).ok()?;
    let floor = bytes.get(..8)?.try_into().ok().map(u64::from_be_bytes)?;
    bytes.advance(8);
    let Link { kind, digest, .. } = Link::of(&item).ok()?;
    Some(Kept { place, kind, item, digest, floor, ceiling: u64::MAX })
}

/// An item by its file's start, and the floor at its end: no more than the header, if that is enough.
fn read_start(mut bytes: Bytes, floor: &[u8]) -> Option<Kept> {
    let place = proto::Place::decode_length_delimited(&mut bytes).ok()?;
    let place = Place::read(Some(&place)).ok()?;
    let length = prost::decode_length_delimiter(&mut bytes).ok()?;
    bytes.truncate(length);
    let mut item = v1::Item::default();
    // The header stands before what is cut off, and is taken whole or not at all.
    drop(item.merge(bytes));
    let item = v1::Item {
        number: item.number,
        kind: item.kind,
        header: item.header,
        ..Default::default()
    };
    let Link { kind, digest, .. } = Link::of(&item).ok()?;
    let floor = u64::from_be_bytes(floor.try_into().ok()?);
    Some(Kept { place, kind, item, digest, floor, ceiling: u64::MAX })
}

/// The item of a number in a file. Those before it are skipped.
fn find_record(mut bytes: Bytes, number: u64) -> Option<Kept> {
    while !bytes.is_empty() {
        let mut rest = bytes.clone();
        let place = proto::Place::decode_length_delimited(&mut rest).ok()?;
        if place.number == number {
            return read_record(&mut bytes);
        }
        let length = prost::decode_length_delimiter(&mut rest).ok()?;
        bytes = rest.get(length.checked_add(8)?..).map(|behind| rest.slice_ref(behind))?;
    }
    None
}

fn number_in(path: &Path) -> Result<Option<u64>, InboxError> {
    let Some(bytes) = files::content(path)? else { return Ok(None) };
    let number = str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| damaged(path))
}

/// Of one length, so that names sort as numbers.
fn file_of(number: u64) -> String {
    format!("{number:020}")
}

fn damaged(path: &Path) -> InboxError {
    FileError::Damaged(path.to_owned()).into()
}

const CURSOR: &str = "cursor";
const EPOCHS: &str = "epochs";
const HEAD: &str = "head";
const LOCK: &str = "lock";
const ITEMS: &str = "items";
const ALONE: &str = "alone";
const GONE: &str = "gone";
const TOLD: &str = "told";
const DONE: &str = "done";
const LATER: &str = "later";
const SPOILT: &str = "again";
const UNSIGNED: &str = "unsigned";
const RECEIPTS: &str = "receipts";
const DISPUTED: &str = "disputed";
/// A place and a header are no longer.
const START: u64 = limits::HEADER_BYTES as u64 + 1024;
/// Entries that are asked for again at a time.
const AGAIN: usize = 8;
/// Copies that are asked for before signatures that do not hold are believed to be what was handed in.
const TRIES: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    /// Who can mend it is another: nobody what expired, the sender what the service has lost.
    #[test]
    fn what_is_gone_has_expired_unless_the_service_has_lost_it() {
        let expired = Gone { first: 3, last: 3, kind: None, lost: None };
        let lost = Gone { lost: Some("at/cert-at".parse().unwrap()), ..expired.clone() };
        let fault = |of: &Gone| {
            let why = of.fault("gone".to_owned());
            assert_eq!(why.sentence, "gone");
            (why.reason.code().to_owned(), why.side, why.family)
        };
        assert_eq!(fault(&expired), ("MESSAGE_EXPIRED".to_owned(), Side::Ours, Family::NotFound));
        let (code, side, _) = fault(&lost);
        assert_eq!((&*code, side), ("BODY_DAMAGED", Side::Theirs));
    }
}
