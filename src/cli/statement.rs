//! `liaison sign` and `liaison publish`, and what every command does that makes a statement: sign
//! and publish at once where the keys at hand suffice, else write a draft.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::office::drafts::{Drafted, HandedIn};
use crate::office::error::{ClientError, Family, Here, Mend, Side};
use crate::office::files;
use crate::office::terms::Owner;
use crate::words;

use super::Context;
use super::args::{DraftArgs, PublishArgs, SignArgs};
use super::layout::Lines;

/// `liaison sign FILE` of statements, which are this text.
pub(super) fn sign(ctx: &Context, args: &SignArgs, text: &str) -> Result<(), ClientError> {
    let mut drafted = ctx.office.carried(text)?;
    let signing = ctx.office.signing(&drafted)?;
    show(ctx, &drafted);
    if !drafted.is_judged() {
        ctx.out.warn(
            "this home has no copy of the directory: what the draft follows, and the signatures \
             of those who decide now, were not checked",
        );
    }
    if let Some(leaves) = drafted.passed()? {
        told_published(ctx, &leaves);
        return Ok(());
    }
    if args.dry_run {
        report(ctx, &args.file, &[], &drafted);
        return Ok(());
    }
    let before = drafted.missing();
    let none_counts = || {
        let missing = before.iter().map(words::lacking);
        let unusable = ctx.office.unusable_keys();
        let why = missing.chain(unusable.iter().map(ToString::to_string)).collect::<Vec<_>>();
        let sentence = format!("no key of this home counts here: {}", why.join("; "));
        ClientError::new(Side::Ours, Family::IdentityOrKey, Here::NoKeyCounts, sentence)
            .mended_by(Mend::ListKeys)
    };
    let counts = signing.counts || signing.signed || before.is_empty();
    if !counts && !signing.hidden {
        return Err(none_counts());
    }
    let adds = signing.counts || signing.hidden;
    if adds && !args.yes && !agreed(ctx, "Sign this? [y/N]") {
        let sentence = "nobody agreed, and nothing was signed";
        let (side, family) = (Side::Ours, Family::NeedsApproval);
        return Err(
            ClientError::new(side, family, Here::NotSigned, sentence).mended_by(Mend::Agree)
        );
    }
    let added = ctx.office.sign(&mut drafted, &signing)?;
    if added.is_empty() && !counts {
        return Err(none_counts());
    }
    let out = args.out.as_deref().unwrap_or(&args.file);
    files::write(out, &drafted.write())?;
    report(ctx, out, &added, &drafted);
    if signing.signed && !signing.counts {
        ctx.out.say("this home has signed already: nothing was added");
    }
    Ok(())
}

/// `liaison publish FILE`
pub(super) async fn publish(ctx: &Context, args: &PublishArgs) -> Result<(), ClientError> {
    let text = files::read_text(&args.file)?;
    let drafted = if args.dry_run {
        ctx.office.carried_to_copy(&text)?
    } else {
        ctx.office.carried(&text)?
    };
    show(ctx, &drafted);
    if let Some(leaves) = drafted.passed()? {
        told_published(ctx, &leaves);
        return Ok(());
    }
    if args.dry_run {
        report(ctx, &args.file, &[], &drafted);
        return Ok(());
    }
    let leaves = looked_up(ctx, ctx.office.publish(&drafted).await?);
    ctx.out.data(&json!({ "logged": leaves }), || entries(&leaves));
    Ok(())
}

/// Where the statements stand, and whether anybody has seen them there.
fn looked_up(ctx: &Context, handed_in: HandedIn) -> Vec<u64> {
    if let Some(warning) = words::looked_up(handed_in.looked_up) {
        ctx.out.warn(warning);
    }
    handed_in.leaves
}

pub(super) fn told_published(ctx: &Context, leaves: &[u64]) {
    ctx.out.data(&json!({ "logged": leaves }), || {
        format!("published already: {}", entries_of(leaves))
    });
}

/// What to do with a fresh draft: show it, or write it, or sign, show and publish it.
pub(super) async fn finish(
    ctx: &Context,
    drafted: Drafted,
    draft: &DraftArgs,
    name: &str,
) -> Result<Finished, ClientError> {
    finish_if_agreed(ctx, drafted, draft, name, true).await
}

