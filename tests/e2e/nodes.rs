//! The node's certificate: it renews by itself, is proven before anybody sees it, and what cannot be
//! renewed is said in time.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser as _;
use liaison::ambient::Ambient;
use liaison::cli::args::Cli;
use liaison::cli::{Context, Output};
use liaison::client::address::Address;
use liaison::client::error::ClientError;
use liaison::client::home::Home;
use liaison::client::reach::connect::{ConnectError, Connection, Proxies, Route, Tcp, connect};
use liaison::client::reach::session::Net;
use liaison::crypto::cert::PeerCertificate;
use liaison::crypto::hash::Digest;
use liaison::crypto::hosts;
use liaison::crypto::issue::Validity;
use liaison::domain::refusal::OwnKey;
use liaison::office::Machine;
use liaison::operate::config::ServiceHome;
use liaison::operate::{self, OperateError, Plan};
use liaison::server::listen::Drained;
use liaison::service::{NotRenewed, Service};
use liaison::store::Engine;
use liaison::tls::client::{ClientTls, ServerFault};
use liaison::wire::v1::GetChartersRequest;
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::way::Way;
use crate::support::{
    Client, DAY, NAME, NOW, Office, TestClock, TestNet, Trust, clock, dates, home, pem, soon,
};

/// A home of a service, as `init` makes it.
struct Kept {
    folder: TempDir,
    home: ServiceHome,
    clock: Arc<TestClock>,
    ambient: Ambient,
}

impl Kept {
    async fn new() -> Self {
        Self::at(&["localhost:7443"]).await
    }

    async fn at(addresses: &[&str]) -> Self {
        let (folder, (clock, ambient)) = (tempfile::tempdir().unwrap(), clock());
        let home = ServiceHome::at(&folder.path().join("service"));
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let plan = Plan {
            name: NAME.parse().unwrap(),
            registrars: Vec::new(),
            threshold: 1,
            operators: Vec::new(),
            auditors: Vec::new(),
            listen: free,
            admin: None,
            health: Some(free),
            addresses: addresses.iter().map(|text| Address::parse(text).unwrap()).collect(),
            admin_addresses: Vec::new(),
            engine: "redb".to_owned(),
        };
        let client = Home::at(folder.path().join("registrar"));
        operate::single(&home, &client, plan, &ambient).await.unwrap();
        Self { folder, home, clock, ambient }
    }

    /// Serves it, by a clock that its operator says is right.
    async fn serve(&self) -> Served {
        self.try_to_serve(true).await.unwrap()
    }

    async fn try_to_serve(&self, clock_is_right: bool) -> Result<Served, OperateError> {
        let (home, ambient) = (self.home.clone(), self.ambient.clone());
        let (stop, stopped) = watch::channel(false);
        let (say, bound) = oneshot::channel();
        let say = Mutex::new(Some(say));
        let serving = tokio::spawn(async move {
            let ready = move |bound: &operate::Bound| {
                let _ = say.lock().unwrap().take().unwrap().send(bound.clone());
            };
            operate::serve(&home, ambient, clock_is_right, stopped, ready).await
        });
        match soon("the start", bound).await {
            Ok(bound) => Ok(Served { bound, stop, serving }),
            Err(_) => Err(serving.await.unwrap().unwrap_err()),
        }
    }

    /// The registrar types a command, on a way that leads here.
    async fn registrar(&self, served: &Served, typed: &[&str]) {
        self.registrar_tries(served, typed).await.unwrap();
    }

    async fn registrar_tries(&self, served: &Served, typed: &[&str]) -> Result<(), ClientError> {
        let typed = ["liaison", "--no-input", "--json"].iter().chain(typed);
        let Cli { global, command } = Cli::try_parse_from(typed).unwrap();
        let dial = Arc::new(Way::new(Address::parse(&served.bound.members.to_string()).unwrap()));
        let (proxies, ambient) = (Proxies::default(), self.ambient.clone());
        let net = Net { dial, proxies, ambient };
        let home = Home::at(self.folder.path().join("registrar"));
        let ctx = Context::of(global, Output::new(true, true), Machine { home, net });
        liaison::cli::run_in(&ctx, command).await
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.home.key(name)
    }

    fn ca(&self) -> Vec<u8> {
        let text = std::fs::read_to_string(self.file("service-ca.crt")).unwrap();
        rustls_pemfile(&text)
    }

