//! Charters one after the other, each believed by the quorum of the one before.
//!
//! In scope: form, predecessor, the two quorums, the number of the rules. Out of scope: everything
//! else that a charter says (`domain` judges it when the log is folded). Invariants: a charter
//! follows only what signs for it; a key has one holder and one use, and ends once.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::crypto::sign::{KeyId, VerifyingKey};
use crate::domain::directory::key::{KnownKey, PublicKey};
use crate::domain::directory::{Charter, RULES, Statement};
use crate::domain::ids::DirectoryName;
use crate::domain::limits;
use crate::domain::refusal::{Expected, Refusal};
use crate::signed::canonical;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Use, entry::Leaf};

/// A charter does not follow the one before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFollowing {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Form(Refusal),
    /// Of another directory.
    #[error("it is of another directory")]
    OtherDirectory,
    /// Not the next version.
    #[error("expected version {expected}, found {found}")]
    Version {
        /// The version that follows.
        expected: u64,
        /// The version that it says.
        found: u64,
    },
    /// It names another predecessor.
    #[error("it follows another version {0} than this one")]
    Previous(u64),
    /// Neither the number in force nor the next.
    #[error("expected rules {in_force} or the next, found {found}")]
    Rules {
        /// The number in force.
        in_force: u32,
        /// The number that it names.
        found: u32,
    },
    /// Signatures are missing.
    #[error("{of} have signed {found} of {needed} times")]
    Quorum {
        /// Whose signatures they are, in words.
        of: &'static str,
        /// How many are needed.
        needed: u32,
        /// How many valid ones there are.
        found: u32,
    },
    /// Admitted before it was issued, or too long after.
    #[error("it was issued at {issued_at} and admitted at {admitted_at}")]
    Time {
        /// Its own word.
        issued_at: u64,
        /// When the log says that it was admitted, Unix seconds.
        admitted_at: u64,
    },
}

/// One charter, as far as it says who and what is to be believed.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its version, which is 1 of the first.
    pub version: u64,
    /// Its fingerprint, by which the next one names it.
    pub identity: Digest,
    /// The number of the rules behind it.
    pub rules: u32,
    /// Log keys by age.
    pub log: Vec<VerifyingKey>,
    /// Relay keys by age.
    pub relay: Vec<VerifyingKey>,
    /// Certificates of the service CA, DER.
    pub service_ca: Vec<Bytes>,
    /// The bytes of its Dsse, if it came with them.
    pub statement: Bytes,
    registrars: Vec<VerifyingKey>,
    threshold: u32,
}

/// A charter that is believed for another reason, and those that follow it.
#[derive(Clone, Debug)]
pub struct Chain {
    name: DirectoryName,
    genesis: Digest,
    links: Vec<Link>,
    /// Every key known, and whose it is, for good.
    keys: BTreeMap<KeyId, Role>,
    /// Those of them that have ended.
    ended: BTreeSet<KeyId>,
}

/// Whose a key is, as a proof of possession says it, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Role {
    holder: String,
    usage: Use,
}

impl Chain {
    /// From a charter that was judged whole.
    #[must_use]
    pub fn from(name: DirectoryName, genesis: Digest, charter: &Charter) -> Self {
        // What was judged can be read.
        let read: proto::Charter = canonical::decode(&charter.payload).unwrap_or_default();
        let (keys, ended) = Default::default();
        let mut chain = Self { name, genesis, links: Vec::new(), keys, ended };
        let listed = chain.listed(&read);
        chain.keys.extend(listed.iter().map(|(role, key)| (key.id(), role.clone())));
        let link = Link::of(&read, listed);
        let (version, identity) = (charter.newest.version, charter.newest.statement);
        chain.links.push(Link { version, identity, ..link });
        chain
    }

