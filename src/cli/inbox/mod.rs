//! `liaison inbox`: what came, opened, and acknowledged by a human.
//!
//! In scope: collecting, listing, showing one message, acknowledging. Out of scope: opening and
//! verifying (`client::message`, `office`). Invariants: text of others is made visible; TLP and drill
//! mark stand before everything else; nothing is acknowledged without a name; no file is written
//! over.

mod follow;
mod listed;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization as _;

use crate::client::error::{ClientError, Family, Side};
use crate::client::fate::Sending;
use crate::client::mend::Mend;
use crate::client::message::content::Inside;
use crate::client::message::open::{NotOpened, Opened};
use crate::client::message::text::{visible, visible_block};
use crate::client::message::words as wording;
use crate::client::place;
use crate::client::reason::{Here, Rule};
use crate::client::session::Session;
use crate::domain::directory::Directory;
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::refusal::{Amiss, Refusal};
use crate::domain::relay::addressing::Addressing;
use crate::domain::relay::envelope::VerifiedHeader;
use crate::domain::relay::level;
use crate::domain::state::EntryKind;
use crate::office::collect::{self, SealError};
use crate::office::fate::{kept_back, not_sealed};
use crate::office::inbox::{Gone, InboxError};
use crate::office::index::{Index, Row};
use crate::office::mail::Mail;
use crate::office::muted::{Muted, Sender};
use crate::office::news::News;
use crate::office::page::{By, Came, Found, Listed, State, Wanted, has_ended, is_for_people};
use crate::signed::proto::{self, Level};
use crate::words;

use super::args::{InboxArgs, InboxCommand, Pointer};
use super::fields::drafted;
use super::layout::Lines;
use super::statement::agreed;
use super::{Context, cannot_use};

/// `liaison inbox`.
///
/// # Errors
/// [`ClientError`].
pub(crate) async fn inbox(ctx: &Context, args: InboxArgs) -> Result<(), ClientError> {
    let list = InboxCommand::List { offline: false, follow: false, muted: false, all: false };
    match args.command.unwrap_or(list) {
        InboxCommand::List { follow: true, muted, .. } => self::follow::stay(ctx, muted).await,
        InboxCommand::List { offline, muted, all, .. } => {
            let wanted = Wanted { muted, most: if all { usize::MAX } else { PAGE } };
            self::list(ctx, offline, wanted).await
        }
        InboxCommand::Read { message, save } => read(ctx, &message, save.as_deref()).await,
        InboxCommand::Ack { message, person, reference, text, language, level, yes } => {
            let level = level.map(Level::from);
            let words = Words { person, reference, text, language, level };
            acknowledge(ctx, &message, words, yes).await
        }
        InboxCommand::Mute { who } => mute(ctx, who, true),
        InboxCommand::Unmute { who } => mute(ctx, who, false),
        InboxCommand::Muted => {
            say_muted(ctx, &Mail::open(&ctx.office, ctx.office.replica()?)?.muted)
        }
    }
}

fn mute(ctx: &Context, who: Sender, muted: bool) -> Result<(), ClientError> {
    let mut mail = Mail::open(&ctx.office, ctx.office.replica()?)?;
    let directory = mail.replica.directory()?;
    if muted {
        let found = match &who {
            Sender::Contact(contact) => directory.record(contact).map(drop),
            Sender::Member(member) => match directory.member(member) {
                Some(_) => Ok(()),
                None => Err(Refusal::UnknownMember(member.clone())),
            },
        };
        found.map_err(|why| ClientError::from(why).mended_by(Mend::ListDirectory))?;
    }
    mail.muted.set(who, muted)?;
    say_muted(ctx, &mail.muted)
}

fn say_muted(ctx: &Context, muted: &Muted) -> Result<(), ClientError> {
    let who: Vec<String> = muted.who().map(ToString::to_string).collect();
    ctx.out.data(&json!({ "muted": who }), || match &who[..] {
        [] => "nobody is muted".to_owned(),
        who => format!("muted, unless immediate or flash: {}", who.join(", ")),
    });
    Ok(())
}

async fn list(ctx: &Context, offline: bool, wanted: Wanted) -> Result<(), ClientError> {
    if offline {
        return show(ctx, &Mail::here(&ctx.office)?, wanted);
    }
    match fresh(ctx, wanted).await {
        Ok((session, mut mail)) => {
            show(ctx, &mail, wanted)?;
            mail.finish(&session).await.map_err(ClientError::after_its_object)
        }
        Err(error) => ctx.without_service(error, |mail| show(ctx, mail, wanted)),
    }
}

/// The mailbox with what there is now.
async fn fresh(ctx: &Context, wanted: Wanted) -> Result<(Session, Mail), ClientError> {
    let (session, mut mail) = Mail::online(&ctx.office).await?;
    let first = |mail: &Mail, row: &Row| mail.is_shown(row, wanted.muted);
    let mut news = mail.collected(&session, (FIRST, first)).await?;
    mail.tell(&mut news);
    Ok((session, mail))
}

