//! Primitives, each behind a type that cannot hold a wrong value.
//!
//! In scope: digests, signatures, sealing, certificates read as keys, keys behind a passphrase. Out of scope: who may use a
//! key for what (that is `domain`). Invariants: no clock, no file, no ambient randomness.

pub mod cert;
pub mod hash;
pub mod hosts;
pub mod issue;
pub mod passphrase;
pub mod seal;
pub mod sign;
