//! One step of collecting: an entry of the mailbox, verified, kept, and answered if it must be.
//!
//! In scope: what becomes of each kind of entry, whether it fits the messages that are here, whether
//! a delivered receipt is due, what belongs to which sent message. Out of scope: the stream
//! (`follow`), telling people. Invariants: an item is kept before it is looked at; a receipt never answers a receipt, and none is made twice for one
//! message; none is made before the relay signed the mailbox that it names.

use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;

use crate::ambient::Ambient;
use crate::client::message::compose::{ComposeError, Outside, Sealed, compose};
use crate::client::message::content::{self, Inside};
use crate::client::message::open::{self, NotOpened, Opened, Reader, level_of};
use crate::client::message::places::{Contradiction, Places};
use crate::client::message::receipt::{self, About, Comparison, Place, ReceiptError, Told};
use crate::client::outbox::{Outbox, OutboxError, Request};
use crate::client::reason::{Here, Reason};
use crate::crypto::hash::Digest;
use crate::crypto::sign::SigningKey;
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::refusal::{Amiss, Refusal, Wrong};
use crate::domain::relay::acknowledge::VerifiedAcknowledgement;
use crate::domain::relay::addressing::{Addressing, OrLater};
use crate::domain::relay::answers;
use crate::domain::relay::envelope::{self, VerifiedHeader};
use crate::domain::relay::thread;
use crate::domain::state::{EntryKind, LaterKind};
use crate::domain::view::View;
use crate::signed::proto::{self, Class, Outcome};
use crate::wire::v1;

use super::how::How;
use super::inbox::{Headers, Inbox, InboxError, Kept, Made, Spoilt};
use super::index::{Index, Row};

/// Where messages are kept that came, and that were sent.
#[derive(Clone, Copy)]
pub struct Boxes<'a> {
    /// What came, as it came.
    pub inbox: &'a Inbox,
    /// What was sent, and what waits to be.
    pub outbox: &'a Outbox,
}

/// A seat at work: what it knows, its keys, its clock.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// The replica, the seat, the keys it opens with.
    pub reader: Reader<'a>,
    /// Where the headers of its mailbox stand.
    pub index: &'a Index,
    /// The key it signs with.
    pub sign: &'a SigningKey,
    /// The replica's tree size and root.
    pub view: View,
    /// Time and randomness.
    pub ambient: &'a Ambient,
}

impl Desk<'_> {
    fn contact(&self) -> ContactId {
        self.reader.seat.contact()
    }
}

/// A step of collecting failed; nothing is lost, the item is pending.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The inbox, or the mailbox's chain.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// The outbox cannot be used.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// What the relay signed does not hold.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
}

/// What became of the delivered receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipted {
    /// None is due: the message is itself a receipt or forgotten by the relay, or it is not known who
    /// sent it.
    NotDue,
    /// One is in the outbox.
    Queued(MessageId),
    /// One was made before.
    Already(MessageId),
    /// None yet: it came spoilt, and is asked for again.
    AskedAgain,
    /// The sender cannot be reached any more.
    Impossible(ComposeError),
}

/// What an opened message says about one that this contact sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matched {
    /// Nothing about any of them.
    Nothing,
    /// It answers a message that is not in this outbox: a colleague's, or nobody's.
    NotOurs(Digest),
    /// It comes from a contact to which that message was not addressed.
    NotARecipient(MessageId),
    /// A machine of the recipient's tells how it went.
    Delivered {
        /// The message that it is about.
        id: MessageId,
        /// Opened, or the reason why not.
        outcome: OrLater<Outcome>,
        /// Whether it saw the mailbox that the relay told this sender of; nothing before the
        /// accepted receipt is here.
        comparison: Option<Comparison>,
    },
    /// The words of an acknowledgement, which is the open one beside them.
    Words(MessageId),
    /// An answer to this message.
    Answered(MessageId),
}

/// Why an entry does not show that a message of this contact's has expired.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// There is no such message.
    #[error(transparent)]
    Header(#[from] NotOpened),
    /// It is another contact's.
    #[error("the message is from {0}")]
    AnotherSender(SeatId),
    /// Not by this machine's clock; it is looked at again.
    #[error("the message has not expired")]
    NotExpired,
}

impl Unproven {
    /// What a program branches on.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Header(why @ (NotOpened::SyncFirst(_) | NotOpened::BeforeUpdate(_))) => {
                why.reason()
            }
            Self::Header(_) | Self::AnotherSender(_) | Self::NotExpired => {
                Reason::Here(Here::NotProven)
            }
        }
    }
}

