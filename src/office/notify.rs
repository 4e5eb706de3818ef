//! A message to several contacts: planned, sealed, kept, handed in.
//!
//! In scope: to whom it can be sealed and whom to call instead, what stands on its outside, how soon an
//! acknowledgement is hoped for. Out of scope: sealing (`client::message`), patience (`hand_in`), words. Invariants:
//! it is in the outbox before the first attempt; a record that is over is told and stops nothing; nothing leaves on
//! a stale copy unless that was asked for, and the message says so; whoever gets nothing is named.

use crate::client::error::{ClientError, Family, Side};
use crate::client::fate::Sending;
use crate::client::keys::Owner;
use crate::client::mend::Mend;
use crate::client::message::body;
use crate::client::message::compose::{Outside, compose};
use crate::client::message::content::InvalidContent;
use crate::client::outbox::Request;
use crate::client::reach::session::Session;
use crate::client::reason::Here;
use crate::domain::directory::{Directory, Policy};
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::refusal::{self, Amiss, Refusal};
use crate::domain::relay::addressing::Recipient;
use crate::domain::relay::envelope::VerifiedHeader;
use crate::domain::relay::level;
use crate::signed::proto::{Class, Drill, DrillKind, Flag, Kind, Level, Tlp, Urgency};

pub use crate::client::message::content::{Inside, Writing};

use super::Office;
use super::call::{Called, Script, ToCall, Why, without_seats};
use super::fate::{kept_back, not_sealed};
use super::mail::Mail;
use super::message::NotShown;
use super::others::Went;
use super::pointer::Pointer;
use super::told::Note;

/// The most bytes that a message can say.
#[must_use]
pub fn largest() -> u64 {
    body::largest_inner()
}

/// The same with a code of the reference taxonomy.
///
/// # Errors
/// There is no such code.
pub fn classified(writing: Writing, code: &str) -> Result<Writing, ClientError> {
    Ok(writing.classified(code).map_err(InvalidContent::from)?)
}

/// What is to be sent, and to whom.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The contacts, in any order; one that is named twice gets it once.
    pub to: Vec<ContactId>,
    /// At which level they are addressed.
    pub level: Level,
    /// How urgent it is.
    pub urgency: Urgency,
    /// Of which kind it is.
    pub kind: Kind,
    /// What it says.
    pub inside: Inside,
    /// The label that was asked for; without one an answer has that of its thread.
    pub label: Option<Tlp>,
    /// Of which exercise it is, if it is a drill.
    pub drill: Option<String>,
    /// What it answers.
    pub answers: Option<Pointer>,
    /// Whether it goes on a stale copy of the directory.
    pub on_stale: bool,
    /// Whether it goes to the others, if some of the contacts take no more.
    pub skip_full: bool,
    /// Whether it is meant to go further than its thread.
    pub is_meant: bool,
}

/// To whom it goes, and whom to call instead.
#[derive(Debug)]
pub struct Plan {
    /// To whom it can be sealed.
    pub to: Vec<To>,
    /// Who gets nothing.
    pub by_telephone: Vec<ToCall>,
    /// What to say to these; nothing, if it is no message to people.
    pub script: Option<Script>,
    /// Whether the copy of the directory is stale.
    pub is_stale: bool,
    /// How urgent it is.
    urgency: Urgency,
    /// How soon an acknowledgement is hoped for, in seconds; 0 if none is.
    within: u32,
}

/// A contact to which a message is sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct To {
    /// The contact, with its names.
    pub of: Called,
    /// How many of its seats open it.
    pub seats: usize,
}

/// A message that the relay has.
pub struct Notified {
    /// To whom it went, and whom to call.
    pub plan: Plan,
    /// What went: the message, or another in its place.
    pub went: Went,
    /// The id of its thread's first message.
    pub thread: MessageId,
    session: Session,
    mail: Mail,
}

