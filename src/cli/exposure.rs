//! `liaison exposure`: what a stolen seat could open, and telling those who wrote it.
//!
//! In scope: the messages of this home for which a seat had a key letter, by what the directory says of its
//! keys; one answer in each thread, in words that name nobody's fault. Out of scope: ending the seat's keys
//! (`seat revoke`), how an answer is sealed and handed in (`client::message`, `mail`). Invariants: nothing
//! is told while the seat can still open it; who was told once is not told again, wherever this was cut
//! off; what is not in this home is counted, and not guessed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::client::charters::logged;
use crate::client::error::{ClientError, Family, Side};
use crate::client::mend::Mend;
use crate::client::message::compose::{Outside, compose};
use crate::client::message::content::{Inside, Writing};
use crate::client::message::text::visible;
use crate::client::outbox::Request;
use crate::client::place;
use crate::client::reason::Here;
use crate::client::replica::Replica;
use crate::client::session::Session;
use crate::domain::directory::Directory;
use crate::domain::directory::key::{Holder, KnownKey};
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::relay::belief;
use crate::domain::relay::envelope::VerifiedHeader;
use crate::office::collect;
use crate::office::mail::Mail;
use crate::office::page::is_for_people;
use crate::signed::proto::{Class, Kind, Tlp, Urgency};
use crate::words;

use super::args::ExposureArgs;
use super::notify::within;
use super::output::Bar;
use super::statement::agreed;
use super::{Context, layout};

/// `liaison exposure`.
///
/// # Errors
/// [`ClientError`]; exit 9 if somebody could not be told.
pub(crate) async fn exposure(ctx: &Context, args: &ExposureArgs) -> Result<(), ClientError> {
    judge(ctx, args)?;
    if args.offline {
        return Exposure::of(&Mail::here(&ctx.office)?, args)?.show(ctx);
    }
    match Box::pin(online(ctx)).await {
        Ok((session, mut mail)) => {
            let exposure = Exposure::of(&mail, args)?;
            if args.tell {
                Box::pin(tell(ctx, (&session, &mut mail), exposure, args)).await
            } else {
                exposure.show(ctx)
            }
        }
        Err(error) if args.tell => Err(error),
        Err(error) => ctx.without_service(error, |mail| Exposure::of(mail, args)?.show(ctx)),
    }
}

/// Refuses what nothing could come of, before anything is asked for.
fn judge(ctx: &Context, args: &ExposureArgs) -> Result<(), ClientError> {
    let wrong =
        |family, reason, sentence: String| ClientError::new(Side::Ours, family, reason, sentence);
    let (now, seat, own) = (ctx.office.ambient().now(), &args.seat, ctx.office.seat()?);
    if args.since > now {
        let (since, now) = (words::when(args.since), words::when(now));
        let sentence = format!("{since} is still to come: it is {now} by this machine's clock");
        return Err(wrong(Family::Usage, Here::InTheFuture, sentence));
    }
    if own.contact() != seat.contact() {
        let sentence = format!(
            "what {seat} could open stands in the mailbox of {}, and this home is of {}",
            seat.contact(),
            own.contact()
        );
        return Err(
            wrong(Family::Usage, Here::OtherContact, sentence).mended_by(Mend::OtherHomeOrSeat)
        );
    }
    let replica = ctx.office.replica()?;
    let holder = Holder::Seat(seat.clone());
    let contact = seat.contact();
    let known = replica.directory()?.seal_keys(&contact).any(|key| key.holder == holder);
    known.then_some(()).ok_or_else(|| {
        let sentence = format!("no roster of {contact} has ever listed {seat}");
        wrong(Family::NotFound, Here::UnknownSeat, sentence)
            .mended_by(Mend::SyncOrListSeats(contact))
    })
}

/// The mailbox with what there is now, bodies as far as they come at once.
async fn online(ctx: &Context) -> Result<(Session, Mail), ClientError> {
    let (session, mut mail) = Mail::online(&ctx.office).await?;
    let mut news = mail.collected(&session, (usize::MAX, |_: &Mail, _: &_| true)).await?;
    mail.tell(&mut news);
    Ok((session, mail))
}

/// A message that the seat could open.
struct Exposed {
    header: VerifiedHeader,
    /// Its number in the mailbox; none, if it was sent from here.
    number: Option<u64>,
    /// What it says, if it opens here.
    inside: Option<Inside>,
    /// Only its header is here.
    fetched: bool,
}

