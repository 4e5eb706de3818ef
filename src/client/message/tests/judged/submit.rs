//! What is handed in at Submit, as the relay judges it on its head.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::crypto::seal::{SealRandomness, plaintext_len_for, seal};
use crate::signed::proto::{self, Class, DrillKind, Letter};
use crate::tests::golden;
use crate::tlog::head::root_of;
use crate::tlog::merkle::leaf_hash;

use super::signing::{AT, AT_2, Draft, FR, Outer, SOC, SOC_2, UNKNOWN_FIELD, header, id};
use super::thread::{question, reply};
use super::{Case, DAY, NOW, named};
use crate::world::relay::seal_key;

/// Bodies and letters, by the names that the cases have for them.
pub(super) static SEALED: LazyLock<Vec<(&'static str, Bytes)>> = LazyLock::new(|| {
    let body = sealed_as_large_as(4_096);
    let not_one = |file: &[u8]| {
        let stanza = file.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let kind = file[stanza..].windows(4).position(|window| window == b"mlke").unwrap() + stanza;
        [&file[..kind], b"MLKE", &file[kind + 4..]].concat()
    };
    let letter = |seat: &str, key: &str| letter(seat, key, &sealed_as_large_as(1_659));
    let fr = |age: &[u8]| self::letter(FR, FR_2ND, age);
    let most = 2_500 - (letter(FR, FR_2ND).len() - 1_659);
    let soc = |name: &str| letter(&format!("fr/soc/{name}"), &format!("fr/soc/{name} seal"));
    let bare = proto::Letter::decode(&letter(FR, FR_2ND)[..]).unwrap();
    let short = Letter { seal_key: bare.seal_key.slice(..31), ..bare.clone() }.encode_to_vec();
    let unread = Letter { seat: "fr/cert".to_owned(), ..bare }.encode_to_vec();
    let sealed: Vec<(&'static str, Vec<u8>)> = vec![
        ("body-of-16,384", sealed_as_large_as(16_384)),
        ("body-of-another-stanza", not_one(&body)),
        ("body-of-zeros", vec![0; 4_096]),
        ("body", body),
        ("letter-at-1", letter(AT, "at/cert/duty-1 seal")),
        ("letter-at-2", letter(AT_2, "at/cert/duty-2 seal")),
        ("letter-fr", letter(FR, FR_2ND)),
        ("letter-fr-to-the-old-key", letter(FR, "fr/cert/duty-1 seal")),
        ("letter-fr-of-2,500", fr(&sealed_as_large_as(most))),
        ("letter-fr-of-2,501", fr(&sealed_as_large_as(most + 1))),
        ("letter-fr-with-a-field-more", [&letter(FR, FR_2ND)[..], UNKNOWN_FIELD].concat()),
        ("letter-fr-with-half-a-key", short),
        ("letter-fr-not-sealed", fr(&[0; 1_659])),
        ("letter-of-no-seat", unread),
        ("letter-soc-1", soc("duty-1")),
        ("letter-soc-3", soc("duty-3")),
        ("letter-soc-4", soc("duty-4")),
        ("letter-soc-5", soc("duty-5")),
    ];
    sealed.into_iter().map(|(name, bytes)| (name, bytes.into())).collect()
});

const FR_2ND: &str = "fr/cert/duty-1 seal 2";

pub(super) fn sealed(name: &str) -> Bytes {
    let ours = SEALED.iter().find(|(known, _)| *known == name).map(|(_, bytes)| bytes.clone());
    ours.or_else(|| SECOND.get(name).cloned()).unwrap_or_else(|| panic!("{name}"))
}

/// Those of the second implementation's own cases.
static SECOND: LazyLock<BTreeMap<String, Bytes>> = LazyLock::new(|| {
    let text = golden("messages/judged/second/sealed.txt");
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let lines = lines.filter(|(name, _)| *name != "#");
    lines.map(|(name, hex)| (name.to_owned(), hex::decode(hex).unwrap().into())).collect()
});

