//! Which keys of a seat change, how far each is, and when an old one may go.

use crate::client::armour::Kind;
use crate::client::keys::read_public;
use crate::office::drafts;
use crate::office::tests::homes::Kept as Home;
use crate::world::relay::{AT, FR, FR_2, Net, seat};
use crate::world::testlog::ambient_at;

use super::stage::KEPT;
use super::*;

const CERT: &str = "fr/cert-fr";
/// When the entries of these logs were taken in.
const TAKEN_IN: u64 = 1000;

fn owner(of: &str) -> Owner {
    Owner::Seat(seat(of))
}

/// Paris, both of whose seats are in this home and in the directory.
fn paris(net: &mut Net) -> Home {
    let home = Home::new(net);
    [FR, FR_2].iter().for_each(|of| home.owns(&owner(of)));
    net.roster_of(CERT, 2, vec![home.listed(FR), home.listed(FR_2)]);
    home
}

fn stage(home: &Home, of: &str, purposes: &[Purpose]) {
    home.office.home.keys().stage(&seat(of), purposes, home.office.ambient()).unwrap();
}

/// A roster with the new keys of the first seat.
fn list_next(net: &mut Net, home: &Home, version: u64) {
    let next = home.office.home.keys().next(&seat(FR), home.office.ambient()).unwrap();
    net.roster_of(CERT, version, vec![next.follow(home.listed(FR)), home.listed(FR_2)]);
}

fn stages(home: &Home, net: &Net, of: &str) -> Vec<(Purpose, Stage)> {
    let other = Home::new(net);
    let replica = net.copy(&other.office.home);
    let keys = home.office.stages(&replica, &[seat(of)]).unwrap().remove(0);
    assert_eq!(keys.seat, seat(of));
    let mut all: Vec<_> = keys.all.iter().map(|key| (key.purpose, key.stage)).collect();
    all.sort_by_key(|(purpose, stage)| (*purpose, *stage as u8));
    all
}

fn changes(home: &Home, net: &Net, wanted: &[Purpose]) -> Result<Vec<Purpose>, Unchanged> {
    let other = Home::new(net);
    let replica = net.copy(&other.office.home);
    let mut changes = home.office.changes(&replica, &[seat(FR)], wanted)?;
    assert_eq!((changes.len(), &changes[0].seat), (1, &seat(FR)));
    Ok(changes.remove(0).purposes)
}

fn reason(why: Unchanged) -> String {
    let Unchanged::Other(why) = why else { panic!("an error: {why:?}") };
    why.reason.to_string()
}

#[test]
fn the_seats_named_change_or_the_one_chosen_or_all_that_are_here() {
    let mut net = Net::new();
    let mut home = paris(&mut net);
    let here = |home: &Home, named: &[&str]| {
        let named: Vec<SeatId> = named.iter().map(|of| seat(of)).collect();
        home.office.seats_here(&named)
    };
    let all = here(&home, &[]).unwrap();
    assert_eq!((all.contact.as_str(), all.seats), (CERT, vec![seat(FR), seat(FR_2)]));
    assert_eq!(here(&home, &[FR_2, FR, FR_2]).unwrap().seats, [seat(FR), seat(FR_2)]);
    let missing = here(&home, &[FR, AT]).unwrap_err();
    assert_eq!(
        (&missing.reason, missing.family),
        (&Here::KeyMissing.into(), Family::IdentityOrKey)
    );
    assert_eq!(missing.mend.as_deref(), Some(&Mend::ListKeys));
    home.owns(&owner(AT));
    let several = here(&home, &[]).unwrap_err();
    assert_eq!((&several.reason, several.family), (&Here::SeveralContacts.into(), Family::Usage));
    assert_eq!(here(&home, &[AT]).unwrap().contact.as_str(), "at/cert-at");
    home.office.chosen.seat = Some(seat(FR_2));
    assert_eq!(here(&home, &[]).unwrap().seats, [seat(FR_2)]);
    assert_eq!(here(&home, &[FR]).unwrap().seats, [seat(FR)], "who is named goes before");
    let (nobody, _) = Home::joined(&net);
    assert_eq!(here(&nobody, &[]).unwrap_err().reason, Here::NoSeat);
}

#[test]
fn all_keys_change_or_those_that_are_wanted() {
    let mut net = Net::new();
    let home = paris(&mut net);
    let (sign, seal) = (Purpose::SeatSign, Purpose::SeatSeal);
    assert_eq!(changes(&home, &net, &[]).unwrap(), ALL);
    assert_eq!(changes(&home, &net, &[seal, sign, seal]).unwrap(), [sign, seal]);
}

