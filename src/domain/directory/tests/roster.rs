//! Rosters: the seats of a contact and their keys, signed by its keeper.

use super::*;

#[test]
pub(super) fn content_refuses() {
    let world = World::new();
    world.refuses(
        &world.roster("fr/soc"),
        &[
            ("no contact", |d| d.says.contact.clear(), "INVALID_FIELD contact"),
            ("no such contact", |d| d.says.contact = "fr/not-yet".to_owned(), "UNKNOWN_CONTACT"),
            ("no such member", |d| d.says.contact = "de/soc".to_owned(), "UNKNOWN_MEMBER de"),
            (
                "another's contact",
                |d| d.says.contact = "at/cert".to_owned(),
                "BELOW_THRESHOLD keeper of at/cert",
            ),
            (
                "the authority's contact",
                |d| d.says.contact = "fr/cert".to_owned(),
                "BELOW_THRESHOLD authority of fr",
            ),
            (
                "listed only",
                |d| d.says.contact = "zz/mfa".to_owned(),
                "BELOW_THRESHOLD authority of zz",
            ),
            (
                "another keeper",
                |d| d.signers = vec!["at/cert keeper"],
                "BELOW_THRESHOLD keeper of fr/soc",
            ),
            (
                "the authority",
                |d| d.signers = vec!["fr-1", "fr-2"],
                "BELOW_THRESHOLD keeper of fr/soc",
            ),
            ("a seat", |d| d.signers = vec!["fr/soc/duty-1 sign"], "WRONG_PURPOSE a seat"),
            ("registrars", |d| d.signers = vec!["alice", "bob"], "WRONG_PURPOSE charter"),
            (
                "17 seats",
                |d| d.says.seats = (0..17).map(|n| seat("fr/soc", &format!("s{n:02}"))).collect(),
                "INVALID_FIELD at most 16",
            ),
            ("unsorted", |d| d.says.seats.swap(0, 1), "INVALID_FIELD sorted"),
            ("doubled", |d| d.says.seats[1] = d.says.seats[0].clone(), "INVALID_FIELD doubles"),
            (
                "facet of a record",
                |d| d.says.facets[0] = facet("email"),
                "INVALID_FIELD facets.name",
            ),
            ("facets unsorted", |d| d.says.facets.push(facet("holidays")), "INVALID_FIELD facets"),
            ("facet without hash", |d| d.says.facets[0].hash.clear(), "INVALID_FIELD facets.hash"),
            (
                "facet for nobody",
                |d| d.says.facets[0].visibility = 3,
                "INVALID_FIELD facets.members",
            ),
            ("no name", |d| d.says.seats[0].name.clear(), "INVALID_FIELD seats.name"),
            (
                "upper case",
                |d| d.says.seats[0].name = "Duty".to_owned(),
                "INVALID_FIELD seats.name",
            ),
            ("33 bytes", |d| d.says.seats[0].name = "a".repeat(33), "INVALID_FIELD seats.name"),
            ("a path", |d| d.says.seats[0].name = "a/b".to_owned(), "INVALID_FIELD seats.name"),
            ("no keys", |d| d.says.seats[2].seal = None, "INVALID_FIELD a seal key alone"),
            ("no seal", |d| d.says.seats[0].seal = None, "INVALID_FIELD a seal key alone"),
            ("no tls", |d| d.says.seats[0].tls = None, "INVALID_FIELD a seal key alone"),
            ("no sign", |d| d.says.seats[0].sign = None, "INVALID_FIELD a seal key alone"),
            ("P-256 signs", |d| d.says.seats[0].sign = Some(p256()), "INVALID_FIELD Ed25519"),
            (
                "X-Wing signs",
                |d| d.says.seats[0].sign = d.says.seats[0].seal.clone(),
                "INVALID_FIELD seats.sign",
            ),
            (
                "weak key signs",
                |d| d.says.seats[0].sign = Some(low_order()),
                "INVALID_FIELD seats.sign",
            ),
            ("Ed25519 seals", |d| d.says.seats[0].seal = Some(public("x")), "INVALID_FIELD X-Wing"),
            (
                "cut seal key",
                |d| d.says.seats[0].seal.as_mut().unwrap().key.truncate(1215),
                "INVALID_FIELD seats.seal",
            ),
            (
                "seal key says Ed25519",
                |d| d.says.seats[0].seal.as_mut().unwrap().algorithm = 1,
                "INVALID_FIELD X-Wing",
            ),
            (
                "X-Wing connects",
                |d| d.says.seats[0].tls = Some(sealing("x")),
                "INVALID_FIELD seats.tls",
            ),
            (
                "weak key connects",
                |d| d.says.seats[0].tls = Some(low_order()),
                "INVALID_FIELD seats.tls",
            ),
            (
                "new key signs and connects",
                |d| {
                    d.says.seats[0].sign = Some(public("x"));
                    d.says.seats[0].tls = Some(public("x"));
                },
                "KEY_REUSED twice",
            ),
            (
                "two seats seal to one",
                |d| {
                    d.says.seats[0].seal = Some(sealing("x"));
                    d.says.seats[1].seal = Some(sealing("x"));
                },
                "KEY_REUSED twice",
            ),
            (
                "known key for another use",
                |d| d.says.seats[0].tls = d.says.seats[0].sign.clone(),
                "KEY_REUSED already",
            ),
            (
                "a key moves to another seat",
                |d| d.says.seats[0].sign = Some(public("fr/soc/duty-2 sign")),
                "KEY_REUSED fr/soc/duty-2",
            ),
            (
                "a seal key with a proof",
                |d| d.says.seats[2].seal.as_mut().unwrap().proof = vec![1; 64].into(),
                "NO_POSSESSION",
            ),
            (
                "proof of a colleague",
                |d| d.says.seats[0].sign = Some(proven("x", "fr/soc/duty-2", Use::Sign)),
                "NO_POSSESSION",
            ),
            (
                "proof for another use",
                |d| d.says.seats[0].sign = Some(proven("x", "fr/soc/duty-1", Use::Tls)),
                "NO_POSSESSION",
            ),
            (
                "proof of another key",
                |d| {
                    let other = proven("y", "fr/soc/duty-1", Use::Sign);
                    let proof = other.proof;
                    d.says.seats[0].sign = Some(proto::PublicKey { proof, ..public("x") });
                },
                "NO_POSSESSION",
            ),
            (
                "proof doubled",
                |d| {
                    let mut key = proven("x", "fr/soc/duty-1", Use::Sign);
                    key.proof = [&key.proof[..], &key.proof].concat().into();
                    d.says.seats[0].sign = Some(key);
                },
                "NO_POSSESSION",
            ),
            (
                "another contact's tls key",
                |d| d.says.seats[0].tls = Some(public("at/cert/duty-1 tls")),
                "KEY_REUSED at/cert/duty-1",
            ),
            (
                "its keeper sits",
                |d| d.says.seats[0].sign = Some(public("fr/soc keeper")),
                "KEY_REUSED keeper",
            ),
            (
                "its authority sits",
                |d| d.says.seats[0].tls = Some(public("fr-3")),
                "KEY_REUSED authority",
            ),
            (
                "an operator sits",
                |d| d.says.seats[0].tls = Some(public("dave tls")),
                "KEY_REUSED operator/dave",
            ),
        ],
    );
    let full = world.roster("fr/soc").with(|roster| {
        roster.seats = (0..16).map(|n| seat("fr/soc", &format!("s{n:02}"))).collect();
        roster.seats[0].tls = Some(p256());
        roster.facets = vec![facet("holidays"), facet("hours"), facet("wake")];
    });
    world.judge("16 seats and all three facets", &full.bytes(), NOW, None);
}

