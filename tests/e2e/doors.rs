//! Those who mean harm, by the numbers of `docs/limits.md`: each takes what it may, and an honest
//! member is served meanwhile. 127.0.N.1 stands for the network N.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use liaison::domain::limits;
use liaison::service::door::{Limits, Quota};
use liaison::store::Engine;
use liaison::wire::v1::collect_response::Item as Answer;
use liaison::wire::v1::{
    EnrolRequest, GetChartersRequest, GetCheckpointRequest, GetFacetsRequest, NamedFacet,
    OpenFacet, Publication, PublishRequest, SubmitRequest,
};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::readers::Gate;
use crate::support::raw::{self, Frame, Raw};
use crate::support::says::{self, Said};
use crate::support::{
    Client, NOW, Party, TestNet, Trust, alert, dates, home, identity, refusal, soon,
};

const ENROL: &str = "/liaison.v1.EnrolmentService/Enrol";
const SUBMIT: &str = "/liaison.v1.RelayService/Submit";
const GET_ENTRIES: &str = "/liaison.v1.DirectoryService/GetEntries";

/// A service within the limits that it has by default.
async fn guarded(engine: Engine) -> TestNet {
    let mut open = home(engine);
    open.limits = Limits::default();
    let store = open.found().await;
    TestNet::serve(open, store, Trust::new(dates())).await
}

async fn stranger(net: &TestNet, network: u8) -> Client {
    Client::over(&net.connect_from(network, None).await.unwrap())
}

fn told_to_wait(status: &Status) {
    assert_eq!(refusal(status), (Code::ResourceExhausted, "BUSY".to_owned()), "{status:?}");
    let details = status.get_error_details();
    assert!(details.retry_info().is_some_and(|retry| retry.retry_delay.is_some()), "{status:?}");
}

/// A member asks on a new connection, and is answered.
async fn served(net: &TestNet, party: &Party) {
    let mut client = net.client(&party.tls()).await;
    let asked = client.directory.get_checkpoint(GetCheckpointRequest {});
    soon("an answer", asked).await.unwrap();
}

fn counted(net: &TestNet, kind: &str) -> u64 {
    let counts = net.service.telemetry().counts();
    counts.into_iter().find(|(name, _)| *name == kind).unwrap().1
}

/// What does not belong to anything.
fn junk(net: &TestNet) -> Said {
    says::record(&net.replica(), "fr/cert").said().with(|dsse| {
        dsse.signatures[0].sig = vec![7; 64].into();
    })
}

#[tokio::test]
async fn a_thief_who_uses_up_his_buckets_keeps_nobody_from_revoking() {
    let net = guarded(Engine::Memory).await;
    let [fr, at] = net.parties(["fr", "at"]).await;
    let slip = says::revocation(&net.replica(), fr.seat().as_str()).said();
    let mut thief = stranger(&net, 0).await;
    for _ in 0..limits::ENROLMENT_OF_A_NETWORK.0 {
        let _ = thief.enrol(junk(&net)).await;
    }
    told_to_wait(&thief.enrol(junk(&net)).await.unwrap_err());
    // Of charters, too: from the same network, the victim's slip is taken.
    for _ in 0..=limits::CHARTERS_OF_A_NETWORK.0 {
        let _ = thief.enrolment.get_charters(GetChartersRequest { after_version: 0 }).await;
    }
    thief.enrol(slip.clone()).await.unwrap().unwrap();
    // What names no key that stands draws from the bucket of all the others.
    told_to_wait(&thief.enrol(slip).await.unwrap_err());
    // And another network has its own of everything.
    let mut other = stranger(&net, 1).await;
    assert!(other.enrol(junk(&net)).await.unwrap().is_err());
    other.enrolment.get_charters(GetChartersRequest { after_version: 0 }).await.unwrap();
    served(&net, &at).await;
}

/// Slips that are good, in the wrong hands.
#[tokio::test]
async fn revocations_of_keys_that_stand_are_so_many_of_a_network() {
    let mut open = home(Engine::Memory);
    open.limits.revocations = Quota::new(1, 3_600);
    let store = open.found().await;
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    let [fr] = net.parties(["fr"]).await;
    let slip = |seat: usize| says::revocation(&net.replica(), fr.seats[seat].as_str()).said();
    let mut one = stranger(&net, 1).await;
    one.enrol(slip(0)).await.unwrap().unwrap();
    told_to_wait(&one.enrol(slip(1)).await.unwrap_err());
    stranger(&net, 2).await.enrol(slip(1)).await.unwrap().unwrap();
}

#[tokio::test]
async fn requests_for_charters_do_not_keep_anybody_from_enrolling() {
    let net = guarded(Engine::Memory).await;
    let mut one = stranger(&net, 1).await;
    let request = || GetChartersRequest { after_version: 0 };
    for _ in 0..limits::CHARTERS_OF_A_NETWORK.0 {
        one.enrolment.get_charters(request()).await.unwrap();
    }
    told_to_wait(&one.enrolment.get_charters(request()).await.unwrap_err());
    one.enrol(says::admission(&net.replica(), "fr").said()).await.unwrap().unwrap();
}

