//! What the relay and the recipients sign about a message: accepted receipts, mailbox heads, open
//! acknowledgements, and whether they tell one story.
//!
//! In scope: verifying each, walking a mailbox's chain, comparing what the sender was told with what
//! the recipient saw. Out of scope: keeping them. Invariant: whatever does not fit is an error that
//! carries the signed bytes, so that it can be shown to others.

use bytes::Bytes;
use prost::Message as _;

use crate::client::reason::{Here, Reason, Rule};
use crate::crypto::hash::Digest;
use crate::crypto::sign::KeyId;
use crate::domain::directory::Directory;
use crate::domain::directory::key::{PublicKey, Purpose};
use crate::domain::ids::ContactId;
use crate::domain::limits;
use crate::domain::refusal::{Refusal, Wrong};
use crate::domain::relay::acknowledge::{self, VerifiedAcknowledgement};
use crate::domain::relay::addressing::names_this;
use crate::domain::relay::belief;
use crate::domain::relay::envelope::{self, VerifiedHeader};
use crate::domain::state::{EntryKind, Mailbox};
use crate::domain::view::View;
use crate::signed::canonical;
use crate::signed::dsse::{Envelope, InvalidDsse, Kind};
use crate::signed::proto;
use crate::wire::v1;

use super::open::{RootAt, stands_still};

/// A place in a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whose mailbox it is.
    pub contact: ContactId,
    /// Its state with this entry: epoch, number and chain.
    pub mailbox: Mailbox,
}

impl Place {
    /// As it is signed.
    #[must_use]
    pub fn to_proto(&self) -> proto::Place {
        proto::Place {
            contact: self.contact.to_string(),
            epoch: self.mailbox.epoch,
            number: self.mailbox.count,
            chain: Bytes::copy_from_slice(self.mailbox.chain.as_bytes()),
        }
    }

    /// Reads a place; of an empty mailbox only if that may be.
    ///
    /// # Errors
    /// What is wrong in it.
    pub fn read(place: Option<&proto::Place>) -> Result<Self, Wrong> {
        let place = place.ok_or(Wrong::Missing)?;
        if place.epoch == 0 {
            return Err(Wrong::Zero);
        }
        let chain = Digest::try_from(&place.chain[..])?;
        let mailbox = Mailbox { epoch: place.epoch, count: place.number, chain };
        Ok(Self { contact: place.contact.parse::<ContactId>()?, mailbox })
    }
}

/// Something signed about a message does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Its form, its directory, its signature, its fields.
    #[error("{}", why.of(what))]
    Refused {
        /// What it is.
        what: &'static str,
        /// Why it is refused.
        why: Refusal,
    },
    /// Signed by something else than a relay key of the charter in force.
    #[error("the {0} is not signed by a relay key of the charter")]
    NotTheRelay(&'static str),
    /// It is about another message.
    #[error("the {0} is for another message")]
    OtherMessage(&'static str),
    /// The places are none, or not each another recipient's, by contact.
    #[error("the accepted receipt does not name places of recipients, each once")]
    Places,
    /// A later receipt contradicts an earlier one: both are signed.
    #[error(
        "the relay said number {} in epoch {} of {}'s mailbox, and now says number {} in epoch {}",
        told.mailbox.count, told.mailbox.epoch, told.contact, now.mailbox.count, now.mailbox.epoch
    )]
    PlaceChanged {
        /// What it said.
        told: Box<Place>,
        /// What it says now.
        now: Box<Place>,
        /// The later receipt.
        evidence: Bytes,
    },
    /// Its view is before that of the message that it is about.
    #[error("the {what} has a view of size {found}, and the message {answered}")]
    EarlierView {
        /// What it is.
        what: &'static str,
        /// Of the message.
        answered: u64,
        /// The size of the view that came.
        found: u64,
    },
    /// It is about another mailbox.
    #[error("the mailbox head is of {0}")]
    OtherMailbox(ContactId),
    /// Signed by a key that this program cannot know: the directory stands still here. Neither
    /// failure nor evidence.
    #[error(
        "the {0} cannot be checked before this program is updated: the directory has newer rules"
    )]
    BeforeUpdate(&'static str),
    /// The relay's view is larger than the replica: sync to this size and try again.
    #[error("the relay's directory has size {0}, this replica is behind: sync first")]
    SyncFirst(u64),
    /// The relay shows this seat another log than it signed: evidence.
    #[error("the relay's view is not one of this log: its root at size {size} is another")]
    ForeignView {
        /// The size that the view names.
        size: u64,
        /// The signed bytes.
        evidence: Bytes,
    },
    /// A key that signed had ended before the relay's newest head, and the entry came after it.
    #[error(
        "the {what}: the key {key} ended with entry {ended} of the directory, and the relay took this \
         after entry {floor}: its view is backdated"
    )]
    Backdated {
        /// What it is.
        what: &'static str,
        /// The key that signed.
        key: KeyId,
        /// The entry that ended it.
        ended: u64,
        /// The size of the view of a head before it.
        floor: u64,
    },
    /// Acknowledged by somebody to whom it was not addressed, or under another drill mark.
    #[error("the acknowledgement {0}")]
    NotTheRecipient(&'static str),
}

