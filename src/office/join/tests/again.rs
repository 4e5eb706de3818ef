//! What is kept of a join until it is in the log, what of it stands already, and who has been there.

use super::*;
use crate::client::home::Home;
use crate::office::drafts::charter::{Changes, Charters};
use crate::office::tests::whole::{Told, office_at};
use crate::world::testlog::{AUTHORITY, ambient, key, name};

const RECORD: Wanted = Wanted { keeper: true, roster: false };
const CONTACT: &str = "fr/cert-fr";

fn drafted(world: &World, wanted: Wanted) -> Joined {
    let proven = proven(world, &[]);
    let joining = world.fr.joining(&proven, wanted).unwrap();
    whole(joining.first(&world.fr, &fields(), wanted).unwrap())
}

/// What was drafted goes into the log, and the home of fr hears of it.
fn logged(world: &mut World, joined: &Joined) {
    for publication in joined.bundle.to_wire().publications {
        world.log.add(&publication.statement).unwrap();
    }
    world.sync_home(&world.fr);
}

/// A home that has nothing yet.
struct Newcomer {
    office: Office,
    _folder: tempfile::TempDir,
}

impl Newcomer {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().to_owned());
        let office = office_at(ambient(), home, Arc::new(Told::default()));
        Self { office, _folder: folder }
    }
}

#[test]
fn what_is_kept_is_of_all_seats_of_its_contact_and_of_no_other() {
    let world = admitted();
    let text = drafted(&world, BOTH).bundle.write();
    let before = |seat: &str| {
        let before = world.fr.joined_before(&name(), &seat.parse().unwrap()).unwrap();
        before.map(|joined| joined.bundle.write())
    };
    assert_eq!(before("fr/cert-fr/duty-1"), Some(text.clone()));
    assert_eq!(before("fr/cert-fr/duty-2"), Some(text));
    assert_eq!(before("fr/gov-fr/duty-1"), None);
    assert_eq!(before("ie/cert-fr/duty-1"), None);
    let other = "other.example".parse().unwrap();
    assert!(world.fr.joined_before(&other, &duty()).unwrap().is_none());
}

#[test]
fn what_is_kept_and_cannot_be_handed_in_is_not_taken_for_none() {
    let world = admitted();
    let path = drafted(&world, BOTH).kept;
    let whole = std::fs::read(&path).unwrap();
    let before = || world.fr.joined_before(&name(), &duty());
    let spoilt: [&[u8]; 4] = [b"", b"\xff\xfe", b"no file", &whole[..whole.len() / 2]];
    for spoilt in spoilt {
        std::fs::write(&path, spoilt).unwrap();
        let why = before().unwrap_err();
        assert_eq!((&why.reason, why.side), (&Here::Damaged.into(), Side::Ours), "{spoilt:?}");
        assert_eq!(why.sentence, format!("{} is damaged", path.display()));
        assert_eq!(why.mend.as_deref(), Some(&Mend::Remove(path.clone())));
    }
    // Whole, and of a later release: it is of use to that one.
    std::fs::write(&path, "-----BEGIN LIAISON STATEMENT 3-----\n").unwrap();
    let why = before().unwrap_err();
    assert_eq!((why.family, why.mend.as_deref()), (Family::UpdateMe, Some(&Mend::Update)));
    // A folder is no file, and there is something all the same.
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let why = before().unwrap_err();
    assert_eq!(why.reason, Here::File);
    assert!(why.sentence.contains(&path.display().to_string()), "{why}");
    assert_eq!(why.mend.as_deref(), Some(&Mend::Remove(path.clone())));
    std::fs::remove_dir(&path).unwrap();
    assert!(before().unwrap().is_none());
}

#[cfg(unix)]
#[test]
fn what_is_kept_and_not_to_be_read_by_its_user_is_his_to_mend() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = admitted();
    let path = drafted(&world, BOTH).kept;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&path).is_ok() {
        // Root reads it all the same.
        return;
    }
    let why = world.fr.joined_before(&name(), &duty()).unwrap_err();
    assert_eq!(why.reason, Here::NotYours);
    assert!(why.sentence.contains(&path.display().to_string()), "{why}");
    assert!(why.mend.is_some());
}

#[test]
fn a_mend_of_its_own_stands_before_that_the_file_goes() {
    let path = Path::new("joining-fr-cert-fr");
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let of_disk = |why| ClientError::from(FileError::io("read", path)(why));
    let mend = of_no_use(path, of_disk(full)).mend;
    assert!(matches!(mend.as_deref(), Some(Mend::MakeRoom(_))), "{mend:?}");
    let lost = of_no_use(path, of_disk(std::io::Error::other("the disk gives nothing")));
    assert_eq!(lost.mend.as_deref(), Some(&Mend::Remove(path.to_owned())));
}

