//! The client's side of the wire: keys, what it believes and why, what it seals and opens.
//!
//! In scope: reaching the service, the verified copy of a directory, statements to be signed,
//! messages, what was sent. Out of scope: screens and commands (`cli`), what a machine does
//! unasked (`office`). Invariant: nothing that the service says is believed before it was verified
//! here.

pub mod address;
pub mod administration;
pub mod armour;
pub mod charters;
pub mod clocks;
pub mod draft;
pub mod error;
pub mod facts;
pub mod fate;
pub mod files;
pub mod format;
pub mod home;
pub mod invitation;
mod key_file;
pub mod keys;
pub mod mend;
pub mod message;
pub mod outbox;
mod owner;
pub mod protect;
pub mod reach;
pub mod reason;
pub mod replica;
pub mod rotation;
pub mod token;
pub mod unlock;
mod went;
