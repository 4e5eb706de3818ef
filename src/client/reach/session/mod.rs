//! A connection to a directory's service, and what is asked on it.
//!
//! In scope: whom to believe, the charter's own renewal, bringing a replica up to date, handing in
//! statements. Out of scope: the relay's calls (`office`), the environment. Invariants: each call
//! has a deadline; on a connection to a server that is not believed nothing but `GetCharters` is
//! called, and of its answer nothing but charters is heard.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, try_join};
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Response, Status};

use crate::ambient::Ambient;
use crate::client::reason::{Here, Reason, Rule};
use crate::crypto::hash::Digest;
use crate::crypto::sign::VerifyingKey;
use crate::domain::ids::{ContactId, DirectoryName};
use crate::domain::limits;
use crate::tlog::checkpoint::VerifiedCheckpoint;
use crate::tlog::merkle::leaf_hash;
use crate::tlog::proof::verify_inclusion;
use crate::tls::Identity;
use crate::tls::client::{ClientTls, InvalidTrust, ServerFault};
use crate::wire::v1::directory_service_client::DirectoryServiceClient;
use crate::wire::v1::enrolment_service_client::EnrolmentServiceClient;
use crate::wire::{convert, v1};

use super::call::{Patience, answered, of_other_port, patiently, request_for, request_of, within};
use super::connect::{ConnectError, Connection, Dial, Proxies, Route, connect};
use super::relay::Relay;
use crate::client::address::{Address, InvalidAddress};
use crate::client::charters::{Chain, Link};
use crate::client::clocks::Clocks;
use crate::client::draft::Bundle;
use crate::client::error::{ClientError, Family, Side};
use crate::client::home::{Addresses, Home};
use crate::client::invitation::{Succession, Trust};
use crate::client::keys::Owner;
use crate::client::mend::Mend;
use crate::client::replica::{Appended, Frozen, Origin, Replica, ReplicaError};

/// The way out of this machine, as values.
#[derive(Clone)]
pub struct Net {
    /// TCP, or memory in tests.
    pub dial: Arc<dyn Dial>,
    /// `HTTPS_PROXY` and `NO_PROXY`, read by the caller.
    pub proxies: Proxies,
    /// Clock and randomness.
    pub ambient: Ambient,
}

/// A connection to the service of one directory.
#[derive(Clone, Debug)]
pub struct Session {
    connection: Connection,
    home: Home,
    name: DirectoryName,
    address: Address,
    ambient: Ambient,
    patience: Patience,
}

/// How far a sync is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Entries here, of those that the checkpoint counts.
    Entries {
        /// Entries that are here.
        have: u64,
        /// Entries that the checkpoint counts.
        of: u64,
    },
    /// Facets here, of those that were missing.
    Facets {
        /// Facets that came so far.
        have: usize,
        /// Facets that were missing when it began.
        of: usize,
    },
}

/// What a sync came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// The size before.
    pub before: u64,
    /// The size now.
    pub size: u64,
    /// Facets that the service did not hand over, by contact and name.
    pub withheld: Vec<(ContactId, String)>,
    /// Why the directory stands still: update this program.
    pub frozen: Option<Frozen>,
    /// Whether the newest checkpoint could be checked: always, unless it stands still.
    pub checked: bool,
    /// The directory's clock, if this machine's is more than an hour behind it: one of the two is
    /// wrong.
    pub clock: Option<u64>,
    /// Charters were in use that the log does not hold: where they are kept as evidence.
    pub refuted: Option<PathBuf>,
}

/// Why entries do not come to a checkpoint.
enum Stopped {
    Copy(ReplicaError),
    Call(ClientError),
}

impl Stopped {
    /// What was on trial may be the reason: also a charter on trial, by whose keys the checkpoint
    /// would be judged. A copy that stands still has confirmed the charter behind which it does.
    const fn may_be_of_the_trial(&self, frozen: bool) -> bool {
        let by_its_keys = match self {
            Self::Copy(ReplicaError::Checkpoint { origin: Origin::Service, .. }) => true,
            Self::Copy(ReplicaError::NotCheckable(_)) => !frozen,
            Self::Copy(_) | Self::Call(_) => false,
        };
        by_its_keys || self.is_of_what_came()
    }

