//! `liaison inbox`: what came, opened, and acknowledged by a human.
//!
//! In scope: collecting, listing, showing one message, acknowledging. Out of scope: opening and
//! verifying (`client::message`, `agent`). Invariants: text of others is made visible; TLP and drill
//! mark stand before everything else; nothing is acknowledged without a name; no file is written
//! over.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::sleep;
use tokio_stream::StreamExt as _;
use unicode_normalization::UnicodeNormalization as _;

use crate::agent::collect::{self, Desk, SealError, Unproven};
use crate::agent::follow::{self, Event, FollowError};
use crate::agent::inbox::{Inbox, InboxError, Kept};
use crate::client::error::{ClientError, Exit, Side};
use crate::client::message::content::Inside;
use crate::client::message::open::{NotOpened, Opened};
use crate::client::message::receipt::ReceiptError;
use crate::client::message::text::{visible, visible_block};
use crate::client::message::words;
use crate::client::session::Session;
use crate::crypto::hash::Digest;
use crate::domain::directory::Directory;
use crate::domain::ids::{MessageId, SeatId};
use crate::domain::refusal::Amiss;
use crate::domain::relay::belief;
use crate::domain::relay::envelope::VerifiedHeader;
use crate::domain::relay::level;
use crate::domain::state::EntryKind;
use crate::signed::proto::{self, Class, Level};

use super::args::{InboxArgs, InboxCommand};
use super::fields::drafted;
use super::mail::{Acknowledged, Mail, News, after_a_sync, kept_back};
use super::phrases::{self, Lines};
use super::{Context, unusable};

/// `liaison inbox`.
///
/// # Errors
/// [`ClientError`].
pub(crate) async fn inbox(ctx: &Context, args: InboxArgs) -> Result<(), ClientError> {
    match args.command.unwrap_or(InboxCommand::List { offline: false, follow: false }) {
        InboxCommand::List { follow: true, .. } => stay(ctx).await,
        InboxCommand::List { offline, .. } => list(ctx, offline).await,
        InboxCommand::Read { id, save } => read(ctx, &id, save.as_deref()).await,
        InboxCommand::Ack { id, person, reference, text, language, level } => {
            let level = level.map(phrases::level_of);
            let words = Words { person, reference, text, language, level };
            acknowledge(ctx, &id, words).await
        }
    }
}

async fn list(ctx: &Context, offline: bool) -> Result<(), ClientError> {
    if offline {
        return show(ctx, &Mail::here(ctx)?);
    }
    match fresh(ctx).await {
        Ok((session, mut mail)) => {
            show(ctx, &mail)?;
            ask_again(ctx, &session, &mut mail).await
        }
        Err(error) => Mail::without_service(ctx, error, |mail| show(ctx, mail)),
    }
}

/// The mailbox with what there is now.
pub(super) async fn fresh(ctx: &Context) -> Result<(Session, Mail), ClientError> {
    let (session, mut mail) = Mail::online(ctx).await?;
    say_news(ctx, collected(ctx, &session, &mut mail).await?);
    Ok((session, mail))
}

fn show(ctx: &Context, mail: &Mail) -> Result<(), ClientError> {
    let (rows, unverified) = rows(ctx, mail)?;
    let later = mail.inbox.later()?;
    let unknown = later
        .iter()
        .map(|(number, kind)| json!({ "number": number, "kind": kind.byte() }))
        .collect::<Vec<_>>();
    let object = json!({
        "seat": mail.seat.to_string(),
        "messages": rows,
        "unverified": unverified,
        "unknown_entries": unknown,
    });
    ctx.out.data(&object, || {
        if rows.is_empty() && unverified.is_empty() {
            return format!("no messages in the mailbox of {}", mail.seat.contact());
        }
        let header = ["ID", "FROM", "WHEN", "URGENCY", "STATE", "TITLE"];
        let cells = rows.iter().map(Row::cells);
        phrases::table(&header, cells.chain(unverified.iter().map(Unverified::cells)))
    });
    for (number, kind) in later {
        ctx.out.say(phrases::later(number, kind));
    }
    if let [only] = &rows[..] {
        ctx.out.say(format_args!("read it: liaison inbox read {}", only.short));
    } else if let Some(new) = rows.iter().find(|row| row.state == "new") {
        ctx.out.say(format_args!("read one: liaison inbox read {}", new.short));
    }
    Ok(())
}

/// Collects; if another program does so already, what it collected is enough.
pub(super) async fn collected(
    ctx: &Context,
    session: &Session,
    mail: &mut Mail,
) -> Result<News, ClientError> {
    match mail.collect(ctx, session).await {
        Err(error) if error.reason == "INBOX_BUSY" => {
            ctx.out.say("another program is collecting into this inbox; this is what it has");
            Ok(News::default())
        }
        collected => collected,
    }
}

/// Asks for what came spoilt again, when everything else is here and was shown.
pub(super) async fn ask_again(
    ctx: &Context,
    session: &Session,
    mail: &mut Mail,
) -> Result<(), ClientError> {
    let _lock = match mail.inbox.lock() {
        // It asks again, too.
        Err(InboxError::Busy) => return Ok(()),
        lock => lock?,
    };
    let requests = mail.inbox.requests_again()?;
    if requests.is_empty() {
        return Ok(());
    }
    let before = mail.inbox.asked_again()?.len();
    ctx.out.say(format_args!("entries that came spoilt: {before}; asking again"));
    let mut news = News::default();
    let mut again =
        Box::pin(follow::again::<ClientError>(session.connection().channel(), requests));
    while let Some(came) = again.next().await {
        match came {
            Ok(event) => mail.take(ctx, event, &mut news)?,
            Err(error) => {
                ctx.out.say(ClientError::from(error));
                break;
            }
        }
    }
    if Mail::is_behind(&news) {
        mail.catch_up(ctx, session, &mut news).await?;
    }
    news.warnings.extend(mail.send_due(ctx, session).await?);
    say_news(ctx, news);
    let done = before.saturating_sub(mail.inbox.asked_again()?.len());
    if done > 0 {
        ctx.out.say(format_args!("{done} dealt with: liaison inbox list --offline"));
    }
    Ok(())
}

