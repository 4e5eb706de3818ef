//! Acts and their proposals, who decides about which, and what a record of a call holds.

use bytes::Bytes;
use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::crypto::sign::KeyId;
use crate::domain::administration::audit::{Call, NotNext, Trail};
use crate::domain::administration::desk::{Unsigned, permits};
use crate::domain::administration::proposal::{Act, Approved};
use crate::domain::network::Network;
use crate::domain::peer::AuthenticPeer;
use crate::domain::refusal::Refusal;
use crate::domain::relay::tests::apart::{GOOD, reason};
use crate::domain::role::{Allowed, Role};
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, AuditRecord, Proposal};
use crate::world::relay::{NAME, Net, contact, sign_key};

fn acts() -> Vec<Act> {
    vec![
        Act::RenewNode,
        Act::RetireKey(KeyId::of(b"key")),
        Act::Drain,
        Act::DropSessions(vec![]),
        Act::DropSessions(vec![1, 2, 300]),
        Act::NewEpoch(vec![(contact("at/cert"), 2), (contact("fr/soc"), 9)]),
    ]
}

#[test]
fn an_act_is_read_from_its_word_and_parameters_and_from_no_others() {
    let words = ["renew-node", "retire-key", "drain", "drop-sessions", "new-epoch"];
    for act in acts() {
        assert!(words.contains(&act.name()));
        assert_eq!(Act::read(act.name(), &act.parameters()), Ok(act.clone()));
        let longer = [&act.parameters()[..], &[0x78, 1]].concat();
        assert_eq!(reason(&Act::read(act.name(), &longer)), "NOT_CANONICAL", "{act}");
        for near in
            [act.name().to_uppercase(), format!("{} ", act.name()), act.name()[1..].to_owned()]
        {
            let unknown = Err(Refusal::UnknownAction(near.clone()));
            assert_eq!(Act::read(&near, &act.parameters()), unknown);
        }
    }
    let key = |bytes: usize| proto::RetireKey { key_id: vec![7; bytes].into() }.encode_to_vec();
    let sessions = |of: &[u64]| proto::DropSessions { sessions: of.to_vec() }.encode_to_vec();
    let epochs = |of: &[(&str, u64)]| {
        let of = of.iter().map(|(contact, epoch)| proto::EpochOf {
            contact: (*contact).to_owned(),
            epoch: *epoch,
        });
        proto::NewEpoch { mailboxes: of.collect() }.encode_to_vec()
    };
    for (word, parameters, expected) in [
        ("retire-key", key(32), GOOD),
        ("retire-key", key(31), "INVALID_FIELD:parameters"),
        ("retire-key", key(0), "INVALID_FIELD:parameters"),
        ("drop-sessions", sessions(&[7]), GOOD),
        ("drop-sessions", sessions(&[1, 1]), "INVALID_FIELD:parameters"),
        ("drop-sessions", sessions(&[2, 1]), "INVALID_FIELD:parameters"),
        ("new-epoch", epochs(&[("at/cert", 9), ("fr/soc", 2)]), GOOD),
        ("new-epoch", epochs(&[("fr/soc", 2), ("at/cert", 9)]), "INVALID_FIELD:parameters"),
        ("new-epoch", epochs(&[("fr/soc", 2), ("fr/soc", 3)]), "INVALID_FIELD:parameters"),
        ("new-epoch", epochs(&[("fr", 2)]), "INVALID_FIELD:parameters"),
        ("renew-node", sessions(&[1]), "NOT_CANONICAL"),
        ("drain", key(32), "NOT_CANONICAL"),
    ] {
        assert_eq!(reason(&Act::read(word, &parameters)), expected, "{word} {parameters:?}");
    }
}

#[test]
fn an_act_says_what_will_happen() {
    let key = KeyId::of(b"key");
    let sentences = [
        "the node gets a new certificate, with a new key".to_owned(),
        format!("the private key {key} of the service is deleted, for good"),
        "the service ends its streams and stops".to_owned(),
        "all connections are closed but those of the administration".to_owned(),
        "the connections 1, 2, 300 are closed".to_owned(),
        "the mailboxes of at/cert (epoch 2), fr/soc (epoch 9) begin anew".to_owned(),
    ];
    let said: Vec<String> = acts().iter().map(ToString::to_string).collect();
    assert_eq!(said, sentences);
}

