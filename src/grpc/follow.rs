//! Streams that follow the log or a mailbox: each reads by its own cursor, at once, at every hint,
//! and each minute without one. At every new head and before every message the permit is asked for
//! again, so that the stream of a revoked seat ends.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use prost::Message as _;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use crate::domain::access::{MethodType, Permit, to};
use crate::service::door::{self, Admitted, Stay};
use crate::service::{Hints, Item, MailboxPage, Parts};
use crate::wire::convert;
use crate::wire::v1::collect_response::Item as Answer;
use crate::wire::v1::{self, CollectRequest, CollectResponse, WatchResponse};

use super::{Api, status};

/// A page for which there was no room is read this much later, if there is some then.
const ROOM_AGAIN: Duration = Duration::from_secs(1);

/// What gRPC puts before a message.
const PREFIX_BYTES: usize = 5;

/// Without news, a cursor is looked at this often, and a mailbox vouched for.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// A stream of one method, for which it asks again and again.
struct Follower<M> {
    api: Api,
    admitted: Admitted,
    method: PhantomData<fn() -> M>,
    mailbox: Option<Hints>,
    heads: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
    _stay: Stay,
}

impl<M: MethodType> Follower<M> {
    fn new(api: Api, admitted: Admitted, stay: Stay, mailbox: Option<Hints>) -> Self {
        let (heads, stop) = (api.service.heads(), api.stop.clone());
        Self { api, admitted, method: PhantomData, mailbox, heads, stop, _stay: stay }
    }

    /// Whether it may go on.
    fn permit(&self) -> Result<Permit<M>, Status> {
        self.api.service.permit(&self.admitted).map_err(status)
    }

    /// Until there may be news, or it is time to look.
    ///
    /// # Errors
    /// The service drains, or has stopped.
    async fn wait(&mut self, look: Instant) -> Result<Woken, Status> {
        let mailbox = async {
            match &mut self.mailbox {
                Some(hints) => hints.next().await,
                None => std::future::pending().await,
            }
        };
        let woken = tokio::select! {
            () = mailbox => Some(Woken::Hint),
            head = self.heads.changed() => head.ok().map(|()| Woken::Head),
            () = sleep_until(look) => Some(Woken::Clock),
            _ = self.stop.wait_for(|stop| *stop) => None,
        };
        woken.ok_or_else(|| Status::unavailable("the service is stopping: connect again"))
    }
}

enum Woken {
    Hint,
    Head,
    Clock,
}

/// Checkpoints beyond a tree size, as they come.
pub(super) fn log(
    api: Api,
    admitted: Admitted,
    stay: Stay,
    size: u64,
) -> impl Stream<Item = Result<WatchResponse, Status>> + Send {
    let follower = Follower::<to::Watch>::new(api, admitted, stay, None);
    stream::unfold(Some((follower, size)), |state| async {
        let (mut follower, size) = state?;
        match next_head(&mut follower, size).await {
            Ok((checkpoint, size)) => {
                Some((Ok(WatchResponse { checkpoint }), Some((follower, size))))
            }
            Err(why) => Some((Err(why), None)),
        }
    })
}

async fn next_head(follower: &mut Follower<to::Watch>, size: u64) -> Result<(Bytes, u64), Status> {
    loop {
        let state = follower.api.service.watched(&follower.permit()?);
        if state.head.size > size {
            return Ok((state.checkpoint.clone(), state.head.size));
        }
        follower.wait(Instant::now() + LOOK_AGAIN).await?;
    }
}

struct Mailbox {
    follower: Follower<to::Collect>,
    after: u64,
    epoch: u64,
    follow: bool,
    parts: Parts,
    /// Where what was read and not taken is held; nowhere without a connection, in a test.
    bytes: Option<door::InHand>,
    /// A page was so large that there was no room for it.
    wants: usize,
    ready: VecDeque<CollectResponse>,
    last: bool,
    /// Its head is sent although there is nothing new: at first, and a minute after the last one.
    due: bool,
    look: Instant,
}

