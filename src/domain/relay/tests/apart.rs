//! A good message taken apart: one thing in it is changed, and it is put together again and signed, so
//! that nothing but the change can be what is refused.

use bytes::Bytes;
use prost::Message as _;

use crate::client::message::compose::Outside;
use crate::crypto::hash::Digest;
use crate::crypto::sign::SigningKey;
use crate::domain::command::{Command, Decision, World};
use crate::domain::ids::MessageId;
use crate::domain::refusal::Refusal;
use crate::domain::relay::addressing::{self, Addressing};
use crate::domain::relay::envelope::{self, VerifiedEnvelope, VerifiedHeader};
use crate::domain::state::Snapshot;
use crate::domain::view::View;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Dsse};
use crate::tlog::head::root_of;
use crate::tlog::merkle;
use crate::world::relay::{AT, Net, notification, sign_key};

pub(in crate::domain) const AUSTRIA: &str = "at/cert-at";
pub(in crate::domain) const FRANCE: &str = "fr/cert-fr";
pub(in crate::domain) const PORTUGAL: &str = "pt/cert-pt";

/// What a message is made of.
#[derive(Clone)]
pub(in crate::domain) struct Apart {
    pub(in crate::domain) addressing: proto::Addressing,
    /// Without the addressing, which is put in at the end.
    pub(in crate::domain) header: proto::Header,
    pub(in crate::domain) body: Bytes,
    pub(in crate::domain) letters: Vec<Bytes>,
    /// The names of the keys that sign the header.
    pub(in crate::domain) signers: Vec<String>,
    /// Done to the header once it is signed.
    pub(in crate::domain) tamper: fn(&mut Dsse),
}

impl Apart {
    /// A notification from Austria to France and Portugal, which begins a thread.
    pub(in crate::domain) fn notification(net: &Net) -> Self {
        Self::between(net, AT, &[FRANCE, PORTUGAL])
    }

    /// The same from this seat to these contacts.
    pub(in crate::domain) fn between(net: &Net, from: &str, to: &[&str]) -> Self {
        Self::of(net, net.outside(from, to))
    }

    /// Whatever is meant outside, with a text of no bytes.
    pub(in crate::domain) fn of(net: &Net, outside: Outside) -> Self {
        Self::saying(net, outside, 0)
    }

    /// The same with a text of so many bytes.
    pub(in crate::domain) fn saying(net: &Net, outside: Outside, bytes: usize) -> Self {
        let signers = vec![format!("{} sign", outside.sender)];
        let sealed = net.seal(outside, &notification(bytes));
        let signed = Envelope::parse(&sealed.envelope.header, 1 << 20).unwrap();
        Self {
            addressing: proto::Addressing::decode(sealed.addressing.bytes).unwrap(),
            header: proto::Header::decode(signed.payload().clone()).unwrap(),
            body: sealed.envelope.body,
            letters: sealed.envelope.letters,
            signers,
            tamper: |_| (),
        }
    }

    pub(in crate::domain) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The same, written by another seat and signed by it.
    pub(in crate::domain) fn by(mut self, seat: &str) -> Self {
        self.signers = vec![format!("{seat} sign")];
        self.addressing.sender = seat.to_owned();
        let key = sign_key(&self.signers[0]).public().id();
        self.addressing.sender_key = Bytes::copy_from_slice(key.as_bytes());
        self
    }

    /// The same with another id; one that began its thread begins another.
    pub(in crate::domain) fn called(mut self, number: u8) -> Self {
        let id = Bytes::copy_from_slice(MessageId::new(1_700_000_000_000, [number; 10]).as_bytes());
        if self.addressing.thread == self.addressing.id {
            self.addressing.thread = id.clone();
        }
        self.addressing.id = id;
        self
    }

    /// The same as an answer to a message.
    pub(in crate::domain) fn answering(mut self, answered: &VerifiedHeader) -> Self {
        let thread = answered.addressing().thread;
        self.addressing.thread = Bytes::copy_from_slice(thread.as_bytes());
        self.addressing.in_reply_to = Bytes::copy_from_slice(answered.digest().as_bytes());
        self
    }

    /// The header names the letters as they are now.
    pub(in crate::domain) fn count_letters(&mut self) {
        let leaves: Vec<Digest> =
            self.letters.iter().map(|letter| merkle::leaf_hash(letter)).collect();
        self.header.letters = self.letters.len() as u32;
        self.header.letters_root = Bytes::copy_from_slice(root_of(&leaves).as_bytes());
    }

    /// The header names the body as it is now.
    pub(in crate::domain) fn measure_body(&mut self) {
        self.header.body_size = self.body.len() as u64;
        self.header.body_digest = Bytes::copy_from_slice(Digest::of(&self.body).as_bytes());
    }

    /// The header, signed.
    pub(in crate::domain) fn signed(&self, net: &Net) -> Vec<u8> {
        let header = proto::Header {
            addressing: addressing::encode(&self.addressing),
            ..self.header.clone()
        };
        let keys: Vec<SigningKey> = self.signers.iter().map(sign_key).collect();
        let keys: Vec<&SigningKey> = keys.iter().collect();
        let random = net.ambient.random();
        let signed = Envelope::sign(Kind::Header, header.encode_to_vec(), &keys, random).unwrap();
        let mut dsse = Dsse::decode(signed.bytes().clone()).unwrap();
        (self.tamper)(&mut dsse);
        dsse.encode_to_vec()
    }

    pub(in crate::domain) fn header(&self, net: &Net) -> Result<VerifiedHeader, Refusal> {
        envelope::verify_header(&net.directory, &self.signed(net))
    }

    pub(in crate::domain) fn verify(&self, net: &Net) -> Result<VerifiedEnvelope, Refusal> {
        let header = self.signed(net);
        envelope::verify(&net.directory, &header, self.body.clone(), &self.letters)
    }

    /// The addressing alone, of which no signature is looked at.
    pub(in crate::domain) fn read(&self, net: &Net) -> Result<Addressing, Refusal> {
        Addressing::read(&net.directory, &addressing::encode(&self.addressing))
    }
}

/// The reason as the page names it, or that it is as it should be.
pub(in crate::domain) fn reason<T>(found: &Result<T, Refusal>) -> String {
    found.as_ref().map_or_else(Refusal::on_the_page, |_| GOOD.to_owned())
}

pub(in crate::domain) const GOOD: &str = "as it should be";

/// What the net's relay decides, of which it has done nothing yet.
pub(in crate::domain) fn decision<C: Command>(
    net: &Net,
    command: &C,
) -> Result<Decision<C::Reply>, Refusal> {
    let (named, mut seen) = (command.keys(), Snapshot::default());
    for key in &named {
        seen.insert(key.clone(), net.store.get(key).cloned());
    }
    let size = net.tree.size();
    command.decide(&World {
        directory: &net.directory,
        log: &net.tree,
        seen: seen.named(&named),
        head: View { size, root: net.tree.root_at(size).unwrap() },
        grants: net.grants,
        now: net.ambient.now(),
        clock: net.clock,
    })
}
