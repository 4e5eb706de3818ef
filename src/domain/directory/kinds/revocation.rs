//! The end of a seat's keys. Taking power away needs no authority: the seat itself, a colleague, the
//! keeper or the authority may. Undated, so that a slip from the drawer works under every clock.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::crypto::sign::{KeyId, VerifyingKey};
use crate::domain::directory::contact::Contact;
use crate::domain::directory::key::{Holder, KnownKey};
use crate::domain::directory::rules::known;
use crate::domain::directory::steps::{Dated, Parts, Signed, Step, member_there, standing_contact};
use crate::domain::directory::text::{digest, sorted_set};
use crate::domain::directory::{Directory, Newest};
use crate::domain::ids::{ContactId, MemberId, SeatId};
use crate::domain::limits;
use crate::domain::refusal::{Deciders, Refusal, Wrong};
use crate::signed::proto::{self, Reason, Target};

use super::{Rule, Says, Signer};

impl proto::Revocation {
    pub(super) const RULE: Rule = Rule {
        since: 1,
        signers: &[Signer::Seat, Signer::Keeper, Signer::Authority],
        one_target: false,
        counted: false,
        dated: Dated::No,
    };

    /// Whether a key that it names stands.
    pub(super) fn finds(&self, directory: &Directory) -> bool {
        self.of().is_ok_and(|seat| self.standing(directory, seat).next().is_some())
    }

    /// The keys that it names which stand for that seat.
    fn standing<'a>(
        &'a self,
        directory: &'a Directory,
        seat: SeatId,
    ) -> impl Iterator<Item = &'a KnownKey> {
        let (contact, holder) = (seat.contact(), Holder::Seat(seat));
        let named = self.key_ids.iter().flat_map(move |id| named(directory, &contact, id));
        named.filter(move |known| known.holder == holder && !known.has_ended())
    }

    fn of(&self) -> Result<SeatId, Refusal> {
        self.seat.parse().map_err(|why| Refusal::field("seat", why))
    }
}

impl Says for proto::Revocation {
    fn targets(&self) -> &[Target] {
        &self.targets
    }

    fn issued_at(&self) -> u64 {
        self.issued_at
    }

    fn form(&self) -> Result<(), Refusal> {
        let of_length = self.key_ids.iter().all(|id| id.len() == 32);
        if of_length { Ok(()) } else { Err(Refusal::NotCanonical("statement")) }
    }

    fn member(&self) -> Option<MemberId> {
        self.of().ok().map(|seat| seat.member())
    }

    fn subject(&self, directory: &Directory) -> Result<(), Refusal> {
        standing_contact(directory, &self.of()?.contact()).map(|_| ())
    }

    /// Any one seat of the contact, its keeper, or the authority by its threshold.
    fn signed(&self, directory: &Directory, signed: &Signed<'_>) -> Result<(), Refusal> {
        let id = self.of()?.contact();
        let contact = standing_contact(directory, &id)?;
        let member = member_there(directory, &id)?;
        let seats = contact.roster.iter().flat_map(|roster| &roster.seats);
        let seats = seats.filter_map(|seat| seat.sign.as_ref()).map(VerifyingKey::id);
        let seats = seats.filter(|key| directory.in_force(key).is_ok());
        let keeper = contact.record.iter().filter_map(|record| record.keeper.as_ref());
        let one: BTreeSet<KeyId> = seats.chain(keeper.map(VerifyingKey::id)).collect();
        let authority = member.authority_keys();
        let of = Deciders::ContactOrAuthority(id);
        let by_one = signed.threshold(&one, 1, &of);
        by_one.or_else(|_| signed.threshold(&authority, member.threshold, &of))?;
        signed.none_superfluous(&one.union(&authority).copied().collect())
    }

    fn newest(&self, _: &Directory) -> Option<Newest> {
        None
    }

    fn took_effect(&self, directory: &Directory, statement: Digest) -> Option<u64> {
        let contact = self.of().ok()?.contact();
        let known = self.key_ids.iter().flat_map(|id| named(directory, &contact, id));
        let revoked = known.filter(|known| known.revoked_by == Some(statement));
        revoked.filter_map(|known| known.until).next()
    }

    fn change(&self, step: Step<'_>) -> Result<Parts, Refusal> {
        let (directory, leaf) = (step.directory, step.admitted.leaf);
        let seat = self.of()?;
        let contact = standing_contact(directory, &seat.contact())?;
        known::<Reason>("reason", self.reason, step.rules())?;
        sorted_set("key_ids", &self.key_ids, limits::REVOKED, |id| id)?;
        if self.key_ids.is_empty() {
            return Err(Refusal::field("key_ids", Wrong::Empty));
        }
        let ended = self
            .standing(directory, seat)
            .map(|known| Arc::new(known.ended(leaf, Some(step.newest.statement))));
        let keys: Vec<Arc<KnownKey>> = ended.collect();
        if keys.is_empty() {
            return Err(Refusal::NothingToRevoke);
        }
        let contact = Some(Arc::new(Contact { changed: leaf, ..contact.clone() }));
        Ok(Parts { contact, keys, ..step.parts })
    }
}

/// The keys of that id: one with a proof, and a seal key of the contact.
fn named<'a>(
    directory: &'a Directory,
    contact: &ContactId,
    id: &Bytes,
) -> impl Iterator<Item = &'a KnownKey> + use<'a> {
    let id = digest("key_ids", id).map(KeyId::from_digest).ok();
    let proven = id.and_then(|id| directory.key(&id));
    let seal = id.and_then(|id| directory.seal_key(contact, &id));
    [proven, seal].into_iter().flatten()
}