impl ReceiptError {
    /// The same of what was signed when the log had this size at most: a larger view cannot be, and is
    /// nothing to sync for.
    #[must_use]
    pub fn beyond(self, what: &'static str, size: u64) -> Self {
        match self {
            Self::SyncFirst(found) if found > size => {
                Self::Refused { what, why: Refusal::ViewAhead { size, found } }
            }
            why => why,
        }
    }

    /// What a program branches on, as `docs/protocol.md` 14 names it.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Refused { why, .. } => Reason::Rules(why.reason()),
            Self::SyncFirst(_) => Reason::Here(Here::SyncFirst),
            Self::BeforeUpdate(_) => Reason::Here(Here::BeforeUpdate),
            Self::ForeignView { .. } => Reason::Rules(Rule::ForeignView),
            Self::EarlierView { .. } => Reason::Rules(Rule::ViewBefore),
            Self::Backdated { .. } => Reason::Here(Here::Backdated),
            // The relay contradicts itself: both are signed.
            Self::PlaceChanged { .. } => Reason::Here(Here::TwoHistories),
            _ => Reason::Here(Here::ReceiptNotVerified),
        }
    }
}

/// An accepted receipt whose signature is the relay's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAccepted {
    envelope: Envelope,
    header_digest: Digest,
    at: u64,
    view: View,
    places: Vec<Place>,
}

impl VerifiedAccepted {
    /// The bytes received.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The message that it is about, by its header's digest.
    #[must_use]
    pub const fn header_digest(&self) -> Digest {
        self.header_digest
    }

    /// When, by the relay's clock.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// The directory as the relay saw it.
    #[must_use]
    pub const fn view(&self) -> View {
        self.view
    }

    /// Where it stands so far, by contact.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }
}

/// A mailbox head whose signature is the relay's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedHead {
    envelope: Envelope,
    mailbox: Mailbox,
    at: u64,
    view: View,
}

impl VerifiedHead {
    /// The bytes received.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Where the mailbox stands.
    #[must_use]
    pub const fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// When, by the relay's clock.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// The directory as the relay saw it.
    #[must_use]
    pub const fn view(&self) -> View {
        self.view
    }
}

/// The message that a receipt must be about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The digest of its header.
    pub digest: Digest,
    /// Its recipients, of every step.
    pub contacts: Vec<ContactId>,
    /// The size of its view.
    pub view: u64,
}

impl From<&VerifiedHeader> for About {
    fn from(header: &VerifiedHeader) -> Self {
        let of = header.addressing();
        let contacts = of.recipients.iter().map(|recipient| recipient.contact.clone()).collect();
        Self { digest: header.digest(), contacts, view: of.view.size }
    }
}