/// A seal key belongs to its contact: it may move to another seat of it, and stand at another contact,
/// whose own it is there. It does not return.
#[test]
pub(super) fn a_seal_key_is_its_contacts_own() {
    let mut world = World::new();
    let elsewhere = world.roster("fr/soc").with(|roster| {
        roster.seats[2].seal = Some(sealing("at/cert/safe seal"));
    });
    let parts = world.take(&elsewhere);
    assert_eq!(parts.keys.len(), 2, "one listed, one dropped");
    world.take(&world.revocation("at/cert/safe"));
    assert_eq!(world.directory.sealing_seats(&contact("at/cert")).count(), 2);
    assert_eq!(
        world.directory.sealing_seats(&contact("fr/soc")).count(),
        3,
        "revoked there, not here"
    );
    let swapped = world.roster("fr/soc").with(|roster| {
        let (a, b) = roster.seats.split_at_mut(1);
        std::mem::swap(&mut a[0].seal, &mut b[0].seal);
        roster.seats[2].seal = Some(sealing("at/cert/safe seal"));
    });
    world.take(&swapped);
    let back = world.roster("fr/soc");
    assert!(world.refusal(&back).contains("never returns"), "the safe's first key");
}

/// The compromised keeper's and the clever seat's way back: there is none.
#[test]
fn a_key_dropped_or_revoked_never_returns() {
    let mut world = World::new();
    world.take(&world.roster("fr/soc").with(|roster| drop(roster.seats.remove(1))));
    world.take(&world.revocation("fr/soc/duty-1"));
    for name in ["fr/soc/duty-2 sign", "fr/soc/duty-2 tls", "fr/soc/duty-1 sign"] {
        let roster = world.roster("fr/soc").with(|roster| {
            roster.seats = vec![seat("fr/soc", "duty-3")];
            roster.seats[0].sign = Some(public(name));
        });
        assert!(world.refusal(&roster).starts_with("KEY_REUSED"), "{name}");
    }
    let back = |names: &[&str]| {
        let seats = names.iter().map(|name| seat("fr/soc", name)).collect();
        world.refusal(&world.roster("fr/soc").with(|roster| roster.seats = seats))
    };
    assert!(back(&["duty-2"]).contains("never returns"));
    assert!(back(&["duty-1"]).contains("never returns"));
    let none = world.roster("fr/soc").with(|roster| roster.seats.clear());
    world.take(&none);
    let revoked = standing(&world, id("fr/soc/duty-1 sign"));
    assert!(matches!(revoked, Standing::Revoked(_)), "dropping it does not hide that");
    let safe = opening("fr/soc/safe seal").public().id();
    assert_eq!(standing(&world, safe), Standing::Dropped);
    assert_eq!(world.directory.sealing_seats(&contact("fr/soc")).count(), 0);
}

