//! A header by itself, as its reader judges it.

use crate::signed::dsse::Kind;
use crate::signed::proto::{self, Class, Drill, DrillKind, Extra, Flag};

use super::signing::{
    AT, AT_2, Draft, FR, Outer, Row, SOC, SOC_2, UNKNOWN_FIELD, by_a_seat, common, cut, header, id,
    table, to,
};
use super::{Case, DAY, NOW};
use crate::world::relay::sign_key;

/// So many bytes are a header at most.
const MOST: usize = 16_384;

pub(super) fn cases() -> Vec<Case> {
    let words = |draft: &Draft<Outer>| vec![draft.held.to_string(), draft.hex()];
    let good = header(AT, "at/cert/duty-1 sign", &["fr/cert"]);
    let of_soc = header(SOC, "fr/soc/duty-1 sign", &["fr/cert"]).with(|it| it.seen_at(14));
    let rows = [common(), by_a_seat(), form(), signers(), fields(), sealed()].concat();
    let alone = table(("header", "header"), &good, &rows, words);
    let together = table(("header of several", "header"), &of_soc, &several(), words);
    let in_time = keys_in_time().into_iter().map(|(row, (size, from, key), reason)| {
        let by = format!("{from} {key}").leak();
        let draft = header(from, by, &["fr/desk"]).with(|it| it.seen_at(size));
        (row, draft, reason)
    });
    let in_time = in_time.chain(behind(&of_soc)).map(|(row, draft, reason)| {
        let (name, entries) = (super::named("header", row), draft.entries);
        Case { name, judge: "header", reason, entries, words: words(&draft) }
    });
    alone.into_iter().chain(together).chain(in_time).collect()
}

fn form() -> Vec<Row<Outer>> {
    vec![
        ("a field more in the addressing", |it| it.says.more = UNKNOWN_FIELD, "NOT_CANONICAL"),
        ("a sender key of 31 bytes", |it| cut(&mut it.says.addressing.sender_key), "NOT_CANONICAL"),
        ("a message", |it| it.kind = Kind::Message, "UNKNOWN_KIND"),
        ("16,384 bytes", |it| fill(it, MOST), ""),
        ("16,385 bytes", |it| fill(it, MOST + 1), "TOO_LARGE"),
    ]
}

/// An extra that makes the envelope as large as that.
fn fill(it: &mut Draft<Outer>, size: usize) {
    it.says.addressing.extras = vec![extra("filling")];
    let mut value = size - 1_000;
    loop {
        it.says.addressing.extras[0].value = vec![0; value].into();
        match size - it.bytes().len() {
            0 => return,
            missing => value += missing,
        }
    }
}

fn signers() -> Vec<Row<Outer>> {
    vec![
        (
            "a colleague signs alone",
            |it| it.signers = vec!["at/cert/duty-2 sign"],
            "NOT_THE_SENDER",
        ),
        (
            "the sender's key is a colleague's",
            |it| by_key(it, "at/cert/duty-2 sign"),
            "NOT_THE_SENDER",
        ),
        (
            "the sender is a colleague",
            |it| it.says.addressing.sender = AT_2.to_owned(),
            "NOT_THE_SENDER",
        ),
        (
            "a colleague and its key are named",
            |it| {
                it.says.addressing.sender = AT_2.to_owned();
                by_key(it, "at/cert/duty-2 sign");
            },
            "NOT_THE_SENDER",
        ),
        ("a second by a colleague", |it| it.signers.push("at/cert/duty-2 sign"), ""),
        (
            "a second by another contact",
            |it| it.signers.push("fr/soc/duty-1 sign"),
            "SUPERFLUOUS_SIGNATURE",
        ),
        ("a second by a TLS key", |it| it.signers.push("at/cert/duty-2 tls"), "WRONG_PURPOSE"),
        ("a second by the keeper", |it| it.signers.push("at/cert keeper"), "WRONG_PURPOSE"),
        ("a second by nobody", |it| it.signers.push("nobody"), "UNKNOWN_KEY"),
    ]
}

