//! `liaison inbox list --follow`: stays, and prints what comes.
//!
//! In scope: one connection after the other; on each the stream, and beside it bodies, what is handed in,
//! and syncs; what is announced. Out of scope: what becomes of an entry (`mail`, `office`), when to try
//! again (`office::stay`, `office::later`). Invariants: nothing that the network is waited for keeps anything
//! else back; what was dealt with is announced before a connection is given up; it never gives up for the
//! network.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use futures_util::stream::FuturesUnordered;
use serde::Serialize;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_stream::StreamExt as _;

use crate::client::error::{ClientError, Family, Side};
use crate::client::message::receipt::VerifiedAccepted;
use crate::client::place::Lock;
use crate::client::reason::Here;
use crate::client::replica::Replica;
use crate::client::session::Session;
use crate::domain::ids::MessageId;
use crate::office::acknowledged::Acks;
use crate::office::courier::Courier;
use crate::office::fate::after_a_sync;
use crate::office::fetch;
use crate::office::follow::{self, Event, FollowError};
use crate::office::hand_in::Due;
use crate::office::later::{Later, LaterDue};
use crate::office::mail::Mail;
use crate::office::news::News;
use crate::office::stay::Way;
use crate::wire::v1;
use crate::words;

use super::super::Context;
use super::{gone_json, listed, told};

/// Stays, and prints what comes. A connection that ends is made again, for ever; the end is what the
/// service refuses, or what is wrong on this side.
pub(super) async fn stay(ctx: &Context, muted: bool) -> Result<(), ClientError> {
    let mut stay = Stay { muted, ..Stay::default() };
    loop {
        let Err(why) = stay.once(ctx).await;
        if !why.passes() && !stay.may_have_new_keys(&why) {
            return Err(stay.refused.filter(|_| is_of_keys(&why)).unwrap_or(why));
        }
        if let Some(since) = stay.way.ended(&why, ctx.office.ambient().now()) {
            say_lost(ctx, since, &why);
        }
        let [random] = ctx.office.ambient().bytes();
        sleep(stay.way.pause(random)).await;
    }
}

/// What who stays keeps from one connection to the next.
#[derive(Default)]
struct Stay {
    /// Whether also those are shown who are muted.
    muted: bool,
    way: Way,
    /// Nobody else collects meanwhile.
    lock: Option<Lock>,
    /// When what came spoilt was last asked for.
    asked: Option<u64>,
    /// What is to be announced.
    news: News,
    /// What was acknowledged here, when this was looked at last.
    acks: Acks,
    /// When what is due is offered again.
    later_due: LaterDue,
    /// What was printed.
    said: Said,
    /// The keys of this seat were good for what came last.
    let_in: bool,
    /// Why they were not, since.
    refused: Option<ClientError>,
}

impl Stay {
    /// A seat's keys end when others follow them, too, and whoever has those is let in again. Who is not
    /// hears what he was told first.
    fn may_have_new_keys(&mut self, why: &ClientError) -> bool {
        let again = std::mem::take(&mut self.let_in) && is_of_keys(why);
        if again {
            self.refused = Some(why.clone());
        }
        again
    }

    /// One connection, until it ends.
    async fn once(&mut self, ctx: &Context) -> Result<Infallible, ClientError> {
        let (session, mut mail) = Mail::online(&ctx.office).await?;
        let session = session.impatient();
        self.later_due.connected();
        if self.lock.is_none() {
            self.lock = Some(mail.inbox.lock()?);
            ctx.out.say(format_args!("waiting for messages to {}", mail.seat.contact()));
        }
        Box::pin(mail.begins_anew(&session, &mut self.news)).await?;
        let Err(ended) = self.follow(ctx, &session, &mut mail).await;
        self.announce(ctx, &mail)?;
        Err(ended)
    }

