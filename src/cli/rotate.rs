//! `liaison seat rotate` and `liaison key forget`, on the screen.
//!
//! In scope: what is asked, how far the keys are in words. Out of scope: what changes and when
//! (`office::rotate`), the roster's way to its keeper (`statement`).

use serde_json::{Value, json};

use crate::office::error::{ClientError, Family, Here, Mend, Side};
use crate::office::rotate::{Change, Keys, Next, Seats, Stage, Standing, Unchanged};
use crate::office::terms::{KeyId, Purpose, SeatId};
use crate::words;

use super::args::{KeyArg, KeyForgetArgs, SeatRotateArgs};
use super::output::Output;
use super::statement::{Finished, confirmed, entries, finish};
use super::{Context, layout};

/// `liaison seat rotate`.
///
/// # Errors
/// [`ClientError`]; the same command goes on from there.
pub(super) async fn rotate(ctx: &Context, args: &SeatRotateArgs) -> Result<(), ClientError> {
    let Seats { contact, seats } = ctx.office.seats_here(&args.seats)?;
    if args.show {
        return show(ctx, &ctx.office.stages(&ctx.office.replica()?, &seats)?, &[]);
    }
    let waited = ctx.office.rotates(&seats);
    let (_, replica) = ctx.office.synced().await?;
    if waited && !ctx.office.rotates(&seats) {
        show(ctx, &ctx.office.stages(&replica, &seats)?, &[])?;
        return say_printed(ctx, &seats);
    }
    let wanted: Vec<Purpose> = args.only.iter().map(|key| key.purpose()).collect();
    let changes = ctx.office.changes(&replica, &seats, &wanted).map_err(unchanged)?;
    if args.draft.dry_run {
        return planned(ctx, &changes);
    }
    let drafted = ctx.office.rotated(&replica, &contact, &changes).await?;
    let name = format!("{}.roster", contact.as_str().replace('/', "-"));
    match finish(ctx, drafted, &args.draft, &name).await? {
        Finished::Published(leaves) => {
            let replica = ctx.office.put_to_use(&seats).await?;
            show(ctx, &ctx.office.stages(&replica, &seats)?, &leaves)?;
            say_printed(ctx, &seats)
        }
        Finished::Drafted => {
            ctx.out.say(format_args!(
                "The new keys wait in {}. Once the keeper has signed, and somebody published it, the \
                 next command that connects here puts them to use.",
                ctx.office.home.root().display()
            ));
            say_printed(ctx, &seats)
        }
        Finished::Shown => Ok(()),
    }
}

/// What was printed of a safe seat opens nothing that is sealed to its new key.
fn say_printed(ctx: &Context, seats: &[SeatId]) -> Result<(), ClientError> {
    for (seat, path) in ctx.office.to_print(seats)? {
        ctx.out.say(format_args!(
            "{seat}: print {} and lock it away; keep what is printed already: it opens what was \
             sealed before",
            path.display()
        ));
    }
    Ok(())
}

/// Why other keys than those asked for, or none, would change.
fn unchanged(why: Unchanged) -> ClientError {
    let usage =
        |reason, sentence: String| ClientError::new(Side::Ours, Family::Usage, reason, sentence);
    match why {
        Unchanged::UnderWay(seat, waiting) => {
            let sentence =
                format!("other new keys of {seat} wait to be listed: {}", words(&waiting));
            usage(Here::RotationUnderWay, sentence).mended_by(Mend::RotateSeat(seat))
        }
        Unchanged::NoSuchKey(seat, none) => {
            let sentence = format!("{seat} is a safe seat, and has no key {}", words(&[none]));
            usage(Here::KeyOfAnotherPurpose, sentence)
        }
        Unchanged::Other(why) => *why,
    }
}

