//! The open acknowledgement: each rule of it broken alone, and each two in the order of the checks.

use bytes::Bytes;
use prost::Message as _;

use super::apart::{GOOD, reason};
use crate::crypto::hash::Digest;
use crate::crypto::sign::SigningKey;
use crate::domain::limits;
use crate::domain::refusal::{Mismatch, Refusal};
use crate::domain::relay::acknowledge::verify;
use crate::domain::relay::addressing::name_of;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Drill, Dsse, Level};
use crate::world::relay::{AT, FR, FR_2, Net, seat, sign_key};

/// An acknowledgement before it is signed.
#[derive(Clone)]
pub(in crate::domain) struct Open {
    pub(in crate::domain) says: proto::Acknowledgement,
    kind: Kind,
    pub(in crate::domain) signers: Vec<String>,
    tamper: fn(&mut Dsse),
}

impl Open {
    /// By the first seat of France.
    pub(in crate::domain) fn of(net: &Net) -> Self {
        let says = proto::Acknowledgement {
            directory: Some(name_of(&net.directory)),
            header_digest: Bytes::copy_from_slice(Digest::of(b"a header").as_bytes()),
            seat: FR.to_owned(),
            level: Level::Technical.into(),
            drill: None,
            at: 1_800_000_000,
            view: Some(net.view().to_proto()),
        };
        let signers = vec![format!("{FR} sign")];
        Self { says, kind: Kind::Acknowledgement, signers, tamper: |_| () }
    }

    pub(in crate::domain) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(in crate::domain) fn bytes(&self, net: &Net) -> Vec<u8> {
        let keys: Vec<SigningKey> = self.signers.iter().map(sign_key).collect();
        let keys: Vec<&SigningKey> = keys.iter().collect();
        let payload = self.says.encode_to_vec();
        let signed = Envelope::sign(self.kind, payload, &keys, net.ambient.random()).unwrap();
        let mut dsse = Dsse::decode(signed.bytes().clone()).unwrap();
        (self.tamper)(&mut dsse);
        dsse.encode_to_vec()
    }
}

