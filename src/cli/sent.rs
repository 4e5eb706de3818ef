//! `liaison sent`: what became of what this seat sent.
//!
//! In scope: handing in what waits, asking the service, comparing receipts, one wording for each
//! state. Out of scope: verifying (`office`, `client::message`). Invariant: a message without an
//! acknowledgement has "no acknowledgement yet", or words of which it "has not come": nothing is
//! called late or failed.

use std::collections::BTreeMap;

use prost::Message as _;
use serde::Serialize;
use serde_json::{Value, json};

use crate::client::error::{ClientError, Family, Side};
use crate::client::mend::Mend;
use crate::client::message::content::{self, Inside};
use crate::client::message::open::Opened;
use crate::client::message::places::Contradiction;
use crate::client::message::receipt::{self, Comparison, Place, ReceiptError, Told};
use crate::client::message::text::{visible, visible_block};
use crate::client::outbox::{Request, SentState, Stage};
use crate::client::reason::{Here, Reason};
use crate::client::session::Session;
use crate::crypto::hash::Digest;
use crate::domain::directory::Directory;
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::limits;
use crate::domain::relay::acknowledge::VerifiedAcknowledgement;
use crate::domain::relay::addressing::Addressing;
use crate::domain::relay::belief;
use crate::domain::relay::envelope::VerifiedHeader;
use crate::domain::relay::level;
use crate::domain::state::EntryKind;
use crate::office::call::{self, who_cannot};
use crate::office::collect::{self, TakeError};
use crate::office::hand_in;
use crate::office::index::Row;
use crate::office::mail::Mail;
use crate::office::page::has_ended;
use crate::signed::dsse::Envelope;
use crate::signed::proto::{self, Class, Outcome};
use crate::words;

use super::Context;
use super::args::{Pointer, SentArgs, SentCommand};
use super::layout::{self, Lines};
use super::retry::retry;

/// `liaison sent`.
///
/// # Errors
/// [`ClientError`]; exit 6 if the relay told two histories of one mailbox.
pub(crate) async fn sent(ctx: &Context, args: SentArgs) -> Result<(), ClientError> {
    if let Some(SentCommand::Retry(args)) = args.command {
        return retry(ctx, &args).await;
    }
    if args.offline {
        return show(ctx, &Mail::here(&ctx.office)?, Refused::new(), args.id);
    }
    let asked = async {
        let (session, mut mail) = Mail::online(&ctx.office).await?;
        let mut news = mail.collected(&session, (ANSWERS, answers_ours)).await?;
        mail.send_own(&session, &mut news).await?;
        let refused = ask(ctx, (&session, &mut mail), args.id.as_deref()).await?;
        // What the service has lost goes again.
        mail.send_own(&session, &mut news).await?;
        mail.tell(&mut news);
        Ok((session, mail, refused, news))
    };
    match asked.await {
        Ok((session, mut mail, refused, news)) => {
            let shown = show(ctx, &mail, refused, args.id);
            let finished = mail.finish(&session).await;
            let finished = finished.map_err(ClientError::after_its_object);
            shown.and(news.ends()).and(finished)
        }
        Err(error) => ctx.without_service(error, |mail| show(ctx, mail, Refused::new(), args.id)),
    }
}

fn show(
    ctx: &Context,
    mail: &Mail,
    refused: Refused,
    id: Option<String>,
) -> Result<(), ClientError> {
    let mut all = messages(ctx, mail, refused)?;
    for warning in all.iter().filter_map(Sent::unchecked) {
        ctx.out.warn(warning);
    }
    let against = contradictions(mail)?;
    for message in &mut all {
        let id = message.header.addressing().id;
        let shows = against.iter().filter(|of| of.messages.contains(&id));
        message.contradictions = shows.cloned().collect();
    }
    let ids: Vec<MessageId> = all.iter().map(|message| message.header.addressing().id).collect();
    match id {
        Some(prefix) => {
            let prefix = prefix.trim().to_lowercase();
            let matches =
                |message: &Sent| message.header.addressing().id.to_string().starts_with(&prefix);
            let found = all.into_iter().filter(matches).collect();
            let name = |message: &Sent| message.header.addressing().id.to_string();
            let message = Pointer::Id(prefix).one(found, Mend::SentOffline, name)?;
            ctx.out.data_and_end(message.json(), message.holds(), || message.text())
        }
        None => {
            let rows: Vec<Value> = all.iter().map(Sent::json).collect();
            let told = against.iter().map(contradiction_json).collect::<Vec<_>>();
            for past in against.iter().filter(|of| of.past) {
                ctx.out.warn(words::contradiction(past));
            }
            let object = json!({ "messages": rows, "contradictions": told });
            let holds = believed(&against).and_then(|()| all.iter().try_for_each(Sent::holds));
            let ended = ctx.out.data_and_end(object, holds, || {
                if all.is_empty() {
                    return "nothing was sent from here".to_owned();
                }
                let header = ["ID", "TO", "WHEN", "STATE", "TITLE"];
                layout::table(&header, all.iter().map(|message| message.cells(&ids)))
            });
            for message in &all {
                if let Some(mend) = &message.mend {
                    let id = words::short(message.header.addressing().id, &ids);
                    ctx.out.say(format_args!("{id} was not accepted: {}", words::to_do(mend)));
                }
            }
            ended
        }
    }
}

/// Where the relay's receipts contradict each other.
///
/// # Errors
/// The copy of the directory, or files.
pub(super) fn contradictions(mail: &Mail) -> Result<Vec<Contradiction>, ClientError> {
    Ok(mail.at_desk(|desk| collect::contradictions(desk, &mail.outbox))??)
}

/// Where they contradict each other, for programs.
fn contradiction_json(of: &Contradiction) -> Value {
    json!({
        "contact": of.contact.to_string(),
        "epoch": of.epoch,
        "number": of.number,
        "clash": of.clash,
        "messages": of.messages.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "past": of.past,
    })
}

/// The relay does not contradict itself now: what it said of a mailbox that has begun anew since is past.
///
/// # Errors
/// Exit 6; every receipt is in the outbox.
pub(super) fn believed(against: &[Contradiction]) -> Result<(), ClientError> {
    let Some(now) = against.iter().find(|of| !of.past) else { return Ok(()) };
    let (sentence, failed) = (words::contradiction(now), Family::VerificationFailed);
    let error = ClientError::new(Side::Theirs, failed, Here::TwoHistories, sentence);
    Err(error.mended_by(Mend::EndHistory))
}

