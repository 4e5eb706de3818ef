//! Parts by id against an ordered map: whatever is kept and whatever is new, both find the same, in the same
//! order, and give the same bytes. And bytes that are none.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use crate::domain::directory::map::{Map, Part, Section, Unreadable};

/// A part that is a word and a number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    word: String,
    number: u8,
}

impl Part for Word {
    type Id = String;

    fn id(&self) -> String {
        self.word.clone()
    }

    fn key(id: &String) -> Vec<u8> {
        id.as_bytes().to_vec()
    }

    fn encode(&self) -> Bytes {
        [self.word.as_bytes(), &[b'=', self.number]].concat().into()
    }

    fn decode(bytes: &Bytes) -> Result<Self, Unreadable> {
        let unreadable = Unreadable("word");
        let (number, word) = bytes.split_last().ok_or(unreadable)?;
        let word = word.strip_suffix(b"=").ok_or(unreadable)?;
        let word = String::from_utf8(word.to_vec()).map_err(|_| unreadable)?;
        Ok(Self { word, number: *number })
    }
}

/// What is done to both.
#[derive(Clone, Debug)]
enum Done {
    Put(String, u8),
    /// All that is new is kept, too.
    Kept,
}

fn word() -> impl Strategy<Value = String> {
    "[a-c]{0,3}"
}

fn done() -> impl Strategy<Value = Done> {
    prop_oneof![
        6 => (word(), any::<u8>()).prop_map(|(word, number)| Done::Put(word, number)),
        1 => Just(Done::Kept),
    ]
}

fn after(done: &[Done]) -> (Map<Word>, BTreeMap<String, Word>) {
    let (mut map, mut model) = (Map::<Word>::default(), BTreeMap::new());
    for each in done {
        match each {
            Done::Put(word, number) => {
                let part = Word { word: word.clone(), number: *number };
                map.insert(&Arc::new(part.clone()));
                model.insert(word.clone(), part);
            }
            Done::Kept => map = Map::from_bytes(&map.to_bytes().unwrap().into()).unwrap(),
        }
    }
    (map, model)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parts_are_found_and_listed_as_in_an_ordered_map(
        history in prop::collection::vec(done(), 0..60), asked in word(),
    ) {
        let (map, model) = after(&history);
        prop_assert!(map.values().eq(model.values()));
        for word in model.keys().chain([&asked]) {
            prop_assert_eq!(map.get(word), model.get(word));
            prop_assert!(map.from(word.clone()).eq(model.range(word.clone()..).map(|(_, part)| part)));
        }
        let mut section = Section::default();
        for part in model.values() {
            section.push(part).unwrap();
        }
        let packed = section.into_map();
        prop_assert_eq!(&packed, &map);
        prop_assert_eq!(packed.to_bytes(), map.to_bytes(), "one map, one form");
    }
}

fn part(word: &str, number: u8) -> Arc<Word> {
    Arc::new(Word { word: word.to_owned(), number })
}

fn kept(words: &[&str]) -> Map<Word> {
    let mut map = Map::default();
    for (word, number) in words.iter().zip(0_usize..) {
        map.insert(&part(word, (number % 256) as u8));
    }
    Map::from_bytes(&map.to_bytes().unwrap().into()).unwrap()
}

#[test]
fn a_section_is_how_many_where_each_begins_and_each_with_its_key() {
    let number = |number: u64| number.to_be_bytes().to_vec();
    let records = [&[0, 1][..], b"a", b"a=\x00", &[0, 2], b"bb", b"bb=\x01"].concat();
    let expected = [number(2), number(0), number(6), number(14), records].concat();
    assert_eq!(kept(&["a", "bb"]).to_bytes(), Ok(expected));
}

