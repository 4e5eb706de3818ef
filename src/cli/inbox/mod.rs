//! `liaison inbox`: what came, opened, and acknowledged by a human.
//!
//! In scope: listing, showing one message, acknowledging, on the screen and for programs. Out of scope: collecting,
//! opening and verifying, sealing, writing files (`office`). Invariants: text of others is made visible; TLP and drill
//! mark stand before everything else; nothing is acknowledged without a name; no file is written
//! over.

mod follow;
mod listed;
mod shown;

use std::path::Path;

use serde_json::{Value, json};

use crate::office::acknowledge::{Own, Says, sentence};
use crate::office::attachments::NotSaved;
use crate::office::error::{ClientError, Family, Here, Mend, Reason, Rule, Side};
use crate::office::files;
use crate::office::inbox::Gone;
use crate::office::mail::Mail;
use crate::office::message::{Acknowledging, Named, NoMessage, NotShown};
use crate::office::muted::{Muted, Sender};
use crate::office::page::{Came, Listed, State, Wanted};
use crate::office::pointer::Pointer;
use crate::office::terms::{ContactId, Level, MessageId};
use crate::words::{self, visible};

use super::Context;
use super::args::{InboxArgs, InboxCommand};
use super::fields::drafted;
use super::pointer::not_one;
use super::statement::agreed;

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
    mail.mute(who, muted)?;
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
    match ctx.office.with_first_bodies(wanted).await {
        Ok((session, mut mail)) => {
            show(ctx, &mail, wanted)?;
            ctx.out.written()?;
            mail.finish(&session).await.map_err(ClientError::after_its_object)
        }
        Err(error) => ctx.without_service(error, |mail| show(ctx, mail, wanted)),
    }
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
        match listed::table(&ctx.out, &page.messages, &page.unverified, (page.more, page.muted)) {
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
        ctx.out.suggest(format_args!("read it: liaison inbox read {}", only.number));
    } else if let Some(new) = page.messages.iter().find(is_new) {
        ctx.out.suggest(format_args!("read one: liaison inbox read {}", new.number));
    }
    Ok(())
}

/// What had expired before it was collected, and what the service has lost, for programs.
fn gone_json(all: &[Gone]) -> [Vec<Value>; 2] {
    let (mut expired, mut lost) = (Vec::new(), Vec::new());
    for gone in all {
        let kind = gone.kind.map(|kind| kind.byte());
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
        return gone.fault(sentence).mended_by(mend);
    }
    let sentence = words::gone(std::slice::from_ref(gone)).concat();
    gone.fault(sentence).mended_by(Mend::Inbox)
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
    let saved = save.map(|folder| shown.save(folder).map_err(|why| not_saved(folder, why)));
    let saved = saved.transpose()?.unwrap_or_default();
    let waits = shown.waits.map(|own| by_whom(&mail, own)).transpose()?;
    let screen = Screen::of(&shown, waits);
    if let Err(error) = mail.mark_read(shown.number) {
        ctx.out.not_kept("that it was read cannot be kept", &error);
    }
    ctx.out.data(&screen.object(&saved), || screen.text());
    for path in &saved {
        ctx.out.say(format_args!("saved {}", path.display()));
    }
    if shown.asks_for_acknowledgement() {
        let number = shown.number;
        ctx.out
            .suggest(format_args!("to acknowledge it: liaison inbox ack {number} --person NAME"));
    }
    // That it was opened is told when it was shown.
    match session {
        Some(session) => mail.send_due(&session).await,
        None => Ok(()),
    }
}

/// Why attachments are not all written.
fn not_saved(folder: &Path, why: NotSaved) -> ClientError {
    match why {
        NotSaved::File(why) => files::cannot_use(why),
        NotSaved::Full(count) => {
            let sentence = format!("{} holds {count} files of this name already", folder.display());
            ClientError::new(Side::Ours, Family::Usage, Here::FileExists, sentence)
        }
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
    let own = match mail.acknowledging(header.digest())? {
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
            Own::Waits(own)
        }
        Acknowledging::Open => {
            if let Err(why) = mail.opened(&kept)? {
                unread(ctx, number, &words::not_opened(&why), &why.reason(), yes)?;
            }
            ctx.out.say(format_args!("What is signed: {}", sentence(&given.language)));
            Own::New(written(ctx, &mail, &given)?)
        }
    };
    let sealed = mail.seal_acknowledgement(number, own).await?;
    let person = by_whom(&mail, sealed.id)?;
    let went = mail.hand_in_acknowledgement(sealed).await;
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
        "statement": sentence(&given.language),
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
fn unread(
    ctx: &Context,
    number: u64,
    not_opened: &str,
    why: &Reason,
    yes: bool,
) -> Result<(), ClientError> {
    let said = format!("nobody here has read message {number} ({not_opened})");
    if yes || ctx.out.asks() {
        ctx.out.warn(&said);
    }
    if yes || agreed(ctx, "Acknowledge it all the same? [y/N]") {
        return Ok(());
    }
    let (side, family) = (Side::Ours, Family::NeedsApproval);
    let sentence = format!("{said}; nothing was acknowledged");
    let mut error = ClientError::new(side, family, Here::NotRead, sentence);
    error.details.insert("why".to_owned(), why.to_string());
    Err(error.mended_by(Mend::LetColleagueRead))
}

fn written(ctx: &Context, mail: &Mail, given: &Words) -> Result<Says, ClientError> {
    let named = given.person.clone().or_else(|| ctx.out.ask("Who acknowledges? Your name:"));
    let named = named.filter(|name| !name.trim().is_empty()).ok_or_else(|| {
        let sentence = "an acknowledgement is a human's: it bears a name";
        ClientError::new(Side::Ours, Family::Usage, Here::NoPerson, sentence)
            .mended_by(Mend::AcknowledgeAs)
    })?;
    let person = drafted(ctx, "the name of who acknowledges", &named)?;
    let office = mail.own_names()?;
    Ok(Says {
        person,
        office: office.as_ref().map(words::own_name).unwrap_or_default(),
        reference: given.reference.clone(),
        text: given.text.clone(),
        language: given.language.clone(),
        level: given.level,
    })
}

/// Messages of a list, unless all are asked for.
const PAGE: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::message::open::{self, NotOpened, Reader};
    use crate::client::message::receipt::ReceiptError;
    use crate::domain::refusal::Refusal;
    use crate::office::collect::Unproven;
    use crate::office::inbox::Inbox;
    use crate::office::page::{Doubt, Found, Unverified};
    use crate::office::terms::KeyId;
    use crate::wire::v1;
    use crate::world::relay::{self, AT, FR, Net, seat};

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
            let sealed = net.seal(net.outside(from, &["fr/cert-fr"]), &relay::notification(0));
            inbox.put(&v1::Item { number, ..relay::item(&sealed.envelope, FR) }).unwrap();
            let kept = inbox.item(number).unwrap();
            let key = KeyId::of(b"key");
            let backdated = NotOpened::Backdated { key, ended: 2, floor: 3 };
            let header = open::verify_header(&reader, (&kept.item.header, 0));
            found.add(kept, if is_backdated { Err(backdated) } else { header });
        };
        add(1, relay::PT, false);
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
