//! What the next charter is to say, and what one says.

use super::*;
use crate::office::drafts::charter::{
    Changes, Charters, NotRead, SETTINGS, ServiceKeys, add_person, add_service_key, add_witness,
    authority, setting,
};
use crate::signed::proto::Use;

/// A SERVICE KEY file of this holder with these keys.
fn staged(holder: &str, usage: Use, seeds: &[u8]) -> String {
    let sign = seeds.iter().map(|seed| testlog::proven(*seed, holder, usage)).collect();
    let keys = v1::PublicKeys { holder: holder.to_owned(), sign, ..v1::PublicKeys::default() };
    armour::write(armour::Kind::Service, &keys)
}

#[test]
fn a_key_of_the_service_is_taken_from_a_file_that_shows_it() {
    let mut keys = ServiceKeys::default();
    let log = staged("log/un.example", Use::Log, &[60]);
    add_service_key(&mut keys, "log", &log).unwrap();
    assert_eq!(keys.add.len(), 1);
    let refused = |of: &str, text: &str| {
        let mut keys = ServiceKeys::default();
        let why = add_service_key(&mut keys, of, text).unwrap_err();
        assert!(keys.add.is_empty());
        why
    };
    let relay = staged("relay/un.example", Use::Relay, &[61]);
    for (of, text, found) in
        [("log", &relay, "relay/un.example"), ("relay", &log, "log/un.example")]
    {
        match refused(of, text) {
            NotRead::HolderOf { holder, wanted } => {
                assert_eq!((&*holder, &*wanted), (found, of));
            }
            other => panic!("{other:?}"),
        }
    }
    let two = staged("log/un.example", Use::Log, &[60, 62]);
    assert!(matches!(refused("log", &two), NotRead::NotOneKey));
    let none = staged("log/un.example", Use::Log, &[]);
    assert!(matches!(refused("log", &none), NotRead::NotOneKey | NotRead::Failed(_)));
    // Proven for another use.
    let other = staged("log/un.example", Use::Relay, &[60]);
    assert!(matches!(refused("log", &other), NotRead::Failed(_)));
    assert!(matches!(refused("log", "no file"), NotRead::Failed(_)));
}

#[test]
fn a_setting_is_a_name_and_a_number_that_can_be_signed() {
    let said = |given: &str| setting(given);
    assert_eq!(said("stale-after=86400"), Some(("stale-after".to_owned(), 86_400)));
    assert_eq!(said("a1=1"), Some(("a1".to_owned(), 1)));
    let largest = (1_u64 << 53) - 1;
    assert_eq!(said(&format!("x={largest}")), Some(("x".to_owned(), largest)));
    let long = "x".repeat(32);
    assert!(said(&format!("{long}=1")).is_some());
    for wrong in [
        "",
        "x",
        "x=",
        "=1",
        "x=0",
        "x=-1",
        "X=1",
        "a_b=1",
        "a b=1",
        "x=1.5",
        &format!("x={}", largest + 1),
        &format!("{long}x=1"),
    ] {
        assert_eq!(said(wrong), None, "{wrong:?}");
    }
    assert!(SETTINGS.contains(&"stale-after"));
}

#[test]
fn certificates_and_witnesses_are_read_or_refused() {
    let pem = armour_of(&testlog::ca(70));
    assert_eq!(authority(&pem).unwrap(), testlog::ca(70));
    assert!(matches!(authority(&armour_of(b"no DER")), Err(NotRead::Certificate(_))));
    assert!(matches!(authority("no PEM"), Err(NotRead::Failed(_))));
    let mut changes = Changes::default();
    assert!(matches!(add_witness(&mut changes, "no vkey"), Err(NotRead::Witness(_))));
    assert!(changes.witnesses.is_empty());
}

fn armour_of(der: &[u8]) -> String {
    armour::encode("CERTIFICATE", der).to_string()
}