#[test]
fn what_waits_already_goes_on_and_nothing_else_begins() {
    let mut net = Net::new();
    let home = paris(&mut net);
    let (sign, seal) = (Purpose::SeatSign, Purpose::SeatSeal);
    assert!(!home.office.rotates(&[seat(FR), seat(FR_2)]));
    stage(&home, FR, &[seal]);
    assert!(home.office.rotates(&[seat(FR_2), seat(FR)]));
    assert!(!home.office.rotates(&[seat(FR_2)]));
    assert_eq!(changes(&home, &net, &[]).unwrap(), [seal]);
    assert_eq!(changes(&home, &net, &[seal]).unwrap(), [seal]);
    for other in [&[sign][..], &[sign, seal]] {
        let why = changes(&home, &net, other).unwrap_err();
        assert_eq!(why, Unchanged::UnderWay(seat(FR), vec![seal]));
    }
}

/// Its seat, as a roster lists it.
fn safe(home: &Home, of: &str) -> proto::Seat {
    let (keys, ambient) = (home.office.home.keys(), home.office.ambient());
    keys.create_safe_seat(&seat(of), ambient).unwrap();
    let public = read_public(Kind::Seat, &keys.public(&owner(of), ambient).unwrap()).unwrap();
    proto::Seat { name: seat(of).name().to_owned(), seal: public.seal, ..Default::default() }
}

#[tokio::test]
async fn a_safe_seat_gets_a_new_key_to_open_with_and_the_others_stay_as_they_are_listed() {
    let mut net = Net::new();
    let home = Home::new(&net);
    home.owns(&owner(FR_2));
    let (old, beside) = (safe(&home, FR), home.listed(FR_2));
    net.roster_of(CERT, 2, vec![old.clone(), beside.clone()]);
    assert_eq!(changes(&home, &net, &[]).unwrap(), [Purpose::SeatSeal]);
    let why = changes(&home, &net, &[Purpose::SeatSign]).unwrap_err();
    assert_eq!(why, Unchanged::NoSuchKey(seat(FR), Purpose::SeatSign));
    let replica = net.copy(&home.office.home);
    let change = Change { seat: seat(FR), purposes: vec![Purpose::SeatSeal] };
    let contact = CERT.parse().unwrap();
    let drafted = home.office.rotated(&replica, &contact, &[change]).await.unwrap();
    let roster: proto::Roster = drafts::tests::payload(&drafted);
    assert_eq!(roster.seats.len(), 2);
    let of = |name: &str| roster.seats.iter().find(|seat| seat.name == name).unwrap();
    assert_eq!(of("duty-2"), &beside);
    let next = home.office.home.keys().next(&seat(FR), home.office.ambient()).unwrap();
    assert_eq!((&of("duty-1").seal, &of("duty-1").sign), (&next.seal, &None));
    assert_ne!(next.seal, old.seal);
    // Only what opens in a safe is printed.
    let printed = home.office.to_print(&[seat(FR), seat(FR_2)]).unwrap();
    assert_eq!(printed.len(), 1);
    assert_eq!(printed[0].0, seat(FR));
    let next = home.office.home.keys().list(home.office.ambient()).unwrap();
    let next = next.iter().find(|key| key.staged).unwrap();
    assert_eq!(printed[0].1, next.path, "the newest one");
}

#[test]
fn a_seat_that_no_roster_lists_is_entered_first() {
    let mut net = Net::new();
    let home = paris(&mut net);
    net.roster_of(CERT, 3, vec![home.listed(FR_2)]);
    let why = changes(&home, &net, &[]).unwrap_err();
    assert_eq!(reason(why.clone()), "UNKNOWN_SEAT");
    let Unchanged::Other(why) = why else { panic!("an error") };
    assert_eq!(why.mend.as_deref(), Some(&Mend::EnterSeat(seat(FR))));
    net.withdraw(CERT, 2);
    assert!(changes(&home, &net, &[]).is_err(), "nothing is published");
}

/// A seat of which a key was revoked stands on no roster as it was.
#[test]
fn a_seat_of_which_a_key_has_ended_comes_back_with_all_of_them() {
    let mut net = Net::new();
    let home = paris(&mut net);
    let key = home.office.home.keys().signing(&owner(FR), home.office.ambient()).unwrap();
    net.revoke(FR, &key.public().id());
    for some in [&[Purpose::SeatSign][..], &[Purpose::SeatSign, Purpose::SeatSeal]] {
        assert_eq!(reason(changes(&home, &net, some).unwrap_err()), "KEY_REVOKED");
    }
    assert_eq!(changes(&home, &net, &[]).unwrap(), ALL);
    assert_eq!(changes(&home, &net, &ALL).unwrap(), ALL);
    let ended = stages(&home, &net, FR);
    assert!(ended.contains(&(Purpose::SeatSign, Stage::Ended)), "{ended:?}");
    let beside = stages(&home, &net, FR_2);
    assert!(beside.iter().all(|(_, stage)| *stage == Stage::InForce), "{beside:?}");
}

