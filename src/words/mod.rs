//! The words of every screen: one wording for each code, note and value.
//!
//! In scope: codes of messages and records, what an office tells, times and lengths. Out of scope: what is
//! said where (each face), tables and columns (`cli`). Invariants: one word for one thing; foreign text passes
//! through [`crate::client::message::text`] before it stands here.

mod calls;
mod directory;
mod drafts;
mod fr;
mod language;
mod lives;
mod mends;
mod notes;

use crate::client::mend::Mend;
use crate::client::message::open::NotOpened;
use crate::client::message::places::{Clash, Contradiction};
use crate::client::message::receipt::ReceiptError;
pub use crate::client::message::text::{visible, visible_block};
use crate::client::replica::Frozen;
use crate::crypto::hash::Digest;
pub use crate::crypto::sign::eye;
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::relay::addressing::OrLater;
use crate::domain::relay::envelope::VerifiedHeader;
use crate::domain::state::{EntryKind, LaterKind};
pub use crate::moment::{span, when};
use crate::office::collect::Unproven;
use crate::office::inbox::Gone;
use crate::office::message::To;
use crate::signed::proto::{self, Class, DrillKind, Flag, Kind, Level, Outcome, Tlp, Urgency};

pub use calls::{called, left_out, lines, read_out, script, why_call};
pub use directory::{
    believed, member_name, next_in_line, own_name, part, proof, proven, seen, takes_part,
};
pub use drafts::{lacking, looked_up, strange};
pub use language::{Language, Marks};
pub use lives::{holds, runs_out, service_runs_out};
pub use mends::{signers, to_do};
pub use notes::{YOU, by, mend, note, record_over, sentence, spelled, unkept, whom, work};

/// How the relay contradicts itself, and what shows it.
#[must_use]
pub fn contradiction(of: &Contradiction) -> String {
    let Contradiction { contact, epoch, number, clash, messages, past } = of;
    let of = messages.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    let what = match clash {
        Clash::OneNumberTwice => "is given twice",
        Clash::TwoPlaces => "is the second one of one message",
        Clash::NotFollowing => "does not follow from what stood before it",
    };
    let past = if *past { "; the mailbox has begun anew since" } else { "" };
    format!(
        "THE RELAY CONTRADICTS ITSELF: number {number} in the mailbox of {contact} (epoch {epoch}) {what}; \
         its signed receipts of {of} show it, and are kept in the outbox{past}"
    )
}

/// A mailbox that goes on in another epoch.
#[must_use]
pub fn began_anew(contact: &ContactId, epoch: u64) -> String {
    format!(
        "the mailbox of {contact} began anew, in epoch {epoch}: the service was restored; what was \
         collected before stays here, and what the service still has comes again"
    )
}

/// Messages that were here already, each with its new number: a few one by one, more in one sentence.
#[must_use]
pub fn delivered_again(all: &[(u64, MessageId)]) -> Vec<String> {
    if all.len() <= 3 {
        let each = all.iter().map(|(_, id)| {
            format!("{id} was delivered again after the service was restored: it is here once")
        });
        return each.collect();
    }
    let numbers: Vec<String> = all.iter().map(|(number, _)| number.to_string()).collect();
    vec![format!(
        "{} messages were delivered again after the service was restored, as numbers {}: each is here \
         once",
        all.len(),
        numbers.join(", ")
    )]
}

/// As TLP 2.0 writes it.
#[must_use]
pub const fn tlp(tlp: Tlp) -> &'static str {
    match tlp {
        Tlp::Unspecified => "no TLP label",
        Tlp::Red => "TLP:RED",
        Tlp::AmberStrict => "TLP:AMBER+STRICT",
        Tlp::Amber => "TLP:AMBER",
        Tlp::Green => "TLP:GREEN",
        Tlp::Clear => "TLP:CLEAR",
    }
}

/// `LEVEL_LAW_ENFORCEMENT` as "law enforcement".
fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_ascii_lowercase().replace('_', " ")
}

/// A level in words.
#[must_use]
pub fn level(level: Level) -> String {
    word(level.as_str_name(), "LEVEL_")
}