/// Why what the relay said of a message does not hold, one by one.
type Refused = BTreeMap<MessageId, Vec<ReceiptError>>;

/// Asks the service about each message of which something may still come, or has come in part.
async fn ask(
    ctx: &Context,
    (session, mail): (&Session, &mut Mail),
    prefix: Option<&str>,
) -> Result<Refused, ClientError> {
    let (now, mut refused) = (ctx.office.ambient().now(), Refused::new());
    for id in mail.outbox.ids()? {
        let state = mail.outbox.state(id)?;
        let Some(header) = header_of(mail, id)? else { continue };
        let wanted = prefix.is_none_or(|prefix| id.to_string().starts_with(prefix));
        if wanted && is_open(&state, header.addressing(), now) {
            let lost = may_be_lost(&state, header.addressing(), now);
            refused.insert(id, ask_about(ctx, (session, mail), (id, lost)).await?);
        }
    }
    Ok(refused)
}

/// Whether words stand alone, or a recipient has not acknowledged and still can.
fn is_open(state: &SentState, of: &Addressing, now: u64) -> bool {
    let mut words = state.words.iter();
    let alone = words.any(|seat| !state.acknowledged.contains(seat));
    let signed: Vec<ContactId> = state.acknowledged.iter().map(SeatId::contact).collect();
    let mut contacts = of.recipients.iter().map(|to| &to.contact);
    let open = contacts.any(|to| !signed.contains(to));
    let forgotten = of.expires + limits::ID_REMEMBERED_SECONDS < now;
    alone || (open && !forgotten && state.accepted.is_some())
}

/// Whether the relay, if it does not know it, has lost it: it has not expired, and not every contact has
/// it.
fn may_be_lost(state: &SentState, of: &Addressing, now: u64) -> bool {
    let has = |to: &ContactId| state.delivered.iter().any(|(seat, _)| seat.contact() == *to);
    state.accepted.is_some() && now < of.expires && !of.recipients.iter().all(|to| has(&to.contact))
}

async fn ask_about(
    ctx: &Context,
    (session, mail): (&Session, &mut Mail),
    (id, may_be_lost): (MessageId, bool),
) -> Result<Vec<ReceiptError>, ClientError> {
    let channel = session.connection().channel();
    let status = match hand_in::status((&channel, session.patience()), id).await {
        // The relay forgets after a while; what came before stays here.
        Err(error) if error.family == Family::NotFound => {
            if may_be_lost {
                mail.outbox.offer_again(id)?;
                ctx.out.say(format_args!("{id}: {LOST}; it is handed in again"));
            }
            return Ok(Vec::new());
        }
        status => status?,
    };
    let take =
        |mail: &Mail| mail.at_desk(|desk| collect::take_status(desk, &mail.outbox, (id, &status)));
    let refused = take(mail)??;
    if !refused.iter().any(|why| matches!(why, ReceiptError::SyncFirst(_))) {
        return Ok(refused);
    }
    mail.catch_up(session, &mut crate::office::news::News::default()).await?;
    let size = mail.replica.view()?.size;
    Ok(take(mail)??.into_iter().map(|why| why.beyond("receipt", size)).collect())
}

/// A message that was sent, and everything that came back.
struct Sent {
    header: VerifiedHeader,
    title: Option<String>,
    state: SentState,
    /// It is to be handed in yet.
    waits: bool,
    /// What kept it from that, the last time: a reason, and a sentence.
    kept_back: Option<(Reason, String)>,
    refused: Option<Reason>,
    /// What helps one that was refused.
    mend: Option<Mend>,
    /// The message that went to the others in its place.
    went_as: Option<MessageId>,
    accepted: Option<Accepted>,
    /// Why the relay's receipts that stand here do not hold.
    not_accepted: Option<ReceiptError>,
    /// What else came now or stands here, and does not hold.
    not_held: Vec<ReceiptError>,
    /// Where its receipts contradict others.
    contradictions: Vec<Contradiction>,
    delivered: Vec<Delivered>,
    acknowledged: Vec<Acknowledged>,
    /// Words whose acknowledgement has not come.
    words: Vec<Acknowledged>,
    answers: Vec<Answer>,
}

#[derive(Serialize)]
struct Accepted {
    at: u64,
    places: Vec<(String, u64)>,
    /// The relay's key has ended since.
    key_ended: bool,
    /// Recipients in whose mailboxes the relay has not said that it stands.
    without_place: Vec<String>,
    /// Recipients whose mailbox began anew since, with its epoch.
    new_mailboxes: Vec<(String, u64)>,
}

impl Accepted {
    fn of(directory: &Directory, told: &Told, header: &VerifiedHeader) -> Self {
        let places = told.places().iter();
        let began = told.began().iter();
        let without = header.addressing().recipients.iter().map(|to| &to.contact);
        let without = without.filter(|to| told.places().iter().all(|at| at.contact != **to));
        Self {
            at: told.at(),
            key_ended: told.signers().any(|key| belief::has_ended(directory, key)),
            places: places.map(|at| (at.contact.to_string(), at.mailbox.count)).collect(),
            without_place: without.map(ToString::to_string).collect(),
            new_mailboxes: began.map(|at| (at.contact.to_string(), at.mailbox.epoch)).collect(),
        }
    }
}

#[derive(Serialize)]
struct Delivered {
    seat: String,
    at: u64,
    outcome: String,
    /// Whether sender and recipient were told one history; nothing if it cannot be compared.
    agrees: Option<bool>,
    /// The seat's key has ended since.
    key_ended: bool,
    #[serde(skip)]
    evidence: Option<String>,
}

#[derive(Serialize)]
struct Acknowledged {
    seat: String,
    level: Option<String>,
    /// Its record does not have this level.
    level_lacking: bool,
    /// A key that signed it, or the words, has ended since.
    key_ended: bool,
    at: Option<u64>,
    person: Option<String>,
    office: Option<String>,
    reference: Option<String>,
    text: Option<String>,
    statement: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    /// Its number in the mailbox.
    number: u64,
    id: String,
    from: String,
    #[serde(skip)]
    contact: ContactId,
    title: Option<String>,
    /// A key that signed has ended since.
    key_ended: bool,
}

/// The header of a message to people; nothing for receipts and acknowledgements.
fn header_of(mail: &Mail, id: MessageId) -> Result<Option<VerifiedHeader>, ClientError> {
    let Request::Submit(request) = mail.outbox.request(id)? else { return Ok(None) };
    let bytes = request.envelope.map(|envelope| envelope.header).unwrap_or_default();
    let header = mail.own_header(&bytes)?.ok();
    Ok(header.filter(|header| header.addressing().class != Class::Receipt))
}

