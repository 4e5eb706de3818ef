//! Who of this contact has acknowledged what came: this seat and its colleagues.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::domain::directory::Directory;
use crate::domain::ids::{MessageId, SeatId};
use crate::domain::limits;
use crate::domain::relay::belief;
use crate::signed::dsse::Envelope;
use crate::signed::proto;

/// What a seat has acknowledged.
#[derive(Default)]
pub struct Acks {
    /// What the relay has, by the header that it is about, and by time.
    pub(super) own: BTreeMap<Digest, Vec<MessageId>>,
    /// What waits to be handed in: the same.
    pub(super) wait: BTreeMap<Digest, Vec<MessageId>>,
}

impl Acks {
    /// The acknowledgement of a header that the relay has.
    #[must_use]
    pub fn own(&self, header: Digest) -> Option<MessageId> {
        self.own.get(&header)?.first().copied()
    }

    /// Whether this seat has acknowledged a header, handed in or not.
    #[must_use]
    pub fn has(&self, header: Digest) -> bool {
        self.own(header).or_else(|| self.waits(header)).is_some()
    }

    /// The acknowledgement of a header that waits.
    #[must_use]
    pub fn waits(&self, header: Digest) -> Option<MessageId> {
        self.wait.get(&header)?.first().copied()
    }
}

/// An open acknowledgement by a seat of this contact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acknowledged {
    /// Of which message.
    pub header: Digest,
    /// The seat that acknowledged.
    pub seat: SeatId,
    /// The key that signed it has ended since.
    pub key_ended: bool,
}

impl Acknowledged {
    /// Each seat once for a message: rather with a key that stands.
    pub(super) fn once(mut all: Vec<Self>) -> Vec<Self> {
        all.sort();
        all.dedup_by(|next, kept| (next.header, &next.seat) == (kept.header, &kept.seat));
        all
    }

    /// Of what was verified when it came.
    pub(super) fn read(directory: &Directory, bytes: &Bytes) -> Option<Self> {
        let envelope = Envelope::parse(bytes, limits::ACKNOWLEDGEMENT_BYTES).ok()?;
        let read: proto::Acknowledgement =
            prost::Message::decode(envelope.payload().clone()).ok()?;
        let mut keys = envelope.signatures().iter().map(|of| of.key_id);
        Some(Self {
            header: Digest::try_from(&read.header_digest[..]).ok()?,
            seat: read.seat.parse().ok()?,
            key_ended: keys.any(|key| belief::has_ended(directory, key)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signed::dsse::Kind as DsseKind;
    use crate::world::relay::{AT, FR, Net, seat, sign_key};

    #[test]
    fn an_acknowledgement_says_whether_its_key_has_ended() {
        let mut net = Net::new();
        let header = Digest::of(b"a message");
        let says = proto::Acknowledgement {
            header_digest: Bytes::copy_from_slice(header.as_bytes()),
            seat: FR.to_owned(),
            ..Default::default()
        };
        let (payload, key) =
            (prost::Message::encode_to_vec(&says), sign_key(&format!("{FR} sign")));
        let signed =
            Envelope::sign(DsseKind::Acknowledgement, payload, &[&key], net.ambient.random());
        let signed = signed.unwrap().bytes().clone();
        let read = |net: &Net| Acknowledged::read(&net.directory, &signed);
        let found = Acknowledged { header, seat: seat(FR), key_ended: false };
        assert_eq!(read(&net), Some(found.clone()));
        net.revoke_sign_key(FR);
        assert_eq!(read(&net), Some(Acknowledged { key_ended: true, ..found }));
    }

    #[test]
    fn a_seat_that_acknowledged_with_two_keys_is_listed_once() {
        let header = Digest::of(b"a message");
        let by = |of, key_ended| Acknowledged { header, seat: seat(of), key_ended };
        let other = Acknowledged { header: Digest::of(b"another"), ..by(FR, true) };
        let all = vec![by(FR, true), by(AT, true), by(FR, false), other.clone(), by(AT, true)];
        let mut found = Acknowledged::once(all);
        found.retain(|one| *one != other);
        assert_eq!(found, [by(AT, true), by(FR, false)]);
    }
}
