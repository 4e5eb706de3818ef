//! Every limit, with its arithmetic. Those of the protocol stand in `docs/protocol.md` too (6.14,
//! 12.3, 12.10), and a test below holds the two together; all others are this service's own.

use std::time::Duration;

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
/// One name, in bytes of UTF-8: 100 letters of any script.
pub const TEXT_BYTES: usize = 400;
/// A BCP 47 tag.
pub const LANGUAGE_BYTES: usize = 35;
/// The name of a directory, which is the origin of its log.
pub const DIRECTORY_NAME_BYTES: usize = 64;
/// A witness's name: printable ASCII.
pub const WITNESS_NAME_BYTES: usize = 200;
/// An entry: what C2SP tiles can hold.
pub const ENTRY_BYTES: usize = 65_535;
/// Facets of one record or roster.
pub const FACETS_OF_ONE: usize = 16;
/// Members who may see a facet, by name: all of the UN, and observers.
pub const NAMED_MEMBERS: usize = 256;
/// Key ids of one revocation: three for each of five seats.
pub const REVOKED: usize = 16;
/// The bytes of one facet. 16 of them fit a Publish.
pub const FACET_BYTES: usize = 16 * 1024;
/// Contacts of one member that stand at a time: its ministries, teams and missions.
pub const CONTACTS: usize = 64;
/// Contacts on one ladder: the steps of an addressing.
pub const LADDER: usize = 8;
/// Seats of one contact.
pub const SEATS: usize = 16;

/// A record holds for at most 24 months: 731 days.
pub const RECORD_SECONDS: u64 = 731 * 86_400;
/// A proposal holds for at most 7 days: two people find each other.
pub const PROPOSAL_SECONDS: u64 = 7 * 86_400;
/// An approval: parameters of 64 contacts, 64 signatures.
pub const PROPOSAL_BYTES: usize = 16 * 1024;
/// How often an operator closes connections alone; they come back so slowly that no hour has more.
pub const DROPS_OF_AN_OPERATOR: (u64, u64) = (3, 3 * 3_600);
/// How often a person proposes, approves, carries out, gives up or stages: each has a record, and of a
/// charter 640 signatures and proofs are verified, all of them in 20 s.
pub const DECISIONS_OF_A_PERSON: (u64, u64) = (600, 3_600);
/// Refusals of strangers, and as many of seats, that have a record in the audit trail, an hour: 20 KiB.
pub const STRANGERS_RECORDED: u64 = 60;
/// Calls of a person that have a record whatever comes of them, an hour: about 5 MiB a day.
pub const PERSON_RECORDED: u64 = 600;
/// Proposals of one answer, in bytes; the client asks on.
pub const DESK_BYTES: usize = 1 << 20;
/// An answer of the administration: a page of proposals, the last of them whole, or of records.
pub const ADMIN_ANSWER_BYTES: usize = 4 << 20;
/// Connections that are looked up for one more request that reads.
pub const SESSIONS_OF_A_READ: usize = 64;
/// Records of one page.
pub const AUDIT_PAGE: usize = 1_000;
/// Of those of one person: the others still find room.
pub const PROPOSALS_OF_ONE: usize = 16;
/// And of his whose ids are known.
pub const PROPOSALS_KNOWN_OF_ONE: usize = 256;
/// Proposals that wait.
pub const PROPOSALS: usize = 64;
/// Those whose ids are known, waiting or not: 10 an hour for a week.
pub const PROPOSALS_KNOWN: usize = 1_680;
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
/// A sealed body, or a sealed file beside it, is exactly one of these. A reader takes all of them.
pub const BODY_BYTES: [u64; 7] =
    [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20];
/// The largest body that the relay takes, in one request.
pub const SERVED_BODY_BYTES: u64 = 1 << 20;
/// The last step of the ladder.
pub const STEPS: u32 = 8;
/// Signatures of a header: the sender's, and those of colleagues who cleared it.
pub const HEADER_SIGNATURES: usize = 4;
/// An entry of a mailbox as it is collected: the largest body, header, letter, path and the rest.
pub const ITEM_BYTES: usize = (16 << 20) + 64 * 1024;
/// A message lives at most 30 days.
pub const MESSAGE_SECONDS: u64 = 30 * 86_400;
/// An id is remembered this long after its message expired.
pub const ID_REMEMBERED_SECONDS: u64 = 86_400;
/// An open acknowledgement: ids, digest, drill name, signature.
pub const ACKNOWLEDGEMENT_BYTES: usize = 1_024;
/// A sealed body above this is a file of its own; up to it, it stands in the message's value.
pub const INLINE_BODY_BYTES: u64 = 64 << 10;
/// What the relay keeps on account of one member until it deletes it: its messages, and room for
/// their answers, for 31 days at most. An alert between contacts of four seats has 20 KB and reserves 545 KB: 245 a day. One
/// from a contact of three seats to 32 of three has 0.2 MB and reserves 8.9 MB: 15 a day.
pub const KEPT_BYTES: u64 = 4 << 30;
/// Of a member's account and of its share of a mailbox, one part in so many is kept for immediate and
/// flash: a flood of its own does not stop its alert.
pub const KEPT_FOR_ALERTS: u64 = 4;
/// Messages of one member that wait in one mailbox: 192 members leave at most 49,152 there. A
/// machine that is off for three days is sent 64 a day by each.
pub const SHARE_MESSAGES: u64 = 256;
/// Their bytes: 64 of the largest, and 12 GiB in one mailbox by 192 members.
pub const SHARE_BYTES: u64 = 64 << 20;
/// Between two messages of one member to one mailbox in the long run, received or not: 2,880 a
/// day. At once, as many as may wait.
pub const SHARE_SECONDS: u64 = 30;
/// A receipt, or the words of an acknowledgement, that the message answered pays: a body of 4,096 bytes
/// and a header of 1.2 KiB, with a drill's name of [`TEXT_BYTES`].
pub const ANSWER_BYTES: u64 = 6 * 1024;
/// Each letter of it: an age file of 1,839 bytes, seat and key id.
pub const ANSWER_LETTER_BYTES: u64 = 2 * 1024;
/// Acknowledgements of one message: one for every seat of every recipient. 512 of 1 KiB fit the
/// value that holds them.
pub const ACKNOWLEDGEMENTS: usize = RECIPIENTS * SEATS;

