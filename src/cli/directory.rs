//! `liaison directory`: whom to call, and why to believe it. Everything from the copy: offline.
//!
//! In scope: finding, showing, explaining and verifying again, on the screen and for programs. Out of scope: what is
//! known and how it is proven (`office::directory`), bringing the copy up to date (`sync`). Invariants: numbers and
//! addresses stand before everything else; an expired record warns and is shown; how a thing is proven is said with
//! --explain and in `verify` only.

use serde_json::{Value, json};

use crate::office::directory::Entry;
use crate::office::directory::find::Reached;
use crate::office::directory::page::{Facet, NextInLine, Page, Proof};
use crate::office::error::ClientError;
use crate::office::reach::Part;
use crate::office::seen::Seen;
use crate::office::sync::current;
use crate::office::terms::{DirectoryName, Level, MemberId};
use crate::words::{self, visible};

use super::Context;
use super::args::LevelArg;
use super::layout::{self, Lines};
use super::statement::confirmed;

/// `liaison directory list`.
///
/// # Errors
/// There is no copy, or it does not verify.
pub(crate) async fn list(
    ctx: &Context,
    member: Option<MemberId>,
    level: Option<LevelArg>,
) -> Result<(), ClientError> {
    let level = level.map(Level::from);
    let listed = ctx.office.listed(member.as_ref(), level)?;
    let (entries, seen) = (&listed.entries, &listed.seen);
    let contacts: Vec<Value> = entries.iter().map(entry_object).collect();
    let object = json!({ "copy": seen_object(seen), "contacts": contacts });
    ctx.out.data(&object, || {
        if entries.is_empty() {
            return match level {
                Some(level) => {
                    format!("no contact here is listed at {} level", words::level(level))
                }
                None => "no contact is listed yet".to_owned(),
            };
        }
        let header = ["CONTACT", "NAME", "MEMBER", "LEVELS", "TAKES PART", "UNTIL"];
        layout::table(&header, entries.iter().map(cells))
    });
    say_seen(ctx, seen);
    Ok(())
}

/// `liaison directory show`.
///
/// # Errors
/// There is no copy, or nobody of this id in it.
pub(crate) async fn show(ctx: &Context, who: &str, explain: bool) -> Result<(), ClientError> {
    let found = ctx.office.pages_of(who)?;
    let contacts: Vec<Value> = found.pages.iter().map(|page| object(page, explain)).collect();
    let object = json!({ "copy": seen_object(&found.seen), "contacts": contacts });
    ctx.out.data(&object, || {
        let pages = found.pages.iter().map(|page| text(page, explain));
        pages.collect::<Vec<_>>().join("\n")
    });
    for over in found.pages.iter().filter_map(|page| page.over.clone()) {
        ctx.office.tell(over);
    }
    say_seen(ctx, &found.seen);
    Ok(())
}

/// `liaison directory who`.
///
/// # Errors
/// There is no copy, or nothing in it matches.
pub(crate) async fn who(ctx: &Context, word: &str) -> Result<(), ClientError> {
    let found = ctx.office.found(word)?;
    let contacts: Vec<Value> = found.contacts.iter().map(reached_object).collect();
    ctx.out.data(&json!({ "copy": seen_object(&found.seen), "contacts": contacts }), || {
        let header = ["CONTACT", "NAME", "MEMBER", "TAKES PART", "TELEPHONE", "E-MAIL"];
        layout::table(&header, found.contacts.iter().map(reached_cells))
    });
    say_seen(ctx, &found.seen);
    if let [only] = &found.contacts[..] {
        ctx.out.suggest(format_args!("more: liaison directory show {}", only.entry.called.contact));
    }
    Ok(())
}

/// `liaison directory use`.
///
/// # Errors
/// It was not joined; files.
pub(crate) fn prefer(ctx: &Context, name: &DirectoryName) -> Result<(), ClientError> {
    ctx.office.prefers(name)?;
    ctx.out.data(&json!({ "directory": name.as_str(), "default": true }), || name.to_string());
    ctx.out.say(format_args!("{name} is meant from now on where no --directory is given"));
    Ok(())
}

