//! Which keys of a home count, which are opened for it, and what a home without a copy may sign.

use std::sync::Mutex;

use zeroize::Zeroizing;

use super::*;
use crate::client::draft::founding;
use crate::client::mend::Mend;
use crate::client::reason::Here;
use crate::office::asked::{Asks, NotAsked};
use crate::office::drafts::charter::{Changes, add_person};
use crate::office::drafts::{Lacking, RULES, Strange, Unsigned};
use crate::signed::proto::Reason;

/// Somebody with one passphrase for all his keys, who remembers for what he was asked.
#[derive(Default)]
struct Person(Mutex<Vec<String>>);

impl Person {
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Asks for Person {
    fn secret(&self, of: &str) -> Result<Zeroizing<String>, NotAsked> {
        self.0.lock().unwrap().push(of.to_owned());
        Ok(Zeroizing::new("correct horse battery staple".to_owned()))
    }

    fn tell(&self, _: &str) {}
}

/// Puts these keys of a home behind a passphrase; nothing of them is open afterwards.
fn kept(office: &mut Office, owners: &[Owner]) -> Arc<Person> {
    let person = Arc::new(Person::default());
    office.home = office.home.clone().asking(person.clone());
    for owner in owners {
        office.home.keys().protect(owner, office.ambient()).unwrap();
    }
    office.home = Home::at(office.home.root().to_owned()).asking(person.clone());
    person.asked();
    person
}

fn newcomer() -> (Office, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().to_owned());
    (office_at(ambient(), home, Arc::new(Told::default())), folder)
}

fn listed(world: &World, members: &[&str]) -> Drafted {
    let directory = world.log.directory.clone();
    let mut composer = Composer::on(&directory, world.alice.ambient());
    let all = members.iter().map(|member| {
        let said = proto::Admission {
            member: (*member).to_owned(),
            authority: Vec::new(),
            threshold: 0,
            ..testlog::admission()
        };
        composer.admission(said).unwrap()
    });
    Drafted::of(all.collect(), world.copy(&world.alice))
}

fn with_setting(world: &World) -> Drafted {
    let changes = Changes { set: vec![("stale-after".to_owned(), 3_600)], ..Changes::default() };
    world.at_hand(&world.alice).charter(&world.alice, &changes).unwrap()
}

#[test]
fn where_one_of_several_kept_keys_will_do_the_lesser_one_is_opened() {
    let mut world = World::populated();
    let [authority, keeper, seat] = world.owners();
    // The seat is lost, with all that it had.
    let all = world.fr.home.keys().list(world.fr.ambient()).unwrap();
    for lost in all.into_iter().filter(|key| key.owner == seat) {
        std::fs::remove_file(lost.path).unwrap();
    }
    let mut fr = world.fr.clone();
    let person = kept(&mut fr, &[authority, keeper.clone()]);
    world.fr = fr;
    let at_hand = world.at_hand(&world.fr);
    let mut ended = world.fr.revocation(at_hand, &duty(), Reason::Lost).unwrap();
    assert_eq!(ended.missing().len(), 1);
    assert_eq!(world.signed(&world.fr, &mut ended), [keeper]);
    assert_eq!(person.asked().len(), 1);
    assert_eq!(ended.missing(), []);
}

#[test]
fn a_key_that_lies_open_signs_also_where_enough_have() {
    let world = World::new();
    let mut drafted = listed(&world, &["ie"]);
    world.signed(&world.bob, &mut drafted);
    assert_eq!(World::carol_signs(&mut drafted, &world.bob), 1);
    assert_eq!(drafted.missing(), []);
    assert_eq!(world.signed(&world.alice, &mut drafted), [registrar("alice")]);
}

