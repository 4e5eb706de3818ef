//! `liaison exposure`: what a stolen seat could open, and who was told, on the screen.
//!
//! In scope: what is asked before anybody is told, the words that he is told in. Out of scope: what the seat could
//! open, telling (`office::exposure`), ending the seat's keys (`seat revoke`). Invariant: the words name nobody's
//! fault.

use serde_json::{Value, json};

use crate::office::error::{ClientError, Family, Here, Mend, Side};
use crate::office::exposure::{Exposed, Exposure, Online, State, Telling, Wording};
use crate::office::mail::Mail;
use crate::words::{self, visible};

use super::args::ExposureArgs;
use super::output::Bar;
use super::statement::agreed;
use super::{Context, layout};

/// `liaison exposure`.
///
/// # Errors
/// [`ClientError`]; exit 9 if somebody could not be told.
pub(crate) async fn exposure(ctx: &Context, args: &ExposureArgs) -> Result<(), ClientError> {
    ctx.office.may_be_exposed(&args.seat, args.since)?;
    let list = |mail: &Mail| {
        show(ctx, &mail.exposure(&args.seat, args.since)?);
        Ok(())
    };
    if args.offline {
        return list(&Mail::here(&ctx.office)?);
    }
    match Box::pin(ctx.office.with_bodies()).await {
        Ok(mut online) if args.tell => Box::pin(tell(ctx, &mut online, args)).await,
        Ok(online) => list(&online.mail),
        Err(error) if args.tell => Err(error),
        Err(error) => ctx.without_service(error, list),
    }
}

fn show(ctx: &Context, exposure: &Exposure) {
    let (seat, since) = (&exposure.seat, exposure.since);
    ctx.out.data(&object(exposure), || {
        if exposure.messages.is_empty() {
            let since = words::when(since);
            return format!("of what is here {seat} could open no message since {since}");
        }
        let header = ["NUMBER", "FROM", "WHEN", "TLP", "TITLE"];
        layout::table(&header, exposure.messages.iter().map(cells))
    });
    say_besides(ctx, exposure);
    if !exposure.messages.is_empty() {
        ctx.out.suggest(format_args!(
            "to tell those who wrote: liaison exposure {seat} --since {} --tell",
            words::day(since)
        ));
    }
}

/// Tells those who wrote, each once a thread.
async fn tell(ctx: &Context, online: &mut Online, args: &ExposureArgs) -> Result<(), ClientError> {
    let exposure = online.mail.exposure(&args.seat, args.since)?;
    let mut tellings = online.mail.tellings(&exposure)?;
    say_besides(ctx, &exposure);
    for telling in tellings.iter().filter(|telling| telling.is_open()) {
        ctx.out.say(format_args!("to {}: {}", telling.to, wording(telling, &exposure).text));
    }
    let open = tellings.iter().filter(|telling| telling.is_open()).count();
    if open > 0 {
        let contact = exposure.seat.contact();
        ctx.out.say(format_args!(
            "whether a colleague of {contact} has told them already does not show here: ask first"
        ));
    }
    if !args.dry_run && open > 0 && !args.yes && !agreed(ctx, &format!("Send {open}? [y/N]")) {
        let (family, sentence) = (Family::NeedsApproval, "nobody agreed, and nobody was told");
        return Err(
            ClientError::new(Side::Ours, family, Here::NotTold, sentence).mended_by(Mend::Agree)
        );
    }
    let mut bar = Bar::new(&ctx.out);
    for (done, telling) in tellings.iter_mut().enumerate().filter(|_| !args.dry_run) {
        bar.show("told", done as u64, open as u64);
        let wording = wording(telling, &exposure);
        if let Some(why) = online.tell(telling, &wording).await? {
            ctx.out.warn(format_args!("{}: {}", telling.to, ctx.out.language().sentence(&why)));
        }
    }
    drop(bar);
    report(ctx, &exposure, &tellings, args.dry_run)
}

