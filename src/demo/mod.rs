//! What sees both sides at once: the demo and the bench.
//!
//! In scope: a small directory with keys of its own, the service behind its real listener, the
//! story, the measurements. Out of scope: rules, formats and the inside of stores. Invariant:
//! nothing depends on this module but `bin/liaison`.

pub mod bench;
mod directory;
mod founding;
mod grown;
mod machine;
mod members;
mod net;
pub mod program;
mod service;
mod show;
