//! Random histories: whatever comes in whatever order, a replay from entry 0 is the same directory,
//! and so is one put together from the parts that were stored.

use proptest::prelude::*;

use super::*;

/// One attempt: what is tried, about whom, and how it is spoilt. Most are refused.
pub(crate) type Attempt = (u8, u8, u8, u8);

const MEMBERS: [&str; 4] = ["at", "fr", "zz", "de"];
const CONTACTS: [&str; 5] = ["at/cert", "fr/cert", "fr/soc", "zz/mfa", "de/new"];
const SEATS: [&str; 4] = ["at/cert/duty-1", "fr/cert/duty-2", "fr/soc/duty-1", "fr/soc/safe"];
const SIGNERS: [&[&str]; 8] = [
    &["alice", "bob"],
    &["bob", "frank"],
    &["fr-1", "fr-3"],
    &["at-1"],
    &["fr/soc keeper"],
    &["fr/soc keeper 1"],
    &["fr/soc/duty-1 sign"],
    &["alice", "bob", "frank"],
];

fn attempt(world: &World, (kind, about, spoil, signers): Attempt) -> Vec<u8> {
    let contact = CONTACTS[usize::from(about) % CONTACTS.len()];
    let seat = SEATS[usize::from(about) % SEATS.len()];
    let fresh = format!("{contact} keeper {}", spoil % 3);
    match kind % 7 {
        0 => spoilt(world.charter(), spoil, signers, |charter| {
            match about % 5 {
                0 => charter.registrars = vec![person("alice"), person("bob"), person("frank")],
                1 => charter.registrars = vec![person("alice"), person("bob"), person("carol")],
                2 => charter.log.push(public(&fresh)),
                3 => charter.operators = vec![person("dave"), person("hugo")],
                _ => charter.witnesses.clear(),
            };
        }),
        1 => {
            let member = MEMBERS[usize::from(about) % MEMBERS.len()];
            spoilt(world.admission(member), spoil, signers, |admission| {
                if spoil % 4 == 3 && member != "fr" {
                    (admission.authority, admission.threshold) = (vec![public(&fresh)], 1);
                }
            })
        }
        2 => spoilt(world.attested(contact), spoil, signers, |_| ()),
        3 => spoilt(world.record(contact), spoil, signers, |record| {
            record.keeper = (spoil % 4 != 2).then(|| public(&fresh));
        }),
        4 => spoilt(world.roster(contact), spoil, signers, |roster| match spoil % 4 {
            0 => drop(roster.seats.remove(0)),
            1 => roster.seats[0].tls = Some(public(&fresh)),
            2 => roster.seats[0].sign = Some(public(&fresh)),
            _ => {}
        }),
        5 => spoilt(world.withdrawal(contact), spoil, signers, |_| ()),
        _ => spoilt(world.revocation(seat), spoil, signers, |slip| {
            slip.key_ids.truncate(usize::from(spoil % 4));
        }),
    }
}

fn spoilt<S: Says>(
    mut draft: Draft<S>,
    spoil: u8,
    signers: u8,
    change: impl FnOnce(&mut S),
) -> Vec<u8> {
    change(&mut draft.says);
    match spoil {
        200.. => draft.says.targets()[0].version = u64::from(spoil),
        190.. => *draft.says.issued_at() = u64::MAX,
        180.. => draft.tamper.push(|dsse| dsse.signatures.reverse()),
        170.. => draft.tamper.push(|dsse| dsse.payload = Vec::new().into()),
        _ => {}
    }
    if signers >= 128 {
        draft.signers = SIGNERS[usize::from(signers) % SIGNERS.len()].to_vec();
    }
    draft.bytes()
}

/// The entries of a history, and what was tried last, whether it is one of them or not.
pub(crate) fn entries(attempts: &[Attempt]) -> Vec<Vec<u8>> {
    let mut world = World::new();
    let mut last = None;
    for (tried, at) in attempts.iter().zip(NOW..) {
        let bytes = attempt(&world, *tried);
        last = None;
        if world.decide_bytes(&bytes, at).is_ok() {
            world.take_bytes(bytes, at);
        } else {
            last = Some((bytes, at));
        }
    }
    world.entries.iter().chain(&last).map(older::encoded).collect()
}

