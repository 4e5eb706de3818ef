//! `liaison seat`: the roster of a contact, and the end of a seat's keys.

use serde_json::json;

use crate::office::drafts::SeatKeys;
use crate::office::error::ClientError;
use crate::office::files;
use crate::office::terms::{ContactId, EndReason, SeatId};

use super::Context;
use super::args::{ReasonArg, SeatAddArgs, SeatCommand, SeatRemoveArgs, SeatRevokeArgs};
use super::layout;
use super::record::told;
use super::rotate::rotate;
use super::statement::{confirmed, finish};

pub(super) async fn run(ctx: &Context, command: &SeatCommand) -> Result<(), ClientError> {
    match command {
        SeatCommand::Add(args) => add(ctx, args).await,
        SeatCommand::Rotate(args) => rotate(ctx, args).await,
        SeatCommand::Remove(args) => remove(ctx, args).await,
        SeatCommand::Revoke(args) => revoke(ctx, args).await,
        SeatCommand::List { contact } => list(ctx, contact.as_ref()),
    }
}

async fn add(ctx: &Context, args: &SeatAddArgs) -> Result<(), ClientError> {
    let mut rostering = ctx.office.rostering(args.seat.contact()).await?;
    let keys = match &args.keys {
        Some(path) => SeatKeys::read(&files::read_text(path)?, &args.seat)?,
        None => ctx.office.make_seat(&args.seat, args.safe)?,
    };
    rostering.list(&args.seat, keys);
    let drafted = rostering.draft(&ctx.office)?;
    told(ctx, &finish(ctx, drafted, &args.draft, &roster_of(&args.seat)).await?);
    Ok(())
}

async fn remove(ctx: &Context, args: &SeatRemoveArgs) -> Result<(), ClientError> {
    let mut rostering = ctx.office.rostering(args.seat.contact()).await?;
    if rostering.take_off(&args.seat)? {
        ctx.out.warn(last_seat(&args.seat));
    }
    if !args.draft.dry_run && args.draft.out.is_none() {
        confirmed(ctx, args.seat.as_str(), args.yes.as_ref().map(|id| id.as_str()))?;
    }
    let drafted = rostering.draft(&ctx.office)?;
    told(ctx, &finish(ctx, drafted, &args.draft, &roster_of(&args.seat)).await?);
    Ok(())
}

async fn revoke(ctx: &Context, args: &SeatRevokeArgs) -> Result<(), ClientError> {
    // A revocation is in a hurry: if the service is out of reach, the copy at hand will do.
    let will_do = args.draft.out.is_some() || args.draft.dry_run;
    let at_hand = ctx.office.at_hand(|_| will_do).await?;
    if let Some(why) = &at_hand.behind {
        ctx.out.warn(format_args!("drafted on the copy at hand: {why}"));
    }
    if at_hand.ends_the_last(&args.seat)? {
        ctx.out.warn(last_seat(&args.seat));
    }
    if !will_do {
        confirmed(ctx, args.seat.as_str(), args.yes.as_ref().map(|id| id.as_str()))?;
    }
    let reason = match args.reason {
        ReasonArg::Superseded => EndReason::Superseded,
        ReasonArg::Compromised => EndReason::Compromised,
        ReasonArg::Lost => EndReason::Lost,
        ReasonArg::Left => EndReason::Left,
        ReasonArg::Error => EndReason::Error,
    };
    let drafted = ctx.office.revocation(at_hand, &args.seat, reason)?;
    let name = format!("{}.revocation", args.seat.as_str().replace('/', "-"));
    told(ctx, &finish(ctx, drafted, &args.draft, &name).await?);
    Ok(())
}

fn roster_of(seat: &SeatId) -> String {
    format!("{}.roster", seat.contact().as_str().replace('/', "-"))
}

fn last_seat(seat: &SeatId) -> String {
    let contact = seat.contact();
    format!(
        "this is the last seat of {contact} that connects: without it nobody there can ask for \
         another. The way back: a registrar drafts one with liaison seat add {contact}/SEAT --keys \
         FILE --out DRAFT, the keeper signs it with liaison sign DRAFT, and the registrar hands it \
         in with liaison publish DRAFT"
    )
}

fn list(ctx: &Context, contact: Option<&ContactId>) -> Result<(), ClientError> {
    let contact = ctx.office.contact(contact)?;
    let seats = ctx.office.seats(&contact)?;
    let standing = |in_force: bool| if in_force { "in force" } else { "ended" };
    let object: Vec<_> = seats
        .iter()
        .map(|seat| {
            json!({
                "seat": seat.seat.as_str(),
                "sign": seat.signs.map(standing),
                "seal": standing(seat.opens),
                "seal_key": hex::encode(seat.seal.as_bytes()),
            })
        })
        .collect();
    ctx.out.data(&json!({ "contact": contact.to_string(), "seats": object }), || {
        let cells = seats.iter().map(|seat| {
            let signs = seat.signs.map_or("no: a safe seat", standing);
            [seat.seat.as_str(), signs, standing(seat.opens)]
        });
        layout::table(&["SEAT", "SIGNS AND CONNECTS", "OPENS"], cells)
    });
    Ok(())
}
