//! `liaison seat`: the roster of a contact, and the end of a seat's keys.

use serde_json::json;

use crate::client::armour::Kind;
use crate::client::draft::{Bundle, Composer, FacetContent};
use crate::client::keys::read_public;
use crate::client::replica::Replica;
use crate::domain::directory::Seat;
use crate::office::error::{ClientError, Family, Here, Side};
use crate::office::roster::{in_force, no_such_seat};
use crate::office::terms::{ContactId, KeyName, Owner, SeatId};
use crate::signed::proto::{self, Reason};
use crate::wire::v1::PublicKeys;

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
    let (_, replica) = ctx.office.synced().await?;
    let contact = args.seat.contact();
    let public = match &args.keys {
        Some(path) => public_of(&ctx.read_file(path)?, &args.seat)?,
        None => make(ctx, &args.seat, args.safe)?,
    };
    let (mut seats, facets) = in_force(&replica, &contact)?;
    seats.retain(|seat| seat.name != args.seat.name());
    seats.push(entry(args.seat.name(), &public));
    publish(ctx, &replica, &contact, seats, facets, &args.draft).await
}

async fn remove(ctx: &Context, args: &SeatRemoveArgs) -> Result<(), ClientError> {
    let (_, replica) = ctx.office.synced().await?;
    let contact = args.seat.contact();
    let (mut seats, facets) = in_force(&replica, &contact)?;
    let before = seats.len();
    seats.retain(|seat| seat.name != args.seat.name());
    if seats.len() == before {
        return Err(no_such_seat(&args.seat));
    }
    if is_last(&replica, &args.seat) {
        ctx.out.warn(last_seat(&args.seat));
    }
    if !args.draft.dry_run && args.draft.out.is_none() {
        confirmed(ctx, args.seat.as_str(), args.yes.as_ref().map(|id| id.as_str()))?;
    }
    publish(ctx, &replica, &contact, seats, facets, &args.draft).await
}

async fn revoke(ctx: &Context, args: &SeatRevokeArgs) -> Result<(), ClientError> {
    // A revocation is in a hurry: if the service is out of reach, the copy at hand will do.
    let replica = match ctx.office.synced().await {
        Ok((_, replica)) => replica,
        Err(why) if args.draft.out.is_some() || args.draft.dry_run => {
            ctx.out.warn(format_args!("drafted on the copy at hand: {why}"));
            ctx.office.replica()?
        }
        Err(why) => return Err(why),
    };
    let directory = replica.directory()?;
    let contact = directory.contact(&args.seat.contact());
    let roster = contact.and_then(|contact| contact.roster.as_ref());
    if !roster.is_some_and(|of| of.seats.iter().any(|seat| seat.name == args.seat.name())) {
        return Err(no_such_seat(&args.seat));
    }
    if is_last(&replica, &args.seat) {
        ctx.out.warn(last_seat(&args.seat));
    }
    if !args.draft.dry_run && args.draft.out.is_none() {
        confirmed(ctx, args.seat.as_str(), args.yes.as_ref().map(|id| id.as_str()))?;
    }
    let reason = match args.reason {
        ReasonArg::Superseded => Reason::Superseded,
        ReasonArg::Compromised => Reason::Compromised,
        ReasonArg::Lost => Reason::Lost,
        ReasonArg::Left => Reason::Left,
        ReasonArg::Error => Reason::Error,
    };
    let composer = &mut Composer::on(directory, ctx.office.ambient());
    let publication = composer.revocation(&args.seat, &[], reason, None);
    let name = format!("{}.revocation", args.seat.as_str().replace('/', "-"));
    let done = finish(ctx, Bundle::of(vec![publication]), &args.draft, &replica, &name).await?;
    told(ctx, &done);
    Ok(())
}

