//! What an office tells, in words.

use crate::client::error::ClientError;
use crate::client::fate::{Fate, Sending};
use crate::client::message::text::visible;
use crate::client::reason::Here;
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::refusal::{self, Amiss};
use crate::domain::relay::addressing::{Addressing, OrLater};
use crate::office::asked::Question;
use crate::office::call::Called;
use crate::office::page::By;
use crate::office::told::{Note, Unkept, Widening, Work};
use crate::signed::proto::Class;

use super::{
    ENDED, LOST_BY_SERVICE, UNCHECKED, began_anew, called, class, day, delivered_again, later,
    left_out, not_acknowledged, not_delivered, not_proven, span, tlp, to_do, unverified,
    urgency as urgency_of, when,
};

/// A note, in a sentence.
#[must_use]
pub fn note(note: &Note) -> String {
    match note {
        Note::BadAddress(path, why) => format!("{}: {why}: it is skipped", path.display()),
        Note::VerifiedAgain(why) => format!(
            "what was kept of the directory beside its entries was not believed ({why}): every entry was \
             verified again"
        ),
        Note::CopyAltered(path) => format!(
            "the copy of the directory on this disk was altered: what stood there is kept as {}, and the \
             next liaison sync fetches it anew",
            path.display()
        ),
        Note::Inadmissible(path) => {
            format!("entries and checkpoint of the log are kept as evidence: {}", path.display())
        }
        Note::Halted(leaf) => format!(
            "the log has signed entry {leaf}, which its rules do not admit: what stands before it is \
             shown, and nothing newer is believed; ask the registrars"
        ),
        Note::CopyStale => {
            "this copy of the directory is stale; bring it up to date: liaison sync".to_owned()
        }
        Note::CopyStandsStill => {
            "this directory stands still here: its rules are newer than this program".to_owned()
        }
        Note::KeysInForce(owner, uses) => {
            let uses: Vec<_> = uses.iter().map(|of| of.name()).collect();
            format!("new keys of {owner} are in force: of {}", uses.join(", of "))
        }
        Note::NotKept(what, why) => format!("{}: {why}", unkept(*what)),
        Note::DetailsForMembers(count) => format!(
            "details of contacts are handed to members and registrars only: {count} are not here"
        ),
        Note::Withheld(contact, name) => {
            format!("the service did not hand over: {name} of {contact}")
        }
        Note::ClocksApart { own, directory } => {
            let (own, directory) = (when(*own), when(*directory));
            format!(
                "this machine's clock says {own}, and the directory's {directory}: one of the two is \
                 wrong; liaison doctor says which"
            )
        }
        Note::ChartersRefuted(kept) => format!(
            "charters were in use that registrars have signed and the log does not hold; they are let go, \
             and kept as evidence: {}. Ask the registrars what became of them",
            kept.display()
        ),
        Note::StandsStill(why) => {
            format!("the directory stands still here: {why}; update this program")
        }
        Note::CheckpointUnchecked => {
            "whether its newest checkpoint is the log's cannot be checked before that".to_owned()
        }
        Note::NobodyMuted(why) => format!("{why}: nobody is muted until somebody is muted anew"),
        Note::BeganAnew(contact, epoch) => began_anew(contact, *epoch),
        Note::DeliveredAgain(all) => delivered_again(all).join("\n"),
        Note::WaitsForDirectory(size) => format!(
            "an entry of the mailbox waits for a directory of size {size}: the service shows less"
        ),
        Note::TwoHistories(id) => format!(
            "the relay told this seat and the recipient of {id} two histories of one mailbox, and signed \
             one of them: liaison sent {id}"
        ),
        Note::Refused { sender, class, amiss } => refused(sender, *class, *amiss),
        Note::Unverified(number, why) => unverified(*number, why),
        Note::NotAcknowledged(number, why) => not_acknowledged(*number, why),
        Note::NotDelivered(id) => not_delivered(*id),
        Note::NotProven(number, why) => not_proven(*number, why),
        Note::Later(number, kind) => later(*number, *kind),
        Note::NotFetched(number, why) => format!("message {number} is not fetched yet: {why}"),
        Note::BodyLost(why) => match &why.mend {
            Some(mend) => format!("{why}: {}", to_do(mend)),
            None => why.to_string(),
        },
        Note::NotSynced(why) => {
            format!("the copy of the directory is not up to date yet: {why}; trying again")
        }
        Note::HeadUnchecked => format!("the relay's head {UNCHECKED}"),
        Note::CannotAnswer(why) => format!("the sender cannot be told that it arrived: {why}"),
        Note::CollectedElsewhere => {
            "another program is collecting into this inbox; this is what it has".to_owned()
        }
        Note::FetchedLater(count) => format!(
            "{count} messages are not fetched yet: liaison inbox goes on, and inbox list --follow"
        ),
        Note::AskingAgain(count) => format!("entries that came spoilt: {count}; asking again"),
        Note::AskedInVain(why) => why.to_string(),
        Note::CameAtLast(count) => format!("{count} dealt with: liaison inbox list --offline"),
        Note::LostByService(id) => format!("{id}: {LOST_BY_SERVICE}; it is handed in again"),
        Note::HandedInLater(count) => {
            format!("{count} wait to be handed in: they go with the next inbox, sent or sync")
        }
        Note::HandingIn(all) => {
            format!("handing in what waits here ({all}), most urgent first")
        }
        Note::RecordOver { contact, expires, now } => record_over(contact, *expires, *now),
        Note::Sealed(to, seats) => sealed(to, *seats),
        Note::HopedFor(urgency, within) => format!(
            "{}: an acknowledgement is hoped for within {} (indicative)",
            urgency_of(OrLater::Known(*urgency)),
            span(u64::from(*within))
        ),
        Note::LabelOfThread(label) => format!("labelled {}, as its thread", tlp(*label)),
        Note::Widens(of) => widens(of),
        Note::NotTakenYet => "handing it in: the service has not taken it yet".to_owned(),
        Note::LeftOut(of, why) => left_out(of, *why),
        Note::SealedAgain(id) => format!("{id} is sealed again, as things are now"),
        Note::DueNotHandedIn(why) => format!("what is due was not handed in: {}", sentence(why)),
        Note::StillDue(count) => {
            format!("{count} wait to be handed in: liaison sent --offline says what for")
        }
        Note::NotAccepted { id, of, error } => not_accepted(*id, of.as_ref(), error),
        Note::StillWaits { id, title, of, why } => still_waits(*id, title.as_deref(), of, why),
    }
}