fn show(ctx: &Context, mail: &Mail, wanted: Wanted) -> Result<(), ClientError> {
    let page = mail.page(wanted)?;
    let unknown =
        page.later.iter().map(|(number, kind)| json!({ "number": number, "kind": kind.byte() }));
    let [expired, lost] = gone_json(&page.gone);
    let object = json!({
        "seat": mail.seat.to_string(),
        "messages": page.messages.iter().map(listed::object).collect::<Vec<_>>(),
        "unverified": page.unverified.iter().map(listed::doubted_object).collect::<Vec<_>>(),
        "unknown_entries": unknown.collect::<Vec<_>>(),
        "expired": expired,
        "lost": lost,
        "more": page.more,
        "muted": page.muted,
    });
    ctx.out.data(&object, || {
        match listed::table(&page.messages, &page.unverified, (page.more, page.muted)) {
            nothing if nothing.is_empty() => {
                format!("no messages in the mailbox of {}", mail.seat.contact())
            }
            table => table,
        }
    });
    for (number, kind) in &page.later {
        ctx.out.say(words::later(*number, *kind));
    }
    words::gone(&page.gone).iter().for_each(|said| ctx.out.say(said));
    told(ctx, mail, &page.gone);
    let is_new = |row: &&Listed| row.state == State::New && !mail.is_lost(row.number);
    if let [only] = &page.messages[..]
        && !mail.is_lost(only.number)
    {
        ctx.out.say(format_args!("read it: liaison inbox read {}", only.number));
    } else if let Some(new) = page.messages.iter().find(is_new) {
        ctx.out.say(format_args!("read one: liaison inbox read {}", new.number));
    }
    Ok(())
}

/// What had expired before it was collected, and what the service has lost, for programs.
fn gone_json(all: &[Gone]) -> [Vec<Value>; 2] {
    let (mut expired, mut lost) = (Vec::new(), Vec::new());
    for gone in all {
        let kind = gone.kind.map(EntryKind::byte);
        match &gone.lost {
            None => expired.push(json!({ "first": gone.first, "last": gone.last, "kind": kind })),
            Some(from) => {
                lost.push(json!({ "number": gone.first, "kind": kind, "from": from.to_string() }));
            }
        }
    }
    [expired, lost]
}

/// It is said once.
fn told(ctx: &Context, mail: &Mail, gone: &[Gone]) {
    if let Some(last) = gone.iter().map(|gone| gone.last).max()
        && let Err(error) = mail.inbox.told_gone(last)
    {
        ctx.out.not_kept("that it was said what is gone cannot be kept", &error.into());
    }
}

/// The one message that came and is pointed at. If only its header is here, it is fetched at once.
async fn find(mail: &mut Mail, at: &Pointer) -> Result<(Came, Option<Session>), ClientError> {
    not_gone(mail, at)?;
    let number = at.one(came_at(&mail.index, at), Mend::Inbox, named)?.number;
    let mut session = None;
    if !mail.inbox.is_whole(number) && !mail.is_expired(number)? {
        let connected = mail.connect().await.map_err(|error| {
            let sentence = format!("only the header of {number} is here: {error}");
            ClientError { sentence, ..error }
        })?;
        let fetched = match mail.inbox.lock() {
            Err(InboxError::Busy) => mail.fetch_beside(&connected, number).await,
            lock => {
                let (_lock, mut news) = (lock?, News::default());
                let fetched = mail.fetch(&connected, vec![number], &mut news).await;
                match news.not_fetched.take() {
                    // It is how the command ends.
                    Some(why) => Err(why),
                    None => {
                        mail.tell(&mut news);
                        fetched
                    }
                }
            }
        };
        // What was not read is not acknowledged.
        if !mail.inbox.is_whole(number) && !mail.is_expired(number)? {
            return Err(not_fetched(number, fetched.err()));
        }
        fetched?;
        session = Some(connected);
    }
    let came = verified(mail, number)?;
    if mail.inbox.is_whole(number) { Ok((came, session)) } else { Err(expired(&came)) }
}

/// What is left of a message that had expired before it was read here: who can tell.
fn expired((kept, header): &Came) -> ClientError {
    let (number, of) = (kept.place.mailbox.count, header.addressing());
    let (from, to) = (&of.sender, of.sender.contact());
    let (created, expires) = (words::when(of.created), words::when(of.expires));
    let sentence = format!(
        "message {number}, from {from}, written {created}, expired {expires}, before it was read \
         here: its content is deleted"
    );
    let mut error = ClientError::new(Side::Ours, Family::NotFound, Rule::MessageExpired, sentence);
    error.details.insert("from".to_owned(), from.to_string());
    error.details.insert("created".to_owned(), of.created.to_string());
    error.details.insert("expires".to_owned(), of.expires.to_string());
    call(error, &to)
}