#[test]
fn a_key_whose_file_hides_it_is_opened_only_while_something_is_missing() {
    let mut world = World::new();
    let mut alice = world.alice.clone();
    let person = kept(&mut alice, &[registrar("alice")]);
    world.alice = alice;
    let keys = world.alice.home.keys();
    let path = keys.list(world.alice.ambient()).unwrap();
    let path = path.into_iter().find(|key| key.id.is_ok()).unwrap().path;
    // As another program leaves it.
    let text = std::fs::read_to_string(&path).unwrap();
    let at = text.find("-----BEGIN PUBLIC KEY-----").unwrap();
    std::fs::write(&path, &text[..at]).unwrap();

    let mut drafted = listed(&world, &["ie"]);
    let signing = world.alice.signing(&drafted).unwrap();
    assert_eq!((signing.counts, signing.signed, signing.hidden), (false, false, true));
    assert!(world.alice.unusable_keys().is_empty(), "it can be used, once it is opened");
    assert!(!world.bob.signing(&drafted).unwrap().hidden);
    let mut enough = listed(&world, &["pt"]);
    world.signed(&world.bob, &mut enough);
    World::carol_signs(&mut enough, &world.bob);
    assert_eq!(world.signed(&world.alice, &mut enough), []);
    assert_eq!(person.asked(), [] as [String; 0]);
    assert_eq!(world.signed(&world.alice, &mut drafted), [registrar("alice")]);
    assert_eq!(person.asked().len(), 1);
}

#[test]
fn who_has_signed_one_of_two_statements_has_signed_and_still_counts() {
    let world = World::new();
    let mut first = listed(&world, &["ie"]);
    world.signed(&world.alice, &mut first);
    let second = listed(&world, &["pt"]);
    let both = [first.bundle.publications(), second.bundle.publications()].concat();
    let mut both = Drafted::of(both, world.copy(&world.alice));
    let found: Vec<_> = both.missing().iter().map(|lacking| lacking.found).collect();
    assert_eq!(found, [1, 0]);
    let signing = world.alice.signing(&both).unwrap();
    assert_eq!((signing.counts, signing.signed), (true, true));
    let signing = world.bob.signing(&both).unwrap();
    assert_eq!((signing.counts, signing.signed), (true, false));
    // One for each signature that was added.
    assert_eq!(world.signed(&world.alice, &mut both), [registrar("alice")]);
    assert_eq!(world.signed(&world.bob, &mut both), [registrar("bob"), registrar("bob")]);
    assert_eq!(both.missing(), []);
}

#[test]
fn whom_a_charter_does_not_name_signs_nothing_without_a_copy() {
    let world = World::new();
    let (dave, _folder) = newcomer();
    dave.home.keys().create(&registrar("dave"), dave.ambient()).unwrap();
    let refused = |drafted: &Drafted| {
        let carried = dave.carried(&drafted.write()).unwrap();
        let why = dave.signing(&carried).err().unwrap();
        assert_eq!(
            (&why.reason, why.mend.as_deref()),
            (&Here::NoCopy.into(), Some(&Mend::JoinThenSync),)
        );
    };
    refused(&with_setting(&world));
    // Nor what stands beside a charter that names him.
    let text = dave.home.keys().person(&registrar("dave"), "Dave", dave.ambient()).unwrap();
    let mut changes = Changes::default();
    add_person(&mut changes.registrars, Role::Registrar, &text).unwrap();
    let named = world.at_hand(&world.alice).charter(&world.alice, &changes).unwrap();
    assert!(dave.signing(&dave.carried(&named.write()).unwrap()).unwrap().counts);
    let beside = listed(&world, &["ie"]);
    let both = [named.bundle.publications(), beside.bundle.publications()].concat();
    refused(&Drafted::of(both, world.copy(&world.alice)));
}

