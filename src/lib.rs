//! Liaison: a directory of national points of contact, and a relay for sealed notifications.
//!
//! The map, each line using only what stands above it (`tests/tidy.rs` knows exactly what):
//!
//! - [`moment`]: a moment as people read it
//! - [`crypto`]: digests, signature keys, sealing, certificates
//! - [`tlog`]: the transparency log's trees, proofs and checkpoints
//! - [`signed`]: what is signed, to the byte
//! - [`domain`]: the rules, pure: the directory as a fold over its log, the relay's decisions
//! - [`ambient`]: the clock and the randomness
//! - [`disk`]: how bytes survive a power cut, and files that are whole or not there
//! - [`tls`]: the one TLS configuration, for both ends
//! - [`store`]: where state is kept
//! - [`service`]: decisions in order, made durable
//! - [`wire`], [`grpc`]: the services' messages, and the services
//! - [`client`]: verified calls from the other side
//! - [`server`]: sockets and limits around the services
//! - [`operate`]: founding a directory, serving it, its home, its output, its end: `liaisond`
//! - [`office`]: what a member's machine does: collecting, handing in, what is answered without a human
//! - [`words`]: what is said of it, on any screen
//! - [`cli`]: what people type and read: `liaison`
//! - [`demo`], [`bench`](mod@bench): both sides at once, to show and to measure
//!
//! `docs/architecture.md` says how they work together, and where to add something.
#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that fails may say so by panicking")
)]

#[cfg(test)]
extern crate self as liaison;

pub mod ambient;
pub mod bench;
pub mod cli;
pub mod client;
pub mod crypto;
pub mod demo;
pub mod disk;
pub mod domain;
pub mod grpc;
pub mod moment;
pub mod office;
pub mod operate;
pub mod server;
pub mod service;
pub mod signed;
pub mod store;
#[cfg(test)]
mod tests;
pub mod tlog;
pub mod tls;
pub mod wire;
pub mod words;
#[cfg(test)]
#[path = "../tests/world/mod.rs"]
mod world;
