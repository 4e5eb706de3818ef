//! `liaison sync`: the copy of the directory, brought up to date.
//!
//! In scope: progress, what came of it in words, handing in what waits. Out of scope: verifying
//! (`client::replica`). Invariants: what the service did not hand over is named; who reads without a seat's
//! keys hands nothing in.

use std::path::PathBuf;

use serde_json::json;

use crate::client::error::ClientError;
use crate::client::keys::Owner;
use crate::client::place;
use crate::client::reason::Rule;
use crate::client::replica::{Frozen, Replica};
use crate::client::session::{Progress, Session, Synced};
use crate::domain::ids::SeatId;
use crate::domain::view::View;

use super::doctor::explained;
use super::inbox::say_news;
use super::mail::{Mail, News};
use super::output::Bar;
use super::{Context, phrases};

/// `liaison sync`.
///
/// # Errors
/// The service cannot be reached; what came does not verify.
pub(crate) async fn sync(ctx: &Context) -> Result<(), ClientError> {
    let reader = ctx.reader()?;
    let session = ctx.connect(Some(&reader)).await?;
    let mut replica = ctx.replica_read_through()?;
    let synced = with_progress(ctx, &session, &mut replica).await?;
    let View { size, root } = replica.view()?;
    let withheld: Vec<_> = synced
        .withheld
        .iter()
        .map(|(contact, name)| json!({ "contact": contact.to_string(), "part": name }))
        .collect();
    let object = json!({
        "directory": ctx.name()?.to_string(),
        "new": size.saturating_sub(synced.before),
        "size": size,
        "root": phrases::hash(&root),
        "synced_at": replica.synced_at(),
        "withheld": withheld,
        "state": phrases::state(synced.frozen.as_ref()),
        "frozen": synced.frozen.as_ref().map(ToString::to_string),
        "checked": synced.checked,
        "refuted": synced.refuted,
        "directory_clock_ahead": synced.clock,
    });
    let new = size.saturating_sub(synced.before);
    let name = ctx.name()?;
    let verified = match &synced.frozen {
        None => "all verified".to_owned(),
        Some(frozen) => format!("those before entry {} verified", frozen.leaf),
    };
    ctx.out.data(&object, || match new {
        0 => format!("{name}: nothing new, {size} entries, {verified}.\nroot {root}"),
        _ => format!("{name}: {new} new entries, {size} in all, {verified}.\nroot {root}"),
    });
    say_what_lacks(ctx, &synced);
    let handed_in = hand_in_what_waits(ctx, (&session, replica), reader).await;
    current(synced.frozen.as_ref()).and(handed_in.map_err(ClientError::after_its_object))
}

/// Hands in what waits, if a seat reads.
async fn hand_in_what_waits(
    ctx: &Context,
    (session, replica): (&Session, Replica),
    reader: Owner,
) -> Result<(), ClientError> {
    let Owner::Seat(seat) = reader else { return Ok(()) };
    // Who never sent anything needs no mailbox here, and may have no key to open one.
    if !Mail::waits(ctx, &seat)? {
        return Ok(());
    }
    let (mut mail, mut news) = (Mail::of(ctx, replica, seat)?, News::default());
    mail.send_all(ctx, session, &mut news).await?;
    say_news(ctx, &mut news);
    news.ends()
}

/// How a command ends that has printed what it knows of a directory that may stand still.
///
/// # Errors
/// It stands still: update this program.
pub(super) fn current(frozen: Option<&Frozen>) -> Result<(), ClientError> {
    frozen.map_or(Ok(()), |frozen| Err(ClientError::update_me(frozen).after_its_object()))
}

/// Syncs, and shows on a terminal how far it is if that takes a while.
pub(super) async fn with_progress(
    ctx: &Context,
    session: &Session,
    replica: &mut Replica,
) -> Result<Synced, ClientError> {
    let mut bar = Bar::new(&ctx.out);
    let mut show = |progress: Progress| match progress {
        Progress::Entries { have, of } => bar.show("entries", have, of),
        Progress::Facets { have, of } => bar.show("details", have as u64, of as u64),
    };
    let synced = session.sync(replica, &mut show).await;
    drop(bar);
    match synced {
        Err(error) if error.reason == Rule::NotPermitted => {
            if let Ok(seat) = ctx.seat() {
                // Where it cannot be kept, the copy says what it knows.
                let _ = place::replace(&refusal(ctx)?, seat.as_str().as_bytes());
            }
            Err(explained(ctx, replica, error))
        }
        Ok(synced) => {
            let _ = std::fs::remove_file(refusal(ctx)?);
            ctx.settle_keys(replica);
            Ok(synced)
        }
        Err(error) => Err(error),
    }
}

/// Whether the service refused this seat when it was asked last: of what ended its keys the copy
/// here never hears.
pub(super) fn is_refused(ctx: &Context, seat: &SeatId) -> bool {
    let kept = refusal(ctx).ok().and_then(|path| std::fs::read_to_string(path).ok());
    kept.is_some_and(|kept| kept == seat.as_str())
}

fn refusal(ctx: &Context) -> Result<PathBuf, ClientError> {
    Ok(ctx.home.folder(&ctx.name()?).join("refused"))
}

/// Warns of what the service kept back, and of a directory that stands still.
pub(super) fn say_what_lacks(ctx: &Context, synced: &Synced) {
    if !synced.withheld.is_empty() && !ctx.reads_details() {
        let count = synced.withheld.len();
        ctx.out.say(format_args!(
            "details of contacts are handed to members and registrars only: {count} are not here"
        ));
    } else {
        for (contact, name) in &synced.withheld {
            ctx.out.warn(format_args!("the service did not hand over: {name} of {contact}"));
        }
    }
    if let Some(directory) = synced.clock {
        let (own, directory) = (phrases::when(ctx.ambient().now()), phrases::when(directory));
        ctx.out.warn(format_args!(
            "this machine's clock says {own}, and the directory's {directory}: one of the two is \
             wrong; liaison doctor says which"
        ));
    }
    if let Some(kept) = &synced.refuted {
        ctx.out.warn(format_args!(
            "charters were in use that registrars have signed and the log does not hold; they are \
             let go, and kept as evidence: {}. Ask the registrars what became of them",
            kept.display()
        ));
    }
    if let Some(why) = &synced.frozen {
        ctx.out.warn(format_args!("the directory stands still here: {why}; update this program"));
        if !synced.checked {
            ctx.out
                .warn("whether its newest checkpoint is the log's cannot be checked before that");
        }
    }
}