/// Verifies an accepted receipt of a message: where it stands so far.
///
/// # Errors
/// [`ReceiptError`].
pub fn verify_accepted(
    (directory, root_at): (&Directory, RootAt<'_>),
    message: &About,
    bytes: &[u8],
) -> Result<VerifiedAccepted, ReceiptError> {
    let what = "accepted receipt";
    let refused = |why| ReceiptError::Refused { what, why };
    sync_first(directory, root_at, bytes, what, |payload| {
        proto::Accepted::decode(payload).ok()?.view
    })?;
    let envelope = signed_by_relay(directory, bytes, Kind::Accepted, what)?;
    let read: proto::Accepted =
        canonical::decode(envelope.payload()).map_err(|_| refused(Refusal::NotCanonical(what)))?;
    names_this(directory, read.directory.as_ref()).map_err(refused)?;
    let view = view(directory, root_at, read.view.as_ref(), &envelope, what)?;
    let header_digest = Digest::try_from(&read.header_digest[..])
        .map_err(|why| refused(Refusal::field("header_digest", why)))?;
    if header_digest != message.digest {
        return Err(ReceiptError::OtherMessage(what));
    }
    not_before(what, message.view, view.size)?;
    let places = read.places.iter().map(|place| Place::read(Some(place)));
    let places: Vec<Place> =
        places.collect::<Result<_, _>>().map_err(|why| refused(Refusal::field("places", why)))?;
    let fits = |place: &Place| message.contacts.contains(&place.contact) && place.mailbox.count > 0;
    let sorted = places.is_sorted_by(|a, b| a.contact < b.contact);
    if places.is_empty() || !sorted || !places.iter().all(fits) {
        return Err(ReceiptError::Places);
    }
    Ok(VerifiedAccepted { header_digest, at: read.at, view, places, envelope })
}

/// Verifies a head of one contact's mailbox.
///
/// # Errors
/// [`ReceiptError`].
pub fn verify_head(
    (directory, root_at): (&Directory, RootAt<'_>),
    contact: &ContactId,
    bytes: &[u8],
) -> Result<VerifiedHead, ReceiptError> {
    let what = "mailbox head";
    let refused = |why| ReceiptError::Refused { what, why };
    sync_first(directory, root_at, bytes, what, |payload| {
        proto::MailboxHead::decode(payload).ok()?.view
    })?;
    let envelope = signed_by_relay(directory, bytes, Kind::MailboxHead, what)?;
    let read: proto::MailboxHead =
        canonical::decode(envelope.payload()).map_err(|_| refused(Refusal::NotCanonical(what)))?;
    names_this(directory, read.directory.as_ref()).map_err(refused)?;
    let view = view(directory, root_at, read.view.as_ref(), &envelope, what)?;
    let place =
        Place::read(read.place.as_ref()).map_err(|why| refused(Refusal::field("place", why)))?;
    if place.contact != *contact {
        return Err(ReceiptError::OtherMailbox(place.contact));
    }
    Ok(VerifiedHead { mailbox: place.mailbox, at: read.at, view, envelope })
}

/// Verifies an open acknowledgement of a message.
///
/// # Errors
/// [`ReceiptError`].
pub fn verify_acknowledgement(
    (directory, root_at): (&Directory, RootAt<'_>),
    message: &VerifiedHeader,
    bytes: &[u8],
) -> Result<VerifiedAcknowledgement, ReceiptError> {
    let what = "acknowledgement";
    let refused = |why| ReceiptError::Refused { what, why };
    sync_first(directory, root_at, bytes, what, |payload| {
        proto::Acknowledgement::decode(payload).ok()?.view
    })?;
    let verified = acknowledge::verify(directory, bytes).map_err(|why| match why {
        Refusal::UnknownKey(_) if stands_still(directory) => ReceiptError::BeforeUpdate(what),
        why => refused(why),
    })?;
    let View { size, root } = verified.view();
    if root_at(size) != Some(root) {
        let evidence = verified.envelope().bytes().clone();
        return Err(ReceiptError::ForeignView { size, evidence });
    }
    if verified.header_digest() != message.digest() {
        return Err(ReceiptError::OtherMessage(what));
    }
    let contact = verified.seat().contact();
    let mut recipients = message.addressing().recipients.iter();
    if !recipients.any(|recipient| recipient.contact == contact) {
        return Err(ReceiptError::NotTheRecipient("is of a contact that was not addressed"));
    }
    if verified.drill() != message.addressing().drill.as_ref() {
        return Err(ReceiptError::NotTheRecipient("bears another drill mark than the message"));
    }
    not_before(what, message.addressing().view.size, size)?;
    belief::stood(directory, verified.key(), size).map_err(refused)?;
    Ok(verified)
}

/// Refuses an acknowledgement that the relay took after a head in whose view, of size `floor`, its
/// key had ended.
///
/// # Errors
/// [`ReceiptError::Backdated`].
pub fn not_backdated(
    directory: &Directory,
    acknowledgement: &VerifiedAcknowledgement,
    floor: u64,
) -> Result<(), ReceiptError> {
    let key = acknowledgement.key();
    match belief::ended_before(directory, key, floor) {
        Some(ended) => Err(ReceiptError::Backdated { what: "acknowledgement", key, ended, floor }),
        None => Ok(()),
    }
}

/// A view larger than this replica comes before all else, for the key that signed may be newer, too:
/// sync, and if the directory stands still here, update. Not of what a known key has not signed.
fn sync_first(
    directory: &Directory,
    root_at: RootAt<'_>,
    bytes: &[u8],
    what: &'static str,
    view: impl FnOnce(Bytes) -> Option<proto::View>,
) -> Result<(), ReceiptError> {
    let Ok(envelope) = Envelope::parse(bytes, limits::HEADER_BYTES) else { return Ok(()) };
    let may_hold = envelope.signatures().iter().all(|signature| {
        match directory.key(&signature.key_id).map(|known| &known.key) {
            Some(PublicKey::Verifying(key)) => envelope.verify(key).is_ok(),
            Some(PublicKey::Sealing(_)) | None => true,
        }
    });
    match view(envelope.payload().clone()) {
        Some(view) if may_hold && view.size > 0 && root_at(view.size).is_none() => {
            Err(if stands_still(directory) {
                ReceiptError::BeforeUpdate(what)
            } else {
                ReceiptError::SyncFirst(view.size)
            })
        }
        Some(_) | None => Ok(()),
    }
}

fn not_before(what: &'static str, answered: u64, found: u64) -> Result<(), ReceiptError> {
    if found < answered {
        return Err(ReceiptError::EarlierView { what, answered, found });
    }
    Ok(())
}

fn signed_by_relay(
    directory: &Directory,
    bytes: &[u8],
    kind: Kind,
    what: &'static str,
) -> Result<Envelope, ReceiptError> {
    let envelope = envelope::parse(bytes, limits::HEADER_BYTES, kind)
        .map_err(|why| ReceiptError::Refused { what, why })?;
    let [signature] = envelope.signatures() else { return Err(ReceiptError::NotTheRelay(what)) };
    // A receipt outlives the key that signed it; [`view`] asks whether that stood in its view.
    let known = directory.key(&signature.key_id).map(|known| (known.purpose, &known.key));
    if known.is_none() && stands_still(directory) {
        return Err(ReceiptError::BeforeUpdate(what));
    }
    let Some((Purpose::Relay, PublicKey::Verifying(key))) = known else {
        return Err(ReceiptError::NotTheRelay(what));
    };
    envelope.verify(key).map_err(|_| ReceiptError::Refused {
        what,
        why: Refusal::BadSignature(signature.key_id),
    })?;
    Ok(envelope)
}

fn view(
    directory: &Directory,
    root_at: RootAt<'_>,
    view: Option<&proto::View>,
    envelope: &Envelope,
    what: &'static str,
) -> Result<View, ReceiptError> {
    let refused = |why| ReceiptError::Refused { what, why };
    let view = View::read(view).map_err(refused)?;
    let size = view.size;
    if root_at(size) != Some(view.root) {
        let evidence = envelope.bytes().clone();
        return Err(ReceiptError::ForeignView { size, evidence });
    }
    for signature in envelope.signatures() {
        belief::stood(directory, signature.key_id, size).map_err(refused)?;
    }
    Ok(view)
}

/// A mailbox does not go on where it ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// An entry is missing.
    #[error(
        "the relay left out an entry of the mailbox: expected number {expected}, found {found}"
    )]
    Gap {
        /// The next number.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The mailbox cannot begin where the relay says.
    #[error("the relay says that the mailbox begins after number {number}: {why}")]
    Beginning {
        /// The number behind which it is said to begin.
        number: u64,
        /// Why it cannot begin there.
        why: NoBeginning,
    },
    /// No kind that an entry could have: 0, or more than a byte.
    #[error("the entry {number} has the kind {kind}, which is none")]
    Kind {
        /// Its number in the mailbox.
        number: u64,
        /// The kind that came.
        kind: u32,
    },
    /// There is nothing in the entry whose digest could go into the chain.
    #[error("the entry {number} of the mailbox has nothing signed in it: {why}")]
    NothingSigned {
        /// Its number in the mailbox.
        number: u64,
        /// What it is.
        why: InvalidDsse,
    },
    /// Another entry under a number that was already collected.
    #[error("the relay shows another entry {number} of the mailbox than before")]
    Rewritten {
        /// Its number in the mailbox.
        number: u64,
        /// The digest that stands there.
        kept: Digest,
        /// The digest that came.
        found: Digest,
    },
    /// The relay began another epoch: it was restored.
    #[error("the mailbox is in epoch {found}, and was in {own}: the relay was restored")]
    Epoch {
        /// The own epoch.
        own: u64,
        /// The epoch that the head names.
        found: u64,
        /// The signed head.
        evidence: Bytes,
    },
    /// The head counts other entries than those collected.
    #[error("the relay's head counts {found} entries, and {own} were collected")]
    Count {
        /// How many were collected.
        own: u64,
        /// How many the head counts.
        found: u64,
        /// The signed head.
        evidence: Bytes,
    },
    /// The head has another history than the one collected.
    #[error("the relay signed another history of the mailbox than the one it showed")]
    Differs {
        /// The own chain value.
        own: Digest,
        /// The chain value of the head.
        found: Digest,
        /// The signed head.
        evidence: Bytes,
    },
}

/// Why a mailbox cannot begin where the relay says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoBeginning {
    /// It has no epoch, or no chain value.
    #[error("that is no place of a mailbox")]
    NoPlace,
    /// The chain is known there, and goes on from where this reader is.
    #[error("it was asked for what comes after number {own}")]
    Known {
        /// The last number that is here.
        own: u64,
    },
    /// The epoch is known from the relay's head, or from an earlier beginning.
    #[error("in epoch {found}, and it was in {own}")]
    Epoch {
        /// The own epoch.
        own: u64,
        /// The epoch that came.
        found: u64,
    },
}