/// Whether no other seat of its contact could connect once this one has ended.
fn is_last(replica: &Replica, seat: &SeatId) -> bool {
    let Ok((seats, _)) = in_force(replica, &seat.contact()) else { return false };
    let (this, others): (Vec<_>, Vec<_>) =
        seats.into_iter().partition(|listed| listed.name == seat.name());
    let connects = |seat: &proto::Seat| seat.sign.is_some();
    this.iter().any(connects) && !others.iter().any(connects)
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
    let replica = ctx.office.replica()?;
    let directory = replica.directory()?;
    let id = ctx.office.contact(contact)?;
    directory.record(&id)?;
    let roster = directory.contact(&id).and_then(|contact| contact.roster.as_ref());
    let seats: Vec<&Seat> = roster.map(|roster| roster.seats.iter().collect()).unwrap_or_default();
    let standing = |key: KeyName| if directory.stands(&key) { "in force" } else { "ended" };
    let rows: Vec<_> = seats
        .iter()
        .map(|seat| {
            let seal = seat.seal.id();
            let sign = seat.sign.as_ref().map(|key| key.id());
            let signs = sign.map(|key| standing(KeyName::Proven(key)));
            let opens = standing(KeyName::Seal(id.clone(), seal));
            (format!("{id}/{}", seat.name), signs, opens, seal)
        })
        .collect();
    let object: Vec<_> = rows
        .iter()
        .map(|(seat, sign, seal, key)| {
            let key = hex::encode(key.as_bytes());
            json!({ "seat": seat, "sign": sign, "seal": seal, "seal_key": key })
        })
        .collect();
    ctx.out.data(&json!({ "contact": id.to_string(), "seats": object }), || {
        let mut cells = Vec::new();
        for (seat, sign, seal, _) in &rows {
            let sign = sign.unwrap_or("no: a safe seat");
            cells.push([seat.as_str(), sign, seal]);
        }
        layout::table(&["SEAT", "SIGNS AND CONNECTS", "OPENS"], cells)
    });
    Ok(())
}

/// A seat as a roster lists it.
pub(super) fn entry(name: &str, public: &PublicKeys) -> proto::Seat {
    proto::Seat {
        name: name.to_owned(),
        sign: public.sign.first().cloned(),
        seal: public.seal.clone(),
        tls: public.tls.clone(),
    }
}

/// Makes a seat's keys in this home, unless they are here, and gives the public ones.
pub(super) fn make(ctx: &Context, seat: &SeatId, safe: bool) -> Result<PublicKeys, ClientError> {
    let (keys, owner) = (ctx.office.home.keys(), Owner::Seat(seat.clone()));
    if !keys.owners()?.contains(&owner) {
        if safe {
            keys.create_safe_seat(seat, ctx.office.ambient())?;
        } else {
            keys.create(&owner, ctx.office.ambient())?;
        }
    }
    public_of(&keys.public(&owner, ctx.office.ambient())?, seat)
}

fn public_of(text: &str, seat: &SeatId) -> Result<PublicKeys, ClientError> {
    let public = read_public(Kind::Seat, text)?;
    if public.holder == seat.as_str() {
        return Ok(public);
    }
    let sentence = format!("the file holds the keys of {}, not of {seat}", public.holder);
    Err(ClientError::new(Side::Ours, Family::Usage, Here::OtherSeat, sentence))
}

async fn publish(
    ctx: &Context,
    replica: &Replica,
    contact: &ContactId,
    seats: Vec<proto::Seat>,
    facets: Vec<FacetContent>,
    draft: &super::args::DraftArgs,
) -> Result<(), ClientError> {
    let roster = proto::Roster { contact: contact.to_string(), seats, ..Default::default() };
    let composer = &mut Composer::on(replica.directory()?, ctx.office.ambient());
    let publication = composer.roster(roster, &facets)?;
    let name = format!("{}.roster", contact.as_str().replace('/', "-"));
    let done = finish(ctx, Bundle::of(vec![publication]), draft, replica, &name).await?;
    told(ctx, &done);
    Ok(())
}
