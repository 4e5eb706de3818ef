//! `liaison sent`: what became of what this seat sent.
//!
//! In scope: one wording for each state, the table, the objects, how the command ends. Out of scope: asking the
//! service, comparing receipts, how far a message has come (`office::sent`). Invariant: a message without an
//! acknowledgement has "no acknowledgement yet", or words of which it "has not come": nothing is called late
//! or failed.

use serde_json::{Value, json};

use crate::office::call;
use crate::office::error::{ClientError, Family, Here, Mend, Side};
use crate::office::mail::Mail;
use crate::office::pointer::Pointer;
use crate::office::sent::{
    Accepted, Acknowledged, Answer, Delivered, Fault, HowFar, NotHeld, Page, Sent, Stands,
    contradicted,
};
use crate::office::terms::{ContactId, Contradiction, MessageId, Stage};
use crate::words::{self, visible, visible_block};

use super::Context;
use super::args::{SentArgs, SentCommand};
use super::layout::{self, Lines};
use super::output::Output;
use super::pointer::not_one;
use super::retry::retry;

/// `liaison sent`.
///
/// # Errors
/// [`ClientError`]; exit 6 if the relay told two histories of one mailbox.
pub(crate) async fn sent(ctx: &Context, args: SentArgs) -> Result<(), ClientError> {
    if let Some(SentCommand::Retry(args)) = args.command {
        return retry(ctx, &args).await;
    }
    let at = args.id.as_ref();
    let here = |mail: &Mail| show(ctx, &mail.sent(NotHeld::new())?, at);
    if args.offline {
        return here(&Mail::here(&ctx.office)?);
    }
    match ctx.office.ask_what_became(at).await {
        Ok(asked) => {
            let shown = asked.page().and_then(|page| show(ctx, &page, at));
            let finished = asked.finish().await;
            shown.and(finished)
        }
        Err(error) => ctx.without_service(error, here),
    }
}

fn show(ctx: &Context, page: &Page, at: Option<&Pointer>) -> Result<(), ClientError> {
    for sent in page.messages.iter().filter(|sent| sent.is_unchecked()) {
        let id = sent.header.addressing().id;
        ctx.out.warn(format_args!("what the relay says of {id} {}", words::UNCHECKED));
    }
    match at {
        Some(at) => show_one(ctx, page, at),
        None => show_all(ctx, page),
    }
}

fn show_one(ctx: &Context, page: &Page, at: &Pointer) -> Result<(), ClientError> {
    let name = |sent: &&Sent| sent.header.addressing().id.to_string();
    let sent = page.at(at);
    let sent = sent.map_err(|why| not_one(at, why, Mend::SentOffline, name))?;
    ctx.out.data_and_end(object(&ctx.out, sent), ended(sent.fault()), || text(&ctx.out, sent))
}

fn show_all(ctx: &Context, page: &Page) -> Result<(), ClientError> {
    let all = &page.messages;
    let ids: Vec<MessageId> = all.iter().map(|sent| sent.header.addressing().id).collect();
    let against = &page.contradictions;
    for past in against.iter().filter(|of| of.past) {
        ctx.out.warn(words::contradiction(past));
    }
    let object = json!({
        "messages": all.iter().map(|sent| object(&ctx.out, sent)).collect::<Vec<_>>(),
        "contradictions": against.iter().map(contradiction_object).collect::<Vec<_>>(),
    });
    let ended = ctx.out.data_and_end(object, ended(page.fault()), || {
        if all.is_empty() {
            return "nothing was sent from here".to_owned();
        }
        let header = ["ID", "TO", "WHEN", "STATE", "TITLE"];
        layout::table(&header, all.iter().map(|sent| cells(sent, &ids)))
    });
    for sent in all {
        if let Some(mend) = mend(sent) {
            let id = words::short(sent.header.addressing().id, &ids);
            ctx.out.say(format_args!("{id} was not accepted: {}", ctx.out.to_do(&mend)));
        }
    }
    ended
}

