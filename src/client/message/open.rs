//! Opening: from what the relay gave to what the sender meant, or the one reason why not.
//!
//! In scope: every layer in turn, each failure with a code of its own. Out of scope: the message's
//! place in its thread and telling the sender (`office::collect`), showing (`cli`; text is hostile, see `text`). Invariants: an [`Opened`]
//! exists only by these checks; nothing of a message that failed one is returned.

use bytes::Bytes;
use prost::Message as _;

use crate::client::reason::{Here, Reason, Rule};
use crate::crypto::hash::Digest;
use crate::crypto::seal::{self, OpenError, OpeningKey};
use crate::crypto::sign::KeyId;
use crate::domain::directory::key::KnownKey;
use crate::domain::directory::{Directory, RULES};
use crate::domain::ids::{ContactId, SeatId};
use crate::domain::limits;
use crate::domain::refusal::Amiss;
use crate::domain::refusal::Refusal;
use crate::domain::relay::addressing::{Addressing, OrLater};
use crate::domain::relay::belief;
use crate::domain::relay::envelope::{self, Letter, VerifiedHeader};
use crate::domain::view::View;
use crate::signed::canonical;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Class, Level, Outcome};
use crate::tlog::merkle::{self, Tree};
use crate::tlog::proof;
use crate::wire::v1;

use super::body::{self, InvalidLetterText, InvalidPadding};
use super::content::{Inside, InvalidContent};

/// The root of the reader's own log at a size; nothing above its own size.
pub type RootAt<'a> = &'a (dyn Fn(u64) -> Option<Digest> + Sync);

/// Who reads, and what it knows.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The directory of the reader's replica.
    pub directory: &'a Directory,
    /// The roots of its log, by size.
    pub root_at: RootAt<'a>,
    /// The seat that reads.
    pub seat: &'a SeatId,
    /// Its keys, the retired ones that it still has included.
    pub keys: &'a [OpeningKey],
}

/// What the relay gave.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The signed header.
    pub header: &'a [u8],
    /// The sealed body.
    pub body: &'a [u8],
    /// The reader's own letter; empty, if it has none.
    pub letter: &'a Bytes,
    /// Its index among the letters.
    pub letter_index: u32,
    /// Its path to the header's root.
    pub letter_path: &'a [Bytes],
    /// The view of the newest head that the reader held before the entry came; 0, if none.
    pub floor: u64,
}

impl<'a> From<&'a v1::Item> for Received<'a> {
    fn from(item: &'a v1::Item) -> Self {
        Self {
            header: &item.header,
            body: &item.body,
            letter: &item.letter,
            letter_index: item.letter_index,
            letter_path: &item.letter_path,
            floor: 0,
        }
    }
}

/// A message of which every layer held.
#[derive(Debug)]
pub struct Opened {
    /// The header: who, to whom, when.
    pub header: VerifiedHeader,
    /// The inner message as it was signed: evidence.
    pub inner: Envelope,
    /// The content's bytes, with fields that this version does not know.
    pub content: Bytes,
    /// The content, as far as this version knows it.
    pub inside: Inside,
    /// The seal key with which the letter was opened.
    pub seal_key: KeyId,
    /// The key of this one message, for a case file with bodies. A secret.
    pub message_key: OpeningKey,
}

impl Opened {
    /// The seat that signed.
    #[must_use]
    pub const fn sender(&self) -> &SeatId {
        &self.header.addressing().sender
    }

    /// What kind of message it is.
    #[must_use]
    pub const fn class(&self) -> OrLater<Class> {
        self.header.addressing().class
    }

    /// At which level the contact is addressed; nothing for a colleague of the sender.
    #[must_use]
    pub fn level_of(&self, contact: &ContactId) -> Option<Level> {
        level_of(self.header.addressing(), contact)
    }
}

/// At which level an addressing names a contact.
#[must_use]
pub fn level_of(addressing: &Addressing, contact: &ContactId) -> Option<Level> {
    let mut recipients = addressing.recipients.iter();
    recipients.find(|recipient| recipient.contact == *contact).map(|recipient| recipient.level)
}