/// Warns of what collecting brought besides messages.
pub(super) fn say_news(ctx: &Context, news: News) {
    news.warnings.iter().for_each(|warning| ctx.out.warn(warning));
}

/// Stays, and prints what comes. A connection that ends is made again, later and later.
async fn stay(ctx: &Context) -> Result<(), ClientError> {
    let (mut pause, mut asked) = (FIRST_PAUSE, None);
    loop {
        let came = stay_once(ctx, &mut asked).await;
        match came {
            Ok(()) => pause = FIRST_PAUSE,
            Err(error) if error.exit == Exit::NotReachable || error.reason == "BUSY" => {
                ctx.out.say(format_args!("{error}; again in {} s", pause.as_secs()));
                pause = (pause * 2).min(LAST_PAUSE);
            }
            Err(error) => return Err(error),
        }
        sleep(pause).await;
    }
}

/// One connection, until it ends. What came spoilt is asked for again beside it; `asked` is when it
/// was last.
async fn stay_once(ctx: &Context, asked: &mut Option<u64>) -> Result<(), ClientError> {
    let (session, mut mail) = Mail::online(ctx).await?;
    let _lock = mail.inbox.lock()?;
    let request = mail.inbox.request(true)?;
    let (sender, mut events) = mpsc::channel(EVENTS);
    let channel = session.connection().channel();
    // The stream goes on from its cursor: what does not fit here comes again.
    let hand_over = move |event: Event| match sender.try_send(event) {
        Ok(()) => Ok(()),
        Err(TrySendError::Full(_) | TrySendError::Closed(_)) => {
            let sentence = "messages came faster than they were dealt with";
            Err(ClientError::new(Side::Ours, Exit::NotReachable, "BEHIND", sentence))
        }
    };
    ctx.out.say(format_args!("waiting for messages to {}", mail.seat.contact()));
    let again = |requests| Box::pin(follow::again::<ClientError>(channel.clone(), requests));
    let mut spoilt = again(Vec::new());
    let stream = follow::follow(channel.clone(), request, hand_over);
    tokio::pin!(stream);
    let mut ended: Option<Result<(), FollowError<ClientError>>> = None;
    let mut said = BTreeSet::new();
    loop {
        let event = tokio::select! {
            biased;
            event = events.recv() => event,
            end = &mut stream, if ended.is_none() => {
                ended = Some(end);
                continue;
            }
            Some(came) = spoilt.next() => match came {
                Ok(event) => Some(event),
                Err(error) => {
                    ctx.out.say(ClientError::from(error));
                    spoilt = again(Vec::new());
                    continue;
                }
            }
        };
        // The sender lives in the stream's future: it is gone when that is done.
        let Some(event) = event else { break };
        let is_head = matches!(event, Event::Head(_));
        deal_with(ctx, (&session, &mut mail), event, &mut said).await?;
        let requests = if is_head { mail.inbox.requests_again()? } else { Vec::new() };
        if !requests.is_empty() && is_time(asked, ctx.ambient().counted()) {
            spoilt = again(requests);
        }
    }
    match ended {
        Some(ended) => Ok(ended?),
        None => Ok(()),
    }
}

/// Whether it is time to ask for what came spoilt; then the next time is later.
fn is_time(asked: &mut Option<u64>, now: u64) -> bool {
    let is_time = asked.is_none_or(|last| last + AGAIN_AFTER <= now);
    if is_time {
        *asked = Some(now);
    }
    is_time
}

async fn deal_with(
    ctx: &Context,
    (session, mail): (&Session, &mut Mail),
    event: Event,
    said: &mut BTreeSet<String>,
) -> Result<(), ClientError> {
    let mut news = News::default();
    let again = event.clone();
    match mail.take(ctx, event, &mut news) {
        Err(error) if error.reason == super::mail::SYNC_FIRST => {
            mail.catch_up(ctx, session, &mut news).await?;
            mail.take(ctx, again, &mut news).map_err(after_a_sync)?;
        }
        taken => taken?,
    }
    if Mail::is_behind(&news) {
        mail.catch_up(ctx, session, &mut news).await?;
    }
    let numbers = std::mem::take(&mut news.messages);
    if !numbers.is_empty() {
        let (rows, unverified) = rows(ctx, mail)?;
        for row in rows.iter().filter(|row| numbers.contains(&row.number)) {
            let line = row.cells().join("  ");
            if said.insert(line.clone()) {
                ctx.out.data(row, || line);
            }
        }
        for row in unverified.iter().filter(|row| numbers.contains(&row.number)) {
            let line = row.cells().join("  ");
            if said.insert(line.clone()) {
                ctx.out.data(row, || line);
            }
        }
    }
    news.warnings.extend(mail.send_due(ctx, session).await?);
    news.only_new(said);
    say_news(ctx, news);
    Ok(())
}

/// A message in the list.
#[derive(Serialize)]
struct Row {
    #[serde(skip)]
    number: u64,
    id: String,
    #[serde(skip)]
    short: String,
    from: String,
    at: u64,
    class: String,
    urgency: String,
    tlp: Option<&'static str>,
    drill: Option<String>,
    title: Option<String>,
    not_opened: Option<&'static str>,
    #[serde(skip)]
    why: Option<String>,
    asked_again: bool,
    state: &'static str,
    key_ended: bool,
    acknowledged_by: Vec<By>,
    /// The own acknowledgement is to be handed in yet.
    acknowledgement_waits: bool,
}

/// Who acknowledged a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct By {
    seat: String,
    key_ended: bool,
}

