//! `liaison demo`: a small directory, its service and its members, and what they say to each other.
//!
//! In scope: keys of its own, the service behind its real listener, the story. Out of scope: rules,
//! formats and the inside of stores. Invariant: nothing depends on this room but `bin/liaison`.

mod directory;
mod members;
mod service;
mod show;

pub use service::serve;
pub use show::run;