/// What the table refuses, what is no method, cannot be read, is too much, and is no gRPC.
#[tokio::test]
async fn a_network_that_is_told_no_too_often_is_told_to_wait() {
    let net = guarded(Engine::Memory).await;
    let [fr] = net.parties(["fr"]).await;
    let slip = says::revocation(&net.replica(), fr.seats[1].as_str()).said();
    let mut thief = Raw::greet(net.raw(1, None).await, &[]).await;
    let many = EnrolRequest { publications: vec![Publication::default(); 17] }.encode_to_vec();
    let asks = [
        (SUBMIT, "application/grpc", &[][..]),
        ("/no.such/Thing", "application/grpc", &[]),
        (ENROL, "application/grpc", b"\x0a\x0f"),
        (ENROL, "application/grpc", &many),
        (ENROL, "text/html", &[]),
    ];
    let mut told = Vec::new();
    for at in 0..=limits::REFUSALS_OF_A_NETWORK.0 as u32 {
        let (path, kind, body) = asks[at as usize % asks.len()];
        let body = raw::message(u32::try_from(body.len()).unwrap(), body);
        let stream = 2 * at + 1;
        thief.say(raw::request_as(stream, 0, path, kind)).await;
        thief.say(Frame::new(raw::DATA, raw::END_STREAM, stream, &body)).await;
        told.push(soon("an answer", thief.next(raw::HEADERS)).await.unwrap().payload);
    }
    let [most @ .., last] = &told[..] else { unreachable!() };
    assert!(most.iter().all(|said| *said != *last));
    let mut same = stranger(&net, 1).await;
    let asked = same.directory.get_checkpoint(GetCheckpointRequest {}).await;
    told_to_wait(&asked.unwrap_err());
    // Who is not told no is served, there too; another network is told why; and a member is none.
    same.enrol(slip).await.unwrap().unwrap();
    same.enrolment.get_charters(GetChartersRequest { after_version: 0 }).await.unwrap();
    let asked = stranger(&net, 2).await.directory.get_checkpoint(GetCheckpointRequest {}).await;
    assert_eq!(refusal(&asked.unwrap_err()).1, "NOT_PERMITTED");
    let own = Some(identity(&fr.tls(), dates()));
    let mut member = Client::over(&net.connect_from(1, own).await.unwrap());
    member.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
    // One without statements counts as one.
    let mut empty = stranger(&net, 3).await;
    for _ in 0..limits::ENROLMENT_OF_A_NETWORK.0 {
        empty.enrolment.enrol(EnrolRequest { publications: Vec::new() }).await.unwrap();
    }
    let asked = empty.enrolment.enrol(EnrolRequest { publications: Vec::new() }).await;
    told_to_wait(&asked.unwrap_err());
}

/// So the buckets of revocations, and of all else, tell no more: `docs/limits.md` 5.
#[tokio::test]
async fn a_stranger_is_told_of_a_key_that_he_names_whether_it_stands() {
    let net = guarded(Engine::Memory).await;
    let [fr] = net.parties(["fr"]).await;
    let slip = says::revocation(&net.replica(), fr.seat().as_str()).said();
    net.say(says::revocation(&net.replica(), fr.seats[1].as_str())).await;
    let mut nobody = stranger(&net, 1).await;
    for (key, told) in [
        ("fr/cert/duty-1 sign", "BAD_SIGNATURE"),
        ("fr/cert/duty-2 sign", "KEY_NOT_IN_FORCE"),
        ("fr/cert/duty-9 sign", "UNKNOWN_KEY"),
    ] {
        let said = slip.clone().with(|dsse| {
            let id = crate::support::key(key).public().id();
            dsse.signatures[0].key_id = id.as_bytes().to_vec().into();
            dsse.signatures[0].sig = vec![7; 64].into();
        });
        assert_eq!(nobody.enrol(said).await.unwrap(), Err(told.to_owned()), "{key}");
    }
}