impl By {
    /// Several, in a line.
    fn line(all: &[Self]) -> String {
        let said = all.iter().map(|by| {
            let ended = if by.key_ended { format!(" ({})", phrases::ENDED) } else { String::new() };
            format!("{}{ended}", by.seat)
        });
        format!("by {}", said.collect::<Vec<_>>().join(", "))
    }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let title = match (&self.title, &self.why) {
            (Some(title), _) => visible(title),
            (None, Some(why)) => why.clone(),
            (None, None) => phrases::UNKNOWN_KIND.to_owned(),
        };
        let drill = self.drill.as_ref().map_or_else(String::new, |drill| format!("{drill} "));
        let ended = if self.key_ended { format!(" ({})", phrases::ENDED) } else { String::new() };
        let state = match &self.acknowledged_by[..] {
            [] => self.state.to_owned(),
            by if self.acknowledgement_waits => {
                format!("acknowledged {}; your {WAITS}", By::line(by))
            }
            by => format!("acknowledged {}", By::line(by)),
        };
        vec![
            self.short.clone(),
            self.from.clone(),
            phrases::when(self.at),
            self.urgency.clone(),
            state,
            format!("{drill}{title}{ended}"),
        ]
    }
}

/// An item that is not believed: nothing that it says is shown.
#[derive(Serialize)]
struct Unverified {
    number: u64,
    why: String,
    reason: &'static str,
    asked_again: bool,
}

impl Unverified {
    /// A message whose header is not believed.
    fn message(number: u64, why: &NotOpened) -> Self {
        Self { number, why: phrases::not_opened(why), reason: why.code(), asked_again: false }
    }

    /// An entry that does not show what the relay says by it.
    fn expired(number: u64, why: &Unproven) -> Self {
        Self { number, why: phrases::unproven(why), reason: why.code(), asked_again: false }
    }

    /// An acknowledgement that is none of a colleague's.
    fn acknowledged(number: u64, why: &ReceiptError) -> Self {
        Self { number, why: phrases::unacknowledged(why), reason: why.code(), asked_again: false }
    }

    fn cells(&self) -> Vec<String> {
        let (number, nothing) = (format!("entry {}", self.number), String::new);
        let said = phrases::again(self.why.clone(), self.asked_again);
        vec![number, "unverified".to_owned(), nothing(), nothing(), nothing(), said]
    }
}

/// The messages of the inbox that people read: no receipts, no words of acknowledgements.
fn rows(ctx: &Context, mail: &Mail) -> Result<(Vec<Row>, Vec<Unverified>), ClientError> {
    let Found { messages: found, mut unverified } = messages(ctx, mail)?;
    let ids: Vec<MessageId> = found.iter().map(|(_, header)| header.addressing().id).collect();
    let (acknowledged, directory) = (mail.acknowledged()?, mail.replica.directory()?);
    let acknowledging = mail.acknowledging(ctx)?;
    let asked_again = mail.inbox.asked_again()?;
    for row in &mut unverified {
        row.asked_again = asked_again.contains(&row.number);
    }
    let rows = found.iter().map(|(kept, header)| {
        let number = kept.place.mailbox.count;
        let (opened, again) = (mail.opened(ctx, kept)?, asked_again.contains(&number));
        let content = match &opened {
            Ok(Opened { inside: Inside::Content(content), .. }) => Some(content),
            Ok(_) | Err(_) => None,
        };
        let by = acknowledged_by(&acknowledged, header.digest(), &mail.seat);
        let waits = acknowledging.iter().any(|(of, _)| *of == header.digest());
        let state = match (by.is_empty(), waits, mail.is_read(number)) {
            (false, _, _) => "acknowledged",
            (true, true, _) => WAITS,
            (true, false, true) => "read",
            (true, false, false) => "new",
        };
        let of = header.addressing();
        Ok(Row {
            number,
            id: of.id.to_string(),
            short: phrases::short(of.id, &ids),
            from: of.sender.to_string(),
            at: of.created,
            class: phrases::class(of.class),
            urgency: phrases::urgency(of.urgency),
            tlp: content.map(|content| phrases::tlp(content.tlp())),
            drill: of.drill.as_ref().map(phrases::drill),
            title: content.map(|content| content.title.clone()),
            not_opened: opened.as_ref().err().map(NotOpened::code),
            why: opened.as_ref().err().map(|why| phrases::again(phrases::not_opened(why), again)),
            asked_again: again,
            state,
            key_ended: has_ended(directory, header),
            acknowledged_by: by,
            acknowledgement_waits: waits,
        })
    });
    Ok((rows.collect::<Result<_, ClientError>>()?, unverified))
}

fn acknowledged_by(all: &[Acknowledged], header: Digest, own: &SeatId) -> Vec<By> {
    let by = all.iter().filter(|one| one.header == header).map(|one| By {
        seat: if one.seat == *own { YOU.to_owned() } else { one.seat.to_string() },
        key_ended: one.key_ended,
    });
    by.collect()
}

/// Whether one of the keys that signed has ended by now.
pub(super) fn has_ended(directory: &Directory, header: &VerifiedHeader) -> bool {
    header.signers().any(|key| belief::has_ended(directory, key))
}

/// What is in the inbox for people.
#[derive(Default)]
struct Found {
    /// Messages to people, with their verified headers.
    messages: Vec<(Kept, VerifiedHeader)>,
    /// What may be such a message, or not.
    unverified: Vec<Unverified>,
}

impl Found {
    fn of(desk: &Desk<'_>, inbox: &Inbox) -> Result<Self, InboxError> {
        let mut found = Self::default();
        for number in inbox.numbers()? {
            let kept = inbox.item(number)?;
            let not_held = match kept.kind {
                EntryKind::Addressed | EntryKind::Released => {
                    let header = collect::header(&desk.reader, &kept);
                    found.add(kept, header);
                    None
                }
                EntryKind::NotDelivered => {
                    collect::expired(desk, &kept).err().map(|why| Unverified::expired(number, &why))
                }
                EntryKind::Acknowledged => collect::acknowledged(desk, &kept)
                    .err()
                    .map(|why| Unverified::acknowledged(number, &why)),
                EntryKind::Later(_) => None,
            };
            found.unverified.extend(not_held);
        }
        Ok(found)
    }

    fn add(&mut self, kept: Kept, header: Result<VerifiedHeader, NotOpened>) {
        match header {
            Ok(header) => {
                let mut others = self.messages.iter();
                let again = others.any(|(_, other)| other.digest() == header.digest());
                if is_for_people(&header) && !again {
                    self.messages.push((kept, header));
                }
            }
            Err(why) => {
                let number = kept.place.mailbox.count;
                self.unverified.push(Unverified::message(number, &why));
            }
        }
    }
}

