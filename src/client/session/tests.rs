//! Sessions against a service in memory, over real TLS.

use std::sync::Mutex;

use futures_util::{StreamExt as _, stream};
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;
use tonic::transport::Server;

use super::*;
use crate::client::connect::Dialing;
use crate::client::draft::Composer;
use crate::client::invitation::Invitation;
use crate::client::testlog::{CA, NOW, TestLog, VALIDITY, ambient, ca, charter, key, name};
use crate::crypto::cert::ServiceName;
use crate::crypto::issue::{self, Authority};
use crate::tls;
use crate::wire::v1::directory_service_server::{DirectoryService, DirectoryServiceServer};
use crate::wire::v1::enrolment_service_server::{EnrolmentService, EnrolmentServiceServer};

type Answered<T> = Result<Response<T>, Status>;

/// A service that serves a log in memory, two entries a page.
#[derive(Clone)]
struct Fake(Arc<Mutex<State>>);

struct State {
    log: TestLog,
    facets: Vec<v1::OpenFacet>,
    charters: Vec<Bytes>,
    checkpoint: Bytes,
    pages: u32,
}

impl Fake {
    fn new(log: TestLog, facets: Vec<v1::OpenFacet>) -> Self {
        let checkpoint = log.checkpoint();
        let charters = Vec::new();
        Self(Arc::new(Mutex::new(State { log, facets, charters, checkpoint, pages: 0 })))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn publish_all(&self, publications: Vec<v1::Publication>) -> Vec<v1::PublishAnswer> {
        let mut state = self.state();
        let answers = publications.into_iter().map(|publication| {
            let answer = match state.log.add(&publication.statement) {
                Ok(leaf) => v1::publish_answer::Answer::LeafIndex(leaf),
                Err(refusal) => v1::publish_answer::Answer::Refused(v1::RefusedStatement {
                    reason: refusal.code().to_owned(),
                    sentence: refusal.to_string(),
                    details: crate::wire::status::details(&refusal),
                }),
            };
            v1::PublishAnswer { answer: Some(answer) }
        });
        answers.collect()
    }
}

#[tonic::async_trait]
impl DirectoryService for Fake {
    async fn get_checkpoint(
        &self,
        _: Request<v1::GetCheckpointRequest>,
    ) -> Answered<v1::GetCheckpointResponse> {
        let checkpoint = self.state().checkpoint.clone();
        Ok(Response::new(v1::GetCheckpointResponse { checkpoint }))
    }

    async fn get_entries(
        &self,
        request: Request<v1::GetEntriesRequest>,
    ) -> Answered<v1::GetEntriesResponse> {
        let mut state = self.state();
        state.pages += 1;
        let start = request.get_ref().start as usize;
        let entries = state.log.entries.iter().skip(start).take(2).cloned().collect();
        let checkpoint = state.checkpoint.clone();
        Ok(Response::new(v1::GetEntriesResponse { entries, checkpoint }))
    }

    async fn get_facets(
        &self,
        _: Request<v1::GetFacetsRequest>,
    ) -> Answered<v1::GetFacetsResponse> {
        let facets = self.state().facets.clone();
        Ok(Response::new(v1::GetFacetsResponse { facets }))
    }

    async fn publish(&self, request: Request<v1::PublishRequest>) -> Answered<v1::PublishResponse> {
        let answers = self.publish_all(request.into_inner().publications);
        Ok(Response::new(v1::PublishResponse { answers }))
    }

    async fn get_proof(&self, _: Request<v1::GetProofRequest>) -> Answered<v1::GetProofResponse> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn look_up(&self, _: Request<v1::LookUpRequest>) -> Answered<v1::LookUpResponse> {
        Err(Status::unimplemented("not in this test"))
    }

    type WatchStream = stream::Empty<Result<v1::WatchResponse, Status>>;

    async fn watch(&self, _: Request<v1::WatchRequest>) -> Answered<Self::WatchStream> {
        Err(Status::unimplemented("not in this test"))
    }
}

#[tonic::async_trait]
impl EnrolmentService for Fake {
    async fn enrol(&self, request: Request<v1::EnrolRequest>) -> Answered<v1::EnrolResponse> {
        let answers = self.publish_all(request.into_inner().publications);
        Ok(Response::new(v1::EnrolResponse { answers }))
    }

