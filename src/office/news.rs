//! What came of collecting: messages, receipts that were made, and what people should know besides.
//!
//! Invariants: each is told once; one that cannot be announced keeps no other back.

use bytes::Bytes;

use crate::client::error::ClientError;
use crate::client::mend::Mend;
use crate::client::message::open::NotOpened;
use crate::client::message::receipt::{Comparison, ReceiptError};
use crate::client::reason::Rule;
use crate::domain::ids::MessageId;
use crate::domain::relay::envelope::VerifiedHeader;
use crate::moment::when;
use crate::signed::proto::Class;

use super::collect::{self, Boxes, Desk, Matched, Receipted, TakeError, Taken};
use super::muted::Muted;
use super::told::Note;

/// What came of collecting.
#[derive(Debug, Default)]
pub struct News {
    /// Numbers of new messages.
    pub messages: Vec<u64>,
    /// Receipts that were made.
    pub(super) queued: Vec<MessageId>,
    /// Sent messages of whose mailbox the relay told two histories.
    pub disputed: Vec<MessageId>,
    /// What people should know besides.
    pub(super) notes: Vec<Note>,
    /// What was here already, and under which number it came again.
    again: Vec<(u64, MessageId)>,
    /// What waited and was refused for good: the first of it.
    pub(super) given_up: Option<ClientError>,
    /// Why a body did not come: the last of it.
    pub not_fetched: Option<ClientError>,
    pub(super) behind: bool,
    /// The relay's head, which only a newer copy of the directory can check.
    pub(super) unchecked: Option<Bytes>,
}

impl News {
    /// How a command ends that handed in what waited, when it has shown what it was asked for.
    ///
    /// # Errors
    /// Some of it was refused for good.
    pub fn ends(self) -> Result<(), ClientError> {
        self.given_up.map_or(Ok(()), |error| Err(error.after_its_object()))
    }

    /// The receipts that were made, once.
    pub fn queued(&mut self) -> Vec<MessageId> {
        std::mem::take(&mut self.queued)
    }

    /// Whether something waits for a newer copy of the directory, since this was asked last.
    pub fn was_behind(&mut self) -> bool {
        std::mem::take(&mut self.behind)
    }

