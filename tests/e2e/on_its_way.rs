//! What is revoked while a request is on its way: the guard let it in by its head, and it is asked once
//! more who sent it when all of it is there, and by the decision whose it is.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::Request;
use http_body::Frame;
use liaison::ambient::Ambient;
use liaison::crypto::cert::PeerCertificate;
use liaison::crypto::issue::{self, Validity};
use liaison::domain::access::{Face, Method, to};
use liaison::domain::network::Network;
use liaison::grpc;
use liaison::service::door::{Admitted, Caller};
use liaison::service::{Failure, HandedIn, Service};
use liaison::store::Engine;
use liaison::tls::PeerInfo;
use liaison::wire::status;
use liaison::wire::v1::{Envelope, SubmitRequest};
use prost::Message as _;
use tokio::sync::{oneshot, watch};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::ServiceExt as _;

use crate::readers::Gate;
use crate::support::{
    NOW, Party, Replica, TestNet, Trust, dates, home, key, key_id, raw, refusal, says, soon,
};

const HERE: [u8; 4] = [127, 0, 0, 1];

fn certificate(name: &str, validity: Validity) -> Arc<PeerCertificate> {
    let der = issue::self_signed_client(&key(name), validity, Ambient::system().random());
    Arc::new(PeerCertificate::parse(&der.unwrap()).unwrap())
}

fn caller(name: &str) -> Caller {
    Caller::here(key_id(name), Network::of(HERE.into()))
}

/// A body that comes when it is told to; whoever reads it says so.
struct OnItsWay {
    is_read: Option<oneshot::Sender<()>>,
    rest: oneshot::Receiver<Bytes>,
    is_over: bool,
}

impl http_body::Body for OnItsWay {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(is_read) = self.is_read.take() {
            is_read.send(()).unwrap();
        }
        if self.is_over {
            return Poll::Ready(None);
        }
        let rest = ready!(Pin::new(&mut self.rest).poll(context)).unwrap();
        self.is_over = true;
        Poll::Ready(Some(Ok(Frame::data(rest))))
    }
}

/// Hands in an envelope by the key `name`; `meanwhile` happens once the guard reads its body.
async fn submitted(
    net: &TestNet,
    name: &str,
    envelope: Envelope,
    meanwhile: impl Future<Output = ()>,
) -> Result<(), (Code, String)> {
    let message = SubmitRequest { envelope: Some(envelope) }.encode_to_vec();
    let message = raw::message(u32::try_from(message.len()).unwrap(), &message);
    let ((is_read, read), (come, rest)) = (oneshot::channel(), oneshot::channel());
    let body = OnItsWay { is_read: Some(is_read), rest, is_over: false };
    let mut request = Request::post("/liaison.v1.RelayService/Submit")
        .header("content-type", "application/grpc")
        .body(Body::new(body))
        .unwrap();
    let certificate = Some(certificate(name, dates()));
    let info = PeerInfo { certificate, group: "X25519MLKEM768", remote: (HERE, 443).into() };
    request.extensions_mut().insert(info);
    let guarded = grpc::routes(net.service.clone(), watch::channel(false).1);
    let answered = tokio::spawn(guarded.oneshot(request));
    soon("the guard lets it in", read).await.unwrap();
    meanwhile.await;
    come.send(message.into()).unwrap();
    let answer = soon("an answer", answered).await.unwrap().unwrap();
    match Status::from_header_map(answer.headers()) {
        Some(said) if said.code() != Code::Ok => Err(refusal(&said)),
        Some(_) | None => Ok(()),
    }
}

async fn nothing() {}

/// How many messages are in somebody's mailbox.
async fn came_to(net: &TestNet, party: &Party) -> usize {
    let mut reader = net.client(&party.tls()).await;
    let replica = Replica::fold(&mut reader).await;
    replica.collect(&mut reader, &party.contact).await.items.len()
}

#[tokio::test]
async fn a_seat_that_is_revoked_while_its_message_comes_hands_in_nothing() {
    let net = TestNet::memory().await;
    let [fr, jp]: [Party; 2] = net.parties(["fr", "jp"]).await;
    let sealed = || fr.compose(&[&jp], &net.replica(), &net.open.ambient).envelope;
    // Whoever of its contact brings it.
    for name in [fr.tls(), "fr/cert/duty-2 tls".to_owned()] {
        assert_eq!(submitted(&net, &name, sealed(), nothing()).await, Ok(()), "{name}");
    }
    let not_permitted = Err((Code::PermissionDenied, "NOT_PERMITTED".to_owned()));
    for seat in ["fr/cert/duty-2", "fr/cert/duty-1"] {
        let revoked = async {
            let _: u64 = net.say(says::revocation(&net.replica(), seat)).await;
        };
        let answer = submitted(&net, &format!("{seat} tls"), sealed(), revoked).await;
        assert_eq!(answer, not_permitted, "{seat}");
        assert_eq!(came_to(&net, &jp).await, 2, "{seat}");
    }
}

