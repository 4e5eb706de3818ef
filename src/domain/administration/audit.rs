//! The audit trail: who asked for what, and what came of it, one record after the other.
//!
//! `docs/protocol.md` 11. Out of scope: when it is written (`commands::audited`). Invariant: each chain
//! value covers all records before it.

use bytes::Bytes;
use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::crypto::sign::KeyId;
use crate::domain::limits;
use crate::domain::peer::{AuthenticPeer, Party};
use crate::signed::canonical::{self, NotCanonical};
use crate::signed::proto::AuditRecord;

/// Where the trail stands: `chain_0 = SHA-256("liaison/audit/v1" 0x00 genesis)`,
/// `chain_n = SHA-256(chain_(n-1) n SHA-256(record))`, n u64 big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trail {
    /// The newest number; 0 is empty.
    pub count: u64,
    /// Over all records.
    pub chain: Digest,
}

impl Trail {
    /// Before the first record.
    #[must_use]
    pub fn empty(genesis: Digest) -> Self {
        let chain = Digest::of_parts(&[b"liaison/audit/v1\0", genesis.as_bytes()]);
        Self { count: 0, chain }
    }

    /// The trail with one more record.
    #[must_use]
    pub fn append(&self, record: &[u8]) -> Self {
        let count = self.count + 1;
        let digest = Digest::of(record);
        let parts = [&self.chain.as_bytes()[..], &count.to_be_bytes(), digest.as_bytes()];
        Self { count, chain: Digest::of_parts(&parts) }
    }

    /// The trail with the next record, which says so itself.
    ///
    /// # Errors
    /// [`NotNext`].
    pub fn follow(&self, record: &[u8]) -> Result<(Self, AuditRecord), NotNext> {
        let read: AuditRecord = canonical::decode(record)?;
        let expected = self.count + 1;
        if read.number != expected {
            return Err(NotNext::Number { expected, found: read.number });
        }
        Ok((self.append(record), read))
    }
}

/// Bytes are not the next record of a trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotNext {
    /// Not a record in its one encoding.
    #[error("a record is not canonical protobuf")]
    Form(#[from] NotCanonical),
    /// A record with another number than the next.
    #[error("expected record {expected}, found {found}")]
    Number {
        /// The number that follows the record before it.
        expected: u64,
        /// What it says.
        found: u64,
    },
}

/// What was asked, as the trail has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// "operator/alice", "fr/cert/duty-1", "service"; empty of whoever is not known.
    pub who: String,
    /// The key of the connection.
    pub key: Option<KeyId>,
    /// Whence it came.
    pub network: String,
    /// The method, or what the service did itself.
    pub call: &'static str,
    /// A proposal's id, a statement's identity, a key's id.
    pub subject: Option<Digest>,
    /// What else was said, short.
    pub says: String,
    /// How many calls came before that have no record.
    pub unrecorded: u64,
    /// Among whose calls of an hour it is counted; of none it always has a record.
    pub share: Option<Share>,
}

/// Whose calls of an hour are counted together: so many have a record whatever comes of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Share {
    /// Those of all strangers together, whatever their network.
    Strangers,
    /// Those of all seats together, of every member.
    Seats,
    /// Those of one person of the charter.
    Person(Party),
}

impl Share {
    fn of(peer: &AuthenticPeer) -> Self {
        match peer.party() {
            Party::Network(_) => Self::Strangers,
            Party::Member(_) => Self::Seats,
            person @ (Party::Registrar(_) | Party::Person(_)) => Self::Person(person),
        }
    }

    /// How many they may be.
    #[must_use]
    pub const fn most(&self) -> u64 {
        match self {
            Self::Strangers | Self::Seats => limits::STRANGERS_RECORDED,
            Self::Person(_) => limits::PERSON_RECORDED,
        }
    }
}

impl Call {
    /// What a peer asks.
    #[must_use]
    pub fn of(peer: &AuthenticPeer, key: Option<KeyId>, call: &'static str) -> Self {
        let (who, network) = (peer.role().holder(), peer.network().to_string());
        Self { who, key, network, call, share: Some(Share::of(peer)), ..Self::default() }
    }

    /// What the service does itself.
    #[must_use]
    pub fn of_service(call: &'static str, says: String) -> Self {
        Self { who: "service".to_owned(), call, says, ..Self::default() }
    }

    /// The same about something.
    #[must_use]
    pub const fn about(mut self, subject: Digest) -> Self {
        self.subject = Some(subject);
        self
    }

    /// The same of what is done though nothing is committed.
    #[must_use]
    pub fn always(self) -> Self {
        Self { share: None, ..self }
    }

    /// The same with the keys that have signed, by the first 16 digits of each.
    #[must_use]
    pub fn signed_by<'a>(self, keys: impl Iterator<Item = &'a KeyId>) -> Self {
        let digits = |key: &KeyId| hex::encode(&key.as_bytes()[..8]);
        let keys: Vec<String> = keys.map(digits).collect();
        let says = format!("{}, signed by {}", self.says, keys.join(" "));
        if keys.is_empty() { self } else { self.saying(says) }
    }

    /// The same with words.
    #[must_use]
    pub fn saying(mut self, says: impl Into<String>) -> Self {
        self.says = says.into();
        self.says.truncate(self.says.floor_char_boundary(SAYS_BYTES));
        self
    }

    /// The record of this number, of what came of it.
    pub(in crate::domain) fn record(&self, number: u64, at: u64, outcome: &str) -> Bytes {
        let bytes = |bytes: Option<&[u8; 32]>| bytes.map(|of| Bytes::copy_from_slice(of));
        let record = AuditRecord {
            number,
            at,
            who: self.who.clone(),
            key_id: bytes(self.key.as_ref().map(KeyId::as_bytes)).unwrap_or_default(),
            network: self.network.clone(),
            call: self.call.to_owned(),
            subject: bytes(self.subject.as_ref().map(Digest::as_bytes)).unwrap_or_default(),
            says: self.says.clone(),
            outcome: outcome.to_owned(),
            unrecorded: self.unrecorded,
        };
        record.encode_to_vec().into()
    }
}

/// Of what else is said.
const SAYS_BYTES: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_that_of_the_page() {
        let genesis = Digest::from_bytes([7; 32]);
        let empty = Trail::empty(genesis);
        assert_eq!(empty.chain, Digest::of(&[&b"liaison/audit/v1\0"[..], &[7; 32]].concat()));
        let one = empty.append(b"record");
        let digest = Digest::of(b"record");
        let parts = [&empty.chain.as_bytes()[..], &1_u64.to_be_bytes(), digest.as_bytes()];
        assert_eq!(one, Trail { count: 1, chain: Digest::of(&parts.concat()) });
    }

    #[test]
    fn a_record_that_is_not_the_next_does_not_follow() {
        let trail = Trail::empty(Digest::from_bytes([7; 32]));
        let call = Call::of_service("start", "0.3.0".to_owned());
        let record = call.record(1, 9, "ok");
        let (after, read) = trail.follow(&record).unwrap();
        assert_eq!((after.count, read.who.as_str(), read.at), (1, "service", 9));
        assert_eq!(after.follow(&record), Err(NotNext::Number { expected: 2, found: 1 }));
        assert_eq!(trail.follow(b"\xff"), Err(NotNext::Form(NotCanonical)));
    }
}
