//! Whether all that is stored is there, and belongs together.
//!
//! In scope: values by their digests, the log, the directory's parts against a fold of the log,
//! mailboxes with their entries and chains, messages with bodies and letters, accounts, what is due. Out of
//! scope: mending (`salvage`). Invariants: nothing is written; what is wrong keeps nothing else from
//! being looked at; each fault says where it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use bytes::Bytes;
use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::crypto::sign::VerifyingKey;
use crate::domain::administration::audit::Trail;
use crate::domain::directory::entry::Entry as LogEntry;
use crate::domain::directory::key::{PublicKey, Purpose};
use crate::domain::directory::{self, Admitted, Directory, Parts, RULES};
use crate::domain::ids::{ContactId, DirectoryName, MessageId};
use crate::domain::refusal::Refusal;
use crate::domain::relay::envelope::{self, VerifiedHeader};
use crate::domain::relay::expire;
use crate::domain::relay::sums::Sums;
use crate::domain::state::{Body, Entry, Key, Mailbox, Message, Outcome, Step, Usage, Value};
use crate::signed::proto;
use crate::store::blobs::Blobs;
use crate::store::codec::LogHead;
use crate::store::{KeyRange, Pages, Store, StoreError, check, codec, keys, parts};
use crate::tlog::checkpoint::VerifiedCheckpoint;
use crate::tlog::head::Frontier;
use crate::tlog::merkle;
use crate::tlog::note::KeyName;

use super::cannot_start::CannotStart;
use super::high_water::{Mark, Shown};
use super::mark::{self, Unfit};
use super::stored;

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Values, each by its digest, and all of them against the end.
    Values,
    /// Entries of the log, and its signed head.
    Log,
    /// Parts of the directory.
    Parts,
    /// Mailboxes, by their chains.
    Mailboxes,
    /// Entries of mailboxes.
    Entries,
    /// Messages, by their headers.
    Messages,
    /// Sealed bodies, with their letters.
    Bodies,
    /// Accounts and shares of mailboxes, by the messages that they sum up.
    Accounts,
    /// What is due, by its message.
    Due,
    /// Records of the audit trail, by its chain.
    Records,
    /// Where it all ends, against what members were shown.
    Shown,
}

impl What {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 11] = [
        Self::Values,
        Self::Log,
        Self::Parts,
        Self::Mailboxes,
        Self::Entries,
        Self::Messages,
        Self::Bodies,
        Self::Accounts,
        Self::Due,
        Self::Records,
        Self::Shown,
    ];

    /// What is looked at, in words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Values => "values",
            Self::Log => "log entries",
            Self::Parts => "directory parts",
            Self::Mailboxes => "mailboxes",
            Self::Entries => "mailbox entries",
            Self::Messages => "messages",
            Self::Bodies => "bodies",
            Self::Accounts => "accounts",
            Self::Due => "due",
            Self::Records => "audit records",
            Self::Shown => "shown before",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it is.
    pub what: What,
    /// In whose mailbox, at which number.
    pub place: Option<(ContactId, u64)>,
    /// Of which message, and who sent it, as far as known.
    pub message: Option<(MessageId, ContactId)>,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((contact, number)) = &self.place {
            write!(f, "{contact} {number}: ")?;
        }
        if let Some((id, sender)) = &self.message {
            write!(f, "message {id} from {sender}: ")?;
        }
        f.write_str(&self.why)
    }
}

/// What was looked at, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    checked: BTreeMap<What, u64>,
    /// All that is wrong.
    pub faults: Vec<Fault>,
    /// Files of bodies that no message names, as a crash or an older store leaves them.
    pub unnamed: u64,
    /// Whose mailboxes have a hole, or show a message that is lost: only from a new beginning on senders can
    /// hand in again what is gone.
    pub broken: BTreeSet<ContactId>,
}

impl Report {
    /// How many were looked at, and how many faults there are.
    #[must_use]
    pub fn of(&self, what: What) -> (u64, u64) {
        let wrong = self.faults.iter().filter(|fault| fault.what == what).count() as u64;
        (self.checked.get(&what).copied().unwrap_or(0), wrong)
    }

    /// The store itself is damaged, and this is what was left of it.
    pub fn damaged(&mut self, why: &StoreError) {
        self.wrong(What::Values, why.to_string());
    }

