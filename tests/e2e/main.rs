//! Both ends in one process, over real TLS.
#![expect(clippy::unwrap_used, reason = "a test that fails may say so by panicking")]

mod certificate;
mod transport;
