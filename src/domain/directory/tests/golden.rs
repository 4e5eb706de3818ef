//! The golden bytes in `tests/golden`: every signed kind, and a log of rules version 1, recomputed and
//! compared (`crate::tests`).

use super::*;
use crate::crypto::hash::Digest;
use crate::domain::ids::MessageId;
use crate::signed::canonical;
use crate::signed::dsse::Kind;
use crate::signed::proto::entry::Leaf;
use crate::tests::matches_golden;
use crate::tlog::checkpoint::{Checkpoint, VerifiedCheckpoint};
use crate::tlog::head::root_of;
use crate::tlog::merkle;
use crate::tlog::note::KeyName;

/// Name and hexadecimal, one a line.
fn vectors(title: &str, vectors: &[(&str, &[u8])]) -> String {
    let lines = vectors.iter().map(|(name, bytes)| format!("{name} {}\n", hex::encode(bytes)));
    format!("# {title}\n{}", lines.collect::<String>())
}

/// One statement of each kind, as it would be taken next in [`World::new`].
#[test]
fn statements() {
    let world = World::new();
    check(Draft::new(founding(), &["alice", "bob"], NOW), "charter");
    check(world.admission("fr"), "admission");
    check(world.attested("zz/mfa"), "attested-record");
    let ladder = proto::Ladder { level: 1, contacts: vec!["fr/cert".to_owned()] };
    let record = world.record("fr/soc").with(|record| {
        record.ladders = vec![ladder];
        record.note = Some(note());
    });
    check(record, "record");
    check(world.roster("fr/soc").with(|roster| roster.seats.truncate(1)), "roster");
    check(world.withdrawal("fr/soc"), "withdrawal");
    let revocation = world.revocation("fr/soc/duty-1").with(|slip| slip.suspected_from = NOW - DAY);
    check(revocation, "revocation");
}

fn check<S: Says>(draft: Draft<S>, kind: &str) {
    let bytes = draft.bytes();
    let envelope = Envelope::parse(&bytes, 65_000).unwrap();
    assert_eq!(envelope.kind().name(), kind);
    let statement = Statement::read(envelope.kind(), envelope.payload(), RULES).unwrap();
    assert_eq!(statement.encode(), envelope.payload()[..], "written as it was read");
    let title = format!("{kind}, signed by {}", draft.signers.join(", "));
    let made = vectors(&title, &[("payload", envelope.payload()), ("dsse", &bytes)]);
    matches_golden(&format!("statements/{kind}.txt"), &made);
}

