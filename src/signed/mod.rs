//! What is signed, to the byte: the generated messages, their canonical form, DSSE.
//!
//! In scope: bytes to messages and back. Out of scope: what a message means, and whose signature
//! it needs (that is `domain`). Invariant: a payload that leaves this module as a message is
//! canonical, so that it has one encoding only.

pub mod canonical;
pub mod dsse;

/// The messages of `proto/liaison/signed/v1`.
#[expect(missing_docs, reason = "documented in proto/liaison/signed/v1")]
#[expect(clippy::all, reason = "generated")]
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/liaison.signed.v1.rs"));
}
