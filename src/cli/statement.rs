//! `liaison sign` and `liaison publish`, and what every command does that makes a statement: sign
//! and publish at once where the keys at hand suffice, else write a draft.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use prost::Message as _;
use serde_json::json;

use crate::client::draft::{Bundle, Missing, Publication, Quorum, changes, in_words};
use crate::client::keys::{Held, KeyError};
use crate::client::reach::session::Answer;
use crate::client::replica::Replica;
use crate::domain::directory::{Directory, Newest, Policy, RULES, Statement};
use crate::domain::limits;
use crate::office::error::{ClientError, Draft, Family, Here, Mend, Rule, Side};
use crate::office::standing::of_clocks;
use crate::office::terms::{Digest, KeyId};
use crate::signed::dsse::Envelope;
use crate::signed::proto;
use crate::words::visible;

use super::Context;
use super::args::{DraftArgs, PublishArgs, SignArgs};
use super::layout::Lines;

/// `liaison sign FILE` of statements, which are this text.
pub(super) fn sign(ctx: &Context, args: &SignArgs, text: &str) -> Result<(), ClientError> {
    let mut bundle = Bundle::read(text)?;
    let replica = ctx.office.replica().ok();
    let directory = known(replica.as_ref(), &bundle);
    let held = ctx.office.home.keys().all_signing(ctx.office.ambient())?;
    let ids = held.iter().filter_map(Held::id).collect::<Vec<_>>();
    // Which key lies behind another program's passphrase shows when it is opened.
    let hidden = ids.len() < held.len();
    if directory.is_none() && !is_founding(&bundle) && !is_named_in(&bundle, &ids) {
        let sentence =
            "who must sign this stands in the directory, and this home has no copy of it";
        return Err(ClientError::new(Side::Ours, Family::Stale, Here::NoCopy, sentence)
            .mended_by(Mend::JoinThenSync));
    }
    show(ctx, &bundle, directory);
    if !is_judged(&bundle, directory) {
        ctx.out.warn(
            "this home has no copy of the directory: what the draft follows, and the signatures \
             of those who decide now, were not checked",
        );
    }
    if let Some(leaves) = passed(replica.as_ref(), &bundle)? {
        told_published(ctx, &leaves);
        return Ok(());
    }
    let before = missing(&bundle, directory);
    if args.dry_run {
        report(ctx, &args.file, &[], &bundle, directory);
        return Ok(());
    }
    let (counts, signed) = standing(&bundle, directory, &ids);
    let none_counts = || {
        let why = before.iter().cloned().chain(unusable(ctx)).collect::<Vec<_>>();
        let sentence = format!("no key of this home counts here: {}", why.join("; "));
        ClientError::new(Side::Ours, Family::IdentityOrKey, Here::NoKeyCounts, sentence)
            .mended_by(Mend::ListKeys)
    };
    if !counts && !signed && !hidden && !before.is_empty() {
        return Err(none_counts());
    }
    if (counts || hidden) && !args.yes && !agreed(ctx, "Sign this? [y/N]") {
        let (side, family) = (Side::Ours, Family::NeedsApproval);
        return Err(ClientError::new(
            side,
            family,
            Here::NotSigned,
            "nobody agreed, and nothing was signed",
        )
        .mended_by(Mend::Agree));
    }
    let added = add_signatures(ctx, &mut bundle, directory, &held)?;
    if added.is_empty() && !counts && !signed && !before.is_empty() {
        return Err(none_counts());
    }
    let out = args.out.as_deref().unwrap_or(&args.file);
    ctx.write_file(out, &bundle.write())?;
    report(ctx, out, &added, &bundle, directory);
    if signed && !counts {
        ctx.out.say("this home has signed already: nothing was added");
    }
    Ok(())
}

/// Why keys of this home cannot be used: one of them may be the one that would count.
fn unusable(ctx: &Context) -> impl Iterator<Item = String> {
    let listed = ctx.office.home.keys().list(ctx.office.ambient()).unwrap_or_default();
    let unusable = listed.into_iter().filter_map(|key| key.id.err());
    let unusable = unusable.filter(|why| !matches!(why, KeyError::Hidden { .. }));
    unusable.map(|why| why.to_string())
}

