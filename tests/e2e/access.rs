//! Who may call what: every method of the descriptors, by every kind of key, against the table of
//! the design.

use std::collections::{BTreeMap, BTreeSet};

use liaison::ambient::Ambient;
use liaison::client::reach::connect::{ConnectError, Connection};
use liaison::crypto::issue::{self, Authority, Validity};
use liaison::domain::access::{Face, Method};
use liaison::domain::network::Network;
use liaison::domain::refusal::Refusal;
use liaison::service::Failure;
use liaison::service::door::Caller;
use liaison::tls::Identity;
use liaison::tls::client::ServerFault;
use liaison::wire::DESCRIPTORS;
use liaison::wire::v1::GetCheckpointRequest;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::{Code, Status};

use crate::support::{
    Client, DAY, NOW, Party, TestNet, Trust, dates, home, identity, key, key_id, refusal, says,
    soon,
};

/// Every method of the descriptors, as `package.Service/Method`.
fn methods() -> BTreeSet<String> {
    let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
    let services = files.iter().flat_map(|file| {
        file.service.iter().map(move |service| (file.package().to_owned(), service))
    });
    let methods = services.flat_map(|(package, service)| {
        let name = format!("{package}.{}", service.name());
        service.method.iter().map(move |method| format!("{name}/{}", method.name()))
    });
    methods.collect()
}

#[test]
fn every_method_of_the_descriptors_has_a_row_and_every_row_a_method() {
    let rows: BTreeSet<String> = Method::all().map(|(_, name)| name.to_owned()).collect();
    assert_eq!(rows, methods());
}

/// The table of the design, section 8, by method: who may, besides whoever may call everything.
fn may(role: &str, method: &str) -> bool {
    let (service, name) = method.rsplit('.').next().unwrap().split_once('/').unwrap();
    match (role, service) {
        (_, "EnrolmentService") => true,
        ("registrar" | "operator", "AdminService")
            if matches!(name, "Propose" | "Approve" | "CarryOut" | "Abort") =>
        {
            true
        }
        ("registrar" | "operator" | "auditor", "AdminService")
            if matches!(name, "GetStanding" | "ListProposals" | "ListServiceKeys") =>
        {
            true
        }
        ("operator" | "auditor", "AdminService") if name == "ListSessions" => true,
        ("operator", "AdminService") => matches!(name, "DropSessions" | "StageServiceKey"),
        ("auditor", "AdminService") => name == "GetAudit",
        ("seat", "DirectoryService" | "RelayService") => true,
        ("registrar", "DirectoryService") => true,
        ("operator" | "auditor", "DirectoryService") => {
            matches!(name, "GetCheckpoint" | "GetEntries" | "GetProof")
        }
        _ => false,
    }
}

/// Calls a method with an empty request, and returns the status of the first answer.
async fn call(connection: &Connection, method: &str) -> Result<(), Status> {
    let mut grpc = tonic::client::Grpc::new(connection.channel());
    grpc.ready().await.unwrap();
    let path = format!("/{method}").parse().unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    // A stream that was opened has its answer in its headers; news may never come.
    let streamed = method.ends_with("/Collect") || method.ends_with("/Watch");
    if streamed {
        grpc.server_streaming(tonic::Request::new(()), path, codec).await.map(|_| ())
    } else {
        grpc.unary(tonic::Request::new(()), path, codec).await.map(|_| ())
    }
}

/// The answer to every method of a port: whether it was let in.
async fn table(
    connection: &Connection,
    face: Face,
) -> BTreeMap<String, Result<(), (Code, String)>> {
    let mut answers = BTreeMap::new();
    let of_port =
        |method: &String| method.contains("AdminService") == (face == Face::Administration);
    for method in methods().into_iter().filter(of_port) {
        let answer = soon("an answer", call(connection, &method)).await;
        answers.insert(method, answer.map_err(|status| refusal(&status)));
    }
    answers
}

/// Whoever was let in may have been told that his request is nonsense.
fn let_in(answer: &Result<(), (Code, String)>) -> bool {
    !matches!(answer, Err((Code::PermissionDenied | Code::Unauthenticated, _)))
}

async fn judged(net: &TestNet, role: &str, client: Option<Identity>) -> Vec<String> {
    let members = net.connect(client.clone()).await.unwrap();
    let own = net.administer(client).await.unwrap();
    let mut wrong = Vec::new();
    let mut answers = table(&members, Face::Members).await;
    answers.extend(table(&own, Face::Administration).await);
    for (method, answer) in answers {
        let expected = may(role, &method);
        let refused = Err((Code::PermissionDenied, "NOT_PERMITTED".to_owned()));
        if let_in(&answer) != expected || (!expected && answer != refused) {
            wrong.push(format!("{role} {method}: expected {expected}, found {answer:?}"));
        }
        if matches!(answer, Err((Code::Unimplemented | Code::Unknown | Code::Internal, _))) {
            wrong.push(format!("{role} {method}: {answer:?}"));
        }
    }
    wrong
}

