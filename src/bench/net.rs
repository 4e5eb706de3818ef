//! A directory with two sorts of members, those who send and those who receive, and its service on
//! a loopback port.
//!
//! In scope: founding, growing, starting, serving, connecting. Out of scope: what is then done with
//! it. Invariants: everything goes through the doors that a real deployment uses; keys live in
//! memory and die with the process.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::transport::Channel;

use crate::ambient::Ambient;
use crate::client::address::Address;
use crate::client::invitation::Invitation;
use crate::client::reach::connect::{Dial, Proxies, Route, connect};
use crate::disk::{Disk, Fdatasync};
use crate::domain::access::Face;
use crate::domain::directory::entry::Entry;
use crate::domain::directory::{RULES, Statement};
use crate::domain::relay::share::Grants;
use crate::server::listen::{self, Entrance, Limits, Who};
use crate::server::{self, Serving};
use crate::service::door;
use crate::service::{self, Service, Settings, Storage};
use crate::store::blobs::{Blobs, FileBlobs};
use crate::store::{Engine, Site};
use crate::tls::client::ClientTls;
use crate::tls::{self, Identity};
use crate::wire::v1;

use super::founding::{DAY, Draft, Founding, NAME, Party, STEPS, Seed, registrar};
use super::grown::{Calendar, Growth, grow, publish_in_order};
use super::machine::memory;

/// A service that runs, and everybody who may call it.
pub(super) struct Net {
    pub(super) service: Service,
    pub(super) founding: Arc<Founding>,
    pub(super) senders: Vec<Party>,
    pub(super) recipients: Vec<Party>,
    pub(super) syncs: Arc<Syncs>,
    pub(super) started: Started,
    pub(super) address: Address,
    node: Identity,
    threads: Threads,
    stop: watch::Sender<bool>,
    served: JoinHandle<anyhow::Result<()>>,
}

impl Net {
    /// Founds a directory in `dir`, has it grow, admits `pairs` members that send and as many that
    /// receive, and serves it on loopback.
    pub(super) async fn start(
        engine: Engine,
        dir: &Path,
        pairs: usize,
        growth: Growth,
        ambient: Ambient,
        progress: &mut dyn Write,
    ) -> anyhow::Result<Self> {
        let syncs = Arc::new(Syncs::default());
        let disk: Arc<dyn Disk> = Arc::<Syncs>::clone(&syncs);
        let place = Site::on(engine, dir.join("store"), Arc::clone(&disk));
        let blobs: Arc<dyn Blobs> = Arc::new(FileBlobs::open(&dir.join("blobs"), disk)?);
        let (threads, empty) = (Threads::start()?, place.clone());
        let store = threads.spawn(async move { empty.create(NAME, 1).await }).await??;
        let growth = Growth { entries: growth.entries.max(1), ..growth };
        let began = ambient.now().saturating_sub(growth.days() * DAY);
        let calendar = Arc::new(Calendar::at(began));
        let past = ambient.clone().with_clock(Arc::<Calendar>::clone(&calendar));
        let founding = Arc::new(Founding::new(growth.seed, began, ambient.clone())?);
        let charter = founding.registered(&Statement::Charter(founding.charter(began)?))?;
        let keys = founding.keys()?;
        service::found(store.as_ref(), charter.bytes(), &keys, &settings(dir, past.clone())?)
            .await?;
        let service =
            service::start(Arc::clone(&store), Arc::clone(&blobs), keys, settings(dir, past)?);
        grow(threads.spawn(service).await??, &founding, growth, &calendar, progress).await?;
        let (mut memory, mut began) = (None, Instant::now());
        // What is on a disk is opened again; what is in memory would be gone.
        let store = match engine {
            Engine::Memory => store,
            Engine::Sled | Engine::Redb => {
                drop(store);
                memory = memory_elsewhere(engine, growth.seed, dir);
                began = Instant::now();
                threads.spawn(async move { place.open(NAME).await }).await??
            }
        };
        let service = service::start(store, blobs, founding.keys()?, settings(dir, ambient)?);
        let service = threads.spawn(service).await??;
        let started = Started {
            entries: service.state().head.size,
            seconds: began.elapsed().as_secs_f64(),
            memory,
        };
        let (senders, recipients) = admit(&service, &founding, pairs).await?;
        let (stop, node) = (watch::Sender::new(false), founding.node()?);
        let serving = Serving {
            service: service.clone(),
            tls: Arc::new(ArcSwap::from_pointee(tls::server::config(node.clone())?)),
            limits: Limits::default(),
            trusted_proxies: Vec::new(),
        };
        let (listener, address) = threads.listener().await?;
        let stopped = stop.subscribe();
        let served = threads.spawn(async move {
            server::run(serving, listen::tcp(listener), listen::nobody(), stopped).await?;
            Ok(())
        });
        Ok(Self {
            service,
            founding,
            senders,
            recipients,
            syncs,
            started,
            address,
            node,
            threads,
            stop,
            served,
        })
    }

