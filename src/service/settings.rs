//! What a service is started with.

use std::path::PathBuf;

use crate::ambient::Ambient;
use crate::domain::ids::DirectoryName;
use crate::domain::relay::share::Grants;

use super::door;
use super::room::Storage;

/// What a service is started with.
pub struct Settings {
    /// The name of the directory that it serves.
    pub name: DirectoryName,
    /// Where the newest checkpoint is kept, outside the data directory.
    pub high_water: PathBuf,
    /// Clock and randomness.
    pub ambient: Ambient,
    /// The operator says that the clock is right, whatever it looks like.
    pub clock_is_right: bool,
    /// How many come in, how often, with how much.
    pub limits: door::Limits,
    /// How members find the service, host:port: told to whoever asks.
    pub addresses: Vec<String>,
    /// What the relay grants to each member.
    pub grants: Grants,
    /// How much room there is, and what of it is kept.
    pub storage: Storage,
}
