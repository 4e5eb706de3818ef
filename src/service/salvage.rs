//! What can still be read of a damaged store, put together to a store that is served again.
//!
//! In scope: what follows from what is left (parts from the log, entries from the messages that they
//! showed, where a mailbox stands from its entries or from what was shown of it), and what is gone.
//! Out of scope: reading damaged files (`store::salvage`). Invariants: nothing is made up: what is put
//! in follows from values that are whole, or was shown; a log that goes back is said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::domain::administration::audit::Trail;
use crate::domain::directory::Directory;
use crate::domain::ids::{ContactId, DirectoryName, MemberId, MessageId};
use crate::domain::relay::answers::Answers;
use crate::domain::relay::envelope::{self, read_letter};
use crate::domain::relay::expire;
use crate::domain::relay::share::Share;
use crate::domain::relay::sums::Sums;
use crate::domain::state::{
    Body, Entry, EntryKind, Key, Mailbox, Message, Outcome, Shown as Showing, Step, Usage, Value,
};
use crate::store::blobs::Blobs;
use crate::store::check::Damage;
use crate::store::codec::LogHead;
use crate::store::salvage::{self, Values};
use crate::store::{Site, StoreError, codec, keys, parts};
use crate::tlog::checkpoint::VerifiedCheckpoint;

use super::high_water::{Mark, Shown, Unusable};
use super::scrub::{Fold, Report, What, leaf_of, places, scrub, verified};
use super::settings::Settings;

/// What was saved, and what is gone.
#[derive(Debug)]
pub struct Salvaged {
    /// What was looked at in the new store, and all that is missing there.
    pub report: Report,
    /// How many values were read.
    pub values: u64,
    /// How many more follow from those, and were put in.
    pub mended: u64,
    /// Messages that were shown in mailboxes and are gone, and how many are there.
    pub messages: u64,
    /// How many entries the log has.
    pub log: u64,
    /// How many were shown, if that is known.
    pub shown: Option<u64>,
    /// Why it is not, if the high-water file cannot be used.
    pub unusable: Option<Unusable>,
}

/// Reads what can still be read at `from`, and writes it to `to`, if that is given.
///
/// # Errors
/// There is no store, or it is open; nothing can be read; something is at `to`; the disk.
pub async fn salvage(
    from: &Site,
    to: Option<&Site>,
    blobs: Option<&dyn Blobs>,
    name: &DirectoryName,
    high_water: &Path,
    told: impl FnMut(u64),
) -> Result<Salvaged, StoreError> {
    let (mut values, missing) = salvage::read(from).await?;
    let read = values.len() as u64;
    let (shown, unusable) = match Shown::read(high_water) {
        Ok(shown) => (Some(shown), None),
        Err(why) => (None, Some(why)),
    };
    let mark = shown.as_ref().and_then(|shown| shown.mark.as_ref());
    let before = values.clone();
    let log = mend(&mut values, name, shown.as_ref());
    let mended = values.iter().filter(|(key, value)| before.get(*key) != Some(value));
    let mended = mended.count() as u64;
    let store = salvage::in_memory(&values).await?;
    let mut report = scrub(store.as_ref(), blobs, name, mark, told).await?;
    report.unread(missing);
    if let Some(to) = to {
        salvage::write(to, name.as_str(), &values).await?;
    }
    let shown = log.shown;
    let messages = values.keys().filter(|key| key.starts_with(keys::MESSAGE)).count() as u64;
    let log = log.entries;
    Ok(Salvaged { report, values: read, mended, messages, log, shown, unusable })
}

/// What is wrong with a store, and what of it is gone.
pub(super) async fn named(place: &Site, settings: &Settings, why: StoreError) -> StoreError {
    let mut found = match why {
        StoreError::Damaged(damage) => damage.found().to_vec(),
        StoreError::Corrupt(why) => vec![why],
        other => return other,
    };
    if place.bytes() > NAMED_BYTES {
        found.push("liaisond salvage --dry-run lists what is missing".to_owned());
        return StoreError::Damaged(Damage::of(found));
    }
    let (name, high_water) = (&settings.name, &settings.high_water);
    if let Ok(salvaged) = salvage(place, None, None, name, high_water, |_| ()).await {
        let faults = salvaged.report.faults.iter().filter(|fault| fault.what != What::Values);
        let gone: Vec<_> = faults.map(ToString::to_string).collect();
        found.push(match gone.len() {
            0 => "all messages can still be read".to_owned(),
            count => format!("{count} things are missing"),
        });
        found.extend(gone);
    }
    StoreError::Damaged(Damage::of(found))
}