/// Adds what the keys of this home can: those that lie open at once; those that are kept, where a
/// signature is missing still. Each is asked for once, and none that could not sign it. Whose they
/// are, one for each.
fn add_signatures(
    ctx: &Context,
    bundle: &mut Bundle,
    directory: Option<&Directory>,
    held: &[Held],
) -> Result<Vec<String>, ClientError> {
    let mut added = Vec::new();
    for held in held {
        if let Held::Open(owner, key) = held {
            let count = bundle.sign(directory, &[key], ctx.office.ambient())?;
            added.extend(std::iter::repeat_n(owner.to_string(), count));
        }
    }
    // The lesser key first: owners stand from registrar to seat.
    for held in held.iter().rev() {
        if let Held::Kept(owner, _) = held
            && bundle.lacks(directory, held.id())
        {
            let key = ctx.office.home.keys().signer(owner, ctx.office.ambient())?;
            let count = bundle.sign(directory, &[&*key], ctx.office.ambient())?;
            added.extend(std::iter::repeat_n(owner.to_string(), count));
        }
    }
    Ok(added)
}

/// Whether a key of this home is still to sign, and whether one has signed.
fn standing(bundle: &Bundle, directory: Option<&Directory>, keys: &[KeyId]) -> (bool, bool) {
    let (mut counts, mut signed) = (false, false);
    for quorum in bundle.quorums(directory).into_iter().flatten() {
        for id in keys {
            let has = quorum.signed.contains(id);
            signed |= has;
            counts |= quorum.keys.contains_key(id) && !has;
        }
    }
    (counts, signed)
}

/// `liaison publish FILE`
pub(super) async fn publish(ctx: &Context, args: &PublishArgs) -> Result<(), ClientError> {
    let bundle = Bundle::read(&ctx.read_file(&args.file)?)?;
    let replica =
        if args.dry_run { Some(ctx.office.replica()?) } else { ctx.office.replica().ok() };
    show(ctx, &bundle, known(replica.as_ref(), &bundle));
    if let Some(leaves) = passed(replica.as_ref(), &bundle)? {
        told_published(ctx, &leaves);
        return Ok(());
    }
    if args.dry_run {
        report(ctx, &args.file, &[], &bundle, known(replica.as_ref(), &bundle));
        return Ok(());
    }
    let leaves = match hand_in(ctx, &bundle).await {
        Ok(leaves) => leaves,
        Err(why) => {
            // It may be the copy at hand that is behind.
            if let Ok((_, replica)) = ctx.office.synced().await {
                passed(Some(&replica), &bundle)?;
            }
            return Err(why);
        }
    };
    ctx.out.data(&json!({ "logged": leaves }), || entries(&leaves));
    Ok(())
}

/// Where the statements stand in the log, if all of them do.
///
/// # Errors
/// One is superseded: it can never be published.
pub(super) fn passed(
    replica: Option<&Replica>,
    bundle: &Bundle,
) -> Result<Option<Vec<u64>>, ClientError> {
    let Some((replica, directory)) = replica.zip(known(replica, bundle)) else { return Ok(None) };
    let mut leaves = Vec::new();
    for publication in bundle.publications() {
        let statement = publication.statement();
        let Some((newest, draft)) = newest(directory, statement) else { continue };
        let here = statement.targets().iter().find(|target| is_here(target, directory));
        let Some(version) = here.map(|target| target.version) else { continue };
        if version > newest.version {
            continue;
        }
        let identity = Some(publication.envelope().digest());
        match replica.find(|entry| statement_of(entry) == identity)? {
            Some(leaf) => leaves.push(leaf),
            None => return Err(superseded(version, newest, draft)),
        }
    }
    Ok((leaves.len() == bundle.publications().len()).then_some(leaves))
}

fn superseded(version: u64, newest: Newest, draft: Draft) -> ClientError {
    let sentence = format!(
        "this draft is superseded: it is version {version}, and version {} is in force (entry {})",
        newest.version, newest.leaf
    );
    ClientError::new(Side::Ours, Family::Stale, Here::Superseded, sentence)
        .mended_by(Mend::DraftAnew(draft))
}

/// The newest statement of the same count, and what the next one is drafted as.
pub(super) fn newest(directory: &Directory, statement: &Statement) -> Option<(Newest, Draft)> {
    let contact = |id: &str| directory.contact(&id.parse().ok()?);
    let record = |id: &str| contact(id).map(|contact| contact.record_newest);
    Some(match statement {
        Statement::Charter(_) => (directory.charter().newest, Draft::Charter),
        Statement::Admission(admission) => {
            let member = directory.member(&admission.member.parse().ok()?)?;
            (member.newest, Draft::Admission)
        }
        Statement::AttestedRecord(said) => (record(&said.contact)?, Draft::AttestedRecord),
        Statement::Record(said) => (record(&said.contact)?, Draft::Record),
        Statement::Withdrawal(said) => (record(&said.contact)?, Draft::Withdrawal),
        Statement::Roster(said) => (contact(&said.contact)?.roster_newest?, Draft::Roster),
        Statement::Revocation(_) => return None,
        #[cfg(test)]
        Statement::Trial(_) => return None,
    })
}

