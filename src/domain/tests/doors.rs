//! Who may call what, and whose a key is: the table of methods once more, written from the page, and every key
//! that a directory can know.

use core::net::{IpAddr, Ipv4Addr};

use crate::crypto::sign::KeyId;
use crate::domain::access::{Face, Method, Permit, to};
use crate::domain::administration::audit::{Call, Share};
use crate::domain::directory::possession::prove;
use crate::domain::limits;
use crate::domain::network::Network;
use crate::domain::peer::{AuthenticPeer, Party};
use crate::domain::refusal::Refusal;
use crate::domain::role::{Allowed, Role};
use crate::signed::proto::{self, Use};
use crate::world::relay::{FR, FR_2, NAME, Net, seal_key, sign_key};

const HERE: Network = Network::of(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)));

fn peer(role: Role) -> AuthenticPeer {
    AuthenticPeer::of(role, HERE)
}

/// Each with the letter that it has in [`TABLE`].
fn roles() -> [(char, Role); 7] {
    [
        ('s', Role::Seat(FR.parse().unwrap())),
        ('r', Role::Registrar("alice".parse().unwrap())),
        ('o', Role::Operator("dave".parse().unwrap())),
        ('a', Role::Auditor("erin".parse().unwrap())),
        ('n', Role::Nobody),
        ('u', Role::Unknown),
        ('f', Role::Former(KeyId::of(b"key"))),
    ]
}

/// Who may call each method: seat, registrar, operator, auditor; nobody known, unknown, former.
const TABLE: [(&str, &str); 25] = [
    ("DirectoryService/GetCheckpoint", "sroa"),
    ("DirectoryService/GetEntries", "sroa"),
    ("DirectoryService/GetProof", "sroa"),
    ("DirectoryService/GetFacets", "sr"),
    ("DirectoryService/LookUp", "sr"),
    ("DirectoryService/Publish", "sr"),
    ("DirectoryService/Watch", "sr"),
    ("RelayService/Submit", "s"),
    ("RelayService/Collect", "s"),
    ("RelayService/GetBody", "s"),
    ("RelayService/Acknowledge", "s"),
    ("RelayService/GetStatus", "s"),
    ("EnrolmentService/Enrol", "sroanuf"),
    ("EnrolmentService/GetCharters", "sroanuf"),
    ("AdminService/GetStanding", "roa"),
    ("AdminService/ListProposals", "roa"),
    ("AdminService/Propose", "ro"),
    ("AdminService/Approve", "ro"),
    ("AdminService/CarryOut", "ro"),
    ("AdminService/Abort", "ro"),
    ("AdminService/ListSessions", "oa"),
    ("AdminService/DropSessions", "o"),
    ("AdminService/ListServiceKeys", "roa"),
    ("AdminService/StageServiceKey", "o"),
    ("AdminService/GetAudit", "a"),
];

#[test]
fn each_method_is_called_by_those_in_its_row_and_by_nobody_else() {
    assert_eq!(Method::all().count(), TABLE.len());
    for ((method, full), (name, may)) in Method::all().zip(TABLE) {
        assert_eq!(full, format!("liaison.v1.{name}"));
        assert_eq!(Some(method.name()), name.rsplit('/').next());
        let is_admin = name.starts_with("AdminService/");
        let face = if is_admin { Face::Administration } else { Face::Members };
        assert_eq!(method.face(), face, "{name}");
        for (letter, role) in roles() {
            let found = method.may_be_called_by(&peer(role.clone()));
            assert_eq!(found.is_ok(), may.contains(letter), "{name} by {role}");
            if let Err(refusal) = found {
                let Refusal::NotPermitted { found, needed } = refusal else { panic!("{refusal}") };
                assert_eq!((found, needed.admits(&role)), (role, false));
            }
        }
    }
}

#[test]
fn a_permit_is_for_who_asked_and_says_so_in_the_trail() {
    let (seat, key) = (peer(Role::Seat(FR.parse().unwrap())), KeyId::of(b"tls"));
    let permit = Permit::<to::Submit>::ask(seat.clone(), Some(key)).unwrap();
    assert_eq!((permit.peer(), permit.seat().as_str()), (&seat, FR));
    assert_eq!(permit.contact().as_str(), "fr/cert-fr");
    assert_eq!(permit.call(), Call::of(&seat, Some(key), "Submit"));
    let refused = Permit::<to::DropSessions>::ask(seat, Some(key)).map(drop);
    let found = Role::Seat(FR.parse().unwrap());
    assert_eq!(refused, Err(Refusal::NotPermitted { found, needed: Allowed::OPERATORS }));
    assert!(Permit::<to::GetCharters>::ask(AuthenticPeer::stranger(HERE), None).is_ok());
}

