//! Sessions against a service in memory, over real TLS.

use std::sync::Mutex;

use futures_util::{StreamExt as _, stream};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::*;
use crate::client::draft::Composer;
use crate::client::invitation::Invitation;
use crate::client::reach::connect::Dialing;
use crate::crypto::cert::ServiceName;
use crate::crypto::issue::{self, Authority};
use crate::signed::proto;
use crate::tls;
use crate::wire::v1::directory_service_server::{DirectoryService, DirectoryServiceServer};
use crate::wire::v1::enrolment_service_server::{EnrolmentService, EnrolmentServiceServer};
use crate::world::testlog::{CA, KEEPER, NOW, TestLog, VALIDITY, ambient, ca, charter, key, name};

type Answered<T> = Result<Response<T>, Status>;

/// A service that serves a log in memory, two entries a page.
#[derive(Clone)]
struct Fake(Arc<Mutex<State>>);

struct State {
    log: TestLog,
    facets: Vec<v1::OpenFacet>,
    charters: Vec<v1::LoggedCharter>,
    charters_a_page: usize,
    checkpoint: Bytes,
    pages: u32,
    addresses: Vec<String>,
}

impl Fake {
    fn new(log: TestLog, facets: Vec<v1::OpenFacet>) -> Self {
        let checkpoint = log.checkpoint();
        let charters = Vec::new();
        let (pages, charters_a_page) = (0, 16);
        let addresses = Vec::new();
        let state = State { log, facets, charters, charters_a_page, checkpoint, pages, addresses };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn publish_all(&self, publications: Vec<v1::Publication>) -> Vec<v1::PublishAnswer> {
        let mut state = self.state();
        let answers = publications.into_iter().map(|publication| {
            let statement = &publication.statement;
            let directory = &state.log.directory;
            let read = crate::domain::directory::Unverified::read(directory, statement);
            let answer = match read.map(|read| read.logged(directory)) {
                Ok(Some(leaf)) => Ok(leaf),
                Ok(None) => state.log.add(statement),
                Err(refusal) => Err(refusal),
            };
            let answer = match answer {
                Ok(leaf) => v1::publish_answer::Answer::LeafIndex(leaf),
                Err(refusal) => v1::publish_answer::Answer::Refused(v1::RefusedStatement {
                    reason: refusal.code().to_owned(),
                    sentence: refusal.to_string(),
                    details: crate::wire::details::of(&refusal),
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
        let mut state = self.state();
        // Behind the last of all charters stand addresses alone.
        state.pages += u32::from(after < usize::MAX);
        // Version 1 is in the invitation.
        let newest = state.charters.len() as u64 + 1;
        let charters = state.charters.iter().skip(after - 1).take(state.charters_a_page).cloned();
        let (charters, checkpoint) = (charters.collect(), state.checkpoint.clone());
        let addresses = state.addresses.clone();
        Ok(Response::new(v1::GetChartersResponse { charters, checkpoint, newest, addresses }))
    }
}

/// The charters of a log behind the first, proven.
fn charters_of(log: &TestLog) -> Vec<v1::LoggedCharter> {
    let (tree, size) = (log.tree(), log.entries.len() as u64);
    let entries = log.entries.iter().enumerate().skip(1);
    let charters = entries.filter(|(_, entry)| {
        let (statement, _) = crate::client::charters::logged(entry).unwrap();
        crate::client::charters::read(&statement).is_ok()
    });
    let proven = charters.map(|(leaf, entry)| {
        let path = tree.inclusion_proof(leaf as u64, size).unwrap();
        let inclusion = path.iter().map(|hash| hash.as_bytes().to_vec().into()).collect();
        v1::LoggedCharter { entry: entry.clone(), leaf_index: leaf as u64, inclusion }
    });
    proven.collect()
}

/// The log with one more charter, whose service has this authority.
fn with_authority(log: &TestLog, authority: u8) -> TestLog {
    let mut log = log.clone();
    let (directory, ambient) = (log.directory.clone(), ambient());
    let mut next = charter(&[10]);
    next.service_ca = vec![ca(authority).into()];
    let next = Composer::on(&directory, &ambient).charter(next);
    log.sign_and_add(vec![next], &[1, 2]).unwrap();
    log
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

/// A box on the way that looks at the first segment, and lets nothing larger through.
struct FirstSegment(Memory);

impl Dial for FirstSegment {
    fn dial<'a>(&'a self, address: &'a Address) -> Dialing<'a> {
        Box::pin(async move {
            let (ours, mut outside) = tokio::io::duplex(1 << 16);
            let mut inside = self.0.dial(address).await?;
            tokio::spawn(async move {
                let mut first = vec![0; 4096];
                let read = outside.read(&mut first).await.unwrap();
                if read > 1_000 {
                    std::future::pending::<()>().await;
                }
                inside.write_all(&first[..read]).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            });
            Ok(Box::new(ours) as Box<dyn tls::Link>)
        })
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
    let expected = Synced {
        before: 0,
        size: 4,
        withheld: Vec::new(),
        frozen: None,
        checked: true,
        clock: None,
        refuted: None,
    };
    assert_eq!(synced, expected);
    assert_eq!(progress.last(), Some(&Progress::Facets { have: 1, of: 1 }));
    assert_eq!(fake.state().pages, 2);
    let (again, _) = sync(&session, &home).await.unwrap();
    assert_eq!((again.before, again.size, fake.state().pages), (4, 4, 2));
    assert_eq!(Replica::open(&home, &name()).unwrap().synced_at(), Some(NOW));
}

#[tokio::test]
async fn a_clock_an_hour_behind_the_directorys_says_so_and_goes_on() {
    let (log, facets) = TestLog::populated();
    for (now, behind) in [(NOW - 3_600, None), (NOW - 3_601, Some(NOW)), (NOW + 86_400, None)] {
        let (_folder, home) = home(&log);
        let fake = Fake::new(log.clone(), facets.clone());
        let mut session = Session::open(&home, &name(), None, &net(&fake, CA)).await.unwrap();
        session.ambient = crate::world::testlog::ambient_at(now);
        let (synced, _) = sync(&session, &home).await.unwrap();
        assert_eq!((synced.size, synced.clock), (4, behind), "at {now}");
    }
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
    assert_eq!((refused.reason.code(), refused.family), ("ROLLBACK", Family::VerificationFailed));
    assert!(std::path::Path::new(&refused.details["evidence"]).exists());
    let (_folder, home) = self::home(&log);
    fake.state().checkpoint = log.checkpoint();
    fake.state().log.entries.truncate(3);
    let refused = sync(&session, &home).await.unwrap_err();
    assert_eq!((refused.reason.code(), refused.side), ("ENTRIES_WITHHELD", Side::Theirs));
    // It goes on where it was.
    fake.state().log = log.clone();
    fake.state().pages = 0;
    sync(&session, &home).await.unwrap();
    assert_eq!(fake.state().pages, 1);
}

/// Another program, or this one beside, takes a newer checkpoint while a sync is on its way.
#[tokio::test]
async fn a_checkpoint_older_than_what_was_read_meanwhile_is_no_proof_of_going_back() {
    let (log, _) = TestLog::populated();
    let mut grown = log.clone();
    let (directory, ambient) = (log.directory.clone(), ambient());
    let next = Composer::on(&directory, &ambient).withdrawal(&"fr/cert-fr".parse().unwrap());
    grown.sign_and_add(vec![next], &[20]).unwrap();
    let mut poisoned = log.entries.clone();
    poisoned[3] = later(&poisoned[3], 1);
    // The service has grown, too; or it shows what it showed before, and to the other one more.
    for (shows, expected) in [(&grown, Ok(5)), (&log, Err("ROLLBACK"))] {
        for on_trial in [&[], &poisoned[..]] {
            let (_folder, home) = self::home(&log);
            let fake = Fake::new(log.clone(), Vec::new());
            let session = Session::open(&home, &name(), None, &net(&fake, CA)).await.unwrap();
            let mut replica = Replica::open(&home, &name()).unwrap();
            replica.append(on_trial).unwrap();
            let mut beside = |_| {
                let mut other = Replica::open(&home, &name()).unwrap();
                if other.checkpoint().is_none() {
                    other.forget_trial().unwrap();
                    other.append(&grown.entries).unwrap();
                    other.confirm(&grown.checkpoint(), NOW).unwrap();
                    fake.state().log = shows.clone();
                    fake.state().checkpoint = shows.checkpoint();
                }
            };
            let synced = session.sync(&mut replica, &mut beside).await;
            let found =
                synced.as_ref().map(|synced| synced.size).map_err(|error| error.reason.code());
            assert_eq!(found, expected, "{} on trial", on_trial.len());
            let evidence = synced.err().map(|error| error.details["evidence"].clone());
            assert!(evidence.is_none_or(|path| Path::new(&path).exists()));
        }
    }
}

/// The statement of an entry as if it had been admitted so many seconds later.
fn later(entry: &Bytes, seconds: u64) -> Bytes {
    let (statement, at) = crate::client::charters::logged(entry).unwrap();
    crate::world::testlog::entry(statement, at + seconds)
}

#[tokio::test]
async fn what_was_poisoned_on_its_way_is_let_go_and_fetched_once_more() {
    let (log, facets) = TestLog::populated();
    let withdrawal =
        Composer::on(&log.directory, &ambient()).withdrawal(&"fr/cert-fr".parse().unwrap());
    let mut other = log.clone();
    other.sign_and_add(vec![withdrawal], &[20]).unwrap();
    // A charter that was signed and never logged, whose log key is another.
    let mut grown = log.clone();
    let ambient = ambient();
    let mut composer = Composer::on(&log.directory, &ambient);
    let record = composer.record(crate::world::testlog::record(), &[]).unwrap();
    let roster = composer.roster(crate::world::testlog::roster(), &[]).unwrap();
    grown.sign_and_add(vec![record, roster], &[20, KEEPER]).unwrap();
    let mut abandoned = log.clone();
    let next = Composer::on(&log.directory, &ambient).charter(charter(&[99]));
    abandoned.sign_and_add(vec![next], &[1, 2]).unwrap();
    // The time of an entry: what follows then runs back, or only the root differs. An entry that
    // the rules admit there, and the log does not hold.
    for (poisoned, log) in [
        (vec![log.entries[0].clone(), later(&log.entries[1], 9)], log.clone()),
        ([&log.entries[..3], &[later(&log.entries[3], 9)]].concat(), log.clone()),
        (other.entries.clone(), log.clone()),
        (abandoned.entries.clone(), grown),
    ] {
        let served = poisoned.len() as u64;
        let (_folder, home) = home(&log);
        let fake = Fake::new(log.clone(), facets.clone());
        let session = Session::open(&home, &name(), None, &net(&fake, CA)).await.unwrap();
        // A sync that breaks off keeps on trial what came.
        fake.state().log.entries = poisoned;
        let mut longer = log.clone();
        (0..4).for_each(|_| longer.entries.push(log.entries[0].clone()));
        fake.state().checkpoint = longer.checkpoint();
        let refused = sync(&session, &home).await.unwrap_err();
        assert_eq!(refused.reason.code(), "ENTRIES_WITHHELD");
        assert_eq!(Replica::open(&home, &name()).unwrap().on_trial(), served);
        fake.state().log = log.clone();
        fake.state().checkpoint = log.checkpoint();
        let (synced, _) = sync(&session, &home).await.unwrap();
        assert_eq!((synced.before, synced.size), (0, log.entries.len() as u64));
        let replica = Replica::open(&home, &name()).unwrap();
        assert_eq!((replica.directory().unwrap(), replica.on_trial()), (&log.directory, 0));
        let evidence = std::fs::read_dir(replica.folder()).unwrap();
        let names = evidence.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(!names.into_iter().any(|name| name.starts_with("evidence")), "nobody is accused");
    }
}

#[tokio::test]
async fn what_a_log_cannot_hold_is_kept_as_evidence_and_nowhere_else() {
    let (log, facets) = TestLog::populated();
    let (_folder, home) = home(&log);
    let fake = Fake::new(log.clone(), facets);
    let session = Session::open(&home, &name(), None, &net(&fake, CA)).await.unwrap();
    sync(&session, &home).await.unwrap();
    // Unsigned, and of a leaf that no rules know: it froze every reader once.
    let unsigned =
        Composer::on(&log.directory, &ambient()).withdrawal(&"fr/cert-fr".parse().unwrap());
    let unsigned = crate::world::testlog::entry(unsigned.envelope().bytes().clone(), NOW);
    for entry in [unsigned, Bytes::from_static(&[0x10, 1, 0x1a, 1, 7])] {
        let mut bad = log.clone();
        bad.entries.push(entry.clone());
        (fake.state().log, fake.state().checkpoint) = (bad.clone(), bad.checkpoint());
        let refused = sync(&session, &home).await.unwrap_err();
        let found = (refused.reason.code(), refused.side, refused.family);
        let expected = ("ENTRY_NOT_ADMISSIBLE", Side::Theirs, Family::VerificationFailed);
        assert_eq!(found, expected);
        let path = std::path::Path::new(&refused.details["evidence"]);
        let both = [&log.checkpoint()[..], b"\n", &bad.checkpoint()].concat();
        assert_eq!(std::fs::read(path).unwrap(), both);
        assert_eq!(std::fs::read(path.with_extension("entry")).unwrap(), entry);
        let replica = Replica::open(&home, &name()).unwrap();
        assert_eq!((replica.directory().unwrap(), replica.on_trial()), (&log.directory, 0));
        // The service thinks better of it, and nobody has to remove anything.
        (fake.state().log, fake.state().checkpoint) = (log.clone(), log.checkpoint());
        sync(&session, &home).await.unwrap();
    }
}

/// A directory goes on under rules that this program does not know.
#[tokio::test]
async fn a_sync_of_a_directory_with_newer_rules_says_update_me_and_goes_on() {
    let (mut log, facets) = TestLog::populated();
    let (_folder, home) = home(&log);
    let ambient = ambient();
    let directory = log.directory.clone();
    let newer = proto::Charter { rules: crate::domain::directory::RULES + 1, ..charter(&[10]) };
    let newer = Composer::on(&directory, &ambient).charter(newer);
    log.sign_and_add(vec![newer], &[1, 2]).unwrap();
    log.entries.push(Bytes::from_static(b"whatever it is"));
    let fake = Fake::new(log.clone(), facets);
    let session = Session::open(&home, &name(), None, &net(&fake, CA)).await.unwrap();
    let (synced, _) = sync(&session, &home).await.unwrap();
    let frozen = synced.frozen.unwrap();
    assert_eq!((frozen.leaf, synced.size, synced.checked), (5, 6, true));
    // A charter that cannot be followed, and a checkpoint by a key of it: neither failure nor proof.
    let directory = log.directory.clone();
    let foreign = Composer::on(&directory, &ambient).charter(charter(&[99]));
    let foreign = foreign.envelope().bytes().clone();
    log.entries.push(crate::world::testlog::entry(foreign, NOW));
    log.log_key = 99;
    (fake.state().log, fake.state().checkpoint) = (log.clone(), log.checkpoint());
    let (synced, _) = sync(&session, &home).await.unwrap();
    assert_eq!((synced.size, synced.checked), (6, false));
    let error = ClientError::update_me(&synced.frozen.unwrap());
    assert_eq!(error.family, crate::client::error::Family::UpdateMe);
}

#[tokio::test]
async fn a_new_service_authority_is_believed_by_the_charter_that_names_it() {
    let (before, facets) = TestLog::populated();
    let (_folder, home) = home(&before);
    let log = with_authority(&before, 70);
    let fake = Fake::new(log.clone(), facets);
    let open = || async { Session::open(&home, &name(), None, &net(&fake, 70)).await };
    assert_eq!(open().await.unwrap_err().reason.code(), "SERVER_UNKNOWN_ISSUER");
    // A charter that only one registrar has signed is none, wherever it stands.
    let ambient = ambient();
    let mut weak =
        Bundle::of(vec![Composer::on(&before.directory, &ambient).charter(charter(&[10]))]);
    weak.sign(Some(&before.directory), &[&key(1)], &ambient).unwrap();
    let weak = weak.publications()[0].envelope().bytes().clone();
    let mut forced = before.clone();
    forced.entries.push(crate::world::testlog::entry(weak, NOW));
    // And one that a quorum has signed is none unless it is in the log.
    let mut elsewhere = charters_of(&log);
    elsewhere[0].leaf_index = 2;
    let mut forged = log.clone();
    forged.log_key = 99;
    for (charters, checkpoint) in [
        (charters_of(&forced), forced.checkpoint()),
        (elsewhere, log.checkpoint()),
        (charters_of(&log), before.checkpoint()),
        (charters_of(&log), forged.checkpoint()),
    ] {
        (fake.state().charters, fake.state().checkpoint) = (charters, checkpoint);
        assert_eq!(open().await.unwrap_err().reason.code(), "CHARTER_DOES_NOT_FOLLOW");
        assert_eq!(home.trust(&name()).unwrap().newest().version, 1);
    }
    (fake.state().charters, fake.state().checkpoint) = (charters_of(&log), log.checkpoint());
    let session = open().await.unwrap();
    let used = home.trust(&name()).unwrap();
    assert_eq!((used.newest().version, used.pins().len()), (2, 1), "in use, and not pinned");
    assert_eq!(sync(&session, &home).await.unwrap().0.size, 5);
    let pinned = home.trust(&name()).unwrap();
    assert_eq!((pinned.newest().version, pinned.pins().len()), (2, 2));
    // Kept: the next time nothing is asked.
    fake.state().charters.clear();
    open().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_box_that_judges_the_first_segment_is_found_by_a_small_one() {
    let (log, facets) = TestLog::populated();
    let (_folder, home) = home(&log);
    let fake = Fake::new(log, facets);
    let dial = Arc::new(FirstSegment(Memory::new(&fake, CA)));
    let small = Net { dial, ..net(&fake, CA) };
    let error = Session::open(&home, &name(), None, &small).await.unwrap_err();
    assert_eq!((error.reason.code(), error.details["leg"].as_str()), ("TIMED_OUT", "tls"));
    assert!(opens_for_a_small_hello(&home, &name(), &small).await);
    // Whom the charter does not name is not believed with a small one, either.
    let dial = Arc::new(FirstSegment(Memory::new(&fake, 70)));
    assert!(!opens_for_a_small_hello(&home, &name(), &Net { dial, ..net(&fake, CA) }).await);
}

#[tokio::test]
async fn many_charters_come_page_by_page_and_a_page_without_progress_ends_it() {
    let (before, facets) = TestLog::populated();
    let (_folder, home) = home(&before);
    let mut log = before;
    for authority in [70, 71, 72, 73, 74] {
        log = with_authority(&log, authority);
    }
    let fake = Fake::new(log.clone(), facets);
    (fake.state().charters, fake.state().charters_a_page) = (charters_of(&log), 2);
    Session::open(&home, &name(), None, &net(&fake, 74)).await.unwrap();
    assert_eq!(fake.state().pages, 3);
    assert_eq!(home.trust(&name()).unwrap().newest().version, 6);
    fake.state().charters_a_page = 0;
    fake.state().pages = 0;
    let refused = Session::open(&home, &name(), None, &net(&fake, 79)).await.unwrap_err();
    assert_eq!((refused.reason.code(), fake.state().pages), ("SERVER_UNKNOWN_ISSUER", 1));
}

/// Registrars sign a charter, think better of it, and log another of that version: who met the
/// first one uses it, and is not locked out when the log refutes it.
#[tokio::test]
async fn the_abandoned_charter() {
    let (before, facets) = TestLog::populated();
    let (_folder, home) = home(&before);
    let abandoned = with_authority(&before, 70);
    let fake = Fake::new(abandoned.clone(), facets);
    fake.state().charters = charters_of(&abandoned);
    Session::open(&home, &name(), None, &net(&fake, 70)).await.unwrap();
    assert_eq!(home.trust(&name()).unwrap().newest().version, 2);
    // The log goes on without it: under the authority of charter 1, then under a charter 2 of its
    // own, and a charter 3 that was issued before charter 2 was.
    let mut log = before.clone();
    let ambient_before = crate::world::testlog::ambient_at(NOW - 3_600);
    let (directory, mut next) = (log.directory.clone(), charter(&[10]));
    next.service_ca = vec![ca(71).into()];
    let second = Composer::on(&directory, &ambient()).charter(next.clone());
    log.sign_and_add(vec![second], &[1, 2]).unwrap();
    next.service_ca = vec![ca(72).into()];
    let directory = log.directory.clone();
    let third = Composer::on(&directory, &ambient_before).charter(next);
    log.sign_and_add(vec![third], &[1, 3]).unwrap();
    {
        let mut state = fake.state();
        (state.log, state.checkpoint) = (log.clone(), log.checkpoint());
        state.charters = charters_of(&log);
    }
    let replica = || Replica::open(&home, &name()).unwrap();
    // A service that still shows the authority of charter 1: the pin stands, and connects.
    let session = Session::open(&home, &name(), None, &net(&fake, CA)).await.unwrap();
    let (synced, _) = sync(&session, &home).await.unwrap();
    assert_eq!(synced.size, 6);
    let evidence = std::fs::read(synced.refuted.unwrap()).unwrap();
    let kept = abandoned.entries.last().unwrap();
    assert!(evidence.windows(kept.len()).any(|part| part == &kept[..]), "the signed charter");
    let trust = home.trust(&name()).unwrap();
    assert_eq!((trust.newest().version, trust.pins().len()), (3, 3));
    assert_eq!(replica().directory().unwrap(), &log.directory);
    // Said once; and the authority of charter 3 is believed.
    let session = Session::open(&home, &name(), None, &net(&fake, 72)).await.unwrap();
    assert_eq!(sync(&session, &home).await.unwrap().0.refuted, None);
}

/// The same, met by a client that has no copy yet and follows charter 3 before charter 2's time.
#[tokio::test]
async fn a_charter_issued_before_the_one_before_locks_nobody_out() {
    let (before, facets) = TestLog::populated();
    let (_folder, home) = home(&before);
    let mut log = with_authority(&before, 71);
    let early = crate::world::testlog::ambient_at(NOW - 3_600);
    let (directory, mut next) = (log.directory.clone(), charter(&[10]));
    next.service_ca = vec![ca(72).into()];
    let third = Composer::on(&directory, &early).charter(next);
    log.sign_and_add(vec![third], &[1, 2]).unwrap();
    let fake = Fake::new(log.clone(), facets);
    fake.state().charters = charters_of(&log);
    let session = Session::open(&home, &name(), None, &net(&fake, 72)).await.unwrap();
    assert_eq!(sync(&session, &home).await.unwrap().0.size, 6);
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
        assert_eq!(answers[0], Verdict::Logged(4));
        let Verdict::Refused(refused) = &answers[1] else { panic!() };
        assert_eq!(
            (refused.reason.code(), refused.family),
            ("BELOW_THRESHOLD", Family::NeedsApproval)
        );
        assert_eq!(refused.details["needed"], "2");
    }
}

#[tokio::test]
async fn addresses_are_learnt_where_the_service_is_believed_and_nowhere_else() {
    let (log, facets) = TestLog::populated();
    let (_folder, home) = home(&log);
    let invited = Address::parse("liaison.un.example").unwrap();
    let known = || home.addresses(&name()).unwrap().good;
    let fake = Fake::new(log.clone(), facets);
    fake.state().addresses = vec!["planted.example:1".to_owned()];
    // Somebody on the way, who shows no charters, and then those of the log.
    let refused = Session::open(&home, &name(), None, &net(&fake, 70)).await.unwrap_err();
    assert_eq!(refused.reason.code(), "SERVER_UNKNOWN_ISSUER");
    fake.state().charters = charters_of(&with_authority(&log, 71));
    fake.state().checkpoint = with_authority(&log, 71).checkpoint();
    Session::open(&home, &name(), None, &net(&fake, 70)).await.unwrap_err();
    assert_eq!(known(), std::slice::from_ref(&invited));
    // The service itself: a bad one is passed over, and no more are kept than can be tried.
    fake.state().checkpoint = log.checkpoint();
    fake.state().addresses = (0..20).map(|port| format!("new.example:{port}")).collect();
    let session = Session::open(&home, &name(), None, &net(&fake, CA)).await.unwrap();
    sync(&session, &home).await.unwrap();
    let new = |port: u16| Address::parse(&format!("new.example:{port}")).unwrap();
    let learnt: Vec<Address> = (1..=8).map(new).collect();
    assert_eq!(known(), [&[invited.clone()][..], &learnt].concat());
    // One that says nothing takes nothing away, and one that says another does.
    fake.state().addresses = Vec::new();
    sync(&session, &home).await.unwrap();
    assert_eq!(known().len(), 9);
    fake.state().addresses = vec!["other.example:1".to_owned()];
    sync(&session, &home).await.unwrap();
    assert_eq!(known(), [invited, Address::parse("other.example:1").unwrap()]);
}

/// Opens TLS with a certificate of its own, and says nothing above it.
struct Silent(Memory);

impl Dial for Silent {
    fn dial<'a>(&'a self, _: &'a Address) -> Dialing<'a> {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let acceptor = TlsAcceptor::from(Arc::clone(&self.0.tls));
        tokio::spawn(async move {
            let Ok(mut heard) = acceptor.accept(theirs).await else { return };
            let _ = tokio::io::copy(&mut heard, &mut tokio::io::sink()).await;
        });
        Box::pin(async move { Ok(Box::new(ours) as Box<dyn tls::Link>) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_falls_silent_is_named_before_a_request_would_be_given_up() {
    let (log, facets) = TestLog::populated();
    let (_folder, home) = home(&log);
    let fake = Fake::new(log, facets);
    let dial = Arc::new(Silent(Memory::new(&fake, 70)));
    let start = tokio::time::Instant::now();
    let silent = Session::open(&home, &name(), None, &Net { dial, ..net(&fake, CA) }).await;
    assert_eq!(silent.unwrap_err().reason.code(), "SERVER_UNKNOWN_ISSUER");
    assert_eq!(start.elapsed().as_secs(), crate::domain::limits::CHARTERS_TIMEOUT.as_secs());
}

/// Answers at one address alone.
struct Only(Memory, Address);

impl Dial for Only {
    fn dial<'a>(&'a self, address: &'a Address) -> Dialing<'a> {
        if *address == self.1 {
            return self.0.dial(address);
        }
        let source = Arc::new(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        let refused = ConnectError::Tcp { address: address.clone(), source };
        Box::pin(async { Err(refused) })
    }
}

#[tokio::test]
async fn of_several_addresses_the_one_that_answered_wrongly_is_told_of() {
    let (log, facets) = TestLog::populated();
    let (_folder, home) = home(&log);
    let mut config = home.config().unwrap();
    let written = &mut config.directories.get_mut("un.example").unwrap().addresses;
    written.push("silent.example".to_owned());
    written.push("liaison.un.example".to_owned());
    home.set_config(&config).unwrap();
    let fake = Fake::new(log, facets);
    for address in ["liaison.un.example", "silent.example"] {
        let dial = Arc::new(Only(Memory::new(&fake, 70), Address::parse(address).unwrap()));
        let refused = Session::open(&home, &name(), None, &Net { dial, ..net(&fake, CA) }).await;
        assert_eq!(refused.unwrap_err().reason.code(), "SERVER_UNKNOWN_ISSUER", "{address}");
    }
}

#[tokio::test]
async fn where_the_service_was_found_last_is_tried_first_unless_another_is_written() {
    let (log, facets) = TestLog::populated();
    let (_folder, home) = home(&log);
    let fake = Fake::new(log, facets);
    let at = |text: &str| {
        let dial = Arc::new(Only(Memory::new(&fake, CA), Address::parse(text).unwrap()));
        Net { dial, ..net(&fake, CA) }
    };
    let first = || home.addresses(&name()).unwrap().good[0].to_string();
    fake.state().addresses = vec!["new.example".to_owned()];
    let session = Session::open(&home, &name(), None, &at("liaison.un.example")).await.unwrap();
    sync(&session, &home).await.unwrap();
    assert_eq!(first(), "liaison.un.example:443");
    let session = Session::open(&home, &name(), None, &at("new.example")).await.unwrap();
    sync(&session, &home).await.unwrap();
    assert_eq!(first(), "new.example:443");
    let mut config = home.config().unwrap();
    let written = &mut config.directories.get_mut("un.example").unwrap().addresses;
    *written = vec!["0.0.0.0".to_owned(), "written.example".to_owned()];
    home.set_config(&config).unwrap();
    assert_eq!(first(), "written.example:443");
    assert_eq!(home.addresses(&name()).unwrap().bad.len(), 1);
    let lost = Session::open(&home, &name(), None, &at("nowhere.example")).await.unwrap_err();
    assert_eq!(lost.reason.code(), "NO_CONNECTION");
    assert_eq!(lost.mend.as_deref(), Some(&Mend::AskWhetherItMoved));
    // None that is one at all.
    config.directories.get_mut("un.example").unwrap().addresses = vec!["::1".to_owned()];
    home.set_config(&config).unwrap();
    let folder = home.folder(&name());
    std::fs::remove_file(folder.join("addresses")).unwrap();
    let bad = v1::Invitation { addresses: Vec::new(), ..fake.state().log.invitation() };
    let bad = crate::client::armour::write(crate::client::armour::Kind::Invitation, &bad);
    std::fs::write(folder.join("invitation"), bad).unwrap();
    let none = Session::open(&home, &name(), None, &at("new.example")).await.unwrap_err();
    assert_eq!((none.reason.code(), none.family), ("BAD_ADDRESS", Family::Usage));
    assert!(none.sentence.contains("config.toml: \"::1\""), "{none}");
}
