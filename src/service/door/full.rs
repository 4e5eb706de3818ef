//! Why somebody has to come again: too often, or too much at once.

use std::fmt;
use std::time::Duration;

use crate::domain::network::Network;

/// Too often, or too much at once: later it is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at this time, of {whose}: try again in {} s", .again_in.as_secs().max(1))]
pub struct Busy {
    /// Of what: "too many requests".
    pub what: &'static str,
    /// For whom it is counted.
    pub whose: String,
    /// When there is room again, if nobody else comes.
    pub again_in: Duration,
}

impl Busy {
    /// The service has more to do than it can take.
    pub(in crate::service) fn of_the_queue() -> Self {
        Self::of("more requests wait than the service can take", "all", Duration::from_millis(200))
    }

    /// So much of somebody's.
    pub fn of(what: &'static str, whose: impl fmt::Display, again_in: Duration) -> Self {
        Self { what, whose: whose.to_string(), again_in }
    }
}

/// There is no place for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// All of its kind are taken.
    #[error("all places are taken")]
    Everybody,
    /// Those of the network.
    #[error("all places of the network {0} are taken")]
    Network(Network),
    /// It comes too often.
    #[error("too many connections in a short time from the network {0}")]
    Often(Network),
    /// Those of the key, or of its party.
    #[error("this key, or its member, has as many connections as it may")]
    Own,
}
