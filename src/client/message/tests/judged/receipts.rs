//! What is signed about a message: acknowledgements, accepted receipts, heads of mailboxes.

use crate::domain::state::Mailbox;
use crate::signed::proto::{self, Drill, DrillKind, Level, Place};

use super::signing::{
    AT, AT_2, Draft, Outer, Row, SOC, SOC_2, Says, by_a_seat, common, cut, directory, header, table,
};
use super::{Case, LOG, NOW, named, view};
use crate::world::relay::contact;

/// Signed by whom it should be, and not what it should be.
const NOT_VERIFIED: &str = "RECEIPT_NOT_VERIFIED";
const LATE: &str = "KEY_NOT_IN_FORCE";

pub(super) fn cases() -> Vec<Case> {
    [acknowledgements(), accepted(), heads()].into_iter().flatten().collect()
}

/// What all of these are about, written in a view of 9.
fn message() -> Draft<Outer> {
    header(AT, "at/cert/duty-1 sign", &["fr/cert", "fr/soc"]).with(|it| it.seen_at(9))
}

// Acknowledgements.

fn acknowledgements() -> Vec<Case> {
    let message = message();
    let later = message.with(|it| it.says.addressing.recipients[1].step = 1);
    let exercise = message.with(|it| it.says.addressing.drill = Some(mark("CYBER SOUTH")));
    let good = acknowledgement(SOC, "fr/soc/duty-1 sign", &message);
    let kind = ("acknowledgement", "acknowledgement");
    let words = |draft: &Draft<proto::Acknowledgement>, message: &Draft<Outer>| {
        vec![draft.held.to_string(), message.hex(), draft.hex()]
    };
    let rows = [common(), by_a_seat(), of_acknowledgements()].concat();
    let mut cases = table(kind, &good, &rows, |draft| words(draft, &message));
    let revoked = acknowledgement(SOC_2, "fr/soc/duty-2 sign", &message).with(|it| it.seen_at(14));
    let marked = acknowledgement(SOC, "fr/soc/duty-1 sign", &exercise);
    let others: [(&str, _, &Draft<Outer>, _); 16] = [
        ("in the exercise", marked.clone(), &exercise, ""),
        ("without the mark", marked.with(|it| it.says.drill = None), &exercise, NOT_VERIFIED),
        (
            "with another mark",
            marked.with(|it| it.says.drill = Some(mark("CYBER NORTH"))),
            &exercise,
            NOT_VERIFIED,
        ),
        (
            "with a mark",
            good.with(|it| it.says.drill = Some(mark("CYBER SOUTH"))),
            &message,
            NOT_VERIFIED,
        ),
        ("of a later step", acknowledgement(SOC, "fr/soc/duty-1 sign", &later), &later, ""),
        ("of who was not addressed", good.clone(), &addressed_to_cert(), NOT_VERIFIED),
        (
            "of a colleague of the sender",
            acknowledgement(AT_2, "at/cert/duty-2 sign", &message),
            &message,
            NOT_VERIFIED,
        ),
        ("revoked before it was listed", revoked.with(|it| it.seen_at(10)), &message, LATE),
        ("revoked as it was listed", revoked.with(|it| it.seen_at(11)), &message, ""),
        ("revoked with its end", revoked.clone(), &message, ""),
        ("revoked after its end", revoked.with(|it| it.seen_at(15)), &message, LATE),
        ("revoked and a head at its end", revoked.with(|it| it.held = 14), &message, ""),
        (
            "revoked and a head after its end",
            revoked.with(|it| it.held = 15),
            &message,
            "BACKDATED",
        ),
        (
            "a view as the message's",
            good.with(|it| it.seen_at(12)),
            &message.with(|it| it.seen_at(12)),
            "",
        ),
        (
            "a view before the message's",
            good.with(|it| it.seen_at(12)),
            &message.with(|it| it.seen_at(13)),
            "VIEW_BEFORE",
        ),
        ("the replica is behind", good.with(|it| it.entries = 19), &message, "SYNC_FIRST"),
    ];
    // Each is of the message that it is judged beside, but for one.
    cases.extend(others.into_iter().map(|(row, draft, message, reason)| {
        let digest = message.digest().as_bytes().to_vec().into();
        let draft = draft.with(|it| it.says.header_digest = digest);
        let (name, entries) = (named(kind.0, row), draft.entries);
        Case { name, judge: kind.1, reason, entries, words: words(&draft, message) }
    }));
    cases
}

