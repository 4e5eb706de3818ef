//! What a reader still takes behind the rules that it knows.
//!
//! In scope: charters by their quorums, the end of seats' keys (`docs/protocol.md` 9). Out of scope:
//! everything else: it is kept, whole, and neither judged nor called evidence. Invariants: nobody
//! but the service gains a right here; what was taken counts for nothing once the program knows the rules.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;

use crate::client::charters::{Chain, logged};
use crate::crypto::hash::Digest;
use crate::crypto::sign::{KeyId, VerifyingKey};
use crate::domain::directory::key::{Holder, KnownKey, PublicKey, Purpose};
use crate::domain::directory::{Directory, RULES, Statement};
use crate::domain::ids::{ContactId, SeatId};
use crate::domain::limits;
use crate::signed::dsse::Envelope;
use crate::signed::proto;

/// The log behind the charter whose rules this program does not know.
#[derive(Clone, Debug)]
pub(super) struct Behind {
    /// The first entry that is not judged.
    pub(super) leaf: u64,
    /// The number that the charter before it names.
    pub(super) rules: u32,
    /// The first charter that does not follow: from there on none is taken.
    pub(super) closed: Option<u64>,
    pub(super) chain: Chain,
}

impl Behind {
    /// Behind the newest charter of a directory.
    pub(super) fn of(directory: &Directory, rules: u32) -> Self {
        let (name, genesis) = (directory.name().clone(), directory.genesis());
        let mut chain = Chain::from(name, genesis, directory.charter());
        chain.know(directory.keys());
        Self { leaf: directory.size(), rules, closed: None, chain }
    }

    /// The log keys of the newest charter taken.
    pub(super) fn log_keys(&self) -> &[VerifyingKey] {
        &self.chain.newest().log
    }

    /// Takes from an entry what may be taken, beside the directory where the fold stopped and the
    /// keys taken since: those of the relay that come and go with it, or those of a seat that it ends.
    pub(super) fn take(
        &mut self,
        directory: &Directory,
        leaf: u64,
        entry: &[u8],
    ) -> Vec<Arc<KnownKey>> {
        let Ok((statement, _)) = logged(entry) else { return Vec::new() };
        if is_charter(&statement) {
            return self.follow(directory, leaf, &statement);
        }
        revocation(&statement)
            .and_then(|(envelope, revocation)| revoked(directory, &envelope, &revocation, leaf))
            .unwrap_or_default()
    }

    fn follow(&mut self, directory: &Directory, leaf: u64, charter: &[u8]) -> Vec<Arc<KnownKey>> {
        if self.closed.is_some() {
            return Vec::new();
        }
        let before = self.chain.newest().clone();
        // The log has no charter twice.
        if self.chain.follow(charter).is_err() || self.chain.newest().version == before.version {
            self.closed = Some(leaf);
            return Vec::new();
        }
        let listed = &self.chain.newest().relay;
        let gone = before.relay.iter().filter(|key| !listed.contains(key));
        let gone = gone.filter_map(|key| Some(directory.key(&key.id())?.ended(leaf, None)));
        let new = listed.iter().filter(|key| !before.relay.contains(key)).map(|key| {
            let holder = Holder::Relay(directory.name().clone());
            KnownKey::listed(PublicKey::Verifying(key.clone()), Purpose::Relay, holder, leaf)
        });
        gone.chain(new).map(Arc::new).collect()
    }
}

/// The keys named that stand for that seat, if somebody has signed who may end them.
fn revoked(
    directory: &Directory,
    envelope: &Envelope,
    revocation: &proto::Revocation,
    leaf: u64,
) -> Option<Vec<Arc<KnownKey>>> {
    let genesis = directory.genesis();
    let ours = |target: &proto::Target| {
        target.name == directory.name().as_str() && target.genesis[..] == genesis.as_bytes()[..]
    };
    let seat: SeatId = revocation.seat.parse().ok()?;
    let contact = seat.contact();
    if !revocation.targets.iter().any(ours) || !may_end(directory, &contact, envelope) {
        return None;
    }
    let by = Some(envelope.digest());
    let named = revocation.key_ids.iter().filter_map(|id| Digest::try_from(&id[..]).ok());
    let named: BTreeSet<KeyId> = named.map(KeyId::from_digest).collect();
    let known = named
        .iter()
        .flat_map(|id| [directory.key(id), directory.seal_key(&contact, id)].into_iter().flatten());
    let holder = Holder::Seat(seat);
    let standing = known.filter(|key| key.holder == holder && !key.has_ended());
    Some(standing.map(|key| Arc::new(key.ended(leaf, by))).collect())
}

/// A seat or the keeper of the contact, or its member's authority by its threshold.
fn may_end(directory: &Directory, contact: &ContactId, envelope: &Envelope) -> bool {
    let known = directory.contact(contact);
    let seats = known.and_then(|known| known.roster.as_ref()).into_iter();
    let seats = seats.flat_map(|roster| &roster.seats).filter_map(|seat| seat.sign.as_ref());
    let keeper = known.and_then(|known| known.record.as_ref()?.keeper.as_ref());
    let mut one = seats.chain(keeper).filter(|key| directory.in_force(&key.id()).is_ok());
    if one.any(|key| envelope.verify(key).is_ok()) {
        return true;
    }
    let Some(member) = directory.member(&contact.member()) else { return false };
    let signed = member.authority.iter().filter(|key| envelope.verify(key).is_ok()).count();
    member.threshold > 0 && signed >= member.threshold as usize
}

/// Of whatever version it is: nothing but the type of the payload is read.
fn is_charter(statement: &[u8]) -> bool {
    TypeAlone::decode(statement).is_ok_and(|read| read.payload_type.starts_with(CHARTER))
}

/// A `Dsse` of this version or a later one.
#[derive(Clone, PartialEq, prost::Message)]
struct TypeAlone {
    #[prost(bytes = "bytes", tag = "2")]
    payload_type: Bytes,
}

fn revocation(statement: &[u8]) -> Option<(Envelope, proto::Revocation)> {
    let envelope = Envelope::parse(statement, limits::STATEMENT_BYTES).ok()?;
    match Statement::read(envelope.kind(), envelope.payload(), RULES).ok()? {
        Statement::Revocation(revocation) => Some((envelope, revocation)),
        _ => None,
    }
}

const CHARTER: &[u8] = b"application/vnd.liaison.charter.";
