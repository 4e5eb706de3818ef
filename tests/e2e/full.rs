//! A disk that is full, slow, or read-only: what cannot wait is taken, reading goes on, and all of it goes
//! on by itself.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use liaison::client::message::acknowledge::acknowledge;
use liaison::client::message::compose::{Outside, Sealed};
use liaison::client::message::content::delivered;
use liaison::client::message::words;
use liaison::disk::space::{Found, Space};
use liaison::domain::administration::proposal::Act;
use liaison::domain::limits::{LEAST_FREE_BYTES, RESERVE_BYTES, RESERVE_LAST_PART, ROOM_AGAIN};
use liaison::domain::network::Network;
use liaison::domain::refusal::Refusal;
use liaison::domain::relay::envelope::verify_header;
use liaison::server::health;
use liaison::service::door::Caller;
use liaison::service::{Failure, Left, Shown, Storage};
use liaison::signed::proto::{self, AuditRecord, Class, Outcome, Urgency};
use liaison::store::Engine;
use liaison::wire::status;
use liaison::wire::v1::admin_service_client::AdminServiceClient;
use liaison::wire::v1::{
    AcknowledgeRequest, DropSessionsRequest, Envelope, GetAuditRequest, GetStandingRequest,
};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus::{NotServing, Serving};
use tonic_health::pb::health_client::HealthClient;

use crate::administration::{Desk, act};
use crate::expiry;
use crate::support::{
    Client, DAY, NOW, Open, Party, Replica, TestNet, Trust, alert, dates, home, identity, key,
    key_id, refusal, says, soon,
};

/// Room as it is given.
#[derive(Debug)]
struct Given(Mutex<Found>);

impl Space for Given {
    fn look(&self) -> io::Result<Found> {
        Ok(*self.0.lock().unwrap())
    }
}

/// `fr` writes to `jp`.
struct World {
    net: TestNet,
    given: Arc<Given>,
    fr: Party,
    jp: Party,
    seconds: u64,
}

impl World {
    async fn on(engine: Engine) -> Self {
        let given = Arc::new(Given(Mutex::new(AMPLE)));
        let space = Arc::<Given>::clone(&given);
        let open = Open { storage: Storage { space, reserve: RESERVE_BYTES }, ..home(engine) };
        let store = open.found().await;
        let net = TestNet::serve(open, store, Trust::new(dates())).await;
        let [fr, jp] = net.parties(["fr", "jp"]).await;
        Self { net, given, fr, jp, seconds: 0 }
    }

    /// So much is left from now on, and it is time to look again.
    fn gives(&mut self, found: Found) {
        *self.given.0.lock().unwrap() = found;
        self.seconds += 1;
        self.net.open.clock.set(NOW + self.seconds);
    }

    fn sealed(&self, urgency: Urgency, text: &str) -> Sealed {
        let replica = self.net.replica();
        let outside = Outside { urgency, ..self.fr.outside(&[&self.jp], &replica) };
        self.fr.seal(outside, &alert(text), &replica, &self.net.open.ambient)
    }

    /// The delivered receipt of a seat for a message.
    fn receipt(&self, seat: usize, of: &Envelope) -> Envelope {
        let replica = self.net.replica();
        let header = verify_header(&replica.directory, &of.header).unwrap();
        let (by, answered) = (self.jp.seats[seat].clone(), (header.digest(), header.addressing()));
        let outside =
            Outside::answering(&replica.directory, by, answered, Class::Receipt, replica.view());
        let contact = self.jp.contact.to_string();
        let place = proto::Place { contact, epoch: 1, number: 1, chain: vec![7; 32].into() };
        let inside = delivered(header.digest(), (Outcome::Opened, None), place, NOW);
        self.jp.seal(outside, &inside, &replica, &self.net.open.ambient).envelope
    }

    fn acknowledgement(&self, of: &Envelope) -> AcknowledgeRequest {
        let replica = self.net.replica();
        let header = verify_header(&replica.directory, &of.header).unwrap();
        let sign = key(&format!("{} sign", self.jp.seat()));
        let (by, said) = ((self.jp.seat(), &sign), (words::words(), None));
        let (directory, view) = (&replica.directory, replica.view());
        let ambient = &self.net.open.ambient;
        acknowledge(directory, by, (&header, 1), said, view, ambient).unwrap().request
    }

