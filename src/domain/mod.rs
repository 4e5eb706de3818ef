//! The rules, pure: who may say what, and what follows from it.
//!
//! In scope: ids, statements and the fold, the relay's decisions, access, limits. Out of scope:
//! where state is kept and how requests come. Invariants: no clock, no I/O, no randomness, no
//! async; every refusal is a variant of [`refusal::Refusal`].

pub mod access;
pub mod administration;
pub mod command;
pub mod commands;
pub mod directory;
pub mod ids;
pub mod limits;
pub mod network;
pub mod peer;
pub mod reason;
pub mod refusal;
pub mod relay;
pub mod role;
pub mod state;
#[cfg(test)]
mod tests;
pub mod view;