fn messages(ctx: &Context, mail: &Mail, mut refused: Refused) -> Result<Vec<Sent>, ClientError> {
    let answers = answers(mail)?;
    let mut all = Vec::new();
    for id in mail.outbox.ids()? {
        let Some(header) = header_of(mail, id)? else { continue };
        let not_held = refused.remove(&id).unwrap_or_default();
        all.push(message(ctx, mail, (id, header, not_held), &answers)?);
    }
    Ok(all)
}

/// What stands in the inbox about messages that were sent.
struct Came {
    number: u64,
    from: SeatId,
    id: MessageId,
    about: Digest,
    inside: Inside,
    /// A key that signed has ended since.
    key_ended: bool,
}

fn answers(mail: &Mail) -> Result<Vec<Came>, ClientError> {
    let mut found = Vec::new();
    for row in mail.index.rows().iter().filter(|row| answers_ours(mail, row)) {
        let kept = mail.inbox.item(row.number)?;
        if kept.kind != EntryKind::Addressed || row.is_receipt() {
            continue;
        }
        let Ok(opened) = mail.opened(&kept)? else { continue };
        found.extend(Came::of(mail.replica.directory()?, row.number, opened));
    }
    Ok(found)
}

/// Whether what came says that it answers what was sent from here.
fn answers_ours(mail: &Mail, row: &Row) -> bool {
    let sent = |about| mail.outbox.find(about).is_ok_and(|id| id.is_some());
    row.is_message() && row.about().is_some_and(sent)
}

impl Came {
    /// What an opened message says of the one that it answers; a receipt stands in the outbox.
    fn of(directory: &Directory, number: u64, opened: Opened) -> Option<Self> {
        let of = opened.header.addressing();
        let about = of.in_reply_to.filter(|_| of.class != Class::Receipt)?;
        Some(Self {
            number,
            from: of.sender.clone(),
            id: of.id,
            about,
            key_ended: has_ended(directory, &opened.header),
            inside: opened.inside,
        })
    }
}

fn message(
    ctx: &Context,
    mail: &Mail,
    (id, header, mut not_held): (MessageId, VerifiedHeader, Vec<ReceiptError>),
    answers: &[Came],
) -> Result<Sent, ClientError> {
    let (mut state, directory) = (mail.outbox.state(id)?, mail.replica.directory()?);
    let request = mail.outbox.request(id)?;
    let opened = match request.envelope() {
        Some(envelope) => mail.opened_own(envelope)?.ok(),
        None => None,
    };
    let title = opened.and_then(|opened| match opened.inside {
        Inside::Content(content) => Some(content.title),
        Inside::Words(_) | Inside::Delivered(_) | Inside::Later(_) => None,
    });
    let (told, not_accepted) = match told(mail, (id, &header))? {
        Ok(told) => (told, None),
        Err(why) => (None, Some(why)),
    };
    // Asked again, the relay's receipt is looked at beside it.
    not_held.retain(|why| Some(why) != not_accepted.as_ref());
    let delivered =
        state.delivered.iter().map(|(seat, _)| delivered(mail, id, seat, told.as_ref()));
    let delivered = delivered.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    let recipients: Vec<&ContactId> =
        header.addressing().recipients.iter().map(|to| &to.contact).collect();
    let mine: Vec<&Came> = answers
        .iter()
        .filter(|came| came.about == header.digest() && recipients.contains(&&came.from.contact()))
        .collect();
    let mut open = Vec::new();
    for seat in &state.acknowledged {
        match acknowledgement(mail, (id, &header), seat)? {
            Some(Ok(verified)) => open.push(verified),
            Some(Err(why)) => not_held.push(why),
            None => {}
        }
    }
    state.acknowledged = open.iter().map(|open| open.seat().clone()).collect();
    let acknowledged =
        open.iter().map(|open| acknowledged(directory, (open.seat(), Some(open)), &mine));
    let acknowledged = acknowledged.collect();
    let (refused, went_as) = (mail.outbox.refused(id)?, mail.outbox.went_as(id)?);
    let lives = ctx.office.ambient().now() < header.addressing().expires && went_as.is_none();
    let mend = refused.as_ref().filter(|_| lives).map(|reason| mend(directory, &header, reason));
    let alone = state.words.iter().filter(|seat| !state.acknowledged.contains(seat));
    let words = alone.map(|seat| self::acknowledged(directory, (seat, None), &mine));
    let words = words.collect();
    Ok(Sent {
        title,
        waits: mail.due()?.iter().any(|due| due.id == id),
        kept_back: mail.outbox.why_kept_back(id)?,
        refused,
        mend,
        went_as,
        accepted: told.map(|told| Accepted::of(directory, &told, &header)),
        not_accepted,
        not_held,
        contradictions: Vec::new(),
        delivered,
        acknowledged,
        words,
        answers: replies(&mine),
        state,
        header,
    })
}

/// What helps a message that was refused for this reason: it may go to others.
fn mend(directory: &Directory, header: &VerifiedHeader, reason: &Reason) -> Mend {
    let of = header.addressing();
    let to = of.recipients.iter().map(|to| &to.contact);
    let cannot = who_cannot(directory, to, (reason, std::iter::empty()));
    let mend = call::mend(of.id, &cannot, of.recipients.len());
    mend.unwrap_or(Mend::RetryIfChanged(of.id))
}

fn replies(came: &[&Came]) -> Vec<Answer> {
    let replies = came.iter().filter_map(|came| match &came.inside {
        Inside::Content(content) => Some(Answer {
            number: came.number,
            id: came.id.to_string(),
            from: came.from.to_string(),
            contact: came.from.contact(),
            title: Some(content.title.clone()),
            key_ended: came.key_ended,
        }),
        Inside::Words(_) | Inside::Delivered(_) | Inside::Later(_) => None,
    });
    replies.collect()
}

/// The relay's receipts, verified again.
fn told(
    mail: &Mail,
    (id, header): (MessageId, &VerifiedHeader),
) -> Result<Result<Option<Told>, ReceiptError>, ClientError> {
    let told = mail.at_desk(|desk| collect::told(desk, &mail.outbox, (id, header)))?;
    match told {
        Ok(told) => Ok(Ok(told)),
        Err(TakeError::Receipt(why)) => Ok(Err(why)),
        Err(other) => Err(other.into()),
    }
}

