//! Asking the service what became of what was sent.
//!
//! In scope: which messages are asked about, what is taken of the answers, what the service has lost. Out of scope:
//! verifying (`collect`), the page of it (`made`). Invariant: nothing that is known is asked for again.

use crate::client::error::{ClientError, Family};
use crate::client::message::receipt::ReceiptError;
use crate::client::outbox::SentState;
use crate::client::reach::session::Session;
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::limits;
use crate::domain::relay::addressing::Addressing;
use crate::office::Office;
use crate::office::collect;
use crate::office::mail::Mail;
use crate::office::news::News;
use crate::office::pointer::Pointer;
use crate::office::told::Note;

use super::{NotHeld, Page};

/// A seat whose service was asked what became of what it sent.
pub struct Asked {
    session: Session,
    mail: Mail,
    news: News,
    not_held: NotHeld,
}

impl Office {
    /// Collects what answers, hands in what waits, and asks about each message, or about those that are pointed at.
    ///
    /// # Errors
    /// As [`Mail::online`] and [`Mail::collected`]; the network.
    pub async fn ask_what_became(&self, of: Option<&Pointer>) -> Result<Asked, ClientError> {
        let (session, mut mail) = Mail::online(self).await?;
        let mut news = mail.collected(&session, (ANSWERS, Mail::answers_ours)).await?;
        mail.send_own(&session, &mut news).await?;
        let not_held = self.ask(&session, &mut mail, of).await?;
        // What the service has lost goes again.
        mail.send_own(&session, &mut news).await?;
        mail.tell(&mut news);
        Ok(Asked { session, mail, news, not_held })
    }

    /// Asks about each message of which something may still come, or has come in part.
    async fn ask(
        &self,
        session: &Session,
        mail: &mut Mail,
        of: Option<&Pointer>,
    ) -> Result<NotHeld, ClientError> {
        let (now, mut not_held) = (self.ambient().now(), NotHeld::new());
        for id in mail.outbox.ids()? {
            let state = mail.outbox.state(id)?;
            let Some(header) = mail.sent_to_people(id)? else { continue };
            let wanted = of.is_none_or(|at| at.is_at_sent(&header));
            if wanted && is_open(&state, header.addressing(), now) {
                let may_be_lost = may_be_lost(&state, header.addressing(), now);
                let said = self.ask_about((session, &mut *mail), (id, may_be_lost)).await?;
                not_held.insert(id, said);
            }
        }
        Ok(not_held)
    }

    async fn ask_about(
        &self,
        (session, mail): (&Session, &mut Mail),
        (id, may_be_lost): (MessageId, bool),
    ) -> Result<Vec<ReceiptError>, ClientError> {
        let status = match session.relay().status(id).await {
            // The relay forgets after a while; what came before stays here.
            Err(error) if error.family == Family::NotFound => {
                if may_be_lost {
                    mail.outbox.offer_again(id)?;
                    self.tell(Note::LostByService(id));
                }
                return Ok(Vec::new());
            }
            status => status?,
        };
        let take = |mail: &Mail| {
            mail.at_desk(|desk| collect::take_status(desk, &mail.outbox, id, &status))
        };
        let not_held = take(mail)??;
        if !not_held.iter().any(|why| matches!(why, ReceiptError::SyncFirst(_))) {
            return Ok(not_held);
        }
        mail.catch_up(session, &mut News::default()).await?;
        let size = mail.replica.view()?.size;
        Ok(take(mail)??.into_iter().map(|why| why.beyond("receipt", size)).collect())
    }
}

impl Asked {
    /// What became of it.
    ///
    /// # Errors
    /// As [`Mail::sent`].
    pub fn page(&self) -> Result<Page, ClientError> {
        self.mail.sent(self.not_held.clone())
    }