/// What became of an entry of the mailbox.
#[derive(Debug)]
pub enum Taken {
    /// It was dealt with before.
    Already,
    /// It is kept, and waits for its body or for the relay's first head.
    Waiting,
    /// It is kept, and waits for a replica of this size.
    SyncFirst(u64),
    /// A message, every layer of which held.
    Message {
        /// Where it stands.
        place: Place,
        /// What it holds, opened.
        opened: Box<Opened>,
        /// The delivered receipt.
        answer: Receipted,
        /// What it says about a sent one.
        matched: Matched,
    },
    /// A message that was not opened, or refused after it was.
    NotOpened {
        /// Where it stands.
        place: Place,
        /// Its header, if that held.
        header: Option<Box<VerifiedHeader>>,
        /// What did not hold.
        why: NotOpened,
        /// The delivered receipt, which says so.
        answer: Receipted,
    },
    /// The relay has no more of it than is here: it has expired.
    Expired(Place),
    /// The relay says so, and by its header it has not, as this machine's clock goes.
    NotExpired,
    /// A message that was opened before, in an earlier epoch of the mailbox.
    Again {
        /// Where it stands now.
        place: Place,
        /// Its header, which held.
        header: Box<VerifiedHeader>,
    },
    /// A colleague acknowledged a message.
    Colleague(Box<VerifiedAcknowledgement>),
    /// The relay passed on an acknowledgement that does not hold.
    NotAcknowledged {
        /// Where it stands.
        place: Place,
        /// What does not hold.
        why: ReceiptError,
    },
    /// A message of this contact's has expired, and the relay says that not every contact had received
    /// it. If it was sent from here, which one.
    NotDelivered(Option<MessageId>),
    /// The relay says so, and what it shows does not.
    NotProven {
        /// Where it stands.
        place: Place,
        /// What is not proven.
        why: Unproven,
    },
    /// An entry of a kind that this version does not know: it is kept, for a version that does.
    Later {
        /// Where it stands.
        place: Place,
        /// Its kind, by number.
        kind: LaterKind,
    },
}

impl Taken {
    /// Whether signatures alone are at fault: asked for again, they may be right.
    const fn is_unsigned(&self) -> bool {
        match self {
            Self::NotOpened { why: NotOpened::Header(why), .. }
            | Self::NotAcknowledged { why: ReceiptError::Refused { why, .. }, .. }
            | Self::NotProven { why: Unproven::Header(NotOpened::Header(why)), .. } => {
                why.is_of_signatures()
            }
            _ => false,
        }
    }
}

/// Keeps what came together, and deals with what is whole.
///
/// # Errors
/// [`TakeError`]; what stands before the fault is kept.
pub fn take_all(
    desk: &Desk<'_>,
    Boxes { inbox, outbox }: Boxes<'_>,
    items: &[v1::Item],
) -> Result<Vec<Taken>, TakeError> {
    let items = &inbox.numbered(items)?[..];
    inbox.put_all(items)?;
    let (has_head, pending) = (inbox.head()?.is_some(), inbox.pending()?);
    let mut beside = Beside::new(desk, Boxes { inbox, outbox });
    let taken = items.iter().map(|item| {
        let (number, is_whole) = (item.number, inbox.is_whole(item.number));
        if !item.gone.is_empty() && inbox.is_asked_again(number) {
            return expire(desk, inbox, number);
        }
        match (has_head && is_whole, pending.binary_search(&number)) {
            (true, Ok(_)) => deal_with(&mut beside, number),
            (true, Err(_)) => Ok(Taken::Already),
            (false, _) => Ok(Taken::Waiting),
        }
    });
    taken.collect()
}

/// Keeps the whole of an entry whose header is here, and deals with it.
///
/// # Errors
/// [`TakeError`]; it is another entry.
pub fn take_whole(
    desk: &Desk<'_>,
    Boxes { inbox, outbox }: Boxes<'_>,
    item: &v1::Item,
) -> Result<Taken, TakeError> {
    let [item] = &inbox.numbered(std::slice::from_ref(item))?[..] else {
        return Ok(Taken::Already);
    };
    if inbox.how(item.number)?.is_some() {
        return Ok(Taken::Already);
    }
    inbox.put_whole(item)?;
    if inbox.head()?.is_none() {
        return Ok(Taken::Waiting);
    }
    deal_with(&mut Beside::new(desk, Boxes { inbox, outbox }), item.number)
}