fn delivered(
    mail: &Mail,
    id: MessageId,
    seat: &SeatId,
    told: Option<&Told>,
) -> Result<Option<Delivered>, ClientError> {
    let Some(bytes) = mail.outbox.delivered_receipt(id, seat)? else { return Ok(None) };
    let Ok(inner) = Envelope::parse(&bytes, bytes.len()) else { return Ok(None) };
    let message = proto::Message::decode(inner.payload().clone()).unwrap_or_default();
    let said = proto::Delivered::decode(message.content).unwrap_or_default();
    let seen = Place::read(said.place.as_ref()).ok();
    let compared = told.zip(seen).map(|(told, seen)| told.compare(&seen, &inner));
    let agrees = match &compared {
        Some(Comparison::Agree) => Some(true),
        Some(Comparison::Differ(_)) => Some(false),
        Some(Comparison::NotNamed) | None => None,
    };
    let evidence = match compared {
        Some(Comparison::Differ(two)) => Some(format!(
            "the relay told this seat number {} and chain value {}, and the recipient number {} \
             and chain value {}",
            two.told.mailbox.count,
            two.told.mailbox.chain,
            two.seen.mailbox.count,
            two.seen.mailbox.chain
        )),
        _ => None,
    };
    Ok(Some(Delivered {
        seat: seat.to_string(),
        at: said.at,
        outcome: words::outcome(content::outcome(&said)),
        agrees,
        key_ended: ended(mail, &inner)?,
        evidence,
    }))
}

/// Whether a key that signed has ended by now.
fn ended(mail: &Mail, signed: &Envelope) -> Result<bool, ClientError> {
    let directory = mail.replica.directory()?;
    Ok(signed.signatures().iter().any(|of| belief::has_ended(directory, of.key_id)))
}

/// The open acknowledgement of a seat, verified again.
fn acknowledgement(
    mail: &Mail,
    (id, header): (MessageId, &VerifiedHeader),
    seat: &SeatId,
) -> Result<Option<Result<VerifiedAcknowledgement, ReceiptError>>, ClientError> {
    let Some(bytes) = mail.outbox.acknowledgement(id, seat)? else { return Ok(None) };
    let verified = mail.at_desk(|desk| {
        let known = (desk.reader.directory, desk.reader.root_at);
        receipt::verify_acknowledgement(known, header, &bytes)
    })?;
    Ok(Some(verified))
}

/// What a seat acknowledged, openly and in words.
fn acknowledged(
    directory: &Directory,
    (seat, open): (&SeatId, Option<&VerifiedAcknowledgement>),
    came: &[&Came],
) -> Acknowledged {
    let words = came.iter().find_map(|came| match &came.inside {
        Inside::Words(words) if came.from == *seat => Some((words, came.key_ended)),
        Inside::Words(_) | Inside::Content(_) | Inside::Delivered(_) | Inside::Later(_) => None,
    });
    let words_ended = words.is_some_and(|(_, ended)| ended);
    let words = words.map(|(words, _)| words);
    let said = |of: fn(&proto::Words) -> &String| {
        words.map(|words| of(words).clone()).filter(|text| !text.is_empty())
    };
    Acknowledged {
        seat: seat.to_string(),
        level: open.map(|open| words::level(open.level())),
        key_ended: open.is_some_and(|open| belief::has_ended(directory, open.key())) || words_ended,
        level_lacking: open.is_some_and(|open| {
            level::is_lacking(directory, &seat.contact(), open.level(), open.view().size)
        }),
        at: open.map(|open| open.at()),
        person: said(|words| &words.person),
        office: said(|words| &words.office),
        reference: said(|words| &words.own_reference),
        statement: said(|words| &words.statement),
        text: words.and_then(|words| words.text.as_ref()).map(|text| text.text.clone()),
    }
}

impl Sent {
    /// One word, which never blames; and that it has expired, if a contact may not have it.
    fn word(&self) -> String {
        let word = self.how_far();
        let expired = match self.contacts().count() {
            1 => words::NOT_RECEIVED,
            _ => words::NOT_ALL_RECEIVED,
        };
        match self.furthest() {
            _ if self.not_received().next().is_none() => word,
            Stage::Sent => word,
            Stage::Accepted if !self.words.is_empty() => word,
            Stage::Accepted => format!("accepted; {expired}"),
            Stage::Delivered | Stage::Acknowledged | Stage::Answered => {
                format!("{word}; {expired}")
            }
        }
    }

    fn how_far(&self) -> String {
        let yet = if self.words.is_empty() { "no acknowledgement yet" } else { NOT_COME };
        if let (Stage::Sent, Some(went_as)) = (self.furthest(), self.went_as) {
            return format!("went to the others as {went_as}");
        }
        match (self.furthest(), &self.refused) {
            (Stage::Sent, Some(reason)) => format!("not accepted: {reason}"),
            (Stage::Sent, None) if !self.words.is_empty() => format!("handed in; {yet}"),
            (Stage::Sent, None) if self.waits => "waits to be handed in".to_owned(),
            (Stage::Sent, None) => "expired before it was handed in".to_owned(),
            (stage @ (Stage::Delivered | Stage::Acknowledged | Stage::Answered), _)
                if self.contacts().count() > 1 =>
            {
                self.of_how_many(stage, yet)
            }
            (Stage::Answered, _) => "answered".to_owned(),
            (Stage::Acknowledged, _) => {
                match self.acknowledged.iter().find_map(|a| a.level.as_ref()) {
                    Some(level) => format!("acknowledged at {level} level"),
                    None => "acknowledged".to_owned(),
                }
            }
            (Stage::Delivered, _) => format!("delivered; {yet}"),
            (Stage::Accepted, None) if self.state.lost && self.waits => {
                "waits to be handed in again".to_owned()
            }
            (Stage::Accepted, _) => format!("accepted; {yet}"),
        }
    }

    /// Who of several acknowledged, in whatever form; an answer is more than that.
    fn of_how_many(&self, stage: Stage, yet: &str) -> String {
        let by = |stage| self.contacts().filter(|to| self.reached(to) >= stage).count();
        let (all, acknowledged) = (self.contacts().count(), by(Stage::Acknowledged));
        match (stage, by(stage)) {
            (Stage::Answered, answered) if answered < acknowledged => {
                format!("answered by {answered}, acknowledged by {acknowledged} of {all} contacts")
            }
            (Stage::Answered, answered) => format!("answered by {answered} of {all} contacts"),
            (Stage::Acknowledged, some) => format!("acknowledged by {some} of {all} contacts"),
            (_, some) => format!("delivered to {some} of {all} contacts; {yet}"),
        }
    }

