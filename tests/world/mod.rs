//! The world of the tests: directories, their logs and what happens there, made the same way for the tests of one
//! room (`src`) and for those over the network (`tests/e2e`).
//!
//! In scope: what several tests build. Out of scope: what is asserted. Invariants: a key is made from its name, so
//! that a failure can be repeated; the house is called `liaison` here, as others call it; and no file knows the
//! test that uses it.

pub(crate) mod clock;
pub(crate) mod keys;
pub(crate) mod log;
pub(crate) mod relay;
pub(crate) mod statements;
pub(crate) mod testlog;
