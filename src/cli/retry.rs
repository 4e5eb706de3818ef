//! `liaison sent retry`: what was refused, and what comes of it now, on the screen.
//!
//! Out of scope: what was given up, and handing it in (`office::retry`).

use serde_json::{Value, json};

use crate::office::call::not_all;
use crate::office::error::{ClientError, Family, Here, Mend, Reason, Rule, Side};
use crate::office::mail::Mail;
use crate::office::pointer::NotOne;
use crate::office::retry::{Again, GivenUp, NothingAgain};
use crate::words::{self, visible};

use super::args::RetryArgs;
use super::{Context, call, layout};

/// `liaison sent retry`.
///
/// # Errors
/// [`ClientError`]; nothing was refused.
pub(super) async fn retry(ctx: &Context, args: &RetryArgs) -> Result<(), ClientError> {
    let mut mail = Mail::open(&ctx.office, ctx.office.replica()?)?;
    let given_up = mail.given_up(args.id.as_deref(), args.skip_full);
    let given_up = given_up.map_err(|why| nothing(args.id.as_deref(), why))?;
    if args.dry_run {
        let refused: Vec<Value> = given_up.iter().map(object).collect();
        ctx.out.data(&json!({ "dry_run": true, "refused": refused }), || {
            layout::table(&["ID", "CLASS", "TO", "REFUSED"], given_up.iter().map(cells))
        });
        ctx.out.say("nothing was handed in: this was a dry run");
        return Ok(());
    }
    let retried = mail.hand_in_again(&given_up, args.skip_full).await?;
    let objects: Vec<Value> = retried.iter().map(retried_object).collect();
    ctx.out.data(&json!({ "retried": objects }), || {
        retried.iter().map(text).collect::<Vec<_>>().join("\n")
    });
    retried.iter().find_map(failure).map_or(Ok(()), Err)
}

/// Why there is nothing to hand in again.
fn nothing(prefix: Option<&str>, why: NothingAgain) -> ClientError {
    let prefix = visible(prefix.unwrap_or_default().trim());
    let (family, reason, sentence) = match why {
        NothingAgain::Failed(error) => return *error,
        NothingAgain::NotOne(NotOne::Several(ids)) => {
            let sentence = format!("{} messages have ids that begin with {prefix}", ids.len());
            (Family::Usage, Here::SeveralMessages.into(), sentence)
        }
        NothingAgain::NotOne(NotOne::Unknown) => {
            let sentence = format!("no message here has an id that begins with {prefix}");
            (Family::NotFound, Reason::from(Rule::UnknownMessage), sentence)
        }
        NothingAgain::NoneRefused => {
            // What was refused says there what helps it: this says that there is none.
            let sentence = "nothing that was sent from here is refused";
            return ClientError::new(Side::Ours, Family::NotFound, Here::NothingToRetry, sentence);
        }
        NothingAgain::Accepted(id) => not_again(format!("{id} was accepted")),
        NothingAgain::WentToOthers { id, other } => not_again(format!(
            "{id} went to the others as {other}; who was left out is called, or notified anew"
        )),
        NothingAgain::Waits(id) => {
            not_again(format!("{id} waits, and goes with the next inbox, sent or sync"))
        }
        NothingAgain::Expired(id) => not_again(format!("{id} has expired: send it anew")),
    };
    ClientError::new(Side::Ours, family, reason, sentence).mended_by(Mend::Sent)
}

fn not_again(sentence: String) -> (Family, Reason, String) {
    (Family::NotFound, Here::NothingToRetry.into(), sentence)
}

/// How the command ends for it, if not well.
fn failure(of: &Again) -> Option<ClientError> {
    match &of.went {
        Ok(_) if of.calls.is_empty() => None,
        Ok(_) => Some(not_all(&of.calls)),
        // Its row says why.
        Err(error) => {
            let sentence = format!("{} was not accepted", of.id);
            Some(ClientError { sentence, ..words::spelled(error) }.after_its_object())
        }
    }
}

fn to(of: &GivenUp) -> Vec<String> {
    of.header.addressing().recipients.iter().map(|to| to.contact.to_string()).collect()
}

fn object(of: &GivenUp) -> Value {
    json!({
        "id": of.id.to_string(),
        "class": words::class(of.header.addressing().class),
        "to": to(of),
        "reason": of.reason,
    })
}

fn cells(of: &GivenUp) -> Vec<String> {
    let why = of.reason.as_ref().map_or("waits", Reason::code).to_owned();
    vec![of.id.to_string(), words::class(of.header.addressing().class), to(of).join(", "), why]
}

fn retried_object(of: &Again) -> Value {
    let (went, why) = (of.went.as_ref().ok(), of.went.as_ref().err());
    let calls = of.calls.iter().map(|call| call::json(call, of.script.as_ref()));
    let went_as = went.filter(|went| went.id != of.id).map(|went| went.id.to_string());
    json!({
        "id": of.id.to_string(),
        "accepted_at": went.map(|went| went.accepted.at()),
        "went_as": went_as,
        "by_telephone": calls.collect::<Vec<_>>(),
        "reason": why.map(|why| &why.reason),
        "sentence": why.map(words::sentence),
    })
}

fn text(of: &Again) -> String {
    let id = of.id;
    match &of.went {
        Err(why) => format!("{id} not accepted: {}", words::sentence(why)),
        Ok(went) => {
            let at = words::when(went.accepted.at());
            let other = match went.id == id {
                true => String::new(),
                false => format!(", to the others as {}", went.id),
            };
            let calls = words::read_out(&of.calls, of.script.as_ref());
            format!("{id} accepted {at}{other}{calls}")
        }
    }
}
