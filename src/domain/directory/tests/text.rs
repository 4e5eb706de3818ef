//! Text: the closed list of what it cannot hold, each at its edges; and the scripts that it must.

use super::*;

/// First and last of every range that no text holds.
const FORBIDDEN: [(u32, u32); 22] = [
    (0x0, 0x1f),
    (0x7f, 0x9f),
    (0xad, 0xad),
    (0x61c, 0x61c),
    (0x200b, 0x200b),
    (0x200e, 0x200f),
    (0x2028, 0x202e),
    (0x2060, 0x206f),
    (0xe000, 0xf8ff),
    (0xfdd0, 0xfdef),
    (0xfeff, 0xfeff),
    (0xfff0, 0xfffb),
    (0xfffe, 0xffff),
    (0x1_d173, 0x1_d17a),
    (0x1_fffe, 0x1_ffff),
    (0x2_fffe, 0x2_ffff),
    (0x3_fffe, 0x3_ffff),
    (0xd_fffe, 0xd_ffff),
    (0xe_0000, 0xe_00ff),
    (0xe_01f0, 0xe_0fff),
    (0xf_0000, 0xf_ffff),
    (0x10_0000, 0x10_ffff),
];

/// Beside every edge: what just may stand there.
const ALLOWED: [u32; 28] = [
    0x20, 0x7e, 0xa0, 0xac, 0xae, 0x61b, 0x61d, 0x200a, 0x200c, 0x200d, 0x2010, 0x2027, 0x202f,
    0x205f, 0x2070, 0xf900, 0xfdcf, 0xfdf0, 0xfefe, 0xff00, 0xffef, 0xfffc, 0xfffd, 0x1_d172,
    0x1_d17b, 0x1_fffd, 0xe_0100, 0xe_01ef,
];

fn with(draft: &mut Draft<proto::Record>, text: String) {
    draft.says.names[0].text = text;
}

pub(super) fn forbidden() {
    let world = World::new();
    let good = world.record("fr/soc");
    for (first, last) in FORBIDDEN {
        for point in [first, last] {
            let mut draft = good.clone();
            with(&mut draft, format!("A{}B", char::from_u32(point).unwrap()));
            let name = format!("U+{point:04X}");
            world.judge(&name, &draft.bytes(), NOW, Some("INVALID_FIELD:names"));
        }
    }
    for (name, text) in [("empty", String::new()), ("401 bytes", "x".repeat(401))] {
        let mut draft = good.clone();
        with(&mut draft, text);
        world.judge(name, &draft.bytes(), NOW, Some("INVALID_FIELD:names"));
    }
    for (name, bytes) in [("a surrogate", &b"\xed\xa0\x80"[..]), ("a lone byte", b"\x80\x80\x80")] {
        let mut draft = good.clone();
        with(&mut draft, "\u{0}\u{0}\u{0}".to_owned());
        let statement = draft.bytes();
        let at = statement.windows(3).position(|part| part == [0; 3]).unwrap();
        let mut statement = statement;
        statement[at..at + 3].copy_from_slice(bytes);
        world.judge(&format!("UTF-8 with {name}"), &statement, NOW, Some("NOT_CANONICAL"));
    }
}

pub(super) fn admitted() {
    let world = World::new();
    let good = world.record("fr/soc");
    for point in ALLOWED {
        let mut draft = good.clone();
        with(&mut draft, format!("A{}B", char::from_u32(point).unwrap()));
        world.judge(&format!("U+{point:04X}"), &draft.bytes(), NOW, None);
    }
    let scripts = [
        ("Persian", "مرکز\u{200c}ها "),
        ("Arabic", "المركز الوطني "),
        ("Hindi", "राष्ट्रीय क्\u{200d}ष "),
        ("Thai", "ศูนย์ประสาน "),
        ("Georgian", "ეროვნული "),
        ("Mongolian", "ᠮᠣᠩᠭᠣᠯ "),
        ("Chinese", "國家互聯網應急中心"),
        ("Japanese", "緊急対応センター"),
        ("combining", "e\u{301}a\u{308}o\u{302}\u{323}"),
        ("a flag of a region", "\u{1f3f4}"),
        ("variation", "葛\u{e0100}"),
    ];
    for (name, unit) in scripts {
        let mut text = unit.repeat(400 / unit.len());
        text.push_str(&"x".repeat(400 - text.len()));
        let mut draft = good.clone();
        with(&mut draft, text);
        world.judge(&format!("400 bytes of {name}"), &draft.bytes(), NOW, None);
    }
}

#[test]
fn no_text_holds_what_cannot_be_seen() {
    forbidden();
}

#[test]
fn every_script_that_people_write_passes() {
    admitted();
}

/// The list is final: no point more, none less.
#[test]
fn the_list_is_as_it_stands() {
    for point in 0..=0x10_ffff {
        let Some(c) = char::from_u32(point) else { continue };
        let listed = FORBIDDEN.iter().any(|(first, last)| (*first..=*last).contains(&point))
            || point & 0xfffe == 0xfffe;
        assert_eq!(super::super::text::is_forbidden(c), listed, "U+{point:04X}");
    }
}