/// `liaison directory forget`.
///
/// # Errors
/// It was not joined; something waits there, and nobody agreed; files.
pub(crate) fn forget(
    ctx: &Context,
    name: &DirectoryName,
    yes: Option<&DirectoryName>,
) -> Result<(), ClientError> {
    let leaving = ctx.office.leaving(name)?;
    if !leaving.waits.is_empty() {
        let seats = leaving.waits.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        ctx.out.warn(format_args!(
            "what {seats} sent waits to be handed in at {name}, and would wait for ever"
        ));
        confirmed(ctx, name.as_str(), yes.map(DirectoryName::as_str))?;
    }
    ctx.office.leave(&leaving)?;
    let folder = &leaving.folder;
    ctx.out.data(&json!({ "directory": name.as_str(), "forgotten": true, "kept": folder }), || {
        name.to_string()
    });
    ctx.out.suggest(format_args!(
        "{name} is used no more here. What was collected and sent stays in {}; liaison join INVITATION takes it \
         up again",
        folder.display()
    ));
    Ok(())
}

/// `liaison directory verify`.
///
/// # Errors
/// The copy does not verify, or there is none.
pub(crate) async fn verify(ctx: &Context) -> Result<(), ClientError> {
    let of = ctx.office.verified()?;
    let (name, root, frozen) = (&of.directory, words::hash(&of.root), of.frozen.as_ref());
    let object = json!({
        "verified": frozen.is_none(),
        "directory": name.to_string(),
        "genesis": words::hash(&of.genesis),
        "size": of.size,
        "root": root,
        "folded": of.folded,
        "members": of.members,
        "contacts": of.contacts,
        "witnesses": of.witnesses,
        "cosigned": false,
        "withheld": of.withheld.len(),
        "state": words::state(frozen),
        "frozen": frozen.map(ToString::to_string),
    });
    ctx.out.data(&object, || {
        let statements = of.folded;
        let all = match frozen {
            None => format!("Verified: all {statements} statements of {name} from entry 0 on"),
            Some(_) => {
                format!("Verified as far as this program can: {statements} statements of {name}")
            }
        };
        format!(
            "{all}, their signatures and the rules; the root of {} entries is the one that the log \
             signed; unwitnessed.\nroot {root}",
            of.size
        )
    });
    for (contact, part) in &of.withheld {
        ctx.out.warn(format_args!("{part} of {contact}: {}", words::NOT_HERE));
    }
    current(frozen)
}

/// Says of which copy something was read, and what must not be missed of it.
fn say_seen(ctx: &Context, seen: &Seen) {
    ctx.out.say(words::seen(seen));
    if let Some(warning) = seen.warning() {
        ctx.office.tell(warning);
    }
}

/// The same for programs.
pub(super) fn seen_object(of: &Seen) -> Value {
    json!({
        "directory": of.directory.to_string(),
        "size": of.size,
        "synced_at": of.synced_at,
        "stale": of.stale,
        "witnessed": false,
        "state": words::state(of.frozen.as_ref()),
    })
}

fn entry_object(of: &Entry) -> Value {
    json!({
        "contact": of.called.contact.to_string(),
        "name": words::own_name(&of.called),
        "member": words::member_name(&of.called),
        "levels": levels(of),
        "takes_part": words::part(of.part),
        "until": of.until,
        "expired": of.expired,
    })
}

fn cells(of: &Entry) -> Vec<String> {
    let expired = if of.expired { " (expired)" } else { "" };
    vec![
        of.called.contact.to_string(),
        words::own_name(&of.called),
        words::member_name(&of.called),
        levels(of).join(", "),
        words::part(of.part).to_owned(),
        format!("{}{expired}", words::day(of.until)),
    ]
}

fn levels(of: &Entry) -> Vec<String> {
    of.levels.iter().copied().map(words::level).collect()
}

fn reached_object(of: &Reached) -> Value {
    let (telephone, email) = (lines(of.telephone.as_ref()), lines(of.email.as_ref()));
    json!({ "contact": entry_object(&of.entry), "telephone": telephone, "email": email })
}

