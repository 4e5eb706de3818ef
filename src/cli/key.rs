//! `liaison key`: make, list and keep private keys.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::office::error::{ClientError, Family, Here, Mend, Side};
use crate::office::files;
use crate::office::keys::{Key, Make, NextKept, Protect, TokenAt, Turn};
use crate::office::terms::{KeyId, Owner};
use crate::words;

use super::Context;
use super::args::{KeyCommand, KeyNewArgs, KeyProtectArgs, OwnerArgs, TokenArgs};
use super::context::usage;
use super::fields::drafted;
use super::layout::Lines;
use super::rotate::forget;
use super::statement::agreed;

pub(super) fn run(ctx: &Context, command: &KeyCommand) -> Result<(), ClientError> {
    match command {
        KeyCommand::New(args) => new(ctx, args),
        KeyCommand::List => list(ctx),
        KeyCommand::Protect(args) => protect(ctx, args),
        KeyCommand::Forget(args) => forget(ctx, args),
    }
}

/// The owner that the flags name.
fn owner_of(args: &OwnerArgs) -> Result<Owner, ClientError> {
    let registrar = args.registrar.clone().map(Owner::Registrar);
    let operator = args.operator.clone().map(Owner::Operator);
    let auditor = args.auditor.clone().map(Owner::Auditor);
    let authority = args.authority.clone().map(Owner::Authority);
    let keeper = args.keeper.clone().map(Owner::Keeper);
    let seat = args.seat.clone().map(Owner::Seat);
    let named = registrar.or(operator).or(auditor).or(authority).or(keeper).or(seat);
    named.ok_or_else(|| usage("say whose key it is"))
}

/// The token that the flags name, if they name one.
fn token_of(args: &TokenArgs) -> Result<Option<TokenAt>, ClientError> {
    let Some(module) = &args.token else { return Ok(None) };
    let module = std::path::absolute(module).map_err(|why| files::unusable(module, &why))?;
    Ok(Some(TokenAt { module, label: args.token_label.clone() }))
}

fn new(ctx: &Context, args: &KeyNewArgs) -> Result<(), ClientError> {
    let owner = owner_of(&args.owner)?;
    let person = matches!(owner, Owner::Registrar(_) | Owner::Operator(_) | Owner::Auditor(_));
    if person && args.name.is_none() {
        let sentence = "the charter names its people: give the person's name";
        return Err(ClientError::new(Side::Ours, Family::Usage, Here::Usage, sentence)
            .mended_by(Mend::FullName));
    }
    // Before there are keys: what is refused is given again.
    let name = args.name.as_deref().filter(|_| person);
    let name = name.map(|name| drafted(ctx, "the name", name)).transpose()?;
    let make = match (&name, &owner) {
        (None, Owner::Keeper(contact)) if args.next => {
            let kept = if args.plain { NextKept::InAFile } else { NextKept::AsBefore };
            Make::NextOfKeeper(contact.clone(), kept)
        }
        (None, _) => Make::Keys(owner.clone(), token_of(&args.token)?),
        (Some(name), _) => Make::Person(owner.clone(), token_of(&args.token)?, name.clone()),
    };
    let made = ctx.office.make_keys(&make)?;
    let path = args.out.clone().unwrap_or_else(|| file_of(&owner));
    files::write(&path, &made)?;
    let made = ctx.office.keys_of(&owner)?;
    let ids: Vec<String> = made.iter().filter_map(|key| key.id.as_ref()).map(full).collect();
    let object = json!({ "owner": owner.to_string(), "public": path, "key_ids": ids });
    ctx.out.data(&object, || format!("{}", path.display()));
    ctx.out.say(format_args!(
        "The keys of {owner} are made. The private ones stay in {}; {} holds the public ones.",
        ctx.office.home.root().display(),
        path.display(),
    ));
    for kept in made.iter().filter_map(|key| key.kept.as_ref()) {
        if kept.token.is_some() {
            ctx.out.say(format_args!("The key with which {owner} signs lies in {}.", kept.said));
        }
    }
    ctx.out.say(match owner {
        Owner::Registrar(_) | Owner::Operator(_) | Owner::Auditor(_) => {
            "Next: send that file to whoever runs liaisond init; where the directory is founded, to \
             a registrar for liaison charter draft."
        }
        Owner::Authority(_) => "Next: send that file to the registrars, with your State's note.",
        Owner::Keeper(_) => {
            "Next: the authority names it in the next record: liaison record draft --keeper FILE."
        }
        Owner::Seat(_) => "Next: the keeper lists it with liaison seat add --keys.",
    });
    Ok(())
}

