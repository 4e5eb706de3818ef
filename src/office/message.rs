//! One message: which one is pointed at, what is known of it, how it stands with its acknowledgement.
//!
//! In scope: finding it among what came and what was sent, fetching what is missing of it, what it is shown with.
//! Out of scope: opening and verifying (`collect`), how it is said and shown, attachments' files (each face).
//! Invariant: what does not hold, or did not come whole, is not shown: of it is said why.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::client::error::ClientError;
use crate::client::message::content::Inside;
use crate::client::message::open::{NotOpened, Opened};
use crate::client::reach::session::Session;
use crate::crypto::hash::Digest;
use crate::domain::directory::Directory;
use crate::domain::ids::MessageId;
use crate::domain::refusal::Amiss;
use crate::domain::relay::addressing::{Addressing, Recipient};
use crate::domain::relay::envelope::VerifiedHeader;
use crate::domain::relay::level;
use crate::signed::proto::{self, Level};

use super::call::Called;
use super::collect;
use super::inbox::{Gone, InboxError};
use super::index::{Index, Row};
use super::mail::Mail;
use super::news::News;
use super::page::{By, Came, Doubt, Found, has_ended, is_for_people};
use super::pointer::{self, NotOne, Pointer};

/// A message that was read.
#[derive(Debug)]
pub struct Shown {
    /// Its number in the mailbox.
    pub number: u64,
    /// What came, verified and opened.
    pub opened: Opened,
    /// What its sender's contact and member call themselves.
    pub sender: Called,
    /// To whom it went.
    pub to: Vec<To>,
    /// At which level it came to this contact, if to it.
    pub level: Option<Level>,
    /// Who of this contact acknowledged it.
    pub acknowledged: Vec<By>,
    /// The own acknowledgement, if that is to be handed in yet.
    pub waits: Option<MessageId>,
    /// What is amiss with its place in its thread.
    pub amiss: Option<Amiss>,
    /// The message that it answers, if that is here.
    pub answered: Option<VerifiedHeader>,
    /// A key that signed it has ended since.
    pub key_ended: bool,
}

/// A recipient, as the directory knows it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct To {
    /// The contact, its level and its step.
    pub recipient: Recipient,
    /// Its record does not have that level.
    pub lacking: bool,
}

/// Why a message is not shown.
#[derive(Debug)]
pub enum NotShown {
    /// None is pointed at, or several are.
    NotOne(NotOne<Named>),
    /// Nothing was left of it when it was collected.
    Gone(Gone),
    /// An entry that is no message to people.
    NoMessage(u64, Box<NoMessage>),
    /// Only its header is here, and the service is not reached, for this.
    NotConnected(u64, Box<ClientError>),
    /// Only its header is here, and the rest does not come now, maybe for this. It will by itself.
    NotFetched(u64, Option<Box<ClientError>>),
    /// It had expired before it was read here.
    Expired(Box<Came>),
    /// It does not open, or was refused.
    NotOpened(u64, Box<NotOpened>),
    /// It is one of machines.
    NothingToRead,
    /// Files, the copy of the directory, the network.
    Failed(Box<ClientError>),
}

/// What points at one of several messages, and at no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// It came under this number, and says that it is of this seat.
    Came(u64, String),
    /// It was sent from here, with this header.
    Sent(Digest),
}

/// What an entry is that is no message to people.
#[derive(Clone, Debug)]
pub enum NoMessage {
    /// It does not hold.
    Doubted(Doubt),
    /// A receipt that a machine made.
    Receipt,
    /// An acknowledgement's words.
    Acknowledgement,
    /// Anything else of a mailbox.
    Other,
}

/// How a message stands with its acknowledgement by this seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledging {
    /// There is none.
    Open,
    /// This one waits to be handed in.
    Waits(MessageId),
    /// The relay has it: this one, if it was made here.
    Done(Option<MessageId>),
}

impl<E: Into<ClientError>> From<E> for NotShown {
    fn from(why: E) -> Self {
        Self::Failed(Box::new(why.into()))
    }
}

