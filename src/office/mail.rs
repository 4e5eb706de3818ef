//! The mailbox of one seat: what was collected, what was sent, what waits.
//!
//! In scope: where it stands in the home, collecting, handing in what is due. Out of scope: each rule
//! about a message (`office`, `client::message`), how it is shown. Invariant: a request is in the
//! outbox before its first attempt.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_stream::StreamExt as _;

use crate::client::error::{ClientError, Family, Side};
use crate::client::fate::Fate;
use crate::client::files;
use crate::client::keys::Owner;
use crate::client::mend::Mend;
use crate::client::message::content::Inside;
use crate::client::message::open::{self, NotOpened, Opened};
use crate::client::message::receipt::{self, ChainError, ReceiptError, VerifiedAccepted};
use crate::client::outbox::{Acknowledgements, Outbox, Request};
use crate::client::reach::session::Session;
use crate::client::reason::{Here, Rule};
use crate::client::replica::Replica;
use crate::crypto::hash::Digest;
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::refusal::Amiss;
use crate::domain::relay::addressing::Addressing;
use crate::domain::relay::envelope::{self, Letter, VerifiedHeader};
use crate::domain::relay::thread;
use crate::signed::proto::Class;
use crate::wire::v1;

use super::Office;
use super::acknowledged::{Acknowledged, Acks};
use super::again;
use super::collect::{self, Boxes, Desk, TakeError, Taken};
use super::courier::{self, Courier, SeatKeys};
use super::fate::after_a_sync;
use super::hand_in::{self, Counted, Due};
use super::how::How;
use super::inbox::{Gone, Inbox, InboxError, Kept};
use super::index::{Index, Row};
use super::later::LaterDue;
use super::muted::Muted;
use super::news::{News, lost, take_head};
use super::told::{Note, Unkept, Work};
use crate::client::reach::mailbox::{self, Event};

/// One seat, its copy of the directory, its keys, its inbox and outbox.
pub struct Mail {
    /// Where it is at work.
    pub(super) office: Office,
    /// The seat that it acts for.
    pub seat: SeatId,
    /// The copy of the directory.
    pub replica: Arc<Replica>,
    /// What was collected.
    pub inbox: Inbox,
    /// What a list needs of all of it.
    pub index: Index,
    /// What was sent.
    pub outbox: Outbox,
    /// Whose messages are not shown.
    pub muted: Muted,
    /// The size of the directory when collecting began.
    synced: u64,
    /// What failed since then is not handed in again by this command, nor what has no room either.
    opened: Instant,
    failed: LaterDue,
    /// Bodies that the service says it has lost: this command does not ask again.
    lost: BTreeSet<u64>,
    keys: SeatKeys,
    /// Where all this stands.
    pub folder: PathBuf,
}

impl Mail {
    /// The mailbox of the seat to act as.
    ///
    /// # Errors
    /// Keys, files, or there is no copy of the directory.
    pub fn open(office: &Office, replica: Replica) -> Result<Self, ClientError> {
        Self::of(office, replica, office.seat()?)
    }

    /// Whether something waits to be handed in by a seat.
    ///
    /// # Errors
    /// Files.
    pub fn waits(office: &Office, seat: &SeatId) -> Result<bool, ClientError> {
        let folder = folder(office, seat)?.join(OUTBOX);
        Ok(folder.is_dir() && !Outbox::of(&folder).pending()?.is_empty())
    }

    /// The mailbox of a seat.
    ///
    /// # Errors
    /// As [`Mail::open`].
    pub fn of(office: &Office, replica: Replica, seat: SeatId) -> Result<Self, ClientError> {
        let keys = SeatKeys::read(office, &seat, &replica)?;
        Self::with(office, replica, (seat, keys))
    }

    /// The mailbox of a seat that has these keys.
    pub(super) fn with(
        office: &Office,
        replica: Replica,
        (seat, keys): (SeatId, SeatKeys),
    ) -> Result<Self, ClientError> {
        let folder = folder(office, &seat)?;
        let genesis = replica.directory()?.genesis();
        let muted = Muted::open(&folder).unwrap_or_else(|why| {
            office.tell(Note::NobodyMuted(why.into()));
            Muted::nobody(&folder)
        });
        let inbox = Inbox::of(&folder.join("inbox"), genesis, seat.contact());
        Ok(Self {
            office: office.clone(),
            muted,
            index: Index::open(&folder, &inbox)?,
            inbox,
            outbox: Outbox::of(&folder.join(OUTBOX)),
            keys,
            synced: replica.view()?.size,
            opened: Instant::now(),
            failed: LaterDue::default(),
            lost: BTreeSet::new(),
            seat,
            replica: Arc::new(replica),
            folder,
        })
    }

    /// The mailbox as it is here. An old copy of the directory, or one that stands still, is said to be.
    ///
    /// # Errors
    /// As [`Mail::open`].
    pub fn here(office: &Office) -> Result<Self, ClientError> {
        let replica = office.replica()?;
        office.tell_its_age(&replica)?;
        let mut mail = Self::open(office, replica)?;
        // Who only reads may have no right to write, and has it made again.
        drop(mail.index.keep());
        Ok(mail)
    }

    /// The time by this machine's clock.
    pub(super) fn now(&self) -> u64 {
        self.office.ambient().now()
    }