/// The log stays in every replica for ever.
#[tokio::test]
async fn one_seat_that_publishes_as_fast_as_it_can_adds_less_than_a_mebibyte() {
    let net = guarded(Engine::Memory).await;
    let [fr, at] = net.parties(["fr", "at"]).await;
    let before = net.service.state().head.size;
    let mut seat = net.client(&fr.tls()).await;
    let mut bytes = 0;
    let refused = loop {
        assert!(bytes < 1 << 20, "{bytes} bytes");
        let roster = says::roster(&net.replica(), "fr/cert", 16).said();
        let size = roster.statement.len() + 32;
        match seat.publish(roster).await {
            Ok(answer) => drop(answer.unwrap()),
            Err(status) => break status,
        }
        bytes += size;
    };
    told_to_wait(&refused);
    assert!(refused.message().contains("bytes of statements of a day"), "{refused:?}");
    let logged = net.service.state().head.size - before;
    assert!(logged > 20 && bytes < 1 << 20, "{logged} entries, {bytes} bytes");
    // By whichever hands: what the member's keeper signed is the member's.
    let roster = says::roster(&net.replica(), "fr/cert", 16).said();
    told_to_wait(&stranger(&net, 1).await.enrol(roster.clone()).await.unwrap_err());
    let mut registrar = net.client("alice tls").await;
    told_to_wait(&registrar.publish(roster).await.unwrap_err());
    // A member is not kept from ending keys, and others publish, registrars, too.
    let slip = says::revocation(&net.replica(), fr.seats[1].as_str()).said();
    seat.publish(slip).await.unwrap().unwrap();
    let roster = says::roster(&net.replica(), "at/cert", 3).said();
    net.client(&at.tls()).await.publish(roster).await.unwrap().unwrap();
    registrar.publish(says::admission(&net.replica(), "jp").said()).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_refused_is_not_taken_from_a_members_day() {
    let net = guarded(Engine::Memory).await;
    let [fr] = net.parties(["fr"]).await;
    let mut seat = net.client(&fr.tls()).await;
    let roster = says::roster(&net.replica(), "fr/cert", 16);
    let early = roster.clone().with(|roster| roster.targets[0].version += 1).said();
    let size = early.statement.len() as u64;
    for _ in 0..limits::MEMBER_DAY_BYTES / size + 1 {
        assert_eq!(seat.publish(early.clone()).await.unwrap(), Err("WRONG_VERSION".to_owned()));
    }
    seat.publish(roster.said()).await.unwrap().unwrap();
}

#[tokio::test]
async fn reads_messages_and_statements_of_a_member_have_rates() {
    let mut open = home(Engine::Memory);
    let few = |of: u64| liaison::service::door::Quota::new(of, of);
    open.limits.reads = few(5);
    open.limits.messages = few(1);
    open.limits.statements[0] = few(3);
    let store = open.found().await;
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let mut seat = net.client(&fr.tls()).await;
    let mut colleague = net.client(&format!("{} tls", fr.seats[1])).await;
    for _ in 0..5 {
        seat.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
    }
    let asked = colleague.directory.get_checkpoint(GetCheckpointRequest {}).await;
    told_to_wait(&asked.unwrap_err());
    // Of facets it counts how many are asked for.
    let facets = vec![NamedFacet { contact: "jp/cert".to_owned(), hash: vec![7; 32].into() }; 6];
    let asked = net.client(&jp.tls()).await.directory.get_facets(GetFacetsRequest { facets }).await;
    told_to_wait(&asked.unwrap_err());
    let sealed = || fr.compose(&[&jp], &net.replica(), &net.open.ambient).envelope;
    seat.submit(sealed()).await.unwrap();
    told_to_wait(&colleague.submit(sealed()).await.unwrap_err());
    for _ in 0..3 {
        assert_eq!(seat.publish(junk(&net)).await.unwrap(), Err("BAD_SIGNATURE".to_owned()));
    }
    told_to_wait(&colleague.publish(junk(&net)).await.unwrap_err());
    served(&net, &jp).await;
}

#[tokio::test]
async fn a_key_that_has_too_many_connections_is_told_so_and_has_a_moment_to_hear_it() {
    let mut open = home(Engine::Memory);
    open.limits.connections_of_a_key = 1;
    let store = open.found().await;
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    let [fr] = net.parties(["fr"]).await;
    let mut first = net.client(&fr.tls()).await;
    first.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
    let mut second = net.client(&fr.tls()).await;
    told_to_wait(&second.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap_err());
    let own = Some(identity(&fr.tls(), dates()));
    let mut third = Raw::greet(net.raw(1, own).await, &[]).await;
    soon("settings", third.next(raw::SETTINGS)).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(limits::GOODBYE + Duration::from_secs(1)).await;
    tokio::time::resume();
    let end = tokio::time::timeout(Duration::from_secs(5), third.next(raw::PING)).await;
    assert!(matches!(end, Ok(None)), "who asks nothing is cut");
    first.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
}

/// On whichever connection: who comes again is told once more, and sent away.
#[tokio::test]
async fn a_key_that_is_told_to_wait_and_asks_on_is_sent_away() {
    let mut open = home(Engine::Memory);
    let few = |of: u64| liaison::service::door::Quota::new(of, of);
    (open.limits.reads, open.limits.told_to_wait) = (few(1), few(3));
    let store = open.found().await;
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    let [fr] = net.parties(["fr"]).await;
    let comes =
        async |key: &str| Raw::greet(net.raw(1, Some(identity(key, dates()))).await, &[]).await;
    let mut thief = comes(&fr.tls()).await;
    // The first of them is one that may be, and waits for its body.
    for at in 0..=4 {
        thief.say(raw::request(2 * at + 1, GET_ENTRIES, 0)).await;
    }
    let end = soon("the end", thief.next(raw::GOAWAY)).await;
    assert!(end.is_none_or(|end| end.error() == 11), "ENHANCE_YOUR_CALM");
    assert_eq!(counted(&net, "too_many_frames"), 1);
    let mut again = comes(&fr.tls()).await;
    again.say(raw::request(1, GET_ENTRIES, 0)).await;
    soon("the end", again.next(raw::GOAWAY)).await;
    assert_eq!(counted(&net, "too_many_frames"), 2);
    let mut colleague = comes(&format!("{} tls", fr.seats[1])).await;
    for at in 0..3 {
        colleague.say(raw::request(2 * at + 1, GET_ENTRIES, 0)).await;
        soon("an answer", colleague.next(raw::HEADERS)).await.unwrap();
    }
    colleague.say(Frame::new(raw::PING, 0, 0, &[0; 8])).await;
    soon("a pong", colleague.next(raw::PING)).await.unwrap();
}

/// What cannot be read; what is answered, and by which reason, costs nothing of it.
#[tokio::test]
async fn a_member_that_is_told_no_too_often_is_told_to_wait() {
    let mut open = home(Engine::Memory);
    open.limits.refusals[1] = liaison::service::door::Quota::new(3, 3);
    let store = open.found().await;
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    let [fr, at] = net.parties(["fr", "at"]).await;
    let mut seat = net.client(&fr.tls()).await;
    for _ in 0..3 {
        assert_eq!(seat.publish(junk(&net)).await.unwrap(), Err("BAD_SIGNATURE".to_owned()));
        seat.directory.get_facets(GetFacetsRequest { facets: Vec::new() }).await.unwrap();
    }
    let wrong = || NamedFacet { contact: "fr/cert".to_owned(), hash: vec![7].into() };
    let asks = async |seat: &mut Client| {
        let asked = seat.directory.get_facets(GetFacetsRequest { facets: vec![wrong()] }).await;
        asked.unwrap_err()
    };
    for _ in 0..3 {
        assert_ne!(asks(&mut seat).await.code(), Code::ResourceExhausted);
    }
    told_to_wait(&asks(&mut net.client(&fr.tls()).await).await);
    for other in [format!("{} tls", fr.seats[1]), at.tls()] {
        let told = asks(&mut net.client(&other).await).await;
        assert_ne!(told.code(), Code::ResourceExhausted, "{other} hears what is wrong");
    }
    // Who is not told no is served.
    served(&net, &fr).await;
}

#[tokio::test]
async fn idle_connections_and_half_a_hello_take_their_networks_places() {
    let net = guarded(Engine::Memory).await;
    let [fr] = net.parties(["fr"]).await;
    served(&net, &fr).await;
    let mut idle = Vec::new();
    for network in [1, 1, 1, 1, 2, 2, 2, 2] {
        for _ in 0..limits::VISITORS_OF_A_NETWORK {
            let mut stream = crate::support::From(network, 1).stream(&net.address).await.unwrap();
            // The first record of a hello, not whole.
            stream.write_all(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03").await.unwrap();
            idle.push(stream);
        }
    }
    // From a network without places an honest one is told so; from any other he is served.
    let refused = net.connect_from(1, Some(identity(&fr.tls(), dates()))).await;
    assert!(refused.is_err(), "its network's places are taken");
    let mut elsewhere =
        Client::over(&net.connect_from(3, Some(identity(&fr.tls(), dates()))).await.unwrap());
    elsewhere.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
    served(&net, &fr).await;
    let beyond = 6 * limits::VISITORS_OF_A_NETWORK as u64;
    assert_eq!(counted(&net, "refused"), beyond + 1);
}

/// A connection of somebody in the network that members come from, and from another address there.
async fn neighbour(net: &TestNet) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 99], 0).into()).unwrap();
    socket.connect(([127, 0, 0, 1], net.address.port()).into()).await.unwrap()
}

