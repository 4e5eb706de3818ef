//! Whole systems, and what is left of them after a crash.
#![expect(clippy::unwrap_used, reason = "a test that fails may say so by panicking")]

mod crash;