    /// So many values cannot be read where they stand; nothing, if that is not known.
    pub(super) fn unread(&mut self, missing: Option<u64>) {
        match missing {
            Some(0) => {}
            Some(count) => {
                let why = format!(
                    "at least {count} of its values cannot be read: they are lost, or older ones of \
                     their keys were found"
                );
                self.wrong(What::Values, why);
            }
            None => {
                self.wrong(
                    What::Values,
                    "how many values there were the store does not say any more",
                );
            }
        }
    }

    /// Nothing is wrong.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.faults.is_empty()
    }

    fn looked(&mut self, what: What) {
        *self.checked.entry(what).or_default() += 1;
    }

    fn wrong(&mut self, what: What, why: impl Into<String>) -> &mut Fault {
        self.faults.push(Fault { what, place: None, message: None, why: why.into() });
        self.faults.last_mut().expect("one was pushed")
    }
}

/// Looks at all of a store that nobody writes to, and at the files of bodies, if there are any. `shown` is what the service has told of mailboxes;
/// `told` is asked now and then how many things were looked at.
///
/// # Errors
/// The store or a file of a body cannot be asked.
pub async fn scrub(
    store: &dyn Store,
    blobs: Option<&dyn Blobs>,
    name: &DirectoryName,
    shown: Option<&Mark>,
    told: impl FnMut(u64),
) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let scan = Scan { store, told, looked: 0 };
    let mut scrub =
        Scrub { scan, blobs, name, shown, report: &mut report, missing: BTreeMap::new() };
    scrub.values().await?;
    let folded = scrub.log().await?;
    if let Some(folded) = &folded {
        scrub.parts(folded).await?;
    }
    let directory = folded.and_then(|folded| folded.directory);
    scrub.mailboxes(directory.as_ref()).await?;
    scrub.messages(directory.as_ref()).await?;
    scrub.accounts().await?;
    scrub.records(directory.as_ref()).await?;
    scrub.due().await?;
    Ok(report)
}

/// Whether a whole store goes as far as what members were shown: a start asks the same.
///
/// # Errors
/// The store cannot be asked.
pub async fn goes_as_far(
    store: &dyn Store,
    name: &DirectoryName,
    high_water: &Path,
    report: &mut Report,
) -> Result<(), StoreError> {
    report.looked(What::Shown);
    let Shown { checkpoint, mark } = match Shown::read(high_water) {
        Ok(shown) => shown,
        Err(why) => {
            let path = high_water.display();
            report.wrong(What::Shown, format!("the high-water file {path} cannot be used: {why}"));
            return Ok(());
        }
    };
    match mark::fits(store, mark.as_ref()).await {
        Ok(mark) => {
            if let Some(contact) = mark::unfinished(store, &mark).await? {
                report.wrong(What::Shown, format!("{}", CannotStart::Unfinished(contact)));
            }
        }
        Err(Unfit::NotAsShown(why)) => {
            let why = format!("it is older than what this service has shown: {why}");
            report.wrong(What::Shown, why);
        }
        Err(Unfit::Store(why)) => return Err(why),
    }
    let [head, charter] = [keys::LOG_HEAD, keys::CHARTER].map(<[u8]>::to_vec);
    let found = store.read(&[head.clone(), charter.clone()]).await?;
    let head = found.value(&head).and_then(|head| LogHead::decode(head).ok());
    let charter = found.value(&charter).and_then(|charter| parts::charter(charter).ok());
    let (Some(head), Some(charter)) = (head, charter) else { return Ok(()) };
    let signed = match stored::read_directory(store, name, &head).await {
        Ok(directory) => verified(name, &checkpoint, &directory),
        // What cannot be read was said.
        Err(_) => signed(name, &checkpoint, &charter.log),
    };
    let frontier = head.frontier;
    match signed {
        Err(why) => report.wrong(What::Shown, why),
        Ok(signed) if signed.size() > frontier.size() => {
            let (stored, shown) = (frontier.size(), signed.size());
            let why = format!("the log ends at entry {stored}, and members were shown {shown}");
            report.wrong(What::Shown, why)
        }
        Ok(signed) if signed.root() != root_at(store, signed.size()).await? => {
            report.wrong(What::Shown, "the log is not the one that members were shown")
        }
        Ok(_) => return Ok(()),
    };
    Ok(())
}