    /// Connects as the seat, brings the copy up to date, and opens the mailbox.
    ///
    /// # Errors
    /// As [`Office::connect`](super::Office::connect) and [`Mail::open`].
    pub async fn online(office: &Office) -> Result<(Session, Self), ClientError> {
        let session = office.connect(Some(&Owner::Seat(office.seat()?))).await?;
        let mut replica = office.replica()?;
        let synced = office.sync(&session, &mut replica).await?;
        office.tell_what_lacks(&synced);
        Ok((session, Self::open(office, replica)?))
    }

    /// Connects as the seat, and brings the copy up to date.
    ///
    /// # Errors
    /// As [`Office::connect`](super::Office::connect); what came does not verify.
    pub async fn connect(&mut self) -> Result<Session, ClientError> {
        let session = self.office.connect(Some(&Owner::Seat(self.seat.clone()))).await?;
        let synced = self.office.sync(&session, Arc::make_mut(&mut self.replica)).await?;
        self.office.tell_what_lacks(&synced);
        self.keys.follow(&self.office, &self.seat, &self.replica)?;
        Ok(session)
    }

    /// Where its messages are kept.
    pub(super) const fn boxes(&self) -> Boxes<'_> {
        Boxes { inbox: &self.inbox, outbox: &self.outbox }
    }

    /// The seat at work, for as long as `work` takes.
    ///
    /// # Errors
    /// The copy of the directory lacks entries.
    pub fn at_desk<T>(&self, work: impl FnOnce(&Desk<'_>) -> T) -> Result<T, ClientError> {
        courier::at_desk(&self.office, (&self.replica, &self.seat, &self.keys), &self.index, work)
    }

    /// Who hands in for this seat, beside whatever else is done here.
    pub fn courier(&self) -> Courier {
        let (office, seat) = (self.office.clone(), self.seat.clone());
        let (outbox, keys) = (self.outbox.clone(), self.keys.clone());
        Courier { office, seat, outbox, keys, replica: Arc::clone(&self.replica) }
    }

    /// Takes the copy of the directory of who was on the way meanwhile, if it shows more.
    ///
    /// # Errors
    /// A copy lacks entries; keys.
    pub fn takes_over(&mut self, replica: Arc<Replica>) -> Result<(), ClientError> {
        if replica.shows_more_than(&self.replica)? {
            self.replica = replica;
        }
        self.keys.follow(&self.office, &self.seat, &self.replica)
    }

    /// Hands in one request of the outbox. See [`Courier::hand_in`].
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn hand_in(
        &mut self,
        session: &Session,
        id: MessageId,
    ) -> Result<VerifiedAccepted, ClientError> {
        let mut courier = self.courier();
        let handed_in = courier.hand_in(session, id).await;
        (self.replica, self.keys) = (courier.replica, courier.keys);
        handed_in
    }

    /// Seals what went to nobody to the others, in its place. See [`again::seal_to_others`].
    ///
    /// # Errors
    /// [`ClientError`]; another program has dealt with it.
    pub fn seal_to_others(&self, of: (MessageId, &[&ContactId])) -> Result<MessageId, ClientError> {
        let stale = self.replica.is_stale(self.office.ambient().now());
        let sealed =
            self.at_desk(|desk| again::seal_to_others(desk, &self.outbox, of, stale))??;
        sealed.ok_or_else(|| {
            let sentence = format!("another program has dealt with {} meanwhile", of.0);
            ClientError::new(Side::Ours, Family::Unexpected, Here::DealtWith, sentence)
                .mended_by(Mend::Sent)
        })
    }

    /// Opens an item of the inbox again, every layer verified.
    ///
    /// # Errors
    /// The copy of the directory, or files; the message's own fault is in the answer.
    pub fn opened(&self, kept: &Kept) -> Result<Result<Opened, NotOpened>, ClientError> {
        let boxes = self.boxes();
        Ok(self.at_desk(|desk| collect::open_again(desk, boxes, kept))??)
    }

    /// What is amiss with a message's place in its thread, as far as the thread is here: also what is no
    /// reason to refuse it, because a thread of the same id may be meant.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub fn amiss(&self, header: &VerifiedHeader) -> Result<Option<Amiss>, ClientError> {
        let (boxes, of) = (self.boxes(), header.addressing());
        let amiss = self.at_desk(|desk| collect::amiss(desk, boxes, header))??;
        let first = self.first(of)?;
        Ok(amiss.or_else(|| first.and_then(|first| thread::beside_first(of, &first))))
    }

    /// The message that a message answers, if it is here.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub fn answered(&self, header: &VerifiedHeader) -> Result<Option<VerifiedHeader>, ClientError> {
        let boxes = self.boxes();
        Ok(self.at_desk(|desk| collect::answered(desk, boxes, header.addressing()))??)
    }

    /// The message with which the thread of a message began, if what is here leads to it.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub fn first(&self, of: &Addressing) -> Result<Option<VerifiedHeader>, ClientError> {
        let boxes = self.boxes();
        Ok(self.at_desk(|desk| collect::first(desk, boxes, of))??)
    }

    /// The header of a message that was sent from here, if it holds.
    ///
    /// # Errors
    /// As [`Mail::opened`].
    pub fn own_header(
        &self,
        bytes: &[u8],
    ) -> Result<Result<VerifiedHeader, NotOpened>, ClientError> {
        self.at_desk(|desk| open::verify_header(&desk.reader, (bytes, 0)))
    }

    /// Opens a message that this contact sent.
    ///
    /// # Errors
    /// As [`Mail::opened`].
    pub fn opened_own(
        &self,
        envelope: &v1::Envelope,
    ) -> Result<Result<Opened, NotOpened>, ClientError> {
        self.at_desk(|desk| open::open_own(&desk.reader, envelope))
    }

    /// Collects what there is, by its headers, and fetches the bodies that are wanted first: the most
    /// urgent of these, at most so many.
    ///
    /// # Errors
    /// [`ClientError`]; what came before is kept.
    pub async fn collect(
        &mut self,
        session: &Session,
        (most, first): (usize, impl Fn(&Self, &Row) -> bool),
    ) -> Result<News, ClientError> {
        let _lock = self.inbox.lock()?;
        let mut news = News::default();
        let collected = self.collect_headers(session, &mut news).await;
        match collected {
            // A mailbox that does not hold keeps nothing back that goes to others, and is what is told.
            Err(error) if !error.passes() => {
                if let Err(other) = self.send_due(session).await {
                    self.office.tell(Note::DueNotHandedIn(other));
                }
                Err(error)
            }
            Err(error) => Err(error),
            Ok(()) => {
                let mut numbers = self.unfetched()?;
                let wanted =
                    |number: &u64| self.index.row(*number).is_some_and(|row| first(self, row));
                numbers.retain(wanted);
                numbers.truncate(most);
                // Headers alone are shown if these take long.
                let fetched = timeout(SHOWN_AFTER, self.fetch(session, numbers, &mut news)).await;
                fetched.unwrap_or(Ok(()))?;
                self.index.update(&self.inbox)?;
                Ok(news)
            }
        }
    }

    /// Collects; if another program does so already, what it collected is enough.
    ///
    /// # Errors
    /// As [`Mail::collect`].
    pub async fn collected(
        &mut self,
        session: &Session,
        first: (usize, impl Fn(&Self, &Row) -> bool),
    ) -> Result<News, ClientError> {
        match self.collect(session, first).await {
            Err(error) if error.reason == Here::InboxBusy => {
                self.office.tell(Note::CollectedElsewhere);
                Ok(News::default())
            }
            collected => collected,
        }
    }

    /// Does what nobody waits for: fetches the other bodies, hands in what is due, asks for what came spoilt
    /// again; and tells what remains.
    ///
    /// # Errors
    /// [`ClientError`]; nothing is lost.
    pub async fn finish(&mut self, session: &Session) -> Result<(), ClientError> {
        let mut news = self.fetch_and_send(session).await?;
        self.tell(&mut news);
        let (bodies, due) = (self.unfetched()?.len(), self.due()?.len());
        self.keep_index();
        if bodies > 0 {
            self.office.tell(Note::FetchedLater(bodies));
        }
        if due > 0 {
            self.office.tell(Note::HandedInLater(due));
        }
        self.ask_again(session).await?;
        news.ends()
    }

    /// Asks for what came spoilt again, when everything else is here and was shown.
    async fn ask_again(&mut self, session: &Session) -> Result<(), ClientError> {
        let _lock = match self.inbox.lock() {
            // It asks again, too.
            Err(InboxError::Busy) => return Ok(()),
            lock => lock?,
        };
        let requests = self.inbox.requests_again()?;
        if requests.is_empty() {
            return Ok(());
        }
        let before = self.inbox.asked_again()?.len();
        self.office.tell(Note::AskingAgain(before));
        let (mut news, mut held) = (News::default(), Vec::new());
        let channel = session.connection().channel();
        let mut again = Box::pin(mailbox::again::<ClientError>(channel, requests));
        while let Some(came) = again.next().await {
            match came {
                Ok(event) => self.take(event, &mut held, &mut news)?,
                Err(error) => {
                    self.office.tell(Note::AskedInVain(error.into()));
                    break;
                }
            }
        }
        self.keep(&mut held, &mut news)?;
        if Self::is_behind(&news) {
            self.catch_up(session, &mut news).await?;
        }
        self.send_all(session, &mut news).await?;
        self.tell(&mut news);
        let done = before.saturating_sub(self.inbox.asked_again()?.len());
        if done > 0 {
            self.office.tell(Note::CameAtLast(done));
        }
        news.ends()
    }

    /// What is left when people see what they asked for: the other bodies, most urgent first, and what is
    /// due, messages before receipts. It ends after a while, and says what remains.
    ///
    /// # Errors
    /// [`ClientError`]; nothing is lost.
    async fn fetch_and_send(&mut self, session: &Session) -> Result<News, ClientError> {
        let _lock = match self.inbox.lock() {
            // It does all this, too.
            Err(InboxError::Busy) => return Ok(News::default()),
            lock => lock?,
        };
        let (mut news, mut watch) = (News::default(), self.office.face.watches());
        let until = self.send_all(session, &mut news).await?;
        let numbers = self.unfetched()?;
        let all = numbers.len() as u64;
        for (done, some) in numbers.chunks(SOME).enumerate() {
            if self.office.ambient().counted() >= until {
                break;
            }
            watch.shows(Work::Messages, (done * SOME) as u64, all);
            self.fetch(session, some.to_vec(), &mut news).await?;
            let queued = self.those_due(news.queued())?;
            self.send(session, queued, &mut news).await?;
        }
        drop(watch);
        self.update()?;
        Ok(news)
    }

    /// Takes into the index what came and was dealt with.
    ///
    /// # Errors
    /// Files.
    pub fn update(&mut self) -> Result<(), ClientError> {
        self.index.update(&self.inbox)?;
        self.keep_index();
        Ok(())
    }

    fn keep_index(&mut self) {
        let kept = self.index.keep().map_err(ClientError::from);
        let kept = kept.and(self.outbox.keep_index().map_err(ClientError::from));
        if let Err(why) = kept {
            self.office.tell(Note::NotKept(Unkept::Index, why));
        }
    }

    /// Whether the service says, since this command began, that it has lost the body.
    pub fn is_lost(&self, number: u64) -> bool {
        self.lost.contains(&number)
    }

    /// The messages of which only the headers are here, and which may come, most urgent first.
    ///
    /// # Errors
    /// Files.
    pub fn unfetched(&self) -> Result<Vec<u64>, ClientError> {
        let mut numbers = self.inbox.unfetched()?;
        numbers.retain(|number| !self.is_lost(*number));
        Ok(self.index.ordered(&numbers))
    }

    /// Fetches bodies, in this order, and deals with each.
    ///
    /// # Errors
    /// [`ClientError`]; what came is kept.
    pub async fn fetch(
        &mut self,
        session: &Session,
        numbers: Vec<u64>,
        news: &mut News,
    ) -> Result<(), ClientError> {
        let base = self.inbox.base()?;
        let (here, before): (Vec<_>, Vec<_>) =
            numbers.into_iter().partition(|number| *number > base);
        for number in before {
            news.not_fetched(number, InboxError::NotAtRelay(number).into());
        }
        let mut bodies = pin!(session.relay().bodies(base, here));
        while let Some((number, came)) = bodies.next().await {
            match came {
                Ok(item) => self.take_body(&item, news)?,
                Err(error) if error.family == Family::NotReachable => return Err(error),
                Err(error) => {
                    if error.reason == Rule::BodyDamaged {
                        self.lost.insert(number);
                    }
                    self.take_no_body((number, error), news)?;
                }
            }
        }
        if news.behind {
            self.catch_up(session, news).await?;
        }
        Ok(self.index.update(&self.inbox)?)
    }

    /// Of a body that the service has lost, who has it.
    pub fn lost(&self, number: u64, error: ClientError) -> ClientError {
        if error.reason != Rule::BodyDamaged {
            return error;
        }
        let Ok(kept) = self.inbox.item(number) else { return error };
        match self.at_desk(|desk| collect::header(&desk.reader, &kept)) {
            Ok(Ok(header)) => lost((number, &header), error),
            Ok(Err(_)) | Err(_) => error,
        }
    }

    /// Fetches a body beside another program that collects, which deals with it.
    ///
    /// # Errors
    /// It does not come, or is another's.
    pub async fn fetch_beside(&self, session: &Session, number: u64) -> Result<(), ClientError> {
        if self.inbox.at_relay(number)?.is_none() {
            return Err(InboxError::NotAtRelay(number).into());
        }
        let mut bodies = pin!(session.relay().bodies(self.inbox.base()?, vec![number]));
        while let Some((_, came)) = bodies.next().await {
            let came = self.inbox.numbered(&[came?])?;
            came.iter().try_for_each(|item| self.inbox.put_whole(item))?;
        }
        Ok(())
    }

    /// Deals with a body that was asked for.
    ///
    /// # Errors
    /// [`ClientError`]; nothing is lost.
    pub fn take_body(&self, item: &v1::Item, news: &mut News) -> Result<(), ClientError> {
        let boxes = self.boxes();
        let taken = self.at_desk(|desk| collect::take_whole(desk, boxes, item))??;
        news.add(taken, &self.muted);
        Ok(())
    }

    /// Deals with a body that does not come; whether it will not come any more, for it has expired.
    ///
    /// # Errors
    /// [`ClientError`]; nothing is lost.
    pub fn take_no_body(
        &self,
        (number, error): (u64, ClientError),
        news: &mut News,
    ) -> Result<bool, ClientError> {
        if error.reason == Rule::MessageExpired {
            let taken = self.at_desk(|desk| collect::expire(desk, &self.inbox, number))??;
            if !matches!(taken, Taken::NotExpired) {
                news.add(taken, &self.muted);
                return Ok(true);
            }
        }
        news.not_fetched(number, self.lost(number, error));
        Ok(false)
    }

    /// Collects headers until the relay's head.
    ///
    /// # Errors
    /// [`ClientError`]; what came before is kept.
    pub async fn collect_headers(
        &mut self,
        session: &Session,
        news: &mut News,
    ) -> Result<(), ClientError> {
        for round in 1..=ROUNDS {
            self.synced = self.replica.view()?.size;
            match self.collect_what_there_is(session, news).await {
                Ok(()) if !news.behind => break,
                Err(error)
                    if error.reason == Here::MailboxHistory
                        && round < ROUNDS
                        && Box::pin(self.begins_anew(session, news)).await? => {}
                Err(error)
                    if !asks_again(&error)
                        || round == ROUNDS && error.reason == Here::HeadBehind =>
                {
                    return Err(error);
                }
                Ok(()) | Err(_) => self.catch_up(session, news).await?,
            }
            if let Some(head) = news.unchecked.take() {
                // Meanwhile there may be a newer one, which would need another sync.
                let taken = self.take(Event::Head(head), &mut Vec::new(), news);
                taken.map_err(after_a_sync)?;
                break;
            }
        }
        self.keep_index();
        Ok(())
    }

    /// Goes on with another epoch of the mailbox, if the relay signs that it began one. Tells whether.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn begins_anew(
        &mut self,
        session: &Session,
        news: &mut News,
    ) -> Result<bool, ClientError> {
        if !self.inbox.knows_epoch()? {
            return Ok(false);
        }
        let (channel, mut head) = (session.connection().channel(), None);
        // Behind every entry there is nothing but the head.
        let request = v1::CollectRequest { after: u64::MAX, headers: true, ..Default::default() };
        let asked = mailbox::collect_once(channel, request, |event| {
            if let Event::Head(bytes) = event {
                head = Some(bytes);
            }
            Ok::<_, ClientError>(())
        });
        asked.await?;
        let head = head.unwrap_or_default();
        let verify = |mail: &Self| {
            mail.at_desk(|desk| {
                let known = (desk.reader.directory, desk.reader.root_at);
                receipt::verify_head(known, mail.inbox.contact(), &head)
            })
        };
        let mut verified = verify(self)?;
        if let Err(ReceiptError::SyncFirst(_)) = &verified {
            self.catch_up(session, news).await?;
            verified = verify(self)?;
        }
        let epoch = verified?.mailbox().epoch;
        let newer = epoch > self.inbox.cursor()?.epoch;
        if newer {
            self.inbox.begin_anew(epoch)?;
            news.notes.push(Note::BeganAnew(self.inbox.contact().clone(), epoch));
        }
        Ok(newer)
    }

    /// Collects until the relay's head. If the stream breaks, the next goes on from where it was.
    async fn collect_what_there_is(
        &mut self,
        session: &Session,
        news: &mut News,
    ) -> Result<(), ClientError> {
        let mut patience = session.patience();
        loop {
            let request = self.inbox.request(false)?;
            let channel = session.connection().channel();
            let mut held = Vec::new();
            let taken = mailbox::collect_once(channel, request, |event| {
                goes_on(&request, &event)?;
                self.take(event, &mut held, news)
            });
            let taken = taken.await.map_err(ClientError::from);
            // A stream that broke leaves what it brought.
            let kept = self.keep(&mut held, news);
            self.index.update(&self.inbox)?;
            match taken.and(kept) {
                Err(error) if !asks_again(&error) && patience.bears(&error).await => {}
                taken => return taken,
            }
        }
    }

    /// Syncs, and deals with what waited for it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn catch_up(
        &mut self,
        session: &Session,
        news: &mut News,
    ) -> Result<(), ClientError> {
        self.office.sync(session, Arc::make_mut(&mut self.replica)).await?;
        self.keys.follow(&self.office, &self.seat, &self.replica)?;
        self.caught_up(news)
    }

    /// Deals with what waited for a newer copy of the directory.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn caught_up(&self, news: &mut News) -> Result<(), ClientError> {
        let boxes = self.boxes();
        let taken = self.at_desk(|desk| collect::deal_with_pending(desk, boxes))??;
        news.after_sync(taken, &self.muted);
        Ok(())
    }

    /// Deals with one event of the stream. What comes before a head is held until there is enough of it,
    /// and then kept at once.
    ///
    /// # Errors
    /// [`ClientError`]; nothing is lost.
    pub fn take(
        &self,
        event: Event,
        held: &mut Vec<v1::Item>,
        news: &mut News,
    ) -> Result<(), ClientError> {
        match event {
            Event::Item(item) => {
                // What is whole may be large.
                let enough = held.len() + 1 >= HELD || !item.body.is_empty();
                held.push(*item);
                if enough { self.keep(held, news) } else { Ok(()) }
            }
            Event::Beginning(beginning) => {
                self.keep(held, news)?;
                Ok(self.inbox.go_on_behind(&beginning)?)
            }
            Event::Forgotten(number) => {
                let number = number.saturating_add(self.inbox.base()?);
                let taken = self.at_desk(|desk| collect::expire(desk, &self.inbox, number))?;
                news.add(taken?, &self.muted);
                Ok(())
            }
            Event::Head(head) => {
                self.keep(held, news)?;
                let boxes = self.boxes();
                let synced = self.synced;
                let taken = self.at_desk(|desk| take_head(desk, boxes, &head, synced, news))?;
                if let Err(TakeError::Receipt(ReceiptError::SyncFirst(_))) = &taken {
                    news.unchecked = Some(head);
                }
                taken?.into_iter().for_each(|taken| news.add(taken, &self.muted));
                Ok(())
            }
        }
    }

    /// Keeps what is held, and deals with what is whole of it.
    ///
    /// # Errors
    /// [`ClientError`]; nothing is lost.
    pub fn keep(&self, held: &mut Vec<v1::Item>, news: &mut News) -> Result<(), ClientError> {
        let (items, boxes) = (std::mem::take(held), self.boxes());
        let taken = self.at_desk(|desk| collect::take_all(desk, boxes, &items))??;
        taken.into_iter().for_each(|taken| news.add(taken, &self.muted));
        Ok(())
    }

    /// Whether something waits for a newer copy of the directory.
    pub fn is_behind(news: &News) -> bool {
        news.behind
    }

    /// What waits to be handed in, in this order. See [`hand_in::due`].
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub fn due(&self) -> Result<Vec<Due>, ClientError> {
        let looked = self.outbox.look()?;
        self.at_desk(|desk| hand_in::due(desk, &self.outbox, &looked))
    }

    /// Those of these that have not expired.
    ///
    /// # Errors
    /// The copy of the directory.
    pub fn those_due(&self, ids: Vec<MessageId>) -> Result<Vec<Due>, ClientError> {
        self.at_desk(|desk| hand_in::those_due(desk, &self.outbox, ids))
    }

    /// What waits to be handed in: receipts, and everything else.
    ///
    /// # Errors
    /// As [`Mail::due`].
    fn due_by_kind(&self) -> Result<(Vec<Due>, Vec<Due>), ClientError> {
        let due = self.due()?.into_iter();
        Ok(due.partition(|due| due.counted == Counted::Receipt))
    }

    /// Hands in what waits, receipts last and only for a while, and tells what was not accepted. One for
    /// which the network fails keeps no other back; with a second one the rest is left for later.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub async fn send_due(&mut self, session: &Session) -> Result<(), ClientError> {
        let mut news = News::default();
        self.send_all(session, &mut news).await?;
        let waiting = self.due_by_kind()?.1.len();
        if !news.notes.is_empty() && waiting > 1 {
            news.note(Note::StillDue(waiting));
        }
        self.tell(&mut news);
        Ok(())
    }

    /// Tells what collecting brought besides messages, once.
    pub fn tell(&self, news: &mut News) {
        news.notes().into_iter().for_each(|note| self.office.tell(note));
    }

    /// Hands in what waits, as [`Mail::send_due`] does. Tells until when receipts are handed in.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub async fn send_all(
        &mut self,
        session: &Session,
        news: &mut News,
    ) -> Result<u64, ClientError> {
        let until = self.office.ambient().counted() + AT_THE_END;
        let (receipts, others) = self.due_by_kind()?;
        let all = receipts.len() + others.len();
        let office = self.office.clone();
        let sending = async {
            self.send(session, others, news).await?;
            self.send_until(session, (receipts, until), news).await
        };
        said_if_slow(sending, || office.tell(Note::HandingIn(all))).await?;
        Ok(until)
    }

    /// Hands in what waits and is no receipt: nobody waits for those.
    ///
    /// # Errors
    /// The network; what was not handed in waits.
    pub async fn send_own(
        &mut self,
        session: &Session,
        news: &mut News,
    ) -> Result<(), ClientError> {
        let own = self.due_by_kind()?.1;
        let all = own.len();
        let office = self.office.clone();
        said_if_slow(self.send(session, own, news), || office.tell(Note::HandingIn(all))).await
    }

    /// Hands these in, and notes a sentence for each that was not accepted.
    ///
    /// # Errors
    /// The network; what was not handed in waits.
    async fn send(
        &mut self,
        session: &Session,
        due: Vec<Due>,
        news: &mut News,
    ) -> Result<(), ClientError> {
        self.send_until(session, (due, u64::MAX), news).await
    }

    async fn send_until(
        &mut self,
        session: &Session,
        (due, until): (Vec<Due>, u64),
        news: &mut News,
    ) -> Result<(), ClientError> {
        let mut failing = 0;
        for due in due {
            if self.office.ambient().counted() >= until {
                break;
            }
            // It is said once that there is no room at a contact.
            if !self.failed.may(&due, self.opened) {
                continue;
            }
            let Err(error) = self.hand_in(session, due.id).await else { continue };
            self.failed.failed(&due, &error, self.opened);
            self.not_accepted((due.id, &error), news)?;
            // A full mailbox is no network that fails.
            failing += u32::from(error.side == Side::Network || error.reason == Rule::Busy);
            if failing == 2 {
                break;
            }
        }
        Ok(())
    }

    /// Notes why a request was not accepted. Of a machine's answer the relay may say that nobody waits
    /// for it: that is nothing to say.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub fn not_accepted(
        &self,
        (id, error): (MessageId, &ClientError),
        news: &mut News,
    ) -> Result<(), ClientError> {
        if error.reason != Rule::ReceiptNotDue {
            // What cannot be read is said, and keeps nothing else back.
            let of = self.addressing(id).unwrap_or_default();
            let why = self.outbox.why_kept_back(id).unwrap_or_default();
            match (error.waiting().is_some(), &of, why) {
                (true, Some(of), Some((_, why))) => {
                    let title = self.title(id).unwrap_or_default();
                    news.note(Note::StillWaits { id, title, of: of.clone(), why });
                }
                (_, of, _) => {
                    let (of, error) = (of.clone(), error.clone());
                    news.note(Note::NotAccepted { id, of, error });
                }
            }
            // Nobody waits for a receipt.
            let is_receipt = of.is_some_and(|of| of.class == Class::Receipt);
            let refused = matches!(error.fate, Some(Fate::GivenUp(_)));
            if refused && !is_receipt && news.given_up.is_none() {
                news.given_up = Some(error.clone().leaves(Fate::WaitedInVain(id)));
            }
        }
        Ok(())
    }

    /// How a request of the outbox is addressed, if its header holds.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub fn addressing(&self, id: MessageId) -> Result<Option<Addressing>, ClientError> {
        let request = self.outbox.request(id)?;
        let Some(envelope) = request.envelope() else { return Ok(None) };
        let header = self.own_header(&envelope.header)?;
        Ok(header.ok().map(|header| header.addressing().clone()))
    }

    /// What was sent from here, if it opens.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub fn own_inside(&self, id: MessageId) -> Result<Option<Inside>, ClientError> {
        let request = self.outbox.request(id)?;
        let Some(envelope) = request.envelope() else { return Ok(None) };
        Ok(self.opened_own(envelope)?.ok().map(|opened| opened.inside))
    }

    /// The title of a message that was sent from here.
    pub(super) fn title(&self, id: MessageId) -> Result<Option<String>, ClientError> {
        Ok(match self.own_inside(id)? {
            Some(Inside::Content(content)) => Some(content.title),
            Some(Inside::Words(_) | Inside::Delivered(_) | Inside::Later(_)) | None => None,
        })
    }

    /// Who acknowledged by this request, as the words say that went with it.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub fn person(&self, id: MessageId) -> Result<Option<String>, ClientError> {
        Ok(match self.own_inside(id)? {
            Some(Inside::Words(words)) => Some(words.person),
            Some(Inside::Content(_) | Inside::Delivered(_) | Inside::Later(_)) | None => None,
        })
    }

    /// Every key letter that is here: the own ones of what came, and all of what was sent.
    ///
    /// # Errors
    /// Files.
    pub fn letters(&self) -> Result<Vec<Letter>, ClientError> {
        let mut letters = Vec::new();
        for number in self.index.rows().iter().filter(|row| row.is_message()).map(|row| row.number)
        {
            letters.push(self.inbox.item(number)?.item.letter);
        }
        for id in self.outbox.ids()? {
            let request = self.outbox.request(id)?;
            letters.extend(request.envelope().map(|of| of.letters.clone()).unwrap_or_default());
        }
        Ok(letters.iter().filter_map(|letter| envelope::read_letter(letter).ok()).collect())
    }

    /// Whether somebody has read an item here.
    pub fn is_read(&self, number: u64) -> bool {
        self.read_path(number).exists()
    }

    /// The numbers of all that somebody has read here.
    ///
    /// # Errors
    /// Files.
    pub fn read_here(&self) -> Result<BTreeSet<u64>, ClientError> {
        let names = files::names(&self.folder.join(READ))?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// Notes that somebody has read it.
    ///
    /// # Errors
    /// Files.
    pub fn mark_read(&self, number: u64) -> Result<(), ClientError> {
        Ok(files::replace(&self.read_path(number), b"")?)
    }

    /// Notes that people heard what is gone: they hear it once.
    ///
    /// # Errors
    /// It cannot be kept.
    pub fn told_gone(&self, gone: &[Gone]) -> Result<(), ClientError> {
        let Some(last) = gone.iter().map(|gone| gone.last).max() else { return Ok(()) };
        Ok(self.inbox.told_gone(last)?)
    }

    fn read_path(&self, number: u64) -> PathBuf {
        self.folder.join(READ).join(number.to_string())
    }

    /// What this seat has acknowledged.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub fn acks(&self) -> Result<Acks, ClientError> {
        Ok(self.due_and_acks()?.1)
    }

    /// What waits to be handed in, as [`Mail::due`], and what this seat has acknowledged: many messages are
    /// looked at once for both.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub fn due_and_acks(&self) -> Result<(Vec<Due>, Acks), ClientError> {
        let looked = self.outbox.look()?;
        let due = self.at_desk(|desk| hand_in::due(desk, &self.outbox, &looked))?;
        let Acknowledgements { accepted: own, others: mut wait } =
            self.outbox.acknowledgements(&looked)?;
        let waits: BTreeSet<MessageId> = due.iter().map(|due| due.id).collect();
        wait.retain(|_, ids| {
            ids.retain(|id| waits.contains(id));
            !ids.is_empty()
        });
        Ok((due, Acks { own, wait }))
    }

    /// Who of this contact has acknowledged which of these messages: this seat, as far as the relay has
    /// it, and colleagues.
    ///
    /// # Errors
    /// Files.
    pub fn acknowledged(
        &self,
        acks: &Acks,
        of: &BTreeSet<Digest>,
    ) -> Result<Vec<Acknowledged>, ClientError> {
        let (mut all, directory) = (Vec::new(), self.replica.directory()?);
        for id in of.iter().filter_map(|header| acks.own.get(header)).flatten() {
            if let Request::Acknowledge(request) = self.outbox.request(*id)? {
                all.extend(Acknowledged::read(directory, &request.acknowledgement));
            }
        }
        // Their signatures were verified when they were taken.
        for (_, row) in self.acknowledgements().filter(|(about, _)| of.contains(about)) {
            let kept = self.inbox.item(row.number)?;
            all.extend(Acknowledged::read(directory, &kept.item.acknowledgement));
        }
        all.retain(|one| of.contains(&one.header));
        Ok(Acknowledged::once(all))
    }

    /// The acknowledgements of colleagues, each with the header that it is about.
    pub(super) fn acknowledgements(&self) -> impl Iterator<Item = (Digest, &Row)> {
        let held = self.index.rows().iter().filter(|row| row.how() == Some(How::Acknowledged));
        held.filter_map(|row| Some((row.about()?, row)))
    }
}

