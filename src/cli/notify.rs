//! `liaison notify`: composed, shown, sealed, handed in.
//!
//! In scope: to whom it can be sealed and whom to call instead, urgencies, files. Out of scope:
//! sealing (`client::message`), patience (`mail`). Invariants: it is in the outbox before the first
//! attempt; an expired record warns and stops nothing; nothing leaves on a stale copy unless that
//! was asked for, and the message says so.

use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::client::armour;
use crate::client::error::{ClientError, Family, Side};
use crate::client::fate::Sending;
use crate::client::keys::Owner;
use crate::client::mend::Mend;
use crate::client::message::body;
use crate::client::message::compose::{ComposeError, Outside, Sealed, compose};
use crate::client::message::content::{Inside, InvalidContent, Writing};
use crate::client::message::receipt::VerifiedAccepted;
use crate::client::message::text::visible;
use crate::client::outbox::Request;
use crate::client::place::{self, FileError};
use crate::client::reason::{Here, Rule};
use crate::client::session::Session;
use crate::domain::directory::Policy;
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::refusal::{self, Amiss, Refusal};
use crate::domain::relay::addressing::{OrLater, Recipient};
use crate::domain::relay::envelope::VerifiedHeader;
use crate::domain::relay::level;
use crate::office::call::{Why, without_seats};
use crate::office::fate::{kept_back, not_sealed};
use crate::office::mail::Mail;
use crate::signed::proto::{Class, Drill, DrillKind, Flag, Kind, Urgency};
use crate::words;

use super::args::{KindArg, NotifyArgs};
use super::call::{self, ToCall};
use super::directory::{Seen, expired};
use super::fields::drafted;
use super::inbox;
use super::{Context, cannot_use, unusable};

/// `liaison notify`.
///
/// # Errors
/// [`ClientError`]; exit 9 if some of the contacts can only be called.
pub(crate) async fn notify(ctx: &Context, mut args: NotifyArgs) -> Result<(), ClientError> {
    if let Some(name) = &mut args.drill {
        *name = drafted(ctx, "the drill's name", name)?;
    }
    let inside = written(ctx, &args)?;
    if args.text.is_none() && args.text_file.is_none() {
        ctx.out.warn("no text was given: the message says its title and nothing more (--text)");
    }
    let started = start(ctx, &args).await;
    let (session, mut mail) = started.map_err(|error| Plan::without(ctx, &args, &inside, error))?;
    let mut plan = Plan::of(ctx, &mail, &args, &inside)?;
    plan.say_who_has_none(ctx, &args);
    if plan.to.is_empty() && !args.dry_run {
        ctx.out.data(&plan.json(json!({})), || plan.read_out());
        return Err(call::partial(&plan.by_telephone));
    }
    let answered = args.reply_to.as_ref().map(|at| inbox::answered(&mail, at)).transpose()?;
    if let (KindArg::AllClear, Some(answered)) = (args.kind, &answered)
        && mail.began_elsewhere(answered)?
    {
        let refusal = Refusal::WrongThread(Amiss::NotItsBeginner);
        return Err(ClientError::from(refusal).mended_by(Mend::LeaveOutReply));
    }
    let outside = outside(&mail, &args, &plan, answered.as_ref())?;
    if args.dry_run {
        plan.say_sealed(ctx, &mail, &args)?;
        let size = inside.encode().len();
        let object = plan.json(json!({ "dry_run": true, "content_bytes": size }));
        ctx.out.data(&object, || {
            format!("Nothing was sent: this was a dry run.\n{}", plan.read_out())
        });
        return Ok(());
    }
    let (sealed, request) = seal(&mail, (outside, &inside))?;
    if let Err(error) = mail.outbox.put((sealed.id, sealed.header_digest), &request) {
        return Err(plan.instead(ctx, &mail, not_sealed(Sending::Message, error.into()))?);
    }
    plan.say_sealed(ctx, &mail, &args)?;
    let went = async {
        let session = session.map_err(|error| kept_back(&mail.outbox, error, sealed.id))?;
        let went = mail.hand_in_to_who_can(&session, sealed.id, args.skip_full).await?;
        Ok((session, went))
    };
    let (session, went) = match went.await {
        Ok(went) => went,
        Err(error) => return Err(plan.meanwhile(ctx, &mail, error)?),
    };
    let thread = mail.addressing(went.id)?.map_or(sealed.thread, |of| of.thread);
    plan.leave_out(ToCall::all(&mail.replica, &went.left_out)?);
    report(ctx, &plan, (went.id, thread), &went.accepted);
    if let Err(error) = mail.send_due(&session).await {
        ctx.out.warn(format_args!(
            "what waited before was not handed in: {}",
            words::sentence(&error)
        ));
    }
    if plan.by_telephone.is_empty() { Ok(()) } else { Err(call::partial(&plan.by_telephone)) }
}

