//! How a case is made: something good, one change to it or to how it is signed, its bytes.

use prost::Message;

use crate::crypto::hash::Digest;
use crate::crypto::sign::SigningKey;
use crate::domain::ids::MessageId;
use crate::domain::relay::addressing::name_of;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Class, Level, Urgency};
use crate::world::testlog::ambient_at;

use super::{Case, LOG, NOW, named, view};
use crate::world::relay::sign_key;

pub(super) const AT: &str = "at/cert/duty-1";
pub(super) const AT_2: &str = "at/cert/duty-2";
pub(super) const FR: &str = "fr/cert/duty-1";
pub(super) const SOC: &str = "fr/soc/duty-1";
/// Revoked by entry 14, listed by entry 10.
pub(super) const SOC_2: &str = "fr/soc/duty-2";

/// What every payload here has, to be changed.
pub(super) trait Says: Clone {
    const KIND: Kind;
    fn payload(&self) -> Vec<u8>;
    fn directory(&mut self) -> &mut Option<proto::Directory>;
    fn view(&mut self) -> &mut Option<proto::View>;
}

macro_rules! says {
    ($($kind:ident)*) => {$(
        impl Says for proto::$kind {
            const KIND: Kind = Kind::$kind;

            fn payload(&self) -> Vec<u8> {
                self.encode_to_vec()
            }

            fn directory(&mut self) -> &mut Option<proto::Directory> {
                &mut self.directory
            }

            fn view(&mut self) -> &mut Option<proto::View> {
                &mut self.view
            }
        }
    )*};
}
says! { Accepted MailboxHead Acknowledgement }

/// A header, its addressing not yet in it.
#[derive(Clone)]
pub(super) struct Outer {
    pub(super) addressing: proto::Addressing,
    pub(super) header: proto::Header,
    /// Behind the bytes of the addressing.
    pub(super) more: &'static [u8],
}

impl Says for Outer {
    const KIND: Kind = Kind::Header;

    fn payload(&self) -> Vec<u8> {
        let addressing = [&self.addressing.encode_to_vec()[..], self.more].concat().into();
        proto::Header { addressing, ..self.header.clone() }.encode_to_vec()
    }

    fn directory(&mut self) -> &mut Option<proto::Directory> {
        &mut self.addressing.directory
    }

    fn view(&mut self) -> &mut Option<proto::View> {
        &mut self.addressing.view
    }
}

/// Something before it is signed, and what an attacker does to it.
#[derive(Clone)]
pub(super) struct Draft<S> {
    pub(super) says: S,
    pub(super) kind: Kind,
    /// The names of the keys.
    pub(super) signers: Vec<&'static str>,
    /// Behind the payload.
    pub(super) more: &'static [u8],
    /// Done to the envelope once it is signed.
    pub(super) tamper: fn(&mut proto::Dsse),
    /// Entries that the judge has.
    pub(super) entries: usize,
    /// The view of the newest head that the reader held before.
    pub(super) held: u64,
}

impl<S: Says> Draft<S> {
    pub(super) fn new(says: S, signer: &'static str) -> Self {
        let (kind, signers) = (S::KIND, vec![signer]);
        Self { says, kind, signers, more: &[], tamper: |_| (), entries: super::ALL, held: 0 }
    }

    pub(super) fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }

    pub(super) fn payload(&self) -> Vec<u8> {
        [&self.says.payload()[..], self.more].concat()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let keys: Vec<SigningKey> = self.signers.iter().map(sign_key).collect();
        let keys: Vec<&SigningKey> = keys.iter().collect();
        let ambient = ambient_at(NOW);
        let signed = Envelope::sign(self.kind, self.payload(), &keys, ambient.random()).unwrap();
        let mut dsse = proto::Dsse::decode(signed.bytes().clone()).unwrap();
        (self.tamper)(&mut dsse);
        dsse.encode_to_vec()
    }

    pub(super) fn hex(&self) -> String {
        hex::encode(self.bytes())
    }

    pub(super) fn digest(&self) -> Digest {
        Digest::of(&self.payload())
    }

    pub(super) fn seen_at(&mut self, size: usize) {
        *self.says.view() = Some(view(size).to_proto());
    }

    pub(super) fn signed_in(&self, (size, by): (usize, &'static str)) -> Self {
        self.with(|draft| {
            draft.seen_at(size);
            draft.signers = vec![by];
        })
    }
}

/// What a row does to what is good, and the reason that it expects; none, if it is admitted.
pub(super) type Row<S> = (&'static str, fn(&mut Draft<S>), &'static str);

