//! Every parser of bytes that somebody else made, each as a plain function: it takes any bytes, and
//! says whether it read them. What it asserts holds of all bytes there are.
//!
//! In scope: what a peer, a file, a disk or a person hands in. Out of scope: where bytes come from
//! (`tests/fuzz` changes a corpus, `fuzz_targets` asks libFuzzer). Invariants: no target has
//! randomness or a clock but its input; a refusal is short; what was read says the same twice, and
//! is the one encoding of what it says where the format has one.

pub mod client;
pub mod crypto;
pub mod domain;
pub mod service;
pub mod signed;
pub mod tlog;
pub mod world;

use std::fmt::Display;

/// One parser.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// Takes any bytes; whether they were read.
    pub read: fn(&[u8]) -> bool,
    /// How many changes `./test` makes: fewer where each costs signatures or a file.
    pub changes: u32,
}

/// What is usual.
const MANY: u32 = 10_000;
/// Where each change costs signatures, a key agreement or a file.
const FEWER: u32 = 2_000;

/// All of them.
pub const TARGETS: &[Target] = &[
    target("age", crypto::age, FEWER),
    target("certificate", crypto::certificate, MANY),
    target("closed_key", crypto::closed_key, MANY),
    target("private_key", crypto::private_key, FEWER),
    target("public_key", crypto::public_key, MANY),
    target("sealing_key", crypto::sealing_key, MANY),
    target("checkpoint", tlog::checkpoint, MANY),
    target("proof", tlog::proof, MANY),
    target("tree", tlog::tree, MANY),
    target("vkey", tlog::vkey, MANY),
    target("dsse", signed::dsse, MANY),
    target("payload", signed::payload, MANY),
    target("acknowledgement", domain::acknowledgement, MANY),
    target("audit", domain::audit, MANY),
    target("entry", domain::entry, MANY),
    target("facet", domain::facet, MANY),
    target("header", domain::header, MANY),
    target("id", domain::id, MANY),
    target("letter", domain::letter, MANY),
    target("proposal", domain::proposal, MANY),
    target("receipt", domain::receipt, MANY),
    target("submit", domain::submit, FEWER),
    target("address", client::address, MANY),
    target("armour", client::armour, MANY),
    target("content", client::content, MANY),
    target("file", client::file, FEWER),
    target("inner", client::inner, MANY),
    target("proxy", client::proxy, FEWER),
    target("status", client::status, MANY),
    target("tape", client::tape, FEWER),
    target("token", client::token, MANY),
    target("config", service::config, FEWER),
    target("high_water", service::high_water, FEWER),
    target("stored", service::stored, MANY),
    target("stored_key", service::stored_key, MANY),
];

const fn target(name: &'static str, read: fn(&[u8]) -> bool, changes: u32) -> Target {
    Target { name, read, changes }
}

/// Longer than any sentence that a person is shown, and than any that travels (`wire/status.rs`).
const SENTENCE_BYTES: usize = 2_000;

/// Whether it was read; why not is said in a sentence.
fn read<T, E: Display>(result: Result<T, E>) -> Option<T> {
    result.inspect_err(short).ok()
}

/// A refusal repeats no more of foreign bytes than a person reads.
fn short(why: &impl Display) {
    let sentence = why.to_string();
    assert!(!sentence.is_empty(), "a refusal says something");
    assert!(
        sentence.len() <= SENTENCE_BYTES,
        "a refusal of {} bytes: {sentence:.300}",
        sentence.len()
    );
}