/// Zeros, sealed to a key that nobody needs.
fn sealed_as_large_as(size: usize) -> Vec<u8> {
    let plaintext = vec![0; plaintext_len_for(size as u64).unwrap() as usize];
    let randomness = SealRandomness::from_bytes(&[size as u8; SealRandomness::BYTES]);
    seal(&plaintext, seal_key("sealed").public(), randomness)
}

fn letter(seat: &str, key: &str, age: &[u8]) -> Vec<u8> {
    let seal_key = seal_key(key).public().id().as_bytes().to_vec().into();
    Letter { seat: seat.to_owned(), seal_key, age: age.to_vec().into() }.encode_to_vec()
}

/// An envelope before it is handed in.
#[derive(Clone)]
struct HandedIn {
    header: Draft<Outer>,
    caller: &'static str,
    now: u64,
    body: &'static str,
    letters: Vec<&'static str>,
}

const AT_LETTERS: [&str; 2] = ["letter-at-1", "letter-at-2"];
const BOTH: [&str; 3] = ["letter-at-1", "letter-at-2", "letter-fr"];
const SOC_LETTERS: [&str; 4] = ["letter-soc-1", "letter-soc-3", "letter-soc-4", "letter-soc-5"];

impl HandedIn {
    /// With the header that counts exactly these letters.
    fn new(header: &Draft<Outer>, caller: &'static str, letters: &[&'static str]) -> Self {
        let (body, letters) = ("body", letters.to_vec());
        Self { header: header.clone(), caller, now: NOW, body, letters }.counted()
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }

    /// The header says what its body and letters are.
    fn counted(&self) -> Self {
        self.with(|it| {
            let letters: Vec<Bytes> = it.letters.iter().map(|name| sealed(name)).collect();
            let leaves: Vec<Digest> = letters.iter().map(|letter| leaf_hash(letter)).collect();
            let header = &mut it.header.says.header;
            header.letters = letters.len() as u32;
            header.letters_root = root_of(&leaves).as_bytes().to_vec().into();
            header.body_digest = Digest::of(&sealed(it.body)).as_bytes().to_vec().into();
        })
    }

    fn words(&self) -> Vec<String> {
        let words =
            [self.now.to_string(), self.caller.to_owned(), self.header.hex(), self.body.to_owned()];
        words.into_iter().chain(self.letters.iter().map(ToString::to_string)).collect()
    }
}

/// What is handed in, the last of it judged, and the reason.
type Handed = (&'static str, Vec<HandedIn>, &'static str);

pub(super) fn cases() -> Vec<Case> {
    let tables = [
        headers(),
        bodies(),
        letters(),
        views(),
        recipients(),
        unserved(),
        threads(),
        again(),
        due(),
    ];
    let cases = tables.into_iter().flatten().map(|(row, handed, reason)| {
        let entries = handed.last().unwrap().header.entries;
        let words: Vec<Vec<String>> = handed.iter().map(HandedIn::words).collect();
        let words = words.join(&"then".to_owned());
        Case { name: named("submit", row), judge: "submit", reason, entries, words }
    });
    cases.collect()
}

/// From `at/cert` to `fr/cert`, taken at once.
fn good() -> HandedIn {
    HandedIn::new(&header(AT, "at/cert/duty-1 sign", &["fr/cert"]), "at/cert", &BOTH)
}

fn of(change: fn(&mut Draft<Outer>)) -> Vec<HandedIn> {
    vec![good().with(|it| change(&mut it.header))]
}

