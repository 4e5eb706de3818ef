//! The client's side of the wire.
//!
//! In scope: reaching the service, sealing and opening, what was sent. Out of scope: what a person
//! sees (`cli`), what a machine does unasked (`agent`).

pub mod connect;
pub mod durable;
pub mod message;
pub mod outbox;
