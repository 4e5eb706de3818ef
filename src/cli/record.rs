//! `liaison record`: what a contact publishes about itself.

use serde_json::json;

use crate::client::armour::Kind;
use crate::client::draft::{Bundle, Composer};
use crate::client::keys::read_public;
use crate::office::error::{ClientError, Family, Here, Side};
use crate::office::terms::{ContactId, Custody, Owner};
use crate::signed::canonical;
use crate::signed::proto;

use super::Context;
use super::args::{RecordCommand, RecordDraftArgs, WithdrawArgs};
use super::fields::{Said, said};
use super::statement::{Finished, confirmed, entries, finish, finish_if_agreed};

pub(super) async fn run(ctx: &Context, command: &RecordCommand) -> Result<(), ClientError> {
    match command {
        RecordCommand::Draft(args) => draft(ctx, args).await,
        RecordCommand::Withdraw(args) => withdraw(ctx, args).await,
    }
}

async fn draft(ctx: &Context, args: &RecordDraftArgs) -> Result<(), ClientError> {
    let (_, replica) = ctx.office.synced().await?;
    let directory = replica.directory()?;
    let contact = ctx.office.contact(args.contact.as_ref())?;
    let before = directory.record(&contact).ok();
    let fields = said(ctx, &contact, &args.fields, before.map(|record| (record, &replica)))?;
    let Said { expires, levels, purposes, names, facets } = fields;
    let keeper = match &args.keeper {
        Some(path) => Some(keeper_of(&ctx.read_file(path)?, &contact)?),
        None if args.fields.no_keeper => None,
        // As the authority listed it, with its proof.
        None => before.and_then(|record| {
            canonical::decode::<proto::Record>(&record.payload).ok().and_then(|said| said.keeper)
        }),
    };
    let record = proto::Record {
        contact: contact.to_string(),
        expires,
        levels,
        purposes,
        names,
        keeper,
        custody: custody(ctx, &contact.member())?.into(),
        ladders: before.map(|record| record.ladders.clone()).unwrap_or_default(),
        ..Default::default()
    };
    let publication = Composer::on(directory, ctx.office.ambient()).record(record, &facets)?;
    let name = format!("{}.record", contact.as_str().replace('/', "-"));
    let bundle = Bundle::of(vec![publication]);
    let done = finish_if_agreed(ctx, bundle, &args.draft, &replica, &name, args.yes).await?;
    told(ctx, &done);
    Ok(())
}

/// `liaison record withdraw` and `liaison admin member withdraw`: the same statement, signed by
/// the authority, or of an attested record by the registrars.
pub(super) async fn withdraw(ctx: &Context, args: &WithdrawArgs) -> Result<(), ClientError> {
    let (_, replica) = ctx.office.synced().await?;
    let directory = replica.directory()?;
    directory.record(&args.contact)?;
    if !args.draft.dry_run && args.draft.out.is_none() {
        let given = args.yes.as_ref().map(|id| id.as_str());
        confirmed(ctx, args.contact.as_str(), given)?;
    }
    let publication = Composer::on(directory, ctx.office.ambient()).withdrawal(&args.contact);
    let name = format!("{}.withdrawal", args.contact.as_str().replace('/', "-"));
    let done = finish(ctx, Bundle::of(vec![publication]), &args.draft, &replica, &name).await?;
    told(ctx, &done);
    Ok(())
}

/// The key in a KEEPER file, if it is of this contact.
fn keeper_of(text: &str, contact: &ContactId) -> Result<proto::PublicKey, ClientError> {
    let mut file = read_public(Kind::Keeper, text)?;
    match file.sign.pop() {
        Some(key) if file.holder == contact.as_str() => Ok(key),
        _ => {
            let sentence = format!("the file holds the key of {}, not of {contact}", file.holder);
            Err(ClientError::new(Side::Ours, Family::Usage, Here::OtherContact, sentence))
        }
    }
}

/// Whether the authority's key lies beside the seats of this home.
pub(super) fn custody(
    ctx: &Context,
    member: &crate::domain::ids::MemberId,
) -> Result<Custody, ClientError> {
    let owners = ctx.office.home.keys().owners()?;
    let authority = owners.contains(&Owner::Authority(member.clone()));
    let seat = owners.iter().any(|owner| match owner {
        Owner::Seat(seat) => seat.member() == *member,
        Owner::Registrar(_)
        | Owner::Operator(_)
        | Owner::Auditor(_)
        | Owner::Authority(_)
        | Owner::Keeper(_) => false,
    });
    Ok(if authority && seat { Custody::OneMachine } else { Custody::Separate })
}

/// Says where a statement went, if it was published.
pub(super) fn told(ctx: &Context, done: &Finished) {
    if let Finished::Published(leaves) = done {
        ctx.out.data(&json!({ "logged": leaves }), || entries(leaves));
    }
}