/// The entries of a mailbox after a number; its head whenever all of them were sent.
pub(super) fn mailbox(
    api: Api,
    admitted: Admitted,
    stay: Stay,
    hints: Hints,
    bytes: Option<door::InHand>,
    request: CollectRequest,
) -> impl Stream<Item = Result<CollectResponse, Status>> + Send {
    let CollectRequest { after, epoch, follow, headers } = request;
    let parts = if headers { Parts::Headers } else { Parts::Whole };
    // Where it stands is kept once, not again in each state of the stream.
    let mailbox = Box::new(Mailbox {
        follower: Follower::new(api, admitted, stay, Some(hints)),
        after,
        epoch,
        follow,
        parts,
        bytes,
        wants: 0,
        ready: VecDeque::new(),
        last: false,
        due: true,
        look: Instant::now(),
    });
    stream::unfold(Some(mailbox), |mailbox| async {
        let mut mailbox = mailbox?;
        match mailbox.next().await {
            Ok(Some(answer)) => Some((Ok(answer), Some(mailbox))),
            Ok(None) => None,
            Err(why) => Some((Err(why), None)),
        }
    })
}

impl Mailbox {
    async fn next(&mut self) -> Result<Option<CollectResponse>, Status> {
        loop {
            let permit = self.follower.permit()?;
            if let Some(answer) = self.ready.pop_front() {
                return Ok(Some(answer));
            }
            if self.last {
                return Ok(None);
            }
            if self.wants > 0 && self.bytes.as_ref().is_some_and(|held| !held.have_room(self.wants))
            {
                self.follower.wait(Instant::now() + ROOM_AGAIN).await?;
                continue;
            }
            // Whoever waits keeps no room for reading.
            let service = &self.follower.api.service;
            let page = Box::pin(service.collect(&permit, self.after, self.parts));
            let page = page.await.map_err(status)?;
            let epoch = page.mailbox.epoch;
            if self.epoch != 0 && self.epoch != epoch {
                // A restore began another epoch: its numbers are new.
                (self.after, self.epoch) = (0, epoch);
                continue;
            }
            self.epoch = epoch;
            let begins = page.beginning.map_or(self.after, |beginning| beginning.count);
            let after = page.items.last().map_or(begins, |item| item.number);
            let nothing = after == self.after;
            // A head is where the mailbox stands, so it comes when the reader stands there, too.
            let head = if after >= page.mailbox.count && (self.due || !nothing) {
                Some(self.follower.api.service.vouch(&page).map_err(status)?)
            } else {
                None
            };
            if nothing && head.is_none() {
                self.due = self.wait().await?;
                continue;
            }
            if self.take(page, head) {
                self.after = after;
            }
        }
    }

    /// Until there may be something new, or a minute without is over, which it says.
    async fn wait(&mut self) -> Result<bool, Status> {
        loop {
            match self.follower.wait(self.look).await? {
                // It may be of another mailbox, whose name begins like this one's.
                Woken::Hint => return Ok(Instant::now() >= self.look),
                Woken::Clock => return Ok(true),
                Woken::Head => drop(self.follower.permit()?),
            }
        }
    }

    /// Takes what was read to hand it over; false if there is no room for it.
    fn take(&mut self, page: MailboxPage, head: Option<Bytes>) -> bool {
        let is_whole = head.is_some();
        let beginning = page.beginning.map(|begins| {
            let (number, epoch) = (begins.count, begins.epoch);
            Answer::Beginning(v1::Beginning { number, chain: convert::hash(&begins.chain), epoch })
        });
        let items = page.items.into_iter().map(|item| Answer::Message(item_message(item)));
        let ready = beginning.into_iter().chain(items).chain(head.map(Answer::Head));
        let ready: VecDeque<_> = ready.map(answer).collect();
        let bytes = ready.iter().map(|answer| answer.encoded_len() + PREFIX_BYTES).sum();
        if self.bytes.as_ref().is_some_and(|held| !held.read_ahead(bytes)) {
            self.wants = bytes;
            return false;
        }
        (self.ready, self.wants) = (ready, 0);
        if is_whole {
            (self.due, self.look) = (false, Instant::now() + LOOK_AGAIN);
            self.last = !self.follow;
        }
        true
    }
}

const fn answer(item: Answer) -> CollectResponse {
    CollectResponse { item: Some(item) }
}

/// An entry as it is handed out.
pub(super) fn item_message(item: Item) -> v1::Item {
    let (letter, letter_index, letter_path) = match item.letter {
        Some((letter, index, path)) => (letter, index, convert::hashes(&path)),
        None => Default::default(),
    };
    v1::Item {
        number: item.number,
        kind: item.kind.byte().into(),
        header: item.header,
        body: item.body,
        letter,
        letter_index,
        letter_path,
        acknowledgement: item.acknowledgement,
        gone: item.gone.map(|digest| convert::hash(&digest)).unwrap_or_default(),
        lost: item.lost.map(|sender| sender.to_string()).unwrap_or_default(),
    }
}
