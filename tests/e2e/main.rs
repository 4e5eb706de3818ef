//! Tests of the whole, and against other people's programs.
#![expect(clippy::unwrap_used, reason = "a test that fails may say so by panicking")]

mod openssl;
mod second;