// Connections. The slowest member has 9.6 kbit/s (1.2 kB/s), 1.5 s delay and 5 % loss: a deadline
// that it cannot meet locks it out.

/// From the accepted socket to the end of the TLS handshake. The slowest member sends 1.9 KiB
/// (hybrid share, certificate) and reads 2.6 KiB in 4 s, waits 3 round trips of 3 s, and repeats
/// two of them after a loss: 20 s.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// From the end of the handshake to the first request, whole: preface, SETTINGS and headers are one
/// round trip of the slowest member, repeated. A byte a second does not do.
pub const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection of somebody whom nobody knows, with no request in hand, goes after this.
pub const VISITOR_IDLE: Duration = Duration::from_secs(60);
/// A trusted balancer's word on whom a connection is from: it comes with the first segment.
pub const PROXY_HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// To hear why there is no place, or that a connection ends.
pub const GOODBYE: Duration = Duration::from_secs(2);
/// Who hears it, at a time: others are closed without a word. 4 KiB each.
pub const GOODBYES: usize = 64;
/// "Try again in", where it is only known to be short.
pub const SOON: Duration = Duration::from_secs(5);

/// Connections open on a node: 193 States with 4 contacts of 4 seats are 3,088 followers, and 10,000
/// leave some for requests. At [`FOLLOWER_BYTES`] each they are 400 MiB.
pub const CONNECTIONS: usize = VISITORS + ARRIVING + RETURNING + INSIDE;
const _: () = assert!(CONNECTIONS * FOLLOWER_BYTES == 400 << 20);

/// What an idle stream costs at most in the service's memory, on a connection of its own.
/// `liaison bench --only followers` measures it.
pub const FOLLOWER_BYTES: usize = 40 * 1024;

/// Connections of those whom nobody knows (yet): a handshake takes a second or, of the slowest member,
/// 20, and enrolment a minute. 64 networks that take all they can leave half.
pub const VISITORS: usize = 2_048;
/// And of one network (IPv4 /24, IPv6 /48).
pub const VISITORS_OF_A_NETWORK: usize = 16;
const _: () = assert!(64 * VISITORS_OF_A_NETWORK * 2 == VISITORS);
/// A visitor that has been silent this long makes room when its network's places, or all, are taken:
/// the slowest member's handshake, which nobody may cut. A request that comes at [`PROGRESS_BYTES`] a
/// second is not silent.
pub const VISITOR_PATIENCE: Duration = Duration::from_secs(20);
/// Connections whose handshake is not done, from networks whence a known key came: a sixth of 3,088
/// followers at a time, beside [`RETURNING`] and what visitors leave.
pub const ARRIVING: usize = 512;
/// And of one such network: a ministry behind one address has 16 seats with 2 connections each, a
/// balancer those of two.
pub const ARRIVING_OF_A_NETWORK: usize = 64;
/// The same from addresses (IPv4, 64 bits of IPv6) whence a known key came, which no neighbour in the
/// network takes: another sixth.
pub const RETURNING: usize = 512;
/// And of one such address: 16 seats with 2 connections each.
pub const RETURNING_OF_AN_ADDRESS: usize = 32;
/// And of either, from wherever the keys of one member came: two networks that have all they may, four
/// addresses. Four members can fill all.
pub const COMING_OF_A_PARTY: usize = 128;
const _: () = assert!(2 * ARRIVING_OF_A_NETWORK == COMING_OF_A_PARTY);
/// A known key came from there so lately. An office that was closed for three weeks is known.
pub const NETWORK_KNOWN: Duration = Duration::from_secs(30 * 86_400);
/// Networks and addresses whence the keys of one member came: 64 contacts of 4 seats, each with an address
/// and its network. The oldest of the key that has most goes first.
pub const KNOWN_OF_A_PARTY: usize = 512;
/// And as many as are kept from one start to the next: of 256 members that have all they may. 15 MB.
pub const KNOWN: usize = 256 * KNOWN_OF_A_PARTY;
/// Connections whose key the directory knows.
pub const INSIDE: usize = 7_168;
/// Of one key: a follower, a console, and 30 scripts at a time.
pub const CONNECTIONS_OF_A_KEY: usize = 32;
/// Of all seats of a member: 64 contacts of 4 seats with 4 each. Seven members can fill [`INSIDE`].
pub const CONNECTIONS_OF_A_PARTY: usize = 1_024;