impl Shown {
    /// What it says; nothing, if it is of a kind that only a later version knows.
    #[must_use]
    pub fn content(&self) -> Option<&proto::Content> {
        match &self.opened.inside {
            Inside::Content(content) => Some(content),
            Inside::Later(_) | Inside::Words(_) | Inside::Delivered(_) => None,
        }
    }

    /// The same; of a kind that only a later version knows it has this title, and the time of its outside.
    #[must_use]
    pub fn content_or(&self, title: impl FnOnce() -> String) -> Cow<'_, proto::Content> {
        self.content().map_or_else(
            || {
                let time = self.opened.header.addressing().created;
                Cow::Owned(proto::Content { title: title(), time, ..Default::default() })
            },
            Cow::Borrowed,
        )
    }

    /// Whether somebody here is to acknowledge it.
    #[must_use]
    pub fn asks_for_acknowledgement(&self) -> bool {
        self.waits.is_none() && self.acknowledged.is_empty() && self.level.is_some()
    }
}

impl To {
    /// All to whom a message went.
    #[must_use]
    pub fn all(directory: &Directory, of: &Addressing) -> Vec<Self> {
        let to = of.recipients.iter().map(|recipient| {
            let (contact, level) = (&recipient.contact, recipient.level);
            let lacking = level::is_lacking(directory, contact, level, of.view.size);
            Self { recipient: recipient.clone(), lacking }
        });
        to.collect()
    }
}

impl Mail {
    /// The one message that came and is pointed at. If only its header is here, it is fetched at once.
    ///
    /// # Errors
    /// [`NotShown`].
    pub async fn find(&mut self, at: &Pointer) -> Result<(Came, Option<Session>), NotShown> {
        self.not_gone(at)?;
        let number = came_at(&self.index, at).map_err(NotShown::NotOne)?;
        let session = match self.has_come(number)? {
            true => None,
            false => Some(self.fetched(number).await?),
        };
        let came = self.verified(number)?;
        if self.inbox.is_whole(number) {
            Ok((came, session))
        } else {
            Err(NotShown::Expired(Box::new(came)))
        }
    }

    /// A number under which nothing was left when it was collected.
    fn not_gone(&self, at: &Pointer) -> Result<(), NotShown> {
        let Pointer::Number(number) = at else { return Ok(()) };
        let holds = |gone: &Gone| (gone.first..=gone.last).contains(number);
        let gone = self.inbox.gone()?.into_iter().find(holds);
        gone.map_or(Ok(()), |gone| Err(NotShown::Gone(gone)))
    }

    /// Whether all of it came that will.
    fn has_come(&self, number: u64) -> Result<bool, ClientError> {
        Ok(self.inbox.is_whole(number) || self.is_expired(number)?)
    }

    async fn fetched(&mut self, number: u64) -> Result<Session, NotShown> {
        let connected = self.connect().await;
        let connected = connected.map_err(|why| NotShown::NotConnected(number, Box::new(why)))?;
        let fetched = match self.inbox.lock() {
            Err(InboxError::Busy) => self.fetch_beside(&connected, number).await,
            lock => {
                let (_lock, mut news) = (lock?, News::default());
                let fetched = self.fetch(&connected, vec![number], &mut news).await;
                match news.not_fetched.take() {
                    // It is how the command ends.
                    Some(why) => Err(why),
                    None => {
                        self.tell(&mut news);
                        fetched
                    }
                }
            }
        };
        // What was not read is not acknowledged.
        if !self.has_come(number)? {
            return Err(match fetched.err() {
                Some(why) if !why.passes() => why.into(),
                why => NotShown::NotFetched(number, why.map(Box::new)),
            });
        }
        fetched?;
        Ok(connected)
    }

    /// The message of a number, whose header holds.
    fn verified(&self, number: u64) -> Result<Came, NotShown> {
        let Found { mut messages, mut unverified } = self.found(&[number])?;
        let what = match (unverified.pop(), self.index.row(number)) {
            (Some(doubted), _) => NoMessage::Doubted(doubted.why),
            (None, Some(row)) if row.is_receipt() => NoMessage::Receipt,
            (None, Some(row)) if row.is_message() => NoMessage::Acknowledgement,
            (None, _) => NoMessage::Other,
        };
        messages.pop().ok_or_else(|| NotShown::NoMessage(number, Box::new(what)))
    }

