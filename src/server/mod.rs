//! The service's wiring: listeners, TLS, limits, graceful stop.
//!
//! In scope: connections. Out of scope: decisions and formats.

pub mod listen;
