//! The client's side of the wire.
//!
//! In scope: reaching the service. Out of scope: what is believed of its answers.

pub mod connect;
