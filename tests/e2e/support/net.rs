//! The service, founded, served, stopped and started again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use liaison::ambient::Ambient;
use liaison::client::address::Address;
use liaison::client::reach::connect::{
    ConnectError, Connection, Dial, Dialing, Proxies, Route, Tcp, connect,
};
use liaison::crypto::cert::ServiceName;
use liaison::crypto::issue::{self, Authority, Validity};
use liaison::crypto::sign::SigningKey;
use liaison::disk::{Disk, Fdatasync};
use liaison::domain::access::Face;
use liaison::domain::relay::share::Grants;
use liaison::grpc;
use liaison::operate::Node;
use liaison::operate::config::ServiceHome;
use liaison::server::listen::{self, Drained, Entrance, Limits};
use liaison::server::{Ended, Serving, run};
use liaison::service::{self, CannotStart, Keys, Service, Settings, Storage, door};
use liaison::store::blobs::FileBlobs;
use liaison::store::{Engine, KeyRange, Site, Store};
use liaison::tls::client::ClientTls;
use liaison::tls::{self, Identity, Link};
use rustls::ServerConfig;
use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::gate::Gate;
use super::party::{Client, Party, identity};
use super::says::{self, Said};
use super::{DAY, NOW, Replica, TestClock, clock, key, soon};
use crate::world::statements::NAME;

/// The dates of every certificate here, unless a test has others: good by the clocks of other
/// people's programs, too.
pub(crate) fn dates() -> Validity {
    Validity { not_before: NOW - 2_000 * DAY, not_after: NOW + 20_000 * DAY, serial: [1; 16] }
}

/// The service's certificate, as DER, with its key, and the authority's.
pub(crate) struct Trust {
    pub(crate) ca: Vec<u8>,
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: SigningKey,
}

impl Trust {
    pub(crate) fn new(validity: Validity) -> Self {
        Self::with(&key("ca"), key("node"), validity)
    }

    /// With keys of P-256: grpcio's TLS takes no Ed25519 of a server.
    pub(crate) fn of_p256() -> Self {
        let key = || {
            let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
            SigningKey::from_pkcs8(&pair.serialize_der(), Ambient::system().random()).unwrap()
        };
        Self::with(&key(), key(), dates())
    }

    fn with(authority: &SigningKey, node: SigningKey, validity: Validity) -> Self {
        let ambient = Ambient::system();
        let ca = issue::service_ca(authority, NAME, &[], dates(), ambient.random()).unwrap();
        let authority = Authority { certificate: &ca, key: authority };
        let name = ServiceName::new(NAME, "a").unwrap();
        let hosts = ["localhost", "127.0.0.1"];
        let random = ambient.random();
        let der =
            issue::node_certificate(authority, node.public(), &name, &hosts, validity, random);
        Self { certificate: der.unwrap(), key: node, ca }
    }

    fn shown(&self) -> Arc<ArcSwap<ServerConfig>> {
        let identity = Identity::new(std::slice::from_ref(&self.certificate), &self.key).unwrap();
        Arc::new(ArcSwap::from_pointee(tls::server::config(identity).unwrap()))
    }
}

/// Where a service keeps everything, and how.
pub(crate) struct Open {
    pub(crate) home: Arc<TempDir>,
    pub(crate) engine: Engine,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) ambient: Ambient,
    pub(crate) clock_is_right: bool,
    pub(crate) limits: door::Limits,
    pub(crate) grants: Grants,
    pub(crate) storage: Storage,
    /// They are kept like its files.
    pub(crate) keys: Keys,
}

pub(crate) fn home(engine: Engine) -> Open {
    let (clock, ambient) = clock();
    let home = Arc::new(tempfile::tempdir().unwrap());
    let disk = Arc::new(Fdatasync);
    let limits = door::Limits::without_rates();
    let (grants, storage) = (Grants::default(), Storage::default());
    let (clock_is_right, keys) = (false, Open::keys());
    Open { home, engine, disk, clock, ambient, clock_is_right, limits, grants, storage, keys }
}

impl Open {
    pub(crate) fn place(&self) -> Site {
        Site::on(self.engine, self.home.path().join("store"), Arc::clone(&self.disk))
    }

    pub(crate) fn high_water(&self) -> PathBuf {
        self.home.path().join("high-water")
    }