/// Where a mailbox goes on that the relay says to begin behind what is here: its first entries have
/// expired and are forgotten. `epoch` is the own one, if it is known. Nothing shows the chain value to be
/// right before the head at the end.
///
/// # Errors
/// It cannot begin there.
pub fn begin(
    own: &Mailbox,
    epoch: Option<u64>,
    beginning: &v1::Beginning,
) -> Result<Mailbox, ChainError> {
    let v1::Beginning { number, epoch: found, ref chain } = *beginning;
    let cannot = |why| ChainError::Beginning { number, why };
    let chain = Digest::try_from(&chain[..]).ok().filter(|_| found > 0);
    let chain = chain.ok_or_else(|| cannot(NoBeginning::NoPlace))?;
    if number <= own.count {
        return Err(cannot(NoBeginning::Known { own: own.count }));
    }
    match epoch {
        Some(own) if own != found => Err(cannot(NoBeginning::Epoch { own, found })),
        Some(_) | None => Ok(Mailbox { epoch: found, count: number, chain }),
    }
}

/// An entry as the chain has it. Nothing of it is believed for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number in the mailbox.
    pub number: u64,
    /// Why it is there.
    pub kind: EntryKind,
    /// Of the header's payload or, from kind 3 on, of the payload of what it carries.
    pub digest: Digest,
}