    /// A routine message is not taken for this reason, and nothing of it is kept.
    async fn refuses(&self, sender: &mut Client, why: (Code, &str)) {
        for text in [String::new(), "x".repeat(200 << 10)] {
            let before = self.net.everything().await;
            let routine = self.sealed(Urgency::Routine, &text).envelope;
            let refused = sender.submit(routine).await.unwrap_err();
            assert_eq!(refusal(&refused), (why.0, why.1.to_owned()));
            assert_eq!(status::retry_in(&refused), Some(ROOM_AGAIN));
            assert_eq!(self.net.everything().await, before, "{} bytes", text.len());
        }
    }
}

const LOCAL: Ipv4Addr = Ipv4Addr::LOCALHOST;
const HOUR: Duration = Duration::from_secs(3_600);
const AMPLE: Found = Found { free: RESERVE_BYTES, read_only: false };
const RESERVE: Found = Found { free: RESERVE_BYTES - 1, read_only: false };
const LAST: Found = Found { free: RESERVE_BYTES / RESERVE_LAST_PART - 1, read_only: false };
const NOTHING: Found = Found { free: LEAST_FREE_BYTES - 1, read_only: false };
const READ_ONLY: Found = Found { free: RESERVE_BYTES, read_only: true };
const FULL: (Code, &str) = (Code::ResourceExhausted, "STORAGE_FULL");

#[tokio::test]
async fn what_cannot_wait_is_taken_from_the_reserve_and_the_rest_when_there_is_room() {
    let mut world = World::on(Engine::Redb).await;
    let mut sender = world.net.client(&world.fr.tls()).await;
    let mut reader = world.net.client(&world.jp.tls()).await;
    let first = world.sealed(Urgency::Routine, "").envelope;
    sender.submit(first.clone()).await.unwrap();

    world.gives(RESERVE);
    world.refuses(&mut sender, FULL).await;
    let priority = world.sealed(Urgency::Priority, "").envelope;
    assert_eq!(refusal(&sender.submit(priority).await.unwrap_err()).1, FULL.1);
    let record = says::record(&world.net.replica(), "fr/cert").said();
    let enrolled = world.net.stranger().await.enrol(record.clone()).await.unwrap();
    assert_eq!(enrolled, Err(FULL.1.to_owned()));
    for urgency in [Urgency::Immediate, Urgency::Flash] {
        sender.submit(world.sealed(urgency, &"x".repeat(200 << 10)).envelope).await.unwrap();
    }
    reader.submit(world.receipt(0, &first)).await.unwrap();
    reader.relay.acknowledge(world.acknowledgement(&first)).await.unwrap();
    let revocation = says::revocation(&world.net.replica(), "fr/cert/duty-2").said();
    assert!(world.net.stranger().await.enrol(revocation).await.unwrap().is_ok());

    for left in [LAST, NOTHING] {
        world.gives(left);
        let before = world.net.everything().await;
        world.refuses(&mut sender, FULL).await;
        let flash = world.sealed(Urgency::Flash, "").envelope;
        assert_eq!(refusal(&sender.submit(flash).await.unwrap_err()).1, FULL.1);
        let receipt = world.receipt(1, &first);
        assert_eq!(refusal(&reader.submit(receipt).await.unwrap_err()).1, FULL.1);
        let revocation = says::revocation(&world.net.replica(), "jp/cert/duty-2").said();
        let refused = world.net.stranger().await.enrol(revocation).await.unwrap_err();
        assert_eq!(refusal(&refused).1, FULL.1);
        assert_eq!(world.net.everything().await, before);
        let replica = Replica::fold(&mut reader).await;
        let collected = replica.collect(&mut reader, &world.jp.contact).await;
        assert_eq!(collected.items.len(), 4, "reading goes on");
    }

    world.gives(AMPLE);
    reader.submit(world.receipt(1, &first)).await.unwrap();
    sender.submit(world.sealed(Urgency::Routine, "").envelope).await.unwrap();
    assert!(world.net.stranger().await.enrol(record).await.unwrap().is_ok());
    let counts = world.net.service.telemetry().counts();
    let (_, said) = counts.iter().find(|(kind, _)| *kind == "room").unwrap();
    assert_eq!(*said, 4, "each change is said once");
}