fn proposal(net: &Net) -> Proposal {
    let genesis = Bytes::copy_from_slice(net.directory.genesis().as_bytes());
    Proposal {
        directory: Some(proto::Directory { name: NAME.to_owned(), genesis }),
        nonce: vec![7; 32].into(),
        base: 1,
        expires: 9,
        action: "drain".to_owned(),
        parameters: Bytes::new(),
    }
}

fn unsigned(kind: Kind, payload: Vec<u8>) -> Bytes {
    Envelope::assemble(kind, payload.into(), Vec::new()).bytes().clone()
}

fn directory(of: &mut Proposal) -> &mut proto::Directory {
    of.directory.as_mut().unwrap()
}

type Fault = (&'static str, fn(&mut Proposal));

#[test]
fn each_rule_of_a_proposal_is_seen_alone_and_the_earlier_of_two_is_said() {
    let net = Net::new();
    let read = |proposal: &Proposal| {
        Approved::read(&net.directory, &unsigned(Kind::Approval, proposal.encode_to_vec()))
    };
    let faults: [Fault; 5] = [
        ("OTHER_DIRECTORY", |of| directory(of).name.push('x')),
        ("OTHER_GENESIS", |of| directory(of).genesis.truncate(31)),
        ("INVALID_FIELD:nonce", |of| of.nonce.truncate(31)),
        ("UNKNOWN_ACTION", |of| of.action.push('s')),
        ("NOT_CANONICAL", |of| of.parameters = vec![7].into()),
    ];
    assert_eq!(reason(&read(&proposal(&net))), GOOD);
    for (place, (expected, earlier)) in faults.iter().enumerate() {
        for (_, later) in &faults[place..] {
            let mut bad = proposal(&net);
            later(&mut bad);
            earlier(&mut bad);
            assert_eq!(reason(&read(&bad)), *expected);
        }
    }
    let nowhere = Proposal { directory: None, ..proposal(&net) };
    assert_eq!(reason(&read(&nowhere)), "INVALID_FIELD:directory");
    let long = Proposal { nonce: vec![7; 33].into(), ..proposal(&net) };
    assert_eq!(reason(&read(&long)), "INVALID_FIELD:nonce");
    let other = unsigned(Kind::Charter, proposal(&net).encode_to_vec());
    assert_eq!(reason(&Approved::read(&net.directory, &other)), "UNKNOWN_KIND");
    let none = Approved::read(&net.directory, b"none");
    assert_eq!(reason(&none), "NOT_CANONICAL");
    let one = read(&proposal(&net)).unwrap();
    assert_eq!((one.proposal(), one.act(), one.signers().len()), (&proposal(&net), &Act::Drain, 0));
    assert_eq!(one.id(), Digest::of(&proposal(&net).encode_to_vec()));
    for (base, expected) in [(0, Some(0)), (1, None), (2, Some(2))] {
        let rests = read(&Proposal { base, ..proposal(&net) }).unwrap().rests(&net.directory);
        let moved = |base| Refusal::BaseMoved { base, found: 1 };
        assert_eq!(rests.err(), expected.map(moved));
    }
}

#[test]
fn operators_decide_about_acts_and_registrars_about_all_else() {
    let here = Network::of(std::net::Ipv4Addr::LOCALHOST.into());
    let roles = [
        Role::Registrar("alice".parse().unwrap()),
        Role::Operator("alice".parse().unwrap()),
        Role::Auditor("alice".parse().unwrap()),
        Role::Seat("fr/soc/duty-1".parse().unwrap()),
        Role::Nobody,
    ];
    for kind in Kind::ALL {
        for (place, role) in roles.iter().enumerate() {
            let found = permits(*kind, &AuthenticPeer::of(role.clone(), here));
            let is_act = *kind == Kind::Approval;
            let needed = if is_act { Allowed::OPERATORS } else { Allowed::REGISTRARS };
            let refused = Refusal::NotPermitted { found: role.clone(), needed };
            let expected = if place == usize::from(is_act) { Ok(()) } else { Err(refused) };
            assert_eq!(found, expected, "{kind:?} by {role}");
        }
    }
}

/// Who signs a record is its member, so it is no proposal of the registrars.
#[test]
fn what_lies_on_the_desk_is_an_act_or_what_registrars_sign() {
    let net = Net::new();
    let read = |bytes: &[u8]| Unsigned::read(&net.directory, bytes);
    let act = unsigned(Kind::Approval, proposal(&net).encode_to_vec());
    assert!(matches!(read(&act), Ok(Unsigned::Act(_))));
    assert!(read(&act).unwrap().is_next(&net.directory).is_ok());
    let before = net.directory.charter();
    let genesis = Bytes::copy_from_slice(net.directory.genesis().as_bytes());
    let charter = |version| {
        let targets =
            vec![proto::Target { name: NAME.to_owned(), genesis: genesis.clone(), version }];
        let previous = Bytes::copy_from_slice(before.newest.statement.as_bytes());
        let next = proto::Charter::decode(before.payload.clone()).unwrap();
        let next = proto::Charter { targets, previous, ..next };
        unsigned(Kind::Charter, next.encode_to_vec())
    };
    let next = read(&charter(2)).unwrap();
    assert!(matches!(next, Unsigned::Statement(_)));
    assert_eq!(next.envelope().bytes(), &charter(2));
    assert_eq!(next.is_next(&net.directory), Ok(()));
    let wrong = Refusal::WrongVersion { expected: 2, found: 3 };
    assert_eq!(read(&charter(3)).unwrap().is_next(&net.directory), Err(wrong));
    let record = proto::Record {
        targets: vec![proto::Target {
            name: NAME.to_owned(),
            genesis: genesis.clone(),
            version: 2,
        }],
        contact: "fr/cert-fr".to_owned(),
        ..Default::default()
    };
    let record = unsigned(Kind::Record, record.encode_to_vec());
    assert_eq!(reason(&read(&record)), "UNKNOWN_KIND");
    assert_eq!(reason(&read(b"none")), "NOT_CANONICAL");
}

#[test]
fn a_record_holds_what_was_asked_and_what_came_of_it() {
    let key = sign_key("tls").public().id();
    let here = Network::of(std::net::Ipv4Addr::LOCALHOST.into());
    let peer = AuthenticPeer::of(Role::Operator("dave".parse().unwrap()), here);
    let call = Call::of(&peer, Some(key), "Propose").about(Digest::of(b"subject"));
    let call = Call { unrecorded: 3, ..call.saying("drain") };
    let trail = Trail::empty(Digest::of(b"genesis"));
    let (_, read) = trail.follow(&call.record(1, 7, "ok")).unwrap();
    let expected = AuditRecord {
        number: 1,
        at: 7,
        who: "operator/dave".to_owned(),
        key_id: Bytes::copy_from_slice(key.as_bytes()),
        network: "127.0.0.0/24".to_owned(),
        call: "Propose".to_owned(),
        subject: Bytes::copy_from_slice(Digest::of(b"subject").as_bytes()),
        says: "drain".to_owned(),
        outcome: "ok".to_owned(),
        unrecorded: 3,
    };
    assert_eq!(read, expected);
    let own = Call::of_service("start", "0.3.0".to_owned());
    let (after, read) = trail.follow(&own.record(1, 8, "ok")).unwrap();
    assert_eq!((read.who.as_str(), read.key_id.len(), read.subject.len()), ("service", 0, 0));
    assert_eq!((own.share.clone(), after.count), (None, 1));
    for number in [0, 1, 3] {
        let found = after.follow(&own.record(number, 8, "ok"));
        assert_eq!(found, Err(NotNext::Number { expected: 2, found: number }));
    }
    assert_eq!(call.clone().always(), Call { share: None, ..call });
}

#[test]
fn what_else_is_said_is_short_and_cut_between_characters() {
    let call = || Call::of_service("test", String::new());
    for (said, kept) in [
        ("x".repeat(399), 399),
        ("x".repeat(400), 400),
        ("x".repeat(401), 400),
        (format!("{}é", "x".repeat(398)), 400),
        (format!("{}é", "x".repeat(399)), 399),
        ("\u{1f4be}".repeat(101), 400),
    ] {
        let says = call().saying(said.clone()).says;
        assert_eq!(says.len(), kept);
        assert!(said.starts_with(&says));
    }
    let keys = [b"one", b"two"].map(|name| KeyId::of(name));
    let digits = keys.map(|key| hex::encode(&key.as_bytes()[..8]));
    let signed = call().saying("drain").signed_by(keys.iter());
    assert_eq!(signed.says, format!("drain, signed by {} {}", digits[0], digits[1]));
    assert_eq!(call().saying("drain").signed_by([].iter()).says, "drain", "by nobody");
}
