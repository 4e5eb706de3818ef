//! The service's configuration: one file in its home, read once.
//!
//! In scope: what an operator may choose, and where everything lies. Out of scope: the client's
//! home (`client::home`). Invariants: an unknown field is an error; a relative path is relative to
//! the home, so that a home can be moved.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::ids::DirectoryName;
use crate::domain::limits;
use crate::store::Engine;

/// The name of the file.
pub const FILE: &str = "liaisond.toml";

/// The number of the form of a service's home, configuration and keys. Release 0.1 wrote none.
pub const FORMAT: u32 = 2;

/// What an operator may choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The number of its form: [`FORMAT`].
    pub format: u32,
    /// The directory: the origin of its log. It can never change.
    pub name: String,
    /// Where members and those who enrol connect: 443 in practice.
    #[serde(deserialize_with = "read_socket")]
    pub listen: SocketAddr,
    /// Where registrars, operators and auditors connect. Without it there is no administration by
    /// network.
    #[serde(default, deserialize_with = "read_some_socket")]
    pub admin: Option<SocketAddr>,
    /// gRPC health, without TLS: keep it on loopback.
    #[serde(default, deserialize_with = "read_some_socket")]
    pub health: Option<SocketAddr>,
    /// How members find the service, host:port, and where they soon will: they stand in the
    /// invitation, and members who connect learn them.
    pub addresses: Vec<String>,
    /// How registrars, operators and auditors find the administration, host:port.
    #[serde(default)]
    pub admin_addresses: Vec<String>,
    /// sled or redb. To change it, move the data (`liaisond store migrate`, later).
    pub engine: String,
    /// The newest checkpoint ever shown. Keep it on another disk than `data`: a service whose data
    /// is older than this file does not start.
    pub high_water: PathBuf,
    /// Balancers in front of the service, by address or network: they send PROXY protocol v2, which
    /// says whom a connection is from, and are believed. Nobody else is.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    /// How often those without a key in force may hand in statements.
    #[serde(default)]
    pub enrolment: Enrolment,
    /// What of the disk is kept.
    #[serde(default)]
    pub storage: Storage,
}

/// Where to listen. A name is none: which of its addresses it means is not said.
///
/// # Errors
/// What it should look like.
pub fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "expected an IP address and a port, like \"127.0.0.1:7443\" for this machine alone or \
             \"[::]:443\" for everybody, found {text:?}"
        )
    })
}

fn read_socket<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    socket(&String::deserialize(from)?).map_err(D::Error::custom)
}

fn read_some_socket<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    read_socket(from).map(Some)
}

/// The number alone: the rest is read once it is known.
#[derive(Deserialize)]
struct Marked {
    #[serde(default = "unmarked")]
    format: u32,
}

const fn unmarked() -> u32 {
    1
}

/// The enrolment bucket of a network: statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// In the long run.
    pub per_second: NonZeroU32,
    /// How many may come at once.
    pub burst: NonZeroU32,
}

impl Default for Enrolment {
    fn default() -> Self {
        let (burst, seconds) = limits::ENROLMENT_OF_A_NETWORK;
        let number = |of: u64| u32::try_from(of).ok().and_then(NonZeroU32::new);
        let number = |of| number(of).unwrap_or(NonZeroU32::MIN);
        Self { per_second: number(burst / seconds), burst: number(burst) }
    }
}

/// The disk of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// MiB that are kept for what cannot wait.
    pub reserve: u32,
}

impl Default for Storage {
    fn default() -> Self {
        Self { reserve: (limits::RESERVE_BYTES >> 20) as u32 }
    }
}

/// The configuration cannot be used. Each says what mends it.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    /// There is none.
    #[error("there is no {path}: run liaisond init first, or name the home with --home")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("{path} cannot be read: {why}")]
    Unreadable {
        /// Where it is.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// Of release 0.1.
    #[error(
        "the home of {path} was made by liaison 0.1, whose directories were for trial: make it \
         anew with liaisond init, in another --home"
    )]
    Old {
        /// Where it is.
        path: PathBuf,
    },
    /// Of a later release.
    #[error(
        "the home of {path} has format {found}, and this program knows formats up to {FORMAT}: a \
         newer liaisond is needed"
    )]
    Newer {
        /// Where it is.
        path: PathBuf,
        /// The number that it names.
        found: u32,
    },
    /// It does not say what it should.
    #[error("{path}: {why}")]
    Wrong {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// A service's home: configuration, keys, data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceHome {
    path: PathBuf,
}

