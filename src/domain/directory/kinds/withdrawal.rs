//! The end of a contact, of its keeper and of all its keys; its versions go on.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::crypto::sign::KeyId;
use crate::domain::directory::contact::Contact;
use crate::domain::directory::steps::{
    Dated, Parts, Signed, Step, contact_of, keys_of, member_there, standing_contact,
};
use crate::domain::directory::{Directory, Newest};
use crate::domain::ids::{ContactId, MemberId};
use crate::domain::refusal::{Deciders, Refusal};
use crate::signed::proto::{self, Target};

use super::{Rule, Says, Signer};

impl proto::Withdrawal {
    pub(super) const RULE: Rule = Rule {
        since: 1,
        signers: &[Signer::Authority, Signer::Registrar],
        one_target: false,
        counted: true,
        dated: Dated::Yes,
    };
}

impl Says for proto::Withdrawal {
    fn targets(&self) -> &[Target] {
        &self.targets
    }

    fn issued_at(&self) -> u64 {
        self.issued_at
    }

    fn member(&self) -> Option<MemberId> {
        self.contact.parse().ok().map(|contact: ContactId| contact.member())
    }

    fn subject(&self, directory: &Directory) -> Result<(), Refusal> {
        standing_contact(directory, &contact_of(&self.contact)?).map(|_| ())
    }

    /// Of a record that the State signed the authority; of an attested one the registrars may, too.
    fn signed(&self, directory: &Directory, signed: &Signed<'_>) -> Result<(), Refusal> {
        let id = contact_of(&self.contact)?;
        if !directory.record(&id)?.attested {
            return signed.by_authority(directory, &id.member());
        }
        let (member, charter) = (member_there(directory, &id)?, directory.charter());
        let (registrars, authority) = (charter.registrar_keys(), member.authority_keys());
        let of = Deciders::RegistrarsOrAuthority(member.id.clone());
        let by_registrars = signed.threshold(&registrars, charter.threshold, &of);
        by_registrars.or_else(|_| signed.threshold(&authority, member.threshold, &of))?;
        let both: BTreeSet<KeyId> = registrars.union(&authority).copied().collect();
        signed.none_superfluous(&both)
    }

    /// Of an attested record.
    fn is_of_registrars(&self, directory: &Directory) -> Result<(), Refusal> {
        let id = contact_of(&self.contact)?;
        // Of none that is there it is judged when it is published.
        if directory.record(&id).map_or(true, |record| record.attested) {
            return Ok(());
        }
        let needed = member_there(directory, &id)?.threshold;
        let of = Deciders::Authority(id.member());
        Err(Refusal::BelowThreshold { of, needed, found: 0 })
    }

    fn newest(&self, directory: &Directory) -> Option<Newest> {
        Some(directory.contact(&self.contact.parse().ok()?)?.record_newest)
    }

    fn change(&self, step: Step<'_>) -> Result<Parts, Refusal> {
        let before = standing_contact(step.directory, &contact_of(&self.contact)?)?;
        let leaf = step.admitted.leaf;
        let keys = step.relist(&keys_of(before), Vec::new())?;
        let contact = Contact {
            record_newest: step.newest,
            record: None,
            roster: None,
            changed: leaf,
            ..before.clone()
        };
        Ok(Parts { contact: Some(Arc::new(contact)), keys, ..step.parts })
    }
}