/// A message that the relay does not have, as far as is known.
#[derive(Debug)]
pub enum NotNotified {
    /// None of the contacts can have one.
    ToNobody(Box<Plan>),
    /// All are called: it waits here, or could not even be kept, as the error says.
    Called {
        /// Why it did not go.
        error: Box<ClientError>,
        /// Whom to call.
        calls: Vec<ToCall>,
        /// What to say.
        script: Option<Box<Script>>,
    },
    /// What it is to answer is not found, or does not hold.
    NothingToAnswer(Pointer, NotShown),
    /// Keys, files, the copy of the directory, the network, the rules.
    Failed(Box<ClientError>),
}

impl<E: Into<ClientError>> From<E> for NotNotified {
    fn from(why: E) -> Self {
        Self::Failed(Box::new(why.into()))
    }
}

impl Office {
    /// What would be sent, by the copy that is here: nothing is sent or kept.
    ///
    /// # Errors
    /// What would keep it from being sealed.
    pub fn would_notify(&self, notice: &Notice) -> Result<Plan, NotNotified> {
        Mail::here(self)?.would_notify(notice)
    }

    /// Sends a message to those who can have it.
    ///
    /// # Errors
    /// The relay does not have it, as far as is known.
    pub async fn notify(&self, notice: &Notice) -> Result<Notified, NotNotified> {
        match self.begin(notice).await {
            Ok((session, mail)) => mail.notify(session, notice).await,
            Err(error) => Err(self.not_begun(notice, error)),
        }
    }

    /// The copy of the directory, up to date if the service can be reached.
    async fn begin(
        &self,
        notice: &Notice,
    ) -> Result<(Result<Session, ClientError>, Mail), ClientError> {
        let mut replica = self.replica()?;
        let synced = async {
            let session = self.connect(Some(&Owner::Seat(self.seat()?))).await?;
            let synced = self.sync(&session, &mut replica).await?;
            self.tell_what_lacks(&synced);
            Ok(session)
        };
        let session = match synced.await {
            Err::<_, ClientError>(error) if !error.passes() => return Err(error),
            session => session,
        };
        if replica.is_stale(self.ambient().now()) && !notice.on_stale {
            let sentence = match &session {
                Ok(_) => "the copy of the directory is stale".to_owned(),
                Err(why) => format!("the copy of the directory is stale, and {why}"),
            };
            let error = ClientError::new(Side::Ours, Family::Stale, Here::StaleCopy, sentence);
            return Err(error.mended_by(Mend::SyncOrStale));
        }
        self.tell_its_age(&replica)?;
        Ok((session, Mail::open(self, replica)?))
    }

    /// What cannot be kept here is said on the telephone, by the copy as it is.
    fn not_begun(&self, notice: &Notice, error: ClientError) -> NotNotified {
        if !error.is_of_writing() {
            return error.into();
        }
        let error = not_sealed(Sending::Message, error);
        let planned = || -> Result<_, NotNotified> {
            let mail = Mail::here(self)?;
            let notice = mail.labelled(notice, answered(&mail, notice)?.as_ref(), false)?;
            Ok((Plan::of(&mail, &notice)?, mail))
        };
        match planned() {
            Ok((plan, mail)) => plan.call(&mail, Why::NotSent, error),
            Err(_) => error.into(),
        }
    }
}

impl Mail {
    fn would_notify(&self, notice: &Notice) -> Result<Plan, NotNotified> {
        let answered = answered(self, notice)?;
        let notice = &self.labelled(notice, answered.as_ref(), false)?;
        let plan = Plan::of(self, notice)?;
        plan.tell_who_has_none(&self.office);
        outside(self, notice, answered, &plan)?;
        plan.tell_who_has_it(&self.office);
        Ok(plan)
    }

