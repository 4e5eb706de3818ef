//! What those who mean harm cost an honest member: `cargo bench --bench attacks`.
//!
//! The service runs in a process of its own, within the limits that it has by default, on sled, and so
//! does the attacker. Two honest members ask, each time on a new connection, twenty times a second by a fixed
//! schedule: before an attack, during it, and after. A control burns as much processor time as service
//! and attacker did, and does nothing else: what is beyond it is the attack's own. The attacker is given
//! what processor time the others leave, for in life it has machines of its own, and so is its part of
//! the control.
//!
//! 127.0.N.M stands for an address of the network N.

#![expect(clippy::unwrap_used, reason = "as in tests")]
#![expect(clippy::print_stdout, reason = "its output is a table")]

#[path = "../tests/e2e/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests' own, and more than is needed here")]
mod support;
#[path = "../tests/world/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests' own, and more than is needed here")]
mod world;

use std::ffi::OsStr;
use std::future::Future;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Parser;
use liaison::ambient::Ambient;
use liaison::client::address::Address;
use liaison::client::reach::connect::{Proxies, Route, connect};
use liaison::server::process;
use liaison::service::door::Limits;
use liaison::store::Engine;
use liaison::tls::Identity;
use liaison::tls::client::ClientTls;
use liaison::wire::v1::{
    GetChartersRequest, GetCheckpointRequest, GetEntriesRequest, LookUpRequest,
};
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::Code;

use support::raw::{self, Frame, Raw};
use support::says;
use support::{Client, From, NAME, Party, TestNet, Trust, dates, home, identity};