/// The same; unless somebody has said yes, he is asked before it is published.
pub(super) async fn finish_if_agreed(
    ctx: &Context,
    mut drafted: Drafted,
    draft: &DraftArgs,
    name: &str,
    yes: bool,
) -> Result<Finished, ClientError> {
    // Before anybody is asked for a passphrase.
    show(ctx, &drafted);
    if draft.dry_run {
        report(ctx, Path::new("(no draft was written)"), &[], &drafted);
        return Ok(Finished::Shown);
    }
    let signing = ctx.office.signing(&drafted)?;
    let added = ctx.office.sign(&mut drafted, &signing)?;
    if draft.out.is_some() || !drafted.missing().is_empty() {
        let path = PathBuf::from(format!("{name}.draft"));
        if draft.out.is_none() && path.exists() {
            return Err(there_already(&path));
        }
        let path = draft.out.clone().unwrap_or(path);
        files::write(&path, &drafted.write())?;
        report(ctx, &path, &added, &drafted);
        return Ok(Finished::Drafted);
    }
    if !yes && !agreed(ctx, "Nobody else needs to sign. Publish this? [y/N]") {
        let sentence = "nobody agreed, and nothing was published";
        let (side, family) = (Side::Ours, Family::NeedsApproval);
        return Err(ClientError::new(side, family, Here::NotPublished, sentence)
            .mended_by(Mend::AgreeOrWrite));
    }
    let handed_in = ctx.office.hand_in_drafted(&drafted).await?;
    Ok(Finished::Published(looked_up(ctx, handed_in)))
}

/// Another draft may lie there, with signatures of others.
fn there_already(path: &Path) -> ClientError {
    let sentence = format!("{} is there already, and nothing was written", path.display());
    ClientError::new(Side::Ours, Family::Usage, Here::FileExists, sentence)
        .mended_by(Mend::SignOrWriteOver(path.to_owned()))
}

/// What came of a fresh draft.
pub(super) enum Finished {
    /// Nothing was written.
    Shown,
    /// It waits for signatures, or for being published.
    Drafted,
    /// It is in the log, at these leaf indices.
    Published(Vec<u64>),
}

/// In words: where statements stand in the log.
pub(super) fn entries(leaves: &[u64]) -> String {
    format!("published: {}", entries_of(leaves))
}

fn entries_of(leaves: &[u64]) -> String {
    let numbers = leaves.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    format!("entry {numbers} of the log")
}

/// First what changes, then the whole.
fn show(ctx: &Context, drafted: &Drafted) {
    ctx.out.say(Lines::of(drafted.says()).text().trim_end());
    drafted.strange().iter().for_each(|strange| ctx.out.warn(words::strange(strange)));
}

fn report(ctx: &Context, path: &Path, added: &[Owner], drafted: &Drafted) {
    let missing: Vec<String> = drafted.missing().iter().map(words::lacking).collect();
    let judged = drafted.is_judged();
    let object = json!({
        "file": path, "signatures_added": added.len(), "missing": missing, "all_signers_known": judged
    });
    ctx.out.data(&object, || path.display().to_string());
    if !added.is_empty() {
        let by: BTreeSet<String> = added.iter().map(ToString::to_string).collect();
        let by = by.into_iter().collect::<Vec<_>>().join(", ");
        ctx.out.say(format_args!("signed: {} signature(s) added, by {by}", added.len()));
    }
    if missing.is_empty() && judged {
        let founding = drafted.is_founding();
        let next = if founding { "liaisond init --charter" } else { "liaison publish" };
        ctx.out.suggest(format_args!("nothing is missing. Next: {next} FILE"));
    }
    missing.iter().for_each(|line| ctx.out.say(line));
    if !judged {
        ctx.out.say(
            "not known here: whether those in force have signed. Next: back to a registrar who has \
             a copy of the directory",
        );
    }
}

/// Whether somebody says yes.
pub(super) fn agreed(ctx: &Context, question: &str) -> bool {
    ctx.out.agreed(question)
}

/// A destructive act is confirmed by naming what it ends.
pub(super) fn confirmed(ctx: &Context, name: &str, given: Option<&str>) -> Result<(), ClientError> {
    let typed = || ctx.out.ask(&format!("This cannot be undone. Type {name} to go on:"));
    let answer = given.map(str::to_owned).or_else(typed);
    if answer.as_deref() == Some(name) {
        return Ok(());
    }
    let sentence = format!("{name} was not named, and nothing was done");
    Err(ClientError::new(Side::Ours, Family::NeedsApproval, Here::NotConfirmed, sentence)
        .mended_by(Mend::AgreeByName(name.to_owned())))
}