    /// Keys with a proof that this directory has, whose they are, and whether they have ended: no
    /// later charter gives one to another, or lets it stand again.
    pub fn know<'a>(&mut self, keys: impl IntoIterator<Item = &'a KnownKey>) {
        for key in keys {
            let Some(usage) = key.purpose.usage() else { continue };
            self.keys.insert(key.key.id(), Role { holder: key.holder.to_string(), usage });
            if key.has_ended() {
                self.ended.insert(key.key.id());
            }
        }
    }

    /// The newest charter.
    #[must_use]
    pub fn newest(&self) -> &Link {
        self.links.last().expect("a chain begins with a charter, and only grows")
    }

    /// The charters after the one that it began with.
    #[must_use]
    pub fn followed(&self) -> &[Link] {
        self.links.get(1..).unwrap_or_default()
    }

    /// Goes on to the next charter; one that is known already changes nothing.
    ///
    /// # Errors
    /// It does not follow from the newest.
    pub fn follow(&mut self, charter: &[u8]) -> Result<(), NotFollowing> {
        let (envelope, read) = read(charter).map_err(NotFollowing::Form)?;
        let identity = envelope.digest();
        if self.links.iter().any(|known| known.identity == identity) {
            return Ok(());
        }
        let before = self.newest();
        let (version, found) = (before.version + 1, self.versions(&read));
        if !found.contains(&version) {
            let found = *found.first().ok_or(NotFollowing::OtherDirectory)?;
            return Err(NotFollowing::Version { expected: version, found });
        }
        if read.previous[..] != before.identity.as_bytes()[..] {
            return Err(NotFollowing::Previous(before.version));
        }
        let (in_force, found) = (before.rules, read.rules);
        if found != in_force && Some(found) != in_force.checked_add(1) {
            return Err(NotFollowing::Rules { in_force, found });
        }
        let mut keys = self.keys.clone();
        let mut listed = self.listed(&read);
        listed.retain(|(role, key)| {
            let known = keys.entry(key.id()).or_insert_with(|| role.clone());
            known == role && !self.ended.contains(&key.id())
        });
        let statement = envelope.bytes().clone();
        let link = Link { version, identity, statement, ..Link::of(&read, listed) };
        before.signs("the registrars in force", &envelope)?;
        link.signs("its own registrars", &envelope)?;
        let gone = before.keys().filter(|id| !link.keys().any(|listed| listed == *id));
        let gone: Vec<KeyId> = gone.collect();
        self.ended.extend(gone);
        self.keys = keys;
        self.links.push(link);
        Ok(())
    }

    /// The same for a charter as it stands in the log, when it was admitted in its bytes.
    ///
    /// # Errors
    /// As [`Chain::follow`], and an admission outside the time that every charter has.
    pub fn follow_logged(&mut self, entry: &[u8]) -> Result<(), NotFollowing> {
        let (statement, admitted_at) = logged(entry).map_err(NotFollowing::Form)?;
        let issued_at = read(&statement).map_err(NotFollowing::Form)?.1.issued_at;
        let mut next = self.clone();
        next.follow(&statement)?;
        let latest = issued_at.saturating_add(limits::ISSUED_BEFORE_SECONDS);
        if issued_at > admitted_at.saturating_add(limits::CLOCK_AHEAD_SECONDS)
            || admitted_at > latest
        {
            return Err(NotFollowing::Time { issued_at, admitted_at });
        }
        *self = next;
        Ok(())
    }

    /// The versions that a charter names for this directory.
    fn versions(&self, charter: &proto::Charter) -> Vec<u64> {
        let ours = |target: &&proto::Target| {
            target.name == self.name.as_str() && target.genesis[..] == self.genesis.as_bytes()[..]
        };
        charter.targets.iter().filter(ours).map(|target| target.version).collect()
    }

    /// The keys of a charter that can be read and that somebody believes by it.
    fn listed(&self, charter: &proto::Charter) -> Vec<(Role, VerifyingKey)> {
        let key = |listed| PublicKey::verifying("charter", listed, RULES).ok();
        let role = |holder, usage| Role { holder, usage };
        let registrars = charter.registrars.iter().filter_map(|one| {
            let holder = format!("registrar/{}", one.id);
            Some((role(holder, Use::Sign), key(one.sign.as_ref())?))
        });
        let log = charter.log.iter().filter_map(|one| {
            Some((role(format!("log/{}", self.name), Use::Log), key(Some(one))?))
        });
        let relay = charter.relay.iter().filter_map(|one| {
            Some((role(format!("relay/{}", self.name), Use::Relay), key(Some(one))?))
        });
        registrars.chain(log).chain(relay).collect()
    }
}

impl Link {
    fn of(charter: &proto::Charter, listed: Vec<(Role, VerifyingKey)>) -> Self {
        let mut link = Self {
            version: 0,
            identity: Digest::of(b""),
            rules: charter.rules,
            log: Vec::new(),
            relay: Vec::new(),
            service_ca: charter.service_ca.clone(),
            statement: Bytes::new(),
            registrars: Vec::new(),
            threshold: charter.threshold.max(1),
        };
        for (role, key) in listed {
            match role.usage {
                Use::Log => link.log.push(key),
                Use::Relay => link.relay.push(key),
                _ => link.registrars.push(key),
            }
        }
        link
    }

    /// The keys of its registrars that stand.
    #[cfg(test)]
    pub(super) fn registrars(&self) -> &[VerifyingKey] {
        &self.registrars
    }

