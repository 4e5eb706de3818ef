//! Envelopes that a dishonest seat makes: what it signs is not what composing would.

use bytes::Bytes;
use prost::Message as _;

use crate::client::message::body;
use crate::client::message::compose::{self, Outside, Reading};
use crate::client::message::content::Inside;
use crate::crypto::hash::Digest;
use crate::crypto::seal::SealingKey;
use crate::domain::ids::MessageId;
use crate::domain::relay::{addressing, envelope};
use crate::signed::proto;
use crate::wire::v1;
use crate::world::relay::{Net, sign_key};

impl Net {
    /// The same with the addressing changed, inside and outside, and signed by the same seat. The
    /// letters stay as they were.
    pub(crate) fn forge(
        &self,
        outside: Outside,
        inside: &Inside,
        change: impl FnOnce(&mut proto::Addressing),
    ) -> v1::Envelope {
        let key = sign_key(&format!("{} sign", outside.sender));
        let sealed = self.seal(outside, inside);
        let mut addressing = proto::Addressing::decode(sealed.addressing.bytes.clone()).unwrap();
        change(&mut addressing);
        let addressing = addressing::encode(&addressing);
        let id =
            MessageId::try_from(&proto::Addressing::decode(addressing.clone()).unwrap().id[..]);
        let inner = compose::inner(&addressing, inside.encode(), &key, &self.ambient).unwrap();
        let plaintext = body::pad(inner.bytes()).unwrap();
        let (body, body_key) = compose::seal_body(&plaintext, &self.ambient);
        let text = body::letter_text(id.unwrap(), Digest::of(&body), &body_key);
        let letters = sealed.envelope.letters.iter().map(|letter| {
            let letter = envelope::read_letter(letter).unwrap();
            let contact = letter.seat.contact();
            let mut seats = self.directory.sealing_seats(&contact);
            let (_, _, raw) = seats.find(|(_, id, _)| *id == letter.seal_key).unwrap();
            let to = SealingKey::parse(raw).unwrap();
            let reading = Reading { seat: letter.seat, key: letter.seal_key, to };
            compose::letter(&reading, text.as_bytes(), &self.ambient)
        });
        let letters: Vec<Bytes> = letters.collect();
        let header = compose::header(&addressing, &body, &letters, &key, &self.ambient).unwrap();
        v1::Envelope { header: header.bytes().clone(), body: body.into(), letters }
    }
}
