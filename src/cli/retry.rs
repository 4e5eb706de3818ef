//! `liaison sent retry`: what the service refused, handed in again; or a message to the others alone.
//!
//! In scope: what was given up, and what comes of it now. Out of scope: handing in (`mail`, `call`).
//! Invariant: what was not refused is touched only to send it to the others; what has expired stays as it is.

use serde::Serialize;
use serde_json::{Value, json};

use crate::client::error::{ClientError, Family, Side};
use crate::client::mend::Mend;
use crate::client::message::open::Opened;
use crate::client::message::text::visible;
use crate::client::reason::{Here, Reason, Rule};
use crate::domain::ids::MessageId;
use crate::office::call::{Called, Script, ToCall, not_all};
use crate::office::fate::kept_back;
use crate::office::mail::Mail;
use crate::office::others::Went;
use crate::words;

use super::args::RetryArgs;
use super::{Context, call, layout};

/// `liaison sent retry`.
///
/// # Errors
/// [`ClientError`]; nothing was refused.
pub(super) async fn retry(ctx: &Context, args: &RetryArgs) -> Result<(), ClientError> {
    let mut mail = Mail::open(&ctx.office, ctx.office.replica()?)?;
    let named = args.id.as_deref().map(|prefix| named(&mail, prefix)).transpose()?;
    let ids = named.map_or_else(|| mail.outbox.ids(), |id| Ok(vec![id]))?;
    let given_up = ids.into_iter().map(|id| GivenUp::of(ctx, &mail, (id, args.skip_full)));
    let given_up: Vec<GivenUp> =
        given_up.filter_map(Result::transpose).collect::<Result<_, ClientError>>()?;
    let Some(first) = given_up.first() else { return Err(nothing(&mail, named)?) };
    if args.dry_run {
        ctx.out.data(&json!({ "dry_run": true, "refused": given_up }), || {
            let header = ["ID", "CLASS", "TO", "REFUSED"];
            layout::table(&header, given_up.iter().map(GivenUp::cells))
        });
        ctx.out.say("nothing was handed in: this was a dry run");
        return Ok(());
    }
    for one in &given_up {
        mail.outbox.retry(one.of)?;
    }
    let session = mail.connect().await;
    let session = session.map_err(|error| kept_back(&mail.outbox, error, first.of))?;
    let (mut retried, mut failed) = (Vec::new(), None);
    for one in given_up {
        let went = mail.hand_in_to_who_can(&session, one.of, args.skip_full).await;
        retried.push(Retried::of(&mail, (one.of, went.as_ref()))?);
        let failure = match went {
            Ok(went) if went.left_out.is_empty() => None,
            Ok(went) => Some(not_all(&ToCall::all(&mail.replica, &went.left_out)?)),
            // Its row says why.
            Err(error) => {
                let sentence = format!("{} was not accepted", one.of);
                Some(ClientError { sentence, ..words::spelled(&error) }.after_its_object())
            }
        };
        failed = failed.or(failure);
    }
    ctx.out.data(&json!({ "retried": retried }), || {
        retried.iter().map(Retried::text).collect::<Vec<_>>().join("\n")
    });
    failed.map_or(Ok(()), Err)
}

/// The one request whose id begins so.
fn named(mail: &Mail, prefix: &str) -> Result<MessageId, ClientError> {
    let prefix = prefix.trim().to_lowercase();
    let mut ids = mail.outbox.ids()?;
    ids.retain(|id| id.to_string().starts_with(&prefix));
    let (count, prefix) = (ids.len(), visible(&prefix));
    match ids.pop() {
        Some(only) if count == 1 => Ok(only),
        Some(_) => {
            let sentence = format!("{count} messages have ids that begin with {prefix}");
            let error =
                ClientError::new(Side::Ours, Family::Usage, Here::SeveralMessages, sentence);
            Err(error.mended_by(Mend::Sent))
        }
        None => {
            let sentence = format!("no message here has an id that begins with {prefix}");
            let error =
                ClientError::new(Side::Ours, Family::NotFound, Rule::UnknownMessage, sentence);
            Err(error.mended_by(Mend::Sent))
        }
    }
}