    /// To whom it went.
    fn contacts(&self) -> impl Iterator<Item = &ContactId> {
        self.header.addressing().recipients.iter().map(|to| &to.contact)
    }

    /// Of whom nothing came that shows that it was received, if it has expired and the relay says that
    /// somebody had not.
    fn not_received(&self) -> impl Iterator<Item = &ContactId> {
        let state = &self.state;
        let seats = state.delivered.iter().map(|(seat, _)| seat).chain(&state.words);
        let told: Vec<ContactId> = seats.map(SeatId::contact).collect();
        let silent = move |to: &&ContactId| {
            state.expired && self.reached(to) == Stage::Accepted && !told.contains(to)
        };
        self.contacts().filter(silent)
    }

    /// How far it has come with one contact.
    fn reached(&self, contact: &ContactId) -> Stage {
        let state = &self.state;
        let mut opened = state.delivered.iter().filter(|(_, how)| *how == Outcome::Opened);
        if self.answers.iter().any(|answer| answer.contact == *contact) {
            Stage::Answered
        } else if state.acknowledged.iter().any(|seat| seat.contact() == *contact) {
            Stage::Acknowledged
        } else if opened.any(|(seat, _)| seat.contact() == *contact) {
            Stage::Delivered
        } else if state.accepted.is_some() {
            Stage::Accepted
        } else {
            Stage::Sent
        }
    }

    fn furthest(&self) -> Stage {
        self.contacts().map(|to| self.reached(to)).max().unwrap_or(Stage::Sent)
    }

    /// The same for programs: it has come as far as with the contact that is furthest behind.
    fn stage(&self) -> &'static str {
        match self.contacts().map(|to| self.reached(to)).min().unwrap_or(Stage::Sent) {
            Stage::Sent if self.went_as.is_some() => "went_to_others",
            Stage::Sent if self.refused.is_some() => REFUSED,
            // The relay has it: words came.
            Stage::Sent if !self.words.is_empty() => "sent",
            Stage::Sent if self.waits => WAITS,
            Stage::Sent => "expired",
            stage => stage_name(stage),
        }
    }

    /// Who of several has not acknowledged: whom to call, if it cannot wait.
    fn not_yet(&self) -> Vec<String> {
        if self.contacts().count() < 2 || self.furthest() == Stage::Sent {
            return Vec::new();
        }
        let silent: Vec<&ContactId> = self.not_received().collect();
        let open = self.contacts().filter(|to| self.reached(to) < Stage::Acknowledged);
        let open = open.filter(|to| !silent.contains(to));
        let said = open.map(|to| {
            let reached = stage_name(self.reached(to));
            format!("by {to} ({reached}): its numbers: liaison directory show {to}")
        });
        said.collect()
    }

    fn to(&self) -> String {
        self.contacts().map(ContactId::as_str).collect::<Vec<_>>().join(", ")
    }

    fn cells(&self, ids: &[MessageId]) -> Vec<String> {
        let of = &self.header.addressing();
        let drill = of.drill.as_ref().map(|drill| format!("{} ", words::drill(drill)));
        let title = visible(self.title.as_deref().unwrap_or_default());
        vec![
            words::short(of.id, ids),
            self.to(),
            words::when(of.created),
            self.word(),
            format!("{}{title}", drill.unwrap_or_default()),
        ]
    }

    fn text(&self) -> String {
        let of = &self.header.addressing();
        let mut lines = Lines::default();
        if let Some(drill) = &of.drill {
            lines.line("drill", words::drill(drill));
        }
        lines.line("title", visible(self.title.as_deref().unwrap_or("not opened here")));
        lines.line("id", of.id.to_string());
        lines.line("digest", self.header.digest().to_string());
        lines.line("to", self.to());
        lines.line("written", words::when(of.created));
        lines.line("state", self.word());
        for contact in self.not_yet() {
            lines.line("not yet", contact);
        }
        for to in self.not_received() {
            let why = "no receipt of it came, and the message has expired";
            lines.line("call", format!("{to}: {why}; its numbers: liaison directory show {to}"));
        }
        let why = self.kept_back.as_ref().map(|(_, why)| visible(why));
        match (self.stage(), why) {
            (WAITS, why) => {
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                lines.line("waits", format!("since {}{why}", words::when(of.created)));
            }
            (REFUSED, Some(why)) => lines.line("refused", why),
            _ => {}
        }
        if let Some(mend) = &self.mend {
            lines.line("mend", words::to_do(mend));
        }
        if self.state.lost {
            lines.line("lost", LOST);
        }
        if let Some(accepted) = &self.accepted {
            let at = words::when(accepted.at);
            for (contact, number) in &accepted.places {
                lines
                    .line("accepted", format!("{at}, number {number} in the mailbox of {contact}"));
            }
            if accepted.key_ended {
                lines.line("accepted", words::ENDED);
            }
            for contact in &accepted.without_place {
                lines.line("accepted", format!("{at}; not yet in the mailbox of {contact}"));
            }
            for (contact, epoch) in &accepted.new_mailboxes {
                lines.line(
                    "new mailbox",
                    format!("the service was restored: {contact} has a new one, epoch {epoch}"),
                );
            }
        } else if let Some(why) = &self.not_accepted {
            lines.line("accepted", format!("yes; {why}"));
        }
        for why in &self.not_held {
            lines.line("unverified", why.to_string());
        }
        for contradiction in &self.contradictions {
            lines.line("relay", words::contradiction(contradiction));
        }
        for delivered in &self.delivered {
            let agrees = match delivered.agrees {
                Some(true) => "; both were told the same",
                Some(false) => "; THE RELAY TOLD TWO HISTORIES",
                None => "",
            };
            let (seat, at) = (&delivered.seat, words::when(delivered.at));
            let ended =
                if delivered.key_ended { format!("; {}", words::ENDED) } else { String::new() };
            let outcome = &delivered.outcome;
            lines.line("delivered", format!("{seat}, {at}: {outcome}{agrees}{ended}"));
        }
        for acknowledged in &self.acknowledged {
            lines.line("acknowledged", acknowledged.line());
            if let Some(text) = &acknowledged.text {
                lines.line("  words", visible_block(text));
            }
        }
        for words in &self.words {
            lines.line("words", format!("{}; {NOT_COME}", words.line()));
            if let Some(text) = &words.text {
                lines.line("  words", visible_block(text));
            }
        }
        for answer in &self.answers {
            let title = visible(answer.title.as_deref().unwrap_or_default());
            let ended =
                if answer.key_ended { format!("; {}", words::ENDED) } else { String::new() };
            let (from, number) = (&answer.from, answer.number);
            lines.line("answered", format!("{from}: {title} (number {number}){ended}"));
        }
        lines.text()
    }

    fn json(&self) -> Value {
        let of = &self.header.addressing();
        let to = self.contacts().map(ToString::to_string);
        let silent: Vec<&ContactId> = self.not_received().collect();
        let contacts = self.contacts().map(|to| {
            let stage = stage_name(self.reached(to));
            json!({ "contact": to.to_string(), "stage": stage, "call": silent.contains(&to) })
        });
        let waits = self.stage() == WAITS;
        let kept_back = self.kept_back.as_ref().filter(|_| waits);
        let unverified = self.unverified().map(|why| {
            json!({ "why": why.to_string(), "reason": ClientError::from(why.clone()).reason })
        });
        json!({
            "id": of.id.to_string(),
            "digest": self.header.digest().to_string(),
            "thread": of.thread.to_string(),
            "to": to.collect::<Vec<_>>(),
            "created": of.created,
            "drill": of.drill.as_ref().map(words::drill),
            "title": self.title,
            "stage": self.stage(),
            "contacts": contacts.collect::<Vec<_>>(),
            "waits": self.waits,
            "lost": self.state.lost,
            "waits_since": waits.then_some(of.created),
            "waits_for": kept_back.map(|(reason, why)| json!({ "reason": reason, "sentence": why })),
            "refused": self.refused,
            "mend": self.mend.as_ref().map(words::to_do),
            "went_as": self.went_as.map(|id| id.to_string()),
            "accepted": self.accepted,
            "unverified": unverified.collect::<Vec<_>>(),
            "delivered": self.delivered,
            "acknowledged": self.acknowledged,
            "words_alone": self.words,
            "answered": self.answers,
            "disputed": self.delivered.iter().any(|one| one.agrees == Some(false)),
            "contradictions":
                self.contradictions.iter().map(contradiction_json).collect::<Vec<_>>(),
        })
    }

    /// What the relay says, and does not hold.
    fn unverified(&self) -> impl Iterator<Item = &ReceiptError> {
        self.not_accepted.iter().chain(&self.not_held)
    }

    /// What the relay signed with a key that is not known yet is no failure.
    fn unchecked(&self) -> Option<String> {
        let id = self.header.addressing().id;
        let waits = self.unverified().any(|why| matches!(why, ReceiptError::BeforeUpdate(_)));
        waits.then(|| format!("what the relay says of {id} {}", words::UNCHECKED))
    }

    /// What was shown, and does not hold.
    fn holds(&self) -> Result<(), ClientError> {
        self.disputed()?;
        believed(&self.contradictions)?;
        let failed = self.unverified().find(|why| !matches!(why, ReceiptError::BeforeUpdate(_)));
        failed.map_or(Ok(()), |why| Err(why.clone().into()))
    }

    /// The relay told two histories: both signatures are in the outbox.
    fn disputed(&self) -> Result<(), ClientError> {
        let Some(evidence) = self.delivered.iter().find_map(|one| one.evidence.as_ref()) else {
            return Ok(());
        };
        let id = self.header.addressing().id;
        let sentence = format!("{id}: {evidence}; both receipts are kept in the outbox");
        let failed = Family::VerificationFailed;
        Err(ClientError::new(Side::Theirs, failed, Here::TwoHistories, sentence))
    }
}