    /// A connection of its own for this party, by `dial`.
    pub(super) async fn connect(
        &self,
        party: &Party,
        address: &Address,
        dial: Arc<dyn Dial>,
    ) -> anyhow::Result<Channel> {
        let identity = Identity::new(std::slice::from_ref(&party.certificate), &party.tls)?;
        connect_as(identity, &self.founding.certificate, address, dial).await
    }

    /// Other routes behind the same listener, settings and certificates, and where they are.
    pub(super) async fn beside(
        &self,
        routes: tonic::service::Routes,
    ) -> anyhow::Result<(Address, JoinHandle<()>)> {
        let (listener, address) = self.threads.listener().await?;
        let tls = Arc::new(ArcSwap::from_pointee(tls::server::config(self.node.clone())?));
        let (asked, door) = (self.service.clone(), Arc::clone(self.service.door()));
        let who: Who = Arc::new(move |key, network| asked.peer(key, network));
        let (limits, trusted_proxies) = (Limits::default(), Arc::from([]));
        let entrance = Entrance { tls, door, who, face: Face::Members, limits, trusted_proxies };
        let stop = self.stop.subscribe();
        let served = self.threads.spawn(async move {
            let accepted = listen::tcp(listener);
            listen::serve(routes.prepare(), accepted, entrance, stop).await;
        });
        Ok((address, served))
    }

    /// What a newcomer is given.
    pub(super) async fn invitation(&self) -> anyhow::Result<Invitation> {
        let first = self.entries_from(0).await?;
        let first = Entry::read(first.first().context("an entry 0")?, RULES)?;
        let addresses = vec![self.address.to_string()];
        let checkpoint = self.service.state().checkpoint.clone();
        let invitation = v1::Invitation {
            charter: first.statement,
            addresses,
            checkpoint,
            ..v1::Invitation::default()
        };
        Ok(Invitation::check(invitation)?)
    }

    /// The whole log, entry by entry.
    pub(super) async fn entries(&self) -> anyhow::Result<Vec<Bytes>> {
        let mut entries = Vec::new();
        loop {
            let page = self.entries_from(entries.len() as u64).await?;
            if page.is_empty() {
                return Ok(entries);
            }
            entries.extend(page);
        }
    }

    async fn entries_from(&self, first: u64) -> anyhow::Result<Vec<Bytes>> {
        let permit = self.service.permit_here(registrar(&self.founding)).await?;
        Ok(self.service.entries(&permit, first, 1_000).await?.0)
    }

    /// Stops the service, and returns when its listener has drained.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.served.await?
    }
}

/// How the service started from its store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Started {
    /// Entries of its log.
    pub(super) entries: u64,
    pub(super) seconds: f64,
    /// By how many bytes the memory of a process grows with it; none where that is not known.
    pub(super) memory: Option<f64>,
}