    /// Follows the mailbox. Beside its stream what waited is fetched, most urgent first, and what is due is
    /// handed in, one after the other; what needs a newer copy of the directory waits for a sync.
    async fn follow(
        &mut self,
        ctx: &Context,
        session: &Session,
        mail: &mut Mail,
    ) -> Result<Infallible, ClientError> {
        let channel = session.connection().channel();
        let ask = |requests| Box::pin(follow::again::<ClientError>(channel.clone(), requests));
        let base = mail.inbox.base()?;
        let fetch = |numbers| {
            Box::pin(fetch::bodies((channel.clone(), session.patience()), (base, numbers)))
        };
        let request = mail.inbox.request(true)?;
        let mut events = pin!(follow::follow::<ClientError>(channel.clone(), request));
        let (mut spoilt, mut bodies) = (ask(Vec::new()), fetch(Vec::new()));
        let (mut handing_in, mut syncing) = (FuturesUnordered::new(), FuturesUnordered::new());
        let mut work = Work { wanted: mail.unfetched()?.into(), ..Work::default() };
        self.look_for_due(mail, &mut work)?;
        loop {
            self.announce(ctx, mail)?;
            work.due.extend(mail.those_due(self.news.queued())?);
            let now = Instant::now();
            work.behind |= self.news.was_behind();
            let is_behind = work.unchecked.is_some() || work.behind;
            if syncing.is_empty() && is_behind && work.later_sync.may(&(), now) {
                work.behind = false;
                work.reaches = work.unchecked.is_some();
                syncing.push(sync(ctx, session, Arc::clone(&mail.replica)));
            }
            if handing_in.is_empty()
                && let Some(due) = self.next_due(&mut work, |id| mail.outbox.waits(id), now)
            {
                handing_in.push(hand_in(session, mail.courier(), due));
            }
            if let Some(numbers) = work.next_bodies(now) {
                bodies = fetch(numbers);
            }
            if !work.spoilt.is_empty() {
                spoilt = ask(std::mem::take(&mut work.spoilt));
            }
            tokio::select! {
                biased;
                Some((courier, due, done)) = handing_in.next() => {
                    mail.takes_over(courier.replica)?;
                    self.handed_in(mail, &mut work, (due, done))?;
                }
                Some(synced) = syncing.next() => {
                    let synced = match synced {
                        Err(error) if error.passes() => {
                            // One call that is lost says nothing of the connection.
                            work.lost += usize::from(error.side == Side::Network);
                            if work.unchecked.is_some() && work.lost >= LOST {
                                mail.keep(&mut work.held, &mut self.news)?;
                                return Err(error);
                            }
                            self.not_synced(&mut work, &error);
                            continue;
                        }
                        synced => synced?,
                    };
                    work.lost = 0;
                    work.later_sync.done(&());
                    mail.takes_over(synced)?;
                    mail.caught_up(&mut self.news)?;
                    // What this sync did not reach is looked at again with the next head.
                    work.behind &= self.news.was_behind();
                    match work.unchecked.take() {
                        Some(event) if work.reaches => {
                            self.take(ctx, mail, &mut work, event).map_err(after_a_sync)?;
                        }
                        Some(event) => self.take_or_sync(ctx, mail, &mut work, event)?,
                        None => {}
                    }
                }
                Some((number, came)) = bodies.next() => {
                    self.take_body(mail, &mut work, (number, came))?;
                }
                // Behind what must wait for a sync the stream waits, too.
                Some(came) = spoilt.next(), if work.unchecked.is_none() => match came {
                    Ok(event) => self.take_or_sync(ctx, mail, &mut work, event)?,
                    Err(error) => {
                        ctx.out.say(ClientError::from(error));
                        spoilt = ask(Vec::new());
                    }
                },
                event = events.next(), if work.unchecked.is_none() => {
                    let event = match event.unwrap_or(Err(FollowError::NoHead)) {
                        Ok(event) => event,
                        Err(ended) => {
                            // A stream that broke leaves what it brought.
                            mail.keep(&mut work.held, &mut self.news)?;
                            return Err(ended.into());
                        }
                    };
                    self.comes(ctx);
                    self.take_or_sync(ctx, mail, &mut work, event)?;
                }
                () = until(self.next(&work, now)) => {}
            }
        }
    }

