//! How a page of what was sent is made: from the outbox, and from what came in answer, each verified again.

use prost::Message as _;

use crate::client::error::ClientError;
use crate::client::message::content::{self, Inside};
use crate::client::message::open::Opened;
use crate::client::message::places::Contradiction;
use crate::client::message::receipt::{self, Place, ReceiptError, Told};
use crate::client::outbox::Request;
use crate::client::reason::Reason;
use crate::crypto::hash::Digest;
use crate::domain::directory::Directory;
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::relay::acknowledge::VerifiedAcknowledgement;
use crate::domain::relay::belief;
use crate::domain::relay::envelope::VerifiedHeader;
use crate::domain::relay::level;
use crate::domain::state::EntryKind;
use crate::office::call::{Why, who_cannot};
use crate::office::collect::{self, TakeError};
use crate::office::hand_in::Due;
use crate::office::index::Row;
use crate::office::mail::Mail;
use crate::office::page::has_ended;
use crate::signed::dsse::Envelope;
use crate::signed::proto::{self, Class};

use super::{Accepted, Acknowledged, Answer, Delivered, NotHeld, Page, Sent};

impl Mail {
    /// What became of all that was sent from here. `not_held` is what the relay said when it was asked.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub fn sent(&self, mut not_held: NotHeld) -> Result<Page, ClientError> {
        let (answers, due) = (self.answers()?, self.due()?);
        let contradictions = self.contradictions()?;
        let mut messages = Vec::new();
        for id in self.outbox.ids()? {
            let Some(header) = self.sent_to_people(id)? else { continue };
            let not_held = not_held.remove(&id).unwrap_or_default();
            let shows = contradictions.iter().filter(|of| of.messages.contains(&id));
            let contradictions = shows.cloned().collect();
            let sent = self.sent_message((header, not_held), &answers, &due)?;
            messages.push(Sent { contradictions, ..sent });
        }
        Ok(Page { messages, contradictions })
    }

    /// Where the relay's receipts contradict each other.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub fn contradictions(&self) -> Result<Vec<Contradiction>, ClientError> {
        Ok(self.at_desk(|desk| collect::contradictions(desk, &self.outbox))??)
    }

    /// The header of a message to people; nothing for receipts and acknowledgements.
    pub(super) fn sent_to_people(
        &self,
        id: MessageId,
    ) -> Result<Option<VerifiedHeader>, ClientError> {
        let Request::Submit(request) = self.outbox.request(id)? else { return Ok(None) };
        let bytes = request.envelope.map(|envelope| envelope.header).unwrap_or_default();
        let header = self.own_header(&bytes)?.ok();
        Ok(header.filter(|header| header.addressing().class != Class::Receipt))
    }

    /// Whether what came says that it answers what was sent from here.
    pub(super) fn answers_ours(&self, row: &Row) -> bool {
        let sent = |about| self.outbox.find(about).is_ok_and(|id| id.is_some());
        row.is_message() && row.about().is_some_and(sent)
    }

    fn answers(&self) -> Result<Vec<Came>, ClientError> {
        let mut found = Vec::new();
        for row in self.index.rows().iter().filter(|row| self.answers_ours(row)) {
            let kept = self.inbox.item(row.number)?;
            if kept.kind != EntryKind::Addressed || row.is_receipt() {
                continue;
            }
            let Ok(opened) = self.opened(&kept)? else { continue };
            found.extend(Came::of(self.replica.directory()?, row.number, opened));
        }
        Ok(found)
    }

    /// Without where its receipts contradict others.
    fn sent_message(
        &self,
        (header, mut not_held): (VerifiedHeader, Vec<ReceiptError>),
        answers: &[Came],
        due: &[Due],
    ) -> Result<Sent, ClientError> {
        let id = header.addressing().id;
        let (mut state, directory) = (self.outbox.state(id)?, self.replica.directory()?);
        let (told, not_accepted) = match self.told_of(id, &header)? {
            Ok(told) => (told, None),
            Err(why) => (None, Some(why)),
        };
        // Asked again, the relay's receipt is looked at beside it.
        not_held.retain(|why| Some(why) != not_accepted.as_ref());
        let delivered =
            state.delivered.iter().map(|(seat, _)| self.delivered(id, seat, told.as_ref()));
        let delivered = delivered.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        let recipients: Vec<&ContactId> =
            header.addressing().recipients.iter().map(|to| &to.contact).collect();
        let is_mine = |came: &&Came| {
            came.about == header.digest() && recipients.contains(&&came.from.contact())
        };
        let mine: Vec<&Came> = answers.iter().filter(is_mine).collect();
        let mut open = Vec::new();
        for seat in &state.acknowledged {
            match self.acknowledgement((id, &header), seat)? {
                Some(Ok(verified)) => open.push(verified),
                Some(Err(why)) => not_held.push(why),
                None => {}
            }
        }
        state.acknowledged = open.iter().map(|open| open.seat().clone()).collect();
        let acknowledged = open.iter();
        let acknowledged =
            acknowledged.map(|open| Acknowledged::of(directory, (open.seat(), Some(open)), &mine));
        let alone = state.words.iter().filter(|seat| !state.acknowledged.contains(seat));
        let words = alone.map(|seat| Acknowledged::of(directory, (seat, None), &mine));
        let (refused, went_as) = (self.outbox.refused(id)?, self.outbox.went_as(id)?);
        let lives = self.now() < header.addressing().expires && went_as.is_none();
        let cannot = refused.as_ref().filter(|_| lives);
        Ok(Sent {
            title: self.title(id)?,
            waits: due.iter().any(|due| due.id == id),
            kept_back: self.outbox.why_kept_back(id)?,
            cannot: cannot.map(|reason| cannot_have_it(directory, &recipients, reason)),
            refused,
            went_as,
            accepted: told.map(|told| Accepted::of(directory, &told, &header)),
            not_accepted,
            not_held,
            contradictions: Vec::new(),
            delivered,
            acknowledged: acknowledged.collect(),
            words: words.collect(),
            answers: Answer::all(&mine),
            state,
            header,
        })
    }

    /// The relay's receipts, verified again.
    fn told_of(
        &self,
        id: MessageId,
        header: &VerifiedHeader,
    ) -> Result<Result<Option<Told>, ReceiptError>, ClientError> {
        let told = self.at_desk(|desk| collect::told(desk, &self.outbox, id, header))?;
        match told {
            Ok(told) => Ok(Ok(told)),
            Err(TakeError::Receipt(why)) => Ok(Err(why)),
            Err(other) => Err(other.into()),
        }
    }

    fn delivered(
        &self,
        id: MessageId,
        seat: &SeatId,
        told: Option<&Told>,
    ) -> Result<Option<Delivered>, ClientError> {
        let Some(bytes) = self.outbox.delivered_receipt(id, seat)? else { return Ok(None) };
        let Ok(inner) = Envelope::parse(&bytes, bytes.len()) else { return Ok(None) };
        Ok(Some(Delivered::of(self.replica.directory()?, seat, &inner, told)))
    }

    /// The open acknowledgement of a seat, verified again.
    fn acknowledgement(
        &self,
        (id, header): (MessageId, &VerifiedHeader),
        seat: &SeatId,
    ) -> Result<Option<Result<VerifiedAcknowledgement, ReceiptError>>, ClientError> {
        let Some(bytes) = self.outbox.acknowledgement(id, seat)? else { return Ok(None) };
        let verified = self.at_desk(|desk| {
            let known = (desk.reader.directory, desk.reader.root_at);
            receipt::verify_acknowledgement(known, header, &bytes)
        })?;
        Ok(Some(verified))
    }
}