fn by_key(it: &mut Draft<Outer>, key: &str) {
    it.says.addressing.sender_key = sign_key(key).public().id().as_bytes().to_vec().into();
}

/// In a view in which all five seats of `fr/soc` stand.
fn several() -> Vec<Row<Outer>> {
    vec![
        ("two", |it| also(it, &["fr/soc/duty-2 sign"]), ""),
        ("four", |it| also(it, &FIVE[..3]), ""),
        ("five", |it| also(it, &FIVE), "SUPERFLUOUS_SIGNATURE"),
        (
            "unsorted",
            |it| {
                also(it, &FIVE[..2]);
                it.tamper = |dsse| dsse.signatures.reverse();
            },
            "SIGNATURES_UNSORTED",
        ),
        (
            "the second is bad",
            |it| {
                also(it, &FIVE[..1]);
                it.tamper = |dsse| {
                    let first = dsse.signatures[0].sig.clone();
                    dsse.signatures[1].sig = first;
                };
            },
            "BAD_SIGNATURE",
        ),
        (
            "the second has ended",
            |it| {
                also(it, &FIVE[..1]);
                it.seen_at(15);
            },
            "KEY_NOT_IN_FORCE",
        ),
        (
            "the second ended before a head",
            |it| {
                also(it, &FIVE[..1]);
                it.held = 15;
            },
            "BACKDATED",
        ),
        (
            "the second ended with a head",
            |it| {
                also(it, &FIVE[..1]);
                it.held = 14;
            },
            "",
        ),
        ("all stand behind a head", |it| it.held = 20, ""),
    ]
}

const FIVE: [&str; 4] =
    ["fr/soc/duty-2 sign", "fr/soc/duty-3 sign", "fr/soc/duty-4 sign", "fr/soc/duty-5 sign"];