/// What seats and the relay sign; it never enters the log.
#[test]
fn messages() {
    let world = World::new();
    let genesis = world.directory.genesis().as_bytes().to_vec().into();
    let directory = Some(proto::Directory { name: NAME.to_owned(), genesis });
    let message_id = MessageId::new(NOW * 1000, [7; 10]).as_bytes().to_vec();
    let view = Some(proto::View { size: 11, root: vec![1; 32].into() });
    let drill = Some(proto::Drill {
        kind: proto::DrillKind::Exercise.into(),
        name: "CYBER SOUTH 27".to_owned(),
    });
    let recipient = |contact: &str, step, stands_in_for: &str, after| proto::Recipient {
        contact: contact.to_owned(),
        level: proto::Level::Technical.into(),
        step,
        stands_in_for: stands_in_for.to_owned(),
        after,
    };
    let extra = |name: &str| proto::Extra { name: name.to_owned(), value: vec![5; 4].into() };
    let addressing = proto::Addressing {
        extras: vec![extra("campaign"), extra("of-another-time")],
        directory: directory.clone(),
        id: message_id.clone().into(),
        thread: message_id.into(),
        in_reply_to: Vec::new().into(),
        sender: "fr/soc/duty-1".to_owned(),
        sender_key: id("fr/soc/duty-1 sign").as_bytes().to_vec().into(),
        recipients: vec![recipient("at/cert", 0, "", 0), recipient("at/mfa", 1, "at/cert", 1_800)],
        class: proto::Class::Notification.into(),
        urgency: proto::Urgency::Immediate.into(),
        drill: drill.clone(),
        created: NOW,
        expires: NOW + 30 * DAY,
        acknowledge_within: 3_600,
        view: view.clone(),
        flags: vec![proto::Flag::LadderWidened.into()],
    };
    let addressing = addressing.encode_to_vec();
    let content = proto::Content {
        kind: proto::Kind::Incident.into(),
        title: "An exercise".to_owned(),
        time: NOW,
        ..proto::Content::default()
    };
    let message = proto::Message {
        addressing: addressing.clone().into(),
        content: content.encode_to_vec().into(),
    };
    let header = proto::Header {
        blobs: vec![proto::Blob { digest: vec![6; 32].into(), size: 4 << 20 }],
        addressing: addressing.into(),
        body_digest: vec![2; 32].into(),
        body_size: 4_096,
        letters: 2,
        letters_root: vec![3; 32].into(),
    };
    let header_digest = Digest::of(&header.encode_to_vec()).as_bytes().to_vec();
    let place = proto::Place {
        contact: "at/cert".to_owned(),
        epoch: 1,
        number: 7,
        chain: vec![4; 32].into(),
    };
    let accepted = proto::Accepted {
        directory: directory.clone(),
        header_digest: header_digest.clone().into(),
        at: NOW + 1,
        view: view.clone(),
        places: vec![place.clone()],
    };
    let ack_view = view.clone();
    let head =
        proto::MailboxHead { directory: directory.clone(), place: Some(place), at: NOW, view };
    let acknowledgement = proto::Acknowledgement {
        view: ack_view.clone(),
        directory: directory.clone(),
        header_digest: header_digest.into(),
        seat: "at/cert/duty-1".to_owned(),
        level: proto::Level::Technical.into(),
        drill,
        at: NOW + 60,
    };
    let chain = |parts: &[&[u8]]| Digest::of_parts(parts);
    let first = chain(&[b"liaison/audit/v1\0", world.directory.genesis().as_bytes()]);
    let record = Digest::of(b"a record of the audit trail");
    let second = chain(&[first.as_bytes(), &1u64.to_be_bytes(), record.as_bytes()]);
    let audit_head = proto::AuditHead {
        directory: directory.clone(),
        count: 1,
        chain: second.as_bytes().to_vec().into(),
        at: NOW,
        view: ack_view.clone(),
    };
    let proposal = proto::Proposal {
        directory: directory.clone(),
        nonce: vec![8; 32].into(),
        base: 1,
        expires: NOW + 7 * DAY,
        action: "renew-node-certificate".to_owned(),
        parameters: vec![8, 1].into(),
    };
    let possession = proto::Possession {
        holder: "fr/soc/duty-1".to_owned(),
        r#use: Use::Sign.into(),
        key_id: id("fr/soc/duty-1 sign").as_bytes().to_vec().into(),
    };
    check_message(Kind::AuditHead, &audit_head, "relay");
    check_message(Kind::Approval, &proposal, "dave");
    check_message(Kind::Possession, &possession, "fr/soc/duty-1 sign");
    check_message(Kind::Header, &header, "fr/soc/duty-1 sign");
    check_message(Kind::Message, &message, "fr/soc/duty-1 sign");
    check_message(Kind::Accepted, &accepted, "relay");
    check_message(Kind::MailboxHead, &head, "relay");
    check_message(Kind::Acknowledgement, &acknowledgement, "at/cert/duty-1 sign");
}

fn check_message<M: Message + prost::Name + Default + PartialEq>(
    kind: Kind,
    message: &M,
    signer: &str,
) {
    let payload = message.encode_to_vec();
    assert!(canonical::decode::<M>(&payload).as_ref() == Ok(message), "read as it was written");
    let envelope = Envelope::sign(kind, payload.clone(), &[&key(signer)], &random());
    let title = format!("{}, signed by {signer}", kind.name());
    let made = vectors(&title, &[("payload", &payload), ("dsse", envelope.unwrap().bytes())]);
    matches_golden(&format!("messages/{}.txt", kind.name()), &made);
}

/// Every kind, a new charter with new registrars and log key, a withdrawal and a return.
fn history() -> World {
    let mut world = World::new();
    world.take(&world.revocation("fr/soc/duty-2").signed_by(&["fr/soc/duty-1 sign"]));
    let next = world.charter().with(|charter| {
        charter.registrars = vec![person("alice"), person("bob"), person("frank")];
        charter.log.push(public("log 2"));
    });
    world.take(&next.signed_by(&["alice", "bob", "frank"]));
    world.take(&world.admission("de").signed_by(&["bob", "frank"]));
    world.take(&world.withdrawal("fr/soc").signed_by(&["fr-2", "fr-3"]));
    world.take(&world.record("fr/soc").with(|record| record.keeper = Some(public("soc keeper 2"))));
    world.take(&world.withdrawal("zz/mfa"));
    world
}