/// A start holds no more than this in memory to name what is missing: it may be tried again and again.
const NAMED_BYTES: u64 = 256 << 20;

/// How far a log goes.
struct Log {
    entries: u64,
    shown: Option<u64>,
}

/// Puts in what follows from the rest.
fn mend(values: &mut Values, name: &DirectoryName, shown: Option<&Shown>) -> Log {
    let entries = entries(values);
    let mut fold = folded(name, &entries);
    let signed = fold.directory.as_ref().and_then(|directory| {
        let stored = values.get(keys::LOG_HEAD).and_then(|head| LogHead::decode(head).ok());
        let candidates = stored.map(|head| head.checkpoint).into_iter();
        let candidates = candidates.chain(shown.map(|shown| shown.checkpoint.clone()));
        newest(name, &entries, directory, candidates)
    });
    if let Some((checkpoint, signed)) = &signed {
        // What stands behind it was never shown: it was being committed.
        if signed.size() < entries.len() as u64 {
            fold = folded(name, &entries[..signed.size() as usize]);
            values.retain(|key, _| leaf_of(key).is_none_or(|leaf| leaf < signed.size()));
        }
        let clock = fold.directory.as_ref().map_or(0, Directory::clock);
        let checkpoint = checkpoint.clone();
        let head = LogHead { frontier: fold.frontier.clone(), checkpoint, clock };
        values.insert(keys::LOG_HEAD.to_vec(), head.encode());
        let prefixes = parts::PREFIXES.into_iter().chain([keys::CHARTER, keys::LOG_CHARTER]);
        for prefix in prefixes {
            values.retain(|key, _| !key.starts_with(prefix));
        }
        values.extend(fold.parts.clone());
    }
    let mark = shown.and_then(|shown| shown.mark.as_ref());
    if let Some(directory) = &fold.directory {
        mailboxes(values, directory, mark);
        outcomes(values);
        due(values, directory);
        accounts(values);
        trail(values, directory);
    }
    let shown = fold.directory.as_ref().zip(shown).and_then(|(directory, shown)| {
        Some(verified(name, &shown.checkpoint, directory).ok()?.size())
    });
    Log { entries: fold.frontier.size(), shown }
}

/// The entries of the log from the first on, as far as they go.
fn entries(values: &Values) -> Vec<Bytes> {
    let of = |leaf: u64| values.get(&keys::log_entry(leaf)).cloned();
    (0..).map_while(of).collect()
}

fn folded(name: &DirectoryName, entries: &[Bytes]) -> Fold {
    let mut fold = Fold::default();
    let _ = entries.iter().try_for_each(|entry| fold.push(name, entry));
    fold
}

/// The newest checkpoint that these entries come to.
fn newest(
    name: &DirectoryName,
    entries: &[Bytes],
    directory: &Directory,
    candidates: impl Iterator<Item = Bytes>,
) -> Option<(Bytes, VerifiedCheckpoint)> {
    let signed = candidates.filter_map(|checkpoint| {
        let signed = verified(name, &checkpoint, directory).ok()?;
        let fold = entries.get(..usize::try_from(signed.size()).ok()?)?;
        (folded(name, fold).frontier.root() == signed.root()).then_some((checkpoint, signed))
    });
    signed.max_by_key(|(_, signed)| signed.size())
}

/// Where each mailbox stands, and its entries as far as messages know them.
fn mailboxes(values: &mut Values, directory: &Directory, mark: Option<&Mark>) {
    let (mut stored, mut contacts) = (BTreeMap::new(), BTreeSet::new());
    for (key, value) in values.range(keys::MAILBOX.to_vec()..) {
        let Some(contact) = keys::read_mailbox(key) else { break };
        if let Ok(Value::Mailbox(mailbox)) = codec::decode(&Key::Mailbox(contact.clone()), value) {
            stored.insert(contact, mailbox);
        }
    }
    let shown = mark.map(|mark| mark.mailboxes.clone()).unwrap_or_default();
    contacts.extend(stored.keys().chain(shown.keys()).cloned());
    let mut known = known(values);
    for contact in contacts {
        let [stored, shown] = [stored.get(&contact), shown.get(&contact)].map(Option::<&_>::copied);
        let newest = stored.into_iter().chain(shown).max_by_key(|it| (it.epoch, it.count));
        let Some(newest) = newest else { continue };
        let key = Key::Beginning(contact.clone());
        let begins = match value(values, &key) {
            Some(Value::Beginning(begins)) if begins.epoch == newest.epoch => begins,
            _ => Mailbox::of_epoch(directory.genesis(), &contact, newest.epoch),
        };
        let of_epoch = known.remove(&(contact.clone(), newest.epoch)).unwrap_or_default();
        for (number, entry) in of_epoch {
            let key = keys::of(&Key::Entry(contact.clone(), number));
            if number > begins.count && !values.contains_key(&key) {
                values.insert(key, codec::encode(&Value::Entry(entry)));
            }
        }
        let mut at = begins;
        // What stands behind another history may be of an epoch before.
        while (at.count != newest.count || at == newest)
            && let Some(Value::Entry(entry)) =
                value(values, &Key::Entry(contact.clone(), at.count + 1))
            && let Some(next) = at.with(&entry)
        {
            at = next;
        }
        // What goes on from what was shown is newer; what does not reach it leaves that standing.
        let mailbox = if at.count > newest.count { at } else { newest };
        let key = keys::of(&Key::Mailbox(contact));
        values.insert(key, codec::encode(&Value::Mailbox(mailbox)));
    }
}

