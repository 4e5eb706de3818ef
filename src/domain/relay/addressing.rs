//! The addressing: who writes to whom, when, how urgently. It stands in the header and in the
//! sealed message, byte for byte the same.

use bytes::Bytes;
use prost::Message;

use crate::crypto::hash::Digest;
use crate::crypto::sign::KeyId;
use crate::domain::directory::Directory;
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::signed::canonical;
use crate::signed::proto::{self, Class, Drill, DrillKind, Flag, Level, Urgency};

/// One recipient contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The contact.
    pub contact: ContactId,
    /// The level at which it is addressed.
    pub level: Level,
}

/// A message's addressing, well-formed.
#[derive(Clone, Debug, PartialEq)]
pub struct Addressing {
    /// Its one encoding.
    pub bytes: Bytes,
    /// The message.
    pub id: MessageId,
    /// The thread: the id of its first message.
    pub thread: MessageId,
    /// The header digest of the message that this one answers.
    pub in_reply_to: Option<Digest>,
    /// The seat that signs.
    pub sender: SeatId,
    /// Its sign key.
    pub sender_key: KeyId,
    /// Recipients, by contact.
    pub recipients: Vec<Recipient>,
    /// What kind of message it is.
    pub class: Class,
    /// How urgent.
    pub urgency: Urgency,
    /// The mark of a drill.
    pub drill: Option<Drill>,
    /// When it was made, by the sender's clock.
    pub created: u64,
    /// Until when the relay keeps it.
    pub expires: u64,
    /// How soon an acknowledgement is hoped for, in seconds; 0: not asked for.
    pub acknowledge_within: u32,
    /// The directory as the sender saw it: tree size and root hash.
    pub view: (u64, Digest),
}

impl Addressing {
    /// Reads an addressing that names this directory.
    ///
    /// # Errors
    /// In the order of checks: canonical form, directory and genesis, content.
    pub fn read(directory: &Directory, bytes: &Bytes) -> Result<Self, Refusal> {
        let read: proto::Addressing =
            canonical::decode(bytes).map_err(|_| Refusal::NotCanonical("addressing"))?;
        names_this(directory, read.directory.as_ref())?;
        let view = read.view.as_ref().ok_or_else(|| Refusal::field("view", "expected a view"))?;
        let class = Class::try_from(read.class).unwrap_or_default();
        let urgency = Urgency::try_from(read.urgency).unwrap_or_default();
        if class == Class::Unspecified || urgency == Urgency::Unspecified {
            return Err(Refusal::field("class", "expected a class and an urgency of this version"));
        }
        flags(&read.flags)?;
        drill(read.drill.as_ref())?;
        if read.created >= read.expires || read.expires - read.created > limits::MESSAGE_SECONDS {
            return Err(Refusal::field("expires", "expected at most 30 days after it was created"));
        }
        Ok(Self {
            bytes: bytes.clone(),
            id: MessageId::try_from(&read.id[..]).map_err(|why| Refusal::field("id", why))?,
            thread: MessageId::try_from(&read.thread[..])
                .map_err(|why| Refusal::field("thread", why))?,
            in_reply_to: optional_digest("in_reply_to", &read.in_reply_to)?,
            sender: read.sender.parse().map_err(|why| Refusal::field("sender", why))?,
            sender_key: KeyId::from_digest(digest("sender_key", &read.sender_key)?),
            recipients: recipients(&read.recipients)?,
            class,
            urgency,
            drill: read.drill,
            created: read.created,
            expires: read.expires,
            acknowledge_within: read.acknowledge_within,
            view: (view.size, digest("view.root", &view.root)?),
        })
    }

    /// Every contact whose seats need a letter: the recipients and the sender's own.
    #[must_use]
    pub fn readers(&self) -> Vec<ContactId> {
        let recipients = self.recipients.iter().map(|recipient| recipient.contact.clone());
        let mut readers: Vec<ContactId> = recipients.chain([self.sender.contact()]).collect();
        readers.sort();
        readers.dedup();
        readers
    }
}

/// The encoding of an addressing that a client puts together.
#[must_use]
pub fn encode(addressing: &proto::Addressing) -> Bytes {
    addressing.encode_to_vec().into()
}

/// Refuses what names another directory.
///
/// # Errors
/// Another name or genesis.
pub fn names_this(directory: &Directory, named: Option<&proto::Directory>) -> Result<(), Refusal> {
    let found = named.map(|named| named.name.clone()).unwrap_or_default();
    if found != directory.name().as_str() {
        return Err(Refusal::OtherDirectory { expected: directory.name().to_string(), found });
    }
    match named {
        Some(named) if named.genesis == directory.genesis().as_bytes()[..] => Ok(()),
        _ => Err(Refusal::OtherGenesis),
    }
}

/// This directory, as signed things name it.
#[must_use]
pub fn name_of(directory: &Directory) -> proto::Directory {
    proto::Directory {
        name: directory.name().to_string(),
        genesis: Bytes::copy_from_slice(directory.genesis().as_bytes()),
    }
}

/// A drill mark of this version.
///
/// # Errors
/// An unknown kind, or a name that is too long.
pub fn drill(drill: Option<&Drill>) -> Result<(), Refusal> {
    let Some(drill) = drill else { return Ok(()) };
    match DrillKind::try_from(drill.kind) {
        Ok(kind) if kind != DrillKind::Unspecified && drill.name.len() <= limits::TEXT_BYTES => {
            Ok(())
        }
        _ => Err(Refusal::field("drill", "expected a kind of this version and a short name")),
    }
}

fn digest(field: &'static str, bytes: &[u8]) -> Result<Digest, Refusal> {
    Digest::try_from(bytes).map_err(|why| Refusal::field(field, why))
}

fn optional_digest(field: &'static str, bytes: &[u8]) -> Result<Option<Digest>, Refusal> {
    if bytes.is_empty() { Ok(None) } else { digest(field, bytes).map(Some) }
}

fn flags(flags: &[i32]) -> Result<(), Refusal> {
    let known = |flag: &i32| Flag::try_from(*flag).is_ok_and(|flag| flag != Flag::Unspecified);
    if flags.windows(2).all(|pair| pair.first() < pair.last()) && flags.iter().all(known) {
        Ok(())
    } else {
        Err(Refusal::field("flags", "expected a sorted set of this version's flags"))
    }
}

/// Sorted by step and contact, none twice. Steps above 0 come with the ladder.
fn recipients(recipients: &[proto::Recipient]) -> Result<Vec<Recipient>, Refusal> {
    let field = "recipients";
    if recipients.is_empty() || recipients.len() > limits::RECIPIENTS {
        let why = format!("expected 1 to {}, found {}", limits::RECIPIENTS, recipients.len());
        return Err(Refusal::field(field, why));
    }
    let sorted = recipients.is_sorted_by(|a, b| (a.step, &a.contact) < (b.step, &b.contact));
    if !sorted {
        return Err(Refusal::field(field, "expected them by step and contact, none twice"));
    }
    let read = recipients.iter().map(|recipient| {
        if recipient.step > 0 || recipient.after > 0 || !recipient.stands_in_for.is_empty() {
            return Err(Refusal::NotYetSupported("a step of the ladder above 0"));
        }
        match Level::try_from(recipient.level) {
            Ok(level) if level != Level::Unspecified => Ok(Recipient {
                contact: recipient.contact.parse().map_err(|why| Refusal::field(field, why))?,
                level,
            }),
            _ => Err(Refusal::field(field, "expected a level of this version")),
        }
    });
    read.collect()
}
