//! Composing: what is meant and to whom, to an envelope that the relay takes.
//!
//! In scope: addressing, the sealed body with its one key, a letter for every seat that may read,
//! both signatures. Out of scope: handing it in (`outbox`, `session`). Invariants: pure, time and
//! randomness come from [`Ambient`]; nothing is sealed before everything that can be refused was
//! looked at; the body's key leaves this module in letters only.

use bytes::Bytes;
use prost::Message as _;
use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::crypto::hash::Digest;
use crate::crypto::seal::{self, OpeningKey, SealRandomness, SealingKey};
use crate::crypto::sign::{KeyId, SigningKey};
use crate::domain::directory::Directory;
use crate::domain::ids::{MessageId, SeatId};
use crate::domain::limits;
use crate::domain::refusal::{Mismatch, Refusal, Unserved};
use crate::domain::relay::addressing::{self, Addressing, Recipient};
use crate::domain::relay::{level, thread};
use crate::domain::view::View;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Class, Drill, Flag, Level, Urgency};
use crate::tlog::head::root_of;
use crate::tlog::merkle;
use crate::wire::v1;

use super::body;
use super::content::{Inside, InvalidContent};
use super::open::{level_of, stands_still};

/// What stands outside: who writes to whom, how urgently, in which thread.
#[derive(Clone, Debug, PartialEq)]
pub struct Outside {
    /// Its id; none: a new one.
    pub id: Option<MessageId>,
    /// The seat that signs.
    pub sender: SeatId,
    /// To whom; sorted here.
    pub recipients: Vec<Recipient>,
    /// What kind of message it is.
    pub class: Class,
    /// How urgent it is to those who get it.
    pub urgency: Urgency,
    /// The mark of a drill, which is its thread's.
    pub drill: Option<Drill>,
    /// The header digest of the message that this one answers.
    pub in_reply_to: Option<Digest>,
    /// The thread; none: this message begins one.
    pub thread: Option<MessageId>,
    /// When it was written, Unix seconds; none: now.
    pub created: Option<u64>,
    /// Until when the relay keeps it; none: 30 days.
    pub expires: Option<u64>,
    /// How soon an acknowledgement is hoped for, in seconds; 0: not asked for.
    pub acknowledge_within: u32,
    /// The directory as the sender sees it: tree size and root hash.
    pub view: View,
    /// What else the readers should know of the sender's view.
    pub flags: Vec<Flag>,
}

impl Outside {
    /// A routine message that begins a thread.
    #[must_use]
    pub fn new(sender: SeatId, recipients: Vec<Recipient>, class: Class, view: View) -> Self {
        Self {
            id: None,
            sender,
            recipients,
            class,
            urgency: Urgency::Routine,
            drill: None,
            in_reply_to: None,
            thread: None,
            created: None,
            expires: None,
            acknowledge_within: 0,
            view,
            flags: Vec::new(),
        }
    }

    /// A message that answers another, in its thread and under its drill mark, to its sender: at the
    /// level at which we were addressed, if the sender has that one.
    #[must_use]
    pub fn answering(
        directory: &Directory,
        sender: SeatId,
        (header, answered): (Digest, &Addressing),
        class: Class,
        view: View,
    ) -> Self {
        let to = answered.sender.contact();
        let ours = level_of(answered, &sender.contact()).unwrap_or(Level::Technical);
        let level = level::to_answer_at(directory, &to, ours);
        let recipient = Recipient::new(to, level);
        Self {
            drill: answered.drill.clone(),
            in_reply_to: Some(header),
            thread: Some(answered.thread),
            ..Self::new(sender, vec![recipient], class, view)
        }
    }

    /// What was sealed before and never taken, under its id, on a newer view. What answers by its
    /// nature goes at a level that the contact has now. What a flag said of the older view is left out. It
    /// is as old as it was, but was not written after `now`, Unix seconds.
    ///
    /// # Errors
    /// It has what only a later version sends.
    pub fn again(
        directory: &Directory,
        of: &Addressing,
        view: View,
        now: u64,
    ) -> Result<Self, ComposeError> {
        let created = of.created.min(now);
        let later = Refusal::NotYetSupported;
        let class = of.class.known().ok_or(later(Unserved::Class))?;
        let mut recipients = of.recipients.clone();
        if class == Class::Receipt || class == Class::Acknowledgement {
            for to in &mut recipients {
                to.level = level::to_answer_at(directory, &to.contact, to.level);
            }
        }
        let flags = of.flags.iter().map(|flag| flag.known().ok_or(later(Unserved::Flag)));
        let mut flags = flags.collect::<Result<Vec<_>, _>>()?;
        flags.retain(|flag| *flag != Flag::StaleDirectory);
        Ok(Self {
            id: Some(of.id),
            urgency: of.urgency.known().ok_or(later(Unserved::Urgency))?,
            drill: of.drill.clone(),
            in_reply_to: of.in_reply_to,
            thread: (of.thread != of.id).then_some(of.thread),
            created: Some(created),
            expires: Some(of.expires.min(created.saturating_add(limits::MESSAGE_SECONDS))),
            acknowledge_within: of.acknowledge_within,
            flags,
            ..Self::new(of.sender.clone(), recipients, class, view)
        })
    }
}

