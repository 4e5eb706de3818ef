//! Where drafts of every kind stand in a log that goes on without them.

use super::*;
use crate::client::draft::Composer;
use crate::office::Office;
use crate::office::drafts::charter::Changes;
use crate::office::drafts::tests::{World, duty};
use crate::office::drafts::{Asked, Drafted, Fields, Keeper, NoteVerbale};
use crate::signed::proto::Reason;
use crate::world::testlog::{self, NOW, ambient_at};

const CONTACT: &str = "fr/cert-fr";

/// As it is carried.
fn carried(drafted: &Drafted) -> Bundle {
    Bundle::read(&drafted.write()).unwrap()
}

/// All who can sign it, and into the log.
fn logged(world: &mut World, mut drafted: Drafted) {
    for office in [world.alice.clone(), world.bob.clone(), world.fr.clone()] {
        world.signed(&office, &mut drafted);
    }
    assert_eq!(drafted.missing(), []);
    world.log_all(&drafted);
}

fn admission(world: &World, office: &Office, member: &str) -> Drafted {
    let said = match member {
        "fr" => {
            let [authority, ..] = world.owners();
            let text = world.fr.home.keys().public(&authority, office.ambient()).unwrap();
            let kind = crate::client::armour::Kind::Authority;
            let authority = crate::client::keys::read_public(kind, &text).unwrap().sign;
            proto::Admission { authority, ..testlog::admission() }
        }
        other => proto::Admission {
            member: other.to_owned(),
            authority: Vec::new(),
            threshold: 0,
            ..testlog::admission()
        },
    };
    let directory = world.log.directory.clone();
    let statement = Composer::on(&directory, office.ambient()).admission(said).unwrap();
    Drafted::carrying(Bundle::of(vec![statement]), world.copy(office))
}

fn fields() -> Fields {
    Fields::of(Asked::default()).unwrap()
}

fn charter(world: &World, office: &Office) -> Drafted {
    let changes = Changes { set: vec![("stale-after".to_owned(), 3_600)], ..Changes::default() };
    world.at_hand(office).charter(office, &changes).unwrap()
}

fn attested(world: &World, office: &Office) -> Drafted {
    let note = NoteVerbale::of("NV/1".to_owned(), NOW, b"paper");
    world.drafting(office, "pt/cncs").attested(office, &fields(), note).unwrap()
}

fn record(world: &World, office: &Office) -> Drafted {
    world.drafting(office, CONTACT).own(office, &fields(), Keeper::AsBefore).unwrap()
}

fn withdrawal(world: &World, office: &Office) -> Drafted {
    world.drafting(office, CONTACT).withdrawal(office).unwrap()
}

fn roster(world: &World, office: &Office) -> Drafted {
    world.rostering().draft(office).unwrap()
}

/// Of one kind, what is drafted next.
struct Kind {
    next: fn(&World, &Office) -> Drafted,
    as_draft: Draft,
}

#[test]
fn of_two_drafts_of_one_count_one_stands_and_the_other_never_can() {
    let mut world = World::populated();
    let listed = admission(&world, &world.alice, "pt");
    logged(&mut world, listed);
    let kinds = [
        Kind { next: charter, as_draft: Draft::Charter },
        Kind { next: |world, office| admission(world, office, "fr"), as_draft: Draft::Admission },
        Kind { next: attested, as_draft: Draft::AttestedRecord },
        Kind { next: roster, as_draft: Draft::Roster },
        Kind { next: record, as_draft: Draft::Record },
        Kind { next: withdrawal, as_draft: Draft::Withdrawal },
    ];
    for Kind { next, as_draft } in kinds {
        let now = world.fr.clone();
        let mut later = now.clone();
        later.net.ambient = ambient_at(NOW + 1);
        let (stands, other) = (next(&world, &now), next(&world, &later));
        let (bundle, other) = (carried(&stands), carried(&other));
        let copy = world.copy(&now);
        assert_eq!(passed(Some(&copy), &bundle), Ok(None), "{as_draft:?}");
        assert_eq!(passed(Some(&copy), &other), Ok(None), "{as_draft:?}");
        let leaf = world.log.directory.size();
        let version = bundle.publications()[0].statement().targets()[0].version;
        logged(&mut world, stands);
        let copy = world.copy(&now);
        assert_eq!(passed(Some(&copy), &bundle), Ok(Some(vec![leaf])), "{as_draft:?}");
        let why = passed(Some(&copy), &other).unwrap_err();
        assert_eq!((&why.reason, why.family), (&Here::Superseded.into(), Family::Stale));
        assert_eq!(why.mend.as_deref(), Some(&Mend::DraftAnew(as_draft)));
        let stands = format!("version {version} is in force (entry {leaf})");
        assert!(why.sentence.ends_with(&stands), "{why}, and {stands}");
    }
}

#[test]
fn what_was_overtaken_stands_where_it_was_logged() {
    let mut world = World::populated();
    let first = record(&world, &world.fr);
    let bundle = carried(&first);
    logged(&mut world, first);
    let second = record(&world, &world.fr);
    let after = carried(&second);
    logged(&mut world, second);
    let copy = world.copy(&world.bob);
    assert_eq!(passed(Some(&copy), &bundle), Ok(Some(vec![4])));
    assert_eq!(passed(Some(&copy), &after), Ok(Some(vec![5])));
    // In one file each has its own place, in its own order.
    let both = Bundle::of([after.publications(), bundle.publications()].concat());
    assert_eq!(passed(Some(&copy), &both), Ok(Some(vec![5, 4])));
    let end = withdrawal(&world, &world.fr);
    logged(&mut world, end);
    assert_eq!(passed(Some(&world.copy(&world.bob)), &bundle), Ok(Some(vec![4])));
}

