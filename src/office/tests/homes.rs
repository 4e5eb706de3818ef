//! Whom a home acts as, whether its keys count, and what it is told if they do not.

use std::sync::Arc;

use tempfile::TempDir;

use super::whole::{Told, office};
use super::*;
use crate::client::armour;
use crate::client::clocks::{Clocks, Wrong};
use crate::client::error::{ClientError, Family, Side};
use crate::client::home::{DirectoryConfig, Home};
use crate::client::keys::{Owner, read_public};
use crate::client::mend::Mend;
use crate::client::reason::{Here, Rule};
use crate::client::replica::Replica;
use crate::crypto::sign::KeyId;
use crate::domain::ids::{ContactId, DirectoryName};
use crate::office::Office;
use crate::office::standing::{of_clocks, wrong_clock};
use crate::world::relay::NAME;

const CERT: &str = "fr/cert-fr";

/// A home with keys of its own.
pub(crate) struct Kept {
    pub(crate) office: Office,
    dir: TempDir,
}

impl Kept {
    pub(crate) fn new(net: &Net) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().to_owned());
        Self { office: office(net, home, Arc::new(Told::default())), dir }
    }

    /// The same, that has joined the directory as it is now.
    pub(crate) fn joined(net: &Net) -> (Self, Replica) {
        let kept = Self::new(net);
        let replica = net.copy(&kept.office.home);
        (kept, replica)
    }

    pub(crate) fn owns(&self, owner: &Owner) {
        self.office.home.keys().create(owner, self.office.ambient()).unwrap();
    }

    /// Its keys of a seat, as a roster lists them.
    pub(crate) fn listed(&self, of: &str) -> proto::Seat {
        let (keys, owner, ambient) = (self.office.home.keys(), owner(of), self.office.ambient());
        let public = keys.public(&owner, ambient).unwrap();
        let public = read_public(armour::Kind::Seat, &public).unwrap();
        proto::Seat {
            name: seat(of).name().to_owned(),
            sign: Some(keys.listed(&owner, ambient).unwrap()),
            seal: public.seal,
            tls: Some(keys.listed_tls(&owner, ambient).unwrap()),
        }
    }

    /// Whether the keys of a seat count, by the directory as it is now.
    fn keys(&self, net: &Net, of: &str) -> Result<usize, ClientError> {
        let other = tempfile::tempdir().unwrap();
        let replica = net.copy(&Home::at(other.path().to_owned()));
        self.office.seat_keys(&replica, &seat(of))
    }
}

pub(crate) fn owner(of: &str) -> Owner {
    Owner::Seat(seat(of))
}

fn registrar() -> Owner {
    Owner::Registrar("alice".parse().unwrap())
}

/// Paris, both of whose seats are in this home and in the directory.
pub(crate) fn paris(net: &mut Net) -> Kept {
    let kept = Kept::new(net);
    [FR, FR_2].iter().for_each(|of| kept.owns(&owner(of)));
    net.roster_of(CERT, 2, vec![kept.listed(FR), kept.listed(FR_2)]);
    net.copy(&kept.office.home);
    kept
}

#[test]
fn a_home_acts_as_its_only_seat_or_as_the_one_that_is_named() {
    let net = Net::new();
    let (kept, _) = Kept::joined(&net);
    let none = kept.office.seat().unwrap_err();
    assert_eq!((&none.reason, none.family), (&Here::NoSeat.into(), Family::IdentityOrKey));
    assert_eq!(none.mend.as_deref(), Some(&Mend::NameHomeOrJoinAs));
    kept.owns(&registrar());
    assert_eq!(kept.office.seat().unwrap_err().reason, Here::NoSeat);
    kept.owns(&owner(FR));
    assert_eq!(kept.office.seat().unwrap(), seat(FR));
    kept.owns(&owner(FR_2));
    let several = kept.office.seat().unwrap_err();
    assert_eq!((&several.reason, several.family), (&Here::SeveralSeats.into(), Family::Usage));
    assert!(several.sentence.contains(FR) && several.sentence.contains(FR_2), "{several}");
    let mut named = kept.office.clone();
    named.chosen.seat = Some(seat(FR_2));
    assert_eq!(named.seat().unwrap(), seat(FR_2));
    assert_eq!(named.contact(None).unwrap().as_str(), CERT);
    let other: ContactId = "at/cert-at".parse().unwrap();
    assert_eq!(kept.office.contact(Some(&other)).unwrap(), other, "what is given is not judged");
}