/// Who sent what has expired can still be told, and tell.
fn call(error: ClientError, sender: &ContactId) -> ClientError {
    error.mended_by(Mend::Call(vec![sender.clone()]))
}

/// A number under which nothing was left when it was collected.
fn not_gone(mail: &Mail, at: &Pointer) -> Result<(), ClientError> {
    let Pointer::Number(number) = at else { return Ok(()) };
    let holds = |gone: &Gone| (gone.first..=gone.last).contains(number);
    let Some(gone) = mail.inbox.gone()?.into_iter().find(holds) else { return Ok(()) };
    if let Some(from) = &gone.lost {
        let (sentence, mend) = words::lost(gone.first, gone.kind, from);
        let error = ClientError { sentence, ..Refusal::BodyDamaged.into() };
        return Err(error.mended_by(mend));
    }
    let sentence = words::gone(&[gone]).concat();
    Err(ClientError::new(Side::Ours, Family::NotFound, Rule::MessageExpired, sentence)
        .mended_by(Mend::Inbox))
}

/// Only the header of a message is here, and nobody here has to do anything for the rest to come.
fn not_fetched(number: u64, why: Option<ClientError>) -> ClientError {
    let mut sentence = format!("message {number} could not be fetched, only its header is here");
    let side = match why {
        Some(why) if !why.passes() => return why,
        Some(why) => {
            sentence.push_str(&format!(": {why}"));
            why.side
        }
        None => Side::Theirs,
    };
    ClientError::new(side, Family::NotReachable, Here::NotFetched, sentence)
        .mended_by(Mend::Read(number))
}

/// The message of a number, whose header holds.
fn verified(mail: &Mail, number: u64) -> Result<Came, ClientError> {
    let Found { mut messages, unverified } = mail.found(&[number])?;
    let why = match (unverified.first(), mail.index.row(number)) {
        (Some(doubted), _) => &listed::doubt(&doubted.why),
        (None, Some(row)) if row.is_receipt() => "a receipt: liaison sent shows it",
        (None, Some(row)) if row.is_message() => "an acknowledgement: liaison sent shows it",
        (None, _) => "no message to people",
    };
    messages.pop().ok_or_else(|| {
        let sentence = format!("entry {number} of the mailbox: {why}");
        ClientError::new(Side::Ours, Family::NotFound, Rule::UnknownMessage, sentence)
            .mended_by(Mend::Inbox)
    })
}

/// The message that a new one answers: it came, or it was sent from here, as what it went in the end.
pub(super) fn answered(mail: &Mail, at: &Pointer) -> Result<VerifiedHeader, ClientError> {
    match among(sent(mail)?, &mail.index, at)? {
        Answered::Sent(header) => match mail.outbox.stands_for(header.digest())? {
            Some(id) => Ok(mail.at_desk(|desk| collect::sent_header(desk, &mail.outbox, id))??),
            None => Ok(*header),
        },
        Answered::Came(number) => Ok(verified(mail, number)?.1),
    }
}

/// What a new message answers.
enum Answered {
    Sent(Box<VerifiedHeader>),
    Came(u64),
}

fn among(sent: Vec<VerifiedHeader>, index: &Index, at: &Pointer) -> Result<Answered, ClientError> {
    let mut found: Vec<(String, Answered)> = Vec::new();
    let mut digests = BTreeSet::new();
    for header in sent {
        if is_for_people(&header) && at.is_at_sent(&header) {
            digests.insert(header.digest());
            let name = format!("{} sent from here", header.digest());
            found.push((name, Answered::Sent(Box::new(header))));
        }
    }
    for row in came_at(index, at) {
        // What a contact sends to itself is here twice.
        if row.digest().is_none_or(|digest| !digests.contains(&digest)) {
            found.push((named(&row), Answered::Came(row.number)));
        }
    }
    at.one(found, Mend::NumberOrDigest, |(name, _)| name.clone()).map(|(_, answered)| answered)
}

/// The messages to people that came and are pointed at: by its number also one that came before.
fn came_at<'a>(index: &'a Index, at: &Pointer) -> Vec<&'a Row> {
    if let Pointer::Number(number) = at {
        return index.row(*number).into_iter().collect();
    }
    index.for_people().into_iter().filter(|row| at.is_at(row)).collect()
}

/// What points at a message that came, and at no other.
fn named(row: &&Row) -> String {
    format!("{} from {}", row.number, visible(&row.sender))
}

/// Whether another contact began the thread of a message, as far as what is here leads to its first.
pub(super) fn began_elsewhere(mail: &Mail, of: &VerifiedHeader) -> Result<bool, ClientError> {
    let answer = Addressing { in_reply_to: Some(of.digest()), ..of.addressing().clone() };
    let first = mail.first(&answer)?;
    Ok(first.is_some_and(|first| first.addressing().sender.contact() != mail.seat.contact()))
}