impl Exposed {
    fn is_open_to(&self, key: &KnownKey) -> bool {
        key.believed_at(self.header.addressing().view.size)
    }

    fn title(&self) -> Option<&str> {
        match &self.inside {
            Some(Inside::Content(content)) => Some(&content.title),
            _ => None,
        }
    }

    fn tlp(&self) -> Option<Tlp> {
        match &self.inside {
            Some(Inside::Content(content)) => Some(content.tlp()),
            _ => None,
        }
    }

    fn said(&self) -> String {
        match (self.title(), self.fetched) {
            (Some(title), _) => visible(title),
            (None, false) => "not fetched: it stands in the mailbox".to_owned(),
            (None, true) => "not opened here".to_owned(),
        }
    }

    fn json(&self) -> Value {
        let of = self.header.addressing();
        json!({
            "number": self.number,
            "id": of.id.to_string(),
            "thread": of.thread.to_string(),
            "sent_from_here": self.number.is_none(),
            "from": of.sender.to_string(),
            "at": of.created,
            "class": words::class(of.class),
            "title": self.title(),
            "tlp": self.tlp().map(words::tlp),
            "fetched": self.fetched,
        })
    }

    fn cells(&self) -> Vec<String> {
        let of = self.header.addressing();
        let number = self.number.map_or_else(|| "sent".to_owned(), |number| number.to_string());
        let tlp = self.tlp().map(words::tlp).unwrap_or_default().to_owned();
        vec![number, of.sender.to_string(), words::when(of.created), tlp, self.said()]
    }
}

/// Everything of this home that a seat could open.
struct Exposure {
    seat: SeatId,
    since: u64,
    /// What the relay still had then, or got since, by time.
    messages: Vec<Exposed>,
    /// Receipts and words of acknowledgements among it.
    machines: usize,
    /// Messages that the relay had no more then: only who had the seat's own files could open them.
    earlier: usize,
    /// Of which nothing is known that holds.
    not_judged: usize,
}

impl Exposure {
    fn of(mail: &Mail, args: &ExposureArgs) -> Result<Self, ClientError> {
        if mail.inbox.head()?.is_none() && mail.inbox.last()? == 0 && mail.outbox.ids()?.is_empty()
        {
            let sentence = format!("nothing was ever collected or sent as {} here", mail.seat);
            return Err(ClientError::new(Side::Ours, Family::NotFound, Here::NoInbox, sentence)
                .mended_by(Mend::Inbox));
        }
        let (seat, since) = (args.seat.clone(), args.since);
        let mut all =
            Self { seat, since, messages: Vec::new(), machines: 0, earlier: 0, not_judged: 0 };
        let directory = mail.replica.directory()?;
        for number in mail.index.rows().iter().filter(|row| row.is_message()).map(|row| row.number)
        {
            let kept = mail.inbox.item(number)?;
            match mail.at_desk(|desk| collect::header(&desk.reader, &kept))? {
                Ok(header) => {
                    let fetched = mail.inbox.is_whole(number);
                    let opened = fetched.then(|| mail.opened(&kept)).transpose()?;
                    let inside = opened.and_then(Result::ok).map(|opened| opened.inside);
                    all.add(directory, Exposed { header, number: Some(number), inside, fetched });
                }
                Err(_) => all.not_judged += 1,
            }
        }
        for id in mail.outbox.ids()? {
            let request = mail.outbox.request(id)?;
            let Some(envelope) = request.envelope() else { continue };
            let Ok(header) = mail.own_header(&envelope.header)? else { continue };
            let inside = mail.own_inside(id)?;
            all.add(directory, Exposed { header, number: None, inside, fetched: true });
        }
        all.messages.sort_by_key(|one| {
            let of = one.header.addressing();
            (of.created, one.number, of.id)
        });
        Ok(all)
    }

    /// Takes a message if it was sealed to the seat.
    fn add(&mut self, directory: &Directory, one: Exposed) {
        let of = one.header.addressing();
        let again = |other: &Exposed| other.header.digest() == one.header.digest();
        if !belief::could_open(directory, &self.seat, of.view.size)
            || self.messages.iter().any(again)
        {
            return;
        }
        // A day later its content is deleted.
        let is_over = of.expires.saturating_add(86_400) <= self.since;
        match (is_for_people(&one.header), is_over) {
            (true, false) => self.messages.push(one),
            (true, true) => self.earlier += 1,
            (false, _) => self.machines += usize::from(!is_over),
        }
    }

