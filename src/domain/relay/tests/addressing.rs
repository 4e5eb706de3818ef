//! Who writes to whom: each rule of an addressing is broken alone, and then each two of them together, of
//! which the earlier is said.

use bytes::Bytes;

use super::apart::{AUSTRIA, Apart, FRANCE, GOOD, PORTUGAL, reason};
use crate::domain::limits;
use crate::domain::refusal::{Refusal, Unserved, Wrong};
use crate::domain::relay::addressing::{
    Addressing, OrLater, Recipient, encode, level, name_of, names_this, unchanged,
};
use crate::domain::view::View;
use crate::signed::proto::{self, Class, Drill, DrillKind, Level, Urgency};
use crate::world::relay::{AT, Net, contact, sign_key};

type Change = fn(&mut proto::Addressing);

fn recipient(contact: &str, step: u32) -> proto::Recipient {
    let level = Level::Technical.into();
    proto::Recipient { contact: contact.to_owned(), level, step, ..Default::default() }
}

fn drill(kind: i32, name: &str) -> Option<Drill> {
    Some(Drill { kind, name: name.to_owned() })
}

fn extra(name: &str) -> proto::Extra {
    proto::Extra { name: name.to_owned(), value: Bytes::from_static(b"1") }
}

/// So many contacts, sorted.
fn contacts(count: usize) -> Vec<proto::Recipient> {
    (0..count).map(|number| recipient(&format!("fr/c{number:02}"), 0)).collect()
}

#[test]
fn a_number_is_known_or_a_later_versions_and_from_zero_down_it_is_none() {
    for (number, found) in [
        (i32::MIN, None),
        (-1, None),
        (0, None),
        (1, Some(OrLater::Known(Class::Notification))),
        (9, Some(OrLater::Known(Class::Acknowledgement))),
        (10, Some(OrLater::Later(10))),
        (i32::MAX, Some(OrLater::Later(i32::MAX))),
    ] {
        assert_eq!(OrLater::<Class>::of(number), found, "{number}");
    }
    let (known, later) = (OrLater::Known(Urgency::Flash), OrLater::<Urgency>::Later(5));
    assert_eq!((known.known(), later.known()), (Some(Urgency::Flash), None));
    assert!(known == Urgency::Flash && known != Urgency::Immediate);
    assert!(later != Urgency::Flash, "what only a later version knows is nothing of this one");
}

#[test]
fn a_level_is_one_of_this_version() {
    for number in -1..=7 {
        let found = level(number);
        match number {
            1..=5 => assert_eq!(found.map(i32::from), Ok(number)),
            _ => assert_eq!(found, Err(Wrong::NoValue(number))),
        }
    }
}