/// Takes the relay's word that it has no more of an entry than is here. It is not asked for again, and
/// nobody is told that it was read.
///
/// # Errors
/// [`TakeError`].
pub fn expire(desk: &Desk<'_>, inbox: &Inbox, number: u64) -> Result<Taken, TakeError> {
    let is_here = inbox.is_whole(number) && !inbox.is_asked_again(number);
    if is_here || inbox.how(number)?.is_some() {
        return Ok(Taken::Already);
    }
    let kept = inbox.item(number)?;
    let place = kept.place.clone();
    let header = match kept.kind {
        EntryKind::Addressed | EntryKind::Released => header(&desk.reader, &kept).map(Some),
        EntryKind::Acknowledged | EntryKind::NotDelivered | EntryKind::Later(_) => Ok(None),
    };
    let expires = header.as_ref().ok().and_then(Option::as_ref).map(|of| of.addressing().expires);
    let taken = match header {
        Ok(_) if expires.is_some_and(|at| desk.ambient.now() < at) => return Ok(Taken::NotExpired),
        Err(NotOpened::SyncFirst(size)) => return Ok(Taken::SyncFirst(size)),
        Ok(_) => Taken::Expired(place),
        Err(why) => Taken::NotOpened { place, header: None, why, answer: Receipted::NotDue },
    };
    inbox.done(number, &How::Expired)?;
    Ok(taken)
}

/// Takes the relay's head, and deals with everything that is pending. `synced` is the size of the
/// directory when the reader began to collect.
///
/// # Errors
/// [`TakeError`]: the head is not the relay's, or not of the mailbox that was collected.
pub fn take_head(
    desk: &Desk<'_>,
    Boxes { inbox, outbox }: Boxes<'_>,
    bytes: &Bytes,
    synced: u64,
) -> Result<Vec<Taken>, TakeError> {
    let known = (desk.reader.directory, desk.reader.root_at);
    let head = receipt::verify_head(known, inbox.contact(), bytes)?;
    inbox.take_head(&head, synced)?;
    deal_with_pending(desk, Boxes { inbox, outbox })
}

/// Deals with everything that is pending: after a start, after a sync.
///
/// # Errors
/// [`TakeError`].
pub fn deal_with_pending(
    desk: &Desk<'_>,
    Boxes { inbox, outbox }: Boxes<'_>,
) -> Result<Vec<Taken>, TakeError> {
    if inbox.head()?.is_none() {
        return Ok(Vec::new());
    }
    let (pending, mut beside) =
        (inbox.pending()?.into_iter(), Beside::new(desk, Boxes { inbox, outbox }));
    pending.map(|number| deal_with(&mut beside, number)).collect()
}

fn deal_with(beside: &mut Beside<'_>, number: u64) -> Result<Taken, TakeError> {
    let (desk, Boxes { inbox, outbox }) = (beside.desk, beside.boxes);
    let kept = inbox.item(number)?;
    let (taken, how) = match kept.kind {
        EntryKind::Addressed | EntryKind::Released => {
            let taken = message(beside, &kept)?;
            let how = match &taken {
                Taken::NotOpened { why, .. } => How::Refused(why.reason()),
                _ => How::Opened,
            };
            (taken, how)
        }
        EntryKind::Acknowledged => match acknowledged(desk, &kept) {
            Ok(by) => (Taken::Colleague(Box::new(by)), How::Acknowledged),
            Err(ReceiptError::SyncFirst(size)) => (Taken::SyncFirst(size), How::NotAcknowledged),
            Err(why) => (Taken::NotAcknowledged { place: kept.place, why }, How::NotAcknowledged),
        },
        EntryKind::NotDelivered => match expired(desk, &kept) {
            Ok(()) => {
                let id = outbox.find(kept.digest)?;
                id.map_or(Ok(()), |id| outbox.expired(id))?;
                (Taken::NotDelivered(id), How::NotDelivered)
            }
            Err(Unproven::Header(NotOpened::SyncFirst(size))) => {
                (Taken::SyncFirst(size), How::Refused(Here::NotProven.into()))
            }
            Err(why) => {
                let how = How::Refused(why.reason());
                (Taken::NotProven { place: kept.place, why }, how)
            }
        },
        EntryKind::Later(kind) => {
            inbox.said_later(number)?;
            return Ok(Taken::Later { place: kept.place, kind });
        }
    };
    let unsigned = taken.is_unsigned() && inbox.ask_again(Spoilt::Signatures, number)?;
    // After the update of this program it is dealt with as if it came then.
    let waits = unsigned
        || matches!(
            taken,
            Taken::SyncFirst(_)
                | Taken::NotOpened { why: NotOpened::BeforeUpdate(_), .. }
                | Taken::NotOpened { answer: Receipted::AskedAgain, .. }
                | Taken::NotAcknowledged { why: ReceiptError::BeforeUpdate(_), .. }
                | Taken::NotProven {
                    why: Unproven::NotExpired | Unproven::Header(NotOpened::BeforeUpdate(_)),
                    ..
                }
        );
    if !waits {
        inbox.done(number, &how)?;
    }
    Ok(taken)
}

