//! The node's certificate: what is shown to whoever connects, and its renewal.
//!
//! In scope: when it is renewed and from which authority; proof before anybody sees it. Out of scope: its
//! file (`keys`), connections (`server`). Invariants: what is shown was believed, in a handshake, by a
//! client that knows the authorities of the charter; what fails leaves the one in use; a clock in doubt
//! dates nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use rustls::ServerConfig;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::ambient::Ambient;
use crate::client::address::Address;
use crate::client::charters;
use crate::client::files;
use crate::crypto::cert::{self, PeerCertificate, ServiceName};
use crate::crypto::hash::Digest;
use crate::crypto::hosts;
use crate::crypto::issue::{self, Validity};
use crate::domain::directory::Charter;
use crate::domain::ids::DirectoryName;
use crate::domain::limits;
use crate::moment::when;
use crate::service::telemetry::{Event, Telemetry};
use crate::service::{NodeState, NotRenewed, Renewer, Service};
use crate::tls::client::ClientTls;
use crate::tls::{self, Identity, trial};

use super::config::{Config, ServiceHome};
use super::keys::{self, Certified};
use super::{OperateError, ceremonies, is_its_owner, not_served};

const DAY: u64 = 86_400;
/// How long a certificate holds: at two thirds of that it is renewed, and members are told in the last
/// third.
const DAYS: u64 = 398;
/// What failed is tried again so much later, by the clock that nobody sets.
const AGAIN_SECONDS: u64 = 3_600;
/// It is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The one that a service shows.
pub struct Node {
    maker: Maker,
    tls: Arc<ArcSwap<ServerConfig>>,
    telemetry: Arc<Telemetry>,
    shown: Mutex<Shown>,
}

struct Shown {
    certificate: Vec<u8>,
    state: NodeState,
    /// Where the charter stands that was followed last: one of before says nothing any more.
    charter: u64,
    /// When it was tried last in vain, by the clock that nobody sets.
    failed: Option<u64>,
}

/// From which authority the next certificate comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The newest whose key is here.
    TheNewest,
    /// The one of the certificate before, if its key is here.
    TheSame,
}

impl Node {
    /// Shows what is in the home, or a new one if that is over, soon over, for other hosts or nobody
    /// would believe it. From then on it is renewed as long as somebody polls [`Node::keep`]. Members whose
    /// copy is not stale have `known` the charter in force.
    ///
    /// # Errors
    /// There is none that a client could believe, and none can be made.
    pub fn start(
        home: &ServiceHome,
        config: &Config,
        service: &Service,
        known: bool,
        ambient: &Ambient,
    ) -> Result<Arc<Self>, OperateError> {
        let maker = Maker::of(home, config, ambient)?;
        let state = service.state();
        let charter = state.directory.charter();
        let authorities = &charter.service_ca;
        let ready = match maker.found(authorities) {
            Ok(found) => found,
            Err(why) => {
                tracing::warn!("a new certificate of the node is made: {why}");
                let made = by_this_clock(service).and_then(|()| maker.renewed(authorities, None));
                made.map_err(|not| OperateError::NoNode(why.to_string(), not))?
            }
        };
        let state = maker.state(&ready.certificate, authorities);
        let (certificate, charter) = (ready.certificate, charter.newest.leaf);
        let shown = Shown { certificate, state, charter, failed: None };
        let node = Arc::new(Self {
            maker,
            tls: Arc::new(ArcSwap::from_pointee(ready.tls)),
            telemetry: Arc::clone(service.telemetry()),
            shown: Mutex::new(shown),
        });
        node.look(service, known);
        // Said at once, and not only when the certificate is over.
        if !authorities.iter().any(|der| node.maker.holds(der)) {
            let (until, why) = (when(node.shown().state.until), NotRenewed::NoAuthority);
            tracing::warn!(
                "the node's certificate, which holds until {until}, cannot be renewed: {why}"
            );
        }
        service.shown_by(Arc::<Self>::clone(&node));
        Ok(node)
    }

    /// For new connections, whatever is shown.
    #[must_use]
    pub fn tls(&self) -> Arc<ArcSwap<ServerConfig>> {
        Arc::clone(&self.tls)
    }

    /// Renews it whenever it is time.
    pub async fn keep(self: Arc<Self>, service: Service) {
        loop {
            sleep(LOOK_EVERY).await;
            let known = is_known(&service).await;
            let before = self.shown().state.key;
            let (node, looking) = (Arc::clone(&self), service.clone());
            // One that panicked has said so.
            let _ = spawn_blocking(move || node.look(&looking, known)).await;
            let NodeState { key, until, .. } = self.shown().state.clone();
            if key != before {
                service.record("renewed", format!("the node, until {}", when(until))).await;
            }
        }
    }