/// Has another process of this program start the service from its store: what this one has held and
/// let go of before would hide what it takes.
fn memory_elsewhere(engine: Engine, seed: Seed, dir: &Path) -> Option<f64> {
    let program = std::env::current_exe().ok()?;
    let mut child = Command::new(program);
    child.args(["bench-start", engine.name(), &seed.0.to_string()]).arg(dir);
    let output = child.stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// The other process: starts the service from the store in `dir`, and says by how many bytes its
/// memory grew.
pub(super) async fn memory_of_start(
    engine: Engine,
    seed: Seed,
    dir: &Path,
) -> anyhow::Result<Option<f64>> {
    let ambient = Ambient::system();
    let keys = Founding::new(seed, ambient.now(), ambient.clone())?.keys()?;
    let blobs = Arc::new(FileBlobs::open(&dir.join("blobs"), Arc::new(Fdatasync))?);
    let before = memory();
    let store = Site::new(engine, dir.join("store")).open(NAME).await?;
    let _service = service::start(store, blobs, keys, settings(dir, ambient)?).await?;
    Ok(memory().zip(before).map(|(now, before)| now - before))
}

/// The history ends some days ago, which is no reason to doubt the clock.
fn settings(dir: &Path, ambient: Ambient) -> anyhow::Result<Settings> {
    let high_water = dir.join("high-water");
    let (limits, name, addresses) = (door::Limits::without_rates(), NAME.parse()?, Vec::new());
    // Nobody receives what a bench sends, and it must not wait for that.
    let grants = Grants { kept: u64::MAX, messages: u64::MAX, bytes: u64::MAX, seconds: 0 };
    let storage = Storage::default();
    let clock_is_right = true;
    Ok(Settings { name, high_water, ambient, clock_is_right, limits, addresses, grants, storage })
}

/// The service's own threads, by whose name one can tell what it took from what its callers took.
struct Threads(Option<Runtime>);

impl Threads {
    fn start() -> std::io::Result<Self> {
        let mut threads = Builder::new_multi_thread();
        // What a thread has used is known as long as it lives.
        threads.thread_name("service").thread_keep_alive(Duration::from_secs(DAY)).enable_all();
        Ok(Self(Some(threads.build()?)))
    }

    fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.0.as_ref().expect("they end with this value").spawn(work)
    }

    /// A free port on loopback.
    async fn listener(&self) -> anyhow::Result<(TcpListener, Address)> {
        let listener = self.spawn(TcpListener::bind("127.0.0.1:0")).await??;
        let address = Address::parse(&listener.local_addr()?.to_string())?;
        Ok((listener, address))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // A runtime that is dropped waits, and among tasks nobody may.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A connection to the service that this authority speaks for.
pub(super) async fn connect_as(
    identity: Identity,
    authority: &[u8],
    address: &Address,
    dial: Arc<dyn Dial>,
) -> anyhow::Result<Channel> {
    let clock = Ambient::system().tls_clock();
    let tls = ClientTls::for_directory(NAME, &[authority.to_vec()], Some(identity), clock)?;
    let route = Route { dial, address: address.clone(), proxies: Proxies::default(), tls };
    Ok(connect(route).await?.channel())
}

/// How often the store had something made durable.
#[derive(Debug, Default)]
pub(super) struct Syncs(AtomicU64);

impl Syncs {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Disk for Syncs {
    fn sync(&self, file: &std::fs::File) -> std::io::Result<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Fdatasync.sync(file)
    }
}

/// Admits `pairs` members that send and as many that receive, and publishes what they say.
async fn admit(
    service: &Service,
    founding: &Founding,
    pairs: usize,
) -> anyhow::Result<(Vec<Party>, Vec<Party>)> {
    let genesis = service.state().directory.genesis();
    let draft = |what, seats| {
        let drafts =
            (0..pairs).map(move |at| founding.member(genesis, &format!("{what}{at:03}"), seats));
        drafts.collect::<anyhow::Result<Vec<Draft>>>()
    };
    let (senders, recipients) = (draft("s", 1)?, draft("r", 2)?);
    for step in 0..STEPS {
        let drafts = senders.iter().chain(&recipients);
        let statements = drafts.filter_map(|draft| draft.statements.get(step).cloned());
        publish_in_order(service, founding, &statements.collect::<Vec<_>>()).await?;
    }
    let parties = |drafts: Vec<Draft>| drafts.into_iter().map(|draft| draft.party).collect();
    Ok((parties(senders), parties(recipients)))
}