/// Why a message was not opened, in the order of the checks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// The sender saw a larger directory than this replica: sync to this size and try again. If the
    /// log has no such size then, the view is none of it.
    #[error("the sender's directory has size {0}, this replica is behind: sync first")]
    SyncFirst(u64),
    /// Signed by a key that this program cannot know: the directory stands still here. Neither
    /// forged nor refused.
    #[error("by the key {0}, which cannot be checked before this program is updated")]
    BeforeUpdate(KeyId),
    /// The header is not one of this directory, or not the named seat's.
    #[error("{}", .0.of("header"))]
    Header(Refusal),
    /// A key that signed had ended before the relay's newest head, and the entry came after it: the
    /// view is an old one that the signer chose.
    #[error(
        "the key {key} ended with entry {ended} of the directory, and the relay took this after entry \
         {floor}: its view is backdated"
    )]
    Backdated {
        /// The key that signed.
        key: KeyId,
        /// The entry that ended it.
        ended: u64,
        /// The size of the view of a head before it.
        floor: u64,
    },
    /// The sender saw another log.
    #[error("the sender's view is not one of this log: its root at size {0} is another")]
    ForeignView(u64),
    /// The sealed body is not the header's.
    #[error("{}", .0.of("body"))]
    Body(Refusal),
    /// The reader's contact is none of those to whom the sender wrote.
    #[error("this was written to others, not to {reader}: somebody passed it on")]
    Forwarded {
        /// The reader's contact.
        reader: ContactId,
    },
    /// No letter for this seat: it is newer than the message, or the relay left it out.
    #[error(
        "there is no key letter for {seat}: {}",
        if *owed { "the relay left it out" } else { "it is newer; a colleague may read the message" }
    )]
    NoLetter {
        /// The seat that would read.
        seat: SeatId,
        /// Whether its seal key stood in the sender's view: then there is one.
        owed: bool,
    },
    /// The letter is none of those that the header counts.
    #[error("the key letter is not one of the header's: {0}")]
    LetterNotInHeader(String),
    /// The letter has not the form of one.
    #[error("{}", .0.of("letter"))]
    Letter(Refusal),
    /// The letter is another seat's.
    #[error("the key letter is for {0}")]
    LetterForAnother(SeatId),
    /// The key that the letter needs is not here.
    #[error(
        "the key letter needs the seal key {needed}{}; {} other keys are here",
        if *retired { ", which is retired" } else { "" },
        held.len()
    )]
    KeyNotHeld {
        /// The key that opens it.
        needed: KeyId,
        /// The keys that are here.
        held: Vec<KeyId>,
        /// Whether the directory no longer lists the key.
        retired: bool,
    },
    /// The letter names this key and does not open with it.
    #[error("the key letter does not open: {0}")]
    LetterDoesNotOpen(OpenError),
    /// The letter opens, and is not about this message.
    #[error(transparent)]
    LetterText(InvalidLetterText),
    /// The key in the letter is not the body's.
    #[error("the body does not open: {0}")]
    BodyDoesNotOpen(OpenError),
    /// The body is not padded as it must be.
    #[error(transparent)]
    Padding(InvalidPadding),
    /// The inner message is not signed canonical bytes of its kind.
    #[error("{}", .0.of("message"))]
    Inner(Refusal),
    /// What was sealed is addressed otherwise than the header.
    #[error("the sealed message is addressed otherwise than its header")]
    AddressingDiffers,
    /// The inner message is not signed by the seat that signed the header, alone.
    #[error("the inner message is not signed by the header's key {0}, alone")]
    InnerSignature(KeyId),
    /// The content does not say what it must.
    #[error(transparent)]
    Content(InvalidContent),
    /// It opens, and does not belong where it says, beside the messages that are here.
    #[error(transparent)]
    Thread(Amiss),
}

