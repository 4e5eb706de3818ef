//! Who may sign a draft, who has, and whether it stands in the log already.

use std::sync::Mutex;

use zeroize::Zeroizing;

use super::*;
use crate::client::draft::founding;
use crate::client::error::Family;
use crate::client::mend::{Draft, Mend};
use crate::client::reason::Here;
use crate::domain::directory::RULES;
use crate::office::asked::{Asks, NotAsked};
use crate::office::drafts::charter::{Changes, add_person};
use crate::office::drafts::{Keeper, Lacking, Strange, Unsigned, in_words};
use crate::office::passed::newest;

/// A withdrawal of fr's contact, as fr drafts it.
fn withdrawal(world: &World) -> Drafted {
    world.drafting(&world.fr, "fr/cert-fr").withdrawal(&world.fr).unwrap()
}

/// An admission of a member that is only listed.
fn listed(world: &World, member: &str) -> Drafted {
    let admission = proto::Admission {
        member: member.to_owned(),
        authority: Vec::new(),
        threshold: 0,
        ..testlog::admission()
    };
    let copy = world.copy(&world.alice);
    let directory = world.log.directory.clone();
    let publication = Composer::on(&directory, world.alice.ambient()).admission(admission);
    Drafted::of(vec![publication.unwrap()], copy)
}

fn registrars(found: u32, ids: &[&str]) -> Lacking {
    let from = Unsigned::Registrars(ids.iter().map(ToString::to_string).collect());
    Lacking { of: "the registrars".to_owned(), found, needed: 2, from }
}

#[test]
fn a_draft_goes_from_registrar_to_registrar_until_nothing_is_missing() {
    let world = World::new();
    let mut drafted = listed(&world, "ie");
    assert_eq!(drafted.missing(), [registrars(0, &["alice", "bob", "carol"])]);
    let signing = world.alice.signing(&drafted).unwrap();
    assert_eq!((signing.counts, signing.signed, signing.hidden), (true, false, false));
    assert_eq!(world.signed(&world.alice, &mut drafted), [registrar("alice")]);
    assert_eq!(drafted.missing(), [registrars(1, &["bob", "carol"])]);
    // Again it adds nothing, and says that it has signed.
    let signing = world.alice.signing(&drafted).unwrap();
    assert_eq!((signing.counts, signing.signed), (false, true));
    assert_eq!(world.signed(&world.alice, &mut drafted), []);
    // As a file, in another home.
    let mut carried = world.bob.carried(&drafted.write()).unwrap();
    assert_eq!(world.signed(&world.bob, &mut carried), [registrar("bob")]);
    assert_eq!(carried.missing(), []);
    assert!(carried.is_judged() && !carried.is_founding());
    // A home whose keys are nobody's there.
    let signing = world.fr.signing(&carried).unwrap();
    assert_eq!((signing.counts, signing.signed), (false, false));
    assert_eq!(World::carol_signs(&mut carried, &world.bob), 1);
    assert_eq!(world.fr.carried(&carried.write()).unwrap().missing(), []);
}

#[test]
fn a_key_that_is_kept_is_opened_only_where_a_signature_of_it_is_missing() {
    let mut world = World::populated();
    let person = Arc::new(Person::default());
    world.alice.home = world.alice.home.clone().asking(person.clone());
    world.alice.home.keys().protect(&registrar("alice"), world.alice.ambient()).unwrap();
    // As another command of the same person, to whom nothing is open yet.
    world.alice.home = Home::at(world.alice.home.root().to_owned()).asking(person.clone());
    person.asked();
    let mut drafted = listed(&world, "ie");
    let signing = world.alice.signing(&drafted).unwrap();
    assert_eq!((signing.counts, signing.hidden), (true, false));
    // Nobody is asked for a key that could not sign, or before it is to.
    let mut foreign = withdrawal(&world);
    assert_eq!(world.signed(&world.alice, &mut foreign), []);
    assert_eq!(person.asked(), 0);
    assert_eq!(world.signed(&world.alice, &mut drafted), [registrar("alice")]);
    assert_eq!(person.asked(), 1);
    // Who has signed already is not asked again, nor anybody where enough have.
    world.alice.home = Home::at(world.alice.home.root().to_owned()).asking(person.clone());
    assert_eq!(world.signed(&world.alice, &mut drafted), []);
    let mut enough = listed(&world, "pt");
    world.signed(&world.bob, &mut enough);
    World::carol_signs(&mut enough, &world.bob);
    assert_eq!(world.signed(&world.alice, &mut enough), []);
    assert_eq!(person.asked(), 0);
    assert!(world.alice.unusable_keys().is_empty());
}