#[test]
fn a_registrar_whom_a_draft_names_has_a_name_in_its_own_quorum_alone() {
    let world = World::new();
    let (dave, _folder) = newcomer();
    dave.home.keys().create(&registrar("dave"), dave.ambient()).unwrap();
    let text = dave.home.keys().person(&registrar("dave"), "Dave", dave.ambient()).unwrap();
    let mut changes = Changes { threshold: Some(3), ..Changes::default() };
    add_person(&mut changes.registrars, Role::Registrar, &text).unwrap();
    changes.registrars.remove = vec!["carol".to_owned()];
    let mut drafted = world.at_hand(&world.alice).charter(&world.alice, &changes).unwrap();
    let of = |of: &str, ids: &[&str], needed| Lacking {
        of: of.to_owned(),
        found: 0,
        needed,
        from: Unsigned::Registrars(ids.iter().map(ToString::to_string).collect()),
    };
    let in_force = of("the registrars in force", &["alice", "bob", "carol"], 2);
    let own = of("the registrars that it names", &["alice", "bob", "dave"], 3);
    assert_eq!(drafted.missing(), [in_force, own]);
    world.signed(&world.alice, &mut drafted);
    world.signed(&world.bob, &mut drafted);
    // The old quorum is complete, the new one lacks the new one.
    let missing = drafted.missing();
    assert_eq!(missing.len(), 1);
    assert_eq!((missing[0].found, missing[0].needed), (2, 3));
    assert_eq!(missing[0].from, Unsigned::Registrars(vec!["dave".to_owned()]));
}

#[test]
fn keys_of_people_and_of_others_in_one_quorum_have_no_names() {
    let world = World::populated();
    let at_hand = world.at_hand(&world.fr);
    let ended = world.fr.revocation(at_hand, &duty(), Reason::Lost).unwrap();
    let missing = ended.missing();
    assert_eq!((missing.len(), missing[0].found, missing[0].needed), (1, 0, 1));
    assert_eq!(missing[0].from, Unsigned::Keys);
    assert!(missing[0].of.contains("fr/cert-fr"), "{missing:?}");
    assert!(ended.is_judged());
}

#[test]
fn what_founds_a_directory_does_nothing_else() {
    let world = World::new();
    let (stranger, _folder) = newcomer();
    let charter = founding(&name(), testlog::charter(&[LOG]), NOW);
    let of = |publications| stranger.carried(&Bundle::of(publications).write()).unwrap();
    let founds = of(vec![charter.clone()]);
    assert!(founds.is_founding() && founds.is_judged());
    // It has no others in force besides its own.
    let quorums: Vec<_> = founds.missing().into_iter().map(|lacking| lacking.of).collect();
    assert_eq!(quorums, ["the registrars that it names"]);
    let next = with_setting(&world).bundle.publications().to_vec();
    let admits = listed(&world, &["ie"]).bundle.publications().to_vec();
    for beside in [next.clone(), admits] {
        let both = of([vec![charter.clone()], beside].concat());
        assert!(!both.is_founding() && !both.is_judged());
    }
    assert!(!of(next).is_founding());
}

#[test]
fn all_charters_of_a_file_are_looked_through_for_what_is_not_known() {
    let world = World::new();
    let with = |rules, settings: &[&str]| {
        let set = |name: &&str| proto::Setting { name: (*name).to_owned(), value: 60 };
        let policy = settings.iter().map(set).collect();
        founding(&name(), proto::Charter { policy, rules, ..testlog::charter(&[LOG]) }, NOW)
    };
    let strange = |all| Drafted::of(all, world.copy(&world.alice)).strange();
    assert_eq!(strange(vec![with(RULES, &["stale-after"])]), []);
    let both = strange(vec![with(RULES, &["aa", "zz"]), with(RULES + 1, &[])]);
    let setting = |name: &str| Strange::Setting(name.to_owned());
    assert_eq!(both, [setting("aa"), setting("zz"), Strange::Rules(RULES + 1)]);
}

#[test]
fn an_empty_or_damaged_file_carries_nothing() {
    let world = World::new();
    let text = listed(&world, &["ie"]).write();
    assert!(world.alice.carried(&text).is_ok());
    let cut = &text[..text.len() / 2];
    for text in ["", "no file", cut, &Bundle::of(Vec::new()).write()] {
        assert!(world.alice.carried(text).is_err(), "{text:?}");
        assert!(world.alice.carried_to_copy(text).is_err(), "{text:?}");
    }
    // Where there is no copy of a directory a file can be read, and nothing can be said of it.
    let (stranger, _folder) = newcomer();
    assert!(stranger.carried(&text).is_ok());
    assert!(stranger.carried_to_copy(&text).is_err());
}