impl NotOpened {
    /// What a program branches on.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::SyncFirst(_) => Reason::Here(Here::SyncFirst),
            Self::BeforeUpdate(_) => Reason::Here(Here::BeforeUpdate),
            Self::Header(why) | Self::Body(why) => Reason::Rules(why.reason()),
            Self::Backdated { .. } => Reason::Here(Here::Backdated),
            Self::ForeignView(_) => Reason::Rules(Rule::ForeignView),
            Self::Forwarded { .. } => Reason::Here(Here::Forwarded),
            Self::NoLetter { .. } => Reason::Here(Here::NoLetter),
            Self::LetterNotInHeader(_) => Reason::Here(Here::LetterNotInHeader),
            Self::Letter(_) => Reason::Here(Here::LetterMalformed),
            Self::LetterForAnother(_) => Reason::Here(Here::LetterForAnother),
            Self::KeyNotHeld { retired: false, .. } => Reason::Here(Here::KeyNotHeld),
            Self::KeyNotHeld { retired: true, .. } => Reason::Here(Here::KeyRetired),
            Self::LetterDoesNotOpen(_) => Reason::Here(Here::LetterDoesNotOpen),
            Self::LetterText(InvalidLetterText::Malformed) => Reason::Here(Here::LetterText),
            Self::LetterText(InvalidLetterText::OtherMessage(_)) => {
                Reason::Here(Here::LetterOfAnotherMessage)
            }
            Self::LetterText(InvalidLetterText::OtherBody(_)) => {
                Reason::Here(Here::LetterOfAnotherBody)
            }
            Self::BodyDoesNotOpen(_) => Reason::Here(Here::BodyDoesNotOpen),
            Self::Padding(_) => Reason::Here(Here::Padding),
            Self::Inner(_) => Reason::Here(Here::InnerMalformed),
            Self::AddressingDiffers => Reason::Here(Here::AddressingDiffers),
            Self::InnerSignature(_) => Reason::Here(Here::InnerSignature),
            Self::Content(_) => Reason::Here(Here::Content),
            Self::Thread(amiss) => Reason::Rules(amiss.reason()),
        }
    }

    /// What the sender is told, and which key would have been needed; nothing while a replica is
    /// behind, or if it is not known who sent it.
    #[must_use]
    pub fn outcome(&self) -> Option<(Outcome, Option<[u8; 32]>)> {
        Some(match self {
            Self::SyncFirst(_)
            | Self::BeforeUpdate(_)
            | Self::Header(_)
            | Self::Backdated { .. } => return None,
            Self::NoLetter { .. } => (Outcome::NoKey, None),
            Self::KeyNotHeld { needed, retired, .. } => {
                let outcome = if *retired { Outcome::RetiredKey } else { Outcome::NoKey };
                (outcome, Some(*needed.as_bytes()))
            }
            Self::Body(_)
            | Self::LetterNotInHeader(_)
            | Self::Letter(_)
            | Self::LetterForAnother(_)
            | Self::LetterDoesNotOpen(_)
            | Self::LetterText(_)
            | Self::BodyDoesNotOpen(_) => (Outcome::NotOpened, None),
            Self::ForeignView(_)
            | Self::Forwarded { .. }
            | Self::Padding(_)
            | Self::Inner(_)
            | Self::AddressingDiffers
            | Self::InnerSignature(_)
            | Self::Content(_)
            | Self::Thread(_) => (Outcome::Refused, None),
        })
    }

    /// Whether the relay gave another body than the header's, or another letter than the reader's
    /// own, or left that out: asked for again, it may be right.
    #[must_use]
    pub const fn is_spoilt(&self) -> bool {
        matches!(
            self,
            Self::Body(Refusal::BodySize { .. } | Refusal::BodyDigest)
                | Self::NoLetter { owed: true, .. }
                | Self::LetterNotInHeader(_)
                | Self::LetterForAnother(_)
        )
    }

    /// Whether it is refused: nobody's key or copy would make it right.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.outcome().is_some_and(|(outcome, _)| outcome == Outcome::Refused)
    }
}

/// Opens a message and verifies every layer of it.
///
/// # Errors
/// [`NotOpened`]: the first layer that does not hold.
pub fn open(reader: &Reader<'_>, received: &Received<'_>) -> Result<Opened, NotOpened> {
    let header = verify_header(reader, (received.header, received.floor))?;
    open_verified(reader, header, received)
}

