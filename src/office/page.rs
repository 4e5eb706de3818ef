//! What of an inbox people look at, as values: its page, in the order in which somebody deals with it.
//!
//! In scope: which entries, how each was dealt with, who acknowledged it, what does not hold. Out of scope: how it
//! is said and shown (each face). Invariants: all that is on a page was verified when it was made; of what does
//! not hold nothing is told but why.

use std::collections::BTreeSet;
use std::{iter, thread};

use crate::client::error::ClientError;
use crate::client::message::content::Inside;
use crate::client::message::open::{NotOpened, Opened};
use crate::client::message::receipt::ReceiptError;
use crate::client::reach::session::Session;
use crate::client::reason::{Here, Reason, Rule};
use crate::crypto::hash::Digest;
use crate::domain::directory::Directory;
use crate::domain::ids::SeatId;
use crate::domain::relay::belief;
use crate::domain::relay::envelope::VerifiedHeader;
use crate::domain::state::{EntryKind, LaterKind};
use crate::signed::proto::{self, Class};

use super::Office;
use super::acknowledged::{Acknowledged, Acks};
use super::collect::{self, Desk, Unproven};
use super::how::How;
use super::inbox::{Gone, Inbox, InboxError, Kept};
use super::index::{self, Row};
use super::mail::Mail;

/// What of an inbox is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Also those who are muted.
    pub muted: bool,
    /// So many at most.
    pub most: usize,
}

/// A page of an inbox.
#[derive(Debug)]
pub struct Page {
    /// Messages: what nobody dealt with first, the most urgent of it first.
    pub messages: Vec<Listed>,
    /// What does not hold.
    pub unverified: Vec<Unverified>,
    /// Entries that only a later version can deal with, by number.
    pub later: Vec<(u64, LaterKind)>,
    /// What was gone before it was collected, and was not told yet.
    pub gone: Vec<Gone>,
    /// So many messages more.
    pub more: usize,
    /// So many are muted.
    pub muted: usize,
}

/// A message of a page.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its number in the mailbox.
    pub number: u64,
    /// Its header, which was verified.
    pub header: VerifiedHeader,
    /// What it says, if it opens and this version knows its kind.
    pub content: Option<Box<proto::Content>>,
    /// Why it is not open.
    pub closed: Option<Closed>,
    /// The relay is asked for it again.
    pub asked_again: bool,
    /// How far it was dealt with.
    pub state: State,
    /// A key that signed it has ended since.
    pub key_ended: bool,
    /// Who of this contact acknowledged it.
    pub acknowledged_by: Vec<By>,
    /// The own acknowledgement is to be handed in yet.
    pub acknowledgement_waits: bool,
    /// It is shown only to who asks for it.
    pub muted: bool,
}

/// How far a message was dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has read it here.
    New,
    /// Somebody has read it here.
    Read,
    /// It is acknowledged.
    Acknowledged,
    /// It is acknowledged here, and that is to be handed in.
    Waits,
    /// It expired before it was read here.
    Expired,
}

/// Why a message is not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It does not open, or was refused.
    NotOpened(NotOpened),
    /// It expired before it was read here.
    Expired,
    /// The service has lost its body.
    Lost,
    /// Only its header is here.
    NotFetched,
}

impl Closed {
    /// What a program branches on.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::NotOpened(why) => why.reason(),
            Self::Expired => Rule::MessageExpired.into(),
            Self::Lost => Rule::BodyDamaged.into(),
            Self::NotFetched => Here::NotFetched.into(),
        }
    }
}

/// Who acknowledged a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// The seat; none if it is the own one.
    pub colleague: Option<SeatId>,
    /// A key that signed it has ended since.
    pub key_ended: bool,
}

impl By {
    /// Those who acknowledged the message of this header.
    #[must_use]
    pub fn of(all: &[Acknowledged], header: Digest, own: &SeatId) -> Vec<Self> {
        let by = all.iter().filter(|one| one.header == header).map(|one| Self {
            colleague: (one.seat != *own).then(|| one.seat.clone()),
            key_ended: one.key_ended,
        });
        by.collect()
    }
}

/// An entry that is not believed: nothing that it says is told.
#[derive(Clone, Debug)]
pub struct Unverified {
    /// Its number in the mailbox.
    pub number: u64,
    /// Why it is not believed.
    pub why: Doubt,
    /// The relay is asked for it again.
    pub asked_again: bool,
}