/// Who of the recipients of a message that was refused for this reason cannot have it.
fn cannot_have_it(
    directory: &Directory,
    to: &[&ContactId],
    reason: &Reason,
) -> Vec<(ContactId, Why)> {
    let cannot = who_cannot(directory, to.iter().copied(), reason, &[]);
    cannot.into_iter().map(|(contact, why)| (contact.clone(), why)).collect()
}

/// What stands in the inbox about messages that were sent.
pub(super) struct Came {
    number: u64,
    from: SeatId,
    id: MessageId,
    about: Digest,
    inside: Inside,
    /// A key that signed has ended since.
    pub(super) key_ended: bool,
}

impl Came {
    /// What an opened message says of the one that it answers; a receipt stands in the outbox.
    pub(super) fn of(directory: &Directory, number: u64, opened: Opened) -> Option<Self> {
        let of = opened.header.addressing();
        let about = of.in_reply_to.filter(|_| of.class != Class::Receipt)?;
        Some(Self {
            number,
            from: of.sender.clone(),
            id: of.id,
            about,
            key_ended: has_ended(directory, &opened.header),
            inside: opened.inside,
        })
    }
}

impl Accepted {
    fn of(directory: &Directory, told: &Told, header: &VerifiedHeader) -> Self {
        let places = told.places().iter();
        let began = told.began().iter();
        let without = header.addressing().recipients.iter().map(|to| &to.contact);
        let without = without.filter(|to| told.places().iter().all(|at| at.contact != **to));
        Self {
            at: told.at(),
            key_ended: told.signers().any(|key| belief::has_ended(directory, key)),
            places: places.map(|at| (at.contact.clone(), at.mailbox.count)).collect(),
            without_place: without.cloned().collect(),
            new_mailboxes: began.map(|at| (at.contact.clone(), at.mailbox.epoch)).collect(),
        }
    }
}

