//! Golden refusals and admissions of messages: what a reader and a relay make of signed bytes, case by
//! case, after so many entries of a log.
//!
//! In scope: the cases, how they are made, by which of the product's functions each is judged. Out of
//! scope: what only a key opens (`tests`). Invariant: every case is made again by each run, and is
//! judged by the strings of its line alone.

mod header;
mod receipts;
mod signing;
mod submit;
mod thread;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::domain::command::Clock;
use crate::domain::directory::Directory;
use crate::domain::directory::tests::golden::entries_before_messages;
use crate::domain::directory::tests::judged::fold_one;
use crate::domain::refusal::Refusal;
use crate::domain::relay::envelope::VerifiedHeader;
use crate::domain::relay::share::Grants;
use crate::domain::relay::thread as threads;
use crate::domain::view::View;
use crate::tests::{golden, matches_golden};
use crate::tlog::merkle::{Tree, leaf_hash};
use crate::wire::v1;
use crate::world::clock::NOW;
use crate::world::log::Log;
use crate::world::testlog::ambient_at;

use crate::client::message::open::{NotOpened, Received, open, verify_header};
use crate::client::message::receipt::{self, About, ReceiptError};
use crate::world::relay::{Net, contact};

const DAY: u64 = 86_400;
/// All entries of the log.
const ALL: usize = 20;

/// One line of a golden file.
struct Case {
    name: String,
    judge: &'static str,
    /// The reason it is refused with; empty if it is admitted.
    reason: &'static str,
    /// Entries of the log that the judge has.
    entries: usize,
    words: Vec<String>,
}

impl Case {
    fn line(&self) -> String {
        let reason = if self.reason.is_empty() { "" } else { &format!("{} ", self.reason) };
        let (name, judge, words) = (&self.name, self.judge, self.words.join(" "));
        format!("{name} {judge} {reason}{} {words}\n", self.entries)
    }
}