/// An urgency in words, or the number of a later one.
#[must_use]
pub fn urgency(urgency: OrLater<Urgency>) -> String {
    or_later(urgency, |known| word(known.as_str_name(), "URGENCY_"))
}

/// A class in words, or the number of a later one.
#[must_use]
pub fn class(class: OrLater<Class>) -> String {
    or_later(class, |known| word(known.as_str_name(), "CLASS_"))
}

/// Behind what was believed when it was signed, and would not be now.
pub const ENDED: &str = "signed by a key that has since ended";

/// Behind a level that a record does not have.
pub const LACKING: &str = " (a level that its record does not have)";

/// A recipient, its level, and where it stands on a ladder.
#[must_use]
pub fn recipient(to: &To) -> String {
    let recipient = &to.recipient;
    let lacking = if to.lacking { LACKING } else { "" };
    let (contact, level) = (&recipient.contact, level(recipient.level));
    let step = match (recipient.step, &recipient.stands_in_for) {
        (0, _) => String::new(),
        (step, None) => format!(", as step {step} of the ladder"),
        (step, Some(other)) => format!(", as step {step} of the ladder, for {other}"),
    };
    format!("{contact}, at {level} level{lacking}{step}")
}

/// What a header says besides, in a sentence each.
#[must_use]
pub fn notes(header: &VerifiedHeader) -> Vec<String> {
    let flags = header.addressing().flags.iter().map(|flag| match flag {
        OrLater::Known(Flag::Unspecified) => "nothing".to_owned(),
        OrLater::Known(Flag::StaleDirectory) => {
            "the sender's copy of the directory was stale".to_owned()
        }
        OrLater::Known(Flag::LadderWidened) => "the sender added to the ladder".to_owned(),
        OrLater::Later(number) => format!("a flag {UNKNOWN_KIND} ({number})"),
    });
    let cleared = header.cleared_by().iter().map(|(seat, _)| format!("{seat} has signed it, too"));
    let blobs = match header.blobs().len() {
        0 => None,
        count => Some(format!("{count} sealed files beside it, which this version does not fetch")),
    };
    flags.chain(cleared).chain(blobs).collect()
}

/// Where the title of a message stands that was not opened.
#[must_use]
pub fn not_opened(why: &NotOpened) -> String {
    if let NotOpened::BeforeUpdate(_) = why {
        return UNCHECKED.to_owned();
    }
    let what = if why.is_refusal() { "refused" } else { "not opened" };
    match why {
        NotOpened::NoLetter { owed: false, .. } => {
            format!("{what}: it was sealed before this seat had its key; a colleague may read it")
        }
        NotOpened::NoLetter { owed: true, .. } => {
            format!("{what}: the relay left out what opens it for this seat")
        }
        why => format!("{what}: {}", why.reason()),
    }
}

/// Why an entry is not believed or opened, and whether the relay is asked for it again.
#[must_use]
pub fn again(why: String, asked: bool) -> String {
    if asked { format!("{why}; the relay is asked for it again") } else { why }
}

/// An item of the mailbox whose header is not believed.
#[must_use]
pub fn unverified(number: u64, why: &NotOpened) -> String {
    match why {
        NotOpened::BeforeUpdate(_) => format!("entry {number} of the mailbox {UNCHECKED}"),
        why => format!("entry {number} of the mailbox was {}: {why}", not_opened(why)),
    }
}

/// Of a message that has expired. Nobody signs that it was not received.
pub const NOT_RECEIVED: &str = "expired; the relay says that it was not received by then";

/// The same of one to several contacts: who has received it shows by receipts.
pub const NOT_ALL_RECEIVED: &str =
    "expired; the relay says that not every contact had received it by then";

/// Of a message that was accepted, and is there no more.
pub const LOST_BY_SERVICE: &str =
    "the service accepted it, and does not know it any more: older data was put back there";