    async fn get_charters(
        &self,
        request: Request<v1::GetChartersRequest>,
    ) -> Answered<v1::GetChartersResponse> {
        let after = request.get_ref().after_version as usize;
        let state = self.state();
        // Version 1 is in the invitation.
        let charters = state.charters.iter().skip(after - 1).cloned().collect();
        let checkpoint = state.checkpoint.clone();
        Ok(Response::new(v1::GetChartersResponse { charters, checkpoint }))
    }
}

/// TLS in memory, under the authority whose key is of this seed.
struct Memory {
    fake: Fake,
    tls: Arc<ServerConfig>,
}

impl Memory {
    fn new(fake: &Fake, authority: u8) -> Self {
        let (key, node) = (key(authority), key(60));
        let certificate = ca(authority);
        let authority = Authority { certificate: &certificate, key: &key };
        let service = ServiceName::new("un.example", "a").unwrap();
        let random = ambient();
        let node_certificate = issue::node_certificate(
            authority,
            node.public(),
            &service,
            &[],
            VALIDITY,
            random.random(),
        );
        let chain = [node_certificate.unwrap()];
        let tls = tls::server::config(Identity::new(&chain, &node).unwrap()).unwrap();
        Self { fake: fake.clone(), tls: Arc::new(tls) }
    }
}

impl Dial for Memory {
    fn dial<'a>(&'a self, _: &'a Address) -> Dialing<'a> {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (fake, acceptor) = (self.fake.clone(), TlsAcceptor::from(Arc::clone(&self.tls)));
        tokio::spawn(async move {
            let Ok(mut outside) = acceptor.accept(theirs).await else { return };
            let (mut inside, http) = tokio::io::duplex(1 << 16);
            tokio::spawn(async move {
                let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            });
            let one = stream::once(async { Ok::<_, std::io::Error>(http) });
            let _ = Server::builder()
                .add_service(DirectoryServiceServer::new(fake.clone()))
                .add_service(EnrolmentServiceServer::new(fake))
                .serve_with_incoming(one.chain(stream::pending()))
                .await;
        });
        Box::pin(async move { Ok(Box::new(ours) as Box<dyn tls::Link>) })
    }
}

fn home(log: &TestLog) -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().to_owned());
    home.join(&Invitation::check(log.invitation()).unwrap()).unwrap();
    (folder, home)
}

fn net(fake: &Fake, authority: u8) -> Net {
    let dial = Arc::new(Memory::new(fake, authority));
    Net { dial, proxies: Proxies::default(), ambient: ambient() }
}

async fn sync(session: &Session, home: &Home) -> Result<(Synced, Vec<Progress>), ClientError> {
    let mut replica = Replica::open(home, &name())?;
    let mut progress = Vec::new();
    let synced = session.sync(&mut replica, &mut |step| progress.push(step)).await?;
    Ok((synced, progress))
}

#[tokio::test]
async fn a_replica_is_synced_page_by_page_with_its_facets() {
    let (log, facets) = TestLog::populated();
    let (_folder, home) = home(&log);
    let fake = Fake::new(log.clone(), facets);
    let session = Session::open(&home, &name(), None, &net(&fake, CA)).await.unwrap();
    assert_eq!(session.connection().group(), "X25519MLKEM768");
    let (synced, progress) = sync(&session, &home).await.unwrap();
    let expected = Synced { before: 0, size: 4, withheld: Vec::new(), frozen: None };
    assert_eq!(synced, expected);
    assert_eq!(progress.last(), Some(&Progress::Facets { have: 1, of: 1 }));
    assert_eq!(fake.state().pages, 2);
    let (again, _) = sync(&session, &home).await.unwrap();
    assert_eq!((again.before, again.size, fake.state().pages), (4, 4, 2));
    assert_eq!(Replica::open(&home, &name()).unwrap().synced_at(), Some(NOW));
}