    /// What came cannot be in the log, or is not what the checkpoint covers.
    const fn is_of_what_came(&self) -> bool {
        matches!(
            self,
            Self::Copy(
                ReplicaError::Fold { origin: Origin::Service, .. } | ReplicaError::OtherRoot { .. }
            )
        )
    }
}

impl From<ReplicaError> for Stopped {
    fn from(error: ReplicaError) -> Self {
        Self::Copy(error)
    }
}

impl From<ClientError> for Stopped {
    fn from(error: ClientError) -> Self {
        Self::Call(error)
    }
}

impl From<Stopped> for ClientError {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Copy(error) => error.into(),
            Stopped::Call(error) => error,
        }
    }
}

/// What the service said about one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is in the log, at this leaf index.
    Logged(u64),
    /// It was refused.
    Refused(ClientError),
}

impl Session {
    /// Connects as `who`, or as nobody: to the first address that answers. If the server shows a
    /// certificate of an authority that the charter known does not name, newer charters are
    /// fetched, verified one by one, kept, and the connection is made again. While a seat's new key waits
    /// for the directory to list it, the service is asked which of the two it takes.
    ///
    /// # Errors
    /// If none answers, the first that could be reached and not be believed; else the first.
    pub async fn open(
        home: &Home,
        name: &DirectoryName,
        who: Option<&Owner>,
        net: &Net,
    ) -> Result<Self, ClientError> {
        let keys = home.keys();
        let next = match who {
            Some(Owner::Seat(seat)) => keys.next_tls(seat, &net.ambient)?,
            Some(_) | None => None,
        };
        let identity = who.map(|who| keys.tls(who, &net.ambient)).transpose()?;
        let session = Self::open_with(home, name, identity.as_ref(), net).await?;
        match next {
            Some(next) if session.is_refused().await => {
                Self::open_with(home, name, Some(&next), net).await
            }
            Some(_) | None => Ok(session),
        }
    }

    /// Whether the service takes the key of this connection for nobody's.
    async fn is_refused(&self) -> bool {
        self.checkpoint().await.is_err_and(|why| why.reason == Rule::NotPermitted)
    }

    /// Connects to the administration, as a registrar, an operator or an auditor.
    ///
    /// # Errors
    /// As [`Session::open`]; the invitation names no address of it.
    pub async fn open_administration(
        home: &Home,
        name: &DirectoryName,
        given: Option<Address>,
        who: &Owner,
        net: &Net,
    ) -> Result<Self, ClientError> {
        let addresses = match given {
            Some(address) => Addresses { good: vec![address], bad: Vec::new() },
            None => home.admin_addresses(name)?,
        };
        if addresses.good.is_empty() && addresses.bad.is_empty() {
            let sentence =
                format!("the invitation to {name} names no address of the administration");
            return Err(ClientError::new(
                Side::Ours,
                Family::NotReachable,
                Here::NoAdminAddress,
                sentence,
            )
            .mended_by(Mend::NameAdminAddress));
        }
        let identity = home.keys().tls(who, &net.ambient)?;
        let open = || Self::open_at(home, name, addresses.clone(), Some(&identity), net);
        match open().await {
            // The members' port shows the charters that name another authority.
            Err(why)
                if is_of_another_authority(&why.reason)
                    && Self::open_with(home, name, None, net).await.is_ok() =>
            {
                open().await
            }
            opened => opened,
        }
    }

    /// The charters from that of this home's invitation on: each follows, and is in the log.
    ///
    /// # Errors
    /// The call's; one does not follow.
    pub async fn succession(&self) -> Result<Succession, ClientError> {
        let trust = self.home.invitation(&self.name)?.into_trust();
        let (_, followed) = charters(self.connection.channel(), &trust).await?;
        Ok(Succession::new(&trust, &followed)?)
    }