/// Handshakes of a network that nobody knows: so many at once, and as many again in so many seconds.
/// 64 networks at 4 a second are 256, at 0.7 ms a fifth of a core; and one of them is computed at a
/// time, so that whoever is known waits for one at most.
pub const HANDSHAKES_OF_A_NETWORK: (u64, u64) = (32, 8);
/// Of a network whence a known key came: 64 a second, a twentieth of a core.
pub const HANDSHAKES_OF_A_KNOWN_NETWORK: (u64, u64) = (256, 4);
/// Of an address whence a known key came: half of its network's.
pub const HANDSHAKES_OF_A_KNOWN_ADDRESS: (u64, u64) = (128, 4);
/// Of either, from wherever the keys of one member came: two networks that come as often as they may,
/// 128 a second, a tenth of a core.
pub const HANDSHAKES_OF_A_PARTY: (u64, u64) = (512, 4);
const _: () = assert!(2 * HANDSHAKES_OF_A_KNOWN_NETWORK.0 == HANDSHAKES_OF_A_PARTY.0);
/// Of one key: a script that alerts by 300 commands, and goes on with 5 a second.
pub const HANDSHAKES_OF_A_KEY: (u64, u64) = (300, 60);

/// A connection is asked to go after this, so that new keys and new nodes are taken into use.
pub const CONNECTION_AGE: Duration = Duration::from_secs(3600);

/// What is still open then is cut after this. Streams go on from their cursor; a request in flight
/// has [`REQUEST_DEADLINE`].
pub const CONNECTION_AGE_GRACE: Duration = Duration::from_secs(300);

/// Between the stop signal and the cut of whatever is still open. Streams are told at once and end
/// within one round trip; orchestrators kill after 30 s.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(20);

/// Between HTTP/2 pings of either end. Shorter than the 60 s after which some address translators
/// forget a connection; 160 bytes a minute.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// A ping not answered in this time ends the connection. It queues behind at most 64 KiB of data
/// in the kernel: 55 s for the slowest member.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(60);

// Streams of a connection.

/// Streams open at a time: 16 contacts followed, and requests. 8 KiB each: 1 MiB.
pub const STREAMS: u32 = 128;

/// Requests decided at a time for one connection; more are shed with `RESOURCE_EXHAUSTED`. A
/// stream counts until its first header. 64 times [`SUBMIT_MESSAGE_BYTES`] is 96 MiB, the most that one
/// connection can have in decoding.
pub const REQUESTS: usize = 64;

/// Streams that the peer opened and reset before they were looked at (Rapid Reset,
/// CVE-2023-44487): the default of `h2`, made explicit.
pub const PENDING_ACCEPT_RESETS: usize = 20;

/// Streams that we reset for the peer's faults (MadeYouReset, CVE-2025-8671): beyond it, the
/// connection goes. `h2` allows 1,024; an honest peer makes none.
pub const LOCAL_ERROR_RESETS: usize = 128;

/// Frames of a connection that carry neither request nor data: so many at once. A download of 1 MiB
/// has 64 WINDOW_UPDATEs, and a stock client measures the way by a PING a round trip.
pub const FRAMES: u64 = 2_048;
/// And so many more a second: a thousandth of a core.
pub const FRAMES_A_SECOND: u64 = 32;
/// And with a request: HEADERS, RST_STREAM, two WINDOW_UPDATEs, and four times as many.
pub const FRAMES_OF_A_REQUEST: u64 = 16;
/// A stranger's request that is answered "not now" costs as much as so many frames: 7 at once and one in
/// 8 s. Whoever was told to wait and asks on is sent away, and has the handshakes of its network to come
/// again: 64 networks make 2,000 such requests a second, at 0.1 ms a fifth of a core.
pub const FRAMES_OF_A_REFUSAL: u64 = FRAMES_OF_A_REQUEST + 256;
/// Those of a key, on all its connections: 8 a second, where 32 that come again after [`SOON`] make 6.4.
/// Beyond, each ends its connection, and the key has [`HANDSHAKES_OF_A_KEY`] to come again: in all 13 a
/// second, a thousandth of a core.
pub const TOLD_TO_WAIT_OF_A_KEY: (u64, u64) = (512, 64);
/// And one for so much that is sent: a window of 2 KiB is refilled twice, of stream and connection.
pub const FRAME_EARNED_BY_BYTES: usize = 1_024;

/// Headers of a request or an answer, decompressed: 20 short lines and a status of 4 KiB.
pub const HEADER_LIST_BYTES: u32 = 16 * 1024;

/// Bytes in flight on one stream: 20 ms at 400 Mbit/s, 300 ms at 27 Mbit/s.
pub const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;

/// Bytes in flight on one connection: two full streams.
pub const CONNECTION_WINDOW_BYTES: u32 = 2 * STREAM_WINDOW_BYTES;

/// Bytes of one stream between an answer and the socket. They are not counted in the memory of whom
/// they are for: 2 MiB for a connection whose 128 streams are not read.
pub const SEND_BUFFER_BYTES: usize = 16 * 1024;

// Requests.

/// From the last byte of a unary request to its answer: a queue that is full is worked off in a
/// second, and a body of 1 MiB is on the disk in less.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(60);

