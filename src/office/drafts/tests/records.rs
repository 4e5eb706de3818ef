//! What a record says: what was asked for, on top of what stands.

use bytes::Bytes;

use super::*;
use crate::client::draft::FacetContent;
use crate::client::error::Family;
use crate::client::reason::{Here, Rule};
use crate::office::drafts::{Asked, Fields, Keeper, Name, NotSaid, NoteVerbale};
use crate::signed::proto::{Custody, Level, Purpose};

/// What asks for these telephone numbers and for nothing else.
pub(super) fn fields(telephones: &[&str]) -> Fields {
    let telephones = telephones.iter().map(ToString::to_string).collect();
    Fields::of(Asked { telephones, ..Asked::default() }).unwrap()
}

fn note() -> NoteVerbale {
    NoteVerbale::of("NV/2026/1".to_owned(), NOW, b"paper")
}

/// The facets that a draft carries, read.
fn facets(drafted: &Drafted) -> Vec<FacetContent> {
    let open = drafted.bundle.publications()[0].facets().iter();
    open.map(|facet| FacetContent::read(&facet.name, &facet.bytes).unwrap()).collect()
}

fn numbers(facets: &[FacetContent]) -> Vec<String> {
    let telephones = facets.iter().filter_map(|facet| match facet {
        FacetContent::Telephone(telephone) => Some(&telephone.numbers),
        _ => None,
    });
    telephones.flatten().map(|number| number.number.clone()).collect()
}

#[test]
fn a_slip_of_the_finger_is_refused_and_named() {
    let asked = Asked::default;
    let telephone = |number: &str| Asked { telephones: vec![number.to_owned()], ..asked() };
    let emergency = |number: &str| Asked { emergencies: vec![number.to_owned()], ..asked() };
    let email = |address: &str| Asked { emails: vec![address.to_owned()], ..asked() };
    let months = |months| Asked { months: Some(months), ..asked() };
    for good in [
        telephone("+33 9 70 83 32 18"),
        telephone("+12345"),
        telephone("+(1) 2-3/4.5 6789012345"),
        emergency("+353-1-6782333"),
        email("duty@cert.example"),
        months(1),
        months(24),
        asked(),
    ] {
        assert!(Fields::of(good.clone()).is_ok(), "{good:?}");
    }
    for wrong in ["33970833218", "+1234", "+1234567890123456", "+33 9 70 x", "", "++33123"] {
        let expected = NotSaid::Telephone(wrong.to_owned());
        for asked in [telephone(wrong), emergency(wrong)] {
            assert_eq!(Fields::of(asked).unwrap_err(), expected, "{wrong}");
        }
    }
    for wrong in ["duty", "@cert.example", "duty@cert", "du ty@cert.example", ""] {
        let expected = NotSaid::Email(wrong.to_owned());
        assert_eq!(Fields::of(email(wrong)).unwrap_err(), expected, "{wrong}");
    }
    for wrong in [0, 25] {
        assert_eq!(Fields::of(months(wrong)).unwrap_err(), NotSaid::Months);
    }
}

