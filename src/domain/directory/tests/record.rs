//! Records, signed by the authority of the member.

use crate::domain::limits;

use super::*;

fn ladder(level: i32, contacts: &[&str]) -> proto::Ladder {
    proto::Ladder { level, contacts: contacts.iter().map(ToString::to_string).collect() }
}

#[test]
pub(super) fn content_refuses() {
    let world = World::new();
    let good = world.record("fr/soc").with(|record| {
        record.ladders = vec![ladder(1, &["fr/cert", "fr/not-yet"]), ladder(3, &["fr/mfa"])];
        record.note = Some(note());
    });
    world.refuses(
        &good,
        &[
            ("no contact", |d| d.says.contact.clear(), "INVALID_FIELD contact"),
            ("a seat", |d| d.says.contact = "fr/soc/duty-1".to_owned(), "INVALID_FIELD contact"),
            ("no such member", |d| d.says.contact = "de/soc".to_owned(), "UNKNOWN_MEMBER de"),
            (
                "another State's",
                |d| d.says.contact = "at/cert".to_owned(),
                "BELOW_THRESHOLD authority of at",
            ),
            (
                "listed State's",
                |d| d.says.contact = "zz/mfa".to_owned(),
                "BELOW_THRESHOLD authority of zz",
            ),
            (
                "a registrar",
                |d| d.signers = vec!["alice", "bob"],
                "WRONG_PURPOSE a person of the charter",
            ),
            ("its keeper", |d| d.signers = vec!["fr/soc keeper"], "WRONG_PURPOSE keeper"),
            ("its seat", |d| d.signers = vec!["fr/soc/duty-1 sign"], "WRONG_PURPOSE a seat"),
            ("no end", |d| d.says.expires = 0, "ALREADY_EXPIRED"),
            ("no level", |d| d.says.levels.clear(), "INVALID_FIELD levels"),
            ("level 0", |d| d.says.levels = vec![0], "INVALID_FIELD levels"),
            ("level 6", |d| d.says.levels = vec![6], "INVALID_FIELD levels"),
            ("levels unsorted", |d| d.says.levels = vec![3, 1], "INVALID_FIELD levels"),
            ("level doubled", |d| d.says.levels = vec![1, 1, 3], "INVALID_FIELD levels"),
            ("purpose 0", |d| d.says.purposes = vec![0, 1], "INVALID_FIELD purposes"),
            ("purpose 7", |d| d.says.purposes = vec![1, 7], "INVALID_FIELD purposes"),
            ("purpose doubled", |d| d.says.purposes = vec![1, 1], "INVALID_FIELD purposes"),
            ("no name", |d| d.says.names.clear(), "INVALID_FIELD names"),
            (
                "bad language",
                |d| d.says.names[0].language = "english language".to_owned(),
                "INVALID_FIELD BCP 47",
            ),
            ("custody 0", |d| d.says.custody = 0, "INVALID_FIELD custody"),
            ("custody 4", |d| d.says.custody = 4, "INVALID_FIELD custody"),
            ("ladders unsorted", |d| d.says.ladders.swap(0, 1), "INVALID_FIELD ladders"),
            ("ladder doubled", |d| d.says.ladders[1].level = 1, "INVALID_FIELD ladders"),
            ("ladder of level 0", |d| d.says.ladders[0].level = 0, "INVALID_FIELD ladders"),
            ("ladder of level 6", |d| d.says.ladders[1].level = 6, "INVALID_FIELD ladders"),
            ("ladder of nobody", |d| d.says.ladders[0].contacts.clear(), "INVALID_FIELD 1 to 8"),
            (
                "nine steps",
                |d| d.says.ladders[0].contacts = (0..9).map(|n| format!("fr/c{n}")).collect(),
                "INVALID_FIELD 1 to 8",
            ),
            (
                "a step twice",
                |d| d.says.ladders[0].contacts[1] = "fr/cert".to_owned(),
                "INVALID_FIELD each once",
            ),
            (
                "itself",
                |d| d.says.ladders[0].contacts[0] = "fr/soc".to_owned(),
                "INVALID_FIELD other contacts",
            ),
            (
                "another member's",
                |d| d.says.ladders[0].contacts[0] = "at/cert".to_owned(),
                "INVALID_FIELD same member",
            ),
            (
                "no contact's id",
                |d| d.says.ladders[0].contacts[0] = "fr".to_owned(),
                "INVALID_FIELD contact",
            ),
            ("note undated", |d| d.says.note.as_mut().unwrap().date = 0, "INVALID_FIELD note"),
            ("facets unsorted", |d| d.says.facets.swap(0, 1), "INVALID_FIELD facets"),
            (
                "facet doubled",
                |d| d.says.facets[1] = d.says.facets[0].clone(),
                "INVALID_FIELD facets",
            ),
            (
                "facet unknown",
                |d| d.says.facets[1].name = "x".repeat(33),
                "INVALID_FIELD facets.name",
            ),
            (
                "facet of a roster",
                |d| d.says.facets[1] = facet("holidays"),
                "INVALID_FIELD facets.name",
            ),
            (
                "17 facets",
                |d| d.says.facets = (0..17).map(|n| facet(&format!("f{n:02}"))).collect(),
                "INVALID_FIELD at most 16",
            ),
            ("hash of 31", |d| d.says.facets[0].hash.truncate(31), "INVALID_FIELD facets.hash"),
            ("no hash", |d| d.says.facets[0].hash.clear(), "INVALID_FIELD facets.hash"),
            (
                "visibility 0",
                |d| d.says.facets[0].visibility = 0,
                "INVALID_FIELD facets.visibility",
            ),
            (
                "visibility 5",
                |d| d.says.facets[0].visibility = 5,
                "INVALID_FIELD facets.visibility",
            ),
            (
                "named members",
                |d| d.says.facets[0].members = vec!["at".to_owned()],
                "INVALID_FIELD facets.members",
            ),
            ("named nobody", |d| d.says.facets[0].visibility = 3, "INVALID_FIELD facets.members"),
            (
                "named no member",
                |d| {
                    d.says.facets[0].visibility = 3;
                    d.says.facets[0].members = vec!["log".to_owned()];
                },
                "INVALID_FIELD facets.members",
            ),
            (
                "257 named",
                |d| {
                    d.says.facets[0].visibility = 3;
                    d.says.facets[0].members = (0..257).map(|n| format!("m{n:03}")).collect();
                },
                "INVALID_FIELD at most 256",
            ),
            ("hours", |d| d.says.facets = vec![facet("hours")], "INVALID_FIELD facets.name"),
            ("wake", |d| d.says.facets = vec![facet("wake")], "INVALID_FIELD facets.name"),
            ("X-Wing keeper", |d| d.says.keeper = Some(sealing("x")), "INVALID_FIELD keeper"),
            ("weak keeper", |d| d.says.keeper = Some(low_order()), "INVALID_FIELD keeper"),
            (
                "empty keeper",
                |d| d.says.keeper = Some(proto::PublicKey::default()),
                "INVALID_FIELD keeper",
            ),
            (
                "authority keeps",
                |d| d.says.keeper = Some(public("fr-1")),
                "KEY_REUSED belongs to fr,",
            ),
            (
                "seat keeps",
                |d| d.says.keeper = Some(public("fr/soc/duty-1 sign")),
                "KEY_REUSED fr/soc/duty-1",
            ),
            (
                "another's keeper",
                |d| d.says.keeper = Some(public("at/cert keeper")),
                "KEY_REUSED belongs to at/cert,",
            ),
            ("the log's", |d| d.says.keeper = Some(public("log")), "KEY_REUSED log/un.example"),
            ("over already", |d| d.says.expires = NOW, "ALREADY_EXPIRED"),
            ("731 days and 1 s", |d| d.says.expires = NOW + 731 * DAY + 1, "HOLDS_TOO_LONG"),
            ("for ever", |d| d.says.expires = (1 << 53) - 1, "HOLDS_TOO_LONG"),
        ],
    );
    for expires in [NOW + 1, NOW + 731 * DAY] {
        let good = good.clone().with(|record| record.expires = expires);
        assert!(world.decide(&good).is_ok(), "{expires}");
    }
    let bare = good.clone().with(|record| {
        record.purposes.clear();
        record.facets.clear();
        record.ladders.clear();
    });
    assert!(world.decide(&bare).is_ok(), "only levels and names are needed");
    for (name, visibility, members) in [
        ("x-of-another-time", 1, vec![]),
        ("email", 2, vec![]),
        ("email", 3, vec!["at".to_owned(), "not-admitted".to_owned()]),
        ("email", 4, vec![]),
    ] {
        let seen = good.clone().with(|record| {
            record.facets = vec![proto::Facet { visibility, members, ..facet(name) }];
        });
        assert!(world.decide(&seen).is_ok(), "{name}, visibility {visibility}");
    }
    let token = good.with(|record| record.keeper = Some(p256()));
    assert!(world.decide(&token).is_ok(), "a keeper's token may do P-256");
}

