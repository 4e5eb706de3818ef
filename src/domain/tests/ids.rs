//! The one form of each id: of each rule a text that breaks only that, and a near one that does not.

use std::str::FromStr;

use proptest::prelude::*;

use crate::domain::ids::{
    ContactId, DirectoryName, Form, InvalidId, MemberId, MessageId, PersonId, SeatId, is_name,
};

fn is<T: FromStr>(text: &str) -> bool {
    text.parse::<T>().is_ok()
}

/// A part of an id: good, and what is wrong with another one near it.
const PARTS: &[(&str, bool)] = &[
    ("a", true),
    ("z9", true),
    ("0", true),
    ("a-b", true),
    ("a--b", true),
    ("a0-0a", true),
    ("abcdefghijklmnopqrstuvwxyz012345", true),
    ("abcdefghijklmnopqrstuvwxyz0123456", false),
    ("", false),
    ("-", false),
    ("-a", false),
    ("a-", false),
    ("A", false),
    ("aB", false),
    ("a_b", false),
    ("a.b", false),
    ("a b", false),
    (" a", false),
    ("a\n", false),
    ("a\0", false),
    ("`", false),
    ("{", false),
    (":", false),
    ("ä", false),
    ("а", false),
    ("１", false),
];

#[test]
fn each_rule_of_a_part_holds_in_every_id() {
    for (part, good) in PARTS {
        let good = *good;
        assert_eq!(is_name(part), good, "{part:?}");
        assert_eq!(is::<MemberId>(part), good, "{part:?}");
        assert_eq!(is::<PersonId>(part), good, "{part:?}");
        for text in [format!("{part}/x"), format!("x/{part}")] {
            assert_eq!(is::<ContactId>(&text), good, "{text:?}");
        }
        for text in [format!("{part}/x/x"), format!("x/{part}/x"), format!("x/x/{part}")] {
            assert_eq!(is::<SeatId>(&text), good, "{text:?}");
        }
    }
    let of_two = ["a.b", "a/b"];
    assert!(of_two.iter().all(|text| !is::<MemberId>(text) && !is::<PersonId>(text)));
}

#[test]
fn an_id_has_as_many_parts_as_its_kind() {
    for count in 0..=5 {
        let text = vec!["x"; count].join("/");
        assert_eq!(is::<MemberId>(&text), count == 1, "{text}");
        assert_eq!(is::<PersonId>(&text), count == 1, "{text}");
        assert_eq!(is::<ContactId>(&text), count == 2, "{text}");
        assert_eq!(is::<SeatId>(&text), count == 3, "{text}");
    }
    for text in ["/x", "x/", "x//x", "/x/x", "x/x/", "//"] {
        assert!(!is::<ContactId>(text) && !is::<SeatId>(text), "{text}");
    }
}

/// A proof of possession names its holder in one text: no two holders may have the same one.
#[test]
fn a_member_has_no_name_that_stands_before_another_holder_and_near_ones_may() {
    for word in ["registrar", "operator", "auditor", "log", "relay"] {
        assert!(!is::<MemberId>(word) && !is::<ContactId>(&format!("{word}/x")));
        assert!(!is::<SeatId>(&format!("{word}/x/y")));
        assert!(is::<ContactId>(&format!("x/{word}")) && is::<SeatId>(&format!("x/{word}/{word}")));
        assert!(is::<PersonId>(word) && is::<DirectoryName>(word));
        for near in [format!("{word}s"), format!("{word}-1"), word[1..].to_owned()] {
            assert!(is::<MemberId>(&near), "{near}");
        }
    }
}

#[test]
fn a_directory_is_named_by_dns_labels_of_so_many_bytes() {
    let label = "abcdefghijklmnopqrstuvwxyz012345";
    let longest = format!("{}.{label}", &label[1..]);
    assert_eq!(longest.len(), 64);
    for (text, good) in [
        ("un.example", true),
        ("un", true),
        ("a.b.c.d.e", true),
        ("a-b.c--d", true),
        (&*longest, true),
        (&format!("{label}.{label}"), false),
        (&format!("x{label}"), false),
        ("", false),
        (".", false),
        ("un.", false),
        (".un", false),
        ("un..example", false),
        ("-un.example", false),
        ("un-.example", false),
        ("un.Example", false),
        ("un/example", false),
        ("un.example:443", false),
        ("un.exämple", false),
    ] {
        assert_eq!(is::<DirectoryName>(text), good, "{text}");
    }
}

