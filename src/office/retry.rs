//! What the service refused, handed in again; or a message to the others alone.
//!
//! In scope: what was given up, and what comes of it now. Out of scope: handing in (`hand_in`, `others`). Invariant:
//! what was not refused is touched only to send it to the others; what has expired stays as it is.

use crate::client::error::ClientError;
use crate::client::message::open::Opened;
use crate::client::reason::{Reason, Rule};
use crate::domain::ids::MessageId;
use crate::domain::relay::envelope::VerifiedHeader;

use super::call::{Called, Script, ToCall};
use super::fate::kept_back;
use super::mail::Mail;
use super::others::Went;
use super::pointer::{NotOne, only};

/// A request that the relay refused, or one that waits, and that has not expired.
#[derive(Debug)]
pub struct GivenUp {
    /// Its id in the outbox.
    pub id: MessageId,
    /// To whom it is, and of which class.
    pub header: VerifiedHeader,
    /// Why it was refused; nothing, if it waits.
    pub reason: Option<Reason>,
}

/// Why nothing is handed in again.
#[derive(Debug)]
pub enum NothingAgain {
    /// Nothing that was sent from here is refused.
    NoneRefused,
    /// No id here begins so, or several do.
    NotOne(NotOne<MessageId>),
    /// It was accepted.
    Accepted(MessageId),
    /// It went to the others, as another.
    WentToOthers {
        /// What was asked for.
        id: MessageId,
        /// What went in its place.
        other: MessageId,
    },
    /// It waits, and goes by itself.
    Waits(MessageId),
    /// It has expired.
    Expired(MessageId),
    /// Files, the copy of the directory.
    Failed(Box<ClientError>),
}

impl<E: Into<ClientError>> From<E> for NothingAgain {
    fn from(why: E) -> Self {
        Self::Failed(Box::new(why.into()))
    }
}

/// What came of a request that was handed in again.
#[derive(Debug)]
pub struct Again {
    /// The request, by its id.
    pub id: MessageId,
    /// What went, or why nothing did.
    pub went: Result<Went, ClientError>,
    /// Whom to call.
    pub calls: Vec<ToCall>,
    /// What to say to these.
    pub script: Option<Script>,
}

impl Mail {
    /// The one request whose id begins so, or all of them, as far as they were refused; with `or_waits` also what
    /// waits.
    ///
    /// # Errors
    /// There is none.
    pub fn given_up(
        &self,
        prefix: Option<&str>,
        or_waits: bool,
    ) -> Result<Vec<GivenUp>, NothingAgain> {
        let mut ids = self.outbox.ids()?;
        let named = prefix.map(|prefix| {
            let prefix = prefix.trim().to_lowercase();
            ids.retain(|id| id.to_string().starts_with(&prefix));
            only(ids.clone()).map_err(NothingAgain::NotOne)
        });
        let named = named.transpose()?;
        let given_up = ids.into_iter().map(|id| GivenUp::of(self, id, or_waits));
        let given_up: Vec<GivenUp> =
            given_up.filter_map(Result::transpose).collect::<Result<_, ClientError>>()?;
        if given_up.is_empty() { Err(self.nothing_again(named)?) } else { Ok(given_up) }
    }

    fn nothing_again(&self, named: Option<MessageId>) -> Result<NothingAgain, ClientError> {
        let Some(id) = named else { return Ok(NothingAgain::NoneRefused) };
        if self.outbox.accepted_receipt(id)?.is_some() {
            return Ok(NothingAgain::Accepted(id));
        }
        if let Some(other) = self.outbox.went_as(id)? {
            return Ok(NothingAgain::WentToOthers { id, other });
        }
        let waits = self.due()?.iter().any(|due| due.id == id);
        Ok(if waits { NothingAgain::Waits(id) } else { NothingAgain::Expired(id) })
    }

    /// Hands each of them in. Where some of its contacts cannot have it, it goes to the others if `skip`, or if
    /// people say so.
    ///
    /// # Errors
    /// The service cannot be reached: they wait; files.
    pub async fn hand_in_again(
        &mut self,
        all: &[GivenUp],
        skip: bool,
    ) -> Result<Vec<Again>, ClientError> {
        for one in all {
            self.outbox.retry(one.id)?;
        }
        let session = match (self.connect().await, all.first()) {
            (Ok(session), _) => session,
            (Err(error), Some(first)) => return Err(kept_back(&self.outbox, error, first.id)),
            (Err(error), None) => return Err(error),
        };
        let mut came = Vec::new();
        for one in all {
            let went = self.hand_in_to_who_can(&session, one.id, skip).await;
            came.push(Again::of(self, one.id, went)?);
        }
        Ok(came)
    }

    /// What may be said on a telephone of a message that was sent from here.
    fn script_of(&self, id: MessageId) -> Result<Option<Script>, ClientError> {
        let request = self.outbox.request(id)?;
        let Some(envelope) = request.envelope() else { return Ok(None) };
        let Ok(Opened { header, inside, .. }) = self.opened_own(envelope)? else { return Ok(None) };
        let own = Called::of(self.replica.directory()?, &self.seat.contact());
        let drill = header.addressing().drill.as_ref().map(|drill| &drill.name[..]);
        Ok(Script::of(own, &inside, drill))
    }
}