#[test]
fn what_others_must_sign_still_is_given_and_not_kept() {
    let mut world = admitted_with(|said| {
        said.authority.push(testlog::proven(AUTHORITY, "fr", proto::Use::Authority));
        said.threshold = 2;
    });
    let of_fr = proven(&world, &[]);
    let joining = world.fr.joining(&of_fr, BOTH).unwrap();
    let First::Lacking { text, found, needed, of } =
        joining.first(&world.fr, &fields(), BOTH).unwrap()
    else {
        panic!("the other key of the authority has signed nothing")
    };
    assert_eq!((found, needed, &*of), (1, 2, "the authority of fr"));
    assert!(world.fr.joined_before(&name(), &duty()).unwrap().is_none());
    // With the other signature it is whole.
    let mut bundle = Bundle::read(&text).unwrap();
    let directory = world.log.directory.clone();
    assert_eq!(bundle.sign(Some(&directory), &[&key(AUTHORITY)], &ambient()), Ok(1));
    logged(&mut world, &Joined { bundle, kept: PathBuf::new() });
    assert_eq!(world.log.entries.len(), 4);
}

#[test]
fn versions_of_another_contact_say_nothing_of_this_one() {
    let world = admitted();
    let proven = proven(&world, &[("fr/gov-fr", 3, 4)]);
    let joining = world.fr.joining(&proven, BOTH).unwrap();
    assert_eq!(joining.stands, Stands { record: false, roster: false });
    let joined = whole(joining.first(&world.fr, &fields(), BOTH).unwrap());
    let versions = joined.bundle.publications().iter();
    let versions: Vec<u64> =
        versions.map(|publication| publication.statement().targets()[0].version).collect();
    assert_eq!(versions, [1, 1]);
}

#[test]
fn what_the_copy_of_this_home_knows_stands_whatever_the_file_says() {
    // Its record alone: it stays, and a roster may come.
    let mut world = admitted();
    let record = drafted(&world, RECORD);
    logged(&mut world, &record);
    let old = proven(&world, &[]);
    let why = world.fr.joining(&old, RECORD).err().unwrap();
    assert_eq!(why.reason, Here::JoinedAlready);
    let joining = world.fr.joining(&old, BOTH).unwrap();
    assert_eq!(joining.stands, Stands { record: true, roster: false });
    // A home whose copy does not have it believes the file.
    let behind = Newcomer::new().office;
    assert!(behind.joining(&old, BOTH).is_err(), "and has no such authority");

    // Record and roster.
    let mut world = admitted();
    let both = drafted(&world, BOTH);
    logged(&mut world, &both);
    let old = proven(&world, &[]);
    for wanted in [BOTH, RECORD] {
        let why = world.fr.joining(&old, wanted).err().unwrap();
        assert_eq!(why.reason, Here::JoinedAlready);
        assert!(why.sentence.starts_with(CONTACT), "{why}");
    }
    // Of another contact of the member nothing stands.
    let seat: SeatId = "fr/gov-fr/duty-1".parse().unwrap();
    let other = Proven { seat: seat.clone(), ..proven(&world, &[]) };
    let joining = world.fr.joining(&other, BOTH).unwrap();
    assert_eq!(joining.stands, Stands { record: false, roster: false });
    let joined = whole(joining.first(&world.fr, &fields(), BOTH).unwrap());
    let of: Vec<_> = joined.bundle.publications().iter().map(|of| of.statement().clone()).collect();
    let [
        crate::domain::directory::Statement::Record(record),
        crate::domain::directory::Statement::Roster(roster),
    ] = &of[..]
    else {
        panic!("{of:?}")
    };
    assert_eq!((&*record.contact, &*roster.contact), ("fr/gov-fr", "fr/gov-fr"));
    assert_eq!(record.names[0].text, "gov-fr", "who says no name has that of the contact");
}

#[test]
fn what_was_asked_for_stands_in_the_first_record() {
    let world = admitted();
    let of_fr = proven(&world, &[]);
    let joining = world.fr.joining(&of_fr, RECORD).unwrap();
    let asked = Asked {
        levels: vec![proto::Level::Policy],
        purposes: vec![proto::Purpose::Exercise],
        telephones: vec!["+33 1 11 11 11 11".to_owned()],
        months: Some(2),
        ..Asked::default()
    };
    let asked = Fields::of(asked).unwrap().named("CERT".to_owned());
    let joined = whole(joining.first(&world.fr, &asked, RECORD).unwrap());
    let [publication] = joined.bundle.publications() else { panic!("one") };
    let record: proto::Record =
        prost::Message::decode(publication.envelope().payload().clone()).unwrap();
    assert_eq!(record.levels, [i32::from(proto::Level::Policy)]);
    assert_eq!(record.purposes, [i32::from(proto::Purpose::Exercise)]);
    assert_eq!(record.names[0].text, "CERT");
    let months = crate::domain::limits::RECORD_SECONDS / 12;
    assert_eq!(record.expires, testlog::NOW + months);
    assert_eq!((record.facets.len(), publication.facets().len()), (1, 1));
    let keeper = world.fr.home.keys();
    let keeper = keeper.listed(&Owner::Keeper(duty().contact()), world.fr.ambient()).unwrap();
    assert_eq!(record.keeper.map(|kept| kept.key), Some(keeper.key));
}