    async fn connect(&self, served: &Served) -> Result<Connection, ConnectError> {
        let clock = self.ambient.tls_clock();
        let tls = ClientTls::for_directory(NAME, &[self.ca()], None, clock).unwrap();
        let address = Address::parse(&served.bound.members.to_string()).unwrap();
        connect(Route { dial: Arc::new(Tcp), address, proxies: Proxies::default(), tls }).await
    }

    /// What somebody who connects now is shown.
    async fn shown(&self, served: &Served) -> Vec<u8> {
        self.connect(served).await.unwrap().certificate()
    }
}

/// The content of the only block.
fn rustls_pemfile(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    let lines = text.lines().filter(|line| !line.starts_with("-----"));
    base64::prelude::BASE64_STANDARD.decode(lines.collect::<String>()).unwrap()
}

struct Served {
    bound: operate::Bound,
    stop: watch::Sender<bool>,
    serving: JoinHandle<Result<Drained, OperateError>>,
}

impl Served {
    fn service(&self) -> &Service {
        &self.bound.service
    }

    async fn stop(self) {
        let Self { bound, stop, serving } = self;
        drop(bound);
        stop.send_replace(true);
        soon("the drain", serving).await.unwrap().unwrap();
    }

    /// A minute goes by: the node looks at its certificate.
    async fn a_minute_later(&self) {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(61)).await;
        tokio::time::resume();
    }

    async fn health(&self) -> ServingStatus {
        let address = format!("http://{}", self.bound.health.unwrap());
        let channel = tonic::transport::Endpoint::from_shared(address).unwrap().connect().await;
        let request = HealthCheckRequest { service: "liaison.v1.RelayService".to_owned() };
        let answer = HealthClient::new(channel.unwrap()).check(request).await.unwrap();
        answer.into_inner().status()
    }

    /// Until the service says so of itself, however many minutes go by.
    async fn until(&self, what: &'static str, is: impl Fn(&Service) -> bool) {
        for turn in 0..3_000_000 {
            if is(self.service()) {
                return;
            }
            // It looks on a thread of its own, which takes turns, and no minutes.
            if turn % 10_000 == 9_999 {
                self.a_minute_later().await;
            }
            tokio::task::yield_now().await;
        }
        panic!("{what}: nothing came");
    }
}

fn until(certificate: &[u8]) -> u64 {
    PeerCertificate::parse(certificate).unwrap().not_after()
}

#[tokio::test]
async fn a_certificate_is_renewed_at_two_thirds_of_its_life_and_old_connections_live_on() {
    let kept = Kept::new().await;
    let served = kept.serve().await;
    let first = kept.shown(&served).await;
    let state = served.service().node().unwrap();
    assert_eq!((until(&first), state.until), (NOW + 398 * DAY, NOW + 398 * DAY));
    assert_eq!(state.renews, NOW - DAY + 266 * DAY);
    let mut old = Client::over(&kept.connect(&served).await.unwrap());
    // A second before, a minute does nothing.
    kept.clock.set(state.renews - 1);
    served.a_minute_later().await;
    assert_eq!(kept.shown(&served).await, first);
    kept.clock.set(state.renews);
    served.a_minute_later().await;
    served.until("a new one", |service| service.node().unwrap().until > NOW + 398 * DAY).await;
    let second = kept.shown(&served).await;
    assert_eq!(until(&second), state.renews + 398 * DAY);
    let key = |der: &[u8]| PeerCertificate::parse(der).unwrap().key_id();
    assert_ne!(key(&first), key(&second), "a key is not used again");
    let request = GetChartersRequest { after_version: 0 };
    assert_eq!(old.enrolment.get_charters(request).await.unwrap().into_inner().newest, 1);
    assert_eq!(kept.shown(&served).await, second);
    // It is that of the files, too.
    served.stop().await;
    assert!(!kept.file("node.crt").exists());
    let served = kept.serve().await;
    assert_eq!(kept.shown(&served).await, second);
    // And an operator has it renewed whenever he likes.
    let state = served.service().renew_node().await.unwrap();
    let third = kept.shown(&served).await;
    assert_eq!(state.key, Some(key(&third)));
    assert_ne!(second, third);
    served.stop().await;
}

