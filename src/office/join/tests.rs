//! What is believed before a home has joined, and what its contact says first.

use super::*;
use crate::domain::refusal::Refusal;
use crate::office::drafts::Asked;
use crate::office::drafts::tests::{World, duty};
use crate::wire::v1;
use crate::world::testlog;

mod again;

const BOTH: Wanted = Wanted { keeper: true, roster: true };

fn fields() -> Fields {
    Fields::of(Asked::default()).unwrap()
}

/// A world in which fr is admitted with the authority of its home, and has no record yet.
fn admitted() -> World {
    admitted_with(|_| ())
}

/// The same, with what else its admission says.
fn admitted_with(more: impl FnOnce(&mut proto::Admission)) -> World {
    let mut world = World::new();
    let text = world.fr.authority(&"fr".parse().unwrap()).unwrap();
    let authority = read_public(Kind::Authority, &text).unwrap().sign;
    let mut admission = proto::Admission { authority, ..testlog::admission() };
    more(&mut admission);
    let directory = world.log.directory.clone();
    let mut composer = Composer::on(&directory, world.alice.ambient());
    let statements = vec![composer.admission(admission).unwrap()];
    let copy = world.alice.replica().unwrap();
    let mut drafted = crate::office::drafts::Drafted::carrying(Bundle::of(statements), copy);
    world.signed(&world.alice, &mut drafted);
    world.signed(&world.bob, &mut drafted);
    world.log_all(&drafted);
    world
}

/// The member's file, as its home proves it against the charters in use.
fn proven(world: &World, next: &[(&str, u64, u64)]) -> Proven {
    let copy = world.alice.replica().unwrap();
    let invitation = world.alice.home.invitation(&testlog::name()).unwrap();
    let next = next.iter().map(|(contact, record, roster)| v1::NextVersions {
        contact: (*contact).to_owned(),
        record: *record,
        roster: *roster,
    });
    let file = v1::AdmissionFile {
        invitation: Some(invitation.message().clone()),
        admission: copy.proven(1).unwrap(),
        next: next.collect(),
    };
    let file = crate::client::armour::write(Kind::Admission, &file);
    let to_join = world.fr.to_join(&file).unwrap();
    let succession = crate::client::invitation::Succession::new(invitation.trust(), &[]).unwrap();
    let admission = to_join.file.proven(&succession).unwrap();
    Proven { admission, name: testlog::name(), seat: duty() }
}

fn whole(first: First) -> Joined {
    match first {
        First::Whole(joined) => joined,
        First::Lacking { of, .. } => panic!("{of} must sign"),
    }
}

#[test]
fn an_invitation_is_compared_by_its_fingerprint_in_either_form() {
    let world = World::new();
    let text = crate::client::armour::write(Kind::Invitation, &world.log.invitation());
    let invited = Invited::read(&text).unwrap();
    assert_eq!(invited.name(), &testlog::name());
    assert_eq!(invited.registrars(), 3);
    let (eye, telephone) = invited.0.fingerprint();
    for form in [&eye, &telephone] {
        assert_eq!(invited.has(&Fingerprint::read(form).unwrap()), Ok(()), "{form}");
    }
    let zeros = Fingerprint::read(&"0".repeat(60)).unwrap();
    assert_eq!(invited.has(&zeros).unwrap_err().of, 12);
    let other = World::new().log.invitation();
    let other = Invited::read(&crate::client::armour::write(Kind::Invitation, &other)).unwrap();
    let (eye, _) = other.0.fingerprint();
    assert!(invited.has(&Fingerprint::read(&eye).unwrap()).is_err());
}

/// What is kept of it is no other's.
#[test]
fn who_left_a_directory_goes_on_with_it_and_with_no_other_of_its_name() {
    let (world, other) = (World::new(), World::new());
    let invited = |world: &World| {
        let text = crate::client::armour::write(Kind::Invitation, &world.log.invitation());
        Invited::read(&text).unwrap()
    };
    let name = world.fr.believe(&invited(&world)).unwrap();
    let left = world.fr.leaving(&name).unwrap();
    world.fr.leave(&left).unwrap();
    assert!(!world.fr.has_joined(&name).unwrap());
    let why = world.fr.believe(&invited(&other)).unwrap_err();
    assert_eq!(why.family, Family::VerificationFailed, "{why}");
    assert_eq!(world.fr.believe(&invited(&world)).unwrap(), name);
    assert!(world.fr.has_joined(&name).unwrap());
}

