//! Members admitted, and the rosters of their contacts.

use super::*;
use crate::client::error::Family;
use crate::client::invitation::AdmissionFile;
use crate::client::mend::Mend;
use crate::client::reason::{Here, Rule};
use crate::office::drafts::admission::{admitted, stands};
use crate::office::drafts::{Authority, SeatKeys};
use crate::signed::canonical;
use crate::signed::proto::Reason;

/// Signed by all of fr, and in the log.
fn published(world: &mut World, mut drafted: Drafted) {
    let fr = world.fr.clone();
    world.signed(&fr, &mut drafted);
    assert_eq!(drafted.missing(), []);
    world.log_all(&drafted);
}

fn seats(drafted: &Drafted) -> Vec<String> {
    let roster: proto::Roster = payload(drafted);
    roster.seats.into_iter().map(|seat| seat.name).collect()
}

#[test]
fn a_seat_is_listed_beside_the_others_and_in_place_of_itself() {
    let mut world = World::populated();
    let second: SeatId = "fr/cert-fr/duty-2".parse().unwrap();
    let keys = world.fr.make_seat(&second, false).unwrap();
    let mut rostering = world.rostering();
    rostering.list(&second, keys.clone());
    rostering.list(&second, keys);
    let drafted = rostering.draft(&world.fr).unwrap();
    assert_eq!(seats(&drafted), ["duty-1", "duty-2"]);
    let roster: proto::Roster = payload(&drafted);
    assert_eq!(roster.targets[0].version, 2);
    published(&mut world, drafted);

    let listed = world.fr.seats(&duty().contact()).unwrap();
    let standing: Vec<_> =
        listed.iter().map(|seat| (seat.seat.as_str(), seat.signs, seat.opens)).collect();
    assert_eq!(standing, [(DUTY, Some(true), true), ("fr/cert-fr/duty-2", Some(true), true)]);
    assert_ne!(listed[0].seal, listed[1].seal);
    // New keys of the first take the place of its old ones; the second stays as it was listed.
    let other = tempfile::tempdir().unwrap();
    let other = office_at(ambient(), Home::at(other.path().to_owned()), Arc::new(Told::default()));
    let new = other.make_seat(&duty(), false).unwrap();
    let mut rostering = world.rostering();
    rostering.list(&duty(), new);
    let changed: proto::Roster = payload(&rostering.draft(&world.fr).unwrap());
    let by_name = |of: &proto::Roster, name: &str| {
        of.seats.iter().find(|seat| seat.name == name).cloned().unwrap()
    };
    assert_eq!(by_name(&changed, "duty-2"), by_name(&roster, "duty-2"));
    assert_ne!(by_name(&changed, "duty-1"), by_name(&roster, "duty-1"));
}

#[test]
fn the_last_seat_that_connects_is_told_from_the_others() {
    let mut world = World::populated();
    let safe: SeatId = "fr/cert-fr/safe".parse().unwrap();
    let nobody: SeatId = "fr/cert-fr/nobody".parse().unwrap();
    let keys = world.fr.make_seat(&safe, true).unwrap();
    let mut rostering = world.rostering();
    rostering.list(&safe, keys);
    let drafted = rostering.draft(&world.fr).unwrap();
    published(&mut world, drafted);
    let listed = world.fr.seats(&duty().contact()).unwrap();
    assert_eq!(listed[1].signs, None, "a safe seat does not sign");

    // Beside a safe seat, which does not connect, it is the last; the safe one never is.
    assert_eq!(world.at_hand(&world.fr).ends_the_last(&duty()), Ok(true));
    assert_eq!(world.at_hand(&world.fr).ends_the_last(&safe), Ok(false));
    assert_eq!(world.rostering().take_off(&duty()), Ok(true));
    let mut rostering = world.rostering();
    assert_eq!(rostering.take_off(&safe), Ok(false));
    assert_eq!(seats(&rostering.draft(&world.fr).unwrap()), ["duty-1"]);
    for why in [
        world.at_hand(&world.fr).ends_the_last(&nobody).unwrap_err(),
        world.rostering().take_off(&nobody).unwrap_err(),
    ] {
        assert_eq!((why.reason, why.family), (Here::UnknownSeat.into(), Family::NotFound));
        assert_eq!(why.mend.as_deref(), Some(&Mend::ListSeats));
    }
    // Beside another that connects it is not.
    let second: SeatId = "fr/cert-fr/duty-2".parse().unwrap();
    let keys = world.fr.make_seat(&second, false).unwrap();
    let mut rostering = world.rostering();
    rostering.list(&second, keys);
    assert_eq!(rostering.take_off(&duty()), Ok(false));
}

#[test]
fn what_is_revoked_ends_and_is_not_listed_again() {
    let mut world = World::populated();
    let at_hand = world.at_hand(&world.fr);
    let drafted = world.fr.revocation(at_hand, &duty(), Reason::Compromised).unwrap();
    let revocation: proto::Revocation = payload(&drafted);
    assert_eq!((&*revocation.seat, revocation.reason()), (DUTY, Reason::Compromised));
    assert_eq!(revocation.suspected_from, 0);
    let listed = world.fr.home.keys().list(world.fr.ambient()).unwrap();
    let own = listed.iter().filter(|key| key.owner == Owner::Seat(duty()));
    let mut own: Vec<Vec<u8>> =
        own.map(|key| key.id.as_ref().unwrap().as_bytes().to_vec()).collect();
    own.sort_unstable();
    assert_eq!(revocation.key_ids, own, "all three keys of the seat");
    published(&mut world, drafted);
    let listed = &world.fr.seats(&duty().contact()).unwrap()[0];
    assert_eq!((listed.signs, listed.opens), (Some(false), false));
    // Keys never return: the next roster begins without it.
    assert_eq!(seats(&world.rostering().draft(&world.fr).unwrap()), [] as [String; 0]);
    assert_eq!(world.at_hand(&world.fr).ends_the_last(&duty()), Ok(false));
}

