//! What every kind's decision is made of: thresholds, versions, time, and keys that come and go.
//!
//! Invariants: pure and total; a refusal changes nothing; [`Parts`] name all that is new, so that
//! the service stores exactly those.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::crypto::sign::KeyId;
use crate::domain::ids::{ContactId, MemberId};
use crate::domain::limits;
use crate::domain::refusal::{Deciders, Owner, Refusal, Reused};

use super::charter::Charter;
use super::contact::Contact;
use super::key::{Holder, KeyName, KnownKey, PublicKey, Purpose};
use super::member::Member;
use super::possession::Claim;
use super::{Directory, Newest};

/// Where and when the log takes a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Its leaf index.
    pub leaf: u64,
    /// The service's claim of the time, Unix seconds.
    pub at: u64,
}

/// The parts of a directory that one statement made new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Where the entry stands in the log, and when it was admitted.
    pub admitted: Admitted,
    /// The directory's clock behind it.
    pub clock: u64,
    /// The charter, if it is another.
    pub charter: Option<Arc<Charter>>,
    /// The member, if it is another.
    pub member: Option<Arc<Member>>,
    /// The contact, if it is another.
    pub contact: Option<Arc<Contact>>,
    /// Every key that is new, has ended or moved.
    pub keys: Vec<Arc<KnownKey>>,
}

impl Parts {
    /// An entry that changes nothing yet.
    #[must_use]
    pub const fn none(admitted: Admitted, clock: u64) -> Self {
        Self { admitted, clock, charter: None, member: None, contact: None, keys: Vec::new() }
    }
}

/// One statement on its way into the directory, once all but its content was judged.
pub(super) struct Step<'a> {
    /// The directory before it.
    pub(super) directory: &'a Directory,
    /// Where and when.
    pub(super) admitted: Admitted,
    /// What its counter comes to.
    pub(super) newest: Newest,
    /// The statement's payload, as it was signed.
    pub(super) payload: &'a Bytes,
    /// What it says of its keys and is known to hold.
    pub(super) proven: &'a BTreeSet<Claim>,
    /// What it makes new, so far nothing.
    pub(super) parts: Parts,
}

impl Step<'_> {
    /// The rules in force before it.
    pub(super) fn rules(&self) -> u32 {
        self.directory.rules()
    }

    /// What becomes of the keys that the older statement listed, and of those that this one does.
    pub(super) fn relist(
        &self,
        before: &[KeyName],
        listed: Vec<Listed>,
    ) -> Result<Vec<Arc<KnownKey>>, Refusal> {
        relist(Some(self.directory), self.proven, before, listed, self.admitted.leaf)
    }
}

/// Who signed: each key is known, of the right purpose, and its signature valid.
pub(super) struct Signed<'a>(pub(super) &'a [KeyId]);

impl Signed<'_> {
    /// At least `needed` of the keys that count have signed. A threshold of zero counts as one.
    pub(super) fn threshold(
        &self,
        counting: &BTreeSet<KeyId>,
        needed: u32,
        of: &Deciders,
    ) -> Result<(), Refusal> {
        let needed = needed.max(1);
        let found = self.0.iter().filter(|id| counting.contains(id)).count() as u32;
        if found < needed {
            return Err(Refusal::BelowThreshold { of: of.clone(), needed, found });
        }
        Ok(())
    }

    /// No signature is there that counts towards nothing.
    pub(super) fn none_superfluous(&self, counting: &BTreeSet<KeyId>) -> Result<(), Refusal> {
        let superfluous = self.0.iter().find(|id| !counting.contains(id));
        superfluous.map_or(Ok(()), |id| Err(Refusal::SuperfluousSignature(*id)))
    }

    /// The registrars' quorum has signed, and nobody else.
    pub(super) fn by_registrars(&self, directory: &Directory) -> Result<(), Refusal> {
        let charter = directory.charter();
        let counting = charter.registrar_keys();
        self.threshold(&counting, charter.threshold, &Deciders::Registrars)?;
        self.none_superfluous(&counting)
    }

    /// The authority of the member has signed, and nobody else.
    pub(super) fn by_authority(&self, directory: &Directory, id: &MemberId) -> Result<(), Refusal> {
        let member = directory.member(id).ok_or_else(|| Refusal::UnknownMember(id.clone()))?;
        let counting = member.authority_keys();
        self.threshold(&counting, member.threshold, &Deciders::Authority(id.clone()))?;
        self.none_superfluous(&counting)
    }
}