/// The entries that showed the messages that are there, by mailbox and epoch.
fn known(values: &Values) -> BTreeMap<(ContactId, u64), BTreeMap<u64, Entry>> {
    let mut known: BTreeMap<_, BTreeMap<u64, Entry>> = BTreeMap::new();
    for ((id, sender), message) in messages(values) {
        let Ok(header) = envelope::parse_header(&message.header) else { continue };
        for (contact, epoch, number) in places(&message) {
            let entry = Entry::Shown(Showing {
                kind: EntryKind::Addressed,
                header_digest: header.digest(),
                id,
                sender: sender.clone(),
                acknowledgement: Bytes::new(),
            });
            known.entry((contact, epoch)).or_default().insert(number, entry);
        }
    }
    known
}

type Named = ((MessageId, ContactId), Message);

fn messages(values: &Values) -> impl Iterator<Item = Named> {
    let range = values.range(keys::MESSAGE.to_vec()..);
    range.map_while(|(key, value)| Some((keys::read_message(key)?, value))).filter_map(
        |((id, sender), value)| match codec::decode(&Key::Message(id, sender.clone()), value) {
            Ok(Value::Message(message)) => Some(((id, sender), *message)),
            _ => None,
        },
    )
}

/// One thing is due for each message, the last that is known; bodies are named as often as messages name them.
fn due(values: &mut Values, directory: &Directory) {
    let mut due = BTreeMap::<_, (u64, Step)>::new();
    for (key, value) in values.range(keys::DUE.to_vec()..) {
        let Some(key) = keys::read_due(key) else { break };
        if let (Key::Due(at, id, sender), Ok(Value::Due(step))) = (&key, codec::decode(&key, value))
        {
            let known = due.entry((*id, sender.clone())).or_insert((*at, step));
            if step.number() > known.1.number() {
                *known = (*at, step);
            }
        }
    }
    let (mut puts, mut named) = (Vec::new(), BTreeMap::<_, u64>::new());
    for (of, message) in messages(values) {
        if let Body::Blob(digest, _) = message.body {
            *named.entry(digest).or_default() += 1;
        }
        let known = due.get(&of).copied();
        let Ok(header) = envelope::verify_header(directory, &message.header) else {
            puts.extend(known.map(|(at, step)| (Key::Due(at, of.0, of.1), Value::Due(step))));
            continue;
        };
        let next =
            known.filter(|(_, step)| (message.body == Body::Gone) == (*step == Step::Forget));
        let key = Key::Outcome(of.0, of.1.clone());
        let is_told = matches!(value(values, &key), Some(Value::Outcome(outcome))
            if outcome.beside.iter().any(|beside| beside.kind == EntryKind::NotDelivered));
        let (key, step) = match next {
            Some((at, step)) => (Key::Due(at, of.0, of.1), Value::Due(step)),
            None => {
                expire::next(directory, header.addressing(), message.body == Body::Gone, is_told)
            }
        };
        let answers = Key::Answers(header.digest());
        // Whose receipts are here already is not known: they are taken again.
        if step == Value::Due(Step::Tell) && value(values, &answers).is_none() {
            let letters = message.letters.iter().filter_map(|letter| read_letter(letter).ok());
            let letters = letters.map(|letter| letter.seat);
            puts.push((answers, Value::Answers(Answers::due(header.addressing(), letters))));
        }
        puts.push((key, step));
    }
    puts.extend(named.into_iter().map(|(digest, count)| (Key::Blob(digest), Value::Blob(count))));
    values.retain(|key, _| !key.starts_with(keys::DUE) && !key.starts_with(keys::BLOB));
    values.extend(puts.into_iter().map(|(key, value)| (keys::of(&key), codec::encode(&value))));
    values.insert(keys::LISTED.to_vec(), Bytes::new());
}

