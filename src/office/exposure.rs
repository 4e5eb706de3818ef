//! What a stolen seat could open, and telling those who wrote it.
//!
//! In scope: the messages of this home for which a seat had a key letter, by what the directory says of its
//! keys; one answer in each thread. Out of scope: ending the seat's keys, how an answer is sealed and handed in
//! (`client::message`, `hand_in`), its words (each face). Invariants: nothing is told while the seat can still open
//! it; who was told once is not told again, wherever this was cut off; what is not in this home is counted, and not
//! guessed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::client::charters::logged;
use crate::client::error::{ClientError, Family, Side};
use crate::client::files;
use crate::client::mend::Mend;
use crate::client::message::compose::{Outside, compose};
use crate::client::message::content::{Inside, Writing};
use crate::client::outbox::Request;
use crate::client::reach::session::Session;
use crate::client::reason::{Here, Reason};
use crate::client::replica::Replica;
use crate::domain::directory::Directory;
use crate::domain::directory::key::{Holder, KnownKey};
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::relay::belief;
use crate::domain::relay::envelope::VerifiedHeader;
use crate::moment::when;
use crate::signed::proto::{Class, Kind, Tlp, Urgency};

use super::Office;
use super::collect;
use super::mail::Mail;
use super::notify::within;
use super::page::is_for_people;

/// A message that the seat could open.
#[derive(Clone, Debug)]
pub struct Exposed {
    /// Its outside, which holds.
    pub header: VerifiedHeader,
    /// Its number in the mailbox; none, if it was sent from here.
    pub number: Option<u64>,
    /// What it says, if it opens here.
    pub inside: Option<Inside>,
    /// Whether more than its header is here.
    pub fetched: bool,
}

/// Everything of this home that a seat could open.
#[derive(Debug)]
pub struct Exposure {
    /// The seat that may have been in other hands.
    pub seat: SeatId,
    /// Since when it may have been in other hands, Unix seconds.
    pub since: u64,
    /// What the relay still had then, or got since, by time.
    pub messages: Vec<Exposed>,
    /// Receipts and words of acknowledgements among it.
    pub machines: usize,
    /// Messages that the relay had no more then: only who had the seat's own files could open them.
    pub earlier: usize,
    /// Of which nothing is known that holds.
    pub not_judged: usize,
}

/// An answer that tells of it.
#[derive(Debug)]
pub struct Telling {
    /// Who is told.
    pub to: ContactId,
    /// The newest message of the thread that the seat could open.
    pub about: Exposed,
    /// How many of the thread it could open.
    pub count: usize,
    /// The answer's id, if there is one.
    pub id: Option<MessageId>,
    /// How far it is.
    pub state: State,
    /// Where its id is kept, before there is a message of that id.
    note: PathBuf,
}

/// How far such an answer is.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Nothing was sealed.
    Open,
    /// It is in the outbox.
    Waits,
    /// The relay has it.
    Told,
    /// It was refused for good.
    Refused(Reason),
    /// It cannot be sealed.
    Cannot(Box<ClientError>),
}

/// What such an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// The language of both, BCP 47.
    pub language: &'static str,
    /// In a few words.
    pub title: String,
    /// Neutral, and true.
    pub text: String,
}

/// A mailbox with what there is now, and the connection by which it came.
pub struct Online {
    /// What there is.
    pub mail: Mail,
    session: Session,
}

impl Office {
    /// Refuses what nothing could come of, before the service is asked for anything.
    ///
    /// # Errors
    /// A time to come, a seat of another contact, a seat that no roster has listed.
    pub fn may_be_exposed(&self, seat: &SeatId, since: u64) -> Result<(), ClientError> {
        let wrong = |family, reason, sentence: String| {
            ClientError::new(Side::Ours, family, reason, sentence)
        };
        let (now, own, contact) = (self.ambient().now(), self.seat()?, seat.contact());
        if since > now {
            let (since, now) = (when(since), when(now));
            let sentence = format!("{since} is still to come: it is {now} by this machine's clock");
            return Err(wrong(Family::Usage, Here::InTheFuture, sentence));
        }
        if own.contact() != contact {
            let sentence = format!(
                "what {seat} could open stands in the mailbox of {contact}, and this home is of {}",
                own.contact()
            );
            return Err(
                wrong(Family::Usage, Here::OtherContact, sentence).mended_by(Mend::OtherHomeOrSeat)
            );
        }
        let (replica, holder) = (self.replica()?, Holder::Seat(seat.clone()));
        let known = replica.directory()?.seal_keys(&contact).any(|key| key.holder == holder);
        known.then_some(()).ok_or_else(|| {
            let sentence = format!("no roster of {contact} has ever listed {seat}");
            wrong(Family::NotFound, Here::UnknownSeat, sentence)
                .mended_by(Mend::SyncOrListSeats(contact))
        })
    }

    /// The mailbox with what there is now, bodies as far as they come at once.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn with_bodies(&self) -> Result<Online, ClientError> {
        let (session, mut mail) = Mail::online(self).await?;
        let mut news = mail.collected(&session, (usize::MAX, |_: &Mail, _: &_| true)).await?;
        mail.tell(&mut news);
        Ok(Online { mail, session })
    }
}