    /// Looks for what is to be handed in, and for what was acknowledged here.
    fn look_for_due(&mut self, mail: &Mail, work: &mut Work) -> Result<(), ClientError> {
        let due = mail.due()?;
        self.acks = mail.acks(&due)?;
        work.due = due.into_iter().collect();
        Ok(())
    }

    /// What to hand in now, if it still waits.
    fn next_due(
        &self,
        work: &mut Work,
        waits: impl Fn(MessageId) -> bool,
        now: Instant,
    ) -> Option<Due> {
        let mut next = std::iter::from_fn(|| self.later_due.take(&mut work.due, now));
        // Another program may have handed it in.
        next.find(|due| waits(due.id))
    }

    /// When there is something to do that must wait now.
    fn next(&self, work: &Work, now: Instant) -> Option<Instant> {
        let due = self.later_due.next(now).filter(|_| !work.due.is_empty());
        [work.later_wanted.next(now), work.later_sync.next(now), due].into_iter().flatten().min()
    }

    /// What was not accepted stays due, and is offered again.
    fn handed_in(
        &mut self,
        mail: &Mail,
        work: &mut Work,
        (due, done): (Due, Result<VerifiedAccepted, ClientError>),
    ) -> Result<(), ClientError> {
        let Err(error) = done else {
            self.later_due.done(&due);
            return Ok(());
        };
        let id = due.id;
        if mail.outbox.waits(id) {
            self.later_due.failed(&due, &error, Instant::now());
            work.due.insert(due);
        }
        mail.not_accepted((id, &error), &mut self.news)
    }

    /// The sync is tried again. Until then all may wait for it, so that it is said.
    fn not_synced(&mut self, work: &mut Work, error: &ClientError) {
        work.later_sync.failed((), error, Instant::now());
        work.behind = true;
        self.news.not_synced(error);
    }

    /// What did not come is asked for again.
    fn take_body(
        &mut self,
        mail: &Mail,
        work: &mut Work,
        (number, came): (u64, Result<v1::Item, ClientError>),
    ) -> Result<(), ClientError> {
        work.fetching.remove(&number);
        match came {
            Ok(item) => {
                work.later_wanted.done(&number);
                mail.take_body(&item, &mut self.news)
            }
            Err(error) => {
                work.later_wanted.failed(number, &error, Instant::now());
                // What will come by itself is nothing to say.
                if error.passes() || !mail.take_no_body((number, error), &mut self.news)? {
                    work.wanted.push_front(number);
                } else {
                    work.later_wanted.done(&number);
                }
                Ok(())
            }
        }
    }

    /// Takes an event, now or after a sync.
    fn take_or_sync(
        &mut self,
        ctx: &Context,
        mail: &mut Mail,
        work: &mut Work,
        event: Event,
    ) -> Result<(), ClientError> {
        match self.take(ctx, mail, work, event.clone()) {
            Err(error) if error.reason == Here::SyncFirst => work.unchecked = Some(event),
            taken => taken?,
        }
        Ok(())
    }

    /// Deals with an event, and sees what there is to do since.
    fn take(
        &mut self,
        ctx: &Context,
        mail: &mut Mail,
        work: &mut Work,
        event: Event,
    ) -> Result<(), ClientError> {
        let (before, is_head) = (mail.inbox.last()?, matches!(event, Event::Head(_)));
        let taken = mail.take(event, &mut work.held, &mut self.news);
        // Also before a head that must wait.
        if mail.inbox.last()? > before {
            mail.update()?;
            work.want(mail.unfetched()?);
        }
        taken?;
        let now = ctx.office.ambient().counted();
        if is_head {
            self.look_for_due(mail, work)?;
            say_gone(ctx, mail)?;
        }
        let requests = if is_head { mail.inbox.requests_again()? } else { Vec::new() };
        if !requests.is_empty() && is_time(&mut self.asked, AGAIN_AFTER, now) {
            work.spoilt = requests;
        }
        Ok(())
    }

