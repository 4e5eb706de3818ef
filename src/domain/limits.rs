//! Every limit, with its arithmetic.

/// A statement: what C2SP tiles can hold as an entry (65,535) less what an entry adds to it.
pub const STATEMENT_BYTES: usize = 65_000;

/// Targets of one statement: one ceremony serves a global and some regional directories.
pub const TARGETS: usize = 16;
/// Statements of one Publish.
pub const PUBLICATIONS: usize = 16;
/// Registrars, operators or auditors of a charter, keys of an authority, witnesses.
pub const PERSONS: usize = 64;
/// Languages in which one thing is named: the UN has six, the EU 24.
pub const TEXTS: usize = 32;
/// One name, in bytes of UTF-8.
pub const TEXT_BYTES: usize = 200;
/// The bytes of one facet. 16 of them fit a Publish.
pub const FACET_BYTES: usize = 16 * 1024;
/// Contacts on one ladder: the steps of an addressing.
pub const LADDER: usize = 8;
/// Seats of one contact.
pub const SEATS: usize = 16;

/// A record holds for at most 24 months: 731 days.
pub const RECORD_SECONDS: u64 = 731 * 86_400;
/// A statement is published within 30 days of being signed.
pub const ISSUED_BEFORE_SECONDS: u64 = 30 * 86_400;
/// A signer's or sender's clock is at most 5 minutes fast.
pub const CLOCK_AHEAD_SECONDS: u64 = 5 * 60;

/// A header: 32 recipients of up to 98 + 98 bytes and numbers, signature, digests.
pub const HEADER_BYTES: usize = 16 * 1024;
/// Recipient contacts of one message.
pub const RECIPIENTS: usize = 32;
/// Letters of one Submit.
pub const LETTERS: usize = 128;
/// A letter: an age file of one stanza (1,659 bytes and its text), seat and key id around it.
pub const LETTER_BYTES: usize = 2_500;
/// A sealed body is exactly one of these.
pub const BODY_BYTES: [u64; 5] = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];
/// A message lives at most 30 days.
pub const MESSAGE_SECONDS: u64 = 30 * 86_400;
/// An id is remembered this long after its message expired.
pub const ID_REMEMBERED_SECONDS: u64 = 86_400;
/// An open acknowledgement: ids, digest, drill name, signature.
pub const ACKNOWLEDGEMENT_BYTES: usize = 1_024;
/// A sealed body above this is a file of its own; up to it, it stands in the message's value.
pub const INLINE_BODY_BYTES: u64 = 64 << 10;
/// What the relay keeps of one sender until it expires: 30 days of 3,000 alerts of 11 KiB a day.
pub const KEPT_BYTES: u64 = 1 << 30;
/// Acknowledgements of one message: every seat of every recipient could give one.
pub const ACKNOWLEDGEMENTS: usize = 64;