/// A replica: it folds the entries and trusts nothing else.
fn replayed(entries: &[(Vec<u8>, u64)]) -> Directory {
    let name = NAME.parse().unwrap();
    let (first, admitted_at) = &entries[0];
    let charter = verify_founding(&name, first).unwrap();
    let (mut directory, _) = found(&name, &charter, *admitted_at).unwrap();
    for (leaf, (bytes, at)) in entries.iter().enumerate().skip(1) {
        let admitted = Admitted { leaf: leaf as u64, at: *at };
        let verified = verify(&directory, bytes).unwrap();
        let parts = apply(&directory, &verified, admitted).unwrap();
        directory.advance(&parts);
    }
    directory
}

/// A start: the newest of each part by its id, as the service stores them, in any order.
fn started(world: &World) -> Directory {
    let (last, clock) = world.parts.last().map(|parts| (parts.admitted, parts.clock)).unwrap();
    let mut members = BTreeMap::new();
    let mut contacts = BTreeMap::new();
    let mut keys = BTreeMap::new();
    let mut charter = None;
    for parts in &world.parts {
        charter = parts.charter.clone().or(charter);
        members.extend(parts.member.iter().map(|member| (member.id.clone(), member.clone())));
        contacts.extend(parts.contact.iter().map(|contact| (contact.id.clone(), contact.clone())));
        keys.extend(parts.keys.iter().map(|key| (key.name(), key.clone())));
    }
    let directory = &world.directory;
    let (name, genesis) = (directory.name().clone(), directory.genesis());
    let head = (last.leaf + 1, clock);
    let mut directory = Directory::at(name, genesis, head, charter.unwrap());
    let none = || Parts::none(last, clock);
    directory.advance(&Parts { keys: keys.into_values().collect(), ..none() });
    for contact in contacts.into_values() {
        directory.advance(&Parts { contact: Some(contact), ..none() });
    }
    for member in members.into_values() {
        directory.advance(&Parts { member: Some(member), ..none() });
    }
    directory
}

/// A key has one holder and one purpose for ever, and comes into force once.
fn one_holder_for_ever(before: &Directory, after: &Directory) {
    for known in before.keys() {
        let now = after.known(&known.name()).unwrap();
        assert_eq!((now.purpose, &now.key, now.from), (known.purpose, &known.key, known.from));
        let moves = known.purpose == key::Purpose::SeatSeal;
        assert!(now.holder == known.holder || moves, "{known:?} is another's now");
        assert!(!known.has_ended() || now.has_ended(), "{known:?} came back");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_replay_and_a_start_are_the_same_directory(attempts: Vec<Attempt>) {
        let mut world = World::new();
        let mut at = NOW;
        let mut before = vec![world.directory.clone()];
        for try_this in attempts {
            let bytes = attempt(&world, try_this);
            let decided = world.decide_bytes(&bytes, at);
            prop_assert_eq!(&world.decide_bytes(&bytes, at), &decided, "decided the same again");
            let older = &before[usize::from(try_this.2) % before.len()];
            if let Ok(verified) = verify(older, &bytes) {
                let admitted = Admitted { leaf: world.directory.size(), at };
                let applied = apply(&world.directory, &verified, admitted);
                prop_assert_eq!(applied.ok(), decided.as_ref().ok().cloned(), "verified before");
            }
            if decided.is_ok() {
                world.take_bytes(bytes, at);
                one_holder_for_ever(&before[before.len() - 1], &world.directory);
                before.push(world.directory.clone());
                at += 1;
            }
        }
        prop_assert_eq!(&replayed(&world.entries), &world.directory);
        prop_assert_eq!(&started(&world), &world.directory);
    }
}

/// The same after each kind, not left to chance.
#[test]
fn after_every_kind_a_replay_and_a_start_are_the_same() {
    let mut world = World::new();
    let same = |world: &World| {
        assert_eq!(replayed(&world.entries), world.directory);
        assert_eq!(started(world), world.directory);
    };
    same(&world);
    world.take(&world.charter());
    same(&world);
    world.take(&world.admission("fr"));
    same(&world);
    world.take(&world.attested("zz/mfa"));
    same(&world);
    world.take(&world.record("fr/soc"));
    same(&world);
    world.take(&world.revocation("fr/soc/duty-1"));
    same(&world);
    world.take(&world.roster("fr/soc").with(|roster| drop(roster.seats.remove(0))));
    same(&world);
    world.take(&world.withdrawal("fr/soc"));
    same(&world);
}