fn report(
    ctx: &Context,
    plan: &Plan,
    (id, thread): (MessageId, MessageId),
    accepted: &VerifiedAccepted,
) {
    let places = accepted.places().iter().map(
        |place| json!({ "contact": place.contact.to_string(), "number": place.mailbox.count }),
    );
    let object = plan.json(json!({
        "id": id.to_string(),
        "thread": thread.to_string(),
        "accepted": { "at": accepted.at(), "places": places.collect::<Vec<_>>() },
    }));
    ctx.out.data(&object, || {
        let mut text = format!("{id}\naccepted {}\n", words::when(accepted.at()));
        for place in accepted.places() {
            let (contact, number) = (&place.contact, place.mailbox.count);
            text.push_str(&format!("  {contact}: number {number} in its mailbox\n"));
        }
        text.push_str(&plan.read_out());
        text
    });
    ctx.out.say(format_args!("what became of it: liaison sent {id}"));
}

/// The copy of the directory, up to date if the service can be reached. A dry run stays offline.
async fn start(
    ctx: &Context,
    args: &NotifyArgs,
) -> Result<(Result<Session, ClientError>, Mail), ClientError> {
    let mut replica = ctx.office.replica()?;
    let session = if args.dry_run {
        let sentence = "a dry run does not connect";
        Err(ClientError::new(Side::Ours, Family::NotReachable, Here::DryRun, sentence))
    } else {
        ctx.office.connect(Some(&Owner::Seat(ctx.office.seat()?))).await
    };
    let session = match session {
        Ok(session) => match ctx.office.sync(&session, &mut replica).await {
            Ok(synced) => {
                ctx.office.tell_what_lacks(&synced);
                Ok(session)
            }
            Err(error) if error.passes() => Err(error),
            Err(error) => return Err(error),
        },
        Err(error) if error.passes() => Err(error),
        Err(error) => return Err(error),
    };
    let stale = replica.is_stale(ctx.office.ambient().now());
    if stale && !args.stale_directory && !args.dry_run {
        let sentence = match &session {
            Ok(_) => "the copy of the directory is stale".to_owned(),
            Err(why) => format!("the copy of the directory is stale, and {why}"),
        };
        let error = ClientError::new(Side::Ours, Family::Stale, Here::StaleCopy, sentence);
        return Err(error.mended_by(Mend::SyncOrStale));
    }
    let mail = Mail::open(&ctx.office, replica)?;
    Seen::of(ctx, &mail.replica)?.warn(ctx);
    Ok((session, mail))
}

/// To whom it goes, and whom to call instead.
struct Plan {
    to: Vec<To>,
    by_telephone: Vec<ToCall>,
    /// What to say to these.
    script: String,
    stale: bool,
}

struct To {
    contact: ContactId,
    name: String,
    seats: usize,
}