#[test]
fn only_the_very_charter_that_was_compared_is_believed_without_asking() {
    let world = World::new();
    let invited = |world: &World| {
        let text = crate::client::armour::write(Kind::Invitation, &world.log.invitation());
        Invited::read(&text).unwrap()
    };
    assert!(world.fr.has_compared(&invited(&world)));
    let other = World::new();
    assert!(!world.fr.has_compared(&invited(&other)), "another directory of the same name");
    let why = world.fr.believe(&invited(&other)).unwrap_err();
    assert_ne!(why.side, Side::Network, "{why}");
    assert_eq!(world.fr.believe(&invited(&world)), Ok(testlog::name()));
    assert_eq!(world.fr.addresses(&testlog::name()).unwrap(), ["liaison.un.example:443"]);
}

#[test]
fn who_has_been_there_is_known_by_his_copy_and_his_keys() {
    let mut world = World::new();
    let name = testlog::name();
    assert_eq!(world.fr.has_joined(&name), Ok(true), "nobody is named");
    world.fr.chosen.seat = Some(duty());
    assert_eq!(world.fr.has_joined(&name), Ok(false), "its keys are not here");
    world.fr.make_seat(&duty(), false).unwrap();
    assert_eq!(world.fr.has_joined(&name), Ok(true));
    assert_eq!(world.fr.has_joined(&"other.example".parse().unwrap()), Ok(false));
    let owner = Owner::Seat(duty());
    assert_eq!((world.fr.holds(&owner), world.bob.holds(&owner)), (Ok(true), Ok(false)));
}

#[test]
fn an_authority_is_made_once_and_its_files_are_of_the_same_key() {
    let world = World::new();
    let member = "fr".parse().unwrap();
    let first = world.fr.authority(&member).unwrap();
    let again = world.fr.authority(&member).unwrap();
    assert!(is_of_same_key(&first, &again));
    let other = world.bob.authority(&member).unwrap();
    assert!(!is_of_same_key(&first, &other));
    assert!(!is_of_same_key(&first, "no file"));
}

#[test]
fn first_statements_are_signed_kept_and_the_same_when_given_again() {
    let world = admitted();
    let proven = proven(&world, &[]);
    assert!(world.fr.joined_before(&testlog::name(), &duty()).unwrap().is_none());
    let joining = world.fr.joining(&proven, BOTH).unwrap();
    let joined = whole(joining.first(&world.fr, &fields(), BOTH).unwrap());
    let [record, roster] = joined.bundle.publications() else { panic!("two") };
    let record: proto::Record =
        prost::Message::decode(record.envelope().payload().clone()).unwrap();
    assert_eq!((&*record.contact, record.custody()), ("fr/cert-fr", Custody::OneMachine));
    assert!(record.keeper.is_some());
    let roster: proto::Roster =
        prost::Message::decode(roster.envelope().payload().clone()).unwrap();
    assert_eq!(roster.seats.len(), 1);
    assert_eq!((&*roster.seats[0].name, roster.seats[0].sign.is_some()), ("duty-1", true));
    let kept = world.fr.joined_before(&testlog::name(), &duty()).unwrap().unwrap();
    assert_eq!(kept.bundle.write(), joined.bundle.write());
    assert_eq!(kept.kept, joined.kept);
    // The rules admit it as it is.
    let mut log = world.log.clone();
    for publication in joined.bundle.to_wire().publications {
        log.add(&publication.statement).unwrap();
    }
    assert_eq!(log.entries.len(), 4);
}

#[test]
fn without_keeper_or_roster_there_is_none_and_the_authority_signs_alone() {
    let world = admitted();
    let proven = proven(&world, &[]);
    let alone = Wanted { keeper: false, roster: false };
    let joining = world.fr.joining(&proven, alone).unwrap();
    let joined = whole(joining.first(&world.fr, &fields(), alone).unwrap());
    let [record] = joined.bundle.publications() else { panic!("one") };
    let record: proto::Record =
        prost::Message::decode(record.envelope().payload().clone()).unwrap();
    assert_eq!(record.keeper, None);
    assert_eq!(world.fr.holds(&Owner::Keeper(duty().contact())), Ok(false));
    assert_eq!(world.fr.holds(&Owner::Seat(duty())), Ok(false), "no seat's keys are made for it");
}