fn also(it: &mut Draft<Outer>, keys: &[&'static str]) {
    it.signers.extend(keys);
}

/// Size of the view, seat, key; and the reason.
type InTime = (&'static str, (usize, &'static str, &'static str), &'static str);

/// Keys that were listed, and revoked, rotated, withdrawn: at the edges of their time.
fn keys_in_time() -> Vec<InTime> {
    let late = "KEY_NOT_IN_FORCE";
    vec![
        ("revoked before it was listed", (10, SOC_2, "sign"), late),
        ("revoked as it was listed", (11, SOC_2, "sign"), ""),
        ("revoked with its end", (14, SOC_2, "sign"), ""),
        ("revoked after its end", (15, SOC_2, "sign"), late),
        ("rotated before it was listed", (8, FR, "sign"), late),
        ("rotated as it was listed", (9, FR, "sign"), ""),
        ("rotated with its end", (16, FR, "sign"), ""),
        ("rotated after its end", (17, FR, "sign"), late),
        ("next before it was listed", (16, FR, "sign 2"), late),
        ("next as it was listed", (17, FR, "sign 2"), ""),
        ("withdrawn before it was listed", (12, "at/old/duty-1", "sign"), late),
        ("withdrawn as it was listed", (13, "at/old/duty-1", "sign"), ""),
        ("withdrawn with its end", (17, "at/old/duty-1", "sign"), ""),
        ("withdrawn after its end", (18, "at/old/duty-1", "sign"), late),
    ]
}

/// A replica that is behind, and heads that are not.
fn behind(of_soc: &Draft<Outer>) -> Vec<(&'static str, Draft<Outer>, &'static str)> {
    let next = header(FR, "fr/cert/duty-1 sign 2", &["at/cert"]).with(|it| it.seen_at(17));
    let revoked = header(SOC_2, "fr/soc/duty-2 sign", &["at/cert"]).with(|it| it.seen_at(14));
    vec![
        ("the replica is at the view", next.with(|it| it.entries = 17), ""),
        ("the replica is behind the view", of_soc.with(|it| it.entries = 13), "SYNC_FIRST"),
        ("the replica is behind the key", next.with(|it| it.entries = 16), "SYNC_FIRST"),
        ("revoked and no head held", revoked.clone(), ""),
        ("revoked and a head at its end", revoked.with(|it| it.held = 14), ""),
        ("revoked and a head after its end", revoked.with(|it| it.held = 15), "BACKDATED"),
    ]
}

fn fields() -> Vec<Row<Outer>> {
    [addressees(), numbers(), drills(), times()].concat()
}

const RECIPIENTS: &str = "INVALID_FIELD:recipients";

fn addressees() -> Vec<Row<Outer>> {
    vec![
        ("id of version 4", |it| own_id(it, 6, 0x40), "INVALID_FIELD:id"),
        ("id of variant 0", |it| own_id(it, 8, 0x00), "INVALID_FIELD:id"),
        ("id of variant 3", |it| own_id(it, 8, 0xc0), "INVALID_FIELD:id"),
        ("id of 15 bytes", |it| answers(it, |of| cut(&mut of.id)), "INVALID_FIELD:id"),
        ("no id", |it| answers(it, |of| of.id.clear()), "INVALID_FIELD:id"),
        (
            "a thread of 15 bytes",
            |it| answers(it, |of| cut(&mut of.thread)),
            "INVALID_FIELD:thread",
        ),
        ("no thread", |it| answers(it, |of| of.thread.clear()), "INVALID_FIELD:thread"),
        ("an answer", |it| answers(it, |_| ()), ""),
        (
            "an answer to 31 bytes",
            |it| answers(it, |of| cut(&mut of.in_reply_to)),
            "INVALID_FIELD:in_reply_to",
        ),
        (
            "a sender that is a contact",
            |it| it.says.addressing.sender = "at/cert".to_owned(),
            "INVALID_FIELD:sender",
        ),
        ("no recipient", |it| it.says.addressing.recipients.clear(), RECIPIENTS),
        ("32 recipients", |it| it.says.addressing.recipients = many(32), ""),
        ("33 recipients", |it| it.says.addressing.recipients = many(33), RECIPIENTS),
        (
            "recipients unsorted",
            |it| it.says.addressing.recipients = vec![to("fr/soc"), to("fr/cert")],
            RECIPIENTS,
        ),
        (
            "a recipient twice",
            |it| it.says.addressing.recipients = vec![to("fr/cert"), to("fr/cert")],
            RECIPIENTS,
        ),
        ("a recipient at two steps", |it| second(it, "fr/cert", 1, ""), RECIPIENTS),
        ("a later step before in name", |it| second(it, "at/old", 1, "fr/cert"), ""),
        (
            "steps unsorted",
            |it| {
                second(it, "at/old", 1, "fr/cert");
                it.says.addressing.recipients.reverse();
            },
            RECIPIENTS,
        ),
        ("a step of 8", |it| second(it, "fr/soc", 8, "fr/cert"), ""),
        ("a step of 9", |it| second(it, "fr/soc", 9, "fr/cert"), RECIPIENTS),
        ("a step for nobody", |it| second(it, "fr/soc", 1, ""), ""),
        ("a step for no contact", |it| second(it, "fr/soc", 1, "fr"), RECIPIENTS),
        ("step 0 for somebody", |it| second(it, "fr/soc", 0, "fr/cert"), RECIPIENTS),
        (
            "a recipient that is a seat",
            |it| it.says.addressing.recipients[0].contact = FR.to_owned(),
            RECIPIENTS,
        ),
        (
            "a recipient that is not there",
            |it| it.says.addressing.recipients = vec![to("fr/none")],
            "",
        ),
        ("level 0", |it| it.says.addressing.recipients[0].level = 0, RECIPIENTS),
        ("level 2 which the record lacks", |it| it.says.addressing.recipients[0].level = 2, ""),
        ("level 5", |it| it.says.addressing.recipients[0].level = 5, ""),
        ("level 6", |it| it.says.addressing.recipients[0].level = 6, RECIPIENTS),
    ]
}

/// A message that does not begin its thread.
fn answers(it: &mut Draft<Outer>, change: fn(&mut proto::Addressing)) {
    let addressing = &mut it.says.addressing;
    (addressing.thread, addressing.in_reply_to) = (id(2), vec![4; 32].into());
    change(addressing);
}

/// The upper bits of one byte of its id.
fn own_id(it: &mut Draft<Outer>, at: usize, bits: u8) {
    let mut bytes = id(1).to_vec();
    bytes[at] = bytes[at] & 0x0f | bits;
    answers(it, |_| ());
    it.says.addressing.id = bytes.into();
}

fn many(count: usize) -> Vec<proto::Recipient> {
    (0..count).map(|at| to(&format!("fr/c-{at:02}"))).collect()
}

fn second(it: &mut Draft<Outer>, contact: &str, step: u32, stands_in_for: &str) {
    let stands_in_for = stands_in_for.to_owned();
    let recipient = proto::Recipient { step, stands_in_for, after: 60 * step, ..to(contact) };
    it.says.addressing.recipients.push(recipient);
}

fn numbers() -> Vec<Row<Outer>> {
    vec![
        ("class 0", |it| it.says.addressing.class = 0, "INVALID_FIELD:class"),
        ("class 10", |it| it.says.addressing.class = 10, ""),
        ("urgency 0", |it| it.says.addressing.urgency = 0, "INVALID_FIELD:urgency"),
        ("urgency 5", |it| it.says.addressing.urgency = 5, ""),
        ("both flags", |it| it.says.addressing.flags = vec![1, 2], ""),
        ("flag 3", |it| it.says.addressing.flags = vec![Flag::LadderWidened.into(), 3], ""),
        ("flag 0", |it| it.says.addressing.flags = vec![0], "INVALID_FIELD:flags"),
        ("flags unsorted", |it| it.says.addressing.flags = vec![2, 1], "INVALID_FIELD:flags"),
        ("a flag twice", |it| it.says.addressing.flags = vec![1, 1], "INVALID_FIELD:flags"),
        ("an extra of 32", |it| extras(it, &[&"x".repeat(32)]), ""),
        ("an extra of 33", |it| extras(it, &[&"x".repeat(33)]), "INVALID_FIELD:extras"),
        ("an extra without a name", |it| extras(it, &[""]), "INVALID_FIELD:extras"),
        ("an extra of capitals", |it| extras(it, &["Campaign"]), "INVALID_FIELD:extras"),
        ("extras", |it| extras(it, &["-", "a"]), ""),
        ("extras unsorted", |it| extras(it, &["b", "a"]), "INVALID_FIELD:extras"),
        ("an extra twice", |it| extras(it, &["a", "a"]), "INVALID_FIELD:extras"),
    ]
}

fn extra(name: &str) -> Extra {
    Extra { name: name.to_owned(), value: vec![5; 4].into() }
}

fn extras(it: &mut Draft<Outer>, names: &[&str]) {
    it.says.addressing.extras = names.iter().map(|name| extra(name)).collect();
}

fn drills() -> Vec<Row<Outer>> {
    const DRILL: &str = "INVALID_FIELD:drill";
    vec![
        ("drill 0", |it| drill(it, 0, "CYBER SOUTH"), DRILL),
        ("a comcheck without a name", |it| drill(it, DrillKind::Comcheck.into(), ""), ""),
        ("a question without a name", |it| drill(it, DrillKind::Question.into(), ""), DRILL),
        ("an exercise without a name", |it| drill(it, DrillKind::Exercise.into(), ""), DRILL),
        ("drill 4 without a name", |it| drill(it, 4, ""), ""),
        ("a drill of 400 bytes", |it| drill(it, 3, &"x".repeat(400)), ""),
        ("a drill of 401 bytes", |it| drill(it, 3, &"x".repeat(401)), DRILL),
        ("a comcheck that is no text", |it| drill(it, 1, "a\u{200b}b"), DRILL),
    ]
}

fn drill(it: &mut Draft<Outer>, kind: i32, name: &str) {
    it.says.addressing.drill = Some(Drill { kind, name: name.to_owned() });
}

fn times() -> Vec<Row<Outer>> {
    const EXPIRES: &str = "INVALID_FIELD:expires";
    vec![
        ("it expires when it is created", |it| it.says.addressing.expires = NOW, EXPIRES),
        ("it expires before it is created", |it| it.says.addressing.expires = NOW - 1, EXPIRES),
        ("it expires a second later", |it| it.says.addressing.expires = NOW + 1, ""),
        ("it expires in 30 days", |it| it.says.addressing.expires = NOW + 30 * DAY, ""),
        (
            "it expires a second after 30 days",
            |it| it.says.addressing.expires = NOW + 30 * DAY + 1,
            EXPIRES,
        ),
        ("an acknowledgement is hoped for", |it| it.says.addressing.acknowledge_within = 1, ""),
        ("a receipt alone", |it| it.says.addressing.class = Class::Receipt.into(), ""),
    ]
}

fn sealed() -> Vec<Row<Outer>> {
    const BLOBS: &str = "INVALID_FIELD:blobs";
    vec![
        ("a body of 0", |it| it.says.header.body_size = 0, "BODY_SIZE"),
        ("a body of 4,095", |it| it.says.header.body_size = 4_095, "BODY_SIZE"),
        ("a body of 4,097", |it| it.says.header.body_size = 4_097, "BODY_SIZE"),
        ("a body of 16 KiB", |it| it.says.header.body_size = 16_384, ""),
        ("a body of 64 KiB", |it| it.says.header.body_size = 65_536, ""),
        ("a body of 256 KiB", |it| it.says.header.body_size = 262_144, ""),
        ("a body of 1 MiB", |it| it.says.header.body_size = 1_048_576, ""),
        ("a body of 4 MiB", |it| it.says.header.body_size = 4_194_304, ""),
        ("a body of 16 MiB", |it| it.says.header.body_size = 16_777_216, ""),
        ("a body of 64 MiB", |it| it.says.header.body_size = 67_108_864, "BODY_SIZE"),
        (
            "half a body digest",
            |it| cut(&mut it.says.header.body_digest),
            "INVALID_FIELD:body_digest",
        ),
        ("no letter", |it| it.says.header.letters = 0, "WRONG_LETTERS"),
        ("1 letter", |it| it.says.header.letters = 1, ""),
        ("128 letters", |it| it.says.header.letters = 128, ""),
        ("129 letters", |it| it.says.header.letters = 129, "WRONG_LETTERS"),
        (
            "half a letters' root",
            |it| cut(&mut it.says.header.letters_root),
            "INVALID_FIELD:letters_root",
        ),
        ("two blobs", |it| blobs(it, &[(1, 4_096), (2, 16_777_216)]), ""),
        ("a blob of another size", |it| blobs(it, &[(1, 4_097)]), BLOBS),
        ("a blob of nothing", |it| blobs(it, &[(1, 0)]), BLOBS),
        ("blobs unsorted", |it| blobs(it, &[(2, 4_096), (1, 4_096)]), BLOBS),
        ("a blob twice", |it| blobs(it, &[(1, 4_096), (1, 4_096)]), BLOBS),
        (
            "a blob by half a digest",
            |it| {
                blobs(it, &[(1, 4_096)]);
                cut(&mut it.says.header.blobs[0].digest);
            },
            BLOBS,
        ),
    ]
}

fn blobs(it: &mut Draft<Outer>, blobs: &[(u8, u64)]) {
    let blob =
        |(byte, size): &(u8, u64)| proto::Blob { digest: vec![*byte; 32].into(), size: *size };
    it.says.header.blobs = blobs.iter().map(blob).collect();
}