#[tokio::test]
async fn a_service_that_was_away_renews_before_it_listens_unless_its_clock_is_in_doubt() {
    for days in [270, 500] {
        let kept = Kept::new().await;
        kept.serve().await.stop().await;
        kept.clock.set(NOW + days * DAY);
        let served = kept.try_to_serve(false).await.unwrap();
        let state = served.service().node().unwrap();
        assert_eq!(state.trouble, Some(NotRenewed::ClockInDoubt), "dates come from no such clock");
        assert_eq!(state.until, NOW + 398 * DAY);
        assert_eq!(served.service().renew_node().await, Err(NotRenewed::ClockInDoubt));
        let over = days > 398;
        let health = if over { ServingStatus::NotServing } else { ServingStatus::Serving };
        assert_eq!(
            served.health().await,
            health,
            "nobody is told that it is well while it is dead"
        );
        if over {
            let Err(ConnectError::Server { source, .. }) = kept.connect(&served).await else {
                panic!("expected that nobody believes it")
            };
            assert_eq!(source, ServerFault::Expired);
        }
        served.stop().await;
        let served = kept.serve().await;
        assert_eq!(until(&kept.shown(&served).await), NOW + (days + 398) * DAY);
        assert_eq!(served.service().node().unwrap().trouble, None);
        assert_eq!(served.health().await, ServingStatus::Serving);
        served.stop().await;
    }
}

#[tokio::test]
async fn what_cannot_be_renewed_is_said_every_hour_and_shown_until_it_is_over() {
    let kept = Kept::new().await;
    let served = kept.serve().await;
    let first = kept.shown(&served).await;
    let elsewhere = kept.file("elsewhere");
    std::fs::rename(kept.file("service-ca.pem"), &elsewhere).unwrap();
    let said = |service: &Service| {
        let counts = service.telemetry().counts();
        counts.into_iter().find(|(kind, _)| *kind == "node_not_renewed").unwrap().1
    };
    let renews = NOW + 265 * DAY;
    for (seconds, times) in [(0, 1), (3_599, 1), (3_600, 2), (7_199, 2), (7_200, 3)] {
        kept.clock.set(renews + seconds);
        served.a_minute_later().await;
        served.until("a word", |service| said(service) >= times).await;
        assert_eq!(said(served.service()), times, "after {seconds} s");
        assert_eq!(kept.shown(&served).await, first);
        assert_eq!(served.health().await, ServingStatus::Serving);
    }
    let state = served.service().node().unwrap();
    assert_eq!(state.trouble, Some(NotRenewed::NoAuthority));
    kept.clock.set(NOW + 398 * DAY + 1);
    served.a_minute_later().await;
    served.until("a word", |service| said(service) >= 4).await;
    let mut looks = 0;
    while served.health().await != ServingStatus::NotServing {
        served.a_minute_later().await;
        looks += 1;
        assert!(looks < 1_000, "what is dead is called well");
    }
    // The authority is back, and the next hour mends it.
    std::fs::rename(&elsewhere, kept.file("service-ca.pem")).unwrap();
    kept.clock.set(NOW + 399 * DAY);
    served.a_minute_later().await;
    served.until("a new one", |service| service.node().unwrap().trouble.is_none()).await;
    kept.shown(&served).await;
    served.stop().await;
}

#[tokio::test]
async fn a_service_that_moved_shows_its_new_hosts_and_says_for_which_its_authority_may_not_issue() {
    let kept = Kept::at(&["relay.un.example:443"]).await;
    let config = std::fs::read_to_string(kept.home.config_file()).unwrap();
    let moved = config.replace(
        "\"relay.un.example:443\"",
        "\"new.relay.un.example:443\", \"elsewhere.example:443\", \"192.0.2.1:443\"",
    );
    assert_ne!(moved, config);
    std::fs::write(kept.home.config_file(), moved).unwrap();
    let served = kept.serve().await;
    let shown = kept.shown(&served).await;
    assert!(hosts::carries(&shown, &["new.relay.un.example", "192.0.2.1"]));
    assert!(!hosts::carries(&shown, &["elsewhere.example"]));
    let state = served.service().node().unwrap();
    assert_eq!(state.left_out, ["elsewhere.example"]);
    assert_eq!(state.hosts, ["new.relay.un.example", "192.0.2.1"]);
    served.stop().await;
    // What is as it should be is left as it is.
    let served = kept.serve().await;
    assert_eq!(kept.shown(&served).await, shown);
    served.stop().await;
}