fn addressed_to_cert() -> Draft<Outer> {
    message().with(|it| it.says.addressing.recipients.truncate(1))
}

fn mark(name: &str) -> Drill {
    Drill { kind: DrillKind::Exercise.into(), name: name.to_owned() }
}

fn acknowledgement(
    seat: &'static str,
    signer: &'static str,
    message: &Draft<Outer>,
) -> Draft<proto::Acknowledgement> {
    let says = proto::Acknowledgement {
        directory: directory(),
        header_digest: message.digest().as_bytes().to_vec().into(),
        seat: seat.to_owned(),
        level: Level::Technical.into(),
        drill: message.says.addressing.drill.clone(),
        at: NOW + 60,
        view: Some(view(super::ALL).to_proto()),
    };
    Draft::new(says, signer)
}

fn of_acknowledgements() -> Vec<Row<proto::Acknowledgement>> {
    vec![
        ("a second signature", |it| it.signers.push("fr/soc/duty-3 sign"), "SUPERFLUOUS_SIGNATURE"),
        ("of a colleague", |it| it.says.seat = "fr/soc/duty-3".to_owned(), "NOT_THE_SENDER"),
        ("of a contact", |it| it.says.seat = "fr/soc".to_owned(), "NOT_THE_SENDER"),
        ("by a colleague", |it| it.signers = vec!["fr/soc/duty-3 sign"], "NOT_THE_SENDER"),
        ("level 0", |it| it.says.level = 0, "INVALID_FIELD:level"),
        ("level 2 which the record lacks", |it| it.says.level = 2, ""),
        ("level 6", |it| it.says.level = 6, "INVALID_FIELD:level"),
        (
            "drill 0",
            |it| it.says.drill = Some(Drill { kind: 0, ..mark("A") }),
            "INVALID_FIELD:drill",
        ),
        ("half a digest", |it| cut(&mut it.says.header_digest), "INVALID_FIELD:header_digest"),
        ("another message", |it| it.says.header_digest = vec![7; 32].into(), NOT_VERIFIED),
        (
            "unsorted",
            |it| {
                it.signers.push("fr/soc/duty-3 sign");
                it.tamper = |dsse| dsse.signatures.reverse();
            },
            "SIGNATURES_UNSORTED",
        ),
    ]
}

// What the relay signs.

/// What is refused of what the relay signs, beyond what is common.
fn by_the_relay<S: Says>() -> Vec<Row<S>> {
    vec![
        ("no signature", |it| it.signers.clear(), NOT_VERIFIED),
        ("a second signature", |it| it.signers.push("at/cert/duty-1 sign"), NOT_VERIFIED),
        ("by a key that was never listed", |it| it.signers = vec!["nobody"], NOT_VERIFIED),
        ("by a log key", |it| it.signers = vec!["log"], NOT_VERIFIED),
        ("by a seat", |it| it.signers = vec!["at/cert/duty-1 sign"], NOT_VERIFIED),
        ("by a registrar", |it| it.signers = vec!["alice"], NOT_VERIFIED),
        ("the first key with its end", |it| *it = it.signed_in((15, "relay")), ""),
        ("the first key after its end", |it| *it = it.signed_in((16, "relay")), LATE),
        ("the next key before it was listed", |it| *it = it.signed_in((15, "relay 2")), LATE),
        ("the next key as it was listed", |it| *it = it.signed_in((16, "relay 2")), ""),
        ("the replica is behind", |it| it.entries = 19, "SYNC_FIRST"),
        (
            "the replica is behind the next key",
            |it| {
                *it = it.signed_in((16, "relay 2"));
                it.entries = 15;
            },
            "SYNC_FIRST",
        ),
        (
            "the replica is behind the first key's end",
            |it| {
                *it = it.signed_in((15, "relay"));
                it.entries = 15;
            },
            "",
        ),
    ]
}