/// Why an entry is not believed.
#[derive(Clone, Debug)]
pub enum Doubt {
    /// A message whose header does not hold.
    Message(NotOpened),
    /// It does not show what the relay says by it.
    Expired(Unproven),
    /// An acknowledgement that is none of a colleague's.
    Acknowledged(ReceiptError),
}

impl Doubt {
    /// What a program branches on.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Message(why) => why.reason(),
            Self::Expired(why) => why.reason(),
            Self::Acknowledged(why) => why.reason(),
        }
    }
}

impl Office {
    /// The mailbox with what there is now, and the bodies of the first that are shown.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn with_first_bodies(&self, wanted: Wanted) -> Result<(Session, Mail), ClientError> {
        let (session, mut mail) = Mail::online(self).await?;
        let first = |mail: &Mail, row: &Row| mail.is_shown(row, wanted.muted);
        let mut news = mail.collected(&session, (FIRST, first)).await?;
        mail.tell(&mut news);
        Ok((session, mail))
    }
}

impl Mail {
    /// A page of the inbox.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub fn page(&self, wanted: Wanted) -> Result<Page, ClientError> {
        let acks = self.acks()?;
        // Who only reads may have no right to write, and looks at each of it again.
        drop(self.outbox.keep_index());
        let (mut numbers, muted) = self.listed(&acks, wanted.muted)?;
        let more = numbers.len().saturating_sub(wanted.most);
        numbers.truncate(wanted.most);
        numbers.extend(self.doubted().into_iter().rev().take(wanted.most));
        let (messages, unverified) = self.rows(&acks, &numbers)?;
        let (later, gone) = (self.inbox.later()?, self.inbox.gone_untold()?);
        Ok(Page { messages, unverified, later, gone, more, muted })
    }

    /// The numbers of what people look for, and how many others are muted: what nobody dealt with first,
    /// most urgent first. A message that may not be muted is dealt with when it is acknowledged, any other
    /// when it is read.
    ///
    /// # Errors
    /// Files.
    pub fn listed(&self, acks: &Acks, muted: bool) -> Result<(Vec<u64>, usize), ClientError> {
        let mut rows = self.index.for_people();
        let all = rows.len();
        rows.retain(|row| self.is_shown(row, muted));
        let colleagues: BTreeSet<Digest> =
            self.acknowledgements().map(|(about, _)| about).collect();
        let read = self.read_here()?;
        let is_done = |row: &Row| match row.digest() {
            Some(header) if row.is_urgent() => acks.has(header) || colleagues.contains(&header),
            _ => read.contains(&row.number),
        };
        let (done, open): (Vec<&Row>, Vec<&Row>) = rows.into_iter().partition(|row| is_done(row));
        let shown: Vec<u64> =
            index::fair(open).into_iter().chain(done).map(|row| row.number).collect();
        let hidden = all - shown.len();
        Ok((shown, hidden))
    }

    /// Whether a message is shown that says this of itself.
    #[must_use]
    pub fn is_shown(&self, row: &Row, muted: bool) -> bool {
        let holds = || row.sender.parse::<SeatId>().is_ok_and(|of| self.muted.holds(&of.contact()));
        // Of nearly all who look nobody is muted, and there may be many rows.
        let quiet = !muted && !row.is_urgent() && !self.muted.is_nobody() && holds();
        row.is_for_people() && !quiet
    }

    /// The numbers of what is no message to people, and may not hold.
    fn doubted(&self) -> Vec<u64> {
        let rows = self.index.rows().iter().filter(|row| !row.is_for_people());
        let doubted = rows.filter(|row| row.how().is_none_or(|how| !how.holds()));
        doubted.map(|row| row.number).collect()
    }

    /// The rows of these entries: of messages that people read, and of what does not hold. No receipts, no
    /// words of acknowledgements.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub fn rows(
        &self,
        acks: &Acks,
        numbers: &[u64],
    ) -> Result<(Vec<Listed>, Vec<Unverified>), ClientError> {
        let Found { messages, mut unverified } = self.found(numbers)?;
        let digests = messages.iter().map(|(_, header)| header.digest()).collect();
        let acknowledged = self.acknowledged(acks, &digests)?;
        for row in &mut unverified {
            row.asked_again = self.inbox.is_asked_again(row.number);
        }
        let row = |came: &Came| self.row(acks, &acknowledged, came);
        Ok((on_all_cores(&messages, row).into_iter().collect::<Result<_, _>>()?, unverified))
    }

    fn row(
        &self,
        acks: &Acks,
        acknowledged: &[Acknowledged],
        (kept, header): &Came,
    ) -> Result<Listed, ClientError> {
        let number = kept.place.mailbox.count;
        let (content, closed) = match self.inbox.is_whole(number) {
            true => match self.opened(kept)? {
                Ok(Opened { inside: Inside::Content(content), .. }) => (Some(content), None),
                Ok(_) => (None, None),
                Err(why) => (None, Some(Closed::NotOpened(why))),
            },
            false if self.is_expired(number)? => (None, Some(Closed::Expired)),
            false if self.is_lost(number) => (None, Some(Closed::Lost)),
            false => (None, Some(Closed::NotFetched)),
        };
        let by = By::of(acknowledged, header.digest(), &self.seat);
        let waits = acks.waits(header.digest()).is_some();
        let gone = closed.as_ref().is_some_and(|why| why.reason() == Rule::MessageExpired);
        let state = match (by.is_empty(), waits, self.is_read(number)) {
            (false, _, _) => State::Acknowledged,
            (true, true, _) => State::Waits,
            (true, false, _) if gone => State::Expired,
            (true, false, true) => State::Read,
            (true, false, false) => State::New,
        };
        Ok(Listed {
            number,
            content,
            closed,
            asked_again: self.inbox.is_asked_again(number),
            state,
            key_ended: has_ended(self.replica.directory()?, header),
            acknowledged_by: by,
            acknowledgement_waits: waits,
            muted: self.muted.hides(header.addressing()),
            header: header.clone(),
        })
    }

    /// Whether the rest of a message had expired before it came.
    ///
    /// # Errors
    /// Files.
    pub fn is_expired(&self, number: u64) -> Result<bool, ClientError> {
        let is_whole = self.inbox.is_whole(number);
        Ok(!is_whole && self.inbox.how(number)? == Some(How::Expired))
    }

    /// What of these entries people look at.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub fn found(&self, numbers: &[u64]) -> Result<Found, ClientError> {
        Ok(self.at_desk(|desk| Found::of(desk, &self.inbox, numbers))??)
    }

    /// Who of this contact acknowledged a message.
    ///
    /// # Errors
    /// Files.
    pub fn acknowledged_by(&self, acks: &Acks, header: Digest) -> Result<Vec<By>, ClientError> {
        let all = self.acknowledged(acks, &BTreeSet::from([header]))?;
        Ok(By::of(&all, header, &self.seat))
    }
}