#[test]
fn what_is_no_id_is_said_with_what_would_be_one_and_a_hundred_bytes_of_what_came() {
    let found = |found: &str, expected| InvalidId { expected, found: found.to_owned() };
    assert_eq!("FR".parse::<MemberId>(), Err(found("FR", Form::Member)));
    assert_eq!("fr".parse::<ContactId>(), Err(found("fr", Form::Contact)));
    assert_eq!("fr/x".parse::<SeatId>(), Err(found("fr/x", Form::Seat)));
    assert_eq!("A".parse::<PersonId>(), Err(found("A", Form::Person)));
    assert_eq!("A".parse::<DirectoryName>(), Err(found("A", Form::Directory)));
    assert_eq!("A".parse::<MessageId>(), Err(found("A", Form::Message)));
    assert_eq!(MessageId::try_from(&[7, 8][..]), Err(found("0708", Form::MessageBytes)));
    for (length, kept) in [(99, 99), (100, 100), (101, 100)] {
        let text = "A".repeat(length);
        assert_eq!(text.parse::<MemberId>().unwrap_err().found.len(), kept);
    }
    // It ends before a character that would be cut.
    let text = format!("{}é", "A".repeat(99));
    assert_eq!(text.parse::<MemberId>().unwrap_err().found, "A".repeat(99));
    let why = "FR".parse::<MemberId>().unwrap_err().to_string();
    assert_eq!(why, "expected a member: 1 to 32 of a-z, 0-9 and -, like fr, found \"FR\"");
}

#[test]
fn a_message_id_is_of_version_seven_and_of_this_variant() {
    let good = MessageId::new(1_700_000_000_000, [0; 10]);
    for version in 0..16_u8 {
        let mut bytes = *good.as_bytes();
        bytes[6] = version << 4;
        assert_eq!(MessageId::try_from(&bytes[..]).is_ok(), version == 7, "{version}");
    }
    for variant in 0..4_u8 {
        let mut bytes = *good.as_bytes();
        bytes[8] = variant << 6;
        assert_eq!(MessageId::try_from(&bytes[..]).is_ok(), variant == 2, "{variant}");
    }
    for length in [0, 15, 17, 32] {
        assert!(MessageId::try_from(&vec![7; length][..]).is_err(), "{length}");
    }
    let bytes = MessageId::new(0x0123_4567_89ab, [0xff; 10]);
    assert_eq!(bytes.to_string(), "01234567-89ab-7fff-bfff-ffffffffffff");
    assert_eq!(format!("{bytes:?}"), bytes.to_string());
}

fn part() -> impl Strategy<Value = String> {
    "[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_seat_is_made_of_its_contact_and_that_of_its_member(
        member in part(), contact in part(), seat in part(),
    ) {
        let Ok(member) = member.parse::<MemberId>() else { return Ok(()) };
        let contact_id = ContactId::new(&member, &contact).unwrap();
        let seat_id = SeatId::new(&contact_id, &seat).unwrap();
        prop_assert_eq!(contact_id.member(), member.clone());
        prop_assert_eq!(contact_id.name(), &contact);
        prop_assert_eq!(seat_id.contact(), contact_id.clone());
        prop_assert_eq!(seat_id.member(), member);
        prop_assert_eq!(seat_id.name(), &seat);
        prop_assert_eq!(seat_id.to_string().parse(), Ok(seat_id.clone()));
        let shown = format!("{seat_id:?}");
        prop_assert_eq!(shown, seat_id.as_str());
        let longer = [&seat, "/x"].concat();
        prop_assert!(SeatId::new(&contact_id, &longer).is_err());
    }

    #[test]
    fn message_ids_stand_in_the_order_of_their_times(
        one in 0_u64..1 << 48, other in 0_u64..1 << 48, random: [u8; 10], others: [u8; 10],
    ) {
        let (first, second) = (MessageId::new(one, random), MessageId::new(other, others));
        if one != other {
            prop_assert_eq!(first < second, one < other);
        }
        prop_assert_eq!(MessageId::try_from(&first.as_bytes()[..]), Ok(first));
        prop_assert_eq!(first.to_string().parse(), Ok(first));
    }
}

/// As bytes, where a slash stands behind a hyphen and before a digit.
#[test]
fn ids_are_sorted_as_bytes() {
    let contacts = ["fr-x/a", "fr/a", "fr/a-b", "fr/a0", "fr0/a"];
    let mut sorted = contacts.map(|text| text.parse::<ContactId>().unwrap());
    sorted.sort();
    assert_eq!(sorted.each_ref().map(ContactId::as_str), contacts);
}