fn messages(ctx: &Context, mail: &Mail) -> Result<Found, ClientError> {
    Ok(mail.at_desk(ctx, |desk| Found::of(desk, &mail.inbox))??)
}

/// Receipts and the words of acknowledgements belong to what was sent.
pub(super) fn is_for_people(header: &VerifiedHeader) -> bool {
    let class = header.addressing().class;
    class != Class::Receipt && class != Class::Acknowledgement
}

/// The one message whose id begins so.
fn find(ctx: &Context, mail: &Mail, prefix: &str) -> Result<(Kept, VerifiedHeader), ClientError> {
    let prefix = prefix.trim().to_lowercase();
    let all = messages(ctx, mail)?.messages;
    let matches = |header: &VerifiedHeader| header.addressing().id.to_string().starts_with(&prefix);
    let found = all.into_iter().filter(|(_, header)| matches(header));
    one(found.collect(), &prefix, "liaison inbox list")
}

/// The only one found.
pub(super) fn one<T>(mut found: Vec<T>, prefix: &str, mend: &str) -> Result<T, ClientError> {
    let (count, prefix) = (found.len(), visible(prefix));
    match found.pop() {
        Some(only) if count == 1 => Ok(only),
        Some(_) => {
            let sentence = format!("{count} messages have ids that begin with {prefix}");
            let error = ClientError::new(Side::Ours, Exit::Usage, "SEVERAL_MESSAGES", sentence);
            Err(error.mended_by(mend))
        }
        None => {
            let sentence = format!("no message here has an id that begins with {prefix}");
            let error = ClientError::new(Side::Ours, Exit::NotFound, "UNKNOWN_MESSAGE", sentence);
            Err(error.mended_by(mend))
        }
    }
}

/// The message that a new one answers: it came, or it was sent from here.
pub(super) fn answered(
    ctx: &Context,
    mail: &Mail,
    id: MessageId,
) -> Result<VerifiedHeader, ClientError> {
    let sent = here(ctx, mail)?.into_iter().find(|header| {
        let of = header.addressing();
        of.id == id && of.sender.contact() == mail.seat.contact() && is_for_people(header)
    });
    match sent {
        Some(sent) => Ok(sent),
        None => find(ctx, mail, &id.to_string()).map(|(_, header)| header),
    }
}

/// Whether another contact began the thread of a message, as far as its first message is here.
pub(super) fn began_elsewhere(
    ctx: &Context,
    mail: &Mail,
    of: &VerifiedHeader,
) -> Result<bool, ClientError> {
    let (thread, own) = (of.addressing().thread, mail.seat.contact());
    let mut firsts = here(ctx, mail)?;
    firsts.retain(|header| header.addressing().id == thread);
    let ours = |header: &VerifiedHeader| header.addressing().sender.contact() == own;
    Ok(!firsts.is_empty() && !firsts.iter().any(ours))
}

async fn read(ctx: &Context, id: &str, save: Option<&Path>) -> Result<(), ClientError> {
    let mail = Mail::here(ctx)?;
    let (kept, header) = find(ctx, &mail, id)?;
    let opened = mail.opened(ctx, &kept)?.map_err(|why| {
        let refused = why.is_refusal();
        let error = ClientError::from(why);
        let what = if refused { "refused" } else { "not opened" };
        let sentence = format!("{} was {what}: {}", header.addressing().id, error.sentence);
        ClientError { sentence, ..error }
    })?;
    let directory = mail.replica.directory()?;
    let unknown = proto::Content {
        title: format!("a message {}: update this program to read it", phrases::UNKNOWN_KIND),
        time: header.addressing().created,
        ..Default::default()
    };
    let content = match &opened.inside {
        Inside::Content(content) => content,
        Inside::Later(_) => &unknown,
        Inside::Words(_) | Inside::Delivered(_) => {
            let sentence = "nothing to read";
            return Err(ClientError::new(Side::Ours, Exit::Usage, "NOT_A_MESSAGE", sentence));
        }
    };
    let saved = match save {
        Some(folder) => save_all(folder, &content.attachments)?,
        None => Vec::new(),
    };
    let acknowledged = acknowledged_by(&mail.acknowledged()?, header.digest(), &mail.seat);
    let (amiss, answered) = (mail.amiss(ctx, &header)?, mail.answered(ctx, &header)?);
    let own = &mail.seat;
    let message = Shown { directory, opened: &opened, content, acknowledged, amiss, answered, own };
    let number = kept.place.mailbox.count;
    ctx.out.data(&message.json(&saved), || message.text());
    mail.mark_read(number)?;
    for path in &saved {
        ctx.out.say(format_args!("saved {}", path.display()));
    }
    if message.acknowledged.is_empty() && opened.level_of(&mail.seat.contact()).is_some() {
        ctx.out.say(format_args!(
            "to acknowledge it: liaison inbox ack {} --person NAME",
            header.addressing().id
        ));
    }
    Ok(())
}

/// The headers of everything that came or was sent, if they hold.
fn here(ctx: &Context, mail: &Mail) -> Result<Vec<VerifiedHeader>, ClientError> {
    let mut all: Vec<VerifiedHeader> =
        messages(ctx, mail)?.messages.into_iter().map(|(_, header)| header).collect();
    for id in mail.outbox.ids()? {
        let request = mail.outbox.request(id)?;
        let Some(envelope) = request.envelope() else { continue };
        all.extend(mail.own_header(ctx, &envelope.header)?.ok());
    }
    Ok(all)
}

/// A message on the screen.
pub(super) struct Shown<'a> {
    directory: &'a Directory,
    opened: &'a Opened,
    content: &'a proto::Content,
    acknowledged: Vec<By>,
    amiss: Option<Amiss>,
    answered: Option<VerifiedHeader>,
    own: &'a SeatId,
}