/// What the work makes of each, in the same order. Opening takes most of the time of a page.
fn on_all_cores<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = all.len().div_ceil(cores).max(SHARE);
    let mut made: Vec<Option<R>> = iter::repeat_with(|| None).take(all.len()).collect();
    if share < all.len() {
        thread::scope(|scope| {
            for (part, made) in all.chunks(share).zip(made.chunks_mut(share)) {
                let work = &work;
                // Where the system gives no thread, they are made in their turn.
                let _ = thread::Builder::new().spawn_scoped(scope, move || {
                    part.iter().zip(made).for_each(|(one, made)| *made = Some(work(one)));
                });
            }
        });
    }
    all.iter().zip(made).map(|(one, made)| made.unwrap_or_else(|| work(one))).collect()
}

/// Fewer are not worth a thread.
const SHARE: usize = 8;

/// Whether one of the keys that signed has ended by now.
#[must_use]
pub fn has_ended(directory: &Directory, header: &VerifiedHeader) -> bool {
    header.signers().any(|key| belief::has_ended(directory, key))
}

/// Receipts and the words of acknowledgements belong to what was sent.
#[must_use]
pub fn is_for_people(header: &VerifiedHeader) -> bool {
    let class = header.addressing().class;
    class != Class::Receipt && class != Class::Acknowledgement
}

/// A message that came, with its verified header.
pub type Came = (Kept, VerifiedHeader);

/// What is in the inbox for people.
#[derive(Debug, Default)]
pub struct Found {
    /// Messages to people.
    pub messages: Vec<Came>,
    /// What may be such a message, or not.
    pub unverified: Vec<Unverified>,
}