impl Acknowledged {
    fn line(&self) -> String {
        let lacking = if self.level_lacking { words::LACKING } else { "" };
        let level = self.level.as_ref().map(|level| format!(", at {level} level{lacking}"));
        let at = self.at.map(|at| format!(", {}", words::when(at)));
        let person = self.person.as_ref().map(|person| format!(", by {}", visible(person)));
        let office = self.office.as_ref().map(|office| format!(" of {}", visible(office)));
        let number = self.reference.as_ref().map(|of| format!(", their number {}", visible(of)));
        let ended = self.key_ended.then(|| format!(", {}", words::ENDED));
        let rest = [level, person, office, at, number, ended].into_iter().flatten();
        format!("{}{}", self.seat, rest.collect::<String>())
    }
}

/// How far a message has come, for programs.
const fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Sent => "sent",
        Stage::Accepted => "accepted",
        Stage::Delivered => "delivered",
        Stage::Acknowledged => "acknowledged",
        Stage::Answered => "answered",
    }
}

/// Answers and receipts that are waited for: each of 32 contacts with 16 seats has told.
const ANSWERS: usize = 512;

/// It was accepted, and is there no more.
const LOST: &str =
    "the service accepted it, and does not know it any more: older data was put back there";

/// It was not handed in yet.
const WAITS: &str = "waits";
/// It is not handed in again by itself.
const REFUSED: &str = "refused";