/// What follows from that something could not be kept.
#[must_use]
pub const fn unkept(what: Unkept) -> &'static str {
    match what {
        Unkept::Verified => {
            "until that is mended, each command verifies every entry again, which takes longer"
        }
        Unkept::Index => "what is kept of what came is read anew each time until that is mended",
        Unkept::NewKeys => "new keys are used where they lie until they can be put in their place",
    }
}

/// What a long work deals with.
#[must_use]
pub const fn work(work: Work) -> &'static str {
    match work {
        Work::Verifying => "verified",
        Work::Entries => "entries",
        Work::Details => "details",
        Work::Messages => "messages",
    }
}

/// What people are asked.
pub(super) const fn question(question: &Question<'_>) -> &'static str {
    match question {
        Question::ToTheOthers(_) => "send it to the others now, and to these not? [y/N]",
        Question::Widens => "send it all the same? [y/N]",
    }
}

/// How a message goes further than its thread.
fn widens(of: &Widening) -> String {
    let label = tlp(of.label);
    let weaker =
        of.thread.map(|thread| format!("its thread is {}, and this is {label}", tlp(thread)));
    let outside: Vec<&ContactId> = of.outside.iter().collect();
    let outside = (!outside.is_empty()).then(|| {
        format!("no message of its thread went to {} (this is {label})", refusal::list(&outside))
    });
    weaker.into_iter().chain(outside).collect::<Vec<_>>().join("; ")
}

/// What is said of what was written before, and still waits.
fn still_waits(id: MessageId, title: Option<&str>, of: &Addressing, why: &str) -> String {
    let title = title.map(|title| format!(" ({})", visible(title))).unwrap_or_default();
    let to: Vec<&ContactId> = of.recipients.iter().map(|to| &to.contact).collect();
    let (what, to) = (what_it_is(Some(of)), refusal::list(&to));
    format!("an earlier {what}{title} to {to} still waits, as {id}: {}", visible(why))
}

/// What is said of a request that was not handed in, or whose receipt was not kept.
fn not_accepted(id: MessageId, of: Option<&Addressing>, error: &ClientError) -> String {
    if error.reason == Here::BeforeUpdate {
        return sentence(error);
    }
    let mut said = format!("the {}", what_it_is(of));
    // What waits is named where it is said to.
    if error.waiting().is_none() {
        said = format!("{said} {id}");
    }
    if let Some(of) = of {
        let to: Vec<&ContactId> = of.recipients.iter().map(|to| &to.contact).collect();
        said = format!("{said} to {}", refusal::list(&to));
    }
    format!("{said} was not accepted: {}: {}", error.reason, sentence(error))
}

/// A request, in a word or two.
fn what_it_is(of: Option<&Addressing>) -> &'static str {
    match of.map(|of| of.class) {
        Some(OrLater::Known(Class::Receipt)) => "delivered receipt",
        Some(OrLater::Known(Class::Acknowledgement)) => "acknowledgement",
        Some(OrLater::Known(_) | OrLater::Later(_)) | None => "message",
    }
}