#[test]
fn what_has_no_count_is_never_said_to_stand_or_to_be_superseded() {
    let mut world = World::populated();
    let at_hand = world.at_hand(&world.fr);
    let ended = world.fr.revocation(at_hand, &duty(), Reason::Lost).unwrap();
    let bundle = carried(&ended);
    let next = record(&world, &world.fr);
    let with = Bundle::of([carried(&next).publications(), bundle.publications()].concat());
    assert_eq!(passed(Some(&world.copy(&world.fr)), &bundle), Ok(None));
    logged(&mut world, next);
    logged(&mut world, ended);
    let copy = world.copy(&world.fr);
    assert_eq!(passed(Some(&copy), &bundle), Ok(None));
    assert_eq!(passed(Some(&copy), &with), Ok(None), "not all of it is known to stand");
    let statement = bundle.publications()[0].statement();
    assert!(newest(&world.log.directory, statement).is_none());
}

#[test]
fn what_nothing_was_said_of_before_waits() {
    let mut world = World::populated();
    let directory = world.log.directory.clone();
    let mut composer = Composer::on(&directory, world.fr.ambient());
    let elsewhere = ["fr/gov-fr", "ie/ncsc"].map(|contact| {
        let record = proto::Record { contact: contact.to_owned(), ..testlog::record() };
        let roster = proto::Roster { contact: contact.to_owned(), ..testlog::roster() };
        let record = composer.record(record, &[]).unwrap();
        [record, composer.roster(roster, &[]).unwrap()]
    });
    for statement in elsewhere.into_iter().flatten() {
        let bundle = Bundle::of(vec![statement]);
        assert_eq!(passed(Some(&world.copy(&world.fr)), &bundle), Ok(None));
    }
    // A record, and no roster yet: that one waits still.
    let record = world.drafting(&world.fr, "fr/gov-fr");
    let record = record.own(&world.fr, &fields(), Keeper::Authority).unwrap();
    let done = carried(&record);
    logged(&mut world, record);
    let roster = proto::Roster { contact: "fr/gov-fr".to_owned(), ..testlog::roster() };
    let directory = world.log.directory.clone();
    let roster = Composer::on(&directory, world.fr.ambient()).roster(roster, &[]).unwrap();
    let both = Bundle::of([done.publications(), &[roster]].concat());
    let copy = world.copy(&world.fr);
    assert_eq!(passed(Some(&copy), &done), Ok(Some(vec![4])));
    assert_eq!(passed(Some(&copy), &both), Ok(None));
}

/// A withdrawal of fr's contact for several directories at once: each with its version.
fn for_several(targets: &[(&Directory, u64)]) -> Bundle {
    let mut targets: Vec<proto::Target> = targets
        .iter()
        .map(|(directory, version)| proto::Target {
            name: directory.name().to_string(),
            genesis: bytes::Bytes::copy_from_slice(directory.genesis().as_bytes()),
            version: *version,
        })
        .collect();
    targets.sort_by(|a, b| (&a.name, &a.genesis).cmp(&(&b.name, &b.genesis)));
    let end = proto::Withdrawal { targets, issued_at: NOW, contact: CONTACT.to_owned() };
    let statement = Statement::Withdrawal(end);
    let envelope = Envelope::assemble(statement.kind(), statement.encode().into(), Vec::new());
    Bundle::of_statement(envelope.bytes().clone()).unwrap()
}

#[test]
fn of_a_statement_for_several_directories_the_version_of_this_one_counts() {
    let (world, other) = (World::populated(), World::new());
    let (here, there) = (&world.log.directory, &other.log.directory);
    let copy = world.copy(&world.fr);
    assert_eq!(passed(Some(&copy), &for_several(&[(here, 2), (there, 1)])), Ok(None));
    let why = passed(Some(&copy), &for_several(&[(here, 1), (there, 9)])).unwrap_err();
    assert_eq!(why.reason, Here::Superseded);
    assert!(why.sentence.contains("it is version 1,"), "{why}");
    // Of those of another directory alone nothing is said, whatever stands beside them.
    let away = for_several(&[(there, 1)]);
    assert_eq!(passed(Some(&copy), &away), Ok(None));
    let old = for_several(&[(here, 1)]);
    assert!(passed(Some(&copy), &old).is_err());
    let both = Bundle::of([old.publications(), away.publications()].concat());
    assert!(known(Some(&copy), &both).is_none());
    assert_eq!(passed(Some(&copy), &both), Ok(None));
    assert!(known(Some(&copy), &old).is_some());
    // Nor by who has no copy.
    assert_eq!(passed(None, &old), Ok(None));
}

#[test]
fn an_entry_is_known_by_the_statement_in_it() {
    let world = World::populated();
    let entries = &world.log.entries;
    let newest = world.log.directory.charter().newest.statement;
    assert_eq!(statement_of(&entries[0]), Some(newest));
    let mut all: Vec<_> = entries.iter().map(|entry| statement_of(entry).unwrap()).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), entries.len());
    assert_eq!(statement_of(b"no entry"), None);
    assert_eq!(statement_of(b""), None);
}
