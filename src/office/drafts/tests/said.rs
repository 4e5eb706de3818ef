//! What goes on from a record or roster in force, and what a member gets with its admission.

use super::records::fields;
use super::*;
use crate::client::draft::FacetContent;
use crate::client::invitation::AdmissionFile;
use crate::office::drafts::admission::{admitted, stands};
use crate::office::drafts::{Asked, Fields, Keeper, Name, NoteVerbale, SeatKeys};
use crate::signed::canonical;
use crate::signed::proto::{Custody, Level, Purpose};

const CONTACT: &str = "fr/cert-fr";
const OTHER: &str = "fr/gov-fr";

fn facets(drafted: &Drafted) -> Vec<FacetContent> {
    let open = drafted.bundle.publications()[0].facets().iter();
    open.map(|facet| FacetContent::read(&facet.name, &facet.bytes).unwrap()).collect()
}

/// All who can sign it, and into the log.
fn logged(world: &mut World, mut drafted: Drafted) {
    for office in [world.alice.clone(), world.bob.clone(), world.fr.clone()] {
        world.signed(&office, &mut drafted);
    }
    assert_eq!(drafted.missing(), []);
    world.log_all(&drafted);
}

/// The record of cert-fr that says more than the first one.
fn with_record(change: impl FnOnce(&mut proto::Record)) -> World {
    let mut world = World::populated();
    let directory = world.log.directory.clone();
    let mut record = proto::Record { keeper: None, ..testlog::record() };
    change(&mut record);
    let record = Composer::on(&directory, world.fr.ambient()).record(record, &[telephone()]);
    let drafted = Drafted::of(vec![record.unwrap()], world.copy(&world.fr));
    logged(&mut world, drafted);
    world
}

fn next(world: &World, asked: Asked) -> proto::Record {
    let drafting = world.drafting(&world.fr, CONTACT);
    let fields = Fields::of(asked).unwrap();
    payload(&drafting.own(&world.fr, &fields, Keeper::AsBefore).unwrap())
}

#[test]
fn ladders_and_purposes_in_force_go_on_until_others_are_said() {
    let ladder = |level: Level, of: &[&str]| proto::Ladder {
        level: level.into(),
        contacts: of.iter().map(ToString::to_string).collect(),
    };
    let ladders = vec![ladder(Level::Technical, &["fr/gov-fr"])];
    let world = with_record(|record| {
        record.ladders = ladders.clone();
        record.purposes = vec![Purpose::Exercise.into()];
        record.names.push(proto::Text { language: "fr".to_owned(), text: "CERT".to_owned() });
    });
    let kept = next(&world, Asked::default());
    assert_eq!(kept.ladders, ladders);
    assert_eq!(kept.purposes, [i32::from(Purpose::Exercise)]);
    assert_eq!(kept.names.len(), 2);
    assert_eq!(kept.keeper, None);
    // What is said takes the place of all that was.
    let purposes = vec![Purpose::Vulnerability];
    let names = vec![Name { language: "fr".to_owned(), text: "Autre".to_owned() }];
    let levels = vec![Level::Policy];
    let said = next(&world, Asked { purposes, names, levels, ..Asked::default() });
    assert_eq!(said.purposes, [i32::from(Purpose::Vulnerability)]);
    assert_eq!(said.names.iter().map(|name| &*name.text).collect::<Vec<_>>(), ["Autre"]);
    assert_eq!(said.levels, [i32::from(Level::Policy)]);
    assert_eq!(said.ladders, ladders);
}

#[test]
fn a_part_that_the_copy_does_not_have_is_not_said_again() {
    let world = World::populated();
    let whole = world.drafting(&world.fr, CONTACT);
    let whole = whole.own(&world.fr, &fields(&[]), Keeper::AsBefore).unwrap();
    assert_eq!(facets(&whole), [telephone()]);
    // An office that was handed no details.
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().to_owned());
    let office = office_at(ambient(), home, Arc::new(Told::default()));
    office.home.join(&Invitation::check(world.log.invitation()).unwrap()).unwrap();
    let mut replica = Replica::open(&office.home, &name()).unwrap();
    replica.append(&world.log.entries).unwrap();
    replica.confirm(&world.log.checkpoint(), NOW).unwrap();
    let without = world.drafting(&office, CONTACT);
    assert!(without.has_record());
    let without = without.own(&office, &fields(&[]), Keeper::AsBefore).unwrap();
    assert_eq!(facets(&without), []);
    let record: proto::Record = payload(&without);
    assert_eq!(record.facets, []);
    assert_eq!(record.custody(), Custody::Separate, "no authority lies there");
    let record: proto::Record = payload(&whole);
    assert_eq!(record.custody(), Custody::OneMachine);
}