/// Somebody who types the one passphrase that he has.
#[derive(Default)]
struct Person(Mutex<usize>);

impl Person {
    /// How often he was asked since this was.
    fn asked(&self) -> usize {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Asks for Person {
    fn secret(&self, _: &str) -> Result<Zeroizing<String>, NotAsked> {
        *self.0.lock().unwrap() += 1;
        Ok(Zeroizing::new("correct horse battery staple".to_owned()))
    }

    fn tell(&self, _: &str) {}
}

#[test]
fn a_key_that_cannot_be_read_may_be_the_one_that_would_count() {
    let world = World::populated();
    let [authority, ..] = world.owners();
    let listed = world.fr.home.keys().list(world.fr.ambient()).unwrap();
    let path = listed.into_iter().find(|key| key.owner == authority).unwrap().path;
    assert!(world.fr.unusable_keys().is_empty());
    std::fs::write(&path, "no key").unwrap();
    let unusable = world.fr.unusable_keys();
    assert_eq!(unusable.len(), 1, "{unusable:?}");
    let path = path.display().to_string();
    assert!(unusable[0].to_string().contains(&path), "{unusable:?}");
}

#[test]
fn what_nobody_here_knows_is_not_judged_and_nobody_signs_it() {
    let world = World::populated();
    let drafted = withdrawal(&world);
    let stranger = tempfile::tempdir().unwrap();
    let home = Home::at(stranger.path().to_owned());
    let stranger = office_at(ambient(), home, Arc::new(Told::default()));
    let carried = stranger.carried(&drafted.write()).unwrap();
    assert!(!carried.is_judged());
    assert_eq!(carried.missing(), []);
    assert_eq!(carried.passed(), Ok(None));
    let why = stranger.signing(&carried).err().unwrap();
    assert_eq!((why.reason, why.family), (Here::NoCopy.into(), Family::Stale));
    assert_eq!(why.mend.as_deref(), Some(&Mend::JoinThenSync));
    assert!(stranger.carried_to_copy(&drafted.write()).is_err());
    assert_eq!(world.fr.carried_to_copy(&drafted.write()).unwrap().missing().len(), 1);
}

#[test]
fn whom_a_charter_names_may_sign_it_before_he_has_a_copy() {
    let world = World::new();
    let newcomer = tempfile::tempdir().unwrap();
    let home = Home::at(newcomer.path().to_owned());
    let newcomer = office_at(ambient(), home, Arc::new(Told::default()));
    let dave = registrar("dave");
    newcomer.home.keys().create(&dave, newcomer.ambient()).unwrap();
    let text = newcomer.home.keys().person(&dave, "Dave", newcomer.ambient()).unwrap();
    let mut changes = Changes::default();
    add_person(&mut changes.registrars, Role::Registrar, &text).unwrap();
    let drafted = world.at_hand(&world.alice).charter(&world.alice, &changes).unwrap();
    let mut carried = newcomer.carried(&drafted.write()).unwrap();
    assert!(!carried.is_judged());
    let signing = newcomer.signing(&carried).unwrap();
    assert!(signing.counts && !signing.signed);
    assert_eq!(world.signed(&newcomer, &mut carried), [dave]);
    // Back with a registrar, the signature counts for the charter's own quorum alone.
    let back = world.alice.carried(&carried.write()).unwrap();
    let found: Vec<_> = back.missing().iter().map(|lacking| lacking.found).collect();
    assert_eq!(found, [0, 1]);
    let own = &back.missing()[1];
    let ids = ["alice", "bob", "carol"].map(str::to_owned).to_vec();
    assert_eq!((own.needed, &own.from), (2, &Unsigned::Registrars(ids)));
}

#[test]
fn whose_keys_have_no_name_are_counted_and_nobodys_are_said_to_be() {
    let world = World::populated();
    let authority = withdrawal(&world).missing();
    assert_eq!(authority.len(), 1);
    assert_eq!((authority[0].found, authority[0].needed), (0, 1));
    assert_eq!(authority[0].from, Unsigned::Keys);
    // A member that is only listed has no authority who could sign.
    let mut world = World::new();
    let mut drafted = listed(&world, "fr");
    world.signed(&world.alice, &mut drafted);
    world.signed(&world.bob, &mut drafted);
    world.log_all(&drafted);
    let directory = world.log.directory.clone();
    let record = Composer::on(&directory, world.fr.ambient()).record(testlog::record(), &[]);
    let drafted = Drafted::of(vec![record.unwrap()], world.copy(&world.fr));
    let missing = drafted.missing();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!((&missing[0].from, missing[0].needed), (&Unsigned::Nobody, 1));
}

#[test]
fn what_is_in_the_log_is_found_there_and_what_is_superseded_says_so() {
    let mut world = World::new();
    let mut first = listed(&world, "ie");
    let mut other = listed(&world, "pt");
    assert_eq!(first.passed(), Ok(None));
    world.signed(&world.alice, &mut first);
    World::carol_signs(&mut first, &world.alice);
    world.log_all(&first);
    // The same bytes, wherever they are read.
    assert_eq!(world.bob.carried(&first.write()).unwrap().passed(), Ok(Some(vec![1])));
    let leaf = newest(&world.log.directory, first.statements().next().unwrap());
    assert_eq!(leaf.map(|(newest, draft)| (newest.leaf, draft)), Some((1, Draft::Admission)));
    assert_eq!(world.bob.carried(&other.write()).unwrap().passed(), Ok(None));
    // Both in one file: one of them is still to come.
    let (a, b) = (first.bundle.publications(), other.bundle.publications());
    let both = Bundle::of([a, b].concat());
    assert_eq!(world.bob.carried(&both.write()).unwrap().passed(), Ok(None));
    // Of another directory of the same name nothing is known.
    let elsewhere = World::new();
    let foreign = elsewhere.alice.carried(&first.write()).unwrap();
    assert_eq!(foreign.passed(), Ok(None));
    assert!(!foreign.is_judged());
    world.signed(&world.bob, &mut other);
    World::carol_signs(&mut other, &world.bob);
    world.log_all(&other);
    assert_eq!(world.bob.carried(&both.write()).unwrap().passed(), Ok(Some(vec![1, 2])));
}

#[test]
fn a_draft_behind_what_is_in_force_is_superseded() {
    let mut world = World::populated();
    let late = world.drafting(&world.fr, "fr/cert-fr");
    let late = late.own(&world.fr, &super::records::fields(&[]), Keeper::AsBefore);
    let late = late.unwrap();
    let mut ended = withdrawal(&world);
    world.signed(&world.fr, &mut ended);
    assert_eq!(ended.missing(), []);
    world.log_all(&ended);
    let carried = world.bob.carried(&late.write()).unwrap();
    let why = carried.passed().unwrap_err();
    assert_eq!((&why.reason, why.family), (&Here::Superseded.into(), Family::Stale));
    assert_eq!(why.mend.as_deref(), Some(&Mend::DraftAnew(Draft::Record)));
    assert!(why.sentence.contains("version 2, and version 2 is in force (entry 4)"), "{why}");
}

#[test]
fn what_this_version_does_not_know_of_a_charter_is_named() {
    let world = World::new();
    assert_eq!(listed(&world, "ie").strange(), []);
    let policy = ["stale-after", "zone", "acknowledge-flash"];
    let policy = policy.map(|name| proto::Setting { name: name.to_owned(), value: 60 }).to_vec();
    let charter = proto::Charter { policy, rules: RULES + 1, ..testlog::charter(&[LOG]) };
    let founding = founding(&name(), charter, NOW);
    let drafted = Drafted::of(vec![founding], world.copy(&world.alice));
    let strange = drafted.strange();
    assert!(strange.contains(&Strange::Setting("zone".to_owned())), "{strange:?}");
    assert!(strange.contains(&Strange::Rules(RULES + 1)), "{strange:?}");
    assert!(!strange.contains(&Strange::Setting("stale-after".to_owned())), "{strange:?}");
    // It begins a directory, and names its own signers: anybody can judge it.
    assert!(drafted.is_founding() && drafted.is_judged());
}

#[test]
fn what_a_draft_says_begins_with_what_changes() {
    let world = World::new();
    let set = vec![("stale-after".to_owned(), 3_600)];
    let changes = Changes { set, ..Changes::default() };
    let drafted = world.at_hand(&world.alice).charter(&world.alice, &changes).unwrap();
    let says = drafted.says();
    let whole = in_words(&drafted.bundle);
    assert!(says.len() > whole.len() && says.ends_with(&whole), "{says:#?}");
    let changed = &says[..says.len() - whole.len()];
    assert!(changed.iter().any(|line| line.text.contains("3600")), "{changed:#?}");
    assert!(changed.iter().all(|line| !line.text.contains("alice")), "{changed:#?}");
    // Where nothing is known, nothing is said to change: only what is dangerous whatever it was.
    let stranger = tempfile::tempdir().unwrap();
    let home = Home::at(stranger.path().to_owned());
    let stranger = office_at(ambient(), home, Arc::new(Told::default()));
    let unknown = stranger.carried(&drafted.write()).unwrap().says();
    let [danger, rest @ ..] = &unknown[..] else { panic!("nothing is said") };
    assert_eq!((&*danger.label, rest), ("MIND", &whole[..]));
}