/// What would be done.
fn planned(ctx: &Context, changes: &[Change]) -> Result<(), ClientError> {
    let seats = changes.iter().map(|Change { seat, purposes }| {
        let new: Vec<&str> = purposes.iter().map(|purpose| short(*purpose)).collect();
        json!({ "seat": seat.to_string(), "new": new })
    });
    let object = json!({ "dry_run": true, "seats": seats.collect::<Vec<_>>() });
    ctx.out.data(&object, || {
        let each = changes
            .iter()
            .map(|Change { seat, purposes }| format!("{seat}: new keys {}", words(purposes)));
        each.collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

/// How far the keys of these seats are.
fn show(ctx: &Context, all: &[Keys], logged: &[u64]) -> Result<(), ClientError> {
    let object = all.iter().map(|of| {
        let keys: Vec<Value> = of.all.iter().map(key_object).collect();
        json!({ "seat": of.seat.to_string(), "keys": keys, "next": next_step(&ctx.out, of) })
    });
    let object = json!({ "seats": object.collect::<Vec<_>>(), "logged": logged });
    ctx.out.data(&object, || {
        let rows = all.iter().flat_map(|of| of.all.iter().map(|key| cells(&of.seat, key)));
        layout::table(&["SEAT", "KEY", "ID", "STATE", "SINCE"], rows.collect::<Vec<_>>())
    });
    if !logged.is_empty() {
        ctx.out.say(entries(logged));
    }
    for of in all {
        ctx.out.say(format_args!("{}: {}", of.seat, next_step(&ctx.out, of)));
    }
    Ok(())
}

const fn stage(of: Stage) -> &'static str {
    match of {
        Stage::Waits => "new, not listed yet",
        Stage::Listed => "new, listed",
        Stage::NotListed => "not listed",
        Stage::InForce => "in force",
        Stage::Ended => "ended",
        Stage::Retired => "retired",
    }
}

fn key_object(of: &Standing) -> Value {
    json!({
        "key": short(of.purpose),
        "key_id": of.id.map(|id| hex::encode(id.as_bytes())),
        "state": stage(of.stage),
        "since": of.since,
        "may_go": of.may_go,
    })
}

fn cells(seat: &SeatId, of: &Standing) -> Vec<String> {
    let id = of.id.map_or_else(|| "unusable".to_owned(), |id| id.to_string());
    let state = match of.may_go {
        Some(at) => format!("{}; may go on {}", stage(of.stage), words::day(at)),
        None => stage(of.stage).to_owned(),
    };
    let since = of.since.map(words::when).unwrap_or_default();
    let id = layout::whole(id.chars().take(19));
    vec![seat.to_string(), short(of.purpose).to_owned(), id, state, since]
}

fn next_step(out: &Output, of: &Keys) -> String {
    let seat = &of.seat;
    match of.next() {
        Next::Use => out.suggested("the new keys are listed; liaison sync puts them to use"),
        Next::List => format!(
            "the new keys wait for a roster that lists them: it is drafted by liaison seat rotate \
             {seat}, signed by the keeper with liaison sign, handed in with liaison publish"
        ),
        Next::Rotate => out.suggested(format_args!(
            "its keys have ended: liaison seat rotate {seat} asks for new ones"
        )),
        Next::Nothing => "nothing is under way".to_owned(),
    }
}

/// `liaison key forget`.
///
/// # Errors
/// [`ClientError`]; nothing is deleted before somebody named the seat.
pub(super) fn forget(ctx: &Context, args: &KeyForgetArgs) -> Result<(), ClientError> {
    let (seat, retired) = (&args.seat, ctx.office.retired(&args.seat)?);
    for of in &retired.kept {
        let when = of.may_go.map_or_else(
            || "when the directory lists another in its place".to_owned(),
            |at| format!("on {}", words::day(at)),
        );
        let id = of.id;
        ctx.out.say(format_args!("{id} stays: what was sealed to it may come; it may go {when}"));
    }
    let (due, readable) = (&retired.due, retired.readable);
    if !due.is_empty() {
        ctx.out.warn(format_args!(
            "{readable} messages that were collected or sent here are readable with these keys alone, and \
             no more without them"
        ));
    }
    let does = !due.is_empty() && !args.dry_run;
    if does {
        confirmed(ctx, seat.as_str(), args.yes.as_ref().map(|id| id.as_str()))?;
        ctx.office.forget(&retired)?;
    }
    let hex = |id: &KeyId| hex::encode(id.as_bytes());
    let stay = retired.kept.iter();
    let stay: Vec<_> =
        stay.map(|of| json!({ "key_id": hex(&of.id), "may_go": of.may_go })).collect();
    let gone: Vec<String> = due.iter().map(hex).collect();
    let object = json!({
        "seat": seat.to_string(), "dry_run": args.dry_run, "forgotten": gone, "stay": stay,
        "messages": readable,
    });
    ctx.out.data(&object, || match (due.len(), does) {
        (0, _) => format!("no retired key of {seat} may go yet"),
        (some, true) => format!("forgotten: {some} retired keys of {seat}"),
        (some, false) => format!("{some} retired keys of {seat} may go"),
    });
    Ok(())
}

impl KeyArg {
    const fn purpose(self) -> Purpose {
        match self {
            Self::Sign => Purpose::SeatSign,
            Self::Seal => Purpose::SeatSeal,
            Self::Tls => Purpose::SeatTls,
        }
    }
}

fn short(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::SeatSign => "sign",
        Purpose::SeatSeal => "seal",
        Purpose::SeatTls => "tls",
        other => other.name(),
    }
}

fn words(purposes: &[Purpose]) -> String {
    let words = purposes.iter().map(|purpose| match purpose {
        Purpose::SeatSign => "to sign",
        Purpose::SeatSeal => "to open",
        Purpose::SeatTls => "to connect",
        other => other.name(),
    });
    words.collect::<Vec<_>>().join(", ")
}