/// A body that comes, and an answer that is taken, may pause this long: two losses in a row of the
/// slowest member.
pub const PAUSE: Duration = Duration::from_secs(60);
/// And has to make so much of a second in the mean: a quarter of what the slowest member's link does,
/// for it may have four at once. The largest Submit takes 88 minutes at most.
pub const PROGRESS_BYTES: usize = 300;

/// Until when, from its beginning, a transfer of which so many bytes have passed may take.
#[must_use]
pub const fn patience(bytes: usize) -> Duration {
    let seconds = PAUSE.as_secs() + (bytes / PROGRESS_BYTES) as u64;
    Duration::from_secs(seconds)
}

/// Entries of one answer: it ends with the one that reaches this.
pub const ENTRIES_PAGE_BYTES: usize = 768 * 1024;

/// A `Submit`: body, letters and header are 1,384,960 bytes; 64 KiB for their tags and the rest.
pub const SUBMIT_MESSAGE_BYTES: usize = 3 * 512 * 1024;
const _: () = assert!(
    SERVED_BODY_BYTES as usize + LETTERS * LETTER_BYTES + HEADER_BYTES + 64 * 1024
        <= SUBMIT_MESSAGE_BYTES
);

/// A `Publish` or `Enrol`: 16 statements and 16 facets are 1,302,144 bytes, and 64 KiB.
pub const PUBLISH_MESSAGE_BYTES: usize = 3 * 512 * 1024;
const _: () =
    assert!(PUBLICATIONS * (STATEMENT_BYTES + FACET_BYTES) + 64 * 1024 <= PUBLISH_MESSAGE_BYTES);

/// Bytes of the disk that are kept for what cannot wait: revocations, receipts, acknowledgements,
/// immediate and flash: one of the largest alerts of each of 193 States, 2,000 receipts of 14 KiB, and the last part.
pub const RESERVE_BYTES: u64 = 256 << 20;
/// And one part in so many of it for what the service commits itself, as expiry, which makes room: 32 MiB.
pub const RESERVE_LAST_PART: u64 = 8;
/// With less than two of sled's segments, nothing is committed: a commit that fails ends the process.
pub const LEAST_FREE_BYTES: u64 = 16 << 20;
/// Whoever was told that there is no room comes again after this.
pub const ROOM_AGAIN: Duration = Duration::from_secs(60);

/// Lines of telemetry of one kind in one second; what is beyond is counted. 22 kinds of 200 bytes, day
/// and night, are 1.9 GB a day: the disk of a log that is rotated.
pub const LINES_A_SECOND: u64 = 5;

// The client's own patience.

/// Name look-up and TCP, over all addresses of the name.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(30);

/// TCP to one of several addresses, before the next is tried.
pub const DIAL_ADDRESS_TIMEOUT: Duration = Duration::from_secs(10);

/// From the headers of a small request to the end of its answer.
pub const CALL_DEADLINE: Duration = Duration::from_secs(240);

/// And of one that has, or gets, so many bytes: as slowly as the service bears.
#[must_use]
pub const fn call_deadline(bytes: usize) -> Duration {
    Duration::from_secs(CALL_DEADLINE.as_secs() + (bytes / PROGRESS_BYTES) as u64)
}

/// A page of charters from a server that is not believed: 256 KiB at 64 kbit/s take 33 s.
pub const CHARTERS_TIMEOUT: Duration = Duration::from_secs(60);

/// A proxy's answer to CONNECT; it dials the server first.
pub const PROXY_TIMEOUT: Duration = Duration::from_secs(40);

/// A proxy's answer to CONNECT: a status line and headers; login pages are not read.
pub const PROXY_ANSWER_BYTES: usize = 16 * 1024;
/// Commands that may wait for the sequencer: 16 rounds of 256, at 4,000 a second about a second.
pub const QUEUE: usize = 4_096;
// Rates, each as so many at once, and as many again in so many seconds.

/// Requests of a network's strangers that are refused: 16 seats whose keys ended ask four times each.
pub const REFUSALS_OF_A_NETWORK: (u64, u64) = (64, 64);
/// And of a member: as many as it may read.
pub const REFUSALS_OF_A_SEAT: (u64, u64) = (1_000, 10);
/// Requests for charters, of a network that is not known.
pub const CHARTERS_OF_A_NETWORK: (u64, u64) = (60, 60);
/// Statements that those without a key in force hand in, of a network: a State of 20 contacts enrols
/// at once. 64 networks at 2 a second cost 256 signature checks, 1.3 % of a core.
pub const ENROLMENT_OF_A_NETWORK: (u64, u64) = (64, 32);
/// Revocations of keys that stand, of a network's strangers, and of a seat: two offices of 16 seats.
pub const REVOCATIONS_OF_A_NETWORK: (u64, u64) = (32, 32);
/// Statements that a member hands in, good or not: at 2 a second, four signature checks.
pub const STATEMENTS_OF_A_PARTY: (u64, u64) = (128, 64);
/// Statements that a registrar hands in: 20 a second admit 193 States in ten seconds.
pub const STATEMENTS_OF_A_REGISTRAR: (u64, u64) = (4_096, 204);
/// Requests that read, of a member: 100 a second, 1 % of what one core answers. A first sync of a
/// million entries, in pages of 768 KiB, takes 2,900 of them.
pub const READS_OF_A_PARTY: (u64, u64) = (1_000, 10);
/// Messages that a member hands in: 20 a second, 72,000 an hour. One part in [`KEPT_FOR_ALERTS`] of
/// those at once is kept for immediate and flash.
pub const MESSAGES_OF_A_PARTY: (u64, u64) = (1_000, 50);
/// Receipts and acknowledgements that a member hands in: 192 members that send a contact of 16 seats
/// all they may in the long run, one in [`SHARE_SECONDS`] each, are answered 102.4 times a second. As
/// large a part of those at once is kept for acknowledgements.
pub const ANSWERS_OF_A_PARTY: (u64, u64) = (1_024, 10);
const _: () =
    assert!(192 * SEATS as u64 * ANSWERS_OF_A_PARTY.1 == ANSWERS_OF_A_PARTY.0 * SHARE_SECONDS);