impl Online {
    /// Tells one of them, as its seat.
    ///
    /// # Errors
    /// Nothing can be kept here.
    pub async fn tell(
        &mut self,
        telling: &mut Telling,
        wording: &Wording,
    ) -> Result<Option<ClientError>, ClientError> {
        self.mail.tell_of_exposure(&self.session, telling, wording).await
    }
}

impl Mail {
    /// What a seat could open since then, of what came to this home or was sent from it.
    ///
    /// # Errors
    /// Nothing was ever collected or sent here; files.
    pub fn exposure(&self, seat: &SeatId, since: u64) -> Result<Exposure, ClientError> {
        if self.inbox.head()?.is_none() && self.inbox.last()? == 0 && self.outbox.ids()?.is_empty()
        {
            let sentence = format!("nothing was ever collected or sent as {} here", self.seat);
            return Err(ClientError::new(Side::Ours, Family::NotFound, Here::NoInbox, sentence)
                .mended_by(Mend::Inbox));
        }
        let (seat, messages) = (seat.clone(), Vec::new());
        let mut all = Exposure { seat, since, messages, machines: 0, earlier: 0, not_judged: 0 };
        let directory = self.replica.directory()?;
        for row in self.index.rows().iter().filter(|row| row.is_message()) {
            let kept = self.inbox.item(row.number)?;
            let Ok(header) = self.at_desk(|desk| collect::header(&desk.reader, &kept))? else {
                all.not_judged += 1;
                continue;
            };
            let fetched = self.inbox.is_whole(row.number);
            let opened = fetched.then(|| self.opened(&kept)).transpose()?;
            let inside = opened.and_then(Result::ok).map(|opened| opened.inside);
            all.add(directory, Exposed { header, number: Some(row.number), inside, fetched });
        }
        for id in self.outbox.ids()? {
            let request = self.outbox.request(id)?;
            let Some(envelope) = request.envelope() else { continue };
            let Ok(header) = self.own_header(&envelope.header)? else { continue };
            let inside = self.own_inside(id)?;
            all.add(directory, Exposed { header, number: None, inside, fetched: true });
        }
        all.messages.sort_by_key(|one| {
            let of = one.header.addressing();
            (of.created, one.number, of.id)
        });
        Ok(all)
    }

    /// Who is to be told, each once a thread, and how far that is.
    ///
    /// # Errors
    /// The seat still opens what would be told; files.
    pub fn tellings(&self, exposure: &Exposure) -> Result<Vec<Telling>, ClientError> {
        let keys = stolen(&self.replica, exposure)?;
        let folder = self.folder.join(TOLD).join(exposure.seat.name());
        let threads = exposure.threads(&keys).into_iter();
        let tellings = threads.map(|((to, thread), newest)| {
            let name = format!("{thread}.{}.{}", to.member(), to.name());
            Telling::of(self, newest, to, folder.join(name))
        });
        tellings.collect()
    }

    /// Tells one of them, if he was not told: sealed under an id that was noted before, so that it is one message
    /// wherever this is cut off. Gives what keeps it back for now.
    ///
    /// # Errors
    /// Nothing can be kept here.
    async fn tell_of_exposure(
        &mut self,
        session: &Session,
        telling: &mut Telling,
        wording: &Wording,
    ) -> Result<Option<ClientError>, ClientError> {
        if telling.is_open()
            && let Err(why) = telling.seal(self, wording)
        {
            if why.is_of_writing() {
                return Err(why);
            }
            telling.state = State::Cannot(Box::new(why));
        }
        let (State::Waits, Some(id)) = (&telling.state, telling.id) else { return Ok(None) };
        let kept_back = self.hand_in(session, id).await.err();
        telling.look(self)?;
        Ok(kept_back)
    }
}

impl Exposed {
    fn is_open_to(&self, key: &KnownKey) -> bool {
        key.believed_at(self.header.addressing().view.size)
    }

    /// Its title, if it opens here.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        match &self.inside {
            Some(Inside::Content(content)) => Some(&content.title),
            _ => None,
        }
    }

    /// How far it may go, if it opens here.
    #[must_use]
    pub fn tlp(&self) -> Option<Tlp> {
        match &self.inside {
            Some(Inside::Content(content)) => Some(content.tlp()),
            _ => None,
        }
    }
}

impl Exposure {
    /// How many of these are not fetched here.
    #[must_use]
    pub fn not_fetched(&self) -> usize {
        self.messages.iter().filter(|of| !of.fetched).count()
    }

    /// Takes a message if it was sealed to the seat.
    fn add(&mut self, directory: &Directory, one: Exposed) {
        let of = one.header.addressing();
        let again = |other: &Exposed| other.header.digest() == one.header.digest();
        if !belief::could_open(directory, &self.seat, of.view.size)
            || self.messages.iter().any(again)
        {
            return;
        }
        // A day later its content is deleted.
        let is_over = of.expires.saturating_add(86_400) <= self.since;
        match (is_for_people(&one.header), is_over) {
            (true, false) => self.messages.push(one),
            (true, true) => self.earlier += 1,
            (false, _) => self.machines += usize::from(!is_over),
        }
    }