pub(super) fn told_published(ctx: &Context, leaves: &[u64]) {
    ctx.out.data(&json!({ "logged": leaves }), || {
        format!("published already: {}", entries_of(leaves))
    });
}

/// What to do with a fresh draft: show it, or write it, or sign, show and publish it.
pub(super) async fn finish(
    ctx: &Context,
    bundle: Bundle,
    draft: &DraftArgs,
    replica: &Replica,
    name: &str,
) -> Result<Finished, ClientError> {
    finish_if_agreed(ctx, bundle, draft, replica, name, true).await
}

/// The same; unless somebody has said yes, he is asked before it is published.
pub(super) async fn finish_if_agreed(
    ctx: &Context,
    mut bundle: Bundle,
    draft: &DraftArgs,
    replica: &Replica,
    name: &str,
    yes: bool,
) -> Result<Finished, ClientError> {
    let directory = known(Some(replica), &bundle);
    // Before anybody is asked for a passphrase.
    show(ctx, &bundle, directory);
    if draft.dry_run {
        report(ctx, Path::new("(no draft was written)"), &[], &bundle, directory);
        return Ok(Finished::Shown);
    }
    let held = ctx.office.home.keys().all_signing(ctx.office.ambient())?;
    let added = add_signatures(ctx, &mut bundle, directory, &held)?;
    let left = missing(&bundle, directory);
    if draft.out.is_some() || !left.is_empty() {
        let path = PathBuf::from(format!("{name}.draft"));
        if draft.out.is_none() && path.exists() {
            return Err(there_already(&path));
        }
        let path = draft.out.clone().unwrap_or(path);
        ctx.write_file(&path, &bundle.write())?;
        report(ctx, &path, &added, &bundle, directory);
        return Ok(Finished::Drafted);
    }
    if !yes && !agreed(ctx, "Nobody else needs to sign. Publish this? [y/N]") {
        let sentence = "nobody agreed, and nothing was published";
        let (side, family) = (Side::Ours, Family::NeedsApproval);
        return Err(ClientError::new(side, family, Here::NotPublished, sentence)
            .mended_by(Mend::AgreeOrWrite));
    }
    let leaves = hand_in(ctx, &bundle).await?;
    Ok(Finished::Published(leaves))
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

/// Hands in as whoever of this home may publish; without a key in force, by enrolment. That it
/// stands in the log is not believed, but looked up there.
pub(super) async fn hand_in(ctx: &Context, bundle: &Bundle) -> Result<Vec<u64>, ClientError> {
    let Ok(owner) = ctx.office.reader() else {
        let leaves = logged(ctx.office.connect(None).await?.enrol(bundle).await, |why| why)?;
        ctx.out.warn("the service says so; no key of this home can look it up in the log");
        return Ok(leaves);
    };
    let session = ctx.office.connect(Some(&owner)).await?;
    let answers = match session.publish(bundle).await {
        // A statement carries its own right to be published: any connection may hand it in.
        Err(why) if why.reason == Rule::NotPermitted => session.enrol(bundle).await,
        answered => answered,
    };
    let leaves = logged(answers, |why| {
        let clock =
            ctx.office.replica().ok().and_then(|copy| copy.directory().ok().map(Directory::clock));
        of_clocks(why, ctx.office.ambient().now(), clock.unwrap_or(0))
    })?;
    // If it lists a new key for who hands it in, that one looks.
    let session = if ctx.office.changes_keys(&owner) {
        ctx.office.connect(Some(&owner)).await?
    } else {
        session
    };
    let mut replica = ctx.office.replica()?;
    match ctx.office.sync(&session, &mut replica).await {
        Ok(_) => {}
        Err(why) if why.family == Family::IdentityOrKey => {
            ctx.out.warn("the service says so; this key may no longer look it up in the log");
            return Ok(leaves);
        }
        Err(why) => return Err(why),
    }
    for (publication, leaf) in bundle.publications().iter().zip(&leaves) {
        let statement = replica.entry(*leaf)?.and_then(|entry| statement_of(&entry));
        if statement != Some(publication.envelope().digest()) {
            let sentence =
                format!("the service said entry {leaf}, and the log holds another there");
            let (side, family) = (Side::Theirs, Family::VerificationFailed);
            return Err(ClientError::new(side, family, Here::NotInTheLog, sentence));
        }
    }
    Ok(leaves)
}

/// Where the statements stand in the log. What of the first refusal is known besides, `known` adds.
fn logged(
    answers: Result<Vec<Answer>, ClientError>,
    known: impl FnOnce(ClientError) -> ClientError,
) -> Result<Vec<u64>, ClientError> {
    let (mut leaves, mut refused) = (Vec::new(), None);
    match answers {
        Ok(answers) => answers.into_iter().for_each(|answer| match answer {
            Answer::Logged(leaf) => leaves.push(leaf),
            Answer::Refused(why) => refused = refused.take().or(Some(why)),
        }),
        Err(why) => refused = Some(why),
    }
    match refused {
        Some(why) => Err(not_now(known(why), &leaves)),
        None => Ok(leaves),
    }
}

/// A statement waits in no outbox: what is refused only now, whose it is hands in again.
fn not_now(why: ClientError, logged: &[u64]) -> ClientError {
    let mend = match (why.reason.rule(), why.mend.as_deref()) {
        (Some(Rule::StorageFull | Rule::StorageReadOnly), _) => Mend::AgainOnceWritten,
        (Some(Rule::ClockInDoubt | Rule::IssuedInFuture), Some(Mend::SetClock)) => {
            Mend::SetClockAndAgain
        }
        (Some(Rule::ClockInDoubt | Rule::IssuedInFuture), _) => Mend::AgainOnceClocksRight,
        _ => return why,
    };
    let published = match logged {
        [] => "nothing was published".to_owned(),
        some => format!("all that was published is {}", entries_of(some)),
    };
    let sentence = format!("{}; {published}", why.sentence);
    ClientError { sentence, ..why }.mended_by(mend)
}

/// The identity of the statement that an entry holds.
fn statement_of(entry: &[u8]) -> Option<Digest> {
    let entry = proto::Entry::decode(entry).ok()?;
    let proto::entry::Leaf::Statement(statement) = entry.leaf?;
    Some(Envelope::parse(&statement, limits::STATEMENT_BYTES).ok()?.digest())
}

/// In words: where statements stand in the log.
pub(super) fn entries(leaves: &[u64]) -> String {
    format!("published: {}", entries_of(leaves))
}

fn entries_of(leaves: &[u64]) -> String {
    let numbers = leaves.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    format!("entry {numbers} of the log")
}

/// A charter version 1 names its own signers.
fn is_founding(bundle: &Bundle) -> bool {
    let founding = |statement: &Statement| match statement {
        Statement::Charter(charter) => charter.targets.iter().all(|to| to.genesis.is_empty()),
        _ => false,
    };
    bundle.publications().iter().all(|publication| founding(publication.statement()))
}

/// Each charter names its own signers besides those in force: whom it lists may sign it before he
/// has a copy of the directory.
fn is_named_in(bundle: &Bundle, keys: &[KeyId]) -> bool {
    let charter = |statement: &Statement| matches!(statement, Statement::Charter(_));
    let mut quorums = bundle.quorums(None).into_iter().flatten();
    bundle.publications().iter().all(|publication| charter(publication.statement()))
        && quorums.any(|quorum| keys.iter().any(|key| quorum.keys.contains_key(key)))
}

/// Whether all who must sign are known here.
fn is_judged(bundle: &Bundle, directory: Option<&Directory>) -> bool {
    directory.is_some() || is_founding(bundle)
}

/// The directory that the statements are for, if the copy is one of it.
fn known<'a>(replica: Option<&'a Replica>, bundle: &Bundle) -> Option<&'a Directory> {
    let directory = replica?.directory().ok()?;
    let here = |target: &proto::Target| is_here(target, directory);
    let mut each = bundle.publications().iter().map(Publication::statement);
    each.all(|statement| statement.targets().iter().any(here)).then_some(directory)
}

