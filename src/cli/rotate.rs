//! New keys for the seats of this home: `liaison seat rotate`, and what becomes of the old ones.
//!
//! In scope: from making new keys to seeing them in force, how far that is, forgetting retired seal keys.
//! Out of scope: the files (`client::rotation`), the roster's way to its keeper (`statement`). Invariants:
//! the same command goes on wherever it was cut off, and begins nothing new while something is under way;
//! nothing is listed that was not tried; what was sealed to an old key stays readable until somebody says
//! otherwise, and not before nothing more can come for it.

use prost::Message as _;
use serde_json::{Value, json};

use crate::client::draft::{Bundle, Composer};
use crate::client::keys::{KeyError, Listed};
use crate::client::reach::session::Session;
use crate::client::replica::Replica;
use crate::domain::directory::Directory;
use crate::domain::directory::key::KnownKey;
use crate::domain::limits;
use crate::office::error::{ClientError, Family, Here, Mend, Rule, Side};
use crate::office::mail::Mail;
use crate::office::roster::{in_force, no_such_seat};
use crate::office::terms::{ContactId, KeyId, Owner, Purpose, SeatId};
use crate::signed::proto;
use crate::words;

use super::args::{KeyArg, KeyForgetArgs, SeatRotateArgs};
use super::statement::{Finished, confirmed, entries, finish};
use super::{Context, layout};
use crate::office::drafts::Drafted;

