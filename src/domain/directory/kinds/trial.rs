//! A kind that exists only in tests: the smallest one of rules 2. It withdraws nothing, and says so.

use crate::domain::directory::steps::{Dated, Parts, Signed, Step, contact_of, standing_contact};
use crate::domain::directory::{Directory, Newest};
use crate::domain::refusal::Refusal;
use crate::signed::proto::{self, Target};

use super::{Payload, Rule, Says, Signer};

/// The payload of a withdrawal under another name.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial(pub proto::Withdrawal);

impl Trial {
    pub(super) const RULE: Rule = Rule {
        since: 2,
        signers: &[Signer::Authority],
        one_target: false,
        counted: false,
        dated: Dated::No,
    };
}

impl Payload for Trial {
    fn read(payload: &[u8]) -> Result<Self, Refusal> {
        Payload::read(payload).map(Self)
    }

    fn encode(&self) -> Vec<u8> {
        Payload::encode(&self.0)
    }
}

impl Says for Trial {
    fn targets(&self) -> &[Target] {
        &self.0.targets
    }

    fn issued_at(&self) -> u64 {
        self.0.issued_at
    }

    fn subject(&self, directory: &Directory) -> Result<(), Refusal> {
        standing_contact(directory, &contact_of(&self.0.contact)?).map(|_| ())
    }

    fn signed(&self, directory: &Directory, signed: &Signed<'_>) -> Result<(), Refusal> {
        signed.by_authority(directory, &contact_of(&self.0.contact)?.member())
    }

    fn newest(&self, _: &Directory) -> Option<Newest> {
        None
    }

    fn change(&self, step: Step<'_>) -> Result<Parts, Refusal> {
        Ok(step.parts)
    }
}
