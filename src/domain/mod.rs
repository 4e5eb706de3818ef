//! Rules, as pure functions on values.
//!
//! In scope: what is allowed. Out of scope: where it is kept, how it arrives. Invariant: no clock,
//! no file, no network, no ambient randomness.

pub mod limits;