/// A composed message.
#[derive(Clone, Debug, PartialEq)]
pub struct Sealed {
    /// The id that it was given.
    pub id: MessageId,
    /// Its thread: the id of its first message.
    pub thread: MessageId,
    /// SHA-256 of the header payload: what receipts and chains name.
    pub header_digest: Digest,
    /// To whom, in the form that every reader sees.
    pub addressing: Addressing,
    /// The inner message, signed; the sender keeps it to read what it sent.
    pub inner: Envelope,
    /// What the relay gets.
    pub envelope: v1::Envelope,
}

/// Why nothing was sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// The rules say no: an unknown contact, one that is only listed, one without seats, a level that
    /// it does not have, a key that is not the seat's, a time that cannot be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The content does not say what it must.
    #[error(transparent)]
    Content(#[from] InvalidContent),
    /// Larger than the largest body.
    #[error("the content has {found} bytes, and {fits} fit into one message")]
    TooLarge {
        /// How many bytes of content fit.
        fits: u64,
        /// How many there are.
        found: u64,
    },
    /// More contacts than one message reaches.
    #[error("expected 1 to {limit} recipients, found {found}", limit = limits::RECIPIENTS)]
    Recipients {
        /// How many there are.
        found: usize,
    },
    /// More seats than one message reaches.
    #[error("{found} seats would read this, and one message reaches {limit}", limit = limits::LETTERS)]
    Letters {
        /// How many there are.
        found: usize,
    },
    /// The signature could not be made.
    #[error("the system's source of randomness failed")]
    Randomness,
}

impl From<ring::error::Unspecified> for ComposeError {
    fn from(_: ring::error::Unspecified) -> Self {
        Self::Randomness
    }
}

/// Composes and seals one message.
///
/// # Errors
/// [`ComposeError`], before anything is sealed.
pub fn compose(
    directory: &Directory,
    outside: Outside,
    inside: &Inside,
    key: &SigningKey,
    ambient: &Ambient,
) -> Result<Sealed, ComposeError> {
    inside.check(outside.class, outside.in_reply_to)?;
    signs_for(directory, &outside.sender, key)?;
    let addressing = address(directory, outside, key, ambient)?;
    let seats = reading_seats(directory, &addressing)?;
    let content = inside.encode();
    let found = content.len() as u64;
    let inner = inner(&addressing.bytes, content, key, ambient)?;
    let plaintext = body::pad(inner.bytes()).ok_or_else(|| {
        let around = (inner.bytes().len() as u64).saturating_sub(found);
        ComposeError::TooLarge { fits: body::largest_inner().saturating_sub(around), found }
    })?;
    let (body, body_key) = seal_body(&plaintext, ambient);
    let text = body::letter_text(addressing.id, Digest::of(&body), &body_key);
    let letters: Vec<Bytes> =
        seats.iter().map(|reading| letter(reading, text.as_bytes(), ambient)).collect();
    let header = header(&addressing.bytes, &body, &letters, key, ambient)?;
    Ok(Sealed {
        id: addressing.id,
        thread: addressing.thread,
        header_digest: header.digest(),
        inner,
        envelope: v1::Envelope { header: header.bytes().clone(), body: body.into(), letters },
        addressing,
    })
}

/// The key is the seat's, and in force.
fn signs_for(directory: &Directory, seat: &SeatId, key: &SigningKey) -> Result<(), Refusal> {
    let id = key.public().id();
    let (holder, _) = directory.seat_sign_key(&id)?;
    if holder != seat {
        let (signed, named) = (holder.clone(), seat.to_string());
        return Err(Refusal::NotTheSender(Mismatch::Seat { signed, named }));
    }
    directory.in_force(&id)
}