/// What stands before the cases of messages: seats and relay keys that come, go on and end.
fn before_messages() -> World {
    let mut world = World::founded();
    for member in ["at", "fr", "zz"] {
        world.take(&world.admission(member));
    }
    world.take(&world.attested("zz/mfa"));
    let rosters: [(&str, &[&str]); 4] = [
        ("at/cert", &["duty-1", "duty-2"]),
        ("fr/cert", &["duty-1"]),
        ("fr/soc", &["duty-1", "duty-2", "duty-3", "duty-4", "duty-5"]),
        ("at/old", &["duty-1"]),
    ];
    for (contact, seats) in rosters {
        world.take(&world.record(contact));
        let seats = seats.iter().map(|name| seat(contact, name)).collect();
        let roster = world.roster(contact).with(|roster| roster.seats = seats);
        let signers =
            if contact == "at/old" { vec!["at/old keeper"] } else { roster.signers.clone() };
        world.take(&roster.signed_by(&signers));
    }
    world.take(&world.record("fr/desk").with(|record| record.levels = vec![1]));
    world.take(&world.revocation("fr/soc/duty-2"));
    world.take(&world.charter().with(|charter| charter.relay = vec![public("relay 2")]));
    let renewed = proto::Seat {
        sign: Some(public("fr/cert/duty-1 sign 2")),
        seal: Some(sealing("fr/cert/duty-1 seal 2")),
        ..seat("fr/cert", "duty-1")
    };
    world.take(&world.roster("fr/cert").with(|roster| roster.seats = vec![renewed]));
    world.take(&world.withdrawal("at/old"));
    world.take(&world.record("fr/soc"));
    world.take(&world.admission("fr"));
    world
}

/// Its entries, for those who judge messages.
pub(crate) fn entries_before_messages() -> Vec<Vec<u8>> {
    let entries = before_messages().entries.into_iter().map(|(statement, admitted_at)| {
        entry::Entry { statement: statement.into(), admitted_at }.encode().to_vec()
    });
    entries.collect()
}

#[test]
fn the_log_before_messages() {
    let kinds = before_messages().entries.into_iter();
    let kinds = kinds.map(|(bytes, _)| Envelope::parse(&bytes, 65_000).unwrap().kind().name());
    let lines = kinds.zip(entries_before_messages());
    let lines = lines.map(|(kind, entry)| format!("{kind} {}\n", hex::encode(entry)));
    let title = "# The entries before each case of admissions.txt and refusals.txt.\n";
    matches_golden("messages/judged/base.txt", &(title.to_owned() + &lines.collect::<String>()));
}

#[test]
fn the_log_of_rules_version_1() {
    let world = history();
    let mut lines =
        "# A log of rules version 1: entries (RFC 6962 leaves), then the root.\n".to_owned();
    let mut leaves = Vec::new();
    for (statement, admitted_at) in &world.entries {
        let kind = Envelope::parse(statement, 65_000).unwrap().kind();
        let leaf = Some(Leaf::Statement(statement.clone().into()));
        let entry = proto::Entry { leaf, admitted_at: *admitted_at }.encode_to_vec();
        assert!(entry.len() < 65_536, "the limit of C2SP tiles");
        leaves.push(merkle::leaf_hash(&entry));
        lines += &format!("{} {}\n", kind.name(), hex::encode(entry));
    }
    let root = root_of(&leaves);
    lines += &format!("root {root}\n");
    matches_golden("log/rules-1.txt", &lines);
    let origin = KeyName::parse(NAME).unwrap();
    let checkpoint = Checkpoint { origin: origin.clone(), size: world.directory.size(), root };
    let note = checkpoint.sign(&key("log 2"), &random()).unwrap().to_string();
    let keys = &world.directory.charter().log;
    VerifiedCheckpoint::verify(note.as_bytes(), &origin, keys).unwrap();
    matches_golden("log/rules-1.checkpoint", &note);
}
