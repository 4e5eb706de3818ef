//! Submit: one atomic decision that puts a verified envelope into mailboxes.

use bytes::Bytes;
use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::domain::command::{Command, Decision, World};
use crate::domain::directory::Directory;
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::limits;
use crate::domain::refusal::{Letters, Mismatch, Refusal, Wrong};
use crate::domain::relay::addressing::{Addressing, Recipient, name_of, unchanged};
use crate::domain::relay::envelope::{self, VerifiedEnvelope};
use crate::domain::relay::{expire, level, thread};
use crate::domain::state::{Body, Entry, EntryKind, Key, Mailbox, Message, Shown, Value};
use crate::domain::view::View;
use crate::signed::proto;

use super::accounts;

/// Hands in one envelope. The reply is the payload of the accepted receipt.
#[derive(Debug)]
pub struct Submit {
    handed_in_by: ContactId,
    envelope: VerifiedEnvelope,
    body: Body,
}

impl Submit {
    /// An envelope that a seat of `handed_in_by` hands in; a body above 64 KiB is already among
    /// the blobs.
    #[must_use]
    pub fn new(handed_in_by: ContactId, envelope: VerifiedEnvelope) -> Self {
        let (digest, size) = (envelope.header().body_digest(), envelope.header().body_size());
        let body = if size > limits::INLINE_BODY_BYTES {
            Body::Blob(digest, size)
        } else {
            Body::Inline(envelope.body().clone())
        };
        Self { handed_in_by, envelope, body }
    }

    pub(super) const fn addressing(&self) -> &Addressing {
        self.envelope.header().addressing()
    }

    fn message_key(&self) -> Key {
        let addressing = self.addressing();
        Key::Message(addressing.id, addressing.sender.contact())
    }
}

impl Command for Submit {
    type Reply = Bytes;

    fn keys(&self) -> Vec<Key> {
        let addressing = self.addressing();
        let mailboxes = addressing.recipients.iter();
        let mailboxes = mailboxes.map(|recipient| Key::Mailbox(recipient.contact.clone()));
        let beginners = thread::beginners(addressing).into_iter();
        let firsts = beginners.map(|contact| Key::Message(addressing.thread, contact));
        let keys = mailboxes.chain([self.message_key()]).chain(firsts);
        keys.chain(accounts::keys(&self.envelope)).chain(expire::blob(&self.body)).collect()
    }

    fn decide(&self, world: &World<'_>) -> Result<Decision<Bytes>, Refusal> {
        self.decide_paid(world, accounts::handed_in)
    }
}