#[test]
fn all_of_several_addresses_numbers_and_languages_stand_in_their_order() {
    let world = World::populated();
    let all = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    let asked = Asked {
        emails: all(&["b@cert.example", "a@cert.example"]),
        telephones: all(&["+33 4 44 44 44 44", "+33 3 33 33 33 33"]),
        emergencies: all(&["+33 2 22 22 22 22", "+33 1 11 11 11 11"]),
        languages: all(&["fr", "de", "en"]),
        web: Some("https://cert.example".to_owned()),
        ..Asked::default()
    };
    let drafting = world.drafting(&world.fr, CONTACT);
    let fields = Fields::of(asked.clone()).unwrap();
    let drafted = drafting.own(&world.fr, &fields, Keeper::AsBefore).unwrap();
    let [
        FacetContent::Email(email),
        FacetContent::Languages(languages),
        FacetContent::Telephone(telephone),
        FacetContent::Web(web),
    ] = &facets(&drafted)[..]
    else {
        panic!("four parts")
    };
    let addresses: Vec<_> = email.addresses.iter().map(|of| of.address.clone()).collect();
    assert_eq!(addresses, asked.emails);
    let tags: Vec<_> = languages.languages.iter().map(|of| of.tag.clone()).collect();
    assert_eq!(tags, asked.languages);
    let numbers: Vec<_> = telephone.numbers.iter().map(|of| of.number.clone()).collect();
    assert_eq!(numbers, [asked.emergencies, asked.telephones].concat());
    assert_eq!(Some(&web.website), asked.web.as_ref());
}

#[test]
fn a_months_number_is_that_part_of_the_longest_that_a_record_holds() {
    let world = World::populated();
    let expires = |months| next(&world, Asked { months, ..Asked::default() }).expires - NOW;
    let longest = crate::domain::limits::RECORD_SECONDS;
    assert_eq!(expires(Some(24)), longest);
    assert_eq!(expires(Some(1)), longest / 24);
    assert_eq!(expires(None), longest / 2);
}

#[test]
fn the_next_attested_record_goes_on_from_the_one_in_force() {
    let mut world = World::populated();
    let directory = world.log.directory.clone();
    let said = proto::Admission {
        member: "pt".to_owned(),
        authority: Vec::new(),
        threshold: 0,
        ..testlog::admission()
    };
    let admission = Composer::on(&directory, world.alice.ambient()).admission(said).unwrap();
    let admission = Drafted::of(vec![admission], world.copy(&world.alice));
    logged(&mut world, admission);
    let note = |reference: &str| NoteVerbale::of(reference.to_owned(), NOW, b"paper");
    let first = Asked {
        names: vec![Name { language: "pt".to_owned(), text: "CNCS".to_owned() }],
        levels: vec![Level::Diplomatic],
        purposes: vec![Purpose::Exercise],
        telephones: vec!["+351 1 11 11 11 11".to_owned()],
        ..Asked::default()
    };
    let draft = |world: &World, asked, note| {
        let drafting = world.drafting(&world.alice, "pt/cncs");
        drafting.attested(&world.alice, &Fields::of(asked).unwrap(), note).unwrap()
    };
    let drafted = draft(&world, first, note("NV/1"));
    logged(&mut world, drafted);
    assert!(world.drafting(&world.alice, "pt/cncs").has_record());
    let email = Asked { emails: vec!["duty@cncs.example".to_owned()], ..Asked::default() };
    let again = draft(&world, email, note("NV/2"));
    let record: proto::AttestedRecord = payload(&again);
    assert_eq!(record.targets[0].version, 2);
    assert_eq!((&*record.names[0].language, &*record.names[0].text), ("pt", "CNCS"));
    assert_eq!(record.levels, [i32::from(Level::Diplomatic)]);
    assert_eq!(record.purposes, [i32::from(Purpose::Exercise)]);
    assert_eq!(record.note.unwrap().reference, "NV/2");
    let all = facets(&again);
    let names: Vec<_> = all.iter().map(FacetContent::name).collect();
    assert_eq!(names, ["email", "telephone"]);
    // What registrars entered they can end.
    let end = world.drafting(&world.alice, "pt/cncs").withdrawal(&world.alice).unwrap();
    assert_eq!(end.missing()[0].of, "the registrars");
}