impl Delivered {
    /// As the inner message of its receipt says.
    fn of(directory: &Directory, seat: &SeatId, inner: &Envelope, told: Option<&Told>) -> Self {
        let message = proto::Message::decode(inner.payload().clone()).unwrap_or_default();
        let said = proto::Delivered::decode(message.content).unwrap_or_default();
        let seen = Place::read(said.place.as_ref()).ok();
        let mut keys = inner.signatures().iter().map(|of| of.key_id);
        Self {
            seat: seat.clone(),
            at: said.at,
            outcome: content::outcome(&said),
            compared: told.zip(seen).map(|(told, seen)| told.compare(&seen, inner)),
            key_ended: keys.any(|key| belief::has_ended(directory, key)),
        }
    }
}

impl Acknowledged {
    /// Openly, and in words that came.
    pub(super) fn of(
        directory: &Directory,
        (seat, open): (&SeatId, Option<&VerifiedAcknowledgement>),
        came: &[&Came],
    ) -> Self {
        let words = came.iter().find_map(|came| match &came.inside {
            Inside::Words(words) if came.from == *seat => Some((words, came.key_ended)),
            Inside::Words(_) | Inside::Content(_) | Inside::Delivered(_) | Inside::Later(_) => None,
        });
        let words_ended = words.is_some_and(|(_, ended)| ended);
        let words = words.map(|(words, _)| words);
        let said = |of: fn(&proto::Words) -> &String| {
            words.map(|words| of(words).clone()).filter(|text| !text.is_empty())
        };
        let open_ended = open.is_some_and(|open| belief::has_ended(directory, open.key()));
        Self {
            seat: seat.clone(),
            level: open.map(|open| open.level()),
            key_ended: open_ended || words_ended,
            level_lacking: open.is_some_and(|open| {
                level::is_lacking(directory, &seat.contact(), open.level(), open.view().size)
            }),
            at: open.map(|open| open.at()),
            person: said(|words| &words.person),
            office: said(|words| &words.office),
            reference: said(|words| &words.own_reference),
            statement: said(|words| &words.statement),
            text: words.and_then(|words| words.text.as_ref()).map(|text| text.text.clone()),
        }
    }
}