#[tokio::test]
async fn what_nobody_would_believe_is_never_shown() {
    let kept = Kept::new().await;
    let good = std::fs::read_to_string(kept.file("node.pem")).unwrap();
    let at = good.find("-----BEGIN CERTIFICATE").unwrap();
    let other = Trust::new(dates());
    let spoilt = [
        ("another authority's", {
            let key = pem("PRIVATE KEY", other.key.pkcs8());
            format!("{key}{}", pem("CERTIFICATE", &other.certificate))
        }),
        ("another key's", format!("{}{}", pem("PRIVATE KEY", other.key.pkcs8()), &good[at..])),
        ("no certificate", good[..at].to_owned()),
        ("nothing", String::new()),
    ];
    for (what, text) in spoilt {
        std::fs::write(kept.file("node.pem"), &text).unwrap();
        // Without its authority there is nothing to show, and nothing is served.
        std::fs::rename(kept.file("service-ca.pem"), kept.file("elsewhere")).unwrap();
        let Err(why) = kept.try_to_serve(true).await else { panic!("{what} is served") };
        assert!(matches!(why, OperateError::NoNode(_, NotRenewed::NoAuthority)), "{what}: {why}");
        std::fs::rename(kept.file("elsewhere"), kept.file("service-ca.pem")).unwrap();
        let served = kept.serve().await;
        assert_eq!(until(&kept.shown(&served).await), NOW + 398 * DAY, "{what}");
        served.stop().await;
    }
}

/// Until then a member whose copy is not stale may know the old one alone.
#[tokio::test]
async fn a_newer_authority_takes_over_when_members_know_the_charter_that_lists_it() {
    let kept = Kept::new().await;
    let staged = operate::stage_key(&kept.home, &kept.ambient, OwnKey::Authority).await.unwrap();
    let file = kept.folder.path().join("ca.crt");
    std::fs::write(&file, operate::staged_file(&staged, NAME)).unwrap();
    let served = kept.serve().await;
    let first = kept.shown(&served).await;
    let file = file.to_str().unwrap();
    kept.registrar(&served, &["charter", "draft", "--service-ca", file, "--yes"]).await;
    kept.clock.set(NOW + DAY - 1);
    for _ in 0..3 {
        served.a_minute_later().await;
    }
    assert_eq!(kept.shown(&served).await, first);
    kept.clock.set(NOW + DAY);
    let new = Some(Digest::of(&staged.certificate));
    served.until("the newer authority", |service| service.node().unwrap().authority == new).await;
    let Err(ConnectError::Server { source, .. }) = kept.connect(&served).await else {
        panic!("expected that nobody believes it who knows the old one alone")
    };
    assert!(matches!(source, ServerFault::UnknownIssuer { .. }), "{source}");
    // By the charter that the service shows it is believed.
    kept.registrar(&served, &["sync"]).await;
    served.stop().await;
}

/// A charter by which every member would lock himself out is not logged.
#[tokio::test]
async fn a_charter_under_which_nobody_would_connect_is_refused() {
    let kept = Kept::new().await;
    let staged = operate::stage_key(&kept.home, &kept.ambient, OwnKey::Authority).await.unwrap();
    let old = hex::encode(Digest::of(&kept.ca()).as_bytes());
    let served = kept.serve().await;
    let at = |name: &str| kept.folder.path().join(name).display().to_string();
    // Signed by one algorithm, it says, and by another: our clients read no such certificate, and with it
    // no other of the list.
    let mut odd = kept.ca();
    let algorithm = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    let outer = odd.windows(8).rposition(|part| part == algorithm).unwrap();
    odd[outer + 7] = 3;
    std::fs::write(at("odd.crt"), pem("CERTIFICATE", &odd)).unwrap();
    std::fs::write(at("new.crt"), operate::staged_file(&staged, NAME)).unwrap();
    let drafts = async |more: &[&str]| {
        let before = served.service().state().head.size;
        let typed = [&["charter", "draft", "--yes"], more].concat();
        let reason =
            kept.registrar_tries(&served, &typed).await.err().map(|why| why.reason.to_string());
        (reason.unwrap_or_default(), served.service().state().head.size - before)
    };
    let refused = ("SERVICE_NOT_BELIEVED".to_owned(), 0);
    assert_eq!(drafts(&["--service-ca", &at("odd.crt")]).await, refused);
    assert_eq!(drafts(&["--service-ca", &at("new.crt")]).await, (String::new(), 1));
    // The key of the only one that would be left is damaged meanwhile.
    let file = kept.file(&format!("service-ca-{}.pem", &hex::encode(staged.id.as_bytes())[..16]));
    let key = std::fs::read(&file).unwrap();
    std::fs::write(&file, "not a key").unwrap();
    let shown = kept.shown(&served).await;
    assert_eq!(drafts(&["--remove-service-ca", &old]).await, refused);
    assert_eq!(kept.shown(&served).await, shown);
    std::fs::write(&file, key).unwrap();
    assert_eq!(drafts(&["--remove-service-ca", &old]).await, (String::new(), 1));
    assert_eq!(served.service().node().unwrap().authority, Some(Digest::of(&staged.certificate)));
    // Nor is it where nobody serves.
    let draft = ["charter", "draft", "--service-ca", &at("odd.crt"), "--out", &at("next.draft")];
    kept.registrar(&served, &draft).await;
    served.stop().await;
    let file = at("next.draft");
    let put = operate::put_charter(&kept.home, &kept.ambient, file.as_ref(), false).await;
    let refused = matches!(put, Err(OperateError::NotRenewed(NotRenewed::NotBelieved(_))));
    assert!(refused, "{put:?}");
}

