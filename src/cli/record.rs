//! `liaison record`: what a contact publishes about itself.

use serde_json::json;

use crate::office::drafts::Keeper;
use crate::office::error::ClientError;
use crate::office::files;

use super::Context;
use super::args::{RecordCommand, RecordDraftArgs, WithdrawArgs};
use super::fields::{fields, named};
use super::statement::{Finished, confirmed, entries, finish, finish_if_agreed};

pub(super) async fn run(ctx: &Context, command: &RecordCommand) -> Result<(), ClientError> {
    match command {
        RecordCommand::Draft(args) => draft(ctx, args).await,
        RecordCommand::Withdraw(args) => withdraw(ctx, args).await,
    }
}

async fn draft(ctx: &Context, args: &RecordDraftArgs) -> Result<(), ClientError> {
    let contact = ctx.office.contact(args.contact.as_ref())?;
    let fields = fields(ctx, &args.fields)?;
    let keeper = match &args.keeper {
        Some(path) => Keeper::read(&files::read_text(path)?, &contact)?,
        None if args.fields.no_keeper => Keeper::Authority,
        None => Keeper::AsBefore,
    };
    let drafting = ctx.office.drafting(contact.clone()).await?;
    let fields = named(ctx, &contact, fields, drafting.has_record())?;
    let drafted = drafting.own(&ctx.office, &fields, keeper)?;
    let name = format!("{}.record", contact.as_str().replace('/', "-"));
    let done = finish_if_agreed(ctx, drafted, &args.draft, &name, args.yes).await?;
    told(ctx, &done);
    Ok(())
}

/// `liaison record withdraw` and `liaison admin member withdraw`: the same statement, signed by
/// the authority, or of an attested record by the registrars.
pub(super) async fn withdraw(ctx: &Context, args: &WithdrawArgs) -> Result<(), ClientError> {
    let drafted = ctx.office.drafting(args.contact.clone()).await?.withdrawal(&ctx.office)?;
    if !args.draft.dry_run && args.draft.out.is_none() {
        let given = args.yes.as_ref().map(|id| id.as_str());
        confirmed(ctx, args.contact.as_str(), given)?;
    }
    let name = format!("{}.withdrawal", args.contact.as_str().replace('/', "-"));
    let done = finish(ctx, drafted, &args.draft, &name).await?;
    told(ctx, &done);
    Ok(())
}

/// Says where a statement went, if it was published.
pub(super) fn told(ctx: &Context, done: &Finished) {
    if let Finished::Published(leaves) = done {
        ctx.out.data(&json!({ "logged": leaves }), || entries(leaves));
    }
}