/// It waits for its admission: nothing else that it could do helps.
#[test]
fn a_home_with_an_authority_alone_is_told_to_send_it() {
    let net = Net::new();
    let (kept, _) = Kept::joined(&net);
    let member = "fr".parse().unwrap();
    kept.owns(&Owner::Authority(member));
    let why = kept.office.seat().unwrap_err();
    let Some(Mend::SendAuthorityOrNameHome(of)) = why.mend.as_deref() else { panic!("{why:?}") };
    assert_eq!(of.as_str(), "fr");
}

/// Its record is signed here, and no seat of it is: it reads nothing.
#[test]
fn a_home_that_only_signs_is_told_how_it_gets_a_seat() {
    let net = Net::new();
    let (kept, _) = Kept::joined(&net);
    let contact: ContactId = CERT.parse().unwrap();
    kept.owns(&Owner::Keeper(contact.clone()));
    let mend = |kept: &Kept| kept.office.seat().unwrap_err().mend.map(|mend| *mend);
    assert_eq!(mend(&kept), Some(Mend::NameHomeOrJoinAs), "whose home that is is not known");
    kept.owns(&Owner::Authority("at".parse().unwrap()));
    assert_eq!(mend(&kept), Some(Mend::SendAuthorityOrNameHome("at".parse().unwrap())));
    let (kept, _) = Kept::joined(&net);
    kept.owns(&Owner::Keeper(contact.clone()));
    kept.owns(&Owner::Authority(contact.member()));
    assert_eq!(mend(&kept), Some(Mend::JoinForASeat(contact)));
}

#[test]
fn a_home_that_is_not_there_is_no_home_without_seats() {
    let net = Net::new();
    let kept = Kept::new(&net);
    let nowhere = Home::at(kept.dir.path().join("nowhere"));
    let office = office(&net, nowhere, Arc::new(Told::default()));
    assert_eq!(office.seat().unwrap_err().reason, Here::NoHome);
}

#[test]
fn who_reads_is_the_seat_named_else_one_in_force_else_a_person() {
    let mut net = Net::new();
    let kept = paris(&mut net);
    // Both are in force, and nobody is named: any may read.
    assert!(matches!(kept.office.reader().unwrap(), Owner::Seat(_)));
    let only_second = kept.listed(FR_2);
    net.roster_of(CERT, 3, vec![only_second]);
    let (other, _) = Kept::joined(&net);
    copy_keys(&kept, &other);
    assert_eq!(other.office.reader().unwrap(), owner(FR_2));
    other.owns(&registrar());
    assert_eq!(other.office.reader().unwrap(), owner(FR_2));
    // None is in force: the person may.
    net.roster_of(CERT, 4, vec![]);
    let (third, _) = Kept::joined(&net);
    copy_keys(&other, &third);
    assert_eq!(third.office.reader().unwrap(), registrar());
    let mut named = third.office.clone();
    named.chosen.seat = Some(seat(FR));
    assert_eq!(named.reader().unwrap(), owner(FR));
}

/// Operators and auditors are not handed the details of contacts.
#[test]
fn whether_details_come_depends_on_who_reads() {
    let net = Net::new();
    for (owner, reads) in [
        (Owner::Operator("oscar".parse().unwrap()), false),
        (Owner::Auditor("anna".parse().unwrap()), false),
        (registrar(), true),
        (owner(FR), true),
    ] {
        let (kept, _) = Kept::joined(&net);
        kept.owns(&owner);
        assert_eq!(kept.office.reads_details(), reads, "{owner}");
    }
}

#[test]
fn that_nothing_answers_is_for_an_operator_to_mend() {
    let net = Net::new();
    let lost = || {
        ClientError::new(Side::Network, Family::NotReachable, Here::NoConnection, "no")
            .mended_by(Mend::AskWhetherItMoved)
    };
    let mends = |kept: &Kept, why| kept.office.for_operators(why).mend.map(|mend| *mend);
    let (kept, _) = Kept::joined(&net);
    kept.owns(&owner(FR));
    assert_eq!(mends(&kept, lost()), Some(Mend::AskWhetherItMoved));
    kept.owns(&Owner::Operator("oscar".parse().unwrap()));
    assert_eq!(mends(&kept, lost()), Some(Mend::ServeOrAskWhetherItMoved));
    let other = ClientError { reason: Here::Tls.into(), ..lost() };
    assert_eq!(mends(&kept, other), Some(Mend::AskWhetherItMoved));
}

/// Who could not sync anyway lacks that first.
#[test]
fn who_never_synced_and_has_no_seat_is_told_of_the_seat() {
    let net = Net::new();
    let (kept, _) = Kept::joined(&net);
    let never =
        || ClientError::new(Side::Ours, Family::Stale, Here::NeverSynced, "").mended_by(Mend::Sync);
    let said = kept.office.not_synced(never());
    assert_eq!(
        (said.reason, said.mend.map(|mend| *mend)),
        (Here::NeverSynced.into(), Some(Mend::NameHomeOrJoinAs))
    );
    kept.owns(&owner(FR));
    assert_eq!(kept.office.not_synced(never()), never());
}