    /// Renews it if it is time. Members whose copy is not stale `know` the charter in force: from then on
    /// a newer authority takes over; whose copy is older asks for the charters.
    fn look(&self, service: &Service, known: bool) {
        let state = service.state();
        let (charter, mut shown) = (state.directory.charter(), self.shown());
        if charter.newest.leaf < shown.charter {
            return;
        }
        let authorities = &charter.service_ca;
        let counted = self.maker.ambient.counted();
        let is_soon = shown.failed.is_some_and(|at| counted.saturating_sub(at) < AGAIN_SECONDS);
        // Whom nobody believes has no time.
        let waits = is_soon && shown.state.authority.is_some();
        let Some(from) = self.maker.is_due(&shown, authorities, known).filter(|_| !waits) else {
            return;
        };
        let may = by_this_clock(service)
            .and_then(|()| self.maker.is_worth_it(&shown.certificate, authorities));
        if let Err(why) = may.and_then(|()| self.replace(&mut shown, charter, from)) {
            self.failed(&mut shown, why);
        }
    }

    /// Shows another certificate from now on.
    fn replace(
        &self,
        shown: &mut Shown,
        charter: &Charter,
        from: Source,
    ) -> Result<NodeState, NotRenewed> {
        let authorities = &charter.service_ca;
        let before = (from == Source::TheSame).then_some(&shown.certificate[..]);
        let Ready { certificate, tls } = self.maker.renewed(authorities, before)?;
        let state = self.maker.state(&certificate, authorities);
        self.tls.store(Arc::new(tls));
        self.telemetry.say(&Event::NodeRenewed(when(state.until)));
        let charter = charter.newest.leaf;
        *shown = Shown { certificate, state: state.clone(), charter, failed: None };
        Ok(state)
    }