    /// A message that came, read.
    ///
    /// # Errors
    /// It does not open, or is none to read; files.
    pub fn read(&self, (kept, header): &Came) -> Result<Shown, NotShown> {
        let number = kept.place.mailbox.count;
        let opened =
            self.opened(kept)?.map_err(|why| NotShown::NotOpened(number, Box::new(why)))?;
        if let Inside::Words(_) | Inside::Delivered(_) = &opened.inside {
            return Err(NotShown::NothingToRead);
        }
        let (acks, directory) = (self.acks()?, self.replica.directory()?);
        Ok(Shown {
            number,
            sender: Called::of(directory, &opened.sender().contact()),
            to: To::all(directory, opened.header.addressing()),
            level: opened.level_of(&self.seat.contact()),
            acknowledged: self.acknowledged_by(&acks, header.digest())?,
            waits: acks.waits(header.digest()),
            amiss: self.amiss(header)?,
            answered: self.answered(header)?,
            key_ended: has_ended(directory, header),
            opened,
        })
    }

    /// How it stands with this seat's acknowledgement of a message.
    ///
    /// # Errors
    /// Files.
    pub fn acknowledging(&self, header: Digest) -> Result<Acknowledging, ClientError> {
        let acks = self.acks()?;
        let by = self.acknowledged_by(&acks, header)?;
        Ok(match acks.waits(header) {
            Some(own) => Acknowledging::Waits(own),
            None if by.iter().any(|by| by.colleague.is_none()) => {
                Acknowledging::Done(acks.own(header))
            }
            None => Acknowledging::Open,
        })
    }

    /// The message that a new one answers: it came, or it was sent from here, as what it went in the end.
    ///
    /// # Errors
    /// None is pointed at, or several are; it does not hold; files.
    pub fn to_answer(&self, at: &Pointer) -> Result<VerifiedHeader, NotShown> {
        match among(self.own_headers()?, &self.index, at).map_err(NotShown::NotOne)? {
            Answered::Sent(header) => match self.outbox.stands_for(header.digest())? {
                Some(id) => Ok(self.at_desk(|desk| collect::sent_header(desk, &self.outbox, id))??),
                None => Ok(*header),
            },
            Answered::Came(number) => Ok(self.verified(number)?.1),
        }
    }

    /// The headers of everything that was sent from here, if they hold.
    fn own_headers(&self) -> Result<Vec<VerifiedHeader>, ClientError> {
        let mut all = Vec::new();
        for id in self.outbox.ids()? {
            let request = self.outbox.request(id)?;
            let Some(envelope) = request.envelope() else { continue };
            all.extend(self.own_header(&envelope.header)?.ok());
        }
        Ok(all)
    }

    /// Whether another contact began the thread of a message, as far as what is here leads to its first.
    ///
    /// # Errors
    /// The copy of the directory, or files.
    pub fn began_elsewhere(&self, of: &VerifiedHeader) -> Result<bool, ClientError> {
        let answer = Addressing { in_reply_to: Some(of.digest()), ..of.addressing().clone() };
        let first = self.first(&answer)?;
        Ok(first.is_some_and(|first| first.addressing().sender.contact() != self.seat.contact()))
    }
}

/// The number of the only message that came and is pointed at.
fn came_at(index: &Index, at: &Pointer) -> Result<u64, NotOne<Named>> {
    let found = at.among(index).into_iter().map(|row| (Named::of(row), row.number));
    only_of(found.collect())
}

/// What a new message answers.
#[derive(Debug)]
enum Answered {
    Sent(Box<VerifiedHeader>),
    Came(u64),
}

fn among(
    sent: Vec<VerifiedHeader>,
    index: &Index,
    at: &Pointer,
) -> Result<Answered, NotOne<Named>> {
    let mut found: Vec<(Named, Answered)> = Vec::new();
    let mut digests = BTreeSet::new();
    for header in sent {
        if is_for_people(&header) && at.is_at_sent(&header) {
            digests.insert(header.digest());
            found.push((Named::Sent(header.digest()), Answered::Sent(Box::new(header))));
        }
    }
    for row in at.among(index) {
        // What a contact sends to itself is here twice.
        if row.digest().is_none_or(|digest| !digests.contains(&digest)) {
            found.push((Named::of(row), Answered::Came(row.number)));
        }
    }
    only_of(found)
}