    /// Does what nobody waits for, when the page was shown. See [`Mail::finish`].
    ///
    /// # Errors
    /// As [`Mail::finish`]; what waited was refused for good.
    pub async fn finish(mut self) -> Result<(), ClientError> {
        let finished = self.mail.finish(&self.session).await;
        self.news.ends().and(finished.map_err(ClientError::after_its_object))
    }
}

/// Whether words stand alone, or a recipient has not acknowledged and still can.
fn is_open(state: &SentState, of: &Addressing, now: u64) -> bool {
    let mut words = state.words.iter();
    let alone = words.any(|seat| !state.acknowledged.contains(seat));
    let signed: Vec<ContactId> = state.acknowledged.iter().map(SeatId::contact).collect();
    let mut contacts = of.recipients.iter().map(|to| &to.contact);
    let open = contacts.any(|to| !signed.contains(to));
    let forgotten = of.expires + limits::ID_REMEMBERED_SECONDS < now;
    alone || (open && !forgotten && state.accepted.is_some())
}

/// Whether the relay, if it does not know it, has lost it: it has not expired, and not every contact has
/// it.
fn may_be_lost(state: &SentState, of: &Addressing, now: u64) -> bool {
    let has = |to: &ContactId| state.delivered.iter().any(|(seat, _)| seat.contact() == *to);
    state.accepted.is_some() && now < of.expires && !of.recipients.iter().all(|to| has(&to.contact))
}

/// Answers and receipts that are waited for: each of 32 contacts with 16 seats has told.
const ANSWERS: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::relay::addressing::OrLater;
    use crate::office::sent::tests::message_of;
    use crate::signed::proto::Outcome;
    use crate::world::relay::{FR, FR_2, Net, PT, seat};

    /// Who has acknowledged openly is known by asking only.
    #[test]
    fn the_relay_is_asked_while_something_may_come_or_words_stand_alone() {
        let sent = message_of(&Net::new());
        let of = sent.header.addressing();
        let (early, late) = (of.created, of.expires + limits::ID_REMEMBERED_SECONDS + 1);
        let asked = |change: &dyn Fn(&mut SentState)| {
            let mut state = sent.state.clone();
            change(&mut state);
            [early, late].map(|now| is_open(&state, of, now))
        };
        let [fr, colleague, pt] = [FR, FR_2, PT].map(seat);
        assert_eq!(asked(&|_| ()), [true, false]);
        assert_eq!(asked(&|state| state.accepted = None), [false, false]);
        let words = |state: &mut SentState| state.words = vec![fr.clone()];
        assert_eq!(asked(&words), [true, true]);
        assert_eq!(asked(&|state| (words(state), state.accepted = None).1), [true, true]);
        let all = vec![colleague.clone(), pt.clone()];
        assert_eq!(asked(&|state| state.acknowledged.clone_from(&all)), [false, false]);
        let both = |state: &mut SentState| (words(state), state.acknowledged.clone_from(&all)).1;
        assert_eq!(asked(&both), [true, true]);
        let same = |state: &mut SentState| (words(state), state.acknowledged = vec![fr.clone()]).1;
        assert_eq!(asked(&same), [true, false]);
    }

    /// What everybody has, what has expired, and what the relay never had, it has not lost.
    #[test]
    fn what_the_relay_does_not_know_is_lost_while_somebody_waits_for_it() {
        let sent = message_of(&Net::new());
        let (of, mut state) = (sent.header.addressing(), sent.state.clone());
        let lost =
            |state: &SentState| [of.expires - 1, of.expires].map(|now| may_be_lost(state, of, now));
        assert_eq!(lost(&state), [true, false]);
        state.delivered = vec![(seat(FR), OrLater::Known(Outcome::Opened))];
        assert_eq!(lost(&state), [true, false]);
        let everybody = [FR_2, PT].map(|of| (seat(of), OrLater::Known(Outcome::NoKey)));
        state.delivered = everybody.to_vec();
        assert_eq!(lost(&state), [false, false]);
        state = SentState { accepted: None, delivered: Vec::new(), ..state };
        assert_eq!(lost(&state), [false, false]);
    }
}
