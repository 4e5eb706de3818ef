//! That nothing is missing in French, and that no value is lost on the way.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::client::address::Address;
use crate::client::error::{ClientError, Family, Side};
use crate::client::fate::{Fate, Sending};
use crate::client::keys::Owner;
use crate::client::mend::Mend;
use crate::client::message::compose::ComposeError;
use crate::client::message::open::NotOpened;
use crate::client::message::receipt::ReceiptError;
use crate::client::reason::{Here, Reason, Rule};
use crate::client::replica::Frozen;
use crate::crypto::seal::OpenError;
use crate::crypto::sign::KeyId;
use crate::domain::directory::key::Purpose;
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::refusal::tests::samples as refusals;
use crate::domain::refusal::{Amiss, Refusal};
use crate::domain::relay::addressing::OrLater;
use crate::domain::relay::envelope;
use crate::domain::state::EntryKind;
use crate::office::asked::Question;
use crate::office::call::{Called, Why};
use crate::office::collect::Unproven;
use crate::office::told::{Note, Unkept, Widening, Work};
use crate::signed::proto::{Class, Text, Tlp, Urgency};
use crate::tests::reads_well;
use crate::words::mends::tests::{command, command_lines, samples as mends};
use crate::words::{Language, mends as english};
use crate::world::relay::Net;

use super::{cause, here, reasons, to_do};

const NOTES: &str = include_str!("../../office/told.rs");
const DETAIL: &str = "(détail\u{a0}: ";

#[test]
fn each_reason_has_a_sentence_of_its_own() {
    let rules = Rule::ALL.iter().map(|rule| (rule.code(), reasons::said(*rule)));
    let here = Here::ALL.iter().map(|here| (here.code(), here::said(*here)));
    let mut known = BTreeMap::new();
    for (code, said) in rules.chain(here) {
        is_french(said);
        assert_eq!(known.insert(said, code), None, "{code}: {said}");
    }
}

/// A service of another age gives fewer values, or none: then the English sentence has them.
#[test]
fn a_reason_without_its_values_is_said_with_the_sentence_that_came() {
    let bare = |reason: Reason| ClientError::new(Side::Ours, Family::Refused, reason, "so it is");
    let whole: Vec<Rule> = refusals().iter().map(Refusal::reason).collect();
    for rule in Rule::ALL {
        let said = cause(&bare(Reason::Rules(*rule)));
        let values = refusals()
            .iter()
            .any(|of| of.reason() == *rule && !ClientError::from(of).details.is_empty());
        let lacks = values || !whole.contains(rule);
        let end = if lacks { "(détail\u{a0}: so it is)" } else { "" };
        assert_eq!(said, format!("{} {end}", reasons::said(*rule)).trim_end(), "{rule:?}");
    }
    for here in Here::ALL {
        let said = cause(&bare(Reason::Here(*here)));
        assert_eq!(said, format!("{} (détail\u{a0}: so it is)", here::said(*here)));
    }
    let newer = cause(&bare(Reason::Newer("TOO_\u{1b}FAST".into())));
    assert!(newer.contains(r"TOO_\u{1b}FAST") && newer.ends_with(": so it is)"), "{newer}");
    // A word of a list that has grown.
    let mut grown = ClientError::from(Refusal::WrongThread(Amiss::OtherThread));
    grown.details.insert("why".to_owned(), "not-yet-thought-of".to_owned());
    assert!(cause(&grown).ends_with(&format!("{DETAIL}{})", grown.sentence)), "{}", cause(&grown));
}