/// Of the first entries that are stored.
async fn root_at(store: &dyn Store, size: u64) -> Result<Digest, StoreError> {
    let (mut log, mut pages) = (Frontier::default(), Pages::of(store, keys::LOG_ENTRY));
    while let Some(page) = pages.next().await? {
        for (_, _, entry) in page.entries {
            if log.size() < size {
                log.append(merkle::leaf_hash(&entry));
            }
        }
    }
    Ok(log.root())
}

/// The store, page by page: what cannot be read is left out, and named among the values.
struct Scan<'a, T> {
    store: &'a dyn Store,
    told: T,
    looked: u64,
}

/// Keys and values in order.
type Entries = Vec<(Vec<u8>, Bytes)>;

impl<T: FnMut(u64)> Scan<'_, T> {
    /// The next of a range, which becomes what is left of it.
    async fn next(&mut self, rest: &mut Option<KeyRange>) -> Result<Entries, StoreError> {
        let Some(range) = rest.take() else { return Ok(Vec::new()) };
        let page = match self.store.examine(range.clone(), PAGE).await {
            Err(StoreError::Corrupt(_)) => return Ok(Vec::new()),
            page => page?,
        };
        let last = page.entries.last().filter(|_| page.more);
        *rest = last.map(|(last, _)| range.after(last));
        self.looked += page.entries.len() as u64;
        (self.told)(self.looked);
        let entries = page.entries.into_iter();
        Ok(entries.filter_map(|(key, found)| Some((key, found.ok()?.bytes))).collect())
    }

    async fn bytes(&self, key: Vec<u8>) -> Result<Option<Bytes>, StoreError> {
        match self.store.read(std::slice::from_ref(&key)).await {
            Err(StoreError::Corrupt(_)) => Ok(None),
            found => Ok(found?.value(&key).cloned()),
        }
    }

    /// Nothing also if it cannot be read.
    async fn value(&self, key: &Key) -> Result<Option<Value>, StoreError> {
        let found = self.bytes(keys::of(key)).await?;
        Ok(found.and_then(|bytes| codec::decode(key, &bytes).ok()))
    }
}

struct Scrub<'a, T> {
    scan: Scan<'a, T>,
    blobs: Option<&'a dyn Blobs>,
    name: &'a DirectoryName,
    shown: Option<&'a Mark>,
    report: &'a mut Report,
    /// Entries that are not there, and which fault says so: a message may know what stood there.
    missing: BTreeMap<(ContactId, u64), usize>,
}