#[tokio::test]
async fn what_a_service_withholds_shortens_or_forges_is_named() {
    let (log, _) = TestLog::populated();
    let (_folder, home) = home(&log);
    let fake = Fake::new(log.clone(), Vec::new());
    let session = Session::open(&home, &name(), None, &net(&fake, CA)).await.unwrap();
    let (synced, _) = sync(&session, &home).await.unwrap();
    let contact: ContactId = "fr/cert-fr".parse().unwrap();
    assert_eq!(synced.withheld, [(contact, "telephone".to_owned())]);
    fake.state().checkpoint = log.checkpoint_at(3);
    let refused = sync(&session, &home).await.unwrap_err();
    assert_eq!((refused.reason.as_str(), refused.exit), ("ROLLBACK", Exit::VerificationFailed));
    assert!(std::path::Path::new(&refused.details["evidence"]).exists());
    let (_folder, home) = self::home(&log);
    fake.state().checkpoint = log.checkpoint();
    fake.state().log.entries.truncate(3);
    let refused = sync(&session, &home).await.unwrap_err();
    assert_eq!((refused.reason.as_str(), refused.side), ("ENTRIES_WITHHELD", Side::Theirs));
    // It goes on where it was.
    fake.state().log = log.clone();
    fake.state().pages = 0;
    sync(&session, &home).await.unwrap();
    assert_eq!(fake.state().pages, 1);
}

#[tokio::test]
async fn a_new_service_authority_is_believed_by_the_charter_that_names_it() {
    let (mut log, facets) = TestLog::populated();
    let (_folder, home) = home(&log);
    let mut next = charter(&[10]);
    next.service_ca = vec![ca(70).into()];
    let before = log.directory.clone();
    let ambient = ambient();
    let next = Composer::on(&before, &ambient).charter(next);
    let mut bundle = Bundle::of(vec![next]);
    bundle.sign(Some(&before), &[&key(1), &key(2)], &ambient).unwrap();
    let statement = bundle.publications()[0].envelope().bytes().clone();
    log.add(&statement).unwrap();
    let fake = Fake::new(log.clone(), facets);
    let refused = Session::open(&home, &name(), None, &net(&fake, 70)).await.unwrap_err();
    assert_eq!(refused.reason, "SERVER_UNKNOWN_ISSUER");
    // A charter that only one registrar has signed is none.
    let mut weak = Bundle::of(vec![Composer::on(&before, &ambient).charter(charter(&[10]))]);
    weak.sign(Some(&before), &[&key(1)], &ambient).unwrap();
    fake.state().charters = vec![weak.publications()[0].envelope().bytes().clone()];
    let refused = Session::open(&home, &name(), None, &net(&fake, 70)).await.unwrap_err();
    assert_eq!(refused.reason, "CHARTER_DOES_NOT_FOLLOW");
    fake.state().charters = vec![statement];
    let session = Session::open(&home, &name(), None, &net(&fake, 70)).await.unwrap();
    assert_eq!(sync(&session, &home).await.unwrap().0.size, 5);
    assert_eq!(home.trust(&name()).unwrap().charter().newest.version, 2);
    // Kept: the next time nothing is asked.
    fake.state().charters.clear();
    Session::open(&home, &name(), None, &net(&fake, 70)).await.unwrap();
}

#[tokio::test]
async fn each_statement_handed_in_has_its_own_answer() {
    let (log, _) = TestLog::populated();
    let (_folder, home) = home(&log);
    let fake = Fake::new(log.clone(), Vec::new());
    let session = Session::open(&home, &name(), None, &net(&fake, CA)).await.unwrap();
    let ambient = ambient();
    let contact = "fr/cert-fr".parse().unwrap();
    let mut composer = Composer::on(&log.directory, &ambient);
    let mut bundle =
        Bundle::of(vec![composer.withdrawal(&contact), composer.charter(charter(&[10]))]);
    bundle.sign(Some(&log.directory), &[&key(20), &key(1)], &ambient).unwrap();
    for answers in [session.enrol(&bundle).await, session.publish(&bundle).await] {
        let answers = answers.unwrap();
        assert_eq!(answers[0], Answer::Logged(4));
        let Answer::Refused(refused) = &answers[1] else { panic!() };
        assert_eq!(
            (refused.reason.as_str(), refused.exit),
            ("BELOW_THRESHOLD", Exit::NeedsApproval)
        );
        assert_eq!(refused.details["needed"], "2");
    }
}