fn place(of: &str, number: u64) -> Place {
    let epoch = 1;
    let chain = vec![4; 32].into();
    Place { contact: of.to_owned(), epoch, number, chain }
}

fn accepted() -> Vec<Case> {
    let message = message();
    let says = proto::Accepted {
        directory: directory(),
        header_digest: message.digest().as_bytes().to_vec().into(),
        at: NOW + 1,
        view: Some(view(super::ALL).to_proto()),
        places: vec![place("fr/cert", 7), place("fr/soc", 1)],
    };
    let rows = [common(), by_the_relay(), of_accepted()].concat();
    table(("accepted", "accepted"), &Draft::new(says, "relay 2"), &rows, |draft| {
        vec![message.hex(), draft.hex()]
    })
}

fn of_accepted() -> Vec<Row<proto::Accepted>> {
    const PLACES: &str = "INVALID_FIELD:places";
    vec![
        ("half a digest", |it| cut(&mut it.says.header_digest), "INVALID_FIELD:header_digest"),
        ("another message", |it| it.says.header_digest = vec![7; 32].into(), NOT_VERIFIED),
        ("a view as the message's", |it| *it = it.signed_in((9, "relay")), ""),
        ("a view before the message's", |it| *it = it.signed_in((8, "relay")), "VIEW_BEFORE"),
        ("one place so far", |it| it.says.places.truncate(1), ""),
        ("no place", |it| it.says.places.clear(), NOT_VERIFIED),
        ("places unsorted", |it| it.says.places.reverse(), NOT_VERIFIED),
        ("a place twice", |it| it.says.places[1] = place("fr/cert", 7), NOT_VERIFIED),
        ("a place of another contact", |it| it.says.places[1] = place("fr/tango", 1), NOT_VERIFIED),
        (
            "a place of the sender's",
            |it| it.says.places.insert(0, place("at/cert", 1)),
            NOT_VERIFIED,
        ),
        ("a place of a seat", |it| it.says.places[1] = place("fr/soc/duty-1", 1), PLACES),
        ("number 0", |it| it.says.places[1].number = 0, NOT_VERIFIED),
        ("epoch 0", |it| it.says.places[1].epoch = 0, PLACES),
        ("epoch 2", |it| it.says.places[1].epoch = 2, ""),
        ("half a chain", |it| cut(&mut it.says.places[1].chain), PLACES),
    ]
}

fn heads() -> Vec<Case> {
    let says = proto::MailboxHead {
        directory: directory(),
        place: Some(place("fr/soc", 7)),
        at: NOW + 1,
        view: Some(view(super::ALL).to_proto()),
    };
    let rows = [common(), by_the_relay(), of_heads()].concat();
    table(("mailbox head", "mailbox-head"), &Draft::new(says, "relay 2"), &rows, |draft| {
        vec!["fr/soc".to_owned(), draft.hex()]
    })
}

fn of_heads() -> Vec<Row<proto::MailboxHead>> {
    const PLACE: &str = "INVALID_FIELD:place";
    vec![
        ("the first key as it was listed", |it| *it = it.signed_in((1, "relay")), ""),
        ("of an empty mailbox", |it| it.says.place = Some(empty()), ""),
        ("of another contact", |it| it.says.place = Some(place("fr/cert", 7)), NOT_VERIFIED),
        ("of a seat", |it| it.says.place = Some(place(SOC, 7)), PLACE),
        ("no place", |it| it.says.place = None, PLACE),
        ("epoch 0", |it| it.says.place.as_mut().unwrap().epoch = 0, PLACE),
        ("epoch 2", |it| it.says.place.as_mut().unwrap().epoch = 2, ""),
        ("half a chain", |it| cut(&mut it.says.place.as_mut().unwrap().chain), PLACE),
    ]
}

fn empty() -> Place {
    let Mailbox { epoch, count, chain } =
        Mailbox::of_epoch(LOG[0].0.genesis(), &contact("fr/soc"), 1);
    let chain = chain.as_bytes().to_vec().into();
    Place { contact: "fr/soc".to_owned(), epoch, number: count, chain }
}
