//! `liaison status`: where this home stands, on the screen. Nothing is asked of the network.
//!
//! In scope: what is said of each part, what warns. Out of scope: what is known of it, and what is near its end
//! (`office::status`, `office::life`), whether a connection would work (`doctor`). Invariant: what people should do
//! comes last, each with its command.

use serde_json::{Value, json};

use crate::office::error::ClientError;
use crate::office::life::Life;
use crate::office::status::{CopyHere, Judged, Mailbox, OwnSeat, Status};
use crate::office::sync::current;
use crate::words;

use super::Context;
use super::directory::seen_object;
use super::layout::Lines;
use super::output::Output;

/// `liaison status`.
///
/// # Errors
/// The home cannot be read.
pub(crate) async fn status(ctx: &Context) -> Result<(), ClientError> {
    let of = ctx.office.status()?;
    let warnings = warnings(&ctx.out, &of);
    let object = json!({
        "home": of.home.display().to_string(),
        "keys": of.keys.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "seat": seat_object(&of.seat),
        "mailbox": of.mailbox.as_ref().map(mailbox_object),
        "service_certificate": of.service.map(|life| json!({ "from": life.from, "until": life.until })),
        "warnings": warnings,
        "directory": of.directory.as_ref().map(ToString::to_string),
        "copy": of.seen().map(seen_object),
        "state": words::state(of.frozen()),
    });
    ctx.out.suggesting(&object, || text(&of));
    warnings.iter().for_each(|warning| ctx.out.warn(warning));
    current(of.frozen())
}

fn text(of: &Status) -> String {
    let mut lines = Lines::default();
    lines.line("home", of.home.display().to_string());
    for owner in &of.keys {
        lines.line("keys", owner.to_string());
    }
    if of.keys.is_empty() {
        lines.line("keys", "none; liaison join INVITATION --as SEAT makes them");
    }
    match &of.copy {
        CopyHere::Holds(holds) => {
            let (members, contacts, entries) = (holds.members, holds.contacts, holds.entries);
            lines.line("directory", words::seen(&holds.seen));
            let held = format!("{members} members, {contacts} contacts, {entries} entries");
            lines.line("holds", held);
        }
        CopyHere::Unnamed(why) => lines.line("directory", why.to_string()),
        CopyHere::Lacks(name, why) => lines.line("directory", format!("{name}: {why}")),
    }
    match &of.seat {
        OwnSeat::Judged(own) => seat_lines(own, &mut lines),
        OwnSeat::Unjudged(seat) => lines.line("seat", seat.to_string()),
        OwnSeat::None(why) => lines.line("seat", why.to_string()),
    }
    if let Some(life) = &of.service {
        let said = words::holds(life);
        lines.line("service", format!("its certificate, seen last, {said}"));
    }
    if let Some(mailbox) = &of.mailbox {
        mailbox_lines(mailbox, &mut lines);
    }
    lines.text()
}

fn seat_lines(own: &Judged, lines: &mut Lines) {
    match &own.fault {
        None => lines.line("seat", format!("{}: known to the directory", own.seat)),
        Some(why) => lines.line("seat", &*why.sentence),
    }
    if let Some((contact, part, life)) = own.publishes() {
        let then = if own.refused { ", when this copy was made" } else { "" };
        lines.line("contact", format!("{contact}: {}{then}", words::part(part)));
        lines.line("own record", words::holds(life));
    }
    if let Some(life) = &own.seal_key {
        lines.line("seal key", format!("since {}", words::day(life.from)));
    }
    if let Some(until) = own.certificate_until {
        lines.line("certificate", format!("until {}; renewed by itself", words::day(until)));
    }
}

fn mailbox_lines(of: &Mailbox, lines: &mut Lines) {
    let said = match of.ever {
        true => format!("{} entries", of.collected),
        false => "never collected".to_owned(),
    };
    lines.line("mailbox", format!("{said}, {} unread", of.unread));
    lines.line(
        "outbox",
        match of.waiting {
            0 => "nothing waits".to_owned(),
            waiting => format!("{waiting} wait to be handed in: liaison sent"),
        },
    );
}

/// What people should do, in the order of the lines.
fn warnings(out: &Output, of: &Status) -> Vec<String> {
    let mut warnings = Vec::new();
    match &of.copy {
        CopyHere::Holds(holds) if holds.seen.stale => {
            warnings.push(out.suggested("the copy of the directory is stale: liaison sync"));
        }
        CopyHere::Holds(_) => {}
        CopyHere::Unnamed(why) => {
            let mend = why.mend.as_ref();
            warnings.extend(mend.map(|mend| format!("{}: {}", why.sentence, out.to_do(mend))));
        }
        CopyHere::Lacks(_, why) => {
            warnings.extend(why.what_mends().map(|mend| out.to_do(&mend)));
        }
    }
    if let OwnSeat::Judged(own) = &of.seat {
        warn_of_seat(out, own, &mut warnings);
    }
    // A newer one may be shown by now: who asks sees it.
    let service = of.service.as_ref().and_then(words::service_runs_out);
    warnings.extend(
        service.map(|said| out.suggested(format_args!("{said}, if liaison doctor says so, too"))),
    );
    warnings
}

fn warn_of_seat(out: &Output, own: &Judged, warnings: &mut Vec<String>) {
    let seat = &own.seat;
    let mend = own.fault.as_ref().and_then(|why| why.mend.as_ref());
    warnings.extend(mend.map(|mend| format!("{seat} cannot be used: {}", out.to_do(mend))));
    let runs_out = |life: Option<&Life>, what: &str, mend: &str| {
        life.and_then(|life| words::runs_out(life, what, &out.suggested(mend)))
    };
    let record = own.publishes().map(|(_, _, life)| life);
    warnings.extend(runs_out(record, "what your contact publishes", "liaison record draft"));
    let seal_key = format!("the seal key of {seat}");
    warnings.extend(runs_out(own.seal_key.as_ref(), &seal_key, "liaison seat rotate"));
    if own.changes_keys {
        let waits = format!("new keys of {seat} wait to be listed: liaison seat rotate --show");
        warnings.push(out.suggested(waits));
    }
}

fn seat_object(of: &OwnSeat) -> Value {
    match of {
        OwnSeat::None(_) => Value::Null,
        OwnSeat::Unjudged(seat) => json!({ "seat": seat.to_string(), "known": Value::Null }),
        OwnSeat::Judged(own) => json!({
            "seat": own.seat.to_string(),
            "known": own.fault.is_none(),
            "takes_part": own.part.map(words::part),
            "record_until": own.record.map(|life| life.until),
            "seal_key_since": own.seal_key.map(|life| life.from),
            "seal_key_until": own.seal_key.map(|life| life.until),
            "certificate_until": own.certificate_until,
        }),
    }
}

fn mailbox_object(of: &Mailbox) -> Value {
    json!({ "collected": of.collected, "unread": of.unread, "outbox_waiting": of.waiting })
}