#[tokio::test]
async fn a_neighbour_in_its_own_network_does_not_keep_a_member_out() {
    let net = guarded(Engine::Memory).await;
    let [fr] = net.parties(["fr"]).await;
    served(&net, &fr).await;
    let mut idle = Vec::new();
    for _ in 0..limits::ARRIVING_OF_A_NETWORK + limits::VISITORS_OF_A_NETWORK {
        idle.push(neighbour(&net).await);
    }
    let mut refused = neighbour(&net).await;
    let mut said = Vec::new();
    soon("an alert", refused.read_to_end(&mut said)).await.unwrap();
    assert_eq!(counted(&net, "refused"), 1, "the network's places are taken");
    served(&net, &fr).await;
}

#[tokio::test]
async fn a_neighbour_that_comes_as_often_as_it_may_does_not_keep_a_member_out() {
    let mut open = home(Engine::Memory);
    let few = liaison::service::door::Quota::new(4, 3_600);
    let [strangers, of_a_network, ..] = &mut open.limits.handshakes;
    (*strangers, *of_a_network) = (Limits::default().handshakes[0], few);
    let store = open.found().await;
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    let [fr] = net.parties(["fr"]).await;
    served(&net, &fr).await;
    // All that its network has, and all that the strangers there have.
    while counted(&net, "refused") == 0 {
        drop(neighbour(&net).await);
    }
    served(&net, &fr).await;
}

/// Of a key that has ended, the addresses are anybody's.
#[tokio::test]
async fn whence_a_key_came_is_known_no_longer_than_it_stands() {
    let net = guarded(Engine::Memory).await;
    let [fr] = net.parties(["fr"]).await;
    let own = Some(identity(&fr.tls(), dates()));
    let mut seat = Client::over(&net.connect_from(1, own).await.unwrap());
    seat.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
    net.say(says::revocation(&net.replica(), fr.seat().as_str())).await;
    let arrive = async || crate::support::From(1, 1).stream(&net.address).await.unwrap();
    let mut idle = Vec::new();
    for _ in 0..limits::VISITORS_OF_A_NETWORK {
        idle.push(arrive().await);
    }
    soon("an alert", arrive().await.read_to_end(&mut Vec::new())).await.unwrap();
    assert_eq!(counted(&net, "refused"), 1, "there are the strangers' places alone");
}