impl ServiceHome {
    /// The home at `path`.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration file.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.path.join(FILE)
    }

    /// A key or certificate of the service's own.
    #[must_use]
    pub fn key(&self, name: &str) -> PathBuf {
        self.path.join("keys").join(name)
    }

    /// The folder of all that is stored.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// The folder of the store.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.data().join("store")
    }

    /// The files of large sealed bodies.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.data().join("blobs")
    }

    /// The charter in force, as a running service keeps it for `liaisond invitation`.
    #[must_use]
    pub fn charter(&self) -> PathBuf {
        self.data().join("charter")
    }

    /// What was done while nobody served, until the next start records it.
    #[must_use]
    pub fn ceremonies(&self) -> PathBuf {
        self.data().join("ceremonies")
    }

    /// Whence known keys came, as a running service keeps it for its next start.
    #[must_use]
    pub fn known_networks(&self) -> PathBuf {
        self.data().join("known-networks")
    }

    /// The high-water file of a configuration.
    #[must_use]
    pub fn high_water(&self, config: &Config) -> PathBuf {
        self.path.join(&config.high_water)
    }

    /// Reads the configuration.
    ///
    /// # Errors
    /// [`InvalidConfig`].
    pub fn config(&self) -> Result<Config, InvalidConfig> {
        let path = self.config_file();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                return Err(InvalidConfig::Missing { path });
            }
            Err(why) => return Err(InvalidConfig::Unreadable { path, why }),
        };
        let wrong = |why: String| InvalidConfig::Wrong { path: path.clone(), why };
        let marked: Marked = toml::from_str(&text).map_err(|why| wrong(why.to_string()))?;
        match marked.format {
            FORMAT => {}
            found if found < FORMAT => return Err(InvalidConfig::Old { path }),
            found => return Err(InvalidConfig::Newer { path, found }),
        }
        let config: Config = toml::from_str(&text).map_err(|why| wrong(why.to_string()))?;
        config.name.parse::<DirectoryName>().map_err(|why| wrong(why.to_string()))?;
        config.engine().map_err(wrong)?;
        config.trusted_proxies().map_err(wrong)?;
        Ok(config)
    }
}

impl Config {
    /// The trusted balancers.
    ///
    /// # Errors
    /// One that is neither an address nor a network.
    pub fn trusted_proxies(&self) -> Result<Vec<IpNet>, String> {
        let read = |text: &String| {
            let address = text.parse::<IpAddr>().map(IpNet::from);
            address.or_else(|_| text.parse::<IpNet>()).map_err(|_| {
                let expected = "an address like 192.0.2.1 or a network like 192.0.2.0/24";
                format!("trusted_proxies: expected {expected}, found {text:?}")
            })
        };
        self.trusted_proxies.iter().map(read).collect()
    }

    /// The engine. Memory is none for a service.
    ///
    /// # Errors
    /// Another word than sled or redb.
    pub fn engine(&self) -> Result<Engine, String> {
        match self.engine.parse::<Engine>() {
            Ok(engine @ (Engine::Sled | Engine::Redb)) => Ok(engine),
            Ok(Engine::Memory) | Err(_) => {
                Err(format!("engine: expected sled or redb, found {}", self.engine))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_of_release_0_1_is_refused_by_its_number_and_a_newer_one_wants_a_newer_program() {
        let folder = tempfile::tempdir().unwrap();
        let home = ServiceHome::at(folder.path());
        let of_0_1 = include_str!("../../tests/golden/files-1/liaisond.toml");
        let refused = |text: &str| {
            fs::write(home.config_file(), text).unwrap();
            home.config().unwrap_err()
        };
        for text in [of_0_1, "engine = \"neither read nor judged\"", "format = 1"] {
            let refused = refused(text);
            assert!(matches!(refused, InvalidConfig::Old { .. }), "{refused}");
            assert!(refused.to_string().contains("made by liaison 0.1"), "{refused}");
        }
        let refused = refused("format = 3\nwhat_is = \"this\"");
        assert!(matches!(refused, InvalidConfig::Newer { found: 3, .. }), "{refused}");
        fs::write(home.config_file(), format!("format = 2\n{of_0_1}")).unwrap();
        assert_eq!(home.config().unwrap().format, FORMAT);
    }

    #[test]
    fn the_reserve_is_that_of_the_file_and_else_the_published_one() {
        let good =
            format!("format = 2\n{}", include_str!("../../tests/golden/files-1/liaisond.toml"));
        let reserve = |more: &str| {
            let config: Result<Config, _> = toml::from_str(&format!("{good}{more}"));
            config.map(|config| u64::from(config.storage.reserve) << 20)
        };
        assert_eq!(reserve(""), Ok(limits::RESERVE_BYTES));
        assert_eq!(reserve("\n[storage]\nreserve = 512\n"), Ok(512 << 20));
        assert!(reserve("\n[storage]\nkept = 512\n").is_err());
    }

    #[test]
    fn what_is_no_place_to_listen_or_no_engine_is_answered_with_what_is() {
        let folder = tempfile::tempdir().unwrap();
        let home = ServiceHome::at(folder.path());
        let good =
            format!("format = 2\n{}", include_str!("../../tests/golden/files-1/liaisond.toml"));
        let refused = |text: String| {
            fs::write(home.config_file(), text).unwrap();
            home.config().unwrap_err().to_string()
        };
        let line =
            |name: &str| good.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        let with =
            |name: &str, other: &str| good.replace(&line(name), &format!("{name} = \"{other}\""));
        for text in [
            with("listen", "localhost:7443"),
            format!("health = \"localhost:8080\"\n{}", good.replace(&line("listen"), "")),
        ] {
            let refused = refused(text);
            assert!(refused.contains("like \"127.0.0.1:7443\""), "{refused}");
            assert!(refused.contains("found \"localhost:"), "{refused}");
        }
        for found in ["Sled", "memory"] {
            let refused = refused(with("engine", found));
            let expected = format!("engine: expected sled or redb, found {found}");
            assert!(refused.ends_with(&expected), "{refused}");
        }
    }
}