/// The homes of before kept key and certificate apart.
#[tokio::test]
async fn a_home_of_before_is_served_as_it_is_and_renewed_into_one_file() {
    let kept = Kept::new().await;
    let both = std::fs::read_to_string(kept.file("node.pem")).unwrap();
    let (key, certificate) = both.split_at(both.find("-----BEGIN CERTIFICATE").unwrap());
    std::fs::write(kept.file("node.pem"), key).unwrap();
    std::fs::write(kept.file("node.crt"), certificate).unwrap();
    let served = kept.serve().await;
    assert_eq!(kept.shown(&served).await, rustls_pemfile(certificate));
    served.service().renew_node().await.unwrap();
    assert!(!kept.file("node.crt").exists());
    // Where the process is killed before that goes, it is not looked at.
    std::fs::write(kept.file("node.crt"), certificate).unwrap();
    let second = kept.shown(&served).await;
    served.stop().await;
    let served = kept.serve().await;
    assert_eq!(kept.shown(&served).await, second);
    served.stop().await;
}

#[tokio::test]
async fn a_home_that_is_not_served_is_renewed_by_hand_and_one_that_is_not() {
    let kept = Kept::new().await;
    let before = operate::node(&kept.home, &kept.ambient).unwrap();
    assert_eq!(before.until, NOW + 398 * DAY);
    let tried = operate::renew_node(&kept.home, &kept.ambient, true).unwrap();
    assert_ne!(tried.key, before.key);
    assert_eq!(operate::node(&kept.home, &kept.ambient).unwrap(), before, "it was only tried");
    let served = kept.serve().await;
    let refused = operate::renew_node(&kept.home, &kept.ambient, false).unwrap_err();
    assert!(matches!(refused, OperateError::Served { .. }), "{refused}");
    served.stop().await;
    let renewed = operate::renew_node(&kept.home, &kept.ambient, false).unwrap();
    let served = kept.serve().await;
    let shown = PeerCertificate::parse(&kept.shown(&served).await).unwrap().key_id();
    assert_eq!((renewed.key, Some(shown)), (Some(shown), renewed.key));
    served.stop().await;
}

#[tokio::test]
async fn members_see_the_end_of_the_services_certificate_coming() {
    for (left, how) in [(140, None), (130, Some("last third")), (60, Some("last sixth"))] {
        let open = home(Engine::Memory);
        let store = open.found().await;
        let (not_before, not_after) = (NOW - (398 - left) * DAY, NOW + left * DAY);
        let trust = Trust::new(Validity { not_before, not_after, serial: [1; 16] });
        let net = TestNet::serve(open, store, trust).await;
        let mut office = Office::new(&net, "fr").await;
        office.run(&["sync"]).await.unwrap();
        office.printed();
        // Offline by what was seen last, and in the handshake by what is shown.
        office.run(&["status"]).await.unwrap();
        let status = office.printed().pop().unwrap();
        assert_eq!(status["service_certificate"]["until"], not_after);
        let warned = status["warnings"].to_string();
        assert_eq!(warned.contains("the certificate of the service"), how.is_some(), "{warned}");
        assert!(how.is_none_or(|how| warned.contains(how)), "{warned}");
        drop(office.run(&["doctor"]).await);
        let doctor = office.printed().pop().unwrap();
        let rows = doctor["checks"].as_array().unwrap();
        let row = rows.iter().find(|row| row["check"] == "service certificate").unwrap();
        let result = if how.is_some() { "warning" } else { "ok" };
        assert_eq!(row["result"], result, "{row}");
    }
}