impl Plan {
    fn of(
        ctx: &Context,
        mail: &Mail,
        args: &NotifyArgs,
        inside: &Inside,
    ) -> Result<Self, ClientError> {
        let (directory, now) = (mail.replica.directory()?, ctx.office.ambient().now());
        let (mut to, mut by_telephone) = (Vec::new(), Vec::new());
        let mut contacts = args.contacts.clone();
        contacts.sort();
        contacts.dedup();
        for id in contacts {
            directory.record(&id).map_err(|refusal| {
                let word = id.member();
                ClientError::from(refusal).mended_by(Mend::LookUp(word.to_string()))
            })?;
            let Some(contact) = directory.contact(&id) else { continue };
            if let Some(warning) = expired(contact, now) {
                ctx.out.warn(warning);
            }
            match without_seats(directory, &id) {
                None => {
                    level::has(directory, &id, args.level.into())
                        .map_err(|why| ClientError::from(why).mended_by(Mend::NotifyAtLevel))?;
                    let (name, seats) =
                        (call::name(directory, &id), directory.sealing_seats(&id).count());
                    to.push(To { contact: id, name, seats });
                }
                Some(why) => by_telephone.push(ToCall::of(&mail.replica, &id, why)?),
            }
        }
        let own = call::name(directory, &mail.seat.contact());
        let script = match inside {
            Inside::Content(content) => call::script(&own, content, args.drill.as_deref()),
            Inside::Words(_) | Inside::Delivered(_) | Inside::Later(_) => String::new(),
        };
        Ok(Self { to, by_telephone, script, stale: mail.replica.is_stale(now) })
    }

    /// Who gets nothing.
    fn say_who_has_none(&self, ctx: &Context, args: &NotifyArgs) {
        if let Some(name) = &args.drill {
            ctx.out.say(format_args!("DRILL (EXERCISE: {})", visible(name)));
        }
        self.by_telephone.iter().for_each(|call| call.warn(ctx));
    }

    /// To whom it is sealed. It is kept by then.
    fn say_sealed(&self, ctx: &Context, mail: &Mail, args: &NotifyArgs) -> Result<(), ClientError> {
        let urgency = args.urgency.into();
        let within = within(urgency, &mail.replica.directory()?.charter().policy);
        for to in &self.to {
            let seats = if to.seats == 1 { "1 seat" } else { &format!("{} seats", to.seats) };
            ctx.out.say(format_args!("sealed to {} ({}): {seats}", to.contact, to.name));
        }
        if within > 0 && !self.to.is_empty() {
            let (urgency, within) =
                (words::urgency(OrLater::Known(urgency)), words::span(u64::from(within)));
            ctx.out.say(format_args!(
                "{urgency}: an acknowledgement is hoped for within {within} (indicative)"
            ));
        }
        Ok(())
    }

    /// These do not have it: they are called.
    fn leave_out(&mut self, calls: Vec<ToCall>) {
        self.to.retain(|to| calls.iter().all(|call| call.of.contact != to.contact));
        self.by_telephone.extend(calls);
    }

    /// Says that it is kept, and whom to call while it waits.
    fn meanwhile(
        self,
        ctx: &Context,
        mail: &Mail,
        error: ClientError,
    ) -> Result<ClientError, ClientError> {
        if error.waiting().is_none() {
            return Ok(error);
        }
        let waiting = |to: &To| ToCall::meanwhile(&mail.replica, &to.contact);
        self.call(ctx, "It is kept here. Meanwhile:", waiting, error)
    }

    /// Says whom to call, for it could not be kept.
    fn instead(
        self,
        ctx: &Context,
        mail: &Mail,
        error: ClientError,
    ) -> Result<ClientError, ClientError> {
        let none = |to: &To| ToCall::of(&mail.replica, &to.contact, Why::NotSent);
        self.call(ctx, "Nothing was sent. Instead:", none, error)
    }

    /// The same of what ended before there was a plan.
    fn without(
        ctx: &Context,
        args: &NotifyArgs,
        inside: &Inside,
        error: ClientError,
    ) -> ClientError {
        if !error.is_of_writing() {
            return error;
        }
        let error = not_sealed(Sending::Message, error);
        let said = Mail::here(&ctx.office).and_then(|mail| {
            Self::of(ctx, &mail, args, inside)?.instead(ctx, &mail, error.clone())
        });
        said.unwrap_or(error)
    }