    fn failed(&self, shown: &mut Shown, why: NotRenewed) {
        self.telemetry.say(&Event::NodeNotRenewed(when(shown.state.until), &why));
        shown.failed = Some(self.maker.ambient.counted());
        shown.state.trouble = Some(why);
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Renewer for Node {
    fn state(&self) -> NodeState {
        self.shown().state.clone()
    }

    fn renew(&self, service: &Service) -> Result<NodeState, NotRenewed> {
        by_this_clock(service)?;
        let state = service.state();
        let (charter, mut shown) = (state.directory.charter(), self.shown());
        if charter.newest.leaf < shown.charter {
            return Err(NotRenewed::NotMade("a charter comes into force: try again".to_owned()));
        }
        self.replace(&mut shown, charter, Source::TheNewest)
    }

    fn goes_on_under(&self, authorities: &[Bytes]) -> Result<(), NotRenewed> {
        self.maker.goes_on_under(authorities, &self.shown().certificate)
    }

    fn follow(&self, charter: &Charter) {
        let mut shown = self.shown();
        shown.charter = charter.newest.leaf;
        if issuer(&charter.service_ca, &shown.certificate).is_some() {
            return;
        }
        if let Err(why) = self.replace(&mut shown, charter, Source::TheNewest) {
            shown.state.authority = None;
            self.failed(&mut shown, why);
        }
    }
}

/// Whether members know the charter in force: all but those whose copy is stale.
pub(super) async fn is_known(service: &Service) -> bool {
    let stale_after = service.state().directory.charter().policy.stale_after;
    let since = service.charter_since().await;
    since.is_ok_and(|since| since.saturating_add(stale_after) <= service.now())
}

/// A certificate is dated by a clock that is believed.
fn by_this_clock(service: &Service) -> Result<(), NotRenewed> {
    if service.is_clock_in_doubt() { Err(NotRenewed::ClockInDoubt) } else { Ok(()) }
}

/// What is known of the node's certificate of a home that is not served.
///
/// # Errors
/// A file is missing or cannot be used; a client would not believe it.
pub fn node(home: &ServiceHome, ambient: &Ambient) -> Result<NodeState, OperateError> {
    let maker = Maker::of(home, &home.config()?, ambient)?;
    let authorities = authorities_of(home)?;
    let found = maker.found(&authorities)?;
    Ok(maker.state(&found.certificate, &authorities))
}

/// Makes a new certificate of the node of a home that is not served, and puts it in the place of the old
/// one; a dry run only makes it, and lets a client believe it.
///
/// # Errors
/// It is served; it is another user's; none can be made that a client believes.
pub fn renew_node(
    home: &ServiceHome,
    ambient: &Ambient,
    dry_run: bool,
) -> Result<NodeState, OperateError> {
    let maker = Maker::of(home, &home.config()?, ambient)?;
    let authorities = authorities_of(home)?;
    let done = if dry_run {
        maker.made(&authorities, None).map(|(_, ready)| ready)
    } else {
        is_its_owner(home)?;
        let _alone = not_served(home)?;
        maker.renewed(&authorities, None)
    };
    let Ready { certificate, .. } = done.map_err(OperateError::NotRenewed)?;
    if !dry_run {
        ceremonies::keep(home, ambient, "node renew")?;
    }
    Ok(maker.state(&certificate, &authorities))
}

/// Whether clients that know the authorities of this charter would believe the service of a home that is
/// not served.
///
/// # Errors
/// They would not, and the charter in force has others; it cannot be read.
pub(super) fn goes_on_under(
    home: &ServiceHome,
    ambient: &Ambient,
    charter: &[u8],
) -> Result<(), OperateError> {
    let authorities = charters::read(charter)?.1.service_ca;
    if authorities_of(home)? == authorities {
        return Ok(());
    }
    let shown = keys::node(home, ambient).map_or_else(|_| Vec::new(), |node| node.certificate);
    let maker = Maker::of(home, &home.config()?, ambient)?;
    maker.goes_on_under(&authorities, &shown).map_err(OperateError::NotRenewed)
}

/// Those of the charter that the service kept last.
fn authorities_of(home: &ServiceHome) -> Result<Vec<Bytes>, OperateError> {
    let charter = files::read(&home.charter(), limits::STATEMENT_BYTES as u64)?;
    Ok(charters::read(&charter)?.1.service_ca)
}

/// Makes certificates of the node.
struct Maker {
    home: ServiceHome,
    name: DirectoryName,
    hosts: Vec<String>,
    ambient: Ambient,
}

/// A certificate that a client has believed, ready to be shown.
struct Ready {
    certificate: Vec<u8>,
    tls: ServerConfig,
}

impl Maker {
    fn of(home: &ServiceHome, config: &Config, ambient: &Ambient) -> Result<Self, OperateError> {
        let addresses = config.addresses.iter().filter_map(|text| Address::parse(text).ok());
        let hosts = addresses.map(|address| address.host().to_owned()).collect();
        let (home, ambient) = (home.clone(), ambient.clone());
        Ok(Self { home, name: config.name.parse()?, hosts, ambient })
    }

    /// What is in the home. Its dates are judged by who connects: this clock may be the wrong one.
    fn found(&self, authorities: &[Bytes]) -> Result<Ready, OperateError> {
        let found = keys::node(&self.home, &self.ambient)?;
        let within = Within(dates(&found.certificate).0);
        self.proven(&found, authorities, Arc::new(within))
    }

    /// A new one, kept in the place of the old one.
    fn renewed(&self, authorities: &[Bytes], before: Option<&[u8]>) -> Result<Ready, NotRenewed> {
        let (made, ready) = self.made(authorities, before)?;
        keys::keep_node(&self.home, &made).map_err(|why| NotRenewed::NotMade(why.to_string()))?;
        Ok(ready)
    }

    /// A new one from the newest authority of these whose key is here, or from the one that issued
    /// `before`.
    fn made(
        &self,
        authorities: &[Bytes],
        before: Option<&[u8]>,
    ) -> Result<(Certified, Ready), NotRenewed> {
        let not_made = |why: OperateError| NotRenewed::NotMade(why.to_string());
        let held = keys::authorities(&self.home, &self.ambient).map_err(not_made)?;
        let listed =
            held.into_iter().filter(|held| authorities.iter().any(|der| *der == held.certificate));
        let has_issued = |held: &Certified| {
            before.is_some_and(|before| cert::is_issued_by(&[&held.certificate], before, &[]))
        };
        let authority = listed.max_by_key(|held| (has_issued(held), held.began()));
        let authority = authority.ok_or(NotRenewed::NoAuthority)?;
        let made = issue(&authority, &self.name, &self.hosts, &self.ambient).map_err(not_made)?;
        let ready = self.proven(&made, authorities, self.ambient.tls_clock());
        ready.map(|ready| (made, ready)).map_err(|why| NotRenewed::NotBelieved(why.to_string()))
    }

    /// Whether a client that knows these authorities alone believes what is shown, or the next one.
    fn goes_on_under(&self, authorities: &[Bytes], shown: &[u8]) -> Result<(), NotRenewed> {
        match issuer(authorities, shown) {
            Some(_) => self
                .found(authorities)
                .map(drop)
                .map_err(|why| NotRenewed::NotBelieved(why.to_string())),
            None => self.made(authorities, None).map(drop),
        }
    }

    /// Lets a client that knows these authorities connect.
    fn proven(
        &self,
        node: &Certified,
        authorities: &[Bytes],
        clock: Arc<dyn TimeProvider>,
    ) -> Result<Ready, OperateError> {
        let unusable = |why: &dyn std::fmt::Display| OperateError::Tls(why.to_string());
        let certificate = node.certificate.clone();
        let identity = Identity::new(std::slice::from_ref(&certificate), &node.key);
        let tls = tls::server::config(identity.map_err(|why| unusable(&why))?);
        let tls = tls.map_err(|why| unusable(&why))?;
        let authorities: Vec<Vec<u8>> = authorities.iter().map(|der| der.to_vec()).collect();
        let client = ClientTls::for_directory(self.name.as_str(), &authorities, None, clock);
        let client = client.map_err(|why| unusable(&why))?;
        trial::handshake(Arc::new(tls.clone()), &client).map_err(|why| unusable(&why))?;
        Ok(Ready { certificate, tls })
    }

    /// Whether it is time for another, and from where.
    fn is_due(&self, shown: &Shown, authorities: &[Bytes], known: bool) -> Option<Source> {
        let issuer = issuer(authorities, &shown.certificate);
        let Some(issuer) = issuer else { return Some(Source::TheNewest) };
        let is_newer = |other: &Bytes| dates(other).0 > dates(issuer).0;
        let newer = authorities.iter().filter(|other| is_newer(other));
        if known && newer.clone().any(|newer| self.holds(newer)) {
            return Some(Source::TheNewest);
        }
        let (served, _) = permitted(issuer, &self.hosts);
        let moved = !self.hosts.is_empty() && !hosts::carries(&shown.certificate, &served);
        (moved || self.ambient.now() >= shown.state.renews).then_some(Source::TheSame)
    }

    fn holds(&self, authority: &[u8]) -> bool {
        let held = keys::authorities(&self.home, &self.ambient).unwrap_or_default();
        held.iter().any(|held| held.certificate == authority)
    }

    /// At the end of its authority a certificate would hold no longer than the one before.
    fn is_worth_it(&self, certificate: &[u8], authorities: &[Bytes]) -> Result<(), NotRenewed> {
        let ends = authorities.iter().map(|authority| dates(authority).1).max().unwrap_or(0);
        if dates(certificate).1 < ends { Ok(()) } else { Err(NotRenewed::AuthorityEnds(ends)) }
    }

    fn state(&self, certificate: &[u8], authorities: &[Bytes]) -> NodeState {
        let (from, until) = dates(certificate);
        let issuer = issuer(authorities, certificate);
        let (hosts, left_out) = permitted(issuer.map_or(&[], |issuer| &issuer[..]), &self.hosts);
        let owned = |hosts: Vec<&str>| hosts.into_iter().map(ToOwned::to_owned).collect();
        NodeState {
            key: PeerCertificate::parse(certificate).ok().map(|read| read.key_id()),
            authority: issuer.map(|der| Digest::of(der)),
            from,
            until,
            renews: from + (until - from) / 3 * 2,
            hosts: owned(hosts),
            left_out: owned(left_out),
            trouble: None,
        }
    }
}

/// A fresh key with its certificate, from this authority. Hosts for which it may not issue are left out.
pub(super) fn issue(
    authority: &Certified,
    name: &DirectoryName,
    hosts: &[String],
    ambient: &Ambient,
) -> Result<Certified, OperateError> {
    let (key, now) = (keys::p256(ambient)?, ambient.now());
    let service = ServiceName::new(name.as_str(), "node-1")
        .map_err(|why| OperateError::Plan(why.to_string()))?;
    let validity = Validity {
        not_before: now.saturating_sub(DAY),
        not_after: (now + DAYS * DAY).min(dates(&authority.certificate).1),
        serial: ambient.bytes(),
    };
    let (hosts, _) = permitted(&authority.certificate, hosts);
    let (from, random) = (authority.as_authority(), ambient.random());
    let made = issue::node_certificate(from, key.public(), &service, &hosts, validity, random)?;
    Ok(Certified { key, certificate: made })
}

/// The hosts for which an authority may issue, and the others.
fn permitted<'a>(authority: &[u8], hosts: &'a [String]) -> (Vec<&'a str>, Vec<&'a str>) {
    let all = hosts.iter().map(String::as_str);
    all.partition(|host| hosts::may_issue_for(authority, host))
}

/// Which of these authorities issued it.
fn issuer<'a>(authorities: &'a [Bytes], certificate: &[u8]) -> Option<&'a Bytes> {
    authorities.iter().find(|authority| cert::is_issued_by(&[authority], certificate, &[]))
}

/// First and last second; nothing of what cannot be read.
fn dates(certificate: &[u8]) -> (u64, u64) {
    PeerCertificate::parse(certificate).map_or((0, 0), |read| (read.not_before(), read.not_after()))
}

/// The clock of somebody for whom a certificate is within its dates.
#[derive(Debug)]
struct Within(u64);

impl TimeProvider for Within {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0)))
    }
}