#[test]
fn a_first_record_has_what_was_asked_for_and_what_is_usual() {
    let world = World::populated();
    let first = |fields: &Fields| {
        let drafting = world.drafting(&world.fr, "fr/gov-fr");
        assert!(!drafting.has_record());
        drafting.own(&world.fr, fields, Keeper::AsBefore).unwrap()
    };
    let drafted = first(&fields(&[]));
    let record: proto::Record = payload(&drafted);
    assert_eq!(record.contact, "fr/gov-fr");
    assert_eq!(record.targets[0].version, 1);
    assert_eq!(record.levels, [i32::from(Level::Technical)]);
    assert_eq!(record.purposes, [] as [i32; 0]);
    assert_eq!((&*record.names[0].language, &*record.names[0].text), ("en", "gov-fr"));
    assert_eq!(record.keeper, None);
    // Twelve months, which are half of the longest that there is.
    assert_eq!(record.expires - NOW, crate::domain::limits::RECORD_SECONDS / 2);
    assert_eq!(facets(&drafted), []);

    let name = Name { language: "fr".to_owned(), text: "Gouvernement".to_owned() };
    let asked = Asked {
        names: vec![name],
        levels: vec![Level::Policy, Level::Diplomatic],
        purposes: vec![Purpose::Exercise],
        emails: vec!["duty@gov.example".to_owned()],
        telephones: vec!["+33 1 11 11 11 11".to_owned()],
        emergencies: vec!["+33 2 22 22 22 22".to_owned()],
        web: Some("https://gov.example".to_owned()),
        languages: vec!["fr".to_owned(), "en".to_owned()],
        months: Some(2),
    };
    let asked = Fields::of(asked).unwrap();
    assert!(asked.has_name() && !fields(&[]).has_name());
    let drafted = first(&asked);
    let record: proto::Record = payload(&drafted);
    assert_eq!(record.names.len(), 1);
    assert_eq!(record.names[0].text, "Gouvernement");
    assert_eq!(record.levels, [i32::from(Level::Policy), i32::from(Level::Diplomatic)]);
    assert_eq!(record.purposes, [i32::from(Purpose::Exercise)]);
    assert_eq!(record.expires - NOW, crate::domain::limits::RECORD_SECONDS / 12);
    let facets = facets(&drafted);
    let names: Vec<_> = facets.iter().map(FacetContent::name).collect();
    assert_eq!(names, ["email", "languages", "telephone", "web"]);
    // Whoever looks for help at night finds the number for it first.
    assert_eq!(numbers(&facets), ["+33 2 22 22 22 22", "+33 1 11 11 11 11"]);
    for facet in &facets {
        match facet {
            FacetContent::Telephone(telephone) => {
                let uses: Vec<_> =
                    telephone.numbers.iter().map(proto::TelephoneNumber::r#use).collect();
                let emergency = proto::TelephoneUse::Emergency;
                assert_eq!(uses, [emergency, proto::TelephoneUse::Voice]);
            }
            FacetContent::Email(email) => {
                assert_eq!(email.addresses[0].r#use(), proto::EmailUse::Role);
            }
            FacetContent::Languages(of) => {
                let tags: Vec<_> = of.languages.iter().map(|of| &*of.tag).collect();
                assert_eq!(tags, ["fr", "en"]);
                assert!(of.languages.iter().all(|of| of.spoken && of.written));
            }
            _ => {}
        }
    }
    // A name that people were asked for is the English one.
    let record: proto::Record = payload(&first(&fields(&[]).named("Government".to_owned())));
    assert_eq!((&*record.names[0].language, &*record.names[0].text), ("en", "Government"));
}

#[test]
fn what_nobody_said_stays_as_it_is() {
    let world = World::populated();
    let next = |fields: &Fields, keeper: Keeper| {
        let drafting = world.drafting(&world.fr, "fr/cert-fr");
        assert!(drafting.has_record());
        drafting.own(&world.fr, fields, keeper).unwrap()
    };
    let drafted = next(&fields(&[]), Keeper::AsBefore);
    let (record, before): (proto::Record, _) = (payload(&drafted), testlog::record());
    assert_eq!(record.targets[0].version, 2);
    assert_eq!(record.names, before.names);
    let mut levels = before.levels.clone();
    levels.sort_unstable();
    assert_eq!(record.levels, levels);
    // As the authority listed it, with its proof.
    let [_, keeper, _] = world.owners();
    let public = world.fr.home.keys().public(&keeper, world.fr.ambient()).unwrap();
    let listed = read_public(armour::Kind::Keeper, &public).unwrap().sign.pop().unwrap();
    let kept = record.keeper.unwrap();
    assert_eq!(kept.key, listed.key);
    assert!(!kept.proof.is_empty());
    assert_eq!(numbers(&facets(&drafted)), ["+33000000000"]);

    // A facet that is said takes the place of the old one, the others stay.
    let email = Asked { emails: vec!["duty@cert.example".to_owned()], ..Asked::default() };
    let all = facets(&next(&Fields::of(email).unwrap(), Keeper::AsBefore));
    let names: Vec<_> = all.iter().map(FacetContent::name).collect();
    assert_eq!(names, ["email", "telephone"]);
    let all = facets(&next(&fields(&["+33 9 70 83 32 18"]), Keeper::AsBefore));
    assert_eq!(numbers(&all), ["+33 9 70 83 32 18"]);

    let record: proto::Record = payload(&next(&fields(&[]), Keeper::Authority));
    assert_eq!(record.keeper, None);
    let other = Keeper::read(&public, &duty().contact()).unwrap();
    let record: proto::Record = payload(&next(&fields(&[]), other));
    assert_eq!(record.keeper.unwrap().key, listed.key);
}

#[test]
fn a_keeper_is_of_its_contact_and_custody_says_where_the_authority_lies() {
    let world = World::populated();
    let [authority, keeper, seat] = world.owners();
    let keys = world.fr.home.keys();
    let public = keys.public(&keeper, world.fr.ambient()).unwrap();
    let why = Keeper::read(&public, &"fr/gov-fr".parse().unwrap()).unwrap_err();
    assert_eq!((why.reason, why.family), (Here::OtherContact.into(), Family::Usage));
    let seat_file = keys.public(&seat, world.fr.ambient()).unwrap();
    assert!(Keeper::read(&seat_file, &duty().contact()).is_err());

    let member = duty().member();
    assert_eq!(world.fr.custody(&member), Ok(Custody::OneMachine));
    assert_eq!(world.fr.custody(&"ie".parse().unwrap()), Ok(Custody::Separate));
    // An authority alone, and a seat of another member beside it.
    let keys = world.bob.home.keys();
    keys.create(&authority, world.bob.ambient()).unwrap();
    assert_eq!(world.bob.custody(&member), Ok(Custody::Separate));
    let other = Owner::Seat("ie/ncsc/duty".parse().unwrap());
    keys.create(&other, world.bob.ambient()).unwrap();
    assert_eq!(world.bob.custody(&member), Ok(Custody::Separate));
    keys.create(&seat, world.bob.ambient()).unwrap();
    assert_eq!(world.bob.custody(&member), Ok(Custody::OneMachine));
}

#[test]
fn what_registrars_enter_for_a_state_names_its_note() {
    let world = World::populated();
    let drafted = world.drafting(&world.alice, "fr/gov-fr");
    let drafted = drafted.attested(&world.alice, &fields(&["+33 1 11 11 11 11"]), note()).unwrap();
    let record: proto::AttestedRecord = payload(&drafted);
    let noted = record.note.unwrap();
    assert_eq!((&*noted.reference, noted.date), ("NV/2026/1", NOW));
    let digest = crate::crypto::hash::Digest::of(b"paper");
    assert_eq!(noted.sha256, Bytes::copy_from_slice(digest.as_bytes()));
    assert_eq!(numbers(&facets(&drafted)), ["+33 1 11 11 11 11"]);
    assert_eq!(drafted.missing()[0].of, "the registrars");
}

#[test]
fn only_what_has_a_record_can_end() {
    let world = World::populated();
    let ended = world.drafting(&world.fr, "fr/cert-fr").withdrawal(&world.fr).unwrap();
    let withdrawal: proto::Withdrawal = payload(&ended);
    assert_eq!((&*withdrawal.contact, withdrawal.targets[0].version), ("fr/cert-fr", 2));
    let why = world.drafting(&world.fr, "fr/gov-fr").withdrawal(&world.fr).unwrap_err();
    assert_eq!((why.reason, why.family), (Rule::UnknownContact.into(), Family::NotFound));
}