impl Answer {
    pub(super) fn all(came: &[&Came]) -> Vec<Self> {
        let replies = came.iter().filter_map(|came| match &came.inside {
            Inside::Content(content) => Some(Self {
                number: came.number,
                id: came.id,
                from: came.from.clone(),
                title: content.title.clone(),
                key_ended: came.key_ended,
            }),
            Inside::Words(_) | Inside::Delivered(_) | Inside::Later(_) => None,
        });
        replies.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::message::compose::Outside;
    use crate::client::message::words;
    use crate::client::outbox::Stage;
    use crate::office::pointer::{NotOne, Pointer};
    use crate::office::sent::{Fault, HowFar, Stands};
    use crate::office::tests::whole::Whole;
    use crate::world::relay::{self, AT, FR, Net, PT, seat};

    #[test]
    fn words_and_replies_of_a_key_that_has_ended_are_shown_so() {
        let mut net = Net::new();
        let sent = crate::office::sent::tests::message_of(&net);
        let about = (sent.header.digest(), sent.header.addressing());
        let open = |net: &Net, class, inside: &Inside| {
            let outside = Outside::answering(&net.directory, seat(FR), about, class, net.view());
            let sealed = net.seal(outside, inside);
            net.open(AT, &relay::item(&sealed.envelope, AT)).unwrap()
        };
        let said = Inside::Words(Box::new(words::words()));
        let both = [(Class::Acknowledgement, said), (Class::Reply, relay::notification(0))];
        let opened = both.map(|(class, inside)| open(&net, class, &inside));
        net.revoke_sign_key(FR);
        let [came, reply] = opened.map(|opened| Came::of(&net.directory, 7, opened).unwrap());
        assert!(came.key_ended && reply.key_ended);
        let words = Acknowledged::of(&net.directory, (&seat(FR), None), &[&came]);
        assert!(words.key_ended);
        let [answer] = &Answer::all(&[&came, &reply])[..] else { panic!("words are no answer") };
        assert_eq!((answer.number, &answer.from, answer.key_ended), (7, &seat(FR), true));
    }

    /// The one message of a page.
    fn only(whole: &Whole) -> Sent {
        whole.mail.sent(NotHeld::new()).unwrap().messages.pop().unwrap()
    }

    #[test]
    fn a_page_shows_each_message_with_all_that_came_back() {
        let mut net = Net::new();
        let (mut at, mut paris) = (Whole::of(&net, AT), Whole::of(&net, FR));
        assert!(at.mail.sent(NotHeld::new()).unwrap().messages.is_empty());
        let sealed = net.notification();
        let (id, request) = (sealed.id, Request::submit(sealed.envelope));
        at.mail.outbox.put((id, sealed.header_digest), &request).unwrap();
        let sent = only(&at);
        assert_eq!((sent.how_far(), sent.stands()), (HowFar::Waits, Stands::Waits));
        assert_eq!((sent.title.as_deref(), sent.accepted), (Some("Ransomware at a port"), None));
        at.hand_in(&mut net);
        let sent = only(&at);
        assert_eq!(sent.how_far(), HowFar::Accepted);
        let accepted = sent.accepted.unwrap();
        let [fr, pt] = [FR, PT].map(|of| seat(of).contact());
        assert_eq!(accepted.places, [(fr.clone(), 1), (pt, 1)]);
        assert!(accepted.without_place.is_empty() && accepted.new_mailboxes.is_empty());
        paris.collect(&net);
        paris.hand_in(&mut net);
        at.collect(&net);
        let sent = only(&at);
        let [delivered] = &sent.delivered[..] else { panic!("{sent:?}") };
        assert_eq!((&delivered.seat, delivered.agrees()), (&seat(FR), Some(true)));
        assert_eq!(sent.reached(&fr), Stage::Delivered);
        let reason = ReceiptError::NotTheRelay("accepted receipt");
        let not_held = NotHeld::from([(id, vec![reason.clone()])]);
        let page = at.mail.sent(not_held).unwrap();
        assert_eq!(page.fault(), Some(Fault::NotHeld(&reason)));
        let [at_id, other] = [id.to_string(), "02".to_owned()].map(Pointer::Id);
        assert_eq!(page.at(&at_id).unwrap().header.addressing().id, id);
        assert!(matches!(page.at(&other), Err(NotOne::Unknown)));
    }

    /// What expired or went to the others needs no help.
    #[test]
    fn who_cannot_have_what_was_refused_is_named_while_it_can_still_go() {
        let net = Net::new();
        let at = Whole::of(&net, AT);
        let sealed = net.notification();
        let (id, request) = (sealed.id, Request::submit(sealed.envelope));
        at.mail.outbox.put((id, sealed.header_digest), &request).unwrap();
        at.mail.outbox.refuse((id, &request), &"WRONG_LETTERS".into()).unwrap();
        let sent = only(&at);
        assert_eq!((sent.stands(), sent.cannot), (Stands::Refused, Some(Vec::new())));
        let mut gone = net.clone();
        gone.roster("fr/cert-fr", 2, &[]);
        let to = seat(FR).contact();
        let cannot = cannot_have_it(&gone.directory, &[&to], &"RECIPIENT_WITHOUT_SEATS".into());
        assert_eq!(cannot, [(to, Why::WithoutSeats)]);
    }
}
