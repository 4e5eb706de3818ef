//! Envelopes taken apart and put together again, with something wrong in them.

use bytes::Bytes;
use liaison::client::message::compose::Sealed;
use liaison::crypto::hash::Digest;
use liaison::signed::dsse::{Envelope, Kind};
use liaison::signed::proto::{self, Dsse};
use liaison::tlog::head::root_of;
use liaison::tlog::merkle;
use liaison::wire::v1;
use prost::Message as _;

use super::says::sign;

/// The parts of an envelope. What a row changes before the header is put together is signed; what it
/// does to the header afterwards is signed too; `tamper` is done to what was signed.
#[derive(Clone)]
pub(crate) struct Parts {
    /// The seat that hands it in.
    pub(crate) by: String,
    pub(crate) addressing: proto::Addressing,
    pub(crate) body: Vec<u8>,
    pub(crate) letters: Vec<Bytes>,
    pub(crate) signers: Vec<String>,
    pub(crate) kind: Kind,
    pub(crate) header: Vec<fn(&mut proto::Header)>,
    pub(crate) tamper: Vec<fn(&mut Dsse)>,
}

impl Parts {
    pub(crate) fn of(sealed: &Sealed) -> Self {
        let envelope = Envelope::parse(&sealed.envelope.header, 1 << 20).unwrap();
        let header = proto::Header::decode(envelope.payload().clone()).unwrap();
        let addressing = proto::Addressing::decode(header.addressing).unwrap();
        Self {
            by: addressing.sender.clone(),
            signers: vec![format!("{} sign", addressing.sender)],
            addressing,
            body: sealed.envelope.body.to_vec(),
            letters: sealed.envelope.letters.clone(),
            kind: Kind::Header,
            header: Vec::new(),
            tamper: Vec::new(),
        }
    }

    /// Digest, size, count and root are those of what is there.
    pub(crate) fn envelope(&self) -> v1::Envelope {
        let leaves: Vec<Digest> =
            self.letters.iter().map(|letter| merkle::leaf_hash(letter)).collect();
        let mut header = proto::Header {
            blobs: Vec::new(),
            addressing: self.addressing.encode_to_vec().into(),
            body_digest: Bytes::copy_from_slice(Digest::of(&self.body).as_bytes()),
            body_size: self.body.len() as u64,
            letters: u32::try_from(self.letters.len()).unwrap(),
            letters_root: Bytes::copy_from_slice(root_of(&leaves).as_bytes()),
        };
        self.header.iter().for_each(|change| change(&mut header));
        let signed = sign(self.kind, header.encode_to_vec(), &self.signers);
        let mut dsse = Dsse::decode(signed).unwrap();
        self.tamper.iter().for_each(|change| change(&mut dsse));
        v1::Envelope {
            header: dsse.encode_to_vec().into(),
            body: self.body.clone().into(),
            letters: self.letters.clone(),
        }
    }

    /// Changes one letter.
    pub(crate) fn letter(&mut self, at: usize, change: impl FnOnce(&mut proto::Letter)) {
        let mut letter = proto::Letter::decode(self.letters[at].clone()).unwrap();
        change(&mut letter);
        self.letters[at] = letter.encode_to_vec().into();
    }
}

/// Changes the payload of something signed, and keeps the signature.
pub(crate) fn retouch<P: prost::Message + Default>(dsse: &mut Dsse, change: impl FnOnce(&mut P)) {
    let mut payload = P::decode(dsse.payload.clone()).unwrap();
    change(&mut payload);
    dsse.payload = payload.encode_to_vec().into();
}

/// An age file with one more stanza, of the same bytes, before its MAC line.
pub(crate) fn second_stanza(file: &[u8]) -> Vec<u8> {
    let stanza = find(file, b"-> ");
    let mac = find(file, b"--- ");
    [&file[..mac], &file[stanza..mac], &file[mac..]].concat()
}

fn find(file: &[u8], word: &[u8]) -> usize {
    file.windows(word.len()).position(|window| window == word).expect("an age file")
}