#[test]
fn keys_that_are_listed_count_and_each_way_to_lose_them_has_its_way_back() {
    let mut net = Net::new();
    let kept = paris(&mut net);
    assert_eq!(kept.keys(&net, FR).unwrap(), 3);
    let fails = |net: &Net, reason: Here, mend: &Mend| {
        let why = kept.keys(net, FR_2).unwrap_err();
        assert_eq!((&why.reason, why.family), (&reason.into(), Family::IdentityOrKey), "{why}");
        assert_eq!(why.mend.as_deref(), Some(mend), "{why}");
        why
    };
    let anew = Mend::RotateSeatAs { colleague: seat(FR), seat: seat(FR_2) };
    let mut revoked = net.clone();
    let sign = kept.listed(FR_2).sign.unwrap();
    let sign = KeyId::of(&sign.key);
    revoked.revoke(FR_2, &sign);
    let why = fails(&revoked, Here::KeyRevoked, &anew);
    assert!(why.sentence.contains("was revoked by entry"), "{why}");
    net.roster_of(CERT, 3, vec![kept.listed(FR)]);
    let why = fails(&net, Here::KeyDropped, &anew);
    assert!(why.sentence.contains("was dropped by entry"), "{why}");
}

/// From a home of its own it cannot connect: only another name helps.
#[test]
fn a_seat_without_a_colleague_in_its_home_comes_back_under_another_name() {
    let mut net = Net::new();
    let kept = Kept::new(&net);
    kept.owns(&owner(FR));
    let why = kept.keys(&net, FR).unwrap_err();
    assert_eq!(why.mend.as_deref(), Some(&Mend::EnterSeat(seat(FR))));
    assert_eq!(why.reason, Here::KeyUnknown);
    net.roster_of(CERT, 2, vec![kept.listed(FR)]);
    net.roster_of(CERT, 3, vec![]);
    let why = kept.keys(&net, FR).unwrap_err();
    assert_eq!(why.mend.as_deref(), Some(&Mend::NewSeat(seat(FR).contact())));
}

/// The service does not say why a key may not call, and may know better than the copy.
#[test]
fn what_the_service_does_not_say_of_a_key_the_copy_says() {
    let mut net = Net::new();
    let kept = paris(&mut net);
    let mut office = kept.office.clone();
    office.chosen.seat = Some(seat(FR_2));
    let other = tempfile::tempdir().unwrap();
    let replica = net.copy(&Home::at(other.path().to_owned()));
    let refused = |reason: Rule| {
        let (side, family) = (Side::Ours, Family::IdentityOrKey);
        ClientError::new(side, family, reason, "no").mended_by(Mend::Doctor)
    };
    let why = office.explained(&replica, refused(Rule::NotPermitted));
    assert_eq!(why.reason, Here::KeyEnded);
    let anew = Mend::RotateSeatAs { colleague: seat(FR), seat: seat(FR_2) };
    assert_eq!(why.mend.as_deref(), Some(&anew));
    // What usually mends it is this very command.
    let why = office.explained(&replica, refused(Rule::KeyNotInForce));
    assert_eq!((why.reason, why.mend), (Rule::KeyNotInForce.into(), None));
    let other = ClientError { family: Family::Refused, ..refused(Rule::NotPermitted) };
    assert_eq!(office.explained(&replica, other.clone()), other);
    // And of a home in which nobody knows which seat is meant.
    let why = kept.office.explained(&replica, refused(Rule::NotPermitted));
    assert_eq!(why.mend.as_deref(), Some(&Mend::AskWhichKeysCount));
}

#[test]
fn each_clock_is_blamed_only_if_the_others_contradict_it() {
    let clocks = Clocks { own: 5_000, service: Some(9_000), directory: 7_000 };
    for (wrong, side, reason, mend) in [
        (Wrong::Own, Side::Ours, Here::Clock, Mend::SetClock),
        (Wrong::Service, Side::Theirs, Here::ClockOfService, Mend::TellOperator),
        (Wrong::Directory, Side::Theirs, Here::ClockOfDirectory, Mend::TellOperator),
        (Wrong::OwnOrService, Side::Ours, Here::ClocksApart, Mend::SetClock),
        (Wrong::OwnOrDirectory, Side::Ours, Here::ClocksApart, Mend::SetClock),
    ] {
        let said = wrong_clock(&clocks, wrong);
        assert_eq!((said.side, &said.reason), (side, &reason.into()), "{wrong:?}");
        assert_eq!(said.mend.as_deref(), Some(&mend), "{wrong:?}");
        for clock in ["1970-01-01 01:23", "1970-01-01 02:30", "1970-01-01 01:56"] {
            assert!(said.sentence.contains(clock), "{said}");
        }
    }
    let mute = wrong_clock(&Clocks { service: None, ..clocks }, Wrong::OwnOrDirectory);
    assert!(mute.sentence.contains("the service nothing"), "{mute}");
}

