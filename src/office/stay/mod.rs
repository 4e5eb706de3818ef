//! Staying: one connection after the other, and what comes on each.
//!
//! In scope: on each connection the stream, and beside it bodies, what is handed in, and syncs; what is announced.
//! Out of scope: what becomes of an entry (`mail`, `collect`), when to try again (`way`, `later`), its words.
//! Invariants: nothing that the network is waited for keeps anything else back; what was dealt with is announced
//! before a connection is given up; it never gives up for the network.

mod way;
mod work;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_stream::StreamExt as _;

use crate::client::error::{ClientError, Family, Side};
use crate::client::files::Lock;
use crate::client::message::receipt::VerifiedAccepted;
use crate::client::reach::session::Session;
use crate::client::reason::Here;
use crate::client::replica::Replica;
use crate::domain::ids::{ContactId, MessageId};
use crate::wire::v1;

use super::Office;
use super::acknowledged::Acks;
use super::courier::Courier;
use super::fate::after_a_sync;
use super::hand_in::Due;
use super::inbox::Gone;
use super::later::LaterDue;
use super::mail::Mail;
use super::news::News;
use super::page::{Listed, Unverified};
use super::told::Note;
use crate::client::reach::mailbox::{self, Event, FollowError};

use self::way::Way;
use self::work::Work;

/// What whoever stays hears, in the order in which it happens.
#[derive(Debug)]
pub enum Arrival {
    /// There is a connection, and messages to this contact are waited for.
    Waiting(ContactId),
    /// A message to people came, or what is known of one has changed.
    Came(Box<Listed>),
    /// An entry of the mailbox does not hold.
    Doubted(Box<Unverified>),
    /// Of these nothing was left when they were collected.
    Gone(Vec<Gone>),
    /// That it was heard what is gone cannot be kept: it is said again.
    GoneNotKept(ClientError),
    /// Something else that people should know; with each head of the relay again.
    Note(Box<Note>),
    /// What came spoilt does not come again now.
    NotAgain(ClientError),
    /// There is no connection.
    NotConnected {
        /// Since when, Unix seconds.
        since: u64,
        /// Why the last one ended, or none could be made.
        why: ClientError,
    },
    /// There is a connection again.
    Connected {
        /// Since when there was none, Unix seconds.
        since: u64,
        /// Since when there is one.
        at: u64,
    },
}

impl Office {
    /// Stays, and says what comes; of who is muted only if `muted`. A connection that ends is made again, for ever.
    ///
    /// # Errors
    /// What the service refuses, or what is wrong on this side; what whoever hears says, and then nothing more is
    /// collected or handed in.
    pub async fn stay(
        &self,
        muted: bool,
        hears: impl FnMut(Arrival) -> Result<(), ClientError> + Send,
    ) -> Result<Infallible, ClientError> {
        let mut stay = Stay::new(muted, hears);
        loop {
            let Err(why) = stay.once(self).await;
            if !why.passes() && !stay.may_have_new_keys(&why) {
                return Err(stay.refused.filter(|_| is_of_keys(&why)).unwrap_or(why));
            }
            if let Some(since) = stay.way.ended(&why, self.ambient().now()) {
                (stay.hears)(Arrival::NotConnected { since, why })?;
            }
            let [random] = self.ambient().bytes();
            sleep(stay.way.pause(random)).await;
        }
    }
}

/// What who stays keeps from one connection to the next.
struct Stay<'a> {
    /// Who hears what comes.
    hears: Box<dyn FnMut(Arrival) -> Result<(), ClientError> + Send + 'a>,
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
    /// The keys of this seat were good for what came last.
    let_in: bool,
    /// Why they were not, since.
    refused: Option<ClientError>,
}

impl<'a> Stay<'a> {
    fn new(muted: bool, hears: impl FnMut(Arrival) -> Result<(), ClientError> + Send + 'a) -> Self {
        Self {
            hears: Box::new(hears),
            muted,
            way: Way::default(),
            lock: None,
            asked: None,
            news: News::default(),
            acks: Acks::default(),
            later_due: LaterDue::default(),
            let_in: false,
            refused: None,
        }
    }

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
    async fn once(&mut self, office: &Office) -> Result<Infallible, ClientError> {
        let (session, mut mail) = Mail::online(office).await?;
        let session = session.impatient();
        self.later_due.connected();
        if self.lock.is_none() {
            self.lock = Some(mail.inbox.lock()?);
            (self.hears)(Arrival::Waiting(mail.seat.contact()))?;
        }
        Box::pin(mail.begins_anew(&session, &mut self.news)).await?;
        let Err(ended) = self.follow(office, &session, &mut mail).await;
        self.announce(&mail)?;
        Err(ended)
    }

