//! What a charter says that has all that one can have.

use super::*;
use crate::crypto::hash::Digest;
use crate::crypto::sign::{KeyId, eye};
use crate::office::drafts::charter::{
    Changes, Charters, Person, Setting, Witness, add_person, add_witness, authority,
};
use crate::tlog::note::{KeyName, VerifierKey};

fn vkey(by: &str, seed: u8) -> String {
    VerifierKey::new(KeyName::parse(by).unwrap(), key(seed).public().clone()).unwrap().to_string()
}

fn person(office: &Office, owner: &Owner, name: &str) -> String {
    office.home.keys().create(owner, office.ambient()).unwrap();
    office.home.keys().person(owner, name, office.ambient()).unwrap()
}

fn ids(office: &Office, owner: &Owner) -> [Option<KeyId>; 2] {
    let keys = office.home.keys();
    let sign = keys.listed(owner, office.ambient()).unwrap();
    let tls = keys.listed_tls(owner, office.ambient()).unwrap();
    [sign, tls].map(|key| Some(KeyId::of(&key.key)))
}

#[test]
fn everything_that_a_charter_says_is_shown_where_it_belongs() {
    let mut world = World::new();
    let first = world.log.directory.charter().newest.statement;
    let operator = Owner::Operator("olga".parse().unwrap());
    let auditor = Owner::Auditor("adam".parse().unwrap());
    let mut changes = Changes::default();
    let text = person(&world.alice, &operator, "Olga");
    add_person(&mut changes.operators, Role::Operator, &text).unwrap();
    let text = person(&world.bob, &auditor, "Adam");
    add_person(&mut changes.auditors, Role::Auditor, &text).unwrap();
    add_witness(&mut changes, &vkey("witness.one", 80)).unwrap();
    add_witness(&mut changes, &vkey("witness.two", 81)).unwrap();
    add_witness(&mut changes, &vkey("witness.three", 82)).unwrap();
    assert_eq!(changes.witnesses.len(), 3);
    changes.quorum = Some(3);
    changes.threshold = Some(3);
    changes.set = vec![("stale-after".to_owned(), 3_600)];
    let other = testlog::ca(70);
    changes.service_ca = vec![authority(&armour::encode("CERTIFICATE", &other)).unwrap()];
    changes.log.add = vec![testlog::proven(60, "log/un.example", proto::Use::Log)];
    changes.relay.add = vec![testlog::proven(61, "relay/un.example", proto::Use::Relay)];
    let mut drafted = world.at_hand(&world.alice).charter(&world.alice, &changes).unwrap();
    let identity = drafted.bundle.publications()[0].envelope().digest();

    // Before it is in the log it has no place in it.
    let of_file = Charters::of_file(&drafted.write()).unwrap().unwrap().all().remove(0);
    assert_eq!((of_file.leaf, of_file.version), (None, Some(2)));
    assert_eq!(of_file.fingerprint, eye(&identity));
    world.signed(&world.alice, &mut drafted);
    world.signed(&world.bob, &mut drafted);
    World::carol_signs(&mut drafted, &world.alice);
    assert_eq!(drafted.missing(), []);
    // The log goes on being signed by the key that it had.
    let directory = world.log.directory.clone();
    assert_eq!(directory.size(), 1);
    world.log.log_key = 60;
    world.log_all(&drafted);
    let shown = world.alice.charter_in_force().unwrap().unwrap().all().remove(0);
    assert_eq!(shown, crate::office::drafts::charter::Shown { leaf: Some(1), ..of_file });
    assert_eq!(world.at_hand(&world.alice).charter_version(), Ok(2));

    assert_eq!(shown.previous, first.as_bytes());
    assert_eq!((shown.rules, shown.threshold, shown.quorum), (1, 3, 3));
    let somebody = |office, owner: &Owner, id: &str, name: &str| {
        let [sign, tls] = ids(office, owner);
        Person { id: id.to_owned(), name: name.to_owned(), sign, tls }
    };
    assert_eq!(shown.operators, [somebody(&world.alice, &operator, "olga", "Olga")]);
    assert_eq!(shown.auditors, [somebody(&world.bob, &auditor, "adam", "Adam")]);
    assert_eq!(shown.registrars[0], somebody(&world.alice, &registrar("alice"), "alice", "alice"));
    assert_eq!(shown.registrars.len(), 3);
    let witness = |by: &str, seed| Witness {
        name: by.to_owned(),
        key: Some(KeyId::of(&crate::domain::directory::key::listed(key(seed).public()).key)),
    };
    let witnesses =
        [witness("witness.one", 80), witness("witness.three", 82), witness("witness.two", 81)];
    assert_eq!(shown.witnesses, witnesses);
    let stale = Setting { name: "stale-after".to_owned(), value: 3_600 };
    assert_eq!(shown.settings, [stale]);
    // By age: the last one signs.
    assert_eq!(shown.log, [LOG, 60].map(|seed| key(seed).public().id()));
    assert_eq!(shown.relay, [11, 61].map(|seed| key(seed).public().id()));
    let mut authorities = [testlog::ca(testlog::CA), other];
    authorities.sort();
    let authorities: Vec<_> = authorities.iter().map(|der| Digest::of(der)).collect();
    assert_eq!(shown.service_authorities, authorities);
}

