//! A roster: the seats of a contact and their keys, signed by the keeper that the record names;
//! without one, by the authority.

use std::sync::Arc;

use crate::domain::directory::contact::Contact;
use crate::domain::directory::key::{Holder, PublicKey, Purpose};
use crate::domain::directory::possession::Claim;
use crate::domain::directory::roster::Roster;
use crate::domain::directory::steps::{
    Dated, Listed, Parts, Signed, Step, contact_of, standing_contact,
};
use crate::domain::directory::{Directory, Newest};
use crate::domain::ids::{ContactId, MemberId, SeatId};
use crate::domain::refusal::{Deciders, Refusal};
use crate::signed::proto::{self, Target, Use};

use super::{Rule, Says, Signer};

impl proto::Roster {
    pub(super) const RULE: Rule = Rule {
        since: 1,
        signers: &[Signer::Keeper, Signer::Authority],
        one_target: false,
        counted: true,
        dated: Dated::Yes,
    };
}

impl Says for proto::Roster {
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
        let seats = self.seats.iter().flat_map(|seat| {
            let holder = format!("{}/{}", self.contact, seat.name);
            let keys = [(&seat.sign, Use::Sign), (&seat.tls, Use::Tls)];
            keys.map(|(key, usage)| Claim::read(key.as_ref()?, &holder, usage))
        });
        seats.flatten().collect()
    }

    fn member(&self) -> Option<MemberId> {
        self.contact.parse().ok().map(|contact: ContactId| contact.member())
    }

    fn subject(&self, directory: &Directory) -> Result<(), Refusal> {
        standing_contact(directory, &contact_of(&self.contact)?).map(|_| ())
    }

    fn signed(&self, directory: &Directory, signed: &Signed<'_>) -> Result<(), Refusal> {
        let id = contact_of(&self.contact)?;
        match &directory.record(&id)?.keeper {
            Some(keeper) => {
                let counting = [keeper.id()].into();
                signed.threshold(&counting, 1, &Deciders::Keeper(id))?;
                signed.none_superfluous(&counting)
            }
            None => signed.by_authority(directory, &id.member()),
        }
    }

    fn newest(&self, directory: &Directory) -> Option<Newest> {
        directory.contact(&self.contact.parse().ok()?)?.roster_newest
    }

    fn change(&self, step: Step<'_>) -> Result<Parts, Refusal> {
        let id = contact_of(&self.contact)?;
        let before = standing_contact(step.directory, &id)?;
        if step.directory.record(&id)?.attested {
            return Err(Refusal::Attested(id));
        }
        let roster = Roster::read(self, step.payload.clone(), step.rules())?;
        let old = before.roster.iter().flat_map(|roster| roster.key_names(&id));
        let old: Vec<_> = old.collect();
        let listed = listed(&id, &roster, self)?;
        let keys = step.relist(&old, listed)?;
        let contact = Contact {
            roster_newest: Some(step.newest),
            roster: Some(roster),
            changed: step.admitted.leaf,
            ..before.clone()
        };
        Ok(Parts { contact: Some(Arc::new(contact)), keys, ..step.parts })
    }
}

fn listed(
    contact: &ContactId,
    roster: &Roster,
    says: &proto::Roster,
) -> Result<Vec<Listed>, Refusal> {
    let mut keys = Vec::new();
    for (seat, said) in roster.seats.iter().zip(&says.seats) {
        let holder = SeatId::new(contact, &seat.name);
        let holder = Holder::Seat(holder.map_err(|why| Refusal::field("seats", why))?);
        let mut list = |key, purpose, said: &Option<proto::PublicKey>| {
            let proof = said.as_ref().map(|said| said.proof.clone()).unwrap_or_default();
            keys.push(Listed { key, purpose, holder: holder.clone(), proof });
        };
        if let Some(key) = &seat.sign {
            list(PublicKey::Verifying(key.clone()), Purpose::SeatSign, &said.sign);
        }
        list(PublicKey::Sealing(seat.seal.id()), Purpose::SeatSeal, &said.seal);
        if let Some(key) = &seat.tls {
            list(PublicKey::Verifying(key.clone()), Purpose::SeatTls, &said.tls);
        }
    }
    Ok(keys)
}