fn is_here(target: &proto::Target, directory: &Directory) -> bool {
    target.genesis[..] == directory.genesis().as_bytes()[..]
}

/// First what changes, then the whole.
fn show(ctx: &Context, bundle: &Bundle, directory: Option<&Directory>) {
    let lines = Lines::of(changes(directory, bundle).into_iter().chain(in_words(bundle)));
    ctx.out.say(lines.text().trim_end());
    for publication in bundle.publications() {
        if let Statement::Charter(charter) = publication.statement() {
            unknown(charter).iter().for_each(|line| ctx.out.warn(line));
        }
    }
}

/// What is lawful in a charter and means nothing to this version, or stops it.
fn unknown(charter: &proto::Charter) -> Vec<String> {
    let settings = charter.policy.iter().filter(|set| !Policy::NAMES.contains(&&*set.name));
    let settings = settings.map(|set| {
        let (name, known) = (visible(&set.name), Policy::NAMES.join(", "));
        format!("the setting {name} is one that this version does not know; it knows {known}")
    });
    let rules = (charter.rules > RULES).then(|| {
        let rules = charter.rules;
        format!(
            "the charter has rules {rules}, and this version knows rules {RULES}: once it is \
             published, this version stops behind it"
        )
    });
    settings.chain(rules).collect()
}

