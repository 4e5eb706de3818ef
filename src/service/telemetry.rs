//! What happened: one list, from which the line and the counter come.
//!
//! Invariants: telemetry is a disk that strangers write to, so of each kind only so many lines are
//! written a second, and all are counted; nothing of a message, a key or a person is in them.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing::Level;

use crate::ambient::Ambient;
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::limits;
use crate::domain::peer::Party;
use crate::domain::refusal::Fault;

use super::door::{Busy, Full};
use super::{Left, NotRenewed};

/// What whoever runs the service is told.
#[derive(Debug, thiserror::Error)]
pub enum Event<'a> {
    /// The system gave no connection.
    #[error("cannot accept a connection: {0}")]
    CannotAccept(&'a io::Error),
    /// There was no place for it.
    #[error("connection refused, {1}: {0}")]
    Refused(Full, SocketAddr),
    /// A balancer did not say whom a connection is from.
    #[error("connection refused: the trusted proxy {1} sends no PROXY protocol v2 header ({0})")]
    NoProxyHeader(&'a io::Error, SocketAddr),
    /// It made room for another.
    #[error("connection cut, {0}: silent, and its place is wanted")]
    MadeRoom(SocketAddr),
    /// An operator closed it.
    #[error("connection closed by the administration, {0}")]
    Dropped(SocketAddr),
    /// Two operators said so.
    #[error("stopping, as two operators approved: no new connections, open ones end")]
    Drains,
    /// The handshake was not one.
    #[error("handshake failed, {1}: {0}")]
    HandshakeFailed(&'a io::Error, SocketAddr),
    /// The handshake took too long.
    #[error("handshake timed out, {0}")]
    HandshakeTooSlow(SocketAddr),
    /// No request came.
    #[error("connection cut, {0}: no request came")]
    NoRequest(SocketAddr),
    /// Too many frames that carry no request.
    #[error("connection cut, of {0}: too many frames that carry no request")]
    TooManyFrames(&'a Party),
    /// Nobody took an answer.
    #[error("answer given up, of {0}: it was not taken in time")]
    NotTaken(&'a Party),
    /// Somebody has to wait.
    #[error("told to wait: {0}")]
    Busy(&'a Busy),
    /// A task of ours failed.
    #[error("{0} panicked")]
    Panicked(&'static str),
    /// What was still open was cut.
    #[error("connections are still open at the drain limit, cutting them")]
    Cut,
    /// Our own fault in a decision.
    #[error("a decision could not be made: {0}")]
    Undecided(Fault),
    /// A decision that the store does not take.
    #[error("a decision is larger than the store takes: {0}")]
    TooLarge(&'a dyn std::error::Error),
    /// A stored entry is another.
    #[error("the stored entry {0} is not the one that was logged")]
    EntryAltered(u64),
    /// A body cannot be kept.
    #[error("a sealed body cannot be kept: {0}")]
    Body(String),
    /// A message is lost, or its body.
    #[error("of the message {0} from {1} is lost: {2}; its sender has it")]
    BodyDamaged(MessageId, &'a ContactId, &'a str),
    /// The store cannot be read.
    #[error("the store cannot be read: {0}")]
    Store(&'a dyn std::error::Error),
    /// The clock leapt.
    #[error(
        "the clock is in doubt ({0}): no dated statement is admitted until it is right and the \
         service is started with --clock-is-right"
    )]
    ClockInDoubt(String),
    /// The high-water file could not be brought up to date.
    #[error(
        "the high-water file cannot be written: {0}; it is tried again every second, and until then \
         an older copy of the data would not be noticed"
    )]
    HighWater(&'a io::Error),
    /// The room on the disk is another than before.
    #[error("{0}, {free} MiB are free", free = .1 >> 20)]
    Room(Left, u64),
    /// A commit waits for the disk.
    #[error("the disk is slow: a commit takes more than {} s, and what was handed in waits", .0.as_secs())]
    Slow(Duration),
    /// Something that is stored is damaged.
    #[error("damaged: {0}")]
    Damaged(String),
    /// All that is stored was looked at.
    #[error(
        "looked at all that is stored, {values} values, {bodies} bodies and the chains of {mailboxes} \
         mailboxes: {wrong} are damaged"
    )]
    Scrubbed {
        /// In the store.
        values: u64,
        /// Bodies that lie in files.
        bodies: u64,
        /// By their entries.
        mailboxes: u64,
        /// Of all these.
        wrong: u64,
    },
    /// The node shows another certificate.
    #[error("the node shows a new certificate: it holds until {0}")]
    NodeRenewed(String),
    /// The node's certificate is not renewed.
    #[error(
        "the node's certificate, which holds until {0}, is not renewed: {1}; it is tried again every hour"
    )]
    NodeNotRenewed(String, &'a NotRenewed),
    /// The service has stopped by itself.
    #[error("the service stops: {0}")]
    Stopped(&'a dyn std::error::Error),
}

impl Event<'_> {
    /// The names of the kinds, for counters.
    pub const KINDS: [&'static str; 29] = [
        "cannot_accept",
        "refused",
        "no_proxy_header",
        "made_room",
        "handshake_failed",
        "handshake_too_slow",
        "no_request",
        "too_many_frames",
        "not_taken",
        "busy",
        "panicked",
        "cut",
        "undecided",
        "too_large",
        "entry_altered",
        "body",
        "store",
        "clock_in_doubt",
        "high_water",
        "room",
        "slow",
        "stopped",
        "body_damaged",
        "scrubbed",
        "damaged",
        "node_renewed",
        "node_not_renewed",
        "dropped",
        "drains",
    ];

    const fn kind(&self) -> (usize, Level) {
        match self {
            Self::CannotAccept(_) => (0, Level::WARN),
            Self::Refused(..) => (1, Level::WARN),
            Self::NoProxyHeader(..) => (2, Level::WARN),
            Self::MadeRoom(_) => (3, Level::INFO),
            Self::HandshakeFailed(..) => (4, Level::DEBUG),
            Self::HandshakeTooSlow(_) => (5, Level::DEBUG),
            Self::NoRequest(_) => (6, Level::DEBUG),
            Self::TooManyFrames(_) => (7, Level::WARN),
            Self::NotTaken(_) => (8, Level::INFO),
            Self::Busy(_) => (9, Level::WARN),
            Self::Panicked(_) => (10, Level::ERROR),
            Self::Cut => (11, Level::WARN),
            Self::Undecided(_) => (12, Level::ERROR),
            Self::TooLarge(_) => (13, Level::ERROR),
            Self::EntryAltered(_) => (14, Level::ERROR),
            Self::Body(_) => (15, Level::ERROR),
            Self::Store(_) => (16, Level::ERROR),
            Self::ClockInDoubt(_) => (17, Level::ERROR),
            Self::HighWater(_) => (18, Level::ERROR),
            Self::Room(Left::Ample, _) => (19, Level::INFO),
            Self::Room(Left::Reserve | Left::Last, _) => (19, Level::WARN),
            Self::Room(Left::Nothing | Left::ReadOnly, _) => (19, Level::ERROR),
            Self::Slow(_) => (20, Level::WARN),
            Self::Stopped(_) => (21, Level::ERROR),
            Self::BodyDamaged(..) => (22, Level::ERROR),
            Self::Scrubbed { wrong: 0, .. } => (23, Level::INFO),
            Self::Scrubbed { .. } => (23, Level::ERROR),
            Self::Damaged(_) => (24, Level::ERROR),
            Self::NodeRenewed(_) => (25, Level::INFO),
            Self::NodeNotRenewed(..) => (26, Level::ERROR),
            Self::Dropped(_) => (27, Level::INFO),
            Self::Drains => (28, Level::INFO),
        }
    }

    /// Whether something that is stored was found damaged.
    const fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::EntryAltered(_) | Self::BodyDamaged(..) | Self::Store(_) | Self::Damaged(_)
        )
    }
}

