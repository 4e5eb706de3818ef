//! A directory with two sorts of members, those who send and those who receive, and its service on
//! a loopback port.
//!
//! In scope: keys, founding, publishing, serving, connecting. Out of scope: what is then done with
//! it. Invariants: everything goes through the doors that a real deployment uses; keys live in
//! memory and die with the process.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tonic::transport::Channel;

use crate::ambient::Ambient;
use crate::client::connect::{Address, Dial, Proxies, Route, connect};
use crate::client::keys::prove;
use crate::crypto::cert::ServiceName;
use crate::crypto::issue::{self, Authority, Validity};
use crate::crypto::seal::OpeningKey;
use crate::crypto::sign::{KeyId, SigningKey};
use crate::domain::access::{self, Method};
use crate::domain::directory::Statement;
use crate::domain::directory::key::listed_sealing;
use crate::domain::ids::{ContactId, MemberId, SeatId};
use crate::domain::peer::AuthenticPeer;
use crate::grpc::EnrolmentRate;
use crate::server::listen::{self, Limits};
use crate::server::{self, Serving};
use crate::service::{self, Keys, Publication, Service, Settings};
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Custody, Level, MemberKind, Target, Text, Use};
use crate::store::blobs::FileBlobs;
use crate::store::disk::{Disk, Fdatasync};
use crate::store::{Engine, Place};
use crate::tls::client::ClientTls;
use crate::tls::{self, Identity};

/// The directory of the demonstration.
pub(super) const NAME: &str = "demo.example";

/// One contact with the keys of its first seat.
pub(super) struct Party {
    pub(super) contact: ContactId,
    pub(super) seat: SeatId,
    pub(super) sign: SigningKey,
    pub(super) tls: SigningKey,
    pub(super) certificate: Vec<u8>,
}

/// A service that runs, and everybody who may call it.
pub(super) struct Net {
    pub(super) service: Service,
    pub(super) ambient: Ambient,
    pub(super) senders: Vec<Party>,
    pub(super) recipients: Vec<Party>,
    pub(super) syncs: Arc<Syncs>,
    pub(super) address: Address,
    pub(super) authority: Vec<u8>,
    registrar: KeyId,
    node: Identity,
    stop: watch::Sender<bool>,
    served: JoinHandle<anyhow::Result<()>>,
}