fn reached_cells(of: &Reached) -> Vec<String> {
    let first =
        |part: &Option<Part>| visible(lines(part.as_ref()).first().map_or("", String::as_str));
    vec![
        of.entry.called.contact.to_string(),
        words::own_name(&of.entry.called),
        words::member_name(&of.entry.called),
        words::part(of.entry.part).to_owned(),
        first(&of.telephone),
        first(&of.email),
    ]
}

fn lines(of: Option<&Part>) -> Vec<String> {
    of.and_then(words::lines).unwrap_or_default()
}

fn text(of: &Page, explain: bool) -> String {
    let (mut lines, called) = (Lines::default(), &of.entry.called);
    lines.line("contact", format!("{} ({})", called.contact, words::member_name(called)));
    for name in &called.names {
        lines.line("name", format!("{} [{}]", visible(&name.text), visible(&name.language)));
    }
    lines.line("levels", levels(&of.entry).join(", "));
    for part in &of.parts {
        match words::lines(part) {
            Some(said) => said.iter().for_each(|line| lines.line(&part.name, visible(line))),
            None => lines.line(&part.name, words::NOT_HERE),
        }
    }
    lines.line("takes part", words::takes_part(of));
    for next in &of.next {
        lines.line("next in line", words::next_in_line(next));
    }
    if of.entry.until > 0 {
        lines.line("holds until", words::day(of.entry.until));
    }
    lines.line("believed", words::believed(of));
    if explain {
        self::explain(of, &mut lines);
    }
    lines.text()
}

fn explain(of: &Page, lines: &mut Lines) {
    for proof in &of.proofs {
        lines.line(words::proven(proof.what), words::proof(proof));
        lines.line("  statement", words::hash(&proof.statement));
        for signer in &proof.signers {
            lines.line("  signed by", signer.to_string());
        }
    }
    for Facet { name, hash, here } in &of.facets {
        let withheld = if *here { "" } else { " (withheld)" };
        lines.line("facet", format!("{} {name}{withheld}", hex::encode(hash)));
    }
}

fn object(of: &Page, explain: bool) -> Value {
    let (entry, called) = (&of.entry, &of.entry.called);
    let part = |part: &Part| (part.name.clone(), json!(words::lines(part)));
    let names = called.names.iter().map(|name| (name.language.clone(), json!(name.text)));
    let mut object = json!({
        "contact": called.contact.to_string(),
        "member": called.contact.member().to_string(),
        "member_name": words::member_name(called),
        "names": names.collect::<serde_json::Map<_, _>>(),
        "levels": levels(entry),
        "says": of.parts.iter().map(part).collect::<serde_json::Map<_, _>>(),
        "takes_part": words::part(entry.part),
        "seats": of.seats,
        "next_in_line": of.next.iter().map(next_object).collect::<Vec<_>>(),
        "until": entry.until,
        "expired": entry.expired,
        "believed": words::believed(of),
        "not_handed_over": of.lacking().collect::<Vec<_>>(),
    });
    if explain && let Some(object) = object.as_object_mut() {
        let explained = json!({
            "statements": of.proofs.iter().map(proof_object).collect::<Vec<_>>(),
            "facets": of.facets.iter().map(facet_object).collect::<Vec<_>>(),
        });
        object.insert("explained".to_owned(), explained);
    }
    object
}

fn next_object(of: &NextInLine) -> Value {
    let contacts: Vec<String> = of.contacts.iter().map(|contact| visible(contact)).collect();
    json!({ "level": words::level(of.level), "contacts": contacts })
}

fn facet_object(of: &Facet) -> Value {
    json!({ "name": of.name, "sha256": hex::encode(&of.hash), "withheld": !of.here })
}

fn proof_object(of: &Proof) -> Value {
    let keys = of.signers.iter().map(|key| hex::encode(key.as_bytes()));
    json!({
        "what": words::proven(of.what),
        "leaf_index": of.leaf,
        "tree_size": of.size,
        "inclusion_verified": of.holds,
        "statement": words::hash(&of.statement),
        "key_ids": keys.collect::<Vec<_>>(),
    })
}