    async fn notify(
        mut self,
        session: Result<Session, ClientError>,
        notice: &Notice,
    ) -> Result<Notified, NotNotified> {
        let Kept { mut plan, id, thread } = self.seal_and_keep(notice)?;
        let went = async {
            let session = session.map_err(|error| kept_back(&self.outbox, error, id))?;
            let went = self.hand_in_to_who_can(&session, id, notice.skip_full).await?;
            Ok((session, went))
        };
        let (session, went) = match went.await {
            Ok(went) => went,
            Err::<_, ClientError>(error) if error.waiting().is_none() => return Err(error.into()),
            Err(error) => return Err(plan.call(&self, Why::Waits, error)),
        };
        let thread = self.addressing(went.id)?.map_or(thread, |of| of.thread);
        plan.leave_out(ToCall::all(&self.replica, &went.left_out)?);
        Ok(Notified { plan, went, thread, session, mail: self })
    }

    /// Seals it on the copy as it is now. Nothing was handed in yet.
    fn seal_and_keep(&self, notice: &Notice) -> Result<Kept, NotNotified> {
        let answered = answered(self, notice)?;
        let notice = &self.labelled(notice, answered.as_ref(), true)?;
        let plan = Plan::of(self, notice)?;
        plan.tell_who_has_none(&self.office);
        if plan.to.is_empty() {
            return Err(NotNotified::ToNobody(Box::new(plan)));
        }
        let outside = outside(self, notice, answered, &plan)?;
        let sealed = self.at_desk(|desk| {
            compose(desk.reader.directory, outside, &notice.inside, desk.sign, desk.ambient)
        })??;
        let (id, thread) = (sealed.id, sealed.thread);
        let request = Request::submit(sealed.envelope);
        if let Err(error) = self.outbox.put((id, sealed.header_digest), &request) {
            let error = not_sealed(Sending::Message, error.into());
            return Err(plan.call(self, Why::NotSent, error));
        }
        plan.tell_who_has_it(&self.office);
        Ok(Kept { plan, id, thread })
    }
}

/// A message in the outbox.
#[derive(Debug)]
struct Kept {
    plan: Plan,
    id: MessageId,
    thread: MessageId,
}

impl Notified {
    /// Hands in what waited before.
    ///
    /// # Errors
    /// The network, files; what of it is refused is told.
    pub async fn send_what_waited(mut self) -> Result<(), ClientError> {
        self.mail.send_due(&self.session).await
    }
}

impl Plan {
    fn of(mail: &Mail, notice: &Notice) -> Result<Self, ClientError> {
        let (directory, now) = (mail.replica.directory()?, mail.now());
        let (mut to, mut by_telephone) = (Vec::new(), Vec::new());
        let mut contacts = notice.to.clone();
        contacts.sort();
        contacts.dedup();
        for id in contacts {
            let record = directory.record(&id).map_err(|refusal| {
                ClientError::from(refusal).mended_by(Mend::LookUp(id.member().to_string()))
            })?;
            if let Some(over) = Note::of_record(&id, record.expires, now) {
                mail.office.tell(over);
            }
            match without_seats(directory, &id) {
                None => to.push(To::of(directory, &id, notice.level)?),
                Some(why) => by_telephone.push(ToCall::of(&mail.replica, &id, why)?),
            }
        }
        let own = Called::of(directory, &mail.seat.contact());
        Ok(Self {
            to,
            by_telephone,
            script: Script::of(own, &notice.inside, notice.drill.as_deref()),
            is_stale: mail.replica.is_stale(now),
            urgency: notice.urgency,
            within: within(notice.urgency, &directory.charter().policy),
        })
    }

    fn tell_who_has_none(&self, office: &Office) {
        for call in &self.by_telephone {
            office.tell(Note::LeftOut(call.of.clone(), call.why));
        }
    }

    fn tell_who_has_it(&self, office: &Office) {
        for to in &self.to {
            office.tell(Note::Sealed(to.of.clone(), to.seats));
        }
        if self.within > 0 && !self.to.is_empty() {
            office.tell(Note::HopedFor(self.urgency, self.within));
        }
    }

    /// These do not have it: they are called.
    fn leave_out(&mut self, calls: Vec<ToCall>) {
        self.to.retain(|to| calls.iter().all(|call| call.of.contact != to.of.contact));
        self.by_telephone.extend(calls);
    }

