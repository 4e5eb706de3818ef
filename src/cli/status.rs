//! `liaison status`: where this home stands. Nothing is asked of the network.
//!
//! In scope: identities, the copy and its age, the own seat, the mailbox, what is about to run out.
//! Out of scope: whether a connection would work (`doctor`). Invariant: what runs out is said at a
//! third, a sixth and on the last day of its life: short lives do not nag.

use serde_json::{Value, json};

use crate::client::replica::Replica;
use crate::crypto::cert::PeerCertificate;
use crate::domain::directory::Contact;
use crate::office::directory::TakesPart;
use crate::office::error::{ClientError, Family};
use crate::office::mail::Mail;
use crate::office::seen::Seen;
use crate::office::sync::current;
use crate::office::terms::{Owner, SeatId};
use crate::words::{self, visible};

use super::Context;
use super::directory::seen_object;
use super::layout::Lines;
use super::rotate::admitted_at;

/// `liaison status`.
///
/// # Errors
/// The home cannot be read.
pub(crate) async fn status(ctx: &Context) -> Result<(), ClientError> {
    let mut lines = Lines::default();
    let mut warnings = Vec::new();
    let owners = ctx.office.home.keys().owners()?;
    lines.line("home", ctx.office.home.root().display().to_string());
    for owner in &owners {
        lines.line("keys", owner.to_string());
    }
    if owners.is_empty() {
        lines.line("keys", "none; liaison join INVITATION --as SEAT makes them");
    }
    let mut object = json!({
        "home": ctx.office.home.root().display().to_string(),
        "keys": owners.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    let copy = copy(ctx, &mut lines, &mut warnings)?;
    let frozen = copy.as_ref().and_then(|(_, replica)| replica.frozen().cloned());
    let seat = match (&copy, ctx.office.seat()) {
        (Some((_, replica)), Ok(seat)) => seat_of(ctx, replica, &seat, &mut lines, &mut warnings)?,
        (_, Ok(seat)) => {
            lines.line("seat", seat.to_string());
            json!({ "seat": seat.to_string(), "known": Value::Null })
        }
        (_, Err(why)) => {
            lines.line("seat", why.to_string());
            Value::Null
        }
    };
    let service = service(ctx, &mut lines, &mut warnings);
    let mail = match copy {
        Some((_, replica)) if seat.get("known") == Some(&json!(true)) => {
            mailbox(ctx, replica, &mut lines)?
        }
        Some(_) | None => Value::Null,
    };
    if let Some(object) = object.as_object_mut() {
        object.insert("seat".to_owned(), seat);
        object.insert("mailbox".to_owned(), mail);
        object.insert("service_certificate".to_owned(), service);
        object.insert("warnings".to_owned(), json!(warnings));
        let name = ctx.office.name().ok().map(|name| name.to_string());
        object.insert("directory".to_owned(), json!(name));
        let seen = ctx.office.replica().ok().and_then(|replica| ctx.office.seen(&replica).ok());
        object.insert("copy".to_owned(), json!(seen.as_ref().map(seen_object)));
        object.insert("state".to_owned(), json!(words::state(frozen.as_ref())));
    }
    ctx.out.data(&object, || lines.text());
    warnings.iter().for_each(|warning| ctx.out.warn(warning));
    current(frozen.as_ref())
}

/// The copy of the directory, if one was joined and synced.
fn copy(
    ctx: &Context,
    lines: &mut Lines,
    warnings: &mut Vec<String>,
) -> Result<Option<(Seen, Replica)>, ClientError> {
    let replica = match ctx.office.replica() {
        Ok(replica) => replica,
        Err(error) if matches!(error.family, Family::NotFound | Family::Usage) => {
            lines.line("directory", error.to_string());
            warnings.extend(
                error.mend.map(|mend| format!("{}: {}", error.sentence, words::to_do(&mend))),
            );
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    match ctx.office.seen(&replica) {
        Ok(seen) => {
            let directory = replica.directory()?;
            let contacts = directory.contacts().filter(|contact| contact.record.is_some()).count();
            let members = directory.members().count();
            lines.line("directory", words::seen(&seen));
            let size = directory.size();
            lines.line("holds", format!("{members} members, {contacts} contacts, {size} entries"));
            if replica.is_stale(ctx.office.ambient().now()) {
                warnings.push("the copy of the directory is stale: liaison sync".to_owned());
            }
            Ok(Some((seen, replica)))
        }
        Err(error) => {
            lines.line("directory", format!("{}: {error}", ctx.office.name()?));
            warnings.extend(words::mend(&ctx.office.not_synced(error)));
            Ok(None)
        }
    }
}

fn seat_of(
    ctx: &Context,
    replica: &Replica,
    seat: &SeatId,
    lines: &mut Lines,
    warnings: &mut Vec<String>,
) -> Result<Value, ClientError> {
    let (directory, now) = (replica.directory()?, ctx.office.ambient().now());
    let keys = ctx.office.seat_keys(replica, seat);
    let known = keys.is_ok();
    match keys {
        Ok(_) => lines.line("seat", format!("{seat}: known to the directory")),
        Err(error) => {
            lines.line("seat", &*error.sentence);
            warnings.extend(
                error.mend.map(|mend| format!("{seat} cannot be used: {}", words::to_do(&mend))),
            );
        }
    }
    let contact = directory.contact(&seat.contact());
    let part = contact.map(|contact| words::part(TakesPart::of(directory, contact)));
    let life = contact.and_then(|contact| record_life(contact, now));
    if let (Some(contact), Some(life)) = (contact, &life) {
        let then = if ctx.office.is_refused(seat) { ", when this copy was made" } else { "" };
        lines.line("contact", format!("{}: {}{then}", contact.id, part.unwrap_or_default()));
        lines.line("own record", life.said());
        warnings.extend(life.warning("what your contact publishes", "liaison record draft"));
    }
    let sealed = seal_life(ctx, replica, seat)?;
    if let Some(life) = &sealed {
        lines.line("seal key", format!("since {}", words::day(life.from)));
        warnings.extend(life.warning(&format!("the seal key of {seat}"), "liaison seat rotate"));
    }
    if ctx.office.changes_keys(&Owner::Seat(seat.clone())) {
        let waits = format!("new keys of {seat} wait to be listed: liaison seat rotate --show");
        warnings.push(waits);
    }
    let certificate =
        ctx.office.home.keys().tls(&Owner::Seat(seat.clone()), ctx.office.ambient()).ok();
    let certificate =
        certificate.and_then(|identity| PeerCertificate::parse(identity.chain().first()?).ok());
    if let Some(certificate) = &certificate {
        let until = words::day(certificate.not_after());
        lines.line("certificate", format!("until {until}; renewed by itself"));
    }
    Ok(json!({
        "seat": seat.to_string(),
        "known": known,
        "takes_part": part,
        "record_until": life.map(|life| life.until),
        "seal_key_since": sealed.as_ref().map(|life| life.from),
        "seal_key_until": sealed.as_ref().map(|life| life.until),
        "certificate_until": certificate.map(|certificate| certificate.not_after()),
    }))
}

/// The service's certificate, as this home saw it last.
fn service(ctx: &Context, lines: &mut Lines, warnings: &mut Vec<String>) -> Value {
    let seen = ctx.office.name().ok().and_then(|name| ctx.office.home.certificate_seen(&name));
    let Some(seen) = seen.and_then(|der| PeerCertificate::parse(&der).ok()) else {
        return Value::Null;
    };
    let life = certificate_life(&seen, ctx.office.ambient().now());
    lines.line("service", format!("its certificate, seen last, {}", life.said()));
    // A newer one may be shown by now: who asks sees it.
    let warning = service_warning(&life);
    warnings.extend(warning.map(|warning| format!("{warning}, if liaison doctor says so, too")));
    json!({ "from": seen.not_before(), "until": seen.not_after() })
}

fn mailbox(ctx: &Context, replica: Replica, lines: &mut Lines) -> Result<Value, ClientError> {
    let mail = Mail::open(&ctx.office, replica)?;
    let shown = mail.listed(&mail.acks(&mail.due()?)?, false)?.0;
    let unread = shown.into_iter().filter(|number| !mail.is_read(*number)).count();
    let (collected, waiting) = (mail.inbox.last()?, mail.due()?.len());
    let head = collected > 0 || mail.inbox.head()?.is_some();
    let said = if head { format!("{collected} entries") } else { "never collected".to_owned() };
    lines.line("mailbox", format!("{said}, {unread} unread"));
    lines.line(
        "outbox",
        match waiting {
            0 => "nothing waits".to_owned(),
            waiting => format!("{waiting} wait to be handed in: liaison sent"),
        },
    );
    Ok(json!({ "collected": collected, "unread": unread, "outbox_waiting": waiting }))
}

/// The life of something that runs out.
pub(super) struct Life {
    from: u64,
    /// When it ends, Unix seconds.
    pub(super) until: u64,
    now: u64,
}

/// The life of a contact's record.
pub(super) fn record_life(contact: &Contact, now: u64) -> Option<Life> {
    let record = contact.record.as_ref()?;
    Some(Life { from: record.issued_at, until: record.expires, now })
}

/// The life of a certificate.
pub(super) fn certificate_life(certificate: &PeerCertificate, now: u64) -> Life {
    Life { from: certificate.not_before(), until: certificate.not_after(), now }
}

/// What members see coming: a service renews its certificate before the last third of its life.
pub(super) fn service_warning(life: &Life) -> Option<String> {
    life.said_if_soon(
        "the certificate of the service",
        "is over: nobody connects",
        "tell the operator",
    )
}

/// The life of the seal key that the directory lists for a seat: nothing ends with it, and another is due.
fn seal_life(ctx: &Context, replica: &Replica, seat: &SeatId) -> Result<Option<Life>, ClientError> {
    let (directory, contact) = (replica.directory()?, seat.contact());
    let key =
        directory.sealing_seats(&contact).find(|(of, _, _)| of == seat).map(|(_, key, _)| key);
    let Some(known) = key.and_then(|key| directory.seal_key(&contact, &key)) else {
        return Ok(None);
    };
    let from = admitted_at(replica, known.from)?;
    Ok(from.map(|from| Life {
        from,
        until: from + SEAL_KEY_SECONDS,
        now: ctx.office.ambient().now(),
    }))
}

impl Life {
    fn said(&self) -> String {
        let until = words::day(self.until);
        if self.until < self.now {
            return format!("was to hold until {until}");
        }
        format!("holds until {until}, {} left", words::span(self.until - self.now))
    }

    /// At a third and a sixth of its life, on its last day, and after it.
    pub(super) fn warning(&self, what: &str, mend: &str) -> Option<String> {
        self.said_if_soon(what, "is over; it stops no message", mend)
    }

    fn said_if_soon(&self, what: &str, over: &str, mend: &str) -> Option<String> {
        let (whole, left) =
            (self.until.saturating_sub(self.from), self.until.saturating_sub(self.now));
        let how = match left {
            0 => over,
            left if left < 86_400 => "ends within a day",
            left if left <= whole / 6 => "is in the last sixth of its life",
            left if left <= whole / 3 => "is in the last third of its life",
            _ => return None,
        };
        Some(format!("{} {how} ({}): {mend}", visible(what), self.said()))
    }
}

/// Seal keys are changed every 90 days: who takes one reads no more than these.
const SEAL_KEY_SECONDS: u64 = 90 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_out_is_said_in_proportion() {
        let day = 86_400;
        let at = |now| {
            let life = Life { from: 0, until: 60 * day, now: now * day };
            life.warning("it", "mend").map(|warning| warning.split(" (").next().unwrap().to_owned())
        };
        assert_eq!(at(30), None);
        assert_eq!(at(40).as_deref(), Some("it is in the last third of its life"));
        assert_eq!(at(51).as_deref(), Some("it is in the last sixth of its life"));
        assert_eq!(at(60).as_deref(), Some("it is over; it stops no message"));
    }
}