#[test]
fn each_rule_of_an_addressing_is_seen_alone() {
    let net = Net::new();
    let good = Apart::notification(&net);
    let rows: &[(&str, Change, &str)] = &[
        ("nothing", |_| (), GOOD),
        ("sender key, empty", |a| a.sender_key = Bytes::new(), "NOT_CANONICAL"),
        ("sender key, short", |a| a.sender_key.truncate(31), "NOT_CANONICAL"),
        ("sender key, long", |a| a.sender_key = vec![7; 33].into(), "NOT_CANONICAL"),
        ("sender key, another's", |a| a.sender_key = vec![7; 32].into(), GOOD),
        ("a negative class", |a| a.class = -1, "NOT_CANONICAL"),
        ("no directory", |a| a.directory = None, "OTHER_DIRECTORY"),
        ("its name", |a| directory(a).name.push('x'), "OTHER_DIRECTORY"),
        ("its case", |a| directory(a).name.make_ascii_uppercase(), "OTHER_DIRECTORY"),
        ("its genesis", |a| directory(a).genesis = vec![7; 32].into(), "OTHER_GENESIS"),
        ("half a genesis", |a| directory(a).genesis.truncate(16), "OTHER_GENESIS"),
        ("no view", |a| a.view = None, "INVALID_FIELD:view"),
        ("an empty log", |a| view(a).size = 0, "INVALID_FIELD:view"),
        ("half a root", |a| view(a).root.truncate(16), "INVALID_FIELD:view"),
        ("another log", |a| view(a).root = vec![7; 32].into(), GOOD),
        ("no class", |a| a.class = 0, "INVALID_FIELD:class"),
        ("a later class", |a| a.class = 10, GOOD),
        ("no urgency", |a| a.urgency = 0, "INVALID_FIELD:urgency"),
        ("a later urgency", |a| a.urgency = 5, GOOD),
        ("flag 0", |a| a.flags = vec![0], "INVALID_FIELD:flags"),
        ("flags, later ones too", |a| a.flags = vec![1, 2, 3, 70], GOOD),
        ("a flag twice", |a| a.flags = vec![1, 1], "INVALID_FIELD:flags"),
        ("flags unsorted", |a| a.flags = vec![2, 1], "INVALID_FIELD:flags"),
        ("extras", |a| a.extras = vec![extra("a"), extra("b"), extra("b-2")], GOOD),
        ("an extra twice", |a| a.extras = vec![extra("a"), extra("a")], "INVALID_FIELD:extras"),
        ("extras unsorted", |a| a.extras = vec![extra("b"), extra("a")], "INVALID_FIELD:extras"),
        ("an extra without name", |a| a.extras = vec![extra("")], "INVALID_FIELD:extras"),
        ("an extra in capitals", |a| a.extras = vec![extra("A")], "INVALID_FIELD:extras"),
        ("a long extra", |a| a.extras = vec![extra(&"x".repeat(32))], GOOD),
        ("a longer extra", |a| a.extras = vec![extra(&"x".repeat(33))], "INVALID_FIELD:extras"),
        ("no kind of drill", |a| a.drill = drill(0, "a"), "INVALID_FIELD:drill"),
        ("a comcheck", |a| a.drill = drill(1, ""), GOOD),
        ("a comcheck with a name", |a| a.drill = drill(1, "a"), GOOD),
        ("a comcheck, badly called", |a| a.drill = drill(1, "\n"), "INVALID_FIELD:drill"),
        ("a nameless question", |a| a.drill = drill(2, ""), "INVALID_FIELD:drill"),
        ("a question", |a| a.drill = drill(2, "a"), GOOD),
        ("a nameless exercise", |a| a.drill = drill(3, ""), "INVALID_FIELD:drill"),
        ("an exercise", |a| a.drill = drill(3, &"a".repeat(400)), GOOD),
        ("a long exercise", |a| a.drill = drill(3, &"a".repeat(401)), "INVALID_FIELD:drill"),
        ("a later drill", |a| a.drill = drill(4, ""), GOOD),
        ("a later drill, badly called", |a| a.drill = drill(4, "\u{ad}"), "INVALID_FIELD:drill"),
        ("over as it begins", |a| a.expires = a.created, "INVALID_FIELD:expires"),
        ("over before", |a| a.expires = a.created - 1, "INVALID_FIELD:expires"),
        ("for a second", |a| a.expires = a.created + 1, GOOD),
        ("for 30 days", |a| a.expires = a.created + 30 * 86_400, GOOD),
        ("for longer", |a| a.expires = a.created + 30 * 86_400 + 1, "INVALID_FIELD:expires"),
        ("half an id", |a| a.id.truncate(15), "INVALID_FIELD:id"),
        ("an id that is no UUIDv7", |a| a.id = vec![7; 16].into(), "INVALID_FIELD:id"),
        ("half a thread", |a| a.thread.truncate(15), "INVALID_FIELD:thread"),
        ("no thread", |a| a.thread = Bytes::new(), "INVALID_FIELD:thread"),
        ("an answer", |a| a.in_reply_to = vec![7; 32].into(), GOOD),
        ("half an answer", |a| a.in_reply_to = vec![7; 31].into(), "INVALID_FIELD:in_reply_to"),
        ("a contact that sends", |a| a.sender = FRANCE.to_owned(), "INVALID_FIELD:sender"),
        ("nobody sends", |a| a.sender = String::new(), "INVALID_FIELD:sender"),
        ("within any time", |a| a.acknowledge_within = u32::MAX, GOOD),
    ];
    refuses(&net, &good, rows);
}