/// What the relay says by an entry that holds.
#[must_use]
pub fn not_delivered(id: Option<MessageId>) -> String {
    match id {
        Some(id) => format!(
            "{id} has expired, and the relay says that not every contact had received it by then: \
             liaison sent {id} says whom to call"
        ),
        None => "a message that was sent from another machine of this contact has expired, and the \
                 relay says that not every contact had received it by then: liaison sent says there \
                 whom to call"
            .to_owned(),
    }
}

/// An entry that the service has lost, and who can say what it was.
#[must_use]
pub fn lost(number: u64, kind: Option<EntryKind>, sender: &ContactId) -> (String, Mend) {
    match kind {
        Some(kind) if is_message(kind) => (
            format!("the service has lost message {number}, from {sender}"),
            Mend::AskToSendAgain(sender.clone()),
        ),
        Some(_) | None => (
            format!("the service has lost entry {number}, which is about a message of {sender}"),
            Mend::TellOperator,
        ),
    }
}

const fn is_message(kind: EntryKind) -> bool {
    matches!(kind, EntryKind::Addressed | EntryKind::Released)
}

/// Entries of which nothing was left when they were collected, each in a sentence.
#[must_use]
pub fn gone(all: &[Gone]) -> Vec<String> {
    let listed = |is: &dyn Fn(EntryKind) -> bool| {
        let of = all.iter().filter(|gone| gone.lost.is_none() && gone.kind.is_some_and(is));
        of.map(|gone| gone.first.to_string()).collect::<Vec<_>>()
    };
    let said = |what: (&str, &str), numbers: Vec<String>| {
        let before = "expired before this machine had collected";
        let unknown = "nobody can say any more what";
        match &numbers[..] {
            [] => None,
            [only] => Some(format!("1 {} {before} it: number {only}; {unknown} it was", what.0)),
            [first @ .., last] => Some(format!(
                "{} {} {before} them: numbers {} and {last}; {unknown} they were",
                numbers.len(),
                what.1,
                first.join(", ")
            )),
        }
    };
    let messages = said(("message", "messages"), listed(&is_message));
    let others = said(("notice", "notices"), listed(&|kind| !is_message(kind)));
    let forgotten = all.iter().filter(|gone| gone.kind.is_none()).map(|gone| {
        let (first, last) = (gone.first, gone.last);
        let when = match first {
            1 => "before this machine first collected",
            _ => "while this machine was away",
        };
        let numbers = match first == last {
            true => format!("number {first} of the mailbox"),
            false => format!("numbers {first} to {last} of the mailbox"),
        };
        format!("{numbers} expired {when}; nobody can say any more what stood there")
    });
    let lost = all.iter().filter_map(|gone| {
        let (what, mend) = lost(gone.first, gone.kind, gone.lost.as_ref()?);
        Some(format!("{what}: {}", to_do(&mend)))
    });
    forgotten.chain(messages).chain(others).chain(lost).collect()
}

/// An entry that does not show what the relay says by it.
#[must_use]
pub fn not_proven(number: u64, why: &Unproven) -> String {
    format!("entry {number} of the mailbox {}", unproven(why))
}

/// What such an entry says.
#[must_use]
pub fn unproven(why: &Unproven) -> String {
    match why {
        Unproven::Header(NotOpened::BeforeUpdate(_)) => UNCHECKED.to_owned(),
        why => format!("says that a message expired undelivered, which is unproven: {why}"),
    }
}

/// An entry with an acknowledgement that does not hold.
#[must_use]
pub fn not_acknowledged(number: u64, why: &ReceiptError) -> String {
    format!("entry {number} of the mailbox {}", unacknowledged(why))
}

/// What such an entry says.
#[must_use]
pub fn unacknowledged(why: &ReceiptError) -> String {
    match why {
        ReceiptError::BeforeUpdate(_) => UNCHECKED.to_owned(),
        why => format!("says that a colleague acknowledged, which does not hold: {why}"),
    }
}

fn or_later<E>(value: OrLater<E>, say: impl FnOnce(E) -> String) -> String {
    match value {
        OrLater::Known(known) => say(known),
        OrLater::Later(number) => format!("{UNKNOWN_KIND} ({number})"),
    }
}

