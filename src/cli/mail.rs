//! The mailbox of one seat: what was collected, what was sent, what waits.
//!
//! In scope: where it stands in the home, collecting, handing in what is due. Out of scope: each rule
//! about a message (`agent`, `client::message`), how it is shown. Invariant: a request is in the
//! outbox before its first attempt.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout};
use tokio_stream::StreamExt as _;

use crate::agent::again;
use crate::agent::collect::{self, Answer, Desk, Matched, TakeError, Taken};
use crate::agent::fetch;
use crate::agent::follow::{self, Event};
use crate::agent::hand_in::{self, Counted, Due};
use crate::agent::inbox::{Inbox, InboxError, Kept};
use crate::agent::index::{Index, Row};
use crate::agent::later::LaterDue;
use crate::agent::muted::Muted;
use crate::client::error::{ClientError, Exit, Side};
use crate::client::keys::Owner;
use crate::client::message::content::Inside;
use crate::client::message::open::{self, NotOpened, Opened};
use crate::client::message::receipt::{
    self, ChainError, Comparison, ReceiptError, VerifiedAccepted,
};
use crate::client::message::text::visible;
use crate::client::outbox::{Outbox, Request};
use crate::client::place;
use crate::client::reason::{Here, Rule};
use crate::client::replica::Replica;
use crate::client::session::Session;
use crate::crypto::hash::Digest;
use crate::domain::directory::Directory;
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::limits;
use crate::domain::refusal::{self, Amiss};
use crate::domain::relay::addressing::{Addressing, OrLater};
use crate::domain::relay::belief;
use crate::domain::relay::envelope::{self, Letter, VerifiedHeader};
use crate::domain::relay::thread;
use crate::signed::dsse::Envelope;
use crate::signed::proto::{self, Class};
use crate::wire::v1;

use super::courier::{self, Courier, SeatKeys};
use super::directory::Seen;
use super::output::Bar;
use super::sync::with_progress;
use super::{Context, phrases};

/// One seat, its copy of the directory, its keys, its inbox and outbox.
pub(super) struct Mail {
    /// The seat.
    pub(super) seat: SeatId,
    /// The copy of the directory.
    pub(super) replica: Arc<Replica>,
    /// What was collected.
    pub(super) inbox: Inbox,
    /// What a list needs of all of it.
    pub(super) index: Index,
    /// What was sent.
    pub(super) outbox: Outbox,
    /// Whose messages are not shown.
    pub(super) muted: Muted,
    /// The size of the directory when collecting began.
    synced: u64,
    /// What failed since then is not handed in again by this command, nor what has no room either.
    opened: Instant,
    failed: LaterDue,
    /// Bodies that the service says it has lost: this command does not ask again.
    lost: BTreeSet<u64>,
    keys: SeatKeys,
    /// Where all this stands.
    pub(super) folder: PathBuf,
}

/// What came of collecting.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Numbers of new messages.
    pub(super) messages: Vec<u64>,
    /// Receipts that were made.
    queued: Vec<MessageId>,
    /// Sent messages of whose mailbox the relay told two histories.
    pub(super) disputed: Vec<MessageId>,
    /// What people should know besides.
    warnings: Vec<String>,
    /// What was here already, and under which number it came again.
    again: Vec<(u64, MessageId)>,
    /// What waited and was refused for good: the first of it.
    given_up: Option<ClientError>,
    /// Why a body did not come: the last of it.
    pub(super) not_fetched: Option<ClientError>,
    behind: bool,
    /// The relay's head, which only a newer copy of the directory can check.
    unchecked: Option<Bytes>,
}

impl Mail {
    /// The mailbox of the seat to act as.
    ///
    /// # Errors
    /// Keys, files, or there is no copy of the directory.
    pub(super) fn open(ctx: &Context, replica: Replica) -> Result<Self, ClientError> {
        Self::of(ctx, replica, ctx.seat()?)
    }

    /// Whether something waits to be handed in by a seat.
    ///
    /// # Errors
    /// Files.
    pub(super) fn waits(ctx: &Context, seat: &SeatId) -> Result<bool, ClientError> {
        let folder = folder(ctx, seat)?.join(OUTBOX);
        Ok(folder.is_dir() && !Outbox::of(&folder).pending()?.is_empty())
    }

