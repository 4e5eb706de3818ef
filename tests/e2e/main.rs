//! Whole systems, what is left of them after a crash, and other people's programs.
#![expect(clippy::unwrap_used, reason = "a test that fails may say so by panicking")]

mod age;
mod certificate;
mod crash;
mod transport;