impl<T: FnMut(u64)> Scrub<'_, T> {
    async fn values(&mut self) -> Result<(), StoreError> {
        self.report.checked.insert(What::Values, self.scan.store.end().values);
        match check::whole(self.scan.store, |_| ()).await {
            Err(StoreError::Damaged(damage)) => {
                for why in damage.found() {
                    self.report.wrong(What::Values, why);
                }
                Ok(())
            }
            whole => whole.map(drop),
        }
    }

    /// The log against its signed head; what it comes to, if all of it is there.
    async fn log(&mut self) -> Result<Option<Fold>, StoreError> {
        let (mut fold, mut whole) = (Fold::default(), true);
        let mut rest = Some(KeyRange::prefix(keys::LOG_ENTRY));
        let mut next = 0;
        while rest.is_some() {
            for (key, entry) in self.scan.next(&mut rest).await? {
                self.report.looked(What::Log);
                let Some(leaf) = leaf_of(&key) else { continue };
                if leaf != next {
                    whole = false;
                    self.report.wrong(What::Log, missing_entries(next, leaf));
                }
                next = leaf + 1;
                if whole && let Err(why) = fold.push(self.name, &entry) {
                    whole = false;
                    self.report.wrong(What::Log, format!("entry {leaf} is not admissible: {why}"));
                }
            }
        }
        let head = self.scan.bytes(keys::LOG_HEAD.to_vec()).await?;
        let Some(head) = head.and_then(|head| LogHead::decode(&head).ok()) else {
            self.report.wrong(What::Log, "its signed head is missing");
            return Ok(Some(fold).filter(|_| whole));
        };
        let signed = head.frontier.size();
        if next < signed {
            whole = false;
            self.report.wrong(What::Log, missing_entries(next, signed));
        } else if whole && let Err(why) = fold.is_signed(self.name, &head) {
            self.report.wrong(What::Log, why);
        }
        Ok(Some(fold).filter(|_| whole))
    }

    /// What is stored of the directory is what the log comes to.
    async fn parts(&mut self, folded: &Fold) -> Result<(), StoreError> {
        let mut expected = folded.parts.clone();
        let prefixes = parts::PREFIXES.into_iter().chain([keys::CHARTER, keys::LOG_CHARTER]);
        for prefix in prefixes {
            let mut rest = Some(KeyRange::prefix(prefix));
            while rest.is_some() {
                for (key, value) in self.scan.next(&mut rest).await? {
                    self.report.looked(What::Parts);
                    if expected.remove(&key) != Some(value) {
                        let why = format!("{} is not what the log says", key.escape_ascii());
                        self.report.wrong(What::Parts, why);
                    }
                }
            }
        }
        for key in expected.keys() {
            let why = format!("{} is missing, and the log has it", key.escape_ascii());
            self.report.wrong(What::Parts, why);
        }
        Ok(())
    }

    async fn mailboxes(&mut self, directory: Option<&Directory>) -> Result<(), StoreError> {
        let mut all: BTreeMap<ContactId, Option<Mailbox>> = BTreeMap::new();
        if let Some(shown) = self.shown {
            all.extend(shown.mailboxes.keys().map(|contact| (contact.clone(), None)));
        }
        let mut rest = Some(KeyRange::prefix(keys::MAILBOX));
        while rest.is_some() {
            for (key, value) in self.scan.next(&mut rest).await? {
                let Some(contact) = keys::read_mailbox(&key) else { continue };
                let key = Key::Mailbox(contact.clone());
                if let Ok(Value::Mailbox(mailbox)) = codec::decode(&key, &value) {
                    all.insert(contact, Some(mailbox));
                }
            }
        }
        for (contact, mailbox) in all {
            self.report.looked(What::Mailboxes);
            self.mailbox(directory, contact, mailbox).await?;
        }
        Ok(())
    }

    async fn mailbox(
        &mut self,
        directory: Option<&Directory>,
        contact: ContactId,
        stored: Option<Mailbox>,
    ) -> Result<(), StoreError> {
        let shown = self.shown.and_then(|shown| shown.mailboxes.get(&contact)).copied();
        let Some(mailbox) = stored.or(shown) else { return Ok(()) };
        if stored.is_none() && mailbox.count > 0 {
            self.report.broken.insert(contact.clone());
            let why = format!("where the mailbox of {contact} stands is missing");
            self.report.wrong(What::Mailboxes, why);
        }
        let shown = shown.filter(|shown| shown.epoch == mailbox.epoch);
        let last = mailbox.count.max(shown.map_or(0, |shown| shown.count));
        let begins = match self.scan.value(&Key::Beginning(contact.clone())).await? {
            Some(Value::Beginning(begins)) if begins.epoch == mailbox.epoch => Some(begins),
            _ => directory.map(|of| Mailbox::of_epoch(of.genesis(), &contact, mailbox.epoch)),
        };
        let mut next = begins.map_or(1, |begins| begins.count + 1);
        let mut at = begins;
        let mut rest = Some(KeyRange::prefix(&keys::entries(&contact)));
        while rest.is_some() {
            for (key, value) in self.scan.next(&mut rest).await? {
                let number = key.last_chunk().map_or(0, |number| u64::from_be_bytes(*number));
                if number < next || number > last {
                    continue;
                }
                self.are_missing(&contact, next..number, &mut at);
                next = number + 1;
                self.report.looked(What::Entries);
                let entry = codec::entry(&value).ok();
                at = at.zip(entry.as_ref()).and_then(|(at, entry)| at.with(entry));
                if at.is_some_and(|at| at.count == mailbox.count && at != mailbox) {
                    at = None;
                    self.report.broken.insert(contact.clone());
                    let why = format!("the chain of {contact} is not that of its entries");
                    self.report.wrong(What::Mailboxes, why);
                }
                self.shows(&contact, mailbox.epoch, number, entry.as_ref()).await?;
            }
        }
        self.are_missing(&contact, next..last + 1, &mut at);
        Ok(())
    }

    fn are_missing(
        &mut self,
        contact: &ContactId,
        numbers: std::ops::Range<u64>,
        at: &mut Option<Mailbox>,
    ) {
        for number in numbers {
            *at = None;
            self.report.broken.insert(contact.clone());
            self.report.looked(What::Entries);
            self.missing.insert((contact.clone(), number), self.report.faults.len());
            let fault = self.report.wrong(What::Entries, "the entry is missing");
            fault.place = Some((contact.clone(), number));
        }
    }

    /// What an entry shows is there.
    async fn shows(
        &mut self,
        contact: &ContactId,
        epoch: u64,
        number: u64,
        entry: Option<&Entry>,
    ) -> Result<(), StoreError> {
        let place = Some((contact.clone(), number));
        let Some(entry) = entry else {
            self.report.wrong(What::Entries, "the entry cannot be read").place = place;
            return Ok(());
        };
        let Entry::Shown(shown) = entry else { return Ok(()) };
        let of = Some((shown.id, shown.sender.clone()));
        if let Some(beside) = shown.beside(contact, epoch, number) {
            let outcome = self.scan.value(&Key::Outcome(shown.id, shown.sender.clone())).await?;
            let is_in = |outcome: &Outcome| outcome.beside.contains(&beside);
            if !matches!(&outcome, Some(Value::Outcome(outcome)) if is_in(outcome)) {
                let fault = self.report.wrong(What::Messages, OUTCOME_MISSING);
                (fault.place, fault.message) = (place.clone(), of.clone());
            }
        }
        let key = Key::Message(shown.id, shown.sender.clone());
        let why = match self.scan.value(&key).await? {
            Some(Value::Message(message)) if names(&message, &shown.header_digest) => return Ok(()),
            Some(_) => "it shows another message than is stored",
            None => "the message is missing",
        };
        let fault = self.report.wrong(What::Entries, why);
        (fault.place, fault.message) = (place, of);
        self.report.broken.insert(contact.clone());
        Ok(())
    }

    async fn messages(&mut self, directory: Option<&Directory>) -> Result<(), StoreError> {
        let mut named: BTreeMap<Digest, u64> = BTreeMap::new();
        let mut rest = Some(KeyRange::prefix(keys::MESSAGE));
        while rest.is_some() {
            for (key, value) in self.scan.next(&mut rest).await? {
                self.report.looked(What::Messages);
                let of = keys::read_message(&key);
                let message = of.as_ref().and_then(|(id, sender)| {
                    match codec::decode(&Key::Message(*id, sender.clone()), &value) {
                        Ok(Value::Message(message)) => Some(message),
                        _ => None,
                    }
                });
                let Some((of, message)) = of.zip(message) else {
                    let why = format!("{} cannot be read", key.escape_ascii());
                    self.report.wrong(What::Messages, why);
                    continue;
                };
                if let Body::Blob(digest, _) = &message.body {
                    *named.entry(*digest).or_default() += 1;
                }
                self.message(directory, of, &message).await?;
            }
        }
        self.files(named).await
    }

    async fn message(
        &mut self,
        directory: Option<&Directory>,
        of: (MessageId, ContactId),
        message: &Message,
    ) -> Result<(), StoreError> {
        self.stood(&of, message);
        let header = directory.map(|of| envelope::verify_header(of, &message.header));
        let header = match header {
            None => return Ok(()),
            Some(Ok(header)) if names(message, &header.digest()) => header,
            Some(Ok(_)) => {
                let fault = self.report.wrong(What::Messages, "its receipt names another header");
                fault.message = Some(of);
                return Ok(());
            }
            Some(Err(why)) => {
                let why = format!("its header is not good: {why}");
                self.report.wrong(What::Messages, why).message = Some(of);
                return Ok(());
            }
        };
        if message.body == Body::Gone {
            return Ok(());
        }
        self.beside(&of, &header).await?;
        self.report.looked(What::Bodies);
        if let Some(why) = self.body(&header, message).await {
            self.report.wrong(What::Bodies, why).message = Some(of);
        }
        Ok(())
    }

    /// The answers that are due to a message, and what became of it, if it was acknowledged.
    async fn beside(
        &mut self,
        of: &(MessageId, ContactId),
        header: &VerifiedHeader,
    ) -> Result<(), StoreError> {
        let why = match self.scan.value(&Key::Answers(header.digest())).await? {
            Some(Value::Answers(answers)) if answers.words.is_empty() => return Ok(()),
            Some(_) => match self.scan.value(&Key::Outcome(of.0, of.1.clone())).await? {
                Some(_) => return Ok(()),
                None => OUTCOME_MISSING,
            },
            None => {
                // A receipt has none, and nothing is told of it; so it is with one of version 0.2.
                let (first, step) = expire::first(header.addressing());
                let is_due = self.scan.value(&first).await?;
                if step != Value::Due(Step::Tell) || is_due != Some(step) {
                    return Ok(());
                }
                "the answers that are due to it are missing"
            }
        };
        self.report.wrong(What::Messages, why).message = Some(of.clone());
        Ok(())
    }

    /// What is wrong with a body or its letters.
    async fn body(&self, header: &VerifiedHeader, message: &Message) -> Option<String> {
        let body = match &message.body {
            Body::Inline(bytes) => bytes.clone(),
            Body::Blob(digest, _) => match self.blobs?.get(*digest).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Some(format!("the file of its body is missing: {digest}")),
                Err(why) => return Some(why.to_string()),
            },
            Body::Gone => return None,
        };
        let body = envelope::verify_body(header, &body)
            .and_then(|()| envelope::verify_letters(header, &message.letters).map(drop));
        body.err().map(|why| why.to_string())
    }

    /// A message knows at which places it stood: an entry that is missing there showed it.
    fn stood(&mut self, of: &(MessageId, ContactId), message: &Message) {
        for (contact, _, number) in places(message) {
            if let Some(fault) = self.missing.get(&(contact, number)) {
                self.report.faults[*fault].message = Some(of.clone());
            }
        }
    }

    /// Each file of a body is named by as many messages as it says.
    async fn files(&mut self, mut named: BTreeMap<Digest, u64>) -> Result<(), StoreError> {
        if self.scan.bytes(keys::LISTED.to_vec()).await?.is_none() {
            self.report
                .wrong(What::Bodies, "it does not say that it lists bodies: no file is removed");
            return Ok(());
        }
        let mut rest = Some(KeyRange::prefix(keys::BLOB));
        while rest.is_some() {
            for (key, value) in self.scan.next(&mut rest).await? {
                let digest = key.strip_prefix(keys::BLOB).and_then(|it| Digest::try_from(it).ok());
                let Some(digest) = digest else { continue };
                let says = codec::decode(&Key::Blob(digest), &value).ok();
                let found = named.remove(&digest).unwrap_or(0);
                if says != Some(Value::Blob(found)) {
                    let why = format!("{found} messages name the body {digest}, and not as many");
                    self.report.wrong(What::Bodies, why);
                }
            }
        }
        for digest in named.into_keys() {
            self.report.wrong(What::Bodies, format!("the body {digest} is not listed"));
        }
        let Some(blobs) = self.blobs else { return Ok(()) };
        for digest in blobs.list().await.unwrap_or_default() {
            if self.scan.value(&Key::Blob(digest)).await?.is_none() {
                self.report.unnamed += 1;
            }
        }
        Ok(())
    }

    /// Each record of the audit trail follows the one before, up to where it stands.
    async fn records(&mut self, directory: Option<&Directory>) -> Result<(), StoreError> {
        let Some(directory) = directory else { return Ok(()) };
        let mut trail = Trail::empty(directory.genesis());
        let mut rest = Some(KeyRange::prefix(keys::RECORD));
        while rest.is_some() {
            for (_, record) in self.scan.next(&mut rest).await? {
                self.report.looked(What::Records);
                match trail.follow(&record) {
                    Ok((next, _)) => trail = next,
                    Err(why) => {
                        let why =
                            format!("behind record {} of the audit trail: {why}", trail.count);
                        self.report.wrong(What::Records, why);
                        return Ok(());
                    }
                }
            }
        }
        let stands = match self.scan.value(&Key::Trail).await? {
            Some(Value::Trail(stands)) => stands,
            Some(_) | None => Trail::empty(directory.genesis()),
        };
        if stands != trail {
            let (found, counted) = (trail.count, stands.count);
            let why = format!(
                "the audit trail counts {counted} records, and {found} are here, or others"
            );
            self.report.wrong(What::Records, why);
        }
        Ok(())
    }

    /// Accounts and shares are what the messages come to.
    async fn accounts(&mut self) -> Result<(), StoreError> {
        let mut sums = Sums::default();
        let mut rest = Some(KeyRange::prefix(keys::ANSWERS));
        while rest.is_some() {
            for (key, value) in self.scan.next(&mut rest).await? {
                let digest =
                    key.strip_prefix(keys::ANSWERS).and_then(|it| Digest::try_from(it).ok());
                let answers = digest.map(|digest| codec::decode(&Key::Answers(digest), &value));
                if let Some(Ok(Value::Answers(answers))) = answers {
                    sums.add(&answers);
                }
            }
        }
        let mut rest = Some(KeyRange::prefix(keys::USAGE));
        while rest.is_some() {
            for (key, value) in self.scan.next(&mut rest).await? {
                let Some(member) = keys::read_usage(&key) else { continue };
                self.report.looked(What::Accounts);
                let kept = sums.kept.remove(&member).unwrap_or(0);
                let says = codec::decode(&Key::Usage(member.clone()), &value).ok();
                if says != Some(Value::Usage(Usage(kept))) {
                    let why =
                        format!("the account of {member} is not the {kept} bytes that are kept");
                    self.report.wrong(What::Accounts, why);
                }
            }
        }
        for member in sums.kept.iter().filter(|(_, kept)| **kept > 0).map(|(member, _)| member) {
            self.report.wrong(What::Accounts, format!("the account of {member} is missing"));
        }
        let mut rest = Some(KeyRange::prefix(keys::SHARE));
        while rest.is_some() {
            for (key, value) in self.scan.next(&mut rest).await? {
                let Some(of) = keys::read_share(&key) else { continue };
                self.report.looked(What::Accounts);
                let says = codec::decode(&Key::Share(of.0.clone(), of.1.clone()), &value);
                if !matches!(says, Ok(Value::Share(share)) if sums.is_share(&of, &share)) {
                    let (contact, member) = &of;
                    let why = format!(
                        "the share of {member} in the mailbox of {contact} is not what waits"
                    );
                    self.report.wrong(What::Accounts, why);
                }
                sums.shares.remove(&of);
            }
        }
        for (contact, member) in sums.shares.keys() {
            let why = format!("the share of {member} in the mailbox of {contact} is missing");
            self.report.wrong(What::Accounts, why);
        }
        Ok(())
    }

    /// One thing is due for each message.
    async fn due(&mut self) -> Result<(), StoreError> {
        if self.scan.bytes(keys::LISTED.to_vec()).await?.is_none() {
            return Ok(());
        }
        let mut rest = Some(KeyRange::prefix(keys::DUE));
        while rest.is_some() {
            for (key, _) in self.scan.next(&mut rest).await? {
                self.report.looked(What::Due);
                let Some(Key::Due(_, id, sender)) = keys::read_due(&key) else { continue };
                if self.scan.value(&Key::Message(id, sender.clone())).await?.is_none() {
                    let fault = self.report.wrong(What::Due, "it is due, and not there");
                    fault.message = Some((id, sender));
                }
            }
        }
        let [(due, _), (messages, _)] = [What::Due, What::Messages].map(|it| self.report.of(it));
        if due < messages {
            let why = format!("{messages} messages are there, and {due} of them will expire");
            self.report.wrong(What::Due, why);
        }
        Ok(())
    }
}

