//! Attested records: entered by the registrars, without keys, until the State signs for itself.

use super::*;

#[test]
pub(super) fn content_refuses() {
    let world = World::new();
    world.refuses(
        &world.attested("zz/mfa"),
        &[
            ("no contact", |d| d.says.contact.clear(), "INVALID_FIELD contact"),
            ("a member", |d| d.says.contact = "zz".to_owned(), "INVALID_FIELD contact"),
            ("a seat", |d| d.says.contact = "zz/mfa/duty-1".to_owned(), "INVALID_FIELD contact"),
            ("upper case", |d| d.says.contact = "zz/MFA".to_owned(), "INVALID_FIELD contact"),
            ("a path", |d| d.says.contact = "../mfa".to_owned(), "INVALID_FIELD contact"),
            ("a keeper", |d| d.signers.push("fr/soc keeper"), "WRONG_PURPOSE keeper"),
            ("a seat", |d| d.signers.push("fr/soc/duty-1 sign"), "WRONG_PURPOSE a seat"),
            ("no end", |d| d.says.expires = 0, "ALREADY_EXPIRED"),
            ("no level", |d| d.says.levels.clear(), "INVALID_FIELD levels"),
            ("level 0", |d| d.says.levels = vec![0, 1], "INVALID_FIELD levels"),
            ("level 6", |d| d.says.levels = vec![1, 6], "INVALID_FIELD levels"),
            ("levels unsorted", |d| d.says.levels = vec![3, 1], "INVALID_FIELD sorted"),
            ("level doubled", |d| d.says.levels = vec![1, 1], "INVALID_FIELD doubles"),
            ("purpose 0", |d| d.says.purposes = vec![0], "INVALID_FIELD purposes"),
            ("purpose 7", |d| d.says.purposes = vec![7], "INVALID_FIELD purposes"),
            ("purposes unsorted", |d| d.says.purposes = vec![2, 1], "INVALID_FIELD sorted"),
            ("no name", |d| d.says.names.clear(), "INVALID_FIELD names"),
            ("empty name", |d| d.says.names[0].text.clear(), "INVALID_FIELD names"),
            ("facets unsorted", |d| d.says.facets.swap(0, 1), "INVALID_FIELD facets"),
            (
                "facet unknown",
                |d| d.says.facets[1].name = "twittér".to_owned(),
                "INVALID_FIELD facets.name",
            ),
            (
                "facet of a roster",
                |d| d.says.facets[1].name = "wake".to_owned(),
                "INVALID_FIELD facets.name",
            ),
            (
                "note of 31 bytes",
                |d| d.says.note.as_mut().unwrap().sha256.truncate(31),
                "INVALID_FIELD note",
            ),
            (
                "no such member",
                |d| {
                    d.says.contact = "de/cert".to_owned();
                    d.says.targets[0].version = 1;
                },
                "UNKNOWN_MEMBER de",
            ),
            ("over already", |d| d.says.expires = NOW, "ALREADY_EXPIRED"),
            ("over long ago", |d| d.says.expires = 1, "ALREADY_EXPIRED"),
            ("731 days and 1 s", |d| d.says.expires = NOW + 731 * DAY + 1, "HOLDS_TOO_LONG"),
            ("for ever", |d| d.says.expires = (1 << 53) - 1, "HOLDS_TOO_LONG"),
            ("no note", |d| d.says.note = None, "INVALID_FIELD note"),
            ("the State itself", |d| d.signers = vec!["at-1"], "WRONG_PURPOSE authority"),
            ("a keeper's key", |d| d.tamper.push(|e| add(e, 8)), "NOT_CANONICAL"),
            ("custody", |d| d.tamper.push(|e| add(e, 9)), "NOT_CANONICAL"),
            ("a ladder", |d| d.tamper.push(|e| add(e, 10)), "NOT_CANONICAL"),
        ],
    );
    for expires in [NOW + 1, NOW + 731 * DAY] {
        let good = world.attested("zz/mfa").with(|record| record.expires = expires);
        assert!(world.decide(&good).is_ok(), "{expires}");
    }
}

/// Who has no roster has the hours here; whom to wake is a roster's alone.
#[test]
pub(super) fn content_admits() {
    let world = World::new();
    let hours = world.attested("zz/mfa").with(|record| {
        record.facets = vec![facet("holidays"), facet("hours")];
    });
    world.judge("hours and holidays", &hours.bytes(), NOW, None);
    let every = world.attested("zz/mfa").with(|record| {
        record.levels = (1..6).collect();
        record.purposes = (1..7).collect();
    });
    world.judge("every level and purpose", &every.bytes(), NOW, None);
}

/// The fields of a record that an attested record does not have.
fn add(dsse: &mut Dsse, field: u32) {
    let record = proto::AttestedRecord::decode(dsse.payload.clone()).unwrap();
    let mut record = proto::Record {
        targets: record.targets,
        issued_at: record.issued_at,
        contact: record.contact,
        expires: record.expires,
        levels: record.levels,
        names: record.names,
        ..proto::Record::default()
    };
    match field {
        8 => record.keeper = Some(public("x")),
        9 => record.custody = 1,
        _ => record.ladders = vec![proto::Ladder { level: 1, contacts: vec!["zz/b".to_owned()] }],
    }
    dsse.payload = record.encode_to_vec().into();
}

#[test]
fn attestation_ends_with_the_first_record_of_the_authority() {
    let mut world = World::new();
    world.take(&world.admission("zz").with(|admission| {
        admission.authority = vec![public("zz-1")];
        admission.threshold = 1;
    }));
    world.take(&world.attested("zz/mfa"));
    assert!(!world.directory.member(&member("zz")).unwrap().signs);
    world.take(&world.record("zz/cert").signed_by(&["zz-1"]));
    assert!(world.directory.member(&member("zz")).unwrap().signs);
    for contact in ["zz/mfa", "zz/cert", "zz/new"] {
        let refusal = world.refusal(&world.attested(contact));
        assert!(refusal.starts_with("ATTESTED_AFTER_SIGNED"), "{contact}: {refusal}");
    }
    // For good: not after an admission, nor after the withdrawal of what it signed.
    world.take(&world.withdrawal("zz/cert").signed_by(&["zz-1"]));
    world.take(&world.admission("zz").with(|admission| {
        admission.authority = vec![public("zz-1")];
        admission.threshold = 1;
    }));
    assert!(world.refusal(&world.attested("zz/cert")).starts_with("ATTESTED_AFTER_SIGNED"));
    assert!(world.directory.record(&contact("zz/mfa")).unwrap().attested, "until it is replaced");
    world.take(&world.record("zz/mfa").signed_by(&["zz-1"]));
    assert!(!world.directory.record(&contact("zz/mfa")).unwrap().attested);
}

#[test]
fn an_attested_contact_has_no_seats() {
    let world = World::new();
    let roster = world.roster("zz/mfa");
    assert!(world.refusal(&roster).starts_with("WRONG_PURPOSE"), "registrars keep no roster");
    let refusal = world.refusal(&roster.clone().signed_by(&["at-1"]));
    assert!(
        refusal.starts_with("BELOW_THRESHOLD"),
        "who has no keys meets no threshold: {refusal}"
    );
    let mut world = world.clone();
    world.take(&world.admission("zz").with(|admission| {
        admission.authority = vec![public("zz-1")];
        admission.threshold = 1;
    }));
    let refusal = world.refusal(&roster.signed_by(&["zz-1"]));
    assert!(refusal.starts_with("ATTESTED "), "{refusal}");
    assert_eq!(world.directory.sealing_seats(&contact("zz/mfa")).count(), 0);
}
