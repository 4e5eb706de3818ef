//! Withdrawals: the end of a contact and of its keys; its versions go on.

use super::*;

#[test]
pub(super) fn content_refuses() {
    let mut world = World::new();
    world.refuses(
        &world.withdrawal("fr/soc"),
        &[
            ("no contact", |d| d.says.contact.clear(), "INVALID_FIELD contact"),
            ("a member", |d| d.says.contact = "fr".to_owned(), "INVALID_FIELD contact"),
            ("nothing", |d| d.says.contact = "fr/not-yet".to_owned(), "UNKNOWN_CONTACT"),
            ("no such member", |d| d.says.contact = "de/soc".to_owned(), "UNKNOWN_MEMBER de"),
            (
                "another State's",
                |d| d.says.contact = "at/cert".to_owned(),
                "BELOW_THRESHOLD authority of at",
            ),
            (
                "a listed State's",
                |d| d.says.contact = "zz/mfa".to_owned(),
                "BELOW_THRESHOLD registrars",
            ),
            ("registrars", |d| d.signers = vec!["alice", "bob"], "BELOW_THRESHOLD authority of fr"),
            ("its keeper", |d| d.signers = vec!["fr/soc keeper"], "WRONG_PURPOSE keeper"),
            ("its seat", |d| d.signers = vec!["fr/soc/duty-1 sign"], "WRONG_PURPOSE a seat"),
        ],
    );
    world.refuses(
        &world.withdrawal("zz/mfa"),
        &[
            ("one registrar", |d| d.signers = vec!["alice"], "BELOW_THRESHOLD registrars"),
            ("operators", |d| d.signers = vec!["dave", "erin"], "WRONG_PURPOSE charter"),
            ("another State", |d| d.signers = vec!["at-1"], "BELOW_THRESHOLD registrars"),
            ("and another State", |d| d.signers.push("at-1"), "SUPERFLUOUS_SIGNATURE"),
        ],
    );
    let first = world.withdrawal("fr/soc");
    world.take(&first);
    assert_eq!(world.logged(&first), Some(11));
    let again = world.withdrawal("fr/soc");
    assert!(world.refusal(&again).starts_with("UNKNOWN_CONTACT"), "there is nothing left");
    assert!(world.directory.record(&contact("fr/soc")).is_err());
}

/// Of an attested record the registrars or the authority: either, whole, and the others may join.
#[test]
pub(super) fn either_withdraws_what_is_attested() {
    let mut world = World::new();
    world.take(&world.admission("zz").with(|admission| {
        admission.authority = keys_by_id(&["zz-1", "zz-2"]);
        admission.threshold = 2;
    }));
    let cases: [(&str, &[&str], Option<&str>); 7] = [
        ("the authority", &["zz-1", "zz-2"], None),
        ("the registrars", &["alice", "bob"], None),
        ("both", &["alice", "bob", "zz-1", "zz-2"], None),
        ("the authority and a registrar", &["alice", "zz-1", "zz-2"], None),
        ("the registrars and one of the authority", &["alice", "bob", "zz-1"], None),
        ("half of the authority", &["zz-1"], Some("BELOW_THRESHOLD")),
        ("half of each", &["alice", "zz-1"], Some("BELOW_THRESHOLD")),
    ];
    for (name, signers, reason) in cases {
        let keys: Vec<&'static str> = signers.to_vec();
        let withdrawal = world.withdrawal("zz/mfa").signed_by(&keys);
        world.judge(name, &withdrawal.bytes(), NOW, reason);
    }
}

#[test]
fn every_key_of_a_withdrawn_contact_is_dropped_for_ever() {
    let mut world = World::new();
    world.take(&world.revocation("fr/soc/duty-2"));
    world.take(&world.withdrawal("fr/soc"));
    for name in ["fr/soc keeper", "fr/soc/duty-1 sign", "fr/soc/duty-1 tls"] {
        assert_eq!(standing(&world, id(name)), Standing::Dropped, "{name}");
    }
    let revoked = standing(&world, id("fr/soc/duty-2 sign"));
    assert!(matches!(revoked, Standing::Revoked(_)));

    // Who had power has none: not before, and not after the contact comes back.
    let attacks = |world: &World| {
        let keeper = world.roster("fr/soc");
        assert!(world.decide(&keeper).is_err(), "its keeper");
        for signer in ["fr/soc keeper", "fr/soc/duty-1 sign", "fr/soc/duty-2 sign"] {
            let revocation = world.revocation("fr/soc/duty-1").signed_by(&[signer]);
            assert!(world.decide(&revocation).is_err(), "{signer}");
        }
        let authority = world.revocation("fr/soc/duty-1");
        world.refusal(&authority)
    };
    assert!(world.refusal(&world.roster("fr/soc")).starts_with("UNKNOWN_CONTACT"));
    assert!(attacks(&world).starts_with("UNKNOWN_CONTACT"), "nothing stands");
    assert!(world.refusal(&world.record("fr/soc")).starts_with("KEY_REUSED"), "the old keeper");
    world.take(&world.record("fr/soc").with(|record| record.keeper = Some(public("new"))));
    assert!(attacks(&world).starts_with("NOTHING_TO_REVOKE"), "they have ended");
    let seats = world.roster("fr/soc").signed_by(&["new"]);
    assert!(world.refusal(&seats).starts_with("KEY_REUSED"), "the old seats");
    assert_eq!(world.directory.sealing_seats(&contact("fr/soc")).count(), 0);
}

#[test]
fn versions_go_on() {
    let mut world = World::new();
    world.take(&world.withdrawal("fr/cert"));
    let known = world.directory.contact(&contact("fr/cert")).unwrap();
    assert_eq!((known.record_newest.version, known.roster_newest.unwrap().version), (2, 1));
    let first = world.record("fr/cert").with(|record| record.targets[0].version = 1);
    assert!(world.refusal(&first).contains("expected version 3"));
    world.take(&world.record("fr/cert"));
    let first = world.roster("fr/cert").with(|roster| {
        roster.targets[0].version = 1;
        roster.seats.clear();
    });
    assert!(world.refusal(&first).contains("expected version 2"));
    world.take(&world.roster("fr/cert").with(|roster| roster.seats.clear()));
    // The old record and the old roster, replayed by whoever has kept them.
    for leaf in [7, 8] {
        let (bytes, _) = &world.entries[leaf];
        assert_eq!(world.decide_bytes(bytes, NOW).unwrap_err().code(), "WRONG_VERSION");
    }
}

#[test]
fn an_attested_contact_is_withdrawn_and_entered_again_by_registrars() {
    let mut world = World::new();
    world.take(&world.withdrawal("zz/mfa"));
    assert!(world.refusal(&world.withdrawal("zz/mfa")).starts_with("UNKNOWN_CONTACT"));
    world.take(&world.attested("zz/mfa"));
    let newest = world.directory.contact(&contact("zz/mfa")).unwrap().record_newest;
    assert_eq!(newest.version, 3);
}