/// The header of a message of the mailbox, if it holds, and if the entry is of the kind that it asks
/// for: released is what reaches the reader's contact by a step of the ladder, and nothing else. The
/// kind is the relay's word, and decides whether the entry may come late.
///
/// # Errors
/// [`NotOpened`].
pub fn header(reader: &Reader<'_>, kept: &Kept) -> Result<VerifiedHeader, NotOpened> {
    let header = open::verify_header(reader, (&kept.item.header, kept.floor));
    let header = header.map_err(|why| kept.not_opened(why))?;
    let own = reader.seat.contact();
    let mut steps = header.addressing().recipients.iter().filter(|to| to.step > 0);
    if steps.any(|to| to.contact == own) == (kept.kind == EntryKind::Released) {
        return Ok(header);
    }
    Err(NotOpened::Header(Refusal::field("kind", Wrong::OtherStep)))
}

fn message(beside: &mut Beside<'_>, kept: &Kept) -> Result<Taken, TakeError> {
    let (desk, boxes) = (beside.desk, beside.boxes);
    let (place, received) = (kept.place.clone(), kept.received());
    let header = match header(&desk.reader, kept) {
        Ok(header) => header,
        Err(NotOpened::SyncFirst(size)) => return Ok(Taken::SyncFirst(size)),
        Err(why) => {
            return Ok(Taken::NotOpened { place, header: None, why, answer: Receipted::NotDue });
        }
    };
    if beside.came_before(&header, place.mailbox.count)? {
        // What was said of it is said again, with the same bytes: the relay may have lost it.
        if let Some(made) = boxes.inbox.receipt(header.digest())? {
            boxes.outbox.offer_again(made.id)?;
        }
        return Ok(Taken::Again { place, header: Box::new(header) });
    }
    let opened = open::open_verified(&desk.reader, header.clone(), &received);
    let opened = match beside.amiss(&header, Until::it_came(kept))? {
        Some(amiss) => opened.and(Err(NotOpened::Thread(amiss))),
        None => opened,
    };
    match opened {
        Ok(opened) => {
            let answer = answer(desk, boxes, &header, (&place, (Outcome::Opened, None)))?;
            let matched = matched(desk, boxes.outbox, &opened)?;
            Ok(Taken::Message { place, opened: Box::new(opened), answer, matched })
        }
        Err(why) => {
            let answer = match why.outcome() {
                Some(_) if why.is_spoilt() && desk.ambient.now() < header.addressing().expires => {
                    boxes.inbox.ask_again(Spoilt::Sealed, place.mailbox.count)?;
                    Receipted::AskedAgain
                }
                Some(outcome) => answer(desk, boxes, &header, (&place, outcome))?,
                None => Receipted::NotDue,
            };
            Ok(Taken::NotOpened { place, header: Some(Box::new(header)), why, answer })
        }
    }
}

/// What is amiss with a message's place in its thread, beside all messages that are here.
///
/// # Errors
/// [`TakeError`].
pub fn amiss(
    desk: &Desk<'_>,
    boxes: Boxes<'_>,
    header: &VerifiedHeader,
) -> Result<Option<Amiss>, TakeError> {
    Beside::new(desk, boxes).amiss(header, Until::NOW)
}

/// The message that a message answers, if it is here.
///
/// # Errors
/// [`TakeError`].
pub fn answered(
    desk: &Desk<'_>,
    boxes: Boxes<'_>,
    of: &Addressing,
) -> Result<Option<VerifiedHeader>, TakeError> {
    let answered = Beside::new(desk, boxes).answered(of, Until::NOW)?;
    Ok(answered.map(Rc::unwrap_or_clone))
}

/// The message with which a message's thread began, if what is here leads to it.
///
/// # Errors
/// [`TakeError`].
pub fn first(
    desk: &Desk<'_>,
    boxes: Boxes<'_>,
    of: &Addressing,
) -> Result<Option<VerifiedHeader>, TakeError> {
    let mut beside = Beside::new(desk, boxes);
    thread::led_to(of, |digest| Ok(beside.message(digest, Until::NOW)?.map(Rc::unwrap_or_clone)))
}

/// The messages that one is read beside: those sent from here, and those of the mailbox, by their
/// headers, whether their bodies came or not. What is refused belongs to no thread, and is none of
/// them, as far as headers show it.
///
/// What was looked up and verified is remembered, so that no header is verified twice for all messages
/// that are dealt with at once: meanwhile nothing comes, and the directory stays as it is.
struct Beside<'a> {
    desk: &'a Desk<'a>,
    boxes: Boxes<'a>,
    headers: Headers<'a>,
    /// What the index has not yet.
    since: Option<Vec<Row>>,
    answered: BTreeMap<Digest, Found>,
    firsts: BTreeMap<MessageId, Found>,
    /// Of the mailbox, by number: nothing, if it is none of them.
    verified: BTreeMap<u64, Option<Rc<VerifiedHeader>>>,
}

/// What was looked up: a message that was sent from here, and numbers of the mailbox.
#[derive(Clone)]
struct Found {
    sent: Option<Rc<VerifiedHeader>>,
    came: Vec<u64>,
}