/// Where the mailbox of a seat stands.
fn folder(office: &Office, seat: &SeatId) -> Result<PathBuf, ClientError> {
    let mut folder = office.home.folder(&office.name()?).join("mail");
    folder.extend(seat.as_str().split('/').map(files::file_name));
    Ok(folder)
}

/// Says that something goes on, if it takes longer than a moment.
pub async fn said_if_slow<T>(work: impl Future<Output = T>, say: impl FnOnce()) -> T {
    let mut work = pin!(work);
    match timeout(A_MOMENT, &mut work).await {
        Ok(done) => done,
        Err(_) => {
            say();
            work.await
        }
    }
}

/// Whether the reader or the relay is behind the other.
fn asks_again(error: &ClientError) -> bool {
    error.reason == Here::SyncFirst || error.reason == Here::HeadBehind
}

const OUTBOX: &str = "outbox";
const READ: &str = "read";
const ROUNDS: usize = 3;
/// Headers that are kept at once.
const HELD: usize = 256;
/// Bodies whose receipts are handed in together.
const SOME: usize = 64;
/// A list waits so long for the bodies of its first rows.
const SHOWN_AFTER: Duration = Duration::from_secs(3);
/// Who waits longer is told for what.
const A_MOMENT: Duration = Duration::from_secs(2);
/// Seconds after which a command ends that has nothing else to do.
const AT_THE_END: u64 = 60;