#[test]
fn a_new_key_waits_and_is_listed_and_takes_the_place_of_the_old() {
    let mut net = Net::new();
    let home = Home::new(&net);
    let seal = Purpose::SeatSeal;
    home.owns(&owner(FR));
    home.owns(&owner(FR_2));
    let of_seal = |net: &Net| {
        let all = stages(&home, net, FR).into_iter();
        all.filter(|(purpose, _)| *purpose == seal).map(|(_, stage)| stage).collect::<Vec<_>>()
    };
    assert_eq!(of_seal(&net), [Stage::NotListed]);
    net.roster_of(CERT, 2, vec![home.listed(FR), home.listed(FR_2)]);
    assert_eq!(of_seal(&net), [Stage::InForce]);
    stage(&home, FR, &[seal]);
    assert_eq!(of_seal(&net), [Stage::Waits, Stage::InForce]);
    list_next(&mut net, &home, 3);
    assert_eq!(of_seal(&net), [Stage::Listed, Stage::Ended]);
    let replica = net.copy(&home.office.home);
    home.office.settle_keys(&replica);
    assert_eq!(of_seal(&net), [Stage::InForce, Stage::Retired]);
    let keys = home.office.stages(&replica, &[seat(FR)]).unwrap().remove(0);
    for key in &keys.all {
        assert_eq!(key.since, Some(TAKEN_IN));
        let goes = (key.stage == Stage::Retired).then_some(TAKEN_IN + KEPT);
        assert_eq!(key.may_go, goes);
    }
}

#[test]
fn what_is_furthest_comes_next() {
    let keys = |stages: &[Stage]| {
        let key = |stage: &Stage| Standing {
            purpose: Purpose::SeatSeal,
            id: None,
            stage: *stage,
            since: None,
            may_go: None,
        };
        Keys { seat: seat(FR), all: stages.iter().map(key).collect() }.next()
    };
    use Stage::{Ended, InForce, Listed, NotListed, Retired, Waits};
    assert_eq!(keys(&[Ended, Waits, Listed, InForce]), Next::Use);
    assert_eq!(keys(&[Ended, Waits, InForce]), Next::List);
    assert_eq!(keys(&[InForce, Ended, Retired]), Next::Rotate);
    assert_eq!(keys(&[InForce, Retired, NotListed]), Next::Nothing);
    assert_eq!(keys(&[]), Next::Nothing);
}

#[test]
fn a_retired_key_goes_when_nothing_more_can_come_for_it() {
    let mut net = Net::new();
    let mut home = paris(&mut net);
    let before = home.listed(FR).seal;
    stage(&home, FR, &[Purpose::SeatSeal]);
    let (early, _) = (net.clone(), ());
    list_next(&mut net, &home, 3);
    let other = Home::new(&net);
    home.office.settle_keys(&net.copy(&other.office.home));
    // By a copy that does not know its successor, the old one is in force.
    early.copy(&home.office.home);
    let unknown = home.office.retired(&seat(FR)).unwrap();
    assert_eq!((unknown.due.len(), unknown.kept.len()), (0, 1));
    assert_eq!(unknown.kept[0].may_go, None);
    let mut replica = home.office.replica().unwrap();
    let after = usize::try_from(replica.entries()).unwrap();
    replica.append(&net.entries[after..]).unwrap();
    replica.confirm(&net.checkpoint_at(net.tree.size()), net.ambient.now()).unwrap();
    drop(replica);
    home.office.net.ambient = ambient_at(TAKEN_IN + KEPT - 1);
    let soon = home.office.retired(&seat(FR)).unwrap();
    assert_eq!((soon.due.len(), soon.kept[0].may_go), (0, Some(TAKEN_IN + KEPT)));
    home.office.net.ambient = ambient_at(TAKEN_IN + KEPT);
    let due = home.office.retired(&seat(FR)).unwrap();
    assert_eq!((due.due.len(), due.kept.len(), due.readable), (1, 0, 0));
    assert!(before.is_some());
    // Of the other seat nothing is retired.
    assert_eq!(home.office.retired(&seat(FR_2)).unwrap().due, []);
    home.office.forget(&due).unwrap();
    let gone = home.office.retired(&seat(FR)).unwrap();
    assert_eq!((gone.due.len(), gone.kept.len()), (0, 0));
}
