//! The next charter, from the one in force and what is to be otherwise.
//!
//! In scope: people, witnesses, settings, numbers, the keys that the service's operator has staged. Out of
//! scope: those keys themselves. Invariants: what nobody said stays as it is; no charter is drafted without
//! a log key, a relay key and a service authority.

use bytes::Bytes;

use crate::crypto::sign::KeyId;
use crate::domain::directory::key::listed;
use crate::signed::proto;
use crate::tlog::note::VerifierKey;

/// What is to be otherwise.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Registrars to add, or to list with other keys.
    pub registrars: People,
    /// How many registrars decide.
    pub threshold: Option<u32>,
    /// Operators to add, or to list with other keys.
    pub operators: People,
    /// Auditors to add, or to list with other keys.
    pub auditors: People,
    /// Witnesses to add, or to list with another key.
    pub witnesses: Vec<VerifierKey>,
    /// Names of witnesses to remove.
    pub remove_witnesses: Vec<String>,
    /// How many witnesses make a quorum.
    pub quorum: Option<u32>,
    /// Settings and their values.
    pub set: Vec<(String, u64)>,
    /// Settings that go back to their default.
    pub unset: Vec<String>,
    /// The number of the rules behind it.
    pub rules: Option<u32>,
    /// Log keys: the last that is added signs.
    pub log: ServiceKeys,
    /// Relay keys: the last that is added signs.
    pub relay: ServiceKeys,
    /// Service authorities to add, DER.
    pub service_ca: Vec<Bytes>,
    /// SHA-256 of those to remove, hex, or the first digits of it.
    pub remove_service_ca: Vec<String>,
}

/// Keys of the service to add and to remove.
#[derive(Clone, Debug, Default)]
pub struct ServiceKeys {
    /// To add, as the newest.
    pub add: Vec<proto::PublicKey>,
    /// Ids to remove, hex, or the first digits of them.
    pub remove: Vec<String>,
}

/// People of one role to add and to remove.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// To add; one whose id is listed takes its place.
    pub add: Vec<proto::Person>,
    /// Ids to remove.
    pub remove: Vec<String>,
}

/// What is asked for does not fit the charter in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChange {
    /// Somebody or something to remove is not there.
    #[error("the charter in force has no {what} {name}")]
    NotThere {
        /// What it would be, in words.
        what: &'static str,
        /// The name that was given.
        name: String,
    },
    /// A number that cannot be met.
    #[error("{what} must be {least} to {most}: found {found}")]
    Number {
        /// The flag that sets it.
        what: &'static str,
        /// The least that it may be.
        least: usize,
        /// The most that it may be.
        most: usize,
        /// What would come of it.
        found: u32,
    },
    /// A number that nobody gave and that the next charter cannot keep.
    #[error(
        "{what} is {kept} in the charter in force and must be {least} to {most} in the next: add \
         {what} {}", (*.kept as usize).clamp(*.least, *.most)
    )]
    Kept {
        /// The flag that sets it.
        what: &'static str,
        /// The least that it may be.
        least: usize,
        /// The most that it may be.
        most: usize,
        /// What it is.
        kept: u32,
    },
    /// A charter that nobody could follow with another.
    #[error("a charter needs a registrar, and none would be left: add --registrar FILE")]
    Nobody,
    /// Rules that no charter can name after this one.
    #[error(
        "the charter in force has rules {in_force}: the next has these or the next, not {found}"
    )]
    Rules {
        /// The number in force.
        in_force: u32,
        /// The one asked for.
        found: u32,
    },
    /// More than one begins with the digits given.
    #[error("more than one {what} of the charter in force begins with {name}: give more digits")]
    Ambiguous {
        /// What they are, in words.
        what: &'static str,
        /// What was given.
        name: String,
    },
    /// A service without one could not go on.
    #[error(
        "a charter needs a {what}, and none would be left: add the one that the service has staged"
    )]
    NoneLeft {
        /// What is needed, in words.
        what: &'static str,
    },
    /// It would say the same again.
    #[error("nothing would be otherwise than in the charter in force")]
    Nothing,
}

/// What it means that so many of so many registrars decide, where that is dangerous.
#[must_use]
pub fn dangerous_quorum(registrars: usize, threshold: u32) -> Option<String> {
    let all = u32::try_from(registrars).is_ok_and(|all| all == threshold);
    Some(match (registrars, threshold) {
        (1, _) => {
            "one registrar decides alone: if that key is lost nobody can sign the next charter, \
                   and whoever steals it decides everything"
                .to_owned()
        }
        (_, 1) => format!(
            "each of {registrars} registrars decides alone: whoever steals one key decides everything"
        ),
        _ if all => format!(
            "all {registrars} registrars must sign: if one key is lost nobody can sign the next charter"
        ),
        _ => return None,
    })
}