/// How much of what is here counts.
#[derive(Clone, Copy)]
struct Until {
    /// Of the mailbox, what stands before this number.
    before: u64,
    /// So many answers are followed.
    answers: usize,
}

impl Until {
    const NOW: Self = Self { before: u64::MAX, answers: thread::ANSWERS };

    /// What stands before an item has come, if by its header alone: so no order of fetching decides.
    const fn it_came(kept: &Kept) -> Self {
        Self { before: kept.place.mailbox.count, ..Self::NOW }
    }
}

impl<'a> Beside<'a> {
    const fn new(desk: &'a Desk<'a>, boxes: Boxes<'a>) -> Self {
        Self {
            desk,
            boxes,
            headers: Headers::of(boxes.inbox),
            since: None,
            answered: BTreeMap::new(),
            firsts: BTreeMap::new(),
            verified: BTreeMap::new(),
        }
    }

    /// What is amiss with a message's place in its thread.
    fn amiss(&mut self, header: &VerifiedHeader, until: Until) -> Result<Option<Amiss>, TakeError> {
        let of = header.addressing();
        let answered = self.answered(of, until)?;
        // Two contacts may begin threads of one id: each is right.
        let firsts = if of.id == of.thread { Vec::new() } else { self.firsts(of, until.before)? };
        Ok(thread::beside(of, answered.as_deref(), firsts.iter().map(AsRef::as_ref)))
    }