/// 16 HEADERS, and never a body.
#[tokio::test]
async fn bodies_held_back_take_the_places_of_their_network_alone() {
    let net = guarded(Engine::Memory).await;
    let [fr] = net.parties(["fr"]).await;
    let mut thief = Raw::greet(net.raw(1, None).await, &[]).await;
    for at in 0..=limits::REQUESTS_OF_A_NETWORK as u32 {
        thief.say(raw::request(2 * at + 1, ENROL, 0)).await;
    }
    // The one too many is answered: the others are taken.
    let answer = soon("an answer", thief.next(raw::HEADERS)).await.unwrap();
    assert_eq!(answer.stream, 2 * limits::REQUESTS_OF_A_NETWORK as u32 + 1);
    let statement = says::admission(&net.replica(), "at").said();
    told_to_wait(&stranger(&net, 1).await.enrol(statement.clone()).await.unwrap_err());
    stranger(&net, 2).await.enrol(statement).await.unwrap().unwrap();
    served(&net, &fr).await;
}

/// On each of its network's places a request that has begun, and goes on by a byte.
#[tokio::test]
async fn requests_that_do_not_come_keep_no_places() {
    let net = guarded(Engine::Memory).await;
    let [fr] = net.parties(["fr"]).await;
    let mut thieves = Vec::new();
    for _ in 0..limits::VISITORS_OF_A_NETWORK {
        let mut thief = Raw::greet(net.raw(1, None).await, &[]).await;
        thief.say(raw::request(1, ENROL, 0)).await;
        thief.say(Frame::new(raw::DATA, 0, 1, &[0])).await;
        thief.say(Frame::new(raw::PING, 0, 0, &[0; 8])).await;
        soon("a pong", thief.next(raw::PING)).await.unwrap();
        thieves.push(thief);
    }
    let own = || Some(identity(&fr.tls(), dates()));
    assert!(net.connect_from(1, own()).await.is_err(), "its network's places are taken");
    net.open.clock.set(NOW + 1 + limits::VISITOR_PATIENCE.as_secs());
    let mut member = Client::over(&net.connect_from(1, own()).await.unwrap());
    member.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
    assert_eq!(counted(&net, "made_room"), 1);
}

/// As large as may be, from strangers, one after another and by two networks at once.
#[tokio::test]
async fn the_largest_request_finds_room() {
    let net = guarded(Engine::Memory).await;
    let statement = Bytes::from(vec![7; limits::STATEMENT_BYTES]);
    let facet = OpenFacet { bytes: vec![7; limits::FACET_BYTES].into(), ..OpenFacet::default() };
    let facet = OpenFacet { salt: vec![7; 32].into(), ..facet };
    let one = Publication { statement, facets: vec![facet] };
    let publications = vec![one; limits::PUBLICATIONS];
    let ask = async |network| {
        let mut client = stranger(&net, network).await;
        let request = EnrolRequest { publications: publications.clone() };
        client.enrolment.enrol(request).await.unwrap().into_inner().answers.len()
    };
    for _ in 0..2 {
        assert_eq!(futures_util::future::join(ask(1), ask(2)).await, (16, 16));
        is_given_back(&net).await;
    }
}

/// In frames of a byte each, which a reader may keep by the buffer.
#[tokio::test]
async fn a_body_in_small_pieces_is_held_by_its_bytes_and_given_back_however_it_ends() {
    const BYTES: usize = 1_024;
    let net = guarded(Engine::Memory).await;
    let body = raw::message(BYTES as u32 - 5, &[7; BYTES - 5]);
    let mut sender = Raw::greet(net.raw(1, None).await, &[]).await;
    let reset = |stream| Frame::new(raw::RST_STREAM, 0, stream, &[0, 0, 0, 8]);
    let answered = |stream| Frame::new(raw::DATA, raw::END_STREAM, stream, &[]);
    for (stream, end) in [(1, Some(answered(1))), (3, Some(reset(3))), (5, None)] {
        sender.say(raw::request(stream, ENROL, 0)).await;
        for byte in &body {
            sender.say(Frame::new(raw::DATA, 0, stream, &[*byte])).await;
        }
        // All of it was read when a ping behind it is answered.
        sender.say(Frame::new(raw::PING, 0, 0, &[0; 8])).await;
        soon("a pong", sender.next(raw::PING)).await.unwrap();
        assert_eq!(net.service.door().held(), [BYTES, 0]);
        if let Some(end) = end {
            sender.say(end).await;
            is_given_back(&net).await;
        }
    }
    drop(sender);
    is_given_back(&net).await;
}

