//! The addressing: who writes to whom, when, how urgently. It stands in the header and in the
//! sealed message, byte for byte the same.
//!
//! In scope: reading it, which tolerates what only a later version sends, and what the relay serves
//! of it. Out of scope: whether those named exist (`commands::submit`). Invariant: an [`Addressing`] is
//! well-formed; a number that this version does not know is kept beside those that it knows.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message;

use crate::crypto::hash::Digest;
use crate::crypto::sign::KeyId;
use crate::domain::directory::{self, Directory, digest};
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::limits;
use crate::domain::refusal::{Refusal, Unserved, Wrong};
use crate::domain::view::View;
use crate::signed::canonical;
use crate::signed::proto::{self, Class, Drill, DrillKind, Flag, Level, Urgency};

/// A value of an enum as it was signed. 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrLater<E> {
    /// Of this version.
    Known(E),
    /// A number that only a later version knows.
    Later(i32),
}

impl<E: TryFrom<i32> + Copy> OrLater<E> {
    /// The value of a number; none for 0 and below.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        match E::try_from(number) {
            Ok(known) if number > 0 => Some(Self::Known(known)),
            Err(_) if number > 0 => Some(Self::Later(number)),
            Ok(_) | Err(_) => None,
        }
    }

    fn read(field: &'static str, number: i32) -> Result<Self, Refusal> {
        Self::of(number).ok_or_else(|| Refusal::field(field, Wrong::NoValue(number)))
    }

    /// The value, if this version knows it.
    #[must_use]
    pub const fn known(self) -> Option<E> {
        match self {
            Self::Known(known) => Some(known),
            Self::Later(_) => None,
        }
    }
}

impl<E: PartialEq> PartialEq<E> for OrLater<E> {
    fn eq(&self, other: &E) -> bool {
        match self {
            Self::Known(known) => known == other,
            Self::Later(_) => false,
        }
    }
}

/// One recipient contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The contact to whose mailbox it goes.
    pub contact: ContactId,
    /// The level at which it is addressed.
    pub level: Level,
    /// 0: addressed; above: the step of the ladder.
    pub step: u32,
    /// Of a step above 0: for whom it stands in.
    pub stands_in_for: Option<ContactId>,
    /// Seconds until its step is released; 0: as the message says.
    pub after: u32,
}

impl Recipient {
    /// A contact that is addressed itself.
    #[must_use]
    pub const fn new(contact: ContactId, level: Level) -> Self {
        Self { contact, level, step: 0, stands_in_for: None, after: 0 }
    }

    /// As it is signed.
    #[must_use]
    pub fn to_proto(&self) -> proto::Recipient {
        let stands_in_for = self.stands_in_for.as_ref();
        proto::Recipient {
            contact: self.contact.to_string(),
            level: self.level.into(),
            step: self.step,
            stands_in_for: stands_in_for.map(ToString::to_string).unwrap_or_default(),
            after: self.after,
        }
    }

    fn read(recipient: &proto::Recipient) -> Result<Self, Refusal> {
        let field = "recipients";
        let contact = |text: &str| text.parse().map_err(|why| Refusal::field(field, why));
        directory::within(field, 0..=limits::STEPS as usize, recipient.step as usize)?;
        let stands_in_for = match (recipient.step, &recipient.stands_in_for[..]) {
            (_, "") => None,
            (0, _) => return Err(Refusal::field(field, Wrong::StandsIn)),
            (_, text) => Some(contact(text)?),
        };
        Ok(Self {
            contact: contact(&recipient.contact)?,
            level: level(recipient.level).map_err(|why| Refusal::field(field, why))?,
            step: recipient.step,
            stands_in_for,
            after: recipient.after,
        })
    }
}