/// The addressing in its one encoding, read back by the rules that every reader has.
fn address(
    directory: &Directory,
    outside: Outside,
    key: &SigningKey,
    ambient: &Ambient,
) -> Result<Addressing, ComposeError> {
    let found = outside.recipients.len();
    if found == 0 || found > limits::RECIPIENTS {
        return Err(ComposeError::Recipients { found });
    }
    let new = || MessageId::new(ambient.now_ms(), ambient.bytes());
    let id = outside.id.unwrap_or_else(new);
    let created = outside.created.unwrap_or_else(|| ambient.now());
    let mut recipients = outside.recipients;
    recipients.sort_by(|a, b| (a.step, &a.contact).cmp(&(b.step, &b.contact)));
    let mut flags: Vec<i32> = outside.flags.into_iter().map(i32::from).collect();
    // Also what a machine answers by itself says that it knows no newer rosters.
    flags.extend(stands_still(directory).then_some(i32::from(Flag::StaleDirectory)));
    flags.sort_unstable();
    flags.dedup();
    let bytes = |id: MessageId| Bytes::copy_from_slice(id.as_bytes());
    let digest = |digest: Digest| Bytes::copy_from_slice(digest.as_bytes());
    let addressing = proto::Addressing {
        extras: Vec::new(),
        directory: Some(addressing::name_of(directory)),
        id: bytes(id),
        thread: bytes(outside.thread.unwrap_or(id)),
        in_reply_to: outside.in_reply_to.map(digest).unwrap_or_default(),
        sender: outside.sender.to_string(),
        sender_key: Bytes::copy_from_slice(key.public().id().as_bytes()),
        recipients: recipients.iter().map(Recipient::to_proto).collect(),
        class: outside.class.into(),
        urgency: outside.urgency.into(),
        drill: outside.drill,
        created,
        expires: outside.expires.unwrap_or(created.saturating_add(limits::MESSAGE_SECONDS)),
        acknowledge_within: outside.acknowledge_within,
        view: Some(outside.view.to_proto()),
        flags,
    };
    let addressing = Addressing::read(directory, &addressing::encode(&addressing))?;
    thread::form(&addressing)?;
    Ok(addressing)
}

/// A seat that gets a letter.
pub(super) struct Reading {
    pub(super) seat: SeatId,
    pub(super) key: KeyId,
    pub(super) to: SealingKey,
}

/// Every seat with a seal key of every reader, sorted by seat.
fn reading_seats(
    directory: &Directory,
    addressing: &Addressing,
) -> Result<Vec<Reading>, ComposeError> {
    for recipient in &addressing.recipients {
        let contact = &recipient.contact;
        if directory.record(contact)?.attested {
            return Err(Refusal::RecipientListed(contact.clone()).into());
        }
        if directory.sealing_seats(contact).next().is_none() {
            return Err(Refusal::RecipientWithoutSeats(contact.clone()).into());
        }
        level::has(directory, contact, recipient.level)?;
    }
    let mut seats = Vec::new();
    for contact in &addressing.readers() {
        for (seat, key, raw) in directory.sealing_seats(contact) {
            let to = SealingKey::parse(raw).map_err(|why| Refusal::field("seats.seal", why))?;
            seats.push(Reading { seat, key, to });
        }
    }
    seats.sort_by(|a, b| a.seat.cmp(&b.seat));
    if seats.len() > limits::LETTERS {
        return Err(ComposeError::Letters { found: seats.len() });
    }
    Ok(seats)
}

/// The inner message, signed.
pub(super) fn inner(
    addressing: &Bytes,
    content: Vec<u8>,
    key: &SigningKey,
    ambient: &Ambient,
) -> Result<Envelope, ring::error::Unspecified> {
    let message = proto::Message { addressing: addressing.clone(), content: content.into() };
    Envelope::sign(Kind::Message, message.encode_to_vec(), &[key], ambient.random())
}

/// The sealed body, and the key made for it.
pub(super) fn seal_body(plaintext: &[u8], ambient: &Ambient) -> (Vec<u8>, OpeningKey) {
    let seed = Zeroizing::new(ambient.bytes::<{ OpeningKey::SEED_BYTES }>());
    let key = OpeningKey::from_seed(&seed);
    (seal::seal(plaintext, key.public(), randomness(ambient)), key)
}

/// The letter of one seat.
pub(super) fn letter(to: &Reading, text: &[u8], ambient: &Ambient) -> Bytes {
    let letter = proto::Letter {
        seat: to.seat.to_string(),
        seal_key: Bytes::copy_from_slice(to.key.as_bytes()),
        age: seal::seal(text, &to.to, randomness(ambient)).into(),
    };
    letter.encode_to_vec().into()
}

/// The header, signed.
pub(super) fn header(
    addressing: &Bytes,
    body: &[u8],
    letters: &[Bytes],
    key: &SigningKey,
    ambient: &Ambient,
) -> Result<Envelope, ring::error::Unspecified> {
    let leaves: Vec<Digest> = letters.iter().map(|letter| merkle::leaf_hash(letter)).collect();
    let header = proto::Header {
        blobs: Vec::new(),
        addressing: addressing.clone(),
        body_digest: Bytes::copy_from_slice(Digest::of(body).as_bytes()),
        body_size: body.len() as u64,
        letters: u32::try_from(letters.len()).unwrap_or(u32::MAX),
        letters_root: Bytes::copy_from_slice(root_of(&leaves).as_bytes()),
    };
    Envelope::sign(Kind::Header, header.encode_to_vec(), &[key], ambient.random())
}

fn randomness(ambient: &Ambient) -> SealRandomness {
    let bytes = Zeroizing::new(ambient.bytes::<{ SealRandomness::BYTES }>());
    SealRandomness::from_bytes(&bytes)
}
