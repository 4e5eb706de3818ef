//! Both sides in one process: a whole service and its peers, to be measured and shown.
//!
//! In scope: a small directory with keys of its own, the service behind its real listener, the
//! measurements. Out of scope: rules, formats and the inside of stores. Invariant: the only module
//! that sees client and server; nothing depends on it but `bin/liaison`.

pub mod bench;
mod net;
