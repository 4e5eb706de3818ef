//! Whole systems, what is left of them after a crash, and other people's programs.
#![expect(clippy::unwrap_used, reason = "a test that fails may say so by panicking")]

mod access;
mod acknowledgements;
mod age;
mod bench;
mod ceremony;
mod certificate;
mod charters;
mod clocks;
mod crash;
mod cuts;
mod doors;
mod envelopes;
mod follows;
mod gateways;
mod headers;
mod killed;
mod migrations;
mod moves;
mod openssl;
mod readers;
mod readme;
mod repeated;
mod restart;
mod second;
mod shares;
mod statements;
mod strangers;
mod streams;
mod support;
mod threads;
mod transport;
mod waiting;
mod waits;
mod whole_way;
mod words;