#[test]
fn each_rule_of_recipients_is_seen_alone() {
    let net = Net::new();
    let good = Apart::notification(&net);
    let bad = "INVALID_FIELD:recipients";
    let rows: &[(&str, Change, &str)] = &[
        ("none", |a| a.recipients.clear(), bad),
        ("one", |a| drop(a.recipients.pop()), GOOD),
        ("as many as there may be", |a| a.recipients = contacts(limits::RECIPIENTS), GOOD),
        ("one more", |a| a.recipients = contacts(limits::RECIPIENTS + 1), bad),
        ("twice", |a| a.recipients[1] = a.recipients[0].clone(), bad),
        ("twice, at two steps", |a| a.recipients[1] = recipient(FRANCE, 1), bad),
        ("unsorted", |a| a.recipients.reverse(), bad),
        ("steps before contacts", |a| a.recipients[0] = recipient("zz/last", 0), bad),
        ("steps go first", |a| a.recipients[1] = recipient("aa/first", 1), GOOD),
        ("steps unsorted", |a| a.recipients[0].step = 1, bad),
        ("the last step", |a| a.recipients[1].step = 8, GOOD),
        ("one behind the last", |a| a.recipients[1].step = 9, bad),
        ("no level", |a| a.recipients[1].level = 0, bad),
        ("the last level", |a| a.recipients[1].level = 5, GOOD),
        ("a later level", |a| a.recipients[1].level = 6, bad),
        ("a member", |a| a.recipients[0].contact = "fr".to_owned(), bad),
        ("a seat", |a| a.recipients[0].contact = AT.to_owned(), bad),
        ("itself, for another", |a| a.recipients[1].stands_in_for = FRANCE.to_owned(), bad),
        ("a step, for another", |a| stands_in(a, FRANCE), GOOD),
        ("a step, for nobody's contact", |a| stands_in(a, "FR/cert-fr"), bad),
        ("at once, or in years", |a| a.recipients[0].after = u32::MAX, GOOD),
    ];
    refuses(&net, &good, rows);
    // What was read is written as it came.
    let step = |a: &mut proto::Addressing| {
        stands_in(a, FRANCE);
        a.recipients[1].after = 900;
    };
    let good = good.with(|apart| step(&mut apart.addressing));
    let read = good.read(&net).unwrap();
    let written: Vec<proto::Recipient> = read.recipients.iter().map(Recipient::to_proto).collect();
    assert_eq!(written, good.addressing.recipients);
    assert_eq!(read.recipients[1].stands_in_for, Some(contact(FRANCE)));
    assert_eq!(read.bytes, encode(&good.addressing));
}

/// One fault of each check, in the order of the checks.
const FAULTS: [(&str, Change); 14] = [
    ("NOT_CANONICAL", |a| a.sender_key.truncate(31)),
    ("OTHER_DIRECTORY", |a| directory(a).name.push('x')),
    ("OTHER_GENESIS", |a| directory(a).genesis = vec![7; 32].into()),
    ("INVALID_FIELD:view", |a| view(a).size = 0),
    ("INVALID_FIELD:class", |a| a.class = 0),
    ("INVALID_FIELD:urgency", |a| a.urgency = 0),
    ("INVALID_FIELD:flags", |a| a.flags = vec![2, 1]),
    ("INVALID_FIELD:extras", |a| a.extras = vec![extra("")]),
    ("INVALID_FIELD:drill", |a| a.drill = drill(3, "")),
    ("INVALID_FIELD:expires", |a| a.expires = a.created),
    ("INVALID_FIELD:id", |a| a.id.truncate(15)),
    ("INVALID_FIELD:thread", |a| a.thread.truncate(15)),
    ("INVALID_FIELD:sender", |a| a.sender = FRANCE.to_owned()),
    ("INVALID_FIELD:recipients", |a| a.recipients.clear()),
];