/// What kind of report it is, in words.
#[must_use]
pub fn kind(kind: Kind) -> String {
    word(kind.as_str_name(), "KIND_")
}

/// The mark of a drill, as it stands on every screen.
#[must_use]
pub fn drill(drill: &proto::Drill) -> String {
    let of_version = |kind: DrillKind| word(kind.as_str_name(), "DRILL_KIND_").to_ascii_uppercase();
    let kind = OrLater::of(drill.kind).unwrap_or(OrLater::Known(DrillKind::Unspecified));
    let kind = or_later(kind, of_version);
    if drill.name.is_empty() {
        return format!("DRILL ({kind})");
    }
    format!("DRILL ({kind}: {})", visible(&drill.name))
}

/// An entry of a mailbox that only a later version can deal with.
#[must_use]
pub fn later(number: u64, kind: LaterKind) -> String {
    let kind = kind.byte();
    format!("entry {number} of the mailbox is {UNKNOWN_KIND} (kind {kind}): update this program")
}

/// Of what a contact says and this copy lacks. Whether the service keeps it back, a sync tells.
pub const NOT_HERE: &str =
    "not in this copy: liaison sync brings it, to members and registrars only";

/// What every screen says of what a key signed that this version cannot know.
pub const UNCHECKED: &str = "cannot be checked before the update";

/// What every screen says of what it does not know.
pub const UNKNOWN_KIND: &str = "of a kind this version does not know";

/// How a recipient's machine fared.
#[must_use]
pub fn outcome(outcome: Option<OrLater<Outcome>>) -> String {
    let Some(outcome) = outcome else { return "not said".to_owned() };
    or_later(outcome, |known| known_outcome(known).to_owned())
}

const fn known_outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unspecified => "not said",
        Outcome::Opened => "delivered and opened",
        Outcome::NoKey => "delivered; the seat does not hold the key",
        Outcome::RetiredKey => "delivered; it was sealed to a key that is retired",
        Outcome::NotOpened => "delivered; it does not open",
        Outcome::Refused => {
            "delivered, and refused: it opens, and is not what its outside or its thread says"
        }
    }
}

/// A day like 2026-11-22.
#[must_use]
pub fn day(unix: u64) -> String {
    when(unix).chars().take(10).collect()
}

/// The first digits of an id, enough to tell messages of one inbox apart.
#[must_use]
pub fn short(id: MessageId, all: &[MessageId]) -> String {
    let full = id.to_string();
    let apart = |length: &usize| {
        let own = full.get(..*length);
        all.iter().filter(|other| other.to_string().get(..*length) == own).count() <= 1
    };
    // The first 13 are the time, to the millisecond.
    let length = [13, 18, 23].into_iter().find(apart).unwrap_or(full.len());
    full.get(..length).unwrap_or(&full).to_owned()
}

/// A digest, as scripts compare it.
#[must_use]
pub fn hash(digest: &Digest) -> String {
    digest.to_string()
}

/// The name in English, or in the first language there is.
#[must_use]
pub fn name(names: &[proto::Text]) -> String {
    let english = names.iter().find(|name| name.language.split('-').next() == Some("en"));
    english.or_else(|| names.first()).map_or_else(String::new, |name| visible(&name.text))
}