/// The name of a case: what is judged, then what is done to it, as one word.
fn named(heading: &str, row: &str) -> String {
    let words = format!("{heading} {row}").replace([' ', ',', '\'', ':'], "-");
    words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// The directory and the tree after each entry.
static LOG: LazyLock<Vec<(Directory, Tree)>> = LazyLock::new(|| {
    let (mut directory, mut tree, mut log) = (None, Tree::default(), Vec::new());
    for (leaf, entry) in entries_before_messages().iter().enumerate() {
        let next = fold_one(directory.take(), leaf as u64, entry).unwrap();
        tree.append(leaf_hash(entry));
        log.push((next.clone(), tree.clone()));
        directory = Some(next);
    }
    assert_eq!(log.len(), ALL);
    log
});

/// A reader, or a relay at this time, that has so many entries.
fn net(entries: usize, now: u64) -> Net {
    let (directory, tree) = LOG[entries - 1].clone();
    let (ambient, store, grants) = (ambient_at(now), BTreeMap::new(), Grants::default());
    // Nobody asks for its entries.
    let log = Log { entries: Vec::new(), directory, log_key: "log", at: NOW };
    Net { log, tree, ambient, store, clock: Clock::Settled, grants }
}

/// The view of this size; above the log, of a root that nobody knows.
fn view(size: usize) -> View {
    let root = LOG.last().unwrap().1.root_at(size as u64);
    View { size: size as u64, root: root.unwrap_or(Digest::from_bytes([1; 32])) }
}

/// Judges a case by what stands on its line.
fn judge(judge: &str, entries: usize, words: &[String]) -> Result<(), String> {
    let bytes = |word: &String| Bytes::from(hex::decode(word).unwrap());
    let net = net(entries, NOW);
    let read_first = |it: &String| read(&net, &bytes(it)).map_err(|why| said(&why));
    match (judge, words) {
        ("header", [held, header]) => {
            judge_header(&net, held.parse().unwrap(), &bytes(header)).map_err(|why| said(&why))
        }
        ("thread", [header, known @ ..]) => {
            let known: Vec<VerifiedHeader> =
                known.iter().filter_map(|it| read(&net, &bytes(it)).ok()).collect();
            judge_thread(&read_first(header)?, known)
        }
        ("acknowledgement", [held, header, dsse]) => {
            let (header, held) = (read_first(header)?, held.parse().unwrap());
            judge_acknowledgement(&net, held, &header, &bytes(dsse)).map_err(told)
        }
        ("accepted", [header, dsse]) => {
            let about = About::from(&read_first(header)?);
            let root_at = |size| net.tree.root_at(size);
            let found = receipt::verify_accepted((&net.directory, &root_at), &about, &bytes(dsse));
            found.map(drop).map_err(told)
        }
        ("mailbox-head", [of, dsse]) => {
            let root_at = |size| net.tree.root_at(size);
            let known = (&net.directory, &root_at as crate::client::message::open::RootAt<'_>);
            // A reader asks for a mailbox that there can be.
            let of = of.parse().unwrap_or_else(|_| contact("at/cert"));
            receipt::verify_head(known, &of, &bytes(dsse)).map(drop).map_err(told)
        }
        ("submit", words) => judge_submit(net, words).map_err(|why| why.on_the_page()),
        other => panic!("{other:?}"),
    }
}

/// What a reader says of a header: it opens the message up to the body, which is not there.
fn judge_header(net: &Net, floor: u64, header: &[u8]) -> Result<(), NotOpened> {
    let nothing = Bytes::new();
    let received =
        Received { header, body: &[], letter: &nothing, letter_index: 0, letter_path: &[], floor };
    match net.read("at/cert/duty-1", &[], |reader| open(reader, &received)) {
        Err(NotOpened::Body(_)) => Ok(()),
        Err(why) => Err(why),
        Ok(_) => panic!("a message without a body"),
    }
}

fn read(net: &Net, header: &[u8]) -> Result<VerifiedHeader, NotOpened> {
    net.read("at/cert/duty-1", &[], |reader| verify_header(reader, (header, 0)))
}

/// Beside the message answered and the thread's first, as far as they are known.
fn judge_thread(header: &VerifiedHeader, known: Vec<VerifiedHeader>) -> Result<(), String> {
    let of = header.addressing();
    let answered = known.iter().find(|it| Some(it.digest()) == of.in_reply_to).cloned();
    let begins = threads::beginners(of).is_empty();
    let is_first = |it: &VerifiedHeader| !begins && threads::may_begin(it, of);
    let firsts: Vec<VerifiedHeader> = known.into_iter().filter(is_first).collect();
    let amiss = threads::beside(of, answered.as_ref(), &firsts);
    amiss.map_or(Ok(()), |amiss| Err(amiss.reason().code().to_owned()))
}

fn judge_acknowledgement(
    net: &Net,
    floor: u64,
    header: &VerifiedHeader,
    dsse: &[u8],
) -> Result<(), ReceiptError> {
    let root_at = |size| net.tree.root_at(size);
    let found = receipt::verify_acknowledgement((&net.directory, &root_at), header, dsse)?;
    receipt::not_backdated(&net.directory, &found, floor)
}

/// What is handed in one after the other, the last of which is judged.
fn judge_submit(mut net: Net, words: &[String]) -> Result<(), Refusal> {
    let mut each: Vec<&[String]> = words.split(|word| word == "then").collect();
    let last = each.pop().unwrap();
    for before in each {
        hand_in(&mut net, before).unwrap();
    }
    hand_in(&mut net, last)
}

fn hand_in(net: &mut Net, words: &[String]) -> Result<(), Refusal> {
    let [now, caller, header, sealed @ ..] = words else { panic!("{words:?}") };
    let mut sealed = sealed.iter().map(|name| submit::sealed(name));
    let body = sealed.next().unwrap();
    let header = hex::decode(header).unwrap().into();
    net.ambient = ambient_at(now.parse().unwrap());
    let envelope = v1::Envelope { header, body, letters: sealed.collect() };
    net.submit_by(Some(contact(caller)), &envelope).map(drop)
}

/// The reason why a message is not opened.
fn said(why: &NotOpened) -> String {
    match why {
        NotOpened::Header(why) => why.on_the_page(),
        other => other.reason().known().to_owned(),
    }
}

/// The reason why something about a message is not believed, with its field if it has one.
fn told(why: ReceiptError) -> String {
    match why {
        ReceiptError::Refused { why, .. } => why.on_the_page(),
        other => other.reason().known().to_owned(),
    }
}

fn cases() -> Vec<Case> {
    [header::cases(), thread::cases(), receipts::cases(), submit::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// The file is made of these cases, each of which is judged by its line.
fn check(file: &str, title: &str, cases: &[&Case]) {
    let names: BTreeSet<&str> = cases.iter().map(|case| &*case.name).collect();
    assert_eq!(names.len(), cases.len(), "each case has a name of its own");
    let mut made = format!("# {title}\n");
    let mut wrong = Vec::new();
    for case in cases {
        let found = judge(case.judge, case.entries, &case.words).err().unwrap_or_default();
        if found != case.reason {
            wrong.push(format!("{}: expected {:?}, found {found:?}", case.name, case.reason));
        }
        made += &case.line();
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    matches_golden(&format!("messages/judged/{file}"), &made);
}

#[test]
fn golden_refusals() {
    let cases = cases();
    let refusals: Vec<&Case> = cases.iter().filter(|case| !case.reason.is_empty()).collect();
    let title = "name, judge, reason, so many entries of base.txt, and what is judged after them.";
    check("refusals.txt", title, &refusals);
}

#[test]
fn golden_admissions() {
    let cases = cases();
    let admissions: Vec<&Case> = cases.iter().filter(|case| case.reason.is_empty()).collect();
    let title = "name, judge, so many entries of base.txt, and what is judged after them.";
    check("admissions.txt", title, &admissions);
}

#[test]
fn golden_sealed() {
    let lines =
        submit::SEALED.iter().map(|(name, bytes)| format!("{name} {}\n", hex::encode(bytes)));
    let title = "# Bodies and letters that the cases of `submit` name; nobody opens them.\n";
    matches_golden("messages/judged/sealed.txt", &(title.to_owned() + &lines.collect::<String>()));
}

/// Those that the page of version 0.2 judged otherwise: a receipt is due since, or refused.
const SINCE: [(&str, &str); 1] = [("submit-a-receipt-of-what-is-not-kept", "RECEIPT_NOT_DUE")];

/// What another program made of the page alone, and what it says of it.
#[test]
fn the_second_implementations_own_cases() {
    let (mut count, mut wrong) = (0, Vec::new());
    for (file, with_reason) in [("admissions", false), ("refusals", true)] {
        let text = golden(&format!("messages/judged/second/{file}.txt"));
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let (name, of) = (words.remove(0), words.remove(0));
            let reason = if with_reason { words.remove(0) } else { String::new() };
            let entries = words.remove(0).parse().unwrap();
            let since = SINCE.iter().find(|(case, _)| *case == name);
            let reason = since.map_or(reason, |(_, reason)| (*reason).to_owned());
            let found = judge(&of, entries, &words).err().unwrap_or_default();
            count += 1;
            if found != reason {
                wrong.push(format!("{name}: they say {reason:?}, we {found:?}"));
            }
        }
    }
    assert!(count > 200, "{count}");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Of those on the page, all that bytes alone can show.
#[test]
fn every_reason_of_the_relay_has_a_case() {
    const PAGE: &str = include_str!("../../../../../docs/protocol.md");
    const KEPT: [&str; 4] =
        ["UNKNOWN_MESSAGE", "MESSAGE_EXPIRED", "MAILBOX_SHARE", "QUOTA_EXCEEDED"];
    let section = |from: &str, to: &str| {
        let rest = PAGE.split_once(from).unwrap().1;
        rest.split_once(to).unwrap().0
    };
    let codes = |text: &'static str| {
        let rows = text.lines().filter(|line| line.starts_with('|'));
        rows.flat_map(|row| row.split('|').skip(1).take(2))
            .flat_map(|cell| cell.split('`').skip(1).step_by(2))
            .filter(|word| word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
    };
    let of_signatures = section("`SIGNATURES_UNSORTED` | key ids", "| version |");
    let mut listed: BTreeSet<&str> = codes(section("### 7.3", "\n### 7.4")).collect();
    listed.extend(codes(of_signatures));
    assert!(listed.len() > 30, "{listed:?}");
    let cases = cases();
    let shown: BTreeSet<&str> =
        cases.iter().filter_map(|case| case.reason.split(':').next()).collect();
    let missing: Vec<&&str> =
        listed.difference(&shown).filter(|code| !KEPT.contains(code)).collect();
    assert!(missing.is_empty(), "{missing:?} have no case");
}