    /// Every key that stands by this charter, and ends with its absence from the next.
    fn keys(&self) -> impl Iterator<Item = KeyId> {
        [&self.registrars, &self.log, &self.relay].into_iter().flatten().map(VerifyingKey::id)
    }

    fn signs(&self, of: &'static str, envelope: &Envelope) -> Result<(), NotFollowing> {
        let valid: BTreeSet<KeyId> = self
            .registrars
            .iter()
            .filter(|key| envelope.verify(key).is_ok())
            .map(VerifyingKey::id)
            .collect();
        let (needed, found) = (self.threshold, valid.len() as u32);
        if found < needed { Err(NotFollowing::Quorum { of, needed, found }) } else { Ok(()) }
    }
}

/// A charter by its form alone.
///
/// # Errors
/// Not an envelope, not a charter, not canonical.
pub fn read(charter: &[u8]) -> Result<(Envelope, proto::Charter), Refusal> {
    let envelope = Envelope::parse(charter, limits::STATEMENT_BYTES)
        .map_err(|why| Refusal::form("charter", Expected::Kind(Kind::Charter), why))?;
    match Statement::read(envelope.kind(), envelope.payload(), RULES)? {
        Statement::Charter(charter) => Ok((envelope, charter)),
        other => {
            let (expected, found) = (Expected::Kind(Kind::Charter), other.kind().payload_type());
            Err(Refusal::UnknownKind { expected, found })
        }
    }
}