#[test]
fn the_next_charter_says_what_is_otherwise_and_nothing_else() {
    let world = World::new();
    let mut changes = Changes::default();
    let nothing = world.at_hand(&world.alice).charter(&world.alice, &changes);
    assert!(matches!(nothing, Err(NotRead::Change(_))));
    changes.set = vec![("stale-after".to_owned(), 3_600)];
    changes.rules = Some(9);
    let far = world.at_hand(&world.alice).charter(&world.alice, &changes);
    assert!(matches!(far, Err(NotRead::Change(_))), "rules are these or the next");
    changes.rules = None;
    let at_hand = world.at_hand(&world.alice);
    assert_eq!(at_hand.charter_version(), Ok(1));
    let drafted = at_hand.charter(&world.alice, &changes).unwrap();
    let charter: proto::Charter = payload(&drafted);
    assert_eq!(charter.targets[0].version, 2);
    let settings: Vec<_> = charter.policy.iter().map(|set| (&*set.name, set.value)).collect();
    assert_eq!(settings, [("stale-after", 3_600)]);
    let before = world.log.directory.charter().newest.statement;
    assert_eq!(charter.previous, before.as_bytes().to_vec());
    let ids: Vec<_> = charter.registrars.iter().map(|person| &*person.id).collect();
    assert_eq!(ids, ["alice", "bob", "carol"]);
}

#[test]
fn what_a_charter_says_is_shown_as_values() {
    let world = World::new();
    let in_force = world.alice.charter_in_force().unwrap().unwrap();
    let all = in_force.all();
    assert_eq!(all.len(), 1);
    let shown = &all[0];
    assert_eq!(shown.directory.as_deref(), Some("un.example"));
    assert_eq!((shown.version, shown.leaf), (Some(1), Some(0)));
    assert_eq!((shown.rules, shown.threshold, shown.quorum), (1, 2, 0));
    assert_eq!((shown.issued_at, &*shown.previous), (NOW, &[][..]));
    let ids: Vec<_> = shown.registrars.iter().map(|person| &*person.id).collect();
    assert_eq!(ids, ["alice", "bob", "carol"]);
    assert_eq!(shown.registrars[2].name, "Registrar carol");
    assert_eq!(shown.registrars[2].sign, Some(key(3).public().id()));
    assert_eq!(shown.registrars[2].tls, Some(key(103).public().id()));
    assert!(shown.operators.is_empty() && shown.auditors.is_empty());
    assert_eq!(shown.log, [key(LOG).public().id()]);
    assert_eq!(shown.relay, [key(11).public().id()]);
    let digest = crate::crypto::hash::Digest::of(&testlog::ca(testlog::CA));
    assert_eq!(shown.service_authorities, [digest]);
    assert!(shown.settings.is_empty() && shown.witnesses.is_empty());
    let invitation = world.alice.home.invitation(&name()).unwrap();
    let fingerprint = invitation.fingerprint();
    assert_eq!(
        (&shown.fingerprint, &shown.fingerprint_telephone),
        (&fingerprint.0, &fingerprint.1)
    );
    assert!(in_force.says().iter().any(|line| line.label == "decided by"));

    // Of an invitation it is the same, but that nobody says that it is in force.
    let text = armour::write(armour::Kind::Invitation, &world.log.invitation());
    let invited = Charters::of_file(&text).unwrap().unwrap().all();
    assert_eq!(invited.len(), 1);
    assert_eq!(invited[0].leaf, None);
    assert_eq!(invited[0].fingerprint, shown.fingerprint);
}

#[test]
fn a_file_without_a_charter_shows_none_and_another_kind_is_none() {
    let world = World::populated();
    let drafted = world.rostering().draft(&world.fr).unwrap();
    assert!(Charters::of_file(&drafted.write()).unwrap().unwrap().all().is_empty());
    let [authority, ..] = world.owners();
    let other = world.fr.home.keys().public(&authority, world.fr.ambient()).unwrap();
    assert!(Charters::of_file(&other).unwrap().is_none());
    assert!(Charters::of_file("no file").unwrap().is_none());
    assert!(Charters::of_file(&drafted.write().replacen("-----END", "-----ENT", 1)).is_err());
}

#[test]
fn somebody_is_added_by_a_file_of_his_own_role() {
    let world = World::new();
    let text = world.bob.home.keys();
    let text = text.person(&registrar("bob"), "Bob", world.bob.ambient()).unwrap();
    let mut changes = Changes::default();
    assert!(add_person(&mut changes.operators, Role::Operator, &text).is_err());
    add_person(&mut changes.registrars, Role::Registrar, &text).unwrap();
    assert_eq!((changes.operators.add.len(), changes.registrars.add.len()), (0, 1));
    // Bob by another name, with the same keys: only that is otherwise.
    let drafted = world.at_hand(&world.alice).charter(&world.alice, &changes).unwrap();
    let charter: proto::Charter = payload(&drafted);
    let names: Vec<_> = charter.registrars.iter().map(|person| &*person.name).collect();
    assert_eq!(names, ["alice", "Bob", "Registrar carol"]);
}