#[test]
fn keys_that_are_here_are_used_again_by_who_joins_again() {
    let world = admitted();
    let keepers = |joined: &Joined| {
        let record: proto::Record =
            prost::Message::decode(joined.bundle.publications()[0].envelope().payload().clone())
                .unwrap();
        record.keeper.map(|keeper| keeper.key)
    };
    let seals = |joined: &Joined| {
        let roster: proto::Roster =
            prost::Message::decode(joined.bundle.publications()[1].envelope().payload().clone())
                .unwrap();
        roster.seats[0].seal.clone().map(|seal| seal.key)
    };
    let (first, again) = (drafted(&world, BOTH), drafted(&world, BOTH));
    assert_eq!(keepers(&first), keepers(&again));
    assert_eq!(seals(&first), seals(&again));
}

#[test]
fn an_admission_to_another_directory_of_that_name_is_compared_by_its_own_invitation() {
    let (world, other) = (admitted(), admitted());
    let file = v1::AdmissionFile {
        invitation: Some(other.log.invitation()),
        admission: other.alice.replica().unwrap().proven(1).unwrap(),
        next: Vec::new(),
    };
    let text = crate::client::armour::write(Kind::Admission, &file);
    let of = |office: &Office| office.home.invitation(&name()).unwrap().fingerprint();
    let asked = world.fr.to_join(&text).unwrap().invited;
    assert_eq!(asked.0.fingerprint(), of(&other.fr));
    assert_ne!(asked.0.fingerprint(), of(&world.fr));
    assert!(!world.fr.has_compared(&asked));
    assert!(world.fr.to_join("no file").is_err());
}

#[test]
fn a_later_charter_of_the_same_directory_was_not_compared_with_the_first() {
    let mut world = World::new();
    let newcomer = Newcomer::new().office;
    let first =
        Invited::read(&crate::client::armour::write(Kind::Invitation, &world.log.invitation()))
            .unwrap();
    assert!(!newcomer.has_compared(&first), "of nothing that it was shown");
    newcomer.believe(&first).unwrap();
    assert!(newcomer.has_compared(&first));

    let changes = Changes { set: vec![("stale-after".to_owned(), 3_600)], ..Changes::default() };
    let mut next = world.at_hand(&world.alice).charter(&world.alice, &changes).unwrap();
    world.signed(&world.alice, &mut next);
    world.signed(&world.bob, &mut next);
    world.log_all(&next);
    let charter = Bundle::read(&next.write()).unwrap();
    let charter = charter.publications()[0].envelope().bytes().clone();
    let later =
        v1::Invitation { charter, checkpoint: bytes::Bytes::new(), ..world.log.invitation() };
    let later = Invited::read(&crate::client::armour::write(Kind::Invitation, &later)).unwrap();
    let shown = Charters::of_file(&next.write()).unwrap().unwrap().all().remove(0);
    assert_eq!(later.0.fingerprint(), (shown.fingerprint, shown.fingerprint_telephone));
    assert!(!newcomer.has_compared(&later), "that it is of the same genesis proves nothing");
    // Whoever has folded the log has seen that one follows the other.
    assert!(world.fr.has_compared(&later));
}

#[test]
fn who_was_invited_and_never_had_the_log_has_not_been_there() {
    let mut world = World::new();
    let newcomer = Newcomer::new().office;
    assert_eq!(newcomer.has_joined(&name()), Ok(false));
    let text = crate::client::armour::write(Kind::Invitation, &world.log.invitation());
    newcomer.believe(&Invited::read(&text).unwrap()).unwrap();
    assert_eq!(newcomer.has_joined(&name()), Ok(false));
    world.sync_home(&newcomer);
    assert_eq!(newcomer.has_joined(&name()), Ok(true));
    // The keys of a colleague are not those of the seat that is named.
    world.fr.make_seat(&"fr/cert-fr/duty-2".parse().unwrap(), false).unwrap();
    world.fr.chosen.seat = Some(duty());
    assert_eq!(world.fr.has_joined(&name()), Ok(false));
}
