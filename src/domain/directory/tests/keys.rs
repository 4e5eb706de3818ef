//! Keys in time: from which leaf to which each stands, and for whom.

use super::key::{Holder, KnownKey, PublicKey, Purpose};
use super::*;
use crate::domain::relay::belief;

fn from_until(world: &World, key: KeyId) -> (u64, Option<u64>) {
    let known = world.directory.keys().find(|known| known.key.id() == key).unwrap();
    (known.from, known.until)
}

fn sealing_id(name: &str) -> KeyId {
    opening(name).public().id()
}

fn of_seat(seat: &str) -> [KeyId; 3] {
    [id(&format!("{seat} sign")), sealing_id(&format!("{seat} seal")), id(&format!("{seat} tls"))]
}

#[test]
fn a_key_stands_from_the_leaf_that_lists_it_to_the_leaf_that_ends_it() {
    let mut world = World::new();
    let listed = [("alice", 0), ("erin tls", 0), ("relay", 0), ("fr-1", 2), ("fr/soc keeper", 9)];
    for (name, leaf) in listed {
        assert_eq!(from_until(&world, id(name)), (leaf, None), "{name}");
    }
    let dropped = world.roster("fr/soc").with(|roster| drop(roster.seats.remove(1)));
    let dropped = world.take(&dropped).admitted.leaf;
    let revoked = world.take(&world.revocation("fr/soc/duty-1")).admitted.leaf;
    let kept = world.record("fr/soc").with(|record| record.keeper = Some(public("new")));
    let kept = world.take(&kept).admitted.leaf;
    let withdrawn = world.take(&world.withdrawal("fr/soc")).admitted.leaf;
    let ends = [("duty-2", dropped), ("duty-1", revoked)];
    for (seat, end) in ends {
        for key in of_seat(&format!("fr/soc/{seat}")) {
            assert_eq!(from_until(&world, key), (10, Some(end)), "{seat}");
        }
    }
    assert_eq!(from_until(&world, sealing_id("fr/soc/safe seal")), (10, Some(withdrawn)));
    assert_eq!(from_until(&world, id("fr/soc keeper")), (9, Some(kept)));
    assert_eq!(from_until(&world, id("new")), (kept, Some(withdrawn)));
}

/// Each key of a charter that the next one does not list, whatever it is for.
#[test]
fn a_charter_ends_every_key_that_it_leaves_out() {
    let mut world = World::new();
    let next = world.charter().with(|charter| {
        charter.registrars[2] = person("frank");
        charter.operators = vec![person("dora")];
        charter.auditors = vec![person("emil")];
        charter.log = vec![public("log 2")];
        charter.relay = vec![public("relay 2")];
    });
    let leaf = world.take(&next.signed_by(&["alice", "bob", "frank"])).admitted.leaf;
    for name in
        ["carol", "dave", "erin"].iter().flat_map(|one| [*one, &format!("{one} tls")].map(id))
    {
        assert_eq!(from_until(&world, name), (0, Some(leaf)));
    }
    for name in ["log", "relay"] {
        assert_eq!(from_until(&world, id(name)), (0, Some(leaf)), "{name}");
    }
    for name in ["frank", "frank tls", "dora", "dora tls", "emil", "emil tls", "log 2", "relay 2"] {
        assert_eq!(from_until(&world, id(name)), (leaf, None), "{name}");
    }
    for name in ["alice", "alice tls", "bob", "bob tls"] {
        assert_eq!(from_until(&world, id(name)), (0, None), "{name}");
    }
}

#[test]
fn what_a_key_signed_is_believed_from_behind_its_leaf_up_to_its_end() {
    let key = PublicKey::Verifying(key("a seat").public().clone());
    let holder = Holder::Seat("fr/soc/duty-1".parse().unwrap());
    let stands = KnownKey::listed(key, Purpose::SeatSign, holder, 5);
    for (size, believed) in [(0, false), (4, false), (5, false), (6, true), (u64::MAX, true)] {
        assert_eq!(stands.believed_at(size), believed, "{size}");
    }
    let ended = stands.ended(9, None);
    for (size, believed) in [(5, false), (6, true), (8, true), (9, true), (10, false), (11, false)]
    {
        assert_eq!(ended.believed_at(size), believed, "{size}, ended");
    }
}

/// A head with a view above the end of a key comes too early for what the key signed; one at it does not.
#[test]
fn a_key_has_ended_before_a_view_only_if_the_view_is_above_its_end() {
    let mut world = World::new();
    let until = world.take(&world.revocation("fr/soc/duty-1")).admitted.leaf;
    let key = id("fr/soc/duty-1 sign");
    for (size, ended) in [(until, None), (until + 1, Some(until))] {
        assert_eq!(belief::ended_before(&world.directory, key, size), ended, "{size}");
        assert_eq!(belief::stood(&world.directory, key, size).is_ok(), ended.is_none(), "{size}");
    }
    assert!(belief::has_ended(&world.directory, key));
    let stands = id("fr/soc/duty-2 sign");
    assert_eq!(belief::ended_before(&world.directory, stands, u64::MAX), None);
    assert!(!belief::has_ended(&world.directory, stands));
}

/// What must be sealed anew is asked from the newest entry that touched the contact.
#[test]
fn every_entry_about_a_contact_is_its_last_change() {
    let mut world = World::new();
    let of = contact("fr/soc");
    assert_eq!(world.directory.last_change(&of), Some(10), "its roster");
    let changes: [fn(&mut World) -> Parts; 4] = [
        |world| world.take(&world.record("fr/soc")),
        |world| world.take(&world.roster("fr/soc")),
        |world| world.take(&world.revocation("fr/soc/duty-1")),
        |world| world.take(&world.withdrawal("fr/soc")),
    ];
    for change in changes {
        let leaf = change(&mut world).admitted.leaf;
        assert_eq!(world.directory.last_change(&of), Some(leaf));
        world.take(&world.record("fr/cert"));
        assert_eq!(world.directory.last_change(&of), Some(leaf), "another contact's");
    }
    let attested = world.take(&world.attested("zz/mfa")).admitted.leaf;
    assert_eq!(world.directory.last_change(&contact("zz/mfa")), Some(attested));
}

/// A seal key that moved to another seat is that seat's to lose.
pub(super) fn moved() {
    let mut world = World::new();
    let swapped = world.roster("fr/soc").with(|roster| {
        let (a, b) = roster.seats.split_at_mut(1);
        std::mem::swap(&mut a[0].seal, &mut b[0].seal);
    });
    let parts = world.take(&swapped);
    assert_eq!(parts.keys.len(), 2, "both have moved, and nothing has ended");
    let slip = |seat: &str, key: &str| {
        let key = sealing_id(key).as_bytes().to_vec().into();
        world.revocation(seat).with(|slip| slip.key_ids = vec![key])
    };
    let old = slip("fr/soc/duty-1", "fr/soc/duty-1 seal");
    world.judge("of the seat that had it", &old.bytes(), NOW, Some("NOTHING_TO_REVOKE"));
    let new = slip("fr/soc/duty-2", "fr/soc/duty-1 seal");
    world.judge("of the seat that has it", &new.bytes(), NOW, None);
}

#[test]
fn a_seal_key_stands_for_the_seat_that_lists_it_now() {
    moved();
}