    /// All are called: those to whom it was to go for this, and the others.
    fn call(self, mail: &Mail, why: Why, mut error: ClientError) -> NotNotified {
        let calls = self.to.iter().map(|to| ToCall::of(&mail.replica, &to.of.contact, why));
        let calls: Vec<ToCall> = match calls.collect::<Result<_, _>>() {
            Ok(calls) => calls,
            Err(why) => return why.into(),
        };
        let calls: Vec<ToCall> = calls.into_iter().chain(self.by_telephone).collect();
        let contacts: Vec<&ContactId> = calls.iter().map(|call| &call.of.contact).collect();
        error.details.insert("call".to_owned(), refusal::list(&contacts));
        let (error, script) = (Box::new(error), self.script.map(Box::new));
        NotNotified::Called { error, calls, script }
    }
}

impl To {
    fn of(directory: &Directory, contact: &ContactId, level: Level) -> Result<Self, ClientError> {
        level::has(directory, contact, level)
            .map_err(|why| ClientError::from(why).mended_by(Mend::NotifyAtLevel))?;
        let seats = directory.sealing_seats(contact).count();
        Ok(Self { of: Called::of(directory, contact), seats })
    }
}

/// The message that it answers, if it answers one.
fn answered(mail: &Mail, notice: &Notice) -> Result<Option<VerifiedHeader>, NotNotified> {
    let answered = notice
        .answers
        .as_ref()
        .map(|at| mail.to_answer(at).map_err(|why| NotNotified::NothingToAnswer(at.clone(), why)));
    answered.transpose()
}

/// What stands on its outside.
fn outside(
    mail: &Mail,
    notice: &Notice,
    answered: Option<VerifiedHeader>,
    plan: &Plan,
) -> Result<Outside, NotNotified> {
    if let (Kind::AllClear, Some(answered)) = (notice.kind, &answered)
        && mail.began_elsewhere(answered)?
    {
        let refusal = Refusal::WrongThread(Amiss::NotItsBeginner);
        return Err(ClientError::from(refusal).mended_by(Mend::LeaveOutReply).into());
    }
    let to = plan.to.iter().map(|to| Recipient::new(to.of.contact.clone(), notice.level));
    let own = mail.seat.contact();
    let is_own = |answered: &VerifiedHeader| answered.addressing().sender.contact() == own;
    let class = class(notice.kind, answered.as_ref().map(is_own));
    let mut outside = Outside::new(mail.seat.clone(), to.collect(), class, mail.replica.view()?);
    (outside.urgency, outside.acknowledge_within) = (plan.urgency, plan.within);
    let drill = |name: &String| Drill { kind: DrillKind::Exercise.into(), name: name.clone() };
    outside.drill = notice.drill.as_ref().map(drill);
    if plan.is_stale {
        outside.flags.push(Flag::StaleDirectory);
    }
    let Some(answered) = answered else { return Ok(outside) };
    let of = answered.addressing();
    if outside.drill.is_some() && outside.drill != of.drill {
        let sentence = "the mark of a drill is its thread's: an answer bears the same";
        return Err(ClientError::new(Side::Ours, Family::Usage, Here::OtherDrill, sentence).into());
    }
    outside.drill = of.drill.clone();
    (outside.thread, outside.in_reply_to) = (Some(of.thread), Some(answered.digest()));
    Ok(outside)
}

/// `answers_own` tells whether the message answered is the own contact's; nothing, if there is none.
const fn class(kind: Kind, answers_own: Option<bool>) -> Class {
    match (kind, answers_own) {
        (Kind::AllClear, _) => Class::AllClear,
        (_, Some(true)) => Class::Update,
        (_, Some(false)) => Class::Reply,
        (_, None) => Class::Notification,
    }
}

/// How soon an acknowledgement is hoped for, in seconds.
pub fn within(urgency: Urgency, policy: &Policy) -> u32 {
    let seconds = match urgency {
        Urgency::Unspecified | Urgency::Routine => 0,
        Urgency::Priority => policy.priority_within,
        Urgency::Immediate => policy.immediate_within,
        Urgency::Flash => policy.flash_within,
    };
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
