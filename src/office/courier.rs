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
        let looked = self.outbox.look()?;
        let due = self.at_desk(|desk| hand_in::due(desk, &self.outbox, &looked))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::Family;
    use crate::client::mend::Mend;
    use crate::domain::refusal::Refusal;
    use crate::office::tests::whole::Whole;
    use crate::world::relay::{AT, Net, contact, notification, seat};
    use crate::world::testlog::ambient_at;

    /// Vienna, whose message to these contacts waits.
    fn waiting(net: &Net, to: &[&str]) -> (Whole, MessageId) {
        let vienna = Whole::of(net, AT);
        let sealed = net.seal(net.outside(AT, to), &notification(0));
        let request = Request::submit(sealed.envelope);
        vienna.mail.outbox.put((sealed.id, sealed.header_digest), &request).unwrap();
        (vienna, sealed.id)
    }

    #[test]
    fn whom_a_message_cannot_reach_is_called_and_the_others_may_have_it() {
        let mut net = Net::new();
        let (vienna, id) = waiting(&net, &["fr/cert-fr", "pt/cert-pt"]);
        let (alone, single) = waiting(&net, &["fr/cert-fr"]);
        let full = || {
            let contacts = vec![contact("fr/cert-fr")];
            ClientError::from(Refusal::MailboxShare { contacts, retry: None })
        };
        let mend = |of: &Whole, id, error: &dyn Fn() -> ClientError| {
            let error = of.mail.courier().to_be_called((id, error())).unwrap();
            error.mend.map(|mend| *mend)
        };
        let fr = || vec![contact("fr/cert-fr")];
        assert_eq!(mend(&vienna, id, &full), Some(Mend::CallAndSkip(fr(), id)));
        assert_eq!(mend(&alone, single, &full), Some(Mend::Call(fr())));
        // What is no fault of a recipient is mended as it was.
        let other = || ClientError::from(Refusal::StaleDirectory(contact("fr/cert-fr")));
        assert_eq!(mend(&vienna, id, &other), Some(Mend::Sync));
        let digest = || ClientError::from(Refusal::BodyDigest);
        assert_eq!(mend(&vienna, id, &digest), None);
        // Of what is not here nobody is named, and the error is mended as it was.
        let nobody = MessageId::new(1, [1; 10]);
        assert_eq!(mend(&vienna, nobody, &full), None);
        assert_eq!(mend(&vienna, nobody, &other), Some(Mend::Sync));
        // By the copy as it is: who has no seat any more is named besides.
        net.roster("pt/cert-pt", 2, &[]);
        let mut vienna = vienna;
        vienna.sync(&net);
        let both = vec![contact("fr/cert-fr"), contact("pt/cert-pt")];
        let of = vienna.mail.addressing(id).unwrap().unwrap();
        let order: Vec<_> = of.recipients.iter().map(|to| to.contact.clone()).collect();
        assert_eq!(order, both);
        assert_eq!(mend(&vienna, id, &full), Some(Mend::Call(both)));
    }

    #[test]
    fn what_the_relay_says_and_the_copy_does_not_show_is_blamed_on_who_contradicts_the_others() {
        let net = Net::new();
        let (mut vienna, _) = waiting(&net, &["fr/cert-fr"]);
        let outdated = ClientError::from(Refusal::StaleDirectory(contact("fr/cert-fr")));
        let why = vienna.mail.courier().not_shown(outdated.clone());
        assert_eq!((why.side, why.reason), (Side::Theirs, outdated.reason.clone()));
        let sentence =
            format!("the relay says what the directory does not show: {}", outdated.sentence);
        assert_eq!(why.sentence, sentence);
        // By its clock it is in the future: this one runs ahead of the service and the directory.
        let directory = net.directory.clock();
        vienna.mail.office.net.ambient = ambient_at(directory + 90_000);
        let future = ClientError::from(Refusal::IssuedInFuture {
            issued: directory + 90_000,
            at: directory,
        });
        let why = vienna.mail.courier().not_shown(future.clone());
        assert_eq!((why.side, why.mend.as_deref()), (Side::Ours, Some(&Mend::SetClock)));
        assert!(why.sentence.starts_with(&future.sentence), "{why}");
        assert!(!why.sentence.contains("does not show"), "{why}");
    }

    #[test]
    fn who_stands_still_is_told_to_update_and_blames_nobody() {
        let mut net = Net::new();
        net.newer_rules();
        let vienna = Whole::of(&net, AT);
        let outdated = ClientError::from(Refusal::StaleDirectory(contact("fr/cert-fr")));
        let why = vienna.mail.courier().not_shown(outdated);
        assert_eq!((why.side, why.family), (Side::Ours, Family::UpdateMe));
    }

    #[test]
    fn what_is_due_is_what_waits_and_has_not_expired() {
        let net = Net::new();
        let (mut vienna, id) = waiting(&net, &["fr/cert-fr"]);
        let courier = vienna.mail.courier();
        assert_eq!(courier.seat, seat(AT));
        assert_eq!(courier.is_due(id), Ok(true));
        assert_eq!(courier.is_due(MessageId::new(1, [1; 10])), Ok(false));
        vienna.mail.office.net.ambient = ambient_at(net.ambient.now() + 400 * 86_400);
        assert_eq!(vienna.mail.courier().is_due(id), Ok(false));
    }
}
