//! What a reader still takes behind the rules that it knows.
//!
//! In scope: charters by their quorums, the end of seats' keys (`docs/protocol.md` 9). Out of scope:
//! everything else: it is kept, whole, and neither judged nor called evidence. Invariants: nobody
//! but the service gains a right here; what was taken counts for nothing once the program knows the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use prost::Message as _;

use crate::client::charters::{Chain, logged};
use crate::crypto::hash::Digest;
use crate::crypto::sign::{KeyId, VerifyingKey};
use crate::domain::directory::key::{Holder, KeyName, KnownKey, PublicKey, Purpose};
use crate::domain::directory::{Directory, RULES, Statement};
use crate::domain::ids::{ContactId, SeatId};
use crate::domain::limits;
use crate::signed::dsse::{Envelope, Kind};
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
    chain: Chain,
    /// As it stood: who may end keys.
    stopped: Directory,
    ended: BTreeSet<KeyName>,
    /// The relay's keys that stand.
    relay: BTreeMap<KeyId, KnownKey>,
}

impl Behind {
    /// Behind the newest charter of a directory.
    pub(super) fn of(directory: &Directory, rules: u32) -> Self {
        let ended = directory.keys().filter(|key| key.has_ended()).map(|key| key.key.id());
        let relay = directory.charter().relay.iter().filter_map(|key| {
            let known = directory.key(&key.id())?;
            Some((key.id(), known.clone()))
        });
        let (name, genesis) = (directory.name().clone(), directory.genesis());
        let mut chain = Chain::from(name, genesis, directory.charter());
        chain.end(ended);
        Self {
            leaf: directory.size(),
            rules,
            closed: None,
            chain,
            stopped: directory.clone(),
            ended: BTreeSet::new(),
            relay: relay.collect(),
        }
    }

    /// The log keys of the newest charter taken.
    pub(super) fn log_keys(&self) -> &[VerifyingKey] {
        &self.chain.newest().log
    }

    /// Takes from an entry what may be taken: the keys of the relay that come and go with it, or
    /// those of a seat that it ends.
    pub(super) fn take(&mut self, leaf: u64, entry: &[u8]) -> Vec<Arc<KnownKey>> {
        let Ok((statement, _)) = logged(entry) else { return Vec::new() };
        if is_charter(&statement) {
            return self.follow(leaf, &statement);
        }
        let Some((envelope, revocation)) = revocation(&statement) else { return Vec::new() };
        let keys = self.revoked(&envelope, &revocation, leaf).unwrap_or_default();
        self.ended.extend(keys.iter().map(|key| key.name()));
        self.chain.end(keys.iter().map(|key| key.key.id()));
        keys
    }

    fn follow(&mut self, leaf: u64, charter: &[u8]) -> Vec<Arc<KnownKey>> {
        if self.closed.is_some() {
            return Vec::new();
        }
        let before = self.chain.newest().version;
        // The log has no charter twice.
        if self.chain.follow(charter).is_err() || self.chain.newest().version == before {
            self.closed = Some(leaf);
            return Vec::new();
        }
        let listed = self.chain.newest().relay.iter().map(|key| (key.id(), key));
        let listed: BTreeMap<KeyId, &VerifyingKey> = listed.collect();
        let gone = self.relay.values().filter(|known| !listed.contains_key(&known.key.id()));
        let gone: Vec<KnownKey> = gone.map(|known| known.ended(leaf, None)).collect();
        let new = listed.iter().filter(|(id, _)| !self.relay.contains_key(id));
        let new = new.map(|(_, key)| {
            let holder = Holder::Relay(self.stopped.name().clone());
            let key = PublicKey::Verifying((*key).clone());
            KnownKey::listed(key, Purpose::Relay, holder, leaf)
        });
        let new: Vec<KnownKey> = new.collect();
        gone.iter().for_each(|known| drop(self.relay.remove(&known.key.id())));
        self.relay.extend(new.iter().map(|known| (known.key.id(), known.clone())));
        new.into_iter().chain(gone).map(Arc::new).collect()
    }

    /// The keys named that stand for that seat, if somebody has signed who may end them.
    fn revoked(
        &self,
        envelope: &Envelope,
        revocation: &proto::Revocation,
        leaf: u64,
    ) -> Option<Vec<Arc<KnownKey>>> {
        let genesis = self.stopped.genesis();
        let ours = |target: &proto::Target| {
            target.name == self.stopped.name().as_str()
                && target.genesis[..] == genesis.as_bytes()[..]
        };
        let seat: SeatId = revocation.seat.parse().ok()?;
        if !revocation.targets.iter().any(ours) || !self.may_end(&seat.contact(), envelope) {
            return None;
        }
        let by = Some(envelope.digest());
        let contact = seat.contact();
        let named = revocation.key_ids.iter().filter_map(|id| Digest::try_from(&id[..]).ok());
        let named: BTreeSet<KeyId> = named.map(KeyId::from_digest).collect();
        let known = named.iter().flat_map(|id| {
            [self.stopped.key(id), self.stopped.seal_key(&contact, id)].into_iter().flatten()
        });
        let holder = Holder::Seat(seat);
        let standing = known.filter(|key| {
            !key.has_ended() && key.holder == holder && !self.ended.contains(&key.name())
        });
        Some(standing.map(|key| Arc::new(key.ended(leaf, by))).collect())
    }

    /// A seat or the keeper of the contact, or its member's authority by its threshold.
    fn may_end(&self, contact: &ContactId, envelope: &Envelope) -> bool {
        let known = self.stopped.contact(contact);
        let seats = known.and_then(|known| known.roster.as_ref()).into_iter();
        let seats = seats.flat_map(|roster| &roster.seats).filter_map(|seat| seat.sign.as_ref());
        let stands = |key: &VerifyingKey| {
            let id = key.id();
            !self.ended.contains(&KeyName::Proven(id))
                && self.stopped.key(&id).is_some_and(|key| !key.has_ended())
        };
        let keeper = known.and_then(|known| known.record.as_ref()?.keeper.as_ref());
        let mut one = seats.chain(keeper).filter(|key| stands(key));
        if one.any(|key| envelope.verify(key).is_ok()) {
            return true;
        }
        let Some(member) = self.stopped.member(&contact.member()) else { return false };
        let signed = member.authority.iter().filter(|key| envelope.verify(key).is_ok()).count();
        member.threshold > 0 && signed >= member.threshold as usize
    }
}

/// Of whatever version its kind is: only the type of the payload is looked at.
fn is_charter(statement: &[u8]) -> bool {
    let dsse = proto::Dsse::decode(statement).unwrap_or_default();
    dsse.payload_type.starts_with(CHARTER)
}

fn revocation(statement: &[u8]) -> Option<(Envelope, proto::Revocation)> {
    let envelope = Envelope::parse(statement, limits::STATEMENT_BYTES).ok()?;
    if envelope.kind() != Kind::Revocation {
        return None;
    }
    match Statement::read(envelope.kind(), envelope.payload(), RULES).ok()? {
        Statement::Revocation(revocation) => Some((envelope, revocation)),
        _ => None,
    }
}

const CHARTER: &str = "application/vnd.liaison.charter.";