/// Nothing was shown that does not hold.
///
/// # Errors
/// Exit 6.
fn ended(fault: Option<Fault<'_>>) -> Result<(), ClientError> {
    let failed = Family::VerificationFailed;
    match fault {
        None => Ok(()),
        Some(Fault::TwoHistories(id, two)) => {
            let (told, seen) = (&two.told.mailbox, &two.seen.mailbox);
            let sentence = format!(
                "{id}: the relay told this seat number {} and chain value {}, and the recipient number {} \
                 and chain value {}; both receipts are kept in the outbox",
                told.count, told.chain, seen.count, seen.chain
            );
            Err(ClientError::new(Side::Theirs, failed, Here::TwoHistories, sentence))
        }
        Some(Fault::Contradiction(of)) => {
            let sentence = words::contradiction(of);
            let error = ClientError::new(Side::Theirs, failed, Here::TwoHistories, sentence);
            Err(error.mended_by(Mend::EndHistory))
        }
        Some(Fault::NotHeld(why)) => Err(why.clone().into()),
    }
}

/// The relay does not contradict itself now.
///
/// # Errors
/// Exit 6.
pub(super) fn believed(against: &[Contradiction]) -> Result<(), ClientError> {
    ended(contradicted(against))
}

/// What helps a message that was refused: it may go to others.
fn mend(sent: &Sent) -> Option<Mend> {
    let of = sent.header.addressing();
    let cannot = sent.cannot.as_ref()?.iter().map(|(contact, why)| (contact, *why));
    let mend = call::mend(of.id, &cannot.collect::<Vec<_>>(), of.recipients.len());
    Some(mend.unwrap_or(Mend::RetryIfChanged(of.id)))
}

/// One word, which never blames; and that it has expired, if a contact may not have it.
fn word(sent: &Sent) -> String {
    let overdue = sent.is_overdue().then(|| match sent.contacts().count() {
        1 => words::NOT_RECEIVED,
        _ => words::NOT_ALL_RECEIVED,
    });
    match (sent.how_far(), overdue) {
        (HowFar::Accepted, Some(expired)) => format!("accepted; {expired}"),
        (far, Some(expired)) => format!("{}; {expired}", how_far(sent, far)),
        (far, None) => how_far(sent, far),
    }
}

fn how_far(sent: &Sent, far: HowFar<'_>) -> String {
    let yet = if sent.words.is_empty() { "no acknowledgement yet" } else { NOT_COME };
    match far {
        HowFar::WentToOthers(id) => format!("went to the others as {id}"),
        HowFar::NotAccepted(reason) => format!("not accepted: {reason}"),
        HowFar::HandedIn => format!("handed in; {yet}"),
        HowFar::Waits => "waits to be handed in".to_owned(),
        HowFar::WaitsAgain => "waits to be handed in again".to_owned(),
        HowFar::Expired => "expired before it was handed in".to_owned(),
        HowFar::Accepted => format!("accepted; {yet}"),
        HowFar::Delivered => format!("delivered; {yet}"),
        HowFar::Acknowledged(Some(level)) => {
            format!("acknowledged at {} level", words::level(level))
        }
        HowFar::Acknowledged(None) => "acknowledged".to_owned(),
        HowFar::Answered => "answered".to_owned(),
        HowFar::OfSeveral { stage: Stage::Answered, by, acknowledged, of } if by < acknowledged => {
            format!("answered by {by}, acknowledged by {acknowledged} of {of} contacts")
        }
        HowFar::OfSeveral { stage: Stage::Answered, by, of, .. } => {
            format!("answered by {by} of {of} contacts")
        }
        HowFar::OfSeveral { stage: Stage::Acknowledged, by, of, .. } => {
            format!("acknowledged by {by} of {of} contacts")
        }
        HowFar::OfSeveral { by, of, .. } => format!("delivered to {by} of {of} contacts; {yet}"),
    }
}

