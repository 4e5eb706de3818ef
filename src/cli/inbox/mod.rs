//! `liaison inbox`: what came, opened, and acknowledged by a human.
//!
//! In scope: collecting, listing, showing one message, acknowledging. Out of scope: opening and
//! verifying (`client::message`, `office`). Invariants: text of others is made visible; TLP and drill
//! mark stand before everything else; nothing is acknowledged without a name; no file is written
//! over.

mod follow;
mod listed;
mod shown;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization as _;

use crate::client::fate::Sending;
use crate::client::message::open::NotOpened;
use crate::client::message::words as wording;
use crate::client::place;
use crate::client::reach::session::Session;
use crate::domain::refusal::Refusal;
use crate::domain::state::EntryKind;
use crate::office::collect::{self, SealError};
use crate::office::error::{ClientError, Family, Here, Mend, Rule, Side};
use crate::office::fate::{kept_back, not_sealed};
use crate::office::inbox::Gone;
use crate::office::index::Row;
use crate::office::mail::Mail;
use crate::office::message::{Acknowledging, Named, NoMessage, NotShown};
use crate::office::muted::{Muted, Sender};
use crate::office::page::{Came, Listed, State, Wanted};
use crate::office::pointer::Pointer;
use crate::office::terms::{ContactId, Level, MessageId};
use crate::signed::proto;
use crate::words::{self, visible};

use super::args::{InboxArgs, InboxCommand};
use super::fields::drafted;
use super::pointer::not_one;
use super::statement::agreed;
use super::{Context, cannot_use};

use self::shown::Screen;

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
    if let Err(error) = mail.told_gone(gone) {
        ctx.out.not_kept(GONE_NOT_KEPT, &error);
    }
}

const GONE_NOT_KEPT: &str = "that it was said what is gone cannot be kept";

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

/// Why a message is not shown, and what mends that.
pub(super) fn not_shown(at: &Pointer, why: NotShown, mend: Mend) -> ClientError {
    match why {
        NotShown::NotOne(why) => not_one(at, why, mend, named),
        NotShown::Gone(gone) => nothing_left(&gone),
        NotShown::NoMessage(number, what) => no_message(number, &what),
        NotShown::NotConnected(number, error) => {
            let sentence = format!("only the header of {number} is here: {error}");
            ClientError { sentence, ..*error }
        }
        NotShown::NotFetched(number, why) => not_fetched(number, why.as_deref()),
        NotShown::Expired(came) => expired(&came),
        NotShown::NotOpened(number, why) => {
            let what = if why.is_refusal() { "refused" } else { "not opened" };
            let error = ClientError::from(*why);
            let sentence = format!("message {number} was {what}: {}", error.sentence);
            ClientError { sentence, ..error }
        }
        NotShown::NothingToRead => {
            let sentence = "nothing to read";
            ClientError::new(Side::Ours, Family::Usage, Here::NotAMessage, sentence)
        }
        NotShown::Failed(error) => *error,
    }
}

/// What points at a message, and at no other.
fn named(name: &Named) -> String {
    match name {
        Named::Came(number, sender) => format!("{number} from {}", visible(sender)),
        Named::Sent(digest) => format!("{digest} sent from here"),
    }
}

/// Under its number nothing was left when it was collected.
fn nothing_left(gone: &Gone) -> ClientError {
    if let Some(from) = &gone.lost {
        let (sentence, mend) = words::lost(gone.first, gone.kind, from);
        let error = ClientError { sentence, ..Refusal::BodyDamaged.into() };
        return error.mended_by(mend);
    }
    let sentence = words::gone(std::slice::from_ref(gone)).concat();
    ClientError::new(Side::Ours, Family::NotFound, Rule::MessageExpired, sentence)
        .mended_by(Mend::Inbox)
}

fn no_message(number: u64, what: &NoMessage) -> ClientError {
    let why = match what {
        NoMessage::Doubted(why) => &listed::doubt(why),
        NoMessage::Receipt => "a receipt: liaison sent shows it",
        NoMessage::Acknowledgement => "an acknowledgement: liaison sent shows it",
        NoMessage::Other => "no message to people",
    };
    let sentence = format!("entry {number} of the mailbox: {why}");
    ClientError::new(Side::Ours, Family::NotFound, Rule::UnknownMessage, sentence)
        .mended_by(Mend::Inbox)
}

/// Only the header of a message is here, and nobody here has to do anything for the rest to come.
fn not_fetched(number: u64, why: Option<&ClientError>) -> ClientError {
    let mut sentence = format!("message {number} could not be fetched, only its header is here");
    let side = match why {
        Some(why) => {
            sentence.push_str(&format!(": {why}"));
            why.side
        }
        None => Side::Theirs,
    };
    ClientError::new(side, Family::NotReachable, Here::NotFetched, sentence)
        .mended_by(Mend::Read(number))
}

async fn read(ctx: &Context, at: &Pointer, save: Option<&Path>) -> Result<(), ClientError> {
    let not_shown = |why| not_shown(at, why, Mend::Inbox);
    let mut mail = Mail::here(&ctx.office)?;
    let (came, session) = mail.find(at).await.map_err(not_shown)?;
    let shown = mail.read(&came).map_err(not_shown)?;
    let saved = match (save, shown.content()) {
        (Some(folder), Some(content)) => save_all(folder, &content.attachments)?,
        (Some(folder), None) => save_all(folder, &[])?,
        (None, _) => Vec::new(),
    };
    let waits = shown.waits.map(|own| by_whom(&mail, own)).transpose()?;
    let screen = Screen::of(&shown, mail.replica.directory()?, waits);
    if let Err(error) = mail.mark_read(shown.number) {
        ctx.out.not_kept("that it was read cannot be kept", &error);
    }
    ctx.out.data(&screen.object(&saved), || screen.text());
    for path in &saved {
        ctx.out.say(format_args!("saved {}", path.display()));
    }
    if shown.asks_for_acknowledgement() {
        let number = shown.number;
        ctx.out.say(format_args!("to acknowledge it: liaison inbox ack {number} --person NAME"));
    }
    // That it was opened is told when it was shown.
    match session {
        Some(session) => mail.send_due(&session).await,
        None => Ok(()),
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
    let found = mail.find(at).await.map_err(|why| not_shown(at, why, Mend::Inbox))?;
    let ((kept, header), _) = found;
    let (number, id) = (kept.place.mailbox.count, header.addressing().id.to_string());
    let made = match mail.acknowledging(header.digest())? {
        Acknowledging::Done(own) => {
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
        Acknowledging::Waits(own) => {
            let whom = by_whom(&mail, own)?;
            ctx.out.say(format_args!(
                "{number} is acknowledged by {} already, and that waits: it is handed in now, and \
                 nobody else's",
                visible(&whom)
            ));
            Ok(own)
        }
        Acknowledging::Open => {
            if let Err(why) = mail.opened(&kept)? {
                unread(ctx, (number, &why), yes)?;
            }
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
    use super::*;
    use crate::client::message::open::{self, Reader};
    use crate::client::message::receipt::ReceiptError;
    use crate::client::message::testing::{self, AT, FR, Net, seat};
    use crate::office::collect::Unproven;
    use crate::office::error::Reason;
    use crate::office::inbox::Inbox;
    use crate::office::page::{Doubt, Found, Unverified};
    use crate::office::terms::KeyId;
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
}