/// A person of the charter, with keys of these names.
fn person(role: &str, id: &str) -> proto::Person {
    let random = crate::ambient::Ambient::system();
    let key = |name: &str, of| {
        let holder = format!("{role}/{id}");
        Some(prove(&sign_key(name), &holder, of, random.random()).unwrap())
    };
    let (sign, tls) = (key(id, Use::Sign), key(&format!("{id} tls"), Use::Tls));
    proto::Person { id: id.to_owned(), name: format!("The {id}"), sign, tls }
}

#[test]
fn a_key_to_connect_with_is_its_holders_and_every_other_is_a_strangers() {
    let mut net = Net::new();
    net.next_charter(|charter| {
        charter.operators = vec![person("operator", "dave")];
        charter.auditors = vec![person("auditor", "erin")];
    });
    let role = |net: &Net, key: Option<KeyId>| {
        let peer = AuthenticPeer::look_up(&net.directory, key.as_ref(), HERE);
        assert_eq!(peer.network(), HERE);
        peer.role().clone()
    };
    let of = |name: &str| Some(sign_key(name).public().id());
    let seat = |text: &str| Role::Seat(text.parse().unwrap());
    let tls = |of_seat: &str| of(&format!("{of_seat} tls"));
    assert_eq!(role(&net, None), Role::Nobody);
    assert_eq!(role(&net, of("nobody")), Role::Unknown);
    assert_eq!(role(&net, tls(FR)), seat(FR));
    assert_eq!(role(&net, of("registrar tls")), Role::Registrar("alice".parse().unwrap()));
    assert_eq!(role(&net, of("dave tls")), Role::Operator("dave".parse().unwrap()));
    assert_eq!(role(&net, of("erin tls")), Role::Auditor("erin".parse().unwrap()));
    // Keys that are known, and for something else.
    for name in ["registrar", "dave", "erin", "log", "relay", "fr authority"] {
        assert_eq!(role(&net, of(name)), Role::Unknown, "{name}");
    }
    assert_eq!(role(&net, of(&format!("{FR} sign"))), Role::Unknown);
    let seal = KeyId::of(seal_key(&format!("{FR} seal 1")).public().as_bytes());
    assert_eq!(role(&net, Some(seal)), Role::Unknown);
    // One is dropped, one revoked; and a person leaves the charter.
    net.roster("fr/cert-fr", 2, &["duty-1"]);
    net.revoke(FR, &tls(FR).unwrap());
    net.next_charter(|charter| charter.operators.clear());
    for key in [tls(FR), tls(FR_2), of("dave tls")] {
        assert_eq!(role(&net, key), Role::Former(key.unwrap()));
    }
    net.revoke_sign_key("pt/cert-pt/duty-1");
    assert_eq!(role(&net, of("pt/cert-pt/duty-1 sign")), Role::Unknown, "it never connected");
    assert_eq!(role(&net, tls("pt/cert-pt/duty-1")), seat("pt/cert-pt/duty-1"));
    assert_eq!(net.directory.name().as_str(), NAME);
}

#[test]
fn whom_a_peer_counts_for_follows_from_its_role() {
    let alice =
        |role: fn(crate::domain::ids::PersonId) -> Role| peer(role("alice".parse().unwrap()));
    let network = Party::Network(HERE);
    let person = Party::Person("alice".parse().unwrap());
    let registrar = Party::Registrar("alice".parse().unwrap());
    for (peer, party, says, share) in [
        (peer(Role::Nobody), &network, "the network 192.0.2.0/24", Share::Strangers),
        (peer(Role::Unknown), &network, "the network 192.0.2.0/24", Share::Strangers),
        (peer(roles()[6].1.clone()), &network, "the network 192.0.2.0/24", Share::Strangers),
        (
            peer(Role::Seat(FR.parse().unwrap())),
            &Party::Member("fr".parse().unwrap()),
            "the member fr",
            Share::Seats,
        ),
        (
            alice(Role::Registrar),
            &registrar,
            "the registrar alice",
            Share::Person(registrar.clone()),
        ),
        (alice(Role::Operator), &person, "alice", Share::Person(person.clone())),
        (alice(Role::Auditor), &person, "alice", Share::Person(person.clone())),
    ] {
        assert_eq!((&peer.party(), peer.party().to_string().as_str()), (party, says));
        assert_eq!(peer.seat().is_some(), says == "the member fr");
        assert_eq!(peer.contact().is_some(), says == "the member fr");
        assert_eq!(peer.to_string(), peer.role().to_string());
        let call = Call::of(&peer, None, "Watch");
        let most = if says.ends_with("alice") { limits::PERSON_RECORDED } else { 60 };
        assert_eq!(share.most(), most);
        assert_eq!((call.share, call.network.as_str()), (Some(share), "192.0.2.0/24"));
    }
    assert_eq!(AuthenticPeer::stranger(HERE), peer(Role::Nobody));
}