/// Named after the owner, beside the user.
pub(super) fn file_of(owner: &Owner) -> PathBuf {
    let name = match owner {
        Owner::Registrar(id) => format!("{id}.registrar"),
        Owner::Operator(id) => format!("{id}.operator"),
        Owner::Auditor(id) => format!("{id}.auditor"),
        Owner::Authority(id) => format!("{id}.authority"),
        Owner::Keeper(id) => format!("{}.keeper", id.as_str().replace('/', "-")),
        Owner::Seat(id) => format!("{}.seat", id.as_str().replace('/', "-")),
    };
    PathBuf::from(name)
}

fn protect(ctx: &Context, args: &KeyProtectArgs) -> Result<(), ClientError> {
    let owner = owner_of(&args.owner)?;
    let how = match token_of(&args.token)? {
        Some(token) => Protect::InToken(token),
        None if args.none => {
            let warning = format!("The key of {owner} will lie in a file that is all one needs");
            if !args.yes && !agreed(ctx, &format!("{warning}. Take its passphrase away? [y/N]")) {
                let sentence = "nobody agreed, and the key is kept as it was";
                let (side, family) = (Side::Ours, Family::NeedsApproval);
                return Err(ClientError::new(side, family, Here::NotConfirmed, sentence)
                    .mended_by(Mend::AgreeIfMeant));
            }
            Protect::InAFile
        }
        None => Protect::ByPassphrase,
    };
    let Some(key) = ctx.office.protect_key(&owner, &how)? else { return Ok(()) };
    ctx.out.data(&row(&key), || kept(&key));
    ctx.out.say(format_args!("The key with which {owner} signs is now kept in this way."));
    if !args.none {
        ctx.out.say(
            "What stood on the disk before may still be read from it by whoever takes it apart: a \
             key of which that matters is made anew and listed in place of this one.",
        );
    }
    Ok(())
}

fn list(ctx: &Context) -> Result<(), ClientError> {
    let all = ctx.office.keys()?;
    let rows: Vec<_> = all
        .iter()
        .map(|key| {
            let mut row = row(key);
            (row["staged"], row["may_go"]) = ((key.turn == Turn::Later).into(), key.may_go.into());
            row
        })
        .collect();
    ctx.out.data(&json!({ "keys": rows }), || {
        let (mut lines, mut before) = (Lines::default(), None);
        for key in &all {
            if before.replace(&key.owner) != Some(&key.owner) {
                lines.line(&key.owner.to_string(), "");
            }
            let label = match key.turn {
                Turn::Before => "  retired: opens old mail".to_owned(),
                Turn::Later => format!("  to follow: {}", key.purpose.name()),
                Turn::Now => format!("  {}", key.purpose.name()),
            };
            let id = key.id.as_ref().map(|id| id.to_string().chars().take(19).collect());
            let end = key.may_go.map(|at| format!("may go on {}", words::day(at)));
            let id: Vec<String> = [id, end].into_iter().flatten().collect();
            let said = [id.join("; "), key.path.display().to_string(), kept(key)];
            lines.line(&label, said.join("\n"));
        }
        lines.text()
    });
    Ok(())
}

/// A key for programs.
fn row(key: &Key) -> Value {
    let mut row = json!({
        "owner": key.owner.to_string(),
        "purpose": key.purpose.name(),
        "key_id": key.id.as_ref().map(full),
        "algorithm": key.algorithm,
        "fault": key.fault,
        "retired": key.turn == Turn::Before,
        "path": key.path,
        "kept": key.kept.as_ref().map(|kept| kept.name),
        "protection": key.kept.as_ref().map(|kept| &kept.said),
    });
    if let Some(token) = key.kept.as_ref().and_then(|kept| kept.token.as_ref()) {
        let (label, serial, module) = (&token.label, &token.serial, &token.module);
        row["token"] = json!({ "label": label, "serial": serial, "module": module });
    }
    row
}

/// How it is kept, for people.
fn kept(key: &Key) -> String {
    match (&key.fault, &key.kept) {
        (Some(fault), _) => format!("unusable: {fault}"),
        (None, kept) => kept.as_ref().map_or_else(String::new, |kept| kept.said.clone()),
    }
}

/// All 64 digits, for scripts.
fn full(id: &KeyId) -> String {
    hex::encode(id.as_bytes())
}