#[test]
fn who_signed_too_late_is_blamed_only_by_two_clocks() {
    let refused = |at: u64| ClientError::from(Refusal::IssuedInFuture { issued: at + 900, at });
    // This machine runs ahead of both.
    let own = of_clocks(refused(10_000), 20_000, 9_990);
    assert_eq!((own.side, own.reason.rule()), (Side::Ours, Some(Rule::IssuedInFuture)));
    assert!(own.sentence.contains("they differ by"), "{own}");
    // The service is behind its own log.
    let theirs = of_clocks(refused(10_000), 20_000, 19_990);
    assert_eq!(theirs.side, Side::Theirs);
    assert_eq!(theirs.mend.as_deref(), Some(&Mend::TellOperator));
    // All three agree: what was refused stands as it is, and so does any other error.
    assert_eq!(of_clocks(refused(10_000), 10_000, 9_990), refused(10_000));
    let other = ClientError::from(Refusal::BodyDigest);
    assert_eq!(of_clocks(other.clone(), 20_000, 9_990), other);
}

#[test]
fn that_a_seat_was_refused_is_known_until_a_sync_goes_through() {
    let mut net = Net::new();
    let kept = paris(&mut net);
    assert!(!kept.office.is_refused(&seat(FR)));
    let name = kept.office.name().unwrap();
    let note = kept.office.home.folder(&name).join("refused");
    std::fs::write(&note, FR_2).unwrap();
    assert!(kept.office.is_refused(&seat(FR_2)));
    assert!(!kept.office.is_refused(&seat(FR)));
    assert_eq!(kept.keys(&net, FR).unwrap(), 3);
    assert_eq!(kept.keys(&net, FR_2).unwrap_err().reason, Here::KeyEnded);
}

/// A person is no owner whose keys change with a roster.
#[test]
fn only_a_seat_has_keys_that_wait_to_be_listed() {
    let net = Net::new();
    let (kept, _) = Kept::joined(&net);
    kept.owns(&registrar());
    kept.owns(&owner(FR));
    assert!(!kept.office.changes_keys(&registrar()));
    assert!(!kept.office.changes_keys(&owner(FR)));
}

/// Puts the keys of one home into another.
fn copy_keys(from: &Kept, to: &Kept) {
    copy(&from.dir.path().join("keys"), &to.dir.path().join("keys"));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

#[test]
fn a_directory_is_the_default_or_used_no_more_and_nothing_of_it_is_lost() {
    let net = Net::new();
    let (kept, _) = Kept::joined(&net);
    let (office, home) = (&kept.office, &kept.office.home);
    let [own, other, nowhere]: [DirectoryName; 3] =
        [NAME, "other.example", "no.example"].map(|name| name.parse().unwrap());
    let mut config = home.config().unwrap();
    config.directories.insert(other.to_string(), DirectoryConfig::default());
    home.set_config(&config).unwrap();
    let meant = || home.directory(None).map_err(|why| ClientError::from(why).reason);
    assert_eq!(meant(), Err(Here::SeveralDirectories.into()));
    office.prefers(&other).unwrap();
    assert_eq!(meant(), Ok(other.clone()));
    assert_eq!(home.directory(Some(&own)).unwrap(), own, "what is named is meant");
    assert_eq!(office.prefers(&nowhere).unwrap_err().reason, Here::NotJoined);
    assert_eq!(office.leaving(&nowhere).unwrap_err().reason, Here::NotJoined);
    assert_eq!(meant(), Ok(other.clone()));
    office.leave(&office.leaving(&other).unwrap()).unwrap();
    assert_eq!((meant(), home.config().unwrap().default), (Ok(own.clone()), None));

    // What waits is told before.
    kept.owns(&owner(FR));
    let leaving = office.leaving(&own).unwrap();
    assert_eq!(leaving.waits, []);
    let sealed = net.notification();
    let outbox = Outbox::of(&leaving.folder.join("mail").join(FR).join("outbox"));
    outbox.put((sealed.id, sealed.header_digest), &Request::submit(sealed.envelope)).unwrap();
    let leaving = office.leaving(&own).unwrap();
    assert_eq!(leaving.waits, [seat(FR)]);
    office.leave(&leaving).unwrap();
    assert_eq!(meant(), Err(Here::NotJoined.into()));
    assert_eq!(outbox.pending().unwrap(), [sealed.id]);
    assert!(leaving.folder.join("entries").exists());
}