    /// The same with this key, or without any.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn open_with(
        home: &Home,
        name: &DirectoryName,
        identity: Option<&Identity>,
        net: &Net,
    ) -> Result<Self, ClientError> {
        Self::open_at(home, name, home.addresses(name)?, identity, net).await
    }

    async fn open_at(
        home: &Home,
        name: &DirectoryName,
        addresses: Addresses,
        identity: Option<&Identity>,
        net: &Net,
    ) -> Result<Self, ClientError> {
        let trust = home.trust(name)?;
        let tried = addresses.good.len();
        let mut failed: Option<ClientError> = None;
        for address in addresses.good {
            match reach(home, &trust, &address, identity, net).await {
                Ok(connection) => {
                    let (home, name, ambient) = (home.clone(), name.clone(), net.ambient.clone());
                    let patience = Patience::SOME;
                    return Ok(Self { connection, home, name, address, ambient, patience });
                }
                Err(error) => {
                    let silent = |error: &ClientError| error.family == Family::NotReachable;
                    if failed.as_ref().is_none_or(|failed| silent(failed) && !silent(&error)) {
                        failed = Some(error);
                    }
                }
            }
        }
        Err(match (failed, addresses.bad.first()) {
            (Some(mut failed), _) => {
                if tried > 1 {
                    let sentence = &failed.sentence;
                    failed.sentence = format!("{sentence}; {tried} addresses were tried");
                }
                failed
            }
            (None, Some((path, why))) => bad_address(path, why),
            (None, None) => {
                let sentence = format!("the invitation to {name} names no address");
                ClientError::new(Side::Ours, Family::NotReachable, Here::NoAddress, sentence)
                    .mended_by(Mend::Join)
            }
        })
    }

    /// The same for who stays: each call is tried once.
    #[must_use]
    pub const fn impatient(mut self) -> Self {
        self.patience = Patience::NONE;
        self
    }

    /// How patient its calls are.
    #[must_use]
    pub const fn patience(&self) -> Patience {
        self.patience
    }

    /// The directory whose service this is.
    #[must_use]
    pub const fn name(&self) -> &DirectoryName {
        &self.name
    }

    /// The server that answered.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The relay, asked as patiently as this.
    #[must_use]
    pub fn relay(&self) -> Relay {
        Relay::new(self.connection.channel(), self.patience)
    }

    /// For the relay's stream, and for what the handshake agreed on.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Clock and randomness.
    #[must_use]
    pub const fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    /// Brings a replica up to the service's newest checkpoint: entries page by page, each kept on
    /// trial as it comes, so that a sync that breaks off goes on where it was; then facets. If what
    /// was on trial before does not come to that checkpoint, it is let go and fetched once more.
    ///
    /// # Errors
    /// [`ClientError`]; the replica is then what it was, and nothing unproven is kept but what the
    /// service has yet to complete.
    pub async fn sync(
        &self,
        replica: &mut Replica,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Synced, ClientError> {
        let before = replica.directory().map_or(0, |_| replica.entries() - replica.on_trial());
        let (checkpoint, ()) = join(self.checkpoint(), self.ask_for_addresses()).await;
        let mut checkpoint = checkpoint?;
        let on_trial = replica.on_trial() > 0;
        let mut synced = self.sync_entries(replica, &mut checkpoint, progress).await;
        let doubtful = |stopped: &Stopped| stopped.may_be_of_the_trial(replica.frozen().is_some());
        if on_trial && synced.as_ref().is_err_and(doubtful) {
            replica.forget_trial()?;
            checkpoint = self.checkpoint().await?;
            synced = self.sync_entries(replica, &mut checkpoint, progress).await;
        }
        let mut frozen = None;
        let checked = match synced {
            Ok(()) => {
                // Behind newer rules it may end keys, and the next checkpoint may cover it.
                if replica.on_trial() > 0 && replica.frozen().is_none() {
                    replica.forget_trial()?;
                }
                true
            }
            // Neither failure nor evidence: the copy stays where it is.
            Err(Stopped::Copy(ReplicaError::NotCheckable(why))) if replica.directory().is_ok() => {
                frozen = Some(why);
                false
            }
            Err(stopped) if stopped.is_of_what_came() => {
                replica.forget_trial()?;
                return Err(self.with_evidence(replica, stopped, &checkpoint)?);
            }
            Err(stopped) => return Err(stopped.into()),
        };
        self.sync_facets(replica, progress).await?;
        let withheld = replica.withheld()?.into_iter().map(|(of, facet)| (of, facet.name));
        Ok(Synced {
            before,
            size: replica.view()?.size,
            withheld: withheld.collect(),
            frozen: replica.frozen().cloned().or(frozen),
            checked,
            clock: self.clock_behind(replica)?,
            refuted: replica.refuted().map(Path::to_owned),
        })
    }

    fn clock_behind(&self, replica: &Replica) -> Result<Option<u64>, ClientError> {
        let (own, directory) = (self.ambient.now(), replica.directory()?.clock());
        let wrong = Clocks { own, service: None, directory }.wrong();
        Ok(wrong.map(|_| directory))
    }

    async fn sync_entries(
        &self,
        replica: &mut Replica,
        checkpoint: &mut Bytes,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), Stopped> {
        let mut size = replica.size_of(checkpoint)?;
        let mut ahead = None;
        while replica.entries() < size {
            let start = replica.entries();
            progress(Progress::Entries { have: start, of: size });
            let entries = match ahead.take() {
                Some((from, page)) if from == start => page,
                _ => self.page(start, size).await,
            }?;
            // The next page is on its way while this one is verified.
            let next = start + entries.len() as u64;
            let fetch = async {
                let page = if next < size { Some(self.page(next, size).await) } else { None };
                Ok(page.map(|page| (next, page)))
            };
            let append = async { replica.append(&entries).map_err(Stopped::from) };
            let appended;
            (ahead, appended) = try_join(fetch, append).await?;
            // What another program was shown since may be newer, and this one goes not back behind it.
            if appended == Appended::ReadAgain {
                *checkpoint = self.checkpoint().await?;
                size = replica.size_of(checkpoint)?;
            }
        }
        progress(Progress::Entries { have: size, of: size });
        Ok(replica.confirm(checkpoint, self.ambient.now())?)
    }

    async fn page(&self, start: u64, size: u64) -> Result<Vec<Bytes>, Stopped> {
        let limit = u32::try_from(size - start).unwrap_or(u32::MAX).min(PAGE);
        let request = v1::GetEntriesRequest { start, limit };
        let entries = patiently(self.patience, || {
            let mut client = self.directory();
            let request = request_for(request, limits::ENTRIES_PAGE_BYTES);
            async move { answered("GetEntries", client.get_entries(request)).await }
        });
        let mut entries = entries.await?.entries;
        entries.truncate(limit as usize);
        if entries.is_empty() {
            let sentence =
                format!("the service shows a log of {size} entries, and not entry {start}");
            let failed = Family::VerificationFailed;
            let withheld = ClientError::new(Side::Theirs, failed, Here::EntriesWithheld, sentence);
            return Err(withheld.into());
        }
        Ok(entries)
    }

    /// What the service showed of its log and cannot be, kept.
    fn with_evidence(
        &self,
        replica: &Replica,
        stopped: Stopped,
        checkpoint: &[u8],
    ) -> Result<ClientError, ClientError> {
        let entry = match &stopped {
            Stopped::Copy(ReplicaError::Fold { entry, .. }) => Some(entry.clone()),
            Stopped::Copy(_) | Stopped::Call(_) => None,
        };
        let kept = replica.keep_evidence(checkpoint, entry.as_deref(), self.ambient.now())?;
        let mut error = ClientError::from(stopped);
        if let Some(path) = kept {
            error.details.insert("evidence".to_owned(), path.display().to_string());
        }
        Ok(error)
    }

    async fn sync_facets(
        &self,
        replica: &mut Replica,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), ClientError> {
        let missing = replica.withheld()?;
        let named = missing.iter().map(|(contact, facet)| v1::NamedFacet {
            contact: contact.to_string(),
            hash: facet.hash.clone(),
        });
        let named: Vec<v1::NamedFacet> = named.collect();
        let mut have = 0;
        for named in named.chunks(FACETS_AT_A_TIME) {
            progress(Progress::Facets { have, of: missing.len() });
            let request = v1::GetFacetsRequest { facets: named.to_vec() };
            let facets = patiently(self.patience, || {
                let (mut client, request) = (self.directory(), request_of(request.clone()));
                async move { answered("GetFacets", client.get_facets(request)).await }
            });
            let facets = match facets.await {
                // Operators and auditors read the log, and no details: all stays withheld.
                Err(why) if why.reason == Rule::NotPermitted => break,
                answered => answered?.facets,
            };
            have += replica.keep_facets(
                facets.into_iter().filter_map(|facet| convert::facet(facet).ok()).collect(),
            )?;
        }
        if !missing.is_empty() {
            progress(Progress::Facets { have, of: missing.len() });
        }
        Ok(())
    }

    /// The service's newest checkpoint, not yet verified.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn checkpoint(&self) -> Result<Bytes, ClientError> {
        let newest = patiently(self.patience, || {
            let (mut client, request) = (self.directory(), request_of(v1::GetCheckpointRequest {}));
            async move { of_members("GetCheckpoint", client.get_checkpoint(request)).await }
        });
        Ok(newest.await?.checkpoint)
    }

    /// Keeps where the service was found, and where it says that it can be found. This connection
    /// is believed; on any other what is said of addresses is not heard. What cannot be asked now
    /// is asked the next time.
    async fn ask_for_addresses(&self) {
        let request = v1::GetChartersRequest { after_version: u64::MAX };
        let mut client = self.enrolment();
        let asked = timeout(ADDRESSES_TIMEOUT, client.get_charters(request_of(request))).await;
        let said = asked.ok().and_then(Result::ok);
        let said = said.map(|answer| answer.into_inner().addresses).unwrap_or_default();
        let said = said.iter().filter_map(|text| Address::parse(text).ok()).take(ADDRESSES);
        let said: Vec<Address> = said.collect();
        // On a disk that cannot be written to, what was known stands.
        let _ = self.home.found_at(&self.name, &self.address, &said);
        let _ = self.home.saw_certificate(&self.name, &self.connection.certificate());
    }

    /// Hands in statements, as a registrar.
    ///
    /// # Errors
    /// The call's; what was said about each statement is in its answer.
    pub async fn publish(&self, bundle: &Bundle) -> Result<Vec<Verdict>, ClientError> {
        let request = v1::PublishRequest { publications: bundle.to_wire().publications };
        let said = patiently(self.patience, || {
            let (mut client, request) = (self.directory(), request_of(request.clone()));
            async move { answered("Publish", client.publish(request)).await }
        });
        answers(bundle, said.await?.answers)
    }

    /// Hands in statements, on any connection: the signature is the credential.
    ///
    /// # Errors
    /// As [`Session::publish`].
    pub async fn enrol(&self, bundle: &Bundle) -> Result<Vec<Verdict>, ClientError> {
        let request = v1::EnrolRequest { publications: bundle.to_wire().publications };
        let said = patiently(self.patience, || {
            let (mut client, request) = (self.enrolment(), request_of(request.clone()));
            async move { of_members("Enrol", client.enrol(request)).await }
        });
        answers(bundle, said.await?.answers)
    }

    fn directory(&self) -> DirectoryServiceClient<Channel> {
        DirectoryServiceClient::new(self.connection.channel())
    }

    fn enrolment(&self) -> EnrolmentServiceClient<Channel> {
        EnrolmentServiceClient::new(self.connection.channel())
    }
}