/// What it means that there are so few operators.
pub(super) fn too_few_operators(operators: usize) -> Option<&'static str> {
    match operators {
        0 => Some("no operator: nobody could do what operators do"),
        1 => Some("one operator acts alone: whoever steals that key does all that operators do"),
        _ => None,
    }
}

/// The charter in force with these changes. Head and predecessor are filled in when it is composed.
///
/// # Errors
/// [`InvalidChange`].
pub fn amended(
    before: &proto::Charter,
    changes: &Changes,
) -> Result<proto::Charter, InvalidChange> {
    let mut next = before.clone();
    people("registrar", &mut next.registrars, &changes.registrars)?;
    people("operator", &mut next.operators, &changes.operators)?;
    people("auditor", &mut next.auditors, &changes.auditors)?;
    for name in &changes.remove_witnesses {
        let named = |witness: &proto::Witness| witness.name == *name;
        remove("witness", name, &mut next.witnesses, named)?;
    }
    for vkey in &changes.witnesses {
        let (name, key) = (vkey.name().as_str().to_owned(), Some(listed(vkey.key())));
        next.witnesses.retain(|witness| witness.name != name);
        next.witnesses.push(proto::Witness { name, key });
    }
    for name in &changes.unset {
        remove("setting", name, &mut next.policy, |setting| setting.name == *name)?;
    }
    for (name, value) in &changes.set {
        next.policy.retain(|setting| setting.name != *name);
        next.policy.push(proto::Setting { name: name.clone(), value: *value });
    }
    service_keys("log key", &mut next.log, &changes.log)?;
    service_keys("relay key", &mut next.relay, &changes.relay)?;
    authorities(&mut next.service_ca, changes)?;
    next.threshold = changes.threshold.unwrap_or(before.threshold);
    if next.registrars.is_empty() {
        return Err(InvalidChange::Nobody);
    }
    let given = changes.threshold.is_some();
    number("--threshold", 1, next.registrars.len(), next.threshold, given)?;
    next.quorum = quorum(changes, before, next.witnesses.len());
    let most = next.witnesses.len();
    let least = if most == 0 { 0 } else { most / 2 + 1 };
    number("--quorum", least, most, next.quorum, changes.quorum.is_some())?;
    next.rules = changes.rules.unwrap_or(before.rules);
    let (in_force, found) = (before.rules, next.rules);
    if found != in_force && Some(found) != in_force.checked_add(1) {
        return Err(InvalidChange::Rules { in_force, found });
    }
    if next == *before { Err(InvalidChange::Nothing) } else { Ok(next) }
}

/// As it was; of the first witnesses the least, and none of none.
fn quorum(changes: &Changes, before: &proto::Charter, witnesses: usize) -> u32 {
    let first = before.witnesses.is_empty() || witnesses == 0;
    let least = if witnesses == 0 { 0 } else { witnesses as u32 / 2 + 1 };
    changes.quorum.unwrap_or(if first { least } else { before.quorum })
}

fn people(
    role: &'static str,
    listed: &mut Vec<proto::Person>,
    changes: &People,
) -> Result<(), InvalidChange> {
    for id in &changes.remove {
        remove(role, id, listed, |person| person.id == *id)?;
    }
    for person in &changes.add {
        listed.retain(|listed| listed.id != person.id);
        listed.push(person.clone());
    }
    listed.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(())
}

fn service_keys(
    what: &'static str,
    listed: &mut Vec<proto::PublicKey>,
    changes: &ServiceKeys,
) -> Result<(), InvalidChange> {
    for name in &changes.remove {
        remove_by_id(what, name, listed, |key| &key.key)?;
    }
    // By age: one that is listed already becomes the newest, and signs.
    listed.retain(|listed| changes.add.iter().all(|added| added.key != listed.key));
    listed.extend(changes.add.iter().cloned());
    if listed.is_empty() { Err(InvalidChange::NoneLeft { what }) } else { Ok(()) }
}

fn authorities(listed: &mut Vec<Bytes>, changes: &Changes) -> Result<(), InvalidChange> {
    let what = "service authority";
    for name in &changes.remove_service_ca {
        remove_by_id(what, name, listed, |der| der)?;
    }
    listed.extend(changes.service_ca.iter().cloned());
    listed.sort();
    listed.dedup();
    if listed.is_empty() { Err(InvalidChange::NoneLeft { what }) } else { Ok(()) }
}