/// Bytes of statements and facets of one member that the log takes in a day, unless the charter says
/// more: 30 rosters of 16 seats, 27 KB each, and their records. They stay in every replica for ever:
/// 193 States that use it every day make 193 MB a day, where a quiet directory makes 30 kB.
pub const MEMBER_DAY_BYTES: u64 = 1_000_000;
/// And how many statements those may be: 64 contacts, four times over.
pub const MEMBER_DAY_COUNT: u64 = 256;
/// The same of the registrars: 193 admissions of 64 keys on one day.
pub const REGISTRAR_DAY_BYTES: u64 = 16_000_000;
/// And how many.
pub const REGISTRAR_DAY_COUNT: u64 = 4_096;

// At once.

/// Requests of strangers that are computed at a time, once all of them is there: with a signature
/// check or two each, 2 ms of one core.
pub const STRANGERS: usize = 16;
/// Requests in hand of the strangers of a network: each holds 8 KiB while nothing of it has come.
pub const REQUESTS_OF_A_NETWORK: usize = 16;
/// And of a member's seats: four connections that have all they may.
pub const REQUESTS_OF_A_PARTY: usize = 4 * REQUESTS;
/// And of one key: half, so that one seat leaves its colleagues the other.
pub const REQUESTS_OF_A_KEY: usize = REQUESTS_OF_A_PARTY / 2;
/// Bytes in hand of all strangers, and of those of a network: one Enrol as large as it may be.
pub const STRANGERS_BYTES: (usize, usize) = (16 << 20, 2 << 20);
/// Bytes in hand of all members, and of one: ten Submits as large as they may be, half of them by one
/// key. With
/// [`STRANGERS_BYTES`] 128 MiB, a copy while they are decoded not counted.
pub const MEMBERS_BYTES: (usize, usize) = (112 << 20, 16 << 20);
/// Bytes that a network of strangers, or one key, may hold whatever others do: a revocation, a receipt, a
/// question. Of all connections that there can be, 80 MiB.
pub const LEAST_BYTES: usize = 8 << 10;
const _: () = assert!(CONNECTIONS * LEAST_BYTES == 80 << 20);
/// Streams of one seat, on all its connections: each may hold a page of a mailbox for a slow reader,
/// within its member's bytes in hand.
pub const STREAMS_OF_A_SEAT: usize = 16;
/// And of a member's seats: 64 contacts of 4 seats that follow, and as many that collect meanwhile. 8 KiB
/// each: 4 MiB. All seats of 193 States with 4 contacts are 3,088 followers, 16 of each.
pub const STREAMS_OF_A_PARTY: usize = 512;
/// Facets of one GetFacets: of 16 contacts, or 16 MiB if each were as large as it may be.
pub const FACETS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signed::canonical::LARGEST;
    use crate::tests::{grouped, page_says};

    const SOURCE: &str = include_str!("limits.rs");
    const PAGE: &str = include_str!("../../docs/protocol.md");
    const LIMITS: &str = include_str!("../../docs/limits.md");

    /// A number of the page: its row, the constant of this file, its value.
    macro_rules! published {
        ($($row:literal = $name:ident,)+) => { [$(($row, stringify!($name), $name as u64),)+] };
    }

    /// What no other implementation needs to know.
    const OWN: &[&str] = &[
        "PROPOSAL_SECONDS",
        "PROPOSAL_BYTES",
        "PROPOSALS",
        "PROPOSALS_KNOWN",
        "PROPOSALS_OF_ONE",
        "PROPOSALS_KNOWN_OF_ONE",
        "DROPS_OF_AN_OPERATOR",
        "STRANGERS_RECORDED",
        "PERSON_RECORDED",
        "DECISIONS_OF_A_PERSON",
        "SESSIONS_OF_A_READ",
        "AUDIT_PAGE",
        "ADMIN_ANSWER_BYTES",
        "DESK_BYTES",
        "ITEM_BYTES",
        "INLINE_BODY_BYTES",
        "KEPT_BYTES",
        "KEPT_FOR_ALERTS",
        "SHARE_MESSAGES",
        "SHARE_BYTES",
        "SHARE_SECONDS",
        "ACKNOWLEDGEMENTS",
        "HANDSHAKE_TIMEOUT",
        "FIRST_REQUEST_TIMEOUT",
        "VISITOR_IDLE",
        "PROXY_HEADER_TIMEOUT",
        "GOODBYE",
        "GOODBYES",
        "SOON",
        "FRAMES",
        "FRAMES_A_SECOND",
        "FRAMES_OF_A_REQUEST",
        "FRAMES_OF_A_REFUSAL",
        "TOLD_TO_WAIT_OF_A_KEY",
        "FRAME_EARNED_BY_BYTES",
        "SEND_BUFFER_BYTES",
        "RESERVE_BYTES",
        "RESERVE_LAST_PART",
        "LEAST_FREE_BYTES",
        "ROOM_AGAIN",
        "LINES_A_SECOND",
        "CONNECTIONS",
        "VISITORS",
        "VISITORS_OF_A_NETWORK",
        "VISITOR_PATIENCE",
        "ARRIVING",
        "ARRIVING_OF_A_NETWORK",
        "RETURNING",
        "RETURNING_OF_AN_ADDRESS",
        "COMING_OF_A_PARTY",
        "NETWORK_KNOWN",
        "KNOWN_OF_A_PARTY",
        "KNOWN",
        "INSIDE",
        "CONNECTIONS_OF_A_KEY",
        "CONNECTIONS_OF_A_PARTY",
        "HANDSHAKES_OF_A_NETWORK",
        "HANDSHAKES_OF_A_KNOWN_NETWORK",
        "HANDSHAKES_OF_A_KNOWN_ADDRESS",
        "HANDSHAKES_OF_A_PARTY",
        "HANDSHAKES_OF_A_KEY",
        "FOLLOWER_BYTES",
        "CONNECTION_AGE_GRACE",
        "DRAIN_LIMIT",
        "STREAMS",
        "REQUESTS",
        "PENDING_ACCEPT_RESETS",
        "LOCAL_ERROR_RESETS",
        "HEADER_LIST_BYTES",
        "STREAM_WINDOW_BYTES",
        "CONNECTION_WINDOW_BYTES",
        "REQUEST_DEADLINE",
        "PAUSE",
        "PROGRESS_BYTES",
        "CALL_DEADLINE",
        "ENTRIES_PAGE_BYTES",
        "DIAL_TIMEOUT",
        "DIAL_ADDRESS_TIMEOUT",
        "CHARTERS_TIMEOUT",
        "PROXY_TIMEOUT",
        "PROXY_ANSWER_BYTES",
        "QUEUE",
        "REFUSALS_OF_A_NETWORK",
        "REFUSALS_OF_A_SEAT",
        "CHARTERS_OF_A_NETWORK",
        "ENROLMENT_OF_A_NETWORK",
        "REVOCATIONS_OF_A_NETWORK",
        "STATEMENTS_OF_A_PARTY",
        "STATEMENTS_OF_A_REGISTRAR",
        "READS_OF_A_PARTY",
        "MESSAGES_OF_A_PARTY",
        "ANSWERS_OF_A_PARTY",
        "MEMBER_DAY_BYTES",
        "MEMBER_DAY_COUNT",
        "REGISTRAR_DAY_BYTES",
        "REGISTRAR_DAY_COUNT",
        "REQUESTS_OF_A_NETWORK",
        "REQUESTS_OF_A_PARTY",
        "REQUESTS_OF_A_KEY",
        "STRANGERS_BYTES",
        "MEMBERS_BYTES",
        "LEAST_BYTES",
        "STRANGERS",
    ];

    /// What the page says of a limit in a sentence, with `#` for the number.
    const SAID: &[(&str, &str, u64)] = &[
        ("PUBLICATIONS", "1 to # statements, each with its facets", PUBLICATIONS as u64),
        ("FACET_BYTES", "a facet above # bytes", FACET_BYTES as u64),
        ("SERVED_BODY_BYTES", "a body above # MiB", SERVED_BODY_BYTES >> 20),
        ("ID_REMEMBERED_SECONDS", "at least until `expires` + # s", ID_REMEMBERED_SECONDS),
        ("ANSWER_BYTES", "at most # bytes and", ANSWER_BYTES),
        ("ANSWER_LETTER_BYTES", "bytes and # for each letter", ANSWER_LETTER_BYTES),
        ("CONNECTION_AGE", "asked to leave after # hour", CONNECTION_AGE.as_secs() / 3_600),
        ("KEEPALIVE_INTERVAL", "Pings go every # s", KEEPALIVE_INTERVAL.as_secs()),
        ("KEEPALIVE_TIMEOUT", "are answered within # s", KEEPALIVE_TIMEOUT.as_secs()),
        ("STREAMS_OF_A_SEAT", "At most # streams of a seat", STREAMS_OF_A_SEAT as u64),
        ("STREAMS_OF_A_PARTY", "are open, and # of a member", STREAMS_OF_A_PARTY as u64),
        (
            "PUBLISH_MESSAGE_BYTES",
            "Publish, Enrol or Submit has at most # bytes",
            PUBLISH_MESSAGE_BYTES as u64,
        ),
        (
            "SUBMIT_MESSAGE_BYTES",
            "Publish, Enrol or Submit has at most # bytes",
            SUBMIT_MESSAGE_BYTES as u64,
        ),
        ("FACETS", "up to # hashes", FACETS as u64),
    ];

    #[test]
    fn the_page_of_the_limits_has_their_numbers() {
        for (_, name, value) in published! {
            "" = CONNECTIONS,
            "" = VISITORS,
            "" = VISITORS_OF_A_NETWORK,
            "" = ARRIVING,
            "" = ARRIVING_OF_A_NETWORK,
            "" = RETURNING,
            "" = RETURNING_OF_AN_ADDRESS,
            "" = COMING_OF_A_PARTY,
            "" = INSIDE,
            "" = CONNECTIONS_OF_A_KEY,
            "" = CONNECTIONS_OF_A_PARTY,
            "" = REQUESTS,
            "" = REQUESTS_OF_A_PARTY,
            "" = REQUESTS_OF_A_KEY,
            "" = REQUESTS_OF_A_NETWORK,
            "" = STRANGERS,
            "" = STREAMS_OF_A_SEAT,
            "" = STREAMS_OF_A_PARTY,
            "" = FRAMES,
            "" = SHARE_MESSAGES,
            "" = SHARE_BYTES,
            "" = SHARE_SECONDS,
            "" = KEPT_FOR_ALERTS,
            "" = KEPT_BYTES,
            "" = RESERVE_BYTES,
            "" = RESERVE_LAST_PART,
            "" = LEAST_FREE_BYTES,
        } {
            let row = format!("| `{name}` | {} |", grouped(value));
            assert!(LIMITS.contains(&row), "expected {row}");
        }
        let told = 1 + (FRAMES - FRAMES_OF_A_REFUSAL) / (FRAMES_OF_A_REFUSAL - FRAMES_OF_A_REQUEST);
        let (burst, seconds) = TOLD_TO_WAIT_OF_A_KEY;
        let row = format!("| told to wait, and asks on | {told}, and {burst} in {seconds} s |");
        assert!(LIMITS.contains(&row), "expected {row}");
        let rows = [
            ("| requests that are refused, of a network's strangers", REFUSALS_OF_A_NETWORK),
            ("| requests that are refused, of a seat", REFUSALS_OF_A_SEAT),
            ("| requests for charters, of a network's strangers", CHARTERS_OF_A_NETWORK),
            ("| statements, of a network's strangers", ENROLMENT_OF_A_NETWORK),
            (
                "| revocations of keys that stand, of a network's strangers, and of a seat",
                REVOCATIONS_OF_A_NETWORK,
            ),
            ("| statements that a member hands in, good or not", STATEMENTS_OF_A_PARTY),
            ("| that a registrar hands in", STATEMENTS_OF_A_REGISTRAR),
            ("| requests that read, of a member; GetFacets counts by hashes", READS_OF_A_PARTY),
            (
                "| proposals, approvals and decisions of a registrar or an operator",
                DECISIONS_OF_A_PERSON,
            ),
            ("| messages of a member", MESSAGES_OF_A_PARTY),
            ("| receipts and acknowledgements of a member", ANSWERS_OF_A_PARTY),
        ];
        for (what, (burst, seconds)) in rows {
            let row = format!("{what} | {} | {seconds} s |", grouped(burst));
            assert!(LIMITS.contains(&row), "expected {row}");
        }
        assert_eq!(KEPT_FOR_ALERTS, 4, "a quarter is kept, says the page");
        let others = |of: u64| of - of / KEPT_FOR_ALERTS;
        for row in [
            format!("192 members leave at most {}", grouped(192 * SHARE_MESSAGES)),
            format!("192 members leave at most {} GiB", (192 * SHARE_BYTES) >> 30),
            format!("received or not: {} a day", grouped(86_400 / SHARE_SECONDS)),
            format!("has {} messages, {} MiB", others(SHARE_MESSAGES), others(SHARE_BYTES) >> 20),
            format!("up to {} days", (MESSAGE_SECONDS + ID_REMEMBERED_SECONDS) / 86_400),
        ] {
            assert!(LIMITS.contains(&row), "expected {row}");
        }
        let page = LIMITS.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = format!("known of each member {KNOWN_OF_A_PARTY} times");
        assert!(page.contains(&said), "expected {said}");
        for ((burst, seconds), whose) in [
            (HANDSHAKES_OF_A_NETWORK, "a network"),
            (HANDSHAKES_OF_A_KNOWN_NETWORK, "one whence a known key came"),
            (HANDSHAKES_OF_A_KNOWN_ADDRESS, "an address whence one came"),
            (HANDSHAKES_OF_A_PARTY, "all that are known of a member"),
            (HANDSHAKES_OF_A_KEY, "a key"),
        ] {
            let said = format!("{burst} in {seconds} s of {whose}");
            assert!(page.contains(&said), "expected {said}");
        }
        for (count, bytes) in
            [(MEMBER_DAY_COUNT, MEMBER_DAY_BYTES), (REGISTRAR_DAY_COUNT, REGISTRAR_DAY_BYTES)]
        {
            let said = format!("{} and {} bytes", grouped(count), grouped(bytes));
            assert!(LIMITS.contains(&said), "expected {said}");
        }
    }

    #[test]
    fn the_page_of_the_limits_has_their_times_and_bytes() {
        let page = LIMITS.split_whitespace().collect::<Vec<_>>().join(" ");
        let seconds = |of: Duration| of.as_secs();
        let mib = |of: usize| of >> 20;
        for said in [
            format!("| a trusted balancer's header | {} s |", seconds(PROXY_HEADER_TIMEOUT)),
            format!("| TCP to the end of the handshake | {} s |", seconds(HANDSHAKE_TIMEOUT)),
            format!("HEADERS | {} s; a byte", seconds(FIRST_REQUEST_TIMEOUT)),
            format!("| a stranger without a request in hand | {} s |", seconds(VISITOR_IDLE)),
            format!("| a body: silence | {} s |", seconds(PAUSE)),
            format!("| {} s, and a second for each {PROGRESS_BYTES} bytes;", seconds(patience(0))),
            format!("| an answer of which nothing is taken | {} s;", seconds(PAUSE)),
            format!("of a request to its answer | {} s |", seconds(REQUEST_DEADLINE)),
            format!(
                "| a connection | {} h, and {} min",
                seconds(CONNECTION_AGE) / 3_600,
                seconds(CONNECTION_AGE_GRACE) / 60
            ),
            format!("said nothing for {} s makes room", seconds(VISITOR_PATIENCE)),
            format!("in the last {} days", seconds(NETWORK_KNOWN) / 86_400),
            format!("{FRAMES_A_SECOND} a second, {FRAMES_OF_A_REQUEST} a request"),
            format!("{} MiB of all members", mib(MEMBERS_BYTES.0)),
            format!("members and {} MiB of one", mib(MEMBERS_BYTES.1)),
            format!("{} MiB of all strangers", mib(STRANGERS_BYTES.0)),
            format!("strangers and {} MiB of a network", mib(STRANGERS_BYTES.1)),
        ] {
            assert!(page.contains(&said), "expected {said}");
        }
        // For each KiB that is sent, a frame.
        assert_eq!(FRAME_EARNED_BY_BYTES, 1_024);
    }

    /// The rows of a section's tables, by their first cell, each with the last number of its second.
    fn rows(section: &str) -> Vec<(String, u64)> {
        let from = PAGE.find(section).unwrap();
        let rest = &PAGE[from + section.len()..];
        let to = rest.find("\n#").unwrap_or(rest.len());
        let rows = rest[..to].lines().filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            let (what, number) = (cells.next()?, cells.next()?);
            let numbers = number.replace(',', "");
            let last = numbers.split(' ').filter_map(|word| word.parse().ok()).next_back()?;
            Some((what.to_owned(), last))
        });
        rows.collect()
    }

    #[test]
    fn the_numbers_of_the_protocol_are_published_and_no_other_stands_here_unsaid() {
        let entry_below = ENTRY_BYTES + 1;
        let fold = published! {
            "bytes of an entry, below" = entry_below,
            "bytes of a statement" = STATEMENT_BYTES,
            "targets" = TARGETS,
            "registrars, log keys, relay keys, CA certificates" = PERSONS,
            "operators, auditors, witnesses, settings, authority keys" = PERSONS,
            "contacts of a member that stand" = CONTACTS,
            "seats of a contact" = SEATS,
            "facets of a statement" = FACETS_OF_ONE,
            "`issued_at` ahead of `admitted_at`, seconds" = CLOCK_AHEAD_SECONDS,
            "`expires` after `issued_at`, seconds" = RECORD_SECONDS,
            "languages of one name" = TEXTS,
            "bytes of a text" = TEXT_BYTES,
            "bytes of a language tag" = LANGUAGE_BYTES,
            "bytes of a directory's name" = DIRECTORY_NAME_BYTES,
            "bytes of a witness's name" = WITNESS_NAME_BYTES,
            "contacts of a ladder" = LADDER,
            "members named by a facet" = NAMED_MEMBERS,
            "key ids of a revocation" = REVOKED,
            "`admitted_at` after `issued_at`, seconds" = ISSUED_BEFORE_SECONDS,
            "the largest number" = LARGEST,
        };
        let one = 1;
        let messages = published! {
            "header, accepted, mailbox head, as DSSE" = HEADER_BYTES,
            "acknowledgement, as DSSE" = ACKNOWLEDGEMENT_BYTES,
            "letter" = LETTER_BYTES,
            "recipients" = RECIPIENTS,
            "letters" = LETTERS,
            "steps" = STEPS,
            "signatures of a header" = HEADER_SIGNATURES,
            "signatures of everything else here" = one,
            "`created` ahead of the relay" = CLOCK_AHEAD_SECONDS,
            "`expires` after `created`" = MESSAGE_SECONDS,
        };
        for (section, published) in
            [("### 6.14 Numbers", &fold[..]), ("### 12.10 Numbers of messages", &messages[..])]
        {
            let ours: Vec<(String, u64)> =
                published.iter().map(|(row, _, value)| ((*row).to_owned(), *value)).collect();
            assert_eq!(rows(section), ours, "{section}");
        }
        let sizes = rows("### 12.3 Body");
        let sizes: Vec<u64> =
            sizes.iter().filter_map(|(size, _)| size.replace(',', "").parse().ok()).collect();
        assert_eq!(sizes, BODY_BYTES);
        let mut known: Vec<&str> = fold.iter().chain(&messages).map(|(_, name, _)| *name).collect();
        known.extend(OWN);
        for (name, words, number) in SAID {
            page_says(&words.replace('#', &grouped(*number)));
            known.push(name);
        }
        known.extend(["ENTRY_BYTES", "BODY_BYTES"]);
        let here =
            SOURCE.lines().filter_map(|line| line.strip_prefix("pub const ")?.split(':').next());
        let here = here.filter(|name| !name.starts_with("fn "));
        for name in here {
            assert!(known.contains(&name), "{name} is neither published nor said to be our own");
        }
    }
}