/// The answer to what the other port does not know.
async fn of_members<T>(
    what: &str,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, ClientError> {
    let mend = Mend::CorrectAddresses;
    answered(what, call).await.map_err(|why| of_other_port(why, what, "the administration", mend))
}

/// No address can be used.
fn bad_address(path: &Path, why: &InvalidAddress) -> ClientError {
    let sentence = format!("{}: {why}, and no other address is known", path.display());
    ClientError::new(Side::Ours, Family::Usage, Here::BadAddress, sentence)
        .mended_by(Mend::CorrectAddressesOf(path.to_owned()))
}

/// Whether a handshake that broke gets to its end with a first message that fits one segment: then a
/// box on the way judges connections by their first segment. Nothing is said on that connection.
pub async fn opens_for_a_small_hello(home: &Home, name: &DirectoryName, net: &Net) -> bool {
    let (Ok(trust), Ok(addresses)) = (home.trust(name), home.addresses(name)) else { return false };
    let authorities = authorities(trust.newest());
    for address in addresses.good {
        let tls = ClientTls::small(name.as_str(), &authorities, net.ambient.tls_clock());
        let Ok(tls) = tls else { return false };
        if connect(route(tls, &address, net)).await.is_ok() {
            return true;
        }
    }
    false
}

/// Connects under the newest charter in use, else under the newest that is pinned; if the server's
/// authority is one of neither, once more under the charters that the service shows.
async fn reach(
    home: &Home,
    trust: &Trust,
    address: &Address,
    identity: Option<&Identity>,
    net: &Net,
) -> Result<Connection, ClientError> {
    let mut unknown = None;
    for charter in trust.candidates() {
        let tls = trusting(trust.name(), charter, identity, net)?;
        match connect(route(tls, address, net)).await {
            Ok(connection) => return Ok(connection),
            Err(error) if is_unknown_issuer(&error) => unknown = unknown.or(Some(error)),
            Err(error) => return Err(error.into()),
        }
    }
    let (chain, entries) = match (newer_charters(trust, address, net).await, unknown) {
        // Who shows no charter may be anybody: what is known is the certificate.
        (Err(error), Some(unknown)) if !is_of_a_service(&error) => return Err(unknown.into()),
        (Ok((_, entries)), Some(unknown)) if entries.is_empty() => return Err(unknown.into()),
        (shown, _) => shown?,
    };
    let entries: Vec<Bytes> = entries.into_iter().map(|(_, entry)| entry).collect();
    home.use_charters(trust.name(), &entries)?;
    let tls = trusting(trust.name(), chain.newest(), identity, net)?;
    Ok(connect(route(tls, address, net)).await?)
}

/// On a connection that is not believed: what is heard there proves itself.
async fn newer_charters(
    trust: &Trust,
    address: &Address,
    net: &Net,
) -> Result<(Chain, Vec<(u64, Bytes)>), ClientError> {
    let tls = ClientTls::untrusted_for_charters(net.ambient.tls_clock())
        .map_err(InvalidTrust::Unusable)?;
    let connection = connect(route(tls, address, net)).await?;
    charters(connection.channel(), trust).await
}

/// Only a service of ours shows charters, or has too much to do to show them.
fn is_of_a_service(error: &ClientError) -> bool {
    error.reason == Here::CharterDoesNotFollow || error.reason == Rule::Busy
}

fn is_of_another_authority(reason: &Reason) -> bool {
    matches!(reason.here(), Some(Here::ServerUnknownIssuer | Here::TlsIntercepted))
}

fn is_unknown_issuer(error: &ConnectError) -> bool {
    matches!(
        error,
        ConnectError::Intercepted { .. }
            | ConnectError::Server { source: ServerFault::UnknownIssuer { .. }, .. }
    )
}

fn trusting(
    name: &DirectoryName,
    charter: &Link,
    identity: Option<&Identity>,
    net: &Net,
) -> Result<ClientTls, ClientError> {
    let (authorities, clock) = (authorities(charter), net.ambient.tls_clock());
    Ok(ClientTls::for_directory(name.as_str(), &authorities, identity.cloned(), clock)?)
}

fn authorities(charter: &Link) -> Vec<Vec<u8>> {
    charter.service_ca.iter().map(|der| der.to_vec()).collect()
}

fn route(tls: ClientTls, address: &Address, net: &Net) -> Route {
    Route {
        dial: Arc::clone(&net.dial),
        address: address.clone(),
        proxies: net.proxies.clone(),
        tls,
    }
}

/// Fetches the charters behind those pinned, page by page, and follows each: by the quorums, and as
/// an entry of the log that the newest of them names. Gives the chain, and the entries by leaf index.
async fn charters(
    channel: Channel,
    trust: &Trust,
) -> Result<(Chain, Vec<(u64, Bytes)>), ClientError> {
    let mut client = EnrolmentServiceClient::new(channel);
    let (mut chain, mut pages) = (trust.chain().clone(), Vec::new());
    loop {
        let after_version = chain.newest().version;
        let call = client.get_charters(request_of(v1::GetChartersRequest { after_version }));
        let page = within("GetCharters", limits::CHARTERS_TIMEOUT, call).await?;
        for charter in &page.charters {
            chain.follow_logged(&charter.entry).map_err(|why| not_following(&why))?;
        }
        let reached = chain.newest().version;
        let done = reached >= page.newest || reached == after_version;
        pages.push(page);
        if done {
            break;
        }
    }
    let keys = &chain.newest().log;
    let proven = pages.iter().filter(|page| !page.charters.is_empty());
    proven.clone().try_for_each(|page| in_the_log(trust, keys, page))?;
    let entries = proven.flat_map(|page| &page.charters);
    let entries = entries.map(|charter| (charter.leaf_index, charter.entry.clone())).collect();
    Ok((chain, entries))
}

/// Charters that were signed, and never logged, are none.
fn in_the_log(
    trust: &Trust,
    keys: &[VerifyingKey],
    page: &v1::GetChartersResponse,
) -> Result<(), ClientError> {
    let name = trust.origin().map_err(|why| not_following(&why))?;
    let checkpoint = VerifiedCheckpoint::verify(&page.checkpoint, &name, keys);
    let checkpoint = checkpoint.map_err(|why| not_following(&why))?;
    for charter in &page.charters {
        let path = charter.inclusion.iter().map(|hash| Digest::try_from(&hash[..]));
        let path = path.collect::<Result<Vec<_>, _>>().map_err(|why| not_following(&why))?;
        let (leaf, size) = (leaf_hash(&charter.entry), checkpoint.size());
        verify_inclusion(leaf, charter.leaf_index, size, &path, checkpoint.root())
            .map_err(|why| not_following(&why))?;
    }
    Ok(())
}

fn not_following(why: &dyn std::fmt::Display) -> ClientError {
    let sentence = format!("the service shows a charter that does not follow: {why}");
    let failed = Family::VerificationFailed;
    ClientError::new(Side::Theirs, failed, Here::CharterDoesNotFollow, sentence)
}

fn answers(bundle: &Bundle, answers: Vec<v1::PublishAnswer>) -> Result<Vec<Verdict>, ClientError> {
    let read = answers.into_iter().filter_map(|answer| {
        Some(match answer.answer? {
            v1::publish_answer::Answer::LeafIndex(leaf) => Verdict::Logged(leaf),
            v1::publish_answer::Answer::Refused(refused) => {
                Verdict::Refused(ClientError::refused(refused))
            }
        })
    });
    let read: Vec<Verdict> = read.collect();
    let (expected, found) = (bundle.publications().len(), read.len());
    if expected != found {
        let sentence = format!("the service answered {found} of {expected} statements");
        let unexpected = Family::Unexpected;
        return Err(ClientError::new(Side::Theirs, unexpected, Here::AnswersMissing, sentence));
    }
    Ok(read)
}

/// Entries asked for at a time; the service gives fewer if they are large.
const PAGE: u32 = 256;
/// Facets asked for at a time: 256 KiB of the largest.
const FACETS_AT_A_TIME: usize = 16;
/// Addresses that a service says and that are kept: each that is silent takes 10 s.
const ADDRESSES: usize = 8;
/// They are asked for beside a checkpoint, which waits no longer for them.
const ADDRESSES_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
