//! A record, signed by the member's authority. It names the keeper, and leaves the roster in force.

use std::sync::Arc;

use crate::domain::directory::contact::{Contact, Record};
use crate::domain::directory::key::{Holder, PublicKey, Purpose};
use crate::domain::directory::member::Member;
use crate::domain::directory::possession::Claim;
use crate::domain::directory::steps::{
    Dated, Listed, Parts, Signed, Step, contact_of, keeper_of, member_there, room_for, validity,
};
use crate::domain::directory::{Directory, Newest};
use crate::domain::ids::{ContactId, MemberId};
use crate::domain::refusal::Refusal;
use crate::signed::proto::{self, Target, Use};

use super::{Rule, Says, Signer};

impl proto::Record {
    pub(super) const RULE: Rule = Rule {
        since: 1,
        signers: &[Signer::Authority],
        one_target: false,
        counted: true,
        dated: Dated::Yes,
    };
}

impl Says for proto::Record {
    fn targets(&self) -> &[Target] {
        &self.targets
    }

    fn issued_at(&self) -> u64 {
        self.issued_at
    }

    fn facets(&self) -> (&str, &[proto::Facet]) {
        (&self.contact, &self.facets)
    }

    fn claims(&self) -> Vec<Claim> {
        let keeper = self.keeper.iter();
        keeper.filter_map(|key| Claim::read(key, &self.contact, Use::Keeper)).collect()
    }

    fn member(&self) -> Option<MemberId> {
        self.contact.parse().ok().map(|contact: ContactId| contact.member())
    }

    fn subject(&self, directory: &Directory) -> Result<(), Refusal> {
        member_there(directory, &contact_of(&self.contact)?).map(|_| ())
    }

    fn signed(&self, directory: &Directory, signed: &Signed<'_>) -> Result<(), Refusal> {
        signed.by_authority(directory, &contact_of(&self.contact)?.member())
    }

    fn newest(&self, directory: &Directory) -> Option<Newest> {
        Some(directory.contact(&self.contact.parse().ok()?)?.record_newest)
    }

    fn change(&self, step: Step<'_>) -> Result<Parts, Refusal> {
        let id = contact_of(&self.contact)?;
        let before = step.directory.contact(&id);
        let record = Record::read(self, step.payload.clone(), step.rules())?;
        room_for(step.directory, &id)?;
        validity(record.expires, record.issued_at, step.admitted)?;
        let keeper = record.keeper.iter().zip(&self.keeper);
        let listed = keeper.map(|(key, said)| Listed {
            key: PublicKey::Verifying(key.clone()),
            purpose: Purpose::Keeper,
            holder: Holder::Contact(id.clone()),
            proof: said.proof.clone(),
        });
        let old: Vec<_> = keeper_of(before).into_iter().collect();
        let keys = step.relist(&old, listed.collect())?;
        let member = member_there(step.directory, &id)?;
        let member = (!member.signs).then(|| Arc::new(Member { signs: true, ..member.clone() }));
        let contact = Some(Arc::new(Contact::with_record(before, id, step.newest, record)));
        Ok(Parts { contact, keys, member, ..step.parts })
    }
}