async fn read(ctx: &Context, at: &Pointer, save: Option<&Path>) -> Result<(), ClientError> {
    let mut mail = Mail::here(&ctx.office)?;
    let ((kept, header), session) = find(&mut mail, at).await?;
    let number = kept.place.mailbox.count;
    let opened = mail.opened(&kept)?.map_err(|why| {
        let refused = why.is_refusal();
        let error = ClientError::from(why);
        let what = if refused { "refused" } else { "not opened" };
        let sentence = format!("message {number} was {what}: {}", error.sentence);
        ClientError { sentence, ..error }
    })?;
    let directory = mail.replica.directory()?;
    let unknown = proto::Content {
        title: format!("a message {}: update this program to read it", words::UNKNOWN_KIND),
        time: header.addressing().created,
        ..Default::default()
    };
    let content = match &opened.inside {
        Inside::Content(content) => content,
        Inside::Later(_) => &unknown,
        Inside::Words(_) | Inside::Delivered(_) => {
            let sentence = "nothing to read";
            return Err(ClientError::new(Side::Ours, Family::Usage, Here::NotAMessage, sentence));
        }
    };
    let saved = match save {
        Some(folder) => save_all(folder, &content.attachments)?,
        None => Vec::new(),
    };
    let acks = mail.acks(&mail.due()?)?;
    let acknowledged = mail.acknowledged_by(&acks, header.digest())?;
    let (amiss, answered) = (mail.amiss(&header)?, mail.answered(&header)?);
    let waits = acks.waits(header.digest()).map(|id| by_whom(&mail, id)).transpose()?;
    let (own, opened) = (&mail.seat, &opened);
    let message =
        Shown { number, directory, opened, content, acknowledged, waits, amiss, answered, own };
    if let Err(error) = mail.mark_read(number) {
        ctx.out.not_kept("that it was read cannot be kept", &error);
    }
    ctx.out.data(&message.json(&saved), || message.text());
    for path in &saved {
        ctx.out.say(format_args!("saved {}", path.display()));
    }
    if message.waits.is_none()
        && message.acknowledged.is_empty()
        && opened.level_of(&mail.seat.contact()).is_some()
    {
        ctx.out.say(format_args!("to acknowledge it: liaison inbox ack {number} --person NAME"));
    }
    // That it was opened is told when it was shown.
    match session {
        Some(session) => mail.send_due(&session).await,
        None => Ok(()),
    }
}

/// The headers of everything that was sent from here, if they hold.
fn sent(mail: &Mail) -> Result<Vec<VerifiedHeader>, ClientError> {
    let mut all = Vec::new();
    for id in mail.outbox.ids()? {
        let request = mail.outbox.request(id)?;
        let Some(envelope) = request.envelope() else { continue };
        all.extend(mail.own_header(&envelope.header)?.ok());
    }
    Ok(all)
}

/// A message on the screen.
pub(super) struct Shown<'a> {
    number: u64,
    directory: &'a Directory,
    opened: &'a Opened,
    content: &'a proto::Content,
    acknowledged: Vec<By>,
    /// Who acknowledged it here, if that is to be handed in yet.
    waits: Option<String>,
    amiss: Option<Amiss>,
    answered: Option<VerifiedHeader>,
    own: &'a SeatId,
}

