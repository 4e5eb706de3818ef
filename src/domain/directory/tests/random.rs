//! Random histories: whatever comes in whatever order, a replay from entry 0 is the same directory,
//! and so is one put together from the parts that were stored, and one that was kept as a whole.

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

/// A start: the newest of each part by its id, as the service stores them.
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
    let charter = Charter::decode(&charter.unwrap().encode()).unwrap();
    let charter = Arc::new(charter);
    let mut packing = Packing::of(Directory::at(name, genesis, last.leaf + 1, clock, charter));
    for key in keys.values() {
        packing.key(&key.encode()).unwrap();
    }
    for contact in contacts.values() {
        packing.contact(&contact.encode()).unwrap();
    }
    for member in members.values() {
        packing.member(&member.encode()).unwrap();
    }
    packing.finish()
}

/// A command's start: the whole of it, kept as bytes.
fn kept(directory: &Directory) -> Directory {
    Directory::decode(&directory.encode().unwrap().into()).unwrap()
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
        prop_assert_eq!(&kept(&world.directory), &world.directory);
    }
}

/// At every entry of a long one, also of a directory that was kept at the entry before, and at all
/// before that.
#[test]
fn at_every_entry_of_two_thousand_all_are_the_same_directory() {
    let mut world = World::new();
    let mut going_on = kept(&world.directory);
    let mut tried = 0_u64;
    while world.entries.len() < 2_000 {
        let random = Digest::of(&tried.to_be_bytes());
        let [kind, about, spoil, signers, ..] = random.as_bytes();
        // By those who may, and nothing forged: what is refused is another test's.
        let bytes = attempt(&world, (*kind, *about, spoil % 128, signers % 128));
        let at = NOW + tried;
        tried += 1;
        if world.decide_bytes(&bytes, at).is_err() {
            continue;
        }
        world.take_bytes(bytes, at);
        going_on.advance(world.parts.last().unwrap());
        assert!(going_on == world.directory, "went on, at {tried}");
        let again = kept(&going_on);
        assert!(again == world.directory, "kept, at {tried}");
        assert_eq!(again.encode(), world.directory.encode(), "one directory, one form, at {tried}");
        looked_up(&again, &world.directory);
        assert!(started(&world) == world.directory, "started, at {tried}");
        going_on = again;
    }
    assert!(replayed(&world.entries) == world.directory);
}

/// What is found by its id is what is found by going through all.
fn looked_up(kept: &Directory, whole: &Directory) {
    for contact in whole.contacts() {
        let member = contact.id.member();
        assert_eq!(kept.contact(&contact.id), Some(contact));
        assert_eq!(kept.member(&member), whole.member(&member));
        let of = |directory: &Directory| {
            let contacts = directory.contacts_of(&member).cloned();
            let keys = directory.seal_keys(&contact.id).cloned();
            (contacts.collect::<Vec<_>>(), keys.collect::<Vec<_>>())
        };
        assert_eq!(of(kept), of(whole));
    }
    for known in whole.keys() {
        assert_eq!(kept.known(&known.name()), Some(known));
    }
}

/// The same after each kind, not left to chance.
#[test]
fn after_every_kind_a_replay_and_a_start_are_the_same() {
    let mut world = World::new();
    let same = |world: &World| {
        assert_eq!(replayed(&world.entries), world.directory);
        assert_eq!(started(world), world.directory);
        assert_eq!(kept(&world.directory), world.directory);
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

/// Whoever reads such bytes has seen that they are those that were kept. If they are not, nothing of them
/// is there, or something else; and that is all.
#[test]
fn a_kept_directory_that_was_altered_anywhere_is_read_without_harm() {
    let mut world = World::new();
    world.take(&world.record("fr/soc"));
    let whole = world.directory.encode().unwrap();
    let read_all = |bytes: Vec<u8>| {
        let Ok(directory) = Directory::decode(&bytes.into()) else { return };
        let _ = (directory.members().count(), directory.contacts().count(), directory.encode());
        for known in world.directory.keys() {
            let _ = directory.known(&known.name());
        }
    };
    for place in (0..whole.len()).step_by(3) {
        let mut altered = whole.clone();
        altered[place] ^= [0x01, 0x80, 0xff][place % 7 % 3];
        read_all(altered);
        read_all(whole[..place].to_vec());
    }
}
