//! A record that registrars enter for a State that does not sign. It never holds a key.

use std::sync::Arc;

use crate::domain::directory::contact::{Contact, Record};
use crate::domain::directory::steps::{
    Dated, Parts, Signed, Step, contact_of, member_there, room_for, validity,
};
use crate::domain::directory::{Directory, Newest};
use crate::domain::refusal::Refusal;
use crate::signed::proto::{self, Target};

use super::{Rule, Says, Signer};

impl proto::AttestedRecord {
    pub(super) const RULE: Rule = Rule {
        since: 1,
        signers: &[Signer::Registrar],
        one_target: true,
        counted: true,
        dated: Dated::Yes,
    };
}

impl Says for proto::AttestedRecord {
    fn targets(&self) -> &[Target] {
        &self.targets
    }

    fn issued_at(&self) -> u64 {
        self.issued_at
    }

    fn facets(&self) -> (&str, &[proto::Facet]) {
        (&self.contact, &self.facets)
    }

    fn subject(&self, directory: &Directory) -> Result<(), Refusal> {
        member_there(directory, &contact_of(&self.contact)?).map(|_| ())
    }

    fn signed(&self, directory: &Directory, signed: &Signed<'_>) -> Result<(), Refusal> {
        signed.by_registrars(directory)
    }

    fn newest(&self, directory: &Directory) -> Option<Newest> {
        Some(directory.contact(&self.contact.parse().ok()?)?.record_newest)
    }

    fn change(&self, step: Step<'_>) -> Result<Parts, Refusal> {
        let id = contact_of(&self.contact)?;
        let record = Record::read_attested(self, step.payload.clone(), step.rules())?;
        let member = member_there(step.directory, &id)?;
        if member.signs {
            return Err(Refusal::AttestedAfterSigned(member.id.clone()));
        }
        room_for(step.directory, &id)?;
        validity(record.expires, record.issued_at, step.admitted)?;
        let contact = Contact::with_record(step.directory.contact(&id), id, step.newest, record);
        Ok(Parts { contact: Some(Arc::new(contact)), ..step.parts })
    }
}