fn to(sent: &Sent) -> String {
    sent.contacts().map(ContactId::as_str).collect::<Vec<_>>().join(", ")
}

fn cells(sent: &Sent, ids: &[MessageId]) -> Vec<String> {
    let of = &sent.header.addressing();
    let drill = of.drill.as_ref().map(|drill| format!("{} ", words::drill(drill)));
    let title = visible(sent.title.as_deref().unwrap_or_default());
    vec![
        words::short(of.id, ids),
        to(sent),
        words::when(of.created),
        word(sent),
        format!("{}{title}", drill.unwrap_or_default()),
    ]
}

/// All that is known of one.
fn text(out: &Output, sent: &Sent) -> String {
    let of = &sent.header.addressing();
    let mut lines = Lines::default();
    if let Some(drill) = &of.drill {
        lines.line("drill", words::drill(drill));
    }
    lines.line("title", visible(sent.title.as_deref().unwrap_or("not opened here")));
    lines.line("id", of.id.to_string());
    lines.line("digest", sent.header.digest().to_string());
    lines.line("to", to(sent));
    lines.line("written", words::when(of.created));
    lines.line("state", word(sent));
    for (to, stage) in sent.not_yet() {
        let reached = stage_name(stage);
        let numbers = out.suggested(format_args!("liaison directory show {to}"));
        lines.line("not yet", format!("by {to} ({reached}): its numbers: {numbers}"));
    }
    for to in sent.not_received() {
        let why = "no receipt of it came, and the message has expired";
        let numbers = out.suggested(format_args!("liaison directory show {to}"));
        lines.line("call", format!("{to}: {why}; its numbers: {numbers}"));
    }
    let why = sent.kept_back.as_ref().map(|(_, why)| visible(why));
    match (sent.stands(), why) {
        (Stands::Waits, why) => {
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            lines.line("waits", format!("since {}{why}", words::when(of.created)));
        }
        (Stands::Refused, Some(why)) => lines.line("refused", why),
        _ => {}
    }
    if let Some(mend) = mend(sent) {
        lines.line("mend", out.to_do(&mend));
    }
    if sent.state.lost {
        lines.line("lost", words::LOST_BY_SERVICE);
    }
    what_the_relay_says(sent, &mut lines);
    what_came_back(sent, &mut lines);
    lines.text()
}