    /// Whether a message was opened in an earlier epoch of the mailbox than that of this number.
    fn came_before(&mut self, header: &VerifiedHeader, number: u64) -> Result<bool, TakeError> {
        let inbox = self.boxes.inbox;
        if inbox.at_relay(number)?.is_none() {
            return Ok(false);
        }
        for earlier in self.with_header(header.digest())?.came {
            let is_earlier = inbox.at_relay(earlier)?.is_none();
            if is_earlier && inbox.how(earlier)? == Some(How::Opened) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn answered(
        &mut self,
        of: &Addressing,
        until: Until,
    ) -> Result<Option<Rc<VerifiedHeader>>, TakeError> {
        of.in_reply_to.map_or(Ok(None), |digest| self.message(digest, until))
    }

    /// The message with this header.
    fn message(
        &mut self,
        digest: Digest,
        until: Until,
    ) -> Result<Option<Rc<VerifiedHeader>>, TakeError> {
        let found = self.with_header(digest)?;
        if found.sent.is_some() {
            return Ok(found.sent);
        }
        let Some((number, header)) = self.came(found.came, until.before)?.into_iter().next() else {
            return Ok(None);
        };
        let Some(answers) = until.answers.checked_sub(1) else { return Ok(Some(header)) };
        let amiss = self.amiss(&header, Until { before: number, answers })?;
        Ok(Some(header).filter(|_| amiss.is_none()))
    }

    /// The messages that could have begun a message's thread.
    fn firsts(
        &mut self,
        of: &Addressing,
        before: u64,
    ) -> Result<Vec<Rc<VerifiedHeader>>, TakeError> {
        let found = self.beginning(of.thread)?;
        let came = self.came(found.came, before)?.into_iter().map(|(_, header)| header);
        let firsts = came.chain(found.sent);
        Ok(firsts.filter(|first| thread::may_begin(first, of)).collect())
    }

    fn with_header(&mut self, digest: Digest) -> Result<Found, TakeError> {
        if let Some(found) = self.answered.get(&digest) {
            return Ok(found.clone());
        }
        let (desk, outbox) = (self.desk, self.boxes.outbox);
        let found = match outbox.find(digest)? {
            Some(id) => Found { sent: Some(sent_header(desk, outbox, id)?.into()), came: vec![] },
            None => Found { sent: None, came: desk.index.with_header(self.since()?, digest) },
        };
        self.answered.insert(digest, found.clone());
        Ok(found)
    }

    fn beginning(&mut self, thread: MessageId) -> Result<Found, TakeError> {
        if let Some(found) = self.firsts.get(&thread) {
            return Ok(found.clone());
        }
        let (desk, outbox) = (self.desk, self.boxes.outbox);
        let sent = match sent_header(desk, outbox, thread) {
            Ok(sent) => Some(sent.into()),
            Err(TakeError::Outbox(OutboxError::Unknown(_))) => None,
            Err(why) => return Err(why),
        };
        let found = Found { sent, came: desk.index.beginning(self.since()?, thread) };
        self.firsts.insert(thread, found.clone());
        Ok(found)
    }

    fn since(&mut self) -> Result<&[Row], TakeError> {
        let since = match self.since.take() {
            Some(since) => since,
            None => self.desk.index.since(self.boxes.inbox)?,
        };
        Ok(self.since.insert(since))
    }

    /// The headers of these entries that hold, and in which nothing is seen to be refused.
    fn came(
        &mut self,
        numbers: Vec<u64>,
        before: u64,
    ) -> Result<Vec<(u64, Rc<VerifiedHeader>)>, TakeError> {
        let mut came = Vec::new();
        for number in numbers.into_iter().filter(|number| *number < before) {
            came.extend(self.verified(number)?.map(|header| (number, header)));
        }
        Ok(came)
    }

    fn verified(&mut self, number: u64) -> Result<Option<Rc<VerifiedHeader>>, TakeError> {
        if let Some(header) = self.verified.get(&number) {
            return Ok(header.clone());
        }
        let reader = &self.desk.reader;
        let header = header(reader, &self.headers.read(number)?).ok().filter(|header| {
            !open::is_refused(reader, header) && thread::alone(header.addressing()).is_none()
        });
        let header = header.map(Rc::new);
        self.verified.insert(number, header.clone());
        Ok(header)
    }
}

/// Opens an item again: what was opened, or was right when it came, stays so, and what was not is opened
/// if what came since shows it to be right.
///
/// # Errors
/// [`TakeError`]; the message's own fault is in the answer.
pub fn open_again(
    desk: &Desk<'_>,
    boxes: Boxes<'_>,
    kept: &Kept,
) -> Result<Result<Opened, NotOpened>, TakeError> {
    let opened = header(&desk.reader, kept)
        .and_then(|header| open::open_verified(&desk.reader, header, &kept.received()));
    let opened = match opened {
        Ok(opened) => opened,
        Err(why) => return Ok(Err(why)),
    };
    let mut beside = Beside::new(desk, boxes);
    if boxes.inbox.how(kept.place.mailbox.count)? == Some(How::Opened)
        || beside.amiss(&opened.header, Until::it_came(kept))?.is_none()
    {
        return Ok(Ok(opened));
    }
    let amiss = beside.amiss(&opened.header, Until::NOW)?;
    Ok(amiss.map_or(Ok(opened), |amiss| Err(NotOpened::Thread(amiss))))
}

/// Makes the delivered receipt, once for a message, and puts it into the outbox.
fn answer(
    desk: &Desk<'_>,
    Boxes { inbox, outbox }: Boxes<'_>,
    header: &VerifiedHeader,
    (place, outcome): (&Place, (Outcome, Option<[u8; 32]>)),
) -> Result<Receipted, TakeError> {
    let own = desk.contact();
    let addressed = level_of(header.addressing(), &own).is_some();
    let forgotten = answers::until(header.addressing()) <= desk.ambient.now();
    if !addressed || forgotten || header.addressing().class == Class::Receipt {
        return Ok(Receipted::NotDue);
    }
    if let Some(made) = inbox.receipt(header.digest())? {
        queue(outbox, &made)?;
        return Ok(Receipted::Already(made.id));
    }
    let seat = desk.reader.seat.clone();
    let answered = (header.digest(), header.addressing());
    let directory = desk.reader.directory;
    let outside = Outside::answering(directory, seat, answered, Class::Receipt, desk.view);
    let place = inbox.place_at_relay(place)?.to_proto();
    let inside = content::delivered(header.digest(), outcome, place, desk.ambient.now());
    match compose(desk.reader.directory, outside, &inside, desk.sign, desk.ambient) {
        Ok(Sealed { id, header_digest, envelope, .. }) => {
            let made = Made { id, header_digest, envelope };
            // Kept here first: after a crash the same receipt goes to the outbox, not a second.
            inbox.keep_receipt(header.digest(), &made)?;
            queue(outbox, &made)?;
            Ok(Receipted::Queued(id))
        }
        Err(why) => Ok(Receipted::Impossible(why)),
    }
}

fn queue(outbox: &Outbox, made: &Made) -> Result<(), OutboxError> {
    let request = Request::submit(made.envelope.clone());
    outbox.put((made.id, made.header_digest), &request)
}

/// Finds the sent message that an opened one is about, and notes what it says.
fn matched(desk: &Desk<'_>, outbox: &Outbox, opened: &Opened) -> Result<Matched, TakeError> {
    let Some(about) = opened.header.addressing().in_reply_to else { return Ok(Matched::Nothing) };
    let Some(id) = outbox.find(about)? else { return Ok(Matched::NotOurs(about)) };
    let sent = sent_header(desk, outbox, id)?;
    let (seat, contact) = (opened.sender(), opened.sender().contact());
    if level_of(sent.addressing(), &contact).is_none() {
        return Ok(Matched::NotARecipient(id));
    }
    // A receipt never gets a delivered one.
    if sent.addressing().class == Class::Receipt {
        return Ok(Matched::Nothing);
    }
    match &opened.inside {
        Inside::Delivered(delivered) => {
            let seen = Place::read(delivered.place.as_ref()).ok();
            let Some(seen) = seen.filter(|seen| seen.contact == contact) else {
                return Ok(Matched::NotARecipient(id));
            };
            outbox.delivered(id, seat, &opened.inner)?;
            let comparison = compared(desk, outbox, (id, &sent), (&seen, opened))?;
            let outcome = content::outcome(delivered);
            let outcome = outcome.unwrap_or(OrLater::Known(Outcome::Unspecified));
            Ok(Matched::Delivered { id, outcome, comparison })
        }
        Inside::Words(_) => {
            outbox.words(id, seat, opened.header.digest())?;
            Ok(Matched::Words(id))
        }
        Inside::Content(_) | Inside::Later(_) => {
            outbox.answered(id, opened.header.digest())?;
            Ok(Matched::Answered(id))
        }
    }
}

fn compared(
    desk: &Desk<'_>,
    outbox: &Outbox,
    (id, sent): (MessageId, &VerifiedHeader),
    (seen, opened): (&Place, &Opened),
) -> Result<Option<Comparison>, TakeError> {
    let told = told(desk, outbox, id, sent)?;
    Ok(told.map(|told| told.compare(seen, &opened.inner)))
}

/// A message of the reader's contact has expired. That not all had received it is the relay's word.
///
/// # Errors
/// [`Unproven`].
pub fn expired(desk: &Desk<'_>, kept: &Kept) -> Result<(), Unproven> {
    let header = open::verify_header(&desk.reader, (&kept.item.header, kept.floor));
    let header = header.map_err(|why| kept.not_opened(why))?;
    let of = header.addressing();
    if of.sender.contact() != desk.contact() {
        return Err(Unproven::AnotherSender(of.sender.clone()));
    }
    if desk.ambient.now() < of.expires {
        return Err(Unproven::NotExpired);
    }
    Ok(())
}

/// The acknowledgement of a colleague, and of nobody else. The floor is that of the entry, which it
/// signed; the message is older.
///
/// # Errors
/// [`ReceiptError`].
pub fn acknowledged(desk: &Desk<'_>, kept: &Kept) -> Result<VerifiedAcknowledgement, ReceiptError> {
    let (directory, header) = (desk.reader.directory, &kept.item.header);
    let header = open::verify_header(&desk.reader, (header, 0));
    let header = header.map_err(|why| match kept.not_opened(why) {
        NotOpened::SyncFirst(size) => ReceiptError::SyncFirst(size),
        NotOpened::BeforeUpdate(_) => ReceiptError::BeforeUpdate("header"),
        NotOpened::Header(why) => ReceiptError::Refused { what: "header", why },
        _ => ReceiptError::OtherMessage("header"),
    })?;
    let known = (directory, desk.reader.root_at);
    let verified = receipt::verify_acknowledgement(known, &header, &kept.item.acknowledgement);
    let verified = verified.map_err(|why| why.beyond("acknowledgement", kept.ceiling))?;
    if verified.seat().contact() != kept.place.contact {
        return Err(ReceiptError::NotTheRecipient("is of a seat of another contact"));
    }
    receipt::not_backdated(directory, &verified, kept.floor)?;
    Ok(verified)
}

/// Verifies and keeps the accepted receipt that came back for a request.
///
/// # Errors
/// [`TakeError`].
pub fn take_accepted(
    desk: &Desk<'_>,
    outbox: &Outbox,
    id: MessageId,
    bytes: &Bytes,
) -> Result<receipt::VerifiedAccepted, TakeError> {
    let sent = sent_header(desk, outbox, id)?;
    let accepted = verify_accepted(desk, &sent, bytes)?;
    match told(desk, outbox, id, &sent)? {
        None => outbox.accepted(id, accepted.envelope().bytes())?,
        Some(mut told) => match told.add(accepted.clone()) {
            Ok(false) => {}
            Ok(true) => outbox.accepted_again(id, accepted.envelope())?,
            Err(why) => {
                outbox.disputed(id, accepted.envelope())?;
                outbox.has_again(id)?;
                return Err(why.into());
            }
        },
    }
    outbox.has_again(id)?;
    Ok(accepted)
}

/// What the relay has said of the places of a sent message, from its first receipt on; nothing
/// before that.
///
/// # Errors
/// [`TakeError`].
pub fn told(
    desk: &Desk<'_>,
    outbox: &Outbox,
    id: MessageId,
    sent: &VerifiedHeader,
) -> Result<Option<Told>, TakeError> {
    let mut told: Option<Told> = None;
    for bytes in outbox.accepted_receipts(id)? {
        let accepted = verify_accepted(desk, sent, &bytes)?;
        match &mut told {
            None => told = Some(Told::first(accepted)),
            Some(told) => drop(told.add(accepted)?),
        }
    }
    Ok(told)
}

/// Where the relay's receipts for all that was sent from here contradict each other. What does not hold
/// by itself is shown with its message.
///
/// # Errors
/// The outbox.
pub fn contradictions(desk: &Desk<'_>, outbox: &Outbox) -> Result<Vec<Contradiction>, OutboxError> {
    let mut places = Places::default();
    for id in outbox.ids()? {
        let Ok(sent) = sent_header(desk, outbox, id) else { continue };
        let receipts = [outbox.accepted_receipts(id)?, outbox.disputed_receipts(id)?].concat();
        let verified = receipts.iter().map(|bytes| verify_accepted(desk, &sent, bytes));
        verified.flatten().for_each(|receipt| places.take(id, &receipt));
    }
    Ok(places.contradictions(desk.reader.directory.genesis()))
}

/// Verifies and keeps what the relay says became of a message: its receipt and acknowledgements,
/// each by itself. Gives why those do not hold that do not.
///
/// # Errors
/// The outbox.
pub fn take_status(
    desk: &Desk<'_>,
    outbox: &Outbox,
    id: MessageId,
    status: &v1::GetStatusResponse,
) -> Result<Vec<ReceiptError>, TakeError> {
    let mut refused = Vec::new();
    match take_accepted(desk, outbox, id, &status.accepted) {
        Ok(_) => {}
        Err(TakeError::Receipt(why)) => refused.push(why),
        Err(why) => return Err(why),
    }
    let sent = sent_header(desk, outbox, id)?;
    let known = (desk.reader.directory, desk.reader.root_at);
    for bytes in &status.acknowledgements {
        match receipt::verify_acknowledgement(known, &sent, bytes) {
            Ok(by) => outbox.acknowledged(id, by.seat(), by.envelope().bytes())?,
            Err(why) => refused.push(why),
        }
    }
    Ok(refused)
}

/// Composes an acknowledgement of an item in the inbox, and puts it into the outbox. A human asked
/// for it, by name.
///
/// # Errors
/// [`SealError`].
pub fn acknowledge(
    desk: &Desk<'_>,
    Boxes { inbox, outbox }: Boxes<'_>,
    number: u64,
    words: (proto::Words, Option<proto::Level>),
) -> Result<MessageId, SealError> {
    let kept = inbox.item(number).map_err(TakeError::from)?;
    let header = header(&desk.reader, &kept)?;
    let number = number_at_relay(desk, inbox, &kept)?;
    let seat = (desk.reader.seat, desk.sign);
    let made = crate::client::message::acknowledge::acknowledge(
        desk.reader.directory,
        seat,
        (&header, number),
        words,
        desk.view,
        desk.ambient,
    )?;
    let (id, digest) = (made.words.id, made.words.header_digest);
    let request = Request::Acknowledge(made.request);
    outbox.put((id, digest), &request)?;
    Ok(id)
}

/// The number under which the relay has an item now: of one of an earlier epoch, that of what was
/// delivered again.
fn number_at_relay(desk: &Desk<'_>, inbox: &Inbox, kept: &Kept) -> Result<u64, TakeError> {
    let number = kept.place.mailbox.count;
    let since = desk.index.since(inbox)?;
    for number in [&[number][..], &desk.index.with_header(&since, kept.digest)].concat() {
        if let Some(number) = inbox.at_relay(number)? {
            return Ok(number);
        }
    }
    Err(InboxError::NotAtRelay(number).into())
}

/// Why nothing was sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The inbox or the outbox.
    #[error(transparent)]
    Take(#[from] TakeError),
    /// The message's header does not hold.
    #[error(transparent)]
    Header(#[from] NotOpened),
    /// The words cannot be sealed.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// What is said to be outdated is not, by this copy of the directory.
    #[error("the copy of the directory does not show that it must be sealed again")]
    NotOutdated,
}

impl From<OutboxError> for SealError {
    fn from(error: OutboxError) -> Self {
        TakeError::from(error).into()
    }
}

/// The header of a message of the outbox.
///
/// # Errors
/// [`TakeError`]: there is none, or it does not hold.
pub fn sent_header(
    desk: &Desk<'_>,
    outbox: &Outbox,
    id: MessageId,
) -> Result<VerifiedHeader, TakeError> {
    let request = outbox.request(id)?;
    let header = request.envelope().map(|envelope| &envelope.header[..]).unwrap_or_default();
    let refused = |why| ReceiptError::Refused { what: "sent header", why };
    Ok(envelope::verify_header(desk.reader.directory, header).map_err(refused)?)
}

fn verify_accepted(
    desk: &Desk<'_>,
    sent: &VerifiedHeader,
    bytes: &Bytes,
) -> Result<receipt::VerifiedAccepted, TakeError> {
    let known = (desk.reader.directory, desk.reader.root_at);
    Ok(receipt::verify_accepted(known, &About::from(sent), bytes)?)
}