impl Link {
    /// The link of an item.
    ///
    /// # Errors
    /// A kind that is none, or nothing signed.
    pub fn of(item: &v1::Item) -> Result<Self, ChainError> {
        let (number, kind) = (item.number, item.kind);
        let known = u8::try_from(kind).ok().and_then(EntryKind::of_byte);
        let known = known.ok_or(ChainError::Kind { number, kind })?;
        // Of what has expired the digest is left, and the head at the end signs for it.
        let signed = match (item.gone.is_empty(), known.carries()) {
            (false, _) => &item.gone,
            (true, true) => &item.acknowledgement,
            (true, false) => &item.header,
        };
        let digest = match Digest::try_from(&item.gone[..]) {
            Ok(gone) => gone,
            Err(_) => {
                payload_digest(signed).map_err(|why| ChainError::NothingSigned { number, why })?
            }
        };
        Ok(Self { number, kind: known, digest })
    }
}

/// Of whatever kind the payload is: a later entry carries a later kind.
fn payload_digest(dsse: &[u8]) -> Result<Digest, InvalidDsse> {
    let (limit, found) = (limits::STATEMENT_BYTES, dsse.len());
    if found > limit {
        return Err(InvalidDsse::TooLarge { limit, found });
    }
    let dsse: proto::Dsse = canonical::decode(dsse)?;
    if dsse.payload.is_empty() {
        return Err(InvalidDsse::UnknownKind(String::new()));
    }
    Ok(Digest::of(&dsse.payload))
}