    fn json(&self) -> Value {
        json!({
            "seat": self.seat.to_string(),
            "since": self.since,
            "messages": self.messages.iter().map(Exposed::json).collect::<Vec<_>>(),
            "not_fetched": self.messages.iter().filter(|of| !of.fetched).count(),
            "receipts_and_acknowledgements": self.machines,
            "earlier": self.earlier,
            "not_judged": self.not_judged,
        })
    }

    fn text(&self) -> String {
        let (seat, since) = (&self.seat, words::when(self.since));
        if self.messages.is_empty() {
            return format!("of what is here {seat} could open no message since {since}");
        }
        let header = ["NUMBER", "FROM", "WHEN", "TLP", "TITLE"];
        layout::table(&header, self.messages.iter().map(Exposed::cells))
    }

    /// What the table does not show.
    fn say_besides(&self, ctx: &Context) {
        let (seat, contact) = (&self.seat, self.seat.contact());
        for (count, what) in [
            (self.machines, "receipts and words of acknowledgements"),
            (
                self.messages.iter().filter(|of| !of.fetched).count(),
                "of these are not fetched here",
            ),
            (self.not_judged, "entries of the mailbox do not hold, and are not judged"),
        ] {
            if count > 0 {
                ctx.out.say(format_args!("besides: {count} {what}"));
            }
        }
        if self.earlier > 0 {
            ctx.out.say(format_args!(
                "earlier: {} more were gone from the relay by then; who has the files of {seat} reads \
                 those, too",
                self.earlier
            ));
        }
        ctx.out.say(format_args!(
            "what other seats of {contact} sent is known in their homes: give the command there, too"
        ));
    }

    fn show(&self, ctx: &Context) -> Result<(), ClientError> {
        ctx.out.data(&self.json(), || self.text());
        self.say_besides(ctx);
        if !self.messages.is_empty() {
            ctx.out.say(format_args!(
                "to tell those who wrote: liaison exposure {} --since {} --tell",
                self.seat,
                words::day(self.since)
            ));
        }
        Ok(())
    }

    /// The newest message of each thread from each other contact that one of these keys could open, and how
    /// many of it there are.
    fn threads(&self, keys: &[&KnownKey]) -> BTreeMap<(ContactId, MessageId), (&Exposed, usize)> {
        let mut threads = BTreeMap::new();
        let could_open = |one: &&Exposed| keys.iter().any(|key| one.is_open_to(key));
        let got = self.messages.iter().filter(|one| one.number.is_some());
        for one in got.filter(could_open) {
            let (of, own) = (one.header.addressing(), self.seat.contact());
            let from = of.sender.contact();
            if from != own {
                let (newest, count) = threads.entry((from, of.thread)).or_insert((one, 0));
                (*newest, *count) = (one, *count + 1);
            }
        }
        threads
    }
}

/// Tells those who wrote, each once a thread.
async fn tell(
    ctx: &Context,
    (session, mail): (&Session, &mut Mail),
    exposure: Exposure,
    args: &ExposureArgs,
) -> Result<(), ClientError> {
    let keys = stolen(&mail.replica, &exposure)?;
    let threads = exposure.threads(&keys);
    let mut tellings = Vec::new();
    for ((to, thread), (newest, count)) in &threads {
        let note = mail.folder.join(TOLD).join(exposure.seat.name());
        let name = format!("{thread}.{}.{}", to.member(), to.name());
        tellings.push(Telling::of(mail, (note.join(name), to), (*newest, *count))?);
    }
    exposure.say_besides(ctx);
    for telling in tellings.iter().filter(|telling| telling.is_open()) {
        ctx.out.say(format_args!("to {}: {}", telling.to, telling.words(&exposure)));
    }
    let open = tellings.iter().filter(|telling| telling.is_open()).count();
    if open > 0 {
        let contact = exposure.seat.contact();
        ctx.out.say(format_args!(
            "whether a colleague of {contact} has told them already does not show here: ask first"
        ));
    }
    if !args.dry_run && open > 0 && !args.yes && !agreed(ctx, &format!("Send {open}? [y/N]")) {
        let (family, sentence) = (Family::NeedsApproval, "nobody agreed, and nobody was told");
        return Err(
            ClientError::new(Side::Ours, family, Here::NotTold, sentence).mended_by(Mend::Agree)
        );
    }
    let mut bar = Bar::new(&ctx.out);
    for (done, telling) in tellings.iter_mut().enumerate().filter(|_| !args.dry_run) {
        bar.show("told", done as u64, open as u64);
        telling.send(ctx, (session, &mut *mail), &exposure).await?;
    }
    drop(bar);
    report(ctx, &exposure, &tellings, args.dry_run)
}