/// Opens a message of the reader's own contact, as it was handed in: the reader's letter is among
/// the others.
///
/// # Errors
/// [`NotOpened`].
pub fn open_own(reader: &Reader<'_>, envelope: &v1::Envelope) -> Result<Opened, NotOpened> {
    let mut tree = Tree::default();
    envelope.letters.iter().for_each(|letter| tree.append(merkle::leaf_hash(letter)));
    let is_own = |bytes: &Bytes| {
        envelope::read_letter(bytes).is_ok_and(|letter| letter.seat == *reader.seat)
    };
    let index = envelope.letters.iter().position(is_own);
    let path = index.and_then(|index| tree.inclusion_proof(index as u64, tree.size()));
    let path = path.unwrap_or_default();
    let path: Vec<Bytes> =
        path.iter().map(|hash| Bytes::copy_from_slice(hash.as_bytes())).collect();
    let empty = Bytes::new();
    let received = Received {
        header: &envelope.header,
        body: &envelope.body,
        letter: index.and_then(|index| envelope.letters.get(index)).unwrap_or(&empty),
        letter_index: index.and_then(|index| u32::try_from(index).ok()).unwrap_or_default(),
        letter_path: &path,
        floor: 0,
    };
    open(reader, &received)
}

/// The first half of [`open`]: who wrote, and whether the keys that signed stood in its view, and
/// had not ended before the reader's newest head before it, whose view has size `floor`.
///
/// # Errors
/// [`NotOpened`].
pub fn verify_header(
    reader: &Reader<'_>,
    (bytes, floor): (&[u8], u64),
) -> Result<VerifiedHeader, NotOpened> {
    // Looked at before anything is believed: the sender's key may be newer than this replica.
    if let Some(size) = view_size(bytes)
        && size > 0
        && (reader.root_at)(size).is_none()
    {
        return Err(NotOpened::SyncFirst(size));
    }
    let directory = reader.directory;
    let header = envelope::verify_header(directory, bytes).map_err(|why| match why {
        Refusal::UnknownKey(key) if stands_still(directory) => NotOpened::BeforeUpdate(key),
        why => NotOpened::Header(why),
    })?;
    for key in header.signers() {
        let size = header.addressing().view.size;
        belief::stood(directory, key, size).map_err(NotOpened::Header)?;
        if let Some(ended) = belief::ended_before(directory, key, floor) {
            return Err(NotOpened::Backdated { key, ended, floor });
        }
    }
    Ok(header)
}

/// Whether the directory has rules that this program does not know: keys behind them are unknown.
#[must_use]
pub fn stands_still(directory: &Directory) -> bool {
    directory.rules() > RULES
}

/// The second half of [`open`], for a header of [`verify_header`].
///
/// # Errors
/// [`NotOpened`].
pub fn open_verified(
    reader: &Reader<'_>,
    header: VerifiedHeader,
    received: &Received<'_>,
) -> Result<Opened, NotOpened> {
    is_of_the_log(reader, header.addressing())?;
    envelope::verify_body(&header, received.body).map_err(NotOpened::Body)?;
    is_addressed(reader, header.addressing())?;
    let letter = own_letter(reader, &header, received)?;
    let key = key_of(reader, &letter)?;
    let text = seal::open(&letter.age, key).map_err(NotOpened::LetterDoesNotOpen)?;
    let message_key = body::read_letter_text(&text, header.addressing().id, header.body_digest())
        .map_err(NotOpened::LetterText)?;
    let plaintext = seal::open(received.body, &message_key).map_err(NotOpened::BodyDoesNotOpen)?;
    let inner = body::unpad(&plaintext).map_err(NotOpened::Padding)?;
    let (inner, message) = read_inner(inner)?;
    same_addressing(reader, &header, &message.addressing)?;
    signed_by_the_sender(reader, &header, &inner)?;
    let inside = Inside::read(header.addressing(), &message.content).map_err(NotOpened::Content)?;
    let seal_key = letter.seal_key;
    Ok(Opened { header, inner, content: message.content, inside, seal_key, message_key })
}

/// The size of the view that a header names, nothing of it being believed.
fn view_size(bytes: &[u8]) -> Option<u64> {
    let envelope = Envelope::parse(bytes, limits::HEADER_BYTES).ok()?;
    let header = proto::Header::decode(envelope.payload().clone()).ok()?;
    Some(proto::Addressing::decode(header.addressing).ok()?.view?.size)
}