/// The mailbox with one more entry, which must be the next.
///
/// # Errors
/// A gap.
pub fn extend(mailbox: &Mailbox, link: &Link) -> Result<Mailbox, ChainError> {
    let expected = mailbox.count.saturating_add(1);
    if link.number != expected {
        return Err(ChainError::Gap { expected, found: link.number });
    }
    Ok(mailbox.append(link.kind, link.digest))
}

/// The relay's head is the mailbox that was collected.
///
/// # Errors
/// Another epoch, count or chain value, with the signed head as evidence.
pub fn agrees(own: &Mailbox, head: &VerifiedHead) -> Result<(), ChainError> {
    let evidence = || head.envelope.bytes().clone();
    let found = &head.mailbox;
    if found.epoch != own.epoch {
        let (own, found) = (own.epoch, found.epoch);
        return Err(ChainError::Epoch { own, found, evidence: evidence() });
    }
    if found.count != own.count {
        let (own, found) = (own.count, found.count);
        return Err(ChainError::Count { own, found, evidence: evidence() });
    }
    if found.chain != own.chain {
        let (own, found) = (own.chain, found.chain);
        return Err(ChainError::Differs { own, found, evidence: evidence() });
    }
    Ok(())
}

/// What the relay has told a sender of the places of a message, receipt by receipt. A later one adds
/// places and changes none; only a new epoch, which a restore begins, moves a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    receipts: Vec<VerifiedAccepted>,
    places: Vec<Place>,
    began: Vec<Place>,
}

impl Told {
    /// What the first receipt says.
    #[must_use]
    pub fn first(receipt: VerifiedAccepted) -> Self {
        let places = receipt.places.clone();
        Self { receipts: vec![receipt], places, began: Vec::new() }
    }