    fn call(
        self,
        ctx: &Context,
        heading: &str,
        of: impl FnMut(&To) -> Result<ToCall, ClientError>,
        mut error: ClientError,
    ) -> Result<ClientError, ClientError> {
        let calls = self.to.iter().map(of).collect::<Result<Vec<_>, _>>()?;
        let calls: Vec<ToCall> = calls.into_iter().chain(self.by_telephone).collect();
        ctx.out.say(format_args!("\n{heading}\n{}", call::read_out(&calls, &self.script)));
        let contacts: Vec<&ContactId> = calls.iter().map(|call| &call.of.contact).collect();
        error.details.insert("call".to_owned(), refusal::list(&contacts));
        Ok(error)
    }

    /// Whom to call, and what to say.
    fn read_out(&self) -> String {
        call::read_out(&self.by_telephone, &self.script)
    }

    fn json(&self, mut object: Value) -> Value {
        let to = self.to.iter().map(|to| to.contact.to_string());
        let calls = self.by_telephone.iter().map(|call| call.json(&self.script));
        if let Some(object) = object.as_object_mut() {
            object.insert("to".to_owned(), json!(to.collect::<Vec<_>>()));
            object.insert("by_telephone".to_owned(), json!(calls.collect::<Vec<_>>()));
            object.insert("stale_directory".to_owned(), json!(self.stale));
        }
        object
    }
}

/// The content, from the arguments and files.
fn written(ctx: &Context, args: &NotifyArgs) -> Result<Inside, ClientError> {
    let kind = args.kind.into();
    let mut writing = Writing::new(kind, &args.title, ctx.office.ambient().now());
    writing = writing.tlp(args.tlp.into());
    if let Some(text) = text(ctx, args)? {
        writing = writing.text(&args.language, &text);
    }
    for code in &args.classification {
        writing = writing.classified(code).map_err(InvalidContent::from)?;
    }
    let mut left = body::largest_inner();
    for path in &args.attach {
        let bytes = attachment(path, &mut left)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        writing = writing.attached(&name, bytes);
    }
    let reference = args.reference.clone().unwrap_or_default();
    Ok(writing.with(|content| content.reference = reference).finish()?)
}

fn text(ctx: &Context, args: &NotifyArgs) -> Result<Option<String>, ClientError> {
    match &args.text_file {
        Some(path) if path.as_os_str() == "-" => {
            let mut text = String::new();
            let read = std::io::stdin().take(armour::FILE_BYTES as u64).read_to_string(&mut text);
            read.map(|_| Some(text)).map_err(|why| unusable(path, &why))
        }
        Some(path) => ctx.read_file(path).map(Some),
        None => Ok(args.text.clone()),
    }
}

/// The bytes of a file, if they fit into what is left.
fn attachment(path: &Path, left: &mut u64) -> Result<Bytes, ClientError> {
    let bytes = match place::read(path, *left) {
        Ok(bytes) => bytes,
        Err(FileError::TooLarge { limit, .. }) => {
            // Of a file it is known; of a device nobody knows.
            let whole = std::fs::metadata(path).map_or(0, |about| about.len());
            let found =
                if whole > limit { whole.to_string() } else { format!("more than {limit}") };
            let sentence = format!(
                "{} has {found} bytes; a message is sealed in at most 1 MiB, and {limit} bytes are left",
                path.display()
            );
            let error = ClientError::new(Side::Ours, Family::Usage, Rule::TooLarge, sentence);
            return Err(error.mended_by(Mend::SendLess));
        }
        Err(why) => return Err(cannot_use(why)),
    };
    *left -= bytes.len() as u64;
    Ok(bytes.into())
}

