//! Header, body and letters: each rule broken alone, each two in the order in which they are asked, and each
//! limit from both sides.

use bytes::Bytes;
use prost::Message as _;

use super::apart::{AUSTRIA, Apart, FRANCE, GOOD, PORTUGAL, reason};
use crate::crypto::hash::Digest;
use crate::crypto::sign::SigningKey;
use crate::domain::limits;
use crate::domain::refusal::{Deciders, Letters, Mismatch, Refusal, Unserved};
use crate::domain::relay::addressing::OrLater;
use crate::domain::relay::envelope::{self, accepted, read_letter, says};
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Class, Urgency};
use crate::world::relay::{AT, Net, PT, seat, sign_key};

type Row<'a> = (&'a str, fn(&mut Apart), &'a str);

/// What asks for something that is not served.
type Asks = (Unserved, fn(&mut Apart));

const COLLEAGUE: &str = "at/cert-at/duty-2 sign";

fn blob(byte: u8, size: u64) -> proto::Blob {
    proto::Blob { digest: vec![byte; 32].into(), size }
}

fn signs(apart: &mut Apart, name: &str) {
    apart.signers.push(name.to_owned());
}

/// All rows that find something else are shown.
fn refuses<T: std::fmt::Debug>(
    good: &Apart,
    rows: &[Row<'_>],
    verify: impl Fn(&Apart) -> Result<T, Refusal>,
) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(name, change, expected)| {
            let found = verify(&good.clone().with(change));
            let reason = reason(&found);
            (reason != *expected).then(|| format!("{name}: expected {expected}, found {found:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn each_rule_of_a_headers_signatures_is_seen_alone() {
    let net = Net::new();
    let good = Apart::notification(&net);
    let rows: &[Row<'_>] = &[
        ("nothing", |_| (), GOOD),
        ("of another kind", |a| a.tamper = |dsse| kind(dsse, Kind::Accepted), "UNKNOWN_KIND"),
        ("of a later kind", |a| a.tamper = |dsse| dsse.payload_type.push('x'), "UNKNOWN_KIND"),
        ("more than a header", |a| a.tamper = longer, "NOT_CANONICAL"),
        ("nobody", |a| a.signers.clear(), "BELOW_THRESHOLD"),
        ("a colleague, too", |a| signs(a, COLLEAGUE), GOOD),
        ("a colleague alone", |a| a.signers = vec![COLLEAGUE.to_owned()], "NOT_THE_SENDER"),
        ("another contact, too", |a| signs(a, "pt/cert-pt/duty-1 sign"), "SUPERFLUOUS_SIGNATURE"),
        ("somebody unknown, too", |a| signs(a, "nobody"), "UNKNOWN_KEY"),
        ("a registrar, too", |a| signs(a, "registrar"), "WRONG_PURPOSE"),
        ("the authority, too", |a| signs(a, "at authority"), "WRONG_PURPOSE"),
        ("its other key, too", |a| signs(a, "at/cert-at/duty-1 tls"), "WRONG_PURPOSE"),
        ("unsorted", |a| both(a, |dsse| dsse.signatures.reverse()), "SIGNATURES_UNSORTED"),
        (
            "twice",
            |a| both(a, |dsse| dsse.signatures[1] = dsse.signatures[0].clone()),
            "DUPLICATE_SIGNATURE",
        ),
        ("spoilt", |a| a.tamper = |dsse| spoil(dsse, 0), "BAD_SIGNATURE"),
        ("one of two spoilt", |a| both(a, |dsse| spoil(dsse, 0)), "BAD_SIGNATURE"),
        ("the other spoilt", |a| both(a, |dsse| spoil(dsse, 1)), "BAD_SIGNATURE"),
        (
            "another key of it is named",
            |a| a.addressing.sender_key = vec![7; 32].into(),
            "NOT_THE_SENDER",
        ),
        (
            "a colleague is named by its key",
            |a| a.addressing.sender = "at/cert-at/duty-2".to_owned(),
            "NOT_THE_SENDER",
        ),
        ("another is named by it", |a| a.addressing.sender = PT.to_owned(), "NOT_THE_SENDER"),
    ];
    refuses(&good, rows, |apart| apart.header(&net));
    let nobody = good.clone().with(|apart| apart.signers.clear()).header(&net);
    let needed = Refusal::BelowThreshold { of: Deciders::Seat, needed: 1, found: 0 };
    assert_eq!(nobody, Err(needed));
    let named = good.with(|apart| apart.addressing.sender = PT.to_owned()).header(&net);
    let mismatch = Mismatch::Seat { signed: seat(AT), named: PT.to_owned() };
    assert_eq!(named, Err(Refusal::NotTheSender(mismatch)));
}

#[test]
fn colleagues_who_signed_are_named_with_their_keys_up_to_four_signatures_in_all() {
    let mut net = Net::new();
    let duties = ["duty-1", "duty-2", "duty-3", "duty-4", "duty-5"];
    net.roster(AUSTRIA, 2, &duties);
    let good = Apart::notification(&net);
    let signed_by = |count: usize| {
        let names = duties[..count].iter().map(|duty| format!("{AUSTRIA}/{duty} sign"));
        good.clone().with(|apart| apart.signers = names.collect())
    };
    for count in 1..=4 {
        let header = signed_by(count).header(&net).unwrap();
        let mut expected: Vec<_> = duties[1..count]
            .iter()
            .map(|duty| {
                let of = format!("{AUSTRIA}/{duty}");
                (seat(&of), sign_key(&format!("{of} sign")).public().id())
            })
            .collect();
        expected.sort_by_key(|(_, key)| *key);
        assert_eq!(header.cleared_by(), expected, "{count}");
        assert_eq!(header.signers().count(), count);
        assert!(header.signers().is_sorted());
    }
    let five = signed_by(5);
    let mut keys: Vec<_> = five.signers.iter().map(|name| sign_key(name).public().id()).collect();
    keys.sort();
    let more = Err(Refusal::SuperfluousSignature(keys[4]));
    assert_eq!(five.header(&net), more);
    let spoilt = five.clone().with(|apart| apart.tamper = |dsse| spoil(dsse, 3));
    assert_eq!(spoilt.header(&net), Err(Refusal::BadSignature(keys[3])), "the four are verified");
    let spoilt = five.with(|apart| apart.tamper = |dsse| spoil(dsse, 4));
    assert_eq!(spoilt.header(&net), more, "and the fifth is not");
}

#[test]
fn each_rule_of_a_headers_content_is_seen_alone() {
    let net = Net::new();
    let good = Apart::notification(&net);
    let rows: &[Row<'_>] = &[
        ("no class", |a| a.addressing.class = 0, "INVALID_FIELD:class"),
        ("a size between", |a| a.header.body_size = 5_000, "BODY_SIZE"),
        ("no size", |a| a.header.body_size = 0, "BODY_SIZE"),
        ("the smallest less one", |a| a.header.body_size = 4_095, "BODY_SIZE"),
        ("the largest", |a| a.header.body_size = 16 << 20, GOOD),
        ("the largest and one", |a| a.header.body_size = (16 << 20) + 1, "BODY_SIZE"),
        ("blobs", |a| a.header.blobs = vec![blob(1, 4 << 10), blob(2, 16 << 20)], GOOD),
        ("a blob twice", |a| a.header.blobs = vec![blob(1, 4 << 10); 2], "INVALID_FIELD:blobs"),
        (
            "blobs unsorted",
            |a| a.header.blobs = vec![blob(2, 4 << 10), blob(1, 4 << 10)],
            "INVALID_FIELD:blobs",
        ),
        ("a blob between", |a| a.header.blobs = vec![blob(1, 5_000)], "INVALID_FIELD:blobs"),
        ("half a blob", |a| half(&mut a.header), "INVALID_FIELD:blobs"),
        ("half a digest", |a| a.header.body_digest.truncate(31), "INVALID_FIELD:body_digest"),
        ("no digest", |a| a.header.body_digest = Bytes::new(), "INVALID_FIELD:body_digest"),
        ("no letter", |a| a.header.letters = 0, "WRONG_LETTERS"),
        ("one letter", |a| a.header.letters = 1, GOOD),
        ("all letters", |a| a.header.letters = 128, GOOD),
        ("one more", |a| a.header.letters = 129, "WRONG_LETTERS"),
        ("half a root", |a| a.header.letters_root.truncate(31), "INVALID_FIELD:letters_root"),
    ];
    refuses(&good, rows, |apart| apart.header(&net));
    for size in limits::BODY_BYTES {
        let header = good.clone().with(|apart| apart.header.body_size = size).header(&net);
        assert_eq!(header.map(|header| header.body_size()), Ok(size));
    }
    let blobs = vec![blob(1, 4 << 10)];
    let read = good.clone().with(|apart| apart.header.blobs = blobs.clone()).header(&net).unwrap();
    assert_eq!(read.blobs(), blobs);
    let found = good.with(|apart| apart.header.letters = 129).header(&net);
    assert_eq!(found, Err(Refusal::WrongLetters(Letters::OutOfRange(129))));
}

#[test]
fn of_two_faults_of_a_header_the_earlier_is_said() {
    let net = Net::new();
    let good = Apart::notification(&net);
    let faults: [Row<'_>; 12] = [
        ("addressing", |a| a.addressing.sender_key.truncate(1), "NOT_CANONICAL"),
        (
            "directory",
            |a| a.addressing.directory.as_mut().unwrap().name.push('x'),
            "OTHER_DIRECTORY",
        ),
        (
            "genesis",
            |a| a.addressing.directory.as_mut().unwrap().genesis = Bytes::new(),
            "OTHER_GENESIS",
        ),
        ("key", |a| signs(a, "nobody"), "UNKNOWN_KEY"),
        ("class", |a| a.addressing.class = 0, "INVALID_FIELD:class"),
        ("drill", |a| a.addressing.drill = Some(proto::Drill::default()), "INVALID_FIELD:drill"),
        ("sender", |a| a.addressing.sender = PT.to_owned(), "NOT_THE_SENDER"),
        ("size", |a| a.header.body_size = 1, "BODY_SIZE"),
        ("blobs", |a| a.header.blobs = vec![blob(1, 1)], "INVALID_FIELD:blobs"),
        ("digest", |a| a.header.body_digest = Bytes::new(), "INVALID_FIELD:body_digest"),
        ("letters", |a| a.header.letters = 0, "WRONG_LETTERS"),
        ("root", |a| a.header.letters_root = Bytes::new(), "INVALID_FIELD:letters_root"),
    ];
    for (place, (one, earlier, expected)) in faults.iter().enumerate() {
        for (other, later, _) in &faults[place..] {
            let bad = good.clone().with(|apart| {
                earlier(apart);
                if one != other {
                    later(apart);
                }
            });
            assert_eq!(reason(&bad.header(&net)), *expected, "{one} before {other}");
        }
    }
}

/// Who reads old mail finds its key ended, and who hands in may not.
#[test]
fn an_ended_key_hands_nothing_in_and_its_headers_are_read() {
    let mut net = Net::new();
    let good = Apart::notification(&net);
    let bad = good.clone().with(|apart| apart.addressing.class = 0);
    let forged = good.clone().with(|apart| apart.tamper = |dsse| spoil(dsse, 0));
    assert_eq!(reason(&good.verify(&net)), GOOD);
    net.revoke_sign_key(AT);
    assert_eq!(reason(&good.header(&net)), GOOD);
    let key = sign_key(&good.signers[0]).public().id();
    assert_eq!(good.verify(&net), Err(Refusal::KeyNotInForce(key)));
    assert_eq!(bad.verify(&net), Err(Refusal::KeyNotInForce(key)), "standing before content");
    assert_eq!(forged.verify(&net), Err(Refusal::BadSignature(key)), "and a signature before that");
}

#[test]
fn what_this_relay_does_not_serve_is_refused_after_the_thread_and_before_the_body() {
    let net = Net::new();
    let good = Apart::notification(&net);
    let unserved: [Asks; 5] = [
        (Unserved::Class, |a| a.addressing.class = 10),
        (Unserved::Flag, |a| a.addressing.flags = vec![3]),
        (Unserved::Blob, |a| a.header.blobs = vec![blob(1, 4 << 10)]),
        (Unserved::SecondSignature, |a| signs(a, COLLEAGUE)),
        (Unserved::LargeBody, |a| a.header.body_size = 4 << 20),
    ];
    for (place, (what, change)) in unserved.iter().enumerate() {
        for (_, later) in &unserved[place..] {
            let bad = good.clone().with(change).with(|apart| {
                apart.body = Bytes::new();
                if apart.signers.len() == 1 {
                    later(apart);
                }
            });
            assert_eq!(bad.verify(&net), Err(Refusal::NotYetSupported(*what)));
            let astray = bad.with(|apart| apart.addressing.in_reply_to = vec![7; 32].into());
            assert_eq!(reason(&astray.verify(&net)), "WRONG_THREAD");
        }
    }
    let largest = good.with(|apart| apart.header.body_size = limits::SERVED_BODY_BYTES);
    let (expected, found) = (vec![1 << 20], 4 << 10);
    assert_eq!(largest.verify(&net), Err(Refusal::BodySize { expected, found }), "it is served");
}

#[test]
fn body_and_letters_are_those_of_the_header_and_look_sealed() {
    let net = Net::new();
    let good = Apart::notification(&net);
    let rows: &[Row<'_>] = &[
        ("nothing", |_| (), GOOD),
        ("no body", |a| a.body = Bytes::new(), "BODY_SIZE"),
        ("a longer body", |a| a.body = [&a.body[..], b"0"].concat().into(), "BODY_SIZE"),
        ("another body", |a| a.body = vec![0; a.body.len()].into(), "BODY_DIGEST"),
        (
            "what is not sealed",
            |a| {
                a.body = vec![0; 4 << 10].into();
                a.measure_body();
            },
            "NOT_SEALED",
        ),
        ("one letter fewer", |a| drop(a.letters.pop()), "WRONG_LETTERS"),
        ("no letters", |a| a.letters.clear(), "WRONG_LETTERS"),
        ("one letter more", |a| a.letters.push(a.letters[0].clone()), "WRONG_LETTERS"),
        ("one twice", |a| changed(a, |a| a.letters[1] = a.letters[0].clone()), "WRONG_LETTERS"),
        ("unsorted", |a| changed(a, |a| a.letters.swap(0, 1)), "WRONG_LETTERS"),
        ("fewer than are needed", |a| changed(a, |a| drop(a.letters.pop())), GOOD),
        ("other letters", |a| a.header.letters_root = vec![7; 32].into(), "WRONG_LETTERS"),
        ("no letter at all", |a| changed(a, |a| a.letters[0] = Bytes::new()), "NOT_CANONICAL"),
        (
            "what is no seat",
            |a| changed(a, |a| relettered(a, |letter| letter.seat = AUSTRIA.to_owned())),
            "INVALID_FIELD:letter",
        ),
        (
            "what is no key",
            |a| changed(a, |a| relettered(a, |letter| letter.seal_key.truncate(31))),
            "NOT_CANONICAL",
        ),
        (
            "a letter that is not sealed",
            |a| changed(a, |a| relettered(a, |letter| letter.age = Bytes::from_static(b"age"))),
            "NOT_SEALED",
        ),
        (
            "a letter that is too large",
            |a| changed(a, |a| relettered(a, |letter| letter.age = vec![0; 2_500].into())),
            "TOO_LARGE",
        ),
    ];
    refuses(&good, rows, |apart| apart.verify(&net));
    let number = |named, found| Refusal::WrongLetters(Letters::OtherNumber { named, found });
    let fewer = good.clone().with(|apart| drop(apart.letters.pop())).verify(&net);
    assert_eq!(fewer, Err(number(6, 5)));
    let unsorted = good.clone().with(|a| changed(a, |a| a.letters.swap(0, 1))).verify(&net);
    assert_eq!(unsorted, Err(Refusal::WrongLetters(Letters::NotASet)));
    let other = good.with(|a| a.header.letters_root = vec![7; 32].into()).verify(&net);
    assert_eq!(other, Err(Refusal::WrongLetters(Letters::OtherRoot)));
}

#[test]
fn as_many_letters_as_the_header_may_name_and_no_more() {
    let net = Net::new();
    let good = Apart::notification(&net);
    let letter = proto::Letter::decode(good.letters[0].clone()).unwrap();
    let lettered = |count: usize| {
        good.clone().with(|apart| {
            let letters = (0..count).map(|number| {
                let seat = format!("{AUSTRIA}/s{number:03}");
                proto::Letter { seat, ..letter.clone() }.encode_to_vec().into()
            });
            apart.letters = letters.collect();
            apart.count_letters();
        })
    };
    let all = lettered(limits::LETTERS).verify(&net).unwrap();
    assert_eq!((all.letters().len(), all.header().letters()), (128, 128));
    assert_eq!(reason(&lettered(limits::LETTERS + 1).header(&net)), "WRONG_LETTERS");
    // More letters than there may be are not read, whatever is named.
    let header = lettered(limits::LETTERS).header(&net).unwrap();
    let more = lettered(limits::LETTERS + 1).letters;
    let refused = envelope::verify_letters(&header, &more);
    let number = Letters::OtherNumber { named: 128, found: 129 };
    assert_eq!(refused, Err(Refusal::WrongLetters(number)));
}

#[test]
fn a_letter_and_a_header_have_so_many_bytes_and_no_more() {
    let net = Net::new();
    let letter = |bytes: usize| {
        let age = vec![0; bytes].into();
        let letter = proto::Letter { seat: AT.to_owned(), seal_key: vec![7; 32].into(), age };
        Bytes::from(letter.encode_to_vec())
    };
    let around = letter(2_000).len() - 2_000;
    let largest = letter(limits::LETTER_BYTES - around);
    assert_eq!(largest.len(), limits::LETTER_BYTES);
    assert_eq!(read_letter(&largest).map(|letter| letter.bytes), Ok(largest));
    let (limit, found) = (2_500, 2_501);
    let refused = Err(Refusal::TooLarge { what: "letter", limit, found });
    assert_eq!(read_letter(&letter(limits::LETTER_BYTES - around + 1)), refused);

    let filled = |bytes: usize| {
        let extra = proto::Extra { name: "room".to_owned(), value: vec![0; bytes].into() };
        Apart::notification(&net).with(|apart| apart.addressing.extras = vec![extra])
    };
    let room = limits::HEADER_BYTES - (filled(12_000).signed(&net).len() - 12_000);
    assert_eq!(filled(room).signed(&net).len(), limits::HEADER_BYTES);
    assert_eq!(reason(&filled(room).verify(&net)), GOOD);
    let (limit, found) = (16_384, 16_385);
    let refused = Err(Refusal::TooLarge { what: "header", limit, found });
    assert_eq!(filled(room + 1).header(&net), refused);
    assert_eq!(says(&filled(room).signed(&net)).map(|of| of.0), Some(CLASS));
    assert_eq!(says(&filled(room + 1).signed(&net)), None);
}

const CLASS: OrLater<Class> = OrLater::Known(Class::Notification);

#[test]
fn an_envelope_takes_the_room_of_all_its_parts() {
    let net = Net::new();
    for (from, to) in [(AT, &[FRANCE][..]), (PT, &[FRANCE, AUSTRIA])] {
        let apart = Apart::between(&net, from, to);
        let verified = apart.verify(&net).unwrap();
        let letters: usize = apart.letters.iter().map(Bytes::len).sum();
        let header = verified.header().envelope().bytes().len();
        assert_eq!(verified.size(), (header + apart.body.len() + letters) as u64);
        let bytes: Vec<Bytes> =
            verified.letters().iter().map(|letter| letter.bytes.clone()).collect();
        assert_eq!((bytes, verified.body()), (apart.letters, &apart.body));
    }
}

#[test]
fn what_a_header_says_and_what_was_accepted_is_read_without_a_signature() {
    let net = Net::new();
    let good = Apart::notification(&net);
    let urgency = OrLater::Known(Urgency::Routine);
    let says = |change: fn(&mut Apart)| says(&good.clone().with(change).signed(&net));
    assert_eq!(says(|_| ()), Some((CLASS, urgency)));
    assert_eq!(says(|a| a.tamper = |dsse| spoil(dsse, 0)), Some((CLASS, urgency)));
    assert_eq!(says(|a| a.addressing.class = 77), Some((OrLater::Later(77), urgency)));
    assert_eq!(says(|a| a.addressing.class = 0), None);
    assert_eq!(says(|a| a.addressing.urgency = 0), None);
    assert_eq!(says(|a| a.tamper = |dsse| kind(dsse, Kind::Acknowledgement)), None);
    assert_eq!(envelope::says(b"no header"), None);

    let read = |change: fn(&mut Apart)| accepted(&good.clone().with(change).signed(&net));
    let header = good.header(&net).unwrap();
    let found = (header.digest(), header.addressing().clone());
    assert_eq!(read(|_| ()), Ok(found.clone()));
    assert_eq!(read(|a| a.tamper = |dsse| spoil(dsse, 0)), Ok(found));
    assert_eq!(reason(&read(|a| a.tamper = longer)), "NOT_CANONICAL");
    assert_eq!(reason(&read(|a| a.tamper = |dsse| kind(dsse, Kind::Accepted))), "UNKNOWN_KIND");
    assert_eq!(reason(&read(|a| a.addressing.recipients.clear())), "INVALID_FIELD:recipients");
    let named = read(|a| a.addressing.directory = None).unwrap();
    assert_eq!(named.1.id, header.addressing().id, "it was asked for that when it came");
}

#[test]
fn one_seat_alone_signs_what_one_seat_signs() {
    let net = Net::new();
    let (mine, other) = (sign_key(&format!("{AT} sign")), sign_key(COLLEAGUE));
    let random = net.ambient.random();
    let sign = |keys: &[&SigningKey]| {
        Envelope::sign(Kind::Acknowledgement, vec![1], keys, random).unwrap()
    };
    let signed = |envelope: &Envelope| {
        let one = envelope::one_seat_signed(&net.directory, envelope);
        one.map(|(seat, key)| (seat.clone(), key))
    };
    let own = mine.public().id();
    assert_eq!(signed(&sign(&[&mine])), Ok((seat(AT), own)));
    assert_eq!(reason(&signed(&sign(&[]))), "BELOW_THRESHOLD");
    let later = own.max(other.public().id());
    assert_eq!(signed(&sign(&[&mine, &other])), Err(Refusal::SuperfluousSignature(later)));
    let parsed = |kind| envelope::parse(sign(&[&mine]).bytes(), 1_024, kind);
    assert!(parsed(Kind::Acknowledgement).is_ok());
    assert_eq!(reason(&parsed(Kind::Header)), "UNKNOWN_KIND");
}

fn kind(dsse: &mut proto::Dsse, kind: Kind) {
    dsse.payload_type = kind.payload_type();
}

/// A field behind all that a header has.
fn longer(dsse: &mut proto::Dsse) {
    dsse.payload = [&dsse.payload[..], &[0x78, 0x01]].concat().into();
}

fn spoil(dsse: &mut proto::Dsse, place: usize) {
    dsse.signatures[place].sig = vec![7; 64].into();
}

/// Two sign, and then this is done.
fn both(apart: &mut Apart, tamper: fn(&mut proto::Dsse)) {
    signs(apart, COLLEAGUE);
    apart.tamper = tamper;
}

fn half(header: &mut proto::Header) {
    header.blobs = vec![blob(1, 4 << 10)];
    header.blobs[0].digest.truncate(31);
}

/// Letters are changed, and the header names them so.
fn changed(apart: &mut Apart, change: fn(&mut Apart)) {
    change(apart);
    apart.count_letters();
}

fn relettered(apart: &mut Apart, change: fn(&mut proto::Letter)) {
    let mut letter = proto::Letter::decode(apart.letters[0].clone()).unwrap();
    change(&mut letter);
    apart.letters[0] = letter.encode_to_vec().into();
}

/// A body is told by its digest, of whatever size it is.
#[test]
fn the_digests_of_a_header_are_those_that_it_names() {
    let net = Net::new();
    let apart = Apart::between(&net, AT, &[PORTUGAL]);
    let header = apart.header(&net).unwrap();
    assert_eq!(header.body_digest(), Digest::of(&apart.body));
    assert_eq!(header.letters_root().as_bytes()[..], apart.header.letters_root);
    assert_eq!(header.digest(), header.envelope().digest());
    let parsed = envelope::parse_header(&apart.signed(&net)).unwrap();
    assert_eq!(parsed, *header.envelope());
}
