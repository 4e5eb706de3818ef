//! `liaison notify`: what is asked for, its files, and what became of it on the screen.
//!
//! In scope: arguments and files. Out of scope: to whom it goes, sealing, handing in (`office::notify`).

use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::office::call::not_all;
use crate::office::error::{ClientError, Family, Mend, Rule, Side};
use crate::office::files::{self, unusable};
use crate::office::notify::{
    self as sending, Inside, NotNotified, Notice, Notified, Plan, Writing,
};
use crate::words::{self, visible};

use super::args::NotifyArgs;
use super::fields::drafted;
use super::{Context, call, inbox};

/// `liaison notify`.
///
/// # Errors
/// [`ClientError`]; exit 9 if some of the contacts can only be called.
pub(crate) async fn notify(ctx: &Context, mut args: NotifyArgs) -> Result<(), ClientError> {
    if let Some(name) = &mut args.drill {
        *name = drafted(ctx, "the drill's name", name)?;
    }
    let notice = notice(written(ctx, &args)?, &args);
    if args.text.is_none() && args.text_file.is_none() {
        ctx.out.warn("no text was given: the message says its title and nothing more (--text)");
    }
    if let Some(name) = &args.drill {
        ctx.out.say(format_args!("DRILL (EXERCISE: {})", visible(name)));
    }
    if args.dry_run {
        let plan = ctx.office.would_notify(&notice);
        let plan = plan.map_err(|why| not_notified(ctx, why))?;
        show(ctx, &plan, notice.inside.encode().len());
        return Ok(());
    }
    let notified = Box::pin(ctx.office.notify(&notice)).await;
    let notified = notified.map_err(|why| not_notified(ctx, why))?;
    report(ctx, &notified);
    let by_telephone = notified.plan.by_telephone.clone();
    if let Err(error) = notified.send_what_waited().await {
        let why = ctx.out.language().sentence(&error);
        ctx.out.warn(format_args!("what waited before was not handed in: {why}"));
    }
    if by_telephone.is_empty() { Ok(()) } else { Err(not_all(&by_telephone)) }
}

fn notice(inside: Inside, args: &NotifyArgs) -> Notice {
    Notice {
        to: args.contacts.clone(),
        level: args.level.into(),
        urgency: args.urgency.into(),
        kind: args.kind.into(),
        inside,
        label: args.tlp.map(Into::into),
        drill: args.drill.clone(),
        answers: args.reply_to.clone(),
        on_stale: args.stale_directory,
        skip_full: args.skip_full,
        is_meant: args.yes,
    }
}

/// What would be sent.
fn show(ctx: &Context, plan: &Plan, size: usize) {
    let object = object(plan, json!({ "dry_run": true, "content_bytes": size }));
    ctx.out.data(&object, || format!("Nothing was sent: this was a dry run.\n{}", read_out(plan)));
}

/// What went, and by which number it stands in each mailbox.
fn report(ctx: &Context, notified: &Notified) {
    let (id, accepted) = (notified.went.id, &notified.went.accepted);
    let places = accepted.places().iter().map(
        |place| json!({ "contact": place.contact.to_string(), "number": place.mailbox.count }),
    );
    let sent = json!({
        "id": id.to_string(),
        "thread": notified.thread.to_string(),
        "accepted": { "at": accepted.at(), "places": places.collect::<Vec<_>>() },
    });
    ctx.out.data(&object(&notified.plan, sent), || {
        let mut text = format!("{id}\naccepted {}\n", words::when(accepted.at()));
        for place in accepted.places() {
            let (contact, number) = (&place.contact, place.mailbox.count);
            text.push_str(&format!("  {contact}: number {number} in its mailbox\n"));
        }
        text.push_str(&read_out(&notified.plan));
        text
    });
    ctx.out.suggest(format_args!("what became of it: liaison sent {id}"));
}

/// Why it did not go, and whom to call.
fn not_notified(ctx: &Context, why: NotNotified) -> ClientError {
    match why {
        NotNotified::ToNobody(plan) => {
            ctx.out.data(&object(&plan, json!({})), || read_out(&plan));
            not_all(&plan.by_telephone)
        }
        NotNotified::Called { error, calls, script } => {
            let heading = match error.waiting() {
                Some(_) => "It is kept here. Meanwhile:",
                None => "Nothing was sent. Instead:",
            };
            let said = words::read_out(&calls, script.as_deref());
            ctx.out.say(format_args!("\n{heading}\n{said}"));
            *error
        }
        NotNotified::NothingToAnswer(at, why) => inbox::not_shown(&at, why, Mend::NumberOrDigest),
        NotNotified::Failed(error) => *error,
    }
}

/// Whom to call, and what to say.
fn read_out(plan: &Plan) -> String {
    words::read_out(&plan.by_telephone, plan.script.as_ref())
}

fn object(plan: &Plan, mut object: Value) -> Value {
    let to = plan.to.iter().map(|to| to.of.contact.to_string());
    let calls = plan.by_telephone.iter().map(|of| call::json(of, plan.script.as_ref()));
    if let Some(object) = object.as_object_mut() {
        object.insert("to".to_owned(), json!(to.collect::<Vec<_>>()));
        object.insert("by_telephone".to_owned(), json!(calls.collect::<Vec<_>>()));
        object.insert("stale_directory".to_owned(), json!(plan.is_stale));
    }
    object
}

/// The content, from the arguments and files.
fn written(ctx: &Context, args: &NotifyArgs) -> Result<Inside, ClientError> {
    let kind = args.kind.into();
    let mut writing = Writing::new(kind, &args.title, ctx.office.ambient().now());
    if let Some(text) = text(args)? {
        writing = writing.text(&args.language, &text);
    }
    for code in &args.classification {
        writing = sending::classified(writing, code)?;
    }
    let mut left = sending::largest();
    for path in &args.attach {
        let bytes = attachment(path, &mut left)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        writing = writing.attached(&name, bytes);
    }
    let reference = args.reference.clone().unwrap_or_default();
    Ok(writing.with(|content| content.reference = reference).finish()?)
}

fn text(args: &NotifyArgs) -> Result<Option<String>, ClientError> {
    match &args.text_file {
        Some(path) if path.as_os_str() == "-" => {
            let mut text = String::new();
            let read = std::io::stdin().take(files::TEXT_BYTES).read_to_string(&mut text);
            read.map(|_| Some(text)).map_err(|why| unusable(path, &why))
        }
        Some(path) => files::read_text(path).map(Some),
        None => Ok(args.text.clone()),
    }
}

/// The bytes of a file, if they fit into what is left.
fn attachment(path: &Path, left: &mut u64) -> Result<Bytes, ClientError> {
    let limit = *left;
    if let Some(bytes) = files::read_into(path, left)? {
        return Ok(bytes);
    }
    // Of a file it is known; of a device nobody knows.
    let whole = std::fs::metadata(path).map_or(0, |about| about.len());
    let found = if whole > limit { whole.to_string() } else { format!("more than {limit}") };
    let sentence = format!(
        "{} has {found} bytes; a message is sealed in at most 1 MiB, and {limit} bytes are left",
        path.display()
    );
    let error = ClientError::new(Side::Ours, Family::Usage, Rule::TooLarge, sentence);
    Err(error.mended_by(Mend::SendLess))
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
}