impl Shown<'_> {
    fn text(&self) -> String {
        let (of, content) = (&self.opened.header.addressing(), self.content);
        let mut text = format!("{}\n", phrases::tlp(content.tlp()));
        if let Some(drill) = &of.drill {
            text.push_str(&format!("{}\n", phrases::drill(drill)));
        }
        text.push_str(&format!("{}\n\n", visible(&content.title)));
        let mut lines = Lines::default();
        lines.line("from", format!("{} ({})", of.sender, self.sender()));
        for recipient in &of.recipients {
            let to = phrases::recipient(self.directory, recipient, of.view.0);
            lines.line("to", to);
        }
        let kind = format!("{}, {}", phrases::class(of.class), phrases::kind(content.kind()));
        lines.line("kind", kind);
        if of.in_reply_to.is_some() {
            lines.line("answers", self.answers());
        }
        lines.line("written", phrases::when(content.time));
        lines.line("urgency", self.urgency());
        for code in &content.classification {
            lines.line("classification", visible(code));
        }
        if !content.reference.is_empty() {
            lines.line("their number", visible(&content.reference));
        }
        if let Some(severity) = &content.severity {
            let (level, scale) = (visible(&severity.level), visible(&severity.scale));
            lines.line("severity", format!("{level} ({scale})"));
        }
        if content.respond_by > 0 {
            lines.line("answer hoped for", phrases::when(content.respond_by));
        }
        for attachment in &content.attachments {
            let (name, kind) = (visible(&attachment.name), visible(&attachment.media_type));
            let size = attachment.bytes.len();
            lines.line("attached", format!("{name} ({kind}, {size} bytes)"));
        }
        if !self.acknowledged.is_empty() {
            lines.line("acknowledged", By::line(&self.acknowledged));
        }
        for note in self.notes() {
            lines.line("note", note);
        }
        lines.line("id", of.id.to_string());
        lines.line("signed", format!("by the seat's key {}; every layer verified", of.sender_key));
        text.push_str(&lines.text());
        for one in &content.texts {
            let said = visible_block(&one.text);
            text.push_str(&format!("\n[{}]\n{said}\n", visible(&one.language)));
        }
        text
    }

    /// What people should know of it besides.
    fn notes(&self) -> Vec<String> {
        let amiss = self.amiss.map(|amiss| amiss.to_string());
        let ended = has_ended(self.directory, &self.opened.header);
        let ended = ended.then(|| phrases::ENDED.to_owned());
        amiss.into_iter().chain(ended).chain(phrases::notes(&self.opened.header)).collect()
    }

    fn sender(&self) -> String {
        let (sender, directory) = (self.opened.sender(), self.directory);
        let contact = directory.contact(&sender.contact()).map(phrases::name_of);
        let member = directory.member(&sender.member());
        let member = member.map(|member| phrases::name(&member.names));
        let all = [contact, member].into_iter().flatten().filter(|name| !name.is_empty());
        all.collect::<Vec<_>>().join(", ")
    }

    fn answers(&self) -> String {
        self.answered.as_ref().map_or_else(
            || "a message that is not here".to_owned(),
            |answered| {
                let of = answered.addressing();
                format!("{} from {}, of {}", of.id, of.sender, phrases::when(of.created))
            },
        )
    }

    fn urgency(&self) -> String {
        let of = &self.opened.header.addressing();
        let urgency = phrases::urgency(of.urgency);
        match of.acknowledge_within {
            0 => urgency,
            within => {
                let within = phrases::span(u64::from(within));
                format!("{urgency}; an acknowledgement is hoped for within {within} (indicative)")
            }
        }
    }

    fn json(&self, saved: &[PathBuf]) -> Value {
        let (of, content) = (&self.opened.header.addressing(), self.content);
        let to = of.recipients.iter().map(|recipient| {
            let (contact, level) = (&recipient.contact, phrases::level(recipient.level));
            let lacking = level::is_lacking(self.directory, contact, recipient.level, of.view.0);
            json!({
                "contact": contact.to_string(),
                "level": level,
                "level_lacking": lacking,
                "step": recipient.step,
            })
        });
        let texts = content.texts.iter().map(|one| (one.language.clone(), json!(one.text)));
        let attachments = content.attachments.iter().map(|attachment| {
            json!({
                "name": attachment.name,
                "media_type": attachment.media_type,
                "bytes": attachment.bytes.len(),
                "sha256": hex::encode(&attachment.sha256),
            })
        });
        let level = self.opened.level_of(&self.own.contact()).map(phrases::level);
        json!({
            "id": of.id.to_string(),
            "thread": of.thread.to_string(),
            "in_reply_to": of.in_reply_to.map(|digest| hex::encode(digest.as_bytes())),
            "answers": self.answered.as_ref().map(|header| header.addressing().id.to_string()),
            "tlp": phrases::tlp(content.tlp()),
            "drill": of.drill.as_ref().map(phrases::drill),
            "title": content.title,
            "from": of.sender.to_string(),
            "from_name": self.sender(),
            "key_id": hex::encode(of.sender_key.as_bytes()),
            "to": to.collect::<Vec<_>>(),
            "level": level,
            "class": phrases::class(of.class),
            "kind": phrases::kind(content.kind()),
            "written": content.time,
            "created": of.created,
            "urgency": phrases::urgency(of.urgency),
            "acknowledge_within": of.acknowledge_within,
            "classification": content.classification,
            "reference": content.reference,
            "texts": texts.collect::<serde_json::Map<_, _>>(),
            "attachments": attachments.collect::<Vec<_>>(),
            "saved": saved.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
            "acknowledged_by": self.acknowledged,
            "key_ended": has_ended(self.directory, &self.opened.header),
            "notes": self.notes(),
            "verified": true,
        })
    }
}

/// Writes every attachment under a name that cannot leave the folder or hide.
fn save_all(folder: &Path, attachments: &[proto::Attachment]) -> Result<Vec<PathBuf>, ClientError> {
    std::fs::create_dir_all(folder).map_err(|why| unusable(folder, &why))?;
    attachments.iter().map(|attachment| save_one(folder, attachment)).collect()
}

fn save_one(folder: &Path, attachment: &proto::Attachment) -> Result<PathBuf, ClientError> {
    let name = safe_name(&attachment.name);
    for copy in 0..COPIES {
        let path = folder.join(numbered(&name, copy));
        let created = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
        match created {
            Ok(mut file) => {
                let written = file.write_all(&attachment.bytes).and_then(|()| file.sync_all());
                return written.map(|()| path.clone()).map_err(|why| unusable(&path, &why));
            }
            Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(why) => return Err(unusable(&path, &why)),
        }
    }
    let sentence = format!("{} holds {COPIES} files of this name already", folder.display());
    Err(ClientError::new(Side::Ours, Exit::Usage, "FILE_EXISTS", sentence))
}

