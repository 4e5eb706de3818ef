//! What one connection may take.
//!
//! In scope: the values. Out of scope: who keeps to them (`listen`, `http2`), their sums
//! (`domain::limits`).

use std::time::Duration;

use crate::domain::limits;

/// What one connection may take, by default what [`limits`] says.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each is the one of its name in `domain::limits`")]
pub struct Limits {
    pub handshake_timeout: Duration,
    /// As [`limits::FIRST_REQUEST_TIMEOUT`] says.
    pub first_request: Duration,
    pub connection_age: Duration,
    pub connection_age_grace: Duration,
    pub requests: usize,
    /// [`limits::GOODBYES`]; as many have no place yet.
    pub goodbyes: usize,
    /// As [`limits::DRAIN_LIMIT`] says.
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
