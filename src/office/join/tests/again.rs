//! What is kept of a join until it is in the log.

use super::*;
use crate::client::testlog::name;

fn drafted(world: &World, wanted: Wanted) -> Joined {
    let proven = proven(world, &[]);
    let joining = world.fr.joining(&proven, wanted).unwrap();
    whole(joining.first(&world.fr, &fields(), wanted).unwrap())
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