/// The only one, or the names of several.
fn only_of<T>(found: Vec<(Named, T)>) -> Result<T, NotOne<Named>> {
    match pointer::only(found) {
        Ok((_, only)) => Ok(only),
        Err(NotOne::Unknown) => Err(NotOne::Unknown),
        Err(NotOne::Several(all)) => {
            Err(NotOne::Several(all.into_iter().map(|(name, _)| name).collect()))
        }
    }
}

impl Named {
    fn of(row: &Row) -> Self {
        Self::Came(row.number, row.sender.clone())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::client::message::open::{self, Reader};
    use crate::client::message::words as wording;
    use crate::client::outbox::{Outbox, Request};
    use crate::office::collect::{Boxes, Desk};
    use crate::office::inbox::Inbox;
    use crate::office::tests::whole::Whole;
    use crate::world::relay::{self, AT, FR, Net, seat, sign_key};

    /// A co-recipient knows the id of an alert, and may use it: it is another message then.
    #[test]
    fn messages_of_one_id_are_each_read_acknowledged_and_answered() {
        let mut net = Net::new();
        let (own, dir) = (seat(FR), tempfile::tempdir().unwrap());
        let inbox = Inbox::of(&dir.path().join("in"), net.directory.genesis(), own.contact());
        let (inbox, outbox) = (inbox, Outbox::of(&dir.path().join("out")));
        let to_fr = ["fr/cert-fr"];
        let alert = net.notification();
        let sent = net.seal(net.outside(FR, &["pt/cert-pt"]), &relay::notification(0));
        let request = Request::submit(sent.envelope.clone());
        outbox.put((sent.id, sent.header_digest), &request).unwrap();
        let under = |id: MessageId| {
            let id = Bytes::copy_from_slice(id.as_bytes());
            net.forge(net.outside(relay::PT, &to_fr), &relay::notification(0), |addressing| {
                (addressing.id, addressing.thread) = (id.clone(), id);
            })
        };
        // Before the alert or behind it, and under the id of what was sent from here.
        let other = net.seal(net.outside(AT, &to_fr), &relay::notification(0));
        let all = [
            under(alert.id),
            alert.envelope.clone(),
            other.envelope.clone(),
            under(other.id),
            under(sent.id),
        ];
        for envelope in &all {
            net.submit(envelope).unwrap();
        }
        let (items, head) = net.collect(FR, 0);
        let (sign, keys) = (sign_key(&format!("{FR} sign")), relay::opening_keys(FR, 1));
        let (directory, tree, view) = (net.directory.clone(), net.tree.clone(), net.view());
        let (ambient, root_at) = (net.ambient.clone(), |size| tree.root_at(size));
        let reader = Reader { directory: &directory, root_at: &root_at, seat: &own, keys: &keys };
        let index = &Index::default();
        let desk = Desk { reader, index, sign: &sign, view, ambient: &ambient };
        let boxes = Boxes { inbox: &inbox, outbox: &outbox };
        collect::take_all(&desk, boxes, &items).unwrap();
        collect::take_head(&desk, boxes, &head, 0).unwrap();
        let index = Index::open(dir.path(), &inbox).unwrap();
        let came = |number| Found::of(&desk, &inbox, &[number]).unwrap().messages.remove(0);
        let sent_here = || {
            let header = open::verify_header(&reader, (&sent.envelope.header, 0)).unwrap();
            vec![header]
        };
        let find = |at: &str| came_at(&index, &at.parse().unwrap()).map(came);
        let answer = |at: &str| {
            let answered = among(sent_here(), &index, &at.parse().unwrap())?;
            Ok::<_, NotOne<Named>>(match answered {
                Answered::Sent(header) => header.digest(),
                Answered::Came(number) => came(number).1.digest(),
            })
        };
        for (number, envelope) in (1..).zip(&all) {
            let (kept, header) = find(&number.to_string()).unwrap();
            assert_eq!((kept.place.mailbox.count, &kept.item.header), (number, &envelope.header));
            assert_eq!(find(&header.digest().to_string()).unwrap().1.digest(), header.digest());
            assert!(collect::open_again(&desk, boxes, &kept).unwrap().is_ok());
            let said = (wording::words(), None);
            let words = collect::acknowledge(&desk, boxes, number, said).unwrap();
            let Request::Acknowledge(request) = outbox.request(words).unwrap() else { panic!() };
            net.acknowledge(&own.contact(), &request).unwrap();
            assert_eq!(answer(&number.to_string()).unwrap(), header.digest());
        }
        // An id of several names their numbers, and that of one is as good as its number.
        let named = |(number, from): (u64, &str)| Named::Came(number, from.to_owned());
        for (id, numbers) in [(alert.id, [1, 2]), (other.id, [4, 3])] {
            let Err(NotOne::Several(mut found)) = find(&id.to_string()) else { panic!("{id}") };
            found.sort_by_key(|name| if let Named::Came(number, _) = name { *number } else { 0 });
            let mut both = [(numbers[0], relay::PT), (numbers[1], AT)];
            both.sort_unstable();
            assert_eq!(found, both.map(named));
        }
        assert_eq!(find(&sent.id.to_string()).unwrap().0.place.mailbox.count, 5);
        let several = NotOne::Several(vec![Named::Sent(sent.header_digest), named((5, relay::PT))]);
        assert_eq!(answer(&sent.id.to_string()), Err(several));
        let ours = answer(&sent.header_digest.to_string()).unwrap();
        assert_eq!(ours, sent.header_digest);
        assert_eq!(answer("6"), Err(NotOne::Unknown));
    }

    /// Of a record that has changed since the message was written it cannot be said.
    #[test]
    fn a_level_lacks_only_if_the_record_is_as_it_was_when_it_was_named() {
        let mut net = Net::new();
        let mut of = net.notification().addressing;
        let (first, second) = (of.recipients[0].clone(), of.recipients[1].clone());
        of.recipients = vec![Recipient { level: Level::Legal, ..first.clone() }, second.clone()];
        let lacking = |net: &Net, of: &Addressing| {
            let to = To::all(&net.directory, of);
            to.into_iter().map(|to| (to.recipient.contact, to.lacking)).collect::<Vec<_>>()
        };
        let (first, second) = (first.contact, second.contact);
        assert_eq!(lacking(&net, &of), [(first.clone(), true), (second.clone(), false)]);
        net.record(first.as_str(), 2, &[Level::Policy]);
        assert_eq!(lacking(&net, &of), [(first, false), (second, false)]);
    }

    #[test]
    fn a_message_is_shown_with_its_sender_and_all_to_whom_it_went() {
        let mut net = Net::new();
        net.submit(&net.notification().envelope).unwrap();
        let mut paris = Whole::of(&net, FR);
        paris.collect(&net);
        let header = paris.mail.verified(1).unwrap();
        let shown = paris.mail.read(&header).unwrap();
        assert_eq!(shown.sender, Called::of(&net.directory, &seat(AT).contact()));
        assert_eq!(&*shown.sender.names[0].text, "at/cert-at");
        let to: Vec<_> = shown.to.iter().map(|to| to.recipient.contact.as_str()).collect();
        assert_eq!(to, ["fr/cert-fr", "pt/cert-pt"]);
        assert!(shown.to.iter().all(|to| !to.lacking));
    }

    #[test]
    fn what_only_a_later_version_knows_has_the_title_that_is_given_and_its_time_outside() {
        let mut net = Net::new();
        net.submit(&net.notification().envelope).unwrap();
        let mut paris = Whole::of(&net, FR);
        paris.collect(&net);
        let mut shown = paris.mail.read(&paris.mail.verified(1).unwrap()).unwrap();
        let title = |shown: &Shown| shown.content_or(|| "later".to_owned()).title.clone();
        assert_eq!(title(&shown), "Ransomware at a port");
        shown.opened.inside = Inside::Later(Bytes::from_static(b"of a later version"));
        assert_eq!((title(&shown), shown.content()), ("later".to_owned(), None));
        let written = shown.opened.header.addressing().created;
        assert_eq!(shown.content_or(String::new).time, written);
    }
}