    pub(crate) fn settings(&self) -> Settings {
        let name = NAME.parse().unwrap();
        Settings {
            name,
            high_water: self.high_water(),
            ambient: self.ambient.clone(),
            clock_is_right: self.clock_is_right,
            limits: self.limits,
            addresses: vec!["service.un.example:443".to_owned()],
            grants: self.grants,
            storage: self.storage.clone(),
        }
    }

    pub(crate) fn keys() -> Keys {
        Keys::in_memory(key("log"), key("relay"), Ambient::system())
    }

    /// The same once more.
    pub(crate) fn again(&self) -> Self {
        Self {
            home: Arc::clone(&self.home),
            engine: self.engine,
            disk: Arc::clone(&self.disk),
            clock: Arc::clone(&self.clock),
            ambient: self.ambient.clone(),
            clock_is_right: self.clock_is_right,
            limits: self.limits,
            grants: self.grants,
            storage: self.storage.clone(),
            keys: self.keys.clone(),
        }
    }

    /// The same with a copy of every file.
    pub(crate) fn copy(&self) -> Self {
        let home = Arc::new(tempfile::tempdir().unwrap());
        copy(self.home.path(), home.path());
        Self { home, ..self.again() }
    }

    pub(crate) fn blobs(&self) -> Arc<FileBlobs> {
        let path = self.home.path().join("blobs");
        Arc::new(FileBlobs::open(&path, Arc::clone(&self.disk)).unwrap())
    }

    /// Creates the store, and commits entry 0.
    pub(crate) async fn found(&self) -> Arc<dyn Store> {
        self.found_with(&Trust::new(dates()).ca).await
    }

    /// The same with another service authority.
    pub(crate) async fn found_with(&self, ca: &[u8]) -> Arc<dyn Store> {
        let store = self.place().create(NAME, 1).await.unwrap();
        let charter = says::founding(ca).bytes();
        service::found(store.as_ref(), &charter, &self.keys, &self.settings()).await.unwrap();
        store
    }

    /// Starts the service on a store.
    pub(crate) async fn start(&self, store: Arc<dyn Store>) -> Result<Service, CannotStart> {
        service::start(store, self.blobs(), self.keys.clone(), self.settings()).await
    }

    /// Opens the store again, and starts the service.
    pub(crate) async fn start_again(&self) -> Result<Service, CannotStart> {
        self.start(self.place().open(NAME).await?).await
    }
}

/// TCP from 127.0.N.1.
pub(crate) struct From(pub(crate) u8, pub(crate) u8);

impl From {
    pub(crate) async fn stream(&self, to: &Address) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(([127, 0, self.0, self.1], 0).into())?;
        let stream = socket.connect(([127, 0, 0, 1], to.port()).into()).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Dial for From {
    fn dial<'a>(&'a self, address: &'a Address) -> Dialing<'a> {
        Box::pin(async {
            let source =
                |source| ConnectError::Tcp { address: address.clone(), source: Arc::new(source) };
            Ok(Box::new(self.stream(address).await.map_err(source)?) as Box<dyn Link>)
        })
    }
}

async fn listener() -> (TcpListener, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::parse(&listener.local_addr().unwrap().to_string()).unwrap();
    (listener, address)
}

/// A service that is served.
pub(crate) struct TestNet {
    pub(crate) open: Open,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) service: Service,
    pub(crate) address: Address,
    pub(crate) admin: Address,
    pub(crate) served: JoinHandle<Result<Drained, Ended>>,
    /// What the node shows in new handshakes.
    pub(crate) tls: Arc<ArcSwap<ServerConfig>>,
    stop: watch::Sender<bool>,
    pub(crate) ca: Vec<u8>,
}

impl TestNet {
    /// Founds a directory in memory, and serves it.
    pub(crate) async fn memory() -> Self {
        Self::on(Engine::Memory).await
    }

    pub(crate) async fn on(engine: Engine) -> Self {
        let open = home(engine);
        let store = open.found().await;
        Self::serve(open, store, Trust::new(dates())).await
    }

    /// Serves a store that was founded.
    pub(crate) async fn serve(open: Open, store: Arc<dyn Store>, trust: Trust) -> Self {
        Self::within(Limits::default(), open, store, trust).await
    }

