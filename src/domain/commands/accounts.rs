//! Who pays for the room that a message takes: what it changes in the accounts.
//!
//! In scope: shares of mailboxes, members' accounts, the answers that a message pays for. Out of
//! scope: whatever else is asked of it (`submit`, `acknowledge`). Invariant: what another's message
//! makes a seat answer takes no room from its own member's, nor of its rate (`service::door`).

use crate::crypto::hash::Digest;
use crate::domain::command::World;
use crate::domain::ids::ContactId;
use crate::domain::refusal::{Refusal, Undue};
use crate::domain::relay::answers::{self, Answers};
use crate::domain::relay::envelope::{self, VerifiedEnvelope};
use crate::domain::relay::share::{self, Asking, Full};
use crate::domain::state::{Body, Key, Value};
use crate::signed::proto::Class;

/// Keys to be written, with their new values.
type Changes = Vec<(Key, Value)>;

/// All that is looked at here for a message that is handed in.
#[must_use]
pub fn keys(of: &VerifiedEnvelope) -> Vec<Key> {
    match answered(of) {
        Some((digest, to)) => vec![Key::Answers(digest), received_share(of, &to)],
        None => shares(of).map(|(key, _)| key).chain([account(of)]).collect(),
    }
}

/// A receipt is paid by the message that it answers, any other message by its sender.
///
/// # Errors
/// [`Refusal::ReceiptNotDue`], [`Refusal::WrongThread`]; [`Refusal::MailboxShare`],
/// [`Refusal::QuotaExceeded`].
pub fn handed_in(of: &VerifiedEnvelope, world: &World<'_>) -> Result<Changes, Refusal> {
    match answered(of) {
        Some((digest, to)) => receipted(of, digest, &to, world),
        None => charged(of, world),
    }
}

/// The first words of a seat are paid by the message that they acknowledge, unless they are large; all
/// others are paid by who writes them. The message's answers and [`keys`] are looked at.
///
/// # Errors
/// As [`handed_in`].
pub fn acknowledged(
    words: &VerifiedEnvelope,
    message: Digest,
    world: &World<'_>,
) -> Result<Changes, Refusal> {
    let key = Key::Answers(message);
    let answers = world.seen.answers(&key)?.cloned();
    match answers.and_then(|answers| answers.with_words(words, world.certain())) {
        Some(answers) => Ok(vec![(key, Value::Answers(answers)), due(words, 0, 0)]),
        None => charged(words, world),
    }
}

/// What a delivered receipt answers, and to whom it goes.
fn answered(of: &VerifiedEnvelope) -> Option<(Digest, ContactId)> {
    let addressing = of.header().addressing();
    let [to] = &addressing.recipients[..] else { return None };
    let answered = addressing.in_reply_to.filter(|_| addressing.class == Class::Receipt)?;
    Some((answered, to.contact.clone()))
}

/// The share of each recipient's mailbox, whatever contact of the member writes.
fn shares(of: &VerifiedEnvelope) -> impl Iterator<Item = (Key, &ContactId)> {
    let addressing = of.header().addressing();
    let member = addressing.sender.member();
    let to = addressing.recipients.iter().map(|to| &to.contact);
    to.map(move |contact| (Key::Share(contact.clone(), member.clone()), contact))
}

/// The share of the own mailbox in which waits what this contact wrote.
fn received_share(of: &VerifiedEnvelope, contact: &ContactId) -> Key {
    Key::Share(of.header().addressing().sender.contact(), contact.member())
}

fn account(of: &VerifiedEnvelope) -> Key {
    Key::Usage(of.header().addressing().sender.member())
}

/// Its sender pays: for a place in each mailbox, its own room, and that of the answers to it.
fn charged(of: &VerifiedEnvelope, world: &World<'_>) -> Result<Changes, Refusal> {
    let mut changes = waits(of, world)?;
    let usage = world.seen.usage(&account(of))?.copied().unwrap_or_default();
    let limit = share::part(world.grants.kept, of.header().addressing().urgency);
    let (kept, more) = (usage.0, of.size() + answers::room(of));
    if kept.saturating_add(more) > limit {
        return Err(Refusal::QuotaExceeded { kept, limit });
    }
    let usage = Value::Usage(usage.with(more));
    changes.extend([(account(of), usage), due(of, of.size(), more)]);
    Ok(changes)
}

/// A place in its member's share of each mailbox; all those are named that have none.
fn waits(of: &VerifiedEnvelope, world: &World<'_>) -> Result<Changes, Refusal> {
    let addressing = of.header().addressing();
    let (urgency, bytes) = (addressing.urgency, of.size());
    let (until, now) = (answers::until(addressing), world.believed());
    let asking = Asking { urgency, bytes, until, now };
    let (mut changes, mut contacts, mut retry) = (Vec::new(), Vec::new(), Some(0));
    for (key, contact) in shares(of) {
        let share = world.seen.share(&key)?.cloned().unwrap_or_default();
        match share.with(&world.grants, asking) {
            Ok(share) => changes.push((key, Value::Share(share))),
            Err(why) => {
                contacts.push(contact.clone());
                retry = match why {
                    Full::Waiting => None,
                    Full::TooFast(seconds) => retry.map(|before| before.max(seconds)),
                };
            }
        }
    }
    if contacts.is_empty() { Ok(changes) } else { Err(Refusal::MailboxShare { contacts, retry }) }
}

/// The answers to it that are due; `waiting` bytes of it are in the shares of its recipients, and
/// `paid` on the account of its sender's member.
fn due(of: &VerifiedEnvelope, waiting: u64, paid: u64) -> (Key, Value) {
    let letters = of.letters().iter().map(|letter| letter.seat.clone());
    let answers = Answers::due(of.header().addressing(), letters);
    let answers = Answers { waiting, paid, ..answers };
    (Key::Answers(of.header().digest()), Value::Answers(answers))
}

/// The message answered pays, and waits no longer in the mailbox of this contact.
fn receipted(
    of: &VerifiedEnvelope,
    answered: Digest,
    to: &ContactId,
    world: &World<'_>,
) -> Result<Changes, Refusal> {
    let before = answers(of, answered, to, world)?;
    let (waiting, until) = (before.waiting, before.until);
    let own = of.header().addressing().sender.contact();
    let waited = waiting > 0 && !before.is_received_by(&own);
    let after = before.receipted(of, world.certain())?;
    let mut changes = vec![(Key::Answers(answered), Value::Answers(after))];
    let key = received_share(of, to);
    if let Some(share) = world.seen.share(&key)?.filter(|_| waited) {
        changes.push((key, Value::Share(share.clone().without(waiting, until))));
    }
    Ok(changes)
}

/// The answers that are due to a message.
fn answers(
    of: &VerifiedEnvelope,
    answered: Digest,
    to: &ContactId,
    world: &World<'_>,
) -> Result<Answers, Refusal> {
    if let Some(answers) = world.seen.answers(&Key::Answers(answered))? {
        return Ok(answers.clone());
    }
    // One that version 0.2 accepted has none stored: it is found if it began its thread.
    let first = Key::Message(of.header().addressing().thread, to.clone());
    let unknown = Refusal::ReceiptNotDue(Undue::Unknown);
    let first = world.seen.message(&first)?.filter(|first| first.body != Body::Gone);
    let first = first.ok_or(unknown.clone())?;
    let header = envelope::verify_header(world.directory, &first.header)?;
    if header.digest() != answered {
        return Err(unknown);
    }
    let letters = first.letters.iter().filter_map(|letter| envelope::read_letter(letter).ok());
    Ok(Answers::due(header.addressing(), letters.map(|letter| letter.seat)))
}
