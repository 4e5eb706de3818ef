//! `liaison sync`: the copy of the directory, brought up to date.
//!
//! In scope: progress, what came of it in words, handing in what waits. Out of scope: verifying
//! (`client::replica`). Invariants: what the service did not hand over is named; who reads without a seat's
//! keys hands nothing in.

use serde_json::json;

use crate::client::reach::session::Session;
use crate::client::replica::Replica;
use crate::domain::view::View;
use crate::office::error::ClientError;
use crate::office::mail::Mail;
use crate::office::news::News;
use crate::office::sync::current;
use crate::office::terms::Owner;
use crate::words;

use super::Context;

/// `liaison sync`.
///
/// # Errors
/// The service cannot be reached; what came does not verify.
pub(crate) async fn sync(ctx: &Context) -> Result<(), ClientError> {
    let reader = ctx.office.reader()?;
    let session = ctx.office.connect(Some(&reader)).await?;
    let mut replica = ctx.office.replica_read_through()?;
    let synced = ctx.office.sync(&session, &mut replica).await?;
    let View { size, root } = replica.view()?;
    let withheld: Vec<_> = synced
        .withheld
        .iter()
        .map(|(contact, name)| json!({ "contact": contact.to_string(), "part": name }))
        .collect();
    let object = json!({
        "directory": ctx.office.name()?.to_string(),
        "new": size.saturating_sub(synced.before),
        "size": size,
        "root": words::hash(&root),
        "synced_at": replica.synced_at(),
        "withheld": withheld,
        "state": words::state(synced.frozen.as_ref()),
        "frozen": synced.frozen.as_ref().map(ToString::to_string),
        "checked": synced.checked,
        "refuted": synced.refuted,
        "directory_clock_ahead": synced.clock,
    });
    let new = size.saturating_sub(synced.before);
    let name = ctx.office.name()?;
    let verified = match &synced.frozen {
        None => "all verified".to_owned(),
        Some(frozen) => format!("those before entry {} verified", frozen.leaf),
    };
    ctx.out.data(&object, || match new {
        0 => format!("{name}: nothing new, {size} entries, {verified}.\nroot {root}"),
        _ => format!("{name}: {new} new entries, {size} in all, {verified}.\nroot {root}"),
    });
    ctx.office.tell_what_lacks(&synced);
    let handed_in = hand_in_what_waits(ctx, &session, replica, reader).await;
    current(synced.frozen.as_ref()).and(handed_in.map_err(ClientError::after_its_object))
}

/// Hands in what waits, if a seat reads.
async fn hand_in_what_waits(
    ctx: &Context,
    session: &Session,
    replica: Replica,
    reader: Owner,
) -> Result<(), ClientError> {
    let Owner::Seat(seat) = reader else { return Ok(()) };
    // Who never sent anything needs no mailbox here, and may have no key to open one.
    if !Mail::waits(&ctx.office, &seat)? {
        return Ok(());
    }
    let (mut mail, mut news) = (Mail::of(&ctx.office, replica, seat)?, News::default());
    mail.send_all(session, &mut news).await?;
    mail.tell(&mut news);
    news.ends()
}