#[tokio::test]
async fn a_disk_that_is_read_only_is_named_and_reading_goes_on() {
    let mut world = World::on(Engine::Sled).await;
    let mut sender = world.net.client(&world.fr.tls()).await;
    sender.submit(world.sealed(Urgency::Routine, "").envelope).await.unwrap();
    world.gives(READ_ONLY);
    world.refuses(&mut sender, (Code::Unavailable, "STORAGE_READ_ONLY")).await;
    let mut reader = world.net.client(&world.jp.tls()).await;
    let replica = Replica::fold(&mut reader).await;
    assert_eq!(replica.collect(&mut reader, &world.jp.contact).await.items.len(), 1);
    assert_eq!(world.net.service.left(), Left::ReadOnly);
    world.gives(AMPLE);
    sender.submit(world.sealed(Urgency::Routine, "").envelope).await.unwrap();
}

/// What is given up there has its record; who only looks has it counted.
#[tokio::test]
async fn who_only_looks_takes_nothing_of_the_reserve() {
    let mut world = World::on(Engine::Memory).await;
    let mut dave = Desk::of(&world.net, "dave").await;
    let mut erin = Desk::of(&world.net, "erin").await;
    let proposed = act(&world.net, &Act::Drain, |_| {}, &["dave"]);
    let (id, _) = dave.propose(proposed.clone()).await.unwrap();
    let (before, _) = erin.trail().await;
    world.gives(RESERVE);
    dave.standing().await.unwrap();
    assert_eq!(refusal(&dave.propose(proposed).await.unwrap_err()).1, FULL.1);
    assert_eq!(
        refusal(&dave.abort(&Bytes::from_static(&[1; 32])).await.unwrap_err()).1,
        "UNKNOWN_PROPOSAL"
    );
    erin.trail().await;
    dave.abort(&id).await.unwrap();
    world.gives(AMPLE);
    let (after, _) = erin.trail().await;
    let read = |of: &Bytes| AuditRecord::decode(of.clone()).unwrap();
    let said = after[before.len()..].iter().map(read).map(|of| (of.call, of.unrecorded));
    assert_eq!(said.collect::<Vec<_>>(), [("Abort".to_owned(), 4), ("GetAudit".to_owned(), 0)]);
}

/// Its clock is not stored meanwhile: that would be a commit.
#[tokio::test]
async fn a_start_on_a_full_disk_commits_nothing_and_serves_who_reads() {
    for engine in [Engine::Redb, Engine::Sled] {
        let mut world = World::on(engine).await;
        let mut sender = world.net.client(&world.fr.tls()).await;
        sender.submit(world.sealed(Urgency::Routine, "").envelope).await.unwrap();
        world.gives(NOTHING);
        let (before, World { net, fr, jp, given, seconds }) = (world.net.everything().await, world);
        let (store, trust) = (Arc::clone(&net.store), Trust::new(dates()));
        let (open, _) = net.stop().await;
        open.clock.set(NOW + 7_200);
        let net = TestNet::serve(open, store, trust).await;
        let mut world = World { net, given, fr, jp, seconds: seconds + 7_200 };
        assert_eq!(world.net.everything().await, before, "{engine:?}");
        let mut reader = world.net.client(&world.jp.tls()).await;
        let replica = Replica::fold(&mut reader).await;
        assert_eq!(replica.collect(&mut reader, &world.jp.contact).await.items.len(), 1);
        world.refuses(&mut world.net.client(&world.fr.tls()).await, FULL).await;
        world.gives(AMPLE);
        let routine = world.sealed(Urgency::Routine, "").envelope;
        world.net.client(&world.fr.tls()).await.submit(routine).await.unwrap();
        assert_ne!(world.net.everything().await, before, "{engine:?}: the clock, too");
    }
}

/// Where nothing can be recorded nothing is done, and looking goes on; the next record says how often.
#[tokio::test]
async fn on_a_full_disk_the_administration_looks_and_changes_nothing() {
    let mut world = World::on(Engine::Redb).await;
    let of = async |net: &TestNet, person: &str| {
        let person = Some(identity(&format!("{person} tls"), dates()));
        AdminServiceClient::new(net.administer(person).await.unwrap().channel())
    };
    let (mut dave, mut erin) = (of(&world.net, "dave").await, of(&world.net, "erin").await);
    let nobody = world.net.administer(None).await.unwrap();
    let mut nobody = AdminServiceClient::new(nobody.channel());
    let whole = GetAuditRequest { start: 1, limit: 1_000 };
    let mut unrecorded = async || {
        let trail = erin.get_audit(whole).await.unwrap().into_inner().records;
        (trail.len(), AuditRecord::decode(trail.last().unwrap().clone()).unwrap().unrecorded)
    };
    let within = Caller::here(key_id("dave tls"), Network::of(LOCAL.into()));
    let drop = world.net.service.permit_here(within).await.unwrap();
    // Strangers write nothing to a disk that is nearly full.
    world.gives(RESERVE);
    assert!(nobody.get_standing(GetStandingRequest {}).await.is_err());
    world.gives(NOTHING);
    let before = world.net.everything().await;
    for _ in 0..3 {
        dave.get_standing(GetStandingRequest {}).await.unwrap();
    }
    let open = world.net.service.door().sessions().len();
    let refused = dave.drop_sessions(DropSessionsRequest::default()).await.unwrap_err();
    assert_eq!(refusal(&refused), (FULL.0, FULL.1.to_owned()));
    // Also past the door.
    let refused = world.net.service.drop_sessions(&drop, Vec::new()).await.unwrap_err();
    assert!(matches!(refused, Failure::Refused(Refusal::StorageFull)), "{refused:?}");
    assert_eq!(world.net.service.door().sessions().len(), open);
    assert_eq!(world.net.everything().await, before);
    world.gives(AMPLE);
    assert_eq!(unrecorded().await, (1, 6));
    assert_eq!(unrecorded().await, (2, 0));
}

