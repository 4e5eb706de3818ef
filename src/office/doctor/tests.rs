//! What is examined without a service, and how what it says is judged.

use std::path::Path;

use crate::client::draft::Composer;
use crate::client::error::{Family, Side};
use crate::client::keys::Listed;
use crate::client::protect::Kept as KeptBy;
use crate::client::reach::connect::Leg;
use crate::client::reach::session::Synced;
use crate::client::reason::Here;
use crate::client::token::TokenError;
use crate::domain::refusal::Refusal;
use crate::office::standing;
use crate::office::tests::homes::Kept;
use crate::office::tests::whole::Whole;
use crate::signed::proto;
use crate::tests::reads_well;
use crate::world::relay::{AT, FR, FR_2, Net, contact, notification, seat, sign_key};
use crate::world::testlog::ambient_at;

use super::*;

const CERT: &str = "fr/cert-fr";
const DAY: u64 = 86_400;

fn owner(of: &str) -> Owner {
    Owner::Seat(seat(of))
}

/// Paris at work, whose only seat the directory lists with the keys of this home.
fn paris(net: &mut Net) -> Kept {
    let kept = Kept::new(net);
    kept.owns(&owner(FR));
    net.roster_of(CERT, 2, vec![kept.listed(FR)]);
    net.copy(&kept.office.home);
    kept
}

fn one(with: impl FnOnce(&mut Vec<Examination>)) -> Vec<Examination> {
    let mut all = Vec::new();
    with(&mut all);
    all
}

fn failure(of: &Examination) -> &ClientError {
    let Found::Failed(why) = &of.found else { panic!("it fails: {of:?}") };
    why
}

fn well(of: &Examination) -> &Well {
    let Found::Well(well) = &of.found else { panic!("it is well: {of:?}") };
    well
}

fn doubt(of: &Examination) -> &Doubt {
    let Found::Doubt(doubt) = &of.found else { panic!("it is in doubt: {of:?}") };
    doubt
}

fn lack(of: &Examination) -> &Lack {
    let Found::Skipped(lack) = &of.found else { panic!("it is skipped: {of:?}") };
    lack
}

fn because(of: &Examination) -> &ClientError {
    let Lack::Because(why) = lack(of) else { panic!("there is a reason: {of:?}") };
    why
}

