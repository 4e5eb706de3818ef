//! The engines by name.

use std::fmt;
use std::str::FromStr;

/// What a store is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// sled 0.34 with the durability it lacks.
    #[default]
    Sled,
    /// redb, as it comes.
    Redb,
    /// Nothing is kept: for tests.
    Memory,
}

impl Engine {
    pub(super) const ALL: [Self; 3] = [Self::Sled, Self::Redb, Self::Memory];

    /// The name in configuration and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sled => "sled",
            Self::Redb => "redb",
            Self::Memory => "memory",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Engine {
    type Err = UnknownEngine;

    fn from_str(name: &str) -> Result<Self, UnknownEngine> {
        Self::ALL
            .into_iter()
            .find(|engine| engine.name() == name)
            .ok_or_else(|| UnknownEngine(name.to_owned()))
    }
}

/// No engine has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an engine (sled, redb or memory), found {0:?}")]
pub struct UnknownEngine(pub String);
