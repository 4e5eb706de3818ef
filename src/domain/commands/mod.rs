//! The commands: all that the service writes, each as one decision.
//!
//! In scope: whatever implements [`Command`](super::command::Command). Out of scope: the types and the
//! rules that they go by (`directory`, `relay`, `administration`), in what order they are decided
//! (`service`). Invariant: nothing else of the rules uses one.

pub mod accounts;
pub mod acknowledge;
pub mod anew;
pub mod audited;
pub mod desk;
pub mod expire;
pub mod publish;
pub mod submit;
#[cfg(test)]
mod tests;