/// Lets nobody else in.
fn private(_folder: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(_folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
}

// Here.

#[test]
fn a_home_is_there_its_users_own_and_joined() {
    let net = Net::new();
    let kept = Kept::new(&net);
    let home = |office: &Office| one(|all| here::home(office, all));
    private(kept.office.home.root());
    let found = home(&kept.office);
    assert_eq!(well(&found[0]), &Well::Home(kept.office.home.root().to_owned()));
    assert_eq!((&found[1].of, found.len()), (&Subject::Invitation, 2));
    failure(&found[1]);
    let replica = net.copy(&kept.office.home);
    let eye = crate::crypto::sign::eye(&replica.directory().unwrap().charter().newest.statement);
    let name = net.directory.name().clone();
    assert_eq!(well(&home(&kept.office)[1]), &Well::Invitation(name, eye));
    let mut nowhere = kept.office.clone();
    nowhere.home = crate::client::home::Home::at(kept.office.home.root().join("nowhere"));
    let none = home(&nowhere);
    assert_eq!(failure(&none[0]).reason, Here::NoHome);
    assert_eq!(failure(&none[0]).mend.as_deref(), Some(&Mend::Join));
}

#[cfg(unix)]
#[test]
fn a_home_that_lets_others_in_is_said_to() {
    use std::os::unix::fs::PermissionsExt as _;
    let kept = Kept::new(&Net::new());
    let root = kept.office.home.root().to_owned();
    for (mode, open) in [(0o700, false), (0o710, true), (0o701, true), (0o740, true)] {
        std::fs::set_permissions(&root, std::fs::Permissions::from_mode(mode)).unwrap();
        let found = one(|all| here::home(&kept.office, all));
        let said = matches!(&found[0].found, Found::Doubt(Doubt::OpenToOthers(..)));
        assert_eq!(said, open, "{mode:o}");
        if open {
            assert_eq!(doubt(&found[0]), &Doubt::OpenToOthers(root.clone(), mode));
        }
    }
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn each_key_is_examined_by_itself_and_none_is_a_failure() {
    let kept = Kept::new(&Net::new());
    let keys = || one(|all| here::keys(&kept.office, all));
    let none = keys();
    assert_eq!((&none[0].of, none.len()), (&Subject::Keys, 1));
    assert_eq!(failure(&none[0]).reason, Here::KeyMissing);
    assert_eq!(failure(&none[0]).mend.as_deref(), Some(&Mend::JoinAs));
    kept.owns(&owner(FR));
    let all = keys();
    let purposes = all.iter().map(|one| {
        assert_eq!(one.of, Subject::Key(owner(FR)));
        let Well::Key(key) = well(one) else { panic!("a key") };
        assert_eq!(key.turn, Turn::Now);
        key.purpose
    });
    let mut purposes: Vec<Purpose> = purposes.collect();
    purposes.sort_unstable();
    assert_eq!(purposes, [Purpose::SeatSign, Purpose::SeatSeal, Purpose::SeatTls]);
}

#[test]
fn a_key_is_used_before_now_or_later_and_one_in_a_token_that_is_gone_cannot_be() {
    let token = |gone| KeptBy::Token {
        label: "duty".to_owned(),
        serial: "1".to_owned(),
        module: PathBuf::from("module"),
        gone,
    };
    let listed = |retired, staged, kept| Listed {
        owner: owner(FR),
        purpose: Purpose::SeatSeal,
        path: PathBuf::from("seal"),
        kept,
        staged,
        retired,
        id: Ok(sign_key("any").public().id()),
        algorithm: None,
    };
    for (retired, staged, turn) in [
        (false, false, Turn::Now),
        (false, true, Turn::Later),
        (true, false, Turn::Before),
        (true, true, Turn::Before),
    ] {
        let found = here::key(listed(retired, staged, Some(token(None))));
        let Well::Key(key) = well(&found) else { panic!("a key") };
        assert_eq!((key.turn, &*key.path), (turn, Path::new("seal")));
    }
    let gone = token(Some(TokenError::Gone("it is not there".to_owned())));
    let found = here::key(listed(false, false, Some(gone)));
    assert_eq!(failure(&found).family, Family::IdentityOrKey);
}

#[test]
fn the_own_seat_is_known_by_its_keys_in_this_copy() {
    let mut net = Net::new();
    let kept = paris(&mut net);
    let replica = kept.office.replica().unwrap();
    assert_eq!(well(&here::seat(&kept.office, &replica)), &Well::Seat(seat(FR), 3));
    let (other, replica) = Kept::joined(&net);
    assert_eq!(because(&here::seat(&other.office, &replica)).reason, Here::NoSeat);
    other.owns(&owner(FR));
    let unknown = here::seat(&other.office, &replica);
    assert_eq!(failure(&unknown).family, Family::IdentityOrKey);
    other.owns(&owner(FR_2));
    let several = here::seat(&other.office, &replica);
    assert_eq!(failure(&several).reason, Here::SeveralSeats, "that is no lack");
}

#[test]
fn the_own_record_is_looked_at_before_it_ends() {
    let mut net = Net::new();
    let until = 1000 + 300 * DAY;
    let record = proto::Record {
        contact: CERT.to_owned(),
        expires: until,
        levels: vec![proto::Level::Technical.into()],
        names: vec![proto::Text { language: "en".to_owned(), text: "CERT".to_owned() }],
        custody: proto::Custody::Separate.into(),
        ..proto::Record::default()
    };
    let then = ambient_at(1000);
    let record = Composer::on(&net.directory, &then).record(record, &[]).unwrap();
    net.publish(record.statement(), &sign_key("fr authority"));
    let (mut kept, replica) = Kept::joined(&net);
    assert_eq!(lack(&here::record(&kept.office, &replica)), &Lack::Contact);
    kept.owns(&owner(FR));
    let mut at = |now| {
        kept.office.net.ambient = ambient_at(now);
        here::record(&kept.office, &replica)
    };
    assert_eq!(well(&at(1000 + 100 * DAY)), &Well::Record(until));
    let now = 1000 + 250 * DAY;
    assert_eq!(doubt(&at(now)), &Doubt::Record(Life { from: 1000, until, now }));
    net.withdraw(CERT, 3);
    let (ended, replica) = Kept::joined(&net);
    ended.owns(&owner(FR));
    assert_eq!(lack(&here::record(&ended.office, &replica)), &Lack::Record(contact(CERT)));
}

// The way.

#[test]
fn what_is_no_address_is_said_beside_those_that_are() {
    let net = Net::new();
    let (kept, _) = Kept::joined(&net);
    let addresses = || one(|all| way::addresses(&kept.office, all));
    let all = addresses();
    let Well::Addresses(good) = well(&all[0]) else { panic!("addresses") };
    assert_eq!((good.len(), all.len()), (1, 1));
    assert_eq!(good[0], Address::parse("relay.example").unwrap());
    let stranger = Kept::new(&net);
    let none = one(|all| way::addresses(&stranger.office, all));
    assert_eq!(none.len(), 1);
    because(&none[0]);
}

#[test]
fn only_a_handshake_that_ended_or_hangs_is_tried_with_a_small_hello() {
    let why = |reason, leg| {
        let mut why = ClientError::new(Side::Network, Family::NotReachable, reason, "no");
        why.facts.leg = leg;
        why
    };
    assert!(way::is_in_the_handshake(&why(Here::Tls, None)));
    assert!(way::is_in_the_handshake(&why(Here::NoConnection, Some(Leg::Tls))));
    assert!(!way::is_in_the_handshake(&why(Here::NoConnection, Some(Leg::Tcp))));
    assert!(!way::is_in_the_handshake(&why(Here::NoConnection, None)));
}

#[test]
fn a_handshake_that_a_later_computer_reads_is_in_doubt() {
    assert_eq!(well(&way::key_agreement("X25519MLKEM768")), &Well::Group("X25519MLKEM768"));
    assert_eq!(doubt(&way::key_agreement("X25519")), &Doubt::Group("X25519"));
}

#[test]
fn a_certificate_is_looked_at_before_it_ends() {
    let kept = Kept::new(&Net::new());
    kept.owns(&owner(FR));
    let identity = kept.office.home.keys().tls(&owner(FR), kept.office.ambient()).unwrap();
    let der = identity.chain().first().unwrap();
    let Found::Well(Well::Certificate(shown)) =
        way::certificate(der, kept.office.ambient().now()).found
    else {
        panic!("it holds")
    };
    let (from, until) = (shown.life.from, shown.life.until);
    assert!(from < until);
    let late = way::certificate(der, until - 1);
    assert_eq!(
        doubt(&late),
        &Doubt::Certificate(Shown { life: Life { from, until, now: until - 1 }, ..shown })
    );
    assert!(matches!(lack(&way::certificate(b"none", 0)), Lack::Dates(_)));
}

// The service.

#[test]
fn details_are_missed_by_those_for_whom_they_are() {
    let came = |withheld: usize| Synced {
        before: 1,
        size: 9,
        withheld: vec![(contact(CERT), "telephone".to_owned()); withheld],
        frozen: None,
        checked: true,
        clock: None,
        refuted: None,
    };
    assert_eq!(well(&service::synced(&came(0), true)), &Well::Synced(9));
    assert_eq!(well(&service::synced(&came(2), false)), &Well::Synced(9));
    assert_eq!(doubt(&service::synced(&came(2), true)), &Doubt::Withheld(2));
}

#[test]
fn a_copy_is_new_or_stale_or_stands_still_or_is_none() {
    let mut net = Net::new();
    let aged = |office: &Office, replica: &Replica| {
        let mut all = Vec::new();
        (service::aged(office, &mut all, replica), all)
    };
    let (kept, replica) = Kept::joined(&net);
    let (there, all) = aged(&kept.office, &replica);
    assert!(there);
    let Well::Copy(age) = well(&all[0]) else { panic!("a copy") };
    assert_eq!((age.directory.as_str(), age.synced_at), ("un.example", replica.synced_at()));
    assert_eq!((&all[1].of, well(&all[1])), (&Subject::Rules, &Well::Rules));
    let old = Whole::synced_before(&net, FR, 2 * DAY);
    let (there, all) = aged(&old.mail.office, &old.mail.replica);
    assert!(there && matches!(doubt(&all[0]), Doubt::Stale(_)));
    net.newer_rules();
    let (still, replica) = Kept::joined(&net);
    let (there, all) = aged(&still.office, &replica);
    assert!(there && matches!(doubt(&all[0]), Doubt::Stale(_)));
    assert_eq!(failure(&all[1]).family, Family::UpdateMe);
}

#[test]
fn who_never_synced_has_no_copy_and_is_not_told_to_sync_again() {
    let net = Net::new();
    let (kept, _) = Kept::joined(&net);
    let folder = kept.office.home.folder(net.directory.name());
    for file in std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap()) {
        let name = file.file_name();
        if !["invitation", "charters"].iter().any(|kept| name.to_string_lossy().contains(kept)) {
            let _ = std::fs::remove_file(file.path());
        }
    }
    let replica = kept.office.replica().unwrap();
    let mut all = Vec::new();
    assert!(!service::aged(&kept.office, &mut all, &replica));
    let why = failure(&all[0]);
    assert_eq!(
        (all.len(), &all[0].of, &why.reason),
        (1, &Subject::Copy, &Here::NeverSynced.into())
    );
    // Nobody here could read: that comes first.
    assert_eq!(why.mend.as_deref(), Some(&Mend::NameHomeOrJoinAs));
    kept.owns(&owner(FR));
    let mut all = Vec::new();
    assert!(!service::aged(&kept.office, &mut all, &replica));
    assert_eq!(failure(&all[0]).mend, None, "it was tried before");
}

#[test]
fn what_waits_in_the_outbox_is_in_doubt() {
    let mut net = Net::new();
    let mut paris = Whole::of(&net, FR);
    assert_eq!(well(&service::outbox(&paris.mail)), &Well::NothingWaits);
    let sealed = net.seal(net.outside(AT, &[CERT]), &notification(0));
    net.submit(&sealed.envelope).unwrap();
    paris.collect(&net);
    // That it was delivered.
    assert_eq!(doubt(&service::outbox(&paris.mail)), &Doubt::Unsent(1));
    paris.hand_in(&mut net);
    assert_eq!(well(&service::outbox(&paris.mail)), &Well::NothingWaits);
}

#[test]
fn the_end_of_a_mailbox_is_that_of_what_is_here() {
    let mut net = Net::new();
    let mut paris = Whole::of(&net, FR);
    let before = net.mailbox(&contact(CERT));
    let sealed = net.seal(net.outside(AT, &[CERT]), &notification(0));
    net.submit(&sealed.envelope).unwrap();
    let now = net.mailbox(&contact(CERT));
    let head = |mailbox| net.head(&contact(CERT), mailbox);
    // Nothing was collected yet: whatever it is, it is to come.
    assert_eq!(*service::ended(&paris.mail, &head(now)).unwrap().mailbox(), now);
    paris.collect(&net);
    let ended = service::ended(&paris.mail, &head(now)).unwrap();
    assert_eq!((ended.mailbox().count, ended.at()), (1, 2000));
    assert!(service::ended(&paris.mail, &head(before)).is_err(), "of the same epoch");
    let anew = crate::domain::state::Mailbox { epoch: before.epoch + 1, ..before };
    assert!(service::ended(&paris.mail, &head(anew)).is_ok(), "of a newer one");
    let other = net.head(&contact("at/cert-at"), net.mailbox(&contact("at/cert-at")));
    assert!(service::ended(&paris.mail, &other).is_err());
}

#[test]
fn three_clocks_tell_whose_is_wrong() {
    const NOW: u64 = 1_800_000_000;
    let well_by = |apart| Ok(Well::Clock(apart));
    for (own, service, directory, found) in [
        (NOW, None, NOW - 60, well_by(None)),
        (NOW, Some(NOW + 7), NOW - 60, well_by(Some(7))),
        (NOW, Some(NOW - 7), NOW - 60, well_by(Some(7))),
        (NOW, Some(NOW - 7_200), NOW - 60, Err(Side::Theirs)),
        (NOW - 7_200, Some(NOW), NOW - 60, Err(Side::Ours)),
    ] {
        let of = service::clock(own, service, Some(directory));
        assert_eq!(of.of, Subject::Clock);
        match found {
            Ok(found) => assert_eq!(well(&of), &found),
            Err(side) => assert_eq!(failure(&of).side, side),
        }
    }
    assert_eq!(lack(&service::clock(NOW, Some(NOW), None)), &Lack::Clock);
}

/// A signer whose clock agrees with the directory's is not at fault.
#[test]
fn what_was_refused_for_a_time_names_the_clock_that_the_others_contradict() {
    const NOW: u64 = 1_800_000_000;
    let refused = |issued, at| ClientError::from(Refusal::IssuedInFuture { issued, at });
    for (own, service, directory, side, whose) in [
        (NOW, NOW - 7_200, NOW - 60, Side::Theirs, "the service's clock is wrong: "),
        (
            NOW,
            NOW - 7_200,
            NOW - 86_400,
            Side::Ours,
            "this machine's clock or the service's is wrong: ",
        ),
        // It was signed elsewhere, by a clock that is fast.
        (NOW, NOW, NOW - 60, Side::Ours, ""),
    ] {
        let error = standing::of_clocks(refused(NOW + 400, service), own, directory);
        assert_eq!(error.side, side, "{error}");
        assert!(error.sentence.contains(whose), "{error}");
        assert_eq!(error.sentence.ends_with("they differ by 2 h"), own != service, "{error}");
        assert_eq!(error.mend.is_some(), own != service);
        reads_well(&error.sentence);
    }
    let other = ClientError::from(Refusal::ClockInDoubt);
    assert_eq!(standing::of_clocks(other.clone(), NOW, NOW), other);
}

// All of it.

#[tokio::test]
async fn every_examination_that_can_be_made_is_whatever_failed_before() {
    let mut net = Net::new();
    let kept = paris(&mut net);
    let report = kept.office.examined().await;
    assert_eq!(report.frozen, None);
    let key = || Subject::Key(owner(FR));
    let of: Vec<Subject> = report.all.iter().map(|one| one.of.clone()).collect();
    assert_eq!(
        of,
        [
            Subject::Home,
            Subject::Invitation,
            key(),
            key(),
            key(),
            Subject::Addresses,
            Subject::Connection,
            Subject::KeyAgreement,
            Subject::Certificate,
            Subject::Sync,
            Subject::Copy,
            Subject::Rules,
            Subject::Seat,
            Subject::Record,
            Subject::Mailbox,
            Subject::Outbox,
            Subject::Clock,
        ]
    );
    let found = |of: Subject| report.all.iter().find(|one| one.of == of).unwrap();
    failure(found(Subject::Connection));
    for of in [Subject::KeyAgreement, Subject::Certificate, Subject::Sync, Subject::Mailbox] {
        assert_eq!(lack(found(of)), &Lack::Connection);
    }
    assert_eq!(well(found(Subject::Seat)), &Well::Seat(seat(FR), 3));
    assert_eq!(well(found(Subject::Outbox)), &Well::NothingWaits);
    assert_eq!(well(found(Subject::Clock)), &Well::Clock(None));
}

#[tokio::test]
async fn what_needs_the_copy_is_skipped_where_there_is_none() {
    let kept = Kept::new(&Net::new());
    let report = kept.office.examined().await;
    let found = |of: Subject| report.all.iter().find(|one| one.of == of).unwrap();
    for of in [
        Subject::Sync,
        Subject::Rules,
        Subject::Seat,
        Subject::Record,
        Subject::Mailbox,
        Subject::Outbox,
    ] {
        assert_eq!(lack(found(of)), &Lack::Copy);
    }
    failure(found(Subject::Copy));
    assert_eq!(failure(found(Subject::Identity)).reason, Here::NoSeat);
    assert_eq!(lack(found(Subject::Clock)), &Lack::Clock);
}

#[test]
fn to_examine_it_again_mends_nothing() {
    let failed = |mend| {
        let why = ClientError::new(Side::Ours, Family::Usage, Here::Usage, "no").mended_by(mend);
        failure(&Examination::failed(Subject::Sync, why)).mend.as_deref().cloned()
    };
    assert_eq!(failed(Mend::Doctor), Some(Mend::TellOperator));
    assert_eq!(failed(Mend::AgainThenDoctor), Some(Mend::TellOperator));
    assert_eq!(failed(Mend::Sync), Some(Mend::Sync));
}

#[test]
fn a_doubt_names_what_mends_it_if_something_does() {
    let life = Life { from: 0, until: 1, now: 1 };
    let age = Age { directory: "un.example".parse().unwrap(), synced_at: None, now: 1 };
    let shown = Shown { issuer: String::new(), life };
    let path = || PathBuf::from("home");
    let why = Address::parse("no address at all").unwrap_err();
    for (doubt, mend) in [
        (Doubt::OpenToOthers(path(), 0o755), Some(Mend::MakeFolderPrivate(path()))),
        (Doubt::BadAddress(path(), why), Some(Mend::Correct(path()))),
        (Doubt::Stale(age), Some(Mend::Sync)),
        (Doubt::Unsent(1), Some(Mend::Sent)),
        (Doubt::Group("X25519"), None),
        (Doubt::Certificate(shown), None),
        (Doubt::Withheld(1), None),
        (Doubt::Record(life), None),
    ] {
        assert_eq!(doubt.mend(), mend, "{doubt:?}");
    }
}