/// Why there is nothing to hand in again.
fn nothing(mail: &Mail, named: Option<MessageId>) -> Result<ClientError, ClientError> {
    let sentence = match named {
        None => "nothing that was sent from here is refused".to_owned(),
        Some(id) if mail.outbox.accepted_receipt(id)?.is_some() => format!("{id} was accepted"),
        Some(id) => match mail.outbox.went_as(id)? {
            Some(other) => format!(
                "{id} went to the others as {other}; who was left out is called, or notified anew"
            ),
            None if mail.due()?.iter().any(|due| due.id == id) => {
                format!("{id} waits, and goes with the next liaison inbox, sent or sync")
            }
            None => format!("{id} has expired: send it anew"),
        },
    };
    let error = ClientError::new(Side::Ours, Family::NotFound, Here::NothingToRetry, sentence);
    // What was refused says there what helps it: this says that there is none.
    Ok(if named.is_some() { error.mended_by(Mend::Sent) } else { error })
}

/// A request that the relay refused, or one that waits, and that has not expired.
#[derive(Serialize)]
struct GivenUp {
    #[serde(skip)]
    of: MessageId,
    id: String,
    class: String,
    to: Vec<String>,
    reason: Option<Reason>,
}

impl GivenUp {
    /// What waits is one if `or_waits`.
    fn of(
        ctx: &Context,
        mail: &Mail,
        (id, or_waits): (MessageId, bool),
    ) -> Result<Option<Self>, ClientError> {
        // For a receipt that is not due nobody waits.
        let reason = mail.outbox.refused(id)?.filter(|reason| *reason != Rule::ReceiptNotDue);
        if reason.is_none() && !(or_waits && mail.outbox.waits(id)) {
            return Ok(None);
        }
        let request = mail.outbox.request(id)?;
        let header = request.envelope().map(|envelope| &envelope.header[..]).unwrap_or_default();
        let Ok(header) = mail.own_header(header)? else { return Ok(None) };
        let of = header.addressing();
        let to = of.recipients.iter().map(|to| to.contact.to_string());
        let lives = ctx.office.ambient().now() < of.expires;
        let (to, class) = (to.collect(), words::class(of.class));
        Ok(lives.then(|| Self { of: id, id: id.to_string(), class, to, reason }))
    }

    fn cells(&self) -> Vec<String> {
        let why = self.reason.as_ref().map_or("waits", Reason::code).to_owned();
        vec![self.id.clone(), self.class.clone(), self.to.join(", "), why]
    }
}

/// What came of it.
#[derive(Serialize)]
struct Retried {
    id: String,
    accepted_at: Option<u64>,
    /// The message that went to the others in its place.
    went_as: Option<String>,
    by_telephone: Vec<Value>,
    reason: Option<Reason>,
    sentence: Option<String>,
    #[serde(skip)]
    read_out: String,
}

impl Retried {
    fn of(
        mail: &Mail,
        (id, went): (MessageId, Result<&Went, &ClientError>),
    ) -> Result<Self, ClientError> {
        let (went, why) = (went.ok(), went.err());
        let left_out = went.map_or(&[][..], |went| &went.left_out);
        let calls = ToCall::all(&mail.replica, left_out)?;
        let script = if calls.is_empty() { None } else { script(mail, id)? };
        Ok(Self {
            id: id.to_string(),
            accepted_at: went.map(|went| went.accepted.at()),
            went_as: went.filter(|went| went.id != id).map(|went| went.id.to_string()),
            by_telephone: calls.iter().map(|of| call::json(of, script.as_ref())).collect(),
            reason: why.map(|why| why.reason.clone()),
            sentence: why.map(words::sentence),
            read_out: words::read_out(&calls, script.as_ref()),
        })
    }

    fn text(&self) -> String {
        let went = self.went_as.as_ref().map(|id| format!(", to the others as {id}"));
        format!("{}{}{}", self.line(), went.unwrap_or_default(), self.read_out)
    }

    fn line(&self) -> String {
        let why = self.sentence.as_ref().map(|why| format!("not accepted: {why}"));
        let at = self.accepted_at.map(|at| format!("accepted {}", words::when(at)));
        format!("{} {}", self.id, at.or(why).unwrap_or_default())
    }
}

/// What to say of a message.
fn script(mail: &Mail, id: MessageId) -> Result<Option<Script>, ClientError> {
    let request = mail.outbox.request(id)?;
    let Some(envelope) = request.envelope() else { return Ok(None) };
    let Ok(Opened { header, inside, .. }) = mail.opened_own(envelope)? else { return Ok(None) };
    let own = Called::of(mail.replica.directory()?, &mail.seat.contact());
    let drill = header.addressing().drill.as_ref().map(|drill| &drill.name[..]);
    Ok(Script::of(own, &inside, drill))
}