/// Its body is on the way to the disk when who handed it in resets the request, and goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_handed_in_goes_to_its_end_and_is_held_until_then() {
    let mut open = home(Engine::Memory);
    let disk = Arc::new(Gate::default());
    open.disk = Arc::<Gate>::clone(&disk);
    let store = open.found().await;
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let (replica, ambient) = (net.replica(), net.open.ambient.clone());
    let large = alert(&"x".repeat(100_000));
    let sealed = fr.seal(fr.outside(&[&jp], &replica), &large, &replica, &ambient);
    let request = SubmitRequest { envelope: Some(sealed.envelope) }.encode_to_vec();
    let shut = disk.shut.lock().await;
    let own = identity(&format!("{} tls", fr.seats[0]), dates());
    let mut sender = Raw::greet(net.raw(1, Some(own)).await, &[]).await;
    // The room that the settings say is there once they are acknowledged (RFC 9113 6.5.3), and that of the
    // connection once it is said (6.9.2).
    soon("settings", sender.next(raw::SETTINGS)).await.unwrap();
    sender.say(Frame::new(raw::SETTINGS, raw::ACK, 0, &[])).await;
    soon("a window", sender.next(raw::WINDOW_UPDATE)).await.unwrap();
    sender.say(raw::request(1, SUBMIT, 0)).await;
    let body = raw::message(request.len() as u32, &request);
    let mut parts = body.chunks(16_000).peekable();
    while let Some(part) = parts.next() {
        let end = if parts.peek().is_none() { raw::END_STREAM } else { 0 };
        sender.say(Frame::new(raw::DATA, end, 1, part)).await;
    }
    soon("the disk", disk.knocked.notified()).await;
    sender.say(Frame::new(raw::RST_STREAM, 0, 1, &[0, 0, 0, 8])).await;
    sender.say(Frame::new(raw::PING, 0, 0, &[0; 8])).await;
    soon("a pong", sender.next(raw::PING)).await.unwrap();
    drop(sender);
    assert_eq!(net.service.door().held()[1], body.len());
    drop(shut);
    is_given_back(&net).await;
    let mut mailbox = net.client(&jp.tls()).await.collect(0, false).await.unwrap();
    let answer = mailbox.message().await.unwrap().unwrap();
    assert!(matches!(answer.item, Some(Answer::Message(_))), "{answer:?}");
}

async fn is_given_back(net: &TestNet) {
    let until = Instant::now() + Duration::from_secs(30);
    while net.service.door().held() != [0, 0] && Instant::now() < until {
        tokio::task::yield_now().await;
    }
    assert_eq!(net.service.door().held(), [0, 0], "nothing is held any more");
}

/// Each says 1.5 MiB, and sends a byte.
#[tokio::test]
async fn a_length_is_no_promise() {
    let net = guarded(Engine::Memory).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let before = virtual_bytes();
    let mut liars = Vec::new();
    for at in 0..4 {
        let own = Some(identity(&format!("{} tls", fr.seats[at % 2]), dates()));
        let mut liar = Raw::greet(net.raw(1, own).await, &[]).await;
        for at in 0..limits::REQUESTS as u32 {
            let says = raw::message(limits::SUBMIT_MESSAGE_BYTES as u32, &[10]);
            liar.say(raw::request(2 * at + 1, SUBMIT, 0)).await;
            liar.say(Frame::new(raw::DATA, 0, 2 * at + 1, &says)).await;
        }
        // All of it was read when a ping behind it is answered.
        liar.say(Frame::new(raw::PING, 0, 0, &[0; 8])).await;
        soon("a pong", liar.next(raw::PING)).await.unwrap();
        liars.push(liar);
    }
    served(&net, &jp).await;
    let [_, members] = net.service.door().held();
    assert_eq!(members, 4 * limits::REQUESTS * 6, "what came is held, and nothing else");
    let grown = virtual_bytes().saturating_sub(before);
    assert!(grown < 256 << 20, "{grown} bytes were set aside for 384 MiB of lies");
}

/// Of this process.
fn virtual_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').next().unwrap().parse::<usize>().unwrap() * 4096
}

/// Requests without a body, on as many connections as they need.
#[tokio::test]
async fn a_seat_that_holds_all_it_may_keeps_no_colleague_out() {
    let net = guarded(Engine::Memory).await;
    let [fr] = net.parties(["fr"]).await;
    let mut hoards = Vec::new();
    for _ in 0..=limits::REQUESTS_OF_A_KEY / limits::REQUESTS {
        let own = Some(identity(&fr.tls(), dates()));
        let mut hoard = Raw::greet(net.raw(1, own).await, &[]).await;
        for at in 0..limits::REQUESTS as u32 {
            hoard.say(raw::request(2 * at + 1, SUBMIT, 0)).await;
        }
        hoard.say(Frame::new(raw::PING, 0, 0, &[0; 8])).await;
        soon("a pong", hoard.next(raw::PING)).await.unwrap();
        hoards.push(hoard);
    }
    let too_many = async {
        while counted(&net, "busy") < limits::REQUESTS as u64 {
            tokio::task::yield_now().await;
        }
    };
    soon("as many as one connection has are too many", too_many).await;
    let mut seat = net.client(&fr.tls()).await;
    let asked = seat.directory.get_checkpoint(GetCheckpointRequest {}).await;
    told_to_wait(&asked.unwrap_err());
    let mut colleague = net.client(&format!("{} tls", fr.seats[1])).await;
    colleague.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
}