/// Its details alone make the sentence: what differs in any value, or in a word of a closed list, is said
/// otherwise.
#[test]
fn a_refusal_is_said_with_all_that_it_holds() {
    let (mut known, mut lost) = (BTreeMap::new(), Vec::new());
    for refusal in refusals() {
        let error = ClientError::from(&refusal);
        let said = cause(&error);
        is_french(&said);
        reads_well(&joined(&said));
        let cites = matches!(refusal, Refusal::ServiceNotBelieved(_));
        let is_number = |of: &&str| of.contains(|of: char| of.is_ascii_digit());
        let values = parts(&error.sentence).filter(is_number);
        lost.extend(values.filter(|of| !said.contains(of)).map(|of| format!("{of}: {said}")));
        if !cites && said.contains("détail") {
            lost.push(format!("{error}: {said}"));
        }
        if let Some(other) = known.insert(said.clone(), refusal.clone()).filter(|of| *of != refusal)
        {
            lost.push(format!("{other:?}, {refusal:?}: {said}"));
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

#[test]
fn foreign_text_in_a_refusal_is_made_visible() {
    let said = cause(&Refusal::FacetMissing("a\u{1b}[2J".to_owned()).into());
    assert!(said.contains(r"a\u{1b}[2J"), "{said}");
}

#[test]
fn each_mend_is_said_in_french_with_its_values_and_its_commands() {
    let mut lost = Vec::new();
    for mend in mends() {
        let (said, english) = (to_do(&mend), english::to_do(&mend));
        is_french(&said);
        reads_well(&joined(&said).replace("--level LEVEL", "--level"));
        if (said == english) != is_typed(&english) || commands(&said) != commands(&english) {
            lost.push(format!("{:?}: {said}", commands(&english)));
        }
        let values = parts(&english).filter(|of| is_value(of) && !said.contains(of));
        lost.extend(values.map(|of| format!("{of}: {said}")));
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
    let waits = |then| to_do(&Mend::InAWhile(Sending::Message, Box::new(then)));
    assert!(waits(Mend::Help).ends_with(&to_do(&Mend::Help)));
}

/// All of it is for the shell.
fn is_typed(said: &str) -> bool {
    let starts = ["chmod ", "sudo ", "rm ", "openssl ", "timedatectl ", "HTTPS_PROXY="];
    let typed = |part: &str| {
        let left_out = part.split(' ').any(|word| word == "...");
        // An option at the end waits for its value.
        let option = |rest: &str| rest.is_empty() || rest.starts_with(" --");
        let is_command = || part.strip_prefix(&command(part)).is_some_and(option);
        let whole = || left_out || !part.contains(',') && is_command();
        part.starts_with("liaison ") && whole() || part.starts_with("liaisond ")
    };
    let ours = starts.iter().any(|start| said.starts_with(start));
    ours && !said.contains("; ") || said.split("; ").all(typed)
}

/// The commands in a text, in their order, without the prose behind them.
fn commands(said: &str) -> Vec<String> {
    let said = joined(said);
    let ours = command_lines(&said).into_iter().map(command);
    let service = ["serve", "mailbox new-epoch", "invitation", "init", "key stage"];
    let service = service.iter().map(|of| format!("liaisond {of}"));
    let service = service.filter(|line| said.contains(line));
    ours.chain(service.collect::<Vec<_>>()).collect()
}

#[test]
fn each_note_is_said_in_french_with_its_values() {
    let samples = notes();
    let shown: Vec<String> = samples.iter().map(|of| format!("{of:?}")).collect();
    for variant in variants() {
        let is_of = |of: &String| of.split([' ', '(']).next() == Some(variant);
        assert!(shown.iter().any(is_of), "{variant}");
    }
    let mut lost = Vec::new();
    for note in samples {
        let (said, english) = (Language::Fr.note(&note), Language::En.note(&note));
        is_french(&said);
        let values = parts(&english).filter(|of| is_value(of) && !said.contains(of));
        lost.extend(values.map(|of| format!("{of}: {said}")));
        // Which one, as far as it stands there without a value: prose follows.
        let lines = command_lines(&english).into_iter();
        let lines = lines.map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "));
        lost.extend(lines.filter(|of| !said.contains(of)).map(|of| format!("{of}: {said}")));
        if said == english {
            lost.push(said);
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

#[test]
fn what_became_of_what_was_to_be_sent_is_said() {
    let id = MessageId::new(1, [1; 10]);
    let fates = [
        Fate::Waits(id, Sending::Message),
        Fate::Waits(id, Sending::Acknowledgement),
        Fate::GivenUp(id),
        Fate::WaitedInVain(id),
        Fate::WithoutReceipt(id),
        Fate::NotKept(Sending::Message),
        Fate::NotKept(Sending::Acknowledgement),
    ];
    let mut known = vec![cause(&full())];
    for fate in fates {
        let error = full().leaves(fate);
        let (said, english) = (Language::Fr.sentence(&error), Language::En.sentence(&error));
        is_french(&said);
        assert_eq!(said.contains(&id.to_string()), english.contains(&id.to_string()), "{said}");
        assert!(said.contains("le disque est plein (détail\u{a0}: it is full)"), "{said}");
        assert!(!known.contains(&said), "{said}");
        known.push(said);
    }
}

#[test]
fn what_else_the_screens_say_is_there() {
    let both = Language::ALL;
    let sides = [Side::Ours, Side::Theirs, Side::Network, Side::Recipient];
    let differs = |say: &dyn Fn(Language) -> String| {
        let [english, french] = both.map(say);
        is_french(&french);
        assert_ne!(english, french);
    };
    sides.iter().for_each(|side| differs(&|of| of.side(*side)));
    for what in [Unkept::Verified, Unkept::Index, Unkept::NewKeys] {
        differs(&|of| of.unkept(what).to_owned());
        differs(&|of| of.not_kept(of.unkept(what), &full().mended_by(Mend::AgainLater)));
    }
    for work in [Work::Verifying, Work::Entries, Work::Details] {
        differs(&|of| of.work(work).to_owned());
    }
    differs(&|of| of.question(&Question::ToTheOthers(&full())).to_owned());
    differs(&|of| of.question(&Question::Widens).to_owned());
    for why in [Why::Gone, Why::Listed, Why::WithoutSeats, Why::Full, Why::NotSent, Why::Waits] {
        differs(&|of| of.left_out(&called(), why));
    }
    let yes = |answer| both.map(|of| of.is_yes(answer));
    assert_eq!(["y", "O", "n", ""].map(yes), [[true, true], [false, true], [false; 2], [false; 2]]);
}

#[test]
fn a_contact_is_called_by_its_french_name() {
    let said = Language::Fr.left_out(&called(), Why::Listed);
    assert_eq!(
        said,
        "rien n’est envoyé à at/cert-at (CERT.at, Autriche)\u{a0}: il y figure sans clés\u{a0}; l’appeler"
    );
}

#[test]
fn a_language_is_read_by_its_tag() {
    assert_eq!(Language::ALL.map(|of| Language::read(of.tag())), Language::ALL.map(Some));
    assert_eq!(["", "FR", "fr_FR", "de"].map(Language::read), [None; 4]);
}

/// Whole, on one line as far as it is a sentence, and set as French is.
#[track_caller]
fn is_french(said: &str) {
    assert!(!said.is_empty() && said.trim() == said && !said.contains("  "), "{said}");
    for wrong in [" :", " ;", " ?", "« ", " »", "'"] {
        // What is cited is English.
        let own = said.split(DETAIL).next().unwrap_or_default();
        assert!(!own.contains(wrong), "{wrong:?}: {said}");
    }
}

/// With its marks at their words.
fn joined(said: &str) -> String {
    said.replace('\u{a0}', "")
}

fn parts(said: &str) -> impl Iterator<Item = &str> {
    let marks = |of: char| !of.is_alphanumeric() && !"-/._".contains(of);
    said.split(marks).map(|part| part.trim_end_matches(['.', ':'])).filter(|part| !part.is_empty())
}

/// Not prose: it has a digit, a dot, a slash, or is written as what is typed.
fn is_value(part: &str) -> bool {
    let typed = |of: char| of.is_ascii_digit() || "/._".contains(of);
    part.contains(typed)
        || part.starts_with("--")
        || ["anna", "alice", "bob", "carol"].contains(&part)
}

fn full() -> ClientError {
    ClientError::new(Side::Ours, Family::Unexpected, Here::DiskFull, "it is full")
}

fn called() -> Called {
    let text = |language: &str, text: &str| Text { language: language.into(), text: text.into() };
    Called {
        contact: "at/cert-at".parse().unwrap(),
        names: vec![text("de", "CERT.at")],
        member: vec![text("en", "Austria"), text("fr-FR", "Autriche")],
    }
}

/// The variants, as the source has them.
fn variants() -> Vec<&'static str> {
    let (_, list) = NOTES.split_once("pub enum Note {").unwrap();
    let lines = list.lines().take_while(|line| *line != "}");
    let lines = lines.filter_map(|line| line.strip_prefix("    "));
    let named = lines.filter(|line| line.starts_with(|first: char| first.is_uppercase()));
    named.map(|line| line.split([' ', '(', ',']).next().unwrap_or_default()).collect()
}

/// One of each variant at least.
fn notes() -> Vec<Note> {
    let net = Net::new();
    let header = &net.notification().envelope.header;
    let header = envelope::verify_header(&net.directory, header).unwrap();
    let of = |class| {
        let class = OrLater::Known(class);
        crate::domain::relay::addressing::Addressing { class, ..header.addressing().clone() }
    };
    let (id, path) = (MessageId::new(1, [1; 10]), PathBuf::from("home/file"));
    let contact: ContactId = "fr/cert".parse().unwrap();
    let seat = || "fr/cert/duty-1".parse().unwrap();
    let key = KeyId::of(b"key");
    let later = EntryKind::of_byte(9).unwrap();
    let EntryKind::Later(later) = later else { panic!("a later one") };
    let owners = [
        Owner::Registrar("alice".parse().unwrap()),
        Owner::Operator("alice".parse().unwrap()),
        Owner::Auditor("alice".parse().unwrap()),
        Owner::Authority("fr".parse().unwrap()),
        Owner::Keeper(contact.clone()),
        Owner::Seat(seat()),
    ];
    let purposes = vec![Purpose::SeatSign, Purpose::SeatSeal, Purpose::SeatTls];
    let of_owners = owners.map(|owner| Note::KeysInForce(owner, purposes.clone()));
    let kept = [Unkept::Verified, Unkept::Index, Unkept::NewKeys];
    let kept = kept.map(|what| Note::NotKept(what, full()));
    let not_opened = [
        NotOpened::BeforeUpdate(key),
        NotOpened::SyncFirst(7),
        NotOpened::Header(Refusal::UnknownKey(key)),
        NotOpened::Thread(Amiss::EarlierView),
        NotOpened::ForeignView(7),
        NotOpened::Backdated { key, ended: 2, floor: 3 },
        NotOpened::NoLetter { seat: seat(), owed: true },
        NotOpened::BodyDoesNotOpen(OpenError::Truncated),
    ];
    let unproven = not_opened.clone().map(|why| Note::NotProven(4, Unproven::Header(why)));
    let unverified = not_opened.map(|why| Note::Unverified(3, why));
    let receipts = [
        ReceiptError::BeforeUpdate("acknowledgement"),
        ReceiptError::Refused { what: "acknowledgement", why: Refusal::UnknownKey(key) },
        ReceiptError::OtherMailbox(contact.clone()),
    ];
    let receipts = receipts.map(|why| Note::NotAcknowledged(5, why));
    let classes = [
        Class::Unspecified,
        Class::Notification,
        Class::Update,
        Class::Correction,
        Class::Reply,
        Class::Withdrawal,
        Class::AllClear,
        Class::Comcheck,
        Class::Receipt,
        Class::Acknowledgement,
    ];
    let refused = classes.map(OrLater::Known).into_iter().chain([OrLater::Later(12)]);
    let refused =
        refused.map(|class| Note::Refused { sender: seat(), class, amiss: Amiss::OtherDrill });
    let three = [Class::Receipt, Class::Acknowledgement, Class::Notification];
    let waits = three.map(|class| Note::StillWaits {
        id,
        title: Some("Title-1".to_owned()),
        of: of(class),
        why: "no room".to_owned(),
    });
    let not_accepted =
        three.map(|class| Note::NotAccepted { id, of: Some(of(class)), error: full() });
    let frozen = |closed| Note::StandsStill(Frozen { leaf: 7, rules: 2, closed });
    let one = [
        Note::BadAddress(path.clone(), Address::parse("").unwrap_err()),
        Note::VerifiedAgain("it was of another size"),
        Note::CopyAltered(path.clone()),
        Note::Inadmissible(path.clone()),
        Note::Halted(7),
        Note::CopyStale,
        Note::CopyStandsStill,
        Note::DetailsForMembers(3),
        Note::Withheld(contact.clone(), "phones".to_owned()),
        Note::ClocksApart { own: 1_800_000_000, directory: 1_700_000_000 },
        Note::ChartersRefuted(path),
        frozen(None),
        frozen(Some(6)),
        Note::CheckpointUnchecked,
        Note::NobodyMuted(full()),
        Note::BeganAnew(contact.clone(), 2),
        Note::DeliveredAgain(vec![(7, id)]),
        Note::DeliveredAgain((7..12).map(|number| (number, id)).collect()),
        Note::WaitsForDirectory(9),
        Note::TwoHistories(id),
        Note::NotDelivered(None),
        Note::NotDelivered(Some(id)),
        Note::NotProven(4, Unproven::AnotherSender(seat())),
        Note::NotProven(4, Unproven::NotExpired),
        Note::Later(6, later),
        Note::NotFetched(3, full()),
        Note::BodyLost(full()),
        Note::BodyLost(full().mended_by(Mend::AskToSendAgain(contact))),
        Note::NotSynced(full()),
        Note::HeadUnchecked,
        Note::CannotAnswer(ComposeError::Recipients { found: 99 }),
        Note::CannotAnswer(ComposeError::Refused(Refusal::UnknownKey(key))),
        Note::CollectedElsewhere,
        Note::FetchedLater(3),
        Note::AskingAgain(3),
        Note::AskedInVain(full()),
        Note::CameAtLast(3),
        Note::LostByService(id),
        Note::HandedInLater(3),
        Note::HandingIn(3),
        Note::NotTakenYet,
        Note::RecordOver { contact: called().contact, expires: 1_800_000_000, now: 1_800_400_000 },
        Note::Sealed(called(), 3),
        Note::HopedFor(Urgency::Priority, 14_400),
        Note::LabelOfThread(Tlp::Red),
        Note::Widens(Widening {
            label: Tlp::Green,
            thread: Some(Tlp::Red),
            outside: vec![called().contact],
        }),
        Note::LeftOut(called(), Why::Listed),
        Note::SealedAgain(id),
        Note::DueNotHandedIn(full()),
        Note::StillDue(3),
        Note::NotAccepted { id, of: None, error: full().leaves(Fate::GivenUp(id)) },
    ];
    let each = one.into_iter().chain(of_owners).chain(kept).chain(unproven).chain(unverified);
    each.chain(receipts).chain(refused).chain(waits).chain(not_accepted).collect()
}
