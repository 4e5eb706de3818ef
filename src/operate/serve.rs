//! `liaisond serve`: from a home to a running service. The demo calls this same function.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::StreamExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::ambient::Ambient;
use crate::disk::Fdatasync;
use crate::server::listen::{Drained, Limits, nobody, tcp};
use crate::server::process::{self, Room};
use crate::server::{self, Serving, health};
use crate::service::{self, Service};
use crate::store::blobs::{Blobs, FileBlobs};

use super::config::{Config, ServiceHome};
use super::node::{Node, is_known};
use super::settings::settings;
use super::store::{held, not_started};
use super::{OperateError, ceremonies, invitation, keys, known, not_served, place};

/// Where a service listens, told once it does.
#[derive(Clone, Debug)]
pub struct Bound {
    /// Members and enrolment.
    pub members: SocketAddr,
    /// The administration, if it is served.
    pub admin: Option<SocketAddr>,
    /// The health check, if it is served.
    pub health: Option<SocketAddr>,
    /// The engine of the store.
    pub engine: &'static str,
    /// Entries in the log.
    pub entries: u64,
    /// The service itself.
    pub service: Service,
}

/// Serves a home until `stop` turns true, then drains. `ready` is called once the listeners are
/// bound and the log's head is verified.
///
/// # Errors
/// It cannot start, or the service ended by itself: then a restart finds out what became durable.
pub async fn serve(
    home: &ServiceHome,
    ambient: Ambient,
    clock_is_right: bool,
    stop: watch::Receiver<bool>,
    ready: impl FnOnce(&Bound),
) -> Result<Drained, OperateError> {
    let room = process::prepare().map_err(|why| OperateError::Plan(why.to_string()))?;
    let config = home.config()?;
    let addresses = invitation::addresses(home, &config);
    if addresses.is_empty() {
        tracing::warn!("{}", invitation::no_address(home));
    }
    if let Err(why) = invitation::renew_addresses(home, &config) {
        tracing::warn!(%why, "the invitation keeps its addresses");
    }
    let service = start(home, &config, &ambient, clock_is_right, addresses, room).await?;
    let _alone = not_served(home)?;
    let known = is_known(&service).await;
    let node = Node::start(home, &config, &service, known, &ambient)?;
    let members = bind(config.listen).await?;
    let [admin, health] = [config.admin, config.health];
    let admin = bind_some(admin).await?;
    let health = bind_some(health).await?;
    let local = |listener: &TcpListener| {
        listener.local_addr().map_err(|why| OperateError::Listen { address: config.listen, why })
    };
    ready(&Bound {
        members: local(&members)?,
        admin: admin.as_ref().map(local).transpose()?,
        health: health.as_ref().map(local).transpose()?,
        engine: service.engine(),
        entries: service.state().head.size,
        service: service.clone(),
    });
    let door = Arc::clone(service.door());
    known::read(home, &service);
    let remembering = tokio::spawn(known::keep(home.clone(), Arc::clone(&door)));
    let keeping = tokio::spawn(invitation::keep_charter(home.clone(), service.clone()));
    let renewing = tokio::spawn(Arc::clone(&node).keep(service.clone()));
    let reporting =
        health.map(|listener| tokio::spawn(health::run(listener, service.clone(), stop.clone())));
    let trusted_proxies = config.trusted_proxies().map_err(OperateError::Plan)?;
    ceremonies::record(home, &service).await;
    if clock_is_right {
        service.record("command", "serve --clock-is-right".to_owned()).await;
    }
    service.record_start().await;
    let serving = Serving {
        service: service.clone(),
        tls: node.tls(),
        limits: Limits { goodbyes: room.goodbyes, ..Limits::default() },
        trusted_proxies,
    };
    let administrators = match admin {
        Some(listener) => tcp(listener).left_stream(),
        None => nobody().right_stream(),
    };
    let ended = server::run(serving, tcp(members), administrators, stop).await;
    if ended.is_ok() {
        service.record("stop", String::new()).await;
        service.settle().await;
    }
    keeping.abort();
    renewing.abort();
    remembering.abort();
    known::write(home, &door);
    if let Some(reporting) = reporting {
        reporting.abort();
    }
    Ok(ended?)
}

async fn start(
    home: &ServiceHome,
    config: &Config,
    ambient: &Ambient,
    clock_is_right: bool,
    addresses: Vec<String>,
    room: Room,
) -> Result<Service, OperateError> {
    let (place, keys) = (place(home, config)?, keys::signing(home, ambient)?);
    let settings = settings(home, config, ambient, clock_is_right, addresses)?;
    let settings =
        service::Settings { limits: settings.limits.within(room.connections), ..settings };
    // Whoever is refused finds every file as it was.
    let seen = service::look(&place, &keys, &settings).await;
    let seen = seen.map_err(|why| not_started(home, why))?;
    let store = place.open(&config.name).await.map_err(|why| held(home, why))?;
    let blobs = FileBlobs::open(&home.blobs(), Arc::new(Fdatasync));
    let blobs = blobs.map_err(|why| {
        OperateError::Plan(format!("{} cannot be used: {why}", home.blobs().display()))
    })?;
    let blobs: Arc<dyn Blobs> = Arc::new(blobs);
    Ok(seen.start(store, blobs, keys, settings).await?)
}

async fn bind_some(address: Option<SocketAddr>) -> Result<Option<TcpListener>, OperateError> {
    match address {
        Some(address) => bind(address).await.map(Some),
        None => Ok(None),
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, OperateError> {
    TcpListener::bind(address).await.map_err(|why| OperateError::Listen { address, why })
}