/// The last part of a foreign name, with nothing that a shell, a file system or an eye takes for
/// something else.
fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let safe = last.chars().map(|char| {
        let odd = char.is_control()
            || r#"<>:"|?*`$&;'"#.contains(char)
            || visible(&char.to_string()).len() > char.len_utf8();
        if odd { '_' } else { char }
    });
    let safe: String = safe.take(120).collect();
    let safe = safe.trim_start_matches(['.', '-', ' ']).trim_end_matches(['.', ' ']);
    let stem = safe.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let device = matches!(stem.as_str(), "con" | "prn" | "aux" | "nul")
        || (stem.len() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")));
    match (safe.is_empty(), device) {
        (true, _) => "attachment".to_owned(),
        (false, true) => format!("_{safe}"),
        (false, false) => safe.to_owned(),
    }
}

fn numbered(name: &str, copy: u32) -> String {
    match (copy, name.rsplit_once('.')) {
        (0, _) => name.to_owned(),
        (copy, Some((stem, extension))) => format!("{stem}-{copy}.{extension}"),
        (copy, None) => format!("{name}-{copy}"),
    }
}

/// What an acknowledgement says besides the sentence.
struct Words {
    person: Option<String>,
    reference: Option<String>,
    text: Option<String>,
    language: String,
    level: Option<Level>,
}

async fn acknowledge(ctx: &Context, id: &str, given: Words) -> Result<(), ClientError> {
    let mut mail = Mail::open(ctx, ctx.replica()?)?;
    let (kept, header) = find(ctx, &mail, id)?;
    let by = acknowledged_by(&mail.acknowledged()?, header.digest(), &mail.seat);
    let waits = mail.acknowledging(ctx)?.into_iter().find(|(of, _)| *of == header.digest());
    if waits.is_none() && by.iter().any(|by| by.seat == YOU) {
        let sentence = format!("{} is acknowledged already, by you", header.addressing().id);
        let object = json!({ "id": header.addressing().id.to_string(), "already": true });
        ctx.out.data(&object, || sentence);
        return Ok(());
    }
    ctx.out.say(format_args!("What is signed: {}", words::sentence(&given.language)));
    let words = written(ctx, &mail, &given)?;
    let person = words.person.clone();
    let number = kept.place.mailbox.count;
    let session = match mail.connect(ctx).await {
        Err(error) if error.exit != Exit::NotReachable => return Err(error),
        session => session,
    };
    let own = match waits {
        Some((_, own)) => own,
        None => compose(ctx, &mail, number, (words, given.level))?,
    };
    let session = session.map_err(|error| kept_back(error, own))?;
    let accepted = mail.hand_in(ctx, &session, own).await?;
    let (sender, about) = (&header.addressing().sender, header.addressing().id);
    let object = json!({
        "id": about.to_string(),
        "acknowledged": true,
        "person": person,
        "to": sender.to_string(),
        "accepted_at": accepted.at(),
        "statement": words::sentence(&given.language),
    });
    ctx.out.data(&object, || {
        let at = phrases::when(accepted.at());
        format!("acknowledged by {}: {about}, to {sender}; accepted {at}", visible(&person))
    });
    for warning in mail.send_due(ctx, &session).await? {
        ctx.out.warn(warning);
    }
    Ok(())
}

fn compose(
    ctx: &Context,
    mail: &Mail,
    number: u64,
    words: (proto::Words, Option<Level>),
) -> Result<MessageId, ClientError> {
    let boxes = (&mail.inbox, &mail.outbox);
    let made: Result<MessageId, SealError> =
        mail.at_desk(ctx, |desk| collect::acknowledge(desk, boxes, number, words))?;
    made.map_err(|error| {
        let error = ClientError::from(error);
        if error.reason == "NOT_A_LEVEL" {
            return error.mended_by("liaison inbox ack ID --level LEVEL");
        }
        error
    })
}