    /// The same within other limits.
    pub(crate) async fn within(
        limits: Limits,
        open: Open,
        store: Arc<dyn Store>,
        trust: Trust,
    ) -> Self {
        let service = open.start(Arc::clone(&store)).await.unwrap();
        Self::showing(trust.shown(), limits, (open, store, service), trust.ca).await
    }

    /// The same with a node that has its certificate, and the service its keys, in a home.
    pub(crate) async fn with_node(open: Open, store: Arc<dyn Store>, home: &ServiceHome) -> Self {
        let service = open.start(Arc::clone(&store)).await.unwrap();
        let config = home.config().unwrap();
        let node = Node::start(home, &config, &service, false, &open.ambient).unwrap();
        let (kept, ca) = ((open, store, service), Trust::new(dates()).ca);
        Self::showing(node.tls(), Limits::default(), kept, ca).await
    }

    async fn showing(
        tls: Arc<ArcSwap<ServerConfig>>,
        limits: Limits,
        (open, store, service): (Open, Arc<dyn Store>, Service),
        ca: Vec<u8>,
    ) -> Self {
        let ((listener, address), (own, admin)) = (listener().await, self::listener().await);
        let serving = Serving {
            service: service.clone(),
            tls: Arc::clone(&tls),
            limits,
            trusted_proxies: Vec::new(),
        };
        let (stop, stopped) = watch::channel(false);
        let (accepted, administrators) = (listen::tcp(listener), listen::tcp(own));
        let served = tokio::spawn(run(serving, accepted, administrators, stopped));
        Self { open, store, service, address, admin, served, tls, stop, ca }
    }

    /// Serves in memory, behind a gate.
    pub(crate) async fn gated(gate: &Gate) -> Self {
        let open = home(Engine::Memory);
        let store = open.found().await;
        let trust = Trust::new(dates());
        let service = open.start(Arc::clone(&store)).await.unwrap();
        let (listener, address) = listener().await;
        let (asked, tls) = (service.clone(), trust.shown());
        let entrance = Entrance {
            tls: Arc::clone(&tls),
            door: Arc::clone(service.door()),
            who: Arc::new(move |key, network| asked.peer(key, network)),
            face: Face::Members,
            limits: Limits::default(),
            trusted_proxies: Arc::new([]),
        };
        let (stop, stopped) = watch::channel(false);
        let routes = gate.before(grpc::routes(service.clone(), stopped.clone()));
        let served = tokio::spawn(async move {
            Ok(listen::serve(routes, listen::tcp(listener), entrance, stopped).await)
        });
        let admin = address.clone();
        Self { open, store, service, address, admin, served, tls, stop, ca: trust.ca }
    }

    /// The authority's certificate, as stock clients take it.
    pub(crate) fn ca_pem(&self) -> String {
        pem("CERTIFICATE", &self.ca)
    }

    /// Says stop; `served` ends.
    pub(crate) fn say_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Stops, and lets go of everything but the files.
    pub(crate) async fn stop(self) -> (Open, Drained) {
        self.say_stop();
        let drained = soon("the drain", self.served).await.unwrap().unwrap();
        (self.open, drained)
    }

    pub(crate) async fn connect(
        &self,
        client: Option<Identity>,
    ) -> Result<Connection, ConnectError> {
        self.connect_by(Tcp, client).await
    }

    /// From another address of this machine: 127.0.N.1 stands for the network N.
    pub(crate) async fn connect_from(
        &self,
        network: u8,
        client: Option<Identity>,
    ) -> Result<Connection, ConnectError> {
        self.connect_by(From(network, 1), client).await
    }

    /// To the administration.
    pub(crate) async fn administer(
        &self,
        client: Option<Identity>,
    ) -> Result<Connection, ConnectError> {
        self.connect_to(self.admin.clone(), Tcp, client).await
    }

    async fn connect_by(
        &self,
        dial: impl Dial,
        client: Option<Identity>,
    ) -> Result<Connection, ConnectError> {
        self.connect_to(self.address.clone(), dial, client).await
    }

    async fn connect_to(
        &self,
        address: Address,
        dial: impl Dial,
        client: Option<Identity>,
    ) -> Result<Connection, ConnectError> {
        let tls = self.client_tls(client);
        connect(Route { dial: Arc::new(dial), address, proxies: Proxies::default(), tls }).await
    }