impl Submit {
    /// Decides, where `pays` says what changes in the accounts.
    pub(super) fn decide_paid(
        &self,
        world: &World<'_>,
        pays: impl FnOnce(&VerifiedEnvelope, &World<'_>) -> Result<Vec<(Key, Value)>, Refusal>,
    ) -> Result<Decision<Bytes>, Refusal> {
        let addressing = self.addressing();
        if self.handed_in_by != addressing.sender.contact() {
            let (by, signed) = (self.handed_in_by.clone(), addressing.sender.clone());
            return Err(Refusal::NotTheSender(Mismatch::HandedIn { by, signed }));
        }
        if let Some(stored) = world.seen.message(&self.message_key())? {
            return again(stored, self.envelope.header().digest(), addressing.id);
        }
        world.directory.in_force(&addressing.sender_key)?;
        if let Some(now) = world.believed() {
            timely(addressing.created, addressing.expires, now)?;
        }
        fits_the_log(world, addressing.view)?;
        self.fits_the_thread(world)?;
        unchanged(world.directory, addressing)?;
        for recipient in &addressing.recipients {
            can_be_reached(world.directory, recipient)?;
        }
        exactly_the_letters(world.directory, &self.envelope)?;
        let accounts = pays(&self.envelope, world)?;
        self.accept(world, accounts)
    }

    /// Beside the thread's first message, if one of those whom this one names sent it.
    fn fits_the_thread(&self, world: &World<'_>) -> Result<(), Refusal> {
        let addressing = self.addressing();
        let mut firsts = Vec::new();
        for contact in thread::beginners(addressing) {
            let key = Key::Message(addressing.thread, contact);
            if let Some(first) = world.seen.message(&key)? {
                firsts.push(envelope::verify_header(world.directory, &first.header)?);
            }
        }
        thread::fits(addressing, &firsts)
    }

    fn accept(
        &self,
        world: &World<'_>,
        accounts: Vec<(Key, Value)>,
    ) -> Result<Decision<Bytes>, Refusal> {
        let header = self.envelope.header();
        let sender = header.addressing().sender.contact();
        let mut puts = accounts;
        let mut places = Vec::new();
        for recipient in &header.addressing().recipients {
            let entry = Shown {
                kind: EntryKind::Addressed,
                header_digest: header.digest(),
                id: header.addressing().id,
                sender: sender.clone(),
                acknowledgement: Bytes::new(),
            };
            places.push(deliver(world, &recipient.contact, entry, header.digest(), &mut puts)?);
        }
        let accepted = accepted(world, header.digest(), places);
        let message = Message {
            header: header.envelope().bytes().clone(),
            body: self.body.clone(),
            letters: self.envelope.letters().iter().map(|letter| letter.bytes.clone()).collect(),
            accepted: accepted.clone(),
        };
        puts.push((self.message_key(), Value::Message(Box::new(message))));
        puts.push(expire::first(header.addressing()));
        if let Some(key) = expire::blob(&self.body) {
            let others = world.seen.blob(&key)?.copied().unwrap_or_default();
            puts.push((key, Value::Blob(others + 1)));
        }
        Ok(Decision { puts, deletes: Vec::new(), log: None, reply: accepted })
    }
}

/// The same message again gets the same receipt; another one under its id is refused.
pub(super) fn again(
    stored: &Message,
    header_digest: Digest,
    id: MessageId,
) -> Result<Decision<Bytes>, Refusal> {
    let same = proto::Accepted::decode(&stored.accepted[..])
        .is_ok_and(|accepted| accepted.header_digest == header_digest.as_bytes()[..]);
    if same {
        let reply = stored.accepted.clone();
        Ok(Decision { puts: Vec::new(), deletes: Vec::new(), log: None, reply })
    } else {
        Err(Refusal::IdUsedTwice(id))
    }
}

/// Appends one entry to a mailbox, by the digest that stands in the chain for it: its new state, and
/// its place.
///
/// # Errors
/// [`Refusal::Internal`].
pub(super) fn deliver(
    world: &World<'_>,
    contact: &ContactId,
    entry: Shown,
    digest: Digest,
    puts: &mut Vec<(Key, Value)>,
) -> Result<proto::Place, Refusal> {
    let key = Key::Mailbox(contact.clone());
    let before = world.seen.mailbox(&key)?.copied();
    let before = before.unwrap_or_else(|| Mailbox::empty(world.directory.genesis(), contact));
    let mailbox = before.append(entry.kind, digest);
    let shown = Value::Entry(Entry::Shown(entry));
    puts.push((Key::Entry(contact.clone(), mailbox.count), shown));
    puts.push((key, Value::Mailbox(mailbox)));
    Ok(proto::Place {
        contact: contact.to_string(),
        epoch: mailbox.epoch,
        number: mailbox.count,
        chain: Bytes::copy_from_slice(mailbox.chain.as_bytes()),
    })
}

/// The payload of the accepted receipt.
pub(super) fn accepted(
    world: &World<'_>,
    header_digest: Digest,
    places: Vec<proto::Place>,
) -> Bytes {
    let accepted = proto::Accepted {
        directory: Some(name_of(world.directory)),
        header_digest: Bytes::copy_from_slice(header_digest.as_bytes()),
        at: world.now,
        view: Some(world.head.to_proto()),
        places,
    };
    accepted.encode_to_vec().into()
}

fn timely(created: u64, expires: u64, now: u64) -> Result<(), Refusal> {
    if created > now.saturating_add(limits::CLOCK_AHEAD_SECONDS) {
        return Err(Refusal::IssuedInFuture { issued: created, at: now });
    }
    if expires <= now {
        return Err(Refusal::field("expires", Wrong::Expired));
    }
    Ok(())
}

/// The signer's view is one of this log.
pub(super) fn fits_the_log(world: &World<'_>, View { size, root }: View) -> Result<(), Refusal> {
    let own = world.head.size;
    if size > own {
        return Err(Refusal::ViewAhead { size: own, found: size });
    }
    if size == 0 || world.log.root_at(size) != Some(root) {
        return Err(Refusal::ForeignView(size));
    }
    Ok(())
}

/// An expired record does not stop an alert; a listed contact cannot open one, and nobody is
/// addressed at a level that it does not have.
fn can_be_reached(directory: &Directory, recipient: &Recipient) -> Result<(), Refusal> {
    let contact = &recipient.contact;
    if directory.record(contact)?.attested {
        return Err(Refusal::RecipientListed(contact.clone()));
    }
    if directory.sealing_seats(contact).next().is_none() {
        return Err(Refusal::RecipientWithoutSeats(contact.clone()));
    }
    level::has(directory, contact, recipient.level)
}

/// Exactly one letter for every seat with a seal key of every reader, to that key.
fn exactly_the_letters(directory: &Directory, envelope: &VerifiedEnvelope) -> Result<(), Refusal> {
    let readers = envelope.header().addressing().readers();
    let seats = readers.iter().flat_map(|contact| directory.sealing_seats(contact));
    let mut needed: Vec<(SeatId, _)> = seats.map(|(seat, key, _)| (seat, key)).collect();
    needed.sort();
    let found = envelope.letters().iter().map(|letter| (letter.seat.clone(), letter.seal_key));
    if found.eq(needed.iter().cloned()) {
        return Ok(());
    }
    let seats = needed.into_iter().map(|(seat, _)| seat).collect();
    Err(Refusal::WrongLetters(Letters::OtherSeats(seats)))
}