impl Found {
    /// Of these entries.
    ///
    /// # Errors
    /// Files.
    pub fn of(desk: &Desk<'_>, inbox: &Inbox, numbers: &[u64]) -> Result<Self, InboxError> {
        let mut found = Self::default();
        for number in numbers.iter().copied() {
            let kept = match inbox.item(number) {
                Err(InboxError::Unknown(_)) => continue,
                kept => kept?,
            };
            let doubt = match kept.kind {
                EntryKind::Addressed | EntryKind::Released => {
                    let header = collect::header(&desk.reader, &kept);
                    found.add(kept, header);
                    None
                }
                EntryKind::NotDelivered => collect::expired(desk, &kept).err().map(Doubt::Expired),
                EntryKind::Acknowledged => {
                    collect::acknowledged(desk, &kept).err().map(Doubt::Acknowledged)
                }
                EntryKind::Later(_) => None,
            };
            let row = |why| Unverified { number, why, asked_again: false };
            found.unverified.extend(doubt.map(row));
        }
        Ok(found)
    }

    /// A message, if it is one to people and was not found before.
    pub fn add(&mut self, kept: Kept, header: Result<VerifiedHeader, NotOpened>) {
        match header {
            Ok(header) => {
                let mut others = self.messages.iter();
                let again = others.any(|(_, other)| other.digest() == header.digest());
                if is_for_people(&header) && !again {
                    self.messages.push((kept, header));
                }
            }
            Err(why) => {
                let (number, why) = (kept.place.mailbox.count, Doubt::Message(why));
                self.unverified.push(Unverified { number, why, asked_again: false });
            }
        }
    }
}

