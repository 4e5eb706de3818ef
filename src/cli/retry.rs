//! `liaison sent retry`: what the service refused, handed in again.
//!
//! In scope: what was given up, and what comes of it now. Out of scope: handing in (`mail`). Invariant:
//! only what was refused is touched; what has expired stays refused.

use serde::Serialize;
use serde_json::json;

use crate::client::error::{ClientError, Exit, Side};
use crate::client::message::receipt::VerifiedAccepted;
use crate::client::message::text::visible;
use crate::domain::ids::MessageId;

use super::args::RetryArgs;
use super::mail::{Mail, kept_back};
use super::{Context, phrases};

/// `liaison sent retry`.
///
/// # Errors
/// [`ClientError`]; nothing was refused.
pub(super) async fn retry(ctx: &Context, args: &RetryArgs) -> Result<(), ClientError> {
    let mut mail = Mail::open(ctx, ctx.replica()?)?;
    let named = args.id.as_deref().map(|prefix| named(&mail, prefix)).transpose()?;
    let ids = named.map_or_else(|| mail.outbox.ids(), |id| Ok(vec![id]))?;
    let given_up = ids.into_iter().map(|id| GivenUp::of(ctx, &mail, id));
    let given_up: Vec<GivenUp> =
        given_up.filter_map(Result::transpose).collect::<Result<_, ClientError>>()?;
    let Some(first) = given_up.first() else { return Err(nothing(ctx, &mail, named)?) };
    if args.dry_run {
        ctx.out.data(&json!({ "dry_run": true, "refused": given_up }), || {
            let header = ["ID", "CLASS", "TO", "REFUSED"];
            phrases::table(&header, given_up.iter().map(GivenUp::cells))
        });
        ctx.out.say("nothing was handed in: this was a dry run");
        return Ok(());
    }
    for one in &given_up {
        mail.outbox.retry(one.of)?;
    }
    let session = mail.connect(ctx).await.map_err(|error| kept_back(error, first.of))?;
    let (mut retried, mut failed) = (Vec::new(), None);
    for one in given_up {
        let done = mail.hand_in(ctx, &session, one.of).await;
        retried.push(Retried::of(one.id, &done.as_ref().map(VerifiedAccepted::at)));
        failed = failed.or(done.err());
    }
    ctx.out.data(&json!({ "retried": retried }), || {
        retried.iter().map(Retried::line).collect::<Vec<_>>().join("\n")
    });
    failed.map_or(Ok(()), |error| Err(error.after_its_object()))
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
            let error = ClientError::new(Side::Ours, Exit::Usage, "SEVERAL_MESSAGES", sentence);
            Err(error.mended_by(MEND))
        }
        None => {
            let sentence = format!("no message here has an id that begins with {prefix}");
            let error = ClientError::new(Side::Ours, Exit::NotFound, "UNKNOWN_MESSAGE", sentence);
            Err(error.mended_by(MEND))
        }
    }
}

const MEND: &str = "liaison sent retry --dry-run";

/// Why there is nothing to hand in again.
fn nothing(
    ctx: &Context,
    mail: &Mail,
    named: Option<MessageId>,
) -> Result<ClientError, ClientError> {
    let sentence = match named {
        None => "nothing that was sent from here is refused".to_owned(),
        Some(id) if mail.outbox.accepted_receipt(id)?.is_some() => format!("{id} was accepted"),
        Some(id) => match mail.outbox.went_as(id)? {
            Some(other) => format!(
                "{id} went to the others as {other}; who was left out is called, or notified anew"
            ),
            None if mail.due(ctx)?.iter().any(|due| due.id == id) => {
                format!("{id} waits, and is handed in by the next command that connects")
            }
            None => format!("{id} has expired: send it anew"),
        },
    };
    let error = ClientError::new(Side::Ours, Exit::NotFound, "NOTHING_TO_RETRY", sentence);
    Ok(error.mended_by("liaison sent"))
}

/// A request that the relay refused, and that has not expired.
#[derive(Serialize)]
struct GivenUp {
    #[serde(skip)]
    of: MessageId,
    id: String,
    class: String,
    to: Vec<String>,
    reason: String,
}

impl GivenUp {
    fn of(ctx: &Context, mail: &Mail, id: MessageId) -> Result<Option<Self>, ClientError> {
        // For a receipt that is not due nobody waits.
        let refused = mail.outbox.refused(id)?.filter(|reason| reason != "RECEIPT_NOT_DUE");
        let Some(reason) = refused else { return Ok(None) };
        let request = mail.outbox.request(id)?;
        let header = request.envelope().map(|envelope| &envelope.header[..]).unwrap_or_default();
        let Ok(header) = mail.own_header(ctx, header)? else { return Ok(None) };
        let of = header.addressing();
        let to = of.recipients.iter().map(|to| to.contact.to_string());
        let lives = ctx.ambient().now() < of.expires;
        let (to, class) = (to.collect(), phrases::class(of.class));
        Ok(lives.then(|| Self { of: id, id: id.to_string(), class, to, reason }))
    }

    fn cells(&self) -> Vec<String> {
        vec![self.id.clone(), self.class.clone(), self.to.join(", "), self.reason.clone()]
    }
}

/// What came of it.
#[derive(Serialize)]
struct Retried {
    id: String,
    accepted_at: Option<u64>,
    reason: Option<String>,
    sentence: Option<String>,
}

impl Retried {
    fn of(id: String, done: &Result<u64, &ClientError>) -> Self {
        let why = done.as_ref().err();
        Self {
            id,
            accepted_at: done.as_ref().ok().copied(),
            reason: why.map(|why| why.reason.clone()),
            sentence: why.map(|why| why.sentence.clone()),
        }
    }

    fn line(&self) -> String {
        let why = self.sentence.as_ref().map(|why| format!("not accepted: {why}"));
        let at = self.accepted_at.map(|at| format!("accepted {}", phrases::when(at)));
        format!("{} {}", self.id, at.or(why).unwrap_or_default())
    }
}
