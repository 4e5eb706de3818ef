//! The charter: signed by the quorum of its predecessor and by its own. It sets the clock, and names
//! the rules of the entries behind it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::crypto::sign::{KeyId, VerifyingKey};
use crate::domain::directory::charter::Charter;
use crate::domain::directory::key::{Holder, KeyName, PublicKey, Purpose};
use crate::domain::directory::possession::Claim;
use crate::domain::directory::steps::{
    Admitted, Dated, Listed, Parts, Signed, Step, clock, next, relist,
};
use crate::domain::directory::{Directory, FIRST_RULES, Newest};
use crate::domain::ids::DirectoryName;
use crate::domain::limits;
use crate::domain::refusal::{Deciders, Refusal};
use crate::signed::proto::{self, Target, Use};

use super::{Rule, Says, Signer, Verified};

impl proto::Charter {
    pub(super) const RULE: Rule = Rule {
        since: 1,
        signers: &[Signer::Registrar],
        one_target: true,
        counted: true,
        dated: Dated::SetsClock,
    };
}

impl Says for proto::Charter {
    fn targets(&self) -> &[Target] {
        &self.targets
    }

    fn issued_at(&self) -> u64 {
        self.issued_at
    }

    /// The registrars' keys that it lists: no more than it may, for each costs a verification. One
    /// that cannot be read is found by nobody, and refused as content once signatures are judged.
    fn own_signers(&self, rules: u32) -> BTreeMap<KeyId, VerifyingKey> {
        let registrars = self.registrars.iter().take(limits::PERSONS);
        let keys = registrars
            .filter_map(|one| PublicKey::verifying("registrars", one.sign.as_ref(), rules).ok());
        keys.map(|key| (key.id(), key)).collect()
    }

    fn claims(&self) -> Vec<Claim> {
        let people = (self.registrars.iter().map(|person| ("registrar", person)))
            .chain(self.operators.iter().map(|person| ("operator", person)))
            .chain(self.auditors.iter().map(|person| ("auditor", person)));
        let people = people.flat_map(|(role, person)| {
            let holder = format!("{role}/{}", person.id);
            let keys = [(&person.sign, Use::Sign), (&person.tls, Use::Tls)];
            keys.map(|(key, usage)| Claim::read(key.as_ref()?, &holder, usage))
        });
        let name = self.targets.first().map_or("", |target| target.name.as_str());
        let (log, relay) = (format!("log/{name}"), format!("relay/{name}"));
        let service = (self.log.iter().map(|key| Claim::read(key, &log, Use::Log)))
            .chain(self.relay.iter().map(|key| Claim::read(key, &relay, Use::Relay)));
        people.chain(service).flatten().collect()
    }

    fn subject(&self, _: &Directory) -> Result<(), Refusal> {
        Ok(())
    }

    fn signed(&self, directory: &Directory, signed: &Signed<'_>) -> Result<(), Refusal> {
        let before = directory.charter();
        let old = before.registrar_keys();
        let own = self.own_signers(directory.rules()).into_keys().collect();
        signed.threshold(&old, before.threshold, &Deciders::Registrars)?;
        signed.threshold(&own, self.threshold, &Deciders::NewRegistrars)?;
        signed.none_superfluous(&old.union(&own).copied().collect())
    }

    fn newest(&self, directory: &Directory) -> Option<Newest> {
        Some(directory.charter().newest)
    }

    fn change(&self, step: Step<'_>) -> Result<Parts, Refusal> {
        let (directory, before) = (step.directory, step.directory.charter());
        if self.rules != before.rules && self.rules != before.rules + 1 {
            return Err(Refusal::WrongRules { before: before.rules, found: self.rules });
        }
        if self.previous[..] != before.newest.statement.as_bytes()[..] {
            return Err(Refusal::WrongPrevious);
        }
        let charter = Charter::read(self, step.payload.clone(), step.newest, step.rules())?;
        let listed = listed(directory.name(), &charter, self);
        let keys = step.relist(&names(before), listed)?;
        Ok(Parts { charter: Some(Arc::new(charter)), keys, ..step.parts })
    }
}

/// The first charter of a directory, which is entry 0.
pub(super) fn found(
    name: &DirectoryName,
    verified: &Verified,
    statement: &proto::Charter,
    admitted: Admitted,
) -> Result<Parts, Refusal> {
    let own = statement.own_signers(FIRST_RULES).into_keys().collect();
    let signed = Signed(verified.signers());
    signed.threshold(&own, statement.threshold, &Deciders::OwnRegistrars)?;
    signed.none_superfluous(&own)?;
    let newest = next(None, verified.version(), admitted.leaf, verified.digest())?;
    let clock = clock(Dated::SetsClock, 0, statement.issued_at, admitted.at)?;
    if statement.rules != FIRST_RULES {
        return Err(Refusal::WrongRules { before: 0, found: statement.rules });
    }
    if !statement.previous.is_empty() {
        return Err(Refusal::WrongPrevious);
    }
    let payload = verified.envelope().payload().clone();
    let charter = Charter::read(statement, payload, newest, FIRST_RULES)?;
    let listed = listed(name, &charter, statement);
    let keys = relist(None, &verified.proven, &[], listed, admitted.leaf)?;
    Ok(Parts { charter: Some(Arc::new(charter)), keys, ..Parts::none(admitted, clock) })
}

/// The keys of a charter that are in the register: all but the witnesses'.
fn names(charter: &Charter) -> Vec<KeyName> {
    let people = charter.registrars.iter().chain(&charter.operators).chain(&charter.auditors);
    let people = people.flat_map(|person| [&person.sign, &person.tls]);
    let all = people.chain(&charter.log).chain(&charter.relay);
    all.map(|key| KeyName::Proven(key.id())).collect()
}

fn listed(name: &DirectoryName, charter: &Charter, says: &proto::Charter) -> Vec<Listed> {
    let one = |key: &VerifyingKey, purpose, holder, said: Option<&proto::PublicKey>| Listed {
        key: PublicKey::Verifying(key.clone()),
        purpose,
        holder,
        proof: said.map(|said| said.proof.clone()).unwrap_or_default(),
    };
    let registrars = charter.registrars.iter().zip(&says.registrars);
    let operators = charter.operators.iter().zip(&says.operators);
    let auditors = charter.auditors.iter().zip(&says.auditors);
    let people = (registrars.map(|pair| (pair, Holder::Registrar(pair.0.id.clone()))))
        .chain(operators.map(|pair| (pair, Holder::Operator(pair.0.id.clone()))))
        .chain(auditors.map(|pair| (pair, Holder::Auditor(pair.0.id.clone()))));
    let people = people.flat_map(|((person, says), holder)| {
        [
            one(&person.sign, Purpose::PersonSign, holder.clone(), says.sign.as_ref()),
            one(&person.tls, Purpose::PersonTls, holder, says.tls.as_ref()),
        ]
    });
    let log = charter.log.iter().zip(&says.log);
    let log = log.map(|(key, said)| one(key, Purpose::Log, Holder::Log(name.clone()), Some(said)));
    let relay = charter.relay.iter().zip(&says.relay);
    let relay =
        relay.map(|(key, said)| one(key, Purpose::Relay, Holder::Relay(name.clone()), Some(said)));
    people.chain(log).chain(relay).collect()
}