/// The seal keys that could open what is listed. If the seat was revoked since, whatever it was given then is
/// in no other hands. What is told while one of them stands goes to whoever has it.
fn stolen<'a>(replica: &'a Replica, exposure: &Exposure) -> Result<Vec<&'a KnownKey>, ClientError> {
    let (directory, seat) = (replica.directory()?, &exposure.seat);
    let (contact, holder) = (seat.contact(), Holder::Seat(seat.clone()));
    let mut keys: Vec<&KnownKey> =
        directory.seal_keys(&contact).filter(|key| key.holder == holder).collect();
    let mut revoked = None;
    for until in keys.iter().filter(|key| key.revoked_by.is_some()).filter_map(|key| key.until) {
        let entry = replica.entry(until)?.map(|entry| logged(&entry)).transpose()?;
        if entry.is_some_and(|(_, at)| at >= exposure.since) {
            revoked = revoked.max(Some(until));
        }
    }
    keys.retain(|key| revoked.is_none_or(|revoked| key.from < revoked));
    keys.retain(|key| exposure.messages.iter().any(|one| one.is_open_to(key)));
    if !keys.iter().any(|key| directory.stands(&key.name())) {
        return Ok(keys);
    }
    let sentence =
        format!("{seat} still opens what is sealed: whoever has it would read this, too");
    Err(ClientError::new(Side::Ours, Family::Refused, Here::SeatInForce, sentence)
        .mended_by(Mend::RevokeSeat(seat.clone())))
}

fn report(
    ctx: &Context,
    exposure: &Exposure,
    tellings: &[Telling<'_>],
    dry_run: bool,
) -> Result<(), ClientError> {
    let told: Vec<Value> = tellings.iter().map(Telling::json).collect();
    let mut object = exposure.json();
    if let Some(fields) = object.as_object_mut() {
        fields.insert("tell".to_owned(), json!(told));
        fields.insert("dry_run".to_owned(), json!(dry_run));
    }
    let not = tellings.iter().filter(|telling| !dry_run && telling.state != State::Told);
    let not: Vec<String> = not.map(|telling| telling.to.to_string()).collect();
    let end = if not.is_empty() {
        Ok(())
    } else {
        let sentence = format!("not told yet: {}", not.join(", "));
        Err(ClientError::new(Side::Network, Family::Partial, Here::Partial, sentence)
            .mended_by(Mend::TellTheRest))
    };
    ctx.out.data_and_end(object, end, || match tellings {
        [] => "nobody else wrote what the seat could open".to_owned(),
        some => layout::table(
            &["CONTACT", "ABOUT", "MESSAGES", "STATE"],
            some.iter().map(Telling::cells).collect::<Vec<_>>(),
        ),
    })
}

/// How far one answer is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was sealed.
    Open,
    /// It is in the outbox.
    Waits,
    /// The relay has it.
    Told,
    /// It cannot be sealed, or was refused for good.
    Cannot(String),
}

/// An answer that tells of it.
struct Telling<'a> {
    to: ContactId,
    about: &'a Exposed,
    count: usize,
    /// Where its id is kept, before there is a message of that id.
    note: PathBuf,
    id: Option<MessageId>,
    state: State,
}