/// The directory that a log comes to, entry by entry, and its stored parts.
#[derive(Default)]
pub(super) struct Fold {
    pub(super) directory: Option<Directory>,
    pub(super) parts: BTreeMap<Vec<u8>, Bytes>,
    pub(super) frontier: Frontier,
}

impl Fold {
    /// The next entry. It is judged as it was when it was admitted.
    pub(super) fn push(&mut self, name: &DirectoryName, bytes: &[u8]) -> Result<(), String> {
        let leaf = self.frontier.size();
        let entry = LogEntry::read(bytes, RULES).map_err(|why| why.to_string())?;
        let changed = self.admit(name, leaf, &entry).map_err(|why| why.to_string())?;
        self.parts.extend(parts::encode(&changed));
        self.frontier.append(merkle::leaf_hash(bytes));
        Ok(())
    }

    fn admit(
        &mut self,
        name: &DirectoryName,
        leaf: u64,
        entry: &LogEntry,
    ) -> Result<Box<Parts>, Refusal> {
        let Some(directory) = &mut self.directory else {
            let verified = directory::verify_founding(name, &entry.statement)?;
            let (directory, parts) = directory::found(name, &verified, entry.admitted_at)?;
            self.directory = Some(directory);
            return Ok(Box::new(parts));
        };
        let verified = directory::verify(directory, &entry.statement)?;
        let admitted = Admitted { leaf, at: entry.admitted_at };
        let parts = directory::apply(directory, &verified, admitted)?;
        directory.advance(&parts);
        Ok(parts)
    }

