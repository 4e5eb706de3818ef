//! The service itself, as those of the charter see it: where it stands, who is connected, its keys.

use crate::client::armour::{self, Kind};
use crate::client::error::ClientError;
use crate::client::keys::Role;
use crate::crypto::sign::KeyId;
use crate::office::Office;
use crate::wire::v1;

use super::Way;
use super::seen::ANY;

/// Where a service stands, as it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Of the program: foreign text.
    pub version: String,
    /// The version of the charter in force.
    pub charter: u64,
    /// The engine of its store: foreign text.
    pub engine: String,
    /// Its clock, Unix seconds.
    pub now: u64,
    /// Whether it doubts its clock.
    pub clock_in_doubt: bool,
    /// What its disk has room for: foreign text.
    pub room: String,
    /// Whether something stored was found damaged.
    pub damaged: bool,
    /// How many connections are open.
    pub sessions: u32,
    /// How many proposals wait.
    pub proposals: u32,
    /// How many records the audit trail has.
    pub records: u64,
}

/// A connection that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// What it is closed by.
    pub number: u64,
    /// Whose it is, if that is known: foreign text.
    pub who: Option<String>,
    /// The id of the key that was shown, in hex.
    pub key: Option<String>,
    /// Since when it is open, Unix seconds.
    pub since: u64,
    /// Where it comes from: foreign text.
    pub remote: String,
    /// The group of its handshake: foreign text.
    pub group: String,
    /// The port that it came to.
    pub port: Port,
}

/// A port of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Where members connect.
    Members,
    /// Where those of the charter do.
    Administration,
}

/// What a key of the service is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Signs the checkpoints of the log.
    Log,
    /// Signs receipts, mailbox heads and audit heads.
    Relay,
    /// Issues the nodes' certificates.
    Authority,
}

/// The service's own keys, and its node's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Each of them.
    pub all: Vec<ServiceKey>,
    /// The node that answers.
    pub node: Option<Node>,
}

/// A key of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceKey {
    /// What it is for, if this version knows that.
    pub of: Option<Use>,
    /// Its id, in hex.
    pub id: String,
    /// How far it is, as the service says: foreign text.
    pub state: String,
}

/// The certificate of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The id of its key, in hex.
    pub key: String,
    /// From when on it holds, Unix seconds.
    pub from: u64,
    /// Until when it holds, Unix seconds.
    pub until: u64,
    /// From when on it is renewed, Unix seconds.
    pub renews: u64,
    /// The id of who issued it, in hex; empty: none of the charter's.
    pub authority: String,
    /// Why it was not renewed when it should have been: foreign text.
    pub trouble: Option<String>,
}

/// A key for the next charter, which the service keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// What the registrars are given.
    pub file: String,
    /// The key's id.
    pub id: KeyId,
    /// Whether it was made before, and asked for again.
    pub before: bool,
}

impl Office {
    /// Where the service stands.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn service_standing(&self, way: &Way) -> Result<Standing, ClientError> {
        let who = self.person(way, &ANY)?;
        Ok(Standing::of(self.administration(way, &who).await?.standing().await?))
    }

    /// The connections that are open.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn connections(&self, way: &Way) -> Result<Vec<Connection>, ClientError> {
        let who = self.person(way, &[Role::Operator, Role::Auditor])?;
        let found = self.administration(way, &who).await?.sessions().await?;
        Ok(found.into_iter().map(Connection::of).collect())
    }

    /// Closes connections by number; without numbers all but those of the administration. Gives how many.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn close(&self, way: &Way, numbers: Vec<u64>) -> Result<u32, ClientError> {
        let who = self.person(way, &[Role::Operator])?;
        self.administration(way, &who).await?.drop_sessions(numbers).await
    }

    /// The service's own keys.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn service_keys(&self, way: &Way) -> Result<Keys, ClientError> {
        let who = self.person(way, &ANY)?;
        Ok(Keys::of(self.administration(way, &who).await?.service_keys().await?))
    }

    /// Has the service make a key for the next charter.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn stage(&self, way: &Way, of: Use) -> Result<Staged, ClientError> {
        let who = self.person(way, &[Role::Operator])?;
        let session = self.administration(way, &who).await?;
        let staged = session.stage_service_key(of.wire()).await?;
        let holder = of.holder();
        Staged::of(staged, || Ok(format!("{holder}/{}", self.name()?)))
    }
}

impl Standing {
    fn of(said: v1::GetStandingResponse) -> Self {
        Self {
            version: said.version,
            charter: said.charter,
            engine: said.engine,
            now: said.now,
            clock_in_doubt: said.clock_in_doubt,
            room: said.room,
            damaged: said.damaged,
            sessions: said.sessions,
            proposals: said.proposals,
            records: said.records,
        }
    }
}

impl Connection {
    pub(super) fn of(said: v1::Session) -> Self {
        let port = if said.administration { Port::Administration } else { Port::Members };
        Self {
            number: said.number,
            who: there(said.who),
            key: there(hex::encode(&said.key_id)),
            since: said.since,
            remote: said.remote,
            group: said.group,
            port,
        }
    }
}

impl Keys {
    pub(super) fn of(said: v1::ListServiceKeysResponse) -> Self {
        let all = said.keys.into_iter().map(|key| ServiceKey {
            of: Use::read(key.r#use()),
            id: hex::encode(&key.id),
            state: key.state,
        });
        let node = said.node.map(|node| Node {
            key: hex::encode(&node.key_id),
            from: node.from,
            until: node.until,
            renews: node.renews,
            authority: hex::encode(&node.authority),
            trouble: there(node.trouble),
        });
        Self { all: all.collect(), node }
    }
}

impl Use {
    const fn read(of: v1::ServiceKeyUse) -> Option<Self> {
        match of {
            v1::ServiceKeyUse::Log => Some(Self::Log),
            v1::ServiceKeyUse::Relay => Some(Self::Relay),
            v1::ServiceKeyUse::Authority => Some(Self::Authority),
            v1::ServiceKeyUse::Unspecified => None,
        }
    }

    pub(super) const fn wire(self) -> v1::ServiceKeyUse {
        match self {
            Self::Log => v1::ServiceKeyUse::Log,
            Self::Relay => v1::ServiceKeyUse::Relay,
            Self::Authority => v1::ServiceKeyUse::Authority,
        }
    }

    /// Under which name the directory lists one.
    const fn holder(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Relay => "relay",
            Self::Authority => "ca",
        }
    }
}

impl Staged {
    /// A key as a charter lists it, or the certificate of an authority.
    pub(super) fn of(
        said: v1::StageServiceKeyResponse,
        holder: impl FnOnce() -> Result<String, ClientError>,
    ) -> Result<Self, ClientError> {
        let (file, id) = match said.listed {
            None => {
                let id = KeyId::of(&said.certificate);
                (armour::encode("CERTIFICATE", &said.certificate).to_string(), id)
            }
            Some(key) => {
                let (id, holder) = (KeyId::of(&key.key), holder()?);
                let keys = v1::PublicKeys { holder, sign: vec![key], ..v1::PublicKeys::default() };
                (armour::write(Kind::Service, &keys), id)
            }
        };
        Ok(Self { file, id, before: said.before })
    }
}

/// What is empty is not there.
fn there(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