impl GivenUp {
    /// Nothing, if it was not refused; what waits is one if `or_waits`.
    fn of(mail: &Mail, id: MessageId, or_waits: bool) -> Result<Option<Self>, ClientError> {
        // For a receipt that is not due nobody waits.
        let reason = mail.outbox.refused(id)?.filter(|reason| *reason != Rule::ReceiptNotDue);
        if reason.is_none() && !(or_waits && mail.outbox.waits(id)) {
            return Ok(None);
        }
        let request = mail.outbox.request(id)?;
        let header = request.envelope().map(|envelope| &envelope.header[..]).unwrap_or_default();
        let Ok(header) = mail.own_header(header)? else { return Ok(None) };
        let lives = mail.now() < header.addressing().expires;
        Ok(lives.then_some(Self { id, header, reason }))
    }
}

impl Again {
    fn of(
        mail: &Mail,
        id: MessageId,
        went: Result<Went, ClientError>,
    ) -> Result<Self, ClientError> {
        let left_out = went.as_ref().map_or(&[][..], |went| &went.left_out);
        let calls = ToCall::all(&mail.replica, left_out)?;
        let script = if calls.is_empty() { None } else { mail.script_of(id)? };
        Ok(Self { id, went, calls, script })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::outbox::Request;
    use crate::office::tests::whole::Whole;
    use crate::world::relay::{AT, Net, notification};

    /// Kept in the outbox of this seat, to France.
    fn kept(net: &Net, of: &Whole) -> MessageId {
        let sealed = net.seal(net.outside(AT, &["fr/cert-fr"]), &notification(1));
        let request = Request::submit(sealed.envelope);
        of.mail.outbox.put((sealed.id, sealed.header_digest), &request).unwrap();
        sealed.id
    }

    fn refuse(of: &Whole, id: MessageId, why: Rule) {
        let request = of.mail.outbox.request(id).unwrap();
        assert!(of.mail.outbox.refuse((id, &request), &why.into()).unwrap());
    }

    fn ids(found: Result<Vec<GivenUp>, NothingAgain>) -> Vec<(MessageId, Option<Reason>)> {
        found.unwrap().into_iter().map(|one| (one.id, one.reason)).collect()
    }

    #[test]
    fn only_what_was_refused_goes_again_and_what_waits_if_that_is_asked_for() {
        let net = Net::new();
        let vienna = Whole::of(&net, AT);
        let mail = &vienna.mail;
        let [refused, waits] = [kept(&net, &vienna), kept(&net, &vienna)];
        assert!(matches!(mail.given_up(None, false), Err(NothingAgain::NoneRefused)));
        refuse(&vienna, refused, Rule::RecipientWithoutSeats);
        let why = Reason::from(Rule::RecipientWithoutSeats);
        assert_eq!(ids(mail.given_up(None, false)), [(refused, Some(why.clone()))]);
        let both = [(refused, Some(why.clone())), (waits, None)];
        assert_eq!(ids(mail.given_up(None, true)), both);
        // By the first digits of its id, however they are written.
        let shouted = format!(" {} ", refused.to_string().to_uppercase());
        assert_eq!(ids(mail.given_up(Some(&shouted), false)), [(refused, Some(why))]);
        let found = mail.given_up(Some(&waits.to_string()), false);
        assert!(matches!(found, Err(NothingAgain::Waits(id)) if id == waits), "{found:?}");
        assert_eq!(ids(mail.given_up(Some(&waits.to_string()), true)), [(waits, None)]);
    }

    #[test]
    fn no_id_or_several_are_told_apart() {
        let net = Net::new();
        let vienna = Whole::of(&net, AT);
        let mut both = vec![kept(&net, &vienna), kept(&net, &vienna)];
        let Err(NothingAgain::NotOne(NotOne::Several(mut found))) =
            vienna.mail.given_up(Some(""), true)
        else {
            panic!("two begin so");
        };
        both.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, both);
        let none = vienna.mail.given_up(Some("zz"), true);
        assert!(matches!(none, Err(NothingAgain::NotOne(NotOne::Unknown))), "{none:?}");
    }

    #[test]
    fn what_the_relay_has_what_went_otherwise_and_what_has_expired_stays_as_it_is() {
        let mut net = Net::new();
        let vienna = Whole::of(&net, AT);
        let accepted = kept(&net, &vienna);
        vienna.hand_in(&mut net);
        let nothing = |id: MessageId| vienna.mail.given_up(Some(&id.to_string()), true);
        let found = nothing(accepted);
        assert!(matches!(found, Err(NothingAgain::Accepted(id)) if id == accepted), "{found:?}");

        let mut outside = net.outside(AT, &["fr/cert-fr"]);
        let now = vienna.mail.now();
        (outside.created, outside.expires) = (Some(now - 100), Some(now - 1));
        let sealed = net.seal(outside, &notification(1));
        let request = Request::submit(sealed.envelope);
        vienna.mail.outbox.put((sealed.id, sealed.header_digest), &request).unwrap();
        refuse(&vienna, sealed.id, Rule::AlreadyExpired);
        let found = nothing(sealed.id);
        assert!(matches!(found, Err(NothingAgain::Expired(id)) if id == sealed.id), "{found:?}");
    }

    #[tokio::test]
    async fn while_nobody_is_reached_what_was_refused_waits_again() {
        let net = Net::new();
        let mut vienna = Whole::of(&net, AT);
        let refused = kept(&net, &vienna);
        refuse(&vienna, refused, Rule::RecipientWithoutSeats);
        let all = vienna.mail.given_up(None, false).unwrap();
        let error = vienna.mail.hand_in_again(&all, false).await.unwrap_err();
        assert_eq!(error.waiting(), Some(refused));
        assert_eq!(vienna.mail.outbox.refused(refused).unwrap(), None);
        assert!(vienna.mail.outbox.waits(refused));
    }
}