/// The statement of an entry, and when it was admitted.
///
/// # Errors
/// Not an entry over a statement.
pub fn logged(entry: &[u8]) -> Result<(Bytes, u64), Refusal> {
    let read: proto::Entry =
        canonical::decode(entry).map_err(|_| Refusal::NotCanonical("entry"))?;
    let Some(Leaf::Statement(statement)) = read.leaf else {
        return Err(Refusal::NotCanonical("entry"));
    };
    Ok((statement, read.admitted_at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::draft::Bundle;
    use crate::world::testlog::{NOW, TestLog, ambient, charter, entry, key};

    /// A charter after the log's own, altered and signed by those of these seeds.
    fn signed(log: &TestLog, seeds: &[u8], alter: fn(&mut proto::Charter)) -> Bytes {
        let before = log.directory.charter().newest;
        let mut next = proto::Charter {
            targets: vec![proto::Target {
                name: "un.example".to_owned(),
                genesis: Bytes::copy_from_slice(log.directory.genesis().as_bytes()),
                version: before.version + 1,
            }],
            issued_at: NOW,
            previous: Bytes::copy_from_slice(before.statement.as_bytes()),
            ..charter(&[10])
        };
        next.registrars.sort_by(|a, b| a.id.cmp(&b.id));
        alter(&mut next);
        let keys: Vec<_> = seeds.iter().map(|seed| key(*seed)).collect();
        let keys: Vec<_> = keys.iter().collect();
        let payload = prost::Message::encode_to_vec(&next);
        let kind = crate::signed::dsse::Kind::Charter;
        Envelope::sign(kind, payload, &keys, ambient().random()).unwrap().bytes().clone()
    }

    fn chain(log: &TestLog) -> Chain {
        let (name, genesis) = (log.directory.name().clone(), log.directory.genesis());
        Chain::from(name, genesis, log.directory.charter())
    }

    #[test]
    fn a_charter_follows_by_both_quorums_version_predecessor_and_rules() {
        let log = TestLog::new();
        let followed = |seeds: &[u8], alter: fn(&mut proto::Charter)| {
            chain(&log).follow(&signed(&log, seeds, alter))
        };
        assert_eq!(followed(&[1, 2], |_| {}), Ok(()));
        // The next rules, and content that these rules would refuse: judged when it is folded.
        assert_eq!(followed(&[1, 2], |next| next.rules = 2), Ok(()));
        assert_eq!(followed(&[1, 2], |next| next.quorum = 9), Ok(()));
        let new_registrar = |next: &mut proto::Charter| {
            next.registrars = vec![crate::world::testlog::person("alice", 4)];
            next.threshold = 1;
        };
        assert_eq!(followed(&[1, 2, 4], new_registrar), Ok(()));
        let quorum = |of, needed, found| Err(NotFollowing::Quorum { of, needed, found });
        assert_eq!(followed(&[1], |_| {}), quorum("the registrars in force", 2, 1));
        assert_eq!(followed(&[1, 4], new_registrar), quorum("the registrars in force", 2, 1));
        assert_eq!(followed(&[1, 2], new_registrar), quorum("its own registrars", 1, 0));
        let refused = followed(&[1, 2], |next| next.targets[0].version = 3);
        assert_eq!(refused, Err(NotFollowing::Version { expected: 2, found: 3 }));
        let refused = followed(&[1, 2], |next| next.previous = Bytes::from(vec![7; 32]));
        assert_eq!(refused, Err(NotFollowing::Previous(1)));
        let refused = followed(&[1, 2], |next| next.rules = 3);
        assert_eq!(refused, Err(NotFollowing::Rules { in_force: 1, found: 3 }));
        let refused = followed(&[1, 2], |next| next.targets[0].genesis = vec![7; 32].into());
        assert_eq!(refused, Err(NotFollowing::OtherDirectory));
        let refused = chain(&log).follow(b"garbage");
        assert!(matches!(refused, Err(NotFollowing::Form(_))));
    }

    #[test]
    fn a_key_that_has_ended_does_not_stand_again() {
        let mut log = TestLog::new();
        let mut chain = chain(&log);
        let ids = |chain: &Chain| -> Vec<KeyId> {
            chain.newest().log.iter().map(VerifyingKey::id).collect()
        };
        for keys in [&[10_u8, 13][..], &[13], &[10, 13]] {
            let mut next = crate::client::draft::Composer::on(&log.directory, &ambient())
                .charter(charter(keys));
            if keys == [10, 13] && !chain.followed().is_empty() {
                // The fold refuses this one; a chain passes the key over.
                let mut bundle = Bundle::of(vec![next]);
                bundle.sign(Some(&log.directory), &[&key(1), &key(2)], &ambient()).unwrap();
                chain.follow(bundle.publications()[0].envelope().bytes()).unwrap();
                break;
            }
            let mut bundle = Bundle::of(vec![next]);
            bundle.sign(Some(&log.directory), &[&key(1), &key(2)], &ambient()).unwrap();
            next = bundle.publications()[0].clone();
            log.add(next.envelope().bytes()).unwrap();
            chain.follow(next.envelope().bytes()).unwrap();
        }
        assert_eq!(chain.newest().version, 4);
        assert_eq!(ids(&chain), [key(13).public().id()]);
    }

    #[test]
    fn when_it_was_admitted_is_judged_by_itself_and_not_by_the_charter_before() {
        let log = TestLog::new();
        let follow = |issued_at: fn(&mut proto::Charter), at: u64| {
            let statement = signed(&log, &[1, 2], issued_at);
            chain(&log).follow_logged(&entry(statement, at))
        };
        // Issued before the charter before it was.
        assert_eq!(follow(|next| next.issued_at = NOW - 86_400, NOW), Ok(()));
        assert_eq!(follow(|next| next.issued_at = NOW + 300, NOW), Ok(()));
        for (issued_at, refused) in [
            (follow(|next| next.issued_at = NOW + 301, NOW), NOW + 301),
            (follow(|next| next.issued_at = NOW - 30 * 86_400 - 1, NOW), NOW - 30 * 86_400 - 1),
        ] {
            let why = NotFollowing::Time { issued_at: refused, admitted_at: NOW };
            assert_eq!(issued_at, Err(why));
        }
    }

    /// As the log has them, those that are known again come first.
    #[test]
    fn charters_of_two_days_follow_again() {
        let log = TestLog::new();
        let second = signed(&log, &[1, 2], |_| {});
        let mut chain = chain(&log);
        let mut logged = vec![entry(second.clone(), NOW)];
        chain.follow_logged(&logged[0]).unwrap();
        let third = Envelope::parse(&second, limits::STATEMENT_BYTES).unwrap();
        let mut third: proto::Charter = canonical::decode(third.payload()).unwrap();
        third.targets[0].version = 3;
        third.previous = Bytes::copy_from_slice(chain.newest().identity.as_bytes());
        third.issued_at = NOW + 86_400;
        let (kind, payload) =
            (crate::signed::dsse::Kind::Charter, prost::Message::encode_to_vec(&third));
        let keys = [&key(1), &key(2)];
        let third = Envelope::sign(kind, payload, &keys, ambient().random()).unwrap();
        logged.push(entry(third.bytes().clone(), NOW + 86_400));
        for entry in logged.iter().chain(&logged) {
            chain.follow_logged(entry).unwrap();
        }
        assert_eq!(chain.newest().version, 3);
    }

    /// A charter may be for several directories.
    #[test]
    fn a_charter_for_two_directories_follows_in_ours() {
        let log = TestLog::new();
        let both = signed(&log, &[1, 2], |next| {
            let other = proto::Target { name: "zz.example".to_owned(), ..next.targets[0].clone() };
            next.targets.push(other);
        });
        assert_eq!(chain(&log).follow(&both), Ok(()));
    }
}