    /// Says what came.
    fn announce(&mut self, ctx: &Context, mail: &Mail) -> Result<(), ClientError> {
        let Self { muted, acks, news, said, .. } = self;
        let announced = news.announce(|number| {
            let (rows, unverified) = mail.rows(acks, &[number])?;
            let shown = rows.iter().filter(|row| *muted || !row.muted);
            shown.for_each(|row| say(ctx, said, (&listed::object(row), listed::cells(row))));
            unverified.iter().for_each(|row| {
                say(ctx, said, (&listed::doubted_object(row), listed::doubted(row)));
            });
            Ok(())
        });
        // With each head of the relay, what waits is dealt with again.
        let notes = news.notes().into_iter().filter(|note| said.is_new(&words::note(note)));
        notes.for_each(|note| ctx.office.tell(note));
        announced
    }

    /// Something came: there is a connection.
    fn comes(&mut self, ctx: &Context) {
        (self.let_in, self.refused) = (true, None);
        if let Some(since) = self.way.came() {
            say_back(ctx, since);
        }
    }
}

fn is_of_keys(why: &ClientError) -> bool {
    why.family == Family::IdentityOrKey
}

/// Says what was gone before it was collected, once.
fn say_gone(ctx: &Context, mail: &Mail) -> Result<(), ClientError> {
    let gone = mail.inbox.gone_untold()?;
    let (lost, expired): (Vec<_>, Vec<_>) = gone.iter().cloned().partition(|it| it.lost.is_some());
    for (event, some) in [("expired", expired), ("lost", lost)] {
        if !some.is_empty() {
            let entries = gone_json(&some).concat();
            let object = json!({ "event": event, "entries": entries });
            ctx.out.event(&object, words::gone(&some).join("\n"));
        }
    }
    told(ctx, mail, &gone);
    Ok(())
}

/// Says a row, once.
fn say(ctx: &Context, said: &mut Said, (row, cells): (&impl Serialize, Vec<String>)) {
    let line = cells.join("  ");
    if said.is_new(&line) {
        ctx.out.data(row, || line);
    }
}

/// What was said, so that it is not said again: of the last few thousand lines, for who stays for years.
#[derive(Default)]
struct Said {
    lately: BTreeSet<String>,
    before: BTreeSet<String>,
}

impl Said {
    /// Notes a line; tells whether it was not said before. What is said again and again stays.
    fn is_new(&mut self, line: &str) -> bool {
        if self.lately.contains(line) {
            return false;
        }
        let is_new = !self.before.contains(line);
        if self.lately.len() == LINES {
            self.before = std::mem::take(&mut self.lately);
        }
        self.lately.insert(line.to_owned());
        is_new
    }
}

/// After so many syncs that were lost, what waits for one asks on another connection.
const LOST: usize = 3;

/// Lines that are remembered at least.
const LINES: usize = 4_096;

/// What is to be done on one connection, beside its stream.
#[derive(Default)]
struct Work {
    /// What came of the stream before its next head.
    held: Vec<v1::Item>,
    /// An event that only a newer copy of the directory can check.
    unchecked: Option<Event>,
    /// The sync on its way began since that came.
    reaches: bool,
    /// Something waits for a newer copy of the directory than is being fetched.
    behind: bool,
    /// What came spoilt, to be asked for again.
    spoilt: Vec<v1::CollectRequest>,
    /// Bodies, most urgent first.
    wanted: VecDeque<u64>,
    /// Those on the way: they are not given up for what comes.
    fetching: BTreeSet<u64>,
    later_wanted: Later<u64>,
    /// What is to be handed in.
    due: BTreeSet<Due>,
    later_sync: Later<()>,
    /// Syncs that the network lost, one after the other.
    lost: usize,
}