fn report(
    ctx: &Context,
    exposure: &Exposure,
    tellings: &[Telling],
    dry_run: bool,
) -> Result<(), ClientError> {
    let told: Vec<Value> = tellings.iter().map(telling_object).collect();
    let mut object = object(exposure);
    if let Some(fields) = object.as_object_mut() {
        fields.insert("tell".to_owned(), json!(told));
        fields.insert("dry_run".to_owned(), json!(dry_run));
    }
    let not = tellings.iter().filter(|telling| !dry_run && telling.state != State::Told);
    let not: Vec<String> = not.map(|telling| telling.to.to_string()).collect();
    let end = if not.is_empty() {
        Ok(())
    } else {
        let sentence = format!("not told yet: {}", not.join(", "));
        Err(ClientError::new(Side::Network, Family::Partial, Here::Partial, sentence)
            .mended_by(Mend::TellTheRest))
    };
    ctx.out.data_and_end(object, end, || match tellings {
        [] => "nobody else wrote what the seat could open".to_owned(),
        some => layout::table(
            &["CONTACT", "ABOUT", "MESSAGES", "STATE"],
            some.iter().map(telling_cells),
        ),
    })
}

/// What the table does not show.
fn say_besides(ctx: &Context, of: &Exposure) {
    let (seat, contact) = (&of.seat, of.seat.contact());
    for (count, what) in [
        (of.machines, "receipts and words of acknowledgements"),
        (of.not_fetched(), "of these are not fetched here"),
        (of.not_judged, "entries of the mailbox do not hold, and are not judged"),
    ] {
        if count > 0 {
            ctx.out.say(format_args!("besides: {count} {what}"));
        }
    }
    if of.earlier > 0 {
        ctx.out.say(format_args!(
            "earlier: {} more were gone from the relay by then; who has the files of {seat} reads \
             those, too",
            of.earlier
        ));
    }
    ctx.out.say(format_args!(
        "what other seats of {contact} sent is known in their homes: give the command there, too"
    ));
}

/// Neutral, and true.
fn wording(of: &Telling, exposure: &Exposure) -> Wording {
    let (contact, since) = (exposure.seat.contact(), words::when(exposure.since));
    let written = words::when(of.about.header.addressing().created);
    let more = match of.count - 1 {
        0 => String::new(),
        1 => ", and one before it in this thread,".to_owned(),
        more => format!(", and {more} before it in this thread,"),
    };
    let text = format!(
        "A seat of {contact} that could open your message of {written}{more} may have been in other \
         hands since {since}. What was sealed to it may have been read there. The keys of that seat \
         have ended, and what you seal now is not sealed to them."
    );
    Wording { language: "en", title: TITLE.to_owned(), text }
}

fn object(of: &Exposure) -> Value {
    json!({
        "seat": of.seat.to_string(),
        "since": of.since,
        "messages": of.messages.iter().map(exposed_object).collect::<Vec<_>>(),
        "not_fetched": of.not_fetched(),
        "receipts_and_acknowledgements": of.machines,
        "earlier": of.earlier,
        "not_judged": of.not_judged,
    })
}

fn exposed_object(one: &Exposed) -> Value {
    let of = one.header.addressing();
    json!({
        "number": one.number,
        "id": of.id.to_string(),
        "thread": of.thread.to_string(),
        "sent_from_here": one.number.is_none(),
        "from": of.sender.to_string(),
        "at": of.created,
        "class": words::class(of.class),
        "title": one.title(),
        "tlp": one.tlp().map(words::tlp),
        "fetched": one.fetched,
    })
}

fn cells(one: &Exposed) -> Vec<String> {
    let of = one.header.addressing();
    let number = one.number.map_or_else(|| "sent".to_owned(), |number| number.to_string());
    let tlp = one.tlp().map(words::tlp).unwrap_or_default().to_owned();
    vec![number, of.sender.to_string(), words::when(of.created), tlp, said(one)]
}

fn said(one: &Exposed) -> String {
    match (one.title(), one.fetched) {
        (Some(title), _) => visible(title),
        (None, false) => "not fetched: it stands in the mailbox".to_owned(),
        (None, true) => "not opened here".to_owned(),
    }
}

fn telling_object(of: &Telling) -> Value {
    json!({
        "contact": of.to.to_string(),
        "thread": of.about.header.addressing().thread.to_string(),
        "number": of.about.number,
        "messages": of.count,
        "id": of.id.map(|id| id.to_string()),
        "state": state(&of.state),
    })
}

fn telling_cells(of: &Telling) -> Vec<String> {
    vec![of.to.to_string(), said(&of.about), of.count.to_string(), state(&of.state)]
}

fn state(of: &State) -> String {
    match of {
        State::Open => "not told".to_owned(),
        State::Waits => "waits to be handed in".to_owned(),
        State::Told => "told".to_owned(),
        State::Refused(why) => format!("cannot be told, call it: {why}"),
        State::Cannot(why) => format!("cannot be told, call it: {}", visible(&why.sentence)),
    }
}

const TITLE: &str = "A seat of ours that could open your message may have been in other hands";