#[test]
fn what_is_new_hides_what_was_kept_and_leaves_another_copy_as_it_was() {
    let before = kept(&["a", "c"]);
    let mut now = before.clone();
    now.insert(&part("c", 9));
    now.insert(&part("b", 8));
    let listed = |map: &Map<Word>| {
        map.values().map(|part| (part.word.clone(), part.number)).collect::<Vec<_>>()
    };
    let rows = |rows: &[(&str, u8)]| {
        rows.iter().map(|(word, number)| ((*word).to_owned(), *number)).collect::<Vec<_>>()
    };
    assert_eq!(listed(&now), rows(&[("a", 0), ("b", 8), ("c", 9)]));
    assert_eq!(listed(&before), rows(&[("a", 0), ("c", 1)]));
    assert!(now != before && now.clone() == now);
    assert_eq!(now.get(&"c".to_owned()), Some(&*part("c", 9)));
    assert_eq!(format!("{before:?}"), format!("{:?}", [&part("a", 0), &part("c", 1)]));
}

#[test]
fn parts_are_packed_by_rising_ids_each_once() {
    let misplaced = Err(Unreadable("part out of its order"));
    for (words, found) in [
        (&["", "a", "aa", "b"][..], Ok(())),
        (&["b", "a"], misplaced),
        (&["a", "a"], misplaced),
        (&["", ""], misplaced),
        (&["aa", "a"], misplaced),
        (&["a", "c", "b"], misplaced),
    ] {
        let mut section = Section::<Word>::default();
        let pushed = words.iter().try_for_each(|word| section.push(&part(word, 0)));
        assert_eq!(pushed, found, "{words:?}");
    }
    // A key has two bytes for its length.
    for (length, is_packed) in [(0xffff, true), (0x1_0000, false)] {
        let mut section = Section::<Word>::default();
        assert_eq!(section.push(&part(&"a".repeat(length), 0)).is_ok(), is_packed, "{length}");
    }
}

#[test]
fn bytes_that_are_no_section_are_none_and_one_bad_part_hides_no_other() {
    let whole = kept(&["a", "bb", "ccc"]).to_bytes().unwrap();
    let read = |bytes: &[u8]| Map::<Word>::from_bytes(&Bytes::copy_from_slice(bytes));
    let section = Err(Unreadable("section"));
    for end in 0..whole.len() {
        assert_eq!(read(&whole[..end]), section, "cut at {end}");
    }
    assert_eq!(read(&[&whole[..], b"x"].concat()), section, "and more");
    for count in [0, 1, 2, 4, u64::MAX, u64::MAX / 8 - 1] {
        let other = [&count.to_be_bytes()[..], &whole[8..]].concat();
        assert_eq!(read(&other), section, "{count} parts");
    }
    // The value of the second is none: its "=" is gone.
    let at = whole.windows(3).position(|three| three == b"bb=").unwrap() + 2;
    let mut torn = whole.clone();
    torn[at] = b'x';
    let torn = read(&torn).unwrap();
    assert_eq!(torn.get(&"bb".to_owned()), None);
    let others: Vec<&str> = torn.values().map(|part| part.word.as_str()).collect();
    assert_eq!(others, ["a", "ccc"]);
    assert_eq!(read(&whole).unwrap(), kept(&["a", "bb", "ccc"]));
    assert_eq!(read(&0_u64.to_be_bytes()), section, "where nothing ends must be said, too");
    let empty = Map::<Word>::default().to_bytes().unwrap();
    assert_eq!(empty, [0; 16]);
    assert_eq!(read(&empty).unwrap().values().count(), 0);
}

/// Groups of 256 are made when they are asked for: the first and the last of each.
#[test]
fn each_of_many_is_found_at_the_ends_of_its_group() {
    let words: Vec<String> = (0..600).map(|number| format!("{number:03}")).collect();
    let all = kept(&words.iter().map(String::as_str).collect::<Vec<_>>());
    for place in [0, 1, 255, 256, 257, 511, 512, 599] {
        let found = all.get(&words[place]);
        assert_eq!(found, Some(&*part(&words[place], (place % 256) as u8)), "{place}");
        assert_eq!(all.from(words[place].clone()).count(), 600 - place);
    }
    for none in ["", "0000", "255a", "600"] {
        assert_eq!(all.get(&none.to_owned()), None);
    }
    assert_eq!(all.from("2559".to_owned()).next(), Some(&*part("256", 0)));
    assert_eq!(all.from("599a".to_owned()).next(), None);
}