/// Behind words that alone acknowledge nothing: what is open comes by another way.
const NOT_COME: &str = "its acknowledgement has not come";

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::client::message::compose::Outside;
    use crate::client::message::testing::{self, AT, FR, Net, seat};
    use crate::client::message::words as wording;
    use crate::domain::relay::addressing::OrLater;
    use crate::domain::relay::envelope::verify_header;

    /// A message that the relay has.
    fn message_of(net: &Net) -> Sent {
        let header = verify_header(&net.directory, &net.notification().envelope.header).unwrap();
        Sent {
            title: None,
            state: SentState {
                id: header.addressing().id,
                accepted: Some(Bytes::new()),
                delivered: Vec::new(),
                acknowledged: Vec::new(),
                words: Vec::new(),
                answered: Vec::new(),
                expired: false,
                lost: false,
            },
            waits: false,
            kept_back: None,
            refused: None,
            mend: None,
            went_as: None,
            accepted: None,
            not_accepted: None,
            not_held: Vec::new(),
            contradictions: Vec::new(),
            delivered: Vec::new(),
            acknowledged: Vec::new(),
            words: Vec::new(),
            answers: Vec::new(),
            header,
        }
    }

    #[test]
    fn what_was_not_handed_in_waits_was_refused_or_has_expired() {
        let mut sent = message_of(&Net::new());
        sent.state.accepted = None;
        assert_eq!(
            (sent.word(), sent.stage()),
            ("expired before it was handed in".to_owned(), "expired")
        );
        sent.waits = true;
        assert_eq!(sent.word(), "waits to be handed in");
        let since = sent.header.addressing().created;
        let stage = |sent: &Sent| {
            let json = sent.json();
            ["stage", "waits", "waits_since", "waits_for"].map(|name| json[name].clone())
        };
        assert_eq!(stage(&sent), [json!("waits"), json!(true), json!(since), Value::Null]);
        let why = ("NO_CONNECTION".into(), "nobody answers".to_owned());
        sent.kept_back = Some(why);
        let why = json!({ "reason": "NO_CONNECTION", "sentence": "nobody answers" });
        assert_eq!(stage(&sent)[3], why);
        let said = format!("since {}: nobody answers", words::when(since));
        assert!(sent.text().contains(&said), "{}", sent.text());
        sent.refused = Some("WRONG_LETTERS".into());
        assert_eq!(sent.word(), "not accepted: WRONG_LETTERS");
        assert!(sent.text().contains("nobody answers"), "what the code says in words");
        // Since when it waited does not matter any more.
        assert_eq!(stage(&sent)[0], "refused");
        assert_eq!(stage(&sent)[2..], [Value::Null, Value::Null]);
        let other = MessageId::new(1, [1; 10]);
        sent.went_as = Some(other);
        let said = format!("went to the others as {other}");
        assert_eq!((sent.word(), sent.text().contains(&said)), (said, true));
        assert_eq!(sent.json()["went_as"], other.to_string());
        assert_eq!(stage(&sent)[0], "went_to_others");
    }

    /// An officer asks whom to call still.
    #[test]
    fn what_went_to_several_says_of_how_many_and_by_whom_not_yet() {
        let mut sent = message_of(&Net::new());
        let seen = |sent: &Sent| {
            let json = sent.json();
            let stages =
                [0, 1].map(|at| json["contacts"][at]["stage"].as_str().unwrap().to_owned());
            (sent.word(), json["stage"].as_str().unwrap().to_owned(), stages)
        };
        let is = |word: &str, stage: &str, each: [&str; 2]| {
            (word.to_owned(), stage.to_owned(), each.map(ToOwned::to_owned))
        };
        let (fr, pt) = (seat(FR), seat(testing::PT));
        sent.state.delivered = vec![(fr.clone(), OrLater::Known(Outcome::Opened))];
        let said = "delivered to 1 of 2 contacts; no acknowledgement yet";
        assert_eq!(seen(&sent), is(said, "accepted", ["delivered", "accepted"]));
        sent.state.acknowledged = vec![fr.clone()];
        let said = "acknowledged by 1 of 2 contacts";
        assert_eq!(seen(&sent), is(said, "accepted", ["acknowledged", "accepted"]));
        let silent = "by pt/cert-pt (accepted): its numbers: liaison directory show pt/cert-pt";
        assert_eq!(sent.not_yet(), [silent]);
        assert!(sent.text().contains(silent), "{}", sent.text());
        // Two seats of one contact are one contact.
        sent.state.acknowledged.push(seat(testing::FR_2));
        assert_eq!(sent.word(), said);
        sent.answers = vec![Answer {
            number: 1,
            id: String::new(),
            from: fr.to_string(),
            contact: fr.contact(),
            title: None,
            key_ended: false,
        }];
        let said = "answered by 1 of 2 contacts";
        assert_eq!(seen(&sent), is(said, "accepted", ["answered", "accepted"]));
        sent.state.acknowledged.push(pt);
        let said = "answered by 1, acknowledged by 2 of 2 contacts";
        assert_eq!(seen(&sent), is(said, "acknowledged", ["answered", "acknowledged"]));
        assert!(sent.not_yet().is_empty());
    }

    /// The relay says that not all have it: who has, shows by receipts.
    #[test]
    fn what_expired_says_whom_to_call_of_whom_nothing_came() {
        let mut sent = message_of(&Net::new());
        sent.state.expired = true;
        let call = |sent: &Sent| {
            let json = sent.json();
            [0, 1].map(|at| json["contacts"][at]["call"].as_bool().unwrap())
        };
        let expired = "expired; the relay says that not every contact had received it by then";
        assert_eq!((sent.word(), call(&sent)), (format!("accepted; {expired}"), [true, true]));
        let (fr, pt) = (seat(FR), seat(testing::PT));
        let said = |to: &str| {
            let why = "no receipt of it came, and the message has expired; its numbers";
            format!("{to}: {why}: liaison directory show {to}")
        };
        let text = sent.text();
        assert!(text.contains(&said("fr/cert-fr")) && text.contains(&said("pt/cert-pt")), "{text}");
        // A receipt says otherwise, whatever it says.
        sent.state.delivered = vec![(fr.clone(), OrLater::Known(Outcome::Opened))];
        let word = format!("delivered to 1 of 2 contacts; no acknowledgement yet; {expired}");
        assert_eq!((sent.word(), call(&sent)), (word, [false, true]));
        assert!(!sent.text().contains(&said("fr/cert-fr")), "{}", sent.text());
        let open = "by fr/cert-fr (delivered): its numbers: liaison directory show fr/cert-fr";
        assert_eq!(sent.not_yet(), [open]);
        sent.state.delivered.push((pt.clone(), OrLater::Known(Outcome::NoKey)));
        let word = "delivered to 1 of 2 contacts; no acknowledgement yet";
        assert_eq!((sent.word(), call(&sent)), (word.to_owned(), [false, false]));
        // So do words, and an acknowledgement.
        sent.state.delivered.pop();
        sent.state.words = vec![pt.clone()];
        assert_eq!(call(&sent), [false, false]);
        (sent.state.words, sent.state.acknowledged) = (Vec::new(), vec![pt]);
        assert_eq!(call(&sent), [false, false]);
        sent.state.expired = false;
        sent.state.acknowledged.clear();
        assert_eq!(call(&sent), [false, false], "the relay says nothing");
    }

    #[test]
    fn words_whose_acknowledgement_has_not_come_are_shown_so() {
        let mut sent = message_of(&Net::new());
        sent.words = vec![Acknowledged {
            seat: "fr/cert-fr/duty-1".to_owned(),
            level: None,
            level_lacking: false,
            key_ended: false,
            at: None,
            person: Some("A. Martin".to_owned()),
            office: None,
            reference: None,
            text: None,
            statement: None,
        }];
        let (text, json) = (sent.text(), sent.json());
        let said = "fr/cert-fr/duty-1, by A. Martin; its acknowledgement has not come";
        assert!(text.contains(said), "{text}");
        assert_eq!((&json["acknowledged"], &json["stage"]), (&json!([]), &json!("accepted")));
        assert_eq!(json["words_alone"][0]["person"], "A. Martin");
        // Whatever the relay said or not: somebody has read it.
        assert_eq!(sent.word(), "accepted; its acknowledgement has not come");
        sent.state.expired = true;
        assert_eq!(sent.word(), "accepted; its acknowledgement has not come");
        sent.state.accepted = None;
        assert_eq!(sent.word(), "handed in; its acknowledgement has not come");
        sent.words.clear();
        sent.waits = true;
        assert_eq!(sent.word(), "waits to be handed in");
        sent.state.accepted = Some(Bytes::new());
        let said =
            "accepted; expired; the relay says that not every contact had received it by then";
        assert_eq!(sent.word(), said);
        sent.state.expired = false;
        assert_eq!(sent.word(), "accepted; no acknowledgement yet");
    }

    /// Who has acknowledged openly is known by asking only.
    #[test]
    fn the_relay_is_asked_while_something_may_come_or_words_stand_alone() {
        let sent = message_of(&Net::new());
        let of = sent.header.addressing();
        let (early, late) = (of.created, of.expires + limits::ID_REMEMBERED_SECONDS + 1);
        let asked = |change: &dyn Fn(&mut SentState)| {
            let mut state = sent.state.clone();
            change(&mut state);
            [early, late].map(|now| is_open(&state, of, now))
        };
        let [fr, colleague, pt] = [FR, testing::FR_2, testing::PT].map(seat);
        assert_eq!(asked(&|_| ()), [true, false]);
        assert_eq!(asked(&|state| state.accepted = None), [false, false]);
        let words = |state: &mut SentState| state.words = vec![fr.clone()];
        assert_eq!(asked(&words), [true, true]);
        assert_eq!(asked(&|state| (words(state), state.accepted = None).1), [true, true]);
        let all = vec![colleague.clone(), pt.clone()];
        assert_eq!(asked(&|state| state.acknowledged.clone_from(&all)), [false, false]);
        let both = |state: &mut SentState| (words(state), state.acknowledged.clone_from(&all)).1;
        assert_eq!(asked(&both), [true, true]);
        let same = |state: &mut SentState| (words(state), state.acknowledged = vec![fr.clone()]).1;
        assert_eq!(asked(&same), [true, false]);
    }

    #[test]
    fn words_and_replies_of_a_key_that_has_ended_are_shown_so() {
        let mut net = Net::new();
        let mut sent = message_of(&net);
        let about = (sent.header.digest(), sent.header.addressing());
        let open = |net: &Net, class, inside: &Inside| {
            let outside = Outside::answering(&net.directory, seat(FR), about, class, net.view());
            let sealed = net.seal(outside, inside);
            net.open(AT, &testing::item(&sealed.envelope, AT)).unwrap()
        };
        let said = Inside::Words(Box::new(wording::words()));
        let both = [(Class::Acknowledgement, said), (Class::Reply, testing::notification(0))];
        let opened = both.map(|(class, inside)| open(&net, class, &inside));
        net.revoke_sign_key(FR);
        let [came, reply] = opened.map(|opened| Came::of(&net.directory, 7, opened).unwrap());
        assert!(came.key_ended && reply.key_ended);
        sent.words = vec![acknowledged(&net.directory, (&seat(FR), None), &[&came])];
        assert!(sent.words[0].key_ended);
        sent.words.clear();
        sent.answers = replies(&[&came, &reply]);
        let said = " (number 7); signed by a key that has since ended";
        assert!(sent.text().contains(said), "{}", sent.text());
        assert_eq!(sent.json()["answered"][0]["key_ended"], true);
    }

    #[test]
    fn a_receipt_that_does_not_hold_is_shown_with_why() {
        let net = Net::new();
        for why in [
            ReceiptError::BeforeUpdate("accepted receipt"),
            ReceiptError::NotTheRelay("accepted receipt"),
        ] {
            let said = format!("yes; {why}");
            let kept = Sent { not_accepted: Some(why.clone()), ..message_of(&net) };
            let (json, error) = (kept.json(), ClientError::from(why.clone()));
            let unverified = json!([{ "why": error.sentence, "reason": error.reason }]);
            assert_eq!((&json["accepted"], &json["unverified"]), (&Value::Null, &unverified));
            assert_eq!(kept.unchecked().is_some(), error.reason.code() == "BEFORE_UPDATE");
            assert_eq!(kept.holds().is_err(), error.reason.code() == "RECEIPT_NOT_VERIFIED");
            let text = Sent { not_accepted: Some(why), ..message_of(&net) }.text();
            assert!(text.contains(&said), "{text}");
        }
    }

    #[test]
    fn what_the_relay_says_and_cannot_be_checked_yet_ends_nothing() {
        let net = Net::new();
        let says = |not_held: &[ReceiptError]| {
            let sent = Sent { not_held: not_held.to_vec(), ..message_of(&net) };
            let id = sent.header.addressing().id;
            let warning =
                format!("what the relay says of {id} cannot be checked before the update");
            let (text, json) = (sent.text(), sent.json());
            for (at, why) in not_held.iter().enumerate() {
                let said = why.to_string();
                assert!(text.contains(&said), "{text}");
                assert_eq!(json["unverified"][at]["why"], said);
            }
            let warned = sent.unchecked().map(|said| said == warning);
            (warned, sent.holds().map_err(|why| why.reason.to_string()))
        };
        let unknown = ReceiptError::BeforeUpdate("accepted receipt");
        let failed = ReceiptError::NotTheRelay("accepted receipt");
        let reason = "RECEIPT_NOT_VERIFIED".to_owned();
        assert_eq!(says(std::slice::from_ref(&unknown)), (Some(true), Ok(())));
        assert_eq!(says(std::slice::from_ref(&failed)), (None, Err(reason.clone())));
        assert_eq!(says(&[unknown, failed]), (Some(true), Err(reason)));
        assert_eq!(says(&[]), (None, Ok(())));
    }

    #[test]
    fn an_acknowledgement_says_who_and_at_which_level() {
        let said = Acknowledged {
            seat: "fr/cert-fr/duty-1".to_owned(),
            level: Some("technical".to_owned()),
            level_lacking: true,
            key_ended: true,
            at: Some(0),
            person: Some("A. Martin\u{1b}".to_owned()),
            office: Some("CERT-FR".to_owned()),
            reference: None,
            text: None,
            statement: None,
        };
        assert_eq!(
            said.line(),
            "fr/cert-fr/duty-1, at technical level (a level that its record does not have), by \
             A. Martin\\u{1b} of CERT-FR, 1970-01-01 00:00 UTC, signed by a key that has since ended"
        );
    }
}