/// Whether a header that holds shows alone that its message is refused, whatever is sealed with it.
#[must_use]
pub fn is_refused(reader: &Reader<'_>, header: &VerifiedHeader) -> bool {
    let of = header.addressing();
    is_of_the_log(reader, of).and_then(|()| is_addressed(reader, of)).is_err()
}

fn is_of_the_log(reader: &Reader<'_>, addressing: &Addressing) -> Result<(), NotOpened> {
    let View { size, root } = addressing.view;
    if size == 0 || (reader.root_at)(size) != Some(root) {
        return Err(NotOpened::ForeignView(size));
    }
    Ok(())
}

fn is_addressed(reader: &Reader<'_>, addressing: &Addressing) -> Result<(), NotOpened> {
    let contact = reader.seat.contact();
    if addressing.reaches(&contact) {
        Ok(())
    } else {
        Err(NotOpened::Forwarded { reader: contact })
    }
}

fn own_letter(
    reader: &Reader<'_>,
    header: &VerifiedHeader,
    received: &Received<'_>,
) -> Result<Letter, NotOpened> {
    if received.letter.is_empty() {
        let (seat, size) = (reader.seat.clone(), header.addressing().view.size);
        let owed = belief::could_open(reader.directory, &seat, size);
        return Err(NotOpened::NoLetter { seat, owed });
    }
    let not_in_header = |why: String| NotOpened::LetterNotInHeader(why);
    let path = received.letter_path.iter().map(|hash| Digest::try_from(&hash[..]));
    let path: Vec<Digest> =
        path.collect::<Result<_, _>>().map_err(|why| not_in_header(why.to_string()))?;
    let (index, letters) = (u64::from(received.letter_index), u64::from(header.letters()));
    let leaf = merkle::leaf_hash(received.letter);
    proof::verify_inclusion(leaf, index, letters, &path, header.letters_root())
        .map_err(|why| not_in_header(why.to_string()))?;
    let letter = envelope::read_letter(received.letter).map_err(NotOpened::Letter)?;
    if letter.seat != *reader.seat {
        return Err(NotOpened::LetterForAnother(letter.seat));
    }
    Ok(letter)
}

fn key_of<'a>(reader: &Reader<'a>, letter: &Letter) -> Result<&'a OpeningKey, NotOpened> {
    let needed = letter.seal_key;
    reader.keys.iter().find(|key| key.public().id() == needed).ok_or_else(|| {
        let known = reader.directory.seal_key(&reader.seat.contact(), &needed);
        NotOpened::KeyNotHeld {
            needed,
            held: reader.keys.iter().map(|key| key.public().id()).collect(),
            retired: known.is_some_and(KnownKey::has_ended),
        }
    })
}

fn read_inner(bytes: &[u8]) -> Result<(Envelope, proto::Message), NotOpened> {
    let inner = envelope::parse(bytes, bytes.len(), Kind::Message).map_err(NotOpened::Inner)?;
    let message = canonical::decode(inner.payload())
        .map_err(|_| NotOpened::Inner(Refusal::NotCanonical("message")))?;
    Ok((inner, message))
}

/// The sealed addressing is the header's, byte for byte. If it is another that does not name the
/// reader, somebody sealed another's message again.
fn same_addressing(
    reader: &Reader<'_>,
    header: &VerifiedHeader,
    sealed: &Bytes,
) -> Result<(), NotOpened> {
    if *sealed == header.addressing().bytes {
        return Ok(());
    }
    match Addressing::read(reader.directory, sealed) {
        Ok(sealed) => is_addressed(reader, &sealed).and(Err(NotOpened::AddressingDiffers)),
        Err(_) => Err(NotOpened::AddressingDiffers),
    }
}

fn signed_by_the_sender(
    reader: &Reader<'_>,
    header: &VerifiedHeader,
    inner: &Envelope,
) -> Result<(), NotOpened> {
    let needed = header.addressing().sender_key;
    match envelope::one_seat_signed(reader.directory, inner) {
        Ok((_, found)) if found == needed => Ok(()),
        Ok(_) | Err(_) => Err(NotOpened::InnerSignature(needed)),
    }
}
