//! `liaison sync`: the copy of the directory, brought up to date.
//!
//! In scope: what came of it, on the screen and for programs. Out of scope: how it is brought up to date, handing in
//! what waits (`office::update`). Invariant: what the service did not hand over is named.

use serde_json::json;

use crate::office::error::ClientError;
use crate::office::update::Outcome;
use crate::words;

use super::Context;

/// `liaison sync`.
///
/// # Errors
/// The service cannot be reached; what came does not verify.
pub(crate) async fn sync(ctx: &Context) -> Result<(), ClientError> {
    let updated = ctx.office.update().await?;
    show(ctx, &updated.outcome);
    updated.finish().await
}

fn show(ctx: &Context, of: &Outcome) {
    let withheld = of.withheld.iter();
    let withheld =
        withheld.map(|(contact, name)| json!({ "contact": contact.to_string(), "part": name }));
    let (name, size, root) = (&of.directory, of.size, words::hash(&of.root));
    let object = json!({
        "directory": name.to_string(),
        "new": of.new,
        "size": size,
        "root": root,
        "synced_at": of.synced_at,
        "withheld": withheld.collect::<Vec<_>>(),
        "state": words::state(of.frozen.as_ref()),
        "frozen": of.frozen.as_ref().map(ToString::to_string),
        "checked": of.checked,
        "refuted": of.refuted,
        "directory_clock_ahead": of.clock,
    });
    let verified = match &of.frozen {
        None => "all verified".to_owned(),
        Some(frozen) => format!("those before entry {} verified", frozen.leaf),
    };
    ctx.out.data(&object, || match of.new {
        0 => format!("{name}: nothing new, {size} entries, {verified}.\nroot {root}"),
        new => format!("{name}: {new} new entries, {size} in all, {verified}.\nroot {root}"),
    });
}
