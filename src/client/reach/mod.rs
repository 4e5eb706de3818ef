//! Reaching the service: the connection, and every call with its deadline.
//!
//! In scope: addresses and proxies dialled, TLS, what a session asks for, the relay's calls and its stream, how often
//! the same is asked again. Out of scope: what becomes of an answer. Invariant: no call is waited for without end.

pub mod call;
pub mod connect;
pub mod mailbox;
pub mod relay;
pub mod session;