/// As much of everything as there may be.
#[test]
pub(super) fn content_admits() {
    let world = World::new();
    let good = world.record("fr/soc");
    let steps: Vec<String> = (0..8).map(|n| format!("fr/c{n}")).collect();
    let steps: Vec<&str> = steps.iter().map(|step| &step[..]).collect();
    let ladders = good.clone().with(|record| {
        record.ladders = (1..6).map(|level| ladder(level, &steps)).collect();
    });
    let named = good.clone().with(|record| {
        record.facets[0].visibility = proto::Visibility::NamedMembers.into();
        record.facets[0].members = (0..256).map(|n| format!("m{n:03}")).collect();
    });
    let facets = good.clone().with(|record| {
        let names = (0..16).map(|n| match n {
            0 => "-".to_owned(),
            1 => "0-9".to_owned(),
            15 => "z".repeat(32),
            n => format!("f{n:02}"),
        });
        record.facets = names.map(|name| facet(&name)).collect();
    });
    let ahead = good.with(|record| {
        record.issued_at = NOW + 300;
        record.expires = NOW + 1;
    });
    for (name, draft) in [
        ("eight steps for every level", ladders),
        ("256 named members", named),
        ("16 facets", facets),
        ("over before it was signed, and not when it is admitted", ahead),
    ] {
        world.judge(name, &draft.bytes(), NOW, None);
    }
    for (name, custody) in [("separate", 1), ("one machine", 2), ("not stated", 3)] {
        let every = world.record("fr/soc").with(|record| {
            record.levels = (1..6).collect();
            record.purposes = (1..7).collect();
            record.custody = custody;
        });
        world.judge(&format!("every level and purpose and {name}"), &every.bytes(), NOW, None);
    }
}