/// From `from` to `to`, with these letters.
fn sent(from: &'static str, key: &'static str, to: &str, letters: &[&'static str]) -> HandedIn {
    let caller = from.rsplit_once('/').unwrap().0;
    HandedIn::new(&header(from, key, &[to]), caller, letters)
}

fn headers() -> Vec<Handed> {
    const ENDED: &str = "KEY_NOT_IN_FORCE";
    let created = |at: u64| {
        vec![good().with(|it| {
            (it.header.says.addressing.created, it.header.says.addressing.expires) =
                (at, at + 3_600);
        })]
    };
    let at = |now: u64| vec![good().with(|it| it.now = now)];
    vec![
        ("as it should be", vec![good()], ""),
        ("by another contact", vec![good().with(|it| it.caller = "fr/cert")], "NOT_THE_SENDER"),
        ("created 300 seconds ahead", created(NOW + 300), ""),
        ("created 301 seconds ahead", created(NOW + 301), "ISSUED_IN_FUTURE"),
        ("to a record that has expired", a_year_later(), ""),
        ("before it expires", at(NOW + 3_599), ""),
        ("when it expires", at(NOW + 3_600), "INVALID_FIELD:expires"),
        (
            "by a key that was revoked",
            vec![sent(SOC_2, "fr/soc/duty-2 sign", "fr/soc", &SOC_LETTERS)],
            ENDED,
        ),
        (
            "by a key that was rotated",
            vec![sent(FR, "fr/cert/duty-1 sign", "at/cert", &BOTH)],
            ENDED,
        ),
        ("by the next key", vec![sent(FR, "fr/cert/duty-1 sign 2", "at/cert", &BOTH)], ""),
        (
            "by a key that was withdrawn",
            vec![sent("at/old/duty-1", "at/old/duty-1 sign", "at/cert", &AT_LETTERS)],
            ENDED,
        ),
        ("by a key that was never listed", of(|it| it.signers = vec!["nobody"]), "UNKNOWN_KEY"),
    ]
}

/// The records are of 365 days.
fn a_year_later() -> Vec<HandedIn> {
    let at = NOW + 366 * DAY;
    vec![good().with(|it| {
        let of = &mut it.header.says.addressing;
        (it.now, of.created, of.expires) = (at, at, at + 3_600);
    })]
}

fn bodies() -> Vec<Handed> {
    let body = |name: &'static str| vec![good().with(|it| it.body = name).counted()];
    let digest = |it: &mut Draft<Outer>| it.says.header.body_digest = vec![7; 32].into();
    vec![
        ("a body of another size", of(|it| it.says.header.body_size = 16_384), "BODY_SIZE"),
        ("another body", of(digest), "BODY_DIGEST"),
        ("a body of zeros", body("body-of-zeros"), "NOT_SEALED"),
        ("a body of another stanza", body("body-of-another-stanza"), "NOT_SEALED"),
    ]
}

fn letters() -> Vec<Handed> {
    const WRONG: &str = "WRONG_LETTERS";
    let these =
        |letters: &[&'static str]| vec![good().with(|it| it.letters = letters.to_vec()).counted()];
    let fr = |name: &'static str| these(&["letter-at-1", "letter-at-2", name]);
    let counted =
        |change: fn(&mut Vec<&'static str>)| vec![good().with(|it| change(&mut it.letters))];
    vec![
        (
            "a letter that the header does not count",
            counted(|letters| letters.push("letter-soc-1")),
            WRONG,
        ),
        ("a letter less than the header counts", counted(|letters| letters.truncate(2)), WRONG),
        (
            "letters of another root",
            of(|it| it.says.header.letters_root = vec![7; 32].into()),
            WRONG,
        ),
        ("letters unsorted", these(&["letter-at-2", "letter-at-1", "letter-fr"]), WRONG),
        (
            "a letter twice",
            these(&["letter-at-1", "letter-at-1", "letter-at-2", "letter-fr"]),
            WRONG,
        ),
        ("no letter for the sender", these(&["letter-at-2", "letter-fr"]), WRONG),
        ("no letter for a colleague", these(&["letter-at-1", "letter-fr"]), WRONG),
        ("no letter for the recipient", these(&AT_LETTERS), WRONG),
        ("a letter for another", these(&[BOTH[0], BOTH[1], BOTH[2], "letter-soc-1"]), WRONG),
        ("a letter to the old key", fr("letter-fr-to-the-old-key"), WRONG),
        ("a letter of 2,500 bytes", fr("letter-fr-of-2,500"), ""),
        ("a letter of 2,501 bytes", fr("letter-fr-of-2,501"), "TOO_LARGE"),
        ("a letter with a field more", fr("letter-fr-with-a-field-more"), "NOT_CANONICAL"),
        ("a letter with half a key", fr("letter-fr-with-half-a-key"), "NOT_CANONICAL"),
        ("a letter of no seat", fr("letter-of-no-seat"), "INVALID_FIELD:letter"),
        ("a letter that is not sealed", fr("letter-fr-not-sealed"), "NOT_SEALED"),
    ]
}

/// On a relay with so many entries, in a view of this size.
fn seen(handed: &HandedIn, entries: usize, size: usize) -> Vec<HandedIn> {
    vec![handed.with(|it| {
        it.header.seen_at(size);
        it.header.entries = entries;
    })]
}

fn views() -> Vec<Handed> {
    const STALE: &str = "STALE_DIRECTORY";
    let to_soc = sent(
        AT,
        "at/cert/duty-1 sign",
        "fr/soc",
        &[AT_LETTERS, [SOC_LETTERS[0], SOC_LETTERS[1]]].concat(),
    );
    let to_soc = to_soc.with(|it| it.letters.extend(&SOC_LETTERS[2..])).counted();
    let (to_fr, own) = (good(), sent(FR, "fr/cert/duty-1 sign 2", "at/cert", &BOTH));
    vec![
        ("a view of the log", seen(&to_fr, 19, 19), ""),
        ("a view above the log", seen(&to_fr, 18, 19), "VIEW_AHEAD"),
        (
            "a view of another root",
            of(|it| it.says.addressing.view.as_mut().unwrap().root = vec![7; 32].into()),
            "FOREIGN_VIEW",
        ),
        ("a revocation since", seen(&to_soc, 18, 14), STALE),
        ("a revocation before and a charter since", seen(&to_soc, 18, 15), ""),
        ("a roster since", seen(&to_fr, 18, 16), STALE),
        ("a roster before and a withdrawal of another since", seen(&to_fr, 18, 17), ""),
        ("a record since", seen(&to_soc, 19, 18), STALE),
        ("a record before", seen(&to_soc, 19, 19), ""),
        ("an admission since", seen(&to_fr, 20, 19), STALE),
        ("an admission before", seen(&to_fr, 20, 20), ""),
        ("a roster of its own since", seen(&own, 18, 16), STALE),
        ("a roster of its own before", seen(&own, 18, 17), ""),
    ]
}

fn recipients() -> Vec<Handed> {
    let to = |contact: &str| vec![sent(AT, "at/cert/duty-1 sign", contact, &AT_LETTERS)];
    let level = |it: &mut Draft<Outer>, level: i32| it.says.addressing.recipients[0].level = level;
    let with = |number: i32| vec![good().with(|it| level(&mut it.header, number))];
    vec![
        (
            "a contact that was withdrawn",
            vec![sent(FR, "fr/cert/duty-1 sign 2", "at/old", &["letter-fr"])],
            "UNKNOWN_CONTACT",
        ),
        ("a contact that never was", to("fr/none"), "UNKNOWN_CONTACT"),
        ("a contact of no member", to("xx/none"), "UNKNOWN_CONTACT"),
        ("a contact that is listed", to("zz/mfa"), "RECIPIENT_LISTED"),
        ("a contact without seats", to("fr/desk"), "RECIPIENT_WITHOUT_SEATS"),
        ("its own contact", to("at/cert"), ""),
        ("a level of the record", with(3), ""),
        ("a level that the record lacks", with(2), "NOT_A_LEVEL"),
    ]
}

fn unserved() -> Vec<Handed> {
    const NOT_YET: &str = "NOT_YET_SUPPORTED";
    let drill = |kind: i32| {
        vec![good().with(|it| {
            it.header.says.addressing.drill = Some(proto::Drill { kind, name: String::new() });
        })]
    };
    let blob = |it: &mut Draft<Outer>| {
        it.says.header.blobs = vec![proto::Blob { digest: vec![7; 32].into(), size: 4_096 }];
    };
    vec![
        ("a step of 1", of(|it| it.says.addressing.recipients[0].step = 1), NOT_YET),
        ("seconds until a step", of(|it| it.says.addressing.recipients[0].after = 60), NOT_YET),
        ("class 10", of(|it| it.says.addressing.class = 10), NOT_YET),
        ("urgency 4", of(|it| it.says.addressing.urgency = 4), ""),
        ("urgency 5", of(|it| it.says.addressing.urgency = 5), NOT_YET),
        ("flags 1 and 2", of(|it| it.says.addressing.flags = vec![1, 2]), ""),
        ("flag 3", of(|it| it.says.addressing.flags = vec![3]), NOT_YET),
        ("a comcheck", drill(DrillKind::Comcheck.into()), ""),
        ("drill 4", drill(4), NOT_YET),
        ("a blob", of(blob), NOT_YET),
        ("a second signature", of(|it| it.signers.push("at/cert/duty-2 sign")), NOT_YET),
    ]
}

fn threads() -> Vec<Handed> {
    const WRONG: &str = "WRONG_THREAD";
    let joins = |class: Class| {
        vec![good().with(|it| {
            let of = &mut it.header.says.addressing;
            (of.thread, of.in_reply_to) = (id(2), vec![4; 32].into());
            of.class = class.into();
        })]
    };
    let narrow = question().with(|it| it.says.addressing.recipients.truncate(1));
    let asked = HandedIn::new(&narrow, "at/cert", &BOTH);
    let answer = |change: fn(&mut Draft<Outer>)| {
        let reply = HandedIn::new(&reply(&asked.header), "fr/cert", &BOTH);
        vec![asked.clone(), reply.with(|it| change(&mut it.header))]
    };
    let class = |class: Class| answer_of(&asked, class);
    let stranger = reply(&asked.header).with(|it| {
        let of_soc = header(SOC, "fr/soc/duty-1 sign", &["at/cert"]);
        let (id, thread, in_reply_to) = {
            let of = &it.says.addressing;
            (of.id.clone(), of.thread.clone(), of.in_reply_to.clone())
        };
        *it = of_soc;
        let of = &mut it.says.addressing;
        (of.id, of.thread, of.in_reply_to) = (id, thread, in_reply_to);
    });
    let stranger =
        HandedIn::new(&stranger, "fr/soc", &[&AT_LETTERS[..], &SOC_LETTERS[..]].concat());
    let earlier = [(19, ""), (18, "VIEW_BEFORE")].map(|(size, reason)| {
        let asked = seen(&asked, 19, 19);
        let reply = HandedIn::new(&reply(&asked[0].header), "fr/cert", &BOTH);
        let name = if reason.is_empty() {
            "a reply in the view of the question"
        } else {
            "a reply in a view before the question's"
        };
        (name, [asked, seen(&reply, 19, size)].concat(), reason)
    });
    let mut rows = vec![
        (
            "it begins and answers",
            of(|it| it.says.addressing.in_reply_to = vec![4; 32].into()),
            WRONG,
        ),
        ("it answers nothing", of(|it| it.says.addressing.thread = id(2)), WRONG),
        (
            "a withdrawal of nothing",
            of(|it| it.says.addressing.class = Class::Withdrawal.into()),
            WRONG,
        ),
        ("a receipt for nothing", of(|it| it.says.addressing.class = Class::Receipt.into()), WRONG),
        ("it answers what is not here", joins(Class::Reply), ""),
        ("a reply", answer(|_| ()), ""),
        (
            "a reply with another mark",
            answer(|it| {
                it.says.addressing.drill = Some(proto::Drill { kind: 1, name: String::new() });
            }),
            WRONG,
        ),
        ("a reply by who has nothing of it", vec![asked.clone(), stranger], WRONG),
        ("a withdrawal of another's", class(Class::Withdrawal), WRONG),
        ("an all-clear by another", class(Class::AllClear), WRONG),
    ];
    rows.extend(earlier);
    rows
}

fn answer_of(asked: &HandedIn, class: Class) -> Vec<HandedIn> {
    let reply = HandedIn::new(&reply(&asked.header), "fr/cert", &BOTH);
    let reply = reply.with(|it| it.header.says.addressing.class = class.into());
    vec![asked.clone(), reply]
}

fn again() -> Vec<Handed> {
    let other = good().with(|it| it.header.says.addressing.acknowledge_within = 60);
    let late = good().with(|it| it.now = NOW + 3_600);
    let of_fr = sent(FR, "fr/cert/duty-1 sign 2", "at/cert", &BOTH);
    vec![
        ("the same again", vec![good(), good()], ""),
        ("the same again when it has expired", vec![good(), late], ""),
        ("another of its id", vec![good(), other], "ID_USED_TWICE"),
        ("another contact's of its id", vec![good(), of_fr], ""),
    ]
}

/// `at/cert` asks `fr/cert`, whose one seat answers; or `fr/cert` asks `at/cert`, which has two.
fn due() -> Vec<Handed> {
    const NOT_DUE: &str = "RECEIPT_NOT_DUE";
    const FORGOTTEN: u64 = NOW + 3_600 + DAY;
    let asked = good();
    let receipt = answer_of(&asked, Class::Receipt).remove(1);
    let of_fr = sent(FR, "fr/cert/duty-1 sign 2", "at/cert", &BOTH);
    let by = |from: &'static str, key: &'static str, asked: &HandedIn, letters: &[&'static str]| {
        let (of, to) = (asked.header.clone(), asked.caller);
        sent(from, key, to, letters).with(|it| {
            let answer = &mut it.header.says.addressing;
            (answer.id, answer.class) = (id(from.as_bytes()[13]), Class::Receipt.into());
            answer.in_reply_to = of.digest().as_bytes().to_vec().into();
        })
    };
    let of_both = [(AT, "at/cert/duty-1 sign"), (AT_2, "at/cert/duty-2 sign")]
        .map(|(seat, key)| by(seat, key, &of_fr, &BOTH));
    let own = by(AT_2, "at/cert/duty-2 sign", &asked, &AT_LETTERS);
    let given = |change: fn(&mut HandedIn)| vec![asked.clone(), receipt.with(change)];
    let another = |it: &mut HandedIn| it.header.says.addressing.id = id(8);
    let at = |now: u64| {
        let late = receipt.with(|it| {
            let of = &mut it.header.says.addressing;
            (it.now, of.created, of.expires) = (now, now, now + 3_600);
        });
        vec![asked.clone(), late]
    };
    vec![
        ("a receipt", given(|_| ()), ""),
        ("a receipt of each seat", [vec![of_fr], of_both.to_vec()].concat(), ""),
        ("a receipt of a seat that only reads", vec![asked.clone(), own], NOT_DUE),
        ("the same receipt again", [given(|_| ()), vec![receipt.clone()]].concat(), ""),
        (
            "another receipt of the seat",
            [given(|_| ()), vec![receipt.with(another)]].concat(),
            NOT_DUE,
        ),
        ("a receipt of what is not here", vec![receipt.clone()], NOT_DUE),
        (
            "a receipt of another header",
            given(|it| it.header.says.addressing.in_reply_to = vec![4; 32].into()),
            NOT_DUE,
        ),
        (
            "a receipt with a larger body",
            given(|it| {
                (it.body, it.header.says.header.body_size) = ("body-of-16,384", 16_384);
                *it = it.counted();
            }),
            NOT_DUE,
        ),
        (
            "a receipt with letters of 2,500 bytes",
            given(|it| {
                it.letters[2] = "letter-fr-of-2,500";
                *it = it.counted();
            }),
            "",
        ),
        ("a receipt while it is remembered", at(FORGOTTEN - 1), ""),
        ("a receipt when it is forgotten", at(FORGOTTEN), NOT_DUE),
    ]
}