    /// The head is of these entries, and signed by a key that the charter names.
    fn is_signed(&self, name: &DirectoryName, head: &LogHead) -> Result<(), String> {
        let directory = self.directory.as_ref().ok_or("it is empty")?;
        if head.frontier != self.frontier {
            return Err("its head is not that of its entries".to_owned());
        }
        let signed = verified(name, &head.checkpoint, directory)?;
        if (signed.size(), signed.root()) != (self.frontier.size(), self.frontier.root()) {
            return Err("its checkpoint is not that of its entries".to_owned());
        }
        Ok(())
    }
}

/// A checkpoint that a key of the directory's log has signed which stood at its size: one of those of the
/// charter in force, or one that has ended since.
pub(super) fn verified(
    name: &DirectoryName,
    checkpoint: &[u8],
    directory: &Directory,
) -> Result<VerifiedCheckpoint, String> {
    let stood = |signed: &VerifiedCheckpoint, key: &VerifyingKey| {
        directory.key(&key.id()).is_some_and(|known| known.believed_at(signed.size()))
    };
    let by = |key: &VerifyingKey| {
        let signed = signed(name, checkpoint, std::slice::from_ref(key)).ok()?;
        stood(&signed, key).then_some(signed)
    };
    let ended = || {
        let keys = directory.keys().filter(|known| known.purpose == Purpose::Log);
        keys.filter_map(|known| match &known.key {
            PublicKey::Verifying(key) => Some(key),
            PublicKey::Sealing(_) => None,
        })
    };
    let listed = &directory.charter().log;
    match listed.iter().find_map(by).or_else(|| ended().find_map(by)) {
        Some(found) => Ok(found),
        None => signed(name, checkpoint, listed)
            .and_then(|_| Err("its key did not stand when it was signed".to_owned())),
    }
}

