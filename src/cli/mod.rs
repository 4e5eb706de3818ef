//! The program `liaison`: one file a noun.
//!
//! In scope: what people type and read. Out of scope: rules, keys, verification (`client` and
//! below). Invariants: every error names the side at fault and the command that mends it; an exit
//! code means one thing (design 8).

pub mod args;
mod context;
mod directory;
mod doctor;
mod faults;
mod inbox;
mod mail;
mod notify;
mod output;
mod phrases;
mod sent;
mod status;
mod sync;

pub use context::{Context, unusable};
pub use output::Output;
