//! `liaison admin audit`, and `liaison verify` of what it exported.

use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::client::administration::{Copy, verify as verified};
use crate::domain::directory::Directory;
use crate::office::error::{ClientError, Family, Here, Mend, Side};
use crate::office::terms::Role;
use crate::signed::proto::AuditRecord;
use crate::words::{visible, when};

use super::Context;
use super::administer::{ask, person, reach};
use super::args::AuditArgs;
use super::context::unusable;
use super::layout::{self, Lines};

/// `liaison admin audit`
pub(super) async fn audit(ctx: &Context, args: &AuditArgs) -> Result<(), ClientError> {
    let who = person(ctx, &args.admin, &[Role::Auditor])?;
    let members = ctx.office.connect(Some(&who)).await?;
    let mut replica = ctx.office.replica()?;
    ctx.office.sync(&members, &mut replica).await?;
    let directory = replica.directory()?;
    let name = ctx.office.name()?;
    let mut copy = Copy::open(&ctx.office.home, &name, directory)?;
    let session = reach(ctx, &args.admin, &who).await?;
    let mut aside = None;
    match session.audit(&mut copy, directory).await {
        Err(why) if args.anew && why.reason == Here::AuditWentBack => {
            show_contradiction(ctx, &copy, directory)?;
            ask(ctx, args.yes, "Set aside what is kept here, and begin anew? [y/N]")?;
            aside = Some(copy.set_aside()?);
            copy = Copy::open(&ctx.office.home, &name, directory)?;
            session.audit(&mut copy, directory).await?;
        }
        done => done?,
    }
    let records = copy.records();
    if let Some(path) = &args.export {
        export(ctx, path, &records, copy.head())?;
    }
    let shown = records.len().saturating_sub(args.last);
    let rows: Vec<Value> = records.iter().skip(shown).map(|(record, _)| object(record)).collect();
    let object = json!({
        "count": records.len(), "records": rows, "export": args.export, "set_aside": aside,
    });
    ctx.out.data(&object, || {
        let mut cells = Vec::new();
        for (record, _) in records.iter().skip(shown) {
            let subject: String = hex::encode(&record.subject).chars().take(12).collect();
            let about = format!("{} {subject}", visible(&record.says));
            let who = match &record.who[..] {
                "" => format!("not known, {}", visible(&record.network)),
                known => visible(known),
            };
            let row = [
                record.number.to_string(),
                when(record.at),
                who,
                visible(&record.call),
                visible(&record.outcome),
                about.trim().to_owned(),
            ];
            cells.push(row);
        }
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

/// Nobody lets go of what he has seen before he sees what stands in its place.
fn show_contradiction(
    ctx: &Context,
    copy: &Copy,
    directory: &Directory,
) -> Result<(), ClientError> {
    let mut lines = Lines::default();
    for (label, head) in ["kept here", "signed now"].into_iter().zip(copy.contradiction(directory)?)
    {
        let head = head.map_or_else(
            || "no head".to_owned(),
            |of| format!("{} records, {}, chain {}", of.count, when(of.at), hex::encode(of.chain)),
        );
        lines.line(label, head);
    }
    ctx.out.say(lines.text());
    Ok(())
}

fn object(record: &AuditRecord) -> Value {
    json!({
        "number": record.number,
        "at": record.at,
        "who": record.who,
        "key": hex::encode(&record.key_id),
        "network": record.network,
        "call": record.call,
        "subject": hex::encode(&record.subject),
        "says": record.says,
        "outcome": record.outcome,
        "unrecorded": record.unrecorded,
    })
}

/// A line for each record, with its bytes, and one for the head.
fn export(
    ctx: &Context,
    path: &Path,
    records: &[(AuditRecord, Bytes)],
    head: Option<&Bytes>,
) -> Result<(), ClientError> {
    let mut text = String::new();
    for (record, bytes) in records {
        let mut line = object(record);
        line["bytes"] = hex::encode(bytes).into();
        text.push_str(&line.to_string());
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
    ctx.write_file(path, &text)?;
    ctx.out.say(format_args!(
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
    let text = std::fs::read_to_string(path).map_err(|why| unusable(path, &why))?;
    let altered = |what: &str| {
        let sentence = format!("{}: {what}", path.display());
        ClientError::new(Side::Ours, Family::VerificationFailed, Here::AuditAltered, sentence)
    };
    let (mut records, mut head) = (Vec::new(), None);
    for (line, number) in text.lines().zip(1..) {
        let no_line = || match number {
            1 => {
                let sentence = format!("{} is no export of the audit trail", path.display());
                ClientError::new(Side::Ours, Family::Usage, Here::NotSuchAFile, sentence)
                    .mended_by(Mend::Export)
            }
            _ => altered(&format!("line {number} is none of an export of the audit trail")),
        };
        let read: Value = serde_json::from_str(line).map_err(|_| no_line())?;
        let bytes = |name: &str| hex::decode(read.get(name)?.as_str()?).ok();
        if head.is_some() {
            return Err(altered("something stands behind the head"));
        }
        if let Some(bytes) = bytes("audit_head") {
            head = Some(bytes);
            continue;
        }
        let bytes = bytes("bytes").ok_or_else(no_line)?;
        let record: AuditRecord =
            crate::signed::canonical::decode(&bytes).map_err(|_| no_line())?;
        let mut said = object(&record);
        said["bytes"] = hex::encode(&bytes).into();
        if said != read {
            return Err(altered(&format!("line {number} says something else than its bytes")));
        }
        records.push(Bytes::from(bytes));
    }
    let head = head.ok_or_else(|| altered("the head is missing: it was cut short"))?;
    let replica = ctx.office.replica()?;
    let verified = verified(replica.directory()?, &records, &head);
    let (count, head) = verified.map_err(|why| ClientError {
        sentence: format!("{}: {}", path.display(), why.sentence),
        ..why
    })?;
    let object = json!({ "records": count, "signed_at": head.at });
    ctx.out.data(&object, || {
        format!(
            "{count} records, each follows the one before; the relay signed the head at {}",
            when(head.at)
        )
    });
    Ok(())
}