/// The relay sends what comes after the number that it was asked for, unless its numbers are new.
fn goes_on(request: &v1::CollectRequest, event: &Event) -> Result<(), ClientError> {
    match event {
        Event::Item(item) if item.number <= request.after => {
            let (expected, found) = (request.after + 1, item.number);
            Err(InboxError::Chain(ChainError::Gap { expected, found }).into())
        }
        Event::Item(_) | Event::Beginning(_) | Event::Forgotten(_) | Event::Head(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::office::tests::expiry::mailbox;
    use crate::office::tests::whole::Whole;
    use crate::world::relay::{FR, Net};

    #[test]
    fn the_relay_goes_on_behind_what_it_was_asked_for() {
        let request = v1::CollectRequest { after: 7, ..Default::default() };
        let item = |number| Event::Item(Box::new(v1::Item { number, ..Default::default() }));
        for (number, goes) in [(0, false), (6, false), (7, false), (8, true), (9, true)] {
            let gone_on = goes_on(&request, &item(number));
            assert_eq!(gone_on.is_ok(), goes, "{number}");
            if let Err(why) = gone_on {
                assert_eq!((why.side, why.reason), (Side::Theirs, Here::MailboxHistory.into()));
            }
        }
        // What has no number of its own goes on anywhere.
        let beginning = v1::Beginning { number: 3, ..Default::default() };
        for event in
            [Event::Beginning(beginning), Event::Forgotten(2), Event::Head(bytes::Bytes::new())]
        {
            assert!(goes_on(&request, &event).is_ok());
        }
    }

    #[test]
    fn only_who_is_behind_asks_again() {
        let of = |reason: Here| ClientError::new(Side::Theirs, Family::Stale, reason, "why");
        for reason in Here::ALL {
            let behind = matches!(reason, Here::SyncFirst | Here::HeadBehind);
            assert_eq!(asks_again(&of(*reason)), behind, "{reason:?}");
        }
    }

    #[test]
    fn a_body_that_the_service_has_lost_is_not_asked_for_again_by_this_command() {
        let mut net = Net::new();
        let (mut items, head) = mailbox(&mut net, 3);
        items.iter_mut().for_each(|item| item.body = bytes::Bytes::new());
        items.iter_mut().for_each(|item| {
            (item.letter, item.letter_index) = (bytes::Bytes::new(), 0);
            item.letter_path.clear();
        });
        let mut paris = Whole::of(&net, FR);
        paris.take(&items, &head);
        assert_eq!(paris.mail.unfetched().unwrap().len(), 3);
        paris.mail.lost.insert(2);
        assert_eq!(paris.mail.unfetched().unwrap(), [3, 1], "the newest first");
        assert!(paris.mail.is_lost(2) && !paris.mail.is_lost(1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_longer_than_a_moment_is_said_once() {
        for (seconds, times) in [(0, 0), (1, 0), (3, 1), (60, 1)] {
            let mut said = 0;
            let work = tokio::time::sleep(Duration::from_secs(seconds));
            said_if_slow(work, || said += 1).await;
            assert_eq!(said, times, "{seconds}");
        }
    }
}