/// A message that was refused for its place in its thread.
fn refused(sender: &SeatId, of: OrLater<Class>, amiss: Amiss) -> String {
    format!("a message from {sender} ({}) was refused, and is noted nowhere: {amiss}", class(of))
}

/// What went wrong, and what became of what was to be sent.
#[must_use]
pub fn sentence(error: &ClientError) -> String {
    let cause = &error.sentence;
    let Some(fate) = error.fate else { return cause.clone() };
    match fate {
        Fate::Waits(id, what) => {
            let what = match what {
                Sending::Message => "it",
                Sending::Acknowledgement => "the acknowledgement",
            };
            format!(
                "{what} is sealed and waits in the outbox as {id}, and goes with the next inbox, \
                 sent or sync: do not send it again; {cause}"
            )
        }
        Fate::GivenUp(_) => format!("{cause}; it is not handed in again by itself"),
        Fate::WaitedInVain(id) => format!("{id} waited, and was refused for good"),
        Fate::WithoutReceipt(id) if error.reason == Here::BeforeUpdate => {
            format!("{id} was handed in; its receipt {UNCHECKED}")
        }
        Fate::WithoutReceipt(id) => format!(
            "{id} was handed in, and its receipt cannot be kept: do not send it again; {cause}"
        ),
        Fate::NotKept(what) => {
            let what = match what {
                Sending::Message => "the message",
                Sending::Acknowledgement => "the acknowledgement",
            };
            format!("{what} is neither kept nor sent: {cause}")
        }
    }
}

/// An error in which it is said what became of what was to be sent.
#[must_use]
pub fn spelled(error: &ClientError) -> ClientError {
    let mut details = error.details.clone();
    details.extend(match error.fate {
        Some(Fate::Waits(id, _)) => Some(("waiting".to_owned(), id.to_string())),
        Some(Fate::GivenUp(id) | Fate::WaitedInVain(id)) => {
            Some(("refused".to_owned(), id.to_string()))
        }
        Some(Fate::WithoutReceipt(_) | Fate::NotKept(_)) | None => None,
    });
    let (sentence, mend) = (sentence(error), error.what_mends().map(Box::new));
    ClientError { sentence, mend, details, fate: None, ..error.clone() }
}