/// Whether a copy follows its directory, for scripts.
#[must_use]
pub const fn state(frozen: Option<&Frozen>) -> &'static str {
    match frozen {
        None => "current",
        Some(_) => "update-me",
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use crate::crypto::sign::KeyId;
    use crate::domain::refusal::Amiss;
    use crate::domain::relay::addressing::Recipient;
    use crate::domain::relay::envelope;
    use crate::domain::state::EntryKind;
    use crate::signed::dsse::{Envelope, Kind};
    use crate::world::relay::{AT, Net, contact, notification, sign_key};

    use super::*;

    #[test]
    fn what_had_expired_is_said_in_a_sentence_each() {
        let of = |first, last, kind| Gone { first, last, kind, lost: None };
        let one = |number, kind| of(number, number, Some(kind));
        let (to, ours) = (EntryKind::Addressed, EntryKind::NotDelivered);
        let said = gone(&[of(1, 1, None), one(4, to), one(7, EntryKind::Released), one(8, ours)]);
        assert_eq!(
            said,
            [
                "number 1 of the mailbox expired before this machine first collected; nobody can say \
                 any more what stood there",
                "2 messages expired before this machine had collected them: numbers 4 and 7; nobody \
                 can say any more what they were",
                "1 notice expired before this machine had collected it: number 8; nobody can say any \
                 more what it was",
            ]
        );
        let said = gone(&[of(12, 40, None), one(41, to), one(42, to), one(44, to)]);
        assert_eq!(
            said,
            [
                "numbers 12 to 40 of the mailbox expired while this machine was away; nobody can say \
                 any more what stood there",
                "3 messages expired before this machine had collected them: numbers 41, 42 and 44; \
                 nobody can say any more what they were",
            ]
        );
        let lost = |gone| Gone { lost: Some("fr/cert".parse().unwrap()), ..gone };
        let said = gone(&[lost(one(3, to)), lost(one(4, EntryKind::Acknowledged)), one(5, to)]);
        assert_eq!(
            said,
            [
                "1 message expired before this machine had collected it: number 5; nobody can say any \
                 more what it was",
                "the service has lost message 3, from fr/cert: call fr/cert, and ask to send it again: \
                 liaison directory show fr/cert",
                "the service has lost entry 4, which is about a message of fr/cert: tell the operator of \
                 the service",
            ]
        );
        assert!(gone(&[]).is_empty());
    }

    #[test]
    fn codes_are_said_in_words() {
        assert_eq!(level(Level::LawEnforcement), "law enforcement");
        assert_eq!(class(OrLater::Known(Class::AllClear)), "all clear");
        assert_eq!(class(OrLater::Later(10)), "of a kind this version does not know (10)");
        assert_eq!(outcome(Some(OrLater::Later(6))), "of a kind this version does not know (6)");
        assert_eq!(tlp(Tlp::AmberStrict), "TLP:AMBER+STRICT");
        let drill_mark = proto::Drill { kind: DrillKind::Exercise.into(), name: "x\u{1b}".into() };
        assert_eq!(drill(&drill_mark), r"DRILL (EXERCISE: x\u{1b})");
        let later = drill(&proto::Drill { kind: 4, name: String::new() });
        assert_eq!(later, "DRILL (of a kind this version does not know (4))");
    }

    #[test]
    fn what_has_no_letter_for_this_seat_is_said_in_words() {
        let seat = || "fr/cert-fr/duty-2".parse().unwrap();
        for (why, said) in [
            (
                NotOpened::NoLetter { seat: seat(), owed: false },
                "not opened: it was sealed before this seat had its key; a colleague may read it",
            ),
            (
                NotOpened::NoLetter { seat: seat(), owed: true },
                "not opened: the relay left out what opens it for this seat",
            ),
        ] {
            assert_eq!(not_opened(&why), said);
        }
    }

    #[test]
    fn what_a_header_says_besides_is_said_in_words() {
        let net = Net::new();
        let outside = net.outside(AT, &["fr/cert-fr"]);
        let forged = net.forge(outside, &notification(0), |addressing| {
            addressing.flags = vec![1, 2, 9];
        });
        let read = |bytes: &bytes::Bytes| envelope::verify_header(&net.directory, bytes).unwrap();
        let header = read(&forged.header);
        assert_eq!(
            notes(&header),
            [
                "the sender's copy of the directory was stale",
                "the sender added to the ladder",
                "a flag of a kind this version does not know (9)",
            ]
        );
        // Files beside it, and a colleague's signature.
        let payload = Envelope::parse(&forged.header, 1 << 14).unwrap().payload().clone();
        let mut says = proto::Header::decode(payload).unwrap();
        let blob = |at: u8| proto::Blob { digest: vec![at; 32].into(), size: 4096 };
        says.blobs = vec![blob(1), blob(2)];
        let keys = [AT, "at/cert-at/duty-2"].map(|of| sign_key(&format!("{of} sign")));
        let keys = [&keys[0], &keys[1]];
        let signed =
            Envelope::sign(Kind::Header, says.encode_to_vec(), &keys, net.ambient.random());
        assert_eq!(
            notes(&read(signed.unwrap().bytes()))[3..],
            [
                "at/cert-at/duty-2 has signed it, too",
                "2 sealed files beside it, which this version does not fetch",
            ]
        );
    }

    #[test]
    fn what_is_delivered_again_is_said_in_one_line_if_it_is_much() {
        let id = MessageId::new(1, [1; 10]);
        let said =
            |count: u64| delivered_again(&(14..14 + count).map(|of| (of, id)).collect::<Vec<_>>());
        let each =
            format!("{id} was delivered again after the service was restored: it is here once");
        assert_eq!(said(3), [&*each, &*each, &*each]);
        let all = "4 messages were delivered again after the service was restored, as numbers 14, 15, 16, \
                   17: each is here once";
        assert_eq!(said(4), [all]);
        assert_eq!(said(0), [""; 0]);
    }

    #[test]
    fn a_level_that_a_record_does_not_have_is_said_behind_it() {
        let to = |level| Recipient::new(contact("fr/cert-fr"), level);
        let say = |to: &Recipient| recipient(&To { recipient: to.clone(), lacking: false });
        assert_eq!(say(&to(Level::Technical)), "fr/cert-fr, at technical level");
        assert_eq!(
            recipient(&To { recipient: to(Level::Legal), lacking: true }),
            "fr/cert-fr, at legal level (a level that its record does not have)"
        );
        let step = Recipient { step: 2, ..to(Level::Technical) };
        assert_eq!(say(&step), "fr/cert-fr, at technical level, as step 2 of the ladder");
        let step = Recipient { stands_in_for: Some(contact("pt/cert-pt")), ..step };
        assert_eq!(
            say(&step),
            "fr/cert-fr, at technical level, as step 2 of the ladder, for pt/cert-pt"
        );
    }

    #[test]
    fn what_only_a_later_version_knows_and_what_was_refused_are_said() {
        let EntryKind::Later(kind) = EntryKind::of_byte(9).unwrap() else { panic!("a later one") };
        assert_eq!(
            later(7, kind),
            "entry 7 of the mailbox is of a kind this version does not know (kind 9): update this \
             program"
        );
        assert_eq!(not_opened(&NotOpened::Thread(Amiss::EarlierView)), "refused: VIEW_BEFORE");
        let why = NotOpened::KeyNotHeld { needed: KeyId::of(b"x"), held: vec![], retired: true };
        assert_eq!(not_opened(&why), "not opened: KEY_RETIRED");
        assert_eq!(
            outcome(Some(OrLater::Known(Outcome::Refused))),
            "delivered, and refused: it opens, and is not what its outside or its thread says"
        );
        assert_eq!(outcome(None), "not said");
    }

    #[test]
    fn what_the_relay_says_and_does_not_show_is_unproven() {
        assert_eq!(
            not_proven(7, &Unproven::NotExpired),
            "entry 7 of the mailbox says that a message expired undelivered, which is unproven: the \
             message has not expired"
        );
    }

    #[test]
    fn times_and_lengths_are_short() {
        assert_eq!(when(0), "1970-01-01 00:00 UTC");
        assert_eq!(day(86_400), "1970-01-02");
        assert_eq!(when(u64::MAX), "second 18446744073709551615");
        let said = [119, 120, 7_199, 7_200, 172_800].map(span);
        assert_eq!(said, ["119 s", "2 min", "119 min", "2 h", "2 days"]);
    }

    #[test]
    fn a_short_id_is_still_one_message() {
        let (a, b) = (MessageId::new(1, [1; 10]), MessageId::new(1, [2; 10]));
        assert_eq!(short(a, &[a]).len(), 13);
        assert_ne!(short(a, &[a, b]), short(b, &[a, b]));
        assert!(a.to_string().starts_with(&short(a, &[a, b])));
    }
}
