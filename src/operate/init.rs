//! `liaisond init`: in two steps, so that the registrars sign in between; or in one, for trials.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::ambient::Ambient;
use crate::client::address::Address;
use crate::client::draft::{self, Bundle};
use crate::client::home::Home;
use crate::client::invitation::Invitation;
use crate::client::keys::{Keys, Owner, Role, prove, read_person};
use crate::client::{armour, files};
use crate::crypto::hash::Digest;
use crate::crypto::sign::{eye, telephone};
use crate::domain::directory::{self, RULES, Statement};
use crate::domain::ids::{DirectoryName, PersonId};
use crate::domain::relay::share::Grants;
use crate::service;
use crate::signed::proto::{self, Use};
use crate::store::Site;

use super::config::{Config, Enrolment, FORMAT, ServiceHome, Storage};
use super::invitation::{invitation, invitation_file, some_addresses};
use super::{HasShown, OperateError, keys};

/// The draft of the ceremony, in the service's home.
const DRAFT: &str = "charter.draft";

/// What a directory is to be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name: the origin of its log, for ever.
    pub name: DirectoryName,
    /// The registrars' PERSON files.
    pub registrars: Vec<String>,
    /// How many registrars decide.
    pub threshold: u32,
    /// The operators' PERSON files.
    pub operators: Vec<String>,
    /// The auditors' PERSON files.
    pub auditors: Vec<String>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where registrars, operators and auditors connect.
    pub admin: Option<SocketAddr>,
    /// Health, on loopback.
    pub health: Option<SocketAddr>,
    /// How members find the service.
    pub addresses: Vec<Address>,
    /// How registrars, operators and auditors find it.
    pub admin_addresses: Vec<Address>,
    /// sled or redb.
    pub engine: String,
}

/// What founding gives.
#[derive(Clone, Debug)]
pub struct Founded {
    /// The fingerprint: SHA-256 of the charter's payload.
    pub fingerprint: Digest,
    /// The invitation file.
    pub invitation: PathBuf,
    /// How members find the service.
    pub addresses: Vec<String>,
}

impl Founded {
    /// The fingerprint for the eye, and for the telephone.
    #[must_use]
    pub fn forms(&self) -> (String, String) {
        (eye(&self.fingerprint), telephone(&self.fingerprint))
    }
}

/// How the service is found, if nothing else was said.
///
/// # Errors
/// It listens everywhere, which is no address to connect to.
pub fn plan_addresses(listen: SocketAddr) -> Result<Vec<Address>, OperateError> {
    let text = match listen.ip() {
        ip if ip.is_unspecified() => {
            let port = listen.port();
            return Err(OperateError::Plan(format!(
                "--listen {listen} does not say how members find the service: give the command \
                 again with --address HOST:{port}, HOST being the name or the IP address that \
                 members use"
            )));
        }
        // Of the loopback addresses localhost is this one everywhere, and no other.
        IpAddr::V4(Ipv4Addr::LOCALHOST) => format!("localhost:{}", listen.port()),
        _ => listen.to_string(),
    };
    let address = Address::parse(&text).map_err(|why| OperateError::Plan(why.to_string()))?;
    Ok(vec![address])
}

/// A secretariat of three people, each with the keys of a registrar and of an operator; two decide.
///
/// # Errors
/// They are others.
pub fn small(plan: &Plan) -> Result<(), OperateError> {
    let ids = |role, files: &[String]| {
        let mut ids: Vec<String> = people(role, files)?.into_iter().map(|of| of.id).collect();
        ids.sort();
        Ok::<_, OperateError>(ids)
    };
    let registrars = ids(Role::Registrar, &plan.registrars)?;
    let operators = ids(Role::Operator, &plan.operators)?;
    if registrars.len() == 3 && registrars == operators && plan.threshold == 2 {
        return Ok(());
    }
    let (registrars, operators) = (registrars.join(", "), operators.join(", "));
    Err(OperateError::Plan(format!(
        "--profile small is three people, each with the keys of a registrar and of an operator, of whom \
         two decide; given are the registrars [{registrars}], the operators [{operators}] and --threshold \
         {}: each of them makes both with liaison key new --registrar ID --name NAME and liaison key new \
         --operator ID --name NAME, and all six files are given",
        plan.threshold
    )))
}