/// The next version of a counter.
pub(super) fn next(
    newest: Option<Newest>,
    version: u64,
    leaf: u64,
    statement: Digest,
) -> Result<Newest, Refusal> {
    let expected = newest.map_or(0, |newest| newest.version) + 1;
    if version == expected {
        Ok(Newest { version, leaf, statement })
    } else {
        Err(Refusal::WrongVersion { expected, found: version })
    }
}

/// How a kind stands in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain) enum Dated {
    /// Not before the directory's clock, which it raises; signed at most 30 days before.
    Yes,
    /// The same, but it puts the clock right: a charter.
    SetsClock,
    /// No rule of time at all.
    No,
}

/// The directory's clock behind a statement; none of the rules looks at the reader's.
pub(super) fn clock(
    dated: Dated,
    clock: u64,
    issued_at: u64,
    admitted_at: u64,
) -> Result<u64, Refusal> {
    match dated {
        Dated::No => return Ok(clock),
        Dated::Yes if admitted_at < clock => {
            return Err(Refusal::BeforeClock { clock, found: admitted_at });
        }
        Dated::Yes | Dated::SetsClock => {}
    }
    if issued_at > admitted_at.saturating_add(limits::CLOCK_AHEAD_SECONDS) {
        return Err(Refusal::IssuedInFuture { issued: issued_at, at: admitted_at });
    }
    if admitted_at > issued_at.saturating_add(limits::ISSUED_BEFORE_SECONDS) {
        return Err(Refusal::IssuedTooEarly { issued: issued_at, at: admitted_at });
    }
    Ok(admitted_at)
}

/// A key as a statement lists it.
pub(super) struct Listed {
    pub(super) key: PublicKey,
    pub(super) purpose: Purpose,
    pub(super) holder: Holder,
    pub(super) proof: Bytes,
}

impl Listed {
    /// The holder shows that it is his. A key that seals has no proof, and one there is refused.
    fn prove(&self, proven: &BTreeSet<Claim>) -> Result<(), Refusal> {
        let proven = match (&self.key, self.purpose.usage()) {
            (PublicKey::Verifying(key), Some(usage)) => {
                let (key, holder) = (key.clone(), self.holder.to_string());
                let claim = Claim { key, holder, usage, proof: self.proof.clone() };
                proven.contains(&claim) || claim.holds()
            }
            (PublicKey::Sealing(_) | PublicKey::Verifying(_), _) => self.proof.is_empty(),
        };
        if proven {
            return Ok(());
        }
        let holder = Owner::Holder(self.holder.clone());
        Err(Refusal::NoPossession { key: self.key.id(), holder })
    }
}