/// Where it is said.
#[derive(Debug)]
pub struct Telemetry {
    ambient: Ambient,
    kinds: [Mutex<Kind>; Event::KINDS.len()],
    /// How often something was found damaged, and how often by the beginning of the last look at all that
    /// found nothing.
    damage: AtomicU64,
    before: AtomicU64,
}

/// One kind: how often it happened; what was written of it in this second, and what was not since.
#[derive(Clone, Copy, Debug, Default)]
struct Kind {
    count: u64,
    second: u64,
    written: u64,
    unwritten: u64,
}

impl Kind {
    /// Whether a line is written, and how many were not before it.
    fn happens(&mut self, now: Duration) -> Option<u64> {
        self.count += 1;
        if now.as_secs() != self.second {
            (self.second, self.written) = (now.as_secs(), 0);
        }
        if self.written < limits::LINES_A_SECOND {
            self.written += 1;
            return Some(std::mem::take(&mut self.unwritten));
        }
        self.unwritten += 1;
        None
    }
}

impl Telemetry {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(ambient: Ambient) -> Self {
        let (damage, before) = Default::default();
        Self { ambient, kinds: Default::default(), damage, before }
    }

    /// How often something that is stored was found damaged.
    #[must_use]
    pub fn damage(&self) -> u64 {
        self.damage.load(Ordering::SeqCst)
    }

