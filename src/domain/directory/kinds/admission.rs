//! The admission of a member by the registrars: the first, a later one with other names, or the first
//! keys of a member that never had any.

use std::sync::Arc;

use crate::domain::directory::key::{Holder, PublicKey, Purpose};
use crate::domain::directory::member::Member;
use crate::domain::directory::possession::Claim;
use crate::domain::directory::steps::{Dated, Listed, Parts, Signed, Step};
use crate::domain::directory::{Directory, Newest};
use crate::domain::ids::MemberId;
use crate::domain::refusal::Refusal;
use crate::signed::proto::{self, Target, Use};

use super::{Rule, Says, Signer};

impl proto::Admission {
    pub(super) const RULE: Rule = Rule {
        since: 1,
        signers: &[Signer::Registrar],
        one_target: true,
        counted: true,
        dated: Dated::Yes,
    };
}

impl Says for proto::Admission {
    fn targets(&self) -> &[Target] {
        &self.targets
    }

    fn issued_at(&self) -> u64 {
        self.issued_at
    }

    fn claims(&self) -> Vec<Claim> {
        let authority = self.authority.iter();
        authority.filter_map(|key| Claim::read(key, &self.member, Use::Authority)).collect()
    }

    fn subject(&self, _: &Directory) -> Result<(), Refusal> {
        let read = self.member.parse::<MemberId>();
        read.map(|_| ()).map_err(|why| Refusal::field("member", why))
    }

    fn signed(&self, directory: &Directory, signed: &Signed<'_>) -> Result<(), Refusal> {
        signed.by_registrars(directory)
    }

    fn newest(&self, directory: &Directory) -> Option<Newest> {
        Some(directory.member(&self.member.parse().ok()?)?.newest)
    }

    fn change(&self, step: Step<'_>) -> Result<Parts, Refusal> {
        let before = self.member.parse().ok().and_then(|id| step.directory.member(&id));
        let signs = before.is_some_and(|member| member.signs);
        let rules = step.rules();
        let member = Member::read(self, step.payload.clone(), step.newest, signs, rules)?;
        if let Some(before) = before
            && !before.authority.is_empty()
            && (&before.authority, before.threshold) != (&member.authority, member.threshold)
        {
            return Err(Refusal::AuthorityStands(member.id));
        }
        let keys = member.authority.iter().zip(&self.authority);
        let listed = keys.map(|(key, said)| Listed {
            key: PublicKey::Verifying(key.clone()),
            purpose: Purpose::Authority,
            holder: Holder::Member(member.id.clone()),
            proof: said.proof.clone(),
        });
        let keys = step.relist(&[], listed.collect())?;
        Ok(Parts { member: Some(Arc::new(member)), keys, ..step.parts })
    }
}