/// Seals it on the copy as it is now.
fn seal(
    mail: &Mail,
    (outside, inside): (Outside, &Inside),
) -> Result<(Sealed, Request), ClientError> {
    let sealed: Result<Sealed, ComposeError> = mail
        .at_desk(|desk| compose(desk.reader.directory, outside, inside, desk.sign, desk.ambient))?;
    let sealed = sealed?;
    let request = Request::submit(sealed.envelope.clone());
    Ok((sealed, request))
}

fn outside(
    mail: &Mail,
    args: &NotifyArgs,
    plan: &Plan,
    answered: Option<&VerifiedHeader>,
) -> Result<Outside, ClientError> {
    let level = args.level.into();
    let to = plan.to.iter();
    let recipients = to.map(|to| Recipient::new(to.contact.clone(), level)).collect::<Vec<_>>();
    let urgency = args.urgency.into();
    let policy = mail.replica.directory()?.charter().policy;
    let own = mail.seat.contact();
    let answers = answered.map(|answered| answered.addressing().sender.contact() == own);
    let class = class(args.kind.into(), answers);
    let mut outside = Outside::new(mail.seat.clone(), recipients, class, mail.replica.view()?);
    outside.urgency = urgency;
    outside.acknowledge_within = within(urgency, &policy);
    outside.drill = args
        .drill
        .as_ref()
        .map(|name| Drill { kind: DrillKind::Exercise.into(), name: name.clone() });
    if plan.stale {
        outside.flags.push(Flag::StaleDirectory);
    }
    if let Some(answered) = answered {
        let of = answered.addressing();
        if outside.drill.is_some() && outside.drill != of.drill {
            let sentence = "the mark of a drill is its thread's: an answer bears the same";
            return Err(ClientError::new(Side::Ours, Family::Usage, Here::OtherDrill, sentence));
        }
        outside.drill = of.drill.clone();
        outside.thread = Some(of.thread);
        outside.in_reply_to = Some(answered.digest());
    }
    Ok(outside)
}

/// `answers` tells whether the message answered is the own contact's; nothing, if there is none.
const fn class(kind: Kind, answers: Option<bool>) -> Class {
    match (kind, answers) {
        (Kind::AllClear, _) => Class::AllClear,
        (_, Some(true)) => Class::Update,
        (_, Some(false)) => Class::Reply,
        (_, None) => Class::Notification,
    }
}

/// How soon an acknowledgement is hoped for, in seconds.
pub(super) fn within(urgency: Urgency, policy: &Policy) -> u32 {
    match urgency {
        Urgency::Unspecified | Urgency::Routine => 0,
        Urgency::Priority => seconds(policy.priority_within),
        Urgency::Immediate => seconds(policy.immediate_within),
        Urgency::Flash => seconds(policy.flash_within),
    }
}

/// As an addressing counts them.
fn seconds(seconds: u64) -> u32 {
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_fit_is_named_with_what_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.bin");
        std::fs::write(&path, [0; 10]).unwrap();
        let mut left = 15;
        assert_eq!(attachment(&path, &mut left).unwrap().len(), 10);
        let error = attachment(&path, &mut left).unwrap_err();
        assert_eq!(error.family, Family::Usage);
        assert!(error.sentence.contains("10 bytes"), "{error}");
        assert!(error.sentence.contains("5 bytes are left"), "{error}");
    }

    #[test]
    fn routine_asks_for_nothing() {
        let policy = Policy {
            stale_after: 1,
            metadata_kept: 2,
            priority_within: 3,
            immediate_within: 4,
            flash_within: 5,
            member_day_bytes: 6,
            member_day_count: 7,
        };
        let all = [Urgency::Routine, Urgency::Priority, Urgency::Immediate, Urgency::Flash];
        assert_eq!(all.map(|urgency| within(urgency, &policy)), [0, 3, 4, 5]);
        assert_eq!(class(Kind::Incident, Some(false)), Class::Reply);
        assert_eq!(class(Kind::Incident, Some(true)), Class::Update);
        assert_eq!(class(Kind::Incident, None), Class::Notification);
        assert_eq!(class(Kind::AllClear, None), Class::AllClear);
    }
}