    /// Announces each new message. One of which that fails keeps no other back, and is new still.
    ///
    /// # Errors
    /// The first that failed.
    pub fn announce<E>(&mut self, mut announce: impl FnMut(u64) -> Result<(), E>) -> Result<(), E> {
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
    pub fn notes(&mut self) -> Vec<Note> {
        let mut notes = std::mem::take(&mut self.notes);
        let again = std::mem::take(&mut self.again);
        notes.extend((!again.is_empty()).then_some(Note::DeliveredAgain(again)));
        notes
    }

    /// What was dealt with after a sync.
    pub(super) fn after_sync(&mut self, taken: Vec<Taken>, muted: &Muted) {
        self.behind = false;
        for taken in taken {
            if let Taken::SyncFirst(size) = taken {
                self.note(Note::WaitsForDirectory(size));
            }
            self.add(taken, muted);
        }
    }

    pub(super) fn add(&mut self, taken: Taken, muted: &Muted) {
        match taken {
            Taken::Message { place, matched, answer, .. } => {
                self.messages.push(place.mailbox.count);
                if let Matched::Delivered { id, comparison: Some(Comparison::Differ(_)), .. } =
                    matched
                {
                    self.disputed.push(id);
                    self.notes.push(Note::TwoHistories(id));
                }
                self.answer(&answer);
            }
            Taken::NotOpened { place, answer, header, why } => {
                self.messages.push(place.mailbox.count);
                match (&why, &header) {
                    (NotOpened::Thread(_), Some(header)) if muted.hides(header.addressing()) => {}
                    (NotOpened::Thread(amiss), Some(header)) => {
                        let of = header.addressing();
                        let (sender, class) = (of.sender.clone(), of.class);
                        self.notes.push(Note::Refused { sender, class, amiss: *amiss });
                    }
                    (_, Some(_)) => {}
                    (_, None) => self.note(Note::Unverified(place.mailbox.count, why)),
                }
                self.answer(&answer);
            }
            Taken::SyncFirst(_) => self.behind = true,
            Taken::NotAcknowledged { place, why } => {
                self.messages.push(place.mailbox.count);
                self.note(Note::NotAcknowledged(place.mailbox.count, why));
            }
            Taken::Again { place, header } => {
                self.again.push((place.mailbox.count, header.addressing().id));
            }
            Taken::NotDelivered(id) => self.notes.push(Note::NotDelivered(id)),
            Taken::Expired(place) => self.messages.push(place.mailbox.count),
            Taken::NotProven { place, why } => {
                self.messages.push(place.mailbox.count);
                self.note(Note::NotProven(place.mailbox.count, why));
            }
            Taken::Later { place, kind } => {
                self.notes.push(Note::Later(place.mailbox.count, kind));
            }
            Taken::Already | Taken::Waiting | Taken::NotExpired | Taken::Colleague(_) => {}
        }
    }

    /// Says that a message is not fetched yet, and why.
    pub fn not_fetched(&mut self, number: u64, why: ClientError) {
        self.note(match why.reason == Rule::BodyDamaged {
            true => Note::BodyLost(why.clone()),
            false => Note::NotFetched(number, why.clone()),
        });
        self.not_fetched = Some(why);
    }

    /// Says that the copy of the directory is not up to date yet, and why.
    pub fn not_synced(&mut self, why: &ClientError) {
        self.note(Note::NotSynced(why.clone()));
    }

    /// Tells it once: what waits is dealt with again and again.
    pub(super) fn note(&mut self, note: Note) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn answer(&mut self, answer: &Receipted) {
        match answer {
            Receipted::Queued(id) => self.queued.push(*id),
            Receipted::Impossible(why) => {
                self.notes.push(Note::CannotAnswer(why.clone()));
            }
            Receipted::NotDue | Receipted::Already(_) | Receipted::AskedAgain => {}
        }
    }
}

/// Who has what the service has lost. Of a receipt nothing is to be done.
pub(super) fn lost((number, header): (u64, &VerifiedHeader), error: ClientError) -> ClientError {
    let of = header.addressing();
    let (sender, sent) = (&of.sender, when(of.created));
    let sentence =
        format!("the service has lost the body of message {number} from {sender} (sent {sent})");
    let mend = match of.class == Class::Receipt {
        true => Mend::NothingOfReceipt,
        false => Mend::AskToSendAgain(sender.contact()),
    };
    ClientError { sentence, ..error }.mended_by(mend)
}

/// Takes the relay's head. One that cannot be checked yet may hold: what came is dealt with beside
/// the one before it.
pub(super) fn take_head(
    desk: &Desk<'_>,
    boxes: Boxes<'_>,
    head: &Bytes,
    synced: u64,
    news: &mut News,
) -> Result<Vec<Taken>, TakeError> {
    match collect::take_head(desk, boxes, head, synced) {
        Err(TakeError::Receipt(ReceiptError::BeforeUpdate(_))) => {
            news.note(Note::HeadUnchecked);
            collect::deal_with_pending(desk, boxes)
        }
        taken => taken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::Side;
    use crate::client::message::open::Reader;
    use crate::client::message::receipt::Place;
    use crate::client::outbox::Outbox;
    use crate::domain::refusal::Refusal;
    use crate::domain::relay::envelope;
    use crate::domain::state::Mailbox;
    use crate::office::inbox::Inbox;
    use crate::office::index::Index;
    use crate::signed::dsse::{Envelope, Kind as DsseKind};
    use crate::world::relay::{AT, FR, Net, seat, sign_key};

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
                let answer = Receipted::NotDue;
                news.add(Taken::NotOpened { place, header: None, why, answer }, &nobody());
            }
            news.notes
        };
        let unchecked = Note::Unverified(0, NotOpened::BeforeUpdate(key));
        assert_eq!(warnings(NotOpened::BeforeUpdate(key)), std::slice::from_ref(&unchecked));
        let backdated = NotOpened::Backdated { key, ended: 2, floor: 3 };
        assert_eq!(warnings(backdated.clone()), [Note::Unverified(0, backdated), unchecked]);
    }

    #[test]
    fn what_waits_after_a_sync_is_warned_of() {
        let mut news = News::default();
        news.add(Taken::SyncFirst(9), &nobody());
        assert!(news.behind && news.notes.is_empty());
        news.after_sync(vec![Taken::SyncFirst(9), Taken::Already], &nobody());
        assert_eq!((news.behind, &news.notes[..]), (true, &[Note::WaitsForDirectory(9)][..]));
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
        let mut said = Vec::new();
        let mut warnings = |size| {
            let mut news = News::default();
            news.after_sync(vec![Taken::SyncFirst(9), Taken::SyncFirst(size)], &nobody());
            let mut new = news.notes();
            new.retain(|note| !said.contains(note));
            said.extend(new.clone());
            new
        };
        assert_eq!(warnings(9), [Note::WaitsForDirectory(9)]);
        assert_eq!(warnings(10), [Note::WaitsForDirectory(10)]);
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
        let boxes = Boxes { inbox: &inbox, outbox: &outbox };
        let mut news = News::default();
        for _ in 0..2 {
            let head = head("the next relay key");
            let taken = take_head(&desk, boxes, head.bytes(), 0, &mut news);
            assert!(taken.unwrap().is_empty());
        }
        assert_eq!(news.notes, [Note::HeadUnchecked]);
        let head = head("registrar");
        assert!(take_head(&desk, boxes, head.bytes(), 0, &mut news).is_err());
    }

    #[test]
    fn a_body_that_the_service_has_lost_is_named_with_who_has_it() {
        let net = Net::new();
        let header = &net.notification().envelope.header;
        let header = envelope::verify_header(&net.directory, header).unwrap();
        let error = lost((3, &header), ClientError::from(Refusal::BodyDamaged));
        let sent = when(header.addressing().created);
        let sentence = format!(
            "the service has lost the body of message 3 from at/cert-at/duty-1 (sent {sent})"
        );
        assert_eq!(
            (error.side, error.reason.code(), &error.sentence),
            (Side::Theirs, "BODY_DAMAGED", &sentence)
        );
        assert!(!error.passes(), "nothing here brings it back");
        let mut news = News::default();
        let again = Mend::AskToSendAgain(seat(AT).contact());
        assert_eq!(error.mend.as_deref(), Some(&again));
        news.not_fetched(3, error.clone());
        assert_eq!(news.notes, [Note::BodyLost(error)]);
    }

    #[test]
    fn what_is_delivered_again_is_told_once() {
        let net = Net::new();
        let mailbox = net.mailbox(&seat(AT).contact());
        let header = &net.notification().envelope.header;
        let header = envelope::verify_header(&net.directory, header).unwrap();
        let id = header.addressing().id;
        let mut news = News::default();
        for count in [14, 15] {
            let place =
                Place { contact: seat(AT).contact(), mailbox: Mailbox { count, ..mailbox } };
            news.add(Taken::Again { place, header: Box::new(header.clone()) }, &nobody());
        }
        assert_eq!(news.notes(), [Note::DeliveredAgain(vec![(14, id), (15, id)])]);
        assert!(news.notes().is_empty(), "once");
    }
}