/// Bodies that a list waits for: 100 KiB, if they are alerts.
const FIRST: usize = 16;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::client::files::faults;
    use crate::client::message::acknowledge;
    use crate::client::message::compose::Outside;
    use crate::client::message::open::{self, Reader};
    use crate::client::message::words as wording;
    use crate::office::collect::Taken;
    use crate::office::index::Index;
    use crate::office::muted::Sender;
    use crate::office::tests::whole::Whole;
    use crate::signed::proto::Urgency;
    use crate::world::relay::{self, AT, FR, FR_2, Net, PT, seat, sign_key};

    #[test]
    fn what_the_relay_passes_on_and_does_not_hold_has_a_row() {
        let mut net = Net::new();
        net.submit(&net.notification().envelope).unwrap();
        let (own, dir) = (seat(FR), tempfile::tempdir().unwrap());
        let inbox = Inbox::of(dir.path(), net.directory.genesis(), own.contact());
        let sent = net.seal(net.outside(FR, &["at/cert-at"]), &relay::notification(0));
        net.put_as(EntryKind::NotDelivered, &own.contact(), &sent.envelope);
        let item = net.collect(FR, 0).0.remove(0);
        let header = net.read(FR, &[], |reader| open::verify_header(reader, (&item.header, 0)));
        let (of, said) = ((&own, &sign_key(&format!("{FR} sign"))), (wording::words(), None));
        let (directory, message) = (net.directory.clone(), (&header.unwrap(), 1));
        let done =
            acknowledge::acknowledge(&directory, of, message, said, net.view(), &net.ambient);
        let open = done.unwrap().open;
        for _ in 0..2 {
            net.put_acknowledgement(&own.contact(), 1, &open);
        }
        for mut item in net.collect(FR, 0).0 {
            if item.number == 4 {
                item.header = sent.envelope.header.clone();
            }
            inbox.put(&item).unwrap();
        }
        let root_at = |size| net.tree.root_at(size);
        let reader = Reader { directory: &directory, root_at: &root_at, seat: &own, keys: &[] };
        let index = &Index::default();
        let (sign, view, ambient) = (of.1, net.view(), &net.ambient);
        let numbers = inbox.numbers().unwrap();
        let found =
            Found::of(&Desk { reader, index, sign, view, ambient }, &inbox, &numbers).unwrap();
        let rows = found.unverified.iter().map(|row| (row.number, row.why.reason()));
        let expected = [(2, "NOT_PROVEN"), (4, "RECEIPT_NOT_VERIFIED")];
        assert!(rows.eq(expected.map(|(number, code)| (number, Reason::read(code)))));
        assert_eq!(found.messages.len(), 1);
    }

    fn numbers(page: &Page) -> Vec<u64> {
        page.messages.iter().map(|row| row.number).collect()
    }

    /// Messages from Austria to France, as urgent as this.
    fn sent(net: &mut Net, urgencies: &[Urgency]) {
        for urgency in urgencies.iter().copied() {
            let outside = Outside { urgency, ..net.outside(AT, &["fr/cert-fr"]) };
            let sealed = net.seal(outside, &relay::notification(0));
            net.submit(&sealed.envelope).unwrap();
        }
    }

    fn acknowledged_here(mail: &Mail, number: u64) {
        let (boxes, said) = (mail.boxes(), (wording::words(), None));
        mail.at_desk(|desk| collect::acknowledge(desk, boxes, number, said)).unwrap().unwrap();
    }

    #[test]
    fn what_came_is_new_until_it_is_read_and_an_acknowledgement_that_waits_is_neither() {
        let mut net = Net::new();
        net.submit(&net.notification().envelope).unwrap();
        let mut whole = Whole::of(&net, FR);
        whole.collect(&net);
        let state = |whole: &Whole| {
            let page = whole.mail.page(ALL).unwrap();
            let [row] = &page.messages[..] else { panic!("{page:?}") };
            (row.state, row.acknowledgement_waits, row.acknowledged_by.len())
        };
        assert_eq!(state(&whole), (State::New, false, 0));
        acknowledged_here(&whole.mail, 1);
        assert_eq!(state(&whole), (State::Waits, true, 0));
        whole.mail.mark_read(1).unwrap();
        assert_eq!(state(&whole), (State::Waits, true, 0));
        whole.hand_in(&mut net);
        assert_eq!(state(&whole), (State::Acknowledged, false, 1));
    }

    /// What is urgent stands first until it is acknowledged, also if it was read.
    #[test]
    fn an_acknowledgement_that_waits_makes_room_for_what_nobody_dealt_with() {
        let mut net = Net::new();
        sent(&mut net, &[Urgency::Immediate, Urgency::Immediate, Urgency::Routine]);
        let mut whole = Whole::of(&net, FR);
        whole.collect(&net);
        let listed = |whole: &Whole| numbers(&whole.mail.page(ALL).unwrap());
        assert_eq!(listed(&whole), [2, 1, 3]);
        whole.mail.mark_read(2).unwrap();
        assert_eq!(listed(&whole), [2, 1, 3]);
        acknowledged_here(&whole.mail, 2);
        assert_eq!(listed(&whole), [1, 3, 2]);
        whole.mail.mark_read(3).unwrap();
        assert_eq!(listed(&whole), [1, 2, 3]);
        let page = whole.mail.page(Wanted { most: 1, ..ALL }).unwrap();
        assert_eq!((numbers(&page), page.more), (vec![1], 2));
    }

    #[test]
    fn what_this_seat_or_a_colleague_has_acknowledged_makes_room() {
        let mut net = Net::new();
        sent(&mut net, &[Urgency::Immediate; 3]);
        let (mut paris, mut colleague) = (Whole::of(&net, FR), Whole::of(&net, FR_2));
        for (seat, number) in [(&mut paris, 3), (&mut colleague, 2)] {
            seat.collect(&net);
            acknowledged_here(&seat.mail, number);
            seat.hand_in(&mut net);
        }
        paris.collect(&net);
        let page = paris.mail.page(ALL).unwrap();
        assert_eq!(numbers(&page), [1, 3, 2]);
        let states = page.messages.iter().map(|row| row.state).collect::<Vec<_>>();
        assert_eq!(states, [State::New, State::Acknowledged, State::Acknowledged]);
    }

    /// It was refused for good: nobody waits for it, and the message is open.
    #[test]
    fn an_acknowledgement_that_is_not_handed_in_any_more_leaves_the_message_open() {
        let mut net = Net::new();
        sent(&mut net, &[Urgency::Immediate; 2]);
        let mut paris = Whole::of(&net, FR);
        paris.collect(&net);
        acknowledged_here(&paris.mail, 2);
        assert_eq!(numbers(&paris.mail.page(ALL).unwrap()), [1, 2]);
        let outbox = &paris.mail.outbox;
        let waits = paris.mail.due().unwrap().into_iter().map(|due| due.id);
        for id in waits.collect::<Vec<_>>() {
            let request = outbox.request(id).unwrap();
            outbox.refuse((id, &request), &Rule::WrongLetters.into()).unwrap();
        }
        let page = paris.mail.page(ALL).unwrap();
        assert_eq!((numbers(&page), page.messages[0].state), (vec![2, 1], State::New));
        // Who says it again waits for that one.
        acknowledged_here(&paris.mail, 2);
        let page = paris.mail.page(ALL).unwrap();
        assert_eq!((numbers(&page), page.messages[1].state), (vec![1, 2], State::Waits));
    }

    /// Who has no right to write sees it all the same.
    #[test]
    fn a_page_keeps_what_it_looked_at_if_it_may() {
        let mut net = Net::new();
        net.submit(&net.notification().envelope).unwrap();
        let mut paris = Whole::of(&net, FR);
        paris.collect(&net);
        paris.hand_in(&mut net);
        let index = paris.mail.folder.join("outbox/index");
        assert!(faults::after(0, || paris.mail.page(ALL)).is_ok());
        assert!(!index.exists());
        paris.mail.page(ALL).unwrap();
        assert!(index.exists());
    }

    #[test]
    fn who_is_muted_is_hidden_and_counted_and_shown_to_who_asks() {
        let mut net = Net::new();
        for (from, urgency) in
            [(AT, Urgency::Routine), (PT, Urgency::Routine), (AT, Urgency::Immediate)]
        {
            let outside = Outside { urgency, ..net.outside(from, &["fr/cert-fr"]) };
            let sealed = net.seal(outside, &relay::notification(0));
            net.submit(&sealed.envelope).unwrap();
        }
        let mut whole = Whole::of(&net, FR);
        whole.collect(&net);
        whole.mail.muted.set(Sender::Contact(seat(AT).contact()), true).unwrap();
        let page = whole.mail.page(Wanted { muted: false, ..ALL }).unwrap();
        assert_eq!((numbers(&page), page.muted, page.more), (vec![3, 2], 1, 0));
        let page = whole.mail.page(ALL).unwrap();
        assert_eq!((numbers(&page), page.muted), (vec![3, 2, 1], 0));
        let muted: Vec<bool> = page.messages.iter().map(|row| row.muted).collect();
        assert_eq!(muted, [false, false, true]);
    }

    #[test]
    fn on_all_cores_each_is_made_once_and_stands_where_it_stood() {
        for count in [0, 1, SHARE, SHARE + 1, 50, 1_000] {
            let all: Vec<usize> = (0..count).collect();
            let times = AtomicUsize::new(0);
            let made = on_all_cores(&all, |one| {
                times.fetch_add(1, Ordering::Relaxed);
                one + 1
            });
            assert!(made.iter().copied().eq(1..=count), "{count}");
            assert_eq!(times.into_inner(), count);
        }
    }

    #[test]
    fn what_came_as_a_header_says_whether_the_rest_may_come() {
        let mut net = Net::new();
        for _ in 0..3 {
            net.submit(&net.notification().envelope).unwrap();
        }
        let mut whole = Whole::of(&net, FR);
        whole.collect_headers(&net);
        let shown = |whole: &Whole| {
            let page = whole.mail.page(ALL).unwrap();
            let mut rows = page.messages;
            rows.sort_by_key(|row| row.number);
            rows.into_iter().map(|row| (row.state, row.closed)).collect::<Vec<_>>()
        };
        let waits = (State::New, Some(Closed::NotFetched));
        assert_eq!(shown(&whole), vec![waits.clone(); 3]);
        // The time is that of this machine: what has not expired by it is asked for again.
        let inbox = &whole.mail.inbox;
        let gone = whole.mail.at_desk(|desk| collect::expire(desk, inbox, 1)).unwrap().unwrap();
        assert!(matches!(gone, Taken::NotExpired), "{gone:?}");
        inbox.done(2, &How::Expired).unwrap();
        whole.mail.update().unwrap();
        let expired = (State::Expired, Some(Closed::Expired));
        assert_eq!(shown(&whole), [waits.clone(), expired, waits]);
        assert_eq!(Closed::Expired.reason(), Rule::MessageExpired);
    }

    const ALL: Wanted = Wanted { muted: true, most: usize::MAX };
}