/// `SHA-256("liaison/facet/v1" 00 contact 00 name 00 salt bytes)`, computed with Python's hashlib.
#[test]
fn the_hash_of_a_facet_is_that_of_another_program() {
    let expected = "130a299d5a2fda59b561b5362a0958e4b9590faa98e16da90b6a2ac43119a128";
    assert_eq!(open_facet("fr/cert", "email").hash().to_string(), expected);
}

/// The validity counts from the signature, not from when the log takes it.
#[test]
fn a_record_kept_in_the_drawer_holds_no_longer() {
    let world = World::new();
    let late = |expires| {
        let mut draft = world.record("fr/cert").with(|record| record.expires = expires);
        draft.at = NOW + 30 * DAY;
        world.decide(&draft).map_err(|refusal| refusal.code())
    };
    assert!(late(NOW + 731 * DAY).is_ok());
    assert_eq!(late(NOW + 731 * DAY + 1), Err("HOLDS_TOO_LONG"));
    assert_eq!(late(NOW + 30 * DAY), Err("ALREADY_EXPIRED"));
}

/// The proof of a keeper's key is by itself, for the contact, and to keep it.
#[test]
pub(super) fn proofs_refuse() {
    let world = World::new();
    let with = |name: &str, key: proto::PublicKey, reason| {
        let record = world.record("fr/soc").with(|record| record.keeper = Some(key));
        world.judge(name, &Draft { bare: true, ..record }.bytes(), NOW, reason);
    };
    let (name, missing) = ("soc keeper anew", Some("NO_POSSESSION"));
    let good = proven(name, "fr/soc", Use::Keeper);
    with("its proof", good.clone(), None);
    with("none", proto::PublicKey { proof: Vec::new().into(), ..good.clone() }, missing);
    let other = proven("soc keeper too", "fr/soc", Use::Keeper).proof;
    with("another key's", proto::PublicKey { proof: other, ..good }, missing);
    for holder in ["fr", "fr/cert", "at/soc", "fr/soc/duty-1", "keeper/fr/soc"] {
        with(&format!("as {holder}"), proven(name, holder, Use::Keeper), missing);
    }
    for usage in [Use::Authority, Use::Sign, Use::Tls] {
        with(&format!("to {usage:?}"), proven(name, "fr/soc", usage), missing);
    }
}

