//! Handing in what waits in the outbox, and what that asks for: a sync, a message sealed again, the message
//! that one answers.
//!
//! In scope: one request, until the relay has it or says no. Out of scope: which one and when (`mail`,
//! `cli`), each rule about it (`hand_in`, `again`). Invariant: it needs nothing of the
//! inbox, so that it goes on beside whatever else is done.

use std::sync::Arc;

use bytes::Bytes;

use crate::client::error::{ClientError, Side};
use crate::client::message::open::Reader;
use crate::client::message::receipt::VerifiedAccepted;
use crate::client::outbox::{Outbox, Request};
use crate::client::reach::session::Session;
use crate::client::reason::{Here, Rule};
use crate::client::replica::Replica;
use crate::crypto::seal::OpeningKey;
use crate::crypto::sign::SigningKey;
use crate::domain::directory::Directory;
use crate::domain::ids::{MessageId, SeatId};

use super::again;
use super::collect::{self, Desk, SealError};
use super::fate::{after_a_sync, given_up, kept_back, without_receipt};
use super::hand_in;
use super::index::Index;
use super::standing::of_clocks;
use super::told::Note;
use super::{Office, call};

/// A seat, its outbox, and a copy of the directory.
pub struct Courier {
    /// Where it is at work.
    pub office: Office,
    /// The seat that it acts for.
    pub seat: SeatId,
    /// The copy, which may be newer in the end.
    pub replica: Arc<Replica>,
    /// What was sent.
    pub outbox: Outbox,
    /// To open what was sealed here, and to seal it again.
    pub keys: SeatKeys,
}

/// The keys of a seat, of which its copy of the directory says which is in force.
#[derive(Clone)]
pub struct SeatKeys {
    opening: Arc<[OpeningKey]>,
    sign: Arc<SigningKey>,
    /// The newest entry about its contact when they were read.
    as_of: Option<u64>,
}

impl SeatKeys {
    /// Those of this home.
    ///
    /// # Errors
    /// Keys, or there is no copy of the directory.
    pub fn read(office: &Office, seat: &SeatId, replica: &Replica) -> Result<Self, ClientError> {
        let (keys, directory) = (office.home.keys(), replica.directory()?);
        Ok(Self {
            sign: Arc::new(keys.signing_by(seat, directory, office.ambient())?),
            opening: keys.opening(seat)?.into(),
            as_of: directory.last_change(&seat.contact()),
        })
    }

    /// Keys that stand in no home.
    #[cfg(test)]
    pub(super) fn held(opening: Vec<OpeningKey>, sign: SigningKey) -> Self {
        Self { opening: opening.into(), sign: Arc::new(sign), as_of: None }
    }

    /// Reads them again, if the copy shows that something about the seat's contact has changed: who stays
    /// takes up new keys so.
    ///
    /// # Errors
    /// As [`SeatKeys::read`].
    pub fn follow(
        &mut self,
        office: &Office,
        seat: &SeatId,
        replica: &Replica,
    ) -> Result<(), ClientError> {
        if replica.directory()?.last_change(&seat.contact()) != self.as_of {
            *self = Self::read(office, seat, replica)?;
        }
        Ok(())
    }
}

