//! `liaison key`: make, list and keep private keys.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::client::keys::{KeyError, Listed};
use crate::client::protect::Kept;
use crate::client::rotation::NextKept;
use crate::client::token::Token;
use crate::crypto::sign::Algorithm;
use crate::office::error::{ClientError, Family, Here, Mend, Side};
use crate::office::terms::{KeyId, Owner, Purpose};
use crate::words;

use super::Context;
use super::args::{KeyCommand, KeyNewArgs, KeyProtectArgs, OwnerArgs, TokenArgs};
use super::context::{unusable, usage};
use super::fields::drafted;
use super::layout::Lines;
use super::rotate::{forget, may_go};
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
fn token_of(args: &TokenArgs) -> Result<Option<Token>, ClientError> {
    let Some(module) = &args.token else { return Ok(None) };
    let module = std::path::absolute(module).map_err(|why| unusable(module, &why))?;
    let token = Token::choose(&module, args.token_label.as_deref());
    Ok(Some(token.map_err(KeyError::from)?))
}

fn new(ctx: &Context, args: &KeyNewArgs) -> Result<(), ClientError> {
    let owner = owner_of(&args.owner)?;
    let keys = ctx.office.home.keys();
    let person = matches!(owner, Owner::Registrar(_) | Owner::Operator(_) | Owner::Auditor(_));
    if person && args.name.is_none() {
        let sentence = "the charter names its people: give the person's name";
        return Err(ClientError::new(Side::Ours, Family::Usage, Here::Usage, sentence)
            .mended_by(Mend::FullName));
    }
    // Before there are keys: what is refused is given again.
    let name = args.name.as_deref().filter(|_| person);
    let name = name.map(|name| drafted(ctx, "the name", name)).transpose()?;
    let text = match (&name, &owner) {
        (None, Owner::Keeper(contact)) if args.next => {
            let kept = if args.plain { NextKept::InAFile } else { NextKept::AsBefore };
            keys.stage_keeper(contact, kept, ctx.office.ambient())?
        }
        (name, _) => {
            match token_of(&args.token)? {
                Some(token) => keys.create_in_token(&owner, token, ctx.office.ambient())?,
                None => keys.create(&owner, ctx.office.ambient())?,
            }
            match name {
                Some(name) => keys.person(&owner, name, ctx.office.ambient())?,
                None => keys.public(&owner, ctx.office.ambient())?,
            }
        }
    };
    let path = args.out.clone().unwrap_or_else(|| file_of(&owner));
    ctx.write_file(&path, &text)?;
    let mut made = keys.list(ctx.office.ambient())?;
    made.retain(|listed| listed.owner == owner);
    let ids = made.iter().filter_map(|listed| listed.id.as_ref().ok());
    let ids: Vec<String> = ids.map(full).collect();
    let object = json!({ "owner": owner.to_string(), "public": path, "key_ids": ids });
    ctx.out.data(&object, || format!("{}", path.display()));
    ctx.out.say(format_args!(
        "The keys of {owner} are made. The private ones stay in {}; {} holds the public ones.",
        ctx.office.home.root().display(),
        path.display(),
    ));
    for kept in made.iter().filter_map(|listed| listed.kept.as_ref()) {
        if matches!(kept, Kept::Token { .. }) {
            ctx.out.say(format_args!("The key with which {owner} signs lies in {kept}."));
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
    let (owner, keys) = (owner_of(&args.owner)?, ctx.office.home.keys());
    match token_of(&args.token)? {
        Some(token) => keys.protect_in_token(&owner, token, ctx.office.ambient())?,
        None if args.none => {
            let warning = format!("The key of {owner} will lie in a file that is all one needs");
            if !args.yes && !agreed(ctx, &format!("{warning}. Take its passphrase away? [y/N]")) {
                let sentence = "nobody agreed, and the key is kept as it was";
                let (side, family) = (Side::Ours, Family::NeedsApproval);
                return Err(ClientError::new(side, family, Here::NotConfirmed, sentence)
                    .mended_by(Mend::AgreeIfMeant));
            }
            keys.unprotect(&owner, ctx.office.ambient())?;
        }
        None => keys.protect(&owner, ctx.office.ambient())?,
    }
    let mut listed = keys.list(ctx.office.ambient())?.into_iter();
    let Some(listed) = listed.find(|listed| listed.owner == owner && !is_tls(listed)) else {
        return Ok(());
    };
    ctx.out.data(&row(&listed), || kept(&listed));
    ctx.out.say(format_args!("The key with which {owner} signs is now kept in this way."));
    if !args.none {
        ctx.out.say(
            "What stood on the disk before may still be read from it by whoever takes it apart: a \
             key of which that matters is made anew and listed in place of this one.",
        );
    }
    Ok(())
}

fn is_tls(listed: &Listed) -> bool {
    matches!(listed.purpose, Purpose::PersonTls | Purpose::SeatTls)
}

fn list(ctx: &Context) -> Result<(), ClientError> {
    let listed = ctx.office.home.keys().list(ctx.office.ambient())?;
    let replica = ctx.office.replica().ok();
    // From when on nothing more can come for a key that is retired.
    let goes = |key: &Listed| match (&key.owner, &key.id, &replica) {
        (Owner::Seat(seat), Ok(id), Some(replica)) if key.retired => {
            may_go(replica, seat, id).ok().flatten()
        }
        _ => None,
    };
    let rows: Vec<_> = listed
        .iter()
        .map(|key| {
            let mut row = row(key);
            (row["staged"], row["may_go"]) = (key.staged.into(), goes(key).into());
            row
        })
        .collect();
    ctx.out.data(&json!({ "keys": rows }), || {
        let (mut lines, mut before) = (Lines::default(), None);
        for key in &listed {
            if before.replace(&key.owner) != Some(&key.owner) {
                lines.line(&key.owner.to_string(), "");
            }
            let label = match (key.retired, key.staged) {
                (true, _) => "  retired: opens old mail".to_owned(),
                (_, true) => format!("  to follow: {}", key.purpose.name()),
                _ => format!("  {}", key.purpose.name()),
            };
            let id = key.id.as_ref().ok().map(|id| id.to_string().chars().take(19).collect());
            let end = goes(key).map(|at| format!("may go on {}", words::day(at)));
            let id: Vec<String> = [id, end].into_iter().flatten().collect();
            let said = [id.join("; "), key.path.display().to_string(), kept(key)];
            lines.line(&label, said.join("\n"));
        }
        lines.text()
    });
    Ok(())
}

/// A key for programs.
fn row(key: &Listed) -> Value {
    let mut row = json!({
        "owner": key.owner.to_string(),
        "purpose": key.purpose.name(),
        "key_id": key.id.as_ref().ok().map(full),
        "algorithm": key.algorithm.map(Algorithm::name),
        "fault": fault(key),
        "retired": key.retired,
        "path": key.path,
        "kept": key.kept.as_ref().map(Kept::name),
        "protection": key.kept.as_ref().map(ToString::to_string),
    });
    if let Some(Kept::Token { label, serial, module, .. }) = &key.kept {
        row["token"] = json!({ "label": label, "serial": serial, "module": module });
    }
    row
}

/// Why it cannot be used.
fn fault(key: &Listed) -> Option<String> {
    match (&key.id, &key.kept) {
        (Err(KeyError::Hidden { .. }), _) => None,
        (Err(why), _) => Some(why.to_string()),
        (Ok(_), Some(Kept::Token { gone: Some(gone), .. })) => Some(gone.to_string()),
        (Ok(_), _) => None,
    }
}

/// How it is kept, for people.
fn kept(key: &Listed) -> String {
    match (fault(key), &key.kept) {
        (Some(fault), _) => format!("unusable: {fault}"),
        (None, kept) => kept.as_ref().map_or_else(String::new, ToString::to_string),
    }
}

/// All 64 digits, for scripts.
fn full(id: &KeyId) -> String {
    hex::encode(id.as_bytes())
}