impl Net {
    /// Founds a directory in `dir`, admits `pairs` members that send and as many that receive, and
    /// serves it on loopback.
    pub(super) async fn start(engine: Engine, dir: &Path, pairs: usize) -> anyhow::Result<Self> {
        let founding = Founding::new()?;
        let syncs = Arc::new(Syncs::default());
        let disk: Arc<dyn Disk> = Arc::<Syncs>::clone(&syncs);
        let service = founding.start(engine, dir, disk).await?;
        let (mut senders, mut recipients) = (Vec::new(), Vec::new());
        for number in 0..pairs {
            senders.push(founding.member(&service, &format!("s{number:03}"), 1)?);
            recipients.push(founding.member(&service, &format!("r{number:03}"), 2)?);
        }
        for step in 0..STEPS {
            let drafts = senders.iter().chain(&recipients);
            publish_all(&service, &founding, drafts.map(|draft| &draft.statements[step])).await?;
        }
        let (stop, stopped) = watch::channel(false);
        let node = founding.node()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = Address::parse(&listener.local_addr()?.to_string())?;
        let serving = Serving {
            service: service.clone(),
            tls: Arc::new(ArcSwap::from_pointee(tls::server::config(node.clone())?)),
            limits: limits(),
            enrolment: EnrolmentRate::default(),
        };
        let served = tokio::spawn(async move {
            server::run(serving, listen::tcp(listener), stopped).await?;
            Ok(())
        });
        let parties = |drafts: Vec<Draft>| drafts.into_iter().map(|draft| draft.party).collect();
        let (senders, recipients) = (parties(senders), parties(recipients));
        let registrar = founding.registrar_tls.public().id();
        let (authority, ambient) = (founding.certificate, founding.ambient);
        Ok(Self {
            service,
            ambient,
            senders,
            recipients,
            syncs,
            address,
            authority,
            registrar,
            node,
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
        connect_as(identity, &self.authority, address, dial).await
    }

    /// Other routes behind the same listener, settings and certificates, and where they are.
    pub(super) async fn beside(
        &self,
        routes: tonic::service::Routes,
    ) -> anyhow::Result<(Address, JoinHandle<()>)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = Address::parse(&listener.local_addr()?.to_string())?;
        let tls = Arc::new(ArcSwap::from_pointee(tls::server::config(self.node.clone())?));
        let stop = self.stop.subscribe();
        let served = tokio::spawn(async move {
            let accepted = listen::tcp(listener);
            let _ = listen::serve(routes.prepare(), accepted, tls, limits(), stop).await;
        });
        Ok((address, served))
    }

    /// The registrar, as the service knows it.
    pub(super) fn registrar(&self) -> AuthenticPeer {
        self.service.peer(Some(&self.registrar))
    }

    /// Stops the service, and returns when its listener has drained.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.served.await?
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

/// Everybody here has one address.
fn limits() -> Limits {
    let limits = Limits::default();
    Limits { connections_per_address: limits.connections, ..limits }
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

/// Admission, record, roster: in this order, for each depends on the one before.
const STEPS: usize = 3;

/// A member before its statements are logged.
struct Draft {
    party: Party,
    statements: [Envelope; STEPS],
}

/// The keys behind the charter.
struct Founding {
    ambient: Ambient,
    log: SigningKey,
    relay: SigningKey,
    registrar: SigningKey,
    registrar_tls: SigningKey,
    service_ca: SigningKey,
    certificate: Vec<u8>,
    validity: Validity,
}

impl Founding {
    fn new() -> anyhow::Result<Self> {
        let ambient = Ambient::system();
        let now = ambient.now();
        let (not_before, not_after) = (now.saturating_sub(DAY), now + DAY);
        let validity = Validity { not_before, not_after, serial: ambient.bytes() };
        let service_ca = fresh(&ambient);
        let certificate = issue::service_ca(&service_ca, NAME, &[], validity, ambient.random())?;
        Ok(Self {
            log: fresh(&ambient),
            relay: fresh(&ambient),
            registrar: fresh(&ambient),
            registrar_tls: fresh(&ambient),
            service_ca,
            certificate,
            validity,
            ambient,
        })
    }

    async fn start(
        &self,
        engine: Engine,
        dir: &Path,
        disk: Arc<dyn Disk>,
    ) -> anyhow::Result<Service> {
        let place = Place::on(engine, dir.join("store"), Arc::clone(&disk));
        let store = place.create(NAME, 1).await?;
        let again = |key: &SigningKey| SigningKey::from_pkcs8(key.pkcs8(), self.ambient.random());
        let keys = || -> anyhow::Result<Keys> {
            Ok(Keys { log: again(&self.log)?, relay: again(&self.relay)? })
        };
        let settings = || -> anyhow::Result<Settings> {
            let (high_water, ambient) = (dir.join("high-water"), self.ambient.clone());
            Ok(Settings { name: NAME.parse()?, high_water, ambient, clock_is_right: false })
        };
        let charter = self.signed(Kind::Charter, self.charter()?.encode_to_vec())?;
        service::found(store.as_ref(), charter.bytes(), &keys()?, &settings()?).await?;
        let blobs = Arc::new(FileBlobs::open(&dir.join("blobs"), disk)?);
        Ok(service::start(store, blobs, keys()?, settings()?).await?)
    }

    fn charter(&self) -> anyhow::Result<proto::Charter> {
        let proven = |key, holder, usage| prove(key, holder, usage, &self.ambient);
        let registrar = proto::Person {
            id: "alice".to_owned(),
            name: "Alice".to_owned(),
            sign: Some(proven(&self.registrar, "registrar/alice", Use::Sign)?),
            tls: Some(proven(&self.registrar_tls, "registrar/alice", Use::Tls)?),
        };
        let service = |what: &str| format!("{what}/{NAME}");
        Ok(proto::Charter {
            targets: vec![Target { name: NAME.to_owned(), version: 1, ..Target::default() }],
            issued_at: self.ambient.now(),
            rules: 1,
            registrars: vec![registrar],
            threshold: 1,
            log: vec![proven(&self.log, &service("log"), Use::Log)?],
            relay: vec![proven(&self.relay, &service("relay"), Use::Relay)?],
            service_ca: vec![self.certificate.clone().into()],
            policy: Vec::new(),
            ..proto::Charter::default()
        })
    }

    fn signed(&self, kind: Kind, payload: Vec<u8>) -> anyhow::Result<Envelope> {
        self.signed_by(&self.registrar, kind, payload)
    }

    fn signed_by(
        &self,
        key: &SigningKey,
        kind: Kind,
        payload: Vec<u8>,
    ) -> anyhow::Result<Envelope> {
        Envelope::sign(kind, payload, &[key], self.ambient.random())
            .ok()
            .context("the system's source of randomness failed")
    }

    /// A member with an authority, its one contact, and a roster of so many seats.
    fn member(&self, service: &Service, member: &str, seats: usize) -> anyhow::Result<Draft> {
        let state = service.state();
        let genesis = state.directory.genesis().as_bytes().to_vec().into();
        let targets = vec![Target { name: NAME.to_owned(), genesis, version: 1 }];
        let (member, now): (MemberId, u64) = (member.parse()?, self.ambient.now());
        let contact = ContactId::new(&member, "cert")?;
        let authority = fresh(&self.ambient);
        let names = vec![Text { language: "en".to_owned(), text: format!("State {member}") }];
        let admission = proto::Admission {
            targets: targets.clone(),
            issued_at: now,
            member: member.to_string(),
            kind: MemberKind::UnMember.into(),
            names: names.clone(),
            authority: vec![prove(&authority, member.as_str(), Use::Authority, &self.ambient)?],
            threshold: 1,
            note: None,
        };
        let record = proto::Record {
            targets: targets.clone(),
            issued_at: now,
            contact: contact.to_string(),
            expires: now + 365 * DAY,
            levels: vec![Level::Technical.into()],
            purposes: vec![proto::Purpose::IncidentNotification.into()],
            names,
            custody: Custody::Separate.into(),
            ..proto::Record::default()
        };
        let seat = SeatId::new(&contact, "duty-1")?;
        let (sign, tls) = (fresh(&self.ambient), fresh(&self.ambient));
        let first = self.seat(&contact, "duty-1", &sign, &tls);
        let others = (2..=seats).map(|number| {
            let (sign, tls) = (fresh(&self.ambient), fresh(&self.ambient));
            self.seat(&contact, &format!("duty-{number}"), &sign, &tls)
        });
        let roster = proto::Roster {
            targets,
            issued_at: now,
            contact: contact.to_string(),
            seats: [first].into_iter().chain(others).collect::<anyhow::Result<_>>()?,
            facets: Vec::new(),
        };
        let own =
            |statement: Statement| self.signed_by(&authority, statement.kind(), statement.encode());
        let admission = Statement::Admission(admission);
        let statements = [
            self.signed(admission.kind(), admission.encode())?,
            own(Statement::Record(record))?,
            own(Statement::Roster(roster))?,
        ];
        let validity = self.validity;
        let certificate = issue::self_signed_client(&tls, validity, self.ambient.random())?;
        Ok(Draft { party: Party { contact, seat, sign, tls, certificate }, statements })
    }

    fn seat(
        &self,
        contact: &ContactId,
        name: &str,
        sign: &SigningKey,
        tls: &SigningKey,
    ) -> anyhow::Result<proto::Seat> {
        let holder = SeatId::new(contact, name)?;
        let proven = |key, usage| prove(key, holder.as_str(), usage, &self.ambient);
        let seal = OpeningKey::from_seed(&self.ambient.bytes());
        Ok(proto::Seat {
            name: name.to_owned(),
            sign: Some(proven(sign, Use::Sign)?),
            seal: Some(listed_sealing(seal.public().as_bytes())),
            tls: Some(proven(tls, Use::Tls)?),
        })
    }

    fn node(&self) -> anyhow::Result<Identity> {
        let key = fresh(&self.ambient);
        let certificate = issue::node_certificate(
            Authority { certificate: &self.certificate, key: &self.service_ca },
            key.public(),
            &ServiceName::new(NAME, "a")?,
            &["127.0.0.1"],
            self.validity,
            self.ambient.random(),
        )?;
        Ok(Identity::new(&[certificate], &key)?)
    }
}

fn fresh(ambient: &Ambient) -> SigningKey {
    SigningKey::from_seed(&ambient.bytes())
}

/// Hands in statements as the registrar does, all at once: the sequencer takes them in rounds.
async fn publish_all<'a>(
    service: &Service,
    founding: &Founding,
    statements: impl Iterator<Item = &'a Envelope>,
) -> anyhow::Result<()> {
    let mut publishing = JoinSet::new();
    for statement in statements {
        let peer = service.peer(Some(&founding.registrar_tls.public().id()));
        let statement = statement.bytes().clone();
        let publications = vec![Publication { statement, facets: Vec::new() }];
        let permit = access::permit(peer, Method::Publish, publications)?;
        let service = service.clone();
        publishing.spawn(async move { service.publish(permit).await });
    }
    while let Some(published) = publishing.join_next().await {
        published??.into_iter().collect::<Result<Vec<u64>, _>>()?;
    }
    Ok(())
}

const DAY: u64 = 86_400;