    /// Follows the mailbox. Beside its stream what waited is fetched, most urgent first, and what is due is
    /// handed in, one after the other; what needs a newer copy of the directory waits for a sync.
    async fn follow(
        &mut self,
        office: &Office,
        session: &Session,
        mail: &mut Mail,
    ) -> Result<Infallible, ClientError> {
        let channel = session.connection().channel();
        let ask = |requests| Box::pin(mailbox::again::<ClientError>(channel.clone(), requests));
        let base = mail.inbox.base()?;
        let fetch = |numbers| Box::pin(session.relay().bodies(base, numbers));
        let request = mail.inbox.request(true)?;
        let mut events = pin!(mailbox::follow::<ClientError>(channel.clone(), request));
        let (mut spoilt, mut bodies) = (ask(Vec::new()), fetch(Vec::new()));
        let (mut handing_in, mut syncing) = (FuturesUnordered::new(), FuturesUnordered::new());
        let mut work = Work { wanted: mail.unfetched()?.into(), ..Work::default() };
        self.look_for_due(mail, &mut work)?;
        loop {
            self.announce(mail)?;
            work.due.extend(mail.those_due(self.news.queued())?);
            let now = Instant::now();
            work.behind |= self.news.was_behind();
            let is_behind = work.unchecked.is_some() || work.behind;
            if syncing.is_empty() && is_behind && work.later_sync.may(&(), now) {
                work.behind = false;
                work.reaches = work.unchecked.is_some();
                syncing.push(sync(office, session, Arc::clone(&mail.replica)));
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
                    self.handed_in(mail, &mut work, due, done)?;
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
                            self.take(office, mail, &mut work, event).map_err(after_a_sync)?;
                        }
                        Some(event) => self.take_or_sync(office, mail, &mut work, event)?,
                        None => {}
                    }
                }
                Some((number, came)) = bodies.next() => {
                    self.take_body(mail, &mut work, number, came)?;
                }
                // Behind what must wait for a sync the stream waits, too.
                Some(came) = spoilt.next(), if work.unchecked.is_none() => match came {
                    Ok(event) => self.take_or_sync(office, mail, &mut work, event)?,
                    Err(error) => {
                        (self.hears)(Arrival::NotAgain(error.into()))?;
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
                    self.comes(office)?;
                    self.take_or_sync(office, mail, &mut work, event)?;
                }
                () = until(self.next(&work, now)) => {}
            }
        }
    }

    /// Looks for what is to be handed in, and for what was acknowledged here.
    fn look_for_due(&mut self, mail: &Mail, work: &mut Work) -> Result<(), ClientError> {
        let (due, acks) = mail.due_and_acks()?;
        self.acks = acks;
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
        due: Due,
        done: Result<VerifiedAccepted, ClientError>,
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
        number: u64,
        came: Result<v1::Item, ClientError>,
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
        office: &Office,
        mail: &mut Mail,
        work: &mut Work,
        event: Event,
    ) -> Result<(), ClientError> {
        match self.take(office, mail, work, event.clone()) {
            Err(error) if error.reason == Here::SyncFirst => work.unchecked = Some(event),
            taken => taken?,
        }
        Ok(())
    }

    /// Deals with an event, and sees what there is to do since.
    fn take(
        &mut self,
        office: &Office,
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
        let now = office.ambient().counted();
        if is_head {
            self.look_for_due(mail, work)?;
            self.say_gone(mail)?;
        }
        let requests = if is_head { mail.inbox.requests_again()? } else { Vec::new() };
        if !requests.is_empty() && is_time(&mut self.asked, AGAIN_AFTER, now) {
            work.spoilt = requests;
        }
        Ok(())
    }

    /// Says what came.
    fn announce(&mut self, mail: &Mail) -> Result<(), ClientError> {
        let Self { hears, muted, acks, news, .. } = self;
        let announced = news.announce(|number| {
            let (rows, unverified) = mail.rows(acks, &[number])?;
            let shown = rows.into_iter().filter(|row| *muted || !row.muted);
            for row in shown {
                hears(Arrival::Came(Box::new(row)))?;
            }
            unverified.into_iter().try_for_each(|row| hears(Arrival::Doubted(Box::new(row))))
        });
        let mut notes = news.notes().into_iter().map(|note| Arrival::Note(Box::new(note)));
        announced.and(notes.try_for_each(hears))
    }

    /// Says what was gone before it was collected, once.
    fn say_gone(&mut self, mail: &Mail) -> Result<(), ClientError> {
        let gone = mail.inbox.gone_untold()?;
        if gone.is_empty() {
            return Ok(());
        }
        // Heard first: what is noted before may never be said.
        (self.hears)(Arrival::Gone(gone.clone()))?;
        mail.told_gone(&gone).or_else(|why| (self.hears)(Arrival::GoneNotKept(why)))
    }

    /// Something came: there is a connection.
    fn comes(&mut self, office: &Office) -> Result<(), ClientError> {
        (self.let_in, self.refused) = (true, None);
        match self.way.came() {
            Some(since) => (self.hears)(Arrival::Connected { since, at: office.ambient().now() }),
            None => Ok(()),
        }
    }
}

