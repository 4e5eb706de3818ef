//! Messages: what is meant, sealed so that only the addressed can read it, and opened again.
//!
//! In scope: composing and sealing, opening and verifying, receipts, acknowledgements. Out of
//! scope: where messages are kept (`outbox`, `office::inbox`), how they travel. Invariants: pure, time
//! and randomness come as arguments; nothing is shown of a message before every layer of it held.

pub mod acknowledge;
pub mod body;
pub mod compose;
pub mod content;
pub mod open;
pub mod places;
pub mod receipt;
pub mod rsit;
pub mod text;
pub mod words;

#[cfg(test)]
mod tests;