/// What was let in, and verified as things stood, waits for a commit that ends the key of who signed it.
#[tokio::test]
async fn a_seat_that_is_revoked_while_its_message_waits_has_sent_nothing() {
    let disk = Arc::new(Gate::default());
    let mut open = home(Engine::Redb);
    open.disk = Arc::<Gate>::clone(&disk);
    let store = open.found().await;
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    let [fr, jp]: [Party; 2] = net.parties(["fr", "jp"]).await;
    let slip = says::revocation(&net.replica(), fr.seat().as_str()).said();
    let Envelope { header, body, letters } =
        fr.compose(&[&jp], &net.replica(), &net.open.ambient).envelope;
    let mut revoker = net.stranger().await;
    let shut = disk.shut.lock().await;
    let revoking = tokio::spawn(async move { revoker.enrol(slip).await });
    soon("its commit", disk.knocked.notified()).await;
    let permit = net.service.permit_here(caller(&fr.tls())).await.unwrap();
    let mut submitting = Box::pin(net.service.submit(&permit, HandedIn { header, body, letters }));
    assert!((&mut submitting).now_or_never().is_none(), "it waits for its turn");
    drop(shut);
    soon("the revocation", revoking).await.unwrap().unwrap().unwrap();
    let refused = soon("an answer", submitting).await.unwrap_err();
    assert_eq!(why(refused).1, "KEY_NOT_IN_FORCE");
    assert_eq!(came_to(&net, &jp).await, 0);
}

/// Why there is no permit for what was admitted, of each method that the table lets this caller call.
async fn permits(net: &TestNet, admitted: &[(Method, Admitted)]) -> Vec<Result<(), String>> {
    let mut permits = Vec::new();
    for (method, admitted) in admitted {
        permits
            .push(permit(&net.service, *method, admitted).await.map_err(|failure| why(failure).1));
    }
    permits
}

async fn admitted(net: &TestNet, caller: &Caller) -> Vec<(Method, Admitted)> {
    let mut all = Vec::new();
    for (method, _) in Method::all() {
        if let Ok(admitted) = net.service.admit(method, caller.clone()).await {
            all.push((method, admitted));
        }
    }
    all
}

/// A permit for a method that is known only now.
async fn permit(service: &Service, method: Method, admitted: &Admitted) -> Result<(), Failure> {
    macro_rules! ask {
        ($($method:ident)*) => {
            match method {
                $(Method::$method => {
                    service.permit_recorded::<to::$method>(admitted).await.map(drop)
                })*
            }
        };
    }
    ask! {
        GetCheckpoint GetEntries GetProof GetFacets LookUp Publish Watch Submit Collect GetBody
        Acknowledge GetStatus Enrol GetCharters GetStanding ListProposals Propose Approve CarryOut
        Abort ListSessions DropSessions ListServiceKeys StageServiceKey GetAudit
    }
}

fn why(failure: Failure) -> (Code, String) {
    match failure {
        Failure::Refused(refused) => refusal(&status::of(&refused)),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn no_method_is_permitted_to_who_was_revoked_since_he_was_let_in() {
    let net = TestNet::memory().await;
    let [fr]: [Party; 1] = net.parties(["fr"]).await;
    let colleague = admitted(&net, &caller("fr/cert/duty-2 tls")).await;
    let let_in = admitted(&net, &caller(&fr.tls())).await;
    assert_eq!(permits(&net, &let_in).await, vec![Ok(()); 14]);
    net.say(says::revocation(&net.replica(), fr.seat().as_str())).await;
    for ((method, _), found) in let_in.iter().zip(permits(&net, &let_in).await) {
        // What a stranger may he may, too.
        let is_anybodys = matches!(method, Method::Enrol | Method::GetCharters);
        let expected = if is_anybodys { Ok(()) } else { Err("NOT_PERMITTED".to_owned()) };
        assert_eq!(found, expected, "{method:?}");
    }
    assert_eq!(permits(&net, &colleague).await, vec![Ok(()); 14]);
}

/// Of persons, too; and in the administration each of these refusals has its record.
#[tokio::test]
async fn no_method_is_permitted_under_a_certificate_that_ran_out_since() {
    let net = TestNet::memory().await;
    let [fr]: [Party; 1] = net.parties(["fr"]).await;
    let mut denied = 0;
    let mut let_in = Vec::new();
    for name in [fr.tls().as_str(), "alice tls", "dave tls", "erin tls"] {
        let until_now = Validity { not_after: NOW, ..dates() };
        let shown = Caller::new(Some(certificate(name, until_now)), Network::of(HERE.into()));
        let_in.extend(admitted(&net, &shown).await);
    }
    assert!(permits(&net, &let_in).await.iter().all(Result::is_ok));
    let records = async || {
        let permit = net.service.permit_here(caller("dave tls")).await.unwrap();
        net.service.standing(&permit).await.unwrap().records
    };
    let before = records().await;
    net.open.clock.set(NOW + 1);
    for ((method, _), found) in let_in.iter().zip(permits(&net, &let_in).await) {
        assert_eq!(found, Err("CERTIFICATE".to_owned()), "{method:?}");
        denied += u64::from(method.face() == Face::Administration);
    }
    assert!(denied > 15, "{denied}");
    assert_eq!(records().await, before + denied + 1);
}