/// Step one: keys, configuration, and the draft of the charter, whose path is returned.
///
/// # Errors
/// The home was begun before; a file cannot be used.
pub fn prepare(
    home: &ServiceHome,
    plan: &Plan,
    ambient: &Ambient,
) -> Result<PathBuf, OperateError> {
    if home.config_file().exists() {
        return Err(OperateError::Begun { path: home.config_file() });
    }
    let registrars = people(Role::Registrar, &plan.registrars)?;
    if plan.threshold == 0 || plan.threshold as usize > registrars.len() {
        let why = format!(
            "--threshold {} of {} registrars cannot be met",
            plan.threshold,
            registrars.len()
        );
        return Err(OperateError::Plan(why));
    }
    let operators = people(Role::Operator, &plan.operators)?;
    let auditors = people(Role::Auditor, &plan.auditors)?;
    let config = Config {
        format: FORMAT,
        name: plan.name.to_string(),
        listen: plan.listen,
        admin: plan.admin,
        health: plan.health,
        addresses: plan.addresses.iter().map(ToString::to_string).collect(),
        admin_addresses: plan.admin_addresses.iter().map(ToString::to_string).collect(),
        engine: plan.engine.clone(),
        high_water: "high-water".into(),
        trusted_proxies: Vec::new(),
        enrolment: Enrolment::default(),
        storage: Storage::default(),
    };
    config.engine().map_err(OperateError::Plan)?;
    let hosts: Vec<&str> = plan.addresses.iter().map(Address::host).collect();
    let made = keys::make(home, &plan.name, &hosts, ambient)?;
    let charter = proto::Charter {
        rules: RULES,
        registrars,
        threshold: plan.threshold,
        operators,
        auditors,
        log: vec![prove(&made.log, &format!("log/{}", plan.name), Use::Log, ambient)?],
        relay: vec![prove(&made.relay, &format!("relay/{}", plan.name), Use::Relay, ambient)?],
        service_ca: vec![Bytes::from(made.ca)],
        ..Default::default()
    };
    let bundle = Bundle::of(vec![draft::founding(&plan.name, charter, ambient.now())]);
    let path = home.path().join(DRAFT);
    files::replace(&path, bundle.write().as_bytes())?;
    let text = toml::to_string(&config).map_err(|why| OperateError::Plan(why.to_string()))?;
    files::replace(&home.config_file(), text.as_bytes())?;
    Ok(path)
}