#[test]
fn keys_are_those_of_their_seat_and_made_once() {
    let world = World::populated();
    let public = |of: &Owner| world.fr.home.keys().public(of, world.fr.ambient()).unwrap();
    let [_, keeper, seat] = world.owners();
    let why = SeatKeys::read(&public(&seat), &"fr/cert-fr/duty-2".parse().unwrap()).unwrap_err();
    assert_eq!((why.reason, why.family), (Here::OtherSeat.into(), Family::Usage));
    assert!(SeatKeys::read(&public(&keeper), &duty()).is_err());
    let made = world.fr.make_seat(&duty(), false).unwrap();
    let again = world.fr.make_seat(&duty(), true).unwrap().entry("duty-1");
    assert_eq!(made.entry("duty-1").seal, again.seal);
    assert!(again.sign.is_some(), "a seat that is here stays as it was made");
}

#[test]
fn nobody_has_a_roster_without_a_record() {
    let world = World::populated();
    let why = world.fr.seats(&"fr/gov-fr".parse().unwrap()).unwrap_err();
    assert_eq!((why.reason, why.family), (Rule::UnknownContact.into(), Family::NotFound));
    let copy = world.copy(&world.fr);
    assert!(Rostering::on(copy, "fr/gov-fr".parse().unwrap()).is_err());
}

#[test]
fn an_authority_is_read_from_files_of_its_own_member() {
    let world = World::populated();
    let [owner, keeper, _] = world.owners();
    let public = |of: &Owner| world.fr.home.keys().public(of, world.fr.ambient()).unwrap();
    let (fr, ie) = ("fr".parse().unwrap(), "ie".parse().unwrap());
    let mut authority = Authority::default();
    assert!(authority.is_empty());
    assert_eq!(authority.add(&public(&owner), &ie), Ok(Some("fr".to_owned())));
    assert!(authority.is_empty(), "nothing of another member's file is taken");
    assert!(authority.add(&public(&keeper), &fr).is_err());
    assert_eq!(authority.add(&public(&owner), &fr), Ok(None));
    assert!(!authority.is_empty());
}

#[test]
fn who_is_admitted_so_already_needs_no_other_admission() {
    let world = World::populated();
    let directory = &world.log.directory;
    let member = directory.member(&"fr".parse().unwrap()).unwrap();
    let said: proto::Admission = canonical::decode(&member.payload).unwrap();
    let next = |change: &dyn Fn(&mut proto::Admission)| {
        let mut admission = said.clone();
        change(&mut admission);
        stands(member, &crate::domain::directory::Statement::Admission(admission))
    };
    let note = proto::Note { reference: "NV/1".to_owned(), date: NOW, sha256: bytes::Bytes::new() };
    assert_eq!(next(&|_| ()), Ok(true));
    assert_eq!(next(&|of| of.kind = MemberKind::UnObserver.into()), Ok(false));
    assert_eq!(next(&|of| of.names[0].text = "other".to_owned()), Ok(false));
    assert_eq!(next(&|of| of.note = Some(note.clone())), Ok(false));
    for other in [
        next(&|of| of.authority = Vec::new()),
        next(&|of| of.authority[0] = testlog::proven(77, "fr", proto::Use::Authority)),
        next(&|of| of.threshold = 2),
    ] {
        let why = other.unwrap_err();
        assert_eq!(why.reason, Rule::AuthorityStands);
        assert_eq!(why.mend.as_deref(), Some(&Mend::GiveItsAuthority));
    }
    // Of a member without an authority it may be given one.
    let listed = proto::Admission { authority: Vec::new(), threshold: 0, ..said.clone() };
    let bare = crate::domain::directory::Member {
        authority: Vec::new(),
        threshold: 0,
        payload: prost::Message::encode_to_vec(&listed).into(),
        ..member.clone()
    };
    let given = crate::domain::directory::Statement::Admission(said.clone());
    assert_eq!(stands(&bare, &given), Ok(false));
    let same = crate::domain::directory::Statement::Admission(listed);
    assert_eq!(stands(&bare, &same), Ok(true));
}

#[test]
fn an_admission_file_proves_the_admission_and_says_which_versions_come_next() {
    let world = World::populated();
    let copy = world.copy(&world.alice);
    let invited =
        |office: &Office| office.home.invitation(&testlog::name()).unwrap().message().clone();
    let admitted_now = admitted(&copy, invited(&world.alice), &"fr".parse().unwrap()).unwrap();
    assert_eq!(admitted_now.leaf, Some(1));
    let file: v1::AdmissionFile =
        armour::read(armour::Kind::Admission, &admitted_now.file).unwrap();
    let next: Vec<_> = file.next.iter().map(|of| (&*of.contact, of.record, of.roster)).collect();
    assert_eq!(next, [("fr/cert-fr", 2, 2)]);
    let read = AdmissionFile::read(&admitted_now.file).unwrap();
    assert_eq!(read.invitation().trust().name().as_str(), "un.example");
    // Nobody of that name: there is no admission to prove.
    let nobody = admitted(&copy, invited(&world.alice), &"ie".parse().unwrap()).unwrap();
    assert_eq!(nobody.leaf, None);
    assert!(AdmissionFile::read(&nobody.file).is_err());
}