/// Removes the one whose SHA-256 begins with these digits.
fn remove_by_id<T>(
    what: &'static str,
    name: &str,
    listed: &mut Vec<T>,
    bytes: impl Fn(&T) -> &Bytes,
) -> Result<(), InvalidChange> {
    let digits: String = name.chars().filter(|c| !c.is_whitespace()).collect();
    let named = |one: &T| hex::encode(KeyId::of(bytes(one)).as_bytes()).starts_with(&digits);
    if digits.is_empty() || listed.iter().filter(|one| named(one)).count() > 1 {
        return Err(InvalidChange::Ambiguous { what, name: name.to_owned() });
    }
    remove(what, name, listed, named)
}

fn remove<T>(
    what: &'static str,
    name: &str,
    listed: &mut Vec<T>,
    named: impl Fn(&T) -> bool,
) -> Result<(), InvalidChange> {
    let before = listed.len();
    listed.retain(|one| !named(one));
    if listed.len() == before {
        return Err(InvalidChange::NotThere { what, name: name.to_owned() });
    }
    Ok(())
}

fn number(
    what: &'static str,
    least: usize,
    most: usize,
    found: u32,
    given: bool,
) -> Result<(), InvalidChange> {
    if (least..=most).contains(&(found as usize)) {
        return Ok(());
    }
    Err(if given {
        InvalidChange::Number { what, least, most, found }
    } else {
        InvalidChange::Kept { what, least, most, kept: found }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::draft::{Bundle, Composer};
    use crate::signed::canonical;
    use crate::tlog::note::KeyName;
    use crate::world::testlog::{TestLog, ambient, key, name, person};

    fn in_force(log: &TestLog) -> proto::Charter {
        canonical::decode(&log.directory.charter().payload).unwrap()
    }

    fn witness(by: &str, seed: u8) -> VerifierKey {
        VerifierKey::new(KeyName::parse(by).unwrap(), key(seed).public().clone()).unwrap()
    }

    #[test]
    fn what_nobody_said_stays_and_what_was_said_is_admitted() {
        let mut log = TestLog::new();
        let before = in_force(&log);
        let changes = Changes {
            registrars: People { add: vec![person("dave", 4)], remove: vec!["bob".to_owned()] },
            witnesses: vec![witness("w.example/b", 41), witness("w.example/a", 40)],
            set: vec![("stale-after".to_owned(), 3_600), ("a-new-one".to_owned(), 7)],
            ..Changes::default()
        };
        let next = amended(&before, &changes).unwrap();
        let ids: Vec<&str> = next.registrars.iter().map(|person| person.id.as_str()).collect();
        assert_eq!((ids, next.threshold, next.quorum), (vec!["alice", "carol", "dave"], 2, 2));
        let untouched = |charter: &proto::Charter| {
            let (log, relay) = (charter.log.clone(), charter.relay.clone());
            (log, relay, charter.service_ca.clone(), charter.operators.clone(), charter.rules)
        };
        assert_eq!(untouched(&next), untouched(&before));
        let publication = Composer::on(&log.directory, &ambient()).charter(next);
        let crate::domain::directory::Statement::Charter(drafted) = publication.statement() else {
            panic!()
        };
        assert_eq!(drafted.previous[..], log.directory.genesis().as_bytes()[..]);
        assert_eq!(drafted.targets[0].version, 2);
        // By the file, as it is carried; the old quorum and the new.
        let bundle = Bundle::read(&Bundle::of(vec![publication]).write()).unwrap();
        log.sign_and_add(bundle.publications().to_vec(), &[1, 3]).unwrap();
        assert_eq!(log.directory.charter().policy.stale_after, 3_600);
        assert_eq!(log.directory.name(), &name());
        // One setting back to its default, a witness with another key, and no more than that.
        let before = in_force(&log);
        let changes = Changes {
            unset: vec!["stale-after".to_owned()],
            witnesses: vec![witness("w.example/a", 42)],
            ..Changes::default()
        };
        let next = amended(&before, &changes).unwrap();
        assert_eq!((next.policy.len(), next.witnesses.len(), next.quorum), (1, 2, 2));
        let drafted = Composer::on(&log.directory, &ambient()).charter(next);
        log.sign_and_add(vec![drafted], &[1, 3]).unwrap();
        assert_eq!(log.directory.charter().policy.stale_after, 86_400);
    }

    #[test]
    fn what_cannot_be_met_is_refused_before_anybody_signs() {
        let log = TestLog::new();
        let before = in_force(&log);
        let refused = |changes: Changes| amended(&before, &changes).unwrap_err().to_string();
        let remove = |ids: &[&str]| People {
            remove: ids.iter().map(ToString::to_string).collect(),
            ..People::default()
        };
        for (changes, sentence) in [
            (Changes::default(), "nothing would be otherwise"),
            (
                Changes { registrars: remove(&["alice", "bob"]), ..Changes::default() },
                "--threshold is 2 in the charter in force and must be 1 to 1 in the next: add --threshold 1",
            ),
            (
                Changes { registrars: remove(&["alice", "bob", "carol"]), ..Changes::default() },
                "a charter needs a registrar, and none would be left",
            ),
            (
                Changes { threshold: Some(0), ..Changes::default() },
                "--threshold must be 1 to 3: found 0",
            ),
            (
                Changes { operators: remove(&["bob"]), ..Changes::default() },
                "the charter in force has no operator bob",
            ),
            (
                Changes {
                    witnesses: vec![witness("a", 40), witness("b", 41)],
                    quorum: Some(1),
                    ..Changes::default()
                },
                "--quorum must be 2 to 2: found 1",
            ),
            (
                Changes { unset: vec!["stale-after".to_owned()], ..Changes::default() },
                "the charter in force has no setting stale-after",
            ),
            (Changes { rules: Some(3), ..Changes::default() }, "not 3"),
            (Changes { rules: Some(0), ..Changes::default() }, "not 0"),
        ] {
            let found = refused(changes);
            assert!(found.contains(sentence), "{found}");
        }
        let next = Changes { rules: Some(2), ..Changes::default() };
        assert_eq!(amended(&before, &next).unwrap().rules, 2);
    }

    fn staged(seed: u8, holder: &str, usage: proto::Use) -> proto::PublicKey {
        let ambient = ambient();
        crate::client::keys::prove(&key(seed), holder, usage, &ambient).unwrap()
    }

    #[test]
    fn the_newest_key_of_the_service_signs_and_none_is_removed_alone() {
        let log = TestLog::new();
        let before = in_force(&log);
        let id = |key: &[u8]| hex::encode(KeyId::of(key).as_bytes());
        let (new, old) = (staged(60, "log/un.example", proto::Use::Log), before.log[0].clone());
        let adds = |keys: &[&proto::PublicKey], remove: &[String]| Changes {
            log: ServiceKeys {
                add: keys.iter().map(|key| (*key).clone()).collect(),
                remove: remove.to_vec(),
            },
            ..Changes::default()
        };
        let both = amended(&before, &adds(&[&new], &[])).unwrap();
        assert_eq!(both.log, [old.clone(), new.clone()], "the last signs");
        let back = amended(&both, &adds(&[&old], &[])).unwrap();
        assert_eq!(back.log, [new.clone(), old.clone()], "one that is listed becomes the newest");
        let digits = id(&old.key)[..12].to_owned();
        let alone = amended(&both, &adds(&[], std::slice::from_ref(&digits))).unwrap();
        assert_eq!(alone.log, std::slice::from_ref(&new));
        let said = |changes: &Changes| amended(&before, changes).unwrap_err().to_string();
        assert!(
            said(&adds(&[], std::slice::from_ref(&digits))).contains("a charter needs a log key")
        );
        assert!(said(&adds(&[&new], &["ffffffffffff".to_owned()])).contains("has no log key"));
        assert!(said(&adds(&[&new], &[String::new()])).contains("more digits"));
        let exchanged = amended(&before, &adds(&[&new], &[digits])).unwrap();
        assert_eq!((exchanged.log, exchanged.relay), (vec![new], before.relay.clone()));
        let authorities = |add: &[&'static [u8]], remove: &[String]| Changes {
            service_ca: add.iter().map(|der| Bytes::from_static(der)).collect(),
            remove_service_ca: remove.to_vec(),
            ..Changes::default()
        };
        let old = id(&before.service_ca[0]);
        let next = amended(&before, &authorities(&[b"b", b"a", b"b"], &[])).unwrap();
        assert!(next.service_ca.len() == 3 && next.service_ca.is_sorted());
        let next = amended(&before, &authorities(&[b"b"], std::slice::from_ref(&old))).unwrap();
        assert_eq!(next.service_ca, [&b"b"[..]]);
        let said = said(&authorities(&[], &[old]));
        assert!(said.contains("a charter needs a service authority"), "{said}");
    }
}