/// A message's addressing, well-formed.
#[derive(Clone, Debug, PartialEq)]
pub struct Addressing {
    /// Its one encoding.
    pub bytes: Bytes,
    /// The message's id, chosen by its sender.
    pub id: MessageId,
    /// The thread: the id of its first message.
    pub thread: MessageId,
    /// The header digest of the message that this one answers; none, if it begins the thread.
    pub in_reply_to: Option<Digest>,
    /// The seat that signs.
    pub sender: SeatId,
    /// Its sign key.
    pub sender_key: KeyId,
    /// Recipients, by step and contact.
    pub recipients: Vec<Recipient>,
    /// What kind of message it is.
    pub class: OrLater<Class>,
    /// How urgent it is, maybe by a later version's number.
    pub urgency: OrLater<Urgency>,
    /// The mark of a drill; its kind may be a later one.
    pub drill: Option<Drill>,
    /// When it was made, by the sender's clock.
    pub created: u64,
    /// Until when the relay keeps it.
    pub expires: u64,
    /// How soon an acknowledgement is hoped for, in seconds; 0: not asked for.
    pub acknowledge_within: u32,
    /// The directory as the sender saw it: tree size and root hash.
    pub view: View,
    /// What else the readers should know of the sender's view.
    pub flags: Vec<OrLater<Flag>>,
    /// By name; those that this version does not know are kept and mean nothing.
    pub extras: Vec<proto::Extra>,
}

impl Addressing {
    /// Reads an addressing that names this directory. What only a later version sends is no fault;
    /// a level is, for a reader looks at it.
    ///
    /// # Errors
    /// In the order of checks: canonical form, directory and genesis, content.
    pub fn read(directory: &Directory, bytes: &Bytes) -> Result<Self, Refusal> {
        Self::read_named(bytes, |named| names_this(directory, named))
    }

    /// Reads that of a message that was accepted, and so names this directory.
    ///
    /// # Errors
    /// As [`Addressing::read`].
    pub fn read_accepted(bytes: &Bytes) -> Result<Self, Refusal> {
        Self::read_named(bytes, |_| Ok(()))
    }

    fn read_named(
        bytes: &Bytes,
        names_this: impl Fn(Option<&proto::Directory>) -> Result<(), Refusal>,
    ) -> Result<Self, Refusal> {
        let read: proto::Addressing =
            canonical::decode(bytes).map_err(|_| Refusal::NotCanonical("addressing"))?;
        let sender_key = Digest::try_from(&read.sender_key[..])
            .map_err(|_| Refusal::NotCanonical("addressing"))?;
        let sender_key = KeyId::from_digest(sender_key);
        names_this(read.directory.as_ref())?;
        let view = View::read(read.view.as_ref())?;
        let class = OrLater::read("class", read.class)?;
        let urgency = OrLater::read("urgency", read.urgency)?;
        let flags = flags(&read.flags)?;
        extras(&read.extras)?;
        drill(read.drill.as_ref())?;
        if read.created >= read.expires || read.expires - read.created > limits::MESSAGE_SECONDS {
            return Err(Refusal::field("expires", Wrong::KeptTooLong));
        }
        Ok(Self {
            bytes: bytes.clone(),
            id: MessageId::try_from(&read.id[..]).map_err(|why| Refusal::field("id", why))?,
            thread: MessageId::try_from(&read.thread[..])
                .map_err(|why| Refusal::field("thread", why))?,
            in_reply_to: optional_digest("in_reply_to", &read.in_reply_to)?,
            sender: read.sender.parse().map_err(|why| Refusal::field("sender", why))?,
            sender_key,
            recipients: recipients(&read.recipients)?,
            class,
            urgency,
            drill: read.drill,
            created: read.created,
            expires: read.expires,
            acknowledge_within: read.acknowledge_within,
            view,
            flags,
            extras: read.extras,
        })
    }