/// Of a window of nothing, 64 large answers; nobody takes them.
#[tokio::test]
async fn answers_that_nobody_takes_are_held_within_a_share_and_given_up() {
    let net = guarded(Engine::Memory).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let mut registrar = net.client("alice tls").await;
    for at in 0..16 {
        let member = format!("m{at}");
        registrar.publish(says::admission(&net.replica(), &member).said()).await.unwrap().unwrap();
        let record = says::record(&net.replica(), &format!("{member}/cert")).said();
        registrar.publish(record).await.unwrap().unwrap();
        let roster = says::roster(&net.replica(), &format!("{member}/cert"), 16).said();
        registrar.publish(roster).await.unwrap().unwrap();
    }
    // Field 2 is the limit: 1,000.
    let asks = raw::message(3, &[16, 232, 7]);
    let own = Some(identity(&fr.tls(), dates()));
    let mut reader = Raw::greet(net.raw(1, own).await, &[(4, 0)]).await;
    let streams = limits::REQUESTS as u32;
    for at in 0..streams {
        reader.say(raw::request(2 * at + 1, GET_ENTRIES, 0)).await;
        reader.say(Frame::new(raw::DATA, raw::END_STREAM, 2 * at + 1, &asks)).await;
    }
    let mut answered = 0;
    while answered < streams {
        soon("headers", reader.next(raw::HEADERS)).await.unwrap();
        answered += 1;
    }
    let [_, held] = net.service.door().held();
    assert!(held > 4 << 20 && held <= limits::MEMBERS_BYTES.1, "{held} bytes are held");
    assert!(counted(&net, "busy") > 0, "others were told to wait");
    served(&net, &jp).await;
    tokio::time::pause();
    tokio::time::advance(limits::PAUSE + Duration::from_secs(1)).await;
    tokio::time::resume();
    let reset = soon("a reset", reader.next(raw::RST_STREAM)).await.unwrap();
    assert_eq!(reset.error(), 11, "ENHANCE_YOUR_CALM");
    is_given_back(&net).await;
    assert!(counted(&net, "not_taken") > 0);
}

/// A service whose members may hold so much, and a seat with more than one page in its mailbox.
async fn with_a_full_mailbox(members_bytes: (usize, usize)) -> (TestNet, Party, Party) {
    let mut open = home(Engine::Memory);
    open.limits.members_bytes = members_bytes;
    let store = open.found().await;
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let mut sender = net.client(&jp.tls()).await;
    for _ in 0..100 {
        sender
            .submit(jp.compose(&[&fr], &net.replica(), &net.open.ambient).envelope)
            .await
            .unwrap();
    }
    (net, fr, jp)
}

const COLLECT: &str = "/liaison.v1.RelayService/Collect";

/// Collects, and gives no room for an answer.
async fn collects(reader: &mut Raw<TlsStream<TcpStream>>, stream: u32) {
    reader.say(raw::request(stream, COLLECT, 0)).await;
    reader.say(Frame::new(raw::DATA, raw::END_STREAM, stream, &raw::message(0, &[]))).await;
    let answer = soon("headers", reader.next(raw::HEADERS)).await.unwrap();
    assert_eq!((answer.stream, answer.flags & raw::END_STREAM), (stream, 0));
}

/// Waits until members hold so much.
async fn held(net: &TestNet, is: impl Fn(usize) -> bool) -> usize {
    let settled = async {
        while !is(net.service.door().held()[1]) {
            tokio::task::yield_now().await;
        }
        net.service.door().held()[1]
    };
    soon("so much is held", settled).await
}

#[tokio::test]
async fn a_mailbox_that_nobody_takes_holds_one_page_a_stream_in_its_members_bytes() {
    let (net, fr, jp) = with_a_full_mailbox(limits::MEMBERS_BYTES).await;
    let own = Some(identity(&fr.tls(), dates()));
    let mut reader = Raw::greet(net.raw(1, own).await, &[(4, 0)]).await;
    collects(&mut reader, 1).await;
    let page = held(&net, |bytes| bytes > 200 << 10).await;
    assert!(page < 512 << 10, "{page} bytes");
    for stream in 1..8 {
        collects(&mut reader, 2 * stream + 1).await;
    }
    held(&net, |bytes| bytes == 8 * page).await;
    served(&net, &jp).await;
    held(&net, |bytes| bytes == 8 * page).await;
    drop(reader);
    held(&net, |bytes| bytes == 0).await;
}

#[tokio::test]
async fn a_mailbox_for_which_there_is_no_room_waits_until_there_is() {
    // Of one key a page and a half.
    let (net, fr, _) = with_a_full_mailbox((112 << 20, 800 << 10)).await;
    let own = Some(identity(&fr.tls(), dates()));
    let mut reader = Raw::greet(net.raw(1, own).await, &[(4, 0)]).await;
    collects(&mut reader, 1).await;
    let page = held(&net, |bytes| bytes > 200 << 10).await;
    collects(&mut reader, 3).await;
    served(&net, &fr).await;
    // Of the other its request alone.
    held(&net, |bytes| bytes == page + raw::message(0, &[]).len()).await;
    // The first is given up; the other gets its page, and all that comes after.
    reader.say(Frame::new(raw::RST_STREAM, 0, 1, &[0, 0, 0, 8])).await;
    for stream in [0, 3] {
        reader.say(Frame::new(raw::WINDOW_UPDATE, 0, stream, &(1_u32 << 24).to_be_bytes())).await;
    }
    let trailers = soon("the end", reader.next(raw::HEADERS)).await.unwrap();
    assert_eq!((trailers.stream, trailers.flags & raw::END_STREAM), (3, raw::END_STREAM));
    held(&net, |bytes| bytes == 0).await;
}

const PUBLISH: &str = "/liaison.v1.DirectoryService/Publish";

/// The guard's part of the permit: not a byte of a body is waited for.
#[tokio::test]
async fn who_may_not_call_is_refused_by_headers_alone() {
    let net = guarded(Engine::Memory).await;
    let mut raw = Raw::greet(net.raw(1, None).await, &[]).await;
    for (stream, path) in [(1, SUBMIT), (3, PUBLISH), (5, GET_ENTRIES), (7, "/no.such/Thing")] {
        raw.say(raw::request(stream, path, 0)).await;
        let answer = soon("a refusal", raw.next(raw::HEADERS)).await.unwrap();
        assert_eq!((answer.stream, answer.flags & raw::END_STREAM), (stream, raw::END_STREAM));
    }
}