/// What becomes of the keys when a holder's newer statement at `leaf` lists `listed` where the older
/// one listed `before`: every key that is new, has ended or moved.
pub(super) fn relist(
    directory: Option<&Directory>,
    proven: &BTreeSet<Claim>,
    before: &[KeyName],
    listed: Vec<Listed>,
    leaf: u64,
) -> Result<Vec<Arc<KnownKey>>, Refusal> {
    let known = |name: &KeyName| directory.and_then(|directory| directory.known(name));
    let mut now = BTreeMap::new();
    for listed in listed {
        listed.prove(proven)?;
        let Listed { key, purpose, holder, proof: _ } = listed;
        let new = KnownKey::listed(key, purpose, holder, leaf);
        let name = new.name();
        let kept = match known(&name) {
            Some(known) => listed_again(known, new)?,
            None => new,
        };
        let key = kept.key.id();
        if now.insert(name, kept).is_some() {
            return Err(Refusal::KeyReused { key, why: Reused::Twice });
        }
    }
    let dropped = before.iter().filter(|name| !now.contains_key(name)).filter_map(known);
    let dropped = dropped.filter(|known| !known.has_ended()).map(|known| known.ended(leaf, None));
    let dropped: Vec<KnownKey> = dropped.collect();
    let changed = now.iter().filter(|(name, key)| known(name) != Some(key));
    let changed = changed.map(|(_, key)| key.clone());
    Ok(changed.chain(dropped).map(Arc::new).collect())
}

/// A key that the directory knows: the same holder and use, or refused; a seal key may move to
/// another seat of its contact.
fn listed_again(known: &KnownKey, new: KnownKey) -> Result<KnownKey, Refusal> {
    let reused = |why| Err(Refusal::KeyReused { key: new.key.id(), why });
    let moves = known.purpose == Purpose::SeatSeal && new.purpose == Purpose::SeatSeal;
    if (known.holder != new.holder && !moves) || known.purpose != new.purpose {
        let (holder, purpose) = (known.holder.clone(), known.purpose);
        return reused(Reused::Belongs { holder, purpose });
    }
    if known.has_ended() {
        return reused(Reused::Ended);
    }
    Ok(KnownKey { holder: new.holder, ..known.clone() })
}

/// Every key that a contact has: its roster's and its keeper.
pub(super) fn keys_of(contact: &Contact) -> Vec<KeyName> {
    let roster = contact.roster.iter().flat_map(|roster| roster.key_names(&contact.id));
    roster.chain(keeper_of(Some(contact))).collect()
}

/// The keeper that a contact's record names.
pub(super) fn keeper_of(contact: Option<&Contact>) -> Option<KeyName> {
    let record = contact.and_then(|contact| contact.record.as_ref())?;
    record.keeper.as_ref().map(|key| KeyName::Proven(key.id()))
}

/// The member of a contact, and, where a kind needs it, its record in force: found before a signature
/// is looked at.
pub(super) fn contact_of(text: &str) -> Result<ContactId, Refusal> {
    text.parse().map_err(|why| Refusal::field("contact", why))
}

/// The member is there.
pub(super) fn member_there<'a>(
    directory: &'a Directory,
    id: &ContactId,
) -> Result<&'a Member, Refusal> {
    let member = id.member();
    directory.member(&member).ok_or(Refusal::UnknownMember(member))
}

/// The contact has a record in force.
pub(super) fn standing_contact<'a>(
    directory: &'a Directory,
    id: &ContactId,
) -> Result<&'a Contact, Refusal> {
    member_there(directory, id)?;
    let contact = directory.contact(id).filter(|contact| contact.record.is_some());
    contact.ok_or_else(|| Refusal::UnknownContact(id.clone()))
}

/// So many contacts of a member stand and no more; those withdrawn do not count and may return.
pub(super) fn room_for(directory: &Directory, id: &ContactId) -> Result<(), Refusal> {
    let member = id.member();
    let standing = directory.contacts_of(&member).filter(|contact| contact.record.is_some());
    let others = standing.filter(|contact| contact.id != *id).count();
    if others < limits::CONTACTS {
        return Ok(());
    }
    Err(Refusal::TooManyContacts { member, limit: limits::CONTACTS as u64 })
}

/// Not over when it is admitted, and not for longer than 24 months.
pub(super) fn validity(expires: u64, issued_at: u64, admitted: Admitted) -> Result<(), Refusal> {
    if expires <= admitted.at {
        return Err(Refusal::AlreadyExpired);
    }
    if expires > issued_at.saturating_add(limits::RECORD_SECONDS) {
        return Err(Refusal::HoldsTooLong);
    }
    Ok(())
}