    /// Of each thread with each other contact, what came of it that one of these keys could open.
    fn threads(&self, keys: &[&KnownKey]) -> BTreeMap<(ContactId, MessageId), Newest<'_>> {
        let mut threads = BTreeMap::new();
        let could_open = |one: &&Exposed| keys.iter().any(|key| one.is_open_to(key));
        let got = self.messages.iter().filter(|one| one.number.is_some());
        for one in got.filter(could_open) {
            let of = one.header.addressing();
            let from = of.sender.contact();
            if from != self.seat.contact() {
                let first = Newest { message: one, count: 0 };
                let newest = threads.entry((from, of.thread)).or_insert(first);
                *newest = Newest { message: one, count: newest.count + 1 };
            }
        }
        threads
    }
}

/// The newest message of a thread, and how many of it there are.
struct Newest<'a> {
    message: &'a Exposed,
    count: usize,
}

/// The seal keys that could open what is listed. If the seat was revoked since, whatever it was given then is
/// in no other hands. What is told while one of them stands goes to whoever has it.
fn stolen<'a>(replica: &'a Replica, exposure: &Exposure) -> Result<Vec<&'a KnownKey>, ClientError> {
    let (directory, seat) = (replica.directory()?, &exposure.seat);
    let (contact, holder) = (seat.contact(), Holder::Seat(seat.clone()));
    let mut keys: Vec<&KnownKey> =
        directory.seal_keys(&contact).filter(|key| key.holder == holder).collect();
    let mut revoked = None;
    for until in keys.iter().filter(|key| key.revoked_by.is_some()).filter_map(|key| key.until) {
        let entry = replica.entry(until)?.map(|entry| logged(&entry)).transpose()?;
        if entry.is_some_and(|(_, at)| at >= exposure.since) {
            revoked = revoked.max(Some(until));
        }
    }
    keys.retain(|key| revoked.is_none_or(|revoked| key.from < revoked));
    keys.retain(|key| exposure.messages.iter().any(|one| one.is_open_to(key)));
    if !keys.iter().any(|key| directory.stands(&key.name())) {
        return Ok(keys);
    }
    let sentence =
        format!("{seat} still opens what is sealed: whoever has it would read this, too");
    Err(ClientError::new(Side::Ours, Family::Refused, Here::SeatInForce, sentence)
        .mended_by(Mend::RevokeSeat(seat.clone())))
}

impl Telling {
    fn of(
        mail: &Mail,
        newest: Newest<'_>,
        to: ContactId,
        note: PathBuf,
    ) -> Result<Self, ClientError> {
        let Newest { message, count } = newest;
        let id = files::content(&note)?.and_then(|text| String::from_utf8(text).ok()?.parse().ok());
        let about = message.clone();
        let mut telling = Self { to, about, count, id, state: State::Open, note };
        telling.look(mail)?;
        Ok(telling)
    }

    /// Whether nothing was sealed yet.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// What the outbox says of it.
    fn look(&mut self, mail: &Mail) -> Result<(), ClientError> {
        let Some(id) = self.id.filter(|id| mail.outbox.request(*id).is_ok()) else { return Ok(()) };
        self.state = match (mail.outbox.accepted_receipt(id)?, mail.outbox.refused(id)?) {
            (Some(_), _) => State::Told,
            (None, Some(why)) => State::Refused(why),
            (None, None) => State::Waits,
        };
        Ok(())
    }

    fn seal(&mut self, mail: &Mail, wording: &Wording) -> Result<(), ClientError> {
        let ambient = mail.office.ambient();
        let id = self.id.unwrap_or_else(|| MessageId::new(ambient.now_ms(), ambient.bytes()));
        let tlp = self.about.tlp().unwrap_or(Tlp::AmberStrict);
        let writing = Writing::new(Kind::Incident, &wording.title, ambient.now()).tlp(tlp);
        let inside = writing.text(wording.language, &wording.text).finish()?;
        let policy = mail.replica.directory()?.charter().policy;
        let sealed = mail.at_desk(|desk| {
            let answered = (self.about.header.digest(), self.about.header.addressing());
            let (directory, seat) = (desk.reader.directory, mail.seat.clone());
            let outside = Outside {
                id: Some(id),
                urgency: Urgency::Priority,
                acknowledge_within: within(Urgency::Priority, &policy),
                ..Outside::answering(directory, seat, answered, Class::Reply, desk.view)
            };
            compose(directory, outside, &inside, desk.sign, desk.ambient)
        })??;
        files::replace(&self.note, id.to_string().as_bytes())?;
        let request = Request::submit(sealed.envelope);
        mail.outbox.put((id, sealed.header_digest), &request)?;
        (self.id, self.state) = (Some(id), State::Waits);
        Ok(())
    }
}

/// Under it, by the seat that was exposed, the ids of the answers that tell of it.
const TOLD: &str = "told";

#[cfg(test)]
mod tests;