#[test]
fn a_message_is_sealed_to_the_seats_in_force() {
    let mut world = World::new();
    let of = contact("fr/soc");
    let names = |world: &World| -> Vec<String> {
        let seats = world.directory.sealing_seats(&of);
        seats.map(|(seat, ..)| seat.name().to_owned()).collect()
    };
    assert_eq!(names(&world), ["duty-1", "duty-2", "safe"]);
    world.take(&world.revocation("fr/soc/duty-1"));
    assert_eq!(names(&world), ["duty-2", "safe"]);
}

#[test]
fn a_seat_key_is_known_for_ever_and_speaks_while_it_is_in_force() {
    let mut world = World::new();
    let signs = |world: &World, name| {
        let key = world.directory.seat_sign_key(&id(name));
        let known = key.map(|(seat, _)| seat.to_string());
        let speaks = known.and_then(|seat| world.directory.in_force(&id(name)).map(|()| seat));
        speaks.map_err(|refusal| refusal.code())
    };
    assert_eq!(signs(&world, "fr/soc/duty-1 sign"), Ok("fr/soc/duty-1".to_owned()));
    assert_eq!(signs(&world, "fr/soc/duty-1 tls"), Err("WRONG_PURPOSE"));
    assert_eq!(signs(&world, "fr/soc keeper"), Err("WRONG_PURPOSE"));
    assert_eq!(signs(&world, "nobody"), Err("UNKNOWN_KEY"));
    world.take(&world.revocation("fr/soc/duty-1"));
    assert_eq!(signs(&world, "fr/soc/duty-1 sign"), Err("KEY_NOT_IN_FORCE"));
    world.take(&world.withdrawal("fr/soc"));
    assert_eq!(signs(&world, "fr/soc/duty-2 sign"), Err("KEY_NOT_IN_FORCE"));
    assert!(world.directory.seat_sign_key(&id("fr/soc/duty-2 sign")).is_ok());
}