/// Who must still sign, a line each.
fn missing(bundle: &Bundle, directory: Option<&Directory>) -> Vec<String> {
    let people = registrars(bundle, directory);
    let missing = bundle.missing(directory).into_iter();
    missing
        .map(|Missing { found, quorum: Quorum { of, keys, needed, signed }, .. }| {
            if keys.is_empty() {
                return format!(
                    "signatures of {of}: 0 of {needed}; the directory knows no key that could sign"
                );
            }
            let left = needed - found;
            let line = format!("signatures of {of}: {found} of {needed}; still needed: {left}");
            let unsigned = keys.keys().filter(|key| !signed.contains(key));
            let Some(mut names) = unsigned.map(|key| people.get(key)).collect::<Option<Vec<_>>>()
            else {
                return line;
            };
            names.sort();
            format!(
                "{line}; not yet from {}",
                names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
            )
        })
        .collect()
}

/// The registrars in force, and those that a draft names, by their keys.
fn registrars(bundle: &Bundle, directory: Option<&Directory>) -> BTreeMap<KeyId, String> {
    let in_force = directory.into_iter().flat_map(|directory| &directory.charter().registrars);
    let in_force = in_force.map(|person| (person.sign.id(), person.id.to_string()));
    let drafted = bundle.publications().iter().filter_map(|draft| match draft.statement() {
        Statement::Charter(charter) => Some(&charter.registrars),
        _ => None,
    });
    let drafted = drafted
        .flatten()
        .filter_map(|person| Some((KeyId::of(&person.sign.as_ref()?.key), visible(&person.id))));
    in_force.chain(drafted).collect()
}

fn report(
    ctx: &Context,
    path: &Path,
    added: &[String],
    bundle: &Bundle,
    directory: Option<&Directory>,
) {
    let (missing, judged) = (missing(bundle, directory), is_judged(bundle, directory));
    let object = json!({
        "file": path, "signatures_added": added.len(), "missing": missing, "all_signers_known": judged
    });
    ctx.out.data(&object, || path.display().to_string());
    if !added.is_empty() {
        let by: BTreeSet<&str> = added.iter().map(String::as_str).collect();
        let by = by.into_iter().collect::<Vec<_>>().join(", ");
        ctx.out.say(format_args!("signed: {} signature(s) added, by {by}", added.len()));
    }
    if missing.is_empty() && judged {
        let next = if is_founding(bundle) { "liaisond init --charter" } else { "liaison publish" };
        ctx.out.say(format_args!("nothing is missing. Next: {next} FILE"));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::refusal::Refusal;

    #[test]
    fn what_is_refused_only_now_says_what_was_published_and_what_to_do_again() {
        let refused = |why: &Refusal| Answer::Refused(ClientError::from(why));
        let told = |answers| logged(answers, |why| why).unwrap_err();
        for (why, mend) in [
            (Refusal::StorageFull, Mend::AgainOnceWritten),
            (Refusal::StorageReadOnly, Mend::AgainOnceWritten),
            (Refusal::ClockInDoubt, Mend::AgainOnceClocksRight),
        ] {
            let whole = told(Err(ClientError::from(&why)));
            assert_eq!(whole.sentence, format!("{why}; nothing was published"));
            assert_eq!((whole.side, whole.mend.as_deref()), (Side::Theirs, Some(&mend)));
            let part = told(Ok(vec![Answer::Logged(7), refused(&why)]));
            let published = format!("{why}; all that was published is entry 7 of the log");
            assert_eq!((part.sentence, part.mend.as_deref()), (published, Some(&mend)));
        }
        let future = Refusal::IssuedInFuture { issued: 2, at: 1 };
        let own = |why: ClientError| why.mended_by(Mend::SetClock);
        let error = logged(Ok(vec![refused(&future)]), own).unwrap_err();
        assert_eq!(error.mend.as_deref(), Some(&Mend::SetClockAndAgain));
        // The same again would be refused again.
        let never = Refusal::WrongPrevious;
        assert_eq!(told(Ok(vec![refused(&never)])), ClientError::from(&never));
        assert_eq!(
            logged(Ok(vec![Answer::Logged(3), Answer::Logged(4)]), |why| why),
            Ok(vec![3, 4])
        );
    }
}