impl Work {
    /// These bodies are not here.
    fn want(&mut self, numbers: Vec<u64>) {
        self.wanted = numbers.into();
        self.wanted.retain(|number| !self.fetching.contains(number));
    }

    /// The bodies to ask for now, if none is on the way: few, so that what comes meanwhile has its turn.
    fn next_bodies(&mut self, now: Instant) -> Option<Vec<u64>> {
        let may = |number: &u64| self.later_wanted.may(number, now);
        if !self.fetching.is_empty() || !self.wanted.iter().any(may) {
            return None;
        }
        let next: Vec<u64> = self.wanted.iter().copied().filter(may).take(AT_A_TIME).collect();
        self.fetching.extend(&next);
        self.wanted.retain(|number| !self.fetching.contains(number));
        Some(next)
    }
}

async fn sync(
    ctx: &Context,
    session: &Session,
    mut replica: Arc<Replica>,
) -> Result<Arc<Replica>, ClientError> {
    ctx.office.sync(session, Arc::make_mut(&mut replica)).await?;
    Ok(replica)
}

async fn hand_in(
    session: &Session,
    mut courier: Courier,
    due: Due,
) -> (Courier, Due, Result<VerifiedAccepted, ClientError>) {
    let done = courier.hand_in(session, due.id).await;
    (courier, due, done)
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn say_lost(ctx: &Context, since: u64, why: &ClientError) {
    let object = json!({
        "event": "not_connected",
        "since": since,
        "side": why.side.to_string(),
        "reason": why.reason,
        "sentence": why.sentence,
    });
    let (at, side) = (words::when(since), why.side);
    ctx.out.event(&object, format_args!("no connection since {at}: {why} [{side}]; trying again"));
}

fn say_back(ctx: &Context, since: u64) {
    let now = ctx.office.ambient().now();
    let object = json!({ "event": "connected", "at": now, "not_connected_since": since });
    let (from, to) = (words::when(since), words::when(now));
    ctx.out.event(&object, format_args!("connected again: no connection from {from} to {to}"));
}

/// Whether it is time to do something again; then the next time is later.
fn is_time(done: &mut Option<u64>, after: u64, now: u64) -> bool {
    let is_time = done.is_none_or(|last| last + after <= now);
    if is_time {
        *done = Some(now);
    }
    is_time
}

/// Bodies that are asked for at a time.
const AT_A_TIME: usize = 4;
/// Seconds after which what came spoilt is asked for again.
const AGAIN_AFTER: u64 = 3600;

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::time::Duration;

    use crate::domain::ids::ContactId;
    use crate::domain::refusal::Refusal;
    use crate::office::hand_in::Counted;
    use crate::wire::status;

    use super::*;

    fn lost() -> ClientError {
        ClientError::new(Side::Network, Family::NotReachable, "UNAVAILABLE", "a stream was reset")
    }

    #[test]
    fn who_follows_asks_for_what_came_spoilt_once_an_hour() {
        let mut asked = None;
        let at = [7, 8, 3606, 3607, 3608, 7206, 7207];
        let asks = at.map(|now| is_time(&mut asked, AGAIN_AFTER, now));
        assert_eq!(asks, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn few_bodies_are_on_the_way_and_one_that_failed_keeps_no_other_back() {
        let (mut work, now) = (Work::default(), Instant::now());
        work.want(vec![9, 8, 7, 6, 5]);
        assert_eq!(work.next_bodies(now), Some(vec![9, 8, 7, 6]));
        assert_eq!(work.next_bodies(now), None, "those are on the way");
        // What is more urgent has its turn, and what is on the way is not asked for twice.
        work.want(vec![10, 9, 8, 7, 6, 5]);
        assert_eq!(work.wanted, [10, 5]);
        work.fetching.clear();
        work.later_wanted.failed(9, &lost(), now);
        work.wanted.push_front(9);
        assert_eq!(work.next_bodies(now), Some(vec![10, 5]));
        work.fetching.clear();
        assert_eq!((work.next_bodies(now), work.wanted.len()), (None, 1));
        let later = Stay::default().next(&work, now).unwrap();
        assert_eq!(later, now + Duration::from_secs(1));
        assert_eq!(work.next_bodies(later), Some(vec![9]));
    }

    fn id(contact: &str) -> ContactId {
        contact.parse().unwrap()
    }

    fn due(counted: Counted, nth: u64, to: &str) -> Due {
        let (id, to) = (MessageId::new(nth, [0; 10]), vec![id(to)]);
        Due { counted, urgency: Reverse(1), id, to }
    }

    #[test]
    fn what_is_due_waits_as_long_as_the_service_says_and_nothing_is_dropped() {
        let (mut stay, mut work, now) = (Stay::default(), Work::default(), Instant::now());
        let dues = [1, 2, 3].map(|nth| due(Counted::Receipt, nth, "fr/cert-fr"));
        work.due = dues.clone().into();
        let next = |stay: &Stay, work: &mut Work, now| {
            stay.next_due(work, |id| id != dues[1].id, now).map(|due| due.id)
        };
        assert_eq!(next(&stay, &mut work, now), Some(dues[0].id));
        let busy = status::busy("later", Duration::from_secs(20));
        stay.later_due.failed(&dues[0], &busy.into(), now);
        work.due.insert(dues[0].clone());
        assert_eq!((next(&stay, &mut work, now), work.due.len()), (None, 3));
        let later = now + Duration::from_secs(20);
        assert_eq!(stay.next(&work, now), Some(later));
        assert_eq!(next(&stay, &mut work, later), Some(dues[0].id));
        // The second went by another way meanwhile.
        let rest = [(); 2].map(|()| next(&stay, &mut work, later));
        assert_eq!(rest, [Some(dues[2].id), None]);
    }

    /// More of them than the service says no to before it sends somebody away.
    #[test]
    fn what_waits_for_a_full_mailbox_is_offered_once_and_receipts_go_on() {
        let (mut stay, mut work, now) = (Stay::default(), Work::default(), Instant::now());
        let messages = (0..300).map(|nth| due(Counted::Message, nth, "fr/cert-fr"));
        let receipts = (300..302).map(|nth| due(Counted::Receipt, nth, "fr/cert-fr"));
        work.due = messages.chain(receipts).collect();
        let full = Refusal::MailboxShare { contacts: vec![id("fr/cert-fr")], retry: None };
        let (mut refused, mut accepted, full) = (0, 0, status::of(&full).into());
        while let Some(due) = stay.next_due(&mut work, |_| true, now) {
            if due.counted == Counted::Message {
                refused += 1;
                assert_eq!(refused, 1);
                stay.later_due.failed(&due, &full, now);
                work.due.insert(due);
            } else {
                accepted += 1;
                stay.later_due.done(&due);
            }
        }
        assert_eq!((accepted, work.due.len()), (2, 300));
        // Also on the next connection.
        let mut work = Work { due: work.due, ..Work::default() };
        assert!(stay.next_due(&mut work, |_| true, now).is_none());
        let later = stay.next(&work, now).unwrap();
        assert!(stay.next_due(&mut work, |_| true, later).is_some());
    }

    #[test]
    fn what_was_said_is_forgotten_after_thousands_and_not_what_is_said_again_and_again() {
        let mut said = Said::default();
        for line in 0..10 * LINES {
            assert!(said.is_new(&line.to_string()));
            assert_eq!(said.is_new("it waits"), line == 0);
            assert!(!said.is_new(&line.saturating_sub(LINES / 4).to_string()));
        }
        assert!(said.lately.len() + said.before.len() <= 2 * LINES);
    }
}