    /// The mailbox of a seat.
    ///
    /// # Errors
    /// As [`Mail::open`].
    pub(super) fn of(ctx: &Context, replica: Replica, seat: SeatId) -> Result<Self, ClientError> {
        let folder = folder(ctx, &seat)?;
        let keys = SeatKeys::read(ctx, &seat, &replica)?;
        let genesis = replica.directory()?.genesis();
        let muted = Muted::open(&folder).unwrap_or_else(|why| {
            ctx.out.warn(format_args!("{why}: nobody is muted until somebody is muted anew"));
            Muted::nobody(&folder)
        });
        let inbox = Inbox::of(&folder.join("inbox"), genesis, seat.contact());
        Ok(Self {
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
    pub(super) fn here(ctx: &Context) -> Result<Self, ClientError> {
        let replica = ctx.replica()?;
        Seen::of(ctx, &replica)?.warn(ctx);
        Self::open(ctx, replica)
    }

    /// Shows the mailbox as it is here, if the network keeps the service away, or what comes cannot be
    /// kept: so the command ends then.
    ///
    /// # Errors
    /// The one given.
    pub(super) fn without_service(
        ctx: &Context,
        error: ClientError,
        show: impl FnOnce(&Self) -> Result<(), ClientError>,
    ) -> Result<(), ClientError> {
        if error.is_of_writing() {
            ctx.out.note_disk(&error);
        } else if error.exit != Exit::NotReachable {
            return Err(error);
        }
        let Ok(mail) = Self::here(ctx) else { return Err(error) };
        show(&mail)?;
        Err(error.after_its_object())
    }

    /// Connects as the seat, brings the copy up to date, and opens the mailbox.
    ///
    /// # Errors
    /// As [`Context::connect`] and [`Mail::open`].
    pub(super) async fn online(ctx: &Context) -> Result<(Session, Self), ClientError> {
        let session = ctx.connect(Some(&Owner::Seat(ctx.seat()?))).await?;
        let mut replica = ctx.replica()?;
        let synced = with_progress(ctx, &session, &mut replica).await?;
        super::sync::say_what_lacks(ctx, &synced);
        Ok((session, Self::open(ctx, replica)?))
    }

    /// Connects as the seat, and brings the copy up to date.
    ///
    /// # Errors
    /// As [`Context::connect`]; what came does not verify.
    pub(super) async fn connect(&mut self, ctx: &Context) -> Result<Session, ClientError> {
        let session = ctx.connect(Some(&Owner::Seat(self.seat.clone()))).await?;
        let synced = with_progress(ctx, &session, Arc::make_mut(&mut self.replica)).await?;
        super::sync::say_what_lacks(ctx, &synced);
        self.keys.follow(ctx, &self.seat, &self.replica)?;
        Ok(session)
    }

    /// The seat at work, for as long as `work` takes.
    ///
    /// # Errors
    /// The copy of the directory lacks entries.
    pub(super) fn at_desk<T>(
        &self,
        ctx: &Context,
        work: impl FnOnce(&Desk<'_>) -> T,
    ) -> Result<T, ClientError> {
        courier::at_desk(ctx, (&self.replica, &self.seat, &self.keys), &self.index, work)
    }

    /// Who hands in for this seat, beside whatever else is done here.
    pub(super) fn courier(&self) -> Courier {
        let (seat, outbox, keys) = (self.seat.clone(), self.outbox.clone(), self.keys.clone());
        Courier { seat, outbox, keys, replica: Arc::clone(&self.replica) }
    }

    /// Takes the copy of the directory of who was on the way meanwhile, if it shows more.
    ///
    /// # Errors
    /// A copy lacks entries; keys.
    pub(super) fn takes_over(
        &mut self,
        ctx: &Context,
        replica: Arc<Replica>,
    ) -> Result<(), ClientError> {
        if replica.shows_more_than(&self.replica)? {
            self.replica = replica;
        }
        self.keys.follow(ctx, &self.seat, &self.replica)
    }

    /// Hands in one request of the outbox. See [`Courier::hand_in`].
    ///
    /// # Errors
    /// [`ClientError`].
    pub(super) async fn hand_in(
        &mut self,
        ctx: &Context,
        session: &Session,
        id: MessageId,
    ) -> Result<VerifiedAccepted, ClientError> {
        let mut courier = self.courier();
        let handed_in = courier.hand_in(ctx, session, id).await;
        (self.replica, self.keys) = (courier.replica, courier.keys);
        handed_in
    }

    /// Seals what went to nobody to the others, in its place. See [`again::seal_to_others`].
    ///
    /// # Errors
    /// [`ClientError`]; another program has dealt with it.
    pub(super) fn seal_to_others(
        &self,
        ctx: &Context,
        of: (MessageId, &[&ContactId]),
    ) -> Result<MessageId, ClientError> {
        let stale = self.replica.is_stale(ctx.ambient().now());
        let sealed =
            self.at_desk(ctx, |desk| again::seal_to_others(desk, &self.outbox, of, stale))??;
        sealed.ok_or_else(|| {
            let sentence = format!("another program has dealt with {} meanwhile", of.0);
            ClientError::new(Side::Ours, Exit::Unexpected, Here::DealtWith, sentence)
                .mended_by("liaison sent")
        })
    }

    /// Opens an item of the inbox again, every layer verified.
    ///
    /// # Errors
    /// The copy of the directory, or files; the message's own fault is in the answer.
    pub(super) fn opened(
        &self,
        ctx: &Context,
        kept: &Kept,
    ) -> Result<Result<Opened, NotOpened>, ClientError> {
        let boxes = (&self.inbox, &self.outbox);
        Ok(self.at_desk(ctx, |desk| collect::open_again(desk, boxes, kept))??)
    }

    /// What is amiss with a message's place in its thread, as far as the thread is here: also what is no
    /// reason to refuse it, because a thread of the same id may be meant.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub(super) fn amiss(
        &self,
        ctx: &Context,
        header: &VerifiedHeader,
    ) -> Result<Option<Amiss>, ClientError> {
        let (boxes, of) = ((&self.inbox, &self.outbox), header.addressing());
        let amiss = self.at_desk(ctx, |desk| collect::amiss(desk, boxes, header))??;
        let first = self.first(ctx, of)?;
        Ok(amiss.or_else(|| first.and_then(|first| thread::beside_first(of, &first))))
    }

    /// The message that a message answers, if it is here.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub(super) fn answered(
        &self,
        ctx: &Context,
        header: &VerifiedHeader,
    ) -> Result<Option<VerifiedHeader>, ClientError> {
        let boxes = (&self.inbox, &self.outbox);
        Ok(self.at_desk(ctx, |desk| collect::answered(desk, boxes, header.addressing()))??)
    }

    /// The message with which the thread of a message began, if what is here leads to it.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub(super) fn first(
        &self,
        ctx: &Context,
        of: &Addressing,
    ) -> Result<Option<VerifiedHeader>, ClientError> {
        let boxes = (&self.inbox, &self.outbox);
        Ok(self.at_desk(ctx, |desk| collect::first(desk, boxes, of))??)
    }

    /// The header of a message that was sent from here, if it holds.
    ///
    /// # Errors
    /// As [`Mail::opened`].
    pub(super) fn own_header(
        &self,
        ctx: &Context,
        bytes: &[u8],
    ) -> Result<Result<VerifiedHeader, NotOpened>, ClientError> {
        self.at_desk(ctx, |desk| open::verify_header(&desk.reader, (bytes, 0)))
    }

    /// Opens a message that this contact sent.
    ///
    /// # Errors
    /// As [`Mail::opened`].
    pub(super) fn opened_own(
        &self,
        ctx: &Context,
        envelope: &v1::Envelope,
    ) -> Result<Result<Opened, NotOpened>, ClientError> {
        self.at_desk(ctx, |desk| open::open_own(&desk.reader, envelope))
    }

    /// Collects what there is, by its headers, and fetches the bodies that are wanted first: the most
    /// urgent of these, at most so many.
    ///
    /// # Errors
    /// [`ClientError`]; what came before is kept.
    pub(super) async fn collect(
        &mut self,
        ctx: &Context,
        session: &Session,
        (most, first): (usize, impl Fn(&Self, &Row) -> bool),
    ) -> Result<News, ClientError> {
        let _lock = self.inbox.lock()?;
        let mut news = News::default();
        let collected = self.collect_headers(ctx, session, &mut news).await;
        match collected {
            // A mailbox that does not hold keeps nothing back that goes to others, and is what is told.
            Err(error) if !error.passes() => {
                match self.send_due(ctx, session).await {
                    Ok(warnings) => warnings.iter().for_each(|warning| ctx.out.warn(warning)),
                    Err(other) => {
                        ctx.out.warn(format_args!("what is due was not handed in: {other}"));
                    }
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
                let fetched =
                    timeout(SHOWN_AFTER, self.fetch(ctx, session, numbers, &mut news)).await;
                fetched.unwrap_or(Ok(()))?;
                self.index.update(&self.inbox)?;
                Ok(news)
            }
        }
    }

    /// What is left when people see what they asked for: the other bodies, most urgent first, and what is
    /// due, messages before receipts. It ends after a while, and says what remains.
    ///
    /// # Errors
    /// [`ClientError`]; nothing is lost.
    pub(super) async fn finish(
        &mut self,
        ctx: &Context,
        session: &Session,
    ) -> Result<News, ClientError> {
        let _lock = match self.inbox.lock() {
            // It does all this, too.
            Err(InboxError::Busy) => return Ok(News::default()),
            lock => lock?,
        };
        let (mut news, mut bar) = (News::default(), Bar::new(&ctx.out));
        let until = self.send_all(ctx, session, &mut news).await?;
        let numbers = self.unfetched()?;
        let all = numbers.len() as u64;
        for (done, some) in numbers.chunks(SOME).enumerate() {
            if ctx.ambient().counted() >= until {
                break;
            }
            bar.show("messages", (done * SOME) as u64, all);
            self.fetch(ctx, session, some.to_vec(), &mut news).await?;
            let queued = self.those_due(ctx, news.queued())?;
            self.send(ctx, session, queued, &mut news).await?;
        }
        drop(bar);
        self.update(ctx)?;
        Ok(news)
    }

    /// Takes into the index what came and was dealt with.
    ///
    /// # Errors
    /// Files.
    pub(super) fn update(&mut self, ctx: &Context) -> Result<(), ClientError> {
        self.index.update(&self.inbox)?;
        self.index.keep().unwrap_or_else(|why| ctx.out.warn(why));
        Ok(())
    }

    /// Whether the service says, since this command began, that it has lost the body.
    pub(super) fn is_lost(&self, number: u64) -> bool {
        self.lost.contains(&number)
    }

    /// The messages of which only the headers are here, and which may come, most urgent first.
    ///
    /// # Errors
    /// Files.
    pub(super) fn unfetched(&self) -> Result<Vec<u64>, ClientError> {
        let mut numbers = self.inbox.unfetched()?;
        numbers.retain(|number| !self.is_lost(*number));
        Ok(self.index.ordered(&numbers))
    }

    /// Fetches bodies, in this order, and deals with each.
    ///
    /// # Errors
    /// [`ClientError`]; what came is kept.
    pub(super) async fn fetch(
        &mut self,
        ctx: &Context,
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
        let relay = (session.connection().channel(), session.patience());
        let mut bodies = pin!(fetch::bodies(relay, (base, here)));
        while let Some((number, came)) = bodies.next().await {
            match came {
                Ok(item) => self.take_body(ctx, &item, news)?,
                Err(error) if error.exit == Exit::NotReachable => return Err(error),
                Err(error) => {
                    if error.reason == Rule::BodyDamaged {
                        self.lost.insert(number);
                    }
                    self.take_no_body(ctx, (number, error), news)?;
                }
            }
        }
        if news.behind {
            self.catch_up(ctx, session, news).await?;
        }
        Ok(self.index.update(&self.inbox)?)
    }

    /// Of a body that the service has lost, who has it.
    pub(super) fn lost(&self, ctx: &Context, number: u64, error: ClientError) -> ClientError {
        if error.reason != Rule::BodyDamaged {
            return error;
        }
        let Ok(kept) = self.inbox.item(number) else { return error };
        match self.at_desk(ctx, |desk| collect::header(&desk.reader, &kept)) {
            Ok(Ok(header)) => lost((number, &header), error),
            Ok(Err(_)) | Err(_) => error,
        }
    }

    /// Fetches a body beside another program that collects, which deals with it.
    ///
    /// # Errors
    /// It does not come, or is another's.
    pub(super) async fn fetch_beside(
        &self,
        session: &Session,
        number: u64,
    ) -> Result<(), ClientError> {
        if self.inbox.at_relay(number)?.is_none() {
            return Err(InboxError::NotAtRelay(number).into());
        }
        let relay = (session.connection().channel(), session.patience());
        let mut bodies = pin!(fetch::bodies(relay, (self.inbox.base()?, vec![number])));
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
    pub(super) fn take_body(
        &self,
        ctx: &Context,
        item: &v1::Item,
        news: &mut News,
    ) -> Result<(), ClientError> {
        let boxes = (&self.inbox, &self.outbox);
        let taken = self.at_desk(ctx, |desk| collect::take_whole(desk, boxes, item))??;
        news.add(taken, &self.muted);
        Ok(())
    }

    /// Deals with a body that does not come; whether it will not come any more, for it has expired.
    ///
    /// # Errors
    /// [`ClientError`]; nothing is lost.
    pub(super) fn take_no_body(
        &self,
        ctx: &Context,
        (number, error): (u64, ClientError),
        news: &mut News,
    ) -> Result<bool, ClientError> {
        if error.reason == Rule::MessageExpired {
            let taken = self.at_desk(ctx, |desk| collect::expire(desk, &self.inbox, number))??;
            if !matches!(taken, Taken::NotExpired) {
                news.add(taken, &self.muted);
                return Ok(true);
            }
        }
        news.not_fetched(number, self.lost(ctx, number, error));
        Ok(false)
    }

    /// Collects headers until the relay's head.
    ///
    /// # Errors
    /// [`ClientError`]; what came before is kept.
    pub(super) async fn collect_headers(
        &mut self,
        ctx: &Context,
        session: &Session,
        news: &mut News,
    ) -> Result<(), ClientError> {
        for round in 1..=ROUNDS {
            self.synced = self.replica.view()?.size;
            match self.collect_what_there_is(ctx, session, news).await {
                Ok(()) if !news.behind => break,
                Err(error)
                    if error.reason == Here::MailboxHistory
                        && round < ROUNDS
                        && Box::pin(self.begins_anew(ctx, session, news)).await? => {}
                Err(error)
                    if !asks_again(&error)
                        || round == ROUNDS && error.reason == Here::HeadBehind =>
                {
                    return Err(error);
                }
                Ok(()) | Err(_) => self.catch_up(ctx, session, news).await?,
            }
            if let Some(head) = news.unchecked.take() {
                // Meanwhile there may be a newer one, which would need another sync.
                let taken = self.take(ctx, Event::Head(head), &mut Vec::new(), news);
                taken.map_err(after_a_sync)?;
                break;
            }
        }
        self.index.keep().unwrap_or_else(|why| ctx.out.warn(why));
        Ok(())
    }

    /// Goes on with another epoch of the mailbox, if the relay signs that it began one. Tells whether.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(super) async fn begins_anew(
        &mut self,
        ctx: &Context,
        session: &Session,
        news: &mut News,
    ) -> Result<bool, ClientError> {
        if !self.inbox.knows_epoch()? {
            return Ok(false);
        }
        let (channel, mut head) = (session.connection().channel(), None);
        // Behind every entry there is nothing but the head.
        let request = v1::CollectRequest { after: u64::MAX, headers: true, ..Default::default() };
        let asked = follow::collect_once(channel, request, |event| {
            if let Event::Head(bytes) = event {
                head = Some(bytes);
            }
            Ok::<_, ClientError>(())
        });
        asked.await?;
        let head = head.unwrap_or_default();
        let verify = |mail: &Self| {
            mail.at_desk(ctx, |desk| {
                let known = (desk.reader.directory, desk.reader.root_at);
                receipt::verify_head(known, mail.inbox.contact(), &head)
            })
        };
        let mut verified = verify(self)?;
        if let Err(ReceiptError::SyncFirst(_)) = &verified {
            self.catch_up(ctx, session, news).await?;
            verified = verify(self)?;
        }
        let epoch = verified?.mailbox().epoch;
        let newer = epoch > self.inbox.cursor()?.epoch;
        if newer {
            self.inbox.begin_anew(epoch)?;
            news.warnings.push(phrases::began_anew(self.inbox.contact(), epoch));
        }
        Ok(newer)
    }

    /// Collects until the relay's head. If the stream breaks, the next goes on from where it was.
    async fn collect_what_there_is(
        &mut self,
        ctx: &Context,
        session: &Session,
        news: &mut News,
    ) -> Result<(), ClientError> {
        let mut patience = session.patience();
        loop {
            let request = self.inbox.request(false)?;
            let channel = session.connection().channel();
            let mut held = Vec::new();
            let taken = follow::collect_once(channel, request, |event| {
                goes_on(&request, &event)?;
                self.take(ctx, event, &mut held, news)
            });
            let taken = taken.await.map_err(ClientError::from);
            // A stream that broke leaves what it brought.
            let kept = self.keep(ctx, &mut held, news);
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
    pub(super) async fn catch_up(
        &mut self,
        ctx: &Context,
        session: &Session,
        news: &mut News,
    ) -> Result<(), ClientError> {
        with_progress(ctx, session, Arc::make_mut(&mut self.replica)).await?;
        self.keys.follow(ctx, &self.seat, &self.replica)?;
        self.caught_up(ctx, news)
    }

    /// Deals with what waited for a newer copy of the directory.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(super) fn caught_up(&self, ctx: &Context, news: &mut News) -> Result<(), ClientError> {
        let boxes = (&self.inbox, &self.outbox);
        let taken = self.at_desk(ctx, |desk| collect::deal_with_pending(desk, boxes))??;
        news.after_sync(taken, &self.muted);
        Ok(())
    }

    /// Deals with one event of the stream. What comes before a head is held until there is enough of it,
    /// and then kept at once.
    ///
    /// # Errors
    /// [`ClientError`]; nothing is lost.
    pub(super) fn take(
        &self,
        ctx: &Context,
        event: Event,
        held: &mut Vec<v1::Item>,
        news: &mut News,
    ) -> Result<(), ClientError> {
        match event {
            Event::Item(item) => {
                // What is whole may be large.
                let enough = held.len() + 1 >= HELD || !item.body.is_empty();
                held.push(*item);
                if enough { self.keep(ctx, held, news) } else { Ok(()) }
            }
            Event::Beginning(beginning) => {
                self.keep(ctx, held, news)?;
                Ok(self.inbox.go_on_behind(&beginning)?)
            }
            Event::Forgotten(number) => {
                let number = number.saturating_add(self.inbox.base()?);
                let taken = self.at_desk(ctx, |desk| collect::expire(desk, &self.inbox, number))?;
                news.add(taken?, &self.muted);
                Ok(())
            }
            Event::Head(head) => {
                self.keep(ctx, held, news)?;
                let boxes = (&self.inbox, &self.outbox);
                let signed = (&head, self.synced);
                let taken = self.at_desk(ctx, |desk| take_head(desk, boxes, signed, news))?;
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
    pub(super) fn keep(
        &self,
        ctx: &Context,
        held: &mut Vec<v1::Item>,
        news: &mut News,
    ) -> Result<(), ClientError> {
        let (items, boxes) = (std::mem::take(held), (&self.inbox, &self.outbox));
        let taken = self.at_desk(ctx, |desk| collect::take_all(desk, boxes, &items))??;
        taken.into_iter().for_each(|taken| news.add(taken, &self.muted));
        Ok(())
    }

    /// Whether something waits for a newer copy of the directory.
    pub(super) fn is_behind(news: &News) -> bool {
        news.behind
    }

    /// What waits to be handed in, in this order. See [`hand_in::due`].
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub(super) fn due(&self, ctx: &Context) -> Result<Vec<Due>, ClientError> {
        Ok(self.at_desk(ctx, |desk| hand_in::due(desk, &self.outbox))??)
    }

    /// Those of these that have not expired.
    ///
    /// # Errors
    /// The copy of the directory.
    pub(super) fn those_due(
        &self,
        ctx: &Context,
        ids: Vec<MessageId>,
    ) -> Result<Vec<Due>, ClientError> {
        self.at_desk(ctx, |desk| hand_in::those_due(desk, &self.outbox, ids))
    }

    /// What waits to be handed in: receipts, and everything else.
    ///
    /// # Errors
    /// As [`Mail::due`].
    fn due_by_kind(&self, ctx: &Context) -> Result<(Vec<Due>, Vec<Due>), ClientError> {
        let due = self.due(ctx)?.into_iter();
        Ok(due.partition(|due| due.counted == Counted::Receipt))
    }

    /// Hands in what waits, receipts last and only for a while. Gives a sentence for each that was not
    /// accepted. One for which the network fails keeps no other back; with a second one the rest is
    /// left for later.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub(super) async fn send_due(
        &mut self,
        ctx: &Context,
        session: &Session,
    ) -> Result<Vec<String>, ClientError> {
        let mut news = News::default();
        self.send_all(ctx, session, &mut news).await?;
        let waiting = self.due_by_kind(ctx)?.1.len();
        if !news.warnings.is_empty() && waiting > 1 {
            news.warn(format!(
                "{waiting} wait to be handed in: liaison sent --offline says what for"
            ));
        }
        Ok(news.warnings)
    }

    /// Hands in what waits, as [`Mail::send_due`] does. Tells until when receipts are handed in.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub(super) async fn send_all(
        &mut self,
        ctx: &Context,
        session: &Session,
        news: &mut News,
    ) -> Result<u64, ClientError> {
        let until = ctx.ambient().counted() + AT_THE_END;
        let (receipts, others) = self.due_by_kind(ctx)?;
        let all = receipts.len() + others.len();
        let sending = async {
            self.send(ctx, session, others, news).await?;
            self.send_until(ctx, session, (receipts, until), news).await
        };
        said_if_slow(sending, || say_sending(ctx, all)).await?;
        Ok(until)
    }

    /// Hands in what waits and is no receipt: nobody waits for those.
    ///
    /// # Errors
    /// The network; what was not handed in waits.
    pub(super) async fn send_own(
        &mut self,
        ctx: &Context,
        session: &Session,
        news: &mut News,
    ) -> Result<(), ClientError> {
        let own = self.due_by_kind(ctx)?.1;
        let all = own.len();
        said_if_slow(self.send(ctx, session, own, news), || say_sending(ctx, all)).await
    }

    /// Hands these in, and notes a sentence for each that was not accepted.
    ///
    /// # Errors
    /// The network; what was not handed in waits.
    async fn send(
        &mut self,
        ctx: &Context,
        session: &Session,
        due: Vec<Due>,
        news: &mut News,
    ) -> Result<(), ClientError> {
        self.send_until(ctx, session, (due, u64::MAX), news).await
    }

    async fn send_until(
        &mut self,
        ctx: &Context,
        session: &Session,
        (due, until): (Vec<Due>, u64),
        news: &mut News,
    ) -> Result<(), ClientError> {
        let mut failing = 0;
        for due in due {
            if ctx.ambient().counted() >= until {
                break;
            }
            // It is said once that there is no room at a contact.
            if !self.failed.may(&due, self.opened) {
                continue;
            }
            let Err(error) = self.hand_in(ctx, session, due.id).await else { continue };
            self.failed.failed(&due, &error, self.opened);
            self.not_accepted(ctx, (due.id, &error), news)?;
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
    pub(super) fn not_accepted(
        &self,
        ctx: &Context,
        (id, error): (MessageId, &ClientError),
        news: &mut News,
    ) -> Result<(), ClientError> {
        if error.reason != Rule::ReceiptNotDue {
            // What cannot be read is said, and keeps nothing else back.
            let of = self.addressing(ctx, id).unwrap_or_default();
            let why = self.outbox.why_kept_back(id).unwrap_or_default();
            match (error.details.contains_key(WAITING), &of, why) {
                (true, Some(of), Some((_, why))) => {
                    let title = self.title(ctx, id).unwrap_or_default();
                    news.warn(still_waits((id, title.as_deref()), of, &why));
                }
                (_, of, _) => news.warn(not_accepted(id, of.as_ref(), error)),
            }
            // Nobody waits for a receipt.
            let is_receipt = of.is_some_and(|of| of.class == Class::Receipt);
            if error.details.contains_key(REFUSED) && !is_receipt && news.given_up.is_none() {
                let sentence = format!("{id} waited, and was refused for good");
                news.given_up = Some(ClientError { sentence, ..error.clone() });
            }
        }
        Ok(())
    }

    /// How a request of the outbox is addressed, if its header holds.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub(super) fn addressing(
        &self,
        ctx: &Context,
        id: MessageId,
    ) -> Result<Option<Addressing>, ClientError> {
        let request = self.outbox.request(id)?;
        let Some(envelope) = request.envelope() else { return Ok(None) };
        let header = self.own_header(ctx, &envelope.header)?;
        Ok(header.ok().map(|header| header.addressing().clone()))
    }

    /// What was sent from here, if it opens.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub(super) fn own_inside(
        &self,
        ctx: &Context,
        id: MessageId,
    ) -> Result<Option<Inside>, ClientError> {
        let request = self.outbox.request(id)?;
        let Some(envelope) = request.envelope() else { return Ok(None) };
        Ok(self.opened_own(ctx, envelope)?.ok().map(|opened| opened.inside))
    }

    /// The title of a message that was sent from here.
    fn title(&self, ctx: &Context, id: MessageId) -> Result<Option<String>, ClientError> {
        Ok(match self.own_inside(ctx, id)? {
            Some(Inside::Content(content)) => Some(content.title),
            Some(Inside::Words(_) | Inside::Delivered(_) | Inside::Later(_)) | None => None,
        })
    }

    /// Who acknowledged by this request, as the words say that went with it.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub(super) fn person(
        &self,
        ctx: &Context,
        id: MessageId,
    ) -> Result<Option<String>, ClientError> {
        Ok(match self.own_inside(ctx, id)? {
            Some(Inside::Words(words)) => Some(words.person),
            Some(Inside::Content(_) | Inside::Delivered(_) | Inside::Later(_)) | None => None,
        })
    }

    /// Every key letter that is here: the own ones of what came, and all of what was sent.
    ///
    /// # Errors
    /// Files.
    pub(super) fn letters(&self) -> Result<Vec<Letter>, ClientError> {
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
    pub(super) fn is_read(&self, number: u64) -> bool {
        self.read_path(number).exists()
    }

    /// Notes that somebody has read it.
    ///
    /// # Errors
    /// Files.
    pub(super) fn mark_read(&self, number: u64) -> Result<(), ClientError> {
        Ok(place::replace(&self.read_path(number), b"")?)
    }

    fn read_path(&self, number: u64) -> PathBuf {
        self.folder.join("read").join(number.to_string())
    }

    /// What this seat has acknowledged, beside what waits to be handed in.
    ///
    /// # Errors
    /// Files.
    pub(super) fn acks(&self, due: &[Due]) -> Result<Acks, ClientError> {
        let (mut acks, directory) = (Acks::default(), self.replica.directory()?);
        for id in self.outbox.acknowledgements()? {
            let Request::Acknowledge(request) = self.outbox.request(id)? else { continue };
            if self.outbox.accepted_receipt(id)?.is_some() {
                acks.accepted.extend(Acknowledged::read(directory, &request.acknowledgement));
                acks.own.extend(about(&request.acknowledgement).map(|header| (header, id)));
            } else if due.iter().any(|due| due.id == id) {
                acks.wait.extend(about(&request.acknowledgement).map(|header| (header, id)));
            }
        }
        Ok(acks)
    }

    /// Who of this contact has acknowledged which of these messages: this seat, as far as the relay has
    /// it, and colleagues.
    ///
    /// # Errors
    /// Files.
    pub(super) fn acknowledged(
        &self,
        acks: &Acks,
        of: &BTreeSet<Digest>,
    ) -> Result<Vec<Acknowledged>, ClientError> {
        let own = acks.accepted.iter().filter(|own| of.contains(&own.header));
        let (mut all, directory): (Vec<_>, _) = (own.cloned().collect(), self.replica.directory()?);
        // Their signatures were verified when they were taken.
        let held = self.index.rows().iter().filter(|row| row.how() == Some(collect::ACKNOWLEDGED));
        for row in held.filter(|row| row.about().is_some_and(|about| of.contains(&about))) {
            let kept = self.inbox.item(row.number)?;
            all.extend(Acknowledged::read(directory, &kept.item.acknowledgement));
        }
        all.retain(|one| of.contains(&one.header));
        Ok(Acknowledged::once(all))
    }
}

/// Where the mailbox of a seat stands.
fn folder(ctx: &Context, seat: &SeatId) -> Result<PathBuf, ClientError> {
    let mut folder = ctx.home.folder(&ctx.name()?).join("mail");
    folder.extend(seat.as_str().split('/').map(place::file_name));
    Ok(folder)
}

/// What a seat has acknowledged.
#[derive(Default)]
pub(super) struct Acks {
    /// The relay has it.
    accepted: Vec<Acknowledged>,
    /// The same, by its id.
    own: Vec<(Digest, MessageId)>,
    /// It waits to be handed in: the header that it is about, and its id.
    wait: Vec<(Digest, MessageId)>,
}

impl Acks {
    /// The acknowledgement of a header that the relay has.
    pub(super) fn own(&self, header: Digest) -> Option<MessageId> {
        self.own.iter().find(|(of, _)| *of == header).map(|(_, id)| *id)
    }

    /// The acknowledgement of a header that waits.
    pub(super) fn waits(&self, header: Digest) -> Option<MessageId> {
        self.wait.iter().find(|(of, _)| *of == header).map(|(_, id)| *id)
    }
}

/// Which header an open acknowledgement is about.
fn about(acknowledgement: &Bytes) -> Option<Digest> {
    let envelope = Envelope::parse(acknowledgement, limits::ACKNOWLEDGEMENT_BYTES).ok()?;
    let read: proto::Acknowledgement = prost::Message::decode(envelope.payload().clone()).ok()?;
    Digest::try_from(&read.header_digest[..]).ok()
}

/// An open acknowledgement by a seat of this contact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Acknowledged {
    /// Of which message.
    pub(super) header: Digest,
    /// By whom.
    pub(super) seat: SeatId,
    /// The key that signed it has ended since.
    pub(super) key_ended: bool,
}

impl Acknowledged {
    /// Each seat once for a message: rather with a key that stands.
    fn once(mut all: Vec<Self>) -> Vec<Self> {
        all.sort();
        all.dedup_by(|next, kept| (next.header, &next.seat) == (kept.header, &kept.seat));
        all
    }

    /// Of what was verified when it came.
    fn read(directory: &Directory, bytes: &Bytes) -> Option<Self> {
        let envelope = Envelope::parse(bytes, limits::ACKNOWLEDGEMENT_BYTES).ok()?;
        let read: proto::Acknowledgement =
            prost::Message::decode(envelope.payload().clone()).ok()?;
        let mut keys = envelope.signatures().iter().map(|of| of.key_id);
        Some(Self {
            header: Digest::try_from(&read.header_digest[..]).ok()?,
            seat: read.seat.parse().ok()?,
            key_ended: keys.any(|key| belief::has_ended(directory, key)),
        })
    }
}

impl News {
    /// How a command ends that handed in what waited, when it has shown what it was asked for.
    ///
    /// # Errors
    /// Some of it was refused for good.
    pub(super) fn ends(self) -> Result<(), ClientError> {
        self.given_up.map_or(Ok(()), |error| Err(error.after_its_object()))
    }

    /// The receipts that were made, once.
    pub(super) fn queued(&mut self) -> Vec<MessageId> {
        std::mem::take(&mut self.queued)
    }

    /// Whether something waits for a newer copy of the directory, since this was asked last.
    pub(super) fn was_behind(&mut self) -> bool {
        std::mem::take(&mut self.behind)
    }

    /// Announces each new message. One of which that fails keeps no other back, and is new still.
    ///
    /// # Errors
    /// The first that failed.
    pub(super) fn announce<E>(
        &mut self,
        mut announce: impl FnMut(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut first = Ok(());
        self.messages.retain(|number| match announce(*number) {
            Ok(()) => false,
            Err(why) => {
                if first.is_ok() {
                    first = Err(why);
                }
                true
            }
        });
        first
    }

    /// What people should know besides, once.
    pub(super) fn warnings(&mut self) -> Vec<String> {
        let mut warnings = std::mem::take(&mut self.warnings);
        warnings.extend(phrases::delivered_again(&std::mem::take(&mut self.again)));
        warnings
    }

    /// What was dealt with after a sync.
    fn after_sync(&mut self, taken: Vec<Taken>, muted: &Muted) {
        self.behind = false;
        for taken in taken {
            if let Taken::SyncFirst(size) = taken {
                self.warn(phrases::still_waits(size));
            }
            self.add(taken, muted);
        }
    }

    fn add(&mut self, taken: Taken, muted: &Muted) {
        match taken {
            Taken::Message { place, matched, answer, .. } => {
                self.messages.push(place.mailbox.count);
                if let Matched::Delivered { id, comparison: Some(Comparison::Differ(_)), .. } =
                    matched
                {
                    self.disputed.push(id);
                    self.warnings.push(format!(
                        "the relay told this seat and the recipient of {id} two histories of one \
                         mailbox, and signed one of them: liaison sent {id}"
                    ));
                }
                self.answer(&answer);
            }
            Taken::NotOpened { place, answer, header, why } => {
                self.messages.push(place.mailbox.count);
                match (&why, &header) {
                    (NotOpened::Thread(_), Some(header)) if muted.hides(header.addressing()) => {}
                    (NotOpened::Thread(amiss), Some(header)) => {
                        self.warnings.push(phrases::refused(header, *amiss));
                    }
                    (_, Some(_)) => {}
                    (why, None) => self.warn(phrases::unverified(place.mailbox.count, why)),
                }
                self.answer(&answer);
            }
            Taken::SyncFirst(_) => self.behind = true,
            Taken::NotAcknowledged { place, why } => {
                self.messages.push(place.mailbox.count);
                self.warn(phrases::not_acknowledged(place.mailbox.count, &why));
            }
            Taken::Again { place, header } => {
                self.again.push((place.mailbox.count, header.addressing().id));
            }
            Taken::NotDelivered(id) => self.warnings.push(phrases::not_delivered(id)),
            Taken::Expired(place) => self.messages.push(place.mailbox.count),
            Taken::NotProven { place, why } => {
                self.messages.push(place.mailbox.count);
                self.warn(phrases::not_proven(place.mailbox.count, &why));
            }
            Taken::Later { place, kind } => {
                self.warnings.push(phrases::later(place.mailbox.count, kind));
            }
            Taken::Already | Taken::Waiting | Taken::NotExpired | Taken::Colleague(_) => {}
        }
    }

    /// Says that a message is not fetched yet, and why.
    pub(super) fn not_fetched(&mut self, number: u64, why: ClientError) {
        self.warn(match &why.mend {
            Some(mend) if why.reason == Rule::BodyDamaged => format!("{why}: {mend}"),
            _ => format!("message {number} is not fetched yet: {why}"),
        });
        self.not_fetched = Some(why);
    }

    /// Says that the copy of the directory is not up to date yet, and why.
    pub(super) fn not_synced(&mut self, why: &ClientError) {
        self.warn(format!("the copy of the directory is not up to date yet: {why}; trying again"));
    }

    /// Warns once: what waits is dealt with again and again.
    fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    fn answer(&mut self, answer: &Answer) {
        match answer {
            Answer::Queued(id) => self.queued.push(*id),
            Answer::Impossible(why) => {
                self.warnings.push(format!("the sender cannot be told that it arrived: {why}"));
            }
            Answer::NotDue | Answer::Already(_) | Answer::AskedAgain => {}
        }
    }
}

/// Who has what the service has lost. Of a receipt nothing is to be done.
fn lost((number, header): (u64, &VerifiedHeader), error: ClientError) -> ClientError {
    let of = header.addressing();
    let (sender, sent) = (&of.sender, phrases::when(of.created));
    let sentence =
        format!("the service has lost the body of message {number} from {sender} (sent {sent})");
    let mend = match of.class == Class::Receipt {
        true => "it was a receipt, and nobody needs to send it again".to_owned(),
        false => format!("call {}, and ask to send it again", sender.contact()),
    };
    ClientError { sentence, ..error }.mended_by(mend)
}

/// Takes the relay's head. One that cannot be checked yet may hold: what came is dealt with beside
/// the one before it.
fn take_head(
    desk: &Desk<'_>,
    boxes: (&Inbox, &Outbox),
    head: (&Bytes, u64),
    news: &mut News,
) -> Result<Vec<Taken>, TakeError> {
    match collect::take_head(desk, boxes, head) {
        Err(TakeError::Receipt(ReceiptError::BeforeUpdate(_))) => {
            news.warn(format!("the relay's head {}", phrases::UNCHECKED));
            collect::deal_with_pending(desk, boxes)
        }
        taken => taken,
    }
}

/// A request that the relay has, and why its receipt was not kept.
pub(super) fn without_receipt(id: MessageId, error: ClientError) -> ClientError {
    if error.is_of_writing() {
        let sentence = format!(
            "{id} was handed in, and its receipt cannot be kept: do not send it again; {}",
            error.sentence
        );
        return ClientError { sentence, ..error };
    }
    if error.reason != Here::BeforeUpdate {
        return error;
    }
    let sentence = format!("{id} was handed in; its receipt {}", phrases::UNCHECKED);
    ClientError { sentence, ..error }
}

/// What is said of what was written before, and still waits.
fn still_waits((id, title): (MessageId, Option<&str>), of: &Addressing, why: &str) -> String {
    let title = title.map(|title| format!(" ({})", visible(title))).unwrap_or_default();
    let to: Vec<&ContactId> = of.recipients.iter().map(|to| &to.contact).collect();
    let (what, to) = (what_it_is(Some(of)), refusal::list(&to));
    format!("an earlier {what}{title} to {to} still waits, as {id}: {}", visible(why))
}

/// What is said of a request that was not handed in, or whose receipt was not kept.
fn not_accepted(id: MessageId, of: Option<&Addressing>, error: &ClientError) -> String {
    if error.reason == Here::BeforeUpdate {
        return error.sentence.clone();
    }
    let mut said = format!("the {}", what_it_is(of));
    // What waits is named where it is said to.
    if !error.details.contains_key(WAITING) {
        said = format!("{said} {id}");
    }
    if let Some(of) = of {
        let to: Vec<&ContactId> = of.recipients.iter().map(|to| &to.contact).collect();
        said = format!("{said} to {}", refusal::list(&to));
    }
    format!("{said} was not accepted: {}: {error}", error.reason)
}

/// A request, in a word or two.
fn what_it_is(of: Option<&Addressing>) -> &'static str {
    match of.map(|of| of.class) {
        Some(OrLater::Known(Class::Receipt)) => "delivered receipt",
        Some(OrLater::Known(Class::Acknowledgement)) => "acknowledgement",
        Some(OrLater::Known(_) | OrLater::Later(_)) | None => "message",
    }
}

/// What was to be sent cannot be kept here, and so was not sealed.
pub(super) fn not_sealed(what: &str, error: ClientError) -> ClientError {
    if !error.is_of_writing() {
        return error;
    }
    let sentence = format!("{what} is neither kept nor sent: {}", error.sentence);
    ClientError { sentence, ..error }
}

/// It is sealed and kept; it was not handed in yet, or nobody knows whether it was.
pub(super) fn kept_back(outbox: &Outbox, error: ClientError, id: MessageId) -> ClientError {
    // What cannot be noted is said all the same.
    let _ = outbox.kept_back(id, (&error.reason, &error.sentence));
    let unreachable = error.exit == Exit::NotReachable;
    let acknowledges = matches!(outbox.request(id), Ok(Request::Acknowledge(_)));
    let (what, again) = if acknowledges {
        ("the acknowledgement", "liaison inbox")
    } else {
        ("it", "liaison sent")
    };
    let sentence = format!(
        "{what} is sealed and waits in the outbox as {id}, and goes with the next liaison inbox, sent or \
         sync: do not send it again; {}",
        error.sentence
    );
    let mend = match error.mend {
        Some(mend) if unreachable => {
            format!("{again}, in a while; if that fails for long, {mend}")
        }
        Some(mend) => mend,
        None => again.to_owned(),
    };
    let mut error = ClientError { sentence, mend: Some(mend), ..error };
    error.details.insert(WAITING.to_owned(), id.to_string());
    error
}

/// It was refused for good, and waits no longer.
pub(super) fn given_up(outbox: &Outbox, error: ClientError, id: MessageId) -> ClientError {
    let _ = outbox.kept_back(id, (&error.reason, &error.sentence));
    let sentence = format!("{}; it is not handed in again by itself", error.sentence);
    let mend =
        error.mend.unwrap_or_else(|| format!("liaison sent retry {id}, if that has changed"));
    let mut error = ClientError { sentence, mend: Some(mend), ..error };
    error.details.insert(REFUSED.to_owned(), id.to_string());
    error
}

/// The detail of an error that names what waits.
pub(super) const WAITING: &str = "waiting";
const REFUSED: &str = "refused";

fn say_sending(ctx: &Context, all: usize) {
    ctx.out.say(format_args!("handing in what waits here ({all}), most urgent first"));
}

/// Says that something goes on, if it takes longer than a moment.
pub(super) async fn said_if_slow<T>(work: impl Future<Output = T>, say: impl FnOnce()) -> T {
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

/// A view that a sync did not reach that began since it came is none of the log: it is not this copy
/// that is behind.
pub(super) fn after_a_sync(error: ClientError) -> ClientError {
    if error.reason != Here::SyncFirst {
        return error;
    }
    let sentence = "the relay signs on more entries than the service shows, also after a sync";
    let (side, exit) = (Side::Theirs, Exit::VerificationFailed);
    ClientError::new(side, exit, Here::ReceiptNotVerified, sentence)
}

const OUTBOX: &str = "outbox";
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
    use crate::client::message::open::Reader;
    use crate::client::message::receipt::Place;
    use crate::client::message::testing::{AT, FR, Net, seat, sign_key};
    use crate::domain::refusal::Refusal;
    use crate::domain::relay::envelope;
    use crate::domain::state::Mailbox;
    use crate::signed::dsse::Kind as DsseKind;

    fn nobody() -> Muted {
        Muted::nobody(std::path::Path::new("nowhere"))
    }

    #[test]
    fn a_message_whose_header_is_not_believed_is_warned_of() {
        let net = Net::new();
        let mailbox = net.mailbox(&seat(AT).contact());
        let key = sign_key("a new key").public().id();
        let warnings = |why| {
            let mut news = News::default();
            for why in [why, NotOpened::BeforeUpdate(key)] {
                let place = Place { contact: seat(AT).contact(), mailbox };
                let answer = Answer::NotDue;
                news.add(Taken::NotOpened { place, header: None, why, answer }, &nobody());
            }
            news.warnings
        };
        let unchecked = "entry 0 of the mailbox cannot be checked before the update";
        assert_eq!(warnings(NotOpened::BeforeUpdate(key)), [unchecked]);
        let backdated = NotOpened::Backdated { key, ended: 2, floor: 3 };
        let said = format!("entry 0 of the mailbox was not opened: BACKDATED: {backdated}");
        assert_eq!(warnings(backdated), [said.as_str(), unchecked]);
    }

    #[test]
    fn an_acknowledgement_says_whether_its_key_has_ended() {
        let mut net = Net::new();
        let header = Digest::of(b"a message");
        let says = proto::Acknowledgement {
            header_digest: Bytes::copy_from_slice(header.as_bytes()),
            seat: FR.to_owned(),
            ..Default::default()
        };
        let (payload, key) =
            (prost::Message::encode_to_vec(&says), sign_key(&format!("{FR} sign")));
        let signed =
            Envelope::sign(DsseKind::Acknowledgement, payload, &[&key], net.ambient.random());
        let signed = signed.unwrap().bytes().clone();
        let read = |net: &Net| Acknowledged::read(&net.directory, &signed);
        let found = Acknowledged { header, seat: seat(FR), key_ended: false };
        assert_eq!(read(&net), Some(found.clone()));
        net.revoke_sign_key(FR);
        assert_eq!(read(&net), Some(Acknowledged { key_ended: true, ..found }));
    }

    #[test]
    fn a_seat_that_acknowledged_with_two_keys_is_listed_once() {
        let header = Digest::of(b"a message");
        let by = |of, key_ended| Acknowledged { header, seat: seat(of), key_ended };
        let other = Acknowledged { header: Digest::of(b"another"), ..by(FR, true) };
        let all = vec![by(FR, true), by(AT, true), by(FR, false), other.clone(), by(AT, true)];
        let mut found = Acknowledged::once(all);
        found.retain(|one| *one != other);
        assert_eq!(found, [by(AT, true), by(FR, false)]);
    }

    #[test]
    fn what_waits_after_a_sync_is_warned_of() {
        let mut news = News::default();
        news.add(Taken::SyncFirst(9), &nobody());
        assert!(news.behind && news.warnings.is_empty());
        news.after_sync(vec![Taken::SyncFirst(9), Taken::Already], &nobody());
        let said =
            "an entry of the mailbox waits for a directory of size 9: the service shows less";
        assert_eq!((news.behind, &news.warnings[..]), (true, &[said.to_owned()][..]));
        news.after_sync(Vec::new(), &nobody());
        assert!(!news.behind);
    }

    #[test]
    fn what_cannot_be_announced_keeps_no_other_back_and_is_announced_later() {
        let (mut news, mut said) = (News::default(), Vec::new());
        news.messages = vec![1, 2, 3, 4];
        let mut announce = |news: &mut News, fails: &[u64]| {
            news.announce(|number| {
                if fails.contains(&number) {
                    return Err(number);
                }
                said.push(number);
                Ok(())
            })
        };
        assert_eq!(announce(&mut news, &[2, 3]), Err(2));
        assert_eq!(news.messages, [2, 3]);
        news.messages.push(5);
        assert_eq!(announce(&mut news, &[]), Ok(()));
        assert_eq!(said, [1, 4, 2, 3, 5]);
        assert!(news.messages.is_empty());
    }

    #[test]
    fn who_follows_is_warned_once() {
        let mut said = BTreeSet::new();
        let mut warnings = |size| {
            let mut news = News::default();
            news.after_sync(vec![Taken::SyncFirst(9), Taken::SyncFirst(size)], &nobody());
            news.warnings()
                .into_iter()
                .filter(|said_now| said.insert(said_now.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(warnings(9), [phrases::still_waits(9)]);
        assert_eq!(warnings(10), [phrases::still_waits(10)]);
        assert!(warnings(10).is_empty());
    }

    #[test]
    fn a_head_that_cannot_be_checked_yet_ends_nothing() {
        let mut net = Net::new();
        let frozen = net.newer_rules();
        let (own, dir) = (seat(FR), tempfile::tempdir().unwrap());
        let inbox = Inbox::of(&dir.path().join("in"), frozen.genesis(), own.contact());
        let outbox = Outbox::of(&dir.path().join("out"));
        let root_at = |size| net.tree.root_at(size);
        let (keys, sign) = (Vec::new(), sign_key(FR));
        let reader = Reader { directory: &frozen, root_at: &root_at, seat: &own, keys: &keys };
        let (index, view) = (&Index::default(), net.view());
        let desk = Desk { reader, index, sign: &sign, view, ambient: &net.ambient };
        let head = |tag: &str| {
            let (key, random) = (sign_key(tag), net.ambient.random());
            Envelope::sign(DsseKind::MailboxHead, Vec::new(), &[&key], random).unwrap()
        };
        let mut news = News::default();
        for _ in 0..2 {
            let head = head("the next relay key");
            let taken = take_head(&desk, (&inbox, &outbox), (head.bytes(), 0), &mut news);
            assert!(taken.unwrap().is_empty());
        }
        assert_eq!(news.warnings, ["the relay's head cannot be checked before the update"]);
        let head = head("registrar");
        assert!(take_head(&desk, (&inbox, &outbox), (head.bytes(), 0), &mut news).is_err());
    }

    #[test]
    fn a_body_that_the_service_has_lost_is_named_with_who_has_it() {
        let net = Net::new();
        let header = &net.notification().envelope.header;
        let header = envelope::verify_header(&net.directory, header).unwrap();
        let error = lost((3, &header), ClientError::from(Refusal::BodyDamaged));
        let sent = phrases::when(header.addressing().created);
        let said = format!(
            "the service has lost the body of message 3 from at/cert-at/duty-1 (sent {sent})"
        );
        assert_eq!(
            (error.side, error.reason.code(), &error.sentence),
            (Side::Theirs, "BODY_DAMAGED", &said)
        );
        assert!(!error.passes(), "nothing here brings it back");
        let mut news = News::default();
        news.not_fetched(3, error);
        let call = format!("{said}: call at/cert-at, and ask to send it again");
        assert_eq!(news.warnings, [call]);
    }

    #[test]
    fn what_is_delivered_again_is_said_in_one_line_if_it_is_much() {
        let net = Net::new();
        let mailbox = net.mailbox(&seat(AT).contact());
        let header = &net.notification().envelope.header;
        let header = envelope::verify_header(&net.directory, header).unwrap();
        let id = header.addressing().id;
        let warnings = |count: u64| {
            let mut news = News::default();
            for number in 1..=count {
                let mailbox = Mailbox { count: 13 + number, ..mailbox };
                let place = Place { contact: seat(AT).contact(), mailbox };
                news.add(Taken::Again { place, header: Box::new(header.clone()) }, &nobody());
            }
            let said = news.warnings();
            assert!(news.warnings().is_empty(), "once");
            said
        };
        let each =
            format!("{id} was delivered again after the service was restored: it is here once");
        assert_eq!(warnings(3), [&*each, &*each, &*each]);
        let all = "4 messages were delivered again after the service was restored, as numbers 14, 15, 16, \
                   17: each is here once";
        assert_eq!(warnings(4), [all]);
        assert_eq!(warnings(0), [""; 0]);
    }

    #[test]
    fn what_a_sync_did_not_reach_is_no_fault_of_this_copy() {
        let found = after_a_sync(ReceiptError::SyncFirst(9).into());
        assert_eq!((found.side, found.exit), (Side::Theirs, Exit::VerificationFailed));
        assert_eq!(found.reason.code(), "RECEIPT_NOT_VERIFIED");
        let other = ClientError::from(ReceiptError::BeforeUpdate("accepted receipt"));
        assert_eq!(after_a_sync(other.clone()), other);
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

    #[test]
    fn what_is_not_accepted_says_what_it_is_to_whom_and_why() {
        let net = Net::new();
        let id = MessageId::new(1, [1; 10]);
        let header = &net.notification().envelope.header;
        let header = envelope::verify_header(&net.directory, header).unwrap();
        let of = |class| Addressing { class: OrLater::Known(class), ..header.addressing().clone() };
        let quota = ClientError::from(Refusal::QuotaExceeded { kept: 9, limit: 8 });
        let why = "QUOTA_EXCEEDED: the relay keeps 9 bytes for your messages and their answers, \
                   and takes up to 8";
        for (class, what) in [
            (Class::Receipt, "delivered receipt"),
            (Class::Acknowledgement, "acknowledgement"),
            (Class::Notification, "message"),
        ] {
            let said = format!("the {what} {id} to fr/cert-fr, pt/cert-pt was not accepted: {why}");
            assert_eq!(not_accepted(id, Some(&of(class)), &quota), said);
        }
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::of(dir.path());
        let said = not_accepted(id, Some(&of(Class::Receipt)), &kept_back(&outbox, quota, id));
        assert_eq!(said.matches(&id.to_string()).count(), 1, "{said}");
    }

    /// It is not what was just accepted.
    #[test]
    fn what_waits_still_is_said_to_be_an_earlier_one() {
        let net = Net::new();
        let id = MessageId::new(1, [1; 10]);
        let header = &net.notification().envelope.header;
        let header = envelope::verify_header(&net.directory, header).unwrap();
        let said = |title| still_waits((id, title), header.addressing(), "no more\u{1b} room");
        let why = format!(r"to fr/cert-fr, pt/cert-pt still waits, as {id}: no more\u{{1b}} room");
        assert_eq!(said(None), format!("an earlier message {why}"));
        assert_eq!(said(Some("Kept")), format!("an earlier message (Kept) {why}"));
    }

    #[test]
    fn what_is_kept_back_is_said_to_be_kept_and_what_mends_it_goes_first() {
        let (dir, id) = (tempfile::tempdir().unwrap(), MessageId::new(1, [1; 10]));
        let outbox = Outbox::of(dir.path());
        let kept = |error: ClientError| {
            let (reason, sentence) = (error.reason.clone(), error.sentence.clone());
            let kept = kept_back(&outbox, error, id);
            assert!(kept.sentence.starts_with("it is sealed and waits in the outbox"), "{kept}");
            assert!(
                kept.sentence.ends_with(&format!("do not send it again; {sentence}")),
                "{kept}"
            );
            assert_eq!(outbox.why_kept_back(id).unwrap(), Some((reason, sentence)));
            kept.mend.unwrap()
        };
        let lost = ClientError::new(Side::Network, Exit::NotReachable, "NO_CONNECTION", "nobody");
        assert_eq!(kept(lost.clone()), "liaison sent");
        let asks = "liaison sent, in a while; if that fails for long, ask the operator";
        assert_eq!(kept(lost.mended_by("ask the operator")), asks);
        // What acknowledges goes with the inbox.
        let acknowledges = Request::Acknowledge(v1::AcknowledgeRequest {
            words: Some(Net::new().notification().envelope),
            ..Default::default()
        });
        let other = MessageId::new(2, [2; 10]);
        outbox.put((other, Digest::of(b"a header")), &acknowledges).unwrap();
        let lost = ClientError::new(Side::Network, Exit::NotReachable, "NO_CONNECTION", "nobody");
        let said = kept_back(&outbox, lost, other);
        let waits = format!("the acknowledgement is sealed and waits in the outbox as {other}, ");
        assert!(said.sentence.starts_with(&waits), "{said}");
        assert_eq!(said.mend.unwrap(), "liaison inbox");
        // There may be room later: who cannot wait calls.
        let contacts = vec![seat(FR).contact()];
        let full = ClientError::from(Refusal::MailboxShare { contacts, retry: Some(30) });
        assert_eq!(kept(full.mended_by("call fr/cert-fr")), "call fr/cert-fr");
    }

    #[test]
    fn a_request_whose_receipt_cannot_be_checked_yet_was_handed_in() {
        let id = MessageId::new(1, [1; 10]);
        let error = ClientError::from(ReceiptError::BeforeUpdate("accepted receipt"));
        let error = without_receipt(id, error);
        let said = format!("{id} was handed in; its receipt cannot be checked before the update");
        assert_eq!((error.exit, not_accepted(id, None, &error)), (Exit::UpdateMe, said));
        let busy = ClientError::new(Side::Theirs, Exit::Refused, "CLOSED", "closed");
        let error = without_receipt(id, busy);
        let said = format!("the message {id} was not accepted: CLOSED: closed");
        assert_eq!(not_accepted(id, None, &error), said);
    }
}
