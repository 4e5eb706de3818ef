//! Parts as bytes: each field comes back, each holder and purpose has its number for ever, and what is no part
//! is said to be none.

use bytes::Bytes;

use super::*;
use crate::domain::directory::key::{Holder, KeyName, KnownKey, PublicKey, Purpose};
use crate::domain::directory::map::{Part, Unreadable};
use crate::domain::directory::stored::Packing;

/// Each purpose by its number, which stands in stores.
const PURPOSES: [Purpose; 9] = [
    Purpose::PersonSign,
    Purpose::PersonTls,
    Purpose::Log,
    Purpose::Relay,
    Purpose::Authority,
    Purpose::Keeper,
    Purpose::SeatSign,
    Purpose::SeatSeal,
    Purpose::SeatTls,
];

/// Each holder by its number, with its text.
fn holders() -> [(Holder, &'static str); 8] {
    [
        (Holder::Log(NAME.parse().unwrap()), NAME),
        (Holder::Relay(NAME.parse().unwrap()), NAME),
        (Holder::Registrar("alice".parse().unwrap()), "alice"),
        (Holder::Operator("alice".parse().unwrap()), "alice"),
        (Holder::Auditor("alice".parse().unwrap()), "alice"),
        (Holder::Member(member("fr")), "fr"),
        (Holder::Contact(contact("fr/soc")), "fr/soc"),
        (Holder::Seat("fr/soc/duty-1".parse().unwrap()), "fr/soc/duty-1"),
    ]
}

/// A field of bytes or text of a message, by its number.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
}

#[test]
fn a_stored_key_has_its_numbers_for_ever() {
    let spki = key("a").public().spki().to_vec();
    for (purpose, of) in PURPOSES.into_iter().zip(1_u8..) {
        for ((holder, text), whose) in holders().into_iter().zip(1_u8..) {
            let seals = purpose == Purpose::SeatSeal;
            let key = if seals {
                PublicKey::Sealing(id("a"))
            } else {
                PublicKey::Verifying(key("a").public().clone())
            };
            let bytes = if seals { id("a").as_bytes().to_vec() } else { spki.clone() };
            let known = KnownKey::listed(key, purpose, holder, 3);
            let common = [
                field(1, &bytes),
                vec![0x10, of, 0x18, whose],
                field(4, text.as_bytes()),
                vec![0x28, 3],
            ];
            assert_eq!(known.encode(), common.concat(), "{purpose:?} {text}");
            assert_eq!(KnownKey::decode(&known.encode()), Ok(known.clone()));
            let by = Digest::of(b"revocation");
            for (revoked_by, behind) in [(None, vec![]), (Some(by), field(7, by.as_bytes()))] {
                let ended = known.ended(9, revoked_by);
                let expected = [common.concat(), vec![0x30, 9], behind].concat();
                assert_eq!(ended.encode(), expected);
                assert_eq!(KnownKey::decode(&ended.encode()), Ok(ended));
            }
            // Ended by entry 0: there, and not absent.
            let ended = known.ended(0, None);
            assert_eq!(KnownKey::decode(&ended.encode()), Ok(ended));
        }
    }
}

#[test]
fn what_is_no_stored_key_is_said_to_be_none() {
    let spki = field(1, key("a").public().spki());
    let by = field(7, Digest::of(b"by").as_bytes());
    let holder =
        |number: u8, text: &str| [&[0x18, number][..], &field(4, text.as_bytes())].concat();
    let seat = holder(8, "fr/soc/duty-1");
    let row = |parts: &[&[u8]]| KnownKey::decode(&Bytes::from(parts.concat()));
    assert!(row(&[&spki, &[0x10, 7], &seat, &by]).is_ok());
    let bad = Err(Unreadable("key"));
    for purpose in [0, 10, 255] {
        let purpose = if purpose > 127 { vec![0x10, 0xff, 0x01] } else { vec![0x10, purpose] };
        assert_eq!(row(&[&spki, &purpose, &seat]), bad, "{purpose:?}");
    }
    assert_eq!(row(&[&spki, &seat]), bad, "no purpose");
    for number in [0, 9] {
        assert_eq!(row(&[&spki, &[0x10, 7], &holder(number, "fr")]), bad, "{number}");
    }
    for number in 1..=8 {
        assert_eq!(row(&[&spki, &[0x10, 7], &holder(number, "FR")]), bad, "{number}");
    }
    assert_eq!(row(&[&spki, &[0x10, 7], &holder(8, "fr/soc")]), bad);
    assert_eq!(row(&[&spki, &[0x10, 7], &holder(7, "fr/soc/duty-1")]), bad);
    assert_eq!(row(&[&spki[..3], &[0x10, 7], &seat]), bad);
    assert_eq!(row(&[&field(1, b"no key"), &[0x10, 7], &seat]), bad);
    assert_eq!(row(&[&spki, &[0x10, 7], &seat, &field(7, &[7; 31])]), bad);
    assert_eq!(row(&[b"\xff"]), bad);
}

