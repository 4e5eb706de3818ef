//! Liaison: a directory of national points of contact, and a relay for sealed notifications.
#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that fails may say so by panicking")
)]

pub mod agent;
pub mod ambient;
pub mod client;
pub mod crypto;
pub mod domain;
pub mod server;
pub mod signed;
pub mod store;
pub mod tlog;
pub mod tls;
pub mod wire;