    /// Takes a later receipt; whether it says anything new.
    ///
    /// # Errors
    /// [`ReceiptError::PlaceChanged`]: it takes back what an earlier one said.
    pub fn add(&mut self, later: VerifiedAccepted) -> Result<bool, ReceiptError> {
        let (mut places, mut began) = (self.places.clone(), self.began.clone());
        for now in &later.places {
            match places.iter_mut().find(|told| told.contact == now.contact) {
                None => places.push(now.clone()),
                Some(told) if told == now => {}
                Some(told) if now.mailbox.epoch > told.mailbox.epoch => {
                    *told = now.clone();
                    began.retain(|place| place.contact != now.contact);
                    began.push(now.clone());
                }
                Some(told) => {
                    let (told, now) = (Box::new(told.clone()), Box::new(now.clone()));
                    let evidence = later.envelope.bytes().clone();
                    return Err(ReceiptError::PlaceChanged { told, now, evidence });
                }
            }
        }
        places.sort_by(|a, b| a.contact.cmp(&b.contact));
        if places == self.places {
            return Ok(false);
        }
        (self.places, self.began) = (places, began);
        self.receipts.push(later);
        Ok(true)
    }

    /// When the relay first took it, by its clock.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.receipts.first().map_or(0, |receipt| receipt.at)
    }

    /// Where it stands so far, by contact.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The relay's keys that signed.
    pub fn signers(&self) -> impl Iterator<Item = KeyId> + '_ {
        let signatures = self.receipts.iter().flat_map(|receipt| receipt.envelope.signatures());
        signatures.map(|signature| signature.key_id)
    }

    /// The places in mailboxes that began since.
    #[must_use]
    pub fn began(&self) -> &[Place] {
        &self.began
    }

    /// Compares with a recipient's delivered receipt, as [`compare`]: by the receipt that names the
    /// epoch which the recipient saw.
    #[must_use]
    pub fn compare(&self, seen: &Place, delivered: &Envelope) -> Comparison {
        let names = |receipt: &&VerifiedAccepted| {
            receipt.places.iter().any(|told| is_of_one_mailbox(told, seen))
        };
        let receipt = self.receipts.iter().find(names);
        receipt.map_or(Comparison::NotNamed, |receipt| compare(receipt, seen, delivered))
    }
}

fn is_of_one_mailbox(one: &Place, other: &Place) -> bool {
    (&one.contact, one.mailbox.epoch) == (&other.contact, other.mailbox.epoch)
}

/// What the sender was told of a mailbox, beside what the recipient saw of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// One place, one history.
    Agree,
    /// The accepted receipt names no place of this contact in this epoch: it was not yet released to
    /// it, or a restore began another mailbox since.
    NotNamed,
    /// The relay told the two different things, and signed one of them.
    Differ(Box<TwoHistories>),
}

/// Two signed accounts of one mailbox: evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwoHistories {
    /// What the sender was told.
    pub told: Place,
    /// What the recipient says it saw.
    pub seen: Place,
    /// The accepted receipt: the relay's signature.
    pub accepted: Bytes,
    /// The recipient's delivered receipt, opened: its signature.
    pub delivered: Bytes,
}

/// Compares the sender's accepted receipt with a recipient's delivered one. `delivered` is the inner
/// message of the receipt, `seen` the place in it.
#[must_use]
pub fn compare(accepted: &VerifiedAccepted, seen: &Place, delivered: &Envelope) -> Comparison {
    let told = accepted.places.iter().find(|place| is_of_one_mailbox(place, seen));
    match told {
        None => Comparison::NotNamed,
        Some(told) if told == seen => Comparison::Agree,
        Some(told) => Comparison::Differ(Box::new(TwoHistories {
            told: told.clone(),
            seen: seen.clone(),
            accepted: accepted.envelope.bytes().clone(),
            delivered: delivered.bytes().clone(),
        })),
    }
}
