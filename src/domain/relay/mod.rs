//! The relay's rules: what it takes, where it puts it, what it signs.
//!
//! In scope: addressing, header, letters, threads, shares, what is due. Out of scope: the decisions
//! (`commands`), what is inside a sealed body (`client`). Invariant: nothing here can open anything.

pub mod acknowledge;
pub mod addressing;
mod alone;
pub mod answers;
pub mod belief;
pub mod earlier;
pub mod envelope;
pub mod expire;
pub mod level;
pub mod share;
pub mod sums;
#[cfg(test)]
pub(super) mod tests;
pub mod thread;