/// The handler's part: what was permitted when the headers came is asked again when the body is there.
#[tokio::test]
async fn who_is_revoked_while_the_body_comes_is_refused() {
    let net = guarded(Engine::Memory).await;
    let [fr] = net.parties(["fr"]).await;
    let publication = says::admission(&net.replica(), "jp").said().into_publication();
    let request = PublishRequest { publications: vec![publication] }.encode_to_vec();
    let body = raw::message(u32::try_from(request.len()).unwrap(), &request);
    let own = Some(identity(&fr.tls(), dates()));
    let mut raw = Raw::greet(net.raw(1, own).await, &[]).await;
    raw.say(raw::request(1, PUBLISH, 0)).await;
    raw.say(Frame::new(raw::DATA, 0, 1, &body[..40])).await;
    raw.say(Frame::new(raw::PING, 0, 0, &[0; 8])).await;
    soon("a pong", raw.next(raw::PING)).await.unwrap();
    net.say(says::revocation(&net.replica(), fr.seat().as_str())).await;
    let before = net.service.state().head.size;
    raw.say(Frame::new(raw::DATA, raw::END_STREAM, 1, &body[40..])).await;
    let answer = soon("a refusal", raw.next(raw::HEADERS)).await.unwrap();
    assert_eq!(answer.flags & raw::END_STREAM, raw::END_STREAM);
    assert_eq!(net.service.state().head.size, before, "nothing was logged");
}

/// A thief's connection is the member's no longer.
#[tokio::test]
async fn who_is_revoked_takes_the_places_of_a_stranger() {
    let net = guarded(Engine::Memory).await;
    let [fr] = net.parties(["fr"]).await;
    let own = Some(identity(&fr.tls(), dates()));
    let mut thief = Raw::greet(net.raw(1, own).await, &[]).await;
    net.say(says::revocation(&net.replica(), fr.seat().as_str())).await;
    for at in 0..=limits::REQUESTS_OF_A_NETWORK as u32 {
        thief.say(raw::request(2 * at + 1, ENROL, 0)).await;
    }
    let answer = soon("an answer", thief.next(raw::HEADERS)).await.unwrap();
    assert_eq!(answer.stream, 2 * limits::REQUESTS_OF_A_NETWORK as u32 + 1);
    let mut colleague = net.client(&format!("{} tls", fr.seats[1])).await;
    colleague.directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap();
}

/// A web page's form, a browser, another protocol of the same name.
#[tokio::test]
async fn what_is_not_grpc_is_told_so() {
    let net = guarded(Engine::Memory).await;
    let mut raw = Raw::greet(net.raw(1, None).await, &[]).await;
    let path = "/liaison.v1.EnrolmentService/GetCharters";
    let said = |method, kind| {
        vec![
            (":method", method),
            (":scheme", "https"),
            (":authority", "localhost"),
            (":path", path),
            ("content-type", kind),
        ]
    };
    for (stream, (method, kind, status)) in (1..).step_by(2).zip([
        ("POST", "text/html", "415"),
        ("POST", "application/grpc-web", "415"),
        ("GET", "application/grpc", "415"),
        ("POST", "application/grpc+proto", "200"),
        ("POST", "application/grpc;charset=utf-8", "200"),
    ]) {
        raw.say(raw::request_of(stream, 0, &said(method, kind))).await;
        raw.say(Frame::new(raw::DATA, raw::END_STREAM, stream, &raw::message(0, &[]))).await;
        let mut answer = soon("headers", raw.next(raw::HEADERS)).await.unwrap();
        while answer.stream != stream {
            answer = soon("headers", raw.next(raw::HEADERS)).await.unwrap();
        }
        // 200 is in the table of RFC 7541 A, 415 a literal in its Huffman code or not.
        assert_eq!(answer.payload[0] == 0x88, status == "200", "{method} {kind}");
    }
}

#[tokio::test]
async fn frames_that_carry_nothing_end_their_connection() {
    let net = guarded(Engine::Memory).await;
    let [fr] = net.parties(["fr"]).await;
    let flood = limits::FRAMES as usize + 512;
    for (name, frame) in [
        ("pongs never asked for", Frame::new(raw::PING, raw::ACK, 0, &[7; 8])),
        ("pings", Frame::new(raw::PING, 0, 0, &[7; 8])),
        ("windows", Frame::new(raw::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("priorities", Frame::new(raw::PRIORITY, 0, 1, &[0, 0, 0, 0, 16])),
        ("unknown", Frame::new(0xfa, 0, 0, b"what is this")),
        ("settings", Frame::new(raw::SETTINGS, 0, 0, &[])),
    ] {
        let before = counted(&net, "too_many_frames");
        for own in [None, Some(identity(&fr.tls(), dates()))] {
            let mut attacker = Raw::greet(net.raw(1, own).await, &[]).await;
            attacker.write(&frame.bytes().repeat(flood)).await;
            let end = soon("the end", attacker.next(raw::GOAWAY)).await;
            assert!(end.is_none_or(|end| end.error() == 11), "{name}: ENHANCE_YOUR_CALM");
        }
        assert_eq!(counted(&net, "too_many_frames"), before + 2, "{name}");
        served(&net, &fr).await;
    }
}