/// Step two: the signed charter becomes entry 0; the invitation is written.
///
/// # Errors
/// The home has shown a directory; signatures are missing, the charter is refused or not this home's, the
/// store is not empty.
pub async fn complete(
    home: &ServiceHome,
    charter: &Path,
    ambient: &Ambient,
) -> Result<Founded, OperateError> {
    let config = home.config()?;
    let name: DirectoryName = config.name.parse()?;
    some_addresses(home, &config)?;
    if let Some(has_shown) = HasShown::of(home, &config) {
        return Err(OperateError::Founded(has_shown));
    }
    let text = files::read(charter, armour::FILE_BYTES as u64)?;
    let bundle = Bundle::read(&String::from_utf8_lossy(&text))?;
    let [publication] = bundle.publications() else {
        return Err(OperateError::OtherCharter("expected one statement".to_owned()));
    };
    let Statement::Charter(_) = publication.statement() else {
        return Err(OperateError::OtherCharter("it is no charter".to_owned()));
    };
    if let Some(missing) = bundle.missing(None).first() {
        let (found, needed) = (missing.found, missing.quorum.needed);
        return Err(OperateError::Unsigned { found, needed });
    }
    let statement = publication.envelope().bytes().clone();
    let verified = directory::verify_founding(&name, &statement)?;
    let store = Site::new(config.engine().map_err(OperateError::Plan)?, home.store());
    let settings = service::Settings {
        name: name.clone(),
        high_water: home.high_water(&config),
        ambient: ambient.clone(),
        clock_is_right: false,
        limits: Default::default(),
        addresses: Vec::new(),
        grants: Grants::default(),
        storage: Default::default(),
    };
    let own = keys::signing(home, ambient)?;
    // Decided before the store is made, so that a refused charter leaves nothing behind.
    let (directory, _) = directory::found(&name, &verified, ambient.now())?;
    if !own.serve(&directory) {
        let why = "its log or relay key is another".to_owned();
        return Err(OperateError::OtherCharter(why));
    }
    let store = store.create(name.as_str(), 1).await?;
    service::found(store.as_ref(), &statement, &own, &settings).await?;
    files::replace(&home.charter(), &statement)?;
    let (path, invited) = (invitation_file(home), invitation(home)?);
    files::replace(&path, invited.text.as_bytes())?;
    let (fingerprint, addresses) = (invited.fingerprint, invited.addresses);
    Ok(Founded { fingerprint, invitation: path, addresses })
}

/// Both steps with one local registrar and operator, whose keys go into `client`: for trials.
///
/// # Errors
/// As both steps.
pub async fn single(
    home: &ServiceHome,
    client: &Home,
    plan: Plan,
    ambient: &Ambient,
) -> Result<Founded, OperateError> {
    let store = client.keys();
    let registrar = local(&store, "registrar", Owner::Registrar, ambient)?;
    let operator = local(&store, "operator", Owner::Operator, ambient)?;
    let plan =
        Plan { registrars: vec![registrar.1], operators: vec![operator.1], threshold: 1, ..plan };
    let draft = prepare(home, &plan, ambient)?;
    let text = files::read(&draft, armour::FILE_BYTES as u64)?;
    let mut bundle = Bundle::read(&String::from_utf8_lossy(&text))?;
    bundle.sign(None, &[&store.signing(&registrar.0, ambient)?], ambient)?;
    files::replace(&draft, bundle.write().as_bytes())?;
    let founded = complete(home, &draft, ambient).await?;
    let text = files::read(&founded.invitation, armour::FILE_BYTES as u64)?;
    let own = Invitation::read(&String::from_utf8_lossy(&text));
    let own = own.map_err(|why| OperateError::Plan(why.to_string()))?;
    // Nobody reads a fingerprint to himself: the registrar has just made it.
    client.join(&own).map_err(|why| OperateError::Plan(why.to_string()))?;
    Ok(founded)
}

/// The keys of a person of this machine: made, unless they are there.
fn local(
    keys: &Keys,
    id: &str,
    owner: fn(PersonId) -> Owner,
    ambient: &Ambient,
) -> Result<(Owner, String), OperateError> {
    let owner = owner(id.parse()?);
    if !keys.owners()?.contains(&owner) {
        keys.create(&owner, ambient)?;
    }
    let person = keys.person(&owner, &format!("{id} of this machine, for trials"), ambient)?;
    Ok((owner, person))
}

fn people(role: Role, files: &[String]) -> Result<Vec<proto::Person>, OperateError> {
    let mut people: Vec<proto::Person> = Vec::new();
    for text in files {
        let person = read_person(role, text)
            .map_err(|why| OperateError::Plan(format!("a PERSON file: {why}")))?;
        if people.iter().any(|before| before.id == person.id) {
            let (role, id) = (role.name(), person.id);
            let why = format!("{role} {id} is given twice: give each {role} once");
            return Err(OperateError::Plan(why));
        }
        people.push(person);
    }
    Ok(people)
}