fn is_of_keys(why: &ClientError) -> bool {
    why.family == Family::IdentityOrKey
}

async fn sync(
    office: &Office,
    session: &Session,
    mut replica: Arc<Replica>,
) -> Result<Arc<Replica>, ClientError> {
    office.sync(session, Arc::make_mut(&mut replica)).await?;
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

/// Whether it is time to do something again; then the next time is later.
fn is_time(done: &mut Option<u64>, after: u64, now: u64) -> bool {
    let is_time = done.is_none_or(|last| last + after <= now);
    if is_time {
        *done = Some(now);
    }
    is_time
}

/// After so many syncs that were lost, what waits for one asks on another connection.
const LOST: usize = 3;
/// Seconds after which what came spoilt is asked for again.
const AGAIN_AFTER: u64 = 3600;

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::sync::Mutex;
    use std::time::Duration;

    use crate::domain::refusal::Refusal;
    use crate::office::hand_in::Counted;
    use crate::office::tests::expiry::{gone, mailbox};
    use crate::office::tests::whole::Whole;
    use crate::wire::status;
    use crate::world::relay::{FR, Net};

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
        let later = Stay::new(false, |_| Ok(())).next(&work, now).unwrap();
        assert_eq!(later, now + Duration::from_secs(1));
        assert_eq!(work.next_bodies(later), Some(vec![9]));
    }

    /// What is noted as said before it is may never be said.
    #[test]
    fn what_is_gone_is_heard_once_and_before_it_is_noted() {
        let mut net = Net::new();
        let (items, head) = mailbox(&mut net, 3);
        let mut paris = Whole::of(&net, FR);
        paris.take(&[items[0].clone(), gone(&items[1]), gone(&items[2])], &head);
        let (mail, untold) = (&paris.mail, Mutex::new(Vec::new()));
        // The first time nobody hears it.
        let mut hears = [Err(lost()), Ok(())].into_iter();
        let mut stay = Stay::new(false, |arrival| {
            if let Arrival::Gone(gone) = arrival {
                let noted = mail.inbox.gone_untold().unwrap();
                untold.lock().unwrap().push((gone.len(), noted.len()));
            }
            hears.next().unwrap()
        });
        assert_eq!(stay.say_gone(mail), Err(lost()));
        stay.say_gone(mail).unwrap();
        stay.say_gone(mail).unwrap();
        assert_eq!(*untold.lock().unwrap(), [(2, 2), (2, 2)]);
        assert_eq!(mail.inbox.gone_untold().unwrap(), []);
    }

    #[test]
    fn a_message_that_nobody_heard_is_announced_again() {
        let mut net = Net::new();
        let (items, head) = mailbox(&mut net, 2);
        let mut paris = Whole::of(&net, FR);
        let heard = Mutex::new(Vec::new());
        let mut hears = [Err(lost()), Ok(()), Ok(())].into_iter();
        let mut stay = Stay::new(false, |arrival| {
            let Arrival::Came(row) = arrival else { return Ok(()) };
            heard.lock().unwrap().push(row.number);
            hears.next().unwrap()
        });
        paris.take(&items, &head);
        stay.news.messages = vec![1, 2];
        assert_eq!(stay.announce(&paris.mail), Err(lost()));
        stay.announce(&paris.mail).unwrap();
        stay.announce(&paris.mail).unwrap();
        assert_eq!(*heard.lock().unwrap(), [1, 2, 1]);
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
        let (mut stay, mut work, now) =
            (Stay::new(false, |_| Ok(())), Work::default(), Instant::now());
        let dues = [1, 2, 3].map(|nth| due(Counted::Receipt, nth, "fr/cert-fr"));
        work.due = dues.clone().into();
        let next = |stay: &Stay<'_>, work: &mut Work, now| {
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
        let (mut stay, mut work, now) =
            (Stay::new(false, |_| Ok(())), Work::default(), Instant::now());
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
}
