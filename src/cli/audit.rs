//! `liaison admin audit`, and `liaison verify` of what it exported, on the screen and in a file.

use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::office::audit::{AuditTrail, Line, Record};
use crate::office::error::{ClientError, Family, Here, Mend, Side};
use crate::office::files;
use crate::words::{visible, when};

use super::Context;
use super::administer::ask;
use super::args::AuditArgs;
use super::layout::{self, Lines};

/// `liaison admin audit`
pub(super) async fn audit(ctx: &Context, args: &AuditArgs) -> Result<(), ClientError> {
    let mut trail = ctx.office.audit_trail(&args.admin.way()).await?;
    let mut aside = None;
    match trail.fetch().await {
        Err(why) if args.anew && why.reason == Here::AuditWentBack => {
            show_contradiction(ctx, &trail)?;
            ask(ctx, args.yes, "Set aside what is kept here, and begin anew? [y/N]")?;
            aside = Some(trail.begin_anew(&ctx.office)?);
            trail.fetch().await?;
        }
        done => done?,
    }
    let records = trail.records();
    if let Some(path) = &args.export {
        export(ctx, path, &records, trail.head())?;
    }
    let shown = records.len().saturating_sub(args.last);
    let rows: Vec<Value> = records.iter().skip(shown).map(object).collect();
    let object = json!({
        "count": records.len(), "records": rows, "export": args.export, "set_aside": aside,
    });
    ctx.out.data(&object, || {
        let cells = records.iter().skip(shown).map(cells);
        let table = layout::table(&["NUMBER", "WHEN", "WHO", "CALL", "OUTCOME", "ABOUT"], cells);
        format!(
            "{table}\n{} records, each follows the one before; the relay signed the head",
            records.len()
        )
    });
    if let Some(aside) = &aside {
        ctx.out.say(format_args!("what was kept here before is evidence: {}", aside.display()));
    }
    Ok(())
}

fn cells(record: &Record) -> [String; 6] {
    let subject: String = record.subject.chars().take(12).collect();
    let about = format!("{} {subject}", visible(&record.says));
    let who = match &record.who[..] {
        "" => format!("not known, {}", visible(&record.network)),
        known => visible(known),
    };
    [
        record.number.to_string(),
        when(record.at),
        who,
        visible(&record.call),
        visible(&record.outcome),
        about.trim().to_owned(),
    ]
}

/// Nobody lets go of what he has seen before he sees what stands in its place.
fn show_contradiction(ctx: &Context, trail: &AuditTrail) -> Result<(), ClientError> {
    let mut lines = Lines::default();
    for (label, head) in ["kept here", "signed now"].into_iter().zip(trail.contradiction()?) {
        let head = head.map_or_else(
            || "no head".to_owned(),
            |of| format!("{} records, {}, chain {}", of.count, when(of.at), of.chain),
        );
        lines.line(label, head);
    }
    ctx.out.say(lines.text());
    Ok(())
}

fn object(record: &Record) -> Value {
    json!({
        "number": record.number,
        "at": record.at,
        "who": record.who,
        "key": record.key,
        "network": record.network,
        "call": record.call,
        "subject": record.subject,
        "says": record.says,
        "outcome": record.outcome,
        "unrecorded": record.unrecorded,
    })
}

/// The same with its bytes.
fn exported(record: &Record) -> Value {
    let mut line = object(record);
    line["bytes"] = hex::encode(&record.bytes).into();
    line
}

/// A line for each record, with its bytes, and one for the head.
fn export(
    ctx: &Context,
    path: &Path,
    records: &[Record],
    head: Option<&Bytes>,
) -> Result<(), ClientError> {
    let mut text = String::new();
    for record in records {
        text.push_str(&exported(record).to_string());
        text.push('\n');
    }
    let head = head.map(hex::encode).unwrap_or_default();
    text.push_str(&json!({ "audit_head": head }).to_string());
    text.push('\n');
    if path.is_file() && !goes_on(&std::fs::read_to_string(path).unwrap_or_default(), &text) {
        let sentence = format!(
            "{} is there already, and this trail does not go on from it: nothing was written",
            path.display()
        );
        return Err(ClientError::new(Side::Ours, Family::Usage, Here::ExportOfOther, sentence)
            .mended_by(Mend::ExportElsewhere));
    }
    files::write(path, &text)?;
    ctx.out.suggest(format_args!(
        "{} records are in {1}. Next: liaison verify {1}",
        records.len(),
        path.display()
    ));
    Ok(())
}

/// Whether an export holds all records of one before.
fn goes_on(before: &str, text: &str) -> bool {
    let before = before.trim_end();
    let head = before.rfind('\n').map_or(0, |end| end + 1);
    before[head..].starts_with("{\"audit_head\":") && text.starts_with(&before[..head])
}

/// `liaison verify FILE`
pub(super) fn verify(ctx: &Context, path: &Path) -> Result<(), ClientError> {
    let text = std::fs::read_to_string(path).map_err(|why| files::unusable(path, &why))?;
    let head = ctx.office.verified_export(path, text.lines().map(read).collect())?;
    let object = json!({ "records": head.count, "signed_at": head.at });
    ctx.out.data(&object, || {
        format!(
            "{} records, each follows the one before; the relay signed the head at {}",
            head.count,
            when(head.at)
        )
    });
    Ok(())
}

/// A line of an export.
fn read(line: &str) -> Line {
    let Ok(read) = serde_json::from_str::<Value>(line) else { return Line::NoLine };
    let bytes = |name: &str| Some(Bytes::from(hex::decode(read.get(name)?.as_str()?).ok()?));
    if let Some(head) = bytes("audit_head") {
        return Line::Head(head);
    }
    match bytes("bytes").and_then(Record::read) {
        None => Line::Empty,
        Some(record) if exported(&record) == read => Line::Record(record.bytes),
        Some(_) => Line::Differs,
    }
}