#[test]
fn parts_of_a_roster_go_on_with_its_next_version() {
    let mut world = World::populated();
    let holidays = FacetContent::Holidays(proto::Holidays { dates: vec!["2026-12-25".to_owned()] });
    let directory = world.log.directory.clone();
    let roster = world.rostering().draft(&world.fr).unwrap();
    let roster: proto::Roster = payload(&roster);
    let mut composer = Composer::on(&directory, world.fr.ambient());
    let with = composer.roster(roster, std::slice::from_ref(&holidays)).unwrap();
    let with = Drafted::of(vec![with], world.copy(&world.fr));
    logged(&mut world, with);
    let mut rostering = world.rostering();
    let second: SeatId = "fr/cert-fr/duty-2".parse().unwrap();
    rostering.list(&second, world.fr.make_seat(&second, false).unwrap());
    let drafted = rostering.draft(&world.fr).unwrap();
    assert_eq!(facets(&drafted), [holidays]);
    let roster: proto::Roster = payload(&drafted);
    assert_eq!(roster.targets[0].version, 3);
    assert_eq!(roster.facets.len(), 1);
}

#[test]
fn a_safe_seat_has_a_seal_key_alone() {
    let world = World::populated();
    let safe: SeatId = "fr/cert-fr/safe".parse().unwrap();
    let entry = world.fr.make_seat(&safe, true).unwrap().entry(safe.name());
    assert!(entry.seal.is_some() && entry.sign.is_none() && entry.tls.is_none());
    let text = world.fr.home.keys().public(&Owner::Seat(safe.clone()), world.fr.ambient()).unwrap();
    assert_eq!(SeatKeys::read(&text, &safe).unwrap().entry(safe.name()), entry);
    assert!(SeatKeys::read("no file", &safe).is_err());
}

#[test]
fn an_admission_file_has_the_next_versions_of_all_contacts_of_its_member_and_of_no_other() {
    let mut world = World::populated();
    // A second contact of fr without a roster, and one of pt.
    let record = world.drafting(&world.fr, OTHER);
    let record = record.own(&world.fr, &fields(&[]), Keeper::Authority).unwrap();
    logged(&mut world, record);
    let directory = world.log.directory.clone();
    let mut composer = Composer::on(&directory, world.alice.ambient());
    let said = proto::Admission {
        member: "pt".to_owned(),
        authority: Vec::new(),
        threshold: 0,
        ..testlog::admission()
    };
    let admission = composer.admission(said).unwrap();
    let admission = Drafted::of(vec![admission], world.copy(&world.alice));
    logged(&mut world, admission);
    let note = NoteVerbale::of("NV/1".to_owned(), NOW, b"paper");
    let attested = world.drafting(&world.alice, "pt/cncs");
    let attested = attested.attested(&world.alice, &fields(&[]), note).unwrap();
    logged(&mut world, attested);
    let again = world.drafting(&world.fr, CONTACT);
    let again = again.own(&world.fr, &fields(&[]), Keeper::AsBefore).unwrap();
    logged(&mut world, again);

    let copy = world.copy(&world.alice);
    let invitation = world.alice.home.invitation(&name()).unwrap().message().clone();
    let of = |member: &str| {
        let all = admitted(&copy, invitation.clone(), &member.parse().unwrap()).unwrap();
        assert!(AdmissionFile::read(&all.file).is_ok());
        let file: v1::AdmissionFile = armour::read(armour::Kind::Admission, &all.file).unwrap();
        let next = file.next.into_iter().map(|of| (of.contact, of.record, of.roster));
        (all.leaf, next.collect::<Vec<_>>())
    };
    let next = |contact: &str, record, roster| (contact.to_owned(), record, roster);
    assert_eq!(of("fr"), (Some(1), vec![next(CONTACT, 3, 2), next(OTHER, 2, 1)]));
    assert_eq!(of("pt"), (Some(5), vec![next("pt/cncs", 2, 1)]));
}

#[test]
fn the_note_of_an_admission_in_force_may_be_given_again() {
    let world = World::populated();
    let member = world.log.directory.member(&duty().member()).unwrap();
    let said: proto::Admission = canonical::decode(&member.payload).unwrap();
    let note = |reference: &str| proto::Note {
        reference: reference.to_owned(),
        date: NOW,
        sha256: bytes::Bytes::from_static(&[7; 32]),
    };
    let noted = proto::Admission { note: Some(note("NV/1")), ..said };
    let member = crate::domain::directory::Member {
        payload: prost::Message::encode_to_vec(&noted).into(),
        ..member.clone()
    };
    let asked = |note| {
        let next = proto::Admission { note, ..noted.clone() };
        stands(&member, &crate::domain::directory::Statement::Admission(next))
    };
    assert_eq!(asked(Some(note("NV/1"))), Ok(true));
    assert_eq!(asked(None), Ok(true));
    assert_eq!(asked(Some(note("NV/2"))), Ok(false));
    // Another kind of statement admits nobody.
    let end = crate::domain::directory::Statement::Withdrawal(proto::Withdrawal::default());
    assert_eq!(stands(&member, &end), Ok(false));
}