#[test]
fn a_keeper_replaced_keeps_nothing() {
    let mut world = World::new();
    world.take(&world.record("fr/soc").with(|record| record.keeper = Some(public("new"))));
    assert_eq!(standing(&world, id("fr/soc keeper")), Standing::Dropped);
    let roster = world.roster("fr/soc");
    assert!(world.refusal(&roster).starts_with("KEY_NOT_IN_FORCE"));
    let both = roster.clone().signed_by(&["fr/soc keeper", "new"]);
    assert!(world.refusal(&both).starts_with("KEY_NOT_IN_FORCE"));
    let revocation = world.revocation("fr/soc/duty-1").signed_by(&["fr/soc keeper"]);
    assert!(world.refusal(&revocation).starts_with("KEY_NOT_IN_FORCE"));
    world.take(&roster.signed_by(&["new"]));
    for contact in ["fr/soc", "fr/cert", "fr/other"] {
        let back = world.record(contact);
        let back = back.with(|record| record.keeper = Some(public("fr/soc keeper")));
        assert!(world.refusal(&back).starts_with("KEY_REUSED"), "{contact}");
    }
    world.take(&world.record("fr/soc").with(|record| record.keeper = None));
    let kept = world.roster("fr/soc");
    assert!(world.refusal(&kept.clone().signed_by(&["new"])).starts_with("KEY_NOT_IN_FORCE"));
    world.take(&kept.signed_by(&["fr-2", "fr-3"]));
}

/// A new version leaves the seats in force: only rosters change seats.
#[test]
fn a_record_keeps_the_roster() {
    let mut world = World::new();
    let roster = world.directory.contact(&contact("fr/soc")).unwrap().roster.clone();
    let parts = world.take(&world.record("fr/soc"));
    assert_eq!(parts.keys, []);
    let after = world.directory.contact(&contact("fr/soc")).unwrap();
    assert_eq!((after.roster.as_ref(), after.record_newest.version), (roster.as_ref(), 2));
    assert_eq!(world.directory.last_change(&contact("fr/soc")), Some(parts.admitted.leaf));
}

/// Those that stand count; one that was withdrawn makes room, and comes back while there is some.
#[test]
fn a_member_has_so_many_contacts_and_no_more() {
    let mut world = World::new();
    let of = contact("fr/soc").member();
    let room = limits::CONTACTS - world.directory.contacts_of(&of).count();
    let fresh = |world: &World, n: usize| {
        world.record(&format!("fr/team-{n}")).with(|record| record.keeper = None)
    };
    for n in 0..room {
        world.take(&fresh(&world, n));
    }
    assert!(world.refusal(&fresh(&world, room)).starts_with("TOO_MANY_CONTACTS"));
    world.take(&fresh(&world, 0));
    world.take(&world.withdrawal("fr/team-0"));
    world.take(&fresh(&world, room));
    assert!(world.refusal(&fresh(&world, 0)).starts_with("TOO_MANY_CONTACTS"), "it came too late");
    world.take(&world.withdrawal("fr/team-1"));
    world.take(&fresh(&world, 0));
    world.take(&world.record("at/cert"));
}