    /// Whether this version of the relay serves all that it asks for.
    ///
    /// # Errors
    /// [`Refusal::NotYetSupported`], which names what it does not serve.
    pub fn is_served(&self) -> Result<(), Refusal> {
        let step = |recipient: &Recipient| recipient.step > 0 || recipient.after > 0;
        let drill = self.drill.as_ref().map(|drill| DrillKind::try_from(drill.kind));
        let what = if self.recipients.iter().any(step) {
            Unserved::Step
        } else if self.class.known().is_none() {
            Unserved::Class
        } else if self.urgency.known().is_none() {
            Unserved::Urgency
        } else if matches!(drill, Some(Err(_))) {
            Unserved::DrillKind
        } else if self.flags.iter().any(|flag| flag.known().is_none()) {
            Unserved::Flag
        } else {
            return Ok(());
        };
        Err(Refusal::NotYetSupported(what))
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

    /// Whether a contact is one of the readers.
    #[must_use]
    pub fn reaches(&self, contact: &ContactId) -> bool {
        let mut recipients = self.recipients.iter();
        self.sender.contact() == *contact || recipients.any(|to| to.contact == *contact)
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
        let (expected, found) = (directory.name().clone(), vec![found]);
        return Err(Refusal::OtherDirectory { expected, found });
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

/// Nothing about a reader has changed since the sender's view.
///
/// # Errors
/// [`Refusal::StaleDirectory`], with the first such reader.
pub fn unchanged(directory: &Directory, addressing: &Addressing) -> Result<(), Refusal> {
    for contact in addressing.readers() {
        let changed = directory.last_change(&contact);
        let admitted = directory.member(&contact.member()).map(|member| member.newest.leaf);
        if changed.max(admitted).is_some_and(|leaf| leaf >= addressing.view.size) {
            return Err(Refusal::StaleDirectory(contact));
        }
    }
    Ok(())
}

/// A level of this version: whoever reads a message looks at it.
///
/// # Errors
/// Any other number.
pub fn level(number: i32) -> Result<Level, Wrong> {
    match Level::try_from(number) {
        Ok(level) if level != Level::Unspecified => Ok(level),
        Ok(_) | Err(_) => Err(Wrong::NoValue(number)),
    }
}

/// The mark of a drill, of a kind of this version or a later one. Only a question and an exercise
/// must be called something.
///
/// # Errors
/// No kind, no name where there must be one, a name that is no text.
pub fn drill(drill: Option<&Drill>) -> Result<(), Refusal> {
    let Some(Drill { kind, name }) = drill else { return Ok(()) };
    let may_be_nameless = match OrLater::<DrillKind>::read("drill", *kind)? {
        OrLater::Known(DrillKind::Question | DrillKind::Exercise | DrillKind::Unspecified) => false,
        OrLater::Known(DrillKind::Comcheck) | OrLater::Later(_) => true,
    };
    match name.is_empty() && may_be_nameless {
        true => Ok(()),
        false => directory::text("drill", name),
    }
}

fn optional_digest(field: &'static str, bytes: &[u8]) -> Result<Option<Digest>, Refusal> {
    if bytes.is_empty() { Ok(None) } else { digest(field, bytes).map(Some) }
}

fn flags(flags: &[i32]) -> Result<Vec<OrLater<Flag>>, Refusal> {
    if !flags.is_sorted_by(|a, b| a < b) {
        return Err(Refusal::field("flags", Wrong::NotASet));
    }
    flags.iter().map(|flag| OrLater::read("flags", *flag)).collect()
}

fn extras(extras: &[proto::Extra]) -> Result<(), Refusal> {
    extras.iter().try_for_each(|extra| directory::word("extras", &extra.name))?;
    if extras.is_sorted_by(|a, b| a.name < b.name) {
        Ok(())
    } else {
        Err(Refusal::field("extras", Wrong::NotASet))
    }
}

/// Sorted by step and contact, no contact twice, whatever the step.
fn recipients(recipients: &[proto::Recipient]) -> Result<Vec<Recipient>, Refusal> {
    let field = "recipients";
    directory::within(field, 1..=limits::RECIPIENTS, recipients.len())?;
    let sorted = recipients.is_sorted_by(|a, b| (a.step, &a.contact) < (b.step, &b.contact));
    let apart: BTreeSet<&str> = recipients.iter().map(|to| to.contact.as_str()).collect();
    if !sorted || apart.len() != recipients.len() {
        return Err(Refusal::field(field, Wrong::NotASet));
    }
    recipients.iter().map(Recipient::read).collect()
}