    /// All that is stored was looked at, and nothing is damaged: what was found before that is mended.
    pub(super) fn is_whole(&self, before: u64) {
        self.before.store(before, Ordering::SeqCst);
    }

    /// Whether something is damaged, as far as it was looked at.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.damage() > self.before.load(Ordering::SeqCst)
    }

    /// Counts it, and writes a line if not too many of its kind were written in this second.
    pub fn say(&self, event: &Event<'_>) {
        let (kind, level) = event.kind();
        if event.is_damage() {
            self.damage.fetch_add(1, Ordering::SeqCst);
        }
        let line = self.kind(kind).happens(self.ambient.elapsed());
        let Some(more) = line else { return };
        let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
        if level == Level::ERROR {
            tracing::error!("{event}{more}");
        } else if level == Level::WARN {
            tracing::warn!("{event}{more}");
        } else if level == Level::INFO {
            tracing::info!("{event}{more}");
        } else {
            tracing::debug!("{event}{more}");
        }
    }

    /// How often each kind happened.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); Event::KINDS.len()] {
        std::array::from_fn(|at| (Event::KINDS[at], self.kind(at).count))
    }

    fn kind(&self, at: usize) -> std::sync::MutexGuard<'_, Kind> {
        self.kinds[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_kind_writes_a_few_lines_a_second_and_all_are_counted() {
        let mut kind = Kind::default();
        let written = |kind: &mut Kind, at: u64| {
            (0..1_000).filter_map(|_| kind.happens(Duration::from_secs(at))).collect::<Vec<_>>()
        };
        assert_eq!(written(&mut kind, 7), [0; limits::LINES_A_SECOND as usize]);
        let next = written(&mut kind, 8);
        assert_eq!(next[0], 1_000 - limits::LINES_A_SECOND, "what was not written is said");
        assert_eq!(next[1..], [0; limits::LINES_A_SECOND as usize - 1]);
        assert_eq!(kind.count, 2_000);
    }

    #[test]
    fn every_kind_has_a_counter_of_its_own() {
        let telemetry = Telemetry::new(Ambient::system());
        telemetry.say(&Event::Cut);
        telemetry.say(&Event::Undecided(Fault::UnnamedKey));
        let counted = telemetry.counts().into_iter().filter(|(_, count)| *count == 1);
        assert_eq!(counted.map(|(kind, _)| kind).collect::<Vec<_>>(), ["cut", "undecided"]);
    }
}