/// What became of a message stands in the entries that show it beside its recipients, too.
fn outcomes(values: &mut Values) {
    let mut puts: BTreeMap<Key, Outcome> = BTreeMap::new();
    let shown = values
        .range(keys::ENTRY.to_vec()..)
        .map_while(|(key, value)| Some((keys::read_entry(key)?, codec::entry(value).ok())));
    for ((contact, number), entry) in shown {
        let (Some(Entry::Shown(shown)), Some(Value::Mailbox(mailbox))) =
            (entry, value(values, &Key::Mailbox(contact.clone())))
        else {
            continue;
        };
        let Some(beside) = shown.beside(&contact, mailbox.epoch, number) else { continue };
        let key = Key::Outcome(shown.id, shown.sender);
        let stored = match value(values, &key) {
            Some(Value::Outcome(outcome)) => outcome,
            _ => Outcome::default(),
        };
        if number > mailbox.count || stored.beside.contains(&beside) {
            continue;
        }
        let outcome = puts.entry(key).or_insert(stored);
        outcome.beside.push(beside);
        let given = &shown.acknowledgement;
        if !given.is_empty() && !outcome.acknowledgements.contains(given) {
            outcome.acknowledgements.push(given.clone());
        }
    }
    let puts = puts.into_iter().map(|(key, outcome)| {
        let value = codec::encode(&Value::Outcome(outcome));
        (keys::of(&key), value)
    });
    values.extend(puts.collect::<Vec<_>>());
}

/// Accounts and shares are what the messages come to. When a share that is lost was last used nobody
/// knows: it may be used at once.
fn accounts(values: &mut Values) {
    let headers = messages(values).filter_map(|(_, message)| {
        let header = envelope::parse_header(&message.header).ok()?;
        Some(keys::of(&Key::Answers(header.digest())))
    });
    let kept: BTreeSet<_> = headers.collect();
    // What is handed in again is counted then.
    values.retain(|key, _| !key.starts_with(keys::ANSWERS) || kept.contains(key));
    let mut sums = Sums::default();
    for (key, value) in values.range(keys::ANSWERS.to_vec()..) {
        let digest = key.strip_prefix(keys::ANSWERS).map(|digest| Digest::try_from(digest).ok());
        let Some(digest) = digest else { break };
        let answers = digest.map(|digest| codec::decode(&Key::Answers(digest), value));
        if let Some(Ok(Value::Answers(answers))) = answers {
            sums.add(&answers);
        }
    }
    let stored: BTreeSet<MemberId> =
        values.range(keys::USAGE.to_vec()..).map_while(|(key, _)| keys::read_usage(key)).collect();
    for member in stored {
        sums.kept.entry(member).or_default();
    }
    for (member, kept) in &sums.kept {
        let key = keys::of(&Key::Usage(member.clone()));
        if *kept > 0 || values.contains_key(&key) {
            values.insert(key, codec::encode(&Value::Usage(Usage(*kept))));
        }
    }
    let stored: Vec<_> =
        values.range(keys::SHARE.to_vec()..).map_while(|(key, _)| keys::read_share(key)).collect();
    for of in stored {
        sums.shares.entry(of).or_default();
    }
    for (of, waiting) in &sums.shares {
        let key = Key::Share(of.0.clone(), of.1.clone());
        let share = match value(values, &key) {
            Some(Value::Share(share)) if sums.is_share(of, &share) => continue,
            Some(Value::Share(share)) => share,
            _ => Share::default(),
        };
        let share = Share { waiting: waiting.clone(), ..share };
        values.insert(keys::of(&key), codec::encode(&Value::Share(share)));
    }
}

/// The audit trail stands behind all its records: none is written over. Where one is missing it goes on
/// all the same, and no auditor who looks at it is told that it is whole.
fn trail(values: &mut Values, directory: &Directory) {
    let stored = match value(values, &Key::Trail) {
        Some(Value::Trail(stored)) => stored,
        _ => Trail::empty(directory.genesis()),
    };
    let records = values.range(keys::RECORD.to_vec()..);
    let records = records.map_while(|(key, record)| Some((keys::read_record(key)?, record)));
    let behind = records.filter(|(number, _)| *number > stored.count);
    let stands = behind.fold(stored, |before, (number, record)| {
        Trail { count: number - 1, ..before }.append(record)
    });
    if stands.count > 0 {
        values.insert(keys::of(&Key::Trail), codec::encode(&Value::Trail(stands)));
    }
}

fn value(values: &Values, key: &Key) -> Option<Value> {
    codec::decode(key, values.get(&keys::of(key))?).ok()
}