// As in the programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser, Clone)]
struct Arguments {
    /// How long each part of a measurement takes.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Only attacks whose name has this in it.
    #[arg(long, default_value = "")]
    only: String,
    /// A cgroup that the service is put into: `memory.limit_in_bytes` or `memory.max` is set by whoever
    /// made it.
    #[arg(long)]
    cgroup: Option<PathBuf>,
    /// Be the service: what the program starts itself with.
    #[arg(long, hide = true)]
    serve: bool,
    /// Be the attacker: NAME ADDRESS CERTIFICATE.
    #[arg(long, hide = true, num_args = 3)]
    attack: Option<Vec<String>>,
    /// Burn so many cores.
    #[arg(long, hide = true)]
    burn: Option<f64>,
    /// What cargo says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    process::prepare().unwrap();
    if let Some(cores) = arguments.burn {
        return burn(cores);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if arguments.serve {
        runtime.block_on(serve());
    } else if let Some([name, address, ca]) = arguments.attack.as_deref() {
        runtime.block_on(attack(name, Target::new(address, ca)));
    } else {
        runtime.block_on(measure(arguments));
    }
}

const MEMBERS: [&str; 3] = ["fr", "jp", "at"];

/// The service: its address and its authority's certificate are its first line. It ends with its
/// standard input.
async fn serve() {
    liaison::operate::telemetry::start(None, false);
    let mut open = home(Engine::Sled);
    // Statements of the founding come before anybody means harm.
    open.ambient = Ambient::system().with_clock(Arc::new(Shifted::to(support::NOW)));
    open.limits = Limits { member_day: (1 << 10, 1 << 30), ..Limits::default() };
    let store = open.found().await;
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    net.parties(MEMBERS).await;
    // A past: the pages of the log are full.
    let mut seat = net.client("jp/cert/duty-1 tls").await;
    for _ in 0..60 {
        let roster = says::roster(&net.replica(), "jp/cert", 16);
        seat.publish(roster.said()).await.unwrap().unwrap();
    }
    let pem = net.ca_pem();
    let ca: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    println!("{} {ca}", net.address);
    std::io::stdout().flush().unwrap();
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await.unwrap();
}

/// The tests' date, and a clock that goes.
struct Shifted {
    to: u64,
    began: Instant,
}

impl Shifted {
    fn to(to: u64) -> Self {
        Self { to, began: Instant::now() }
    }
}

impl liaison::ambient::Clock for Shifted {
    fn now(&self) -> Duration {
        Duration::from_secs(self.to) + self.began.elapsed()
    }
}

/// Attacks until the process ends, which its standard input tells.
async fn attack(name: &str, target: Target) {
    let (_, _, attack) = ATTACKS.iter().find(|(of, _, _)| *of == name).unwrap();
    attack(Arc::new(target)).into_iter().for_each(|task| drop(tokio::spawn(task)));
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await.unwrap();
    std::process::exit(0);
}

/// A service in another process.
struct Victim {
    child: Child,
    says: String,
    telemetry: tempfile::NamedTempFile,
    target: Arc<Target>,
}

/// This program once more, to do one thing until it is dropped.
struct Helper(Child);

impl Helper {
    fn start<'a>(elsewhere: bool, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let own = std::env::current_exe().unwrap();
        let mut command =
            Command::new(if elsewhere { OsStr::new("chrt") } else { own.as_os_str() });
        if elsewhere {
            // sched(7), SCHED_IDLE: it runs when nobody else does.
            command.args(["--idle", "0"]).arg(own);
        }
        let command = command.args(arguments).stdin(Stdio::piped()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How to reach it.
struct Target {
    address: Address,
    ca: Vec<u8>,
    ambient: Ambient,
}

impl Victim {
    fn start(cgroup: Option<&Path>) -> Self {
        let telemetry = tempfile::NamedTempFile::new().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("--serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(telemetry.reopen().unwrap())
            .spawn()
            .unwrap();
        if let Some(cgroup) = cgroup {
            std::fs::write(cgroup.join("cgroup.procs"), child.id().to_string()).unwrap();
        }
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let says = line.trim().to_owned();
        let (address, ca) = says.split_once(' ').expect("an address and a certificate");
        let target = Arc::new(Target::new(address, ca));
        Self { child, says, telemetry, target }
    }

    /// Who attacks it.
    fn attacked(&self, name: &str) -> Helper {
        let says = self.says.split(' ');
        Helper::start(true, ["--attack", name].into_iter().chain(says))
    }

    /// Bytes of its memory, of its telemetry, and its processor time.
    fn costs(&self) -> (f64, u64, f64) {
        let id = self.child.id();
        let statm = std::fs::read_to_string(format!("/proc/{id}/statm")).unwrap();
        let pages: f64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
        let written = self.telemetry.as_file().metadata().unwrap().len();
        (pages * 4096.0, written, processor(id))
    }
}

impl Target {
    fn new(address: &str, ca: &str) -> Self {
        let (address, ca) = (Address::parse(address).unwrap(), BASE64_STANDARD.decode(ca).unwrap());
        let ambient = Ambient::system().with_clock(Arc::new(Shifted::to(support::NOW)));
        Self { address, ca, ambient }
    }

    fn tls(&self, own: Option<Identity>) -> ClientTls {
        let authorities = std::slice::from_ref(&self.ca);
        ClientTls::for_directory(NAME, authorities, own, self.ambient.tls_clock()).unwrap()
    }

    /// A connection of a seat, or of nobody, from a network.
    async fn client(&self, network: u8, key: Option<&str>) -> Option<Client> {
        self.client_from(From(network, 1), key).await
    }

    async fn client_from(&self, from: From, key: Option<&str>) -> Option<Client> {
        let tls = self.tls(key.map(|key| identity(key, dates())));
        let (dial, address) = (Arc::new(from), self.address.clone());
        let route = Route { dial, address, proxies: Proxies::default(), tls };
        connect(route).await.ok().map(|connection| Client::over(&connection))
    }

    async fn raw(&self, network: u8, key: Option<&str>) -> Option<TlsStream<TcpStream>> {
        self.raw_from(From(network, 1), key).await
    }

    async fn raw_from(&self, from: From, key: Option<&str>) -> Option<TlsStream<TcpStream>> {
        let tls = self.tls(key.map(|key| identity(key, dates())));
        let stream = from.stream(&self.address).await.ok()?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(tls.config()).connect(name, stream).await.ok()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Seconds of processor time of a process so far.
fn processor(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let rest = stat.rsplit_once(") ").unwrap().1;
    let field = |at: usize| rest.split(' ').nth(at).unwrap().parse::<f64>().unwrap();
    // utime and stime, in hundredths (proc(5)).
    (field(11) + field(12)) / 100.0
}

/// Latencies of honest members, ms.
struct Seen {
    p50: f64,
    p99: f64,
    failed: usize,
}

/// Asks on a new connection, by a fixed schedule: who is late is late from when he should have asked.
async fn honest(target: &Arc<Target>, seconds: f64) -> Seen {
    const EVERY: Duration = Duration::from_millis(50);
    let (began, mut took, mut failed) = (Instant::now(), Vec::new(), 0);
    let mut asked = JoinSet::new();
    for at in 0..(seconds / EVERY.as_secs_f64()) as u32 {
        let (due, target) = (began + at * EVERY, Arc::clone(target));
        asked.spawn(async move {
            tokio::time::sleep_until(due.into()).await;
            let asked = async {
                let own = ["fr/cert/duty-1 tls", "jp/cert/duty-1 tls"][at as usize % 2];
                let mut client = target.client(0, Some(own)).await?;
                client.directory.get_checkpoint(GetCheckpointRequest {}).await.ok()
            };
            let answered = tokio::time::timeout(Duration::from_secs(10), asked).await;
            answered.ok().flatten().map(|_| due.elapsed().as_secs_f64() * 1e3)
        });
    }
    while let Some(answered) = asked.join_next().await {
        match answered.unwrap() {
            Some(ms) => took.push(ms),
            None => failed += 1,
        }
    }
    took.sort_by(f64::total_cmp);
    let part = |of: f64| took.get(((took.len() as f64 - 1.0) * of) as usize).copied();
    let none = f64::INFINITY;
    Seen { p50: part(0.5).unwrap_or(none), p99: part(0.99).unwrap_or(none), failed }
}

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;
type Attack = fn(Arc<Target>) -> Vec<Running>;

/// Name, what it does, and the tasks that do it until they are aborted.
const ATTACKS: [(&str, &str, Attack); 19] = [
    ("idle-tcp", "16 connections each of 256 addresses in 64 networks, no byte sent", idle_tcp),
    ("idle-h2", "the same with TLS and SETTINGS", idle_h2),
    ("asking", "the same, and GetCharters in a loop on each", asking),
    ("half-open", "half a hello, of 64 networks", half_open),
    ("hello-flood", "hellos as fast as it goes, of one network", hello_flood),
    ("header-only", "HEADERS of Enrol without a body, of 16 networks", header_only),
    ("charters", "GetCharters in a loop, nobody", charters),
    ("publish-junk", "statements with wrong signatures, a seat", publish_junk),
    ("pongs", "PING acks never asked for, nobody", pongs),
    ("windows", "WINDOW_UPDATE of one, nobody", windows),
    ("unknown", "unknown frames, nobody", unknown),
    (
        "length-lie",
        "64 requests a connection that say 1.5 MiB, 16 connections of a seat",
        length_lie,
    ),
    (
        "never-read",
        "64 pages of the log a connection, window 0, 8 connections of a seat",
        never_read,
    ),
    ("look-up", "LookUp, a seat", look_up),
    ("entries", "GetEntries, a seat", entries),
    ("submit", "Submit of 4 KiB, a seat", submit),
    ("follow", "800 streams, a seat", follow),
    ("reset", "requests reset at once, a seat", reset),
    ("all", "all of these together", all),
];

async fn measure(arguments: Arguments) {
    println!(
        "| attack | before p50/p99 | during | control | after | failed | MiB before | during | \
         after | telemetry KiB | cores of the service, of the attacker |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (name, _, _) in ATTACKS {
        if !name.contains(&arguments.only) {
            continue;
        }
        let victim = Victim::start(arguments.cgroup.as_deref());
        let target = &victim.target;
        honest(target, 0.5).await;
        let before = honest(target, arguments.seconds).await;
        let (memory, written, _) = victim.costs();
        let (began, at) = (Instant::now(), victim.costs().2);
        let attacker = victim.attacked(name);
        let during = honest(target, arguments.seconds).await;
        let (most, _, spent) = victim.costs();
        let lasted = began.elapsed().as_secs_f64();
        let cores = [(spent - at) / lasted, processor(attacker.0.id()) / lasted];
        drop(attacker);
        let (_, now_written, _) = victim.costs();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let after = honest(target, arguments.seconds).await;
        let (left, _, _) = victim.costs();
        let [own, elsewhere] = cores.map(|cores| cores.to_string());
        let burning =
            [Helper::start(false, ["--burn", &own]), Helper::start(true, ["--burn", &elsewhere])];
        let control = honest(target, arguments.seconds).await;
        drop(burning);
        let pair = |seen: &Seen| format!("{:.0}/{:.0}", seen.p50, seen.p99);
        let mib = |bytes: f64| bytes / (1 << 20) as f64;
        println!(
            "| {name} | {} | {} | {} | {} | {} | {:.0} | {:.0} | {:.0} | {:.0} | {:.2}, {:.2} |",
            pair(&before),
            pair(&during),
            pair(&control),
            pair(&after),
            before.failed + during.failed + after.failed + control.failed,
            mib(memory),
            mib(most),
            mib(left),
            (now_written - written) as f64 / 1024.0,
            cores[0],
            cores[1],
        );
    }
}

/// Burns so many cores in all, a millisecond at a time, until the process ends.
fn burn(cores: f64) {
    let whole = cores.ceil().max(1.0);
    let share = cores / whole;
    let burning = (0..whole as usize).map(|_| {
        std::thread::spawn(move || {
            loop {
                let busy = Instant::now();
                while busy.elapsed() < Duration::from_micros((1_000.0 * share) as u64) {
                    std::hint::spin_loop();
                }
                std::thread::sleep(Duration::from_micros((1_000.0 * (1.0 - share)) as u64));
            }
        })
    });
    burning.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
}

/// One of these for each of so many networks.
fn of_networks<F>(networks: std::ops::RangeInclusive<u8>, task: impl Fn(u8) -> F) -> Vec<Running>
where
    F: Future<Output = ()> + Send + 'static,
{
    networks.map(|network| Box::pin(task(network)) as Running).collect()
}

const SEAT: Option<&str> = Some("at/cert/duty-1 tls");

async fn forever() {
    std::future::pending::<()>().await;
}

/// Opens again what was closed.
async fn keep<T, F: Future<Output = Option<T>>>(count: usize, open: impl Fn() -> F) {
    let mut kept = std::collections::VecDeque::new();
    loop {
        match open().await {
            Some(one) => kept.push_back(one),
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        if kept.len() >= count {
            tokio::time::sleep(Duration::from_millis(200)).await;
            kept.pop_front();
        }
    }
}

/// One of these for each of 256 addresses in 64 networks.
fn of_addresses<F>(task: impl Fn(u8, u8) -> F + Copy) -> Vec<Running>
where
    F: Future<Output = ()> + Send + 'static,
{
    (1..=4).flat_map(|host| of_networks(1..=64, move |network| task(network, host))).collect()
}

fn idle_tcp(victim: Arc<Target>) -> Vec<Running> {
    of_addresses(&move |network, host| {
        let victim = Arc::clone(&victim);
        async move {
            let open = || async { From(network, host).stream(&victim.address).await.ok() };
            keep(16, open).await;
        }
    })
}

fn idle_h2(victim: Arc<Target>) -> Vec<Running> {
    of_addresses(&move |network, host| {
        let victim = Arc::clone(&victim);
        async move {
            let open = || async {
                let stream = victim.raw_from(From(network, host), None).await?;
                Some(Raw::greet(stream, &[]).await)
            };
            keep(16, open).await;
        }
    })
}

fn asking(victim: Arc<Target>) -> Vec<Running> {
    of_addresses(&move |network, host| {
        let victim = Arc::clone(&victim);
        async move {
            let open = || async {
                let mut client = victim.client_from(From(network, host), None).await?;
                let mut asking = JoinSet::new();
                asking.spawn(async move {
                    let request = GetChartersRequest { after_version: 0 };
                    let busy = |why: &tonic::Status| why.code() == Code::ResourceExhausted;
                    while client
                        .enrolment
                        .get_charters(request)
                        .await
                        .as_ref()
                        .err()
                        .is_none_or(busy)
                    {}
                });
                Some(asking)
            };
            keep(16, open).await;
        }
    })
}

fn half_open(victim: Arc<Target>) -> Vec<Running> {
    of_networks(1..=64, move |network| {
        let victim = Arc::clone(&victim);
        async move {
            let open = || async {
                let mut stream = From(network, 1).stream(&victim.address).await.ok()?;
                stream.write_all(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03").await.ok()?;
                Some(stream)
            };
            keep(64, open).await;
        }
    })
}

fn hello_flood(victim: Arc<Target>) -> Vec<Running> {
    of_networks(1..=1, move |network| {
        let victim = Arc::clone(&victim);
        async move {
            loop {
                drop(victim.raw(network, None).await);
            }
        }
    })
}

fn header_only(victim: Arc<Target>) -> Vec<Running> {
    of_networks(1..=16, move |network| {
        let victim = Arc::clone(&victim);
        async move {
            loop {
                let Some(stream) = victim.raw(network, None).await else { continue };
                let mut raw = Raw::greet(stream, &[]).await;
                for at in 0..64 {
                    raw.say(raw::request(2 * at + 1, "/liaison.v1.EnrolmentService/Enrol", 0))
                        .await;
                }
                while raw.next(raw::GOAWAY).await.is_some() {}
            }
        }
    })
}

/// Calls in a loop, on one connection, also when told to wait.
fn calls<F>(victim: Arc<Target>, key: Option<&'static str>, call: fn(Client) -> F) -> Vec<Running>
where
    F: Future<Output = ()> + Send + 'static,
{
    let one = move |network| {
        let victim = Arc::clone(&victim);
        async move {
            loop {
                if let Some(client) = victim.client(network, key).await {
                    call(client).await;
                }
            }
        }
    };
    of_networks(1..=4, one)
}

fn charters(victim: Arc<Target>) -> Vec<Running> {
    calls(victim, None, |mut client| async move {
        loop {
            let request = GetChartersRequest { after_version: 0 };
            let _ = client.enrolment.get_charters(request).await;
        }
    })
}

fn publish_junk(victim: Arc<Target>) -> Vec<Running> {
    calls(victim, SEAT, |mut client| async move {
        let replica = support::Replica::fold(&mut client).await;
        let junk = says::roster(&replica, "at/cert", 2).said().with(|dsse| {
            dsse.signatures[0].sig = vec![7; 64].into();
        });
        loop {
            let _ = client.publish(junk.clone()).await;
        }
    })
}

fn frames(victim: Arc<Target>, frame: Frame) -> Vec<Running> {
    of_networks(1..=1, move |network| {
        let (victim, frame) = (Arc::clone(&victim), frame.clone());
        async move {
            let many = frame.bytes().repeat(512);
            loop {
                let Some(mut stream) = victim.raw(network, None).await else { continue };
                let greeting =
                    [raw::PREFACE, &Frame::new(raw::SETTINGS, 0, 0, &[]).bytes()].concat();
                let mut alive = stream.write_all(&greeting).await.is_ok();
                while alive {
                    alive = stream.write_all(&many).await.is_ok();
                }
            }
        }
    })
}

fn pongs(victim: Arc<Target>) -> Vec<Running> {
    frames(victim, Frame::new(raw::PING, raw::ACK, 0, &[7; 8]))
}

fn windows(victim: Arc<Target>) -> Vec<Running> {
    frames(victim, Frame::new(raw::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]))
}

fn unknown(victim: Arc<Target>) -> Vec<Running> {
    frames(victim, Frame::new(0xfa, 0, 0, b"what is this"))
}

/// So many connections of a seat, each with 64 requests of which a part is said.
fn held(
    victim: Arc<Target>,
    (connections, settings): (u8, &'static [(u16, u32)]),
    request: fn(u32) -> [Frame; 2],
) -> Vec<Running> {
    of_networks(1..=connections, move |network| {
        let victim = Arc::clone(&victim);
        async move {
            let Some(stream) = victim.raw(network, SEAT).await else { return };
            let mut raw = Raw::greet(stream, settings).await;
            for at in 0..64 {
                for frame in request(2 * at + 1) {
                    raw.say(frame).await;
                }
            }
            while raw.next(raw::GOAWAY).await.is_some() {}
            forever().await;
        }
    })
}

fn length_lie(victim: Arc<Target>) -> Vec<Running> {
    held(victim, (16, &[]), |stream| {
        let says = raw::message(3 * 512 * 1024, &[10]);
        [
            raw::request(stream, "/liaison.v1.RelayService/Submit", 0),
            Frame::new(raw::DATA, 0, stream, &says),
        ]
    })
}

fn never_read(victim: Arc<Target>) -> Vec<Running> {
    held(victim, (8, &[(4, 0)]), |stream| {
        let says = raw::message(3, &[16, 232, 7]);
        [
            raw::request(stream, "/liaison.v1.DirectoryService/GetEntries", 0),
            Frame::new(raw::DATA, raw::END_STREAM, stream, &says),
        ]
    })
}

fn look_up(victim: Arc<Target>) -> Vec<Running> {
    calls(victim, SEAT, |mut client| async move {
        loop {
            let request = LookUpRequest { contact: "fr/cert".to_owned() };
            let _ = client.directory.look_up(request).await;
        }
    })
}

fn entries(victim: Arc<Target>) -> Vec<Running> {
    calls(victim, SEAT, |mut client| async move {
        loop {
            let request = GetEntriesRequest { start: 0, limit: 1_000 };
            let _ = client.directory.get_entries(request).await;
        }
    })
}

fn submit(victim: Arc<Target>) -> Vec<Running> {
    let ambient = victim.ambient.clone();
    let one = async move {
        let Some(mut client) = victim.client(1, SEAT).await else { return };
        let replica = support::Replica::fold(&mut client).await;
        let [own, to] = ["at/cert", "jp/cert"].map(|contact| Party::new(contact, 2));
        loop {
            let sealed = own.compose(&[&to], &replica, &ambient);
            let _ = client.submit(sealed.envelope).await;
        }
    };
    vec![Box::pin(one)]
}

fn follow(victim: Arc<Target>) -> Vec<Running> {
    of_networks(1..=8, move |network| {
        let victim = Arc::clone(&victim);
        async move {
            let Some(mut client) = victim.client(network, SEAT).await else { return };
            let mut streams = Vec::new();
            for _ in 0..100 {
                streams.extend(client.collect(0, true).await.ok());
            }
            forever().await;
        }
    })
}

fn reset(victim: Arc<Target>) -> Vec<Running> {
    of_networks(1..=1, move |network| {
        let victim = Arc::clone(&victim);
        async move {
            loop {
                let Some(stream) = victim.raw(network, SEAT).await else { continue };
                let mut raw = Raw::greet(stream, &[]).await;
                for at in 0..4_096 {
                    let path = "/liaison.v1.DirectoryService/GetEntries";
                    raw.say(raw::request(2 * at + 1, path, 0)).await;
                    raw.say(Frame::new(raw::RST_STREAM, 0, 2 * at + 1, &[0, 0, 0, 8])).await;
                }
            }
        }
    })
}

fn all(victim: Arc<Target>) -> Vec<Running> {
    let others = ATTACKS.iter().filter(|(name, _, _)| *name != "all");
    others.flat_map(|(_, _, attack)| attack(Arc::clone(&victim))).collect()
}