#[test]
fn every_part_comes_back_as_it_was_and_torn_ones_do_not() {
    let mut world = World::new();
    world.take(&world.withdrawal("fr/soc"));
    let directory = &world.directory;
    for part in directory.members() {
        let bytes = part.encode();
        assert_eq!(Member::decode(&bytes), Ok(part.clone()));
        assert_eq!(Member::decode(&bytes.slice(..bytes.len() / 2)), Err(Unreadable("member")));
    }
    for part in directory.contacts() {
        let bytes = part.encode();
        assert_eq!(Contact::decode(&bytes), Ok(part.clone()));
        assert!(Contact::decode(&bytes.slice(..bytes.len() / 2)).is_err());
    }
    let gone = directory.contact(&contact("fr/soc")).unwrap();
    assert_eq!((&gone.record, &gone.roster), (&None, &None));
    assert!(gone.roster_newest.is_some(), "its counter goes on");
    let charter = directory.charter();
    assert_eq!(Charter::decode(&charter.encode()), Ok(charter.clone()));
    assert_eq!(Charter::stored_rules(&charter.encode()), Ok(1));
    assert_eq!(Charter::decode(&Bytes::from_static(b"\xff")), Err(Unreadable("charter")));
    assert_eq!(Charter::stored_rules(&Bytes::from_static(b"\xff")), Err(Unreadable("charter")));
    // An empty one has no counter.
    assert_eq!(Charter::decode(&Bytes::new()), Err(Unreadable("counter")));
    let newest = charter.newest;
    assert_eq!(Newest::decode(&newest.encode()), Ok(newest));
    let half = [vec![0x08, 1, 0x10, 2], field(3, &[7; 31])].concat();
    assert_eq!(Newest::decode(&half.into()), Err(Unreadable("counter")));
}

/// A start knows the rules that a charter names, though it knows nothing of what they are.
#[test]
fn the_rules_of_a_stored_charter_are_read_where_the_charter_is_not() {
    let mut world = World::new();
    let newer = world.charter().with(|charter| charter.rules = RULES + 1);
    world.take(&newer);
    let stored = world.directory.charter().encode();
    assert_eq!(Charter::stored_rules(&stored), Ok(RULES + 1));
}

#[test]
fn a_whole_directory_comes_back_and_each_section_by_itself_can_be_none() {
    let world = World::new();
    let bytes: Bytes = world.directory.encode().unwrap().into();
    assert_eq!(Directory::decode(&bytes).as_ref(), Ok(&world.directory));
    let directory = world.directory.clone();
    let (name, genesis) = (field(1, NAME.as_bytes()), field(2, directory.genesis().as_bytes()));
    let charter = directory.charter().encode();
    let long = |number: u8, bytes: &[u8]| {
        let length = [0x80 | (bytes.len() & 0x7f) as u8, (bytes.len() >> 7) as u8];
        [&[number << 3 | 2][..], &length, bytes].concat()
    };
    let charter = long(5, &charter);
    let empty = |number: u8| field(number, &[0; 16]);
    let read = |parts: &[&[u8]]| Directory::decode(&Bytes::from(parts.concat())).map(drop);
    let (six, seven, eight) = (empty(6), empty(7), empty(8));
    let none = |what| Err(Unreadable(what));
    assert_eq!(read(&[&name, &genesis, &charter, &six, &seven, &eight]), Ok(()));
    assert_eq!(read(&[&name, &genesis, &charter, &six, &seven]), none("section"));
    assert_eq!(read(&[&name, &genesis, &charter, &six, &eight]), none("section"));
    assert_eq!(read(&[&name, &genesis, &charter, &seven, &eight]), none("section"));
    assert_eq!(read(&[&name, &genesis, &six, &seven, &eight]), none("counter"));
    assert_eq!(read(&[&name, &charter, &six, &seven, &eight]), none("directory"));
    assert_eq!(read(&[&genesis, &charter, &six, &seven, &eight]), none("directory"));
    assert_eq!(read(&[b"\xff"]), none("directory"));
}

#[test]
fn a_packing_says_whose_each_part_is_and_takes_them_in_their_order() {
    let world = World::new();
    let directory = &world.directory;
    let charter = std::sync::Arc::new(directory.charter().clone());
    let empty = || {
        let (name, genesis) = (directory.name().clone(), directory.genesis());
        let (size, clock) = (directory.size(), directory.clock());
        Packing::of(Directory::at(name, genesis, size, clock, charter.clone()))
    };
    let mut packing = empty();
    for part in directory.members() {
        assert_eq!(packing.member(&part.encode()), Ok(part.id.clone()));
    }
    for part in directory.contacts() {
        assert_eq!(packing.contact(&part.encode()), Ok(part.id.clone()));
    }
    let mut names: Vec<KeyName> = Vec::new();
    for part in directory.keys() {
        names.push(packing.key(&part.encode()).unwrap());
    }
    assert!(names.is_sorted_by(|a, b| a < b));
    assert_eq!(&packing.finish(), directory);
    // One that was given before, and one that is none.
    let mut packing = empty();
    let first = directory.members().next().unwrap().encode();
    packing.member(&first).unwrap();
    assert_eq!(packing.member(&first), Err(Unreadable("part out of its order")));
    assert_eq!(packing.contact(&first), Err(Unreadable("contact")));
    assert_eq!(packing.key(&Bytes::from_static(b"\xff")), Err(Unreadable("key")));
    assert_eq!(packing.finish().members().count(), 1, "what was refused left nothing");
}