#[test]
fn of_two_faults_of_an_addressing_the_earlier_is_said() {
    let net = Net::new();
    let good = Apart::notification(&net);
    for (place, (reason, earlier)) in FAULTS.iter().enumerate() {
        for (_, later) in &FAULTS[place..] {
            let bad = good.clone().with(|apart| {
                later(&mut apart.addressing);
                earlier(&mut apart.addressing);
            });
            assert_eq!(super::apart::reason(&bad.read(&net)), *reason);
        }
    }
}

/// What the relay has accepted named this directory, and is read where it is not at hand.
#[test]
fn an_accepted_addressing_is_asked_for_all_but_its_directory() {
    let net = Net::new();
    let good = Apart::notification(&net);
    for (reason, change) in FAULTS {
        let bad = good.clone().with(|apart| change(&mut apart.addressing));
        let read = Addressing::read_accepted(&encode(&bad.addressing));
        let named = ["OTHER_DIRECTORY", "OTHER_GENESIS"].contains(&reason);
        assert_eq!(super::apart::reason(&read), if named { GOOD } else { reason });
    }
    let read = Addressing::read_accepted(&encode(&good.addressing));
    assert_eq!(read, good.read(&net));
}

#[test]
fn what_only_a_later_version_serves_is_named_in_an_order() {
    let net = Net::new();
    let good = Apart::notification(&net);
    assert_eq!(good.read(&net).unwrap().is_served(), Ok(()));
    let unserved: [(Unserved, Change); 5] = [
        (Unserved::Step, |a| a.recipients[1].step = 1),
        (Unserved::Class, |a| a.class = 10),
        (Unserved::Urgency, |a| a.urgency = 5),
        (Unserved::DrillKind, |a| a.drill = drill(4, "a")),
        (Unserved::Flag, |a| a.flags = vec![1, 3]),
    ];
    for (place, (what, change)) in unserved.iter().enumerate() {
        for (_, later) in &unserved[place..] {
            let bad = good.clone().with(|apart| {
                later(&mut apart.addressing);
                change(&mut apart.addressing);
            });
            let refused = Err(Refusal::NotYetSupported(*what));
            assert_eq!(bad.read(&net).unwrap().is_served(), refused);
        }
    }
    let near: [(Option<Unserved>, Change); 6] = [
        (Some(Unserved::Step), |a| a.recipients[0].after = 1),
        (None, |a| a.class = 9),
        (None, |a| a.urgency = 4),
        (None, |a| a.drill = drill(DrillKind::Exercise.into(), "a")),
        (None, |a| a.flags = vec![1, 2]),
        (None, |a| a.extras = vec![extra("unheard-of")]),
    ];
    for (what, change) in near {
        let read = good.clone().with(|apart| change(&mut apart.addressing)).read(&net).unwrap();
        let found = what.map_or(Ok(()), |what| Err(Refusal::NotYetSupported(what)));
        assert_eq!(read.is_served(), found);
    }
}

#[test]
fn readers_are_those_addressed_and_the_senders_own() {
    let net = Net::new();
    let readers = |to: &[&str], step: u32| {
        let mut read = Apart::between(&net, AT, &[PORTUGAL]).read(&net).unwrap();
        let to = to.iter().map(|of| Recipient::new(contact(of), Level::Technical));
        read.recipients = to.map(|to| Recipient { step, ..to }).collect();
        let readers: Vec<String> = read.readers().iter().map(ToString::to_string).collect();
        for of in [AUSTRIA, FRANCE, PORTUGAL, "at/cert", "es/cert-es"] {
            assert_eq!(read.reaches(&contact(of)), readers.iter().any(|reader| reader == of));
        }
        readers
    };
    assert_eq!(readers(&[PORTUGAL, FRANCE], 0), [AUSTRIA, FRANCE, PORTUGAL]);
    assert_eq!(readers(&[FRANCE], 3), [AUSTRIA, FRANCE], "of every step");
    assert_eq!(readers(&[AUSTRIA], 0), [AUSTRIA], "each once");
    assert_eq!(readers(&[], 0), [AUSTRIA]);
}