/// A supervisor hears of it under a name of its own: who reads is served.
#[tokio::test]
async fn health_says_when_not_everything_is_taken() {
    let mut world = World::on(Engine::Memory).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = watch::channel(false);
    drop(tokio::spawn(health::run(listener, world.net.service.clone(), stopped)));
    let channel = Endpoint::from_shared(address).unwrap().connect().await.unwrap();
    let mut client = HealthClient::new(channel);
    let mut writes = client.watch(asked("liaison.v1.writes")).await.unwrap().into_inner();
    let all = async |client: &mut HealthClient<Channel>| {
        client.check(asked("")).await.unwrap().into_inner().status()
    };
    let mut until = async |status| {
        while writes.message().await.unwrap().unwrap().status() != status {}
    };
    soon("all", until(Serving)).await;
    for left in [RESERVE, LAST, READ_ONLY] {
        world.gives(left);
        soon("not all", until(NotServing)).await;
        assert_eq!(all(&mut client).await, Serving);
        world.gives(AMPLE);
        soon("all", until(Serving)).await;
    }
    stop.send_replace(true);
    soon("the end", until(NotServing)).await;
}

fn asked(name: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: name.to_owned() }
}

/// What has expired makes room once there is some, and not an hour later.
#[tokio::test(start_paused = true)]
async fn what_has_expired_goes_as_soon_as_there_is_room_for_that() {
    let mut world = World::on(Engine::Memory).await;
    let mut sender = world.net.client(&world.fr.tls()).await;
    sender.submit(world.sealed(Urgency::Routine, "").envelope).await.unwrap();
    let store = Arc::clone(&world.net.store);
    world.seconds = 99 * DAY;
    world.gives(NOTHING);
    let before = world.net.everything().await;
    // The job has looked meanwhile.
    tokio::time::sleep(HOUR * 3 / 2).await;
    assert_eq!(world.net.everything().await, before);
    world.gives(AMPLE);
    let begun = Instant::now();
    soon("all that is due", expiry::settled(store.as_ref(), NOW + world.seconds)).await;
    assert!(begun.elapsed() <= ROOM_AGAIN + Duration::from_secs(1), "{:?}", begun.elapsed());
}

/// A mark that does not fit keeps nobody from reading; what would be served and is not there does.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_start_goes_on_if_the_mark_does_not_fit_beside_its_checkpoint() {
    let open = home(Engine::Redb);
    let store = open.found().await;
    let founded = std::fs::read(open.high_water()).unwrap();
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    net.parties(["fr"]).await;
    let open = net.stop().await.0;
    let shown = Shown::read(&open.high_water()).unwrap();
    let fresh = open.high_water().with_extension("new");
    std::os::unix::fs::symlink("/dev/full", &fresh).unwrap();

    std::fs::write(open.high_water(), founded).unwrap();
    let why = open.start_again().await.expect_err("it does not start").to_string();
    assert!(why.contains("high-water cannot be used: "), "{why}");
    std::fs::write(open.high_water(), &shown.checkpoint).unwrap();
    let service = open.start_again().await.unwrap();
    assert_eq!(Shown::read(&open.high_water()).unwrap().mark, None);
    std::fs::remove_file(fresh).unwrap();
    service.settle().await;
    let mark = Shown::read(&open.high_water()).unwrap().mark.unwrap();
    assert!(mark.end.commits >= shown.mark.unwrap().end.commits);
}
