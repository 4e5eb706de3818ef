//! The client's side of the wire: keys, what it believes and why, what it asks.
//!
//! In scope: reaching the service, the verified copy of a directory, statements to be signed.
//! Out of scope: screens and commands (`cli`), mail (`agent`). Invariant: nothing that the service
//! says is believed before it was verified here.

pub mod armour;
pub mod connect;
pub mod draft;
pub mod error;
pub mod home;
pub mod invitation;
pub mod keys;
pub mod place;
pub mod replica;
pub mod session;

#[cfg(test)]
mod testlog;