/// A seat at work, for as long as `work` takes.
///
/// # Errors
/// The copy of the directory lacks entries.
pub fn at_desk<T>(
    office: &Office,
    (replica, seat, keys): (&Replica, &SeatId, &SeatKeys),
    index: &Index,
    work: impl FnOnce(&Desk<'_>) -> T,
) -> Result<T, ClientError> {
    let view = replica.view()?;
    let tree = replica.tree();
    let root_at = |size: u64| if size <= view.size { tree.root_at(size) } else { None };
    let (directory, opening, sign) = (replica.directory()?, &keys.opening[..], &*keys.sign);
    let reader = Reader { directory, root_at: &root_at, seat, keys: opening };
    Ok(work(&Desk { reader, index, sign, view, ambient: office.ambient() }))
}

impl Courier {
    fn at_desk<T>(&self, work: impl FnOnce(&Desk<'_>) -> T) -> Result<T, ClientError> {
        at_desk(&self.office, (&self.replica, &self.seat, &self.keys), &Index::default(), work)
    }

    fn is_due(&self, id: MessageId) -> Result<bool, ClientError> {
        let due = self.at_desk(|desk| hand_in::due(desk, &self.outbox))??;
        Ok(due.iter().any(|due| due.id == id))
    }

    /// Hands in one request of the outbox, with patience. What is refused for good waits no longer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn hand_in(
        &mut self,
        session: &Session,
        id: MessageId,
    ) -> Result<VerifiedAccepted, ClientError> {
        let accepted = match self.offer(session, id).await {
            Ok(accepted) => accepted,
            Err(error) => {
                let error = self.to_be_called((id, error))?;
                let refused = self.outbox.refused(id)?.is_some();
                return Err(if refused {
                    given_up(&self.outbox, error, id)
                } else {
                    kept_back(&self.outbox, error, id)
                });
            }
        };
        let mut synced = false;
        loop {
            let take = |desk: &Desk<'_>| collect::take_accepted(desk, &self.outbox, id, &accepted);
            let taken = self.at_desk(take)?;
            match taken.map_err(ClientError::from) {
                // The service has committed entries since.
                Err(error) if error.reason == Here::SyncFirst && !synced => {
                    let sync = self.sync(session).await;
                    sync.map_err(|error| without_receipt(id, error))?;
                    synced = true;
                }
                taken => {
                    return taken.map_err(|error| without_receipt(id, after_a_sync(error)));
                }
            }
        }
    }

    /// Why it was not accepted, and whom to call if that is because of its recipients.
    fn to_be_called(
        &self,
        (id, error): (MessageId, ClientError),
    ) -> Result<ClientError, ClientError> {
        let header = self.at_desk(|desk| collect::sent_header(desk, &self.outbox, id))?;
        let Ok(header) = header else { return Ok(error) };
        let of = &header.addressing().recipients;
        let to = of.iter().map(|to| &to.contact);
        let cannot =
            call::who_cannot(self.replica.directory()?, to, &error.reason, &error.facts.contacts);
        match call::mend(id, &cannot, of.len()) {
            Some(mend) => Ok(error.mended_by(mend)),
            None => Ok(error),
        }
    }

    /// The relay's receipt for a request. If the directory has changed since it was sealed, it is
    /// sealed again, once.
    async fn offer(&mut self, session: &Session, id: MessageId) -> Result<Bytes, ClientError> {
        self.send_answered(session, id).await?;
        let relay = &session.relay();
        let before = self.outbox.request(id)?;
        match hand_in::offer(relay, &self.outbox, id).await {
            Err(error) if hand_in::is_outdated(&error) => {
                if let Some(accepted) = hand_in::held(relay, id).await? {
                    return Ok(accepted);
                }
                self.sync(session).await?;
                match self.seal_again((id, &before))? {
                    Err(SealError::NotOutdated) => return Err(self.not_shown(error)),
                    sealed => sealed?,
                }
                self.office.tell(Note::SealedAgain(id));
                hand_in::offer(relay, &self.outbox, id).await
            }
            offered => offered,
        }
    }

    async fn sync(&mut self, session: &Session) -> Result<(), ClientError> {
        self.office.sync(session, Arc::make_mut(&mut self.replica)).await?;
        self.keys.follow(&self.office, &self.seat, &self.replica)
    }

    /// Hands in the message of this outbox that one answers, if it waits, so that the relay has the
    /// header that is named. Who wrote an answer to what was refused wants it sent all the same.
    async fn send_answered(&mut self, session: &Session, id: MessageId) -> Result<(), ClientError> {
        let answered = self.at_desk(|desk| again::answered(desk, &self.outbox, id))??;
        let Some(answered) = answered else { return Ok(()) };
        if self.is_due(answered)?
            && let Err(error) = Box::pin(self.hand_in(session, answered)).await
            && self.is_due(answered)?
        {
            return Err(error);
        }
        if self.at_desk(|desk| again::names_what_was(desk, &self.outbox, id))?? {
            let before = self.outbox.request(id)?;
            self.seal_again((id, &before))??;
        }
        Ok(())
    }

    fn seal_again(
        &self,
        before: (MessageId, &Request),
    ) -> Result<Result<(), SealError>, ClientError> {
        let stale = self.replica.is_stale(self.office.ambient().now());
        self.at_desk(|desk| again::seal_again(desk, &self.outbox, before, stale))
    }

    /// The relay says of a request what the copy of the directory does not show.
    fn not_shown(&self, error: ClientError) -> ClientError {
        if error.reason == Rule::IssuedInFuture {
            // By the clock here it is not: it waits until they agree.
            let directory = self.replica.directory().map_or(0, Directory::clock);
            return of_clocks(error, self.office.ambient().now(), directory);
        }
        if let Some(frozen) = self.replica.frozen() {
            return ClientError::update_me(frozen);
        }
        let sentence =
            format!("the relay says what the directory does not show: {}", error.sentence);
        ClientError { side: Side::Theirs, sentence, ..error }
    }
}