/// What somebody is, and the name of the key that he has.
const ROLES: [(&str, Option<&str>); 13] = [
    ("seat", Some("fr/cert/duty-1 tls")),
    ("registrar", Some("alice tls")),
    ("operator", Some("dave tls")),
    ("auditor", Some("erin tls")),
    ("a revoked seat", Some("fr/cert/duty-2 tls")),
    ("a dropped seat", Some("jp/cert/duty-2 tls")),
    ("an unknown key", Some("nobody")),
    ("a seat's key to sign", Some("fr/cert/duty-1 sign")),
    ("a registrar's key to sign", Some("alice")),
    ("an authority", Some("fr authority")),
    ("a keeper", Some("fr/cert keeper")),
    ("the relay", Some("relay")),
    ("no certificate", None),
];

async fn world() -> TestNet {
    let net = TestNet::memory().await;
    let [fr, jp]: [Party; 2] = net.parties(["fr", "jp"]).await;
    net.say(says::revocation(&net.replica(), fr.seats[1].as_str())).await;
    net.say(says::roster(&net.replica(), jp.contact.as_str(), 1)).await;
    net
}

#[tokio::test]
async fn each_role_may_call_what_the_design_says_and_nothing_else() {
    let net = world().await;
    let mut wrong = Vec::new();
    for (role, name) in ROLES {
        wrong.extend(judged(&net, role, name.map(|name| identity(name, dates()))).await);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The door alone, by the head of a request: what is asked behind it hides nothing of it.
#[tokio::test]
async fn each_role_is_let_in_to_what_the_design_says_and_to_nothing_else() {
    let net = world().await;
    let mut wrong = Vec::new();
    for (role, name) in ROLES {
        let whence = Network::of([127, 0, 0, 1].into());
        let nobody = Caller::new(None, whence);
        let caller = name.map_or(nobody, |name| Caller::here(key_id(name), whence));
        for (method, name) in Method::all() {
            let found = net.service.admit(method, caller.clone()).await;
            let as_expected = match &found {
                Ok(_) => may(role, name),
                Err(Failure::Refused(Refusal::NotPermitted { .. })) => !may(role, name),
                Err(_) => false,
            };
            if !as_expected {
                wrong.push(format!("{role} {name}: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What is served on one port is not there on the other.
#[tokio::test]
async fn no_method_is_served_on_the_port_of_the_others() {
    let net = TestNet::memory().await;
    let operator = || Some(identity("dave tls", dates()));
    let members = net.connect(operator()).await.unwrap();
    let own = net.administer(operator()).await.unwrap();
    for (connection, face) in [(&members, Face::Administration), (&own, Face::Members)] {
        for (method, answer) in table(connection, face).await {
            assert!(matches!(answer, Err((Code::Unimplemented, _))), "{method}: {answer:?}");
        }
    }
}

/// A certificate for servers alone, about the key of a seat.
fn server_only(name: &str) -> Identity {
    let ambient = Ambient::system();
    let ca = Trust::new(dates()).ca;
    let authority = Authority { certificate: &ca, key: &key("ca") };
    let service = liaison::crypto::cert::ServiceName::new("un.example", "a").unwrap();
    let seat = key(name);
    let random = ambient.random();
    let der =
        issue::node_certificate(authority, seat.public(), &service, &[], dates(), random).unwrap();
    Identity::new(&[der], &seat).unwrap()
}

#[tokio::test]
async fn a_certificate_out_of_its_dates_or_not_for_clients_gives_no_right() {
    let net = TestNet::memory().await;
    let [fr] = net.parties(["fr"]).await;
    let from = |not_before, not_after| Validity { not_before, not_after, serial: [2; 16] };
    let expired = Err((Code::Unauthenticated, "CERTIFICATE".to_owned()));
    for client in [
        identity(&fr.tls(), from(NOW - 9, NOW - 1)),
        identity(&fr.tls(), from(NOW + 1, NOW + 9)),
        server_only(&fr.tls()),
    ] {
        let connection = net.connect(Some(client.clone())).await.unwrap();
        let own = net.administer(Some(client)).await.unwrap();
        let mut answers = table(&connection, Face::Members).await;
        answers.extend(table(&own, Face::Administration).await);
        for (method, answer) in answers {
            assert_eq!(answer, expired, "{method}");
        }
    }
    // The last second is one of those in which it is valid.
    let connection = net.connect(Some(identity(&fr.tls(), from(NOW - 9, NOW)))).await.unwrap();
    let mut client = Client::over(&connection);
    assert!(client.directory.get_checkpoint(GetCheckpointRequest {}).await.is_ok());
    net.open.clock.set(NOW + 1);
    let refused = client.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap_err();
    assert_eq!(Err(refusal(&refused)), expired, "judged at every request");
}

#[tokio::test]
async fn a_server_certificate_out_of_its_dates_is_not_believed() {
    for (validity, expected) in [
        (Validity { not_after: NOW - 1, ..dates() }, ServerFault::Expired),
        (Validity { not_before: NOW + DAY, ..dates() }, ServerFault::NotYetValid),
    ] {
        let open = home(liaison::store::Engine::Memory);
        let store = open.found().await;
        let net = TestNet::serve(open, store, Trust::new(validity)).await;
        match net.connect(None).await {
            Err(ConnectError::Server { source, .. }) => assert_eq!(source, expected),
            other => panic!("{other:?}"),
        }
    }
}