/// The cases of a table, and the good one first.
pub(super) fn table<S: Says>(
    (heading, judge): (&str, &'static str),
    good: &Draft<S>,
    rows: &[Row<S>],
    words: impl Fn(&Draft<S>) -> Vec<String>,
) -> Vec<Case> {
    let good_row: Row<S> = ("as it should be", |_| (), "");
    let cases = [good_row].into_iter().chain(rows.iter().copied()).map(|(row, change, reason)| {
        let draft = good.with(change);
        let (name, entries) = (named(heading, row), draft.entries);
        Case { name, judge, reason, entries, words: words(&draft) }
    });
    cases.collect()
}

/// What is refused of everything that is signed here.
pub(super) fn common<S: Says>() -> Vec<Row<S>> {
    vec![
        (
            "a key id of 31 bytes",
            |it| it.tamper = |dsse| cut(&mut dsse.signatures[0].key_id),
            "NOT_CANONICAL",
        ),
        ("a field more", |it| it.more = UNKNOWN_FIELD, "NOT_CANONICAL"),
        ("another kind", |it| it.kind = Kind::Possession, "UNKNOWN_KIND"),
        ("no directory", |it| *it.says.directory() = None, "OTHER_DIRECTORY"),
        ("another directory", |it| name(it, "un2.example"), "OTHER_DIRECTORY"),
        ("another genesis", |it| genesis(it, &[7; 32]), "OTHER_GENESIS"),
        ("half a genesis", |it| genesis(it, &[7; 16]), "OTHER_GENESIS"),
        ("no genesis", |it| genesis(it, &[]), "OTHER_GENESIS"),
        (
            "a bad signature",
            |it| it.tamper = |dsse| flip(&mut dsse.signatures[0].sig),
            "BAD_SIGNATURE",
        ),
        (
            "a signature over another kind",
            |it| {
                it.kind = Kind::Possession;
                it.tamper = |dsse| dsse.payload_type = S::KIND.payload_type();
            },
            "BAD_SIGNATURE",
        ),
        ("no view", |it| *it.says.view() = None, "INVALID_FIELD:view"),
        ("a view of nothing", |it| it.says.view().as_mut().unwrap().size = 0, "INVALID_FIELD:view"),
        ("half a root", |it| cut(&mut it.says.view().as_mut().unwrap().root), "INVALID_FIELD:view"),
        (
            "another root",
            |it| it.says.view().as_mut().unwrap().root = vec![7; 32].into(),
            "FOREIGN_VIEW",
        ),
        ("a view above the replica", |it| it.seen_at(21), "SYNC_FIRST"),
        ("a view of the replica", |it| it.seen_at(20), ""),
    ]
}

/// What is refused of what one seat signs, beyond that.
pub(super) fn by_a_seat<S: Says>() -> Vec<Row<S>> {
    vec![
        ("no signature", |it| it.signers.clear(), "BELOW_THRESHOLD"),
        ("by a key that was never listed", |it| it.signers = vec!["nobody"], "UNKNOWN_KEY"),
        ("by a TLS key", |it| it.signers = vec!["at/cert/duty-1 tls"], "WRONG_PURPOSE"),
        ("by an authority", |it| it.signers = vec!["fr-1"], "WRONG_PURPOSE"),
        ("by a keeper", |it| it.signers = vec!["fr/soc keeper"], "WRONG_PURPOSE"),
        ("by a relay key", |it| it.signers = vec!["relay"], "WRONG_PURPOSE"),
        ("by a registrar", |it| it.signers = vec!["alice"], "WRONG_PURPOSE"),
        ("twice by one key", |it| it.tamper = twice, "DUPLICATE_SIGNATURE"),
    ]
}

pub(super) const UNKNOWN_FIELD: &[u8] = &[0xf8, 0x07, 1];

pub(super) fn cut(bytes: &mut bytes::Bytes) {
    bytes.truncate(bytes.len() - 1);
}

fn flip(bytes: &mut bytes::Bytes) {
    let mut flipped = bytes.to_vec();
    flipped[0] ^= 1;
    *bytes = flipped.into();
}

fn twice(dsse: &mut proto::Dsse) {
    dsse.signatures.push(dsse.signatures[0].clone());
}

fn name<S: Says>(it: &mut Draft<S>, name: &str) {
    it.says.directory().as_mut().unwrap().name = name.to_owned();
}

fn genesis<S: Says>(it: &mut Draft<S>, genesis: &'static [u8]) {
    it.says.directory().as_mut().unwrap().genesis = genesis.into();
}

pub(super) fn directory() -> Option<proto::Directory> {
    Some(name_of(&LOG[0].0))
}

pub(super) fn to(contact: &str) -> proto::Recipient {
    let level = Level::Technical.into();
    proto::Recipient { contact: contact.to_owned(), level, ..Default::default() }
}

/// An id, by a number.
pub(super) fn id(number: u8) -> bytes::Bytes {
    MessageId::new(NOW * 1000, [number; 10]).as_bytes().to_vec().into()
}

/// A notification of a seat, which signs it with its first key.
pub(super) fn header(
    from: &'static str,
    signer: &'static str,
    recipients: &[&str],
) -> Draft<Outer> {
    let addressing = proto::Addressing {
        directory: directory(),
        id: id(1),
        thread: id(1),
        sender: from.to_owned(),
        sender_key: sign_key(signer).public().id().as_bytes().to_vec().into(),
        recipients: recipients.iter().map(|contact| to(contact)).collect(),
        class: Class::Notification.into(),
        urgency: Urgency::Priority.into(),
        created: NOW,
        expires: NOW + 3_600,
        view: Some(view(super::ALL).to_proto()),
        ..Default::default()
    };
    let header = proto::Header {
        body_digest: vec![2; 32].into(),
        body_size: 4_096,
        letters: 3,
        letters_root: vec![3; 32].into(),
        ..Default::default()
    };
    Draft::new(Outer { addressing, header, more: &[] }, signer)
}