type Fault = (&'static str, fn(&mut Open));

/// What is done to a good one, and the reason that it has then.
type Row = (&'static str, fn(&mut Open), &'static str);

fn directory(of: &mut Open) -> &mut proto::Directory {
    of.says.directory.as_mut().unwrap()
}

/// One fault of each check, in the order of the checks.
const FAULTS: [Fault; 11] = [
    ("TOO_LARGE", |of| of.says.drill = Some(Drill { kind: 2, name: "x".repeat(2_000) })),
    ("UNKNOWN_KIND", |of| of.kind = Kind::Accepted),
    ("NOT_CANONICAL", |of| {
        of.tamper = |dsse| dsse.payload = [&dsse.payload[..], &[0x40, 1]].concat().into();
    }),
    ("OTHER_DIRECTORY", |of| directory(of).name.push('x')),
    ("OTHER_GENESIS", |of| directory(of).genesis = Bytes::new()),
    ("UNKNOWN_KEY", |of| of.signers = vec!["nobody".to_owned()]),
    ("NOT_THE_SENDER", |of| of.says.seat = FR_2.to_owned()),
    ("INVALID_FIELD:drill", |of| {
        if of.says.drill.is_none() {
            of.says.drill = Some(Drill::default());
        }
    }),
    ("INVALID_FIELD:level", |of| of.says.level = 0),
    ("INVALID_FIELD:view", |of| of.says.view = None),
    ("INVALID_FIELD:header_digest", |of| of.says.header_digest.truncate(31)),
];

#[test]
fn of_two_faults_of_an_acknowledgement_the_earlier_is_said() {
    let net = Net::new();
    let good = Open::of(&net);
    for (place, (expected, earlier)) in FAULTS.iter().enumerate() {
        for (other, later) in &FAULTS[place..] {
            let bad = good.clone().with(|open| {
                earlier(open);
                later(open);
            });
            let found = reason(&verify(&net.directory, &bad.bytes(&net)));
            assert_eq!(found, *expected, "{expected} before {other}");
        }
    }
}

#[test]
fn an_acknowledgement_is_of_one_seat_of_this_directory() {
    let net = Net::new();
    let good = Open::of(&net);
    let rows: &[Row] = &[
        ("nothing", |_| (), GOOD),
        ("a colleague signs it", |of| of.signers = vec![format!("{FR_2} sign")], "NOT_THE_SENDER"),
        ("both sign it", |of| of.signers.push(format!("{FR_2} sign")), "SUPERFLUOUS_SIGNATURE"),
        ("nobody signs it", |of| of.signers.clear(), "BELOW_THRESHOLD"),
        ("with a key to connect", |of| of.signers = vec![format!("{FR} tls")], "WRONG_PURPOSE"),
        ("the authority", |of| of.signers = vec!["fr authority".to_owned()], "WRONG_PURPOSE"),
        (
            "spoilt",
            |of| of.tamper = |dsse| dsse.signatures[0].sig = vec![7; 64].into(),
            "BAD_SIGNATURE",
        ),
        ("by its contact", |of| of.says.seat = "fr/cert-fr".to_owned(), "NOT_THE_SENDER"),
        ("a later level", |of| of.says.level = 6, "INVALID_FIELD:level"),
        ("another level", |of| of.says.level = 5, GOOD),
        ("a comcheck", |of| of.says.drill = Some(Drill { kind: 1, name: String::new() }), GOOD),
        ("a later drill", |of| of.says.drill = Some(Drill { kind: 9, name: String::new() }), GOOD),
        ("of an empty log", |of| of.says.view.as_mut().unwrap().size = 0, "INVALID_FIELD:view"),
        ("of a log to come", |of| of.says.view.as_mut().unwrap().size = 99, GOOD),
        ("no header", |of| of.says.header_digest = Bytes::new(), "INVALID_FIELD:header_digest"),
        ("at no time", |of| of.says.at = 0, GOOD),
    ];
    for (name, change, expected) in rows {
        let found = verify(&net.directory, &good.clone().with(change).bytes(&net));
        assert_eq!(reason(&found), *expected, "{name}");
    }
    let by_other = good.with(|open| open.says.seat = AT.to_owned());
    let (signed, named) = (seat(FR), AT.to_owned());
    let mismatch = Refusal::NotTheSender(Mismatch::Seat { signed, named });
    assert_eq!(verify(&net.directory, &by_other.bytes(&net)), Err(mismatch));
}

/// Its key may have ended since: then a reader holds its view against that.
#[test]
fn what_was_verified_is_what_was_signed() {
    let mut net = Net::new();
    let drill = Drill { kind: 2, name: "a question".to_owned() };
    let open = Open::of(&net).with(|open| open.says.drill = Some(drill.clone()));
    let bytes = open.bytes(&net);
    net.revoke_sign_key(FR);
    let read = verify(&net.directory, &bytes).unwrap();
    assert_eq!(read.envelope().bytes(), &bytes);
    assert_eq!(read.header_digest(), Digest::of(b"a header"));
    assert_eq!(
        (read.seat(), read.level(), read.at()),
        (&seat(FR), Level::Technical, 1_800_000_000)
    );
    assert_eq!((read.drill(), read.view().size), (Some(&drill), 14));
    assert_eq!(read.key(), sign_key(&open.signers[0]).public().id());
}

#[test]
fn an_acknowledgement_has_so_many_bytes_and_no_more() {
    let net = Net::new();
    let padded = |bytes: usize| {
        let mut signed = Open::of(&net).bytes(&net);
        let room = bytes - signed.len();
        signed.extend(std::iter::repeat_n(0, room));
        reason(&verify(&net.directory, &signed))
    };
    assert_eq!(padded(limits::ACKNOWLEDGEMENT_BYTES), "NOT_CANONICAL", "it is read");
    assert_eq!(padded(limits::ACKNOWLEDGEMENT_BYTES + 1), "TOO_LARGE");
}
