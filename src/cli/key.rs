//! `liaison key`: make and list private keys.

use std::path::PathBuf;

use serde_json::json;

use crate::client::error::{ClientError, Exit, Side};
use crate::client::keys::Owner;
use crate::crypto::sign::KeyId;

use super::Context;
use super::args::{KeyCommand, KeyNewArgs, OwnerArgs};
use super::fields::drafted;

pub(super) fn run(ctx: &Context, command: &KeyCommand) -> Result<(), ClientError> {
    match command {
        KeyCommand::New(args) => new(ctx, args),
        KeyCommand::List => list(ctx),
    }
}

/// The owner that the flags name.
fn owner_of(args: &OwnerArgs) -> Option<Owner> {
    let registrar = args.registrar.clone().map(Owner::Registrar);
    let operator = args.operator.clone().map(Owner::Operator);
    let auditor = args.auditor.clone().map(Owner::Auditor);
    let authority = args.authority.clone().map(Owner::Authority);
    let keeper = args.keeper.clone().map(Owner::Keeper);
    let seat = args.seat.clone().map(Owner::Seat);
    registrar.or(operator).or(auditor).or(authority).or(keeper).or(seat)
}

fn new(ctx: &Context, args: &KeyNewArgs) -> Result<(), ClientError> {
    let owner = owner_of(&args.owner).ok_or_else(|| {
        ClientError::new(Side::Ours, Exit::Usage, "USAGE", "say whose keys to make")
    })?;
    let keys = ctx.home.keys();
    let person = matches!(owner, Owner::Registrar(_) | Owner::Operator(_) | Owner::Auditor(_));
    if person && args.name.is_none() {
        let sentence = "the charter names its people: give the person's name";
        return Err(ClientError::new(Side::Ours, Exit::Usage, "USAGE", sentence)
            .mended_by("add --name \"First Last\""));
    }
    // Before there are keys: what is refused is given again.
    let name = args.name.as_deref().filter(|_| person);
    let name = name.map(|name| drafted(ctx, "the name", name)).transpose()?;
    keys.create(&owner, ctx.ambient())?;
    let text = match &name {
        Some(name) => keys.person(&owner, name, ctx.ambient())?,
        None => keys.public(&owner, ctx.ambient())?,
    };
    let path = args.out.clone().unwrap_or_else(|| file_of(&owner));
    ctx.write_file(&path, &text)?;
    let made = keys.list(ctx.ambient())?.into_iter().filter(|listed| listed.owner == owner);
    let ids: Vec<String> = made.filter_map(|listed| listed.id.ok()).map(|id| full(&id)).collect();
    let object = json!({ "owner": owner.to_string(), "public": path, "key_ids": ids });
    ctx.out.data(&object, || format!("{}", path.display()));
    ctx.out.say(format_args!(
        "The keys of {owner} are made. The private ones stay in {}; {} holds the public ones.",
        ctx.home.root().display(),
        path.display(),
    ));
    ctx.out.say(match owner {
        Owner::Registrar(_) | Owner::Operator(_) | Owner::Auditor(_) => {
            "Next: send that file to whoever runs liaisond init; where the directory is founded, to \
             a registrar for liaison charter draft."
        }
        Owner::Authority(_) => "Next: send that file to the registrars, with your State's note.",
        Owner::Keeper(_) => "Next: the authority names it in the next record.",
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

fn list(ctx: &Context) -> Result<(), ClientError> {
    let listed = ctx.home.keys().list(ctx.ambient())?;
    let rows: Vec<_> = listed
        .iter()
        .map(|key| {
            json!({
                "owner": key.owner.to_string(),
                "purpose": key.purpose.name(),
                "key_id": key.id.as_ref().ok().map(full),
                "fault": key.id.as_ref().err().map(ToString::to_string),
                "retired": key.retired,
                "path": key.path,
                "protection": "a file that only you can read",
            })
        })
        .collect();
    ctx.out.data(&json!({ "keys": rows }), || {
        let mut table = super::table(&["whose", "what for", "key id", "where"]);
        for key in &listed {
            let id = match &key.id {
                Ok(id) => format!("{id}").chars().take(19).collect(),
                Err(why) => format!("unusable: {why}"),
            };
            let purpose = if key.retired { "retired: opens old mail" } else { key.purpose.name() };
            let path = key.path.display().to_string();
            table.add_row([key.owner.to_string(), purpose.to_owned(), id, path]);
        }
        table.to_string()
    });
    Ok(())
}

/// All 64 digits, for scripts.
fn full(id: &KeyId) -> String {
    hex::encode(id.as_bytes())
}