/// What mends it.
#[must_use]
pub fn mend(error: &ClientError) -> Option<String> {
    error.what_mends().as_ref().map(to_do)
}

/// Several who acknowledged, in a line.
#[must_use]
pub fn by(all: &[By]) -> String {
    let said = all.iter().map(|by| {
        let ended = if by.key_ended { format!(" ({ENDED})") } else { String::new() };
        format!("{}{ended}", whom(by))
    });
    format!("by {}", said.collect::<Vec<_>>().join(", "))
}

/// One who acknowledged.
#[must_use]
pub fn whom(by: &By) -> String {
    by.colleague.as_ref().map_or_else(|| YOU.to_owned(), ToString::to_string)
}

/// The word for whoever reads.
pub const YOU: &str = "you";

/// What a contact says of itself was to hold until then.
#[must_use]
pub fn record_over(contact: &ContactId, expires: u64, now: u64) -> String {
    let (until, ago) = (day(expires), span(now.saturating_sub(expires)));
    format!("what {contact} says about itself was to hold until {until}, {ago} ago")
}

/// To whom a message is sealed.
fn sealed(to: &Called, seats: usize) -> String {
    let (contact, name) = (&to.contact, called(to));
    let seats = if seats == 1 { "1 seat" } else { &format!("{seats} seats") };
    format!("sealed to {contact} ({name}): {seats}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::{Family, Side};
    use crate::client::mend::Mend;
    use crate::client::message::open::NotOpened;
    use crate::client::message::receipt::ReceiptError;
    use crate::client::outbox::{Outbox, Request};
    use crate::crypto::hash::Digest;
    use crate::domain::refusal::Refusal;
    use crate::domain::relay::envelope;
    use crate::office::fate::{kept_back, without_receipt};
    use crate::wire::v1;
    use crate::world::relay::{AT, FR, Net, seat, sign_key};

    #[test]
    fn what_is_not_accepted_says_what_it_is_to_whom_and_why() {
        let net = Net::new();
        let id = MessageId::new(1, [1; 10]);
        let header = &net.notification().envelope.header;
        let header = envelope::verify_header(&net.directory, header).unwrap();
        let of = |class| Addressing { class: OrLater::Known(class), ..header.addressing().clone() };
        let quota = ClientError::from(Refusal::QuotaExceeded { kept: 9, limit: 8 });
        let why = "QUOTA_EXCEEDED: the relay keeps 9 bytes for your messages and their answers, \
                   and takes up to 8";
        for (class, what) in [
            (Class::Receipt, "delivered receipt"),
            (Class::Acknowledgement, "acknowledgement"),
            (Class::Notification, "message"),
        ] {
            let said = format!("the {what} {id} to fr/cert-fr, pt/cert-pt was not accepted: {why}");
            assert_eq!(not_accepted(id, Some(&of(class)), &quota), said);
        }
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::of(dir.path());
        let said = not_accepted(id, Some(&of(Class::Receipt)), &kept_back(&outbox, quota, id));
        assert_eq!(said.matches(&id.to_string()).count(), 1, "{said}");
    }

    #[test]
    fn what_is_not_believed_is_said_with_its_number_and_why() {
        let key = sign_key("a new key").public().id();
        let unchecked = Note::Unverified(3, NotOpened::BeforeUpdate(key));
        assert_eq!(note(&unchecked), "entry 3 of the mailbox cannot be checked before the update");
        let why = NotOpened::Backdated { key, ended: 2, floor: 3 };
        let said = format!("entry 3 of the mailbox was not opened: BACKDATED: {why}");
        assert_eq!(note(&Note::Unverified(3, why)), said);
        let refused = Note::Refused {
            sender: seat(AT),
            class: OrLater::Known(Class::Notification),
            amiss: Amiss::OtherDrill,
        };
        assert_eq!(
            note(&refused),
            "a message from at/cert-at/duty-1 (notification) was refused, and is noted nowhere: it bears \
             another drill mark than its thread"
        );
    }

    /// It is not what was just accepted.
    #[test]
    fn what_waits_still_is_said_to_be_an_earlier_one() {
        let net = Net::new();
        let id = MessageId::new(1, [1; 10]);
        let header = &net.notification().envelope.header;
        let header = envelope::verify_header(&net.directory, header).unwrap();
        let said = |title| still_waits(id, title, header.addressing(), "no more\u{1b} room");
        let why = format!(r"to fr/cert-fr, pt/cert-pt still waits, as {id}: no more\u{{1b}} room");
        assert_eq!(said(None), format!("an earlier message {why}"));
        assert_eq!(said(Some("Kept")), format!("an earlier message (Kept) {why}"));
    }

    #[test]
    fn what_is_kept_back_is_said_to_be_kept_and_what_mends_it_goes_first() {
        let (dir, id) = (tempfile::tempdir().unwrap(), MessageId::new(1, [1; 10]));
        let outbox = Outbox::of(dir.path());
        let kept = |error: ClientError| {
            let (reason, sentence) = (error.reason.clone(), error.sentence.clone());
            let kept = kept_back(&outbox, error, id);
            let said = super::sentence(&kept);
            assert!(said.starts_with("it is sealed and waits in the outbox"), "{said}");
            assert!(said.ends_with(&format!("do not send it again; {sentence}")), "{said}");
            assert_eq!(outbox.why_kept_back(id).unwrap(), Some((reason, sentence)));
            mend(&kept).unwrap()
        };
        let lost = ClientError::new(Side::Network, Family::NotReachable, "NO_CONNECTION", "nobody");
        assert_eq!(kept(lost.clone()), "liaison sent");
        let asks =
            "liaison sent, in a while; if that fails for long, tell the operator of the service";
        assert_eq!(kept(lost.mended_by(Mend::TellOperator)), asks);
        // What acknowledges goes with the inbox.
        let acknowledges = Request::Acknowledge(v1::AcknowledgeRequest {
            words: Some(Net::new().notification().envelope),
            ..Default::default()
        });
        let other = MessageId::new(2, [2; 10]);
        outbox.put((other, Digest::of(b"a header")), &acknowledges).unwrap();
        let lost = ClientError::new(Side::Network, Family::NotReachable, "NO_CONNECTION", "nobody");
        let said = kept_back(&outbox, lost, other);
        let waits = format!("the acknowledgement is sealed and waits in the outbox as {other}, ");
        assert!(sentence(&said).starts_with(&waits), "{said}");
        assert_eq!(mend(&said).unwrap(), "liaison inbox");
        // There may be room later: who cannot wait calls.
        let contacts = vec![seat(FR).contact()];
        let full = ClientError::from(Refusal::MailboxShare { contacts, retry: Some(30) });
        let call = "call fr/cert-fr: liaison directory show fr/cert-fr";
        assert_eq!(kept(full.mended_by(Mend::Call(vec![seat(FR).contact()]))), call);
    }

    #[test]
    fn a_request_whose_receipt_cannot_be_checked_yet_was_handed_in() {
        let id = MessageId::new(1, [1; 10]);
        let error = ClientError::from(ReceiptError::BeforeUpdate("accepted receipt"));
        let error = without_receipt(id, error);
        let said = format!("{id} was handed in; its receipt cannot be checked before the update");
        assert_eq!((error.family, not_accepted(id, None, &error)), (Family::UpdateMe, said));
        let busy = ClientError::new(Side::Theirs, Family::Refused, "CLOSED", "closed");
        let error = without_receipt(id, busy);
        let said = format!("the message {id} was not accepted: CLOSED: closed");
        assert_eq!(not_accepted(id, None, &error), said);
    }
}