fn written(ctx: &Context, mail: &Mail, given: &Words) -> Result<proto::Words, ClientError> {
    let named = given.person.clone().or_else(|| ctx.out.ask("Who acknowledges? Your name:"));
    let named = named.filter(|name| !name.trim().is_empty()).ok_or_else(|| {
        let sentence = "an acknowledgement is a human's: it bears a name";
        ClientError::new(Side::Ours, Exit::Usage, "NO_PERSON", sentence)
            .mended_by("liaison inbox ack ID --person NAME")
    })?;
    let person = drafted(ctx, "the name of who acknowledges", &named)?;
    let office = mail.replica.directory()?.contact(&mail.seat.contact());
    let text = given
        .text
        .as_ref()
        .map(|text| proto::Text { language: given.language.clone(), text: text.nfc().collect() });
    Ok(proto::Words {
        person,
        office: office.map(phrases::name_of).unwrap_or_default(),
        own_reference: given.reference.as_deref().unwrap_or_default().nfc().collect(),
        text,
        ..words::words()
    })
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);
/// Events that wait to be dealt with: 70 MiB if each were the largest that the relay takes.
const EVENTS: usize = 64;
/// Seconds after which who follows asks again for what came spoilt.
const AGAIN_AFTER: u64 = 3600;
const COPIES: u32 = 100;
const YOU: &str = "you";
const WAITS: &str = "acknowledgement waits";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::message::acknowledge;
    use crate::client::message::compose::Outside;
    use crate::client::message::open::{self, Reader};
    use crate::client::message::testing::{self, AT, FR, Net, seat, sign_key};
    use crate::crypto::sign::KeyId;
    use crate::domain::refusal::Refusal;
    use crate::wire::v1;

    #[test]
    fn who_follows_asks_for_what_came_spoilt_once_an_hour() {
        let mut asked = None;
        let at = [7, 8, 3606, 3607, 3608, 7206, 7207];
        let asks = at.map(|now| is_time(&mut asked, now));
        assert_eq!(asks, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn an_attachment_cannot_choose_where_it_goes() {
        for (given, safe) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            (r"C:\windows\cmd.exe", "cmd.exe"),
            (".bashrc", "bashrc"),
            ("-rf", "rf"),
            ("..", "attachment"),
            ("", "attachment"),
            ("a\u{202e}fdp.exe", "a_fdp.exe"),
            ("nul.txt", "_nul.txt"),
            ("a\0b$(x).txt. ", "a_b_(x).txt"),
            ("свод.pdf", "свод.pdf"),
        ] {
            assert_eq!(safe_name(given), safe, "{given:?}");
        }
    }

    #[test]
    fn a_file_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let attachment = |bytes: &'static [u8]| proto::Attachment {
            name: "a.txt".to_owned(),
            bytes: bytes::Bytes::from_static(bytes),
            ..Default::default()
        };
        let saved = save_all(folder.path(), &[attachment(b"1"), attachment(b"2")]).unwrap();
        let names: Vec<_> = saved.iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!(names, ["a.txt", "a-1.txt"]);
        assert_eq!(std::fs::read(&saved[0]).unwrap(), b"1");
    }

    fn by(seat: &str, key_ended: bool) -> By {
        By { seat: seat.to_owned(), key_ended }
    }

    #[test]
    fn who_acknowledged_with_a_key_that_has_ended_is_shown_so() {
        let net = Net::new();
        let header = net.notification().header_digest;
        let one = |of, key_ended| Acknowledged { header, seat: seat(of), key_ended };
        let other = Acknowledged { header: Digest::of(b"another"), ..one(AT, true) };
        let found = acknowledged_by(&[one(FR, true), other, one(AT, false)], header, &seat(FR));
        assert_eq!(found, [by("you", true), by(AT, false)]);
        let row = Row { acknowledged_by: found, ..row() };
        let said = "acknowledged by you (signed by a key that has since ended), at/cert-at/duty-1";
        assert_eq!(row.cells()[4], said);
        assert_eq!(json!(row)["acknowledged_by"][0], json!({ "seat": "you", "key_ended": true }));
    }

    fn row() -> Row {
        Row {
            number: 1,
            id: "id".to_owned(),
            short: "short".to_owned(),
            from: AT.to_owned(),
            at: 0,
            class: "notification".to_owned(),
            urgency: "routine".to_owned(),
            tlp: None,
            drill: None,
            title: Some("Ransom\u{1b}ware".to_owned()),
            not_opened: None,
            why: None,
            asked_again: false,
            state: "new",
            key_ended: false,
            acknowledged_by: Vec::new(),
            acknowledgement_waits: false,
        }
    }

    #[test]
    fn the_list_says_what_was_refused_and_whose_key_has_ended() {
        let cells = |row: Row| {
            let cells = row.cells();
            format!("{} | {}", cells[4], cells[5])
        };
        assert_eq!(cells(row()), r"new | Ransom\u{1b}ware");
        let ended = Row { key_ended: true, drill: Some("DRILL (EXERCISE)".to_owned()), ..row() };
        assert_eq!(
            cells(ended),
            r"new | DRILL (EXERCISE) Ransom\u{1b}ware (signed by a key that has since ended)"
        );
        let why = Some(phrases::not_opened(&NotOpened::Thread(Amiss::NotItsOwn)));
        assert_eq!(cells(Row { title: None, why, ..row() }), "new | refused: WRONG_THREAD");
        let unknown = Row { title: None, acknowledged_by: vec![by("you", false)], ..row() };
        assert_eq!(cells(unknown), "acknowledged by you | of a kind this version does not know");
    }

    #[test]
    fn an_acknowledgement_that_waits_is_none_yet() {
        let waits = Row { state: WAITS, acknowledgement_waits: true, ..row() };
        assert_eq!(waits.cells()[4], "acknowledgement waits");
        let colleague = Row { acknowledged_by: vec![by(AT, false)], ..waits };
        assert_eq!(
            colleague.cells()[4],
            "acknowledged by at/cert-at/duty-1; your acknowledgement waits"
        );
    }

    #[test]
    fn a_message_whose_header_is_not_believed_has_a_row() {
        let mut net = Net::new();
        let frozen = net.newer_rules();
        net.roster("at/cert-at", 2, &["duty-1", "duty-9"]);
        let dir = tempfile::tempdir().unwrap();
        let inbox = Inbox::open(dir.path(), frozen.genesis(), seat(FR).contact()).unwrap();
        let root_at = |size| net.tree.root_at(size);
        let (own, keys) = (seat(FR), Vec::new());
        let reader = Reader { directory: &frozen, root_at: &root_at, seat: &own, keys: &keys };
        let mut found = Found::default();
        let mut add = |number, from, is_backdated| {
            let sealed = net.seal(net.outside(from, &["fr/cert-fr"]), &testing::notification(0));
            inbox.put(&v1::Item { number, ..testing::item(&sealed.envelope, FR) }).unwrap();
            let kept = inbox.item(number).unwrap();
            let key = KeyId::of(b"key");
            let backdated = NotOpened::Backdated { key, ended: 2, floor: 3 };
            let header = open::verify_header(&reader, (&kept.item.header, 0));
            found.add(kept, if is_backdated { Err(backdated) } else { header });
        };
        add(1, testing::PT, false);
        add(2, "at/cert-at/duty-9", false);
        add(3, AT, true);
        found.unverified.push(Unverified::expired(4, &Unproven::NotExpired));
        let unknown = NotOpened::BeforeUpdate(KeyId::of(b"key"));
        found.unverified.push(Unverified::expired(5, &Unproven::Header(unknown)));
        let (what, why) = ("acknowledgement", Refusal::BadSignature(KeyId::of(b"key")));
        let bad = ReceiptError::Refused { what, why: why.clone() };
        let bad = Unverified::acknowledged(6, &bad);
        found.unverified.push(Unverified { asked_again: true, ..bad });
        found.unverified.push(Unverified::acknowledged(7, &ReceiptError::BeforeUpdate(what)));
        assert_eq!(found.messages.len(), 1);
        let rows: Vec<_> = found.unverified.iter().map(|row| row.cells().join(" ")).collect();
        assert_eq!(
            rows,
            [
                "entry 2 unverified    cannot be checked before the update",
                "entry 3 unverified    not opened: BACKDATED",
                "entry 4 unverified    says that a message expired unopened, which is unproven: the \
                 message has not expired",
                "entry 5 unverified    cannot be checked before the update",
                &format!(
                    "entry 6 unverified    says that a colleague acknowledged, which does not hold: \
                     the acknowledgement: {why}; the relay is asked for it again"
                ),
                "entry 7 unverified    cannot be checked before the update",
            ]
        );
        let reasons = found.unverified.iter().map(|row| (row.number, row.reason, row.asked_again));
        let expected = [
            (2, "BEFORE_UPDATE", false),
            (3, "BACKDATED", false),
            (4, "NOT_PROVEN", false),
            (5, "BEFORE_UPDATE", false),
            (6, "BAD_SIGNATURE", true),
            (7, "BEFORE_UPDATE", false),
        ];
        assert!(reasons.eq(expected));
        let why = "cannot be checked before the update";
        assert_eq!(
            json!(found.unverified[0]),
            json!({ "number": 2, "why": why, "reason": "BEFORE_UPDATE", "asked_again": false })
        );
    }

    #[test]
    fn what_the_relay_passes_on_and_does_not_hold_has_a_row() {
        let mut net = Net::new();
        net.submit(&net.notification().envelope).unwrap();
        let (own, dir) = (seat(FR), tempfile::tempdir().unwrap());
        let inbox = Inbox::open(dir.path(), net.directory.genesis(), own.contact()).unwrap();
        let sent = net.seal(net.outside(FR, &["at/cert-at"]), &testing::notification(0));
        net.put_as(EntryKind::NotDelivered, &own.contact(), &sent.envelope);
        let item = net.collect(FR, 0).0.remove(0);
        let header = net.read(FR, &[], |reader| open::verify_header(reader, (&item.header, 0)));
        let (of, said) = ((&own, &sign_key(&format!("{FR} sign"))), (words::words(), None));
        let (directory, message) = (net.directory.clone(), (&header.unwrap(), 1));
        let done =
            acknowledge::acknowledge(&directory, of, message, said, net.view(), &net.ambient);
        let open = done.unwrap().open;
        for _ in 0..2 {
            net.put_acknowledgement(&own.contact(), 1, &open);
        }
        for mut item in net.collect(FR, 0).0 {
            if item.number == 4 {
                item.header = sent.envelope.header.clone();
            }
            inbox.put(&item).unwrap();
        }
        let root_at = |size| net.tree.root_at(size);
        let reader = Reader { directory: &directory, root_at: &root_at, seat: &own, keys: &[] };
        let (sign, view, ambient) = (of.1, net.view(), &net.ambient);
        let found = Found::of(&Desk { reader, sign, view, ambient }, &inbox).unwrap();
        let rows = found.unverified.iter().map(|row| (row.number, row.reason));
        assert!(rows.eq([(2, "NOT_PROVEN"), (4, "RECEIPT_NOT_VERIFIED")]));
        assert_eq!(found.messages.len(), 1);
    }

    #[test]
    fn a_message_is_shown_with_what_is_amiss_and_whose_key_has_ended() {
        let mut net = Net::new();
        let sealed = net.notification();
        let opened = net.open(FR, &testing::item(&sealed.envelope, FR)).unwrap();
        let Inside::Content(content) = &opened.inside else { panic!("a content") };
        let own = seat(FR);
        let notes = |net: &Net, amiss| {
            let directory = &net.directory;
            let (acknowledged, answered, opened, own) = (Vec::new(), None, &opened, &own);
            let shown = Shown { directory, opened, content, acknowledged, amiss, answered, own };
            let text = shown.text();
            assert!(shown.notes().iter().all(|note| text.contains(note)), "{text}");
            shown.notes()
        };
        assert!(notes(&net, None).is_empty());
        net.revoke_sign_key(AT);
        assert_eq!(
            notes(&net, Some(Amiss::NotItsBeginner)),
            [
                "it gives the all-clear in a thread that another contact began",
                "signed by a key that has since ended",
            ]
        );
    }

    #[test]
    fn a_message_is_shown_with_what_it_answers() {
        let net = Net::new();
        let begun = net.open(FR, &testing::item(&net.notification().envelope, FR)).unwrap().header;
        let (digest, of) = (begun.digest(), begun.addressing());
        let all_clear =
            Outside::answering(&net.directory, seat(AT), (digest, of), Class::AllClear, net.view());
        let all_clear =
            Outside { recipients: net.outside(AT, &["fr/cert-fr"]).recipients, ..all_clear };
        let sealed = net.seal(all_clear, &testing::notification(0));
        let opened = net.open(FR, &testing::item(&sealed.envelope, FR)).unwrap();
        let Inside::Content(content) = &opened.inside else { panic!("a content") };
        let own = seat(FR);
        let shown = |answered| {
            let (directory, acknowledged) = (&net.directory, Vec::new());
            let (opened, own, amiss) = (&opened, &own, None);
            let shown = Shown { directory, opened, content, acknowledged, amiss, answered, own };
            (shown.text(), shown.json(&[]))
        };
        let id = of.id.to_string();
        let (text, json) = shown(Some(begun.clone()));
        assert!(text.contains(&format!("{id} from {AT}, of ")), "{text}");
        assert_eq!(json["answers"], id);
        let (text, json) = shown(None);
        assert!(text.contains("a message that is not here"), "{text}");
        assert_eq!(
            (&json["answers"], &json["in_reply_to"]),
            (&Value::Null, &json!(hex::encode(digest.as_bytes())))
        );
    }

    #[test]
    fn a_prefix_finds_one_message() {
        assert_eq!(one(vec![1], "0", "").unwrap(), 1);
        assert_eq!(one(vec![1, 2], "0", "").unwrap_err().exit, Exit::Usage);
        assert_eq!(one(Vec::<u8>::new(), "0", "").unwrap_err().exit, Exit::NotFound);
    }
}