#[test]
fn only_charters_of_a_file_are_shown_and_all_of_them() {
    let world = World::new();
    let changes =
        |value| Changes { set: vec![("stale-after".to_owned(), value)], ..Changes::default() };
    let next = |value| {
        let drafted = world.at_hand(&world.alice).charter(&world.alice, &changes(value)).unwrap();
        drafted.bundle.publications()[0].clone()
    };
    let said = proto::Admission { authority: Vec::new(), threshold: 0, ..testlog::admission() };
    let directory = world.log.directory.clone();
    let admission = Composer::on(&directory, world.alice.ambient()).admission(said).unwrap();
    let bundle = Bundle::of(vec![next(3_600), admission, next(7_200)]);
    let charters = Charters::of_file(&bundle.write()).unwrap().unwrap();
    let all = charters.all();
    let values: Vec<_> = all.iter().map(|shown| shown.settings[0].value).collect();
    assert_eq!(values, [3_600, 7_200]);
    assert!(all.iter().all(|shown| shown.leaf.is_none()));
    // What it says line by line is all of it.
    assert!(charters.says().iter().any(|line| line.text.contains("fr")));
}

#[test]
fn of_all_kinds_of_files_two_have_charters() {
    let world = World::new();
    let empty = v1::Bundle::default();
    for kind in armour::Kind::ALL {
        let read = Charters::of_file(&armour::write(kind, &empty));
        match kind {
            armour::Kind::Invitation | armour::Kind::Statement => {
                assert!(read.is_err(), "{kind}: it is one, and says nothing");
            }
            _ => assert!(read.unwrap().is_none(), "{kind}"),
        }
    }
    let text = armour::write(armour::Kind::Invitation, &world.log.invitation());
    assert!(Charters::of_file(&text).unwrap().is_some());
    assert!(Charters::of_file(&text[..text.len() / 2]).is_err());
}

#[test]
fn without_a_copy_there_is_no_charter_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().to_owned());
    let office = office_at(ambient(), home, Arc::new(Told::default()));
    assert!(office.charter_in_force().is_err());
}

#[test]
fn changes_are_refused_that_the_charter_in_force_does_not_bear() {
    let world = World::new();
    let asked = |changes: &Changes| world.at_hand(&world.alice).charter(&world.alice, changes);
    let remove = |ids: &[&str]| {
        let mut changes = Changes::default();
        changes.registrars.remove = ids.iter().map(ToString::to_string).collect();
        changes
    };
    for (changes, word) in [
        (remove(&["dave"]), "dave"),
        (remove(&["alice", "bob"]), "--threshold"),
        (Changes { unset: vec!["stale-after".to_owned()], ..Changes::default() }, "stale-after"),
        (Changes { threshold: Some(4), ..Changes::default() }, "--threshold"),
    ] {
        match asked(&changes) {
            Err(crate::office::drafts::charter::NotRead::Change(why)) => {
                assert!(why.contains(word), "{why}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(asked(&remove(&["carol"])).is_ok());
}