    /// Of a client that knows the first authority, or, of a node that may have others, the charter in force.
    fn client_tls(&self, client: Option<Identity>) -> ClientTls {
        let (clock, state) = (self.open.ambient.tls_clock(), self.service.state());
        let listed = &state.directory.charter().service_ca;
        let authorities = match self.service.node() {
            Some(_) => listed.iter().map(|der| der.to_vec()).collect(),
            None => vec![self.ca.clone()],
        };
        ClientTls::for_directory(NAME, &authorities, client, clock).unwrap()
    }

    /// A connection on which nothing was said yet but TLS.
    pub(crate) async fn raw(&self, network: u8, client: Option<Identity>) -> TlsStream<TcpStream> {
        let stream = From(network, 1).stream(&self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(self.client_tls(client).config()).connect(name, stream).await.unwrap()
    }

    /// A client that shows the certificate of the key `name`.
    pub(crate) async fn client(&self, name: &str) -> Client {
        Client::over(&self.connect(Some(identity(name, dates()))).await.unwrap())
    }

    /// A client without a certificate.
    pub(crate) async fn stranger(&self) -> Client {
        Client::over(&self.connect(None).await.unwrap())
    }

    /// Hands in, and expects that everything is logged.
    pub(crate) async fn say(&self, said: impl Into<Said>) -> u64 {
        let answer = self.stranger().await.enrol(said.into()).await.unwrap();
        answer.unwrap_or_else(|why| panic!("expected it to be logged, found {why}"))
    }

    /// A member that is admitted, with one contact `<member>/cert` and so many seats.
    pub(crate) async fn party(&self, member: &str, seats: usize) -> Party {
        self.say(says::admission(&self.replica(), member)).await;
        let contact = format!("{member}/cert");
        self.say(says::record(&self.replica(), &contact)).await;
        self.say(says::roster(&self.replica(), &contact, seats)).await;
        Party::new(&contact, seats)
    }

    pub(crate) async fn parties<const N: usize>(&self, members: [&str; N]) -> [Party; N] {
        let mut parties = Vec::with_capacity(N);
        for member in members {
            parties.push(self.party(member, 2).await);
        }
        parties.try_into().unwrap_or_else(|_| panic!("as many as there are members"))
    }

    /// The directory as the service sees it: for putting statements and messages together.
    pub(crate) fn replica(&self) -> Replica {
        Replica::of(&self.service)
    }

    /// Everything that is stored, files and high-water file included.
    pub(crate) async fn everything(&self) -> BTreeMap<String, Bytes> {
        self.service.settle().await;
        let mut all = everything_in(self.store.as_ref()).await;
        files(self.open.home.path(), &self.open.home.path().join("blobs"), &mut all);
        let high_water = std::fs::read(self.open.high_water()).unwrap();
        all.insert("high-water".to_owned(), high_water.into());
        all
    }
}

/// As it stands in a file.
pub(crate) fn pem(label: &str, bytes: &[u8]) -> String {
    let lines = BASE64_STANDARD.encode(bytes);
    let lines: Vec<&str> =
        lines.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

pub(crate) async fn everything_in(store: &dyn Store) -> BTreeMap<String, Bytes> {
    let mut all = BTreeMap::new();
    let mut range = KeyRange::prefix(b"");
    loop {
        let page = store.scan(range.clone(), 1_000).await.unwrap();
        let Some((last, _, _)) = page.entries.last() else { return all };
        range = range.after(last);
        for (key, revision, value) in &page.entries {
            let key = format!("{} at {}", key.escape_ascii(), revision.get());
            all.insert(key, value.clone());
        }
    }
}

/// What is renamed meanwhile is not there any more: the mark of a service that runs.
pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy(&path, &target);
        } else {
            match std::fs::copy(&path, &target) {
                Err(why) if why.kind() == std::io::ErrorKind::NotFound => {}
                copied => drop(copied.unwrap()),
            }
        }
    }
}

/// Every file under a folder, byte for byte.
pub(crate) fn contents(folder: &Path) -> BTreeMap<String, Bytes> {
    let mut all = BTreeMap::new();
    files(folder, folder, &mut all);
    all
}

fn files(home: &Path, folder: &Path, all: &mut BTreeMap<String, Bytes>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(home, &path, all);
        } else {
            let name = path.strip_prefix(home).unwrap().display().to_string();
            all.insert(name, std::fs::read(&path).unwrap().into());
        }
    }
}