fn what_the_relay_says(sent: &Sent, lines: &mut Lines) {
    if let Some(accepted) = &sent.accepted {
        let at = words::when(accepted.at);
        for (contact, number) in &accepted.places {
            lines.line("accepted", format!("{at}, number {number} in the mailbox of {contact}"));
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
    } else if let Some(why) = &sent.not_accepted {
        lines.line("accepted", format!("yes; {why}"));
    }
    for why in &sent.not_held {
        lines.line("unverified", why.to_string());
    }
    for contradiction in &sent.contradictions {
        lines.line("relay", words::contradiction(contradiction));
    }
}

fn what_came_back(sent: &Sent, lines: &mut Lines) {
    let ended = |of: bool| if of { format!("; {}", words::ENDED) } else { String::new() };
    for delivered in &sent.delivered {
        let agrees = match delivered.agrees() {
            Some(true) => "; both were told the same",
            Some(false) => "; THE RELAY TOLD TWO HISTORIES",
            None => "",
        };
        let (seat, at) = (&delivered.seat, words::when(delivered.at));
        let (ended, outcome) = (ended(delivered.key_ended), words::outcome(delivered.outcome));
        lines.line("delivered", format!("{seat}, {at}: {outcome}{agrees}{ended}"));
    }
    for acknowledged in &sent.acknowledged {
        lines.line("acknowledged", line(acknowledged));
        if let Some(text) = &acknowledged.text {
            lines.line("  words", visible_block(text));
        }
    }
    for words in &sent.words {
        lines.line("words", format!("{}; {NOT_COME}", line(words)));
        if let Some(text) = &words.text {
            lines.line("  words", visible_block(text));
        }
    }
    for answer in &sent.answers {
        let (title, ended) = (visible(&answer.title), ended(answer.key_ended));
        let (from, number) = (&answer.from, answer.number);
        lines.line("answered", format!("{from}: {title} (number {number}){ended}"));
    }
}

fn line(of: &Acknowledged) -> String {
    let lacking = if of.level_lacking { words::LACKING } else { "" };
    let level = of.level.map(|level| format!(", at {} level{lacking}", words::level(level)));
    let at = of.at.map(|at| format!(", {}", words::when(at)));
    let person = of.person.as_ref().map(|person| format!(", by {}", visible(person)));
    let office = of.office.as_ref().map(|office| format!(" of {}", visible(office)));
    let number = of.reference.as_ref().map(|of| format!(", their number {}", visible(of)));
    let ended = of.key_ended.then(|| format!(", {}", words::ENDED));
    let rest = [level, person, office, at, number, ended].into_iter().flatten();
    format!("{}{}", of.seat, rest.collect::<String>())
}

/// The same for programs.
fn object(out: &Output, sent: &Sent) -> Value {
    let of = &sent.header.addressing();
    let to = sent.contacts().map(ToString::to_string);
    let silent: Vec<&ContactId> = sent.not_received().collect();
    let contacts = sent.contacts().map(|to| {
        let stage = stage_name(sent.reached(to));
        json!({ "contact": to.to_string(), "stage": stage, "call": silent.contains(&to) })
    });
    let waits = sent.stands() == Stands::Waits;
    let kept_back = sent.kept_back.as_ref().filter(|_| waits);
    let unverified = sent.unverified().map(
        |why| json!({ "why": why.to_string(), "reason": ClientError::from(why.clone()).reason }),
    );
    json!({
        "id": of.id.to_string(),
        "digest": sent.header.digest().to_string(),
        "thread": of.thread.to_string(),
        "to": to.collect::<Vec<_>>(),
        "created": of.created,
        "drill": of.drill.as_ref().map(words::drill),
        "title": sent.title,
        "stage": stands_name(sent.stands()),
        "contacts": contacts.collect::<Vec<_>>(),
        "waits": sent.waits,
        "lost": sent.state.lost,
        "waits_since": waits.then_some(of.created),
        "waits_for": kept_back.map(|(reason, why)| json!({ "reason": reason, "sentence": why })),
        "refused": sent.refused,
        "mend": mend(sent).map(|mend| out.to_do(&mend)),
        "went_as": sent.went_as.map(|id| id.to_string()),
        "accepted": sent.accepted.as_ref().map(accepted_object),
        "unverified": unverified.collect::<Vec<_>>(),
        "delivered": sent.delivered.iter().map(delivered_object).collect::<Vec<_>>(),
        "acknowledged": sent.acknowledged.iter().map(acknowledged_object).collect::<Vec<_>>(),
        "words_alone": sent.words.iter().map(acknowledged_object).collect::<Vec<_>>(),
        "answered": sent.answers.iter().map(answer_object).collect::<Vec<_>>(),
        "disputed": sent.is_disputed(),
        "contradictions":
            sent.contradictions.iter().map(contradiction_object).collect::<Vec<_>>(),
    })
}

fn accepted_object(of: &Accepted) -> Value {
    let numbered = |all: &[(ContactId, u64)]| {
        let all = all.iter().map(|(contact, number)| json!([contact.to_string(), number]));
        all.collect::<Vec<_>>()
    };
    json!({
        "at": of.at,
        "places": numbered(&of.places),
        "key_ended": of.key_ended,
        "without_place": of.without_place.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "new_mailboxes": numbered(&of.new_mailboxes),
    })
}

fn delivered_object(of: &Delivered) -> Value {
    json!({
        "seat": of.seat.to_string(),
        "at": of.at,
        "outcome": words::outcome(of.outcome),
        "agrees": of.agrees(),
        "key_ended": of.key_ended,
    })
}

fn acknowledged_object(of: &Acknowledged) -> Value {
    json!({
        "seat": of.seat.to_string(),
        "level": of.level.map(words::level),
        "level_lacking": of.level_lacking,
        "key_ended": of.key_ended,
        "at": of.at,
        "person": of.person,
        "office": of.office,
        "reference": of.reference,
        "text": of.text,
        "statement": of.statement,
    })
}

fn answer_object(of: &Answer) -> Value {
    json!({
        "number": of.number,
        "id": of.id.to_string(),
        "from": of.from.to_string(),
        "title": of.title,
        "key_ended": of.key_ended,
    })
}

/// Where the relay's receipts contradict each other, for programs.
fn contradiction_object(of: &Contradiction) -> Value {
    json!({
        "contact": of.contact.to_string(),
        "epoch": of.epoch,
        "number": of.number,
        "clash": of.clash,
        "messages": of.messages.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "past": of.past,
    })
}

/// How a message stands, for programs.
const fn stands_name(stands: Stands) -> &'static str {
    match stands {
        Stands::WentToOthers => "went_to_others",
        Stands::Refused => "refused",
        Stands::Waits => "waits",
        Stands::Expired => "expired",
        Stands::Reached(stage) => stage_name(stage),
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

/// Behind words that alone acknowledge nothing: what is open comes by another way.
const NOT_COME: &str = "its acknowledgement has not come";
#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::client::message::receipt::ReceiptError;
    use crate::office::sent::tests::{answer_of, message_of, words_of};
    use crate::office::terms::{Level, OrLater, Outcome};
    use crate::world::relay::{self, FR, Net, seat};

    fn text(sent: &Sent) -> String {
        super::text(&Output::new(false, true), sent)
    }

    fn object(sent: &Sent) -> Value {
        super::object(&Output::new(true, true), sent)
    }

    #[test]
    fn what_was_not_handed_in_waits_was_refused_or_has_expired() {
        let mut sent = message_of(&Net::new());
        sent.state.accepted = None;
        assert_eq!(word(&sent), "expired before it was handed in");
        sent.waits = true;
        assert_eq!(word(&sent), "waits to be handed in");
        let since = sent.header.addressing().created;
        let stage = |sent: &Sent| {
            let json = object(sent);
            ["stage", "waits", "waits_since", "waits_for"].map(|name| json[name].clone())
        };
        assert_eq!(stage(&sent), [json!("waits"), json!(true), json!(since), Value::Null]);
        let why = ("NO_CONNECTION".into(), "nobody answers".to_owned());
        sent.kept_back = Some(why);
        let why = json!({ "reason": "NO_CONNECTION", "sentence": "nobody answers" });
        assert_eq!(stage(&sent)[3], why);
        let said = format!("since {}: nobody answers", words::when(since));
        assert!(text(&sent).contains(&said), "{}", text(&sent));
        sent.refused = Some("WRONG_LETTERS".into());
        assert_eq!(word(&sent), "not accepted: WRONG_LETTERS");
        assert!(text(&sent).contains("nobody answers"), "what the code says in words");
        // Since when it waited does not matter any more.
        assert_eq!(stage(&sent)[0], "refused");
        assert_eq!(stage(&sent)[2..], [Value::Null, Value::Null]);
        let other = MessageId::new(1, [1; 10]);
        sent.went_as = Some(other);
        let said = format!("went to the others as {other}");
        assert_eq!((word(&sent), text(&sent).contains(&said)), (said, true));
        assert_eq!(object(&sent)["went_as"], other.to_string());
        assert_eq!(stage(&sent)[0], "went_to_others");
    }

    #[test]
    fn what_helps_is_said_of_what_was_refused_and_can_still_go() {
        let mut sent = message_of(&Net::new());
        assert_eq!(object(&sent)["mend"], Value::Null);
        sent.cannot = Some(Vec::new());
        let id = sent.header.addressing().id;
        let again = format!("liaison sent retry {id}, if that has changed");
        assert_eq!(object(&sent)["mend"], again);
        assert!(text(&sent).contains(&again), "{}", text(&sent));
        sent.cannot = Some(vec![(seat(FR).contact(), call::Why::WithoutSeats)]);
        let others = format!("liaison sent retry {id} --skip-full sends to the others now");
        assert!(text(&sent).contains(&others), "{}", text(&sent));
    }

    /// An officer asks whom to call still.
    #[test]
    fn what_went_to_several_says_of_how_many_and_by_whom_not_yet() {
        let mut sent = message_of(&Net::new());
        let seen = |sent: &Sent| {
            let json = object(sent);
            let stages =
                [0, 1].map(|at| json["contacts"][at]["stage"].as_str().unwrap().to_owned());
            (word(sent), json["stage"].as_str().unwrap().to_owned(), stages)
        };
        let is = |word: &str, stage: &str, each: [&str; 2]| {
            (word.to_owned(), stage.to_owned(), each.map(ToOwned::to_owned))
        };
        let (fr, pt) = (seat(FR), seat(relay::PT));
        sent.state.delivered = vec![(fr.clone(), OrLater::Known(Outcome::Opened))];
        let said = "delivered to 1 of 2 contacts; no acknowledgement yet";
        assert_eq!(seen(&sent), is(said, "accepted", ["delivered", "accepted"]));
        sent.state.acknowledged = vec![fr];
        let said = "acknowledged by 1 of 2 contacts";
        assert_eq!(seen(&sent), is(said, "accepted", ["acknowledged", "accepted"]));
        let silent = "by pt/cert-pt (accepted): its numbers: liaison directory show pt/cert-pt";
        assert!(text(&sent).contains(silent), "{}", text(&sent));
        sent.answers = vec![answer_of(FR)];
        let said = "answered by 1 of 2 contacts";
        assert_eq!(seen(&sent), is(said, "accepted", ["answered", "accepted"]));
        sent.state.acknowledged.push(pt);
        let said = "answered by 1, acknowledged by 2 of 2 contacts";
        assert_eq!(seen(&sent), is(said, "acknowledged", ["answered", "acknowledged"]));
        assert!(!text(&sent).contains("not yet"));
    }

    /// The relay says that not all have it: who has, shows by receipts.
    #[test]
    fn what_expired_says_whom_to_call_of_whom_nothing_came() {
        let mut sent = message_of(&Net::new());
        sent.state.expired = true;
        let call = |sent: &Sent| {
            let json = object(sent);
            [0, 1].map(|at| json["contacts"][at]["call"].as_bool().unwrap())
        };
        let expired = "expired; the relay says that not every contact had received it by then";
        assert_eq!((word(&sent), call(&sent)), (format!("accepted; {expired}"), [true, true]));
        let said = |to: &str| {
            let why = "no receipt of it came, and the message has expired; its numbers";
            format!("{to}: {why}: liaison directory show {to}")
        };
        let shown = text(&sent);
        assert!(shown.contains(&said("fr/cert-fr")) && shown.contains(&said("pt/cert-pt")));
        // A receipt says otherwise, whatever it says.
        sent.state.delivered = vec![(seat(FR), OrLater::Known(Outcome::Opened))];
        let delivered = "delivered to 1 of 2 contacts; no acknowledgement yet";
        let both = format!("{delivered}; {expired}");
        assert_eq!((word(&sent), call(&sent)), (both, [false, true]));
        assert!(!text(&sent).contains(&said("fr/cert-fr")), "{}", text(&sent));
        let open = "by fr/cert-fr (delivered): its numbers: liaison directory show fr/cert-fr";
        assert!(text(&sent).contains(open), "{}", text(&sent));
        sent.state.delivered.push((seat(relay::PT), OrLater::Known(Outcome::NoKey)));
        assert_eq!((word(&sent), call(&sent)), (delivered.to_owned(), [false, false]));
    }

    #[test]
    fn words_whose_acknowledgement_has_not_come_are_shown_so() {
        let mut sent = message_of(&Net::new());
        sent.words = vec![words_of(FR, "A. Martin")];
        let (shown, json) = (text(&sent), object(&sent));
        let said = "fr/cert-fr/duty-1, by A. Martin; its acknowledgement has not come";
        assert!(shown.contains(said), "{shown}");
        assert_eq!((&json["acknowledged"], &json["stage"]), (&json!([]), &json!("accepted")));
        assert_eq!(json["words_alone"][0]["person"], "A. Martin");
        assert_eq!(word(&sent), "accepted; its acknowledgement has not come");
        sent.state.expired = true;
        assert_eq!(word(&sent), "accepted; its acknowledgement has not come");
        sent.state.accepted = None;
        assert_eq!(word(&sent), "handed in; its acknowledgement has not come");
        assert_eq!(object(&sent)["stage"], "sent");
        sent.words.clear();
        sent.waits = true;
        assert_eq!(word(&sent), "waits to be handed in");
        sent.state.accepted = Some(Bytes::new());
        let said =
            "accepted; expired; the relay says that not every contact had received it by then";
        assert_eq!(word(&sent), said);
        sent.state.expired = false;
        assert_eq!(word(&sent), "accepted; no acknowledgement yet");
    }

    #[test]
    fn what_a_key_signed_that_has_ended_is_shown_so() {
        let mut sent = message_of(&Net::new());
        sent.answers = vec![Answer { number: 7, key_ended: true, ..answer_of(FR) }];
        let said = " (number 7); signed by a key that has since ended";
        assert!(text(&sent).contains(said), "{}", text(&sent));
        assert_eq!(object(&sent)["answered"][0]["key_ended"], true);
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
            let (json, error) = (object(&kept), ClientError::from(why));
            let unverified = json!([{ "why": error.sentence, "reason": error.reason }]);
            assert_eq!((&json["accepted"], &json["unverified"]), (&Value::Null, &unverified));
            assert!(text(&kept).contains(&said), "{}", text(&kept));
        }
    }

    #[test]
    fn what_the_relay_says_and_does_not_hold_is_shown_and_ends_the_command() {
        let net = Net::new();
        let unknown = ReceiptError::BeforeUpdate("accepted receipt");
        let failed = ReceiptError::NotTheRelay("accepted receipt");
        let sent = Sent { not_held: vec![unknown, failed], ..message_of(&net) };
        let (shown, json) = (text(&sent), object(&sent));
        for (at, why) in sent.not_held.iter().enumerate() {
            assert!(shown.contains(&why.to_string()), "{shown}");
            assert_eq!(json["unverified"][at]["why"], why.to_string());
        }
        let error = ended(sent.fault()).unwrap_err();
        let failed = (Family::VerificationFailed, "RECEIPT_NOT_VERIFIED");
        assert_eq!((error.family, error.reason.code()), failed);
        assert_eq!(ended(message_of(&net).fault()), Ok(()));
    }

    #[test]
    fn an_acknowledgement_says_who_and_at_which_level() {
        let said = Acknowledged {
            level: Some(Level::Technical),
            level_lacking: true,
            key_ended: true,
            at: Some(0),
            office: Some("CERT-FR".to_owned()),
            ..words_of(FR, "A. Martin\u{1b}")
        };
        assert_eq!(
            line(&said),
            "fr/cert-fr/duty-1, at technical level (a level that its record does not have), by \
             A. Martin\\u{1b} of CERT-FR, 1970-01-01 00:00 UTC, signed by a key that has since ended"
        );
    }
}
