//! What one connection may take.
//!
//! In scope: the values. Out of scope: who keeps to them (`listen`, `http2`), their sums
//! (`domain::limits`).

use std::time::Duration;

use crate::domain::limits;

/// What one connection may take, by default what [`limits`] says.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// [`limits::HANDSHAKE_TIMEOUT`].
    pub handshake_timeout: Duration,
    /// [`limits::FIRST_REQUEST_TIMEOUT`].
    pub first_request: Duration,
    /// [`limits::CONNECTION_AGE`].
    pub connection_age: Duration,
    /// [`limits::CONNECTION_AGE_GRACE`].
    pub connection_age_grace: Duration,
    /// [`limits::REQUESTS`].
    pub requests: usize,
    /// [`limits::GOODBYES`]; as many have no place yet.
    pub goodbyes: usize,
    /// [`limits::DRAIN_LIMIT`].
    pub drain: Duration,
    /// How long a request may take from its last byte to the headers of its answer, by its path
    /// (`/package.Service/Method`). A unary method ends with them; a server stream only opens within
    /// it and is never cut by it. `None` for methods that read a stream of the client before they
    /// answer.
    pub deadline: fn(path: &str) -> Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_timeout: limits::HANDSHAKE_TIMEOUT,
            first_request: limits::FIRST_REQUEST_TIMEOUT,
            connection_age: limits::CONNECTION_AGE,
            connection_age_grace: limits::CONNECTION_AGE_GRACE,
            requests: limits::REQUESTS,
            goodbyes: limits::GOODBYES,
            drain: limits::DRAIN_LIMIT,
            deadline: |_path| Some(limits::REQUEST_DEADLINE),
        }
    }
}
