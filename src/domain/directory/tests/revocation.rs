//! Revocations: taking power away needs no authority, and never waits.

use super::*;

#[test]
pub(super) fn content_refuses() {
    let world = World::new();
    world.refuses(
        &world.revocation("fr/cert/duty-1"),
        &[
            ("no seat", |d| d.says.seat.clear(), "INVALID_FIELD seat"),
            ("a contact", |d| d.says.seat = "fr/cert".to_owned(), "INVALID_FIELD seat"),
            (
                "no such contact",
                |d| d.says.seat = "fr/not-yet/duty-1".to_owned(),
                "UNKNOWN_CONTACT",
            ),
            ("no such member", |d| d.says.seat = "de/soc/duty-1".to_owned(), "UNKNOWN_MEMBER de"),
            (
                "another State's seat",
                |d| d.says.seat = "at/cert/duty-1".to_owned(),
                "BELOW_THRESHOLD at/cert",
            ),
            ("a registrar", |d| d.signers = vec!["alice", "bob"], "WRONG_PURPOSE charter"),
            (
                "its connecting key",
                |d| d.signers = vec!["fr/cert/duty-1 tls"],
                "WRONG_PURPOSE connect",
            ),
            (
                "a seat of another contact",
                |d| d.signers = vec!["fr/soc/duty-1 sign"],
                "BELOW_THRESHOLD",
            ),
            (
                "a keeper of another contact",
                |d| d.signers = vec!["fr/soc keeper"],
                "BELOW_THRESHOLD",
            ),
            (
                "one key of the authority",
                |d| d.signers = vec!["fr-1"],
                "BELOW_THRESHOLD 2 signatures",
            ),
            ("another authority", |d| d.signers = vec!["at-1"], "BELOW_THRESHOLD"),
            ("version 1", |d| d.says.targets[0].version = 1, "INVALID_TARGETS version"),
            ("no reason", |d| d.says.reason = 0, "INVALID_FIELD reason"),
            ("unknown reason", |d| d.says.reason = 6, "INVALID_FIELD reason"),
            ("unsorted", |d| d.says.key_ids.swap(0, 1), "INVALID_FIELD key_ids"),
            ("doubled", |d| d.says.key_ids[1] = d.says.key_ids[0].clone(), "INVALID_FIELD key_ids"),
            (
                "17 keys",
                |d| d.says.key_ids = (0..17).map(|n| vec![n; 32].into()).collect(),
                "INVALID_FIELD at most 16",
            ),
            ("31 bytes", |d| d.says.key_ids[0].truncate(31), "NOT_CANONICAL"),
            ("no keys", |d| d.says.key_ids.clear(), "INVALID_FIELD key_ids"),
            (
                "a colleague's keys",
                |d| d.says.seat = "fr/cert/duty-2".to_owned(),
                "NOTHING_TO_REVOKE",
            ),
            ("no such seat", |d| d.says.seat = "fr/cert/duty-9".to_owned(), "NOTHING_TO_REVOKE"),
            (
                "the authority's key",
                |d| d.says.key_ids = vec![id("fr-3").as_bytes().to_vec().into()],
                "NOTHING_TO_REVOKE",
            ),
            (
                "the log's key",
                |d| d.says.key_ids = vec![id("log").as_bytes().to_vec().into()],
                "NOTHING_TO_REVOKE",
            ),
        ],
    );
}

#[test]
pub(super) fn seat_colleague_keeper_and_authority_may() {
    let world = World::new();
    for signers in [
        &["fr/soc/duty-1 sign"][..],
        &["fr/soc/duty-2 sign"],
        &["fr/soc keeper"],
        &["fr-1", "fr-3"],
        &["fr/soc/duty-1 sign", "fr/soc keeper"],
        &["fr/soc/duty-1 sign", "fr-1"],
        &["fr/soc/duty-2 sign", "fr/soc keeper", "fr-1", "fr-2", "fr-3"],
    ] {
        let mut world = world.clone();
        let slip = world.revocation("fr/soc/duty-1").signed_by(signers);
        world.judge(&signers.join(" and "), &slip.bytes(), NOW, None);
        let parts = world.take(&slip);
        assert_eq!(parts.keys.len(), 3, "{signers:?}");
        let seat = world.revocation("fr/soc/duty-2").signed_by(&["fr/soc/duty-1 sign"]);
        assert!(world.refusal(&seat).starts_with("KEY_NOT_IN_FORCE"), "a revoked seat may not");
        let with = world.revocation("fr/soc/duty-2");
        let with = with.signed_by(&["fr/soc keeper", "fr/soc/duty-1 sign"]);
        assert!(world.refusal(&with).starts_with("KEY_NOT_IN_FORCE"));
    }
}

#[test]
pub(super) fn for_every_reason() {
    let world = World::new();
    for reason in 1..6 {
        let slip = world.revocation("fr/soc/duty-1").with(|slip| slip.reason = reason);
        world.judge(&format!("reason {reason}"), &slip.bytes(), NOW, None);
    }
    let full = world.revocation("fr/soc/duty-1").with(|slip| {
        let others = (0..13).map(|n| vec![n; 32].into());
        slip.key_ids.extend(others);
        slip.key_ids.sort();
    });
    world.judge("16 key ids", &full.bytes(), NOW, None);
}

/// A slip from the drawer: signed years ago, handed in twice, by a seat that it then ends.
#[test]
pub(super) fn it_is_never_too_old_and_repeating_it_changes_nothing() {
    for issued_at in [0, 1, NOW - 900 * DAY, NOW + 300, 32_503_680_000, (1 << 53) - 1] {
        let mut world = World::new();
        let slip = world.revocation("fr/soc/duty-1").signed_by(&["fr/soc/duty-1 sign"]);
        let slip = slip.with(|revocation| revocation.issued_at = issued_at);
        let leaf = world.take(&slip).admitted.leaf;
        assert_eq!(world.logged(&slip), Some(leaf));
        world.take(&world.roster("fr/soc").with(|roster| roster.seats.clear()));
        world.take(&world.withdrawal("fr/soc"));
        assert_eq!(world.logged(&slip), Some(leaf));
    }
}

#[test]
fn keys_no_longer_in_force_are_ignored_and_none_left_is_refused() {
    let mut world = World::new();
    let one = world.revocation("fr/soc/duty-1").with(|slip| drop(slip.key_ids.drain(1..)));
    let parts = world.take(&one);
    assert_eq!(parts.keys.len(), 1);
    let all = world.revocation("fr/soc/duty-1");
    assert_eq!(world.take(&all).keys.len(), 2, "the one that is left out is revoked already");
    let again = world.revocation("fr/soc/duty-1").with(|slip| slip.issued_at -= 1);
    assert_eq!(world.logged(&again), None, "another slip that named the same keys is none of ours");
    assert!(world.refusal(&again).starts_with("NOTHING_TO_REVOKE"));
    let Standing::Revoked(leaf) = standing(&world, parts.keys[0].key.id()) else {
        panic!("revoked");
    };
    assert_eq!(leaf, parts.admitted.leaf, "the first revocation stands");
    assert_eq!(world.directory.last_change(&contact("fr/soc")), Some(12));
}