#[test]
fn a_directory_is_named_by_name_and_genesis() {
    let net = Net::new();
    let own = name_of(&net.directory);
    assert_eq!(names_this(&net.directory, Some(&own)), Ok(()));
    let other = |found: &str| Refusal::OtherDirectory {
        expected: net.directory.name().clone(),
        found: vec![found.to_owned()],
    };
    assert_eq!(names_this(&net.directory, None), Err(other("")));
    let named = proto::Directory { name: "eu.example".to_owned(), ..own.clone() };
    assert_eq!(names_this(&net.directory, Some(&named)), Err(other("eu.example")));
    let named = proto::Directory { genesis: Bytes::new(), ..own };
    assert_eq!(names_this(&net.directory, Some(&named)), Err(Refusal::OtherGenesis));
}

/// Entry 12 is France's roster, the last of its changes; Portugal's is 13. Entry 14 lists France, the member,
/// anew.
#[test]
fn a_view_is_stale_from_the_entry_on_that_changed_a_reader() {
    let mut net = Net::new();
    let read = |net: &Net, to: &[&str], size: u64| {
        let mut read = Apart::between(net, AT, &[FRANCE]).read(net).unwrap();
        let to = to.iter().map(|of| Recipient::new(contact(of), Level::Technical));
        (read.recipients, read.view) = (to.collect(), View { size, ..read.view });
        unchanged(&net.directory, &read)
    };
    let stale = |of: &str| Err(Refusal::StaleDirectory(contact(of)));
    assert_eq!(read(&net, &[FRANCE], 13), Ok(()));
    assert_eq!(read(&net, &[FRANCE], 12), stale(FRANCE));
    assert_eq!(read(&net, &[AUSTRIA], 12), Ok(()));
    assert_eq!(read(&net, &[AUSTRIA], 11), stale(AUSTRIA), "the sender's colleagues read, too");
    assert_eq!(read(&net, &[FRANCE, PORTUGAL], 13), stale(PORTUGAL));
    assert_eq!(read(&net, &[FRANCE, PORTUGAL], 11), stale(AUSTRIA), "the first of them");
    // Nobody has heard of the contact: its member alone can have changed.
    assert_eq!(read(&net, &["fr/nobody"], 14), Ok(()));
    assert_eq!(read(&net, &["xx/nobody"], 14), Ok(()));
    relist(&mut net, "fr");
    for to in [FRANCE, "fr/nobody"] {
        assert_eq!(read(&net, &[to], 14), stale(to));
        assert_eq!(read(&net, &[to], 15), Ok(()));
    }
}

/// The member's admission, once more.
fn relist(net: &mut Net, id: &str) {
    use crate::domain::directory::Statement;
    use prost::Message as _;
    let member = net.directory.member(&id.parse().unwrap()).unwrap();
    let before = proto::Admission::decode(member.payload.clone()).unwrap();
    let genesis = Bytes::copy_from_slice(net.directory.genesis().as_bytes());
    let name = net.directory.name().to_string();
    let targets = vec![proto::Target { name, genesis, version: 2 }];
    let statement = Statement::Admission(proto::Admission { targets, ..before });
    net.publish(&statement, &sign_key("registrar"));
}

fn directory(of: &mut proto::Addressing) -> &mut proto::Directory {
    of.directory.as_mut().unwrap()
}

fn view(of: &mut proto::Addressing) -> &mut proto::View {
    of.view.as_mut().unwrap()
}

fn stands_in(of: &mut proto::Addressing, contact: &str) {
    of.recipients[1].step = 1;
    of.recipients[1].stands_in_for = contact.to_owned();
}

/// All rows that find something else are shown.
fn refuses(net: &Net, good: &Apart, rows: &[(&str, Change, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(name, change, expected)| {
            let read = good.clone().with(|apart| change(&mut apart.addressing)).read(net);
            let found = reason(&read);
            (found != *expected).then(|| format!("{name}: expected {expected}, found {read:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