#[test]
fn a_record_that_stands_stays_and_who_has_joined_is_told_so() {
    let world = admitted();
    let of = |record, roster| proven(&world, &[("fr/cert-fr", record, roster)]);
    let record_only = Wanted { keeper: true, roster: false };
    // The registrars know a record, and no roster: the roster alone.
    let stands = of(2, 1);
    let joining = world.fr.joining(&stands, BOTH).unwrap();
    assert_eq!(joining.stands, Stands { record: true, roster: false });
    // Its record names no keeper that is known here: others must sign.
    match joining.first(&world.fr, &fields(), BOTH).unwrap() {
        First::Whole(joined) => assert_eq!(joined.bundle.publications().len(), 1),
        First::Lacking { text, found, needed, .. } => {
            assert_eq!((found, needed), (0, 1));
            assert_eq!(Bundle::read(&text).unwrap().publications().len(), 1);
        }
    }
    for (proven, wanted) in [(of(2, 1), record_only), (of(2, 2), BOTH), (of(1, 2), BOTH)] {
        let why = world.fr.joining(&proven, wanted).err().unwrap();
        assert_eq!((&why.reason, why.family), (&Here::JoinedAlready.into(), Family::Refused));
        assert_eq!(why.mend.as_deref(), Some(&Mend::AddSeatOrRecord(duty())));
    }
    // What this home knows counts as what the file says.
    let populated = World::populated();
    let file = Proven { admission: of(1, 1).admission, name: testlog::name(), seat: duty() };
    let why = populated.fr.joining(&file, BOTH).err().unwrap();
    assert!(
        [Here::JoinedAlready.into(), Here::OtherAuthority.into()].contains(&why.reason),
        "{why}"
    );
}

#[test]
fn another_authority_than_the_admitted_one_signs_nothing() {
    let world = admitted();
    let proven = proven(&world, &[]);
    world.bob.authority(&"fr".parse().unwrap()).unwrap();
    let why = world.bob.joining(&proven, BOTH).err().unwrap();
    assert_eq!((&why.reason, why.family), (&Here::OtherAuthority.into(), Family::IdentityOrKey));
    assert_eq!(why.mend.as_deref(), Some(&Mend::SendAuthority("fr".parse().unwrap())));
    assert_eq!(world.bob.holds(&Owner::Keeper(duty().contact())), Ok(false));
}

#[test]
fn what_was_published_before_stays_and_the_first_refusal_ends_it() {
    let refused = |why: Refusal| Verdict::Refused(ClientError::from(&why));
    let wrong = || Refusal::WrongVersion { expected: 2, found: 1 };
    let last = Box::new(ClientError::from(&wrong()));
    for (answers, expected) in [
        (vec![], vec![]),
        (vec![Verdict::Logged(3), Verdict::Logged(4)], vec![Enrolled::At(3), Enrolled::At(4)]),
        (vec![refused(wrong()), Verdict::Logged(4)], vec![Enrolled::StoodBefore, Enrolled::At(4)]),
        // What follows would have to show it.
        (
            vec![Verdict::Logged(3), refused(wrong())],
            vec![Enrolled::At(3), Enrolled::Refused(last.clone())],
        ),
        (vec![refused(wrong())], vec![Enrolled::Refused(last)]),
    ] {
        assert_eq!(enrolled(answers), expected);
    }
    let full = Refusal::StorageFull;
    let all = enrolled(vec![refused(full.clone()), Verdict::Logged(1)]);
    assert_eq!(all, [Enrolled::Refused(Box::new(ClientError::from(&full)))]);
}

#[test]
fn who_compared_an_invitation_goes_on_from_that_one() {
    let world = admitted();
    let copy = world.alice.replica().unwrap();
    let mut invitation = world.alice.home.invitation(&testlog::name()).unwrap().message().clone();
    invitation.addresses = vec!["elsewhere.example".to_owned()];
    let file = v1::AdmissionFile {
        invitation: Some(invitation),
        admission: copy.proven(1).unwrap(),
        next: Vec::new(),
    };
    let text = crate::client::armour::write(Kind::Admission, &file);
    let own = world.fr.to_join(&text).unwrap().invited;
    assert_eq!(own.0.message().addresses, ["liaison.un.example"]);
    let newcomer = tempfile::tempdir().unwrap();
    let newcomer = crate::office::tests::whole::office_at(
        testlog::ambient(),
        crate::client::home::Home::at(newcomer.path().to_owned()),
        Arc::new(crate::office::tests::whole::Told::default()),
    );
    let foreign = newcomer.to_join(&text).unwrap().invited;
    assert_eq!(foreign.0.message().addresses, ["elsewhere.example"]);
}
