//! The chain of a mailbox: its golden bytes, and vectors that were computed without this program. Beside it,
//! a file of attacks for each of the relay's rules.

pub(in crate::domain) mod acknowledge;
mod addressing;
mod answers;
pub(in crate::domain) mod apart;
mod belief;
mod earlier;
mod envelope;
mod thread;

use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::domain::ids::ContactId;
use crate::domain::state::{EntryKind, Mailbox};
use crate::signed::dsse::Kind;
use crate::signed::proto;
use crate::world::statements::sign;

/// A file of mailboxes, each followed from head to head.
struct Chains {
    lines: String,
    genesis: Digest,
    at: Mailbox,
}

impl Chains {
    fn begin(&mut self, contact: &str, epoch: u64) {
        let id: ContactId = contact.parse().unwrap();
        self.at = Mailbox::of_epoch(self.genesis, &id, epoch);
        self.lines += &format!("mailbox {contact} {epoch} {}\n", self.genesis);
        self.head();
    }

    fn head(&mut self) {
        self.lines += &format!("head {} {}\n", self.at.count, self.at.chain);
    }

    /// An entry by the header's digest.
    fn by_digest(&mut self, kind: u8, header: &str) {
        let digest = Digest::of(header.as_bytes());
        self.append(kind, digest, &format!("digest {digest}"));
    }

    /// An entry by the payload of what it carries.
    fn by_dsse(&mut self, kind: u8, dsse: &proto::Dsse) {
        let bytes = hex::encode(dsse.encode_to_vec());
        self.append(kind, Digest::of(&dsse.payload), &format!("dsse {bytes}"));
    }

    fn append(&mut self, byte: u8, digest: Digest, said: &str) {
        let kind = EntryKind::of_byte(byte).unwrap();
        assert_eq!(kind.byte(), byte);
        assert_eq!(kind.carries(), said.starts_with("dsse"));
        self.at = self.at.append(kind, digest);
        let Mailbox { count, chain, .. } = &self.at;
        self.lines += &format!("entry {count} {byte} {said} {chain}\n");
    }
}

#[test]
fn golden_chains() {
    let genesis = Digest::of(b"a genesis");
    let at = Mailbox::of_epoch(genesis, &"at/cert".parse().unwrap(), 1);
    let mut chains = Chains { lines: TITLE.to_owned(), genesis, at };
    let acknowledgement = proto::Acknowledgement {
        directory: Some(proto::Directory {
            name: "un.example".to_owned(),
            genesis: genesis.as_bytes().to_vec().into(),
        }),
        header_digest: Digest::of(b"header 1").as_bytes().to_vec().into(),
        seat: "at/cert/duty-1".to_owned(),
        level: proto::Level::Technical.into(),
        drill: None,
        at: 1_800_000_060,
        view: Some(proto::View { size: 11, root: vec![1; 32].into() }),
    };
    let payload = acknowledgement.encode_to_vec();
    let signed = sign(Kind::Acknowledgement, payload, &["at/cert/duty-1 sign"]);
    let acknowledgement = proto::Dsse::decode(signed).unwrap();
    let later = proto::Dsse {
        payload: (&b"of a later version"[..]).into(),
        payload_type: "application/vnd.liaison.later.v1+protobuf".to_owned(),
        signatures: acknowledgement.signatures.clone(),
    };

    chains.begin("at/cert", 1);
    chains.by_digest(1, "header 1");
    chains.by_digest(2, "header 2");
    chains.by_dsse(3, &acknowledgement);
    chains.by_digest(4, "header 3");
    chains.by_dsse(5, &later);
    chains.by_digest(1, "header 4");
    chains.head();
    // The first message was accepted again after a restore.
    chains.begin("at/cert", 2);
    chains.by_digest(1, "header 1");
    chains.head();
    chains.begin("fr/soc", 1);
    crate::tests::matches_golden("messages/chains.txt", &chains.lines);
}

const TITLE: &str = "\
# Chains of mailboxes. `mailbox` names a contact, an epoch and the genesis, and begins one; `head` is
# where it stands: number and chain value; `entry` has number, kind, what it is chained by (a header's
# digest, or the Dsse whose payload's SHA-256 it is) and the chain value with it.
";

/// 0 is no kind; what is known chains as it is numbered, and what is later carries its own digest.
#[test]
fn a_kind_is_its_byte() {
    assert_eq!(EntryKind::of_byte(0), None);
    for byte in 1..=u8::MAX {
        let kind = EntryKind::of_byte(byte).unwrap();
        assert_eq!((kind.byte(), kind.carries()), (byte, byte == 3 || byte > 4), "{byte}");
        assert_eq!(matches!(kind, EntryKind::Later(_)), byte > 4, "{byte}");
    }
}

/// Computed with Python's hashlib, straight from the formula on the page of the signed bytes.
#[test]
fn a_chain_has_the_values_of_another_program() {
    let genesis = Digest::from_bytes([0x11; 32]);
    let mailbox = Mailbox::of_epoch(genesis, &"fr/cert-fr".parse().unwrap(), 3);
    let one = mailbox.append(EntryKind::Addressed, Digest::from_bytes([0x22; 32]));
    let two = one.append(EntryKind::NotDelivered, Digest::from_bytes([0x33; 32]));
    let expected = [
        "b2032161e7c971f44fe62c1ae8b2ba5162ce492db056d625300aff0b23948878",
        "92bf346ed666bab0b1ef5531fe79a7e35a6ebd53d3a7cc340c9918d781ba2ca1",
        "c4eb368c62a461b5e630e4a6313af4f048825e30bb7ac41717ccd28ef4cc61e4",
    ];
    assert_eq!([mailbox, one, two].map(|mailbox| mailbox.chain.to_string()), expected);
    assert_eq!([mailbox, one, two].map(|mailbox| mailbox.count), [0, 1, 2]);
    assert_eq!([mailbox, one, two].map(|mailbox| mailbox.epoch), [3; 3]);
}