impl<'a> Telling<'a> {
    fn of(
        mail: &Mail,
        (note, to): (PathBuf, &ContactId),
        (about, count): (&'a Exposed, usize),
    ) -> Result<Self, ClientError> {
        let id = place::content(&note)?.and_then(|text| String::from_utf8(text).ok()?.parse().ok());
        let mut telling = Self { to: to.clone(), about, count, note, id, state: State::Open };
        telling.look(mail)?;
        Ok(telling)
    }

    /// What the outbox says of it.
    fn look(&mut self, mail: &Mail) -> Result<(), ClientError> {
        let Some(id) = self.id.filter(|id| mail.outbox.request(*id).is_ok()) else { return Ok(()) };
        self.state = match (mail.outbox.accepted_receipt(id)?, mail.outbox.refused(id)?) {
            (Some(_), _) => State::Told,
            (None, Some(why)) => State::Cannot(why.to_string()),
            (None, None) => State::Waits,
        };
        Ok(())
    }

    fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    async fn send(
        &mut self,
        ctx: &Context,
        (session, mail): (&Session, &mut Mail),
        exposure: &Exposure,
    ) -> Result<(), ClientError> {
        if self.is_open()
            && let Err(why) = self.seal(ctx, mail, exposure)
        {
            if why.is_of_writing() {
                return Err(why);
            }
            self.state = State::Cannot(why.sentence);
        }
        if let (State::Waits, Some(id)) = (&self.state, self.id) {
            if let Err(why) = mail.hand_in(session, id).await {
                let why = ctx.out.language().sentence(&why);
                ctx.out.warn(format_args!("{}: {why}", self.to));
            }
            self.look(mail)?;
        }
        Ok(())
    }

    /// Seals it, and keeps it in the outbox: under an id that was noted before, so that it is one message
    /// wherever this is cut off.
    fn seal(&mut self, ctx: &Context, mail: &Mail, exposure: &Exposure) -> Result<(), ClientError> {
        let new = || MessageId::new(ctx.office.ambient().now_ms(), ctx.office.ambient().bytes());
        let id = self.id.unwrap_or_else(new);
        let tlp = self.about.tlp().unwrap_or(Tlp::AmberStrict);
        let writing = Writing::new(Kind::Incident, TITLE, ctx.office.ambient().now()).tlp(tlp);
        let inside = writing.text("en", &self.words(exposure)).finish()?;
        let policy = mail.replica.directory()?.charter().policy;
        let sealed = mail.at_desk(|desk| {
            let answered = (self.about.header.digest(), self.about.header.addressing());
            let (directory, seat) = (desk.reader.directory, mail.seat.clone());
            let outside = Outside {
                id: Some(id),
                urgency: Urgency::Priority,
                acknowledge_within: within(Urgency::Priority, &policy),
                ..Outside::answering(directory, seat, answered, Class::Reply, desk.view)
            };
            compose(directory, outside, &inside, desk.sign, desk.ambient)
        })??;
        place::replace(&self.note, id.to_string().as_bytes())?;
        let request = Request::submit(sealed.envelope);
        mail.outbox.put((id, sealed.header_digest), &request)?;
        (self.id, self.state) = (Some(id), State::Waits);
        Ok(())
    }

    /// Neutral, and true.
    fn words(&self, exposure: &Exposure) -> String {
        let (contact, since) = (exposure.seat.contact(), words::when(exposure.since));
        let written = words::when(self.about.header.addressing().created);
        let more = match self.count - 1 {
            0 => String::new(),
            1 => ", and one before it in this thread,".to_owned(),
            more => format!(", and {more} before it in this thread,"),
        };
        format!(
            "A seat of {contact} that could open your message of {written}{more} may have been in other \
             hands since {since}. What was sealed to it may have been read there. The keys of that seat \
             have ended, and what you seal now is not sealed to them."
        )
    }

    fn state(&self) -> String {
        match &self.state {
            State::Open => "not told".to_owned(),
            State::Waits => "waits to be handed in".to_owned(),
            State::Told => "told".to_owned(),
            State::Cannot(why) => format!("cannot be told, call it: {}", visible(why)),
        }
    }

    fn json(&self) -> Value {
        json!({
            "contact": self.to.to_string(),
            "thread": self.about.header.addressing().thread.to_string(),
            "number": self.about.number,
            "messages": self.count,
            "id": self.id.map(|id| id.to_string()),
            "state": self.state(),
        })
    }

    fn cells(&self) -> Vec<String> {
        vec![self.to.to_string(), self.about.said(), self.count.to_string(), self.state()]
    }
}

const TITLE: &str = "A seat of ours that could open your message may have been in other hands";
/// Under it, by the seat that was exposed, the ids of the answers that tell of it.
const TOLD: &str = "told";