fn signed(
    name: &DirectoryName,
    checkpoint: &[u8],
    keys: &[VerifyingKey],
) -> Result<VerifiedCheckpoint, String> {
    let origin = KeyName::parse(name.as_str()).map_err(|why| why.to_string())?;
    VerifiedCheckpoint::verify(checkpoint, &origin, keys).map_err(|why| why.to_string())
}

/// Its receipt names this header.
fn names(message: &Message, header: &Digest) -> bool {
    let accepted = proto::Accepted::decode(&message.accepted[..]);
    accepted.is_ok_and(|accepted| accepted.header_digest == header.as_bytes()[..])
}

/// Where a message stood: mailbox, epoch and number.
pub(super) fn places(message: &Message) -> Vec<(ContactId, u64, u64)> {
    let accepted = proto::Accepted::decode(&message.accepted[..]).unwrap_or_default();
    let place =
        |place: proto::Place| Some((place.contact.parse().ok()?, place.epoch, place.number));
    accepted.places.into_iter().filter_map(place).collect()
}

pub(super) fn leaf_of(key: &[u8]) -> Option<u64> {
    let leaf = key.strip_prefix(keys::LOG_ENTRY)?;
    Some(u64::from_be_bytes(leaf.try_into().ok()?))
}

fn missing_entries(from: u64, to: u64) -> String {
    match to - from {
        1 => format!("entry {from} is missing: every replica has it"),
        _ => format!("entries {from} to {} are missing: every replica has them", to - 1),
    }
}

const OUTCOME_MISSING: &str = "what became of it is missing: who acknowledged it";
/// Of one look.
const PAGE: u32 = 256;