/// `liaison seat rotate`.
///
/// # Errors
/// [`ClientError`]; the same command goes on from there.
pub(super) async fn rotate(ctx: &Context, args: &SeatRotateArgs) -> Result<(), ClientError> {
    let (contact, seats) = seats_here(ctx, &args.seats)?;
    if args.show {
        return show(ctx, &ctx.office.replica()?, &seats, &[]);
    }
    let waits = || seats.iter().any(|seat| ctx.office.changes_keys(&Owner::Seat(seat.clone())));
    let waited = waits();
    let (_, replica) = ctx.office.synced().await?;
    if waited && !waits() {
        show(ctx, &replica, &seats, &[])?;
        return say_printed(ctx, &seats);
    }
    let mut changes = Vec::new();
    for seat in &seats {
        changes.push((seat, changing(ctx, &replica, seat, &args.only)?));
    }
    if args.draft.dry_run {
        return planned(ctx, &changes);
    }
    let bundle = drafted(ctx, &replica, &contact, &changes).await?;
    let name = format!("{}.roster", contact.as_str().replace('/', "-"));
    match finish(ctx, Drafted::carrying(bundle, replica.clone()), &args.draft, &name).await? {
        Finished::Published(leaves) => {
            let replica = used(ctx, &seats).await?;
            show(ctx, &replica, &seats, &leaves)?;
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
    let all = ctx.office.home.keys().list(ctx.office.ambient())?;
    for seat in seats.iter().filter(|seat| is_safe(ctx, seat)) {
        let newest = |key: &&Listed| key.owner == Owner::Seat((*seat).clone()) && !key.retired;
        if let Some(key) = all.iter().rfind(newest) {
            ctx.out.say(format_args!(
                "{seat}: print {} and lock it away; keep what is printed already: it opens what was \
                 sealed before",
                key.path.display()
            ));
        }
    }
    Ok(())
}

/// It opens, and nothing else.
fn is_safe(ctx: &Context, seat: &SeatId) -> bool {
    let signing = ctx.office.home.keys().signing(&Owner::Seat(seat.clone()), ctx.office.ambient());
    matches!(signing, Err(KeyError::Missing { .. }))
}

/// Makes the new keys, tries them, and composes the roster that lists them.
async fn drafted(
    ctx: &Context,
    replica: &Replica,
    contact: &ContactId,
    changes: &[(&SeatId, Vec<Purpose>)],
) -> Result<Bundle, ClientError> {
    let (keys, (mut seats, facets)) = (ctx.office.home.keys(), in_force(replica, contact)?);
    for (seat, purposes) in changes {
        keys.stage(seat, purposes, ctx.office.ambient())?;
        connects(ctx, seat).await?;
        let at = seats.iter().position(|listed| listed.name == seat.name());
        let named = || proto::Seat { name: seat.name().to_owned(), ..Default::default() };
        let before = at.map_or_else(named, |at| seats.remove(at));
        seats.push(keys.next(seat, ctx.office.ambient())?.follow(before));
    }
    let roster = proto::Roster { contact: contact.to_string(), seats, ..Default::default() };
    let composer = &mut Composer::on(replica.directory()?, ctx.office.ambient());
    Ok(Bundle::of(vec![composer.roster(roster, &facets)?]))
}

/// The seats named, else all whose keys are here; of one contact.
fn seats_here(ctx: &Context, given: &[SeatId]) -> Result<(ContactId, Vec<SeatId>), ClientError> {
    let here = ctx.office.home.keys().owners()?.into_iter().filter_map(|owner| match owner {
        Owner::Seat(seat) => Some(seat),
        _ => None,
    });
    let here: Vec<SeatId> = here.collect();
    let mut seats = match (given, &ctx.global.seat) {
        ([], Some(seat)) => vec![seat.clone()],
        ([], None) => here.clone(),
        (given, _) => given.to_vec(),
    };
    seats.sort();
    seats.dedup();
    if let Some(seat) = seats.iter().find(|seat| !here.contains(seat)) {
        let sentence =
            format!("{seat} has no keys in the home {}", ctx.office.home.root().display());
        return Err(ClientError::new(
            Side::Ours,
            Family::IdentityOrKey,
            Here::KeyMissing,
            sentence,
        )
        .mended_by(Mend::ListKeys));
    }
    let contact = match seats.first() {
        Some(first) => first.contact(),
        // Says that none is here.
        None => ctx.office.seat()?.contact(),
    };
    if seats.iter().any(|seat| seat.contact() != contact) {
        let sentence = "seats of several contacts are here, and a roster is one contact's";
        return Err(ClientError::new(Side::Ours, Family::Usage, Here::SeveralContacts, sentence)
            .mended_by(Mend::SeatsOfOne));
    }
    Ok((contact, seats))
}

/// Which keys of a seat change: those that wait already, else those that are wanted.
fn changing(
    ctx: &Context,
    replica: &Replica,
    seat: &SeatId,
    only: &[KeyArg],
) -> Result<Vec<Purpose>, ClientError> {
    let keys = ctx.office.home.keys();
    let mut wanted: Vec<Purpose> = only.iter().map(|key| key.purpose()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let waiting = keys.next(seat, ctx.office.ambient())?.purposes();
    if !waiting.is_empty() {
        if wanted.is_empty() || wanted == waiting {
            return Ok(waiting);
        }
        let sentence = format!("other new keys of {seat} wait to be listed: {}", words(&waiting));
        return Err(ClientError::new(Side::Ours, Family::Usage, Here::RotationUnderWay, sentence)
            .mended_by(Mend::RotateSeat(seat.clone())));
    }
    let has = if is_safe(ctx, seat) { &[Purpose::SeatSeal][..] } else { &ALL };
    if let Some(none) = wanted.iter().find(|purpose| !has.contains(purpose)) {
        let sentence = format!("{seat} is a safe seat, and has no key {}", words(&[*none]));
        return Err(ClientError::new(
            Side::Ours,
            Family::Usage,
            Here::KeyOfAnotherPurpose,
            sentence,
        ));
    }
    let wanted = if wanted.is_empty() { has.to_vec() } else { wanted };
    stands(replica, seat, &wanted, has)?;
    Ok(wanted)
}

/// A seat of which a key has ended comes back with new ones, all of them.
fn stands(
    replica: &Replica,
    seat: &SeatId,
    wanted: &[Purpose],
    has: &[Purpose],
) -> Result<(), ClientError> {
    let directory = replica.directory()?;
    directory.record(&seat.contact())?;
    let contact = directory.contact(&seat.contact());
    let roster = contact.and_then(|contact| contact.roster.as_ref());
    if !roster.is_some_and(|of| of.seats.iter().any(|listed| listed.name == seat.name())) {
        return Err(no_such_seat(seat).mended_by(Mend::EnterSeat(seat.clone())));
    }
    let stand = in_force(replica, &seat.contact())?.0;
    if wanted == has || stand.iter().any(|listed| listed.name == seat.name()) {
        return Ok(());
    }
    let sentence = format!("a key of {seat} has ended: it comes back with new ones, all of them");
    Err(ClientError::new(Side::Ours, Family::IdentityOrKey, Here::KeyRevoked, sentence)
        .mended_by(Mend::RotateSeat(seat.clone())))
}

/// What would be done.
fn planned(ctx: &Context, changes: &[(&SeatId, Vec<Purpose>)]) -> Result<(), ClientError> {
    let seats = changes.iter().map(|(seat, purposes)| {
        let new: Vec<&str> = purposes.iter().map(|purpose| short(*purpose)).collect();
        json!({ "seat": seat.to_string(), "new": new })
    });
    let object = json!({ "dry_run": true, "seats": seats.collect::<Vec<_>>() });
    ctx.out.data(&object, || {
        let each = changes.iter().map(|(seat, all)| format!("{seat}: new keys {}", words(all)));
        each.collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

/// Before it is listed: a key that does not get through the handshake would lock its seat out.
async fn connects(ctx: &Context, seat: &SeatId) -> Result<(), ClientError> {
    let Some(next) = ctx.office.home.keys().next_tls(seat, ctx.office.ambient())? else {
        return Ok(());
    };
    let session =
        Session::open_with(&ctx.office.home, &ctx.office.name()?, Some(&next), &ctx.office.net)
            .await?;
    match session.checkpoint().await {
        // The directory does not know it yet, which the service can only say of a key that was shown.
        Err(why) if why.reason != Rule::NotPermitted => Err(why),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Each seat connects with its new key. Gives the copy of the directory with which all are in place.
async fn used(ctx: &Context, seats: &[SeatId]) -> Result<Replica, ClientError> {
    let mut replica = ctx.office.replica()?;
    for seat in seats {
        if ctx.office.home.keys().signing(&Owner::Seat(seat.clone()), ctx.office.ambient()).is_ok()
        {
            let session = ctx.office.connect(Some(&Owner::Seat(seat.clone()))).await?;
            ctx.office.sync(&session, &mut replica).await?;
        }
    }
    ctx.office.settle_keys(&replica);
    Ok(replica)
}

/// How far the keys of these seats are.
fn show(
    ctx: &Context,
    replica: &Replica,
    seats: &[SeatId],
    logged: &[u64],
) -> Result<(), ClientError> {
    let all = ctx.office.home.keys().list(ctx.office.ambient())?;
    let mut shown = Vec::new();
    for seat in seats {
        let own = all.iter().filter(|listed| listed.owner == Owner::Seat(seat.clone()));
        let keys: Result<Vec<_>, _> = own.map(|key| State::of(replica, seat, key)).collect();
        shown.push((seat, keys?));
    }
    let object = shown.iter().map(|(seat, keys)| {
        let all: Vec<Value> = keys.iter().map(State::json).collect();
        json!({ "seat": seat.to_string(), "keys": all, "next": next_step(seat, keys) })
    });
    let object = json!({ "seats": object.collect::<Vec<_>>(), "logged": logged });
    ctx.out.data(&object, || {
        let rows = shown.iter().flat_map(|(seat, keys)| keys.iter().map(|key| key.cells(seat)));
        layout::table(&["SEAT", "KEY", "ID", "STATE", "SINCE"], rows.collect::<Vec<_>>())
    });
    if !logged.is_empty() {
        ctx.out.say(entries(logged));
    }
    for (seat, keys) in &shown {
        ctx.out.say(format_args!("{seat}: {}", next_step(seat, keys)));
    }
    Ok(())
}

/// Where one key stands.
struct State {
    purpose: Purpose,
    id: Option<KeyId>,
    state: &'static str,
    since: Option<u64>,
    may_go: Option<u64>,
}

impl State {
    fn of(replica: &Replica, seat: &SeatId, key: &Listed) -> Result<Self, ClientError> {
        let id = key.id.as_ref().ok().copied();
        let known = id.and_then(|id| known(replica.directory().ok()?, seat, key.purpose, id));
        let (state, leaf) = match (known, key.staged, key.retired) {
            (Some(known), _, true) => ("retired", known.until),
            (None, _, true) => ("retired", None),
            (None, true, _) => (WAITS, None),
            (Some(_), true, _) => (LISTED, known.map(|known| known.from)),
            (None, false, _) => ("not listed", None),
            (Some(known), false, _) if known.has_ended() => ("ended", known.until),
            (Some(known), false, _) => ("in force", Some(known.from)),
        };
        let since = leaf.map(|leaf| admitted_at(replica, leaf)).transpose()?.flatten();
        let may_go = since.filter(|_| key.retired).map(|at| at + KEPT);
        Ok(Self { purpose: key.purpose, id, state, since: since.or_else(|| made_at(key)), may_go })
    }

    fn json(&self) -> Value {
        json!({
            "key": short(self.purpose),
            "key_id": self.id.map(|id| hex::encode(id.as_bytes())),
            "state": self.state,
            "since": self.since,
            "may_go": self.may_go,
        })
    }

    fn cells(&self, seat: &SeatId) -> Vec<String> {
        let id = self.id.map_or_else(|| "unusable".to_owned(), |id| id.to_string());
        let state = match self.may_go {
            Some(at) => format!("{}; may go on {}", self.state, words::day(at)),
            None => self.state.to_owned(),
        };
        let since = self.since.map(words::when).unwrap_or_default();
        let id = layout::whole(id.chars().take(19));
        vec![seat.to_string(), short(self.purpose).to_owned(), id, state, since]
    }
}

fn next_step(seat: &SeatId, keys: &[State]) -> String {
    let any = |state: &str| keys.iter().any(|key| key.state == state);
    if any(LISTED) {
        "the new keys are listed; liaison sync puts them to use".to_owned()
    } else if any(WAITS) {
        format!(
            "the new keys wait for a roster that lists them: it is drafted by liaison seat rotate \
             {seat}, signed by the keeper with liaison sign, handed in with liaison publish"
        )
    } else if any("ended") {
        format!("its keys have ended: liaison seat rotate {seat} asks for new ones")
    } else {
        "nothing is under way".to_owned()
    }
}

/// A key as the directory knows it.
fn known<'a>(
    directory: &'a Directory,
    seat: &SeatId,
    purpose: Purpose,
    id: KeyId,
) -> Option<&'a KnownKey> {
    match purpose {
        Purpose::SeatSeal => directory.seal_key(&seat.contact(), &id),
        _ => directory.key(&id),
    }
}

/// When the service says that it took in an entry.
///
/// # Errors
/// The copy cannot be read.
pub(super) fn admitted_at(replica: &Replica, leaf: u64) -> Result<Option<u64>, ClientError> {
    let entry = replica.entry(leaf)?.and_then(|entry| proto::Entry::decode(&*entry).ok());
    Ok(entry.map(|entry| entry.admitted_at))
}

/// From when on nothing can come any more that was sealed to a retired key.
///
/// # Errors
/// The copy cannot be read.
pub(super) fn may_go(
    replica: &Replica,
    seat: &SeatId,
    key: &KeyId,
) -> Result<Option<u64>, ClientError> {
    let known = replica.directory()?.seal_key(&seat.contact(), key);
    let Some(until) = known.and_then(|known| known.until) else { return Ok(None) };
    Ok(admitted_at(replica, until)?.map(|at| at + KEPT))
}

/// When a file was written, Unix seconds.
fn made_at(key: &Listed) -> Option<u64> {
    let written = std::fs::metadata(&key.path).and_then(|about| about.modified()).ok()?;
    let since = written.duration_since(std::time::UNIX_EPOCH).ok()?;
    key.staged.then_some(since.as_secs())
}

/// `liaison key forget`.
///
/// # Errors
/// [`ClientError`]; nothing is deleted before somebody named the seat.
pub(super) fn forget(ctx: &Context, args: &KeyForgetArgs) -> Result<(), ClientError> {
    let (replica, seat, now) = (ctx.office.replica()?, &args.seat, ctx.office.ambient().now());
    let (mut due, mut kept) = (Vec::new(), Vec::new());
    for key in ctx.office.home.keys().list(ctx.office.ambient())? {
        if key.retired && key.owner == Owner::Seat(seat.clone()) {
            let id = key.id?;
            match may_go(&replica, seat, &id)? {
                Some(at) if at <= now => due.push(id),
                at => kept.push((id, at)),
            }
        }
    }
    for (id, at) in &kept {
        let when = at.map_or_else(
            || "when the directory lists another in its place".to_owned(),
            |at| format!("on {}", words::day(at)),
        );
        ctx.out.say(format_args!("{id} stays: what was sealed to it may come; it may go {when}"));
    }
    let readable = if due.is_empty() { 0 } else { only_for(ctx, replica, seat, &due)? };
    if !due.is_empty() {
        ctx.out.warn(format_args!(
            "{readable} messages that were collected or sent here are readable with these keys alone, and \
             no more without them"
        ));
    }
    let does = !due.is_empty() && !args.dry_run;
    if does {
        confirmed(ctx, seat.as_str(), args.yes.as_ref().map(|id| id.as_str()))?;
        ctx.office.home.keys().forget(seat, &due)?;
    }
    let hex = |id: &KeyId| hex::encode(id.as_bytes());
    let stay: Vec<_> =
        kept.iter().map(|(id, at)| json!({ "key_id": hex(id), "may_go": at })).collect();
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

/// How many messages of this home were sealed for this seat to these keys.
fn only_for(
    ctx: &Context,
    replica: Replica,
    seat: &SeatId,
    keys: &[KeyId],
) -> Result<usize, ClientError> {
    let mail = Mail::of(&ctx.office, replica, seat.clone())?;
    let mut letters = mail.letters()?;
    letters.retain(|letter| letter.seat == *seat && keys.contains(&letter.seal_key));
    Ok(letters.len())
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

const ALL: [Purpose; 3] = [Purpose::SeatSign, Purpose::SeatSeal, Purpose::SeatTls];
const WAITS: &str = "new, not listed yet";
const LISTED: &str = "new, listed";
/// A message is sealed at most this long before it expires, by a clock that is at most so much fast, and its
/// content goes a day later.
const KEPT: u64 = limits::MESSAGE_SECONDS + limits::CLOCK_AHEAD_SECONDS + 86_400;