impl Shown<'_> {
    fn text(&self) -> String {
        let (of, content) = (&self.opened.header.addressing(), self.content);
        let mut text = format!("{}\n", words::tlp(content.tlp()));
        if let Some(drill) = &of.drill {
            text.push_str(&format!("{}\n", words::drill(drill)));
        }
        text.push_str(&format!("{}\n\n", visible(&content.title)));
        let mut lines = Lines::default();
        lines.line("from", format!("{} ({})", of.sender, self.sender()));
        for recipient in &of.recipients {
            let to = words::recipient(self.directory, recipient, of.view.size);
            lines.line("to", to);
        }
        let kind = format!("{}, {}", words::class(of.class), words::kind(content.kind()));
        lines.line("kind", kind);
        if of.in_reply_to.is_some() {
            lines.line("answers", self.answers());
        }
        lines.line("written", words::when(content.time));
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
            lines.line("answer hoped for", words::when(content.respond_by));
        }
        for attachment in &content.attachments {
            let (name, kind) = (visible(&attachment.name), visible(&attachment.media_type));
            let size = attachment.bytes.len();
            lines.line("attached", format!("{name} ({kind}, {size} bytes)"));
        }
        if !self.acknowledged.is_empty() {
            lines.line("acknowledged", words::by(&self.acknowledged));
        }
        if let Some(whom) = &self.waits {
            let next = "goes with the next liaison inbox, sent or sync";
            lines.line(
                "acknowledged",
                format!("by {}; that waits to be handed in, and {next}", visible(whom)),
            );
        }
        for note in self.notes() {
            lines.line("note", note);
        }
        lines.line("number", self.number.to_string());
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
        let ended = ended.then(|| words::ENDED.to_owned());
        amiss.into_iter().chain(ended).chain(words::notes(&self.opened.header)).collect()
    }

    fn sender(&self) -> String {
        let (sender, directory) = (self.opened.sender(), self.directory);
        let contact = directory.contact(&sender.contact()).map(words::name_of);
        let member = directory.member(&sender.member());
        let member = member.map(|member| words::name(&member.names));
        let all = [contact, member].into_iter().flatten().filter(|name| !name.is_empty());
        all.collect::<Vec<_>>().join(", ")
    }

    fn answers(&self) -> String {
        self.answered.as_ref().map_or_else(
            || "a message that is not here".to_owned(),
            |answered| {
                let of = answered.addressing();
                format!("{} from {}, of {}", of.id, of.sender, words::when(of.created))
            },
        )
    }

    fn urgency(&self) -> String {
        let of = &self.opened.header.addressing();
        let urgency = words::urgency(of.urgency);
        match of.acknowledge_within {
            0 => urgency,
            within => {
                let within = words::span(u64::from(within));
                format!("{urgency}; an acknowledgement is hoped for within {within} (indicative)")
            }
        }
    }

    fn json(&self, saved: &[PathBuf]) -> Value {
        let (of, content) = (&self.opened.header.addressing(), self.content);
        let to = of.recipients.iter().map(|recipient| {
            let (contact, level) = (&recipient.contact, words::level(recipient.level));
            let lacking = level::is_lacking(self.directory, contact, recipient.level, of.view.size);
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
        let level = self.opened.level_of(&self.own.contact()).map(words::level);
        json!({
            "number": self.number,
            "id": of.id.to_string(),
            "digest": self.opened.header.digest().to_string(),
            "thread": of.thread.to_string(),
            "in_reply_to": of.in_reply_to.map(|digest| hex::encode(digest.as_bytes())),
            "answers": self.answered.as_ref().map(|header| header.addressing().id.to_string()),
            "tlp": words::tlp(content.tlp()),
            "drill": of.drill.as_ref().map(words::drill),
            "title": content.title,
            "from": of.sender.to_string(),
            "from_name": self.sender(),
            "key_id": hex::encode(of.sender_key.as_bytes()),
            "to": to.collect::<Vec<_>>(),
            "level": level,
            "class": words::class(of.class),
            "kind": words::kind(content.kind()),
            "written": content.time,
            "created": of.created,
            "urgency": words::urgency(of.urgency),
            "acknowledge_within": of.acknowledge_within,
            "classification": content.classification,
            "reference": content.reference,
            "texts": texts.collect::<serde_json::Map<_, _>>(),
            "attachments": attachments.collect::<Vec<_>>(),
            "saved": saved.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
            "acknowledged_by": self.acknowledged.iter().map(listed::by_object).collect::<Vec<_>>(),
            "acknowledgement_waits": self.waits.is_some(),
            "key_ended": has_ended(self.directory, &self.opened.header),
            "notes": self.notes(),
            "verified": true,
        })
    }
}

/// Writes every attachment under a name that cannot leave the folder or hide.
fn save_all(folder: &Path, attachments: &[proto::Attachment]) -> Result<Vec<PathBuf>, ClientError> {
    place::private_folder(folder).map_err(cannot_use)?;
    attachments.iter().map(|attachment| save_one(folder, attachment)).collect()
}

fn save_one(folder: &Path, attachment: &proto::Attachment) -> Result<PathBuf, ClientError> {
    let name = safe_name(&attachment.name);
    for copy in 0..COPIES {
        let path = folder.join(numbered(&name, copy));
        match place::create_private(&path, &attachment.bytes) {
            Ok(()) => return Ok(path),
            Err(why) if why.is_present() => {}
            Err(why) => return Err(cannot_use(why)),
        }
    }
    let sentence = format!("{} holds {COPIES} files of this name already", folder.display());
    Err(ClientError::new(Side::Ours, Family::Usage, Here::FileExists, sentence))
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

async fn acknowledge(
    ctx: &Context,
    at: &Pointer,
    given: Words,
    yes: bool,
) -> Result<(), ClientError> {
    let mut mail = Mail::open(&ctx.office, ctx.office.replica()?)?;
    let ((kept, header), _) = find(&mut mail, at).await?;
    let (number, id) = (kept.place.mailbox.count, header.addressing().id.to_string());
    let acks = mail.acks(&mail.due()?)?;
    let by = mail.acknowledged_by(&acks, header.digest())?;
    let waits = acks.waits(header.digest());
    if waits.is_none() && by.iter().any(|by| by.colleague.is_none()) {
        let own = acks.own(header.digest());
        let whom = own.map(|own| by_whom(&mail, own)).transpose()?;
        let object = json!({ "number": number, "id": id, "already": true, "person": whom });
        ctx.out.data(&object, || {
            format!(
                "{number} is acknowledged already, by {}",
                visible(whom.as_deref().unwrap_or(words::YOU))
            )
        });
        return Ok(());
    }
    if waits.is_none()
        && let Err(why) = mail.opened(&kept)?
    {
        unread(ctx, (number, &why), yes)?;
    }
    let made = match waits {
        Some(own) => {
            let whom = by_whom(&mail, own)?;
            ctx.out.say(format_args!(
                "{number} is acknowledged by {} already, and that waits: it is handed in now, and \
                 nobody else's",
                visible(&whom)
            ));
            Ok(own)
        }
        None => {
            ctx.out.say(format_args!("What is signed: {}", wording::sentence(&given.language)));
            Err(written(ctx, &mail, &given)?)
        }
    };
    let session = match mail.connect().await {
        Err(error) if !error.passes() => return Err(not_sealed(Sending::Acknowledgement, error)),
        session => session,
    };
    let own = made.or_else(|words| compose(&mail, number, (words, given.level)));
    let own = own.map_err(|error| not_sealed(Sending::Acknowledgement, error))?;
    let person = by_whom(&mail, own)?;
    let went = async {
        let session = session.map_err(|error| kept_back(&mail.outbox, error, own))?;
        let accepted = mail.hand_in(&session, own).await?;
        Ok((session, accepted))
    };
    let went: Result<_, ClientError> = went.await;
    let sender = &header.addressing().sender;
    let (session, accepted) = went.map_err(|error| {
        let error = words::spelled(&error);
        let sentence =
            format!("{number}, acknowledged by {}: {}", visible(&person), error.sentence);
        let error = ClientError { sentence, ..error };
        if error.reason == Rule::MessageExpired { call(error, &sender.contact()) } else { error }
    })?;
    let object = json!({
        "number": number,
        "id": id,
        "acknowledged": true,
        "person": person,
        "to": sender.to_string(),
        "accepted_at": accepted.at(),
        "statement": wording::sentence(&given.language),
    });
    ctx.out.data(&object, || {
        let at = words::when(accepted.at());
        format!("acknowledged by {}: {number}, to {sender}; accepted {at}", visible(&person))
    });
    mail.send_due(&session).await
}

/// Who of this seat acknowledged, by a request of its outbox.
fn by_whom(mail: &Mail, own: MessageId) -> Result<String, ClientError> {
    let person = mail.person(own)?;
    Ok(person.unwrap_or_else(|| words::YOU.to_owned()))
}

/// What could not be opened is acknowledged by who says so, and knows that it was not.
fn unread(ctx: &Context, (number, why): (u64, &NotOpened), yes: bool) -> Result<(), ClientError> {
    let said = format!("nobody here has read message {number} ({})", words::not_opened(why));
    if yes || ctx.out.asks() {
        ctx.out.warn(&said);
    }
    if yes || agreed(ctx, "Acknowledge it all the same? [y/N]") {
        return Ok(());
    }
    let (side, family) = (Side::Ours, Family::NeedsApproval);
    let sentence = format!("{said}; nothing was acknowledged");
    let mut error = ClientError::new(side, family, Here::NotRead, sentence);
    error.details.insert("why".to_owned(), why.reason().to_string());
    Err(error.mended_by(Mend::LetColleagueRead))
}

fn compose(
    mail: &Mail,
    number: u64,
    words: (proto::Words, Option<Level>),
) -> Result<MessageId, ClientError> {
    let boxes = (&mail.inbox, &mail.outbox);
    let made: Result<MessageId, SealError> =
        mail.at_desk(|desk| collect::acknowledge(desk, boxes, number, words))?;
    made.map_err(|error| {
        let error = ClientError::from(error);
        if error.reason == Rule::NotALevel {
            return error.mended_by(Mend::AcknowledgeAtLevel);
        }
        error
    })
}

fn written(ctx: &Context, mail: &Mail, given: &Words) -> Result<proto::Words, ClientError> {
    let named = given.person.clone().or_else(|| ctx.out.ask("Who acknowledges? Your name:"));
    let named = named.filter(|name| !name.trim().is_empty()).ok_or_else(|| {
        let sentence = "an acknowledgement is a human's: it bears a name";
        ClientError::new(Side::Ours, Family::Usage, Here::NoPerson, sentence)
            .mended_by(Mend::AcknowledgeAs)
    })?;
    let person = drafted(ctx, "the name of who acknowledges", &named)?;
    let office = mail.replica.directory()?.contact(&mail.seat.contact());
    let text = given
        .text
        .as_ref()
        .map(|text| proto::Text { language: given.language.clone(), text: text.nfc().collect() });
    Ok(proto::Words {
        person,
        office: office.map(words::name_of).unwrap_or_default(),
        own_reference: given.reference.as_deref().unwrap_or_default().nfc().collect(),
        text,
        ..wording::words()
    })
}

const COPIES: u32 = 100;
/// Messages of a list, unless all are asked for.
const PAGE: usize = 50;
/// Bodies that a list waits for: 100 KiB, if they are alerts.
const FIRST: usize = 16;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::client::message::acknowledge;
    use crate::client::message::compose::Outside;
    use crate::client::message::open::{self, Reader};
    use crate::client::message::receipt::ReceiptError;
    use crate::client::message::testing::{self, AT, FR, Net, seat, sign_key};
    use crate::client::outbox::{Outbox, Request};
    use crate::client::reason::Reason;
    use crate::crypto::sign::KeyId;
    use crate::office::collect::{Desk, Unproven};
    use crate::office::inbox::Inbox;
    use crate::office::page::{Doubt, Unverified};
    use crate::signed::proto::Class;
    use crate::wire::v1;

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

    #[test]
    fn a_message_whose_header_is_not_believed_has_a_row() {
        let mut net = Net::new();
        let frozen = net.newer_rules();
        net.roster("at/cert-at", 2, &["duty-1", "duty-9"]);
        let dir = tempfile::tempdir().unwrap();
        let inbox = Inbox::of(dir.path(), frozen.genesis(), seat(FR).contact());
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
        let doubt = |number, why| Unverified { number, why, asked_again: false };
        found.unverified.push(doubt(4, Doubt::Expired(Unproven::NotExpired)));
        let unknown = NotOpened::BeforeUpdate(KeyId::of(b"key"));
        found.unverified.push(doubt(5, Doubt::Expired(Unproven::Header(unknown))));
        let (what, why) = ("acknowledgement", Refusal::BadSignature(KeyId::of(b"key")));
        let bad = ReceiptError::Refused { what, why: why.clone() };
        let bad = doubt(6, Doubt::Acknowledged(bad));
        found.unverified.push(Unverified { asked_again: true, ..bad });
        let unknown = Doubt::Acknowledged(ReceiptError::BeforeUpdate(what));
        found.unverified.push(doubt(7, unknown));
        assert_eq!(found.messages.len(), 1);
        let rows: Vec<_> =
            found.unverified.iter().map(|row| listed::doubted(row).join(" ")).collect();
        assert_eq!(
            rows,
            [
                "entry 2 unverified    cannot be checked before the update",
                "entry 3 unverified    not opened: BACKDATED",
                "entry 4 unverified    says that a message expired undelivered, which is unproven: the \
                 message has not expired",
                "entry 5 unverified    cannot be checked before the update",
                &format!(
                    "entry 6 unverified    says that a colleague acknowledged, which does not hold: \
                     the acknowledgement: {why}; the relay is asked for it again"
                ),
                "entry 7 unverified    cannot be checked before the update",
            ]
        );
        let reasons =
            found.unverified.iter().map(|row| (row.number, row.why.reason(), row.asked_again));
        let expected = [
            (2, "BEFORE_UPDATE", false),
            (3, "BACKDATED", false),
            (4, "NOT_PROVEN", false),
            (5, "BEFORE_UPDATE", false),
            (6, "BAD_SIGNATURE", true),
            (7, "BEFORE_UPDATE", false),
        ];
        let expected = expected.map(|(number, code, again)| (number, Reason::read(code), again));
        assert!(reasons.eq(expected));
        let why = "cannot be checked before the update";
        assert_eq!(
            listed::doubted_object(&found.unverified[0]),
            json!({ "number": 2, "why": why, "reason": "BEFORE_UPDATE", "asked_again": false })
        );
    }

    #[test]
    fn what_the_relay_passes_on_and_does_not_hold_has_a_row() {
        let mut net = Net::new();
        net.submit(&net.notification().envelope).unwrap();
        let (own, dir) = (seat(FR), tempfile::tempdir().unwrap());
        let inbox = Inbox::of(dir.path(), net.directory.genesis(), own.contact());
        let sent = net.seal(net.outside(FR, &["at/cert-at"]), &testing::notification(0));
        net.put_as(EntryKind::NotDelivered, &own.contact(), &sent.envelope);
        let item = net.collect(FR, 0).0.remove(0);
        let header = net.read(FR, &[], |reader| open::verify_header(reader, (&item.header, 0)));
        let (of, said) = ((&own, &sign_key(&format!("{FR} sign"))), (wording::words(), None));
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
        let index = &Index::default();
        let (sign, view, ambient) = (of.1, net.view(), &net.ambient);
        let numbers = inbox.numbers().unwrap();
        let found =
            Found::of(&Desk { reader, index, sign, view, ambient }, &inbox, &numbers).unwrap();
        let rows = found.unverified.iter().map(|row| (row.number, row.why.reason()));
        let expected = [(2, "NOT_PROVEN"), (4, "RECEIPT_NOT_VERIFIED")];
        assert!(rows.eq(expected.map(|(number, code)| (number, Reason::read(code)))));
        assert_eq!(found.messages.len(), 1);
    }

    /// A co-recipient knows the id of an alert, and may use it: it is another message then.
    #[test]
    fn messages_of_one_id_are_each_read_acknowledged_and_answered() {
        let mut net = Net::new();
        let (own, dir) = (seat(FR), tempfile::tempdir().unwrap());
        let inbox = Inbox::of(&dir.path().join("in"), net.directory.genesis(), own.contact());
        let (inbox, outbox) = (inbox, Outbox::of(&dir.path().join("out")));
        let to_fr = ["fr/cert-fr"];
        let alert = net.notification();
        let sent = net.seal(net.outside(FR, &["pt/cert-pt"]), &testing::notification(0));
        let request = Request::submit(sent.envelope.clone());
        outbox.put((sent.id, sent.header_digest), &request).unwrap();
        let under = |id: MessageId| {
            let id = Bytes::copy_from_slice(id.as_bytes());
            net.forge(net.outside(testing::PT, &to_fr), &testing::notification(0), |addressing| {
                (addressing.id, addressing.thread) = (id.clone(), id);
            })
        };
        // Before the alert or behind it, and under the id of what was sent from here.
        let other = net.seal(net.outside(AT, &to_fr), &testing::notification(0));
        let all = [
            under(alert.id),
            alert.envelope.clone(),
            other.envelope.clone(),
            under(other.id),
            under(sent.id),
        ];
        for envelope in &all {
            net.submit(envelope).unwrap();
        }
        let (items, head) = net.collect(FR, 0);
        let (sign, keys) = (sign_key(&format!("{FR} sign")), testing::opening_keys(FR, 1));
        let (directory, tree, view) = (net.directory.clone(), net.tree.clone(), net.view());
        let (ambient, root_at) = (net.ambient.clone(), |size| tree.root_at(size));
        let reader = Reader { directory: &directory, root_at: &root_at, seat: &own, keys: &keys };
        let index = &Index::default();
        let desk = Desk { reader, index, sign: &sign, view, ambient: &ambient };
        let boxes = (&inbox, &outbox);
        collect::take_all(&desk, boxes, &items).unwrap();
        collect::take_head(&desk, boxes, (&head, 0)).unwrap();
        let index = Index::open(dir.path(), &inbox).unwrap();
        let came = |number| Found::of(&desk, &inbox, &[number]).unwrap().messages.remove(0);
        let sent_here = || {
            let header = open::verify_header(&reader, (&sent.envelope.header, 0)).unwrap();
            vec![header]
        };
        let find = |at: &str| {
            let at: Pointer = at.parse().unwrap();
            at.one(came_at(&index, &at), Mend::Inbox, named).map(|row| came(row.number))
        };
        let answer = |at: &str| {
            let answered = among(sent_here(), &index, &at.parse().unwrap())?;
            Ok::<_, ClientError>(match answered {
                Answered::Sent(header) => header.digest(),
                Answered::Came(number) => came(number).1.digest(),
            })
        };
        for (number, envelope) in (1..).zip(&all) {
            let (kept, header) = find(&number.to_string()).unwrap();
            assert_eq!((kept.place.mailbox.count, &kept.item.header), (number, &envelope.header));
            assert_eq!(find(&header.digest().to_string()).unwrap().1.digest(), header.digest());
            assert!(collect::open_again(&desk, boxes, &kept).unwrap().is_ok());
            let said = (wording::words(), None);
            let words = collect::acknowledge(&desk, boxes, number, said).unwrap();
            let Request::Acknowledge(request) = outbox.request(words).unwrap() else { panic!() };
            net.acknowledge(&own.contact(), &request).unwrap();
            assert_eq!(answer(&number.to_string()).unwrap(), header.digest());
        }
        // An id of several names their numbers, and that of one is as good as its number.
        for (id, numbers) in [(alert.id, [1, 2]), (other.id, [4, 3])] {
            let error = find(&id.to_string()).unwrap_err();
            for (number, from) in numbers.into_iter().zip([testing::PT, AT]) {
                assert!(error.sentence.contains(&format!("{number} from {from}")), "{error}");
            }
        }
        assert_eq!(find(&sent.id.to_string()).unwrap().0.place.mailbox.count, 5);
        let error = answer(&sent.id.to_string()).unwrap_err();
        let ours = format!("{} sent from here", sent.header_digest);
        assert!(error.sentence.contains(&ours) && error.sentence.contains("5 from"), "{error}");
        let ours = answer(&sent.header_digest.to_string()).unwrap();
        assert_eq!(ours, sent.header_digest);
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
            let (number, waits) = (7, Some("Ana".to_owned()));
            let shown = Shown {
                number,
                directory,
                opened,
                content,
                acknowledged,
                waits,
                amiss,
                answered,
                own,
            };
            let text = shown.text();
            assert!(shown.notes().iter().all(|note| text.contains(note)), "{text}");
            assert!(text.contains("by Ana; that waits to be handed in, and goes with"), "{text}");
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
            let (number, waits) = (7, None);
            let shown = Shown {
                number,
                directory,
                opened,
                content,
                acknowledged,
                waits,
                amiss,
                answered,
                own,
            };
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
}
